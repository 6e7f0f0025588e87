//! Backups go on after a power cut: whatever the terminal's disk held when an object or a manifest
//! was about to be stored, or had just been, the same order ends with one snapshot.
//!
//! The controller is a directory that no cut touches, seen as it was at the same moment.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use age::x25519::Identity as Recovery;
use agent::snapshot::protocol::Save;
use shared::backup::{Kind, Listed, Newest, ObjectName};
use shared::change::Extent;
use shared::digest::Digest;
use shared::document::Manifest;
use shared::id::RepositoryId;
use shared::signature::Envelope;
use snapshot::place::{Directory, Place, PlaceError};

use crate::disk::Disk;
use crate::restic;
use crate::rig::{Rig, noise};

/// Copies the disk and the controller before and behind everything that is stored.
#[derive(Debug)]
struct Cut {
    inner: Directory,
    stored: PathBuf,
    image: PathBuf,
    copies: PathBuf,
    /// How many copies there are.
    count: Mutex<u32>,
}

impl Cut {
    fn count(&self) -> u32 {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn around<T>(&self, store: impl FnOnce() -> Result<T, PlaceError>) -> Result<T, PlaceError> {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        self.copy(&mut count);
        let stored = store();
        self.copy(&mut count);
        stored
    }

    fn copy(&self, count: &mut u32) {
        *count += 1;
        copy(&self.image, &self.copies.join(format!("{count}.img")));
        copy(&self.stored, &self.copies.join(format!("{count}.stored")));
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").args(["-r", "--sparse=always"]).arg(from).arg(to).status();
    assert!(copied.is_ok_and(|status| status.success()), "`{}` is not copied", from.display());
}

impl Place for Cut {
    fn put(&self, id: RepositoryId, name: ObjectName, bytes: &[u8]) -> Result<(), PlaceError> {
        let is_sealed = name.kind == Kind::SealedKey
            || !self.inner.list(id, Kind::SealedKey).unwrap_or_default().is_empty();
        assert!(is_sealed, "a key is used that nobody could recover");
        self.around(|| self.inner.put(id, name, bytes))
    }

    fn get(
        &self,
        id: RepositoryId,
        name: ObjectName,
        range: Option<Range<u64>>,
    ) -> Result<Vec<u8>, PlaceError> {
        self.inner.get(id, name, range)
    }

    fn list(&self, id: RepositoryId, kind: Kind) -> Result<Vec<Listed>, PlaceError> {
        self.inner.list(id, kind)
    }

    fn hand_in(&self, id: RepositoryId, manifest: &[u8]) -> Result<(), PlaceError> {
        self.around(|| self.inner.hand_in(id, manifest))
    }

    fn manifest(&self, id: RepositoryId, digest: Digest) -> Result<Vec<u8>, PlaceError> {
        self.inner.manifest(id, digest)
    }

    fn newest(&self) -> Result<Newest, PlaceError> {
        self.inner.newest()
    }
}

/// The third begins a new repository, under a new key.
fn order(rig: &Rig, number: u8) -> Save {
    let extent = if number == 3 { Extent::Full } else { Extent::Incremental };
    Save { extent, ..rig.request(number) }
}

fn export(rig: &Rig, number: u8) {
    rig.export("journal.db", &noise(u64::from(number), 300_000));
    rig.export(&format!("sales/{number}"), &[number; 2_000]);
    // The till has done its part when the backup begins.
    let synced = Command::new("sync").arg("--file-system").arg(rig.path("export")).status();
    assert!(synced.is_ok_and(|status| status.success()));
}

#[test]
fn a_backup_goes_on_after_a_power_cut_at_any_object_and_an_old_key_is_gone_from_the_disk() {
    let directory = tempfile::tempdir().expect("a directory");
    let recovery = [Recovery::generate(), Recovery::generate()];
    let disk = Disk::make(directory.path(), "disk", 24 << 20);
    let rig = Rig::make(disk.path().join("till"), recovery.clone());
    let stored = directory.path().join("stored");
    fs::create_dir(&stored).expect("a directory");
    let cut = Arc::new(Cut {
        inner: Directory::new(stored.clone()),
        stored,
        image: disk.image.clone(),
        copies: directory.path().to_owned(),
        count: Mutex::new(0),
    });
    let mut moments = Vec::new();
    let mut keys = Vec::new();
    for number in 1..=3 {
        export(&rig, number);
        let saved = rig.save_at(Arc::clone(&cut) as Arc<_>, &order(&rig, number)).expect("saved");
        moments.extend((moments.len() as u32 + 1..=cut.count()).map(|moment| (moment, number)));
        keys.push(rig.key(saved.repository).as_bytes().to_vec());
    }
    assert!(moments.len() > 30, "only {} moments", moments.len());
    assert!(keys[0] == keys[1] && keys[1] != keys[2], "the third has a key of its own");
    // The proof that the search finds what is there.
    assert!(holds(&directory.path().join("1.img"), &keys[0]));
    assert!(!holds(&disk.image, &keys[0]), "the old key is still on the disk");
    assert!(holds(&disk.image, &keys[2]));
    for (moment, number) in moments {
        goes_on(directory.path(), moment, number, recovery.clone());
    }
}

/// The order that the cut interrupted, and another one.
fn goes_on(directory: &Path, moment: u32, number: u8, recovery: [Recovery; 2]) {
    let when = format!("cut at {moment}, in order {number}");
    let disk = Disk::mount(directory.join(format!("{moment}.img")));
    let rig = Rig::at(disk.path().join("till"), recovery);
    let stored = directory.join(format!("{moment}.stored"));
    let save = |number| {
        let place = Arc::new(Directory::new(stored.clone()));
        rig.save_at(place, &order(&rig, number)).unwrap_or_else(|error| panic!("{when}: {error:?}"))
    };
    let saved = save(number);
    assert_eq!(saved.number, u64::from(number), "{when}");
    export(&rig, 4);
    let next = save(4);
    assert_eq!((next.number, next.repository), (saved.number + 1, saved.repository), "{when}");
    let numbers: Vec<u64> = manifests(&stored).keys().copied().collect();
    assert_eq!(numbers, (1..=next.number).collect::<Vec<_>>(), "{when}");
    let place = Directory::new(stored.clone());
    for repository in repositories(&stored) {
        let of_it = manifests(&stored).into_values().filter(|it| *it == repository).count();
        let snapshots = place.list(repository, Kind::Snapshots).expect("a list").len();
        assert_eq!(snapshots, of_it, "{when}: one snapshot for each manifest of {repository}");
    }
    let path = place.repository(next.repository);
    restic::open(&path, &rig.key(next.repository));
    let said = restic::restic(&path, &["check", "--read-data"]);
    assert!(said.contains("no errors were found"), "{when}: {said}");
}

fn repositories(stored: &Path) -> Vec<RepositoryId> {
    let names = fs::read_dir(stored).expect("a directory").flatten().map(|entry| entry.file_name());
    names.map(|name| name.to_str().and_then(|it| it.parse().ok()).expect("an id")).collect()
}

/// Repositories by the numbers of their manifests, each number once.
fn manifests(stored: &Path) -> BTreeMap<u64, RepositoryId> {
    let mut found = BTreeMap::new();
    for repository in repositories(stored) {
        let folder = Directory::new(stored.to_owned()).repository(repository).join("manifests");
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let bytes = fs::read(entry.path()).expect("readable");
            let manifest = Envelope::<Manifest>::from_bytes(&bytes).expect("a manifest").document;
            let twice = found.insert(manifest.number, manifest.repository);
            assert_eq!(twice, None, "number {}", manifest.number);
        }
    }
    found
}

fn holds(image: &Path, wanted: &[u8]) -> bool {
    let image = fs::read(image).expect("readable");
    image.windows(wanted.len()).any(|window| window == wanted)
}
