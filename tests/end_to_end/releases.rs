//! Releases that are bad, tills that do not answer, hosts that do not agree: the shop sells on.

use anyhow::{Context as _, Result};
use controller::api::model::{Assignment, AssignmentState as State};
use harness::world::{TillRelease, World};

use crate::fleet::{BAD, Fleet, GOOD};

#[test]
fn a_release_that_fails_its_own_test_goes_back_by_itself() {
    let fleet = Fleet::small(&["north"]).unwrap();
    let ended = one_upgrade(fleet, &BAD, State::RolledBack, "1.0.0").unwrap();
    let reason = ended.reason.unwrap();
    assert_eq!(reason.code, "health-not-proven");
    assert!(reason.detail.contains("self-test failed"), "{}", reason.detail);
    assert!(reason.hint.is_some(), "it says what to do about it");
}

#[test]
fn a_release_that_crashes_at_its_start_goes_back_by_itself() {
    let fleet = Fleet::small(&["north"]).unwrap();
    let World { terminals, programs, .. } = &fleet.world;
    terminals[0].fault(programs, &["crash-at-start", "--only", "2.0.0"]).unwrap();
    let release = TillRelease { health_within: "8s", ..GOOD };
    let ended = one_upgrade(fleet, &release, State::RolledBack, "1.0.0").unwrap();
    assert_eq!(ended.reason.unwrap().code, "restart-failed");
}

#[test]
fn a_till_whose_totals_the_host_does_not_share_is_left_alone_and_sells_on() {
    let fleet = Fleet::small(&["north"]).unwrap();
    let World { terminals, programs, .. } = &fleet.world;
    fleet.wait_until_it_sells(0).unwrap();
    terminals[0].fault(programs, &["lie-about-totals=1"]).unwrap();
    let ended = one_upgrade(fleet, &GOOD, State::RolledBack, "1.0.0").unwrap();
    let reason = ended.reason.unwrap();
    assert_eq!(reason.code, "settlement-mismatch");
    assert!(reason.detail.contains("till") && reason.detail.contains("host"), "{}", reason.detail);
}

#[test]
fn a_till_that_hangs_only_makes_its_terminal_wait() {
    hung_till().unwrap();
}

fn hung_till() -> Result<()> {
    let mut fleet = Fleet::small(&["north"])?;
    let release = fleet.world.publish_till(&GOOD)?;
    fleet.world.terminals[0].fault(&fleet.world.programs, &["hang"])?;
    let campaign = fleet.campaign(&release, "model=px7", &["--max-parallel", "1"])?;
    let waiting = fleet.wait_until(campaign, "it waits for its till", |look| {
        look.count(|state| state == State::Waiting) == 1
    })?;
    let reason = waiting.terminals[0].reason.as_ref().context("who waits says why")?;
    assert_eq!(reason.code, "till");
    assert!(reason.detail.contains("does not answer"), "{}", reason.detail);
    assert!(fleet.world.terminals[0].current_slot()?.starts_with("1.0.0"), "nothing was touched");
    fleet.world.terminals[0].fault(&fleet.world.programs, &["clear"])?;
    assert_eq!(fleet.complete(campaign)?.states(), [State::Succeeded]);
    assert_eq!(fleet.version(0)?, "2.0.0");
    fleet.check_once_in_effect(campaign)?;
    fleet.check_books()
}

/// Upgrades the only terminal; how it ended, once everything is as it should be after that.
fn one_upgrade(
    mut fleet: Fleet,
    release: &TillRelease,
    end: State,
    version: &str,
) -> Result<Assignment> {
    let release = fleet.world.publish_till(release)?;
    let campaign = fleet.campaign(&release, "store=north", &["--max-parallel", "1"])?;
    let mut ended = fleet.complete(campaign)?;
    assert_eq!(ended.states(), [end], "{:?}", ended.terminals[0].reason);
    assert_eq!(fleet.version(0)?, version);
    assert!(fleet.world.terminals[0].current_slot()?.starts_with(version));
    fleet.wait_until_it_sells(0)?;
    fleet.check_once_in_effect(campaign)?;
    fleet.check_books()?;
    ended.terminals.pop().context("there is one terminal")
}
