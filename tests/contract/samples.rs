//! One of everything that travels, always the same.

mod deactivations;

use std::collections::BTreeMap;

use harness::keys::{Ceremony, NOW, terminal};
use harness::rebind::{Portfolio, profile, rebind};
use jiff::civil::Weekday;
use shared::backup::{Selection, SnapshotOf};
use shared::calendar::{Calendar, Days, Opening, Span, Weekly};
use shared::change::rebind::RegistryOrder;
use shared::change::{Backup, Cancel, Change, Drill, Extent, Ping, Rebind, Restore, Upgrade, Verb};
use shared::digest::{Digest, Nonce};
use shared::document::order::{Class, Stream};
use shared::document::profile::Replaced;
use shared::document::purge_certificate::{Emptied, KeepRules, PurgeReason, PurgedSnapshot};
use shared::document::receipt::{Evidence, Said};
use shared::document::roster::RecoveryRecipient;
use shared::document::{
    Batch, Checkpoint, FORMAT, FleetTime, Order, Profile, PurgeCertificate, Receipt,
    RecipientStatement, Release, Roster,
};
use shared::floor::{Requirement, Signers};
use shared::id::{BatchId, BindingId, OrderId, RepositoryId};
use shared::log_tree::{self, Edge};
use shared::membership::Membership;
use shared::message::{
    Ack, Battery, Body, Component, Down, Growth, Hello, Locked, LogHead, Parcel, Progress, Record,
    SignedBytes, Stands, StepState, Suspicion, Telemetry, TillHealth, Up,
};
use shared::outcome::{Failure, FailureCode, Outcome, Refusal, Waiting};
use shared::signature::PrivateKey;
use shared::time::{ClockConfidence, UnixTime};
use shared::window::Window;

pub(crate) use deactivations::{clearances, sanitisation_certificates};

const ORDER: OrderId = OrderId::from_bytes([3; 16]);

pub(crate) fn ceremony() -> Ceremony {
    Ceremony::of(1)
}

/// The key of the terminal that says all this.
pub(crate) fn terminal_key() -> PrivateKey {
    PrivateKey::from_seed(&[2; 32])
}

fn nonce() -> Nonce {
    Nonce([0xa5; 16])
}

pub(crate) fn up() -> Vec<(&'static str, Up)> {
    let record = |seq, body| Up::Record(Record { epoch: 1, seq, previous: seq - 1, body });
    let progress = |state| {
        Body::Progress(Progress {
            order: ORDER,
            ordinal: 4,
            step: "fetch".to_owned(),
            state,
            at: NOW,
            bytes_done: Some(1_000),
            bytes_total: None,
        })
    };
    let detail = || "22:00-06:00".to_owned();
    let telemetry = Telemetry {
        at: NOW,
        disk_free_bytes: 8_000_000_000,
        orders_refused: 1,
        messages_unreadable: 0,
        battery: None,
        till: None,
    };
    let battery = Some(Battery { percent: 31, floor_percent: 50, is_powered: false });
    let portable = Telemetry { battery, ..telemetry.clone() };
    let till = Some(TillHealth { answers: true, restarts: 2 });
    let looked = Telemetry { till, ..telemetry.clone() };
    let waiting = StepState::Waiting { reason: Waiting::Window, detail: detail() };
    let suspicion = |order| {
        let note = "nobody told us of this".to_owned();
        Body::Suspicion(Suspicion { at: NOW, order, note })
    };
    let (_, receipt) = receipts().swap_remove(0);
    let receipt = ceremony().sign(receipt, &[&terminal_key()]);
    vec![
        ("up-hello", Up::Hello(hello())),
        ("up-hello-log", Up::Hello(Hello { log: Some(log()), ..hello() })),
        ("up-hello-challenge", Up::Hello(Hello { challenge: Some(challenge()), ..hello() })),
        ("up-hello-locked", Up::Hello(Hello { locked: Some(locked()), ..hello() })),
        ("up-hello-stands", Up::Hello(Hello { stands: Some(Stands::SuspendedOwing), ..hello() })),
        ("up-hello-recipient", Up::Hello(Hello { recipient: Some(recipient()), ..hello() })),
        ("up-progress-running", record(7, progress(StepState::Running))),
        ("up-progress-waiting", record(8, progress(waiting))),
        ("up-progress-undoing", record(9, progress(StepState::Undoing { detail: detail() }))),
        ("up-receipt", record(10, Body::Receipt(receipt))),
        ("up-suspicion", record(12, suspicion(Some(ORDER)))),
        ("up-suspicion-of-nothing", record(13, suspicion(None))),
        ("up-telemetry", record(11, Body::Telemetry(telemetry))),
        ("up-telemetry-battery", record(12, Body::Telemetry(portable))),
        ("up-telemetry-till", record(12, Body::Telemetry(looked))),
        ("up-gone", Up::Gone),
    ]
}

fn recipient() -> SignedBytes {
    let statement = RecipientStatement {
        format: FORMAT,
        terminal: terminal(2),
        serial: "T-2".to_owned(),
        recipient: format!("age1{}", "q".repeat(58)),
    };
    ceremony().sign(statement, &[&terminal_key()])
}

fn log() -> LogHead {
    LogHead { size: 70_000, root: Digest::of(b"root") }
}

/// What a wipe of this terminal must name.
fn locked() -> Locked {
    Locked { since: NOW, for_s: 90_000, trouble: Some("the till does not answer".to_owned()) }
}

fn challenge() -> Digest {
    Digest::of(b"challenge")
}

fn hello() -> Hello {
    let component =
        Component { name: "pos".to_owned(), version: "1.0.0".to_owned(), security_counter: 5 };
    Hello {
        boot_nonce: nonce(),
        epoch: 1,
        order_seq: 300,
        ledger: Digest::of(b"ledger"),
        outbox_depth: 70_000,
        outbox_dropped: 0,
        outbox_acknowledged: 6,
        roster_version: 1,
        agent_version: "0.1.0".to_owned(),
        components: vec![component],
        zone: "Europe/Berlin".to_owned(),
        ledger_lost: false,
        working_on: Some(ORDER),
        recipient: None,
        log: None,
        challenge: None,
        locked: None,
        stands: None,
    }
}

pub(crate) fn down() -> Vec<(&'static str, Down)> {
    let ceremony = ceremony();
    let members = Membership::of((0..5).map(terminal));
    let release = Ceremony::pos_release("2.0.0", 6);
    let upgrade = ceremony.upgrade(1, terminal(2), &release, &members);
    let ping = Change::Ping(Ping { note: "are you there?".to_owned() });
    let ping = ceremony.parcel(2, terminal(2), ping, &members);
    let next = Ceremony::next_roster(&ceremony.roster);
    let next = ceremony.sign(next, &[&ceremony.root[1], &ceremony.root[2]]);
    let time = ceremony.fleet_time(terminal(2), nonce(), NOW);
    vec![
        ("down-fleet-time", Down::FleetTime(time)),
        ("down-rosters", Down::Rosters(vec![ceremony.signed_roster(), next])),
        ("down-order-upgrade", Down::Order(upgrade)),
        ("down-order-ping", Down::Order(Parcel { release: None, ..ping })),
        ("down-order-rebind", Down::Order(rebind_parcel(&ceremony))),
        ("down-order-decommission", Down::Order(deactivations::parcel(&ceremony))),
        ("down-checkpoint", Down::Checkpoint(growth(&ceremony))),
        ("down-ack", Down::Ack(Ack { epoch: 1, up_to: 65_536 })),
    ]
}

/// Of a log of two entries, to a terminal that knew the first.
fn growth(ceremony: &Ceremony) -> Growth {
    Growth {
        checkpoint: ceremony.sign(checkpoint(), &[&ceremony.controller]),
        path: vec![log_tree::leaf(b"second")],
    }
}

pub(crate) fn checkpoints() -> Vec<(&'static str, Checkpoint)> {
    vec![("checkpoint", checkpoint())]
}

fn checkpoint() -> Checkpoint {
    let mut edge = Edge::default();
    [&b"first"[..], b"second"].iter().for_each(|it| drop(edge.push(log_tree::leaf(it))));
    Checkpoint { format: FORMAT, size: edge.size(), root: edge.root(), at: NOW }
}

/// Signed by the controller and two approvers, with the terminal's profile beside it.
fn rebind_parcel(ceremony: &Ceremony) -> Parcel {
    let members = Membership::of((0..5).map(terminal));
    let (portfolio, batch) = (portfolio(), rebind_batch(&members, RegistryOrder::NewFirst));
    let order = Ceremony::order(3, terminal(2), &batch, &members);
    let Ceremony { controller, approver, .. } = ceremony;
    Parcel {
        order: ceremony.sign(order, &[controller]),
        batch: ceremony.sign(batch, &[controller, &approver[0], &approver[1]]),
        release: None,
        profile: portfolio.enclosed(terminal(2)),
    }
}

fn portfolio() -> Portfolio {
    Portfolio::of(
        profiles()
            .into_iter()
            .map(|(_, profile)| profile)
            .chain([0, 1, 4].map(|number| profile(terminal(number)))),
    )
}

fn rebind_batch(members: &Membership, registry_order: RegistryOrder) -> Batch {
    let night = Window { from_min: 22 * 60, to_min: 6 * 60 };
    let window = (registry_order == RegistryOrder::NewFirst).then_some(night);
    let rebind = Rebind { registry_order, window, ..rebind(portfolio().root()) };
    Ceremony::batch(3, Change::Rebind(Box::new(rebind)), members)
}

/// What travels beside an order and is bound by its batch.
pub(crate) fn profiles() -> Vec<(&'static str, Profile)> {
    let plain = profile(terminal(2));
    let sealed = profile(terminal(3));
    let replaces = Replaced { binding: Some(BindingId::from_bytes([7; 16])), ..sealed.replaces };
    let sealed = Profile { sealed: Some(vec![1, 2, 3].into()), replaces, ..sealed };
    vec![("profile", plain), ("profile-sealed", sealed)]
}

pub(crate) fn rosters() -> Vec<(&'static str, Roster)> {
    let Ceremony { roster, .. } = ceremony();
    let mut second = Ceremony::next_roster(&roster);
    let asked = Requirement { signers: Signers::ControllerOrApprover, approvers: 1 };
    second.requirements = BTreeMap::from([(Verb::RenewCertificate, asked), (Verb::Cancel, asked)]);
    second.recovery_recipients =
        vec![RecoveryRecipient { owner: "safe".to_owned(), recipient: "age1qqqq".to_owned() }];
    vec![("roster-first", roster), ("roster-second", second)]
}

pub(crate) fn releases() -> Vec<(&'static str, Release)> {
    let settling = Release {
        raise_floor_to: Some(6),
        from_counter_min: 5,
        settlement: shared::document::release::Settlement::Before,
        ..Ceremony::pos_release("2.0.0", 6)
    };
    vec![("release", Ceremony::pos_release("2.0.0", 6)), ("release-settling", settling)]
}

pub(crate) fn batches() -> Vec<(&'static str, Batch)> {
    let members = Membership::of((0..5).map(terminal));
    let batch = |change| Ceremony::batch(1, change, &members);
    let upgrade = |window, backup_within_s| {
        let release = Digest::of(b"release");
        Change::Upgrade(Upgrade { release, window, backup_within_s })
    };
    let of = SnapshotOf {
        terminal: terminal(3),
        repository: RepositoryId::from_bytes([8; 16]),
        snapshot: Digest::of(b"snapshot"),
        manifest: Digest::of(b"manifest"),
    };
    let one = Membership::of([terminal(2)]);
    let restore = |selection, key| {
        let restore = Restore { of: of.clone(), selection, key, window: None };
        Ceremony::batch(1, Change::Restore(restore), &one)
    };
    let backup =
        |settled_by| Change::Backup(Backup { extent: Extent::Full, window: None, settled_by });
    let sets = Selection::DataSets(vec!["sales".to_owned(), "stock".to_owned()]);
    let night = Window { from_min: 22 * 60, to_min: 6 * 60 };
    let cancel = Cancel { batch: BatchId::from_bytes([9; 16]), reason: "wrong shop".to_owned() };
    let mut batches = vec![
        ("batch-ping", batch(Change::Ping(Ping { note: String::new() }))),
        ("batch-upgrade", batch(upgrade(None, None))),
        ("batch-upgrade-at-night", batch(upgrade(Some(night), Some(86_400)))),
        ("batch-backup", batch(backup(None))),
        ("batch-backup-after-settlement", batch(backup(Some(UnixTime(1_800_172_800))))),
        ("batch-drill", batch(Change::Drill(Drill { window: Some(night) }))),
        ("batch-restore", restore(Selection::Everything, None)),
        ("batch-restore-a-file", restore(Selection::File("sales/2026.db".to_owned()), None)),
        ("batch-restore-elsewhere", restore(sets, Some(vec![1, 2, 3].into()))),
        ("batch-rebind", rebind_batch(&members, RegistryOrder::NewFirst)),
        ("batch-rebind-released", rebind_batch(&members, RegistryOrder::ReleaseOldFirst)),
        ("batch-cancel", batch(Change::Cancel(cancel))),
    ];
    batches.extend(deactivations::changes().map(|(name, change)| (name, batch(change))));
    batches
}

pub(crate) fn orders() -> Vec<(&'static str, Order)> {
    let members = Membership::of((0..5).map(terminal));
    let (_, batch) = batches().swap_remove(1);
    let routine = Ceremony::order(300, terminal(2), &batch, &members);
    let approved = Order { stream: Stream::Approved, ..routine.clone() };
    let at_night =
        Order { calendar: Some(calendar()), class: Class::Security, seq: 301, ..routine.clone() };
    vec![
        ("order-routine", routine),
        ("order-approved", approved),
        ("order-at-night-but-for-a-freeze", at_night),
    ]
}

/// Nights but the one to a Sunday, and one afternoon; a week in which nothing may change.
pub(crate) fn calendar() -> Calendar {
    let days = Days::of(Weekday::Sunday.cycle_forward().take(6));
    let night = Weekly { days, window: Window { from_min: 22 * 60, to_min: 6 * 60 } };
    let span = |hours: i64, lasts: i64| {
        let from = UnixTime(NOW.0 + hours * 3600);
        Span { from, to: UnixTime(from.0 + lasts * 3600) }
    };
    Calendar {
        download: vec![Opening::Weekly(Weekly::daily(night.window)), Opening::Once(span(2, 4))],
        activation: vec![Opening::Weekly(night)],
        freezes: vec![span(24, 7 * 24)],
        spread_s: 2 * 3600,
    }
}

pub(crate) fn fleet_times() -> Vec<(&'static str, FleetTime)> {
    let time = FleetTime {
        format: FORMAT,
        terminal: terminal(2),
        nonce: nonce(),
        at: NOW,
        roster_version: 1,
        epoch: 1,
        broker: "broker.test:8883".to_owned(),
    };
    vec![("fleet-time", time)]
}

pub(crate) fn receipts() -> Vec<(&'static str, Receipt)> {
    let receipt = |said| Receipt {
        format: FORMAT,
        terminal: terminal(2),
        epoch: 1,
        order: ORDER,
        said,
        at: NOW,
        clock: ClockConfidence::Attested,
    };
    let evidence = |digest| Evidence {
        step: "health".to_owned(),
        at: UnixTime(-1),
        note: "2.0.0 reported by the till".to_owned(),
        digest,
    };
    let failure = |code| Failure {
        code,
        step: "health".to_owned(),
        detail: "the till did not answer".to_owned(),
    };
    let finished = |outcome| {
        let evidence = vec![evidence(None), evidence(Some(Digest::of(b"record")))];
        receipt(Said::Finished { outcome, evidence })
    };
    let health = || failure(FailureCode::HealthNotProven);
    let undoing = failure(FailureCode::SwitchFailed);
    let refused = Said::Refused { refusal: Refusal::TooFewSignatures, detail: "one".to_owned() };
    vec![
        ("receipt-accepted", receipt(Said::Accepted)),
        ("receipt-refused", receipt(refused)),
        ("receipt-succeeded", finished(Outcome::Succeeded { now: "2.0.0".to_owned() })),
        ("receipt-rolled-back", finished(Outcome::RolledBack { failure: health() })),
        ("receipt-failed", finished(Outcome::Failed { failure: health() })),
        (
            "receipt-rollback-failed",
            finished(Outcome::RollbackFailed { failure: health(), undoing }),
        ),
        ("receipt-cancelled", finished(Outcome::Cancelled { reason: "asked to".to_owned() })),
        ("receipt-expired", finished(Outcome::Expired)),
        ("receipt-superseded", finished(Outcome::Superseded)),
    ]
}

pub(crate) fn purge_certificates() -> Vec<(&'static str, PurgeCertificate)> {
    let place = |name: &str, region: &str| Emptied {
        name: name.to_owned(),
        region: region.to_owned(),
        verified_at: NOW,
    };
    let mut certificate = PurgeCertificate {
        format: FORMAT,
        terminal: terminal(3),
        serial: "PX-3".to_owned(),
        repository: RepositoryId::from_bytes([8; 16]),
        sealed_key: Digest::of(b"sealed"),
        opened_at: UnixTime(NOW.0 - 90 * 86_400),
        closed_at: UnixTime(NOW.0 - 60 * 86_400),
        snapshots: 0,
        manifests: Digest::of(&[]),
        listed: vec![],
        objects: 70_000,
        bytes: 8_000_000_000,
        begun_at: NOW,
        finished_at: NOW,
        places: vec![place("north", "cellar"), place("south", "other-town")],
    };
    let nothing = certificate.clone();
    let snapshot = |number: u64, why| {
        let manifest = Digest::of(&number.to_be_bytes());
        (PurgedSnapshot { number, manifest, taken_at: certificate.opened_at }, why)
    };
    let rules = KeepRules { last: 7, daily: 14, weekly: 8, monthly: 12 };
    let asked = PurgeReason::Asked {
        by: "ana".to_owned(),
        reason: "the merchant asked for it".to_owned(),
        last_copy: true,
    };
    let closed = PurgeReason::TerminalClosed { closed_at: NOW, kept_days: 90 };
    let all = [
        snapshot(4, PurgeReason::NotKept { rules }),
        snapshot(5, asked),
        snapshot(6, closed),
        snapshot(7, PurgeReason::NotKept { rules }),
    ];
    certificate.list(&all);
    vec![("purge-certificate", certificate), ("purge-certificate-of-nothing", nothing)]
}

/// Every document, rightly signed.
pub(crate) fn signed() -> Vec<(&'static str, SignedBytes)> {
    let ceremony = ceremony();
    let Ceremony { root, release, approver, controller, .. } = &ceremony;
    let own = terminal_key();
    let mut signed = Vec::new();
    for (name, document) in rosters() {
        signed.push((name, ceremony.sign(document, &[&root[0], &root[2]])));
    }
    for (name, document) in releases() {
        signed.push((name, ceremony.sign(document, &[&release[1], &release[2]])));
    }
    for (name, document) in batches() {
        signed.push((name, ceremony.sign(document, &[controller, &approver[0], &approver[1]])));
    }
    for (name, document) in orders() {
        signed.push((name, ceremony.sign(document, &[controller])));
    }
    for (name, document) in fleet_times() {
        signed.push((name, ceremony.sign(document, &[controller])));
    }
    for (name, document) in receipts() {
        signed.push((name, ceremony.sign(document, &[&own])));
    }
    for (name, document) in checkpoints() {
        signed.push((name, ceremony.sign(document, &[controller])));
    }
    for (name, document) in sanitisation_certificates() {
        signed.push((name, ceremony.sign(document, &[controller])));
    }
    for (name, document) in purge_certificates() {
        signed.push((name, ceremony.sign(document, &[controller])));
    }
    signed
}
