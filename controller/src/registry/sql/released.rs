//! Members of a campaign that were released, each with its terminal.

use async_trait::async_trait;
use shared::id::{CampaignId, TerminalId};

use super::session::{Access, Database, Row, Transaction, int, text};
use super::{SqlRegistry, finish, read, transaction};
use crate::registry::RegistryError;
use crate::registry::page::Page;
use crate::registry::released::{Released, ReleasedRegistry};

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
    let select =
        "SELECT a.terminal, t.serial, t.store, t.model, t.presence, t.last_seen_at, a.wave,
             a.standing, a.ran, t.components
         FROM assignments a JOIN terminals t ON t.id = a.terminal
         WHERE a.campaign = $1 AND a.terminal > $2 ORDER BY a.terminal LIMIT $3";
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
        presence: row.code()?,
        last_seen_at: row.maybe_time()?,
        wave: row.number()?,
        standing: row.json("standing")?,
        ran: row.maybe_json("list of components")?,
        runs: row.maybe_json("list of components")?,
    })
}
