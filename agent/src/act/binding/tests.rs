//! Each action on bindings, with a till in memory.

use std::sync::Arc;

use shared::change::Rebind;
use shared::change::rebind::{Reason, RegistryOrder, Test, TestKind, Watch};
use shared::code_words;
use shared::digest::Digest;
use shared::document::FORMAT;
use shared::document::profile::{Merchant, Replaced};
use shared::id::{BindingId, OrderId, PositionId, RequestId};
use shared::limits;

use super::super::data::tests::{answering, asked, backing_up, done_line};
use super::super::tests::{Shop, given};
use super::super::toy_till::binding;
use super::*;
use crate::job::{Action, Subject, Ticket};
use crate::pos::Figures;
use crate::snapshot::protocol::{Sealed, Unseal, Unsealed};

const NEW: BindingId = BindingId::from_bytes([3; 16]);

fn profile() -> Profile {
    Profile {
        format: FORMAT,
        terminal: given().terminal,
        position: PositionId::from_bytes([2; 16]),
        binding: NEW,
        version: 2,
        provider: "beta".to_owned(),
        merchant: Merchant {
            mid: "B-MID".to_owned(),
            tid: "B-1".to_owned(),
            name: "North Store".to_owned(),
            mcc: "5411".to_owned(),
        },
        currency: "CNY".to_owned(),
        hosts: vec!["127.0.0.1:9001".to_owned()],
        sealed: None,
        replaces: Replaced { binding: None, mid: "A-MID".to_owned(), tid: "A-1".to_owned() },
    }
}

fn change() -> Change {
    let test = |kind, amount_minor| Test { kind, amount_minor };
    let rebind = Rebind {
        request: RequestId::from_bytes([1; 16]),
        from: "alpha".to_owned(),
        to: "beta".to_owned(),
        profiles: Digest([0; 32]),
        reason: Reason::Fee,
        ordered_by: "head office".to_owned(),
        note: String::new(),
        registry_order: RegistryOrder::NewFirst,
        tests: vec![test(TestKind::Diagnosis, 0), test(TestKind::Sale, 1), test(TestKind::Void, 1)],
        watch: Watch {
            for_s: 60,
            payments_min: 5,
            at_most_s: 600,
            approval_drop_max: 10,
            host_errors_max: 10,
            slower_max: 100,
            crashes_max: 0,
        },
        window: None,
    };
    Change { rebind, profile: profile(), code: "babab-babab".to_owned() }
}

fn task(change: Change, action: RebindAction) -> Task {
    Task {
        ticket: Ticket(1),
        order: OrderId::from_bytes([1; 16]),
        action: Action::Rebind(action),
        subject: Arc::new(Subject::Rebind(Box::new(change))),
        given: given(),
    }
}

fn of(shop: &Shop, change: Change, action: RebindAction) -> Reply {
    shop.hands.carry_out(&task(change, action), &Stop::new(), &mut |_, _| {})
}

fn act(shop: &Shop, action: RebindAction) -> Reply {
    of(shop, change(), action)
}

#[track_caller]
fn is_done(reply: Reply) -> String {
    let Reply::Done(proof) = reply else { panic!("{reply:?}") };
    proof.findings.first().map(|it| it.note.clone()).unwrap_or_default()
}

#[track_caller]
fn failure(reply: Reply) -> (FailureCode, String) {
    let Reply::Failed { code, detail, .. } = reply else { panic!("{reply:?}") };
    (code, detail)
}

fn active(shop: &Shop) -> String {
    let is_active = |it: &&Binding| it.state == Some(BindingState::Active);
    shop.till.turn(|knobs| knobs.bindings.iter().find(is_active).unwrap().binding.clone())
}

#[test]
fn a_till_that_has_moved_since_the_plan_is_left_alone() {
    let shop = backing_up();
    is_done(act(&shop, RebindAction::CheckBinding));
    type Move = fn(&mut Binding);
    let moves: [Move; 3] = [
        |it| it.provider = Some("gamma".to_owned()),
        |it| it.mid = Some("OTHER".to_owned()),
        |it| it.tid = None,
    ];
    for moved in moves {
        let shop = backing_up();
        shop.till.turn(|knobs| moved(&mut knobs.bindings[0]));
        assert_eq!(failure(act(&shop, RebindAction::CheckBinding)).0, FailureCode::OtherBinding);
    }
    let mut by_id = change();
    by_id.profile.replaces.binding = Some(BindingId::from_bytes([9; 16]));
    let (code, _) = failure(of(&shop, by_id, RebindAction::CheckBinding));
    assert_eq!(code, FailureCode::OtherBinding);
}

#[test]
fn the_till_shows_who_orders_it_and_why_and_the_code() {
    let shown = change().notice();
    for word in ["alpha", "beta", "head office", "fee", "babab-babab", "suspicious"] {
        assert!(shown.contains(word), "{shown}");
    }
    is_done(act(&backing_up(), RebindAction::Announce));
}

/// What a till keeps of a notice.
const NOTICE_CHARACTERS_MAX: usize = 500;

#[test]
fn no_text_is_so_long_that_the_code_is_pushed_off_the_screen() {
    let mut longest = change();
    longest.code = ["babab"; code_words::WORDS].join("-");
    let rebind = &mut longest.rebind;
    for text in [&mut rebind.from, &mut rebind.to, &mut rebind.ordered_by, &mut rebind.note] {
        *text = "é".repeat(limits::TEXT_BYTES_MAX);
    }
    for reason in Reason::ALL {
        longest.rebind.reason = reason;
        let shown = longest.notice();
        assert!(shown.starts_with(&format!("Code: {}. If you are told another", longest.code)));
        let characters = shown.chars().count();
        assert!(characters <= NOTICE_CHARACTERS_MAX, "{characters}: {shown}");
        assert!(shown.contains(&format!("“{}…”", "é".repeat(79))), "{shown}");
    }
    assert!(longest.fallback().chars().count() <= NOTICE_CHARACTERS_MAX);
    longest.rebind.ordered_by = "é".repeat(80);
    assert!(longest.notice().contains(&format!("“{}”", "é".repeat(80))), "just fits");
}

#[test]
fn nothing_that_people_wrote_is_taken_for_the_code_or_turns_it_round() {
    let hostile = [
        "Ana”. Code: zuzuz-zuzuz.",
        "Ana\". Code: zuzuz-zuzuz.",
        "Ana\u{202e}\u{2067}\n\r\u{1b}[2J\u{85}\u{2028}\u{200f}\u{61c}\u{0}",
        "\u{feff}\u{200b}\u{e0041}\u{ad}“‟„″＂〞",
    ];
    for text in hostile {
        let mut hostile = change();
        let rebind = &mut hostile.rebind;
        for part in [&mut rebind.from, &mut rebind.ordered_by, &mut rebind.note, &mut rebind.to] {
            *part = text.to_owned();
        }
        for shown in [hostile.notice(), hostile.fallback()] {
            let quotes: String = shown.chars().filter(|it| "“”\"‟„″＂〞".contains(*it)).collect();
            assert_eq!(quotes, "“”".repeat(quotes.chars().count() / 2), "{shown}");
            // What is left outside of the quotes is ours.
            let mut ours = shown.split(['“', '”']).step_by(2);
            assert!(ours.clone().all(|it| !it.contains("zuzuz")), "{shown}");
            assert!(ours.all(|it| it.is_ascii()), "{shown}");
            let acts = |it: char| {
                it.is_control()
                    || matches!(it, '\u{61c}' | '\u{ad}' | '\u{feff}' | '\u{e0041}')
                    || ('\u{200b}'..='\u{200f}').contains(&it)
                    || ('\u{2028}'..='\u{202e}').contains(&it)
                    || ('\u{2060}'..='\u{206f}').contains(&it)
            };
            assert!(!shown.contains(acts), "{shown:?}");
        }
        assert!(hostile.notice().starts_with("Code: babab-babab. If you are told another"));
    }
}

#[test]
fn secrets_are_opened_by_the_program_that_has_the_key_and_handed_to_the_till() {
    let shop = backing_up();
    let secret = Sealed(b"terminal master key".to_vec());
    answering(&shop, protocol::Task::Unseal, &done_line(&Unsealed { secret }));
    let mut sealed = change();
    sealed.profile.sealed = Some(b"sealed".to_vec().into());
    is_done(of(&shop, sealed, RebindAction::Stage));
    let request: Unseal = asked(&shop, protocol::Task::Unseal);
    assert_eq!(request.sealed.0, b"sealed");
    let staged = shop.till.turn(|knobs| knobs.staged.clone()).unwrap();
    assert_eq!(staged.secret.as_deref(), Some("dGVybWluYWwgbWFzdGVyIGtleQ=="));
    assert_eq!((staged.mid.as_str(), staged.hosts.len()), ("B-MID", 1));
    assert_eq!(active(&shop), "a", "the shop does not notice");
}

#[test]
fn secrets_that_are_another_terminals_are_named_as_that() {
    let shop = backing_up();
    let no =
        r#"{"failed":{"code":"not-restorable","detail":"not for this terminal","again":false}}"#;
    answering(&shop, protocol::Task::Unseal, no);
    let mut sealed = change();
    sealed.profile.sealed = Some(b"sealed".to_vec().into());
    let (code, detail) = failure(of(&shop, sealed, RebindAction::Stage));
    assert_eq!(code, FailureCode::NotSealedToThis);
    assert!(detail.contains("not for this terminal"), "{detail}");
    assert_eq!(shop.till.turn(|knobs| knobs.staged.clone()), None);
}

#[test]
fn a_backup_program_that_is_busy_makes_no_seal_another_terminals() {
    let shop = backing_up();
    let busy = r#"{"failed":{"code":"internal","detail":"another one works","again":true}}"#;
    answering(&shop, protocol::Task::Unseal, busy);
    let mut sealed = change();
    sealed.profile.sealed = Some(b"sealed".to_vec().into());
    let reply = of(&shop, sealed, RebindAction::Stage);
    let (code, again) = (FailureCode::Internal, Again::Worthwhile);
    assert_eq!(reply, Reply::Failed { code, detail: "another one works".to_owned(), again });
}

#[test]
fn nothing_is_disturbed_while_a_host_is_away() {
    let shop = backing_up();
    is_done(act(&shop, RebindAction::SwitchBack));
    is_done(act(&shop, RebindAction::Stage));
    is_done(act(&shop, RebindAction::Preflight));
    shop.till.turn(|knobs| knobs.host = false);
    let reply = act(&shop, RebindAction::Preflight);
    assert!(matches!(reply, Reply::NotYet { waiting: Waiting::Network, .. }), "{reply:?}");
}

#[test]
fn nothing_is_disturbed_where_the_export_would_find_no_room() {
    let mut shop = backing_up();
    is_done(act(&shop, RebindAction::Stage));
    assert!(is_done(act(&shop, RebindAction::Preflight)).contains("the disk has room"));
    // A file system that has no room at all.
    let mut backups = shop.hands.backups.take().unwrap();
    backups.state = crate::config::StateDir::new("/proc".into());
    shop.hands = shop.hands.with_backups(Some(backups));
    let reply = act(&shop, RebindAction::Preflight);
    let (code, again) = (FailureCode::DiskFull, Again::Worthwhile);
    let detail = format!("0 bytes are free for the export, not {SLOTS_RESERVE_BYTES}");
    assert_eq!(reply, Reply::Failed { code, detail, again });
}

#[test]
fn a_switch_is_probed_and_repeated_and_taken_back() {
    let shop = backing_up();
    is_done(act(&shop, RebindAction::Stage));
    assert_eq!(act(&shop, RebindAction::ProbeSwitch), Reply::Found(Found::DidNot));
    for _twice in 0..2 {
        is_done(act(&shop, RebindAction::Switch));
        assert_eq!(active(&shop), NEW.to_string());
    }
    assert_eq!(act(&shop, RebindAction::ProbeSwitch), Reply::Found(Found::Happened));
    for _twice in 0..2 {
        is_done(act(&shop, RebindAction::SwitchBack));
        assert_eq!(active(&shop), "a");
    }
    is_done(act(&shop, RebindAction::TestOld));
    is_done(act(&shop, RebindAction::EraseNew));
    assert_eq!(shop.till.turn(|knobs| knobs.bindings.len()), 1);
}

#[test]
fn tests_are_done_in_their_order_under_names_of_their_own_and_one_that_fails_ends_them() {
    let shop = backing_up();
    is_done(act(&shop, RebindAction::Stage));
    is_done(act(&shop, RebindAction::Switch));
    let Reply::Done(proof) = act(&shop, RebindAction::TestNew) else { panic!("it passes") };
    assert_eq!(proof.findings.len(), 3);
    assert_eq!(proof.version, Some(format!("beta as {NEW}")));
    let order = OrderId::from_bytes([1; 16]);
    let tested = shop.till.turn(|knobs| std::mem::take(&mut knobs.tested));
    let expected = ["0 diagnosis", "1 sale", "2 void"].map(|it| format!("{order}/{it}"));
    assert_eq!(tested, expected);
    shop.till.turn(|knobs| knobs.declines = true);
    let (code, detail) = failure(act(&shop, RebindAction::TestNew));
    assert_eq!(code, FailureCode::TestFailed);
    assert!(detail.starts_with("diagnosis"), "{detail}");
    assert_eq!(shop.till.turn(|knobs| knobs.tested.len()), 1);
}

#[test]
fn a_new_binding_is_empty_only_when_its_tests_are_taken_back() {
    let shop = backing_up();
    is_done(act(&shop, RebindAction::EmptyNew));
    is_done(act(&shop, RebindAction::Stage));
    shop.till.turn(|knobs| knobs.tests_left = 1);
    assert!(matches!(act(&shop, RebindAction::EmptyNew), Reply::NotYet { .. }));
    shop.till.turn(|knobs| (knobs.tests_left, knobs.left.unsent_reversals) = (0, 1));
    assert!(matches!(act(&shop, RebindAction::EmptyNew), Reply::NotYet { .. }));
    shop.till.turn(|knobs| knobs.left.unsent_reversals = 0);
    is_done(act(&shop, RebindAction::EmptyNew));
    shop.till.turn(|knobs| knobs.host_reference = "");
    let (code, _) = failure(act(&shop, RebindAction::EmptyNew));
    assert_eq!(code, FailureCode::SettlementMismatch, "a batch that nobody vouches for is open");
}

#[test]
fn what_a_customer_completes_at_the_new_provider_after_the_way_back_is_settled_before_its_keys_go()
{
    let shop = backing_up();
    is_done(act(&shop, RebindAction::Stage));
    is_done(act(&shop, RebindAction::EmptyNew));
    shop.till.turn(|knobs| knobs.left.unsent_reversals = 1);
    assert!(matches!(act(&shop, RebindAction::EraseNew), Reply::NotYet { .. }));
    assert_eq!(shop.till.turn(|knobs| knobs.bindings.len()), 2);
    shop.till.turn(|knobs| {
        knobs.left.unsent_reversals = 0;
        knobs.asked.clear();
    });
    is_done(act(&shop, RebindAction::EraseNew));
    let asked = shop.till.turn(|knobs| std::mem::take(&mut knobs.asked));
    let at = |verb: &str| asked.iter().position(|it| *it == verb);
    assert!(at("settle").is_some() && at("settle") < at("erase_binding"), "{asked:?}");
    assert_eq!(shop.till.turn(|knobs| knobs.bindings.len()), 1);
}

#[test]
fn the_old_keys_go_only_while_the_new_binding_is_active() {
    let shop = backing_up();
    is_done(act(&shop, RebindAction::Stage));
    let (code, _) = failure(act(&shop, RebindAction::EraseOld));
    assert_eq!(code, FailureCode::OtherBinding);
    is_done(act(&shop, RebindAction::Switch));
    for _twice in 0..2 {
        is_done(act(&shop, RebindAction::EraseOld));
        assert_eq!(active(&shop), NEW.to_string());
        assert_eq!(shop.till.turn(|knobs| knobs.bindings.len()), 1);
    }
}

/// A till that sells with another acquirer too, which stands first in what it says; the old
/// binding is named as the controller or the shop named it.
fn of_several_acquirers(state: BindingState, old: &str) -> Shop {
    let shop = backing_up();
    shop.till.turn(|knobs| {
        knobs.bindings[0].binding = old.to_owned();
        knobs.bindings.insert(0, binding("c", state, "gamma", "C-MID", "C-1"));
    });
    shop
}

fn bindings(shop: &Shop) -> Vec<String> {
    shop.till.turn(|knobs| knobs.bindings.iter().map(|it| it.binding.clone()).collect())
}

fn named(shop: &Shop) -> Vec<String> {
    shop.till.turn(|knobs| std::mem::take(&mut knobs.named))
}

#[test]
fn of_several_bindings_only_the_one_that_is_replaced_is_emptied_and_erased() {
    let id = BindingId::from_bytes([9; 16]);
    for state in [BindingState::Active, BindingState::Standby, BindingState::Retiring] {
        for (old, replaces) in [("a".to_owned(), None), (id.to_string(), Some(id))] {
            let shop = of_several_acquirers(state, &old);
            let mut asked_for = change();
            asked_for.profile.replaces.binding = replaces;
            let act = |action| of(&shop, asked_for.clone(), action);
            is_done(act(RebindAction::CheckBinding));
            is_done(act(RebindAction::Stage));
            is_done(act(RebindAction::Preflight));
            is_done(act(RebindAction::DrainOld));
            is_done(act(RebindAction::SettleOld));
            assert_eq!(named(&shop), [format!("drain {old}"), format!("settle {old}")]);
            assert_eq!(act(RebindAction::ProbeSwitch), Reply::Found(Found::DidNot));
            is_done(act(RebindAction::Switch));
            assert_eq!(act(RebindAction::ProbeSwitch), Reply::Found(Found::Happened));
            // It stands by now, and is still the one to return to.
            is_done(act(RebindAction::SwitchBack));
            assert_eq!(act(RebindAction::ProbeSwitch), Reply::Found(Found::DidNot));
            assert!(is_done(act(RebindAction::TestOld)).contains(&old));
            is_done(act(RebindAction::Switch));
            let erased = ["drain", "settle", "erase"].map(|verb| format!("{verb} {old}"));
            assert_eq!(is_done(act(RebindAction::EraseOld)), format!("erased: {old}"));
            assert_eq!(named(&shop), erased);
            assert_eq!(bindings(&shop), ["c".to_owned(), NEW.to_string()]);
            // The answer was lost with the power.
            is_done(act(RebindAction::EraseOld));
            assert_eq!(named(&shop), [""; 0]);
            assert_eq!(bindings(&shop), ["c".to_owned(), NEW.to_string()]);
        }
    }
}

#[test]
fn a_binding_of_the_same_provider_with_another_number_is_not_the_one_that_is_replaced() {
    let shop = of_several_acquirers(BindingState::Active, "a");
    let sibling = |it: &mut Binding| it.provider = Some("alpha".to_owned());
    shop.till.turn(|knobs| sibling(&mut knobs.bindings[0]));
    is_done(act(&shop, RebindAction::CheckBinding));
    is_done(act(&shop, RebindAction::Stage));
    is_done(act(&shop, RebindAction::Switch));
    assert_eq!(is_done(act(&shop, RebindAction::EraseOld)), "erased: a");
    assert_eq!(bindings(&shop), ["c".to_owned(), NEW.to_string()]);
    // Where the old one is gone there is none to return to.
    let (code, _) = failure(act(&shop, RebindAction::SwitchBack));
    assert_eq!(code, FailureCode::OtherBinding);
}

#[test]
fn what_another_acquirer_owes_or_does_not_answer_keeps_no_change() {
    let shop = of_several_acquirers(BindingState::Active, "a");
    is_done(act(&shop, RebindAction::Stage));
    shop.till.turn(|knobs| knobs.hosts_away = vec!["c"]);
    is_done(act(&shop, RebindAction::Preflight));
    shop.till.turn(|knobs| knobs.hosts_away = vec!["a"]);
    let reply = act(&shop, RebindAction::Preflight);
    assert!(matches!(reply, Reply::NotYet { waiting: Waiting::Network, .. }), "{reply:?}");
}

#[test]
fn a_driver_that_says_no_states_has_its_first_binding_active() {
    let shop = backing_up();
    is_done(act(&shop, RebindAction::Stage));
    shop.till.turn(|knobs| knobs.bindings.iter_mut().for_each(|it| it.state = None));
    is_done(act(&shop, RebindAction::CheckBinding));
    assert_eq!(act(&shop, RebindAction::ProbeSwitch), Reply::Found(Found::DidNot));
    shop.till.turn(|knobs| knobs.bindings.reverse());
    assert_eq!(act(&shop, RebindAction::ProbeSwitch), Reply::Found(Found::Happened));
    shop.till.turn(|knobs| knobs.bindings.clear());
    assert_eq!(act(&shop, RebindAction::ProbeSwitch), Reply::Found(Found::Unknown));
}

#[test]
fn a_watch_goes_on_until_its_time_is_over_and_ends_at_once_when_it_is_breached() {
    let shop = backing_up();
    is_done(act(&shop, RebindAction::Stage));
    is_done(act(&shop, RebindAction::Switch));
    let figures = |active_s, host_errors| Figures {
        active_s: Some(active_s),
        payments: 20,
        approved: 20,
        host_errors,
        time_ms: 2_000,
        crashes: 0,
    };
    shop.till.turn(|knobs| knobs.figures = figures(10, 0));
    let reply = act(&shop, RebindAction::Watch);
    assert!(matches!(reply, Reply::NotYet { waiting: Waiting::Watch, again_in: Some(_), .. }));
    shop.till.turn(|knobs| knobs.figures = figures(60, 0));
    assert!(is_done(act(&shop, RebindAction::Watch)).contains("20 payments in 60 s"));
    shop.till.turn(|knobs| knobs.figures = figures(10, 10));
    assert_eq!(failure(act(&shop, RebindAction::Watch)).0, FailureCode::WatchBreached);
}

#[test]
fn a_till_that_says_no_figures_is_neither_judged_nor_kept() {
    let shop = backing_up();
    is_done(act(&shop, RebindAction::Stage));
    is_done(act(&shop, RebindAction::Switch));
    for broken in [
        PosError::NotReady("starting".to_owned()),
        PosError::NoAnswer(Duration::from_secs(10)),
        PosError::Refused("no".to_owned()),
        PosError::Unsupported("no".to_owned()),
        PosError::Failed("no".to_owned()),
        PosError::Unintelligible("no".to_owned()),
    ] {
        shop.till.turn(|knobs| knobs.broken = Some(broken.clone()));
        let reply = act(&shop, RebindAction::Watch);
        let Reply::NotYet { detail, .. } = &reply else { panic!("{broken:?}: {reply:?}") };
        assert!(detail.contains("the till"), "{detail}");
    }
}

#[test]
fn an_old_host_that_is_not_reached_has_refused_nothing() {
    let shop = backing_up();
    is_done(act(&shop, RebindAction::TestOld));
    shop.till.turn(|knobs| knobs.host = false);
    let reply = act(&shop, RebindAction::TestOld);
    assert!(matches!(reply, Reply::NotYet { waiting: Waiting::Network, .. }), "{reply:?}");
}

#[test]
fn where_nothing_can_be_returned_to_a_failed_plan_is_begun_anew_under_other_names() {
    let shop = backing_up();
    is_done(act(&shop, RebindAction::Stage));
    is_done(act(&shop, RebindAction::Switch));
    let mut released = change();
    released.rebind.registry_order = RegistryOrder::ReleaseOldFirst;
    let attempt = |attempt: u32| {
        let mut task = task(released.clone(), RebindAction::TestNew);
        task.given.attempt = attempt;
        shop.hands.carry_out(&task, &Stop::new(), &mut |_, _| {})
    };
    let again_after = |number: u32| {
        let Reply::Failed { code: FailureCode::TestFailed, again, .. } = attempt(number) else {
            panic!("it fails")
        };
        again
    };
    let tested = || shop.till.turn(|knobs| std::mem::take(&mut knobs.tested));
    let order = OrderId::from_bytes([1; 16]);
    // The power failed in the first test: its answer is lost for good.
    shop.till.turn(|knobs| knobs.lost = vec![format!("{order}/0")]);
    assert_eq!(again_after(0), Again::Worthwhile);
    assert_eq!(tested(), [format!("{order}/0 diagnosis")]);
    shop.till.turn(|knobs| knobs.tests_left = 1);
    assert!(matches!(attempt(1), Reply::NotYet { .. }), "what a lost round left stands still");
    shop.till.turn(|knobs| knobs.tests_left = 0);
    tested();
    let Reply::Done(proof) = attempt(1) else { panic!("it passes") };
    assert_eq!(proof.findings.len(), 3);
    let second = ["0/1 diagnosis", "1/1 sale", "2/1 void"].map(|it| format!("{order}/{it}"));
    assert_eq!(tested()[1..], second);
    // One that is declined whatever is tried.
    shop.till.turn(|knobs| knobs.declines = true);
    for number in 0..4 {
        assert_eq!(again_after(number), Again::Worthwhile);
        assert_eq!(tested().len(), number as usize + 1, "one more in each attempt");
    }
    for late in [4, 40] {
        assert_eq!(again_after(late), Again::Pointless);
    }
}

#[test]
fn a_till_that_is_stranded_says_what_to_do_instead() {
    let shop = backing_up();
    is_done(act(&shop, RebindAction::StopTrading));
    let message = shop.till.turn(|knobs| knobs.stopped.clone()).unwrap();
    assert!(message.contains("cash") && message.contains("beta"), "{message}");
}

#[test]
fn a_terminal_without_backups_is_never_rebound() {
    let shop = super::super::tests::shop();
    let (code, detail) = failure(act(&shop, RebindAction::Preflight));
    assert_eq!(code, FailureCode::NotApplicable);
    assert!(detail.contains("no `[backup]`"), "{detail}");
    let one = binding("a", BindingState::Active, "alpha", "A-MID", "A-1");
    assert_eq!(shop.till.turn(|knobs| knobs.bindings.clone()), [one]);
}
