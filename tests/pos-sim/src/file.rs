//! Files that are replaced whole, and locks that end with their process.

use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::clock::Deadline;

/// Replaces the file: a reader sees the old content or the new, never a part.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let temporary = path.with_extension(format!("new-{}", std::process::id()));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    });
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Removes the file if it is there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Takes the lock at `path`, waiting up to `patience` for its owner to end. The lock lasts as long
/// as the returned file is open; the kernel drops it when the process dies, however it dies.
pub(crate) fn lock(path: &Path, patience: Duration) -> Result<File> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    let deadline = Deadline::after(patience);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if deadline.has_passed() => {
                bail!("{} is held: the same program already runs on this data", path.display());
            }
            Err(TryLockError::WouldBlock) => pause(),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the kernel has no lock that waits for a time")]
fn pause() {
    thread::sleep(Duration::from_millis(20));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_refused_while_held_and_free_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("till.lock");
        let held = lock(&path, Duration::ZERO).unwrap();
        let refused = lock(&path, Duration::from_millis(1)).unwrap_err();
        assert!(refused.to_string().contains("already runs"), "{refused:#}");
        drop(held);
        lock(&path, Duration::ZERO).unwrap();
    }

    #[test]
    fn a_replaced_file_holds_the_new_content_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("port");
        replace(&path, b"1").unwrap();
        replace(&path, b"2").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"2");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
