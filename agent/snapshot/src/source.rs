//! What the engine reads: the listed files, the listing, and what else a manifest is made of.
//!
//! Files say nothing of times and owners, so that a folder whose files are written anew with the
//! same bytes is not saved again; those of configured paths say who may read them. Each file is
//! hashed once more while it is saved: one that is not as it was listed spoils the snapshot.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::vec;

use agent::snapshot::protocol::PATHS;
use rustic_core::{ReadSource, ReadSourceOpen};
use sha2::{Digest as _, Sha256};
use shared::digest::Digest;

use crate::engine::{Metadata, Node, NodeType, ReadSourceEntry, RusticError, RusticResult, Sound};
use crate::listing::{self, Listed};

/// In the snapshot: the listing.
pub const LISTING: &str = "listing";

/// In the snapshot: what else the manifest says.
pub const ABOUT: &str = "about.json";

/// Counts the files that were saved as they were listed.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<AtomicU64>);

impl Seen {
    fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

#[derive(Debug)]
pub struct Source {
    entries: Vec<Planned>,
    files: u64,
    seen: Seen,
}

#[derive(Clone, Debug)]
struct Planned {
    path: PathBuf,
    size: u64,
    mode: u32,
    from: From,
}

#[derive(Clone, Debug)]
enum From {
    Directory,
    File { from: PathBuf, sha256: Digest },
    Memory(Arc<Vec<u8>>),
}

impl Source {
    pub fn new(listed: &Listed, about: Vec<u8>) -> Self {
        let mut entries = Vec::new();
        for (entry, from) in listed.listing.0.iter().zip(&listed.from) {
            let (path, mode) = (PathBuf::from(&entry.path), mode(&entry.path, from, 0o600));
            let from = From::File { from: from.clone(), sha256: entry.sha256 };
            entries.push(Planned { path, size: entry.bytes, mode, from });
        }
        for (path, bytes) in [(ABOUT, about), (LISTING, listed.listing.text().into_bytes())] {
            let size = bytes.len() as u64;
            let from = From::Memory(Arc::new(bytes));
            entries.push(Planned { path: PathBuf::from(path), size, mode: 0o600, from });
        }
        entries.extend(directories(&entries));
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        let files = entries.iter().filter(|it| !matches!(it.from, From::Directory)).count() as u64;
        Self { entries, files, seen: Seen::default() }
    }

    /// Whether every file was read to its end, and was what the listing says.
    pub fn sound(&self) -> Sound {
        let (seen, files) = (self.seen.clone(), self.files);
        Sound::when(move || seen.count() == files)
    }

    pub fn is_sound(&self) -> bool {
        self.seen.count() == self.files
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
            let directory = Planned { path: path.to_owned(), size: 0, mode, from: From::Directory };
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
    seen: Seen,
}

impl ReadSourceOpen for Open {
    type Reader = Checked;

    fn open(self) -> RusticResult<Checked> {
        let Self { from, seen } = self;
        let (inner, sha256): (Box<dyn Read + Send>, _) = match from {
            From::Directory => (Box::new(io::empty()), None),
            From::Memory(bytes) => (Box::new(Cursor::new(bytes.as_ref().clone())), None),
            From::File { from, sha256 } => {
                let file = listing::open(&from).map_err(|error| {
                    RusticError::new(rustic_core::ErrorKind::InputOutput, error.to_string())
                })?;
                (Box::new(file), Some(sha256))
            }
        };
        Ok(Checked { inner, expected: sha256, hasher: Sha256::new(), seen, ended: false })
    }
}

/// Reads on, and at the end compares with what was listed.
pub struct Checked {
    inner: Box<dyn Read + Send>,
    expected: Option<Digest>,
    hasher: Sha256,
    seen: Seen,
    ended: bool,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if self.expected.is_some() {
            self.hasher.update(&buffer[..count]);
        }
        if count == 0 && !buffer.is_empty() && !self.ended {
            self.ended = true;
            let sha256 = Digest(std::mem::take(&mut self.hasher).finalize().into());
            match self.expected {
                Some(expected) if expected != sha256 => {
                    return Err(io::Error::other("it is not as it was listed"));
                }
                Some(_) | None => self.seen.0.fetch_add(1, Ordering::Release),
            };
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
    seen: Seen,
}

impl Iterator for Entries {
    type Item = RusticResult<ReadSourceEntry<Open>>;

    fn next(&mut self) -> Option<Self::Item> {
        let Planned { path, size, mode, from } = self.entries.next()?;
        let kind = match from {
            From::Directory => NodeType::Dir,
            From::File { .. } | From::Memory(_) => NodeType::File,
        };
        let epoch = Some(jiff::Timestamp::UNIX_EPOCH);
        let about = Metadata { mode: Some(mode), mtime: epoch, size, ..Metadata::default() };
        let name = path.file_name().expect("the root is not among the entries");
        let node = Node::new_node(name, kind, about);
        let open = Some(Open { from, seen: self.seen.clone() });
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
        Entries { entries: self.entries.clone().into_iter(), seen: self.seen.clone() }
    }
}
