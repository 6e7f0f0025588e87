//! Suspensions: what a stopped terminal owes, and which change of service may follow on which.

use shared::change::rebind::Reason;
use shared::change::{Change, Covers, SettlementDelay, Suspend};
use shared::digest::Digest;
use shared::document::receipt::{Evidence, Said};
use shared::message::{Hello, Stands};
use shared::outcome::{Failure, FailureCode, Outcome};
use shared::owed::{Owed, SUSPENDED, SUSPENDED_OWING};
use shared::time::UnixTime;

use super::backups::{hand_in, snapshot};
use super::fixture::*;
use super::followed::resume;
use super::requests::{accepted_to, request_id};
use super::retention::{one_available, prove};
use crate::campaign::state::CampaignEvent;
use crate::deactivation::watch;
use crate::registry::Registry;
use crate::registry::campaign::{AfterStart, NewCampaign};
use crate::registry::deactivation::{NewDeactivation, Owing, ServiceFacts};
use crate::registry::delivery::{Heard, Saying};
use crate::registry::page::Page;
use crate::registry::rebind::NotBegun;
use crate::registry::terminal::Service;
use crate::request::{RequestKind, RequestState};

const SETTLED_BY: UnixTime = UnixTime(9_000);

pub(super) fn suspend(may_owe: bool) -> Change {
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
        is_given_up: false,
    }))
}

/// This campaign, by the request of that number, for terminal 1.
pub(super) async fn add(
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
pub(super) async fn start(registry: &dyn Registry, campaign: u8) {
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

pub(super) async fn end(registry: &dyn Registry, campaign: u8) {
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
pub(super) async fn owing(registry: &dyn Registry, kind: RequestKind) {
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
    assert_eq!(found.stopped_by, Some(order_id(1, 1, 1)), "it has stood still since");
    end(registry, 2).await;

    accepted_to(registry, 2, RequestKind::Suspend).await;
    add(registry, 3, 2, suspend(true)).await.expect("it is stopped anew");
    start(registry, 3).await;
    ended(registry, 3, "stopped", &[]).await;
    let found = facts(registry).await;
    assert_eq!(found.service, Service::SuspendedOwing, "no other word says that it has settled");
    assert_eq!(found.owing.map(|it| it.owed), Some(vec![]));
    end(registry, 3).await;
    accepted_to(registry, 3, RequestKind::Resume).await;
    add(registry, 4, 3, resume()).await.expect("it may sell again");
    start(registry, 4).await;
    ended(registry, 4, "in service", &[]).await;
    let found = facts(registry).await;
    assert_eq!((found.service, found.owing), (Service::InService, None));
    assert_eq!(found.stopped_by, None);
}

pub(super) async fn a_terminal_has_stopped_by_the_order_that_stopped_it_whichever_took_over(
    registry: &dyn Registry,
) {
    let stopped = one_takes_over(registry).await;
    let end_of = |campaign, outcome, evidence| {
        said(order_id(campaign, 1, 1), Said::Finished { outcome, evidence }, 45)
    };
    let superseded = end_of(1, Outcome::Superseded, vec![stopped]);
    registry.apply(&[heard(1, superseded)]).await.expect("it is applied");
    assert_eq!(facts(registry).await.service, Service::InService, "it has not signed more");
    ended(registry, 2, SUSPENDED_OWING, &[]).await;
    let found = facts(registry).await;
    assert_eq!(found.service_order, Some(order_id(2, 1, 1)));
    assert_eq!(found.stopped_by, Some(order_id(1, 1, 1)));
    assert_eq!(counts(registry, 2, 50).await, (1, 0), "it has its time still");
    watch::look(registry, UnixTime(SETTLED_BY.0 + 1)).await.expect("it is looked at");
    assert_eq!(counts(registry, 2, 50).await, (1, 1));
}

/// A second suspension takes over from the first; gives how the first tells that it had stopped.
async fn one_takes_over(registry: &dyn Registry) -> Evidence {
    enrol(registry, 1, 1).await;
    for number in 1..=2 {
        accepted_to(registry, number, RequestKind::Suspend).await;
    }
    add(registry, 1, 1, suspend(false)).await.expect("nothing is in its way");
    start(registry, 1).await;
    add(registry, 2, 2, suspend(true)).await.expect("it takes the place of the one that waits");
    start(registry, 2).await;
    Evidence {
        step: "stop".to_owned(),
        at: UnixTime(31),
        note: "trading is stopped".to_owned(),
        digest: None,
    }
}

/// How many take part in this campaign, and how many of them owe for too long.
async fn counts(registry: &dyn Registry, campaign: u8, now: i64) -> (u64, u64) {
    let counts = registry.deactivation_counts(campaign_id(campaign), UnixTime(now)).await;
    let counts = counts.expect("they are counted");
    assert_eq!((counts.at_risk, counts.late_items), (0, 0));
    (counts.terminals, counts.late)
}

pub(super) async fn what_people_took_back_has_stopped_nothing(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    accepted_to(registry, 1, RequestKind::Suspend).await;
    add(registry, 1, 1, suspend(false)).await.expect("nothing is in its way");
    start(registry, 1).await;
    let outcome = Outcome::Cancelled { reason: "it stays open".to_owned() };
    let report = said(order_id(1, 1, 1), Said::Finished { outcome, evidence: vec![] }, 45);
    registry.apply(&[heard(1, report)]).await.expect("it is applied");
    let found = facts(registry).await;
    assert_eq!((found.service, found.stopped_by), (Service::InService, None));
}

pub(super) async fn what_had_stopped_and_was_taken_back_stands_still_no_more(
    registry: &dyn Registry,
) {
    let stopped = one_takes_over(registry).await;
    let taken_back = Outcome::RolledBack {
        failure: Failure {
            code: FailureCode::Withdrawn,
            step: "settle".to_owned(),
            detail: "it stays open".to_owned(),
        },
    };
    for (campaign, outcome, evidence, stopped_by) in [
        (1, Outcome::Superseded, vec![stopped], Some(order_id(1, 1, 1))),
        (2, taken_back, vec![], None),
    ] {
        let end = Said::Finished { outcome, evidence };
        let report = said(order_id(campaign, 1, 1), end, 45);
        registry.apply(&[heard(campaign.into(), report)]).await.expect("it is applied");
        assert_eq!(facts(registry).await.stopped_by, stopped_by);
    }
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

async fn says(registry: &dyn Registry, hello: Hello) {
    let heard = Heard { terminal: terminal_id(1), at: UnixTime(70), saying: Saying::Hello(hello) };
    registry.apply(&[heard]).await.expect("it is applied");
}

/// Terminal 1 was suspended by campaign 1, and has signed that it saved this.
async fn suspended(registry: &dyn Registry, saved: Option<Digest>) {
    accepted_to(registry, 1, RequestKind::Decommission).await;
    add(registry, 1, 1, suspend(false)).await.expect("nothing is in its way");
    start(registry, 1).await;
    let piece = |step: &str, digest| Evidence {
        step: step.to_owned(),
        at: UnixTime(40),
        note: "as it was".to_owned(),
        digest,
    };
    let evidence = vec![piece("save", saved), piece("confirm", Some(Digest([9; 32])))];
    let outcome = Outcome::Succeeded { now: SUSPENDED.to_owned() };
    let report = said(order_id(1, 1, 1), Said::Finished { outcome, evidence }, 45);
    registry.apply(&[heard(1, report)]).await.expect("it is applied");
    end(registry, 1).await;
}

pub(super) async fn what_stands_still_does_so_when_it_has_enrolled_anew(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    suspended(registry, None).await;
    let before = facts(registry).await;
    assert_eq!(enrol(registry, 1, 2).await.service, Service::Suspended);
    let after = facts(registry).await;
    assert_eq!((after.epoch, after.challenge), (before.epoch + 1, None));
    let standing = |it: &ServiceFacts| (it.service, it.service_order, it.service_at);
    assert_eq!(standing(&after), standing(&before));

    // Whoever has new books says that it knows of no settlement; what it says of less is late.
    let new = Hello {
        stands: Some(Stands::SuspendedOwing),
        outbox_depth: 0,
        outbox_acknowledged: 0,
        ..hello(after.epoch, 0)
    };
    says(registry, Hello { stands: Some(Stands::Suspended), ..new.clone() }).await;
    says(registry, Hello { outbox_depth: 1, ..new.clone() }).await;
    assert_eq!(facts(registry).await.service, Service::Suspended);
    says(registry, new).await;
    let found = facts(registry).await;
    assert_eq!(found.service, Service::SuspendedOwing);
    assert_eq!(found.service_order, before.service_order);
    let owing = found.owing.expect("nobody knows what");
    assert_eq!((owing.owed, owing.reason.as_str()), (vec![], "the terminal has lost its books"));
    assert_eq!(enrol(registry, 1, 3).await.service, Service::SuspendedOwing);
    assert!(facts(registry).await.owing.is_some());
    add(registry, 2, 1, suspend(false)).await.expect("it may settle, and be saved");
}

pub(super) async fn what_a_suspension_has_saved_is_what_counts_while_it_lasts(
    registry: &dyn Registry,
) {
    one_available(registry).await;
    let own = snapshot(1).digest;
    assert_eq!(facts(registry).await.saved.map(|it| it.0), Some(own));
    suspended(registry, Some(own)).await;
    hand_in(registry, 2).await.expect("a later one");
    prove(registry).await;
    assert_eq!(facts(registry).await.saved.map(|it| it.0), Some(own), "no later one");
    let holding = registry.holding(terminal_id(1)).await.expect("it is looked up");
    let held = holding.expect("it has some").snapshots.into_iter().filter(|it| it.is_held);
    assert_eq!(held.map(|it| it.manifest).collect::<Vec<_>>(), [own], "it does not expire");
}

pub(super) async fn what_a_suspension_has_saved_and_nobody_has_verified_is_not_saved(
    registry: &dyn Registry,
) {
    one_available(registry).await;
    suspended(registry, Some(Digest([8; 32]))).await;
    assert_eq!(facts(registry).await.saved, None, "an older one is no substitute");
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
