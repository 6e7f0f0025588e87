//! Members of a campaign that were released, each with its terminal.

use async_trait::async_trait;
use shared::id::{CampaignId, TerminalId};

use super::session::{Access, Database, Row, Transaction, int, text};
use super::terminals::{battery_is_low, till_health};
use super::{SqlRegistry, finish, read, transaction};
use crate::registry::RegistryError;
use crate::registry::page::Page;
use crate::registry::released::{Condition, Released, ReleasedRegistry};
use crate::registry::terminal::Presence;

type Result<T> = std::result::Result<T, RegistryError>;

#[async_trait]
impl<D: Database> ReleasedRegistry for SqlRegistry<D> {
    async fn released(
        &self,
        campaign: CampaignId,
        page: &Page<TerminalId>,
    ) -> Result<Vec<Released>> {
        read!(self, "list who was released", tx => released(tx, campaign, page))
    }
}

async fn released(
    tx: &mut Transaction,
    campaign: CampaignId,
    page: &Page<TerminalId>,
) -> Result<Vec<Released>> {
    let select = concat!(
        "SELECT a.terminal, t.serial, t.store, t.model, t.last_seen_at, a.wave, a.standing, a.ran,
             t.components, a.was_presence, a.was_told_at, a.was_disk_free_bytes,
             a.was_battery_low, a.was_till_answers, a.was_till_restarts, t.presence,
             t.telemetry_at, t.disk_free_bytes, ",
        battery_is_low!(),
        ", t.till_answers, t.till_restarts
         FROM assignments a JOIN terminals t ON t.id = a.terminal
         WHERE a.campaign = $1 AND a.terminal > $2 ORDER BY a.terminal LIMIT $3"
    );
    let after = page.after.map(|id| id.to_string()).unwrap_or_default();
    let rows = tx.rows(select, vec![text(campaign), text(after), int(page.items())]).await?;
    rows.into_iter().map(one).collect()
}

fn one(mut row: Row) -> Result<Released> {
    Ok(Released {
        terminal: row.parsed("terminal")?,
        serial: row.text()?,
        store: row.text()?,
        model: row.text()?,
        last_seen_at: row.maybe_time()?,
        wave: row.number()?,
        standing: row.json("standing")?,
        ran: row.maybe_json("list of components")?,
        runs: row.maybe_json("list of components")?,
        was: was(&mut row)?,
        is: condition(row.code()?, &mut row)?,
    })
}

/// Its columns are all read, also where there is nothing.
fn was(row: &mut Row) -> Result<Option<Condition>> {
    let presence = row.maybe_code()?;
    let was = condition(presence.unwrap_or(Presence::NeverSeen), row)?;
    Ok(presence.map(|_| was))
}

fn condition(presence: Presence, row: &mut Row) -> Result<Condition> {
    Ok(Condition {
        presence,
        told_at: row.maybe_time()?,
        disk_free_bytes: row.maybe_int()?.and_then(|bytes| u64::try_from(bytes).ok()),
        battery_is_low: row.maybe_int()?.map(|flag| flag != 0),
        till: till_health(row)?,
    })
}
