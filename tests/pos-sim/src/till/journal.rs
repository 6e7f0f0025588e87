//! The till's transaction journal: one SQLite file, where a sale is before anything happens to it.
//!
//! Amounts are in the currency's minor unit. Each public function is one transaction, durable when
//! it returns. A change that does not find the sale in the state it starts from is an error and
//! changes nothing.

mod batch;
mod binding;
mod data_sets;
mod erase;
mod figures;
mod hold;
mod sale;
mod schema;
mod selling;
mod swap;
mod test_sale;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rusqlite::{Connection, TransactionBehavior};

use crate::edition::Edition;

pub(crate) use batch::Batch;
pub(crate) use binding::{Binding, Given, Merchant};
pub(crate) use data_sets::{export, fits_into_a_path, rehearse};
pub(crate) use sale::{HostSaid, HostTook, Kind, NewSale, Sale, State};
pub(crate) use test_sale::{TestRow, Undone};

/// The file of the journal in a till's data directory.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join("till.db")
}

#[derive(Debug)]
pub(crate) struct Journal {
    db: Connection,
    /// Whose columns are written; the file may hold more.
    edition: &'static Edition,
    /// The row of `selling` that is being extended.
    span: Option<i64>,
}

impl Journal {
    /// Opens or makes the journal of `terminal`. A file of another terminal is refused, and so is
    /// one that a newer till has changed in a way this edition cannot read.
    pub(crate) fn open(data: &Path, terminal: &str, edition: &'static Edition) -> Result<Self> {
        swap::tidy(data)?;
        let path = path(data);
        let mut db = Connection::open(&path)
            .with_context(|| format!("cannot open the journal {}", path.display()))?;
        // A transaction that starts by reading fails at once when it meets another writer; one
        // that starts by writing waits for it.
        db.set_transaction_behavior(TransactionBehavior::Immediate);
        schema::prepare(&mut db, terminal, edition.schema)
            .with_context(|| format!("cannot use the journal {}", path.display()))?;
        Ok(Self { db, edition, span: None })
    }

    /// Of a till that nobody has set up, since it was erased: kept nowhere.
    pub(crate) fn of_nobody(terminal: &str, edition: &'static Edition) -> Result<Self> {
        let mut db = Connection::open_in_memory().context("cannot open a journal in memory")?;
        db.set_transaction_behavior(TransactionBehavior::Immediate);
        schema::prepare(&mut db, terminal, edition.schema)?;
        Ok(Self { db, edition, span: None })
    }

    /// Tries to write, and takes it back: for the self-test.
    pub(crate) fn try_to_write(&mut self) -> Result<()> {
        let trial = self.db.transaction()?;
        trial.execute("INSERT INTO notice (at_ms, text) VALUES (0, 'trial')", [])?;
        trial.rollback()?;
        Ok(())
    }

    pub(crate) fn show_notice(&mut self, text: &str, now_ms: i64) -> Result<()> {
        self.db.execute("INSERT INTO notice (at_ms, text) VALUES (?1, ?2)", (now_ms, text))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
