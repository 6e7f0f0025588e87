//! The one place that knows the backup library. It speaks restic's repository format, version 2,
//! through a backend of ours over a [`Place`].
//!
//! The library leaves files out that it cannot read, with no more than a line of log. A snapshot
//! with less in it than its listing says must not exist, so [`Sound`] is asked before the snapshot
//! itself is written. Its way to restore many files at once panics where a pack cannot be read, so
//! files are read one after the other, and packs whole.

mod backend;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use data_encoding::BASE64;
use rustic_core::repofile::{Chunker, MasterKey, SnapshotFile};
use rustic_core::{
    BackupOptions, ConfigOptions, Credentials, IndexedFullStatus, KeyOptions, LsOptions,
    OpenStatus, ParentOptions, PathList, ReadSource, RepairIndexOptions, Repository,
    RepositoryBackends, RepositoryOptions, SnapshotOptions,
};
use shared::digest::Digest;
use shared::id::RepositoryId;
use shared::time::UnixTime;

use crate::keys::Key;
use crate::place::{Place, PlaceError};
use backend::Backend;

pub use backend::Sound;
pub use rustic_core::repofile::{Metadata, Node, NodeType};
pub use rustic_core::{ReadSourceEntry, RusticError, RusticResult};

/// Of a pack, before it is sent: what a broken connection costs at most.
const PACK_SIZE: &str = "4MiB";

/// Of a pack of directories.
const TREE_PACK_SIZE: &str = "1MiB";

/// Average length of a piece that a file is cut into, and its bounds.
const CHUNK_SIZES: [&str; 3] = ["128KiB", "512KiB", "2MiB"];

/// Why the repository could not be used.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Place(PlaceError),
    /// It names packs that are gone. What was saved with them cannot be relied on.
    #[error("packs of the repository are missing")]
    PacksMissing,
    #[error("{what}: {why}")]
    Library { what: &'static str, why: String },
}

/// An open repository.
#[derive(Debug)]
pub struct Engine {
    repository: Repository<OpenStatus>,
    backend: Arc<Backend>,
}

/// What a file in a snapshot is, and where.
pub type Found = (PathBuf, Node);

impl Engine {
    /// Opens the repository, or makes it where there is none. `cache` keeps what is read at every
    /// run, encrypted as it lies at its place.
    pub fn open(
        place: Arc<dyn Place>,
        id: RepositoryId,
        key: &Key,
        cache: Option<PathBuf>,
    ) -> Result<Self, EngineError> {
        let backend = Arc::new(Backend::new(place, id));
        let options = match cache {
            Some(directory) => RepositoryOptions::default().cache_dir(directory),
            None => RepositoryOptions::default().no_cache(true),
        };
        let backends = RepositoryBackends::new(Arc::clone(&backend) as Arc<_>, None);
        let opened = Repository::new(&options, &backends).and_then(|repository| {
            let credentials = Credentials::Masterkey(master_key(key));
            match repository.config_id()? {
                Some(_) => repository.open(&credentials),
                None => repository.init(&credentials, &KeyOptions::default(), &parameters()),
            }
        });
        let repository =
            opened.map_err(|e| backend.judge("the repository cannot be opened", &e))?;
        Ok(Self { repository, backend })
    }

    /// Counts what this run stores.
    pub fn sent(&self) -> Sent {
        Sent(Arc::clone(&self.backend))
    }

    /// Puts packs into the index that an interrupted run has stored and not indexed.
    pub fn adopt_packs(&self) -> Result<(), EngineError> {
        let adopted = self.repository.repair_index(&RepairIndexOptions::default(), false);
        adopted.map_err(|error| self.backend.judge("the index cannot be completed", &error))
    }

    /// The snapshot that carries this tag.
    pub fn tagged(&self, tag: &str) -> Result<Option<Snapshot>, EngineError> {
        let all = self.repository.get_all_snapshots();
        let all = all.map_err(|e| self.backend.judge("the snapshots cannot be read", &e))?;
        let mut tagged = all.into_iter().filter(|snapshot| snapshot.tags.contains(tag));
        Ok(tagged.next().map(Snapshot))
    }

    /// The snapshot of this id.
    pub fn snapshot(&self, id: Digest) -> Result<Snapshot, EngineError> {
        let found = self.repository.get_snapshots(&[id.to_string()]);
        let found = found.map_err(|e| self.backend.judge("the snapshot cannot be read", &e))?;
        found.into_iter().next().map(Snapshot).ok_or(EngineError::Library {
            what: "the snapshot cannot be read",
            why: "it is not there".to_owned(),
        })
    }

    /// Saves everything that `source` gives, and then the snapshot, if `sound` lets it. What
    /// `parent` has with the same size and times is taken over from it, and not read.
    pub fn save<R>(
        self,
        source: &R,
        sound: Sound,
        parent: Option<Digest>,
        about: &About,
    ) -> Result<Snapshot, EngineError>
    where
        R: ReadSource + 'static,
        R::Open: Send,
        R::Iter: Send,
    {
        let Self { repository, backend } = self;
        backend.ask_before_snapshot(sound);
        let snapshot = || -> RusticResult<SnapshotFile> {
            let time = jiff::Timestamp::from_second(about.taken_at.0).unwrap_or_default();
            let options = SnapshotOptions::default()
                .host(about.host.clone())
                .time(time.to_zoned(jiff::tz::TimeZone::UTC))
                .command("tillward-snapshot".to_owned())
                .add_tags(&about.tag)?;
            let parent = match parent {
                Some(parent) => ParentOptions::default().parents(vec![parent.to_string()]),
                None => ParentOptions::default().force(true),
            };
            let backup = BackupOptions::default().no_scan(true).parent_opts(parent);
            let indexed = repository.to_indexed_ids()?;
            let paths = PathList::from_string("/")?.paths();
            indexed.archive(&backup, source, options.to_snapshot()?, &paths)
        };
        let saved = snapshot();
        saved.map(Snapshot).map_err(|error| backend.judge("the data cannot be saved", &error))
    }

    /// Reads the index, so that files can be read.
    pub fn read(self) -> Result<Reader, EngineError> {
        let Self { repository, backend } = self;
        match repository.to_indexed() {
            Ok(repository) => {
                backend.read_whole_packs();
                Ok(Reader { repository, backend })
            }
            Err(error) => Err(backend.judge("the index cannot be read", &error)),
        }
    }
}

/// A counter that outlives the engine.
#[derive(Debug)]
pub struct Sent(Arc<Backend>);

impl Sent {
    /// Of bodies alone.
    pub fn bytes(&self) -> u64 {
        self.0.bytes_sent()
    }
}

/// What restic's tools show of a snapshot.
#[derive(Debug)]
pub struct About {
    pub host: String,
    pub tag: String,
    pub taken_at: UnixTime,
}

/// A snapshot in the repository.
#[derive(Debug)]
pub struct Snapshot(SnapshotFile);

impl Snapshot {
    pub fn id(&self) -> Digest {
        self.0.id.to_hex().as_str().parse().expect("an id is 64 hexadecimal digits")
    }
}

/// An open repository whose files can be read.
#[derive(Debug)]
pub struct Reader {
    repository: Repository<IndexedFullStatus>,
    backend: Arc<Backend>,
}

impl Reader {
    /// One file of the snapshot, whole; the caller knows that it is small.
    pub fn file(&self, snapshot: &Snapshot, path: &str) -> Result<Vec<u8>, EngineError> {
        let node = self.repository.node_from_snapshot_and_path(&snapshot.0, path);
        let mut bytes = Vec::new();
        node.and_then(|node| self.repository.dump(&node, &mut bytes))
            .map_err(|error| self.backend.judge("a file of the snapshot cannot be read", &error))?;
        Ok(bytes)
    }

    /// Writes one file's bytes to `out`.
    pub fn copy(&self, node: &Node, out: &mut impl std::io::Write) -> Result<(), EngineError> {
        let copied = self.repository.dump(node, out);
        copied.map_err(|error| self.backend.judge("a file cannot be read", &error))
    }

    /// Everything in the snapshot, directories before what is in them.
    pub fn all(&self, snapshot: &Snapshot) -> Result<Vec<Found>, EngineError> {
        let listed = || {
            let root = self.repository.node_from_snapshot_and_path(&snapshot.0, "")?;
            self.repository.ls(&root, &LsOptions::default())?.collect()
        };
        let listed: RusticResult<Vec<Found>> = listed();
        listed.map_err(|error| self.backend.judge("the snapshot cannot be listed", &error))
    }
}

fn master_key(key: &Key) -> MasterKey {
    let [encrypt, k, r] = key.parts().map(|part| BASE64.encode(part));
    let json = serde_json::json!({ "mac": { "k": k, "r": r }, "encrypt": encrypt });
    serde_json::from_value(json).expect("the form in which restic writes a key")
}

/// Of a new repository. What is not restic's own is ignored by restic.
fn parameters() -> ConfigOptions {
    fn size<T: FromStr>(text: &str) -> Option<T> {
        Some(text.parse().ok().expect("the sizes above are sizes"))
    }
    let [chunk_min, chunk, chunk_max] = CHUNK_SIZES;
    let mut options = ConfigOptions::default();
    options.set_chunker = Some(Chunker::Rabin);
    options.set_chunk_size = size(chunk);
    options.set_chunk_min_size = size(chunk_min);
    options.set_chunk_max_size = size(chunk_max);
    options.set_datapack_size = size(PACK_SIZE);
    options.set_datapack_growfactor = Some(0);
    options.set_treepack_size = size(TREE_PACK_SIZE);
    options.set_treepack_growfactor = Some(0);
    options
}
