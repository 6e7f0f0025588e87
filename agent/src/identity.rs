//! Who this terminal is: its key, its certificate, its fleet, and whom it believes.
//!
//! An identity is a directory that never changes once it is named, and a link to the current one:
//!
//! ```text
//! identity/e<epoch>-<key>/{facts.toml, key.pem, certificate.pem, server-ca.pem, roster.cose}
//! identity/current -> e<epoch>-<key>
//! ```
//!
//! So a power cut during enrolment finds the old identity or the new one, whole. Not here: newer
//! rosters and a raised epoch, which arrive as messages and are kept with the ledger.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use jiff::tz::TimeZone;
use rcgen::{PKCS_ED25519, PublicKeyData, SignatureAlgorithm, SigningKey};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use shared::digest::{Digest, KeyId, PublicKey};
use shared::document::Receipt;
use shared::durable::{self, NotWritten, Readers};
use shared::id::{FleetId, OrderId, TerminalId};
use shared::message::SignedBytes;
use shared::signature::{Envelope, PrivateKey};
use shared::tls::{self, CertificateTime};
use zeroize::Zeroizing;

use crate::clock::BUILT_AT;

/// What comes before the 32 secret bytes in an Ed25519 key's PKCS #8 form (RFC 8410 §7).
const PKCS8_BEFORE_SEED: [u8; 16] =
    [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// RFC 7468 §10. The base64 of 48 bytes is one line.
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

const CURRENT: &str = "current";

/// Why there is no identity to work with.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("this terminal is not enrolled: there is no `{}`", path.display())]
    NotEnrolled { path: PathBuf },
    #[error("`{}` cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("`{}` is not what enrolment wrote: {problem}", path.display())]
    Damaged { path: PathBuf, problem: String },
    #[error("the identity cannot be kept")]
    NotWritten(#[from] NotWritten),
    #[error("no random numbers can be had from the system: {0}")]
    NoRandomness(getrandom::Error),
}

impl IdentityError {
    /// Whether there is none, or a part of one, as whoever removes it leaves it.
    pub fn is_of_a_part(&self) -> bool {
        match self {
            Self::NotEnrolled { .. } => true,
            Self::Unreadable { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::Damaged { .. } | Self::NotWritten(_) | Self::NoRandomness(_) => false,
        }
    }
}

/// The library's own words for it weigh 14 KB of a terminal's program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this machine knows no time zone `{0}`")]
pub struct NoSuchZone(String);

/// What is known about a terminal's place in its fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    pub terminal: TerminalId,
    pub fleet: FleetId,
    pub serial: String,
    /// Of this enrolment; a later one may have come by message.
    pub epoch: u32,
    /// `https://host:port` of the controller.
    pub url: String,
    /// `host:port` of the broker that served this terminal at enrolment.
    pub broker: String,
    /// SHA-256 of the payload of the roster in `roster.cose`.
    pub roster: Digest,
    /// IANA name of the time zone in which the claim meant maintenance windows. Identities from
    /// before it was kept have meant UTC.
    #[serde(default = "utc")]
    pub zone: String,
    /// The order by which the controller has known it as suspended when it enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_by: Option<OrderId>,
    /// Which claim was used, by its key; not kept by identities from before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<KeyId>,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// A terminal's key, made on the terminal and never leaving it.
pub struct TerminalKey {
    pem: Zeroizing<String>,
    private: PrivateKey,
    public: PublicKey,
}

impl TerminalKey {
    pub fn generate() -> Result<Self, IdentityError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(IdentityError::NoRandomness)?;
        let der = Zeroizing::new([PKCS8_BEFORE_SEED.as_slice(), seed.as_slice()].concat());
        let text = Zeroizing::new(BASE64.encode(&der));
        let pem = format!("{BEGIN}\n{}\n{END}\n", *text);
        Ok(Self::new(Zeroizing::new(pem), PrivateKey::from_seed(&seed)))
    }

    fn new(pem: Zeroizing<String>, private: PrivateKey) -> Self {
        let public = private.public();
        Self { pem, private, public }
    }

    fn from_pem(pem: String) -> Result<Self, String> {
        let pem = Zeroizing::new(pem);
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|e| e.to_string())?;
        let seed = der.secret_der().strip_prefix(&PKCS8_BEFORE_SEED);
        let seed = seed.and_then(|seed| <&[u8; 32]>::try_from(seed).ok());
        let private = PrivateKey::from_seed(seed.ok_or("it holds no Ed25519 key")?);
        Ok(Self::new(pem, private))
    }

    pub fn read(path: &Path) -> Result<Self, IdentityError> {
        Self::from_pem(read_text(path)?).map_err(|problem| damaged(path, problem))
    }

    pub fn write(&self, path: &Path) -> Result<(), NotWritten> {
        durable::replace_file(path, self.pem.as_bytes(), Readers::Owner)
    }

    pub fn private(&self) -> &PrivateKey {
        &self.private
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }
}

/// For a certification request.
impl PublicKeyData for TerminalKey {
    fn der_bytes(&self) -> &[u8] {
        &self.public.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

impl SigningKey for TerminalKey {
    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.private.sign_bytes(bytes).to_vec())
    }
}

impl std::fmt::Debug for TerminalKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.private.fmt(out)
    }
}

/// Everything that enrolment gave this terminal.
#[derive(Debug)]
pub struct Identity {
    pub facts: Facts,
    pub key: TerminalKey,
    /// PEM, this terminal's certificate first.
    pub certificate: String,
    /// PEM: the one authority whose servers are believed.
    pub server_ca: String,
    /// The roster that the chain of trust begins with.
    pub roster: SignedBytes,
}

impl Identity {
    /// Reads the current identity below `directory` (`<state>/identity`).
    pub fn load(directory: &Path) -> Result<Self, IdentityError> {
        let current = directory.join(CURRENT);
        if !current.exists() {
            return Err(IdentityError::NotEnrolled { path: current });
        }
        let path = current.join("facts.toml");
        let facts = toml::from_str(&read_text(&path)?);
        let roster = current.join("roster.cose");
        let identity = Self {
            facts: facts.map_err(|error| damaged(&path, error.to_string()))?,
            key: TerminalKey::read(&current.join("key.pem"))?,
            certificate: read_text(&current.join("certificate.pem"))?,
            server_ca: read_text(&current.join("server-ca.pem"))?,
            roster: SignedBytes::new(read(&roster)?),
        };
        identity
            .tls(&CertificateTime::above(BUILT_AT))
            .map_err(|error| damaged(&current, error.to_string()))?;
        identity.zone().map_err(|error| damaged(&path, error.to_string()))?;
        Ok(identity)
    }

    /// Keeps this identity and makes it the current one, in a way that a power cut cannot break.
    pub fn keep(&self, directory: &Path) -> Result<(), IdentityError> {
        let key = self.key.private().public().key_id().to_string();
        let name = format!("e{}-{}", self.facts.epoch, &key[..8]);
        let home = directory.join(&name);
        make_private(directory)?;
        make_private(&home)?;
        let facts = toml::to_string(&self.facts).expect("facts are plain text and numbers");
        durable::replace_file(&home.join("facts.toml"), facts.as_bytes(), Readers::Owner)?;
        self.key.write(&home.join("key.pem"))?;
        let roster = self.roster.as_slice();
        for (file, bytes) in [
            ("certificate.pem", self.certificate.as_bytes()),
            ("server-ca.pem", self.server_ca.as_bytes()),
            ("roster.cose", roster),
        ] {
            durable::replace_file(&home.join(file), bytes, Readers::Anyone)?;
        }
        point_current_to(directory, &name)
    }

    /// How this terminal speaks TLS: it shows its certificate and believes one authority, whose
    /// certificates it checks by `time`.
    pub fn tls(&self, time: &CertificateTime) -> Result<rustls::ClientConfig, tls::TlsError> {
        let own = tls::Identity::from_pem(self.certificate.as_bytes(), self.key.pem().as_bytes())?;
        tls::client_by(time, self.server_ca.as_bytes(), Some(own))
    }

    /// The time zone in which the claim meant maintenance windows.
    pub fn zone(&self) -> Result<TimeZone, NoSuchZone> {
        let zone = &self.facts.zone;
        TimeZone::get(zone).map_err(|_| NoSuchZone(zone.clone()))
    }

    /// Puts the terminal's own signature under a receipt.
    pub fn sign(&self, receipt: Receipt) -> SignedBytes {
        let mut envelope = Envelope::unsigned(receipt);
        envelope.sign(self.facts.fleet, self.key.private());
        SignedBytes::new(envelope.to_bytes())
    }
}

fn point_current_to(directory: &Path, name: &str) -> Result<(), IdentityError> {
    let swap = || -> io::Result<()> {
        let beside = directory.join("current.new");
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        symlink(name, &beside)?;
        fs::rename(&beside, directory.join(CURRENT))?;
        durable::sync_directory(directory)
    };
    let path = directory.join(CURRENT);
    swap().map_err(|source| IdentityError::NotWritten(NotWritten { path, source }))
}

/// Makes a directory that only its owner may enter, and its name durable.
pub(crate) fn make_private(path: &Path) -> Result<(), IdentityError> {
    let make = || -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        durable::sync_directory(durable::parent_of(path))
    };
    make().map_err(|source| NotWritten { path: path.to_owned(), source }.into())
}

fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    fs::read(path).map_err(|source| IdentityError::Unreadable { path: path.to_owned(), source })
}

fn read_text(path: &Path) -> Result<String, IdentityError> {
    String::from_utf8(read(path)?).map_err(|error| damaged(path, error.to_string()))
}

fn damaged(path: &Path, problem: String) -> IdentityError {
    IdentityError::Damaged { path: path.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_as_it_was_written_and_only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.pem");
        let key = TerminalKey::generate().unwrap();
        key.write(&path).unwrap();
        let again = TerminalKey::read(&path).unwrap();
        assert_eq!(again.private().public(), key.private().public());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!format!("{key:?}").contains("PRIVATE KEY"));
    }

    #[test]
    fn a_terminal_that_was_never_enrolled_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let error = Identity::load(directory.path()).unwrap_err();
        assert!(matches!(error, IdentityError::NotEnrolled { .. }), "{error}");
    }

    #[test]
    fn damaged_keys_are_named_and_not_guessed_at() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.pem");
        for text in ["", "-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n"] {
            fs::write(&path, text).unwrap();
            let error = TerminalKey::read(&path).unwrap_err();
            assert!(error.to_string().contains("key.pem"), "{error}");
        }
    }
}
