//! Snapshots: handed in, found, listed.

use shared::backup::{Available, Kind, Newest, ObjectName};
use shared::digest::Digest;
use shared::document::Manifest;
use shared::id::{RepositoryId, TerminalId};
use shared::signature::Envelope;

use super::super::session::{Row, Transaction, bytes, code, int, maybe_text, text, time};
use super::super::{alarms, audit, tally};
use super::{keeping, objects, retention, watch};
use crate::backup::state::SnapshotState;
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::backup::retention::HoldRefused;
use crate::registry::backup::snapshot::{Hold, ManifestRefused, NewSnapshot, Snapshot, set_back};
use crate::registry::backup::{Admitted, Repository};
use crate::registry::delivery::{Alarm, AlarmKind};
use crate::registry::page::Page;

type Result<T> = std::result::Result<T, RegistryError>;

/// All columns of a snapshot, in the order in which [`snapshot`] takes them.
macro_rules! select_snapshots {
    ($tail:literal) => {
        concat!(
            "SELECT seq, manifest, terminal, number, repository, snapshot, order_id, taken_at,
                 received_at, state, state_at, held_for, held_by, expires_for, signed
             FROM backup_snapshots ",
            $tail
        )
    };
}

fn snapshot(mut row: Row) -> Result<Snapshot> {
    Ok(Snapshot {
        seq: row.number()?,
        manifest: row.parsed("digest")?,
        terminal: row.parsed("terminal")?,
        number: row.number()?,
        repository: row.parsed("repository")?,
        snapshot: row.parsed("digest")?,
        order: row.parsed("order")?,
        taken_at: row.time()?,
        received_at: row.time()?,
        state: row.code()?,
        state_at: row.time()?,
        hold: {
            let (reason, by) = (row.maybe_text()?, row.maybe_text()?);
            reason.zip(by).map(|(reason, by)| Hold { reason, by })
        },
        expires_for: row.maybe_text()?.map(|it| retention::reason(&it)).transpose()?,
        signed: row.signed()?,
    })
}

pub(in super::super) async fn by_manifest(
    tx: &mut Transaction,
    manifest: Digest,
) -> Result<Option<Snapshot>> {
    let row = tx.row(select_snapshots!("WHERE manifest = $1"), vec![text(manifest)]).await?;
    row.map(snapshot).transpose()
}

pub(super) async fn page(
    tx: &mut Transaction,
    of: Option<TerminalId>,
    page: &Page<u64>,
) -> Result<Vec<Snapshot>> {
    let part = vec![int(page.after.unwrap_or(u64::MAX)), int(page.items())];
    let rows = match of {
        None => {
            let select = select_snapshots!("WHERE seq < $1 ORDER BY seq DESC LIMIT $2");
            tx.rows(select, part).await?
        }
        Some(terminal) => {
            let select =
                select_snapshots!("WHERE seq < $1 AND terminal = $3 ORDER BY seq DESC LIMIT $2");
            tx.rows(select, [part, vec![text(terminal)]].concat()).await?
        }
    };
    rows.into_iter().map(snapshot).collect()
}

pub(in super::super) async fn newest(tx: &mut Transaction, of: TerminalId) -> Result<Newest> {
    let number = last_number(tx, of).await?;
    let select = "SELECT repository, number, snapshot, manifest, taken_at FROM backup_snapshots
         WHERE terminal = $1 AND state = 'available' ORDER BY number DESC LIMIT 1";
    let Some(mut row) = tx.row(select, vec![text(of)]).await? else {
        return Ok(Newest { number, available: None });
    };
    let available = Available {
        repository: row.parsed("repository")?,
        number: row.number()?,
        snapshot: row.parsed("digest")?,
        manifest: row.parsed("digest")?,
        taken_at: row.time()?,
    };
    Ok(Newest { number, available: Some(available) })
}

async fn last_number(tx: &mut Transaction, of: TerminalId) -> Result<u64> {
    let select = "SELECT number FROM backup_snapshots WHERE terminal = $1
         ORDER BY number DESC LIMIT 1";
    let row = tx.row(select, vec![text(of)]).await?;
    row.map_or(Ok(0), |mut row| row.number())
}

pub(super) async fn add(
    tx: &mut Transaction,
    new: &NewSnapshot,
) -> Result<std::result::Result<Admitted, ManifestRefused>> {
    let manifest = &new.manifest;
    let (terminal, id) = (manifest.terminal, manifest.repository);
    if by_manifest(tx, new.digest).await?.is_some() {
        return Ok(Ok(Admitted::There));
    }
    let known = objects::repository(tx, id).await?.filter(|it| it.terminal == terminal);
    let Some(repository) = known else { return Ok(Err(ManifestRefused::NoRepository(id))) };
    if let Some(refused) = refused(&repository, new) {
        return Ok(Err(refused));
    }
    let name = ObjectName { kind: Kind::Snapshots, sha256: manifest.snapshot };
    if objects::by_name(tx, id, name).await?.is_none() {
        return Ok(Err(ManifestRefused::NoSnapshot(manifest.snapshot)));
    }
    let last = last_number(tx, terminal).await?;
    if manifest.number <= last {
        let (number, next) = (manifest.number, last + 1);
        return Ok(Err(ManifestRefused::NumberUsed { number, next }));
    }
    insert(tx, new, repository.objects).await?;
    close_older(tx, &repository, new).await?;
    if manifest.number > last + 1 {
        raise_missing(tx, new, last + 1).await?;
    }
    raise_set_back(tx, new, last).await?;
    keeping::reconsider(tx, id, new.at).await?;
    Ok(Ok(Admitted::New))
}

/// A till that lost its data begins its numbers again, and sells all the same.
async fn raise_set_back(tx: &mut Transaction, new: &NewSnapshot, last: u64) -> Result<()> {
    let select = "SELECT manifest, signed FROM backup_snapshots
         WHERE terminal = $1 AND number = $2";
    let values = vec![text(new.manifest.terminal), int(last)];
    let Some(mut row) = tx.row(select, values).await? else { return Ok(()) };
    let (digest, signed): (Digest, _) = (row.parsed("digest")?, row.signed()?);
    let before = Envelope::<Manifest>::from_bytes(signed.as_slice());
    let before = before.map_err(|error| RegistryError::Unreadable {
        what: "manifest",
        value: format!("{digest}: {error}"),
    })?;
    let Some(set) = set_back(&before.document, &new.manifest) else { return Ok(()) };
    let alarm = Alarm {
        terminal: new.manifest.terminal,
        kind: AlarmKind::TillDataLost,
        subject: format!("{set}, snapshot {}", new.manifest.number),
        detail: format!(
            "`{set}` ends with a lower number than in snapshot {last} of {}: if the till lost its \
             data, `tillward restore plan {digest}` shows what comes back; what it has sold since \
             is in snapshot {}",
            before.document.taken_at, new.manifest.number
        ),
        at: new.at,
        ended_at: None,
    };
    raise(tx, &alarm).await
}

fn refused(repository: &Repository, new: &NewSnapshot) -> Option<ManifestRefused> {
    if repository.closed_at.is_some() || repository.purged_at.is_some() {
        return Some(ManifestRefused::Closed(repository.id));
    }
    let (said, known) = (new.manifest.sealed_key, repository.sealed_key);
    (said != known).then_some(ManifestRefused::OtherKey { said, known })
}

async fn insert(tx: &mut Transaction, new: &NewSnapshot, objects: u64) -> Result<()> {
    let NewSnapshot { digest, manifest, signed, at } = new;
    let insert = "INSERT INTO backup_snapshots (manifest, terminal, number, repository, snapshot,
             order_id, taken_at, received_at, objects, state, state_at, signed, classes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $8, $11, $12)";
    let classes = manifest.data_sets.iter().map(|set| set.class).collect();
    let values = vec![
        text(digest),
        text(manifest.terminal),
        int(manifest.number),
        text(manifest.repository),
        text(manifest.snapshot),
        text(manifest.order),
        time(manifest.taken_at),
        time(*at),
        int(objects),
        code(SnapshotState::Received),
        bytes(signed.as_slice()),
        text(watch::classes_text(&classes)),
    ];
    tx.execute(insert, values).await?;
    Ok(())
}

/// A terminal writes into one repository, and goes on to the next when that holds a snapshot.
async fn close_older(tx: &mut Transaction, open: &Repository, new: &NewSnapshot) -> Result<()> {
    let close = "UPDATE backup_repositories SET closed_at = $3
         WHERE terminal = $1 AND id <> $2 AND closed_at IS NULL AND opened_at <= $4";
    let (terminal, id): (TerminalId, RepositoryId) = (open.terminal, open.id);
    let values = vec![text(terminal), text(id), time(new.at), time(open.opened_at)];
    tx.execute(close, values).await?;
    Ok(())
}

async fn raise_missing(tx: &mut Transaction, new: &NewSnapshot, first: u64) -> Result<()> {
    let last = new.manifest.number - 1;
    let subject = if first == last { first.to_string() } else { format!("{first}-{last}") };
    let alarm = Alarm {
        terminal: new.manifest.terminal,
        kind: AlarmKind::BackupMissing,
        detail: format!(
            "snapshot {} came, and {subject} before it did not: the terminal was set back, or \
             somebody keeps its snapshots from arriving",
            new.manifest.number
        ),
        subject,
        at: new.at,
        ended_at: None,
    };
    raise(tx, &alarm).await
}

pub(super) async fn raise(tx: &mut Transaction, alarm: &Alarm) -> Result<()> {
    if alarms::raise(tx, alarm, None).await? {
        let mut differences = tally::Differences::default();
        differences.alarm();
        differences.write(tx).await?;
    }
    Ok(())
}

pub(super) async fn hold(
    tx: &mut Transaction,
    manifest: Digest,
    held: bool,
    by: &By,
) -> Result<std::result::Result<(), HoldRefused>> {
    let missing = || RegistryError::Missing { what: "snapshot", which: manifest.to_string() };
    let known = by_manifest(tx, manifest).await?.ok_or_else(missing)?;
    if held
        && let Err(refused) = retention::before_hold(tx, manifest, known.repository, by.at).await?
    {
        return Ok(Err(refused));
    }
    let update = "UPDATE backup_snapshots SET held_for = $2, held_by = $3 WHERE manifest = $1";
    let hold = held.then_some((&by.why, &by.who));
    let (reason, who) = hold.unzip();
    tx.execute(update, vec![text(manifest), maybe_text(reason), maybe_text(who)]).await?;
    let what = if held { "snapshot-held" } else { "snapshot-no-longer-held" };
    audit::append(tx, by, what, manifest).await?;
    Ok(Ok(()))
}
