//! For tests: terminals that stop, and one that was erased.

use std::time::Duration;

use shared::digest::{Digest, PublicKey};
use shared::document::clearance::Deregistered;
use shared::document::sanitisation::{Method, SanitisedBy};
use shared::document::{FORMAT, SanitisationCertificate};
use shared::id::{OrderId, RequestId, TerminalId};

use super::{NOW, campaign};
use crate::api::model::{
    DeactivatedTerminal, Deactivation, OwedOfBinding, Owing, ServiceDeadline, ServiceObstacle,
    ServicePart, ServicePlan,
};

/// A store's two terminals that stop for a holiday; one of them has not heard of it.
pub(in super::super) fn deactivation() -> Deactivation {
    let terminal = |number: u8, detail: &str| DeactivatedTerminal {
        terminal: TerminalId::from_bytes([number; 16]),
        serial: format!("PX-{number}"),
        store: "north".to_owned(),
        service: "in-service".to_owned(),
        owing: None,
        wipe: None,
        order: Some(OrderId::from_bytes([number; 16])),
        detail: Some(detail.to_owned()),
        at_risk: number == 2,
    };
    Deactivation {
        request: RequestId::from_bytes([9; 16]),
        kind: "suspend".to_owned(),
        campaign: campaign(),
        terminals: vec![
            terminal(1, "for its cut-off, and sells until then: until 2026-12-04T15:00:00Z"),
            terminal(2, "it has not answered"),
        ],
        planned: service_plan(),
        checked: None,
        at_risk: 1,
        late: 0,
    }
}

/// One of them has stopped, and has not settled in the time that it was given.
pub(in super::super) fn owing_deactivation() -> Deactivation {
    let owed = OwedOfBinding {
        binding: "alpha".to_owned(),
        sales: 5,
        total_minor: 1_250,
        currency: "CNY".to_owned(),
        unsent_reversals: 1,
        stored_offline: 2,
    };
    let owing = Owing {
        owed: vec![owed],
        settled_by: NOW,
        is_late: true,
        reason: "the host is down".to_owned(),
        accepted_by: "Hana Head".to_owned(),
    };
    let mut it = deactivation();
    (it.at_risk, it.late) = (0, 1);
    it.terminals.truncate(1);
    let terminal = &mut it.terminals[0];
    (terminal.service, terminal.owing) = ("suspended-owing".to_owned(), Some(owing));
    terminal.detail = None;
    it
}

pub(in super::super) fn service_plan() -> ServicePlan {
    let obstacle = ServiceObstacle {
        code: "last-in-store".to_owned(),
        detail: "nobody in its store would sell any more".to_owned(),
        hint: "name who answers for closing the store's tills: `--close-store NAME`".to_owned(),
    };
    let part = |number: u8, obstacles| ServicePart {
        terminal: TerminalId::from_bytes([number; 16]),
        serial: format!("PX-{number}"),
        store: "north".to_owned(),
        obstacles,
    };
    let deadline = |what: &str, before_h: u64, is_late| ServiceDeadline {
        what: what.to_owned(),
        by: NOW.plus(Duration::from_secs(72 * 3600)).minus(Duration::from_secs(before_h * 3600)),
        is_late,
    };
    ServicePlan {
        is_blocked: true,
        terminals: vec![part(1, vec![]), part(2, vec![obstacle])],
        deadlines: vec![
            deadline("notice", 168, true),
            deadline("cleared", 54, false),
            deadline("armed", 24, false),
        ],
    }
}

pub(in super::super) fn sanitisation_certificate() -> SanitisationCertificate {
    SanitisationCertificate {
        format: FORMAT,
        terminal: TerminalId::from_bytes([2; 16]),
        manufacturer: None,
        model: "px7".to_owned(),
        serial: "PX-2".to_owned(),
        property_number: None,
        media_type: "storage of a payment terminal".to_owned(),
        media_source: "north, lane 2".to_owned(),
        confidentiality_before: None,
        confidentiality_after: None,
        method: Method::Purge,
        tool: "tillward-erase 0.1.0".to_owned(),
        erased: vec![
            "the till says that it has erased its keys and data".to_owned(),
            "luks /dev/mmcblk0p3: destroyed, verified; no key slot is left".to_owned(),
        ],
        is_verified: true,
        destination: None,
        order: OrderId::from_bytes([5; 16]),
        receipt: Digest([6; 32]),
        sanitised_by: SanitisedBy { key: PublicKey([7; 32]).key_id(), store: "north".to_owned() },
        sanitised_at: NOW,
        approved_by: vec!["gil".to_owned(), "han".to_owned()],
        saved: Some(Digest([8; 32])),
        saved_in: vec!["first (eu-1)".to_owned(), "second (eu-2)".to_owned()],
        deregistered: vec![Deregistered {
            with: "alpha".to_owned(),
            reference: "D-2026-117".to_owned(),
        }],
        certified_at: NOW,
    }
}
