//! From components to entries.

use std::collections::BTreeSet;

use ical::recur::IcalRecurDateTime;
use ical::value::duration::IcalDuration;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
use shared::limits::short_text;

use super::super::repeat::from_library;
use super::super::said::is_uid;
use super::super::{Clock, Entry, Kind, Repeat};
use super::lines::{Component, Line};
use super::zones::Zones;
use super::{ENTRIES_MAX, NotKept, Why};

/// What would change when an event happens, and has no place in an entry.
const NOT_MEANT: [&str; 3] = ["RDATE", "EXRULE", "RECURRENCE-ID"];

/// A time as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Written {
    at: DateTime,
    clock: Clock,
    is_day: bool,
}

pub(super) fn entries(calendars: &[Component], kind: Kind) -> Result<Vec<Entry>, Vec<NotKept>> {
    let (mut entries, mut not_kept, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for calendar in calendars {
        not_kept.extend(check(calendar).err());
        let zones = Zones::of(calendar);
        for part in calendar.parts.iter().filter(|part| part.name != "VTIMEZONE") {
            match entry(part, &zones, kind) {
                Ok(Some(entry)) if !seen.insert(entry.uid.clone()) => {
                    let why = Why::SameUid(entry.uid);
                    not_kept.push(NotKept { line: part.number, why });
                }
                Ok(entry) => entries.extend(entry),
                Err(it) => not_kept.push(it),
            }
        }
    }
    if entries.len() > ENTRIES_MAX {
        not_kept.push(NotKept { line: 1, why: Why::TooMany });
    }
    if not_kept.is_empty() { Ok(entries) } else { Err(not_kept) }
}

/// The calendar itself: what it says holds for all of its events.
fn check(calendar: &Component) -> Result<(), NotKept> {
    if calendar.name != "VCALENDAR" {
        let why = Why::NotAnEvent(calendar.name.clone());
        return Err(NotKept { line: calendar.number, why });
    }
    for line in &calendar.lines {
        match line.name.as_str() {
            "VERSION" if line.value != "2.0" => {
                return Err(line.is_not_kept(Why::Version(line.value.clone())));
            }
            "CALSCALE" if !line.value.eq_ignore_ascii_case("GREGORIAN") => {
                return Err(line.is_not_kept(Why::NotMeant(line.value.clone())));
            }
            "METHOD" if !["PUBLISH", "REQUEST"].contains(&line.value.as_str()) => {
                return Err(line.is_not_kept(Why::NotMeant(line.value.clone())));
            }
            _ => {}
        }
    }
    Ok(())
}

/// None for an event that was called off.
fn entry(event: &Component, zones: &Zones, kind: Kind) -> Result<Option<Entry>, NotKept> {
    let at_begin = |why| NotKept { line: event.number, why };
    if event.name != "VEVENT" {
        return Err(at_begin(Why::NotAnEvent(event.name.clone())));
    }
    if let Some(line) = event.lines.iter().find(|line| NOT_MEANT.contains(&line.name.as_str())) {
        return Err(line.is_not_kept(Why::NotMeant(line.name.clone())));
    }
    if let Some(line) = event.one("STATUS")? {
        match line.value.to_ascii_uppercase().as_str() {
            "CONFIRMED" => {}
            "CANCELLED" => return Ok(None),
            _ => return Err(line.is_not_kept(Why::Undecided(line.value.clone()))),
        }
    }
    let line = event.one("UID")?.ok_or_else(|| at_begin(Why::Missing("UID")))?;
    let uid =
        Some(line.text()).filter(|it| is_uid(it)).ok_or_else(|| line.is_not_kept(Why::Uid))?;
    let summary = event.one("SUMMARY")?.map_or_else(String::new, |line| words(&line.text()));
    let begin = event.one("DTSTART")?.ok_or_else(|| at_begin(Why::Missing("DTSTART")))?;
    let mut from = written(begin, &begin.value, zones)?;
    let repeat_line = event.one("RRULE")?;
    let to = end(event, begin, &mut from, zones, repeat_line.is_none())?;
    let repeat = repeat_line.map(|line| repeat(line, &from)).transpose()?;
    let mut except = Vec::new();
    for line in event.all("EXDATE") {
        for value in line.value.split(',') {
            let day = written(line, value, zones)?;
            except.push(on_clock_of(&from, &day, line)?);
        }
    }
    except.sort_unstable();
    except.dedup();
    let kind = kind_of(event, kind)?;
    Ok(Some(Entry { uid, summary, kind, from: from.at, to, clock: from.clock, repeat, except }))
}

/// Of one line, and not longer than people read.
fn words(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    short_text(line.trim())
}

fn kind_of(event: &Component, otherwise: Kind) -> Result<Kind, NotKept> {
    let mut found: Option<Kind> = None;
    for line in event.all("CATEGORIES") {
        for text in &line.texts {
            let ours = Kind::ALL.into_iter().find(|it| text.trim().eq_ignore_ascii_case(it.word()));
            if found.is_some() && ours.is_some() && found != ours {
                return Err(line.is_not_kept(Why::SeveralKinds));
            }
            found = found.or(ours);
        }
    }
    Ok(found.unwrap_or(otherwise))
}

fn written(line: &Line, value: &str, zones: &Zones) -> Result<Written, NotKept> {
    let not_a_time = || line.is_not_kept(Why::NotATime(value.chars().take(64).collect()));
    // The library takes a sign for a digit.
    let is_plain = value.bytes().all(|it| it.is_ascii_digit() || b"TtZz".contains(&it));
    let time = IcalRecurDateTime::parse(value).ok();
    let time = time.filter(|it| is_plain && (1970..2200).contains(&it.year));
    let at = time.and_then(from_library).ok_or_else(not_a_time)?;
    let is_day = value.len() == "20261224".len();
    let said = line.param("VALUE").map(str::to_ascii_uppercase);
    if said.is_some_and(|said| said != if is_day { "DATE" } else { "DATE-TIME" }) {
        return Err(not_a_time());
    }
    let clock = match line.param("TZID") {
        _ if is_day => Clock::EachTerminals,
        _ if value.ends_with(['Z', 'z']) => Clock::Zone("UTC".to_owned()),
        None => Clock::EachTerminals,
        Some(name) => match zones.iana(name) {
            Some(known) => Clock::Zone(known),
            None => return Err(line.is_not_kept(Why::UnknownZone(name.to_owned()))),
        },
    };
    Ok(Written { at, clock, is_day })
}

/// Where the event ends, on the clock on which it begins. A single event that begins in one zone
/// and ends in another is brought to UTC.
fn end(
    event: &Component,
    begin: &Line,
    from: &mut Written,
    zones: &Zones,
    is_single: bool,
) -> Result<DateTime, NotKept> {
    let (at, line) = match (event.one("DTEND")?, event.one("DURATION")?) {
        (Some(_), Some(second)) => return Err(second.is_not_kept(Why::Second("DTEND"))),
        (Some(line), None) => {
            let to = written(line, &line.value, zones)?;
            let other = || line.is_not_kept(Why::OtherSort(line.value.clone()));
            if to.is_day != from.is_day {
                return Err(other());
            }
            if to.clock != from.clock {
                let both = in_utc(from).zip(in_utc(&to)).filter(|_| is_single);
                let (begins, ends) = both.ok_or_else(other)?;
                from.at = begins;
                from.clock = Clock::Zone("UTC".to_owned());
                (Some(ends), line)
            } else {
                (Some(to.at), line)
            }
        }
        (None, Some(line)) => (lasting(from.at, line)?, line),
        (None, None) if from.is_day => (from.at.checked_add(1.day()).ok(), begin),
        (None, None) => (None, begin),
    };
    at.filter(|to| *to > from.at).ok_or_else(|| line.is_not_kept(Why::LastsNoTime))
}

fn lasting(from: DateTime, line: &Line) -> Result<Option<DateTime>, NotKept> {
    let text = line.value.as_str();
    // The library takes a month for a minute, and passes over fractions.
    let (days, _) = text.split_once('T').unwrap_or((text, ""));
    let is_plain = !days.contains(['M', 'm', 'H', 'h', 'S', 's']) && !text.contains('.');
    let seconds = IcalDuration(text.into()).seconds().filter(|_| is_plain);
    let seconds = seconds.ok_or_else(|| line.is_not_kept(Why::NotADuration(line.value.clone())))?;
    Ok(from.checked_add(SignedDuration::from_secs(seconds)).ok())
}

fn in_utc(time: &Written) -> Option<DateTime> {
    let Clock::Zone(name) = &time.clock else { return None };
    let zoned = TimeZone::get(name).ok()?.to_zoned(time.at).ok()?;
    Some(TimeZone::UTC.to_datetime(zoned.timestamp()))
}

/// A time that another line of the event names, on the clock of its beginning.
fn on_clock_of(from: &Written, time: &Written, line: &Line) -> Result<DateTime, NotKept> {
    let other = || line.is_not_kept(Why::OtherSort(line.value.chars().take(64).collect()));
    if time.is_day != from.is_day {
        return Err(other());
    }
    if time.clock == from.clock {
        return Ok(time.at);
    }
    let Clock::Zone(name) = &from.clock else { return Err(other()) };
    let utc = in_utc(time).ok_or_else(other)?;
    let timestamp = TimeZone::UTC.to_timestamp(utc).map_err(|_| other())?;
    let zone = TimeZone::get(name).map_err(|_| other())?;
    Ok(zone.to_datetime(timestamp))
}

fn repeat(line: &Line, from: &Written) -> Result<Repeat, NotKept> {
    let is_until = |part: &&str| {
        part.get(.."UNTIL=".len()).is_some_and(|head| head.eq_ignore_ascii_case("UNTIL="))
    };
    let parts = || line.value.split(';').filter(|part| !part.is_empty());
    let rest: Vec<_> = parts().filter(|part| !is_until(part)).collect();
    let mut untils = parts().filter(is_until);
    let until = untils.next().map(|part| &part["UNTIL=".len()..]);
    if untils.next().is_some() {
        let twice = super::NotARepeat::Twice("UNTIL".to_owned());
        return Err(line.is_not_kept(Why::Repeat(twice)));
    }
    let until = until.map(|until| {
        // A rule names no zone: its end is a day, or on every clock, or in UTC.
        let until = written(line, until, &Zones::default())?;
        on_clock_of(from, &until, line)
    });
    let repeat = Repeat::new(&rest.join(";"), until.transpose()?, from.at);
    repeat.map_err(|it| line.is_not_kept(Why::Repeat(it)))
}
