//! From a till to a directory and back, here and with stock restic, and what is refused on the way.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use agent::snapshot::protocol::{AllowedPath, Damage};
use shared::backup::{DataClass, KEY_TERM_S, Selection};
use shared::change::Extent;
use shared::document::Manifest;
use shared::outcome::FailureCode;
use shared::signature::{KnownKeys, open};

use super::restic::restic;
use super::rig::{Rig, files_below, noise, order};
use agent::snapshot::protocol::Line;
use snapshot::failure::Failure;

fn with_data() -> Rig {
    let rig = Rig::new();
    rig.export("journal.db", &noise(1, 3_000_000));
    rig.export("empty", b"");
    rig.export("sales/2026/a file with spaces", b"sale 1");
    rig.export("sales/2026/\u{fc}", b"sale 2");
    rig
}

#[track_caller]
pub(crate) fn code(failure: &Failure) -> FailureCode {
    match failure.answer::<()>() {
        Line::Failed(failed) => failed.code,
        other @ (Line::Progress(_) | Line::Done(_) | Line::Waiting(_)) => panic!("{other:?}"),
    }
}

#[test]
fn what_was_saved_comes_back_byte_for_byte_here_and_with_stock_restic() {
    let rig = with_data();
    let saved = rig.save(1).unwrap();
    assert_eq!((saved.number, saved.files), (1, 4));
    let fetched = rig.fetch(&saved, Selection::Everything, Damage::Refuse, "staged").unwrap();
    let before = files_below(&rig.path("export"));
    assert_eq!(files_below(&rig.path("staged/export")), before);
    assert_eq!(fetched.manifest.data_sets[0].totals["EUR"], 4200);
    let repository = rig.for_restic(saved.repository);
    let said = restic(&repository, &["check", "--read-data"]);
    assert!(said.contains("no errors were found"), "{said}");
    let target = rig.path("by-restic");
    restic(&repository, &["restore", "latest", "--target", target.to_str().unwrap()]);
    assert_eq!(files_below(&target.join("export")), before);
    assert!(restic(&repository, &["snapshots"]).contains("1 snapshots"));
}

#[test]
fn the_manifest_is_signed_and_counts_what_is_there() {
    let rig = with_data();
    let saved = rig.save(1).unwrap();
    let path = rig.stored().repository(saved.repository).join("manifests");
    let bytes = fs::read(path.join(saved.manifest.to_string())).unwrap();
    let identity = rig.identity();
    let known = KnownKeys::of_terminal(identity.key.private().public());
    let opened = open::<Manifest>(&bytes, identity.facts.fleet, &known).unwrap();
    assert!(opened.signed_by.has(identity.key.private().public()));
    let sets: Vec<_> =
        opened.document.data_sets.iter().map(|set| (&*set.name, set.files)).collect();
    assert_eq!(sets, [("journal", 2), ("sales", 2)]);
    assert_eq!(opened.document.order, order(1));
}

#[test]
fn a_class_that_is_never_saved_is_left_out_and_told() {
    let rig = with_data();
    rig.export("till.log", b"started");
    let mut request = rig.request(1);
    let mut logs = request.data_sets[1].clone();
    (logs.name, logs.class) = ("log".to_owned(), DataClass::Logs);
    logs.files = vec!["till.log".to_owned()];
    request.data_sets[1].files.retain(|file| file != "till.log");
    request.data_sets.push(logs);
    let saved = rig.save_at(Arc::new(rig.stored()), &request).unwrap();
    assert_eq!(saved.files, 4);
    assert!(saved.findings.contains(&"`log` is logs, which is never saved".to_owned()));
    let fetched = rig.fetch(&saved, Selection::Everything, Damage::Refuse, "staged").unwrap();
    let names: Vec<_> = fetched.manifest.data_sets.iter().map(|set| set.name.as_str()).collect();
    assert_eq!(names, ["journal", "sales"]);
    assert!(!rig.path("staged/export/till.log").exists());
}

#[test]
fn what_did_not_change_is_not_sent_again() {
    let rig = with_data();
    let first = rig.save(1).unwrap();
    let bytes = fs::read(rig.path("export/journal.db")).unwrap();
    rig.export("journal.db", &bytes);
    let second = rig.save(2).unwrap();
    assert_eq!((second.number, second.repository), (2, first.repository));
    assert!(second.bytes_sent < 10_000, "{} bytes", second.bytes_sent);
}

#[test]
fn the_same_order_is_answered_from_the_books() {
    let rig = with_data();
    let first = rig.save(1).unwrap();
    rig.export("new", b"later");
    assert_eq!(rig.save(1).unwrap(), first);
}

#[test]
fn a_part_is_restored_alone() {
    let rig = with_data();
    let saved = rig.save(1).unwrap();
    let sales = Selection::DataSets(vec!["sales".to_owned()]);
    rig.fetch(&saved, sales, Damage::Refuse, "sales").unwrap();
    assert_eq!(files_below(&rig.path("sales/export")).len(), 2);
    let one = Selection::File("export/journal.db".to_owned());
    rig.fetch(&saved, one, Damage::Refuse, "one").unwrap();
    assert_eq!(files_below(&rig.path("one")).len(), 1);
    for nothing in
        [Selection::File("export/none".to_owned()), Selection::DataSets(vec!["none".to_owned()])]
    {
        let failure = rig.fetch(&saved, nothing, Damage::Refuse, "none").unwrap_err();
        assert_eq!(code(&failure), FailureCode::NotRestorable);
    }
}

#[test]
fn a_full_backup_and_the_end_of_a_term_begin_a_repository_and_forget_the_old_key() {
    let rig = with_data();
    let first = rig.save(1).unwrap();
    let full = agent::snapshot::protocol::Save { extent: Extent::Full, ..rig.request(2) };
    let second = rig.save_at(std::sync::Arc::new(rig.stored()), &full).unwrap();
    assert_ne!(second.repository, first.repository);
    assert_eq!(second.number, 2, "numbers go on over all repositories");
    let mut late = rig.request(3);
    late.taken_at.0 += i64::try_from(KEY_TERM_S).unwrap();
    let third = rig.save_at(std::sync::Arc::new(rig.stored()), &late).unwrap();
    assert_ne!(third.repository, second.repository);
    let gone = rig.fetch(&first, Selection::Everything, Damage::Refuse, "old").unwrap_err();
    assert!(matches!(gone, Failure::NoKey), "{gone}");
}

#[test]
fn a_lost_key_begins_a_repository_and_is_told() {
    let rig = with_data();
    let first = rig.save(1).unwrap();
    let key = rig.path("state/backup").join(first.repository.to_string()).join("key");
    fs::write(key, b"damaged").unwrap();
    let second = rig.save(2).unwrap();
    assert_ne!(second.repository, first.repository);
    assert!(second.findings.iter().any(|text| text.contains("key is missing")), "{second:?}");
}

#[test]
fn lost_books_go_on_behind_the_number_that_the_controller_knows() {
    let rig = with_data();
    rig.save(1).unwrap();
    fs::remove_file(rig.path("state/backup/current")).unwrap();
    let second = rig.save(2).unwrap();
    assert_eq!(second.number, 2);
    assert!(second.findings.iter().any(|text| text.contains("books are lost")), "{second:?}");
}

#[test]
fn a_card_number_ends_the_backup_before_anything_was_sent() {
    let rig = with_data();
    rig.export("sales/note", b"paid by 4111 1111 1111 1111, thanks");
    let failure = rig.save(1).unwrap_err();
    assert_eq!(code(&failure), FailureCode::CardDataFound);
    let Line::Failed(failed) = failure.answer::<()>() else { panic!("{failure}") };
    assert!(failed.detail.contains("`export/sales/note`") && failed.detail.contains("byte 8"));
    assert!(!failed.detail.contains("4111") && !failed.detail.contains("1111"));
    assert!(!rig.path("stored").exists());
}

#[test]
fn links_and_files_of_no_data_set_are_left_out_and_told() {
    let rig = with_data();
    let allowed = rig.path("allowed");
    fs::create_dir(&allowed).unwrap();
    fs::write(allowed.join("pos.toml"), b"x = 1").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", allowed.join("passwd")).unwrap();
    let mut request = rig.request(1);
    let allowed_path =
        |name: &str, path| AllowedPath { name: name.to_owned(), class: DataClass::Config, path };
    request.paths =
        vec![allowed_path("settings", allowed), allowed_path("gone", rig.path("nowhere"))];
    rig.export("stray", b"of no data set");
    let saved = rig.save_at(std::sync::Arc::new(rig.stored()), &request).unwrap();
    for told in ["passwd", "stray", "nowhere"] {
        assert!(saved.findings.iter().any(|text| text.contains(told)), "{told}: {saved:?}");
    }
    rig.fetch(&saved, Selection::Everything, Damage::Refuse, "staged").unwrap();
    let staged = files_below(&rig.path("staged/paths"));
    assert_eq!(staged.into_keys().collect::<Vec<_>>(), ["settings/pos.toml"]);
}

#[test]
fn configured_paths_come_back_with_their_modes_and_a_plain_file_as_one() {
    let rig = with_data();
    let mode = |path: &str, mode| {
        fs::set_permissions(rig.path(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir_all(rig.path("receipts/2026")).unwrap();
    fs::write(rig.path("receipts/2026/1.txt"), b"receipt").unwrap();
    fs::write(rig.path("pos.toml"), b"x = 1").unwrap();
    mode("receipts/2026/1.txt", 0o4640);
    mode("receipts/2026", 0o750);
    mode("pos.toml", 0o604);
    let allowed = |name: &str, path: &str| AllowedPath {
        name: name.to_owned(),
        class: DataClass::Config,
        path: rig.path(path),
    };
    let mut request = rig.request(1);
    request.paths = vec![allowed("receipts", "receipts"), allowed("settings", "pos.toml")];
    let saved = rig.save_at(std::sync::Arc::new(rig.stored()), &request).unwrap();
    let fetched = rig.fetch(&saved, Selection::Everything, Damage::Refuse, "staged").unwrap();
    assert_eq!(fetched.paths, ["receipts", "settings"]);
    assert_eq!(fs::read(rig.path("staged/paths/settings")).unwrap(), b"x = 1");
    for (path, wanted) in
        [("receipts/2026/1.txt", 0o640), ("receipts/2026", 0o750), ("settings", 0o604)]
    {
        let about = fs::metadata(rig.path("staged/paths").join(path)).unwrap();
        assert_eq!(about.permissions().mode() & 0o7777, wanted, "{path}");
    }
    let one = Selection::File("paths/receipts/2026/1.txt".to_owned());
    rig.fetch(&saved, one, Damage::Refuse, "one").unwrap();
    assert_eq!(
        files_below(&rig.path("one")).into_keys().collect::<Vec<_>>(),
        ["paths/receipts/2026/1.txt"]
    );
}

#[test]
fn an_export_that_leads_elsewhere_or_lacks_a_file_is_refused() {
    let rig = with_data();
    std::os::unix::fs::symlink("/etc", rig.path("export/etc")).unwrap();
    for file in ["../state/backup/current", "/etc/passwd", "etc/passwd", "missing"] {
        let mut request = rig.request(1);
        request.data_sets[0].files = vec![file.to_owned()];
        let failure = rig.save_at(std::sync::Arc::new(rig.stored()), &request).unwrap_err();
        assert_eq!(code(&failure), FailureCode::ExportFailed, "{file}");
    }
}

#[test]
fn recipients_that_cannot_be_used_are_named_and_nothing_is_stored() {
    let rig = with_data();
    let good = rig.request(1).recipients;
    for recipients in [vec![], vec![good[0].clone()], vec![good[0].clone(), "age1x".to_owned()]] {
        let mut request = rig.request(1);
        request.recipients = recipients;
        let failure = rig.save_at(std::sync::Arc::new(rig.stored()), &request).unwrap_err();
        assert_eq!(code(&failure), FailureCode::NoRecipients);
        assert!(!rig.path("stored").exists());
    }
}

#[test]
fn other_recipients_begin_a_repository() {
    let rig = with_data();
    let first = rig.save(1).unwrap();
    let mut request = rig.request(2);
    request.recipients[0] = age::x25519::Identity::generate().to_public().to_string();
    let second = rig.save_at(std::sync::Arc::new(rig.stored()), &request).unwrap();
    assert_ne!(second.repository, first.repository);
}
