//! Whether a terminal may not stop when it should: what is late of it, long enough before the
//! cut-off that somebody can still go there. Pure.

use std::time::Duration;

use shared::time::UnixTime;

use super::plan::{ARMED_BEFORE, CLEARED_BEFORE, Due};
use crate::campaign::assignment::AssignmentState;
use crate::registry::deactivation::ServiceFacts;
use crate::registry::terminal::{Presence, Service, Unit};

/// What is asked for less than a day before is late from its beginning. An order reaches a terminal
/// that is there within seconds, once people have signed: they and it get so long.
const SHORT_NOTICE: Duration = Duration::from_secs(15 * 60);

/// What was saved longer ago than this when everything was to be saved says little of a till.
const SAVED_WITHIN: Duration = Duration::from_secs(24 * 3600);

/// A suspension that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspension {
    pub cut_off: UnixTime,
    /// When people asked for it.
    pub asked_at: UnixTime,
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

    /// Snapshots that are older do not count.
    fn saved_since(&self) -> UnixTime {
        self.cut_off.minus(CLEARED_BEFORE).minus(SAVED_WITHIN)
    }

    /// What is late of this terminal: nothing once it is armed, for it then stops by itself, and
    /// saves before it says that it is suspended. `state`: `None` while no order was released to
    /// it.
    pub fn late(
        &self,
        facts: &ServiceFacts,
        state: Option<AssignmentState>,
        now: UnixTime,
    ) -> Vec<Due> {
        if !sells_on(facts) || !is_to_be_armed(state) {
            return Vec::new();
        }
        let is_saved = facts.saved.is_some_and(|(_, taken_at)| taken_at >= self.saved_since());
        let cleared = (now > self.cleared_by() && !is_saved).then_some(Due::Cleared);
        let armed = (now > self.armed_by()).then_some(Due::Armed);
        cleared.into_iter().chain(armed).collect()
    }

    /// For people: what is late, why as far as it is known, and what to do about it.
    pub fn words(&self, facts: &ServiceFacts, late: &[Due]) -> String {
        let late: Vec<_> = late.iter().filter_map(|it| self.lateness(*it)).collect();
        let (why, what) = match facts.presence {
            Presence::Online => ("it is online", "see why with `tillward deactivate show`"),
            Presence::Offline => ("it is offline", "see that it connects, or stop it on site"),
            Presence::NeverSeen => {
                ("it was never heard", "see that it connects, or stop it on site")
            }
        };
        format!("it is to stop at {}, and {}; {why}: {what}", self.cut_off, late.join(", and "))
    }

    fn lateness(&self, late: Due) -> Option<String> {
        match late {
            // Whether parties are told is nobody's to see here.
            Due::Notice => None,
            Due::Cleared => Some(format!(
                "no snapshot of it since {} was verified in both places by {}",
                self.saved_since(),
                self.cleared_by()
            )),
            Due::Armed => Some(format!("has not accepted that by {}", self.armed_by())),
        }
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

/// Whether it has yet to hold the order, or has ended it without stopping. What people took back
/// is as they wish.
pub(super) fn is_to_be_armed(state: Option<AssignmentState>) -> bool {
    use AssignmentState as Is;
    match state {
        None
        | Some(
            Is::Ordered
            | Is::Unanswered
            | Is::Unreached
            | Is::Refused
            | Is::Expired
            | Is::Failed
            | Is::RolledBack,
        ) => true,
        Some(
            Is::Accepted
            | Is::Waiting
            | Is::Working
            | Is::Undoing
            | Is::Silent
            | Is::Superseded
            | Is::Cancelled
            | Is::RollbackFailed
            | Is::Succeeded,
        ) => false,
    }
}

#[cfg(test)]
mod tests {
    use shared::digest::Digest;

    use super::super::plan::samples::selling;
    use super::*;

    const ASKED: UnixTime = UnixTime(1_800_000_000);
    const HOUR: Duration = Duration::from_secs(3600);
    const SECOND: Duration = Duration::from_secs(1);

    /// Three days ahead.
    fn planned() -> Suspension {
        Suspension { cut_off: ASKED.plus(HOUR * 72), asked_at: ASKED }
    }

    fn saved_at(at: UnixTime) -> ServiceFacts {
        ServiceFacts { saved: Some((Digest([3; 32]), at)), ..selling() }
    }

    #[test]
    fn an_order_that_was_not_accepted_a_day_before_is_late_until_it_is() {
        let suspension = planned();
        let a_day_before = ASKED.plus(HOUR * 48);
        let facts = saved_at(ASKED);
        let late = |state, now| suspension.late(&facts, state, now);
        for state in [None, Some(AssignmentState::Ordered), Some(AssignmentState::Unanswered)] {
            assert_eq!(late(state, a_day_before), []);
            assert_eq!(late(state, a_day_before.plus(SECOND)), [Due::Armed], "{state:?}");
        }
        for state in AssignmentState::ALL {
            let is_armed = late(Some(state), a_day_before.plus(SECOND)).is_empty();
            let stops = ["accepted", "waiting", "working", "succeeded"].contains(&state.as_str());
            assert!(is_armed || !stops, "{state}");
        }
        assert_eq!(late(Some(AssignmentState::Refused), a_day_before.plus(HOUR)), [Due::Armed]);
    }

    #[test]
    fn what_is_not_saved_54_hours_before_is_late_as_long_as_it_is_not_armed() {
        let suspension = planned();
        let now = ASKED.plus(HOUR * 18).plus(SECOND);
        let late = |facts: &ServiceFacts, state| suspension.late(facts, state, now);
        assert_eq!(suspension.first_deadline(), ASKED.plus(HOUR * 18));
        assert_eq!(late(&selling(), None), [Due::Cleared]);
        assert_eq!(late(&saved_at(ASKED.minus(HOUR * 7)), None), [Due::Cleared], "too old");
        assert_eq!(late(&saved_at(ASKED.minus(HOUR * 6)), None), []);
        assert_eq!(late(&selling(), Some(AssignmentState::Waiting)), []);
        assert_eq!(suspension.late(&selling(), None, ASKED.plus(HOUR * 18)), [], "not yet");
        let both = suspension.late(&selling(), None, ASKED.plus(HOUR * 49));
        assert_eq!(both, [Due::Cleared, Due::Armed]);
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
    fn what_is_asked_for_at_short_notice_has_a_little_time_and_never_more_than_there_is() {
        let soon = Suspension { cut_off: ASKED.plus(HOUR), asked_at: ASKED };
        assert_eq!(soon.armed_by(), ASKED.plus(SHORT_NOTICE));
        assert_eq!(soon.late(&saved_at(ASKED), None, ASKED.plus(SHORT_NOTICE)), []);
        let after = ASKED.plus(SHORT_NOTICE).plus(SECOND);
        assert_eq!(soon.late(&saved_at(ASKED), None, after), [Due::Armed]);
        let now = Suspension { cut_off: ASKED, asked_at: ASKED };
        assert_eq!((now.armed_by(), now.first_deadline()), (ASKED, ASKED));
    }

    #[test]
    fn an_alarm_says_what_is_late_and_what_to_do() {
        let away = ServiceFacts { presence: Presence::Offline, ..selling() };
        let words = planned().words(&away, &[Due::Cleared, Due::Armed]);
        for part in ["it is to stop at", "verified in both places", "has not accepted", "on site"] {
            assert!(words.contains(part), "{words}");
        }
    }
}
