//! The words for how things go and end, which both sides, the API and the command line use.

use serde::{Deserialize, Serialize};

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// What was asked is so, as shown by the thing itself: for an upgrade, `now` is the version
    /// that the restarted application reported.
    Succeeded { now: String },
    /// Undone: everything is as it was before.
    RolledBack { failure: Failure },
    /// Ended before anything was disturbed.
    Failed { failure: Failure },
    /// Could not be undone; trading goes on as far as possible and a person is needed.
    RollbackFailed { failure: Failure, undoing: Failure },
    /// Withdrawn before anything was disturbed.
    Cancelled { reason: String },
    /// Its time ran out before anything was disturbed.
    Expired,
    /// A newer order for the same thing replaced it before it began, or went on from where it was.
    Superseded,
}

/// Why a step failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    pub code: FailureCode,
    /// The step, in the words of the job's table.
    pub step: String,
    /// For people: on which object, and why.
    pub detail: String,
}

/// Stable across releases: dashboards and support articles refer to these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCode {
    /// This terminal's model, version or floor does not allow it.
    NotApplicable,
    ArtifactUnavailable,
    ArtifactMismatch,
    ArtifactUnsafe,
    /// The new version's own look at this machine, before anything was disturbed.
    PreflightFailed,
    DiskFull,
    PosNotReady,
    PosRefused,
    DrainIncomplete,
    SettlementMismatch,
    SwitchFailed,
    RestartFailed,
    HealthNotProven,
    TimedOut,
    /// What was to be saved holds a payment card's number; nothing of it was sent.
    CardDataFound,
    /// The till could not write down what it has.
    ExportFailed,
    /// The roster names fewer recovery recipients than a key must be sealed to.
    NoRecipients,
    /// The controller does not take the backup: no room, or not this terminal's.
    BackupRefused,
    /// A piece of the snapshot is missing, or not what its manifest says.
    SnapshotDamaged,
    /// The snapshot does not belong on this till, or is older than what it must go on from.
    NotRestorable,
    /// What was restored does not add up to what was saved.
    TotalsDiffer,
    /// The terminal is bound to another provider, merchant or TID than the change was planned for.
    OtherBinding,
    /// There is no free place for a second binding on this terminal.
    NoFreeSlot,
    /// The secrets of the new binding cannot be opened here.
    NotSealedToThis,
    /// A test on the new binding failed.
    TestFailed,
    /// The new provider did worse than the old one while it was watched.
    WatchBreached,
    /// A till that was to stand still sells, or has something to send or to settle.
    NotStopped,
    /// What was to be erased can still be read, or nobody can say whether it can.
    NotErased,
    /// Withdrawn by people after it had begun, and undone.
    Withdrawn,
    /// What was to be cancelled had begun to disturb the shop, or was over.
    TooLate,
    Internal,
}

impl FailureCode {
    /// What to do about it, in the imperative.
    pub fn hint(self) -> &'static str {
        match self {
            Self::NotApplicable => "choose a release that names this model and counter",
            Self::ArtifactUnavailable => {
                "check that the terminal reaches the controller's HTTPS port"
            }
            Self::ArtifactMismatch => {
                "publish the artifact again; the stored bytes are not the signed ones"
            }
            Self::ArtifactUnsafe => "rebuild the release from plain files and directories",
            Self::PreflightFailed => {
                "read the detail: the new version says why it will not run here"
            }
            Self::DiskFull => "free space on the terminal, or publish a smaller release",
            Self::PosNotReady => "look at the till: it did not say that it was free",
            Self::PosRefused => "read the till's own reason in the detail",
            Self::DrainIncomplete => "finish what is open on the till, then retry",
            Self::SettlementMismatch => {
                "compare the till's totals with the provider's before anything else"
            }
            Self::SwitchFailed => "look at the terminal's disk",
            Self::RestartFailed => "look at the till; its old version is the current one again",
            Self::HealthNotProven => "test this release on a terminal in the office",
            Self::TimedOut => "look at what the terminal was waiting for, then retry",
            Self::CardDataFound => {
                "find out at the till what wrote a card number, and remove it there"
            }
            Self::ExportFailed => "look at the till: it could not export its data",
            Self::NoRecipients => "publish a roster with two recovery recipients or more",
            Self::BackupRefused => "read the controller's own reason in the detail",
            Self::SnapshotDamaged => "restore an older snapshot, and verify this one",
            Self::NotRestorable => "choose a snapshot that fits this till",
            Self::TotalsDiffer => "restore an older snapshot; the till has what it had before",
            Self::OtherBinding => "plan the change again: this till has moved meanwhile",
            Self::NoFreeSlot => "replace the unit: this one has no second place for keys",
            Self::NotSealedToThis => "seal the secrets to this terminal's present recipient",
            Self::TestFailed => {
                "ask the new provider why: the till sells with the old one as before"
            }
            Self::WatchBreached => "compare the figures in the evidence with the new provider",
            Self::NotStopped => "look at the till: it must sell nothing and owe nothing",
            Self::NotErased => "keep the unit locked away, and have its storage destroyed",
            Self::Withdrawn => "nothing: people asked for it",
            Self::TooLate => "wait for the outcome of the job that was to be cancelled",
            Self::Internal => "collect the agent's log and report it",
        }
    }
}

/// Why a job waits. Time in here does not count against any step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waiting {
    /// For the maintenance window, or for the hours that its order's calendar opens.
    Window,
    /// For the till to be free.
    Till,
    /// For the network.
    Network,
    /// For another job on this terminal to end.
    Turn,
    /// For the till's open batch to be settled.
    Settlement,
    /// For the new provider to have been watched for long enough; the shop sells.
    Watch,
    /// For the moment from which the terminal sells no more; until then it does.
    CutOff,
    /// For the time in which a wipe can still be cancelled.
    CoolOff,
    /// For somebody to look: going on without would cost money, and there is no way around.
    People,
    /// For the end of a freeze, in which nothing may change.
    Freeze,
    /// For the terminal to be charged: a power cut in the middle would cost more than the wait.
    Battery,
    /// For room on its disk. Until somebody makes some, nothing is fetched.
    Disk,
}

/// Why an order was refused. Each check has its own word, so that an alarm can tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    TooLarge,
    Malformed,
    NotCanonical,
    UnknownFormat,
    /// A signed document, but not of the kind that belongs there.
    OtherKind,
    /// The roster that says whose signatures count has itself run out.
    RosterExpired,
    /// No controller's key signed the order.
    BadSignature,
    OtherTerminal,
    /// Ordered before the terminal enrolled anew.
    OldEpoch,
    /// Of an epoch that the terminal has not been told of yet.
    EpochAhead,
    OtherBatch,
    UnsoundBatch,
    UnsoundCalendar,
    /// The batch lacks a signature that its verb needs.
    TooFewSignatures,
    /// Enough approvers' keys have signed the batch, and too few different people.
    SameOwner,
    NotAMember,
    /// The terminal is one of a batch's members, and of another number of them than the batch says.
    /// A terminal tells this from a stranger's batch where the root is of at most 65,536 members
    /// more than its own place; of a larger one it says [`Self::NotAMember`].
    CountMisstated,
    Expired,
    NotYet,
    LivesTooLong,
    Replayed,
    WrongStream,
    ClockUnknown,
    ReleaseMissing,
    /// Fewer release keys than the threshold signed the release.
    ReleaseNotSigned,
    ReleaseExpired,
    OtherRelease,
    UnsoundRelease,
    /// A rebind without this terminal's profile.
    ProfileMissing,
    /// A profile that no approver signed for, or another terminal's.
    OtherProfile,
    UnsoundProfile,
    /// A wipe without this terminal's clearance.
    ClearanceMissing,
    /// A clearance that no approver signed for, or another terminal's.
    OtherClearance,
    /// A wipe of what the terminal was before it enrolled anew.
    OtherChallenge,
    /// A wipe, or a return to service, of a terminal that was not suspended.
    NotSuspended,
    /// A wipe of a terminal that was suspended by another order than its clearance names.
    OtherSuspension,
    /// A wipe that names no snapshot, or of a terminal that knows of none.
    NotSaved,
    /// A wipe that names another snapshot than the one that the suspension has saved.
    OtherSnapshot,
    /// A wipe that names nobody who has deregistered the terminal.
    NotDeregistered,
    /// A wipe of a terminal that was suspended before it had settled, and has not settled since.
    NotSettled,
    /// A change of provider on a terminal that is suspended.
    Suspended,
    OtherModel,
    CounterTooLow,
    /// What runs is older than the release can take over from.
    RunningTooOld,
    /// The terminal's ledger or outbox is full, or lost and not yet replaced.
    NoRoom,
}

impl Refusal {
    pub const ALL: [Self; 45] = [
        Self::TooLarge,
        Self::Malformed,
        Self::NotCanonical,
        Self::UnknownFormat,
        Self::OtherKind,
        Self::RosterExpired,
        Self::BadSignature,
        Self::OtherTerminal,
        Self::OldEpoch,
        Self::EpochAhead,
        Self::OtherBatch,
        Self::UnsoundBatch,
        Self::UnsoundCalendar,
        Self::TooFewSignatures,
        Self::SameOwner,
        Self::NotAMember,
        Self::CountMisstated,
        Self::Expired,
        Self::NotYet,
        Self::LivesTooLong,
        Self::Replayed,
        Self::WrongStream,
        Self::ClockUnknown,
        Self::ReleaseMissing,
        Self::ReleaseNotSigned,
        Self::ReleaseExpired,
        Self::OtherRelease,
        Self::UnsoundRelease,
        Self::ProfileMissing,
        Self::OtherProfile,
        Self::UnsoundProfile,
        Self::ClearanceMissing,
        Self::OtherClearance,
        Self::OtherChallenge,
        Self::NotSuspended,
        Self::OtherSuspension,
        Self::NotSaved,
        Self::OtherSnapshot,
        Self::NotDeregistered,
        Self::NotSettled,
        Self::Suspended,
        Self::OtherModel,
        Self::CounterTooLow,
        Self::RunningTooOld,
        Self::NoRoom,
    ];

    /// Whether the same order may be accepted when it comes again later. Such a refusal ends
    /// nothing: the terminal says it to nobody, and the controller, which has not heard
    /// `Accepted`, sends the order again.
    pub fn may_pass(self) -> bool {
        match self {
            Self::RosterExpired
            | Self::EpochAhead
            | Self::NotYet
            | Self::ClockUnknown
            | Self::NoRoom => true,
            Self::TooLarge
            | Self::Malformed
            | Self::NotCanonical
            | Self::UnknownFormat
            | Self::OtherKind
            | Self::BadSignature
            | Self::OtherTerminal
            | Self::OldEpoch
            | Self::OtherBatch
            | Self::UnsoundBatch
            | Self::UnsoundCalendar
            | Self::TooFewSignatures
            | Self::SameOwner
            | Self::NotAMember
            | Self::CountMisstated
            | Self::Expired
            | Self::LivesTooLong
            | Self::Replayed
            | Self::WrongStream
            | Self::ReleaseMissing
            | Self::ReleaseNotSigned
            | Self::ReleaseExpired
            | Self::OtherRelease
            | Self::UnsoundRelease
            | Self::ProfileMissing
            | Self::OtherProfile
            | Self::UnsoundProfile
            | Self::ClearanceMissing
            | Self::OtherClearance
            | Self::OtherChallenge
            | Self::NotSuspended
            | Self::OtherSuspension
            | Self::NotSaved
            | Self::OtherSnapshot
            | Self::NotDeregistered
            | Self::NotSettled
            | Self::Suspended
            | Self::OtherModel
            | Self::CounterTooLow
            | Self::RunningTooOld => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_refusal_has_a_word_of_its_own() {
        let word = |it: &Refusal| serde_json::to_string(it).expect("it is a word");
        let words: BTreeSet<_> = Refusal::ALL.iter().map(word).collect();
        assert_eq!(words.len(), Refusal::ALL.len());
        // None is left out between the first and the last.
        for (place, it) in Refusal::ALL.iter().enumerate() {
            assert_eq!(*it as usize, place, "{it:?}");
        }
        assert_eq!(Refusal::ALL.last(), Some(&Refusal::NoRoom));
    }
}
