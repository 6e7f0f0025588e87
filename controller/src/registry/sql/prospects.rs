//! Terminals for whoever plans for a whole fleet.
//!
//! What is kept beside a terminal (who finds it suspicious, what it works on, with whom it settles)
//! is looked up once for each page by what there is of it, not once for each terminal.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::Deserialize;
use shared::id::{CampaignId, TerminalId};
use shared::limits::short_text;
use shared::time::UnixTime;

use super::code::{self, Code};
use super::quarantine::terminal_is_quarantined;
use super::session::{
    Access, Database, Row, Sql, Transaction, flag, int, list, maybe_text, text, with_id_list,
};
use super::{SqlRegistry, finish, positions, read, transaction};
use crate::registry::RegistryError;
use crate::registry::page::{PAGE_ITEMS_MAX, Page};
use crate::registry::prospect::{Ask, PROSPECTS_MAX, Prospect, ProspectRegistry};

type Result<T> = std::result::Result<T, RegistryError>;

#[async_trait]
impl<D: Database> ProspectRegistry for SqlRegistry<D> {
    async fn prospects(&self, ask: &Ask, page: &Page<TerminalId>) -> Result<Vec<Prospect>> {
        read!(self, "look over terminals", tx => prospects(tx, ask, page))
    }
}

/// A page in one value, an array of [`Packed`]: row by row and value by value, ten thousand
/// terminals would cost more on their way from a database to here than all else that is done with
/// them. `$7` is whatever the statement is keyed by, so that it can be looked up by an index.
macro_rules! select_prospects {
    ($array:literal, $keyed:literal) => {
        concat!(
            "SELECT '[' || string_agg(packed, ',' ORDER BY id) || ']' FROM (
                 SELECT id, CAST(",
            $array,
            "(id, serial, model, store, lane, zone, COALESCE(said_zone, zone), unit, service,
                     presence, last_seen_at, certificate_expires_at, agent_version,
                     CASE WHEN $3 = 1 THEN labels END, CASE WHEN $4 = 1 THEN components END,
                     disk_free_bytes, CASE WHEN battery_percent < battery_floor_percent
                         AND battery_is_powered = 0 THEN 1 ELSE 0 END)
                     AS TEXT) AS packed
                 FROM terminals
                 WHERE ",
            $keyed,
            "id > $1 AND ($5 IS NULL OR model = $5) AND ($6 IS NULL OR zone = $6)
                 ORDER BY id LIMIT $2) AS page"
        )
    };
}

macro_rules! prospects_keyed {
    ($keyed:literal) => {
        prospects_keyed!($keyed, $keyed)
    };
    ($sqlite:literal, $postgres:literal) => {
        Sql {
            sqlite: select_prospects!("json_array", $sqlite),
            postgres: select_prospects!("json_build_array", $postgres),
        }
    };
}

const ALL: Sql = prospects_keyed!("");
const BY_ID: Sql = prospects_keyed!("id = $7 AND ");
const BY_SERIAL: Sql = prospects_keyed!("serial = $7 AND ");
const BY_STORE: Sql = prospects_keyed!("store = $7 AND ");
const AMONG: Sql = prospects_keyed!(
    "id IN (SELECT value FROM json_each($7)) AND ",
    "id IN (SELECT json_array_elements_text(CAST($7 AS json))) AND "
);

async fn prospects(
    tx: &mut Transaction,
    ask: &Ask,
    page: &Page<TerminalId>,
) -> Result<Vec<Prospect>> {
    let mut values = vec![
        text(page.after.map(|id| id.to_string()).unwrap_or_default()),
        int(page.limit.clamp(1, PROSPECTS_MAX)),
        flag(ask.labels),
        flag(ask.components),
        maybe_text(ask.model.as_ref()),
        maybe_text(ask.zone.as_ref()),
    ];
    let (select, key) = match (&ask.among, &ask.id, &ask.serial, &ask.store) {
        (Some(ids), ..) => (AMONG, Some(list(ids))),
        (None, Some(id), ..) => (BY_ID, Some(text(id))),
        (None, None, Some(serial), _) => (BY_SERIAL, Some(text(serial))),
        (None, None, None, Some(store)) => (BY_STORE, Some(text(store))),
        (None, None, None, None) => (ALL, None),
    };
    values.extend(key);
    let packed = match tx.row(select, values).await? {
        Some(mut row) => row.maybe_text()?.unwrap_or_else(|| "[]".to_owned()),
        None => "[]".to_owned(),
    };
    let mut found = unpacked(&packed)?;
    let (Some(first), Some(last)) = (found.first(), found.last()) else { return Ok(found) };
    let range = (first.id, last.id);
    let beside = Beside::of(tx, ask, range).await?;
    found.iter_mut().for_each(|it| beside.add_to(it));
    if ask.regions {
        add_regions(tx, &mut found).await?;
    }
    if ask.providers {
        add_providers(tx, &mut found).await?;
    }
    Ok(found)
}

/// One terminal, as its array has it: the columns in their order.
#[derive(Deserialize)]
struct Packed<'a> {
    id: &'a str,
    serial: String,
    model: String,
    store: String,
    lane: Option<String>,
    zone: String,
    opens_in: String,
    unit: &'a str,
    service: &'a str,
    presence: &'a str,
    last_seen_at: Option<i64>,
    certificate_expires_at: Option<i64>,
    agent_version: Option<String>,
    labels: Option<String>,
    components: Option<String>,
    disk_free_bytes: Option<u64>,
    battery_is_low: u8,
}

fn unpacked(page: &str) -> Result<Vec<Prospect>> {
    let packed: Vec<Packed<'_>> = read_json("page of terminals", page)?;
    packed.into_iter().map(prospect).collect()
}

fn prospect(it: Packed<'_>) -> Result<Prospect> {
    let unreadable = |_| unreadable("terminal", it.id);
    Ok(Prospect {
        id: it.id.parse().map_err(unreadable)?,
        serial: it.serial,
        model: it.model,
        store: it.store,
        region: None,
        lane: it.lane,
        zone: it.zone,
        opens_in: it.opens_in,
        unit: read_code(it.unit)?,
        service: read_code(it.service)?,
        presence: read_code(it.presence)?,
        last_seen_at: it.last_seen_at.map(UnixTime),
        certificate_expires_at: it.certificate_expires_at.map(UnixTime),
        agent_version: it.agent_version,
        labels: it.labels.map(|text| read_json("set of labels", &text)).transpose()?,
        components: it.components.map(|text| read_json("list of components", &text)).transpose()?,
        disk_free_bytes: it.disk_free_bytes,
        battery_is_low: it.battery_is_low == 1,
        is_frozen: false,
        is_quarantined: false,
        providers: vec![],
        busy_with: None,
    })
}

fn read_json<'a, T: Deserialize<'a>>(what: &'static str, text: &'a str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| unreadable(what, text))
}

fn read_code<T: Code>(text: &str) -> Result<T> {
    code::read(text).ok_or_else(|| unreadable(T::WHAT, text))
}

fn unreadable(what: &'static str, text: &str) -> RegistryError {
    RegistryError::Unreadable { what, value: short_text(text) }
}

/// What is kept beside the terminals of a page.
struct Beside {
    frozen_stores: BTreeSet<String>,
    /// For their own sake, or their merchant's.
    frozen: BTreeSet<TerminalId>,
    quarantined: BTreeSet<TerminalId>,
    busy: BTreeMap<TerminalId, CampaignId>,
}

impl Beside {
    async fn of(tx: &mut Transaction, ask: &Ask, range: (TerminalId, TerminalId)) -> Result<Self> {
        let between = || vec![text(range.0), text(range.1)];
        let stores = "SELECT subject FROM suspicions WHERE lifted_at IS NULL AND scope = 'store'";
        let frozen = "SELECT subject FROM suspicions
             WHERE lifted_at IS NULL AND scope = 'terminal' AND subject BETWEEN $1 AND $2
             UNION SELECT terminal FROM positions
             WHERE terminal BETWEEN $1 AND $2 AND merchant IN (
                 SELECT subject FROM suspicions WHERE lifted_at IS NULL AND scope = 'merchant')";
        let quarantined = concat!(
            "SELECT id FROM terminals WHERE id IN (
                 SELECT m.terminal FROM deactivation_members m
                 JOIN deactivations d ON d.campaign = m.campaign AND d.is_lost = 1
                 WHERE m.terminal BETWEEN $1 AND $2
                 UNION SELECT old_terminal FROM replacements
                 WHERE old_terminal BETWEEN $1 AND $2) AND ",
            terminal_is_quarantined!()
        );
        let stores = tx.rows(stores, vec![]).await?.into_iter();
        Ok(Self {
            frozen_stores: stores.map(|mut row| row.text()).collect::<Result<_>>()?,
            frozen: ids(tx.rows(frozen, between()).await?)?,
            quarantined: ids(tx.rows(quarantined, between()).await?)?,
            busy: if ask.busy { busy(tx, range).await? } else { BTreeMap::new() },
        })
    }

    fn add_to(&self, it: &mut Prospect) {
        it.is_frozen = self.frozen.contains(&it.id) || self.frozen_stores.contains(&it.store);
        it.is_quarantined = self.quarantined.contains(&it.id);
        it.busy_with = self.busy.get(&it.id).copied();
    }
}

fn ids(rows: Vec<Row>) -> Result<BTreeSet<TerminalId>> {
    rows.into_iter().map(|mut row| row.parsed("terminal")).collect()
}

async fn busy(
    tx: &mut Transaction,
    (first, last): (TerminalId, TerminalId),
) -> Result<BTreeMap<TerminalId, CampaignId>> {
    // Ascending, so that of several the newest one stays.
    let select = "SELECT terminal, campaign FROM assignments
         WHERE ended = 0 AND terminal BETWEEN $1 AND $2 ORDER BY terminal, campaign";
    let rows = tx.rows(select, vec![text(first), text(last)]).await?;
    rows.into_iter().map(|mut row| Ok((row.parsed("terminal")?, row.parsed("campaign")?))).collect()
}

async fn add_regions(tx: &mut Transaction, to: &mut [Prospect]) -> Result<()> {
    let stores: BTreeSet<_> = to.iter().map(|it| it.store.as_str()).collect();
    let select =
        with_id_list!("SELECT id, region FROM stores WHERE region IS NOT NULL AND id IN ", "");
    let rows = tx.rows(select, vec![list(stores)]).await?.into_iter();
    let region = |mut row: Row| Ok((row.text()?, row.text()?));
    let regions: BTreeMap<String, String> = rows.map(region).collect::<Result<_>>()?;
    for it in to {
        it.region = regions.get(&it.store).cloned();
    }
    Ok(())
}

async fn add_providers(tx: &mut Transaction, to: &mut [Prospect]) -> Result<()> {
    for some in to.chunks_mut(PAGE_ITEMS_MAX as usize) {
        let ids: Vec<_> = some.iter().map(|it| it.id).collect();
        let mut settling = BTreeMap::<_, Vec<_>>::new();
        for (terminal, provider) in positions::providers_of(tx, &ids).await? {
            settling.entry(terminal).or_default().push(provider);
        }
        for it in some {
            it.providers = settling.remove(&it.id).unwrap_or_default();
        }
    }
    Ok(())
}
