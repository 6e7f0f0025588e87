//! Reading records: one, a range, the queue, and all of them when a store is opened.

use std::ops::{Bound, ControlFlow, RangeBounds};

use super::batch::{Class, Key, Shelf};
use super::books::{Books, State};
use super::database::Database;
use super::error::DatabaseError;
use super::record::{self, Head, row_key, space};
use super::{Depth, Entry};

/// What a queue entry's body has before what the caller gave.
const CLASS_BYTES: u64 = 1;

type RowRange = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// The store as it is between two commits: everything in it is durable.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub(super) database: &'a Database,
    pub(super) books: &'a Books,
}

impl View<'_> {
    pub fn get(&self, shelf: Shelf, key: impl Into<Key>) -> Result<Option<Vec<u8>>, DatabaseError> {
        read(self.database, &row_key(shelf.space(), key.into().as_bytes()))
    }

    /// At most `max` records of a range of keys, in key order.
    pub fn scan(
        &self,
        shelf: Shelf,
        range: impl RangeBounds<Key>,
        max: usize,
    ) -> Result<Vec<(Key, Vec<u8>)>, DatabaseError> {
        let mut found = Vec::new();
        for_each_in(self.database, rows_of(shelf, &range), max, |key, body| {
            found.push((Key::from(&key[1..]), body));
            Ok(())
        })?;
        Ok(found)
    }

    /// At most `max` entries of the queue after this sequence number, oldest first.
    pub fn queued_after(&self, seq: u64, max: usize) -> Result<Vec<Entry>, DatabaseError> {
        let mut previous = last_up_to(self.database, seq)?.unwrap_or(self.books.state.released_seq);
        let mut found = Vec::new();
        for_each_in(self.database, queue_after(seq), max, |key, stored| {
            let seq = seq_of(key)?;
            let (class, body) = class_and_body(stored)?;
            found.push(Entry { seq, previous, class, body });
            previous = seq;
            Ok(())
        })?;
        Ok(found)
    }

    pub fn depth(&self) -> Depth {
        self.books.depth()
    }
}

/// Shows sequence number and bytes of the oldest entries up to `seq`.
pub(super) fn oldest_up_to(
    database: &Database,
    seq: u64,
    mut look: impl FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<(), DatabaseError> {
    database.range(queue_up_to(seq), |key, row| {
        let head = Head::read(row).ok_or_else(|| unreadable(key))?;
        Ok(look(seq_of(key)?, (head.body_len as u64).saturating_sub(CLASS_BYTES)))
    })
}

/// Reads everything, and proves that it is exactly what the last commit left.
pub(super) fn check(database: &Database) -> Result<Books, DatabaseError> {
    let (state, state_rows) = match read(database, &[space::STATE])? {
        Some(body) => (State::decode(&body).ok_or_else(|| unreadable(&[space::STATE]))?, 1),
        None => (State::default(), 0),
    };
    let mut books = Books::new(state);
    let mut found = State::default();
    let mut chunks_expected = 0;
    for of_records in space::OF_RECORDS {
        database.range(whole(of_records), |key, row| {
            let head = Head::read(row).ok_or_else(|| unreadable(key))?;
            let body = complete(database, key, &head)?;
            found.count(head.crc);
            chunks_expected += head.chunks();
            if of_records == space::QUEUE {
                let (class, body) = class_and_body(body)?;
                books.entered(seq_of(key)?, class, body.len() as u64);
                found.last_seq = seq_of(key)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    let mut rows = 0;
    database.range((Bound::Unbounded, Bound::Unbounded), |_, _| {
        rows += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    let rows_expected = state_rows + chunks_expected + found.records as usize;
    if (found.records, found.checksums, rows) != (state.records, state.checksums, rows_expected) {
        return Err(DatabaseError::damaged(format!(
            "it holds {} records in {rows} rows where the last commit left {}, or other ones",
            found.records, state.records
        )));
    }
    if found.last_seq > state.last_seq {
        return Err(DatabaseError::damaged("the queue holds numbers that were never given"));
    }
    Ok(books)
}

/// The last entry's sequence number up to `seq`. Looks forward from ever further back: to go
/// backwards in a range links a constant of a megabyte from the database into the program.
fn last_up_to(database: &Database, seq: u64) -> Result<Option<u64>, DatabaseError> {
    const NEAR: u64 = 16;
    let mut distance = NEAR;
    loop {
        let from = seq.saturating_sub(distance);
        let range = (Bound::Included(queue_key(from)), Bound::Included(queue_key(seq)));
        let mut last = None;
        database.range(range, |key, _| {
            last = Some(seq_of(key)?);
            Ok(ControlFlow::Continue(()))
        })?;
        if last.is_some() || from == 0 {
            return Ok(last);
        }
        distance = distance.saturating_mul(NEAR);
    }
}

/// The head row as it is stored, for what replaces or removes it.
pub(super) fn stored_head(
    database: &Database,
    head_key: &[u8],
) -> Result<Option<(u32, usize)>, DatabaseError> {
    let Some(row) = database.get(head_key)? else { return Ok(None) };
    let head = Head::read(&row).ok_or_else(|| unreadable(head_key))?;
    Ok(Some((head.crc, head.chunks())))
}

fn read(database: &Database, head_key: &[u8]) -> Result<Option<Vec<u8>>, DatabaseError> {
    let Some(row) = database.get(head_key)? else { return Ok(None) };
    let head = Head::read(&row).ok_or_else(|| unreadable(head_key))?;
    complete(database, head_key, &head).map(Some)
}

fn complete(
    database: &Database,
    head_key: &[u8],
    head: &Head<'_>,
) -> Result<Vec<u8>, DatabaseError> {
    let chunks = (0..head.chunks())
        .map(|index| {
            let chunk = database.get(&record::chunk_key(head_key, index))?;
            chunk.ok_or_else(|| unreadable(head_key))
        })
        .collect::<Result<Vec<_>, _>>()?;
    head.assemble(head_key, &chunks).ok_or_else(|| unreadable(head_key))
}

fn for_each_in(
    database: &Database,
    range: RowRange,
    max: usize,
    mut look: impl FnMut(&[u8], Vec<u8>) -> Result<(), DatabaseError>,
) -> Result<(), DatabaseError> {
    let mut left = max;
    if left == 0 {
        return Ok(());
    }
    database.range(range, |key, row| {
        let head = Head::read(row).ok_or_else(|| unreadable(key))?;
        look(key, complete(database, key, &head)?)?;
        left -= 1;
        Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
}

fn rows_of(shelf: Shelf, range: &impl RangeBounds<Key>) -> RowRange {
    let row = |key: &Key| row_key(shelf.space(), key.as_bytes());
    let (first, last) = whole(shelf.space());
    let or = |bound: Bound<&Key>, edge| match bound {
        Bound::Included(key) => Bound::Included(row(key)),
        Bound::Excluded(key) => Bound::Excluded(row(key)),
        Bound::Unbounded => edge,
    };
    (or(range.start_bound(), first), or(range.end_bound(), last))
}

fn whole(space: u8) -> RowRange {
    (Bound::Included(vec![space]), Bound::Excluded(vec![space + 1]))
}

pub(super) fn queue_key(seq: u64) -> Vec<u8> {
    row_key(space::QUEUE, &seq.to_be_bytes())
}

fn queue_up_to(seq: u64) -> RowRange {
    (whole(space::QUEUE).0, Bound::Included(queue_key(seq)))
}

fn queue_after(seq: u64) -> RowRange {
    (Bound::Excluded(queue_key(seq)), whole(space::QUEUE).1)
}

fn seq_of(key: &[u8]) -> Result<u64, DatabaseError> {
    match key.split_first() {
        Some((&space::QUEUE, seq)) => seq.try_into().map(u64::from_be_bytes).ok(),
        Some(_) | None => None,
    }
    .ok_or_else(|| unreadable(key))
}

fn class_and_body(mut stored: Vec<u8>) -> Result<(Class, Vec<u8>), DatabaseError> {
    let class = stored.first().copied().and_then(Class::from_byte);
    let class = class.ok_or_else(|| DatabaseError::damaged("a queue entry has no class"))?;
    stored.remove(0);
    Ok((class, stored))
}

fn unreadable(key: &[u8]) -> DatabaseError {
    let shown: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    DatabaseError::damaged(format!("row {shown} is not what was written"))
}
