//! Orders with a calendar: bytes in some hours, the shop in others, and neither in a freeze. The
//! power fails everywhere, the line is away, and the shop sells.

use std::time::Duration;

use agent::job::restore::RESTORE;
use agent::job::step::{Condition, Step};
use agent::job::upgrade::UPGRADE;
use agent::job::{Action, Tables};
use shared::outcome::Outcome;

use crate::cuts::{POWER_TWICE, interrupt_once, interrupt_twice_thinly};
use crate::machine::{Place, run};
use crate::planted::is_caught;
use crate::scenario::{Job, SHORT_DARK, Scenario};
use crate::verdict::verdict;
use crate::world::{Cut, World};

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// When each action was carried out, in a run that nobody interrupts.
fn done_at(scenario: Scenario) -> (World, Vec<(Action, Duration)>) {
    let mut done = Vec::new();
    let end = run(World::new(scenario), Tables::BUILT_IN, &mut |world, place| {
        if let Place::AfterAction(action) = place {
            done.push((action, world.now));
        }
    });
    (end, done)
}

fn first(done: &[(Action, Duration)], action: Action) -> Duration {
    done.iter().find(|it| it.0 == action).unwrap_or_else(|| panic!("no {action:?}: {done:?}")).1
}

#[test]
fn bytes_are_fetched_in_their_hours_and_the_shop_is_changed_in_its_own() {
    let (end, done) = done_at(Scenario::split_hours());
    // Three minutes, four until the freeze, and two after it.
    let fetched = first(&done, Action::Fetch);
    assert!((minutes(32)..minutes(33)).contains(&fetched), "{fetched:?}");
    // It was tried before the second freeze, as late as that allows, and given up in time.
    let held = first(&done, Action::HoldTrading);
    assert!((minutes(43)..minutes(50)).contains(&held), "{held:?}");
    let switched = first(&done, Action::SwitchSlot);
    assert!((minutes(90)..minutes(93)).contains(&switched), "{switched:?}");
    assert!(matches!(end.outcome_in_ledger(), Some(Outcome::Succeeded { .. })));
    assert_eq!(verdict(end), Vec::<String>::new());
}

#[test]
fn a_terminal_without_a_line_opens_by_itself_and_never_in_a_freeze() {
    let (end, done) = done_at(Scenario::split_hours_offline());
    let switched = first(&done, Action::SwitchSlot);
    assert!((minutes(90)..minutes(93)).contains(&switched), "{switched:?}");
    assert!(matches!(end.outcome_in_ledger(), Some(Outcome::Succeeded { .. })));
    interrupt_twice_thinly(&Scenario::split_hours_offline(), POWER_TWICE, 7).expect_at_least(100);
}

#[test]
fn wherever_the_power_fails_an_upgrade_keeps_to_its_hours() {
    interrupt_twice_thinly(&Scenario::split_hours(), POWER_TWICE, 3).expect_at_least(200);
    let short = Scenario { dark: SHORT_DARK, ..Scenario::split_hours() };
    interrupt_twice_thinly(&short, [Cut::Power, Cut::Agent], 7).expect_at_least(100);
    interrupt_once(&short, Tables::BUILT_IN, Cut::Database).expect_at_least(20);
}

#[test]
fn wherever_the_power_fails_every_other_job_keeps_to_its_hours() {
    for job in [Job::Backup, Job::Drill, Job::Restore, Job::Rebind] {
        let scenario = Scenario::split_hours_of(job);
        let long = Scenario { dark: minutes(20), ..scenario.clone() };
        for scenario in [scenario, long] {
            for cut in [Cut::Power, Cut::Agent] {
                interrupt_once(&scenario, Tables::BUILT_IN, cut).expect_at_least(10);
            }
        }
    }
}

/// Nobody waits for the shop to close for a calendar that is about other things.
#[test]
fn a_suspension_comes_at_its_own_moment_also_in_a_freeze() {
    let scenario = Scenario::split_hours_of(Job::Suspend);
    let scenario = Scenario { cut_off: minutes(70), ..scenario };
    let (end, _) = done_at(scenario.clone());
    assert!(end.shut_from.is_some_and(|at| (minutes(70)..minutes(72)).contains(&at)));
    interrupt_once(&scenario, Tables::BUILT_IN, Cut::Power).expect_at_least(10);
}

/// Whatever the first job is doing when it is overtaken, and wherever the power fails then: both
/// come to their ends, and nothing of either is left over.
#[test]
fn wherever_the_power_fails_who_was_set_aside_goes_on_and_leaves_nothing_behind() {
    let upgrade = Scenario { fetching: minutes(2), ..Scenario::busy_till() };
    let jobs = [
        Scenario { name: "set aside", ..upgrade },
        Scenario::about_data(Job::Restore, None),
        Scenario::about_data(Job::Drill, None),
        Scenario::rebind(None),
    ];
    for (place, job) in jobs.into_iter().enumerate() {
        for second in (0..200).skip(place).step_by(23) {
            let urgent_at = Some(Duration::from_secs(second));
            let scenario = Scenario { urgent_at, dark: SHORT_DARK, ..job.clone() };
            interrupt_once(&scenario, Tables::BUILT_IN, Cut::Power).expect_at_least(20);
        }
    }
}

#[test]
fn a_job_that_sleeps_through_a_freeze_is_overtaken_and_wakes_wherever_the_power_fails() {
    for minute in [2, 6, 16, 33, 62] {
        let urgent_at = Some(minutes(minute));
        let scenario = Scenario { urgent_at, ..Scenario::split_hours() };
        interrupt_once(&scenario, Tables::BUILT_IN, Cut::Power).expect_at_least(20);
    }
    let scenario = Scenario { urgent_at: Some(minutes(16)), ..Scenario::split_hours() };
    interrupt_twice_thinly(&scenario, POWER_TWICE, 11).expect_at_least(50);
}

/// The table with every condition of that kind gone.
fn without(table: &[Step], condition: Condition) -> Vec<Step> {
    let anytime = |step: &Step| Step {
        paused_unless: step.paused_unless.filter(|it| *it != condition),
        only_while: step.only_while.filter(|it| *it != condition),
        ..*step
    };
    table.iter().map(anytime).collect()
}

#[test]
fn a_fetch_that_keeps_to_no_hours_is_caught() {
    let spoilt = |table| Vec::leak(without(table, Condition::DownloadOpen));
    let tables = Tables { upgrade: spoilt(UPGRADE), restore: spoilt(RESTORE), ..Tables::BUILT_IN };
    is_caught(&Scenario::split_hours(), tables, "bytes were fetched");
    is_caught(&Scenario::split_hours_of(Job::Restore), tables, "a snapshot was fetched");
}

#[test]
fn a_switch_in_a_freeze_that_began_meanwhile_is_caught() {
    let tables =
        Tables { upgrade: Vec::leak(without(UPGRADE, Condition::WindowOpen)), ..Tables::BUILT_IN };
    let till_postpones_until = minutes(61);
    let scenario = Scenario { till_postpones_until, ..Scenario::split_hours() };
    let scenario = Scenario { drain_leaves_until: Duration::ZERO, ..scenario };
    is_caught(&scenario, tables, "the shop was changed");
}
