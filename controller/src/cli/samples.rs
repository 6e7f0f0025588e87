//! For tests: a small fleet as the API would describe it, the same in every run.

mod campaigns;
mod deactivation;
mod places;
mod replacements;
mod units;

use std::collections::BTreeMap;

use shared::change::rebind;
use shared::digest::{Digest, KeyId};
use shared::document::order::Class;
use shared::document::purge_certificate::{Emptied, KeepRules, PurgeReason, PurgedSnapshot};
use shared::document::{FORMAT, PurgeCertificate};
use shared::id::{
    BatchId, BindingId, CampaignId, FleetId, OrderId, PositionId, RepositoryId, RequestId,
    TerminalId,
};
use shared::signature::PrivateKey;
use shared::time::UnixTime;

use crate::api::model::{
    Alarm, Approval, Approver, Assignment, AssignmentState, Attachment, AuditEntry, Base64,
    Battery, Binding, BindingTuple, BindingVersion, BrokerStatus, Campaign, CampaignState, Change,
    Component, Counted, Finding, Held, How, Lifecycle, LiftWord, NewRequest, PlaceStatus, Plan,
    PlannedFee, PlannedRepository, PlannedSnapshot, PlannedTerminal, Position, Presence,
    ProviderAlert, PurgePlan, PurgeRefused, Reason, Recipient, Registration, RegistrationStatus,
    Release, ReleaseArtifact, RepositoryRetention, RepositoryState, Request, RequestChannel,
    RequestKind, RetainedSnapshot, RetentionPolicy, Review, Signer, SnapshotState, Software,
    Status, StayReason, Suspicion, Telemetry, Term, Terminal, TerminalCounts, TerminalRetention,
    TillHealth, Upgrade, Verification, VerificationMethod, Wave, WaveState, Weight,
};
use crate::campaign::policy::Named;
use crate::provider::alerts::What;
use crate::provider::day::Day;
use crate::provider::fees::{Method, Price};

pub(super) use campaigns::{campaign_plan, campaign_report};
pub(super) use deactivation::{
    closed_stop, deactivation, deactivation_summary, owing_deactivation, resume_plan, resumption,
    sanitisation_certificate, service_plan, stop,
};
pub(super) use places::{calendar_import, calendars, store, stores};
pub(super) use replacements::{replacement_past, replacements};
pub(super) use units::{unit_past, unit_sanitisation, units};

/// 2026-11-22 10:00 UTC.
pub(super) const NOW: UnixTime = UnixTime(1_795_341_600);

fn ago(seconds: i64) -> UnixTime {
    UnixTime(NOW.0 - seconds)
}

pub(super) fn terminal_id(number: u8) -> TerminalId {
    TerminalId::from_bytes([number; 16])
}

pub(super) fn terminal(number: u8) -> Terminal {
    Terminal {
        id: terminal_id(number),
        serial: format!("PX-{number}"),
        store: "north".to_owned(),
        model: "px7".to_owned(),
        lane: Some(format!("lane-{number}")),
        labels: BTreeMap::from([("wave".to_owned(), "pilot".to_owned())]),
        zone: "Europe/Berlin".to_owned(),
        lifecycle: Lifecycle::Enrolled,
        presence: Presence::Online,
        is_frozen: number == 2,
        is_quarantined: number == 3,
        service: "in-service".to_owned(),
        epoch: 1,
        last_seen_at: Some(ago(95)),
        working_on: None,
        certificate_expires_at: Some(UnixTime(NOW.0 + 20 * 86_400)),
        agent_version: Some("0.1.0".to_owned()),
        components: vec![component("pos", "1.0.0", 1), component("fonts", "7", 7)],
        roster_version: Some(1),
        outbox_depth: Some(0),
        outbox_dropped: Some(0),
        zone_used: Some(if number == 2 { "UTC" } else { "Europe/Berlin" }.to_owned()),
        telemetry: Some(Telemetry {
            at: ago(300),
            disk_free_bytes: 3 << 30,
            orders_refused: 1,
            messages_unreadable: 0,
            battery: (number != 2).then_some(Battery {
                percent: 31,
                floor_percent: 50,
                is_powered: false,
                is_low: true,
            }),
            till: (number != 2).then_some(TillHealth { answers: true, restarts: 2 }),
        }),
        recipient: (number == 2).then(|| Recipient {
            recipient: format!("age1{}", "q".repeat(58)),
            statement: Base64(b"signed".to_vec()),
            key: PrivateKey::from_seed(&[2; 32]).public(),
        }),
    }
}

fn component(name: &str, version: &str, security_counter: u64) -> Component {
    Component { name: name.to_owned(), version: version.to_owned(), security_counter }
}

/// Announced, and never seen.
pub(super) fn claimed_terminal() -> Terminal {
    Terminal {
        lane: None,
        labels: BTreeMap::new(),
        lifecycle: Lifecycle::Claimed,
        presence: Presence::NeverSeen,
        epoch: 0,
        last_seen_at: None,
        certificate_expires_at: None,
        agent_version: None,
        components: Vec::new(),
        roster_version: None,
        outbox_depth: None,
        outbox_dropped: None,
        zone_used: None,
        telemetry: None,
        recipient: None,
        ..terminal(9)
    }
}

pub(super) fn campaign() -> Campaign {
    use AssignmentState::{Held as IsHeld, RolledBack, Succeeded, Waiting, Working};
    Campaign {
        id: CampaignId::from_bytes([2; 16]),
        name: Some("autumn".to_owned()),
        change: Change::Upgrade(Upgrade {
            release: Digest::of(b"release"),
            window: Some("22:00-06:00".parse().expect("a window")),
            backup_within_s: None,
        }),
        software: Some(Software { component: "pos".to_owned(), version: "2.0.0".to_owned() }),
        selector: "store=north & model=px7".to_owned(),
        max_parallel: 2,
        policy: Named::built_in("usual").expect("it is built in").policy,
        waves: waves(),
        bad: 1,
        at_it: 2,
        class: Class::Normal,
        reverts: None,
        copy_of: None,
        joined: 0,
        state: CampaignState::Running,
        state_by: "ana".to_owned(),
        state_at: ago(3_600),
        state_reason: Some("the pilot went well".to_owned()),
        terminals: Some(5),
        by_state: BTreeMap::from([
            (IsHeld, 1),
            (Waiting, 1),
            (Working, 1),
            (RolledBack, 1),
            (Succeeded, 1),
        ]),
        held: vec![Held { reason: parallel(), terminals: 1, next_at: None, example: None }],
        created_at: ago(7_200),
        created_by: "ana".to_owned(),
        started_at: Some(ago(3_600)),
        ended_at: None,
        not_after_s: 14 * 86_400,
        not_after: Some(UnixTime(NOW.0 + 14 * 86_400 - 3_600)),
        late_successes: 0,
        contradictions: 0,
    }
}

fn waves() -> Vec<Wave> {
    let wave = Wave {
        number: 1,
        terminals: 1,
        state: WaveState::Passed,
        opened_at: Some(ago(3_600)),
        passed_at: Some(ago(1_800)),
        released: 1,
        under_way: 0,
        succeeded: 1,
        bad: 0,
        acknowledged: 0,
        waits_for: vec![],
        next_at: None,
    };
    let open = Wave {
        number: 2,
        terminals: 3,
        state: WaveState::Open,
        opened_at: Some(ago(1_800)),
        passed_at: None,
        released: 3,
        under_way: 2,
        succeeded: 0,
        bad: 1,
        acknowledged: 1,
        waits_for: vec!["1 of the 3 that it takes were attempted".to_owned()],
        next_at: Some(UnixTime(NOW.0 + 86_400)),
    };
    let closed = Wave {
        number: 3,
        terminals: 1,
        state: WaveState::Closed,
        opened_at: None,
        released: 0,
        under_way: 0,
        bad: 0,
        acknowledged: 0,
        waits_for: vec![],
        next_at: None,
        ..open.clone()
    };
    vec![wave, open, closed]
}

/// A campaign that one of two approvers has signed for.
pub(super) fn approval() -> Approval {
    let term = |name: &str, value: &str| Term { name: name.to_owned(), value: value.to_owned() };
    Approval {
        campaign: CampaignId::from_bytes([2; 16]),
        name: Some("autumn".to_owned()),
        state: CampaignState::AwaitingApproval,
        batch: BatchId::from_bytes([3; 16]),
        digest: Digest::of(b"batch"),
        what: "Install a release".to_owned(),
        terms: vec![
            term("release", &Digest::of(b"release").to_string()),
            term("window", "22:00-06:00 in each terminal's zone"),
        ],
        terminals: 12_345,
        selector: "store=north & model=px7".to_owned(),
        requested_at: ago(3_600),
        created_by: "ana".to_owned(),
        not_after: UnixTime(NOW.0 + 86_400),
        roster_version: 3,
        approvers_needed: 2,
        signed_by: vec![approver(1, "gil", true), approver(2, "old", false)],
    }
}

fn approver(number: u8, owner: &str, counts: bool) -> Approver {
    Approver {
        key: KeyId([number; 16]),
        owner: owner.to_owned(),
        counts,
        imported_at: ago(600),
        imported_by: "ana".to_owned(),
    }
}

fn parallel() -> Reason {
    Reason {
        code: "max-parallel".to_owned(),
        detail: "2 terminals are at work, as many as may be".to_owned(),
        hint: None,
    }
}

pub(super) fn assignment(number: u8, state: AssignmentState) -> Assignment {
    Assignment {
        campaign: CampaignId::from_bytes([2; 16]),
        terminal: terminal_id(number),
        serial: format!("PX-{number}"),
        store: "north".to_owned(),
        model: "px7".to_owned(),
        state,
        reason: None,
        order: Some(OrderId::from_bytes([number; 16])),
        step: None,
        bytes_done: None,
        bytes_total: None,
        version_now: None,
        updated_at: Some(ago(i64::from(number) * 10)),
        next_at: None,
    }
}

/// One terminal in each situation that needs words of its own.
pub(super) fn assignments() -> Vec<Assignment> {
    use AssignmentState::{Held, RolledBack, Succeeded, Waiting, Working};
    let step = |name: &str| Some(name.to_owned());
    vec![
        Assignment {
            step: step("fetch"),
            bytes_done: Some(6_000_000),
            bytes_total: Some(13_000_000),
            ..assignment(3, Working)
        },
        Assignment { version_now: Some("2.0.0".to_owned()), ..assignment(1, Succeeded) },
        Assignment {
            step: step("probation"),
            version_now: Some("1.0.0".to_owned()),
            reason: Some(Reason {
                code: "health-not-proven".to_owned(),
                detail: "the self-test said: printer driver missing".to_owned(),
                hint: Some("test this release on a terminal in the office".to_owned()),
            }),
            ..assignment(2, RolledBack)
        },
        Assignment {
            step: step("wait"),
            reason: Some(Reason {
                code: "till".to_owned(),
                detail: "the till is busy: 1 open check".to_owned(),
                hint: None,
            }),
            ..assignment(4, Waiting)
        },
        Assignment {
            order: None,
            updated_at: None,
            reason: Some(parallel()),
            ..assignment(5, Held)
        },
    ]
}

pub(super) fn release() -> Release {
    Release {
        digest: Digest::of(b"release"),
        component: "pos".to_owned(),
        version: "2.0.0".to_owned(),
        security_counter: 12,
        models: vec!["px7".to_owned(), "px8".to_owned()],
        artifact: ReleaseArtifact {
            sha256: Digest::of(b"artifact"),
            size: 13_000_000,
            unpacked_size: 40_000_000,
            entries: 120,
        },
        settlement: "before".to_owned(),
        issued_at: ago(86_400),
        expires_at: UnixTime(NOW.0 + 364 * 86_400),
        signed_by: vec![signer(1, "dev"), signer(2, "eva")],
        published_at: ago(4_000),
        published_by: "ana".to_owned(),
    }
}

fn signer(number: u8, owner: &str) -> Signer {
    Signer { key: KeyId([number; 16]), owner: owner.to_owned() }
}

pub(super) fn status() -> Status {
    Status {
        version: "0.1.0".to_owned(),
        fleet: FleetId::from_bytes([1; 16]),
        now_at: NOW,
        registry: "sqlite".to_owned(),
        broker: BrokerStatus {
            kind: "embedded".to_owned(),
            address: "fleet.example:8883".to_owned(),
            connected: true,
        },
        places: vec![place("cellar", None), place("harbour", Some("it does not answer"))],
        terminals: TerminalCounts { claimed: 1, enrolled: 8, revoked: 0, online: 7 },
        campaigns_awaiting_approval: 1,
        campaigns_running: 1,
        campaigns_paused: 0,
        campaigns_halted: 0,
        alarms: 1,
        backups_overdue: 2,
        suspicions: Counted { count: 1, first: suspicions().into_iter().take(1).collect() },
        provider_alerts: Counted { count: 12, first: vec![licence_alert()] },
        roster_version: 1,
        reports_waiting: 0,
    }
}

fn licence_alert() -> ProviderAlert {
    let until: Day = "2026-12-01".parse().expect("it is a day");
    ProviderAlert {
        id: format!("licence.alpha.{until}.30"),
        what: What::Licence,
        key: "alpha".to_owned(),
        which: String::new(),
        until,
        days_left: 9,
    }
}

fn place(name: &str, why: Option<&str>) -> PlaceStatus {
    PlaceStatus {
        name: name.to_owned(),
        region: "north".to_owned(),
        there: why.is_none(),
        why: why.map(str::to_owned),
        hint: why.map(|_| "see why it does not answer: its disk, its server".to_owned()),
    }
}

pub(super) fn alarm() -> Alarm {
    Alarm {
        terminal: Some(terminal_id(2)),
        kind: "ledger-lost".to_owned(),
        subject: "epoch 1".to_owned(),
        detail: "the terminal lost its ledger; it takes orders again from epoch 2".to_owned(),
        at: ago(600),
        ended_at: None,
    }
}

/// Which is over.
pub(super) fn lease_ran_out() -> Alarm {
    Alarm {
        kind: "lease-ran-out".to_owned(),
        subject: "2026-11-21T10:00:00Z".to_owned(),
        detail: "it had no contact for longer than its lease".to_owned(),
        at: ago(900),
        ended_at: Some(ago(600)),
        ..alarm()
    }
}

pub(super) fn audit_entry() -> AuditEntry {
    AuditEntry {
        seq: 7,
        at: ago(3_600),
        who: "ana".to_owned(),
        what: "campaign-started".to_owned(),
        object: CampaignId::from_bytes([2; 16]).to_string(),
        detail: "the pilot went well".to_owned(),
        previous: Digest::of(b"6"),
        digest: Digest::of(b"7"),
    }
}

pub(super) fn retention_policy() -> RetentionPolicy {
    RetentionPolicy {
        keep_last: 7,
        keep_daily: 14,
        keep_weekly: 8,
        keep_monthly: 12,
        purge_after_days: 7,
        closed_days: 90,
    }
}

/// A repository that is written to, one that goes, one that is deleted and held no snapshot.
pub(super) fn retention() -> Vec<TerminalRetention> {
    let snapshot =
        |number: u64, state, stays: Vec<StayReason>, goes: Option<&str>| RetainedSnapshot {
            manifest: Digest::of(&number.to_be_bytes()),
            number,
            taken_at: ago(86_400 * 50 - 86_400 * number as i64),
            state,
            stays,
            goes: goes.map(str::to_owned),
        };
    let repository = |number: u8, state, purge_at, snapshots| RepositoryRetention {
        repository: RepositoryId::from_bytes([number; 16]),
        state,
        bytes: 70_000_000,
        opened_at: ago(86_400 * 60),
        purge_at,
        snapshots,
    };
    let (last, newest) = (StayReason::Last, StayReason::NewestAvailable);
    let expiring = vec![
        snapshot(1, SnapshotState::Expiring, vec![], Some("no rule keeps it")),
        snapshot(2, SnapshotState::Expiring, vec![], Some("ana asked: the merchant left")),
    ];
    let open = vec![
        snapshot(3, SnapshotState::Available, vec![StayReason::Held, StayReason::Weekly], None),
        snapshot(4, SnapshotState::Available, vec![last, StayReason::Daily, newest], None),
    ];
    vec![TerminalRetention {
        terminal: terminal_id(1),
        serial: "PX-1".to_owned(),
        closed_at: None,
        repositories: vec![
            repository(1, RepositoryState::Purging, Some(ago(600)), vec![]),
            repository(2, RepositoryState::Expiring, Some(UnixTime(NOW.0 + 86_400)), expiring),
            repository(3, RepositoryState::Open, None, open),
        ],
    }]
}

pub(super) fn purge_plan() -> PurgePlan {
    let snapshot = |number: u64, goes, stays| PlannedSnapshot {
        manifest: Digest::of(&number.to_be_bytes()),
        number,
        taken_at: ago(86_400),
        goes,
        stays,
    };
    let held = Digest::of(&2_u64.to_be_bytes());
    PurgePlan {
        snapshots: 1,
        repositories: vec![PlannedRepository {
            repository: RepositoryId::from_bytes([2; 16]),
            terminal: terminal_id(1),
            serial: "PX-1".to_owned(),
            bytes: 70_000_000,
            purge_at: None,
            snapshots: vec![
                snapshot(1, true, vec![]),
                snapshot(2, false, vec![StayReason::Held, StayReason::Daily]),
            ],
        }],
        refused: vec![PurgeRefused {
            code: "snapshot-held".to_owned(),
            detail: format!("snapshot {held} is held"),
            hint: "let it go first with `tillward backup unhold`".to_owned(),
        }],
    }
}

pub(super) fn purge_certificate() -> PurgeCertificate {
    let place = |name: &str, region: &str| Emptied {
        name: name.to_owned(),
        region: region.to_owned(),
        verified_at: ago(60),
    };
    let mut certificate = PurgeCertificate {
        format: FORMAT,
        terminal: terminal_id(1),
        serial: "PX-1".to_owned(),
        repository: RepositoryId::from_bytes([2; 16]),
        sealed_key: Digest::of(b"sealed"),
        opened_at: ago(86_400 * 90),
        closed_at: ago(86_400 * 60),
        snapshots: 0,
        manifests: Digest::of(&[]),
        listed: vec![],
        objects: 120,
        bytes: 70_000_000,
        begun_at: ago(120),
        finished_at: ago(30),
        places: vec![place("first", "here"), place("second", "elsewhere")],
    };
    let snapshot = |number: u64, why| {
        let manifest = Digest::of(&number.to_be_bytes());
        (PurgedSnapshot { number, manifest, taken_at: ago(86_400 * 80) }, why)
    };
    let rules = KeepRules { last: 7, daily: 14, weekly: 8, monthly: 12 };
    let (by, reason) = ("ana".to_owned(), "the merchant left".to_owned());
    certificate.list(&[
        snapshot(1, PurgeReason::NotKept { rules }),
        snapshot(2, PurgeReason::TerminalClosed { closed_at: ago(86_400 * 97), kept_days: 90 }),
        snapshot(3, PurgeReason::Asked { by, reason, last_copy: true }),
    ]);
    certificate
}

fn position_id(number: u8) -> PositionId {
    PositionId::from_bytes([number; 16])
}

/// A lane with a unit, one without, and one that was never filled.
pub(super) fn positions() -> Vec<Position> {
    let position = |number: u8, state: &str, fallback: Option<&str>| Position {
        id: position_id(number),
        store: "north".to_owned(),
        lane: format!("lane-{number}"),
        merchant: None,
        merchant_class: (number == 1).then(|| "standard".to_owned()),
        fallback: fallback.map(str::to_owned),
        state: state.to_owned(),
        state_at: ago(86_400 * i64::from(number)),
        terminal: (state == "occupied").then(|| terminal_id(number)),
    };
    vec![
        position(1, "occupied", Some("cash, or lane 2")),
        position(2, "vacant", None),
        position(3, "planned", None),
    ]
}

/// The one that the shop sells with, and the one that is to take its place.
pub(super) fn bindings() -> Vec<Binding> {
    let tuple = |provider: &str, tid: &str| BindingTuple {
        mid: "102290054110001".to_owned(),
        tid: tid.to_owned(),
        name: "Corner shop".to_owned(),
        mcc: "5411".to_owned(),
        currency: "CNY".to_owned(),
        hosts: vec![format!("{provider}.example:9001"), format!("{provider}.example:9002")],
        acquirer_code: Some("102".to_owned()),
        uscc: Some("91350100M000100Y43".to_owned()),
        settlement_account: None,
        install_address: Some("1 High Street".to_owned()),
    };
    let binding = |number: u8, provider: &str, state: &str, status| Binding {
        id: BindingId::from_bytes([number; 16]),
        position: position_id(1),
        provider: provider.to_owned(),
        state: state.to_owned(),
        state_at: ago(3_600),
        state_by: "ana".to_owned(),
        state_reason: (state == "active").then(|| "taken over".to_owned()),
        version: BindingVersion {
            number: u32::from(number),
            tuple: tuple(provider, &format!("0000000{number}")),
            registration: Registration {
                status,
                reference: (number == 1).then(|| "R-77".to_owned()),
                at: (number == 1).then(|| ago(7_200)),
            },
            set_at: ago(86_400),
            set_by: "ana".to_owned(),
            set_reason: None,
        },
        remarks: vec![],
    };
    vec![
        binding(1, "alpha", "active", RegistrationStatus::Registered),
        binding(2, "beta", "staged", RegistrationStatus::Submitted),
    ]
}

/// One that was verified and accepted, and that somebody finds suspicious since.
pub(super) fn request() -> Request {
    Request {
        id: RequestId::from_bytes([4; 16]),
        asked: NewRequest {
            kind: RequestKind::Rebind,
            requester: "cora".to_owned(),
            channel: RequestChannel::Telephone,
            reason: rebind::Reason::Fee,
            note: "0.6 % instead of 0.8 %".to_owned(),
            from: "alpha".to_owned(),
            to: "beta".to_owned(),
            selector: "store=north".to_owned(),
            fallback: Some("cash".to_owned()),
            clause: Some("7.2".to_owned()),
            waiver: None,
            attachments: vec![Attachment {
                name: "contract".to_owned(),
                sha256: Digest::of(b"contract"),
                expires_at: Some(UnixTime(NOW.0 + 86_400)),
                reviewer: Some("ben".to_owned()),
            }],
        },
        state: "frozen".to_owned(),
        state_at: ago(60),
        state_by: "ana".to_owned(),
        state_reason: Some("they called again from another number".to_owned()),
        frozen_from: Some("accepted".to_owned()),
        verification: Some(Verification {
            method: VerificationMethod::CallBack,
            contact: "+49 30 1".to_owned(),
            by: "ben".to_owned(),
            at: ago(7_200),
        }),
        review: Some(Review {
            is_accepted: true,
            by: "ben".to_owned(),
            at: ago(3_600),
            reason: None,
        }),
        campaign: None,
        created_at: ago(10_800),
        created_by: "ana".to_owned(),
    }
}

/// One that waits for a second person, and one that a terminal has just reported.
pub(super) fn suspicions() -> Vec<Suspicion> {
    let suspicion = |number: u64, scope: &str, subject: String, by: &str| Suspicion {
        number,
        scope: scope.to_owned(),
        subject,
        note: "they asked for a password".to_owned(),
        raised_at: ago(600),
        raised_by: by.to_owned(),
        asked: None,
        lifted: None,
    };
    let terminal = terminal_id(2).to_string();
    let asked = LiftWord { by: "ben".to_owned(), at: ago(60), reason: "it was a test".to_owned() };
    vec![
        suspicion(2, "terminal", terminal.clone(), &terminal),
        Suspicion { asked: Some(asked), ..suspicion(1, "store", "north".to_owned(), "ana") },
    ]
}

/// Of two terminals, of which one cannot take part.
pub(super) fn rebind_plan() -> Plan {
    let planned = |serial: &str, how, why: &str| PlannedTerminal {
        terminal: None,
        serial: serial.to_owned(),
        store: "north".to_owned(),
        wave: 1,
        how,
        why: vec![why.to_owned()],
        matrix_row: None,
        position: None,
        replaces: None,
        next: None,
    };
    let price = |hundredths| Some(Price { hundredths, fixed_minor: 0 });
    let finding = |code: &str, weight, about: &str, detail: &str| Finding {
        code: code.to_owned(),
        weight,
        about: about.to_owned(),
        detail: detail.to_owned(),
    };
    Plan {
        terminals: vec![
            planned("PX-1", How::InPlace, "not known: to whom it is bound now"),
            planned("PX-2", How::Excluded, "it is not enrolled"),
        ],
        findings: vec![
            finding("not-enrolled", Weight::Blocks, "PX-2", "it is not enrolled"),
            finding("notice-missing", Weight::NeedsName, "bank", "it was not told"),
            finding("contract-unknown", Weight::Unknown, "alpha", "not known: what it costs"),
        ],
        points_of_no_return: vec!["when the keys of alpha are erased".to_owned()],
        downtime_s: 240,
        fees: Some(vec![PlannedFee {
            class: "standard".to_owned(),
            method: Method::Credit,
            before: price(60),
            after: price(55),
        }]),
        penalty: None,
        contracts: vec![],
    }
}
