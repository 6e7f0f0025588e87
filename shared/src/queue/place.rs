//! Where a store lives on disk, and the files beside the database.
//!
//! ```text
//! <directory>/lock               held while a process has the store open
//! <directory>/opening            opens that began and did not come back
//! <directory>/high-water.a, .b   see `mark`
//! <directory>/reserve            given up when the disk is full
//! <directory>/queue.sled/        the database
//! <directory>/queue.sled.corrupt-<n>/   damaged databases that were moved aside
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::durable::{parent_of, sync_directory};

use super::error::OpenError;

/// Opens in a row that may end without coming back, killed by the database or by chance, before
/// the database is taken for the cause. A panic comes back; an abort or a hang does not.
pub(super) const OPENS_WITHOUT_RETURN_MAX: u8 = 3;

/// Damaged databases kept for whoever wants to look: the newest two, so that damage which comes
/// back does not fill the disk.
const MOVED_ASIDE_KEPT: usize = 2;

#[derive(Debug)]
pub(super) struct Place {
    directory: PathBuf,
    reserve_bytes: u64,
    /// Locked as long as it is open.
    _lock: File,
}

impl Place {
    /// Makes the directory if it is missing, and locks it.
    pub(super) fn take(directory: &Path, reserve_bytes: u64) -> Result<Self, OpenError> {
        let prepare = |source| OpenError::Prepare { path: directory.to_owned(), source };
        fs::create_dir_all(directory).map_err(prepare)?;
        sync_directory(parent_of(directory)).map_err(prepare)?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(directory.join("lock"))
            .map_err(prepare)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { path: directory.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(prepare(source)),
        }
        Ok(Self { directory: directory.to_owned(), reserve_bytes, _lock: lock })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn database(&self) -> PathBuf {
        self.directory.join("queue.sled")
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        sync_directory(&self.directory)
    }

    /// Notes durably that an open begins; returns how many before it did not come back.
    pub(super) fn begin_open(&self) -> io::Result<u8> {
        let path = self.directory.join("opening");
        let unreturned = match fs::read(&path) {
            Ok(bytes) => bytes.first().copied().unwrap_or(0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
        file.write_all(&[unreturned.saturating_add(1)])?;
        file.sync_all()?;
        self.sync()?;
        Ok(unreturned)
    }

    /// Notes durably that the open came back, one way or the other.
    pub(super) fn end_open(&self) -> io::Result<()> {
        match fs::remove_file(self.directory.join("opening")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => self.sync(),
        }
    }

    /// Moves the database aside and returns where it is now.
    pub(super) fn move_database_aside(&self) -> Result<PathBuf, OpenError> {
        let failed = |source| OpenError::MoveAside { path: self.directory.clone(), source };
        let before = self.moved_aside().map_err(failed)?;
        let number = before.last().map_or(1, |(number, _)| number + 1);
        let aside = self.directory.join(format!("queue.sled.corrupt-{number}"));
        fs::rename(self.database(), &aside).map_err(failed)?;
        self.sync().map_err(failed)?;
        let too_many = (before.len() + 1).saturating_sub(MOVED_ASIDE_KEPT);
        for (_, old) in before.iter().take(too_many) {
            fs::remove_dir_all(old).map_err(failed)?;
        }
        Ok(aside)
    }

    /// Oldest first.
    fn moved_aside(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|it| it.strip_prefix("queue.sled.corrupt-"));
            if let Some(number) = number.and_then(|it| it.parse().ok()) {
                found.push((number, entry.path()));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Makes sure that the reserve is there in full.
    pub(super) fn fill_reserve(&self) -> io::Result<()> {
        let path = self.reserve();
        if self.reserve_bytes == 0 {
            return Ok(());
        }
        let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
        let mut missing = self.reserve_bytes.saturating_sub(file.metadata()?.len());
        if missing == 0 {
            return Ok(());
        }
        let zeroes = vec![0; 64 * 1024];
        while missing > 0 {
            let step = missing.min(zeroes.len() as u64);
            file.write_all(&zeroes[..step as usize])?;
            missing -= step;
        }
        // Until now the file system has only promised the blocks.
        file.sync_all()?;
        self.sync()
    }

    /// Gives the reserve up. Says whether there was one.
    pub(super) fn release_reserve(&self) -> io::Result<bool> {
        match fs::remove_file(self.reserve()) {
            Ok(()) => self.sync().map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn reserve(&self) -> PathBuf {
        self.directory.join("reserve")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time() {
        let directory = tempfile::tempdir().expect("a directory");
        let held = Place::take(directory.path(), 0).expect("free");
        assert!(matches!(Place::take(directory.path(), 0), Err(OpenError::InUse { .. })));
        drop(held);
        Place::take(directory.path(), 0).expect("free again");
    }

    #[test]
    fn opens_that_never_return_are_counted_until_one_does() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = Place::take(directory.path(), 0).expect("free");
        for unreturned in 0..4 {
            assert_eq!(place.begin_open().expect("noted"), unreturned);
        }
        place.end_open().expect("noted");
        assert_eq!(place.begin_open().expect("noted"), 0);
    }

    #[test]
    fn the_newest_two_damaged_databases_are_kept() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = Place::take(directory.path(), 0).expect("free");
        for number in 1..=12 {
            fs::create_dir(place.database()).expect("a database");
            let aside = place.move_database_aside().expect("moved");
            assert!(aside.ends_with(format!("queue.sled.corrupt-{number}")));
        }
        let kept: Vec<u64> =
            place.moved_aside().expect("listed").into_iter().map(|(number, _)| number).collect();
        assert_eq!(kept, [11, 12]);
    }

    #[test]
    fn the_reserve_is_as_large_as_asked_and_can_be_given_up() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = Place::take(directory.path(), 100_000).expect("free");
        place.fill_reserve().expect("room");
        place.fill_reserve().expect("already there");
        assert_eq!(fs::metadata(place.reserve()).expect("a file").len(), 100_000);
        assert!(place.release_reserve().expect("removed"));
        assert!(!place.release_reserve().expect("nothing to remove"));
    }
}
