//! A terminal that is gone for good, and what it saved: on another terminal, once a recovery
//! identity has sealed the key for that one and two people have signed.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use agent::snapshot::protocol::{Damage, Fetch, Reach, Sealed, Task, line};
use anyhow::{Context as _, Result, ensure};
use harness::wait::wait_for;
use harness::world::{recovery, run};
use serde_json::Value;
use shared::backup::{Selection, SnapshotOf};
use shared::time::UnixTime;

use crate::backups::{restored, saved, set_of};
use crate::fleet::{Fleet, SOON, unix_now};

/// What `tillward-snapshot` of the second terminal says when it is asked for the first one's data
/// with the right key.
fn fetched(fleet: &Fleet, of: &SnapshotOf, key: &[u8], name: &str) -> Result<Value> {
    let terminal = &fleet.world.terminals[1];
    let mut status = terminal.agent_command(&fleet.world.programs, &["status", "--json"])?;
    let status: Value = serde_json::from_str(&run(&mut status)?)?;
    let url = status["identity"]["url"].as_str().context("it is enrolled")?.to_owned();
    let request = line(&Fetch {
        reach: Reach { url, time_floor: UnixTime(unix_now()) },
        of: of.clone(),
        selection: Selection::Everything,
        into: fleet.world.directory().join(name),
        key: Some(Sealed(key.to_vec())),
        damage: Damage::Refuse,
    });
    let mut program = Command::new(fleet.world.programs.snapshot()?)
        .arg("--state-dir")
        .arg(terminal.state())
        .arg(Task::Fetch.as_str())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut input = program.stdin.take().context("it has an input")?;
    writeln!(input, "{request}")?;
    // The program ends with its input, which stays open until the answer is here.
    let output = program.stdout.take().context("it has an output")?;
    let text = std::io::read_to_string(output)?;
    drop(input);
    program.wait()?;
    let last = text.lines().last().context("it says something")?;
    Ok(serde_json::from_str(last)?)
}

/// Who may not read is told no more than that there is nothing.
#[track_caller]
fn assert_shut(answer: &Value) {
    let detail = answer["failed"]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("a manifest of") && detail.contains("is not there"), "{answer:#}");
}

/// The key of the copy, sealed offline for the terminal of this statement.
fn resealed(fleet: &Fleet, copy: &str, statement: &str, more: &[&str]) -> Result<PathBuf> {
    let output = fleet.world.directory().join("TW-2.key");
    let mut command = Command::new(fleet.world.programs.tillward()?);
    command.env_remove("TILLWARD_CONTEXT").args(["recovery", "reseal", "--repository", copy]);
    command.arg("--identity").arg(recovery::identity(fleet.world.directory(), "safe-2"));
    command.args(["--to", statement, "-o"]).arg(&output).args(more);
    let said = run(command.stdin(Stdio::null()))?;
    ensure!(said.contains("TW-1") && said.contains("TW-2"), "{said}");
    Ok(output)
}

#[test]
fn what_a_terminal_that_is_gone_has_saved_comes_back_on_another() {
    replaced().unwrap();
}

fn replaced() -> Result<()> {
    let mut fleet = Fleet::small(&["north", "spare"])?;
    let programs = fleet.world.programs.clone();
    // Nobody is sold anything at the spare one.
    fleet.world.terminals[1].lose_data(&programs)?;
    fleet.wait_until_it_sells(0)?;
    fleet.close_books()?;
    fs::create_dir_all(fleet.world.terminals[0].receipts())?;
    fs::write(fleet.world.terminals[0].receipts().join("1.txt"), "receipt 1")?;
    let gone = fleet.terminal("TW-1")?.terminal.id;
    let snapshots = saved(&mut fleet, 2)?;
    let snapshot = snapshots.iter().find(|it| it.terminal == gone).context("TW-1 has saved")?;
    let manifest = snapshot.manifest.to_string();
    let before = fleet.world.tillward_json(&["backup", "show", &manifest])?;
    ensure!(set_of(&before, "sales")?["records"].as_u64() > Some(0), "{before:#}");
    let of = SnapshotOf {
        terminal: snapshot.terminal,
        repository: snapshot.repository,
        snapshot: snapshot.snapshot,
        manifest: snapshot.manifest,
    };

    // TW-1 is gone, and its key with it.
    let first_key = key_of(&fleet, 0)?;
    fleet.world.terminals[0].kill_agent()?;
    fleet.world.terminals[0].lose_data(&programs)?;
    fs::remove_dir_all(fleet.world.terminals[0].state().join("backup"))?;

    let spare = fleet.terminal("TW-2")?.terminal;
    let told = spare.recipient.context("a terminal that makes backups says its recipient")?;
    let shown = fleet.world.terminals[1].agent_command(&programs, &["status"]);
    ensure!(run(&mut shown?)?.contains(&told.recipient), "the terminal shows the same");
    let onto = spare.id.to_string();
    let plan = fleet.world.tillward_json(&["restore", "plan", &manifest, "--onto", &onto])?;
    let concerns = plan["concerns"].as_array().context("a plan has concerns")?;
    let names_it = |it: &Value| it.as_str().is_some_and(|it| it.contains(&told.recipient));
    ensure!(concerns.iter().any(names_it), "{plan:#}");

    let text = |name: &str| fleet.world.directory().join(name).display().to_string();
    let (copy, statement) = (text("rescued"), text("TW-2.recipient"));
    fleet.world.tillward(&["backup", "export", &manifest, "--to", &copy])?;
    fleet.world.tillward(&["terminal", "recipient", "TW-2", "-o", &statement])?;
    let (key, status) = (key_of(&fleet, 1)?, fleet.world.tillward_json(&["status"])?);
    let fleet_id = status["fleet"].as_str().context("a fleet has an id")?;
    let named = ["--terminal-key", &key, "--fleet", fleet_id, "--saved-by-key", &first_key];
    ensure!(resealed(&fleet, &copy, &statement, &named).is_err(), "nobody can be asked");
    let swapped = ["--terminal-key", &first_key, "--fleet", fleet_id, "--yes"];
    ensure!(resealed(&fleet, &copy, &statement, &swapped).is_err(), "another terminal's key");
    let sealed = resealed(&fleet, &copy, &statement, &[&named[..], &["--yes"]].concat())?;
    let (key_file, key) = (sealed.display().to_string(), fs::read(&sealed)?);

    assert_shut(&fetched(&fleet, &of, &key, "too-early")?);
    let start = ["restore", "start", &manifest, "--onto", &onto, "--key", &key_file];
    restored(&mut fleet, &start)?;
    assert_shut(&fetched(&fleet, &of, &key, "too-late")?);
    let receipt = fleet.world.terminals[1].receipts().join("1.txt");
    assert_eq!(fs::read_to_string(receipt)?, "receipt 1");

    // The spare one counts what the other had counted, and the hosts' books agree with it.
    let select = ["backup", "now", "--select", "store=spare"];
    let campaign = fleet.world.tillward_json(&select)?["id"].as_str().context("id")?.parse()?;
    fleet.complete(campaign)?;
    let after = wait_for("the spare one's own snapshot is listed", SOON, || {
        let list = fleet.world.tillward_json(&["backup", "list"]);
        let list = list.map_err(|error| format!("{error:#}"))?;
        let own = list["items"].as_array().into_iter().flatten();
        let newest = own
            .filter(|it| it["terminal"] == onto.as_str())
            .max_by_key(|it| it["number"].as_u64())
            .and_then(|it| it["manifest"].as_str());
        newest.map(str::to_owned).ok_or_else(|| "none".to_owned())
    })?;
    let after = fleet.world.tillward_json(&["backup", "show", &after])?;
    for what in ["records", "totals", "numbers"] {
        assert_eq!(set_of(&after, "sales")?[what], set_of(&before, "sales")?[what], "{what}");
    }
    fleet.world.terminals[1].customers_return(&programs)?;
    fleet.wait_until_it_sells(1)
}

fn key_of(fleet: &Fleet, at: usize) -> Result<String> {
    let terminal = &fleet.world.terminals[at];
    let mut status = terminal.agent_command(&fleet.world.programs, &["status", "--json"])?;
    let status: Value = serde_json::from_str(&run(&mut status)?)?;
    Ok(status["key"].as_str().context("an enrolled terminal has a key")?.to_owned())
}
