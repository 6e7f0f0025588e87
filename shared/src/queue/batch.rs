//! What one commit changes, all of it or nothing.
//!
//! Pure: a batch is a list of wishes; the store decides whether there is room for it.

use crate::limits::{STORE_BATCH_BYTES_MAX, STORE_KEY_BYTES_MAX, STORE_VALUE_BYTES_MAX};

use super::error::StoreError;
use super::keepsake::KEEPSAKE_BYTES_MAX;
use super::record::space;

/// A small key space. All of them live in one tree, so a batch over several is atomic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shelf {
    /// What this program must remember about itself: versions, floors, the last fleet time.
    Facts,
    /// What came in and is not dealt with yet.
    Inbox,
    /// Intentions and outcomes of the steps of running jobs.
    Journal,
    /// Orders that were ever accepted.
    Ledger,
}

impl Shelf {
    pub(super) fn space(self) -> u8 {
        match self {
            Self::Facts => space::FACTS,
            Self::Inbox => space::INBOX,
            Self::Journal => space::JOURNAL,
            Self::Ledger => space::LEDGER,
        }
    }
}

/// A key on a shelf, compared byte by byte. Numbers are big-endian, so 256 comes after 255.
///
/// Parts are joined by [`Key::then`]; for the order to be that of the parts, only the last part
/// may vary in length.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<u8>);

impl Key {
    pub fn then(mut self, part: impl Into<Self>) -> Self {
        self.0.append(&mut part.into().0);
        self
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The number that the key ends in, if it was made to end in one.
    pub fn last_number(&self) -> Option<u64> {
        self.0.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
    }
}

impl From<u64> for Key {
    fn from(number: u64) -> Self {
        Self(number.to_be_bytes().to_vec())
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for Key {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

/// Who may be dropped when the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// How somebody does. Dropped first, oldest first, and counted.
    Telemetry,
    /// Where a job stands. Never dropped; refused when there is no room.
    Report,
    /// What became of an order. Never dropped, and the reserve is kept for it.
    Receipt,
}

impl Class {
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Telemetry => 0,
            Self::Report => 1,
            Self::Receipt => 2,
        }
    }

    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        [Self::Telemetry, Self::Report, Self::Receipt].into_iter().find(|it| it.byte() == byte)
    }
}

/// Changes that become durable together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(super) writes: Vec<(Shelf, Key, Option<Vec<u8>>)>,
    pub(super) pushes: Vec<(Class, Vec<u8>)>,
    pub(super) enters_epoch: Option<u32>,
    pub(super) saw_order: Option<u64>,
    pub(super) keepsake: Option<Vec<u8>>,
    pub(super) takes_on_work: bool,
}

impl Batch {
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a record, replacing what was there.
    pub fn put(&mut self, shelf: Shelf, key: impl Into<Key>, value: impl Into<Vec<u8>>) {
        self.writes.push((shelf, key.into(), Some(value.into())));
    }

    /// Removes a record, if it is there.
    pub fn remove(&mut self, shelf: Shelf, key: impl Into<Key>) {
        self.writes.push((shelf, key.into(), None));
    }

    /// Appends to the queue. The sequence number is given at commit.
    pub fn push(&mut self, class: Class, body: impl Into<Vec<u8>>) {
        self.pushes.push((class, body.into()));
    }

    /// A new epoch: order numbers begin again, and a lost ledger is forgiven. An epoch that is
    /// not higher than the present one changes nothing.
    pub fn enter_epoch(&mut self, epoch: u32) {
        self.enters_epoch = Some(self.enters_epoch.map_or(epoch, |other| other.max(epoch)));
    }

    /// An order with this sequence number of the present epoch was seen. The mark only rises.
    pub fn saw_order(&mut self, seq: u64) {
        self.saw_order = Some(self.saw_order.map_or(seq, |other| other.max(seq)));
    }

    /// Keeps this record, and no other one from before, also outside the database: it is still
    /// known when the database was lost. At most [`KEEPSAKE_BYTES_MAX`] bytes.
    pub fn keep_outside(&mut self, record: impl Into<Vec<u8>>) {
        self.keepsake = Some(record.into());
    }

    /// Says that this batch accepts work that will need room for its receipts later: it may not
    /// use the reserve, and is refused while the disk is low.
    pub fn takes_on_work(&mut self) {
        self.takes_on_work = true;
    }

    /// Bytes of keys and values, and a little for each record.
    pub(super) fn weight(&self) -> usize {
        const PER_RECORD: usize = 64;
        let writes = self
            .writes
            .iter()
            .map(|(_, key, value)| key.0.len() + value.as_ref().map_or(0, Vec::len) + PER_RECORD);
        let pushes = self.pushes.iter().map(|(_, body)| body.len() + PER_RECORD);
        writes.chain(pushes).sum()
    }

    pub(super) fn check_sizes(&self) -> Result<(), StoreError> {
        let too_large = |what, bytes, max| Err(StoreError::TooLarge { what, bytes, max });
        for (_, key, _) in &self.writes {
            if key.0.len() > STORE_KEY_BYTES_MAX {
                return too_large("key", key.0.len(), STORE_KEY_BYTES_MAX);
            }
        }
        let keepsake_bytes = self.keepsake.as_ref().map_or(0, Vec::len);
        if keepsake_bytes > KEEPSAKE_BYTES_MAX {
            return too_large("keepsake", keepsake_bytes, KEEPSAKE_BYTES_MAX);
        }
        let values = self.writes.iter().filter_map(|(_, _, value)| value.as_ref());
        for value in values.chain(self.pushes.iter().map(|(_, body)| body)) {
            if value.len() > STORE_VALUE_BYTES_MAX {
                return too_large("value", value.len(), STORE_VALUE_BYTES_MAX);
            }
        }
        if self.weight() > STORE_BATCH_BYTES_MAX {
            return too_large("batch", self.weight(), STORE_BATCH_BYTES_MAX);
        }
        Ok(())
    }
}
