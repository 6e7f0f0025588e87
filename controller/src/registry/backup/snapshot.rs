//! Snapshots as the registry knows them, and what becomes known about objects.

use shared::backup::DataClass;
use shared::digest::Digest;
use shared::document::Manifest;
use shared::document::manifest::DataSet;
use shared::document::purge_certificate::PurgeReason;
use shared::id::{OrderId, RepositoryId, TerminalId};
use shared::message::SignedBytes;
use shared::time::UnixTime;

use crate::backup::ObjectKey;
use crate::backup::state::SnapshotState;
use crate::registry::delivery::Alarm;

/// A manifest that its terminal has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSnapshot {
    /// Of the manifest's payload.
    pub digest: Digest,
    pub manifest: Manifest,
    pub signed: SignedBytes,
    pub at: UnixTime,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// In the order in which they were handed in.
    pub seq: u64,
    /// SHA-256 of the manifest's payload.
    pub manifest: Digest,
    pub terminal: TerminalId,
    pub number: u64,
    pub repository: RepositoryId,
    pub snapshot: Digest,
    pub order: OrderId,
    pub taken_at: UnixTime,
    pub received_at: UnixTime,
    pub state: SnapshotState,
    pub state_at: UnixTime,
    pub hold: Option<Hold>,
    /// Why it expires, or went; `None` for one that stays.
    pub expires_for: Option<PurgeReason>,
    pub signed: SignedBytes,
}

/// Somebody says that a snapshot must not go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub reason: String,
    pub by: String,
}

/// Why a manifest is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestRefused {
    #[error("there is no repository {0} of this terminal")]
    NoRepository(RepositoryId),
    #[error("repository {0} is closed")]
    Closed(RepositoryId),
    #[error("it names the sealed key {said}, and the repository's is {known}")]
    OtherKey { said: Digest, known: Digest },
    #[error("the snapshot {0} that it speaks of is not stored")]
    NoSnapshot(Digest),
    #[error("number {number} was used; the next one is {next}")]
    NumberUsed { number: u64, next: u64 },
}

/// An object that should be looked at by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueObject {
    pub key: ObjectKey,
    pub bytes: u64,
    pub copied_at: Option<UnixTime>,
    pub first_at: Option<UnixTime>,
    pub second_at: Option<UnixTime>,
    pub state: ObjectState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectState {
    /// It was not read back from both places yet.
    Waiting,
    Proven,
    /// Neither place has it whole.
    Lost,
}

/// What was found out about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// As it is from now on.
    pub object: DueObject,
    pub due_at: UnixTime,
    pub alarm: Option<Alarm>,
}

/// How the objects of a repository are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObjectCounts {
    pub count: u64,
    pub bytes: u64,
    /// To be copied, or to be read again by now.
    pub waiting: u64,
    pub lost: u64,
}

/// The first data set of payments or batches that ends with a lower number than it did.
pub fn set_back<'a>(before: &'a Manifest, now: &Manifest) -> Option<&'a str> {
    let counts_up = |set: &&DataSet| match set.class {
        DataClass::Transactions | DataClass::Batch => true,
        DataClass::Journal
        | DataClass::Config
        | DataClass::Sales
        | DataClass::Inventory
        | DataClass::Customers
        | DataClass::Logs => false,
    };
    let last_now = |name: &str| {
        let set = now.data_sets.iter().find(|set| set.name == name);
        set.and_then(|set| set.numbers).map_or(0, |numbers| numbers.last)
    };
    let is_lower =
        |set: &&DataSet| set.numbers.is_some_and(|numbers| numbers.last > last_now(&set.name));
    before.data_sets.iter().filter(counts_up).find(is_lower).map(|set| set.name.as_str())
}
