//! For tests: terminals that stop, and one that was erased.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::change::rebind::Reason;
use shared::digest::{Digest, PublicKey};
use shared::document::clearance::Deregistered;
use shared::document::sanitisation::{Method, Person, SanitisedBy, Verification};
use shared::document::{FORMAT, SanitisationCertificate};
use shared::id::{OrderId, RequestId, TerminalId};
use shared::time::UnixTime;

use super::{NOW, campaign};
use crate::api::model::{
    Cause, CheckedOnSite, Damage, DeactivatedTerminal, Deactivation, DeactivationSummary,
    EntryKind, LedgerEntry, Liability, Notice, OwedOfBinding, Owing, ServiceDeadline,
    ServiceFinding, ServiceObstacle, ServicePart, ServicePlan, ServiceTold, Stop, StopAnnouncement,
    StopClosing, StopItem, StopItemDone, StopParty, StopPoint, StopUnit, Untold,
};
use crate::finding::Weight;
use crate::unit::UnitState;

/// As it is listed.
pub(in super::super) fn deactivation_summary() -> DeactivationSummary {
    let Deactivation { request, kind, campaign, terminals, at_risk, late, .. } = deactivation();
    let terminals = terminals.len() as u64;
    DeactivationSummary { request, kind, campaign, terminals, at_risk, late, late_items: Some(1) }
}

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
        late: 0,
        stop: Some(Stop { kind: "suspend".to_owned(), ledger: vec![], open: vec![], ..stop() }),
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
            told: None,
            differs: vec![],
            unchecked: vec![],
        },
        checked: Some(CheckedOnSite { what, by: "Tess".to_owned() }),
        at_least: BTreeMap::from([("pos".to_owned(), "2.0.0".to_owned())]),
        at_risk: 0,
        stop: None,
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
        told: None,
        differs: vec![],
        unchecked: vec![],
    }
}

/// The bank has not been told, and the stock was not counted in time.
pub(in super::super) fn stop() -> Stop {
    let at = |hours: i64| UnixTime(NOW.0 + hours * 3600);
    let party = |party: &str, knows: &str, is_told: bool| StopParty {
        party: party.to_owned(),
        is_required: party != "suppliers",
        by: at(72 - 168),
        knows: knows.to_owned(),
        notice: is_told.then(|| Notice {
            party: party.to_owned(),
            channel: "letter".to_owned(),
            reference: "R 1".to_owned(),
            sent_at: at(-120),
            delivered_at: None,
            acknowledged_at: (knows == "acknowledged").then(|| at(-90)),
        }),
        recorded_by: is_told.then(|| "ana".to_owned()),
    };
    let item = |item: &str, due: i64, done: Option<&str>| StopItem {
        item: item.to_owned(),
        what: format!("{} is done", item.replace('-', " ")),
        owner: "Cora Merchant".to_owned(),
        due_at: at(due),
        is_late: due < 0 && done.is_none(),
        done: done.map(|by| StopItemDone {
            at: at(-2),
            by: by.to_owned(),
            noted_by: "ana".to_owned(),
            note: String::new(),
        }),
    };
    Stop {
        request: RequestId::from_bytes([9; 16]),
        kind: "decommission".to_owned(),
        reason: Reason::ContractEnd,
        requester: "Cora Merchant".to_owned(),
        is_exempt: false,
        announcement: Some(StopAnnouncement {
            number: 1,
            cut_off: at(72),
            resume_expected: None,
            at: at(-130),
            by: "ana".to_owned(),
        }),
        parties: vec![
            party("provider", "acknowledged", true),
            party("bank", "not-told", false),
            party("customers", "told-in-time", true),
            party("suppliers", "not-told", false),
        ],
        checklist: vec![
            item("stock-counted", -1, None),
            item("unpaid-cleared", -1, Some("tess")),
            item("cables-removed", 96, None),
        ],
        late: 1,
        ledger: ledger(),
        balances: BTreeMap::from([("EUR".to_owned(), 25_500)]),
        open: vec![
            StopPoint {
                detail: "PX-2 is suspended".to_owned(),
                hint: "have it returned".to_owned(),
            },
            StopPoint {
                detail: "the merchant is still to get 255.00 EUR".to_owned(),
                hint: "enter what was paid: `tillward deactivate ledger add`".to_owned(),
            },
        ],
        particulars: None,
        closing: None,
    }
}

fn ledger() -> Vec<LedgerEntry> {
    let entry = |number, kind, amount_minor, damage, reverses| LedgerEntry {
        number,
        kind,
        amount_minor,
        currency: "EUR".to_owned(),
        serial: Some("PX-2".to_owned()),
        damage,
        reference: format!("R-{number}"),
        note: String::new(),
        reverses,
        at: NOW,
        by: "ana".to_owned(),
    };
    let damage = Damage { cause: Cause::ManMade, liability: Liability::Merchant };
    vec![
        entry(1, EntryKind::DepositPaid, 30_000, None, None),
        entry(2, EntryKind::Damage, 4_500, Some(damage), None),
        entry(3, EntryKind::FeeOutstanding, 900, None, None),
        entry(4, EntryKind::FeeOutstanding, 900, None, Some(3)),
    ]
}

/// The same, when all of it is behind everybody.
pub(in super::super) fn closed_stop() -> Stop {
    let unit = |number: u8, state, certificate| StopUnit {
        serial: format!("PX-{number}"),
        state: Some(state),
        certificate,
    };
    Stop {
        open: vec![],
        late: 0,
        closing: Some(StopClosing {
            note: "the deposit came late: ask for it earlier".to_owned(),
            at: NOW,
            by: "ben".to_owned(),
            units: vec![
                unit(1, UnitState::InStock, Some(Digest([3; 32]))),
                unit(2, UnitState::LostStolen, None),
            ],
            balances: BTreeMap::from([("EUR".to_owned(), 25_500)]),
            presumed_lost: Some("gil".to_owned()),
            no_certificate: Some("it never came back".to_owned()),
            accepted_by: Some("gil".to_owned()),
            staying: None,
        }),
        ..stop()
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
        answered_by: None,
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
        told: Some(ServiceTold {
            is_exempt: false,
            lacking: stop().parties.into_iter().filter(|it| it.party == "bank").collect(),
            answer: Some(Untold { by: "gil".to_owned(), why: "told by telephone".to_owned() }),
            hint: None,
        }),
        findings: vec![],
        answered: BTreeMap::new(),
        differs: vec![],
        unchecked: vec![],
    }
}

pub(in super::super) fn sanitisation_certificate() -> SanitisationCertificate {
    let by = SanitisedBy { key: PublicKey([7; 32]).key_id(), store: "north".to_owned() };
    SanitisationCertificate {
        format: FORMAT,
        terminal: TerminalId::from_bytes([2; 16]),
        manufacturer: None,
        model: "px7".to_owned(),
        serial: "PX-2".to_owned(),
        property_number: Some("A-117".to_owned()),
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
        verification: Verification::Full,
        verified_by: Some(by.clone()),
        verified_at: Some(NOW),
        destination: Some("the provider's depot".to_owned()),
        order: OrderId::from_bytes([5; 16]),
        receipt: Digest([6; 32]),
        sanitised_by: by,
        sanitised_at: NOW,
        responsible: Some(Person {
            name: "Cora".to_owned(),
            title: Some("shop manager".to_owned()),
            location: None,
            contact: Some("+49 30 1".to_owned()),
        }),
        validator: Some(Person {
            name: "Tess".to_owned(),
            title: None,
            location: None,
            contact: None,
        }),
        approved_by: vec!["gil".to_owned(), "han".to_owned()],
        saved: Some(Digest([8; 32])),
        saved_in: vec!["first (eu-1)".to_owned(), "second (eu-2)".to_owned()],
        deregistered: vec![
            Deregistered { with: "alpha".to_owned(), reference: "D-2026-117".to_owned() },
            Deregistered {
                with: "registry DE".to_owned(),
                reference: "none needed: there is no registry in Germany, says ana".to_owned(),
            },
        ],
        certified_at: NOW,
    }
}
