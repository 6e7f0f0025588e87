//! The words of backup and restore: what data is, and where the pieces of a repository are kept.
//!
//! A repository is restic's (format version 2), one per terminal and key. Its pieces are objects
//! below `/v1/backups/<repository>/`, each made once and never changed. Deliberately absent: key
//! files. A repository's key exists only on its terminal, and sealed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{RepositoryId, TerminalId};

/// Recovery recipients that a key must be sealed to: one may be lost.
pub const RECIPIENTS_MIN: usize = 2;

/// How long one key is used, in seconds: what a stolen terminal can read of its own past.
pub const KEY_TERM_S: u64 = 30 * 24 * 3600;

/// One object of a repository. Packs are made far smaller; a single large chunk fits.
pub const OBJECT_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// What the data of a till is, which decides what may be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataClass {
    /// Single payments: numbers, amounts, outcomes. Never card data.
    Transactions,
    /// What is approved and not settled, and what was settled.
    Batch,
    /// The till's own log of what it did.
    Journal,
    Config,
    /// Receipts and baskets.
    Sales,
    Inventory,
    Customers,
    Logs,
}

/// What is done with data of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// It is part of every backup.
    pub back_up: bool,
    /// It may go to a terminal that replaces this one.
    pub migrate: bool,
    /// It goes when a terminal is decommissioned.
    pub wipe: bool,
    /// How long a shop has to keep it, in days; 0 where nothing asks for it.
    pub retain_days: u32,
    /// How old the newest verified snapshot may be, in seconds; `None` where nothing is saved.
    pub recovery_point_s: Option<u64>,
}

const DAY_S: u64 = 24 * 3600;

impl DataClass {
    pub const ALL: [Self; 8] = [
        Self::Transactions,
        Self::Batch,
        Self::Journal,
        Self::Config,
        Self::Sales,
        Self::Inventory,
        Self::Customers,
        Self::Logs,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transactions => "transactions",
            Self::Batch => "batch",
            Self::Journal => "journal",
            Self::Config => "config",
            Self::Sales => "sales",
            Self::Inventory => "inventory",
            Self::Customers => "customers",
            Self::Logs => "logs",
        }
    }

    /// The open batch never migrates: only the terminal that took the payments may settle them.
    pub fn policy(self) -> Policy {
        let (migrate, retain_days, recovery_point_s) = match self {
            Self::Transactions => (true, 3653, Some(DAY_S)),
            Self::Batch => (false, 3653, Some(DAY_S)),
            Self::Journal => (true, 3653, Some(DAY_S)),
            Self::Config => (true, 0, Some(7 * DAY_S)),
            Self::Sales => (true, 3653, Some(DAY_S)),
            Self::Inventory => (true, 0, Some(DAY_S)),
            Self::Customers => (true, 0, Some(DAY_S)),
            Self::Logs => (false, 0, None),
        };
        let back_up = recovery_point_s.is_some();
        Policy { back_up, migrate, wipe: true, retain_days, recovery_point_s }
    }
}

impl fmt::Display for DataClass {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// What of a snapshot is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    Everything,
    /// Data sets, by name.
    DataSets(Vec<String>),
    /// One file, by its path in the snapshot's listing.
    File(String),
}

/// Which snapshot of whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotOf {
    pub terminal: TerminalId,
    pub repository: RepositoryId,
    pub snapshot: Digest,
    /// SHA-256 of the payload of its [`crate::document::Manifest`].
    pub manifest: Digest,
}

/// The kinds of pieces that a repository is made of, by restic's names where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The repository's parameters: one object, named `config`.
    Config,
    /// Packs of encrypted chunks.
    Data,
    Index,
    Snapshots,
    /// The repository's key, sealed: one object. Nothing else is taken before it.
    SealedKey,
}

impl Kind {
    pub const ALL: [Self; 5] =
        [Self::Config, Self::Data, Self::Index, Self::Snapshots, Self::SealedKey];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Data => "data",
            Self::Index => "index",
            Self::Snapshots => "snapshots",
            Self::SealedKey => "sealed-key",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// No piece of a repository is called so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of backup object: there are config, data, index, snapshots, sealed-key")]
pub struct NotAKind(String);

impl FromStr for Kind {
    type Err = NotAKind;

    fn from_str(text: &str) -> Result<Self, NotAKind> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| NotAKind(text.chars().take(64).collect()))
    }
}

/// One object. All are named after the SHA-256 of their bytes, as in restic's repositories, so
/// whoever stores one can tell whether it is whole; `config` is the exception that restic makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    pub kind: Kind,
    /// Of its bytes. For [`Kind::Config`] it is not part of the path.
    pub sha256: Digest,
}

/// Where a repository's objects are asked for: `/v1/backups/<repository>/<kind>[/<sha256>]`.
/// `PUT` makes one, `GET` (with ranges) and `HEAD` read one, `GET` of a kind lists its objects.
pub fn kind_path(repository: RepositoryId, kind: Kind) -> String {
    format!("/v1/backups/{repository}/{kind}")
}

/// As [`kind_path`], for one object.
pub fn object_path(repository: RepositoryId, name: ObjectName) -> String {
    let kind = kind_path(repository, name.kind);
    match name.kind {
        Kind::Config => kind,
        Kind::Data | Kind::Index | Kind::Snapshots | Kind::SealedKey => {
            format!("{kind}/{}", name.sha256)
        }
    }
}

/// One line of a kind's list (JSON).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub sha256: Digest,
    pub bytes: u64,
}

/// Where a terminal hands in the signed manifest of a snapshot whose objects are all stored: `POST`
/// the envelope. Until then the snapshot is nobody's.
pub fn manifests_path(repository: RepositoryId) -> String {
    format!("/v1/backups/{repository}/manifests")
}

/// A manifest by the digest of its payload, as it was handed in: `GET`.
pub fn manifest_path(repository: RepositoryId, manifest: Digest) -> String {
    format!("/v1/backups/{repository}/manifests/{manifest}")
}

/// Where a terminal asks how its newest snapshots stand (JSON, [`Newest`]): `GET`.
pub const NEWEST_PATH: &str = "/v1/backups/newest";

/// How a terminal's backups stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newest {
    /// The highest number of any manifest that was handed in; 0 before the first.
    pub number: u64,
    /// The newest snapshot that both places hold and that was read back from each.
    pub available: Option<Available>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Available {
    pub repository: RepositoryId,
    pub number: u64,
    pub snapshot: Digest,
    pub manifest: Digest,
    /// Seconds since 1970.
    pub taken_at: crate::time::UnixTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_as_it_was_written() {
        for kind in Kind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!("keys".parse::<Kind>().is_err(), "a repository has no key files");
    }

    #[test]
    fn what_is_saved_has_an_age_that_is_too_old_and_all_of_it_goes_with_the_terminal() {
        for class in DataClass::ALL {
            let policy = class.policy();
            assert_eq!(policy.back_up, policy.recovery_point_s.is_some(), "{class}");
            assert!(policy.wipe, "{class}");
        }
        assert!(!DataClass::Batch.policy().migrate, "another terminal would settle it again");
    }

    #[test]
    fn a_repository_is_one_folder_and_its_parameters_have_no_digest() {
        let repository = RepositoryId::from_bytes([7; 16]);
        let sha256 = Digest([0xab; 32]);
        let path = |kind| object_path(repository, ObjectName { kind, sha256 });
        assert_eq!(path(Kind::Config), format!("/v1/backups/{repository}/config"));
        assert_eq!(path(Kind::Data), format!("/v1/backups/{repository}/data/{sha256}"));
    }
}
