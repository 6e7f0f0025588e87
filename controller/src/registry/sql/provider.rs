//! Providers and what is about them: the trait's methods over their statements.

pub(super) mod records;

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::session::{Access, Database};
use super::{SqlRegistry, finish, read, transaction, write};
use crate::provider::{Kind, Vouch};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::page::Page;
use crate::registry::provider::{NewRecord, ProviderRegistry, Record};

type Result<T> = std::result::Result<T, RegistryError>;

#[async_trait]
impl<D: Database> ProviderRegistry for SqlRegistry<D> {
    async fn record(&self, kind: Kind, key: &str, version: Option<u32>) -> Result<Option<Record>> {
        read!(self, "find a document", tx => records::one(tx, kind, key, version))
    }

    async fn records(&self, kind: Kind, page: &Page<String>) -> Result<Vec<Record>> {
        read!(self, "list documents", tx => records::newest(tx, kind, page))
    }

    async fn record_history(&self, kind: Kind, key: &str, page: &Page<u32>) -> Result<Vec<Record>> {
        read!(self, "list a document's versions", tx => records::history(tx, kind, key, page))
    }

    async fn put_records(&self, new: &[NewRecord], by: &By) -> Result<()> {
        write!(self, "store documents", tx => records::put(tx, new, by))
    }

    async fn vouch(&self, kind: Kind, key: &str, seen: u32, vouch: &Vouch) -> Result<()> {
        write!(self, "note what was vouched for", tx => records::vouch(tx, kind, key, seen, vouch))
    }

    async fn alert_seen(&self, alert: &str, by: &By) -> Result<()> {
        write!(self, "note an alert as seen", tx => records::alert_seen(tx, alert, by))
    }

    async fn alerts_seen(&self, of: &[String]) -> Result<BTreeSet<String>> {
        read!(self, "find alerts that were seen", tx => records::alerts_seen(tx, of))
    }
}
