//! Whether a terminal may not stop when it should, or has stopped and cannot end: what is late of
//! it, long enough before the cut-off that somebody can still go there. Pure.

use std::time::Duration;

use shared::message::StepState;
use shared::outcome::Waiting;
use shared::time::UnixTime;

use super::plan::{ARMED_BEFORE, CLEARED_BEFORE};
use crate::campaign::assignment::{AssignmentState, Standing};
use crate::registry::deactivation::ServiceFacts;
use crate::registry::terminal::{Presence, Service, Unit};

/// What is asked for less than a day before is late from its beginning. An order reaches a terminal
/// that is there within seconds, once people have signed: they and it get so long.
const SHORT_NOTICE: Duration = Duration::from_secs(15 * 60);

/// What was saved longer ago than this when everything was to be saved says little of a till.
const SAVED_WITHIN: Duration = Duration::from_secs(24 * 3600);

/// A till has sent, settled and saved within minutes of its cut-off. Who stops at closing time has
/// somebody in the shop for so long still; a host that is away for a moment is nobody's alarm.
const STOPPED_WITHIN: Duration = Duration::from_secs(2 * 3600);

/// A suspension that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspension {
    pub cut_off: UnixTime,
    /// When people asked for it.
    pub asked_at: UnixTime,
    /// Nobody expects to hear of its terminal.
    pub is_given_up: bool,
}

/// What is late of one terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Late {
    /// What it holds is not saved.
    Cleared,
    /// It has not accepted its order.
    Armed,
    /// It holds its order, the cut-off is over, and it has not signed that it is suspended.
    Stopped,
}

/// How far an order to stop has come on one terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It has yet to hold the order, or has ended it without stopping.
    ToBeArmed,
    Armed,
    /// It has done what it was to do, or people took it back, which is as they wish.
    Over,
}

impl Suspension {
    /// From then on something may be late.
    pub fn first_deadline(&self) -> UnixTime {
        self.cleared_by().min(self.armed_by())
    }

    /// By then everything is to be saved.
    pub fn cleared_by(&self) -> UnixTime {
        self.by(CLEARED_BEFORE)
    }

    /// By then every terminal is to have accepted its order.
    pub fn armed_by(&self) -> UnixTime {
        self.by(ARMED_BEFORE)
    }

    fn by(&self, before: Duration) -> UnixTime {
        let earliest = self.asked_at.plus(SHORT_NOTICE);
        self.cut_off.minus(before).max(earliest).min(self.cut_off)
    }

    /// By then a terminal that holds its order has settled and saved; one that was given up holds
    /// it since it was heard again.
    fn stopped_by(&self, standing: Option<&Standing>) -> UnixTime {
        let accepted_at = standing.and_then(|it| it.accepted_at).filter(|_| self.is_given_up);
        let since = accepted_at.map_or(self.cut_off, |at| at.max(self.cut_off));
        since.plus(STOPPED_WITHIN)
    }

    /// Snapshots that are older do not count.
    fn saved_since(&self) -> UnixTime {
        self.cut_off.minus(CLEARED_BEFORE).minus(SAVED_WITHIN)
    }

    /// What is late of this terminal. One that is armed stops by itself, and saves before it says
    /// that it is suspended; until the cut-off its data may be as old as anybody's. `standing`:
    /// `None` while no order was released to it.
    pub fn late(
        &self,
        facts: &ServiceFacts,
        standing: Option<&Standing>,
        now: UnixTime,
    ) -> Vec<Late> {
        let stage = stage(standing.map(Standing::state));
        if !sells_on(facts) || stage == Stage::Over {
            return Vec::new();
        }
        let is_armed = stage == Stage::Armed;
        if is_armed && now > self.cut_off {
            let waits = standing.is_some_and(waits_for_people);
            let is_late = waits || now > self.stopped_by(standing);
            return is_late.then_some(Late::Stopped).into_iter().collect();
        }
        if self.is_given_up {
            return Vec::new();
        }
        let is_saved = facts.saved.is_some_and(|(_, taken_at)| taken_at >= self.saved_since());
        let cleared = (now > self.cleared_by() && !is_saved).then_some(Late::Cleared);
        let armed = (now > self.armed_by() && !is_armed).then_some(Late::Armed);
        cleared.into_iter().chain(armed).collect()
    }

    /// For people: what is late, why as far as it is known, and what to do about it. `says`: what
    /// the terminal itself has told of why it waits.
    pub fn words(&self, facts: &ServiceFacts, late: &[Late], says: Option<&str>) -> String {
        let (cut_off, away) = (self.cut_off, away(facts.presence));
        if late.contains(&Late::Stopped) {
            let why = says.or(away).unwrap_or("it does not say why");
            return format!(
                "it was to stop at {cut_off}, and has not signed that it is suspended; {why}: see \
                 that its host and its network are there and both count the same, or let it settle \
                 later: `tillward deactivate suspend --delay-settlement`"
            );
        }
        let all: Vec<_> = late.iter().filter_map(|it| self.lateness(*it)).collect();
        let what = match (late, away) {
            (_, Some(_)) => "see that it connects, or stop it on site",
            ([Late::Cleared], None) => "have it saved: `tillward backup now`",
            (_, None) => "see why with `tillward deactivate show`",
        };
        let why = away.unwrap_or("it is online");
        format!("it is to stop at {cut_off}, and {}; {why}: {what}", all.join(", and "))
    }

    fn lateness(&self, late: Late) -> Option<String> {
        match late {
            Late::Cleared => Some(format!(
                "no snapshot of it since {} was verified in both places by {}",
                self.saved_since(),
                self.cleared_by()
            )),
            Late::Armed => Some(format!("has not accepted that by {}", self.armed_by())),
            // It is not about to stop: it has.
            Late::Stopped => None,
        }
    }
}

fn away(presence: Presence) -> Option<&'static str> {
    match presence {
        Presence::Online => None,
        Presence::Offline => Some("it is offline"),
        Presence::NeverSeen => Some("it was never heard"),
    }
}

/// Whether it would still sell after the cut-off.
fn sells_on(facts: &ServiceFacts) -> bool {
    let can = match facts.unit {
        Unit::Enrolled => true,
        Unit::Claimed | Unit::Revoked => false,
    };
    match facts.service {
        Service::InService => can,
        Service::Suspended | Service::SuspendedOwing | Service::Erased => false,
    }
}

fn stage(state: Option<AssignmentState>) -> Stage {
    use AssignmentState as Is;
    match state {
        None
        | Some(
            Is::Ordered
            | Is::Unanswered
            | Is::Unreached
            | Is::Withdrawn
            | Is::Reverted
            | Is::Refused
            | Is::Expired
            | Is::Failed
            | Is::RolledBack,
        ) => Stage::ToBeArmed,
        Some(Is::Accepted | Is::Waiting | Is::Working | Is::Undoing | Is::Silent) => Stage::Armed,
        Some(Is::Superseded | Is::Cancelled | Is::RollbackFailed | Is::Succeeded) => Stage::Over,
    }
}

/// Its host counts otherwise, or something else that it cannot mend itself.
fn waits_for_people(standing: &Standing) -> bool {
    let state = standing.progress.as_ref().map(|progress| &progress.state);
    matches!(state, Some(StepState::Waiting { reason: Waiting::People, .. }))
}

#[cfg(test)]
mod tests {
    use shared::digest::Digest;
    use shared::id::OrderId;
    use shared::message::Progress;
    use shared::outcome::Outcome;

    use super::super::plan::samples::selling;
    use super::*;
    use crate::campaign::assignment::{Ended, Fact};

    const ASKED: UnixTime = UnixTime(1_800_000_000);
    const HOUR: Duration = Duration::from_secs(3600);
    const SECOND: Duration = Duration::from_secs(1);

    /// Three days ahead.
    fn planned() -> Suspension {
        Suspension { cut_off: ASKED.plus(HOUR * 72), asked_at: ASKED, is_given_up: false }
    }

    fn saved_at(at: UnixTime) -> ServiceFacts {
        ServiceFacts { saved: Some((Digest([3; 32]), at)), ..selling() }
    }

    /// As far as a report brings it, or its end.
    fn at(state: AssignmentState) -> Option<Standing> {
        use AssignmentState as Is;
        let facts = [
            (Is::Unanswered, Fact::Unanswered(ASKED)),
            (Is::Accepted, Fact::Accepted(ASKED)),
            (Is::Waiting, waiting(Waiting::Network)),
            (Is::Cancelled, Fact::Withdrawn(ASKED)),
            (Is::Superseded, Fact::Ended(Ended { outcome: Outcome::Superseded, at: ASKED })),
        ];
        let mut standing = Standing::ordered(ASKED);
        let of_it = facts.into_iter().filter(|(of, _)| *of == state);
        of_it.for_each(|(_, fact)| standing.learn(fact));
        assert_eq!(standing.state(), state);
        Some(standing)
    }

    fn waiting(reason: Waiting) -> Fact {
        Fact::Progress(Progress {
            order: OrderId::from_bytes([1; 16]),
            ordinal: 1,
            step: "settle".to_owned(),
            state: StepState::Waiting { reason, detail: "d".to_owned() },
            at: ASKED,
            bytes_done: None,
            bytes_total: None,
        })
    }

    fn late(facts: &ServiceFacts, state: Option<AssignmentState>, now: UnixTime) -> Vec<Late> {
        planned().late(facts, state.and_then(at).as_ref(), now)
    }

    #[test]
    fn an_order_that_was_not_accepted_a_day_before_is_late_until_it_is() {
        use AssignmentState as Is;
        let a_day_before = ASKED.plus(HOUR * 48);
        let facts = saved_at(ASKED);
        for state in [None, Some(Is::Ordered), Some(Is::Unanswered)] {
            assert_eq!(late(&facts, state, a_day_before), []);
            assert_eq!(late(&facts, state, a_day_before.plus(SECOND)), [Late::Armed], "{state:?}");
        }
        for state in [Is::Accepted, Is::Waiting, Is::Cancelled, Is::Superseded] {
            assert_eq!(late(&facts, Some(state), a_day_before.plus(SECOND)), [], "{state}");
        }
    }

    #[test]
    fn every_state_is_before_the_order_is_held_or_while_it_is_or_after() {
        let of = |stage_of| {
            let all = AssignmentState::ALL.into_iter();
            let those = all.filter(|it| stage(Some(*it)) == stage_of);
            those.map(AssignmentState::as_str).collect::<Vec<_>>()
        };
        let armed = ["accepted", "waiting", "working", "undoing", "silent"];
        assert_eq!(of(Stage::Armed), armed);
        let over = ["superseded", "cancelled", "rollback-failed", "succeeded"];
        assert_eq!(of(Stage::Over), over);
        assert_eq!(of(Stage::ToBeArmed).len(), AssignmentState::ALL.len() - 9);
        assert_eq!(stage(None), Stage::ToBeArmed);
    }

    #[test]
    fn what_is_not_saved_54_hours_before_is_late_armed_or_not_until_the_cut_off() {
        use AssignmentState as Is;
        let now = ASKED.plus(HOUR * 18).plus(SECOND);
        assert_eq!(planned().first_deadline(), ASKED.plus(HOUR * 18));
        for state in [None, Some(Is::Ordered), Some(Is::Accepted), Some(Is::Waiting)] {
            assert_eq!(late(&selling(), state, now), [Late::Cleared], "{state:?}");
            assert_eq!(late(&saved_at(ASKED.minus(HOUR * 6)), state, now), [], "{state:?}");
        }
        assert_eq!(late(&saved_at(ASKED.minus(HOUR * 7)), None, now), [Late::Cleared], "too old");
        for state in [Is::Cancelled, Is::Superseded] {
            assert_eq!(late(&selling(), Some(state), now), [], "people took it back");
        }
        assert_eq!(late(&selling(), None, ASKED.plus(HOUR * 18)), [], "not yet");
        let both = [Late::Cleared, Late::Armed];
        assert_eq!(late(&selling(), None, ASKED.plus(HOUR * 49)), both);
        let cut_off = planned().cut_off;
        assert_eq!(late(&selling(), Some(Is::Accepted), cut_off), [Late::Cleared]);
        assert_eq!(late(&selling(), Some(Is::Accepted), cut_off.plus(SECOND)), [], "it saves");
        assert_eq!(late(&selling(), None, cut_off.plus(SECOND)), both);
    }

    #[test]
    fn a_till_that_stopped_ends_within_two_hours_or_waits_for_people_at_once() {
        use AssignmentState as Is;
        let cut_off = planned().cut_off;
        let (soon, late_by) = (cut_off.plus(SECOND), cut_off.plus(HOUR * 2).plus(SECOND));
        for state in [Is::Accepted, Is::Waiting] {
            assert_eq!(late(&selling(), Some(state), cut_off.plus(HOUR * 2)), [], "{state}");
            assert_eq!(late(&selling(), Some(state), late_by), [Late::Stopped], "{state}");
        }
        let mut people = Standing::ordered(ASKED);
        people.learn(waiting(Waiting::People));
        let facts = saved_at(ASKED);
        assert_eq!(planned().late(&facts, Some(&people), cut_off), []);
        assert_eq!(planned().late(&facts, Some(&people), soon), [Late::Stopped]);
        let stopped = ServiceFacts { service: Service::SuspendedOwing, ..selling() };
        assert_eq!(planned().late(&stopped, Some(&people), late_by), []);
    }

    #[test]
    fn whoever_does_not_sell_on_is_not_late() {
        let now = planned().cut_off;
        for service in [Service::Suspended, Service::Erased] {
            let facts = ServiceFacts { service, ..selling() };
            assert_eq!(planned().late(&facts, None, now), []);
        }
        for unit in [Unit::Claimed, Unit::Revoked] {
            let facts = ServiceFacts { unit, ..selling() };
            assert_eq!(planned().late(&facts, None, now), []);
        }
    }

    #[test]
    fn what_was_given_up_is_late_only_once_it_is_heard_again_and_does_not_stop() {
        let stop = Suspension { is_given_up: true, ..planned() };
        let long_after = stop.cut_off.plus(HOUR * 24 * 60);
        for state in [None, Some(&Standing::ordered(ASKED))] {
            assert_eq!(stop.late(&selling(), state, long_after), []);
        }
        let mut people = Standing::ordered(ASKED);
        people.learn(waiting(Waiting::People));
        assert_eq!(stop.late(&selling(), Some(&people), long_after), [Late::Stopped]);
        let mut settling = Standing::ordered(ASKED);
        settling.learn(Fact::Accepted(long_after));
        let after = |hours: u32| long_after.plus(HOUR * hours);
        assert_eq!(stop.late(&selling(), Some(&settling), after(1)), []);
        assert_eq!(stop.late(&selling(), Some(&settling), after(3)), [Late::Stopped]);
    }

    #[test]
    fn what_is_asked_for_at_short_notice_has_a_little_time_and_never_more_than_there_is() {
        let soon = Suspension { cut_off: ASKED.plus(HOUR), asked_at: ASKED, is_given_up: false };
        assert_eq!(soon.armed_by(), ASKED.plus(SHORT_NOTICE));
        assert_eq!(soon.late(&saved_at(ASKED), None, ASKED.plus(SHORT_NOTICE)), []);
        let after = ASKED.plus(SHORT_NOTICE).plus(SECOND);
        assert_eq!(soon.late(&saved_at(ASKED), None, after), [Late::Armed]);
        let now = Suspension { cut_off: ASKED, asked_at: ASKED, is_given_up: false };
        assert_eq!((now.armed_by(), now.first_deadline()), (ASKED, ASKED));
    }

    #[test]
    fn an_alarm_says_what_is_late_and_what_to_do() {
        let away = ServiceFacts { presence: Presence::Offline, ..selling() };
        let both = [Late::Cleared, Late::Armed];
        for (facts, late, says, parts) in [
            (&away, &both[..], None, ["verified in both places", "has not accepted", "on site"]),
            (&selling(), &both[..1], None, ["both places", "online", "tillward backup now"]),
            (&away, &[Late::Stopped], None, ["was to stop", "offline", "--delay-settlement"]),
            (&away, &[Late::Stopped], Some("for people: 3"), ["was to", "people: 3", "host"]),
        ] {
            let words = planned().words(facts, late, says);
            assert!(parts.iter().all(|part| words.contains(part)), "{words}");
        }
    }
}
