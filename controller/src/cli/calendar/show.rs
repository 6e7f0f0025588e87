//! `tillward calendar list` and `show`.

use clap::Args;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::time_text;
use super::super::print::Print;
use super::super::words::{NOTHING, or_nothing, word};
use super::{MaybeScope, kind, one};
use crate::api::model::{CalendarEntry, CalendarKind};

/// List windows and freezes, and when each is next
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    scope: MaybeScope,
    /// Only of this kind: download, activation or freeze
    #[arg(long, value_parser = kind)]
    kind: Option<CalendarKind>,
    /// Those that were replaced or removed, too
    #[arg(long)]
    ended: bool,
    /// Where a terminal stands, for what is on each terminal's own clock
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    zone: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show one window or freeze, and how it came to be
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// As `calendar list` shows it
    uid: String,
    /// Where it stands in several kinds
    #[arg(long, value_parser = kind)]
    kind: Option<CalendarKind>,
    #[command(flatten)]
    scope: MaybeScope,
    /// Where a terminal stands, for what is on each terminal's own clock
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    zone: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let mut query = self.scope.query();
        query.push(("zone", &self.zone));
        query.extend(self.kind.map(|kind| ("kind", kind.word())));
        query.extend(self.ended.then_some(("ended", "true")));
        let entries = client.calendars(&query).await?;
        match self.json {
            true => print.json_list(&entries),
            false => list(entries, print, "no window and no freeze is set"),
        }
        Ok(Exit::Done)
    }
}

impl Show {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let mut query = self.scope.query();
        query.extend([("uid", self.uid.as_str()), ("zone", &self.zone)]);
        query.extend(self.kind.map(|kind| ("kind", kind.word())));
        let entry = one(&self.uid, client.calendars(&query).await?)?;
        match self.json {
            true => print.json(&entry),
            false => show(&entry, print),
        }
        Ok(Exit::Done)
    }
}

pub(in super::super) fn list(entries: Vec<CalendarEntry>, print: &mut Print, when_empty: &str) {
    let row = |it: CalendarEntry| {
        let next = match it.ended {
            Some(_) => "ended".to_owned(),
            None => next_text(&it),
        };
        [scope_text(&it), word(&it.kind), when_text(&it), next, it.summary, it.uid]
    };
    let rows = entries.into_iter().map(row).collect();
    print.table(["whom", "kind", "when", "next", "summary", "uid"], rows, when_empty);
}

fn show(it: &CalendarEntry, print: &mut Print) {
    let why = it.set_reason.as_deref().unwrap_or(NOTHING);
    let except: Vec<_> = it.except.iter().map(|at| time(at)).collect();
    let lines = [
        ("uid", it.uid.clone()),
        ("summary", it.summary.clone()),
        ("whom", scope_text(it)),
        ("kind", word(&it.kind)),
        ("when", when_text(it)),
        ("except", or_nothing(Some(except.join(", ")).filter(|it| !it.is_empty()))),
        ("next", next_text(it)),
        ("set", format!("{} by {}: {why}", time_text(it.set_at), it.set_by)),
        ("version", it.version.to_string()),
    ];
    for (name, value) in lines {
        print.line(format_args!("{name:<9}{value}"));
    }
}

pub(super) fn scope_text(it: &CalendarEntry) -> String {
    let scope = word(&it.scope);
    it.subject.as_ref().map_or(scope.clone(), |subject| format!("{scope} {subject}"))
}

/// On its clock, and how it repeats.
fn when_text(it: &CalendarEntry) -> String {
    let (from, to) = match &it.repeat {
        Some(_) if is_within_a_day(it) => (clock(&it.from), clock(&it.to)),
        Some(_) | None => (time(&it.from), time(&it.to)),
    };
    let zone = it.zone.as_ref().map_or(" local".to_owned(), |zone| format!(" {zone}"));
    let repeat = it.repeat.as_ref().map_or(String::new(), |rule| format!(", {rule}"));
    let until = it.until.as_ref().map_or(String::new(), |at| format!(" until {}", time(at)));
    format!("{from} to {to}{zone}{repeat}{until}")
}

fn is_within_a_day(it: &CalendarEntry) -> bool {
    let parsed = |text: &str| text.parse::<jiff::civil::DateTime>().ok();
    let lasts = parsed(&it.from).zip(parsed(&it.to)).map(|(from, to)| from.duration_until(to));
    lasts.is_some_and(|lasts| lasts <= jiff::SignedDuration::from_hours(24))
}

fn next_text(it: &CalendarEntry) -> String {
    match &it.next {
        None => "over".to_owned(),
        Some(next) if next.is_now => format!("now, until {}", time(&next.to)),
        Some(next) => time(&next.from),
    }
}

/// `2026-12-20T22:00:00` without the seconds that nobody set.
fn time(text: &str) -> String {
    let text = text.replace('T', " ");
    text.strip_suffix(":00").map_or(text.clone(), str::to_owned)
}

fn clock(text: &str) -> String {
    let time = time(text);
    time.split_once(' ').map_or(time.clone(), |(_, clock)| clock.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::super::{golden, samples};
    use super::*;

    #[test]
    fn a_list_says_when_each_is_and_when_it_is_next() {
        let shown = golden::printed(|print| list(samples::calendars(), print, ""));
        golden::check("calendar-list", &shown);
    }

    #[test]
    fn an_entry_is_shown_with_who_set_it() {
        let shown = samples::calendars().into_iter().map(|it| golden::printed(|p| show(&it, p)));
        golden::check("calendar-show", &shown.collect::<Vec<_>>().join("\n"));
    }
}
