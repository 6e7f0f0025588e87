//! One job at a time; the others wait in the order in which they came.

use agent::decide::effect::{Place, Shelf};
use shared::document::Release;
use shared::message::StepState;
use shared::outcome::Waiting;

use super::*;

#[test]
fn jobs_are_done_one_after_the_other_in_the_order_in_which_they_came() {
    let mut desk = Desk::connected();
    let parcels: Vec<_> = (1..=3).map(|seq| desk.upgrade(seq)).collect();
    parcels.iter().for_each(|parcel| desk.order(parcel));
    let [progress] = &desk.progress()[..] else { panic!("{:?}", desk.progress()) };
    let StepState::Waiting { reason, .. } = &progress.state else { panic!("{progress:?}") };
    assert_eq!((progress.order, *reason), (id_of(&parcels[2]), Waiting::Turn));
    assert_eq!(desk.asked.len(), 1);
    desk.restart();
    desk.connect();
    desk.tell_time(1);
    assert_eq!(desk.work(), parcels.iter().map(id_of).collect::<Vec<_>>());
}

#[test]
fn a_job_that_waited_too_long_for_its_turn_expires_alone() {
    let mut desk = Desk::connected();
    let (first, second) = (desk.upgrade(1), desk.upgrade(2));
    desk.order(&first);
    desk.order(&second);
    desk.reply(Reply::Done(Proof::default()));
    desk.uptime += Duration::from_secs(25 * 3600);
    desk.give(Input::TimerFired);
    let expired: Vec<_> = desk
        .receipts()
        .filter(|receipt| finished(&receipt.said) == Some(&Outcome::Expired))
        .map(|receipt| receipt.order)
        .collect();
    // The first one had begun: what it had downloaded is discarded before it ends.
    assert_eq!(expired, [id_of(&second)]);
}

#[test]
fn progress_rises_over_restarts_so_that_late_news_is_recognised() {
    let mut desk = Desk::connected();
    let parcel = desk.upgrade(1);
    desk.order(&parcel);
    let mut ordinals = Vec::new();
    for _ in 0..4 {
        ordinals.extend(desk.progress().iter().map(|progress| progress.ordinal));
        desk.reply(Reply::Done(Proof::default()));
        ordinals.extend(desk.progress().iter().map(|progress| progress.ordinal));
        desk.restart();
    }
    assert!(ordinals.len() > 4 && ordinals.is_sorted_by(|a, b| a < b), "{ordinals:?}");
}

#[test]
fn a_long_download_says_how_far_it_is_and_not_too_often() {
    let mut desk = Desk::connected();
    let parcel = desk.upgrade(1);
    desk.order(&parcel);
    desk.reply(Reply::Done(Proof::default()));
    let ticket = desk.asked[0].ticket;
    let mut told = Vec::new();
    for second in 0..60 {
        desk.uptime += Duration::from_secs(1);
        let (bytes_done, bytes_total) = (second * 10, 1_000);
        desk.give(Input::ActionProgressed { ticket, bytes_done, bytes_total });
        told.extend(desk.progress().iter().filter_map(|progress| progress.bytes_done));
    }
    assert_eq!(told, [0, 100, 200, 300, 400, 500]);
}

#[test]
fn after_stop_outcomes_are_written_down_and_nothing_new_begins() {
    let mut desk = Desk::connected();
    let parcel = desk.upgrade(1);
    desk.order(&parcel);
    let task = desk.asked[0].clone();
    desk.give(Input::Stop);
    assert_eq!(
        desk.last.effects,
        [Effect::StopAct(task.ticket), Effect::SayGone, Effect::Disconnect]
    );
    desk.give(Input::ActionDone { ticket: task.ticket, reply: Reply::Done(Proof::default()) });
    assert!(!desk.last.writes.is_empty() && desk.last.effects.is_empty(), "{:?}", desk.last);
    let another = desk.upgrade(2);
    desk.order(&another);
    desk.give(Input::Disconnected { reason: "asked to".to_owned() });
    desk.uptime += Duration::from_secs(3_600);
    desk.give(Input::TimerFired);
    assert!(desk.last.effects.is_empty(), "{:?}", desk.last.effects);
    desk.restart();
    assert_eq!(desk.acting(), Some(Action::Fetch), "the next run goes on where this one ended");
}

/// A hole in the journal could hide that the slot was switched.
#[test]
fn a_job_whose_journal_is_damaged_anywhere_ends_with_a_word_to_a_person() {
    for line in 0..4_u64 {
        let mut desk = Desk::connected();
        let parcel = desk.upgrade(1);
        desk.order(&parcel);
        desk.reply(Reply::Done(Proof::default()));
        let key = [id_of(&parcel).to_string().as_bytes(), &line.to_be_bytes()].concat();
        desk.disk.damage(Place { shelf: Shelf::Journal, key });
        desk.restart();
        let said = desk.said();
        let outcome = said.iter().find_map(finished);
        assert!(matches!(outcome, Some(Outcome::RollbackFailed { .. })), "line {line}: {said:?}");
        assert_eq!(desk.acting(), None, "line {line}");
        desk.connect();
        assert!(desk.hello.as_ref().is_some_and(|hello| hello.ledger_lost), "line {line}");
        assert!(desk.disk.journal_is_empty(), "line {line}");
    }
}

#[test]
fn a_release_that_raises_the_floor_closes_the_way_back() {
    let mut desk = Desk::connected();
    let raising = Release { raise_floor_to: Some(5), ..Ceremony::pos_release("2.0.0", 5) };
    let parcel = desk.ceremony.upgrade(1, terminal(1), &raising, &members());
    desk.order(&parcel);
    desk.work();
    desk.restart();
    desk.connect();
    desk.tell_time(1);
    let older =
        desk.ceremony.upgrade(2, terminal(1), &Ceremony::pos_release("1.9.0", 4), &members());
    desk.order(&older);
    let refusals: Vec<_> = desk.said().iter().filter_map(refused).collect();
    assert_eq!(refusals, [Refusal::CounterTooLow]);
}
