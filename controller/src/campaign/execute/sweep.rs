//! Whom a campaign has still to look at. Pure.
//!
//! Each step looks at a bounded number of members that were not released, in the order of their
//! release, and goes on where the last one stopped; at the end of a round the reasons to hold
//! back are counted. Members of waves that are not open are counted without a look at them. When a
//! whole round has released nobody it rests until something changes, so
//! that a quiet fleet costs nothing. A memory only: after a restart it begins with everybody.

use std::collections::{BTreeMap, BTreeSet};

use shared::id::TerminalId;
use shared::membership::Membership;

use crate::campaign::plan::{Held, Plan};
use crate::campaign::state::CampaignState;
use crate::campaign::wave::{self, Wave};
use crate::registry::campaign::{Campaign, CampaignTally};
use crate::registry::page::PAGE_ITEMS_MAX;

/// Everything on which the plan depends, but for the members themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Circumstances {
    pub(super) state: CampaignState,
    pub(super) time_is_over: bool,
    pub(super) open_wave: u16,
    pub(super) tally: CampaignTally,
    /// See [`crate::registry::fleet::FleetTally::changes`].
    pub(super) changes: u64,
}

#[derive(Debug)]
pub(super) struct Sweep {
    tree: Membership,
    /// Not known to be released, in the order of release, each with its wave.
    waiting: Vec<(TerminalId, u16)>,
    /// How many of them this round has dealt with.
    at: usize,
    /// How many it is dealing with now.
    looking_at: usize,
    /// How many of those that wait are in waves that are open.
    open: usize,
    /// Those of the whole round, as long as it has released nobody.
    circumstances: Option<Circumstances>,
    held: BTreeMap<Held, u64>,
    /// Of the last whole round.
    held_last: BTreeMap<Held, u64>,
}

impl Sweep {
    pub(super) fn new(campaign: &Campaign, waves: &[Wave], members: &[TerminalId]) -> Self {
        let (salt, canary) = (campaign.salt, &campaign.policy.canary);
        let order = wave::release_order(salt, canary, members);
        let with_wave = |id| (id, wave::wave_of(salt, canary, waves, id));
        Self {
            tree: Membership::of(members.iter().copied()),
            waiting: order.into_iter().map(with_wave).collect(),
            at: 0,
            looking_at: 0,
            open: 0,
            circumstances: None,
            held: BTreeMap::new(),
            held_last: BTreeMap::new(),
        }
    }

    pub(super) fn tree(&self) -> &Membership {
        &self.tree
    }

    /// Whom to look at now; `None` when it rests.
    pub(super) fn next(&mut self, now: Circumstances) -> Option<Vec<(TerminalId, u16)>> {
        let end = self.end_of(now.open_wave);
        let same = self.circumstances.as_ref() == Some(&now);
        match (self.at, same) {
            (0, true) => return None,
            (0, false) => self.circumstances = Some(now),
            (_, true) => {}
            (_, false) => self.circumstances = None,
        }
        self.open = end;
        let open = &self.waiting[self.at.min(end)..end];
        let next: Vec<_> = open.iter().copied().take(PAGE_ITEMS_MAX as usize).collect();
        self.looking_at = next.len();
        Some(next)
    }

    /// How many of those that wait are in waves that are open.
    fn end_of(&self, open_wave: u16) -> usize {
        self.waiting.partition_point(|(_, wave)| *wave <= open_wave)
    }

    /// Some of those of [`Sweep::next`] need not be looked at again.
    pub(super) fn are_released(&mut self, released: impl Iterator<Item = TerminalId>) {
        let released: BTreeSet<_> = released.collect();
        if !released.is_empty() {
            self.waiting.retain(|(terminal, _)| !released.contains(terminal));
            self.looking_at -= released.len();
            self.open -= released.len();
        }
    }

    /// The plan for those of [`Sweep::next`] was carried out. Gives whether that ended a round.
    pub(super) fn advance(&mut self, plan: &Plan) -> bool {
        for (_, reason) in &plan.held {
            *self.held.entry(*reason).or_default() += 1;
        }
        if !plan.release.is_empty() {
            self.circumstances = None;
        }
        // Whom the plan released is still in the list, and leaves it when the registry says so.
        self.at += self.looking_at;
        let ended = self.at >= self.open;
        if ended {
            self.at = 0;
            let closed = (self.waiting.len() - self.open) as u64;
            if closed > 0 {
                self.held.insert(plan.of_closed_waves, closed);
            }
            self.held_last = std::mem::take(&mut self.held);
        }
        ended
    }

    pub(super) fn take_held(&mut self) -> BTreeMap<Held, u64> {
        std::mem::take(&mut self.held_last)
    }
}

#[cfg(test)]
mod tests {
    use shared::change::{Change, Ping};
    use shared::digest::Nonce;
    use shared::id::CampaignId;
    use shared::time::UnixTime;

    use super::*;
    use crate::campaign::policy::{Policy, Share};

    const PAGE: usize = PAGE_ITEMS_MAX as usize;

    fn sweep(members: u32) -> Sweep {
        in_waves(members, Policy::PLAIN)
    }

    fn in_waves(members: u32, policy: Policy) -> Sweep {
        let campaign = Campaign {
            id: CampaignId::from_bytes([1; 16]),
            name: None,
            change: Change::Ping(Ping { note: String::new() }),
            selector: "*".to_owned(),
            max_parallel: 1,
            policy: Policy::PLAIN,
            lifetime_s: 60,
            salt: Nonce([1; 16]),
            state: CampaignState::Running,
            state_at: UnixTime(1),
            state_by: String::new(),
            state_why: String::new(),
            created_at: UnixTime(1),
            created_by: String::new(),
            frozen: None,
            ended_at: None,
            held: BTreeMap::new(),
            tripped: None,
        };
        let members = (0..members).map(|number| {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&number.to_be_bytes());
            TerminalId::from_bytes(id)
        });
        let members: Vec<_> = members.collect();
        let waves = wave::cut(campaign.salt, &policy, &members).unwrap();
        Sweep::new(&Campaign { policy, ..campaign }, &waves, &members)
    }

    /// Everybody in `ids` is held back for the same reason.
    fn all_held(ids: &[(TerminalId, u16)]) -> Plan {
        let held = ids.iter().map(|(id, _)| (*id, Held::Offline)).collect();
        Plan { release: vec![], held, of_closed_waves: Held::WaveClosed }
    }

    fn circumstances(changes: u64) -> Circumstances {
        Circumstances {
            state: CampaignState::Running,
            time_is_over: false,
            open_wave: 0,
            tally: CampaignTally::default(),
            changes,
        }
    }

    #[test]
    fn a_round_looks_at_everybody_once_in_bounded_steps_and_counts() {
        let members = 2 * PAGE + 5;
        let mut sweep = sweep(u32::try_from(members).unwrap());
        for round in 0..2 {
            let mut seen = BTreeSet::new();
            loop {
                let ids = sweep.next(circumstances(round)).expect("it is not at rest");
                assert!(ids.len() <= PAGE);
                seen.extend(ids.iter().copied());
                if sweep.advance(&all_held(&ids)) {
                    break;
                }
            }
            assert_eq!(seen.len(), members);
            assert_eq!(sweep.take_held(), BTreeMap::from([(Held::Offline, members as u64)]));
        }
    }

    #[test]
    fn who_is_released_is_not_looked_at_again_and_nobody_is_missed_for_it() {
        let mut sweep = sweep(u32::try_from(PAGE + 10).unwrap());
        let next = |sweep: &mut Sweep| sweep.next(circumstances(1)).expect("no rest");
        let first = next(&mut sweep);
        sweep.are_released(first[..100].iter().map(|(id, _)| *id));
        assert!(!sweep.advance(&all_held(&first[100..])));
        assert_eq!(next(&mut sweep).len(), 10, "the second page begins where the first ended");
        let rest = next(&mut sweep);
        assert!(sweep.advance(&all_held(&rest)));
        let again = sweep.next(circumstances(2)).expect("something changed");
        assert_eq!(again, [&first[100..], &rest[..]].concat());
    }

    #[test]
    fn it_rests_after_a_round_that_released_nobody_until_something_changes() {
        let mut sweep = sweep(u32::try_from(PAGE + 10).unwrap());
        let mut round = |changes: [u64; 2], releases: bool| {
            for changes in changes {
                let Some(ids) = sweep.next(circumstances(changes)) else { return false };
                let mut plan = all_held(&ids);
                if releases {
                    plan.release.extend(plan.held.pop().map(|(id, _)| id));
                }
                sweep.advance(&plan);
            }
            true
        };
        assert!(round([1, 1], true));
        assert!(round([1, 1], false), "whoever was released may not have got an order");
        assert!(!round([1, 1], false), "nothing has changed since");
        assert!(round([2, 3], false));
        assert!(round([3, 3], false), "something changed within the round");
        assert!(!round([3, 3], false));
    }

    #[test]
    fn whoever_is_in_a_wave_that_is_not_open_is_counted_without_a_look() {
        let policy = Policy { waves: vec![Share::Count(3), Share::Rest], ..Policy::PLAIN };
        let mut sweep = in_waves(10, policy);
        let first = sweep.next(circumstances(1)).expect("it is not at rest");
        assert_eq!(first.iter().map(|(_, wave)| *wave).collect::<Vec<_>>(), [0, 0, 0]);
        assert!(sweep.advance(&all_held(&first)));
        let held = BTreeMap::from([(Held::Offline, 3), (Held::WaveClosed, 7)]);
        assert_eq!(sweep.take_held(), held);
        let opened = Circumstances { open_wave: 1, ..circumstances(1) };
        let all = sweep.next(opened).expect("another wave is open");
        assert_eq!(all.len(), 10);
        assert_eq!(all[..3], first);
    }
}
