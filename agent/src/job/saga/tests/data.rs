//! The tables about the till's data: backup, drill and restore, and the snapshot before an upgrade.

use super::super::super::DataAction::{self, *};
use super::super::super::backup::BACKUP;
use super::super::super::drill::DRILL;
use super::super::super::restore::RESTORE;
use super::pairs::table_of;
use super::*;

fn data(table: Table, action: DataAction) -> Rig {
    Rig::at(table, Action::Data(action))
}

fn undoing(mut rig: Rig) -> Rig {
    rig.reply(failed(Again::Pointless));
    rig
}

fn after_restart(mut rig: Rig) -> Rig {
    rig.restart();
    rig
}

/// A backup that waits for a settlement, with its window open.
fn awaiting(action: DataAction) -> Rig {
    let mut rig = Rig::new(BACKUP);
    rig.c.settlement_awaited = true;
    rig.due();
    rig.work_until(Action::Data(action));
    rig
}

#[test]
fn every_event_in_every_state_of_a_backup_is_answered_as_the_table_says() {
    let table = table_of(vec![
        ("admitting", data(BACKUP, Admit)),
        ("awaiting the settlement", awaiting(AskSettled)),
        ("awaiting the settlement after a restart", after_restart(awaiting(AskSettled))),
        ("exporting", data(BACKUP, Export)),
        ("saving", data(BACKUP, Save)),
        ("saving after a restart", after_restart(data(BACKUP, Save))),
        ("discarding the export", undoing(data(BACKUP, Save))),
        ("tidying up", data(BACKUP, DiscardExport)),
        ("rehearsing a drill", data(DRILL, Rehearse)),
        ("comparing what a drill counted", data(DRILL, Compare)),
        ("discarding what a drill fetched", undoing(data(DRILL, Compare))),
    ]);
    let expected = include_str!("backup.txt");
    assert!(table == expected, "the table is now:\n{table}");
}

#[test]
fn every_event_in_every_state_of_a_restore_is_answered_as_the_table_says() {
    let held = || Rig::at(RESTORE, Action::Drain);
    let held_export = || {
        let mut rig = data(RESTORE, SettleFirst);
        rig.reply(done());
        rig
    };
    let mut going_back = held();
    going_back.reply(not_yet());
    let table = table_of(vec![
        ("checking the target", data(RESTORE, CheckTarget)),
        ("fetching", data(RESTORE, FetchSnapshot)),
        ("saving what is there", data(RESTORE, Save)),
        ("taking hold", Rig::at(RESTORE, Action::HoldTrading)),
        ("draining", held()),
        ("going back to wait", going_back),
        ("settling", data(RESTORE, SettleFirst)),
        ("exporting while trading is held", held_export()),
        ("importing", data(RESTORE, Import)),
        ("importing after a restart", after_restart(data(RESTORE, Import))),
        ("placing files", data(RESTORE, PlaceFiles)),
        ("putting files back", undoing(data(RESTORE, PlaceFiles))),
        ("reconciling", data(RESTORE, Reconcile)),
        ("reverting", undoing(data(RESTORE, Reconcile))),
        ("reverting after a restart", after_restart(undoing(data(RESTORE, Reconcile)))),
        ("committing", data(RESTORE, CommitImport)),
        ("committing after a restart", after_restart(data(RESTORE, CommitImport))),
        ("releasing trading", Rig::at(RESTORE, Action::ReleaseTrading)),
        ("sweeping files", data(RESTORE, KeepFiles)),
    ]);
    let expected = include_str!("restore.txt");
    assert!(table == expected, "the table is now:\n{table}");
}

#[test]
fn a_backup_waits_for_a_settlement_in_its_window_alone_and_only_where_it_is_asked_to() {
    let mut rig = awaiting(AskSettled);
    let waiting = Waiting::Settlement;
    let detail = "a batch is open".to_owned();
    let again_in = Some(Duration::from_secs(60));
    rig.reply(Reply::NotYet { waiting, detail, again_in });
    assert!(rig.after(59).is_empty(), "nobody asks in between");
    rig.after(1);
    rig.asks_for(Action::Data(AskSettled));
    rig.reply(not_yet());
    rig.c.window = closed();
    rig.after(45);
    assert!(rig.asked.is_empty(), "the window is closed: {:?}", rig.journal);
    rig.c.window = Answer::Yes;
    rig.after(900);
    rig.asks_for(Action::Data(AskSettled));
    rig.reply(done());
    rig.asks_for(Action::Data(Export));
    let unasked = data(BACKUP, Export);
    let asked = unasked
        .journal
        .iter()
        .any(|it| matches!(it, Entry::Intended { step, .. } if step == "settled"));
    assert!(!asked, "without the order's word nobody asks the till");
}

/// An upgrade that asks for a snapshot, with its window open.
fn asking(action: Action) -> Rig {
    let mut rig = Rig::new(UPGRADE);
    rig.c.backup_asked = true;
    rig.due();
    rig.work_until(action);
    rig
}

fn asked(rig: &Rig) -> Action {
    rig.asked.last().expect("something is asked for").1
}

#[test]
fn an_upgrade_takes_a_snapshot_and_waits_until_it_is_verified() {
    let mut rig = asking(Action::Data(Find));
    for wanted in [Find, Export, Save, DiscardExport, Confirm] {
        assert_eq!(asked(&rig), Action::Data(wanted));
        rig.reply(done());
    }
    assert_eq!(asked(&rig), Action::AskTill);
}

#[test]
fn a_young_snapshot_is_enough_also_after_a_restart() {
    let mut rig = asking(Action::Data(Find));
    rig.reply(Reply::AlreadySo(Proof::default()));
    assert_eq!(asked(&rig), Action::AskTill);
    rig.restart();
    assert_eq!(asked(&rig), Action::AskTill);
}

#[test]
fn without_a_verified_snapshot_the_job_ends_before_the_shop_is_disturbed() {
    let mut rig = asking(Action::Data(Confirm));
    while rig.finished.is_none() {
        match rig.asked.last() {
            Some((_, Action::Data(Confirm))) => drop(rig.reply(failed(Again::Worthwhile))),
            Some((_, action)) => {
                assert_ne!(*action, Action::HoldTrading);
                rig.reply(done());
            }
            None => drop(rig.after(60)),
        }
    }
    assert!(matches!(rig.finished, Some(Outcome::Failed { .. })), "{:?}", rig.finished);
}

#[test]
fn every_night_has_its_own_snapshot() {
    let mut rig = asking(Action::HoldTrading);
    rig.reply(not_yet());
    rig.work_until(Action::Data(Find));
    rig.reply(done());
    assert_eq!(asked(&rig), Action::Data(Export));
}
