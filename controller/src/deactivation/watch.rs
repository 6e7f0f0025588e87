//! Raises an alarm for each terminal that may not stop when it should, that has stopped and cannot
//! end, or that owes for too long, and for each case that is behind its time; ends it when that is
//! mended. Only what is not over is looked at, and whom a completed suspension has not stopped.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use shared::change::Change;
use shared::id::TerminalId;
use shared::time::UnixTime;
use tracing::warn;

use super::notice::{self, StopKind};
use super::overdue;
use super::risk::{Late, Suspension};
use crate::background::Progress;
use crate::campaign::assignment::Standing;
use crate::campaign::state::CampaignState;
use crate::campaign::view;
use crate::registry::campaign::Campaign;
use crate::registry::delivery::{Alarm, AlarmKind, AnyAlarm};
use crate::registry::notice::NoticeAbout;
use crate::registry::page::{PAGE_ITEMS_MAX, Page};
use crate::registry::{Registry, RegistryError};
use crate::request::Request;

/// What is raised here, and nowhere else.
pub const KINDS: [AlarmKind; 5] = [
    AlarmKind::SuspensionAtRisk,
    AlarmKind::SuspensionStuck,
    AlarmKind::SettlementOverdue,
    AlarmKind::StopLate,
    AlarmKind::DepositOverdue,
];

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

/// Looks at everything that stops or has stopped, and is not over.
pub async fn look(registry: &dyn Registry, now: UnixTime) -> Result<(), RegistryError> {
    let mut alarms = of_suspensions(registry, now).await?;
    alarms.extend(of_settlements(registry, now).await?);
    alarms.extend(of_cases(registry, now).await?);
    let raised = registry.put_alarms_of_stops(&alarms, now).await?;
    registry.look_at_quarantines(now).await?;
    if raised > 0 {
        warn!(raised, "what is to stop is late, or what has stopped cannot end");
    }
    Ok(())
}

/// A suspension that is to be looked at, and whom it has still to stop.
type ToStop = (Campaign, Suspension, Vec<TerminalId>);

/// Suspensions that are not over, with all their members, and those that are completed, with whom
/// they have not stopped; the newest first.
async fn suspensions(registry: &dyn Registry) -> Result<Vec<ToStop>, RegistryError> {
    let mut found = Vec::new();
    for campaign in registry.campaigns_in_motion().await? {
        if let Some(suspension) = suspension(&campaign) {
            let members = registry.members(campaign.id).await?;
            found.push((campaign, suspension, members));
        }
    }
    let mut left = BTreeMap::<_, Vec<_>>::new();
    for (campaign, terminal) in registry.unstopped().await? {
        left.entry(campaign).or_default().push(terminal);
    }
    for (id, members) in left {
        let Some(campaign) = registry.campaign(id).await? else { continue };
        if let Some(suspension) = suspension(&campaign) {
            found.push((campaign, suspension, members));
        }
    }
    found.sort_by_key(|(it, ..)| Reverse((it.created_at, it.id)));
    Ok(found)
}

async fn of_suspensions(
    registry: &dyn Registry,
    now: UnixTime,
) -> Result<Vec<AnyAlarm>, RegistryError> {
    let mut newer = BTreeSet::new();
    let mut alarms = BTreeMap::new();
    for (campaign, suspension, members) in suspensions(registry).await? {
        if now > suspension.first_deadline() {
            for it in late(registry, &campaign, &suspension, &members, now).await? {
                // By which of two it is to stop, the newer says.
                let is_theirs = it.kind == AlarmKind::SuspensionAtRisk && is_in(&newer, &it);
                if !is_theirs {
                    alarms.entry((it.kind, it.terminal)).or_insert(it);
                }
            }
        }
        newer.extend(members);
    }
    Ok(alarms.into_values().collect())
}

fn is_in(ids: &BTreeSet<TerminalId>, alarm: &AnyAlarm) -> bool {
    alarm.terminal.is_some_and(|terminal| ids.contains(&terminal))
}

/// Terminals that were allowed to settle later, and have not.
async fn of_settlements(
    registry: &dyn Registry,
    now: UnixTime,
) -> Result<Vec<AnyAlarm>, RegistryError> {
    let owing = registry.owing().await?;
    let late = owing.into_iter().filter_map(|(terminal, order, owing)| {
        let detail = overdue::settlement(&owing, now)?;
        let subject = order.to_string();
        Some(alarm(Some(terminal), AlarmKind::SettlementOverdue, subject, detail, now))
    });
    Ok(late.collect())
}

/// Requests that stop terminals, and are neither closed nor taken back.
async fn of_cases(registry: &dyn Registry, now: UnixTime) -> Result<Vec<AnyAlarm>, RegistryError> {
    let mut alarms = Vec::new();
    let mut page = Page::first(PAGE_ITEMS_MAX);
    loop {
        let requests = registry.open_stops(&page).await?;
        let Some(last) = requests.last() else { return Ok(alarms) };
        page = Page::after(last.id, PAGE_ITEMS_MAX);
        for request in &requests {
            alarms.extend(of_case(registry, request, now).await?);
        }
    }
}

async fn of_case(
    registry: &dyn Registry,
    request: &Request,
    now: UnixTime,
) -> Result<Vec<AnyAlarm>, RegistryError> {
    let (id, Some(kind)) = (request.id, StopKind::of(request.kind)) else { return Ok(vec![]) };
    let announced = registry.announcement(id).await?;
    let cut_off = announced.as_ref().map(|it| it.cut_off);
    let behind = match announced {
        Some(announced) => {
            let notices = registry.notices(NoticeAbout::Stop(id)).await?;
            let standings =
                notice::standings(kind, announced.cut_off, Some(&announced), &notices, now);
            let items = registry.stop_items(id).await?;
            overdue::stop(request, &announced, &standings, &items, now)
        }
        None => None,
    };
    let deposit = overdue::deposit(&registry.ledger(id).await?, cut_off, now);
    let alarm = |kind, detail| alarm(None, kind, id.to_string(), detail, now);
    let behind = behind.map(|it| alarm(AlarmKind::StopLate, it));
    let deposit = deposit.map(|it| alarm(AlarmKind::DepositOverdue, it));
    Ok(behind.into_iter().chain(deposit).collect())
}

fn alarm(
    terminal: Option<TerminalId>,
    kind: AlarmKind,
    subject: String,
    detail: String,
    now: UnixTime,
) -> AnyAlarm {
    Alarm { terminal, kind, subject, detail, at: now, ended_at: None }
}

/// Who may not stop in time by this campaign; nobody where people took it back, or it is no
/// suspension.
pub async fn at_risk(
    registry: &dyn Registry,
    campaign: &Campaign,
    now: UnixTime,
) -> Result<BTreeSet<TerminalId>, RegistryError> {
    let Some(suspension) = suspension(campaign).filter(|it| now > it.first_deadline()) else {
        return Ok(BTreeSet::new());
    };
    let (mut newer, mut members) = (BTreeSet::new(), Vec::new());
    for (it, _, theirs) in suspensions(registry).await? {
        if it.id == campaign.id {
            members = theirs;
            break;
        }
        newer.extend(theirs);
    }
    members.retain(|id| !newer.contains(id));
    let late = late(registry, campaign, &suspension, &members, now).await?;
    let at_risk = late.into_iter().filter(|alarm| alarm.kind == AlarmKind::SuspensionAtRisk);
    Ok(at_risk.filter_map(|alarm| alarm.terminal).collect())
}

/// What people took back is over, however many terminals still have to hear of it.
fn suspension(campaign: &Campaign) -> Option<Suspension> {
    match campaign.state {
        CampaignState::AwaitingApproval
        | CampaignState::Running
        | CampaignState::Paused
        | CampaignState::Halted
        | CampaignState::Completed => {}
        CampaignState::Draft | CampaignState::Aborted => return None,
    }
    match &campaign.change {
        Change::Suspend(suspend) => Some(Suspension {
            cut_off: suspend.cut_off,
            asked_at: campaign.created_at,
            is_given_up: suspend.is_given_up,
        }),
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
    members: &[TerminalId],
    now: UnixTime,
) -> Result<Vec<AnyAlarm>, RegistryError> {
    let mut alarms = Vec::new();
    for ids in members.chunks(PAGE_ITEMS_MAX as usize) {
        let standings = standings(registry, campaign, ids).await?;
        for facts in registry.service_facts(ids).await? {
            let standing = standings.get(&facts.terminal);
            let late = suspension.late(&facts, standing, now);
            let kind = match late.first() {
                None => continue,
                Some(Late::Stopped) => AlarmKind::SuspensionStuck,
                Some(Late::Cleared | Late::Armed) => AlarmKind::SuspensionAtRisk,
            };
            let says = standing.and_then(view::why).map(|why| why.detail);
            let detail = suspension.words(&facts, &late, says.as_deref());
            let subject = campaign.id.to_string();
            alarms.push(alarm(Some(facts.terminal), kind, subject, detail, now));
        }
    }
    Ok(alarms)
}

/// Of those that were released.
async fn standings(
    registry: &dyn Registry,
    campaign: &Campaign,
    ids: &[TerminalId],
) -> Result<BTreeMap<TerminalId, Standing>, RegistryError> {
    let assignments = registry.assignments_of(campaign.id, ids).await?;
    Ok(assignments.into_iter().map(|it| (it.terminal, it.standing)).collect())
}
