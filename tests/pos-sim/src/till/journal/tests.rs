//! The journal's transitions, its batches, and two editions on one file.

use super::*;
use crate::edition::{Schema, SelfTest, THIS};
use crate::protocol::Left;

const ONE: Edition = Edition { version: "1", schema: Schema::One, self_test: SelfTest::Honest };
const TWO: Edition = Edition { version: "2", schema: Schema::Two, self_test: SelfTest::Honest };

fn open(data: &Path, edition: &'static Edition) -> Journal {
    Journal::open(data, "T1", edition).unwrap()
}

const YES: HostTook = HostTook { said: HostSaid::Yes, took_ms: 5 };

fn begin(journal: &mut Journal, kind: Kind, amount_minor: i64) -> Sale {
    let new = NewSale { binding: "a", kind, amount_minor, tip_minor: 7 };
    journal.begin(new, 0).unwrap()
}

fn approve(journal: &mut Journal, amount_minor: i64) -> Sale {
    let sale = begin(journal, Kind::Sale, amount_minor);
    journal.conclude(&sale, State::Approved, YES, 0).unwrap();
    sale
}

fn figures(journal: &Journal) -> (i64, i64) {
    let open = journal.open_figures("a").unwrap();
    (open.count, open.total_minor)
}

#[test]
fn a_sale_that_was_begun_is_reversed_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), &THIS);
    approve(&mut journal, 100);
    let in_doubt = begin(&mut journal, Kind::Sale, 200);
    drop(journal);
    let mut journal = open(dir.path(), &THIS);
    assert_eq!(journal.recover(0).unwrap(), 1);
    let to_forward = journal.to_forward("a").unwrap();
    assert_eq!(to_forward, [Sale { state: State::Reversing, ..in_doubt }]);
    assert_eq!(figures(&journal), (1, 100));
}

#[test]
fn a_sale_changes_only_from_the_state_it_is_in() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), &THIS);
    let sale = begin(&mut journal, Kind::Sale, 100);
    journal.conclude(&sale, State::Approved, YES, 0).unwrap();
    let error = journal.mark(&sale, State::Reversing, 0).unwrap_err();
    assert_eq!(error.to_string(), "sale 1 is not begun any more and cannot become reversing");
    assert_eq!(figures(&journal), (1, 100));
}

#[test]
fn reversals_are_told_before_stored_sales() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), &THIS);
    let stored = begin(&mut journal, Kind::Offline, 100);
    let doubtful = begin(&mut journal, Kind::Sale, 200);
    journal.mark(&doubtful, State::Reversing, 0).unwrap();
    let held = begin(&mut journal, Kind::Preauthorisation, 300);
    journal.conclude(&held, State::Held, YES, 0).unwrap();
    let stans: Vec<_> = journal.to_forward("a").unwrap().iter().map(|sale| sale.stan).collect();
    assert_eq!(stans, [doubtful.stan, stored.stan]);
    let left = Left { unsent_reversals: 1, stored_offline: 1, open_preauthorisations: 1 };
    assert_eq!(journal.left("a").unwrap(), left);
    assert_eq!(journal.left("b").unwrap(), Left::default());
}

#[test]
fn a_completion_enters_the_batch_that_is_open_then() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), &THIS);
    let held = begin(&mut journal, Kind::Preauthorisation, 300);
    journal.conclude(&held, State::Held, YES, 0).unwrap();
    approve(&mut journal, 100);
    journal.offer_open_batch("a").unwrap();
    let held = journal.oldest_held().unwrap().unwrap();
    let completed = journal.complete(&held, 250, 0).unwrap();
    assert_eq!((completed.batch, completed.amount_minor), (2, 250));
    journal.mark(&completed, State::Approved, 0).unwrap();
    assert_eq!(figures(&journal), (2, 350), "one in the offered batch, one in the open one");
}

#[test]
fn an_offered_batch_keeps_its_figures_and_takes_no_sale() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), &THIS);
    journal.offer_open_batch("a").unwrap();
    assert!(journal.offered_batches("a").unwrap().is_empty(), "there is no batch");
    approve(&mut journal, 100);
    approve(&mut journal, 150);
    journal.offer_open_batch("a").unwrap();
    assert_eq!(approve(&mut journal, 999).batch, 2);
    let offered = journal.offered_batches("a").unwrap();
    let [batch] = offered.as_slice() else { panic!("{offered:?}") };
    assert_eq!((batch.number, batch.count, batch.total_minor), (1, 2, 250));
    journal.mark_settled(batch, "a-1").unwrap();
    assert!(journal.mark_settled(batch, "a-2").is_err(), "it is settled already");
    assert_eq!(journal.last_settled_batch("a").unwrap().unwrap().host_reference, "a-1");
    assert_eq!(figures(&journal), (1, 999));
}

#[test]
fn an_older_till_reads_and_writes_what_a_newer_one_left() {
    let dir = tempfile::tempdir().unwrap();
    approve(&mut open(dir.path(), &ONE), 100);
    approve(&mut open(dir.path(), &TWO), 200);
    let mut older = open(dir.path(), &ONE);
    approve(&mut older, 300);
    assert_eq!(figures(&older), (3, 600));
    drop(older);
    let newer = open(dir.path(), &TWO);
    let mut tips = newer.db.prepare("SELECT tip_minor FROM sale ORDER BY stan").unwrap();
    let tips = tips.query_map([], |row| row.get(0)).unwrap();
    assert_eq!(tips.collect::<rusqlite::Result<Vec<i64>>>().unwrap(), [0, 7, 0]);
}

#[test]
fn a_journal_of_another_terminal_or_of_the_far_future_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), &ONE);
    let foreign = Journal::open(dir.path(), "T2", &ONE).unwrap_err();
    assert!(format!("{foreign:#}").contains("belongs to terminal T1"), "{foreign:#}");
    journal.db.execute("UPDATE till SET readable_from = 3", []).unwrap();
    let future = Journal::open(dir.path(), "T1", &TWO).unwrap_err();
    assert!(format!("{future:#}").contains("journal schema 3"), "{future:#}");
}

#[test]
fn a_hold_survives_a_restart_and_ends_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path(), &THIS).hold(60, "upgrade", 1_000).unwrap();
    let mut journal = open(dir.path(), &THIS);
    assert!(journal.held(60_999).unwrap().is_some());
    assert!(journal.held(61_000).unwrap().is_none());
    journal.hold(60, "upgrade", 50_000).unwrap();
    assert!(journal.held(61_000).unwrap().is_some(), "renewed");
    journal.release().unwrap();
    assert!(journal.held(61_000).unwrap().is_none());
}

#[test]
fn spans_of_selling_are_extended_until_the_till_cannot_sell() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), &ONE);
    journal.begin_to_sell(10).unwrap();
    journal.begin_to_sell(15).unwrap();
    journal.able_to_sell(20).unwrap();
    journal.unable_to_sell();
    let sale = begin(&mut journal, Kind::Sale, 100);
    journal.conclude(&sale, State::Declined, YES, 50).unwrap();
    drop(journal);
    let mut journal = open(dir.path(), &TWO);
    journal.able_to_sell(90).unwrap();
    let mut spans = journal.db.prepare("SELECT version, from_ms, until_ms FROM selling").unwrap();
    let spans = spans.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let spans: Vec<(String, i64, i64)> = spans.collect::<rusqlite::Result<_>>().unwrap();
    let expected = [("1", 10, 20), ("1", 50, 50), ("2", 90, 90)];
    assert_eq!(spans, expected.map(|(version, from, until)| (version.into(), from, until)));
}

#[test]
fn the_self_tests_trial_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), &THIS);
    journal.try_to_write().unwrap();
    let count = "SELECT count(*) FROM notice";
    assert_eq!(journal.db.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}
