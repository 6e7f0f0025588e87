//! Measures the agent as it is shipped: `tests/footprint` builds it and runs this.

use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use harness::wait::wait_for;
use harness::world::{Broker, Registry, Shop, World};

const SIZE_MAX: u64 = 5 * 1024 * 1024;
const RESIDENT_MAX: u64 = 8 * 1024 * 1024;

const PATIENCE: Duration = Duration::from_secs(60);

/// Looks in a row that must see the same memory before the agent counts as idle: about 3 s.
const SAME_LOOKS: u32 = 60;

struct Row {
    what: &'static str,
    bytes: u64,
    bytes_max: Option<u64>,
}

fn main() -> ExitCode {
    match measure().and_then(|rows| print(&rows)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            // Whoever closed standard error does not read why.
            let _unread = writeln!(io::stderr(), "footprint: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn measure() -> Result<Vec<Row>> {
    let directory = tempfile::Builder::new().prefix("tillward-footprint-").tempdir()?;
    let mut world = World::start(directory.path(), Broker::Embedded, &Registry::Sqlite)?;
    let size = fs::metadata(world.programs.agent()?)?.len();
    let at = world.open_shop(&Shop {
        serial: "TW-1".to_owned(),
        store: "north".to_owned(),
        model: "px7".to_owned(),
        zone: "Europe/Berlin".to_owned(),
    })?;
    world.enrol_and_start(at)?;
    wait_for("the terminal is online and has nothing left to tell", PATIENCE, || {
        let list = world.tillward_json(&["terminal", "list"]).map_err(|e| format!("{e:#}"))?;
        let terminal = &list["items"][0];
        match terminal["presence"] == "online" && !terminal["outbox_depth"].is_null() {
            true => Ok(()),
            false => Err(terminal.to_string()),
        }
    })?;
    let agent = world.terminals[at].agent.as_ref().context("the agent runs")?.id();
    let mut same = (0, 0);
    wait_for("the agent is idle", PATIENCE, || {
        let now = field(agent, "status", "VmRSS").map_err(|error| format!("{error:#}"))?;
        same = if same.0 == now { (now, same.1 + 1) } else { (now, 0) };
        if same.1 >= SAME_LOOKS { Ok(()) } else { Err(format!("{now} bytes")) }
    })?;
    let memory = |file, key| field(agent, file, key);
    Ok(vec![
        Row { what: "stripped size", bytes: size, bytes_max: Some(SIZE_MAX) },
        Row {
            what: "resident, idle and connected",
            bytes: memory("status", "VmRSS")?,
            bytes_max: Some(RESIDENT_MAX),
        },
        Row { what: "  of it its own", bytes: memory("status", "RssAnon")?, bytes_max: None },
        Row {
            what: "  of it program and libraries",
            bytes: memory("status", "RssFile")?,
            bytes_max: None,
        },
        Row { what: "proportional (PSS)", bytes: memory("smaps_rollup", "Pss")?, bytes_max: None },
        Row {
            what: "resident, at most so far",
            bytes: memory("status", "VmHWM")?,
            bytes_max: None,
        },
    ])
}

/// A line such as `VmRSS:  5120 kB` of a process's file, in bytes.
fn field(process: u32, file: &str, key: &str) -> Result<u64> {
    let path = format!("/proc/{process}/{file}");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let number = line.and_then(|line| line.trim().strip_suffix("kB"));
    let number = number.with_context(|| format!("{path} has no {key} in kB"))?;
    Ok(number.trim().parse::<u64>()? * 1024)
}

/// Whether everything is within its budget.
fn print(rows: &[Row]) -> Result<bool> {
    let mut out = io::stdout().lock();
    let mib = |bytes: u64| format!("{:.2} MiB", bytes as f64 / (1024.0 * 1024.0));
    let mut within = true;
    writeln!(out, "{:<32} {:>10}  {:>10}", "tillward-agent", "measured", "at most")?;
    for Row { what, bytes, bytes_max } in rows {
        let over = bytes_max.is_some_and(|most| *bytes > most);
        within &= !over;
        let most = bytes_max.map(mib).unwrap_or_default();
        let mark = if over { "  OVER" } else { "" };
        writeln!(out, "{what:<32} {:>10}  {most:>10}{mark}", mib(*bytes))?;
    }
    Ok(within)
}
