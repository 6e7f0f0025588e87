//! Reports over a few members.

use shared::id::OrderId;
use shared::message::{Progress, StepState, TillHealth};
use shared::outcome::{Failure, FailureCode, Waiting};

use super::health::{Compared, DiskFree, Sign};
use super::*;
use crate::campaign::assignment::{Ended, Fact, GivenUp, Unheard};
use crate::registry::released::Condition;

const START: UnixTime = UnixTime(1_000_000);
const NOW: UnixTime = UnixTime(1_100_000);

fn at(second: i64) -> UnixTime {
    UnixTime(START.0 + second)
}

fn pos(version: &str) -> Option<Vec<Component>> {
    let component = |name: &str| Component {
        name: name.to_owned(),
        version: version.to_owned(),
        security_counter: 1,
    };
    Some(vec![component("firmware"), component("pos")])
}

/// Released at the start; runs 1.0.0 and is online.
fn member(number: u8, facts: &[Fact]) -> Released {
    let mut standing = Standing::ordered(START);
    facts.iter().for_each(|fact| standing.learn(fact.clone()));
    Released {
        terminal: TerminalId::from_bytes([number; 16]),
        serial: format!("PX-{number}"),
        store: "north".to_owned(),
        model: "px7".to_owned(),
        last_seen_at: Some(at(500)),
        wave: 0,
        standing,
        ran: pos("1.0.0"),
        runs: pos("1.0.0"),
        was: Some(online(None)),
        is: online(None),
    }
}

fn online(told_at: Option<UnixTime>) -> Condition {
    Condition {
        presence: Presence::Online,
        told_at,
        disk_free_bytes: None,
        battery_is_low: None,
        till: None,
    }
}

fn gone(it: Released) -> Released {
    Released { is: Condition { presence: Presence::Offline, ..it.is }, ..it }
}

fn step(name: &str, second: i64, bytes_done: Option<u64>) -> Fact {
    in_state(name, second, StepState::Running, bytes_done)
}

fn in_state(name: &str, second: i64, state: StepState, bytes_done: Option<u64>) -> Fact {
    Fact::Progress(Progress {
        order: OrderId::from_bytes([1; 16]),
        ordinal: u64::try_from(second).unwrap(),
        step: name.to_owned(),
        state,
        at: at(second),
        bytes_done,
        bytes_total: None,
    })
}

fn ended(second: i64, outcome: Outcome) -> Fact {
    Fact::Ended(Ended { outcome, at: at(second) })
}

fn succeeded(second: i64) -> Fact {
    ended(second, Outcome::Succeeded { now: "2.0.0".to_owned() })
}

fn rolled_back(second: i64, code: FailureCode) -> Fact {
    let failure = Failure { code, step: "health".to_owned(), detail: "it fell over".to_owned() };
    ended(second, Outcome::RolledBack { failure })
}

fn report(members: &[Released]) -> Report {
    let installed = Installed { component: "pos".to_owned(), artifact_bytes: 1_000 };
    let mut gathering = Gathering::of(Some(installed), START, NOW);
    members.iter().for_each(|member| gathering.add(member));
    gathering.report()
}

#[test]
fn each_member_is_counted_once_in_total_by_wave_by_store_and_by_model() {
    let unreached = Fact::GivenUp(GivenUp { as_what: Unheard::Unreached, at: at(900) });
    let silent = Fact::GivenUp(GivenUp { as_what: Unheard::Silent, at: at(900) });
    let south = |it: Released| Released { store: "south".to_owned(), wave: 1, ..it };
    let report = report(&[
        member(1, &[succeeded(60)]),
        member(2, &[rolled_back(60, FailureCode::HealthNotProven)]),
        member(3, &[rolled_back(70, FailureCode::HealthNotProven)]),
        member(4, &[Fact::Accepted(at(1)), silent]),
        south(member(5, &[unreached])),
        south(member(6, &[ended(10, Outcome::Expired)])),
        south(member(7, &[])),
    ]);
    let bad = [("health-not-proven".to_owned(), 2), ("silent".to_owned(), 1)];
    let total =
        Coverage { released: 7, succeeded: 1, bad: bad.into(), unreached: 1, untried: 1, open: 1 };
    assert_eq!((report.total.attempted(), report.total.bad()), (4, 3));
    assert_eq!(report.total, total);
    assert_eq!(report.models, [("px7".to_owned(), total.clone())].into());
    let of = |released, open| Coverage { released, open, ..Coverage::default() };
    assert_eq!(report.waves[&1], Coverage { unreached: 1, untried: 1, ..of(3, 1) });
    assert_eq!(report.stores["south"], report.waves[&1]);
    assert_eq!(report.stores["north"], report.waves[&0]);
    let parts = [&report.waves[&0], &report.waves[&1]];
    assert_eq!(parts.iter().map(|it| it.released).sum::<u64>(), total.released);
}

#[test]
fn who_is_missing_is_told_with_what_keeps_it_longest_first() {
    let waiting = StepState::Waiting { reason: Waiting::Till, detail: "1 open check".to_owned() };
    let report = report(&[
        member(1, &[succeeded(60)]),
        member(2, &[in_state("till", 300, waiting, None)]),
        gone(member(3, &[Fact::Accepted(at(100))])),
    ]);
    assert_eq!(report.stragglers_count, 2);
    let [first, second] = report.stragglers.as_slice() else { panic!("{:?}", report.stragglers) };
    assert_eq!((first.serial.as_str(), first.offline_since), ("PX-3", Some(at(500))));
    assert_eq!((second.serial.as_str(), second.offline_since), ("PX-2", None));
    let why = second.why.as_ref().map(|it| it.detail.as_str());
    assert_eq!(why, Some("for the till: 1 open check"));
    let many: Vec<_> = (0..=200).map(|number| member(number, &[])).collect();
    let report = super::tests::report(&many);
    assert_eq!((report.stragglers.len(), report.stragglers_count), (STRAGGLERS_MAX, 201));
}

#[test]
fn a_step_lasts_until_the_next_one_and_percentiles_are_of_those_that_went_through_it() {
    let one = |number: u8, fetch: i64| {
        let facts = [
            Fact::Accepted(at(5)),
            step("admit", 6, None),
            step("fetch", 10, None),
            step("verify", 10 + fetch, None),
            succeeded(10 + fetch + 3),
        ];
        member(number, &facts)
    };
    let mut members: Vec<_> = (1..=100).map(|number| one(number, number.into())).collect();
    // Under way: its last step has no end.
    members.push(member(101, &[step("admit", 6, None), step("fetch", 10, None)]));
    let phases = report(&members).phases;
    let told: Vec<_> = phases
        .iter()
        .map(|it| (it.step.as_str(), it.terminals, it.p50_s, it.p90_s, it.p99_s))
        .collect();
    let expected = [
        ("delivery", 100, 5, 5, 5),
        ("admit", 101, 4, 4, 4),
        ("fetch", 100, 50, 90, 99),
        ("verify", 100, 3, 3, 3),
    ];
    assert_eq!(told, expected);
    for (values, percent, found) in
        [(vec![], 50, 0), (vec![7], 99, 7), (vec![1, 2], 50, 1), (vec![1, 2], 90, 2)]
    {
        assert_eq!(percentile(&values, percent), found, "{values:?}");
    }
}

#[test]
fn what_ran_before_and_runs_now_is_told_of_the_component_that_is_installed() {
    let now = |version: &str, it: Released| Released { runs: pos(version), ..it };
    let unknown = Released { ran: None, ..member(4, &[]) };
    let report = report(&[
        now("2.0.0", member(1, &[succeeded(60)])),
        now("2.1.0", member(2, &[succeeded(60)])),
        member(3, &[rolled_back(60, FailureCode::HealthNotProven)]),
        unknown,
        now("2.0.0", gone(member(5, &[succeeded(9)]))),
    ]);
    let moved = |before: Option<&str>, after: &str| Moved {
        before: before.map(str::to_owned),
        after: Some(after.to_owned()),
    };
    let expected = [
        (moved(None, "1.0.0"), 1),
        (moved(Some("1.0.0"), "1.0.0"), 1),
        (moved(Some("1.0.0"), "2.0.0"), 3),
    ];
    assert_eq!(report.moved, expected.into());
    assert_eq!(report.since, Since { as_brought: 2, other_version: 1, offline: 1 });
}

#[test]
fn bytes_are_what_terminals_told_until_the_next_step_says_that_it_was_all() {
    let fetched = |facts: &[Fact]| report(&[member(1, facts)]).bytes_fetched;
    assert_eq!(fetched(&[]), 0);
    assert_eq!(fetched(&[step("fetch", 10, Some(400)), step("fetch", 20, Some(300))]), 400);
    assert_eq!(fetched(&[step("fetch", 10, Some(u64::MAX))]), 1_000);
    assert_eq!(fetched(&[step("fetch", 10, Some(400)), step("verify", 20, None)]), 1_000);
    assert_eq!(fetched(&[step("save", 10, Some(400))]), 0, "that was sent");
}

#[test]
fn a_time_line_has_no_gap_and_no_more_parts_than_can_be_told_apart() {
    let line = report(&[
        member(1, &[succeeded(0)]),
        member(2, &[rolled_back(130, FailureCode::HealthNotProven)]),
        member(3, &[succeeded(131)]),
        // By a clock that is wrong.
        member(4, &[succeeded(-999_999)]),
    ]);
    assert_eq!(line.part_s, 60);
    let told: Vec<_> = line.time_line.iter().map(|it| (it.succeeded, it.bad)).collect();
    assert_eq!(told, [(2, 0), (0, 0), (1, 1)]);
    let long = report(&[member(1, &[succeeded(0)]), member(2, &[succeeded(90_000)])]);
    assert_eq!((long.part_s, long.time_line.len()), (3_600, 26));
    assert_eq!(report(&[]).time_line, []);
}

#[test]
fn how_terminals_did_before_is_compared_with_what_they_have_told_since() {
    let till = |answers, restarts| Some(TillHealth { answers, restarts });
    let (was, is) = (online(Some(at(0))), online(Some(at(60))));
    let with = |number: u8, facts: &[Fact], was, is| Released {
        was: Some(was),
        is,
        ..member(number, facts)
    };
    let done = [succeeded(60)];
    let report = report(&[
        // It crashes since.
        with(
            1,
            &done,
            Condition { till: till(true, 0), disk_free_bytes: Some(300), ..was },
            Condition { till: till(true, 4), disk_free_bytes: Some(100), ..is },
        ),
        // It has crashed before, and was taken back.
        with(
            2,
            &[rolled_back(60, FailureCode::HealthNotProven)],
            Condition { till: till(true, 1), battery_is_low: Some(true), ..was },
            Condition { till: till(false, 0), battery_is_low: Some(false), ..is },
        ),
        // What it told is older than the end.
        with(
            3,
            &[succeeded(61)],
            Condition { till: till(true, 0), disk_free_bytes: Some(9), ..was },
            Condition { till: till(true, 0), disk_free_bytes: Some(9), ..is },
        ),
        // Its agent does not look.
        gone(with(4, &done, was, is)),
        // Under way, and released by an earlier build.
        gone(member(5, &[])),
        Released { was: None, ..gone(member(6, &done)) },
    ]);
    let of = |terminals, [before, now, worse, better]: [u64; 4]| Compared {
        terminals,
        before,
        now,
        worse,
        better,
    };
    let signs = [
        (Sign::Offline, of(4, [0, 1, 1, 0])),
        (Sign::TillSilent, of(2, [0, 1, 1, 0])),
        (Sign::TillRestarts, of(2, [1, 1, 1, 1])),
        (Sign::BatteryLow, of(1, [1, 0, 0, 1])),
    ];
    let disk_free = DiskFree {
        terminals: 1,
        median_before: 300,
        median_now: 100,
        least_before: 300,
        least_now: 100,
    };
    assert_eq!(report.health, Health { signs: signs.into(), disk_free: Some(disk_free) });
    assert_eq!(super::tests::report(&[]).health, Health::default());
}
