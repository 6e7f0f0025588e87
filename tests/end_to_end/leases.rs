//! A terminal that is kept away from its controller for longer than its lease locks its till, stays
//! locked, and unlocks by itself. No test waits for days: what was used of the lease is written
//! into the agent's own store while it does not run.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use agent::decide::effect::Write;
use agent::journal::facts;
use agent::lease::{Kept, MARK, Stage};
use agent::machine;
use anyhow::{Result, ensure};
use harness::wait::wait_for;
use shared::queue::{Batch, Bounds, Options, Shelf, Store};

use crate::fleet::{Fleet, SOON};

const DAY_S: u64 = 24 * 3600;

/// For the agent to start, and to see that there is no line.
const LEFT_S: u64 = 5;

#[test]
fn a_till_whose_terminal_nobody_reaches_is_locked_and_sells_again_once_it_is_reached() {
    locked_and_unlocked().unwrap();
}

fn locked_and_unlocked() -> Result<()> {
    let mut fleet = Fleet::small(&["north"])?;
    fleet.wait_until_it_sells(0)?;
    fleet.world.terminals[0].stop_agent()?;
    let told = configure(&fleet)?;
    fleet.world.mqtt.cut();
    fleet.world.https.cut();
    use_up(&fleet)?;
    fleet.start_agent(0)?;
    locks(&fleet)?;
    wait_for("the program is told to lock", SOON, || match fs::read_to_string(&told).as_deref() {
        Ok("lock\n") => Ok(()),
        other => Err(format!("{other:?}")),
    })?;
    wait_for("the terminal says so itself", SOON, || {
        let status = agent_says(&fleet).map_err(|error| format!("{error:#}"))?;
        match status.contains("is locked until it is; connect it") {
            true => Ok(()),
            false => Err(status),
        }
    })?;

    // Nobody sells by pulling the plug.
    fleet.world.terminals[0].lose_power()?;
    let programs = fleet.world.programs.clone();
    fleet.world.terminals[0].power_returns(&programs)?;
    locks(&fleet)?;

    fleet.world.https.mend();
    fleet.world.mqtt.mend();
    fleet.wait_until_it_sells(0)?;
    wait_for("the alarm is over, and says for how long it was locked", SOON, || {
        let alarms = fleet.world.tillward_json(&["alarms", "--all"]);
        let alarms = alarms.map_err(|error| format!("{error:#}"))?;
        let locked = alarms["items"]
            .as_array()
            .and_then(|all| all.iter().find(|alarm| alarm["kind"] == "lease-ran-out").cloned());
        match locked {
            Some(alarm) if !alarm["ended_at"].is_null() => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })?;
    let words = fs::read_to_string(told)?;
    ensure!(words.ends_with("unlock\n") && words.matches("unlock").count() == 1, "{words}");
    fleet.check_books()
}

/// A lease of a day, and a program that writes down what it is told.
fn configure(fleet: &Fleet) -> Result<PathBuf> {
    let terminal = &fleet.world.terminals[0];
    let program = fleet.world.directory().join("seal");
    let told = fleet.world.directory().join("told");
    fs::write(&program, format!("#!/bin/sh\necho \"$1\" >> {}\n", told.display()))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let mut file = OpenOptions::new().append(true).open(terminal.configuration())?;
    writeln!(file, "\n[lease]\ndays = 1\nprogram = {program:?}")?;
    Ok(told)
}

/// A day has passed without contact, but for a moment.
fn use_up(fleet: &Fleet) -> Result<()> {
    let kept = Kept {
        used_s: DAY_S - LEFT_S,
        boot: machine::boot()?,
        uptime_s: machine::uptime().as_secs(),
        clock_at_contact: None,
        stage: Stage::Open,
    };
    let Write::Put { place, value } = facts::lease(&kept) else {
        anyhow::bail!("a fact is put in its place");
    };
    let queue = fleet.world.terminals[0].state().join("queue");
    let opened = Store::open(&queue, Options::new(Bounds::TERMINAL, machine::uptime))?;
    let mut batch = Batch::new();
    batch.put(Shelf::Facts, &place.key[..], value);
    opened.store.commit(batch)?;
    Ok(())
}

fn locks(fleet: &Fleet) -> Result<()> {
    wait_for("the till is locked", SOON, || {
        let said = fleet.world.terminals[0].till_status(&fleet.world.programs);
        let said = said.map_err(|error| format!("{error:#}"))?;
        let message = said["stopped"].as_str().unwrap_or_default();
        let is_locked = message.starts_with(MARK) && message.contains("Connect this till");
        if is_locked && said["trading"] == "held" { Ok(()) } else { Err(said.to_string()) }
    })?;
    Ok(())
}

fn agent_says(fleet: &Fleet) -> Result<String> {
    let mut said = String::new();
    wait_for("the status tells that it is locked", SOON, || {
        let terminal = &fleet.world.terminals[0];
        let command = terminal.agent_command(&fleet.world.programs, &["status"]);
        let output = command.map_err(|error| format!("{error:#}"))?.output();
        let output = output.map_err(|error| error.to_string())?;
        said = String::from_utf8_lossy(&output.stdout).into_owned();
        if said.contains("lease") { Ok(()) } else { Err(said.clone()) }
    })?;
    Ok(said)
}
