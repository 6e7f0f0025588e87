//! What terminals have saved, as the registry knows it: repositories and their objects. The bytes
//! are in the places.

pub mod retention;
pub mod snapshot;
pub mod watch;

use std::collections::BTreeMap;

use async_trait::async_trait;
use shared::backup::{Kind, Newest, ObjectName};
use shared::digest::Digest;
use shared::id::{OrderId, RepositoryId, TerminalId};
use shared::time::UnixTime;

use super::RegistryError;
use super::audit::By;
use super::page::Page;
use crate::backup::ObjectKey;
use crate::backup::schedule::Schedule;
use retention::HoldRefused;
use snapshot::{DueObject, Examined, ManifestRefused, NewSnapshot, ObjectCounts, Snapshot};
use watch::{Coverage, DrillReport, Judged, Watched};

type Result<T> = std::result::Result<T, RegistryError>;

/// One terminal's repository under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    pub id: RepositoryId,
    pub terminal: TerminalId,
    /// SHA-256 of its sealed key.
    pub sealed_key: Digest,
    /// Of all of its objects together.
    pub bytes: u64,
    /// Ever stored in it: the number of the newest.
    pub objects: u64,
    pub opened_at: UnixTime,
    /// When the terminal went on to a newer one, or was revoked.
    pub closed_at: Option<UnixTime>,
    /// Since when its objects are deleted, and nobody reads or holds anything in it.
    pub purging_at: Option<UnixTime>,
    /// When that was done.
    pub purged_at: Option<UnixTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredObject {
    pub name: ObjectName,
    pub bytes: u64,
    pub stored_at: UnixTime,
}

/// What decides whether a terminal may store an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub repository: Option<Repository>,
    /// The object of this name; for the kinds of which there is one, the one of the kind.
    pub there: Option<StoredObject>,
    /// What the terminal has stored in all of its repositories that are not purged.
    pub bytes_used: u64,
}

/// An object whose bytes are durable in the first place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewObject {
    pub key: ObjectKey,
    pub bytes: u64,
    pub at: UnixTime,
}

/// Why an object is not taken from this terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    #[error("the repository is another terminal's")]
    NotYours,
    #[error("the repository is closed: a newer one took its place")]
    Closed,
    #[error("the repository has no sealed key yet, and nothing is taken before it")]
    NoSealedKey,
    #[error("there is another {0} already")]
    Differs(Kind),
    #[error("it would be {wanted} bytes, and {max} are allowed to one terminal")]
    Quota { wanted: u64, max: u64 },
}

/// Whether an object that may be stored is stored already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    New,
    There,
}

impl Standing {
    /// Whether this terminal may store this object of so many bytes.
    pub fn admit(
        &self,
        key: &ObjectKey,
        bytes: u64,
        bytes_max: u64,
    ) -> std::result::Result<Admitted, NotAdmitted> {
        let kind = key.name.kind;
        match &self.repository {
            Some(repository) if repository.terminal != key.terminal => {
                return Err(NotAdmitted::NotYours);
            }
            Some(Repository { closed_at: None, purged_at: None, .. }) => {}
            Some(_) => return Err(NotAdmitted::Closed),
            None if kind == Kind::SealedKey => {}
            None => return Err(NotAdmitted::NoSealedKey),
        }
        // A terminal that was killed between sealing its key and storing it seals it again.
        let only_key = self.repository.as_ref().is_some_and(|it| it.objects == 1);
        match self.there {
            Some(there) if there.name == key.name => return Ok(Admitted::There),
            Some(_) if kind == Kind::SealedKey && only_key => {}
            Some(_) => return Err(NotAdmitted::Differs(kind)),
            None => {}
        }
        let wanted = self.bytes_used.saturating_add(bytes);
        match wanted > bytes_max {
            true => Err(NotAdmitted::Quota { wanted, max: bytes_max }),
            false => Ok(Admitted::New),
        }
    }
}

/// The part of the registry that is about backups.
#[async_trait]
pub trait BackupRegistry {
    async fn repository(&self, id: RepositoryId) -> Result<Option<Repository>>;

    async fn backup_standing(&self, key: &ObjectKey) -> Result<Standing>;

    /// Notes an object that is durable in the first place, if its terminal may (still) store it;
    /// a sealed key opens its repository.
    async fn add_object(
        &self,
        new: &NewObject,
        bytes_max: u64,
    ) -> Result<std::result::Result<Admitted, NotAdmitted>>;

    /// The object of this name; for [`Kind::Config`], whatever its digest.
    async fn object(
        &self,
        repository: RepositoryId,
        name: ObjectName,
    ) -> Result<Option<StoredObject>>;

    /// Those of a kind, by digest, from the one after `after`.
    async fn objects(
        &self,
        repository: RepositoryId,
        kind: Kind,
        after: Option<Digest>,
        limit: u32,
    ) -> Result<Vec<StoredObject>>;

    /// Takes a manifest whose signature was checked. The first one in a repository closes the
    /// older ones of its terminal. A gap in the numbers raises an alarm.
    async fn add_snapshot(
        &self,
        new: &NewSnapshot,
    ) -> Result<std::result::Result<Admitted, ManifestRefused>>;

    /// By the digest of its manifest.
    async fn snapshot(&self, manifest: Digest) -> Result<Option<Snapshot>>;

    /// The latest first, by their `seq`; of one terminal or of all.
    async fn snapshots(&self, of: Option<TerminalId>, page: &Page<u64>) -> Result<Vec<Snapshot>>;

    async fn newest_snapshot(&self, of: TerminalId) -> Result<Newest>;

    /// Holds a snapshot, or lets it go. One that expires comes back by being held, until its purge
    /// begins.
    async fn hold_snapshot(
        &self,
        manifest: Digest,
        held: bool,
        by: &By,
    ) -> Result<std::result::Result<(), HoldRefused>>;

    /// How each of these is covered, where anything of it was ever saved or is overdue.
    async fn coverage(&self, of: &[TerminalId]) -> Result<BTreeMap<TerminalId, Coverage>>;

    /// Whose backups and drills are to be looked at by now, longest due first.
    async fn watched_due(&self, now: UnixTime, limit: u32) -> Result<Vec<Watched>>;

    /// Notes what was found, raises the alarms that stand from now on and ends those that do not.
    /// A terminal about which something was learned since stays due.
    async fn judged(&self, judged: &[Judged], now: UnixTime) -> Result<()>;

    /// Everybody is due at once.
    async fn watch_again(&self, now: UnixTime) -> Result<()>;

    /// What came of drills, the latest first, by their `seq`; of one terminal or of all.
    async fn drills(&self, of: Option<TerminalId>, page: &Page<u64>) -> Result<Vec<DrillReport>>;

    async fn drill(&self, order: OrderId) -> Result<Option<DrillReport>>;

    /// How the objects of a repository are.
    async fn repository_objects(&self, id: RepositoryId, now: UnixTime) -> Result<ObjectCounts>;

    /// In place of the one of the same name.
    async fn put_schedule(&self, new: &Schedule, by: &By) -> Result<()>;

    async fn remove_schedule(&self, name: &str, by: &By) -> Result<()>;

    /// By name.
    async fn schedules(&self) -> Result<Vec<Schedule>>;

    /// Whose next campaign is to be made by now, longest due first.
    async fn schedules_due(&self, now: UnixTime, limit: u32) -> Result<Vec<Schedule>>;

    /// The campaign of this schedule is made, and the next one is to be made then.
    async fn schedule_made(&self, of: &Schedule, next_at: UnixTime) -> Result<()>;

    /// Longest due first.
    async fn objects_due(&self, now: UnixTime, limit: u32) -> Result<Vec<DueObject>>;

    /// Notes what was found out about objects, and what that makes of snapshots.
    async fn examined(&self, examined: &[Examined], now: UnixTime) -> Result<()>;

    /// Objects of this repository are due at once; gives how many.
    async fn examine_again(&self, repository: RepositoryId, now: UnixTime) -> Result<u64>;

    /// All objects of all repositories are due at once; gives how many.
    async fn examine_all_again(&self, now: UnixTime) -> Result<u64>;
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: TerminalId = TerminalId::from_bytes([1; 16]);
    const OTHER: TerminalId = TerminalId::from_bytes([2; 16]);
    const REPOSITORY: RepositoryId = RepositoryId::from_bytes([3; 16]);

    fn name(kind: Kind, number: u8) -> ObjectName {
        ObjectName { kind, sha256: Digest([number; 32]) }
    }

    fn stored(name: ObjectName) -> StoredObject {
        StoredObject { name, bytes: 10, stored_at: UnixTime(1) }
    }

    fn open(objects: u64) -> Repository {
        Repository {
            id: REPOSITORY,
            terminal: MINE,
            sealed_key: Digest([1; 32]),
            bytes: 10,
            objects,
            opened_at: UnixTime(1),
            closed_at: None,
            purging_at: None,
            purged_at: None,
        }
    }

    #[test]
    fn what_a_terminal_may_store() {
        let closed = || Repository { closed_at: Some(UnixTime(2)), ..open(5) };
        let purged = || Repository { purged_at: Some(UnixTime(2)), ..open(5) };
        let theirs = || Repository { terminal: OTHER, ..open(5) };
        let (data, config, key) =
            (name(Kind::Data, 1), name(Kind::Config, 1), name(Kind::SealedKey, 1));
        let (new, there) = (Ok(Admitted::New), Ok(Admitted::There));
        let differs = |kind| Err(NotAdmitted::Differs(kind));
        let quota = Err(NotAdmitted::Quota { wanted: 105, max: 100 });
        let cases = [
            ("the key opens", None, None, 0, key, new),
            ("nothing before the key", None, None, 0, data, Err(NotAdmitted::NoSealedKey)),
            ("not even parameters", None, None, 0, config, Err(NotAdmitted::NoSealedKey)),
            ("data after the key", Some(open(1)), None, 10, data, new),
            ("the same again", Some(open(2)), Some(data), 10, data, there),
            ("the same again when full", Some(open(2)), Some(data), 100, data, there),
            ("another's", Some(theirs()), None, 0, data, Err(NotAdmitted::NotYours)),
            ("another's, named", Some(theirs()), Some(data), 0, data, Err(NotAdmitted::NotYours)),
            ("closed", Some(closed()), None, 0, data, Err(NotAdmitted::Closed)),
            ("purged", Some(purged()), None, 0, data, Err(NotAdmitted::Closed)),
            ("the same parameters", Some(open(2)), Some(config), 0, config, there),
            (
                "other parameters",
                Some(open(2)),
                Some(name(Kind::Config, 2)),
                0,
                config,
                differs(Kind::Config),
            ),
            ("sealed anew at once", Some(open(1)), Some(name(Kind::SealedKey, 2)), 0, key, new),
            (
                "sealed anew later",
                Some(open(2)),
                Some(name(Kind::SealedKey, 2)),
                0,
                key,
                differs(Kind::SealedKey),
            ),
            ("up to the last byte", Some(open(2)), None, 95, data, new),
            ("more than its share", Some(open(2)), None, 100, data, quota),
        ];
        for (what, repository, there, bytes_used, wanted, expected) in cases {
            let key = ObjectKey { terminal: MINE, repository: REPOSITORY, name: wanted };
            let standing = Standing { repository, there: there.map(stored), bytes_used };
            assert_eq!(standing.admit(&key, 5, 100), expected, "{what}");
        }
    }
}
