//! The till's data as sets that are saved, restored and counted each as one: payments, batches of
//! each binding, the bindings themselves without their keys, and the till's own log. Each set is a
//! SQLite file of its own.
//!
//! An export is one read transaction on a connection of its own, which in SQLite's WAL mode keeps
//! nobody from writing: the till sells meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use rusqlite::Connection;

use super::{path, schema};
use crate::edition::Edition;
use crate::protocol::DataSet;
use crate::till::CURRENCY;

pub(super) const SALES: &str = "sales";
pub(super) const LOG: &str = "journal";
pub(super) const CONFIG: &str = "config";

/// Followed by the binding: batch numbers count for each host on its own.
const BATCHES: &str = "batch-";

/// A till that gets this data and finishes these sales names the terminal that their host knows
/// them by. What is in flight is its own till's alone: another one that undid it by name could undo
/// what has been approved since.
const NAME_THE_OPENER: &str = "SET opened_by = (SELECT terminal FROM main.till)
    WHERE opened_by IS NULL AND state IN ('held', 'stored', 'reversing')";

/// What of the journal a data set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Sales,
    Batches {
        binding: String,
    },
    Log,
    /// The bindings.
    Config,
}

impl Part {
    pub(super) fn named(name: &str) -> Result<Self> {
        Ok(match name {
            SALES => Self::Sales,
            LOG => Self::Log,
            CONFIG => Self::Config,
            other => match other.strip_prefix(BATCHES) {
                Some(binding) if fits_into_a_path(binding) => {
                    Self::Batches { binding: binding.to_owned() }
                }
                Some(_) | None => bail!("this till has no data set `{other}`"),
            },
        })
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Sales => SALES.to_owned(),
            Self::Batches { binding } => format!("{BATCHES}{binding}"),
            Self::Log => LOG.to_owned(),
            Self::Config => CONFIG.to_owned(),
        }
    }

    pub(super) fn file(&self) -> String {
        format!("{}.db", self.name())
    }

    fn class(&self) -> &'static str {
        match self {
            Self::Sales => "transactions",
            Self::Batches { .. } => "batch",
            Self::Log => "journal",
            Self::Config => "config",
        }
    }

    /// The tables that it is made of, each with the rows of it that belong here.
    pub(super) fn tables(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Sales => vec![("sale", "TRUE".to_owned())],
            // A binding's name has no quote: see `fits_into_a_path`.
            Self::Batches { binding } => vec![("batch", format!("binding = '{binding}'"))],
            Self::Log => vec![("selling", "TRUE".to_owned()), ("notice", "TRUE".to_owned())],
            Self::Config => vec![("binding", "TRUE".to_owned())],
        }
    }

    /// Counts what there is of it in `db`.
    pub(super) fn count(&self, db: &Connection, schema: u8) -> Result<DataSet> {
        let figures = match self {
            Self::Sales => {
                "SELECT count(*), coalesce(sum(iif(state = 'approved', amount_minor, 0)), 0),
                        min(stan), max(stan) FROM sale"
                    .to_owned()
            }
            Self::Batches { binding } => format!(
                "SELECT count(*), coalesce(sum(total_minor), 0), min(number), max(number)
                 FROM batch WHERE binding = '{binding}'"
            ),
            Self::Log => "SELECT (SELECT count(*) FROM selling) + (SELECT count(*) FROM notice),
                        0, NULL, NULL"
                .to_owned(),
            Self::Config => "SELECT count(*), 0, NULL, NULL FROM binding".to_owned(),
        };
        let (records, total, first, last) = db.query_row(&figures, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        let totals = match self {
            Self::Sales | Self::Batches { .. } => BTreeMap::from([(CURRENCY.to_owned(), total)]),
            Self::Log | Self::Config => BTreeMap::new(),
        };
        let (class, files) = (self.class().to_owned(), vec![self.file()]);
        Ok(DataSet { name: self.name(), class, schema, files, records, totals, first, last })
    }
}

/// Whether a binding's name can stand in a file's name and in a query.
pub(crate) fn fits_into_a_path(binding: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !binding.is_empty() && binding.bytes().all(fits)
}

/// What an export left in a directory, and whether a batch was open in it.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) data_sets: Vec<DataSet>,
    pub(crate) batch_open: bool,
}

/// Writes the journal of `data` into `into`, as it is at one moment.
pub(crate) fn export(data: &Path, into: &Path) -> Result<Export> {
    let source = path(data);
    ensure!(source.is_file(), "there is no journal {}", source.display());
    let db =
        Connection::open(&source).with_context(|| format!("cannot open {}", source.display()))?;
    let parts = parts(&db)?;
    for (place, part) in parts.iter().enumerate() {
        let file = into.join(part.file());
        if file.exists() {
            fs::remove_file(&file).with_context(|| format!("cannot replace {}", file.display()))?;
        }
        attach(&db, &file, place)?;
    }
    db.execute_batch("BEGIN")?;
    let schema: u8 = db.query_row("SELECT schema FROM till", [], |row| row.get(0))?;
    let mut data_sets = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        for (table, rows) in part.tables() {
            db.execute_batch(&format!(
                "CREATE TABLE set{place}.{table} AS SELECT * FROM main.{table} WHERE {rows}"
            ))?;
        }
        if *part == Part::Sales {
            db.execute_batch(&format!("UPDATE set{place}.sale {NAME_THE_OPENER}"))?;
        }
        data_sets.push(part.count(&db, schema)?);
    }
    let open = "SELECT EXISTS (SELECT 1 FROM batch JOIN sale
                ON sale.binding = batch.binding AND sale.batch = number
                WHERE batch.state != 'settled' AND sale.state IN ('approved', 'stored'))";
    let batch_open = db.query_row(open, [], |row| row.get(0))?;
    db.execute_batch("COMMIT")?;
    Ok(Export { data_sets, batch_open })
}

fn attach(db: &Connection, file: &Path, place: usize) -> Result<()> {
    let text = file.to_str().with_context(|| format!("{} is not UTF-8", file.display()))?;
    db.execute(&format!("ATTACH ?1 AS set{place}"), [text])
        .with_context(|| format!("cannot open {}", file.display()))?;
    Ok(())
}

/// By name.
fn parts(db: &Connection) -> Result<Vec<Part>> {
    let mut statement = db.prepare("SELECT DISTINCT binding FROM batch ORDER BY binding")?;
    let bindings = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut parts = vec![Part::Sales, Part::Log, Part::Config];
    for binding in bindings {
        parts.push(Part::named(&format!("{BATCHES}{}", binding?))?);
    }
    parts.sort_by_key(Part::name);
    Ok(parts)
}

/// Replaces what `db` has of the parts by what their files below `from` hold, and counts it.
pub(super) fn load(db: &mut Connection, from: &Path, parts: &[Part]) -> Result<Vec<DataSet>> {
    for (place, part) in parts.iter().enumerate() {
        let file = from.join(part.file());
        ensure!(file.is_file(), "{} is missing", file.display());
        attach(db, &file, place)?;
    }
    let mut data_sets = Vec::new();
    let change = db.transaction()?;
    let schema: u8 = change.query_row("SELECT schema FROM till", [], |row| row.get(0))?;
    for (place, part) in parts.iter().enumerate() {
        for (table, rows) in part.tables() {
            // By name: an older edition's file has fewer columns, and the rest have defaults.
            let columns = columns(&change, &format!("set{place}"), table)?.join(", ");
            change.execute_batch(&format!(
                "DELETE FROM main.{table} WHERE {rows};
                 INSERT INTO main.{table} ({columns})
                 SELECT {columns} FROM set{place}.{table} WHERE {rows}"
            ))?;
        }
        data_sets.push(part.count(&change, schema)?);
    }
    change.commit()?;
    for place in 0..parts.len() {
        db.execute_batch(&format!("DETACH set{place}"))?;
    }
    Ok(data_sets)
}

fn columns(db: &Connection, schema: &str, table: &str) -> Result<Vec<String>> {
    let mut statement = db.prepare("SELECT name FROM pragma_table_info(?1, ?2)")?;
    let names = statement.query_map([table, schema], |row| row.get(0))?;
    let names: Vec<String> = names.collect::<rusqlite::Result<_>>()?;
    ensure!(!names.is_empty(), "the file of table {table} does not hold it");
    Ok(names)
}

/// The parts that these names stand for.
pub(super) fn named(names: &[String]) -> Result<Vec<Part>> {
    ensure!(!names.is_empty(), "no data set is named");
    names.iter().map(|name| Part::named(name)).collect()
}

/// Loads the data sets into a journal of their own in `scratch`, and counts what is in it.
pub(crate) fn rehearse(
    scratch: &Path,
    from: &Path,
    names: &[String],
    terminal: &str,
    edition: &'static Edition,
) -> Result<Vec<DataSet>> {
    let mut db = Connection::open(path(scratch))?;
    schema::prepare(&mut db, terminal, edition.schema)?;
    load(&mut db, from, &named(names)?)
}
