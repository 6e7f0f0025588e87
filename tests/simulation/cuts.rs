//! The power fails at every point, and again at every point of the recovery.

use std::time::Duration;

use agent::job::{HOLD_LEASE, Tables};

use crate::bank::Audit;
use crate::machine::run;
use crate::scenario::{SHORT_DARK, Scenario};
use crate::verdict::verdict;
use crate::world::{Cut, World};

/// What came of a set of schedules.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) schedules: usize,
    /// The first few that ended wrong, and how.
    pub(crate) wrong: Vec<String>,
}

impl Tally {
    fn count(&mut self, schedule: &str, end: World) {
        self.schedules += 1;
        let wrong = verdict(end);
        if !wrong.is_empty() && self.wrong.len() < 5 {
            self.wrong.push(format!("{schedule}: {}", wrong.join("; ")));
        }
    }

    #[track_caller]
    pub(crate) fn expect_at_least(&self, schedules: usize) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
        assert!(self.schedules >= schedules, "only {} schedules were run", self.schedules);
    }
}

/// Interrupts the scenario at every point.
pub(crate) fn interrupt_once(scenario: &Scenario, tables: Tables, cut: Cut) -> Tally {
    let mut tally = Tally::default();
    let mut at = 0;
    let end = run(World::new(scenario.clone()), tables, &mut |world, place| {
        at += 1;
        let end = run(world.after(cut), tables, &mut |_, _| {});
        tally.count(&format!("{}, {cut:?} cut {at} {place:?}", scenario.name), end);
    });
    tally.count(scenario.name, end);
    tally
}

/// Interrupts the scenario at every point, and every recovery at every point at which the job
/// itself had come further.
pub(crate) fn interrupt_twice(scenario: &Scenario, cuts: [Cut; 2]) -> Tally {
    interrupt_twice_thinly(scenario, cuts, 1)
}

/// As [`interrupt_twice`], and of the recoveries from one cut each so many-th point, staggered so
/// that every point of a recovery has its turn: for jobs of many steps.
pub(crate) fn interrupt_twice_thinly(scenario: &Scenario, cuts: [Cut; 2], every: usize) -> Tally {
    let tables = Tables::BUILT_IN;
    let mut tally = Tally::default();
    let mut first = 0_usize;
    let end = run(World::new(scenario.clone()), tables, &mut |at_first, first_place| {
        first += 1;
        let schedule = format!("{}, {:?} cut {first} {first_place:?}", scenario.name, cuts[0]);
        let mut second = 0_usize;
        let recovered = run(at_first.after(cuts[0]), tables, &mut |at_second, place| {
            second += 1;
            let has_its_turn = (first + second).is_multiple_of(every);
            if has_its_turn && first_place.is_progress() && place.is_progress() {
                let end = run(at_second.after(cuts[1]), tables, &mut |_, _| {});
                tally.count(&format!("{schedule}, {:?} cut {second} {place:?}", cuts[1]), end);
            }
        });
        tally.count(&schedule, recovered);
    });
    tally.count(scenario.name, end);
    tally
}

pub(crate) const POWER_TWICE: [Cut; 2] = [Cut::Power, Cut::Power];

#[test]
fn the_shop_sells_again_wherever_the_power_fails_during_a_good_release() {
    interrupt_twice(&Scenario::good(), POWER_TWICE).expect_at_least(600);
}

#[test]
fn the_shop_sells_again_wherever_the_power_fails_during_a_bad_release() {
    interrupt_twice(&Scenario::unhealthy(), POWER_TWICE).expect_at_least(600);
}

#[test]
fn the_shop_sells_again_wherever_the_power_fails_during_a_release_that_breaks_the_line() {
    interrupt_twice(&Scenario::isolating(), POWER_TWICE).expect_at_least(600);
}

#[test]
fn the_shop_sells_again_wherever_the_power_fails_during_a_release_that_settles_first() {
    interrupt_twice(&Scenario::settle_first(), POWER_TWICE).expect_at_least(600);
}

#[test]
fn the_shop_sells_again_wherever_the_power_fails_while_the_till_is_busy() {
    interrupt_twice(&Scenario::busy_till(), POWER_TWICE).expect_at_least(600);
}

#[test]
fn the_shop_sells_again_wherever_the_power_fails_before_and_in_the_window() {
    interrupt_twice(&Scenario::closed_window(), POWER_TWICE).expect_at_least(400);
}

#[test]
fn the_shop_sells_again_wherever_the_power_fails_while_the_window_closes() {
    interrupt_twice(&Scenario::narrow_window(), POWER_TWICE).expect_at_least(400);
}

#[test]
fn the_shop_sells_again_wherever_the_power_fails_with_a_corrupt_artifact() {
    interrupt_twice(&Scenario::corrupt(), POWER_TWICE).expect_at_least(30);
}

#[test]
fn a_killed_agent_finds_its_way_while_the_till_goes_on_selling() {
    interrupt_twice(&Scenario::unhealthy(), [Cut::Agent, Cut::Power]).expect_at_least(600);
    for scenario in Scenario::all() {
        interrupt_once(&scenario, Tables::BUILT_IN, Cut::Agent).expect_at_least(20);
    }
}

#[test]
fn a_power_cut_that_is_shorter_than_the_hold_changes_nothing_about_it() {
    for scenario in Scenario::all() {
        let scenario = Scenario { dark: SHORT_DARK, ..scenario };
        interrupt_once(&scenario, Tables::BUILT_IN, Cut::Power).expect_at_least(20);
    }
}

#[test]
fn a_cancellation_is_granted_until_the_shop_is_disturbed_and_never_after() {
    let mut granted = Vec::new();
    for second in (0..150).step_by(10) {
        let scenario = Scenario::cancelled_at(Duration::from_secs(second));
        interrupt_once(&scenario, Tables::BUILT_IN, Cut::Power).expect_at_least(5);
        let end = run(World::new(scenario), Tables::BUILT_IN, &mut |_, _| {});
        granted.push(matches!(
            end.outcome_in_ledger(),
            Some(shared::outcome::Outcome::Cancelled { .. })
        ));
    }
    assert!(granted.is_sorted_by(|earlier, later| earlier >= later), "{granted:?}");
    assert_eq!((granted.first(), granted.last()), (Some(&true), Some(&false)));
}

#[test]
fn an_agent_that_loses_its_database_is_told_anew_what_to_do() {
    interrupt_once(&Scenario::good(), Tables::BUILT_IN, Cut::Database).expect_at_least(20);
}

#[test]
fn a_dead_agent_closes_no_shop() {
    for cut in [Cut::Agent, Cut::Power] {
        for scenario in Scenario::all() {
            run(World::new(scenario.clone()), Tables::BUILT_IN, &mut |world, place| {
                let mut alone = world.after(cut);
                alone.till.advance(alone.now + HOLD_LEASE + Duration::from_secs(60));
                assert!(alone.till.is_selling(), "{}, {cut:?} {place:?}", scenario.name);
                // A test that nobody goes on with is the new provider's and the agent's to void.
                let audit = Audit { tests_left: 0, ..alone.till.audit() };
                assert_eq!(audit, Audit::default(), "{}, {cut:?} {place:?}", scenario.name);
            });
        }
    }
}
