//! What terminals have saved, as operators see it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use shared::backup::DataClass;
use shared::digest::Digest;
use shared::document::manifest::DataSet;
use shared::id::{OrderId, RepositoryId, TerminalId};
use shared::time::UnixTime;
use utoipa::ToSchema;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// SHA-256 of the payload of its manifest: by this it is named.
    #[schema(value_type = String)]
    pub manifest: Digest,
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    /// Counts the snapshots of its terminal from 1.
    pub number: u64,
    #[schema(value_type = String)]
    pub repository: RepositoryId,
    /// Its id in the repository.
    #[schema(value_type = String)]
    pub snapshot: Digest,
    /// The order that asked for it.
    #[schema(value_type = String)]
    pub order: OrderId,
    #[schema(value_type = i64)]
    pub taken_at: UnixTime,
    #[schema(value_type = i64)]
    pub received_at: UnixTime,
    pub state: SnapshotState,
    #[schema(value_type = i64)]
    pub state_at: UnixTime,
    /// Somebody says that it must not go: why, and who.
    pub held_for: Option<String>,
    pub held_by: Option<String>,
    /// Why it expires or went, in words; `null` for one that stays.
    #[serde(default)]
    pub expires_for: Option<String>,
    /// When it is deleted with its repository; `null` as long as something in that stays.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub purge_at: Option<UnixTime>,
    /// Of the till's files.
    pub bytes: u64,
    pub records: u64,
    pub batch_open: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotState {
    /// All of it is in the first place.
    Received,
    /// It is in both places.
    Copied,
    /// All of it was read back from both places.
    Available,
    /// Part of it is whole in neither place.
    Damaged,
    /// Nobody wants it any more.
    Expiring,
    /// It was deleted.
    Purged,
}

/// One snapshot, what it holds, and how its repository is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SnapshotDetail {
    #[serde(flatten)]
    pub snapshot: Snapshot,
    /// As its terminal signed for them.
    #[schema(value_type = Vec<Object>)]
    pub data_sets: Vec<DataSet>,
    #[schema(value_type = String)]
    pub sealed_key: Digest,
    /// The roster whose recovery recipients the key is sealed to.
    pub roster_version: u64,
    pub objects: RepositoryObjects,
}

/// How the objects of a repository are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RepositoryObjects {
    pub count: u64,
    pub bytes: u64,
    /// To be copied, or to be read again by now.
    pub waiting: u64,
    /// Whole in neither place.
    pub lost: u64,
}

/// Why a snapshot is held or no longer held; kept in the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldReason {
    pub reason: String,
}

/// How a terminal that is enrolled is covered by snapshots that were verified in both places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Coverage {
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    pub serial: String,
    pub store: String,
    /// When the newest one was taken; `null` when there is none.
    #[schema(value_type = Option<i64>)]
    pub covered_at: Option<UnixTime>,
    /// By class of data that it ever saved, when the newest one with such data was taken; `null`
    /// when none is left.
    #[schema(value_type = BTreeMap<String, Option<i64>>)]
    pub classes: BTreeMap<DataClass, Option<UnixTime>>,
    /// Classes whose newest is too old by `[backups.overdue]`.
    #[schema(value_type = Vec<String>)]
    pub overdue: BTreeSet<DataClass>,
}
