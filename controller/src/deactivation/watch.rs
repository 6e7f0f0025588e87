//! Raises an alarm for each terminal that may not stop when it should, and ends it when that is
//! behind it. Only suspensions that are not over are looked at, and of those only what is late.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use shared::change::Change;
use shared::id::TerminalId;
use shared::time::UnixTime;
use tracing::warn;

use super::risk::{Suspension, is_to_be_armed};
use crate::background::Progress;
use crate::campaign::assignment::AssignmentState;
use crate::campaign::state::CampaignState;
use crate::registry::campaign::Campaign;
use crate::registry::delivery::{Alarm, AlarmKind};
use crate::registry::page::PAGE_ITEMS_MAX;
use crate::registry::{Registry, RegistryError};

/// The reconciler.
#[derive(Debug)]
pub struct WatchStops {
    registry: Arc<dyn Registry>,
}

impl WatchStops {
    pub fn new(registry: Arc<dyn Registry>) -> Self {
        Self { registry }
    }

    pub async fn step(&self, now: UnixTime) -> Result<Progress, RegistryError> {
        look(&*self.registry, now).await?;
        Ok(Progress::Settled)
    }
}

/// Looks at every suspension that is not over.
pub async fn look(registry: &dyn Registry, now: UnixTime) -> Result<(), RegistryError> {
    let mut open = Vec::new();
    for campaign in registry.campaigns_in_motion().await? {
        let Some(suspension) = suspension(&campaign) else { continue };
        open.push(campaign.id);
        if now > suspension.first_deadline() {
            let late = late(registry, &campaign, &suspension, now).await?;
            let raised = registry.put_at_risk(campaign.id, &late, now).await?;
            if raised > 0 {
                warn!(campaign = %campaign.id, raised, "terminals may not stop in time");
            }
        }
    }
    registry.look_at_quarantines(now).await?;
    registry.end_at_risk_except(&open, now).await
}

/// Who may not stop in time by this campaign; nobody where it is over, or no suspension.
pub async fn at_risk(
    registry: &dyn Registry,
    campaign: &Campaign,
    now: UnixTime,
) -> Result<BTreeSet<TerminalId>, RegistryError> {
    match suspension(campaign).filter(|it| now > it.first_deadline()) {
        Some(suspension) => {
            let late = late(registry, campaign, &suspension, now).await?;
            Ok(late.into_iter().map(|alarm| alarm.terminal).collect())
        }
        None => Ok(BTreeSet::new()),
    }
}

/// What people took back is over, however many terminals still have to hear of it.
fn suspension(campaign: &Campaign) -> Option<Suspension> {
    match campaign.state {
        CampaignState::AwaitingApproval | CampaignState::Running | CampaignState::Paused => {}
        CampaignState::Draft | CampaignState::Completed | CampaignState::Aborted => return None,
    }
    match &campaign.change {
        Change::Suspend(suspend) => {
            Some(Suspension { cut_off: suspend.cut_off, asked_at: campaign.created_at })
        }
        Change::Ping(_)
        | Change::Backup(_)
        | Change::Drill(_)
        | Change::Upgrade(_)
        | Change::Restore(_)
        | Change::Rebind(_)
        | Change::Resume(_)
        | Change::Decommission(_)
        | Change::Cancel(_) => None,
    }
}

async fn late(
    registry: &dyn Registry,
    campaign: &Campaign,
    suspension: &Suspension,
    now: UnixTime,
) -> Result<Vec<Alarm>, RegistryError> {
    let mut alarms = Vec::new();
    for ids in registry.members(campaign.id).await?.chunks(PAGE_ITEMS_MAX as usize) {
        let states = states(registry, campaign, ids).await?;
        let state = |id: &TerminalId| states.get(id).copied();
        let open: Vec<_> = ids.iter().copied().filter(|id| is_to_be_armed(state(id))).collect();
        for facts in registry.service_facts(&open).await? {
            let late = suspension.late(&facts, state(&facts.terminal), now);
            if !late.is_empty() {
                alarms.push(Alarm {
                    terminal: facts.terminal,
                    kind: AlarmKind::SuspensionAtRisk,
                    subject: campaign.id.to_string(),
                    detail: suspension.words(&facts, &late),
                    at: now,
                    ended_at: None,
                });
            }
        }
    }
    Ok(alarms)
}

/// Of those that were released.
async fn states(
    registry: &dyn Registry,
    campaign: &Campaign,
    ids: &[TerminalId],
) -> Result<BTreeMap<TerminalId, AssignmentState>, RegistryError> {
    let assignments = registry.assignments_of(campaign.id, ids).await?;
    Ok(assignments.into_iter().map(|it| (it.terminal, it.standing.state())).collect())
}
