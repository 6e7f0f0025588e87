//! Why a replacement stays as it is, and what to do about it. Pure.

use shared::id::{CampaignId, PositionId, TerminalId};
use shared::time::UnixTime;

use super::watch::WATCHED_FOR_S_MAX;
use super::{NotMoved, ReplacementState};
use crate::provider::day::Day;
use crate::registry::terminal::Service;
use crate::request::RequestRefused;
use crate::unit::{UnitRefused, UnitState};

/// Why a replacement stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplacementRefused {
    #[error(transparent)]
    State(#[from] NotMoved),
    #[error("it is {found} by now, no longer {expected}")]
    Moved { expected: ReplacementState, found: ReplacementState },
    #[error("the terminal, its position or the unit is part of replacement {0}, which is not over")]
    InAnother(u64),
    #[error(transparent)]
    Request(#[from] RequestRefused),
    #[error("unit {serial}: {why}")]
    Unit { serial: String, why: UnitRefused },
    #[error("no unit with the serial number `{0}` is on the list")]
    NoUnit(String),
    #[error("unit {serial} is a {found}, and a {wanted} was asked for")]
    OtherModel { serial: String, found: String, wanted: String },
    #[error("the approval of unit {serial} has run out on {day}")]
    ApprovalExpired { serial: String, day: Day },
    #[error("{0} is what is to be replaced")]
    SameUnit(String),
    #[error("{0} is frozen: somebody finds it suspicious")]
    Frozen(String),
    #[error("the old terminal {serial} has not signed that it is suspended: {}", .service.word())]
    OldSells { serial: String, service: Service },
    #[error("the old terminal {0} is suspended, and has not settled what it owes")]
    OldOwes(String),
    #[error("the old terminal {0} is online: it can settle what it owes itself")]
    OldAnswers(String),
    #[error("the old terminal {serial} may sell again by {campaign}")]
    OldResumes { serial: String, campaign: CampaignId },
    #[error("the new terminal {serial} does not sell: {}", .service.word())]
    NewStandsStill { serial: String, service: Service },
    #[error("the new terminal {0} is to be emptied as lost, or another one has its place")]
    NewQuarantined(String),
    #[error("nothing is listed that the old terminal may still owe")]
    NothingListed,
    #[error("nobody says what the provider calls the closing of the old terminal's batch")]
    NotClosedAtHost,
    #[error("no snapshot of the old terminal {0} is verified, and nobody accepts that")]
    NoBackup(String),
    #[error("{name} asks for it, and cannot answer for it too")]
    SamePerson { name: String },
    #[error("unit {0} has not enrolled by the claim of this replacement")]
    NotEnrolled(String),
    #[error("the new terminal is to be restored, and {0} has not succeeded there")]
    NotRestored(CampaignId),
    #[error("nothing was restored onto unit {0}, and nobody says that nothing has to be")]
    NothingRestored(String),
    #[error("nobody says what the provider calls a test payment on unit {0}")]
    NotTested(String),
    #[error("a watch is for 1 to {} s", WATCHED_FOR_S_MAX)]
    WatchTooLong,
    #[error("nobody has found in order: {}", .0.join(", "))]
    Unchecked(Vec<&'static str>),
    #[error("terminal {old} does not fill {position} any more")]
    PositionMoved { position: PositionId, old: TerminalId },
    #[error("the new terminal has not been heard since it went live")]
    NotHeard,
    #[error("the new terminal is watched until {until}, or for {payments} payments more")]
    StillWatched { until: UnixTime, payments: u64 },
    #[error("the new terminal has not proven itself: {}", .0.join("; "))]
    Trouble(Vec<String>),
    #[error("nothing is wrong with the new terminal")]
    NoTrouble,
    #[error("the old terminal {0} has not signed that it is erased")]
    OldNotErased(String),
    #[error("the old unit {serial} is {state}")]
    OldNotBack { serial: String, state: UnitState },
}

impl Service {
    fn word(self) -> &'static str {
        match self {
            Self::InService => "it is in service",
            Self::Suspended => "it is suspended",
            Self::SuspendedOwing => "it is suspended, and not settled",
            Self::Erased => "it is erased",
        }
    }
}

impl ReplacementRefused {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::State(why) => why.hint(),
            Self::Moved { .. } => "look at it again, and decide again",
            Self::InAnother(_) => "close or cancel that one first: `tillward replace show`",
            Self::Request(why) => why.hint(),
            Self::Unit { why, .. } => why.hint(),
            Self::NoUnit(_) => "put it on the list first: `tillward unit add`",
            Self::OtherModel { .. } => "allocate a unit of that model, or ask anew for this one",
            Self::ApprovalExpired { .. } => "allocate a unit that may still be deployed",
            Self::SameUnit(_) => "allocate another one from stock",
            Self::Frozen(_) => "look into it: `tillward request suspicions`; two people lift it",
            Self::OldSells { .. } => {
                "suspend it: `tillward request new --kind suspend`, then `tillward deactivate \
                 suspend`; where it is dead `tillward replace old-unreachable`"
            }
            Self::OldOwes(_) => "let it settle first: `tillward deactivate settle`",
            Self::OldAnswers(_) => {
                "suspend it: `tillward request new --kind suspend`, then `tillward deactivate \
                 suspend`"
            }
            Self::OldResumes { .. } => {
                "end that campaign, or wait until it is over and suspend the terminal again: \
                 `tillward campaign abort`; where its order ran out unanswered, see that it \
                 connects, or revoke it if it is dead: `tillward terminal revoke`; where it had \
                 begun and stays silent, cancel this and begin anew"
            }
            Self::NewStandsStill { .. } => {
                "resume it: `tillward request new --kind resume`, then `tillward deactivate \
                 resume`; where it was erased cancel this and begin anew with another unit"
            }
            Self::NewQuarantined(_) => {
                "see what it is wanted for: `tillward terminal show`; or cancel this and begin \
                 anew with another unit"
            }
            Self::NothingListed => {
                "close its batch at the provider, and list what is left; where nothing is, say so"
            }
            Self::NotClosedAtHost => "close its batch at the provider, and name their reference",
            Self::NoBackup(_) => {
                "look at what there is: `tillward backup list`; where it is lost, say so with \
                 --without-backup"
            }
            Self::SamePerson { .. } => "name whoever answers for it: somebody else",
            Self::NotEnrolled(_) => {
                "enrol it with the claim line; where that ran out make another with `tillward \
                 replace pair`"
            }
            Self::NotRestored(_) => "wait for its end, or look at it: `tillward campaign show`",
            Self::NothingRestored(_) => {
                "restore the old terminal's data: `tillward restore plan SNAPSHOT --onto`; where \
                 nothing has to be, say so with --nothing-to-restore"
            }
            Self::NotTested(_) => "make a payment on it, give it back, and name the reference",
            Self::WatchTooLong => "name a shorter time; the usual one is 72 hours",
            Self::Unchecked(_) => {
                "have somebody try it, then name what works and what the unit has none of"
            }
            Self::PositionMoved { .. } => {
                "put the old terminal back into its position, or cancel and begin anew"
            }
            Self::NotHeard => "see that it connects: `tillward terminal show`",
            Self::StillWatched { .. } => {
                "wait; payments are counted by its snapshots: `tillward backup now`"
            }
            Self::Trouble(_) => {
                "put it right; or name who answers for it: `tillward replace accept-trouble`"
            }
            Self::NoTrouble => "wait until its watch is over: `tillward replace show`",
            Self::OldNotErased(_) => {
                "have it erased: `tillward request new --kind decommission`, then `tillward \
                 deactivate wipe`"
            }
            Self::OldNotBack { .. } => {
                "have it erased and returned: `tillward deactivate wipe`, `tillward unit move`"
            }
        }
    }
}
