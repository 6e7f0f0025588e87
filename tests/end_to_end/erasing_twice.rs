//! A terminal that was erased, enrolled anew, and is erased again, by the real program.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use agent::config::{StateDir, Wipe};
use agent::eraser::Eraser;
use anyhow::{Context as _, Result, ensure};
use harness::process::Process;
use harness::programs::Programs;
use harness::wait::wait_for;
use serde_json::{Value, json};
use shared::id::OrderId;

use crate::fleet::SOON;

const FIRST: OrderId = OrderId::from_bytes([1; 16]);
const SECOND: OrderId = OrderId::from_bytes([2; 16]);

/// What a life leaves: an identity, and data of the till.
fn live(home: &Path, life: &str) -> Result<()> {
    let identity = home.join("state/identity");
    fs::create_dir_all(&identity)?;
    fs::write(identity.join("key.pem"), life)?;
    fs::create_dir_all(home.join("till"))?;
    Ok(fs::write(home.join("till/sales"), life)?)
}

fn tombstone(home: &Path) -> Result<Option<String>> {
    let file = home.join("lifecycle/decommissioned");
    if !file.exists() {
        return Ok(None);
    }
    let said: Value = serde_json::from_slice(&fs::read(file)?)?;
    let order = said["decommissioned"]["order"].as_str().context("it names an order")?;
    Ok(Some(order.to_owned()))
}

fn eraser(home: &Path) -> Result<Eraser> {
    let wipe = Wipe {
        program: Programs::find().eraser()?,
        lifecycle: home.join("lifecycle"),
        what: json!({"keys": [], "paths": [home.join("till")], "devices": []}),
    };
    Ok(Eraser::new(&wipe, StateDir::new(home.join("state"))))
}

#[test]
fn a_terminal_is_erased_again_in_its_second_life() {
    two_lives().unwrap();
}

fn two_lives() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let home = directory.path();
    let eraser = eraser(home)?;
    let error = |why: String| anyhow::anyhow!(why);

    for (order, life) in [(FIRST, "first"), (SECOND, "second")] {
        live(home, life)?;
        // What the life before has left behind goes with the first start of this one.
        let had_one = tombstone(home)?.is_some();
        ensure!(had_one == (order == SECOND) && eraser.begin_anew()? == had_one, "{life}");
        ensure!(tombstone(home)?.is_none() && !eraser.begin_anew()?, "{life}: it is gone");
        ensure!(!eraser.has_begun(order) && eraser.unfinished().is_none(), "{life}");

        eraser.erase(order).map_err(error)?;
        ensure!(!home.join("till").exists() && home.join("state/identity").exists(), "{life}");
        ensure!(eraser.has_begun(order) && eraser.is_erased(), "{life}");
        // Until the identity is gone the next life has not begun, whatever lies there.
        fs::write(home.join("lifecycle/decommissioned"), "{}")?;
        ensure!(!eraser.begin_anew()? && eraser.unfinished().is_some(), "{life}: the old identity");

        eraser.forget().map_err(error)?;
        ensure!(!home.join("state/identity").exists() && eraser.is_forgotten(), "{life}");
        ensure!(tombstone(home)? == Some(order.to_string()), "{life}: {:?}", tombstone(home)?);
    }
    Ok(())
}

#[test]
fn an_identity_of_which_a_part_is_left_goes_and_nobody_is_enrolled_before() {
    removed_in_part().unwrap();
}

fn removed_in_part() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let home = directory.path();
    let eraser = eraser(home)?;
    live(home, "first")?;
    eraser.erase(FIRST).map_err(|why| anyhow::anyhow!(why))?;
    let configuration = home.join("agent.toml");
    let text = format!(
        "state_dir = {:?}\nmodel = \"px7\"\n\n[pos]\ndriver = [\"/bin/false\"]\n\n\
         [wipe]\nprogram = {:?}\nlifecycle = {:?}\npaths = [{:?}]\n",
        home.join("state"),
        Programs::find().eraser()?,
        home.join("lifecycle"),
        home.join("till"),
    );
    fs::write(&configuration, text)?;
    let agent = |words: &[&str]| -> Result<Command> {
        let mut command = Command::new(Programs::find().agent()?);
        command.arg("--config").arg(&configuration).args(words);
        Ok(command)
    };
    let refused = agent(&["enrol", "--claim-file", "-"])?.stdin(Stdio::null()).output()?;
    let why = String::from_utf8_lossy(&refused.stderr);
    ensure!(refused.status.code() == Some(5) && why.contains("just being erased"), "{why}");

    let mut process = Process::start("agent", &mut agent(&["run"])?, home)?;
    wait_for("the identity is gone", SOON, || match eraser.is_forgotten() {
        true => Ok(()),
        false => Err("it is not".to_owned()),
    })?;
    process.terminate(SOON)?;
    ensure!(!home.join("state/identity").exists() && tombstone(home)?.is_some(), "all of it");
    Ok(())
}
