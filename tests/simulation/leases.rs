//! Terminals that are kept away from their controller for longer than their lease: they lock, stay
//! locked wherever the power fails, and sell again once they have heard it.

use std::time::Duration;

use agent::decide::effect::Shelf;
use agent::job::Tables;
use agent::journal::facts::Facts;
use agent::lease::{CameTo, Errand, Part, STEP, Stage, What, last_part};

use crate::cuts::{POWER_TWICE, interrupt_once, interrupt_twice_thinly};
use crate::machine::run;
use crate::scenario::{Bug, SHORT_DARK, Scenario, Then};
use crate::verdict::verdict;
use crate::world::{Cut, World};

/// Until a till is stopped whose lease has run out, and the sale in flight is over.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);

/// From the start of the machine to that of the agent, and what is counted in whole seconds.
const START_WITHIN: Duration = Duration::from_secs(60);

/// What the simulation looks at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    /// When the controller was last heard.
    contact_at: Duration,
    /// Since then: how long the machine was off, and how often it was started.
    dark: Duration,
    starts: u32,
    /// The till was stopped by the lease.
    pub(crate) locked: bool,
}

impl Watch {
    pub(crate) fn heard(&mut self, now: Duration) {
        (self.contact_at, self.dark, self.starts) = (now, Duration::ZERO, 0);
    }

    pub(crate) fn power_failed(&mut self, dark: Duration) {
        self.dark += dark;
        self.starts += 1;
    }
}

impl World {
    pub(crate) fn keep_lease(&mut self, errand: Errand) -> CameTo {
        let hears = self.till.running().is_some();
        match (errand.what, errand.till) {
            (What::Lock, Part::Do) => {
                self.watch_the_lock();
                self.lease.locked |= hears;
                self.till.lock();
            }
            (What::Unlock, Part::Do) if self.scenario.bug != Some(Bug::UnlocksNothing) => {
                self.till.unlock();
            }
            (What::Lock | What::Unlock, Part::Do | Part::Leave) => {}
        }
        let answered = hears || errand.till == Part::Leave;
        let till = if answered { Ok(()) } else { Err("it starts".to_owned()) };
        CameTo { till, program: Ok(()) }
    }

    /// Nobody's lease is shorter than it is, but by a step for each start of the machine, and by
    /// what the machine was off.
    fn watch_the_lock(&mut self) {
        let Some(lease) = self.scenario.lease else {
            return self.breaches.push("locked without a lease".to_owned());
        };
        let Watch { contact_at, dark, starts, .. } = self.lease;
        let on = self.now.saturating_sub(contact_at + dark);
        let counted = on + dark + (STEP + START_WITHIN) * starts;
        if counted + START_WITHIN < lease && !self.lost_its_database {
            self.breaches.push(format!("locked after {on:?}, before its lease was over"));
        }
    }

    /// At every moment: nobody sells who had no contact for longer than the lease.
    pub(crate) fn watch_the_lease(&mut self) {
        let Some(lease) = self.scenario.lease else { return };
        let Watch { contact_at, dark, .. } = self.lease;
        // Whoever lost what it knew of its lease has the last part of it, from then on.
        let spared = if self.lost_its_database { last_part(lease) } else { Duration::ZERO };
        let last = contact_at + dark + lease + spared + STOPPED_WITHIN;
        if self.till.sold_at > last && self.breaches.is_empty() {
            let sold_at = self.till.sold_at;
            self.breaches.push(format!("a sale at {sold_at:?}, after its lease at {last:?}"));
        }
    }
}

/// At the end everything is open again, and everybody knows what was.
pub(crate) fn check_lease(world: &World, wrong: &mut Vec<String>) {
    let stage = Facts::read(world.disk.shelf(Shelf::Facts)).0.lease.map(|kept| kept.stage);
    if stage.is_some_and(|stage| stage != Stage::Open) {
        wrong.push(format!("the terminal believes that it is {stage:?}"));
    }
    let told = &world.controller.locked;
    if world.lease.locked && told.is_empty() && !world.lost_its_database {
        wrong.push("a terminal was locked, and nobody was told".to_owned());
    }
    if told.last().is_some_and(Option::is_some) {
        wrong.push(format!("the controller believes that it is locked: {told:?}"));
    }
}

fn undisturbed(scenario: Scenario) -> World {
    run(World::new(scenario), Tables::BUILT_IN, &mut |_, _| {})
}

#[test]
fn a_terminal_kept_away_locks_when_its_lease_is_over_and_sells_when_it_is_back() {
    let end = undisturbed(Scenario::away());
    assert!(end.lease.locked);
    let told = end.controller.locked.iter().flatten().max().copied();
    let hours = told.map(|for_s| for_s / 3600);
    assert_eq!(hours, Some(2), "it was locked through the fifth and the sixth hour");
    assert_eq!(verdict(end), Vec::<String>::new());
}

#[test]
fn it_stays_locked_and_does_not_stay_stopped_wherever_the_power_fails() {
    interrupt_twice_thinly(&Scenario::away(), POWER_TWICE, 2).expect_at_least(600);
}

#[test]
fn a_killed_agent_a_short_power_cut_and_a_lost_database_open_nothing_and_leave_nothing_shut() {
    let short = Scenario { dark: SHORT_DARK, ..Scenario::away() };
    interrupt_once(&short, Tables::BUILT_IN, Cut::Power).expect_at_least(40);
    interrupt_once(&Scenario::away(), Tables::BUILT_IN, Cut::Agent).expect_at_least(40);
    interrupt_once(&Scenario::away(), Tables::BUILT_IN, Cut::Database).expect_at_least(40);
}

#[test]
fn a_suspension_that_begins_before_or_in_the_lock_is_kept_and_what_follows_too() {
    for hours in [3, 5] {
        let cut_off = Duration::from_secs(hours * 3600);
        for then in [Then::Resume, Then::Wipe] {
            let scenario = Scenario { cut_off, then: Some(then), ..Scenario::away_to_suspend() };
            interrupt_once(&scenario, Tables::BUILT_IN, Cut::Power).expect_at_least(60);
        }
    }
}

#[test]
fn a_suspension_that_is_withdrawn_while_the_till_is_locked_leaves_it_to_the_lease() {
    for hours in [3, 5] {
        let cut_off = Duration::from_secs(hours * 3600);
        let cancelled_at = Some(Scenario::BACK_AT);
        let scenario = Scenario { cut_off, cancelled_at, ..Scenario::away_to_suspend() };
        for cut in [Cut::Power, Cut::Agent] {
            interrupt_once(&scenario, Tables::BUILT_IN, cut).expect_at_least(40);
        }
    }
}
