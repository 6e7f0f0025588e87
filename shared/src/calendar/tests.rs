//! A calendar as a terminal and a controller ask it.

mod against_minutes;
mod clocks;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::codec;

fn at(text: &str) -> UnixTime {
    UnixTime(text.parse::<Timestamp>().expect("a test's own time").as_second())
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("the machine knows the zone")
}

fn window(text: &str) -> Window {
    text.parse().expect("a test's own window")
}

fn daily(text: &str) -> Opening {
    Opening::Weekly(Weekly::daily(window(text)))
}

fn on(day: Weekday, text: &str) -> Opening {
    Opening::Weekly(Weekly { days: Days::of([day]), window: window(text) })
}

fn span(from: &str, to: &str) -> Span {
    Span { from: at(from), to: at(to) }
}

fn any_time() -> Calendar {
    Calendar { download: vec![], activation: vec![], freezes: vec![], spread_s: 0 }
}

/// Every night, but for the second night of two.
fn nights() -> Calendar {
    let freezes = vec![span("2026-12-11T21:00:00Z", "2026-12-12T12:00:00Z")];
    Calendar { activation: vec![daily("22:00-06:00")], freezes, ..any_time() }
}

const UNSPREAD: Jitter = Jitter(0);

#[test]
fn who_is_kept_waiting_is_told_why_and_until_when() {
    let spread = Calendar { spread_s: 3600, ..nights() };
    let half = Jitter(1 << 31);
    let cases = [
        // Before the window, in it, at its last moments, and after it.
        ("2026-12-10T20:59:59Z", Some((Closed::Window, "2026-12-10T21:30:00Z"))),
        ("2026-12-10T21:00:00Z", Some((Closed::Spread, "2026-12-10T21:30:00Z"))),
        ("2026-12-10T21:29:59Z", Some((Closed::Spread, "2026-12-10T21:30:00Z"))),
        ("2026-12-10T21:30:00Z", None),
        ("2026-12-11T04:49:59Z", None),
        ("2026-12-11T04:50:00Z", Some((Closed::Margin, "2026-12-12T21:30:00Z"))),
        ("2026-12-11T05:00:00Z", Some((Closed::Window, "2026-12-12T21:30:00Z"))),
        // The frozen night, and the day after it, on which it is not frozen any more.
        ("2026-12-11T23:00:00Z", Some((Closed::Freeze, "2026-12-12T21:30:00Z"))),
        ("2026-12-12T12:00:00Z", Some((Closed::Window, "2026-12-12T21:30:00Z"))),
    ];
    for (now, closed) in cases {
        let berlin = zone("Europe/Berlin");
        let hours = spread.hours(Part::Activation, &berlin, half);
        let wanted = closed.map(|(why, until)| ClosedUntil { why, until: Some(at(until)) });
        assert_eq!(hours.is_open(at(now)).err(), wanted, "{now}");
        let next = hours.next_opening(at(now), UnixTime(i64::MAX));
        assert_eq!(next, wanted.map_or(Some(at(now)), |it| it.until), "{now}");
    }
}

#[test]
fn what_opens_after_the_end_does_not_open() {
    let (calendar, berlin) = (nights(), zone("Europe/Berlin"));
    let hours = calendar.hours(Part::Activation, &berlin, UNSPREAD);
    let (noon, opens) = (at("2026-12-10T12:00:00Z"), at("2026-12-10T21:00:00Z"));
    assert_eq!(hours.next_opening(noon, opens), Some(opens));
    assert_eq!(hours.next_opening(noon, UnixTime(opens.0 - 1)), None);
    assert_eq!(hours.next_opening(noon, UnixTime(noon.0 - 1)), None);
}

#[test]
fn a_part_without_openings_is_open_whenever_nothing_is_frozen() {
    let (calendar, berlin) = (nights(), zone("Europe/Berlin"));
    let hours = calendar.hours(Part::Download, &berlin, UNSPREAD);
    let (before, frozen) = (at("2026-12-11T20:59:59Z"), at("2026-12-11T21:00:00Z"));
    assert_eq!(hours.is_open(before), Ok(()));
    let thaw = Some(at("2026-12-12T12:00:00Z"));
    assert_eq!(hours.is_open(frozen), Err(ClosedUntil { why: Closed::Freeze, until: thaw }));
    // Whatever waited for its end does not begin all at once.
    let spread = Calendar { spread_s: 600, ..calendar };
    let hours = spread.hours(Part::Download, &berlin, Jitter(1 << 31));
    assert_eq!(hours.next_opening(frozen, UnixTime(i64::MAX)), thaw.map(|it| UnixTime(it.0 + 300)));
    assert_eq!(hours.is_open(before), Ok(()));
}

#[test]
fn nothing_is_activated_shortly_before_a_freeze() {
    let calendar = Calendar {
        freezes: vec![span("2026-12-24T00:00:00Z", "2027-01-02T00:00:00Z")],
        ..any_time()
    };
    let berlin = zone("Europe/Berlin");
    let hours = calendar.hours(Part::Activation, &berlin, UNSPREAD);
    assert_eq!(hours.is_open(at("2026-12-23T23:49:59Z")), Ok(()));
    let why = hours.is_open(at("2026-12-23T23:50:00Z")).expect_err("too late").why;
    assert_eq!(why, Closed::Margin);
    let download = calendar.hours(Part::Download, &berlin, UNSPREAD);
    assert_eq!(download.is_open(at("2026-12-23T23:59:59Z")), Ok(()));
}

#[test]
fn openings_that_meet_are_one() {
    let first = on(Weekday::Friday, "22:00-00:00");
    let calendar =
        Calendar { activation: vec![on(Weekday::Saturday, "00:00-06:00"), first], ..any_time() };
    let berlin = zone("Europe/Berlin");
    let hours = calendar.hours(Part::Activation, &berlin, UNSPREAD);
    assert_eq!(hours.is_open(at("2026-12-04T22:59:59Z")), Ok(()), "a Friday, midnight is near");
}

#[test]
fn what_is_shorter_than_the_margin_is_never_used() {
    let calendar = Calendar { activation: vec![daily("02:00-02:10")], ..any_time() };
    let berlin = zone("Europe/Berlin");
    let hours = calendar.hours(Part::Activation, &berlin, UNSPREAD);
    let closed = hours.is_open(at("2026-12-04T01:00:00Z"));
    assert_eq!(closed, Err(ClosedUntil { why: Closed::Margin, until: None }));
}

#[test]
fn a_freeze_longer_than_any_order_lives_is_not_waited_for() {
    let for_ever = Span { from: at("2026-12-01T00:00:00Z"), to: UnixTime(i64::MAX) };
    let calendar = Calendar { freezes: vec![for_ever], ..nights() };
    assert_eq!(calendar.check(), Ok(()));
    let berlin = zone("Europe/Berlin");
    for now in [at("2026-12-02T00:00:00Z").0, i64::MAX, i64::MAX - 1] {
        let hours = calendar.hours(Part::Activation, &berlin, UNSPREAD);
        let closed = hours.is_open(UnixTime(now)).expect_err("it is frozen");
        assert_eq!(closed.until, None, "{now}");
    }
    let hours = calendar.hours(Part::Activation, &berlin, UNSPREAD);
    assert_eq!(hours.is_open(UnixTime(i64::MIN)).expect_err("before any clock").until, None);
}

#[test]
fn the_change_s_own_window_closes_further() {
    let calendar =
        Calendar { activation: vec![daily("20:00-23:00")], spread_s: 3600, ..any_time() };
    let berlin = zone("Europe/Berlin");
    let narrow = Some(window("22:00-06:00"));
    let hours = calendar.hours(Part::Activation, &berlin, Jitter(1 << 31)).within(narrow);
    let noon = at("2026-12-10T12:00:00Z");
    // Spread over what both leave: 22:00 to 22:50.
    assert_eq!(hours.next_opening(noon, UnixTime(i64::MAX)), Some(at("2026-12-10T21:25:00Z")));
    assert_eq!(hours.within(None).is_open(at("2026-12-10T20:00:00Z")), Ok(()));
}

#[test]
fn terminals_begin_evenly_spread() {
    let berlin = zone("Europe/Berlin");
    let calendar = Calendar { spread_s: 4 * 3600, ..nights() };
    let opens = at("2026-12-10T21:00:00Z");
    let mut begun = [0_u32; 16];
    for number in 0..4_000_u32 {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let jitter = Jitter::of(OrderId::from_bytes([7; 16]), TerminalId::from_bytes(id));
        let hours = calendar.hours(Part::Activation, &berlin, jitter);
        let begin = hours.next_opening(opens, UnixTime(i64::MAX)).expect("it opens");
        assert_eq!(hours.next_opening(begin, begin), Some(begin), "stable");
        begun[usize::try_from((begin.0 - opens.0) / 900).expect("within the spread")] += 1;
    }
    // 250 are expected in each quarter of an hour, with a deviation of 15.
    assert!(begun.iter().all(|many| (190..=310).contains(many)), "{begun:?}");
}

#[test]
fn a_share_of_a_spread_is_each_order_s_and_each_terminal_s_own() {
    let (order, terminal) = (OrderId::from_bytes([1; 16]), TerminalId::from_bytes([2; 16]));
    let jitter = Jitter::of(order, terminal);
    assert_eq!(jitter, Jitter::of(order, terminal));
    assert_ne!(jitter, Jitter::of(OrderId::from_bytes([3; 16]), terminal));
    assert_ne!(jitter, Jitter::of(order, TerminalId::from_bytes([3; 16])));
    assert_eq!((Jitter(u32::MAX).share(0), Jitter(u32::MAX).share(1)), (0, 0));
    assert_eq!((Jitter(u32::MAX).share(600), Jitter(0).share(600)), (599, 0));
}

#[test]
fn an_unsound_calendar_is_refused_by_name() {
    let nobody = Opening::Weekly(Weekly { days: Days(0), window: window("22:00-06:00") });
    let eighth = Opening::Weekly(Weekly { days: Days(0x80), window: window("22:00-06:00") });
    let beyond = Opening::Weekly(Weekly::daily(Window { from_min: 0, to_min: 1440 }));
    let empty = Span { from: UnixTime(5), to: UnixTime(5) };
    let ok = daily("22:00-06:00");
    let cases = [
        (any_time(), "the calendar closes nothing"),
        (Calendar { spread_s: 60, ..any_time() }, "the calendar closes nothing"),
        (Calendar { download: vec![ok, nobody], ..any_time() }, "entry 2 of `download` is on no"),
        (Calendar { activation: vec![eighth], ..any_time() }, "entry 1 of `activation` is on no"),
        (
            Calendar { activation: vec![beyond], ..any_time() },
            "entry 1 of `activation`: minutes 0 to 1440 are not within a day",
        ),
        (
            Calendar { download: vec![Opening::Once(empty)], ..any_time() },
            "entry 1 of `download` ends at",
        ),
        (Calendar { freezes: vec![empty], ..nights() }, "entry 1 of `freezes` ends at"),
        (Calendar { download: vec![ok; 15], ..any_time() }, "15 entries in `download`"),
        (Calendar { activation: vec![ok; 15], ..any_time() }, "15 entries in `activation`"),
        (
            Calendar {
                freezes: vec![span("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"); 33],
                ..any_time()
            },
            "33 entries in `freezes`",
        ),
        (Calendar { spread_s: 14_401, ..nights() }, "a spread of 14401 s"),
    ];
    for (calendar, wanted) in cases {
        let unsound = calendar.check().expect_err(wanted).to_string();
        assert!(unsound.starts_with(wanted), "{unsound}");
        // Whoever asks it all the same gets an answer.
        let utc = TimeZone::UTC;
        let hours = calendar.hours(Part::Activation, &utc, Jitter(u32::MAX));
        let _ = hours.is_open(at("2026-12-10T12:00:00Z"));
    }
    let full = Calendar {
        download: vec![ok; 14],
        activation: vec![ok; 14],
        freezes: vec![span("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"); 32],
        spread_s: 14_400,
    };
    assert_eq!(full.check(), Ok(()));
    assert!(codec::encode(&full).len() < 4 * 1024, "it fits beside all else in an order");
}

#[test]
fn a_calendar_reads_back_as_it_was_written() {
    let calendar = Calendar {
        download: vec![Opening::Once(span("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"))],
        spread_s: 900,
        ..nights()
    };
    let bytes = codec::encode(&calendar);
    assert_eq!(codec::decode::<Calendar>(&bytes, 1024).expect("our own bytes"), calendar);
    let days = Days::of([Weekday::Sunday, Weekday::Monday]);
    assert_eq!(days.iter().collect::<Vec<_>>(), [Weekday::Monday, Weekday::Sunday]);
    assert_eq!(format!("{days:?}"), "{Monday, Sunday}");
}
