//! Every order in which bindings can be staged, switched and erased.

use std::path::Path;

use super::*;
use crate::edition::THIS;
use crate::protocol::{Figures, Test, TestKind, TestResult};
use crate::till::journal::{HostSaid, HostTook, Kind, NewSale, Sale, State, Undone, export};

const YES: HostTook = HostTook { said: HostSaid::Yes, took_ms: 5 };
const NO: HostTook = HostTook { said: HostSaid::No, took_ms: 7 };
const NOTHING: HostTook = HostTook { said: HostSaid::Nothing, took_ms: 900 };

const SECRET: &str = "dG9wIHNlY3JldCBrZXk=";

struct Scene {
    dir: tempfile::TempDir,
    journal: Journal,
}

impl Scene {
    /// A till that is bound to `a`, held, and was never started before.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open(dir.path());
        begin_with(&mut journal, &["a"], "a");
        journal.hold(600, "test", 0).unwrap();
        Self { dir, journal }
    }

    /// Ends the till the hard way and starts it again.
    fn restart(&mut self) {
        self.journal = open(self.dir.path());
        begin_with(&mut self.journal, &["a"], "a");
    }

    fn states(&self) -> Vec<(String, BindingState)> {
        let bindings = self.journal.bindings().unwrap();
        bindings.into_iter().map(|binding| (binding.name, binding.state)).collect()
    }

    #[track_caller]
    fn assert_states(&mut self, expected: &[(&str, BindingState)]) {
        let expected: Vec<_> =
            expected.iter().map(|(name, state)| ((*name).to_owned(), *state)).collect();
        assert_eq!(self.states(), expected);
        self.restart();
        assert_eq!(self.states(), expected, "after a restart");
    }

    fn sell(&mut self, binding: &str, state: State, host: HostTook) -> Sale {
        let new = NewSale { binding, kind: Kind::Sale, amount_minor: 500, tip_minor: 0 };
        let sale = self.journal.begin(new, 0).unwrap();
        self.journal.conclude(&sale, state, host, 0).unwrap();
        Sale { state, ..sale }
    }

    fn settle(&mut self, binding: &str) {
        self.journal.offer_open_batch(binding).unwrap();
        for batch in self.journal.offered_batches(binding).unwrap() {
            self.journal.mark_settled(&batch, "ref").unwrap();
        }
    }

    fn figures(&self, binding: &str, now_ms: i64) -> Figures {
        self.journal.figures(binding, now_ms).unwrap().unwrap()
    }
}

fn open(data: &Path) -> Journal {
    Journal::open(data, "T1", &THIS).unwrap()
}

fn begin_with(journal: &mut Journal, names: &[&str], active: &str) {
    let given = |(at, name): (usize, &&str)| Given {
        name: (*name).to_owned(),
        address: format!("127.0.0.1:{}", 9000 + at),
    };
    let given: Vec<_> = names.iter().enumerate().map(given).collect();
    let merchant = Merchant { mid: "M1".into(), tid: "T1".into(), name: "Shop".into() };
    journal.begin_with(&given, active, &merchant, 0).unwrap();
}

fn profile(tid: &str) -> Profile {
    Profile {
        version: 2,
        provider: "beta".into(),
        mid: "M2".into(),
        tid: tid.into(),
        name: "North Store".into(),
        mcc: "5411".into(),
        currency: "CNY".into(),
        hosts: vec!["127.0.0.1:9100".into()],
        secret: serde_json::from_str(&format!("\"{SECRET}\"")).unwrap(),
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, Refusal>, because: &str) {
    let refusal = outcome.unwrap_err();
    assert_eq!(refusal.code, Code::Refused, "{refusal:?}");
    assert!(refusal.text.contains(because), "{refusal:?}");
}

use BindingState::{Active, Staged, Standby};

#[test]
fn a_profile_is_staged_switched_to_and_back_and_erased() {
    let mut scene = Scene::new();
    scene.assert_states(&[("a", Active)]);
    for _again in 0..2 {
        scene.journal.stage("b", &profile("B1")).unwrap();
        scene.assert_states(&[("a", Active), ("b", Staged)]);
    }
    for _again in 0..2 {
        scene.journal.switch("b", 1).unwrap();
        scene.assert_states(&[("b", Active), ("a", Standby)]);
    }
    scene.journal.stage("b", &profile("B1")).unwrap();
    scene.journal.switch("a", 2).unwrap();
    scene.assert_states(&[("a", Active), ("b", Standby)]);
    for _again in 0..2 {
        scene.journal.erase("b").unwrap();
        scene.assert_states(&[("a", Active)]);
    }
    scene.journal.erase("never-heard-of").unwrap();
}

#[test]
fn the_tuple_changes_as_a_whole() {
    let mut scene = Scene::new();
    scene.journal.stage("b", &profile("B1")).unwrap();
    scene.journal.switch("b", 1).unwrap();
    let binding = scene.journal.binding("b").unwrap().unwrap();
    let Binding { provider, mid, tid, merchant, hosts, .. } = binding;
    assert_eq!((provider.as_str(), mid.as_str(), tid.as_str()), ("beta", "M2", "B1"));
    assert_eq!((merchant.as_str(), hosts.len()), ("North Store", 1));
    assert_eq!(scene.journal.active_binding().unwrap(), "b");
}

#[test]
fn there_are_two_slots() {
    let mut scene = Scene::new();
    scene.journal.stage("b", &profile("B1")).unwrap();
    scene.journal.stage("c", &profile("C1")).unwrap();
    scene.assert_states(&[("a", Active), ("c", Staged)]);
    scene.journal.stage("c", &profile("C2")).unwrap();
    assert_eq!(scene.journal.binding("c").unwrap().unwrap().tid, "C2", "never active: replaced");
    scene.journal.switch("c", 1).unwrap();
    refused(scene.journal.stage("d", &profile("D1")), "no free slot");
    refused(scene.journal.stage("a", &profile("A9")), "in use");
    refused(scene.journal.stage("c", &profile("C9")), "in use");
    scene.assert_states(&[("c", Active), ("a", Standby)]);
}

#[test]
fn a_staged_binding_that_owes_something_is_not_replaced() {
    let mut scene = Scene::new();
    scene.journal.stage("b", &profile("B1")).unwrap();
    scene.sell("b", State::Approved, YES);
    refused(scene.journal.stage("c", &profile("C1")), "no free slot");
    refused(scene.journal.stage("b", &profile("B2")), "no free slot");
    scene.journal.stage("b", &profile("B1")).unwrap();
    scene.settle("b");
    scene.journal.stage("c", &profile("C1")).unwrap();
}

#[test]
fn a_switch_needs_a_closed_shop_and_somebody_to_switch_to() {
    let mut scene = Scene::new();
    scene.journal.stage("b", &profile("B1")).unwrap();
    refused(scene.journal.switch("c", 1), "no binding c");
    scene.journal.release().unwrap();
    refused(scene.journal.switch("b", 1), "trading is open");
    scene.journal.switch("a", 1).unwrap();
    scene.journal.hold(60, "test", 0).unwrap();
    refused(scene.journal.switch("b", 60_000), "trading is open");
    scene.assert_states(&[("a", Active), ("b", Staged)]);
    scene.journal.stop_trading("pay in cash", 60_000).unwrap();
    scene.journal.switch("b", 60_001).unwrap();
    scene.journal.erase("a").unwrap();
    refused(scene.journal.switch("a", 60_002), "no binding a");
}

#[test]
fn a_binding_that_owes_anything_cannot_be_erased() {
    for (state, because) in [
        (State::Approved, "batch that is not settled"),
        (State::Stored, "stored sale(s)"),
        (State::Reversing, "reversal(s)"),
        (State::Held, "pre-authorisation(s)"),
    ] {
        let mut scene = Scene::new();
        scene.journal.stage("b", &profile("B1")).unwrap();
        scene.sell("a", state, YES);
        refused(scene.journal.erase("a"), "is active");
        scene.journal.switch("b", 1).unwrap();
        refused(scene.journal.erase("a"), because);
        scene.assert_states(&[("b", Active), ("a", Standby)]);
    }
    let mut scene = Scene::new();
    scene.journal.stage("b", &profile("B1")).unwrap();
    for state in [State::Approved, State::Declined, State::Reversed] {
        scene.sell("a", state, YES);
    }
    scene.settle("a");
    scene.journal.switch("b", 1).unwrap();
    scene.journal.erase("a").unwrap();
    scene.assert_states(&[("b", Active)]);
}

#[test]
fn an_erased_binding_leaves_no_key_and_no_number_in_the_files() {
    let mut scene = Scene::new();
    let anywhere = |scene: &Scene, text: &str| {
        std::fs::read_dir(scene.dir.path()).unwrap().any(|entry| {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        })
    };
    scene.journal.stage("b", &profile("B7777777")).unwrap();
    assert!(anywhere(&scene, SECRET) && anywhere(&scene, "B7777777"));
    let reader = Connection::open(scene.dir.path().join("till.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM binding").unwrap();
    scene.journal.db.busy_timeout(std::time::Duration::ZERO).unwrap();
    let refusal = scene.journal.erase("b").unwrap_err();
    assert_eq!(refusal.code, Code::NotReady, "somebody reads");
    drop(reader);
    scene.journal.erase("b").unwrap();
    assert!(!anywhere(&scene, SECRET) && !anywhere(&scene, "B7777777"));
}

#[test]
fn flags_bring_back_nothing_that_was_erased_and_switch_nothing() {
    let mut scene = Scene::new();
    scene.journal.stage("b", &profile("B1")).unwrap();
    scene.journal.switch("b", 1).unwrap();
    begin_with(&mut scene.journal, &["a", "c"], "c");
    assert_eq!(scene.states(), [("b".to_owned(), Active), ("a".to_owned(), Standby)]);
    scene.journal.erase("a").unwrap();
    scene.assert_states(&[("b", Active)]);
    scene.journal.stage("a", &profile("A2")).unwrap();
    assert_eq!(scene.journal.binding("a").unwrap().unwrap().provider, "beta", "by order it can");
}

#[test]
fn hosts_that_are_given_and_not_active_wait_in_the_free_slot() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    begin_with(&mut journal, &["a", "b"], "b");
    let mut scene = Scene { dir, journal };
    assert_eq!(scene.states(), [("b".to_owned(), Active), ("a".to_owned(), Staged)]);
    scene.journal.stage("c", &profile("C1")).unwrap();
    scene.assert_states(&[("b", Active), ("c", Staged)]);
}

#[test]
fn a_journal_from_before_bindings_keeps_what_it_owes() {
    let mut scene = Scene::new();
    scene.sell("x", State::Stored, YES);
    scene.journal.db.execute("DELETE FROM binding", []).unwrap();
    scene.restart();
    scene.assert_states(&[("a", Active), ("x", Standby)]);
    refused(scene.journal.switch("x", 1), "has no host");
}

#[test]
fn a_stop_survives_and_ends_only_when_it_is_released() {
    let mut scene = Scene::new();
    scene.journal.stop_trading("pay in cash", 0).unwrap();
    scene.restart();
    assert_eq!(scene.journal.stopped().unwrap().as_deref(), Some("pay in cash"));
    assert!(scene.journal.is_closed(700_000).unwrap(), "the lease is over, the stop is not");
    assert!(scene.journal.held(700_000).unwrap().is_none());
    scene.journal.release().unwrap();
    assert!(!scene.journal.is_closed(700_000).unwrap());
    assert_eq!(scene.journal.stopped().unwrap(), None);
}

#[test]
fn batch_numbers_are_used_once_whatever_the_binding() {
    let mut scene = Scene::new();
    scene.journal.stage("b", &profile("B1")).unwrap();
    let numbers = ["a", "b", "a"].map(|binding| {
        let number = scene.sell(binding, State::Approved, YES).batch;
        scene.settle(binding);
        number
    });
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn figures_are_of_the_last_time_that_a_binding_was_active() {
    let mut scene = Scene::new();
    scene.sell("a", State::Approved, YES);
    scene.sell("a", State::Declined, NO);
    scene.sell("a", State::Stored, NOTHING);
    let a = Figures {
        active_s: Some(2),
        payments: 3,
        approved: 1,
        host_errors: 1,
        time_ms: 912,
        crashes: 0,
    };
    assert_eq!(scene.figures("a", 2_999), a);
    scene.journal.stage("b", &profile("B1")).unwrap();
    let none = Figures::default();
    assert_eq!(scene.figures("b", 3_000), none);
    scene.journal.switch("b", 3_000).unwrap();
    assert_eq!(
        scene.figures("b", 2_000),
        Figures { active_s: Some(0), ..none },
        "a clock set back"
    );
    scene.sell("b", State::Approved, YES);
    assert_eq!(scene.figures("a", 9_000), Figures { active_s: None, ..a });
    scene.journal.switch("a", 9_000).unwrap();
    let b = Figures { payments: 1, approved: 1, time_ms: 5, ..none };
    assert_eq!(scene.figures("b", 9_000), b);
    assert_eq!(scene.figures("a", 10_000), Figures { active_s: Some(1), ..none });
    assert_eq!(scene.journal.figures("nobody", 0).unwrap(), None);
}

#[test]
fn figures_look_at_the_latest_thousand() {
    let mut scene = Scene::new();
    scene.sell("a", State::Declined, NO);
    let many = "INSERT INTO sale (binding, batch, kind, state, amount_minor, begun_ms, changed_ms,
            answer, took_ms)
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
        SELECT 'a', 1, 'sale', 'approved', 5, 0, 0, 'approved', 2 FROM n";
    scene.journal.db.execute(many, []).unwrap();
    let figures = scene.figures("a", 0);
    assert_eq!((figures.payments, figures.approved, figures.time_ms), (1000, 1000, 2000));
}

#[test]
fn a_till_that_does_not_end_by_itself_has_crashed_in_the_time_of_the_active_binding() {
    let mut scene = Scene::new();
    scene.journal.begin_run().unwrap();
    assert_eq!(scene.figures("a", 0).crashes, 0, "the first start");
    scene.journal.end_run().unwrap();
    scene.journal.begin_run().unwrap();
    assert_eq!(scene.figures("a", 0).crashes, 0, "it was told to end");
    scene.restart();
    scene.journal.begin_run().unwrap();
    assert_eq!(scene.figures("a", 0).crashes, 1);
    scene.journal.stage("b", &profile("B1")).unwrap();
    scene.journal.switch("b", 1).unwrap();
    scene.journal.begin_run().unwrap();
    let crashes = ["a", "b"].map(|name| scene.figures(name, 0).crashes);
    assert_eq!(crashes, [1, 1]);
}

fn test(key: &str, kind: TestKind) -> Test {
    Test { binding: "a".into(), key: key.into(), kind, amount_minor: 300 }
}

fn result(passed: bool) -> TestResult {
    TestResult { passed, reference: "ref".into(), detail: "as it went".into() }
}

#[test]
fn a_test_is_written_down_once_and_answered_once() {
    let mut scene = Scene::new();
    let asked = test("k1", TestKind::Sale);
    assert_eq!(scene.journal.test(&asked).unwrap(), None);
    let sale = scene.journal.begin_test_sale(&asked, 0).unwrap();
    assert!(scene.journal.begin_test_sale(&asked, 0).is_err(), "not twice");
    scene.restart();
    let known = scene.journal.test(&asked).unwrap().unwrap();
    assert_eq!((known.stan, known.result), (Some(sale.stan), None));
    let to = Some((&sale, State::Approved));
    scene.journal.answer_test("k1", to, &result(true), 0).unwrap();
    assert!(scene.journal.answer_test("k1", None, &result(false), 0).is_err());
    scene.restart();
    let known = scene.journal.test(&asked).unwrap().unwrap();
    assert_eq!(known.result, Some(result(true)));
    refused(scene.journal.test(&test("k1", TestKind::Qr)), "another test");
    refused(scene.journal.test(&Test { amount_minor: 301, ..asked.clone() }), "another test");
    refused(scene.journal.test(&Test { binding: "b".into(), ..asked }), "another test");
    assert_eq!(scene.figures("a", 0).payments, 0, "a test is no payment");
}

#[test]
fn a_test_sale_is_left_until_it_is_undone() {
    let mut scene = Scene::new();
    let pass = |scene: &mut Scene, key: &str| {
        let sale = scene.journal.begin_test_sale(&test(key, TestKind::Sale), 0).unwrap();
        assert!(scene.journal.tests_left("a").unwrap() > 0, "begun");
        let to = Some((&sale, State::Approved));
        scene.journal.answer_test(key, to, &result(true), 0).unwrap();
        Sale { state: State::Approved, ..sale }
    };
    let (first, second) = (pass(&mut scene, "k1"), pass(&mut scene, "k2"));
    let undone = |sale: &Sale, batch_is_open| Undone { sale: sale.clone(), batch_is_open };
    let to_undo = scene.journal.tests_to_undo("a").unwrap();
    assert_eq!(to_undo, [undone(&second, true), undone(&first, true)], "newest first");
    assert_eq!(scene.journal.tests_left("a").unwrap(), 2);
    assert_eq!(scene.journal.tests_left("b").unwrap(), 0);

    scene.journal.begin_void(&test("k3", TestKind::Void), &second, 0).unwrap();
    assert_eq!(scene.journal.tests_left("a").unwrap(), 2, "its host does not know yet");
    let reversing = Sale { state: State::Reversing, ..second };
    scene.journal.mark(&reversing, State::Reversed, 0).unwrap();
    assert_eq!(scene.journal.tests_left("a").unwrap(), 1);

    scene.settle("a");
    assert_eq!(scene.journal.tests_to_undo("a").unwrap(), [undone(&first, false)]);
    let refund = scene.journal.begin_refund(None, &first, 0).unwrap();
    assert_eq!((refund.amount_minor, refund.refund_of), (-300, Some(first.stan)));
    assert!(scene.journal.begin_refund(None, &first, 0).is_err(), "one is under way");
    assert_eq!(scene.journal.tests_to_undo("a").unwrap(), []);
    assert_eq!(scene.journal.tests_left("a").unwrap(), 2, "the sale, and its refund");
    scene.journal.mark(&refund, State::Declined, 0).unwrap();
    assert_eq!(scene.journal.tests_to_undo("a").unwrap(), [undone(&first, false)], "once more");
    let refund = scene.journal.begin_refund(None, &first, 0).unwrap();
    scene.journal.mark(&refund, State::Approved, 0).unwrap();
    assert_eq!(scene.journal.tests_left("a").unwrap(), 0);
    let open = scene.journal.open_figures("a").unwrap();
    assert_eq!((open.count, open.total_minor), (1, -300));
}

#[test]
fn a_batch_whose_sales_were_all_undone_can_be_closed() {
    let mut scene = Scene::new();
    scene.sell("a", State::Reversed, YES);
    scene.journal.offer_open_batch("a").unwrap();
    assert!(scene.journal.offered_batches("a").unwrap().is_empty());
    scene.journal.offer_whatever_is_open("a").unwrap();
    let offered = scene.journal.offered_batches("a").unwrap();
    assert_eq!((offered.len(), offered[0].count, offered[0].total_minor), (1, 0, 0));
    assert_eq!(scene.sell("a", State::Approved, YES).batch, 2);
}

#[test]
fn an_export_holds_the_bindings_and_no_key() {
    let mut scene = Scene::new();
    scene.journal.stage("b", &profile("B1")).unwrap();
    let into = tempfile::tempdir().unwrap();
    let exported = export(scene.dir.path(), into.path()).unwrap();
    let config = exported.data_sets.iter().find(|set| set.name == "config").unwrap();
    assert_eq!((config.class.as_str(), config.records), ("config", 2));
    for entry in std::fs::read_dir(into.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()));
    }
}

#[test]
fn an_import_switches_no_provider_of_a_till_that_has_sold() {
    let mut scene = Scene::new();
    scene.sell("a", State::Approved, YES);
    scene.settle("a");
    let from = tempfile::tempdir().unwrap();
    export(scene.dir.path(), from.path()).unwrap();
    scene.journal.stage("b", &profile("B1")).unwrap();
    scene.journal.switch("b", 1).unwrap();
    let names = ["config".to_owned()];
    scene.journal.import(scene.dir.path(), from.path(), &names).unwrap();
    scene.journal.commit_import(scene.dir.path()).unwrap();
    scene.assert_states(&[("b", Active), ("a", Standby)]);
    scene.journal.erase("a").unwrap();
    scene.journal.import(scene.dir.path(), from.path(), &names).unwrap();
    scene.journal.commit_import(scene.dir.path()).unwrap();
    scene.assert_states(&[("b", Active)]);
}

#[test]
fn a_till_that_lost_everything_gets_its_bindings_back() {
    let mut scene = Scene::new();
    scene.journal.stage("b", &profile("B1")).unwrap();
    scene.journal.switch("b", 1).unwrap();
    let from = tempfile::tempdir().unwrap();
    export(scene.dir.path(), from.path()).unwrap();
    let names = ["config".to_owned()];
    let mut fresh = Scene::new();
    fresh.journal.import(fresh.dir.path(), from.path(), &names).unwrap();
    fresh.assert_states(&[("b", Active), ("a", Standby)]);
    let mut sold = Scene::new();
    sold.sell("a", State::Approved, YES);
    sold.journal.import(sold.dir.path(), from.path(), &names).unwrap();
    sold.assert_states(&[("a", Active), ("b", Standby)]);
}

#[test]
fn what_was_sold_with_a_binding_that_nobody_knows_stays_in_sight() {
    let mut scene = Scene::new();
    scene.journal.stage("b", &profile("B1")).unwrap();
    scene.sell("b", State::Stored, NOTHING);
    let from = tempfile::tempdir().unwrap();
    export(scene.dir.path(), from.path()).unwrap();
    let names = ["batch-b".to_owned(), "sales".to_owned()];
    let mut fresh = Scene::new();
    fresh.journal.import(fresh.dir.path(), from.path(), &names).unwrap();
    fresh.assert_states(&[("a", Active), ("b", Standby)]);
    assert_eq!(fresh.journal.left("b").unwrap().stored_offline, 1);
}
