//! Artifacts, each stored under the SHA-256 of its bytes in one directory.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures::Stream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use shared::digest::Digest;

use super::{BlobError, Item, Store, Upload, leftovers};

const ARTIFACTS: &str = "artifacts";

/// Where artifacts are.
#[derive(Clone, Debug)]
pub struct Blobs(Store);

impl Blobs {
    /// In a directory, which is made when it is not there.
    pub fn in_directory(path: &FilePath) -> Result<Self, BlobError> {
        let failed = |source| BlobError::Open { path: path.to_owned(), source };
        let artifacts = path.join(ARTIFACTS);
        fs::create_dir_all(&artifacts).map_err(failed)?;
        leftovers::clear(&artifacts, SystemTime::now()).map_err(failed)?;
        let store = LocalFileSystem::new_with_prefix(path)
            .map_err(|error| failed(io::Error::other(error)))?;
        Ok(Self(Store(Arc::new(store.with_fsync(true)))))
    }

    /// In bytes; `None` when it is not there.
    pub async fn size(&self, sha256: Digest) -> Result<Option<u64>, BlobError> {
        self.0.size(&item(sha256)).await
    }

    /// Some of the bytes of an artifact that is there; `range` lies within its size.
    pub async fn read(
        &self,
        sha256: Digest,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes, BlobError>> + Send + use<>, BlobError> {
        self.0.read(&item(sha256), range).await
    }

    /// Begins to store an artifact of at most `bytes_max`.
    pub async fn upload(&self, sha256: Digest, bytes_max: u64) -> Result<Upload, BlobError> {
        self.0.upload(item(sha256), sha256, bytes_max).await
    }
}

fn item(sha256: Digest) -> Item {
    let path = Path::from_iter([ARTIFACTS, &sha256.to_string()]);
    Item { what: format!("artifact {sha256}"), path }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt as _;

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
}
