//! What terminals have saved: the trait's methods over the statements below it.

mod objects;

use async_trait::async_trait;
use shared::backup::{Kind, ObjectName};
use shared::digest::Digest;
use shared::id::RepositoryId;

use super::session::{Access, Database};
use super::{SqlRegistry, finish, read, transaction, write};
use crate::backup::ObjectKey;
use crate::registry::RegistryError;
use crate::registry::backup::{
    Admitted, BackupRegistry, NewObject, NotAdmitted, Repository, Standing, StoredObject,
};

type Result<T> = std::result::Result<T, RegistryError>;

#[async_trait]
impl<D: Database> BackupRegistry for SqlRegistry<D> {
    async fn repository(&self, id: RepositoryId) -> Result<Option<Repository>> {
        read!(self, "find a repository", tx => objects::repository(tx, id))
    }

    async fn backup_standing(&self, key: &ObjectKey) -> Result<Standing> {
        read!(self, "find a backup object", tx => objects::standing(tx, key))
    }

    async fn add_object(
        &self,
        new: &NewObject,
        bytes_max: u64,
    ) -> Result<std::result::Result<Admitted, NotAdmitted>> {
        write!(self, "note a backup object", tx => objects::add(tx, new, bytes_max))
    }

    async fn object(
        &self,
        repository: RepositoryId,
        name: ObjectName,
    ) -> Result<Option<StoredObject>> {
        read!(self, "find a backup object", tx => objects::by_name(tx, repository, name))
    }

    async fn objects(
        &self,
        repository: RepositoryId,
        kind: Kind,
        after: Option<Digest>,
        limit: u32,
    ) -> Result<Vec<StoredObject>> {
        read!(self, "list backup objects", tx => {
            objects::of_kind(tx, repository, kind, after, limit)
        })
    }
}
