//! A full disk: nothing that was acknowledged is lost, what is refused is refused by name, and
//! the store goes on by itself when there is room again.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use harness::wait::wait_for;
use shared::queue::{
    Batch, Bounds, Class, DatabaseError, Health, OpenError, Opened, Options, Shelf, Store,
    StoreError,
};

use crate::disk::Disk;

const VALUE_BYTES: usize = 2_000;

const LOCK_PATIENCE: Duration = Duration::from_secs(30);

/// A clock that is moved by hand.
#[derive(Clone, Default)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::Relaxed);
    }

    fn options(&self, disk_reserve_bytes: u64) -> Options {
        let seconds = Arc::clone(&self.0);
        let now = move || Duration::from_secs(seconds.load(Ordering::Relaxed));
        Options::new(Bounds::TERMINAL, now).disk_reserve_bytes(disk_reserve_bytes)
    }
}

/// What fills the disk.
pub(crate) struct Ballast<'a>(&'a Path);

impl<'a> Ballast<'a> {
    /// Leaves `free` bytes, as good as the file system can.
    ///
    /// A file system keeps back room for what it writes later, as long as it does not know how
    /// much that is: only when nothing more goes in after everything is written is the disk full.
    pub(crate) fn leaving(path: &'a Path, free: usize) -> Self {
        let mut file = File::create(path).expect("room for a name");
        while fill(&mut file) > 0 {
            file.sync_all().expect("the blocks are there");
        }
        let filled = file.metadata().expect("it exists").len();
        file.set_len(filled.saturating_sub(free as u64)).expect("shorter");
        file.sync_all().expect("the blocks are there");
        Self(path)
    }
}

/// Writes until there is no room; says how many bytes found some.
fn fill(file: &mut File) -> usize {
    let step = [0; 4096];
    let mut written = 0;
    loop {
        match file.write(&step) {
            Ok(0) => return written,
            Ok(more) => written += more,
            Err(full) if full.kind() == ErrorKind::StorageFull => return written,
            Err(error) => panic!("after {written} bytes: {error}"),
        }
    }
}

impl Drop for Ballast<'_> {
    /// Room that was given back is there for others once the file system has it in its journal;
    /// and a removed file keeps its room as long as a program that another test is starting
    /// holds a copy of it. So it is emptied first, and that is written.
    fn drop(&mut self) {
        let file = File::options().write(true).open(self.0).expect("it was there");
        file.set_len(0).expect("nothing is in it");
        file.sync_all().expect("the room is given back");
        fs::remove_file(self.0).expect("it was there");
    }
}

fn record(number: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put(Shelf::Journal, number, value_of(number));
    batch.push(Class::Receipt, value_of(number));
    batch
}

fn value_of(number: u64) -> Vec<u8> {
    number.to_be_bytes().into_iter().cycle().take(VALUE_BYTES).collect()
}

/// Commits until the store refuses; says which number it refused, and why.
fn commit_until_refused(store: &Store, from: u64) -> (u64, StoreError) {
    let mut number = from;
    loop {
        if let Err(refused) = store.commit(record(number)) {
            return (number, refused);
        }
        number += 1;
        assert!(number < from + 10_000, "this disk does not fill");
    }
}

fn assert_all_there(store: &Store, numbers: std::ops::Range<u64>, when: &str) {
    for number in numbers {
        let value = store.get(Shelf::Journal, number).expect("readable");
        assert_eq!(value, Some(value_of(number)), "{number}, {when}");
    }
}

#[test]
fn a_full_disk_loses_nothing_and_the_reserve_lets_old_work_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Disk::make(directory.path(), "full", 48 << 20);
    let clock = Clock::default();
    let place = disk.path().join("store");
    let store = Store::open(&place, clock.options(8 << 20)).expect("room enough").store;
    let ballast_path = disk.path().join("ballast");
    let ballast = Ballast::leaving(&ballast_path, 3 << 20);

    let (refused_number, refused) = commit_until_refused(&store, 1);
    assert!(matches!(refused, StoreError::DiskFull { .. }), "{refused:?}");
    assert!(refused_number > 10);
    let mut telemetry = Batch::new();
    telemetry.push(Class::Telemetry, "not now");
    let mut acceptance = Batch::new();
    acceptance.takes_on_work();
    for batch in [telemetry, acceptance] {
        let refused = store.commit(batch).expect_err("the disk is low");
        assert!(matches!(refused, StoreError::LowSpace { .. }), "{refused:?}");
    }
    assert_eq!(store.status().health, Health::LowSpace);
    store.commit(record(refused_number)).expect("the reserve is there for this");
    let (second_refused, refused) = commit_until_refused(&store, refused_number + 1);
    assert!(matches!(refused, StoreError::DiskFull { .. }), "{refused:?}");
    let early = store.commit(record(second_refused)).expect_err("there is still no room");
    assert!(matches!(early, StoreError::DiskFull { .. }), "{early:?}");

    drop(ballast);
    clock.advance(Duration::from_secs(3600));
    store.commit(record(second_refused)).expect("there is room");
    assert_eq!(store.status().health, Health::Ready);
    assert!(place.join("reserve").exists(), "the reserve is filled again");
    assert_all_there(&store, 1..second_refused + 1, "after the disk had room again");
    drop(store);
    let Opened { store, loss } = reopened(&place, &clock, 8 << 20);
    assert_eq!(loss, None);
    assert_all_there(&store, 1..second_refused + 1, "after reopening");
}

/// Another test may start a program at any time, which holds a copy of every lock of this process
/// for the instant until it has begun.
fn reopened(place: &Path, clock: &Clock, reserve_bytes: u64) -> Opened {
    let opened = wait_for("the lock of the store is free", LOCK_PATIENCE, || {
        match Store::open(place, clock.options(reserve_bytes)) {
            Err(busy @ OpenError::InUse { .. }) => Err(busy),
            other => Ok(other),
        }
    });
    opened.expect("it is closed").expect("opens")
}

/// The space ends at another write each time: while the store is made, opened, grows, or marks.
#[test]
fn wherever_the_space_ends_everything_acknowledged_is_there_afterwards() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Disk::make(directory.path(), "small", 24 << 20);
    let mut opened_and_filled = 0;
    for free_kib in (0..1_600).step_by(36) {
        let place = disk.path().join(format!("store-{free_kib}"));
        let clock = Clock::default();
        let ballast_path = disk.path().join("ballast");
        let ballast = Ballast::leaving(&ballast_path, free_kib * 1024);
        let mut acknowledged = 1..1;
        match Store::open(&place, clock.options(0)) {
            Ok(Opened { store, .. }) => {
                let (refused, why) = commit_until_refused(&store, 1);
                assert!(matches!(why, StoreError::DiskFull { .. }), "{free_kib} KiB: {why:?}");
                acknowledged = 1..refused;
                opened_and_filled += 1;
                drop(ballast);
                clock.advance(Duration::from_secs(3600));
                store.commit(record(refused)).expect("there is room again");
                assert_all_there(&store, acknowledged.clone(), "in the same process");
            }
            Err(OpenError::Prepare { source, .. } | OpenError::Mark { source, .. })
                if source.kind() == std::io::ErrorKind::StorageFull =>
            {
                drop(ballast)
            }
            Err(OpenError::Database { source: DatabaseError::NoSpace { .. }, .. }) => {
                drop(ballast);
            }
            Err(other) => panic!("{free_kib} KiB: {other}: {other:?}"),
        }
        let Opened { store, loss } = reopened(&place, &clock, 0);
        assert_eq!(loss, None, "{free_kib} KiB");
        assert_all_there(&store, acknowledged, &format!("with {free_kib} KiB free"));
        drop(store);
        fs::remove_dir_all(&place).expect("removed");
    }
    assert!(opened_and_filled > 10, "only {opened_and_filled} stores were ever opened");
}
