//! What must be so of a wave before the next one begins, and what stops a campaign. Pure.
//!
//! "Finished" and "passed" are two facts. A wave of which every terminal has ended, and too few of
//! them well, has not passed: it stops the campaign as a failure too many does.
//!
//! What is counted is what was attempted: terminals that have succeeded or ended badly. Whoever was
//! never reached, or whose time ran out while it waited for its shop, tells nothing about the
//! change.

use std::fmt;

use serde::{Deserialize, Serialize};
use shared::time::UnixTime;

use super::policy::Gate;

/// How one wave stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Members of the wave.
    pub size: u64,
    /// Of these, ever released…
    pub released: u64,
    /// …and not ended yet.
    pub open: u64,
    pub succeeded: u64,
    pub bad: u64,
    /// Bad ends that a person knows of and has let pass.
    pub acknowledged: u64,
}

impl Tried {
    pub fn attempted(self) -> u64 {
        self.succeeded + self.bad
    }

    /// Bad ends that count.
    pub fn failures(self) -> u64 {
        self.bad.saturating_sub(self.acknowledged)
    }
}

/// Which rule stopped a campaign, with the figures by which it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "rule", deny_unknown_fields)]
pub enum Trip {
    /// More have ended badly than the policy lets pass.
    Budget { bad: u64, allowed: u64 },
    /// So many have ended badly that the wave can no longer come to the success that is asked for.
    Hopeless { bad: u64, of: u64, percent_min: u8 },
    /// Nobody of the wave is at it any more, and too few have succeeded.
    Missed { succeeded: u64, attempted: u64, percent_min: u8 },
}

impl fmt::Display for Trip {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Budget { bad, allowed } => {
                write!(out, "{bad} ended badly, and {allowed} may")
            }
            Self::Hopeless { bad, of, percent_min } => {
                write!(out, "{bad} of {of} ended badly, so that {percent_min} % cannot succeed")
            }
            Self::Missed { succeeded, attempted, percent_min } => {
                write!(out, "{succeeded} of {attempted} succeeded, and {percent_min} % should")
            }
        }
    }
}

/// What a gate still waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    Sample {
        attempted: u64,
        needed: u64,
    },
    Reach {
        attempted: u64,
        needed: u64,
        /// Then fewer will do.
        or_at: Option<UnixTime>,
    },
    Soak {
        until: UnixTime,
    },
    Success {
        succeeded: u64,
        attempted: u64,
        percent_min: u8,
    },
}

impl Unmet {
    /// When time alone changes it.
    pub fn next(self) -> Option<UnixTime> {
        match self {
            Self::Soak { until } => Some(until),
            Self::Reach { or_at, .. } => or_at,
            Self::Sample { .. } | Self::Success { .. } => None,
        }
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sample { attempted, needed } => {
                write!(out, "{attempted} of the {needed} that it takes were attempted")
            }
            Self::Reach { attempted, needed, or_at: None } => {
                write!(out, "{attempted} of {needed} were attempted")
            }
            Self::Reach { attempted, needed, or_at: Some(at) } => {
                write!(out, "{attempted} of {needed} were attempted; fewer will do from {at}")
            }
            Self::Soak { until } => write!(out, "it soaks until {until}"),
            Self::Success { succeeded, attempted, percent_min } => {
                write!(out, "{succeeded} of {attempted} succeeded, and {percent_min} % should")
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The next wave may begin.
    Passed,
    /// It will never pass by itself.
    Missed(Trip),
    /// In the order in which they are asked; never empty.
    Unmet(Vec<Unmet>),
}

/// Whether this wave stops its campaign, whatever the time: asked wherever an end becomes known.
pub fn trips(gate: &Gate, tried: Tried) -> Option<Trip> {
    let bad = tried.failures();
    let allowed = gate.bad_max.allowed_of(tried.size);
    if bad > allowed {
        return Some(Trip::Budget { bad, allowed });
    }
    let of = tried.size.saturating_sub(tried.acknowledged);
    let percent_min = gate.success_percent_min;
    let is_hopeless = is_below(of.saturating_sub(bad), of, percent_min);
    is_hopeless.then_some(Trip::Hopeless { bad, of, percent_min })
}

/// Whether `part` of `whole` is less than so many percent; nothing is less than a part of nothing.
fn is_below(part: u64, whole: u64, percent: u8) -> bool {
    part * 100 < whole * u64::from(percent)
}

/// Whether enough of the wave was attempted to judge it: from then on it soaks. What was reached
/// once stays reached.
pub fn is_reached(gate: &Gate, tried: Tried, opened_at: UnixTime, now: UnixTime) -> bool {
    unreached(gate, tried, opened_at, now).is_empty()
}

fn unreached(gate: &Gate, tried: Tried, opened_at: UnixTime, now: UnixTime) -> Vec<Unmet> {
    let attempted = tried.attempted();
    let mut unmet = Vec::new();
    // A wave smaller than the sample is its own sample.
    let needed = u64::from(gate.sample_min).min(tried.size);
    if attempted < needed {
        unmet.push(Unmet::Sample { attempted, needed });
    }
    let needed = (tried.size * u64::from(gate.reach_percent_min)).div_ceil(100);
    let or_at = gate.reach_after.map(|after| opened_at.plus(after));
    if attempted < needed && or_at.is_none_or(|at| now < at) {
        unmet.push(Unmet::Reach { attempted, needed, or_at });
    }
    unmet
}

/// Judges an open wave.
pub fn judge(
    gate: &Gate,
    tried: Tried,
    opened_at: UnixTime,
    reached_at: Option<UnixTime>,
    now: UnixTime,
) -> Verdict {
    if let Some(trip) = trips(gate, tried) {
        return Verdict::Missed(trip);
    }
    let mut unmet = match reached_at {
        Some(_) => Vec::new(),
        None => unreached(gate, tried, opened_at, now),
    };
    // Of one that is reached at this moment.
    let reached_at = reached_at.or_else(|| unmet.is_empty().then_some(now));
    if let Some(at) = reached_at
        && now < at.plus(gate.soak)
    {
        unmet.push(Unmet::Soak { until: at.plus(gate.soak) });
    }
    let (succeeded, attempted) = (tried.succeeded, tried.succeeded + tried.failures());
    let percent_min = gate.success_percent_min;
    if is_below(succeeded, attempted, percent_min) {
        if unmet.is_empty() && tried.open == 0 {
            return Verdict::Missed(Trip::Missed { succeeded, attempted, percent_min });
        }
        unmet.push(Unmet::Success { succeeded, attempted, percent_min });
    }
    match unmet.is_empty() {
        true => Verdict::Passed,
        false => Verdict::Unmet(unmet),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::campaign::policy::Share;

    const HOUR: Duration = Duration::from_secs(3_600);
    const OPENED: UnixTime = UnixTime(1_000_000);

    fn gate() -> Gate {
        Gate {
            sample_min: 3,
            success_percent_min: 90,
            soak: HOUR,
            bad_max: Share::Count(1),
            reach_percent_min: 80,
            reach_after: Some(HOUR * 24),
        }
    }

    fn tried(succeeded: u64, bad: u64) -> Tried {
        let released = succeeded + bad;
        Tried { size: 20, released, open: 0, succeeded, bad, acknowledged: 0 }
    }

    /// `hours` after the wave was opened, and after it was reached if it was.
    fn judged(gate: &Gate, tried: Tried, hours: u32, reached: Option<u32>) -> Verdict {
        let at = |hours: u32| OPENED.plus(HOUR * hours);
        judge(gate, tried, OPENED, reached.map(at), at(hours))
    }

    #[test]
    fn a_wave_passes_when_enough_of_it_was_attempted_went_well_and_stood_for_a_while() {
        let sample = |attempted| Unmet::Sample { attempted, needed: 3 };
        let or_at = Some(OPENED.plus(HOUR * 24));
        let reach = |attempted| Unmet::Reach { attempted, needed: 16, or_at };
        let soak = |hours| Unmet::Soak { until: OPENED.plus(HOUR * hours) };
        let open = |tried: Tried| Tried { open: 2, ..tried };
        let few = Unmet::Success { succeeded: 8, attempted: 9, percent_min: 90 };
        for (tried, hours, reached, verdict) in [
            (tried(0, 0), 0, None, Verdict::Unmet(vec![sample(0), reach(0)])),
            (tried(2, 0), 1, None, Verdict::Unmet(vec![sample(2), reach(2)])),
            (tried(3, 0), 1, None, Verdict::Unmet(vec![reach(3)])),
            (tried(16, 0), 5, None, Verdict::Unmet(vec![soak(6)])),
            (tried(16, 0), 5, Some(5), Verdict::Unmet(vec![soak(6)])),
            (tried(16, 0), 6, Some(5), Verdict::Passed),
            (tried(15, 1), 6, Some(5), Verdict::Passed),
            // The others are out of reach.
            (tried(3, 0), 24, None, Verdict::Unmet(vec![soak(25)])),
            (tried(3, 0), 25, Some(24), Verdict::Passed),
            (tried(2, 0), 99, None, Verdict::Unmet(vec![sample(2)])),
            // Not good enough, as long as others may still do better.
            (open(tried(8, 1)), 30, Some(24), Verdict::Unmet(vec![few])),
            (
                tried(8, 1),
                30,
                Some(24),
                Verdict::Missed(Trip::Missed { succeeded: 8, attempted: 9, percent_min: 90 }),
            ),
        ] {
            assert_eq!(judged(&gate(), tried, hours, reached), verdict, "{tried:?} {hours}");
        }
    }

    #[test]
    fn one_failure_too_many_stops_it_at_once_and_so_does_one_that_leaves_no_hope() {
        let of = |size, succeeded, bad| Tried { size, ..tried(succeeded, bad) };
        let strict = Gate { success_percent_min: 99, ..gate() };
        let part = Gate { bad_max: Share::Percent(10), ..gate() };
        for (gate, tried, trip) in [
            (gate(), tried(0, 1), None),
            (gate(), tried(18, 2), Some(Trip::Budget { bad: 2, allowed: 1 })),
            (strict.clone(), of(100, 0, 1), None),
            (strict, of(99, 0, 1), Some(Trip::Hopeless { bad: 1, of: 99, percent_min: 99 })),
            (part.clone(), of(9, 0, 1), Some(Trip::Budget { bad: 1, allowed: 0 })),
            (part, of(20, 0, 2), None),
        ] {
            assert_eq!(trips(&gate, tried), trip, "{tried:?}");
        }
    }

    #[test]
    fn what_a_person_has_acknowledged_stops_nothing_again_and_the_next_failures_do() {
        let known = |bad| Tried { acknowledged: 5, ..tried(5, bad) };
        assert_eq!(trips(&gate(), known(5)), None);
        assert_eq!(trips(&gate(), known(6)), None, "one may fail anew");
        let again = Trip::Budget { bad: 2, allowed: 1 };
        assert_eq!(trips(&gate(), known(7)), Some(again));
        let all = Tried { size: 5, released: 5, acknowledged: 5, ..tried(0, 5) };
        assert_eq!(judged(&gate(), all, 9, Some(1)), Verdict::Passed, "a person let it pass");
    }

    #[test]
    fn a_wave_smaller_than_the_sample_is_its_own_sample() {
        let one = Tried { size: 1, released: 1, ..tried(1, 0) };
        assert_eq!(judged(&gate(), one, 2, Some(1)), Verdict::Passed);
    }

    #[test]
    fn without_a_deadline_whoever_is_not_reached_holds_the_wave() {
        let patient = Gate { reach_after: None, ..gate() };
        let reach = Unmet::Reach { attempted: 15, needed: 16, or_at: None };
        let verdict = judged(&patient, tried(15, 0), 24 * 365, None);
        assert_eq!(verdict, Verdict::Unmet(vec![reach]));
        assert_eq!(reach.next(), None);
    }

    proptest! {
        /// Nothing passes past a tripped gate, and whoever waits knows what for.
        #[test]
        fn a_wave_that_trips_never_passes(
            size in 1_u64..50,
            succeeded in 0_u64..50,
            bad in 0_u64..50,
            acknowledged in 0_u64..50,
            open in 0_u64..3,
            hours in 0_u32..60,
            reached in prop::option::of(0_u32..60),
        ) {
            let succeeded = succeeded.min(size);
            let bad = bad.min(size - succeeded);
            let acknowledged = acknowledged.min(bad);
            let tried =
                Tried { size, released: succeeded + bad, open, succeeded, bad, acknowledged };
            let verdict = judged(&gate(), tried, hours, reached);
            match trips(&gate(), tried) {
                Some(trip) => prop_assert_eq!(verdict, Verdict::Missed(trip)),
                None => match verdict {
                    Verdict::Unmet(unmet) => prop_assert!(!unmet.is_empty()),
                    Verdict::Passed => {
                        let went_well = !is_below(succeeded, succeeded + tried.failures(), 90);
                        prop_assert!(went_well);
                    }
                    Verdict::Missed(trip) => {
                        let missed = matches!(trip, Trip::Missed { .. });
                        prop_assert!(missed && open == 0);
                    }
                },
            }
        }

        /// More time and more successes bring a wave nearer to its end, never farther.
        #[test]
        fn time_and_success_never_take_a_pass_away(
            size in 1_u64..50,
            succeeded in 0_u64..50,
            hours in 0_u32..60,
            more in 0_u32..60,
        ) {
            let succeeded = succeeded.min(size);
            let now = Tried { size, released: succeeded, succeeded, ..Tried::default() };
            let better = Tried { succeeded: size, released: size, ..now };
            if judged(&gate(), now, hours, Some(0)) == Verdict::Passed {
                prop_assert_eq!(judged(&gate(), better, hours + more, Some(0)), Verdict::Passed);
            }
        }
    }
}
