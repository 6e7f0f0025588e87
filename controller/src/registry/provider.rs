//! Providers and what is about them, as the registry knows them: documents in versions that are
//! never changed, and what people vouched for.

use std::collections::BTreeSet;

use async_trait::async_trait;
use shared::time::UnixTime;

use super::RegistryError;
use super::audit::By;
use super::page::Page;
use crate::provider::{Document, Kind, Known, Vouch};

type Result<T> = std::result::Result<T, RegistryError>;

/// One version of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// With everything that was ever vouched for about any version.
    pub known: Known<Document>,
    pub set_at: UnixTime,
    pub set_by: String,
    pub why: String,
}

/// The next version of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    pub key: String,
    /// What is wrong with it is the caller's question.
    pub document: Document,
    /// The newest version that the caller saw, 0 for none.
    pub seen: u32,
}

/// The part of the registry that is about providers.
#[async_trait]
pub trait ProviderRegistry {
    /// This version, or the newest.
    async fn record(&self, kind: Kind, key: &str, version: Option<u32>) -> Result<Option<Record>>;

    /// The newest versions, by key.
    async fn records(&self, kind: Kind, page: &Page<String>) -> Result<Vec<Record>>;

    /// All versions of one, the newest first, from the one before `after`.
    async fn record_history(&self, kind: Kind, key: &str, page: &Page<u32>) -> Result<Vec<Record>>;

    /// Stores these, all or none: none if any of them has another version by now than was seen.
    async fn put_records(&self, new: &[NewRecord], by: &By) -> Result<()>;

    /// Adds a person's word about the version that was seen, if it is still the newest.
    async fn vouch(&self, kind: Kind, key: &str, seen: u32, vouch: &Vouch) -> Result<()>;

    /// Somebody has seen this alert, which is not told again.
    async fn alert_seen(&self, alert: &str, by: &By) -> Result<()>;

    /// Those of these that were seen.
    async fn alerts_seen(&self, of: &[String]) -> Result<BTreeSet<String>>;
}

/// The newest versions of all documents of a kind. There are as many as people have written.
pub async fn all<R: ProviderRegistry + ?Sized>(
    registry: &R,
    kind: Kind,
) -> Result<Vec<Known<Document>>> {
    let mut all: Vec<Known<Document>> = Vec::new();
    loop {
        let after = all.last().map(|known| known.key.clone());
        let page = Page { after, limit: super::page::PAGE_ITEMS_MAX };
        let records = registry.records(kind, &page).await?;
        if records.is_empty() {
            return Ok(all);
        }
        all.extend(records.into_iter().map(|record| record.known));
    }
}
