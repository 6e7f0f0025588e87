//! The controller's process and its configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::records::Records;
use super::{Broker, START_PATIENCE, run, still_runs};
use crate::process::Process;
use crate::programs::Programs;
use crate::proxy::Proxy;
use crate::wait::wait_for;

/// The running controller.
#[derive(Debug)]
pub struct Controller {
    pub process: Process,
    pub addresses: Addresses,
}

/// Where it listens, as it says itself.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Addresses {
    pub https: SocketAddr,
    /// The embedded broker.
    pub mqtt: Option<SocketAddr>,
}

impl Controller {
    pub(super) fn start(programs: &Programs, directory: &Path) -> Result<Self> {
        let told = directory.join("addresses.json");
        if told.exists() {
            fs::remove_file(&told)?;
        }
        let mut command = command(programs, directory, "serve")?;
        command.arg("--addresses-file").arg(&told);
        let mut process = Process::start("controller", &mut command, &directory.join("logs"))?;
        let addresses = wait_for("the controller listens", START_PATIENCE, || {
            still_runs(&mut process).map_err(|error| error.to_string())?;
            let text = fs::read_to_string(&told).map_err(|error| error.to_string())?;
            serde_json::from_str(&text).map_err(|error| format!("{error} in {text}"))
        })?;
        Ok(Self { process, addresses })
    }
}

fn command(programs: &Programs, directory: &Path, subcommand: &str) -> Result<Command> {
    let mut command = Command::new(programs.controller()?);
    command.arg(subcommand);
    command.arg("--config").arg(directory.join("fleet/controller/controller.toml"));
    Ok(command)
}

/// Makes the registry's tables; a controller does not do that on a server by itself.
pub(super) fn migrate(programs: &Programs, directory: &Path) -> Result<()> {
    run(&mut command(programs, directory, "migrate")?).map(|_| ())
}

/// Runs it to its end; what it printed.
pub(super) fn run_once(
    programs: &Programs,
    directory: &Path,
    arguments: &[&str],
) -> Result<String> {
    let mut command = Command::new(programs.controller()?);
    command.args(arguments);
    command.arg("--config").arg(directory.join("fleet/controller/controller.toml"));
    run(&mut command)
}

pub(super) fn place_backups(directory: &Path, places: &str) -> Result<()> {
    let path = directory.join("fleet/controller/controller.toml");
    let mut configuration: toml::Table = fs::read_to_string(&path)?.parse()?;
    let places: toml::Table = places.parse()?;
    let given = places["backups"]["places"].clone();
    let backups = configuration.get_mut("backups").and_then(toml::Value::as_table_mut);
    backups.context("the configuration has backups")?.insert("places".to_owned(), given);
    Ok(fs::write(&path, configuration.to_string())?)
}

/// Changes what `tillward init` wrote: free ports, the proxies' addresses, broker and registry.
pub(super) fn configure(
    programs: &Programs,
    fleet: &Path,
    (https, mqtt): (&Proxy, &Proxy),
    broker: Broker,
    records: &Records,
) -> Result<()> {
    let path = fleet.join("controller/controller.toml");
    let text = fs::read_to_string(&path)?;
    let (https, mqtt) = (https.address(), mqtt.address());
    let mut section = String::new();
    let mut written = String::new();
    for line in text.lines() {
        if line.starts_with('[') {
            section = line.to_owned();
        }
        let key = line.split('=').next().unwrap_or_default().trim();
        let line = match (section.as_str(), key) {
            ("[https]", "listen") => "listen = \"127.0.0.1:0\"".to_owned(),
            ("[https]", "url") => format!("url = \"https://{https}\""),
            ("[broker]", "listen" | "address" | "connections_max")
                if broker == Broker::Mosquitto =>
            {
                continue;
            }
            ("[broker]", "listen") => "listen = \"127.0.0.1:0\"".to_owned(),
            ("[broker]", "address") => format!("address = \"{mqtt}\""),
            ("[registry]", "url") => format!("url = \"{}\"", records.url()),
            _ => line.to_owned(),
        };
        written.push_str(&line);
        written.push('\n');
    }
    if broker == Broker::Mosquitto {
        written
            .push_str(&format!("\n[[broker.cells]]\naddress = \"{mqtt}\"\nshards = \"0-255\"\n"));
    }
    let operator = fleet.join("operator");
    let text = fs::read_to_string(operator.join("operator.toml"))?;
    let text = text.lines().map(|line| match line.starts_with("url") {
        true => format!("url = \"https://{https}\""),
        false => line.to_owned(),
    });
    let text = text.collect::<Vec<_>>().join("\n");
    fs::write(operator.join("operator.toml"), text)?;
    let mut new = Command::new(programs.tillward()?);
    new.arg("--context").arg(&operator).args(["operator", "new", "reviewer", "--to"]);
    let lines = run(new.arg(fleet.join("reviewer")))?;
    fs::write(&path, format!("{written}\n{lines}"))?;
    Ok(())
}
