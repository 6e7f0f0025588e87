//! Unpacks a release: a tar archive compressed with zstd, of plain files and directories only.
//!
//! Everything that is not on the list of what may be is refused: links, devices, names that lead
//! out, set-user-id bits, extension records of tar (which can lengthen names and change sizes, and
//! whose readers disagree). Nothing larger than what was signed is ever written or held.

use std::collections::BTreeSet;
use std::io::{self, Read, Write as _};
use std::path::{Component, Path, PathBuf};

use shared::document::release::Artifact;

use super::fs::{Disk, Mode};

/// Entries in one archive, whatever was signed: each costs a file and an fsync.
pub const ENTRIES_MAX: u32 = 100_000;

/// Bytes of one name: what a tar header holds without extensions.
const NAME_BYTES_MAX: usize = 255;

const DEPTH_MAX: usize = 32;

/// The decompressor's memory, as a power of two: 8 MiB, which zstd's level 19 needs.
const WINDOW_LOG_MAX: u32 = 23;

/// An archive's end: two empty blocks, padded to a whole record.
const END_BYTES: u64 = 10 * 1024;

/// Why an archive was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    #[error("entry `{entry}` {why}")]
    Refused { entry: String, why: &'static str },
    #[error("more than the {signed} entries that were signed")]
    TooManyEntries { signed: u32 },
    #[error("{got} entries, but {signed} were signed")]
    TooFewEntries { got: u32, signed: u32 },
    #[error("the files have {got} bytes, but {signed} were signed")]
    OtherSize { got: u64, signed: u64 },
    #[error("it unpacks to more than the {signed} bytes that were signed")]
    TooLarge { signed: u64 },
    #[error("the archive cannot be read")]
    Unreadable(#[source] io::Error),
    #[error("`{}` could not be written", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Unpacks into the empty directory `into`. When this returns, every byte and every name below
/// it, and its own list of names, are durable.
pub(super) fn unpack<D: Disk>(
    disk: &D,
    compressed: impl Read,
    into: &Path,
    signed: &Artifact,
) -> Result<(), UnpackError> {
    let entries_max = signed.entries.min(ENTRIES_MAX);
    let mut decoder =
        zstd::stream::read::Decoder::new(compressed).map_err(UnpackError::Unreadable)?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(UnpackError::Unreadable)?;
    let budget = signed.unpacked_size.saturating_add(u64::from(entries_max) * 1024 + END_BYTES);
    let mut bytes = Capped { inner: decoder, left: budget, exceeded: false };
    let mut unpacking = Unpacking {
        disk,
        into,
        signed,
        entries: 0,
        files_bytes: 0,
        files: BTreeSet::new(),
        directories: BTreeSet::new(),
    };
    let result = unpacking.run(&mut bytes);
    if bytes.exceeded {
        return Err(UnpackError::TooLarge { signed: signed.unpacked_size });
    }
    result
}

struct Unpacking<'a, D> {
    disk: &'a D,
    into: &'a Path,
    signed: &'a Artifact,
    entries: u32,
    files_bytes: u64,
    files: BTreeSet<PathBuf>,
    /// Named by the archive, or made for something below. In order: parents before children.
    directories: BTreeSet<PathBuf>,
}

impl<D: Disk> Unpacking<'_, D> {
    fn run(&mut self, bytes: &mut impl Read) -> Result<(), UnpackError> {
        let mut archive = tar::Archive::new(&mut *bytes);
        let entries = archive.entries().map_err(UnpackError::Unreadable)?.raw(true);
        for entry in entries {
            let mut entry = entry.map_err(UnpackError::Unreadable)?;
            self.entries += 1;
            if self.entries > self.signed.entries.min(ENTRIES_MAX) {
                return Err(UnpackError::TooManyEntries { signed: self.signed.entries });
            }
            self.entry(&mut entry)?;
        }
        // What follows the end must be read too, or a bomb could hide behind it unmeasured.
        io::copy(bytes, &mut io::sink()).map_err(UnpackError::Unreadable)?;
        self.compare_with_signed()?;
        for directory in self.directories.iter().rev().map(PathBuf::as_path).chain([Path::new("")])
        {
            let directory = self.into.join(directory);
            self.disk.sync_directory(&directory).map_err(write_failed(&directory))?;
        }
        Ok(())
    }

    fn compare_with_signed(&self) -> Result<(), UnpackError> {
        let Artifact { entries, unpacked_size, .. } = *self.signed;
        if self.entries != entries {
            return Err(UnpackError::TooFewEntries { got: self.entries, signed: entries });
        }
        if self.files_bytes != unpacked_size {
            return Err(UnpackError::OtherSize { got: self.files_bytes, signed: unpacked_size });
        }
        Ok(())
    }

    fn entry(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), UnpackError> {
        let name = entry.path_bytes().into_owned();
        let refused = |why| UnpackError::Refused { entry: shown(&name), why };
        let header = entry.header();
        let mode = header.mode().map_err(UnpackError::Unreadable)?;
        if mode & 0o7000 != 0 {
            return Err(refused("asks for a set-user-id, set-group-id or sticky bit"));
        }
        let kind = header.entry_type();
        if kind.is_symlink() || kind.is_hard_link() {
            return Err(refused("is a link"));
        }
        if kind.is_character_special() || kind.is_block_special() || kind.is_fifo() {
            return Err(refused("is a device or a pipe"));
        }
        if !kind.is_file() && !kind.is_dir() {
            return Err(refused("is neither a plain file nor a directory"));
        }
        let is_directory = kind.is_dir();
        let path = safe_path(&name, is_directory).map_err(refused)?;
        if self.files.contains(&path) || self.directories.contains(&path) {
            return Err(refused("is there twice"));
        }
        let above: Vec<_> = path.ancestors().skip(1).filter(|p| *p != Path::new("")).collect();
        if above.iter().any(|parent| self.files.contains(*parent)) {
            return Err(refused("lies below something that is a file"));
        }
        // Directories on the way that the archive did not name.
        for parent in above.into_iter().rev() {
            if !self.directories.contains(parent) {
                self.make_directory(parent.to_owned())?;
            }
        }
        if is_directory {
            if entry.size() != 0 {
                return Err(refused("is a directory with content"));
            }
            return self.make_directory(path);
        }
        let mode = if mode & 0o100 == 0 { Mode::Plain } else { Mode::Executable };
        let target = self.into.join(&path);
        self.files.insert(path);
        self.write_file(entry, &target, mode)
    }

    fn make_directory(&mut self, path: PathBuf) -> Result<(), UnpackError> {
        let made = self.into.join(&path);
        self.disk.make_directory(&made).map_err(write_failed(&made))?;
        self.directories.insert(path);
        Ok(())
    }

    fn write_file(
        &mut self,
        content: &mut impl Read,
        path: &Path,
        mode: Mode,
    ) -> Result<(), UnpackError> {
        let mut file = self.disk.create_file(path, mode).map_err(write_failed(path))?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(UnpackError::Unreadable(error)),
            };
            self.files_bytes += read as u64;
            if self.files_bytes > self.signed.unpacked_size {
                return Err(UnpackError::TooLarge { signed: self.signed.unpacked_size });
            }
            file.write_all(&buffer[..read]).map_err(write_failed(path))?;
        }
        self.disk.sync_file(&mut file).map_err(write_failed(path))
    }
}

fn write_failed(path: &Path) -> impl FnOnce(io::Error) -> UnpackError + '_ {
    |source| UnpackError::Write { path: path.to_owned(), source }
}

/// A relative path of plain names, or why not.
fn safe_path(name: &[u8], is_directory: bool) -> Result<PathBuf, &'static str> {
    let text = std::str::from_utf8(name).map_err(|_| "has a name that is not UTF-8")?;
    let text = match is_directory {
        true => text.strip_suffix('/').unwrap_or(text),
        false => text,
    };
    if text.is_empty() || text.len() > NAME_BYTES_MAX {
        return Err("has no name, or a too long one");
    }
    if text.chars().any(char::is_control) {
        return Err("has a control character in its name");
    }
    let mut depth = 0;
    for part in text.split('/') {
        depth += 1;
        if part.is_empty() || part == "." || part == ".." {
            return Err("has a name that is absolute, or leads elsewhere");
        }
    }
    if depth > DEPTH_MAX {
        return Err("lies too deep");
    }
    let path = PathBuf::from(text);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    if plain { Ok(path) } else { Err("has a name that is absolute, or leads elsewhere") }
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(120).flat_map(char::escape_debug).collect()
}

/// Gives at most `left` bytes, and an error instead of one more.
struct Capped<R> {
    inner: R,
    left: u64,
    exceeded: bool,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => {
                self.left = left;
                Ok(read)
            }
            None => {
                self.exceeded = true;
                Err(io::ErrorKind::FileTooLarge.into())
            }
        }
    }
}

#[cfg(test)]
mod tests;
