//! Which snapshots of a terminal stay, and why; which go, and when. Pure.
//!
//! Rules count as restic does: the newest ones, and the newest one of each of the last days, weeks
//! and months (UTC) that have any. Newest is what has the highest number, and the day is that of
//! reception: both are the controller's to know, so a terminal whose clock is wrong, or that lies
//! about it, pushes nothing out.
//!
//! The controller has no key to what it keeps, and data of many snapshots lies in one pack, so
//! nothing can be taken out of a repository: one goes as a whole, once it is closed and nothing in
//! it stays.

pub mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::digest::Digest;
use shared::document::purge_certificate::{KeepRules, PurgeReason};
use shared::id::{RepositoryId, TerminalId};
use shared::time::UnixTime;

use super::schedule::Every;
use super::state::SnapshotState;
use crate::registry::backup::Repository;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What is kept, and for how long what is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub rules: KeepRules,
    /// Between expiring and being deleted: the time in which it can still be held.
    pub purge_after_days: u32,
    /// After a terminal is closed its snapshots expire, when so much time is over.
    pub closed_days: u32,
}

impl Policy {
    pub fn purge_after(&self) -> Duration {
        DAY * self.purge_after_days
    }

    fn closed_for(&self) -> Duration {
        DAY * self.closed_days
    }
}

/// A snapshot, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub manifest: Digest,
    pub number: u64,
    pub repository: RepositoryId,
    pub taken_at: UnixTime,
    pub received_at: UnixTime,
    pub state: SnapshotState,
    pub state_at: UnixTime,
    /// All of it is whole in both places: it is available, or would be if it did not expire.
    pub is_whole: bool,
    pub is_held: bool,
    /// Why it expires, if it does.
    pub expires_for: Option<PurgeReason>,
}

/// What a terminal has saved and what of it is not purged yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    pub terminal: TerminalId,
    pub serial: String,
    /// When it was revoked.
    pub closed_at: Option<UnixTime>,
    /// The oldest first.
    pub repositories: Vec<Repository>,
    /// By number, ascending.
    pub snapshots: Vec<Candidate>,
}

/// Why a snapshot stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StayReason {
    Held,
    Last,
    Daily,
    Weekly,
    Monthly,
    /// No newer one can be restored.
    NewestAvailable,
    /// No other one can be restored.
    OnlyAvailable,
    /// It cannot be restored (yet), and a rule would keep it if it could.
    Unproven,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Stays(BTreeSet<StayReason>),
    Goes(PurgeReason),
}

impl Verdict {
    pub fn stays(&self) -> bool {
        matches!(self, Self::Stays(_))
    }
}

/// What becomes of each snapshot, in the order in which they stand in `of`.
pub fn decide(of: &Holding, policy: &Policy, now: UnixTime) -> Vec<Verdict> {
    let over = of.closed_at.filter(|at| now >= at.plus(policy.closed_for()));
    if let Some(closed_at) = over {
        let closed = PurgeReason::TerminalClosed { closed_at, kept_days: policy.closed_days };
        let verdict = |it: &Candidate| match it.is_held {
            true => Verdict::Stays(BTreeSet::from([StayReason::Held])),
            false => Verdict::Goes(it.expires_for.clone().unwrap_or_else(|| closed.clone())),
        };
        return of.snapshots.iter().map(verdict).collect();
    }
    let protected = protected(of);
    // One that an operator asked for is not counted, unless it stays all the same.
    let is_out = |it: &Candidate| {
        is_asked(it) && protected.is_none_or(|(manifest, _)| manifest != it.manifest)
    };
    let counted: Vec<_> = of.snapshots.iter().filter(|it| it.is_whole && !is_out(it)).collect();
    let picked = pick(counted.iter().copied(), &policy.rules);
    let verdict = |it: &Candidate| {
        let mut reasons = BTreeSet::new();
        if it.is_held {
            reasons.insert(StayReason::Held);
        }
        if let Some((manifest, reason)) = protected
            && manifest == it.manifest
        {
            reasons.insert(reason);
        }
        if !is_out(it) {
            match it.is_whole {
                true => reasons.extend(picked.get(&it.manifest).into_iter().flatten()),
                false if would_be_picked(it, &counted, &policy.rules) => {
                    reasons.insert(StayReason::Unproven);
                }
                false => {}
            }
        }
        match reasons.is_empty() {
            false => Verdict::Stays(reasons),
            true => Verdict::Goes(
                it.expires_for.clone().unwrap_or(PurgeReason::NotKept { rules: policy.rules }),
            ),
        }
    };
    of.snapshots.iter().map(verdict).collect()
}

/// Whether an operator asked for it to go, and nobody holds it since.
fn is_asked(it: &Candidate) -> bool {
    !it.is_held && matches!(it.expires_for, Some(PurgeReason::Asked { .. }))
}

/// The one that is left when all others go: the newest that can be restored. An operator who asks
/// for that one must say so, and whoever asked while there was another one did not.
fn protected(of: &Holding) -> Option<(Digest, StayReason)> {
    let is_last_asked = |it: &&Candidate| {
        let last_copy = matches!(it.expires_for, Some(PurgeReason::Asked { last_copy: true, .. }));
        last_copy && is_asked(it)
    };
    let mut whole = of.snapshots.iter().filter(|it| it.is_whole && !is_last_asked(it));
    let unasked = whole.clone().filter(|it| !is_asked(it)).max_by_key(|it| it.number);
    let newest = match of.closed_at {
        // A closed terminal needs nothing to go on with.
        Some(_) => unasked?,
        None => unasked.or_else(|| whole.clone().max_by_key(|it| it.number))?,
    };
    let others = whole.any(|it| it.manifest != newest.manifest && !is_asked(it));
    let reason = if others { StayReason::NewestAvailable } else { StayReason::OnlyAvailable };
    Some((newest.manifest, reason))
}

/// Which of these the rules keep.
fn pick<'a>(
    of: impl Iterator<Item = &'a Candidate>,
    rules: &KeepRules,
) -> BTreeMap<Digest, BTreeSet<StayReason>> {
    let mut newest_first: Vec<_> = of.collect();
    newest_first.sort_by_key(|it| std::cmp::Reverse(it.number));
    let mut picked: BTreeMap<Digest, BTreeSet<StayReason>> = BTreeMap::new();
    for it in newest_first.iter().take(as_count(rules.last)) {
        picked.entry(it.manifest).or_default().insert(StayReason::Last);
    }
    let periods = [
        (Every::Day, rules.daily, StayReason::Daily),
        (Every::Week, rules.weekly, StayReason::Weekly),
        (Every::Month, rules.monthly, StayReason::Monthly),
    ];
    for (every, count, reason) in periods {
        let mut seen = BTreeSet::new();
        for it in &newest_first {
            let period = every.period(it.received_at).0;
            if seen.len() < as_count(count) && seen.insert(period) {
                picked.entry(it.manifest).or_default().insert(reason);
            }
        }
    }
    picked
}

fn would_be_picked(it: &Candidate, counted: &[&Candidate], rules: &KeepRules) -> bool {
    let with = counted.iter().copied().chain([it]);
    pick(with, rules).contains_key(&it.manifest)
}

fn as_count(rule: u32) -> usize {
    usize::try_from(rule).unwrap_or(usize::MAX)
}

/// When a repository goes as a whole, or what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    At(UnixTime),
    /// Its terminal still writes into it.
    Open,
    /// Something in it stays.
    Kept,
    /// It is being deleted.
    Purging,
}

/// When this repository goes, as its snapshots are now.
pub fn departure(of: &Repository, holding: &Holding, policy: &Policy) -> Departure {
    if of.purging_at.is_some() || of.purged_at.is_some() {
        return Departure::Purging;
    }
    let Some(closed_at) = of.closed_at else { return Departure::Open };
    let mut last = closed_at;
    for it in holding.snapshots.iter().filter(|it| it.repository == of.id) {
        if it.state != SnapshotState::Expiring || it.is_held {
            return Departure::Kept;
        }
        last = last.max(it.state_at);
    }
    Departure::At(last.plus(policy.purge_after()))
}

#[cfg(test)]
mod tests;
