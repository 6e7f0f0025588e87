//! The database under the store: ordered rows, one atomic and durable commit at a time.
//!
//! **The only file that names sled.** What it has to make up for, found by reading sled 0.34.7
//! and by cutting its power:
//!
//! - `flush()` is `sync_file_range` on Linux and survives no power cut: [`Database::commit`] adds
//!   the real barrier, `fsync` of the log file `db`.
//! - Pages above 128 KiB go to files that are never made durable: see `record::INLINE_BYTES_MAX`.
//! - A power cut while it opens can leave a torn `snap.*.generating`, which the next open would
//!   take for the newest snapshot and refuse: these are removed first.
//! - It skips damaged parts of its log without a word: the sums in `books` notice.
//! - It panics where others return an error: every call is fenced.
//! - Its cache grows beyond its size: see [`Database::touch`].
//! - A dropped handle keeps its file locked until its worker threads have let go of it.
//! - An error of its log stays for the life of the handle: the owner drops it and opens again.
//!
//! Deliberately absent: its trees, transactions, merge operators and background flushing.

use std::fs::{self, File};
use std::io;
use std::ops::{Bound, ControlFlow};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::durable::sync_directory;

use super::error::DatabaseError;
use super::options::Barrier;

/// Pages that stay in memory. The store reads little, and mostly what it has just written.
const CACHE_BYTES: u64 = 1024 * 1024;

/// See [`Database::touch`].
const TOUCHES: usize = 4;

/// How long the threads of a dropped handle may hold on to its file.
const UNLOCK_PATIENCE: Duration = Duration::from_secs(10);
const UNLOCK_STEP: Duration = Duration::from_millis(2);

/// Changed rows, `None` for a removal.
pub(super) type Rows = Vec<(Vec<u8>, Option<Vec<u8>>)>;

pub(super) struct Database {
    /// There until it is dropped.
    rows: Option<sled::Db>,
    log: File,
    barrier: Barrier,
}

impl Database {
    /// Opens the database in this directory, and makes it if there is none.
    pub(super) fn open(path: &Path, barrier: Barrier) -> Result<Self, DatabaseError> {
        let io_failed = DatabaseError::from_io;
        fs::create_dir_all(path).map_err(io_failed)?;
        for torn in snapshots(path).map_err(io_failed)?.filter(|it| is_unfinished(it)) {
            fs::remove_file(torn).map_err(io_failed)?;
        }
        wait_until_unlocked(&path.join("db"))?;
        let rows = fenced(|| {
            sled::Config::new()
                .path(path)
                .cache_capacity(CACHE_BYTES)
                .flush_every_ms(None)
                .open()
                .map_err(from_sled)
        })?;
        let log = File::open(path.join("db")).map_err(io_failed)?;
        log.sync_all().map_err(io_failed)?;
        File::open(path.join("conf")).and_then(|it| it.sync_all()).map_err(io_failed)?;
        sync_directory(path).map_err(io_failed)?;
        Ok(Self { rows: Some(rows), log, barrier })
    }

    /// Removes what an open can make again: the snapshots, which only shorten it, and the file of
    /// settings, which are always ours.
    pub(super) fn forget_what_is_derived(path: &Path) -> io::Result<()> {
        for file in snapshots(path)?.chain([path.join("conf")]).filter(|file| file.exists()) {
            fs::remove_file(file)?;
        }
        sync_directory(path)
    }

    /// The cache has 256 parts, and each takes account of accesses in lots of 64: a page that is
    /// used a few times only stays in memory for ever. A few more accesses to each row make the
    /// cache keep to its size: opening a full queue then takes 12 MB instead of 34.
    fn touch(&self, key: &[u8]) -> Result<(), DatabaseError> {
        for _ in 0..TOUCHES {
            self.rows().get(key).map_err(from_sled)?;
        }
        Ok(())
    }

    fn rows(&self) -> &sled::Db {
        self.rows.as_ref().expect("a database is open until it is dropped")
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, DatabaseError> {
        fenced(|| Ok(self.rows().get(key).map_err(from_sled)?.map(|row| row.to_vec())))
    }

    /// Shows the rows of a range in key order until `look` breaks off.
    pub(super) fn range(
        &self,
        range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        mut look: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, DatabaseError>,
    ) -> Result<(), DatabaseError> {
        fenced(|| {
            for row in self.rows().range::<Vec<u8>, _>(range) {
                let (key, value) = row.map_err(from_sled)?;
                self.touch(&key)?;
                if look(&key, &value)?.is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Returns when all of the rows are durable. After an error none or all of them may be found
    /// by the next open, and this handle is of no more use.
    pub(super) fn commit(&self, rows: Rows) -> Result<(), DatabaseError> {
        fenced(|| {
            let mut batch = sled::Batch::default();
            let keys: Vec<_> = rows.iter().map(|(key, _)| key.clone()).collect();
            for (key, row) in rows {
                match row {
                    Some(row) => batch.insert(key, row),
                    None => batch.remove(key),
                }
            }
            self.rows().apply_batch(batch).map_err(from_sled)?;
            self.rows().flush().map_err(from_sled)?;
            keys.iter().try_for_each(|key| self.touch(key))
        })?;
        match self.barrier {
            Barrier::PowerCut => self.log.sync_all().map_err(DatabaseError::from_io),
            Barrier::FlushOnly => Ok(()),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let rows = self.rows.take();
        if let Err(error) = fenced(|| {
            drop(rows);
            Ok(())
        }) {
            tracing::warn!(%error, "the database did not close in order");
        }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Database").field("barrier", &self.barrier).finish_non_exhaustive()
    }
}

/// Turns a panic into damage. Whoever holds the handle drops it after damage, so nothing that was
/// left half done is ever looked at.
fn fenced<T>(act: impl FnOnce() -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|payload| {
        let text = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("without a message");
        Err(DatabaseError::damaged(format!("it panicked: {text}")))
    })
}

/// What the operating system refuses is not damage, except where the refusal is that the bytes
/// cannot be read: a terminal whose flash has a bad block must start again, too.
fn from_sled(error: sled::Error) -> DatabaseError {
    let passing = [
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::QuotaExceeded,
        io::ErrorKind::ReadOnlyFilesystem,
        io::ErrorKind::StorageFull,
        io::ErrorKind::OutOfMemory,
        io::ErrorKind::Interrupted,
        io::ErrorKind::WouldBlock,
    ];
    match error {
        sled::Error::Io(source) if passing.contains(&source.kind()) => {
            DatabaseError::from_io(source)
        }
        sled::Error::Corruption { at, .. } => {
            DatabaseError::damaged(format!("unreadable bytes at {at:?}"))
        }
        damage @ (sled::Error::Io(_)
        | sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)) => DatabaseError::damaged(damage.to_string()),
    }
}

fn snapshots(path: &Path) -> io::Result<impl Iterator<Item = PathBuf>> {
    let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    Ok(entries
        .into_iter()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("snap."))
        .map(|entry| entry.path()))
}

fn is_unfinished(snapshot: &Path) -> bool {
    snapshot.extension().is_some_and(|extension| extension == "generating")
}

#[expect(
    clippy::disallowed_methods,
    reason = "nobody tells when the last thread of a dropped handle lets go of its file"
)]
fn wait_until_unlocked(log: &Path) -> Result<(), DatabaseError> {
    let file = match File::open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(DatabaseError::from_io(error)),
    };
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => return file.unlock().map_err(DatabaseError::from_io),
            Err(fs::TryLockError::WouldBlock) if waited < UNLOCK_PATIENCE => {
                thread::sleep(UNLOCK_STEP);
                waited += UNLOCK_STEP;
            }
            Err(error) => return Err(DatabaseError::from_io(error.into())),
        }
    }
}
