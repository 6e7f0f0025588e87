//! What can become of a sale.
//!
//! ```text
//!   begun ─┬─► approved                      the host said yes
//!          ├─► declined                      the host said no, or was surely never asked
//!          ├─► held ──┬─► stored             a pre-authorisation: completed, or
//!          │          └─► reversing          cancelled
//!          ├─► stored ──► approved           taken offline; then the host took it
//!          └─► reversing ──► reversed        nobody knows what the host said
//! ```

use anyhow::{Result, ensure};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{OptionalExtension as _, Row, ToSql, Transaction, params};

use super::Journal;
use crate::edition::Schema;
use crate::protocol::Left;

/// A row of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sale {
    /// The till's number for the sale, never used again.
    pub(crate) stan: i64,
    pub(crate) binding: String,
    pub(crate) batch: i64,
    pub(crate) kind: Kind,
    pub(crate) state: State,
    pub(crate) amount_minor: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sale,
    /// Approved by the till itself, without the host.
    Offline,
    Preauthorisation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The host is being asked. After a restart: nobody knows what it said.
    Begun,
    Approved,
    Declined,
    /// A pre-authorisation, neither completed nor cancelled.
    Held,
    /// Approved by the till; the host must still be told.
    Stored,
    /// To be reversed; the host must still be told.
    Reversing,
    Reversed,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Offline => "offline",
            Self::Preauthorisation => "preauthorisation",
        }
    }
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Held => "held",
            Self::Stored => "stored",
            Self::Reversing => "reversing",
            Self::Reversed => "reversed",
        }
    }
}

impl ToSql for Kind {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromSql for Kind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        let kinds = [Self::Sale, Self::Offline, Self::Preauthorisation];
        kinds.into_iter().find(|kind| kind.name() == name).ok_or(FromSqlError::InvalidType)
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        let states = [
            Self::Begun,
            Self::Approved,
            Self::Declined,
            Self::Held,
            Self::Stored,
            Self::Reversing,
            Self::Reversed,
        ];
        states.into_iter().find(|state| state.name() == name).ok_or(FromSqlError::InvalidType)
    }
}

impl Sale {
    /// The columns that [`Sale::read`] needs.
    pub(crate) const COLUMNS: &str = "stan, binding, batch, kind, state, amount_minor";

    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            stan: row.get("stan")?,
            binding: row.get("binding")?,
            batch: row.get("batch")?,
            kind: row.get("kind")?,
            state: row.get("state")?,
            amount_minor: row.get("amount_minor")?,
        })
    }
}

/// A sale about to be written down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewSale<'a> {
    pub(crate) binding: &'a str,
    pub(crate) kind: Kind,
    pub(crate) amount_minor: i64,
    /// The part of the amount that is a tip, for editions that know tips.
    pub(crate) tip_minor: i64,
}

impl Journal {
    /// Writes down a sale in the binding's open batch, in the state it starts in: an offline sale
    /// is stored at once, all others are begun.
    pub(crate) fn begin(&mut self, new: NewSale<'_>, now_ms: i64) -> Result<Sale> {
        let NewSale { binding, kind, amount_minor, tip_minor } = new;
        let state = match kind {
            Kind::Offline => State::Stored,
            Kind::Sale | Kind::Preauthorisation => State::Begun,
        };
        let change = self.db.transaction()?;
        let batch = super::batch::open_batch(&change, binding)?;
        change.execute(
            "INSERT INTO sale (binding, batch, kind, state, amount_minor, begun_ms, changed_ms) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
            params![binding, batch, kind, state, amount_minor, now_ms],
        )?;
        let stan = change.last_insert_rowid();
        if self.edition.schema >= Schema::Two {
            let tip = params![stan, tip_minor];
            change.execute("UPDATE sale SET tip_minor = ?2 WHERE stan = ?1", tip)?;
        }
        change.commit()?;
        Ok(Sale { stan, binding: binding.to_owned(), batch, kind, state, amount_minor })
    }

    /// Writes down what the customer is told, and with it that the till was able to sell.
    pub(crate) fn conclude(&mut self, sale: &Sale, to: State, now_ms: i64) -> Result<()> {
        let change = self.db.transaction()?;
        change_state(&change, sale, to, now_ms)?;
        let span = super::selling::extend(&change, self.span, self.edition, now_ms)?;
        change.commit()?;
        self.span = Some(span);
        Ok(())
    }

    /// Writes down what became of `sale` behind the counter.
    pub(crate) fn mark(&mut self, sale: &Sale, to: State, now_ms: i64) -> Result<()> {
        let change = self.db.transaction()?;
        change_state(&change, sale, to, now_ms)?;
        change.commit()?;
        Ok(())
    }

    /// Completes a pre-authorisation: approved here, to be uploaded, in the batch open now.
    pub(crate) fn complete(&mut self, sale: &Sale, amount_minor: i64, now_ms: i64) -> Result<Sale> {
        let change = self.db.transaction()?;
        let batch = super::batch::open_batch(&change, &sale.binding)?;
        change_state(&change, sale, State::Stored, now_ms)?;
        change.execute(
            "UPDATE sale SET amount_minor = ?2, batch = ?3 WHERE stan = ?1",
            params![sale.stan, amount_minor, batch],
        )?;
        change.commit()?;
        Ok(Sale { amount_minor, batch, state: State::Stored, ..sale.clone() })
    }

    /// What an earlier process of this till left unanswered is to be reversed; returns how many.
    pub(crate) fn recover(&mut self, now_ms: i64) -> Result<usize> {
        let in_doubt = self.db.execute(
            "UPDATE sale SET state = ?1, changed_ms = ?3 WHERE state = ?2",
            params![State::Reversing, State::Begun, now_ms],
        )?;
        Ok(in_doubt)
    }

    /// Reversals, then uploads, that the host of `binding` must still be told, oldest first.
    pub(crate) fn to_forward(&self, binding: &str) -> Result<Vec<Sale>> {
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT {} FROM sale WHERE state IN ('reversing', 'stored') AND binding = ?1 \
             ORDER BY state, stan",
            Sale::COLUMNS
        ))?;
        let sales = statement.query_map([binding], Sale::read)?;
        Ok(sales.collect::<rusqlite::Result<_>>()?)
    }

    /// The pre-authorisation that is open longest.
    pub(crate) fn oldest_held(&self, binding: &str) -> Result<Option<Sale>> {
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT {} FROM sale WHERE state = 'held' AND binding = ?1 ORDER BY stan LIMIT 1",
            Sale::COLUMNS
        ))?;
        Ok(statement.query_row([binding], Sale::read).optional()?)
    }

    /// What still ties the till to the host of `binding`. A sale that was begun and is in flight
    /// is none of it: `status` calls the till busy instead.
    pub(crate) fn left(&self, binding: &str) -> Result<Left> {
        let mut statement = self.db.prepare_cached(
            "SELECT coalesce(sum(state = 'reversing'), 0) AS reversing,
                    coalesce(sum(state = 'stored'), 0) AS stored,
                    coalesce(sum(state = 'held'), 0) AS held
             FROM sale WHERE state IN ('held', 'stored', 'reversing') AND binding = ?1",
        )?;
        let left = statement.query_row([binding], |row| {
            Ok(Left {
                unsent_reversals: row.get("reversing")?,
                stored_offline: row.get("stored")?,
                open_preauthorisations: row.get("held")?,
            })
        })?;
        Ok(left)
    }

    /// The highest number given to a sale so far.
    pub(crate) fn last_stan(&self) -> Result<i64> {
        Ok(self.db.query_row("SELECT coalesce(max(stan), 0) FROM sale", [], |row| row.get(0))?)
    }
}

fn change_state(change: &Transaction<'_>, sale: &Sale, to: State, now_ms: i64) -> Result<()> {
    let changed = change.execute(
        "UPDATE sale SET state = ?3, changed_ms = ?4 WHERE stan = ?1 AND state = ?2",
        params![sale.stan, sale.state, to, now_ms],
    )?;
    ensure!(
        changed == 1,
        "sale {} is not {} any more and cannot become {}",
        sale.stan,
        sale.state.name(),
        to.name()
    );
    Ok(())
}
