//! Whatever happens to the files: the store opens, says what was lost, returns nothing that was
//! not written, forgets no order and gives no sequence number twice.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;

use super::database::Database;
use super::*;

/// Other damage each time, and the same on each run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// SplitMix64.
    pub(super) fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

fn files_under(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_under(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub(super) fn copy(from: &Path, to: &Path) {
    for file in files_under(from) {
        let target = to.join(file.strip_prefix(from).expect("it is below"));
        fs::create_dir_all(target.parent().expect("it has one")).expect("a directory");
        fs::copy(file, target).expect("copied");
    }
}

pub(super) fn overwrite(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
    let mut file = fs::File::create(path).expect("writable");
    file.write_all(bytes.as_ref()).expect("written");
}

fn value_of(number: u64) -> Vec<u8> {
    let bytes = if number.is_multiple_of(10) { 9_000 } else { 200 };
    number.to_be_bytes().into_iter().cycle().take(bytes).collect()
}

const RECORDS: u64 = 300;
const ORDER_SEQ: u64 = 41;

/// A store with some history: several segments, several openings, things overwritten and released.
fn store_with_history(directory: &Path) -> u64 {
    let mut last_seq = 0;
    for opening in 0..3 {
        let store = open(directory);
        for number in (0..RECORDS).filter(|number| number % 3 == opening) {
            let mut batch = Batch::new();
            batch.put(Shelf::Journal, number, value_of(number));
            batch.put(Shelf::Facts, "latest", value_of(number));
            batch.push(Class::Report, value_of(number));
            last_seq = store.commit(batch).expect("committed").seqs.start;
        }
        store.release_up_to(last_seq.saturating_sub(100)).expect("released");
    }
    let store = open(directory);
    let mut batch = Batch::new();
    batch.enter_epoch(2);
    batch.saw_order(ORDER_SEQ);
    store.commit(batch).expect("committed");
    last_seq
}

/// Checks every promise that holds however damaged the files are.
fn check_promises(directory: &Path, last_seq: u64, what: &str) -> Option<Loss> {
    let Opened { store, loss } = Store::open(directory, options(ROOMY))
        .unwrap_or_else(|error| panic!("{what}: does not open: {error}: {error:?}"));
    let journal = store.scan(Shelf::Journal, .., usize::MAX).expect("readable");
    for (key, value) in &journal {
        let number = key.last_number().expect("keys are numbers");
        assert!(number < RECORDS && *value == value_of(number), "{what}: a value nobody wrote");
    }
    let written: BTreeSet<Vec<u8>> = (0..RECORDS).map(value_of).collect();
    for entry in queued(&store) {
        assert!(entry.seq <= last_seq && written.contains(&entry.body), "{what}: {entry:?}");
    }
    let high_water = store.status().high_water;
    assert_eq!((high_water.epoch, high_water.order_seq), (2, ORDER_SEQ), "{what}: replay window");
    assert_eq!(high_water.ledger_lost, loss.is_some(), "{what}: {loss:?}");
    if loss.is_none() {
        assert_eq!(journal.len() as u64, RECORDS, "{what}: lost without a word");
        assert_eq!(queued(&store).len(), 100, "{what}: lost without a word");
    }
    let next = push(&store, Class::Report, b"after");
    assert!(next > last_seq, "{what}: {next} was given before");
    put(&store, Shelf::Journal, 1, b"works");
    loss
}

#[test]
fn two_hundred_flipped_bytes_anywhere_break_no_promise() {
    let original = tempfile::tempdir().expect("a directory");
    let last_seq = store_with_history(original.path());
    let files = files_under(original.path());
    flip_bytes(original.path(), &files, last_seq, 200);
}

/// Without a snapshot the database reads all of its log, and skips damaged parts in silence.
#[test]
fn holes_in_the_log_are_found_when_there_is_nothing_but_the_log() {
    let original = tempfile::tempdir().expect("a directory");
    let last_seq = store_with_history(original.path());
    Database::forget_what_is_derived(&original.path().join("queue.sled")).expect("removed");
    let log = original.path().join("queue.sled/db");
    flip_bytes(original.path(), &[log], last_seq, 60);
}

/// Most single bytes of a log are superseded, so how many flips are noticed is chance. This one
/// leaves no record whole, and shows that the flips of the other tests reach what the store reads.
#[test]
fn a_log_with_a_flipped_byte_in_every_record_is_told_as_a_loss() {
    let original = tempfile::tempdir().expect("a directory");
    let last_seq = store_with_history(original.path());
    let log = original.path().join("queue.sled/db");
    let mut bytes = fs::read(&log).expect("readable");
    bytes.iter_mut().step_by(100).for_each(|byte| *byte ^= 1);
    overwrite(&log, bytes);
    assert!(check_promises(original.path(), last_seq, "every record").is_some());
}

/// Flips one byte of one file at a time.
fn flip_bytes(original: &Path, files: &[PathBuf], last_seq: u64, rounds: u64) {
    let mut dice = Dice(rounds);
    let whole = |file: &&PathBuf| fs::metadata(file).expect("it exists").len() > 0;
    let files: Vec<&PathBuf> = files.iter().filter(whole).collect();
    for round in 0..rounds {
        let damaged = tempfile::tempdir().expect("a directory");
        copy(original, damaged.path());
        let file = files[dice.roll(files.len() as u64) as usize];
        let name = file.strip_prefix(original).expect("it is below");
        let mut bytes = fs::read(file).expect("readable");
        let at = dice.roll(bytes.len() as u64) as usize;
        bytes[at] ^= 1 + dice.roll(255) as u8;
        overwrite(damaged.path().join(name), bytes);
        let what = format!("round {round}, `{}` at {at}", name.display());
        check_promises(damaged.path(), last_seq, &what);
    }
}

#[test]
fn torn_and_missing_files_break_no_promise() {
    let original = tempfile::tempdir().expect("a directory");
    let last_seq = store_with_history(original.path());
    let mut dice = Dice(2);
    for file in files_under(original.path()) {
        let name = file.strip_prefix(original.path()).expect("it is below").to_owned();
        let bytes = fs::read(&file).expect("readable");
        for length in [0, bytes.len() / 2, dice.roll(bytes.len() as u64 + 1) as usize] {
            let damaged = tempfile::tempdir().expect("a directory");
            copy(original.path(), damaged.path());
            overwrite(damaged.path().join(&name), &bytes[..length]);
            let what = format!("`{}` cut to {length}", name.display());
            check_promises(damaged.path(), last_seq, &what);
        }
        let damaged = tempfile::tempdir().expect("a directory");
        copy(original.path(), damaged.path());
        fs::remove_file(damaged.path().join(&name)).expect("removed");
        check_promises(damaged.path(), last_seq, &format!("`{}` removed", name.display()));
    }
}

#[test]
fn a_lost_database_is_told_moved_aside_and_repeats_no_number() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let last = push(&store, Class::Report, b"report");
    saw_order(&store, 5);
    drop(store);
    let log = directory.path().join("queue.sled/db");
    fs::remove_file(&log).expect("removed");
    fs::create_dir(&log).expect("made");

    let Opened { store, loss } = try_open(directory.path());
    let Some(Loss::Database { moved_to, .. }) = loss else { panic!("{loss:?}") };
    assert!(moved_to.join("db").exists());
    assert!(queued(&store).is_empty());
    assert!(push(&store, Class::Report, b"report") > last);
    let high_water = HighWater { epoch: 0, order_seq: 5, ledger_lost: true };
    assert_eq!(store.status().high_water, high_water);
    assert_eq!(store.status().losses, 1);
    drop(store);

    let store = open(directory.path());
    assert!(store.status().high_water.ledger_lost, "until a new epoch");
    let mut batch = Batch::new();
    batch.enter_epoch(1);
    store.commit(batch).expect("committed");
    let high_water = HighWater { epoch: 1, order_seq: 0, ledger_lost: false };
    assert_eq!(store.status().high_water, high_water);
}

#[test]
fn a_database_that_went_back_is_kept_and_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let before = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    put(&store, Shelf::Journal, "early", b"kept");
    drop(store);
    copy(directory.path(), before.path());
    let store = open(directory.path());
    let last = push(&store, Class::Report, b"gone");
    saw_order(&store, 5);
    drop(store);
    fs::remove_dir_all(directory.path().join("queue.sled")).expect("removed");
    let database = before.path().join("queue.sled");
    copy(&database, &directory.path().join("queue.sled"));

    let Opened { store, loss } = try_open(directory.path());
    assert_eq!(loss, Some(Loss::RolledBack { commits_missing: 2 }));
    assert_eq!(store.get(Shelf::Journal, "early").expect("readable"), Some(b"kept".to_vec()));
    let high_water = HighWater { epoch: 0, order_seq: 5, ledger_lost: true };
    assert_eq!(store.status().high_water, high_water);
    assert!(push(&store, Class::Report, b"next") > last);
    drop(store);
    open(directory.path());
}

#[test]
fn a_lost_mark_is_told_and_taken_from_the_database() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let last = push(&store, Class::Report, b"report");
    saw_order(&store, 5);
    drop(store);
    for copy in ["high-water.a", "high-water.b"] {
        overwrite(directory.path().join(copy), b"rotten");
    }
    let Opened { store, loss } = try_open(directory.path());
    assert_eq!(loss, Some(Loss::HighWater));
    let high_water = HighWater { epoch: 0, order_seq: 5, ledger_lost: true };
    assert_eq!(store.status().high_water, high_water);
    assert!(push(&store, Class::Report, b"next") > last);
}

/// As [`open`], and what is kept outside.
fn keepsake(directory: &std::path::Path) -> Option<Vec<u8>> {
    try_open(directory).store.status().keepsake.record().map(<[u8]>::to_vec)
}

fn keep_outside(store: &Store, record: &[u8]) {
    let mut batch = Batch::new();
    batch.keep_outside(record);
    store.commit(batch).expect("committed");
}

#[test]
fn what_is_kept_outside_survives_the_loss_of_the_database_or_of_the_mark() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let store = open(path);
    assert_eq!(store.status().keepsake.record(), None);
    keep_outside(&store, b"suspended");
    drop(store);
    assert_eq!(keepsake(path).as_deref(), Some(&b"suspended"[..]));
    for copy in ["high-water.a", "high-water.b"] {
        overwrite(path.join(copy), b"rotten");
    }
    assert_eq!(keepsake(path).as_deref(), Some(&b"suspended"[..]), "by the database alone");
    overwrite(path.join("high-water.b"), b"rotten");
    let log = path.join("queue.sled/db");
    fs::remove_file(&log).expect("removed");
    fs::create_dir(&log).expect("made");
    assert_eq!(keepsake(path).as_deref(), Some(&b"suspended"[..]), "by one copy alone");
    let store = open(path);
    keep_outside(&store, b"sells");
    drop(store);
    assert_eq!(keepsake(path).as_deref(), Some(&b"sells"[..]));
}

#[test]
fn a_database_that_went_back_brings_back_no_older_keepsake() {
    let directory = tempfile::tempdir().expect("a directory");
    let before = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    keep_outside(&store, b"sells");
    drop(store);
    copy(directory.path(), before.path());
    let store = open(directory.path());
    keep_outside(&store, b"suspended");
    drop(store);
    fs::remove_dir_all(directory.path().join("queue.sled")).expect("removed");
    copy(&before.path().join("queue.sled"), &directory.path().join("queue.sled"));
    assert_eq!(keepsake(directory.path()).as_deref(), Some(&b"suspended"[..]));
}

#[test]
fn a_damaged_snapshot_loses_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let last_seq = store_with_history(directory.path());
    let database = directory.path().join("queue.sled");
    let snapshot = files_under(&database)
        .into_iter()
        .find(|file| file.to_string_lossy().contains("snap."))
        .expect("each opening writes one");
    overwrite(&snapshot, b"torn");
    overwrite(database.join("snap.FFFFFFFFFFFFFFFF.generating"), b"torn");
    assert_eq!(check_promises(directory.path(), last_seq, "snapshots"), None);
}

#[test]
fn a_database_that_kills_whoever_opens_it_is_moved_aside() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    saw_order(&store, 5);
    drop(store);
    overwrite(directory.path().join("opening"), [2]);
    drop(open(directory.path()));
    overwrite(directory.path().join("opening"), [3]);
    let Opened { store, loss } = try_open(directory.path());
    assert!(matches!(loss, Some(Loss::Database { .. })), "{loss:?}");
    assert_eq!(store.status().high_water.order_seq, 5);
}
