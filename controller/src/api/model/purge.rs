//! What stays of what terminals have saved, what goes, and why.

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::id::{RepositoryId, TerminalId};
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::SnapshotState;

/// What is kept of each terminal, from the controller's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RetentionPolicy {
    /// So many of the newest.
    pub keep_last: u32,
    /// The newest of each of so many days that have any; weeks and months alike.
    pub keep_daily: u32,
    pub keep_weekly: u32,
    pub keep_monthly: u32,
    /// Between expiring and being deleted.
    pub purge_after_days: u32,
    /// Between the revocation of a terminal and the expiry of what it saved.
    pub closed_days: u32,
}

/// What a terminal has saved, and what becomes of it by the rules as they are now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TerminalRetention {
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    pub serial: String,
    /// When it was revoked.
    #[schema(value_type = Option<i64>)]
    pub closed_at: Option<UnixTime>,
    /// The oldest first.
    pub repositories: Vec<RepositoryRetention>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RepositoryRetention {
    #[schema(value_type = String)]
    pub repository: RepositoryId,
    pub state: RepositoryState,
    pub bytes: u64,
    #[schema(value_type = i64)]
    pub opened_at: UnixTime,
    /// When it goes as a whole, if nothing in it is held until then.
    #[schema(value_type = Option<i64>)]
    pub purge_at: Option<UnixTime>,
    /// By number.
    pub snapshots: Vec<RetainedSnapshot>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RepositoryState {
    /// Its terminal writes into it.
    Open,
    /// It takes nothing more, and something in it stays.
    Kept,
    /// All of it expires.
    Expiring,
    /// It is being deleted.
    Purging,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RetainedSnapshot {
    #[schema(value_type = String)]
    pub manifest: Digest,
    pub number: u64,
    #[schema(value_type = i64)]
    pub taken_at: UnixTime,
    pub state: SnapshotState,
    /// Why it stays; empty for one that goes.
    pub stays: Vec<StayReason>,
    /// Why it goes, in words; `null` for one that stays.
    pub goes: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StayReason {
    /// Somebody says that it must not go.
    Held,
    Last,
    Daily,
    Weekly,
    Monthly,
    /// No newer one can be restored.
    NewestAvailable,
    /// No other one can be restored.
    OnlyAvailable,
    /// It cannot be restored (yet), and a rule would keep it if it could.
    Unproven,
}

/// What an operator wants to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPurge {
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub repositories: Vec<RepositoryId>,
    /// By the digests of their manifests.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub snapshots: Vec<Digest>,
    /// Why; in the audit log and in the certificate.
    pub reason: String,
    /// A terminal that goes on may be left without anything that can be restored.
    #[serde(default)]
    pub last_copy: bool,
    /// How many snapshots the plan said would go: nothing is done if it is another number now.
    #[serde(default)]
    pub snapshots_expected: Option<u64>,
}

/// What would go, what stays, and what speaks against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PurgePlan {
    /// How many snapshots go.
    pub snapshots: u64,
    /// The repositories that they are in, with everything that is in these.
    pub repositories: Vec<PlannedRepository>,
    /// Nothing is done while there is any.
    pub refused: Vec<PurgeRefused>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedRepository {
    #[schema(value_type = String)]
    pub repository: RepositoryId,
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    pub serial: String,
    pub bytes: u64,
    /// When its objects are deleted; `null` while it is open or something in it stays.
    #[schema(value_type = Option<i64>)]
    pub purge_at: Option<UnixTime>,
    pub snapshots: Vec<PlannedSnapshot>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedSnapshot {
    #[schema(value_type = String)]
    pub manifest: Digest,
    pub number: u64,
    #[schema(value_type = i64)]
    pub taken_at: UnixTime,
    pub goes: bool,
    /// Why it stays; empty for one that goes.
    pub stays: Vec<StayReason>,
}

/// Why a wish is not fulfilled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PurgeRefused {
    /// The code of the problem that acting would end in, for example `snapshot-held`.
    pub code: String,
    pub detail: String,
    pub hint: String,
}
