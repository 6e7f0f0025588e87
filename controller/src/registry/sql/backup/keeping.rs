//! What is known of objects in their two places, and what that makes of snapshots.

use std::collections::BTreeSet;

use shared::backup::ObjectName;
use shared::digest::Digest;
use shared::id::RepositoryId;
use shared::time::UnixTime;

use super::super::session::{Row, Transaction, code, int, maybe_time, text, time};
use super::{snapshots, watch};
use crate::backup::ObjectKey;
use crate::backup::state::{Objects, SnapshotEvent, SnapshotState, step};
use crate::registry::RegistryError;
use crate::registry::backup::snapshot::{DueObject, Examined, ObjectCounts};

type Result<T> = std::result::Result<T, RegistryError>;

pub(super) async fn due(tx: &mut Transaction, now: UnixTime, limit: u32) -> Result<Vec<DueObject>> {
    let select = "SELECT r.terminal, o.repository, o.kind, o.sha256, o.bytes, o.copied_at,
             o.first_at, o.second_at, o.state
         FROM backup_objects o JOIN backup_repositories r ON r.id = o.repository
         WHERE o.due_at <= $1 ORDER BY o.due_at LIMIT $2";
    let object = |mut row: Row| {
        let (terminal, repository) = (row.parsed("terminal")?, row.parsed("repository")?);
        let name = ObjectName { kind: row.code()?, sha256: row.parsed("digest")? };
        Ok(DueObject {
            key: ObjectKey { terminal, repository, name },
            bytes: row.number()?,
            copied_at: row.maybe_time()?,
            first_at: row.maybe_time()?,
            second_at: row.maybe_time()?,
            state: row.code()?,
        })
    };
    tx.rows(select, vec![time(now), int(limit)]).await?.into_iter().map(object).collect()
}

pub(super) async fn examined(
    tx: &mut Transaction,
    examined: &[Examined],
    now: UnixTime,
) -> Result<()> {
    // Looked at while its purge began: nobody looks at it again.
    let update = "UPDATE backup_objects SET copied_at = $4, first_at = $5, second_at = $6,
             state = $7, due_at = $8
         WHERE repository = $1 AND kind = $2 AND sha256 = $3
             AND EXISTS (SELECT 1 FROM backup_repositories r
                 WHERE r.id = backup_objects.repository AND r.purging_at IS NULL)";
    let mut repositories = BTreeSet::new();
    for Examined { object, due_at, alarm } in examined {
        let ObjectKey { repository, name, .. } = object.key;
        let values = vec![
            text(repository),
            code(name.kind),
            text(name.sha256),
            maybe_time(object.copied_at),
            maybe_time(object.first_at),
            maybe_time(object.second_at),
            code(object.state),
            time(*due_at),
        ];
        let is_kept = tx.execute(update, values).await? > 0;
        repositories.insert(repository);
        if let Some(alarm) = alarm.as_ref().filter(|_| is_kept) {
            snapshots::raise(tx, alarm).await?;
        }
    }
    for repository in repositories {
        reconsider(tx, repository, now).await?;
    }
    Ok(())
}

pub(super) async fn again(
    tx: &mut Transaction,
    repository: RepositoryId,
    now: UnixTime,
) -> Result<u64> {
    // What is being purged is left alone.
    let update = "UPDATE backup_objects SET due_at = $2 WHERE repository = $1 AND due_at > $2
         AND EXISTS (SELECT 1 FROM backup_repositories r
             WHERE r.id = backup_objects.repository AND r.purging_at IS NULL)";
    tx.execute(update, vec![text(repository), time(now)]).await
}

pub(super) async fn all_again(tx: &mut Transaction, now: UnixTime) -> Result<u64> {
    let update = "UPDATE backup_objects SET due_at = $1 WHERE due_at > $1";
    tx.execute(update, vec![time(now)]).await
}

/// Brings the states of a repository's snapshots up to date with those of its objects. It looks
/// only at objects that are not proven, and at snapshots that these concern.
pub(super) async fn reconsider(
    tx: &mut Transaction,
    repository: RepositoryId,
    now: UnixTime,
) -> Result<()> {
    let least = async |tx: &mut Transaction, which: &'static str| {
        let row = tx.row(which, vec![text(repository)]).await?;
        let seq = row.map(|mut row| row.maybe_int()).transpose()?.flatten();
        Ok::<_, RegistryError>(seq.unwrap_or(i64::MAX))
    };
    // The oldest object of each kind of trouble: what is older than all of them is proven.
    let lost = "SELECT MIN(seq) FROM backup_objects WHERE repository = $1 AND state = 'lost'";
    let uncopied = "SELECT MIN(seq) FROM backup_objects
         WHERE repository = $1 AND state = 'waiting' AND copied_at IS NULL";
    let unproven = "SELECT MIN(seq) FROM backup_objects
         WHERE repository = $1 AND state = 'waiting'";
    let (lost, uncopied, unproven) =
        (least(tx, lost).await?, least(tx, uncopied).await?, least(tx, unproven).await?);
    let select = "SELECT manifest, objects, state, terminal, taken_at, received_at, classes
         FROM backup_snapshots
         WHERE repository = $1 AND (state IN ('received', 'copied', 'damaged')
             OR (state = 'available' AND objects >= $2))";
    for mut row in tx.rows(select, vec![text(repository), int(lost)]).await? {
        let manifest: Digest = row.parsed("digest")?;
        let (objects, before): (i64, SnapshotState) = (row.int()?, row.code()?);
        let seen = match objects {
            objects if objects >= lost => Objects::Lost,
            objects if objects >= uncopied => Objects::Uncopied,
            objects if objects >= unproven => Objects::Unproven,
            _ => Objects::Proven,
        };
        let after = step(before, SnapshotEvent::Seen(seen));
        if after != before {
            let update = "UPDATE backup_snapshots SET state = $2, state_at = $3
                 WHERE manifest = $1";
            tx.execute(update, vec![text(manifest), code(after), time(now)]).await?;
            let terminal = row.parsed("terminal")?;
            // A terminal whose clock runs ahead is not covered for longer.
            let taken_at = row.time()?.min(row.time()?);
            if after == SnapshotState::Available {
                let classes = row.maybe_text()?;
                watch::cover(tx, terminal, taken_at, classes.as_deref(), now).await?;
            } else if before == SnapshotState::Available {
                watch::uncover(tx, terminal, now).await?;
            }
        }
    }
    Ok(())
}

pub(super) async fn count(
    tx: &mut Transaction,
    id: RepositoryId,
    now: UnixTime,
) -> Result<ObjectCounts> {
    let select = "SELECT COUNT(*), COUNT(CASE WHEN state = 'waiting' OR due_at <= $2 THEN 1 END),
             COUNT(CASE WHEN state = 'lost' THEN 1 END)
         FROM backup_objects WHERE repository = $1";
    let row = tx.row(select, vec![text(id), time(now)]).await?;
    let Some(mut row) = row else { return Ok(ObjectCounts::default()) };
    let (count, waiting, lost) = (row.number()?, row.number()?, row.number()?);
    let bytes = super::objects::repository(tx, id).await?.map_or(0, |it| it.bytes);
    Ok(ObjectCounts { count, bytes, waiting, lost })
}
