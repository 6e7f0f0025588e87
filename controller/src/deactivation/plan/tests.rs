//! Who may be stopped, resumed or emptied, and what is said of it.

use shared::digest::Digest;
use shared::document::clearance::Deregistered;
use shared::id::OrderId;

use super::samples::selling;
use super::*;

const NOW: UnixTime = UnixTime(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3600);

/// Everything is so that a wipe needs.
fn cleared() -> ServiceFacts {
    let deregistered = vec![Deregistered { with: "alpha".to_owned(), reference: "D-1".to_owned() }];
    ServiceFacts {
        service: Service::Suspended,
        service_order: Some(OrderId::from_bytes([2; 16])),
        service_at: Some(NOW),
        saved: Some((Digest([3; 32]), NOW.minus(HOUR))),
        deregistered,
        ..selling()
    }
}

fn found(step: Step, facts: ServiceFacts) -> Vec<Obstacle> {
    let besides = BTreeMap::from([("north".to_owned(), 1)]);
    plan(step, &[facts], &besides, None, NOW).terminals.remove(0).obstacles
}

const SUSPEND: Step = Step::Suspend { cut_off: NOW };
const WIPE: Step = Step::Wipe { is_lost: false };
const WIPE_LOST: Step = Step::Wipe { is_lost: true };

#[test]
fn each_step_follows_only_from_the_state_that_it_is_for() {
    use Obstacle::{NotInService, NotSuspended};
    let with = |service| ServiceFacts { service, ..cleared() };
    let cases = [
        (SUSPEND, Service::InService, vec![]),
        (SUSPEND, Service::Suspended, vec![NotInService]),
        (SUSPEND, Service::Erased, vec![NotInService]),
        (Step::Resume, Service::InService, vec![NotSuspended]),
        (Step::Resume, Service::Suspended, vec![]),
        (Step::Resume, Service::Erased, vec![NotSuspended]),
        (WIPE, Service::InService, vec![NotSuspended]),
        (WIPE, Service::Suspended, vec![]),
        (WIPE, Service::Erased, vec![NotSuspended]),
        (WIPE_LOST, Service::InService, vec![]),
        (WIPE_LOST, Service::Suspended, vec![]),
        (WIPE_LOST, Service::Erased, vec![NotInService]),
    ];
    for (step, service, obstacles) in cases {
        assert_eq!(found(step, with(service)), obstacles, "{step:?} {service:?}");
    }
}

#[test]
fn nothing_is_wiped_that_is_not_saved_deregistered_and_asked_for_what_it_told() {
    use Obstacle::{NoChallenge, NotDeregistered, NotSaved, SavedTooEarly};
    let lacks = |change: fn(&mut ServiceFacts)| {
        let mut facts = cleared();
        change(&mut facts);
        found(WIPE, facts)
    };
    assert_eq!(lacks(|_| {}), []);
    assert_eq!(lacks(|it| it.saved = None), [NotSaved]);
    let a_day_before = |it: &mut ServiceFacts| {
        it.saved = Some((Digest([3; 32]), NOW.minus(HOUR * 25)));
    };
    assert_eq!(lacks(a_day_before), [SavedTooEarly]);
    assert_eq!(lacks(|it| it.deregistered.clear()), [NotDeregistered]);
    assert_eq!(lacks(|it| it.challenge = None), [NoChallenge]);
    // One in the wrong hands needs only what binds the approval to it.
    let lost = ServiceFacts { challenge: None, ..selling() };
    assert_eq!(found(WIPE_LOST, lost), [NoChallenge]);
    assert_eq!(found(WIPE_LOST, selling()), []);
}

#[test]
fn whom_nobody_can_order_takes_no_part() {
    use Obstacle::{Frozen, NotEnrolled, Revoked};
    for step in [SUSPEND, WIPE_LOST] {
        let with = |unit| ServiceFacts { unit, ..selling() };
        assert_eq!(found(step, with(Unit::Claimed)), [NotEnrolled]);
        assert_eq!(found(step, with(Unit::Revoked)), [Revoked]);
        assert_eq!(found(step, ServiceFacts { is_frozen: true, ..selling() }), [Frozen]);
    }
}

#[test]
fn the_last_selling_terminal_of_a_store_is_stopped_only_when_somebody_answers_for_it() {
    let besides = BTreeMap::from([("north".to_owned(), 0)]);
    let blocked = plan(SUSPEND, &[selling()], &besides, None, NOW);
    assert!(blocked.is_blocked());
    assert_eq!(blocked.open(), BTreeMap::from([(Obstacle::LastInStore, vec!["PX-1"])]));
    let answered = plan(SUSPEND, &[selling()], &besides, Some("gil".to_owned()), NOW);
    assert!(!answered.is_blocked());
    assert!(answered.open().is_empty());
    assert!(!plan(Step::Resume, &[cleared()], &besides, None, NOW).is_blocked());
}

/// Stop on Friday 2026-12-04 at 15:00, and be cleared on Wednesday at 9:00.
#[test]
fn deadlines_count_back_from_the_cut_off() {
    let friday: jiff::Timestamp = "2026-12-04T15:00:00Z".parse().unwrap();
    let cut_off = UnixTime(friday.as_second());
    let told = deadlines(cut_off, cut_off.minus(HOUR * 24 * 6)).map(|it| (it.by, it.is_late));
    let at = |text: &str| UnixTime(text.parse::<jiff::Timestamp>().unwrap().as_second());
    let expected = [
        (at("2026-11-27T15:00:00Z"), true),
        (at("2026-12-02T09:00:00Z"), false),
        (at("2026-12-03T15:00:00Z"), false),
    ];
    assert_eq!(told, expected);
}
