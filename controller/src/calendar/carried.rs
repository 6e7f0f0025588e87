//! What an order carries of the windows and freezes that people keep: for one terminal, in its
//! zone, and for the order's life. Pure.
//!
//! Of each kind of windows those of the nearest scope count alone: the store's before its region's,
//! these before the fleet's. Freezes of all scopes add up. What is over counts no more: a store
//! whose last window has passed goes by its region's again.
//!
//! As few entries are carried as mean the same. Weekly windows are laid over one another as minutes
//! of a week, spans that touch become one, and a span in the middle of a freeze is left out. What
//! does not fit then is refused: an order that opened less often than people said would wait
//! without anybody knowing what for.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use shared::calendar::{
    Calendar, Closed, ClosedUntil, Days, Jitter, MARGIN, Opening, Part, Span, Weekly,
};
use shared::limits::{
    CALENDAR_FREEZES_MAX, CALENDAR_OPENINGS_MAX, CALENDAR_SPREAD_S_MAX,
    ROUTINE_ORDER_LIFETIME_S_MAX,
};
use shared::time::UnixTime;
use shared::window::Window;

use super::Kind;
use super::scope::Scope;
use crate::registry::calendar::Kept;

const DAY_MIN: usize = 24 * 60;
const WEEK_MIN: usize = 7 * DAY_MIN;

/// Why no order is made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCarried {
    #[error("no {} window of {scope} opens before the order ends", kind.word())]
    NeverOpens { kind: Kind, scope: Scope },
    #[error("an order carries {max} entries of the kind `{}`, and {got} fall into its life",
        kind.word())]
    TooMany { kind: Kind, got: usize, max: usize },
}

impl NotCarried {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NeverOpens { .. } => "give the order a longer life, or the scope another window",
            Self::TooMany { .. } => {
                "give the order a shorter life, or windows that repeat every week on each \
                 terminal's own clock"
            }
        }
    }
}

/// The calendar of an order for a terminal in this zone, whose store these concern: what
/// [`calendars_of_store`] gave. `None` where nothing closes.
///
/// [`calendars_of_store`]: crate::registry::calendar::CalendarRegistry::calendars_of_store
pub fn carried(
    kept: &[Kept],
    zone: &TimeZone,
    life: Span,
    spread_s: u32,
) -> Result<Option<Calendar>, NotCarried> {
    let spread_s = spread_s.min(CALENDAR_SPREAD_S_MAX);
    let freezes = freezes(kept, zone, seen(life, spread_s));
    bounded(Kind::Freeze, freezes.len(), CALENDAR_FREEZES_MAX)?;
    let part = |kind| match windows(kept, kind, zone, life, spread_s, &freezes) {
        Windows::AnyTime => Ok(Vec::new()),
        Windows::None { scope } => Err(NotCarried::NeverOpens { kind, scope }),
        Windows::Some(openings) => {
            bounded(kind, openings.len(), CALENDAR_OPENINGS_MAX)?;
            Ok(openings)
        }
    };
    let (download, activation) = (part(Kind::Download)?, part(Kind::Activation)?);
    let closes = !(download.is_empty() && activation.is_empty() && freezes.is_empty());
    Ok(closes.then_some(Calendar { download, activation, freezes, spread_s }))
}

/// Whether something may begin now at a terminal in this zone, whose store these concern: without
/// an order, and so without a spread.
pub fn open_at(
    kept: &[Kept],
    part: Part,
    zone: &TimeZone,
    at: UnixTime,
) -> Result<(), ClosedUntil> {
    let life = Span { from: at, to: UnixTime(at.0.saturating_add(LOOKED_AHEAD_S)) };
    let freezes = freezes(kept, zone, seen(life, 0));
    let is_frozen = freezes.iter().any(|freeze| freeze.has(at));
    let kind = match part {
        Part::Download => Kind::Download,
        Part::Activation => Kind::Activation,
    };
    let openings = match windows(kept, kind, zone, life, 0, &freezes) {
        Windows::AnyTime => Vec::new(),
        Windows::Some(openings) => openings,
        Windows::None { .. } => {
            let why = if is_frozen { Closed::Freeze } else { Closed::Window };
            return Err(ClosedUntil { why, until: None });
        }
    };
    let (download, activation) = match part {
        Part::Download => (openings, Vec::new()),
        Part::Activation => (Vec::new(), openings),
    };
    let calendar = Calendar { download, activation, freezes, spread_s: 0 };
    calendar.hours(part, zone, Jitter::NONE).is_open(at)
}

/// No order lives longer, so nobody waits longer.
const LOOKED_AHEAD_S: i64 = ROUTINE_ORDER_LIFETIME_S_MAX.cast_signed();

/// What is to be known for every moment of a life: a stretch that began before it may still have
/// its spread, and what ends soon after it has its margin inside.
fn seen(life: Span, spread_s: u32) -> Span {
    Span {
        from: UnixTime(life.from.0.saturating_sub(spread_s.into())),
        to: UnixTime(life.to.0.saturating_add(MARGIN.as_secs().cast_signed())),
    }
}

fn bounded(kind: Kind, got: usize, max: usize) -> Result<(), NotCarried> {
    match got > max {
        true => Err(NotCarried::TooMany { kind, got, max }),
        false => Ok(()),
    }
}

fn freezes(kept: &[Kept], zone: &TimeZone, seen: Span) -> Vec<Span> {
    let standing = kept.iter().filter(|it| it.ended.is_none());
    let entries = standing.map(|it| &it.entry).filter(|it| it.kind == Kind::Freeze);
    joined(entries.flat_map(|it| it.freezes(zone, seen)).collect())
}

enum Windows {
    /// Nobody keeps any, or together they are never shut.
    AnyTime,
    /// Those that this scope keeps open later, or never again.
    None {
        scope: Scope,
    },
    Some(Vec<Opening>),
}

fn windows(
    kept: &[Kept],
    kind: Kind,
    zone: &TimeZone,
    life: Span,
    spread_s: u32,
    freezes: &[Span],
) -> Windows {
    let count = |it: &&Kept| {
        it.ended.is_none() && it.entry.kind == kind && !it.entry.is_over(zone, life.from)
    };
    let counted: Vec<_> = kept.iter().filter(count).collect();
    let Some(scope) = counted.iter().map(|it| &it.scope).max() else { return Windows::AnyTime };
    let nearest = counted.iter().filter(|it| it.scope == *scope).map(|it| &it.entry);
    let mut week = Week::default();
    let mut spans = Vec::new();
    for opening in nearest.flat_map(|it| it.openings(zone, seen(life, spread_s))) {
        match opening {
            Opening::Weekly(weekly) => week.lay(weekly),
            Opening::Once(span) => spans.push(span),
        }
    }
    if week.is_full() {
        return Windows::AnyTime;
    }
    let is_frozen =
        |it: &Span| freezes.iter().any(|freeze| freeze.from <= it.from && it.to <= freeze.to);
    let spans = joined(spans).into_iter().filter(|it| !is_frozen(it)).map(Opening::Once);
    let openings: Vec<_> = week.windows().into_iter().map(Opening::Weekly).chain(spans).collect();
    let opens_in_life = |opening: &Opening| match opening {
        Opening::Weekly(_) => true,
        Opening::Once(span) => span.from < life.to && life.from < span.to,
    };
    match openings.iter().any(opens_in_life) {
        true => Windows::Some(openings),
        false => Windows::None { scope: scope.clone() },
    }
}

/// In order, without any that touch.
fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut().filter(|last| span.from <= last.to) {
            Some(last) => last.to = last.to.max(span.to),
            None => joined.push(span),
        }
    }
    joined
}

/// The minutes of a week, from Monday's first, that some window has.
struct Week(Vec<bool>);

impl Default for Week {
    fn default() -> Self {
        Self(vec![false; WEEK_MIN])
    }
}

impl Week {
    fn lay(&mut self, Weekly { days, window }: Weekly) {
        let from = usize::from(window.from_min);
        let to = usize::from(window.to_min);
        let to = if from < to { to } else { to + DAY_MIN };
        for day in days.iter().map(day_at) {
            for minute in from..to {
                self.0[(day * DAY_MIN + minute) % WEEK_MIN] = true;
            }
        }
    }

    fn is_full(&self) -> bool {
        self.0.iter().all(|has| *has)
    }

    /// As few windows as give these minutes, the earliest in a day first.
    fn windows(&self) -> Vec<Weekly> {
        let mut windows: Vec<Weekly> = Vec::new();
        for (from, to) in self.runs() {
            // No window is longer than a day.
            for from in (from..to).step_by(DAY_MIN) {
                let to = to.min(from + DAY_MIN);
                let window = Window { from_min: of_day(from), to_min: of_day(to) };
                let day = day_of(from);
                match windows.iter_mut().find(|it| it.window == window) {
                    Some(same) => same.days = Days::of(same.days.iter().chain([day])),
                    None => windows.push(Weekly { days: Days::of([day]), window }),
                }
            }
        }
        windows.sort_by_key(|it| (it.window.from_min, it.window.to_min));
        windows
    }

    /// From where to where it is open without a break; over the end of the week too. Of a week that
    /// is not full.
    fn runs(&self) -> Vec<(usize, usize)> {
        let has = |at: usize| self.0[at % WEEK_MIN];
        let begins = (0..WEEK_MIN).filter(|at| has(*at) && !has(at + WEEK_MIN - 1));
        let run = |from: usize| (from, (from..).find(|at| !has(*at)).unwrap_or(from));
        begins.map(run).collect()
    }
}

fn of_day(minute_of_week: usize) -> u16 {
    u16::try_from(minute_of_week % DAY_MIN).expect("a day has less than 2¹⁶ minutes")
}

fn day_at(day: Weekday) -> usize {
    usize::from(day.to_monday_zero_offset().unsigned_abs())
}

fn day_of(minute_of_week: usize) -> Weekday {
    let days = Weekday::Monday.cycle_forward();
    days.take(7).nth(minute_of_week / DAY_MIN % 7).expect("a week has seven days")
}

#[cfg(test)]
mod tests;
