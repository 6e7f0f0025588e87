//! Reads a TOML table key by key and gathers every mistake instead of stopping at the first.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use toml::{Table, Value};

/// Every mistake that was found, in the order of the file's keys as they are read.
#[derive(Debug, Default)]
pub(super) struct Mistakes(RefCell<Vec<String>>);

impl Mistakes {
    pub(super) fn add(&self, mistake: String) {
        self.0.borrow_mut().push(mistake);
    }

    pub(super) fn into_vec(self) -> Vec<String> {
        self.0.into_inner()
    }
}

/// One table of the file, and the same table of the default file behind it.
pub(super) struct Reader<'a> {
    /// Of this table, with a trailing full stop; empty for the whole file.
    path: String,
    given: Table,
    defaults: Table,
    asked: BTreeSet<&'static str>,
    mistakes: &'a Mistakes,
}

impl<'a> Reader<'a> {
    pub(super) fn new(given: Table, defaults: Table, mistakes: &'a Mistakes) -> Self {
        Self { path: String::new(), given, defaults, asked: BTreeSet::new(), mistakes }
    }

    /// Whether the file itself names this key.
    pub(super) fn names(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    /// Knows this key without reading it.
    pub(super) fn pass_over(&mut self, key: &'static str) {
        self.asked.insert(key);
    }

    /// The table below this one; an empty one when the file has none.
    pub(super) fn table(&mut self, key: &'static str) -> Reader<'a> {
        let defaults = match self.defaults.get(key) {
            Some(Value::Table(table)) => table.clone(),
            Some(_) | None => Table::new(),
        };
        let given = match self.take(key) {
            Some(Value::Table(table)) => table,
            Some(other) => {
                self.wrong::<()>(key, &other, "a table");
                Table::new()
            }
            None => Table::new(),
        };
        self.below(format!("{}{key}.", self.path), given, defaults)
    }

    /// The tables of an array, `[[key]]`; the default ones when the file has none. What a table
    /// that is there leaves out has no default.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Reader<'a>> {
        let value = self.take(key).or_else(|| self.defaults.get(key).cloned());
        let Some(value) = value else { return Vec::new() };
        let Value::Array(values) = value else {
            self.wrong::<()>(key, &value, "one or more tables, each begun by `[[…]]`");
            return Vec::new();
        };
        let numbered = values.into_iter().enumerate().filter_map(|(at, value)| {
            let path = format!("{}{key}[{}].", self.path, at + 1);
            if let Value::Table(table) = value {
                return Some(self.below(path, table, Table::new()));
            }
            self.wrong(key, &value, "one or more tables, each begun by `[[…]]`")
        });
        numbered.collect()
    }

    /// A text that reads as `T`. `None` after a mistake.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<T> {
        let text = self.text(key)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(why) => self.mistake(key, format!("is `{text}`: {why}")),
        }
    }

    /// As [`Self::parsed`], and `Some(None)` where neither the file nor the default names it.
    #[expect(clippy::option_option, reason = "a mistake is not the same as nothing")]
    pub(super) fn maybe_parsed<T: FromStr<Err: Display>>(
        &mut self,
        key: &'static str,
    ) -> Option<Option<T>> {
        let is_named = self.names(key) || self.defaults.contains_key(key);
        if !is_named {
            self.pass_over(key);
            return Some(None);
        }
        self.parsed(key).map(Some)
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        let value = self.value(key)?;
        if let Value::String(text) = value {
            return Some(text);
        }
        self.wrong(key, &value, "a text in quotation marks")
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        value.as_bool().or_else(|| self.wrong(key, &value, "true or false"))
    }

    pub(super) fn number(
        &mut self,
        key: &'static str,
        allowed: RangeInclusive<u32>,
    ) -> Option<u32> {
        let value = self.value(key)?;
        self.number_in(key, &value, allowed)
    }

    /// `None` after a mistake, and `Some(None)` where neither the file nor the default names it.
    #[expect(clippy::option_option, reason = "a mistake is not the same as nothing")]
    pub(super) fn maybe_number<N>(
        &mut self,
        key: &'static str,
        allowed: RangeInclusive<N>,
    ) -> Option<Option<N>>
    where
        N: TryFrom<i64> + PartialOrd + Display,
    {
        let value = self.take(key).or_else(|| self.defaults.get(key).cloned());
        value.map_or(Some(None), |value| self.number_in(key, &value, allowed).map(Some))
    }

    fn number_in<N>(&self, key: &str, value: &Value, allowed: RangeInclusive<N>) -> Option<N>
    where
        N: TryFrom<i64> + PartialOrd + Display,
    {
        let wanted = format!("a whole number from {} to {}", allowed.start(), allowed.end());
        let Some(number) = value.as_integer() else {
            return self.wrong(key, value, &wanted);
        };
        match N::try_from(number) {
            Ok(number) if allowed.contains(&number) => Some(number),
            Ok(_) | Err(_) => self.mistake(key, format!("is {number}: choose {wanted}")),
        }
    }

    /// Adds a mistake about one key of this table.
    pub(super) fn mistake<T>(&self, key: &str, what: impl Display) -> Option<T> {
        self.mistakes.add(format!("`{}{key}` {what}", self.path));
        None
    }

    /// Whatever was not asked for is not a key.
    pub(super) fn finish(self) {
        for key in self.given.keys().filter(|key| !self.asked.contains(key.as_str())) {
            let known: Vec<_> = self.asked.iter().map(|key| format!("`{key}`")).collect();
            let known = known.join(", ");
            self.mistakes.add(format!("`{}{key}` is not a key; there are {known}", self.path));
        }
    }

    fn below(&self, path: String, given: Table, defaults: Table) -> Reader<'a> {
        Reader { path, given, defaults, asked: BTreeSet::new(), mistakes: self.mistakes }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.asked.insert(key);
        self.given.get(key).cloned()
    }

    /// As given, or else the default; a mistake when there is neither.
    fn value(&mut self, key: &'static str) -> Option<Value> {
        let value = self.take(key).or_else(|| self.defaults.get(key).cloned());
        if value.is_none() {
            return self.mistake(key, "is missing");
        }
        value
    }

    fn wrong<T>(&self, key: &str, got: &Value, wanted: &str) -> Option<T> {
        self.mistake(key, format!("is of type {}: write {wanted}", got.type_str()))
    }
}
