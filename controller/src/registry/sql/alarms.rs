//! What a person should look at.

use std::collections::BTreeSet;

use shared::id::{CampaignId, TerminalId};
use shared::message::SignedBytes;
use shared::time::UnixTime;

use super::session::{
    Row, Transaction, Value, code, flag, int, list, maybe_text, text, time, with_id_list,
};
use super::tally::Differences;
use crate::registry::RegistryError;
use crate::registry::delivery::{Alarm, AlarmKind, AnyAlarm};
use crate::registry::page::Page;

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

/// Ends what is looked after of a terminal's backups.
pub(super) async fn end_all_watched(
    tx: &mut Transaction,
    terminal: TerminalId,
    now: UnixTime,
    differences: &mut Differences,
) -> Result<()> {
    for kind in [AlarmKind::BackupOverdue, AlarmKind::DrillFailed, AlarmKind::DrillOverdue] {
        stand(tx, terminal, kind, None, now, differences).await?;
    }
    Ok(())
}

/// Makes these the open alarms about terminals that may not stop in time by this campaign.
pub(super) async fn put_at_risk(
    tx: &mut Transaction,
    campaign: CampaignId,
    late: &[Alarm],
    now: UnixTime,
) -> Result<u64> {
    let kind = AlarmKind::SuspensionAtRisk;
    let select = "SELECT terminal FROM alarms
         WHERE kind = 'suspension-at-risk' AND ended_at IS NULL AND subject = $1";
    let open = tx.rows(select, vec![text(campaign)]).await?;
    let open: BTreeSet<TerminalId> =
        open.into_iter().map(|mut row| row.parsed("terminal")).collect::<Result<_>>()?;
    let mut differences = Differences::default();
    for alarm in late {
        stand(tx, alarm.terminal, kind, Some(alarm), now, &mut differences).await?;
    }
    let is_late: BTreeSet<_> = late.iter().map(|alarm| alarm.terminal).collect();
    for terminal in open.difference(&is_late) {
        stand(tx, *terminal, kind, None, now, &mut differences).await?;
    }
    differences.write(tx).await?;
    Ok(is_late.difference(&open).count() as u64)
}

/// Nothing is at risk any more where a campaign is over.
pub(super) async fn end_at_risk_except(
    tx: &mut Transaction,
    campaigns: &[CampaignId],
    now: UnixTime,
) -> Result<()> {
    let end = with_id_list!(
        "UPDATE alarms SET ended_at = $2
         WHERE kind = 'suspension-at-risk' AND ended_at IS NULL AND subject NOT IN ",
        ""
    );
    let mut differences = Differences::default();
    for _ in 0..tx.execute(end, vec![list(campaigns), time(now)]).await? {
        differences.alarm_ended();
    }
    differences.write(tx).await
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
    let alarm = |mut row: Row| {
        let seq = row.number()?;
        let alarm = Alarm {
            terminal: row.maybe_parsed("terminal")?,
            kind: row.code()?,
            subject: row.text()?,
            detail: row.text()?,
            at: row.time()?,
            ended_at: row.maybe_time()?,
        };
        Ok((seq, alarm))
    };
    let rows = tx.rows(select, vec![int(before), int(page.items()), flag(ended_too)]).await?;
    rows.into_iter().map(alarm).collect()
}
