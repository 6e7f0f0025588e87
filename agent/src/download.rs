//! Fetches an artifact over HTTPS, resuming where it stopped.
//!
//! What is on the disk is the state: `<sha256>.part`, as long as it is. It is read and hashed
//! again before more is added, so nothing has to be believed about it. The server is not believed
//! either: only the signed size and digest count, and a server that lies about ranges costs its
//! bytes from a budget.
//!
//! Blocking: it has a thread of its own.

pub mod attempt;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use shared::digest::Digest;
use shared::document::release::Artifact;
use shared::durable;
use shared::outcome::FailureCode;
use tracing::{debug, info};

use crate::stop::{Stop, Waited};
use attempt::{Attempt, Interrupted};

/// How long and how much to try before the job is told that it does not go on.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Attempts in a row that brought nothing new.
    pub attempts: u32,
    /// The longest pause after the first of them; doubles with each.
    pub pause_first: Duration,
    pub pause_max: Duration,
    /// Bytes received in one fetch, as a multiple of the artifact's size.
    pub bytes_factor: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            attempts: 5,
            pause_first: Duration::from_secs(2),
            pause_max: Duration::from_secs(60),
            bytes_factor: 2,
        }
    }
}

/// Why an artifact is not there. What was received stays for the next time, unless it is wrong.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    #[error("`{url}` was not reached in {attempts} attempts: {last}")]
    Unreachable { url: String, attempts: u32, last: Interrupted },
    #[error("`{url}` answers {status}")]
    Status { url: String, status: u16 },
    #[error("`{url}` answers {status}, and asks to come again later")]
    Later { url: String, status: u16, after: Duration },
    #[error("`{url}` gives {got} bytes, but {signed} were signed")]
    OtherSize { url: String, got: u64, signed: u64 },
    #[error("the received bytes have SHA-256 {got}, but {signed} was signed")]
    OtherDigest { got: Digest, signed: Digest },
    #[error("the artifact was not downloaded: {got} of {signed} bytes are there")]
    Incomplete { got: u64, signed: u64 },
    #[error("{received} bytes were received for an artifact of {signed}")]
    BudgetSpent { received: u64, signed: u64 },
    #[error("the download was given up")]
    Stopped,
    #[error("{doing} `{}` failed", path.display())]
    Disk {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl DownloadError {
    /// Whether it is only the network that is missing.
    pub fn is_network(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Later { .. } | Self::Stopped => true,
            // Overloaded, or behind something that is.
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..=599),
            Self::OtherSize { .. }
            | Self::OtherDigest { .. }
            | Self::Incomplete { .. }
            | Self::BudgetSpent { .. }
            | Self::Disk { .. } => false,
        }
    }

    /// When to come again, where the server has said so.
    pub fn again_in(&self) -> Option<Duration> {
        match self {
            Self::Later { after, .. } => Some(*after),
            Self::Unreachable { .. }
            | Self::Status { .. }
            | Self::OtherSize { .. }
            | Self::OtherDigest { .. }
            | Self::Incomplete { .. }
            | Self::BudgetSpent { .. }
            | Self::Stopped
            | Self::Disk { .. } => None,
        }
    }

    pub fn code(&self) -> FailureCode {
        match self {
            Self::Unreachable { .. }
            | Self::Status { .. }
            | Self::Later { .. }
            | Self::Incomplete { .. }
            | Self::BudgetSpent { .. }
            | Self::Stopped => FailureCode::ArtifactUnavailable,
            Self::OtherSize { .. } | Self::OtherDigest { .. } => FailureCode::ArtifactMismatch,
            Self::Disk { source, .. } => {
                let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
                let full = full.contains(&source.kind());
                if full { FailureCode::DiskFull } else { FailureCode::Internal }
            }
        }
    }
}

/// Downloads into one directory.
pub struct Downloads {
    directory: PathBuf,
    /// Where artifacts are, without a slash at the end: `https://host:port/v1/artifacts`.
    base: String,
    /// Makes a client for one download, so that it can be shut down with it.
    client: Box<dyn Fn() -> ureq::Agent + Send + Sync>,
    budget: Budget,
}

impl std::fmt::Debug for Downloads {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "downloads from {} into {}", self.base, self.directory.display())
    }
}

impl Downloads {
    /// Makes the directory if need be.
    pub fn open(
        directory: PathBuf,
        base: String,
        client: impl Fn() -> ureq::Agent + Send + Sync + 'static,
    ) -> Result<Self, DownloadError> {
        let make = || {
            fs::create_dir_all(&directory)?;
            durable::sync_directory(durable::parent_of(&directory))
        };
        make().map_err(failed("making", &directory))?;
        Ok(Self { directory, base, client: Box::new(client), budget: Budget::default() })
    }

    pub fn path(&self, artifact: &Artifact) -> PathBuf {
        self.directory.join(format!("{}.part", artifact.sha256))
    }

    /// Fetches what is missing, and checks size and digest of the whole. `progress` is told how
    /// many bytes are there.
    pub fn fetch(
        &self,
        artifact: &Artifact,
        stop: &Stop,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), DownloadError> {
        let path = self.path(artifact);
        let mut partial = Partial::open(path, artifact)?;
        durable::sync_directory(&self.directory)
            .map_err(failed("synchronising", &self.directory))?;
        progress(partial.length);
        if partial.length < artifact.size {
            self.receive(&mut partial, artifact, stop, progress)?;
        }
        let resumed = partial.resumed;
        match partial.finish(artifact) {
            // Some of it is from another day: that may be what is wrong.
            Err(DownloadError::OtherDigest { got, .. }) if resumed => {
                info!(%got, "the bytes of an earlier download are damaged; it begins anew");
                self.fetch(artifact, stop, progress)
            }
            finished => finished,
        }
    }

    fn receive(
        &self,
        partial: &mut Partial,
        artifact: &Artifact,
        stop: &Stop,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), DownloadError> {
        let client = (self.client)();
        let for_hook = client.clone();
        stop.interrupt_by(move || for_hook.shutdown());
        let url = format!("{}/{}", self.base, artifact.sha256);
        let bytes_max = artifact.size.saturating_mul(self.budget.bytes_factor);
        let mut received = 0;
        let mut in_vain = 0;
        loop {
            if stop.is_asked() {
                return Err(DownloadError::Stopped);
            }
            let before = received;
            let mut attempt = Attempt { client: &client, url: &url, artifact, stop, bytes_max };
            let interrupted = match attempt.run(partial, &mut received, progress) {
                Ok(None) => return Ok(()),
                Ok(Some(interrupted)) => interrupted,
                // The others whom it has told the same do not come at the same moment.
                Err(DownloadError::Later { url, status, after }) => {
                    let after = after + self.pause(u32::BITS);
                    return Err(DownloadError::Later { url, status, after });
                }
                Err(error) => return Err(error),
            };
            partial.sync()?;
            if received >= bytes_max {
                let signed = artifact.size;
                return Err(DownloadError::BudgetSpent { received, signed });
            }
            in_vain = if received > before { 0 } else { in_vain + 1 };
            debug!(%url, length = partial.length, in_vain, %interrupted, "download interrupted");
            if in_vain >= self.budget.attempts {
                let (attempts, last) = (in_vain, interrupted);
                return Err(DownloadError::Unreachable { url, attempts, last });
            }
            if stop.wait(self.pause(in_vain)) == Waited::Stopped {
                return Err(DownloadError::Stopped);
            }
        }
    }

    /// Full jitter: a fleet whose server comes back must not arrive together.
    fn pause(&self, in_vain: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(in_vain.saturating_sub(1));
        let most = self.budget.pause_first.saturating_mul(doubled).min(self.budget.pause_max);
        // Without randomness the longest pause is the kindest.
        let share = getrandom::u32().map_or(1.0, |drawn| f64::from(drawn) / f64::from(u32::MAX));
        most.mul_f64(share)
    }

    /// Checks size and digest of what was downloaded; deletes it if they are wrong.
    pub fn verify(&self, artifact: &Artifact) -> Result<(), DownloadError> {
        let partial = Partial::open(self.path(artifact), artifact)?;
        if partial.length < artifact.size {
            let (got, signed) = (partial.length, artifact.size);
            return Err(DownloadError::Incomplete { got, signed });
        }
        partial.finish(artifact)
    }

    /// The downloaded bytes, to be checked by whoever uses them.
    pub fn file(&self, artifact: &Artifact) -> Result<File, DownloadError> {
        let path = self.path(artifact);
        File::open(&path).map_err(failed("opening", &path))
    }

    /// Deletes what was downloaded, if anything was.
    pub fn discard(&self, artifact: &Artifact) -> Result<(), DownloadError> {
        let path = self.path(artifact);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("removing", &path)(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// What is there of an artifact, and its digest so far.
struct Partial {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    length: u64,
    /// Some of it was there before.
    resumed: bool,
    /// Bytes since the last fsync.
    unsynchronised: u64,
}

/// Written at most this far ahead of the disk: what a power cut can cost.
const SYNC_EVERY: u64 = 4 * 1024 * 1024;

impl Partial {
    /// Opens or makes the file and hashes what is there. What is longer than the artifact cannot
    /// be its beginning.
    fn open(path: PathBuf, artifact: &Artifact) -> Result<Self, DownloadError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(failed("opening", &path))?;
        let (hasher, length) = (Sha256::new(), 0);
        let mut partial = Self { path, file, hasher, length, resumed: false, unsynchronised: 0 };
        partial.hash_what_is_there().map_err(failed("reading", &partial.path))?;
        if partial.length > artifact.size {
            partial.begin_anew()?;
        }
        partial.resumed = partial.length > 0;
        Ok(partial)
    }

    fn hash_what_is_there(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => {
                    self.hasher.update(&buffer[..read]);
                    self.length += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn begin_anew(&mut self) -> Result<(), DownloadError> {
        let empty = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        empty.map_err(failed("emptying", &self.path))?;
        (self.hasher, self.length, self.resumed) = (Sha256::new(), 0, false);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), DownloadError> {
        let written = io::Write::write_all(&mut self.file, bytes);
        written.map_err(failed("writing", &self.path))?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        self.unsynchronised += bytes.len() as u64;
        if self.unsynchronised >= SYNC_EVERY { self.sync() } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<(), DownloadError> {
        self.unsynchronised = 0;
        self.file.sync_all().map_err(failed("synchronising", &self.path))
    }

    /// Compares the whole with what was signed, and deletes it if it is something else.
    fn finish(mut self, artifact: &Artifact) -> Result<(), DownloadError> {
        self.sync()?;
        let got = Digest(self.hasher.finalize().into());
        if got == artifact.sha256 {
            return Ok(());
        }
        fs::remove_file(&self.path).map_err(failed("removing", &self.path))?;
        Err(DownloadError::OtherDigest { got, signed: artifact.sha256 })
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DownloadError {
    let path = path.to_owned();
    move |source| DownloadError::Disk { doing, path, source }
}

#[cfg(test)]
mod tests;
