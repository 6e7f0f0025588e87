//! Releases as files: a directory of software becomes an archive and a document to be signed.
//!
//! The same directory gives the same bytes on every machine, whatever the times, owners and order
//! of its files, so that two people can build a release apart and sign the same digest.
//!
//! Deliberately absent: links, devices and anything else that is neither a file nor a directory;
//! a terminal unpacks nothing of the kind.

mod draft;
mod inspect;
mod pack;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use shared::digest::Digest;

pub use draft::{Draft, Mistake, NotARelease};
pub use inspect::{BadArchive, inspect};
pub use pack::{NotPacked, RefusedEntry, Why, pack};

/// Longest path of an entry: what fits the header of a plain tar archive (POSIX ustar). Longer
/// names would need extension entries, which some readers take for files.
const PATH_BYTES_MAX: usize = 255;

/// The files of one release, side by side in a directory.
#[derive(Clone, Debug)]
pub struct ReleaseFiles {
    pub directory: PathBuf,
}

impl ReleaseFiles {
    pub const ARTIFACT: &str = "artifact.tar.zst";
    pub const DOCUMENT: &str = "release.cose";

    /// From the directory, or from the document in it.
    pub fn at(path: &Path) -> Self {
        let directory = match path.is_dir() {
            true => path,
            false => shared::durable::parent_of(path),
        };
        Self { directory: directory.to_owned() }
    }

    pub fn artifact(&self) -> PathBuf {
        self.directory.join(Self::ARTIFACT)
    }

    pub fn document(&self) -> PathBuf {
        self.directory.join(Self::DOCUMENT)
    }
}

/// Passes bytes on and keeps their digest and number.
struct Hashing<W> {
    inner: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W> Hashing<W> {
    fn new(inner: W) -> Self {
        Self { inner, hasher: Sha256::new(), bytes: 0 }
    }

    fn finish(self) -> (W, Digest, u64) {
        (self.inner, Digest(self.hasher.finalize().into()), self.bytes)
    }

    fn saw(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.inner.write(bytes)?;
        self.saw(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: io::Read> io::Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(into)?;
        self.saw(&into[..got]);
        Ok(got)
    }
}
