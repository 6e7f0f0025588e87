//! How the terminals that were tried did before, and do now, by their own words. Pure.

use std::collections::BTreeMap;

use shared::time::UnixTime;

use crate::campaign::assignment::AssignmentState;
use crate::registry::released::{Condition, Released};
use crate::registry::terminal::Presence;

/// What a terminal may show that it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    Offline,
    TillSilent,
    TillRestarts,
    BatteryLow,
}

impl Sign {
    const ALL: [Self; 4] = [Self::Offline, Self::TillSilent, Self::TillRestarts, Self::BatteryLow];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::TillSilent => "till-silent",
            Self::TillRestarts => "till-restarts",
            Self::BatteryLow => "battery-low",
        }
    }

    /// `None` where that is not known of it.
    fn shows(self, it: &Condition) -> Option<bool> {
        match self {
            Self::Offline => Some(it.presence != Presence::Online),
            Self::TillSilent => it.till.map(|till| !till.answers),
            Self::TillRestarts => it.till.map(|till| till.restarts > 0),
            Self::BatteryLow => it.battery_is_low,
        }
    }

    /// Whether it is known without the terminal's telling it.
    fn is_seen_from_here(self) -> bool {
        match self {
            Self::Offline => true,
            Self::TillSilent | Self::TillRestarts | Self::BatteryLow => false,
        }
    }
}

/// Terminals of which a sign is known before and now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    pub terminals: u64,
    pub before: u64,
    pub now: u64,
    /// Those that show it and did not.
    pub worse: u64,
    /// Those that did and do no more.
    pub better: u64,
}

/// Free disk of the terminals of which it is known before and now, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskFree {
    pub terminals: u64,
    pub median_before: u64,
    pub median_now: u64,
    pub least_before: u64,
    pub least_now: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Signs that are known of nobody are missing.
    pub signs: BTreeMap<Sign, Compared>,
    pub disk_free: Option<DiskFree>,
}

/// What is known of the terminals that were gone through so far.
#[derive(Debug, Default)]
pub(super) struct Comparing {
    signs: BTreeMap<Sign, Compared>,
    disk_before: Vec<u64>,
    disk_now: Vec<u64>,
}

impl Comparing {
    /// Of one on which the change has not ended there is nothing to compare yet.
    pub(super) fn add(&mut self, it: &Released) {
        let (Some(was), true) = (&it.was, is_tried(it)) else { return };
        let ended_at = it.standing.ended.as_ref().map(|ended| ended.at);
        let has_told = has_told_since(&it.is, ended_at);
        for sign in Sign::ALL {
            let (true, Some(before), Some(now)) =
                (has_told || sign.is_seen_from_here(), sign.shows(was), sign.shows(&it.is))
            else {
                continue;
            };
            let of = self.signs.entry(sign).or_default();
            of.terminals += 1;
            of.before += u64::from(before);
            of.now += u64::from(now);
            of.worse += u64::from(now && !before);
            of.better += u64::from(before && !now);
        }
        let free = was.disk_free_bytes.zip(it.is.disk_free_bytes).filter(|_| has_told);
        if let Some((before, now)) = free {
            self.disk_before.push(before);
            self.disk_now.push(now);
        }
    }

    pub(super) fn health(mut self) -> Health {
        let terminals = self.disk_now.len() as u64;
        let [before, now] =
            [&mut self.disk_before, &mut self.disk_now].map(|free| least_and_median(free));
        let disk_free = before.zip(now).map(|(before, now)| DiskFree {
            terminals,
            least_before: before.0,
            median_before: before.1,
            least_now: now.0,
            median_now: now.1,
        });
        Health { signs: self.signs, disk_free }
    }
}

/// It has succeeded or ended badly.
fn is_tried(it: &Released) -> bool {
    let state = it.standing.state();
    state == AssignmentState::Succeeded || state.is_bad()
}

/// By the terminal's clock, both.
fn has_told_since(is: &Condition, ended_at: Option<UnixTime>) -> bool {
    is.told_at.zip(ended_at).is_some_and(|(told_at, ended_at)| told_at >= ended_at)
}

fn least_and_median(values: &mut [u64]) -> Option<(u64, u64)> {
    values.sort_unstable();
    let middle = values.len().saturating_sub(1) / 2;
    values.first().copied().zip(values.get(middle).copied())
}
