//! One small record that outlives the loss of the database, beside the high-water mark.
//!
//! The database and the files outside it both hold it. Each change has a higher number than the one
//! before, so that after a loss at either end the newer one is known. What it means is its owner's.

/// Room for a record of a few ids and digests, so that a file of the mark stays within the 512
/// bytes that a disk writes as one.
pub const KEEPSAKE_BYTES_MAX: usize = 256;

/// Number, length, and the longest.
pub(super) const KEEPSAKE_FIELD_BYTES: usize = 8 + 2 + KEEPSAKE_BYTES_MAX;

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Keepsake {
    /// Nothing was kept while this is 0.
    number: u64,
    length: u16,
    bytes: [u8; KEEPSAKE_BYTES_MAX],
}

impl Default for Keepsake {
    fn default() -> Self {
        Self { number: 0, length: 0, bytes: [0; KEEPSAKE_BYTES_MAX] }
    }
}

impl std::fmt::Debug for Keepsake {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "keepsake {} of {} bytes", self.number, self.length)
    }
}

impl Keepsake {
    /// What was kept last, if anything ever was.
    pub fn record(&self) -> Option<&[u8]> {
        let record = self.bytes.get(..self.length.into())?;
        (self.number > 0).then_some(record)
    }

    /// Puts another record in the place of this one; one that is too long changes nothing, and a
    /// batch with such a one is refused before.
    pub(super) fn replace(&mut self, record: &[u8]) {
        let (Some(room), Ok(length)) =
            (self.bytes.get_mut(..record.len()), u16::try_from(record.len()))
        else {
            return;
        };
        room.copy_from_slice(record);
        self.length = length;
        self.number += 1;
    }

    /// The newer of two accounts of the same owner.
    pub(super) fn newer(self, other: Self) -> Self {
        if other.number > self.number { other } else { self }
    }

    pub(super) fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.number.to_be_bytes());
        into.extend_from_slice(&self.length.to_be_bytes());
        into.extend_from_slice(&self.bytes[..self.length.into()]);
    }

    /// What follows the record is not looked at.
    pub(super) fn decode(field: &[u8]) -> Option<Self> {
        let (number, rest) = field.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let length = u16::from_be_bytes(*length);
        let mut keepsake = Self { number: u64::from_be_bytes(*number), length, ..Self::default() };
        let room = keepsake.bytes.get_mut(..length.into())?;
        room.copy_from_slice(rest.get(..length.into())?);
        Some(keepsake)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(keepsake: &Keepsake) -> Vec<u8> {
        let mut bytes = Vec::new();
        keepsake.encode(&mut bytes);
        assert!(bytes.len() <= KEEPSAKE_FIELD_BYTES);
        bytes
    }

    fn kept(records: &[&[u8]]) -> Keepsake {
        let mut keepsake = Keepsake::default();
        records.iter().for_each(|record| keepsake.replace(record));
        keepsake
    }

    #[test]
    fn what_is_kept_reads_back_and_an_empty_record_is_not_none() {
        for (records, wanted) in [
            (&[][..], None),
            (&[&b""[..]], Some(&b""[..])),
            (&[b"suspended", b"sells"], Some(b"sells")),
            (&[&[7; KEEPSAKE_BYTES_MAX]], Some(&[7; KEEPSAKE_BYTES_MAX])),
        ] {
            let read = Keepsake::decode(&field(&kept(records))).expect("it was written so");
            assert_eq!(read.record(), wanted);
        }
    }

    #[test]
    fn the_newer_of_two_counts_whatever_it_says() {
        let (older, newer) = (kept(&[b"suspended"]), kept(&[b"suspended", b""]));
        assert_eq!((older.newer(newer), newer.newer(older)), (newer, newer));
        assert_eq!(Keepsake::default().newer(older), older);
    }

    #[test]
    fn a_record_that_is_too_long_changes_nothing_and_a_length_that_cannot_be_is_not_read() {
        let mut keepsake = kept(&[b"suspended"]);
        keepsake.replace(&[1; KEEPSAKE_BYTES_MAX + 1]);
        assert_eq!(keepsake, kept(&[b"suspended"]));
        let mut damaged = field(&keepsake);
        damaged[8] = 0xff;
        for damaged in [damaged, field(&keepsake)[..12].to_vec(), Vec::new()] {
            assert_eq!(Keepsake::decode(&damaged), None);
        }
    }
}
