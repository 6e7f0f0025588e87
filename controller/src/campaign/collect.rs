//! Collecting what approvers sign: what they are asked, what they bring back, and what follows.

use shared::document::roster::RosterKey;
use shared::document::{Batch, Roster};
use shared::id::CampaignId;
use shared::limits::short_text;
use shared::signature::Envelope;

use super::approval::{self, Known, Standing};
use super::state::{CampaignEvent, CampaignState};
use super::{CampaignError, Campaigns};
use crate::auth::roster;
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::campaign::{Approval, Campaign, Issue, Purpose, SignedAnew, StoredBatch};

/// What people are asked to sign, and who has.
#[derive(Clone, Debug)]
pub struct Request {
    pub campaign: Campaign,
    pub batch: StoredBatch,
    /// What the batch says.
    pub document: Batch,
    /// Of the roster by which `standing` was found.
    pub roster: u64,
    pub standing: Standing,
    /// In the order in which they came.
    pub approvals: Vec<Approval>,
}

impl Campaigns {
    /// What approvers are asked to sign in this campaign, or were.
    pub async fn request(&self, id: CampaignId) -> Result<Request, CampaignError> {
        let campaign = self.known(id).await?;
        let asked = self.registry.batch(id, Purpose::Change, Issue::FIRST).await?;
        let batch = asked.ok_or(CampaignError::NothingToApprove(id))?;
        let roster = self.newest_roster().await?;
        let signed = batch.signed.as_slice();
        let unreadable = |_| unreadable(&batch);
        let document = Envelope::<Batch>::from_bytes(signed).map_err(unreadable)?.document;
        let standing =
            approval::standing(signed, self.signer.fleet(), &roster).map_err(unreadable)?;
        let approvals = self.registry.approvals(batch.digest).await?;
        // A newer roster may ask nobody for what still waits: it runs at the next look.
        let waits = campaign.state == CampaignState::AwaitingApproval;
        if !waits && standing.needed.approvers == 0 && approvals.is_empty() {
            return Err(CampaignError::NothingToApprove(id));
        }
        Ok(Request { campaign, batch, document, roster: roster.version, standing, approvals })
    }

    /// Takes the signatures on a copy of the batch. The campaign runs once everybody whose
    /// signature is needed has signed.
    pub async fn approve(
        &self,
        id: CampaignId,
        brought: &[u8],
        by: &By,
    ) -> Result<Campaign, CampaignError> {
        let campaign = self.known(id).await?;
        self.check_move(&campaign, CampaignEvent::Approve)?;
        let batch = self.asked(id).await?;
        let roster = self.newest_roster().await?;
        let known = Known { fleet: self.signer.fleet(), roster: &roster, now: by.at };
        let gathered = approval::gather(&batch, brought, known)?;
        let owners: Vec<_> = gathered.signers.iter().map(|key| key.owner.as_str()).collect();
        let by = &By { why: short_text(&format!("signed by {}", owners.join(", "))), ..by.clone() };
        let approvals = gathered.signers.into_iter().map(|key| imported(key, &roster, by));
        let anew = SignedAnew {
            approvals: approvals.collect(),
            signed: gathered.signed,
            is_approved: gathered.is_approved,
        };
        Ok(self.registry.sign_batch(&batch, &anew, by).await?)
    }

    /// Ends the campaign on an approver's word. Where it has begun, terminals are sent that word.
    pub async fn cancel(
        &self,
        id: CampaignId,
        brought: &[u8],
        by: &By,
    ) -> Result<Campaign, CampaignError> {
        let campaign = self.known(id).await?;
        self.check_move(&campaign, CampaignEvent::Cancel)?;
        let batch = self.asked(id).await?;
        let roster = self.newest_roster().await?;
        let known = Known { fleet: self.signer.fleet(), roster: &roster, now: by.at };
        let cancelled = approval::check_cancellation(&batch, brought, known)?;
        let owner = &cancelled.approver.owner;
        let why = match cancelled.reason.as_str() {
            "" => format!("cancelled by {owner}"),
            reason => format!("cancelled by {owner}: {reason}"),
        };
        let by = &By { why: short_text(&why), ..by.clone() };
        let approver = imported(cancelled.approver, &roster, by);
        let ended = self.registry.cancel_campaign(&campaign, &cancelled.batch, &approver, by);
        Ok(ended.await?)
    }

    async fn asked(&self, id: CampaignId) -> Result<StoredBatch, CampaignError> {
        let stored = self.registry.batch(id, Purpose::Change, Issue::FIRST).await?;
        stored.ok_or(CampaignError::NothingToApprove(id))
    }

    async fn newest_roster(&self) -> Result<Roster, CampaignError> {
        let newest = roster::newest(&*self.registry).await?;
        newest.ok_or(CampaignError::NoRoster)
    }
}

/// What is kept of a signature, once it was held against a roster.
fn imported(key: RosterKey, roster: &Roster, by: &By) -> Approval {
    Approval {
        key: key.id,
        owner: key.owner,
        roster: roster.version,
        imported_at: by.at,
        imported_by: by.who.clone(),
    }
}

fn unreadable(batch: &StoredBatch) -> RegistryError {
    RegistryError::Unreadable { what: "batch", value: batch.id.to_string() }
}
