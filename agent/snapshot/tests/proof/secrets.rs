//! Who can read what: the recovery recipients each alone, a replacement terminal that a key was
//! sealed to, and nobody else.

use std::fs;
use std::path::Path;

use age::x25519::Identity as Recovery;
use agent::identity::TerminalKey;
use agent::snapshot::protocol::{Damage, Fetch, Reach, Saved, Sealed};
use shared::backup::{Kind, Selection, SnapshotOf};
use shared::change::Extent;
use shared::document::EpochKey;
use shared::outcome::FailureCode;
use shared::signature::Envelope;
use shared::time::UnixTime;
use snapshot::keys::{restore_identity, unseal};
use snapshot::place::Place as _;

use super::rig::{Rig, files_below, identity};
use super::round_trip::code;

const CANARY: &[u8] = b"canary-of-this-test-that-nobody-may-find";

fn sealed(rig: &Rig, saved: &Saved) -> Vec<u8> {
    let directory = rig.stored().repository(saved.repository).join("sealed-key");
    let file = fs::read_dir(directory).unwrap().next().unwrap().unwrap();
    fs::read(file.path()).unwrap()
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[track_caller]
fn nowhere_below(root: &Path, wanted: &[u8]) {
    for (path, bytes) in files_below(root) {
        assert!(!contains(&bytes, wanted), "found in {path}");
    }
}

#[test]
fn what_the_controller_holds_says_nothing_and_opens_with_either_recipient_alone() {
    let rig = Rig::new();
    rig.export("journal.db", CANARY);
    rig.export("canary-in-its-name", b"");
    let saved = rig.save(1).unwrap();
    let key = rig.key(saved.repository);
    for wanted in [CANARY, b"canary-in-its-name", key.as_bytes(), &key.as_bytes()[..16]] {
        nowhere_below(&rig.path("stored"), wanted);
    }
    for recovery in &rig.recovery {
        let opened = unseal(&sealed(&rig, &saved), recovery).unwrap();
        let said = Envelope::<EpochKey>::from_bytes(&opened).unwrap().document;
        assert_eq!(said.key.as_slice(), key.as_bytes());
        assert_eq!(said.repository, saved.repository);
    }
    assert!(unseal(&sealed(&rig, &saved), &Recovery::generate()).is_err());
    assert!(rig.stored().list(saved.repository, Kind::Config).unwrap().len() == 1);
    assert!(!rig.stored().repository(saved.repository).join("keys").exists());
}

#[test]
fn a_recipient_that_was_replaced_opens_what_was_sealed_to_it_and_nothing_later() {
    let rig = Rig::new();
    rig.export("journal.db", CANARY);
    let first = rig.save(1).unwrap();
    let (lost, kept, new) = (&rig.recovery[0], &rig.recovery[1], Recovery::generate());
    let mut request = rig.request(2);
    request.recipients = [kept, &new].map(|it| it.to_public().to_string()).to_vec();
    let second = rig.save_at(std::sync::Arc::new(rig.stored()), &request).unwrap();
    for (saved, identity, opens) in [
        (&first, lost, true),
        (&first, kept, true),
        (&first, &new, false),
        (&second, lost, false),
        (&second, kept, true),
        (&second, &new, true),
    ] {
        assert_eq!(unseal(&sealed(&rig, saved), identity).is_ok(), opens);
    }
}

#[test]
fn the_terminal_keeps_no_plain_copy_of_what_it_saved() {
    let rig = Rig::new();
    rig.export("journal.db", CANARY);
    rig.save(1).unwrap();
    nowhere_below(&rig.path("state"), CANARY);
}

#[test]
fn a_stolen_terminal_has_the_key_of_no_term_but_the_last() {
    let rig = Rig::new();
    rig.export("journal.db", CANARY);
    let first = rig.save(1).unwrap();
    let old = rig.key(first.repository);
    let home = rig.path("state/backup").join(first.repository.to_string());
    fs::hard_link(home.join("key"), rig.path("what-the-disk-keeps")).unwrap();
    let full = agent::snapshot::protocol::Save { extent: Extent::Full, ..rig.request(2) };
    rig.save_at(std::sync::Arc::new(rig.stored()), &full).unwrap();
    nowhere_below(&rig.path("state"), old.as_bytes());
    let kept = fs::read(rig.path("what-the-disk-keeps")).unwrap();
    assert!(kept.iter().all(|byte| *byte == 0), "the blocks themselves were overwritten");
}

#[test]
fn a_replacement_restores_with_a_key_that_was_sealed_to_it_and_to_no_other() {
    let rig = Rig::new();
    rig.export("journal.db", CANARY);
    let saved = rig.save(1).unwrap();
    let opened = unseal(&sealed(&rig, &saved), &rig.recovery[1]).unwrap();
    let replacement = restore_identity(&rig.path("replacement-identity")).unwrap();
    let resealed = age::encrypt(&replacement.to_public(), &opened).unwrap();
    TerminalKey::generate().unwrap().write(&rig.path("other-key")).unwrap();
    let request = |into: &str| Fetch {
        reach: Reach { url: String::new(), time_floor: UnixTime(0) },
        of: SnapshotOf {
            terminal: rig.identity().facts.terminal,
            repository: saved.repository,
            snapshot: saved.snapshot,
            manifest: saved.manifest,
        },
        selection: Selection::Everything,
        into: rig.path(into),
        key: Some(Sealed(resealed.clone())),
        damage: Damage::Refuse,
    };
    let other = || identity(&rig.path("other-key"));
    let stranger = rig.fetch_as("stranger", other, &request("a")).unwrap_err();
    assert_eq!(code(&stranger), FailureCode::NotRestorable);
    fs::create_dir_all(rig.path("replacement/backup")).unwrap();
    fs::rename(rig.path("replacement-identity"), rig.path("replacement/backup/restore-identity"))
        .unwrap();
    rig.fetch_as("replacement", other, &request("b")).unwrap();
    assert_eq!(files_below(&rig.path("b/export"))["journal.db"], CANARY);
}
