//! Certificates of terminals: one fixed profile.
//!
//! Of a certification request only the public key is used, after the request has shown that its
//! sender holds the private half. Names, usages and extensions that it asks for are not even
//! read, so there is nothing to ask for: no authority, no server, nobody else's name.

#[cfg(test)]
pub(crate) mod test_authority;

use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use shared::digest::{Digest, PublicKey};
use shared::id::{FleetId, TerminalId};
use shared::signature::verify_bytes;
use shared::time::UnixTime;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::auth::Peer;
use crate::key_file::SecretKey;

/// Longest request that is read. With an Ed25519 key and a name it has about 250 bytes.
pub const REQUEST_BYTES_MAX: usize = 4096;

/// A terminal's clock may be this far behind the controller's.
const BACKDATED: Duration = Duration::from_secs(5 * 60);

/// What stands before the 32 bytes of an Ed25519 key in its `SubjectPublicKeyInfo` (RFC 8410).
const SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The object identifier of Ed25519 signatures (RFC 8410).
const ED25519: &str = "1.3.101.112";

/// Why a certification request was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestRefused {
    #[error("the certification request has {0} bytes, more than {max}", max = REQUEST_BYTES_MAX)]
    TooLarge(usize),
    #[error("the certification request is not PKCS #10 in DER form")]
    Malformed,
    #[error("the certification request is not about an Ed25519 key")]
    OtherKey,
    #[error("the certification request is not signed by the key that it is about")]
    NotSignedByItsKey,
}

/// A public key whose holder asked for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestedKey {
    key: PublicKey,
}

impl RequestedKey {
    /// Reads a request (PKCS #10, RFC 2986, DER) and checks its signature.
    pub fn read(request: &[u8]) -> Result<Self, RequestRefused> {
        if request.len() > REQUEST_BYTES_MAX {
            return Err(RequestRefused::TooLarge(request.len()));
        }
        let (rest, request) =
            X509CertificationRequest::from_der(request).map_err(|_| RequestRefused::Malformed)?;
        if !rest.is_empty() {
            return Err(RequestRefused::Malformed);
        }
        let info = &request.certification_request_info;
        // Compared whole, so that there is one way to write the key, and one digest of it.
        let key = info.subject_pki.raw.strip_prefix(SPKI_PREFIX.as_slice());
        let key = key.and_then(|key| <[u8; 32]>::try_from(key).ok()).map(PublicKey);
        let key = key.ok_or(RequestRefused::OtherKey)?;
        if request.signature_algorithm.algorithm.to_id_string() != ED25519 {
            return Err(RequestRefused::OtherKey);
        }
        if !verify_bytes(key, info.raw, &request.signature_value.data) {
            return Err(RequestRefused::NotSignedByItsKey);
        }
        Ok(Self { key })
    }

    pub fn public_key(&self) -> PublicKey {
        self.key
    }

    /// `SubjectPublicKeyInfo`, DER.
    pub fn spki(&self) -> Vec<u8> {
        [SPKI_PREFIX.as_slice(), &self.key.0].concat()
    }
}

impl PublicKeyData for RequestedKey {
    fn der_bytes(&self) -> &[u8] {
        &self.key.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

/// Why the device authority cannot issue.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("the device authority's certificate cannot be read")]
    Unreadable,
    #[error("the device authority's certificate is not about the device authority's key")]
    OtherKey,
    #[error("the certificate of {terminal} could not be issued")]
    Issue { terminal: TerminalId, source: rcgen::Error },
}

/// Issues the certificates of terminals.
pub struct DeviceAuthority {
    fleet: FleetId,
    issuer: Issuer<'static, KeyPair>,
    /// Goes to the terminal behind its own certificate.
    certificate_pem: String,
    lifetime: Duration,
}

impl std::fmt::Debug for DeviceAuthority {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("DeviceAuthority").field("fleet", &self.fleet).finish_non_exhaustive()
    }
}

/// A new certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The terminal's certificate and the authority's, PEM.
    pub chain_pem: String,
    /// Of the terminal's certificate, in DER form.
    pub digest: Digest,
    pub expires_at: UnixTime,
}

impl DeviceAuthority {
    pub fn new(
        fleet: FleetId,
        certificate_pem: &str,
        key: &SecretKey,
        lifetime: Duration,
    ) -> Result<Self, AuthorityError> {
        let der = CertificateDer::from_pem_slice(certificate_pem.as_bytes())
            .map_err(|_| AuthorityError::Unreadable)?;
        let (_, parsed) =
            X509Certificate::from_der(&der).map_err(|_| AuthorityError::Unreadable)?;
        if *parsed.tbs_certificate.subject_pki.subject_public_key.data != key.public().0 {
            return Err(AuthorityError::OtherKey);
        }
        let issuer = Issuer::from_ca_cert_der(&der, key.issuing())
            .map_err(|_| AuthorityError::Unreadable)?;
        Ok(Self { fleet, issuer, certificate_pem: certificate_pem.to_owned(), lifetime })
    }

    /// The certificate by which `key` is this terminal, valid from now on. `serial_number` is
    /// random: 16 bytes that nobody can foresee.
    pub fn issue(
        &self,
        terminal: TerminalId,
        key: &RequestedKey,
        serial_number: [u8; 16],
        now: UnixTime,
    ) -> Result<Issued, AuthorityError> {
        let failed = |source| AuthorityError::Issue { terminal, source };
        let expires_at = now.plus(self.lifetime);
        let date = |at: UnixTime| {
            let since_1970 = Duration::from_secs(u64::try_from(at.0).unwrap_or(0));
            rcgen::date_time_ymd(1970, 1, 1) + since_1970
        };
        let mut profile = CertificateParams::default();
        profile.distinguished_name = DistinguishedName::new();
        profile.distinguished_name.push(DnType::CommonName, terminal.to_string());
        let urn = Ia5String::try_from(Peer::Terminal(terminal).urn(self.fleet)).map_err(failed)?;
        profile.subject_alt_names = vec![SanType::URI(urn)];
        profile.is_ca = IsCa::ExplicitNoCa;
        profile.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        profile.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        profile.serial_number = Some(SerialNumber::from_slice(&serial_number));
        profile.not_before = date(now.minus(BACKDATED));
        profile.not_after = date(expires_at);
        profile.use_authority_key_identifier_extension = true;
        let certificate = profile.signed_by(key, &self.issuer).map_err(failed)?;
        Ok(Issued {
            chain_pem: format!("{}{}", certificate.pem(), self.certificate_pem),
            digest: Digest::of(certificate.der()),
            expires_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CustomExtension, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
        PKCS_ED25519,
    };
    use x509_parser::prelude::ParsedExtension;

    use super::test_authority::{TestAuthority, now};
    use super::*;
    use crate::auth::ClientCertificate;

    const TERMINAL: TerminalId = TerminalId::from_bytes([3; 16]);

    fn ed25519() -> KeyPair {
        KeyPair::generate_for(&PKCS_ED25519).unwrap()
    }

    fn request(params: &CertificateParams, key: &KeyPair) -> Vec<u8> {
        params.serialize_request(key).unwrap().der().to_vec()
    }

    /// What a thief of a claim might ask for, each time with a key of its own.
    fn hostile_requests() -> Vec<(&'static str, Vec<u8>)> {
        let asking = |ask: &dyn Fn(&mut CertificateParams)| {
            let mut params = CertificateParams::default();
            ask(&mut params);
            request(&params, &ed25519())
        };
        let unknown = |critical| {
            let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 1], vec![5]);
            extension.set_criticality(critical);
            extension
        };
        vec![
            ("an authority", asking(&|p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained))),
            (
                "to sign certificates",
                asking(&|p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign]),
            ),
            (
                "to be a server",
                asking(&|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
            ),
            (
                "the controller's name",
                asking(&|p| p.distinguished_name.push(DnType::CommonName, "controller-1")),
            ),
            (
                "the broker's name",
                asking(&|p| {
                    p.subject_alt_names = vec![SanType::DnsName("localhost".try_into().unwrap())];
                }),
            ),
            (
                "the controller's identity",
                asking(&|p| {
                    let urn = "urn:tillward:flt-00000000000000000000000000000000:controller:c";
                    p.subject_alt_names = vec![SanType::URI(urn.try_into().unwrap())];
                }),
            ),
            ("an unknown extension", asking(&|p| p.custom_extensions = vec![unknown(false)])),
            ("an unknown critical extension", {
                asking(&|p| p.custom_extensions = vec![unknown(true)])
            }),
            ("an extension twice", {
                asking(&|p| p.custom_extensions = vec![unknown(true), unknown(true)])
            }),
        ]
    }

    #[test]
    fn whatever_a_request_asks_for_the_certificate_is_the_same() {
        let authority = TestAuthority::new();
        for (what, der) in hostile_requests() {
            let requested = match RequestedKey::read(&der) {
                Ok(requested) => requested,
                Err(refused) => panic!("{what}: {refused}"),
            };
            let issuer = authority.device_authority();
            let issued = issuer.issue(TERMINAL, &requested, [9; 16], now()).unwrap();
            let der = CertificateDer::from_pem_slice(issued.chain_pem.as_bytes()).unwrap();
            let (_, certificate) = X509Certificate::from_der(&der).unwrap();
            assert_eq!(certificate.subject().to_string(), format!("CN={TERMINAL}"), "{what}");
            assert!(!certificate.is_ca(), "{what}");
            let usage = certificate.key_usage().unwrap().unwrap().value;
            assert_eq!(usage.flags, 1, "{what}: digital signatures only");
            let purpose = certificate.extended_key_usage().unwrap().unwrap().value;
            assert!(purpose.client_auth && !purpose.server_auth && !purpose.any, "{what}");
            let unknown = |e: &ParsedExtension<'_>| e.unsupported();
            assert!(!certificate.extensions().iter().any(|e| unknown(e.parsed_extension())));
            let days = certificate.validity().not_after.timestamp() - now().0;
            assert!((days - 30 * 86_400).abs() < 60, "{what}: 30 days");
            let named = ClientCertificate::read(&der, authority.fleet).unwrap();
            let expected = ClientCertificate { peer: Peer::Terminal(TERMINAL), key: requested.key };
            assert_eq!(named, expected, "{what}");
        }
    }

    #[test]
    fn requests_about_other_kinds_of_keys_are_refused() {
        for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384] {
            let key = KeyPair::generate_for(algorithm).unwrap();
            let der = request(&CertificateParams::default(), &key);
            assert_eq!(RequestedKey::read(&der), Err(RequestRefused::OtherKey));
        }
        assert_eq!(RequestedKey::read(&rsa_512_request()), Err(RequestRefused::OtherKey));
    }

    #[test]
    fn a_request_that_its_key_did_not_sign_is_refused() {
        let mut der = request(&CertificateParams::default(), &ed25519());
        let last = der.len() - 1;
        der[last] ^= 1;
        assert_eq!(RequestedKey::read(&der), Err(RequestRefused::NotSignedByItsKey));
    }

    #[test]
    fn what_is_not_a_request_is_refused() {
        let good = request(&CertificateParams::default(), &ed25519());
        assert!(RequestedKey::read(&good).is_ok());
        let huge = vec![0x30; 1024 * 1024];
        assert_eq!(RequestedKey::read(&huge), Err(RequestRefused::TooLarge(1024 * 1024)));
        for length in 0..good.len() {
            assert!(RequestedKey::read(&good[..length]).is_err(), "cut at {length}");
        }
        assert!(RequestedKey::read(&[good.as_slice(), &[0]].concat()).is_err());
    }

    #[test]
    fn no_flipped_bit_makes_a_request_about_another_key() {
        let key = ed25519();
        let good = request(&CertificateParams::default(), &key);
        let meant = RequestedKey::read(&good).unwrap();
        for bit in 0..good.len() * 8 {
            let mut flipped = good.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // Some tags around what is signed are read leniently; what counts is who asks.
            if let Ok(read) = RequestedKey::read(&flipped) {
                assert_eq!(read, meant, "bit {bit}");
            }
        }
    }

    #[test]
    fn an_authority_whose_key_does_not_fit_its_certificate_is_refused() {
        let authority = TestAuthority::new();
        let other = SecretKey::generate();
        let made = DeviceAuthority::new(
            authority.fleet,
            &authority.device_ca_pem,
            &other,
            Duration::from_secs(60),
        );
        assert!(matches!(made, Err(AuthorityError::OtherKey)));
    }

    /// DER: one tag, a length below 65,536 and the content.
    fn der(tag: u8, content: &[&[u8]]) -> Vec<u8> {
        let content = content.concat();
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let header = match content.len() {
            0..128 => vec![tag, length[1]],
            128..256 => vec![tag, 0x81, length[1]],
            _ => vec![tag, 0x82, length[0], length[1]],
        };
        [header, content].concat()
    }

    /// No library at hand makes keys this weak.
    fn rsa_512_request() -> Vec<u8> {
        let rsa = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
        let sha256_with_rsa =
            [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00];
        let modulus = der(0x02, &[&[0], &[0xc5; 64]]);
        let key = der(0x30, &[&modulus, &der(0x02, &[&[1, 0, 1]])]);
        let spki = der(0x30, &[&der(0x30, &[&rsa]), &der(0x03, &[&[0], &key])]);
        let info = der(0x30, &[&der(0x02, &[&[0]]), &der(0x30, &[]), &spki, &der(0xa0, &[])]);
        let signature = der(0x03, &[&[0], &[0x5a; 64]]);
        der(0x30, &[&info, &der(0x30, &[&sha256_with_rsa]), &signature])
    }
}
