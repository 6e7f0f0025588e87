//! Whose signatures people added to batches.

use shared::digest::Digest;

use super::session::{Row, Transaction, bytes, int, text, time};
use super::{audit, campaigns};
use crate::campaign::state::{CampaignEvent, CampaignState};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::campaign::{Approval, Campaign, SignedAnew, StoredBatch};

type Result<T> = std::result::Result<T, RegistryError>;

fn approval(mut row: Row) -> Result<Approval> {
    Ok(Approval {
        key: row.parsed("key")?,
        owner: row.text()?,
        roster: row.number()?,
        imported_at: row.time()?,
        imported_by: row.text()?,
    })
}

pub(super) async fn of(tx: &mut Transaction, batch: Digest) -> Result<Vec<Approval>> {
    let select = "SELECT key_id, owner, roster, imported_at, imported_by FROM approvals
         WHERE batch = $1 ORDER BY imported_at, owner, key_id";
    tx.rows(select, vec![text(batch)]).await?.into_iter().map(approval).collect()
}

async fn put(tx: &mut Transaction, batch: Digest, approval: &Approval) -> Result<()> {
    let insert = "INSERT INTO approvals (batch, key_id, owner, roster, imported_at, imported_by)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (batch, key_id) DO UPDATE
         SET owner = $3, roster = $4, imported_at = $5, imported_by = $6";
    let Approval { key, owner, roster, imported_at, imported_by } = approval;
    let values = vec![
        text(batch),
        text(key),
        text(owner),
        int(*roster),
        time(*imported_at),
        text(imported_by),
    ];
    tx.execute(insert, values).await?;
    Ok(())
}

pub(super) async fn add(
    tx: &mut Transaction,
    seen: &StoredBatch,
    anew: &SignedAnew,
    by: &By,
) -> Result<Campaign> {
    let (id, expected) = (seen.campaign, CampaignState::AwaitingApproval);
    let found = campaigns::known(tx, id).await?.state;
    if found != expected {
        return Err(RegistryError::CampaignMoved { campaign: id, expected, found });
    }
    let update = "UPDATE batches SET signed = $3 WHERE digest = $1 AND signed = $2";
    let values =
        vec![text(seen.digest), bytes(seen.signed.as_slice()), bytes(anew.signed.as_slice())];
    if tx.execute(update, values).await? == 0 {
        return Err(RegistryError::SignedMeanwhile { campaign: id });
    }
    for approval in &anew.approvals {
        put(tx, seen.digest, approval).await?;
        let why =
            format!("{}, by key {} of roster {}", approval.owner, approval.key, approval.roster);
        audit::append(tx, &By { why, ..by.clone() }, "approval-signed", id).await?;
    }
    match anew.is_approved {
        true => campaigns::move_on(tx, id, expected, CampaignEvent::Approve, by).await,
        false => campaigns::known(tx, id).await,
    }
}

pub(super) async fn cancel(
    tx: &mut Transaction,
    seen: &Campaign,
    cancellation: &StoredBatch,
    approver: &Approval,
    by: &By,
) -> Result<Campaign> {
    campaigns::move_on(tx, seen.id, seen.state, CampaignEvent::Cancel, by).await?;
    campaigns::put_batch(tx, cancellation).await?;
    put(tx, cancellation.digest, approver).await?;
    campaigns::known(tx, seen.id).await
}
