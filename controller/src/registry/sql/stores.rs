//! Stores: what people say of them, and the trait's methods over these statements.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::session::{
    Access, Database, Row, Transaction, Value, int, list, maybe_text, text, time, with_id_list,
};
use super::tally::{self, upheavals};
use super::{SqlRegistry, audit, finish, read, transaction, write};
use crate::pacing::Limit;
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::page::Page;
use crate::registry::store::StoreRegistry;
use crate::store::{Description, Set, Store};

type Result<T> = std::result::Result<T, RegistryError>;

#[async_trait]
impl<D: Database> StoreRegistry for SqlRegistry<D> {
    async fn store(&self, name: &str) -> Result<Option<Store>> {
        read!(self, "find a store", tx => by_name(tx, name))
    }

    async fn stores(&self, page: &Page<String>) -> Result<Vec<Store>> {
        read!(self, "list stores", tx => listed(tx, page))
    }

    async fn stores_of(&self, names: &[String]) -> Result<Vec<Store>> {
        read!(self, "find stores", tx => of(tx, names))
    }

    async fn zones_of_store(&self, name: &str) -> Result<Vec<String>> {
        read!(self, "find the zones of a store", tx => zones(tx, name))
    }

    async fn download_limits(&self) -> Result<BTreeMap<String, Limit>> {
        read!(self, "find how fast stores fetch", tx => download_limits(tx))
    }

    async fn describe_store(
        &self,
        name: &str,
        seen: u32,
        described: &Description,
        by: &By,
    ) -> Result<Store> {
        write!(self, "describe a store", tx => describe(tx, name, seen, described, by))
    }
}

macro_rules! select_stores {
    ($tail:literal) => {
        concat!(
            "SELECT id, region, at_once_max, fallback, download_bytes_per_s, version, set_at,
                 set_by, created_at
             FROM stores ",
            $tail
        )
    };
}

fn store(mut row: Row) -> Result<Store> {
    Ok(Store {
        name: row.text()?,
        described: Description {
            region: row.maybe_text()?,
            at_once_max: row.maybe_int()?.and_then(|count| count.try_into().ok()),
            fallback: row.maybe_text()?,
            download_limit: row.maybe_int()?.and_then(limit),
        },
        version: row.number()?,
        set: {
            let at = row.maybe_time()?;
            at.zip(row.maybe_text()?).map(|(at, by)| Set { at, by })
        },
        created_at: row.time()?,
    })
}

/// What is out of bounds was never said here.
fn limit(bytes_per_s: i64) -> Option<Limit> {
    Limit::of(bytes_per_s.try_into().ok()?).ok()
}

pub(super) async fn by_name(tx: &mut Transaction, name: &str) -> Result<Option<Store>> {
    tx.row(select_stores!("WHERE id = $1"), vec![text(name)]).await?.map(store).transpose()
}

pub(super) async fn known(tx: &mut Transaction, name: &str) -> Result<Store> {
    let missing = || RegistryError::Missing { what: "store", which: name.to_owned() };
    by_name(tx, name).await?.ok_or_else(missing)
}

async fn listed(tx: &mut Transaction, page: &Page<String>) -> Result<Vec<Store>> {
    let after = page.after.as_deref().unwrap_or_default();
    let select = select_stores!("WHERE id > $1 ORDER BY id LIMIT $2");
    let rows = tx.rows(select, vec![text(after), int(page.items())]).await?;
    rows.into_iter().map(store).collect()
}

async fn of(tx: &mut Transaction, names: &[String]) -> Result<Vec<Store>> {
    let select = with_id_list!(select_stores!("WHERE id IN "), " ORDER BY id");
    tx.rows(select, vec![list(names)]).await?.into_iter().map(store).collect()
}

async fn zones(tx: &mut Transaction, name: &str) -> Result<Vec<String>> {
    let select = "SELECT DISTINCT zone FROM terminals WHERE store = $1 AND unit = 'enrolled'
         ORDER BY zone";
    let rows = tx.rows(select, vec![text(name)]).await?;
    rows.into_iter().map(|mut row| row.text()).collect()
}

async fn download_limits(tx: &mut Transaction) -> Result<BTreeMap<String, Limit>> {
    let select = "SELECT id, download_bytes_per_s FROM stores
         WHERE download_bytes_per_s IS NOT NULL";
    let rows = tx.rows(select, vec![]).await?.into_iter();
    let said = rows.map(|mut row| Ok((row.text()?, limit(row.int()?))));
    let said = said.collect::<Result<Vec<_>>>()?;
    Ok(said.into_iter().filter_map(|(name, limit)| Some((name, limit?))).collect())
}

async fn describe(
    tx: &mut Transaction,
    name: &str,
    seen: u32,
    described: &Description,
    by: &By,
) -> Result<Store> {
    let before = known(tx, name).await?;
    if before.version != seen {
        let (expected, found) = (seen, before.version);
        let which = name.to_owned();
        return Err(RegistryError::DocumentMoved { what: "store", which, expected, found });
    }
    let update = "UPDATE stores SET region = $2, at_once_max = $3, fallback = $4,
             version = version + 1, set_at = $5, set_by = $6, download_bytes_per_s = $7
         WHERE id = $1";
    let values = vec![
        text(name),
        maybe_text(described.region.as_ref()),
        Value::Int(described.at_once_max.map(i64::from)),
        maybe_text(described.fallback.as_ref()),
        time(by.at),
        text(&by.who),
        Value::Int(
            described.download_limit.map(Limit::bytes_per_s).and_then(|it| it.try_into().ok()),
        ),
    ];
    tx.execute(update, values).await?;
    audit::append(tx, by, "store-described", name).await?;
    tally::upheaval(tx).await?;
    if before.described.region != described.region {
        // What was ordered there may not know the freezes of its new region.
        let update = concat!("UPDATE stores SET upheavals = ", upheavals!(), " WHERE id = $1");
        tx.execute(update, vec![text(name)]).await?;
    }
    known(tx, name).await
}
