//! The tables of a change of provider: every state with every event, and the stories that matter.

use shared::outcome::FailureCode;

use super::super::super::DataAction;
use super::super::super::rebind::RebindAction::{self, *};
use super::super::super::rebind::{REBIND, RELEASED};
use super::pairs::table_of;
use super::*;

fn at(action: RebindAction) -> Rig {
    Rig::at(REBIND, Action::Rebind(action))
}

fn released_at(action: RebindAction) -> Rig {
    Rig::at(RELEASED, Action::Rebind(action))
}

fn going_back(mut rig: Rig) -> Rig {
    rig.reply(failed(Again::Pointless));
    rig
}

fn after_restart(mut rig: Rig) -> Rig {
    rig.restart();
    rig
}

/// Time passes, in which the hold is renewed.
fn wait(rig: &mut Rig, seconds: u64) {
    rig.after(seconds);
    let renewal = |rig: &Rig| rig.asked.iter().position(|(_, it)| *it == Action::HoldTrading);
    while let Some(place) = renewal(rig) {
        let (ticket, _) = rig.asked.remove(place);
        rig.handle(Event::Replied { ticket, reply: done() }).expect("it is waited for");
    }
}

fn stranded(mut rig: Rig) -> Rig {
    for _ in 0..1_000 {
        rig.asks_for(Action::Rebind(SwitchBack));
        rig.reply(failed(Again::Pointless));
        wait(&mut rig, 60);
        if rig.asked.last().map(|(_, action)| *action) == Some(Action::Rebind(StopTrading)) {
            return rig;
        }
    }
    panic!("it is never given up: {:?}", rig.journal);
}

/// A till that has returned to the old provider, whose host is to be reached.
fn testing_the_old() -> Rig {
    let mut rig = going_back(at(Switch));
    rig.asks_for(Action::Rebind(SwitchBack));
    rig.reply(done());
    rig.asks_for(Action::Rebind(TestOld));
    rig
}

/// What was reported last.
fn reported(moves: &[Move]) -> Option<&StepState> {
    moves.iter().rev().find_map(|it| match it {
        Move::Report { state, .. } => Some(state),
        Move::Journal(_) | Move::Act { .. } | Move::StopAct(_) | Move::Finish { .. } => None,
    })
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

const BACK_TO_THE_OLD: [Action; 8] = [
    Action::HoldTrading,
    Action::Rebind(EmptyNew),
    Action::Rebind(SwitchBack),
    Action::Rebind(TestOld),
    Action::Data(DataAction::DiscardExport),
    Action::ReleaseTrading,
    Action::Rebind(EmptyNew),
    Action::Rebind(EraseNew),
];

fn rolled_back(rig: &Rig) -> FailureCode {
    match &rig.finished {
        Some(Outcome::RolledBack { failure }) => failure.code,
        other => panic!("it ended as {other:?}"),
    }
}

#[test]
fn every_event_in_every_state_of_a_rebind_is_answered_as_the_table_says() {
    let table = table_of(vec![
        ("checking the binding", at(CheckBinding)),
        ("staging", at(Stage)),
        ("asking both hosts", at(Preflight)),
        ("taking hold", Rig::at(REBIND, Action::HoldTrading)),
        ("draining the old", at(DrainOld)),
        ("settling the old", at(SettleOld)),
        ("saving", Rig::at(REBIND, Action::Data(DataAction::Save))),
        ("waiting to be verified", at(ConfirmSaved)),
        ("switching", at(Switch)),
        ("switching after a restart", after_restart(at(Switch))),
        ("testing", at(TestNew)),
        ("testing after a restart", after_restart(at(TestNew))),
        ("releasing trading", Rig::at(REBIND, Action::ReleaseTrading)),
        ("watching", at(Watch)),
        ("watching after a restart", after_restart(at(Watch))),
        ("emptying the new", going_back(at(TestNew))),
        ("holding to return", going_back(at(Watch))),
        ("stranded", stranded(going_back(at(Switch)))),
        ("committing", at(EraseOld)),
        ("testing the old", testing_the_old()),
        ("switching, released", released_at(Switch)),
        ("testing, released", released_at(TestNew)),
        ("watching, released", released_at(Watch)),
    ]);
    let expected = include_str!("rebind.txt");
    assert!(table == expected, "the table is now:\n{table}");
}

#[test]
fn the_shop_sells_again_before_it_is_watched_and_the_old_keys_go_last() {
    let mut rig = at(Switch);
    let asked = rest(&mut rig);
    let expected = [
        Action::Rebind(Switch),
        Action::Rebind(TestNew),
        Action::ReleaseTrading,
        Action::Rebind(Watch),
        Action::Rebind(EraseOld),
    ];
    assert_eq!(asked, expected);
    assert!(matches!(rig.finished, Some(Outcome::Succeeded { .. })));
}

#[test]
fn a_failed_test_empties_the_new_binding_before_it_returns_to_the_old_one() {
    let mut rig = at(TestNew);
    rig.reply(failed(Again::Pointless));
    // The hold is had still.
    assert_eq!(rest(&mut rig), BACK_TO_THE_OLD[1..]);
    assert_eq!(rolled_back(&rig), FailureCode::PosRefused);
}

#[test]
fn a_breach_while_the_shop_sells_holds_it_again_before_anything_else() {
    let mut rig = at(Watch);
    rig.reply(failed(Again::Pointless));
    assert_eq!(rest(&mut rig), BACK_TO_THE_OLD);
}

#[test]
fn people_take_it_back_while_it_is_watched_and_not_once_it_is_committed() {
    let withdrawn = || Event::Withdrawn(Outcome::Cancelled { reason: "too early".to_owned() });
    let mut rig = at(Watch);
    rig.handle(withdrawn()).expect("the shop sells, and all of it can be undone");
    assert_eq!(rest(&mut rig), BACK_TO_THE_OLD);
    assert_eq!(rolled_back(&rig), FailureCode::Withdrawn);
    for action in [Switch, TestNew, EraseOld] {
        let refused = at(action).handle(withdrawn());
        assert!(matches!(refused, Err(Refused::TooLate { .. })), "{action:?}");
    }
    assert!(released_at(Watch).handle(withdrawn()).is_err(), "there is nothing to return to");
}

#[test]
fn a_watch_of_days_survives_more_restarts_than_a_step_that_closes_the_shop_may() {
    let mut rig = at(Watch);
    for _ in 0..50 {
        rig.restart();
        rig.asks_for(Action::Rebind(Watch));
    }
    let mut rig = at(TestNew);
    for _ in 0..10 {
        rig.restart();
    }
    let failed = rig.journal.iter().any(|entry| matches!(entry, Entry::Failed { .. }));
    assert!(failed, "what brings the machine down ten times is not tried for ever");
}

#[test]
fn the_hold_of_a_way_back_is_renewed_like_any_other() {
    let mut rig = at(Watch);
    rig.reply(failed(Again::Pointless));
    rig.asks_for(Action::HoldTrading);
    rig.reply(done());
    rig.asks_for(Action::Rebind(EmptyNew));
    rig.after(31);
    rig.asks_for(Action::HoldTrading);
}

#[test]
fn a_till_that_can_return_to_neither_stops_and_does_not_sell() {
    let mut rig = stranded(going_back(at(Switch)));
    let asked = rest(&mut rig);
    assert_eq!(asked, [Action::Rebind(StopTrading)], "people are called at once");
    assert!(matches!(rig.finished, Some(Outcome::RollbackFailed { .. })));
}

#[test]
fn a_new_host_that_is_away_keeps_no_shop_from_returning_to_the_old_one() {
    let mut rig = at(TestNew);
    rig.reply(failed(Again::Pointless));
    for _ in 0..6 {
        rig.asks_for(Action::Rebind(EmptyNew));
        rig.reply(not_yet());
        wait(&mut rig, 60);
    }
    rig.asks_for(Action::Rebind(SwitchBack));
    rig.reply(done());
    rig.asks_for(Action::Rebind(TestOld));
    rig.reply(done());
    rig.asks_for(Action::Data(DataAction::DiscardExport));
    rig.reply(done());
    rig.asks_for(Action::ReleaseTrading);
    rig.reply(done());
    // The shop sells. What the new host has to be told waits for it, for hours.
    for _ in 0..500 {
        rig.asks_for(Action::Rebind(EmptyNew));
        rig.reply(not_yet());
        wait(&mut rig, 60);
    }
    assert_eq!(rest(&mut rig), BACK_TO_THE_OLD[6..]);
    assert!(matches!(rig.finished, Some(Outcome::RolledBack { .. })));
}

#[test]
fn what_the_registry_has_let_go_of_is_not_returned_to() {
    let mut rig = released_at(TestNew);
    rig.reply(failed(Again::Pointless));
    assert_eq!(rest(&mut rig), [Action::Rebind(StopTrading)]);
    assert!(matches!(rig.finished, Some(Outcome::RollbackFailed { .. })));
}

#[test]
fn nothing_is_switched_that_was_not_settled_and_saved_before() {
    for table in [REBIND, RELEASED] {
        let place = |name: &str| table.iter().position(|step| step.name == name).unwrap();
        for before in ["hold", "drain", "settle", "export", "save", "verified"] {
            assert!(place(before) < place("switch"), "{before}");
        }
        assert!(place("test") < place("release"), "nobody sells with what was not tested");
        assert!(place("watch") < place("commit"));
    }
}

/// Both tables where nothing is left but to stop the till.
fn being_stopped() -> [Rig; 2] {
    [stranded(going_back(at(Switch))), going_back(released_at(TestNew))]
}

#[test]
fn a_till_that_is_being_stopped_stays_held_until_it_has_stopped() {
    for mut rig in being_stopped() {
        let mut renewed = 0;
        for _ in 0..50 {
            rig.asks_for(Action::Rebind(StopTrading));
            rig.reply(failed(Again::Worthwhile));
            for _ in 0..6 {
                rig.after(10);
                while let Some((_, Action::HoldTrading)) = rig.asked.last() {
                    renewed += 1;
                    rig.reply(done());
                }
            }
        }
        assert!(renewed >= 50, "a lease of two minutes was renewed {renewed} times in an hour");
        assert_eq!(rest(&mut rig), [Action::Rebind(StopTrading)]);
        assert!(matches!(rig.finished, Some(Outcome::RollbackFailed { .. })));
    }
}

#[test]
fn what_stops_a_till_is_done_however_often_the_power_fails() {
    for mut rig in being_stopped() {
        for _ in 0..20 {
            rig.restart();
            // What was held may have lapsed.
            rig.asks_for(Action::HoldTrading);
            rig.reply(done());
            rig.asks_for(Action::Rebind(StopTrading));
        }
        rest(&mut rig);
        assert!(matches!(rig.finished, Some(Outcome::RollbackFailed { .. })));
    }
}

#[test]
fn a_switch_that_cannot_be_undone_is_not_gone_back_from_when_the_window_closes() {
    let mut rig = released_at(Switch);
    rig.reply(failed(Again::Worthwhile));
    rig.c.window = closed();
    wait(&mut rig, 11);
    rig.asks_for(Action::Rebind(Switch));
    rig.reply(done());
    rig.asks_for(Action::Rebind(TestNew));
    let back = rig.journal.iter().any(|entry| matches!(entry, Entry::Retreating { .. }));
    assert!(!back, "it may have happened: {:?}", rig.journal);
    // Where it can be undone, the shop gets its evening back.
    let mut rig = at(Switch);
    rig.reply(failed(Again::Worthwhile));
    rig.c.window = closed();
    wait(&mut rig, 11);
    rig.asks_for(Action::Rebind(SwitchBack));
}

#[test]
fn a_shop_that_is_closed_is_watched_on_and_judged_when_it_opens() {
    for mut rig in [at(Watch), released_at(Watch)] {
        for _ in 0..3 * 24 * 60 {
            rig.asks_for(Action::Rebind(Watch));
            // Each look may take its time until the till is known not to answer.
            rig.c.uptime += Duration::from_secs(40);
            let told = rig.reply(not_yet());
            let waits = told.iter().any(|it| matches!(it, Move::Journal(_) | Move::Finish { .. }));
            assert!(!waits, "{told:?}");
            rig.after(61);
        }
        // One that is not answered at all is asked again.
        rig.after(13 * 3600);
        rig.after(61);
        rig.asks_for(Action::Rebind(Watch));
        rig.reply(done());
        rig.asks_for(Action::Rebind(EraseOld));
    }
}

#[test]
fn a_host_that_is_away_on_the_way_back_is_waited_for_and_one_that_refuses_is_not() {
    let mut rig = testing_the_old();
    for _ in 0..700 {
        rig.asks_for(Action::Rebind(TestOld));
        let moves = rig.reply(not_yet());
        let refused = moves.iter().any(|it| matches!(it, Move::Journal(_)));
        assert!(!refused, "{:?}", rig.journal);
        wait(&mut rig, 60);
    }
    assert_eq!(rest(&mut rig), BACK_TO_THE_OLD[3..]);
    assert!(matches!(rig.finished, Some(Outcome::RolledBack { .. })));

    let mut tried = 0;
    let mut rig = testing_the_old();
    while rig.asked.last().map(|(_, action)| *action) == Some(Action::Rebind(TestOld)) {
        // That it was only not reached before is no reason to wait longer for a refusal.
        tried += 1;
        rig.reply(if tried % 2 == 0 { not_yet() } else { failed(Again::Pointless) });
        wait(&mut rig, 60);
    }
    assert_eq!(tried, 59, "thirty refusals");
    assert_eq!(rest(&mut rig), [Action::Rebind(StopTrading)]);
    assert!(matches!(rig.finished, Some(Outcome::RollbackFailed { .. })));
}

#[test]
fn a_way_back_that_does_not_get_on_says_why_it_was_begun_and_what_keeps_it() {
    let mut rig = testing_the_old();
    let said = rig.reply(not_yet());
    let Some(StepState::Undoing { detail }) = reported(&said) else { panic!("{said:?}") };
    assert_eq!(detail, "no; not undone so far: not now");
    wait(&mut rig, 60);
    assert_eq!(reported(&rig.reply(not_yet())), None, "the same is said once");
}

#[test]
fn a_till_that_cannot_be_held_sells_on_with_the_new_provider_and_is_never_stopped() {
    let withdrawn = || Event::Withdrawn(Outcome::Cancelled { reason: "too early".to_owned() });
    for reply in [not_yet(), failed(Again::Worthwhile), failed(Again::Pointless)] {
        let mut rig = at(Watch);
        rig.handle(withdrawn()).expect("the shop sells, and all of it can be undone");
        for _ in 0..3 * 24 * 60 {
            rig.asks_for(Action::HoldTrading);
            rig.reply(reply.clone());
            rig.after(61);
        }
        rig.restart();
        assert_eq!(rest(&mut rig), BACK_TO_THE_OLD);
        assert_eq!(rolled_back(&rig), FailureCode::Withdrawn);
    }
}

#[test]
fn a_commit_that_never_succeeds_is_no_success_and_stops_no_shop() {
    for mut rig in [at(EraseOld), released_at(EraseOld)] {
        let mut tried = 0;
        while rig.finished.is_none() {
            rig.asks_for(Action::Rebind(EraseOld));
            rig.reply(if tried % 2 == 0 { not_yet() } else { failed(Again::Worthwhile) });
            tried += 1;
            if rig.finished.is_none() {
                rig.after(60);
            }
        }
        assert_eq!(tried, 720, "half a day");
        let Some(Outcome::RollbackFailed { failure, .. }) = &rig.finished else {
            panic!("{:?}", rig.finished)
        };
        assert_eq!(failure.step, "commit");
    }
}

#[test]
fn a_breach_without_a_way_back_is_told_and_the_released_keys_go() {
    let mut rig = released_at(Watch);
    rig.reply(failed(Again::Pointless));
    // What is durable says the same after a power cut.
    rig.restart();
    assert_eq!(rest(&mut rig), [Action::Rebind(EraseOld)], "nobody stops the shop");
    let Some(Outcome::RollbackFailed { failure, .. }) = &rig.finished else {
        panic!("{:?}", rig.finished)
    };
    assert_eq!(failure.step, "watch");
}

#[test]
fn a_released_till_that_takes_long_to_come_back_is_waited_for() {
    let mut rig = after_restart(released_at(Switch));
    for _ in 0..30 {
        rig.asks_for(Action::Rebind(ProbeSwitch));
        rig.reply(not_yet());
        wait(&mut rig, 11);
    }
    rig.reply(found(Found::Happened));
    // What was held may have lapsed.
    wait(&mut rig, 0);
    for _ in 0..60 {
        rig.asks_for(Action::Rebind(TestNew));
        rig.reply(not_yet());
        wait(&mut rig, 30);
    }
    rig.reply(done());
    rig.asks_for(Action::ReleaseTrading);
}

#[test]
fn what_is_refused_at_a_till_that_could_not_be_held_again_is_not_refused_for_good() {
    let mut rig = after_restart(going_back(at(TestNew)));
    let mut refused = 0;
    while refused < 200 {
        match rig.asked.last() {
            Some((_, Action::Rebind(SwitchBack))) => refused += 1,
            Some((_, Action::HoldTrading | Action::Rebind(EmptyNew))) => {}
            other => panic!("{other:?} after {refused}"),
        }
        rig.reply(failed(Again::Worthwhile));
        if rig.asked.is_empty() {
            rig.after(61);
        }
    }
    let mut asked = rest(&mut rig);
    asked.retain(|action| *action != Action::HoldTrading);
    let expected = [&BACK_TO_THE_OLD[2..]].concat();
    assert_eq!(asked, expected);
}
