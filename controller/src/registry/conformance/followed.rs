//! What the list of units and the audit log know of terminals that stop.

use std::collections::BTreeSet;

use shared::backup::{Selection, SnapshotOf};
use shared::change::rebind::Reason;
use shared::change::{Cancel, Change, Decommission, Restore, Resume, Suspend};
use shared::digest::Digest;
use shared::document::order::Stream;
use shared::document::receipt::Said;
use shared::id::{BatchId, OrderId, RepositoryId, TerminalId};
use shared::outcome::{Outcome, Refusal};
use shared::owed::SUSPENDED;
use shared::time::UnixTime;

use super::fixture::*;
use super::requests::request_id;
use super::units::{about, add, at, commission, move_on, plain};
use super::{positions, rebinds};
use crate::campaign::state::CampaignEvent;
use crate::registry::Registry;
use crate::registry::audit::AuditEntry;
use crate::registry::campaign::{NewCampaign, Purpose};
use crate::registry::delivery::{Alarm, AlarmKind, Heard, NewOrder, Report, Saying};
use crate::registry::page::Page;
use crate::registry::terminal::Service;
use crate::unit::custody::UnitStep;
use crate::unit::{UnitEvent, UnitState};

/// Of the terminal with the number 1.
pub(super) const SERIAL: &str = "SN-001";

pub(super) fn suspend(cut_off: i64) -> Change {
    Change::Suspend(Box::new(Suspend {
        request: request_id(1),
        reason: Reason::ContractEnd,
        ordered_by: "cora".to_owned(),
        note: String::new(),
        cut_off: UnixTime(cut_off),
        fallback: "pay in cash".to_owned(),
        resume_expected: None,
        delay: None,
        is_given_up: false,
    }))
}

pub(super) fn resume() -> Change {
    Change::Resume(Box::new(Resume {
        request: request_id(1),
        reason: Reason::ContractEnd,
        ordered_by: "cora".to_owned(),
        note: String::new(),
        tests: vec![],
        window: None,
    }))
}

pub(super) fn wipe() -> Change {
    Change::Decommission(Box::new(Decommission {
        request: request_id(1),
        reason: Reason::ContractEnd,
        ordered_by: "cora".to_owned(),
        note: String::new(),
        cool_off_s: 0,
        clearances: Digest([0; 32]),
        is_lost: false,
    }))
}

/// Terminal 1 is ordered this by a campaign of its own.
pub(super) async fn ordered(registry: &dyn Registry, campaign: u8, change: Change) -> OrderId {
    let new = NewCampaign { change, ..new_campaign(campaign) };
    start_of(registry, campaign, &new, &[1]).await;
    let approved = NewOrder { stream: Stream::Approved, ..order(campaign, 1, campaign.into()) };
    assert!(issue(registry, &approved).await);
    approved.id
}

pub(super) async fn hear(registry: &dyn Registry, seq: u64, report: Report) {
    registry.apply(&[heard(seq, report)]).await.expect("it is applied");
}

async fn service(registry: &dyn Registry) -> Service {
    let found = registry.terminal(terminal_id(1)).await.expect("it is asked");
    found.expect("it is known").service
}

async fn state(registry: &dyn Registry) -> UnitState {
    at(registry, SERIAL).await.state
}

async fn differing(registry: &dyn Registry) -> Vec<Alarm<Option<TerminalId>>> {
    let alarms = registry.alarms(&Page::first(100)).await.expect("they are listed");
    assert_eq!(registry.fleet_tally().await.expect("it is told").alarms, alarms.len() as u64);
    let of = |it: &Alarm<_>| it.kind == AlarmKind::UnitDiffers;
    alarms.into_iter().map(|(_, alarm)| alarm).filter(of).collect()
}

async fn log(registry: &dyn Registry) -> Vec<AuditEntry> {
    registry.audit(&Page::first(1000)).await.expect("it is read")
}

/// Terminal 1 is enrolled, and its unit is in service by the list.
pub(super) async fn serving(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    add(registry, &[about(SERIAL)]).await.expect("it is added");
    commission(registry, SERIAL, None).await.expect("it is put to work");
}

/// The till has stopped, and owes nothing.
fn stopped() -> Outcome {
    Outcome::Succeeded { now: SUSPENDED.to_owned() }
}

pub(super) async fn a_unit_stops_and_sells_again_by_what_its_terminal_signs(
    registry: &dyn Registry,
) {
    serving(registry).await;
    let stop = ordered(registry, 1, suspend(30)).await;
    hear(registry, 1, finished(stop, failed(), 40)).await;
    assert_eq!(state(registry).await, UnitState::InService, "it did not stop");
    let stop = ordered(registry, 2, suspend(30)).await;
    for seq in [2, 3] {
        hear(registry, seq, finished(stop, stopped(), 41)).await;
        assert_eq!(state(registry).await, UnitState::Suspended);
    }
    let unit = at(registry, SERIAL).await;
    assert_eq!((unit.state_at, unit.state_by), (UnixTime(41), terminal_id(1).to_string()));
    assert_eq!(unit.state_why, stop.to_string());
    let back = ordered(registry, 3, resume()).await;
    hear(registry, 4, finished(back, succeeded(), 42)).await;
    assert_eq!(state(registry).await, UnitState::InService);
    let moves = registry.unit_moves(unit.number, &Page::first(99)).await.expect("a list");
    let last: Vec<_> = moves.iter().map(|it| it.step.event).skip(4).collect();
    assert_eq!(last, [UnitEvent::Suspend, UnitEvent::Resume], "once each");
    let log = log(registry).await;
    let said = log.iter().map(|it| it.what.as_str());
    let after = said.skip_while(|it| *it != "unit-suspended");
    let moves: Vec<_> = after.filter(|it| it.starts_with("unit-")).collect();
    assert_eq!(moves, ["unit-suspended", "unit-resumed"]);
    assert!(differing(registry).await.is_empty());
}

pub(super) async fn receipts_that_come_late_leave_a_unit_as_the_newest_order_made_it(
    registry: &dyn Registry,
) {
    serving(registry).await;
    let stop = ordered(registry, 1, suspend(30)).await;
    let back = ordered(registry, 2, resume()).await;
    let out_of_order = |seq, up_to, report| {
        let saying = Saying::Report { epoch: 1, seq, up_to, report };
        Heard { saying, ..heard(seq, progress(stop, 1, "x")) }
    };
    let resumed = out_of_order(2, 0, finished(back, succeeded(), 45));
    registry.apply(&[resumed]).await.expect("it is applied");
    let suspended = out_of_order(1, 2, finished(stop, stopped(), 48));
    registry.apply(&[suspended]).await.expect("it is applied");
    let is = (service(registry).await, state(registry).await);
    assert_eq!(is, (Service::InService, UnitState::InService), "whatever its clock said");
    let twice = log(registry).await.iter().filter(|it| it.what == "terminal-suspended").count();
    assert_eq!(twice, 1, "it is known that it stood still");
    assert!(differing(registry).await.is_empty());
}

pub(super) async fn a_unit_that_cannot_follow_stands_out_until_it_is_as_its_terminal_says(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    let stop = ordered(registry, 1, suspend(30)).await;
    hear(registry, 1, finished(stop, stopped(), 40)).await;
    assert!(differing(registry).await.is_empty(), "it is not on the list");
    add(registry, &[about(SERIAL)]).await.expect("it is added");
    let back = ordered(registry, 2, resume()).await;
    hear(registry, 2, finished(back, succeeded(), 41)).await;
    assert_eq!(state(registry).await, UnitState::InStock, "it stays as it is");
    let alarm = differing(registry).await.pop().expect("people hear of it");
    assert_eq!((alarm.terminal, alarm.subject.as_str()), (Some(terminal_id(1)), SERIAL));
    assert!(alarm.detail.contains("in service") && alarm.detail.contains("in-stock"));
    for event in [UnitEvent::Allocate, UnitEvent::Ship] {
        move_on(registry, SERIAL, plain(event), 42).await.expect("it may");
        assert_eq!(differing(registry).await.len(), 1, "{event} says nothing of it");
    }
    let received = UnitStep { seal: super::units::reads("S-1"), ..plain(UnitEvent::Receive) };
    move_on(registry, SERIAL, received, 43).await.expect("it may");
    move_on(registry, SERIAL, plain(UnitEvent::Commission), 44).await.expect("it may");
    assert!(differing(registry).await.is_empty(), "the list says what the terminal says");
}

pub(super) async fn no_terminal_pushes_another_unit_out_of_a_position(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    let position = Some(positions::put(registry, "7").await.id);
    add(registry, &[about(SERIAL), about("PX-2")]).await.expect("they are added");
    commission(registry, SERIAL, position).await.expect("it is put to work");
    let stop = ordered(registry, 1, suspend(30)).await;
    hear(registry, 1, finished(stop, stopped(), 40)).await;
    commission(registry, "PX-2", position).await.expect("the other one stands still");
    let back = ordered(registry, 2, resume()).await;
    hear(registry, 2, finished(back, succeeded(), 41)).await;
    let is = (service(registry).await, state(registry).await);
    assert_eq!(is, (Service::InService, UnitState::Suspended));
    let alarm = differing(registry).await.pop().expect("people hear of it");
    assert!(alarm.detail.contains("PX-2"), "{}", alarm.detail);
    move_on(registry, "PX-2", plain(UnitEvent::SwapOut), 42).await.expect("it may");
    move_on(registry, SERIAL, plain(UnitEvent::Resume), 43).await.expect("it may");
    assert!(differing(registry).await.is_empty());
}

pub(super) async fn an_erased_terminal_leaves_its_unit_to_people(registry: &dyn Registry) {
    serving(registry).await;
    let erase = ordered(registry, 1, wipe()).await;
    hear(registry, 1, finished(erase, succeeded(), 40)).await;
    assert_eq!(state(registry).await, UnitState::InService);
    assert_eq!(differing(registry).await.len(), 1, "it was emptied, and the list has it sell");
    move_on(registry, SERIAL, plain(UnitEvent::ReportLost), 41).await.expect("it may");
    assert!(differing(registry).await.is_empty());
}

fn refused(order: OrderId, refusal: Refusal, at: i64) -> Report {
    said(order, Said::Refused { refusal, detail: "not here".to_owned() }, at)
}

fn code(refusal: Refusal) -> String {
    let word = serde_json::to_value(refusal).expect("it is a word");
    word.as_str().expect("it is a word").to_owned()
}

/// What was refused, by whom, and in which words.
async fn refusals(registry: &dyn Registry) -> Vec<(String, String, String)> {
    let log = log(registry).await.into_iter().filter(|it| it.what == "order-refused");
    log.map(|it| (it.who, it.object, it.detail)).collect()
}

pub(super) async fn every_refusal_of_a_wipe_reaches_the_log_under_its_own_code(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    let order = ordered(registry, 1, wipe()).await;
    // What may pass is said to nobody; whatever else a terminal refuses a wipe for is among these.
    let said: Vec<_> = Refusal::ALL.into_iter().filter(|it| !it.may_pass()).collect();
    for needed in [
        Refusal::TooFewSignatures,
        Refusal::OtherChallenge,
        Refusal::ClearanceMissing,
        Refusal::OtherClearance,
        Refusal::NotSuspended,
        Refusal::Replayed,
        Refusal::Expired,
        Refusal::NotAMember,
    ] {
        assert!(said.contains(&needed), "{needed:?}");
    }
    // Each comes again under other numbers, as after an answer that was lost.
    let again = said.iter().chain(&said).map(|refusal| refused(order, *refusal, 40));
    for (seq, report) in (1..).zip(again) {
        hear(registry, seq, report).await;
    }
    let id = batch(1, Purpose::Change).id;
    let expected = said.iter().map(|refusal| {
        let detail = format!("decommission of {id}: {}: not here", code(*refusal));
        (terminal_id(1).to_string(), order.to_string(), detail)
    });
    assert_eq!(refusals(registry).await, expected.collect::<Vec<_>>());
    let codes: BTreeSet<_> = said.iter().map(|it| code(*it)).collect();
    assert_eq!(codes.len(), said.len());
}

/// What is forged outside of the registry is refused by the terminal, which says so.
pub(super) async fn a_refusal_of_an_order_that_nobody_here_made_is_logged_and_fills_no_log(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    let forged = |number: u8| OrderId::from_bytes([0xf0 + number; 16]);
    let mut seq = 0;
    // Ten under one code, each of them twice, and one under another code behind them.
    for number in (0..10).flat_map(|number| [number, number]) {
        seq += 1;
        hear(registry, seq, refused(forged(number), Refusal::SameOwner, 40)).await;
    }
    seq += 1;
    hear(registry, seq, refused(forged(10), Refusal::CountMisstated, 40)).await;
    seq += 1;
    hear(registry, seq, said(forged(11), Said::Accepted, 40)).await;
    let mut expected = Vec::new();
    let mut expect = |number: u8, code: &str, more: &str| {
        let detail = format!("an order that this registry did not make: {code}: not here{more}");
        expected.push((terminal_id(1).to_string(), forged(number).to_string(), detail));
    };
    (0..3).for_each(|number| expect(number, "same-owner", ""));
    expect(3, "same-owner", "; more of these today are not written down");
    expect(10, "count-misstated", "");
    assert_eq!(refusals(registry).await, expected);
    // Tomorrow there is room again.
    for day in 1..=2 {
        seq += 1;
        let report = refused(forged(12), Refusal::SameOwner, 40);
        let later = Heard { at: UnixTime(day * 24 * 3600 + 50), ..heard(seq, report) };
        registry.apply(&[later]).await.expect("it is applied");
    }
    assert_eq!(refusals(registry).await.len(), 6, "once, however often it is heard");
}

fn restore() -> Change {
    let of = SnapshotOf {
        terminal: terminal_id(1),
        repository: RepositoryId::from_bytes([1; 16]),
        snapshot: Digest([2; 32]),
        manifest: Digest([1; 32]),
    };
    Change::Restore(Restore { of, selection: Selection::Everything, key: None, window: None })
}

pub(super) async fn what_could_harm_a_shop_is_logged_where_it_is_refused_and_nothing_else_is(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    let cancel = Cancel { batch: BatchId::from_bytes([1; 16]), reason: String::new() };
    let harmless = new_campaign(1).change;
    let rebind = Change::Rebind(Box::new(rebinds::asked()));
    let all = [suspend(30), resume(), restore(), rebind, wipe(), Change::Cancel(cancel), harmless];
    let mut seq = 0;
    for (campaign, change) in (1..).zip(all) {
        let order = ordered(registry, campaign, change).await;
        seq += 1;
        hear(registry, seq, said(order, Said::Accepted, 30)).await;
        seq += 1;
        hear(registry, seq, refused(order, Refusal::WrongStream, 40)).await;
    }
    let said: Vec<_> = refusals(registry).await.into_iter().map(|(.., detail)| detail).collect();
    let verbs: Vec<_> = said.iter().filter_map(|it| it.split_once(' ')).map(|it| it.0).collect();
    assert_eq!(verbs, ["suspend", "resume", "restore", "rebind", "decommission", "cancel"]);
    assert!(said.iter().all(|it| it.contains(": wrong-stream: not here")), "{said:?}");
}

pub(super) async fn a_refused_cancellation_is_logged_as_one(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    ordered(registry, 1, suspend(30)).await;
    let running = registry.campaign(campaign_id(1)).await.expect("it is asked").expect("there");
    let aborted = registry.move_campaign(&running, CampaignEvent::Abort, &by("op", 41)).await;
    aborted.expect("it is aborted");
    registry.put_batch(&batch(1, Purpose::Cancel)).await.expect("it is stored");
    let cancel = NewOrder {
        id: order_id(1, 1, 200),
        purpose: Purpose::Cancel,
        batch: batch(1, Purpose::Cancel).digest,
        ..order(1, 1, 1)
    };
    assert!(issue(registry, &cancel).await);
    hear(registry, 1, refused(cancel.id, Refusal::TooFewSignatures, 45)).await;
    let detail =
        format!("cancel of {}: too-few-signatures: not here", batch(1, Purpose::Cancel).id);
    let expected = (terminal_id(1).to_string(), cancel.id.to_string(), detail);
    assert_eq!(refusals(registry).await, [expected]);
}
