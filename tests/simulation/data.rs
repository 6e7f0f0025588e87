//! Backups, drills and restores, with power cuts at every point and in every recovery.

use crate::cuts::{POWER_TWICE, interrupt_twice};
use crate::scenario::{Job, Scenario, Trouble};
use crate::world::Cut;

fn about(job: Job, trouble: Option<Trouble>) -> Scenario {
    Scenario::about_data(job, trouble)
}

#[test]
fn a_backup_ends_with_its_snapshot_wherever_the_power_fails() {
    interrupt_twice(&about(Job::Backup, None), POWER_TWICE).expect_at_least(50);
    let fails = about(Job::Backup, Some(Trouble::ExportFails));
    interrupt_twice(&fails, POWER_TWICE).expect_at_least(20);
}

#[test]
fn a_backup_waits_for_the_settlement_and_not_for_ever_wherever_the_power_fails() {
    for scenario in [Scenario::after_settlement(), Scenario::never_settled()] {
        interrupt_twice(&scenario, POWER_TWICE).expect_at_least(50);
    }
}

#[test]
fn a_drill_touches_no_till_wherever_the_power_fails() {
    interrupt_twice(&about(Job::Drill, None), POWER_TWICE).expect_at_least(50);
    for trouble in [Trouble::Rotten, Trouble::TotalsDiffer] {
        interrupt_twice(&about(Job::Drill, Some(trouble)), POWER_TWICE).expect_at_least(20);
    }
}

#[test]
fn a_restore_is_whole_or_was_never_wherever_the_power_fails() {
    interrupt_twice(&about(Job::Restore, None), POWER_TWICE).expect_at_least(400);
}

#[test]
fn a_restore_that_fails_leaves_the_data_of_before_wherever_the_power_fails() {
    for (trouble, schedules) in [
        (Trouble::Unfit, 20),
        (Trouble::Rotten, 30),
        (Trouble::ExportFails, 30),
        (Trouble::ImportFails, 200),
        (Trouble::FilesRefused, 200),
        (Trouble::TotalsDiffer, 200),
    ] {
        let scenario = about(Job::Restore, Some(trouble));
        interrupt_twice(&scenario, POWER_TWICE).expect_at_least(schedules);
    }
}

#[test]
fn a_killed_agent_goes_on_with_a_restore_where_it_was() {
    let cuts = [Cut::Agent, Cut::Power];
    interrupt_twice(&about(Job::Restore, None), cuts).expect_at_least(400);
}

#[test]
fn an_upgrade_waits_for_its_snapshot_wherever_the_power_fails() {
    interrupt_twice(&Scenario::backup_first(), POWER_TWICE).expect_at_least(600);
}
