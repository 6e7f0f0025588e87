//! One campaign on one terminal: what is known, and what state that makes. Pure.
//!
//! A [`Standing`] only gathers facts, and gathering is commutative and idempotent: reports may
//! come late, twice and in any order, and end in the same standing. The state is not stored
//! progress, it is read off the facts.

pub mod steps;

use std::cmp::Reverse;
use std::fmt;

use serde::{Deserialize, Serialize};
use shared::codec;
use shared::message::{Progress, StepState};
use shared::outcome::{Outcome, Refusal, Waiting};
use shared::time::UnixTime;

use steps::Steps;

/// In the order in which they can follow one another; everything from `Unreached` is an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AssignmentState {
    /// There is an order; the terminal has not accepted it yet.
    Ordered,
    /// …and has not for so long that it has lent its place to another. It is not sent again before
    /// there is a place for it.
    Unanswered,
    /// The terminal has the order in its ledger.
    Accepted,
    /// It waits, for its window or its till for example.
    Waiting,
    Working,
    Undoing,
    /// The order ran out before the terminal accepted it. Not counted as bad: nothing was tried.
    Unreached,
    /// The terminal has begun and is away for too long, or until well after the order ran out:
    /// counted as bad until it speaks.
    Silent,
    Refused,
    /// The order ran out before the terminal began, by its own word or because nothing was heard
    /// of it until well after that. Not counted as bad.
    Expired,
    Superseded,
    Cancelled,
    /// Taken back before it began, because the campaign was stopped: its turn comes again when the
    /// campaign goes on.
    Withdrawn,
    /// It had succeeded, and was brought back to what it was because the campaign was stopped; its
    /// turn comes again, too.
    Reverted,
    Failed,
    RolledBack,
    RollbackFailed,
    Succeeded,
}

impl AssignmentState {
    pub const ALL: [Self; 18] = [
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
        Self::Withdrawn,
        Self::Reverted,
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
            Self::Withdrawn => "withdrawn",
            Self::Reverted => "reverted",
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
            | Self::Withdrawn
            | Self::Reverted
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
            | Self::Withdrawn
            | Self::Reverted
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
    /// It was sent a cancellation because the campaign was stopped, not because it was ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted_at: Option<UnixTime>,
    /// There was a place for it again, after it had lent its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted_at: Option<UnixTime>,
    /// Another campaign has brought it back to what it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverted_at: Option<UnixTime>,
    /// An attempt before this one has ended badly: it counts until one has ended well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed_before: bool,
    /// Somebody knows that it has ended badly, and lets it pass: that, and no other, stops nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub acknowledged: bool,
    /// Somebody has it left out: it does not come again, and nobody waits for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_out: bool,
    /// What it has come to on the way.
    #[serde(default, skip_serializing_if = "Steps::is_empty")]
    pub steps: Steps,
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
    /// It has accepted the order, and not begun.
    Expired,
    Silent,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    pub refusal: Refusal,
    pub detail: String,
    pub at: UnixTime,
}

impl Refused {
    /// The same order will never be accepted. One that comes a moment too early may be, and one
    /// of an earlier epoch is made again.
    pub fn is_final(&self) -> bool {
        !self.refusal.may_pass() && self.refusal != Refusal::OldEpoch
    }
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
    /// It has a place again.
    Granted(UnixTime),
    /// What it had brought was taken back.
    Reverted(UnixTime),
    GivenUp(GivenUp),
    Withdrawn(UnixTime),
    /// The campaign was stopped, and it is being taken back.
    Halted(UnixTime),
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
            halted_at: None,
            granted_at: None,
            reverted_at: None,
            failed_before: false,
            acknowledged: false,
            left_out: false,
            steps: Steps::default(),
        }
    }

    /// The next attempt after this one, if there was any. A bad end stays what it is until an
    /// attempt has ended well, and who has let it pass has let it pass.
    pub fn ordered_after(before: Option<&Self>, at: UnixTime) -> Self {
        Self {
            failed_before: before.is_some_and(Self::counts_as_bad),
            acknowledged: before.is_some_and(Self::is_acknowledged),
            left_out: before.is_some_and(|it| it.left_out),
            ..Self::ordered(at)
        }
    }

    /// Adds a fact. Adding it again, or in another order with others, makes no difference.
    pub fn learn(&mut self, fact: Fact) {
        match fact {
            Fact::Unanswered(at) => self.unanswered_at = self.unanswered_at.max(Some(at)),
            Fact::Granted(at) => self.granted_at = self.granted_at.max(Some(at)),
            Fact::Reverted(at) => self.reverted_at = earliest(self.reverted_at, at),
            Fact::Withdrawn(at) => self.withdrawn_at = earliest(self.withdrawn_at, at),
            Fact::Halted(at) => self.halted_at = earliest(self.halted_at, at),
            Fact::Accepted(at) => self.accepted_at = earliest(self.accepted_at, at),
            Fact::GivenUp(given_up) => {
                self.given_up = Some(self.given_up.map_or(given_up, |known| known.max(given_up)));
            }
            Fact::Progress(progress) => {
                self.steps.learn(&progress);
                let rank = |it: &Progress| (it.ordinal, codec::encode(it));
                if self.progress.as_ref().is_none_or(|known| rank(known) < rank(&progress)) {
                    self.progress = Some(progress);
                }
            }
            Fact::Refused(refused) => {
                // The first final one is the one that counts: later ones answer copies.
                let rank =
                    |it: &Refused| (it.is_final(), Reverse(it.at), it.refusal, it.detail.clone());
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
        match (self.state_unless_halted(), self.reverted_at) {
            ((AssignmentState::Cancelled, at), _) if self.halted_at.is_some() && !self.left_out => {
                (AssignmentState::Withdrawn, at)
            }
            ((AssignmentState::Succeeded, _), Some(at)) if self.left_out => {
                (AssignmentState::Cancelled, at)
            }
            ((AssignmentState::Succeeded, _), Some(at)) => (AssignmentState::Reverted, at),
            (other, _) => other,
        }
    }

    fn state_unless_halted(&self) -> (AssignmentState, UnixTime) {
        use AssignmentState as State;
        if let Some(ended) = &self.ended {
            return (state_of_end(&ended.outcome), ended.at);
        }
        let accepted = self.accepted_at.is_some() || self.progress.is_some();
        // After it accepted an order a terminal refuses only copies of it.
        if let (Some(refused), false) = (&self.refused, accepted)
            && refused.is_final()
        {
            return (State::Refused, refused.at);
        }
        if let (Some(at), false) = (self.withdrawn_at, accepted) {
            return (State::Cancelled, at);
        }
        if let Some(given_up) = self.given_up {
            let state = match given_up.as_what {
                Unheard::Unreached => State::Unreached,
                Unheard::Expired => State::Expired,
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
        let lent = self.unanswered_at.filter(|at| self.granted_at < Some(*at));
        match (self.accepted_at, lent) {
            (Some(at), _) => (State::Accepted, at),
            (None, Some(at)) => (State::Unanswered, at),
            (None, None) => (State::Ordered, self.granted_at.unwrap_or(self.ordered_at)),
        }
    }

    /// What the terminal says it waits for.
    pub fn waits_for(&self) -> Option<Waiting> {
        let waits = self.state() == AssignmentState::Waiting;
        match &self.progress.as_ref().filter(|_| waits)?.state {
            StepState::Waiting { reason, .. } => Some(*reason),
            StepState::Running | StepState::Undoing { .. } => None,
        }
    }

    /// Whether it has told of this step.
    pub fn has_come_to(&self, step: &str) -> bool {
        self.steps.get(step).is_some()
    }

    /// Whether its terminal may be at it though nobody expects to hear of it any more. `may_hold`:
    /// it may have the order without having said so.
    pub fn may_be_under_way_unheard(&self, may_hold: bool) -> bool {
        let accepted = self.accepted_at.is_some() || self.progress.is_some();
        let refused = self.refused.as_ref().is_some_and(Refused::is_final);
        let is_told = self.ended.is_some() || (refused && !accepted);
        self.given_up.is_some() && !is_told && (accepted || may_hold)
    }

    /// It has ended badly, or an attempt before it has and none has ended well since: neither
    /// trying again nor taking that back makes it good.
    pub fn counts_as_bad(&self) -> bool {
        self.state().is_bad() || (self.failed_before && !self.has_succeeded())
    }

    /// It counts as bad for what was before it.
    pub fn is_retry_of_bad(&self) -> bool {
        self.counts_as_bad() && !self.state().is_bad()
    }

    /// It counts as bad, and somebody has let that pass.
    pub fn is_acknowledged(&self) -> bool {
        self.acknowledged && self.counts_as_bad()
    }

    /// It is left out, and was not tried: its wave does not wait for it.
    pub fn is_untried_and_left_out(&self) -> bool {
        let is_tried = self.state() == AssignmentState::Succeeded || self.counts_as_bad();
        self.left_out && self.state().is_end() && !is_tried
    }

    fn has_succeeded(&self) -> bool {
        self.ended.as_ref().is_some_and(|it| matches!(it.outcome, Outcome::Succeeded { .. }))
    }

    /// The terminal has it in its ledger, or has answered for it: it need not be sent again.
    pub fn is_answered(&self) -> bool {
        let refused = self.refused.as_ref().is_some_and(Refused::is_final);
        self.accepted_at.is_some() || refused || self.ended.is_some()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::digest::Digest;
    use shared::id::OrderId;
    use shared::outcome::{Failure, FailureCode, Waiting};

    use super::*;

    const ORDER: OrderId = OrderId::from_bytes([1; 16]);

    fn at(second: i64) -> UnixTime {
        UnixTime(second)
    }

    fn failed(detail: &str) -> Outcome {
        let failure = Failure {
            code: FailureCode::DiskFull,
            step: "fetch".to_owned(),
            detail: detail.to_owned(),
        };
        Outcome::Failed { failure }
    }

    fn succeeded() -> Outcome {
        Outcome::Succeeded { now: "2".to_owned() }
    }

    fn ended(outcome: Outcome, second: i64) -> Fact {
        Fact::Ended(Ended { outcome, at: at(second) })
    }

    fn refused(refusal: Refusal, second: i64) -> Fact {
        Fact::Refused(Refused { refusal, detail: "so".to_owned(), at: at(second) })
    }

    fn given_up(as_what: Unheard, second: i64) -> Fact {
        Fact::GivenUp(GivenUp { as_what, at: at(second) })
    }

    fn progress(ordinal: u64, state: StepState) -> Fact {
        Fact::Progress(Progress {
            order: ORDER,
            ordinal,
            step: "fetch".to_owned(),
            state,
            at: at(50),
            bytes_done: None,
            bytes_total: None,
        })
    }

    fn waiting() -> StepState {
        StepState::Waiting { reason: Waiting::Till, detail: String::new() }
    }

    fn after(facts: impl IntoIterator<Item = Fact>) -> Standing {
        let mut standing = Standing::ordered(at(1));
        facts.into_iter().for_each(|fact| standing.learn(fact));
        standing
    }

    #[track_caller]
    fn check(facts: &[Fact], state: AssignmentState, since: i64) {
        assert_eq!(after(facts.iter().cloned()).state_since(), (state, at(since)));
        assert_eq!(after(facts.iter().rev().cloned()).state_since(), (state, at(since)));
    }

    #[test]
    fn facts_make_the_state_whatever_their_order() {
        use AssignmentState as State;
        let accepted = Fact::Accepted(at(20));
        let unanswered = Fact::Unanswered(at(10));
        let withdrawn = Fact::Withdrawn(at(30));
        check(&[], State::Ordered, 1);
        check(std::slice::from_ref(&unanswered), State::Unanswered, 10);
        check(&[unanswered, accepted.clone()], State::Accepted, 20);
        check(&[accepted.clone(), Fact::Accepted(at(25))], State::Accepted, 20);
        check(&[progress(2, waiting()), progress(1, StepState::Running)], State::Waiting, 50);
        check(&[progress(1, StepState::Running)], State::Working, 50);
        check(&[given_up(Unheard::Unreached, 60)], State::Unreached, 60);
        check(&[accepted.clone(), given_up(Unheard::Silent, 70)], State::Silent, 70);
        check(&[accepted.clone(), given_up(Unheard::Expired, 70)], State::Expired, 70);
        check(std::slice::from_ref(&withdrawn), State::Cancelled, 30);
        let halted = Fact::Halted(at(25));
        check(std::slice::from_ref(&halted), State::Ordered, 1);
        check(&[halted.clone(), withdrawn.clone()], State::Withdrawn, 30);
        let cancelled = Outcome::Cancelled { reason: String::new() };
        check(&[ended(cancelled, 40), accepted.clone(), halted.clone()], State::Withdrawn, 40);
        check(&[halted, ended(succeeded(), 40)], State::Succeeded, 40);
        check(&[withdrawn, accepted.clone()], State::Accepted, 20);
        check(&[refused(Refusal::OtherModel, 15)], State::Refused, 15);
        check(&[ended(failed("a"), 90), accepted.clone()], State::Failed, 90);
        check(&[ended(Outcome::Expired, 90), progress(9, waiting())], State::Expired, 90);
    }

    #[test]
    fn a_refused_copy_takes_nothing_back() {
        use AssignmentState as State;
        check(&[Fact::Accepted(at(20)), refused(Refusal::Replayed, 15)], State::Accepted, 20);
        check(&[refused(Refusal::Replayed, 15), ended(succeeded(), 40)], State::Succeeded, 40);
    }

    #[test]
    fn a_refusal_that_may_pass_ends_nothing() {
        for passing in [Refusal::NotYet, Refusal::EpochAhead, Refusal::OldEpoch] {
            let standing = after([refused(passing, 15)]);
            assert_eq!(standing.state(), AssignmentState::Ordered);
            assert!(!standing.is_answered(), "{passing:?}: it is sent again");
        }
        check(
            &[refused(Refusal::NotYet, 15), refused(Refusal::Expired, 30)],
            AssignmentState::Refused,
            30,
        );
    }

    #[test]
    fn a_success_after_a_failure_or_after_giving_up_is_late() {
        let late = after([given_up(Unheard::Silent, 70), ended(succeeded(), 90)]);
        assert!(late.is_late_success() && !late.contradicted);
        let corrected = after([ended(succeeded(), 90), ended(failed("a"), 80)]);
        assert!(corrected.is_late_success() && corrected.contradicted);
        let plain = after([ended(succeeded(), 90), ended(succeeded(), 95)]);
        assert!(!plain.is_late_success() && !plain.contradicted);
        assert_eq!(plain.state_since().1, at(90), "it happened when it was told first");
    }

    #[test]
    fn every_state_is_an_end_or_takes_a_place_or_has_been_waited_for_too_long() {
        for state in AssignmentState::ALL {
            let unanswered = state == AssignmentState::Unanswered;
            assert_eq!(!state.is_end(), state.takes_a_place() || unanswered, "{state}");
            assert!(state.is_end() || !state.is_bad(), "{state}");
        }
    }

    fn fact() -> impl Strategy<Value = Fact> {
        let refusal = prop_oneof![Just(Refusal::Replayed), Just(Refusal::NoRoom)];
        let outcome = prop_oneof![
            Just(succeeded()),
            Just(failed("a")),
            Just(failed("b")),
            Just(Outcome::Expired)
        ];
        let unheard =
            prop_oneof![Just(Unheard::Unreached), Just(Unheard::Expired), Just(Unheard::Silent)];
        let time = 0_i64..4;
        prop_oneof![
            time.clone().prop_map(|t| Fact::Unanswered(at(t))),
            time.clone().prop_map(|t| Fact::Accepted(at(t))),
            time.clone().prop_map(|t| Fact::Withdrawn(at(t))),
            time.clone().prop_map(|t| Fact::Halted(at(t))),
            (unheard, time.clone()).prop_map(|(unheard, t)| given_up(unheard, t)),
            (0_u64..4, any::<bool>()).prop_map(|(ordinal, waits)| {
                progress(ordinal, if waits { waiting() } else { StepState::Running })
            }),
            (refusal, time.clone()).prop_map(|(refusal, t)| refused(refusal, t)),
            (outcome, time).prop_map(|(outcome, t)| ended(outcome, t)),
        ]
    }

    proptest! {
        #[test]
        fn the_order_and_number_of_facts_make_no_difference(
            facts in prop::collection::vec(fact(), 0..8),
            mixed in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
            shuffled in any::<u64>(),
        ) {
            let told_once = after(facts.iter().cloned());
            let mut again = facts.clone();
            again.extend(mixed.iter().filter(|_| !facts.is_empty())
                .map(|at| at.get(&facts).clone()));
            again.sort_by_key(|fact| {
                Digest::of_parts(&[&shuffled.to_be_bytes(), format!("{fact:?}").as_bytes()])
            });
            prop_assert_eq!(after(again), told_once);
        }
    }
}
