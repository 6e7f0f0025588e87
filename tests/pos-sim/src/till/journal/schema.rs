//! The journal's tables, and what makes a rollback possible: a newer edition may add to them, and
//! says in `till.readable_from` how old a reader may be. As long as it only adds columns with
//! defaults, that stays at 1.
//!
//! Bindings are an addition of that kind, which every edition makes: tables that an older till does
//! not look at, and columns with defaults. An older till sells on with the host that it is started
//! with, and each of its sales names it: no sale of it can end up at another host.

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

/// At most one binding is active, whoever writes. A binding that was erased keeps its name and its
/// provider, which its sales in the books refer to, and no flag brings it back. Keys are apart from
/// the rest, so that no export can hold them.
const BINDINGS: &str = "
    CREATE TABLE IF NOT EXISTS binding (
        name TEXT PRIMARY KEY,
        state TEXT NOT NULL CHECK (state IN ('active', 'staged', 'standby', 'erased')),
        provider TEXT NOT NULL,
        version INTEGER NOT NULL,
        mid TEXT NOT NULL,
        tid TEXT NOT NULL,
        merchant TEXT NOT NULL,
        mcc TEXT NOT NULL,
        hosts TEXT NOT NULL,
        since_ms INTEGER,
        first_stan INTEGER,
        last_stan INTEGER,
        crashes INTEGER NOT NULL DEFAULT 0
    );
    CREATE UNIQUE INDEX IF NOT EXISTS one_active ON binding (state) WHERE state = 'active';
    CREATE TABLE IF NOT EXISTS binding_key (name TEXT PRIMARY KEY, secret TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS test (
        key TEXT PRIMARY KEY,
        binding TEXT NOT NULL,
        kind TEXT NOT NULL,
        amount_minor INTEGER NOT NULL,
        stan INTEGER,
        passed INTEGER,
        reference TEXT NOT NULL DEFAULT '',
        detail TEXT NOT NULL DEFAULT '',
        at_ms INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS stopped (
        only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
        message TEXT NOT NULL,
        at_ms INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS run (
        only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
        is_running INTEGER NOT NULL
    );
";

/// A test sale; the sale that is refunded; what the host said to the customer's question, and how
/// long that took; the terminal that opened it, where that is written down.
const SALE_COLUMNS: [(&str, &str); 5] = [
    ("is_test", "INTEGER NOT NULL DEFAULT 0"),
    ("refund_of", "INTEGER"),
    ("answer", "TEXT"),
    ("took_ms", "INTEGER"),
    ("opened_by", "TEXT"),
];

/// Makes the tables, or brings them up to `schema`. A journal that is ahead stays as it is.
pub(super) fn prepare(db: &mut Connection, terminal: &str, schema: Schema) -> Result<()> {
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;",
    )?;
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
    change.execute_batch(BINDINGS)?;
    for (name, kind) in SALE_COLUMNS {
        if !change.column_exists(None, "sale", name)? {
            change.execute_batch(&format!("ALTER TABLE sale ADD COLUMN {name} {kind}"))?;
        }
    }
    change.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edition::THIS;

    /// What a till that knows no bindings writes.
    const OLDER: &str = "
        INSERT INTO batch (binding, number, state) VALUES ('a', 1, 'open')
            ON CONFLICT DO NOTHING;
        INSERT INTO sale (binding, batch, kind, state, amount_minor, begun_ms, changed_ms)
            VALUES ('a', 1, 'sale', 'begun', 500, 0, 0);
        UPDATE sale SET state = 'approved' WHERE state = 'begun';";

    #[test]
    fn a_till_without_bindings_reads_and_writes_what_this_one_left_and_the_other_way_round() {
        let mut db = Connection::open_in_memory().unwrap();
        db.execute_batch(SCHEMA_1).unwrap();
        db.execute_batch("INSERT INTO till VALUES ('T1', 1, 1)").unwrap();
        for _round in 0..2 {
            db.execute_batch(OLDER).unwrap();
            prepare(&mut db, "T1", THIS.schema).unwrap();
        }
        db.execute_batch(OLDER).unwrap();
        let (count, tests): (i64, i64) = db
            .query_row("SELECT count(*), sum(is_test) FROM sale", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!((count, tests), (3, 0));
        let readable: i64 =
            db.query_row("SELECT readable_from FROM till", [], |row| row.get(0)).unwrap();
        assert_eq!(readable, 1);
    }

    #[test]
    fn two_bindings_are_never_active_at_once() {
        let mut db = Connection::open_in_memory().unwrap();
        prepare(&mut db, "T1", THIS.schema).unwrap();
        let active = |name: &str| {
            let row =
                "INSERT INTO binding (name, state, provider, version, mid, tid, merchant, mcc,
                       hosts) VALUES (?1, 'active', 'p', 1, 'm', 't', 'n', '5411', '[]')";
            db.execute(row, [name])
        };
        active("a").unwrap();
        assert!(active("b").is_err());
    }
}
