//! What did not change is not saved again, and nothing that the terminal remembers of its files
//! can make a snapshot other than its listing.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use agent::snapshot::protocol::{Damage, Saved};
use agent::stop::Stop;
use shared::backup::Selection;
use shared::digest::Digest;
use shared::outcome::FailureCode;

use super::restic::restic;
use super::rig::{Rig, files_below, noise};
use super::round_trip::code;

/// A file that changed within the last two seconds is not recognised.
fn settle() {
    Stop::new().wait(Duration::from_millis(2_100));
}

fn known(rig: &Rig) -> String {
    fs::read_to_string(rig.path("state/backup/known-files")).unwrap()
}

/// Changes what is remembered, with the right digest over it.
fn remember(rig: &Rig, change: impl FnOnce(&str) -> String) {
    let text = known(rig);
    let rest = change(text.split_once('\n').unwrap().1);
    let text = format!("{}\n{rest}", Digest::of(rest.as_bytes()));
    fs::write(rig.path("state/backup/known-files"), text).unwrap();
}

#[track_caller]
fn assert_restores(rig: &Rig, saved: &Saved, into: &str) {
    rig.fetch(saved, Selection::Everything, Damage::Refuse, into).unwrap();
    let restored = files_below(&rig.path(into).join("export"));
    assert_eq!(restored, files_below(&rig.path("export")));
}

/// Two files of one size that lie there for a while, and a first snapshot of them.
fn saved_once() -> Rig {
    let rig = Rig::new();
    rig.export("one", &noise(1, 300_000));
    rig.export("other", &noise(2, 300_000));
    settle();
    rig.save(1).unwrap();
    rig
}

#[test]
fn what_is_unchanged_is_taken_over_and_the_snapshot_is_whole_all_the_same() {
    let rig = saved_once();
    rig.export("new", b"since then");
    let saved = rig.save(2).unwrap();
    assert!(saved.bytes_sent < 10_000, "{} bytes", saved.bytes_sent);
    assert_eq!(saved.bytes_total, 600_010);
    assert_restores(&rig, &saved, "restored");
    fs::remove_file(rig.path("export/one")).unwrap();
    let saved = rig.save(3).unwrap();
    assert_restores(&rig, &saved, "restored-later");
    let repository = rig.for_restic(saved.repository);
    let said = restic(&repository, &["check", "--read-data"]);
    assert!(said.contains("no errors were found"), "{said}");
    let listed = restic(&repository, &["ls", "--long", "latest"]);
    assert!(listed.contains("/export/other") && !listed.contains("/export/one"), "{listed}");
}

#[test]
fn a_change_that_hides_behind_size_and_time_is_saved() {
    for wait in [true, false] {
        let rig = Rig::new();
        rig.export("prices", b"1.00");
        let modified = fs::metadata(rig.path("export/prices")).unwrap().modified().unwrap();
        if wait {
            settle();
        }
        rig.save(1).unwrap();
        rig.export("prices", b"2.00");
        let file = File::options().write(true).open(rig.path("export/prices")).unwrap();
        file.set_modified(modified).unwrap();
        let saved = rig.save(2).unwrap();
        assert_restores(&rig, &saved, "restored");
    }
}

#[test]
fn a_file_whose_times_are_those_of_tomorrow_is_read_each_time() {
    let rig = Rig::new();
    rig.export("one", b"1");
    settle();
    let file = File::options().write(true).open(rig.path("export/one")).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(86_400)).unwrap();
    rig.save(1).unwrap();
    assert!(known(&rig).contains(" - - - - export/one\n"), "{}", known(&rig));
}

#[test]
fn a_digest_that_is_remembered_wrongly_is_refused_and_forgotten() {
    let rig = saved_once();
    let one = Digest::of(&noise(1, 300_000)).to_string();
    let other = Digest::of(&noise(2, 300_000)).to_string();
    // Another file's, which the repository has too; and one that nobody has.
    for (number, wrong) in [(2, other), (3, "ab".repeat(32))] {
        remember(&rig, |text| text.replace(&one, &wrong));
        let refused = rig.save(number).unwrap_err();
        assert_eq!(code(&refused), FailureCode::ExportFailed, "{refused:?}");
        assert!(!rig.path("state/backup/known-files").exists());
        let saved = rig.save(number).unwrap();
        assert_eq!(saved.number, u64::from(number));
        assert_restores(&rig, &saved, &format!("restored-{}", &wrong[..4]));
    }
}

#[test]
fn two_files_that_are_remembered_the_wrong_way_round_are_refused() {
    let rig = saved_once();
    let [one, other] = [1, 2].map(|seed| Digest::of(&noise(seed, 300_000)).to_string());
    let exchanged = |text: &str| text.replace(&one, "?").replace(&other, &one).replace('?', &other);
    remember(&rig, exchanged);
    let refused = rig.save(2).unwrap_err();
    assert_eq!(code(&refused), FailureCode::ExportFailed, "{refused:?}");
    let saved = rig.save(2).unwrap();
    assert_restores(&rig, &saved, "restored");
}

#[test]
fn files_that_are_remembered_of_another_snapshot_are_only_read_again() {
    let rig = saved_once();
    let snapshot = rig.save(2).unwrap().snapshot.to_string();
    remember(&rig, |text| text.replace(&snapshot, &"cd".repeat(32)));
    rig.export("new", b"since then");
    let saved = rig.save(3).unwrap();
    assert_restores(&rig, &saved, "restored");
    for damaged in ["", "no digest", "\n\n\n"] {
        fs::write(rig.path("state/backup/known-files"), damaged).unwrap();
        rig.export("new", damaged.as_bytes());
        let saved = rig.save(4 + damaged.len() as u8).unwrap();
        assert_restores(&rig, &saved, &format!("restored-{}", damaged.len()));
    }
}
