//! The changes of one group of commits, gathered before they are written.
//!
//! Several batches become one atomic write. They are taken in the order they came: a later one
//! sees what an earlier one changed. A batch that is refused leaves no trace.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use super::Bounds;
use super::batch::Batch;
use super::books::{Books, State};
use super::database::{Database, Rows};
use super::error::{DatabaseError, StoreError};
use super::record::{self, row_key, space};
use super::view::{oldest_up_to, queue_key, stored_head};

/// Entries released in one group, and their bytes. Each removal rewrites parts of pages: more of
/// them would be more than the database may write within one barrier.
const RELEASED_RECORDS_MAX: usize = 128;
const RELEASED_BYTES_MAX: u64 = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    Complete,
    /// There is more to release: ask again in the next group.
    Partial,
}

#[derive(Debug)]
pub(super) struct Draft<'a> {
    books: &'a mut Books,
    /// Bodies by head row, `None` for a removal.
    bodies: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// The state row as it is written.
    state_before: State,
}

impl<'a> Draft<'a> {
    pub(super) fn new(books: &'a mut Books) -> Self {
        let state_before = books.state;
        Self { books, bodies: BTreeMap::new(), state_before }
    }

    /// Takes a batch in, and says which sequence numbers its pushes were given.
    pub(super) fn add(&mut self, batch: Batch, bounds: &Bounds) -> Result<Range<u64>, StoreError> {
        batch.check_sizes()?;
        let admitted = self.books.admit(&batch, bounds)?;
        for seq in admitted.dropped {
            self.bodies.insert(queue_key(seq), None);
        }
        for (seq, (class, body)) in admitted.seqs.clone().zip(batch.pushes) {
            let mut stored = Vec::with_capacity(1 + body.len());
            stored.push(class.byte());
            stored.extend_from_slice(&body);
            self.bodies.insert(queue_key(seq), Some(stored));
        }
        for (shelf, key, value) in batch.writes {
            self.bodies.insert(row_key(shelf.space(), key.as_bytes()), value);
        }
        batch.keepsake.iter().for_each(|record| self.books.state.keepsake.replace(record));
        let high_water = &mut self.books.state.high_water;
        batch.enters_epoch.into_iter().for_each(|epoch| high_water.enter_epoch(epoch));
        batch.saw_order.into_iter().for_each(|seq| high_water.saw_order(seq));
        Ok(admitted.seqs)
    }

    /// Removes the oldest entries up to `seq`, as many as fit into one group. What was not
    /// durable before this group cannot have been acknowledged by anybody, and stays.
    pub(super) fn release(
        &mut self,
        database: &Database,
        seq: u64,
    ) -> Result<Release, DatabaseError> {
        let up_to = seq.min(self.state_before.last_seq);
        let mut found = Vec::new();
        let mut bytes = 0;
        let mut outcome = Release::Complete;
        oldest_up_to(database, up_to, |seq, body_bytes| {
            if found.len() == RELEASED_RECORDS_MAX || bytes >= RELEASED_BYTES_MAX {
                outcome = Release::Partial;
                return ControlFlow::Break(());
            }
            // Dropped or released earlier in this group, and still in the database.
            if !self.bodies.contains_key(&queue_key(seq)) {
                bytes += body_bytes;
                found.push((seq, body_bytes));
            }
            ControlFlow::Continue(())
        })?;
        let done_up_to = match outcome {
            Release::Complete => up_to,
            Release::Partial => found.last().map_or(0, |(seq, _)| *seq),
        };
        for (seq, body_bytes) in found {
            self.books.released(seq, body_bytes);
            self.bodies.insert(queue_key(seq), None);
        }
        let state = &mut self.books.state;
        state.released_seq = state.released_seq.max(done_up_to);
        Ok(outcome)
    }

    /// The rows to write, with the state row that speaks of them; `None` if nothing changes.
    pub(super) fn into_rows(self, database: &Database) -> Result<Option<Rows>, DatabaseError> {
        if self.bodies.is_empty() && self.books.state == self.state_before {
            return Ok(None);
        }
        self.into_rows_always(database).map(Some)
    }

    /// As [`Draft::into_rows`], with at least the state row.
    pub(super) fn into_rows_always(self, database: &Database) -> Result<Rows, DatabaseError> {
        let Self { books, bodies, .. } = self;
        let mut rows = Rows::new();
        for (head_key, body) in bodies {
            if let Some((crc, chunks)) = stored_head(database, &head_key)? {
                books.state.discount(crc);
                rows.extend((0..chunks).map(|at| (record::chunk_key(&head_key, at), None)));
            }
            match body {
                Some(body) => {
                    let encoded = record::encode(&head_key, &body);
                    books.state.count(encoded.crc);
                    // After the removals above: of two changes of one row the later one counts.
                    rows.extend(encoded.rows.into_iter().map(|(key, row)| (key, Some(row))));
                }
                None => rows.push((head_key, None)),
            }
        }
        books.state.commit();
        let state = record::encode(&[space::STATE], &books.state.encode());
        rows.extend(state.rows.into_iter().map(|(key, row)| (key, Some(row))));
        Ok(rows)
    }
}
