//! The power fails after every change, and again after every change of what follows.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use shared::document::release::{Health, Settlement};
use shared::outcome::FailureCode;
use shared::time::UnixTime;

use super::*;
use crate::install::crash_disk::{CrashDisk, Fate};
use crate::install::fs::Mode;

const FATES: [Fate; 4] = [
    Fate::Lost,
    Fate::Kept,
    Fate::Drawn(0x9e37_79b9_7f4a_7c15),
    Fate::Drawn(0xdead_beef_cafe_f00d),
];

type Tree = BTreeMap<PathBuf, Vec<u8>>;

/// A release of three files in two directories, each saying its version.
fn release(version: &str, counter: u64) -> (Release, Vec<u8>, Tree) {
    let text = format!("this is {version}").into_bytes();
    let files = ["app", "share/cfg", "share/deep/data"];
    let tree: Tree = files.iter().map(|name| (PathBuf::from(name), text.clone())).collect();
    let mut builder = tar::Builder::new(Vec::new());
    for path in tree.keys() {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o755);
        header.set_size(text.len() as u64);
        builder.append_data(&mut header, path, text.as_slice()).unwrap();
    }
    let bytes = zstd::stream::encode_all(builder.into_inner().unwrap().as_slice(), 3).unwrap();
    let release = Release {
        format: 1,
        component: "pos".to_owned(),
        version: version.to_owned(),
        security_counter: counter,
        models: Vec::new(),
        artifact: Artifact {
            sha256: Digest::of(&bytes),
            size: bytes.len() as u64,
            unpacked_size: 3 * text.len() as u64,
            entries: 3,
        },
        from_counter_min: 0,
        raise_floor_to: None,
        settlement: Settlement::NotNeeded,
        health: Health { stable_s: 1, within_s: 2 },
        issued_at: UnixTime(0),
        expires_at: UnixTime(i64::MAX),
    };
    (release, bytes, tree)
}

fn slots_on(disk: &CrashDisk) -> SlotDir<CrashDisk> {
    SlotDir { root: PathBuf::from("slots"), disk: disk.clone(), reserve_bytes: 0 }
}

fn install(slots: &SlotDir<CrashDisk>, release: &(Release, Vec<u8>, Tree)) -> Installing {
    let name = slots.stage(&release.0, &mut Cursor::new(release.1.as_slice()))?;
    slots.switch("pos", &name)?;
    slots.commit("pos", &name)?;
    slots.collect_garbage("pos", None)
}

type Installing = Result<(), InstallError>;

/// A terminal that runs `version`, with everything durable.
fn terminal_with(release: &(Release, Vec<u8>, Tree)) -> CrashDisk {
    let disk = CrashDisk::new();
    disk.make_directory(Path::new("slots")).unwrap();
    disk.sync_directory(Path::new("")).unwrap();
    install(&slots_on(&disk), release).unwrap();
    disk
}

fn current(disk: &CrashDisk) -> Tree {
    disk.tree(Path::new("slots/pos/current")).expect("`current` leads to a directory")
}

/// Runs `work` once for every change it makes, cutting the power there, and hands over what is
/// left for each fate of what was not synchronised.
fn at_every_cut(
    start: &CrashDisk,
    fates: &[Fate],
    work: impl Fn(&SlotDir<CrashDisk>) -> Installing,
    mut inspect: impl FnMut(usize, CrashDisk),
) -> usize {
    for cut in 0.. {
        for fate in fates {
            let disk = start.after_power_cut(Fate::Kept);
            disk.cut_after(cut);
            let finished = work(&slots_on(&disk)).is_ok();
            inspect(cut, disk.after_power_cut(*fate));
            if finished && disk.changes() < cut {
                return cut;
            }
        }
    }
    unreachable!("the work is finite")
}

#[test]
fn whenever_the_power_fails_the_current_version_is_whole_and_the_next_attempt_completes() {
    let (old, new) = (release("1.0.0", 1), release("2.0.0", 2));
    let start = terminal_with(&old);
    let mut schedules = 0;
    let cuts = at_every_cut(
        &start,
        &FATES,
        |slots| install(slots, &new),
        |cut, disk| {
            let tree = current(&disk);
            assert!(tree == old.2 || tree == new.2, "cut at {cut}: half a version: {tree:?}");
            at_every_cut(
                &disk,
                &FATES[..3],
                |slots| install(slots, &new),
                |again, disk| {
                    let tree = current(&disk);
                    assert!(tree == old.2 || tree == new.2, "cut at {cut}, then {again}");
                    install(&slots_on(&disk), &new).expect("the power stays on");
                    assert_eq!(current(&disk), new.2, "cut at {cut}, then {again}");
                    schedules += 1;
                },
            );
        },
    );
    assert!(cuts > 25, "only {cuts} cuts");
    assert!(schedules > 5_000, "only {schedules} schedules");
}

#[test]
fn whenever_the_power_fails_on_the_way_back_one_of_both_versions_is_whole() {
    let (old, new) = (release("1.0.0", 1), release("2.0.0", 2));
    let start = terminal_with(&old);
    let slots = slots_on(&start);
    let old_name = slots.slots("pos").unwrap().current.unwrap().name;
    let new_name = slots.stage(&new.0, &mut Cursor::new(new.1.as_slice())).unwrap();
    slots.switch("pos", &new_name).unwrap();
    let back = |slots: &SlotDir<CrashDisk>| {
        slots.switch("pos", &old_name)?;
        slots.collect_garbage("pos", None)
    };
    let cuts = at_every_cut(&start, &FATES, back, |cut, disk| {
        let tree = current(&disk);
        assert!(tree == old.2 || tree == new.2, "cut at {cut}: half a version: {tree:?}");
        back(&slots_on(&disk)).expect("the power stays on");
        assert_eq!(current(&disk), old.2, "cut at {cut}");
    });
    assert!(cuts > 5, "only {cuts} cuts");
}

#[test]
fn the_simulated_power_cut_does_break_what_is_not_synchronised() {
    let old = release("1.0.0", 1);
    let disk = terminal_with(&old);
    let naive = || -> io::Result<()> {
        disk.make_directory(Path::new("slots/pos/2.0.0-00000000"))?;
        let app = Path::new("slots/pos/2.0.0-00000000/app");
        disk.create_file(app, Mode::Executable)?.write_all(b"this is 2.0.0")?;
        disk.symlink(Path::new("2.0.0-00000000"), Path::new("slots/pos/new"))?;
        disk.rename(Path::new("slots/pos/new"), Path::new("slots/pos/current"))?;
        disk.sync_directory(Path::new("slots/pos"))
    };
    naive().unwrap();
    assert_eq!(current(&disk)[Path::new("app")], b"this is 2.0.0");
    assert_eq!(current(&disk.after_power_cut(Fate::Lost)), Tree::new(), "an empty version");
}

#[test]
fn a_proven_version_stays_as_the_way_back_and_only_one_is_kept() {
    let versions = [release("1.0.0", 1), release("2.0.0", 2), release("3.0.0", 3)];
    let disk = terminal_with(&versions[0]);
    let slots = slots_on(&disk);
    install(&slots, &versions[1]).unwrap();
    install(&slots, &versions[2]).unwrap();
    let Slots { current, previous } = slots.slots("pos").unwrap();
    let (current, previous) = (current.unwrap(), previous.unwrap());
    assert_eq!((current.version.as_str(), current.security_counter), ("3.0.0", 3));
    assert_eq!((previous.version.as_str(), previous.security_counter), ("2.0.0", 2));
    let names: Vec<_> = disk.list(Path::new("slots/pos")).unwrap();
    assert_eq!(names.len(), 6, "two slots, two notes, two links: {names:?}");
    assert_eq!(slots.installed().unwrap(), [("pos".to_owned(), current)]);
}

#[test]
fn a_version_that_did_not_prove_itself_never_becomes_the_way_back() {
    let versions = [release("1.0.0", 1), release("2.0.0", 2), release("3.0.0", 3)];
    let disk = terminal_with(&versions[0]);
    let slots = slots_on(&disk);
    install(&slots, &versions[1]).unwrap();
    let second = slots.slots("pos").unwrap().current.unwrap().name;
    let third = slots.stage(&versions[2].0, &mut Cursor::new(versions[2].1.as_slice())).unwrap();
    slots.switch("pos", &third).unwrap();
    assert_eq!(slots.slots("pos").unwrap().previous.unwrap().version, "2.0.0");
    slots.switch("pos", &second).unwrap();
    let after = slots.slots("pos").unwrap();
    assert_eq!(after.current.unwrap().version, "2.0.0");
    assert_eq!(after.previous.unwrap().version, "1.0.0", "the older proven one is back");
    slots.collect_garbage("pos", None).unwrap();
    assert!(matches!(slots.switch("pos", &third), Err(InstallError::NoSuchSlot { .. })));
}

#[test]
fn a_raised_floor_takes_the_way_back_away() {
    let versions = [release("1.0.0", 1), release("2.0.0", 2)];
    let disk = terminal_with(&versions[0]);
    let slots = slots_on(&disk);
    install(&slots, &versions[1]).unwrap();
    slots.collect_garbage("pos", Some(1)).unwrap();
    assert!(slots.slots("pos").unwrap().previous.is_some());
    slots.collect_garbage("pos", Some(2)).unwrap();
    assert_eq!(slots.slots("pos").unwrap().previous, None);
    assert_eq!(current(&disk), versions[1].2);
}

#[test]
fn bytes_that_are_not_the_signed_ones_leave_no_trace() {
    let (old, new) = (release("1.0.0", 1), release("2.0.0", 2));
    let disk = terminal_with(&old);
    let before = disk.list(Path::new("slots/pos")).unwrap();
    let stage = |bytes: &[u8], release: &Release| {
        let error = slots_on(&disk).stage(release, &mut Cursor::new(bytes)).unwrap_err();
        assert_eq!(disk.list(Path::new("slots/pos")).unwrap(), before);
        error
    };
    let shorter = stage(&new.1[1..], &new.0);
    assert!(matches!(shorter, InstallError::OtherSize { .. }), "{shorter}");
    let mut flipped = new.1.clone();
    flipped[20] ^= 1;
    let flipped = stage(&flipped, &new.0);
    assert!(matches!(flipped, InstallError::OtherDigest { .. }), "{flipped}");
    let mut other = new.0.clone();
    other.artifact.unpacked_size -= 1;
    assert!(matches!(stage(&new.1, &other), InstallError::Unpack(_)));
    other.component = "../pos".to_owned();
    assert!(matches!(stage(&new.1, &other), InstallError::NotAComponent(_)));
    other.component = "pos".to_owned();
    other.version = "../../2".to_owned();
    assert!(matches!(stage(&new.1, &other), InstallError::Version(_)));
}

#[test]
fn only_the_current_version_can_be_committed() {
    let (old, new) = (release("1.0.0", 1), release("2.0.0", 2));
    let disk = terminal_with(&old);
    let slots = slots_on(&disk);
    let name = slots.stage(&new.0, &mut Cursor::new(new.1.as_slice())).unwrap();
    assert!(matches!(slots.commit("pos", &name), Err(InstallError::NotCurrent { .. })));
    slots.switch("pos", &name).unwrap();
    assert_eq!(slots.slots("pos").unwrap().current.unwrap().proof, Proof::Pending);
    slots.commit("pos", &name).unwrap();
    assert_eq!(slots.slots("pos").unwrap().current.unwrap().proof, Proof::Committed);
}

#[test]
fn a_staged_version_can_be_discarded_and_a_current_one_cannot() {
    let (old, new) = (release("1.0.0", 1), release("2.0.0", 2));
    let disk = terminal_with(&old);
    let slots = slots_on(&disk);
    let before = disk.list(Path::new("slots/pos")).unwrap();
    let name = slots.stage(&new.0, &mut Cursor::new(new.1.as_slice())).unwrap();
    for _twice in 0..2 {
        slots.discard("pos", &name).unwrap();
        assert_eq!(disk.list(Path::new("slots/pos")).unwrap(), before);
    }
    let current_name = slots.slots("pos").unwrap().current.unwrap().name;
    slots.discard("pos", &current_name).unwrap();
    assert_eq!(current(&disk), old.2);
}

#[test]
fn what_somebody_put_there_by_hand_counts_as_proven_and_is_left_alone() {
    let disk = CrashDisk::new();
    for path in ["slots", "slots/pos", "slots/pos/0.9-12345678", "slots/pos/spare"] {
        disk.make_directory(Path::new(path)).unwrap();
    }
    disk.symlink(Path::new("0.9-12345678"), Path::new("slots/pos/current")).unwrap();
    let slots = slots_on(&disk);
    let first = slots.slots("pos").unwrap().current.unwrap();
    assert_eq!((first.version.as_str(), first.security_counter), ("0.9", 0));
    install(&slots, &release("1.0.0", 1)).unwrap();
    assert_eq!(slots.slots("pos").unwrap().previous, Some(first));
    assert!(disk.list(Path::new("slots/pos/spare")).is_ok());
}

#[test]
fn a_full_disk_is_noticed_before_anything_is_fetched() {
    let directory = tempfile::tempdir().unwrap();
    let slots = SlotDir::open(directory.path().join("slots")).unwrap();
    let (release, ..) = release("1.0.0", 1);
    slots.check_room(&release.artifact).unwrap();
    let huge = Artifact { size: u64::MAX / 4, ..release.artifact };
    let error = slots.check_room(&huge).unwrap_err();
    assert_eq!(error.code(FailureCode::Internal), FailureCode::DiskFull);
}

#[test]
fn an_installation_on_a_real_disk_can_be_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let slots = SlotDir::open(directory.path().join("slots")).unwrap();
    let (release, bytes, tree) = release("1.0.0", 1);
    for _twice in 0..2 {
        let name = slots.stage(&release, &mut Cursor::new(bytes.as_slice())).unwrap();
        slots.switch("pos", &name).unwrap();
        slots.commit("pos", &name).unwrap();
        slots.collect_garbage("pos", None).unwrap();
        for (path, content) in &tree {
            let path = directory.path().join("slots/pos/current").join(path);
            assert_eq!(&std::fs::read(path).unwrap(), content);
        }
    }
}
