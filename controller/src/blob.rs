//! Artifacts, each stored under the SHA-256 of its bytes; the only file that knows the object
//! store. A directory now; a bucket is another constructor.
//!
//! An artifact is there whole and right, or not at all: its bytes are hashed as they come, beside
//! the place where they will be, and take that place only when the digest is the promised one.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, WriteMultipart};
use sha2::{Digest as _, Sha256};
use shared::digest::Digest;

const ARTIFACTS: &str = "artifacts";

/// Pieces of an upload that are being written at the same time.
const PIECES_IN_FLIGHT_MAX: usize = 2;

/// An upload that nobody finished is cleared away when it is this old: by then its sender has
/// given up, also one that writes through another controller into the same directory.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Why bytes could not be stored or fetched.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("the blob directory {} cannot be used", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("artifact {sha256} could not be stored")]
    Write {
        sha256: Digest,
        #[source]
        source: object_store::Error,
    },
    #[error("artifact {sha256} could not be read")]
    Read {
        sha256: Digest,
        #[source]
        source: object_store::Error,
    },
    #[error("what was sent as {wanted} is {got}")]
    OtherBytes { wanted: Digest, got: Digest },
    #[error("artifact {sha256} is larger than {max} bytes")]
    TooLarge { sha256: Digest, max: u64 },
}

/// Where artifacts are.
#[derive(Clone, Debug)]
pub struct Blobs(Arc<dyn ObjectStore>);

impl Blobs {
    /// In a directory, which is made when it is not there.
    pub fn in_directory(path: &FilePath) -> Result<Self, BlobError> {
        let failed = |source| BlobError::Open { path: path.to_owned(), source };
        let artifacts = path.join(ARTIFACTS);
        fs::create_dir_all(&artifacts).map_err(failed)?;
        clear_abandoned(&artifacts, SystemTime::now()).map_err(failed)?;
        let store = LocalFileSystem::new_with_prefix(path)
            .map_err(|error| failed(io::Error::other(error)))?;
        Ok(Self(Arc::new(store.with_fsync(true))))
    }

    /// In bytes; `None` when it is not there.
    pub async fn size(&self, sha256: Digest) -> Result<Option<u64>, BlobError> {
        match self.0.head(&place(sha256)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(BlobError::Read { sha256, source }),
        }
    }

    /// Some of the bytes of an artifact that is there; `range` lies within its size.
    pub async fn read(
        &self,
        sha256: Digest,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes, BlobError>> + Send + use<>, BlobError> {
        let failed = move |source| BlobError::Read { sha256, source };
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.0.get_opts(&place(sha256), options).await.map_err(failed)?;
        Ok(found.into_stream().map_err(failed))
    }

    /// Begins to store an artifact of at most `bytes_max`.
    pub async fn upload(&self, sha256: Digest, bytes_max: u64) -> Result<Upload, BlobError> {
        let begun = self.0.put_multipart(&place(sha256)).await;
        let begun = begun.map_err(|source| BlobError::Write { sha256, source })?;
        let pieces = WriteMultipart::new(begun);
        Ok(Upload { sha256, bytes_max, bytes: 0, hasher: Sha256::new(), pieces })
    }
}

fn place(sha256: Digest) -> Path {
    Path::from_iter([ARTIFACTS, &sha256.to_string()])
}

/// An artifact on its way in. Dropped before its end, it leaves nothing behind.
#[derive(Debug)]
pub struct Upload {
    sha256: Digest,
    bytes_max: u64,
    bytes: u64,
    hasher: Sha256,
    pieces: WriteMultipart,
}

impl Upload {
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        let sha256 = self.sha256;
        self.bytes += bytes.len() as u64;
        if self.bytes > self.bytes_max {
            return Err(BlobError::TooLarge { sha256, max: self.bytes_max });
        }
        self.hasher.update(&bytes);
        let room = self.pieces.wait_for_capacity(PIECES_IN_FLIGHT_MAX).await;
        room.map_err(|source| BlobError::Write { sha256, source })?;
        self.pieces.put(bytes);
        Ok(())
    }

    /// Publishes the artifact if its bytes are the promised ones, and gives its size. When this
    /// returns, a power cut cannot undo it.
    pub async fn finish(self) -> Result<u64, BlobError> {
        let (wanted, got) = (self.sha256, Digest(self.hasher.finalize().into()));
        let failed = |source| BlobError::Write { sha256: wanted, source };
        if got != wanted {
            self.pieces.abort().await.map_err(failed)?;
            return Err(BlobError::OtherBytes { wanted, got });
        }
        self.pieces.finish().await.map_err(failed)?;
        Ok(self.bytes)
    }
}

/// The store writes beside the final place, under a name with a `#`; a process that is killed
/// leaves such a file behind.
fn clear_abandoned(directory: &FilePath, now: SystemTime) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let old = entry.metadata()?.modified()?;
        let old = now.duration_since(old).is_ok_and(|age| age >= ABANDONED_AFTER);
        if old && entry.file_name().to_string_lossy().contains('#') {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn store(blobs: &Blobs, name: Digest, bytes: &[u8]) -> Result<u64, BlobError> {
        let mut upload = blobs.upload(name, 1024 * 1024).await?;
        for piece in bytes.chunks(7_000) {
            upload.write(Bytes::copy_from_slice(piece)).await?;
        }
        upload.finish().await
    }

    fn files(directory: &FilePath) -> Vec<String> {
        let names = fs::read_dir(directory.join(ARTIFACTS)).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[tokio::test]
    async fn what_was_stored_is_read_back_in_any_range() {
        let directory = tempfile::tempdir().unwrap();
        let blobs = Blobs::in_directory(directory.path()).unwrap();
        let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let name = Digest::of(&bytes);
        assert_eq!(blobs.size(name).await.unwrap(), None);
        assert_eq!(store(&blobs, name, &bytes).await.unwrap(), 400_000);
        assert_eq!(store(&blobs, name, &bytes).await.unwrap(), 400_000, "a second time");
        assert_eq!(blobs.size(name).await.unwrap(), Some(400_000));
        for range in [0..400_000, 0..1, 399_999..400_000, 12_345..290_000] {
            let read = blobs.read(name, range.clone()).await.unwrap();
            let read: Vec<Bytes> = read.try_collect().await.unwrap();
            let (from, to) = (range.start as usize, range.end as usize);
            assert_eq!(read.concat(), bytes[from..to], "{range:?}");
        }
    }

    #[tokio::test]
    async fn other_bytes_than_promised_are_not_kept() {
        let directory = tempfile::tempdir().unwrap();
        let blobs = Blobs::in_directory(directory.path()).unwrap();
        let (wanted, got) = (Digest::of(b"promised"), Digest::of(b"sent"));
        let refused = store(&blobs, wanted, b"sent").await.unwrap_err();
        assert_eq!(refused.to_string(), format!("what was sent as {wanted} is {got}"));
        assert_eq!(blobs.size(wanted).await.unwrap(), None);
        assert_eq!(files(directory.path()), Vec::<String>::new());
    }

    #[tokio::test]
    async fn more_bytes_than_allowed_are_not_taken() {
        let directory = tempfile::tempdir().unwrap();
        let blobs = Blobs::in_directory(directory.path()).unwrap();
        let name = Digest::of(b"large");
        let mut upload = blobs.upload(name, 10).await.unwrap();
        upload.write(Bytes::from_static(b"0123456789")).await.unwrap();
        let refused = upload.write(Bytes::from_static(b"!")).await.unwrap_err();
        assert!(matches!(refused, BlobError::TooLarge { max: 10, .. }), "{refused:?}");
    }

    #[test]
    fn only_old_unfinished_uploads_are_cleared_away() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["aaaa", "bbbb#1"] {
            fs::File::create(directory.path().join(name)).unwrap();
        }
        let names = || fs::read_dir(directory.path()).unwrap().count();
        clear_abandoned(directory.path(), SystemTime::now()).unwrap();
        assert_eq!(names(), 2);
        clear_abandoned(directory.path(), SystemTime::now() + ABANDONED_AFTER).unwrap();
        assert_eq!(names(), 1);
        assert!(directory.path().join("aaaa").exists());
    }
}
