//! What terminals save: repositories, objects, snapshots.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::backup::{DataClass, Kind, ObjectName};
use shared::digest::Digest;
use shared::document::manifest::{DataSet, Numbers};
use shared::document::{FORMAT, Manifest};
use shared::id::{OrderId, RepositoryId, TerminalId};
use shared::message::SignedBytes;
use shared::signature::Envelope;
use shared::time::{ClockConfidence, UnixTime};

use super::fixture::{by, enrol, terminal_id};
use crate::backup::ObjectKey;
use crate::backup::schedule::{Every, Schedule, Work};
use crate::backup::state::SnapshotState;
use crate::registry::backup::snapshot::{
    DueObject, Examined, ManifestRefused, NewSnapshot, ObjectState,
};
use crate::registry::backup::{Admitted, NewObject, NotAdmitted};
use crate::registry::delivery::AlarmKind;
use crate::registry::page::Page;
use crate::registry::{Registry, RegistryError};

pub(super) const REPOSITORY: RepositoryId = RepositoryId::from_bytes([7; 16]);
const SHARE: u64 = 1000;

pub(super) fn key(kind: Kind, number: u8) -> ObjectKey {
    let name = ObjectName { kind, sha256: Digest([number; 32]) };
    ObjectKey { terminal: terminal_id(1), repository: REPOSITORY, name }
}

pub(super) async fn add(registry: &dyn Registry, key: ObjectKey) -> Result<Admitted, NotAdmitted> {
    let new = NewObject { key, bytes: 100, at: UnixTime(10) };
    registry.add_object(&new, SHARE).await.expect("it is noted")
}

pub(super) async fn open_repository(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    assert_eq!(add(registry, key(Kind::SealedKey, 1)).await, Ok(Admitted::New));
}

pub(super) fn snapshot(number: u64) -> NewSnapshot {
    let manifest = Manifest {
        format: FORMAT,
        terminal: terminal_id(1),
        serial: "SN-001".to_owned(),
        model: "T650".to_owned(),
        repository: REPOSITORY,
        number,
        snapshot: Digest([3; 32]),
        order: OrderId::from_bytes([4; 16]),
        taken_at: UnixTime(20),
        clock: ClockConfidence::Attested,
        software: vec![],
        bindings: vec![],
        batch_open: false,
        data_sets: vec![],
        listing: Digest([5; 32]),
        sealed_key: Digest([1; 32]),
        roster_version: 1,
    };
    handed_in(manifest)
}

fn handed_in(manifest: Manifest) -> NewSnapshot {
    let envelope = Envelope::unsigned(manifest);
    let (digest, signed) = (envelope.digest(), SignedBytes::new(envelope.to_bytes()));
    NewSnapshot { digest, manifest: envelope.document, signed, at: UnixTime(30) }
}

pub(super) async fn hand_in(
    registry: &dyn Registry,
    number: u64,
) -> Result<Admitted, ManifestRefused> {
    registry.add_snapshot(&snapshot(number)).await.expect("it is noted")
}

pub(super) async fn objects_are_counted_and_kept_apart_by_kind(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    assert_eq!(add(registry, key(Kind::Data, 1)).await, Err(NotAdmitted::NoSealedKey));
    assert_eq!(add(registry, key(Kind::SealedKey, 1)).await, Ok(Admitted::New));
    for (kind, number) in [(Kind::Data, 2), (Kind::Data, 1), (Kind::Index, 1), (Kind::Config, 9)] {
        assert_eq!(add(registry, key(kind, number)).await, Ok(Admitted::New), "{kind}");
        assert_eq!(add(registry, key(kind, number)).await, Ok(Admitted::There), "{kind}");
    }
    let other = NotAdmitted::Differs(Kind::Config);
    assert_eq!(add(registry, key(Kind::Config, 8)).await, Err(other));
    let theirs = ObjectKey { terminal: terminal_id(2), ..key(Kind::Data, 3) };
    assert_eq!(add(registry, theirs).await, Err(NotAdmitted::NotYours));
    let listed = registry.objects(REPOSITORY, Kind::Data, None, 10).await.expect("a list");
    let numbers: Vec<_> = listed.iter().map(|it| it.name.sha256.0[0]).collect();
    assert_eq!(numbers, [1, 2]);
    let after = Some(Digest([1; 32]));
    assert_eq!(registry.objects(REPOSITORY, Kind::Data, after, 10).await.expect("a list").len(), 1);
    let repository = registry.repository(REPOSITORY).await.expect("it is looked up");
    let repository = repository.expect("it was opened");
    assert_eq!((repository.bytes, repository.objects), (500, 5));
    for number in 10..15 {
        assert_eq!(add(registry, key(Kind::Data, number)).await, Ok(Admitted::New));
    }
    let over = NotAdmitted::Quota { wanted: 1100, max: SHARE };
    assert_eq!(add(registry, key(Kind::Data, 15)).await, Err(over));
}

pub(super) async fn a_sealed_key_that_protects_nothing_yet_is_replaced(registry: &dyn Registry) {
    open_repository(registry).await;
    assert_eq!(add(registry, key(Kind::SealedKey, 2)).await, Ok(Admitted::New));
    let repository = registry.repository(REPOSITORY).await.expect("it is looked up");
    let repository = repository.expect("it was opened");
    assert_eq!((repository.sealed_key, repository.objects), (Digest([2; 32]), 1));
    assert_eq!(add(registry, key(Kind::Data, 1)).await, Ok(Admitted::New));
    let late = NotAdmitted::Differs(Kind::SealedKey);
    assert_eq!(add(registry, key(Kind::SealedKey, 3)).await, Err(late));
}

pub(super) async fn state(registry: &dyn Registry) -> SnapshotState {
    let found = registry.snapshot(snapshot(1).digest).await.expect("it is looked up");
    found.expect("it was handed in").state
}

pub(super) async fn a_snapshot_is_as_good_as_the_least_of_its_objects(registry: &dyn Registry) {
    open_repository(registry).await;
    assert_eq!(add(registry, key(Kind::Snapshots, 3)).await, Ok(Admitted::New));
    assert_eq!(hand_in(registry, 1).await, Ok(Admitted::New));
    assert_eq!(add(registry, key(Kind::Data, 99)).await, Ok(Admitted::New), "of the next one");
    let now = UnixTime(40);
    let found = async |state, copied: bool, which: &[usize]| {
        let due = registry.objects_due(UnixTime(i64::MAX), 10).await.expect("a list");
        let mut due: Vec<_> = due.into_iter().filter(|it| it.key.name.sha256.0[0] < 9).collect();
        due.sort_by_key(|it| it.key.name);
        let object = |at: &usize| DueObject { state, copied_at: copied.then_some(now), ..due[*at] };
        let examined = which.iter().map(object);
        let examined = examined.map(|object| Examined { object, due_at: now, alarm: None });
        registry.examined(&examined.collect::<Vec<_>>(), now).await.expect("it is noted");
    };
    assert_eq!(state(registry).await, SnapshotState::Received);
    found(ObjectState::Waiting, true, &[0]).await;
    assert_eq!(state(registry).await, SnapshotState::Received, "one is not copied");
    found(ObjectState::Waiting, true, &[1]).await;
    assert_eq!(state(registry).await, SnapshotState::Copied);
    found(ObjectState::Proven, true, &[0]).await;
    assert_eq!(state(registry).await, SnapshotState::Copied, "one is not proven");
    found(ObjectState::Proven, true, &[1]).await;
    assert_eq!(state(registry).await, SnapshotState::Available);
    let newest = registry.newest_snapshot(terminal_id(1)).await.expect("it is looked up");
    assert_eq!(newest.available.map(|it| it.number), Some(1));
    found(ObjectState::Lost, true, &[0]).await;
    assert_eq!(state(registry).await, SnapshotState::Damaged);
    found(ObjectState::Proven, true, &[0]).await;
    assert_eq!(state(registry).await, SnapshotState::Available, "it came back");
    // Nothing is due at 39, and everything of everybody once that is asked for.
    let due = async || registry.objects_due(UnixTime(39), 10).await.expect("a list").len();
    assert_eq!(due().await, 1, "the one that was never looked at");
    assert_eq!(registry.examine_all_again(UnixTime(39)).await.expect("it is noted"), 2);
    assert_eq!(registry.examine_all_again(UnixTime(39)).await.expect("it is noted"), 0);
    assert_eq!(due().await, 3);
}

pub(super) async fn a_till_that_begins_its_numbers_again_stands_out(registry: &dyn Registry) {
    open_repository(registry).await;
    assert_eq!(add(registry, key(Kind::Snapshots, 3)).await, Ok(Admitted::New));
    let numbered = |number, class, last: Option<u64>| {
        let set = DataSet {
            name: "sales".to_owned(),
            class,
            schema: 1,
            files: 1,
            bytes: 1,
            records: 1,
            totals: BTreeMap::new(),
            numbers: last.map(|last| Numbers { first: 1, last }),
        };
        handed_in(Manifest { data_sets: vec![set], ..snapshot(number).manifest })
    };
    let payments = DataClass::Transactions;
    for (number, class, last) in [
        (1, payments, None),
        (2, payments, Some(900)),
        (3, payments, Some(900)),
        (4, payments, Some(12)),
        (5, payments, Some(13)),
        (6, payments, None),
        (7, DataClass::Journal, Some(9)),
        (8, DataClass::Journal, Some(1)),
    ] {
        let new = numbered(number, class, last);
        let added = registry.add_snapshot(&new).await.expect("it is noted");
        assert_eq!(added, Ok(Admitted::New), "{number}");
    }
    let alarms = registry.alarms(&Page::first(10)).await.expect("a list");
    let told = alarms.iter().map(|(_, it)| (it.kind, it.subject.as_str())).collect::<Vec<_>>();
    let lost = AlarmKind::TillDataLost;
    assert_eq!(told, [(lost, "sales, snapshot 6"), (lost, "sales, snapshot 4")]);
    let before = numbered(3, payments, Some(900)).digest;
    assert!(alarms[1].1.detail.contains(&format!("`tillward restore plan {before}`")));
}

pub(super) async fn snapshots_are_numbered_and_listed(registry: &dyn Registry) {
    open_repository(registry).await;
    assert_eq!(hand_in(registry, 1).await, Err(ManifestRefused::NoSnapshot(Digest([3; 32]))));
    assert_eq!(add(registry, key(Kind::Snapshots, 3)).await, Ok(Admitted::New));
    for number in [1, 2, 4] {
        assert_eq!(hand_in(registry, number).await, Ok(Admitted::New), "{number}");
        assert_eq!(hand_in(registry, number).await, Ok(Admitted::There), "{number}");
    }
    let used = ManifestRefused::NumberUsed { number: 3, next: 5 };
    assert_eq!(hand_in(registry, 3).await, Err(used));
    let alarms = registry.alarms(&Page::first(10)).await.expect("a list");
    assert_eq!(alarms.iter().map(|it| it.1.subject.as_str()).collect::<Vec<_>>(), ["3"]);
    let numbers = async |of: Option<TerminalId>, page: &Page<u64>| {
        let listed = registry.snapshots(of, page).await.expect("a list");
        listed.iter().map(|it| (it.number, it.seq)).collect::<Vec<_>>()
    };
    let all = numbers(None, &Page::first(2)).await;
    assert_eq!(all.iter().map(|it| it.0).collect::<Vec<_>>(), [4, 2]);
    let rest = numbers(Some(terminal_id(1)), &Page::after(all[1].1, 2)).await;
    assert_eq!(rest.iter().map(|it| it.0).collect::<Vec<_>>(), [1]);
    assert!(numbers(Some(terminal_id(2)), &Page::first(2)).await.is_empty());
}

pub(super) async fn a_schedule_is_due_until_its_campaign_is_made(registry: &dyn Registry) {
    let schedule = |name: &str, set_at: i64| Schedule {
        name: name.to_owned(),
        work: Work::Full,
        every: Every::Month,
        selector: "store=berlin-1".to_owned(),
        max_parallel: 5,
        window: Some("02:00-05:00".parse().expect("a window")),
        settlement: Some(Duration::from_secs(172_800)),
        set_at: UnixTime(set_at),
        set_by: "op".to_owned(),
        next_at: UnixTime(set_at),
    };
    let put =
        async |it: &Schedule| registry.put_schedule(it, &by("op", 1)).await.expect("it is set");
    let due = async |now: i64| {
        let due = registry.schedules_due(UnixTime(now), 10).await.expect("a list");
        due.into_iter().map(|it| it.name).collect::<Vec<_>>()
    };
    let (first, second) = (schedule("b", 10), schedule("a", 20));
    put(&first).await;
    put(&second).await;
    assert_eq!(registry.schedules().await.expect("a list"), [second.clone(), first.clone()]);
    assert_eq!((due(9).await, due(10).await), (vec![], vec!["b".to_owned()]));
    assert_eq!(due(20).await, ["b", "a"]);
    registry.schedule_made(&first, UnixTime(100)).await.expect("it is noted");
    assert_eq!(
        (due(99).await, due(100).await),
        (vec!["a".to_owned()], vec!["a".into(), "b".into()])
    );
    let anew = schedule("b", 50);
    put(&anew).await;
    registry.schedule_made(&first, UnixTime(200)).await.expect("it is passed over");
    assert_eq!(due(50).await, ["a", "b"], "what is made of the old one is not of the new one");
    registry.remove_schedule("b", &by("op", 2)).await.expect("it is removed");
    let gone = registry.remove_schedule("b", &by("op", 2)).await;
    assert!(matches!(gone, Err(RegistryError::Missing { what: "schedule", .. })));
    assert_eq!(due(999).await, ["a"]);
}
