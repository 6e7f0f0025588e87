//! The certificates of a new fleet (X.509, Ed25519).
//!
//! The root signs two authorities and goes back into the safe. The one for devices issues what
//! clients show, the one for servers what servers show; neither can issue for the other, or sign
//! an authority.

use std::net::Ipv4Addr;
use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
    date_time_ymd,
};
use shared::digest::Digest;
use shared::id::FleetId;
use shared::time::UnixTime;

use super::papers::Keys;
use super::wanted::Host;
use crate::auth::{ControllerName, Peer};

/// Clocks of those who check may be this far behind.
const BACKDATED: Duration = Duration::from_secs(5 * 60);

const YEAR: Duration = Duration::from_secs(365 * 86_400);
const ROOT_LIFETIME: Duration = Duration::from_secs(20 * YEAR.as_secs());
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * YEAR.as_secs());
const LEAF_LIFETIME: Duration = Duration::from_secs(2 * YEAR.as_secs());

/// As PEM. A chain begins with the leaf and ends below the root.
#[derive(Debug)]
pub(super) struct Certificates {
    pub root_ca: String,
    pub device_ca: String,
    pub server_ca: String,
    /// SHA-256 of its DER form: what claims carry.
    pub server_ca_digest: Digest,
    pub server_chain: String,
    pub controller_chain: String,
}

/// Why a certificate was not issued.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotIssued {
    #[error("the certificate of {name} could not be issued")]
    Issue { name: String, source: rcgen::Error },
    #[error("{host} does not fit into a certificate")]
    Host { host: String, source: rcgen::Error },
}

struct Profile {
    name: String,
    is_ca: IsCa,
    key_usage: Vec<KeyUsagePurpose>,
    extended: Vec<ExtendedKeyUsagePurpose>,
    names: Vec<SanType>,
    lifetime: Duration,
}

impl Profile {
    fn authority(name: &str, below: u8, extended: Vec<ExtendedKeyUsagePurpose>) -> Self {
        Self {
            name: name.to_owned(),
            is_ca: IsCa::Ca(BasicConstraints::Constrained(below)),
            key_usage: vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
            extended,
            names: Vec::new(),
            lifetime: AUTHORITY_LIFETIME,
        }
    }

    fn leaf(name: &str, extended: ExtendedKeyUsagePurpose, names: Vec<SanType>) -> Self {
        Self {
            name: name.to_owned(),
            is_ca: IsCa::ExplicitNoCa,
            key_usage: vec![KeyUsagePurpose::DigitalSignature],
            extended: vec![extended],
            names,
            lifetime: LEAF_LIFETIME,
        }
    }

    fn params(&self, fleet: FleetId, now: UnixTime) -> CertificateParams {
        let at = |time: UnixTime| date_time_ymd(1970, 1, 1) + time.since(UnixTime(0));
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, fleet.to_string());
        params.distinguished_name.push(DnType::CommonName, self.name.as_str());
        params.serial_number = Some(random_serial());
        params.subject_alt_names = self.names.clone();
        params.is_ca = self.is_ca;
        params.key_usages = self.key_usage.clone();
        params.extended_key_usages = self.extended.clone();
        params.not_before = at(now.minus(BACKDATED));
        params.not_after = at(now.plus(self.lifetime));
        params.use_authority_key_identifier_extension = true;
        params
    }
}

/// 127 random bits: positive, and at most 20 bytes (RFC 5280 §4.1.2.2).
fn random_serial() -> SerialNumber {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes[0] &= 0x7f;
    SerialNumber::from_slice(&bytes)
}

/// Issues everything for this fleet.
pub(super) fn issue(
    fleet: FleetId,
    hosts: &[Host],
    controller: &ControllerName,
    keys: &Keys,
    now: UnixTime,
) -> Result<Certificates, NotIssued> {
    use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};

    let root = Profile {
        lifetime: ROOT_LIFETIME,
        ..Profile::authority("Tillward root authority", 1, Vec::new())
    };
    let device = Profile::authority("Tillward device authority", 0, vec![ClientAuth]);
    let server = Profile::authority("Tillward server authority", 0, vec![ServerAuth]);
    let root_params = root.params(fleet, now);
    let root_key = keys.root_ca.issuing();
    let root_certificate = root_params.self_signed(&root_key).map_err(failed(&root.name))?;
    let root_issuer = Issuer::new(root_params, root_key);
    let (device_ca, device_issuer) =
        authority(&device, fleet, now, keys.online.device_ca.issuing(), &root_issuer)?;
    let (server_ca, server_issuer) =
        authority(&server, fleet, now, keys.server_ca.issuing(), &root_issuer)?;

    // The controller is a client of its own broker, on its own machine.
    let own = [Host::Name("localhost".to_owned()), Host::Address(Ipv4Addr::LOCALHOST.into())];
    let names = hosts.iter().chain(own.iter().filter(|name| !hosts.contains(name)));
    let names = names.map(san).collect::<Result<_, _>>()?;
    let first = hosts.first().map_or_else(String::new, ToString::to_string);
    let profile = Profile::leaf(&first, ServerAuth, names);
    let leaf = sign(&profile, fleet, now, &keys.online.server.issuing(), &server_issuer)?;
    let server_chain = format!("{}{}", leaf.pem(), server_ca.pem());

    let urn = Peer::Controller(controller.clone()).urn(fleet);
    let urn = Ia5String::try_from(urn).map_err(failed(&controller.to_string()))?;
    let profile = Profile::leaf(&controller.to_string(), ClientAuth, vec![SanType::URI(urn)]);
    let key = keys.online.controller_client.issuing();
    let leaf = sign(&profile, fleet, now, &key, &device_issuer)?;
    let controller_chain = format!("{}{}", leaf.pem(), device_ca.pem());

    Ok(Certificates {
        root_ca: root_certificate.pem(),
        device_ca: device_ca.pem(),
        server_ca_digest: Digest::of(server_ca.der()),
        server_ca: server_ca.pem(),
        server_chain,
        controller_chain,
    })
}

fn failed(name: &str) -> impl FnOnce(rcgen::Error) -> NotIssued {
    let name = name.to_owned();
    |source| NotIssued::Issue { name, source }
}

fn authority(
    profile: &Profile,
    fleet: FleetId,
    now: UnixTime,
    key: KeyPair,
    root: &Issuer<'_, KeyPair>,
) -> Result<(Certificate, Issuer<'static, KeyPair>), NotIssued> {
    let params = profile.params(fleet, now);
    let certificate = params.signed_by(&key, root).map_err(failed(&profile.name))?;
    Ok((certificate, Issuer::new(params, key)))
}

fn sign(
    profile: &Profile,
    fleet: FleetId,
    now: UnixTime,
    key: &KeyPair,
    issuer: &Issuer<'_, KeyPair>,
) -> Result<Certificate, NotIssued> {
    profile.params(fleet, now).signed_by(key, issuer).map_err(failed(&profile.name))
}

fn san(host: &Host) -> Result<SanType, NotIssued> {
    match host {
        Host::Address(address) => Ok(SanType::IpAddress(*address)),
        Host::Name(name) => Ia5String::try_from(name.as_str())
            .map(SanType::DnsName)
            .map_err(|source| NotIssued::Host { host: name.clone(), source }),
    }
}
