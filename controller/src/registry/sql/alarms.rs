//! What a person should look at.

use std::collections::BTreeMap;

use shared::id::TerminalId;
use shared::message::SignedBytes;
use shared::time::UnixTime;

use super::session::{Row, Transaction, Value, code, flag, int, maybe_text, text, time};
use super::tally::Differences;
use crate::registry::RegistryError;
use crate::registry::delivery::{Alarm, AlarmKind, AnyAlarm};
use crate::registry::page::{PAGE_ITEMS_MAX, Page};

type Result<T> = std::result::Result<T, RegistryError>;

/// Open ones of one terminal and kind: one that raises more than this is looked at anyway, and must
/// not be able to fill the registry.
const PER_TERMINAL_AND_KIND_MAX: i64 = 32;

/// Gives whether it was not known before.
pub(super) async fn raise<Of: Copy + Into<Option<TerminalId>>>(
    tx: &mut Transaction,
    alarm: &Alarm<Of>,
    evidence: Option<&SignedBytes>,
) -> Result<bool> {
    let terminal: Option<TerminalId> = alarm.terminal.into();
    let count = "SELECT COUNT(*) FROM alarms WHERE terminal = $1 AND kind = $2
         AND ended_at IS NULL";
    let row = tx.row(count, vec![maybe_text(terminal), code(alarm.kind)]).await?;
    if row.map(|mut row| row.int()).transpose()?.unwrap_or(0) >= PER_TERMINAL_AND_KIND_MAX {
        return Ok(false);
    }
    let insert = "INSERT INTO alarms (terminal, kind, subject, detail, evidence, at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    let values = vec![
        maybe_text(terminal),
        code(alarm.kind),
        text(&alarm.subject),
        text(&alarm.detail),
        Value::Bytes(evidence.map(|bytes| bytes.as_slice().to_vec())),
        time(alarm.at),
    ];
    Ok(tx.execute(insert, values).await? == 1)
}

/// Raises an alarm that somebody ends, also where one like it is over.
pub(super) async fn begin(
    tx: &mut Transaction,
    alarm: &AnyAlarm,
    differences: &mut Differences,
) -> Result<()> {
    forget_ended(tx, alarm).await?;
    if raise(tx, alarm, None).await? {
        differences.alarm();
    }
    Ok(())
}

/// Ends one that is about no terminal.
pub(super) async fn end_of_none(
    tx: &mut Transaction,
    kind: AlarmKind,
    subject: &str,
    at: UnixTime,
    differences: &mut Differences,
) -> Result<()> {
    let end = "UPDATE alarms SET ended_at = $3
         WHERE terminal IS NULL AND kind = $1 AND subject = $2 AND ended_at IS NULL";
    for _ in 0..tx.execute(end, vec![code(kind), text(subject), time(at)]).await? {
        differences.alarm_ended();
    }
    Ok(())
}

/// Gives an alarm that was raised before another time.
pub(super) async fn redate(tx: &mut Transaction, alarm: &Alarm) -> Result<()> {
    let update = "UPDATE alarms SET at = $4 WHERE terminal = $1 AND kind = $2 AND subject = $3";
    let which = vec![text(alarm.terminal), code(alarm.kind), text(&alarm.subject)];
    tx.execute(update, [which, vec![time(alarm.at)]].concat()).await?;
    Ok(())
}

/// Makes this the one alarm of its kind that the terminal has, or ends the one that it had. The
/// last one that ended is kept until the next is raised.
pub(super) async fn stand(
    tx: &mut Transaction,
    terminal: TerminalId,
    kind: AlarmKind,
    alarm: Option<&Alarm>,
    now: UnixTime,
    differences: &mut Differences,
) -> Result<()> {
    let which = vec![text(terminal), code(kind)];
    let select = "SELECT subject FROM alarms
         WHERE terminal = $1 AND kind = $2 AND ended_at IS NULL";
    let open = tx.row(select, which.clone()).await?.map(|mut row| row.text()).transpose()?;
    match (open, alarm) {
        (None, None) => Ok(()),
        (Some(_), None) => {
            let end = "UPDATE alarms SET ended_at = $3
                 WHERE terminal = $1 AND kind = $2 AND ended_at IS NULL";
            tx.execute(end, [which, vec![time(now)]].concat()).await?;
            differences.alarm_ended();
            Ok(())
        }
        (Some(subject), Some(alarm)) if subject == alarm.subject => {
            let update = "UPDATE alarms SET detail = $3
                 WHERE terminal = $1 AND kind = $2 AND ended_at IS NULL";
            tx.execute(update, [which, vec![text(&alarm.detail)]].concat()).await?;
            Ok(())
        }
        (open, Some(alarm)) => {
            let forget = "DELETE FROM alarms WHERE terminal = $1 AND kind = $2";
            tx.execute(forget, which).await?;
            raise(tx, alarm, None).await?;
            if open.is_none() {
                differences.alarm();
            }
            Ok(())
        }
    }
}

/// Ends what is looked after of a terminal.
pub(super) async fn end_all_watched(
    tx: &mut Transaction,
    terminal: TerminalId,
    now: UnixTime,
    differences: &mut Differences,
) -> Result<()> {
    let kinds = [
        AlarmKind::BackupOverdue,
        AlarmKind::DrillFailed,
        AlarmKind::DrillOverdue,
        AlarmKind::LeaseRanOut,
    ];
    for kind in kinds {
        stand(tx, terminal, kind, None, now, differences).await?;
    }
    Ok(())
}

/// Makes these the open alarms of these kinds, and ends all others of them; gives how many are new.
/// Of what ended before, the last one of each is kept until it is raised again.
pub(super) async fn replace(
    tx: &mut Transaction,
    kinds: &[AlarmKind],
    alarms: &[AnyAlarm],
    now: UnixTime,
) -> Result<u64> {
    let mut differences = Differences::default();
    let mut raised = 0;
    for kind in kinds.iter().copied() {
        let mut open = open_of_kind(tx, kind).await?;
        for alarm in alarms.iter().filter(|it| it.kind == kind) {
            match open.remove(&(alarm.terminal, alarm.subject.clone())) {
                Some((_, detail)) if detail == alarm.detail => {}
                Some((seq, _)) => {
                    let update = "UPDATE alarms SET detail = $2 WHERE seq = $1";
                    tx.execute(update, vec![int(seq), text(&alarm.detail)]).await?;
                }
                None => {
                    forget_ended(tx, alarm).await?;
                    if raise(tx, alarm, None).await? {
                        differences.alarm();
                        raised += 1;
                    }
                }
            }
        }
        for (seq, _) in open.into_values() {
            let end = "UPDATE alarms SET ended_at = $2 WHERE seq = $1";
            tx.execute(end, vec![int(seq), time(now)]).await?;
            differences.alarm_ended();
        }
    }
    differences.write(tx).await?;
    Ok(raised)
}

/// By whom and what they are about: their number, and their words.
async fn open_of_kind(
    tx: &mut Transaction,
    kind: AlarmKind,
) -> Result<BTreeMap<(Option<TerminalId>, String), (u64, String)>> {
    let select = "SELECT terminal, subject, seq, detail FROM alarms
         WHERE kind = $1 AND ended_at IS NULL";
    let mut open = BTreeMap::new();
    for mut row in tx.rows(select, vec![code(kind)]).await? {
        let about = (row.maybe_parsed("terminal")?, row.text()?);
        open.insert(about, (row.number()?, row.text()?));
    }
    Ok(open)
}

async fn forget_ended(tx: &mut Transaction, alarm: &AnyAlarm) -> Result<()> {
    let which = vec![code(alarm.kind)];
    let (forget, about) = match alarm.terminal {
        Some(terminal) => (
            "DELETE FROM alarms WHERE kind = $1 AND ended_at IS NOT NULL AND terminal = $2",
            text(terminal),
        ),
        None => (
            "DELETE FROM alarms WHERE kind = $1 AND ended_at IS NOT NULL AND terminal IS NULL
                 AND subject = $2",
            text(&alarm.subject),
        ),
    };
    tx.execute(forget, [which, vec![about]].concat()).await?;
    Ok(())
}

/// Those of one terminal that are not over, newest first.
pub(super) async fn open_of(tx: &mut Transaction, terminal: TerminalId) -> Result<Vec<AnyAlarm>> {
    let select = "SELECT terminal, kind, subject, detail, at, ended_at FROM alarms
         WHERE terminal = $1 AND ended_at IS NULL ORDER BY seq DESC LIMIT $2";
    let rows = tx.rows(select, vec![text(terminal), int(PAGE_ITEMS_MAX)]).await?;
    rows.into_iter().map(|mut row| alarm(&mut row)).collect()
}

/// The newest of one kind, which may be over.
pub(super) async fn last_of(
    tx: &mut Transaction,
    terminal: TerminalId,
    kind: AlarmKind,
) -> Result<Option<AnyAlarm>> {
    let select = "SELECT terminal, kind, subject, detail, at, ended_at FROM alarms
         WHERE terminal = $1 AND kind = $2 ORDER BY seq DESC LIMIT 1";
    let row = tx.row(select, vec![text(terminal), code(kind)]).await?;
    row.map(|mut row| alarm(&mut row)).transpose()
}

/// Those that are not over, or all of them.
pub(super) async fn page(
    tx: &mut Transaction,
    page: &Page<u64>,
    ended_too: bool,
) -> Result<Vec<(u64, AnyAlarm)>> {
    let select = "SELECT seq, terminal, kind, subject, detail, at, ended_at FROM alarms
         WHERE seq < $1 AND (ended_at IS NULL OR $3 = 1) ORDER BY seq DESC LIMIT $2";
    let before = page.after.unwrap_or(u64::MAX);
    let numbered = |mut row: Row| Ok((row.number()?, alarm(&mut row)?));
    let rows = tx.rows(select, vec![int(before), int(page.items()), flag(ended_too)]).await?;
    rows.into_iter().map(numbered).collect()
}

fn alarm(row: &mut Row) -> Result<AnyAlarm> {
    Ok(Alarm {
        terminal: row.maybe_parsed("terminal")?,
        kind: row.code()?,
        subject: row.text()?,
        detail: row.text()?,
        at: row.time()?,
        ended_at: row.maybe_time()?,
    })
}
