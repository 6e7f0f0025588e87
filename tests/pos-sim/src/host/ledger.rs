//! The host's books: movements are added and never changed, in the one SQLite file of the host.
//!
//! Nothing in the schema forbids a second charge for one sale or a second settlement of one batch.
//! The rules below do, each in one transaction, and an audit that could not see a mistake of theirs
//! would prove nothing.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::host::message::{Answer, Ask, Authorise, Call, Merchant, Upload};

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    BEGIN;
    CREATE TABLE IF NOT EXISTS host (name TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS movement (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        terminal TEXT NOT NULL,
        stan INTEGER NOT NULL,
        what TEXT NOT NULL
            CHECK (what IN ('charge', 'reversal', 'hold', 'release', 'decline', 'bar')),
        amount_minor INTEGER NOT NULL,
        batch INTEGER,
        at_ms INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS movement_by_sale ON movement (terminal, stan);
    CREATE INDEX IF NOT EXISTS movement_by_batch ON movement (terminal, batch);
    CREATE TABLE IF NOT EXISTS settlement (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        terminal TEXT NOT NULL,
        batch INTEGER NOT NULL,
        count INTEGER NOT NULL,
        total_minor INTEGER NOT NULL,
        at_ms INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS settlement_by_batch ON settlement (terminal, batch);
    CREATE TABLE IF NOT EXISTS settlement_repeat (
        settlement INTEGER NOT NULL REFERENCES settlement (id),
        at_ms INTEGER NOT NULL
    );
    COMMIT;
";

/// Whose movement or settlement it is, by the names that acquirers give; and the sale that a
/// refund, which is a charge below zero, gives back. Added to books that were opened before they
/// had them.
const COLUMNS: [(&str, &str, &str); 5] = [
    ("movement", "mid", "TEXT NOT NULL DEFAULT ''"),
    ("movement", "tid", "TEXT NOT NULL DEFAULT ''"),
    ("movement", "refund_of", "INTEGER"),
    ("settlement", "mid", "TEXT NOT NULL DEFAULT ''"),
    ("settlement", "tid", "TEXT NOT NULL DEFAULT ''"),
];

/// The file of the books in a host's data directory.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join("host.db")
}

#[derive(Debug)]
pub(crate) struct Ledger {
    db: Connection,
    name: String,
}

/// What the books say about one sale.
#[derive(Debug, Default)]
struct Past {
    charged: Option<Charge>,
    /// The amount still held.
    held_minor: Option<i64>,
    declined: bool,
    /// An amount was held for it at some time.
    was_held: bool,
    /// Reversed, released or barred: nothing may come of it any more.
    undone: bool,
    /// Whose it is.
    merchant: Option<Merchant>,
}

#[derive(Clone, Copy, Debug)]
struct Charge {
    amount_minor: i64,
    batch: i64,
}

impl Past {
    /// Whether the sale was made under another MID or TID. Books from before these were written
    /// down do not say.
    fn is_of_another(&self, merchant: &Merchant) -> bool {
        self.owner().is_some_and(|owner| owner != merchant)
    }

    /// Whether the sale is none of this merchant's, whichever terminal made it.
    fn is_of_another_shop(&self, merchant: &Merchant) -> bool {
        self.owner().is_some_and(|owner| owner.mid != merchant.mid)
    }

    fn owner(&self) -> Option<&Merchant> {
        self.merchant.as_ref().filter(|owner| **owner != Merchant::default())
    }
}

const ANOTHER_MERCHANT: &str = "the number belongs to another merchant or terminal";

impl Ledger {
    pub(crate) fn open(data: &Path, name: &str) -> Result<Self> {
        let path = path(data);
        let opened = Connection::open(&path).and_then(|db| {
            db.execute_batch(SCHEMA)?;
            for (table, column, kind) in COLUMNS {
                if !db.column_exists(None, table, column)? {
                    db.execute_batch(&format!("ALTER TABLE {table} ADD COLUMN {column} {kind}"))?;
                }
            }
            db.execute("INSERT INTO host SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM host)", [name])?;
            let owner: String = db.query_row("SELECT name FROM host", [], |row| row.get(0))?;
            Ok((db, owner))
        });
        let (db, owner) = opened.with_context(|| format!("cannot open {}", path.display()))?;
        ensure!(owner == name, "{} holds the books of host {owner}, not {name}", path.display());
        Ok(Self { db, name: owner })
    }

    /// Carries out what is asked. The answer is given only after the books hold it.
    pub(crate) fn answer(&mut self, call: &Call, now_ms: i64) -> Result<Answer> {
        let Call { merchant, ask } = call;
        let host = self.name.clone();
        let books = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let entry = |terminal, stan| Entry { books: &books, merchant, terminal, stan, now_ms };
        let answer = match ask {
            Ask::Authorise { terminal, stan, kind, amount_minor, batch } => {
                entry(terminal, *stan).authorise(*kind, *amount_minor, *batch)?
            }
            Ask::Reverse { terminal, stan, opened_by } => {
                let opened_by = opened_by.as_ref().unwrap_or(terminal);
                entry(opened_by, *stan).reverse(terminal)?
            }
            Ask::Upload { terminal, stan, kind, amount_minor, batch, opened_by } => {
                let opened_by = opened_by.as_ref().unwrap_or(terminal);
                let opened = entry(opened_by, *stan);
                entry(terminal, *stan).upload(*kind, *amount_minor, *batch, &opened)?
            }
            Ask::Refund { terminal, stan, of, amount_minor, batch } => {
                entry(terminal, *stan).refund(*of, *amount_minor, *batch)?
            }
            Ask::Settle { terminal, batch, count, total_minor } => {
                let claim = Figures { count: *count, total_minor: *total_minor };
                settle(&books, (&host, merchant), terminal, *batch, claim, now_ms)?
            }
            Ask::Diagnose { terminal } => {
                let last_batch = books.query_row(
                    "SELECT max(batch) FROM settlement
                     WHERE terminal = ?1 AND (mid = ?2 AND tid = ?3 OR mid = '')",
                    params![terminal, merchant.mid, merchant.tid],
                    |row| row.get(0),
                )?;
                Answer::Here { host, last_batch }
            }
        };
        books.commit()?;
        Ok(answer)
    }
}

/// One sale in the books.
struct Entry<'a> {
    books: &'a Transaction<'a>,
    merchant: &'a Merchant,
    terminal: &'a str,
    stan: i64,
    now_ms: i64,
}

impl Entry<'_> {
    fn authorise(&self, kind: Authorise, amount_minor: i64, batch: i64) -> Result<Answer> {
        let past = self.past()?;
        if past.is_of_another(self.merchant) {
            return Ok(declined(ANOTHER_MERCHANT));
        }
        let before = match kind {
            Authorise::Sale | Authorise::Qr => past.charged.map(|charge| charge.amount_minor),
            Authorise::Preauthorisation => past.held_minor,
        };
        if past.undone {
            return Ok(declined("reversed before it arrived"));
        }
        if past.declined {
            return Ok(declined("declined before"));
        }
        if let Some(before) = before {
            let same = before == amount_minor;
            return Ok(if same { Answer::Approved } else { declined("the number is taken") });
        }
        if past.charged.is_some() || past.held_minor.is_some() {
            return Ok(declined("the number is taken"));
        }
        if let Some(objection) = self.objection(amount_minor, batch)? {
            return Ok(declined(objection));
        }
        if is_short_of_funds(amount_minor) {
            self.write("decline", amount_minor, batch)?;
            return Ok(declined("insufficient funds"));
        }
        match kind {
            Authorise::Sale | Authorise::Qr => self.write("charge", amount_minor, batch)?,
            Authorise::Preauthorisation => self.write("hold", amount_minor, batch)?,
        }
        Ok(Answer::Approved)
    }

    /// A reversal that overtakes its sale leaves a bar, so that the sale cannot charge later. Asked
    /// by another terminal, it cancels what is held and gives back nothing that was completed.
    fn reverse(&self, asked_by: &str) -> Result<Answer> {
        let past = self.past()?;
        let is_own = asked_by == self.terminal;
        if past.is_of_another_shop(self.merchant) || is_own && past.is_of_another(self.merchant) {
            return Ok(refused(ANOTHER_MERCHANT));
        }
        if past.undone {
            return Ok(Answer::Reversed);
        }
        if let Some(Charge { amount_minor, batch }) = past.charged {
            if past.was_held && !is_own {
                return Ok(refused("it was completed by its own terminal"));
            }
            if settlement(self.books, self.terminal, batch)?.is_some() {
                return Ok(refused("its batch is settled"));
            }
            self.write("reversal", amount_minor, batch)?;
        } else if let Some(held_minor) = past.held_minor {
            self.write("release", held_minor, None)?;
        } else {
            self.write("bar", 0, None)?;
        }
        Ok(Answer::Reversed)
    }

    /// Charges in a batch of this terminal what was `opened` by it or by another one, once.
    fn upload(&self, kind: Upload, amount_minor: i64, batch: i64, opened: &Self) -> Result<Answer> {
        let past = self.past()?;
        if past.is_of_another(self.merchant) {
            return Ok(refused(ANOTHER_MERCHANT));
        }
        if let Some(charge) = past.charged {
            let same = charge.amount_minor == amount_minor && charge.batch == batch;
            return Ok(if same { Answer::Taken } else { refused("the number is taken") });
        }
        if past.undone || past.declined {
            return Ok(refused("reversed or declined before"));
        }
        let before = opened.past()?;
        if before.is_of_another_shop(self.merchant) {
            return Ok(refused(ANOTHER_MERCHANT));
        }
        if before.charged.is_some() || before.undone || before.declined {
            return Ok(refused("charged, reversed or declined before, under its own terminal"));
        }
        if let Some(objection) = self.objection(amount_minor, batch)? {
            return Ok(refused(objection));
        }
        match (kind, before.held_minor) {
            (Upload::OfflineSale, None) if opened.terminal == self.terminal => {}
            (Upload::OfflineSale, None) => opened.write("bar", 0, None)?,
            (Upload::Completion, Some(held_minor)) if amount_minor <= held_minor => {
                opened.write("release", held_minor, None)?;
            }
            (Upload::Completion, Some(_)) => return Ok(refused("more than is held")),
            (Upload::Completion, None) => return Ok(refused("nothing is held")),
            (Upload::OfflineSale, Some(_)) => return Ok(refused("the number is taken")),
        }
        self.write("charge", amount_minor, batch)?;
        Ok(Answer::Taken)
    }

    /// Gives back a charge, once and whole, in a batch of its own time.
    fn refund(&self, of: i64, amount_minor: i64, batch: i64) -> Result<Answer> {
        let past = self.past()?;
        if past.undone {
            return Ok(declined("reversed before it arrived"));
        }
        if let Some(charge) = past.charged {
            let same = charge.amount_minor == -amount_minor;
            return Ok(if same { Answer::Approved } else { declined("the number is taken") });
        }
        let refunded = Self { stan: of, ..*self }.past()?;
        if refunded.is_of_another(self.merchant) {
            return Ok(declined(ANOTHER_MERCHANT));
        }
        let charge = refunded.charged.filter(|_| !refunded.undone);
        if charge.is_none_or(|charge| charge.amount_minor != amount_minor) {
            return Ok(declined("no such sale was charged"));
        }
        if self.is_refunded(of)? {
            return Ok(declined("it was refunded before"));
        }
        if let Some(objection) = self.objection(amount_minor, batch)? {
            return Ok(declined(objection));
        }
        self.write("charge", -amount_minor, batch)?;
        let newest = "UPDATE movement SET refund_of = ?1 WHERE id = last_insert_rowid()";
        self.books.execute(newest, [of])?;
        Ok(Answer::Approved)
    }

    /// Whether a refund of sale `of` stands.
    fn is_refunded(&self, of: i64) -> Result<bool> {
        let stands = self.books.query_row(
            "SELECT EXISTS (SELECT 1 FROM movement AS refund
                WHERE terminal = ?1 AND refund_of = ?2 AND NOT EXISTS (
                    SELECT 1 FROM movement AS undone WHERE undone.terminal = ?1
                        AND undone.stan = refund.stan AND undone.what = 'reversal'))",
            params![self.terminal, of],
            |row| row.get(0),
        )?;
        Ok(stands)
    }

    /// Why a new charge cannot enter the books, if so.
    fn objection(&self, amount_minor: i64, batch: i64) -> Result<Option<&'static str>> {
        if amount_minor <= 0 {
            return Ok(Some("the amount is not positive"));
        }
        let settled = settlement(self.books, self.terminal, batch)?.is_some();
        Ok(settled.then_some("its batch is settled"))
    }

    fn past(&self) -> Result<Past> {
        let mut rows = self.books.prepare_cached(
            "SELECT what, amount_minor, batch, mid, tid FROM movement \
             WHERE terminal = ?1 AND stan = ?2 ORDER BY id",
        )?;
        let mut past = Past::default();
        let mut rows = rows.query(params![self.terminal, self.stan])?;
        while let Some(row) = rows.next()? {
            let amount_minor = row.get("amount_minor")?;
            // Another terminal may have finished it: the first movement says whose it is.
            let merchant = Merchant { mid: row.get("mid")?, tid: row.get("tid")? };
            past.merchant.get_or_insert(merchant);
            match row.get::<_, String>("what")?.as_str() {
                "charge" => {
                    past.undone = false; // what was held has been completed, not released
                    past.charged = Some(Charge { amount_minor, batch: row.get("batch")? });
                }
                "hold" => (past.held_minor, past.was_held) = (Some(amount_minor), true),
                "release" => (past.held_minor, past.undone) = (None, true),
                "decline" => past.declined = true,
                _reversal_or_bar => past.undone = true,
            }
        }
        Ok(past)
    }

    fn write(&self, what: &str, amount_minor: i64, batch: impl Into<Option<i64>>) -> Result<()> {
        self.books.execute(
            "INSERT INTO movement (terminal, stan, what, amount_minor, batch, at_ms, mid, tid) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                self.terminal,
                self.stan,
                what,
                amount_minor,
                batch.into(),
                self.now_ms,
                self.merchant.mid,
                self.merchant.tid
            ],
        )?;
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Figures {
    count: i64,
    total_minor: i64,
}

/// Closes the batch if the till's figures are the books'. A batch that is closed already is never
/// closed again: the same figures get the same reference, and the repeat is counted.
fn settle(
    books: &Transaction<'_>,
    (host, merchant): (&str, &Merchant),
    terminal: &str,
    batch: i64,
    claim: Figures,
    now_ms: i64,
) -> Result<Answer> {
    let (id, own) = if let Some((id, own)) = settlement(books, terminal, batch)? {
        if own == claim {
            books.execute("INSERT INTO settlement_repeat VALUES (?1, ?2)", params![id, now_ms])?;
        }
        (id, own)
    } else {
        let own = taken(books, terminal, batch)?;
        if own == claim {
            books.execute(
                "INSERT INTO settlement (terminal, batch, count, total_minor, at_ms, mid, tid) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    terminal,
                    batch,
                    own.count,
                    own.total_minor,
                    now_ms,
                    merchant.mid,
                    merchant.tid
                ],
            )?;
        }
        (books.last_insert_rowid(), own)
    };
    let Figures { count, total_minor } = own;
    Ok(if own == claim {
        Answer::Settled { reference: format!("{host}-{id:08}"), count, total_minor }
    } else {
        Answer::TotalsDiffer { count, total_minor }
    })
}

fn settlement(
    books: &Transaction<'_>,
    terminal: &str,
    batch: i64,
) -> Result<Option<(i64, Figures)>> {
    let mut rows = books.prepare_cached(
        "SELECT id, count, total_minor FROM settlement WHERE terminal = ?1 AND batch = ?2",
    )?;
    let mut rows = rows.query(params![terminal, batch])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some((row.get(0)?, Figures { count: row.get(1)?, total_minor: row.get(2)? })))
}

fn taken(books: &Transaction<'_>, terminal: &str, batch: i64) -> Result<Figures> {
    let figures = books.query_row(
        "SELECT coalesce(sum(iif(what = 'charge', 1, -1)), 0),
                coalesce(sum(iif(what = 'charge', amount_minor, -amount_minor)), 0)
         FROM movement
         WHERE terminal = ?1 AND batch = ?2 AND what IN ('charge', 'reversal')",
        params![terminal, batch],
        |row| Ok(Figures { count: row.get(0)?, total_minor: row.get(1)? }),
    )?;
    Ok(figures)
}

/// Some cards are empty. Which, only the amount tells, so that asking twice gives one answer.
fn is_short_of_funds(amount_minor: i64) -> bool {
    amount_minor % 97 == 0
}

fn declined(reason: &str) -> Answer {
    Answer::Declined { reason: reason.to_owned() }
}

fn refused(reason: &str) -> Answer {
    Answer::Refused { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
