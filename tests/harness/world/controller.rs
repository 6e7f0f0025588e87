//! The controller's process and its configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::{Broker, Registry, START_PATIENCE, run, still_runs};
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
        let mut command = Command::new(programs.controller()?);
        command
            .arg("serve")
            .arg("--config")
            .arg(directory.join("fleet/controller/controller.toml"));
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

/// Changes what `tillward init` wrote: free ports, the proxies' addresses, broker and registry.
pub(super) fn configure(
    fleet: &Path,
    https: &Proxy,
    mqtt: &Proxy,
    broker: Broker,
    registry: &Registry,
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
            ("[registry]", "url") => format!("url = \"{}\"", registry_url(registry, fleet)?),
            _ => line.to_owned(),
        };
        written.push_str(&line);
        written.push('\n');
    }
    if broker == Broker::Mosquitto {
        written
            .push_str(&format!("\n[[broker.cells]]\naddress = \"{mqtt}\"\nshards = \"0-255\"\n"));
    }
    fs::write(&path, written)?;
    let operator = fleet.join("operator/operator.toml");
    let text = fs::read_to_string(&operator)?;
    let text = text.lines().map(|line| match line.starts_with("url") {
        true => format!("url = \"https://{https}\""),
        false => line.to_owned(),
    });
    Ok(fs::write(&operator, text.collect::<Vec<_>>().join("\n"))?)
}

/// SQLite in the fleet's own directory, or a new database on the server.
fn registry_url(registry: &Registry, fleet: &Path) -> Result<String> {
    let Registry::Postgres(server) = registry else {
        return Ok("sqlite:data/registry.sqlite".to_owned());
    };
    let (base, _) = server.rsplit_once('/').context("the URL names a database")?;
    let seed = fleet.to_string_lossy();
    let name: String = seed.chars().filter(char::is_ascii_alphanumeric).collect();
    let name = format!("world_{}", &name[name.len().saturating_sub(40)..].to_lowercase());
    let made = format!("CREATE DATABASE {name}");
    run(Command::new("psql").args(["--quiet", "--command", &made]).arg(server))?;
    if name.len() > 63 {
        bail!("{name} is too long for a database");
    }
    Ok(format!("{base}/{name}"))
}
