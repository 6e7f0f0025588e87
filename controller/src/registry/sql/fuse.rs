//! A database that fails when it is told to, and tells what it was asked: for tests of what a kill
//! at any moment leaves, and of what something costs.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sqlx::migrate::MigrateError;

use super::session::{Access, Database, Row, Session, Sql, Value};

/// Burns down by one with every statement, and with every commit before and after it; once it has
/// blown nothing works until it is replaced. Laid aside it does not burn, so that a test can look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fuse(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    length: Length,
    is_laid_aside: bool,
    /// `None` while nobody wants to know.
    asked: Option<Vec<Asked>>,
}

/// A statement that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) sql: &'static str,
    /// Rows that it wrote.
    pub(crate) wrote: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Length {
    #[default]
    Endless,
    Left(u64),
    Blown,
}

impl Fuse {
    pub(crate) fn endless() -> Self {
        Self::default()
    }

    /// Blows when so many more things have been asked of the database.
    pub(crate) fn set(&self, length: u64) {
        self.0.lock().unwrap().length = Length::Left(length);
    }

    pub(crate) fn replace(&self) {
        self.0.lock().unwrap().length = Length::Endless;
    }

    pub(crate) fn lay_aside(&self, is_laid_aside: bool) {
        self.0.lock().unwrap().is_laid_aside = is_laid_aside;
    }

    pub(crate) fn is_blown(&self) -> bool {
        self.0.lock().unwrap().length == Length::Blown
    }

    /// What is asked from here on is written down. Gives what was before, in its order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.0.lock().unwrap().asked.replace(vec![]).unwrap_or_default()
    }

    fn note(&self, sql: Sql, wrote: u64) {
        if let Some(asked) = &mut self.0.lock().unwrap().asked {
            asked.push(Asked { sql: sql.sqlite, wrote });
        }
    }

    fn burn(&self) -> Result<(), sqlx::Error> {
        let mut inside = self.0.lock().unwrap();
        if inside.is_laid_aside {
            return Ok(());
        }
        inside.length = match inside.length {
            Length::Endless => Length::Endless,
            Length::Left(0) | Length::Blown => Length::Blown,
            Length::Left(left) => Length::Left(left - 1),
        };
        match inside.length {
            Length::Blown => Err(sqlx::Error::WorkerCrashed),
            Length::Endless | Length::Left(_) => Ok(()),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Fused<D> {
    pub(crate) database: D,
    pub(crate) fuse: Fuse,
}

#[async_trait]
impl<D: Database> Database for Fused<D> {
    fn kind(&self) -> &'static str {
        self.database.kind()
    }

    async fn begin(&self, access: Access) -> Result<Box<dyn Session>, sqlx::Error> {
        self.fuse.burn()?;
        let session = self.database.begin(access).await?;
        Ok(Box::new(FusedSession { session, fuse: self.fuse.clone() }))
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

struct FusedSession {
    session: Box<dyn Session>,
    fuse: Fuse,
}

impl fmt::Debug for FusedSession {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a transaction with a fuse")
    }
}

#[async_trait]
impl Session for FusedSession {
    async fn execute(&mut self, sql: Sql, values: Vec<Value>) -> Result<u64, sqlx::Error> {
        self.fuse.burn()?;
        let wrote = self.session.execute(sql, values).await?;
        self.fuse.note(sql, wrote);
        Ok(wrote)
    }

    async fn rows(&mut self, sql: Sql, values: Vec<Value>) -> Result<Vec<Row>, sqlx::Error> {
        self.fuse.burn()?;
        let rows = self.session.rows(sql, values).await?;
        self.fuse.note(sql, 0);
        Ok(rows)
    }

    async fn commit(self: Box<Self>) -> Result<(), sqlx::Error> {
        self.fuse.burn()?;
        self.session.commit().await?;
        // It is done, and nobody hears of it.
        self.fuse.burn()
    }
}
