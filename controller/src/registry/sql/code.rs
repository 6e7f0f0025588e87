//! How our own words are written in the database. A word that was written once stays readable.

use shared::backup::Kind;
use shared::document::order::{Class, Stream};
use shared::outcome::Waiting;

use crate::backup::schedule::{Every, Work};
use crate::backup::state::SnapshotState;
use crate::calendar::Kind as CalendarKind;
use crate::campaign::assignment::AssignmentState;
use crate::campaign::plan::Held;
use crate::campaign::state::CampaignState;
use crate::deactivation::ledger::{Cause, EntryKind, Liability};
use crate::position::PositionState;
use crate::position::binding::{BindingState, RegistrationStatus};
use crate::provider::{Kind as DocumentKind, Matter};
use crate::registry::backup::snapshot::ObjectState;
use crate::registry::campaign::Purpose;
use crate::registry::delivery::AlarmKind;
use crate::registry::terminal::{Presence, Service, Unit};
use crate::replacement::{ReplacementEvent, ReplacementState};
use crate::request::{RequestKind, RequestState};
use crate::terminal::keys::KeyKind;
use crate::unit::inspection::Verdict;
use crate::unit::record::Condition;
use crate::unit::{UnitEvent, UnitState};

/// A closed set of words.
pub(crate) trait Code: Copy + 'static {
    /// For the error when the database holds a word that this build does not know.
    const WHAT: &'static str;
    const ALL: &'static [Self];

    fn code(self) -> &'static str;
}

pub(crate) fn read<T: Code>(text: &str) -> Option<T> {
    T::ALL.iter().copied().find(|word| word.code() == text)
}

impl Code for Unit {
    const WHAT: &'static str = "state of a unit";
    const ALL: &'static [Self] = &[Self::Claimed, Self::Enrolled, Self::Revoked];

    fn code(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Enrolled => "enrolled",
            Self::Revoked => "revoked",
        }
    }
}

impl Code for Service {
    const WHAT: &'static str = "service of a terminal";
    const ALL: &'static [Self] =
        &[Self::InService, Self::Suspended, Self::SuspendedOwing, Self::Erased];

    fn code(self) -> &'static str {
        match self {
            Self::InService => "in-service",
            Self::Suspended => "suspended",
            Self::SuspendedOwing => "suspended-owing",
            Self::Erased => "erased",
        }
    }
}

impl Code for Presence {
    const WHAT: &'static str = "presence";
    const ALL: &'static [Self] = &[Self::NeverSeen, Self::Online, Self::Offline];

    fn code(self) -> &'static str {
        match self {
            Self::NeverSeen => "never-seen",
            Self::Online => "online",
            Self::Offline => "offline",
        }
    }
}

/// The part of a claim's state that is a word; who used it and when stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimWord {
    Open,
    Used,
    Locked,
    Replaced,
}

impl Code for ClaimWord {
    const WHAT: &'static str = "state of a claim";
    const ALL: &'static [Self] = &[Self::Open, Self::Used, Self::Locked, Self::Replaced];

    fn code(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Used => "used",
            Self::Locked => "locked",
            Self::Replaced => "replaced",
        }
    }
}

impl Code for CampaignState {
    const WHAT: &'static str = "state of a campaign";
    const ALL: &'static [Self] = &CampaignState::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for AssignmentState {
    const WHAT: &'static str = "state of an assignment";
    const ALL: &'static [Self] = &AssignmentState::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for DocumentKind {
    const WHAT: &'static str = "kind of document";
    const ALL: &'static [Self] = &DocumentKind::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for Matter {
    const WHAT: &'static str = "matter that is vouched for";
    const ALL: &'static [Self] = &Matter::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for Waiting {
    const WHAT: &'static str = "reason to wait";
    const ALL: &'static [Self] = &[
        Self::Window,
        Self::Till,
        Self::Network,
        Self::Turn,
        Self::Settlement,
        Self::Watch,
        Self::CutOff,
        Self::CoolOff,
        Self::People,
        Self::Freeze,
        Self::Battery,
        Self::Disk,
    ];

    fn code(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Till => "till",
            Self::Network => "network",
            Self::Turn => "turn",
            Self::Settlement => "settlement",
            Self::Watch => "watch",
            Self::CutOff => "cut-off",
            Self::CoolOff => "cool-off",
            Self::People => "people",
            Self::Freeze => "freeze",
            Self::Battery => "battery",
            Self::Disk => "disk",
        }
    }
}

impl Code for Class {
    const WHAT: &'static str = "class of a campaign";
    const ALL: &'static [Self] = &Class::ALL;

    fn code(self) -> &'static str {
        match self {
            Self::Background => "background",
            Self::Normal => "normal",
            Self::Security => "security",
            Self::Decommission => "decommission",
        }
    }
}

impl Code for Held {
    const WHAT: &'static str = "reason to hold back";
    const ALL: &'static [Self] = &Held::ALL;

    fn code(self) -> &'static str {
        Held::code(self)
    }
}

impl Code for Purpose {
    const WHAT: &'static str = "purpose";
    const ALL: &'static [Self] = &[Self::Change, Self::Cancel, Self::Recall, Self::Withdraw];

    fn code(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Cancel => "cancel",
            Self::Recall => "recall",
            Self::Withdraw => "withdraw",
        }
    }
}

impl Code for Stream {
    const WHAT: &'static str = "stream";
    const ALL: &'static [Self] = &[Self::Routine, Self::Approved];

    fn code(self) -> &'static str {
        match self {
            Self::Routine => "routine",
            Self::Approved => "approved",
        }
    }
}

impl Code for Kind {
    const WHAT: &'static str = "kind of backup object";
    const ALL: &'static [Self] = &Kind::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for Work {
    const WHAT: &'static str = "work of a schedule";
    const ALL: &'static [Self] = &Work::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for Every {
    const WHAT: &'static str = "period of a schedule";
    const ALL: &'static [Self] = &Every::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for CalendarKind {
    const WHAT: &'static str = "kind of calendar";
    const ALL: &'static [Self] = &CalendarKind::ALL;

    fn code(self) -> &'static str {
        self.word()
    }
}

impl Code for SnapshotState {
    const WHAT: &'static str = "state of a snapshot";
    const ALL: &'static [Self] = &SnapshotState::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for ObjectState {
    const WHAT: &'static str = "state of a backup object";
    const ALL: &'static [Self] = &[Self::Waiting, Self::Proven, Self::Lost];

    fn code(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Proven => "proven",
            Self::Lost => "lost",
        }
    }
}

impl Code for AlarmKind {
    const WHAT: &'static str = "kind of alarm";
    const ALL: &'static [Self] = &[
        Self::Contradiction,
        Self::LedgerLost,
        Self::ReportsLost,
        Self::StrangeReceipt,
        Self::UnprovenReceipt,
        Self::OtherZone,
        Self::BackupDamaged,
        Self::BackupMissing,
        Self::TillDataLost,
        Self::BackupOverdue,
        Self::DrillFailed,
        Self::DrillOverdue,
        Self::Suspicion,
        Self::RollbackFailed,
        Self::BindingDiffers,
        Self::RevokedSpoke,
        Self::ClosedUnitSpoke,
        Self::WipeLapsed,
        Self::QuarantinedSpoke,
        Self::ReplacedSpoke,
        Self::AuditForked,
        Self::AuditBroken,
        Self::LeaseRanOut,
        Self::SuspectedSubstitution,
        Self::UnitDiffers,
        Self::SuspensionAtRisk,
        Self::SuspensionStuck,
        Self::SettlementOverdue,
        Self::StopLate,
        Self::DepositOverdue,
        Self::CampaignHalted,
    ];

    fn code(self) -> &'static str {
        match self {
            Self::Contradiction => "contradiction",
            Self::LedgerLost => "ledger-lost",
            Self::ReportsLost => "reports-lost",
            Self::StrangeReceipt => "strange-receipt",
            Self::UnprovenReceipt => "unproven-receipt",
            Self::OtherZone => "other-zone",
            Self::BackupDamaged => "backup-damaged",
            Self::BackupMissing => "backup-missing",
            Self::TillDataLost => "till-data-lost",
            Self::BackupOverdue => "backup-overdue",
            Self::DrillFailed => "drill-failed",
            Self::DrillOverdue => "drill-overdue",
            Self::Suspicion => "suspicion",
            Self::RollbackFailed => "rollback-failed",
            Self::BindingDiffers => "binding-differs",
            Self::RevokedSpoke => "revoked-spoke",
            Self::ClosedUnitSpoke => "closed-unit-spoke",
            Self::WipeLapsed => "wipe-lapsed",
            Self::QuarantinedSpoke => "quarantined-spoke",
            Self::ReplacedSpoke => "replaced-spoke",
            Self::AuditForked => "audit-forked",
            Self::AuditBroken => "audit-broken",
            Self::LeaseRanOut => "lease-ran-out",
            Self::SuspectedSubstitution => "suspected-substitution",
            Self::UnitDiffers => "unit-differs",
            Self::SuspensionAtRisk => "suspension-at-risk",
            Self::SuspensionStuck => "suspension-stuck",
            Self::SettlementOverdue => "settlement-overdue",
            Self::StopLate => "stop-late",
            Self::DepositOverdue => "deposit-overdue",
            Self::CampaignHalted => "campaign-halted",
        }
    }
}

impl Code for PositionState {
    const WHAT: &'static str = "state of a position";
    const ALL: &'static [Self] = &PositionState::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for BindingState {
    const WHAT: &'static str = "state of a binding";
    const ALL: &'static [Self] = &BindingState::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for RegistrationStatus {
    const WHAT: &'static str = "state of a registration";
    const ALL: &'static [Self] = &RegistrationStatus::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for RequestKind {
    const WHAT: &'static str = "kind of request";
    const ALL: &'static [Self] = &RequestKind::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for RequestState {
    const WHAT: &'static str = "state of a request";
    const ALL: &'static [Self] = &RequestState::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for ReplacementState {
    const WHAT: &'static str = "state of a replacement";
    const ALL: &'static [Self] = &ReplacementState::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for ReplacementEvent {
    const WHAT: &'static str = "event of a replacement";
    const ALL: &'static [Self] = &ReplacementEvent::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for UnitState {
    const WHAT: &'static str = "state in a unit's life";
    const ALL: &'static [Self] = &UnitState::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for EntryKind {
    const WHAT: &'static str = "kind of an entry";
    const ALL: &'static [Self] = &EntryKind::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for Cause {
    const WHAT: &'static str = "cause of damage";
    const ALL: &'static [Self] = &Cause::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for Liability {
    const WHAT: &'static str = "liability for damage";
    const ALL: &'static [Self] = &Liability::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for UnitEvent {
    const WHAT: &'static str = "event of a unit";
    const ALL: &'static [Self] = &UnitEvent::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for KeyKind {
    const WHAT: &'static str = "kind of payment keys";
    const ALL: &'static [Self] = &KeyKind::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for Condition {
    const WHAT: &'static str = "condition of a unit";
    const ALL: &'static [Self] = &Condition::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

impl Code for Verdict {
    const WHAT: &'static str = "verdict of an inspection";
    const ALL: &'static [Self] = &Verdict::ALL;

    fn code(self) -> &'static str {
        self.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_word_reads_back<T: Code + PartialEq + std::fmt::Debug>() {
        for word in T::ALL {
            assert_eq!(read::<T>(word.code()), Some(*word));
        }
        assert_eq!(read::<T>("something else"), None);
    }

    #[test]
    fn every_word_reads_back_as_it_was_written() {
        every_word_reads_back::<Unit>();
        every_word_reads_back::<Presence>();
        every_word_reads_back::<ClaimWord>();
        every_word_reads_back::<CampaignState>();
        every_word_reads_back::<AssignmentState>();
        every_word_reads_back::<Held>();
        every_word_reads_back::<Purpose>();
        every_word_reads_back::<Stream>();
        every_word_reads_back::<Kind>();
        every_word_reads_back::<CalendarKind>();
        every_word_reads_back::<Work>();
        every_word_reads_back::<Every>();
        every_word_reads_back::<SnapshotState>();
        every_word_reads_back::<ObjectState>();
        every_word_reads_back::<AlarmKind>();
        every_word_reads_back::<PositionState>();
        every_word_reads_back::<BindingState>();
        every_word_reads_back::<RegistrationStatus>();
        every_word_reads_back::<RequestKind>();
        every_word_reads_back::<RequestState>();
        every_word_reads_back::<ReplacementState>();
        every_word_reads_back::<ReplacementEvent>();
        every_word_reads_back::<UnitState>();
        every_word_reads_back::<UnitEvent>();
        every_word_reads_back::<Condition>();
        every_word_reads_back::<Verdict>();
    }
}
