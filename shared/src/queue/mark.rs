//! The high-water mark outside the database: what must outlive the loss of everything else, and one
//! small record of the owner beside it.
//!
//! Two files hold the same few numbers and the record, each with its own CRC-32. They are written
//! one after the other and made durable in between, so that a power cut tears one at most and rot
//! in one loses nothing. The database holds the same; after opening, the truth is the higher of
//! both.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::durable::sync_directory;

use super::keepsake::{KEEPSAKE_FIELD_BYTES, Keepsake};
use super::options::Barrier;

/// The highest order ever seen. Losing it would let an old order be replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HighWater {
    pub epoch: u32,
    /// Of the present epoch.
    pub order_seq: u64,
    /// Something of the ledger was lost in this epoch: which orders below `order_seq` were seen
    /// is no longer known, so nothing may be accepted before a new epoch.
    pub ledger_lost: bool,
}

impl HighWater {
    pub(super) fn enter_epoch(&mut self, epoch: u32) {
        if epoch > self.epoch {
            *self = Self { epoch, order_seq: 0, ledger_lost: false };
        }
    }

    pub(super) fn saw_order(&mut self, seq: u64) {
        self.order_seq = self.order_seq.max(seq);
    }

    /// The higher of two accounts of the same terminal.
    pub(super) fn merge(self, other: Self) -> Self {
        if self.epoch != other.epoch {
            return if self.epoch > other.epoch { self } else { other };
        }
        Self {
            epoch: self.epoch,
            order_seq: self.order_seq.max(other.order_seq),
            ledger_lost: self.ledger_lost || other.ledger_lost,
        }
    }
}

/// What the two files say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) high_water: HighWater,
    /// Queue sequence numbers up to here may have been used.
    pub(super) queue_reserved: u64,
    /// Commits that were durable when the mark was written. A database with fewer went back.
    pub(super) commits: u64,
    /// How often something was lost.
    pub(super) losses: u64,
    pub(super) keepsake: Keepsake,
}

const MAGIC: [u8; 4] = *b"TWH2";
const BODY_BYTES: usize = 4 + 4 + 8 + 1 + 8 + 8 + 8 + KEEPSAKE_FIELD_BYTES;
const FILE_BYTES: usize = BODY_BYTES + 4;

/// What a disk writes as one.
const _: () = assert!(FILE_BYTES <= 512);

impl Mark {
    fn encode(&self) -> [u8; FILE_BYTES] {
        let mut bytes = Vec::with_capacity(FILE_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.high_water.epoch.to_be_bytes());
        bytes.extend_from_slice(&self.high_water.order_seq.to_be_bytes());
        bytes.push(u8::from(self.high_water.ledger_lost));
        bytes.extend_from_slice(&self.queue_reserved.to_be_bytes());
        bytes.extend_from_slice(&self.commits.to_be_bytes());
        bytes.extend_from_slice(&self.losses.to_be_bytes());
        self.keepsake.encode(&mut bytes);
        bytes.resize(BODY_BYTES, 0);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        bytes.try_into().expect("the fields add up to the length of the file")
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        if bytes.len() != FILE_BYTES || crc32fast::hash(body) != u32::from_be_bytes(*crc) {
            return None;
        }
        let (magic, rest) = body.split_first_chunk::<4>()?;
        let (epoch, rest) = rest.split_first_chunk::<4>()?;
        let (order_seq, rest) = rest.split_first_chunk::<8>()?;
        let (ledger_lost, rest) = rest.split_first()?;
        let (queue_reserved, rest) = rest.split_first_chunk::<8>()?;
        let (commits, rest) = rest.split_first_chunk::<8>()?;
        let (losses, rest) = rest.split_first_chunk::<8>()?;
        let keepsake = Keepsake::decode(rest)?;
        (*magic == MAGIC).then_some(Self {
            high_water: HighWater {
                epoch: u32::from_be_bytes(*epoch),
                order_seq: u64::from_be_bytes(*order_seq),
                ledger_lost: *ledger_lost != 0,
            },
            queue_reserved: u64::from_be_bytes(*queue_reserved),
            commits: u64::from_be_bytes(*commits),
            losses: u64::from_be_bytes(*losses),
            keepsake,
        })
    }

    fn higher(self, other: Self) -> Self {
        Self {
            high_water: self.high_water.merge(other.high_water),
            queue_reserved: self.queue_reserved.max(other.queue_reserved),
            commits: self.commits.max(other.commits),
            losses: self.losses.max(other.losses),
            keepsake: self.keepsake.newer(other.keepsake),
        }
    }
}

/// What was found where the mark should be.
#[expect(clippy::large_enum_variant, reason = "it is read once at each start")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Neither file exists, or has anything in it: if there is no database, this store is new.
    Nothing,
    /// At least one file is whole.
    Mark(Mark),
    /// Something was written, and none of it is whole.
    Unreadable,
}

#[derive(Debug)]
pub(super) struct MarkFiles {
    directory: PathBuf,
    copies: [PathBuf; 2],
    barrier: Barrier,
}

impl MarkFiles {
    pub(super) fn in_directory(directory: &Path, barrier: Barrier) -> Self {
        let copies = [directory.join("high-water.a"), directory.join("high-water.b")];
        Self { directory: directory.to_owned(), copies, barrier }
    }

    pub(super) fn read(&self) -> io::Result<Found> {
        let mut written = false;
        let mut best: Option<Mark> = None;
        for path in &self.copies {
            let mut bytes = Vec::new();
            match File::open(path) {
                // One byte more than a whole file, so that a longer one is not mistaken for it.
                Ok(file) => file.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            // A full disk or a power cut may leave a new file without its first byte.
            written |= !bytes.is_empty();
            if let Some(mark) = Mark::decode(&bytes) {
                best = Some(best.map_or(mark, |other| other.higher(mark)));
            }
        }
        Ok(match best {
            Some(mark) => Found::Mark(mark),
            None if written => Found::Unreadable,
            None => Found::Nothing,
        })
    }

    /// Returns when both copies are durable.
    pub(super) fn write(&self, mark: &Mark) -> io::Result<()> {
        let bytes = mark.encode();
        for path in &self.copies {
            let created = !path.exists();
            // Overwritten in place: a full disk has no room for a second file, and the other
            // copy is whole while this one is not.
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
            file.write_all(&bytes)?;
            file.set_len(FILE_BYTES as u64)?;
            match self.barrier {
                Barrier::PowerCut => file.sync_all()?,
                Barrier::FlushOnly => {}
            }
            if created {
                sync_directory(&self.directory)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(order_seq: u64) -> Mark {
        let high_water = HighWater { epoch: 3, order_seq, ledger_lost: false };
        let mut keepsake = Keepsake::default();
        (0..order_seq).for_each(|number| keepsake.replace(&number.to_be_bytes()));
        Mark { high_water, queue_reserved: 2048, commits: 9, losses: 1, keepsake }
    }

    fn in_new_directory() -> (tempfile::TempDir, MarkFiles) {
        let directory = tempfile::tempdir().expect("a directory");
        let files = MarkFiles::in_directory(directory.path(), Barrier::PowerCut);
        (directory, files)
    }

    #[test]
    fn a_mark_reads_back_and_a_new_directory_has_none() {
        let (_directory, files) = in_new_directory();
        assert_eq!(files.read().expect("read"), Found::Nothing);
        files.write(&mark(7)).expect("write");
        files.write(&mark(8)).expect("write");
        assert_eq!(files.read().expect("read"), Found::Mark(mark(8)));
    }

    #[test]
    fn any_damage_to_one_copy_loses_nothing() {
        let (_directory, files) = in_new_directory();
        files.write(&mark(7)).expect("write");
        for path in &files.copies {
            let whole = std::fs::read(path).expect("read");
            for cut in 0..whole.len() {
                std::fs::write(path, &whole[..cut]).expect("tear");
                assert_eq!(files.read().expect("read"), Found::Mark(mark(7)), "cut at {cut}");
            }
            for bit in 0..whole.len() * 8 {
                let mut flipped = whole.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                std::fs::write(path, &flipped).expect("flip");
                assert_eq!(files.read().expect("read"), Found::Mark(mark(7)), "bit {bit}");
            }
            std::fs::remove_file(path).expect("remove");
            assert_eq!(files.read().expect("read"), Found::Mark(mark(7)));
            std::fs::write(path, whole).expect("mend");
        }
    }

    #[test]
    fn a_cut_between_the_copies_leaves_the_older_or_the_newer_mark() {
        let (_directory, files) = in_new_directory();
        files.write(&mark(7)).expect("write");
        std::fs::write(&files.copies[0], mark(8).encode()).expect("the first copy only");
        assert_eq!(files.read().expect("read"), Found::Mark(mark(8)));
        std::fs::write(&files.copies[0], &mark(8).encode()[..20]).expect("torn");
        assert_eq!(files.read().expect("read"), Found::Mark(mark(7)));
    }

    #[test]
    fn two_damaged_copies_are_not_mistaken_for_a_new_store() {
        let (_directory, files) = in_new_directory();
        files.write(&mark(7)).expect("write");
        for path in &files.copies {
            std::fs::write(path, b"TWH2").expect("torn");
        }
        assert_eq!(files.read().expect("read"), Found::Unreadable);
        for path in &files.copies {
            std::fs::write(path, b"").expect("never written");
        }
        assert_eq!(files.read().expect("read"), Found::Nothing);
    }

    #[test]
    fn a_new_epoch_begins_again_and_an_old_one_changes_nothing() {
        let mut high_water = HighWater { epoch: 3, order_seq: 40, ledger_lost: true };
        high_water.enter_epoch(3);
        high_water.saw_order(12);
        assert_eq!(high_water, HighWater { epoch: 3, order_seq: 40, ledger_lost: true });
        high_water.enter_epoch(4);
        high_water.saw_order(1);
        assert_eq!(high_water, HighWater { epoch: 4, order_seq: 1, ledger_lost: false });
    }

    #[test]
    fn the_higher_account_wins_and_a_loss_is_not_forgotten_within_an_epoch() {
        let here = HighWater { epoch: 3, order_seq: 40, ledger_lost: false };
        let there = HighWater { epoch: 3, order_seq: 38, ledger_lost: true };
        let both = HighWater { epoch: 3, order_seq: 40, ledger_lost: true };
        assert_eq!(here.merge(there), both);
        assert_eq!(there.merge(here), both);
        let newer = HighWater { epoch: 4, order_seq: 2, ledger_lost: false };
        assert_eq!(both.merge(newer), newer);
        assert_eq!(newer.merge(both), newer);
    }
}
