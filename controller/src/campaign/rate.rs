//! How fast a campaign releases: so many in a time, spread over it. Pure.
//!
//! A bucket of tokens, kept as one moment: that up to which the rate is used up. A release moves it
//! by the time that one terminal takes. It may be ahead of the present by [`BURST`], or by one
//! terminal where that is longer: so a campaign that was quiet does not release an hour's worth at
//! once.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::time::UnixTime;

use crate::measure;

/// What may be released at once after a pause.
const BURST: Duration = Duration::from_secs(60);

/// Longer than a day of one terminal is no rate but a freeze.
const PER_MAX: Duration = Duration::from_secs(24 * 3600);

/// `100/h`: so many terminals in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    per: Duration,
}

/// The moment, in milliseconds since 1970, up to which a rate is used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsedUntil(pub i64);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rate: write for example `100/h` or `5/m`; a day is the longest time")]
pub struct NotARate(String);

impl Rate {
    /// Milliseconds that one terminal takes; at least 1.
    fn each(self) -> i64 {
        let per = i64::try_from(self.per.as_millis()).unwrap_or(i64::MAX);
        (per / i64::from(self.count)).max(1)
    }

    fn ahead_max(self) -> i64 {
        let burst = i64::try_from(BURST.as_millis()).unwrap_or(i64::MAX);
        burst.max(self.each())
    }

    /// How many may be released now.
    pub fn free(self, used: UsedUntil, now: UnixTime) -> u64 {
        let now = millis(now);
        let room = now.saturating_add(self.ahead_max()).saturating_sub(used.0.max(now));
        u64::try_from(room / self.each()).unwrap_or_default()
    }

    /// How long after the first of so many the last is released, if nobody was before them.
    pub fn takes(self, terminals: u64) -> Duration {
        let terminals = i64::try_from(terminals).unwrap_or(i64::MAX);
        let millis = self.each().saturating_mul(terminals).saturating_sub(self.ahead_max());
        Duration::from_millis(u64::try_from(millis).unwrap_or_default())
    }

    /// After `released` more.
    pub fn used(self, used: UsedUntil, now: UnixTime, released: u64) -> UsedUntil {
        let released = i64::try_from(released).unwrap_or(i64::MAX);
        UsedUntil(used.0.max(millis(now)).saturating_add(self.each().saturating_mul(released)))
    }

    /// From when on one more may be released, in whole seconds.
    pub fn next(self, used: UsedUntil) -> UnixTime {
        let at = used.0.saturating_add(self.each()).saturating_sub(self.ahead_max());
        UnixTime(at.div_euclid(1000).saturating_add(i64::from(at.rem_euclid(1000) > 0)))
    }
}

fn millis(at: UnixTime) -> i64 {
    at.0.saturating_mul(1000)
}

impl fmt::Display for Rate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = measure::duration_text(self.per);
        let per = per.strip_prefix('1').filter(|unit| unit.len() == 1).unwrap_or(&per);
        write!(out, "{}/{per}", self.count)
    }
}

impl FromStr for Rate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Self, NotARate> {
        let wrong = || NotARate(text.chars().take(32).collect());
        let (count, per) = text.split_once('/').ok_or_else(wrong)?;
        let count = count.parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
        let per = match per.starts_with(|c: char| c.is_ascii_digit()) {
            true => measure::duration(per),
            false => measure::duration(&format!("1{per}")),
        };
        let per = per.ok().filter(|per| !per.is_zero() && *per <= PER_MAX).ok_or_else(wrong)?;
        Ok(Self { count, per })
    }
}

impl Serialize for Rate {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: UnixTime = UnixTime(1_000_000);

    fn rate(text: &str) -> Rate {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_rate_is_written_as_it_is_read() {
        for text in ["100/h", "5/m", "1/d", "7/90s", "20/12h", "3/1m30s"] {
            let read = rate(text);
            assert_eq!(rate(&read.to_string()), read, "{text} became {read}");
        }
        assert_eq!(rate("100/1h").to_string(), "100/h");
        for wrong in ["", "100", "0/h", "-1/h", "1/0s", "1/2d", "x/h", "1/", "1/fortnight"] {
            assert_eq!(wrong.parse::<Rate>(), Err(NotARate(wrong.to_owned())));
        }
    }

    #[test]
    fn what_was_not_used_is_there_for_a_minute_and_no_longer() {
        let fast = rate("60/m");
        assert_eq!(fast.free(UsedUntil(0), NOW), 60, "however long it was quiet");
        let used = fast.used(UsedUntil(0), NOW, 60);
        assert_eq!(fast.free(used, NOW), 0);
        assert_eq!(fast.next(used), NOW.plus(Duration::from_secs(1)));
        assert_eq!(fast.free(used, NOW.plus(Duration::from_secs(1))), 1);
        assert_eq!(fast.free(used, NOW.plus(Duration::from_secs(3600))), 60);
    }

    #[test]
    fn a_slow_one_releases_one_at_a_time() {
        let slow = rate("2/h");
        assert_eq!(slow.free(UsedUntil(0), NOW), 1);
        let used = slow.used(UsedUntil(0), NOW, 1);
        assert_eq!(slow.free(used, NOW.plus(Duration::from_secs(1799))), 0);
        assert_eq!(slow.next(used), NOW.plus(Duration::from_secs(1800)));
        assert_eq!(slow.free(used, NOW.plus(Duration::from_secs(1800))), 1);
    }

    #[test]
    fn so_many_take_as_long_as_releasing_them_one_by_one() {
        for (text, terminals) in [("60/m", 1), ("60/m", 60), ("60/m", 200), ("2/h", 1), ("2/h", 5)]
        {
            let (rate, mut used, mut now) = (rate(text), UsedUntil(0), NOW);
            for _ in 0..terminals {
                now = now.max(rate.next(used));
                used = rate.used(used, now, 1);
            }
            assert_eq!(rate.takes(terminals), now.since(NOW), "{terminals} at {text}");
        }
    }

    proptest! {
        /// However it is asked, no stretch of time sees more than its share and one burst.
        #[test]
        fn no_stretch_of_time_sees_more_than_the_rate(
            count in 1_u32..500,
            waits in prop::collection::vec(0_u64..900, 1..60),
        ) {
            let rate = Rate { count, per: Duration::from_secs(3600) };
            let (mut used, mut now, mut released) = (UsedUntil(0), NOW, 0);
            for wait in waits {
                now = now.plus(Duration::from_secs(wait));
                let free = rate.free(used, now);
                used = rate.used(used, now, free);
                released += free;
                let elapsed = now.since(NOW).as_millis() as i64 + rate.ahead_max();
                prop_assert!(released as i64 <= elapsed / rate.each() + 1);
                prop_assert_eq!(rate.free(used, now), 0);
                // Progress: at the moment that it names there is room again.
                prop_assert!(rate.free(used, rate.next(used)) >= 1);
            }
        }
    }
}
