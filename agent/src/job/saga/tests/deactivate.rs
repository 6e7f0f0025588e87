//! The tables by which a till stops, sells again, or is emptied: every state with every event, and
//! the stories that matter.

use shared::change::rebind::Reason;
use shared::change::{Covers, Decommission, Resume, SettlementDelay, Suspend};
use shared::digest::Digest;
use shared::document::Clearance;
use shared::id::{RequestId, TerminalId};
use shared::owed::{SUSPENDED, SUSPENDED_OWING};

use super::super::super::DataAction;
use super::super::super::deactivate::DeactivateAction::{self, *};
use super::super::super::deactivate::{
    EXPORT, RESUME, SUSPEND, SUSPEND_OWING, WIPE, WIPE_LOST, Wanted, judge,
};
use super::pairs::table_of;
use super::*;
use crate::job::step::{Mark, Undo};

fn suspend() -> Wanted {
    Wanted::Suspend(Suspend {
        request: RequestId::from_bytes([1; 16]),
        reason: Reason::Other,
        ordered_by: "head office".to_owned(),
        note: String::new(),
        cut_off: UnixTime(1_800_000_000),
        fallback: "take the till beside it".to_owned(),
        resume_expected: None,
        delay: None,
        is_given_up: false,
    })
}

fn suspend_owing() -> Wanted {
    let Wanted::Suspend(suspend) = suspend() else { unreachable!("it is one") };
    let delay = SettlementDelay {
        covers: Covers::WhateverIsOpen,
        after_s: 3_600,
        settled_by: UnixTime(1_800_600_000),
        reason: "the host is down".to_owned(),
        accepted_by: "Hana".to_owned(),
    };
    Wanted::Suspend(Suspend { delay: Some(delay), ..suspend })
}

fn resume() -> Wanted {
    Wanted::Resume(Resume {
        request: RequestId::from_bytes([1; 16]),
        reason: Reason::Other,
        ordered_by: "head office".to_owned(),
        note: String::new(),
        tests: Vec::new(),
        window: None,
    })
}

fn wipe(is_lost: bool) -> Wanted {
    let wipe = Decommission {
        request: RequestId::from_bytes([1; 16]),
        reason: Reason::Other,
        ordered_by: "head office".to_owned(),
        note: String::new(),
        cool_off_s: 3_600,
        clearances: Digest([0; 32]),
        is_lost,
    };
    let clearance = Clearance {
        format: 1,
        terminal: TerminalId::from_bytes([4; 16]),
        challenge: Digest([0; 32]),
        suspended_by: None,
        manifest: None,
        deregistered: Vec::new(),
    };
    Wanted::Wipe(wipe, clearance)
}

/// What a job of this table makes of an answer.
fn judged(table: Table, rig: Rig) -> Rig {
    let judge: fn(Action, Reply) -> Reply = match () {
        () if std::ptr::eq(table, SUSPEND) => |action, reply| judge(&suspend(), action, reply),
        () if std::ptr::eq(table, SUSPEND_OWING) => {
            |action, reply| judge(&suspend_owing(), action, reply)
        }
        () if std::ptr::eq(table, RESUME) => |action, reply| judge(&resume(), action, reply),
        () if std::ptr::eq(table, WIPE) => |action, reply| judge(&wipe(false), action, reply),
        () => |action, reply| judge(&wipe(true), action, reply),
    };
    Rig { judge, ..rig }
}

fn at_action(table: Table, action: Action) -> Rig {
    judged(table, Rig::at(table, action))
}

fn at(table: Table, action: DeactivateAction) -> Rig {
    at_action(table, Action::Deactivate(action))
}

fn in_data(action: DataAction) -> Rig {
    at_action(SUSPEND, Action::Data(action))
}

fn early() -> Answer {
    let again_in = Duration::from_secs(60);
    Answer::NotYet { waiting: Waiting::CutOff, detail: "early".to_owned(), again_in }
}

/// A job whose moment has not come.
fn armed(table: Table) -> Rig {
    let mut rig = judged(table, Rig::new(table));
    rig.c.moment = early();
    rig.due();
    for _ in 0..2 {
        rig.reply(done());
    }
    assert!(rig.asked.is_empty(), "{:?}", rig.asked);
    rig
}

/// Where another suspension has stopped the till.
fn going_on(mut rig: Rig) -> Rig {
    rig = judged(SUSPEND_OWING, rig);
    rig.saga.begin_where_trading_stops();
    rig.due();
    rig.asks_for(STOPS_IT);
    rig
}

fn after_restart(mut rig: Rig) -> Rig {
    rig.restart();
    rig
}

fn withdrawn() -> Event {
    Event::Withdrawn(Outcome::Cancelled { reason: "the shop moves later".to_owned() })
}

fn taken_back(mut rig: Rig) -> Rig {
    rig.handle(withdrawn()).expect("people may take it back");
    rig
}

/// A till that was let go of, and does not sell.
fn stopping_again() -> Rig {
    let mut rig = at(RESUME, ConfirmSelling);
    rig.reply(failed(Again::Pointless));
    rig
}

fn tests_failed() -> Rig {
    let mut rig = at(RESUME, Test);
    rig.reply(failed(Again::Pointless));
    rig
}

fn waiting_for_the_window() -> Rig {
    let mut rig = judged(RESUME, Rig::new(RESUME));
    rig.c.window = closed();
    rig.due();
    for _ in 0..2 {
        rig.reply(done());
    }
    rig
}

/// What is asked for from here on when all of it is done, in order.
fn rest(rig: &mut Rig) -> Vec<Action> {
    let mut asked = Vec::new();
    for _ in 0..100 {
        if rig.finished.is_some() {
            return asked;
        }
        match rig.asked.last() {
            Some((_, action)) => {
                asked.push(*action);
                rig.reply(done());
            }
            None => drop(rig.after(61)),
        }
    }
    panic!("it never ends: {:?}", rig.journal);
}

fn reported(moves: &[Move]) -> Option<&StepState> {
    moves.iter().rev().find_map(|it| match it {
        Move::Report { state, .. } => Some(state),
        Move::Journal(_) | Move::Act { .. } | Move::StopAct(_) | Move::Finish { .. } => None,
    })
}

const LETS_IT_SELL: Action = Action::Deactivate(Sell);
const STOPS_IT: Action = Action::Deactivate(Stop);
const CLOSES_TESTS: Action = Action::Deactivate(CloseTests);

/// Everything that a suspension does once trading is stopped, in order.
const STOPPED: [Action; 8] = [
    STOPS_IT,
    Action::Drain,
    Action::Settle,
    Action::Data(DataAction::Export),
    Action::Data(DataAction::Save),
    Action::Deactivate(ConfirmSaved),
    Action::Data(DataAction::DiscardExport),
    Action::Deactivate(ConfirmStopped),
];

#[test]
fn every_event_in_every_state_of_a_till_that_stops_is_answered_as_the_table_says() {
    let table = table_of(vec![
        ("checking", at(SUSPEND, Check)),
        ("announcing", at(SUSPEND, Announce)),
        ("armed", armed(SUSPEND)),
        ("armed after a restart", after_restart(armed(SUSPEND))),
        ("stopping", at(SUSPEND, Stop)),
        ("stopping after a restart", after_restart(at(SUSPEND, Stop))),
        ("draining", at_action(SUSPEND, Action::Drain)),
        ("settling", at_action(SUSPEND, Action::Settle)),
        ("settling after a restart", after_restart(at_action(SUSPEND, Action::Settle))),
        ("exporting", in_data(DataAction::Export)),
        ("saving", in_data(DataAction::Save)),
        ("waiting to be verified", at(SUSPEND, ConfirmSaved)),
        ("tidying up", in_data(DataAction::DiscardExport)),
        ("confirming", at(SUSPEND, ConfirmStopped)),
        ("being taken back", taken_back(at_action(SUSPEND, Action::Settle))),
        (
            "being taken back after a restart",
            after_restart(taken_back(at_action(SUSPEND, Action::Settle))),
        ),
        ("discarding an export, taken back", taken_back(in_data(DataAction::Save))),
    ]);
    let expected = include_str!("suspend.txt");
    assert!(table == expected, "the table is now:\n{table}");
}

#[test]
fn every_event_in_every_state_of_a_till_that_may_settle_later_is_answered_as_the_table_says() {
    let settling = || at(SUSPEND_OWING, SettleOrOwe);
    let table = table_of(vec![
        ("armed", armed(SUSPEND_OWING)),
        ("stopping", at(SUSPEND_OWING, Stop)),
        ("settling", settling()),
        ("settling after a restart", after_restart(settling())),
        ("exporting", at_action(SUSPEND_OWING, Action::Data(DataAction::Export))),
        ("confirming", at(SUSPEND_OWING, ConfirmStopped)),
        ("being taken back", taken_back(settling())),
        ("going on for another", going_on(Rig::new(SUSPEND_OWING))),
        ("going on for another after a restart", after_restart(going_on(Rig::new(SUSPEND_OWING)))),
        ("going on for another, armed", going_on(armed(SUSPEND_OWING))),
        ("going on for another, taken back", taken_back(going_on(Rig::new(SUSPEND_OWING)))),
    ]);
    let expected = include_str!("suspend_owing.txt");
    assert!(table == expected, "the table is now:\n{table}");
}

#[test]
fn every_event_in_every_state_of_a_till_that_wakes_is_answered_as_the_table_says() {
    let table = table_of(vec![
        ("checking", at(RESUME, Check)),
        ("announcing", at(RESUME, Announce)),
        ("waiting for the window", waiting_for_the_window()),
        ("looking itself over", at(RESUME, SelfTest)),
        ("testing", at(RESUME, Test)),
        ("testing after a restart", after_restart(at(RESUME, Test))),
        ("closing the tests", at(RESUME, CloseTests)),
        ("closing the tests after a restart", after_restart(at(RESUME, CloseTests))),
        ("tidying up tests that failed", tests_failed()),
        ("letting it sell", at(RESUME, Sell)),
        ("letting it sell after a restart", after_restart(at(RESUME, Sell))),
        ("confirming", at(RESUME, ConfirmSelling)),
        ("stopping again", stopping_again()),
        ("stopping again after a restart", after_restart(stopping_again())),
    ]);
    let expected = include_str!("resume.txt");
    assert!(table == expected, "the table is now:\n{table}");
}

#[test]
fn every_event_in_every_state_of_a_till_that_is_emptied_is_answered_as_the_table_says() {
    let table = table_of(vec![
        ("checking", at(WIPE, Check)),
        ("announcing", at(WIPE, Announce)),
        ("cooling off", armed(WIPE)),
        ("cooling off after a restart", after_restart(armed(WIPE))),
        ("confirming", at(WIPE, ConfirmStopped)),
        ("confirming after a restart", after_restart(at(WIPE, ConfirmStopped))),
        ("erasing", at(WIPE, Erase)),
        ("erasing after a restart", after_restart(at(WIPE, Erase))),
        ("stopping what is lost", at(WIPE_LOST, Stop)),
        ("stopping what is lost after a restart", after_restart(at(WIPE_LOST, Stop))),
        ("rescuing its money", at(WIPE_LOST, RescueMoney)),
        ("rescuing its money after a restart", after_restart(at(WIPE_LOST, RescueMoney))),
        ("erasing what is lost", at(WIPE_LOST, Erase)),
    ]);
    let expected = include_str!("wipe.txt");
    assert!(table == expected, "the table is now:\n{table}");
}

#[test]
fn a_suspension_stops_sends_settles_and_saves_and_then_looks_whether_it_is_so() {
    let mut rig = at(SUSPEND, Stop);
    assert_eq!(rest(&mut rig), STOPPED);
    assert!(matches!(rig.finished, Some(Outcome::Succeeded { .. })));
}

#[test]
fn nothing_but_people_lets_a_till_sell_again_after_its_cut_off() {
    for action in STOPPED {
        let mut rig = at_action(SUSPEND, action);
        for _ in 0..200 {
            rig.asks_for(action);
            let moves = rig.reply(failed(Again::Pointless));
            // Whoever looks is told what for: also by the reports that say nothing new.
            if let Some(state) = reported(&moves) {
                let StepState::Waiting { reason, detail } = state else { panic!("{state:?}") };
                assert_eq!((*reason, detail.as_str()), (Waiting::People, "pos-refused: no"));
            }
            rig.after(3 * 3_600);
        }
        for _ in 0..20 {
            rig.restart();
            rig.asks_for(action);
            rig.after(30 * 24 * 3_600);
        }
        rig.c.expired = true;
        rig.due();
        assert_eq!(rig.finished, None, "{action:?}");
        let asked: Vec<_> = rig.asked.iter().map(|(_, asked)| *asked).collect();
        assert!(asked.iter().all(|asked| *asked == action), "{action:?}: {asked:?}");
    }
}

#[test]
fn a_host_that_comes_back_after_days_lets_a_suspension_go_on() {
    let mut rig = at_action(SUSPEND, Action::Settle);
    for _ in 0..1_000 {
        rig.reply(failed(Again::Worthwhile));
        rig.after(600);
    }
    assert_eq!(rest(&mut rig), STOPPED[2..]);
    assert!(matches!(rig.finished, Some(Outcome::Succeeded { .. })));
}

#[test]
fn a_till_that_owes_something_is_saved_and_says_so_and_one_that_has_settled_says_that() {
    for (found, wanted) in [(Some(SUSPENDED_OWING), SUSPENDED_OWING), (None, SUSPENDED)] {
        let mut rig = at(SUSPEND_OWING, SettleOrOwe);
        let version = found.map(str::to_owned);
        rig.reply(Reply::Done(Proof { version, findings: Vec::new() }));
        assert_eq!(rig.saga.established(), found);
        while rig.asked.last().map(|(_, asked)| *asked) != Some(Action::Deactivate(ConfirmStopped))
        {
            rig.reply(done());
        }
        assert_eq!(rig.saga.established(), found);
        let version = Some(found.unwrap_or(SUSPENDED).to_owned());
        rig.reply(Reply::Done(Proof { version, findings: Vec::new() }));
        assert_eq!(rig.finished, Some(Outcome::Succeeded { now: wanted.to_owned() }));
    }
}

#[test]
fn another_suspension_goes_on_only_where_nothing_was_settled_or_saved_and_nobody_takes_it_back() {
    for action in STOPPED {
        let rig = at_action(SUSPEND, action);
        let before = [STOPS_IT, Action::Drain, Action::Settle].contains(&action);
        assert_eq!(rig.saga.stands_still_before(EXPORT), before, "{action:?}");
        assert!(!taken_back(rig).saga.stands_still_before(EXPORT), "{action:?}");
    }
    assert!(!armed(SUSPEND).saga.stands_still_before(EXPORT));
}

#[test]
fn a_suspension_that_went_on_for_another_and_is_withdrawn_lets_the_till_sell() {
    for restarts in [false, true] {
        let mut rig = going_on(Rig::new(SUSPEND_OWING));
        if restarts {
            rig.restart();
        }
        rig.handle(withdrawn()).expect("people may take it back until it is over");
        assert_eq!(rest(&mut rig), [LETS_IT_SELL]);
        assert!(matches!(rig.finished, Some(Outcome::RolledBack { .. })), "{:?}", rig.finished);
    }
}

#[test]
fn a_suspension_that_is_withdrawn_before_it_is_over_lets_the_till_sell() {
    for action in STOPPED {
        let mut rig = at_action(SUSPEND, action);
        rig.handle(withdrawn()).expect("people may take it back until it is over");
        let asked = rest(&mut rig);
        assert_eq!(asked.last(), Some(&LETS_IT_SELL), "{action:?}");
        assert!(!asked.contains(&Action::Settle), "{action:?}: {asked:?}");
        let Some(Outcome::RolledBack { failure }) = &rig.finished else {
            panic!("{action:?}: {:?}", rig.finished)
        };
        assert_eq!(failure.code, FailureCode::Withdrawn);
    }
    let mut early = armed(SUSPEND);
    early.handle(withdrawn()).expect("nothing was done yet");
    assert!(matches!(early.finished, Some(Outcome::Cancelled { .. })));
}

#[test]
fn a_till_that_does_not_hear_that_it_may_sell_is_told_until_it_does() {
    let mut rig = taken_back(at_action(SUSPEND, Action::Settle));
    for _ in 0..2_000 {
        rig.asks_for(LETS_IT_SELL);
        rig.reply(failed(Again::Pointless));
        rig.after(60);
    }
    rig.restart();
    assert_eq!(rest(&mut rig), [LETS_IT_SELL]);
    assert!(matches!(rig.finished, Some(Outcome::RolledBack { .. })));
}

#[test]
fn an_export_that_cannot_be_discarded_keeps_no_till_from_selling_again() {
    let mut rig = taken_back(in_data(DataAction::Save));
    while rig.asked.last().map(|(_, asked)| *asked) != Some(LETS_IT_SELL) {
        if rig.asked.is_empty() {
            rig.after(60);
        } else {
            rig.asks_for(Action::Data(DataAction::DiscardExport));
            rig.reply(failed(Again::Pointless));
        }
    }
    rig.reply(done());
    assert!(matches!(rig.finished, Some(Outcome::RolledBack { .. })), "{:?}", rig.finished);
}

#[test]
fn before_the_cut_off_a_till_is_asked_nothing() {
    let mut rig = armed(SUSPEND);
    for _ in 0..500 {
        rig.after(60);
    }
    assert!(rig.asked.is_empty());
    rig.c.moment = Answer::Yes;
    rig.after(60);
    rig.asks_for(STOPS_IT);
}

#[test]
fn a_return_to_service_tests_before_it_sells() {
    let mut rig = at(RESUME, Check);
    let expected = [Check, Announce, SelfTest, Test, CloseTests, Sell, ConfirmSelling];
    let expected = expected.map(Action::Deactivate);
    assert_eq!(rest(&mut rig), expected);
    assert!(matches!(rig.finished, Some(Outcome::Succeeded { .. })));
}

#[test]
fn a_return_to_service_whose_tests_fail_leaves_the_till_stopped() {
    let mut rig = at(RESUME, SelfTest);
    rig.reply(failed(Again::Pointless));
    assert!(matches!(rig.finished, Some(Outcome::Failed { .. })), "{:?}", rig.finished);
    assert!(rig.asked.is_empty());
    for action in [Test, CloseTests] {
        let mut rig = at(RESUME, action);
        rig.reply(failed(Again::Pointless));
        assert_eq!(rest(&mut rig), [CLOSES_TESTS], "{action:?}");
        assert!(matches!(rig.finished, Some(Outcome::Failed { .. })), "{:?}", rig.finished);
    }
    for action in [Sell, ConfirmSelling] {
        let mut rig = at(RESUME, action);
        while rig.asked.last().map(|(_, asked)| *asked) != Some(STOPS_IT) {
            match rig.asked.is_empty() {
                true => drop(rig.after(10)),
                false => drop(rig.reply(failed(Again::Worthwhile))),
            }
        }
        // However long the till does not hear it.
        for _ in 0..2_000 {
            rig.asks_for(STOPS_IT);
            rig.reply(failed(Again::Pointless));
            rig.after(60);
        }
        assert_eq!(rest(&mut rig), [STOPS_IT, CLOSES_TESTS]);
        assert!(matches!(rig.finished, Some(Outcome::Failed { .. })), "{:?}", rig.finished);
    }
}

#[test]
fn tests_that_cannot_be_closed_after_they_failed_hold_nothing_up() {
    let mut rig = tests_failed();
    for _ in 0..20 {
        match (&rig.finished, rig.asked.is_empty()) {
            (Some(_), _) => break,
            (None, true) => drop(rig.after(60)),
            (None, false) => drop(rig.reply(failed(Again::Worthwhile))),
        }
    }
    assert!(matches!(rig.finished, Some(Outcome::Failed { .. })), "{:?}", rig.finished);
}

#[test]
fn a_return_to_service_that_is_withdrawn_leaves_the_till_stopped() {
    for action in [Check, SelfTest] {
        let mut rig = taken_back(at(RESUME, action));
        assert_eq!(rest(&mut rig), []);
        assert!(matches!(rig.finished, Some(Outcome::Cancelled { .. })));
    }
    for action in [Test, CloseTests] {
        let mut rig = taken_back(at(RESUME, action));
        assert_eq!(rest(&mut rig), [CLOSES_TESTS], "{action:?}");
        assert!(matches!(rig.finished, Some(Outcome::Cancelled { .. })));
    }
    for action in [Sell, ConfirmSelling] {
        let mut rig = taken_back(at(RESUME, action));
        assert_eq!(rest(&mut rig), [STOPS_IT, CLOSES_TESTS], "{action:?}");
        assert!(matches!(rig.finished, Some(Outcome::Cancelled { .. })));
    }
}

#[test]
fn a_wipe_can_be_taken_back_until_it_is_intended_and_never_after() {
    for rig in [at(WIPE, Check), at(WIPE, Announce), armed(WIPE), at(WIPE, ConfirmStopped)] {
        let rig = taken_back(rig);
        assert!(matches!(rig.finished, Some(Outcome::Cancelled { .. })), "{:?}", rig.finished);
    }
    let intended =
        [at(WIPE, Erase), at(WIPE_LOST, Stop), at(WIPE_LOST, RescueMoney), at(WIPE_LOST, Erase)];
    for mut rig in intended {
        let refused = rig.handle(withdrawn());
        assert!(matches!(refused, Err(Refused::TooLate { .. })), "{refused:?}");
        rig.c.expired = true;
        rig.due();
        assert_eq!(rig.finished, None, "nothing that was begun expires");
    }
}

#[test]
fn a_wipe_is_tried_again_as_long_as_it_fails_and_however_often_the_power_does() {
    for table in [WIPE, WIPE_LOST] {
        let mut rig = at(table, Erase);
        for round in 0..300 {
            rig.asks_for(Action::Deactivate(Erase));
            match round % 4 {
                0 => drop(rig.reply(failed(Again::Pointless))),
                1 => drop(rig.reply(not_yet())),
                2 => drop(rig.after(25 * 3_600)),
                _ => drop(rig.restart()),
            }
            if rig.asked.is_empty() {
                rig.after(61);
            }
            assert_eq!(rig.finished, None, "{round}: {:?}", rig.journal);
        }
        assert_eq!(rest(&mut rig), [Action::Deactivate(Erase)]);
        assert!(matches!(rig.finished, Some(Outcome::Succeeded { .. })), "{:?}", rig.finished);
    }
}

#[test]
fn a_till_that_sells_owes_something_or_says_nothing_is_not_erased() {
    for answer in [failed(Again::Worthwhile), not_yet()] {
        let mut rig = at(WIPE, ConfirmStopped);
        for attempt in 0..8 {
            if attempt > 0 {
                rig.after(60);
            }
            rig.asks_for(Action::Deactivate(ConfirmStopped));
            rig.reply(answer.clone());
        }
        assert!(matches!(rig.finished, Some(Outcome::Failed { .. })), "{:?}", rig.finished);
    }
}

#[test]
fn whoever_has_a_lost_terminal_keeps_nothing_of_it_by_pulling_the_plug_or_by_keeping_it_busy() {
    for action in [Stop, RescueMoney] {
        let mut rig = at(WIPE_LOST, action);
        for _ in 0..10 {
            rig.restart();
        }
        assert_eq!(rest(&mut rig).last(), Some(&Action::Deactivate(Erase)), "{action:?}");
        let mut rig = at(WIPE_LOST, action);
        for _ in 0..4 {
            rig.after(3_600);
        }
        assert_eq!(rest(&mut rig).last(), Some(&Action::Deactivate(Erase)), "{action:?}");
        assert!(matches!(rig.finished, Some(Outcome::Succeeded { .. })), "{:?}", rig.finished);
    }
}

#[test]
fn nothing_is_erased_by_a_wipe_before_its_moment() {
    let mut rig = armed(WIPE);
    for _ in 0..500 {
        rig.after(60);
    }
    assert!(rig.asked.is_empty());
    rig.c.moment = Answer::Yes;
    rig.after(60);
    rig.asks_for(Action::Deactivate(ConfirmStopped));
    rig.reply(done());
    rig.asks_for(Action::Deactivate(Erase));
}

#[test]
fn what_must_come_before_comes_before() {
    let place = |table: Table, name: &str| table.iter().position(|it| it.name == name).unwrap();
    let order = ["cut-off", "stop", "drain", "settle", "export", "save", "verified", "confirm"];
    assert!(order.is_sorted_by_key(|name| place(SUSPEND, name)));
    let order = ["window", "self-test", "test", "close", "sell", "confirm"];
    assert!(order.is_sorted_by_key(|name| place(RESUME, name)), "nobody sells untested");
    assert!(["cool-off", "confirm", "erase"].is_sorted_by_key(|name| place(WIPE, name)));
    assert!(place(WIPE_LOST, "stop") < place(WIPE_LOST, "erase"));
    for table in [WIPE, WIPE_LOST] {
        let last = table.last().expect("a table has steps");
        assert_eq!((last.name, last.undo), ("erase", Undo::Nothing));
        assert!(table.iter().any(|step| step.mark == Mark::PointOfNoReturn));
    }
}
