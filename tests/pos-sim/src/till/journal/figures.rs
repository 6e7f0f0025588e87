//! How a provider does, measured where it matters: at the till. And whether the till itself ends
//! without being told to.

use anyhow::Result;
use rusqlite::{OptionalExtension as _, params};

use super::Journal;
use crate::protocol::Figures;

/// The latest payments that are looked at: enough for a rate in percent, and quickly read.
const PAYMENTS_MAX: i64 = 1000;

impl Journal {
    /// The figures of `binding` since it became active, or of the last time that it was; none if
    /// there is no such binding.
    pub(crate) fn figures(&self, binding: &str, now_ms: i64) -> Result<Option<Figures>> {
        let period = self
            .db
            .query_row(
                "SELECT since_ms, first_stan, last_stan, crashes FROM binding
                 WHERE name = ?1 AND state != 'erased'",
                [binding],
                |row| {
                    Ok((
                        row.get::<_, Option<i64>>("since_ms")?,
                        row.get::<_, Option<i64>>("first_stan")?,
                        row.get::<_, Option<i64>>("last_stan")?,
                        row.get::<_, i64>("crashes")?,
                    ))
                },
            )
            .optional()?;
        let Some((since_ms, first, last, crashes)) = period else { return Ok(None) };
        let active_s = since_ms.map(|since| (now_ms - since).max(0) / 1000);
        let none = Figures { active_s, crashes, ..Figures::default() };
        let Some(first) = first else { return Ok(Some(none)) };
        let figures = self.db.query_row(
            "SELECT count(*) AS payments, coalesce(sum(answer = 'approved'), 0) AS approved,
                coalesce(sum(answer = 'error'), 0) AS errors, coalesce(sum(took_ms), 0) AS time_ms
             FROM (SELECT answer, took_ms FROM sale WHERE binding = ?1 AND answer IS NOT NULL
                    AND NOT is_test AND stan BETWEEN ?2 AND ?3 ORDER BY stan DESC LIMIT ?4)",
            params![binding, first, last.unwrap_or(i64::MAX), PAYMENTS_MAX],
            |row| {
                Ok(Figures {
                    payments: row.get("payments")?,
                    approved: row.get("approved")?,
                    host_errors: row.get("errors")?,
                    time_ms: row.get("time_ms")?,
                    ..none
                })
            },
        )?;
        Ok(Some(figures))
    }

    /// The till starts. If the one before did not end of its own accord, that is a crash in the
    /// time of the binding that is active.
    pub(crate) fn begin_run(&mut self) -> Result<()> {
        let change = self.db.transaction()?;
        change.execute(
            "UPDATE binding SET crashes = crashes + 1 WHERE state = 'active'
                AND EXISTS (SELECT 1 FROM run WHERE is_running)",
            [],
        )?;
        change.execute("INSERT OR REPLACE INTO run VALUES (1, 1)", [])?;
        change.commit()?;
        Ok(())
    }

    /// The till ends because it was told to.
    pub(crate) fn end_run(&mut self) -> Result<()> {
        self.db.execute("INSERT OR REPLACE INTO run VALUES (1, 0)", [])?;
        Ok(())
    }
}
