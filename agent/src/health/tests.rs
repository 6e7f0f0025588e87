//! Ten seconds of health within a minute, and everything that can come in between.

use std::sync::Arc;

use shared::digest::Digest;
use shared::document::release::{Artifact, Health, Settlement};
use shared::time::UnixTime;

use super::*;
use crate::act::toy_till::{Knobs, Later, ToyTill};

fn release() -> Release {
    Release {
        format: 1,
        component: "pos".to_owned(),
        version: "2.0.0".to_owned(),
        security_counter: 2,
        models: Vec::new(),
        artifact: Artifact { sha256: Digest([0; 32]), size: 0, unpacked_size: 0, entries: 0 },
        from_counter_min: 0,
        raise_floor_to: None,
        settlement: Settlement::NotNeeded,
        health: Health { stable_s: 10, within_s: 60 },
        issued_at: UnixTime(0),
        expires_at: UnixTime(i64::MAX),
    }
}

/// A restarted till that says it is 2.0.0.
fn upgraded() -> Arc<ToyTill> {
    let till = Arc::new(ToyTill::new());
    till.turn(|knobs| {
        knobs.version = "2.0.0".to_owned();
        knobs.instance = 2;
    });
    till
}

#[track_caller]
fn proven(till: &Arc<ToyTill>, time: &Later<'_>) -> Vec<String> {
    let reply = prove(till, &release(), Some("1"), time);
    let Reply::Done(Proof { version, findings }) = reply else { panic!("{reply:?}") };
    assert_eq!(version.as_deref(), Some("2.0.0"));
    findings.into_iter().map(|finding| finding.note).collect()
}

#[track_caller]
fn not_proven(till: &Arc<ToyTill>, time: &Later<'_>) -> String {
    let reply = prove(till, &release(), Some("1"), time);
    let Reply::Failed { code, detail, .. } = reply else { panic!("{reply:?}") };
    assert_eq!(code, FailureCode::HealthNotProven);
    detail
}

#[test]
fn a_healthy_version_is_proven_when_it_was_healthy_for_long_enough() {
    let time = Later::default();
    let findings = proven(&upgraded(), &time);
    assert_eq!(time.uptime(), Duration::from_secs(10));
    let expected =
        ["version 2.0.0 runs, instance 2", "self-test passed: 1 checks", "1 hosts reached"];
    assert_eq!(findings, expected);
}

#[test]
fn each_thing_that_is_not_healthy_is_named() {
    type Turn = fn(&mut Knobs);
    let cases: [(Turn, &str); 7] = [
        (|k| k.version = "1.0.0".to_owned(), "version 1.0.0 answers"),
        (|k| k.instance = 1, "the process from before the restart answers"),
        (|k| k.component = "kiosk".to_owned(), "kiosk answers, not pos"),
        (|k| k.printer = false, "self-test failed: printer ()"),
        (|k| k.host = false, "the host of `a` is not reached: refused"),
        (|k| k.broken = Some(PosError::NoAnswer(Duration::from_secs(9))), "did not answer"),
        (|k| k.broken = Some(PosError::Failed("odd".to_owned())), "odd"),
    ];
    for (turn, because) in cases {
        let till = upgraded();
        till.turn(turn);
        let detail = not_proven(&till, &Later::default());
        assert!(detail.starts_with("within 60 s: ") && detail.contains(because), "{detail}");
    }
}

#[test]
fn a_till_that_takes_a_while_to_start_is_waited_for() {
    let till = upgraded();
    till.turn(|knobs| knobs.broken = Some(PosError::NotReady("starting".to_owned())));
    let time = Later::default().at(40, || till.turn(|knobs| knobs.broken = None));
    proven(&till, &time);
    assert_eq!(time.uptime(), Duration::from_secs(50));
}

#[test]
fn a_break_lets_the_time_begin_anew() {
    let till = upgraded();
    let time = Later::default()
        .at(8, || till.turn(|knobs| knobs.printer = false))
        .at(9, || till.turn(|knobs| knobs.printer = true));
    proven(&till, &time);
    assert_eq!(time.uptime(), Duration::from_secs(19));
}

#[test]
fn a_till_that_crashes_again_and_again_is_not_healthy_however_well_it_answers_in_between() {
    let till = upgraded();
    let mut time = Later::default();
    for second in (5..60).step_by(5) {
        time = time.at(second, || till.turn(|knobs| knobs.instance += 1));
    }
    let detail = not_proven(&till, &time);
    assert!(detail.contains("healthy for"), "{detail}");
    assert_eq!(time.uptime(), Duration::from_secs(60));
}

#[test]
fn health_that_comes_too_late_is_none() {
    let till = upgraded();
    till.turn(|knobs| knobs.host = false);
    let time = Later::default().at(55, || till.turn(|knobs| knobs.host = true));
    assert!(not_proven(&till, &time).contains("healthy for 5 s only"));
}

#[test]
fn a_till_without_tests_of_its_own_is_judged_by_the_rest() {
    let till = upgraded();
    till.turn(|knobs| knobs.no_tests = true);
    let findings = proven(&till, &Later::default());
    assert!(findings.contains(&"this till has no self-test".to_owned()));
}

#[test]
fn watching_ends_when_somebody_asks() {
    let time = Later::default().stop_at(3);
    not_proven(&upgraded(), &time);
    assert_eq!(time.uptime(), Duration::from_secs(3));
}
