//! The little that statements need of a database: values in, rows out, all or nothing.
//!
//! This is the seam between the statements, which are the same for both databases, and the two
//! files that each know one of them.

use std::fmt::Display;
use std::str::FromStr;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use shared::message::SignedBytes;
use shared::time::UnixTime;

use super::code::{self, Code};
use crate::registry::RegistryError;

/// A database that can begin a transaction.
#[async_trait]
pub(crate) trait Database: std::fmt::Debug + Send + Sync {
    fn kind(&self) -> &'static str;

    async fn begin(&self, access: Access) -> Result<Box<dyn Session>, sqlx::Error>;

    /// The version of the schema that is there, 0 for none.
    async fn schema_found(&self) -> Result<i64, sqlx::Error>;

    /// The version of the schema that this build needs.
    fn schema_known(&self) -> i64;

    /// Runs the migrations that are missing.
    async fn migrate(&self) -> Result<(), sqlx::migrate::MigrateError>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// One transaction. Dropped before [`Session::commit`], it never happened.
#[async_trait]
pub(crate) trait Session: Send {
    /// Gives how many rows were changed.
    async fn execute(&mut self, sql: Sql, values: Vec<Value>) -> Result<u64, sqlx::Error>;

    async fn rows(&mut self, sql: Sql, values: Vec<Value>) -> Result<Vec<Row>, sqlx::Error>;

    async fn commit(self: Box<Self>) -> Result<(), sqlx::Error>;
}

/// A statement, with `$1`, `$2`… for its values. Written twice only where the databases differ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sql {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(both: &'static str) -> Self {
        Self { sqlite: both, postgres: both }
    }
}

/// What goes into a statement, and comes out of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// Ids, digests, names: everything that is its text. PostgreSQL stores no NUL, and a terminal
/// could send one.
pub(crate) fn text(value: impl Display) -> Value {
    maybe_text(Some(value))
}

pub(crate) fn maybe_text(value: Option<impl Display>) -> Value {
    Value::Text(value.map(|value| value.to_string().replace('\0', "\u{fffd}")))
}

pub(crate) fn code(value: impl Code) -> Value {
    Value::Text(Some(value.code().to_owned()))
}

pub(crate) fn json(value: &impl serde::Serialize) -> Value {
    let text = serde_json::to_string(value).expect("records have text keys and no floats");
    Value::Text(Some(text))
}

pub(crate) fn bytes(value: &[u8]) -> Value {
    Value::Bytes(Some(value.to_vec()))
}

/// Numbers beyond 2⁶³ are nobody's but a forger's; they stay at the largest that can be stored.
pub(crate) fn int(value: impl TryInto<i64>) -> Value {
    Value::Int(Some(value.try_into().unwrap_or(i64::MAX)))
}

pub(crate) fn maybe_int(value: Option<impl Into<i64>>) -> Value {
    Value::Int(value.map(Into::into))
}

pub(crate) fn time(value: UnixTime) -> Value {
    Value::Int(Some(value.0))
}

pub(crate) fn maybe_time(value: Option<UnixTime>) -> Value {
    Value::Int(value.map(|at| at.0))
}

pub(crate) fn flag(value: bool) -> Value {
    Value::Int(Some(i64::from(value)))
}

/// A list of ids as one value: see [`id_list`].
pub(crate) fn list(ids: impl IntoIterator<Item = impl Display>) -> Value {
    let ids: Vec<_> = ids.into_iter().map(|id| id.to_string()).collect();
    json(&ids)
}

/// A statement in which `{ids}` is the list that [`list`] made of many ids, bound as `$1`.
macro_rules! with_id_list {
    ($before:expr, $after:expr) => {
        $crate::registry::sql::session::Sql {
            sqlite: concat!($before, "(SELECT value FROM json_each($1))", $after),
            postgres: concat!(
                $before,
                "(SELECT json_array_elements_text(CAST($1 AS json)))",
                $after
            ),
        }
    };
}
pub(crate) use with_id_list;

/// One row; its values are taken in the order in which they were selected.
#[derive(Debug)]
pub(crate) struct Row {
    values: std::vec::IntoIter<Value>,
}

type Result<T, E = RegistryError> = std::result::Result<T, E>;

impl Row {
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self { values: values.into_iter() }
    }

    pub(crate) fn maybe_int(&mut self) -> Result<Option<i64>> {
        match self.values.next() {
            Some(Value::Int(value)) => Ok(value),
            // SQLite gives the type of a value, and a NULL has none.
            Some(Value::Text(None) | Value::Bytes(None)) => Ok(None),
            other => Err(unreadable("number", &other)),
        }
    }

    pub(crate) fn int(&mut self) -> Result<i64> {
        self.maybe_int()?.ok_or_else(|| unreadable("number", &None))
    }

    /// A number that is stored as an `i64` and was made from a smaller or unsigned one.
    pub(crate) fn number<T: TryFrom<i64>>(&mut self) -> Result<T> {
        let value = self.int()?;
        value.try_into().map_err(|_| unreadable("number", &Some(Value::Int(Some(value)))))
    }

    /// SQLite's answer to a question is a number, PostgreSQL's is not.
    pub(crate) fn flag(&mut self) -> Result<bool> {
        Ok(self.int()? != 0)
    }

    pub(crate) fn time(&mut self) -> Result<UnixTime> {
        Ok(UnixTime(self.int()?))
    }

    pub(crate) fn maybe_time(&mut self) -> Result<Option<UnixTime>> {
        Ok(self.maybe_int()?.map(UnixTime))
    }

    pub(crate) fn maybe_text(&mut self) -> Result<Option<String>> {
        match self.values.next() {
            Some(Value::Text(value)) => Ok(value),
            Some(Value::Int(None) | Value::Bytes(None)) => Ok(None),
            other => Err(unreadable("text", &other)),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        self.maybe_text()?.ok_or_else(|| unreadable("text", &None))
    }

    /// An id, a digest, a key.
    pub(crate) fn parsed<T: FromStr>(&mut self, what: &'static str) -> Result<T> {
        parse(what, self.text()?)
    }

    pub(crate) fn maybe_parsed<T: FromStr>(&mut self, what: &'static str) -> Result<Option<T>> {
        self.maybe_text()?.map(|text| parse(what, text)).transpose()
    }

    pub(crate) fn code<T: Code>(&mut self) -> Result<T> {
        let text = self.text()?;
        code::read(&text).ok_or(RegistryError::Unreadable { what: T::WHAT, value: text })
    }

    pub(crate) fn maybe_code<T: Code>(&mut self) -> Result<Option<T>> {
        let Some(text) = self.maybe_text()? else { return Ok(None) };
        let unreadable = || RegistryError::Unreadable { what: T::WHAT, value: text.clone() };
        code::read(&text).map(Some).ok_or_else(unreadable)
    }

    pub(crate) fn maybe_json<T: DeserializeOwned>(
        &mut self,
        what: &'static str,
    ) -> Result<Option<T>> {
        let Some(text) = self.maybe_text()? else { return Ok(None) };
        let unreadable = |_| RegistryError::Unreadable { what, value: text.clone() };
        serde_json::from_str(&text).map(Some).map_err(unreadable)
    }

    pub(crate) fn json<T: DeserializeOwned>(&mut self, what: &'static str) -> Result<T> {
        let text = self.text()?;
        serde_json::from_str(&text).map_err(|_| RegistryError::Unreadable { what, value: text })
    }

    pub(crate) fn maybe_bytes(&mut self) -> Result<Option<Vec<u8>>> {
        match self.values.next() {
            Some(Value::Bytes(value)) => Ok(value),
            Some(Value::Int(None) | Value::Text(None)) => Ok(None),
            other => Err(unreadable("byte string", &other)),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>> {
        self.maybe_bytes()?.ok_or_else(|| unreadable("byte string", &None))
    }

    pub(crate) fn signed(&mut self) -> Result<SignedBytes> {
        Ok(SignedBytes::new(self.bytes()?))
    }
}

fn parse<T: FromStr>(what: &'static str, text: String) -> Result<T> {
    text.parse().map_err(|_| RegistryError::Unreadable { what, value: text })
}

fn unreadable(what: &'static str, value: &Option<Value>) -> RegistryError {
    let value = match value {
        None => "nothing".to_owned(),
        Some(Value::Bytes(Some(bytes))) => format!("{} bytes", bytes.len()),
        Some(Value::Int(Some(int))) => int.to_string(),
        Some(Value::Text(Some(text))) => text.clone(),
        Some(Value::Int(None) | Value::Text(None) | Value::Bytes(None)) => "NULL".to_owned(),
    };
    RegistryError::Unreadable { what, value }
}

/// A transaction that knows what it is for, so that a failure can say so.
pub(crate) struct Transaction {
    session: Box<dyn Session>,
    doing: &'static str,
}

impl Transaction {
    pub(crate) fn new(session: Box<dyn Session>, doing: &'static str) -> Self {
        Self { session, doing }
    }

    fn failed(&self) -> impl Fn(sqlx::Error) -> RegistryError + use<> {
        let doing = self.doing;
        move |source| RegistryError::Failed { doing, source }
    }

    pub(crate) async fn execute(&mut self, sql: impl Into<Sql>, values: Vec<Value>) -> Result<u64> {
        let changed = self.session.execute(sql.into(), values).await;
        changed.map_err(self.failed())
    }

    pub(crate) async fn rows(
        &mut self,
        sql: impl Into<Sql>,
        values: Vec<Value>,
    ) -> Result<Vec<Row>> {
        let rows = self.session.rows(sql.into(), values).await;
        rows.map_err(self.failed())
    }

    /// The first row, where there is at most one that matters.
    pub(crate) async fn row(
        &mut self,
        sql: impl Into<Sql>,
        values: Vec<Value>,
    ) -> Result<Option<Row>> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    pub(crate) async fn commit(self) -> Result<()> {
        let failed = self.failed();
        self.session.commit().await.map_err(failed)
    }
}
