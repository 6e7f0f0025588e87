//! Files that are either there whole, and survive a power cut, or not there at all.
//!
//! Deliberately absent: writing in place, and removing. A private key is never overwritten;
//! [`create`] refuses an existing name even when two processes race for it.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Its owner alone (mode 0600).
    Owner,
    /// Everybody on the machine (mode 0644).
    Everyone,
}

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    #[error("{path} exists already and is left as it is", path = .0.display())]
    Exists(PathBuf),
    #[error("cannot write {path}", path = path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Writes a new file.
pub fn create(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), NotWritten> {
    let failed = |source| NotWritten::Write { path: path.to_owned(), source };
    let file = staged(path, bytes, readers).map_err(failed)?;
    file.persist_noclobber(path).map_err(|refused| match refused.error.kind() {
        io::ErrorKind::AlreadyExists => NotWritten::Exists(path.to_owned()),
        _ => failed(refused.error),
    })?;
    sync_directory(directory_of(path)).map_err(failed)
}

/// Writes a file, in the place of an earlier one if there is one.
pub fn replace(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), NotWritten> {
    let failed = |source| NotWritten::Write { path: path.to_owned(), source };
    let file = staged(path, bytes, readers).map_err(failed)?;
    file.persist(path).map_err(|refused| failed(refused.error))?;
    sync_directory(directory_of(path)).map_err(failed)
}

/// Makes names that were created, renamed or removed in `directory` survive a power cut.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// The directory that holds `path`; the current one for a bare name.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) | None => Path::new("."),
    }
}

/// The content on disk under a temporary name beside `path`, private until the very end.
fn staged(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(directory_of(path))?;
    file.write_all(bytes)?;
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Everyone => 0o644,
    };
    fs::set_permissions(file.path(), Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_file_is_never_overwritten_by_create() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        create(&path, b"first", Readers::Owner).unwrap();
        let refused = create(&path, b"second", Readers::Owner).unwrap_err();
        assert!(matches!(refused, NotWritten::Exists(_)), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_private_file_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        for (name, readers, mode) in
            [("key", Readers::Owner, 0o600), ("list", Readers::Everyone, 0o644)]
        {
            let path = dir.path().join(name);
            create(&path, b"", readers).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
            replace(&path, b"x", readers).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        }
    }
}
