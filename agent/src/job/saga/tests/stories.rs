//! What must not go wrong, told one by one.

use std::collections::BTreeMap;

use super::super::super::rebind::{REBIND, RELEASED, RebindAction};
use super::super::super::restore::RESTORE;
use super::super::super::step::UNDO_ATTEMPTS;
use super::super::Unreplayable;
use super::*;
use crate::job::{DataAction, Finding, HOLD_LEASE, HOLD_RENEWAL};

fn reports(moves: &[Move]) -> Vec<(&'static str, StepState)> {
    let report = |step: &Move| match step {
        Move::Report { step, state } => Some((*step, state.clone())),
        Move::Journal(_) | Move::Act { .. } | Move::StopAct(_) | Move::Finish { .. } => None,
    };
    moves.iter().filter_map(report).collect()
}

#[test]
fn an_upgrade_ends_with_the_version_that_the_application_reported() {
    let mut rig = Rig::upgrade_at(Action::DiscardDownload);
    rig.reply(done());
    assert_eq!(rig.finished, Some(Outcome::Succeeded { now: "2.0.0".to_owned() }));
}

#[test]
fn settlement_is_asked_for_only_where_the_release_asks() {
    for asked in [false, true] {
        let mut rig = Rig::new(UPGRADE);
        rig.c.settlement_asked = asked;
        rig.due();
        rig.work_until(Action::SwitchSlot);
        let settled = |entry: &Entry| *entry == Entry::Skipped { step: "settle".to_owned() };
        assert_eq!(rig.journal.iter().any(settled), !asked);
    }
}

#[test]
fn the_controller_must_be_reached_again_only_if_it_was_connected_at_the_switch() {
    let mut offline = Rig::new(UPGRADE);
    offline.c.connected = false;
    offline.due();
    offline.work_until(Action::ProveHealth);
    // A connection that comes up later does not raise the bar.
    offline.c.connected = true;
    offline.restart();
    offline.work_until(Action::ProveHealth);
    offline.reply(proven());
    offline.asks_for(Action::CommitSlot);

    let mut online = Rig::upgrade_at(Action::ProveHealth);
    online.c.connected = false;
    online.reply(proven());
    assert_eq!(online.asked, [], "it waits to be reached");
    online.after(601);
    online.asks_for(Action::SwitchBack);
}

#[test]
fn waiting_does_not_use_up_a_steps_time() {
    let mut rig = Rig::upgrade_at(Action::Fetch);
    for _ in 0..100 {
        rig.reply(not_yet());
        assert_eq!(rig.asked, []);
        rig.after(6 * 3600);
        rig.asks_for(Action::Fetch);
    }
}

#[test]
fn busy_time_adds_up_over_attempts() {
    let mut rig = Rig::upgrade_at(Action::Stage);
    rig.c.uptime += Duration::from_secs(3_000);
    rig.reply(failed(Again::Worthwhile));
    rig.after(60);
    rig.asks_for(Action::Stage);
    rig.after(599);
    rig.asks_for(Action::Stage);
    rig.after(2);
    rig.asks_for(Action::DiscardStaged);
}

#[test]
fn a_till_that_was_asked_for_later_is_left_alone_until_then() {
    let mut rig = Rig::upgrade_at(Action::AskTill);
    let told = rig.reply(not_yet());
    let waiting = StepState::Waiting { reason: Waiting::Till, detail: "not now".to_owned() };
    assert_eq!(reports(&told), [("till", waiting)]);
    rig.after(44);
    assert_eq!(rig.asked, []);
    rig.after(1);
    rig.asks_for(Action::AskTill);
}

#[test]
fn a_step_that_waits_is_reported_as_waiting_once_however_often_it_is_tried() {
    let mut rig = Rig::upgrade_at(Action::Fetch);
    let offline =
        Reply::NotYet { waiting: Waiting::Network, detail: "no route".to_owned(), again_in: None };
    let mut told = Vec::new();
    for _ in 0..1_000 {
        told.extend(reports(&rig.reply(offline.clone())));
        told.extend(reports(&rig.after(60)));
        rig.asks_for(Action::Fetch);
    }
    assert!(matches!(told[..], [("fetch", StepState::Waiting { .. })]), "{}", told.len());
    assert_eq!(reports(&rig.reply(done())), [("verify", StepState::Running)]);
}

/// A hold a minute disturbs the shop, and a night of them fills the outbox of a terminal that is
/// offline.
#[test]
fn a_till_that_cannot_be_drained_is_held_ever_more_seldom_until_the_next_window() {
    let mut rig = Rig::upgrade_at(Action::HoldTrading);
    let left = Reply::NotYet {
        waiting: Waiting::Till,
        detail: "3 reversals wait to be sent".to_owned(),
        again_in: None,
    };
    let mut pauses = Vec::new();
    let next_pause = |rig: &mut Rig| {
        rig.work_until(Action::Drain);
        rig.reply(left.clone());
        rig.asks_for(Action::ReleaseTrading);
        rig.reply(done());
        assert_eq!(rig.asked, [], "it waits");
        let until = rig.saga.wakes_at(&rig.c).expect("it will try again");
        let pause = until - rig.c.uptime;
        rig.after(pause.as_secs());
        pause.as_secs()
    };
    (0..6).for_each(|_| pauses.push(next_pause(&mut rig)));
    assert_eq!(pauses, [60, 120, 240, 480, 900, 900]);
    rig.work_until(Action::Drain);
    rig.c.window = closed();
    rig.reply(done());
    rig.reply(done());
    rig.c.window = Answer::Yes;
    rig.after(900);
    assert_eq!(next_pause(&mut rig), 60, "the next window is a new chance");
}

#[test]
fn a_till_that_takes_longer_for_a_hold_than_it_lasts_is_not_held_without_a_pause() {
    let mut rig = Rig::upgrade_at(Action::HoldTrading);
    rig.c.uptime += HOLD_LEASE;
    rig.reply(done());
    rig.asks_for(Action::ReleaseTrading);
    rig.reply(done());
    assert_eq!(rig.asked, []);
    rig.after(59);
    assert_eq!(rig.asked, []);
    rig.after(1);
    rig.asks_for(Action::AskTill);
}

#[test]
fn a_window_that_closes_before_the_switch_lets_the_shop_sell_until_the_next() {
    let mut rig = Rig::upgrade_at(Action::Drain);
    rig.c.window = closed();
    rig.reply(done());
    rig.asks_for(Action::ReleaseTrading);
    let told = rig.reply(done());
    assert!(matches!(reports(&told)[..], [("window", StepState::Waiting { .. })]), "{told:?}");
    rig.c.window = Answer::Yes;
    rig.after(900);
    rig.asks_for(Action::AskTill);
}

#[test]
fn a_window_that_closes_after_the_switch_stops_nothing() {
    let mut rig = Rig::upgrade_at(Action::RestartApplication);
    rig.c.window = closed();
    rig.reply(done());
    rig.asks_for(Action::ProveHealth);
}

#[test]
fn the_hold_is_renewed_while_health_is_proven_and_not_after_the_release() {
    let mut rig = Rig::upgrade_at(Action::ProveHealth);
    let health = rig.asked.clone();
    for _ in 0..5 {
        rig.after(HOLD_RENEWAL.as_secs());
        rig.asks_for(Action::HoldTrading);
        rig.reply(done());
        assert_eq!(rig.asked, health, "the watch over its health goes on");
    }
    rig.work_until(Action::ReleaseTrading);
    rig.after(HOLD_RENEWAL.as_secs() + 1);
    rig.asks_for(Action::ReleaseTrading);
}

#[test]
fn trading_is_not_released_while_a_renewal_is_on_its_way() {
    let mut rig = Rig::upgrade_at(Action::CommitSlot);
    let commit = rig.asked.pop().expect("the commit is asked for");
    rig.after(HOLD_RENEWAL.as_secs());
    rig.asks_for(Action::HoldTrading);
    let (ticket, _) = commit;
    rig.handle(Event::Replied { ticket, reply: done() }).expect("the commit is waited for");
    rig.asks_for(Action::HoldTrading);
    rig.reply(done());
    rig.asks_for(Action::ReleaseTrading);
}

/// Lets the time pass in which the till answers each hold only after `slowness`, until trading is
/// to be released; for how long that took.
fn release_beside_a_slow_till(mut rig: Rig, slowness: Option<Duration>) -> u64 {
    let mut holds = BTreeMap::new();
    for second in 0..600 {
        let now = rig.c.uptime;
        match rig.asked.last() {
            Some((_, Action::ReleaseTrading)) => return second,
            Some((hold, _)) => drop(holds.entry(*hold).or_insert(now)),
            None => {}
        }
        let is_answered = |at: Duration| slowness.is_some_and(|slowness| at + slowness <= now);
        let answered: Vec<_> = holds.extract_if(.., |_, at| is_answered(*at)).collect();
        for (ticket, _) in answered {
            rig.asked.retain(|(asked, _)| *asked != ticket);
            // Nobody waits any more for an answer that comes too late.
            let _late = rig.handle(Event::Replied { ticket, reply: done() });
        }
        rig.after(1);
    }
    panic!("trading is never released: {:?}", rig.asked);
}

#[test]
fn a_till_that_is_slow_to_renew_its_hold_does_not_keep_the_shop_closed() {
    for slowness in [Some(25), Some(150), None] {
        let mut rig = Rig::upgrade_at(Action::CommitSlot);
        let (ticket, _) = rig.asked.pop().expect("the commit is asked for");
        rig.after(HOLD_RENEWAL.as_secs());
        rig.asks_for(Action::HoldTrading);
        rig.handle(Event::Replied { ticket, reply: done() }).expect("the commit is waited for");
        let took = release_beside_a_slow_till(rig, slowness.map(Duration::from_secs));
        assert!(took <= 21, "{took} s with a till that takes {slowness:?}");

        let mut rig = Rig::upgrade_at(Action::Drain);
        let (ticket, _) = rig.asked.pop().expect("draining is asked for");
        rig.after(HOLD_RENEWAL.as_secs());
        rig.asks_for(Action::HoldTrading);
        rig.handle(Event::Replied { ticket, reply: not_yet() }).expect("draining is waited for");
        let took = release_beside_a_slow_till(rig, slowness.map(Duration::from_secs));
        assert!(took <= 21, "{took} s on the way back, with a till that takes {slowness:?}");
    }
}

#[test]
fn a_hold_that_may_have_ended_is_taken_anew_before_anything_is_switched() {
    let mut rig = Rig::upgrade_at(Action::Drain);
    let (ticket, _) = rig.asked.pop().expect("draining is asked for");
    for _ in 0..30 {
        rig.after(5);
        if let Some((_, Action::HoldTrading)) = rig.asked.last() {
            rig.reply(not_yet());
        }
    }
    assert!(HOLD_LEASE < Duration::from_secs(150));
    rig.handle(Event::Replied { ticket, reply: done() }).expect("draining is waited for");
    rig.asks_for(Action::ReleaseTrading);
    rig.work_until(Action::SwitchSlot);
}

#[test]
fn after_a_restart_under_hold_the_shop_sells_and_the_job_waits_again() {
    for action in [Action::HoldTrading, Action::Drain] {
        let mut rig = Rig::upgrade_at(action);
        rig.restart();
        rig.asks_for(Action::ReleaseTrading);
        rig.reply(done());
        rig.asks_for(Action::AskTill);
    }
}

#[test]
fn after_a_restart_while_the_export_is_tidied_up_everything_under_the_hold_is_done_anew() {
    let tidy = Action::Data(DataAction::DiscardExport);
    let settle = Action::Rebind(RebindAction::SettleOld);
    let settle_first = Action::Data(DataAction::SettleFirst);
    for (table, settle) in [(REBIND, settle), (RELEASED, settle), (RESTORE, settle_first)] {
        let mut rig = Rig::at(table, Action::HoldTrading);
        rig.work_until(tidy);
        rig.restart();
        // A sale may have slipped in: it is settled and exported before anything is switched.
        rig.work_until(Action::ReleaseTrading);
        rig.reply(done());
        rig.work_until(settle);
        rig.work_until(Action::Data(DataAction::Export));
    }
}

#[test]
fn a_switch_that_did_not_happen_is_not_made_up_for_without_a_new_hold() {
    let mut rig = Rig::upgrade_at(Action::SwitchSlot);
    rig.restart();
    rig.asks_for(Action::ProbeSlot);
    rig.reply(found(Found::DidNot));
    rig.asks_for(Action::ReleaseTrading);
}

#[test]
fn a_switch_that_happened_goes_on_under_a_new_hold() {
    let mut rig = Rig::upgrade_at(Action::SwitchSlot);
    rig.restart();
    rig.reply(found(Found::Happened));
    rig.asks_for(Action::HoldTrading);
    rig.reply(done());
    rig.asks_for(Action::RestartApplication);
}

#[test]
fn a_till_that_cannot_be_held_again_stops_no_rollback() {
    let mut rig = Rig::upgrade_at(Action::ProveHealth);
    rig.reply(failed(Again::Pointless));
    rig.restart();
    rig.asks_for(Action::HoldTrading);
    rig.after(31);
    rig.asks_for(Action::SwitchBack);
}

#[test]
fn health_is_proven_anew_after_a_restart() {
    let mut rig = Rig::upgrade_at(Action::ProveHealth);
    rig.reply(proven());
    rig.restart();
    rig.asks_for(Action::HoldTrading);
    rig.reply(done());
    rig.asks_for(Action::ProveHealth);
}

#[test]
fn a_step_that_brings_the_machine_down_again_and_again_has_failed() {
    let mut rig = Rig::upgrade_at(Action::ProveHealth);
    for _ in 0..5 {
        rig.restart();
        rig.asks_for(Action::HoldTrading);
        rig.reply(done());
        rig.asks_for(Action::ProveHealth);
    }
    rig.restart();
    rig.reply(done());
    rig.asks_for(Action::SwitchBack);
}

#[test]
fn restarts_while_a_job_only_waits_do_it_no_harm() {
    let mut rig = Rig::upgrade_at(Action::AskTill);
    for _ in 0..50 {
        rig.reply(not_yet());
        rig.restart();
        rig.asks_for(Action::AskTill);
    }
}

#[test]
fn a_commit_that_fails_is_told_and_not_undone() {
    let mut rig = Rig::upgrade_at(Action::CommitSlot);
    rig.reply(failed(Again::Pointless));
    rig.asks_for(Action::ReleaseTrading);
    rig.work_until(Action::DiscardDownload);
    let moves = rig.reply(done());
    let Some(Move::Finish { outcome, evidence }) = moves.last() else { panic!("{moves:?}") };
    assert_eq!(outcome, &Outcome::Succeeded { now: "2.0.0".to_owned() });
    assert!(evidence.iter().any(|it| it.step == "commit" && it.note == "not done: no"));
}

#[test]
fn a_rollback_that_fails_still_releases_trading() {
    let mut rig = Rig::upgrade_at(Action::ProveHealth);
    rig.reply(failed(Again::Pointless));
    rig.asks_for(Action::SwitchBack);
    for _ in 0..UNDO_ATTEMPTS {
        rig.reply(failed(Again::Pointless));
        rig.after(10);
    }
    rig.work_until(Action::ReleaseTrading);
    for _ in 0..10 {
        if rig.finished.is_none() {
            rig.reply(done());
        }
    }
    let Some(Outcome::RollbackFailed { failure, undoing }) = rig.finished else {
        panic!("{:?}", rig.finished);
    };
    assert_eq!((failure.step.as_str(), undoing.step.as_str()), ("health", "switch"));
}

#[test]
fn leftovers_that_cannot_be_removed_are_noted_and_no_more() {
    let mut rig = Rig::upgrade_at(Action::Verify);
    rig.reply(failed(Again::Pointless));
    rig.asks_for(Action::DiscardDownload);
    for _ in 0..UNDO_ATTEMPTS {
        rig.reply(failed(Again::Pointless));
        if rig.finished.is_none() {
            rig.after(10);
        }
    }
    assert!(matches!(rig.finished, Some(Outcome::Failed { .. })), "{:?}", rig.finished);
}

#[test]
fn a_withdrawal_while_the_job_goes_back_to_wait_is_granted() {
    let mut rig = Rig::upgrade_at(Action::Drain);
    rig.reply(not_yet());
    let cancelled = Outcome::Cancelled { reason: "why".to_owned() };
    rig.handle(Event::Withdrawn(cancelled.clone())).expect("nothing will be disturbed");
    for _ in 0..3 {
        rig.reply(done());
    }
    assert_eq!(rig.finished, Some(cancelled));
}

#[test]
fn what_was_settled_stays_in_the_receipt_after_the_job_went_back() {
    let mut rig = Rig::new(UPGRADE);
    rig.c.settlement_asked = true;
    rig.due();
    rig.work_until(Action::Settle);
    let finding = Finding { note: "batch 12: 3 sales".to_owned(), digest: None };
    rig.c.window = closed();
    rig.reply(Reply::Done(Proof { version: None, findings: vec![finding] }));
    rig.reply(done());
    rig.c.window = Answer::Yes;
    rig.after(900);
    rig.work_until(Action::DiscardDownload);
    let moves = rig.reply(done());
    let Some(Move::Finish { evidence, .. }) = moves.last() else { panic!("{moves:?}") };
    assert!(evidence.iter().any(|it| it.note == "batch 12: 3 sales"), "{evidence:?}");
}

#[test]
fn a_journal_of_another_build_is_refused_by_name() {
    let foreign = Entry::Happened { step: "dance".to_owned(), evidence: Vec::new(), version: None };
    let refused = Saga::replay(UPGRADE, [&foreign], Ticket(0)).map(|_| ());
    assert_eq!(refused, Err(Unreplayable { step: "dance".to_owned() }));
}
