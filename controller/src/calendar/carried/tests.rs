//! What orders carry for terminals here and there, and what they are refused for.

use jiff::Timestamp;

use super::super::said::Said;
use super::super::{Entry, Kind};
use super::*;
use crate::registry::calendar::Ended;

fn at(text: &str) -> UnixTime {
    UnixTime(text.parse::<Timestamp>().expect("a test's own time").as_second())
}

fn span(from: &str, to: &str) -> Span {
    Span { from: at(from), to: at(to) }
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("the machine knows the zone")
}

fn fleet() -> Scope {
    Scope::Fleet
}

fn region() -> Scope {
    Scope::Region("coast".to_owned())
}

fn store() -> Scope {
    Scope::Store("north".to_owned())
}

/// `2026-12-20 00:00 / 2026-12-27 00:00`, then what else is said: `RRULE`, or `@Zone`.
fn kept(scope: Scope, kind: Kind, said: &str) -> Kept {
    let (times, more) = said.split_once(" ; ").unwrap_or((said, ""));
    let (from, to) = times.split_once(" / ").expect("a test's own times");
    let (mut repeat, mut until, mut zone) = (None, None, None);
    for word in more.split_whitespace() {
        match (word.strip_prefix('@'), word.strip_prefix("UNTIL=")) {
            (Some(name), _) => zone = Some(name.to_owned()),
            (None, Some(day)) => until = Some(day.to_owned()),
            (None, None) => repeat = Some(word.to_owned()),
        }
    }
    let said = Said {
        uid: said.to_owned(),
        summary: String::new(),
        kind,
        from: from.to_owned(),
        to: to.to_owned(),
        zone,
        repeat,
        until,
        except: Vec::new(),
    };
    let entry: Entry = said.entry().expect("a test's own entry");
    Kept {
        number: 1,
        scope,
        entry,
        version: 1,
        set_at: UnixTime(0),
        set_by: "op".to_owned(),
        why: String::new(),
        ended: None,
    }
}

fn activation(scope: Scope, said: &str) -> Kept {
    kept(scope, Kind::Activation, said)
}

fn download(scope: Scope, said: &str) -> Kept {
    kept(scope, Kind::Download, said)
}

fn freeze(scope: Scope, said: &str) -> Kept {
    kept(scope, Kind::Freeze, said)
}

/// A week in December.
const WEEK: (&str, &str) = ("2026-12-07T12:00:00Z", "2026-12-14T12:00:00Z");

fn week() -> Span {
    span(WEEK.0, WEEK.1)
}

/// For a terminal in Berlin, in that week, without a spread.
fn in_berlin(kept: &[Kept]) -> Result<Option<Calendar>, NotCarried> {
    carried(kept, &zone("Europe/Berlin"), week(), 0)
}

fn weekly(text: &str) -> Opening {
    let (days, window) = text.split_once(' ').expect("a test's own window");
    let names = ["mo", "tu", "we", "th", "fr", "sa", "su"];
    let days = Days::of(days.split(',').map(|day| {
        let at = names.iter().position(|name| *name == day).expect("a test's own day");
        day_of(at * DAY_MIN)
    }));
    Opening::Weekly(Weekly { days, window: window.parse().expect("a test's own window") })
}

const DAILY: &str = "mo,tu,we,th,fr,sa,su";

fn daily(window: &str) -> Opening {
    weekly(&format!("{DAILY} {window}"))
}

fn once(from: &str, to: &str) -> Opening {
    Opening::Once(span(from, to))
}

fn opens(activation: Vec<Opening>) -> Result<Option<Calendar>, NotCarried> {
    let calendar = Calendar { download: vec![], activation, freezes: vec![], spread_s: 0 };
    Ok(Some(calendar))
}

const NIGHTS: &str = "2026-11-02 22:00 / 2026-11-03 06:00 ; FREQ=DAILY";

#[test]
fn where_nothing_closes_there_is_no_calendar() {
    let always = "2026-11-02 00:00 / 2026-11-03 00:00 ; FREQ=DAILY";
    let past = "2026-11-20 00:00 / 2026-11-27 00:00";
    let later = "2027-11-20 00:00 / 2027-11-27 00:00";
    let ended = Ended { at: UnixTime(1), by: "op".to_owned(), why: String::new() };
    let removed = Kept { ended: Some(ended), ..freeze(fleet(), WEEK_FROZEN) };
    let table = [
        vec![],
        vec![activation(store(), always)],
        vec![activation(fleet(), past), download(fleet(), past)],
        vec![freeze(fleet(), past), freeze(store(), later)],
        vec![removed],
    ];
    for kept in table {
        assert_eq!(in_berlin(&kept), Ok(None), "{kept:?}");
    }
}

const WEEK_FROZEN: &str = "2026-12-01 00:00 / 2026-12-31 00:00";

#[test]
fn the_windows_of_the_nearest_scope_win_and_of_each_kind_apart() {
    let noon = "2026-11-02 12:00 / 2026-11-02 13:00 ; FREQ=DAILY";
    let early = "2026-11-02 04:00 / 2026-11-02 05:00 ; FREQ=DAILY";
    let (of_fleet, of_region) = (activation(fleet(), NIGHTS), activation(region(), noon));
    let of_store = activation(store(), early);
    let (night, midday, morning) =
        (daily("22:00-06:00"), daily("12:00-13:00"), daily("04:00-05:00"));
    let table = [
        (vec![&of_fleet], night),
        (vec![&of_fleet, &of_region], midday),
        (vec![&of_store, &of_fleet, &of_region], morning),
        (vec![&of_store, &of_fleet], morning),
    ];
    for (kept, opening) in table {
        let kept: Vec<_> = kept.into_iter().cloned().collect();
        assert_eq!(in_berlin(&kept), opens(vec![opening]), "{kept:?}");
    }
    let both = in_berlin(&[of_fleet, download(store(), noon)]);
    let both = both.expect("it fits").expect("it closes");
    assert_eq!((both.download, both.activation), (vec![midday], vec![night]));
}

#[test]
fn a_window_that_is_over_leaves_its_place_to_the_next_scope() {
    let nights = || activation(region(), NIGHTS);
    let table = [
        ("2026-12-01 22:00 / 2026-12-02 06:00", true),
        ("2026-11-02 01:00 / 2026-11-02 02:00 ; FREQ=DAILY UNTIL=2026-12-06", true),
        // It has an end, which is still to come.
        ("2026-12-07 22:00 / 2026-12-08 06:00", false),
        ("2026-11-02 01:00 / 2026-11-02 02:00 ; FREQ=DAILY UNTIL=2026-12-09", false),
    ];
    for (said, is_over) in table {
        let calendar = in_berlin(&[nights(), activation(store(), said)]);
        let goes_by_region = calendar == opens(vec![daily("22:00-06:00")]);
        assert_eq!(goes_by_region, is_over, "{said}");
    }
}

#[test]
fn a_scope_that_opens_only_after_the_order_is_a_refusal_and_not_any_time() {
    let later = "2027-01-07 22:00 / 2027-01-08 06:00";
    let kept = [activation(region(), NIGHTS), activation(store(), later)];
    let never = NotCarried::NeverOpens { kind: Kind::Activation, scope: store() };
    assert_eq!(in_berlin(&kept), Err(never));
    let within_freeze = "2026-12-09 22:00 / 2026-12-10 06:00";
    let kept = [freeze(fleet(), WEEK_FROZEN), download(fleet(), within_freeze)];
    let never = NotCarried::NeverOpens { kind: Kind::Download, scope: fleet() };
    assert_eq!(in_berlin(&kept), Err(never));
}

#[test]
fn freezes_of_all_scopes_add_up_and_become_one_where_they_touch() {
    let kept = [
        freeze(store(), "2026-12-09 00:00 / 2026-12-10 00:00"),
        freeze(region(), "2026-12-10 00:00 / 2026-12-11 00:00"),
        freeze(fleet(), "2026-12-12 00:00 / 2026-12-13 00:00"),
        freeze(fleet(), "2026-12-12 06:00 / 2026-12-12 07:00"),
        freeze(fleet(), "2026-12-20 00:00 / 2026-12-27 00:00"),
    ];
    let calendar = in_berlin(&kept).expect("it fits").expect("it closes");
    let frozen = [
        span("2026-12-08T23:00:00Z", "2026-12-10T23:00:00Z"),
        span("2026-12-11T23:00:00Z", "2026-12-12T23:00:00Z"),
    ];
    assert_eq!(calendar.freezes, frozen);
    assert_eq!((calendar.download, calendar.activation), (vec![], vec![]));
}

#[test]
fn weekly_windows_become_as_few_as_mean_the_same() {
    let table: &[(&[&str], &[&str])] = &[
        // What touches is one, and what is in another is gone.
        (
            &["2026-11-02 20:00 / 2026-11-02 22:00 ; FREQ=DAILY", NIGHTS],
            &["mo,tu,we,th,fr,sa,su 20:00-06:00"],
        ),
        (
            &["2026-11-02 23:00 / 2026-11-03 01:00 ; FREQ=WEEKLY;BYDAY=MO,TH", NIGHTS],
            &["mo,tu,we,th,fr,sa,su 22:00-06:00"],
        ),
        // Days that have the same window share it.
        (
            &[
                "2026-11-02 22:00 / 2026-11-03 06:00 ; FREQ=WEEKLY;BYDAY=MO",
                "2026-11-06 22:00 / 2026-11-07 06:00 ; FREQ=WEEKLY;BYDAY=FR",
            ],
            &["mo,fr 22:00-06:00"],
        ),
        // Two days and a half, over the end of the week.
        (
            &[
                "2026-11-07 00:00 / 2026-11-08 00:00 ; FREQ=WEEKLY",
                "2026-11-08 00:00 / 2026-11-09 00:00 ; FREQ=WEEKLY",
                "2026-11-02 00:00 / 2026-11-02 12:00 ; FREQ=WEEKLY",
            ],
            &["sa,su 00:00-00:00", "mo 00:00-12:00"],
        ),
    ];
    for (said, wanted) in table {
        let kept: Vec<_> = said.iter().map(|it| activation(fleet(), it)).collect();
        let mut wanted: Vec<_> = wanted.iter().map(|it| weekly(it)).collect();
        let calendar = in_berlin(&kept).expect("it fits").expect("it closes");
        let mut found = calendar.activation;
        found.sort_by_key(|it| format!("{it:?}"));
        wanted.sort_by_key(|it| format!("{it:?}"));
        assert_eq!(found, wanted, "{said:?}");
    }
}

#[test]
fn a_window_in_a_zone_is_weekly_there_and_spans_elsewhere() {
    let kept =
        [activation(fleet(), "2026-11-02 22:00 / 2026-11-03 06:00 ; FREQ=DAILY @Asia/Tokyo")];
    let two_nights = span("2026-12-07T12:00:00Z", "2026-12-08T20:00:00Z");
    let table = [
        ("Asia/Tokyo", vec![daily("22:00-06:00")]),
        (
            "America/New_York",
            vec![
                once("2026-12-07T13:00:00Z", "2026-12-07T21:00:00Z"),
                once("2026-12-08T13:00:00Z", "2026-12-08T21:00:00Z"),
            ],
        ),
    ];
    for (name, openings) in table {
        assert_eq!(carried(&kept, &zone(name), two_nights, 0), opens(openings), "{name}");
    }
}

#[test]
fn a_freeze_on_each_terminals_own_clock_begins_where_its_day_does() {
    let kept = [freeze(fleet(), "2026-12-10 / 2026-12-11")];
    let table = [
        ("Pacific/Auckland", span("2026-12-09T11:00:00Z", "2026-12-10T11:00:00Z")),
        ("Europe/Berlin", span("2026-12-09T23:00:00Z", "2026-12-10T23:00:00Z")),
        ("America/Los_Angeles", span("2026-12-10T08:00:00Z", "2026-12-11T08:00:00Z")),
    ];
    for (name, frozen) in table {
        let calendar = carried(&kept, &zone(name), week(), 0).expect("it fits").expect("it closes");
        assert_eq!(calendar.freezes, [frozen], "{name}");
    }
}

#[test]
fn spans_follow_the_wall_clock_where_it_jumps() {
    // In Berlin 02:00 to 03:00 is skipped on 29 March, and comes twice on 25 October.
    let table = [
        (
            Kind::Activation,
            "2026-03-28 22:00 / 2026-03-29 06:00",
            span("2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z"),
        ),
        (
            Kind::Activation,
            "2026-03-29 02:30 / 2026-03-29 06:00",
            span("2026-03-29T01:00:00Z", "2026-03-29T04:00:00Z"),
        ),
        // An opening ends with the first of two, a freeze with the second.
        (
            Kind::Activation,
            "2026-10-24 22:00 / 2026-10-25 02:30",
            span("2026-10-24T20:00:00Z", "2026-10-25T00:30:00Z"),
        ),
        (
            Kind::Freeze,
            "2026-10-24 22:00 / 2026-10-25 02:30",
            span("2026-10-24T20:00:00Z", "2026-10-25T01:30:00Z"),
        ),
    ];
    for (kind, said, wanted) in table {
        let life = Span { from: wanted.from.minus(MARGIN), to: wanted.to };
        let calendar = carried(&[kept(fleet(), kind, said)], &zone("Europe/Berlin"), life, 0);
        let calendar = calendar.expect("it fits").expect("it closes");
        let once = calendar.activation.into_iter().map(|it| match it {
            Opening::Once(span) => span,
            Opening::Weekly(weekly) => panic!("{said}: {weekly:?}"),
        });
        let spans: Vec<_> = once.chain(calendar.freezes).collect();
        assert_eq!(spans, [wanted], "{said}");
    }
}

#[test]
fn a_weekly_window_is_weekly_over_a_jump_of_the_clock() {
    let life = span("2026-03-27T12:00:00Z", "2026-03-31T12:00:00Z");
    let carried = carried(&[activation(fleet(), NIGHTS)], &zone("Europe/Berlin"), life, 0);
    // Nights began in November of the same year, so here they are none yet.
    assert!(matches!(carried, Err(NotCarried::NeverOpens { .. })), "{carried:?}");
    let earlier = "2025-11-02 22:00 / 2025-11-03 06:00 ; FREQ=DAILY";
    let carried = super::carried(&[activation(fleet(), earlier)], &zone("Europe/Berlin"), life, 0);
    assert_eq!(carried, opens(vec![daily("22:00-06:00")]));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let quarter = span("2026-12-07T12:00:00Z", "2027-03-07T12:00:00Z");
    let berlin = zone("Europe/Berlin");
    // Weekly in Berlin, but not from the beginning of the order on.
    let from_tomorrow = "2026-12-08 22:00 / 2026-12-09 06:00 ; FREQ=DAILY";
    let (kind, max) = (Kind::Activation, CALENDAR_OPENINGS_MAX);
    let refused = carried(&[activation(fleet(), from_tomorrow)], &berlin, quarter, 0);
    assert_eq!(refused, Err(NotCarried::TooMany { kind, got: 89, max }));
    let lunch = "2026-11-02 12:00 / 2026-11-02 13:00 ; FREQ=DAILY";
    let refused = carried(&[freeze(fleet(), lunch)], &berlin, quarter, 0);
    let (kind, max) = (Kind::Freeze, CALENDAR_FREEZES_MAX);
    assert_eq!(refused, Err(NotCarried::TooMany { kind, got: 90, max }));
    for kept in [activation(fleet(), from_tomorrow), freeze(fleet(), lunch)] {
        let calendar = in_berlin(&[kept]).expect("a week fits").expect("it closes");
        assert_eq!(calendar.check(), Ok(()));
    }
}

#[test]
fn a_spread_and_a_margin_reach_out_of_the_life() {
    // The freeze ended an hour before the order began: those who waited for it still begin apart.
    let ended = freeze(fleet(), "2026-12-07 00:00 / 2026-12-07 12:00");
    // It begins five minutes after the order ends.
    let begins = freeze(fleet(), "2026-12-14 13:05 / 2026-12-14 14:00");
    let kept = [ended, begins];
    let frozen = |spread_s| {
        let calendar = carried(&kept, &zone("Europe/Berlin"), week(), spread_s);
        let calendar = calendar.expect("it fits").expect("it closes");
        assert_eq!(calendar.spread_s, spread_s.min(CALENDAR_SPREAD_S_MAX));
        calendar.freezes.len()
    };
    assert_eq!((frozen(0), frozen(7200), frozen(u32::MAX)), (1, 2, 2));
}

#[test]
fn whether_it_is_open_now_is_told_without_an_order() {
    let berlin = zone("Europe/Berlin");
    let kept = [
        activation(store(), NIGHTS),
        freeze(region(), "2026-12-20 00:00 / 2026-12-27 00:00"),
        freeze(fleet(), "2026-12-27 00:00 / 2026-12-28 00:00"),
    ];
    let until = |why, until: &str| Err(ClosedUntil { why, until: Some(at(until)) });
    let table = [
        (Part::Activation, "2026-12-10T22:00:00Z", Ok(())),
        (Part::Activation, "2026-12-10T12:00:00Z", until(Closed::Window, "2026-12-10T21:00:00Z")),
        (Part::Activation, "2026-12-22T22:00:00Z", until(Closed::Freeze, "2026-12-27T23:00:00Z")),
        (Part::Activation, "2026-12-11T04:55:00Z", until(Closed::Margin, "2026-12-11T21:00:00Z")),
        (Part::Download, "2026-12-10T12:00:00Z", Ok(())),
        (Part::Download, "2026-12-22T22:00:00Z", until(Closed::Freeze, "2026-12-27T23:00:00Z")),
    ];
    for (part, now, wanted) in table {
        assert_eq!(open_at(&kept, part, &berlin, at(now)), wanted, "{part:?} {now}");
    }
    assert_eq!(open_at(&[], Part::Activation, &berlin, at("2026-12-10T12:00:00Z")), Ok(()));
    let in_a_year = [activation(store(), "2027-12-07 22:00 / 2027-12-08 06:00")];
    let never = Err(ClosedUntil { why: Closed::Window, until: None });
    assert_eq!(open_at(&in_a_year, Part::Activation, &berlin, at(WEEK.0)), never);
    let frozen = [in_a_year[0].clone(), freeze(fleet(), WEEK_FROZEN)];
    let never = Err(ClosedUntil { why: Closed::Freeze, until: None });
    assert_eq!(open_at(&frozen, Part::Activation, &berlin, at(WEEK.0)), never);
}

#[test]
fn what_is_carried_is_open_when_its_entries_are() {
    // Overlapping windows of three shapes, minute by minute over a week in three zones.
    let kept = [
        activation(store(), "2026-11-03 21:30 / 2026-11-04 05:00 ; FREQ=WEEKLY;BYDAY=TU,WE,SU"),
        activation(store(), "2026-11-02 04:00 / 2026-11-02 07:15 ; FREQ=DAILY"),
        activation(store(), "2026-12-10 00:00 / 2026-12-10 03:00 ; @Asia/Kolkata"),
    ];
    for name in ["Europe/Berlin", "America/St_Johns", "Pacific/Apia"] {
        let zone = zone(name);
        let calendar = carried(&kept, &zone, week(), 0).expect("it fits").expect("it closes");
        let hours = calendar.hours(Part::Activation, &zone, Jitter::NONE);
        for minute in (week().from.0..week().to.0).step_by(5 * 60).map(UnixTime) {
            let inside = kept
                .iter()
                .any(|it| it.entry.next(&zone, minute).is_some_and(|occurrence| occurrence.is_now));
            let is_open = hours.closed_at(minute).is_none_or(|why| why == Closed::Margin);
            assert_eq!(is_open, inside, "{name} {minute}");
        }
    }
}
