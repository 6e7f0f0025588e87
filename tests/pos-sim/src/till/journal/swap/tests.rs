//! Exports, imports, and power cuts at every moment of an import.

use std::collections::BTreeMap;

use anyhow::bail;
use tempfile::TempDir;

use super::super::{HostSaid, HostTook, Kind, NewSale, State, export, rehearse};
use super::*;
use crate::edition::{Edition, Schema, SelfTest, THIS};

const TWO: Edition = Edition { version: "2", schema: Schema::Two, self_test: SelfTest::Honest };

const YES: HostTook = HostTook { said: HostSaid::Yes, took_ms: 5 };

/// A till that has exported three sales, and has sold a fourth since.
struct Scene {
    dir: TempDir,
    names: Vec<String>,
    exported: Vec<DataSet>,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("export")).unwrap();
        let mut journal = Self::open(&dir);
        for amount in [100, 250, 900] {
            sell(&mut journal, amount);
        }
        let exported = export(dir.path(), &dir.path().join("export")).unwrap();
        assert!(exported.batch_open);
        sell(&mut journal, 4000);
        let names = exported.data_sets.iter().map(|set| set.name.clone()).collect();
        Self { dir, names, exported: exported.data_sets }
    }

    fn open(dir: &TempDir) -> Journal {
        Journal::open(dir.path(), "T1", &THIS).unwrap()
    }

    fn journal(&self) -> Journal {
        Self::open(&self.dir)
    }

    fn from(&self) -> PathBuf {
        self.dir.path().join("export")
    }

    fn import(&self, journal: &mut Journal) -> Vec<DataSet> {
        journal.import(self.dir.path(), &self.from(), &self.names).unwrap()
    }

    /// What belongs to no journal, when none is open.
    fn leftovers(&self) -> Vec<String> {
        let names = fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.retain(|name| name.starts_with("till.db."));
        names
    }
}

fn sell(journal: &mut Journal, amount_minor: i64) {
    let new = NewSale { binding: "a", kind: Kind::Sale, amount_minor, tip_minor: 0 };
    let sale = journal.begin(new, 0).unwrap();
    journal.conclude(&sale, State::Approved, YES, 0).unwrap();
}

fn total(journal: &Journal) -> (i64, i64) {
    let open = journal.open_figures("a").unwrap();
    (open.count, open.total_minor)
}

const OLD: (i64, i64) = (3, 1250);
const NEW: (i64, i64) = (4, 5250);

#[test]
fn an_export_counts_what_it_holds() {
    let scene = Scene::new();
    let names: Vec<_> = scene.names.iter().map(String::as_str).collect();
    assert_eq!(names, ["batch-a", "config", "journal", "sales"]);
    let sales = &scene.exported[3];
    assert_eq!((sales.records, sales.first, sales.last), (3, Some(1), Some(3)));
    assert_eq!(sales.totals, BTreeMap::from([("CNY".to_owned(), 1250)]));
    let batch = &scene.exported[0];
    assert_eq!((batch.class.as_str(), batch.last), ("batch", Some(1)));
}

#[test]
fn a_rehearsal_counts_the_same_and_touches_nothing() {
    let scene = Scene::new();
    let scratch = tempfile::tempdir().unwrap();
    let names = &scene.names;
    let counted = rehearse(scratch.path(), &scene.from(), names, "T1", &THIS).unwrap();
    assert_eq!(counted, scene.exported);
    assert_eq!(total(&scene.journal()), NEW);
}

#[test]
fn an_import_is_answered_the_same_again_and_can_be_taken_back() {
    let scene = Scene::new();
    let mut journal = scene.journal();
    assert_eq!(scene.import(&mut journal), scene.exported);
    assert_eq!(total(&journal), OLD);
    assert_eq!(scene.import(&mut journal), scene.exported);
    drop(journal);
    let mut journal = scene.journal();
    assert_eq!(total(&journal), OLD, "a restart changes nothing");
    for _again in 0..2 {
        journal.revert_import(scene.dir.path()).unwrap();
        assert_eq!(total(&journal), NEW);
    }
    sell(&mut journal, 1);
    drop(journal);
    assert!(scene.leftovers().is_empty());
}

#[test]
fn an_import_that_is_committed_cannot_be_taken_back_and_numbers_go_on() {
    let scene = Scene::new();
    let mut journal = scene.journal();
    scene.import(&mut journal);
    for _again in 0..2 {
        journal.commit_import(scene.dir.path()).unwrap();
    }
    journal.revert_import(scene.dir.path()).unwrap();
    assert_eq!(total(&journal), OLD);
    let new = NewSale { binding: "a", kind: Kind::Sale, amount_minor: 5, tip_minor: 0 };
    assert_eq!(journal.begin(new, 0).unwrap().stan, 5, "the fourth number was used before");
    drop(journal);
    assert!(scene.leftovers().is_empty());
}

#[test]
fn one_data_set_comes_back_alone() {
    let scene = Scene::new();
    let mut journal = scene.journal();
    let log = ["journal".to_owned()];
    let answer = journal.import(scene.dir.path(), &scene.from(), &log).unwrap();
    assert_eq!(answer, [scene.exported[2].clone()]);
    assert_eq!(total(&journal), NEW);
}

#[test]
fn a_batch_that_was_settled_since_stays_settled_with_its_payments() {
    let scene = Scene::new();
    let mut journal = scene.journal();
    journal.offer_open_batch("a").unwrap();
    let offered = journal.offered_batches("a").unwrap();
    journal.mark_settled(&offered[0], "a-1").unwrap();
    let answer = scene.import(&mut journal);
    assert_eq!(answer, scene.exported, "what was imported is what was exported");
    assert_eq!(total(&journal), (0, 0), "nothing is there to be settled twice");
    assert_eq!(journal.last_settled_batch("a").unwrap().unwrap().total_minor, 5250);
}

#[test]
fn another_terminal_finishes_what_it_got_under_the_name_of_the_one_that_opened_it() {
    let (old, new) = (Scene::new(), tempfile::tempdir().unwrap());
    let mut journal = old.journal();
    let begin = |journal: &mut Journal, kind| {
        journal.begin(NewSale { binding: "a", kind, amount_minor: 70, tip_minor: 0 }, 0).unwrap()
    };
    let stored = begin(&mut journal, Kind::Offline);
    let held = begin(&mut journal, Kind::Preauthorisation);
    journal.conclude(&held, State::Held, YES, 0).unwrap();
    let in_flight = begin(&mut journal, Kind::Sale);
    let exported = export(old.dir.path(), &old.from()).unwrap();
    assert_eq!(journal.oldest_held().unwrap().unwrap().opened_by, None, "its own");
    drop(journal);

    let mut heir = Journal::open(new.path(), "T2", &THIS).unwrap();
    let names = ["config".to_owned(), "sales".to_owned()];
    heir.import(new.path(), &old.from(), &names).unwrap();
    assert_eq!(total(&heir), (0, 0), "what T1 was paid stays in the batches of T1");
    let [upload] = &heir.to_forward("a").unwrap()[..] else { panic!("one is stored") };
    assert_eq!((upload.stan, upload.opened_by.as_deref()), (stored.stan, Some("T1")));
    let completed = heir.complete(&heir.oldest_held().unwrap().unwrap(), 50, 0).unwrap();
    assert_eq!(completed.opened_by.as_deref(), Some("T1"));
    for sale in [upload, &completed] {
        heir.mark(sale, State::Approved, 0).unwrap();
    }
    assert_eq!(total(&heir), (2, 120));
    heir.offer_open_batch("a").unwrap();
    let offered = heir.offered_batches("a").unwrap();
    assert_eq!((offered[0].number, offered[0].count, offered[0].total_minor), (2, 2, 120));
    let elsewhere = heir.sale(in_flight.stan).unwrap().unwrap();
    assert_eq!(elsewhere.opened_by, None, "nobody but T1 knows what comes of it");

    let names: Vec<_> = exported.data_sets.iter().map(|set| set.name.clone()).collect();
    let mut own = old.journal();
    own.import(old.dir.path(), &old.from(), &names).unwrap();
    assert_eq!(total(&own), NEW);
    assert_eq!(own.oldest_held().unwrap().unwrap().opened_by.as_deref(), Some("T1"));
}

#[test]
fn a_newer_till_takes_what_an_older_one_exported() {
    let scene = Scene::new();
    let mut journal = Journal::open(scene.dir.path(), "T1", &TWO).unwrap();
    scene.import(&mut journal);
    assert_eq!(total(&journal), OLD);
}

#[test]
fn what_is_no_data_set_or_is_missing_changes_nothing() {
    let scene = Scene::new();
    let mut journal = scene.journal();
    fs::remove_file(scene.from().join("batch-a.db")).unwrap();
    for names in
        [vec![], vec!["../till".to_owned()], vec!["batch-a'--".to_owned()], scene.names.clone()]
    {
        assert!(journal.import(scene.dir.path(), &scene.from(), &names).is_err(), "{names:?}");
        assert_eq!(total(&journal), NEW, "{names:?}");
    }
}

#[test]
fn a_power_cut_at_any_moment_leaves_the_old_journal_or_the_new_one_whole() {
    let moments =
        [Moment::Copied, Moment::Loaded, Moment::Closed, Moment::SetAside, Moment::Renamed];
    for cut in moments {
        let scene = Scene::new();
        let mut journal = scene.journal();
        let cut_off =
            journal.import_until(scene.dir.path(), &scene.from(), &scene.names, &mut |moment| {
                if moment == cut { bail!("the power fails") } else { Ok(()) }
            });
        assert!(cut_off.is_err(), "{cut:?}");
        drop(journal);
        let mut journal = scene.journal();
        let wanted = if cut == Moment::Renamed { OLD } else { NEW };
        assert_eq!(total(&journal), wanted, "after {cut:?}");
        assert_eq!(scene.import(&mut journal), scene.exported, "once more after {cut:?}");
        journal.revert_import(scene.dir.path()).unwrap();
        assert_eq!(total(&journal), NEW, "back after {cut:?}");
        drop(journal);
        assert!(scene.leftovers().is_empty(), "after {cut:?}");
    }
}

#[test]
fn a_power_cut_in_a_commit_leaves_what_was_imported() {
    let scene = Scene::new();
    let mut journal = scene.journal();
    scene.import(&mut journal);
    let cut_off = journal.commit_until(scene.dir.path(), &mut |_| bail!("the power fails"));
    assert!(cut_off.is_err());
    drop(journal);
    let mut journal = scene.journal();
    journal.commit_import(scene.dir.path()).unwrap();
    assert_eq!(total(&journal), OLD);
    drop(journal);
    assert!(scene.leftovers().is_empty());
}
