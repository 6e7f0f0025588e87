//! How many bytes a second.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{BURST, PATIENCE, PIECE_BYTES_MAX};
use crate::measure::{self, NotASize};

/// In bytes a second, from [`Limit::MIN`] to [`Limit::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Limit(u64);

/// What holds where nothing else is said; `None` is as fast as it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of all stores together.
    pub whole: Option<Limit>,
    /// Of the terminals of one store together.
    pub of_each_store: Option<Limit>,
}

/// Why something is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotALimit {
    #[error(transparent)]
    Size(#[from] NotASize),
    #[error("as a limit of bytes a second choose 4KiB to 1TiB")]
    OutOfBounds,
}

const NANOS: u128 = 1_000_000_000;

impl Limit {
    /// With less, one piece would take too long for a terminal that waits for it.
    pub const MIN: Self = Self(4 * 1024);
    /// More than any machine has.
    pub const MAX: Self = Self(1 << 40);

    pub fn of(bytes_per_s: u64) -> Result<Self, NotALimit> {
        let limit = Self(bytes_per_s);
        match (Self::MIN..=Self::MAX).contains(&limit) {
            true => Ok(limit),
            false => Err(NotALimit::OutOfBounds),
        }
    }

    pub fn bytes_per_s(self) -> u64 {
        self.0
    }

    /// How long so many bytes take, rounded up.
    pub fn takes(self, bytes: u64) -> Duration {
        let nanos = (u128::from(bytes) * NANOS).div_ceil(u128::from(self.0));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How far it may be used up ahead of the present.
    pub(super) fn ahead_max(self) -> Duration {
        BURST.max(self.takes(PIECE_BYTES_MAX))
    }
}

const _: () = assert!(PIECE_BYTES_MAX < Limit::MIN.0 * PATIENCE.as_secs());

/// For people.
impl fmt::Display for Limit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/s", measure::size_text(self.0))
    }
}

/// From a number of bytes as people write it; the second goes without saying.
impl FromStr for Limit {
    type Err = NotALimit;

    fn from_str(text: &str) -> Result<Self, NotALimit> {
        Self::of(measure::size(text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_neither_nothing_nor_more_than_there_is() {
        for (text, bytes_per_s) in [("4KiB", 4_096), ("64000", 64_000), ("1TiB", 1 << 40)] {
            assert_eq!(text.parse().map(Limit::bytes_per_s), Ok(bytes_per_s), "{text}");
        }
        for text in ["0", "4095", "2TiB"] {
            assert_eq!(text.parse::<Limit>(), Err(NotALimit::OutOfBounds), "{text}");
        }
        assert!(matches!("1Mbit".parse::<Limit>(), Err(NotALimit::Size(_))));
        assert_eq!(Limit(256 * 1024).to_string(), "256.0 KiB/s");
    }

    #[test]
    fn bytes_take_their_time_and_no_less() {
        let limit = Limit(4_096);
        assert_eq!(limit.takes(4_096), Duration::from_secs(1));
        assert_eq!(limit.takes(1), Duration::from_nanos(244_141));
        assert_eq!(limit.takes(0), Duration::ZERO);
        assert_eq!(limit.takes(u64::MAX), Duration::from_nanos(u64::MAX));
    }
}
