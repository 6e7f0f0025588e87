//! A commit that was acknowledged survives a power cut.
//!
//! The model: what the kernel has handed to the block device survives, nothing else does. Devices
//! that reorder or forget what they took are worse than that: passing is necessary and no more.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use shared::queue::{Batch, Bounds, Class, Loss, Options, Shelf, Store};

use crate::disk::Disk;

/// After how many acknowledged commits the power is cut.
const MOMENTS: [u64; 5] = [1, 10, 100, 1_000, 3_000];

#[test]
fn every_acknowledged_record_survives_a_power_cut() {
    for (moment, found) in cut_power(Barrier::PowerCut, 200, &MOMENTS) {
        assert_eq!(found.loss, None, "after {moment} commits");
        assert_eq!(found.journal, moment, "after {moment} commits");
        assert_eq!(found.queue, moment, "after {moment} commits");
    }
}

/// Without the database, so that it is the mark itself which is looked at.
#[test]
fn the_high_water_mark_survives_a_power_cut() {
    let moments = [1, 2, 63, 64, 65, 500];
    with_copies(Barrier::PowerCut, Content::Orders, 200, &moments, |directory, moment| {
        fs::remove_dir_all(directory.join("queue.sled")).expect("it was there");
        let found = look(directory, moment, 200);
        assert!(matches!(found.loss, Some(Loss::RolledBack { .. })), "{:?}", found.loss);
        assert_eq!(found.order_seq, moment, "after {moment} commits");
        assert!(found.next_seq > moment, "after {moment} commits, {} again", found.next_seq);
    });
}

/// Large values take another way through the database.
#[test]
fn large_records_survive_a_power_cut_like_small_ones() {
    let moments = [1, 10, 100];
    for (moment, found) in cut_power(Barrier::PowerCut, 48 * 1024, &moments) {
        assert_eq!(found.loss, None, "after {moment} commits");
        assert_eq!((found.journal, found.queue), (moment, moment), "after {moment} commits");
    }
}

/// The proof that the tests above can fail: without the barrier, the same cut loses records, and
/// the store that finds out says so.
#[test]
fn without_the_barrier_a_power_cut_loses_acknowledged_records() {
    for (moment, found) in cut_power(Barrier::FlushOnly, 200, &MOMENTS) {
        assert!(found.journal < moment, "nothing is missing after {moment} commits");
        assert!(found.queue < moment, "nothing is missing after {moment} commits");
    }
}

#[derive(Clone, Copy)]
enum Barrier {
    PowerCut,
    FlushOnly,
}

#[derive(Clone, Copy)]
enum Content {
    Records,
    /// Each commit also raises the high-water mark.
    Orders,
}

/// What the store on a copy of the disk holds.
#[derive(Debug)]
struct Found {
    journal: u64,
    queue: u64,
    order_seq: u64,
    /// What the next entry of the queue was given.
    next_seq: u64,
    loss: Option<Loss>,
}

/// Cuts the power at these moments, and looks at what is left.
fn cut_power(barrier: Barrier, bytes: usize, moments: &[u64]) -> Vec<(u64, Found)> {
    let mut found = Vec::new();
    with_copies(barrier, Content::Records, bytes, moments, |directory, moment| {
        found.push((moment, look(directory, moment, bytes)));
    });
    found
}

/// Shows the directory of the store on the disk as each cut left it.
fn with_copies(
    barrier: Barrier,
    content: Content,
    bytes: usize,
    moments: &[u64],
    mut show: impl FnMut(&Path, u64),
) {
    let barrier = match barrier {
        Barrier::PowerCut => "power-cut",
        Barrier::FlushOnly => "flush-only",
    };
    let content = match content {
        Content::Records => "records",
        Content::Orders => "orders",
    };
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Disk::make(directory.path(), "disk", 192 << 20);
    let written = Command::new(env!("CARGO_BIN_EXE_power-cut-writer"))
        .args([&disk.path().join("store"), &disk.image, directory.path()])
        .args([barrier, content, &bytes.to_string()])
        .args(moments.iter().map(u64::to_string))
        .output()
        .expect("the writer starts");
    let said = String::from_utf8_lossy(&written.stderr);
    assert!(written.status.success(), "the writer failed: {said}");
    for moment in moments {
        let copy = Disk::mount(directory.path().join(format!("{moment}.img")));
        show(&copy.path().join("store"), *moment);
    }
}

/// Opens the store and counts the records that are there as they were written.
fn look(directory: &Path, moment: u64, bytes: usize) -> Found {
    let options = Options::new(Bounds::CONTROLLER, || Duration::ZERO).disk_reserve_bytes(0);
    let opened = Store::open(directory, options).expect("a store opens after a power cut");
    let value_of =
        |number: u64| -> Vec<u8> { number.to_be_bytes().into_iter().cycle().take(bytes).collect() };
    let mut journal = 0;
    for number in 1..=moment {
        let value = opened.store.get(Shelf::Journal, number).expect("readable");
        if let Some(value) = value {
            assert_eq!(value, value_of(number), "record {number} is not what was written");
            journal += 1;
        }
    }
    let mut queue = 0;
    let mut after = 0;
    loop {
        let entries = opened.store.queued_after(after, 64).expect("readable");
        let Some(last) = entries.last() else { break };
        after = last.seq;
        for entry in entries {
            assert_eq!(entry.body, value_of(entry.seq), "entry {} is another", entry.seq);
            queue += 1;
        }
    }
    let order_seq = opened.store.status().high_water.order_seq;
    let mut batch = Batch::new();
    batch.push(Class::Report, "next");
    let next_seq = opened.store.commit(batch).expect("committed").seqs.start;
    Found { journal, queue, order_seq, next_seq, loss: opened.loss }
}
