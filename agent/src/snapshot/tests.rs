//! Programs that answer, and programs that do anything but.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use shared::outcome::FailureCode;
use tempfile::TempDir;

use super::protocol::{Nothing, Recipient};
use super::*;

const LONG: Duration = Duration::from_secs(60);

/// A program that is a shell script.
pub(crate) fn script(directory: &TempDir, text: &str) -> Program {
    let path = directory.path().join("tillward-snapshot");
    write_program(&path, &format!("#!/bin/sh\n{text}\n"));
    Program::new(path, directory.path().to_owned()).with_silence_max(LONG)
}

/// By another process: a file that this one has open for writing could not be started while a
/// thread beside it starts something else, which holds a copy of everything open for an instant.
pub(crate) fn write_program(path: &Path, text: &str) {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"cat > "$0" && chmod 755 "$0""#]).arg(path).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn nothing() -> String {
    protocol::line(&Nothing {})
}

fn ask(text: &str) -> Result<Nothing, Unanswered> {
    let directory = tempfile::tempdir().unwrap();
    let program = script(&directory, text);
    let answer = program.ask(Task::ForgetKey, nothing(), &Stop::new(), &mut |_, _| {});
    answer.and_then(read)
}

#[test]
fn the_request_is_one_line_and_progress_comes_before_the_answer() {
    let directory = tempfile::tempdir().unwrap();
    let program = script(
        &directory,
        r#"read request; echo "$request $*" > "$2/asked"
           echo '{"progress":{"bytes_done":1,"bytes_total":2}}'
           echo '{"done":{"recipient":"age1x","statement":"AQI="}}'; cat > /dev/null"#,
    );
    let mut told = Vec::new();
    let mut progress = |done, total| told.push((done, total));
    let answer = program.ask(Task::Recipient, nothing(), &Stop::new(), &mut progress).unwrap();
    let answer: Recipient = read(answer).unwrap();
    assert_eq!((answer.recipient.as_str(), answer.statement.0), ("age1x", vec![1, 2]));
    assert_eq!(told, [(1, 2)]);
    let asked = fs::read_to_string(directory.path().join("asked")).unwrap();
    let state = directory.path().display();
    assert_eq!(asked, format!("{{}} --state-dir {state} recipient\n"));
}

#[test]
fn what_it_says_instead_is_passed_on() {
    let failed =
        r#"echo '{"failed":{"code":"card-data-found","detail":"sales.db","again":false}}'"#;
    let Unanswered::Failed(failed) = ask(failed).unwrap_err() else { panic!("it failed") };
    assert_eq!((failed.code, failed.again), (FailureCode::CardDataFound, false));
    let waiting = r#"echo '{"waiting":{"reason":"network","detail":"no route"}}'"#;
    let waiting = ask(waiting).unwrap_err();
    assert!(matches!(waiting, Unanswered::Waiting(_)), "{waiting}");
    assert_eq!(waiting.to_string(), "no route");
}

#[test]
fn a_program_that_is_missing_ends_or_talks_nonsense_is_a_failure_with_words() {
    let nowhere = Program::new("/nonexistent/program".into(), "/".into());
    let error = nowhere.ask(Task::Newest, nothing(), &Stop::new(), &mut |_, _| {});
    assert!(error.unwrap_err().to_string().contains("`/nonexistent/program` cannot be started"));
    for (text, words) in [
        ("exit 3", "without an answer: exit status: 3"),
        ("kill -9 $$", "without an answer: signal: 9"),
        ("echo hello", "makes no sense"),
        (r#"echo '{"done":{"more":1}}'"#, "makes no sense"),
        (r#"printf '{"done":{}}'"#, "a line without an end"),
        (r"printf '\377\n'", "makes no sense"),
        ("head -c 5000000 /dev/zero", "a line without an end"),
    ] {
        let error = ask(text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn silence_has_an_end() {
    let directory = tempfile::tempdir().unwrap();
    let silent = script(&directory, "cat > /dev/null").with_silence_max(Duration::from_millis(1));
    let answer = silent.ask(Task::Newest, nothing(), &Stop::new(), &mut |_, _| {});
    assert!(matches!(answer, Err(Unanswered::Silent(_))), "{answer:?}");
}

#[test]
fn it_is_ended_when_it_is_to_stop() {
    let directory = tempfile::tempdir().unwrap();
    let program = script(
        &directory,
        r#"echo '{"progress":{"bytes_done":1,"bytes_total":2}}'
           cat > /dev/null; echo > "$2/ended""#,
    );
    let stop = Stop::new();
    let (begun, wait) = channel();
    let asker = stop.clone();
    let asks = thread::spawn(move || {
        wait.recv().unwrap();
        asker.ask();
    });
    let mut progress = |_, _| begun.send(()).unwrap();
    let answer = program.ask(Task::Save, nothing(), &stop, &mut progress);
    asks.join().unwrap();
    assert!(matches!(answer, Err(Unanswered::Stopped)), "{answer:?}");
    assert!(directory.path().join("ended").exists(), "its input ended, so it could end by itself");
}
