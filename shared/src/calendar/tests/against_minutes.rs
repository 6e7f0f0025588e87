//! Every answer against somebody who only counts minutes: offsets and divisions, no calendar, no
//! search.

use proptest::prelude::*;

use super::*;

const ZONES: [&str; 7] = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Africa/Cairo",
    "America/Santiago",
];

/// A few days around moments at which some of these clocks jump, and one ordinary week.
const BEGINNINGS: [&str; 6] = [
    "2026-03-27T00:00:00Z",
    "2026-10-23T00:00:00Z",
    "2026-04-03T00:00:00Z",
    "2026-03-07T00:00:00Z",
    "2026-12-30T00:00:00Z",
    "2026-07-01T00:00:00Z",
];

const MINUTES: usize = 5 * 1440;

/// Before and after what is asked about: a spread, a margin, and what may begin in between.
const AROUND: usize = 600;

#[derive(Clone, Debug)]
struct Case {
    calendar: Calendar,
    part: Part,
    within: Option<Window>,
    zone: &'static str,
    begin: i64,
    jitter: u32,
}

fn a_window() -> impl Strategy<Value = Window> {
    // Mostly at night, where clocks jump.
    let minute = prop_oneof![0_u16..300, 1260_u16..1440, 0_u16..1440];
    (minute.clone(), minute).prop_map(|(from_min, to_min)| Window { from_min, to_min })
}

fn a_span(begin: i64) -> impl Strategy<Value = Span> {
    (-600_i64..7_200, 1_i64..3_000).prop_map(move |(from, minutes)| {
        let from = begin + from * 60;
        Span { from: UnixTime(from), to: UnixTime(from + minutes * 60) }
    })
}

fn openings(begin: i64) -> impl Strategy<Value = Vec<Opening>> {
    let weekly = (1_u8..128, a_window())
        .prop_map(|(days, window)| Opening::Weekly(Weekly { days: Days(days), window }));
    proptest::collection::vec(
        prop_oneof![3 => weekly, 1 => a_span(begin).prop_map(Opening::Once)],
        0..4,
    )
}

fn a_case() -> impl Strategy<Value = Case> {
    let place = (proptest::sample::select(&ZONES[..]), proptest::sample::select(&BEGINNINGS[..]));
    place.prop_flat_map(|(zone, begin)| {
        let begin = at(begin).0;
        let freezes = proptest::collection::vec(a_span(begin), 0..3);
        let spread = prop_oneof![Just(0_u32), 1..CALENDAR_SPREAD_S_MAX + 1];
        let part = prop_oneof![Just(Part::Download), Just(Part::Activation)];
        let within = proptest::option::weighted(0.3, a_window());
        (openings(begin), freezes, spread, part, within, any::<u32>()).prop_map(
            move |(openings, freezes, spread_s, part, within, jitter)| {
                let mut calendar = Calendar { freezes, spread_s, ..any_time() };
                match part {
                    Part::Download => calendar.download = openings,
                    Part::Activation => calendar.activation = openings,
                }
                Case { calendar, part, within, zone, begin, jitter }
            },
        )
    })
}

/// Which minutes are open, by their number since `begin` less [`AROUND`].
fn open_minutes(case: &Case) -> Vec<bool> {
    let zone = zone(case.zone);
    let openings = match case.part {
        Part::Download => &case.calendar.download,
        Part::Activation => &case.calendar.activation,
    };
    let first = case.begin - 60 * AROUND as i64;
    let moments = (0..(MINUTES + 2 * AROUND) as i64).map(|minute| first + minute * 60);
    let is_in = |window: Window, days: u8, local: i64| {
        let (day, minute) = (local.div_euclid(1440), local.rem_euclid(1440));
        // 1970-01-01 was a Thursday.
        let on = |day: i64| days >> (day + 3).rem_euclid(7) & 1 == 1;
        let (from, to) = (i64::from(window.from_min), i64::from(window.to_min));
        match from < to {
            true => on(day) && from <= minute && minute < to,
            false => (on(day) && from <= minute) || (on(day - 1) && minute < to),
        }
    };
    let open = moments.map(|moment| {
        let timestamp = Timestamp::from_second(moment).expect("an ordinary year");
        let offset = zone.to_offset(timestamp).seconds();
        let local = (moment + i64::from(offset)).div_euclid(60);
        let inside = |span: &Span| span.from.0 <= moment && moment < span.to.0;
        let in_one = openings.iter().any(|opening| match opening {
            Opening::Weekly(weekly) => is_in(weekly.window, weekly.days.0, local),
            Opening::Once(span) => inside(span),
        });
        let wanted = case.within.is_none_or(|window| is_in(window, 0x7f, local));
        let frozen = case.calendar.freezes.iter().any(inside);
        (openings.is_empty() || in_one) && wanted && !frozen
    });
    open.collect()
}

/// When this terminal may begin, as pairs of seconds.
fn turns(case: &Case, open: &[bool]) -> Vec<(i64, i64)> {
    let second = |minute: usize| case.begin + 60 * (minute as i64 - AROUND as i64);
    let margin = if case.part == Part::Activation { 600 } else { 0 };
    let mut turns = Vec::new();
    let mut minute = 0;
    while minute < open.len() {
        let long = open[minute..].iter().take_while(|open| **open).count();
        let end = second(minute + long) - margin;
        let room = (end - second(minute)).clamp(0, i64::from(case.calendar.spread_s));
        let share = u128::from(case.jitter) * u128::try_from(room).expect("not negative");
        let share = i64::try_from(share / (1 << 32)).expect("within the spread");
        // What was open before we looked has begun before.
        let share = if minute == 0 { 0 } else { share };
        if long > 0 && second(minute) < end {
            turns.push((second(minute) + share, end));
        }
        minute += long.max(1);
    }
    turns
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn it_is_open_exactly_when_who_counts_minutes_says_so(case in a_case()) {
        let zone = zone(case.zone);
        let hours = case.calendar.hours(case.part, &zone, Jitter(case.jitter));
        let hours = hours.within(case.within);
        let open = open_minutes(&case);
        let turns = turns(&case, &open);
        for step in 0..MINUTES / 7 {
            let minute = step * 7;
            let now = case.begin + 60 * minute as i64;
            let may = turns.iter().any(|(from, to)| (*from..*to).contains(&now));
            let said = hours.closed_at(UnixTime(now));
            prop_assert_eq!(said.is_none(), may, "{} {:?}", UnixTime(now), said);
            // In the words of the rule: inside of the window, and not frozen.
            prop_assert!(!may || open[minute + AROUND]);
        }
    }

    #[test]
    fn the_next_opening_is_the_first_moment_that_is_open(case in a_case(), minute in 0..MINUTES) {
        let zone = zone(case.zone);
        let hours = case.calendar.hours(case.part, &zone, Jitter(case.jitter));
        let hours = hours.within(case.within);
        let turns = turns(&case, &open_minutes(&case));
        let now = case.begin + 60 * minute as i64;
        // As far as the minutes were counted, and so that the last stretch is known to its end.
        let until = case.begin + 60 * MINUTES as i64 - 1;
        let begins = turns.iter().map(|(from, to)| ((*from).max(now), *to));
        let first = begins.filter(|(begin, to)| begin < to && *begin <= until).map(|it| it.0).min();
        let found = hours.next_opening(UnixTime(now), UnixTime(until));
        prop_assert_eq!(found, first.map(UnixTime));
        if let Some(found) = found {
            prop_assert_eq!(hours.is_open(found), Ok(()));
            prop_assert!(found.0 == now || hours.is_open(UnixTime(found.0 - 1)).is_err());
        }
    }

    #[test]
    fn the_next_closing_is_the_first_moment_after_what_is_open(
        case in a_case(),
        minute in 0..MINUTES,
        within in 1_i64..7_200,
    ) {
        let zone = zone(case.zone);
        let hours = case.calendar.hours(case.part, &zone, Jitter(case.jitter));
        let hours = hours.within(case.within);
        let turns = turns(&case, &open_minutes(&case));
        let now = case.begin + 60 * minute as i64;
        let here = turns.iter().find(|(from, to)| (*from..*to).contains(&now));
        let closes = here.map(|(_, to)| *to).filter(|to| *to <= now + within);
        let found = hours.next_closing(UnixTime(now), UnixTime(now + within));
        prop_assert_eq!(found, closes.map(UnixTime));
        if let Some(found) = found {
            prop_assert!(hours.is_open(found).is_err());
            prop_assert_eq!(hours.is_open(UnixTime(found.0 - 1)), Ok(()));
        }
    }
}
