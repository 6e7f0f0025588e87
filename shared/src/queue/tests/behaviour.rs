//! What commits, reads and releases do while nothing is broken.

use std::sync::mpsc::channel;

use super::*;

/// Holds the thread of the store until the sender is used, so that requests have to wait.
fn hold(store: &Store) -> std::sync::mpsc::Sender<()> {
    let (let_go, held) = channel();
    let (started, has_started) = channel();
    let look = move |_: View<'_>| {
        started.send(()).expect("the test waits");
        Ok(held.recv().is_ok())
    };
    store.read_then(look, |_| {});
    has_started.recv().expect("the store reads");
    let_go
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let mut batch = Batch::new();
    batch.put(Shelf::Journal, "job", "intended");
    batch.put(Shelf::Ledger, "order", "accepted");
    batch.push(Class::Receipt, "receipt");
    batch.enter_epoch(3);
    batch.saw_order(7);
    let committed = store.commit(batch).expect("committed");
    drop(store);

    let store = open(directory.path());
    assert_eq!(store.get(Shelf::Journal, "job").expect("readable"), Some(b"intended".to_vec()));
    assert_eq!(store.get(Shelf::Ledger, "order").expect("readable"), Some(b"accepted".to_vec()));
    assert_eq!(store.get(Shelf::Facts, "order").expect("readable"), None);
    let entry = Entry {
        seq: committed.seqs.start,
        previous: 0,
        class: Class::Receipt,
        body: b"receipt".to_vec(),
    };
    assert_eq!(queued(&store), [entry]);
    let high_water = HighWater { epoch: 3, order_seq: 7, ledger_lost: false };
    assert_eq!(store.status().high_water, high_water);
}

#[test]
fn number_256_comes_after_255() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let job = |id: u8, step: u64| Key::from([id; 16]).then(step);
    for step in [256, 1, 65_536, 255] {
        put(&store, Shelf::Journal, job(1, step), b"step");
    }
    put(&store, Shelf::Journal, job(2, 2), b"of another job");
    let found = store.scan(Shelf::Journal, job(1, 0)..=job(1, u64::MAX), 10).expect("readable");
    let numbers: Vec<_> = found.iter().filter_map(|(key, _)| key.last_number()).collect();
    assert_eq!(numbers, [1, 255, 256, 65_536]);
}

#[test]
fn a_scan_stops_at_its_limit_and_at_the_end_of_the_shelf() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    for number in 0..5_u64 {
        put(&store, Shelf::Inbox, number, &number.to_be_bytes());
        put(&store, Shelf::Journal, number, b"not this one");
    }
    let all = store.scan(Shelf::Inbox, .., usize::MAX).expect("readable");
    assert_eq!(all.len(), 5);
    let some = store.scan(Shelf::Inbox, Key::from(1)..Key::from(4), 2).expect("readable");
    let numbers: Vec<_> = some.iter().filter_map(|(key, _)| key.last_number()).collect();
    assert_eq!(numbers, [1, 2]);
    assert!(store.scan(Shelf::Inbox, .., 0).expect("readable").is_empty());
}

#[test]
fn removed_records_are_gone_and_long_ones_leave_nothing_behind() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let long = vec![7; limits::STORE_VALUE_BYTES_MAX];
    put(&store, Shelf::Facts, "roster", &long);
    assert_eq!(store.get(Shelf::Facts, "roster").expect("readable"), Some(long));
    put(&store, Shelf::Facts, "roster", b"short");
    assert_eq!(store.get(Shelf::Facts, "roster").expect("readable"), Some(b"short".to_vec()));
    let mut batch = Batch::new();
    batch.remove(Shelf::Facts, "roster");
    store.commit(batch).expect("committed");
    assert_eq!(store.get(Shelf::Facts, "roster").expect("readable"), None);
    drop(store);
    // Opening proves that no row is left over.
    open(directory.path());
}

#[test]
fn the_database_never_uses_the_files_that_it_does_not_make_durable() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    for round in 0..4_u8 {
        for number in 0..40_u64 {
            put(&store, Shelf::Inbox, number, &vec![round; limits::STORE_VALUE_BYTES_MAX]);
        }
        let blobs = directory.path().join("queue.sled/blobs");
        assert_eq!(std::fs::read_dir(blobs).expect("a directory").count(), 0);
    }
}

#[test]
fn sizes_beyond_the_limits_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let mut key = Batch::new();
    key.put(Shelf::Facts, [0; limits::STORE_KEY_BYTES_MAX + 1], "");
    let mut value = Batch::new();
    value.push(Class::Report, vec![0; limits::STORE_VALUE_BYTES_MAX + 1]);
    let mut batch = Batch::new();
    (0..3_u64).for_each(|it| batch.put(Shelf::Facts, it, vec![0; limits::MESSAGE_BYTES_MAX]));
    for (expected, batch) in [("key", key), ("value", value), ("batch", batch)] {
        let refused = store.commit(batch).expect_err("too large");
        assert!(
            matches!(refused, StoreError::TooLarge { what, .. } if what == expected),
            "{refused}"
        );
    }
    assert_eq!(store.status().commits, 0);
}

#[test]
fn commits_that_wait_share_one_barrier() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let let_go = hold(&store);
    let (answer, answers) = channel();
    for number in 0..64_u64 {
        let answer = answer.clone();
        let mut batch = Batch::new();
        batch.put(Shelf::Journal, number, "step");
        batch.push(Class::Report, "progress");
        store.commit_then(batch, move |outcome| {
            answer.send((number, outcome)).expect("the test waits");
        });
    }
    let_go.send(()).expect("the store waits");
    for expected in 0..64 {
        let (number, outcome) = answers.recv().expect("answered");
        let committed = outcome.expect("committed");
        assert_eq!(number, expected, "answers come in the order of the requests");
        assert_eq!(committed, Committed { commit: 1, seqs: expected + 1..expected + 2 });
    }
    assert_eq!(store.status().commits, 1);
}

#[test]
fn a_group_ends_before_it_becomes_too_large_for_one_barrier() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let let_go = hold(&store);
    let (answer, answers) = channel();
    for number in 0..6_u64 {
        let answer = answer.clone();
        let mut batch = Batch::new();
        batch.put(Shelf::Inbox, number, vec![0; limits::STORE_BATCH_BYTES_MAX / 2 - 1024]);
        store.commit_then(batch, move |outcome| {
            answer.send(outcome.expect("committed").commit).expect("the test waits");
        });
    }
    let_go.send(()).expect("the store waits");
    drop(answer);
    assert_eq!(answers.iter().collect::<Vec<_>>(), [1, 1, 2, 2, 3, 3]);
}

#[test]
fn too_many_waiting_requests_are_refused_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let let_go = hold(&store);
    let (answer, answers) = channel();
    for _ in 0..=REQUESTS_MAX {
        let answer = answer.clone();
        store.commit_then(Batch::new(), move |outcome| {
            answer.send(outcome).expect("the test waits");
        });
    }
    assert!(matches!(answers.recv().expect("answered"), Err(StoreError::Busy)));
    let_go.send(()).expect("the store waits");
    drop(answer);
    assert_eq!(answers.iter().filter(Result::is_ok).count(), REQUESTS_MAX);
}

#[test]
fn each_entry_names_the_one_before_it_whatever_was_dropped_or_released() {
    let directory = tempfile::tempdir().expect("a directory");
    let bounds = Bounds { records_max: 4, ..ROOMY };
    let store = Store::open(directory.path(), options(bounds)).expect("opens").store;
    let links = |store: &Store, after| -> Vec<(u64, u64)> {
        let entries = store.queued_after(after, 10).expect("readable");
        entries.iter().map(|entry| (entry.previous, entry.seq)).collect()
    };
    for class in [Class::Report, Class::Telemetry, Class::Report, Class::Receipt] {
        push(&store, class, b"body");
    }
    assert_eq!(links(&store, 0), [(0, 1), (1, 2), (2, 3), (3, 4)]);
    push(&store, Class::Report, b"drops the telemetry");
    assert_eq!(links(&store, 0), [(0, 1), (1, 3), (3, 4), (4, 5)]);
    assert_eq!(links(&store, 2), [(1, 3), (3, 4), (4, 5)]);
    assert_eq!(store.status().telemetry_dropped, 1);
    store.release_up_to(3).expect("released");
    assert_eq!(links(&store, 0), [(3, 4), (4, 5)]);
    store.release_up_to(u64::MAX).expect("released");
    push(&store, Class::Report, b"next");
    assert_eq!(links(&store, 0), [(5, 6)]);
}

#[test]
fn a_full_queue_refuses_new_work_and_still_takes_the_receipt_of_old() {
    let directory = tempfile::tempdir().expect("a directory");
    let bounds = Bounds { records_max: 4, reserve_records: 1, ..ROOMY };
    let store = Store::open(directory.path(), options(bounds)).expect("opens").store;
    for _ in 0..3 {
        push(&store, Class::Report, b"progress");
    }
    let mut acceptance = Batch::new();
    acceptance.put(Shelf::Ledger, "order", "accepted");
    acceptance.push(Class::Receipt, "accepted");
    acceptance.saw_order(9);
    acceptance.takes_on_work();
    let refused = store.commit(acceptance).expect_err("full");
    assert!(matches!(refused, StoreError::QueueFull { records: 3, .. }), "{refused}");
    assert_eq!(store.get(Shelf::Ledger, "order").expect("readable"), None);
    assert_eq!(store.status().high_water.order_seq, 0, "nothing of a refused batch remains");
    push(&store, Class::Receipt, b"outcome of an order from before");
    assert_eq!(store.status().depth.records, 4);
}

#[test]
fn a_long_queue_is_released_in_several_groups_and_answered_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    for _ in 0..10 {
        let mut batch = Batch::new();
        (0..60).for_each(|_| batch.push(Class::Report, vec![1; 1000]));
        store.commit(batch).expect("committed");
    }
    let before = store.status().commits;
    store.release_up_to(590).expect("released");
    let status = store.status();
    assert!(status.commits > before + 1, "one group would be too large for one barrier");
    assert_eq!(status.depth, Depth { records: 10, bytes: 10_000 });
    assert_eq!(status.released_seq, 590);
    assert_eq!(queued(&store).first().map(|entry| (entry.previous, entry.seq)), Some((590, 591)));
}

#[test]
fn what_was_released_gives_its_space_back() {
    const WINDOW: u64 = 1_000;
    const ENTRY_BYTES: u64 = 1_000;
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    for _ in 0..500 {
        let mut batch = Batch::new();
        (0..40).for_each(|_| batch.push(Class::Report, vec![3; ENTRY_BYTES as usize]));
        let last = store.commit(batch).expect("committed").seqs.end - 1;
        store.release_up_to(last.saturating_sub(WINDOW)).expect("released");
    }
    assert_eq!(store.status().depth.records, WINDOW);
    let log = directory.path().join("queue.sled/db");
    let on_disk = std::fs::metadata(log).expect("it exists").len();
    let allowed = 4 * WINDOW * ENTRY_BYTES + (8 << 20);
    assert!(on_disk <= allowed, "{on_disk} bytes on disk for {WINDOW} entries");
}

#[test]
fn sequence_numbers_go_on_after_reopening() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut last = 0;
    for _ in 0..5 {
        let store = open(directory.path());
        for _ in 0..3 {
            let seq = push(&store, Class::Telemetry, b"");
            assert!(seq > last);
            last = seq;
        }
    }
}

#[test]
fn a_reader_sees_everything_that_was_asked_for_before_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let mut batch = Batch::new();
    batch.put(Shelf::Facts, "version", "1");
    store.commit_then(batch, |outcome| assert!(outcome.is_ok(), "{outcome:?}"));
    assert_eq!(store.get(Shelf::Facts, "version").expect("readable"), Some(b"1".to_vec()));
}

#[test]
fn a_store_is_used_by_one_process_at_a_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let second = Store::open(directory.path(), options(ROOMY)).expect_err("it is in use");
    assert!(matches!(second, OpenError::InUse { .. }), "{second}");
    drop(store);
    open(directory.path());
}

#[test]
fn a_caller_that_panics_takes_nobody_with_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    store.commit_then(Batch::new(), |_| panic!("on purpose"));
    let read: Result<(), _> = store.read(|_| panic!("on purpose"));
    assert!(matches!(read, Err(StoreError::Closed)));
    put(&store, Shelf::Facts, "still", b"here");
}

#[test]
fn the_last_handle_may_be_dropped_by_an_answer() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let let_go = hold(&store);
    let last = store.clone();
    let (answer, answers) = channel();
    let mut batch = Batch::new();
    batch.put(Shelf::Facts, "key", "value");
    store.commit_then(batch, move |outcome| {
        drop(last);
        answer.send(outcome.is_ok()).expect("the test waits");
    });
    drop(store);
    let_go.send(()).expect("the store waits");
    assert!(answers.recv().expect("answered"));
}
