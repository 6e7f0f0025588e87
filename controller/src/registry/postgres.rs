//! The one file that knows PostgreSQL.
//!
//! Transactions are serializable: what the statements read stays true until they commit, or the
//! transaction is undone and tried again. So nothing here, or in the statements, takes a lock.

use async_trait::async_trait;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow, Postgres};
use sqlx::{AssertSqlSafe, Column as _, Row as _, TypeInfo as _};

use super::RegistryError;
use super::sql::SqlRegistry;
use super::sql::session::{Access, Database, Row, Session, Sql, Value};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Of one controller; the server's own limit is for all of them.
const CONNECTIONS: u32 = 16;

#[derive(Debug)]
pub(crate) struct PostgresDatabase {
    pool: PgPool,
}

impl PostgresDatabase {
    /// `url`: `postgres://user:password@host/name`, or with a Unix socket as its host.
    pub(crate) async fn open(url: &str) -> Result<SqlRegistry<Self>, RegistryError> {
        let open = |source| RegistryError::Open { target: shown(url), source };
        let options = url.parse().map_err(open)?;
        Self::connect(options).await.map_err(open)
    }

    /// Beside the database of `url`, a new and empty one: for tests.
    pub(crate) async fn create(url: &str, name: &str) -> Result<SqlRegistry<Self>, RegistryError> {
        let open = |source| RegistryError::Open { target: shown(url), source };
        let options: PgConnectOptions = url.parse().map_err(open)?;
        let beside = Self::connect(options.clone()).await.map_err(open)?;
        let create = AssertSqlSafe(format!(r#"CREATE DATABASE "{}""#, name.replace('"', "")));
        let created = sqlx::query(create).execute(&beside.database().pool).await;
        created.map_err(open)?;
        Self::connect(options.database(name)).await.map_err(open)
    }

    async fn connect(options: PgConnectOptions) -> Result<SqlRegistry<Self>, sqlx::Error> {
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect_with(options);
        Ok(SqlRegistry::new(Self { pool: pool.await? }))
    }
}

/// The URL without what stands before the host: there may be a password in it.
fn shown(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, place)) => format!("postgres://…@{place}"),
        None => url.to_owned(),
    }
}

#[async_trait]
impl Database for PostgresDatabase {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    async fn begin(&self, access: Access) -> Result<Box<dyn Session>, sqlx::Error> {
        let begin = match access {
            Access::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Access::Write => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        };
        Ok(Box::new(PostgresSession(self.pool.begin_with(begin).await?)))
    }

    async fn schema_found(&self) -> Result<i64, sqlx::Error> {
        let table = "SELECT COUNT(*) FROM pg_catalog.pg_tables
             WHERE tablename = '_sqlx_migrations' AND schemaname = current_schema()";
        let tables: i64 = sqlx::query_scalar(table).fetch_one(&self.pool).await?;
        if tables == 0 {
            return Ok(0);
        }
        let newest = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations WHERE success";
        sqlx::query_scalar(newest).fetch_one(&self.pool).await
    }

    fn schema_known(&self) -> i64 {
        MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
    }

    async fn migrate(&self) -> Result<(), MigrateError> {
        MIGRATIONS.run(&self.pool).await
    }
}

struct PostgresSession(sqlx::Transaction<'static, Postgres>);

#[async_trait]
impl Session for PostgresSession {
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

type Query = sqlx::query::Query<'static, Postgres, sqlx::postgres::PgArguments>;

fn bind(sql: Sql, values: Vec<Value>) -> Query {
    values.into_iter().fold(sqlx::query(sql.postgres), |query, value| match value {
        Value::Int(int) => query.bind(int),
        Value::Text(text) => query.bind(text),
        Value::Bytes(bytes) => query.bind(bytes),
    })
}

fn row(row: &PgRow) -> Result<Row, sqlx::Error> {
    let value = |column: &sqlx::postgres::PgColumn| {
        let at = column.ordinal();
        match column.type_info().name() {
            "TEXT" => Ok(Value::Text(row.try_get(at)?)),
            "BYTEA" => Ok(Value::Bytes(row.try_get(at)?)),
            "BOOL" => Ok(Value::Int(row.try_get::<Option<bool>, _>(at)?.map(i64::from))),
            _ => Ok(Value::Int(row.try_get(at)?)),
        }
    };
    row.columns().iter().map(value).collect::<Result<_, sqlx::Error>>().map(Row::new)
}
