//! How long the bytes of a step may still take, judged by those that came since it was first seen.
//! Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::id::TerminalId;

use crate::api::model::Assignment;

/// What was seen of each terminal that moves bytes.
#[derive(Debug, Default)]
pub(super) struct Pace(BTreeMap<TerminalId, Moving>);

#[derive(Debug)]
struct Moving {
    step: Option<String>,
    first: (Duration, u64),
    last: (Duration, u64),
    total: u64,
}

/// Before that many bytes have come nothing can be said.
const MOVED_MIN: u64 = 64 * 1024;

impl Pace {
    /// `at` counts from the first look.
    pub(super) fn see(&mut self, assignments: &[Assignment], at: Duration) {
        for it in assignments {
            let (Some(done), Some(total)) = (it.bytes_done, it.bytes_total) else {
                self.0.remove(&it.terminal);
                continue;
            };
            let known = self.0.get(&it.terminal);
            let goes_on = known.filter(|known| known.step == it.step && known.first.1 <= done);
            let first = goes_on.map_or((at, done), |known| known.first);
            // A terminal reports now and then: what counts is when the bytes were news.
            let last = known.map(|known| known.last).filter(|last| last.1 == done);
            let last = last.unwrap_or((at, done));
            let moving = Moving { step: it.step.clone(), first, last, total };
            self.0.insert(it.terminal, moving);
        }
    }

    pub(super) fn left(&self, of: TerminalId) -> Option<Duration> {
        let Moving { first, last, total, .. } = self.0.get(&of)?;
        let (took, moved) = (last.0.saturating_sub(first.0), last.1.saturating_sub(first.1));
        let left = total.checked_sub(last.1).filter(|left| *left > 0)?;
        if moved < MOVED_MIN || took.is_zero() {
            return None;
        }
        let millis = took.as_millis().saturating_mul(left.into()) / u128::from(moved);
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::assignment;
    use super::*;
    use crate::api::model::AssignmentState;

    const MIB: u64 = 1024 * 1024;

    fn at(step: &str, done: u64, total: u64) -> Assignment {
        let it = assignment(1, AssignmentState::Working);
        let (bytes_done, bytes_total) = (Some(done), Some(total));
        Assignment { step: Some(step.to_owned()), bytes_done, bytes_total, ..it }
    }

    fn seen(looks: &[(u64, Assignment)]) -> Option<Duration> {
        let mut pace = Pace::default();
        for (seconds, it) in looks {
            pace.see(std::slice::from_ref(it), Duration::from_secs(*seconds));
        }
        pace.left(assignment(1, AssignmentState::Working).terminal)
    }

    #[test]
    fn the_time_left_follows_from_what_came_since_the_first_look() {
        let looks = [(0, at("save", MIB, 4 * MIB)), (10, at("save", 2 * MIB, 4 * MIB))];
        assert_eq!(seen(&looks), Some(Duration::from_secs(20)));
        let silent = [looks[0].clone(), looks[1].clone(), (15, at("save", 2 * MIB, 4 * MIB))];
        assert_eq!(seen(&silent), Some(Duration::from_secs(20)), "no news is no slowness yet");
    }

    #[test]
    fn nothing_is_said_before_it_is_known() {
        let cases: [&[(u64, Assignment)]; 5] = [
            &[],
            &[(0, at("save", MIB, 4 * MIB))],
            &[(0, at("save", 0, MIB)), (10, at("save", 100, MIB))],
            &[(0, at("fetch", MIB, 4 * MIB)), (10, at("save", 2 * MIB, 4 * MIB))],
            &[(0, at("save", MIB, 4 * MIB)), (10, at("save", 5 * MIB, 4 * MIB))],
        ];
        for looks in cases {
            assert_eq!(seen(looks), None, "{looks:?}");
        }
    }

    #[test]
    fn a_step_that_begins_anew_is_judged_anew() {
        let looks = [
            (0, at("save", 3 * MIB, 4 * MIB)),
            (5, at("save", MIB, 4 * MIB)),
            (15, at("save", 2 * MIB, 4 * MIB)),
        ];
        assert_eq!(seen(&looks), Some(Duration::from_secs(20)));
    }
}
