//! Bugs planted on purpose. Of these each must be found by the count that is there for it.

use super::world::Bug;
use super::{FEW, run};

#[track_caller]
fn is_caught(bug: Bug, words: &str) {
    let world = run(0, FEW, Some(bug));
    let breaches = &world.watch.breaches;
    let found = breaches.iter().any(|it| it.contains(words));
    assert!(found, "{bug:?} is to be found by {words:?}: {breaches:?}");
}

#[test]
fn a_till_that_does_not_wait_for_its_window_is_caught() {
    is_caught(Bug::BeginsAtAnyTime, "it is out of its window");
}

#[test]
fn a_till_that_does_again_what_it_did_is_caught() {
    is_caught(Bug::WorksTwice, "it has done that before");
}

#[test]
fn a_freeze_that_nobody_looks_at_is_caught() {
    is_caught(Bug::ForgetsFreezes, "its shop is frozen");
}

#[test]
fn a_plan_that_asks_no_store_is_caught() {
    is_caught(Bug::AsksNoStore, "its store has as many disturbed as it may");
}

#[test]
fn two_controllers_that_ask_a_store_only_when_they_plan_are_caught() {
    is_caught(Bug::AdmitsUnasked, "its store has as many disturbed as it may");
}

#[test]
fn the_last_till_that_sells_and_is_taken_is_caught() {
    is_caught(Bug::TakesTheLast, "nobody else in its store sells");
}

#[test]
fn whoever_waits_and_is_forgotten_is_caught() {
    is_caught(Bug::ForgetsWhoIsParked, "could release till");
}

#[test]
fn whoever_waits_and_is_not_counted_is_caught() {
    is_caught(Bug::TellsOfFewer, "is told");
}

#[test]
fn more_at_it_than_places_are_caught() {
    is_caught(Bug::DoublesPlaces, "there is no place");
}

#[test]
fn a_rate_that_nobody_keeps_is_caught() {
    is_caught(Bug::ForgetsItsRate, "that is more than its rate");
}

#[test]
fn a_wave_that_opens_before_the_one_before_has_passed_is_caught() {
    is_caught(Bug::OpensEveryWave, "opens wave 1");
}

#[test]
fn a_campaign_that_lets_failures_pass_is_caught() {
    is_caught(Bug::LetsFailuresPass, "too many have failed");
}

#[test]
fn a_campaign_that_goes_on_when_it_was_stopped_is_caught() {
    is_caught(Bug::GoesOnWhenHalted, "too many have failed");
}

#[test]
fn an_order_that_is_made_twice_is_caught() {
    is_caught(Bug::ReleasesTwice, "it was released in issue 0 before");
}

#[test]
fn whoever_overtakes_what_goes_first_is_caught() {
    is_caught(Bug::OvertakesWhatGoesFirst, "something that goes first");
}

#[test]
fn a_till_that_dies_at_its_work_and_is_waited_for_is_caught() {
    is_caught(Bug::WaitsForTheDead, "is at it and away");
}

#[test]
fn a_till_that_fails_again_and_again_and_is_not_spared_is_caught() {
    is_caught(Bug::SparesNobody, "it has failed three times in a row");
}
