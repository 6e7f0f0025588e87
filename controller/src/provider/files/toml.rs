//! Lists of documents under the names of their kinds: `[[provider]]`, `[[fees]]` and so on.

use std::collections::BTreeMap;

use toml::{Spanned, Table, Value};

use super::{Item, Mistake, document, item, line_at};
use crate::provider::{Document, Kind, Known};

pub(super) fn read(text: &str) -> Vec<Result<Item, Mistake>> {
    let read: Result<BTreeMap<String, Vec<Spanned<Table>>>, _> = toml::from_str(text);
    let lists = match read {
        Ok(lists) => lists,
        Err(error) => {
            let line = line_at(text.as_bytes(), error.span().map_or(0, |span| span.start));
            return vec![Err(Mistake { line, what: error.message().to_owned() })];
        }
    };
    let mut items = Vec::new();
    for (kind, list) in lists {
        for entry in list {
            let line = line_at(text.as_bytes(), entry.span().start);
            items.push(read_entry(&kind, entry.into_inner(), line));
        }
    }
    items
}

fn read_entry(kind: &str, mut entry: Table, line: u64) -> Result<Item, Mistake> {
    let wrong = |what: String| Mistake { line, what };
    let kind: Kind = kind.parse().map_err(|error| wrong(format!("{error}")))?;
    let key = match entry.remove("key") {
        None => None,
        Some(Value::String(key)) => Some(key),
        Some(
            Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_)
            | Value::Table(_),
        ) => return Err(wrong("`key` is no text".to_owned())),
    };
    let version = entry.remove("version").map(|it| {
        let number = it.as_integer().and_then(|it| u32::try_from(it).ok());
        number.ok_or_else(|| wrong("`version` is no whole number from 0".to_owned()))
    });
    let read = document(kind, Value::Table(entry));
    let read = read.map_err(|error| wrong(error.message().to_owned()))?;
    item(line, key, version.transpose()?, read)
}

pub(super) fn write(documents: &[Known<Document>]) -> String {
    let mut text = String::new();
    for kind in Kind::ALL {
        let of_kind = documents.iter().filter(|known| known.document.kind() == kind);
        let entries: Vec<_> = of_kind.map(entry).collect();
        if !entries.is_empty() {
            let list = Table::from_iter([(kind.to_string(), Value::Array(entries))]);
            let list = toml::to_string(&list).expect("documents have text keys");
            let space = if text.is_empty() { "" } else { "\n" };
            text.push_str(space);
            text.push_str(&list);
        }
    }
    text
}

fn entry(known: &Known<Document>) -> Value {
    let mut entry = Table::try_from(&known.document).expect("documents have text keys");
    entry.remove("kind");
    entry.insert("key".to_owned(), Value::String(known.key.clone()));
    entry.insert("version".to_owned(), Value::Integer(known.version.into()));
    Value::Table(entry)
}
