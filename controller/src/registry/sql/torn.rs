//! A database that ends a transaction in its midst: for tests, a bug that is planted on purpose.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::migrate::MigrateError;

use super::session::{Access, Database, Row, Session, Sql, Value};

/// Commits after each statement that begins so, and goes on in another transaction.
#[derive(Debug)]
pub(crate) struct Torn<D> {
    pub(crate) database: Arc<D>,
    pub(crate) after: &'static str,
}

#[async_trait]
impl<D: Database + 'static> Database for Torn<D> {
    fn kind(&self) -> &'static str {
        self.database.kind()
    }

    async fn begin(&self, access: Access) -> Result<Box<dyn Session>, sqlx::Error> {
        let session = Some(self.database.begin(access).await?);
        let (database, after) = (Arc::clone(&self.database), self.after);
        Ok(Box::new(TornSession { session, database, after }))
    }

    async fn schema_found(&self) -> Result<i64, sqlx::Error> {
        self.database.schema_found().await
    }

    fn schema_known(&self) -> i64 {
        self.database.schema_known()
    }

    async fn migrate(&self) -> Result<(), MigrateError> {
        self.database.migrate().await
    }
}

struct TornSession<D> {
    /// None while one has ended and the next has not begun.
    session: Option<Box<dyn Session>>,
    database: Arc<D>,
    after: &'static str,
}

impl<D> fmt::Debug for TornSession<D> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a transaction that is torn")
    }
}

impl<D> TornSession<D> {
    fn session(&mut self) -> Result<&mut Box<dyn Session>, sqlx::Error> {
        self.session.as_mut().ok_or(sqlx::Error::WorkerCrashed)
    }
}

#[async_trait]
impl<D: Database + 'static> Session for TornSession<D> {
    async fn execute(&mut self, sql: Sql, values: Vec<Value>) -> Result<u64, sqlx::Error> {
        let changed = self.session()?.execute(sql, values).await?;
        if sql.sqlite.starts_with(self.after) {
            let session = self.session.take().ok_or(sqlx::Error::WorkerCrashed)?;
            session.commit().await?;
            self.session = Some(self.database.begin(Access::Write).await?);
        }
        Ok(changed)
    }

    async fn rows(&mut self, sql: Sql, values: Vec<Value>) -> Result<Vec<Row>, sqlx::Error> {
        self.session()?.rows(sql, values).await
    }

    async fn commit(mut self: Box<Self>) -> Result<(), sqlx::Error> {
        self.session.take().ok_or(sqlx::Error::WorkerCrashed)?.commit().await
    }
}
