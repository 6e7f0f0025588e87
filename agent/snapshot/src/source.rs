//! What the engine reads: the listed files, the listing, and what else a manifest is made of.
//!
//! Files say nothing of times and owners, so that a folder whose files are written anew with the
//! same bytes is not saved again; those of configured paths say who may read them. What a node has
//! as the time of its last change is a mark of its file's SHA-256: by it the engine sees which
//! files are in the snapshot before, and does not read them. Each file that it reads is hashed once
//! more: one that is not as it was listed spoils the snapshot, and so does one that is new and was
//! not read.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::vec;

use agent::snapshot::protocol::PATHS;
use jiff::Timestamp;
use rustic_core::{ReadSource, ReadSourceOpen};
use sha2::{Digest as _, Sha256};
use shared::digest::Digest;

use crate::engine::{Metadata, Node, NodeType, ReadSourceEntry, RusticError, RusticResult, Sound};
use crate::known::KnownFiles;
use crate::listing::{self, Listed};

/// In the snapshot: the listing.
pub const LISTING: &str = "listing";

/// In the snapshot: what else the manifest says.
pub const ABOUT: &str = "about.json";

/// What became of the files.
#[derive(Debug, Default)]
struct Seen {
    /// Of the new ones, how many were read to their ends and were as listed.
    new: AtomicU64,
    /// A file could not be read, or is not as it was listed.
    spoiled: AtomicBool,
}

impl Seen {
    fn spoil(&self) {
        self.spoiled.store(true, Ordering::Release);
    }

    fn is_sound(&self, new: u64) -> bool {
        self.new.load(Ordering::Acquire) == new && !self.spoiled.load(Ordering::Acquire)
    }
}

#[derive(Debug)]
pub struct Source {
    entries: Vec<Planned>,
    /// Files that the snapshot before does not have.
    new: u64,
    seen: Arc<Seen>,
}

#[derive(Clone, Debug)]
struct Planned {
    path: PathBuf,
    size: u64,
    mode: u32,
    from: From,
    mark: Timestamp,
    is_new: bool,
}

#[derive(Clone, Debug)]
enum From {
    Directory,
    File { from: PathBuf, sha256: Digest },
    Memory(Arc<Vec<u8>>),
}

impl Source {
    /// `parent` is what the snapshot before holds.
    pub fn new(listed: &Listed, about: Vec<u8>, parent: Option<&KnownFiles>) -> Self {
        let mut entries = Vec::new();
        for (entry, from) in listed.listing.0.iter().zip(&listed.from) {
            let before = parent.and_then(|parent| parent.file(&entry.path)).map(|it| it.sha256);
            entries.push(Planned {
                path: PathBuf::from(&entry.path),
                size: entry.bytes,
                mode: mode(&entry.path, from, 0o600),
                from: From::File { from: from.clone(), sha256: entry.sha256 },
                mark: mark_beside(entry.sha256, before),
                is_new: before != Some(entry.sha256),
            });
        }
        for (path, bytes) in [(ABOUT, about), (LISTING, listed.listing.text().into_bytes())] {
            let (size, mark) = (bytes.len() as u64, mark(Digest::of(&bytes)));
            let (path, from) = (PathBuf::from(path), From::Memory(Arc::new(bytes)));
            entries.push(Planned { path, size, mode: 0o600, from, mark, is_new: false });
        }
        entries.extend(directories(&entries));
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        let new = entries.iter().filter(|entry| entry.is_new).count() as u64;
        Self { entries, new, seen: Arc::default() }
    }

    /// Whether every file that is new was read to its end, and everything that was read was what
    /// the listing says.
    pub fn sound(&self) -> Sound {
        let (seen, new) = (Arc::clone(&self.seen), self.new);
        Sound::when(move || seen.is_sound(new))
    }

    pub fn is_sound(&self) -> bool {
        self.seen.is_sound(self.new)
    }
}

/// 67 bits of a digest, as a moment that every tool can print: in the years to 9892.
fn mark(sha256: Digest) -> Timestamp {
    const SECONDS: u64 = 250_000_000_000;
    const NANOS: u32 = 1_000_000_000;
    let [a, b, c, d, e, f, g, h, i, j, k, l, ..] = sha256.0;
    let seconds = u64::from_be_bytes([a, b, c, d, e, f, g, h]) % SECONDS;
    let nanos = u32::from_be_bytes([i, j, k, l]) % NANOS;
    let moment = Timestamp::new(seconds.cast_signed(), nanos.cast_signed());
    moment.expect("it is within the years that there are")
}

/// Another mark than that of another file which was in this place, even if somebody has found two
/// whose marks are the same.
fn mark_beside(sha256: Digest, before: Option<Digest>) -> Timestamp {
    let own = mark(sha256);
    match before {
        Some(before) if before != sha256 && mark(before) == own => {
            own + jiff::SignedDuration::from_secs(1)
        }
        Some(_) | None => own,
    }
}

fn directories(entries: &[Planned]) -> Vec<Planned> {
    let mut planned = BTreeMap::new();
    for entry in entries {
        let from = match &entry.from {
            From::File { from, .. } => from.as_path(),
            From::Directory | From::Memory(_) => Path::new(""),
        };
        let mut from = from.ancestors().skip(1);
        for path in entry.path.ancestors().skip(1).filter(|path| path.parent().is_some()) {
            let mode = mode(path, from.next().unwrap_or(Path::new("")), 0o700);
            let directory = Planned {
                path: path.to_owned(),
                size: 0,
                mode,
                from: From::Directory,
                mark: Timestamp::UNIX_EPOCH,
                is_new: false,
            };
            planned.entry(path).or_insert(directory);
        }
    }
    planned.into_values().collect()
}

/// Who may read it, where it lies in a configured path or is one; `least` else.
fn mode(path: impl AsRef<Path>, from: &Path, least: u32) -> u32 {
    let is_configured = path.as_ref().starts_with(PATHS) && path.as_ref().components().count() > 1;
    let about = is_configured.then(|| fs::symlink_metadata(from));
    about.and_then(Result::ok).map_or(least, |about| about.mode() & 0o777 | least)
}

/// What opens one file.
#[derive(Debug)]
pub struct Open {
    from: From,
    is_new: bool,
    seen: Arc<Seen>,
}

impl ReadSourceOpen for Open {
    type Reader = Checked;

    fn open(self) -> RusticResult<Checked> {
        let Self { from, is_new, seen } = self;
        let (inner, sha256): (Box<dyn Read + Send>, _) = match from {
            From::Directory => (Box::new(io::empty()), None),
            From::Memory(bytes) => (Box::new(Cursor::new(bytes.as_ref().clone())), None),
            From::File { from, sha256 } => {
                let file = listing::open(&from).map_err(|error| {
                    seen.spoil();
                    RusticError::new(rustic_core::ErrorKind::InputOutput, error.to_string())
                })?;
                (Box::new(file), Some(sha256))
            }
        };
        Ok(Checked { inner, expected: sha256, hasher: Sha256::new(), is_new, seen, ended: false })
    }
}

/// Reads on, and at the end compares with what was listed.
pub struct Checked {
    inner: Box<dyn Read + Send>,
    expected: Option<Digest>,
    hasher: Sha256,
    is_new: bool,
    seen: Arc<Seen>,
    ended: bool,
}

impl Checked {
    fn compare(&mut self) -> io::Result<()> {
        let Some(expected) = self.expected else { return Ok(()) };
        if Digest(std::mem::take(&mut self.hasher).finalize().into()) != expected {
            return Err(io::Error::other("it is not as it was listed"));
        }
        self.seen.new.fetch_add(u64::from(self.is_new), Ordering::Release);
        Ok(())
    }
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let spoiling = |error: io::Error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.seen.spoil();
            }
            error
        };
        let count = self.inner.read(buffer).map_err(spoiling)?;
        if self.expected.is_some() {
            self.hasher.update(&buffer[..count]);
        }
        if count == 0 && !buffer.is_empty() && !self.ended {
            self.ended = true;
            self.compare().inspect_err(|_| self.seen.spoil())?;
        }
        Ok(count)
    }
}

impl std::fmt::Debug for Checked {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a file that is being saved")
    }
}

/// The planned entries, one after the other.
#[derive(Debug)]
pub struct Entries {
    entries: vec::IntoIter<Planned>,
    seen: Arc<Seen>,
}

impl Iterator for Entries {
    type Item = RusticResult<ReadSourceEntry<Open>>;

    fn next(&mut self) -> Option<Self::Item> {
        let Planned { path, size, mode, from, mark, is_new } = self.entries.next()?;
        let kind = match from {
            From::Directory => NodeType::Dir,
            From::File { .. } | From::Memory(_) => NodeType::File,
        };
        let mtime = Some(Timestamp::UNIX_EPOCH);
        let ctime = Some(mark);
        let about = Metadata { mode: Some(mode), mtime, ctime, size, ..Metadata::default() };
        let name = path.file_name().expect("the root is not among the entries");
        let node = Node::new_node(name, kind, about);
        let open = Some(Open { from, is_new, seen: Arc::clone(&self.seen) });
        Some(Ok(ReadSourceEntry { path, node, open }))
    }
}

impl ReadSource for Source {
    type Open = Open;
    type Iter = Entries;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(Some(self.entries.iter().map(|entry| entry.size).sum()))
    }

    fn entries(&self) -> Entries {
        Entries { entries: self.entries.clone().into_iter(), seen: Arc::clone(&self.seen) }
    }
}
