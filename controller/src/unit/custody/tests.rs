//! What is said with a step, and what is missing.

use super::super::record::samples::unit;
use super::*;

/// Of a unit on which nothing is left.
fn decided(unit: &Unit, said: &UnitStep) -> Result<Decided, UnitRefused> {
    decide(unit, said, &Remains::Nothing)
}

fn said(event: UnitEvent) -> UnitStep {
    UnitStep::plain(event)
}

fn sealed(event: UnitEvent, seal: &str) -> UnitStep {
    UnitStep { seal: SealSeen::Reads(seal.to_owned()), ..said(event) }
}

fn graded(event: UnitEvent, condition: Condition) -> UnitStep {
    UnitStep { accessories: Some(vec![]), condition: Some(condition), ..said(event) }
}

#[test]
fn a_unit_that_is_received_with_its_own_seal_is_at_its_site() {
    let step = UnitStep {
        serial: Some("PX-1".to_owned()),
        custodian: Some("shop manager".to_owned()),
        store: Some("north".to_owned()),
        ..sealed(UnitEvent::Receive, "S-1")
    };
    let decided = decided(&unit(UnitState::InTransit), &step).unwrap();
    assert_eq!((decided.unit.state, decided.difference), (UnitState::AtSite, None));
    let about = decided.unit.about;
    assert_eq!((about.custodian.as_deref(), about.store.as_str()), (Some("shop manager"), "north"));
}

#[test]
fn another_seal_or_serial_number_freezes_it_and_the_record_stays() {
    let parcel = unit(UnitState::InTransit);
    let other = UnitStep { serial: Some("PX-2".to_owned()), ..sealed(UnitEvent::Receive, "S-1") };
    let missing = UnitStep { seal: SealSeen::Missing, ..said(UnitEvent::Receive) };
    for (step, told) in [
        (sealed(UnitEvent::Receive, "S-9"), "its seal reads `S-9`, not `S-1`"),
        (other, "its serial number reads `PX-2`"),
        (missing, "its seal `S-1` is missing"),
    ] {
        let decided = decided(&parcel, &step).unwrap();
        assert_eq!(decided.difference.as_deref(), Some(told));
        assert_eq!(decided.unit.state, UnitState::Tampered, "{told}");
        assert_eq!(decided.unit.about.seal.as_deref(), Some("S-1"), "{told}");
    }
}

#[test]
fn nobody_receives_a_sealed_unit_without_a_look_at_the_seal() {
    let mut parcel = unit(UnitState::InTransit);
    let refused = Err(UnitRefused::SealUnsaid { recorded: "S-1".to_owned() });
    assert_eq!(decided(&parcel, &said(UnitEvent::Receive)), refused);
    parcel.about.seal = None;
    let received = decided(&parcel, &sealed(UnitEvent::Receive, "S-3")).unwrap();
    assert_eq!(received.unit.about.seal.as_deref(), Some("S-3"), "the first one is written down");
}

#[test]
fn a_seal_is_applied_where_that_makes_sense_and_nowhere_else() {
    let shipped = decided(&unit(UnitState::Allocated), &sealed(UnitEvent::Ship, "S-2")).unwrap();
    assert_eq!(shipped.unit.about.seal.as_deref(), Some("S-2"));
    let refused = Err(UnitRefused::NotLookedAt(UnitEvent::Suspend));
    let suspended = sealed(UnitEvent::Suspend, "S-2");
    assert_eq!(decided(&unit(UnitState::InService), &suspended), refused);
    let serial = UnitStep { serial: Some("PX-1".to_owned()), ..said(UnitEvent::Ship) };
    let refused = Err(UnitRefused::NotLookedAt(UnitEvent::Ship));
    assert_eq!(decided(&unit(UnitState::Allocated), &serial), refused);
}

#[test]
fn what_waits_for_its_return_is_sealed_for_the_way() {
    let waits = sealed(UnitEvent::AwaitReturn, "BAG-2");
    let waiting = decided(&unit(UnitState::SwappedOut), &waits).unwrap();
    assert_eq!((waiting.unit.state, waiting.difference), (UnitState::AwaitingReturn, None));
    assert_eq!(waiting.unit.about.seal.as_deref(), Some("BAG-2"));
    let read = UnitStep { serial: Some("PX-1".to_owned()), ..waits };
    let refused = Err(UnitRefused::NotLookedAt(UnitEvent::AwaitReturn));
    assert_eq!(decided(&unit(UnitState::SwappedOut), &read), refused);
}

#[test]
fn a_seal_that_somebody_reads_on_what_is_back_is_held_against_the_record() {
    let back = |seal| UnitStep { seal, ..graded(UnitEvent::Return, Condition::Good) };
    let reads = |seal: &str| back(SealSeen::Reads(seal.to_owned()));
    let away = unit(UnitState::AwaitingReturn);
    for step in [reads("S-1"), back(SealSeen::Unsaid)] {
        let returned = decided(&away, &step).unwrap();
        assert_eq!((returned.unit.state, returned.difference), (UnitState::Returned, None));
        assert_eq!(returned.unit.about.seal.as_deref(), Some("S-1"));
    }
    let other = UnitStep { serial: Some("PX-2".to_owned()), ..back(SealSeen::Unsaid) };
    for (step, told) in [
        (reads("S-9"), "its seal reads `S-9`, not `S-1`"),
        (back(SealSeen::Missing), "its seal `S-1` is missing"),
        (other, "its serial number reads `PX-2`"),
    ] {
        let frozen = decided(&away, &step).unwrap();
        assert_eq!(frozen.difference.as_deref(), Some(told));
        assert_eq!(frozen.unit.state, UnitState::Tampered, "{told}");
        assert_eq!(frozen.unit.about.seal.as_deref(), Some("S-1"), "{told}");
    }
}

#[test]
fn what_comes_back_is_counted_and_graded_and_what_is_damaged_is_not_stock() {
    for (state, event) in [
        (UnitState::AwaitingReturn, UnitEvent::Return),
        (UnitState::OutForRepair, UnitEvent::BackFromRepair),
    ] {
        let refused = Err(UnitRefused::NotGraded);
        assert_eq!(decided(&unit(state), &said(event)), refused);
        let counted = UnitStep { accessories: Some(vec![]), ..said(event) };
        assert_eq!(decided(&unit(state), &counted), refused);
        let decided = decided(&unit(state), &graded(event, Condition::Worn)).unwrap();
        assert_eq!(decided.unit.state, UnitState::Returned);
        assert_eq!(decided.unit.about.condition, Condition::Worn);
        assert!(decided.unit.about.accessories.is_empty(), "none came back");
    }
    let mut returned = unit(UnitState::Returned);
    assert!(decided(&returned, &said(UnitEvent::Restock)).is_ok());
    returned.about.condition = Condition::Damaged;
    assert_eq!(decided(&returned, &said(UnitEvent::Restock)), Err(UnitRefused::Damaged));
}

#[test]
fn a_unit_that_leaves_its_lane_is_in_none() {
    let position = Some(PositionId::from_bytes([3; 16]));
    let commissioned = UnitStep { position, ..said(UnitEvent::Commission) };
    let serving = decided(&unit(UnitState::AtSite), &commissioned).unwrap().unit;
    assert_eq!(serving.position, position);
    let suspended = decided(&serving, &said(UnitEvent::Suspend)).unwrap().unit;
    assert_eq!(suspended.position, position);
    let swapped = decided(&suspended, &said(UnitEvent::SwapOut)).unwrap().unit;
    assert_eq!(swapped.position, None);
}

#[test]
fn whoever_saw_it_elsewhere_decides_again() {
    let (expected, found) = (UnitState::InService, UnitState::Suspended);
    let step = UnitStep { seen: Some(expected), ..said(UnitEvent::Resume) };
    assert_eq!(decided(&unit(found), &step), Err(UnitRefused::Moved { expected, found }));
    let step = UnitStep { seen: Some(found), ..step };
    assert!(decided(&unit(found), &step).is_ok());
}

#[test]
fn what_is_not_erased_stays_where_it_is_whatever_is_said_with_it() {
    let left = Remains::Left(remains::Left::Everything);
    let refused = |state, step: &UnitStep| decide(&unit(state), step, &left).unwrap_err();
    for step in [said(UnitEvent::AwaitReturn), graded(UnitEvent::AwaitReturn, Condition::Good)] {
        let why = refused(UnitState::Suspended, &step);
        assert!(matches!(why, UnitRefused::NotErased { .. }), "{why}");
        assert!(why.hint().contains("deactivate wipe") && why.hint().contains("unit sanitised"));
    }
    let why = refused(UnitState::AwaitingReturn, &graded(UnitEvent::Return, Condition::Good));
    assert!(matches!(why, UnitRefused::NotErased { .. }), "{why}");
    let repair = decide(&unit(UnitState::Suspended), &said(UnitEvent::SendForRepair), &left);
    assert_eq!(repair.unwrap().unit.state, UnitState::OutForRepair);
    let unused =
        decide(&unit(UnitState::InTransit), &graded(UnitEvent::Return, Condition::New), &left);
    assert_eq!(unused.unwrap().unit.state, UnitState::Returned);
}

#[test]
fn what_comes_back_from_repair_unerased_stands_where_it_stood_or_nowhere() {
    let left = Remains::Left(remains::Left::Everything);
    let (here, there) = (PositionId::from_bytes([3; 16]), PositionId::from_bytes([4; 16]));
    let at = |state| Unit { position: Some(here), ..unit(state) };
    let sent = |state| decide(&at(state), &said(UnitEvent::SendForRepair), &left).unwrap().unit;
    let back = |unit: &Unit, step: UnitStep| decide(unit, &step, &left);
    let away = sent(UnitState::Suspended);
    let there = UnitStep { position: Some(there), ..said(UnitEvent::BackInPlace) };
    let store = Some("south".to_owned());
    let shop = UnitStep { store, ..said(UnitEvent::BackInPlace) };
    for elsewhere in [there, shop] {
        let why = back(&away, elsewhere).unwrap_err();
        assert!(matches!(why, UnitRefused::NotInPlace(_)) && !why.hint().is_empty(), "{why}");
    }
    let why = back(&away, graded(UnitEvent::BackFromRepair, Condition::Good)).unwrap_err();
    assert!(why.hint().contains("back-in-place") && why.hint().contains("unit sanitised"));
    let put_back = back(&away, said(UnitEvent::BackInPlace)).unwrap().unit;
    assert_eq!((put_back.state, put_back.position), (UnitState::Suspended, Some(here)));
    // Whatever else went to be repaired has no place to which it could come back as it is.
    for state in [UnitState::Tampered, UnitState::SwappedOut, UnitState::AwaitingReturn] {
        let why = back(&sent(state), said(UnitEvent::BackInPlace)).unwrap_err();
        assert!(matches!(why, UnitRefused::NotInPlace(_)), "{state}: {why}");
    }
    let why = decide(&away, &said(UnitEvent::BackInPlace), &Remains::Nothing).unwrap_err();
    assert!(matches!(why, UnitRefused::NotInPlace(_)), "{why}");
}
