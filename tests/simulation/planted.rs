//! Bugs planted on purpose. A simulation that lets one of these pass is worth nothing.

use agent::job::Tables;
use agent::job::deactivate::{RESUME, SUSPEND, SUSPEND_OWING, WIPE, WIPE_LOST};
use agent::job::rebind::{REBIND, RELEASED};
use agent::job::restore::RESTORE;
use agent::job::step::{Condition, Lasts, Mark, Step, Table, Undo};
use agent::job::upgrade::UPGRADE;

use crate::cuts::interrupt_once;
use crate::scenario::{Bug, Job, Scenario, Then, Trouble};
use crate::world::Cut;

/// The upgrade with this done to the step of that name, or without it.
fn spoilt(step: &str, spoil: impl Fn(Step) -> Option<Step>) -> Tables {
    Tables { upgrade: spoilt_table(UPGRADE, step, spoil), ..Tables::BUILT_IN }
}

/// As [`spoilt`], for a restore.
fn spoilt_restore(step: &str, spoil: impl Fn(Step) -> Option<Step>) -> Tables {
    Tables { restore: spoilt_table(RESTORE, step, spoil), ..Tables::BUILT_IN }
}

fn spoilt_table(table: Table, step: &str, spoil: impl Fn(Step) -> Option<Step>) -> Table {
    let mut found = false;
    let table = table.iter().cloned().filter_map(|it| {
        if it.name != step {
            return Some(it);
        }
        found = true;
        spoil(it)
    });
    let table = Vec::leak(table.collect());
    assert!(found, "the table has no step `{step}`");
    table
}

#[track_caller]
pub(crate) fn is_caught(scenario: &Scenario, tables: Tables, words: &str) {
    let wrong = interrupt_once(scenario, tables, Cut::Power).wrong;
    assert!(wrong.iter().any(|wrong| wrong.contains(words)), "{words}: {wrong:?}");
}

#[test]
fn a_hold_that_is_not_undone_is_caught() {
    let tables = spoilt("hold", |hold| Some(Step { undo: Undo::Nothing, ..hold }));
    is_caught(&Scenario::unhealthy(), tables, "trading is still held");
}

#[test]
fn a_job_that_forgets_to_release_trading_is_caught() {
    let tables = spoilt("release", |_| None);
    is_caught(&Scenario::good(), tables, "trading is still held");
}

#[test]
fn a_switch_that_is_not_undone_is_caught() {
    let tables = spoilt("switch", |switch| Some(Step { undo: Undo::Nothing, ..switch }));
    is_caught(&Scenario::unhealthy(), tables, "told is Old; current is New");
}

#[test]
fn a_switch_back_without_a_restart_is_caught() {
    let back = Undo::By(&[agent::job::Action::SwitchBack]);
    let tables = spoilt("switch", |switch| Some(Step { undo: back, ..switch }));
    is_caught(&Scenario::unhealthy(), tables, "running is Some(New)");
}

#[test]
fn a_restart_without_a_hold_is_caught() {
    let tables = spoilt("hold", |_| None);
    is_caught(&Scenario::good(), tables, "a till that was selling was restarted");
}

#[test]
fn a_switch_without_draining_is_caught() {
    is_caught(&Scenario::good(), spoilt("drain", |_| None), "are lost");
}

#[test]
fn a_switch_without_settling_where_the_release_asks_is_caught() {
    is_caught(&Scenario::settle_first(), spoilt("settle", |_| None), "are lost");
}

#[test]
fn a_release_that_is_kept_without_proof_of_health_is_caught() {
    let tables = spoilt("health", |_| None);
    is_caught(&Scenario::unhealthy(), tables, "must not end like this: Some(Succeeded");
}

#[test]
fn health_that_was_proven_before_the_power_failed_and_is_believed_after_it_is_caught() {
    let tables = spoilt("health", |health| Some(Step { lasts: Lasts::Always, ..health }));
    is_caught(&Scenario::isolating(), tables, "told is Old; current is New");
}

#[test]
fn a_job_that_does_not_wait_for_the_window_is_caught() {
    let anytime = |step: Step| Step { only_while: None, ..step };
    let mut table: Vec<_> = UPGRADE.iter().cloned().map(anytime).collect();
    let wait = agent::job::step::Run::Await(Condition::WindowOpen);
    table.retain(|step| step.run != wait);
    table.iter_mut().for_each(|step| step.back_to = step.back_to.map(|_| "till"));
    let tables = Tables { upgrade: Vec::leak(table), ..Tables::BUILT_IN };
    is_caught(&Scenario::closed_window(), tables, "in a closed window");
}

#[test]
fn a_hold_that_is_not_renewed_is_caught() {
    let tables = spoilt("hold", |hold| Some(Step { mark: Mark::Plain, ..hold }));
    is_caught(&Scenario::slow_health(), tables, "a till that was selling was restarted");
}

fn restore(trouble: Option<Trouble>) -> Scenario {
    Scenario::about_data(Job::Restore, trouble)
}

#[test]
fn an_import_that_is_not_reverted_is_caught() {
    let tables = spoilt_restore("import", |import| Some(Step { undo: Undo::Nothing, ..import }));
    is_caught(&restore(Some(Trouble::TotalsDiffer)), tables, "the till has Restored");
}

#[test]
fn a_restore_that_does_not_count_is_caught() {
    let tables = spoilt_restore("reconcile", |_| None);
    is_caught(&restore(Some(Trouble::TotalsDiffer)), tables, "must not end like this");
}

#[test]
fn a_restore_into_a_till_that_sells_is_caught() {
    let tables = spoilt_restore("hold", |_| None);
    is_caught(&restore(None), tables, "a till that was selling was replaced");
}

#[test]
fn a_restore_that_saves_nothing_first_is_caught() {
    let restore_table =
        spoilt_table(spoilt_table(RESTORE, "save", |_| None), "save-held", |_| None);
    let tables = Tables { restore: restore_table, ..Tables::BUILT_IN };
    is_caught(&restore(None), tables, "is saved nowhere");
}

#[test]
fn a_sale_between_the_first_export_and_the_hold_that_is_in_no_snapshot_is_caught() {
    let tables = spoilt_restore("save-held", |_| None);
    is_caught(&restore(None), tables, "are in no snapshot");
}

#[test]
fn files_that_are_not_put_back_are_caught() {
    let tables = spoilt_restore("files", |files| Some(Step { undo: Undo::Nothing, ..files }));
    is_caught(&restore(Some(Trouble::TotalsDiffer)), tables, "the files are Restored");
}

#[test]
fn old_files_that_are_never_swept_are_caught() {
    is_caught(&restore(None), spoilt_restore("tidy-files", |_| None), "files set aside");
}

#[test]
fn a_restore_that_is_never_committed_is_caught() {
    is_caught(&restore(None), spoilt_restore("commit", |_| None), "left over: data set aside");
}

#[test]
fn an_upgrade_without_the_snapshot_that_was_asked_for_is_caught() {
    let tables = spoilt("verified", |_| None);
    is_caught(&Scenario::backup_first(), tables, "without a verified snapshot");
}

/// As [`spoilt`], for a rebind.
fn spoilt_rebind(step: &str, spoil: impl Fn(Step) -> Option<Step>) -> Tables {
    Tables { rebind: spoilt_table(REBIND, step, spoil), ..Tables::BUILT_IN }
}

fn rebind(trouble: Option<Trouble>) -> Scenario {
    Scenario::rebind(trouble)
}

#[test]
fn a_rebind_that_does_not_settle_first_is_caught() {
    is_caught(&rebind(None), spoilt_rebind("settle", |_| None), "money of the old provider open");
}

#[test]
fn a_rebind_without_a_verified_snapshot_is_caught() {
    let tables = spoilt_rebind("verified", |_| None);
    is_caught(&rebind(None), tables, "without a verified snapshot");
}

#[test]
fn trading_that_is_released_before_the_tests_is_caught() {
    let mut table = REBIND.to_vec();
    let place = |name| REBIND.iter().position(|step| step.name == name).expect("a step");
    table.swap(place("test"), place("release"));
    let tables = Tables { rebind: Vec::leak(table), ..Tables::BUILT_IN };
    is_caught(&rebind(None), tables, "released with what was not tested");
}

#[test]
fn a_rebind_without_tests_is_caught() {
    let tables = spoilt_rebind("test", |_| None);
    is_caught(&rebind(None), tables, "released with what was not tested");
}

#[test]
fn keys_that_are_erased_before_the_watch_are_caught() {
    let tables = spoilt_rebind("watch", |_| None);
    is_caught(&rebind(None), tables, "erased before the watch was over");
}

#[test]
fn a_new_binding_that_is_not_emptied_on_the_way_back_is_caught() {
    let mut table = REBIND.to_vec();
    table.iter_mut().filter(|step| ["stage", "test"].contains(&step.name)).for_each(|step| {
        step.undo = Undo::Nothing;
    });
    let tables = Tables { rebind: Vec::leak(table), ..Tables::BUILT_IN };
    is_caught(&rebind(Some(Trouble::Breach)), tables, "the till has old and new: [true, true]");
}

#[test]
fn a_way_back_that_does_not_hold_the_till_first_is_caught() {
    let tables = spoilt_rebind("release", |it| Some(Step { undo: Undo::Nothing, ..it }));
    is_caught(&rebind(Some(Trouble::Breach)), tables, "RollbackFailed");
}

#[test]
fn what_one_binding_sends_to_the_other_host_is_caught() {
    let mixed = Scenario { mixes_hosts: true, ..rebind(Some(Trouble::BreachAway)) };
    is_caught(&mixed, Tables::BUILT_IN, "told to the other host");
}

#[test]
fn a_till_that_is_stranded_and_released_is_caught() {
    let stranded = || Some(Trouble::Stranded);
    let releases =
        |step: Step| Some(Step { stranded: &[agent::job::Action::ReleaseTrading], ..step });
    let tables = spoilt_rebind("hold", releases);
    is_caught(&rebind(stranded()), tables, "released with what was not tested");
    let released = spoilt_table(RELEASED, "release", |step| Some(Step { stranded: &[], ..step }));
    let tables = Tables { rebind_released: released, ..Tables::BUILT_IN };
    is_caught(&Scenario::released(stranded()), tables, "trading is stopped: false");
}

#[test]
fn tests_that_do_not_matter_after_a_release_are_caught() {
    let released = spoilt_table(RELEASED, "test", |step| Some(Step { vital: false, ..step }));
    let tables = Tables { rebind_released: released, ..Tables::BUILT_IN };
    let declined = Scenario::released(Some(Trouble::TestDeclined));
    is_caught(&declined, tables, "released with what was not tested");
}

/// As [`spoilt`], for what stops a till, lets it sell again or empties it.
fn spoilt_stop(table: Table, step: &str, spoil: impl Fn(Step) -> Option<Step>) -> Tables {
    let spoilt = spoilt_table(table, step, spoil);
    let or = |own: Table| if std::ptr::eq(own, table) { spoilt } else { own };
    Tables {
        suspend: or(SUSPEND),
        resume: or(RESUME),
        wipe: or(WIPE),
        wipe_lost: or(WIPE_LOST),
        ..Tables::BUILT_IN
    }
}

fn then(then: Then) -> Scenario {
    Scenario::suspend(Some(then), None)
}

#[test]
fn a_suspension_that_does_not_wait_for_its_cut_off_is_caught() {
    let tables = spoilt_stop(SUSPEND, "cut-off", |_| None);
    is_caught(&then(Then::Resume), tables, "stopped before its cut-off");
}

#[test]
fn a_suspension_that_stops_nothing_is_caught() {
    let tables = spoilt_stop(SUSPEND, "stop", |_| None);
    is_caught(&then(Then::Wipe), tables, "after the cut-off");
}

#[test]
fn a_suspension_that_does_not_settle_is_caught() {
    let scenario = Scenario { bug: Some(Bug::OwesUnseen), ..then(Then::Wipe) };
    let tables = spoilt_stop(SUSPEND, "settle", |_| None);
    is_caught(&scenario, tables, "with money open was erased");
}

#[test]
fn a_till_that_owes_something_and_is_taken_for_settled_is_caught() {
    let settled = spoilt_table(SUSPEND_OWING, "settle", |_| None);
    let tables = Tables { suspend_owing: settled, ..Tables::BUILT_IN };
    let bug = Some(Bug::OwesUnseen);
    let scenario = Scenario { bug, ..Scenario::suspend_owing(Then::Wipe) };
    is_caught(&scenario, tables, "with money open was erased");
}

#[test]
fn a_till_that_owes_something_and_is_not_saved_is_caught() {
    let mut table = spoilt_table(SUSPEND_OWING, "verified", |_| None).to_vec();
    table.retain(|step| step.name != "save");
    let tables = Tables { suspend_owing: Vec::leak(table), ..Tables::BUILT_IN };
    let scenario = Scenario::suspend_owing(Then::WipeUnsettled);
    is_caught(&scenario, tables, "what is owed is saved nowhere");
}

#[test]
fn a_suspension_that_waits_for_no_verified_snapshot_is_caught() {
    let mut table = spoilt_table(SUSPEND, "verified", |_| None).to_vec();
    table.retain(|step| step.name != "save");
    let tables = Tables { suspend: Vec::leak(table), ..Tables::BUILT_IN };
    // What was saved nowhere can be named in no clearance.
    is_caught(&then(Then::Wipe), tables, "manifest: None");
}

#[test]
fn a_till_that_sells_untested_is_caught() {
    is_caught(&then(Then::Resume), spoilt_stop(RESUME, "test", |_| None), "by nobody's word");
}

#[test]
fn a_till_that_sells_without_having_looked_itself_over_is_caught() {
    let tables = spoilt_stop(RESUME, "self-test", |_| None);
    is_caught(&then(Then::Resume), tables, "by nobody's word");
}

#[test]
fn a_till_that_sells_with_the_batch_of_its_tests_open_is_caught() {
    is_caught(&then(Then::Resume), spoilt_stop(RESUME, "close", |_| None), "by nobody's word");
}

#[test]
fn a_wipe_without_a_cool_off_is_caught() {
    is_caught(&then(Then::Wipe), spoilt_stop(WIPE, "cool-off", |_| None), "could be cancelled");
}

#[test]
fn a_wipe_of_what_nobody_deregistered_is_caught() {
    let scenario = Scenario { bug: Some(Bug::DeregistersNobody), ..then(Then::Wipe) };
    is_caught(&scenario, Tables::BUILT_IN, "its provider has it on its books");
}

#[test]
fn a_till_that_forgets_with_its_data_that_it_must_not_sell_is_caught() {
    let bug = Some(Bug::BarsNobody);
    let lost = Scenario::about_data(Job::WipeLost, None);
    for scenario in [Scenario { bug, ..then(Then::Wipe) }, Scenario { bug, ..lost }] {
        is_caught(&scenario, Tables::BUILT_IN, "half erased sells");
    }
}

#[test]
fn a_till_that_forgets_with_the_power_that_it_was_stopped_is_caught() {
    let scenario = Scenario { bug: Some(Bug::StopsUntilThePowerFails), ..then(Then::Wipe) };
    is_caught(&scenario, Tables::BUILT_IN, "and the till was stopped");
}

#[test]
fn a_lost_terminal_that_is_not_stopped_first_is_caught() {
    let tables = spoilt_stop(WIPE_LOST, "stop", |_| None);
    let lost = Scenario::about_data(Job::WipeLost, None);
    is_caught(&lost, tables, "that was not stopped was erased");
}

#[test]
fn an_order_that_runs_out_before_a_till_that_was_given_up_is_found_is_caught() {
    let scenario = Scenario { bug: Some(Bug::StopRunsOut), ..Scenario::given_up() };
    is_caught(&scenario, Tables::BUILT_IN, "after the cut-off");
}

fn kept_away(bug: Bug) -> Scenario {
    Scenario { bug: Some(bug), ..Scenario::away() }
}

#[test]
fn a_lease_that_is_not_observed_is_caught() {
    is_caught(&kept_away(Bug::LeaseNotObserved), Tables::BUILT_IN, "after its lease");
}

#[test]
fn a_lease_that_is_forgotten_when_the_power_fails_is_caught() {
    is_caught(&kept_away(Bug::LeaseNotKept), Tables::BUILT_IN, "after its lease");
}

#[test]
fn a_till_that_stays_stopped_when_it_is_unlocked_is_caught() {
    is_caught(&kept_away(Bug::UnlocksNothing), Tables::BUILT_IN, "trading is stopped: true");
}
