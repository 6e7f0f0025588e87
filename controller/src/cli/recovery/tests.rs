//! A repository that stock restic made stands for a terminal's: its key is taken out, sealed as a
//! terminal seals it, and recovered.

use std::fs;
use std::path::Path;
use std::process::Command;

use aes256ctr_poly1305aes::aead::Aead as _;
use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Key, Nonce};
use clap::Parser;
use data_encoding::BASE64;
use serde_json::Value;
use shared::document::{EpochKey, FORMAT, RecipientStatement};
use shared::id::{RepositoryId, TerminalId};
use shared::signature::{Envelope, PrivateKey};
use shared::time::UnixTime;

use super::*;
use crate::key_file::{RecoveryIdentity, seal_to};

const FLEET: FleetId = FleetId::from_bytes([1; 16]);

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    command: RecoveryCommand,
}

#[track_caller]
fn run(arguments: &[&str]) -> Result<Exit, Failure> {
    let line = [&["recovery"], arguments].concat();
    let line = Line::try_parse_from(line).expect("it is a command");
    line.command.run(&mut Print::to(std::io::sink(), std::io::sink()))
}

fn terminal() -> PrivateKey {
    PrivateKey::from_seed(&[5; 32])
}

#[track_caller]
fn restic(repository: &Path, password: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("restic");
    command.args(["--no-cache", "-r"]).arg(repository).arg("--password-file").arg(password);
    let output = command.args(arguments).output().expect("restic is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn base64(value: &Value) -> Vec<u8> {
    BASE64.decode(value.as_str().expect("a text").as_bytes()).expect("base64")
}

/// Takes the 64 bytes out of the only key file, and removes it.
fn take_key(repository: &Path, password: &str) -> Vec<u8> {
    let file = fs::read_dir(repository.join("keys")).expect("keys").next().expect("one");
    let path = file.expect("readable").path();
    let said: Value = serde_json::from_slice(&fs::read(&path).expect("read")).expect("JSON");
    let number = |name: &str| u32::try_from(said[name].as_u64().expect("a number")).expect("small");
    let log_n = u8::try_from(number("N").trailing_zeros()).expect("small");
    let params = scrypt::Params::new(log_n, number("r"), number("p")).expect("parameters");
    let mut derived = [0; 64];
    scrypt::scrypt(password.as_bytes(), &base64(&said["salt"]), &params, &mut derived).expect("ok");
    let data = base64(&said["data"]);
    let cipher = Aes256CtrPoly1305Aes::new(Key::from_slice(&derived));
    let master = cipher.decrypt(Nonce::from_slice(&data[..16]), &data[16..]).expect("it opens");
    let master: Value = serde_json::from_slice(&master).expect("JSON");
    fs::remove_file(path).expect("removed");
    [&master["encrypt"], &master["mac"]["k"], &master["mac"]["r"]].map(base64).concat()
}

/// A directory with `copy`, an identity that opens it, and a file that was saved.
fn scene() -> tempfile::TempDir {
    let scene = tempfile::tempdir().expect("a directory");
    let at = |name: &str| scene.path().join(name);
    fs::write(at("first-password"), "first").expect("written");
    fs::write(at("till"), "what a till saved").expect("written");
    let (copy, till) = (at("copy"), at("till"));
    restic(&copy, &at("first-password"), &["init"]);
    restic(&copy, &at("first-password"), &["backup", till.to_str().expect("a text")]);
    let key = take_key(&copy, "first");
    let mut said = Envelope::unsigned(EpochKey {
        format: FORMAT,
        terminal: TerminalId::from_bytes([2; 16]),
        repository: RepositoryId::from_bytes([3; 16]),
        made_at: UnixTime(1_800_000_000),
        key: key.into(),
    });
    said.sign(FLEET, &terminal());
    fs::write(at("passphrase"), "four words for a test").expect("written");
    let (identity, passphrase) = (at("ana.age"), at("passphrase"));
    let texts = [identity.to_str().expect("a text"), passphrase.to_str().expect("a text")];
    run(&["key", "new", "--owner", "ana", "-o", texts[0], "--passphrase-file", texts[1]])
        .expect("made");
    let file = RecoveryFile::read(&identity).expect("read");
    let passphrase = crate::key_file::Passphrase::new("four words for a test");
    let recipient = file.open(Some(&passphrase)).expect("opened").recipient();
    let sealed = seal_to(&recipient, &said.to_bytes()).expect("sealed");
    fs::write(copy.join("sealed-key.age"), sealed).expect("written");
    fs::create_dir(copy.join("manifests")).expect("made");
    scene
}

fn with_identity(scene: &Path, more: &[&str]) -> Vec<String> {
    let text = |name: &str| scene.join(name).display().to_string();
    let words = [
        "--repository".to_owned(),
        text("copy"),
        "--identity".to_owned(),
        text("ana.age"),
        "--passphrase-file".to_owned(),
        text("passphrase"),
        "--fleet".to_owned(),
        FLEET.to_string(),
        "--terminal-key".to_owned(),
    ];
    words.into_iter().chain(more.iter().map(|word| (*word).to_owned())).collect()
}

#[track_caller]
fn run_on(scene: &Path, task: &str, more: &[&str]) -> Result<Exit, Failure> {
    let words = with_identity(scene, more);
    let words: Vec<_> = std::iter::once(task).chain(words.iter().map(String::as_str)).collect();
    run(&words)
}

#[test]
fn a_recovered_repository_is_restored_by_stock_restic() {
    let scene = scene();
    run_on(scene.path(), "open", &[&terminal().public().to_string()]).expect("it opens");
    let (copy, restored) = (scene.path().join("copy"), scene.path().join("restored"));
    let password = copy.join("restic-password");
    let said = restic(&copy, &password, &["check", "--read-data"]);
    assert!(said.contains("no errors were found"), "{said}");
    restic(&copy, &password, &["restore", "latest", "--target", &restored.display().to_string()]);
    let till = restored.join(scene.path().join("till").strip_prefix("/").expect("absolute"));
    assert_eq!(fs::read(till).expect("restored"), b"what a till saved");
}

#[test]
fn a_key_that_another_terminal_signed_is_not_genuine() {
    let scene = scene();
    let other = PrivateKey::from_seed(&[6; 32]).public().to_string();
    let failure = run_on(scene.path(), "open", &[&other]).expect_err("another's");
    assert_eq!(failure.exit, Exit::NotGenuine);
    assert!(!scene.path().join("copy/keys").read_dir().expect("there").any(|_| true));
}

#[test]
fn a_key_is_sealed_again_for_the_terminal_that_said_so_itself() {
    let scene = scene();
    let at = |name: &str| scene.path().join(name).display().to_string();
    let replacement = RecoveryIdentity::generate();
    let mut statement = Envelope::unsigned(RecipientStatement {
        format: FORMAT,
        terminal: TerminalId::from_bytes([9; 16]),
        serial: "T-9".to_owned(),
        recipient: replacement.recipient(),
    });
    let its_key = PrivateKey::from_seed(&[7; 32]);
    statement.sign(FLEET, &its_key);
    fs::write(at("statement"), BASE64.encode(&statement.to_bytes())).expect("written");
    let (to, output) = (at("statement"), at("sealed"));
    let reseal = |key: &PrivateKey, more: &[&str]| {
        let key = key.public().to_string();
        run_on(
            scene.path(),
            "reseal",
            &[&[key.as_str(), "--to", &to, "-o", &output], more].concat(),
        )
    };
    let saved_by = |key: &PrivateKey| key.public().to_string();
    assert_eq!(reseal(&terminal(), &["--yes"]).expect_err("another's").exit, Exit::NotGenuine);
    let failure = reseal(&its_key, &["--yes", "--saved-by-key", &saved_by(&its_key)]);
    assert_eq!(failure.expect_err("it did not save").exit, Exit::NotGenuine);
    reseal(&its_key, &[]).expect_err("there is nobody to ask");
    assert!(!Path::new(&output).exists());
    reseal(&its_key, &["--yes", "--saved-by-key", &saved_by(&terminal())]).expect("it is its own");
    let opened = replacement.unseal(&fs::read(&output).expect("written")).expect("for it");
    let said = Envelope::<EpochKey>::from_bytes(&opened).expect("the terminal's words").document;
    assert_eq!(said.repository, RepositoryId::from_bytes([3; 16]));
}
