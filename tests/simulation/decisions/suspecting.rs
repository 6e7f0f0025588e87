//! Somebody at the terminal does not believe what is ordered.

use shared::message::Suspicion;

use super::*;

const NOTE: &str = "nobody told us of this";

fn suspect(desk: &mut Desk, at: i64) {
    desk.give(Input::Suspected { at: UnixTime(at), note: NOTE.to_owned() });
}

fn suspicions(desk: &Desk) -> Vec<Suspicion> {
    let posted = desk.last.writes.iter().filter_map(|write| {
        let Write::Post(Post::Suspicion(suspicion)) = write else { return None };
        Some(suspicion.clone())
    });
    posted.collect()
}

fn cancelled(desk: &Desk) -> Vec<OrderId> {
    let cancelled = desk.receipts().filter(|receipt| {
        let Some(Outcome::Cancelled { reason }) = finished(&receipt.said) else { return false };
        assert!(reason.contains(NOTE) && reason.contains("suspicious"), "{reason}");
        true
    });
    cancelled.map(|receipt| receipt.order).collect()
}

#[test]
fn everything_that_has_not_disturbed_the_shop_is_withdrawn_and_it_is_told_once() {
    let mut desk = Desk::connected();
    let parcels: Vec<_> = (1..=3).map(|seq| desk.upgrade(seq)).collect();
    parcels.iter().for_each(|parcel| desk.order(parcel));
    suspect(&mut desk, 5);
    let [told] = &suspicions(&desk)[..] else { panic!("{:?}", desk.last.writes) };
    let order = Some(id_of(&parcels[0]));
    assert_eq!(told, &Suspicion { at: UnixTime(5), order, note: NOTE.to_owned() });
    let ended: Vec<_> = parcels.iter().map(id_of).collect();
    assert_eq!(cancelled(&desk), ended);
    for _ in 0..2 {
        suspect(&mut desk, 5);
        assert_eq!(suspicions(&desk), [], "it was told");
        desk.restart();
        desk.connect();
        desk.tell_time(1);
    }
    suspect(&mut desk, 6);
    assert_eq!(suspicions(&desk).len(), 1, "another one");
    let later = desk.upgrade(4);
    desk.order(&later);
    assert!(desk.acting().is_some(), "what comes later is the controller's to freeze");
    suspect(&mut desk, 5);
    assert_eq!((suspicions(&desk), cancelled(&desk)), (vec![], vec![]), "an old report again");
}

#[test]
fn what_has_begun_to_disturb_the_shop_runs_to_its_end_and_the_others_do_not_begin() {
    let mut desk = Desk::connected();
    let (first, second) = (desk.upgrade(1), desk.upgrade(2));
    desk.order(&first);
    desk.order(&second);
    while desk.acting() != Some(Action::HoldTrading) {
        let free = Reply::Till { work: Work::Free, detail: String::new() };
        let reply = match desk.acting() {
            Some(Action::AskTill) => free,
            _ => Reply::Done(Proof::default()),
        };
        desk.reply(reply);
    }
    suspect(&mut desk, 5);
    assert_eq!(suspicions(&desk).len(), 1);
    assert_eq!(cancelled(&desk), [id_of(&second)]);
    assert_eq!(desk.work(), [id_of(&first)]);
    assert!(desk.disk.journal_is_empty());
}

#[test]
fn a_suspicion_without_any_order_is_told_too_and_a_long_note_is_cut() {
    let mut desk = Desk::connected();
    let note = "n".repeat(5_000);
    desk.give(Input::Suspected { at: UnixTime(7), note });
    let [told] = &suspicions(&desk)[..] else { panic!("{:?}", desk.last.writes) };
    assert_eq!(told.order, None);
    assert!(told.note.len() < 1_000, "{}", told.note.len());
}
