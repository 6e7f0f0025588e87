//! Units: their lives, who had them in hand, who looked at them, and what does not fit.

use shared::digest::Digest;
use shared::id::PositionId;
use shared::time::UnixTime;

use super::fixture::*;
use super::positions;
use crate::registry::delivery::AlarmKind;
use crate::registry::page::Page;
use crate::registry::terminal::{ClaimRefusal, Enrolled, NewClaim};
use crate::registry::unit::{Changed, UnitsOf};
use crate::registry::{Registry, RegistryError};
use crate::unit::custody::{UnitMove, UnitStep};
use crate::unit::import::NewUnit;
use crate::unit::inspection::{
    Connections, Inspection, NewInspection, SealSeen, SerialSeen, Surface, Verdict,
};
use crate::unit::record::{About, Accessory, Condition, INSPECTION_EVERY_DAYS, Money, Unit};
use crate::unit::remains::NewWord;
use crate::unit::{UnitEvent, UnitRefused, UnitState};

const DAY: i64 = 86_400;

pub(super) fn about(serial: &str) -> About {
    About {
        serial: serial.to_owned(),
        model: "px7".to_owned(),
        store: "depot".to_owned(),
        hardware: Some("rev-b".to_owned()),
        firmware: Some("3.1".to_owned()),
        property_number: None,
        custodian: Some("stock keeper".to_owned()),
        seal: Some("S-1".to_owned()),
        connections: Some(2),
        accessories: vec![Accessory { name: "base".to_owned(), count: 1 }],
        warranty_from: "2026-01-01".parse().ok(),
        warranty_until: "2027-12-31".parse().ok(),
        pts_approval: Some("4-40123".to_owned()),
        pts_expires_on: "2030-04-30".parse().ok(),
        condition: Condition::New,
        residual_value: Some(Money { minor: 29_900, currency: "EUR".to_owned() }),
        inspection_every_days: INSPECTION_EVERY_DAYS,
    }
}

pub(super) async fn add(registry: &dyn Registry, all: &[About]) -> Result<u64, Vec<u32>> {
    let lines = (1..).zip(all.to_vec());
    let new: Vec<_> = lines.map(|(line, about)| NewUnit { line, about }).collect();
    let added = registry.add_units(&new, false, &by("op", 1)).await.expect("it is decided");
    added.map_err(|mistakes| mistakes.into_iter().map(|it| it.line).collect())
}

/// The unit with this serial number is on the list, in stock.
pub(super) async fn listed_unit(registry: &dyn Registry, serial: &str) {
    add(registry, &[about(serial)]).await.expect("it is added");
}

pub(super) async fn at(registry: &dyn Registry, serial: &str) -> Unit {
    registry.unit(serial).await.expect("it is asked").expect("it is on the list")
}

pub(super) async fn move_on(
    registry: &dyn Registry,
    serial: &str,
    step: UnitStep,
    now: i64,
) -> Result<Changed<UnitMove>, UnitRefused> {
    registry.move_unit(serial, &step, &by("op", now)).await.expect("it is on the list")
}

pub(super) fn plain(event: UnitEvent) -> UnitStep {
    UnitStep::plain(event)
}

pub(super) fn reads(seal: &str) -> SealSeen {
    SealSeen::Reads(seal.to_owned())
}

/// From stock until it is in service at this position.
pub(super) async fn commission(
    registry: &dyn Registry,
    serial: &str,
    position: Option<PositionId>,
) -> Result<UnitState, UnitRefused> {
    let shipped = UnitStep {
        seal: reads("BAG-7"),
        courier: Some("parcels".to_owned()),
        tracking: Some("1Z".to_owned()),
        ..plain(UnitEvent::Ship)
    };
    let received = UnitStep {
        seal: reads("BAG-7"),
        serial: Some(serial.to_owned()),
        store: Some("berlin-1".to_owned()),
        custodian: Some("shop manager".to_owned()),
        ..plain(UnitEvent::Receive)
    };
    let commissioned = UnitStep { position, ..plain(UnitEvent::Commission) };
    move_on(registry, serial, plain(UnitEvent::Allocate), 2).await?;
    move_on(registry, serial, shipped, 3).await?;
    move_on(registry, serial, received, 4).await?;
    Ok(move_on(registry, serial, commissioned, 5).await?.unit.state)
}

pub(super) async fn units_are_put_on_the_list_whole_or_not_at_all(registry: &dyn Registry) {
    let mut odd = about("PX-3");
    odd.inspection_every_days = 0;
    assert_eq!(add(registry, &[about("PX-1"), odd, about("PX-1")]).await, Err(vec![2, 3]));
    assert_eq!(registry.unit("PX-1").await.expect("it is asked"), None, "nothing was taken");
    let new = [NewUnit { line: 1, about: about("PX-1") }];
    assert_eq!(registry.add_units(&new, true, &by("op", 1)).await.expect("it is decided"), Ok(1));
    assert_eq!(registry.unit("PX-1").await.expect("it is asked"), None, "it was only asked");
    assert_eq!(add(registry, &[about("PX-1"), about("PX-2")]).await, Ok(2));
    assert_eq!(add(registry, &[about("PX-2")]).await, Err(vec![1]));
    let unit = at(registry, "PX-1").await;
    assert_eq!((unit.about, unit.state), (about("PX-1"), UnitState::InStock));
    assert_eq!((unit.state_by.as_str(), unit.created_at), ("op", UnixTime(1)));
    let audit = registry.audit(&Page::first(99)).await.expect("it is read");
    let added: Vec<_> = audit.iter().map(|it| (it.what.as_str(), it.object.as_str())).collect();
    assert_eq!(added, [("unit-added", "PX-1"), ("unit-added", "PX-2")]);
}

pub(super) async fn a_unit_lives_from_stock_to_stock_and_all_of_it_is_kept(
    registry: &dyn Registry,
) {
    add(registry, &[about("PX-1")]).await.expect("it is added");
    let early = move_on(registry, "PX-1", plain(UnitEvent::Resume), 2).await;
    let (state, event) = (UnitState::InStock, UnitEvent::Resume);
    assert_eq!(early, Err(UnitRefused::State { state, event }));
    assert_eq!(commission(registry, "PX-1", None).await, Ok(UnitState::InService));
    let stale = UnitStep { seen: Some(UnitState::AtSite), ..plain(UnitEvent::ReportTampered) };
    assert!(matches!(
        move_on(registry, "PX-1", stale, 6).await,
        Err(UnitRefused::Moved { found: UnitState::InService, .. })
    ));
    for event in [UnitEvent::Suspend, UnitEvent::AwaitReturn] {
        move_on(registry, "PX-1", plain(event), 6).await.expect("it may");
    }
    let ungraded = move_on(registry, "PX-1", plain(UnitEvent::Return), 7).await;
    assert_eq!(ungraded, Err(UnitRefused::NotGraded));
    let returned = UnitStep {
        accessories: Some(vec![]),
        condition: Some(Condition::Worn),
        note: Some("the base is missing".to_owned()),
        ..plain(UnitEvent::Return)
    };
    move_on(registry, "PX-1", returned.clone(), 8).await.expect("it was counted and graded");
    let depot = UnitStep { store: Some("depot".to_owned()), ..plain(UnitEvent::Restock) };
    let stocked = move_on(registry, "PX-1", depot, 9).await.expect("it is not damaged");
    let unit = at(registry, "PX-1").await;
    assert_eq!(stocked.unit, unit);
    assert_eq!((unit.state, unit.about.condition), (UnitState::InStock, Condition::Worn));
    assert_eq!((unit.about.accessories.len(), unit.about.store.as_str()), (0, "depot"));

    let moves = registry.unit_moves(unit.number, &Page::first(99)).await.expect("a list");
    let events: Vec<_> = moves.iter().map(|it| it.step.event.as_str()).collect();
    assert_eq!(
        events,
        [
            "allocate",
            "ship",
            "receive",
            "commission",
            "suspend",
            "await-return",
            "return",
            "restock"
        ]
    );
    assert_eq!(moves.iter().map(|it| it.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(
        (moves[1].step.tracking.as_deref(), &moves[1].step.seal),
        (Some("1Z"), &reads("BAG-7"))
    );
    let kept = UnitStep { seen: Some(UnitState::AwaitingReturn), ..returned };
    assert_eq!((&moves[6].step, moves[6].to), (&kept, UnitState::Returned));
    assert_eq!(moves[7], stocked_as_kept(&stocked.what));
    let rest = registry.unit_moves(unit.number, &Page::after(6, 1)).await.expect("a list");
    assert_eq!(rest.iter().map(|it| it.number).collect::<Vec<_>>(), [7]);
    let audit = registry.audit(&Page::first(99)).await.expect("it is read");
    assert_eq!(audit.len(), 1 + moves.len());
    assert_eq!(audit.last().map(|it| it.what.as_str()), Some("unit-restocked"));
}

/// The history knows from which state it went on.
fn stocked_as_kept(it: &UnitMove) -> UnitMove {
    let mut kept = it.clone();
    kept.step.seen = Some(it.from);
    kept
}

pub(super) async fn a_serial_number_comes_back_once_its_unit_is_disposed_of(
    registry: &dyn Registry,
) {
    add(registry, &[about("PX-1")]).await.expect("it is added");
    let first = at(registry, "PX-1").await.number;
    move_on(registry, "PX-1", plain(UnitEvent::Dispose), 2).await.expect("it may");
    assert_eq!(at(registry, "PX-1").await.state, UnitState::Disposed);
    assert_eq!(add(registry, &[about("PX-1")]).await, Ok(1));
    let second = at(registry, "PX-1").await;
    assert_eq!(second.state, UnitState::InStock);
    assert_ne!(second.number, first);
    assert_eq!(registry.units(&UnitsOf::default(), &Page::first(9)).await.expect("all").len(), 2);
    move_on(registry, "PX-1", plain(UnitEvent::Dispose), 3).await.expect("it may");
    assert_eq!(at(registry, "PX-1").await.number, second.number, "the newest of them");
}

async fn serials(registry: &dyn Registry, of: UnitsOf, page: Page<u64>) -> Vec<String> {
    let units = registry.units(&of, &page).await.expect("a list");
    units.into_iter().map(|it| it.about.serial).collect()
}

pub(super) async fn units_are_listed_by_what_is_asked(registry: &dyn Registry) {
    let mut other = about("PX-2");
    (other.model, other.store) = ("q2".to_owned(), "spare".to_owned());
    other.inspection_every_days = 1;
    add(registry, &[about("PX-1"), other, about("PX-3")]).await.expect("they are added");
    move_on(registry, "PX-3", plain(UnitEvent::ReportLost), 2).await.expect("it may");
    let state = UnitsOf { state: Some(UnitState::LostStolen), ..UnitsOf::default() };
    assert_eq!(serials(registry, state, Page::first(9)).await, ["PX-3"]);
    let store = UnitsOf { store: Some("spare".to_owned()), ..UnitsOf::default() };
    assert_eq!(serials(registry, store, Page::first(9)).await, ["PX-2"]);
    let model = UnitsOf { model: Some("px7".to_owned()), ..UnitsOf::default() };
    assert_eq!(serials(registry, model, Page::first(9)).await, ["PX-1", "PX-3"]);
    let due = |at: i64| UnitsOf { due_by: Some(UnixTime(at)), ..UnitsOf::default() };
    assert_eq!(serials(registry, due(DAY), Page::first(9)).await, Vec::<String>::new());
    assert_eq!(serials(registry, due(1 + DAY), Page::first(9)).await, ["PX-2"]);
    assert_eq!(serials(registry, due(1 + 90 * DAY), Page::first(9)).await, ["PX-1", "PX-2"]);
    for unit in registry.units(&due(1 + 90 * DAY), &Page::first(9)).await.expect("a list") {
        assert!(unit.inspection_due_at().is_some_and(|at| at <= UnixTime(1 + 90 * DAY)));
    }
    let first = at(registry, "PX-1").await.number;
    assert_eq!(serials(registry, UnitsOf::default(), Page::after(first, 1)).await, ["PX-2"]);
}

pub(super) async fn one_unit_is_in_service_at_a_position(registry: &dyn Registry) {
    let position = Some(positions::put(registry, "1").await.id);
    add(registry, &[about("PX-1"), about("PX-2")]).await.expect("they are added");
    assert_eq!(commission(registry, "PX-1", position).await, Ok(UnitState::InService));
    let taken = Err(UnitRefused::PositionTaken { by: "PX-1".to_owned() });
    assert_eq!(commission(registry, "PX-2", position).await, taken);
    assert_eq!(at(registry, "PX-2").await.state, UnitState::AtSite);
    let swapped = move_on(registry, "PX-1", plain(UnitEvent::SwapOut), 6).await;
    assert_eq!(swapped.expect("it may").unit.position, None);
    let commissioned = UnitStep { position, ..plain(UnitEvent::Commission) };
    let serving = move_on(registry, "PX-2", commissioned, 7).await.expect("it is free");
    assert_eq!(serving.unit.position, position);
}

async fn is_frozen(registry: &dyn Registry, number: u8) -> bool {
    let terminal = registry.terminal(terminal_id(number)).await.expect("it is asked");
    terminal.expect("it is known").is_frozen
}

pub(super) async fn a_unit_that_may_be_another_freezes_its_terminal(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    add(registry, &[about("SN-001")]).await.expect("it is added");
    move_on(registry, "SN-001", plain(UnitEvent::Allocate), 2).await.expect("it may");
    move_on(registry, "SN-001", plain(UnitEvent::Ship), 3).await.expect("it may");
    let received = UnitStep { seal: reads("S-9"), ..plain(UnitEvent::Receive) };
    let received = move_on(registry, "SN-001", received, 4).await.expect("it is written down");
    assert!(received.difference.is_some_and(|it| it.contains("S-9")));
    let unit = at(registry, "SN-001").await;
    assert_eq!((unit.state, unit.about.seal.as_deref()), (UnitState::Tampered, Some("S-1")));
    assert!(is_frozen(registry, 1).await);
    let open = registry.suspicions(false, &Page::first(9)).await.expect("a list");
    assert_eq!(open.len(), 1);
    let tally = registry.fleet_tally().await.expect("it is counted");
    assert_eq!((tally.alarms, tally.suspicions), (1, 1));
    let moves = registry.unit_moves(unit.number, &Page::first(9)).await.expect("a list");
    let last = moves.last().expect("there are three");
    assert_eq!((last.step.event, &last.step.seal), (UnitEvent::ReportTampered, &reads("S-9")));
    assert!(last.why.contains("S-9") && last.why.contains("because"), "{}", last.why);
    assert_eq!(unit.state_why, last.why);
    let resumed = move_on(registry, "SN-001", plain(UnitEvent::Receive), 5).await;
    assert!(resumed.is_err(), "nothing clears it from afar");
}

fn found(seal: SealSeen) -> NewInspection {
    NewInspection {
        technician: Some("T-7".to_owned()),
        seal,
        surface: Surface::Untouched,
        connections: Connections::AsExpected,
        serial: SerialSeen::Confirmed,
        firmware: Some("3.2".to_owned()),
        photos: vec![Digest::of(b"photo")],
        note: None,
    }
}

async fn inspect(
    registry: &dyn Registry,
    serial: &str,
    found: &NewInspection,
    now: i64,
) -> Result<Changed<Inspection>, UnitRefused> {
    registry.inspect_unit(serial, found, &by("tech", now)).await.expect("it is on the list")
}

pub(super) async fn a_stranger_without_a_terminal_is_an_alarm_until_it_is_looked_after(
    registry: &dyn Registry,
) {
    add(registry, &[about("PX-1")]).await.expect("it is added");
    for round in 0..2 {
        let now = 10 * (round + 1);
        let other = NewInspection { serial: SerialSeen::Other, ..found(reads("S-1")) };
        let inspected = inspect(registry, "PX-1", &other, now).await.expect("it may");
        assert_eq!(inspected.what.verdict, Verdict::SuspectedSubstitution);
        assert_eq!(inspected.unit.state, UnitState::Tampered);
        let alarms = registry.alarms(&Page::first(9)).await.expect("a list");
        let told: Vec<_> = alarms.iter().map(|(_, it)| (it.kind, it.subject.as_str())).collect();
        assert_eq!(told, [(AlarmKind::SuspectedSubstitution, "PX-1")]);
        assert_eq!(registry.fleet_tally().await.expect("counted").alarms, 1);
        let again = inspect(registry, "PX-1", &other, now).await;
        assert_eq!(again, Err(UnitRefused::NotInspected(UnitState::Tampered)));
        move_on(registry, "PX-1", plain(UnitEvent::SendForRepair), now + 1).await.expect("it may");
        assert_eq!(registry.alarms(&Page::first(9)).await.expect("a list"), []);
        assert_eq!(registry.fleet_tally().await.expect("counted").alarms, 0);
        let back = UnitStep {
            accessories: Some(vec![]),
            condition: Some(Condition::Good),
            ..plain(UnitEvent::BackFromRepair)
        };
        move_on(registry, "PX-1", back, now + 2).await.expect("it may");
    }
}

pub(super) async fn a_closed_unit_is_neither_claimed_nor_enrolled(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    add(registry, &[about("SN-001")]).await.expect("it is added");
    let claims = [claim(1, 2), claim(1, 3), claim(1, 4)];
    registry.add_claim(&claims[0], &by("op", 2)).await.expect("it is on a shelf");
    let enrolled = async |at: i64| {
        let asked = enrolment(claims[0].id, 7);
        registry.enrol(&asked, &by("enrolment", at)).await.expect("it is decided")
    };
    let refused = async |new: &NewClaim, at: i64| match registry.add_claim(new, &by("op", at)).await
    {
        Err(RegistryError::UnitRefused { serial, refused }) => (serial, refused),
        other => panic!("{other:?}"),
    };
    for (event, state) in [
        (UnitEvent::ReportLost, UnitState::LostStolen),
        (UnitEvent::Found, UnitState::Tampered),
        (UnitEvent::Dispose, UnitState::Disposed),
    ] {
        if event == UnitEvent::Dispose {
            for who in ["ana", "ben"] {
                let word = NewWord { reference: "S-1".to_owned(), paper: Digest::of(b"paper") };
                let said = registry.sanitise_unit("SN-001", &word, &by(who, 10)).await;
                said.expect("it is on the list").expect("they may");
            }
        }
        move_on(registry, "SN-001", plain(event), 10).await.expect("it may");
        let closed = ("SN-001".to_owned(), UnitRefused::Closed(state));
        assert_eq!(refused(&claims[1], 11).await, closed);
        assert!(!closed.1.hint().is_empty());
        let refusal = ClaimRefusal::UnitClosed { state };
        assert_eq!(enrolled(12).await, Enrolled::Refused(refusal));
    }
    let terminal = registry.terminal(terminal_id(1)).await.expect("asked").expect("known");
    assert_eq!(terminal.epoch, 1, "it has not enrolled again");
    // The same serial number on another device.
    add(registry, &[about("SN-001")]).await.expect("it is added");
    registry.add_claim(&claims[2], &by("op", 13)).await.expect("nothing speaks against it");
    let asked = enrolment(claims[2].id, 8);
    let again = registry.enrol(&asked, &by("enrolment", 14)).await.expect("it is decided");
    assert!(matches!(again, Enrolled::Done(it) if it.epoch == 2));
}

pub(super) async fn a_unit_that_is_reported_lost_or_opened_freezes_its_terminal(
    registry: &dyn Registry,
) {
    let events = [UnitEvent::ReportLost, UnitEvent::ReportTampered];
    for (number, event) in (1..).zip(events) {
        let serial = format!("SN-{number:03}");
        enrol(registry, number, 1).await;
        add(registry, &[about(&serial)]).await.expect("it is added");
        move_on(registry, &serial, plain(event), 2).await.expect("it may");
        assert!(is_frozen(registry, number).await, "{event}");
        let open = registry.suspicions(false, &Page::first(9)).await.expect("a list");
        assert_eq!(open.len(), 1, "once, and the one before was lifted");
        let said = if number == 1 { "lost" } else { "tampered with" };
        assert_eq!(open[0].note, format!("unit {serial} was reported as {said}"));
        for who in ["ana", "ben"] {
            assert!(is_frozen(registry, number).await, "until two have looked");
            let lifted = registry.lift_suspicion(open[0].number, &by(who, 3)).await;
            lifted.expect("it is known").expect("they may");
        }
        assert!(!is_frozen(registry, number).await);
    }
    // What is no terminal has nobody to be kept from anything.
    add(registry, &[about("PX-1")]).await.expect("it is added");
    move_on(registry, "PX-1", plain(UnitEvent::ReportLost), 4).await.expect("it may");
    assert_eq!(registry.fleet_tally().await.expect("it is counted").alarms, 0);
}

pub(super) async fn inspections_are_kept_and_the_next_one_is_due_after_the_last(
    registry: &dyn Registry,
) {
    add(registry, &[about("PX-1")]).await.expect("it is added");
    let unsaid = inspect(registry, "PX-1", &found(SealSeen::Unsaid), 5).await;
    assert_eq!(unsaid, Err(UnitRefused::SealUnsaid { recorded: "S-1".to_owned() }));
    let passed = inspect(registry, "PX-1", &found(reads("S-1")), 100).await.expect("it may");
    assert_eq!((passed.what.verdict, passed.what.number), (Verdict::Pass, 1));
    let unit = at(registry, "PX-1").await;
    assert_eq!(unit, passed.unit);
    assert_eq!(unit.about.firmware.as_deref(), Some("3.2"));
    assert_eq!(unit.inspection_due_at(), Some(UnixTime(100 + 90 * DAY)));
    let marked = NewInspection { surface: Surface::Marked, ..found(reads("S-1")) };
    let failed = inspect(registry, "PX-1", &marked, 200).await.expect("it may");
    assert_eq!((failed.what.verdict, failed.unit.state), (Verdict::Fail, UnitState::InStock));
    let kept = registry.inspections(unit.number, &Page::first(9)).await.expect("a list");
    assert_eq!(kept, [passed.what, failed.what]);
    let later = registry.inspections(unit.number, &Page::after(1, 9)).await.expect("a list");
    assert_eq!(later.len(), 1);
    let due = UnitsOf { due_by: Some(UnixTime(199 + 90 * DAY)), ..UnitsOf::default() };
    assert!(serials(registry, due, Page::first(9)).await.is_empty());
}
