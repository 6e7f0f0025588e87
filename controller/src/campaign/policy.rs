//! How carefully a campaign goes: its waves, the gate between them, and what becomes of those that
//! are at it when it is stopped. Pure.
//!
//! People write policies as TOML: three are built in, `careful`, `usual` and `emergency`, and any
//! file in the same form is as good. What a campaign goes by is stored with it, whole: a later
//! build or another file changes nothing about one that runs.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::document::order::Class;
use shared::id::TerminalId;
use shared::limits::CALENDAR_SPREAD_S_MAX;
use shared::time::UnixTime;

use super::rate::Rate;

/// Waves of one campaign, without that of its canary list.
pub const WAVES_MAX: usize = 31;

/// Terminals that a campaign can name to go first.
pub const CANARY_MAX: usize = 100;

/// Times that one terminal may be tried again, where a policy does not say it.
const RETRIES_MAX: u32 = 2;

/// As terminals see it.
const SPREAD_MAX: Duration = Duration::from_secs(CALENDAR_SPREAD_S_MAX as u64);

/// Longer than orders can live.
const SOAK_MAX: Duration = Duration::from_secs(90 * 24 * 3600);

/// What a campaign goes by where its policy says nothing: one wave, and nothing ever stops it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    #[serde(default, skip_serializing_if = "Intake::is_snapshot")]
    pub membership: Intake,
    /// Members that are the first wave, before all others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canary: Vec<TerminalId>,
    /// How many of the members that the canary list leaves each wave takes, in the order of their
    /// release. Whoever is left after the last is a wave of their own.
    #[serde(default)]
    pub waves: Vec<Share>,
    /// What must be so of a wave before the next may begin; `None` where there are no waves to
    /// wait for and no failure stops anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    #[serde(default)]
    pub stop: StopPolicy,
    /// What a terminal goes back to that has succeeded when the campaign is stopped, where `stop`
    /// is [`StopPolicy::Revert`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert_to: Option<Digest>,
    /// How fast terminals are released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Terminals of one store that may be disturbed at once, by whatever campaigns; a store may
    /// have a smaller number of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_at_once: Option<u32>,
    /// How a store sells while its last selling terminal is at it. Without a word of it no such
    /// terminal is released, unless shops are disturbed in a window alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Before whom it goes; else as its kind of change does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// How often somebody may have one terminal tried again.
    #[serde(default = "retries_max")]
    pub retries_max: u32,
    /// Nothing is released before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<UnixTime>,
    /// Over how long terminals begin, from the moment at which their shops may be disturbed: not
    /// all at once. Each has its own share of it.
    #[serde(default, with = "spelt_maybe", skip_serializing_if = "Option::is_none")]
    pub spread: Option<Duration>,
}

fn retries_max() -> u32 {
    RETRIES_MAX
}

/// What a policy's file holds: the policy, and the number of places, which an operator may give
/// beside it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    max_parallel: Option<u32>,
    #[serde(default)]
    membership: Intake,
    #[serde(default)]
    waves: Vec<Share>,
    gate: Option<Gate>,
    #[serde(default)]
    stop: StopPolicy,
    rate: Option<Rate>,
    store_at_once: Option<u32>,
    class: Option<Class>,
    #[serde(default = "retries_max")]
    retries_max: u32,
    #[serde(default, with = "spelt_maybe")]
    spread: Option<Duration>,
}

/// A policy as its file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub policy: Policy,
    /// Terminals that may be at it at the same time.
    pub max_parallel: Option<u32>,
}

/// Terminals of a whole: `3`, `5%`, or in the last place `rest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Share {
    Count(u32),
    /// 1 to 100.
    Percent(u8),
    Rest,
}

/// All of it must be so before the next wave begins. Failures that a person has acknowledged count
/// as if their terminals had not been tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Terminals of the wave that must have been attempted: have succeeded, or ended badly.
    pub sample_min: u32,
    /// Of those attempted, never of all.
    pub success_percent_min: u8,
    /// How long the wave must have stood before it is judged, from the moment at which enough of it
    /// was attempted.
    #[serde(with = "spelt")]
    pub soak: Duration,
    /// Bad ends of the wave with which it may still pass: a number, or a part of the wave, rounded
    /// down. One more stops the campaign, at whatever moment it becomes known.
    pub bad_max: Share,
    /// How much of the wave must have been attempted…
    pub reach_percent_min: u8,
    /// …unless the wave has been open for so long: whoever is offline for days holds up nobody.
    #[serde(default, with = "spelt_maybe", skip_serializing_if = "Option::is_none")]
    pub reach_after: Option<Duration>,
}

/// Who becomes a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intake {
    /// Whoever is meant when the campaign is started.
    #[default]
    Snapshot,
    /// Whoever comes to be meant after that, too, for as long as its orders are valid: each passes
    /// the same gates, budgets and rate.
    Continuous,
}

impl Intake {
    pub const ALL: [Self; 2] = [Self::Snapshot, Self::Continuous];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Continuous => "continuous",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    fn is_snapshot(&self) -> bool {
        *self == Self::Snapshot
    }
}

/// What becomes of terminals that have begun when the campaign is stopped. What has not begun is
/// taken back in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopPolicy {
    /// They finish by themselves.
    #[default]
    Finish,
    /// They are cancelled where they still can be; what has succeeded stays.
    Keep,
    /// They are cancelled, and what has succeeded is taken back.
    Revert,
}

impl StopPolicy {
    pub const ALL: [Self; 3] = [Self::Finish, Self::Keep, Self::Revert];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finish => "finish",
            Self::Keep => "keep",
            Self::Revert => "revert",
        }
    }
}

impl fmt::Display for StopPolicy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl Share {
    /// Of a wave: a part is rounded up, so that no wave that has members is empty.
    pub fn of_wave(self, whole: u64) -> u64 {
        match self {
            Self::Count(count) => u64::from(count).min(whole),
            Self::Percent(percent) => (whole * u64::from(percent)).div_ceil(100).min(whole),
            Self::Rest => whole,
        }
    }

    /// Of what may go wrong: a part is rounded down.
    pub fn allowed_of(self, whole: u64) -> u64 {
        match self {
            Self::Count(count) => u64::from(count),
            Self::Percent(percent) => whole * u64::from(percent) / 100,
            Self::Rest => whole,
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(out, "{count}"),
            Self::Percent(percent) => write!(out, "{percent}%"),
            Self::Rest => out.write_str("rest"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no number of terminals: write for example `3`, `5%` or `rest`")]
pub struct NotAShare(String);

impl FromStr for Share {
    type Err = NotAShare;

    fn from_str(text: &str) -> Result<Self, NotAShare> {
        let wrong = || NotAShare(text.chars().take(32).collect());
        if text == "rest" {
            return Ok(Self::Rest);
        }
        if let Some(percent) = text.strip_suffix('%') {
            let percent = percent.parse().map_err(|_| wrong())?;
            return (1..=100)
                .contains(&percent)
                .then_some(Self::Percent(percent))
                .ok_or_else(wrong);
        }
        text.parse().map(Self::Count).map_err(|_| wrong())
    }
}

impl Serialize for Share {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Durations as people write them.
mod spelt {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::measure;

    pub(super) fn serialize<S: Serializer>(it: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&measure::duration_text(*it))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        measure::duration(&text).map_err(serde::de::Error::custom)
    }
}

mod spelt_maybe {
    use std::time::Duration;

    use serde::{Deserializer, Serializer};

    use super::spelt;

    #[expect(clippy::ref_option, reason = "serde passes it so")]
    pub(super) fn serialize<S: Serializer>(
        it: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match it {
            Some(it) => spelt::serialize(it, to),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        spelt::deserialize(from).map(Some)
    }
}

/// Why a policy can never work as it is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPolicy {
    #[error("{0}")]
    Unreadable(String),
    #[error("there is no policy `{0}`")]
    Unknown(String),
    #[error("with `max_parallel` 0 no terminal would ever be released")]
    NoPlaces,
    #[error("{0} waves are more than {WAVES_MAX}")]
    TooManyWaves(usize),
    #[error("{0} terminals are to go first, which is more than {CANARY_MAX}")]
    TooManyCanaries(usize),
    #[error("wave {0} takes no terminal")]
    EmptyWave(usize),
    #[error("wave {0} takes the rest, and there is another one after it")]
    RestBeforeOthers(usize),
    #[error("several waves, and no gate between them")]
    NoGate,
    #[error("a gate that asks for 0 terminals would pass before anybody has tried")]
    NoSample,
    #[error("{field} is {percent} %")]
    Percent { field: &'static str, percent: u8 },
    #[error("a soak of {} can never end", crate::measure::duration_text(*.0))]
    Soak(Duration),
    #[error("`bad_max` is `rest`: then nothing would ever stop the campaign")]
    NoBudget,
    #[error("with `store_at_once` 0 no shop would ever be disturbed")]
    NobodyAtOnce,
    #[error("what has succeeded is to be taken back, and nothing is said to go back to")]
    NoWayBack,
    #[error("there is something to go back to, and nothing is to be taken back")]
    NeverGoesBack,
    #[error("the fallback says nothing")]
    NoFallback,
    #[error("a spread of {} is longer than {}", crate::measure::duration_text(*.0),
        crate::measure::duration_text(SPREAD_MAX))]
    Spread(Duration),
}

impl NotAPolicy {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unreadable(_) => None,
            Self::Unknown(_) => {
                Some("choose `careful`, `usual`, `emergency`, or name a file that holds one")
            }
            Self::NoPlaces => Some("choose at least 1"),
            Self::TooManyWaves(_) => Some("join some of them"),
            Self::TooManyCanaries(_) => Some("name a few, and let the first wave take the others"),
            Self::EmptyWave(_) => Some("write a number of terminals, or a part like `5%`"),
            Self::RestBeforeOthers(_) => Some("put `rest` last, or leave it out"),
            Self::NoGate => Some("say in `[gate]` when the next wave may begin"),
            Self::NoSample => Some("set `sample_min` to at least 1"),
            Self::Percent { .. } => Some("choose 1 to 100"),
            Self::Soak(_) => Some("choose at most 90d"),
            Self::NoBudget => Some("write a number, or a part like `2%`"),
            Self::NobodyAtOnce => Some("choose at least 1"),
            Self::NoWayBack => Some("name the release to go back to with `--revert-to`"),
            Self::NeverGoesBack => Some("say `--stop revert` too, or leave it out"),
            Self::Spread(_) => Some("choose a shorter one"),
            Self::NoFallback => Some("say how a store sells meanwhile, or leave it out"),
        }
    }
}

impl Policy {
    /// One wave, and nothing that stops it.
    pub const PLAIN: Self = Self {
        membership: Intake::Snapshot,
        canary: vec![],
        waves: vec![],
        gate: None,
        stop: StopPolicy::Finish,
        revert_to: None,
        rate: None,
        store_at_once: None,
        fallback: None,
        class: None,
        retries_max: RETRIES_MAX,
        not_before: None,
        spread: None,
    };

    pub fn is_continuous(&self) -> bool {
        self.membership == Intake::Continuous
    }

    /// From when on terminals are released of a campaign that is started at this moment.
    pub fn begins_at(&self, start: UnixTime) -> UnixTime {
        self.not_before.map_or(start, |at| at.max(start))
    }

    /// What a campaign takes at least, however fast its terminals are.
    pub fn least_time(&self) -> Duration {
        let Some(gate) = &self.gate else { return Duration::ZERO };
        let waits = self.waves.iter().filter(|wave| **wave != Share::Rest).count();
        let waits = waits + usize::from(!self.canary.is_empty());
        gate.soak.saturating_mul(u32::try_from(waits).unwrap_or(u32::MAX))
    }

    /// Refuses what could never make progress, or what would let everything pass.
    pub fn check(&self) -> Result<(), NotAPolicy> {
        self.check_form()?;
        match (self.stop, self.revert_to) {
            (StopPolicy::Revert, None) => Err(NotAPolicy::NoWayBack),
            (StopPolicy::Finish | StopPolicy::Keep, Some(_)) => Err(NotAPolicy::NeverGoesBack),
            (StopPolicy::Revert, Some(_)) | (StopPolicy::Finish | StopPolicy::Keep, None) => Ok(()),
        }
    }

    /// All but what only an operator can say.
    fn check_form(&self) -> Result<(), NotAPolicy> {
        if self.waves.len() > WAVES_MAX {
            return Err(NotAPolicy::TooManyWaves(self.waves.len()));
        }
        if self.canary.len() > CANARY_MAX {
            return Err(NotAPolicy::TooManyCanaries(self.canary.len()));
        }
        for (at, wave) in self.waves.iter().enumerate() {
            match wave {
                Share::Count(0) => return Err(NotAPolicy::EmptyWave(at + 1)),
                Share::Rest if at + 1 < self.waves.len() => {
                    return Err(NotAPolicy::RestBeforeOthers(at + 1));
                }
                Share::Count(_) | Share::Percent(_) | Share::Rest => {}
            }
        }
        if self.store_at_once == Some(0) {
            return Err(NotAPolicy::NobodyAtOnce);
        }
        if let Some(spread) = self.spread.filter(|it| *it > SPREAD_MAX) {
            return Err(NotAPolicy::Spread(spread));
        }
        if self.fallback.as_ref().is_some_and(|it| it.trim().is_empty()) {
            return Err(NotAPolicy::NoFallback);
        }
        match &self.gate {
            Some(gate) => gate.check(),
            None if self.is_in_waves() => Err(NotAPolicy::NoGate),
            None => Ok(()),
        }
    }
}

impl Policy {
    /// Whether some members come before others whatever their place.
    fn is_in_waves(&self) -> bool {
        !self.canary.is_empty() || self.waves.iter().any(|wave| *wave != Share::Rest)
    }
}

impl Gate {
    fn check(&self) -> Result<(), NotAPolicy> {
        if self.sample_min == 0 {
            return Err(NotAPolicy::NoSample);
        }
        for (field, percent) in [
            ("`success_percent_min`", self.success_percent_min),
            ("`reach_percent_min`", self.reach_percent_min),
        ] {
            if !(1..=100).contains(&percent) {
                return Err(NotAPolicy::Percent { field, percent });
            }
        }
        if self.soak > SOAK_MAX {
            return Err(NotAPolicy::Soak(self.soak));
        }
        match self.bad_max {
            Share::Rest => Err(NotAPolicy::NoBudget),
            Share::Count(_) | Share::Percent(_) => Ok(()),
        }
    }
}

impl Named {
    /// The names of those that are built in.
    pub const BUILT_IN: [&str; 3] = ["careful", "usual", "emergency"];

    pub fn built_in(name: &str) -> Result<Self, NotAPolicy> {
        let text = match name {
            "careful" => include_str!("policies/careful.toml"),
            "usual" => include_str!("policies/usual.toml"),
            "emergency" => include_str!("policies/emergency.toml"),
            _ => return Err(NotAPolicy::Unknown(name.chars().take(64).collect())),
        };
        Self::read(text)
    }

    pub fn read(text: &str) -> Result<Self, NotAPolicy> {
        let unreadable = |error: toml::de::Error| NotAPolicy::Unreadable(error.to_string());
        let file: File = toml::from_str(text).map_err(unreadable)?;
        let named = file.named();
        if named.max_parallel == Some(0) {
            return Err(NotAPolicy::NoPlaces);
        }
        named.policy.check_form()?;
        Ok(named)
    }
}

impl File {
    /// Whole on both sides, so that no key is read and then forgotten.
    fn named(self) -> Named {
        let Self {
            max_parallel,
            membership,
            waves,
            gate,
            stop,
            rate,
            store_at_once,
            class,
            retries_max,
            spread,
        } = self;
        let policy = Policy {
            membership,
            waves,
            gate,
            stop,
            rate,
            store_at_once,
            class,
            retries_max,
            spread,
            // What only one campaign can say.
            canary: vec![],
            revert_to: None,
            fallback: None,
            not_before: None,
        };
        Named { policy, max_parallel }
    }
}

#[cfg(test)]
mod tests;
