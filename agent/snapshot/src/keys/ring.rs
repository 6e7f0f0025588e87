//! The keys that lie on this terminal: `<home>/<repository>/{key,sealed-key}`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use agent::identity::Identity;
use serde_bytes::ByteBuf;
use shared::document::{EpochKey, FORMAT};
use shared::durable::{self, NotWritten, Readers};
use shared::id::RepositoryId;
use shared::signature::Envelope;
use shared::time::UnixTime;
use zeroize::Zeroizing;

use super::{Key, Recipients, SealError, seal, shred};

const KEY: &str = "key";
const SEALED: &str = "sealed-key";

/// Why a key could not be made, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    #[error("no random numbers can be had from the system: {0}")]
    NoRandomness(getrandom::Error),
    #[error("the key cannot be kept")]
    NotWritten(#[from] NotWritten),
    #[error("the key is not sealed")]
    Seal(#[from] SealError),
    #[error("the key of {repository} cannot be read")]
    Read { repository: RepositoryId, source: io::Error },
    #[error("an old key cannot be removed from `{}`", path.display())]
    NotRemoved { path: PathBuf, source: io::Error },
}

/// Whose keys they are.
#[derive(Debug)]
pub struct Ring<'a> {
    home: &'a Path,
}

impl<'a> Ring<'a> {
    pub fn new(home: &'a Path) -> Self {
        Self { home }
    }

    fn directory(&self, repository: RepositoryId) -> PathBuf {
        self.home.join(repository.to_string())
    }

    /// `None` where it is missing or damaged.
    pub fn key(&self, repository: RepositoryId) -> Result<Option<Key>, RingError> {
        let read = Key::read(&self.directory(repository).join(KEY));
        read.map_err(|source| RingError::Read { repository, source })
    }

    /// The key as it was sealed: sealing it again would give other bytes.
    pub fn sealed(&self, repository: RepositoryId) -> Result<Vec<u8>, RingError> {
        let read = fs::read(self.directory(repository).join(SEALED));
        read.map_err(|source| RingError::Read { repository, source })
    }

    /// Makes a key for a new repository, and seals it. Both are durable when this returns.
    pub fn make(
        &self,
        repository: RepositoryId,
        made_at: UnixTime,
        identity: &Identity,
        recipients: &Recipients,
    ) -> Result<Vec<u8>, RingError> {
        let key = Key::generate().map_err(RingError::NoRandomness)?;
        let mut said = Envelope::unsigned(EpochKey {
            format: FORMAT,
            terminal: identity.facts.terminal,
            repository,
            made_at,
            key: ByteBuf::from(key.as_bytes()),
        });
        said.sign(identity.facts.fleet, identity.key.private());
        let sealed = seal(&Zeroizing::new(said.to_bytes()), recipients)?;
        let directory = self.directory(repository);
        let not_made = |source| NotWritten { path: directory.clone(), source };
        make_private(&directory).map_err(not_made)?;
        key.write(&directory.join(KEY))?;
        durable::replace_file(&directory.join(SEALED), &sealed, Readers::Owner)?;
        Ok(sealed)
    }

    /// Overwrites and removes every key but one, with the directories that they lie in.
    pub fn forget_others(&self, keep: Option<RepositoryId>) -> Result<(), RingError> {
        let not_removed = |path: &Path| {
            let path = path.to_owned();
            |source| RingError::NotRemoved { path, source }
        };
        let entries = match fs::read_dir(self.home) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(not_removed(self.home))?,
        };
        for entry in entries {
            let path = entry.map_err(not_removed(self.home))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).map(str::parse);
            let Some(Ok(repository)) = name else { continue };
            if keep != Some(repository) {
                for file in fs::read_dir(&path).map_err(not_removed(&path))? {
                    let file = file.map_err(not_removed(&path))?.path();
                    shred(&file).map_err(not_removed(&file))?;
                }
                fs::remove_dir(&path).map_err(not_removed(&path))?;
            }
        }
        Ok(())
    }
}

/// Makes a directory that only its owner may enter, and its name durable.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    durable::sync_directory(durable::parent_of(path))
}
