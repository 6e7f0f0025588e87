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

mod offline;
mod online;
mod passphrase;
mod recovery;
mod seal;
mod secret;

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shared::document::roster::Role;
use shared::durable::{parent_of, sync_directory};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

pub use offline::KeyFile;
pub use online::OnlineKeys;
pub use passphrase::{Asked, NoPassphrase, Passphrase, PassphraseArgs};
pub use recovery::{NotRecovered, RecoveryFile, RecoveryIdentity, seal_to};
pub use seal::is_recipient;
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
    Read { path: PathBuf, source: io::Error },
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
    #[error("{path} exists already and is left as it is", path = .0.display())]
    Exists(PathBuf),
    #[error("cannot write {path}", path = path.display())]
    Write { path: PathBuf, source: io::Error },
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
            Self::Exists(_) => Some("keys are never overwritten: choose another name"),
            Self::Read { .. }
            | Self::Malformed { .. }
            | Self::NeitherForm(_)
            | Self::Seal { .. }
            | Self::Write { .. } => None,
        }
    }
}

const INSECURE_HEADER: &str = "\
# NOT PROTECTED: whoever reads this file holds the key.
# Made with --insecure-dev, for development on one machine. Never use it for a real fleet.
";

fn read(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let read = fs::read_to_string(path);
    read.map(Zeroizing::new).map_err(|source| KeyError::Read { path: path.to_owned(), source })
}

fn from_toml<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, KeyError> {
    toml::from_str(text).map_err(|mut source| {
        // The error would quote the offending line, and with it perhaps a secret.
        source.set_input(None);
        KeyError::Malformed { path: path.to_owned(), source }
    })
}

fn to_toml<T: Serialize>(value: &T) -> Zeroizing<String> {
    Zeroizing::new(toml::to_string(value).expect("texts and flags can always be written"))
}

/// Writes a new file for its owner alone. When this returns, a power cut cannot undo it.
pub(crate) fn create(path: &Path, text: &str) -> Result<(), KeyError> {
    let failed = |source| KeyError::Write { path: path.to_owned(), source };
    let staged = || -> io::Result<NamedTempFile> {
        let mut file = NamedTempFile::new_in(parent_of(path))?;
        fs::set_permissions(file.path(), Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    staged().map_err(failed)?.persist_noclobber(path).map_err(|refused| {
        if refused.error.kind() == io::ErrorKind::AlreadyExists {
            return KeyError::Exists(path.to_owned());
        }
        failed(refused.error)
    })?;
    sync_directory(parent_of(path)).map_err(failed)
}
