//! How long a terminal works on without a word of its controller: the data lease. Pure.
//!
//! A terminal that somebody took and never connects again can be told nothing. So it counts how
//! long ago it last heard its controller, and locks when that was longer than its lease: it sells
//! nothing, and nothing on it is destroyed. Contact is an answer to this run's own question, signed
//! by a controller of the fleet ([`crate::clock`]); nobody else can make one up or keep one.
//!
//! | since the contact | is counted |
//! |---|---|
//! | on | by the clock that never jumps, whatever the time of day is set to |
//! | after the last step written down, when the power failed | as a whole [`STEP`] |
//! | off | by the machine's clock, as far as it is credible, and up to the [`last_part`] |
//!
//! So whoever pulls the plug again and again saves nothing by it.
//!
//! A clock is *credible* if it was right within [`RIGHT_WITHIN`] at the contact, when it could be
//! compared, and has not gone on for longer than [`PLAUSIBLE_FOR`] since: the battery of one that
//! says 2055 or 1970 is dead. Even then it never uses up the last part of a lease. That part passes
//! only while the machine runs and could have reached its controller, so no wrong clock locks a
//! shop at once. Whoever sets the clock back gains the time for which the machine was off, in which
//! it sold nothing, and not a second more.
//!
//! What is used never goes back but by contact. Where what was written down is lost, the last part
//! is left.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::time::UnixTime;
use shared::tls::PLAUSIBLE_FOR;

use crate::decide::input::Now;

/// What is used is written down this often: longer than from one hello to the next, so that a
/// terminal in touch with its controller writes nothing more than the time that it heard.
pub const STEP: Duration = Duration::from_secs(20 * 60);

/// A clock that is further off counts no days. One that runs in local time is 14 hours off.
pub const RIGHT_WITHIN: Duration = Duration::from_secs(DAY);

const DAY: u64 = 24 * 3600;

/// What a locked till says begins with this, by which it is known again whoever locked it. What
/// follows is for the people in front of it.
pub const MARK: &str = "This till is locked: ";

/// What a locked till says.
pub const MESSAGE: &str = "This till is locked: it has had no contact with its management for too \
                           long. Nothing on it is lost. Connect this till to the network: it \
                           unlocks by itself.";

/// What outlives a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    pub used_s: u64,
    /// When that was counted: in which run of the machine, and in its uptime.
    pub boot: Digest,
    pub uptime_s: u64,
    /// What the machine's clock said at the contact, where it was right then.
    pub clock_at_contact: Option<UnixTime>,
    pub stage: Stage,
}

/// Whether it is locked. Written down before anything of it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    Open,
    /// What was written down is lost: the till may be locked.
    Unsure,
    /// Since then, and so much was used.
    Locking {
        since: UnixTime,
        used_s: u64,
    },
    Locked {
        since: UnixTime,
        used_s: u64,
    },
    /// The controller was heard.
    Unlocking {
        since: UnixTime,
        for_s: u64,
    },
}

/// What the store had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The lease is new here.
    Nothing,
    /// The store was lost, and what was used with it.
    Lost,
    Kept(Kept),
}

/// What a person should know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outlook {
    #[default]
    Fine,
    /// It locks unless it hears its controller.
    RunsOut { in_h: u64 },
    /// And what keeps it from being locked, or unlocked, as a whole.
    Locked { since: UnixTime, trouble: Option<String> },
}

/// One thing to be done at the till and beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errand {
    /// Tells its answer from another's.
    pub number: u64,
    pub what: What,
    pub till: Part,
    pub program: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Lock,
    Unlock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Do,
    /// Somebody else's to do, or done.
    Leave,
}

impl Part {
    pub fn done_if(is: bool) -> Self {
        if is { Self::Do } else { Self::Leave }
    }
}

/// What came of an errand; the words are why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameTo {
    pub till: Result<(), String>,
    pub program: Result<(), String>,
}

impl CameTo {
    /// Everything that went wrong.
    pub fn trouble(&self) -> Option<String> {
        let parts = [&self.till, &self.program].into_iter().filter_map(|it| it.as_ref().err());
        let parts: Vec<_> = parts.map(String::as_str).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// The last part of a lease: a day, and less of a short one. Warned of, and never used up by a
/// machine that is off.
pub fn last_part(limit: Duration) -> Duration {
    (limit / 4).min(Duration::from_secs(DAY))
}

#[derive(Clone, Debug)]
pub struct Lease {
    /// `None`: nothing is counted, and nothing locks. What is locked unlocks all the same.
    limit: Option<Duration>,
    boot: Digest,
    /// So much was used at this uptime.
    used: (Duration, Duration),
    clock_at_contact: Option<UnixTime>,
    stage: Stage,
    /// As it was last written.
    kept: Option<Kept>,
    /// Heard since it was last written.
    fresh: bool,
}

impl Lease {
    /// At the start of the agent. `boot` is another at each start of the machine.
    pub fn restore(limit: Option<Duration>, boot: Digest, found: Found, now: Now) -> Self {
        let spared = limit.map_or(Duration::ZERO, |limit| limit - last_part(limit));
        let kept = match found {
            Found::Nothing => None,
            Found::Lost if limit.is_none() => None,
            Found::Lost => {
                let used = (spared, now.uptime);
                let stage = Stage::Unsure;
                let (clock_at_contact, kept) = (None, None);
                return Self { limit, boot, used, clock_at_contact, stage, kept, fresh: false };
            }
            Found::Kept(kept) => Some(kept),
        };
        let used = kept.as_ref().map_or(Duration::ZERO, |it| used_by(it, boot, spared, now));
        Self {
            limit,
            boot,
            used: (used, now.uptime),
            clock_at_contact: kept.as_ref().and_then(|it| it.clock_at_contact),
            stage: kept.as_ref().map_or(Stage::Open, |it| it.stage),
            kept,
            fresh: false,
        }
    }

    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Whether nobody may sell by it.
    pub fn is_closed(&self) -> bool {
        match self.stage {
            Stage::Open | Stage::Unsure => false,
            Stage::Locking { .. } | Stage::Locked { .. } | Stage::Unlocking { .. } => true,
        }
    }

    /// Since the contact, as far as it is counted.
    pub fn used(&self, now: Now) -> Duration {
        let (used, at) = self.used;
        used + now.uptime.saturating_sub(at)
    }

    pub fn is_over(&self, now: Now) -> bool {
        self.limit.is_some_and(|limit| self.used(now) >= limit)
    }

    /// The controller was heard: it said `at`.
    pub fn contact(&mut self, at: UnixTime, now: Now) {
        self.stage = match self.stage {
            Stage::Open => Stage::Open,
            Stage::Unsure => Stage::Unlocking { since: at, for_s: 0 },
            Stage::Locking { since, used_s } | Stage::Locked { since, used_s } => {
                Stage::Unlocking { since, for_s: self.used(now).as_secs().saturating_sub(used_s) }
            }
            unlocking @ Stage::Unlocking { .. } => unlocking,
        };
        let off = now.rtc.since(at).max(at.since(now.rtc));
        self.clock_at_contact = (off <= RIGHT_WITHIN).then_some(now.rtc);
        self.used = (Duration::ZERO, now.uptime);
        self.fresh = true;
    }

    /// It is over, and nothing else has to end first. `at` is for people.
    pub fn lock(&mut self, at: UnixTime, now: Now) {
        if !self.is_closed() {
            self.stage = Stage::Locking { since: at, used_s: self.used(now).as_secs() };
        }
    }

    /// The till stands still.
    pub fn locked(&mut self) {
        if let Stage::Locking { since, used_s } = self.stage {
            self.stage = Stage::Locked { since, used_s };
        }
    }

    /// The till is as it was before.
    pub fn unlocked(&mut self) {
        if let Stage::Unlocking { .. } = self.stage {
            self.stage = Stage::Open;
        }
    }

    /// Since when it is locked, and for how long as far as that is counted.
    pub fn closed_for(&self, now: Now) -> Option<(UnixTime, u64)> {
        match self.stage {
            Stage::Open | Stage::Unsure => None,
            Stage::Locking { since, used_s } | Stage::Locked { since, used_s } => {
                Some((since, self.used(now).as_secs().saturating_sub(used_s)))
            }
            Stage::Unlocking { since, for_s } => Some((since, for_s)),
        }
    }

    pub fn outlook(&self, trouble: Option<&str>, now: Now) -> Outlook {
        if let Some((since, _)) = self.closed_for(now) {
            return Outlook::Locked { since, trouble: trouble.map(str::to_owned) };
        }
        let left = self.limit.map(|limit| (limit, limit.saturating_sub(self.used(now))));
        match left {
            Some((limit, left)) if left <= last_part(limit) => {
                Outlook::RunsOut { in_h: left.as_secs().div_ceil(3600) }
            }
            Some(_) | None => Outlook::Fine,
        }
    }

    /// What is to be written down now, if anything is; it then counts as written.
    pub fn to_write(&mut self, now: Now) -> Option<Kept> {
        let used = self.used(now);
        let is_due = match &self.kept {
            None => self.limit.is_some() || self.stage != Stage::Open,
            Some(kept) if kept.stage != self.stage => true,
            Some(_) if self.limit.is_none() => false,
            Some(kept) => self.fresh || kept.boot != self.boot || used >= written(kept) + STEP,
        };
        let kept = is_due.then(|| Kept {
            // Rounded up: many short runs add up to no less.
            used_s: used.as_secs() + u64::from(used.subsec_nanos() > 0),
            boot: self.boot,
            uptime_s: now.uptime.as_secs(),
            clock_at_contact: self.clock_at_contact,
            stage: self.stage,
        })?;
        self.fresh = false;
        self.kept = Some(kept.clone());
        Some(kept)
    }

    /// When something is due by the time that has passed, in uptime.
    pub fn wakes_at(&self, now: Now) -> Option<Duration> {
        let limit = self.limit?;
        let used = self.used(now);
        let step = self.kept.as_ref().map_or(Duration::ZERO, |kept| written(kept) + STEP);
        let moments = [step, limit - last_part(limit), limit].into_iter();
        let next = moments.filter(|moment| *moment > used).min()?;
        Some(now.uptime + (next - used))
    }
}

fn written(kept: &Kept) -> Duration {
    Duration::from_secs(kept.used_s)
}

/// What is used by now; `spared` is what a clock may use up at most.
fn used_by(kept: &Kept, boot: Digest, spared: Duration, now: Now) -> Duration {
    if kept.boot == boot {
        let since = now.uptime.saturating_sub(Duration::from_secs(kept.uptime_s));
        return written(kept) + since;
    }
    let certain = written(kept) + STEP + now.uptime;
    let by_clock = kept.clock_at_contact.map(|then| now.rtc.since(then));
    let credible = by_clock.filter(|elapsed| *elapsed <= PLAUSIBLE_FOR);
    certain.max(credible.unwrap_or_default().min(spared))
}

#[cfg(test)]
mod tests;
