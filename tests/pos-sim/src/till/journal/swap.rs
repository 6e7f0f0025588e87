//! An import: a new journal is made beside the present one, then takes its place in one rename. The
//! one before stays, as `till.db.before`, until the import is committed.
//!
//! What says that an import is neither committed nor reverted is a row in the new journal itself,
//! with the answer that was given: so it holds exactly while the new journal is the journal. Power
//! may fail anywhere; [`tidy`] removes whatever did not come to be, before the journal is opened.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::data_sets::{Part, load, named};
use super::{Journal, path, schema};
use crate::file;
use crate::protocol::DataSet;

const TABLE: &str = "CREATE TABLE imported (answer TEXT NOT NULL)";

fn beside(data: &Path, what: &str) -> PathBuf {
    data.join(format!("till.db.{what}"))
}

/// Where a power cut can come: after each, the journal is the old one or the new one, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Copied,
    Loaded,
    Closed,
    SetAside,
    Renamed,
    Unmarked,
}

/// Whether things go on after a moment; outside tests they always do.
pub(super) type GoesOn<'a> = &'a mut dyn FnMut(Moment) -> Result<()>;

/// What an import that was cut off has left behind.
pub(super) fn tidy(data: &Path) -> Result<()> {
    file::remove(&beside(data, "imported"))?;
    file::remove(&beside(data, "imported-journal"))?;
    let before = beside(data, "before");
    if !before.exists() {
        return Ok(());
    }
    let db = Connection::open(path(data))?;
    if pending(&db)?.is_none() {
        file::remove(&before)?;
    }
    Ok(())
}

fn pending(db: &Connection) -> Result<Option<Vec<DataSet>>> {
    if !db.table_exists(None, "imported")? {
        return Ok(None);
    }
    let answer = db.query_row("SELECT answer FROM imported", [], |row| row.get::<_, String>(0));
    let answer = answer.optional()?;
    answer.map(|text| Ok(serde_json::from_str(&text)?)).transpose()
}

impl Journal {
    /// Replaces the data sets by what an export in `from` holds. Until it is committed or reverted
    /// the same is answered again, and nothing is done.
    pub(crate) fn import(
        &mut self,
        data: &Path,
        from: &Path,
        names: &[String],
    ) -> Result<Vec<DataSet>> {
        self.import_until(data, from, names, &mut |_| Ok(()))
    }

    pub(super) fn import_until(
        &mut self,
        data: &Path,
        from: &Path,
        names: &[String],
        goes_on: GoesOn<'_>,
    ) -> Result<Vec<DataSet>> {
        if let Some(answer) = pending(&self.db)? {
            return Ok(answer);
        }
        let (parts, new) = (named(names)?, beside(data, "imported"));
        tidy(data)?;
        let text = new.to_str().context("the data directory's path is not UTF-8")?;
        self.db.execute("VACUUM INTO ?1", [text])?;
        goes_on(Moment::Copied)?;
        let answer = build(&new, from, &parts)?;
        File::open(&new)?.sync_all()?;
        goes_on(Moment::Loaded)?;
        self.swap(data, &new, Some(&beside(data, "before")), goes_on)?;
        Ok(answer)
    }

    /// Puts the journal from before the import back, if one is pending.
    pub(crate) fn revert_import(&mut self, data: &Path) -> Result<()> {
        if pending(&self.db)?.is_none() {
            return Ok(());
        }
        let before = beside(data, "before");
        ensure!(before.is_file(), "the journal from before the import is missing");
        self.swap(data, &before, None, &mut |_| Ok(()))
    }

    /// Keeps what was imported, for good.
    pub(crate) fn commit_import(&mut self, data: &Path) -> Result<()> {
        self.commit_until(data, &mut |_| Ok(()))
    }

    pub(super) fn commit_until(&mut self, data: &Path, goes_on: GoesOn<'_>) -> Result<()> {
        if pending(&self.db)?.is_some() {
            self.db.execute("DROP TABLE imported", [])?;
        }
        goes_on(Moment::Unmarked)?;
        file::remove(&beside(data, "before"))
    }

    /// Lets `new` become the journal. Nobody else has it open: leaving WAL mode needs that, and
    /// leaves a file that is whole by itself.
    fn swap(
        &mut self,
        data: &Path,
        new: &Path,
        set_aside: Option<&Path>,
        goes_on: GoesOn<'_>,
    ) -> Result<()> {
        let journal = path(data);
        let mode: String =
            self.db.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
        ensure!(mode == "delete", "somebody else has the journal open");
        // A connection to nothing: the file's own is closed before the file is replaced.
        self.db = Connection::open_in_memory()?;
        let swapped = goes_on(Moment::Closed).and_then(|()| {
            if let Some(aside) = set_aside {
                fs::hard_link(&journal, aside).context("cannot set the journal aside")?;
                goes_on(Moment::SetAside)?;
            }
            fs::rename(new, &journal).context("cannot replace the journal")?;
            File::open(data)?.sync_all()?;
            goes_on(Moment::Renamed)
        });
        let mut db = Connection::open(&journal)?;
        db.set_transaction_behavior(TransactionBehavior::Immediate);
        let owner: String = db.query_row("SELECT terminal FROM till", [], |row| row.get(0))?;
        schema::prepare(&mut db, &owner, self.edition.schema)?;
        (self.db, self.span) = (db, None);
        swapped
    }
}

/// Loads the parts into a copy of the present journal. What the present journal has settled stays
/// settled, with its payments: a host closes a batch once.
fn build(new: &Path, from: &Path, parts: &[Part]) -> Result<Vec<DataSet>> {
    let mut db = Connection::open(new)?;
    db.execute_batch(
        "PRAGMA synchronous = FULL;
         CREATE TEMP TABLE settled AS SELECT * FROM batch WHERE state = 'settled';
         CREATE TEMP TABLE paid AS SELECT sale.* FROM sale JOIN settled
             ON sale.binding = settled.binding AND sale.batch = settled.number;
         CREATE TEMP TABLE bound AS SELECT * FROM binding",
    )?;
    let has_sold = db.query_row("SELECT EXISTS (SELECT 1 FROM sale)", [], |row| row.get(0))?;
    let answer = load(&mut db, from, parts)?;
    let change = db.transaction()?;
    if parts.contains(&Part::Config) && (has_sold || !one_is_active(&change)?) {
        keep_bindings(&change)?;
    }
    change.execute_batch(
        "INSERT OR REPLACE INTO batch SELECT * FROM settled;
         INSERT OR REPLACE INTO sale SELECT * FROM paid",
    )?;
    // Numbers are never used again, whichever of the two has used them.
    change.execute_batch(
        "UPDATE sqlite_sequence SET seq = max(seq, (SELECT coalesce(max(stan), 0) FROM sale))
         WHERE name = 'sale'",
    )?;
    give_stored_sales_a_batch(&change)?;
    // What was sold with a binding that nobody here knows is still owed to somebody.
    change.execute(
        "INSERT OR IGNORE INTO binding
            (name, state, provider, version, mid, tid, merchant, mcc, hosts)
         SELECT DISTINCT binding, 'standby', binding, 0, '', '', '', '', '[]' FROM batch",
        [],
    )?;
    change.execute("DELETE FROM binding_key WHERE name NOT IN (SELECT name FROM binding)", [])?;
    change.execute_batch(TABLE)?;
    let text = serde_json::to_string(&answer)?;
    change.execute("INSERT INTO imported VALUES (?1)", [text])?;
    change.commit()?;
    Ok(answer)
}

/// A stored sale that came without its batch is settled by whoever tells its host.
fn give_stored_sales_a_batch(change: &Transaction<'_>) -> Result<()> {
    let without = "state = 'stored' AND NOT EXISTS (SELECT 1 FROM batch
        WHERE batch.binding = sale.binding AND number = sale.batch)";
    let mut bindings =
        change.prepare(&format!("SELECT DISTINCT binding FROM sale WHERE {without}"))?;
    let bindings = bindings.query_map([], |row| row.get(0))?;
    for binding in bindings.collect::<rusqlite::Result<Vec<String>>>()? {
        let batch = super::batch::open_batch(change, &binding)?;
        change.execute(
            &format!("UPDATE sale SET batch = ?2 WHERE binding = ?1 AND {without}"),
            params![binding, batch],
        )?;
    }
    Ok(())
}

fn one_is_active(db: &Connection) -> Result<bool> {
    let one = "SELECT count(*) = 1 FROM binding WHERE state = 'active'";
    Ok(db.query_row(one, [], |row| row.get(0))?)
}

/// An import switches no provider: a till that has sold keeps the bindings that it has, in the
/// state that they are in. What it does not know comes back on standby, for what is owed there.
fn keep_bindings(change: &Connection) -> Result<()> {
    change.execute_batch(
        "DELETE FROM binding WHERE name IN (SELECT name FROM bound);
         UPDATE binding SET state = 'standby', since_ms = NULL WHERE state = 'active';
         INSERT INTO binding SELECT * FROM bound",
    )?;
    Ok(())
}

#[cfg(test)]
mod tests;
