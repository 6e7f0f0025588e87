//! Maintenance windows in local time: is now inside, and when does the next one open.
//! Pure: the moment and the zone are arguments, so that a terminal can decide without a network.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::time::UnixTime;

/// From one minute of the day to another, every day. `22:00-06:00` spans midnight; equal ends
/// mean the whole day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Minutes since local midnight, 0 to 1439.
    pub from_min: u16,
    pub to_min: u16,
}

/// Why a text is not a window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a window: write for example `22:00-06:00`")]
pub struct NotAWindow(String);

impl FromStr for Window {
    type Err = NotAWindow;

    fn from_str(text: &str) -> Result<Self, NotAWindow> {
        let wrong = || NotAWindow(text.chars().take(32).collect());
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let minutes = |part: &str| {
            let (hour, minute) = part.split_once(':')?;
            let two_digits = |t: &str| t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit());
            if !two_digits(hour) || !two_digits(minute) {
                return None;
            }
            let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
            (hour < 24 && minute < 60).then_some(hour * 60 + minute)
        };
        match (minutes(from), minutes(to)) {
            (Some(from_min), Some(to_min)) => Ok(Self { from_min, to_min }),
            (Some(_) | None, _) => Err(wrong()),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from_min, to_min } = self;
        write!(out, "{:02}:{:02}-", from_min / 60, from_min % 60)?;
        write!(out, "{:02}:{:02}", to_min / 60, to_min % 60)
    }
}

impl Window {
    /// Both ends within a day; a window from the wire must be checked before it is used.
    pub fn is_sound(self) -> bool {
        self.from_min < 1440 && self.to_min < 1440
    }

    /// Inside from `from_min` (included) to `to_min` (excluded).
    pub fn is_open(self, at: UnixTime, zone: &TimeZone) -> bool {
        let Ok(timestamp) = Timestamp::from_second(at.0) else { return false };
        let local = zone.to_datetime(timestamp);
        let minute = (local.hour() as u16) * 60 + local.minute() as u16;
        match self.from_min.cmp(&self.to_min) {
            std::cmp::Ordering::Less => (self.from_min..self.to_min).contains(&minute),
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Greater => minute >= self.from_min || minute < self.to_min,
        }
    }

    /// The next moment at which the window opens; `at` itself when it is open already.
    pub fn next_opening(self, at: UnixTime, zone: &TimeZone) -> UnixTime {
        if self.is_open(at, zone) {
            return at;
        }
        let fallback = UnixTime(at.0.saturating_add(3600));
        let Ok(timestamp) = Timestamp::from_second(at.0) else { return fallback };
        let Ok(opens) = Time::new((self.from_min / 60) as i8, (self.from_min % 60) as i8, 0, 0)
        else {
            return fallback;
        };
        let mut day = Some(zone.to_datetime(timestamp).date());
        // A gap in local time (spring forward) moves the opening to the first minute after it.
        let candidates = (0..3).filter_map(|_| {
            let date = day?;
            day = date.tomorrow().ok();
            Some(zone.to_timestamp(date.to_datetime(opens)).ok()?.as_second())
        });
        candidates.filter(|second| *second > at.0).min().map_or(fallback, UnixTime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixTime {
        UnixTime(text.parse::<Timestamp>().expect("a test's own time").as_second())
    }

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").expect("the zone database is bundled")
    }

    #[test]
    fn a_window_reads_back_as_it_was_written() {
        for text in ["22:00-06:00", "00:00-23:59", "09:30-09:30"] {
            assert_eq!(text.parse::<Window>().map(|w| w.to_string()).as_deref(), Ok(text));
        }
        for text in ["22:00", "24:00-01:00", "1:00-2:00", "22:60-23:00", "+1:00-02:00", "", "-"] {
            assert!(text.parse::<Window>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_window_over_midnight_is_open_on_both_sides_of_it() {
        let night: Window = "22:00-06:00".parse().unwrap();
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        assert!(night.is_open(at("2026-11-22T14:00:00Z"), &zone)); // 22:00 there
        assert!(night.is_open(at("2026-11-22T21:59:59Z"), &zone)); // 05:59:59
        assert!(!night.is_open(at("2026-11-22T22:00:00Z"), &zone)); // 06:00
        assert!(!night.is_open(at("2026-11-22T13:59:59Z"), &zone)); // 21:59:59
    }

    #[test]
    fn the_next_opening_is_in_the_terminals_own_evening() {
        let night: Window = "22:00-06:00".parse().unwrap();
        let noon = at("2026-11-22T12:00:00Z");
        assert_eq!(night.next_opening(noon, &berlin()), at("2026-11-22T21:00:00Z"));
        let inside = at("2026-11-22T23:00:00Z");
        assert_eq!(night.next_opening(inside, &berlin()), inside);
    }

    #[test]
    fn an_opening_that_spring_forward_swallows_comes_right_after_the_gap() {
        let early: Window = "02:30-04:00".parse().unwrap();
        let before = at("2026-03-28T23:00:00Z");
        let opening = early.next_opening(before, &berlin());
        assert!(early.is_open(opening, &berlin()));
        assert_eq!(opening, at("2026-03-29T01:30:00Z")); // 03:30 summer time
    }
}
