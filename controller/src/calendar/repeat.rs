//! How an entry repeats: a rule of RFC 5545, of which those that a window or a freeze may have are
//! kept as they are written, and expanded on the wall clock.

use std::fmt;

use ical::recur::expand::IcalRecurExpand;
use ical::recur::{IcalRecurDateTime, IcalRecurFreq, IcalRecurRule, IcalRecurWeekday};
use jiff::civil::{DateTime, Weekday};
use serde::{Deserialize, Deserializer, Serialize, de};
use shared::calendar::Days;

/// What may stand in a rule. `UNTIL` is kept beside it; times of the day are the entry's own.
const PARTS: [&str; 8] =
    ["FREQ", "COUNT", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST"];

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repeat {
    /// As in `RRULE`, in capitals, without `UNTIL`.
    rule: String,
    /// The last moment at which it may begin, on the entry's clock.
    pub until: Option<DateTime>,
}

/// Why a rule is not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARepeat {
    #[error("`{0}` is no part of a rule that is kept: it has {parts}", parts = PARTS.join(", "))]
    Part(String),
    #[error("`{0}` stands twice in the rule")]
    Twice(String),
    #[error("it repeats more often than daily")]
    MoreThanDaily,
    /// In the words of the library.
    #[error("the rule cannot be read: {0}")]
    Unreadable(String),
    #[error("the first day is none of those that the rule names")]
    FirstIsNone,
}

impl Repeat {
    /// Reads a rule without `UNTIL`, for an entry that begins so.
    pub fn new(rule: &str, until: Option<DateTime>, from: DateTime) -> Result<Self, NotARepeat> {
        let rule = rule.to_ascii_uppercase();
        let mut seen = Vec::new();
        for part in rule.split(';') {
            let name = part.split_once('=').map_or(part, |(name, _)| name);
            if !PARTS.contains(&name) {
                return Err(NotARepeat::Part(name.chars().take(32).collect()));
            }
            if seen.contains(&name) {
                return Err(NotARepeat::Twice(name.to_owned()));
            }
            seen.push(name);
        }
        check(&rule)?;
        if until.is_some() && seen.contains(&"COUNT") {
            return Err(NotARepeat::Unreadable("it has both UNTIL and COUNT".to_owned()));
        }
        let repeat = Self { rule, until };
        let first = repeat.beginnings(from).next();
        match first == Some(from) {
            true => Ok(repeat),
            false => Err(NotARepeat::FirstIsNone),
        }
    }

    /// The days on which it repeats, if it does so every week for ever or until it ends.
    pub(super) fn weekly_days(&self, from: DateTime) -> Option<Days> {
        let rule = parsed(&self.rule)?;
        let plain = rule.interval == 1
            && rule.count.is_none()
            && rule.by_month.is_empty()
            && rule.by_month_day.is_empty()
            && rule.by_set_pos.is_empty()
            && rule.by_day.iter().all(|day| day.ordinal.is_none());
        let is_weekly = rule.freq == IcalRecurFreq::Weekly;
        if !plain || !(is_weekly || rule.freq == IcalRecurFreq::Daily) {
            return None;
        }
        Some(match rule.by_day.as_slice() {
            [] if is_weekly => Days::of([from.weekday()]),
            [] => Days::ALL,
            days => Days::of(days.iter().map(|day| weekday(day.weekday))),
        })
    }

    /// When it begins, in order; for ever, if the rule has no end.
    pub(super) fn beginnings(&self, from: DateTime) -> impl Iterator<Item = DateTime> {
        let rule = parsed(&self.rule);
        let all = rule.into_iter().flat_map(move |it| IcalRecurExpand::new(it, to_library(from)));
        let until = self.until;
        let all = all.map_while(from_library);
        all.take_while(move |begin| until.is_none_or(|until| *begin <= until))
    }
}

/// As it stands in `RRULE`, without `UNTIL`.
impl fmt::Display for Repeat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.rule)
    }
}

/// What was stored was read before; what was changed since is found out here.
impl<'de> Deserialize<'de> for Repeat {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            rule: String,
            until: Option<DateTime>,
        }
        let Written { rule, until } = Written::deserialize(from)?;
        check(&rule).map_err(de::Error::custom)?;
        Ok(Self { rule, until })
    }
}

fn check(rule: &str) -> Result<(), NotARepeat> {
    let unreadable = |error: String| NotARepeat::Unreadable(error.to_lowercase());
    let rule = IcalRecurRule::parse(rule).map_err(|error| unreadable(error.to_string()))?;
    if let Some(problem) = rule.problems().first() {
        return Err(NotARepeat::Unreadable(problem.to_string()));
    }
    match rule.freq {
        IcalRecurFreq::Secondly | IcalRecurFreq::Minutely | IcalRecurFreq::Hourly => {
            Err(NotARepeat::MoreThanDaily)
        }
        IcalRecurFreq::Daily
        | IcalRecurFreq::Weekly
        | IcalRecurFreq::Monthly
        | IcalRecurFreq::Yearly => Ok(()),
    }
}

fn parsed(rule: &str) -> Option<IcalRecurRule> {
    IcalRecurRule::parse(rule).ok()
}

/// A civil time in the library's words.
pub(super) fn to_library(time: DateTime) -> IcalRecurDateTime {
    IcalRecurDateTime {
        year: time.year().into(),
        month: time.month().unsigned_abs(),
        day: time.day().unsigned_abs(),
        hour: time.hour().unsigned_abs(),
        minute: time.minute().unsigned_abs(),
        second: time.second().unsigned_abs(),
    }
}

/// None where our calendar does not reach, and for a leap second.
pub(super) fn from_library(time: IcalRecurDateTime) -> Option<DateTime> {
    let IcalRecurDateTime { year, month, day, hour, minute, second } = time;
    let narrow = |it: u8| i8::try_from(it).ok();
    DateTime::new(
        i16::try_from(year).ok()?,
        narrow(month)?,
        narrow(day)?,
        narrow(hour)?,
        narrow(minute)?,
        narrow(second)?,
        0,
    )
    .ok()
}

fn weekday(day: IcalRecurWeekday) -> Weekday {
    match day {
        IcalRecurWeekday::Sunday => Weekday::Sunday,
        IcalRecurWeekday::Monday => Weekday::Monday,
        IcalRecurWeekday::Tuesday => Weekday::Tuesday,
        IcalRecurWeekday::Wednesday => Weekday::Wednesday,
        IcalRecurWeekday::Thursday => Weekday::Thursday,
        IcalRecurWeekday::Friday => Weekday::Friday,
        IcalRecurWeekday::Saturday => Weekday::Saturday,
    }
}
