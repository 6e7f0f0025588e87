//! Directories that are places, were places, and never were.

use std::fs;

use shared::backup::{Kind, ObjectName};
use shared::digest::Digest;
use shared::id::{RepositoryId, TerminalId};

use super::*;
use crate::backup::ObjectKey;
use crate::config::PlaceConfig;

const FLEET: FleetId = FleetId::from_bytes([1; 16]);
const AT: UnixTime = UnixTime(1_900_000_000);

struct Disk {
    directory: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("mounted/backups")
    }

    fn record(&self) -> PathBuf {
        self.directory.path().join("memory/north.json")
    }

    /// What a controller that starts has of it.
    fn place(&self, name: &str, fleet: FleetId) -> Place {
        let config = PlaceConfig {
            name: name.into(),
            region: name.into(),
            url: PlaceUrl::Directory(self.path()),
        };
        let directory = self.directory.path().join("memory");
        Place::open(&config, &Memory { fleet, directory }).unwrap()
    }

    fn north(&self) -> Place {
        self.place("north", FLEET)
    }

    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path()) else { return Vec::new() };
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        entries.map(|entry| name(entry).into_string().unwrap()).collect()
    }
}

fn absent(looked: Result<Ready, BlobError>) -> Absent {
    let error = looked.unwrap_err();
    let BlobError::NotThere { source: NotThere::Absent(absent), .. } = error else {
        panic!("{error:?}");
    };
    absent
}

fn key() -> ObjectKey {
    let name = ObjectName { kind: Kind::Data, sha256: Digest::of(b"pack") };
    let (terminal, repository) =
        (TerminalId::from_bytes([2; 16]), RepositoryId::from_bytes([3; 16]));
    ObjectKey { terminal, repository, name }
}

#[tokio::test]
async fn a_new_place_is_made_marked_and_known_after_a_restart() {
    let disk = Disk::new();
    assert_eq!(disk.north().ready().await.unwrap(), Ready { adopted_at: None });
    assert_eq!(disk.names(), [MARKER]);
    let marker = fs::read(disk.path().join(MARKER)).unwrap();
    assert_eq!(disk.north().ready().await.unwrap(), Ready { adopted_at: None });
    assert_eq!(fs::read(disk.path().join(MARKER)).unwrap(), marker, "it stays the same");
}

#[tokio::test]
async fn a_place_of_an_older_version_is_taken_as_it_is() {
    let disk = Disk::new();
    fs::create_dir_all(disk.path().join(key().terminal.to_string())).unwrap();
    fs::create_dir_all(disk.path().join("lost+found")).unwrap();
    assert!(disk.north().ready().await.is_ok());
    assert!(disk.names().contains(&MARKER.to_owned()));
}

#[tokio::test]
async fn a_directory_of_somebody_else_is_not_taken_unless_an_operator_says_so() {
    let disk = Disk::new();
    fs::create_dir_all(disk.path().join("photographs")).unwrap();
    let place = disk.north();
    assert_eq!(absent(place.ready().await), Absent::Strange("photographs".into()));
    assert_eq!(disk.names(), ["photographs"]);
    place.adopt(AT).await.unwrap();
    assert_eq!(place.ready().await.unwrap(), Ready { adopted_at: Some(AT) });
}

#[tokio::test]
async fn a_place_that_is_gone_is_not_made_again_and_takes_nothing() {
    let disk = Disk::new();
    let place = disk.north();
    place.ready().await.unwrap();
    let away = disk.directory.path().join("away");
    let mounted = disk.directory.path().join("mounted");
    fs::rename(&mounted, &away).unwrap();
    // The same process, and one that starts now; without a directory, and with an empty one.
    for place in [&place, &disk.north()] {
        for made in [false, true] {
            if made {
                fs::create_dir_all(disk.path()).unwrap();
            }
            assert_eq!(absent(place.ready().await), Absent::NoMarker);
            assert!(place.create(&key(), Bytes::from_static(b"pack")).await.is_err());
            assert!(place.upload(&key(), 1024).await.is_err());
            assert!(place.remove(&key()).await.is_err());
            assert!(matches!(*place.standing(), Standing::NotThere { .. }));
            assert_eq!(disk.names(), Vec::<String>::new());
            assert_eq!(disk.path().exists(), made, "nothing is made");
        }
        fs::remove_dir_all(&mounted).unwrap();
    }
    fs::rename(&away, &mounted).unwrap();
    place.ready().await.unwrap();
    assert_eq!(*place.standing(), Standing::There);
    assert!(place.create(&key(), Bytes::from_static(b"pack")).await.unwrap());
}

#[tokio::test]
async fn one_directory_is_never_two_places_nor_of_two_fleets() {
    let disk = Disk::new();
    disk.north().ready().await.unwrap();
    let other_fleet = FleetId::from_bytes([9; 16]);
    for (name, fleet) in [("south", FLEET), ("north", other_fleet)] {
        // Of another fleet's controller nothing is remembered here.
        if fleet == other_fleet {
            fs::remove_file(disk.record()).unwrap();
        }
        let place = disk.place(name, fleet);
        let another = Absent::Another { place: "north".into(), fleet: FLEET };
        assert_eq!(absent(place.ready().await), another);
        assert!(place.adopt(AT).await.is_err(), "not even when it is asked for");
    }
}

#[tokio::test]
async fn a_controller_that_lost_its_memory_believes_the_marker() {
    let disk = Disk::new();
    disk.north().ready().await.unwrap();
    let record = fs::read(disk.record()).unwrap();
    fs::remove_file(disk.record()).unwrap();
    disk.north().ready().await.unwrap();
    assert_eq!(fs::read(disk.record()).unwrap(), record);
    fs::write(disk.record(), &record[..record.len() / 2]).unwrap();
    let refused = disk.north().ready().await.unwrap_err();
    let BlobError::NotThere { source, .. } = &refused else { panic!("{refused:?}") };
    assert!(matches!(source, NotThere::Forgotten { .. }), "{source:?}");
}

#[tokio::test]
async fn a_damaged_marker_is_mended_by_an_operator_only() {
    let disk = Disk::new();
    let place = disk.north();
    place.ready().await.unwrap();
    for damaged in [&b""[..], b"{}", &[0; MARKER_BYTES_MAX + 1]] {
        fs::write(disk.path().join(MARKER), damaged).unwrap();
        assert_eq!(absent(place.ready().await), Absent::DamagedMarker);
        assert_eq!(fs::read(disk.path().join(MARKER)).unwrap(), damaged);
    }
    let id = place.adopt(AT).await.unwrap();
    assert_eq!(place.adopt(AT).await.unwrap(), id, "twice is as good as once");
    place.ready().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_that_mark_a_new_place_at_once_agree() {
    let disk = Disk::new();
    let mut looking = tokio::task::JoinSet::new();
    for place in (0..8).map(|_| disk.north()) {
        looking.spawn(async move { place.ready().await });
    }
    for looked in looking.join_all().await {
        assert!(matches!(looked, Ok(Ready { adopted_at: None })), "{looked:?}");
    }
    assert_eq!(disk.names(), [MARKER]);
}
