//! Terminals in the wrong hands, and units that nobody should hear from any more.

use std::collections::BTreeMap;

use shared::change::rebind::Reason;
use shared::change::{Change, Decommission};
use shared::digest::Digest;
use shared::document::receipt::Said;
use shared::id::TerminalId;
use shared::message::{Hello, SignedBytes, Suspicion as Reported, Telemetry};
use shared::time::UnixTime;

use super::fixture::*;
use super::requests::{accepted, request_id};
use super::units::listed_unit;
use crate::campaign::state::CampaignEvent;
use crate::registry::Registry;
use crate::registry::campaign::{AfterStart, Campaign, NewCampaign, Purpose};
use crate::registry::deactivation::NewDeactivation;
use crate::registry::delivery::{AlarmKind, Heard, NewOrder, Report, Saying};
use crate::registry::page::Page;
use crate::registry::rebind::NotBegun;
use crate::registry::terminal::Unit;
use crate::request::suspicion::{NewSuspicion, Scope};
use crate::unit::UnitEvent;
use crate::unit::custody::UnitStep;
use crate::unit::remains::NewWord;

const NOW: UnixTime = UnixTime(30);

/// Draft `number` carries out request `number`: a wipe of these terminals.
async fn asked(
    registry: &dyn Registry,
    number: u8,
    members: &[u8],
    is_lost: bool,
) -> Result<Campaign, NotBegun> {
    accepted(registry, number).await;
    let change = Change::Decommission(Box::new(Decommission {
        request: request_id(number),
        reason: Reason::LostStolen,
        ordered_by: "cora".to_owned(),
        note: String::new(),
        cool_off_s: 0,
        clearances: Digest([0; 32]),
        is_lost,
    }));
    let new = NewDeactivation {
        campaign: NewCampaign { change, ..new_campaign(number) },
        clearances: BTreeMap::new(),
        members: members.iter().map(|it| terminal_id(*it)).collect(),
        request: request_id(number),
        plan: "{}".to_owned(),
        answered: [].into(),
        announcement: None,
        untold: None,
        close_store: Some("hana".to_owned()),
    };
    registry.add_deactivation(&new, &by("op", 10)).await.expect("it is decided")
}

/// The same of lost terminals, started; it waits for its approvers.
async fn waiting(registry: &dyn Registry, number: u8, members: &[u8]) -> Campaign {
    asked(registry, number, members, true).await.expect("it is begun");
    start_created(registry, number, members, AfterStart::AwaitApproval).await
}

/// The same, approved.
async fn approved(registry: &dyn Registry, number: u8, members: &[u8]) -> Campaign {
    let waits = waiting(registry, number, members).await;
    moved(registry, &waits, CampaignEvent::Approve).await
}

async fn moved(registry: &dyn Registry, seen: &Campaign, event: CampaignEvent) -> Campaign {
    registry.move_campaign(seen, event, &by("op", 12)).await.expect("it is moved")
}

async fn is_quarantined(registry: &dyn Registry, number: u8) -> bool {
    let terminal = registry.terminal(terminal_id(number)).await.expect("it is asked");
    let is_quarantined = terminal.expect("it is known").is_quarantined;
    assert_eq!(prospect(registry, number).await.is_quarantined, is_quarantined);
    is_quarantined
}

/// What the audit log says of quarantines, and of whom.
async fn said(registry: &dyn Registry) -> Vec<(String, TerminalId)> {
    let entries = registry.audit(&Page::first(1000)).await.expect("they are listed");
    let of = entries.into_iter().filter(|it| it.what.starts_with("quarantine-"));
    of.map(|it| (it.what, it.object.parse().expect("a terminal"))).collect()
}

async fn owed(registry: &dyn Registry, each: u32) -> Vec<shared::id::OrderId> {
    let owed = registry.owed(&[terminal_id(1)], each, NOW).await.expect("it is asked");
    owed.into_iter().map(|it| it.order).collect()
}

async fn changes(registry: &dyn Registry) -> u64 {
    registry.fleet_tally().await.expect("it is told").upheavals
}

pub(super) async fn a_quarantine_begins_when_a_wipe_is_approved_and_ends_when_it_is_taken_back(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    enrol(registry, 2, 1).await;
    let waits = waiting(registry, 1, &[1]).await;
    assert!(!is_quarantined(registry, 1).await, "nobody has approved it");
    let before = changes(registry).await;
    let runs = moved(registry, &waits, CampaignEvent::Approve).await;
    assert!(is_quarantined(registry, 1).await && !is_quarantined(registry, 2).await);
    assert!(changes(registry).await > before, "plans are made anew");
    let paused = moved(registry, &runs, CampaignEvent::Pause).await;
    assert!(is_quarantined(registry, 1).await);
    let before = changes(registry).await;
    moved(registry, &paused, CampaignEvent::Abort).await;
    assert!(!is_quarantined(registry, 1).await);
    assert!(changes(registry).await > before, "plans are made anew");
    let of = |what: &str| (what.to_owned(), terminal_id(1));
    assert_eq!(said(registry).await, [of("quarantine-began"), of("quarantine-ended")]);
    // One that is emptied as it stood was never out of anybody's hands.
    asked(registry, 2, &[2], false).await.expect("it is begun");
    let waits = start_created(registry, 2, &[2], AfterStart::AwaitApproval).await;
    moved(registry, &waits, CampaignEvent::Approve).await;
    assert!(!is_quarantined(registry, 2).await);
    // Nor does what nobody approved in time change anything.
    let lapses = waiting(registry, 3, &[1]).await;
    moved(registry, &lapses, CampaignEvent::Lapse).await;
    assert!(!is_quarantined(registry, 1).await);
    assert_eq!(said(registry).await.len(), 2);
}

pub(super) async fn a_wipe_that_ran_out_leaves_its_terminal_in_quarantine(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    let first = approved(registry, 1, &[1]).await;
    moved(registry, &first, CampaignEvent::End).await;
    assert!(is_quarantined(registry, 1).await, "nobody has found it");
    let lapses = waiting(registry, 2, &[1]).await;
    moved(registry, &lapses, CampaignEvent::Lapse).await;
    assert!(is_quarantined(registry, 1).await, "that nobody signed takes nothing back");
    let second = approved(registry, 3, &[1]).await;
    assert_eq!(said(registry).await.len(), 1, "it went on");
    moved(registry, &second, CampaignEvent::Abort).await;
    assert!(!is_quarantined(registry, 1).await, "somebody has taken it back");
    assert_eq!(said(registry).await.len(), 2);
    approved(registry, 4, &[1]).await;
    assert!(is_quarantined(registry, 1).await, "it is lost again");
}

pub(super) async fn a_wipe_that_ran_out_is_taken_back_without_another_order(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    let first = approved(registry, 1, &[1]).await;
    moved(registry, &first, CampaignEvent::End).await;
    let waits = waiting(registry, 2, &[1]).await;
    assert!(is_quarantined(registry, 1).await);
    moved(registry, &waits, CampaignEvent::Abort).await;
    assert!(!is_quarantined(registry, 1).await, "nobody has signed another wipe for that");
}

async fn lapses(registry: &dyn Registry, now: i64) -> Vec<(AlarmKind, String)> {
    registry.look_at_quarantines(UnixTime(now)).await.expect("they are looked at");
    let alarms = registry.alarms(&Page::first(9)).await.expect("a list");
    assert_eq!(registry.fleet_tally().await.expect("it is told").alarms, alarms.len() as u64);
    for (_, alarm) in &alarms {
        assert!(alarm.detail.contains("deactivate wipe --lost"), "{}", alarm.detail);
    }
    alarms.into_iter().map(|(_, it)| (it.kind, it.subject)).collect()
}

pub(super) async fn a_terminal_in_quarantine_that_nothing_empties_is_an_alarm(
    registry: &dyn Registry,
) {
    use AlarmKind::{QuarantinedSpoke, WipeLapsed};
    enrol(registry, 1, 1).await;
    let first = approved(registry, 1, &[1]).await;
    assert_eq!(lapses(registry, 20).await, [], "its order is to be made");
    assert!(issue(registry, &wipe_order(1, 1)).await);
    registry.apply(&[greeting(hello(1, 0), 21)]).await.expect("it is applied");
    assert_eq!(lapses(registry, 22).await, [], "it is on its way");
    moved(registry, &first, CampaignEvent::End).await;
    let of = |kind, number| (kind, campaign_id(number).to_string());
    for now in [30, 31] {
        assert_eq!(lapses(registry, now).await, [of(WipeLapsed, 1)]);
    }
    registry.apply(&[greeting(hello(1, 0), 40)]).await.expect("it is applied");
    assert_eq!(lapses(registry, 41).await, [of(QuarantinedSpoke, 1), of(WipeLapsed, 1)]);
    let second = approved(registry, 2, &[1]).await;
    assert_eq!(lapses(registry, 50).await, [], "it is ordered anew");
    moved(registry, &second, CampaignEvent::End).await;
    assert_eq!(lapses(registry, 51).await, [of(WipeLapsed, 2)]);
    let third = waiting(registry, 3, &[1]).await;
    moved(registry, &third, CampaignEvent::Abort).await;
    assert_eq!(lapses(registry, 60).await, [], "it was found");
}

pub(super) async fn a_new_claim_and_a_revocation_end_a_quarantine(registry: &dyn Registry) {
    for number in [1, 2] {
        enrol(registry, number, 1).await;
    }
    approved(registry, 1, &[1, 2]).await;
    // A claim is made for it, and used, after the wipe was asked for.
    let new = claim(1, 2);
    registry.add_claim(&new, &by("op", 40)).await.expect("it is made");
    assert!(is_quarantined(registry, 1).await);
    registry.enrol(&enrolment(new.id, 7), &by("enrolment", 41)).await.expect("it is decided");
    assert!(!is_quarantined(registry, 1).await);
    registry.revoke_terminal(terminal_id(2), &by("op", 42)).await.expect("it is revoked");
    assert!(!is_quarantined(registry, 2).await);
    let ended: Vec<_> = said(registry).await.split_off(2);
    let of = |number| ("quarantine-ended".to_owned(), terminal_id(number));
    assert_eq!(ended, [of(1), of(2)]);
    registry.revoke_terminal(terminal_id(1), &by("op", 43)).await.expect("it is revoked");
    assert_eq!(said(registry).await.len(), 4, "what is over does not end again");
}

/// The wipe of campaign `number`, as the order of terminal 1 with this number.
fn wipe_order(number: u8, seq: u64) -> NewOrder {
    let stream = shared::document::order::Stream::Approved;
    NewOrder { stream, ..order(number, 1, seq) }
}

pub(super) async fn a_terminal_in_quarantine_is_owed_what_empties_it_and_nothing_else(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    for campaign in 11..=19 {
        start(registry, campaign, &[1]).await;
        assert!(issue(registry, &order(campaign, 1, u64::from(campaign) - 10)).await);
    }
    start(registry, 20, &[1]).await;
    registry.apply(&[greeting(hello(1, 0), 20)]).await.expect("it is applied");
    assert_eq!(owed(registry, 8).await.len(), 8, "as many as may be are in flight");
    let runs = approved(registry, 1, &[1]).await;
    assert_eq!(owed(registry, 8).await, [], "its wipe is not made yet, and nothing else goes");
    assert!(!issue(registry, &order(20, 1, 10)).await, "nor is anything else made");
    assert!(issue(registry, &wipe_order(1, 1)).await);
    assert_eq!(owed(registry, 8).await, [order_id(1, 1, 1)]);
    assert_eq!(owed(registry, 1).await, [order_id(1, 1, 1)]);
    // What cancels another order is kept from it too.
    let other = registry.campaign(campaign_id(11)).await.expect("asked").expect("known");
    moved(registry, &other, CampaignEvent::Abort).await;
    assert!(issue(registry, &cancel(registry, 11, Cancelled::Routine(10)).await).await);
    assert_eq!(owed(registry, 8).await, [order_id(1, 1, 1)]);

    moved(registry, &runs, CampaignEvent::Abort).await;
    let due = registry.due_for_delivery(UnixTime(12), 9).await.expect("it is asked");
    assert_eq!(due, [terminal_id(1)], "it is sent the others at once");
    let cancel = cancel(registry, 1, Cancelled::Approved(2)).await;
    assert!(issue(registry, &cancel).await);
    let now = owed(registry, 8).await;
    assert_eq!((now.len(), now[0]), (8, cancel.id), "what takes the wipe back goes first");
    assert!(issue(registry, &order(20, 1, 11)).await);
}

pub(super) async fn a_terminal_in_quarantine_is_left_alone_while_nothing_empties_it(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    enrol(registry, 2, 1).await;
    let alone = async || {
        let both = [terminal_id(1), terminal_id(2)];
        registry.left_alone(&both).await.expect("it is asked")
    };
    assert_eq!(alone().await, [], "nobody is in quarantine");
    let runs = approved(registry, 1, &[1]).await;
    assert_eq!(alone().await, [], "its order is made as soon as it is heard");
    assert!(issue(registry, &wipe_order(1, 1)).await);
    assert_eq!(alone().await, [], "it is owed");
    let store = suspect(registry, Scope::Store("berlin-1".to_owned())).await;
    assert_eq!(alone().await, [terminal_id(1)], "it is kept from it");
    for who in ["ana", "ben"] {
        let lifted = registry.lift_suspicion(store, &by(who, 27)).await;
        lifted.expect("it is known").expect("they may");
    }
    let paused = moved(registry, &runs, CampaignEvent::Pause).await;
    assert_eq!(alone().await, [terminal_id(1)], "it is not sent");
    let runs = moved(registry, &paused, CampaignEvent::Resume).await;
    let accepted = super::fixture::said(order_id(1, 1, 1), Said::Accepted, 21);
    registry.apply(&[heard(1, accepted)]).await.expect("it is applied");
    assert_eq!(alone().await, [], "it is at it");
    moved(registry, &runs, CampaignEvent::End).await;
    assert_eq!(alone().await, [], "and stays so");
    let told = finished(order_id(1, 1, 1), failed(), 30);
    registry.apply(&[heard(2, told)]).await.expect("it is applied");
    assert_eq!(alone().await, [terminal_id(1)], "it was not emptied");
    let second = approved(registry, 2, &[1]).await;
    assert_eq!(alone().await, [], "it is ordered anew");
    moved(registry, &second, CampaignEvent::End).await;
    assert_eq!(alone().await, [terminal_id(1)], "that ran out, too");
}

/// With which number the cancelling order goes.
enum Cancelled {
    Routine(u64),
    Approved(u64),
}

async fn cancel(registry: &dyn Registry, campaign: u8, number: Cancelled) -> NewOrder {
    registry.put_batch(&batch(campaign, Purpose::Cancel)).await.expect("it is stored");
    let like = match number {
        Cancelled::Routine(seq) => order(campaign, 1, seq),
        Cancelled::Approved(seq) => wipe_order(campaign, seq),
    };
    NewOrder {
        id: order_id(campaign, 1, 200),
        purpose: Purpose::Cancel,
        batch: batch(campaign, Purpose::Cancel).digest,
        ..like
    }
}

pub(super) async fn a_wipe_of_a_lost_terminal_waits_for_nothing_but_people(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    asked(registry, 1, &[1], false).await.expect("it is begun");
    let taken = asked(registry, 2, &[1], false).await;
    assert!(matches!(taken, Err(NotBegun::InAnotherChange { .. })), "{taken:?}");
    let runs = approved(registry, 3, &[1]).await;
    let twice = asked(registry, 4, &[1], true).await;
    assert!(matches!(twice, Err(NotBegun::InAnotherChange { .. })), "{twice:?}");
    moved(registry, &runs, CampaignEvent::End).await;
    asked(registry, 5, &[1], true).await.expect("the first one is over");
}

async fn suspect(registry: &dyn Registry, scope: Scope) -> u64 {
    let (source, note) = ("a call".to_owned(), "who?".to_owned());
    let new = NewSuspicion { scope, source, note };
    registry.suspect(&new, &by("ana", 25)).await.expect("the scope is known").number
}

pub(super) async fn nobody_in_whose_hands_a_terminal_is_can_stop_its_wipe(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    let report = Report::Suspicion(Reported { at: UnixTime(20), order: None, note: "no".into() });
    registry.apply(&[heard(1, report.clone())]).await.expect("it is applied");
    approved(registry, 1, &[1]).await;
    assert!(issue(registry, &wipe_order(1, 1)).await);
    assert_eq!(owed(registry, 8).await, [order_id(1, 1, 1)]);

    // What it says now freezes nothing, and moves nothing but its orders.
    let told = async || registry.terminal(terminal_id(1)).await.expect("asked").expect("known");
    let suspicions =
        async || registry.suspicions(false, &Page::first(9)).await.expect("a list").len();
    let before = suspicions().await;
    let telemetry = Telemetry {
        at: UnixTime(40),
        disk_free_bytes: 1,
        orders_refused: 0,
        messages_unreadable: 0,
        battery: None,
        till: None,
    };
    let recipient = Some(SignedBytes::new(vec![1; 200]));
    let all = [
        heard(2, report),
        heard(3, Report::Telemetry(telemetry)),
        greeting(Hello { recipient, ..hello(1, 0) }, 51),
        heard(4, said_of_wipe()),
    ];
    registry.apply(&all).await.expect("they are applied");
    assert_eq!(suspicions().await, before);
    let alarms = registry.alarms(&Page::first(9)).await.expect("a list");
    assert_eq!(alarms.len(), 2, "people hear of both: {alarms:?}");
    let it = told().await;
    assert_eq!((it.telemetry, it.said.and_then(|said| said.recipient)), (None, None));
    assert_eq!(owed(registry, 8).await, [], "its receipts count");
    let recalled = registry.assignments_to_recall(campaign_id(1), true, 9).await.expect("asked");
    assert_eq!(recalled, [], "what it has accepted is not taken back");

    // Whoever finds the place or the request suspicious stops it.
    enrol(registry, 2, 1).await;
    for (number, scope) in
        [(2, Scope::Store("berlin-1".to_owned())), (3, Scope::Request(request_id(3)))]
    {
        let runs = approved(registry, number, &[2]).await;
        let suspicion = suspect(registry, scope).await;
        let wipe =
            NewOrder { stream: shared::document::order::Stream::Approved, ..order(number, 2, 1) };
        assert!(!issue(registry, &wipe).await, "campaign {number}");
        moved(registry, &runs, CampaignEvent::Abort).await;
        registry.settle_campaign(campaign_id(number), UnixTime(26)).await.expect("it is over");
        for who in ["ana", "ben"] {
            let lifted = registry.lift_suspicion(suspicion, &by(who, 27)).await;
            lifted.expect("it is known").expect("it may");
        }
    }
}

fn said_of_wipe() -> Report {
    super::fixture::said(order_id(1, 1, 1), Said::Accepted, 52)
}

pub(super) async fn an_erased_terminal_gets_no_order_and_is_retired_in_the_end(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    registry.apply(&[greeting(hello(1, 0), 20)]).await.expect("it is applied");
    approved(registry, 1, &[1]).await;
    start(registry, 2, &[1]).await;
    assert!(issue(registry, &wipe_order(1, 1)).await);
    let erased = heard(1, finished(order_id(1, 1, 1), succeeded(), 40));
    registry.apply(&[erased]).await.expect("it is applied");
    assert!(is_quarantined(registry, 1).await, "until its certificate is refused");
    assert_eq!(registry.numbering(&[terminal_id(1)]).await.expect("asked"), []);
    assert!(!issue(registry, &order(2, 1, 1)).await);
    let retired = async |last_seen: i64, erased: i64| {
        let (last_seen, erased) = (UnixTime(last_seen), UnixTime(erased));
        let retired = registry.retire_erased(last_seen, erased, &by("certify", 60)).await;
        retired.expect("it is done")
    };
    assert_eq!(retired(1000, 40).await, [], "it is online, to hear that it was heard");
    assert_eq!(retired(1000, 41).await, [terminal_id(1)], "its own key was to be gone long ago");
    let terminal = registry.terminal(terminal_id(1)).await.expect("asked").expect("known");
    assert_eq!((terminal.unit, terminal.is_quarantined), (Unit::Revoked, false));
    assert_eq!(said(registry).await.len(), 2);
}

async fn spoke(registry: &dyn Registry) -> Vec<(AlarmKind, String)> {
    let alarms = registry.alarms(&Page::first(9)).await.expect("a list");
    // What was reported lost is frozen besides.
    let spoke = alarms.into_iter().filter(|(_, it)| it.kind != AlarmKind::Suspicion);
    spoke.map(|(_, it)| (it.kind, it.subject)).collect()
}

pub(super) async fn a_closed_unit_that_speaks_is_an_alarm_until_somebody_has_it(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    listed_unit(registry, "SN-001").await;
    let hello = |at| greeting(hello(1, 0), at);
    registry.apply(&[hello(20)]).await.expect("it is applied");
    assert_eq!(spoke(registry).await, []);
    let happens = async |event: UnitEvent, at: i64| {
        let moved = registry.move_unit("SN-001", &UnitStep::plain(event), &by("op", at)).await;
        moved.expect("it is on the list").expect("it may");
    };
    happens(UnitEvent::ReportLost, 30).await;
    for at in [40, 41] {
        let applied = registry.apply(&[hello(at)]).await.expect("it is applied");
        assert_eq!(applied.alarms, u64::from(at == 40), "it is raised once");
    }
    let subject = format!("lost-stolen since {}", UnixTime(30));
    assert_eq!(spoke(registry).await, [(AlarmKind::ClosedUnitSpoke, subject)]);
    // The other one is that its terminal is frozen.
    assert_eq!(registry.fleet_tally().await.expect("it is told").alarms, 2);
    happens(UnitEvent::Found, 50).await;
    assert_eq!(spoke(registry).await, []);
    assert_eq!(registry.fleet_tally().await.expect("it is told").alarms, 1);
    // Whoever had it may have done anything to it.
    registry.apply(&[hello(60)]).await.expect("it is applied");
    let subject = format!("tampered since {}", UnixTime(50));
    assert_eq!(spoke(registry).await, [(AlarmKind::ClosedUnitSpoke, subject)]);
    let word = NewWord { reference: "S-1".to_owned(), paper: Digest::of(b"shredded") };
    for who in ["ana", "ben"] {
        let said = registry.sanitise_unit("SN-001", &word, &by(who, 80)).await;
        said.expect("it is on the list").expect("they may");
    }
    happens(UnitEvent::Dispose, 90).await;
    registry.apply(&[hello(100)]).await.expect("it is applied");
    let subject = format!("disposed since {}", UnixTime(90));
    assert_eq!(spoke(registry).await, [(AlarmKind::ClosedUnitSpoke, subject)]);
    // The same serial number on another device.
    listed_unit(registry, "SN-001").await;
    let before = registry.alarms_ever(&Page::first(9)).await.expect("a list").len();
    registry.apply(&[hello(110)]).await.expect("it is applied");
    assert_eq!(registry.alarms_ever(&Page::first(9)).await.expect("a list").len(), before);
}

pub(super) async fn a_revoked_terminal_that_speaks_through_any_broker_is_an_alarm(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    registry.revoke_terminal(terminal_id(1), &by("op", 30)).await.expect("it is revoked");
    let gone = Heard { terminal: terminal_id(1), at: UnixTime(90), saying: Saying::Gone };
    let on_its_way = greeting(hello(1, 0), 34);
    registry.apply(&[on_its_way, gone]).await.expect("they are applied");
    assert_eq!(spoke(registry).await, [], "it was just cut off");
    for at in [40, 50] {
        let applied = registry.apply(&[greeting(hello(1, 0), at)]).await.expect("it is applied");
        assert_eq!((applied.strangers, applied.alarms), (1, u64::from(at == 40)));
    }
    let expected = [(AlarmKind::RevokedSpoke, key(1).key_id().to_string())];
    assert_eq!(spoke(registry).await, expected);
}
