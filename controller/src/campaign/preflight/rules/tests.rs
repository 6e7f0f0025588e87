//! Each campaign that would stand still for ever, beside its twin that goes on.

use std::collections::BTreeMap;

use jiff::Timestamp;
use shared::id::TerminalId;

use super::super::transfer::{Bandwidth, transfer};
use super::*;
use crate::campaign::policy::{Policy, Share};
use crate::campaign::preflight::forecast::{Group, Opens, forecast};
use crate::campaign::preflight::{Places, Present};
use crate::pacing::Limits;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// By the names of their zones.
type Crowd = BTreeMap<String, Heads>;

/// What a case differs in.
#[derive(Clone)]
struct Case {
    policy: Policy,
    listed: Crowd,
    others: Crowd,
    /// What is kept of all stores, as a window.
    kept: Option<Window>,
    window: Option<Window>,
    lives: Duration,
    release_expires_at: Option<UnixTime>,
    start: Start,
    transfer: Option<Transfer>,
}

fn noon() -> UnixTime {
    UnixTime("2026-11-22T12:00:00Z".parse::<Timestamp>().unwrap().as_second())
}

fn crowd(zones: &[(&str, u64, u64)]) -> Crowd {
    let zone = |(name, members, seen): &(&str, u64, u64)| {
        ((*name).to_owned(), Heads { members: *members, seen: *seen })
    };
    zones.iter().map(zone).collect()
}

fn gate() -> Gate {
    Gate {
        sample_min: 3,
        success_percent_min: 90,
        soak: HOUR,
        bad_max: Share::Count(0),
        reach_percent_min: 80,
        reach_after: Some(DAY),
    }
}

/// Two waves over a hundred terminals in Berlin, by night, for a week. Nothing is wrong with it.
fn sound() -> Case {
    Case {
        policy: Policy {
            waves: vec![Share::Count(10), Share::Rest],
            gate: Some(gate()),
            ..Policy::PLAIN
        },
        listed: Crowd::new(),
        others: crowd(&[("Europe/Berlin", 100, 100)]),
        kept: None,
        window: "22:00-06:00".parse().ok(),
        lives: DAY * 7,
        release_expires_at: None,
        start: Start::AnyTime,
        transfer: None,
    }
}

fn with_gate(gate: Gate) -> Case {
    let sound = sound();
    Case { policy: Policy { gate: Some(gate), ..sound.policy.clone() }, ..sound }
}

impl Case {
    fn look<T>(&self, look: impl FnOnce(Intended<'_>) -> T) -> T {
        let Self { policy, listed, others, kept, window, lives, release_expires_at, .. } =
            self.clone();
        let mut places = Places::new();
        for (zone, heads) in &listed {
            let stores = places.entry(zone.clone()).or_default();
            stores.entry("north".to_owned()).or_default().listed = *heads;
        }
        for (zone, heads) in &others {
            let stores = places.entry(zone.clone()).or_default();
            stores.entry("north".to_owned()).or_default().others = *heads;
        }
        let audience = Audience { places, ..Audience::default() };
        let Present { listed, .. } = audience.present();
        let id = |number: u64| TerminalId::from_bytes(u128::from(number).to_be_bytes());
        let members: Vec<_> = (0..audience.present().all().members).map(id).collect();
        let first = usize::try_from(listed.members).unwrap();
        let policy = Policy { canary: members[..first].to_vec(), ..policy };
        let audience = Audience { members, ..audience };
        let (job, until) = (Duration::from_secs(10), noon().plus(lives));
        let course = Course { policy: &policy, max_parallel: 10, job, until };
        let groups = |window: Option<Window>| -> Vec<Group> {
            let group = |(zone, stores): (&String, &BTreeMap<String, Present>)| Group {
                opens: Opens::of(window, time_zone(zone)),
                present: stores["north"],
            };
            audience.places.iter().map(group).collect()
        };
        let open = forecast(course, &groups(window), noon());
        let kept = forecast(course, &groups(kept.or(window)), noon());
        look(Intended {
            course,
            window,
            audience: &audience,
            forecast: &open,
            kept: &kept,
            transfer: self.transfer.as_ref(),
            start: noon(),
            lives,
            release_expires_at,
        })
    }

    fn check(&self) -> Result<(), Stuck> {
        self.look(|intended| intended.check(self.start))
    }

    fn warned(&self) -> Vec<&'static str> {
        self.look(|intended| intended.warnings().iter().map(Warning::code).collect())
    }
}

#[track_caller]
fn refused(case: &Case, twin: &Case) -> String {
    assert_eq!(twin.check(), Ok(()), "the twin goes on");
    let stuck = case.check().expect_err("it stands still");
    assert!(!stuck.hint().is_empty());
    stuck.to_string()
}

#[test]
fn a_sound_campaign_goes_on_and_nobody_is_warned() {
    assert_eq!((sound().check(), sound().warned()), (Ok(()), vec![]));
}

#[test]
fn a_wave_that_cannot_open_in_time_as_hours_stand_is_told_and_not_refused() {
    // It is 13:00 in Berlin, and orders live until 21:00.
    let day = Case { window: None, lives: HOUR * 8, ..sound() };
    let kept = Case { kept: "22:00-06:00".parse().ok(), ..day.clone() };
    assert_eq!((kept.check(), day.check()), (Ok(()), Ok(())));
    let is_late = |case: &Case| case.warned().contains(&"late-wave");
    assert_eq!((is_late(&kept), is_late(&day)), (true, false));
}

#[test]
fn a_first_wave_that_nobody_can_attempt_is_refused() {
    let canary = |seen| Case { listed: crowd(&[("Europe/Berlin", 4, seen)]), ..sound() };
    let said = refused(&canary(2), &canary(3));
    let expected = "canary list: of its 4 terminals 2 were ever seen, and its gate waits for 3";
    assert_eq!(said, expected);
    // A wave that is smaller than the sample is its own sample.
    let small = |seen| Case { listed: crowd(&[("Europe/Berlin", 1, seen)]), ..sound() };
    refused(&small(0), &small(1));
    // Without a deadline for its reach it waits for more.
    let patient = |seen| {
        let listed = crowd(&[("Europe/Berlin", 5, seen)]);
        Case { listed, ..with_gate(Gate { reach_after: None, ..gate() }) }
    };
    refused(&patient(3), &patient(4));
    // Nothing comes after it.
    let alone = Case { others: Crowd::new(), ..canary(2) };
    assert_eq!(alone.check(), Ok(()));
}

#[test]
fn a_sample_larger_than_the_membership_is_fine_because_each_wave_is_its_own() {
    let large = with_gate(Gate { sample_min: 500, ..gate() });
    assert_eq!((large.check(), large.warned()), (Ok(()), vec!["own-sample"]));
}

#[test]
fn a_reach_without_a_deadline_over_members_that_were_never_seen_is_refused() {
    let of = |seen, reach_after| {
        let others = crowd(&[("Europe/Berlin", 60, seen), ("Asia/Shanghai", 40, 40)]);
        Case { others, ..with_gate(Gate { reach_after, ..gate() }) }
    };
    let said = refused(&of(39, None), &of(40, None));
    assert!(said.contains("of 100 members 79 were ever seen"), "{said}");
    refused(&of(39, None), &of(39, Some(DAY)));
    assert_eq!(of(40, None).warned(), ["may-hold"]);
    // One wave waits for nobody.
    let mut one = of(0, None);
    one.policy.waves = vec![];
    assert_eq!(one.check(), Ok(()));
}

#[test]
fn a_window_that_does_not_open_in_some_zone_while_orders_live_is_refused() {
    let lives = |hours: u32, start| {
        let others = crowd(&[("Europe/Berlin", 90, 90), ("Asia/Shanghai", 10, 10)]);
        let policy = Policy::PLAIN;
        Case { policy, others, lives: HOUR * hours, start, ..sound() }
    };
    // At noon in London it is 13:00 in Berlin and 20:00 in Shanghai.
    let said = refused(&lives(9, Start::Now), &lives(10, Start::Now));
    assert!(said.contains("22:00-06:00 does not open in Europe/Berlin, for 90 members"), "{said}");
    // Started at 21:00, it sees both nights.
    assert_eq!(lives(1, Start::AnyTime).check(), Ok(()));
    assert_eq!(lives(1, Start::AnyTime).warned(), ["closed-if-started-now"]);
    // But not where nights do not overlap: then as much must lie between the two openings.
    let short = |hours| {
        let window = "22:00-23:00".parse().ok();
        Case { window, ..lives(hours, Start::AnyTime) }
    };
    let said = refused(&short(6), &short(7));
    assert!(said.contains("22:00-23:00 does not open in"), "{said}");
}

#[test]
fn what_is_to_begin_when_its_orders_have_ended_is_refused() {
    let begins = |hours| {
        let mut case = Case { window: None, lives: HOUR * 30, ..sound() };
        case.policy.not_before = Some(noon().plus(HOUR * hours));
        case
    };
    let said = refused(&begins(30), &begins(28));
    let expected = "nothing is released before 2026-11-23 18:00Z, and its orders are valid until \
                    2026-11-23 18:00Z";
    assert_eq!(said, expected);
    // What comes after it must come in time, too: a wave, a window, and what is fetched.
    let said = refused(&begins(29), &begins(28));
    assert!(said.starts_with("wave 2 opens at 2026-11-23 18:00Z"), "{said}");
    let nightly = |hours, start| {
        let policy = Policy { not_before: begins(hours).policy.not_before, ..Policy::PLAIN };
        Case { policy, window: "22:00-23:00".parse().ok(), start, ..begins(hours) }
    };
    // At 21:00 UTC the window opens in Berlin, and closes an hour later.
    let said = refused(&nightly(10, Start::Now), &nightly(9, Start::Now));
    assert!(said.contains("22:00-23:00 does not open in Europe/Berlin"), "{said}");
    assert_eq!(nightly(10, Start::AnyTime).check(), Ok(()), "started in the evening it does");
    let expiring = |hours| Case {
        release_expires_at: Some(noon().plus(HOUR * 2)),
        policy: Policy { not_before: Some(noon().plus(HOUR * hours)), ..Policy::PLAIN },
        window: None,
        ..sound()
    };
    let said = refused(&expiring(2), &expiring(1));
    assert!(said.ends_with("the release expires at 2026-11-22 14:00Z"), "{said}");
    let past = Case {
        policy: Policy { not_before: Some(noon().minus(DAY)), ..sound().policy },
        ..sound()
    };
    assert_eq!((past.check(), past.warned()), (Ok(()), vec![]));
}

#[test]
fn a_rate_by_which_the_first_gate_never_has_its_sample_is_refused_and_a_slow_one_is_told() {
    let case = |rate: &str, hours| {
        let mut case = Case { window: None, lives: HOUR * hours, ..sound() };
        case.policy.rate = rate.parse().ok();
        case
    };
    // The third of three that the gate waits for comes two days after the first.
    let said = refused(&case("1/d", 48), &case("1/h", 48));
    let expected = "at 1/d the 3 terminals that the gate of wave 1 waits for are released by \
                    2026-11-24 12:00Z at the earliest, and its orders are valid until \
                    2026-11-24 12:00Z";
    assert_eq!(said, expected);
    // With enough for the sample, it is the next wave that comes too late.
    let said = refused(&case("1/d", 49), &case("1/d", 50));
    assert!(said.starts_with("wave 2 opens at 2026-11-24 13:00Z"), "{said}");
    assert_eq!(case("1/h", 72).warned(), ["rate"], "a hundred take longer");
    assert_eq!(case("1/h", 120).warned(), Vec::<&str>::new());
    // One wave waits for nobody, and some of it are released.
    let mut one = case("1/d", 48);
    one.policy.waves = vec![];
    assert_eq!((one.check(), one.warned()), (Ok(()), vec!["one-wave", "rate"]));
    let warned = one.look(|intended| intended.warnings()[1].to_string());
    assert!(
        warned.starts_with("at 1/d the last of 100 members is released at 2027-03-"),
        "{warned}"
    );
}

#[test]
fn a_wave_that_cannot_open_before_orders_end_is_refused() {
    let lives = |hours| Case { window: None, lives: HOUR * hours, ..sound() };
    let said = refused(&lives(1), &lives(2));
    let expected = "wave 2 opens at 2026-11-22 13:00Z at the earliest, and its orders are valid \
                    until 2026-11-22 13:00Z";
    assert_eq!(said, expected);
    // A wave may have to wait for the night.
    let nightly = |hours| Case { lives: HOUR * hours, ..sound() };
    refused(&nightly(10), &nightly(11));
    let expiring = |hours| Case {
        window: None,
        release_expires_at: Some(noon().plus(HOUR * hours)),
        ..sound()
    };
    let said = refused(&expiring(1), &expiring(2));
    assert!(said.ends_with("the release expires at 2026-11-22 13:00Z"), "{said}");
    assert_eq!(expiring(2).warned(), ["release-expires-first"]);
}

#[test]
fn what_one_terminal_cannot_fetch_in_time_is_refused_and_what_all_cannot_is_told() {
    let bandwidth = |each| {
        let stores = [("north".to_owned(), 40), ("west".to_owned(), 60)].into();
        let limits = Limits { whole: "64KiB".parse().ok(), of_each_store: None };
        let thin = [("west".to_owned(), "4KiB".parse().expect("it is a limit"))].into();
        transfer(each, &stores, &Bandwidth { limits, stores: thin })
    };
    let case = |mib: u64| {
        let (transfer, policy) = (bandwidth(mib << 20), Policy::PLAIN);
        Case { transfer, policy, lives: DAY, ..sound() }
    };
    // In a day 337.5 MiB pass 4 KiB/s, and sixty terminals share it.
    let said = refused(&case(338), &case(337));
    let expected = "fetching it takes one terminal 1d at least by the limit of store west \
                    (4.0 KiB/s), and its orders are valid until 2026-11-23 12:00Z";
    assert_eq!(said, expected);
    assert_eq!(case(6).warned(), ["bandwidth"]);
    assert_eq!(case(5).warned(), [""; 0]);
    let warned = case(6).look(|intended| intended.warnings()[0].to_string());
    assert!(warned.starts_with("fetching it takes 60 members 1d1h"), "{warned}");
}

#[test]
fn who_makes_a_rule_moot_by_another_one_is_told() {
    let policy = |change: &dyn Fn(&mut Policy)| {
        let mut case = sound();
        change(&mut case.policy);
        case.warned()
    };
    let gated = |change: &dyn Fn(&mut Gate)| {
        let mut gate = gate();
        change(&mut gate);
        with_gate(gate).warned()
    };
    assert_eq!(policy(&|it| it.waves = vec![]), ["one-wave"]);
    let too_many = vec![Share::Count(60), Share::Count(60), Share::Rest];
    assert_eq!(policy(&|it| it.waves.clone_from(&too_many)), ["fewer-waves"]);
    assert_eq!(gated(&|it| it.reach_after = Some(DAY * 7)), ["no-deadline"]);
    assert_eq!(gated(&|it| it.bad_max = Share::Percent(20)), ["budget-moot"]);
    assert_eq!(gated(&|it| it.bad_max = Share::Percent(10)), Vec::<&str>::new());
    let unstopped = |stop| Policy { stop, ..Policy::PLAIN };
    let plain = |stop| Case { policy: unstopped(stop), ..sound() }.warned();
    assert_eq!(plain(StopPolicy::Keep), ["nothing-stops"]);
    assert_eq!(plain(StopPolicy::Finish), Vec::<&str>::new());
    let whole = Case { window: "09:00-09:00".parse().ok(), ..sound() };
    assert_eq!(whole.warned(), ["whole-day"]);
}
