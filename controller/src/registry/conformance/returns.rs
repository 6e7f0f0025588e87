//! What has served is returned only once it is erased, or two people answer for it.

use shared::digest::{Digest, PublicKey};
use shared::document::sanitisation::{Method, SanitisedBy, Verification};
use shared::document::{FORMAT, SanitisationCertificate};
use shared::id::OrderId;
use shared::message::SignedBytes;
use shared::signature::Envelope;
use shared::time::UnixTime;

use super::fixture::*;
use super::followed::{SERIAL, hear, ordered, resume, serving, suspend, wipe};
use super::units::{about, add, at, commission, move_on, plain};
use crate::registry::Registry;
use crate::registry::deactivation::Sanitisation;
use crate::registry::delivery::Heard;
use crate::registry::page::Page;
use crate::registry::position::PutPosition;
use crate::unit::custody::UnitStep;
use crate::unit::record::Condition;
use crate::unit::remains::{Facts, Left, NewWord, Remains};
use crate::unit::{UnitEvent, UnitRefused, UnitState};

async fn certify(registry: &dyn Registry, order: OrderId, is_verified: bool) -> Digest {
    let certificate = Envelope::unsigned(SanitisationCertificate {
        format: FORMAT,
        terminal: terminal_id(1),
        manufacturer: None,
        model: "T650".to_owned(),
        serial: SERIAL.to_owned(),
        property_number: None,
        media_type: String::new(),
        media_source: String::new(),
        confidentiality_before: None,
        confidentiality_after: None,
        method: Method::Purge,
        tool: String::new(),
        erased: vec![],
        verification: match is_verified {
            true => Verification::Full,
            false => Verification::NotVerified,
        },
        verified_by: None,
        verified_at: None,
        destination: None,
        order,
        receipt: Digest([1; 32]),
        sanitised_by: SanitisedBy { key: PublicKey([7; 32]).key_id(), store: String::new() },
        sanitised_at: UnixTime(40),
        responsible: None,
        validator: None,
        approved_by: vec![],
        saved: None,
        saved_in: vec![],
        deregistered: vec![],
        certified_at: UnixTime(50),
    });
    let digest = certificate.digest();
    let new = Sanitisation {
        order,
        terminal: terminal_id(1),
        digest,
        signed: SignedBytes::new(certificate.to_bytes()),
        created_at: UnixTime(50),
    };
    assert!(registry.add_sanitisation(&new, &by("certify", 50)).await.expect("it is kept"));
    digest
}

async fn remains(registry: &dyn Registry) -> Remains {
    registry.unit_remains(SERIAL).await.expect("it is on the list").remains()
}

async fn await_return(registry: &dyn Registry) -> Result<UnitState, UnitRefused> {
    let moved = move_on(registry, SERIAL, plain(UnitEvent::AwaitReturn), 60).await;
    moved.map(|changed| changed.unit.state)
}

fn left(left: Left) -> Result<UnitState, UnitRefused> {
    Err(UnitRefused::NotErased { event: UnitEvent::AwaitReturn, left })
}

fn word(reference: &str) -> NewWord {
    NewWord { reference: reference.to_owned(), paper: Digest::of(b"certificate") }
}

async fn say(
    registry: &dyn Registry,
    who: &str,
    reference: &str,
    now: i64,
) -> Result<Facts, UnitRefused> {
    let said = registry.sanitise_unit(SERIAL, &word(reference), &by(who, now)).await;
    said.expect("it is on the list")
}

fn counted(event: UnitEvent) -> UnitStep {
    let (accessories, condition) = (Some(vec![]), Some(Condition::Worn));
    UnitStep { accessories, condition, ..plain(event) }
}

/// Terminal 1 has served, and has signed that it stands still.
async fn suspended(registry: &dyn Registry) {
    serving(registry).await;
    let stop = ordered(registry, 1, suspend(30)).await;
    hear(registry, 1, finished(stop, succeeded(), 40)).await;
}

pub(super) async fn a_unit_is_returned_once_its_terminal_is_erased_and_certified(
    registry: &dyn Registry,
) {
    suspended(registry).await;
    assert_eq!(await_return(registry).await, left(Left::Everything));
    let erase = ordered(registry, 2, wipe()).await;
    hear(registry, 2, finished(erase, failed(), 41)).await;
    assert_eq!(await_return(registry).await, left(Left::Everything));
    let erase = ordered(registry, 3, wipe()).await;
    hear(registry, 3, finished(erase, succeeded(), 42)).await;
    assert_eq!(await_return(registry).await, left(Left::Uncertified));
    let certificate = certify(registry, erase, true).await;
    assert_eq!(remains(registry).await, Remains::Erased { certificate });
    assert_eq!(await_return(registry).await, Ok(UnitState::AwaitingReturn));
    let returned = move_on(registry, SERIAL, counted(UnitEvent::Return), 61).await;
    assert_eq!(returned.expect("it may").unit.state, UnitState::Returned);
}

pub(super) async fn two_people_answer_for_what_a_terminal_could_not_prove(registry: &dyn Registry) {
    suspended(registry).await;
    let erase = ordered(registry, 2, wipe()).await;
    hear(registry, 2, finished(erase, succeeded(), 42)).await;
    certify(registry, erase, false).await;
    assert_eq!(await_return(registry).await, left(Left::Unverified));
    say(registry, "ana", "S-1", 51).await.expect("she may");
    assert_eq!(await_return(registry).await, left(Left::Unverified), "one is not enough");
    let again = say(registry, "Ana", "S-1", 52).await;
    assert_eq!(again, Err(UnitRefused::SamePerson { name: "Ana".to_owned() }));
    say(registry, "ben", "S-2", 53).await.expect("he means another paper");
    assert_eq!(await_return(registry).await, left(Left::Unverified));
    let known = say(registry, "ben", "S-1", 54).await.expect("he may");
    let by = ["ana".to_owned(), "ben".to_owned()];
    let NewWord { reference, paper } = word("S-1");
    assert_eq!(known.remains(), Remains::Sanitised { reference, paper, by });
    assert_eq!(await_return(registry).await, Ok(UnitState::AwaitingReturn));
    let log = registry.audit(&Page::first(999)).await.expect("it is read");
    let said: Vec<_> = log.iter().filter(|it| it.what == "unit-sanitised").collect();
    assert_eq!(said.iter().map(|it| it.who.as_str()).collect::<Vec<_>>(), ["ana", "ben", "ben"]);
    assert!(said[0].object.starts_with(&format!("{SERIAL} S-1 ")), "{}", said[0].object);
}

pub(super) async fn what_people_said_of_a_unit_counts_until_it_sells_or_enrols_again(
    registry: &dyn Registry,
) {
    serving(registry).await;
    let selling = say(registry, "ana", "S-1", 35).await;
    assert_eq!(selling, Err(UnitRefused::NotInHand(UnitState::InService)));
    let stop = ordered(registry, 1, suspend(30)).await;
    hear(registry, 1, finished(stop, succeeded(), 40)).await;
    for (who, now) in [("ana", 51), ("ben", 52)] {
        say(registry, who, "S-1", now).await.expect("they may");
    }
    assert!(matches!(remains(registry).await, Remains::Sanitised { .. }));
    let back = ordered(registry, 2, resume()).await;
    let resumed = Heard { at: UnixTime(70), ..heard(2, finished(back, succeeded(), 60)) };
    registry.apply(&[resumed]).await.expect("it is applied");
    assert_eq!(remains(registry).await, Remains::Left(Left::Everything), "it was not erased");
    move_on(registry, SERIAL, plain(UnitEvent::SwapOut), 71).await.expect("it may");
    for (who, now) in [("ana", 72), ("ben", 73)] {
        say(registry, who, "S-1", now).await.expect("they may say so again");
    }
    assert!(matches!(remains(registry).await, Remains::Sanitised { .. }));
    enrol(registry, 1, 2).await;
    assert_eq!(remains(registry).await, Remains::Left(Left::Everything), "it has keys again");
    assert_eq!(await_return(registry).await, left(Left::Everything));
}

/// Terminal 1 and its unit are in service in a lane.
async fn serving_in_a_lane(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    let put = PutPosition {
        store: "berlin-1".to_owned(),
        lane: "1".to_owned(),
        merchant: None,
        merchant_class: None,
        fallback: None,
    };
    let lane = registry.put_position(&put, &by("op", 1)).await.expect("it is set").id;
    add(registry, &[about(SERIAL)]).await.expect("it is added");
    commission(registry, SERIAL, Some(lane)).await.expect("it is put to work");
}

async fn refused(registry: &dyn Registry, step: UnitStep) -> UnitRefused {
    let moved = move_on(registry, SERIAL, step, 61).await;
    moved.map(|it| it.unit.state).expect_err("something is left on it")
}

/// Two people say that its storage was replaced.
async fn sanitised(registry: &dyn Registry) {
    for who in ["ana", "ben"] {
        say(registry, who, "S-1", 62).await.expect("they may");
    }
}

pub(super) async fn what_is_not_erased_comes_back_from_repair_to_where_it_stood(
    registry: &dyn Registry,
) {
    serving_in_a_lane(registry).await;
    let stop = ordered(registry, 1, suspend(30)).await;
    hear(registry, 1, finished(stop, succeeded(), 40)).await;
    move_on(registry, SERIAL, plain(UnitEvent::SendForRepair), 60).await.expect("it may");
    for step in [counted(UnitEvent::BackFromRepair), plain(UnitEvent::Dispose)] {
        let event = step.event;
        let why = refused(registry, step).await;
        assert_eq!(why, UnitRefused::NotErased { event, left: Left::Everything });
    }
    let back = move_on(registry, SERIAL, plain(UnitEvent::BackInPlace), 61).await;
    assert_eq!(back.expect("it may").unit.state, UnitState::Suspended);
    move_on(registry, SERIAL, plain(UnitEvent::SendForRepair), 61).await.expect("it may");
    sanitised(registry).await;
    let steps =
        [counted(UnitEvent::BackFromRepair), plain(UnitEvent::Restock), plain(UnitEvent::Allocate)];
    for step in steps {
        move_on(registry, SERIAL, step, 63).await.expect("its storage was replaced");
    }
}

pub(super) async fn what_is_not_erased_is_never_thrown_away(registry: &dyn Registry) {
    suspended(registry).await;
    move_on(registry, SERIAL, plain(UnitEvent::ReportTampered), 60).await.expect("it may");
    let (event, left) = (UnitEvent::Dispose, Left::Everything);
    let why = refused(registry, plain(event)).await;
    assert_eq!(why, UnitRefused::NotErased { event, left });
    sanitised(registry).await;
    move_on(registry, SERIAL, plain(event), 63).await.expect("its storage was destroyed");
    // Another device with the same serial number has never served.
    add(registry, &[about(SERIAL)]).await.expect("it is added");
    assert_eq!(remains(registry).await, Remains::Nothing);
    move_on(registry, SERIAL, plain(UnitEvent::Allocate), 64).await.expect("it may");
    let new = claim(1, 2);
    registry.add_claim(&new, &by("op", 65)).await.expect("it is made");
    registry.enrol(&enrolment(new.id, 7), &by("enrolment", 66)).await.expect("it is decided");
    assert_eq!(remains(registry).await, Remains::Left(Left::Everything), "it serves now");
}

pub(super) async fn what_never_served_needs_no_erasing(registry: &dyn Registry) {
    suspended(registry).await;
    add(registry, &[about("PX-2"), about("PX-3")]).await.expect("they are added");
    for event in [UnitEvent::Allocate, UnitEvent::Ship] {
        for serial in ["PX-2", "PX-3"] {
            move_on(registry, serial, plain(event), 62).await.expect("it may");
        }
    }
    move_on(registry, "PX-2", counted(UnitEvent::Return), 63).await.expect("from the road");
    let received = UnitStep { seal: super::units::reads("S-1"), ..plain(UnitEvent::Receive) };
    for step in [received, plain(UnitEvent::AwaitReturn), counted(UnitEvent::Return)] {
        move_on(registry, "PX-3", step, 64).await.expect("nobody has used it");
    }
    assert_eq!(at(registry, "PX-3").await.state, UnitState::Returned);
}
