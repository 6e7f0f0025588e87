//! One campaign as it is watched: whom it has released, who is at it, and how its waves stand by a
//! count of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use controller::campaign::assignment::AssignmentState;
use controller::campaign::policy::{Gate, Share};
use controller::kind::Disturbs;
use shared::document::order::Class;
use shared::time::UnixTime;

use crate::fleet::books::Started;
use crate::fleet::estate::TillNumber;

/// What a rate lets through at once after a pause.
const BURST_MS: i64 = 60_000;

#[derive(Debug)]
pub(super) struct Watched {
    pub(super) class: Class,
    pub(super) disturbs: bool,
    pub(super) store_at_once: Option<u32>,
    pub(super) max_parallel: usize,
    pub(super) not_after: UnixTime,
    /// Milliseconds that each release takes, and up to when they are taken.
    rate: Option<(i64, i64)>,
    gate: Option<Gate>,
    waves: Vec<Wave>,
    pub(super) wave_of: BTreeMap<TillNumber, usize>,
    /// Never released.
    pub(super) waiting: BTreeSet<TillNumber>,
    released: BTreeMap<TillNumber, UnixTime>,
    /// Each one's last end.
    came_to: BTreeMap<TillNumber, AssignmentState>,
    pub(super) issued: BTreeSet<(TillNumber, u16)>,
    /// Whoever has a place.
    at_it: BTreeSet<TillNumber>,
    /// Of these, who had lent it and has begun all the same: it was sent the order before.
    by_themselves: BTreeSet<TillNumber>,
    pub(super) granted: Option<TillNumber>,
    stopped: Option<&'static str>,
    /// Who could be released, and since when.
    pub(super) could: BTreeMap<TillNumber, UnixTime>,
    pub(super) looked_at: UnixTime,
}

#[derive(Debug, Default)]
struct Wave {
    size: u64,
    opened_at: Option<UnixTime>,
    /// Since when as much was attempted as a sample needs…
    sampled_at: Option<UnixTime>,
    /// …and as the gate asks for.
    reached_at: Option<UnixTime>,
    succeeded: u64,
    bad: u64,
}

impl Watched {
    pub(super) fn new(started: &Started) -> Self {
        let Started { campaign, frozen, members, waves, .. } = started;
        let rate = campaign.policy.rate.map(|rate| {
            let text = rate.to_string();
            let per_hour = text.strip_suffix("/h").and_then(|it| it.parse::<i64>().ok());
            (3_600_000 / per_hour.expect("so many an hour"), 0)
        });
        let wave = |it: &controller::registry::campaign::WaveStanding| Wave {
            size: u64::from(it.wave.size),
            opened_at: it.opened_at,
            ..Wave::default()
        };
        let in_wave = |till: &TillNumber| (*till, usize::from(started.wave_of(*till)));
        Self {
            class: campaign.class(),
            disturbs: campaign.terms().disturbs == Disturbs::InItsTurn,
            store_at_once: campaign.policy.store_at_once,
            max_parallel: campaign.max_parallel as usize,
            not_after: frozen.not_after,
            rate,
            gate: campaign.policy.gate.clone(),
            waves: waves.iter().map(wave).collect(),
            wave_of: members.iter().map(in_wave).collect(),
            waiting: members.iter().copied().collect(),
            released: BTreeMap::new(),
            came_to: BTreeMap::new(),
            issued: BTreeSet::new(),
            at_it: BTreeSet::new(),
            by_themselves: BTreeSet::new(),
            granted: None,
            stopped: None,
            could: BTreeMap::new(),
            looked_at: UnixTime(0),
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    pub(super) fn is_open(&self, wave: usize) -> bool {
        self.waves[wave].opened_at.is_some()
    }

    pub(super) fn open(&mut self, wave: usize, now: UnixTime) {
        self.waves[wave].opened_at = Some(now);
    }

    pub(super) fn released_at(&self, till: TillNumber) -> UnixTime {
        self.released.get(&till).copied().unwrap_or(UnixTime(0))
    }

    /// Whoever goes on by itself, after an hour without an answer, has a place that nobody gave it.
    pub(super) fn places_taken(&self) -> usize {
        self.at_it.len() - self.by_themselves.len()
    }

    pub(super) fn places_free(&self) -> usize {
        self.max_parallel.saturating_sub(self.at_it.len())
    }

    /// Whether one more may be released by the rate.
    pub(super) fn is_in_time(&self, now: UnixTime) -> bool {
        let now = now.0 * 1_000;
        self.rate.is_none_or(|(each, until)| until.max(now) + each <= now + BURST_MS.max(each))
    }

    pub(super) fn wrong_about_turn(&mut self, now: UnixTime) -> Vec<String> {
        let mut wrong: Vec<_> = self.stopped.map(str::to_owned).into_iter().collect();
        if !self.is_in_time(now) {
            wrong.push("that is more than its rate".to_owned());
        }
        if let Some((each, until)) = &mut self.rate {
            *until = (*until).max(now.0 * 1_000) + *each;
        }
        wrong
    }

    pub(super) fn wrong_about_release(
        &mut self,
        till: TillNumber,
        issue: u16,
        now: UnixTime,
    ) -> Vec<String> {
        let mut wrong = self.wrong_about_turn(now);
        if !self.is_open(self.wave_of[&till]) {
            wrong.push("its wave is not open".to_owned());
        }
        if self.issued.contains(&(till, issue)) {
            wrong.push(format!("it was released in issue {issue} before"));
        }
        if now >= self.not_after {
            wrong.push("its orders are void".to_owned());
        }
        self.waiting.remove(&till);
        self.could.remove(&till);
        self.released.insert(till, now);
        wrong
    }

    pub(super) fn moves(
        &mut self,
        till: TillNumber,
        wave: usize,
        from: Option<AssignmentState>,
        to: AssignmentState,
        now: UnixTime,
    ) {
        let had_lent = from == Some(AssignmentState::Unanswered);
        match to.takes_a_place() {
            true => {
                self.at_it.insert(till);
                if had_lent && self.granted.take() != Some(till) {
                    self.by_themselves.insert(till);
                }
            }
            false => {
                self.at_it.remove(&till);
                self.by_themselves.remove(&till);
            }
        }
        // Of one that is tried again its last end stands until the next one is known.
        let of = &mut self.waves[wave];
        if to.is_end() {
            match self.came_to.insert(till, to) {
                Some(AssignmentState::Succeeded) => of.succeeded -= 1,
                Some(before) if before.is_bad() => of.bad -= 1,
                Some(_) | None => {}
            }
            of.succeeded += u64::from(to == AssignmentState::Succeeded);
            of.bad += u64::from(to.is_bad());
        }
        let (size, attempted) = (of.size, of.succeeded + of.bad);
        if let Some(gate) = &self.gate {
            if attempted >= sample(gate, size) {
                of.sampled_at.get_or_insert(now);
            }
            let is_enough = attempted >= needed(gate, size).max(sample(gate, size));
            if is_enough {
                of.reached_at.get_or_insert(now);
            }
            if of.bad > allowed(gate, size) {
                self.stopped = Some("too many have failed");
            }
        }
    }

    /// Why the next wave may not begin.
    pub(super) fn why_not_passed(&self, wave: usize, now: UnixTime) -> Option<String> {
        let (gate, of) = (self.gate.as_ref()?, &self.waves[wave]);
        let attempted = of.succeeded + of.bad;
        let opened_at = of.opened_at?;
        let waited_for = gate.reach_after.map(|after| opened_at.plus(after));
        // Whoever was waited for long enough holds up nobody.
        let given_up_at = of.sampled_at.zip(waited_for).map(|(sampled, at)| at.max(sampled));
        let given_up_at = given_up_at.filter(|at| *at <= now);
        let reached_at = [of.reached_at, given_up_at].into_iter().flatten().min();
        let Some(reached_at) = reached_at else {
            return Some(format!("{attempted} of {} were attempted", of.size));
        };
        if now < reached_at.plus(gate.soak) {
            return Some(format!("it soaks since {reached_at}"));
        }
        let is_too_few = of.succeeded * 100 < attempted * u64::from(gate.success_percent_min);
        is_too_few.then(|| format!("{} of {attempted} have succeeded", of.succeeded))
    }
}

fn needed(gate: &Gate, size: u64) -> u64 {
    (size * u64::from(gate.reach_percent_min)).div_ceil(100)
}

/// A wave that is smaller is its own sample.
fn sample(gate: &Gate, size: u64) -> u64 {
    u64::from(gate.sample_min).min(size)
}

fn allowed(gate: &Gate, size: u64) -> u64 {
    match gate.bad_max {
        Share::Count(count) => count.into(),
        Share::Percent(percent) => size * u64::from(percent) / 100,
        Share::Rest => size,
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { waves, released, waiting, .. } = self;
        let [succeeded, bad] = [|it: &Wave| it.succeeded, |it: &Wave| it.bad]
            .map(|of| waves.iter().map(of).sum::<u64>());
        write!(
            out,
            "{} released, {} wait, {succeeded} succeeded, {bad} bad",
            released.len(),
            waiting.len()
        )
    }
}
