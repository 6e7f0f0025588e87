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
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, Transaction, params};

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
    /// Below zero for a refund.
    pub(crate) amount_minor: i64,
    /// Nobody's purchase: made to see whether a binding works.
    pub(crate) is_test: bool,
    /// The sale that this one gives back.
    pub(crate) refund_of: Option<i64>,
    /// The terminal that opened it, which its host knows it by: this one where it does not say.
    pub(crate) opened_by: Option<String>,
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
    pub(crate) const COLUMNS: &str =
        "stan, binding, batch, kind, state, amount_minor, is_test, refund_of, opened_by";

    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            stan: row.get("stan")?,
            binding: row.get("binding")?,
            batch: row.get("batch")?,
            kind: row.get("kind")?,
            state: row.get("state")?,
            amount_minor: row.get("amount_minor")?,
            is_test: row.get("is_test")?,
            refund_of: row.get("refund_of")?,
            opened_by: row.get("opened_by")?,
        })
    }
}

/// How the provider's host took a customer's payment, which is what it is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostTook {
    pub(crate) said: HostSaid,
    /// From the request to the answer, or to giving up.
    pub(crate) took_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostSaid {
    Yes,
    No,
    /// It could not be reached, or nobody knows what it said.
    Nothing,
}

impl HostSaid {
    const fn name(self) -> &'static str {
        match self {
            Self::Yes => "approved",
            Self::No => "declined",
            Self::Nothing => "error",
        }
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
        let change = self.db.transaction()?;
        let sale = insert(&change, new, (false, None), now_ms)?;
        if self.edition.schema >= Schema::Two {
            let tip = params![sale.stan, new.tip_minor];
            change.execute("UPDATE sale SET tip_minor = ?2 WHERE stan = ?1", tip)?;
        }
        change.commit()?;
        Ok(sale)
    }

    /// Writes down what the customer is told, and with it that the till was able to sell.
    pub(crate) fn conclude(
        &mut self,
        sale: &Sale,
        to: State,
        host: HostTook,
        now_ms: i64,
    ) -> Result<()> {
        let change = self.db.transaction()?;
        change_state(&change, sale, to, now_ms)?;
        measure(&change, sale, host)?;
        let span = super::selling::extend(&change, self.span, self.edition, now_ms)?;
        change.commit()?;
        self.span = Some(span);
        Ok(())
    }

    /// Writes down that the customer left without an answer.
    pub(crate) fn give_up(
        &mut self,
        sale: &Sale,
        to: State,
        host: HostTook,
        now_ms: i64,
    ) -> Result<()> {
        let change = self.db.transaction()?;
        change_state(&change, sale, to, now_ms)?;
        measure(&change, sale, host)?;
        change.commit()?;
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

    /// The pre-authorisation that is open longest, whichever binding holds it.
    pub(crate) fn oldest_held(&self) -> Result<Option<Sale>> {
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT {} FROM sale WHERE state = 'held' ORDER BY stan LIMIT 1",
            Sale::COLUMNS
        ))?;
        Ok(statement.query_row([], Sale::read).optional()?)
    }

    /// The sale of that number, as it is now.
    pub(crate) fn sale(&self, stan: i64) -> Result<Option<Sale>> {
        let mut statement = self
            .db
            .prepare_cached(&format!("SELECT {} FROM sale WHERE stan = ?1", Sale::COLUMNS))?;
        Ok(statement.query_row([stan], Sale::read).optional()?)
    }

    /// What still ties the till to the host of `binding`. A sale that was begun and is in flight
    /// is none of it: `status` calls the till busy instead.
    pub(crate) fn left(&self, binding: &str) -> Result<Left> {
        let (unsent_reversals, stored_offline, open_preauthorisations) = owed(&self.db, binding)?;
        Ok(Left { unsent_reversals, stored_offline, open_preauthorisations })
    }

    /// The highest number given to a sale so far.
    pub(crate) fn last_stan(&self) -> Result<i64> {
        Ok(self.db.query_row("SELECT coalesce(max(stan), 0) FROM sale", [], |row| row.get(0))?)
    }
}

/// Writes down a sale as it starts: whether it is a test, and which sale it gives back.
pub(super) fn insert(
    change: &Transaction<'_>,
    new: NewSale<'_>,
    (is_test, refund_of): (bool, Option<i64>),
    now_ms: i64,
) -> Result<Sale> {
    let NewSale { binding, kind, amount_minor, tip_minor: _ } = new;
    let state = match kind {
        Kind::Offline => State::Stored,
        Kind::Sale | Kind::Preauthorisation => State::Begun,
    };
    let batch = super::batch::open_batch(change, binding)?;
    change.execute(
        "INSERT INTO sale (binding, batch, kind, state, amount_minor, begun_ms, changed_ms,
            is_test, refund_of)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8)",
        params![binding, batch, kind, state, amount_minor, now_ms, is_test, refund_of],
    )?;
    let (stan, binding) = (change.last_insert_rowid(), binding.to_owned());
    let opened_by = None;
    Ok(Sale { stan, binding, batch, kind, state, amount_minor, is_test, refund_of, opened_by })
}

fn measure(change: &Transaction<'_>, sale: &Sale, host: HostTook) -> Result<()> {
    let HostTook { said, took_ms } = host;
    change.execute(
        "UPDATE sale SET answer = ?2, took_ms = ?3 WHERE stan = ?1",
        params![sale.stan, said.name(), took_ms],
    )?;
    Ok(())
}

/// Reversals and stored sales that the host of `binding` must still be told, and what it holds.
pub(super) fn owed(db: &Connection, binding: &str) -> Result<(i64, i64, i64)> {
    let mut statement = db.prepare_cached(
        "SELECT coalesce(sum(state = 'reversing'), 0) AS reversing,
                coalesce(sum(state = 'stored'), 0) AS stored,
                coalesce(sum(state = 'held'), 0) AS held
         FROM sale WHERE state IN ('held', 'stored', 'reversing') AND binding = ?1",
    )?;
    let owed = statement.query_row([binding], |row| {
        Ok((row.get("reversing")?, row.get("stored")?, row.get("held")?))
    })?;
    Ok(owed)
}

pub(super) fn change_state(
    change: &Transaction<'_>,
    sale: &Sale,
    to: State,
    now_ms: i64,
) -> Result<()> {
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
