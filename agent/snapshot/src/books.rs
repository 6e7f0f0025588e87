//! What a terminal remembers between two backups: which repository it writes to, how many of its
//! snapshots the controller has acknowledged, and what the last one was. One file, replaced whole.
//!
//! Beside it lies a manifest that was signed and not acknowledged yet. It is handed in before
//! anything else, as the same bytes: so no number is used twice, and none is left out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use agent::snapshot::protocol::Saved;
use serde::{Deserialize, Serialize};
use shared::backup::KEY_TERM_S;
use shared::change::Extent;
use shared::digest::Digest;
use shared::durable::{self, NotWritten, Readers};
use shared::id::{OrderId, RepositoryId};
use shared::time::UnixTime;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Books {
    pub current: Option<Current>,
    /// The highest that the controller has acknowledged.
    pub number: u64,
    pub last: Option<Last>,
}

/// The repository that is written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Current {
    pub repository: RepositoryId,
    pub made_at: UnixTime,
    /// The order whose snapshot is the first in it.
    pub made_for: OrderId,
    pub sealed_key: Digest,
    /// To whom the key is sealed, ascending.
    pub recipients: String,
    pub roster_version: u64,
    /// The controller has the sealed key. Nothing else is sent before.
    pub acknowledged: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Last {
    pub order: OrderId,
    /// One order may export twice: a job that waits for another night does.
    pub taken_at: UnixTime,
    pub saved: Saved,
}

/// Why a new repository begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    First,
    /// The order asks for everything under a new key.
    Asked,
    TermOver,
    OtherRecipients,
    KeyLost,
    PacksMissing,
}

impl Begin {
    /// What the operator should know; `None` where it was to be expected.
    pub fn finding(self) -> Option<&'static str> {
        match self {
            Self::First | Self::Asked | Self::TermOver => None,
            Self::OtherRecipients => {
                Some("the recovery recipients are others now: a new repository began")
            }
            Self::KeyLost => {
                Some("the repository's key is missing or damaged: a new repository began")
            }
            Self::PacksMissing => {
                Some("packs of the repository are missing at the controller: a new one began")
            }
        }
    }
}

impl Books {
    /// Whether, by what is written here, the current repository is not to be used any more.
    pub fn outdated(
        &self,
        order: OrderId,
        extent: Extent,
        now: UnixTime,
        recipients: &str,
    ) -> Option<Begin> {
        let Some(current) = &self.current else { return Some(Begin::First) };
        if current.made_for == order {
            return None;
        }
        match extent {
            Extent::Full => Some(Begin::Asked),
            Extent::Incremental if now.since(current.made_at).as_secs() >= KEY_TERM_S => {
                Some(Begin::TermOver)
            }
            Extent::Incremental if current.recipients != recipients => Some(Begin::OtherRecipients),
            Extent::Incremental => None,
        }
    }
}

/// Where the books lie.
#[derive(Debug)]
pub struct Shelf {
    books: PathBuf,
    pending: PathBuf,
}

impl Shelf {
    pub fn new(home: &Path) -> Self {
        Self { books: home.join("current"), pending: home.join("pending-manifest") }
    }

    /// `None` where there are none, or none that can be read: everything in them can be had anew.
    pub fn read(&self) -> io::Result<Option<Books>> {
        match fs::read(&self.books) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        }
    }

    pub fn write(&self, books: &Books) -> Result<(), NotWritten> {
        let text = serde_json::to_vec(books).expect("ids, numbers and texts are JSON");
        durable::replace_file(&self.books, &text, Readers::Owner)
    }

    pub fn pending(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(&self.pending) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    pub fn keep_pending(&self, manifest: &[u8]) -> Result<(), NotWritten> {
        durable::replace_file(&self.pending, manifest, Readers::Owner)
    }

    pub fn drop_pending(&self) -> io::Result<()> {
        match fs::remove_file(&self.pending) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => durable::sync_directory(durable::parent_of(&self.pending)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: OrderId = OrderId::from_bytes([1; 16]);
    const SECOND: OrderId = OrderId::from_bytes([2; 16]);

    fn books() -> Books {
        let current = Current {
            repository: RepositoryId::from_bytes([7; 16]),
            made_at: UnixTime(1_000),
            made_for: FIRST,
            sealed_key: Digest([0; 32]),
            recipients: "a,b".to_owned(),
            roster_version: 1,
            acknowledged: true,
        };
        Books { current: Some(current), number: 4, last: None }
    }

    #[test]
    fn a_repository_is_used_until_its_term_or_an_order_or_the_roster_ends_it() {
        let term = i64::try_from(KEY_TERM_S).unwrap();
        let outdated = |order, extent, now, recipients| {
            books().outdated(order, extent, UnixTime(now), recipients)
        };
        assert_eq!(outdated(SECOND, Extent::Incremental, 1_000 + term - 1, "a,b"), None);
        assert_eq!(
            outdated(SECOND, Extent::Incremental, 1_000 + term, "a,b"),
            Some(Begin::TermOver)
        );
        assert_eq!(outdated(SECOND, Extent::Full, 1_001, "a,b"), Some(Begin::Asked));
        let others = outdated(SECOND, Extent::Incremental, 1_001, "a,c");
        assert_eq!(others, Some(Begin::OtherRecipients));
        assert_eq!(outdated(SECOND, Extent::Incremental, 0, "a,b"), None, "a clock set back");
    }

    #[test]
    fn one_order_begins_one_repository_however_often_it_is_asked() {
        assert_eq!(books().outdated(FIRST, Extent::Full, UnixTime(1_001), "a,b"), None);
    }

    #[test]
    fn books_that_are_damaged_are_as_good_as_none() {
        let directory = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(directory.path());
        assert_eq!(shelf.read().unwrap(), None);
        shelf.write(&books()).unwrap();
        assert_eq!(shelf.read().unwrap(), Some(books()));
        fs::write(directory.path().join("current"), "{").unwrap();
        assert_eq!(shelf.read().unwrap(), None);
    }
}
