//! Authorities made for one test: as `tillward init` makes them, and gone afterwards.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType,
};
use shared::digest::PublicKey;
use shared::id::{FleetId, TerminalId};
use shared::time::UnixTime;
use shared::tls::Identity;

use super::{DeviceAuthority, RequestedKey};
use crate::auth::Peer;
use crate::key_file::SecretKey;

/// The authorities of one fleet.
pub(crate) struct TestAuthority {
    pub(crate) fleet: FleetId,
    pub(crate) root_pem: String,
    pub(crate) device_ca_pem: String,
    pub(crate) server_ca_pem: String,
    pub(crate) device_ca_key: SecretKey,
    device_ca: CertifiedIssuer<'static, KeyPair>,
    server_ca: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate chain with its key, in both forms that tests need.
pub(crate) struct TestIdentity {
    pub(crate) chain_pem: String,
    pub(crate) key_pem: String,
}

impl TestIdentity {
    pub(crate) fn identity(&self) -> Identity {
        Identity::from_pem(self.chain_pem.as_bytes(), self.key_pem.as_bytes()).unwrap()
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        let pair = KeyPair::from_pem(&self.key_pem).unwrap();
        PublicKey(pair.der_bytes().try_into().unwrap())
    }
}

pub(crate) fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    UnixTime(i64::try_from(since).unwrap())
}

fn authority(name: &str, path_length: u8) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params
}

/// In the older of the two forms of PKCS #8, which is all that OpenSSL reads.
fn key() -> KeyPair {
    SecretKey::generate().issuing()
}

impl TestAuthority {
    pub(crate) fn new() -> Self {
        let root = CertifiedIssuer::self_signed(authority("root", 1), key()).unwrap();
        let mut device = authority("device authority", 0);
        device.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let mut server = authority("server authority", 0);
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let device_ca_key = SecretKey::generate();
        let device_ca = CertifiedIssuer::signed_by(device, device_ca_key.issuing(), &root).unwrap();
        let server_ca = CertifiedIssuer::signed_by(server, key(), &root).unwrap();
        Self {
            fleet: FleetId::generate(),
            root_pem: root.pem(),
            device_ca_pem: device_ca.pem(),
            server_ca_pem: server_ca.pem(),
            device_ca_key,
            device_ca,
            server_ca,
        }
    }

    /// The authority as the product has it.
    pub(crate) fn device_authority(&self) -> DeviceAuthority {
        let lifetime = Duration::from_secs(30 * 24 * 3600);
        DeviceAuthority::new(self.fleet, &self.device_ca_pem, &self.device_ca_key, lifetime)
            .unwrap()
    }

    pub(crate) fn server_ca_der(&self) -> Vec<u8> {
        self.server_ca.der().to_vec()
    }

    /// For HTTPS and brokers on loopback.
    pub(crate) fn server(&self) -> TestIdentity {
        let mut params =
            CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = key();
        let certificate = params.signed_by(&key, &self.server_ca).unwrap();
        TestIdentity {
            chain_pem: format!("{}{}", certificate.pem(), self.server_ca_pem),
            key_pem: key.serialize_pem(),
        }
    }

    /// A terminal that was enrolled as the product does it.
    pub(crate) fn terminal(&self, terminal: TerminalId) -> TestIdentity {
        let key = key();
        let request = CertificateParams::default().serialize_request(&key).unwrap();
        let requested = RequestedKey::read(request.der()).unwrap();
        let issued = self.device_authority().issue(terminal, &requested, [7; 16], now()).unwrap();
        TestIdentity { chain_pem: issued.chain_pem, key_pem: key.serialize_pem() }
    }

    pub(crate) fn controller(&self, name: &str) -> TestIdentity {
        let peer = Peer::Controller(name.parse().unwrap());
        self.client(name, &[&peer.urn(self.fleet)])
    }

    /// A client certificate with any names.
    pub(crate) fn client(&self, common_name: &str, names: &[&str]) -> TestIdentity {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let uris = names.iter().map(|name| SanType::URI((*name).try_into().unwrap()));
        params.subject_alt_names = uris.collect();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let key = key();
        let certificate = params.signed_by(&key, &self.device_ca).unwrap();
        TestIdentity {
            chain_pem: format!("{}{}", certificate.pem(), self.device_ca_pem),
            key_pem: key.serialize_pem(),
        }
    }
}
