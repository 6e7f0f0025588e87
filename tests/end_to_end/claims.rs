//! A claim is good for one terminal, once, for a while: everything else is refused by name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use controller::api::model::Lifecycle;
use harness::world::{Broker, Registry, run};
use shared::claim::{Claim, Seed};
use shared::digest::Digest;

use crate::fleet::Fleet;

/// As the agent's `--help` promises.
const ENROLMENT_FAILED: i32 = 5;

#[test]
fn a_claim_that_another_key_has_used_is_refused_and_the_same_key_is_answered_again() {
    reused().unwrap();
}

fn reused() -> Result<()> {
    let mut fleet = Fleet::start(Broker::Embedded, &Registry::Sqlite)?;
    let at = fleet.open_shop("north")?;
    let claim = fleet.world.claim(at)?;
    let (first, second) = (Device::new(&fleet, "first"), Device::new(&fleet, "second"));
    // Makes a key, and is then refused: the key stays for the next attempt.
    let unknown = changed(&claim, |claim| claim.serial = "TW-99".to_owned())?;
    first.is_refused(&unknown, &["there is no claim for the serial number `TW-99`"])?;
    let key = fs::read(first.key_that_waits()?)?;
    first.enrols(&claim)?;
    second.is_refused(&claim, &["the claim was used", "ask the operator for a new claim"])?;
    // As if power had failed after the answer was sent and before it was kept.
    fs::create_dir_all(first.state.join("enrolling"))?;
    fs::write(first.state.join("enrolling/key.pem"), key)?;
    fs::remove_dir_all(first.state.join("identity"))?;
    first.enrols(&claim)?;
    let terminals = fleet.terminals()?;
    assert_eq!(terminals.len(), 1);
    assert_eq!((terminals[0].lifecycle, terminals[0].epoch), (Lifecycle::Enrolled, 1));
    first.enrols(&claim)?;
    assert!(!first.state.join("enrolling/key.pem").exists(), "nothing was asked");
    // Nothing is left to ask again with: it would be another key.
    fs::remove_dir_all(first.state.join("identity"))?;
    first.is_refused(&claim, &["the claim was used"])
}

#[test]
fn a_claim_that_is_guessed_six_times_is_locked_even_for_its_owner() {
    guessed().unwrap();
}

fn guessed() -> Result<()> {
    let mut fleet = Fleet::start(Broker::Embedded, &Registry::Sqlite)?;
    let at = fleet.open_shop("north")?;
    let claim = fleet.world.claim(at)?;
    let device = Device::new(&fleet, "device");
    let guess = changed(&claim, |claim| claim.seed = Seed::new([7; 20]))?;
    let not_by_its_key = "the proof is not by the claim's key";
    for left in (0..5).rev() {
        device.is_refused(&guess, &[not_by_its_key, &format!("{left} more")])?;
    }
    device.is_refused(&guess, &["locked"])?;
    device.is_refused(&claim, &["locked", "ask the operator for a new claim"])?;
    let list = fleet.world.tillward_json(&["terminal", "claims"])?;
    assert_eq!(list["items"][0]["state"], "locked");
    fs::remove_file(&claim)?;
    device.enrols(&fleet.world.claim(at)?)
}

#[test]
fn a_claim_that_has_expired_and_files_that_hold_none_are_refused() {
    expired().unwrap();
}

fn expired() -> Result<()> {
    let mut fleet = Fleet::start(Broker::Embedded, &Registry::Sqlite)?;
    let at = fleet.open_shop("north")?;
    let claim = fleet.world.claim(at)?;
    let device = Device::new(&fleet, "device");
    // As if three days had passed: what the claim says of itself is for people only.
    let registry = fleet.world.directory().join("fleet/controller/data/registry.sqlite");
    let registry = rusqlite::Connection::open(registry)?;
    let long_ago = "UPDATE claims SET created_at = 1000000, expires_at = 1259200";
    assert_eq!(registry.execute(long_ago, [])?, 1);
    device.is_refused(&claim, &["the claim expired"])?;
    let rubbish = claim.with_extension("rubbish");
    fs::write(&rubbish, "tillward-claim:1?seed=\n")?;
    device.is_refused(&rubbish, &["holds no claim"])?;
    device.is_refused(&claim.with_extension("nothing"), &["cannot be read"])?;
    let elsewhere = changed(&claim, |claim| claim.server_ca = Digest::of(b"another authority"))?;
    device.is_refused(&elsewhere, &["is not of the authority that the claim names"])
}

/// A terminal's state directory, and the agent that enrols into it.
struct Device {
    agent: PathBuf,
    state: PathBuf,
}

impl Device {
    fn new(fleet: &Fleet, name: &str) -> Self {
        let agent = fleet.world.programs.agent().expect("the agent is built");
        Self { agent, state: fleet.world.directory().join(name) }
    }

    fn enrol(&self, claim: &Path) -> Command {
        let mut command = Command::new(&self.agent);
        command.arg("--state").arg(&self.state).arg("enrol").arg("--claim-file").arg(claim);
        command
    }

    fn enrols(&self, claim: &Path) -> Result<()> {
        run(&mut self.enrol(claim)).map(|_| ())
    }

    /// The agent's error says all of this, and nothing is enrolled.
    fn is_refused(&self, claim: &Path, says: &[&str]) -> Result<()> {
        let output = self.enrol(claim).output()?;
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(ENROLMENT_FAILED), "{error}");
        for word in says {
            assert!(error.contains(word), "`{word}` is not in:\n{error}");
        }
        Ok(())
    }

    fn key_that_waits(&self) -> Result<PathBuf> {
        let path = self.state.join("enrolling/key.pem");
        assert!(path.exists(), "a key is kept before it is shown");
        Ok(path)
    }
}

/// A copy of the claim's file with something changed in it.
fn changed(file: &Path, change: impl FnOnce(&mut Claim)) -> Result<PathBuf> {
    let mut claim: Claim = fs::read_to_string(file)?.parse()?;
    change(&mut claim);
    let path = file.with_extension("changed");
    fs::write(&path, claim.to_string())?;
    Ok(path)
}
