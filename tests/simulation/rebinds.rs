//! Changes of provider, with the power failing at every point, in every recovery and on every way
//! back, and with hosts and tills that refuse, hang, answer late or lose their answer.

use std::time::Duration;

use agent::job::Tables;
use shared::outcome::{FailureCode, Outcome};

use crate::cuts::{POWER_TWICE, interrupt_once, interrupt_twice_thinly};
use crate::machine::run;
use crate::scenario::{SHORT_DARK, Scenario, Trouble};
use crate::verdict::verdict;
use crate::world::{Cut, World};

/// With all of them the suite would take twice as long, and no longer see anything new.
const THINLY: usize = 5;

fn undisturbed(scenario: Scenario) -> World {
    run(World::new(scenario), Tables::BUILT_IN, &mut |_, _| {})
}

#[test]
fn a_rebind_ends_with_the_new_provider_wherever_the_power_fails() {
    interrupt_twice_thinly(&Scenario::rebind(None), POWER_TWICE, THINLY).expect_at_least(600);
}

#[test]
fn a_rebind_after_a_release_goes_forward_or_stops_wherever_the_power_fails() {
    interrupt_twice_thinly(&Scenario::released(None), POWER_TWICE, THINLY).expect_at_least(600);
}

#[test]
fn a_declined_test_leads_back_to_the_old_provider_wherever_the_power_fails() {
    let declined = Scenario::rebind(Some(Trouble::TestDeclined));
    interrupt_twice_thinly(&declined, POWER_TWICE, THINLY).expect_at_least(300);
}

#[test]
fn a_breach_in_the_watch_leads_back_to_the_old_provider_wherever_the_power_fails() {
    let breach = Scenario::rebind(Some(Trouble::Breach));
    interrupt_twice_thinly(&breach, POWER_TWICE, THINLY).expect_at_least(600);
}

#[test]
fn whatever_hosts_and_tills_do_there_is_one_provider_or_none_and_everybody_knows() {
    for trouble in [
        Trouble::StageRefused,
        Trouble::OldAway,
        Trouble::SwitchRefused,
        Trouble::SwitchUnanswered,
        Trouble::TestDeclined,
        Trouble::TestUnanswered,
        Trouble::TestHangs,
        Trouble::TestLate,
        Trouble::NewGone,
        Trouble::Breach,
        Trouble::BreachAway,
        Trouble::Stranded,
        Trouble::StopSlow,
        Trouble::EraseSlow,
        Trouble::ControllerGone,
    ] {
        for scenario in [Scenario::rebind(Some(trouble)), Scenario::released(Some(trouble))] {
            for cut in [Cut::Power, Cut::Agent] {
                let tally = interrupt_once(&scenario, Tables::BUILT_IN, cut);
                assert!(tally.wrong.is_empty(), "{trouble:?}: {:#?}", tally.wrong);
                assert!(tally.schedules > 20, "{trouble:?}: {}", tally.schedules);
            }
        }
    }
}

/// For troubles of which there are many, and for one that lasts for hours.
const VERY_THINLY: usize = 40;
const HARDLY: usize = 400;

#[test]
fn whatever_hosts_do_the_power_may_fail_in_the_recovery_too() {
    for (trouble, every) in [
        (Trouble::StageRefused, VERY_THINLY),
        (Trouble::OldAway, VERY_THINLY),
        (Trouble::SwitchRefused, VERY_THINLY),
        (Trouble::SwitchUnanswered, VERY_THINLY),
        (Trouble::TestUnanswered, VERY_THINLY),
        (Trouble::TestHangs, VERY_THINLY),
        (Trouble::TestLate, VERY_THINLY),
        (Trouble::NewGone, VERY_THINLY),
        (Trouble::BreachAway, VERY_THINLY),
        (Trouble::OldGone, HARDLY),
    ] {
        for scenario in [Scenario::rebind(Some(trouble)), Scenario::released(Some(trouble))] {
            let tally = interrupt_twice_thinly(&scenario, POWER_TWICE, every);
            assert!(tally.wrong.is_empty(), "{trouble:?}: {:#?}", tally.wrong);
            assert!(tally.schedules > 20, "{trouble:?}: {}", tally.schedules);
        }
    }
}

/// There are sales before the till can be held, and so batches to be settled.
fn losing_answers(trouble: Trouble) -> [Scenario; 2] {
    let till_postpones_until = Duration::from_secs(120);
    [Scenario::rebind(Some(trouble)), Scenario::released(Some(trouble))]
        .map(|scenario| Scenario { till_postpones_until, ..scenario })
}

#[test]
fn what_a_host_has_settled_or_voided_without_an_answer_is_done_once_wherever_the_power_fails() {
    for trouble in [Trouble::AnswersLost, Trouble::BreachLost] {
        for scenario in losing_answers(trouble) {
            let tally = interrupt_twice_thinly(&scenario, POWER_TWICE, VERY_THINLY);
            tally.expect_at_least(100);
            let lost = undisturbed(scenario).till.bank.answers_lost;
            assert!(lost >= 2, "{trouble:?}: {lost} answers were lost");
        }
    }
}

#[test]
fn a_till_that_does_again_what_was_not_answered_is_caught() {
    for scenario in losing_answers(Trouble::AnswersLost) {
        let mut end = undisturbed(Scenario { repeats_anew: true, ..scenario });
        let audit = end.till.audit();
        assert!(audit.settled_twice > 0 && audit.lost > 0, "{audit:?}");
    }
}

#[test]
fn what_keeps_a_rebind_for_hours_strands_no_till_wherever_the_power_fails() {
    for trouble in [Trouble::Closed, Trouble::OldGone, Trouble::HoldRefused, Trouble::EraseRefused]
    {
        for scenario in [Scenario::rebind(Some(trouble)), Scenario::released(Some(trouble))] {
            interrupt_once(&scenario, Tables::BUILT_IN, Cut::Power).expect_at_least(20);
        }
    }
}

#[test]
fn a_power_cut_that_is_shorter_than_the_hold_changes_nothing_about_a_rebind() {
    for trouble in [None, Some(Trouble::TestDeclined), Some(Trouble::StopSlow)] {
        for scenario in [Scenario::rebind(trouble), Scenario::released(trouble)] {
            let scenario = Scenario { dark: SHORT_DARK, ..scenario };
            interrupt_once(&scenario, Tables::BUILT_IN, Cut::Power).expect_at_least(20);
        }
    }
}

#[test]
fn a_rebind_can_be_withdrawn_until_trading_is_held_and_again_while_it_is_watched() {
    let mut ends = Vec::new();
    for second in [0, 2, 60, 120, 300, 500, 2_000] {
        let cancelled_at = Some(Duration::from_secs(second));
        let scenario = Scenario { cancelled_at, ..Scenario::rebind(None) };
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

#[test]
fn a_suspicion_ends_what_has_not_begun_and_nothing_else_wherever_the_power_fails() {
    let mut granted = Vec::new();
    // What was ordered is accepted in the first second or two.
    for second in (2..90).step_by(10) {
        let suspected_at = Some(Duration::from_secs(second));
        let scenario = Scenario { suspected_at, ..Scenario::rebind(None) };
        interrupt_once(&scenario, Tables::BUILT_IN, Cut::Power).expect_at_least(5);
        let end = undisturbed(scenario);
        granted.push(matches!(end.outcome_in_ledger(), Some(Outcome::Cancelled { .. })));
        assert_eq!(verdict(end), Vec::<String>::new());
    }
    assert!(granted.is_sorted_by(|earlier, later| earlier >= later), "{granted:?}");
    assert_eq!((granted.first(), granted.last()), (Some(&true), Some(&false)));
}

#[test]
fn no_window_that_closes_lets_go_of_a_switch_that_cannot_be_undone() {
    for minutes in 1..12 {
        let window: &'static str = format!("08:00-08:{minutes:02}").leak();
        let unanswered = Scenario::released(Some(Trouble::SwitchUnanswered));
        let end = undisturbed(Scenario { window: Some(window), ..unanswered });
        let wrong = end.breaches;
        assert!(wrong.is_empty(), "{window}: {wrong:?}");
    }
}

#[test]
fn a_till_that_cannot_be_held_is_taken_back_once_it_can_and_sells_until_then() {
    for second in [300, 500] {
        let cancelled_at = Some(Duration::from_secs(second));
        let refused = Scenario::rebind(Some(Trouble::HoldRefused));
        let scenario = Scenario { cancelled_at, ..refused };
        for cut in [Cut::Power, Cut::Agent] {
            interrupt_once(&scenario, Tables::BUILT_IN, cut).expect_at_least(20);
        }
        let end = undisturbed(scenario);
        assert!(end.hold_refused_from.is_some(), "nobody was refused");
        let outcome = end.outcome_in_ledger();
        let Some(Outcome::RolledBack { failure }) = outcome else { panic!("{outcome:?}") };
        assert_eq!(failure.code, FailureCode::Withdrawn);
    }
}
