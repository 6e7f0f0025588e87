//! What the registry has on record, read beside the controller and without its help.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use data_encoding::HEXLOWER_PERMISSIVE;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use shared::document::Receipt;
use shared::signature::Envelope;

use super::{Registry, run};

/// Where a world's registry is.
#[derive(Clone, Debug)]
pub enum Records {
    Sqlite(PathBuf),
    /// The URL of this world's own database.
    Postgres(String),
}

impl Records {
    /// SQLite in the fleet's own directory, or a new database on the server.
    pub(super) fn new(registry: &Registry, fleet: &Path) -> Result<Self> {
        let Registry::Postgres(server) = registry else {
            return Ok(Self::Sqlite(fleet.join("controller/data/registry.sqlite")));
        };
        let (base, _) = server.rsplit_once('/').context("the URL names a database")?;
        let letters = fleet.to_string_lossy().to_lowercase();
        let letters: String = letters.chars().filter(char::is_ascii_alphanumeric).collect();
        // PostgreSQL cuts longer names off.
        let name = format!("world_{}", &letters[letters.len().saturating_sub(40)..]);
        let made = format!("CREATE DATABASE {name}");
        let mut command = Command::new("psql");
        run(command.args(["--no-psqlrc", "--quiet", "--command", &made]).arg(server))
            .with_context(|| format!("PostgreSQL is not to be had at {server}"))?;
        Ok(Self::Postgres(format!("{base}/{name}")))
    }

    /// As the controller's configuration has it.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Sqlite(file) => format!("sqlite:{}", file.display()),
            Self::Postgres(url) => url.clone(),
        }
    }

    /// What a terminal has signed about how an order ended.
    pub fn final_receipt(&self, order: &str) -> Result<Receipt> {
        let hex = match self {
            Self::Sqlite(_) => "hex(signed)",
            Self::Postgres(_) => "encode(signed, 'hex')",
        };
        let rows = self.rows(&format!(
            "SELECT {hex} FROM receipts WHERE order_id = '{order}' AND said = 'finished'"
        ))?;
        let row = rows.first().and_then(|row| row.first());
        let row = row.with_context(|| format!("nobody has said how {order} ended"))?;
        let signed = HEXLOWER_PERMISSIVE.decode(row.as_bytes())?;
        Ok(Envelope::<Receipt>::from_bytes(&signed)?.document)
    }

    /// The rows that a query finds, every value as text. The query must mean the same in both
    /// databases.
    pub fn rows(&self, query: &str) -> Result<Vec<Vec<String>>> {
        match self {
            Self::Sqlite(file) => {
                let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
                let mut statement = database.prepare(query)?;
                let columns = statement.column_count();
                let mut rows = statement.query([])?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    let values = (0..columns).map(|at| Ok(text(row.get_ref(at)?)));
                    found.push(values.collect::<Result<_>>()?);
                }
                Ok(found)
            }
            Self::Postgres(url) => {
                let mut command = Command::new("psql");
                command.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"]);
                command.args(["--field-separator", "\t", "--command", query]).arg(url);
                let lines = run(&mut command)?;
                let fields = |line: &str| line.split('\t').map(str::to_owned).collect();
                Ok(lines.lines().map(fields).collect())
            }
        }
    }
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    }
}
