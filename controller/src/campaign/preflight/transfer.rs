//! How long a campaign's terminals fetch at the very least, by the limits of bandwidth. Pure.
//!
//! Arithmetic over bytes alone: nobody waits for a window, all come at once, and what a terminal
//! has fetched already is not known.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::measure::rough_text;
use crate::pacing::{Limit, Limits};

/// What is said of all stores, and of single ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bandwidth {
    pub limits: Limits,
    pub stores: BTreeMap<String, Limit>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// One terminal alone, where that takes longest.
    pub one: Share,
    /// All of them.
    pub all: Share,
}

/// Bytes that go by one limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Whose limit it is; `None` for that of all stores together.
    pub store: Option<String>,
    pub limit: Limit,
    pub terminals: u64,
    pub bytes: u64,
}

impl Share {
    pub fn takes(&self) -> Duration {
        self.limit.takes(self.bytes)
    }
}

/// `3h at least by the limit of store north (256.0 KiB/s)`
impl fmt::Display for Share {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at least by the limit of ", rough_text(self.takes()))?;
        match &self.store {
            Some(name) => write!(out, "store {name} ({})", self.limit),
            None => write!(out, "all stores together ({})", self.limit),
        }
    }
}

/// Of members in these stores, who fetch `each` bytes; `None` where nothing limits them.
pub fn transfer(
    each: u64,
    stores: &BTreeMap<String, u64>,
    bandwidth: &Bandwidth,
) -> Option<Transfer> {
    let Limits { whole, of_each_store } = bandwidth.limits;
    let of = |store: Option<&String>, limit, terminals: u64| {
        let bytes = each.saturating_mul(terminals);
        Share { store: store.cloned(), limit, terminals, bytes }
    };
    let slowest = |members: &dyn Fn(u64) -> u64| {
        let whole = whole.map(|limit| of(None, limit, members(stores.values().sum())));
        let single = stores.iter().filter_map(|(name, terminals)| {
            let limit = bandwidth.stores.get(name).copied().or(of_each_store)?;
            Some(of(Some(name), limit, members(*terminals)))
        });
        whole.into_iter().chain(single).max_by_key(Share::takes)
    };
    Some(Transfer { one: slowest(&|_| 1)?, all: slowest(&|members| members)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(text: &str) -> Limit {
        text.parse().unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    /// Of ten members in north and one in west, who fetch a mebibyte each.
    fn told(whole: &str, of_each: &str, west: &str) -> Option<[String; 2]> {
        let limits = Limits { whole: whole.parse().ok(), of_each_store: of_each.parse().ok() };
        let own = west.parse().map(|limit| ("west".to_owned(), limit));
        let stores = [("north".to_owned(), 10), ("west".to_owned(), 1)].into();
        let bandwidth = Bandwidth { limits, stores: own.into_iter().collect() };
        let Transfer { one, all } = transfer(1 << 20, &stores, &bandwidth)?;
        Some([one, all].map(|it| it.to_string()))
    }

    #[test]
    fn the_limit_that_is_passed_last_says_how_long_it_takes() {
        assert_eq!(told("", "", ""), None);
        let all = |takes: &str| format!("{takes} at least by the limit of all stores together");
        let store =
            |takes: &str, name: &str| format!("{takes} at least by the limit of store {name}");
        let cases = [
            (("64KiB", "", ""), [all("16s"), all("2m56s")], ["64.0 KiB/s"; 2]),
            (("", "64KiB", ""), [store("16s", "west"), store("2m40s", "north")], ["64.0 KiB/s"; 2]),
            (("64KiB", "1MiB", ""), [all("16s"), all("2m56s")], ["64.0 KiB/s"; 2]),
            (
                ("64KiB", "1MiB", "4KiB"),
                [store("4m16s", "west"), store("4m16s", "west")],
                ["4.0 KiB/s"; 2],
            ),
            (
                ("", "32KiB", "16KiB"),
                [store("1m4s", "west"), store("5m20s", "north")],
                ["16.0 KiB/s", "32.0 KiB/s"],
            ),
            (("", "", "4KiB"), [store("4m16s", "west"), store("4m16s", "west")], ["4.0 KiB/s"; 2]),
        ];
        for ((whole, each, west), [one, every], [thin, narrow]) in cases {
            let expected = [format!("{one} ({thin})"), format!("{every} ({narrow})")];
            assert_eq!(told(whole, each, west), Some(expected), "{whole} {each} {west}");
        }
        assert_eq!(limit("4KiB").takes(1 << 20), Duration::from_secs(256));
    }
}
