//! For tests: terminals that stop, and one that was erased.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::digest::{Digest, PublicKey};
use shared::document::clearance::Deregistered;
use shared::document::sanitisation::{Method, SanitisedBy};
use shared::document::{FORMAT, SanitisationCertificate};
use shared::id::{OrderId, RequestId, TerminalId};

use super::{NOW, campaign};
use crate::api::model::{
    CheckedOnSite, DeactivatedTerminal, Deactivation, ServiceDeadline, ServiceFinding,
    ServiceObstacle, ServicePart, ServicePlan,
};
use crate::finding::Weight;

/// A store's two terminals that stop for a holiday; one of them has not heard of it.
pub(in super::super) fn deactivation() -> Deactivation {
    let terminal = |number: u8, detail: &str| DeactivatedTerminal {
        terminal: TerminalId::from_bytes([number; 16]),
        serial: format!("PX-{number}"),
        store: "north".to_owned(),
        service: "in-service".to_owned(),
        wipe: None,
        order: Some(OrderId::from_bytes([number; 16])),
        detail: Some(detail.to_owned()),
        at_risk: number == 2,
        downtime_s: None,
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
        at_least: BTreeMap::new(),
        at_risk: 1,
        downtime_s: None,
    }
}

/// The holiday is over: one sells again, the other has failed its tests.
pub(in super::super) fn resumption() -> Deactivation {
    let before = deactivation();
    let terminals = before.terminals.into_iter().map(|it| match it.at_risk {
        false => DeactivatedTerminal { detail: None, downtime_s: Some(1_900_800), ..it },
        true => DeactivatedTerminal {
            service: "suspended".to_owned(),
            detail: Some("test: sale: declined".to_owned()),
            at_risk: false,
            ..it
        },
    });
    let what = ["screen", "printer", "reader", "scanner", "battery"].map(str::to_owned).into();
    let findings = resume_plan().findings.into_iter().filter(|it| it.weight == Weight::Unknown);
    Deactivation {
        kind: "resume".to_owned(),
        terminals: terminals.collect(),
        planned: ServicePlan {
            is_blocked: false,
            terminals: vec![],
            deadlines: vec![],
            findings: findings.collect(),
            answered: resume_plan().answered,
        },
        checked: Some(CheckedOnSite { what, by: "Tess".to_owned() }),
        at_least: BTreeMap::from([("pos".to_owned(), "2.0.0".to_owned())]),
        at_risk: 0,
        downtime_s: Some(1_900_800),
        ..before
    }
}

/// One terminal is too old, and nobody has told what they are bound to.
pub(in super::super) fn resume_plan() -> ServicePlan {
    let finding = |code: &str, weight, about: &str, detail: &str, hint: &str| ServiceFinding {
        code: code.to_owned(),
        weight,
        about: about.to_owned(),
        detail: detail.to_owned(),
        hint: hint.to_owned(),
    };
    ServicePlan {
        is_blocked: true,
        terminals: vec![ServicePart {
            terminal: TerminalId::from_bytes([1; 16]),
            serial: "PX-1".to_owned(),
            store: "north".to_owned(),
            obstacles: vec![],
        }],
        deadlines: vec![],
        findings: vec![
            finding(
                "below-minimum",
                Weight::Blocks,
                "PX-1",
                "it runs pos 1.0.0, and >=2.0.0 is asked for",
                "upgrade it first, with an ordinary campaign: it stays suspended meanwhile",
            ),
            finding(
                "binding-unknown",
                Weight::Unknown,
                "PX-1",
                "not known: what it is bound to, and so neither licence nor contract",
                "write it down with `tillward binding import`",
            ),
        ],
        answered: BTreeMap::from([("binding-unknown".to_owned(), "Bo".to_owned())]),
    }
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
        findings: vec![],
        answered: BTreeMap::new(),
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
