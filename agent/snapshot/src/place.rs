//! Where repositories are kept, as far as a terminal may use it: make an object, read one, list
//! them, hand in a manifest. Nothing is ever changed or removed.

mod directory;
mod https;

use std::fmt::Debug;
use std::ops::Range;

use shared::backup::{Kind, Listed, Newest, ObjectName};
use shared::digest::Digest;
use shared::id::RepositoryId;

pub use directory::Directory;
pub use https::{Https, Told};

/// Why something could not be stored or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PlaceError {
    /// Nobody is to blame, and the next attempt may succeed.
    #[error("{what}: {why}")]
    Unreachable { what: String, why: String },
    #[error("{what}: the controller answers {status}: {why}")]
    Refused { what: String, status: u16, why: String },
    #[error("{what} is not there")]
    Missing { what: String },
    #[error("{what} is not what its name says")]
    Damaged { what: String },
    #[error("this terminal was asked to stop")]
    Stopped,
}

/// How an object is called in messages.
pub fn called(repository: RepositoryId, name: ObjectName) -> String {
    match name.kind {
        Kind::Config => format!("`config` of {repository}"),
        kind @ (Kind::Data | Kind::Index | Kind::Snapshots | Kind::SealedKey) => {
            format!("`{kind}/{}` of {repository}", name.sha256.short())
        }
    }
}

/// The bytes of a whole object, if they are what its name says; the name of `config` says nothing.
fn whole(what: String, name: ObjectName, bytes: Vec<u8>) -> Result<Vec<u8>, PlaceError> {
    match name.kind != Kind::Config && Digest::of(&bytes) != name.sha256 {
        true => Err(PlaceError::Damaged { what }),
        false => Ok(bytes),
    }
}

pub trait Place: Debug + Send + Sync {
    /// Stores an object; durable when this returns. The same bytes again change nothing.
    fn put(
        &self,
        repository: RepositoryId,
        name: ObjectName,
        bytes: &[u8],
    ) -> Result<(), PlaceError>;

    /// An object, or a range of its bytes. Whole objects are what their names say.
    fn get(
        &self,
        repository: RepositoryId,
        name: ObjectName,
        range: Option<Range<u64>>,
    ) -> Result<Vec<u8>, PlaceError>;

    /// All objects of a kind, in any order. [`Kind::Config`] is listed under any digest.
    fn list(&self, repository: RepositoryId, kind: Kind) -> Result<Vec<Listed>, PlaceError>;

    /// Hands in the signed manifest of a snapshot whose objects are all stored.
    fn hand_in(&self, repository: RepositoryId, manifest: &[u8]) -> Result<(), PlaceError>;

    /// A manifest as it was handed in, by the digest of its payload.
    fn manifest(&self, repository: RepositoryId, digest: Digest) -> Result<Vec<u8>, PlaceError>;

    fn newest(&self) -> Result<Newest, PlaceError>;
}
