//! Repositories on their way out: begun, emptied, finished with a certificate.

use shared::change::Change;
use shared::document::purge_certificate::{PurgeReason, PurgedSnapshot};
use shared::id::RepositoryId;
use shared::message::SignedBytes;
use shared::time::UnixTime;

use super::super::session::{Row, Transaction, bytes, code, int, maybe_time, text, time};
use super::super::{audit, campaigns};
use super::{objects, retention};
use crate::backup::state::SnapshotState;
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::backup::retention::{Emptying, NewCertificate, NotBegun, Purge, Side};

type Result<T> = std::result::Result<T, RegistryError>;

pub(super) async fn begin(
    tx: &mut Transaction,
    id: RepositoryId,
    expired_by: UnixTime,
    by: &By,
) -> Result<std::result::Result<(), NotBegun>> {
    let known = objects::repository(tx, id).await?;
    let there = known.filter(|it| it.purging_at.is_none() && it.purged_at.is_none());
    let Some(repository) = there else { return Ok(Err(NotBegun::NotThere)) };
    match repository.closed_at {
        None => return Ok(Err(NotBegun::Open)),
        Some(at) if at > expired_by => return Ok(Err(NotBegun::Kept)),
        Some(_) => {}
    }
    let kept = "SELECT number FROM backup_snapshots WHERE repository = $1
             AND (state <> 'expiring' OR held_for IS NOT NULL OR state_at > $2) LIMIT 1";
    if tx.row(kept, vec![text(id), time(expired_by)]).await?.is_some() {
        return Ok(Err(NotBegun::Kept));
    }
    let waiting = "SELECT seq FROM backup_objects WHERE repository = $1 AND state = 'waiting'
         LIMIT 1";
    if tx.row(waiting, vec![text(id)]).await?.is_some() {
        return Ok(Err(NotBegun::Unproven));
    }
    for campaign in campaigns::in_motion(tx).await? {
        if matches!(&campaign.change, Change::Restore(restore) if restore.of.repository == id) {
            return Ok(Err(NotBegun::Restoring(campaign.id)));
        }
    }
    let mark = "UPDATE backup_repositories SET purging_at = $2 WHERE id = $1";
    tx.execute(mark, vec![text(id), time(by.at)]).await?;
    let insert = "INSERT INTO backup_purges (repository, begun_at) VALUES ($1, $2)";
    tx.execute(insert, vec![text(id), time(by.at)]).await?;
    // Nobody looks at its objects any more: that they go is no damage.
    let leave = "UPDATE backup_objects SET due_at = $2 WHERE repository = $1";
    tx.execute(leave, vec![text(id), int(i64::MAX)]).await?;
    audit::append(tx, by, "repository-purge-begun", id).await?;
    Ok(Ok(()))
}

pub(super) async fn going_on(tx: &mut Transaction, limit: u32) -> Result<Vec<Purge>> {
    let select = "SELECT p.repository, p.begun_at, p.first_last_at, p.first_gone_at,
             p.second_last_at, p.second_gone_at, t.serial,
             EXISTS (SELECT 1 FROM backup_objects o
                 WHERE o.repository = p.repository AND o.state = 'proven')
         FROM backup_purges p
         JOIN backup_repositories r ON r.id = p.repository
         JOIN terminals t ON t.id = r.terminal
         WHERE p.finished_at IS NULL ORDER BY p.begun_at, p.repository LIMIT $1";
    let mut purges = Vec::new();
    for mut row in tx.rows(select, vec![int(limit)]).await? {
        let id: RepositoryId = row.parsed("repository")?;
        let begun_at = row.time()?;
        let places = [emptying(&mut row)?, emptying(&mut row)?];
        let (serial, is_expected) = (row.text()?, row.flag()?);
        let missing = || RegistryError::Missing { what: "repository", which: id.to_string() };
        let repository = objects::repository(tx, id).await?.ok_or_else(missing)?;
        purges.push(Purge { repository, serial, begun_at, places, is_expected });
    }
    Ok(purges)
}

fn emptying(row: &mut Row) -> Result<Emptying> {
    Ok(Emptying { last_at: row.maybe_time()?, gone_at: row.maybe_time()? })
}

pub(super) async fn note(
    tx: &mut Transaction,
    id: RepositoryId,
    side: Side,
    emptying: Emptying,
) -> Result<()> {
    let update = match side {
        Side::First => {
            "UPDATE backup_purges SET first_last_at = $2, first_gone_at = $3
             WHERE repository = $1 AND finished_at IS NULL"
        }
        Side::Second => {
            "UPDATE backup_purges SET second_last_at = $2, second_gone_at = $3
             WHERE repository = $1 AND finished_at IS NULL"
        }
    };
    let Emptying { last_at, gone_at } = emptying;
    tx.execute(update, vec![text(id), maybe_time(last_at), maybe_time(gone_at)]).await?;
    Ok(())
}

pub(super) async fn leaving(
    tx: &mut Transaction,
    id: RepositoryId,
) -> Result<Vec<(PurgedSnapshot, PurgeReason)>> {
    let select = "SELECT number, manifest, taken_at, expires_for FROM backup_snapshots
         WHERE repository = $1 ORDER BY number";
    let leaving = |mut row: Row| {
        let (number, manifest) = (row.number()?, row.parsed("digest")?);
        let taken_at = row.time()?;
        let why = retention::reason(&row.text()?)?;
        Ok((PurgedSnapshot { number, manifest, taken_at }, why))
    };
    tx.rows(select, vec![text(id)]).await?.into_iter().map(leaving).collect()
}

pub(super) async fn finish(
    tx: &mut Transaction,
    certificate: &NewCertificate,
    by: &By,
) -> Result<bool> {
    let NewCertificate { repository, digest, signed, finished_at } = certificate;
    let update = "UPDATE backup_purges SET finished_at = $2, digest = $3, certificate = $4
         WHERE repository = $1 AND finished_at IS NULL AND first_gone_at IS NOT NULL
             AND second_gone_at IS NOT NULL";
    let values = vec![text(repository), time(*finished_at), text(digest), bytes(signed.as_slice())];
    if tx.execute(update, values).await? == 0 {
        return Ok(false);
    }
    let purged = "UPDATE backup_repositories SET purged_at = $2 WHERE id = $1";
    tx.execute(purged, vec![text(repository), time(*finished_at)]).await?;
    let snapshots = "UPDATE backup_snapshots SET state = $2, state_at = $3
         WHERE repository = $1";
    let values = vec![text(repository), code(SnapshotState::Purged), time(*finished_at)];
    tx.execute(snapshots, values).await?;
    tx.execute("DELETE FROM backup_objects WHERE repository = $1", vec![text(repository)]).await?;
    audit::append(tx, by, "repository-purged", repository).await?;
    Ok(true)
}

pub(super) async fn certificate(
    tx: &mut Transaction,
    of: RepositoryId,
) -> Result<Option<SignedBytes>> {
    let select = "SELECT certificate FROM backup_purges
         WHERE repository = $1 AND finished_at IS NOT NULL";
    let row = tx.row(select, vec![text(of)]).await?;
    row.map(|mut row| row.signed()).transpose()
}
