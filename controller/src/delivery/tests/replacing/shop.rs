//! A shop with one till that sells, a unit in stock, and requests that somebody has accepted.

use std::collections::BTreeMap;

use serde_json::json;
use shared::backup::{Kind, ObjectName};
use shared::change::rebind::Reason;
use shared::digest::Digest;
use shared::document::{FORMAT, Manifest};
use shared::id::{ClaimId, OrderId, PositionId, RepositoryId, RequestId, TerminalId};
use shared::message::SignedBytes;
use shared::signature::{Envelope, PrivateKey};
use shared::time::{ClockConfidence, UnixTime};

use super::super::world::{by, id};
use crate::backup::ObjectKey;
use crate::registry::Registry;
use crate::registry::backup::NewObject;
use crate::registry::backup::snapshot::{DueObject, Examined, NewSnapshot, ObjectState};
use crate::registry::position::PutPosition;
use crate::registry::request::NewRequest;
use crate::registry::terminal::{Certificate, Enrolled, Enrolment, NewClaim};
use crate::request::{Asked, Channel, Method, RequestKind};
use crate::unit::UnitEvent;
use crate::unit::custody::UnitStep;
use crate::unit::import::NewUnit;
use crate::unit::inspection::SealSeen;

pub(super) const BEGAN: UnixTime = UnixTime(1_000_000);
pub(super) const STORE: &str = "berlin-1";
pub(super) const OLD: &str = "PX-1";
pub(super) const NEW: &str = "PX-2";

const REPOSITORY: RepositoryId = RepositoryId::from_bytes([7; 16]);

pub(super) fn old() -> TerminalId {
    id(1)
}

pub(super) fn new() -> TerminalId {
    id(2)
}

pub(super) fn key(number: u8) -> PrivateKey {
    PrivateKey::from_seed(&[number; 32])
}

pub(super) fn request_id(kind: RequestKind) -> RequestId {
    RequestId::from_bytes([kind as u8 + 1; 16])
}

/// For a terminal of this number; each generation is another claim.
pub(super) fn claim(number: u8, generation: u8, serial: &str, lane: Option<&str>) -> NewClaim {
    NewClaim {
        id: ClaimId::from_bytes([number * 16 + generation; 16]),
        terminal: id(number),
        serial: serial.to_owned(),
        model: "px7".to_owned(),
        store: STORE.to_owned(),
        lane: lane.map(str::to_owned),
        labels: BTreeMap::new(),
        zone: "Europe/Berlin".to_owned(),
        key: key(number).public(),
        expires_at: BEGAN.plus(std::time::Duration::from_secs(24 * 3600)),
    }
}

pub(super) fn enrolment(claim: ClaimId, number: u8) -> Enrolment {
    let public_key = key(number).public();
    let fingerprint = Digest::of(&public_key.0);
    let certificate = Certificate { fingerprint, expires_at: UnixTime(i64::MAX) };
    Enrolment { claim, spki: fingerprint, public_key, certificate }
}

/// What the old terminal has saved while it sold.
pub(super) fn saved() -> NewSnapshot {
    let manifest = Envelope::unsigned(Manifest {
        format: FORMAT,
        terminal: old(),
        serial: OLD.to_owned(),
        model: "px7".to_owned(),
        repository: REPOSITORY,
        number: 1,
        snapshot: Digest([3; 32]),
        order: OrderId::from_bytes([4; 16]),
        taken_at: BEGAN,
        clock: ClockConfidence::Attested,
        software: vec![],
        bindings: vec![],
        batch_open: false,
        data_sets: vec![],
        listing: Digest([5; 32]),
        sealed_key: Digest([1; 32]),
        roster_version: 1,
    });
    let (digest, signed) = (manifest.digest(), SignedBytes::new(manifest.to_bytes()));
    NewSnapshot { digest, manifest: manifest.document, signed, at: BEGAN }
}

/// Opens the shop; its position.
pub(super) async fn open(registry: &dyn Registry) -> PositionId {
    let by = by(BEGAN);
    let claim = claim(1, 1, OLD, Some("1"));
    registry.add_claim(&claim, &by).await.unwrap();
    let enrolled = registry.enrol(&enrolment(claim.id, 1), &by).await.unwrap();
    assert!(matches!(enrolled, Enrolled::Done(_)), "{enrolled:?}");
    let put = PutPosition {
        store: STORE.to_owned(),
        lane: "1".to_owned(),
        merchant: Some("Corner shop".to_owned()),
        merchant_class: None,
        fallback: None,
    };
    let position = registry.put_position(&put, &by).await.unwrap().id;
    units(registry, position).await;
    for (kind, selector) in [
        (RequestKind::Replace, format!("serial={OLD}")),
        (RequestKind::Suspend, format!("serial={OLD}")),
        (RequestKind::Resume, format!("serial={OLD}")),
        (RequestKind::Decommission, format!("serial={OLD}")),
    ] {
        accepted(registry, kind, selector).await;
    }
    save(registry).await;
    position
}

async fn units(registry: &dyn Registry, position: PositionId) {
    let by = by(BEGAN);
    let about = |serial| json!({ "serial": serial, "model": "px7", "store": "depot" });
    let unit = |serial| NewUnit { line: 1, about: serde_json::from_value(about(serial)).unwrap() };
    registry.add_units(&[OLD, NEW].map(unit), false, &by).await.unwrap().unwrap();
    let position = Some(position);
    let commission = UnitStep { position, ..UnitStep::plain(UnitEvent::Commission) };
    let seal = SealSeen::Reads("S-1".to_owned());
    let ship = UnitStep { seal: seal.clone(), ..UnitStep::plain(UnitEvent::Ship) };
    let receive = UnitStep { seal, ..UnitStep::plain(UnitEvent::Receive) };
    for step in [UnitStep::plain(UnitEvent::Allocate), ship, receive, commission] {
        registry.move_unit(OLD, &step, &by).await.unwrap().unwrap();
    }
}

async fn accepted(registry: &dyn Registry, kind: RequestKind, selector: String) {
    let asked = Asked {
        requester: "cora".to_owned(),
        channel: Channel::Telephone,
        reason: Reason::FaultHardware,
        note: String::new(),
        from: String::new(),
        to: String::new(),
        selector,
        fallback: Some("cash".to_owned()),
        clause: Some("7.2".to_owned()),
        waiver: None,
        attachments: vec![],
    };
    let new = NewRequest { id: request_id(kind), kind, asked };
    registry.add_request(&new, &by(BEGAN)).await.unwrap();
    let ben = crate::registry::audit::By { who: "ben".to_owned(), ..by(BEGAN) };
    let verified = registry.verify_request(new.id, Method::CallBack, "+49 30 1", &ben).await;
    verified.unwrap().unwrap();
    registry.review_request(new.id, true, &ben).await.unwrap().unwrap();
}

/// Its snapshot is verified in both places.
async fn save(registry: &dyn Registry) {
    for (kind, number) in [(Kind::SealedKey, 1), (Kind::Snapshots, 3)] {
        let name = ObjectName { kind, sha256: Digest([number; 32]) };
        let key = ObjectKey { terminal: old(), repository: REPOSITORY, name };
        let object = NewObject { key, bytes: 100, at: BEGAN };
        registry.add_object(&object, 1000).await.unwrap().unwrap();
    }
    registry.add_snapshot(&saved()).await.unwrap().unwrap();
    let due = registry.objects_due(UnixTime(i64::MAX), 10).await.unwrap();
    let (state, copied_at) = (ObjectState::Proven, Some(BEGAN));
    let examined: Vec<_> = due
        .into_iter()
        .map(|it| DueObject { state, copied_at, ..it })
        .map(|object| Examined { object, due_at: UnixTime(i64::MAX), alarm: None })
        .collect();
    registry.examined(&examined, BEGAN).await.unwrap();
    assert!(registry.newest_snapshot(old()).await.unwrap().available.is_some());
}
