//! Who is asking: terminals and controllers by certificate, operators by token.
//!
//! What a certificate says is believed because the TLS library has verified its chain before it
//! comes here. Not here: what each of them may do (`broker::access` for topics, `api` for the
//! rest), and whether a terminal's certificate is still wanted (the registry knows).

pub mod roster;

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use shared::digest::{Digest, PublicKey};
use shared::id::{FleetId, TerminalId};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// The object identifier of Ed25519 keys (RFC 8410), the only ones of a fleet.
const ED25519: &str = "1.3.101.112";

/// Longest name of a controller.
const NAME_BYTES_MAX: usize = 40;

/// Whom a client certificate names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    Terminal(TerminalId),
    Controller(ControllerName),
}

/// Also the MQTT client id of the peer: the certificate's common name.
impl fmt::Display for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Terminal(terminal) => fmt::Display::fmt(terminal, out),
            Self::Controller(name) => fmt::Display::fmt(name, out),
        }
    }
}

impl Peer {
    /// The name in the certificate's subject alternative names.
    pub fn urn(&self, fleet: FleetId) -> String {
        match self {
            Self::Terminal(terminal) => format!("urn:tillward:{fleet}:terminal:{terminal}"),
            Self::Controller(name) => format!("urn:tillward:{fleet}:controller:{name}"),
        }
    }

    fn of_urn(urn: &str, fleet: FleetId) -> Result<Self, NotAPeer> {
        let foreign = || NotAPeer::ForeignName(urn.chars().take(128).collect());
        let rest = urn.strip_prefix(&format!("urn:tillward:{fleet}:")).ok_or_else(foreign)?;
        match rest.split_once(':') {
            Some(("terminal", id)) => id.parse().map(Self::Terminal).map_err(|_| foreign()),
            Some(("controller", name)) => name.parse().map(Self::Controller).map_err(|_| foreign()),
            Some(_) | None => Err(foreign()),
        }
    }
}

/// The name of one controller instance: lower-case letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ControllerName(String);

/// Why a text is not a controller's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a controller's name has 1 to {max} lower-case letters, digits and hyphens, and does not begin \
     as a terminal's",
    max = NAME_BYTES_MAX
)]
pub struct NotAName;

impl std::str::FromStr for ControllerName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        // A name that reads like a terminal's would be a second way to be that terminal.
        let other = text.starts_with(TerminalId::PREFIX);
        if text.is_empty() || text.len() > NAME_BYTES_MAX || other || !text.bytes().all(plain) {
            return Err(NotAName);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ControllerName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What a client certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    pub peer: Peer,
    /// A terminal has one key at a time: the registry knows which.
    pub key: PublicKey,
}

/// Why a certificate of the device authority names nobody of this fleet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPeer {
    #[error("the certificate cannot be read")]
    Unreadable,
    #[error("the certificate has {0} names where one is expected")]
    NotOneName(usize),
    #[error("the certificate names `{0}`, which is nobody of this fleet")]
    ForeignName(String),
    #[error("the certificate's key is not an Ed25519 key")]
    OtherKey,
}

impl ClientCertificate {
    /// Reads a certificate whose chain has been verified.
    pub fn read(der: &[u8], fleet: FleetId) -> Result<Self, NotAPeer> {
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| NotAPeer::Unreadable)?;
        if !rest.is_empty() {
            return Err(NotAPeer::Unreadable);
        }
        let names = certificate.subject_alternative_name().map_err(|_| NotAPeer::Unreadable)?;
        let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
        let peer = match names {
            [GeneralName::URI(urn)] => Peer::of_urn(urn, fleet)?,
            [other] => return Err(NotAPeer::ForeignName(other.to_string())),
            several => return Err(NotAPeer::NotOneName(several.len())),
        };
        let key = &certificate.tbs_certificate.subject_pki;
        if key.algorithm.algorithm.to_id_string() != ED25519 {
            return Err(NotAPeer::OtherKey);
        }
        let key =
            key.subject_public_key.data.as_ref().try_into().map_err(|_| NotAPeer::OtherKey)?;
        Ok(Self { peer, key: PublicKey(key) })
    }
}

/// What an operator shows instead of a name. Prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// Random bytes in a token.
const TOKEN_BYTES: usize = 32;

/// What every token begins with, so that scanners for leaked secrets can find one.
const TOKEN_PREFIX: &str = "tillward_";

impl Token {
    /// Of 32 random bytes.
    pub fn of(random: &[u8; TOKEN_BYTES]) -> Self {
        Self(format!("{TOKEN_PREFIX}{}", BASE64URL_NOPAD.encode(random)))
    }

    /// From the `Authorization` header's value, or a file's content.
    pub fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(TOKEN_PREFIX)?;
        let bytes = BASE64URL_NOPAD.decode(digits.as_bytes()).ok()?;
        (bytes.len() == TOKEN_BYTES).then(|| Self(text.to_owned()))
    }

    /// What the controller keeps. A token has 256 random bits, so a plain hash is enough: there
    /// is nothing to guess that salt or stretching would protect.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// The secret itself: for the file that its owner keeps, and the header.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[redacted]")
    }
}

/// Whether two byte strings are the same, in a time that does not depend on where they differ.
pub fn same_bytes<const N: usize>(left: &[u8; N], right: &[u8; N]) -> bool {
    let differing = left.iter().zip(right).fold(0_u8, |all, (l, r)| all | (l ^ r));
    std::hint::black_box(differing) == 0
}
