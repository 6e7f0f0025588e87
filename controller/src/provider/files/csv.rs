//! Tables: one row for each document, and a column for each field of any of them.

use std::collections::BTreeMap;

use csv::{ReaderBuilder, StringRecord, Writer};

use super::cells::{Cells, cells_of};
use super::{Item, Mistake, document, item};
use crate::provider::text::shown;
use crate::provider::{Document, Known};

/// More columns than any document has fields.
const COLUMNS_MAX: usize = 1024;

/// What a spreadsheet would take a cell for a formula by, and the sign that keeps it from that.
const ACTIVE: [char; 7] = ['=', '+', '-', '@', '\t', '\r', PLAIN];
const PLAIN: char = '\'';

fn plain(text: &str) -> String {
    match text.starts_with(ACTIVE) {
        true => format!("{PLAIN}{text}"),
        false => text.to_owned(),
    }
}

fn meant(cell: &str) -> &str {
    cell.strip_prefix(PLAIN).unwrap_or(cell)
}

pub(super) fn read(text: &str) -> Vec<Result<Item, Mistake>> {
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => return vec![Err(unreadable(&error, 1))],
    };
    if let Err(what) = check_header(&header) {
        return vec![Err(Mistake { line: 1, what })];
    }
    let mut line = 1;
    let rows = reader.records().map(|row| match row {
        Ok(row) => {
            line = row.position().map_or(line, csv::Position::line);
            read_row(&header, &row, line)
        }
        Err(error) => Err(unreadable(&error, line)),
    });
    rows.collect()
}

fn unreadable(error: &csv::Error, line: u64) -> Mistake {
    let line = error.position().map_or(line, csv::Position::line);
    Mistake { line, what: format!("this is no row of a table: {error}") }
}

fn check_header(header: &StringRecord) -> Result<(), String> {
    if header.len() > COLUMNS_MAX {
        return Err(format!("the table has more than {COLUMNS_MAX} columns"));
    }
    let mut names: Vec<_> = header.iter().collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("the column `{}` stands there twice", shown(twice[0])));
    }
    match names.contains(&"kind") {
        true => Ok(()),
        false => Err("there is no column `kind`: the first line names the columns".to_owned()),
    }
}

fn read_row(header: &StringRecord, row: &StringRecord, line: u64) -> Result<Item, Mistake> {
    let wrong = |what: String| Mistake { line, what };
    if row.len() != header.len() {
        let (cells, columns) = (row.len(), header.len());
        return Err(wrong(format!("the row has {cells} cells, the first line {columns}")));
    }
    let mut named = BTreeMap::new();
    let mut cells = Cells::none();
    for (column, cell) in header.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
        match column {
            "kind" | "key" | "version" => drop(named.insert(column, meant(cell))),
            column => cells.put(column, meant(cell)).map_err(wrong)?,
        }
    }
    let kind = named.get("kind").ok_or_else(|| wrong("`kind` is missing".to_owned()))?;
    let kind = kind.parse().map_err(|error| wrong(format!("{error}")))?;
    let version = named.get("version").map(|text| {
        let what = || format!("`version` is `{}`: write a whole number", shown(text));
        text.parse::<u32>().map_err(|_| wrong(what()))
    });
    let read = document(kind, cells).map_err(|error| wrong(error.to_string()))?;
    item(line, named.get("key").map(|key| (*key).to_owned()), version.transpose()?, read)
}

pub(super) fn write(documents: &[Known<Document>]) -> String {
    let mut rows = Vec::new();
    let mut columns = vec!["kind".to_owned(), "key".to_owned(), "version".to_owned()];
    for known in documents {
        let value = serde_json::to_value(&known.document).expect("documents have text keys");
        let mut row = BTreeMap::new();
        cells_of(&value, "", &mut |column, text| drop(row.insert(column, text)));
        row.insert("key".to_owned(), known.key.clone());
        row.insert("version".to_owned(), known.version.to_string());
        rows.push(row);
    }
    let mut fields: Vec<_> = rows.iter().flat_map(BTreeMap::keys).collect();
    fields.sort_by_key(|column| natural(column));
    fields.dedup();
    let fields: Vec<_> = fields.into_iter().filter(|it| !columns.contains(it)).cloned().collect();
    columns.extend(fields);
    let mut table = Writer::from_writer(Vec::new());
    let into_memory = "writing into memory does not fail";
    table.write_record(&columns).expect(into_memory);
    for row in rows {
        let cells = columns.iter().map(|it| row.get(it).map(|it| plain(it)).unwrap_or_default());
        table.write_record(cells).expect(into_memory);
    }
    let bytes = table.into_inner().expect(into_memory);
    String::from_utf8(bytes).expect("it was made of text")
}

/// So that `hosts.10` comes after `hosts.9`.
fn natural(column: &str) -> Vec<(u64, String)> {
    let part = |part: &str| (part.parse().unwrap_or(u64::MAX), part.to_owned());
    column.split('.').map(part).collect()
}
