//! The store as its callers see it. Power cuts and full disks need a file system of their own:
//! they are in the `faults` suite.

mod behaviour;
mod damage;
mod model;
mod torn;

use super::*;
use crate::limits;

const ROOMY: Bounds =
    Bounds { records_max: 10_000, bytes_max: 64 << 20, reserve_records: 0, reserve_bytes: 0 };

fn options(bounds: Bounds) -> Options {
    Options::new(bounds, || Duration::ZERO).disk_reserve_bytes(0)
}

fn try_open(directory: &Path) -> Opened {
    Store::open(directory, options(ROOMY)).expect("a store opens whatever it finds")
}

/// Opens a store that has lost nothing.
fn open(directory: &Path) -> Store {
    let opened = try_open(directory);
    assert_eq!(opened.loss, None);
    opened.store
}

fn put(store: &Store, shelf: Shelf, key: impl Into<Key>, value: &[u8]) {
    let mut batch = Batch::new();
    batch.put(shelf, key, value);
    store.commit(batch).expect("committed");
}

fn push(store: &Store, class: Class, body: &[u8]) -> u64 {
    let mut batch = Batch::new();
    batch.push(class, body);
    store.commit(batch).expect("committed").seqs.start
}

fn saw_order(store: &Store, seq: u64) {
    let mut batch = Batch::new();
    batch.saw_order(seq);
    store.commit(batch).expect("committed");
}

fn queued(store: &Store) -> Vec<Entry> {
    store.queued_after(0, usize::MAX).expect("readable")
}
