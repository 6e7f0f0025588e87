//! What can go wrong with the store, for the person who has to do something about it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the database under the store could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("no space is left on the device")]
    NoSpace {
        #[source]
        source: io::Error,
    },
    #[error("reading or writing failed")]
    Io {
        #[source]
        source: io::Error,
    },
    #[error("the database is damaged: {reason}")]
    Damaged { reason: String },
}

impl DatabaseError {
    pub(super) fn damaged(reason: impl Into<String>) -> Self {
        Self::Damaged { reason: reason.into() }
    }

    pub(super) fn from_io(source: io::Error) -> Self {
        let no_space = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        if no_space.contains(&source.kind()) {
            Self::NoSpace { source }
        } else {
            Self::Io { source }
        }
    }
}

/// Why a store could not be opened. Damage is not among the reasons: a damaged store is moved
/// aside and the loss is told.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot prepare the store directory `{path}`: check that it exists and may be written")]
    Prepare {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the store `{path}` is in use by another process: stop that process first")]
    InUse { path: PathBuf },
    #[error("cannot read or write the high-water mark in `{path}`")]
    Mark {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot open the database in `{path}`; nothing was changed")]
    Database {
        path: PathBuf,
        #[source]
        source: DatabaseError,
    },
    #[error("cannot move the damaged database in `{path}` aside")]
    MoveAside {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot start the thread of the store `{path}`")]
    Thread {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the store `{path}` did not open within {waited_s} s: restart this program")]
    Stuck { path: PathBuf, waited_s: u64 },
}

/// Why the store refused or failed. Whatever the reason, nothing of the batch was acknowledged.
/// After [`StoreError::DiskFull`], [`StoreError::Interrupted`] and [`StoreError::Stuck`] it may
/// still have become durable: a caller that tries again must be able to bear finding it there.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "the queue is full ({records} records, {bytes} bytes) and holds no telemetry to drop: \
         accept no new work until the other side has acknowledged some"
    )]
    QueueFull { records: u64, bytes: u64 },
    #[error("the disk of `{path}` is full: free some space, the store then recovers by itself")]
    DiskFull {
        path: PathBuf,
        #[source]
        source: Arc<DatabaseError>,
    },
    #[error(
        "the disk of `{path}` is full and its reserve is in use: new work and telemetry are \
         refused until some space is free"
    )]
    LowSpace { path: PathBuf },
    #[error("the store `{path}` failed; it reopens by itself when it is asked again")]
    Interrupted {
        path: PathBuf,
        #[source]
        source: Arc<DatabaseError>,
    },
    #[error(
        "the store `{path}` is damaged ({reason}): restart this program, which moves the \
         damaged files aside and starts empty"
    )]
    Damaged { path: PathBuf, reason: String },
    #[error("a {what} of {bytes} bytes is larger than the {max} that are allowed")]
    TooLarge { what: &'static str, bytes: usize, max: usize },
    #[error("too many requests wait for the store: ask again when some have been answered")]
    Busy,
    #[error("the store did not answer within {waited_s} s: restart this program")]
    Stuck { waited_s: u64 },
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    pub(super) fn from_database(directory: &Path, source: &Arc<DatabaseError>) -> Self {
        let path = directory.to_owned();
        match &**source {
            DatabaseError::NoSpace { .. } => Self::DiskFull { path, source: Arc::clone(source) },
            DatabaseError::Io { .. } => Self::Interrupted { path, source: Arc::clone(source) },
            DatabaseError::Damaged { reason } => Self::Damaged { path, reason: reason.clone() },
        }
    }
}
