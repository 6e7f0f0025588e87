//! Files as other programs write them, and files that are not taken.

mod samples;

use jiff::Timestamp;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use shared::calendar::{Days, Opening, Span, Weekly};
use shared::time::UnixTime;

use super::super::{Clock, Entry, Kind, Repeat};
use super::*;

fn at(text: &str) -> UnixTime {
    UnixTime(text.parse::<Timestamp>().expect("a test's own time").as_second())
}

fn span(from: &str, to: &str) -> Span {
    Span { from: at(from), to: at(to) }
}

fn time(text: &str) -> DateTime {
    text.parse().expect("a test's own time")
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("the machine knows the zone")
}

fn weekly(days: &[Weekday], window: &str) -> Vec<Opening> {
    let window = window.parse().expect("a test's own window");
    vec![Opening::Weekly(Weekly { days: Days::of(days.iter().copied()), window })]
}

#[track_caller]
fn taken(text: &str) -> Vec<Entry> {
    import(text, Kind::Activation).unwrap_or_else(|not_kept| panic!("{not_kept:#?}"))
}

/// An event around these lines, in the file that it would be alone in; it begins on line 3.
fn event(lines: &str) -> String {
    let lines = lines.replace('\n', "\r\n");
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1@test\r\n{lines}\r\n\
         END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

#[test]
fn thunderbird_s_nights_stay_weekly_and_its_holidays_days() {
    let [nights, holidays] = <[Entry; 2]>::try_from(taken(samples::THUNDERBIRD)).expect("two");
    assert_eq!(
        nights.summary,
        "Upgrades, at night; not on weekends — and never in a hurry, please"
    );
    assert_eq!(nights.clock, Clock::EachTerminals);
    let december = span("2026-12-01T00:00:00Z", "2026-12-20T00:00:00Z");
    use Weekday::{Monday, Thursday, Tuesday, Wednesday};
    let wanted = weekly(&[Monday, Tuesday, Wednesday, Thursday], "22:00-06:00");
    assert_eq!(nights.openings(&zone("Asia/Kathmandu"), december), wanted);

    assert_eq!(holidays.kind, Kind::Freeze);
    let winter = span("2026-12-01T00:00:00Z", "2027-02-01T00:00:00Z");
    assert_eq!(
        holidays.freezes(&zone("Europe/Berlin"), winter),
        [span("2026-12-23T23:00:00Z", "2026-12-26T23:00:00Z")]
    );
    assert_eq!(
        holidays.freezes(&zone("Asia/Kathmandu"), winter),
        [span("2026-12-23T18:15:00Z", "2026-12-26T18:15:00Z")]
    );
    // And the next year again.
    let next = span("2027-12-01T00:00:00Z", "2028-02-01T00:00:00Z");
    assert_eq!(holidays.freezes(&zone("Europe/Berlin"), next).len(), 1);
}

#[test]
fn google_s_evenings_are_in_their_own_zone_wherever_a_terminal_stands() {
    let [evenings] = <[Entry; 1]>::try_from(taken(samples::GOOGLE)).expect("one");
    assert_eq!(evenings.clock, Clock::Zone("America/New_York".to_owned()));
    assert_eq!(evenings.except, [time("2026-11-04T21:00:00")]);
    // Over the Sunday on which the clock goes back; one is left out, and it ends on the 11th.
    let life = span("2026-10-26T00:00:00Z", "2026-12-01T00:00:00Z");
    let wanted = [
        Opening::Once(span("2026-10-27T01:00:00Z", "2026-10-27T03:00:00Z")),
        Opening::Once(span("2026-10-29T01:00:00Z", "2026-10-29T03:00:00Z")),
        Opening::Once(span("2026-11-03T02:00:00Z", "2026-11-03T04:00:00Z")),
        Opening::Once(span("2026-11-10T02:00:00Z", "2026-11-10T04:00:00Z")),
        Opening::Once(span("2026-11-12T02:00:00Z", "2026-11-12T04:00:00Z")),
    ];
    for place in ["Europe/Berlin", "America/New_York"] {
        assert_eq!(evenings.openings(&zone(place), life), wanted, "{place}");
    }
}

#[test]
fn outlook_s_zones_have_their_names_from_windows() {
    let [nights, stocktaking] = <[Entry; 2]>::try_from(taken(samples::OUTLOOK)).expect("two");
    assert_eq!(nights.clock, Clock::Zone("Europe/Berlin".to_owned()));
    let life = span("2026-03-27T12:00:00Z", "2026-03-31T00:00:00Z");
    let wanted = [
        // From ten to six, also in the night that has an hour less.
        Opening::Once(span("2026-03-27T21:00:00Z", "2026-03-28T05:00:00Z")),
        Opening::Once(span("2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z")),
        Opening::Once(span("2026-03-29T20:00:00Z", "2026-03-30T04:00:00Z")),
    ];
    assert_eq!(nights.openings(&zone("Asia/Kathmandu"), life), wanted);
    // COUNT=4 from the 26th on: the evening of the 30th is none any more.
    assert_eq!(stocktaking.kind, Kind::Freeze);
    let july = span("2026-07-01T00:00:00Z", "2026-07-31T00:00:00Z");
    assert_eq!(
        stocktaking.freezes(&zone("Europe/Berlin"), july),
        [span("2026-07-03T22:00:00Z", "2026-07-05T22:00:00Z")]
    );
}

#[test]
fn an_entry_stays_weekly_only_while_it_is_nothing_else() {
    let nights = "DTSTART:20261201T220000\nDTEND:20261202T060000\nRRULE:FREQ=DAILY";
    let berlin = zone("Europe/Berlin");
    let december = span("2026-12-10T12:00:00Z", "2026-12-13T12:00:00Z");
    let count = |lines: &str, life: Span| {
        let opens = taken(&event(lines)).remove(0).openings(&berlin, life);
        let is_weekly = matches!(opens[..], [Opening::Weekly(_)]);
        (is_weekly, opens.len())
    };
    let before = span("2026-11-28T12:00:00Z", "2026-12-03T12:00:00Z");
    assert_eq!(count(nights, december), (true, 1));
    assert_eq!(count(nights, before), (false, 2), "it begins meanwhile");
    assert_eq!(count(&format!("{nights};UNTIL=20261211T220000"), december), (false, 2));
    assert_eq!(count(&format!("{nights};UNTIL=20270101T000000"), december), (true, 1));
    assert_eq!(count(&format!("{nights}\nEXDATE:20261211T220000"), december), (false, 2));
    assert_eq!(count(&format!("{nights}\nEXDATE:20261224T220000"), december), (true, 1));
    assert_eq!(count(&format!("{nights};INTERVAL=2"), december), (false, 1));
    assert_eq!(count(&format!("{nights};COUNT=400"), december), (false, 3));
    let long = "DTSTART:20261204T220000\nDURATION:PT33H\nRRULE:FREQ=WEEKLY";
    assert_eq!(count(long, span("2026-12-10T12:00:00Z", "2026-12-20T12:00:00Z")), (false, 2));
}

#[test]
fn what_already_began_still_counts() {
    let lines = "DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227";
    let entry = taken(&event(lines)).remove(0);
    let life = span("2026-12-25T12:00:00Z", "2026-12-28T00:00:00Z");
    let wanted = [span("2026-12-24T00:00:00Z", "2026-12-27T00:00:00Z")];
    assert_eq!(entry.freezes(&TimeZone::UTC, life), wanted);
    let over = span("2026-12-27T00:00:00Z", "2026-12-28T00:00:00Z");
    assert_eq!(entry.freezes(&TimeZone::UTC, over), []);
}

#[test]
fn where_the_clock_jumps_a_freeze_is_rather_longer_than_shorter() {
    let (berlin, year) =
        (zone("Europe/Berlin"), span("2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z"));
    let check = |lines: &str, opens: &[Span], frozen: &[Span]| {
        let entry = taken(&event(lines)).remove(0);
        let opens: Vec<_> = opens.iter().copied().map(Opening::Once).collect();
        assert_eq!(entry.openings(&berlin, year), opens, "{lines}");
        assert_eq!(entry.freezes(&berlin, year), frozen, "{lines}");
    };
    // From and to times that are skipped, or that come twice.
    let hour = [span("2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z")];
    check("DTSTART:20260329T023000\nDTEND:20260329T040000", &hour, &hour);
    let hour = [span("2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z")];
    check("DTSTART:20260329T010000\nDTEND:20260329T023000", &hour, &hour);
    check("DTSTART:20260329T020500\nDTEND:20260329T025500", &[], &[]);
    let autumn = "DTSTART:20261025T020000\nDTEND:20261025T023000";
    let first = [span("2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z")];
    let both = [span("2026-10-25T00:00:00Z", "2026-10-25T01:30:00Z")];
    check(autumn, &first, &both);
}

#[test]
fn what_is_not_kept_is_refused_with_its_line_and_nothing_is_taken() {
    let day = "DTSTART;VALUE=DATE:20261224";
    let night = "DTSTART:20261201T220000\nDTEND:20261202T060000";
    let cases = [
        ("SUMMARY:x", "line 3: an event has one `DTSTART`, and this one has none"),
        (&format!("{day}\n{day}"), "line 6: an event has one `DTSTART`, and this is the second"),
        ("DTSTART:20261301T000000", "line 5: `20261301T000000` is neither a day nor"),
        ("DTSTART:19691231T000000", "line 5: `19691231T000000` is neither a day nor"),
        ("DTSTART;VALUE=DATE:20261224T000000", "line 5: `20261224T000000` is neither"),
        ("DTSTART:20261224T000000", "line 5: the event lasts no time"),
        (&format!("{day}\nDTEND;VALUE=DATE:20261224"), "line 6: the event lasts no time"),
        (&format!("{day}\nDTEND:20261225T000000"), "line 6: the event begins with a day or on"),
        (&format!("{night}\nDURATION:PT8H"), "line 7: an event has one `DTEND`"),
        (&format!("{day}\nDURATION:soon"), "line 6: `soon` is no duration"),
        (&format!("{day}\nDURATION:P1M"), "line 6: `P1M` is no duration"),
        (&format!("{day}\nRRULE:ÄÄÄÄÄÄ"), "line 6: `ÄÄÄÄÄÄ` is no part of a rule"),
        ("DTSTART:2026+1+2", "line 5: `2026+1+2` is neither a day nor"),
        (&format!("{day}\nDURATION:-P1D"), "line 6: the event lasts no time"),
        ("DTSTART;TZID=Customized Time Zone:20261224T100000", "line 5: the zone `Customized Time"),
        (&format!("{day}\nRDATE;VALUE=DATE:20261231"), "line 6: `RDATE` is not kept"),
        (&format!("{day}\nRECURRENCE-ID;VALUE=DATE:20261224"), "line 6: `RECURRENCE-ID` is not"),
        (&format!("{day}\nSTATUS:TENTATIVE"), "line 6: the event is `TENTATIVE`"),
        (&format!("{day}\nCATEGORIES:Freeze,DOWNLOAD"), "line 6: an event is one of"),
        (&format!("{night}\nRRULE:FREQ=HOURLY"), "line 7: it repeats more often than daily"),
        (&format!("{night}\nRRULE:BYDAY=MO"), "line 7: the rule cannot be read: missing"),
        (&format!("{night}\nRRULE:FREQ=DAILY;BYHOUR=3"), "line 7: `BYHOUR` is no part of a rule"),
        (&format!("{night}\nRRULE:FREQ=DAILY;COUNT=2;COUNT=3"), "line 7: `COUNT` stands twice"),
        (&format!("{night}\nRRULE:FREQ=WEEKLY;BYDAY=2MO"), "line 7: the rule cannot be read: a"),
        (&format!("{night}\nRRULE:FREQ=WEEKLY;BYDAY=WE"), "line 7: the first day is none of"),
        (&format!("{night}\nRRULE:FREQ=DAILY;INTERVAL=0"), "line 7: the rule cannot be read: rec"),
        (&format!("{night}\nRRULE:FREQ=DAILY;UNTIL=20261231T000000Z"), "line 7: the event begins"),
        (&format!("{night}\nRRULE:FREQ=DAILY;UNTIL=20261231"), "line 7: the event begins"),
        (
            &format!("{night}\nRRULE:FREQ=DAILY;COUNT=3;UNTIL=20261231T000000"),
            "line 7: the rule cannot be read: it has both UNTIL and COUNT",
        ),
        (&format!("{night}\nRRULE:FREQ=DAILY\nEXDATE;VALUE=DATE:20261203"), "line 8: the event"),
        (&format!("{night}\nno colon"), "line 7: this is no line of a calendar"),
        (&format!("{night}\nEND:VALARM"), "line 7: `END:VALARM` where `END:VEVENT` should stand"),
    ];
    for (lines, wanted) in cases {
        let not_kept = import(&event(lines), Kind::Freeze).expect_err(wanted);
        let said: Vec<_> = not_kept.iter().map(ToString::to_string).collect();
        assert!(said.len() == 1 && said[0].starts_with(wanted), "{lines}: {said:?}");
    }
}

#[test]
fn a_file_is_taken_whole_or_not_at_all() {
    let one = event("DTSTART;VALUE=DATE:20261224");
    let bad = event("DTSTART;VALUE=DATE:2026122");
    let said = |text: &str| {
        let not_kept = import(text, Kind::Freeze).expect_err("it is not taken");
        not_kept.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        said(&format!("{one}{one}")),
        ["line 10: the event `1@test` stands in the file twice"]
    );
    let two = said(&format!("{bad}\r\n\r\n{bad}"));
    assert_eq!(two.len(), 2);
    assert!(two[1].starts_with("line 14: `2026122`"), "{two:?}");
    let todo = one.replace("VEVENT", "VTODO");
    assert_eq!(said(&todo), ["line 3: `VTODO` is not read: it is no event"]);
    let old = one.replace("VERSION:2.0", "VERSION:1.0");
    assert!(said(&old)[0].starts_with("line 2: version `1.0` is not read"));
    let cut = said(&one[..one.len() - "END:VCALENDAR\r\n".len()]);
    assert_eq!(cut, ["line 1: `BEGIN:VCALENDAR` is never closed"]);
    assert!(said(&"x".repeat(FILE_BYTES_MAX + 1))[0].ends_with("that are read"));
    assert_eq!(import("", Kind::Freeze), Ok(vec![]));
    let cancelled = event("DTSTART;VALUE=DATE:20261224\nSTATUS:CANCELLED");
    assert_eq!(import(&cancelled, Kind::Freeze), Ok(vec![]));
    let plain = one.replace("\r\n", "\n");
    assert_eq!(import(&format!("\u{feff}{plain}"), Kind::Freeze), import(&one, Kind::Freeze));
}

#[test]
fn a_file_is_written_as_other_programs_read_it() {
    let mut entries = taken(samples::THUNDERBIRD);
    entries.extend(taken(samples::GOOGLE));
    let text = export(&entries, at("2026-11-29T12:00:00Z"));
    assert_eq!(text, samples::WRITTEN.replace('\n', "\r\n"));
    assert_eq!(taken(&text), entries);
}

fn a_time() -> impl Strategy<Value = DateTime> {
    let parts = (2000_i16..2100, 1_i8..13, 1_i8..29, 0_i8..24, 0_i8..60);
    parts.prop_map(|(y, m, d, hour, minute)| DateTime::constant(y, m, d, hour, minute, 0, 0))
}

fn an_entry() -> impl Strategy<Value = Entry> {
    let zones = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu"];
    let zone = prop::sample::select(zones.to_vec()).prop_map(|it| Clock::Zone(it.to_owned()));
    let clock = prop_oneof![Just(Clock::EachTerminals), zone];
    let kind = prop::sample::select(Kind::ALL.to_vec());
    let rules = ["FREQ=DAILY", "FREQ=WEEKLY;INTERVAL=2", "FREQ=MONTHLY;COUNT=7", "FREQ=YEARLY"];
    let rule = prop::option::of(prop::sample::select(rules.to_vec()));
    let words = prop_oneof!["\\PC{0,40}", Just("a, b; c\\ d: \"e\"".to_owned())];
    let whole_days = any::<bool>();
    let extra = prop::collection::btree_set(a_time(), 0..3);
    (words, kind, a_time(), 1_i32..4000, clock, rule, whole_days, extra).prop_map(
        |(words, kind, from, minutes, clock, rule, whole_days, except)| {
            let whole = |it: DateTime| {
                if whole_days { it.date().to_datetime(jiff::civil::Time::midnight()) } else { it }
            };
            let from = whole(from);
            let minutes = if whole_days { 1440 * (minutes % 5 + 1) } else { minutes };
            let to =
                from.checked_add(jiff::SignedDuration::from_mins(minutes.into())).expect("near");
            let repeat = rule.map(|rule| Repeat::new(rule, None, from).expect("it is sound"));
            let except = match repeat {
                Some(_) => except
                    .into_iter()
                    .map(whole)
                    .collect::<std::collections::BTreeSet<_>>()
                    .into_iter()
                    .collect(),
                None => vec![],
            };
            let summary = words.split_whitespace().collect::<Vec<_>>().join(" ");
            Entry {
                uid: format!("{words}@test").trim().to_owned(),
                summary,
                kind,
                from,
                to,
                clock,
                repeat,
                except,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_reads_back_as_it_was(entry in an_entry(), life in a_time()) {
        let text = export(std::slice::from_ref(&entry), UnixTime(0));
        prop_assert!(text.split("\r\n").all(|line| line.len() <= 75), "{}", text);
        let read = import(&text, Kind::Freeze);
        prop_assert_eq!(read.as_deref(), Ok(std::slice::from_ref(&entry)), "{}", text);
        let json = serde_json::to_string(&entry).expect("it is written");
        prop_assert_eq!(&serde_json::from_str::<Entry>(&json).expect("it is read"), &entry);
        // What is made of it is in order, and touches the life that it was made for.
        let zone = TimeZone::get("America/New_York").expect("it is known");
        let begin = zone.to_timestamp(life).expect("near").as_second();
        let life = Span { from: UnixTime(begin), to: UnixTime(begin + 90 * 86_400) };
        let spans = entry.freezes(&zone, life);
        prop_assert!(spans.is_sorted());
        prop_assert!(spans.iter().all(|it| it.from < it.to));
        prop_assert!(spans.iter().all(|it| it.from < life.to && life.from < it.to));
    }

    #[test]
    fn no_text_makes_it_panic(
        text in "\\PC{0,200}",
        at in 0_usize..1500,
        noise in "[A-Z0-9:;=,\r\n Tx-]{0,12}",
    ) {
        let _ = import(&text, Kind::Freeze);
        let mut sample = samples::OUTLOOK.to_owned();
        if let Some((at, _)) = sample.char_indices().nth(at) {
            sample.insert_str(at, &noise);
        }
        let life = span("2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z");
        let berlin = zone("Europe/Berlin");
        for entry in import(&sample, Kind::Freeze).unwrap_or_default() {
            let _ = (entry.openings(&berlin, life), entry.freezes(&berlin, life));
        }
    }
}
