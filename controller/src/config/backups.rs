//! Where backups are kept, how much of the places one terminal may use, and what is too old.

mod s3;

pub use s3::{Access, Bucket, Endpoint};

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shared::backup::DataClass;
use shared::document::purge_certificate::KeepRules;

use super::in_table;
use super::reader::Reader;
use crate::backup::PaceLimits;
use crate::backup::overdue::{Rules, Unconfigured};
use crate::backup::retention::Policy;

const MIB: u64 = 1024 * 1024;
const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);

/// Ten years.
const HOURS_MAX: u32 = 87_660;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backups {
    /// What one terminal may keep.
    pub terminal_bytes_max: u64,
    pub pace: PaceLimits,
    /// How often everything is read again in both places.
    pub verify_every: Duration,
    /// When missing backups and drills are told.
    pub overdue: Rules,
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
    S3(Bucket),
}

impl fmt::Display for PlaceUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(out, "{}", path.display()),
            Self::S3(bucket) => write!(out, "{bucket}"),
        }
    }
}

impl PlaceUrl {
    /// Reads `url`, and the keys that belong to a place of its kind. A relative directory is made
    /// relative to `base`.
    fn read(table: &mut Reader<'_>, region: Option<&str>, base: &Path) -> Option<Self> {
        const KINDS: &str = "write a directory, or `s3://bucket/prefix`";
        let text = table.text("url")?;
        match text.split_once("://") {
            None if text.is_empty() => table.mistake("url", format!("names nothing: {KINDS}")),
            None => Some(Self::Directory(base.join(text))),
            Some(("s3", rest)) => Bucket::read(rest, table, region, base).map(Self::S3),
            Some(_) => table.mistake("url", format!("is no kind of place: {KINDS}")),
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
        let overdue = read_overdue(table.table("overdue"));
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
            overdue: overdue?,
            retention: retention?,
            places: places?,
        })
    })
}

fn read_overdue(table: Reader<'_>) -> Option<Rules> {
    in_table(table, |table| {
        let mut hours = |class: DataClass| table.number(class.as_str(), 0..=HOURS_MAX);
        let within = DataClass::ALL.map(|class| (class, hours(class)));
        let first = table.number("first", 1..=HOURS_MAX);
        let days = table.number("drill_days", 0..=3653);
        let unconfigured = table.text("unconfigured").and_then(|text| match text.as_str() {
            "alarm" => Some(Unconfigured::Alarm),
            "list" => Some(Unconfigured::List),
            other => {
                let what = format!("is `{other}`: write `alarm` or `list`");
                table.mistake("unconfigured", what)
            }
        });
        let within = within.into_iter().map(|(class, hours)| Some((class, HOUR * hours?)));
        let within = within.collect::<Option<BTreeMap<_, _>>>();
        let drill_within = DAY * days?;
        Some(Rules {
            within: within?.into_iter().filter(|(_, within)| !within.is_zero()).collect(),
            grace: HOUR * first?,
            unconfigured: unconfigured?,
            drill_within: (!drill_within.is_zero()).then_some(drill_within),
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
        let url = PlaceUrl::read(table, region.as_deref(), base);
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
    fn what_is_too_old_is_said_by_class_and_zero_is_never() {
        let rules = parsed("").unwrap().overdue;
        assert_eq!(rules.within.get(&DataClass::Batch), Some(&(HOUR * 26)));
        assert_eq!(rules.within.get(&DataClass::Logs), None);
        for (class, within) in &rules.within {
            let wanted = class.policy().recovery_point_s.unwrap();
            assert!(within.as_secs() >= wanted, "{class} has an hour or two more than a day");
        }
        assert_eq!(rules.drill_within, Some(DAY * 35));
        let text = "[backups.overdue]\nbatch = 0\nunconfigured = 'list'\ndrill_days = 0\n";
        let rules = parsed(text).unwrap().overdue;
        assert_eq!(rules.within.get(&DataClass::Batch), None);
        assert_eq!((rules.unconfigured, rules.drill_within), (Unconfigured::List, None));
        let text = "[backups.overdue]\nsales = -1\nunconfigured = 'mail'\nbasket = 1\n";
        let expected = [
            "`backups.overdue.sales` is -1: choose a whole number from 0 to 87660",
            "`backups.overdue.unconfigured` is `mail`: write `alarm` or `list`",
        ];
        let mistakes = parsed(text).unwrap_err();
        assert_eq!(mistakes[..2], expected);
        assert!(mistakes[2].starts_with("`backups.overdue.basket` is not a key"), "{mistakes:?}");
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
            "`backups.places[1].url` is no kind of place: write a directory, or `s3://bucket/prefix`",
            "`backups.places[2].name` is of type integer: write a text in quotation marks",
            "`backups.places[2].region` is missing",
            "`backups.places[2].url` is missing",
        ];
        assert_eq!(parsed(&text).unwrap_err(), expected);
    }

    const S3: &str = "[[backups.places]]\nname = 'b'\nregion = 'eu-1'\n";

    #[test]
    fn a_bucket_is_a_place_with_an_endpoint_and_credentials() {
        let a = place("a", "north", "a");
        let b = "url = 's3://tills/shops'\nendpoint = 'https://s3.example'\n\
                 credentials_file = 's3.toml'\nca_file = '/etc/ca.pem'\n";
        let backups = parsed(&format!("{a}{S3}{b}")).unwrap();
        let PlaceUrl::S3(bucket) = &backups.places[1].url else { panic!("{backups:?}") };
        assert_eq!(bucket.to_string(), "s3://tills/shops at https://s3.example");
        let expected = Access {
            endpoint: "https://s3.example".parse().unwrap(),
            signing_region: "eu-1".to_owned(),
            credentials_file: "/etc/tillward/s3.toml".into(),
            ca_file: Some("/etc/ca.pem".into()),
        };
        assert_eq!(bucket.access, expected);
        let backups = parsed(&format!("{a}{S3}{b}signing_region = 'us-east-1'\n")).unwrap();
        let PlaceUrl::S3(bucket) = &backups.places[1].url else { panic!("{backups:?}") };
        assert_eq!(bucket.access.signing_region, "us-east-1");
    }

    #[test]
    fn keys_of_another_kind_of_place_are_mistakes() {
        let a = place("a", "north", "a");
        let mistakes = |b: &str| parsed(&format!("{a}{S3}{b}")).unwrap_err();
        let missing = [
            "`backups.places[2].endpoint` is missing",
            "`backups.places[2].credentials_file` is missing",
        ];
        assert_eq!(mistakes("url = 's3://tills'\n"), missing);
        let plain = "url = 's3://tills'\nendpoint = 'http://localhost:9000'\n\
                     credentials_file = 's3.toml'\n";
        assert!(parsed(&format!("{a}{S3}{plain}")).is_ok());
        let no_use = "`backups.places[2].ca_file` is of no use: the endpoint is not `https://`";
        assert_eq!(mistakes(&format!("{plain}ca_file = 'ca.pem'\n")), [no_use]);
        let inline = mistakes(&format!("{plain}secret_access_key = 'x'\n"));
        assert!(inline[0].contains("`backups.places[2].secret_access_key` is not a key"));
        let directory = mistakes("url = '/b'\nendpoint = 'https://s3.example'\n");
        assert!(directory[0].contains("`backups.places[2].endpoint` is not a key"));
    }
}
