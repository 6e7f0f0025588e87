//! Bytes in object stores: the only module that knows what an object store is. Artifacts lie in
//! [`Blobs`]; what terminals save lies in two [`Place`]s.
//!
//! A piece is there whole and right, or not at all: its bytes are hashed as they come, beside the
//! place where they will be, and take that place only when the digest is the promised one.

mod artifacts;
mod leftovers;
mod marker;
mod place;
mod presence;
mod s3;

pub use artifacts::Blobs;
pub use marker::Absent;
pub use place::{Left, Place, Places};
pub use presence::{Memory, NotThere, Ready, Standing};
pub use s3::S3Error;

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload, WriteMultipart,
};
use sha2::{Digest as _, Sha256};
use shared::digest::Digest;
use tokio::runtime::Handle;

/// Pieces of an upload that are being written at the same time.
const PIECES_IN_FLIGHT_MAX: usize = 2;

/// Why bytes could not be stored or fetched.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("the blob directory {} cannot be used", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("place `{place}` cannot be used")]
    Bucket {
        place: String,
        #[source]
        source: Box<S3Error>,
    },
    /// Neither what it holds nor what it lacks can be told.
    #[error("place `{place}` is not there")]
    NotThere {
        place: String,
        #[source]
        source: NotThere,
    },
    #[error("{what} could not be stored")]
    Write {
        what: String,
        #[source]
        source: object_store::Error,
    },
    /// The file system, or what this program may use of it.
    #[error("{what} could not be stored: there is no room")]
    Full { what: String },
    #[error("{what} could not be read")]
    Read {
        what: String,
        #[source]
        source: object_store::Error,
    },
    #[error("{what} could not be removed")]
    Remove {
        what: String,
        #[source]
        source: object_store::Error,
    },
    #[error("the folder {} could not be removed", path.display())]
    Sweep {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("what was sent as {wanted} is {got}")]
    OtherBytes { wanted: Digest, got: Digest },
    #[error("{what} is larger than {max} bytes")]
    TooLarge { what: String, max: u64 },
}

/// Something that is kept: what people call it, and where it lies.
#[derive(Clone, Debug)]
struct Item {
    what: String,
    path: Path,
}

impl Item {
    fn unwritten(&self) -> impl Fn(object_store::Error) -> BlobError + use<> {
        let what = self.what.clone();
        move |source| match no_room(&source) {
            true => BlobError::Full { what: what.clone() },
            false => BlobError::Write { what: what.clone(), source },
        }
    }

    fn unread(&self) -> impl Fn(object_store::Error) -> BlobError + use<> {
        let what = self.what.clone();
        move |source| BlobError::Read { what: what.clone(), source }
    }
}

/// Whether a store failed because its disk, or its owner's share of it, is used up.
fn no_room(error: &(dyn std::error::Error + 'static)) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => true,
        Some(_) | None => error.source().is_some_and(no_room),
    }
}

/// One object store.
#[derive(Clone, Debug)]
struct Store(Arc<dyn ObjectStore>);

impl Store {
    /// In bytes; `None` when it is not there.
    async fn size(&self, item: &Item) -> Result<Option<u64>, BlobError> {
        match self.0.head(&item.path).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(item.unread()(source)),
        }
    }

    /// Some of the bytes of what is there; `range` lies within its size.
    async fn read(
        &self,
        item: &Item,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes, BlobError>> + Send + use<>, BlobError> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.0.get_opts(&item.path, options).await.map_err(item.unread())?;
        Ok(found.into_stream().map_err(item.unread()))
    }

    /// Everything, piece by piece; `None` when it is not there.
    async fn read_all(
        &self,
        item: &Item,
    ) -> Result<Option<impl Stream<Item = Result<Bytes, BlobError>> + Send + use<>>, BlobError>
    {
        match self.0.get_opts(&item.path, GetOptions::default()).await {
            Ok(found) => Ok(Some(found.into_stream().map_err(item.unread()))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(item.unread()(source)),
        }
    }

    /// Begins to store something of at most `bytes_max`; what was there before is replaced.
    async fn upload(
        &self,
        item: Item,
        sha256: Digest,
        bytes_max: u64,
    ) -> Result<Upload, BlobError> {
        let begun = self.0.put_multipart(&item.path).await.map_err(item.unwritten())?;
        let pieces = Some(WriteMultipart::new(begun));
        Ok(Upload { item, sha256, bytes_max, bytes: 0, hasher: Sha256::new(), pieces })
    }

    /// Stores something small where nothing is; gives whether nothing was.
    async fn create(&self, item: &Item, bytes: Bytes) -> Result<bool, BlobError> {
        let made = self.0.put_opts(&item.path, PutPayload::from(bytes), PutMode::Create.into());
        match made.await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(source) => Err(item.unwritten()(source)),
        }
    }

    /// What lies at its top, by name.
    async fn names(&self, item: &Item) -> Result<Vec<String>, BlobError> {
        let listed = self.0.list_with_delimiter(None).await.map_err(item.unread())?;
        let files = listed.objects.into_iter().map(|object| object.location);
        let paths = listed.common_prefixes.into_iter().chain(files);
        Ok(paths.filter_map(|path| path.filename().map(str::to_owned)).collect())
    }

    /// Stores something small, whatever is there.
    async fn replace(&self, item: &Item, bytes: Bytes) -> Result<(), BlobError> {
        let made = self.0.put(&item.path, PutPayload::from(bytes)).await;
        made.map(drop).map_err(item.unwritten())
    }

    /// Some of what lies in this folder and below it.
    async fn list(&self, folder: &Item, limit: usize) -> Result<Vec<Path>, BlobError> {
        let found = self.0.list(Some(&folder.path)).take(limit);
        let paths = found.map_ok(|meta| meta.location).try_collect();
        paths.await.map_err(folder.unread())
    }

    /// What is not there is removed already.
    async fn remove(&self, item: &Item) -> Result<(), BlobError> {
        match self.0.delete(&item.path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(BlobError::Remove { what: item.what.clone(), source }),
        }
    }
}

/// Something on its way in. Dropped before its end, it leaves nothing behind.
#[derive(Debug)]
pub struct Upload {
    item: Item,
    sha256: Digest,
    bytes_max: u64,
    bytes: u64,
    hasher: Sha256,
    /// Until it is published or given up.
    pieces: Option<WriteMultipart>,
}

impl Upload {
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.bytes_max {
            return Err(BlobError::TooLarge { what: self.item.what.clone(), max: self.bytes_max });
        }
        self.hasher.update(&bytes);
        if let Some(pieces) = &mut self.pieces {
            let room = pieces.wait_for_capacity(PIECES_IN_FLIGHT_MAX).await;
            room.map_err(self.item.unwritten())?;
            pieces.put(bytes);
        }
        Ok(())
    }

    /// Publishes it if its bytes are the promised ones, and gives its size. When this returns, a
    /// power cut cannot undo it.
    pub async fn finish(mut self) -> Result<u64, BlobError> {
        let hasher = std::mem::take(&mut self.hasher);
        let (wanted, got) = (self.sha256, Digest(hasher.finalize().into()));
        let Some(pieces) = self.pieces.take() else { return Ok(self.bytes) };
        if got != wanted {
            pieces.abort().await.map_err(self.item.unwritten())?;
            return Err(BlobError::OtherBytes { wanted, got });
        }
        pieces.finish().await.map_err(self.item.unwritten())?;
        Ok(self.bytes)
    }
}

impl Drop for Upload {
    /// A bucket keeps the pieces of what nobody finishes until it is told. Nobody waits for that:
    /// one that is not told has a rule for it (deploy/backups.md).
    fn drop(&mut self) {
        if let (Some(pieces), Ok(runtime)) = (self.pieces.take(), Handle::try_current()) {
            runtime.spawn(async move {
                let _gone = pieces.abort().await;
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_failures_however_deep_it_is_said() {
        let failed = |kind: io::ErrorKind| {
            let source = Box::new(io::Error::other(io::Error::from(kind)));
            object_store::Error::Generic { store: "test", source }
        };
        let full = |kind| {
            let store = object_store::Error::Generic {
                store: "test",
                source: Box::new(io::Error::from(kind)),
            };
            no_room(&store)
        };
        assert!(full(io::ErrorKind::StorageFull));
        assert!(full(io::ErrorKind::QuotaExceeded));
        assert!(!full(io::ErrorKind::PermissionDenied));
        assert!(!no_room(&failed(io::ErrorKind::NotFound)));
    }
}
