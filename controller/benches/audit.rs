//! What the audit log costs: the chain and the tree over a million entries in memory, beside one
//! SHA-256 of each record in the same run, and the tree as it grows from a registry in a file. The
//! ratio is what to look at; a file's times are those of the disk.
//!
//! `cargo bench --package controller --bench audit`

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::sync::Arc;
use std::time::Instant;

use controller::audit::Log;
use controller::background::Progress;
use controller::delivery::Signer;
use controller::registry::audit::{AuditEntry, By};
use controller::registry::{self, Registry};
use shared::digest::Digest;
use shared::id::FleetId;
use shared::log_tree::{self, Edge};
use shared::signature::PrivateKey;
use shared::time::UnixTime;

const IN_MEMORY: u64 = 1_000_000;
const IN_A_FILE: u64 = 20_000;

fn by(number: u64) -> By {
    let why = format!("decision {number}");
    By { who: "operator".to_owned(), why, at: UnixTime(1_800_000_000) }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("{:<34} {:>10} {:>12} {:>8}", "", "entries", "per second", "ratio");
    let (hashed, grown) = in_memory();
    line("one SHA-256 of each record", IN_MEMORY, hashed, None);
    line("chain and tree, in memory", IN_MEMORY, grown, Some(grown / hashed));
    let (noted, grown) = in_a_file().await;
    line("decided, each durable, SQLite", IN_A_FILE, noted, None);
    line("into the tree and signed, SQLite", IN_A_FILE, grown, Some(grown / noted));
    let longest = (0..IN_MEMORY).map(|at| log_tree::inclusion(at, IN_MEMORY));
    let longest = longest.map(|path| path.map_or(0, |path| path.len())).max().unwrap_or(0);
    println!("\nlongest proof of one of {IN_MEMORY} entries: {longest} digests");
}

fn line(what: &str, entries: u64, seconds: f64, ratio: Option<f64>) {
    let rate = entries as f64 / seconds;
    let ratio = ratio.map_or_else(String::new, |it| format!("{it:.2}"));
    println!("{what:<34} {entries:>10} {rate:>12.0} {ratio:>8}");
}

/// Seconds for as many digests, and for as many entries.
fn in_memory() -> (f64, f64) {
    let record = vec![7; 160];
    let started = Instant::now();
    let mut sum = Digest::of(&[]);
    for _ in 0..IN_MEMORY {
        sum = Digest::of_parts(&[&sum.0, &record]);
    }
    let hashed = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let (mut edge, mut newest) = (Edge::default(), None);
    for number in 0..IN_MEMORY {
        let entry = AuditEntry::after(newest, &by(number), "looked", "terminal");
        newest = Some((entry.seq, entry.digest));
        edge.push(entry.leaf());
    }
    assert_ne!(edge.root(), sum, "neither is left out");
    (hashed, started.elapsed().as_secs_f64())
}

/// Seconds until so many entries were decided, and until all were in the tree.
async fn in_a_file() -> (f64, f64) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let file = directory.path().join("registry.sqlite");
    let registry = registry::open(&format!("sqlite:{}", file.display())).await.expect("a file");
    registry.migrate().await.expect("a new schema");
    let started = Instant::now();
    for number in 0..IN_A_FILE {
        registry.note("looked", "terminal", &by(number)).await.expect("it is written");
    }
    let noted = started.elapsed().as_secs_f64();
    let signer = Signer::new(FleetId::from_bytes([1; 16]), PrivateKey::from_seed(&[1; 32]));
    let log = Log::new(Arc::<dyn Registry>::clone(&registry), Arc::new(signer));
    let started = Instant::now();
    while log.step(UnixTime(1_800_000_000)).await.expect("it grows") == Progress::MoreToDo {}
    (noted, started.elapsed().as_secs_f64())
}
