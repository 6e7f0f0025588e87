//! What came of a campaign on those that it was released to.

use shared::message::{Battery, Component, Telemetry, TillHealth};
use shared::time::UnixTime;

use super::fixture::*;
use crate::campaign::assignment::AssignmentState;
use crate::registry::Registry;
use crate::registry::delivery::{Heard, Report};
use crate::registry::page::Page;
use crate::registry::released::{Condition, Released};
use crate::registry::terminal::Presence;

async fn released(registry: &dyn Registry, campaign: u8) -> Vec<Released> {
    let found = registry.released(campaign_id(campaign), &Page::first(100)).await;
    found.expect("they are listed")
}

pub(super) async fn who_was_released_is_listed_with_what_it_ran_before_and_runs_now(
    registry: &dyn Registry,
) {
    for number in [1, 2] {
        enrol(registry, number, 1).await;
    }
    registry.apply(&[greeting(hello(1, 0), 40)]).await.expect("it is heard");
    start(registry, 1, &[1, 2]).await;
    start(registry, 2, &[2]).await;
    for order in [order(1, 1, 1), order(1, 2, 1), order(2, 2, 2)] {
        assert!(issue(registry, &order).await);
    }
    let mut after = hello(1, 1);
    after.components =
        vec![Component { version: "2.0.0".to_owned(), ..after.components.remove(0) }];
    registry.apply(&[greeting(after, 60)]).await.expect("it is heard");
    let found = released(registry, 1).await;
    let [one, two] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((one.terminal, one.serial.as_str(), one.wave), (terminal_id(1), "SN-001", 0));
    assert_eq!((one.store.as_str(), one.model.as_str()), ("berlin-1", "T650"));
    let version = |of: &Option<Vec<Component>>| of.as_ref().map(|all| all[0].version.clone());
    let (ran, runs) = (version(&one.ran), version(&one.runs));
    assert_eq!((ran.as_deref(), runs.as_deref()), (Some("1.0.0"), Some("2.0.0")));
    assert_eq!((one.is.presence, one.last_seen_at), (Presence::Online, Some(UnixTime(60))));
    assert_eq!((&two.ran, &two.runs), (&None, &None), "it has never said anything");
    let page = Page::after(terminal_id(1), 1);
    let rest = registry.released(campaign_id(1), &page).await.expect("they are listed");
    assert_eq!(rest.iter().map(|it| it.terminal).collect::<Vec<_>>(), [terminal_id(2)]);
    assert_eq!(released(registry, 2).await.len(), 1);
    assert_eq!(released(registry, 3).await, []);
}

pub(super) async fn how_a_terminal_did_when_it_was_released_is_kept_beside_how_it_does(
    registry: &dyn Registry,
) {
    for number in [1, 2] {
        enrol(registry, number, 1).await;
    }
    let says = async |seq, at, till, battery| {
        let telemetry = Telemetry {
            at: UnixTime(at),
            disk_free_bytes: 7_000 - at.cast_unsigned(),
            orders_refused: 0,
            messages_unreadable: 0,
            battery,
            till,
        };
        let telemetry = heard(seq, Report::Telemetry(telemetry));
        registry.apply(&[telemetry]).await.expect("it is heard");
    };
    let till = Some(TillHealth { answers: true, restarts: 0 });
    let battery = Battery { percent: 20, floor_percent: 50, is_powered: false };
    registry.apply(&[greeting(hello(1, 0), 40)]).await.expect("it is heard");
    says(1, 50, till, Some(battery)).await;
    start(registry, 1, &[1, 2]).await;
    for order in [order(1, 1, 1), order(1, 2, 1)] {
        assert!(issue(registry, &order).await);
    }
    let crashing = Some(TillHealth { answers: false, restarts: 3 });
    says(2, 60, crashing, Some(Battery { is_powered: true, ..battery })).await;

    let found = released(registry, 1).await;
    let was = Condition {
        presence: Presence::Online,
        told_at: Some(UnixTime(50)),
        disk_free_bytes: Some(6_950),
        battery_is_low: Some(true),
        till,
    };
    let is = Condition {
        told_at: Some(UnixTime(60)),
        disk_free_bytes: Some(6_940),
        battery_is_low: Some(false),
        till: crashing,
        ..was
    };
    assert_eq!((found[0].was, found[0].is), (Some(was), is));
    let unheard = Condition {
        presence: Presence::NeverSeen,
        told_at: None,
        disk_free_bytes: None,
        battery_is_low: None,
        till: None,
    };
    assert_eq!((found[1].was, found[1].is), (Some(unheard), unheard));
    says(3, 70, None, None).await;
    let found = released(registry, 1).await;
    assert_eq!(found[0].was, Some(was));
    assert_eq!((found[0].is.till, found[0].is.battery_is_low), (None, None));
}

pub(super) async fn what_was_decided_about_a_campaign_is_told_in_its_order(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    start(registry, 1, &[1]).await;
    start(registry, 2, &[1]).await;
    registry
        .note("order-refused", &campaign_id(1).to_string(), &by("op", 20))
        .await
        .expect("it is noted");
    let of = async |most| {
        let found = registry.audit_of_campaign(campaign_id(1), most).await.expect("it is read");
        found.into_iter().map(|it| it.what).collect::<Vec<_>>()
    };
    assert_eq!(of(9).await, ["campaign-created", "campaign-started"]);
    assert_eq!(of(1).await, ["campaign-started"]);
}

pub(super) async fn when_each_step_was_first_heard_of_is_kept(registry: &dyn Registry) {
    let order = one_order(registry).await;
    // Of what is heard at 102 nothing can have been later.
    let told = [(2, "verify"), (1, "fetch"), (3, "fetch"), (4, "stage")];
    for (seq, (ordinal, step)) in (1..).zip(told) {
        let heard = heard(seq, progress(order, ordinal, step));
        let at = UnixTime(102);
        registry.apply(&[Heard { at, ..heard }]).await.expect("it is heard");
    }
    let found = released(registry, 1).await;
    assert_eq!(found[0].standing.state(), AssignmentState::Working);
    let steps = found[0].standing.steps.in_order();
    let steps: Vec<_> =
        steps.into_iter().map(|(step, seen)| (step, seen.at.0, seen.bytes)).collect();
    assert_eq!(steps, [("fetch", 101, 3), ("verify", 102, 2), ("stage", 102, 4)]);
}
