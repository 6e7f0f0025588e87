//! What belongs to terminals that stop: the announced moment, notices, the checklist, the ledger,
//! and the end of a decommissioning.

use std::collections::BTreeMap;

use shared::change::rebind::Reason;
use shared::digest::Digest;
use shared::id::RequestId;
use shared::message::SignedBytes;
use shared::time::UnixTime;

use super::fixture::*;
use super::requests::request_id;
use crate::campaign::state::CampaignEvent;
use crate::deactivation::checklist::{Item, ItemRefused, NewItem};
use crate::deactivation::closing::{CloseOut, NotClosed, Point};
use crate::deactivation::ledger::{
    Cause, Damage, Entry, EntryKind, EntryRefused, Liability, NewEntry, balances,
};
use crate::deactivation::notice::NotAnnounced;
use crate::registry::Registry;
use crate::registry::campaign::AfterStart;
use crate::registry::deactivation::{NewDeactivation, Sanitisation};
use crate::registry::notice::{Notice, NoticeAbout};
use crate::registry::page::Page;
use crate::registry::request::NewRequest;
use crate::registry::stop::{Announcement, Assigned, Entered, NewAnnouncement, Tick};
use crate::request::{
    Asked, Channel, Method, RequestEvent, RequestKind, RequestRefused, RequestState,
};
use crate::unit::UnitEvent;
use crate::unit::custody::UnitStep;
use crate::unit::import::NewUnit;
use crate::unit::inspection::SealSeen;
use crate::unit::record::{About, Condition};
use crate::unit::remains::NewWord;

async fn accepted(registry: &dyn Registry, number: u8, kind: RequestKind) -> RequestId {
    let (from, to) = match kind {
        RequestKind::Rebind => ("alpha", "beta"),
        RequestKind::Suspend
        | RequestKind::Resume
        | RequestKind::Decommission
        | RequestKind::Replace => ("", ""),
    };
    let asked = Asked {
        requester: "cora".to_owned(),
        channel: Channel::Telephone,
        reason: Reason::Business,
        note: String::new(),
        from: from.to_owned(),
        to: to.to_owned(),
        selector: "store=berlin-1".to_owned(),
        fallback: Some("cash".to_owned()),
        clause: Some("7.2".to_owned()),
        waiver: None,
        attachments: vec![],
    };
    let new = NewRequest { id: request_id(number), kind, asked };
    let (id, ben) =
        (registry.add_request(&new, &by("ana", 5)).await.expect("made").id, by("ben", 6));
    let verified = registry.verify_request(id, Method::CallBack, "+49 30 1", &ben).await;
    verified.expect("it is known").expect("it is verified");
    registry.review_request(id, true, &ben).await.expect("it is known").expect("it is accepted");
    id
}

fn item(name: &str, due_at: i64) -> NewItem {
    let (what, owner) = (format!("{name} is done"), "cora".to_owned());
    NewItem { item: name.to_owned(), what, owner, due_at: UnixTime(due_at) }
}

fn moment(cut_off: i64, items: &[(&str, i64)]) -> NewAnnouncement {
    let items = items.iter().map(|&(name, due_at)| item(name, due_at)).collect();
    NewAnnouncement { cut_off: UnixTime(cut_off), resume_expected: None, items }
}

async fn announce(
    registry: &dyn Registry,
    id: RequestId,
    new: &NewAnnouncement,
    at: i64,
) -> Result<Announcement, NotAnnounced> {
    registry.announce_stop(id, new, &by("ana", at)).await.expect("it is known")
}

async fn items(registry: &dyn Registry, id: RequestId) -> Vec<Item> {
    registry.stop_items(id).await.expect("they are listed")
}

async fn count(registry: &dyn Registry, what: &str) -> usize {
    let audit = registry.audit(&Page::first(1000)).await.expect("it is read");
    audit.iter().filter(|entry| entry.what == what).count()
}

async fn tick(registry: &dyn Registry, id: RequestId, name: &str) -> Result<Item, ItemRefused> {
    let done = Tick { by: "tess".to_owned(), note: "seen".to_owned() };
    registry.tick_stop_item(id, name, &done, &by("ana", 50)).await.expect("it is known")
}

pub(super) async fn a_moment_is_announced_once_and_gives_what_is_to_be_done_its_times(
    registry: &dyn Registry,
) {
    let id = accepted(registry, 1, RequestKind::Suspend).await;
    assert_eq!(registry.announcement(id).await.expect("it is asked"), None);
    let first = moment(1000, &[("stock-counted", 900), ("cables-removed", 1100)]);
    let told = announce(registry, id, &first, 20).await.expect("it is announced");
    assert_eq!((told.number, told.cut_off, told.at), (1, UnixTime(1000), UnixTime(20)));
    let again = announce(registry, id, &first, 30).await.expect("it is known");
    assert_eq!(again, told, "the same again changes nothing");
    tick(registry, id, "stock-counted").await.expect("it is done");
    let assigned = Assigned { owner: Some("tess".to_owned()), due_at: None };
    let to = registry.assign_stop_item(id, "cables-removed", &assigned, &by("ana", 50)).await;
    to.expect("it is known").expect("it is open");
    let later = moment(2000, &[("stock-counted", 1900), ("cables-removed", 2100)]);
    let told = announce(registry, id, &later, 60).await.expect("it is announced");
    assert_eq!(told.number, 2);
    assert_eq!(registry.announcement(id).await.expect("it is asked"), Some(told));
    let due = |it: &Item| (it.item.clone(), it.due_at.0, it.owner.clone(), it.done.is_some());
    let expected = [
        ("stock-counted".to_owned(), 900, "cora".to_owned(), true),
        ("cables-removed".to_owned(), 2100, "tess".to_owned(), false),
    ];
    let found: Vec<_> = items(registry, id).await.iter().map(due).collect();
    assert_eq!(found, expected, "what is done stays as it is");
    assert_eq!(count(registry, "stop-announced").await, 2);

    let passed = announce(registry, id, &moment(60, &[]), 60).await;
    assert_eq!(passed, Err(NotAnnounced::Passed(UnixTime(60))));
    let rebind = accepted(registry, 2, RequestKind::Rebind).await;
    let other = announce(registry, rebind, &later, 60).await;
    assert_eq!(other, Err(NotAnnounced::OtherKind(RequestKind::Rebind)));
}

pub(super) async fn what_is_to_be_done_is_ticked_once_and_by_name(registry: &dyn Registry) {
    let id = accepted(registry, 1, RequestKind::Suspend).await;
    let alarm = item("alarm-off", 500);
    let add = |new: NewItem| async move {
        registry.add_stop_item(id, &new, &by("ana", 40)).await.expect("it is known")
    };
    assert_eq!(add(alarm.clone()).await.map(|it| it.due_at), Ok(UnixTime(500)));
    assert_eq!(add(alarm).await, Err(ItemRefused::Exists("alarm-off".to_owned())));
    assert_eq!(add(item("Alarm", 1)).await, Err(ItemRefused::NotAName));
    let done = tick(registry, id, "alarm-off").await.expect("it is open").done.expect("it is done");
    assert_eq!((done.by.as_str(), done.noted_by.as_str(), done.at), ("tess", "ana", UnixTime(50)));
    let again = tick(registry, id, "alarm-off").await;
    assert!(matches!(again, Err(ItemRefused::Done { .. })), "{again:?}");
    let unknown = tick(registry, id, "nothing").await;
    assert_eq!(unknown, Err(ItemRefused::Unknown("nothing".to_owned())));
    let ended = registry.end_request(id, RequestEvent::Cancel, &by("ben", 60)).await;
    ended.expect("it is known").expect("it is cancelled");
    let over = add(item("late", 1)).await;
    assert_eq!(over, Err(ItemRefused::Over(RequestState::Cancelled)));
    for what in ["stop-item-added", "stop-item-done"] {
        assert_eq!(count(registry, what).await, 1, "{what}");
    }
}

pub(super) async fn parties_are_told_of_each_stop_on_its_own(registry: &dyn Registry) {
    let (one, two) = (
        accepted(registry, 1, RequestKind::Suspend).await,
        accepted(registry, 2, RequestKind::Decommission).await,
    );
    let notice = |sent_at| Notice {
        party: "bank".to_owned(),
        channel: "letter".to_owned(),
        reference: "R 1".to_owned(),
        sent_at: UnixTime(sent_at),
        delivered_at: None,
        acknowledged_at: None,
    };
    for (id, sent_at) in [(one, 10), (two, 20), (one, 11)] {
        let told =
            registry.put_notice(NoticeAbout::Stop(id), &notice(sent_at), &by("op", 30)).await;
        told.expect("it is kept");
    }
    let found = registry.notices(NoticeAbout::Stop(one)).await.expect("they are listed");
    let found: Vec<_> = found.into_iter().map(|it| (it.notice, it.by, it.at)).collect();
    assert_eq!(found, [(notice(11), "op".to_owned(), UnixTime(30))]);
    let nobody = NoticeAbout::Stop(request_id(9));
    assert!(registry.put_notice(nobody, &notice(1), &by("op", 30)).await.is_err());
}

fn entry(kind: EntryKind, amount_minor: i64) -> NewEntry {
    NewEntry {
        kind,
        amount_minor,
        currency: "EUR".to_owned(),
        serial: None,
        damage: None,
        reference: "R-1".to_owned(),
        note: String::new(),
    }
}

async fn enter(
    registry: &dyn Registry,
    id: RequestId,
    what: Entered,
) -> Result<Entry, EntryRefused> {
    registry.enter(id, &what, &by("ana", 40)).await.expect("it is known")
}

async fn left(registry: &dyn Registry, id: RequestId) -> i64 {
    let all = registry.ledger(id).await.expect("it is read");
    balances(&all).get("EUR").copied().unwrap_or_default()
}

pub(super) async fn a_ledger_only_grows_and_what_was_wrong_is_taken_back(registry: &dyn Registry) {
    let id = accepted(registry, 1, RequestKind::Decommission).await;
    let deposit = enter(registry, id, Entered::New(entry(EntryKind::DepositPaid, 300))).await;
    assert_eq!(deposit.map(|it| (it.number, it.by)), Ok((1, "ana".to_owned())));
    let damage = Some(Damage { cause: Cause::ManMade, liability: Liability::Merchant });
    let broken = NewEntry { damage, ..entry(EntryKind::Damage, 50) };
    let of_unit = NewEntry { serial: Some("SN-001".to_owned()), ..broken.clone() };
    let unknown = enter(registry, id, Entered::New(of_unit.clone())).await;
    assert_eq!(unknown, Err(EntryRefused::UnknownUnit("SN-001".to_owned())));
    add_unit(registry).await;
    let damage = enter(registry, id, Entered::New(of_unit.clone())).await.expect("it is entered");
    assert_eq!((damage.number, &damage.what), (2, &of_unit));
    assert_eq!(left(registry, id).await, 250);
    let back = |of| Entered::Reversal { of, reference: "R-2".to_owned(), note: String::new() };
    let reversal = enter(registry, id, back(2)).await.expect("it is taken back");
    let expected = NewEntry { reference: "R-2".to_owned(), ..of_unit };
    assert_eq!((reversal.number, reversal.reverses), (3, Some(2)));
    assert_eq!(reversal.what, expected);
    assert_eq!(enter(registry, id, back(2)).await, Err(EntryRefused::Reversed(2)));
    assert_eq!(left(registry, id).await, 300);
    let zero = enter(registry, id, Entered::New(entry(EntryKind::Paid, 0))).await;
    assert_eq!(zero, Err(EntryRefused::Amount(0)));
    assert_eq!(registry.ledger(id).await.expect("it is read").len(), 3);
    assert_eq!(count(registry, "ledger-entered").await, 3);
    let other = accepted(registry, 2, RequestKind::Suspend).await;
    let refused = enter(registry, other, Entered::New(entry(EntryKind::Paid, 1))).await;
    assert_eq!(refused, Err(EntryRefused::OtherKind(RequestKind::Suspend)));
}

async fn add_unit(registry: &dyn Registry) {
    let about = About {
        serial: "SN-001".to_owned(),
        model: "T650".to_owned(),
        store: "depot".to_owned(),
        hardware: None,
        firmware: None,
        property_number: None,
        custodian: None,
        seal: Some("S-1".to_owned()),
        connections: None,
        accessories: vec![],
        warranty_from: None,
        warranty_until: None,
        pts_approval: None,
        pts_expires_on: None,
        condition: Condition::New,
        residual_value: None,
        inspection_every_days: 90,
    };
    let new = [NewUnit { line: 1, about }];
    let added = registry.add_units(&new, false, &by("op", 3)).await.expect("it is decided");
    assert_eq!(added, Ok(1));
}

async fn move_unit(registry: &dyn Registry, steps: &[UnitEvent]) {
    for event in steps {
        let plain = UnitStep::plain(*event);
        let step = match event {
            UnitEvent::Receive => UnitStep { seal: SealSeen::Reads("S-1".to_owned()), ..plain },
            UnitEvent::Return => {
                let (accessories, condition) = (Some(vec![]), Some(Condition::Good));
                UnitStep { accessories, condition, ..plain }
            }
            UnitEvent::Allocate
            | UnitEvent::Ship
            | UnitEvent::Commission
            | UnitEvent::Suspend
            | UnitEvent::Resume
            | UnitEvent::SendForRepair
            | UnitEvent::BackFromRepair
            | UnitEvent::BackInPlace
            | UnitEvent::SwapOut
            | UnitEvent::AwaitReturn
            | UnitEvent::Restock
            | UnitEvent::Dispose
            | UnitEvent::ReportTampered
            | UnitEvent::ReportLost
            | UnitEvent::Found => plain,
        };
        if *event == UnitEvent::AwaitReturn {
            answer_for_what_was_on_it(registry).await;
        }
        let moved = registry.move_unit("SN-001", &step, &by("op", 70)).await;
        moved.expect("it is known").expect("it may");
    }
}

/// Two people say that they have sanitised the unit.
async fn answer_for_what_was_on_it(registry: &dyn Registry) {
    let word = NewWord { reference: "S-1".to_owned(), paper: Digest::of(b"certificate") };
    for who in ["ana", "ben"] {
        let said = registry.sanitise_unit("SN-001", &word, &by(who, 70)).await;
        said.expect("it is known").expect("it may");
    }
}

/// Campaign 1 carries the request out on terminal 1.
async fn carry_out(
    registry: &dyn Registry,
    request: RequestId,
    announcement: Option<NewAnnouncement>,
    untold: Option<&str>,
) {
    let new = NewDeactivation {
        campaign: new_campaign(1),
        clearances: BTreeMap::new(),
        members: vec![terminal_id(1)],
        request,
        plan: "{}".to_owned(),
        answered: [].into(),
        announcement,
        untold: untold.map(str::to_owned),
        close_store: Some("hana".to_owned()),
    };
    let added = registry.add_deactivation(&new, &by("op", 10)).await;
    added.expect("all is known").expect("it is begun");
}

pub(super) async fn a_stop_that_nobody_announced_is_announced_with_it(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    let id = accepted(registry, 1, RequestKind::Suspend).await;
    let new = moment(1000, &[("stock-counted", 900)]);
    carry_out(registry, id, Some(new), Some("gil answers for bank: flood")).await;
    let told = registry.announcement(id).await.expect("it is asked").expect("it is announced");
    assert_eq!((told.cut_off, told.by.as_str()), (UnixTime(1000), "op"));
    assert_eq!(items(registry, id).await.len(), 1);
    for what in ["stop-announced", "notices-overridden"] {
        assert_eq!(count(registry, what).await, 1, "{what}");
    }
    let moving = announce(registry, id, &moment(2000, &[]), 20).await;
    let refused = RequestRefused::InMotion(campaign_id(1));
    assert_eq!(moving, Err(NotAnnounced::Request(refused)), "terminals are ordered already");
}

fn note() -> CloseOut {
    CloseOut { note: "it went well".to_owned(), ..CloseOut::default() }
}

async fn close(registry: &dyn Registry, id: RequestId, said: &CloseOut) -> Result<(), NotClosed> {
    let closed = registry.close_case(id, said, &by("ben", 90)).await.expect("it is known");
    closed.map(|it| assert_eq!((it.by.as_str(), it.at), ("ben", UnixTime(90))))
}

pub(super) async fn a_decommissioning_is_closed_with_its_units_and_its_ledger(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    let id = accepted(registry, 1, RequestKind::Decommission).await;
    let unscheduled = close(registry, id, &note()).await;
    assert!(matches!(unscheduled, Err(NotClosed::Request(_))), "{unscheduled:?}");
    carry_out(registry, id, None, None).await;
    let campaign = start_created(registry, 1, &[1], AfterStart::Run).await;
    assert!(issue(registry, &order(1, 1, 1)).await);
    let Err(NotClosed::Open(open)) = close(registry, id, &note()).await else {
        panic!("its campaign is not over");
    };
    assert_eq!(open[0], Point::InMotion { campaign: campaign_id(1) });
    let done = heard(1, finished(order_id(1, 1, 1), succeeded(), 60));
    registry.apply(&[done]).await.expect("it is heard");
    let ended = registry.move_campaign(&campaign, CampaignEvent::End, &by("plan", 61)).await;
    ended.expect("it has ended");

    let plain = registry.end_request(id, RequestEvent::Close, &by("ben", 62)).await;
    assert_eq!(plain.expect("it is known").map(|it| it.state), Err(RequestRefused::ByItsUnits));
    let serial = || "SN-001".to_owned();
    let sells = vec![Point::Sells { serial: serial() }];
    assert_eq!(close(registry, id, &note()).await, Err(NotClosed::Open(sells)));
    enter(registry, id, Entered::New(entry(EntryKind::DepositPaid, 300))).await.expect("entered");
    let certificate = Sanitisation {
        order: order_id(1, 1, 1),
        terminal: terminal_id(1),
        digest: Digest::of(b"certificate"),
        signed: SignedBytes::new(vec![1]),
        created_at: UnixTime(65),
    };
    registry.add_sanitisation(&certificate, &by("certify", 65)).await.expect("it is kept");
    add_unit(registry).await;
    let shelf = close(registry, id, &note()).await;
    let owed = || Point::Owed { currency: "EUR".to_owned(), minor: 300 };
    let never = vec![Point::NeverReturned { serial: serial() }, owed()];
    assert_eq!(shelf, Err(NotClosed::Open(never)), "it was on the shelf all the time");
    use UnitEvent::{Allocate, AwaitReturn, Commission, Receive, Restock, Return, Ship, Suspend};
    let to_the_shop = [Allocate, Ship, Receive, Commission, Suspend, AwaitReturn];
    move_unit(registry, &to_the_shop).await;
    move_unit(registry, &[Return, Restock]).await;
    assert_eq!(close(registry, id, &note()).await, Err(NotClosed::Open(vec![owed()])));
    enter(registry, id, Entered::New(entry(EntryKind::DepositReturned, 300))).await.expect("paid");
    close(registry, id, &note()).await.expect("all of it is behind everybody");

    let closing = registry.closing(id).await.expect("it is asked").expect("it is closed");
    assert_eq!(closing.found.units[0].certificate, Some(Digest::of(b"certificate")));
    assert_eq!(closing.found.balances, BTreeMap::from([("EUR".to_owned(), 0)]));
    let request = registry.request(id).await.expect("it is asked").expect("it is known");
    assert_eq!(request.state, RequestState::Closed);
    assert_eq!(count(registry, "stop-closed").await, 1);
    assert!(close(registry, id, &note()).await.is_err(), "once");
    let over = enter(registry, id, Entered::New(entry(EntryKind::Paid, 1))).await;
    assert_eq!(over, Err(EntryRefused::Over(RequestState::Closed)));
}
