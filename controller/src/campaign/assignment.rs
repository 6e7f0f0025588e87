//! One campaign on one terminal: what is known, and what state that makes. Pure.
//!
//! A [`Standing`] only gathers facts, and gathering is commutative and idempotent: reports may
//! come late, twice and in any order, and end in the same standing. The state is not stored
//! progress, it is read off the facts.

use std::cmp::Reverse;
use std::fmt;

use serde::{Deserialize, Serialize};
use shared::codec;
use shared::message::{Progress, StepState};
use shared::outcome::{Outcome, Refusal};
use shared::time::UnixTime;

/// In the order in which they can follow one another; everything from `Unreached` is an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AssignmentState {
    /// There is an order; the terminal has not accepted it yet.
    Ordered,
    /// …and has not for so long that it holds up nobody else. The order is still owed.
    Unanswered,
    /// The terminal has the order in its ledger.
    Accepted,
    /// It waits, for its window or its till for example.
    Waiting,
    Working,
    Undoing,
    /// The order ran out before the terminal accepted it. Not counted as bad: nothing was tried.
    Unreached,
    /// The terminal accepted the order and said nothing more until well after it ran out. Neither
    /// a success nor a failure until it speaks.
    Silent,
    Refused,
    Expired,
    Superseded,
    Cancelled,
    Failed,
    RolledBack,
    RollbackFailed,
    Succeeded,
}

impl AssignmentState {
    pub const ALL: [Self; 16] = [
        Self::Ordered,
        Self::Unanswered,
        Self::Accepted,
        Self::Waiting,
        Self::Working,
        Self::Undoing,
        Self::Unreached,
        Self::Silent,
        Self::Refused,
        Self::Expired,
        Self::Superseded,
        Self::Cancelled,
        Self::Failed,
        Self::RolledBack,
        Self::RollbackFailed,
        Self::Succeeded,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Unanswered => "unanswered",
            Self::Accepted => "accepted",
            Self::Waiting => "waiting",
            Self::Working => "working",
            Self::Undoing => "undoing",
            Self::Unreached => "unreached",
            Self::Silent => "silent",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
            Self::RollbackFailed => "rollback-failed",
            Self::Succeeded => "succeeded",
        }
    }

    /// Nothing more is expected of the terminal; a late word of it is still heard.
    pub fn is_end(self) -> bool {
        self >= Self::Unreached
    }

    /// Counts against the campaign.
    pub fn is_bad(self) -> bool {
        match self {
            Self::Silent
            | Self::Refused
            | Self::Failed
            | Self::RolledBack
            | Self::RollbackFailed => true,
            Self::Ordered
            | Self::Unanswered
            | Self::Accepted
            | Self::Waiting
            | Self::Working
            | Self::Undoing
            | Self::Unreached
            | Self::Expired
            | Self::Superseded
            | Self::Cancelled
            | Self::Succeeded => false,
        }
    }

    /// Takes one of the places of `max_parallel`.
    pub fn takes_a_place(self) -> bool {
        match self {
            Self::Ordered | Self::Accepted | Self::Waiting | Self::Working | Self::Undoing => true,
            Self::Unanswered
            | Self::Unreached
            | Self::Silent
            | Self::Refused
            | Self::Expired
            | Self::Superseded
            | Self::Cancelled
            | Self::Failed
            | Self::RolledBack
            | Self::RollbackFailed
            | Self::Succeeded => false,
        }
    }
}

impl fmt::Display for AssignmentState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// Everything that is known about one order: what the controller did and what the terminal said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    pub ordered_at: UnixTime,
    pub unanswered_at: Option<UnixTime>,
    pub accepted_at: Option<UnixTime>,
    pub progress: Option<Progress>,
    pub given_up: Option<GivenUp>,
    /// It will not begin unless the terminal has accepted it: then that is its own to tell.
    pub withdrawn_at: Option<UnixTime>,
    pub refused: Option<Refused>,
    pub ended: Option<Ended>,
    /// The terminal told two different ends.
    pub contradicted: bool,
}

/// The controller stopped waiting. What the terminal says later still counts for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenUp {
    pub as_what: Unheard,
    pub at: UnixTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unheard {
    Unreached,
    Silent,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    pub refusal: Refusal,
    pub detail: String,
    pub at: UnixTime,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    pub outcome: Outcome,
    pub at: UnixTime,
}

/// One thing that became known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Unanswered(UnixTime),
    GivenUp(GivenUp),
    Withdrawn(UnixTime),
    Accepted(UnixTime),
    Progress(Progress),
    Refused(Refused),
    Ended(Ended),
}

impl Standing {
    pub fn ordered(at: UnixTime) -> Self {
        Self {
            ordered_at: at,
            unanswered_at: None,
            accepted_at: None,
            progress: None,
            given_up: None,
            withdrawn_at: None,
            refused: None,
            ended: None,
            contradicted: false,
        }
    }

    /// Adds a fact. Adding it again, or in another order with others, makes no difference.
    pub fn learn(&mut self, fact: Fact) {
        match fact {
            Fact::Unanswered(at) => self.unanswered_at = earliest(self.unanswered_at, at),
            Fact::Withdrawn(at) => self.withdrawn_at = earliest(self.withdrawn_at, at),
            Fact::Accepted(at) => self.accepted_at = earliest(self.accepted_at, at),
            Fact::GivenUp(given_up) => {
                self.given_up = Some(self.given_up.map_or(given_up, |known| known.max(given_up)));
            }
            Fact::Progress(progress) => {
                let rank = |it: &Progress| (it.ordinal, codec::encode(it));
                if self.progress.as_ref().is_none_or(|known| rank(known) < rank(&progress)) {
                    self.progress = Some(progress);
                }
            }
            Fact::Refused(refused) => {
                // The first refusal is the one that counts: later ones answer copies.
                let rank = |it: &Refused| (Reverse(it.at), it.refusal, it.detail.clone());
                if self.refused.as_ref().is_none_or(|known| rank(known) < rank(&refused)) {
                    self.refused = Some(refused);
                }
            }
            Fact::Ended(ended) => self.learn_end(ended),
        }
    }

    /// Of two different ends the weightier one stands, and the contradiction is remembered. The
    /// same end told twice is no contradiction, and happened when it was told first.
    fn learn_end(&mut self, told: Ended) {
        let Some(known) = &self.ended else {
            self.ended = Some(told);
            return;
        };
        self.contradicted |= known.outcome != told.outcome;
        let rank = |it: &Ended| (weight(&it.outcome), codec::encode(&it.outcome), Reverse(it.at));
        if rank(known) < rank(&told) {
            self.ended = Some(told);
        }
    }

    pub fn state(&self) -> AssignmentState {
        self.state_since().0
    }

    /// The state, and since when it is that.
    pub fn state_since(&self) -> (AssignmentState, UnixTime) {
        use AssignmentState as State;
        if let Some(ended) = &self.ended {
            return (state_of_end(&ended.outcome), ended.at);
        }
        let accepted = self.accepted_at.is_some() || self.progress.is_some();
        // After it accepted an order a terminal refuses only copies of it.
        if let (Some(refused), false) = (&self.refused, accepted) {
            return (State::Refused, refused.at);
        }
        if let (Some(at), false) = (self.withdrawn_at, accepted) {
            return (State::Cancelled, at);
        }
        if let Some(given_up) = self.given_up {
            let state = match given_up.as_what {
                Unheard::Unreached => State::Unreached,
                Unheard::Silent => State::Silent,
            };
            return (state, given_up.at);
        }
        if let Some(progress) = &self.progress {
            let state = match progress.state {
                StepState::Running => State::Working,
                StepState::Waiting { .. } => State::Waiting,
                StepState::Undoing { .. } => State::Undoing,
            };
            return (state, progress.at);
        }
        match (self.accepted_at, self.unanswered_at) {
            (Some(at), _) => (State::Accepted, at),
            (None, Some(at)) => (State::Unanswered, at),
            (None, None) => (State::Ordered, self.ordered_at),
        }
    }

    /// The terminal has it in its ledger, or has answered for it: it need not be sent again.
    pub fn is_answered(&self) -> bool {
        self.accepted_at.is_some() || self.refused.is_some() || self.ended.is_some()
    }

    /// It succeeded after the controller had given up, or after it had told a failure.
    pub fn is_late_success(&self) -> bool {
        self.state() == AssignmentState::Succeeded && (self.given_up.is_some() || self.contradicted)
    }
}

fn earliest(known: Option<UnixTime>, told: UnixTime) -> Option<UnixTime> {
    Some(known.map_or(told, |known| known.min(told)))
}

fn state_of_end(outcome: &Outcome) -> AssignmentState {
    match outcome {
        Outcome::Succeeded { .. } => AssignmentState::Succeeded,
        Outcome::RolledBack { .. } => AssignmentState::RolledBack,
        Outcome::Failed { .. } => AssignmentState::Failed,
        Outcome::RollbackFailed { .. } => AssignmentState::RollbackFailed,
        Outcome::Cancelled { .. } => AssignmentState::Cancelled,
        Outcome::Expired => AssignmentState::Expired,
        Outcome::Superseded => AssignmentState::Superseded,
    }
}

/// States of ends ascend in weight: a success that comes late counts for more than the failure
/// that was told before it, and what needs a person for more than what does not.
fn weight(outcome: &Outcome) -> AssignmentState {
    state_of_end(outcome)
}
