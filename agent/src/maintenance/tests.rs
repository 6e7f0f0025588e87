//! Hours of windows and calendars in the shop's own zone, and what a till says.

use shared::calendar::{MARGIN, Opening, Span, Weekly};

use super::*;

fn night() -> Option<Window> {
    Some("22:00-06:00".parse().expect("a test's own window"))
}

fn at(text: &str) -> UnixTime {
    UnixTime(text.parse::<jiff::Timestamp>().expect("a test's own time").as_second())
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").expect("the zone database is bundled")
}

fn again_in(answer: Answer) -> Duration {
    match answer {
        Answer::NotYet { again_in, .. } => again_in,
        Answer::Yes | Answer::Pending => panic!("{answer:?} says nothing about later"),
    }
}

#[test]
fn without_a_window_any_time_will_do() {
    assert_eq!(window_open(None, UnixTime(0), &berlin()), Answer::Yes);
}

#[test]
fn the_window_is_meant_in_the_terminals_own_evening() {
    let evening = at("2026-11-22T21:00:00Z"); // 22:00 there
    assert_eq!(window_open(night(), evening, &berlin()), Answer::Yes);
    assert_ne!(window_open(night(), evening, &TimeZone::UTC), Answer::Yes);
}

#[test]
fn a_closed_window_is_asked_about_again_when_it_opens_or_sooner() {
    let answer = window_open(night(), at("2026-11-22T20:59:50Z"), &berlin());
    assert_eq!(again_in(answer), Duration::from_secs(10));
    let answer = window_open(night(), at("2026-11-22T12:00:00Z"), &berlin());
    assert_eq!(again_in(answer), WINDOW_AGAIN_MAX);
}

#[test]
fn only_a_till_that_says_so_is_free() {
    assert_eq!(till_free(Work::Free, "anything"), Answer::Yes);
    for work in [Work::Busy, Work::Postpone, Work::NoAnswer, Work::LowBattery] {
        assert!(again_in(till_free(work, "")) >= Duration::from_secs(1), "{work:?}");
    }
}

#[test]
fn the_tills_own_words_are_passed_on() {
    let Answer::NotYet { detail, waiting, .. } = till_free(Work::Postpone, "stocktaking") else {
        panic!("a till that asks for later is not free");
    };
    assert_eq!(
        (waiting, detail.as_str()),
        (Waiting::Till, "the till asked for later: stocktaking")
    );
}

#[test]
fn a_low_battery_is_no_word_of_the_till() {
    let Answer::NotYet { detail, waiting, .. } = till_free(Work::LowBattery, "it holds 31 %")
    else {
        panic!("a terminal that may go out is not free");
    };
    assert_eq!((waiting, detail.as_str()), (Waiting::Battery, "the battery is low: it holds 31 %"));
}

fn daily(text: &str) -> Opening {
    Opening::Weekly(Weekly::daily(text.parse().expect("a test's own window")))
}

fn span(from: &str, to: &str) -> Span {
    Span { from: at(from), to: at(to) }
}

/// Bytes from the evening on, the shop in the small hours, and a week before Christmas in which
/// nothing may change.
fn split() -> Calendar {
    Calendar {
        download: vec![daily("20:00-06:00")],
        activation: vec![daily("01:00-05:00")],
        freezes: vec![span("2026-12-18T00:00:00Z", "2026-12-25T00:00:00Z")],
        spread_s: 0,
    }
}

/// Whose share of any spread is nothing.
fn hours(window: Option<Window>, calendar: Calendar) -> OpeningHours {
    hours_of(window, calendar, 0)
}

/// As [`hours`], of the terminal with this number.
fn hours_of(window: Option<Window>, calendar: Calendar, number: u8) -> OpeningHours {
    calendar.check().expect("a test's own calendar is sound");
    let terminal = shared::id::TerminalId::from_bytes([number; 16]);
    let jitter = Jitter::of(shared::id::OrderId::from_bytes([1; 16]), terminal);
    OpeningHours { window, calendar: Some((calendar, jitter)) }
}

/// Why it waits, and until when at least; nothing, if it does not.
fn waits(answer: &Answer) -> Option<(Waiting, &str)> {
    match answer {
        Answer::Yes => None,
        Answer::NotYet { waiting, detail, .. } => Some((*waiting, detail)),
        Answer::Pending => panic!("hours are open or closed"),
    }
}

#[test]
fn each_part_of_a_calendar_is_held_by_its_own_openings_and_both_by_a_freeze() {
    use Waiting::{Freeze, Window};
    // When, whether bytes may be moved, and whether the shop may be disturbed: in Berlin, an hour
    // before UTC.
    let cases = [
        ("2026-12-10T12:00:00Z", Some(Window), Some(Window)),
        ("2026-12-10T18:59:59Z", Some(Window), Some(Window)),
        ("2026-12-10T19:00:00Z", None, Some(Window)),
        ("2026-12-10T23:59:59Z", None, Some(Window)),
        ("2026-12-11T00:00:00Z", None, None),
        ("2026-12-11T03:49:59Z", None, None),
        // Too late to begin.
        ("2026-12-11T03:50:00Z", None, Some(Window)),
        ("2026-12-11T04:00:00Z", None, Some(Window)),
        ("2026-12-11T05:00:00Z", Some(Window), Some(Window)),
        // The night in which the freeze begins: an hour after midnight in Berlin.
        ("2026-12-17T23:59:59Z", None, Some(Window)),
        ("2026-12-18T00:00:00Z", Some(Freeze), Some(Freeze)),
        ("2026-12-20T02:00:00Z", Some(Freeze), Some(Freeze)),
        ("2026-12-24T23:59:59Z", Some(Freeze), Some(Freeze)),
        ("2026-12-25T00:00:00Z", None, None),
    ];
    let hours = hours(None, split());
    for (moment, download, activation) in cases {
        let (at, zone) = (at(moment), berlin());
        let said = |answer: Answer| waits(&answer).map(|(waiting, _)| waiting);
        assert_eq!(said(hours.download(at, &zone)), download, "download at {moment}");
        let window = hours.window(Part::Activation, at, &zone);
        assert_eq!(said(window), activation, "activation at {moment}");
    }
}

#[test]
fn who_waits_is_told_when_it_opens_next_also_over_a_freeze_of_a_week() {
    let hours = hours(None, split());
    for (moment, words) in [
        (
            "2026-12-10T12:00:00Z",
            "its order's calendar is closed; it opens at 2026-12-11T00:00:00Z",
        ),
        ("2026-12-20T12:00:00Z", "nothing may change now; it opens at 2026-12-25T00:00:00Z"),
        (
            "2026-12-17T03:55:00Z",
            "too little is left of what is open; it opens at 2026-12-25T00:00:00Z",
        ),
    ] {
        let answer = hours.window(Part::Activation, at(moment), &berlin());
        assert_eq!(waits(&answer).map(|(_, detail)| detail), Some(words), "{moment}");
        assert_eq!(again_in(answer), WINDOW_AGAIN_MAX, "a clock may be set meanwhile");
    }
    let answer = hours.window(Part::Activation, at("2026-12-10T23:59:50Z"), &berlin());
    assert_eq!(again_in(answer), Duration::from_secs(10));
}

#[test]
fn what_never_opens_in_an_orders_time_is_asked_again_and_says_so() {
    let short = span("2026-12-10T01:00:00Z", "2026-12-10T01:05:00Z");
    let calendar = Calendar { activation: vec![Opening::Once(short)], ..split() };
    let answer = hours(None, calendar).window(Part::Activation, short.from, &berlin());
    let (waiting, detail) = waits(&answer).expect("it is shorter than the margin");
    assert_eq!(waiting, Waiting::Window);
    assert!(detail.ends_with("it does not open in its order's time"), "{detail}");
    assert_eq!(again_in(answer), WINDOW_AGAIN_MAX);
}

#[test]
fn a_calendar_is_read_off_the_shops_own_clock_when_that_jumps() {
    // Of the hour after two: in spring it is skipped, in autumn it comes twice.
    let calendar = Calendar { activation: vec![daily("02:00-03:00")], ..split() };
    let hours = hours(None, calendar);
    let open = |moment: &str| hours.window(Part::Activation, at(moment), &berlin()) == Answer::Yes;
    for moment in ["2027-03-28T00:30:00Z", "2027-03-28T01:00:00Z", "2027-03-28T01:30:00Z"] {
        assert!(!open(moment), "{moment}: there is no such hour");
    }
    assert!(open("2027-03-27T01:30:00Z") && open("2027-03-29T00:30:00Z"));
    for moment in ["2026-10-25T00:00:00Z", "2026-10-25T00:55:00Z", "2026-10-25T01:49:59Z"] {
        assert!(open(moment), "{moment}: it comes twice");
    }
    assert!(!open("2026-10-25T01:50:00Z") && !open("2026-10-25T02:00:00Z"));
}

#[test]
fn the_terminals_of_one_campaign_begin_one_after_the_other_and_each_always_as_late() {
    let calendar = Calendar { spread_s: 3600, ..split() };
    let begins = |number: u8, day: &str| {
        let hours = hours_of(None, calendar.clone(), number);
        let midnight = at(&format!("2026-12-{day}T00:00:00Z"));
        let is_open = |after: &u64| {
            let at = midnight.plus(Duration::from_secs(*after));
            hours.window(Part::Activation, at, &berlin()) == Answer::Yes
        };
        (0..=3600).step_by(10).find(is_open).expect("it begins within the spread")
    };
    let first: Vec<_> = (0..32).map(|number| begins(number, "11")).collect();
    let next: Vec<_> = (0..32).map(|number| begins(number, "12")).collect();
    assert_eq!(first, next);
    let in_quarter = |quarter: u64| first.iter().filter(|it| **it / 900 == quarter).count();
    assert!((0..4).all(|quarter| in_quarter(quarter) >= 3), "{first:?}");
}

/// Whatever a controller writes into a calendar: who signed the batch has said when.
#[test]
fn an_order_never_widens_the_window_of_its_batch() {
    let wide = Calendar {
        download: vec![daily("00:00-00:00")],
        activation: vec![Opening::Once(span("2020-01-01T00:00:00Z", "2040-01-01T00:00:00Z"))],
        freezes: Vec::new(),
        spread_s: 0,
    };
    let calendars = [wide.clone(), split(), Calendar { activation: Vec::new(), ..wide }];
    for zone in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"] {
        let zone = TimeZone::get(zone).expect("the zone database is bundled");
        for window in ["22:00-06:00", "02:00-03:00", "13:37-13:50", "23:59-00:01"] {
            let window: Window = window.parse().expect("a test's own window");
            for calendar in &calendars {
                let hours = hours(Some(window), calendar.clone());
                let plain = OpeningHours { window: Some(window), calendar: None };
                for beginning in ["2026-10-24T00:00:00Z", "2026-03-28T00:00:00Z"] {
                    for minute in (0..3 * 1440).step_by(31) {
                        let moment = at(beginning).plus(Duration::from_secs(minute * 60));
                        for part in [Part::Activation, Part::Download] {
                            let open = hours.window(part, moment, &zone) == Answer::Yes;
                            let signed = plain.window(part, moment, &zone) == Answer::Yes;
                            assert!(!open || signed, "{window} {part:?} at {moment}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn bytes_are_moved_whatever_the_window_says_and_a_backup_only_within_both() {
    let hours = hours(night(), split());
    let evening = at("2026-12-10T19:30:00Z"); // 20:30 there
    assert_eq!(hours.download(evening, &berlin()), Answer::Yes);
    assert_ne!(hours.window(Part::Download, evening, &berlin()), Answer::Yes);
    let later = at("2026-12-10T21:30:00Z");
    assert_eq!(hours.window(Part::Download, later, &berlin()), Answer::Yes);
    assert_ne!(hours.window(Part::Activation, later, &berlin()), Answer::Yes);
    // Nothing is begun in the last minutes but what disturbs nobody.
    let end = at("2026-12-11T04:59:59Z");
    assert_eq!(hours.window(Part::Download, end, &berlin()), Answer::Yes);
    assert!(MARGIN > Duration::from_secs(1));
}

#[test]
fn a_download_is_looked_at_when_it_closes_and_each_minute() {
    let hours = hours(None, split());
    let seconds = |moment: &str| hours.download_for(at(moment), &berlin()).map(|it| it.as_secs());
    assert_eq!(seconds("2026-12-11T04:30:00Z"), Some(60));
    assert_eq!(seconds("2026-12-11T04:59:20Z"), Some(40));
    // A freeze ends it as well.
    assert_eq!(seconds("2026-12-17T23:59:59Z"), Some(1));
    assert_eq!(
        OpeningHours { window: night(), calendar: None }
            .download_for(at("2026-12-17T23:59:59Z"), &berlin()),
        None
    );
}
