//! Whom a campaign has still to release, and at whom of these it looks now. Pure.
//!
//! Members stand in the order of their release, and a cursor goes through them once. Whoever it
//! passes is released, or parked with the reason why not; a parked member is looked at again when
//! something has changed about its terminal or in its store, or at the moment that its reason
//! names. While nobody could be released whoever it is, nobody is looked at, and all that wait are
//! counted under that one reason; so are those whose wave is not open. So a step costs what it
//! releases and what has changed, and not what the fleet has, and yet everybody who waits is
//! counted under a reason that holds.
//!
//! A memory only: after a restart it begins with everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::id::TerminalId;
use shared::membership::Membership;
use shared::time::UnixTime;

use super::plan::{Held, HeldBy, Plan};
use super::wave::{self, Wave};
use crate::registry::campaign::{Campaign, CampaignTally};

/// Members at which one step looks at most.
const LOOK_MAX: usize = 1_000;

/// …and at least, where there are places: many of them may be offline.
const LOOK_MIN: usize = 64;

/// After this a member is looked at again whose hours never come, as far as is known: a window may
/// be over only for a while, and come again.
const NEVER_AGAIN: Duration = Duration::from_secs(15 * 60);

/// Where a member stands in the order of release.
type Place = usize;

#[derive(Debug)]
pub struct Frontier {
    /// Over the members of the start.
    tree: Membership,
    /// Everybody else.
    joiners: BTreeSet<TerminalId>,
    /// In the order of release, each with its wave; behind `ordered` whoever joined since, as they
    /// came.
    order: Vec<(TerminalId, u16)>,
    ordered: Place,
    /// Those of the latter whose waves are not open, by wave.
    early: BTreeMap<u16, Vec<Place>>,
    /// It knows whom the campaign means at present.
    pub has_looked_over: bool,
    /// Whoever stands before it was looked at.
    cursor: Place,
    parked: BTreeMap<TerminalId, Parked>,
    /// How many are parked for each reason.
    counts: BTreeMap<Held, u64>,
    by_time: BTreeSet<(UnixTime, TerminalId)>,
    by_store: BTreeMap<String, BTreeSet<TerminalId>>,
    /// Before the cursor, and to be looked at again.
    ready: BTreeMap<Place, TerminalId>,
    /// At whom this step looks, and when that is.
    looking: Vec<Place>,
    now: UnixTime,
    /// Behind whom the next step looks for those whose turn comes again, and for those that have
    /// lent their places: so that those who must wait keep nobody behind them waiting.
    pub again_after: Option<TerminalId>,
    pub lent_after: Option<TerminalId>,
    /// The same of those that are at it and away, and when that is looked at next.
    pub away_after: Option<TerminalId>,
    pub away_at: UnixTime,
    /// How the campaign stood when everybody who had succeeded was asked to come back.
    pub asked_back: Option<CampaignTally>,
    /// Up to where it knows the fleet's changes.
    pub up_to: UpTo,
}

/// Up to where the fleet's changes are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpTo {
    pub changes: u64,
    pub upheavals: u64,
}

#[derive(Debug)]
struct Parked {
    place: Place,
    why: HeldBy,
    /// When it is looked at again by time alone.
    again_at: Option<UnixTime>,
    store: String,
}

impl Frontier {
    /// `members` are all there are, those who joined after the start among them.
    pub fn new(
        campaign: &Campaign,
        waves: &[Wave],
        members: &[TerminalId],
        joiners: BTreeSet<TerminalId>,
        up_to: UpTo,
    ) -> Self {
        let (salt, canary) = (campaign.salt, &campaign.policy.canary);
        let order = wave::release_order(salt, canary, members);
        let with_wave = |id| (id, wave::wave_of(salt, canary, waves, id));
        Self {
            tree: Membership::of(members.iter().copied().filter(|it| !joiners.contains(it))),
            joiners,
            ordered: order.len(),
            order: order.into_iter().map(with_wave).collect(),
            early: BTreeMap::new(),
            has_looked_over: false,
            cursor: 0,
            parked: BTreeMap::new(),
            counts: BTreeMap::new(),
            by_time: BTreeSet::new(),
            by_store: BTreeMap::new(),
            ready: BTreeMap::new(),
            looking: vec![],
            now: UnixTime(0),
            again_after: None,
            lent_after: None,
            away_after: None,
            away_at: UnixTime(0),
            asked_back: None,
            up_to,
        }
    }

    /// Over the members of the start.
    pub fn tree(&self) -> &Membership {
        &self.tree
    }

    pub fn has_joined(&self, terminal: TerminalId) -> bool {
        self.joiners.contains(&terminal)
    }

    pub fn is_member(&self, terminal: TerminalId) -> bool {
        self.tree.contains(terminal) || self.has_joined(terminal)
    }

    /// These are members from now on, each in its wave. Whoever is one already stays as it is.
    pub fn join(&mut self, joiners: &[(TerminalId, u16)]) {
        for (terminal, wave) in joiners {
            if !self.is_member(*terminal) {
                self.joiners.insert(*terminal);
                self.early.entry(*wave).or_default().push(self.order.len());
                self.order.push((*terminal, *wave));
            }
        }
    }

    /// Something has changed about these terminals, which stand in these stores.
    pub fn wake<'a>(&mut self, changed: impl IntoIterator<Item = (TerminalId, &'a str)>) {
        for (terminal, store) in changed {
            self.is_ready(terminal);
            for terminal in self.by_store.remove(store).unwrap_or_default() {
                self.is_ready(terminal);
            }
        }
    }

    /// Anything may have changed about anybody.
    pub fn wake_all(&mut self) {
        let all: Vec<_> = self.parked.keys().copied().collect();
        for terminal in all {
            self.is_ready(terminal);
        }
    }

    /// At whom to look, when there are so many places; in the order of their release. Nobody while
    /// no place is free.
    pub fn next(&mut self, open_wave: u16, places: u64, now: UnixTime) -> Vec<(TerminalId, u16)> {
        self.now = now;
        while let Some((at, terminal)) = self.by_time.first().copied()
            && at <= now
        {
            self.by_time.remove(&(at, terminal));
            self.is_ready(terminal);
        }
        let places = usize::try_from(places).unwrap_or(usize::MAX);
        while let Some(early) = self.early.first_entry()
            && *early.key() <= open_wave
        {
            let places = early.remove();
            self.ready.extend(places.into_iter().map(|place| (place, self.order[place].0)));
        }
        let most = match places {
            0 => 0,
            _ => places.saturating_mul(2).clamp(LOOK_MIN, LOOK_MAX),
        };
        self.looking = self.ready.keys().copied().take(most).collect();
        for place in &self.looking {
            self.ready.remove(place);
        }
        let end = self.end_of(open_wave).min(self.cursor.saturating_add(most - self.looking.len()));
        self.looking.extend(self.cursor..end);
        self.cursor = self.cursor.max(end);
        self.looking.iter().map(|place| self.order[*place]).collect()
    }

    /// What came of those of [`Frontier::next`]: `gone` were released before, or are now; whoever
    /// the plan releases and is not among them got no order, and is looked at again. Stores are
    /// those of the ones that are held.
    pub fn settle(
        &mut self,
        plan: &Plan,
        gone: &BTreeSet<TerminalId>,
        mut store_of: impl FnMut(TerminalId) -> String,
    ) {
        let held: BTreeMap<_, _> = plan.held.iter().copied().collect();
        for place in std::mem::take(&mut self.looking) {
            let (terminal, _) = self.order[place];
            if gone.contains(&terminal) {
                continue;
            }
            match held.get(&terminal) {
                Some(why) if !why.reason.is_shared() => {
                    self.park(place, *why, store_of(terminal));
                }
                Some(_) | None => {
                    self.ready.insert(place, terminal);
                }
            }
        }
    }

    fn park(&mut self, place: Place, why: HeldBy, store: String) {
        let (terminal, _) = self.order[place];
        let of_hours = matches!(why.reason, Held::Window | Held::Freeze);
        let again_at = why.next.or_else(|| of_hours.then(|| self.now.plus(NEVER_AGAIN)));
        if let Some(at) = again_at {
            self.by_time.insert((at, terminal));
        }
        if why.reason.is_by_store() {
            self.by_store.entry(store.clone()).or_default().insert(terminal);
        }
        *self.counts.entry(why.reason).or_default() += 1;
        self.parked.insert(terminal, Parked { place, why, again_at, store });
    }

    fn is_ready(&mut self, terminal: TerminalId) {
        let Some(parked) = self.parked.remove(&terminal) else { return };
        let Parked { place, why, again_at, store } = parked;
        if let Some(at) = again_at {
            self.by_time.remove(&(at, terminal));
        }
        if let Some(there) = self.by_store.get_mut(&store) {
            there.remove(&terminal);
        }
        if let Some(count) = self.counts.get_mut(&why.reason) {
            *count -= 1;
        }
        self.counts.retain(|_, count| *count > 0);
        self.ready.insert(place, terminal);
    }

    /// Whether somebody is left at whom to look as soon as somebody can be released.
    pub fn is_eager(&self, open_wave: u16) -> bool {
        let is_due = |wave: &u16| *wave <= open_wave;
        !self.ready.is_empty()
            || self.cursor < self.end_of(open_wave)
            || self.early.keys().next().is_some_and(is_due)
    }

    /// Why all that wait do so: `whole` is what holds the campaign, `room` why nobody can be
    /// released whoever it is, where that is so.
    pub fn held(
        &self,
        open_wave: u16,
        whole: Option<Held>,
        room: Option<Held>,
    ) -> BTreeMap<Held, u64> {
        let end = self.end_of(open_wave);
        let joined = |is_open: bool| -> usize {
            let of = |(wave, places): (&u16, &Vec<Place>)| {
                if (*wave <= open_wave) == is_open { places.len() } else { 0 }
            };
            self.early.iter().map(of).sum()
        };
        let unseen = end.saturating_sub(self.cursor) + self.ready.len() + joined(true);
        let closed = self.ordered - end.max(self.cursor) + joined(false);
        let (mut held, rest) = match whole {
            Some(whole) => {
                (BTreeMap::new(), [(whole, self.parked.len() + unseen + closed), (whole, 0)])
            }
            None => {
                let room = room.unwrap_or(Held::NoPlace);
                (self.counts.clone(), [(room, unseen), (Held::WaveClosed, closed)])
            }
        };
        for (reason, more) in rest {
            if more > 0 {
                *held.entry(reason).or_default() += more as u64;
            }
        }
        held
    }

    /// When time alone changes something for those that wait for each reason.
    pub fn next_by_reason(&self) -> BTreeMap<Held, UnixTime> {
        let mut next = BTreeMap::new();
        for (at, terminal) in &self.by_time {
            let why = self.parked.get(terminal).map(|parked| parked.why);
            if let Some(HeldBy { reason, next: Some(_) }) = why {
                next.entry(reason).or_insert(*at);
            }
        }
        next
    }

    fn end_of(&self, open_wave: u16) -> Place {
        self.order[..self.ordered].partition_point(|(_, wave)| *wave <= open_wave)
    }
}

#[cfg(test)]
mod tests;
