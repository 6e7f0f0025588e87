//! Carries campaigns out: looks at how each stands, plans, and moves it one step.
//!
//! What must be remembered is in the registry. What is kept here (a campaign's Merkle tree, whom
//! it has still to look at) is made again after a restart.

mod back;
mod give_up;
mod join;
mod orders;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use shared::change::Change;
use shared::id::{CampaignId, OrderId, TerminalId};
use shared::time::UnixTime;
use tracing::{info, warn};

use super::approval;
use super::assignment::{Fact, GivenUp, Unheard};
use super::frontier::{Frontier, UpTo};
use super::gate::{self, Verdict};
use super::gather::{self, Gathered};
use super::plan::{self, Plan, Room, Situation};
use super::state::{CampaignEvent, CampaignState};
use super::view;
use crate::auth::roster;
use crate::background::{Poke, Progress};
use crate::delivery::Signer;
use crate::registry::audit::By;
use crate::registry::campaign::{
    Assignment, Campaign, CampaignTally, Frozen, Issue, Purpose, Tripped, WaveEvent, WaveStanding,
};
use crate::registry::delivery::Numbering;
use crate::registry::page::Page;
use crate::registry::{Registry, RegistryError};
use give_up::Hearing;
use orders::{Facts, Wanted};

/// Assignments that one step deals with for one reason.
const ASSIGNMENTS_MAX: u32 = 200;

/// Orders in one transaction.
const ORDERS_MAX: usize = 100;

/// In the audit log.
const WHO: &str = "campaign-plan";

type Result<T> = std::result::Result<T, RegistryError>;

#[derive(Debug)]
pub struct Execute {
    registry: Arc<dyn Registry>,
    signer: Arc<Signer>,
    /// Poked when orders were made.
    deliver: Poke,
    frontiers: Mutex<BTreeMap<CampaignId, Frontier>>,
    hearing: Mutex<Hearing>,
}

/// A campaign in motion, as it stands at this step.
struct Motion {
    campaign: Campaign,
    /// Somebody finds the request suspicious that it carries out.
    is_suspected: bool,
    frozen: Frozen,
    waves: Vec<WaveStanding>,
    frontier: Frontier,
    /// Since when terminals can be heard.
    heard_since: Option<UnixTime>,
    now: UnixTime,
}

impl Execute {
    pub fn new(registry: Arc<dyn Registry>, signer: Arc<Signer>, deliver: Poke) -> Self {
        let (frontiers, hearing) = (Mutex::default(), Mutex::default());
        Self { registry, signer, deliver, frontiers, hearing }
    }

    /// Moves every campaign that is in motion. One that cannot be moved does not hold up the
    /// others; the first error is given when all had their turn.
    pub async fn step(&self, now: UnixTime) -> Result<Progress> {
        let mut campaigns = self.registry.campaigns_in_motion().await?;
        self.forget_all_but(&campaigns);
        let heard_since = self.listen(now).await?;
        // Whoever goes before others takes what they share first.
        campaigns.sort_by_key(|it| std::cmp::Reverse(it.class()));
        let mut progress = Progress::Settled;
        let mut first_error = None;
        for campaign in campaigns {
            let id = campaign.id;
            match self.step_one(campaign, heard_since, now).await {
                Ok(Progress::Settled) => {}
                Ok(Progress::MoreToDo) => progress = Progress::MoreToDo,
                Err(error) => {
                    let shown = &error as &dyn std::error::Error;
                    warn!(campaign = %id, error = shown, "the campaign stands still");
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.map_or(Ok(progress), Err)
    }

    async fn step_one(
        &self,
        campaign: Campaign,
        heard_since: Option<UnixTime>,
        now: UnixTime,
    ) -> Result<Progress> {
        let Some(frozen) = campaign.frozen else { return Ok(Progress::Settled) };
        let id = campaign.id;
        let waves = self.registry.waves(id).await?;
        let frontier = match self.take_frontier(id) {
            Some(frontier) => frontier,
            None => {
                // Before anything is looked at: what changes from here on is heard of.
                let tally = self.registry.fleet_tally().await?;
                let up_to = UpTo { changes: tally.changes, upheavals: tally.upheavals };
                let cut: Vec<_> = waves.iter().map(|it| it.wave.clone()).collect();
                let members = self.registry.members(id).await?;
                let joiners = self.registry.joiners(id).await?.into_iter().collect();
                Frontier::new(&campaign, &cut, &members, joiners, up_to)
            }
        };
        let is_suspected = view::is_suspected(&*self.registry, &campaign).await?;
        let mut motion =
            Motion { campaign, is_suspected, frozen, waves, frontier, heard_since, now };
        let progress = self.move_one(&mut motion).await;
        // After an error it is made anew: what it knew may be half of what happened.
        if progress.is_ok() {
            self.put_frontier(id, motion.frontier);
        }
        progress
    }

    async fn move_one(&self, motion: &mut Motion) -> Result<Progress> {
        let has_given_up =
            [self.give_up_waiting(motion).await?, self.give_up_who_is_away(motion).await?];
        if has_given_up.contains(&true) {
            self.look_again(motion).await?;
        }
        let progress = match motion.campaign.state {
            CampaignState::Running => {
                self.recall(motion).await?;
                self.order_again(motion).await?;
                match self.move_waves(motion).await? {
                    Moved::Stopped => return Ok(Progress::MoreToDo),
                    Moved::On => {}
                }
                self.note_reverted(motion).await?;
                self.withdraw_out_of_date(motion).await?;
                self.release_again(motion).await?;
                let progress = self.release(motion).await?;
                // After the others: who does not answer may not have its place back before them,
                // again and again.
                self.grant(motion).await?;
                progress
            }
            CampaignState::Halted => {
                self.recall(motion).await?;
                self.withdraw(motion).await?;
                self.note_reverted(motion).await?;
                self.revert(motion).await?;
                self.tell_who_is_held(motion).await?
            }
            CampaignState::AwaitingApproval => self.await_approval(motion).await?,
            CampaignState::Aborted => self.cancel(motion).await?,
            CampaignState::Paused => {
                self.recall(motion).await?;
                self.note_reverted(motion).await?;
                self.tell_who_is_held(motion).await?
            }
            CampaignState::Draft | CampaignState::Completed => {
                self.tell_who_is_held(motion).await?
            }
        };
        self.finish(motion).await?;
        Ok(progress)
    }

    /// Signatures begin a campaign when they are brought; a newer roster may ask for fewer. Time
    /// ends it.
    async fn await_approval(&self, motion: &mut Motion) -> Result<Progress> {
        let (campaign, now) = (&motion.campaign, motion.now);
        let Some(batch) = self.registry.batch(campaign.id, Purpose::Change, Issue::FIRST).await?
        else {
            return Ok(Progress::Settled);
        };
        let roster = roster::newest(&*self.registry).await?;
        let unreadable =
            |_| RegistryError::Unreadable { what: "batch", value: batch.id.to_string() };
        let signed = batch.signed.as_slice();
        let standing = roster.map(|it| approval::standing(signed, self.signer.fleet(), &it));
        let standing = standing.transpose().map_err(unreadable)?;
        let is_approved = standing.as_ref().is_some_and(|it| it.is_approved);
        let event = match (now >= motion.frozen.not_after, is_approved) {
            (true, _) => CampaignEvent::Lapse,
            (false, true) => CampaignEvent::Approve,
            (false, false) => return self.tell_who_is_held(motion).await,
        };
        let why = standing.map_or_else(String::new, |it| {
            format!("{} of {} approvers had signed", it.owners.len(), it.needed.approvers)
        });
        let by = By { who: WHO.to_owned(), why, at: now };
        match self.registry.move_campaign(campaign, event, &by).await {
            Ok(moved) => info!(campaign = %campaign.id, state = %moved.state, "the wait is over"),
            // Somebody signed or ended it at this moment: the next step sees that.
            Err(RegistryError::CampaignMoved { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(Progress::MoreToDo)
    }

    async fn learn(&self, assignments: &[Assignment], facts: &[Fact], now: UnixTime) -> Result<()> {
        if assignments.is_empty() {
            return Ok(());
        }
        let learnt: Vec<(OrderId, Fact)> = assignments
            .iter()
            .flat_map(|it| facts.iter().map(|fact| (it.order, fact.clone())))
            .collect();
        self.registry.learn(&learnt, now).await
    }

    /// Opens the waves whose time has come, and stops a campaign one of whose waves cannot pass.
    async fn move_waves(&self, motion: &mut Motion) -> Result<Moved> {
        let Some(gate) = motion.campaign.policy.gate.clone() else { return Ok(Moved::On) };
        let (id, now) = (motion.campaign.id, motion.now);
        while let Some(wave) = motion.waves.iter().find(|it| it.passed_at.is_none()) {
            let Some(opened_at) = wave.opened_at else { return Ok(Moved::On) };
            let (number, tried) = (wave.number, wave.tried());
            match gate::judge(&gate, tried, opened_at, wave.reached_at, now) {
                Verdict::Passed => {
                    if self.registry.move_wave(id, number, WaveEvent::Passed, now).await? {
                        info!(campaign = %id, wave = number + 1, "the gate has passed");
                    }
                    motion.waves = self.registry.waves(id).await?;
                }
                Verdict::Missed(trip) => {
                    let tripped = Tripped { wave: number, trip, at: now };
                    self.registry.trip_campaign(&motion.campaign, tripped).await?;
                    warn!(campaign = %id, wave = number + 1, why = %trip, "the campaign is halted");
                    return Ok(Moved::Stopped);
                }
                Verdict::Unmet(_) => {
                    let is_reached = gate::is_reached(&gate, tried, opened_at, now);
                    if is_reached && wave.reached_at.is_none() {
                        self.registry.move_wave(id, number, WaveEvent::Reached, now).await?;
                    }
                    return Ok(Moved::On);
                }
            }
        }
        Ok(Moved::On)
    }

    /// Those that have lent their places have them again when they are back, as far as there is
    /// room.
    async fn grant(&self, motion: &mut Motion) -> Result<()> {
        if motion.now >= motion.frozen.not_after || motion.is_suspected {
            return Ok(());
        }
        let id = motion.campaign.id;
        let page = Page { after: motion.frontier.lent_after, limit: ASSIGNMENTS_MAX };
        let back = self.registry.assignments_to_grant(id, &page).await?;
        motion.frontier.lent_after = behind(&back);
        if back.is_empty() {
            return Ok(());
        }
        let mut gathered = self.gathered(motion, &back).await?;
        let plan = self.plan_for(motion, &mut gathered).await?;
        let of = |terminal| back.iter().find(|it| it.terminal == terminal).map(|it| it.order);
        let wanted: Vec<_> = plan.release.into_iter().filter_map(of).collect();
        if !wanted.is_empty() && !self.registry.grant(id, &wanted, motion.now).await?.is_empty() {
            self.deliver.poke();
        }
        Ok(())
    }

    /// The turn of those comes again that were taken back when the campaign was stopped, and of
    /// those that somebody wants tried again.
    async fn release_again(&self, motion: &mut Motion) -> Result<()> {
        let comes_again = motion.campaign.terms().comes_again();
        if !comes_again || motion.now >= motion.frozen.not_after {
            return Ok(());
        }
        let id = motion.campaign.id;
        let page = Page { after: motion.frontier.again_after, limit: ASSIGNMENTS_MAX };
        let back = self.registry.assignments_to_release_again(id, &page).await?;
        motion.frontier.again_after = behind(&back);
        if back.is_empty() {
            return Ok(());
        }
        let of = |terminal| back.iter().find(|it| it.terminal == terminal);
        let mut gathered = self.gathered(motion, &back).await?;
        let plan = self.plan_for(motion, &mut gathered).await?;
        let numbering = self.numbering(plan.release.iter().copied()).await?;
        let again = |it: &Assignment| Wanted {
            issue: it.issue.saturating_add(1),
            ..Wanted::next_attempt(it)
        };
        let wanted = plan.release.iter().filter_map(|id| of(*id).map(again)).collect();
        let facts = Facts::of(numbering, gathered);
        self.order(motion, Purpose::Change, wanted, &facts).await?;
        Ok(())
    }

    /// Those that were released before, as they stand now.
    async fn gathered(&self, motion: &Motion, assignments: &[Assignment]) -> Result<Gathered> {
        let members: Vec<_> = assignments.iter().map(|it| (it.terminal, it.wave)).collect();
        gather::candidates(&*self.registry, &motion.campaign, &members, motion.now).await
    }

    /// Whether those may be at it.
    async fn plan_for(&self, motion: &Motion, gathered: &mut Gathered) -> Result<Plan> {
        let tally = self.registry.campaign_tally(motion.campaign.id).await?;
        let situation = motion.situation(&tally);
        Ok(plan::plan(situation, &gathered.candidates, &mut gathered.stores))
    }

    /// A new epoch of a terminal voided its order: it gets another one, unless it may have none.
    /// Where nothing opens in time, as windows and freezes stand, it gets none as long as they do.
    async fn order_again(&self, motion: &Motion) -> Result<()> {
        let id = motion.campaign.id;
        let voided = self.registry.assignments_voided(id, ASSIGNMENTS_MAX).await?;
        let numbering = self.numbering(voided.iter().map(|it| it.terminal)).await?;
        let in_time = motion.now < motion.frozen.not_after;
        let may_have_it = |it: &Assignment| {
            let numbering = numbering.get(&it.terminal);
            let is_for = |it: &Numbering| {
                is_for_whom_it_finds(
                    &motion.campaign.change,
                    motion.frozen.started_at,
                    it.claimed_at,
                )
            };
            in_time && numbering.is_some_and(is_for)
        };
        let (again, lost): (Vec<_>, Vec<_>) = voided.into_iter().partition(may_have_it);
        self.learn(&lost, &lost_for_good(motion.now), motion.now).await?;
        let gathered = self.gathered(motion, &again).await?;
        let never = gathered.who_never_opens();
        let opens = |it: &&Assignment| !never.contains(&it.terminal);
        let wanted = again.iter().filter(opens).map(Wanted::next_attempt).collect();
        let facts = Facts::of(numbering, gathered);
        self.order(motion, Purpose::Change, wanted, &facts).await?;
        Ok(())
    }

    /// Looks at some of those who wait, in the order of release, and releases as many as the plan
    /// says.
    async fn release(&self, motion: &mut Motion) -> Result<Progress> {
        let changes = self.registry.changes(motion.frontier.up_to).await?;
        match &changes.of {
            Some(of) => motion.frontier.wake(of.iter().map(|(id, store)| (*id, store.as_str()))),
            None => motion.frontier.wake_all(),
        }
        motion.frontier.up_to = changes.up_to;
        self.take_in(motion, changes.of).await?;
        let tally = self.registry.campaign_tally(motion.campaign.id).await?;
        let open_wave = motion.open_wave();
        let situation = motion.situation(&tally);
        let (whole, room) = (plan::held_as_a_whole(situation), Room::of(situation));
        if whole.is_none() && room.why_not().is_none() {
            let looked_at = motion.frontier.next(open_wave, room.free(), motion.now);
            self.release_some(motion, &looked_at).await?;
        }
        // As it stands after that.
        let tally = self.registry.campaign_tally(motion.campaign.id).await?;
        let campaign = self.registry.campaign(motion.campaign.id).await?;
        if let Some(campaign) = campaign {
            motion.campaign = campaign;
        }
        let situation = motion.situation(&tally);
        let whole = plan::held_as_a_whole(situation);
        let room = Room::of(situation).why_not();
        let has_more = whole.is_none() && room.is_none() && motion.frontier.is_eager(open_wave);
        if has_more {
            return Ok(Progress::MoreToDo);
        }
        self.tell_who_is_held(motion).await
    }

    async fn release_some(
        &self,
        motion: &mut Motion,
        looked_at: &[(TerminalId, u16)],
    ) -> Result<()> {
        let ids: Vec<_> = looked_at.iter().map(|(id, _)| *id).collect();
        let known = self.registry.assignments_of(motion.campaign.id, &ids).await?;
        let mut gone: BTreeSet<_> = known.iter().map(|it| it.terminal).collect();
        let members: Vec<_> =
            looked_at.iter().filter(|(id, _)| !gone.contains(id)).copied().collect();
        let registry = &*self.registry;
        let mut gathered =
            gather::candidates(registry, &motion.campaign, &members, motion.now).await?;
        let plan = self.plan_for(motion, &mut gathered).await?;
        let waves: BTreeMap<_, _> = members.into_iter().collect();
        let stores = gathered.candidates.iter().map(|it| (it.terminal, it.store.clone()));
        let stores: BTreeMap<_, _> = stores.collect();
        let mut facts = Facts::of(BTreeMap::new(), gathered);
        for terminals in plan.release.chunks(ORDERS_MAX) {
            facts.numbering = self.numbering(terminals.iter().copied()).await?;
            let first = |terminal: &TerminalId| {
                let wave = *waves.get(terminal)?;
                Some(Wanted { terminal: *terminal, attempt: 1, issue: 0, wave })
            };
            let wanted = terminals.iter().filter_map(first).collect();
            gone.extend(self.order(motion, Purpose::Change, wanted, &facts).await?);
        }
        let store_of = |terminal| stores.get(&terminal).cloned().unwrap_or_default();
        motion.frontier.settle(&plan, &gone, store_of);
        Ok(())
    }

    /// People want to know why those wait that do.
    async fn tell_who_is_held(&self, motion: &Motion) -> Result<Progress> {
        let tally = self.registry.campaign_tally(motion.campaign.id).await?;
        let situation = motion.situation(&tally);
        let (whole, room) = (plan::held_as_a_whole(situation), Room::of(situation).why_not());
        let reason = |why: Option<plan::HeldBy>| why.map(|why| why.reason);
        let open_wave = motion.open_wave();
        let held = motion.frontier.held(open_wave, reason(whole), reason(room));
        let mut next = motion.frontier.next_by_reason();
        for why in [whole, room].into_iter().flatten() {
            if let Some(at) = why.next {
                next.insert(why.reason, at);
            }
        }
        next.retain(|reason, _| held.contains_key(reason));
        if held != motion.campaign.held || next != motion.campaign.held_next {
            self.registry.put_held(motion.campaign.id, &held, &next).await?;
        }
        Ok(Progress::Settled)
    }

    async fn finish(&self, motion: &Motion) -> Result<()> {
        let Motion { campaign, now, .. } = motion;
        let tally = self.registry.campaign_tally(campaign.id).await?;
        match campaign.state {
            CampaignState::Running | CampaignState::Paused => {
                // Who is still being brought back has not succeeded for good.
                let is_over = plan::is_over(motion.situation(&tally));
                if !is_over || self.is_being_reverted(campaign).await? {
                    return Ok(());
                }
                let (ended, bad) = (tally.attempted(), tally.bad());
                let why = format!("{ended} of {} attempted, {bad} bad", motion.frozen.members);
                let by = By { who: WHO.to_owned(), why, at: *now };
                match self.registry.move_campaign(campaign, CampaignEvent::End, &by).await {
                    Ok(_) => info!(campaign = %campaign.id, ended, bad, "the campaign is over"),
                    // Somebody aborted it at this moment: the next step sees that.
                    Err(RegistryError::CampaignMoved { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            // Whoever looks at what has failed decides whether it goes on, as long as it could.
            CampaignState::Halted if *now >= motion.frozen.not_after && tally.open() == 0 => {
                let by = By { who: WHO.to_owned(), why: "its time is over".to_owned(), at: *now };
                match self.registry.move_campaign(campaign, CampaignEvent::End, &by).await {
                    Ok(_) | Err(RegistryError::CampaignMoved { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            CampaignState::Halted => {}
            CampaignState::Aborted => {
                if tally.open() == 0 {
                    self.registry.settle_campaign(campaign.id, *now).await?;
                }
            }
            CampaignState::Draft | CampaignState::AwaitingApproval | CampaignState::Completed => {}
        }
        Ok(())
    }

    fn take_frontier(&self, id: CampaignId) -> Option<Frontier> {
        self.frontiers.lock().unwrap_or_else(PoisonError::into_inner).remove(&id)
    }

    fn put_frontier(&self, id: CampaignId, frontier: Frontier) {
        self.frontiers.lock().unwrap_or_else(PoisonError::into_inner).insert(id, frontier);
    }

    fn forget_all_but(&self, campaigns: &[Campaign]) {
        let in_motion = |id: &CampaignId| campaigns.iter().any(|campaign| campaign.id == *id);
        let mut frontiers = self.frontiers.lock().unwrap_or_else(PoisonError::into_inner);
        frontiers.retain(|id, _| in_motion(id));
    }
}

/// What looking at the waves of a campaign led to.
enum Moved {
    On,
    /// It is halted now.
    Stopped,
}

impl Motion {
    fn open_wave(&self) -> u16 {
        open_wave(&self.waves)
    }

    fn situation<'a>(&'a self, tally: &'a CampaignTally) -> Situation<'a> {
        situation(&self.campaign, self.frozen, &self.waves, tally, self.is_suspected, self.now)
    }
}

/// How a started campaign stands.
pub(super) fn situation<'a>(
    campaign: &'a Campaign,
    frozen: Frozen,
    waves: &[WaveStanding],
    tally: &'a CampaignTally,
    is_suspected: bool,
    now: UnixTime,
) -> Situation<'a> {
    Situation {
        state: campaign.state,
        now,
        not_after: frozen.not_after,
        members: frozen.members,
        open_wave: open_wave(waves),
        is_frozen: is_suspected,
        terms: campaign.terms(),
        class: campaign.class(),
        has_window: campaign.change.window().is_some(),
        max_parallel: campaign.max_parallel,
        policy: &campaign.policy,
        used: campaign.used,
        tally,
    }
}

/// Behind whom the next look begins: with the first again where this one came to the end.
fn behind(looked_at: &[Assignment]) -> Option<TerminalId> {
    let is_full = looked_at.len() >= ASSIGNMENTS_MAX as usize;
    looked_at.last().filter(|_| is_full).map(|it| it.terminal)
}

/// The last wave that is open; the first of a campaign in which none is yet.
pub(super) fn open_wave(waves: &[WaveStanding]) -> u16 {
    let open = waves.iter().filter(|it| it.opened_at.is_some());
    open.map(|it| it.number).max().unwrap_or_default()
}

/// Nothing will be heard of an order that is void and is not made again: it was withdrawn if the
/// terminal never had it, and otherwise nobody knows.
fn lost_for_good(now: UnixTime) -> [Fact; 2] {
    let silent = GivenUp { as_what: Unheard::Silent, at: now };
    [Fact::Withdrawn(now), Fact::GivenUp(silent)]
}

/// What stops a terminal that was given up is not for the shop in which somebody has set it up anew
/// since.
fn is_for_whom_it_finds(
    change: &Change,
    started_at: UnixTime,
    claimed_at: Option<UnixTime>,
) -> bool {
    !(change.is_of_given_up() && claimed_at.is_some_and(|at| at > started_at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::tests::suspend;

    #[test]
    fn what_stops_a_terminal_that_was_given_up_is_not_for_where_it_is_set_up_anew() {
        let (before, later) = (Some(UnixTime(9)), Some(UnixTime(11)));
        for (is_given_up, claimed_at, is_for_it) in
            [(true, None, true), (true, before, true), (true, later, false), (false, later, true)]
        {
            let change = suspend(is_given_up);
            let found = is_for_whom_it_finds(&change, UnixTime(10), claimed_at);
            assert_eq!(found, is_for_it, "{is_given_up} {claimed_at:?}");
        }
    }
}
