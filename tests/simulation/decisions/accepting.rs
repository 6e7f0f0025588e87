//! An order is accepted in one commit or not at all.

use agent::decide::effect::{Place, Shelf};
use agent::decide::input::{Room, StoreState};
use shared::change::{Cancel, Change, Ping};
use shared::id::BatchId;

use super::*;

fn ping(desk: &Desk, seq: u64) -> Parcel {
    let change = Change::Ping(Ping { note: "anybody there?".to_owned() });
    desk.ceremony.parcel(seq, terminal(1), change, &members())
}

fn cancel(desk: &Desk, seq: u64, batch: u8) -> Parcel {
    let batch = BatchId::from_bytes([batch; 16]);
    let change = Change::Cancel(Cancel { batch, reason: "wrong store".to_owned() });
    desk.ceremony.parcel(seq, terminal(1), change, &members())
}

#[test]
fn an_accepted_order_is_one_set_of_writes_and_nothing_begins_before_it() {
    let mut desk = Desk::connected();
    let parcel = desk.upgrade(1);
    desk.order(&parcel);
    assert_eq!(desk.said(), [Said::Accepted]);
    let writes = &desk.last.writes;
    assert!(writes.contains(&Write::TakesOnWork));
    assert!(writes.contains(&Write::SawOrder { seq: 1 }));
    for shelf in [Shelf::Facts, Shelf::Ledger, Shelf::Journal] {
        let put = |write: &Write| matches!(write, Write::Put { place, .. } if place.shelf == shelf);
        assert!(writes.iter().any(put), "nothing is kept on {shelf:?}");
    }
    assert_eq!(desk.acting(), Some(Action::Admit));
}

#[test]
fn a_ping_is_answered_at_once_while_a_job_is_under_way() {
    let mut desk = Desk::connected();
    let upgrade = desk.upgrade(1);
    desk.order(&upgrade);
    let ping = ping(&desk, 2);
    desk.order(&ping);
    let outcome = Outcome::Succeeded { now: "anybody there?".to_owned() };
    assert_eq!(desk.said(), [Said::Accepted, Said::Finished { outcome, evidence: Vec::new() }]);
    assert_eq!(desk.acting(), Some(Action::Admit), "the job goes on");
}

#[test]
fn an_order_that_comes_again_is_not_done_again_and_not_answered_while_answers_are_on_their_way() {
    let mut desk = Desk::connected();
    let parcel = desk.upgrade(1);
    desk.order(&parcel);
    desk.tell_store();
    desk.order(&parcel);
    assert_eq!((desk.said(), desk.asked.len()), (Vec::new(), 1));
}

#[test]
fn a_controller_that_forgot_the_answer_gets_the_same_one_again() {
    let mut desk = Desk::connected();
    let parcel = desk.upgrade(1);
    desk.order(&parcel);
    desk.work();
    let last = desk.receipts().last().cloned().expect("the job is over");
    assert!(matches!(finished(&last.said), Some(Outcome::Succeeded { .. })), "{last:?}");
    desk.acknowledge_everything();
    desk.order(&parcel);
    assert_eq!(desk.receipts().collect::<Vec<_>>(), [&last]);
    desk.restart();
    desk.connect();
    desk.tell_time(1);
    desk.acknowledge_everything();
    desk.order(&parcel);
    assert_eq!(desk.receipts().collect::<Vec<_>>(), [&last], "also after a restart");
}

#[test]
fn nothing_is_accepted_without_room_and_the_order_may_come_again() {
    let mut desk = Desk::connected();
    let parcel = desk.upgrade(1);
    let short = StoreState { room: Room::Short, ..desk.disk.state() };
    desk.give(Input::Store(short));
    desk.order(&parcel);
    assert_eq!((desk.said(), desk.acting()), (Vec::new(), None));
    desk.tell_store();
    desk.order(&parcel);
    assert_eq!(desk.said(), [Said::Accepted]);
}

#[test]
fn an_order_that_came_before_the_time_is_asked_for_again() {
    let mut desk = Desk::new();
    desk.connect();
    let parcel = desk.upgrade(1);
    desk.order(&parcel);
    assert_eq!(desk.said(), [], "an upgrade needs an attested time");
    let before = desk.hello.clone();
    desk.tell_time(1);
    assert_ne!(desk.hello, before, "hello asks for what is owed");
    desk.order(&parcel);
    assert_eq!(desk.said(), [Said::Accepted]);
}

#[test]
fn an_order_that_arrives_after_its_cancellation_is_not_begun() {
    let mut desk = Desk::connected();
    let (cancel, upgrade) = (cancel(&desk, 2, 1), desk.upgrade(1));
    desk.order(&cancel);
    let said = desk.said();
    assert!(matches!(finished(&said[1]), Some(Outcome::Succeeded { .. })), "{said:?}");
    desk.restart();
    desk.connect();
    desk.tell_time(1);
    desk.order(&upgrade);
    let said = desk.said();
    let reason = "wrong store".to_owned();
    assert_eq!(finished(&said[1]), Some(&Outcome::Cancelled { reason }));
    assert_eq!(desk.acting(), None);
}

#[test]
fn a_cancellation_of_what_is_over_comes_too_late() {
    let mut desk = Desk::connected();
    let (upgrade, cancel) = (desk.upgrade(1), cancel(&desk, 2, 1));
    desk.order(&upgrade);
    desk.work();
    desk.order(&cancel);
    let said = desk.said();
    let Some(Outcome::Failed { failure }) = finished(&said[1]) else { panic!("{said:?}") };
    assert_eq!(failure.code, shared::outcome::FailureCode::TooLate);
}

#[test]
fn after_a_lost_ledger_only_an_answer_to_this_runs_hello_opens_a_new_epoch() {
    let mut desk = Desk::connected();
    let old_nonce = desk.hello.clone().expect("a hello was said").boot_nonce;
    desk.disk.lose();
    desk.restart();
    desk.connect();
    assert!(desk.hello.as_ref().is_some_and(|hello| hello.ledger_lost));
    let parcel = desk.upgrade(1);
    desk.tell_time(1);
    desk.order(&parcel);
    assert_eq!(desk.said(), [], "the same epoch replaces nothing");
    desk.tell_time_for(Nonce([9; 16]), 2);
    desk.tell_time_for(old_nonce, 2);
    assert!(!desk.last.writes.contains(&Write::EnterEpoch(2)), "that may be an old one");
    desk.uptime += Duration::from_secs(2_000);
    desk.give(Input::TimerFired);
    desk.tell_time(2);
    assert!(desk.last.writes.contains(&Write::EnterEpoch(2)));
    let order = shared::document::Order { epoch: 2, ..order_of(&parcel) };
    let order = desk.ceremony.sign(order, &[&desk.ceremony.controller]);
    desk.order(&Parcel { order, ..parcel });
    assert_eq!(desk.said(), [Said::Accepted]);
}

/// What cannot be read must not void the orders of each following epoch too.
#[test]
fn a_damaged_record_loses_the_ledger_once_and_not_at_every_restart() {
    let fact = |name: &str| Place { shelf: Shelf::Facts, key: name.as_bytes().to_vec() };
    let line = Place { shelf: Shelf::Journal, key: b"ord-nonsense".to_vec() };
    let account = |id: OrderId| Place { shelf: Shelf::Ledger, key: id.to_string().into_bytes() };
    for which in 0..5 {
        let mut desk = Desk::connected();
        let parcel = desk.upgrade(1);
        desk.order(&parcel);
        match which {
            0 => desk.disk.damage(account(id_of(&parcel))),
            1 => desk.disk.damage(fact("replay")),
            2 => desk.disk.damage(fact("time")),
            3 => desk.disk.add(fact("counter-floors"), vec![0xff]),
            _ => desk.disk.add(line.clone(), vec![0xff]),
        }
        desk.restart();
        desk.connect();
        assert!(desk.hello.as_ref().is_some_and(|hello| hello.ledger_lost), "{which}");
        desk.tell_time(2);
        assert!(desk.last.writes.contains(&Write::EnterEpoch(2)), "{which}");
        desk.restart();
        desk.connect();
        assert!(desk.hello.as_ref().is_some_and(|hello| !hello.ledger_lost), "{which}");
        assert_eq!(desk.disk.shelf(Shelf::Facts).count(), 2, "the time and the replay: {which}");
    }
}

#[test]
fn a_job_of_whose_order_nothing_is_known_ends_with_a_word_to_a_person() {
    let mut desk = Desk::connected();
    let parcel = desk.upgrade(1);
    desk.order(&parcel);
    let key = id_of(&parcel).to_string().into_bytes();
    desk.disk.damage(Place { shelf: Shelf::Ledger, key });
    desk.restart();
    let said = desk.said();
    assert!(matches!(finished(&said[0]), Some(Outcome::RollbackFailed { .. })), "{said:?}");
    assert!(desk.disk.journal_is_empty());
    assert_eq!(desk.acting(), None);
}

fn order_of(parcel: &Parcel) -> shared::document::Order {
    let order = shared::signature::Envelope::from_bytes(parcel.order.as_slice());
    order.expect("a test's own order").document
}
