//! The journal's tables, and what makes a rollback possible: a newer edition may add to them, and
//! says in `till.readable_from` how old a reader may be. As long as it only adds columns with
//! defaults, that stays at 1.

use anyhow::{Result, ensure};
use rusqlite::Connection;

use crate::edition::Schema;

const SCHEMA_1: &str = "
    CREATE TABLE till (
        terminal TEXT NOT NULL,
        schema INTEGER NOT NULL,
        readable_from INTEGER NOT NULL
    );
    CREATE TABLE batch (
        binding TEXT NOT NULL,
        number INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'offered', 'settled')),
        count INTEGER NOT NULL DEFAULT 0,
        total_minor INTEGER NOT NULL DEFAULT 0,
        host_reference TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (binding, number)
    );
    CREATE TABLE sale (
        stan INTEGER PRIMARY KEY AUTOINCREMENT,
        binding TEXT NOT NULL,
        batch INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('sale', 'offline', 'preauthorisation')),
        state TEXT NOT NULL CHECK (state IN
            ('begun', 'approved', 'declined', 'held', 'stored', 'reversing', 'reversed')),
        amount_minor INTEGER NOT NULL,
        begun_ms INTEGER NOT NULL,
        changed_ms INTEGER NOT NULL
    );
    CREATE INDEX sale_by_batch ON sale (binding, batch);
    CREATE INDEX sale_by_state ON sale (state, binding);
    CREATE TABLE hold (
        only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
        reason TEXT NOT NULL,
        taken_ms INTEGER NOT NULL,
        expires_ms INTEGER NOT NULL
    );
    CREATE TABLE selling (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        version TEXT NOT NULL,
        from_ms INTEGER NOT NULL,
        until_ms INTEGER NOT NULL
    );
    CREATE TABLE notice (at_ms INTEGER NOT NULL, text TEXT NOT NULL);
";

const SCHEMA_2: &str = "ALTER TABLE sale ADD COLUMN tip_minor INTEGER NOT NULL DEFAULT 0";

/// Makes the tables, or brings them up to `schema`. A journal that is ahead stays as it is.
pub(super) fn prepare(db: &mut Connection, terminal: &str, schema: Schema) -> Result<()> {
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    let change = db.transaction()?;
    let is_new = !change.table_exists(None, "till")?;
    if is_new {
        change.execute_batch(SCHEMA_1)?;
        change.execute("INSERT INTO till VALUES (?1, 1, 1)", [terminal])?;
    }
    let (owner, present, readable_from): (String, u8, u8) =
        change.query_row("SELECT terminal, schema, readable_from FROM till", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    ensure!(owner == terminal, "it belongs to terminal {owner}, not {terminal}");
    ensure!(
        readable_from <= schema as u8,
        "it needs a till that knows journal schema {readable_from}; this one knows {}",
        schema as u8
    );
    if present < Schema::Two as u8 && schema >= Schema::Two {
        change.execute_batch(SCHEMA_2)?;
        change.execute("UPDATE till SET schema = ?1", [Schema::Two as u8])?;
    }
    change.commit()?;
    Ok(())
}
