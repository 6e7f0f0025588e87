//! Reads the books of one till or one host, each in one consistent look, and writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use rusqlite::{Connection, OpenFlags, Row};

use crate::till::journal::{self, Sale};
use crate::{clock, host};

/// A till's journal.
#[derive(Clone, Debug, Default)]
pub(super) struct Till {
    pub(super) terminal: String,
    /// The terminal whose sales it has taken over with its data; its batches stay with that one.
    pub(super) took_over: Option<String>,
    /// Trading is held now: a change may be under way.
    pub(super) is_held: bool,
    /// The host of each binding that it has or had.
    pub(super) hosts: BTreeMap<String, String>,
    /// By the till's number for the sale.
    pub(super) sales: BTreeMap<i64, Sale>,
    /// By binding and number.
    pub(super) batches: BTreeMap<(String, i64), Batch>,
    /// When it was able to sell, in order.
    pub(super) selling: Vec<Span>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) is_settled: bool,
    /// Whether its figures were ever shown to the host.
    pub(super) is_closed: bool,
    pub(super) count: i64,
    pub(super) total_minor: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) version: String,
    pub(super) from_ms: i64,
    pub(super) until_ms: i64,
}

/// A host's ledger.
#[derive(Clone, Debug, Default)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) movements: Vec<Movement>,
    pub(super) settlements: Vec<Settlement>,
    /// How often each terminal asked again for a settlement that was made.
    pub(super) repeats: BTreeMap<String, i64>,
}

#[derive(Clone, Debug)]
pub(super) struct Movement {
    pub(super) terminal: String,
    pub(super) stan: i64,
    pub(super) what: Direction,
    pub(super) amount_minor: i64,
    pub(super) batch: i64,
    /// The sale that it gives back.
    pub(super) refund_of: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Below zero for a refund.
    Charge,
    Reversal,
    /// Anything else that concerns a sale and moves no money by itself.
    Other,
}

#[derive(Clone, Debug)]
pub(super) struct Settlement {
    pub(super) terminal: String,
    pub(super) batch: i64,
    pub(super) count: i64,
    pub(super) total_minor: i64,
}

impl Till {
    /// The hosts that it has sold to.
    pub(super) fn hosts_sold_to(&self) -> BTreeSet<&str> {
        self.sales.values().map(|sale| self.host_of(&sale.binding)).collect()
    }

    /// The name of a binding's host: its own, where the till has never heard of bindings.
    pub(super) fn host_of<'a>(&'a self, binding: &'a str) -> &'a str {
        self.hosts.get(binding).map_or(binding, String::as_str)
    }
}

pub(super) fn read_till(data: &Path) -> Result<Till> {
    let path = journal::path(data);
    read(&path, |db| {
        let terminal = db.query_row("SELECT terminal FROM till", [], |row| row.get(0))?;
        let sales = format!("SELECT {} FROM sale", Sale::COLUMNS);
        let batches = "SELECT binding, number, state, count, total_minor FROM batch";
        let selling = "SELECT version, from_ms, until_ms FROM selling ORDER BY id";
        let held = "SELECT EXISTS (SELECT 1 FROM hold WHERE expires_ms > ?1)";
        let hosts = "SELECT name, provider FROM binding";
        Ok(Till {
            terminal,
            took_over: None,
            is_held: db.query_row(held, [clock::unix_ms()], |row| row.get(0))?,
            hosts: all(db, hosts, |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect(),
            sales: all(db, &sales, |row| Ok((row.get("stan")?, Sale::read(row)?)))?
                .into_iter()
                .collect(),
            batches: all(db, batches, batch)?.into_iter().collect(),
            selling: all(db, selling, |row| {
                Ok(Span { version: row.get(0)?, from_ms: row.get(1)?, until_ms: row.get(2)? })
            })?,
        })
    })
    .with_context(|| format!("cannot read the till's journal {}", path.display()))
}

fn batch(row: &Row<'_>) -> rusqlite::Result<((String, i64), Batch)> {
    let state: String = row.get("state")?;
    let batch = Batch {
        is_settled: state == "settled",
        is_closed: state != "open",
        count: row.get("count")?,
        total_minor: row.get("total_minor")?,
    };
    Ok(((row.get("binding")?, row.get("number")?), batch))
}

pub(super) fn read_host(data: &Path) -> Result<Host> {
    let path = host::ledger::path(data);
    read(&path, |db| {
        let name = db.query_row("SELECT name FROM host", [], |row| row.get(0))?;
        let movements = "SELECT terminal, stan, what, amount_minor, coalesce(batch, 0) AS batch,
                         refund_of FROM movement ORDER BY id";
        let settlements = "SELECT terminal, batch, count, total_minor FROM settlement ORDER BY id";
        let repeats = "SELECT settlement.terminal, count(*) FROM settlement_repeat AS again
                       JOIN settlement ON settlement.id = again.settlement
                       GROUP BY settlement.terminal";
        Ok(Host {
            name,
            movements: all(db, movements, movement)?,
            settlements: all(db, settlements, |row| {
                Ok(Settlement {
                    terminal: row.get(0)?,
                    batch: row.get(1)?,
                    count: row.get(2)?,
                    total_minor: row.get(3)?,
                })
            })?,
            repeats: all(db, repeats, |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect(),
        })
    })
    .with_context(|| format!("cannot read the host's books {}", path.display()))
}

fn movement(row: &Row<'_>) -> rusqlite::Result<Movement> {
    let what: String = row.get("what")?;
    Ok(Movement {
        terminal: row.get("terminal")?,
        stan: row.get("stan")?,
        what: match what.as_str() {
            "charge" => Direction::Charge,
            "reversal" => Direction::Reversal,
            _hold_release_bar_or_decline => Direction::Other,
        },
        amount_minor: row.get("amount_minor")?,
        batch: row.get("batch")?,
        refund_of: row.get("refund_of")?,
    })
}

/// Opens without creating. Not read-only: books whose owner was killed have a log that the first
/// reader must play back.
fn read<T>(path: &Path, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.pragma_update(None, "query_only", true)?;
    let one_look = db.unchecked_transaction()?;
    let found = look(&one_look)?;
    one_look.finish()?;
    Ok(found)
}

fn all<T>(
    db: &Connection,
    sql: &str,
    row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    db.prepare(sql)?.query_map([], row)?.collect()
}
