//! Each action on data, with a till in memory and a backup program that is a shell script.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::backup::{Available, DataClass, Newest, Selection, SnapshotOf};
use shared::change::{Backup, Extent, Restore};
use shared::digest::Digest;
use shared::document::Manifest;
use shared::document::manifest::{DataSet, Numbers};
use shared::drill::Counted;
use shared::id::{OrderId, RepositoryId};
use shared::time::{ClockConfidence, UnixTime};

use super::super::tests::{Shop, given, shop};
use super::*;
use crate::job::{Action, Subject, Ticket};
use crate::pos::PosError;
use crate::snapshot::protocol::{
    AllowedPath, Fetch, Fetched, OfOrder, PlaceFiles, Placed, Save, Saved, line,
};
use serde::Serialize;

const DAY_S: u64 = 24 * 3600;
const NOW: i64 = 1_800_000_000;

pub(crate) fn backing_up() -> Shop {
    let mut shop = shop();
    let state = shop.directory.path().join("state");
    fs::create_dir_all(state.join("backup")).unwrap();
    let backups = Backups {
        program: Program::new(shop.directory.path().join("program"), state.clone()),
        state: StateDir::new(state),
        paths: Vec::new(),
        serial: "T-1".to_owned(),
        model: "px7".to_owned(),
        url: "https://controller:8443".to_owned(),
    };
    shop.hands = shop.hands.with_backups(Some(backups));
    shop
}

/// The program keeps the request as `<task>.json`, and answers with this.
pub(crate) fn answering(shop: &Shop, task: protocol::Task, answer: &str) {
    let directory = shop.directory.path();
    let word = task.as_str();
    fs::write(directory.join(format!("{word}.answer")), format!("{answer}\n")).unwrap();
    let program = directory.join("program");
    let at = directory.display();
    let text = format!(
        "#!/bin/sh\nread -r request\necho \"$request\" > {at}/$3.json\n\
         if [ $3 = fetch ]; then mkdir -p $2/backup/restore/export; \
         echo 'three sales' > $2/backup/restore/export/sales.db; fi\n\
         cat {at}/$3.answer\ncat > /dev/null\n"
    );
    crate::snapshot::tests::write_program(&program, &text);
}

pub(crate) fn asked<T: DeserializeOwned>(shop: &Shop, task: protocol::Task) -> T {
    let path = shop.directory.path().join(format!("{}.json", task.as_str()));
    protocol::parse(fs::read_to_string(path).unwrap().trim()).unwrap()
}

fn act_for(shop: &Shop, subject: Subject, action: DataAction) -> Reply {
    let task = Task {
        ticket: Ticket(1),
        order: OrderId::from_bytes([1; 16]),
        action: Action::Data(action),
        subject: Arc::new(subject),
        given: given(),
    };
    shop.hands.carry_out(&task, &Stop::new(), &mut |_, _| {})
}

fn backup(shop: &Shop, action: DataAction) -> Reply {
    act_for(shop, full(None), action)
}

fn full(settled_by: Option<UnixTime>) -> Subject {
    Subject::Backup(Backup { extent: Extent::Full, window: None, settled_by })
}

#[track_caller]
fn done(reply: Reply) -> Proof {
    let Reply::Done(proof) = reply else { panic!("{reply:?}") };
    proof
}

#[track_caller]
fn failed(reply: Reply) -> (FailureCode, String) {
    let Reply::Failed { code, detail, .. } = reply else { panic!("{reply:?}") };
    (code, detail)
}

fn newest(taken_at: i64) -> String {
    let available = Available {
        repository: RepositoryId::from_bytes([3; 16]),
        number: 12,
        snapshot: Digest([4; 32]),
        manifest: Digest([5; 32]),
        taken_at: UnixTime(taken_at),
    };
    done_line(&Newest { number: 13, available: Some(available) })
}

pub(crate) fn done_line<T: Serialize>(answer: &T) -> String {
    format!(r#"{{"done":{}}}"#, line(answer))
}

fn manifest() -> Manifest {
    let data_set = DataSet {
        name: "sales".to_owned(),
        class: DataClass::Transactions,
        schema: 1,
        files: 1,
        bytes: 11,
        records: 3,
        totals: BTreeMap::from([("CNY".to_owned(), 1250)]),
        numbers: Some(Numbers { first: 1, last: 3 }),
    };
    Manifest {
        format: 1,
        terminal: given().terminal,
        serial: "T-1".to_owned(),
        model: "px7".to_owned(),
        repository: RepositoryId::from_bytes([3; 16]),
        number: 12,
        snapshot: Digest([4; 32]),
        order: OrderId::from_bytes([6; 16]),
        taken_at: UnixTime(NOW),
        clock: ClockConfidence::Attested,
        software: Vec::new(),
        bindings: vec!["a".to_owned()],
        batch_open: false,
        data_sets: vec![data_set],
        listing: Digest([7; 32]),
        sealed_key: Digest([8; 32]),
        roster_version: 1,
    }
}

fn fetched() -> String {
    let (left_out, paths) = (Vec::new(), Vec::new());
    done_line(&Fetched { manifest: manifest(), files: 1, bytes: 11, left_out, paths })
}

fn restore() -> Subject {
    let manifest = manifest();
    let of = SnapshotOf {
        terminal: manifest.terminal,
        repository: manifest.repository,
        snapshot: manifest.snapshot,
        manifest: Digest([5; 32]),
    };
    let selection = Selection::Everything;
    Subject::Restore(Box::new(Restore { of, selection, key: None, window: None }))
}

#[test]
fn a_terminal_without_backups_says_so() {
    let (code, detail) = failed(backup(&shop(), DataAction::Admit));
    assert_eq!(code, FailureCode::NotApplicable);
    assert!(detail.contains("no `[backup]`"), "{detail}");
}

#[test]
fn a_key_for_one_recipient_is_never_made() {
    let shop = backing_up();
    let mut given = given();
    given.recipients = ["age1a".to_owned()].into();
    let task = Task {
        ticket: Ticket(1),
        order: OrderId::from_bytes([1; 16]),
        action: Action::Data(DataAction::Export),
        subject: Arc::new(full(None)),
        given,
    };
    let reply = shop.hands.carry_out(&task, &Stop::new(), &mut |_, _| {});
    assert_eq!(failed(reply).0, FailureCode::NoRecipients);
}

#[test]
fn what_the_till_exported_is_what_the_program_saves() {
    let shop = backing_up();
    let saved = Saved {
        repository: RepositoryId::from_bytes([3; 16]),
        number: 12,
        snapshot: Digest([4; 32]),
        manifest: Digest([5; 32]),
        bytes_sent: 7,
        bytes_total: 11,
        files: 1,
        findings: vec!["a link was left out".to_owned()],
    };
    answering(&shop, protocol::Task::Save, &done_line(&saved));
    shop.till.turn(|knobs| knobs.batch_open = true);
    done(backup(&shop, DataAction::Admit));
    done(backup(&shop, DataAction::Export));
    let proof = done(backup(&shop, DataAction::Save));
    assert_eq!(proof.version.as_deref(), Some("snapshot 12"));
    assert_eq!(proof.findings[0].digest, Some(Digest([5; 32])));
    assert_eq!(proof.findings[1].note, "a link was left out");
    let asked: Save = asked(&shop, protocol::Task::Save);
    assert_eq!((asked.extent, asked.batch_open), (Extent::Full, true));
    assert_eq!((asked.recipients.len(), asked.taken_at), (2, UnixTime(NOW)));
    assert_eq!((asked.bindings, asked.software.len()), (vec!["a".to_owned()], 1));
    assert_eq!(asked.data_sets[0].files, ["sales.db"]);
    assert!(asked.export.is_absolute() && asked.export.join("sales.db").exists());
    for _twice in 0..2 {
        done(backup(&shop, DataAction::DiscardExport));
        assert!(!asked.export.exists());
    }
    assert_eq!(failed(backup(&shop, DataAction::Save)).0, FailureCode::Internal);
}

#[test]
fn a_till_that_holds_sales_for_too_long_is_told_of() {
    let shop = backing_up();
    shop.till.turn(|knobs| knobs.held_ms = 2_001);
    let proof = done(backup(&shop, DataAction::Export));
    assert!(proof.findings[1].note.contains("2001 ms"), "{proof:?}");
}

#[test]
fn a_till_that_cannot_export_leaves_nothing_to_be_saved() {
    let shop = backing_up();
    done(backup(&shop, DataAction::Export));
    shop.till.turn(|knobs| knobs.broken = Some(PosError::Failed("disk".to_owned())));
    assert_eq!(failed(backup(&shop, DataAction::Export)).0, FailureCode::ExportFailed);
    assert_eq!(failed(backup(&shop, DataAction::Save)).0, FailureCode::Internal);
    shop.till.turn(|knobs| knobs.broken = Some(PosError::NotReady("starting".to_owned())));
    let reply = backup(&shop, DataAction::Export);
    assert!(matches!(reply, Reply::NotYet { waiting: Waiting::Till, .. }), "{reply:?}");
}

#[test]
fn a_young_verified_snapshot_is_enough_and_an_old_one_is_not() {
    let shop = backing_up();
    let (release, digest) = (Box::new(shop.release.clone()), Digest([9; 32]));
    let subject =
        || Subject::Upgrade { digest, release: release.clone(), backup_within_s: Some(DAY_S) };
    let day = i64::try_from(DAY_S).unwrap();
    answering(&shop, protocol::Task::Newest, &newest(NOW - day));
    let reply = act_for(&shop, subject(), DataAction::Find);
    assert!(matches!(reply, Reply::AlreadySo(_)), "{reply:?}");
    done(act_for(&shop, subject(), DataAction::Confirm));
    let none = done_line(&Newest::default());
    for old in [newest(NOW - day - 1), none] {
        answering(&shop, protocol::Task::Newest, &old);
        done(act_for(&shop, subject(), DataAction::Find));
        let reply = act_for(&shop, subject(), DataAction::Confirm);
        assert!(matches!(reply, Reply::Failed { again: Again::Worthwhile, .. }), "{reply:?}");
    }
}

#[test]
fn what_the_program_says_is_what_the_job_hears() {
    let shop = backing_up();
    done(backup(&shop, DataAction::Export));
    let waiting = r#"{"waiting":{"reason":"network","detail":"no route"}}"#;
    answering(&shop, protocol::Task::Save, waiting);
    let reply = backup(&shop, DataAction::Save);
    assert!(matches!(reply, Reply::NotYet { waiting: Waiting::Network, .. }), "{reply:?}");
    let found = r#"{"failed":{"code":"card-data-found","detail":"sales.db","again":false}}"#;
    answering(&shop, protocol::Task::Save, found);
    let reply = backup(&shop, DataAction::Save);
    let Reply::Failed { code, again, .. } = reply else { panic!("{reply:?}") };
    assert_eq!((code, again), (FailureCode::CardDataFound, Again::Pointless));
    answering(&shop, protocol::Task::Save, "");
    assert_eq!(failed(backup(&shop, DataAction::Save)).0, FailureCode::Internal);
}

#[test]
fn a_backup_waits_for_a_settlement_until_its_order_waits_no_longer() {
    let shop = backing_up();
    let ask = |by: i64| act_for(&shop, full(Some(UnixTime(by))), DataAction::AskSettled);
    let note = |reply: Reply| done(reply).findings[0].note.clone();
    assert_eq!(note(ask(NOW + 60)), "no batch is open");
    shop.till.turn(|knobs| knobs.batch_open = true);
    let reply = ask(NOW + 1);
    assert!(matches!(reply, Reply::NotYet { waiting: Waiting::Settlement, .. }), "{reply:?}");
    assert_eq!(note(ask(NOW)), "not-settled: a batch is still open: a");
    shop.till.turn(|knobs| knobs.broken = Some(PosError::NotReady("starting".to_owned())));
    let reply = ask(NOW + 1);
    assert!(matches!(reply, Reply::NotYet { waiting: Waiting::Settlement, .. }), "{reply:?}");
    assert!(note(ask(NOW)).starts_with("not-settled"), "no answer is no settlement");
    assert!(shop.till.turn(|knobs| !knobs.asked.contains(&"settle")), "it never settles itself");
}

#[test]
fn a_drill_rehearses_the_newest_snapshot_and_touches_no_till() {
    let shop = backing_up();
    answering(&shop, protocol::Task::Fetch, &fetched());
    answering(&shop, protocol::Task::Newest, &newest(NOW));
    done(act_for(&shop, Subject::Drill, DataAction::FetchSnapshot));
    let asked: Fetch = asked(&shop, protocol::Task::Fetch);
    assert_eq!((asked.of.manifest, asked.key), (Digest([5; 32]), None));
    let counts = || {
        let proof = done(act_for(&shop, Subject::Drill, DataAction::Rehearse));
        let notes = proof.findings.iter().map(|it| it.note.parse::<Counted>());
        notes.filter_map(Result::ok).map(|it| it.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(counts(), ["counted sales: 3 records, 1250 CNY"]);
    for _ in 0..2 {
        let proof = done(act_for(&shop, Subject::Drill, DataAction::Compare));
        assert_eq!(proof.version.as_deref(), Some("snapshot 12"));
    }
    shop.till.turn(|knobs| knobs.sales = 4);
    assert_eq!(counts(), ["counted sales: 4 records, 1250 CNY"], "it is told before it is judged");
    let differ = failed(act_for(&shop, Subject::Drill, DataAction::Compare));
    assert_eq!(differ.0, FailureCode::TotalsDiffer);
    assert!(shop.till.turn(|knobs| !knobs.asked.contains(&"import")));
    answering(&shop, protocol::Task::Newest, &done_line(&Newest::default()));
    let none = failed(act_for(&shop, Subject::Drill, DataAction::FetchSnapshot));
    assert_eq!(none.0, FailureCode::NotRestorable);
}

#[test]
fn a_restore_goes_through_its_actions_and_each_can_be_repeated() {
    let shop = backing_up();
    answering(&shop, protocol::Task::Fetch, &fetched());
    for action in [
        DataAction::CheckTarget,
        DataAction::FetchSnapshot,
        DataAction::SettleFirst,
        DataAction::Import,
        DataAction::PlaceFiles,
        DataAction::Reconcile,
        DataAction::CommitImport,
        DataAction::RevertImport,
        DataAction::DiscardStaged,
    ] {
        done(act_for(&shop, restore(), action));
        done(act_for(&shop, restore(), action));
    }
    let asked = shop.till.turn(|knobs| knobs.asked.clone());
    assert!(!asked.contains(&"settle"), "no batch is replaced, so none is settled: {asked:?}");
}

/// A shop whose configuration names its receipts, of which the snapshot has some.
fn with_receipts() -> Shop {
    let mut shop = backing_up();
    let backups = shop.hands.backups.take().unwrap();
    let receipts = AllowedPath {
        name: "receipts".to_owned(),
        class: DataClass::Sales,
        path: shop.directory.path().join("receipts"),
    };
    shop.hands = shop.hands.with_backups(Some(Backups { paths: vec![receipts], ..backups }));
    answering(&shop, protocol::Task::Fetch, &fetched_with_receipts());
    shop
}

fn fetched_with_receipts() -> String {
    let mut manifest = manifest();
    let receipts = DataSet {
        name: "receipts".to_owned(),
        class: DataClass::Sales,
        records: 0,
        totals: BTreeMap::new(),
        numbers: None,
        ..manifest.data_sets[0].clone()
    };
    manifest.data_sets.push(receipts);
    let (left_out, paths) = (Vec::new(), vec!["receipts".to_owned()]);
    done_line(&Fetched { manifest, files: 2, bytes: 22, left_out, paths })
}

fn restore_of(selection: Selection) -> Subject {
    let Subject::Restore(restore) = restore() else { panic!("it is a restore") };
    Subject::Restore(Box::new(Restore { selection, ..*restore }))
}

#[test]
fn files_of_configured_paths_are_placed_and_the_till_is_not_asked_about_them() {
    let shop = with_receipts();
    done(act_for(&shop, restore(), DataAction::FetchSnapshot));
    let placed = Placed { paths: vec!["/receipts".to_owned()], files: 1, bytes: 11 };
    answering(&shop, protocol::Task::Place, &done_line(&placed));
    let proof = done(act_for(&shop, restore(), DataAction::PlaceFiles));
    assert_eq!(proof.findings[0].note, "`/receipts` is as it was saved");
    let request: PlaceFiles = asked(&shop, protocol::Task::Place);
    assert_eq!((request.paths.len(), request.only), (1, None));
    assert!(request.staged.is_absolute());
    done(act_for(&shop, restore(), DataAction::Import));
    done(act_for(&shop, restore(), DataAction::Reconcile));
    let nothing = done_line(&protocol::Nothing {});
    for (action, task) in [
        (DataAction::PutFilesBack, protocol::Task::PutBack),
        (DataAction::KeepFiles, protocol::Task::Keep),
    ] {
        answering(&shop, task, &nothing);
        done(act_for(&shop, restore(), action));
        assert_eq!(asked::<OfOrder>(&shop, task).order, request.order);
    }
}

#[test]
fn one_file_alone_is_restored_without_the_till() {
    let shop = with_receipts();
    let file = || restore_of(Selection::File("paths/receipts/1.txt".to_owned()));
    answering(&shop, protocol::Task::Place, &done_line(&Placed::default()));
    for action in [
        DataAction::CheckTarget,
        DataAction::FetchSnapshot,
        DataAction::SettleFirst,
        DataAction::Import,
        DataAction::PlaceFiles,
        DataAction::Reconcile,
    ] {
        done(act_for(&shop, file(), action));
    }
    let request: PlaceFiles = asked(&shop, protocol::Task::Place);
    assert_eq!(request.only.as_deref(), Some("paths/receipts/1.txt"));
    assert!(shop.till.turn(|knobs| !knobs.asked.contains(&"import")));
    let of_the_till = restore_of(Selection::File("export/sales.db".to_owned()));
    let (code, _) = failed(act_for(&shop, of_the_till, DataAction::CheckTarget));
    assert_eq!(code, FailureCode::NotRestorable);
}

#[test]
fn a_path_that_is_configured_no_more_is_refused_by_name() {
    let shop = backing_up();
    answering(&shop, protocol::Task::Fetch, &fetched_with_receipts());
    let (code, detail) = failed(act_for(&shop, restore(), DataAction::CheckTarget));
    assert_eq!(code, FailureCode::NotRestorable);
    assert!(detail.contains("`receipts` is not among `[[backup.paths]]`"), "{detail}");
    let sales = restore_of(Selection::DataSets(vec!["sales".to_owned()]));
    done(act_for(&shop, sales, DataAction::CheckTarget));
}

#[test]
fn an_order_that_exports_twice_takes_two_snapshots() {
    let shop = backing_up();
    let saved = || {
        let request = kept(&shop.directory.path().join("state/backup/export.json"));
        request.unwrap()["taken_at"].as_i64().unwrap()
    };
    done(act_for(&shop, restore(), DataAction::Export));
    let first = saved();
    done(act_for(&shop, restore(), DataAction::Export));
    assert_eq!((first, saved()), (NOW, NOW + 1));
}

#[test]
fn what_does_not_add_up_is_not_kept() {
    let shop = backing_up();
    answering(&shop, protocol::Task::Fetch, &fetched());
    done(act_for(&shop, restore(), DataAction::FetchSnapshot));
    shop.till.turn(|knobs| knobs.sales = 4);
    done(act_for(&shop, restore(), DataAction::Import));
    let (code, detail) = failed(act_for(&shop, restore(), DataAction::Reconcile));
    assert_eq!(code, FailureCode::TotalsDiffer);
    assert_eq!(detail, "`sales` was saved with 3 records and has 4");
}

#[test]
fn a_snapshot_of_another_model_is_refused_before_anything_is_fetched() {
    let shop = backing_up();
    let manifest = Manifest { model: "px5".to_owned(), ..manifest() };
    let (left_out, paths) = (Vec::new(), Vec::new());
    let other = Fetched { manifest, files: 0, bytes: 0, left_out, paths };
    answering(&shop, protocol::Task::Fetch, &done_line(&other));
    let (code, detail) = failed(act_for(&shop, restore(), DataAction::CheckTarget));
    assert_eq!(code, FailureCode::NotRestorable);
    assert!(detail.contains("it is of a px5, this is a px7"), "{detail}");
    let asked: Fetch = asked(&shop, protocol::Task::Fetch);
    assert_eq!(asked.selection, Selection::DataSets(Vec::new()));
}
