//! Private keys at rest.
//!
//! Every private key of a fleet is an Ed25519 seed. Those that people hold lie in one file each,
//! sealed with a passphrase, with what anybody may know in clear beside it ([`KeyFile`]). Those
//! that the controller needs day and night lie in one sealed bundle ([`OnlineKeys`]).
//!
//! Sealing is the age format with a scrypt passphrase, so that a key can be recovered with the
//! stock `age` program. The other form, for development, is not sealed at all; it says so in the
//! file, and opens only for callers that ask for [`Unlock::InsecureDev`].
//!
//! Deliberately absent: overwriting a key, and opening both forms without saying which.

mod online;
mod passphrase;
mod seal;
mod secret;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::digest::{KeyId, PublicKey};
use shared::document::roster::Role;
use shared::id::FleetId;
use zeroize::Zeroizing;

use crate::durable_file::{self, NotWritten, Readers};

pub use online::OnlineKeys;
pub use passphrase::{Asked, NoPassphrase, Passphrase, PassphraseArgs};
pub use secret::SecretKey;

/// How keys are protected: what seals new ones and opens old ones.
#[derive(Debug)]
pub enum Unlock {
    Passphrase(Passphrase),
    /// Not at all. For development on one machine; refused wherever it was not asked for.
    InsecureDev,
}

/// What a private key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyRole {
    /// The certificate authority above all others.
    RootCa,
    /// The authority that issues certificates for HTTPS and brokers.
    ServerCa,
    /// Signs rosters.
    Root,
    /// Signs releases.
    Release,
    /// Signs batches that could harm a shop.
    Approver,
}

impl KeyRole {
    /// The role that a roster gives to this key, where it is in one.
    pub fn in_roster(self) -> Option<Role> {
        match self {
            Self::RootCa | Self::ServerCa => None,
            Self::Root => Some(Role::Root),
            Self::Release => Some(Role::Release),
            Self::Approver => Some(Role::Approver),
        }
    }
}

impl std::fmt::Display for KeyRole {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::RootCa => "root CA",
            Self::ServerCa => "server CA",
            Self::Root => "root",
            Self::Release => "release",
            Self::Approver => "approver",
        })
    }
}

/// Why a key could not be read, opened or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot read the key file {path}", path = path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is not a key file", path = path.display())]
    Malformed { path: PathBuf, source: toml::de::Error },
    #[error("{path} is neither sealed nor marked as insecure", path = .0.display())]
    NeitherForm(PathBuf),
    #[error("the passphrase does not open {path}", path = .0.display())]
    WrongPassphrase(PathBuf),
    #[error("{path} is sealed in a way that this program does not open", path = path.display())]
    Seal { path: PathBuf, source: Box<age::DecryptError> },
    #[error("{path} is not protected, and insecure keys were not asked for", path = .0.display())]
    Insecure(PathBuf),
    #[error("{path} is sealed: insecure keys were asked for", path = .0.display())]
    Sealed(PathBuf),
    #[error("{path}: the clear part does not belong to the sealed key", path = .0.display())]
    Relabelled(PathBuf),
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
}

impl KeyError {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::WrongPassphrase(_) => Some("try again; nothing was changed"),
            Self::Insecure(_) => Some(
                "make real keys with `tillward init`, or pass --insecure-dev on a machine for \
                 development",
            ),
            Self::Sealed(_) => Some("leave out --insecure-dev (`insecure_dev` in a configuration)"),
            Self::Relabelled(_) => Some("do not use this file; take the copy from the safe"),
            Self::NotWritten(NotWritten::Exists(_)) => {
                Some("keys are never overwritten: choose another name")
            }
            Self::Read { .. }
            | Self::Malformed { .. }
            | Self::NeitherForm(_)
            | Self::Seal { .. }
            | Self::NotWritten(_) => None,
        }
    }
}

/// One private key that a person holds.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    pub fleet: FleetId,
    pub role: KeyRole,
    /// The person or machine that holds it.
    pub owner: String,
    pub public: PublicKey,
    secret: Secret,
}

#[derive(Debug)]
enum Secret {
    Sealed(String),
    Plain(SecretKey),
}

/// The file as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    fleet: FleetId,
    role: KeyRole,
    owner: String,
    id: KeyId,
    public: PublicKey,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    insecure_dev: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<SecretKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
}

/// What is sealed: the key again with its labels, so that nobody can exchange them unnoticed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inside {
    fleet: FleetId,
    role: KeyRole,
    owner: String,
    secret: SecretKey,
}

const SEALED_HEADER: &str = "\
# A private key, sealed with a passphrase (age format, scrypt).
# `tillward key show FILE` shows the clear part without the passphrase.
";

const INSECURE_HEADER: &str = "\
# NOT PROTECTED: whoever reads this file holds the key.
# Made with --insecure-dev, for development on one machine. Never use it for a real fleet.
";

impl KeyFile {
    /// Writes a new key file; an existing one is left as it is.
    pub fn create(
        path: &Path,
        fleet: FleetId,
        role: KeyRole,
        owner: &str,
        secret: &SecretKey,
        protect: &Unlock,
    ) -> Result<(), KeyError> {
        let public = secret.public();
        let mut written = Written {
            fleet,
            role,
            owner: owner.to_owned(),
            id: public.key_id(),
            public,
            insecure_dev: false,
            secret: None,
            sealed: None,
        };
        let header = match protect {
            Unlock::InsecureDev => {
                written.insecure_dev = true;
                written.secret = Some(secret.clone());
                INSECURE_HEADER
            }
            Unlock::Passphrase(passphrase) => {
                let owner = owner.to_owned();
                let inside = Inside { fleet, role, owner, secret: secret.clone() };
                written.sealed = Some(seal::seal(to_toml(&inside).as_bytes(), passphrase));
                SEALED_HEADER
            }
        };
        let text = Zeroizing::new(format!("{header}{}", *to_toml(&written)));
        Ok(durable_file::create(path, text.as_bytes(), Readers::Owner)?)
    }

    /// Reads the clear part. The secret stays sealed until [`KeyFile::open`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let written: Written = from_toml(path, &read(path)?)?;
        let secret = match (written.sealed, written.secret, written.insecure_dev) {
            (Some(sealed), None, false) => Secret::Sealed(sealed),
            (None, Some(secret), true) => Secret::Plain(secret),
            (Some(_) | None, Some(_) | None, _) => {
                return Err(KeyError::NeitherForm(path.to_owned()));
            }
        };
        if written.public.key_id() != written.id {
            return Err(KeyError::Relabelled(path.to_owned()));
        }
        let Written { fleet, role, owner, public, .. } = written;
        Ok(Self { path: path.to_owned(), fleet, role, owner, public, secret })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn id(&self) -> KeyId {
        self.public.key_id()
    }

    pub fn is_sealed(&self) -> bool {
        matches!(self.secret, Secret::Sealed(_))
    }

    /// The private half. Takes a good part of a second: that is what the passphrase is worth.
    pub fn open(&self, unlock: &Unlock) -> Result<SecretKey, KeyError> {
        let path = || self.path.clone();
        let (secret, labels_agree) = match (&self.secret, unlock) {
            (Secret::Plain(secret), Unlock::InsecureDev) => (secret.clone(), true),
            (Secret::Plain(_), Unlock::Passphrase(_)) => return Err(KeyError::Insecure(path())),
            (Secret::Sealed(_), Unlock::InsecureDev) => return Err(KeyError::Sealed(path())),
            (Secret::Sealed(sealed), Unlock::Passphrase(passphrase)) => {
                let opened = seal::open(&self.path, sealed.as_bytes(), passphrase)?;
                let inside: Inside = from_toml(&self.path, &opened)?;
                let agree = (inside.fleet, inside.role, &inside.owner)
                    == (self.fleet, self.role, &self.owner);
                (inside.secret, agree)
            }
        };
        match labels_agree && secret.public() == self.public {
            true => Ok(secret),
            false => Err(KeyError::Relabelled(path())),
        }
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let read = std::fs::read_to_string(path);
    read.map(Zeroizing::new).map_err(|source| KeyError::Read { path: path.to_owned(), source })
}

fn from_toml<T: serde::de::DeserializeOwned>(path: &Path, text: &str) -> Result<T, KeyError> {
    toml::from_str(text).map_err(|mut source| {
        // The error would quote the offending line, and with it perhaps a secret.
        source.set_input(None);
        KeyError::Malformed { path: path.to_owned(), source }
    })
}

fn to_toml<T: Serialize>(value: &T) -> Zeroizing<String> {
    Zeroizing::new(toml::to_string(value).expect("texts and flags can always be written"))
}
