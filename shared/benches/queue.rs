//! What a durable commit costs, beside the least it could cost: the same bytes appended to a file
//! and made durable, in the same run on the same disk. The ratio is what to look at; the times
//! are those of the disk.
//!
//! `cargo bench --package shared --bench queue`

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use shared::queue::{Batch, Bounds, Class, Options, Shelf, Store};

/// Commits per line of the table, in rounds that alternate with the baseline's.
const COMMITS: usize = 2_048;
const ROUNDS: usize = 8;

fn main() {
    println!(
        "{:>9} {:>7} {:>14} {:>14} {:>6}",
        "bytes", "group", "µs per commit", "append+fsync", "ratio"
    );
    for bytes in [200, 1_000, 16_000] {
        for group in [1, 16, 64] {
            let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
            let (store, baseline) = measure(directory.path(), bytes, group);
            let ratio = store / baseline;
            println!("{bytes:>9} {group:>7} {store:>14.0} {baseline:>14.0} {ratio:>6.1}");
        }
    }
}

/// Microseconds per commit of the store, and of the baseline.
fn measure(directory: &Path, bytes: usize, group: usize) -> (f64, f64) {
    let options = Options::new(Bounds::CONTROLLER, || Duration::ZERO).disk_reserve_bytes(0);
    let store = Store::open(&directory.join("store"), options).expect("a new store").store;
    let mut log = File::create(directory.join("log")).expect("a file");
    let (mut in_store, mut in_log) = (Duration::ZERO, Duration::ZERO);
    let mut number = 0;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for _ in 0..COMMITS / ROUNDS / group {
            number = commit_group(&store, bytes, group, number);
        }
        in_store += started.elapsed();
        let started = Instant::now();
        for _ in 0..COMMITS / ROUNDS / group {
            log.write_all(&vec![7; 2 * bytes * group]).expect("written");
            log.sync_all().expect("durable");
        }
        in_log += started.elapsed();
        store.release_up_to(number).expect("released");
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / COMMITS as f64;
    (each(in_store), each(in_log))
}

/// A record and a queue entry in each commit, as a terminal writes them.
fn commit_group(store: &Store, bytes: usize, group: usize, mut number: u64) -> u64 {
    let (answer, answers) = channel();
    for _ in 0..group {
        number += 1;
        let mut batch = Batch::new();
        batch.put(Shelf::Journal, number % 1_000, vec![number as u8; bytes]);
        batch.push(Class::Report, vec![number as u8; bytes]);
        let answer = answer.clone();
        store.commit_then(batch, move |outcome| {
            answer.send(outcome.expect("committed")).expect("the benchmark waits");
        });
    }
    drop(answer);
    assert_eq!(answers.iter().count(), group);
    number
}
