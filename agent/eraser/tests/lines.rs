//! The program as whoever starts it meets it: lines in, lines out, exit statuses.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

struct Said {
    out: String,
    err: String,
    status: i32,
}

fn erase(arguments: &[&str], input: &[u8]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tillward-erase"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that has read enough closes its input.
    stdin.write_all(input).ok();
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    Said {
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
        status: output.status.code().expect("it is not killed"),
    }
}

/// A key and data, and the request that destroys them.
fn site() -> (TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("key"), "secret").expect("a key");
    fs::create_dir(directory.path().join("data")).expect("data");
    fs::write(directory.path().join("data/sales.db"), "sales").expect("data");
    let at = directory.path().display();
    let keys = format!(r#"[{{"file":{{"path":"{at}/key"}}}}]"#);
    let rest = format!(r#""lifecycle":"{at}/lifecycle","keys":{keys},"paths":["{at}/data"]"#);
    let request = format!(r#"{{"wipe":{{"order":"o1",{rest}}}}}"#);
    (directory, format!("{request}\n"))
}

fn lifecycle(directory: &TempDir) -> String {
    directory.path().join("lifecycle").display().to_string()
}

#[test]
fn where_nothing_is_to_be_wiped_a_boot_goes_on_and_nothing_is_made() {
    let (directory, _) = site();
    let lifecycle = lifecycle(&directory);
    for command in ["resume", "state", "report"] {
        let said = erase(&[command, "--lifecycle", &lifecycle], b"");
        assert_eq!((said.out.as_str(), said.status), ("{\"state\":\"none\",\"order\":null}\n", 0));
    }
    assert!(!Path::new(&lifecycle).exists());
    let said = erase(&["forget", "--lifecycle", &lifecycle], b"");
    assert_eq!(said.status, 1);
    assert!(said.out.starts_with(r#"{"failed":{"phase":"none","what":"nothing is to be wiped"#));
}

#[test]
fn a_wipe_says_each_phase_and_ends_with_its_report() {
    let (directory, request) = site();
    let said = erase(&["run"], request.as_bytes());
    let lines: Vec<_> = said.out.lines().collect();
    let progress = [r#"{"phase":"keys"}"#, r#"{"phase":"data"}"#, r#"{"phase":"verify"}"#];
    assert_eq!((&lines[..3], said.status), (&progress[..], 0), "{}", said.out);
    let report = lines[3];
    assert!(report.starts_with(r#"{"report":{"order":"o1","phases":[{"phase":"keys","began_at":"#));
    assert!(report.contains(r#""method":"clear","not_verified":[]"#), "{report}");
    assert_eq!(lines.len(), 4);
    // Again by the same order, by the boot, by whoever asks: the same line.
    let lifecycle = lifecycle(&directory);
    for again in [
        erase(&["run"], request.as_bytes()),
        erase(&["resume", "--lifecycle", &lifecycle], b""),
        erase(&["report", "--lifecycle", &lifecycle], b""),
    ] {
        assert_eq!((again.out.trim_end(), again.status), (report, 0));
    }
}

#[test]
fn no_till_is_started_from_the_first_key_until_the_tombstone_is_gone() {
    let (directory, request) = site();
    let lifecycle = lifecycle(&directory);
    let ask = || erase(&["may-start", "--lifecycle", &lifecycle], b"");
    let barred = r#"{"failed":{"phase":"erased","what":"no till may be started here","#;
    assert_eq!((ask().out.as_str(), ask().status), ("{\"state\":\"none\",\"order\":null}\n", 0));
    assert_eq!(erase(&["run"], request.as_bytes()).status, 0);
    assert!(ask().out.starts_with(barred) && ask().status == 1, "{}", ask().out);
    assert_eq!(erase(&["forget", "--lifecycle", &lifecycle], b"").status, 0);
    assert_eq!(ask().status, 1, "nobody has enrolled it anew: {}", ask().out);
    fs::remove_file(directory.path().join("lifecycle/decommissioned")).expect("the tombstone");
    assert_eq!(
        (ask().out, ask().status),
        ("{\"state\":\"forgotten\",\"order\":\"o1\"}\n".to_owned(), 0)
    );
}

#[test]
fn it_goes_on_when_nobody_listens() {
    let (directory, request) = site();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tillward-erase"));
    command.arg("run").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the program");
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(request.as_bytes()).expect("the request");
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
    assert!(!directory.path().join("data").exists());
    let said = erase(&["state", "--lifecycle", &lifecycle(&directory)], b"");
    assert_eq!(said.out, "{\"state\":\"erased\",\"order\":\"o1\"}\n");
}

#[test]
fn a_request_that_is_not_understood_destroys_nothing() {
    let (directory, request) = site();
    let long = format!("{{\"wipe\":{}{request}", " ".repeat(64 * 1024));
    let dangerous = request.replace(r#""paths":["#, r#""paths":["/","#);
    let unknown = request.replace(r#""order""#, r#""more":1,"order""#);
    for (input, what) in [
        ("", "the request is not understood"),
        ("{}\n", "the request is not understood"),
        (unknown.as_str(), "the request is not understood"),
        (long.as_str(), "the request cannot be read"),
        (dangerous.as_str(), "the request is refused"),
    ] {
        let said = erase(&["run"], input.as_bytes());
        let expected = format!(r#"{{"failed":{{"phase":"none","what":"{what}","#);
        assert!(said.out.starts_with(&expected) && said.status == 1, "{}", said.out);
    }
    assert!(directory.path().join("data/sales.db").exists());
    assert!(directory.path().join("key").exists() && !Path::new(&lifecycle(&directory)).exists());
}

#[test]
fn a_damaged_journal_is_told_with_what_to_do() {
    let (directory, request) = site();
    assert_eq!(erase(&["run"], request.as_bytes()).status, 0);
    for copy in ["wipe.a", "wipe.b"] {
        fs::write(directory.path().join("lifecycle").join(copy), "damaged").expect("a copy");
    }
    for command in ["state", "may-start", "resume", "report", "forget"] {
        let said = erase(&[command, "--lifecycle", &lifecycle(&directory)], b"");
        assert!(said.out.starts_with(r#"{"failed":{"phase":"unreadable""#), "{}", said.out);
        assert!(said.out.contains("treat the terminal as half wiped"), "{}", said.out);
        assert_eq!(said.status, 1, "{command}");
    }
}

#[test]
fn arguments_that_make_no_sense_are_told_on_standard_error() {
    let said = erase(&["cancel", "--lifecycle", "/l"], b"");
    assert_eq!((said.out.as_str(), said.status), ("", 2));
    assert!(said.err.starts_with("tillward-erase: `cancel` needs `--order`\nhint: "));
    let help = erase(&["--help"], b"");
    assert!(help.out.contains("Usage: tillward-erase") && help.status == 0);
}
