//! Looks back on a campaign: pages through those that it was released to, and never through the
//! fleet.

use std::collections::BTreeSet;

use shared::change::Change;
use shared::id::{CampaignId, TerminalId};
use shared::time::UnixTime;

use super::report::{Gathering, Installed, Report, STRAGGLERS_MAX, Straggler};
use super::view::{self, Member};
use super::wave;
use crate::kind;
use crate::registry::audit::AuditEntry;
use crate::registry::campaign::{Campaign, CampaignTally, WaveStanding};
use crate::registry::page::{PAGE_ITEMS_MAX, Page};
use crate::registry::terminal::Presence;
use crate::registry::{Registry, RegistryError};

/// A campaign, and what has come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    pub campaign: Campaign,
    pub installed: Option<Installed>,
    pub tally: CampaignTally,
    pub waves: Vec<WaveStanding>,
    pub report: Report,
    /// Some of the members that were not released, in the order of their turn.
    pub held: Vec<Straggler>,
    pub held_count: u64,
    /// What was decided about it, the oldest first: the newest [`DECISIONS_MAX`].
    pub decisions: Vec<AuditEntry>,
}

/// Those before are in the audit log.
pub const DECISIONS_MAX: u32 = 100;

/// `None` of a campaign that there is not.
pub async fn review(
    registry: &dyn Registry,
    id: CampaignId,
    now: UnixTime,
) -> Result<Option<Review>, RegistryError> {
    let Some(campaign) = registry.campaign(id).await? else { return Ok(None) };
    let installed = installed(registry, &campaign.change).await?;
    let started_at = campaign.frozen.map_or(now, |frozen| frozen.started_at);
    let mut gathering = Gathering::of(installed.clone(), started_at, now);
    let mut released = BTreeSet::new();
    let mut page = Page::first(PAGE_ITEMS_MAX);
    loop {
        let members = registry.released(id, &page).await?;
        let Some(last) = members.last() else { break };
        page = Page::after(last.terminal, PAGE_ITEMS_MAX);
        members.iter().for_each(|it| gathering.add(it));
        released.extend(members.iter().map(|it| it.terminal));
    }
    let (held, held_count) = held(registry, &campaign, &released, now).await?;
    Ok(Some(Review {
        installed,
        tally: registry.campaign_tally(id).await?,
        waves: registry.waves(id).await?,
        report: gathering.report(),
        decisions: registry.audit_of_campaign(id, DECISIONS_MAX).await?,
        campaign,
        held,
        held_count,
    }))
}

/// What an upgrade installs.
pub async fn installed(
    registry: &dyn Registry,
    change: &Change,
) -> Result<Option<Installed>, RegistryError> {
    let Some(digest) = kind::release_of(change) else { return Ok(None) };
    let release = registry.release(digest).await?.map(|stored| stored.release);
    Ok(release.map(|it| Installed { artifact_bytes: it.artifact.size, component: it.component }))
}

/// Whose turn has not come, and why.
async fn held(
    registry: &dyn Registry,
    campaign: &Campaign,
    released: &BTreeSet<TerminalId>,
    now: UnixTime,
) -> Result<(Vec<Straggler>, u64), RegistryError> {
    if campaign.frozen.is_none() {
        return Ok((vec![], 0));
    }
    let mut left = registry.members(campaign.id).await?;
    left.retain(|id| !released.contains(id));
    let count = left.len() as u64;
    let mut next = wave::release_order(campaign.salt, &campaign.policy.canary, &left);
    next.truncate(STRAGGLERS_MAX);
    let members = view::of(registry, campaign, &next, now).await?;
    Ok((members.into_iter().map(straggler).collect(), count))
}

fn straggler(member: Member) -> Straggler {
    let Member { terminal, part } = member;
    Straggler {
        terminal: terminal.id,
        state: part.state(),
        why: part.why(),
        since: part.since(),
        offline_since: terminal.last_seen_at.filter(|_| terminal.presence == Presence::Offline),
        serial: terminal.serial,
        store: terminal.store,
        model: terminal.model,
    }
}
