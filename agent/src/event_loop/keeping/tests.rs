//! With a real store on a real disk.

use shared::digest::Digest;
use shared::document::Receipt;
use shared::document::receipt::Said;
use shared::id::{FleetId, OrderId, TerminalId};
use shared::message::{Progress, SignedBytes, StepState, Telemetry};
use shared::queue::{Bounds, Options};
use shared::signature::{self, KnownKeys};
use shared::time::{ClockConfidence, UnixTime};

use super::*;
use crate::identity::{Facts, TerminalKey};
use crate::machine;

const TERMINAL: TerminalId = TerminalId::from_bytes([1; 16]);
const FLEET: FleetId = FleetId::from_bytes([2; 16]);
const ORDER: OrderId = OrderId::from_bytes([3; 16]);

fn identity() -> Arc<Identity> {
    let facts = Facts {
        terminal: TERMINAL,
        fleet: FLEET,
        serial: "SN-1".to_owned(),
        epoch: 1,
        url: "https://unused".to_owned(),
        broker: "unused:1".to_owned(),
        roster: Digest([0; 32]),
        zone: "UTC".to_owned(),
        suspended_by: None,
        claim: None,
    };
    Arc::new(Identity {
        facts,
        key: TerminalKey::generate().unwrap(),
        certificate: String::new(),
        server_ca: String::new(),
        roster: SignedBytes::new(Vec::new()),
    })
}

fn keeper(directory: &std::path::Path, identity: &Arc<Identity>) -> Keeper {
    let options = Options::new(Bounds::TERMINAL, machine::uptime).disk_reserve_bytes(0);
    let store = Store::open(&directory.join("queue"), options).unwrap().store;
    Keeper::new(store, Arc::clone(identity), directory.to_owned(), Supplies::none())
}

fn on_one_thread<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(test)
}

fn place(shelf: Shelf, key: &str) -> Place {
    Place { shelf, key: key.as_bytes().to_vec() }
}

fn progress(ordinal: u64) -> Write {
    Write::Post(Post::Progress(Progress {
        order: ORDER,
        ordinal,
        step: "fetch".to_owned(),
        state: StepState::Running,
        at: UnixTime(0),
        bytes_done: None,
        bytes_total: None,
    }))
}

fn receipt() -> Receipt {
    Receipt {
        format: 1,
        terminal: TERMINAL,
        epoch: 1,
        order: ORDER,
        said: Said::Accepted,
        at: UnixTime(5),
        clock: ClockConfidence::FloorOnly,
    }
}

#[test]
fn what_was_kept_is_found_again_after_a_restart() {
    on_one_thread(async {
        let directory = tempfile::tempdir().unwrap();
        let identity = identity();
        let keeper = self::keeper(directory.path(), &identity);
        let put = |shelf, key| Write::Put { place: place(shelf, key), value: key.into() };
        let writes = [
            Write::EnterEpoch(4),
            Write::SawOrder { seq: 17 },
            Write::TakesOnWork,
            put(Shelf::Facts, "f"),
            put(Shelf::Journal, "j"),
            put(Shelf::Ledger, "l"),
            put(Shelf::Ledger, "gone"),
        ];
        keeper.commit(&writes).await.unwrap();
        keeper.commit(&[Write::Remove(place(Shelf::Ledger, "gone"))]).await.unwrap();
        drop(keeper);
        let stored = self::keeper(directory.path(), &identity).stored().unwrap();
        assert_eq!((stored.epoch, stored.order_seq, stored.lost), (4, 17, false));
        let kept: Vec<_> = stored.records.keys().cloned().collect();
        let expected =
            [place(Shelf::Facts, "f"), place(Shelf::Journal, "j"), place(Shelf::Ledger, "l")];
        assert_eq!(kept, expected);
        let state = stored.state.expect("it is told");
        assert_eq!((state.room, state.outbox_depth), (Room::Enough, 0));
        assert!(state.disk_free_bytes > 0);
    });
}

#[test]
fn records_travel_in_order_and_linked_until_they_are_acknowledged() {
    on_one_thread(async {
        let directory = tempfile::tempdir().unwrap();
        let keeper = keeper(directory.path(), &identity());
        for ordinal in 1..=3 {
            keeper.commit(&[progress(ordinal)]).await.unwrap();
        }
        let all = keeper.records(Sending { epoch: 7, after: 0, most: 8 }).await;
        let links: Vec<_> = all.iter().map(|r| (r.epoch, r.previous, r.seq)).collect();
        assert_eq!(links, [(7, 0, 1), (7, 1, 2), (7, 2, 3)]);
        let some = keeper.records(Sending { epoch: 7, after: 1, most: 1 }).await;
        assert_eq!(some.iter().map(|r| (r.previous, r.seq)).collect::<Vec<_>>(), [(1, 2)]);
        keeper.commit(&[Write::Acknowledged { up_to: 2 }]).await.unwrap();
        let left = keeper.records(Sending { epoch: 7, after: 0, most: 8 }).await;
        assert_eq!(left.iter().map(|r| (r.previous, r.seq)).collect::<Vec<_>>(), [(2, 3)]);
        assert_eq!(keeper.state().outbox_depth, 1);
    });
}

#[test]
fn records_are_linked_over_the_gap_that_a_restart_leaves_in_their_numbers() {
    on_one_thread(async {
        let directory = tempfile::tempdir().unwrap();
        let identity = identity();
        let before = self::keeper(directory.path(), &identity);
        before.commit(&[progress(1), progress(2)]).await.unwrap();
        drop(before);
        let after = self::keeper(directory.path(), &identity);
        after.commit(&[progress(3)]).await.unwrap();
        let all = after.records(Sending { epoch: 1, after: 0, most: 8 }).await;
        let newest = all[2].seq;
        assert!(newest > 500, "numbers are reserved in blocks: {newest}");
        for from in [2, 3, 20, 300, newest - 1] {
            let records = after.records(Sending { epoch: 1, after: from, most: 8 }).await;
            let links: Vec<_> = records.iter().map(|r| (r.previous, r.seq)).collect();
            assert_eq!(links, [(2, newest)], "after {from}");
        }
    });
}

#[test]
fn a_receipt_is_stored_and_sent_under_the_terminals_own_signature() {
    on_one_thread(async {
        let directory = tempfile::tempdir().unwrap();
        let identity = identity();
        let keeper = keeper(directory.path(), &identity);
        keeper.commit(&[Write::Post(Post::Receipt(receipt()))]).await.unwrap();
        let records = keeper.records(Sending { epoch: 1, after: 0, most: 1 }).await;
        let Body::Receipt(signed) = &records[0].body else { panic!("another body") };
        let public = identity.key.private().public();
        let keys = KnownKeys::of_terminal(public);
        let opened = signature::open::<Receipt>(signed.as_slice(), FLEET, &keys).unwrap();
        assert!(opened.signed_by.has(public));
        assert_eq!(opened.document, receipt());
    });
}

#[test]
fn an_outbox_that_fills_up_takes_no_new_work_and_still_lets_a_job_go_on() {
    on_one_thread(async {
        let directory = tempfile::tempdir().unwrap();
        let keeper = keeper(directory.path(), &identity());
        let telemetry = Telemetry {
            at: UnixTime(0),
            disk_free_bytes: 0,
            orders_refused: 0,
            messages_unreadable: 0,
            battery: None,
            till: None,
        };
        keeper.commit(&[Write::Post(Post::Telemetry(telemetry))]).await.unwrap();
        assert_eq!(keeper.state().room, Room::Enough);
        let hundred: Vec<_> = (0..100).map(progress).collect();
        for _hundred in 0..TERMINAL_QUEUE_RECORDS_MAX / 100 - 1 {
            keeper.commit(&hundred).await.unwrap();
        }
        assert_eq!(keeper.state().room, Room::Short);
        let step = Write::Put { place: place(Shelf::Journal, "step"), value: vec![1] };
        for ordinal in 0..TERMINAL_RESERVE_RECORDS + 100 {
            keeper.commit(&[progress(ordinal)]).await.unwrap();
        }
        keeper.commit(&[progress(1), step]).await.unwrap();
        let stored = keeper.stored().unwrap();
        assert!(stored.records.contains_key(&place(Shelf::Journal, "step")), "the job goes on");
        assert_eq!(stored.state.map(|state| state.outbox_dropped), Some(1), "telemetry went first");
        let last = Write::Post(Post::Receipt(receipt()));
        keeper.commit(&[last]).await.expect("a receipt has its reserve");
    });
}
