//! Where backups are kept, and how much of the places one terminal may use.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shared::document::purge_certificate::KeepRules;

use super::in_table;
use super::reader::Reader;
use crate::backup::PaceLimits;
use crate::backup::retention::Policy;

const MIB: u64 = 1024 * 1024;
const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backups {
    /// What one terminal may keep.
    pub terminal_bytes_max: u64,
    pub pace: PaceLimits,
    /// How often everything is read again in both places.
    pub verify_every: Duration,
    /// What is kept, and for how long what is not.
    pub retention: Policy,
    /// In the order in which objects come into them.
    pub places: [PlaceConfig; 2],
}

/// One of the two places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceConfig {
    pub name: String,
    /// What would be lost together with it: a building, a data centre, a provider.
    pub region: String,
    pub url: PlaceUrl,
}

/// What a place is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlaceUrl {
    Directory(PathBuf),
}

impl fmt::Display for PlaceUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(out, "{}", path.display()),
        }
    }
}

impl PlaceUrl {
    /// With a relative directory made relative to `base`.
    fn read(text: &str, base: &Path) -> Result<Self, &'static str> {
        match text.split_once("://") {
            None if text.is_empty() => Err("names nothing: write a directory"),
            None => Ok(Self::Directory(base.join(text))),
            Some(_) => Err("is no kind of place: write a directory"),
        }
    }
}

/// Reads `[backups]` and reports all of its mistakes.
pub(super) fn read(table: Reader<'_>, base: &Path) -> Option<Backups> {
    in_table(table, |table| {
        let mib = table.number("terminal_mib_max", 1..=16_777_216);
        let mib_per_minute = table.number("terminal_mib_per_minute", 1..=1_048_576);
        let objects = table.number("terminal_objects_per_minute", 1..=1_000_000);
        let days = table.number("verify_days", 1..=365);
        let retention = read_retention(table.table("retention"));
        let places = table.tables("places").into_iter().map(|table| read_place(table, base));
        // Each is read before the first that is wrong ends the reading.
        let places = places.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>();
        let places = places.and_then(|places| match two(places) {
            Ok(places) => Some(places),
            Err(why) => table.mistake("places", why),
        });
        Some(Backups {
            terminal_bytes_max: u64::from(mib?) * MIB,
            pace: PaceLimits {
                bytes: u64::from(mib_per_minute?) * MIB,
                objects: u64::from(objects?),
            },
            verify_every: DAY * days?,
            retention: retention?,
            places: places?,
        })
    })
}

fn read_retention(table: Reader<'_>) -> Option<Policy> {
    in_table(table, |table| {
        // Something is always kept of a terminal that goes on; the most are beyond what the share
        // of a terminal holds, and within what is decided about in one go.
        let last = table.number("keep_last", 1..=1000);
        let daily = table.number("keep_daily", 0..=1000);
        let weekly = table.number("keep_weekly", 0..=520);
        let monthly = table.number("keep_monthly", 0..=120);
        // A day is the least in which somebody can notice.
        let purge_days = table.number("purge_after_days", 1..=365);
        let closed_days = table.number("closed_days", 1..=3650);
        Some(Policy {
            rules: KeepRules { last: last?, daily: daily?, weekly: weekly?, monthly: monthly? },
            purge_after_days: purge_days?,
            closed_days: closed_days?,
        })
    })
}

fn read_place(table: Reader<'_>, base: &Path) -> Option<PlaceConfig> {
    in_table(table, |table| {
        let mut word = |key| {
            let text: String = table.text(key)?;
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            match text.len() {
                1..=64 if text.bytes().all(plain) => Some(text),
                _ => table.mistake(key, format!("is `{text}`: write a word of at most 64 letters")),
            }
        };
        let (name, region) = (word("name"), word("region"));
        let url = table.text("url").and_then(|text| match PlaceUrl::read(&text, base) {
            Ok(url) => Some(url),
            Err(why) => table.mistake("url", why),
        });
        Some(PlaceConfig { name: name?, region: region?, url: url? })
    })
}

/// Two that are not lost together.
fn two(places: Vec<PlaceConfig>) -> Result<[PlaceConfig; 2], String> {
    let places: [PlaceConfig; 2] = places
        .try_into()
        .map_err(|places: Vec<_>| format!("are {}: there must be two", places.len()))?;
    let [first, second] = &places;
    if first.name == second.name {
        return Err(format!("are both named `{}`", first.name));
    }
    if first.region == second.region {
        return Err(format!("are both in region `{}`: what is lost there is lost", first.region));
    }
    if first.url == second.url {
        return Err(format!("are both {}", first.url));
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    const FLEET: &str = "fleet = \"flt-0192f0c1d2e34f5061728394a5b6c7d8\"\n";

    fn parsed(text: &str) -> Result<Backups, Vec<String>> {
        Config::parse(&format!("{FLEET}{text}"), Path::new("/etc/tillward")).map(|it| it.backups)
    }

    fn place(name: &str, region: &str, url: &str) -> String {
        format!("[[backups.places]]\nname = '{name}'\nregion = '{region}'\nurl = '{url}'\n")
    }

    #[test]
    fn what_is_kept_is_said_in_whole_numbers_within_bounds() {
        let rules = KeepRules { last: 7, daily: 14, weekly: 8, monthly: 12 };
        let usual = Policy { rules, purge_after_days: 7, closed_days: 90 };
        assert_eq!(parsed("").unwrap().retention, usual);
        let one = parsed("[backups.retention]\nkeep_daily = 0\n").unwrap().retention;
        assert_eq!(one, Policy { rules: KeepRules { daily: 0, ..rules }, ..usual });
        let text = "[backups.retention]\nkeep_last = 0\nkeep_daily = -1\nkeep_weekly = 521\n\
                    keep_monthly = 'x'\npurge_after_days = 0\nclosed_days = 1.5\nkeep_yearly = 1\n";
        let expected = [
            "`backups.retention.keep_last` is 0: choose a whole number from 1 to 1000",
            "`backups.retention.keep_daily` is -1: choose a whole number from 0 to 1000",
            "`backups.retention.keep_weekly` is 521: choose a whole number from 0 to 520",
            "`backups.retention.keep_monthly` is of type string: write a whole number from 0 to \
             120",
            "`backups.retention.purge_after_days` is 0: choose a whole number from 1 to 365",
            "`backups.retention.closed_days` is of type float: write a whole number from 1 to 3650",
            "`backups.retention.keep_yearly` is not a key; there are `closed_days`, `keep_daily`, \
             `keep_last`, `keep_monthly`, `keep_weekly`, `purge_after_days`",
        ];
        assert_eq!(parsed(text).unwrap_err(), expected);
    }

    #[test]
    fn two_directories_are_the_default() {
        let backups = parsed("").unwrap();
        let urls = backups.places.each_ref().map(|place| place.url.to_string());
        let expected = ["first", "second"].map(|it| format!("/etc/tillward/data/backups/{it}"));
        assert_eq!(urls, expected);
        assert_ne!(backups.places[0].region, backups.places[1].region);
    }

    #[test]
    fn places_are_two_and_are_not_lost_together() {
        let (a, b) = (place("a", "north", "a"), place("b", "south", "/b"));
        let backups = parsed(&format!("{a}{b}")).unwrap();
        assert_eq!(backups.places[0].url, PlaceUrl::Directory("/etc/tillward/a".into()));
        assert_eq!(backups.places[1].url, PlaceUrl::Directory("/b".into()));
        let (same_region, same_url) = (place("b", "north", "b"), place("b", "south", "a"));
        let cases = [
            (vec![&a], "are 1: there must be two"),
            (vec![&a, &b, &a], "are 3: there must be two"),
            (vec![&a, &a], "are both named `a`"),
            (vec![&a, &same_region], "are both in region `north`: what is lost there is lost"),
            (vec![&a, &same_url], "are both /etc/tillward/a"),
        ];
        for (places, expected) in cases {
            let text: String = places.into_iter().map(String::as_str).collect();
            assert_eq!(parsed(&text).unwrap_err(), [format!("`backups.places` {expected}")]);
        }
    }

    #[test]
    fn every_mistake_of_every_place_is_reported() {
        let (a, b) = (place("", "north south", "gopher://x"), "[[backups.places]]\nname = 1\n");
        let text =
            format!("[backups]\nterminal_mib_max = 0\nterminal_mib_per_minute = 'x'\n{a}{b}");
        let expected = [
            "`backups.terminal_mib_max` is 0: choose a whole number from 1 to 16777216",
            "`backups.terminal_mib_per_minute` is of type string: write a whole number from 1 to \
             1048576",
            "`backups.places[1].name` is ``: write a word of at most 64 letters",
            "`backups.places[1].region` is `north south`: write a word of at most 64 letters",
            "`backups.places[1].url` is no kind of place: write a directory",
            "`backups.places[2].name` is of type integer: write a text in quotation marks",
            "`backups.places[2].region` is missing",
            "`backups.places[2].url` is missing",
        ];
        assert_eq!(parsed(&text).unwrap_err(), expected);
    }
}
