//! Takes back what was ordered: where the campaign was stopped or ended, where somebody has a
//! member left out or finds it suspicious, and where the hours that an order carries are not kept
//! any more.

use std::collections::BTreeMap;

use shared::change::Verb;
use shared::id::{CampaignId, TerminalId};
use shared::time::UnixTime;

use super::super::assignment::{AssignmentState, Fact};
use super::super::policy::StopPolicy;
use super::super::revert;
use super::super::state::CampaignState;
use super::{ASSIGNMENTS_MAX, Execute, Motion, Result, lost_for_good};
use crate::auth::roster;
use crate::background::Progress;
use crate::kind;
use crate::registry::campaign::{Assignment, Campaign, Frozen, Purpose};
use crate::registry::page::{PAGE_ITEMS_MAX, Page};

impl Execute {
    /// Takes back what has not begun, and where the policy says so what has. Not where the roster
    /// asks approvers for that: terminals would refuse it.
    pub(super) async fn withdraw(&self, motion: &Motion) -> Result<()> {
        let id = motion.campaign.id;
        let all = match motion.campaign.policy.stop {
            StopPolicy::Finish => false,
            StopPolicy::Keep | StopPolicy::Revert => true,
        };
        let open = self.registry.assignments_to_withdraw(id, all, ASSIGNMENTS_MAX).await?;
        if open.is_empty() || self.does_ending_need_people(motion).await? {
            return Ok(());
        }
        self.order_about(motion, Purpose::Withdraw, &open).await
    }

    /// Whoever has not begun under windows and freezes that are not kept any more is taken back:
    /// its turn comes again, with those that are.
    pub(super) async fn withdraw_out_of_date(&self, motion: &Motion) -> Result<()> {
        let terms = motion.campaign.terms();
        let in_time = motion.now < motion.frozen.not_after;
        if !terms.keeps_calendars || !terms.comes_again() || !in_time {
            return Ok(());
        }
        let id = motion.campaign.id;
        let old = self.registry.assignments_out_of_date(id, ASSIGNMENTS_MAX).await?;
        if old.is_empty() || self.does_ending_need_people(motion).await? {
            return Ok(());
        }
        self.order_about(motion, Purpose::Withdraw, &old).await
    }

    /// What another campaign has brought back has not succeeded: its turn comes again. Also once
    /// somebody has let this one go on while that is still at it.
    pub(super) async fn note_reverted(&self, motion: &Motion) -> Result<()> {
        let (id, now) = (motion.campaign.id, motion.now);
        if self.registry.campaigns_reverting(id).await?.is_empty() {
            return Ok(());
        }
        loop {
            let back = self.registry.assignments_reverted(id, ASSIGNMENTS_MAX).await?;
            self.learn(&back, &[Fact::Reverted(now)], now).await?;
            if back.len() < ASSIGNMENTS_MAX as usize {
                return Ok(());
            }
        }
    }

    /// Whether a campaign that takes this one back is still at it.
    pub(super) async fn is_being_reverted(&self, campaign: &Campaign) -> Result<bool> {
        for child in self.registry.campaigns_reverting(campaign.id).await? {
            let child = self.registry.campaign(child).await?;
            if child.is_some_and(|it| it.frozen.is_some() && it.ended_at.is_none()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where the policy says so, what has succeeded is taken back by a campaign of its own, once
    /// nobody is at it any more; and again if somebody succeeds after that.
    pub(super) async fn revert(&self, motion: &mut Motion) -> Result<()> {
        let campaign = &motion.campaign;
        let (StopPolicy::Revert, Some(to)) = (campaign.policy.stop, campaign.policy.revert_to)
        else {
            return Ok(());
        };
        let (id, now) = (campaign.id, motion.now);
        let tally = self.registry.campaign_tally(id).await?;
        // Nothing comes of an order that a new epoch has made void, until it is made again.
        let voided = self.registry.assignments_voided(id, ASSIGNMENTS_MAX).await?.len() as u64;
        let is_at_rest = tally.open() <= voided;
        let is_looked_at = motion.frontier.asked_back.as_ref() == Some(&tally);
        if !is_at_rest || is_looked_at || tally.in_state(AssignmentState::Succeeded) == 0 {
            return Ok(());
        }
        let children = self.registry.campaigns_reverting(id).await?;
        let (mut asked, mut drafted) = (BTreeMap::new(), None);
        for child in &children {
            let Some(child) = self.registry.campaign(*child).await? else { continue };
            match child.state {
                CampaignState::Draft => drafted = Some(child),
                CampaignState::AwaitingApproval
                | CampaignState::Running
                | CampaignState::Paused
                | CampaignState::Halted
                | CampaignState::Completed
                | CampaignState::Aborted => {
                    if let Some(Frozen { started_at, .. }) = child.frozen {
                        let members = self.registry.members(child.id).await?.into_iter();
                        // Children come oldest first.
                        asked.extend(members.map(|id| (id, started_at)));
                    }
                }
            }
        }
        let members = self.succeeded(id, &asked).await?;
        if members.is_empty() {
            motion.frontier.asked_back = Some(tally);
            return Ok(());
        }
        match drafted {
            Some(child) => revert::start(&self.registry, &self.signer, child, members, now).await,
            None => revert::draft(&self.registry, campaign, to, children.len(), now).await,
        }
    }

    /// Whoever has succeeded and was not asked to come back since it was ordered to.
    async fn succeeded(
        &self,
        campaign: CampaignId,
        asked: &BTreeMap<TerminalId, UnixTime>,
    ) -> Result<Vec<TerminalId>> {
        let mut succeeded = Vec::new();
        let mut page = Page::first(PAGE_ITEMS_MAX);
        loop {
            let some = self.registry.assignments(campaign, &page).await?;
            let Some(last) = some.last() else { return Ok(succeeded) };
            page = Page::after(last.terminal, PAGE_ITEMS_MAX);
            let is_asked = |it: &Assignment| {
                asked.get(&it.terminal).is_some_and(|at| *at >= it.standing.ordered_at)
            };
            let done = |it: &&Assignment| {
                it.standing.state() == AssignmentState::Succeeded && !is_asked(it)
            };
            succeeded.extend(some.iter().filter(done).map(|it| it.terminal));
        }
    }

    async fn does_ending_need_people(&self, motion: &Motion) -> Result<bool> {
        self.do_people_sign(Verb::Cancel, motion.frozen.members).await
    }

    /// Whether the newest roster asks approvers for this on so many terminals.
    pub(super) async fn do_people_sign(&self, verb: Verb, terminals: u32) -> Result<bool> {
        let roster = roster::newest(&*self.registry).await?;
        Ok(roster.is_some_and(|it| it.requirement(verb, terminals).approvers > 0))
    }

    /// Sends a cancellation after every order from which something may still come.
    pub(super) async fn cancel(&self, motion: &mut Motion) -> Result<Progress> {
        let (id, now) = (motion.campaign.id, motion.now);
        let voided = self.registry.assignments_voided(id, ASSIGNMENTS_MAX).await?;
        self.learn(&voided, &lost_for_good(now), now).await?;
        // Once the order's time is over these are the ones that have accepted it.
        let open = self.registry.assignments_to_cancel(id, ASSIGNMENTS_MAX).await?;
        self.order_about(motion, Purpose::Cancel, &open).await?;
        self.tell_who_is_held(motion).await
    }

    /// Sends a cancellation after orders that terminals have accepted which somebody finds
    /// suspicious, or has left out. Not where the roster asks for approvers: terminals would
    /// refuse it.
    pub(super) async fn recall(&self, motion: &Motion) -> Result<()> {
        let id = motion.campaign.id;
        let suspected = kind::yields_to_suspicion(&motion.campaign.change, motion.now);
        let accepted = self.registry.assignments_to_recall(id, suspected, ASSIGNMENTS_MAX).await?;
        if accepted.is_empty() || self.does_ending_need_people(motion).await? {
            return Ok(());
        }
        self.order_about(motion, Purpose::Recall, &accepted).await
    }
}
