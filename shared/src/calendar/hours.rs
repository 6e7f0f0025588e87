//! Is now open, and when will it be?
//!
//! One predicate says whether a moment is open (`barred`), and `edges` says at which moments its
//! answer may change: at the ends of spans, at the ends of windows on each local day, and where
//! the zone's clock jumps. All else follows from asking the one at the others.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::{Calendar, Jitter, MARGIN, Opening, Part, Span, Weekly};
use crate::limits::{CALENDAR_SPREAD_S_MAX, ROUTINE_ORDER_LIFETIME_S_MAX};
use crate::time::UnixTime;
use crate::window::Window;

/// How much is looked at in one go when the next opening is searched for: most open every day.
const SEARCHED_AT_ONCE_S: i64 = 2 * 24 * 3600;

/// How far ahead an opening is searched for: no order lives longer.
const SEARCHED_S_MAX: i64 = ROUTINE_ORDER_LIFETIME_S_MAX as i64 + SEARCHED_AT_ONCE_S;

/// Between two jumps of one clock: they are months apart, and where a country changes its mind,
/// days.
const JUMPS_APART_S: i64 = 6 * 3600;

/// The hours of one part of one order on one terminal.
#[derive(Clone, Debug)]
pub struct Hours<'a> {
    openings: &'a [Opening],
    freezes: &'a [Span],
    /// What the change itself asks for.
    within: Option<Weekly>,
    spread_s: u32,
    margin_s: i64,
    zone: &'a TimeZone,
    jitter: Jitter,
}

/// Why it is not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closed {
    /// Nothing may change now.
    Freeze,
    /// Outside of every opening.
    Window,
    /// It is open, and this terminal's own turn comes later: not all begin together.
    Spread,
    /// What is open ends too soon to begin.
    Margin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedUntil {
    pub why: Closed,
    /// None: not before any order's end.
    pub until: Option<UnixTime>,
}

/// What is open without a break, in seconds since 1970. Where it was cut off at the edge of what
/// was looked at, it is long enough that nothing depends on its true end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    from: i64,
    to: i64,
}

impl Calendar {
    pub fn hours<'a>(&'a self, part: Part, zone: &'a TimeZone, jitter: Jitter) -> Hours<'a> {
        let (openings, margin_s) = match part {
            Part::Download => (&self.download, 0),
            Part::Activation => (&self.activation, MARGIN.as_secs().cast_signed()),
        };
        Hours {
            openings,
            freezes: &self.freezes,
            within: None,
            // Of a calendar that nobody checked, too: the search is as long as the spread.
            spread_s: self.spread_s.min(CALENDAR_SPREAD_S_MAX),
            margin_s,
            zone,
            jitter,
        }
    }
}

impl Hours<'_> {
    /// Open only while this window is open as well.
    #[must_use]
    pub fn within(self, window: Option<Window>) -> Self {
        Self { within: window.map(Weekly::daily), ..self }
    }

    /// Whether it may begin now.
    pub fn is_open(&self, at: UnixTime) -> Result<(), ClosedUntil> {
        match self.closed_at(at) {
            None => Ok(()),
            Some(why) => Err(ClosedUntil { why, until: self.next_opening(at, UnixTime(i64::MAX)) }),
        }
    }

    /// The first moment from `at` on, and not after `until`, at which it may begin; `at` itself
    /// when that is now. Nothing further away than the longest life of an order is found.
    pub fn next_opening(&self, at: UnixTime, until: UnixTime) -> Option<UnixTime> {
        let until = until.0.min(at.0.saturating_add(SEARCHED_S_MAX));
        // Whatever began before `at` by less than the spread may still wait for its own moment.
        let mut looked_from = at.0.saturating_sub(self.spread_s.into());
        let mut begun_from = looked_from;
        for step in 0..=SEARCHED_S_MAX / SEARCHED_AT_ONCE_S {
            let begin = at.0.saturating_add(step * SEARCHED_AT_ONCE_S);
            let end = begin.saturating_add(SEARCHED_AT_ONCE_S);
            if begin > until {
                break;
            }
            let stretches = self.stretches(looked_from, self.beyond(end));
            let these = stretches.into_iter().filter(|it| (begun_from..end).contains(&it.from));
            let begins = these.filter_map(|stretch| {
                let turn = self.turn(stretch);
                let begin = turn.from.max(at.0);
                (begin < turn.to).then_some(begin)
            });
            if let Some(begin) = begins.min() {
                return (begin <= until).then_some(UnixTime(begin));
            }
            // A second earlier, so that what had begun by then does not seem to begin there.
            (looked_from, begun_from) = (end - 1, end);
        }
        None
    }

    /// The first moment after `at` and not after `until` from which on it may not begin any more,
    /// if it may now.
    pub fn next_closing(&self, at: UnixTime, until: UnixTime) -> Option<UnixTime> {
        self.closed_at(at).is_none().then_some(())?;
        let stretches = self.stretches(at.0, self.beyond(until.0));
        let closes = stretches.first()?.to - self.margin_s;
        (closes <= until.0).then_some(UnixTime(closes))
    }

    /// Why it may not begin now, if it may not: without the search for when it may.
    pub fn closed_at(&self, at: UnixTime) -> Option<Closed> {
        if let Some(barred) = self.barred(at) {
            return Some(barred);
        }
        let since = at.0.saturating_sub(self.spread_s.into());
        let stretches = self.stretches(since, self.beyond(at.0));
        let here = stretches.into_iter().find(|it| (it.from..it.to).contains(&at.0));
        // Without one the moment is beyond what can be reckoned with.
        let Some(here) = here else { return Some(Closed::Window) };
        let turn = self.turn(here);
        match at.0 < turn.to {
            true if at.0 < turn.from => Some(Closed::Spread),
            true => None,
            false => Some(Closed::Margin),
        }
    }

    /// Why this moment is in no stretch, if it is in none.
    fn barred(&self, at: UnixTime) -> Option<Closed> {
        if self.freezes.iter().any(|freeze| freeze.has(at)) {
            return Some(Closed::Freeze);
        }
        // A moment that no calendar reaches is on no wall clock.
        let local = Timestamp::from_second(at.0).ok().map(|it| self.zone.to_datetime(it));
        let is_in = |weekly: &Weekly| local.is_some_and(|local| weekly.has(local));
        let is_in_one = self.openings.iter().any(|opening| match opening {
            Opening::Weekly(weekly) => is_in(weekly),
            Opening::Once(span) => span.has(at),
        });
        let is_open = self.openings.is_empty() || is_in_one;
        match is_open && self.within.as_ref().is_none_or(is_in) {
            true => None,
            false => Some(Closed::Window),
        }
    }

    /// The part of a stretch in which this terminal may begin.
    fn turn(&self, stretch: Stretch) -> Stretch {
        let to = stretch.to - self.margin_s;
        let room = u32::try_from(to - stretch.from).unwrap_or(0).min(self.spread_s);
        Stretch { from: stretch.from + i64::from(self.jitter.share(room)), to }
    }

    /// As far as must be looked at to know a stretch that begins by then.
    fn beyond(&self, at: i64) -> i64 {
        at.saturating_add(self.margin_s + i64::from(self.spread_s) + 1)
    }

    /// What is open between two moments, cut off at both.
    fn stretches(&self, from: i64, to: i64) -> Vec<Stretch> {
        let edges = self.edges(from, to);
        let ends = edges.iter().skip(1).copied().chain([to]);
        let mut stretches: Vec<Stretch> = Vec::new();
        for (from, to) in edges.iter().copied().zip(ends) {
            if self.barred(UnixTime(from)).is_some() {
                continue;
            }
            match stretches.last_mut().filter(|last| last.to == from) {
                Some(last) => last.to = to,
                None => stretches.push(Stretch { from, to }),
            }
        }
        stretches
    }

    /// The first moment, and each later one at which [`Self::barred`] may answer otherwise.
    fn edges(&self, from: i64, to: i64) -> Vec<i64> {
        let once = self.openings.iter().filter_map(|opening| match opening {
            Opening::Once(span) => Some(span),
            Opening::Weekly(_) => None,
        });
        let spans = once.chain(self.freezes);
        let mut edges = vec![from];
        // Put in one by one, sorted: a few dozen, and a terminal has little room for code.
        let mut put = |at: i64| {
            if (from..to).contains(&at)
                && let Err(place) = edges.binary_search(&at)
            {
                edges.insert(place, at);
            }
        };
        for span in spans {
            put(span.from.0);
            put(span.to.0);
        }
        if let (Ok(first), Ok(last)) = (Timestamp::from_second(from), Timestamp::from_second(to)) {
            self.edges_of_days(first, last, &mut put);
        }
        edges
    }

    fn edges_of_days(&self, first: Timestamp, last: Timestamp, put: &mut dyn FnMut(i64)) {
        self.jumps(first.as_second(), last.as_second(), put);
        let weekly = self.openings.iter().filter_map(|opening| match opening {
            Opening::Weekly(weekly) => Some(weekly),
            Opening::Once(_) => None,
        });
        let weekly: Vec<_> = weekly.chain(&self.within).collect();
        let last = self.zone.to_datetime(last).date();
        let mut day = Some(self.zone.to_datetime(first).date());
        while let Some(today) = day.filter(|day| *day <= last) {
            for Weekly { window: Window { from_min, to_min }, .. } in &weekly {
                self.moments(today, *from_min).for_each(&mut *put);
                self.moments(today, *to_min).for_each(&mut *put);
            }
            day = today.tomorrow().ok();
        }
    }

    /// The first second of each other offset: it is found between two moments that differ. No clock
    /// jumps twice within [`JUMPS_APART_S`].
    fn jumps(&self, from: i64, to: i64, put: &mut dyn FnMut(i64)) {
        let offset = |at| Timestamp::from_second(at).map(|at| self.zone.to_offset(at));
        let mut begin = from;
        while begin < to {
            let end = begin.saturating_add(JUMPS_APART_S).min(to);
            if let (Ok(before), Ok(after)) = (offset(begin), offset(end))
                && before != after
            {
                let (mut is_before, mut is_after) = (begin, end);
                while is_after - is_before > 1 {
                    let middle = i64::midpoint(is_before, is_after);
                    match offset(middle).is_ok_and(|it| it == before) {
                        true => is_before = middle,
                        false => is_after = middle,
                    }
                }
                put(is_after);
            }
            begin = end;
        }
    }

    /// When the wall clock shows this minute of this day: once, never, or twice.
    fn moments(&self, day: Date, minute: u16) -> impl Iterator<Item = i64> {
        let time = i8::try_from(minute / 60)
            .and_then(|hour| Ok(Time::new(hour, i8::try_from(minute % 60)?, 0, 0)));
        let local = time.ok().and_then(Result::ok).map(|time| day.to_datetime(time));
        let offsets = local.map(|local| match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => [Some(offset), None],
            AmbiguousOffset::Gap { .. } => [None, None],
            AmbiguousOffset::Fold { before, after } => [Some(before), Some(after)],
        });
        let offsets = offsets.into_iter().flatten().flatten();
        offsets.filter_map(move |offset| Some(offset.to_timestamp(local?).ok()?.as_second()))
    }
}
