//! Fixes the members of a campaign, cuts them into waves and signs for them.

use std::time::Duration;

use shared::floor;
use shared::id::TerminalId;
use shared::membership::Membership;

use super::paper::{self, BatchTerms};
use super::wave;
use crate::auth::roster;
use crate::delivery::Signer;
use crate::registry::audit::By;
use crate::registry::campaign::{AfterStart, Campaign, Issue, Purpose, Start};
use crate::registry::{Registry, RegistryError};

/// The campaign runs from here on by itself, once the approvers have signed too where the roster
/// asks for any. All of its canary list must be members.
pub(super) async fn with_members(
    registry: &dyn Registry,
    signer: &Signer,
    campaign: Campaign,
    members: Vec<TerminalId>,
    by: &By,
) -> Result<Campaign, RegistryError> {
    let id = campaign.id;
    let verb = campaign.change.verb();
    let newest = roster::newest(registry).await?;
    // How many terminals there are changes how many approvers, never whether there are any.
    let needed = newest.map_or_else(|| floor::floor(verb, 1), |it| it.requirement(verb, 1));
    let then = match needed.approvers {
        0 => AfterStart::Run,
        _ => AfterStart::AwaitApproval,
    };
    let cut = wave::cut(campaign.salt, &campaign.policy, &members);
    let waves = cut.map_err(|stranger| RegistryError::Missing {
        what: "member that is to go first",
        which: stranger.0.to_string(),
    })?;
    let tree = Membership::of(members.iter().copied());
    let not_after = by.at.plus(Duration::from_secs(campaign.lifetime_s));
    let terms = BatchTerms {
        campaign: id,
        purpose: Purpose::Change,
        issue: Issue::FIRST,
        change: campaign.change,
        not_before: campaign.policy.begins_at(by.at),
        not_after,
    };
    let batch = paper::batch(signer, terms, &tree);
    let start = Start { members, root: tree.root(), batch, not_after, then, waves };
    registry.start_campaign(id, &start, by).await
}
