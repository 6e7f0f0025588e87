//! When a job may fetch and when it may disturb its shop: openings, freezes, a spread. Pure: the
//! moment and the zone are arguments, so that a terminal decides it without a network, and a
//! controller beforehand in the same words.
//!
//! A calendar only closes. It travels in an order, which the controller alone signs: what people
//! signed in the batch, its window among it, stays the outer bound ([`Hours::within`]).
//!
//! **Weekly openings are read off the wall clock**, as [`Window`] is: such an opening is open at
//! exactly those moments at which the terminal's own clock shows a time inside of it. So an hour
//! that is skipped in spring is open to nobody, and an hour that comes twice in autumn counts
//! both times. A weekly opening over midnight belongs to the day on which it begins.
//!
//! What is open without a break is one *stretch*, whichever openings it is made of. Two things
//! depend on where it ends, be it at an opening's end or at the beginning of a freeze:
//!
//! - Nothing is activated in its last [`MARGIN`]: whoever begins then would be at work after it.
//! - Terminals begin spread over its first [`Calendar::spread_s`], or over all of it where it is
//!   shorter ([`Jitter`]). The end of a freeze begins a stretch, too.

mod hours;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use jiff::civil::{DateTime, Weekday};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{OrderId, TerminalId};
use crate::limits::{CALENDAR_FREEZES_MAX, CALENDAR_OPENINGS_MAX, CALENDAR_SPREAD_S_MAX};
use crate::time::UnixTime;
use crate::window::Window;

pub use hours::{Closed, ClosedUntil, Hours};

/// Between the last moment at which something may be activated and the end of what is open.
pub const MARGIN: Duration = Duration::from_secs(10 * 60);

/// When one order may be carried out. No openings of a part mean any time that is not frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// When bytes may be fetched.
    pub download: Vec<Opening>,
    /// When the shop may be disturbed.
    pub activation: Vec<Opening>,
    /// When neither may be.
    pub freezes: Vec<Span>,
    /// Over how long the terminals of one campaign begin, from the beginning of what is open.
    pub spread_s: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opening {
    /// In the terminal's own zone.
    Weekly(Weekly),
    Once(Span),
}

/// A window that opens on some days of the week. Over midnight it goes on into the next day; with
/// equal ends it lasts until the same time of the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weekly {
    pub days: Days,
    pub window: Window,
}

/// Days of the week, one bit each: Monday is the lowest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Days(u8);

/// From one moment (included) to another (excluded), wherever the terminal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    pub from: UnixTime,
    pub to: UnixTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Download,
    Activation,
}

/// One terminal's share of a spread: the same for all of its stretches, another for each order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jitter(u32);

/// What makes a calendar unusable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsoundCalendar {
    #[error("the calendar closes nothing: it is to be left out")]
    ClosesNothing,
    #[error("{got} entries in `{list}`, more than the {max} that are read")]
    TooMany { list: &'static str, got: usize, max: usize },
    #[error("entry {entry} of `{list}` is on no day of the week, or on one that is none")]
    Days { list: &'static str, entry: usize },
    #[error("entry {entry} of `{list}`: minutes {} to {} are not within a day",
        window.from_min, window.to_min)]
    BeyondTheDay { list: &'static str, entry: usize, window: Window },
    #[error("entry {entry} of `{list}` ends at {}, not after it begins at {}", span.to, span.from)]
    EndsBeforeItBegins { list: &'static str, entry: usize, span: Span },
    #[error("a spread of {0} s is longer than {CALENDAR_SPREAD_S_MAX} s")]
    Spread(u32),
}

impl Calendar {
    /// Checks what a type cannot; entries are counted from 1.
    pub fn check(&self) -> Result<(), UnsoundCalendar> {
        let Self { download, activation, freezes, spread_s } = self;
        if download.is_empty() && activation.is_empty() && freezes.is_empty() {
            return Err(UnsoundCalendar::ClosesNothing);
        }
        for (list, openings) in [("download", download), ("activation", activation)] {
            check_count(list, openings.len(), CALENDAR_OPENINGS_MAX)?;
            for (at, opening) in openings.iter().enumerate() {
                opening.check(list, at + 1)?;
            }
        }
        check_count("freezes", freezes.len(), CALENDAR_FREEZES_MAX)?;
        for (at, freeze) in freezes.iter().enumerate() {
            freeze.check("freezes", at + 1)?;
        }
        match *spread_s > CALENDAR_SPREAD_S_MAX {
            true => Err(UnsoundCalendar::Spread(*spread_s)),
            false => Ok(()),
        }
    }
}

fn check_count(list: &'static str, got: usize, max: usize) -> Result<(), UnsoundCalendar> {
    match got > max {
        true => Err(UnsoundCalendar::TooMany { list, got, max }),
        false => Ok(()),
    }
}

impl Opening {
    fn check(self, list: &'static str, entry: usize) -> Result<(), UnsoundCalendar> {
        match self {
            Self::Weekly(Weekly { days, .. }) if !days.is_sound() => {
                Err(UnsoundCalendar::Days { list, entry })
            }
            Self::Weekly(Weekly { window, .. }) if !window.is_sound() => {
                Err(UnsoundCalendar::BeyondTheDay { list, entry, window })
            }
            Self::Weekly(_) => Ok(()),
            Self::Once(span) => span.check(list, entry),
        }
    }
}

impl Weekly {
    /// A window of every day.
    pub const fn daily(window: Window) -> Self {
        Self { days: Days::ALL, window }
    }

    /// Whether this time on the wall clock is inside.
    fn has(self, local: DateTime) -> bool {
        let Window { from_min, to_min } = self.window;
        let minute = local.hour().unsigned_abs() as u16 * 60 + local.minute().unsigned_abs() as u16;
        let today = self.days.has(local.weekday());
        if from_min < to_min {
            return today && (from_min..to_min).contains(&minute);
        }
        let since_yesterday = self.days.has(local.weekday().previous()) && minute < to_min;
        (today && minute >= from_min) || since_yesterday
    }
}

impl Days {
    pub const ALL: Self = Self(0b0111_1111);

    pub fn of(days: impl IntoIterator<Item = Weekday>) -> Self {
        Self(days.into_iter().fold(0, |all, day| all | bit(day)))
    }

    pub fn has(self, day: Weekday) -> bool {
        self.0 & bit(day) != 0
    }

    /// From Monday on.
    pub fn iter(self) -> impl Iterator<Item = Weekday> {
        Weekday::Monday.cycle_forward().take(7).filter(move |day| self.has(*day))
    }

    fn is_sound(self) -> bool {
        (1..=Self::ALL.0).contains(&self.0)
    }
}

fn bit(day: Weekday) -> u8 {
    1 << day.to_monday_zero_offset()
}

impl fmt::Debug for Days {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.iter()).finish()
    }
}

impl Span {
    pub fn has(self, at: UnixTime) -> bool {
        self.from <= at && at < self.to
    }

    fn check(self, list: &'static str, entry: usize) -> Result<(), UnsoundCalendar> {
        match self.from < self.to {
            true => Ok(()),
            false => Err(UnsoundCalendar::EndsBeforeItBegins { list, entry, span: self }),
        }
    }
}

impl Jitter {
    /// Of whoever has no order, and begins with the first.
    pub const NONE: Self = Self(0);

    pub fn of(order: OrderId, terminal: TerminalId) -> Self {
        let digest = Digest::of_parts(&[b"jitter/", order.as_bytes(), terminal.as_bytes()]);
        let [a, b, c, d, ..] = digest.0;
        Self(u32::from_be_bytes([a, b, c, d]))
    }

    /// Below `room`, each value for as many terminals as any other; 0 where there is no room.
    fn share(self, room: u32) -> u32 {
        let share = (u64::from(self.0) * u64::from(room)) >> u32::BITS;
        u32::try_from(share).unwrap_or(u32::MAX)
    }
}
