//! Who the members of campaigns are: those of the start in one sorted list, which is as large as
//! the campaign, and those who joined later each by themselves.

use shared::digest::Digest;
use shared::id::{CampaignId, TerminalId};

use super::session::{Transaction, int, maybe_text, text, time};
use super::{audit, campaigns, waves};
use crate::campaign::state::CampaignState;
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::campaign::Campaign;
use crate::registry::page::Page;

type Result<T> = std::result::Result<T, RegistryError>;

/// Bytes of one id in a list of members.
const ID_BYTES: u64 = 16;

pub(super) async fn members(tx: &mut Transaction, id: CampaignId) -> Result<Vec<TerminalId>> {
    let mut members = founders(tx, id).await?;
    let joiners = joiners(tx, id).await?;
    if !joiners.is_empty() {
        members.extend(joiners);
        members.sort_unstable();
    }
    Ok(members)
}

pub(super) async fn joiners(tx: &mut Transaction, id: CampaignId) -> Result<Vec<TerminalId>> {
    let select = "SELECT terminal FROM campaign_joiners WHERE campaign = $1 ORDER BY terminal";
    let rows = tx.rows(select, vec![text(id)]).await?;
    rows.into_iter().map(|mut row| row.parsed("terminal")).collect()
}

/// The members of the start.
async fn founders(tx: &mut Transaction, id: CampaignId) -> Result<Vec<TerminalId>> {
    let missing = || RegistryError::Missing { what: "started campaign", which: id.to_string() };
    let select = "SELECT digest, ids FROM memberships WHERE campaign = $1";
    let mut row = tx.row(select, vec![text(id)]).await?.ok_or_else(missing)?;
    let (digest, ids): (Digest, _) = (row.parsed("digest")?, row.bytes()?);
    let (members, rest) = ids.as_chunks::<16>();
    if Digest::of(&ids) != digest || !rest.is_empty() {
        let value = format!("{} bytes of {id}", ids.len());
        return Err(RegistryError::Unreadable { what: "list of members", value });
    }
    Ok(members.iter().map(|id| TerminalId::from_bytes(*id)).collect())
}

pub(super) async fn page(
    tx: &mut Transaction,
    id: CampaignId,
    page: &Page<TerminalId>,
) -> Result<Vec<TerminalId>> {
    let mut members = founders_page(tx, id, page).await?;
    let select = "SELECT terminal FROM campaign_joiners
         WHERE campaign = $1 AND ($2 IS NULL OR terminal > $2) ORDER BY terminal LIMIT $3";
    let values = vec![text(id), maybe_text(page.after), int(page.items())];
    let joiners = tx.rows(select, values).await?;
    if !joiners.is_empty() {
        for mut row in joiners {
            members.push(row.parsed("terminal")?);
        }
        members.sort_unstable();
        members.truncate(page.items() as usize);
    }
    Ok(members)
}

/// A part of the list, by bisecting it: it is sorted, and as large as the campaign.
async fn founders_page(
    tx: &mut Transaction,
    id: CampaignId,
    page: &Page<TerminalId>,
) -> Result<Vec<TerminalId>> {
    let missing = || RegistryError::Missing { what: "started campaign", which: id.to_string() };
    let length = "SELECT CAST(length(ids) AS BIGINT) FROM memberships WHERE campaign = $1";
    let mut row = tx.row(length, vec![text(id)]).await?.ok_or_else(missing)?;
    let count = row.number::<u64>()? / ID_BYTES;
    if count == 0 {
        // Of nothing there is no part: it can begin with nobody.
        return Ok(vec![]);
    }
    let (mut low, mut high) = (0, if page.after.is_some() { count } else { 0 });
    while low < high {
        let middle = low + (high - low) / 2;
        match slice(tx, id, middle, 1).await?.first() {
            Some(found) if Some(*found) <= page.after => low = middle + 1,
            Some(_) | None => high = middle,
        }
    }
    slice(tx, id, low, u64::from(page.items())).await
}

async fn slice(
    tx: &mut Transaction,
    campaign: CampaignId,
    from: u64,
    count: u64,
) -> Result<Vec<TerminalId>> {
    // A number is sent as a large one, and `substr` takes none.
    let select = "SELECT substr(ids, CAST(CAST($2 AS BIGINT) AS INTEGER),
             CAST(CAST($3 AS BIGINT) AS INTEGER))
         FROM memberships WHERE campaign = $1";
    let values = vec![text(campaign), int(from * ID_BYTES + 1), int(count * ID_BYTES)];
    let Some(mut row) = tx.row(select, values).await? else { return Ok(vec![]) };
    let bytes = row.bytes()?;
    let (ids, _) = bytes.as_chunks::<16>();
    Ok(ids.iter().map(|id| TerminalId::from_bytes(*id)).collect())
}

/// Takes these in, each with its wave, unless it is too late. Gives how many had not joined before.
pub(super) async fn join(
    tx: &mut Transaction,
    seen: &Campaign,
    joiners: &[(TerminalId, u16)],
    by: &By,
) -> Result<u64> {
    let id = seen.id;
    let found = campaigns::known(tx, id).await?.state;
    if found != CampaignState::Running {
        let expected = CampaignState::Running;
        return Err(RegistryError::CampaignMoved { campaign: id, expected, found });
    }
    let mut joined = 0_u64;
    for (terminal, wave) in joiners {
        let insert = "INSERT INTO campaign_joiners (campaign, terminal, joined_at)
             VALUES ($1, $2, $3) ON CONFLICT (campaign, terminal) DO NOTHING";
        let values = vec![text(id), text(terminal), time(by.at)];
        if tx.execute(insert, values).await? > 0 {
            waves::grow(tx, id, *wave).await?;
            joined += 1;
        }
    }
    if joined > 0 {
        let update = "UPDATE campaigns SET members = members + $2, joined = joined + $2
             WHERE id = $1";
        tx.execute(update, vec![text(id), int(joined)]).await?;
        audit::append(tx, by, "terminals-joined", format!("{id} {joined}")).await?;
    }
    Ok(joined)
}
