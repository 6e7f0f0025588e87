//! Documents as files: CSV for who works with spreadsheets, TOML for who reviews changes.
//!
//! Both hold the key, the version that was seen, and the fields of the document. Whatever is
//! written reads back equal. Nothing in a file is taken as a formula, and no file can vouch.

mod cells;
mod csv;
mod toml;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::{Document, Kind, Known};

/// Of a file: 10,000 rows of a matrix are about 2 MiB.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Documents in one file.
pub const FILE_ITEMS_MAX: usize = 10_000;

/// Mistakes that are said at once: more than that is another file.
const MISTAKES_MAX: usize = 100;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = FileFormat)]
pub enum Format {
    Csv,
    Toml,
}

/// A document in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where it begins, from 1.
    pub line: u64,
    pub key: String,
    /// The version that it was made from, where the file says one.
    pub version: Option<u32>,
    pub document: Document,
}

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// From 1.
    pub line: u64,
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.what)
    }
}

/// Reads a file, or says everything that is wrong with it. Of a document that has not the right
/// fields the first wrong one is said, of every other one all that is wrong.
pub fn read(format: Format, bytes: &[u8]) -> Result<Vec<Item>, Vec<Mistake>> {
    if bytes.len() > FILE_BYTES_MAX {
        let what = format!("the file has more than {FILE_BYTES_MAX} bytes: divide it");
        return Err(vec![Mistake { line: 1, what }]);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = line_at(bytes, error.valid_up_to());
        vec![Mistake { line, what: "this is no UTF-8: save the file as UTF-8".to_owned() }]
    })?;
    // What spreadsheets write before UTF-8.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let read = match format {
        Format::Csv => csv::read(text),
        Format::Toml => toml::read(text),
    };
    let (mut items, mut mistakes) = (Vec::new(), Vec::new());
    for item in read {
        match item {
            Ok(item) => items.push(item),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    mistakes.extend(items.iter().flat_map(wrong));
    mistakes.extend(twice(&items));
    if items.len() > FILE_ITEMS_MAX {
        let what = format!("the file has more than {FILE_ITEMS_MAX} documents: divide it");
        mistakes.push(Mistake { line: items[FILE_ITEMS_MAX].line, what });
    }
    if mistakes.is_empty() { Ok(items) } else { Err(shortened(mistakes)) }
}

/// By line, and no more than somebody reads.
pub(super) fn shortened(mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    mistakes.sort();
    if mistakes.len() > MISTAKES_MAX {
        let more = mistakes.len() - MISTAKES_MAX;
        mistakes.truncate(MISTAKES_MAX);
        let line = mistakes[MISTAKES_MAX - 1].line;
        mistakes.push(Mistake { line, what: format!("and {more} mistakes more after it") });
    }
    mistakes
}

fn wrong(item: &Item) -> Vec<Mistake> {
    let mistakes = item.document.mistakes(&item.key).into_iter();
    mistakes.map(|what| Mistake { line: item.line, what }).collect()
}

fn twice(items: &[Item]) -> Vec<Mistake> {
    let mut first = BTreeMap::new();
    let mut mistakes = Vec::new();
    for item in items {
        let kind = item.document.kind();
        let before = *first.entry((kind, &item.key)).or_insert(item.line);
        if before != item.line {
            let what = format!("{kind} `{}` stands on line {before} already", item.key);
            mistakes.push(Mistake { line: item.line, what });
        }
    }
    mistakes
}

/// Writes documents so that [`read`] gives the same.
pub fn write(format: Format, documents: &[Known<Document>]) -> String {
    match format {
        Format::Csv => csv::write(documents),
        Format::Toml => toml::write(documents),
    }
}

/// A document of this kind in any form.
fn document<'de, D: Deserializer<'de>>(kind: Kind, from: D) -> Result<Document, D::Error> {
    match kind {
        Kind::Provider => Deserialize::deserialize(from).map(Document::Provider),
        Kind::Fees => Deserialize::deserialize(from).map(Document::Fees),
        Kind::Band => Deserialize::deserialize(from).map(Document::Band),
        Kind::Contract => Deserialize::deserialize(from).map(Document::Contract),
        Kind::Model => Deserialize::deserialize(from).map(Document::Model),
        Kind::Compatibility => Deserialize::deserialize(from).map(Document::Compatibility),
    }
}

/// With the key that it has by itself, or the one that is written beside it.
fn item(
    line: u64,
    key: Option<String>,
    version: Option<u32>,
    document: Document,
) -> Result<Item, Mistake> {
    match key.or_else(|| document.own_key()) {
        Some(key) => Ok(Item { line, key, version, document }),
        None => Err(Mistake { line, what: "`key` is missing: say what it is called".to_owned() }),
    }
}

/// The line of a byte.
fn line_at(bytes: &[u8], at: usize) -> u64 {
    let before = bytes.iter().take(at).filter(|byte| **byte == b'\n').count();
    u64::try_from(before).unwrap_or(u64::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests;
