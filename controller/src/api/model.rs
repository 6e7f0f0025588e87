//! What the HTTP API says and hears, as JSON. The command line and the API description are built
//! from these types; nothing else of the controller is.
//!
//! Ids, digests and keys are texts (see `shared::id`, `shared::digest`); byte strings are standard
//! base64; points in time are whole seconds since 1970 UTC (`…_at`, `not_after`); durations end in
//! `_s`. Requests refuse fields they do not know; readers of answers must ignore them.

mod approval;
mod backup;
mod campaign;
mod change;
mod claim;
mod deactivation;
mod drill;
mod enrolment;
mod evidence;
mod notice;
mod place;
mod position;
mod preflight;
mod provider;
mod purge;
mod rebind;
mod release;
mod replacement;
mod report;
mod request;
mod schedule;
mod stop;
mod terminal;
mod text;
mod unit;

pub use approval::{
    Approval, ApprovalMember, ApprovalRequest, Approver, PlannedWord, ServiceWord, Term,
};
pub use backup::{
    Coverage, HoldReason, RepositoryObjects, Snapshot, SnapshotDetail, SnapshotState,
};
pub use campaign::{
    Assignment, AssignmentState, Campaign, CampaignState, CopiedCampaign, Decision, DroppedCanary,
    Held, HeldExample, MembersMoved, NewCampaign, NewCopy, NotMoved, Reason, Reprioritise,
    Resumption, RetryMembers, SkipMembers, Software, Wave, WaveState, WhyNot,
};
pub use change::{Backup, Change, Drill, Ping, Restore, Upgrade};
pub use claim::{Claim, ClaimState, IssuedClaim, NewClaim};
pub use deactivation::{
    CheckedOnSite, DeactivatedTerminal, Deactivation, DeactivationSummary, Deregistration,
    NewDeactivation, OwedOfBinding, Owing, ResumeWish, Sanitisation, ServiceDeadline,
    ServiceFinding, ServiceObstacle, ServicePart, ServicePlan, ServiceTold, SettleWish,
    SuspendWish, Untold, WantedService, WipeWish,
};
pub use drill::{DrillReport, DrillSet, Tally};
pub use enrolment::{Base64, BeginEnrolment, Enrol, Enrolled, EnrolmentNonce, Own};
pub use evidence::OrderEvidence;
pub use notice::{Letter, Notice};
pub use place::{
    CalendarEffect, CalendarEnd, CalendarEntry, CalendarImportReport, CalendarKind,
    CalendarOccurrence, CalendarScope, ImportedCalendar, NewCalendarEntry, OpenOrClosed, Store,
    StoreDescription, StoreDetail, StoreHours,
};
pub use position::{
    Binding, BindingChange, BindingImport, BindingMove, BindingMoves, BindingStep, BindingTuple,
    BindingVersion, Filling, ImportMistake, ImportReport, ImportRow, NewBinding, NewPosition,
    Position, Registration, RegistrationStatus,
};
pub use preflight::{
    CampaignPlan, PlannedBytes, PlannedGroup, PlannedMember, PlannedWave, PlannedZone,
};
pub use provider::{
    CompatibilityAnswer, Document, DocumentKind, Exposure, FileFormat, GivenVouch, ImportEffect,
    ImportedChange, Matter, NewProviderRecord, NewVouch, ProviderAlert, ProviderFinding,
    ProviderImportReport, ProviderRecord, Verdict, Way,
};
pub use purge::{
    NewPurge, PlannedRepository, PlannedSnapshot, PurgePlan, PurgeRefused, RepositoryRetention,
    RepositoryState, RetainedSnapshot, RetentionPolicy, StayReason, TerminalRetention,
};
pub use rebind::{
    Finding, How, MemberProfile, NewRebind, NextWave, Plan, PlanRebind, PlannedBinding, PlannedFee,
    PlannedTerminal, RebindShown, RebindTerms, WantedTerminal, WatchWish, Weight,
};
pub use release::{ArtifactStored, Release, ReleaseArtifact, Roster, RosterKey, Signer};
pub use replacement::{
    NewReplacement, NewReplacementEvent, ReplaceReason, Replacement, ReplacementAcceptedTrouble,
    ReplacementBegun, ReplacementCheck, ReplacementCommissioned, ReplacementEvent, ReplacementForm,
    ReplacementFound, ReplacementHistory, ReplacementLastBackup, ReplacementMistake,
    ReplacementMoved, ReplacementNext, ReplacementParcel, ReplacementState, ReplacementStep,
    ReplacementUnsettled, ReplacementWatch, ReplacementWatched,
};
pub use report::{
    CampaignReport, Condition, ReportCoverage, ReportDecision, ReportDiskFree, ReportHealth,
    ReportMember, ReportMoment, ReportPart, ReportPhase, ReportSign, ReportSince, ReportStraggler,
    ReportVersion,
};
pub use request::{
    Attachment, LiftSuspicion, LiftWord, NewRequest, NewSuspicion, Request, RequestChannel,
    RequestKind, Review, Suspicion, Verification, VerificationMethod, Verify,
};
pub use schedule::{BackupSchedule, NewBackupSchedule, ScheduleEvery, ScheduledWork};
pub use stop::{
    Cause, Damage, EntryKind, LedgerAmount, LedgerEntry, LedgerReversal, Liability, NewLedgerEntry,
    NewStopAnnouncement, NewStopClosing, NewStopItem, Stop, StopAnnouncement, StopClosing,
    StopItem, StopItemAssigned, StopItemDone, StopItemTick, StopParticulars, StopParty, StopPerson,
    StopPoint, StopUnit,
};
pub use terminal::{
    Battery, Component, DeregisteredWith, Labels, Lifecycle, NewPaymentKeys, PaymentKeyKind,
    PaymentKeys, Presence, Recipient, Revocation, Telemetry, Terminal, TerminalDetail, TillHealth,
};
pub use unit::{
    InspectionVerdict, NewUnit, NewUnitEvent, NewUnitInspection, NewUnitSanitisation, NewUnits,
    Unit, UnitAbout, UnitAccessory, UnitChanged, UnitCondition, UnitEvent, UnitHistory,
    UnitInspected, UnitInspection, UnitRemains, UnitSaid, UnitSanitisation, UnitSanitised,
    UnitState, UnitValue, UnitsAdded,
};

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::id::{FleetId, TerminalId};
use shared::time::UnixTime;
use utoipa::ToSchema;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Given back as `after=` it fetches the next page; `null` on the last one.
    pub next: Option<String>,
}

/// What went wrong (RFC 9457), and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:tillward:problem:<code>`; stable across releases.
    #[serde(rename = "type")]
    #[schema(example = "urn:tillward:problem:claim-used")]
    pub kind: String,
    /// The same for every problem of this type.
    pub title: String,
    pub status: u16,
    /// On which object, and why.
    pub detail: String,
    /// What to do, in the imperative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    /// What every `type` begins with.
    pub const TYPE_PREFIX: &'static str = "urn:tillward:problem:";

    /// The part of the type that tells problems apart, for example `claim-used`.
    pub fn code(&self) -> &str {
        self.kind.strip_prefix(Self::TYPE_PREFIX).unwrap_or(&self.kind)
    }
}

/// How the controller does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Of the controller program.
    pub version: String,
    #[schema(value_type = String, example = "flt-0192f0c1d2e34f5061728394a5b6c7d8")]
    pub fleet: FleetId,
    #[schema(value_type = i64)]
    pub now_at: UnixTime,
    /// `sqlite` or `postgres`.
    pub registry: String,
    pub broker: BrokerStatus,
    /// Of backups, in the order in which objects come into them.
    pub places: Vec<PlaceStatus>,
    pub terminals: TerminalCounts,
    /// That wait for approvers' signatures: `GET /v1/approvals`.
    pub campaigns_awaiting_approval: u64,
    pub campaigns_running: u64,
    pub campaigns_paused: u64,
    /// Stopped by their own gates: somebody must look.
    #[serde(default)]
    pub campaigns_halted: u64,
    /// That a person should look at: `GET /v1/alarms`.
    pub alarms: u64,
    /// Terminals of whose data some class was not saved for too long: `GET /v1/backups/coverage`.
    pub backups_overdue: u64,
    /// What is frozen until two people lift it, newest first: `GET /v1/suspicions`.
    pub suspicions: Counted<Suspicion>,
    /// What runs out soon or has run out at providers, and nobody has seen, the nearest end first:
    /// `GET /v1/providers/alerts`.
    pub provider_alerts: Counted<ProviderAlert>,
    pub roster_version: u64,
    /// Reports that are safe on disk here and not yet applied to the registry.
    pub reports_waiting: u64,
}

/// How many there are, and the first of them by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counted<T> {
    pub count: u64,
    /// At most ten.
    pub first: Vec<T>,
}

/// The broker, as the controller's own connection sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BrokerStatus {
    /// `embedded` or `external`.
    pub kind: String,
    /// `host:port` that terminals are sent to.
    pub address: String,
    pub connected: bool,
}

/// A place of backups, as it was when the controller last looked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaceStatus {
    pub name: String,
    pub region: String,
    /// Nothing is written into it, or missed in it, while it is not.
    pub there: bool,
    /// Why it is not, where somebody has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to do, in the imperative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TerminalCounts {
    pub claimed: u64,
    pub enrolled: u64,
    pub revoked: u64,
    /// Of those enrolled.
    pub online: u64,
}

/// One line of the audit log: who decided what, when and on which object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Ascending from 1, without a gap.
    pub seq: u64,
    #[schema(value_type = i64)]
    pub at: UnixTime,
    /// The operator's name, or the part of the controller that acted.
    pub who: String,
    /// For example `campaign-started`.
    pub what: String,
    /// The id of what it was done to.
    pub object: String,
    pub detail: String,
    /// Of the entry before; a changed, missing or moved entry breaks the chain.
    #[schema(value_type = String)]
    pub previous: Digest,
    #[schema(value_type = String)]
    pub digest: Digest,
}

/// How far the audit log had come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditCheckpoint {
    /// How many entries it is over.
    pub size: u64,
    /// Of the tree over them (RFC 6962). A leaf is over the entry's `seq`, `at`, `who`, `what`,
    /// `object`, `detail` and `previous`, as CBOR.
    #[schema(value_type = String)]
    pub root: Digest,
    #[schema(value_type = i64)]
    pub at: UnixTime,
    /// The same as a COSE_Sign document under the controller's key.
    pub signed: Base64,
}

/// That an entry is in the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditProof {
    pub entry: AuditEntry,
    /// The siblings from the entry's leaf up to the root (RFC 6962, section 2.1.1).
    #[schema(value_type = Vec<String>)]
    pub path: Vec<Digest>,
    pub checkpoint: AuditCheckpoint,
}

/// That the audit log begins with what it was before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditGrowth {
    /// RFC 6962, section 2.1.2.
    #[schema(value_type = Vec<String>)]
    pub path: Vec<Digest>,
    pub checkpoint: AuditCheckpoint,
}

/// Something that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Alarm {
    /// `null` for what is about a whole request, or a store without a terminal.
    #[schema(value_type = Option<String>)]
    pub terminal: Option<TerminalId>,
    /// Stable across releases, for example `ledger-lost`.
    pub kind: String,
    /// What it is about: a digest, an order, an epoch.
    pub subject: String,
    pub detail: String,
    #[schema(value_type = i64)]
    pub at: UnixTime,
    /// When it was over by itself; `null` while it is not, and for those that only a person can
    /// judge.
    #[schema(value_type = Option<i64>)]
    pub ended_at: Option<UnixTime>,
}
