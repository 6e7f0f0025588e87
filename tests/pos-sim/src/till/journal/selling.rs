//! When the till was able to sell: spans that are extended while it is, so that the gaps between
//! them are the downtime. A till that is killed extends nothing, so its gap begins at its last sign
//! of life: downtime is never reported too short.

use anyhow::Result;
use rusqlite::{Connection, params};

use super::Journal;
use crate::edition::Edition;

/// Extends the span, or begins one; returns it.
pub(super) fn extend(
    db: &Connection,
    span: Option<i64>,
    edition: &Edition,
    now_ms: i64,
) -> Result<i64> {
    if let Some(span) = span {
        let until = params![span, now_ms];
        db.execute("UPDATE selling SET until_ms = ?2 WHERE id = ?1", until)?;
        return Ok(span);
    }
    db.execute(
        "INSERT INTO selling (version, from_ms, until_ms) VALUES (?1, ?2, ?2)",
        params![edition.version, now_ms],
    )?;
    Ok(db.last_insert_rowid())
}

impl Journal {
    /// The till opens for a customer: the moment from which a new span counts.
    pub(crate) fn begin_to_sell(&mut self, now_ms: i64) -> Result<()> {
        if self.span.is_some() { Ok(()) } else { self.able_to_sell(now_ms) }
    }

    /// The till is able to sell now.
    pub(crate) fn able_to_sell(&mut self, now_ms: i64) -> Result<()> {
        self.span = Some(extend(&self.db, self.span, self.edition, now_ms)?);
        Ok(())
    }

    /// The till is not able to sell: what comes next is another span.
    pub(crate) fn unable_to_sell(&mut self) {
        self.span = None;
    }
}
