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
    let told = [("alpha", "D-1"), ("registry unionpay", "U-1")];
    let told = told.map(|(with, reference)| Deregistered {
        with: with.to_owned(),
        reference: reference.to_owned(),
    });
    ServiceFacts {
        service: Service::Suspended,
        service_order: Some(OrderId::from_bytes([2; 16])),
        service_at: Some(NOW),
        saved: Some((Digest([3; 32]), NOW.minus(HOUR))),
        bound_with: BTreeSet::from(["alpha".to_owned()]),
        deregistered: told.to_vec(),
        ..selling()
    }
}

fn found(step: Step, facts: ServiceFacts) -> Vec<Obstacle> {
    let besides = BTreeMap::from([("north".to_owned(), 1)]);
    plan(step, &[facts], &besides, None, NOW).terminals.remove(0).obstacles
}

const SUSPEND: Step = Step::Suspend { cut_off: NOW, is_given_up: false };
const GIVEN_UP: Step = Step::Suspend { cut_off: NOW, is_given_up: true };
const WIPE: Step = Step::Wipe { is_lost: false };
const WIPE_LOST: Step = Step::Wipe { is_lost: true };

#[test]
fn each_step_follows_only_from_the_state_that_it_is_for() {
    use Obstacle::{NotInService, NotSettled, NotSuspended, NothingOwed};
    let with = |service| ServiceFacts { service, ..cleared() };
    let cases = [
        (SUSPEND, Service::InService, vec![]),
        (SUSPEND, Service::Suspended, vec![NotInService]),
        (SUSPEND, Service::SuspendedOwing, vec![NotInService]),
        (SUSPEND, Service::Erased, vec![NotInService]),
        (Step::Settle, Service::InService, vec![NotSuspended]),
        (Step::Settle, Service::Suspended, vec![NothingOwed]),
        (Step::Settle, Service::SuspendedOwing, vec![]),
        (Step::Settle, Service::Erased, vec![NotSuspended]),
        (Step::Resume, Service::InService, vec![NotSuspended]),
        (Step::Resume, Service::Suspended, vec![]),
        (Step::Resume, Service::SuspendedOwing, vec![]),
        (Step::Resume, Service::Erased, vec![NotSuspended]),
        (WIPE, Service::InService, vec![NotSuspended]),
        (WIPE, Service::Suspended, vec![]),
        (WIPE, Service::SuspendedOwing, vec![NotSettled]),
        (WIPE, Service::Erased, vec![NotSuspended]),
        (WIPE_LOST, Service::InService, vec![]),
        (WIPE_LOST, Service::Suspended, vec![]),
        (WIPE_LOST, Service::SuspendedOwing, vec![]),
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
    assert_eq!(lacks(|it| drop(it.deregistered.pop())), [NotDeregistered]);
    assert_eq!(lacks(|it| it.bound_with.extend(["beta".to_owned()])), [NotDeregistered]);
    assert_eq!(lacks(|it| it.challenge = None), [NoChallenge]);
    // One in the wrong hands needs only what binds the approval to it.
    let lost = ServiceFacts { challenge: None, ..selling() };
    assert_eq!(found(WIPE_LOST, lost), [NoChallenge]);
    assert_eq!(found(WIPE_LOST, selling()), []);
}

#[test]
fn only_what_answers_nobody_and_is_being_replaced_is_given_up() {
    let with = |presence, is_being_replaced| {
        found(GIVEN_UP, ServiceFacts { presence, is_being_replaced, ..selling() })
    };
    assert_eq!(with(Presence::Offline, true), []);
    assert_eq!(with(Presence::NeverSeen, true), []);
    assert_eq!(with(Presence::Online, true), [Obstacle::NotGivenUp]);
    assert_eq!(with(Presence::Offline, false), [Obstacle::NotGivenUp]);
}

#[test]
fn a_refusal_names_with_whom_each_terminal_is_not_deregistered() {
    let px2 = ServiceFacts { serial: "PX-2".to_owned(), deregistered: vec![], ..cleared() };
    let mut px3 = ServiceFacts { serial: "PX-3".to_owned(), ..cleared() };
    px3.deregistered.pop();
    let plan = plan(WIPE, &[cleared(), px2, px3], &BTreeMap::new(), None, NOW);
    let said = |lacking: &str| format!("nobody wrote down that it is deregistered with {lacking}");
    let open = [(said("a registry"), vec!["PX-3"]), (said("alpha, a registry"), vec!["PX-2"])];
    assert_eq!(plan.open(), open);
    assert_eq!(plan.open_obstacles(), BTreeSet::from([Obstacle::NotDeregistered]));
}

#[test]
fn whom_nobody_can_order_takes_no_part() {
    use Obstacle::{Frozen, NotEnrolled, Revoked};
    for step in [SUSPEND, WIPE_LOST] {
        let with = |unit| ServiceFacts { unit, ..selling() };
        assert_eq!(found(step, with(Unit::Claimed)), [NotEnrolled]);
        assert_eq!(found(step, with(Unit::Revoked)), [Revoked]);
        let in_frozen_store = ServiceFacts { is_frozen: true, is_place_frozen: true, ..selling() };
        assert_eq!(found(step, in_frozen_store), [Frozen]);
    }
}

#[test]
fn that_a_terminal_is_suspicious_itself_keeps_nobody_from_emptying_it_as_lost() {
    let suspicious = ServiceFacts { is_frozen: true, ..selling() };
    assert_eq!(found(WIPE_LOST, suspicious), []);
    let suspended = ServiceFacts { is_frozen: true, ..cleared() };
    assert_eq!(found(WIPE, suspended), [Obstacle::Frozen]);
}

#[test]
fn the_last_selling_terminal_of_a_store_is_stopped_only_when_somebody_answers_for_it() {
    let besides = BTreeMap::from([("north".to_owned(), 0)]);
    let blocked = plan(SUSPEND, &[selling()], &besides, None, NOW);
    assert!(blocked.is_blocked());
    assert_eq!(blocked.open(), [(Obstacle::LastInStore.detail().to_owned(), vec!["PX-1"])]);
    let answered = plan(SUSPEND, &[selling()], &besides, Some("gil".to_owned()), NOW);
    assert!(!answered.is_blocked());
    assert!(answered.open().is_empty());
    assert!(!plan(Step::Resume, &[cleared()], &besides, None, NOW).is_blocked());
}

#[test]
fn nothing_stops_while_a_party_does_not_know_and_nobody_answers_for_it() {
    use super::super::notice::{Answer, Knows, Party, Standing};
    let besides = BTreeMap::from([("north".to_owned(), 1)]);
    let by = NOW.minus(NOTICE_BEFORE);
    let bank = Standing { party: Party::Bank, is_required: true, by, knows: Knows::NotTold };
    let answer = || Some(Answer { by: "gil".to_owned(), why: "flood".to_owned() });
    for (lacking, answer, is_blocked) in
        [(vec![], None, false), (vec![bank], None, true), (vec![bank], answer(), false)]
    {
        let told = Some(Told { is_exempt: false, lacking, answer });
        let plan = plan(SUSPEND, &[selling()], &besides, None, NOW);
        let plan = Plan { told, ..plan };
        assert_eq!(plan.is_blocked(), is_blocked, "{:?}", plan.told);
        assert!(plan.open().is_empty());
    }
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
