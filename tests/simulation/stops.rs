//! Tills that stop, sell again and are emptied, with the power failing at every point and in every
//! recovery.

use std::time::Duration;

use agent::job::Tables;
use shared::outcome::{FailureCode, Outcome};

use crate::cuts::{POWER_TWICE, interrupt_once, interrupt_twice, interrupt_twice_thinly};
use crate::machine::run;
use crate::scenario::{Job, Release, SHORT_DARK, Scenario, Then, Trouble};
use crate::stopping::STOPPED_WITHIN;
use crate::verdict::verdict;
use crate::world::{Cut, World};

fn undisturbed(scenario: Scenario) -> World {
    run(World::new(scenario), Tables::BUILT_IN, &mut |_, _| {})
}

fn lost() -> Scenario {
    Scenario::about_data(Job::WipeLost, None)
}

#[test]
fn a_till_stops_and_sells_again_wherever_the_power_fails() {
    let scenario = Scenario::suspend(Some(Then::Resume), None);
    interrupt_twice(&scenario, POWER_TWICE).expect_at_least(400);
}

#[test]
fn a_till_stops_and_is_emptied_wherever_the_power_fails() {
    let scenario = Scenario::suspend(Some(Then::Wipe), None);
    interrupt_twice(&scenario, POWER_TWICE).expect_at_least(400);
}

#[test]
fn a_lost_terminal_is_emptied_wherever_the_power_fails() {
    interrupt_twice(&lost(), POWER_TWICE).expect_at_least(50);
}

/// It sells beside the one in its place until it is heard, and for half a minute more at most.
#[test]
fn a_till_that_was_given_up_stops_at_its_first_contact_wherever_the_power_fails() {
    let end = undisturbed(Scenario::given_up());
    let stopped_at = end.shut_from.expect("it has stopped");
    let heard_at = end.heard_at.expect("it was heard");
    assert!(heard_at >= Scenario::FOUND_AT && stopped_at < heard_at + STOPPED_WITHIN);
    assert_eq!(verdict(end), Vec::<String>::new());
    for cut in [Cut::Power, Cut::Agent] {
        interrupt_once(&Scenario::given_up(), Tables::BUILT_IN, cut).expect_at_least(20);
    }
}

#[test]
fn a_till_that_was_given_up_and_has_a_lease_is_locked_before_it_is_found() {
    let lease = Some(Duration::from_secs(6 * 3600));
    let end = undisturbed(Scenario { lease, ..Scenario::given_up() });
    assert!(end.lease.locked && end.shut_from.is_some());
    assert_eq!(verdict(end), Vec::<String>::new());
}

#[test]
fn a_till_that_fails_its_tests_stays_stopped_wherever_the_power_fails() {
    let scenario = Scenario::suspend(Some(Then::Resume), Some(Trouble::TestDeclined));
    interrupt_twice(&scenario, POWER_TWICE).expect_at_least(300);
}

#[test]
fn a_till_that_is_broken_or_whose_tests_do_not_add_up_stays_stopped_wherever_the_power_fails() {
    for trouble in [Trouble::SelfTestFails, Trouble::TestsDisagree] {
        let scenario = Scenario::suspend(Some(Then::Resume), Some(trouble));
        for cut in [Cut::Power, Cut::Agent] {
            interrupt_once(&scenario, Tables::BUILT_IN, cut).expect_at_least(40);
        }
    }
}

/// What people want of it before it sells again.
fn upgraded(release: Release) -> Scenario {
    Scenario { release, ..Scenario::suspend(Some(Then::Upgrade), None) }
}

#[test]
fn a_suspended_till_is_upgraded_and_never_sells_wherever_the_power_fails() {
    interrupt_twice_thinly(&upgraded(Release::Good), POWER_TWICE, 3).expect_at_least(400);
    let scenario = Scenario { dark: SHORT_DARK, ..upgraded(Release::Good) };
    for cut in [Cut::Power, Cut::Agent] {
        interrupt_once(&scenario, Tables::BUILT_IN, cut).expect_at_least(60);
    }
}

#[test]
fn a_suspended_till_that_a_bad_release_came_to_stands_still_with_the_old_one() {
    for cut in [Cut::Power, Cut::Agent] {
        interrupt_once(&upgraded(Release::Unhealthy), Tables::BUILT_IN, cut).expect_at_least(60);
    }
}

#[test]
fn a_host_that_counts_otherwise_is_waited_for_wherever_the_power_fails() {
    for then in [Then::Resume, Then::Wipe] {
        let scenario = Scenario::suspend(Some(then), Some(Trouble::HostCountsOtherwise));
        for cut in [Cut::Power, Cut::Agent] {
            interrupt_once(&scenario, Tables::BUILT_IN, cut).expect_at_least(40);
        }
    }
}

#[test]
fn a_till_whose_host_is_away_stays_stopped_until_it_has_settled_wherever_the_power_fails() {
    for then in [Then::Resume, Then::Wipe] {
        let scenario = Scenario::suspend(Some(then), Some(Trouble::HostAway));
        interrupt_twice_thinly(&scenario, POWER_TWICE, 4).expect_at_least(300);
    }
}

#[test]
fn a_till_that_may_settle_later_is_saved_with_what_it_owes_and_not_wiped_wherever_the_power_fails()
{
    let scenario = Scenario::suspend_owing(Then::WipeUnsettled);
    interrupt_twice(&scenario, POWER_TWICE).expect_at_least(300);
}

#[test]
fn a_till_that_is_registered_is_not_wiped_wherever_the_power_fails() {
    let scenario = Scenario::suspend(Some(Then::WipeRegistered), None);
    for cut in [Cut::Power, Cut::Agent] {
        interrupt_once(&scenario, Tables::BUILT_IN, cut).expect_at_least(40);
    }
}

#[test]
fn a_till_that_owes_something_sells_again_wherever_the_power_fails() {
    let scenario = Scenario::suspend_owing(Then::Resume);
    interrupt_twice(&scenario, POWER_TWICE).expect_at_least(300);
}

#[test]
fn a_till_that_owes_something_settles_later_and_is_emptied_then_wherever_the_power_fails() {
    let scenario = Scenario::suspend_owing(Then::SettleAndWipe);
    interrupt_twice_thinly(&scenario, POWER_TWICE, 8).expect_at_least(300);
}

#[test]
fn a_till_that_waits_for_its_host_is_allowed_to_settle_later_wherever_the_power_fails() {
    for then in [Then::WipeUnsettled, Then::Resume] {
        let scenario = Scenario::owing_later(then);
        interrupt_twice(&scenario, POWER_TWICE).expect_at_least(500);
    }
    let scenario = Scenario::owing_later(Then::SettleAndWipe);
    for cut in [Cut::Power, Cut::Agent] {
        interrupt_once(&scenario, Tables::BUILT_IN, cut).expect_at_least(40);
    }
}

#[test]
fn what_cannot_be_erased_at_once_is_erased_later_wherever_the_power_fails() {
    let refused = Some(Trouble::EraseRefused);
    let scenarios =
        [Scenario::suspend(Some(Then::Wipe), refused), Scenario { trouble: refused, ..lost() }];
    for scenario in scenarios {
        for cut in [Cut::Power, Cut::Agent] {
            interrupt_once(&scenario, Tables::BUILT_IN, cut).expect_at_least(20);
        }
    }
}

#[test]
fn a_killed_agent_and_a_short_power_cut_change_nothing_about_who_sells() {
    for then in [Then::Resume, Then::Wipe] {
        let scenario = Scenario::suspend(Some(then), None);
        interrupt_once(&scenario, Tables::BUILT_IN, Cut::Agent).expect_at_least(40);
        let scenario = Scenario { dark: SHORT_DARK, ..scenario };
        interrupt_once(&scenario, Tables::BUILT_IN, Cut::Power).expect_at_least(40);
    }
}

#[test]
fn a_suspension_can_be_withdrawn_until_it_is_over_and_the_till_sells_then() {
    let mut ends = Vec::new();
    for second in [0, 5, 60, 125, 150, 170, 200, 400] {
        let cancelled_at = Some(Duration::from_secs(second));
        let scenario = Scenario { cancelled_at, ..Scenario::suspend(None, None) };
        interrupt_once(&scenario, Tables::BUILT_IN, Cut::Power).expect_at_least(5);
        let end = undisturbed(scenario);
        let outcome = end.outcome_in_ledger();
        assert_eq!(verdict(end), Vec::<String>::new());
        ends.push(match outcome {
            Some(Outcome::Cancelled { .. }) => "cancelled",
            Some(Outcome::RolledBack { failure }) if failure.code == FailureCode::Withdrawn => {
                "back"
            }
            Some(Outcome::Succeeded { .. }) => "too late",
            other => panic!("{other:?}"),
        });
    }
    for wanted in ["cancelled", "back", "too late"] {
        assert!(ends.contains(&wanted), "{wanted}: {ends:?}");
    }
}

/// What the terminal is survives the loss of the agent's database.
#[test]
fn an_agent_that_loses_its_database_lets_nobody_sell_that_stands_still() {
    let scenario = Scenario::suspend(Some(Then::Resume), None);
    interrupt_once(&scenario, Tables::BUILT_IN, Cut::Database).expect_at_least(20);
}
