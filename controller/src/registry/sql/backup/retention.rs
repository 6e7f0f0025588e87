//! What of a terminal is there, and what expires.

use shared::digest::Digest;
use shared::document::purge_certificate::PurgeReason;
use shared::id::{RepositoryId, TerminalId};
use shared::time::UnixTime;

use super::super::session::{Row, Transaction, code, int, json, text, time};
use super::super::{audit, deactivations};
use super::{keeping, objects, snapshots};
use crate::backup::retention::{Candidate, Holding};
use crate::backup::state::{SnapshotEvent, SnapshotState, step};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::backup::Repository;
use crate::registry::backup::retention::HoldRefused;

type Result<T> = std::result::Result<T, RegistryError>;

pub(super) async fn holders(
    tx: &mut Transaction,
    after: Option<TerminalId>,
    limit: u32,
) -> Result<Vec<TerminalId>> {
    let select = "SELECT DISTINCT terminal FROM backup_repositories
         WHERE purged_at IS NULL AND terminal > $1 ORDER BY terminal LIMIT $2";
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let rows = tx.rows(select, vec![text(after), int(limit)]).await?;
    rows.into_iter().map(|mut row| row.parsed("terminal")).collect()
}

pub(super) async fn holding(tx: &mut Transaction, of: TerminalId) -> Result<Option<Holding>> {
    let select = "SELECT serial, revoked_at FROM terminals WHERE id = $1";
    let Some(mut row) = tx.row(select, vec![text(of)]).await? else { return Ok(None) };
    let (serial, closed_at) = (row.text()?, row.maybe_time()?);
    let select =
        "SELECT id, terminal, sealed_key, bytes, objects, opened_at, closed_at, purging_at,
             purged_at
         FROM backup_repositories WHERE terminal = $1 AND purged_at IS NULL
         ORDER BY opened_at, id";
    let rows = tx.rows(select, vec![text(of)]).await?;
    let repositories = rows.into_iter().map(objects::read_repository).collect::<Result<_>>()?;
    // What is available is whole by definition; of what expires it is found out.
    let select = "SELECT s.manifest, s.number, s.repository, s.taken_at, s.received_at, s.state,
             s.state_at, s.held_for, s.expires_for,
             (s.state = 'available' OR (s.state = 'expiring' AND NOT EXISTS (
                 SELECT 1 FROM backup_objects o WHERE o.repository = s.repository
                     AND o.state <> 'proven' AND o.seq <= s.objects)))
         FROM backup_snapshots s WHERE s.terminal = $1 AND s.state <> 'purged' ORDER BY s.number";
    let rows = tx.rows(select, vec![text(of)]).await?;
    let mut snapshots = rows.into_iter().map(candidate).collect::<Result<Vec<_>>>()?;
    // Without it a terminal that stands still could never be wiped.
    if closed_at.is_none()
        && let Some(needed) = deactivations::saved_while_suspended(tx, of).await?
    {
        snapshots.iter_mut().for_each(|it| it.is_held |= it.manifest == needed);
    }
    Ok(Some(Holding { terminal: of, serial, closed_at, repositories, snapshots }))
}

fn candidate(mut row: Row) -> Result<Candidate> {
    Ok(Candidate {
        manifest: row.parsed("digest")?,
        number: row.number()?,
        repository: row.parsed("repository")?,
        taken_at: row.time()?,
        received_at: row.time()?,
        state: row.code()?,
        state_at: row.time()?,
        is_held: row.maybe_text()?.is_some(),
        expires_for: row.maybe_text()?.map(|it| reason(&it)).transpose()?,
        is_whole: row.flag()?,
    })
}

pub(super) fn reason(text: &str) -> Result<PurgeReason> {
    let unreadable =
        |_| RegistryError::Unreadable { what: "reason to expire", value: text.to_owned() };
    serde_json::from_str(text).map_err(unreadable)
}

pub(super) async fn expire(
    tx: &mut Transaction,
    going: &[(Digest, PurgeReason)],
    at: UnixTime,
    by: Option<&By>,
) -> Result<u64> {
    // One that an operator asks for while it expires by a rule goes by the operator's word, and
    // its time begins anew.
    let update = "UPDATE backup_snapshots SET state = $2, state_at = $3, expires_for = $4
         WHERE manifest = $1 AND held_for IS NULL AND state <> 'purged'
             AND (state <> 'expiring' OR $5 = 1)
             AND EXISTS (SELECT 1 FROM backup_repositories r
                 WHERE r.id = backup_snapshots.repository AND r.purging_at IS NULL)";
    let mut count = 0;
    for (manifest, why) in going {
        let values = vec![
            text(manifest),
            code(SnapshotState::Expiring),
            time(at),
            json(why),
            int(i64::from(by.is_some())),
        ];
        let changed = tx.execute(update, values).await?;
        count += changed;
        if let Some(by) = by.filter(|_| changed > 0) {
            audit::append(tx, by, "snapshot-purge-asked", manifest).await?;
        }
    }
    Ok(count)
}

pub(super) async fn keep_again(tx: &mut Transaction, staying: &[Digest], by: &By) -> Result<u64> {
    let mut count = 0;
    for manifest in staying {
        if rescue(tx, *manifest, by.at).await? {
            audit::append(tx, by, "snapshot-kept-again", manifest).await?;
            count += 1;
        }
    }
    Ok(count)
}

/// Brings one back that expires, and finds out how it is; gives whether it did.
async fn rescue(tx: &mut Transaction, manifest: Digest, at: UnixTime) -> Result<bool> {
    let update = "UPDATE backup_snapshots SET state = $2, state_at = $3, expires_for = NULL
         WHERE manifest = $1 AND state = 'expiring'
             AND EXISTS (SELECT 1 FROM backup_repositories r
                 WHERE r.id = backup_snapshots.repository AND r.purging_at IS NULL)";
    let kept = step(SnapshotState::Expiring, SnapshotEvent::Keep);
    if tx.execute(update, vec![text(manifest), code(kept), time(at)]).await? == 0 {
        return Ok(false);
    }
    if let Some(snapshot) = snapshots::by_manifest(tx, manifest).await? {
        keeping::reconsider(tx, snapshot.repository, at).await?;
    }
    Ok(true)
}

/// Before a snapshot is held: whether it still can be. What expires comes back.
pub(super) async fn before_hold(
    tx: &mut Transaction,
    manifest: Digest,
    repository: RepositoryId,
    at: UnixTime,
) -> Result<std::result::Result<(), HoldRefused>> {
    match objects::repository(tx, repository).await? {
        Some(Repository { purged_at: Some(at), .. }) => {
            Ok(Err(HoldRefused::Purged { repository, at }))
        }
        Some(Repository { purging_at: Some(since), .. }) => {
            Ok(Err(HoldRefused::Purging { repository, since }))
        }
        Some(_) | None => rescue(tx, manifest, at).await.map(|_| Ok(())),
    }
}

/// What a revoked terminal wrote into takes nothing more.
pub(in super::super) async fn close_all(
    tx: &mut Transaction,
    of: TerminalId,
    at: UnixTime,
) -> Result<()> {
    let update = "UPDATE backup_repositories SET closed_at = $2
         WHERE terminal = $1 AND closed_at IS NULL";
    tx.execute(update, vec![text(of), time(at)]).await?;
    Ok(())
}
