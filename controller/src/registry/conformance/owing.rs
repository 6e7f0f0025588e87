//! Suspensions: what a stopped terminal owes, and which change of service may follow on which.

use shared::change::rebind::Reason;
use shared::change::{Change, Covers, Resume, SettlementDelay, Suspend};
use shared::document::receipt::{Evidence, Said};
use shared::outcome::Outcome;
use shared::owed::{Owed, SUSPENDED, SUSPENDED_OWING};
use shared::time::UnixTime;

use super::fixture::*;
use super::requests::{accepted_to, request_id};
use crate::campaign::state::CampaignEvent;
use crate::registry::Registry;
use crate::registry::campaign::{AfterStart, NewCampaign};
use crate::registry::deactivation::{NewDeactivation, Owing, ServiceFacts};
use crate::registry::page::Page;
use crate::registry::rebind::NotBegun;
use crate::registry::terminal::Service;
use crate::request::{RequestKind, RequestState};

const SETTLED_BY: UnixTime = UnixTime(9_000);

fn suspend(may_owe: bool) -> Change {
    let delay = SettlementDelay {
        covers: Covers::WhateverIsOpen,
        after_s: 60,
        settled_by: SETTLED_BY,
        reason: "the host is down".to_owned(),
        accepted_by: "hana".to_owned(),
    };
    Change::Suspend(Box::new(Suspend {
        request: request_id(1),
        reason: Reason::Business,
        ordered_by: "cora".to_owned(),
        note: String::new(),
        cut_off: UnixTime(30),
        fallback: "cash".to_owned(),
        resume_expected: None,
        delay: may_owe.then_some(delay),
    }))
}

fn resume() -> Change {
    Change::Resume(Box::new(Resume {
        request: request_id(1),
        reason: Reason::Business,
        ordered_by: "cora".to_owned(),
        note: String::new(),
        tests: vec![],
        window: None,
    }))
}

/// This campaign, by the request of that number, for terminal 1.
async fn add(
    registry: &dyn Registry,
    campaign: u8,
    request: u8,
    change: Change,
) -> Result<(), NotBegun> {
    let new = NewDeactivation {
        campaign: NewCampaign { change, ..new_campaign(campaign) },
        clearances: [].into(),
        members: vec![terminal_id(1)],
        request: request_id(request),
        plan: "{}".to_owned(),
        answered: [].into(),
        announcement: None,
        untold: None,
        close_store: Some("hana".to_owned()),
    };
    let added = registry.add_deactivation(&new, &by("op", 10)).await.expect("it is looked at");
    added.map(|_| ())
}

/// Its order is out.
async fn start(registry: &dyn Registry, campaign: u8) {
    start_created(registry, campaign, &[1], AfterStart::Run).await;
    assert!(issue(registry, &order(campaign, 1, campaign.into())).await);
}

async fn ended(registry: &dyn Registry, campaign: u8, now: &str, notes: &[String]) {
    let piece = |note: &String| Evidence {
        step: "settle".to_owned(),
        at: UnixTime(40),
        note: note.clone(),
        digest: None,
    };
    let evidence = notes.iter().map(piece).collect();
    let outcome = Outcome::Succeeded { now: now.to_owned() };
    let report = said(order_id(campaign, 1, 1), Said::Finished { outcome, evidence }, 45);
    registry.apply(&[heard(campaign.into(), report)]).await.expect("it is applied");
}

async fn end(registry: &dyn Registry, campaign: u8) {
    let seen = registry.campaign(campaign_id(campaign)).await.expect("it is asked");
    let seen = seen.expect("it is known");
    registry.move_campaign(&seen, CampaignEvent::End, &by("plan", 60)).await.expect("it ends");
}

async fn facts(registry: &dyn Registry) -> ServiceFacts {
    let facts = registry.service_facts(&[terminal_id(1)]).await.expect("they are looked up");
    facts.into_iter().next().expect("it is known")
}

fn owed() -> Owed {
    Owed::of("alpha").in_batches(5, 1_250, "CNY").unsent(1, 2)
}

/// Terminal 1 was suspended by campaign 1, of a request of this kind, and owes something.
async fn owing(registry: &dyn Registry, kind: RequestKind) {
    enrol(registry, 1, 1).await;
    accepted_to(registry, 1, kind).await;
    add(registry, 1, 1, suspend(true)).await.expect("nothing is in its way");
    start(registry, 1).await;
    let notes = ["the host is away".to_owned(), owed().to_string()];
    ended(registry, 1, SUSPENDED_OWING, &notes).await;
    end(registry, 1).await;
}

pub(super) async fn what_a_stopped_terminal_owes_is_kept_until_it_has_settled_or_sells(
    registry: &dyn Registry,
) {
    owing(registry, RequestKind::Decommission).await;
    let found = facts(registry).await;
    assert_eq!(found.service, Service::SuspendedOwing);
    assert_eq!(found.service_order, Some(order_id(1, 1, 1)));
    let wanted = Owing {
        owed: vec![owed()],
        settled_by: SETTLED_BY,
        reason: "the host is down".to_owned(),
        accepted_by: "hana".to_owned(),
    };
    assert_eq!(found.owing, Some(wanted));
    let selling = registry.selling_besides(&["berlin-1".to_owned()], &[], UnixTime(60)).await;
    assert_eq!(selling.expect("they are counted").get("berlin-1"), Some(&0), "it sells nothing");

    add(registry, 2, 1, suspend(false)).await.expect("it may settle");
    start(registry, 2).await;
    ended(registry, 2, SUSPENDED, &[]).await;
    let found = facts(registry).await;
    assert_eq!((found.service, found.owing), (Service::Suspended, None));
    assert_eq!(found.service_order, Some(order_id(2, 1, 1)));
    end(registry, 2).await;

    accepted_to(registry, 2, RequestKind::Suspend).await;
    add(registry, 3, 2, suspend(true)).await.expect("it is stopped anew");
    start(registry, 3).await;
    ended(registry, 3, SUSPENDED_OWING, &[]).await;
    assert_eq!(facts(registry).await.owing.map(|it| it.owed), Some(vec![]));
    end(registry, 3).await;
    accepted_to(registry, 3, RequestKind::Resume).await;
    add(registry, 4, 3, resume()).await.expect("it may sell again");
    start(registry, 4).await;
    ended(registry, 4, "in service", &[]).await;
    let found = facts(registry).await;
    assert_eq!((found.service, found.owing), (Service::InService, None));
}

pub(super) async fn a_suspension_goes_on_for_another_only_where_it_allows_to_settle_later(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    for number in 1..=3 {
        accepted_to(registry, number, RequestKind::Suspend).await;
    }
    add(registry, 1, 1, suspend(false)).await.expect("nothing is in its way");
    start(registry, 1).await;
    let refused = add(registry, 2, 2, suspend(false)).await;
    let (terminal, campaign) = (terminal_id(1), campaign_id(1));
    assert_eq!(refused, Err(NotBegun::InAnotherChange { terminal, campaign }));
    let refused = add(registry, 2, 2, resume()).await;
    assert_eq!(refused, Err(NotBegun::InAnotherChange { terminal, campaign }));
    add(registry, 2, 2, suspend(true)).await.expect("it takes the place of the one that waits");
    add(registry, 3, 3, suspend(true)).await.expect("and so may one with a larger sum");
}

pub(super) async fn a_suspension_is_taken_up_again_only_for_those_that_owe_something(
    registry: &dyn Registry,
) {
    owing(registry, RequestKind::Suspend).await;
    add(registry, 2, 1, suspend(false)).await.expect("it owes something");
    start(registry, 2).await;
    ended(registry, 2, SUSPENDED, &[]).await;
    let early = add(registry, 3, 1, suspend(false)).await;
    assert!(matches!(early, Err(NotBegun::Request(_))), "campaign 2 is not over: {early:?}");
    end(registry, 2).await;
    let settled = add(registry, 3, 1, suspend(false)).await;
    assert!(matches!(settled, Err(NotBegun::Request(_))), "it owes nothing: {settled:?}");
}

pub(super) async fn a_change_of_service_that_is_refused_changes_nothing(registry: &dyn Registry) {
    owing(registry, RequestKind::Decommission).await;
    accepted_to(registry, 2, RequestKind::Suspend).await;
    add(registry, 2, 2, suspend(false)).await.expect("nothing is in its way");
    let told = async || {
        let request = registry.request(request_id(1)).await.expect("asked").expect("it is known");
        let log = registry.audit(&Page::first(1000)).await.expect("it is read").len();
        (request.state, request.campaign, log)
    };
    let before = told().await;
    assert_eq!((before.0, before.1), (RequestState::Scheduled, Some(campaign_id(1))));
    let refused = add(registry, 3, 1, suspend(false)).await;
    assert!(matches!(refused, Err(NotBegun::InAnotherChange { .. })), "{refused:?}");
    assert_eq!(told().await, before);
}
