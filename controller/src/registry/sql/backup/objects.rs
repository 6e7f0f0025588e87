//! Repositories and their objects.

use shared::backup::{Kind, ObjectName};
use shared::digest::Digest;
use shared::id::{RepositoryId, TerminalId};

use super::super::session::{Row, Transaction, code, int, text, time};
use crate::backup::ObjectKey;
use crate::registry::RegistryError;
use crate::registry::backup::{
    Admitted, NewObject, NotAdmitted, Repository, Standing, StoredObject,
};

type Result<T> = std::result::Result<T, RegistryError>;

pub(super) async fn repository(
    tx: &mut Transaction,
    id: RepositoryId,
) -> Result<Option<Repository>> {
    let select =
        "SELECT id, terminal, sealed_key, bytes, objects, opened_at, closed_at, purging_at,
             purged_at
         FROM backup_repositories WHERE id = $1";
    tx.row(select, vec![text(id)]).await?.map(read_repository).transpose()
}

/// All columns of a repository, in the order in which [`repository`] selects them.
pub(super) fn read_repository(mut row: Row) -> Result<Repository> {
    Ok(Repository {
        id: row.parsed("repository")?,
        terminal: row.parsed("terminal")?,
        sealed_key: row.parsed("digest")?,
        bytes: row.number()?,
        objects: row.number()?,
        opened_at: row.time()?,
        closed_at: row.maybe_time()?,
        purging_at: row.maybe_time()?,
        purged_at: row.maybe_time()?,
    })
}

fn object(mut row: Row) -> Result<StoredObject> {
    let name = ObjectName { kind: row.code()?, sha256: row.parsed("digest")? };
    Ok(StoredObject { name, bytes: row.number()?, stored_at: row.time()? })
}

pub(super) async fn by_name(
    tx: &mut Transaction,
    repository: RepositoryId,
    name: ObjectName,
) -> Result<Option<StoredObject>> {
    let row = match name.kind {
        Kind::Config => {
            let select = "SELECT kind, sha256, bytes, stored_at FROM backup_objects
                 WHERE repository = $1 AND kind = 'config'";
            tx.row(select, vec![text(repository)]).await?
        }
        Kind::Data | Kind::Index | Kind::Snapshots | Kind::SealedKey => {
            let select = "SELECT kind, sha256, bytes, stored_at FROM backup_objects
                 WHERE repository = $1 AND kind = $2 AND sha256 = $3";
            let values = vec![text(repository), code(name.kind), text(name.sha256)];
            tx.row(select, values).await?
        }
    };
    row.map(object).transpose()
}

pub(super) async fn of_kind(
    tx: &mut Transaction,
    repository: RepositoryId,
    kind: Kind,
    after: Option<Digest>,
    limit: u32,
) -> Result<Vec<StoredObject>> {
    let select = "SELECT kind, sha256, bytes, stored_at FROM backup_objects
         WHERE repository = $1 AND kind = $2 AND sha256 > $3 ORDER BY sha256 LIMIT $4";
    let after = after.map(|sha256| sha256.to_string()).unwrap_or_default();
    let values = vec![text(repository), code(kind), text(after), int(limit)];
    tx.rows(select, values).await?.into_iter().map(object).collect()
}

/// A terminal has a handful of repositories.
async fn bytes_used(tx: &mut Transaction, terminal: TerminalId) -> Result<u64> {
    let select = "SELECT bytes FROM backup_repositories
         WHERE terminal = $1 AND purged_at IS NULL";
    let rows = tx.rows(select, vec![text(terminal)]).await?;
    rows.into_iter().try_fold(0_u64, |sum, mut row| Ok(sum.saturating_add(row.number()?)))
}

pub(super) async fn standing(tx: &mut Transaction, key: &ObjectKey) -> Result<Standing> {
    let repository = repository(tx, key.repository).await?;
    let name = match (&repository, key.name.kind) {
        // There is one, under the name that it was stored by.
        (Some(repository), Kind::SealedKey) => {
            ObjectName { sha256: repository.sealed_key, ..key.name }
        }
        (Some(_) | None, _) => key.name,
    };
    let there = by_name(tx, key.repository, name).await?;
    Ok(Standing { repository, there, bytes_used: bytes_used(tx, key.terminal).await? })
}

pub(super) async fn add(
    tx: &mut Transaction,
    new: &NewObject,
    bytes_max: u64,
) -> Result<std::result::Result<Admitted, NotAdmitted>> {
    let NewObject { key, bytes, at } = new;
    let standing = standing(tx, key).await?;
    match standing.admit(key, *bytes, bytes_max) {
        Ok(Admitted::New) => {}
        known => return Ok(known),
    }
    let (id, sha256) = (text(key.repository), text(key.name.sha256));
    if standing.repository.is_none() {
        let open = "INSERT INTO backup_repositories (id, terminal, sealed_key, bytes, objects,
                 opened_at) VALUES ($1, $2, $3, 0, 0, $4)";
        let values = vec![id.clone(), text(key.terminal), sha256.clone(), time(*at)];
        tx.execute(open, values).await?;
    } else if key.name.kind == Kind::SealedKey {
        let forget = "DELETE FROM backup_objects WHERE repository = $1";
        tx.execute(forget, vec![id.clone()]).await?;
        let begin = "UPDATE backup_repositories SET sealed_key = $2, bytes = 0, objects = 0
             WHERE id = $1";
        tx.execute(begin, vec![id.clone(), sha256.clone()]).await?;
    }
    let count = "UPDATE backup_repositories SET bytes = bytes + $2, objects = objects + 1
         WHERE id = $1";
    tx.execute(count, vec![id.clone(), int(*bytes)]).await?;
    let insert = "INSERT INTO backup_objects (repository, kind, sha256, seq, bytes, stored_at,
             state, due_at)
         SELECT $1, $2, $3, objects, $4, $5, 'waiting', $5
         FROM backup_repositories WHERE id = $1";
    let values = vec![id, code(key.name.kind), sha256, int(*bytes), time(*at)];
    tx.execute(insert, values).await?;
    Ok(Ok(Admitted::New))
}
