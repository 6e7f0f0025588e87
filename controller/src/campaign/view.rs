//! How a campaign goes on each of its members, and why: what people are shown.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::id::{CampaignId, TerminalId};
use shared::message::StepState;
use shared::outcome::{Failure, Outcome, Waiting};
use shared::time::UnixTime;

use super::assignment::{AssignmentState, Standing};
use super::execute;
use super::gate::{self, Unmet, Verdict};
use super::gather;
use super::plan::{self, Held, HeldBy, Room};
use super::wave;
use crate::measure::time_text;
use crate::registry::campaign::{Assignment, Campaign, CampaignTally, WaveStanding};
use crate::registry::page::Page;
use crate::registry::terminal::{Presence, Terminal};
use crate::registry::{Registry, RegistryError};
use crate::request::RequestState;

/// One member of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub terminal: Terminal,
    pub part: Part,
}

/// The campaign on this member.
#[expect(clippy::large_enum_variant, reason = "most members of a page are released")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Not released, and why not.
    Held(HeldBy),
    Released(Assignment),
}

/// Why something is as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// Stable across releases.
    pub code: String,
    /// For people.
    pub detail: String,
    /// What to do about it, in the imperative.
    pub hint: Option<&'static str>,
}

impl Why {
    fn new(code: &impl Serialize, detail: impl Into<String>) -> Self {
        // The word that the type is written as everywhere else.
        let code = serde_json::to_value(code).ok();
        let code = code.and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default();
        Self { code, detail: detail.into(), hint: None }
    }

    fn hint(self, hint: impl Into<Option<&'static str>>) -> Self {
        Self { hint: hint.into(), ..self }
    }
}

impl From<Held> for Why {
    fn from(held: Held) -> Self {
        Self::new(&held.code(), held.detail()).hint(held.hint())
    }
}

impl From<&Failure> for Why {
    fn from(failure: &Failure) -> Self {
        let detail = format!("{}: {}", failure.step, failure.detail);
        Self::new(&failure.code, detail).hint(failure.code.hint())
    }
}

impl Member {
    /// Why it is held back, waits, was refused or did not succeed; and since when nobody has heard
    /// it, where it is offline and something is still expected of it.
    pub fn why(&self) -> Option<Why> {
        let why = self.part.why();
        let is_over = self.part.state().is_some_and(AssignmentState::is_end);
        let is_offline = self.terminal.presence == Presence::Offline;
        let Some(since) = self.terminal.last_seen_at.filter(|_| is_offline && !is_over) else {
            return why;
        };
        let since = format!("offline since {}", time_text(since));
        Some(match why {
            Some(Why { code, hint, .. }) if code == Held::Offline.code() => {
                let detail = format!("it is {since}; its turn comes when it connects");
                Why { code, detail, hint }
            }
            Some(why) => Why { detail: format!("{}; {since}", why.detail), ..why },
            None => Why::new(&Held::Offline.code(), format!("it is {since}")),
        })
    }
}

impl Part {
    /// `None` while it is held back.
    pub fn state(&self) -> Option<AssignmentState> {
        match self {
            Self::Held(_) => None,
            Self::Released(assignment) => Some(assignment.standing.state()),
        }
    }

    /// Since when it has been in this state, by the clock of whoever brought it there.
    pub fn since(&self) -> Option<UnixTime> {
        match self {
            Self::Held(_) => None,
            Self::Released(assignment) => Some(assignment.standing.state_since().1),
        }
    }

    /// When time alone changes why it is held back.
    pub fn next(&self) -> Option<UnixTime> {
        match self {
            Self::Held(held) => held.next,
            Self::Released(_) => None,
        }
    }

    /// Why it is held back, waits, was refused or did not succeed.
    pub fn why(&self) -> Option<Why> {
        match self {
            Self::Held(held) => Some(held.reason.into()),
            Self::Released(assignment) => why(&assignment.standing),
        }
    }

    /// The step that it is at, in the words of the job's table.
    pub fn step(&self) -> Option<&str> {
        self.standing()?.progress.as_ref().map(|progress| progress.step.as_str())
    }

    /// Done and to do, where the step moves bytes.
    pub fn bytes(&self) -> (Option<u64>, Option<u64>) {
        let progress = self.standing().and_then(|standing| standing.progress.as_ref());
        progress.map_or((None, None), |progress| (progress.bytes_done, progress.bytes_total))
    }

    /// What runs now, as the restarted application reported it.
    pub fn version_now(&self) -> Option<&str> {
        match &self.standing()?.ended.as_ref()?.outcome {
            Outcome::Succeeded { now } => Some(now),
            Outcome::RolledBack { .. }
            | Outcome::Failed { .. }
            | Outcome::RollbackFailed { .. }
            | Outcome::Cancelled { .. }
            | Outcome::Expired
            | Outcome::Superseded => None,
        }
    }

    fn standing(&self) -> Option<&Standing> {
        match self {
            Self::Held(_) => None,
            Self::Released(assignment) => Some(&assignment.standing),
        }
    }
}

/// Why an order stands as it does, where that says more than its state.
pub fn why(standing: &Standing) -> Option<Why> {
    use AssignmentState as State;
    let state = standing.state();
    let plain = |detail: &str| Some(Why::new(&state.as_str(), detail));
    match state {
        State::Unanswered => plain("the order is out, and nobody has answered for long")
            .map(|why| why.hint("look at the terminal's power and network")),
        State::Unreached => plain("the order ran out before the terminal accepted it")
            .map(|why| why.hint("create another campaign for it")),
        State::Silent => plain("the terminal had begun, and was not heard any more")
            .map(|why| why.hint("look at the terminal before anything else")),
        State::Refused => standing.refused.as_ref().map(|it| Why::new(&it.refusal, &*it.detail)),
        State::Waiting | State::Undoing => why_under_way(standing),
        State::Withdrawn => plain(
            "taken back before it began, because the campaign was stopped or somebody found it \
             suspicious; its turn comes again when that is over",
        ),
        State::Reverted => plain(
            "brought back to what it was when the campaign was stopped; its turn comes again when \
             that goes on",
        ),
        State::Expired | State::Superseded | State::Cancelled => match &standing.ended {
            Some(ended) => why_ended(&ended.outcome),
            None if state == State::Expired => {
                plain("the order ran out before the terminal began, and it was not heard any more")
                    .map(|why| why.hint("look at the terminal's power and network"))
            }
            None => plain("the campaign was aborted before the terminal had the order"),
        },
        State::Failed | State::RolledBack | State::RollbackFailed => {
            standing.ended.as_ref().and_then(|ended| why_ended(&ended.outcome))
        }
        State::Succeeded if standing.is_late_success() => {
            Some(Why::new(&"late-success", "it succeeded after it had been given up or had failed"))
        }
        State::Ordered => standing
            .refused
            .as_ref()
            .map(|it| Why::new(&it.refusal, format!("refused for now: {}", it.detail))),
        State::Accepted | State::Working | State::Succeeded => None,
    }
}

/// For what a terminal waits, by its own word.
pub fn waiting(reason: Waiting) -> Why {
    let what = match reason {
        Waiting::Window => "for the maintenance window",
        Waiting::Till => "for the till",
        Waiting::Network => "for the network",
        Waiting::Turn => "for another job on this terminal",
        Waiting::Settlement => "for the till's batch to be settled",
        Waiting::Watch => "while the new provider is watched",
        Waiting::CutOff => "for its cut-off, and sells until then",
        Waiting::CoolOff => "while the wipe can still be cancelled",
        Waiting::People => "for somebody to look",
        Waiting::Freeze => "for the end of a freeze",
        Waiting::Battery => "for the terminal to be charged",
        Waiting::Disk => "for room on its disk",
    };
    Why::new(&reason, what)
}

fn why_under_way(standing: &Standing) -> Option<Why> {
    match &standing.progress.as_ref()?.state {
        StepState::Running => None,
        StepState::Waiting { reason, detail } => {
            let what = waiting(*reason).detail;
            let detail = match detail.as_str() {
                "" => what,
                detail => format!("{what}: {detail}"),
            };
            Some(Why::new(reason, detail))
        }
        StepState::Undoing { detail } => Some(Why::new(&"undoing", detail.as_str())),
    }
}

fn why_ended(outcome: &Outcome) -> Option<Why> {
    match outcome {
        Outcome::Succeeded { .. } => None,
        Outcome::RolledBack { failure } | Outcome::Failed { failure } => Some(failure.into()),
        Outcome::RollbackFailed { failure, undoing } => {
            let why = Why::from(undoing);
            let detail =
                format!("{}: {}; before that {}", undoing.step, undoing.detail, failure.detail);
            Some(Why { detail, ..why })
        }
        Outcome::Cancelled { reason } => Some(Why::new(&"cancelled", reason.as_str())),
        Outcome::Expired => Some(Why::new(&"expired", "its time ran out before it could begin")),
        Outcome::Superseded => {
            Some(Why::new(&"superseded", "a newer order for the same thing replaced it"))
        }
    }
}

/// Members of a started campaign, by id; none before it is started.
pub async fn members(
    registry: &dyn Registry,
    campaign: &Campaign,
    page: &Page<TerminalId>,
    now: UnixTime,
) -> Result<Vec<Member>, RegistryError> {
    if campaign.frozen.is_none() {
        return Ok(vec![]);
    }
    let ids = registry.members_page(campaign.id, page).await?;
    of(registry, campaign, &ids, now).await
}

/// One of them; none if it is no member.
pub async fn member(
    registry: &dyn Registry,
    campaign: &Campaign,
    terminal: TerminalId,
    now: UnixTime,
) -> Result<Option<Member>, RegistryError> {
    match is_member(registry, campaign, terminal).await? {
        true => Ok(of(registry, campaign, &[terminal], now).await?.pop()),
        false => Ok(None),
    }
}

/// By looking at its place in the list alone.
pub(super) async fn is_member(
    registry: &dyn Registry,
    campaign: &Campaign,
    terminal: TerminalId,
) -> Result<bool, RegistryError> {
    if campaign.frozen.is_none() {
        return Ok(false);
    }
    let before = u128::from_be_bytes(*terminal.as_bytes()).checked_sub(1);
    let before = before.map(|it| TerminalId::from_bytes(it.to_be_bytes()));
    let page = Page { after: before, limit: 1 };
    Ok(registry.members_page(campaign.id, &page).await?.contains(&terminal))
}

/// These members, by id; at most a page of them.
pub async fn of(
    registry: &dyn Registry,
    campaign: &Campaign,
    ids: &[TerminalId],
    now: UnixTime,
) -> Result<Vec<Member>, RegistryError> {
    let Some(frozen) = &campaign.frozen else { return Ok(vec![]) };
    let terminals = registry.terminals_of(ids).await?;
    let released = registry.assignments_of(campaign.id, ids).await?;
    let tally = registry.campaign_tally(campaign.id).await?;
    let waves = registry.waves(campaign.id).await?;
    let cut: Vec<_> = waves.iter().map(|it| it.wave.clone()).collect();
    let is_suspected = is_suspected(registry, campaign).await?;
    let situation = execute::situation(campaign, *frozen, &waves, &tally, is_suspected, now);
    let canary = &campaign.policy.canary;
    let with_wave = |id: &TerminalId| (*id, wave::wave_of(campaign.salt, canary, &cut, *id));
    let members: Vec<_> = ids.iter().map(with_wave).collect();
    let gathered = gather::of(registry, campaign, &members, &terminals, now).await?;
    let candidates: BTreeMap<_, _> =
        gathered.candidates.into_iter().map(|it| (it.terminal, it)).collect();
    let why_held = |terminal: TerminalId| {
        let why = candidates
            .get(&terminal)
            .and_then(|it| plan::why_held(it, situation, &gathered.stores))
            .or_else(|| Room::of(situation).why_not());
        why.unwrap_or(Held::NoPlace.into())
    };
    let mut released: BTreeMap<_, _> = released.into_iter().map(|it| (it.terminal, it)).collect();
    let member = |terminal: Terminal| {
        let part = match released.remove(&terminal.id) {
            Some(assignment) => Part::Released(assignment),
            None => Part::Held(why_held(terminal.id)),
        };
        Member { terminal, part }
    };
    Ok(terminals.into_iter().map(member).collect())
}

/// One terminal that waits for something, shown for all that do: it has waited longest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waits {
    pub terminal: TerminalId,
    pub serial: String,
    /// In its own words; may be empty.
    pub detail: String,
    /// When time alone changes that for the first of those that were looked at.
    pub next: Option<UnixTime>,
}

/// Terminals that are looked at for what they wait for.
const WAITING_LOOKED_AT: u32 = 100;

/// Of those that have waited longest, one for each thing that is waited for.
pub async fn waits(
    registry: &dyn Registry,
    campaign: &Campaign,
    now: UnixTime,
) -> Result<BTreeMap<Waiting, Waits>, RegistryError> {
    let (state, far) = (AssignmentState::Waiting, UnixTime(i64::MAX));
    let found =
        registry.assignments_since(campaign.id, state, far, false, WAITING_LOOKED_AT).await?;
    let ids: Vec<_> = found.iter().map(|it| it.terminal).collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let terminals = registry.terminals_of(&ids).await?;
    let terminals: BTreeMap<_, _> = terminals.iter().map(|it| (it.id, it)).collect();
    let waiting = found.iter().filter_map(|it| {
        let StepState::Waiting { reason, detail } = &it.standing.progress.as_ref()?.state else {
            return None;
        };
        Some((*reason, detail, *terminals.get(&it.terminal)?))
    });
    let waiting: Vec<_> = waiting.collect();
    let goes_by_hours = |reason| matches!(reason, Waiting::Window | Waiting::Freeze);
    let closed = waiting.iter().filter(|(reason, ..)| goes_by_hours(*reason));
    let closed: Vec<_> = closed.map(|(.., terminal)| *terminal).collect();
    let openings = gather::openings(registry, campaign, &closed, now).await?;
    let mut waits = BTreeMap::<_, Waits>::new();
    for (reason, detail, terminal) in waiting {
        let opening = openings.get(&terminal.id).filter(|_| goes_by_hours(reason));
        let shown = waits.entry(reason).or_insert_with(|| Waits {
            terminal: terminal.id,
            serial: terminal.serial.clone(),
            detail: detail.clone(),
            next: None,
        });
        shown.next = [shown.next, opening.copied()].into_iter().flatten().min();
    }
    Ok(waits)
}

/// Whether the request that the campaign carries out is frozen.
pub(super) async fn is_suspected(
    registry: &dyn Registry,
    campaign: &Campaign,
) -> Result<bool, RegistryError> {
    let request = registry.request_of(campaign.id).await?;
    Ok(request.is_some_and(|request| request.state == RequestState::Frozen))
}

/// How a campaign stands as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    pub campaign: Campaign,
    pub tally: CampaignTally,
    /// Members that were not released yet.
    pub held: u64,
    /// None before it is started.
    pub waves: Vec<WaveView>,
}

/// A wave, and what its gate says now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaveView {
    pub standing: WaveStanding,
    /// What its gate waits for; none of a wave that is not open, that has passed, or that has no
    /// gate.
    pub unmet: Vec<Unmet>,
}

fn wave_view(campaign: &Campaign, standing: WaveStanding, now: UnixTime) -> WaveView {
    let unmet = match (&campaign.policy.gate, standing.opened_at, standing.passed_at) {
        (Some(gate), Some(opened_at), None) => {
            match gate::judge(gate, standing.tried(), opened_at, standing.reached_at, now) {
                Verdict::Unmet(unmet) => unmet,
                Verdict::Passed | Verdict::Missed(_) => vec![],
            }
        }
        _ => vec![],
    };
    WaveView { standing, unmet }
}

pub async fn overview(
    registry: &dyn Registry,
    id: CampaignId,
    now: UnixTime,
) -> Result<Option<Overview>, RegistryError> {
    let Some(campaign) = registry.campaign(id).await? else { return Ok(None) };
    let tally = registry.campaign_tally(id).await?;
    let members = campaign.frozen.map_or(0, |frozen| u64::from(frozen.members));
    let held = members.saturating_sub(tally.released());
    let waves = registry.waves(id).await?.into_iter();
    let waves = waves.map(|it| wave_view(&campaign, it, now)).collect();
    Ok(Some(Overview { campaign, tally, held, waves }))
}
