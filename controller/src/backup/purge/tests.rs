//! Purges that are killed anywhere, held at the last moment, and done in places that are not there.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use shared::backup::{Kind, ObjectName};
use shared::document::Manifest;
use shared::document::purge_certificate::{KeepRules, PurgeReason};
use shared::document::roster::Role;
use shared::id::{FleetId, OrderId, RepositoryId, TerminalId};
use shared::message::SignedBytes;
use shared::signature::{Envelope, KnownKeys, PrivateKey, open};
use shared::time::ClockConfidence;

use super::*;
use crate::backup::ObjectKey;
use crate::backup::expire::Expire;
use crate::backup::keep::Keep;
use crate::backup::retention::Policy;
use crate::backup::state::SnapshotState;
use crate::blob::Memory;
use crate::config::{PlaceConfig, PlaceUrl};
use crate::registry::backup::retention::HoldRefused;
use crate::registry::backup::snapshot::NewSnapshot;
use crate::registry::backup::{Admitted, NewObject};
use crate::registry::page::Page;
use crate::registry::sql::fuse::Fuse;
use crate::registry::terminal::NewClaim;

const AT: UnixTime = UnixTime(1_900_000_000);
const DAY: Duration = Duration::from_secs(24 * 3600);
const FLEET: FleetId = FleetId::from_bytes([1; 16]);
const POLICY: Policy = Policy {
    rules: KeepRules { last: 1, daily: 0, weekly: 0, monthly: 0 },
    purge_after_days: 7,
    closed_days: 90,
};

#[test]
fn what_is_noted_and_what_is_found_decide() {
    let (none, some) = (None, Some(AT));
    let noted = |last_at, gone_at| Emptying { last_at, gone_at };
    let cases = [
        (noted(none, none), [Next::Disbelieve, Next::NoteLast, Next::AllButOne]),
        (noted(some, none), [Next::NoteGone, Next::All, Next::All]),
        (noted(some, some), [Next::Nothing; 3]),
    ];
    for (noted, expected) in cases {
        for (found, expected) in [0, 1, 2].into_iter().zip(expected) {
            assert_eq!(next(noted, found, true), expected, "{noted:?} {found}");
        }
    }
    assert_eq!(next(noted(none, none), 0, false), Next::NoteLast, "all of it was lost before");
}

struct World {
    registry: Arc<dyn Registry>,
    fuse: Fuse,
    places: Places,
    terminal: TerminalId,
    directory: tempfile::TempDir,
}

fn repository(number: u8) -> RepositoryId {
    RepositoryId::from_bytes([number; 16])
}

fn controller() -> PrivateKey {
    PrivateKey::from_seed(&[21; 32])
}

fn by(why: &str, at: UnixTime) -> By {
    By { who: "ana".into(), why: why.into(), at }
}

impl World {
    /// A terminal that has one snapshot in each of two repositories, both of them proven.
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| PlaceConfig {
            name: name.into(),
            region: format!("{name}-town"),
            url: PlaceUrl::Directory(directory.path().join(name)),
        };
        let memory = Memory { fleet: FLEET, directory: directory.path().join("memory") };
        let places = Places::open(&[place("north"), place("south")], &memory).unwrap();
        let fuse = Fuse::endless();
        let registry = crate::registry::in_memory_with_fuse(fuse.clone()).await.unwrap();
        let claim = NewClaim {
            id: shared::id::ClaimId::generate(),
            terminal: TerminalId::generate(),
            serial: "PX-1".into(),
            model: "px7".into(),
            store: "north".into(),
            lane: None,
            labels: std::collections::BTreeMap::new(),
            zone: "UTC".into(),
            key: shared::digest::PublicKey([1; 32]),
            expires_at: AT,
        };
        let terminal = registry.add_claim(&claim, &by("", AT)).await.unwrap().terminal;
        let world = Self { registry, fuse, places, terminal, directory };
        for number in 1..=2 {
            world.save(number).await;
        }
        world.keep(AT).await;
        world
    }

    async fn save(&self, number: u8) {
        let sealed = vec![number];
        let snapshot = vec![number; 2];
        for (kind, bytes) in [
            (Kind::SealedKey, sealed.clone()),
            (Kind::Config, b"config".to_vec()),
            (Kind::Data, vec![number; 3]),
            (Kind::Data, vec![number; 4]),
            (Kind::Snapshots, snapshot.clone()),
        ] {
            let name = ObjectName { kind, sha256: Digest::of(&bytes) };
            let key = ObjectKey { terminal: self.terminal, repository: repository(number), name };
            let bytes_count = bytes.len() as u64;
            assert!(self.places.first().create(&key, Bytes::from(bytes)).await.unwrap());
            let new = NewObject { key, bytes: bytes_count, at: AT };
            assert_eq!(self.registry.add_object(&new, 1 << 40).await.unwrap(), Ok(Admitted::New));
        }
        let manifest = Manifest {
            format: FORMAT,
            terminal: self.terminal,
            serial: "PX-1".into(),
            model: "px7".into(),
            repository: repository(number),
            number: u64::from(number),
            snapshot: Digest::of(&snapshot),
            order: OrderId::from_bytes([1; 16]),
            taken_at: AT,
            clock: ClockConfidence::Attested,
            software: vec![],
            bindings: vec![],
            batch_open: false,
            data_sets: vec![],
            listing: Digest::of(b"listing"),
            sealed_key: Digest::of(&sealed),
            roster_version: 1,
        };
        let new = NewSnapshot {
            digest: manifest_digest(number),
            signed: SignedBytes::new(Envelope::unsigned(manifest.clone()).to_bytes()),
            manifest,
            at: AT,
        };
        assert_eq!(self.registry.add_snapshot(&new).await.unwrap(), Ok(Admitted::New));
    }

    async fn keep(&self, now: UnixTime) {
        let keep = Keep::new(self.registry.clone(), self.places.clone(), DAY * 30);
        while keep.step(now).await.unwrap() == Progress::MoreToDo {}
    }

    /// One round of each reconciler, as a controller does that was just started.
    async fn go_on(&self, now: UnixTime) -> Result<(), RegistryError> {
        let expire = Expire::new(self.registry.clone(), POLICY);
        while expire.step(now).await? == Progress::MoreToDo {}
        let signer = Arc::new(Signer::new(FLEET, controller()));
        let purging = Purging::new(self.registry.clone(), self.places.clone(), signer);
        while purging.step(now).await? == Progress::MoreToDo {}
        Ok(())
    }

    async fn state(&self, number: u8) -> SnapshotState {
        self.registry.snapshot(manifest_digest(number)).await.unwrap().unwrap().state
    }

    fn folder(&self, place: &str, number: u8) -> PathBuf {
        let folder = self.directory.path().join(place).join(self.terminal.to_string());
        folder.join(repository(number).to_string())
    }

    fn is_there(&self, number: u8) -> [bool; 2] {
        ["north", "south"].map(|place| self.folder(place, number).exists())
    }

    async fn audited(&self) -> Vec<String> {
        let entries = self.registry.audit(&Page::first(1000)).await.unwrap();
        let ours = entries.into_iter().map(|it| it.what);
        ours.filter(|what| what.contains("purge") || what.contains("kept")).collect()
    }

    async fn certificate(&self, number: u8) -> Option<PurgeCertificate> {
        let signed = self.registry.purge_certificate(repository(number)).await.unwrap()?;
        let known = KnownKeys::of_terminal(controller().public());
        let opened = open::<PurgeCertificate>(signed.as_slice(), FLEET, &known).unwrap();
        assert!(opened.signed_by.has(controller().public()));
        Some(opened.document)
    }

    async fn bytes_used(&self) -> u64 {
        let name = ObjectName { kind: Kind::Data, sha256: Digest([0; 32]) };
        let key = ObjectKey { terminal: self.terminal, repository: repository(2), name };
        self.registry.backup_standing(&key).await.unwrap().bytes_used
    }
}

fn manifest_digest(number: u8) -> Digest {
    Digest::of(&[number, 99])
}

/// When what expired at `AT` has had its days.
fn due() -> UnixTime {
    AT.plus(DAY * 7)
}

#[tokio::test]
async fn what_no_rule_keeps_expires_and_goes_from_both_places_with_a_certificate() {
    let world = World::new().await;
    // What a cut upload left, and what no list knows, goes too.
    let data = world.folder("north", 1).join("data");
    fs::write(data.join("aa#1"), "cut").unwrap();
    fs::write(world.folder("south", 1).join("data/unknown"), "unknown").unwrap();
    world.go_on(AT).await.unwrap();
    assert_eq!(world.state(1).await, SnapshotState::Expiring);
    assert_eq!(world.state(2).await, SnapshotState::Available);
    world.go_on(UnixTime(due().0 - 1)).await.unwrap();
    assert_eq!((world.is_there(1), world.certificate(1).await), ([true; 2], None));
    let before = world.bytes_used().await;
    world.go_on(due()).await.unwrap();
    assert_eq!(world.state(1).await, SnapshotState::Purged);
    assert_eq!((world.is_there(1), world.is_there(2)), ([false; 2], [true; 2]));
    let certificate = world.certificate(1).await.unwrap();
    assert_eq!((certificate.snapshots, certificate.objects, certificate.bytes), (1, 5, 16));
    assert_eq!(certificate.listed[0].why, PurgeReason::NotKept { rules: POLICY.rules });
    assert_eq!(certificate.listed[0].snapshots[0].manifest, manifest_digest(1));
    assert_eq!(certificate.sealed_key, Digest::of(&[1]));
    let places = certificate.places.iter().map(|it| (it.name.as_str(), it.region.as_str()));
    assert_eq!(places.collect::<Vec<_>>(), [("north", "north-town"), ("south", "south-town")]);
    assert_eq!(world.bytes_used().await, before - 16, "the terminal has its share back");
    assert_eq!(world.audited().await, ["repository-purge-begun", "repository-purged"]);
    world.keep(due().plus(DAY * 60)).await;
    assert!(world.registry.alarms(&Page::first(9)).await.unwrap().is_empty());
    assert!(world.certificate(2).await.is_none());
}

#[tokio::test]
async fn a_purge_that_is_killed_anywhere_goes_on_and_is_certified_once() {
    for length in 0.. {
        assert!(length < 500, "it always ends");
        let world = World::new().await;
        world.go_on(AT).await.unwrap();
        world.fuse.set(length);
        let killed = world.go_on(due()).await.is_err();
        world.fuse.replace();
        let later = due().plus(DAY);
        world.keep(later).await;
        world.go_on(later).await.unwrap();
        world.go_on(later.plus(DAY)).await.unwrap();
        assert_eq!(world.is_there(1), [false; 2], "{length}");
        assert!(world.certificate(1).await.is_some(), "{length}");
        let expected = ["repository-purge-begun", "repository-purged"];
        assert_eq!(world.audited().await, expected, "{length}");
        assert!(world.registry.alarms(&Page::first(9)).await.unwrap().is_empty(), "{length}");
        if !killed {
            return;
        }
    }
}

#[tokio::test]
async fn a_hold_rescues_until_the_purge_begins_and_is_refused_from_then_on() {
    let world = World::new().await;
    world.go_on(AT).await.unwrap();
    let hold = async |at: UnixTime| {
        world.registry.hold_snapshot(manifest_digest(1), true, &by("audit", at)).await.unwrap()
    };
    let late = UnixTime(due().0 - 1);
    assert_eq!(hold(late).await, Ok(()));
    assert_eq!(world.state(1).await, SnapshotState::Available);
    world.go_on(due().plus(DAY * 100)).await.unwrap();
    assert_eq!((world.state(1).await, world.is_there(1)), (SnapshotState::Available, [true; 2]));

    let free = by("over", due().plus(DAY * 100));
    world.registry.hold_snapshot(manifest_digest(1), false, &free).await.unwrap().unwrap();
    world.go_on(free.at).await.unwrap();
    assert_eq!(world.state(1).await, SnapshotState::Expiring, "its days begin anew");
    let begin = free.at.plus(DAY * 7);
    let begun = world.registry.begin_purge(repository(1), free.at, &by("", begin)).await.unwrap();
    assert_eq!(begun, Ok(()));
    let purging = HoldRefused::Purging { repository: repository(1), since: begin };
    assert_eq!(hold(begin).await, Err(purging));
    assert_eq!(world.registry.keep_again(&[manifest_digest(1)], &by("", begin)).await.unwrap(), 0);
    assert_eq!(world.registry.examine_again(repository(1), begin).await.unwrap(), 0);
    world.go_on(begin).await.unwrap();
    let purged = HoldRefused::Purged { repository: repository(1), at: begin };
    assert_eq!(hold(begin).await, Err(purged));
}

#[tokio::test]
async fn a_place_that_is_not_mounted_is_waited_for_and_nothing_is_claimed() {
    let world = World::new().await;
    world.go_on(AT).await.unwrap();
    let (south, away) = (world.directory.path().join("south"), world.directory.path().join("away"));
    let expired_by = due().minus(DAY * 7);
    let begun = world.registry.begin_purge(repository(1), expired_by, &by("", due())).await;
    assert_eq!(begun.unwrap(), Ok(()));
    fs::rename(&south, &away).unwrap();
    for mounted in [false, true] {
        if mounted {
            fs::create_dir(&south).unwrap();
        }
        world.go_on(due()).await.unwrap();
        assert!(!world.folder("north", 1).exists());
        assert_eq!(world.certificate(1).await, None);
        assert_eq!(world.state(1).await, SnapshotState::Expiring);
    }
    fs::remove_dir(&south).unwrap();
    fs::rename(&away, &south).unwrap();
    world.go_on(due().plus(DAY)).await.unwrap();
    let certificate = world.certificate(1).await.unwrap();
    let verified = certificate.places.iter().map(|it| it.verified_at);
    assert_eq!(verified.collect::<Vec<_>>(), [due(), due().plus(DAY)]);
}

#[tokio::test]
async fn when_the_newest_one_rots_an_expiring_one_is_kept_again() {
    let world = World::new().await;
    world.go_on(AT).await.unwrap();
    let rotten = world.folder("north", 2);
    for place in ["north", "south"] {
        fs::remove_dir_all(world.folder(place, 2).join("snapshots")).unwrap();
    }
    assert!(rotten.exists());
    world.registry.examine_again(repository(2), due()).await.unwrap();
    world.keep(due()).await;
    assert_eq!(world.state(2).await, SnapshotState::Damaged);
    world.go_on(due()).await.unwrap();
    assert_eq!((world.state(1).await, world.is_there(1)), (SnapshotState::Available, [true; 2]));
    assert_eq!(world.audited().await, ["snapshot-kept-again"]);
}

#[tokio::test]
async fn all_that_a_revoked_terminal_saved_goes_but_what_is_held() {
    let world = World::new().await;
    world.registry.revoke_terminal(world.terminal, &by("stolen", AT)).await.unwrap();
    let held = by("court", AT);
    world.registry.hold_snapshot(manifest_digest(2), true, &held).await.unwrap().unwrap();
    let over = AT.plus(DAY * 90);
    world.go_on(UnixTime(over.0 - 1)).await.unwrap();
    world.go_on(over.plus(DAY * 7)).await.unwrap();
    assert_eq!((world.is_there(1), world.is_there(2)), ([false; 2], [true; 2]));
    let free = by("closed", over.plus(DAY * 7));
    world.registry.hold_snapshot(manifest_digest(2), false, &free).await.unwrap().unwrap();
    world.go_on(free.at).await.unwrap();
    world.go_on(free.at.plus(DAY * 7)).await.unwrap();
    assert_eq!(world.is_there(2), [false; 2]);
    let why = world.certificate(2).await.unwrap().listed.remove(0).why;
    assert_eq!(why, PurgeReason::TerminalClosed { closed_at: AT, kept_days: 90 });
}

#[tokio::test]
async fn a_certificate_that_was_changed_or_forged_is_signed_by_nobody() {
    let world = World::new().await;
    world.go_on(AT).await.unwrap();
    world.go_on(due()).await.unwrap();
    let signed = world.registry.purge_certificate(repository(1)).await.unwrap().unwrap();
    let known = KnownKeys::of_terminal(controller().public());
    let genuine = signed.as_slice();
    for at in 0..genuine.len() {
        let mut changed = genuine.to_vec();
        changed[at] ^= 1;
        let opened = open::<PurgeCertificate>(&changed, FLEET, &known);
        assert!(opened.is_err() || opened.is_ok_and(|it| it.signed_by.is_empty()), "byte {at}");
    }
    let mut forged = Envelope::<PurgeCertificate>::from_bytes(genuine).unwrap().document;
    forged.snapshots = 0;
    let mut forged = Envelope::unsigned(forged);
    forged.sign(FLEET, &PrivateKey::from_seed(&[66; 32]));
    let opened = open::<PurgeCertificate>(&forged.to_bytes(), FLEET, &known).unwrap();
    assert_eq!((opened.signed_by.is_empty(), opened.signed_by.count(Role::Controller)), (true, 0));
}
