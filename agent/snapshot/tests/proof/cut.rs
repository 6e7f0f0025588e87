//! The network is cut, or the terminal stops, before and behind every single object, twice.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agent::snapshot::protocol::Save;
use shared::backup::{Kind, Listed, Newest, ObjectName};
use shared::digest::Digest;
use shared::id::RepositoryId;
use shared::time::UnixTime;
use snapshot::place::{Directory, Place, PlaceError};

use super::restic::restic;
use super::rig::{Rig, noise};

/// Stores this many objects and manifests; then, stored or not, nobody hears of it.
#[derive(Debug)]
struct Torn {
    inner: Directory,
    left: AtomicU64,
    stored: bool,
}

impl Torn {
    fn cut<T>(&self, store: impl FnOnce() -> Result<T, PlaceError>) -> Result<T, PlaceError> {
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
        {
            Ok(1) if self.stored => {
                store()?;
                Err(PlaceError::Stopped)
            }
            Ok(1) | Err(_) => Err(PlaceError::Stopped),
            Ok(_) => store(),
        }
    }
}

impl Place for Torn {
    fn put(&self, id: RepositoryId, name: ObjectName, bytes: &[u8]) -> Result<(), PlaceError> {
        self.cut(|| self.inner.put(id, name, bytes))
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
        self.cut(|| self.inner.hand_in(id, manifest))
    }

    fn manifest(&self, id: RepositoryId, digest: Digest) -> Result<Vec<u8>, PlaceError> {
        self.inner.manifest(id, digest)
    }

    fn newest(&self) -> Result<Newest, PlaceError> {
        self.inner.newest()
    }
}

fn count(rig: &Rig, kind: Kind, repository: RepositoryId) -> usize {
    rig.stored().list(repository, kind).unwrap().len()
}

#[test]
fn a_cut_at_any_object_twice_costs_nothing_but_time() {
    for at in 1..10 {
        for stored in [false, true] {
            let rig = Rig::new();
            rig.export("journal.db", &noise(3, 5_000_000));
            rig.export("sales/one", b"1");
            let cut = |left| -> Arc<dyn Place> {
                Arc::new(Torn { inner: rig.stored(), left: AtomicU64::new(left), stored })
            };
            let request = rig.request(1);
            let first = rig.save_at(cut(at), &request);
            let second = rig.save_at(cut(at.min(2)), &request);
            let saved = rig.save(1).unwrap();
            assert_eq!(saved.number, 1, "cut at {at}: {first:?}, {second:?}");
            assert_eq!(count(&rig, Kind::Snapshots, saved.repository), 1, "cut at {at}");
            let manifests = rig.stored().repository(saved.repository).join("manifests");
            assert_eq!(std::fs::read_dir(manifests).unwrap().count(), 1, "cut at {at}");
            let packs: u64 = rig
                .stored()
                .list(saved.repository, Kind::Data)
                .unwrap()
                .iter()
                .map(|pack| pack.bytes)
                .sum();
            assert!(packs < 9_000_000, "cut at {at}: what was stored is used, {packs} bytes");
            let said = restic(&rig.for_restic(saved.repository), &["check", "--read-data"]);
            assert!(said.contains("no errors were found"), "cut at {at}: {said}");
        }
    }
}

#[test]
fn packs_that_an_interrupted_run_stored_are_not_stored_again() {
    let rig = Rig::new();
    rig.export("journal.db", &noise(4, 20_000_000));
    let request = rig.request(1);
    // The sealed key, the parameters, three packs.
    let torn = Torn { inner: rig.stored(), left: AtomicU64::new(6), stored: true };
    rig.save_at(Arc::new(torn), &request).unwrap_err();
    let saved = rig.save(1).unwrap();
    let packs = rig.stored().list(saved.repository, Kind::Data).unwrap();
    let bytes: u64 = packs.iter().map(|pack| pack.bytes).sum();
    assert!(bytes < 20_600_000, "{bytes} bytes");
    assert!(saved.bytes_sent < 10_000_000, "{} bytes", saved.bytes_sent);
}

#[test]
fn a_manifest_that_nobody_acknowledged_is_handed_in_before_the_next_snapshot() {
    let rig = Rig::new();
    rig.export("journal.db", b"one");
    rig.save(1).unwrap();
    rig.export("journal.db", b"two");
    let all = 4;
    let torn = Torn { inner: rig.stored(), left: AtomicU64::new(all + 1), stored: false };
    rig.save_at(Arc::new(torn), &rig.request(2)).unwrap_err();
    rig.export("journal.db", b"three");
    let third = rig.save(3).unwrap();
    assert_eq!(third.number, 3, "the second is not left out");
    let second = rig.save(2);
    assert!(second.is_ok(), "{second:?}");
}

#[test]
fn an_order_that_exports_another_night_has_another_snapshot() {
    let rig = Rig::new();
    rig.export("journal.db", b"monday");
    let monday = rig.request(1);
    let first = rig.save_at(Arc::new(rig.stored()), &monday).unwrap();
    let again = rig.save_at(Arc::new(rig.stored()), &monday).unwrap();
    assert_eq!((first.number, again.number), (1, 1));
    rig.export("journal.db", b"tuesday");
    let tuesday = UnixTime(monday.taken_at.0 + 86_400);
    let tuesday = Save { taken_at: tuesday, ..rig.request(1) };
    for _twice in 0..2 {
        let second = rig.save_at(Arc::new(rig.stored()), &tuesday).unwrap();
        assert_eq!(second.number, 2);
        assert_eq!(count(&rig, Kind::Snapshots, second.repository), 2);
    }
}
