//! Gives a shop a past: days of sales that were settled long ago, in the till's journal and in its
//! host's books alike. So a test has a till with much to save without waiting for its customers.
//!
//! It may run while both are in use: what is sold meanwhile waits, and gets higher numbers.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params};

use crate::exit::Exit;
use crate::host::ledger;
use crate::random::Random;
use crate::till::journal::{self, Kind, State};
use crate::{clock, print};

/// What a busy till sells in a day, which is one batch.
const SALES_PER_DAY: i64 = 1_000;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

const DEAREST_MINOR: u64 = 30_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The till's data directory; the till has been started once.
    #[arg(long, value_name = "DIR")]
    till: PathBuf,
    /// The data directory of the host that the sales went to.
    #[arg(long, value_name = "DIR")]
    host: PathBuf,
    /// How many sales the till has behind it.
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
    sales: i64,
}

/// One day's sales: consecutive numbers, one batch, settled.
struct Day {
    batch: i64,
    sales: i64,
    at_ms: i64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit> {
    let Arguments { till, host, sales } = arguments;
    let mut journal = open(&journal::path(till))?;
    let mut books = open(&ledger::path(host))?;
    let terminal: String = journal.query_row("SELECT terminal FROM till", [], |row| row.get(0))?;
    let binding: String = books.query_row("SELECT name FROM host", [], |row| row.get(0))?;
    let journal = journal.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let books = books.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let last_batch: i64 = journal.query_row(
        "SELECT coalesce(max(number), 0) FROM batch WHERE binding = ?1",
        [&binding],
        |row| row.get(0),
    )?;
    let now_ms = clock::unix_ms();
    let mut random = Random::seeded(last_batch.unsigned_abs());
    let days = sales.div_euclid(SALES_PER_DAY) + i64::from(sales % SALES_PER_DAY != 0);
    for number in 0..days {
        let day = Day {
            batch: last_batch + 1 + number,
            sales: (sales - number * SALES_PER_DAY).min(SALES_PER_DAY),
            at_ms: now_ms - (days - number) * DAY_MS,
        };
        day.sell(&journal, &books, (&terminal, &binding), &mut random)?;
    }
    journal.commit()?;
    books.commit()?;
    print::line(&format!("{terminal} has sold {sales} times to {binding} before"))?;
    Ok(Exit::Done)
}

fn open(path: &std::path::Path) -> Result<Connection> {
    let opened = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE);
    let db = opened.with_context(|| format!("cannot open {}", path.display()))?;
    db.busy_timeout(Duration::from_secs(10))?;
    Ok(db)
}

impl Day {
    fn sell(
        &self,
        journal: &Transaction<'_>,
        books: &Transaction<'_>,
        (terminal, binding): (&str, &str),
        random: &mut Random,
    ) -> Result<()> {
        let Self { batch, sales, at_ms } = *self;
        let mut sell = journal.prepare_cached(
            "INSERT INTO sale (binding, batch, kind, state, amount_minor, begun_ms, changed_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        )?;
        let mut charge = books.prepare_cached(
            "INSERT INTO movement (terminal, stan, what, amount_minor, batch, at_ms)
             VALUES (?1, ?2, 'charge', ?3, ?4, ?5)",
        )?;
        let mut total_minor = 0;
        for _sale in 0..sales {
            let amount_minor = i64::try_from(random.below(DEAREST_MINOR))? + 1;
            let kind = (Kind::Sale, State::Approved);
            sell.execute(params![binding, batch, kind.0, kind.1, amount_minor, at_ms])?;
            let stan = journal.last_insert_rowid();
            charge.execute(params![terminal, stan, amount_minor, batch, at_ms])?;
            total_minor += amount_minor;
        }
        books.execute(
            "INSERT INTO settlement (terminal, batch, count, total_minor, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![terminal, batch, sales, total_minor, at_ms],
        )?;
        let reference = format!("{binding}-{:08}", books.last_insert_rowid());
        journal.execute(
            "INSERT INTO batch (binding, number, state, count, total_minor, host_reference)
             VALUES (?1, ?2, 'settled', ?3, ?4, ?5)",
            params![binding, batch, sales, total_minor, reference],
        )?;
        Ok(())
    }
}
