//! A row of a table as fields within fields: the column `licence.valid_until` is a field of the
//! field `licence`, `hosts.0` the first entry of the list `hosts`. What a cell must be is said by
//! whoever reads it, since all that a cell has is text.

use std::collections::BTreeMap;

use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{Error as _, IntoDeserializer, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};
use serde_json::Value;

use crate::provider::text::shown;

/// No document is deeper.
const DEPTH_MAX: usize = 4;

/// Some cells of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cells {
    One { column: String, text: String },
    Group { column: String, fields: BTreeMap<String, Cells> },
}

impl Cells {
    pub(super) fn none() -> Self {
        Self::Group { column: String::new(), fields: BTreeMap::new() }
    }

    fn column(&self) -> &str {
        match self {
            Self::One { column, .. } | Self::Group { column, .. } => column,
        }
    }

    /// Puts a cell where its column says.
    pub(super) fn put(&mut self, column: &str, text: &str) -> Result<(), String> {
        let wrong = || format!("the column `{}` is no field", shown(column));
        let names: Vec<_> = column.split('.').collect();
        if names.len() > DEPTH_MAX || names.iter().any(|name| name.is_empty()) {
            return Err(wrong());
        }
        let Some((last, groups)) = names.split_last() else { return Err(wrong()) };
        let mut at = self;
        let mut above = String::new();
        for name in groups {
            let Self::Group { fields, .. } = at else { return Err(wrong()) };
            above = if above.is_empty() { (*name).to_owned() } else { format!("{above}.{name}") };
            let group = || Self::Group { column: above.clone(), fields: BTreeMap::new() };
            at = fields.entry((*name).to_owned()).or_insert_with(group);
        }
        let Self::Group { fields, .. } = at else { return Err(wrong()) };
        let cell = Self::One { column: column.to_owned(), text: text.to_owned() };
        match fields.insert((*last).to_owned(), cell) {
            None => Ok(()),
            Some(_) => Err(wrong()),
        }
    }

    fn text(self, what: &str) -> Result<(String, String), Error> {
        match self {
            Self::One { column, text } => Ok((column, text)),
            Self::Group { column, .. } => {
                Err(Error::custom(format!("`{column}` must be one column, with {what}")))
            }
        }
    }

    fn number<T: std::str::FromStr>(self) -> Result<T, Error> {
        let (column, text) = self.text("a number")?;
        let text = shown(&text);
        text.parse().map_err(|_| {
            Error::custom(format!("`{column}` is `{text}`: write a whole number that fits"))
        })
    }
}

impl<'de> IntoDeserializer<'de, Error> for Cells {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident),+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.number()?)
        })+
    };
}

impl<'de> Deserializer<'de> for Cells {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::One { column, text } => visitor
                .visit_string(text)
                .map_err(|error: Error| Error::custom(format!("`{column}`: {error}"))),
            Self::Group { fields, .. } => {
                visitor.visit_map(MapDeserializer::new(fields.into_iter()))
            }
        }
    }

    numbers! {
        deserialize_i8 visit_i8, deserialize_i16 visit_i16, deserialize_i32 visit_i32,
        deserialize_i64 visit_i64, deserialize_u8 visit_u8, deserialize_u16 visit_u16,
        deserialize_u32 visit_u32, deserialize_u64 visit_u64
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let column = self.column().to_owned();
        let Self::Group { fields, .. } = self else {
            let what = format!("`{column}` is a list: write `{column}.0`, `{column}.1` and so on");
            return Err(Error::custom(what));
        };
        let mut entries = BTreeMap::new();
        for (name, cells) in fields {
            let at: u16 = name.parse().map_err(|_| {
                Error::custom(format!("`{column}` is a list: `{}` is no place", shown(&name)))
            })?;
            if entries.insert(at, cells).is_some() {
                return Err(Error::custom(format!("`{column}.{at}` stands there twice")));
            }
        }
        visitor.visit_seq(SeqDeserializer::new(entries.into_values()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let (column, text) = self.text("a word")?;
        let word: serde::de::value::StringDeserializer<Error> = text.into_deserializer();
        visitor.visit_enum(word).map_err(|error| Error::custom(format!("`{column}`: {error}")))
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct
        tuple tuple_struct map struct identifier ignored_any
    }
}

/// The cells of a document, by column.
pub(super) fn cells_of(value: &Value, column: &str, put: &mut impl FnMut(String, String)) {
    let below = |name: &str| match column {
        "" => name.to_owned(),
        column => format!("{column}.{name}"),
    };
    match value {
        Value::Null => {}
        Value::Bool(it) => put(column.to_owned(), it.to_string()),
        Value::Number(it) => put(column.to_owned(), it.to_string()),
        Value::String(it) => put(column.to_owned(), it.clone()),
        Value::Array(entries) => {
            for (at, entry) in entries.iter().enumerate() {
                cells_of(entry, &below(&at.to_string()), put);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                cells_of(field, &below(name), put);
            }
        }
    }
}
