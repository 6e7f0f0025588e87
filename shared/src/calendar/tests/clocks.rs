//! Weekly openings where clocks jump: skipped hours, doubled hours, a skipped day, odd offsets.

use super::*;

/// What is open between two moments, each stretch by its first and last full minute.
#[track_caller]
fn check(zone_name: &str, openings: &[Opening], within: (&str, &str), wanted: &[(&str, &str)]) {
    let calendar = Calendar { download: openings.to_vec(), ..any_time() };
    let zone = zone(zone_name);
    let hours = calendar.hours(Part::Download, &zone, UNSPREAD);
    let mut open: Vec<Span> = Vec::new();
    for minute in (at(within.0).0..at(within.1).0).step_by(60) {
        if hours.is_open(UnixTime(minute)).is_ok() {
            let (from, to) = (UnixTime(minute), UnixTime(minute + 60));
            match open.last_mut().filter(|last| last.to == from) {
                Some(last) => last.to = to,
                None => open.push(Span { from, to }),
            }
        }
    }
    let wanted: Vec<_> = wanted.iter().map(|(from, to)| span(from, to)).collect();
    assert_eq!(open, wanted, "{zone_name} {openings:?}");
    // The search finds the same beginnings without walking.
    let mut found = Vec::new();
    let (mut from, until) = (at(within.0), UnixTime(at(within.1).0 - 1));
    while let Some(begin) = hours.next_opening(from, until) {
        found.push(begin);
        let end = wanted.iter().find(|it| it.has(begin)).map_or(begin.0 + 60, |it| it.to.0);
        from = UnixTime(end);
    }
    assert_eq!(found, wanted.iter().map(|it| it.from).collect::<Vec<_>>(), "{zone_name}");
}

#[test]
fn an_hour_that_is_skipped_is_open_to_nobody() {
    let spring = ("2026-03-28T00:00:00Z", "2026-03-30T12:00:00Z");
    check(
        "Europe/Berlin",
        &[daily("02:00-03:00")],
        spring,
        &[
            ("2026-03-28T01:00:00Z", "2026-03-28T02:00:00Z"),
            ("2026-03-30T00:00:00Z", "2026-03-30T01:00:00Z"),
        ],
    );
    check(
        "Europe/Berlin",
        &[daily("02:30-04:00")],
        spring,
        &[
            ("2026-03-28T01:30:00Z", "2026-03-28T03:00:00Z"),
            ("2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"),
            ("2026-03-30T00:30:00Z", "2026-03-30T02:00:00Z"),
        ],
    );
    check(
        "America/New_York",
        &[on(Weekday::Sunday, "01:30-03:30")],
        ("2026-03-07T00:00:00Z", "2026-03-10T00:00:00Z"),
        &[("2026-03-08T06:30:00Z", "2026-03-08T07:30:00Z")],
    );
    // Half an hour only.
    check(
        "Australia/Lord_Howe",
        &[daily("02:00-02:45")],
        ("2026-10-03T00:00:00Z", "2026-10-04T00:00:00Z"),
        &[("2026-10-03T15:30:00Z", "2026-10-03T15:45:00Z")],
    );
}

#[test]
fn an_hour_that_comes_twice_counts_both_times() {
    let autumn = ("2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z");
    check(
        "Europe/Berlin",
        &[daily("02:00-03:00")],
        autumn,
        &[("2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z")],
    );
    check(
        "Europe/Berlin",
        &[daily("02:30-02:45")],
        autumn,
        &[
            ("2026-10-25T00:30:00Z", "2026-10-25T00:45:00Z"),
            ("2026-10-25T01:30:00Z", "2026-10-25T01:45:00Z"),
        ],
    );
    check(
        "America/New_York",
        &[on(Weekday::Sunday, "01:30-03:30")],
        ("2026-10-31T00:00:00Z", "2026-11-02T00:00:00Z"),
        &[
            ("2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z"),
            ("2026-11-01T06:30:00Z", "2026-11-01T08:30:00Z"),
        ],
    );
    check(
        "Australia/Lord_Howe",
        &[daily("01:30-01:45")],
        ("2026-04-04T12:00:00Z", "2026-04-05T00:00:00Z"),
        &[
            ("2026-04-04T14:30:00Z", "2026-04-04T14:45:00Z"),
            ("2026-04-04T15:00:00Z", "2026-04-04T15:15:00Z"),
        ],
    );
}

#[test]
fn a_night_in_which_the_clock_jumps_is_an_hour_shorter_or_longer() {
    let night = [on(Weekday::Saturday, "22:00-06:00")];
    check(
        "Europe/Berlin",
        &night,
        ("2026-03-27T00:00:00Z", "2026-03-31T00:00:00Z"),
        &[("2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z")],
    );
    check(
        "Europe/Berlin",
        &night,
        ("2026-10-23T00:00:00Z", "2026-10-27T00:00:00Z"),
        &[("2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z")],
    );
    // Where the clock jumps at midnight itself: to one o'clock, and back to eleven.
    let night = [on(Weekday::Thursday, "22:00-02:00")];
    check(
        "Africa/Cairo",
        &night,
        ("2026-04-22T00:00:00Z", "2026-04-26T00:00:00Z"),
        &[("2026-04-23T20:00:00Z", "2026-04-23T23:00:00Z")],
    );
    check(
        "Africa/Cairo",
        &night,
        ("2026-10-28T00:00:00Z", "2026-11-01T00:00:00Z"),
        &[("2026-10-29T19:00:00Z", "2026-10-30T00:00:00Z")],
    );
}

#[test]
fn a_day_that_a_place_never_had_opens_nothing() {
    let over_the_date_line = ("2011-12-29T00:00:00Z", "2012-01-02T00:00:00Z");
    check("Pacific/Apia", &[on(Weekday::Friday, "00:00-06:00")], over_the_date_line, &[]);
    check(
        "Pacific/Apia",
        &[on(Weekday::Thursday, "22:00-06:00")],
        over_the_date_line,
        &[("2011-12-30T08:00:00Z", "2011-12-30T10:00:00Z")],
    );
}

#[test]
fn odd_offsets_and_the_end_of_a_year_are_nothing_special() {
    check(
        "Asia/Kathmandu",
        &[on(Weekday::Thursday, "23:00-01:00")],
        ("2026-12-30T00:00:00Z", "2027-01-03T00:00:00Z"),
        &[("2026-12-31T17:15:00Z", "2026-12-31T19:15:00Z")],
    );
    // Sunday into Monday, around the week's end, with equal ends: a whole day.
    check(
        "Pacific/Chatham",
        &[on(Weekday::Sunday, "09:00-09:00")],
        ("2026-12-26T00:00:00Z", "2026-12-30T00:00:00Z"),
        &[("2026-12-26T19:15:00Z", "2026-12-27T19:15:00Z")],
    );
}

#[test]
fn a_window_of_every_day_is_what_a_window_alone_is() {
    let texts = ["22:00-06:00", "02:00-03:00", "02:30-02:31", "09:30-09:30", "00:00-23:59"];
    for text in texts {
        let (alone, opening) = (window(text), [daily(text)]);
        let calendar = Calendar { download: opening.to_vec(), ..any_time() };
        for name in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"] {
            let zone = zone(name);
            let hours = calendar.hours(Part::Download, &zone, UNSPREAD);
            let from = at("2026-10-24T12:00:00Z").0;
            for minute in (from..from + 36 * 3600).step_by(60).map(UnixTime) {
                let both = (hours.is_open(minute).is_ok(), alone.is_open(minute, &zone));
                assert_eq!(both.0, both.1, "{text} in {name} at {minute}");
            }
        }
    }
}
