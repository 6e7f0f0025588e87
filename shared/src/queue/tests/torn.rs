//! A power cut within a commit: of the sectors that the commit changes, any may have reached the
//! disk and any may not. Afterwards the commit is there as a whole or not at all, everything
//! before it is there, and nothing is told as lost.

use std::collections::BTreeMap;
use std::fs;

use super::damage::{Dice, copy, overwrite};
use super::*;

const SECTOR: usize = 512;

/// All that the store holds, as far as its callers can tell.
type Content = (BTreeMap<Key, Vec<u8>>, Vec<Entry>, HighWater);

fn content(store: &Store) -> Content {
    let journal = store.scan(Shelf::Journal, .., usize::MAX).expect("readable");
    (journal.into_iter().collect(), queued(store), store.status().high_water)
}

#[test]
fn a_cut_within_a_commit_leaves_all_of_it_or_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let mut dice = Dice(3);
    let (mut olds, mut news) = (0, 0);
    for number in 0..45 {
        let before = tempfile::tempdir().expect("a directory");
        copy(directory.path(), before.path());
        let old = content(&store);
        commit_something(&store, number, &mut dice);
        let new = content(&store);
        for cut in 0..4 {
            let after = tempfile::tempdir().expect("a directory");
            copy(directory.path(), after.path());
            let how = tear(before.path(), after.path(), cut, &mut dice);
            let Opened { store, loss } = try_open(after.path());
            let what = format!("commit {number}, {how}");
            assert_eq!(loss, None, "{what}");
            let found = content(&store);
            assert!(found == old || found == new, "{what}: something in between");
            olds += usize::from(found == old);
            news += usize::from(found == new);
        }
    }
    assert!(olds > 20 && news > 3, "{olds} cuts came before the commit, {news} after it");
}

fn commit_something(store: &Store, number: u64, dice: &mut Dice) {
    if number % 11 == 10 {
        let newest = queued(store).last().map_or(0, |entry| entry.seq);
        store.release_up_to(newest.saturating_sub(30)).expect("released");
        return;
    }
    let mut batch = Batch::new();
    for _ in 0..dice.roll(8) {
        let bytes = if dice.roll(6) == 0 { 20_000 } else { 300 };
        batch.put(Shelf::Journal, dice.roll(200), vec![number as u8; bytes]);
        batch.push(Class::Report, vec![number as u8; dice.roll(500) as usize]);
    }
    batch.remove(Shelf::Journal, dice.roll(200));
    batch.put(Shelf::Journal, 1_000, number.to_be_bytes());
    if number.is_multiple_of(3) {
        batch.saw_order(number);
    }
    store.commit(batch).expect("committed");
}

/// Puts some of the old sectors back: the first ones, the last ones, or any.
fn tear(before: &Path, after: &Path, cut: u64, dice: &mut Dice) -> String {
    let log = "queue.sled/db";
    let old = fs::read(before.join(log)).unwrap_or_default();
    let mut new = fs::read(after.join(log)).expect("readable");
    let changed: Vec<usize> = (0..new.len().div_ceil(SECTOR))
        .filter(|sector| part(&old, *sector) != part(&new, *sector))
        .collect();
    let point = dice.roll(changed.len() as u64 + 1) as usize;
    let undone: Vec<usize> = match cut {
        0 | 1 => changed[point..].to_vec(),
        2 => changed[..point].to_vec(),
        _ => changed.into_iter().filter(|_| dice.roll(2) == 0).collect(),
    };
    for sector in &undone {
        let end = new.len().min((sector + 1) * SECTOR);
        let mut kept = part(&old, *sector).to_vec();
        kept.resize(end - sector * SECTOR, 0);
        new[sector * SECTOR..end].copy_from_slice(&kept);
    }
    overwrite(after.join(log), &new);
    // The mark is written after the database is durable.
    for mark in ["high-water.a", "high-water.b"] {
        fs::copy(before.join(mark), after.join(mark)).expect("copied");
    }
    format!("cut {cut} at {point}, {} sectors undone", undone.len())
}

fn part(bytes: &[u8], sector: usize) -> &[u8] {
    let start = bytes.len().min(sector * SECTOR);
    &bytes[start..bytes.len().min(start + SECTOR)]
}
