//! What is late of terminals that stop: who may not stop in time, who has stopped and cannot end,
//! who owes for too long, and what people have not told or done.

use shared::document::order::Stream;
use shared::document::receipt::Said;
use shared::id::TerminalId;
use shared::message::{Progress, StepState};
use shared::outcome::{Outcome, Refusal, Waiting};
use shared::owed::SUSPENDED;
use shared::time::UnixTime;

use super::fixture::*;
use super::followed::{hear, resume, suspend};
use super::owing::{self, owing};
use super::requests::{accepted_to, request_id};
use crate::campaign::assignment::{Fact, GivenUp, Unheard};
use crate::campaign::state::CampaignEvent;
use crate::deactivation::checklist::NewItem;
use crate::deactivation::ledger::{EntryKind, NewEntry};
use crate::deactivation::watch;
use crate::registry::Registry;
use crate::registry::campaign::{AfterStart, NewCampaign};
use crate::registry::delivery::{Alarm, AlarmKind, NewOrder, Report};
use crate::registry::page::Page;
use crate::registry::stop::{Entered, NewAnnouncement, Tick};
use crate::request::{RequestEvent, RequestKind};

const HOUR: i64 = 3600;

/// When campaigns are asked for.
const ASKED: i64 = 10;

const CUT_OFF: i64 = ASKED + 72 * HOUR;

/// Who may not stop in time, and why, as it is found at this moment.
async fn at_risk(registry: &dyn Registry, now: i64) -> Vec<(u8, Alarm<Option<TerminalId>>)> {
    watch::look(registry, UnixTime(now)).await.expect("it is looked at");
    let alarms = registry.alarms(&Page::first(100)).await.expect("they are listed");
    assert_eq!(registry.fleet_tally().await.expect("it is told").alarms, alarms.len() as u64);
    let mut found = Vec::new();
    for (_, alarm) in alarms {
        assert_eq!(alarm.kind, AlarmKind::SuspensionAtRisk);
        assert_eq!(alarm.subject, campaign_id(1).to_string());
        let of = (1..=3).find(|number| alarm.terminal == Some(terminal_id(*number)));
        found.push((of.expect("it is one of these"), alarm));
    }
    found.sort_by_key(|(number, _)| *number);
    found
}

fn numbers(found: &[(u8, Alarm<Option<TerminalId>>)]) -> Vec<u8> {
    found.iter().map(|(number, _)| *number).collect()
}

pub(super) async fn a_terminal_that_is_not_armed_in_time_is_an_alarm_until_it_is(
    registry: &dyn Registry,
) {
    for number in 1..=3 {
        enrol(registry, number, 1).await;
    }
    let new = NewCampaign { change: suspend(CUT_OFF), ..new_campaign(1) };
    start_of(registry, 1, &new, &[1, 2, 3]).await;
    let cleared_by = CUT_OFF - 54 * HOUR;
    assert!(at_risk(registry, cleared_by).await.is_empty());
    let found = at_risk(registry, cleared_by + 1).await;
    assert_eq!(numbers(&found), [1, 2, 3]);
    assert!(found[0].1.detail.contains("both places"), "{}", found[0].1.detail);
    assert!(!found[0].1.detail.contains("accepted"), "{}", found[0].1.detail);
    let order = NewOrder { stream: Stream::Approved, ..order(1, 1, 1) };
    assert!(issue(registry, &order).await);
    assert_eq!(numbers(&at_risk(registry, cleared_by + 60).await), [1, 2, 3], "it is only sent");
    hear(registry, 1, said(order.id, Said::Accepted, 50)).await;
    let late = at_risk(registry, cleared_by + 120).await;
    assert_eq!(numbers(&late), [1, 2, 3], "it stops by itself, and is not saved yet");
    let late = at_risk(registry, CUT_OFF - 24 * HOUR + 1).await;
    assert_eq!(numbers(&late), [1, 2, 3]);
    assert!(!late[0].1.detail.contains("accepted"), "{}", late[0].1.detail);
    assert!(late[1].1.detail.contains("accepted"), "{}", late[1].1.detail);
    assert_eq!(late[1].1.at, UnixTime(cleared_by + 1), "it is the same alarm");
    registry.revoke_terminal(terminal_id(3), &by("op", 60)).await.expect("it is revoked");
    assert_eq!(numbers(&at_risk(registry, CUT_OFF).await), [1, 2]);
    assert_eq!(numbers(&at_risk(registry, CUT_OFF + 1).await), [2], "it stops, and saves itself");
    let running = registry.campaign(campaign_id(1)).await.expect("it is asked").expect("there");
    let aborted = registry.move_campaign(&running, CampaignEvent::Abort, &by("op", 41)).await;
    aborted.expect("it is aborted");
    assert!(at_risk(registry, CUT_OFF + 2).await.is_empty(), "people took it back");
    let ever = registry.alarms_ever(&Page::first(100)).await.expect("they are listed");
    assert!(ever.iter().all(|(_, alarm)| alarm.ended_at.is_some()));
}

pub(super) async fn a_suspension_that_nobody_approves_is_an_alarm_until_it_is_over(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    let new = NewCampaign { change: suspend(ASKED + HOUR), ..new_campaign(1) };
    registry.add_campaign(&new, &by("op", ASKED)).await.expect("it is created");
    assert!(at_risk(registry, ASKED + HOUR).await.is_empty(), "a draft stops nobody");
    start_created(registry, 1, &[1], AfterStart::AwaitApproval).await;
    assert!(at_risk(registry, ASKED + HOUR / 4).await.is_empty(), "they have a little time");
    assert_eq!(numbers(&at_risk(registry, ASKED + HOUR / 2).await), [1]);
    let waiting = registry.campaign(campaign_id(1)).await.expect("it is asked").expect("there");
    let over = registry.move_campaign(&waiting, CampaignEvent::Abort, &by("op", 41)).await;
    over.expect("it is over at once");
    assert!(at_risk(registry, ASKED + HOUR).await.is_empty());
}

/// What is raised at this moment, and about whom.
async fn raised(registry: &dyn Registry, now: i64) -> Vec<(AlarmKind, String)> {
    watch::look(registry, UnixTime(now)).await.expect("it is looked at");
    let alarms = registry.alarms(&Page::first(100)).await.expect("they are listed");
    assert_eq!(registry.fleet_tally().await.expect("it is told").alarms, alarms.len() as u64);
    let mut found: Vec<_> = alarms.into_iter().map(|(_, it)| (it.kind, it.subject)).collect();
    found.sort();
    found
}

async fn numbered(registry: &dyn Registry) -> Vec<u64> {
    let alarms = registry.alarms(&Page::first(100)).await.expect("they are listed");
    alarms.into_iter().map(|(number, _)| number).collect()
}

pub(super) async fn of_two_suspensions_the_newer_says_when_a_terminal_is_to_stop(
    registry: &dyn Registry,
) {
    for number in 1..=2 {
        enrol(registry, number, 1).await;
    }
    let first = NewCampaign { change: suspend(CUT_OFF), ..new_campaign(1) };
    start_of(registry, 1, &first, &[1, 2]).await;
    let second = NewCampaign { change: suspend(CUT_OFF), ..new_campaign(2) };
    registry.add_campaign(&second, &by("op", ASKED + HOUR)).await.expect("it is created");
    start_created(registry, 2, &[1], AfterStart::Run).await;
    let at_risk = |campaign| (AlarmKind::SuspensionAtRisk, campaign_id(campaign).to_string());
    let now = CUT_OFF - 54 * HOUR + 1;
    assert_eq!(raised(registry, now).await, [at_risk(1), at_risk(2)]);
    let numbers = numbered(registry).await;
    for later in [60, 120] {
        assert_eq!(raised(registry, now + later).await, [at_risk(1), at_risk(2)]);
        assert_eq!(numbered(registry).await, numbers, "nothing is made anew");
    }
    let older = registry.campaign(campaign_id(1)).await.expect("it is asked").expect("there");
    let found = watch::at_risk(registry, &older, UnixTime(now)).await.expect("it is looked at");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [terminal_id(2)]);
}

pub(super) async fn a_stopped_terminal_that_cannot_end_is_an_alarm_until_it_does(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    let new = NewCampaign { change: suspend(CUT_OFF), ..new_campaign(1) };
    start_of(registry, 1, &new, &[1]).await;
    let order = NewOrder { stream: Stream::Approved, ..order(1, 1, 1) };
    assert!(issue(registry, &order).await);
    hear(registry, 1, said(order.id, Said::Accepted, 50)).await;
    let waits = |reason, ordinal, detail: &str| {
        Report::Progress(Progress {
            order: order.id,
            ordinal,
            step: "settle".to_owned(),
            state: StepState::Waiting { reason, detail: detail.to_owned() },
            at: UnixTime(CUT_OFF + 60),
            bytes_done: None,
            bytes_total: None,
        })
    };
    hear(registry, 2, waits(Waiting::Network, 1, "the host is away")).await;
    let stuck = (AlarmKind::SuspensionStuck, campaign_id(1).to_string());
    assert!(raised(registry, CUT_OFF + 2 * HOUR).await.is_empty(), "a host may be away a while");
    assert_eq!(raised(registry, CUT_OFF + 2 * HOUR + 1).await, [stuck]);
    hear(registry, 3, waits(Waiting::People, 2, "the host counts 3")).await;
    raised(registry, CUT_OFF + 3 * HOUR).await;
    let alarms = registry.alarms(&Page::first(9)).await.expect("they are listed");
    let detail = &alarms[0].1.detail;
    assert!(detail.contains("the host counts 3") && detail.contains("--delay-settlement"));
    let settled = Outcome::Succeeded { now: SUSPENDED.to_owned() };
    hear(registry, 4, finished(order.id, settled, CUT_OFF + 3 * HOUR)).await;
    assert!(raised(registry, CUT_OFF + 4 * HOUR).await.is_empty());
}

/// How many are counted on to sell in the store.
async fn selling(registry: &dyn Registry) -> u64 {
    let there = registry.selling_besides(&["berlin-1".to_owned()], &[], UnixTime(60)).await;
    there.expect("they are counted")["berlin-1"]
}

/// Terminal 1 was to stop at 30 by campaign 1, which is over since this was known of it.
async fn over_with(registry: &dyn Registry, report: Report, given_up: Option<Fact>) {
    enrol(registry, 1, 1).await;
    accepted_to(registry, 1, RequestKind::Suspend).await;
    owing::add(registry, 1, 1, owing::suspend(false)).await.expect("nothing is in its way");
    owing::start(registry, 1).await;
    hear(registry, 1, report).await;
    let facts: Vec<_> = given_up.into_iter().map(|it| (order_id(1, 1, 1), it)).collect();
    registry.learn(&facts, UnixTime(55)).await.expect("it is noted");
    owing::end(registry, 1).await;
}

pub(super) async fn who_refuses_to_stop_is_an_alarm_until_people_close_the_request(
    registry: &dyn Registry,
) {
    let (refusal, detail) = (Refusal::OtherModel, "it is a T650".to_owned());
    let order = order_id(1, 1, 1);
    over_with(registry, said(order, Said::Refused { refusal, detail }, 20), None).await;
    let at_risk = (AlarmKind::SuspensionAtRisk, campaign_id(1).to_string());
    for now in [31, 32, 10 * HOUR] {
        assert_eq!(raised(registry, now).await, std::slice::from_ref(&at_risk), "at {now}");
    }
    let seen = registry.campaign(campaign_id(1)).await.expect("it is asked").expect("there");
    let found = watch::at_risk(registry, &seen, UnixTime(31)).await.expect("it is looked at");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [terminal_id(1)]);
    assert_eq!(selling(registry).await, 0);
    let closed = registry.end_request(request_id(1), RequestEvent::Close, &by("ben", 60)).await;
    closed.expect("it is known").expect("it is closed");
    assert!(raised(registry, 10 * HOUR).await.is_empty());
    assert_eq!(selling(registry).await, 1);
}

pub(super) async fn who_was_given_up_while_it_stopped_is_an_alarm_until_it_has(
    registry: &dyn Registry,
) {
    let stop = order_id(1, 1, 1);
    let silent = Fact::GivenUp(GivenUp { as_what: Unheard::Silent, at: UnixTime(55) });
    over_with(registry, said(stop, Said::Accepted, 20), Some(silent)).await;
    assert!(raised(registry, 2 * HOUR).await.is_empty(), "it has a little time");
    let stuck = (AlarmKind::SuspensionStuck, campaign_id(1).to_string());
    assert_eq!(raised(registry, 3 * HOUR).await, [stuck]);
    assert_eq!(selling(registry).await, 0, "it has stopped, and settles");
    let settled = Outcome::Succeeded { now: SUSPENDED.to_owned() };
    hear(registry, 2, finished(stop, settled, 56)).await;
    assert!(raised(registry, 3 * HOUR).await.is_empty());
    // Once it sells again that is no suspension's business.
    let new = NewCampaign { change: resume(), ..new_campaign(2) };
    start_of(registry, 2, &new, &[1]).await;
    assert!(issue(registry, &order(2, 1, 2)).await);
    hear(registry, 3, finished(order_id(2, 1, 1), succeeded(), 58)).await;
    assert!(raised(registry, 3 * HOUR).await.is_empty());
    assert_eq!(selling(registry).await, 1);
}

pub(super) async fn a_settlement_that_is_overdue_is_an_alarm_until_it_is_made(
    registry: &dyn Registry,
) {
    owing(registry, RequestKind::Suspend).await;
    let order = order_id(1, 1, 1).to_string();
    assert!(raised(registry, 9_000).await.is_empty(), "people have accepted it until then");
    assert_eq!(raised(registry, 9_001).await, [(AlarmKind::SettlementOverdue, order)]);
    registry.revoke_terminal(terminal_id(1), &by("op", 9_002)).await.expect("it is revoked");
    assert!(raised(registry, 9_003).await.is_empty());
}

pub(super) async fn what_is_late_of_a_case_is_an_alarm_until_it_is_mended(registry: &dyn Registry) {
    accepted_to(registry, 1, RequestKind::Decommission).await;
    let id = request_id(1);
    let item = NewItem {
        item: "stock-counted".to_owned(),
        what: "stock is counted".to_owned(),
        owner: "cora".to_owned(),
        due_at: UnixTime(CUT_OFF - 54 * HOUR),
    };
    let cut_off = UnixTime(CUT_OFF);
    let new = NewAnnouncement { cut_off, resume_expected: None, items: vec![item] };
    let told = registry.announce_stop(id, &new, &by("ana", ASKED)).await.expect("it is known");
    told.expect("it is announced");
    // A week before has passed when it is announced: nobody was told.
    let late = (AlarmKind::StopLate, id.to_string());
    assert_eq!(raised(registry, ASKED + 1).await, std::slice::from_ref(&late));
    assert_eq!(raised(registry, CUT_OFF - 1).await, std::slice::from_ref(&late));
    assert_eq!(raised(registry, CUT_OFF + 1).await, [late], "nobody has counted");
    let done = Tick { by: "tess".to_owned(), note: String::new() };
    let ticked = registry.tick_stop_item(id, "stock-counted", &done, &by("ana", CUT_OFF)).await;
    ticked.expect("it is known").expect("it is open");
    assert!(raised(registry, CUT_OFF + 2).await.is_empty());

    let entry = |kind| {
        Entered::New(NewEntry {
            kind,
            amount_minor: 300,
            currency: "EUR".to_owned(),
            serial: None,
            damage: None,
            reference: "R-1".to_owned(),
            note: String::new(),
        })
    };
    let enter = async |kind| {
        let entered = registry.enter(id, &entry(kind), &by("ana", ASKED)).await;
        entered.expect("it is known").expect("it is entered");
    };
    enter(EntryKind::DepositPaid).await;
    let overdue = CUT_OFF + 45 * 24 * HOUR + 1;
    assert!(raised(registry, overdue - 1).await.is_empty());
    assert_eq!(raised(registry, overdue).await, [(AlarmKind::DepositOverdue, id.to_string())]);
    enter(EntryKind::DepositReturned).await;
    assert!(raised(registry, overdue).await.is_empty());
}
