//! What the registry says of the case, and what must be so at every moment.

use std::collections::BTreeMap;

use shared::change::Verb;
use shared::id::TerminalId;

use super::shop::{NEW, OLD, STORE, new, old, request_id};
use crate::campaign::assignment::AssignmentState;
use crate::campaign::state::CampaignState;
use crate::position::PositionState;
use crate::registry::campaign::{Issue, Purpose};
use crate::registry::page::Page;
use crate::registry::terminal::{ClaimState, Presence, Service, Unit as Life};
use crate::registry::{Registry, RegistryError};
use crate::replacement::{ReplacementEvent, ReplacementState as S};
use crate::request::{RequestKind, RequestState};
use crate::unit::UnitState;

/// As people would look it up; no id of it is drawn by chance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) case: Option<S>,
    /// Of its request, and of the one by which the old terminal is decommissioned.
    pub(super) requests: [RequestState; 2],
    pub(super) units: [UnitState; 2],
    /// The old terminal, and the new one once it was announced.
    pub(super) terminals: BTreeMap<TerminalId, Stands>,
    pub(super) position: (PositionState, Option<TerminalId>),
    /// Of the new unit, in their order.
    pub(super) claims: Vec<&'static str>,
    /// The claim that the case knows.
    pub(super) own_claim: Option<&'static str>,
    pub(super) campaigns: BTreeMap<&'static str, Stage>,
    pub(super) moves: Vec<ReplacementEvent>,
    pub(super) audit: Vec<String>,
    pub(super) is_deregistered: bool,
    pub(super) certificates: usize,
    /// How many people have said that they sanitised the old unit.
    pub(super) sanitised_by: usize,
    /// The new terminal, since the swap.
    pub(super) is_heard: bool,
    pub(super) is_watch_over: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stands {
    pub(super) life: Life,
    pub(super) service: Service,
    pub(super) presence: Presence,
    pub(super) lane: Option<String>,
    pub(super) epoch: u32,
}

/// How far a change is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) state: CampaignState,
    pub(super) is_over: bool,
    pub(super) approvals: usize,
    pub(super) assignment: Option<AssignmentState>,
}

fn word(verb: Verb) -> &'static str {
    match verb {
        Verb::Suspend => "suspend",
        Verb::Resume => "resume",
        Verb::Restore => "restore",
        Verb::Decommission => "wipe",
        Verb::Ping
        | Verb::Backup
        | Verb::Collect
        | Verb::RenewCertificate
        | Verb::Upgrade
        | Verb::Rebind
        | Verb::Cancel => "other",
    }
}

fn claim_word(state: &ClaimState) -> &'static str {
    match state {
        ClaimState::Open => "open",
        ClaimState::Used { .. } => "used",
        ClaimState::Locked => "locked",
        ClaimState::Replaced => "replaced",
    }
}

pub(super) async fn look(
    registry: &dyn Registry,
    now: shared::time::UnixTime,
) -> Result<Look, RegistryError> {
    let known = "the shop was opened";
    let case = registry.replacement(1).await?;
    let state_of = async |serial| registry.unit(serial).await.map(|it| it.expect(known).state);
    let request = async |kind| {
        let found = registry.request(request_id(kind)).await;
        found.map(|it| it.expect(known).state)
    };
    let mut terminals = BTreeMap::new();
    let mut heard_at = None;
    for it in registry.terminals(&Page::first(9)).await? {
        if it.id == new() {
            heard_at = it.last_seen_at;
        }
        let stands = Stands {
            life: it.unit,
            service: it.service,
            presence: it.presence,
            lane: it.lane,
            epoch: it.epoch,
        };
        terminals.insert(it.id, stands);
    }
    let place = registry.positions(&Page::first(9)).await?;
    let place = place.first().expect(known);
    assert_eq!(place.store, STORE);
    let mut claims = registry.claims(&Page::first(99)).await?;
    claims.retain(|it| it.serial == NEW);
    claims.sort_by_key(|it| it.id);
    let own = case.as_ref().and_then(|it| it.progress.claim);
    let own = claims.iter().find(|it| Some(it.id) == own);
    let moves = match &case {
        Some(it) => registry.replacement_moves(it.number, &Page::first(99)).await?,
        None => Vec::new(),
    };
    let watched = match &case {
        Some(it) => registry.replacement_watch(it.number, now).await?,
        None => None,
    };
    let live_at = case.as_ref().and_then(|it| it.progress.live_at);
    let facts = registry.service_facts(&[old()]).await?;
    Ok(Look {
        case: case.as_ref().map(|it| it.state),
        requests: [request(RequestKind::Replace).await?, request(RequestKind::Decommission).await?],
        units: [state_of(OLD).await?, state_of(NEW).await?],
        terminals,
        position: (place.state, place.terminal),
        own_claim: own.map(|it| claim_word(&it.state)),
        claims: claims.iter().map(|it| claim_word(&it.state)).collect(),
        campaigns: campaigns(registry).await?,
        moves: moves.into_iter().map(|it| it.event).collect(),
        audit: registry.audit(&Page::first(999)).await?.into_iter().map(|it| it.what).collect(),
        is_deregistered: facts.iter().any(|it| !it.deregistered.is_empty()),
        certificates: registry.sanitisations(old()).await?.len(),
        sanitised_by: registry.unit_remains(OLD).await?.words.len(),
        is_heard: heard_at.is_some_and(|at| live_at.is_some_and(|live| at > live)),
        is_watch_over: watched.is_some_and(|it| it.is_over),
    })
}

async fn campaigns(
    registry: &dyn Registry,
) -> Result<BTreeMap<&'static str, Stage>, RegistryError> {
    let mut found = BTreeMap::new();
    for it in registry.campaigns(&Page::first(99)).await? {
        let batch = registry.batch(it.id, Purpose::Change, Issue::FIRST).await?;
        let approvals = match batch {
            Some(batch) => registry.approvals(batch.digest).await?.len(),
            None => 0,
        };
        let assignments = registry.assignments(it.id, &Page::first(9)).await?;
        let assignment = assignments.first().map(|it| it.standing.state());
        let stage =
            Stage { state: it.state, is_over: it.ended_at.is_some(), approvals, assignment };
        let before = found.insert(word(it.change.verb()), stage);
        assert!(before.is_none(), "each change is asked for once");
    }
    Ok(found)
}

impl Look {
    pub(super) fn is_before_swap(&self) -> bool {
        self.case.is_none_or(|it| it.is_before_swap() || it == S::Cancelled)
    }

    fn count(&self, what: &str) -> usize {
        self.audit.iter().filter(|it| *it == what).count()
    }

    /// Everything that is not as it must be, whatever failed and whenever.
    pub(super) fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut must = |holds: bool, what: &str| {
            if !holds {
                wrong.push(what.to_owned());
            }
        };
        let [old_unit, new_unit] = self.units;
        let in_service = self.units.iter().filter(|it| **it == UnitState::InService).count();
        must(in_service <= 1, "two units are in service at one position");
        let holder = if self.is_before_swap() { old() } else { new() };
        must(self.position == (PositionState::Occupied, Some(holder)), "nobody holds the position");
        for (terminal, it) in &self.terminals {
            let lane = (*terminal == holder).then_some("1");
            must(it.lane.as_deref() == lane, "the lanes of the terminals are not the position's");
        }
        if self.is_before_swap() {
            self.must_be_able_to_return(&mut must);
        } else {
            must(new_unit == UnitState::InService, "the unit that sells is not in service");
            must(old_unit != UnitState::InService, "the old unit is in service after the swap");
            let new = self.terminals.get(&new());
            let sells =
                new.is_some_and(|it| it.life == Life::Enrolled && it.service == Service::InService);
            must(sells, "nobody sells at the position");
            let old = self.terminals.get(&old());
            let stands_still = old.is_some_and(|it| it.service != Service::InService);
            // One that nobody reaches has told nothing, and people answer for it.
            let was_given_up = self.moves.contains(&ReplacementEvent::GiveUpOld);
            must(stands_still || was_given_up, "the old terminal sells beside the new one");
        }
        let swaps = self.moves.iter().filter(|it| **it == ReplacementEvent::GoLive).count();
        must(swaps == usize::from(!self.is_before_swap()), "there is not one swap");
        must(self.count("replacement-live") == swaps, "the log has another number of swaps");
        must(self.count("position-filled") == swaps, "the position was filled another time");
        self.must_agree_with_the_claim(&mut must);
        self.must_agree_with_the_request(&mut must);
        let is_erased = self.terminals.get(&old()).is_some_and(|it| it.service == Service::Erased);
        must(self.certificates <= usize::from(is_erased), "a certificate of what is not erased");
        wrong
    }

    /// Never none without the old one: it stands where it stood, and nothing of it is gone.
    fn must_be_able_to_return(&self, must: &mut impl FnMut(bool, &str)) {
        let [old_unit, new_unit] = self.units;
        // Its unit follows what it signs: while it stands still it is suspended.
        let stands = [UnitState::InService, UnitState::Suspended].contains(&old_unit);
        must(stands, "the old unit has left its place before the swap");
        must(new_unit != UnitState::InService, "the new unit is in service before the swap");
        let old = self.terminals.get(&old());
        let may_return =
            old.is_some_and(|it| it.life == Life::Enrolled && it.service != Service::Erased);
        must(may_return, "the old terminal cannot return");
        let is_wiped = self.campaigns.contains_key("wipe");
        must(!is_wiped, "the old terminal is to be emptied before the swap");
    }

    /// It is used at most once, and by nobody but the case.
    fn must_agree_with_the_claim(&self, must: &mut impl FnMut(bool, &str)) {
        let count = |word| self.claims.iter().filter(|it| **it == word).count();
        must(count("used") <= 1, "two claims of the new unit were used");
        let epoch = self.terminals.get(&new()).map_or(0, |it| it.epoch);
        must(
            usize::try_from(epoch).is_ok_and(|it| it == count("used")),
            "enrolled without a claim",
        );
        must(self.count("terminal-enrolled") == 1 + count("used"), "enrolled once too often");
        let is_own = count("open") == 0 || (count("open") == 1 && self.own_claim == Some("open"));
        must(is_own, "a claim is open that the case does not know");
        let may_be_open = self.case == Some(S::Paired);
        must(count("open") == 0 || may_be_open, "a claim is open and nobody is to be paired");
        let is_used = matches!(
            self.case,
            Some(S::Provisioned | S::Commissioned | S::Live | S::Watching | S::Closed)
        );
        must(!is_used || self.own_claim == Some("used"), "it went on with a unit not enrolled");
        let is_shut = self.case == Some(S::Paired) && self.own_claim == Some("replaced");
        must(!is_shut, "the case waits for a unit whose claim is shut");
    }

    fn must_agree_with_the_request(&self, must: &mut impl FnMut(bool, &str)) {
        let wanted = match self.case {
            None | Some(S::Cancelled) => RequestState::Accepted,
            Some(S::Closed) => RequestState::Closed,
            Some(_) => RequestState::Scheduled,
        };
        must(self.requests[0] == wanted, "the request and the case do not agree");
    }
}
