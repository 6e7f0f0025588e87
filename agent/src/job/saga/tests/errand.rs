//! A second table, which has nothing to do with upgrades: the executor works through any.

use super::super::super::backup::BACKUP;
use super::super::super::deactivate::{RESUME, SUSPEND, WIPE, WIPE_LOST};
use super::super::super::drill::DRILL;
use super::super::super::rebind::{REBIND, RELEASED};
use super::super::super::restore::RESTORE;
use super::*;
use crate::job::step::{Condition, Mark, Step, Undo, When};

/// A made-up job: count the drawer while the till is closed, and bring the slip.
static ERRAND: Table = &[
    Step::new("pack", Action::Stage).tidied_by(&[Action::DiscardStaged]).tries(2, 10),
    Step::new("close", Action::HoldTrading)
        .or_back()
        .only_while(Condition::WindowOpen, "pack")
        .takes_lease()
        .undone_by(&[Action::ReleaseTrading]),
    Step::new("open", Action::ReleaseTrading).ends_lease(),
];

#[test]
fn an_errand_of_three_steps_is_run_by_the_same_executor() {
    let mut rig = Rig::new(ERRAND);
    rig.due();
    for action in [Action::Stage, Action::HoldTrading, Action::ReleaseTrading] {
        rig.asks_for(action);
        rig.reply(done());
    }
    assert_eq!(rig.finished, Some(Outcome::Succeeded { now: String::new() }));
}

#[test]
fn an_errand_that_cannot_close_the_till_goes_back_and_packs_again() {
    let mut rig = Rig::new(ERRAND);
    rig.due();
    rig.reply(done());
    rig.reply(not_yet());
    rig.asks_for(Action::ReleaseTrading);
    rig.reply(done());
    rig.asks_for(Action::DiscardStaged);
    rig.reply(done());
    assert!(rig.asked.is_empty(), "it waits before it tries again");
    rig.after(45);
    rig.asks_for(Action::Stage);
}

#[test]
fn an_errand_survives_a_restart_at_each_of_its_steps() {
    for restarts_at in 0..3 {
        let mut rig = Rig::new(ERRAND);
        rig.due();
        for step in 0..20 {
            if step == restarts_at {
                rig.restart();
            }
            if rig.finished.is_some() {
                break;
            }
            rig.reply(done());
        }
        assert_eq!(rig.finished, Some(Outcome::Succeeded { now: String::new() }));
    }
}

/// What a table must be for the executor to keep its promises.
#[test]
fn every_table_holds_together() {
    let tables = [ERRAND, UPGRADE, BACKUP, DRILL, RESTORE, REBIND, RELEASED];
    for table in tables.into_iter().chain([SUSPEND, RESUME, WIPE, WIPE_LOST]) {
        for (place, step) in table.iter().enumerate() {
            let before = &table[..place];
            let earlier = |name| before.iter().find(|step| step.name == name);
            assert!(earlier(step.name).is_none(), "two steps are called {}", step.name);
            if let Some(back_to) = step.back_to {
                let target = earlier(back_to);
                let quiet = target.is_some_and(|target| target.mark == Mark::Plain);
                assert!(quiet, "{} goes back to {back_to}", step.name);
            }
            if let When::Noted(name) = step.when {
                let noting = earlier(name).is_some_and(|step| step.noting.is_some());
                assert!(noting, "{} asks what {name} noted", step.name);
            }
            if step.mark == Mark::TakesLease {
                let ends = table[place..].iter().any(|later| later.mark == Mark::EndsLease);
                let undone = matches!(step.undo, Undo::By(_));
                assert!(ends && undone, "{} takes a lease for good", step.name);
                // A lease that lapsed in a restart is taken again where there is no way back, and
                // what was done before under it counts no more: a sale may have slipped in.
                let under_it = &table[place..];
                let last = under_it.iter().rposition(|it| it.back_to.is_some()).unwrap_or(0);
                let stuck = under_it[..last].iter().find(|it| it.back_to.is_none());
                assert!(stuck.is_none(), "no way back from {}", stuck.map_or("", |it| it.name));
            }
        }
    }
}
