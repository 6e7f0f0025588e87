//! `tillward calendar add`: one window or freeze, without a file.

use clap::{ArgGroup, Args, ValueEnum};
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use shared::time::UnixTime;
use shared::window::Window;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::{Scope, kind, show};
use crate::api::model::{CalendarKind, NewCalendarEntry};

/// Keep one window or freeze: once, every day, or on some days of the week
///
/// Times are on each terminal's own clock, unless --zone says whose. An entry that is there with
/// this kind and uid is replaced.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("when").required(true).args(["from", "daily", "days"])),
    after_long_help = "\
Example:
  tillward calendar add --kind freeze --store north --from '2026-12-20 00:00' \\
    --to '2026-12-27 00:00' --summary Christmas
  tillward calendar add --kind activation --fleet --daily 22:00-06:00
  tillward calendar add --kind download --region coast --days mon,tue --window 01:00-05:00"
)]
pub(crate) struct Add {
    /// download, activation or freeze
    #[arg(long, value_parser = kind)]
    kind: CalendarKind,
    #[command(flatten)]
    scope: Scope,
    /// When it begins, for example '2026-12-20 00:00'
    #[arg(long, value_name = "TIME", requires = "to")]
    from: Option<String>,
    /// When it ends
    #[arg(long, value_name = "TIME", requires = "from")]
    to: Option<String>,
    /// Every day, for example 22:00-06:00
    #[arg(long, value_name = "WINDOW")]
    daily: Option<Window>,
    /// On these days of the week, on which --window begins
    #[arg(long, value_name = "DAY", value_delimiter = ',', requires = "window")]
    days: Vec<Day>,
    /// From when to when on each of --days
    #[arg(long, value_name = "WINDOW", requires = "days")]
    window: Option<Window>,
    /// Whose clock; else each terminal's own
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    #[arg(long, value_name = "TEXT", default_value = "")]
    summary: String,
    /// By which it is known again; else one is made
    #[arg(long, value_name = "NAME")]
    uid: Option<String>,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    const ALL: [Self; 7] =
        [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    fn weekday(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }

    /// As `BYDAY` says it.
    fn word(self) -> &'static str {
        match self {
            Self::Mon => "MO",
            Self::Tue => "TU",
            Self::Wed => "WE",
            Self::Thu => "TH",
            Self::Fri => "FR",
            Self::Sat => "SA",
            Self::Sun => "SU",
        }
    }
}

/// From when to when it is first, and how it repeats.
struct When {
    from: String,
    to: String,
    repeat: Option<String>,
}

impl Add {
    pub(super) async fn run(
        &self,
        client: &Client,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let now = Timestamp::from_second(now.0).unwrap_or(Timestamp::UNIX_EPOCH);
        let today = TimeZone::UTC.to_datetime(now).date();
        let added = client.add_calendar(&self.asked(today)).await?;
        match self.json {
            true => print.json(&added),
            false => show::list(vec![added], print, ""),
        }
        Ok(Exit::Done)
    }

    fn asked(&self, today: Date) -> NewCalendarEntry {
        let When { from, to, repeat } = self.when(today);
        let (scope, subject) = self.scope.parts();
        NewCalendarEntry {
            scope,
            subject: subject.map(str::to_owned),
            kind: self.kind,
            uid: self.uid.clone(),
            summary: self.summary.clone(),
            from,
            to,
            zone: self.zone.clone(),
            repeat,
            until: None,
            except: Vec::new(),
            reason: self.reason.clone(),
        }
    }

    fn when(&self, today: Date) -> When {
        let text = |it: &Option<String>| it.clone().unwrap_or_default();
        match (self.daily, self.window) {
            (Some(window), _) => {
                repeated(window, Day::ALL.to_vec(), "FREQ=DAILY".to_owned(), today)
            }
            (None, Some(window)) => {
                let mut days = self.days.clone();
                days.sort_by_key(|day| day.weekday().to_monday_zero_offset());
                days.dedup();
                let words: Vec<_> = days.iter().map(|day| day.word()).collect();
                let rule = format!("FREQ=WEEKLY;BYDAY={}", words.join(","));
                repeated(window, days, rule, today)
            }
            (None, None) => When { from: text(&self.from), to: text(&self.to), repeat: None },
        }
    }
}

/// Since more than a week ago, wherever a terminal stands: an order that is made now carries it as
/// a weekly window.
fn repeated(window: Window, days: Vec<Day>, rule: String, today: Date) -> When {
    let earlier = today.checked_sub(16.days()).unwrap_or(today);
    let is_one = |it: &Date| days.iter().any(|day| day.weekday() == it.weekday());
    let first = earlier.series(1.day()).take(7).find(is_one).unwrap_or(earlier);
    let ends_later = window.from_min >= window.to_min;
    let last = if ends_later { first.tomorrow().unwrap_or(first) } else { first };
    let at = |day: Date, minute: u16| {
        let hour = i8::try_from(minute / 60).unwrap_or(0);
        let minute = i8::try_from(minute % 60).unwrap_or(0);
        day.to_datetime(Time::constant(hour, minute, 0, 0)).to_string()
    };
    When { from: at(first, window.from_min), to: at(last, window.to_min), repeat: Some(rule) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use jiff::civil::date;

    use super::*;
    use crate::calendar::said::Said;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        add: Add,
    }

    fn asked(arguments: &[&str]) -> Result<NewCalendarEntry, clap::Error> {
        let line = Line::try_parse_from([&["add"], arguments].concat())?;
        Ok(line.add.asked(date(2026, 11, 22)))
    }

    #[test]
    fn a_window_is_said_in_three_ways() {
        let table: [(&[&str], [&str; 3]); 4] = [
            (
                &["--from", "2026-12-20", "--to", "2026-12-27 12:00"],
                ["2026-12-20", "2026-12-27 12:00", ""],
            ),
            (
                &["--daily", "22:00-06:00"],
                ["2026-11-06T22:00:00", "2026-11-07T06:00:00", "FREQ=DAILY"],
            ),
            (
                &["--days", "tue,mon", "--window", "01:00-05:00"],
                ["2026-11-09T01:00:00", "2026-11-09T05:00:00", "FREQ=WEEKLY;BYDAY=MO,TU"],
            ),
            (
                &["--days", "thu", "--window", "08:00-08:00"],
                ["2026-11-12T08:00:00", "2026-11-13T08:00:00", "FREQ=WEEKLY;BYDAY=TH"],
            ),
        ];
        for (said, [from, to, repeat]) in table {
            let arguments = [&["--kind", "activation", "--fleet"], said].concat();
            let asked = asked(&arguments).unwrap_or_else(|error| panic!("{said:?}: {error}"));
            assert_eq!((asked.from.as_str(), asked.to.as_str()), (from, to), "{said:?}");
            assert_eq!(asked.repeat.as_deref().unwrap_or_default(), repeat, "{said:?}");
            let said = Said {
                uid: "a".to_owned(),
                summary: asked.summary,
                kind: asked.kind,
                from: asked.from,
                to: asked.to,
                zone: asked.zone,
                repeat: asked.repeat,
                until: asked.until,
                except: asked.except,
            };
            assert!(said.clone().entry().is_ok(), "{said:?}");
        }
    }

    #[test]
    fn what_is_said_by_half_or_twice_is_refused() {
        let times = ["--from", "2026-12-20", "--to", "2026-12-27"];
        let table: [&[&str]; 8] = [
            &["--kind", "freeze", "--fleet"],
            &["--kind", "freeze", "--fleet", "--from", "2026-12-20"],
            &["--kind", "freeze", "--fleet", "--days", "mon"],
            &["--kind", "freeze", "--fleet", "--window", "01:00-05:00"],
            &["--kind", "freeze", "--fleet", "--daily", "01:00"],
            &["--kind", "freeze", "--fleet", "--daily", "01:00-02:00", "--from", "a", "--to", "b"],
            &["--kind", "sometimes", "--fleet", times[0], times[1], times[2], times[3]],
            &["--kind", "freeze", times[0], times[1], times[2], times[3]],
        ];
        for arguments in table {
            assert!(asked(arguments).is_err(), "{arguments:?}");
        }
    }
}
