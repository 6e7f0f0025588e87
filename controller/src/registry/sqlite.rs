//! The one file that knows SQLite.
//!
//! Write-ahead log, every commit on disk before it returns, one writer. A registry in memory is
//! for tests.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Row as _, TypeInfo as _, ValueRef as _};

use super::RegistryError;
use super::sql::SqlRegistry;
use super::sql::session::{Access, Database, Row, Session, Sql, Value};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long to wait for another process (a backup, `migrate`) that has the file locked.
const BUSY: Duration = Duration::from_secs(10);

const READERS: u32 = 4;

#[derive(Debug)]
pub(crate) struct SqliteDatabase {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteDatabase {
    pub(crate) async fn open(file: &Path) -> Result<SqlRegistry<Self>, RegistryError> {
        let options = options()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let open = |source| RegistryError::Open { target: file.display().to_string(), source };
        let writer = pool(1).connect_with(options.clone()).await.map_err(open)?;
        let readers = pool(READERS).connect_with(options).await.map_err(open)?;
        Ok(SqlRegistry::new(Self { writer, readers }))
    }

    pub(crate) async fn in_memory() -> Result<SqlRegistry<Self>, RegistryError> {
        let open = |source| RegistryError::Open { target: "in memory".to_owned(), source };
        let options = options().in_memory(true).shared_cache(false);
        // The database lives and dies with its one connection.
        let only = pool(1).idle_timeout(None).max_lifetime(None);
        let only = only.connect_with(options).await.map_err(open)?;
        Ok(SqlRegistry::new(Self { writer: only.clone(), readers: only }))
    }
}

fn options() -> SqliteConnectOptions {
    SqliteConnectOptions::new().foreign_keys(true).busy_timeout(BUSY)
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(connections)
}

#[async_trait]
impl Database for SqliteDatabase {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    async fn begin(&self, access: Access) -> Result<Box<dyn Session>, sqlx::Error> {
        let transaction = match access {
            Access::Read => self.readers.begin().await?,
            Access::Write => self.writer.begin_with("BEGIN IMMEDIATE").await?,
        };
        Ok(Box::new(SqliteSession(transaction)))
    }

    async fn schema_found(&self) -> Result<i64, sqlx::Error> {
        let table = "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'";
        let tables: i64 = sqlx::query_scalar(table).fetch_one(&self.readers).await?;
        if tables == 0 {
            return Ok(0);
        }
        let newest = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations WHERE success = 1";
        sqlx::query_scalar(newest).fetch_one(&self.readers).await
    }

    fn schema_known(&self) -> i64 {
        MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
    }

    async fn migrate(&self) -> Result<(), MigrateError> {
        MIGRATIONS.run(&self.writer).await
    }
}

struct SqliteSession(sqlx::Transaction<'static, Sqlite>);

#[async_trait]
impl Session for SqliteSession {
    async fn execute(&mut self, sql: Sql, values: Vec<Value>) -> Result<u64, sqlx::Error> {
        Ok(bind(sql, values).execute(&mut *self.0).await?.rows_affected())
    }

    async fn rows(&mut self, sql: Sql, values: Vec<Value>) -> Result<Vec<Row>, sqlx::Error> {
        let rows = bind(sql, values).fetch_all(&mut *self.0).await?;
        rows.iter().map(row).collect()
    }

    async fn commit(self: Box<Self>) -> Result<(), sqlx::Error> {
        self.0.commit().await
    }
}

type Query = sqlx::query::Query<'static, Sqlite, sqlx::sqlite::SqliteArguments>;

fn bind(sql: Sql, values: Vec<Value>) -> Query {
    values.into_iter().fold(sqlx::query(sql.sqlite), |query, value| match value {
        Value::Int(int) => query.bind(int),
        Value::Text(text) => query.bind(text),
        Value::Bytes(bytes) => query.bind(bytes),
    })
}

fn row(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    let value = |at| {
        let raw = row.try_get_raw(at)?;
        // The type is the value's own; NULL has one of its own too.
        match raw.type_info().name() {
            _ if raw.is_null() => Ok(Value::Int(None)),
            "TEXT" => Ok(Value::Text(Some(row.try_get(at)?))),
            "BLOB" => Ok(Value::Bytes(Some(row.try_get(at)?))),
            _ => Ok(Value::Int(Some(row.try_get(at)?))),
        }
    };
    (0..row.len()).map(value).collect::<Result<_, _>>().map(Row::new)
}

#[cfg(test)]
pub(super) async fn tamper(file: &Path, statements: &[&str]) {
    use sqlx::Connection as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    for statement in statements {
        let statement = sqlx::AssertSqlSafe((*statement).to_owned());
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

#[cfg(test)]
pub(super) async fn content(file: &Path) -> Vec<String> {
    use sqlx::Connection as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table'
         AND name NOT GLOB '_sqlx*' AND name NOT GLOB 'sqlite*' ORDER BY name";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.unwrap();
    let mut content = Vec::new();
    for table in tables {
        let select = sqlx::AssertSqlSafe(format!("SELECT * FROM {table}"));
        for found in sqlx::query(select).fetch_all(&mut connection).await.unwrap() {
            content.push(format!("{table}: {:?}", row(&found).unwrap()));
        }
    }
    connection.close().await.unwrap();
    content
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::audit::By;
    use crate::registry::page::Page;
    use crate::registry::{Registry as _, open};
    use shared::time::UnixTime;

    fn by() -> By {
        By { who: "op".to_owned(), why: String::new(), at: UnixTime(1) }
    }

    #[tokio::test]
    async fn what_was_written_is_there_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let target = format!("sqlite:{}", directory.path().join("registry.sqlite").display());
        for _ in 0..2 {
            let registry = open(&target).await.unwrap();
            registry.migrate().await.unwrap();
            registry.note("looked", "terminal", &by()).await.unwrap();
        }
        let registry = open(&target).await.unwrap();
        registry.check_schema().await.unwrap();
        assert_eq!(registry.audit(&Page::first(9)).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn every_commit_is_on_disk_before_it_returns() {
        let directory = tempfile::tempdir().unwrap();
        let registry = SqliteDatabase::open(&directory.path().join("r.sqlite")).await.unwrap();
        let pools = [&registry.database().writer, &registry.database().readers];
        for pool in pools {
            let mode: String =
                sqlx::query_scalar("PRAGMA journal_mode").fetch_one(pool).await.unwrap();
            let full: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(pool).await.unwrap();
            let keys: i64 =
                sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(pool).await.unwrap();
            assert_eq!((mode.as_str(), full, keys), ("wal", 2, 1));
        }
    }

    #[tokio::test]
    async fn a_schema_that_is_newer_than_the_build_is_left_alone() {
        let registry = SqliteDatabase::in_memory().await.unwrap();
        let older = registry.check_schema().await.unwrap_err();
        assert!(older.to_string().contains("run `tillward-controller migrate`"), "{older}");
        registry.migrate().await.unwrap();
        let from_the_future = "INSERT INTO _sqlx_migrations
                 (version, description, success, checksum, execution_time)
             VALUES (999, 'from the future', 1, x'00', 1)";
        sqlx::query(from_the_future).execute(&registry.database().writer).await.unwrap();
        for refused in [registry.migrate().await.map(drop), registry.check_schema().await] {
            let refused = refused.unwrap_err();
            assert!(matches!(refused, RegistryError::NewerSchema { found: 999, .. }));
            assert!(refused.to_string().contains("version 999, newer than"), "{refused}");
        }
    }

    #[tokio::test]
    async fn the_audit_log_cannot_be_changed_or_shortened() {
        let registry = SqliteDatabase::in_memory().await.unwrap();
        registry.migrate().await.unwrap();
        registry.note("looked", "terminal", &by()).await.unwrap();
        for statement in ["UPDATE audit SET who = 'nobody'", "DELETE FROM audit"] {
            let done = sqlx::query(statement).execute(&registry.database().writer).await;
            assert!(done.unwrap_err().to_string().contains("append-only"), "{statement}");
        }
    }

    #[tokio::test]
    async fn what_is_no_registry_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("letter.txt");
        std::fs::write(&file, "Dear operator, this is no database at all, is it? ".repeat(50))
            .unwrap();
        let target = format!("sqlite:{}", file.display());
        let refused = open(&target).await.unwrap_err();
        assert!(refused.to_string().contains("letter.txt"), "{refused}");
        for target in ["registry.sqlite", "sqlite:", "mysql://host/name"] {
            let refused = open(target).await.unwrap_err();
            assert!(refused.to_string().contains("names no registry"), "{refused}");
        }
    }
}
