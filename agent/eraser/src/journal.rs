//! How far the wipe has come, so that a power cut cannot undo it: two copies of a record, written
//! in turn, of which the newest that is whole counts.
//!
//! Both copies are made at their full length before anything is destroyed and overwritten in place
//! after that: a full disk cannot stop a wipe half way. They come into being by rename, so that a
//! copy that is there and not whole is damaged, never merely young.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::gate::{Effect, Gate};
use crate::protocol::REQUEST_BYTES_MAX;
use crate::record::{DETAIL_BYTES_MAX, Record};
use crate::request::{DEVICES_MAX, KEYS_MAX, PATHS_MAX};

const COPIES: [&str; 2] = ["wipe.a", "wipe.b"];
const MAGIC: [u8; 4] = *b"TWE1";
/// Magic, counter, length of the body.
const HEAD_BYTES: usize = 4 + 8 + 4;
const CRC_BYTES: usize = 4;

/// Of one copy: the request, and for each thing that it names three texts.
pub const COPY_BYTES: usize = 256 * 1024;
/// Of the names and numbers around those texts.
const FATE_BYTES_MAX: usize = 3 * DETAIL_BYTES_MAX + 128;
const _: () = assert!(
    REQUEST_BYTES_MAX as usize + (KEYS_MAX + PATHS_MAX + DEVICES_MAX) * FATE_BYTES_MAX + 4096
        < COPY_BYTES - HEAD_BYTES - CRC_BYTES
);

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("both copies of the journal in `{}` are damaged", .0.display())]
    Unreadable(PathBuf),
    #[error("`{}` cannot be written", path.display())]
    NotWritten { path: PathBuf, source: io::Error },
    #[error("`{}` cannot be used", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("another process wipes by `{}`", .0.display())]
    InUse(PathBuf),
}

/// What a directory holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    Record {
        record: Box<Record>,
        /// The other copy is damaged, so that a newer record may have been lost.
        is_sole: bool,
    },
}

/// One copy as it was found.
enum Copy {
    Absent,
    Damaged,
    Whole { counter: u64, record: Box<Record> },
}

#[derive(Debug)]
pub struct Journal {
    directory: PathBuf,
}

/// Held by the one process that may write.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Not only by closing the file: a child that is about to become another program still has it.
    fn drop(&mut self) {
        self.file.unlock().ok();
    }
}

impl Journal {
    pub fn in_directory(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Makes the directory if it is missing.
    pub fn lock(&self) -> Result<Lock, JournalError> {
        let path = &self.directory;
        let failed = |source| JournalError::Directory { path: path.clone(), source };
        if !path.exists() {
            DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
            path.parent().map_or(Ok(()), sync_directory).map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path.join("lock")).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { file }),
            Err(fs::TryLockError::WouldBlock) => Err(JournalError::InUse(path.clone())),
            Err(fs::TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    pub fn read(&self) -> Result<Found, JournalError> {
        let mut damaged = false;
        let mut best: Option<(u64, Box<Record>)> = None;
        for copy in self.copies() {
            match copy {
                Copy::Absent => {}
                Copy::Damaged => damaged = true,
                Copy::Whole { counter, record } => {
                    if best.as_ref().is_none_or(|(highest, _)| counter > *highest) {
                        best = Some((counter, record));
                    }
                }
            }
        }
        match best {
            Some((_, record)) => Ok(Found::Record { record, is_sole: damaged }),
            None if damaged => Err(JournalError::Unreadable(self.directory.clone())),
            None => Ok(Found::Nothing),
        }
    }

    fn copies(&self) -> [Copy; 2] {
        COPIES.map(|name| match File::open(self.directory.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Copy::Absent,
            Err(_) => Copy::Damaged,
            Ok(file) => {
                let mut bytes = Vec::new();
                let read = file.take(COPY_BYTES as u64).read_to_end(&mut bytes);
                let whole = read.ok().and_then(|_| decode(&bytes));
                whole.map_or(Copy::Damaged, |(counter, record)| Copy::Whole { counter, record })
            }
        })
    }

    /// Writes the first record of a wipe, into both copies.
    pub fn begin(&self, record: &Record, gate: &dyn Gate) -> Result<(), JournalError> {
        let (counter, older) = self.next();
        // The older copy first: until it is replaced, the newer one says what was before.
        for (at, counter) in [(older, counter), (1 - older, counter + 1)] {
            let path = self.directory.join(COPIES[at]);
            let mut bytes = encode(counter, record);
            bytes.resize(COPY_BYTES, 0);
            let written = gate.pass(Effect::WriteJournal).and_then(|()| make(&path, &bytes));
            written.map_err(|source| JournalError::NotWritten { path, source })?;
        }
        Ok(())
    }

    /// When this returns, a power cut cannot undo it.
    pub fn write(&self, record: &Record, gate: &dyn Gate) -> Result<(), JournalError> {
        let (counter, older) = self.next();
        let path = self.directory.join(COPIES[older]);
        let bytes = encode(counter, record);
        let write = || {
            gate.pass(Effect::WriteJournal)?;
            if !path.exists() {
                // A cut between the two first copies.
                let mut bytes = bytes.clone();
                bytes.resize(COPY_BYTES, 0);
                return make(&path, &bytes);
            }
            let mut file = OpenOptions::new().write(true).open(&path)?;
            file.write_all(&bytes)?;
            file.sync_all()
        };
        write().map_err(|source| JournalError::NotWritten { path: path.clone(), source })
    }

    /// Ends a wipe that was cancelled: nothing is to be wiped here any more.
    pub fn remove(&self, gate: &dyn Gate) -> Result<(), JournalError> {
        let (_, older) = self.next();
        for at in [older, 1 - older] {
            let path = self.directory.join(COPIES[at]);
            let removed = gate.pass(Effect::WriteJournal).and_then(|()| remove_file(&path));
            removed.map_err(|source| JournalError::NotWritten { path, source })?;
        }
        Ok(())
    }

    /// The counter of the next record, and the copy that it goes into: not the newest whole one.
    fn next(&self) -> (u64, usize) {
        let counters = self.copies().map(|copy| match copy {
            Copy::Absent | Copy::Damaged => 0,
            Copy::Whole { counter, .. } => counter,
        });
        let older = usize::from(counters[0] > counters[1]);
        (counters[1 - older] + 1, older)
    }

    /// Leaves word for whoever finds the terminal. It outlives the next wipe's journal.
    pub fn leave_tombstone(&self, text: &str, gate: &dyn Gate) -> Result<(), JournalError> {
        let path = self.tombstone();
        let written = gate.pass(Effect::WriteTombstone).and_then(|()| make(&path, text.as_bytes()));
        written.map_err(|source| JournalError::NotWritten { path, source })
    }

    /// Whether it lies there. What cannot be looked at may be there.
    pub fn has_tombstone(&self) -> bool {
        self.tombstone().try_exists().unwrap_or(true)
    }

    fn tombstone(&self) -> PathBuf {
        self.directory.join("decommissioned")
    }
}

fn encode(counter: u64, record: &Record) -> Vec<u8> {
    let body = serde_json::to_vec(record).expect("a record is text and numbers");
    assert!(body.len() < COPY_BYTES - HEAD_BYTES - CRC_BYTES, "requests and details are bounded");
    let mut bytes = Vec::with_capacity(COPY_BYTES);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&counter.to_be_bytes());
    bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&body);
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(u64, Box<Record>)> {
    let (magic, rest) = bytes.split_first_chunk::<4>()?;
    let (counter, rest) = rest.split_first_chunk::<8>()?;
    let (length, _) = rest.split_first_chunk::<4>()?;
    let end = HEAD_BYTES.checked_add(u32::from_be_bytes(*length) as usize)?;
    let (covered, rest) = bytes.split_at_checked(end)?;
    let (crc, _) = rest.split_first_chunk::<4>()?;
    if *magic != MAGIC || crc32fast::hash(covered) != u32::from_be_bytes(*crc) {
        return None;
    }
    let record = serde_json::from_slice(&covered[HEAD_BYTES..]).ok()?;
    Some((u64::from_be_bytes(*counter), Box::new(record)))
}

/// A file that a power cut finds whole or as it was before.
fn make(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), sync_directory)
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => path.parent().map_or(Ok(()), sync_directory),
    }
}

/// Makes the names in a directory durable.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests;
