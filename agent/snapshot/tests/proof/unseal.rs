//! Secrets of a new binding, opened by the real program: for this terminal, on its way to the till,
//! and left nowhere.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use age::x25519::Identity as Recovery;
use agent::snapshot::protocol::{Sealed, Unseal};
use serde_json::Value;
use snapshot::keys::restore_identity;

use super::rig::{Rig, files_below};

const SECRET: &[u8] = b"a canary of a master key, \x00\xff\x80";

/// The program with this state and this line.
fn ask(state: &Path, line: &str) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tillward-snapshot"))
        .arg("--state-dir")
        .arg(state)
        .arg("unseal")
        .env("RUST_LOG", "trace")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It ends when its standard input does, which is only dropped once it has answered.
    let mut stdin = program.stdin.take().unwrap();
    // A program that has refused a line that is too long does not read the rest of it.
    writeln!(stdin, "{line}").ok();
    let output = program.wait_with_output().unwrap();
    drop(stdin);
    output
}

fn request(sealed: Vec<u8>) -> String {
    serde_json::to_string(&Unseal { sealed: Sealed(sealed) }).unwrap()
}

fn answer(output: &Output) -> Value {
    let lines = String::from_utf8(output.stdout.clone()).unwrap();
    serde_json::from_str(lines.trim()).unwrap_or_else(|error| panic!("{error}: {lines}"))
}

#[track_caller]
fn refused(state: &Path, line: &str, words: &str) {
    let output = ask(state, line);
    assert!(!output.status.success());
    let said = answer(&output).to_string();
    assert!(said.contains(words), "{words}: {said}");
}

/// As it is, and as it travels.
fn holds(bytes: &[u8]) -> bool {
    let encoded = data_encoding::BASE64.encode(SECRET).into_bytes();
    let within = |wanted: &[u8]| bytes.windows(wanted.len()).any(|part| part == wanted);
    within(SECRET) || within(&SECRET[..16]) || within(&encoded) || within(&encoded[..20])
}

#[test]
fn the_terminals_own_seal_opens_and_the_secret_is_left_in_no_file_and_no_log() {
    let rig = Rig::new();
    let state = rig.path("state");
    std::fs::create_dir_all(state.join("backup")).unwrap();
    let own = restore_identity(&state.join("backup/restore-identity")).unwrap();
    let sealed = age::encrypt(&own.to_public(), SECRET).unwrap();
    let output = ask(&state, &request(sealed));
    assert!(output.status.success(), "{}", answer(&output));
    let secret = answer(&output)["done"]["secret"].as_str().unwrap().to_owned();
    assert_eq!(data_encoding::BASE64.decode(secret.as_bytes()).unwrap(), SECRET);
    assert!(holds(&output.stdout), "the search finds what is there");
    assert!(!holds(&output.stderr), "{}", String::from_utf8_lossy(&output.stderr));
    for (name, bytes) in files_below(&rig.path("")) {
        assert!(!holds(&bytes), "{name}");
    }
}

#[test]
fn what_is_sealed_to_another_damaged_or_too_large_stays_shut() {
    let rig = Rig::new();
    let state = rig.path("state");
    std::fs::create_dir_all(state.join("backup")).unwrap();
    let own = restore_identity(&state.join("backup/restore-identity")).unwrap();
    let sealed = age::encrypt(&own.to_public(), SECRET).unwrap();
    let others = age::encrypt(&Recovery::generate().to_public(), SECRET).unwrap();
    refused(&state, &request(others), "not-restorable");
    for at in [0, sealed.len() / 2, sealed.len() - 1] {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        refused(&state, &request(damaged), "not-restorable");
        refused(&state, &request(sealed[..at].to_vec()), "not-restorable");
    }
    refused(&state, &request(vec![0; 70_000]), "has 70000 bytes");
    refused(&state, &request(vec![0; 4_000_000]), "internal");
    for broken in ["", "{", "{\"sealed\":\"%\"}", "{\"sealed\":\"\",\"more\":1}"] {
        refused(&state, broken, "internal");
    }
    // None of it made another identity of this terminal.
    let still = restore_identity(&state.join("backup/restore-identity")).unwrap();
    assert_eq!(still.to_public().to_string(), own.to_public().to_string());
}
