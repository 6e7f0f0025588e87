//! What could never make progress, and which rule of a campaign makes another one moot. Pure.
//!
//! What is refused here can be told by arithmetic from who the members are: whatever terminals do,
//! it stands still. What may well go on is a warning.

use std::fmt;
use std::time::Duration;

use shared::time::UnixTime;
use shared::window::Window;

use super::forecast::{Course, Forecast, time_zone};
use super::hours::Shut;
use super::transfer::{Share, Transfer};
use super::{Audience, Heads};
use crate::calendar::scope::Scope;
use crate::campaign::policy::{Gate, Policy, StopPolicy};
use crate::campaign::rate::Rate;
use crate::measure::{counted, duration_text, time_text};

/// Until when something can be done, and what ends then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    Orders(UnixTime),
    Release(UnixTime),
}

impl Until {
    fn at(self) -> UnixTime {
        match self {
            Self::Orders(at) | Self::Release(at) => at,
        }
    }
}

impl fmt::Display for Until {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Orders(at) => write!(out, "its orders are valid until {}", time_text(*at)),
            Self::Release(at) => write!(out, "the release expires at {}", time_text(*at)),
        }
    }
}

/// By which rule a campaign would stand still for ever.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    #[error("nothing is released before {}, and {until}", time_text(*.not_before))]
    BeginsTooLate { not_before: UnixTime, until: Until },
    #[error(
        "canary list: of its {listed} terminals {seen} were ever seen, and its gate waits for \
         {needed}"
    )]
    CanaryUnseen { listed: u64, seen: u64, needed: u64 },
    #[error(
        "`reach_percent_min` without `reach_after`: of {} {seen} were ever seen, so that \
         {percent_min} % of each wave cannot be attempted", counted(*.members, "member")
    )]
    Unreachable { members: u64, seen: u64, percent_min: u8 },
    #[error(
        "window {window} does not open in {zone}, for {}, within the {} that orders are valid",
        counted(*.terminals, "member"), duration_text(*.lives)
    )]
    NeverOpens { window: Window, zone: String, terminals: u64, lives: Duration },
    #[error("wave {wave} opens at {} at the earliest, and {until}", time_text(*.opens_at))]
    TooLate { wave: usize, opens_at: UnixTime, until: Until },
    #[error("fetching it takes one terminal {share}, and {until}")]
    TooThin { share: Share, until: Until },
    #[error(
        "at {rate} the {needed} terminals that the gate of wave 1 waits for are released by {} at \
         the earliest, and {until}", time_text(*.released_at)
    )]
    TooSlow { rate: Rate, needed: u64, released_at: UnixTime, until: Until },
    #[error("all of its members are held for as long as its orders are valid: {0}")]
    Shut(Shut),
    #[error("each of its {members} members is the only one that sells in its store")]
    OnlyTills { members: u64 },
}

impl Stuck {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::BeginsTooLate { until: Until::Orders(_), .. } => {
                "let orders live longer, or leave it out and start the campaign then"
            }
            Self::CanaryUnseen { .. } => "let terminals go first that are connected",
            Self::Unreachable { .. } => {
                "set `reach_after` in the policy's gate, or leave them out: `and not \
                 presence=never-seen`"
            }
            Self::NeverOpens { .. } => {
                "let orders live for a day at least, or make a campaign for each zone"
            }
            Self::TooLate { until: Until::Orders(_), .. } => {
                "let orders live longer, waves soak for less, or make fewer of them"
            }
            Self::BeginsTooLate { until: Until::Release(_), .. }
            | Self::TooLate { until: Until::Release(_), .. } => {
                "sign a release that is valid for longer"
            }
            Self::TooThin { .. } => {
                "raise the limit (`tillward store set --download-limit`, or `[downloads]` in the \
                 controller's configuration), let orders live longer, or leave those terminals out"
            }
            Self::TooSlow { .. } => {
                "choose a higher rate, let orders live longer, or let the gate wait for fewer \
                 (`sample_min`)"
            }
            Self::Shut(Shut { freeze: 0, window: 0, .. }) => {
                "keep windows that repeat every week on each terminal's own clock, or let orders \
                 live for less"
            }
            Self::Shut(_) => {
                "let orders live until something opens, or change what is kept: `tillward \
                 calendar list`"
            }
            Self::OnlyTills { .. } => {
                "say how those stores sell meanwhile: `--fallback`, `--window`, or `tillward store \
                 set --fallback`"
            }
        }
    }
}

/// A campaign that is planned: how it goes, and over whom.
#[derive(Clone, Copy, Debug)]
pub struct Intended<'a> {
    pub course: Course<'a>,
    /// The change's own.
    pub window: Option<Window>,
    pub audience: &'a Audience,
    /// Where nothing that people keep of their stores is counted in: that may be lifted any time,
    /// and nothing is refused for its sake.
    pub forecast: &'a Forecast,
    /// As it stands.
    pub kept: &'a Forecast,
    /// Where something limits it.
    pub transfer: Option<&'a Transfer>,
    /// When its orders begin to live, whenever the first terminal is released.
    pub start: UnixTime,
    /// How long its orders are valid.
    pub lives: Duration,
    pub release_expires_at: Option<UnixTime>,
}

/// When a campaign is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Now,
    /// At whatever moment suits it best.
    AnyTime,
}

impl Intended<'_> {
    /// Refuses what can never make progress.
    pub fn check(&self, start: Start) -> Result<(), Stuck> {
        self.check_beginning()?;
        if let Some(gate) = &self.course.policy.gate {
            self.check_canary(gate)?;
            self.check_reach(gate)?;
        }
        self.check_window(start)?;
        self.check_rate()?;
        self.check_waves()?;
        self.check_transfer()
    }

    /// When the first terminal can be released.
    fn begins(&self) -> UnixTime {
        self.course.policy.begins_at(self.start)
    }

    fn check_beginning(&self) -> Result<(), Stuck> {
        let until = self.until();
        match self.course.policy.not_before.filter(|at| *at >= until.at()) {
            Some(not_before) => Err(Stuck::BeginsTooLate { not_before, until }),
            None => Ok(()),
        }
    }

    fn check_canary(&self, gate: &Gate) -> Result<(), Stuck> {
        let Heads { members: listed, seen } = self.audience.present().listed;
        let sample = u64::from(gate.sample_min).min(listed);
        let reach = match gate.reach_after {
            Some(_) => 0,
            None => (listed * u64::from(gate.reach_percent_min)).div_ceil(100),
        };
        let needed = sample.max(reach);
        // The last wave holds up nobody.
        let is_last = self.forecast.waves.len() < 2;
        match seen < needed && !is_last {
            true => Err(Stuck::CanaryUnseen { listed, seen, needed }),
            false => Ok(()),
        }
    }

    /// Where fewer were seen than is asked of each wave, at least one wave never gets there.
    fn check_reach(&self, gate: &Gate) -> Result<(), Stuck> {
        let Heads { members, seen } = self.audience.present().all();
        let percent_min = gate.reach_percent_min;
        let is_short = seen * 100 < members * u64::from(percent_min);
        match is_short && gate.reach_after.is_none() && self.forecast.waves.len() > 1 {
            true => Err(Stuck::Unreachable { members, seen, percent_min }),
            false => Ok(()),
        }
    }

    fn check_window(&self, start: Start) -> Result<(), Stuck> {
        let Some(window) = self.window else { return Ok(()) };
        let closed = match start {
            Start::Now => self.closed_from(window, self.start),
            Start::AnyTime => self.closed_always(window),
        };
        let Some((zone, terminals)) = closed else { return Ok(()) };
        Err(Stuck::NeverOpens { window, zone, terminals, lives: self.lives })
    }

    /// A zone in which the window does not open in time for who starts at this moment: the one with
    /// most members.
    fn closed_from(&self, window: Window, start: UnixTime) -> Option<(String, u64)> {
        let (begins, ends) = (self.course.policy.begins_at(start), start.plus(self.lives));
        // Clocks that are put back make a day of 25 hours.
        if ends.since(begins) > Duration::from_secs(25 * 3_600) {
            return None;
        }
        let is_closed = |(zone, _): &(String, u64)| {
            let opens = |zone| window.next_opening(begins, &zone) < ends;
            time_zone(zone).is_some_and(|zone| !opens(zone))
        };
        self.audience.zones().into_iter().find(is_closed)
    }

    /// The same, at whichever moment of the next day the campaign is started. If any moment suits,
    /// then one does at which the window of some zone opens only just in time.
    fn closed_always(&self, window: Window) -> Option<(String, u64)> {
        let closed_now = self.closed_from(window, self.start)?;
        let opens = Window { to_min: (window.from_min + 1) % 1440, ..window };
        let days = [self.start, self.start.plus(Duration::from_secs(24 * 3_600))];
        let just_in_time = |(zone, _): (String, u64)| {
            let zone = time_zone(&zone)?;
            let openings = days.map(|day| opens.next_opening(day, &zone));
            let before = self.lives.saturating_sub(Duration::from_secs(1));
            Some(openings.map(|opening| opening.minus(before)))
        };
        let moments = self.audience.zones().into_iter().filter_map(just_in_time).flatten();
        let mut moments = moments.filter(|moment| *moment >= self.start);
        match moments.any(|moment| self.closed_from(window, moment).is_none()) {
            true => None,
            false => Some(closed_now),
        }
    }

    /// Where not even those are released in time that the first gate waits for, no other wave ever
    /// begins.
    fn check_rate(&self) -> Result<(), Stuck> {
        let Policy { rate: Some(rate), gate: Some(gate), .. } = self.course.policy else {
            return Ok(());
        };
        let [first, _, ..] = self.forecast.waves.as_slice() else { return Ok(()) };
        let needed = u64::from(gate.sample_min.min(first.size));
        let released_at = self.begins().plus(self.course.at_its_rate(needed));
        let until = self.until();
        match released_at >= until.at() {
            true => Err(Stuck::TooSlow { rate: *rate, needed, released_at, until }),
            false => Ok(()),
        }
    }

    fn check_waves(&self) -> Result<(), Stuck> {
        match self.late_wave(self.forecast) {
            Some((wave, opens_at)) => Err(Stuck::TooLate { wave, opens_at, until: self.until() }),
            None => Ok(()),
        }
    }

    /// The first wave that opens when nothing can be done any more, counted from 1.
    fn late_wave(&self, forecast: &Forecast) -> Option<(usize, UnixTime)> {
        let until = self.until().at();
        let waves = forecast.waves.iter().map(|wave| wave.opens_at);
        (1..).zip(waves).skip(1).find(|(_, opens_at)| *opens_at >= until)
    }

    /// Where one terminal cannot fetch it in time, its store never does.
    fn check_transfer(&self) -> Result<(), Stuck> {
        match self.transfer.map(|it| &it.one).filter(|one| self.is_late(one)) {
            Some(one) => Err(Stuck::TooThin { share: one.clone(), until: self.until() }),
            None => Ok(()),
        }
    }

    fn is_late(&self, share: &Share) -> bool {
        share.takes() > self.until().at().since(self.begins())
    }

    fn until(&self) -> Until {
        let orders = self.start.plus(self.lives);
        match self.release_expires_at.filter(|at| *at < orders) {
            Some(at) => Until::Release(at),
            None => Until::Orders(orders),
        }
    }

    /// What goes on, but not as somebody may think.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let policy = self.course.policy;
        match &policy.gate {
            Some(gate) => warnings.extend(self.of_gate(gate)),
            None if policy.stop != StopPolicy::Finish => {
                warnings.push(Warning::NothingStops(policy.stop));
            }
            None => {}
        }
        if let Some(window) = self.window {
            if window.from_min == window.to_min {
                warnings.push(Warning::WholeDay(window));
            }
            if let Some((zone, terminals)) = self.closed_from(window, self.start) {
                warnings.push(Warning::StartedNow { window, zone, terminals });
            }
        }
        if let Some(all) = self.transfer.map(|it| &it.all).filter(|all| self.is_late(all)) {
            warnings.push(Warning::Bandwidth { share: all.clone(), until: self.until() });
        }
        if let Some(rate) = policy.rate {
            let (members, until) = (self.audience.count(), self.until());
            let over_at = self.begins().plus(self.course.at_its_rate(members));
            if over_at >= until.at() {
                warnings.push(Warning::Rate { rate, members, over_at, until });
            }
        }
        if let Some((wave, _)) = self.late_wave(self.kept) {
            warnings.push(Warning::LateWave { wave, until: self.until() });
        }
        if let until @ Until::Release(_) = self.until() {
            warnings.push(Warning::Release(until));
        }
        warnings
    }

    fn of_gate(&self, gate: &Gate) -> Vec<Warning> {
        let policy = self.course.policy;
        let sizes: Vec<_> = self.forecast.waves.iter().map(|wave| u64::from(wave.size)).collect();
        let (cut, largest) = (sizes.len(), sizes.iter().copied().max().unwrap_or_default());
        let named = policy.waves.len() + usize::from(!policy.canary.is_empty());
        let hopeless = |size: u64| size * u64::from(100 - gate.success_percent_min) / 100;
        let Heads { members, seen } = self.audience.present().all();
        let [one, own_sample, no_deadline, budget, unseen] = [
            cut == 1,
            u64::from(gate.sample_min) > largest,
            gate.reach_after.is_some_and(|after| after >= self.lives),
            sizes.iter().all(|size| gate.bad_max.allowed_of(*size) > hopeless(*size)),
            gate.reach_after.is_none() && seen < members,
        ];
        let found = [
            one.then_some(Warning::OneWave),
            (named > cut && !one).then_some(Warning::FewerWaves { named, cut }),
            own_sample.then_some(Warning::OwnSample { sample_min: gate.sample_min, largest }),
            (no_deadline && !one).then_some(Warning::NoDeadline { lives: self.lives }),
            budget.then_some(Warning::Budget { percent_min: gate.success_percent_min }),
            (unseen && !one).then_some(Warning::MayHold { unseen: members - seen }),
        ];
        found.into_iter().flatten().collect()
    }
}

/// A rule that means nothing here, or does what nobody may expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    OneWave,
    FewerWaves {
        named: usize,
        cut: usize,
    },
    OwnSample {
        sample_min: u32,
        largest: u64,
    },
    NoDeadline {
        lives: Duration,
    },
    Budget {
        percent_min: u8,
    },
    MayHold {
        unseen: u64,
    },
    NothingStops(StopPolicy),
    WholeDay(Window),
    /// Another moment would do.
    StartedNow {
        window: Window,
        zone: String,
        terminals: u64,
    },
    /// Nothing may change there then. `until` is `None` where that is as long as orders live.
    Freeze {
        uid: String,
        scope: Scope,
        members: u64,
        from: UnixTime,
        until: Option<UnixTime>,
    },
    /// As windows and freezes stand.
    LateWave {
        wave: usize,
        until: Until,
    },
    /// People keep hours for them.
    Hours {
        members: u64,
    },
    /// In so many of the stores that were looked at a member is the last one that sells.
    LastSelling {
        stores: u64,
        of: u64,
    },
    /// These never get it.
    Shut(Shut),
    /// Not everybody can be released in time.
    Rate {
        rate: Rate,
        members: u64,
        over_at: UnixTime,
        until: Until,
    },
    /// Not everybody can have fetched it in time.
    Bandwidth {
        share: Share,
        until: Until,
    },
    Release(Until),
}

impl Warning {
    /// Stable across releases.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OneWave => "one-wave",
            Self::FewerWaves { .. } => "fewer-waves",
            Self::OwnSample { .. } => "own-sample",
            Self::NoDeadline { .. } => "no-deadline",
            Self::Budget { .. } => "budget-moot",
            Self::MayHold { .. } => "may-hold",
            Self::NothingStops(_) => "nothing-stops",
            Self::WholeDay(_) => "whole-day",
            Self::StartedNow { .. } => "closed-if-started-now",
            Self::Freeze { .. } => "freeze",
            Self::LateWave { .. } => "late-wave",
            Self::Hours { .. } => "hours",
            Self::LastSelling { .. } => "last-selling",
            Self::Shut(_) => "shut",
            Self::Rate { .. } => "rate",
            Self::Bandwidth { .. } => "bandwidth",
            Self::Release(_) => "release-expires-first",
        }
    }
}

/// For people.
impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneWave => out.write_str(
                "all members are one wave: nobody waits for its soak or its reach; what may go \
                 wrong in it still counts",
            ),
            Self::FewerWaves { named, cut } => {
                write!(out, "the policy names {named} waves, and the members fill {cut}")
            }
            Self::OwnSample { sample_min, largest } => write!(
                out,
                "`sample_min` is {sample_min} and no wave is larger than {largest}: each wave is \
                 its own sample, whole"
            ),
            Self::NoDeadline { lives } => write!(
                out,
                "`reach_after` is no shorter than the {} that orders are valid: it never applies",
                duration_text(*lives)
            ),
            Self::Budget { percent_min } => write!(
                out,
                "`bad_max` is moot: `success_percent_min` {percent_min} stops each wave before it"
            ),
            Self::MayHold { unseen } => write!(
                out,
                "{} never connected, and no `reach_after` ends the wait for a wave that has many \
                 of them",
                counted(*unseen, "member")
            ),
            Self::NothingStops(stop) => {
                write!(out, "`stop` is `{stop}`, and without a gate nothing stops the campaign")
            }
            Self::WholeDay(window) => write!(out, "window {window} is the whole day"),
            Self::StartedNow { window, zone, terminals } => write!(
                out,
                "started now, it would not see window {window} open in {zone}, for {}",
                counted(*terminals, "member")
            ),
            Self::Freeze { uid, scope, members, from, until: Some(until) } => write!(
                out,
                "freeze `{uid}` of {scope} holds {} from {} to {}",
                counted(*members, "member"),
                time_text(*from),
                time_text(*until)
            ),
            Self::Freeze { uid, scope, members, from: _, until: None } => write!(
                out,
                "freeze `{uid}` of {scope} holds {} for as long as orders are valid: the change \
                 never gets there",
                counted(*members, "member")
            ),
            Self::Hours { members } => write!(
                out,
                "windows that people keep (`tillward calendar list`) hold for {}: the dates count \
                 them as they stand today",
                counted(*members, "member")
            ),
            Self::LateWave { wave, until } => write!(
                out,
                "as windows and freezes stand today, wave {wave} cannot open in time, and {until}"
            ),
            Self::LastSelling { stores, of } => write!(
                out,
                "in {stores} of {of} stores that were looked at a member is the last one that \
                 sells: it waits for a `--fallback`, a `--window`, or `tillward store set \
                 --fallback`"
            ),
            Self::Shut(shut) => write!(
                out,
                "for as long as orders are valid {} cannot get it: {shut}",
                counted(shut.all(), "member")
            ),
            Self::Rate { rate, members, over_at, until } => write!(
                out,
                "at {rate} the last of {} is released at {} at the earliest, and {until}",
                counted(*members, "member"),
                time_text(*over_at)
            ),
            Self::Bandwidth { share, until } => {
                let members = counted(share.terminals, "member");
                write!(out, "fetching it takes {members} {share}, and {until}")
            }
            Self::Release(until) => write!(out, "{until}, before its orders end"),
        }
    }
}

#[cfg(test)]
mod tests;
