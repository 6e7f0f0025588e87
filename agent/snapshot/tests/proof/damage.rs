//! Packs that rot or are lost: found, named, and no reason to lose the rest.

use std::fs;

use agent::snapshot::protocol::{Damage, Saved};
use shared::backup::{Kind, ObjectName, Selection};
use shared::outcome::FailureCode;
use snapshot::failure::Failure;
use snapshot::place::Place as _;

use super::rig::{Rig, files_below, noise};
use super::round_trip::code;

/// Many packs, so that one is not all.
fn saved() -> (Rig, Saved) {
    let rig = Rig::new();
    for part in 0..8 {
        rig.export(&format!("part-{part}"), &noise(part + 1, 3_000_000));
    }
    let saved = rig.save(1).unwrap();
    (rig, saved)
}

/// The pack that was stored first: it holds data. The folders, and the listing without which no
/// file is known, come last.
fn pack(rig: &Rig, saved: &Saved) -> std::path::PathBuf {
    let packs = rig.stored().list(saved.repository, Kind::Data).unwrap();
    let path =
        |sha256| rig.stored().object(saved.repository, ObjectName { kind: Kind::Data, sha256 });
    let stored = packs.into_iter().map(|pack| path(pack.sha256));
    stored.min_by_key(|path| fs::metadata(path).unwrap().modified().unwrap()).unwrap()
}

#[track_caller]
fn the_rest_is_restored(rig: &Rig, saved: &Saved) {
    let failure = rig.fetch(saved, Selection::Everything, Damage::Refuse, "a").unwrap_err();
    assert_eq!(code(&failure), FailureCode::SnapshotDamaged);
    assert!(failure.to_string().contains("`export/part-"), "it names files: {failure}");
    let fetched = rig.fetch(saved, Selection::Everything, Damage::LeaveOut, "b").unwrap();
    assert!((1..8).contains(&fetched.left_out.len()), "{:?}", fetched.left_out);
    let before = files_below(&rig.path("export"));
    let after = files_below(&rig.path("b/export"));
    assert_eq!(after.len() + fetched.left_out.len(), before.len());
    assert!(after.iter().all(|(path, bytes)| before[path] == *bytes));
}

#[test]
fn a_rotten_pack_is_found_and_the_rest_is_restored() {
    let (rig, saved) = saved();
    let pack = pack(&rig, &saved);
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(pack, bytes).unwrap();
    the_rest_is_restored(&rig, &saved);
}

#[test]
fn a_missing_pack_is_found_and_the_rest_is_restored() {
    let (rig, saved) = saved();
    fs::remove_file(pack(&rig, &saved)).unwrap();
    the_rest_is_restored(&rig, &saved);
}

#[test]
fn a_backup_into_a_repository_that_lost_a_pack_begins_another() {
    let (rig, first) = saved();
    fs::remove_file(pack(&rig, &first)).unwrap();
    let second = rig.save(2).unwrap();
    assert_ne!(second.repository, first.repository);
    assert!(second.findings.iter().any(|text| text.contains("packs")), "{second:?}");
    rig.fetch(&second, Selection::Everything, Damage::Refuse, "staged").unwrap();
}

#[test]
fn a_manifest_that_the_order_does_not_name_is_not_believed() {
    let (rig, first) = saved();
    rig.export("part-0", b"another");
    let second = rig.save(2).unwrap();
    let mixed = Saved { snapshot: first.snapshot, ..second };
    let failure = rig.fetch(&mixed, Selection::Everything, Damage::Refuse, "a").unwrap_err();
    assert!(matches!(failure, Failure::Damaged(_)), "{failure}");
}

#[test]
fn nothing_is_restored_over_what_is_there() {
    let (rig, saved) = saved();
    fs::create_dir(rig.path("full")).unwrap();
    fs::write(rig.path("full/file"), b"").unwrap();
    let failure = rig.fetch(&saved, Selection::Everything, Damage::Refuse, "full").unwrap_err();
    assert!(matches!(failure, Failure::NotEmpty(_)), "{failure}");
}
