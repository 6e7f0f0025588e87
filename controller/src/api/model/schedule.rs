//! Backups and drills that are asked for again and again.

use serde::{Deserialize, Serialize};
use shared::time::UnixTime;
use shared::window::Window;
use utoipa::ToSchema;

use super::text;

/// What a schedule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduledWork {
    /// Save what is not in the repository yet.
    Incremental,
    /// Save everything into a new repository under a new key.
    Full,
    /// Restore the newest snapshot into a scratch till and compare the totals.
    Drill,
}

/// How often, by the calendar (UTC); a week begins on Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleEvery {
    Day,
    Week,
    Month,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBackupSchedule {
    pub work: ScheduledWork,
    pub every: ScheduleEvery,
    /// Which terminals, for example `store=berlin-1 & model=T650`.
    #[serde(rename = "where")]
    pub selector: String,
    /// Terminals that work on it at the same time.
    pub max_parallel: u32,
    /// When they may begin, in each terminal's local time; without it, any time.
    #[serde(default, with = "text::optional")]
    #[schema(value_type = Option<String>, example = "02:00-05:00")]
    pub window: Option<Window>,
    /// For how many seconds a till's open batch is waited for before a backup begins: after that
    /// it is taken all the same, and says that a batch was open. Without it, nothing is waited for.
    #[serde(default)]
    pub settlement_s: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackupSchedule {
    pub name: String,
    pub work: ScheduledWork,
    pub every: ScheduleEvery,
    #[serde(rename = "where")]
    pub selector: String,
    pub max_parallel: u32,
    #[serde(default, with = "text::optional")]
    #[schema(value_type = Option<String>, example = "02:00-05:00")]
    pub window: Option<Window>,
    /// For how many seconds a till's open batch is waited for.
    pub settlement_s: Option<u64>,
    #[schema(value_type = i64)]
    pub set_at: UnixTime,
    pub set_by: String,
    /// When its next campaign is made.
    #[schema(value_type = i64)]
    pub next_at: UnixTime,
}
