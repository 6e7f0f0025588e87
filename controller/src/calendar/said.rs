//! One window or freeze as a person says it, without a file. Pure.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use shared::limits::TEXT_BYTES_MAX;

use super::{Clock, Entry, Kind, NotARepeat, Repeat};

/// Of a uid, in characters: what other programs make is half as long.
pub const UID_CHARS_MAX: usize = 255;

/// An entry whose times are texts: `2026-12-20 00:00`, or a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub uid: String,
    pub summary: String,
    pub kind: Kind,
    pub from: String,
    pub to: String,
    /// By its IANA name; each terminal's own clock where none is said.
    pub zone: Option<String>,
    /// As in `RRULE` of RFC 5545, without `UNTIL`.
    pub repeat: Option<String>,
    pub until: Option<String>,
    pub except: Vec<String>,
}

/// Why it is no entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEntry {
    #[error("a uid has 1 to {UID_CHARS_MAX} characters, and none that cannot be seen")]
    Uid,
    #[error("a summary has at most {TEXT_BYTES_MAX} bytes, on one line")]
    Summary,
    #[error(
        "`{field}` is `{text}`, which is no time between 1970 and 2199 such as \
        `2026-12-20 00:00`"
    )]
    NotATime { field: &'static str, text: String },
    #[error("it ends at {to}, not after it begins at {from}")]
    EndsBeforeItBegins { from: DateTime, to: DateTime },
    #[error("the zone `{0}` is not known: write for example `Europe/Berlin`")]
    UnknownZone(String),
    #[error("it has an end to its repetition, and no repetition")]
    UntilOfNothing,
    #[error("it repeats in a way that is not kept: {0}")]
    Repeat(#[from] NotARepeat),
}

impl Said {
    pub fn entry(self) -> Result<Entry, NotAnEntry> {
        let Self { uid, summary, kind, from, to, zone, repeat, until, except } = self;
        if !is_uid(&uid) {
            return Err(NotAnEntry::Uid);
        }
        if summary.len() > TEXT_BYTES_MAX || summary.chars().any(char::is_control) {
            return Err(NotAnEntry::Summary);
        }
        let (from, to) = (time("from", &from)?, time("to", &to)?);
        if to <= from {
            return Err(NotAnEntry::EndsBeforeItBegins { from, to });
        }
        let clock = match zone {
            None => Clock::EachTerminals,
            Some(name) => match TimeZone::get(&name) {
                Ok(zone) => Clock::Zone(zone.iana_name().unwrap_or(&name).to_owned()),
                Err(_) => return Err(NotAnEntry::UnknownZone(short(&name))),
            },
        };
        let until = until.map(|it| time("until", &it)).transpose()?;
        let repeat = match (repeat, until) {
            (Some(rule), until) => Some(Repeat::new(&rule, until, from)?),
            (None, Some(_)) => return Err(NotAnEntry::UntilOfNothing),
            (None, None) => None,
        };
        let except = except.iter().map(|it| time("except", it));
        let mut except = except.collect::<Result<Vec<_>, _>>()?;
        except.sort_unstable();
        except.dedup();
        Ok(Entry { uid, summary, kind, from, to, clock, repeat, except })
    }
}

/// What people can name an entry by.
pub(super) fn is_uid(text: &str) -> bool {
    (1..=UID_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

fn time(field: &'static str, text: &str) -> Result<DateTime, NotAnEntry> {
    let time = text.parse::<DateTime>().ok().filter(|it| (1970..2200).contains(&it.year()));
    let whole = time.filter(|it| it.subsec_nanosecond() == 0);
    whole.ok_or_else(|| NotAnEntry::NotATime { field, text: short(text) })
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn said() -> Said {
        Said {
            uid: "christmas".to_owned(),
            summary: "Christmas".to_owned(),
            kind: Kind::Freeze,
            from: "2026-12-20 00:00".to_owned(),
            to: "2026-12-27".to_owned(),
            zone: None,
            repeat: None,
            until: None,
            except: Vec::new(),
        }
    }

    #[test]
    fn what_a_person_says_becomes_an_entry() {
        let night = Said {
            from: "2026-12-07T22:00".to_owned(),
            to: "2026-12-08 06:00:00".to_owned(),
            zone: Some("europe/berlin".to_owned()),
            repeat: Some("freq=weekly;byday=mo,tu".to_owned()),
            until: Some("2027-01-31".to_owned()),
            except: vec!["2026-12-14 22:00".to_owned(), "2026-12-08 22:00".to_owned()],
            ..said()
        };
        let entry = night.entry().expect("it is sound");
        assert_eq!(entry.from, date(2026, 12, 7).at(22, 0, 0, 0));
        assert_eq!(entry.to, date(2026, 12, 8).at(6, 0, 0, 0));
        assert_eq!(entry.clock, Clock::Zone("Europe/Berlin".to_owned()));
        assert_eq!(
            entry.repeat.map(|it| it.to_string()).as_deref(),
            Some("FREQ=WEEKLY;BYDAY=MO,TU")
        );
        let except = [(8, 22), (14, 22)].map(|(day, hour)| date(2026, 12, day).at(hour, 0, 0, 0));
        assert_eq!(entry.except, except);
        let entry = said().entry().expect("it is sound");
        assert_eq!(
            (entry.to, entry.clock),
            (date(2026, 12, 27).at(0, 0, 0, 0), Clock::EachTerminals)
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let text = |it: &str| it.to_owned();
        let times = |from: &str, to: &str| Said { from: text(from), to: text(to), ..said() };
        let day = date(2026, 12, 20).at(0, 0, 0, 0);
        let not_a_time = |field, it: &str| NotAnEntry::NotATime { field, text: text(it) };
        let table = [
            (Said { uid: String::new(), ..said() }, NotAnEntry::Uid),
            (Said { uid: "x".repeat(UID_CHARS_MAX + 1), ..said() }, NotAnEntry::Uid),
            (Said { uid: text("a\nb"), ..said() }, NotAnEntry::Uid),
            (Said { summary: "x".repeat(TEXT_BYTES_MAX + 1), ..said() }, NotAnEntry::Summary),
            (times("tomorrow", "2026-12-27"), not_a_time("from", "tomorrow")),
            (times("1969-12-31", "2026-12-27"), not_a_time("from", "1969-12-31")),
            (times("2026-12-20", "2026-12-27T00:00Z"), not_a_time("to", "2026-12-27T00:00Z")),
            (
                times("2026-12-20", "2026-12-20"),
                NotAnEntry::EndsBeforeItBegins { from: day, to: day },
            ),
            (
                Said { zone: Some(text("Mars/Olympus")), ..said() },
                NotAnEntry::UnknownZone(text("Mars/Olympus")),
            ),
            (Said { until: Some(text("2027-01-01")), ..said() }, NotAnEntry::UntilOfNothing),
            (
                Said { repeat: Some(text("FREQ=HOURLY")), ..said() },
                NotAnEntry::Repeat(NotARepeat::MoreThanDaily),
            ),
            (
                Said { repeat: Some(text("FREQ=WEEKLY;BYDAY=MO")), ..said() },
                NotAnEntry::Repeat(NotARepeat::FirstIsNone),
            ),
        ];
        for (said, why) in table {
            assert_eq!(said.entry(), Err(why));
        }
    }
}
