//! Whose backups are looked after, when each is looked at next, and what is known of it.

use std::collections::{BTreeMap, BTreeSet};

use shared::backup::DataClass;
use shared::id::TerminalId;
use shared::time::UnixTime;

use super::super::session::{
    Row, Transaction, int, list, maybe_text, maybe_time, text, time, with_id_list,
};
use super::super::tally::Differences;
use super::super::{alarms, terminals};
use super::drills;
use crate::registry::RegistryError;
use crate::registry::backup::watch::{Coverage, Covered, Judged, Tried, Watched};

type Result<T> = std::result::Result<T, RegistryError>;

/// With a space around each, so that one can be found by `LIKE`.
pub(super) fn classes_text(classes: &BTreeSet<DataClass>) -> String {
    classes.iter().map(|class| format!(" {class} ")).collect()
}

fn classes(text: &str) -> Result<BTreeSet<DataClass>> {
    text.split_whitespace().map(class).collect()
}

fn class(text: &str) -> Result<DataClass> {
    let known = DataClass::ALL.into_iter().find(|class| class.as_str() == text);
    known.ok_or_else(|| RegistryError::Unreadable { what: "data class", value: text.to_owned() })
}

/// From its enrolment on.
pub(in super::super) async fn begin(
    tx: &mut Transaction,
    terminal: TerminalId,
    at: UnixTime,
) -> Result<()> {
    let put = "INSERT INTO backup_watch (terminal, since_at, overdue, look_at, changes)
         VALUES ($1, $2, '', $2, 0)
         ON CONFLICT (terminal) DO UPDATE SET since_at = $2, look_at = $2,
             changes = backup_watch.changes + 1";
    tx.execute(put, vec![text(terminal), time(at)]).await?;
    Ok(())
}

/// Nothing more is expected of it.
pub(in super::super) async fn end(
    tx: &mut Transaction,
    terminal: TerminalId,
    at: UnixTime,
    differences: &mut Differences,
) -> Result<()> {
    let select = "SELECT overdue FROM backup_watch WHERE terminal = $1";
    let Some(mut row) = tx.row(select, vec![text(terminal)]).await? else { return Ok(()) };
    differences.overdue(!row.text()?.is_empty(), false);
    tx.execute("DELETE FROM backup_watch WHERE terminal = $1", vec![text(terminal)]).await?;
    alarms::end_all_watched(tx, terminal, at, differences).await
}

/// Something that its alarms depend on has changed.
pub(in super::super) async fn look(
    tx: &mut Transaction,
    terminal: TerminalId,
    at: UnixTime,
) -> Result<()> {
    let update = "UPDATE backup_watch SET look_at = $2, changes = changes + 1 WHERE terminal = $1";
    tx.execute(update, vec![text(terminal), time(at)]).await?;
    Ok(())
}

/// A backup job has ended. Of several the one that ended last counts, whichever is heard of first.
pub(in super::super) async fn tried(
    tx: &mut Transaction,
    terminal: TerminalId,
    tried: &Tried,
    heard_at: UnixTime,
) -> Result<()> {
    let (failed_as, failure) = tried.failure.clone().unzip();
    let update = "UPDATE backup_watch SET tried_at = $2, failed_as = $3, failure = $4,
             look_at = $5, changes = changes + 1
         WHERE terminal = $1 AND (tried_at IS NULL OR tried_at < $2
             OR (tried_at = $2 AND COALESCE(failure, '') < COALESCE($4, '')))";
    let values = vec![
        text(terminal),
        time(tried.at),
        maybe_text(failed_as),
        maybe_text(failure),
        time(heard_at),
    ];
    tx.execute(update, values).await?;
    Ok(())
}

pub(super) async fn again(tx: &mut Transaction, now: UnixTime) -> Result<()> {
    let update = "UPDATE backup_watch SET look_at = $1 WHERE look_at IS NULL OR look_at > $1";
    tx.execute(update, vec![time(now)]).await?;
    Ok(())
}

pub(super) async fn due(tx: &mut Transaction, now: UnixTime, limit: u32) -> Result<Vec<Watched>> {
    let select = "SELECT terminal, since_at, saved_at, tried_at, failed_as, failure, overdue,
             changes
         FROM backup_watch WHERE look_at <= $1 ORDER BY look_at, terminal LIMIT $2";
    let rows = tx.rows(select, vec![time(now), int(limit)]).await?;
    let mut due = Vec::with_capacity(rows.len());
    for row in rows {
        due.extend(watched(tx, row).await?);
    }
    let ids: Vec<_> = due.iter().map(|it| it.terminal.id).collect();
    let mut covered = covered(tx, &ids).await?;
    let mut drilled = drills::last(tx, &ids).await?;
    for it in &mut due {
        it.covered = covered.remove(&it.terminal.id).unwrap_or_default();
        let drilled = drilled.remove(&it.terminal.id).unwrap_or_default();
        (it.drilled_at, it.drill_failed) = (drilled.succeeded_at, drilled.failed);
    }
    Ok(due)
}

async fn watched(tx: &mut Transaction, mut row: Row) -> Result<Option<Watched>> {
    let id = row.parsed("terminal")?;
    let (since_at, saved_at) = (row.time()?, row.maybe_time()?);
    let (tried_at, failure) = (row.maybe_time()?, row.maybe_text()?.zip(row.maybe_text()?));
    let (overdue, changes) = (classes(&row.text()?)?, row.number()?);
    let terminal = terminals::by_id(tx, id).await?;
    Ok(terminal.map(|terminal| Watched {
        terminal,
        since_at,
        saved_at,
        covered: Covered::new(),
        tried: tried_at.map(|at| Tried { at, failure }),
        drilled_at: None,
        drill_failed: None,
        overdue,
        changes,
    }))
}

/// Notes what was found, of each terminal whose facts are still those that were judged.
pub(super) async fn judged(tx: &mut Transaction, judged: &[Judged], now: UnixTime) -> Result<()> {
    let mut differences = Differences::default();
    for it in judged {
        let before = "SELECT overdue FROM backup_watch WHERE terminal = $1 AND changes = $2";
        let which = vec![text(it.terminal), int(it.changes)];
        let Some(mut before) = tx.row(before, which.clone()).await? else { continue };
        differences.overdue(!before.text()?.is_empty(), !it.overdue.is_empty());
        let update = "UPDATE backup_watch SET overdue = $3, look_at = $4
             WHERE terminal = $1 AND changes = $2";
        let values = vec![text(classes_text(&it.overdue)), maybe_time(it.look_at)];
        tx.execute(update, [which, values].concat()).await?;
        for (kind, alarm) in &it.alarms {
            alarms::stand(tx, it.terminal, *kind, alarm.as_ref(), now, &mut differences).await?;
        }
    }
    differences.write(tx).await
}

async fn covered(tx: &mut Transaction, of: &[TerminalId]) -> Result<BTreeMap<TerminalId, Covered>> {
    let select = with_id_list!(
        "SELECT terminal, class, taken_at FROM backup_coverage WHERE terminal IN ",
        " ORDER BY terminal, class"
    );
    let mut covered = BTreeMap::<_, Covered>::new();
    for mut row in tx.rows(select, vec![list(of)]).await? {
        let (terminal, class) = (row.parsed("terminal")?, class(&row.text()?)?);
        covered.entry(terminal).or_default().insert(class, row.maybe_time()?);
    }
    Ok(covered)
}

pub(super) async fn coverage(
    tx: &mut Transaction,
    of: &[TerminalId],
) -> Result<BTreeMap<TerminalId, Coverage>> {
    let mut coverage: BTreeMap<_, Coverage> = BTreeMap::new();
    for (terminal, covered) in covered(tx, of).await? {
        coverage.entry(terminal).or_default().covered = covered;
    }
    let select = with_id_list!(
        "SELECT terminal, overdue FROM backup_watch WHERE overdue <> '' AND terminal IN ",
        " ORDER BY terminal"
    );
    for mut row in tx.rows(select, vec![list(of)]).await? {
        let terminal = row.parsed("terminal")?;
        coverage.entry(terminal).or_default().overdue = classes(&row.text()?)?;
    }
    Ok(coverage)
}

/// A snapshot with data of these classes has become available; `None` for all of them.
pub(super) async fn cover(
    tx: &mut Transaction,
    terminal: TerminalId,
    taken_at: UnixTime,
    classes_held: Option<&str>,
    now: UnixTime,
) -> Result<()> {
    let held = match classes_held {
        Some(text) => classes(text)?,
        None => DataClass::ALL.into_iter().filter(|class| class.policy().back_up).collect(),
    };
    for class in &held {
        let put = "INSERT INTO backup_coverage (terminal, class, taken_at) VALUES ($1, $2, $3)
             ON CONFLICT (terminal, class) DO UPDATE SET taken_at = $3
             WHERE backup_coverage.taken_at IS NULL OR backup_coverage.taken_at < $3";
        tx.execute(put, vec![text(terminal), text(class), time(taken_at)]).await?;
    }
    if classes_held.is_some() {
        // What was taken for granted of snapshots whose classes nobody noted.
        let forget = "DELETE FROM backup_coverage WHERE terminal = $1 AND NOT EXISTS (
                 SELECT 1 FROM backup_snapshots s WHERE s.terminal = $1
                     AND s.classes LIKE '% ' || backup_coverage.class || ' %')";
        tx.execute(forget, vec![text(terminal)]).await?;
    }
    let update = "UPDATE backup_watch SET saved_at = COALESCE(saved_at, $2) WHERE terminal = $1";
    tx.execute(update, vec![text(terminal), time(now)]).await?;
    look(tx, terminal, now).await
}

/// A snapshot is no longer available: what is left counts.
pub(super) async fn uncover(
    tx: &mut Transaction,
    terminal: TerminalId,
    now: UnixTime,
) -> Result<()> {
    let update = "UPDATE backup_coverage SET taken_at = (
             SELECT MAX(CASE WHEN s.taken_at < s.received_at
                 THEN s.taken_at ELSE s.received_at END)
             FROM backup_snapshots s WHERE s.terminal = $1 AND s.state = 'available'
                 AND (s.classes IS NULL OR s.classes LIKE '% ' || backup_coverage.class || ' %'))
         WHERE terminal = $1";
    tx.execute(update, vec![text(terminal)]).await?;
    look(tx, terminal, now).await
}
