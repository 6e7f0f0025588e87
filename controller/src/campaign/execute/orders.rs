//! Signs orders and stores them, for whomever and whatever for.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use shared::calendar::Calendar;
use shared::change::{Cancel, Change};
use shared::document::order::Stream;
use shared::id::TerminalId;
use shared::limits::short_text;
use shared::membership::Membership;
use tracing::debug;

use super::super::gather::Gathered;
use super::super::paper::{self, BatchTerms, OrderPlace};
use super::{Execute, Motion, Result};
use crate::registry::campaign::{Assignment, Issue, Purpose, StoredBatch};
use crate::registry::delivery::{NewOrder, Numbering};

/// What a terminal says of an order that was taken back from it: no more than it has to know.
const WHY_RECALLED: &str = "somebody finds it suspicious, or has it left out";

/// The same of an order that is released again under another batch.
const WHY_WITHDRAWN: &str = "taken back for now: its turn comes again";

/// An order that is to be made.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) terminal: TerminalId,
    pub(super) attempt: u32,
    pub(super) issue: u16,
    pub(super) wave: u16,
}

/// What orders say of their terminals.
pub(super) struct Facts {
    pub(super) numbering: BTreeMap<TerminalId, Numbering>,
    /// When each may be carried out, where something closes.
    calendars: BTreeMap<TerminalId, Calendar>,
    upheavals: u64,
}

impl Facts {
    pub(super) fn of(numbering: BTreeMap<TerminalId, Numbering>, gathered: Gathered) -> Self {
        let Gathered { calendars, upheavals, .. } = gathered;
        Self { numbering, calendars, upheavals }
    }
}

impl Wanted {
    /// Another order about the one that this assignment has.
    fn about(it: &Assignment) -> Self {
        Self { terminal: it.terminal, attempt: it.attempt, issue: it.issue, wave: it.wave }
    }

    pub(super) fn next_attempt(it: &Assignment) -> Self {
        Self { attempt: it.attempt.saturating_add(1), ..Self::about(it) }
    }
}

impl Execute {
    pub(super) async fn numbering(
        &self,
        terminals: impl Iterator<Item = TerminalId>,
    ) -> Result<BTreeMap<TerminalId, Numbering>> {
        let terminals: Vec<_> = terminals.collect();
        if terminals.is_empty() {
            return Ok(BTreeMap::new());
        }
        let numbering = self.registry.numbering(&terminals).await?;
        Ok(numbering.into_iter().map(|it| (it.terminal, it)).collect())
    }

    /// Orders that end what these assignments have been ordered.
    pub(super) async fn order_about(
        &self,
        motion: &Motion,
        purpose: Purpose,
        assignments: &[Assignment],
    ) -> Result<()> {
        let numbering = self.numbering(assignments.iter().map(|it| it.terminal)).await?;
        let wanted = assignments.iter().map(Wanted::about).collect();
        let facts = Facts::of(numbering, Gathered::default());
        self.order(motion, purpose, wanted, &facts).await?;
        Ok(())
    }

    /// Signs and stores an order for each of these; gives whose were stored. Where the number was
    /// taken meanwhile, or the room, there is none, and the terminal's turn comes again.
    pub(super) async fn order(
        &self,
        motion: &Motion,
        purpose: Purpose,
        wanted: Vec<Wanted>,
        facts: &Facts,
    ) -> Result<BTreeSet<TerminalId>> {
        let mut by_issue: BTreeMap<Issue, Vec<Wanted>> = BTreeMap::new();
        for it in wanted {
            let joiner = Some(it.terminal).filter(|it| motion.frontier.has_joined(*it));
            by_issue.entry(Issue { number: it.issue, joiner }).or_default().push(it);
        }
        let mut ordered = BTreeSet::new();
        for (issue, wanted) in by_issue {
            let batch = self.batch(motion, purpose, issue).await?;
            ordered.extend(self.order_under(motion, &batch, wanted, facts).await?);
        }
        Ok(ordered)
    }

    async fn order_under(
        &self,
        motion: &Motion,
        batch: &StoredBatch,
        wanted: Vec<Wanted>,
        facts: &Facts,
    ) -> Result<BTreeSet<TerminalId>> {
        if motion.now >= batch.not_after {
            // Terminals would refuse it, and an order is made once.
            return Ok(BTreeSet::new());
        }
        let StoredBatch { campaign, purpose, .. } = *batch;
        let change = &motion.campaign.change;
        let tree = tree(motion, batch.issue);
        let class = motion.campaign.class();
        let count = wanted.len();
        let sign = |it: Wanted| -> Option<NewOrder> {
            let Wanted { terminal, attempt, wave, .. } = it;
            let Numbering { epoch, order_seq, approved_seq, .. } =
                *facts.numbering.get(&terminal)?;
            let last = match paper::stream(purpose, change) {
                Stream::Routine => order_seq,
                Stream::Approved => approved_seq,
            };
            let seq = last.saturating_add(1);
            let calendar = match purpose {
                Purpose::Change => facts.calendars.get(&terminal).cloned(),
                Purpose::Cancel | Purpose::Recall | Purpose::Withdraw => None,
            };
            let upheavals = facts.upheavals;
            let place =
                OrderPlace { terminal, epoch, seq, attempt, wave, class, calendar, upheavals };
            paper::order(&self.signer, batch, change, place, &tree)
        };
        let orders: Vec<_> = wanted.into_iter().filter_map(sign).collect();
        let issued = self.registry.issue(campaign, purpose, &orders, motion.now).await?;
        debug!(%campaign, ?purpose, issued = issued.len(), wished = count, "ordered");
        if !issued.is_empty() {
            self.deliver.poke();
        }
        let issued: BTreeSet<_> = issued.into_iter().collect();
        let stored = orders.iter().filter(|it| issued.contains(&it.id));
        Ok(stored.map(|it| it.terminal).collect())
    }

    /// The batch that people started, one that says the same again for those that were taken back
    /// or for one that has joined, or one that cancels any of these.
    async fn batch(&self, motion: &Motion, purpose: Purpose, issue: Issue) -> Result<StoredBatch> {
        let Motion { campaign, frozen, now, .. } = motion;
        if let Some(stored) = self.registry.batch(campaign.id, purpose, issue).await? {
            return Ok(stored);
        }
        let cancel = |reason: &str| {
            let batch = paper::batch_id(campaign.id, Purpose::Change, issue);
            Change::Cancel(Cancel { batch, reason: short_text(reason) })
        };
        let (change, not_before) = match purpose {
            Purpose::Change => {
                (campaign.change.clone(), campaign.policy.begins_at(frozen.started_at))
            }
            Purpose::Cancel => (cancel(&campaign.state_why), campaign.state_at),
            Purpose::Recall => (cancel(WHY_RECALLED), *now),
            Purpose::Withdraw => (cancel(WHY_WITHDRAWN), *now),
        };
        let not_after = match purpose {
            Purpose::Change => frozen.not_after,
            Purpose::Cancel | Purpose::Recall | Purpose::Withdraw => {
                paper::cancelled_until(not_before)
            }
        };
        let campaign = campaign.id;
        let terms = BatchTerms { campaign, purpose, issue, change, not_before, not_after };
        // The first one that was stored counts, whoever signed it.
        self.registry.put_batch(&paper::batch(&self.signer, terms, &tree(motion, issue))).await
    }
}

/// Whom a batch is for.
fn tree(motion: &Motion, issue: Issue) -> Cow<'_, Membership> {
    match issue.joiner {
        Some(joiner) => Cow::Owned(Membership::of([joiner])),
        None => Cow::Borrowed(motion.frontier.tree()),
    }
}
