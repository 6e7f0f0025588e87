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
    while let Some((_, Action::HoldTrading)) = rig.asked.last() {
        rig.reply(done());
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
