//! Batches: `open` takes sales, `offered` has been shown to the host with fixed figures, `settled`
//! has its reference. A batch that was offered never takes a sale again, whatever became of the
//! answer: sales that follow go into the next one. No two batches of a till have the same number,
//! whatever their bindings: two bindings may end at the same host.

use anyhow::{Result, ensure};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::Journal;
use crate::protocol::OpenBatch;
use crate::till::CURRENCY;

/// A batch and its figures as the till counted them when it closed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) binding: String,
    pub(crate) number: i64,
    pub(crate) count: i64,
    pub(crate) total_minor: i64,
    /// Empty until it is settled.
    pub(crate) host_reference: String,
}

impl Batch {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            binding: row.get("binding")?,
            number: row.get("number")?,
            count: row.get("count")?,
            total_minor: row.get("total_minor")?,
            host_reference: row.get("host_reference")?,
        })
    }
}

/// The number of the batch that takes the next sale, opened if need be.
pub(super) fn open_batch(change: &Transaction<'_>, binding: &str) -> Result<i64> {
    let open = change
        .query_row(
            "SELECT number FROM batch WHERE binding = ?1 AND state = 'open'",
            [binding],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(open) = open {
        return Ok(open);
    }
    // Sales that came from another terminal without their batches have numbers of its batches.
    let next = change.query_row(
        "INSERT INTO batch (binding, number, state)
         SELECT ?1, coalesce(max(number), 0) + 1, 'open'
         FROM (SELECT number FROM batch UNION ALL SELECT max(batch) FROM sale)
         RETURNING number",
        [binding],
        |row| row.get(0),
    )?;
    Ok(next)
}

/// How many sales and refunds of `binding` are approved and not yet settled.
pub(super) fn open_count(db: &Connection, binding: &str) -> Result<i64> {
    Ok(open_figures(db, binding)?.count)
}

fn open_figures(db: &Connection, binding: &str) -> Result<OpenBatch> {
    let mut statement = db.prepare_cached(
        "SELECT count(*), coalesce(sum(amount_minor), 0)
         FROM batch CROSS JOIN sale ON sale.binding = batch.binding AND sale.batch = number
         WHERE batch.binding = ?1 AND batch.state != 'settled' AND sale.state = 'approved'",
    )?;
    let figures = statement.query_row([binding], |row| {
        Ok(OpenBatch { count: row.get(0)?, total_minor: row.get(1)?, currency: CURRENCY })
    })?;
    Ok(figures)
}

impl Journal {
    /// What is approved under `binding` and not yet settled.
    pub(crate) fn open_figures(&self, binding: &str) -> Result<OpenBatch> {
        open_figures(&self.db, binding)
    }

    /// Closes the open batch, also one in which every sale was undone: the host then has to agree
    /// that nothing is left.
    pub(crate) fn offer_whatever_is_open(&mut self, binding: &str) -> Result<()> {
        self.offer_open_batch(binding)?;
        self.db.execute(
            "UPDATE batch SET state = 'offered' WHERE binding = ?1 AND state = 'open'",
            [binding],
        )?;
        Ok(())
    }

    /// Closes the open batch for good, with its figures as they are now, if it holds a sale.
    pub(crate) fn offer_open_batch(&mut self, binding: &str) -> Result<()> {
        self.db.execute(
            "UPDATE batch SET state = 'offered', count = figures.count, total_minor = figures.total
             FROM (SELECT batch, count(*) AS count, sum(amount_minor) AS total
                   FROM sale WHERE binding = ?1 AND state = 'approved' AND batch =
                       (SELECT number FROM batch WHERE binding = ?1 AND state = 'open')
                   GROUP BY batch) AS figures
             WHERE binding = ?1 AND number = figures.batch",
            [binding],
        )?;
        Ok(())
    }

    /// Batches offered and not known to be settled, oldest first.
    pub(crate) fn offered_batches(&self, binding: &str) -> Result<Vec<Batch>> {
        let mut statement = self.db.prepare_cached(
            "SELECT * FROM batch WHERE binding = ?1 AND state = 'offered' ORDER BY number",
        )?;
        let batches = statement.query_map([binding], Batch::read)?;
        Ok(batches.collect::<rusqlite::Result<_>>()?)
    }

    pub(crate) fn last_settled_batch(&self, binding: &str) -> Result<Option<Batch>> {
        let mut statement = self.db.prepare_cached(
            "SELECT * FROM batch WHERE binding = ?1 AND state = 'settled'
             ORDER BY number DESC LIMIT 1",
        )?;
        Ok(statement.query_row([binding], Batch::read).optional()?)
    }

    pub(crate) fn mark_settled(&mut self, batch: &Batch, host_reference: &str) -> Result<()> {
        let marked = self.db.execute(
            "UPDATE batch SET state = 'settled', host_reference = ?3 \
             WHERE binding = ?1 AND number = ?2 AND state = 'offered'",
            params![batch.binding, batch.number, host_reference],
        )?;
        ensure!(marked == 1, "batch {} of {} was not offered", batch.number, batch.binding);
        Ok(())
    }
}
