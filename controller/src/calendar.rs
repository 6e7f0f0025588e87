//! Windows and freezes as people keep them: entries of a calendar, on each terminal's own clock or
//! in one zone, once or again and again. Pure.
//!
//! [`ics`] reads and writes them as files of other programs, [`said`] takes one as a person says
//! it. What an order carries ([`shared::calendar`]) is made of those that concern a terminal's
//! store ([`scope`]), for this terminal and one order's life ([`carried`]): an entry that repeats
//! weekly on the terminal's own clock, or in its zone, stays weekly, all else becomes spans.
//!
//! A time that a clock skips is the moment at which it jumps. Of a time that comes twice an entry
//! begins with the first; an opening ends with the first as well, a freeze with the second.

pub mod carried;
pub mod ics;
mod repeat;
pub mod said;
pub mod scope;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use shared::calendar::{Opening, Span, Weekly};
use shared::time::UnixTime;
use shared::window::Window;
use utoipa::ToSchema;

pub use repeat::{NotARepeat, Repeat};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// By which it is known again when its file is imported anew.
    pub uid: String,
    pub summary: String,
    pub kind: Kind,
    /// Both on `clock`; the second is later.
    pub from: DateTime,
    pub to: DateTime,
    pub clock: Clock,
    pub repeat: Option<Repeat>,
    /// Beginnings that `repeat` names and that are left out, ascending.
    pub except: Vec<DateTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = CalendarKind)]
pub enum Kind {
    /// When bytes may be fetched.
    Download,
    /// When a shop may be disturbed.
    Activation,
    /// When neither may be.
    Freeze,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    EachTerminals,
    /// By its IANA name, which the machine knew when the entry was read.
    Zone(String),
}

/// One time of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    pub from: DateTime,
    pub to: DateTime,
    pub is_now: bool,
}

/// Which of the two moments is meant by a time that comes twice.
#[derive(Clone, Copy)]
enum Twice {
    First,
    Second,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Download, Self::Activation, Self::Freeze];

    pub fn word(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Activation => "activation",
            Self::Freeze => "freeze",
        }
    }
}

impl Entry {
    /// What opens for a terminal in this zone during an order's life.
    pub fn openings(&self, zone: &TimeZone, life: Span) -> Vec<Opening> {
        match self.weekly(zone, life) {
            Some(weekly) => vec![Opening::Weekly(weekly)],
            None => self.spans(zone, life, Twice::First).map(Opening::Once).collect(),
        }
    }

    /// What is frozen for a terminal in this zone during an order's life.
    pub fn freezes(&self, zone: &TimeZone, life: Span) -> Vec<Span> {
        self.spans(zone, life, Twice::Second).collect()
    }

    /// Whether it is never again, for a terminal in this zone.
    pub fn is_over(&self, zone: &TimeZone, at: UnixTime) -> bool {
        let ever_after = Span { from: at, to: UnixTime(i64::MAX) };
        self.spans(zone, ever_after, Twice::Second).next().is_none()
    }

    /// When it is now or next, on its own clock; a terminal's is in this zone.
    pub fn next(&self, zone: &TimeZone, at: UnixTime) -> Option<Occurrence> {
        let zone = self.zone(zone)?;
        self.times().find_map(|(from, to)| {
            let begins = moment(&zone, from, Twice::First)?;
            let ends = moment(&zone, to, Twice::Second)?;
            (at < ends).then_some(Occurrence { from, to, is_now: begins <= at })
        })
    }

    /// As one weekly opening, when it is nothing else all life long.
    fn weekly(&self, zone: &TimeZone, life: Span) -> Option<Weekly> {
        let is_own = match &self.clock {
            Clock::EachTerminals => true,
            Clock::Zone(name) => zone.iana_name() == Some(name),
        };
        let repeat = self.repeat.as_ref().filter(|_| is_own)?;
        let (begin, end) = (local(zone, life.from)?, local(zone, life.to)?);
        let goes_on = self.from <= begin && repeat.until.is_none_or(|until| end <= until);
        let day_before = begin.checked_sub(1.day()).ok()?;
        let is_left_out = self.except.iter().any(|it| (day_before..=end).contains(it));
        let window = Window { from_min: minute(self.from)?, to_min: minute(self.to)? };
        let within_a_day = self.to <= self.from.checked_add(1.day()).ok()?;
        let weekly = Weekly { days: repeat.weekly_days(self.from)?, window };
        (goes_on && within_a_day && !is_left_out).then_some(weekly)
    }

    fn spans(&self, own: &TimeZone, life: Span, ends: Twice) -> impl Iterator<Item = Span> {
        let zone = self.zone(own).filter(|_| life.from < life.to);
        let times = zone.into_iter().flat_map(move |zone| {
            self.times().map_while(move |(from, to)| {
                let from = moment(&zone, from, Twice::First)?;
                (from < life.to).then_some(())?;
                Some(Span { from, to: moment(&zone, to, ends)? })
            })
        });
        times.filter(move |span| span.from < span.to && life.from < span.to)
    }

    /// A zone that the machine has forgotten since has no moments; nothing opens by it.
    fn zone(&self, own: &TimeZone) -> Option<TimeZone> {
        match &self.clock {
            Clock::EachTerminals => Some(own.clone()),
            Clock::Zone(name) => TimeZone::get(name).ok(),
        }
    }

    fn times(&self) -> impl Iterator<Item = (DateTime, DateTime)> {
        let lasts = self.from.until(self.to).unwrap_or_default();
        let repeated = self.repeat.iter().flat_map(|repeat| repeat.beginnings(self.from));
        let once = self.repeat.is_none().then_some(self.from);
        let kept = once
            .into_iter()
            .chain(repeated)
            .filter(|from| self.except.binary_search(from).is_err());
        kept.filter_map(move |from| Some((from, from.checked_add(lasts).ok()?)))
    }
}

/// Of the day; none if it is not a whole one.
fn minute(time: DateTime) -> Option<u16> {
    let whole = time.second() == 0 && time.subsec_nanosecond() == 0;
    let minute = i16::from(time.hour()) * 60 + i16::from(time.minute());
    u16::try_from(minute).ok().filter(|_| whole)
}

fn local(zone: &TimeZone, at: UnixTime) -> Option<DateTime> {
    Some(zone.to_datetime(Timestamp::from_second(at.0).ok()?))
}

fn moment(zone: &TimeZone, local: DateTime, twice: Twice) -> Option<UnixTime> {
    let timestamp = match (zone.to_ambiguous_timestamp(local).offset(), twice) {
        (AmbiguousOffset::Unambiguous { offset: it }, _)
        | (AmbiguousOffset::Fold { before: it, .. }, Twice::First)
        | (AmbiguousOffset::Fold { after: it, .. }, Twice::Second) => it.to_timestamp(local).ok(),
        (AmbiguousOffset::Gap { after, .. }, _) => {
            // Reckoned by the later offset it lies before the jump, which is the next there is.
            let before = after.to_timestamp(local).ok()?;
            let jump = zone.following(before).next();
            jump.map(|jump| jump.timestamp())
        }
    };
    timestamp.map(|it| UnixTime(it.as_second()))
}
