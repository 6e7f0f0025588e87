//! Who is answered when an order is refused, and how often.

use super::*;

#[test]
fn a_forged_order_is_counted_and_never_answered() {
    let mut desk = Desk::connected();
    let stranger = PrivateKey::from_seed(&[66; 32]);
    let genuine = desk.upgrade(1);
    let order = shared::signature::Envelope::<shared::document::Order>::from_bytes(
        genuine.order.as_slice(),
    );
    let order = order.expect("a test's own order").document;
    let forged = Parcel { order: desk.ceremony.sign(order, &[&stranger]), ..genuine };
    for _ in 0..100 {
        desk.order(&forged);
        desk.give(Input::Unreadable);
        assert_eq!((desk.last.writes.as_slice(), desk.acting()), ([].as_slice(), None));
    }
    desk.uptime += Duration::from_secs(3_600);
    desk.give(Input::TimerFired);
    let told = |write: &Write| {
        let Write::Post(Post::Telemetry(telemetry)) = write else { return None };
        Some(telemetry.messages_unreadable)
    };
    assert_eq!(desk.last.writes.iter().find_map(told), Some(200));
}

#[test]
fn a_refusal_is_told_once_under_the_terminals_key() {
    let mut desk = Desk::connected();
    let release = shared::document::Release {
        models: vec!["T900".to_owned()],
        ..Ceremony::pos_release("2.0.0", 2)
    };
    let parcel = desk.ceremony.upgrade(1, terminal(1), &release, &members());
    desk.order(&parcel);
    assert_eq!(desk.said().iter().filter_map(refused).collect::<Vec<_>>(), [Refusal::OtherModel]);
    assert_eq!(desk.receipts().map(|receipt| receipt.order).collect::<Vec<_>>(), [id_of(&parcel)]);
    desk.order(&parcel);
    assert_eq!(desk.said(), []);
}

#[test]
fn a_flood_of_orders_that_were_once_real_does_not_fill_the_outbox() {
    let mut desk = Desk::connected();
    let release = shared::document::Release {
        models: vec!["T900".to_owned()],
        ..Ceremony::pos_release("2.0.0", 2)
    };
    let mut told = 0;
    for seq in 1..=200 {
        let parcel = desk.ceremony.upgrade(seq, terminal(1), &release, &members());
        desk.order(&parcel);
        told += desk.said().len();
    }
    assert_eq!(told, 18);
}

#[test]
fn a_broker_that_moved_is_followed_only_on_the_word_of_a_fresh_answer() {
    let mut desk = Desk::connected();
    let moved = |nonce| FleetTime {
        format: FORMAT,
        terminal: terminal(1),
        nonce,
        at: NOW,
        roster_version: 1,
        epoch: 1,
        broker: "elsewhere.test:8883".to_owned(),
    };
    let tell = |desk: &mut Desk, nonce| {
        let signed = desk.ceremony.sign(moved(nonce), &[&desk.ceremony.controller]);
        desk.give(Input::Received(Down::FleetTime(signed)));
    };
    tell(&mut desk, Nonce([1; 16]));
    assert!(!desk.last.effects.contains(&Effect::Disconnect));
    desk.uptime += Duration::from_secs(2_000);
    desk.give(Input::TimerFired);
    let nonce = desk.hello.clone().expect("a hello was said").boot_nonce;
    tell(&mut desk, nonce);
    assert!(desk.last.effects.contains(&Effect::Disconnect));
    desk.give(Input::Disconnected { reason: "asked to".to_owned() });
    desk.restart();
    desk.uptime += Duration::from_secs(5);
    desk.give(Input::TimerFired);
    let connect = Effect::Connect { broker: "elsewhere.test:8883".to_owned() };
    assert!(desk.last.effects.contains(&connect), "{:?}", desk.last.effects);
}

#[test]
fn a_new_roster_is_kept_over_a_restart() {
    let mut desk = Desk::connected();
    let next = Ceremony::next_roster(&desk.ceremony.roster);
    let [first, second, _] = &desk.ceremony.root;
    let signed = desk.ceremony.sign(next, &[first, second]);
    desk.give(Input::Received(Down::Rosters(vec![signed])));
    desk.restart();
    desk.connect();
    assert_eq!(desk.hello.as_ref().map(|hello| hello.roster_version), Some(2));
}

#[test]
fn a_roster_that_was_told_of_and_did_not_come_is_asked_for_out_of_turn_once_and_told() {
    /// Lets time pass until the next hello, and says how many seconds.
    fn waits(desk: &mut Desk) -> u64 {
        let since = desk.uptime;
        desk.hello = None;
        while desk.hello.is_none() {
            desk.uptime += Duration::from_secs(1);
            desk.give(Input::TimerFired);
        }
        (desk.uptime - since).as_secs()
    }
    fn tells(desk: &mut Desk, roster_version: u64) -> Option<u64> {
        let nonce = desk.hello.as_ref().expect("a hello was said").boot_nonce;
        desk.tell_time_and_roster(nonce, 1, roster_version);
        desk.core.worries(Now { uptime: desk.uptime, rtc: NOW }).lacks_roster
    }
    let mut desk = Desk::connected();
    waits(&mut desk);
    assert_eq!(tells(&mut desk, 2), None, "it may still be on its way");
    let soon = waits(&mut desk);
    assert!((30..=37).contains(&soon), "{soon}");
    for _ in 0..3 {
        assert_eq!(tells(&mut desk, 2), Some(2));
        let patiently = waits(&mut desk);
        assert!(patiently >= 900, "{patiently}");
    }
    assert_eq!(tells(&mut desk, 1), None);
}
