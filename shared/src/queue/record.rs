//! How one record becomes rows of the database, and back.
//!
//! A record is a key in a space (one shelf, or the queue) and a body. Its head row carries a
//! CRC-32 over key and body, so that neither a damaged body nor a body under another key is ever
//! returned. A body longer than [`INLINE_BYTES_MAX`] continues in chunk rows: the database writes
//! large pages into separate files that it never makes durable, so no row of ours is large.
//!
//! Pure. Deliberately absent: compression and encryption. Removed values stay in the database's
//! files for a long time: a secret must be sealed before it comes here.

use crate::limits::STORE_VALUE_BYTES_MAX;

/// First byte of a row's key.
pub(super) mod space {
    /// The one row of bookkeeping: see `books`.
    pub(crate) const STATE: u8 = 0;
    /// Continuations of long bodies.
    pub(crate) const CHUNKS: u8 = 1;
    pub(crate) const FACTS: u8 = b'F';
    pub(crate) const INBOX: u8 = b'I';
    pub(crate) const JOURNAL: u8 = b'J';
    pub(crate) const LEDGER: u8 = b'L';
    pub(crate) const QUEUE: u8 = b'Q';

    pub(crate) const OF_RECORDS: [u8; 5] = [FACTS, INBOX, JOURNAL, LEDGER, QUEUE];
}

/// Part of a body that one row holds. A leaf page of the database has at most about twenty rows,
/// and the database puts pages above 128 KiB into files of their own. It also keeps one page for
/// each of the 256 parts of its cache in memory, whatever the size that the cache was given.
pub(super) const INLINE_BYTES_MAX: usize = 1024;

const HEAD_BYTES: usize = 8;

/// The key of a record's head row.
pub(super) fn row_key(space: u8, key: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(1 + key.len());
    row.push(space);
    row.extend_from_slice(key);
    row
}

/// The key of the `index`-th continuation of the record with this head.
pub(super) fn chunk_key(head: &[u8], index: usize) -> Vec<u8> {
    let head_len = u8::try_from(head.len()).expect("keys are limited to less than 255 bytes");
    let index = u16::try_from(index).expect("bodies are limited to fewer than 65,536 chunks");
    let mut row = Vec::with_capacity(4 + head.len());
    row.push(space::CHUNKS);
    row.push(head_len);
    row.extend_from_slice(head);
    row.extend_from_slice(&index.to_be_bytes());
    row
}

/// A record as rows: the head first.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) crc: u32,
    pub(super) rows: Vec<(Vec<u8>, Vec<u8>)>,
}

pub(super) fn encode(head_key: &[u8], body: &[u8]) -> Encoded {
    let crc = checksum(head_key, body);
    let body_len = u32::try_from(body.len()).expect("bodies are limited to less than 4 GiB");
    let (inline, rest) = body.split_at(body.len().min(INLINE_BYTES_MAX));
    let mut head = Vec::with_capacity(HEAD_BYTES + inline.len());
    head.extend_from_slice(&crc.to_be_bytes());
    head.extend_from_slice(&body_len.to_be_bytes());
    head.extend_from_slice(inline);
    let chunks = rest
        .chunks(INLINE_BYTES_MAX)
        .enumerate()
        .map(|(index, chunk)| (chunk_key(head_key, index), chunk.to_vec()));
    let rows = std::iter::once((head_key.to_vec(), head)).chain(chunks).collect();
    Encoded { crc, rows }
}

/// What a head row says, before its body has been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub(super) crc: u32,
    pub(super) body_len: usize,
    inline: &'a [u8],
}

impl<'a> Head<'a> {
    /// `None` when the row cannot be a head: too short, or of an impossible length.
    pub(super) fn read(row: &'a [u8]) -> Option<Self> {
        let (crc, rest) = row.split_first_chunk::<4>()?;
        let (body_len, inline) = rest.split_first_chunk::<4>()?;
        let body_len = usize::try_from(u32::from_be_bytes(*body_len)).ok()?;
        let possible =
            body_len <= STORED_BODY_BYTES_MAX && inline.len() == body_len.min(INLINE_BYTES_MAX);
        possible.then_some(Self { crc: u32::from_be_bytes(*crc), body_len, inline })
    }

    /// Number of continuation rows.
    pub(super) fn chunks(&self) -> usize {
        (self.body_len - self.inline.len()).div_ceil(INLINE_BYTES_MAX)
    }

    /// The body, if it is the one that was written under this key.
    pub(super) fn assemble(&self, head_key: &[u8], chunks: &[Vec<u8>]) -> Option<Vec<u8>> {
        let mut body = Vec::with_capacity(self.body_len);
        body.extend_from_slice(self.inline);
        for chunk in chunks {
            body.extend_from_slice(chunk);
        }
        let intact = body.len() == self.body_len && checksum(head_key, &body) == self.crc;
        intact.then_some(body)
    }
}

/// A queue entry's body is its class and what the caller gave.
const STORED_BODY_BYTES_MAX: usize = STORE_VALUE_BYTES_MAX + 1;

fn checksum(head_key: &[u8], body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(head_key);
    crc.update(body);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_back(head_key: &[u8], rows: &[(Vec<u8>, Vec<u8>)]) -> Option<Vec<u8>> {
        let head = Head::read(&rows.first()?.1)?;
        let chunks: Vec<Vec<u8>> = rows[1..].iter().map(|(_, chunk)| chunk.clone()).collect();
        assert_eq!(head.chunks(), chunks.len());
        head.assemble(head_key, &chunks)
    }

    #[test]
    fn a_body_of_any_length_reads_back() {
        let sizes = [0, 1, INLINE_BYTES_MAX, INLINE_BYTES_MAX + 1, 3 * INLINE_BYTES_MAX];
        for size in sizes.into_iter().chain([STORE_VALUE_BYTES_MAX]) {
            let key = row_key(space::JOURNAL, b"job");
            let body: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let rows = encode(&key, &body).rows;
            assert!(rows.iter().all(|(_, row)| row.len() <= INLINE_BYTES_MAX + HEAD_BYTES));
            assert_eq!(read_back(&key, &rows).as_deref(), Some(body.as_slice()), "{size} bytes");
        }
    }

    #[test]
    fn no_flipped_bit_goes_unseen() {
        let key = row_key(space::LEDGER, b"order");
        let row = encode(&key, b"accepted").rows.remove(0).1;
        for bit in 0..row.len() * 8 {
            let mut flipped = row.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let body = Head::read(&flipped).and_then(|head| head.assemble(&key, &[]));
            assert_eq!(body, None, "bit {bit}");
        }
    }

    #[test]
    fn a_body_under_another_key_is_refused() {
        let rows = encode(&row_key(space::LEDGER, b"one"), b"accepted").rows;
        assert_eq!(read_back(&row_key(space::LEDGER, b"two"), &rows), None);
    }

    #[test]
    fn a_missing_or_exchanged_chunk_is_refused() {
        let key = row_key(space::INBOX, b"report");
        let body: Vec<u8> = (0..3 * INLINE_BYTES_MAX).map(|at| (at / 100) as u8).collect();
        let rows = encode(&key, &body).rows;
        let head = Head::read(&rows[0].1).expect("a head");
        let chunks: Vec<Vec<u8>> = rows[1..].iter().map(|(_, chunk)| chunk.clone()).collect();
        assert!(head.assemble(&key, &chunks).is_some());
        assert_eq!(head.assemble(&key, &chunks[..1]), None);
        assert_eq!(head.assemble(&key, &[chunks[1].clone(), chunks[0].clone()]), None);
    }
}
