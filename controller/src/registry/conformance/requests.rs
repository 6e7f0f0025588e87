//! Requests, and what stands still when somebody finds something suspicious.

use std::collections::BTreeMap;

use shared::change::rebind::Reason;
use shared::document::receipt::Said;
use shared::id::{OrderId, RequestId, TerminalId};
use shared::message::Suspicion as Reported;
use shared::time::UnixTime;

use super::fixture::*;
use crate::campaign::state::CampaignEvent;
use crate::registry::campaign::{AfterStart, Purpose};
use crate::registry::delivery::{AlarmKind, Heard, NewOrder, Report};
use crate::registry::page::Page;
use crate::registry::position::PutPosition;
use crate::registry::rebind::{NewRebind, NewWave};
use crate::registry::request::NewRequest;
use crate::registry::{Registry, RegistryError};
use crate::request::suspicion::{NewSuspicion, NotLifted, OPEN_MAX, Scope, Suspicion};
use crate::request::{
    Asked, Channel, Method, Request, RequestEvent, RequestKind, RequestRefused, RequestState,
};

const NOW: UnixTime = UnixTime(30);

pub(super) fn request_id(number: u8) -> RequestId {
    RequestId::from_bytes([number; 16])
}

async fn ask(registry: &dyn Registry, number: u8) -> Request {
    ask_to(registry, number, RequestKind::Rebind).await
}

async fn ask_to(registry: &dyn Registry, number: u8, kind: RequestKind) -> Request {
    let asked = Asked {
        requester: "cora".to_owned(),
        channel: Channel::Telephone,
        reason: Reason::Fee,
        note: String::new(),
        from: "alpha".to_owned(),
        to: "beta".to_owned(),
        selector: "store=berlin-1".to_owned(),
        fallback: Some("cash".to_owned()),
        clause: Some("7.2".to_owned()),
        waiver: None,
        attachments: vec![],
    };
    let new = NewRequest { id: request_id(number), kind, asked };
    registry.add_request(&new, &by("ana", 5)).await.expect("it is written down")
}

/// A request that can be scheduled.
pub(super) async fn accepted(registry: &dyn Registry, number: u8) {
    accepted_to(registry, number, RequestKind::Rebind).await;
}

/// As [`accepted`], for something else.
pub(super) async fn accepted_to(registry: &dyn Registry, number: u8, kind: RequestKind) {
    let (id, by) = (ask_to(registry, number, kind).await.id, by("ben", 6));
    let verified = registry.verify_request(id, Method::CallBack, "+49 30 1", &by).await;
    verified.expect("it is known").expect("it is verified");
    registry.review_request(id, true, &by).await.expect("it is known").expect("it is accepted");
}

async fn verify(registry: &dyn Registry, who: &str) -> Result<RequestState, RequestRefused> {
    let (method, by) = (Method::CallBack, by(who, 6));
    let verified = registry.verify_request(request_id(1), method, "+49 30 1", &by).await;
    verified.expect("it is known").map(|it| it.state)
}

async fn accept(registry: &dyn Registry, who: &str) -> Result<RequestState, RequestRefused> {
    let reviewed = registry.review_request(request_id(1), true, &by(who, 7)).await;
    reviewed.expect("it is known").map(|it| it.state)
}

async fn schedule(registry: &dyn Registry, campaign: u8) -> Result<RequestState, RequestRefused> {
    let by = by("planner", 8);
    let scheduled = registry.schedule_request(request_id(1), campaign_id(campaign), &by).await;
    scheduled.expect("both are known").map(|it| it.state)
}

async fn end(registry: &dyn Registry, event: RequestEvent) -> Result<RequestState, RequestRefused> {
    let ended = registry.end_request(request_id(1), event, &by("ben", 9)).await;
    ended.expect("it is known").map(|it| it.state)
}

async fn stored(registry: &dyn Registry) -> Request {
    registry.request(request_id(1)).await.expect("it is asked").expect("it is known")
}

/// The request is accepted, and campaign 1, a draft, carries it out.
async fn scheduled(registry: &dyn Registry) {
    ask(registry, 1).await;
    verify(registry, "ben").await.expect("it is verified");
    accept(registry, "ben").await.expect("it is accepted");
    registry.add_campaign(&new_campaign(1), &by("op", 10)).await.expect("it is created");
    schedule(registry, 1).await.expect("it is scheduled");
}

pub(super) async fn a_request_goes_its_way_and_only_its_way(registry: &dyn Registry) {
    let made = ask(registry, 1).await;
    assert_eq!((made.state, made.created_by.as_str()), (RequestState::Requested, "ana"));
    let (name, what) = ("ANA".to_owned(), "verify");
    let same = RequestRefused::SamePerson { name, what };
    assert_eq!(verify(registry, "ANA").await, Err(same));
    assert_eq!(accept(registry, "ben").await, Err(RequestRefused::Unverified));
    assert_eq!(verify(registry, "ben").await, Ok(RequestState::Verified));
    let how = stored(registry).await.verification.expect("it is kept");
    assert_eq!((how.by.as_str(), how.contact.as_str(), how.at), ("ben", "+49 30 1", UnixTime(6)));
    assert_eq!(accept(registry, "ben").await, Ok(RequestState::Accepted));
    assert_eq!(
        stored(registry).await.review.map(|it| (it.is_accepted, it.by)),
        Some((true, "ben".to_owned()))
    );
    ask(registry, 2).await;
    let page = registry.requests(&Page::first(1)).await.expect("a list");
    assert_eq!(page.iter().map(|it| it.id).collect::<Vec<_>>(), [request_id(2)]);
    let page = registry.requests(&Page::after(request_id(2), 9)).await.expect("a list");
    assert_eq!(page.iter().map(|it| it.id).collect::<Vec<_>>(), [request_id(1)]);
    let again = NewRequest { id: made.id, kind: made.kind, asked: made.asked };
    let again = registry.add_request(&again, &by("ana", 5)).await;
    assert!(matches!(again, Err(RegistryError::Exists { .. })), "{again:?}");
    let audit = registry.audit(&Page::first(99)).await.expect("a list");
    for what in ["request-made", "request-verified", "request-accepted"] {
        assert!(audit.iter().any(|it| it.what == what), "{what}");
    }
}

pub(super) async fn a_request_that_nobody_verified_is_never_scheduled(registry: &dyn Registry) {
    ask(registry, 1).await;
    registry.add_campaign(&new_campaign(1), &by("op", 10)).await.expect("it is created");
    assert_eq!(schedule(registry, 1).await, Err(RequestRefused::Unverified));
    verify(registry, "ben").await.expect("it is verified");
    assert_eq!(schedule(registry, 1).await, Err(RequestRefused::NotAccepted));
    accept(registry, "ben").await.expect("it is accepted");
    suspect(registry, Scope::Request(request_id(1)), "a").await;
    assert_eq!(schedule(registry, 1).await, Err(RequestRefused::Frozen));
    assert_eq!(stored(registry).await.campaign, None);
}

pub(super) async fn a_request_ends_when_its_campaign_has(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    scheduled(registry).await;
    let of = registry.request_of(campaign_id(1)).await.expect("it is asked");
    assert_eq!(of.map(|it| it.id), Some(request_id(1)));
    let moving = RequestRefused::InMotion(campaign_id(1));
    for event in [RequestEvent::Cancel, RequestEvent::Unschedule, RequestEvent::Close] {
        assert_eq!(end(registry, event).await, Err(moving.clone()));
    }
    let (state, event) = (RequestState::Scheduled, RequestEvent::Freeze);
    let refused = RequestRefused::State { state, event };
    assert_eq!(end(registry, event).await, Err(refused), "that has a way of its own");
    let draft = registry.campaign(campaign_id(1)).await.expect("asked").expect("known");
    let aborted = registry.move_campaign(&draft, CampaignEvent::Abort, &by("op", 12)).await;
    aborted.expect("it is aborted");
    assert_eq!(end(registry, RequestEvent::Unschedule).await, Ok(RequestState::Accepted));
    registry.add_campaign(&new_campaign(2), &by("op", 10)).await.expect("it is created");
    assert_eq!(schedule(registry, 2).await, Ok(RequestState::Scheduled));
    let late = registry.schedule_request(request_id(1), campaign_id(1), &by("op", 13)).await;
    assert!(late.expect("known").is_err());
}

async fn suspect(registry: &dyn Registry, scope: Scope, source: &str) -> Suspicion {
    let (source, note) = (source.to_owned(), "they asked for a password".to_owned());
    let new = NewSuspicion { scope, source, note };
    registry.suspect(&new, &by("ana", 25)).await.expect("the scope is known")
}

async fn lift(registry: &dyn Registry, number: u64, who: &str) -> Result<bool, NotLifted> {
    let lifted = registry.lift_suspicion(number, &by(who, 40)).await.expect("it is known");
    lifted.map(|it| it.lifted.is_some())
}

async fn owed(registry: &dyn Registry, terminal: u8) -> Vec<OrderId> {
    let owed = registry.owed(&[terminal_id(terminal)], 9, NOW).await.expect("it is asked");
    owed.into_iter().map(|it| it.order).collect()
}

async fn is_frozen(registry: &dyn Registry, terminal: u8) -> bool {
    let found = registry.terminals_of(&[terminal_id(terminal)]).await.expect("a list");
    let one = registry.terminal(terminal_id(terminal)).await.expect("it is asked");
    let one = one.expect("it is known").is_frozen;
    assert_eq!(found[0].is_frozen, one);
    assert_eq!(prospect(registry, terminal).await.is_frozen, one);
    one
}

fn this(terminal: u8) -> Scope {
    Scope::Terminal(terminal_id(terminal))
}

pub(super) async fn what_is_suspicious_gets_no_order_and_is_sent_none(registry: &dyn Registry) {
    let sent = one_order(registry).await;
    enrol(registry, 2, 1).await;
    start(registry, 2, &[1, 2]).await;
    let changes = async || registry.fleet_tally().await.expect("a tally").upheavals;
    let before = changes().await;
    let raised = suspect(registry, this(1), "a").await;
    assert!(changes().await > before, "plans are made anew");
    assert!(is_frozen(registry, 1).await && !is_frozen(registry, 2).await);
    assert_eq!(owed(registry, 1).await, []);
    assert!(!issue(registry, &order(2, 1, 2)).await);
    assert!(issue(registry, &order(2, 2, 1)).await, "nobody suspects the other one");
    // What ends an order is sent all the same.
    let campaign = registry.campaign(campaign_id(1)).await.expect("asked").expect("known");
    let aborted = registry.move_campaign(&campaign, CampaignEvent::Abort, &by("op", 26)).await;
    aborted.expect("it is aborted");
    registry.put_batch(&batch(1, Purpose::Cancel)).await.expect("it is stored");
    let cancel = NewOrder {
        id: order_id(1, 1, 9),
        purpose: Purpose::Cancel,
        batch: batch(1, Purpose::Cancel).digest,
        ..order(1, 1, 2)
    };
    assert!(issue(registry, &cancel).await);
    assert_eq!(owed(registry, 1).await, [cancel.id]);
    assert_ne!(cancel.id, sent);
    assert_eq!(lift(registry, raised.number, "ana").await, Ok(false));
    assert!(is_frozen(registry, 1).await, "one person has said so");
    assert_eq!(lift(registry, raised.number, "ben").await, Ok(true));
    assert!(!is_frozen(registry, 1).await);
    assert!(issue(registry, &order(2, 1, 3)).await);
}

pub(super) async fn a_store_and_a_request_freeze_what_belongs_to_them(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    scheduled(registry).await;
    start(registry, 2, &[1]).await;
    let store = suspect(registry, Scope::Store("berlin-1".to_owned()), "a").await;
    assert!(is_frozen(registry, 1).await);
    assert!(!issue(registry, &order(2, 1, 1)).await);
    lift(registry, store.number, "ana").await.expect("asked");
    lift(registry, store.number, "ben").await.expect("lifted");
    assert!(issue(registry, &order(2, 1, 1)).await);
    assert_eq!(owed(registry, 1).await.len(), 1);

    let lane = PutPosition {
        store: "berlin-1".to_owned(),
        lane: "1".to_owned(),
        merchant: Some("the chain".to_owned()),
        merchant_class: None,
        fallback: None,
    };
    let position = registry.put_position(&lane, &by("op", 5)).await.expect("it is set");
    let filled = registry.fill_position(position.id, terminal_id(1), &by("op", 5)).await;
    filled.expect("both are known").expect("it is filled");
    let merchant = suspect(registry, Scope::Merchant("the chain".to_owned()), "a").await;
    assert!(is_frozen(registry, 1).await);
    assert_eq!(owed(registry, 1).await, [], "what was not accepted stays here");
    lift(registry, merchant.number, "ana").await.expect("asked");
    lift(registry, merchant.number, "ben").await.expect("lifted");
    assert!(!is_frozen(registry, 1).await);
    assert_eq!(owed(registry, 1).await.len(), 1);

    let of = |source| (Scope::Request(request_id(1)), source);
    let (scope, source) = of("a");
    let one = suspect(registry, scope, source).await;
    let (scope, source) = of("b");
    let two = suspect(registry, scope, source).await;
    let frozen = stored(registry).await;
    assert_eq!(frozen.state, RequestState::Frozen);
    assert_eq!(frozen.frozen_from, Some(RequestState::Scheduled));
    assert!(!is_frozen(registry, 1).await, "other campaigns go on there");
    let rejected = registry.review_request(request_id(1), false, &by("ben", 28)).await;
    let moving = RequestRefused::InMotion(campaign_id(1));
    assert_eq!(rejected.expect("it is known"), Err(moving), "one person lifts nothing");
    for number in [one.number, two.number] {
        assert_eq!(stored(registry).await.state, RequestState::Frozen);
        lift(registry, number, "ana").await.expect("asked");
        lift(registry, number, "ben").await.expect("lifted");
    }
    let goes_on = stored(registry).await;
    assert_eq!((goes_on.state, goes_on.frozen_from), (RequestState::Scheduled, None));
    let open = registry.suspicions(false, &Page::first(9)).await.expect("a list");
    let ever = registry.suspicions(true, &Page::first(9)).await.expect("a list");
    assert_eq!((open.len(), ever.len()), (0, 4));
    let strangers = [
        Scope::Terminal(TerminalId::from_bytes([9; 16])),
        Scope::Store("nowhere".to_owned()),
        Scope::Merchant("nobody".to_owned()),
        Scope::Request(request_id(9)),
    ];
    for scope in strangers {
        let new = NewSuspicion { scope, source: "a".to_owned(), note: "x".to_owned() };
        let refused = registry.suspect(&new, &by("ana", 25)).await;
        assert!(matches!(refused, Err(RegistryError::Missing { .. })), "{refused:?}");
    }
}

pub(super) async fn a_release_and_a_suspicion_in_the_same_instant_do_not_both_win(
    registry: &dyn Registry,
) {
    for number in 1..=8 {
        enrol(registry, number, 1).await;
    }
    start(registry, 1, &[1, 2, 3, 4, 5, 6, 7, 8]).await;
    for number in 1..=8 {
        let release = async {
            loop {
                let order = order(1, number, 1);
                let orders = std::slice::from_ref(&order);
                match registry.issue(order.campaign, order.purpose, orders, NOW).await {
                    Err(RegistryError::Contended) => {}
                    issued => break issued.expect("orders are issued").len(),
                }
            }
        };
        let (_, raised) = tokio::join!(release, suspect(registry, this(number), "a"));
        assert!(raised.lifted.is_none() && is_frozen(registry, number).await);
        assert_eq!(owed(registry, number).await, [], "released or not, nothing is sent");
        assert!(!issue(registry, &order(1, number, 1)).await, "and nothing is released after");
    }
}

pub(super) async fn it_takes_two_names_to_lift_a_suspicion(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    let raised = suspect(registry, this(1), "a").await;
    let number = raised.number;
    assert_eq!(suspect(registry, this(1), "a").await, raised, "the same report again");
    assert_eq!(lift(registry, number, "ana").await, Ok(false));
    for same in ["ana", "Ana", " ana"] {
        let refused = NotLifted::SamePerson { number, by: same.to_owned() };
        assert_eq!(lift(registry, number, same).await, Err(refused));
    }
    // Somebody else finds it suspicious too: what was said before did not know of that.
    let second = suspect(registry, this(1), "b").await;
    assert_eq!(lift(registry, number, "ben").await, Ok(false));
    assert_eq!(lift(registry, number, "cal").await, Ok(true));
    assert!(is_frozen(registry, 1).await, "the second one stands");
    assert_eq!(lift(registry, second.number, "ana").await, Ok(false));
    assert_eq!(lift(registry, second.number, "ben").await, Ok(true));
    let over = lift(registry, second.number, "cal").await;
    assert!(matches!(over, Err(NotLifted::Lifted { .. })), "{over:?}");
    let audit = registry.audit(&Page::first(99)).await.expect("a list");
    for (what, who) in [("unfreeze-asked", "ana"), ("suspicion-lifted", "cal")] {
        assert!(audit.iter().any(|it| it.what == what && it.who == who), "{what}");
    }
    assert_eq!(registry.alarms(&Page::first(9)).await.expect("a list"), []);
    let tally = registry.fleet_tally().await.expect("a tally");
    assert_eq!((tally.alarms, tally.suspicions), (0, 0));
}

pub(super) async fn every_suspicion_raises_an_alarm_that_ends_when_it_is_lifted(
    registry: &dyn Registry,
) {
    ask(registry, 1).await;
    enrol(registry, 1, 1).await;
    registry.add_claim(&claim(2, 1), &by("op", 5)).await.expect("it is claimed");
    for (store, merchant) in [("empty", "nobody yet"), ("berlin-1", "the chain")] {
        let lane = PutPosition {
            store: store.to_owned(),
            lane: "1".to_owned(),
            merchant: Some(merchant.to_owned()),
            merchant_class: None,
            fallback: None,
        };
        let position = registry.put_position(&lane, &by("op", 5)).await.expect("it is set");
        if merchant == "the chain" {
            let filled = registry.fill_position(position.id, terminal_id(1), &by("op", 5)).await;
            filled.expect("both are known").expect("it is filled");
        }
    }
    let one = Some(terminal_id(1));
    let scopes = [
        (this(1), one),
        (Scope::Store("berlin-1".to_owned()), one),
        (Scope::Store("empty".to_owned()), None),
        (Scope::Merchant("the chain".to_owned()), one),
        (Scope::Merchant("nobody yet".to_owned()), None),
        (Scope::Request(request_id(1)), None),
    ];
    for (scope, terminal) in scopes {
        // The same again, and again after it was lifted, is no other alarm.
        let source = format!("{scope}, somebody called");
        let raised = suspect(registry, scope.clone(), &source).await;
        assert_eq!(suspect(registry, scope.clone(), &source).await, raised);
        let alarms = registry.alarms(&Page::first(9)).await.expect("a list");
        let [(_, alarm)] = alarms.as_slice() else { panic!("{scope}: {alarms:?}") };
        assert_eq!((alarm.kind, alarm.terminal), (AlarmKind::Suspicion, terminal), "{scope}");
        assert!(alarm.detail.contains(&scope.to_string()), "{}", alarm.detail);
        let tally = registry.fleet_tally().await.expect("a tally");
        assert_eq!((tally.alarms, tally.suspicions), (1, 1), "{scope}");
        lift(registry, raised.number, "ana").await.expect("asked");
        lift(registry, raised.number, "ben").await.expect("lifted");
        suspect(registry, scope.clone(), &source).await;
        let tally = registry.fleet_tally().await.expect("a tally");
        assert_eq!((tally.alarms, tally.suspicions), (0, 0), "{scope}");
    }
    let ever = registry.alarms_ever(&Page::first(9)).await.expect("a list");
    assert_eq!(ever.len(), 6);
    assert!(ever.iter().all(|(_, it)| it.ended_at == Some(UnixTime(40))), "{ever:?}");
}

pub(super) async fn an_operator_can_suspect_a_terminal_as_often_as_it_takes(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    for time in 0..=OPEN_MAX {
        let raised = suspect(registry, this(1), &format!("call {time}")).await;
        assert_eq!(registry.fleet_tally().await.expect("a tally").alarms, 1, "call {time}");
        lift(registry, raised.number, "ana").await.expect("asked");
        lift(registry, raised.number, "ben").await.expect("lifted");
    }
}

/// What would be taken back of campaign 1, by terminal.
async fn to_recall(registry: &dyn Registry, campaign: u8) -> Vec<TerminalId> {
    let found =
        registry.assignments_to_recall(campaign_id(campaign), true, 9).await.expect("a list");
    found.into_iter().map(|it| it.terminal).collect()
}

fn recall(campaign: u8, terminal: u8, seq: u64) -> NewOrder {
    NewOrder {
        id: order_id(campaign, terminal, 9),
        purpose: Purpose::Recall,
        batch: batch(campaign, Purpose::Recall).digest,
        ..order(campaign, terminal, seq)
    }
}

pub(super) async fn what_a_suspicious_terminal_has_accepted_is_taken_back_from_it(
    registry: &dyn Registry,
) {
    for number in 1..=3 {
        enrol(registry, number, 1).await;
    }
    start(registry, 1, &[1, 2, 3]).await;
    registry.put_batch(&batch(1, Purpose::Recall)).await.expect("it is stored");
    for number in 1..=3 {
        assert!(issue(registry, &order(1, number, 1)).await);
    }
    let accepted = |number| {
        let report = said(order_id(1, number, 1), Said::Accepted, 20);
        Heard { terminal: terminal_id(number), ..heard(1, report) }
    };
    registry.apply(&[accepted(1), accepted(2)]).await.expect("it is applied");
    assert_eq!(to_recall(registry, 1).await, []);
    assert!(!issue(registry, &recall(1, 1, 2)).await, "nobody finds it suspicious");
    let raised = suspect(registry, this(1), "a").await;
    suspect(registry, this(3), "a").await;
    assert_eq!(to_recall(registry, 1).await, [terminal_id(1)], "3 has accepted nothing");
    let left_out = async || {
        let found = registry.assignments_to_recall(campaign_id(1), false, 9).await;
        found.expect("a list").into_iter().map(|it| it.terminal).collect::<Vec<_>>()
    };
    assert_eq!(left_out().await, [], "a suspicion is nobody's word to leave it out");
    suspect(registry, Scope::Store("berlin-1".to_owned()), "a").await;
    assert_eq!(to_recall(registry, 1).await, [terminal_id(1), terminal_id(2)]);
    assert!(issue(registry, &recall(1, 1, 2)).await);
    assert!(!issue(registry, &recall(1, 1, 3)).await, "once is enough");
    assert_eq!(to_recall(registry, 1).await, [terminal_id(2)]);
    assert_eq!(owed(registry, 1).await, [recall(1, 1, 2).id], "what ends an order is sent");
    let campaign = registry.campaign(campaign_id(1)).await.expect("asked").expect("known");
    let paused = registry.move_campaign(&campaign, CampaignEvent::Pause, &by("op", 26)).await;
    let paused = paused.expect("it is paused");
    assert_eq!(owed(registry, 1).await, [recall(1, 1, 2).id], "in a paused campaign too");
    assert!(issue(registry, &recall(1, 2, 2)).await);
    assert_eq!(to_recall(registry, 1).await, []);
    let aborted = registry.move_campaign(&paused, CampaignEvent::Abort, &by("op", 27)).await;
    aborted.expect("it is aborted");
    let open = registry.assignments_to_cancel(campaign_id(1), 9).await.expect("a list");
    assert_eq!(open.iter().map(|it| it.terminal).collect::<Vec<_>>(), [terminal_id(3)]);
    let late = registry.issue(campaign_id(1), Purpose::Recall, &[recall(1, 3, 2)], NOW).await;
    assert!(matches!(late, Err(RegistryError::CampaignMoved { .. })), "{late:?}");
    lift(registry, raised.number, "ana").await.expect("asked");
}

pub(super) async fn what_somebody_leaves_out_is_taken_back_suspicious_or_not(
    registry: &dyn Registry,
) {
    one_order(registry).await;
    let accepted = said(order_id(1, 1, 1), Said::Accepted, 20);
    registry.apply(&[heard(1, accepted)]).await.expect("it is applied");
    registry.skip(campaign_id(1), &[(terminal_id(1), 0)], &by("ana", 25)).await.expect("it is");
    for suspected in [true, false] {
        let found = registry.assignments_to_recall(campaign_id(1), suspected, 9).await;
        assert_eq!(found.expect("a list").len(), 1, "{suspected}");
    }
}

pub(super) async fn a_request_is_about_every_wave_of_its_change_of_provider(
    registry: &dyn Registry,
) {
    for number in [1, 2] {
        enrol(registry, number, 1).await;
    }
    ask(registry, 1).await;
    verify(registry, "ben").await.expect("it is verified");
    accept(registry, "ben").await.expect("it is accepted");
    let wave = |number| NewWave { campaign: new_campaign(number), profiles: BTreeMap::new() };
    let waves = vec![wave(1), wave(2)];
    let new = NewRebind {
        waves,
        plan: "{}".to_owned(),
        notices: vec![],
        request: request_id(1),
        bindings: vec![],
    };
    let added = registry.add_rebind(&new, &by("op", 10)).await.expect("it is looked at");
    added.expect("it is added");
    let of = registry.request_of(campaign_id(2)).await.expect("it is asked");
    assert_eq!(of.map(|it| it.id), Some(request_id(1)), "found by its second wave");
    start_created(registry, 2, &[1, 2], AfterStart::Run).await;
    assert!(issue(registry, &order(2, 1, 1)).await);
    let accepted = heard(1, said(order_id(2, 1, 1), Said::Accepted, 20));
    assert!(issue(registry, &order(2, 2, 1)).await);
    registry.apply(&[accepted]).await.expect("it is applied");
    let raised = suspect(registry, Scope::Request(request_id(1)), "a").await;
    assert_eq!(owed(registry, 2).await, [], "nothing of the second wave is sent");
    assert_eq!(to_recall(registry, 2).await, [terminal_id(1)]);
    assert_eq!(end(registry, RequestEvent::Close).await, Err(RequestRefused::Frozen));
    lift(registry, raised.number, "ana").await.expect("asked");
    lift(registry, raised.number, "ben").await.expect("lifted");
    assert_eq!(owed(registry, 2).await.len(), 1);
    let draft = registry.campaign(campaign_id(1)).await.expect("asked").expect("known");
    registry.move_campaign(&draft, CampaignEvent::Abort, &by("op", 12)).await.expect("aborted");
    for event in [RequestEvent::Cancel, RequestEvent::Unschedule, RequestEvent::Close] {
        let moving = RequestRefused::InMotion(campaign_id(2));
        assert_eq!(end(registry, event).await, Err(moving), "its second wave goes on");
    }
    let running = registry.campaign(campaign_id(2)).await.expect("asked").expect("known");
    registry.move_campaign(&running, CampaignEvent::Abort, &by("op", 12)).await.expect("aborted");
    for event in [RequestEvent::Cancel, RequestEvent::Unschedule, RequestEvent::Close] {
        let undoing = RequestRefused::InMotion(campaign_id(2));
        assert_eq!(end(registry, event).await, Err(undoing), "its terminals are not done");
    }
    registry.settle_campaign(campaign_id(2), UnixTime(13)).await.expect("it has ended");
    assert_eq!(end(registry, RequestEvent::Close).await, Ok(RequestState::Closed));
}

pub(super) async fn a_report_of_a_terminal_freezes_it_once(registry: &dyn Registry) {
    let sent = one_order(registry).await;
    let report = |at: i64| {
        let note = "who ordered this?".to_owned();
        Report::Suspicion(Reported { at: UnixTime(at), order: Some(sent), note })
    };
    registry.apply(&[heard(1, report(20))]).await.expect("it is applied");
    assert!(is_frozen(registry, 1).await);
    let alarms = registry.alarms(&Page::first(9)).await.expect("a list");
    assert_eq!(alarms.iter().map(|(_, it)| it.kind).collect::<Vec<_>>(), [AlarmKind::Suspicion]);
    let open = registry.suspicions(false, &Page::first(9)).await.expect("a list");
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].raised_by, terminal_id(1).to_string());
    lift(registry, open[0].number, "ana").await.expect("asked");
    lift(registry, open[0].number, "ben").await.expect("lifted");
    registry.apply(&[heard(1, report(20))]).await.expect("it is applied");
    assert!(!is_frozen(registry, 1).await, "the same report is not another suspicion");
    registry.apply(&[heard(2, report(20))]).await.expect("it is applied");
    assert!(is_frozen(registry, 1).await, "the clock of a till may stand still");
    let raised = registry.alarms(&Page::first(9)).await.expect("a list");
    assert_eq!(raised.len(), 1, "the first one's has ended: {raised:?}");
    let many: Vec<_> = (0..2 * u64::from(OPEN_MAX))
        .map(|it| heard(3 + it, report(100 + i64::try_from(it).expect("small"))))
        .collect();
    registry.apply(&many).await.expect("it is applied");
    assert!(is_frozen(registry, 1).await);
    let open = registry.suspicions(false, &Page::first(999)).await.expect("a list");
    assert_eq!(open.len(), OPEN_MAX as usize, "a till cannot fill the registry");
}
