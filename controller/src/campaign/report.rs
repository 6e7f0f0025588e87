//! What a campaign has come to: whom it reached, what became of them, how long each step took and
//! who is still missing. Pure: members come in one by one, the report goes out.

pub mod health;

use std::collections::BTreeMap;

use shared::id::TerminalId;
use shared::message::Component;
use shared::outcome::Outcome;
use shared::time::UnixTime;

use super::assignment::{AssignmentState, Standing};
use super::view::{self, Why};
use crate::registry::released::Released;
use crate::registry::terminal::Presence;
use health::{Comparing, Health};

/// Stragglers that are shown one by one, those that wait longest first; the others are counted.
pub const STRAGGLERS_MAX: usize = 100;

/// Parts that a time line has at most: what can be told apart on a sheet of paper.
const PARTS_MAX: i64 = 60;

/// How long a part of a time line can be, in seconds.
const PARTS_S: [i64; 8] = [60, 300, 900, 3_600, 4 * 3_600, 86_400, 7 * 86_400, 28 * 86_400];

/// What an upgrade installs, for what versions are told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    pub component: String,
    pub artifact_bytes: u64,
}

impl Installed {
    /// Of its component: what ran when the terminal was released, and what it said last.
    pub fn versions(&self, it: &Released) -> [Option<String>; 2] {
        let version = |of: &Option<Vec<Component>>| {
            let found = of.iter().flatten().find(|it| it.name == self.component);
            found.map(|it| it.version.clone())
        };
        [version(&it.ran), version(&it.runs)]
    }
}

/// How many of some members came how far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    pub released: u64,
    pub succeeded: u64,
    /// By the code of what went wrong.
    pub bad: BTreeMap<String, u64>,
    /// Their orders ran out before they had accepted them.
    pub unreached: u64,
    /// Ended without having been tried: expired, superseded, cancelled or taken back.
    pub untried: u64,
    pub open: u64,
}

impl Coverage {
    /// Those that have succeeded or ended badly.
    pub fn attempted(&self) -> u64 {
        self.succeeded + self.bad()
    }

    pub fn bad(&self) -> u64 {
        self.bad.values().sum()
    }

    fn add(&mut self, standing: &Standing) {
        let state = standing.state();
        self.released += 1;
        if state == AssignmentState::Succeeded {
            self.succeeded += 1;
        } else if state.is_bad() {
            let code = view::why(standing).map_or_else(|| state.as_str().to_owned(), |it| it.code);
            *self.bad.entry(code).or_default() += 1;
        } else if state == AssignmentState::Unreached {
            self.unreached += 1;
        } else if state.is_end() {
            self.untried += 1;
        } else {
            self.open += 1;
        }
    }
}

/// A member of which something is still expected, or that was never reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Straggler {
    pub terminal: TerminalId,
    pub serial: String,
    pub store: String,
    pub model: String,
    /// `None` while it is held back.
    pub state: Option<AssignmentState>,
    pub why: Option<Why>,
    pub since: Option<UnixTime>,
    /// When it was heard last, of one that is offline.
    pub offline_since: Option<UnixTime>,
}

/// How long a step took those that it is known of, in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    pub step: String,
    pub terminals: u64,
    pub p50_s: u64,
    pub p90_s: u64,
    pub p99_s: u64,
}

/// Terminals that went from one version to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moved {
    pub before: Option<String>,
    pub after: Option<String>,
}

/// What those run that have succeeded, by what they have said since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// They still run what they were brought.
    pub as_brought: u64,
    /// They say that they run something else by now.
    pub other_version: u64,
    /// They are offline.
    pub offline: u64,
}

/// Ends within one part of the time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub from: UnixTime,
    pub succeeded: u64,
    pub bad: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub total: Coverage,
    /// By number, from 0.
    pub waves: BTreeMap<u16, Coverage>,
    pub stores: BTreeMap<String, Coverage>,
    pub models: BTreeMap<String, Coverage>,
    /// Of those that were released.
    pub stragglers: Vec<Straggler>,
    pub stragglers_count: u64,
    /// In the order in which they are gone through.
    pub phases: Vec<Phase>,
    pub moved: BTreeMap<Moved, u64>,
    pub since: Since,
    pub health: Health,
    pub bytes_fetched: u64,
    pub time_line: Vec<Part>,
    /// How long each part of it is, in seconds.
    pub part_s: u64,
}

/// What is known of the members that were gone through so far.
#[derive(Debug)]
pub struct Gathering {
    installed: Option<Installed>,
    /// From the campaign's start to now: a terminal whose clock is wrong ended within it, too.
    within: (UnixTime, UnixTime),
    total: Coverage,
    waves: BTreeMap<u16, Coverage>,
    stores: BTreeMap<String, Coverage>,
    models: BTreeMap<String, Coverage>,
    stragglers: BTreeMap<(UnixTime, TerminalId), Straggler>,
    stragglers_count: u64,
    phases: BTreeMap<String, Durations>,
    moved: BTreeMap<Moved, u64>,
    since: Since,
    comparing: Comparing,
    bytes_fetched: u64,
    ends: Vec<(UnixTime, End)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Well,
    Badly,
}

#[derive(Debug, Default)]
struct Durations {
    /// In seconds.
    each: Vec<u32>,
    /// Sum of the places that the step had: they are told in the order of its mean.
    places: u64,
}

/// Between an order and the terminal's word that it has it.
const DELIVERY: &str = "delivery";

/// What fetches an artifact, and what follows it.
const FETCH: &str = "fetch";
const FETCHED: &str = "verify";

impl Gathering {
    /// Nobody yet.
    pub fn of(installed: Option<Installed>, started_at: UnixTime, now: UnixTime) -> Self {
        Self {
            installed,
            within: (started_at, now.max(started_at)),
            total: Coverage::default(),
            waves: BTreeMap::new(),
            stores: BTreeMap::new(),
            models: BTreeMap::new(),
            stragglers: BTreeMap::new(),
            stragglers_count: 0,
            phases: BTreeMap::new(),
            moved: BTreeMap::new(),
            since: Since::default(),
            comparing: Comparing::default(),
            bytes_fetched: 0,
            ends: Vec::new(),
        }
    }

    pub fn add(&mut self, it: &Released) {
        let standing = &it.standing;
        self.total.add(standing);
        self.waves.entry(it.wave).or_default().add(standing);
        for (by, key) in [(&mut self.stores, &it.store), (&mut self.models, &it.model)] {
            if !by.contains_key(key) {
                by.insert(key.clone(), Coverage::default());
            }
            by.entry(key.clone()).or_default().add(standing);
        }
        self.add_straggler(it);
        self.add_phases(standing);
        self.add_versions(it);
        self.comparing.add(it);
        self.bytes_fetched += self.fetched(standing);
        let (state, at) = standing.state_since();
        let at = at.clamp(self.within.0, self.within.1);
        if state == AssignmentState::Succeeded {
            self.ends.push((at, End::Well));
        } else if state.is_bad() {
            self.ends.push((at, End::Badly));
        }
    }

    fn add_straggler(&mut self, it: &Released) {
        let (state, since) = it.standing.state_since();
        if state.is_end() && state != AssignmentState::Unreached {
            return;
        }
        self.stragglers_count += 1;
        let key = (since, it.terminal);
        let is_full = self.stragglers.len() == STRAGGLERS_MAX;
        if is_full && self.stragglers.last_key_value().is_some_and(|(last, _)| *last < key) {
            return;
        }
        let straggler = Straggler {
            terminal: it.terminal,
            serial: it.serial.clone(),
            store: it.store.clone(),
            model: it.model.clone(),
            state: Some(state),
            why: view::why(&it.standing),
            since: Some(since),
            offline_since: it.last_seen_at.filter(|_| it.is.presence == Presence::Offline),
        };
        self.stragglers.insert(key, straggler);
        if self.stragglers.len() > STRAGGLERS_MAX {
            self.stragglers.pop_last();
        }
    }

    /// A step lasts until the next one begins, the last one until the end.
    fn add_phases(&mut self, standing: &Standing) {
        if let Some(at) = standing.accepted_at {
            self.phase(DELIVERY, 0, (standing.ordered_at, at));
        }
        let steps = standing.steps.in_order();
        let end = standing.ended.as_ref().map(|ended| ended.at);
        let nexts = steps.iter().skip(1).map(|(_, seen)| seen.at).map(Some).chain([end]);
        for (place, ((step, seen), next)) in steps.iter().zip(nexts).enumerate() {
            if let Some(next) = next {
                self.phase(step, place as u64 + 1, (seen.at, next));
            }
        }
    }

    fn phase(&mut self, step: &str, place: u64, (from, to): (UnixTime, UnixTime)) {
        if !self.phases.contains_key(step) {
            self.phases.insert(step.to_owned(), Durations::default());
        }
        if let Some(durations) = self.phases.get_mut(step) {
            durations.each.push(u32::try_from(to.since(from).as_secs()).unwrap_or(u32::MAX));
            durations.places += place;
        }
    }

    fn add_versions(&mut self, it: &Released) {
        let Some(installed) = &self.installed else { return };
        let [ran, runs] = installed.versions(it);
        let brought = match it.standing.ended.as_ref().map(|ended| &ended.outcome) {
            Some(Outcome::Succeeded { now }) => Some(now.clone()),
            Some(
                Outcome::RolledBack { .. }
                | Outcome::Failed { .. }
                | Outcome::RollbackFailed { .. }
                | Outcome::Cancelled { .. }
                | Outcome::Expired
                | Outcome::Superseded,
            )
            | None => None,
        };
        if let Some(brought) = &brought {
            self.since.as_brought += u64::from(runs.as_ref() == Some(brought));
            self.since.other_version += u64::from(runs.as_ref().is_some_and(|it| it != brought));
            self.since.offline += u64::from(it.is.presence != Presence::Online);
        }
        let moved = Moved { before: ran, after: brought.or(runs) };
        *self.moved.entry(moved).or_default() += 1;
    }

    /// What is known to have been fetched: the artifact where the next step was come to, and
    /// otherwise as much as the terminal has told.
    fn fetched(&self, standing: &Standing) -> u64 {
        let Some(installed) = &self.installed else { return 0 };
        let is_fetched = standing.steps.get(FETCHED).is_some();
        match standing.steps.get(FETCH) {
            Some(_) if is_fetched => installed.artifact_bytes,
            Some(seen) => seen.bytes.min(installed.artifact_bytes),
            None => 0,
        }
    }

    pub fn report(self) -> Report {
        let (time_line, part_s) = time_line(self.ends);
        let mut phases: Vec<_> = self.phases.into_iter().collect();
        phases.sort_by(|(a, one), (b, other)| {
            // By the mean of their places, without dividing.
            let mean = |of: &Durations, by: &Durations| of.places * by.each.len() as u64;
            (mean(one, other), a).cmp(&(mean(other, one), b))
        });
        Report {
            total: self.total,
            waves: self.waves,
            stores: self.stores,
            models: self.models,
            stragglers: self.stragglers.into_values().collect(),
            stragglers_count: self.stragglers_count,
            phases: phases.into_iter().map(|(step, of)| phase(step, of.each)).collect(),
            moved: self.moved,
            since: self.since,
            health: self.comparing.health(),
            bytes_fetched: self.bytes_fetched,
            time_line,
            part_s,
        }
    }
}

fn phase(step: String, mut each: Vec<u32>) -> Phase {
    each.sort_unstable();
    Phase {
        step,
        terminals: each.len() as u64,
        p50_s: percentile(&each, 50),
        p90_s: percentile(&each, 90),
        p99_s: percentile(&each, 99),
    }
}

/// The least of them that so many percent do not exceed.
fn percentile(ascending: &[u32], percent: usize) -> u64 {
    let rank = (ascending.len() * percent).div_ceil(100).max(1);
    ascending.get(rank - 1).copied().unwrap_or_default().into()
}

/// In parts as short as can be, without a gap from the first end to the last.
fn time_line(mut ends: Vec<(UnixTime, End)>) -> (Vec<Part>, u64) {
    ends.sort_unstable();
    let (Some((first, _)), Some((last, _))) = (ends.first(), ends.last()) else {
        return (vec![], 0);
    };
    let fits = |part_s: &&i64| last.0 / **part_s - first.0 / **part_s < PARTS_MAX;
    let longest = last.0.saturating_sub(first.0).max(1);
    let part_s = PARTS_S.iter().find(fits).copied().unwrap_or(longest);
    let (first, last) = (first.0 / part_s, last.0 / part_s);
    let empty = |at: i64| Part { from: UnixTime(at * part_s), succeeded: 0, bad: 0 };
    let mut parts: Vec<_> = (first..=last).map(empty).collect();
    for (at, end) in ends {
        let place = usize::try_from(at.0 / part_s - first).unwrap_or_default();
        if let Some(part) = parts.get_mut(place) {
            match end {
                End::Well => part.succeeded += 1,
                End::Badly => part.bad += 1,
            }
        }
    }
    (parts, part_s.unsigned_abs())
}

#[cfg(test)]
mod tests;
