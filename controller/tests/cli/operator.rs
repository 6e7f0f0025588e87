//! What `tillward operator new` makes for another person, and what it leaves alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use controller::config::Config;
use shared::digest::Digest;

use crate::fleet::Fleet;
use crate::{Ran, ran, run, text};

fn new(fleet: &Fleet, name: &str, to: &Path) -> Ran {
    let context = fleet.at("operator");
    run(&["--context", text(&context), "operator", "new", name, "--to", text(to)])
}

/// In the order of their names.
fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_printed_lines_are_what_the_controller_needs_to_know_them() {
    let fleet = Fleet::insecure();
    let ben = fleet.beside("ben");
    let ran = new(&fleet, "ben \"b\" o'hara", &ben);
    for told in [text(&ben), "the token in it is theirs alone", "operator.toml status"] {
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
    let printed = ran.ok();
    let lines: toml::Table = printed.parse().unwrap();
    let [operator] = lines["operators"].as_array().unwrap().as_slice() else {
        panic!("it is one: {printed}")
    };
    assert_eq!(operator["name"].as_str(), Some("ben \"b\" o'hara"));
    let token = fs::read_to_string(ben.join("token")).unwrap();
    let digest = Digest::of(token.trim_end().as_bytes());
    assert_eq!(operator["token_sha256"].as_str(), Some(digest.to_string().as_str()));
    assert!(!printed.contains(token.trim_end()), "the token itself stays in its file");

    let configuration = fleet.at("controller/controller.toml");
    let before = fs::read_to_string(&configuration).unwrap();
    fs::write(&configuration, format!("{before}\n{printed}")).unwrap();
    let config = Config::load(&configuration).unwrap();
    assert_eq!(config.operators.len(), 2);
    assert_eq!(config.operators[1].token_sha256, digest);
    assert_ne!(config.operators[0].token_sha256, digest);
}

#[test]
fn the_directory_is_like_the_first_operators_with_another_token() {
    let fleet = Fleet::insecure();
    let ben = fleet.beside("ben");
    new(&fleet, "ben", &ben).ok();
    assert_eq!(mode(&ben), 0o700);
    assert_eq!(mode(&ben.join("token")), 0o600);
    assert_eq!(names_in(&ben), names_in(&fleet.at("operator")));
    for name in names_in(&ben) {
        let [theirs, first] =
            [ben.join(&name), fleet.at("operator").join(&name)].map(|path| fs::read(path).unwrap());
        assert_eq!(theirs == first, name != "token", "{name}");
    }
    // It is a context by itself: another directory is made from it.
    let cem = fleet.beside("cem");
    run(&["--context", text(&ben), "operator", "new", "cem", "--to", text(&cem)]).ok();
    assert_eq!(names_in(&cem), names_in(&ben));
}

#[test]
fn a_directory_that_is_there_is_refused_and_left_alone() {
    let fleet = Fleet::insecure();
    let ben = fleet.beside("ben");
    new(&fleet, "ben", &ben).ok();
    let token = fs::read(ben.join("token")).unwrap();
    let empty = fleet.beside("empty");
    fs::create_dir(&empty).unwrap();
    for there in [&ben, &empty] {
        let complaint = new(&fleet, "ben", there).failed(1);
        assert!(complaint.contains(&format!("cannot make {}", there.display())), "{complaint}");
        assert!(complaint.contains("hint: choose a directory that is not there"), "{complaint}");
    }
    assert_eq!(fs::read(ben.join("token")).unwrap(), token);
    assert_eq!(names_in(&empty), Vec::<String>::new());
    new(&fleet, "ben", &fleet.beside("no/where")).failed(1);
    assert!(!fleet.beside("no").exists());
}

#[test]
fn a_name_that_is_none_is_wrong_usage() {
    let fleet = Fleet::insecure();
    let ben = fleet.beside("ben");
    for name in ["", "  ", &"b".repeat(65)] {
        let complaint = new(&fleet, name, &ben).failed(2);
        assert!(complaint.contains("write one line of 1 to 64 characters"), "{complaint}");
    }
    assert!(!ben.exists());
    new(&fleet, &"b".repeat(64), &ben).ok();
}

#[test]
fn without_a_roster_or_a_context_it_is_said_what_to_do() {
    let fleet = Fleet::insecure();
    let context = fleet.at("operator/operator.toml");
    let written = fs::read_to_string(&context).unwrap();
    let bare = written.lines().filter(|line| !line.starts_with("roster = "));
    fs::write(&context, bare.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let ben = fleet.beside("ben");
    let complaint = new(&fleet, "ben", &ben).failed(1);
    assert!(complaint.contains("the context names no roster"), "{complaint}");
    assert!(complaint.contains("hint: write `roster = "), "{complaint}");
    let complaint = run(&["operator", "new", "ben", "--to", text(&ben)]).failed(1);
    assert!(complaint.contains("hint: pass --context FILE"), "{complaint}");
    fs::write(&context, written.replace("roster.cose", "gone.cose")).unwrap();
    let complaint = new(&fleet, "ben", &ben).failed(1);
    assert!(complaint.contains("gone.cose"), "{complaint}");
    assert!(!ben.exists());
}

/// The program where no file may grow past so many blocks of 512 bytes.
fn with_short_files(blocks: u32, arguments: &[&str]) -> Ran {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""), "sh"]);
    shell.arg(env!("CARGO_BIN_EXE_tillward")).args(arguments);
    ran(shell.env_remove("TILLWARD_CONTEXT").stdin(Stdio::null()).output())
}

#[test]
fn nothing_is_left_of_a_directory_that_is_made_by_half() {
    let fleet = Fleet::insecure();
    let size = |name: &str| fs::metadata(fleet.at("operator").join(name)).unwrap().len();
    let limit = size("server-ca.pem").div_ceil(512);
    assert!(size("roster.cose") > limit * 512, "the second file is what does not fit");
    let (context, ben): (PathBuf, _) = (fleet.at("operator"), fleet.beside("ben"));
    let arguments = ["--context", text(&context), "operator", "new", "ben", "--to", text(&ben)];
    let ran = with_short_files(u32::try_from(limit).unwrap(), &arguments);
    assert_eq!(ran.out, "", "no lines are printed for a token that is nobody's");
    let complaint = ran.failed(1);
    assert!(complaint.contains("roster.cose` could not be written"), "{complaint}");
    assert!(complaint.contains("hint: nothing is left of"), "{complaint}");
    assert!(!ben.exists());
    new(&fleet, "ben", &ben).ok();
}
