//! Stores as people describe them, as they are stored.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::RegistryError;
use super::audit::By;
use super::page::Page;
use crate::pacing::Limit;
use crate::store::{Description, Store};

type Result<T> = std::result::Result<T, RegistryError>;

/// The part of the registry that is about stores.
#[async_trait]
pub trait StoreRegistry {
    async fn store(&self, name: &str) -> Result<Option<Store>>;

    /// By name.
    async fn stores(&self, page: &Page<String>) -> Result<Vec<Store>>;

    /// Those of these that exist, by name. At most a page at a time.
    async fn stores_of(&self, names: &[String]) -> Result<Vec<Store>>;

    /// The zones of the terminals that are enrolled in a store, by name.
    async fn zones_of_store(&self, name: &str) -> Result<Vec<String>>;

    /// How fast terminals fetch software in each store of which that is said, by its name.
    async fn download_limits(&self) -> Result<BTreeMap<String, Limit>>;

    /// All that is said of a store from now on, if version `seen` is still the newest.
    async fn describe_store(
        &self,
        name: &str,
        seen: u32,
        described: &Description,
        by: &By,
    ) -> Result<Store>;
}
