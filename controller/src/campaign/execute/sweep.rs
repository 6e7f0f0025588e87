//! Whom a campaign has still to look at. Pure.
//!
//! Each step looks at a bounded number of members that were not released, in the order of their
//! release, and goes on where the last one stopped; at the end of a round the reasons to hold
//! back are counted. A memory only: after a restart it begins again with everybody.

use std::collections::{BTreeMap, BTreeSet};

use shared::id::TerminalId;
use shared::membership::Membership;

use crate::campaign::plan::{self, Held, Plan};
use crate::registry::campaign::Campaign;
use crate::registry::page::PAGE_ITEMS_MAX;

#[derive(Debug)]
pub(super) struct Sweep {
    tree: Membership,
    /// Not known to be released, in the order of release.
    waiting: Vec<TerminalId>,
    /// How many of them this round has dealt with.
    at: usize,
    /// How many it is dealing with now.
    looking_at: usize,
    held: BTreeMap<Held, u64>,
    /// Of the last whole round.
    held_last: BTreeMap<Held, u64>,
}

impl Sweep {
    pub(super) fn new(campaign: &Campaign, members: &[TerminalId]) -> Self {
        Self {
            tree: Membership::of(members.iter().copied()),
            waiting: plan::release_order(campaign.salt, members),
            at: 0,
            looking_at: 0,
            held: BTreeMap::new(),
            held_last: BTreeMap::new(),
        }
    }

    pub(super) fn tree(&self) -> &Membership {
        &self.tree
    }

    /// Whom to look at now.
    pub(super) fn next(&mut self) -> Vec<TerminalId> {
        let next: Vec<_> =
            self.waiting[self.at..].iter().copied().take(PAGE_ITEMS_MAX as usize).collect();
        self.looking_at = next.len();
        next
    }

    /// Some of those of [`Sweep::next`] need not be looked at again.
    pub(super) fn are_released(&mut self, released: impl Iterator<Item = TerminalId>) {
        let released: BTreeSet<_> = released.collect();
        if !released.is_empty() {
            self.waiting.retain(|terminal| !released.contains(terminal));
            self.looking_at -= released.len();
        }
    }

    /// The plan for those of [`Sweep::next`] was carried out. Gives whether that ended a round.
    pub(super) fn advance(&mut self, plan: &Plan) -> bool {
        for (_, reason) in &plan.held {
            *self.held.entry(*reason).or_default() += 1;
        }
        // Whom the plan released is still in the list, and leaves it when the registry says so.
        self.at += self.looking_at;
        let ended = self.at >= self.waiting.len();
        if ended {
            self.at = 0;
            self.held_last = std::mem::take(&mut self.held);
        }
        ended
    }

    pub(super) fn take_held(&mut self) -> BTreeMap<Held, u64> {
        std::mem::take(&mut self.held_last)
    }
}
