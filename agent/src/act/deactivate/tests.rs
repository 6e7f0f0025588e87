//! Each action by which a till stops, sells again or is emptied, with a till in memory and an
//! erasing program that is a shell script.

use std::fs;
use std::sync::Arc;

use serde_json::json;
use shared::change::rebind::{Reason, Test, TestKind};
use shared::change::{Covers, Decommission, Resume, SettlementDelay, Suspend};
use shared::document::Clearance;
use shared::id::{OrderId, RequestId};
use shared::outcome::Waiting;
use shared::time::UnixTime;

use super::super::data::tests::backing_up;
use super::super::tests::{Shop, given, shop};
use super::super::toy_till::binding;
use super::*;
use crate::config::{StateDir, Wipe};
use crate::eraser::Eraser;
use crate::job::{Action, Given, Subject, Ticket};
use crate::pos::protocol::OpenBatch;
use crate::pos::{BindingState, Left};

const ORDER: OrderId = OrderId::from_bytes([1; 16]);

fn suspend() -> Wanted {
    Wanted::Suspend(Suspend {
        request: RequestId::from_bytes([1; 16]),
        reason: Reason::Other,
        ordered_by: "head office".to_owned(),
        note: "the shop moves".to_owned(),
        cut_off: UnixTime(1_800_000_000),
        fallback: "Take the till beside it.".to_owned(),
        resume_expected: None,
        delay: None,
        is_given_up: false,
    })
}

/// May owe so much from now on.
fn suspend_owing(covers: Covers) -> Wanted {
    let Wanted::Suspend(suspend) = suspend() else { unreachable!("it is one") };
    let delay = SettlementDelay {
        covers,
        after_s: 0,
        settled_by: UnixTime(1_800_600_000),
        reason: "the host is down".to_owned(),
        accepted_by: "Hana".to_owned(),
    };
    Wanted::Suspend(Suspend { delay: Some(delay), ..suspend })
}

fn resume() -> Wanted {
    let test = |kind| Test { kind, amount_minor: 1 };
    Wanted::Resume(Resume {
        request: RequestId::from_bytes([1; 16]),
        reason: Reason::Other,
        ordered_by: "head office".to_owned(),
        note: String::new(),
        tests: vec![test(TestKind::Sale), test(TestKind::Void)],
        window: None,
    })
}

fn wipe(is_lost: bool) -> Wanted {
    let wipe = Decommission {
        request: RequestId::from_bytes([1; 16]),
        reason: Reason::ContractEnd,
        ordered_by: "head office".to_owned(),
        note: String::new(),
        cool_off_s: 3_600,
        clearances: Digest([0; 32]),
        is_lost,
    };
    let clearance = Clearance {
        format: 1,
        terminal: given().terminal,
        challenge: Digest([0; 32]),
        suspended_by: None,
        manifest: None,
        deregistered: Vec::new(),
    };
    Wanted::Wipe(wipe, clearance)
}

/// What the erasing program says when all is well.
const REPORT: &str = concat!(
    r#"{"report":{"tool":"tillward-erase","tool_version":"0.1.0","method":"purge","#,
    r#""verified":true,"keys":[{"name":"luks /dev/x","destroyed":true,"verified":true,"#,
    r#""detail":"d"}],"paths":[],"devices":[]}}"#
);

/// A terminal that makes backups and can be erased, by a program that keeps its journal in a file.
fn erasable() -> Shop {
    let mut shop = backing_up();
    let directory = shop.directory.path().to_owned();
    let (lifecycle, state) = (directory.join("lifecycle"), directory.join("state"));
    fs::create_dir_all(&lifecycle).unwrap();
    fs::create_dir_all(state.join("identity")).unwrap();
    let at = directory.display();
    let text = format!(
        "#!/bin/sh\ncase $1 in\n\
         check) read -r it; echo \"$it\" > {at}/check.json; cat {at}/check.answer ;;\n\
         run) read -r it; echo \"$it\" > {at}/run.json; echo half > {at}/erased; \
         cat {at}/run.answer ;;\n\
         state) if [ -e {at}/erased ]; then echo '{{\"state\":\"data\",\"order\":\"{ORDER}\"}}'; \
         else cat {at}/state.answer; fi ;;\n\
         esac\n"
    );
    let program = directory.join("erase");
    crate::snapshot::tests::write_program(&program, &text);
    let what = json!({"keys": [], "paths": ["/var/lib/till"], "devices": []});
    let eraser = Eraser::new(&Wipe { program, lifecycle, what }, StateDir::new(state));
    shop.hands = shop.hands.with_eraser(Some(eraser));
    answers(&shop, "check", r#"{"checked":{}}"#);
    answers(&shop, "state", r#"{"state":"none","order":null}"#);
    answers(&shop, "run", REPORT);
    shop
}

fn answers(shop: &Shop, word: &str, answer: &str) {
    let file = shop.directory.path().join(format!("{word}.answer"));
    fs::write(file, format!("{answer}\n")).unwrap();
}

fn was_asked(shop: &Shop, word: &str) -> Option<Value> {
    let said = fs::read(shop.directory.path().join(format!("{word}.json"))).ok()?;
    Some(serde_json::from_slice(&said).unwrap())
}

fn of(shop: &Shop, wanted: Wanted, action: DeactivateAction, given: Given) -> Reply {
    let it = Deactivation { wanted, code: "babab-babab".to_owned() };
    let task = Task {
        ticket: Ticket(1),
        order: ORDER,
        action: Action::Deactivate(action),
        subject: Arc::new(Subject::Deactivation(Box::new(it))),
        given,
    };
    // Nothing is waited for that a test would have to wait for too.
    let stop = Stop::new();
    if action == DeactivateAction::RescueMoney {
        stop.ask();
    }
    shop.hands.carry_out(&task, &stop, &mut |_, _| {})
}

fn act(shop: &Shop, wanted: Wanted, action: DeactivateAction) -> Reply {
    of(shop, wanted, action, given())
}

#[track_caller]
fn is_done(reply: Reply) -> Vec<String> {
    let Reply::Done(proof) = reply else { panic!("{reply:?}") };
    proof.findings.into_iter().map(|it| it.note).collect()
}

#[track_caller]
fn failure(reply: Reply) -> (FailureCode, String) {
    let Reply::Failed { code, detail, .. } = reply else { panic!("{reply:?}") };
    (code, detail)
}

fn no_answer() -> Option<PosError> {
    Some(PosError::NotReady("nobody answers".to_owned()))
}

fn sells(shop: &Shop) -> bool {
    shop.till.turn(|knobs| knobs.stopped.is_none())
}

#[test]
fn a_terminal_without_backups_is_not_suspended_and_one_without_an_eraser_not_wiped() {
    let check = DeactivateAction::Check;
    is_done(act(&backing_up(), suspend(), check));
    assert_eq!(failure(act(&shop(), suspend(), check)).0, FailureCode::NotApplicable);
    let (code, detail) = failure(act(&backing_up(), wipe(false), check));
    assert_eq!(code, FailureCode::NotApplicable);
    assert!(detail.contains("[wipe]"), "{detail}");
    is_done(act(&erasable(), wipe(false), check));
}

#[test]
fn what_the_erasing_program_could_not_erase_is_known_before_anything_is() {
    let shop = erasable();
    let failed = concat!(
        r#"{"failed":{"what":"/dev/x cannot be discarded","why":"it is mounted","#,
        r#""hint":"unmount it"}}"#
    );
    answers(&shop, "check", failed);
    let (code, detail) = failure(act(&shop, wipe(false), DeactivateAction::Check));
    assert_eq!(code, FailureCode::NotErased);
    assert_eq!(detail, "/dev/x cannot be discarded: it is mounted; unmount it");
    assert_eq!(was_asked(&shop, "run"), None);
}

#[test]
fn a_till_that_is_stopped_says_what_else_customers_can_do() {
    let shop = backing_up();
    is_done(act(&shop, suspend(), DeactivateAction::Stop));
    let message = shop.till.turn(|knobs| knobs.stopped.clone());
    let expected = "No card payments here for now. Take the till beside it.";
    assert_eq!(message.as_deref(), Some(expected));
}

#[test]
fn a_till_stands_still_only_by_its_own_word_and_with_nothing_to_send_or_to_settle() {
    for wanted in [suspend(), wipe(false)] {
        let shop = backing_up();
        let confirm = || act(&shop, wanted.clone(), DeactivateAction::ConfirmStopped);
        assert_eq!(failure(confirm()).0, FailureCode::NotStopped);
        is_done(act(&shop, suspend(), DeactivateAction::Stop));
        is_done(confirm());
        shop.till.turn(|knobs| knobs.batch_open = true);
        assert_eq!(failure(confirm()).0, FailureCode::NotStopped);
        for left in [
            Left { unsent_reversals: 1, ..Left::default() },
            Left { stored_offline: 1, ..Left::default() },
        ] {
            shop.till.turn(|knobs| (knobs.batch_open, knobs.left) = (false, left));
            assert_eq!(failure(confirm()).0, FailureCode::NotStopped, "{left:?}");
        }
    }
}

#[test]
fn a_till_that_settles_in_time_owes_nothing_whatever_it_may() {
    let shop = backing_up();
    is_done(act(&shop, suspend(), DeactivateAction::Stop));
    let given = Given { proven: UnixTime(1_799_999_999), ..given() };
    let wanted = suspend_owing(Covers::WhateverIsOpen);
    let reply = of(&shop, wanted, DeactivateAction::SettleOrOwe, given);
    let Reply::Done(Proof { version, findings }) = reply else { panic!("{reply:?}") };
    assert_eq!(version, None);
    assert!(findings.iter().any(|it| it.note.contains("batch 12")), "{findings:?}");
    assert!(findings.iter().any(|it| it.note.contains("nothing is left")), "{findings:?}");
}

#[test]
fn a_till_that_cannot_settle_owes_what_it_says_once_people_accept_that() {
    let shop = backing_up();
    let settle = DeactivateAction::SettleOrOwe;
    let whatever = || suspend_owing(Covers::WhateverIsOpen);
    shop.till.turn(|knobs| (knobs.host_count, knobs.batch_open) = (2, true));
    let (code, detail) = failure(act(&shop, whatever(), settle));
    assert_eq!((code, detail.as_str()), (FailureCode::NotStopped, "the till says that it sells"));
    is_done(act(&shop, suspend(), DeactivateAction::Stop));
    let early = Given { proven: UnixTime(1_799_999_999), ..given() };
    let (code, detail) = failure(of(&shop, whatever(), settle, early));
    assert_eq!(code, FailureCode::SettlementMismatch);
    assert!(detail.contains("host 2 sales") && detail.contains("tried until"), "{detail}");
    let little = Covers::UpTo { total_minor: 699, currency: "CNY".to_owned(), unsent: 0 };
    let (_, detail) = failure(act(&shop, suspend_owing(little), settle));
    assert!(detail.contains("people accept 699 CNY"), "{detail}");

    let reply = act(&shop, whatever(), settle);
    let Reply::Done(Proof { version, findings }) = reply else { panic!("{reply:?}") };
    assert_eq!(version.as_deref(), Some(SUSPENDED_OWING));
    assert!(findings[0].note.starts_with("not settled, as Hana accepts until"), "{findings:?}");
    let owed: Vec<Owed> = findings.iter().filter_map(|it| it.note.parse().ok()).collect();
    assert_eq!(owed, [Owed::of("a").in_batches(2, 700, "CNY")]);

    // What is not sent is not settled, and is listed too.
    let left = Left { unsent_reversals: 1, stored_offline: 2, open_preauthorisations: 0 };
    shop.till.turn(|knobs| (knobs.host_count, knobs.left) = (3, left));
    let notes = is_done(act(&shop, whatever(), settle));
    assert!(notes[0].contains("1 reversals and 2 stored payments wait"), "{notes:?}");
    assert_eq!(notes[1].parse(), Ok(owed[0].clone().unsent(1, 2)));
    shop.till.turn(|knobs| knobs.broken = no_answer());
    let reply = act(&shop, whatever(), settle);
    assert!(!matches!(reply, Reply::Done(_)), "nobody says what it owes: {reply:?}");
}

#[test]
fn what_was_found_to_be_owed_is_what_a_till_may_owe_when_it_is_over() {
    let shop = backing_up();
    let confirm = DeactivateAction::ConfirmStopped;
    is_done(act(&shop, suspend(), DeactivateAction::Stop));
    shop.till.turn(|knobs| knobs.batch_open = true);
    let whatever = || suspend_owing(Covers::WhateverIsOpen);
    assert_eq!(failure(act(&shop, whatever(), confirm)).0, FailureCode::NotStopped);
    let given = || Given { established: Some(SUSPENDED_OWING.to_owned()), ..given() };
    for open in [true, false] {
        shop.till.turn(|knobs| knobs.batch_open = open);
        let reply = of(&shop, whatever(), confirm, given());
        let Reply::Done(Proof { version, .. }) = reply else { panic!("{reply:?}") };
        assert_eq!(version.as_deref(), Some(SUSPENDED_OWING), "no host has confirmed it");
    }
    // What came up meanwhile is accepted up to what people have signed, and no further.
    let up_to = |total_minor| {
        suspend_owing(Covers::UpTo { total_minor, currency: "CNY".to_owned(), unsent: 0 })
    };
    shop.till.turn(|knobs| knobs.batch_open = true);
    is_done(of(&shop, up_to(700), confirm, given()));
    let (code, detail) = failure(of(&shop, up_to(699), confirm, given()));
    assert_eq!(code, FailureCode::NotStopped);
    assert!(detail.contains("people accept 699 CNY"), "{detail}");
    shop.till.turn(|knobs| knobs.stopped = None);
    assert_eq!(failure(of(&shop, whatever(), confirm, given())).0, FailureCode::NotStopped);
}

#[test]
fn what_another_job_has_held_is_let_go_and_what_was_stopped_for_good_is_not() {
    let shop = backing_up();
    assert!(sells(&shop));
    shop.done(Action::ReleaseTrading);
    is_done(act(&shop, suspend(), DeactivateAction::Stop));
    // Nothing is known here of who has stopped it: the terminal has lost its books.
    shop.done(Action::ReleaseTrading);
    assert!(!sells(&shop), "no other job lets it sell");
    is_done(act(&shop, resume(), DeactivateAction::Sell));
    assert!(sells(&shop));
}

#[test]
fn a_suspension_that_is_taken_back_gives_back_what_it_has_taken_and_no_more() {
    let shop = backing_up();
    is_done(act(&shop, suspend(), DeactivateAction::Stop));
    let suspended = Given { suspended: true, ..given() };
    is_done(of(&shop, suspend(), DeactivateAction::Sell, suspended.clone()));
    assert!(!sells(&shop), "an earlier order stopped it");
    is_done(act(&shop, suspend(), DeactivateAction::Sell));
    assert!(sells(&shop));
    is_done(act(&shop, suspend(), DeactivateAction::Stop));
    is_done(of(&shop, resume(), DeactivateAction::Sell, suspended));
    assert!(sells(&shop), "people ordered that it sells");
}

#[test]
fn no_other_job_lets_a_suspended_till_sell() {
    let shop = backing_up();
    is_done(act(&shop, suspend(), DeactivateAction::Stop));
    let given = Given { suspended: true, ..given() };
    for action in [Action::HoldTrading, Action::ReleaseTrading] {
        let task = super::super::tests::task(&shop.release, 1, action);
        let task = Task { given: given.clone(), ..task };
        is_done(shop.hands.carry_out(&task, &Stop::new(), &mut |_, _| {}));
    }
    assert!(!sells(&shop));
}

#[test]
fn a_till_is_tested_on_its_active_binding_before_it_sells() {
    let shop = backing_up();
    is_done(act(&shop, resume(), DeactivateAction::Test));
    let tested = shop.till.turn(|knobs| knobs.tested.clone());
    assert_eq!(tested, [format!("{ORDER}/a/0 sale"), format!("{ORDER}/a/1 void")]);
    shop.till.turn(|knobs| knobs.tests_left = 1);
    let reply = act(&shop, resume(), DeactivateAction::CloseTests);
    assert!(matches!(reply, Reply::NotYet { waiting: Waiting::Till, .. }), "{reply:?}");
    shop.till.turn(|knobs| knobs.declines = true);
    assert_eq!(failure(act(&shop, resume(), DeactivateAction::Test)).0, FailureCode::TestFailed);
}

#[test]
fn a_till_that_finds_something_broken_fails_and_one_whose_host_is_away_is_waited_for() {
    let shop = backing_up();
    let look = || act(&shop, resume(), DeactivateAction::SelfTest);
    let notes = is_done(look());
    assert_eq!(notes, ["self-test passed: 1 checks", "the hosts of a answer"]);
    shop.till.turn(|knobs| knobs.printer = false);
    let (code, detail) = failure(look());
    assert_eq!(code, FailureCode::TestFailed);
    assert!(detail.contains("printer"), "{detail}");
    shop.till.turn(|knobs| (knobs.printer, knobs.host) = (true, false));
    assert!(matches!(look(), Reply::NotYet { waiting: Waiting::Network, .. }));
    // Another acquirer's, which is not active, keeps nobody.
    let standby = binding("b", BindingState::Standby, "beta", "B-MID", "B-1");
    shop.till.turn(|knobs| {
        (knobs.host, knobs.hosts_away) = (true, vec!["b"]);
        knobs.bindings.push(standby);
    });
    is_done(look());
    shop.till.turn(|knobs| knobs.no_tests = true);
    assert_eq!(is_done(look()).len(), 2, "a till that can do neither is taken as it is");
}

#[test]
fn the_batch_of_the_tests_is_closed_and_both_sides_count_the_same() {
    let shop = backing_up();
    let close = |attempt| {
        let given = Given { attempt, ..given() };
        of(&shop, resume(), DeactivateAction::CloseTests, given)
    };
    let notes = is_done(close(0));
    assert!(notes.iter().any(|it| it.contains("is closed")), "{notes:?}");
    let named = shop.till.turn(|knobs| std::mem::take(&mut knobs.named));
    assert_eq!(named, ["drain a", "settle a"]);
    shop.till.turn(|knobs| knobs.host_count = 2);
    assert_eq!(failure(close(0)).0, FailureCode::SettlementMismatch);
    shop.till.turn(|knobs| (knobs.host_count, knobs.batch_open) = (3, true));
    assert_eq!(failure(close(0)).0, FailureCode::SettlementMismatch);
    shop.till.turn(|knobs| (knobs.batch_open, knobs.declines) = (false, true));
    assert_eq!(failure(close(0)).0, FailureCode::SettlementMismatch);
    shop.till.turn(|knobs| knobs.tested.clear());
    failure(close(1));
    let tested = shop.till.turn(|knobs| knobs.tested.clone());
    assert_eq!(tested, [format!("{ORDER}/a/close/1 batch-close")], "another one each time");
}

#[test]
fn a_version_that_does_not_keep_to_a_suspension_is_stopped_at_once_and_has_failed() {
    let shop = backing_up();
    let healthy = || Reply::Done(Proof { version: Some("2.0.0".to_owned()), findings: vec![] });
    let looked = |reply| shop.hands.still_stopped(reply, FailureCode::HealthNotProven);
    is_done(act(&shop, suspend(), DeactivateAction::Stop));
    assert_eq!(looked(healthy()), healthy());
    shop.till.turn(|knobs| knobs.stopped = None);
    let (code, detail) = failure(looked(healthy()));
    assert_eq!(code, FailureCode::HealthNotProven);
    assert!(detail.contains("stopped again"), "{detail}");
    assert!(!sells(&shop));
    let waits = Reply::NotYet { waiting: Waiting::Till, detail: String::new(), again_in: None };
    assert_eq!(looked(waits.clone()), waits);
    // Nobody knows what it does.
    shop.till.turn(|knobs| knobs.broken = no_answer());
    assert!(matches!(looked(healthy()), Reply::NotYet { .. }));
}

#[test]
fn what_nobody_says_was_looked_at_whole_counts_as_sampled() {
    let said = |more: &str| {
        let report = format!(r#"{{"tool":"t","tool_version":"1","method":"clear"{more}}}"#);
        super::summary(&serde_json::from_str(&report).unwrap())
    };
    assert_eq!(said(r#","verified":true,"in_full":true"#), "clear by t 1, verified in full");
    assert_eq!(said(r#","verified":true,"in_full":false"#), "clear by t 1, verified");
    assert_eq!(said(r#","verified":true"#), "clear by t 1, verified");
    assert_eq!(said(r#","verified":false,"in_full":true"#), "clear by t 1, not verified");
    assert_eq!(said(""), "clear by t 1, not verified");
}

#[test]
fn a_wipe_names_its_order_and_keeps_for_last_what_proves_it() {
    let shop = erasable();
    is_done(act(&shop, suspend(), DeactivateAction::Stop));
    let notes = is_done(act(&shop, wipe(false), DeactivateAction::Erase));
    assert!(notes[0].contains("the till says that it has erased"), "{notes:?}");
    assert_eq!(notes[1], "luks /dev/x: destroyed, verified; d");
    assert_eq!(notes[2], Summary::note("purge", "tillward-erase 0.1.0", Verification::Sampled));
    let request = was_asked(&shop, "run").expect("the program was run");
    assert_eq!(request["wipe"]["order"], json!(ORDER.to_string()));
    let state = shop.directory.path().join("state");
    let list = |name: &str| request["wipe"][name].as_array().unwrap().clone();
    let (identity, paths) = (list("identity"), list("paths"));
    let last = ["identity", "store", "status"].len();
    assert_eq!(identity.len(), last, "{identity:?}");
    assert!(identity.contains(&json!(state.join("identity"))), "{identity:?}");
    assert!(paths.contains(&json!("/var/lib/till")), "{paths:?}");
    assert!(paths.contains(&json!(state.join("backup"))), "{paths:?}");
    assert!(identity.iter().all(|it| !paths.contains(it)), "{paths:?}");
}

#[test]
fn a_till_that_sells_or_owes_is_not_wiped() {
    let shop = erasable();
    let erase = || act(&shop, wipe(false), DeactivateAction::Erase);
    failure(erase());
    shop.till.turn(|knobs| (knobs.stopped, knobs.batch_open) = (Some(String::new()), true));
    failure(erase());
    assert_eq!(was_asked(&shop, "run"), None, "nothing was erased");
}

#[test]
fn a_till_that_does_not_answer_is_waited_for_unless_it_is_lost() {
    let shop = erasable();
    shop.till.turn(|knobs| knobs.broken = no_answer());
    for action in [DeactivateAction::Announce, DeactivateAction::Stop] {
        is_done(act(&shop, wipe(true), action));
    }
    let reply = act(&shop, wipe(false), DeactivateAction::Erase);
    assert!(matches!(reply, Reply::NotYet { .. } | Reply::Failed { .. }), "{reply:?}");
    assert_eq!(was_asked(&shop, "run"), None);
    let rescued = is_done(act(&shop, wipe(true), DeactivateAction::RescueMoney));
    assert!(rescued[0].starts_with("lost with the terminal: "), "{rescued:?}");
    let notes = is_done(act(&shop, wipe(true), DeactivateAction::Erase));
    assert!(notes[0].starts_with("the till itself has erased nothing: "), "{notes:?}");
    assert!(was_asked(&shop, "run").is_some());
}

#[test]
fn a_lost_till_that_owes_is_emptied_all_the_same() {
    let shop = erasable();
    is_done(act(&shop, wipe(true), DeactivateAction::Stop));
    shop.till.turn(|knobs| {
        knobs.left = Left { stored_offline: 2, ..Left::default() };
        knobs.bindings[0].open_batch =
            Some(OpenBatch { count: 2, total_minor: 700, currency: "CNY".to_owned() });
    });
    is_done(act(&shop, wipe(true), DeactivateAction::Erase));
    assert!(shop.till.turn(|knobs| knobs.bindings.is_empty()));
}

#[test]
fn a_wipe_that_has_begun_goes_on_though_the_till_is_gone_with_its_files() {
    let shop = erasable();
    is_done(act(&shop, suspend(), DeactivateAction::Stop));
    answers(&shop, "run", r#"{"failed":{"what":"/dev/x","why":"it is busy","hint":"again"}}"#);
    let (code, detail) = failure(act(&shop, wipe(false), DeactivateAction::Erase));
    assert_eq!((code, detail.as_str()), (FailureCode::NotErased, "/dev/x: it is busy; again"));
    shop.till.turn(|knobs| knobs.broken = no_answer());
    answers(&shop, "run", REPORT);
    let notes = is_done(act(&shop, wipe(false), DeactivateAction::Erase));
    assert!(notes[0].starts_with("the till itself has erased nothing: "), "{notes:?}");
}

#[test]
fn what_an_earlier_life_has_erased_is_no_part_of_this_wipe() {
    let shop = erasable();
    answers(&shop, "state", r#"{"state":"forgotten","order":"ord_of_an_earlier_life"}"#);
    is_done(act(&shop, suspend(), DeactivateAction::Stop));
    shop.till.turn(|knobs| knobs.broken = no_answer());
    let reply = act(&shop, wipe(false), DeactivateAction::Erase);
    assert!(matches!(reply, Reply::NotYet { .. }), "it may owe something: {reply:?}");
    assert_eq!(was_asked(&shop, "run"), None, "nothing is erased under it");
}

#[test]
fn a_program_that_says_nothing_has_erased_nothing_that_anybody_could_sign_for() {
    let shop = erasable();
    is_done(act(&shop, suspend(), DeactivateAction::Stop));
    for answer in ["", "{}", "erased!", r#"{"state":"erased"}"#] {
        answers(&shop, "run", answer);
        let (code, _) = failure(act(&shop, wipe(false), DeactivateAction::Erase));
        assert_eq!(code, FailureCode::NotErased, "{answer:?}");
    }
}
