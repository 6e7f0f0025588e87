//! The store's bookkeeping: what is kept in the one state row, and what is counted beside it.
//!
//! Pure: it decides who gets which sequence number, who is dropped and who is refused. The state
//! row is written with every commit, so it always speaks of exactly the records that are there:
//! their number, and the sum of their checksums. A database that has lost, kept or brought back
//! anything else is found out when it is opened.

use std::collections::VecDeque;
use std::ops::Range;

use super::batch::{Batch, Class};
use super::error::StoreError;
use super::keepsake::Keepsake;
use super::mark::{HighWater, Mark};
use super::{Bounds, Depth};

/// The state row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) commits: u64,
    pub(super) losses: u64,
    pub(super) high_water: HighWater,
    /// The last sequence number of the queue that was given away.
    pub(super) last_seq: u64,
    /// Sequence numbers up to here may be given away without touching the mark.
    pub(super) reserved_seq: u64,
    /// Everything up to here was acknowledged.
    pub(super) released_seq: u64,
    /// Telemetry that was dropped to make room, ever.
    pub(super) telemetry_dropped: u64,
    /// Records on the shelves and in the queue, and the sum of their checksums.
    pub(super) records: u64,
    pub(super) checksums: u64,
    pub(super) keepsake: Keepsake,
}

/// Sequence numbers reserved at once, so that the mark is not written for every record.
const SEQ_BLOCK: u64 = 1024;

const STATE_VERSION: u8 = 2;
/// Without the keepsake, which is as long as it is.
const STATE_BYTES: usize = 1 + 2 * 8 + 4 + 8 + 1 + 6 * 8;

impl State {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(STATE_BYTES);
        bytes.push(STATE_VERSION);
        bytes.extend_from_slice(&self.commits.to_be_bytes());
        bytes.extend_from_slice(&self.losses.to_be_bytes());
        bytes.extend_from_slice(&self.high_water.epoch.to_be_bytes());
        bytes.extend_from_slice(&self.high_water.order_seq.to_be_bytes());
        bytes.push(u8::from(self.high_water.ledger_lost));
        for number in [
            self.last_seq,
            self.reserved_seq,
            self.released_seq,
            self.telemetry_dropped,
            self.records,
            self.checksums,
        ] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        self.keepsake.encode(&mut bytes);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (numbers, keepsake) = bytes.split_at_checked(STATE_BYTES)?;
        let (version, mut rest) = numbers.split_first()?;
        if *version != STATE_VERSION {
            return None;
        }
        let mut number = |bytes: usize| {
            let (field, after) = rest.split_at_checked(bytes)?;
            rest = after;
            Some(field.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
        };
        Some(Self {
            commits: number(8)?,
            losses: number(8)?,
            high_water: HighWater {
                epoch: u32::try_from(number(4)?).ok()?,
                order_seq: number(8)?,
                ledger_lost: number(1)? != 0,
            },
            last_seq: number(8)?,
            reserved_seq: number(8)?,
            released_seq: number(8)?,
            telemetry_dropped: number(8)?,
            records: number(8)?,
            checksums: number(8)?,
            keepsake: Keepsake::decode(keepsake)?,
        })
    }

    /// What goes into the two files outside the database.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            high_water: self.high_water,
            queue_reserved: self.reserved_seq,
            commits: self.commits,
            losses: self.losses,
            keepsake: self.keepsake,
        }
    }

    /// Counts a commit, and reserves sequence numbers if the last ones were given away.
    pub(super) fn commit(&mut self) {
        self.commits += 1;
        if self.last_seq > self.reserved_seq {
            self.reserve_block();
        }
    }

    pub(super) fn reserve_block(&mut self) {
        self.reserved_seq = self.last_seq + SEQ_BLOCK;
    }

    pub(super) fn count(&mut self, crc: u32) {
        self.records += 1;
        self.checksums = self.checksums.wrapping_add(u64::from(crc));
    }

    pub(super) fn discount(&mut self, crc: u32) {
        self.records = self.records.saturating_sub(1);
        self.checksums = self.checksums.wrapping_sub(u64::from(crc));
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Books {
    pub(super) state: State,
    depth: Depth,
    /// What may be dropped, oldest first: sequence number and bytes.
    telemetry: VecDeque<(u64, u64)>,
}

/// What became of the pushes of one batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Admitted {
    /// The numbers they were given, in order.
    pub(super) seqs: Range<u64>,
    /// The telemetry that has to go.
    pub(super) dropped: Vec<u64>,
}

impl Books {
    pub(super) fn new(state: State) -> Self {
        Self { state, ..Self::default() }
    }

    pub(super) fn depth(&self) -> Depth {
        self.depth
    }

    /// Counts an entry that is in the queue; called in order of sequence numbers.
    pub(super) fn entered(&mut self, seq: u64, class: Class, bytes: u64) {
        self.depth.records += 1;
        self.depth.bytes += bytes;
        if class == Class::Telemetry {
            self.telemetry.push_back((seq, bytes));
        }
    }

    /// Gives numbers to what a batch pushes, and says who has to make room; or refuses, and then
    /// nothing has changed.
    pub(super) fn admit(&mut self, batch: &Batch, bounds: &Bounds) -> Result<Admitted, StoreError> {
        let drops = self.drops_needed(batch, bounds)?;
        let dropped: Vec<u64> = self
            .telemetry
            .drain(..drops)
            .map(|(seq, bytes)| {
                self.depth.records -= 1;
                self.depth.bytes -= bytes;
                seq
            })
            .collect();
        self.state.telemetry_dropped += dropped.len() as u64;
        let first = self.state.last_seq + 1;
        for (seq, (class, body)) in (first..).zip(&batch.pushes) {
            self.entered(seq, *class, body.len() as u64);
        }
        self.state.last_seq += batch.pushes.len() as u64;
        Ok(Admitted { seqs: first..self.state.last_seq + 1, dropped })
    }

    /// How many of the oldest telemetry have to go.
    fn drops_needed(&self, batch: &Batch, bounds: &Bounds) -> Result<usize, StoreError> {
        if batch.pushes.is_empty() && !batch.takes_on_work {
            return Ok(0);
        }
        let room = Self::room(batch, bounds);
        let mut then = Depth {
            records: self.depth.records + batch.pushes.len() as u64,
            bytes: self.depth.bytes + batch.pushes.iter().map(|it| it.1.len() as u64).sum::<u64>(),
        };
        let mut drops = 0;
        while then.records > room.records || then.bytes > room.bytes {
            let Some((_, bytes)) = self.telemetry.get(drops) else {
                let Depth { records, bytes } = self.depth;
                return Err(StoreError::QueueFull { records, bytes });
            };
            then.records -= 1;
            then.bytes -= bytes;
            drops += 1;
        }
        Ok(drops)
    }

    /// Receipts of work that was accepted before may use the reserve, and what is committed
    /// together with them, too.
    fn room(batch: &Batch, bounds: &Bounds) -> Depth {
        let has_receipt = batch.pushes.iter().any(|(class, _)| *class == Class::Receipt);
        if has_receipt && !batch.takes_on_work {
            return Depth { records: bounds.records_max, bytes: bounds.bytes_max };
        }
        Depth {
            records: bounds.records_max.saturating_sub(bounds.reserve_records),
            bytes: bounds.bytes_max.saturating_sub(bounds.reserve_bytes),
        }
    }

    /// Takes an acknowledged entry out of the books.
    pub(super) fn released(&mut self, seq: u64, bytes: u64) {
        self.depth.records = self.depth.records.saturating_sub(1);
        self.depth.bytes = self.depth.bytes.saturating_sub(bytes);
        if self.telemetry.front().is_some_and(|(front, _)| *front == seq) {
            self.telemetry.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds =
        Bounds { records_max: 10, bytes_max: 1000, reserve_records: 2, reserve_bytes: 200 };

    fn pushes(classes: &[Class]) -> Batch {
        let mut batch = Batch::new();
        for class in classes {
            batch.push(*class, vec![0; 10]);
        }
        batch
    }

    fn books_with(classes: &[Class]) -> Books {
        let mut books = Books::default();
        for class in classes {
            books.admit(&pushes(&[*class]), &BOUNDS).expect("there is room");
        }
        books
    }

    #[test]
    fn the_state_reads_back() {
        let high_water = HighWater { epoch: 7, order_seq: 8, ledger_lost: true };
        let mut keepsake = Keepsake::default();
        keepsake.replace(b"suspended");
        let state = State {
            commits: 1,
            losses: 2,
            high_water,
            last_seq: u64::MAX,
            reserved_seq: 4,
            released_seq: 5,
            telemetry_dropped: 6,
            records: 9,
            checksums: 1 << 40,
            keepsake,
        };
        assert_eq!(State::decode(&state.encode()), Some(state));
        assert_eq!(State::decode(&state.encode()[1..]), None);
        assert_eq!(State::decode(&[]), None);
    }

    #[test]
    fn the_oldest_telemetry_goes_first_and_is_counted() {
        use Class::{Report, Telemetry};
        let mut books =
            books_with(&[Telemetry, Report, Telemetry, Report, Report, Report, Report, Telemetry]);
        let admitted = books.admit(&pushes(&[Report, Report]), &BOUNDS).expect("telemetry goes");
        assert_eq!(admitted, Admitted { seqs: 9..11, dropped: vec![1, 3] });
        let admitted = books.admit(&pushes(&[Telemetry]), &BOUNDS).expect("the last one goes");
        assert_eq!(admitted, Admitted { seqs: 11..12, dropped: vec![8] });
        assert_eq!(books.state.telemetry_dropped, 3);
        assert_eq!(books.depth(), Depth { records: 8, bytes: 80 });
    }

    #[test]
    fn without_telemetry_to_drop_a_report_is_refused_and_nothing_changes() {
        let mut books = books_with(&[Class::Report; 8]);
        let before = books.state;
        for class in [Class::Telemetry, Class::Report] {
            let refused = books.admit(&pushes(&[class]), &BOUNDS);
            assert!(matches!(refused, Err(StoreError::QueueFull { records: 8, bytes: 80 })));
        }
        assert_eq!(books.state, before);
        assert_eq!(books.depth().records, 8);
    }

    #[test]
    fn a_refused_batch_drops_no_telemetry() {
        let mut books = books_with(&[Class::Telemetry]);
        for _ in 0..7 {
            books.admit(&pushes(&[Class::Report]), &BOUNDS).expect("there is room");
        }
        assert!(books.admit(&pushes(&[Class::Report; 2]), &BOUNDS).is_err());
        assert_eq!(books.state.telemetry_dropped, 0);
        assert_eq!(books.depth().records, 8);
    }

    #[test]
    fn receipts_of_accepted_work_fit_when_nothing_else_does() {
        let mut books = books_with(&[Class::Report; 8]);
        let mut acceptance = pushes(&[Class::Receipt]);
        acceptance.takes_on_work();
        assert!(books.admit(&acceptance, &BOUNDS).is_err(), "no new work");
        books.admit(&pushes(&[Class::Report, Class::Receipt]), &BOUNDS).expect("the reserve");
        assert!(books.admit(&pushes(&[Class::Receipt]), &BOUNDS).is_err(), "all of it is used");
    }

    #[test]
    fn bytes_are_bounded_like_records() {
        let mut books = books_with(&[Class::Telemetry; 3]);
        let mut large = Batch::new();
        large.push(Class::Report, vec![0; 775]);
        let admitted = books.admit(&large, &BOUNDS).expect("room by dropping one");
        assert_eq!(admitted.dropped, [1]);
        assert_eq!(books.depth(), Depth { records: 3, bytes: 795 });
    }

    #[test]
    fn released_entries_make_room() {
        let mut books = books_with(&[Class::Telemetry, Class::Report]);
        books.released(1, 10);
        books.released(2, 10);
        assert_eq!(books.depth(), Depth::default());
        assert_eq!(books.state.last_seq, 2);
        assert!(books.telemetry.is_empty());
    }
}
