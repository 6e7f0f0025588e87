//! What a person should look at.

use shared::message::SignedBytes;

use super::session::{Row, Transaction, Value, code, int, text, time};
use crate::registry::RegistryError;
use crate::registry::delivery::Alarm;
use crate::registry::page::Page;

type Result<T> = std::result::Result<T, RegistryError>;

/// Kept for one terminal and kind: one that raises more than this is looked at anyway, and must
/// not be able to fill the registry.
const PER_TERMINAL_AND_KIND_MAX: i64 = 32;

/// Gives whether it was not known before.
pub(super) async fn raise(
    tx: &mut Transaction,
    alarm: &Alarm,
    evidence: Option<&SignedBytes>,
) -> Result<bool> {
    let count = "SELECT COUNT(*) FROM alarms WHERE terminal = $1 AND kind = $2";
    let row = tx.row(count, vec![text(alarm.terminal), code(alarm.kind)]).await?;
    if row.map(|mut row| row.int()).transpose()?.unwrap_or(0) >= PER_TERMINAL_AND_KIND_MAX {
        return Ok(false);
    }
    let insert = "INSERT INTO alarms (terminal, kind, subject, detail, evidence, at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (terminal, kind, subject) DO NOTHING";
    let values = vec![
        text(alarm.terminal),
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

pub(super) async fn page(tx: &mut Transaction, page: &Page<u64>) -> Result<Vec<(u64, Alarm)>> {
    let select = "SELECT seq, terminal, kind, subject, detail, at FROM alarms
         WHERE seq < $1 ORDER BY seq DESC LIMIT $2";
    let before = page.after.unwrap_or(u64::MAX);
    let alarm = |mut row: Row| {
        let seq = row.number()?;
        let alarm = Alarm {
            terminal: row.parsed("terminal")?,
            kind: row.code()?,
            subject: row.text()?,
            detail: row.text()?,
            at: row.time()?,
        };
        Ok((seq, alarm))
    };
    let rows = tx.rows(select, vec![int(before), int(page.items())]).await?;
    rows.into_iter().map(alarm).collect()
}
