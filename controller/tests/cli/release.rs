//! A release from the directory to the threshold of signatures, without a controller.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use crate::fleet::Fleet;
use crate::{run, text};

/// A directory of software. `later` is made in another order, at another time.
fn software(at: &Path, later: bool) {
    let mut files =
        [("bin/till", "#!/bin/sh\necho till\n", 0o755), ("etc/till.toml", "a = 1\n", 0o644)];
    if later {
        files.reverse();
    }
    for (name, content, mode) in files {
        let path = at.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

const OPTIONS: [&str; 8] =
    ["--component", "pos", "--version", "2.0.0", "--model", "px8", "--counter", "12"];

fn build(source: &Path, out: &Path) -> crate::Ran {
    let arguments = ["release", "build", text(source), "-o", text(out), "--model", "px7"];
    run(&[&arguments, OPTIONS.as_slice(), &["--issued-at", "2026-11-22T10:00:00Z"]].concat())
}

fn built(fleet: &Fleet) -> PathBuf {
    let (source, out) = (fleet.beside("source"), fleet.beside("out"));
    software(&source, false);
    build(&source, &out).ok();
    out
}

fn sign(fleet: &Fleet, out: &Path, key: &str, more: &[&str]) -> crate::Ran {
    let key = fleet.key(key);
    let arguments = ["release", "sign", text(out), "--key", text(&key), "--insecure-dev"];
    run(&[&arguments, more].concat())
}

#[test]
fn two_people_who_build_apart_get_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    software(&at("one"), false);
    software(&at("two"), true);
    let said = build(&at("one"), &at("out-1")).ok();
    assert_eq!(said, build(&at("two"), &at("out-2")).ok());
    for file in ["artifact.tar.zst", "release.cose"] {
        let of = |out: &str| fs::read(at(out).join(file)).unwrap();
        assert_eq!(of("out-1"), of("out-2"), "{file}");
    }
    assert!(said.starts_with("Release pos 2.0.0 for px7, px8\n"), "{said}");
    assert!(said.contains("valid       2026-11-22 10:00Z to 2027-11-22 10:00Z"), "{said}");
}

#[test]
fn the_time_of_the_source_counts_where_none_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    software(&at("source"), false);
    let (source, out) = (at("source"), at("out"));
    let arguments = ["release", "build", text(&source), "-o", text(&out), "--json"];
    let mut command = crate::tillward(&[&arguments, OPTIONS.as_slice()].concat());
    let shown = crate::ran(command.env("SOURCE_DATE_EPOCH", "1795341600").output()).json();
    assert_eq!(shown["issued_at"], 1_795_341_600);
}

#[test]
fn a_link_is_refused_by_name_and_mistakes_are_told_together() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    software(&at("source"), false);
    symlink("till", at("source/bin/current")).unwrap();
    let complaint = build(&at("source"), &at("out")).failed(1);
    assert!(complaint.contains("\n  - bin/current is a symbolic link"), "{complaint}");
    assert!(complaint.contains("hint: a release is made of plain files"), "{complaint}");

    let out = at("wrong");
    let wrong = ["--component", "POS", "--version", "2/0", "--model", "px7", "--counter", "0"];
    let source = at("source");
    let arguments = ["release", "build", text(&source), "-o", text(&out)];
    let complaint = run(&[&arguments, wrong.as_slice()].concat()).failed(1);
    for mistake in ["--component:", "--version:", "--counter:"] {
        assert!(complaint.contains(&format!("\n  - {mistake}")), "{mistake} in {complaint}");
    }
    assert!(!out.exists(), "nothing was written");
    let complaint = run(&["release", "build", "x", "-o", "y", "--expires", "soon"]).failed(2);
    assert!(complaint.contains("`soon` is not a duration: write for example `90s`"), "{complaint}");
}

#[test]
fn signatures_are_added_one_by_one_until_the_threshold_is_met() {
    let fleet = Fleet::insecure();
    let out = built(&fleet);
    let roster = fleet.roster();
    let roster = ["--roster", text(&roster)];
    let verify = || run(&[&["release", "verify", text(&out)], roster.as_slice()].concat());

    let complaint = verify().failed(4);
    assert!(complaint.contains("not enough signatures: nobody yet: 0 of 2 needed"), "{complaint}");
    let said = sign(&fleet, &out, "release-1", &roster).ok();
    assert!(said.contains("the artifact, and it is the one that is named"), "{said}");
    let needed = "signed by   release-1: 1 of 2 needed; release-2, release-3 may sign";
    assert!(said.contains(needed), "{said}");

    let again = sign(&fleet, &out, "release-1", &roster);
    assert!(again.err.contains("release-1 has signed it already"), "{}", again.err);
    assert!(again.ok().contains(needed), "the same key counts once");
    verify().failed(4);

    let said = sign(&fleet, &out.join("release.cose"), "release-2", &roster).ok();
    assert!(said.contains("release-1, release-2: 2 of 2 needed, complete"), "{said}");
    verify().ok();
    let shown =
        run(&[&["release", "show", text(&out), "--json"], roster.as_slice()].concat()).json();
    assert_eq!(shown["signed_by"], serde_json::json!(["release-1", "release-2"]));
    let context = fleet.at("operator");
    let shown = run(&["--context", text(&context), "release", "show", text(&out)]).ok();
    assert!(shown.contains("2 of 2 needed, complete"), "the context names a roster: {shown}");
}

#[test]
fn what_is_no_release_is_named_as_it_was_typed_whatever_lies_around_it() {
    let fleet = Fleet::insecure();
    let (out, key) = (built(&fleet), fleet.key("release-1"));
    let empty = fleet.beside("empty");
    fs::create_dir(&empty).unwrap();
    let more = ["--key", text(&key), "--insecure-dev"];
    for directory in [&out, &empty] {
        for (command, more) in [("show", [].as_slice()), ("sign", &more), ("verify", &[])] {
            let mut program = crate::tillward(&[&["release", command, "pos-9"], more].concat());
            let complaint = crate::ran(program.current_dir(directory).output()).failed(1);
            let named = "`pos-9` is neither a digest nor a release's directory";
            assert!(complaint.contains(named), "{complaint}");
            assert!(complaint.contains("hint: `tillward release list` shows"), "{complaint}");
        }
    }
    let complaint = run(&["release", "show", text(&empty)]).failed(1);
    assert!(complaint.contains("empty/release.cose"), "{complaint}");
}

#[test]
fn keys_of_other_roles_and_other_fleets_sign_nothing() {
    let (fleet, other) = (Fleet::insecure(), Fleet::insecure());
    let out = built(&fleet);
    let roster = fleet.roster();
    let roster = ["--roster", text(&roster)];
    let before = fs::read(out.join("release.cose")).unwrap();
    let complaint = sign(&fleet, &out, "approver-1", &roster).failed(1);
    assert!(complaint.contains("only release keys sign releases"), "{complaint}");
    let complaint = sign(&other, &out, "release-1", &roster).failed(1);
    assert!(complaint.contains("is no release key of roster 1"), "{complaint}");
    assert_eq!(fs::read(out.join("release.cose")).unwrap(), before);

    // Without a roster nobody can tell; the signature then counts for nothing.
    sign(&other, &out, "release-1", &[]).ok();
    let verify = run(&[&["release", "verify", text(&out)], roster.as_slice()].concat());
    assert!(verify.err.contains("1 signature(s) count for nothing"), "{}", verify.err);
    verify.failed(4);
}

#[test]
fn a_false_signature_in_the_signers_name_is_found_out() {
    let fleet = Fleet::insecure();
    let out = built(&fleet);
    let roster = fleet.roster();
    let roster = ["--roster", text(&roster)];
    sign(&fleet, &out, "release-1", &roster).ok();
    let path = out.join("release.cose");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    let complaint = sign(&fleet, &out, "release-1", &roster).failed(4);
    assert!(complaint.contains("the signature in the name of release-1 is false"), "{complaint}");
}

#[test]
fn nobody_signs_or_verifies_another_artifact() {
    let fleet = Fleet::insecure();
    let out = built(&fleet);
    let artifact = out.join("artifact.tar.zst");
    let mut bytes = fs::read(&artifact).unwrap();
    let (source, other) = (fleet.beside("other"), fleet.beside("other-out"));
    software(&source, false);
    fs::write(source.join("bin/till"), "something else").unwrap();
    build(&source, &other).ok();
    fs::copy(other.join("artifact.tar.zst"), &artifact).unwrap();
    let complaint = sign(&fleet, &out, "release-1", &[]).failed(4);
    assert!(complaint.contains("is not the artifact of this release"), "{complaint}");
    assert!(complaint.contains("because: its SHA-256 is"), "{complaint}");
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&artifact, &bytes).unwrap();
    sign(&fleet, &out, "release-1", &[]).failed(4);
    fs::remove_file(&artifact).unwrap();
    let unseen = sign(&fleet, &out, "release-1", &[]);
    assert!(unseen.err.contains("you sign a digest that you did not see"), "{}", unseen.err);
    unseen.ok();
}

#[test]
fn a_signed_release_is_not_built_over() {
    let fleet = Fleet::insecure();
    let out = built(&fleet);
    sign(&fleet, &out, "release-1", &[]).ok();
    let before = fs::read(out.join("release.cose")).unwrap();
    let complaint = build(&fleet.beside("source"), &out).failed(1);
    assert!(complaint.contains("release.cose exists already"), "{complaint}");
    assert_eq!(fs::read(out.join("release.cose")).unwrap(), before);
}

#[test]
fn unprotected_keys_sign_only_when_it_is_said_aloud() {
    let fleet = Fleet::insecure();
    let out = built(&fleet);
    let passphrase = fleet.beside("passphrase");
    fs::write(&passphrase, "correct horse battery staple").unwrap();
    let key = fleet.key("release-1");
    let arguments = ["release", "sign", text(&out), "--key", text(&key)];
    let more = ["--passphrase-file", text(&passphrase)];
    let complaint = run(&[&arguments, more.as_slice()].concat()).failed(1);
    assert!(complaint.contains("is not protected, and insecure keys were not asked for"));
}
