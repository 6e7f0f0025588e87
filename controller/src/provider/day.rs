//! Days, as licences and contracts count them. A day is one in UTC, and what is valid until a day
//! is valid on it.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use shared::time::UnixTime;
use utoipa::ToSchema;

/// A day of the calendar, written `2026-11-22`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, example = "2026-11-22")]
pub struct Day(Date);

impl Day {
    /// The day at this moment; the first or the last one of all beyond the calendar.
    pub fn of(at: UnixTime) -> Self {
        match jiff::Timestamp::from_second(at.0) {
            Ok(at) => Self(at.to_zoned(TimeZone::UTC).date()),
            Err(_) if at.0 < 0 => Self(Date::MIN),
            Err(_) => Self(Date::MAX),
        }
    }

    /// Days from here to `later`; negative where that is earlier.
    pub fn days_to(self, later: Self) -> i64 {
        self.0.duration_until(later.0).as_hours() / 24
    }

    pub fn minus_days(self, days: u16) -> Self {
        Self(self.0.saturating_sub(jiff::Span::new().days(i64::from(days))))
    }

    pub fn plus_days(self, days: u16) -> Self {
        Self(self.0.saturating_add(jiff::Span::new().days(i64::from(days))))
    }

    /// Months from here to the end of the day `last`, of which a begun one counts; 0 where that
    /// is over.
    pub fn months_to(self, last: Self) -> u32 {
        if last < self {
            return 0;
        }
        let after = last.plus_days(1);
        let months = i32::from(after.0.year() - self.0.year()) * 12
            + i32::from(after.0.month() - self.0.month());
        let whole = self.0.saturating_add(jiff::Span::new().months(months));
        let begun = i32::from(whole < after.0);
        u32::try_from(months + begun).unwrap_or(0)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no day: write for example `2026-11-22`")]
pub struct NotADay(String);

impl FromStr for Day {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Self, NotADay> {
        let wrong = || NotADay(super::text::shown(text));
        let date: Date = text.parse().map_err(|_| wrong())?;
        // The library reads more than we write, such as a date with a time behind it.
        if date.to_string() == text { Ok(Self(date)) } else { Err(wrong()) }
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_begins_and_ends_at_midnight() {
        assert_eq!(Day::of(UnixTime(0)), day("1970-01-01"));
        assert_eq!(Day::of(UnixTime(86_399)), day("1970-01-01"));
        assert_eq!(Day::of(UnixTime(86_400)), day("1970-01-02"));
        assert_eq!(Day::of(UnixTime(-1)), day("1969-12-31"));
        assert_eq!(Day::of(UnixTime(i64::MAX)), Day(Date::MAX));
        assert_eq!(Day::of(UnixTime(i64::MIN)), Day(Date::MIN));
    }

    #[test]
    fn only_what_is_written_back_the_same_is_a_day() {
        for text in ["", "2026-02-29", "2026-1-1", "20260101", "2026-01-01T00:00", "today", "=1"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
        assert_eq!(day("2028-02-29").to_string(), "2028-02-29");
    }

    #[test]
    fn days_and_begun_months_are_counted() {
        assert_eq!(day("2026-11-22").days_to(day("2026-11-29")), 7);
        assert_eq!(day("2026-11-22").days_to(day("2026-11-21")), -1);
        assert_eq!(day("2026-11-22").days_to(day("2027-11-22")), 365);
        for (from, last, months) in [
            ("2026-01-01", "2026-01-31", 1),
            ("2026-01-01", "2026-01-01", 1),
            ("2026-01-01", "2026-02-01", 2),
            ("2026-01-01", "2026-12-31", 12),
            ("2026-01-02", "2026-12-31", 12),
            // A month from the 31st is over on the 28th, so that day is of the second.
            ("2026-01-31", "2026-02-27", 1),
            ("2026-01-31", "2026-02-28", 2),
            ("2026-01-15", "2026-03-01", 2),
            ("2026-01-02", "2026-01-01", 0),
        ] {
            assert_eq!(day(from).months_to(day(last)), months, "{from} to {last}");
        }
    }
}
