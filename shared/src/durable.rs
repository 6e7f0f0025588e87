//! Files that a power cut finds either old or new, whole: written beside, synchronised, renamed,
//! and the directory synchronised. The only way in which this project replaces a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Why a file could not be replaced.
#[derive(Debug, thiserror::Error)]
#[error("`{}` could not be written", path.display())]
pub struct NotWritten {
    pub path: PathBuf,
    #[source]
    pub source: io::Error,
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Only its owner (mode 0600): keys, tokens.
    Owner,
    /// Everybody (mode 0644).
    Anyone,
}

/// Puts zeros where a file's bytes are, before it is removed: blocks that nobody overwrites stay
/// readable on the disk. What flash keeps elsewhere, nobody can say.
pub fn overwrite(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let length = file.metadata()?.len();
    io::copy(&mut io::repeat(0).take(length), &mut file)?;
    file.sync_all()
}

/// Replaces or makes the file at `path`. When this returns, a power cut cannot undo it.
pub fn replace_file(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), NotWritten> {
    let failed = |source| NotWritten { path: path.to_owned(), source };
    let parent = parent_of(path);
    let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    let mut beside = name.to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = parent.join(beside);
    write_beside(&beside, bytes, readers)
        .and_then(|()| fs::rename(&beside, path))
        .and_then(|()| sync_directory(parent))
        .map_err(|error| {
            // The rename may have taken it away; nothing else can be done about a leftover.
            let _gone = fs::remove_file(&beside);
            failed(error)
        })
}

fn write_beside(beside: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Anyone => 0o644,
    };
    match fs::remove_file(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(beside)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the names in a directory durable: without it, a new file may be gone after a power cut.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// The directory that holds `path`; the current one for a bare name.
pub fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_readers() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        replace_file(&path, b"old", Readers::Owner).unwrap();
        replace_file(&path, b"new", Readers::Owner).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let error = replace_file(Path::new("/proc/no/such"), b"", Readers::Anyone).unwrap_err();
        assert_eq!(error.to_string(), "`/proc/no/such` could not be written");
    }
}
