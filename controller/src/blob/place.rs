//! One of the two places where everything that terminals save is kept.
//!
//! A repository is a folder as restic expects it (`config`, `data/xx/…`, `index/`, `snapshots/`),
//! with its sealed key beside: whoever has a place and a recovery identity needs nothing else of
//! this fleet.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use sha2::{Digest as _, Sha256};
use shared::backup::Kind;
use shared::digest::Digest;
use shared::id::{RepositoryId, TerminalId};

use super::{BlobError, Item, Memory, Standing, Store, Upload, leftovers, s3};
use crate::backup::ObjectKey;
use crate::config::{PlaceConfig, PlaceUrl};

/// The two, in the order in which objects come into them.
#[derive(Clone, Debug)]
pub struct Places(pub [Arc<Place>; 2]);

impl Places {
    /// Without looking whether they are there ([`Place::ready`]).
    pub fn open(places: &[PlaceConfig; 2], memory: &Memory) -> Result<Self, BlobError> {
        let [first, second] = places;
        Ok(Self([Arc::new(Place::open(first, memory)?), Arc::new(Place::open(second, memory)?)]))
    }

    /// Where terminals write, and where they read first.
    pub fn first(&self) -> &Place {
        &self.0[0]
    }

    pub fn second(&self) -> &Place {
        &self.0[1]
    }
}

/// One place. Nothing is written into it and nothing removed from it unless it is there.
#[derive(Debug)]
pub struct Place {
    pub name: String,
    pub region: String,
    pub(super) url: PlaceUrl,
    pub(super) memory: Memory,
    /// Once it could be opened.
    store: OnceLock<Store>,
    standing: Mutex<Standing>,
}

/// Something that lies in the folder of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    path: Path,
    pub is_sealed_key: bool,
}

impl Place {
    /// A bucket's files are read now; a directory is opened when it is there.
    pub fn open(config: &PlaceConfig, memory: &Memory) -> Result<Self, BlobError> {
        let PlaceConfig { name, region, url } = config.clone();
        let (memory, store, standing) = (memory.clone(), OnceLock::new(), Mutex::default());
        let place = Self { name, region, url, memory, store, standing };
        match &place.url {
            PlaceUrl::Directory(_) => {}
            PlaceUrl::S3(_) => drop(place.store()?),
        }
        Ok(place)
    }

    /// As it was when somebody last asked whether it is there.
    pub fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A directory that is gone is not made anew: that is for whoever marks it.
    pub(super) fn store(&self) -> Result<&Store, BlobError> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let opened: Arc<dyn ObjectStore> = match &self.url {
            PlaceUrl::Directory(path) => Arc::new(directory(path)?),
            PlaceUrl::S3(bucket) => s3::store(bucket)
                .map_err(Box::new)
                .map_err(|source| BlobError::Bucket { place: self.name.clone(), source })?,
        };
        Ok(self.store.get_or_init(|| Store(opened)))
    }

    /// Clears away what uploads left behind that were cut off long ago; gives how many.
    pub async fn clear_leftovers(&self) -> Result<u64, BlobError> {
        let PlaceUrl::Directory(path) = &self.url else { return Ok(0) };
        self.ready().await?;
        let path = path.clone();
        let cleared = tokio::task::spawn_blocking(move || {
            let failed = |source| BlobError::Open { path: path.clone(), source };
            leftovers::clear(&path, SystemTime::now()).map_err(failed)
        });
        cleared.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    }

    fn item(&self, key: &ObjectKey) -> Item {
        let ObjectKey { terminal, repository, name } = key;
        let (terminal, repository) = (terminal.to_string(), repository.to_string());
        let (kind, sha256) = (name.kind.as_str(), name.sha256.to_string());
        let folder = [terminal.as_str(), repository.as_str(), kind];
        let path = match name.kind {
            Kind::Config => Path::from_iter(folder),
            // As restic spreads its packs over folders.
            Kind::Data => Path::from_iter(folder.into_iter().chain([&sha256[..2], &sha256])),
            Kind::Index | Kind::Snapshots | Kind::SealedKey => {
                Path::from_iter(folder.into_iter().chain([sha256.as_str()]))
            }
        };
        Item { what: format!("{kind} {sha256} of {repository} in place `{}`", self.name), path }
    }

    pub async fn read(
        &self,
        key: &ObjectKey,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes, BlobError>> + Send + use<>, BlobError> {
        self.store()?.read(&self.item(key), range).await
    }

    /// In bytes; `None` when it is not there.
    pub async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, BlobError> {
        self.store()?.size(&self.item(key)).await
    }

    /// Begins to store an object; the same object is replaced by itself.
    pub async fn upload(&self, key: &ObjectKey, bytes_max: u64) -> Result<Upload, BlobError> {
        self.ready().await?;
        self.store()?.upload(self.item(key), key.name.sha256, bytes_max).await
    }

    /// Stores something small where nothing is; gives whether nothing was.
    pub async fn create(&self, key: &ObjectKey, bytes: Bytes) -> Result<bool, BlobError> {
        self.ready().await?;
        self.store()?.create(&self.item(key), bytes).await
    }

    /// SHA-256 of the bytes that are there, by reading all of them; `None` when it is not there.
    pub async fn digest(&self, key: &ObjectKey) -> Result<Option<Digest>, BlobError> {
        let Some(pieces) = self.store()?.read_all(&self.item(key)).await? else { return Ok(None) };
        let add = async |mut hasher: Sha256, piece: Bytes| {
            hasher.update(&piece);
            Ok(hasher)
        };
        let hasher = pieces.try_fold(Sha256::new(), add).await?;
        Ok(Some(Digest(hasher.finalize().into())))
    }

    /// Writes what lies in another place over what may lie here; gives whether there was anything.
    pub async fn copy_from(&self, other: &Self, key: &ObjectKey) -> Result<bool, BlobError> {
        let Some(pieces) = other.store()?.read_all(&other.item(key)).await? else {
            return Ok(false);
        };
        let mut upload = self.upload(key, u64::MAX).await?;
        let mut pieces = std::pin::pin!(pieces);
        while let Some(piece) = pieces.try_next().await? {
            upload.write(piece).await?;
        }
        upload.finish().await.map(|_bytes| true)
    }

    fn folder(&self, terminal: TerminalId, repository: RepositoryId) -> Item {
        let path = Path::from_iter([terminal.to_string(), repository.to_string()]);
        Item { what: format!("{repository} in place `{}`", self.name), path }
    }

    /// Some of what lies in the folder of a repository, whether anybody knows of it or not.
    pub async fn left_of(
        &self,
        terminal: TerminalId,
        repository: RepositoryId,
        limit: usize,
    ) -> Result<Vec<Left>, BlobError> {
        self.ready().await?;
        let paths = self.store()?.list(&self.folder(terminal, repository), limit).await?;
        let is_sealed_key =
            |path: &Path| path.parts().any(|part| part.as_ref() == Kind::SealedKey.as_str());
        let left = |path: Path| Left { is_sealed_key: is_sealed_key(&path), path };
        Ok(paths.into_iter().map(left).collect())
    }

    /// What is not there is removed already.
    #[cfg(test)]
    pub async fn remove(&self, key: &ObjectKey) -> Result<(), BlobError> {
        self.ready().await?;
        self.store()?.remove(&self.item(key)).await
    }

    /// What is not there is removed already.
    pub async fn remove_left(&self, left: &Left) -> Result<(), BlobError> {
        self.ready().await?;
        let what = format!("{} in place `{}`", left.path, self.name);
        self.store()?.remove(&Item { what, path: left.path.clone() }).await
    }

    /// Removes the folder of a repository of which nothing is left, with what is no object in it,
    /// so that a power cut does not bring it back.
    pub async fn sweep(
        &self,
        terminal: TerminalId,
        repository: RepositoryId,
    ) -> Result<(), BlobError> {
        let PlaceUrl::Directory(directory) = &self.url else { return Ok(()) };
        self.ready().await?;
        let of_terminal = directory.join(terminal.to_string());
        let folder = of_terminal.join(repository.to_string());
        let swept = tokio::task::spawn_blocking({
            let folder = folder.clone();
            move || sweep(&folder, &of_terminal)
        });
        let swept = swept.await.unwrap_or_else(|panicked| Err(io::Error::other(panicked)));
        swept.map_err(|source| BlobError::Sweep { path: folder, source })
    }
}

fn sweep(folder: &FilePath, of_terminal: &FilePath) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    match fs::File::open(of_terminal) {
        Ok(directory) => directory.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn directory(path: &FilePath) -> Result<LocalFileSystem, BlobError> {
    let failed = |source| BlobError::Open { path: path.to_owned(), source };
    fs::metadata(path).map_err(failed)?;
    let store = LocalFileSystem::new_with_prefix(path);
    Ok(store.map_err(|error| failed(io::Error::other(error)))?.with_fsync(true))
}
