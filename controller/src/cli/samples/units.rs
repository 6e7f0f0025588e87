//! For tests: two units, of which one stands in a shop and the other one may be another.

use shared::digest::Digest;

use super::{ago, position_id};
use crate::api::model::{
    InspectionVerdict, NewUnitInspection, Unit, UnitAbout, UnitAccessory, UnitCondition, UnitEvent,
    UnitHistory, UnitInspected, UnitInspection, UnitRemains, UnitSaid, UnitSanitisation,
    UnitSanitised, UnitState, UnitValue,
};

const DAY: i64 = 86_400;

pub(crate) fn units() -> Vec<Unit> {
    let about = UnitAbout {
        serial: "PX-1".to_owned(),
        model: "px7".to_owned(),
        store: "north".to_owned(),
        hardware: Some("rev-b".to_owned()),
        firmware: Some("3.1".to_owned()),
        property_number: Some("P-77".to_owned()),
        custodian: Some("shop manager".to_owned()),
        seal: Some("S-1".to_owned()),
        connections: Some(2),
        accessories: vec![
            UnitAccessory { name: "base".to_owned(), count: 1 },
            UnitAccessory { name: "cable".to_owned(), count: 2 },
        ],
        warranty_from: "2026-01-01".parse().ok(),
        warranty_until: "2027-12-31".parse().ok(),
        pts_approval: Some("4-40123".to_owned()),
        pts_expires_on: "2030-04-30".parse().ok(),
        condition: UnitCondition::Good,
        residual_value: Some(UnitValue { minor: 29_900, currency: "EUR".to_owned() }),
        inspection_every_days: 90,
    };
    let serving = Unit {
        about: about.clone(),
        state: UnitState::InService,
        state_at: ago(100 * DAY),
        state_by: "ana".to_owned(),
        state_reason: Some("order 12".to_owned()),
        position: Some(position_id(1)),
        inspected: Some(UnitInspected {
            at: ago(95 * DAY),
            by: "ben".to_owned(),
            verdict: InspectionVerdict::Pass,
        }),
        inspection_due_at: Some(ago(5 * DAY)),
        is_inspection_due: true,
        created_at: ago(200 * DAY),
        created_by: "ana".to_owned(),
    };
    let frozen = Unit {
        about: UnitAbout {
            serial: "PX-2".to_owned(),
            property_number: None,
            residual_value: None,
            accessories: vec![],
            ..about
        },
        state: UnitState::Tampered,
        state_at: ago(60),
        state_reason: Some("suspected substitution: its seal reads `S-9`, not `S-1`".to_owned()),
        position: None,
        inspected: None,
        inspection_due_at: None,
        is_inspection_due: false,
        ..serving.clone()
    };
    vec![serving, frozen]
}

/// What happened to the first of them, and who looked at it.
pub(crate) fn unit_past() -> (Vec<UnitHistory>, Vec<UnitInspection>) {
    let event = |number: u64, event, from, to, said| UnitHistory {
        number,
        event,
        from,
        to,
        at: ago((110 - i64::try_from(number).unwrap_or(0)) * DAY),
        by: "ana".to_owned(),
        reason: Some("order 12".to_owned()),
        said,
    };
    let shipped = UnitSaid {
        seal: Some("S-1".to_owned()),
        courier: Some("parcels".to_owned()),
        tracking: Some("1Z99".to_owned()),
        ..UnitSaid::default()
    };
    let received = UnitSaid {
        seal: Some("S-1".to_owned()),
        serial: Some("PX-1".to_owned()),
        store: Some("north".to_owned()),
        custodian: Some("shop manager".to_owned()),
        accessories: Some(vec![UnitAccessory { name: "base".to_owned(), count: 1 }]),
        condition: Some(UnitCondition::Good),
        photos: vec![Digest::of(b"front")],
        ..UnitSaid::default()
    };
    let events = vec![
        event(1, UnitEvent::Ship, UnitState::Allocated, UnitState::InTransit, shipped),
        event(2, UnitEvent::Receive, UnitState::InTransit, UnitState::AtSite, received),
    ];
    let found = NewUnitInspection {
        technician: Some("T-7".to_owned()),
        seal: Some("S-1".to_owned()),
        seal_missing: false,
        surface_ok: true,
        connections_ok: true,
        serial_confirmed: true,
        firmware: None,
        photos: vec![],
        note: Some("as it was left".to_owned()),
    };
    let (at, by) = (ago(95 * DAY), "ben".to_owned());
    let looked = UnitInspection { number: 1, at, by, verdict: InspectionVerdict::Pass, found };
    (events, vec![looked])
}

/// Two people answer for it; a third meant a unit that has sold since.
pub(crate) fn unit_sanitisation() -> UnitSanitisation {
    let said = |by: &str, days, counts| UnitSanitised {
        reference: "SHRED-117".to_owned(),
        paper: Digest::of(b"certificate"),
        at: ago(days * DAY),
        by: by.to_owned(),
        reason: Some("its storage was shredded".to_owned()),
        counts,
    };
    UnitSanitisation {
        remains: UnitRemains::Sanitised,
        detail: None,
        hint: None,
        certificate: None,
        said: vec![said("cem", 90, false), said("ana", 2, true), said("ben", 1, true)],
    }
}
