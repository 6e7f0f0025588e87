//! What came of restores that were rehearsed.

use std::collections::BTreeMap;

use shared::id::{OrderId, TerminalId};
use shared::time::UnixTime;

use super::super::session::{
    Row, Transaction, Value, int, json, list, maybe_text, text, time, with_id_list,
};
use super::watch;
use crate::registry::RegistryError;
use crate::registry::backup::watch::{DrillReport, FailedDrill};
use crate::registry::page::Page;

type Result<T> = std::result::Result<T, RegistryError>;

/// All columns of a report, in the order in which [`report`] takes them.
macro_rules! select_drills {
    ($tail:literal) => {
        concat!(
            "SELECT seq, order_id, terminal, campaign, manifest, counted, took_ms, outcome,
                 failed_as, detail, at
             FROM backup_drills ",
            $tail
        )
    };
}

fn report(mut row: Row) -> Result<DrillReport> {
    Ok(DrillReport {
        seq: row.number()?,
        order: row.parsed("order")?,
        terminal: row.parsed("terminal")?,
        campaign: row.parsed("campaign")?,
        manifest: row.maybe_parsed("digest")?,
        counted: row.json("list of counts")?,
        took_ms: row.maybe_int()?.and_then(|millis| u64::try_from(millis).ok()),
        outcome: row.text()?,
        failed_as: row.maybe_text()?,
        detail: row.text()?,
        at: row.time()?,
    })
}

/// Of two ends of one order the earlier one counts, whichever is heard of first.
pub(in super::super) async fn keep(
    tx: &mut Transaction,
    new: &DrillReport,
    heard_at: UnixTime,
) -> Result<()> {
    let put = "INSERT INTO backup_drills (order_id, terminal, campaign, manifest, counted, took_ms,
             outcome, failed_as, detail, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (order_id) DO UPDATE SET manifest = $4, counted = $5, took_ms = $6,
             outcome = $7, failed_as = $8, detail = $9, at = $10
         WHERE $10 < backup_drills.at
             OR ($10 = backup_drills.at AND $7 < backup_drills.outcome)";
    let values = vec![
        text(new.order),
        text(new.terminal),
        text(new.campaign),
        maybe_text(new.manifest),
        json(&new.counted),
        Value::Int(new.took_ms.and_then(|millis| i64::try_from(millis).ok())),
        text(&new.outcome),
        maybe_text(new.failed_as.as_ref()),
        text(&new.detail),
        time(new.at),
    ];
    match tx.execute(put, values).await? {
        0 => Ok(()),
        _ => watch::look(tx, new.terminal, heard_at).await,
    }
}

pub(super) async fn page(
    tx: &mut Transaction,
    of: Option<TerminalId>,
    page: &Page<u64>,
) -> Result<Vec<DrillReport>> {
    let part = vec![int(page.after.unwrap_or(u64::MAX)), int(page.items())];
    let rows = match of {
        None => {
            let select = select_drills!("WHERE seq < $1 ORDER BY seq DESC LIMIT $2");
            tx.rows(select, part).await?
        }
        Some(terminal) => {
            let select =
                select_drills!("WHERE seq < $1 AND terminal = $3 ORDER BY seq DESC LIMIT $2");
            tx.rows(select, [part, vec![text(terminal)]].concat()).await?
        }
    };
    rows.into_iter().map(report).collect()
}

pub(super) async fn by_order(tx: &mut Transaction, order: OrderId) -> Result<Option<DrillReport>> {
    let row = tx.row(select_drills!("WHERE order_id = $1"), vec![text(order)]).await?;
    row.map(report).transpose()
}

/// The newest drills of a terminal.
#[derive(Debug, Default)]
pub(super) struct Last {
    pub(super) succeeded_at: Option<UnixTime>,
    /// The newest of all, if it failed.
    pub(super) failed: Option<FailedDrill>,
}

/// Of those that were carried out: what was cancelled or ran out says nothing.
pub(super) async fn last(
    tx: &mut Transaction,
    of: &[TerminalId],
) -> Result<BTreeMap<TerminalId, Last>> {
    let select = with_id_list!(
        "SELECT terminal, MAX(at) FROM backup_drills
         WHERE outcome = 'succeeded' AND terminal IN ",
        " GROUP BY terminal"
    );
    let mut last = BTreeMap::<_, Last>::new();
    for mut row in tx.rows(select, vec![list(of)]).await? {
        let (terminal, at) = (row.parsed("terminal")?, row.time()?);
        last.entry(terminal).or_default().succeeded_at = Some(at);
    }
    let select = with_id_list!(
        "SELECT terminal, order_id, at, failed_as, detail FROM backup_drills d
         WHERE failed_as IS NOT NULL AND NOT EXISTS (
             SELECT 1 FROM backup_drills later WHERE later.terminal = d.terminal
                 AND later.at > d.at
                 AND (later.failed_as IS NOT NULL OR later.outcome = 'succeeded'))
         AND terminal IN ",
        " ORDER BY terminal, order_id"
    );
    for mut row in tx.rows(select, vec![list(of)]).await? {
        let terminal = row.parsed("terminal")?;
        let (order, at) = (row.parsed("order")?, row.time()?);
        let failed = FailedDrill { order, at, failed_as: row.text()?, detail: row.text()? };
        last.entry(terminal).or_default().failed = Some(failed);
    }
    Ok(last)
}
