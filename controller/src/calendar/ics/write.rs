//! From entries to a file.

use std::collections::{BTreeMap, BTreeSet};

use ical::prop::{IcalProp, IcalPropKind};
use ical::tree::cst::IcalCst;
use ical::tree::line::IcalLine;
use ical::value::IcalValue;
use ical::value::recur::IcalRecur;
use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::{Dst, Offset, TimeZone};
use shared::time::UnixTime;

use super::super::{Clock, Entry, Repeat};

/// For how many years after the last entry's beginning the rules of a zone are written out.
const YEARS_OF_A_ZONE: i16 = 5;

/// Writes these entries, which [`super::import`] reads back as they are. `at` says when.
pub fn export(entries: &[Entry], at: UnixTime) -> String {
    let mut calendar = IcalCst::v2();
    line(&mut calendar, "PRODID", "-//Tillward//Tillward//EN");
    for zone in zones(entries) {
        calendar.push_component(zone);
    }
    for entry in entries {
        calendar.push_component(event(entry, at));
    }
    String::from_utf8_lossy(&calendar.to_bytes()).into_owned()
}

fn line(part: &mut IcalCst<'static>, head: &str, value: &str) {
    part.push_line(IcalLine::text(head.to_owned(), value.to_owned()));
}

fn text(part: &mut IcalCst<'static>, name: IcalPropKind, value: &str) {
    part.push(IcalProp::text(name, Vec::new(), value.to_owned()));
}

fn event(entry: &Entry, at: UnixTime) -> IcalCst<'static> {
    let mut event = IcalCst::empty("VEVENT");
    text(&mut event, IcalPropKind::Uid, &entry.uid);
    let now = Timestamp::from_second(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    line(&mut event, "DTSTAMP", &format!("{}Z", stamp(TimeZone::UTC.to_datetime(now))));
    if !entry.summary.is_empty() {
        text(&mut event, IcalPropKind::Summary, &entry.summary);
    }
    line(&mut event, "CATEGORIES", entry.kind.word());
    let write = Writer::of(entry);
    write.time(&mut event, "DTSTART", entry.from);
    write.time(&mut event, "DTEND", entry.to);
    if let Some(repeat) = &entry.repeat {
        let rule = IcalRecur(write.rule(repeat).into());
        let value = IcalValue::Recur(rule);
        event.push(IcalProp { name: IcalPropKind::RRule.into(), params: Vec::new(), value });
    }
    // One a line: so no line grows, and a person finds one to remove.
    for day in &entry.except {
        write.time(&mut event, "EXDATE", *day);
    }
    // A freeze makes nobody busy.
    line(&mut event, "TRANSP", "TRANSPARENT");
    event
}

/// How the times of one entry are written.
#[derive(Clone, Copy)]
enum Writer<'a> {
    Days,
    EachClock,
    Utc,
    Zone(&'a str),
}

impl<'a> Writer<'a> {
    fn of(entry: &'a Entry) -> Self {
        let is_midnight = |time: &DateTime| time.time() == Time::midnight();
        let until = entry.repeat.iter().flat_map(|repeat| &repeat.until);
        let mut times = [&entry.from, &entry.to].into_iter().chain(until).chain(&entry.except);
        match &entry.clock {
            Clock::EachTerminals if times.all(is_midnight) => Self::Days,
            Clock::EachTerminals => Self::EachClock,
            Clock::Zone(name) if name == "UTC" => Self::Utc,
            Clock::Zone(name) => Self::Zone(name),
        }
    }

    fn time(self, part: &mut IcalCst<'static>, name: &str, time: DateTime) {
        match self {
            Self::Days => line(part, &format!("{name};VALUE=DATE"), &stamp(time)[..8]),
            Self::EachClock => line(part, name, &stamp(time)),
            Self::Utc => line(part, name, &format!("{}Z", stamp(time))),
            Self::Zone(zone) => line(part, &format!("{name};TZID={zone}"), &stamp(time)),
        }
    }

    fn rule(self, repeat: &Repeat) -> String {
        let Some(until) = repeat.until else { return repeat.to_string() };
        let until = match self {
            Self::Days => stamp(until)[..8].to_owned(),
            Self::EachClock => stamp(until),
            Self::Utc => format!("{}Z", stamp(until)),
            Self::Zone(zone) => {
                let zoned = TimeZone::get(zone).and_then(|zone| zone.to_timestamp(until));
                let utc = zoned.map_or(until, |it| TimeZone::UTC.to_datetime(it));
                format!("{}Z", stamp(utc))
            }
        };
        format!("{repeat};UNTIL={until}")
    }
}

fn stamp(time: DateTime) -> String {
    time.strftime("%Y%m%dT%H%M%S").to_string()
}

/// What the standard asks for beside each zone's name. Its jumps are written out, not as rules.
fn zones(entries: &[Entry]) -> Vec<IcalCst<'static>> {
    let named = |entry: &Entry| match &entry.clock {
        Clock::Zone(name) if name != "UTC" => Some(name.clone()),
        Clock::Zone(_) | Clock::EachTerminals => None,
    };
    let names: BTreeSet<_> = entries.iter().filter_map(named).collect();
    let zones = names.iter().filter_map(|name| {
        let mine = || entries.iter().filter(|it| named(it).as_ref() == Some(name));
        let (first, last) = (mine().map(|it| it.from).min()?, mine().map(|it| it.to).max()?);
        zone(name, first, last)
    });
    zones.collect()
}

fn zone(name: &str, first: DateTime, last: DateTime) -> Option<IcalCst<'static>> {
    let zone = TimeZone::get(name).ok()?;
    let first = zone.to_timestamp(first).ok()?;
    let last = last.with().day(1).year(last.year() + YEARS_OF_A_ZONE).build().ok()?;
    let last = zone.to_timestamp(last).ok()?;
    // The jump by which the first entry's offset came, and each after it, by what it changes.
    let mut jumps: BTreeMap<(bool, Offset, Offset), Vec<DateTime>> = BTreeMap::new();
    let since = zone.preceding(first).next().into_iter();
    for jump in since.chain(zone.following(first).take_while(|it| it.timestamp() < last)) {
        let before = jump.timestamp().checked_sub(jiff::SignedDuration::from_secs(1)).ok()?;
        let before = zone.to_offset(before);
        let key = (jump.dst() == Dst::Yes, before, jump.offset());
        jumps.entry(key).or_default().push(before.to_datetime(jump.timestamp()));
    }
    if jumps.is_empty() {
        let only = zone.to_offset(first);
        jumps.insert((false, only, only), vec![DateTime::constant(1970, 1, 1, 0, 0, 0, 0)]);
    }
    let mut part = IcalCst::empty("VTIMEZONE");
    line(&mut part, "TZID", name);
    for ((is_summer, before, after), times) in jumps {
        let mut rule = IcalCst::empty(if is_summer { "DAYLIGHT" } else { "STANDARD" });
        line(&mut rule, "TZOFFSETFROM", &offset(before));
        line(&mut rule, "TZOFFSETTO", &offset(after));
        for (place, time) in times.into_iter().enumerate() {
            line(&mut rule, if place == 0 { "DTSTART" } else { "RDATE" }, &stamp(time));
        }
        part.push_component(rule);
    }
    Some(part)
}

fn offset(offset: Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
}
