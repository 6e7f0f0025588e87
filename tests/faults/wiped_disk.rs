//! The image of a terminal's disk, looked through for what a till and its agent kept there: all of
//! it is found before the wipe, and nothing of it after.
//!
//! The till is written to through the driver program alone, as the agent does it, and the wipe is
//! the till's own and then the erasing program's. What is secret is never on another disk.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use agent::config::{StateDir, Wipe};
use agent::eraser::Eraser;
use agent::identity::TerminalKey;
use agent::pos::{DriverProgram, PosApplication, Tuple};
use data_encoding::BASE64;
use harness::process::Process;
use harness::programs::Programs;
use harness::wait::wait_for;
use serde_json::{Value, json};
use shared::id::OrderId;
use shared::queue::{Batch, Bounds, Class, Options, Shelf, Store};

use crate::disk::Disk;
use crate::luks;

const SOON: Duration = Duration::from_secs(30);

/// The first edition of the till.
const EDITION: &str = "1.0.0";

/// What is kept where, in words that are on no disk by chance.
const MERCHANT: &str = "Canary Merchant 7c1e";
const KEY: &str = "canary-key-3f9c51e27ab8d604";
const NOTICE: &str = "canary notice of the till 55d0";
const SERIAL: &str = "CANARY-SERIAL-91b2";
const REPORT: &str = "canary report in the outbox a4f7";
const FACT: &str = "canary fact beside the journal 0e62";

/// Each secret, and where it lies.
fn secrets() -> [(&'static str, String); 6] {
    [
        ("the till's data: a binding", MERCHANT.to_owned()),
        ("the till's data: a key", BASE64.encode(KEY.as_bytes())),
        ("the till's data: its log", NOTICE.to_owned()),
        ("the till's logs", format!("till {SERIAL} runs {EDITION}")),
        ("the agent's spool: what is to be sent", REPORT.to_owned()),
        ("the agent's spool: what is to be known", FACT.to_owned()),
    ]
}

/// Which secrets stand in clear in an image.
fn found_in(image: &Path) -> Vec<&'static str> {
    let all = secrets().into_iter();
    all.filter(|(_, text)| holds(image, text)).map(|(what, _)| what).collect()
}

fn holds(image: &Path, text: &str) -> bool {
    let mut command = Command::new("grep");
    let status = command.args(["-aqF", "--", text]).arg(image).status().expect("grep runs");
    assert!(status.code().is_some_and(|code| code < 2), "grep failed");
    status.success()
}

/// A till on a disk, kept running.
struct Till {
    keeper: Process,
    pos: DriverProgram,
}

impl Till {
    fn on(disk: &Path) -> Self {
        let program = Programs::find().pos_sim(EDITION).expect("the till is built");
        let (data, logs) = (disk.join("till"), disk.join("logs"));
        let slot = disk.join("slot");
        for directory in [&data, &logs, &slot.join("bin")] {
            fs::create_dir_all(directory).expect("a directory");
        }
        fs::copy(&program, slot.join("bin/pos-sim")).expect("the till is installed");
        let mut keep = Command::new(&program);
        keep.args(["keep", "--terminal", SERIAL, "--pace-ms", "0", "--slot"]).arg(&slot);
        // Nobody listens there: no sale is made here.
        keep.args(["--host", "alpha=127.0.0.1:9", "--data"]).arg(&data);
        let keeper = Process::start("till", &mut keep, &logs).expect("the till starts");
        let program = program.to_str().expect("UTF-8").to_owned();
        let data = data.to_str().expect("UTF-8").to_owned();
        let pos = DriverProgram::new(vec![program, "driver".into(), "--data".into(), data]);
        let answers = wait_for("the till answers", SOON, || pos.status());
        answers.expect("the till answers");
        Self { keeper, pos }
    }

    fn keeps_secrets(&self) {
        self.pos.show_notice(NOTICE).expect("a notice");
        let tuple = Tuple {
            version: 1,
            provider: "beta".into(),
            mid: "000000000000001".into(),
            tid: "00000001".into(),
            name: MERCHANT.into(),
            mcc: "5411".into(),
            currency: "CNY".into(),
            hosts: vec!["127.0.0.1:9".into()],
            secret: Some(BASE64.encode(KEY.as_bytes())),
        };
        self.pos.stage_binding("bnd-1", &tuple).expect("a binding stands by");
    }

    fn ends(mut self) {
        drop(self.pos);
        self.keeper.terminate(SOON).expect("the till ends");
    }
}

/// What an agent keeps: something to be sent, and something to be known.
fn fill_spool(at: &Path) {
    let options = Options::new(Bounds::TERMINAL, || Duration::ZERO);
    let store = Store::open(at, options).expect("a new store").store;
    let mut batch = Batch::new();
    batch.push(Class::Report, REPORT);
    batch.put(Shelf::Journal, 1, FACT);
    store.commit(batch).expect("room enough");
}

/// `tillward-erase` with what it is told; its report.
fn erase(wipe: &Value) -> Value {
    let mut command = Command::new(Programs::find().eraser().expect("the eraser is built"));
    command.arg("run").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the eraser starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    writeln!(stdin, "{}", json!({ "wipe": wipe })).expect("it is told");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text}");
    let last = text.lines().next_back().expect("a report");
    let said: Value = serde_json::from_str(last).expect("JSON");
    said["report"].clone()
}

fn wipe(directory: &Path, keys: &Value, paths: &[PathBuf], devices: &[&Path]) -> Value {
    json!({
        "order": "ord-1",
        "lifecycle": directory.join("lifecycle"),
        "keys": keys,
        "paths": paths,
        "devices": devices,
        "identity": [directory.join("identity")],
    })
}

/// The image of a disk on which till and agent have kept every secret.
fn terminal_that_kept_secrets(directory: &Path) -> PathBuf {
    let disk = Disk::make(directory, "terminal", 96 << 20);
    let till = Till::on(disk.path());
    till.keeps_secrets();
    fill_spool(&disk.path().join("queue"));
    till.ends();
    disk.image.clone()
}

#[test]
fn nothing_that_till_and_agent_kept_is_in_the_image_of_the_disk_after_the_wipe() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir(directory.path().join("identity")).expect("an identity");
    let image = terminal_that_kept_secrets(directory.path());
    let all: Vec<_> = secrets().map(|(what, _)| what).into();
    assert_eq!(found_in(&image), all, "so that this can fail");

    // The till's own part. What its file system and its neighbours still hold goes with the disk.
    let disk = Disk::mount(image.clone());
    let till = Till::on(disk.path());
    till.pos.stop_trading("out of service").expect("it stops");
    till.pos.erase(true).expect("it erases what it keeps");
    till.ends();
    let left = found_in(&disk.path().join("till/till.db"));
    assert_eq!(left, Vec::<&str>::new(), "the till says that it erased them");
    drop(disk);
    assert!(!found_in(&image).is_empty(), "the till's part is not all of it");

    let report = erase(&wipe(directory.path(), &json!([]), &[], &[&image]));
    assert_eq!(report["verified"], true, "{report:#}");
    assert_eq!(found_in(&image), Vec::<&str>::new());
}

/// The same where the disk is encrypted: its keys alone are destroyed, and whoever copied the key
/// before finds nothing, although no byte of what the till and its agent kept was overwritten.
#[test]
fn nothing_that_till_and_agent_kept_can_be_read_from_an_encrypted_disk_once_its_keys_are_gone() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("identity")).expect("an identity");
    fs::write(at("key"), KEY).expect("a key");
    fs::copy(at("key"), at("stolen-key")).expect("a thief's copy");
    let image = terminal_that_kept_secrets(directory.path());
    luks::encrypt(&image, &at("key"));
    assert_eq!(found_in(&image), Vec::<&str>::new(), "it is encrypted");
    let all: Vec<_> = secrets().map(|(what, _)| what).into();
    let opened = luks::open_copy(&image, &at("stolen-key")).expect("the key opens it");
    assert_eq!(found_in(&opened), all, "so that this can fail");

    let other = at("other.img");
    fs::File::create(&other).and_then(|file| file.set_len(1 << 20)).expect("an image");
    let keys = json!([{"luks": {"device": &image}}, {"file": {"path": at("key")}}]);
    let report = erase(&wipe(directory.path(), &keys, &[], &[&other]));
    assert_eq!(report["verified"], true, "{report:#}");
    assert!(!at("key").exists(), "the file that held the key");
    luks::open_copy(&image, &at("stolen-key")).expect_err("no key slot is left");
    assert_eq!(found_in(&image), Vec::<&str>::new());
}

/// What stays until the report has been heard: the agent's key and its spool, which are removed
/// file by file. Nothing empties the disk that they lie on.
#[test]
fn nothing_of_the_agents_key_and_spool_is_in_the_image_of_the_disk_once_it_has_given_them_up() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Disk::make(directory.path(), "state", 96 << 20);
    let state = StateDir::new(disk.path().join("state"));
    let home = state.identity().join("e1-canary");
    fs::create_dir_all(&home).expect("an identity");
    let key = TerminalKey::generate().expect("a key");
    key.write(&home.join("key.pem")).expect("a key");
    symlink("e1-canary", state.identity().join("current")).expect("the current one");
    fill_spool(&state.store());
    let secret =
        key.pem().lines().nth(1).expect("what is between its first and last line").to_owned();
    let wanted = [secret.as_str(), REPORT, FACT];
    let image = disk.image.clone();
    drop(disk);
    let found = || wanted.map(|text| holds(&image, text));
    assert_eq!(found(), [true; 3], "so that this can fail");

    let disk = Disk::mount(image.clone());
    let wipe = Wipe {
        program: Programs::find().eraser().expect("the eraser is built"),
        lifecycle: directory.path().join("lifecycle"),
        what: json!({"keys": [], "paths": [directory.path().join("till")], "devices": []}),
    };
    let eraser = Eraser::new(&wipe, state);
    eraser.erase(OrderId::from_bytes([1; 16])).expect("it erases all but these");
    drop(disk);
    assert_eq!(found(), [true; 3], "it has to sign and to send its report");
    let disk = Disk::mount(image.clone());
    eraser.forget().expect("it gives them up");
    drop(disk);
    assert_eq!(found(), [false; 3]);
}
