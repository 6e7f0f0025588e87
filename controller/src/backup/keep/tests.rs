//! Objects that rot, go missing and come back, in two directories; and what is told of it.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use shared::backup::{Kind, ObjectName};
use shared::id::{FleetId, RepositoryId, TerminalId};

use super::*;
use crate::blob::{Memory, NotThere};
use crate::config::{PlaceConfig, PlaceUrl};
use crate::registry::audit::By;
use crate::registry::backup::{Admitted, NewObject};
use crate::registry::page::Page;
use crate::registry::terminal::NewClaim;

const AT: UnixTime = UnixTime(1_900_000_000);
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

#[test]
fn what_is_found_in_the_two_places_decides() {
    use Found::{Missing, NotYet, Rotten, Unknown, Whole};
    let table = [
        (Whole, [Deed::Proven, Deed::MendSecond, Deed::MendSecond, Deed::Copy, Deed::AskAgain]),
        (Rotten, [Deed::MendFirst, Deed::GiveUp, Deed::GiveUp, Deed::GiveUp, Deed::AskAgain]),
        (Missing, [Deed::MendFirst, Deed::GiveUp, Deed::GiveUp, Deed::GiveUp, Deed::AskAgain]),
        (NotYet, [Deed::MendFirst, Deed::GiveUp, Deed::GiveUp, Deed::GiveUp, Deed::AskAgain]),
        (Unknown, [Deed::AskAgain; 5]),
    ];
    for (first, expected) in table {
        for (second, expected) in
            [Whole, Rotten, Missing, NotYet, Unknown].into_iter().zip(expected)
        {
            assert_eq!(deed(first, second), expected, "{first:?} {second:?}");
        }
    }
}

struct World {
    registry: Arc<dyn Registry>,
    places: Places,
    keep: Keep,
    terminal: TerminalId,
    repository: RepositoryId,
    directory: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| PlaceConfig {
            name: name.into(),
            region: name.into(),
            url: PlaceUrl::Directory(directory.path().join(name)),
        };
        let memory = Memory {
            fleet: FleetId::from_bytes([1; 16]),
            directory: directory.path().join("memory"),
        };
        let places = Places::open(&[place("north"), place("south")], &memory).unwrap();
        let registry = crate::registry::in_memory().await.unwrap();
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
        let by = By { who: "test".into(), why: String::new(), at: AT };
        let terminal = registry.add_claim(&claim, &by).await.unwrap().terminal;
        let keep = Keep::new(registry.clone(), places.clone(), MONTH);
        let repository = RepositoryId::generate();
        Self { registry, places, keep, terminal, repository, directory }
    }

    fn key(&self, kind: Kind, bytes: &[u8]) -> ObjectKey {
        let name = ObjectName { kind, sha256: Digest::of(bytes) };
        ObjectKey { terminal: self.terminal, repository: self.repository, name }
    }

    /// Stores an object as a terminal does.
    async fn store(&self, kind: Kind, bytes: &'static [u8]) -> ObjectKey {
        let key = self.key(kind, bytes);
        assert!(self.places.first().create(&key, Bytes::from_static(bytes)).await.unwrap());
        let new = NewObject { key, bytes: bytes.len() as u64, at: AT };
        assert_eq!(self.registry.add_object(&new, 1 << 40).await.unwrap(), Ok(Admitted::New));
        key
    }

    async fn settle(&self, now: UnixTime) {
        while self.keep.step(now).await.unwrap() == Progress::MoreToDo {}
    }

    fn file(&self, place: &str, key: &ObjectKey) -> PathBuf {
        let digest = key.name.sha256.to_string();
        let folder = self.directory.path().join(place).join(key.terminal.to_string());
        let folder = folder.join(key.repository.to_string()).join("data");
        folder.join(&digest[..2]).join(digest)
    }

    /// The disk of a place goes, or comes back: an empty directory is left where it was mounted.
    fn unmount(&self, place: &str) {
        let mounted = self.directory.path().join(place);
        fs::rename(&mounted, self.directory.path().join(format!("{place}-disk"))).unwrap();
        fs::create_dir(&mounted).unwrap();
    }

    fn mount(&self, place: &str) {
        let mounted = self.directory.path().join(place);
        fs::remove_dir(&mounted).expect("nothing was written where no disk was");
        fs::rename(self.directory.path().join(format!("{place}-disk")), mounted).unwrap();
    }

    async fn due(&self, now: UnixTime) -> usize {
        self.registry.objects_due(now, 100).await.unwrap().len()
    }

    async fn alarms(&self) -> Vec<String> {
        let alarms = self.registry.alarms(&Page::first(100)).await.unwrap();
        alarms.into_iter().map(|(_, alarm)| alarm.detail).collect()
    }
}

#[tokio::test]
async fn every_object_comes_into_both_places_and_is_read_back() {
    let world = World::new().await;
    world.store(Kind::SealedKey, b"sealed").await;
    let key = world.store(Kind::Data, b"pack").await;
    world.settle(AT).await;
    for place in ["north", "south"] {
        assert_eq!(fs::read(world.file(place, &key)).unwrap(), b"pack", "{place}");
    }
    assert_eq!(world.registry.objects_due(AT, 10).await.unwrap(), []);
    let due = world.registry.objects_due(AT.plus(MONTH * 2), 10).await.unwrap();
    assert_eq!(due.len(), 2);
    assert!(due.iter().all(|it| it.state == ObjectState::Proven && it.second_at == Some(AT)));
    assert!(world.alarms().await.is_empty());
}

#[tokio::test]
async fn a_copy_that_rots_or_goes_is_repaired_from_the_other() {
    let world = World::new().await;
    world.store(Kind::SealedKey, b"sealed").await;
    let key = world.store(Kind::Data, b"pack").await;
    world.settle(AT).await;
    let mut now = AT;
    for (place, left) in [("north", Some("pock")), ("south", None), ("south", Some("pac"))] {
        let file = world.file(place, &key);
        match left {
            Some(rot) => fs::write(file, rot).unwrap(),
            None => fs::remove_file(file).unwrap(),
        }
        now = now.plus(MONTH * 2);
        world.settle(now).await;
        assert_eq!(fs::read(world.file(place, &key)).unwrap(), b"pack", "{place}");
    }
    let expected = [
        "it was missing in `south`; repaired from `north`",
        "it was rotten in `north`; repaired from `south`",
    ];
    assert_eq!(world.alarms().await, expected);
}

#[tokio::test]
async fn what_neither_place_has_is_lost_until_it_comes_back() {
    let world = World::new().await;
    world.store(Kind::SealedKey, b"sealed").await;
    let key = world.store(Kind::Data, b"pack").await;
    world.settle(AT).await;
    fs::write(world.file("north", &key), "rot").unwrap();
    fs::remove_file(world.file("south", &key)).unwrap();
    let later = AT.plus(MONTH * 2);
    world.settle(later).await;
    let lost = "it is rotten in `north` and missing in `south`: what was saved with it cannot be \
                restored";
    assert_eq!(world.alarms().await, [lost]);
    fs::write(world.file("south", &key), "pack").unwrap();
    world.settle(later.plus(LOST_AFTER)).await;
    world.settle(later.plus(LOST_AFTER * 2)).await;
    assert_eq!(fs::read(world.file("north", &key)).unwrap(), b"pack");
    assert_eq!(world.registry.objects_due(later.plus(LOST_AFTER * 2), 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_kill_between_copying_and_noting_is_made_good() {
    let world = World::new().await;
    world.store(Kind::SealedKey, b"sealed").await;
    let key = world.store(Kind::Data, b"pack").await;
    copy(world.places.first(), world.places.second(), &key).await.unwrap();
    let again = Keep::new(world.registry.clone(), world.places.clone(), MONTH);
    while again.step(AT).await.unwrap() == Progress::MoreToDo {}
    assert_eq!(world.registry.objects_due(AT, 10).await.unwrap(), []);
    assert!(world.alarms().await.is_empty());
}

#[tokio::test]
async fn a_disk_that_is_not_mounted_lacks_nothing_and_gets_nothing() {
    for place in ["north", "south"] {
        let world = World::new().await;
        world.store(Kind::SealedKey, b"sealed").await;
        let proven = world.store(Kind::Data, b"pack").await;
        world.settle(AT).await;
        // One that is not copied yet.
        let new = world.store(Kind::Data, b"new pack").await;
        world.unmount(place);
        let later = AT.plus(MONTH * 2);
        world.settle(later).await;
        assert_eq!(
            world.due(later.plus(UNANSWERED_AFTER)).await,
            3,
            "{place}: all are asked for again"
        );
        assert_eq!(world.due(later).await, 0, "{place}: later");
        assert_eq!(world.alarms().await, Vec::<String>::new(), "{place}");
        world.mount(place);
        let later = later.plus(UNANSWERED_AFTER);
        world.settle(later).await;
        for (key, bytes) in [(proven, &b"pack"[..]), (new, b"new pack")] {
            for place in ["north", "south"] {
                assert_eq!(fs::read(world.file(place, &key)).unwrap(), bytes, "{place}");
            }
        }
        assert_eq!(world.due(later).await, 0, "{place}");
        assert_eq!(world.alarms().await, Vec::<String>::new(), "{place}");
    }
}

#[tokio::test]
async fn a_new_disk_is_filled_without_alarm_once_it_is_adopted() {
    for place in [0, 1] {
        let world = World::new().await;
        world.store(Kind::SealedKey, b"sealed").await;
        let key = world.store(Kind::Data, b"pack").await;
        world.settle(AT).await;
        let name = ["north", "south"][place];
        world.unmount(name);
        let later = AT.plus(UNANSWERED_AFTER);
        world.places.0[place].adopt(later).await.unwrap();
        assert_eq!(world.due(later).await, 0);
        assert_eq!(world.registry.examine_all_again(later).await.unwrap(), 2);
        world.settle(later.plus(Duration::from_secs(1))).await;
        world.settle(later.plus(UNANSWERED_AFTER * 2)).await;
        assert_eq!(fs::read(world.file(name, &key)).unwrap(), b"pack", "{name}");
        assert_eq!(world.alarms().await, Vec::<String>::new(), "{name}");
        // From then on what goes missing there was lost.
        fs::remove_file(world.file(name, &key)).unwrap();
        world.settle(later.plus(MONTH * 2)).await;
        assert_eq!(fs::read(world.file(name, &key)).unwrap(), b"pack", "{name}");
        assert_eq!(world.alarms().await.len(), 1, "{name}");
        // The old disk is another one now.
        fs::remove_dir_all(world.directory.path().join(name)).unwrap();
        fs::create_dir(world.directory.path().join(name)).unwrap();
        world.mount(name);
        let refused = world.places.0[place].ready().await.unwrap_err();
        let BlobError::NotThere { source, .. } = refused else { panic!("{refused:?}") };
        let NotThere::Absent(absent) = source else { panic!("{source:?}") };
        assert!(matches!(absent, crate::blob::Absent::Replaced { .. }), "{absent:?}");
    }
}
