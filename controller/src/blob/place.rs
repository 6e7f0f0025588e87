//! One of the two places where everything that terminals save is kept.
//!
//! A repository is a folder as restic expects it (`config`, `data/xx/…`, `index/`, `snapshots/`),
//! with its sealed key beside: whoever has a place and a recovery identity needs nothing else of
//! this fleet.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use sha2::{Digest as _, Sha256};
use shared::backup::Kind;
use shared::digest::Digest;
use shared::id::{RepositoryId, TerminalId};

use super::{BlobError, Item, Store, Upload};
use crate::backup::ObjectKey;
use crate::config::{PlaceConfig, PlaceUrl};

/// The two, in the order in which objects come into them.
#[derive(Clone, Debug)]
pub struct Places(pub [Arc<Place>; 2]);

impl Places {
    pub fn open(places: &[PlaceConfig; 2]) -> Result<Self, BlobError> {
        let [first, second] = places;
        Ok(Self([Arc::new(Place::open(first)?), Arc::new(Place::open(second)?)]))
    }

    /// Where terminals write, and where they read first.
    pub fn first(&self) -> &Place {
        &self.0[0]
    }

    pub fn second(&self) -> &Place {
        &self.0[1]
    }
}

/// One place.
#[derive(Debug)]
pub struct Place {
    pub name: String,
    pub region: String,
    store: Store,
    /// Where it is one: what uploads that were cut left behind is no object, and is swept out.
    directory: Option<PathBuf>,
}

/// Something that lies in the folder of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    path: Path,
    pub is_sealed_key: bool,
}

impl Place {
    /// A directory is made when it is not there.
    pub fn open(config: &PlaceConfig) -> Result<Self, BlobError> {
        let PlaceConfig { name, region, url } = config;
        let (store, directory): (Arc<dyn ObjectStore>, _) = match url {
            PlaceUrl::Directory(path) => (Arc::new(directory(path)?), Some(path.clone())),
        };
        let (name, region, store) = (name.clone(), region.clone(), Store(store));
        Ok(Self { name, region, store, directory })
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
        self.store.read(&self.item(key), range).await
    }

    /// In bytes; `None` when it is not there.
    pub async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, BlobError> {
        self.store.size(&self.item(key)).await
    }

    /// Begins to store an object; the same object is replaced by itself.
    pub async fn upload(&self, key: &ObjectKey, bytes_max: u64) -> Result<Upload, BlobError> {
        self.store.upload(self.item(key), key.name.sha256, bytes_max).await
    }

    /// Stores something small where nothing is; gives whether nothing was.
    pub async fn create(&self, key: &ObjectKey, bytes: Bytes) -> Result<bool, BlobError> {
        self.store.create(&self.item(key), bytes).await
    }

    /// SHA-256 of the bytes that are there, by reading all of them; `None` when it is not there.
    pub async fn digest(&self, key: &ObjectKey) -> Result<Option<Digest>, BlobError> {
        let Some(pieces) = self.store.read_all(&self.item(key)).await? else { return Ok(None) };
        let add = async |mut hasher: Sha256, piece: Bytes| {
            hasher.update(&piece);
            Ok(hasher)
        };
        let hasher = pieces.try_fold(Sha256::new(), add).await?;
        Ok(Some(Digest(hasher.finalize().into())))
    }

    /// Writes what lies in another place over what may lie here; gives whether there was anything.
    pub async fn copy_from(&self, other: &Self, key: &ObjectKey) -> Result<bool, BlobError> {
        let Some(pieces) = other.store.read_all(&other.item(key)).await? else { return Ok(false) };
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
        let paths = self.store.list(&self.folder(terminal, repository), limit).await?;
        let is_sealed_key =
            |path: &Path| path.parts().any(|part| part.as_ref() == Kind::SealedKey.as_str());
        let left = |path: Path| Left { is_sealed_key: is_sealed_key(&path), path };
        Ok(paths.into_iter().map(left).collect())
    }

    /// What is not there is removed already.
    #[cfg(test)]
    pub async fn remove(&self, key: &ObjectKey) -> Result<(), BlobError> {
        self.store.remove(&self.item(key)).await
    }

    /// What is not there is removed already.
    pub async fn remove_left(&self, left: &Left) -> Result<(), BlobError> {
        let what = format!("{} in place `{}`", left.path, self.name);
        self.store.remove(&Item { what, path: left.path.clone() }).await
    }

    /// Removes the folder of a repository of which nothing is left, with what is no object in it,
    /// so that a power cut does not bring it back.
    pub async fn sweep(
        &self,
        terminal: TerminalId,
        repository: RepositoryId,
    ) -> Result<(), BlobError> {
        let Some(directory) = self.directory.clone() else { return Ok(()) };
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
    fs::create_dir_all(path).map_err(failed)?;
    let store = LocalFileSystem::new_with_prefix(path);
    Ok(store.map_err(|error| failed(io::Error::other(error)))?.with_fsync(true))
}
