//! What a campaign has come to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::id::{CampaignId, TerminalId};
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::{AssignmentState, CampaignState, Presence, Reason, Software, TillHealth};

/// What a campaign has come to, over all members that it was released to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CampaignReport {
    #[schema(value_type = String)]
    pub campaign: CampaignId,
    pub name: Option<String>,
    #[serde(rename = "where")]
    pub selector: String,
    pub state: CampaignState,
    /// What an upgrade installs.
    pub software: Option<Software>,
    #[schema(value_type = Option<i64>)]
    pub started_at: Option<UnixTime>,
    #[schema(value_type = Option<i64>)]
    pub ended_at: Option<UnixTime>,
    #[schema(value_type = i64)]
    pub made_at: UnixTime,
    /// Of all members; those that were not released yet are in no other figure.
    pub members: u64,
    pub held: u64,
    pub total: ReportCoverage,
    /// In their order, those too that are not open yet.
    pub waves: Vec<ReportPart>,
    pub stores: Vec<ReportPart>,
    pub models: Vec<ReportPart>,
    /// Of whom something is still expected, or who were never reached: those that wait longest.
    pub stragglers: Vec<ReportStraggler>,
    pub stragglers_count: u64,
    /// Some of those that were not released, in the order of their turn.
    pub waiting: Vec<ReportStraggler>,
    /// In the order in which they are gone through.
    pub phases: Vec<ReportPhase>,
    /// Of the component that an upgrade installs.
    pub versions: Vec<ReportVersion>,
    pub since: ReportSince,
    pub health: ReportHealth,
    pub bytes_fetched: u64,
    /// Without a gap, from the first end to the last.
    pub time_line: Vec<ReportMoment>,
    /// How long each part of the time line is, in seconds.
    pub part_s: u64,
    /// What was decided about it, and by whom, the oldest first: when it was started, what stopped
    /// it, and who has acknowledged what. The newest hundred; those before are in the audit log.
    pub decisions: Vec<ReportDecision>,
    /// Terminals that succeeded after they had been given up, or had told a failure.
    pub late_successes: u64,
    /// Terminals that told two different ends.
    pub contradictions: u64,
}

/// How far the members came that were released.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportCoverage {
    pub released: u64,
    /// Of these: those that have succeeded or ended badly.
    pub attempted: u64,
    pub succeeded: u64,
    /// By the code of what went wrong.
    pub bad: BTreeMap<String, u64>,
    /// Their orders ran out before they had accepted them.
    pub unreached: u64,
    /// Ended without having been tried: expired, superseded, cancelled or taken back.
    pub untried: u64,
    pub open: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportPart {
    /// The wave's number, from 1; the store; the model.
    pub name: String,
    /// Its members, of a wave.
    pub members: Option<u64>,
    #[serde(flatten)]
    pub coverage: ReportCoverage,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportStraggler {
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    pub serial: String,
    pub store: String,
    pub model: String,
    pub state: AssignmentState,
    /// What keeps it.
    pub reason: Option<Reason>,
    #[schema(value_type = Option<i64>)]
    pub since: Option<UnixTime>,
    /// When it was heard last, of one that is offline.
    #[schema(value_type = Option<i64>)]
    pub offline_since: Option<UnixTime>,
}

/// How long a step took, in seconds, by the clocks of those that went through it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportPhase {
    pub step: String,
    pub terminals: u64,
    pub p50_s: u64,
    pub p90_s: u64,
    pub p99_s: u64,
}

/// Terminals that went from one version to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportVersion {
    /// What they said before they were released.
    pub before: Option<String>,
    /// What the restarted application said, or else what the terminal says now.
    pub after: Option<String>,
    pub terminals: u64,
}

/// What those run that have succeeded with an upgrade, by what they have said since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportSince {
    pub as_brought: u64,
    /// They say that they run something else by now.
    pub other_version: u64,
    pub offline: u64,
}

/// How those that succeeded or ended badly did when they were released, and do now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportHealth {
    /// What is known of nobody is missing.
    pub signs: Vec<ReportSign>,
    pub disk_free: Option<ReportDiskFree>,
}

/// What a terminal may show that it should not: `offline`, `till-silent`, `till-restarts` (by
/// itself, within a day, of one version) or `battery-low`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportSign {
    pub sign: String,
    /// Of so many it is known before and now; all but `offline` only of those that have told how
    /// they do since the change has ended.
    pub compared: u64,
    pub before: u64,
    pub now: u64,
    /// Those that show it and did not.
    pub worse: u64,
    /// Those that did and do no more.
    pub better: u64,
}

/// In bytes, of the terminals that have told it before and since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportDiskFree {
    pub compared: u64,
    pub median_before: u64,
    pub median_now: u64,
    pub least_before: u64,
    pub least_now: u64,
}

/// One terminal of a report, before and now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportMember {
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    /// From 1.
    pub wave: u32,
    /// Of the component that an upgrade installs: when it was released, and what it said last.
    pub version_before: Option<String>,
    pub version_now: Option<String>,
    /// When it was released; `null` where it was released by an earlier build.
    pub before: Option<Condition>,
    pub now: Condition,
}

/// How a terminal does: whether it is heard, and what it told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Condition {
    pub presence: Presence,
    /// When it told the rest, by its own clock.
    #[schema(value_type = Option<i64>)]
    pub told_at: Option<UnixTime>,
    pub disk_free_bytes: Option<u64>,
    pub battery_is_low: Option<bool>,
    pub till: Option<TillHealth>,
}

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportDecision {
    #[schema(value_type = i64)]
    pub at: UnixTime,
    /// An operator, or the part of the controller that acts.
    pub who: String,
    /// For example `campaign-tripped`.
    pub what: String,
    pub why: String,
}

/// Ends within one part of the time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportMoment {
    #[schema(value_type = i64)]
    pub from: UnixTime,
    pub succeeded: u64,
    pub bad: u64,
}
