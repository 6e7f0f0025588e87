//! Where the program works: `<state>/backup`, used by one process at a time, and with whose
//! identity.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent::config::StateDir;
use agent::https::{self, Believing};
use agent::identity::Identity;
use agent::snapshot::protocol::Reach;
use agent::stop::Stop;
use shared::tls::CertificateTime;

use crate::failure::Failure;
use crate::keys::make_private;
use crate::place::{Https, Place, Told};

#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    identity: Identity,
    place: Arc<dyn Place>,
    /// Held while this lives.
    _lock: File,
}

impl Home {
    /// Reaches the controller as this terminal.
    pub fn open(state: &Path, reach: &Reach, stop: Stop, told: Told) -> Result<Self, Failure> {
        let identity = identity(state)?;
        let time = CertificateTime::above(reach.time_floor);
        let client = https::client(Believing::As(&identity), &time).map_err(Failure::Tls)?;
        let place = Arc::new(Https::new(client, &reach.url, stop, told));
        Self::at(state, identity, place)
    }

    /// With a place that is given.
    pub fn at(state: &Path, identity: Identity, place: Arc<dyn Place>) -> Result<Self, Failure> {
        let (path, lock) = lock(state)?;
        Ok(Self { path, identity, place, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn cache(&self) -> PathBuf {
        self.path.join("cache")
    }

    pub fn restore_identity(&self) -> PathBuf {
        self.path.join("restore-identity")
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    pub fn place(&self) -> &Arc<dyn Place> {
        &self.place
    }

    pub(crate) fn failed(&self, source: io::Error) -> Failure {
        Failure::Directory { path: self.path.clone(), source }
    }
}

/// Who this terminal is.
pub fn identity(state: &Path) -> Result<Identity, Failure> {
    Ok(Identity::load(&StateDir::new(state.to_owned()).identity())?)
}

/// The directory, and the lock that says that it is used.
pub fn lock(state: &Path) -> Result<(PathBuf, File), Failure> {
    let path = state.join("backup");
    let failed = |source| Failure::Directory { path: path.clone(), source };
    make_private(&path).map_err(failed)?;
    let lock = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path.join("lock"))
        .map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok((path, lock)),
        Err(TryLockError::WouldBlock) => Err(Failure::InUse(path)),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
