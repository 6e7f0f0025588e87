//! What has succeeded is taken back: by a campaign of its own, for those who have.
//!
//! It is drafted when nobody is at the stopped campaign any more, and started in a step of its own;
//! its id is derived from what it takes back, so that a controller that is killed in between makes
//! it once. Where the roster asks approvers for such a change, it waits for them.

use std::sync::Arc;

use shared::digest::{Digest, Nonce};
use shared::document::order::Class;
use shared::id::{CampaignId, TerminalId};
use shared::time::UnixTime;
use tracing::info;

use super::policy::Policy;
use super::start;
use crate::delivery::Signer;
use crate::kind;
use crate::registry::audit::By;
use crate::registry::campaign::{Campaign, NewCampaign, Origin};
use crate::registry::{Registry, RegistryError};

/// In the audit log: nobody takes back what the campaign's own policy does.
const WHO: &str = "stop-policy";

/// The campaign that takes this one back to `to`, for the `number`th time.
pub(super) async fn draft(
    registry: &Arc<dyn Registry>,
    parent: &Campaign,
    to: Digest,
    number: usize,
    now: UnixTime,
) -> Result<(), RegistryError> {
    let Some(change) = kind::undo(&parent.change, to) else { return Ok(()) };
    let id = id(parent.id, number);
    let name = parent.name.as_ref().map(|name| format!("revert of {name}"));
    let policy = Policy {
        // What a shop had before is not kept from it because the new one has failed there.
        class: Some(parent.class().max(Class::Security)),
        store_at_once: parent.policy.store_at_once,
        fallback: parent.policy.fallback.clone(),
        ..Policy::PLAIN
    };
    let new = NewCampaign {
        id,
        name,
        change,
        selector: parent.selector.clone(),
        max_parallel: parent.max_parallel,
        policy,
        lifetime_s: parent.lifetime_s,
        salt: Nonce(*id.as_bytes()),
        origin: Origin::Reverts(parent.id),
    };
    let why = format!("{} was stopped", parent.id);
    registry.add_campaign(&new, &By { who: WHO.to_owned(), why, at: now }).await?;
    Ok(())
}

pub(super) async fn start(
    registry: &Arc<dyn Registry>,
    signer: &Signer,
    child: Campaign,
    members: Vec<TerminalId>,
    now: UnixTime,
) -> Result<(), RegistryError> {
    let (id, count) = (child.id, members.len());
    let by = By { who: WHO.to_owned(), why: "its terminals had succeeded".to_owned(), at: now };
    start::with_members(&**registry, signer, child, members, &by).await?;
    info!(campaign = %id, terminals = count, "what has succeeded is taken back");
    Ok(())
}

fn id(parent: CampaignId, number: usize) -> CampaignId {
    let digest = Digest::of(format!("tillward/1/revert/{parent}/{number}").as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&digest.0[..16]);
    CampaignId::from_bytes(id)
}
