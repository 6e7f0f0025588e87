//! A whole fleet on this machine: a controller, a broker, acquirer hosts, and terminals that sell.
//!
//! Everything is a real process in one directory. Terminals reach the controller through two
//! proxies, so that what they move can be counted, slowed and cut, and servers can move.

mod controller;
mod host;
mod mosquitto;
mod places;
mod provider;
mod records;
pub mod recovery;
mod register;
mod s3;
mod terminal;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::process::Process;
use crate::programs::Programs;
use crate::proxy::Proxy;
use crate::wait::is_interrupted;

pub use controller::{Addresses, Controller};
pub use host::{Host, HostBooks};
pub use mosquitto::Mosquitto;
pub use places::Place;
pub use provider::{Binding, Profiles};
pub use records::Records;
pub use s3::S3;
use terminal::Customers;
pub use terminal::{Shop, Terminal};

/// A program of ours on a busy machine with two cores starts well within this.
pub const START_PATIENCE: Duration = Duration::from_secs(30);

/// Which broker carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broker {
    Embedded,
    Mosquitto,
}

/// Where the controller keeps what it knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registry {
    Sqlite,
    /// A server at `postgres://…`; each world makes a database of its own there.
    Postgres(String),
}

impl Registry {
    /// The PostgreSQL server that tests/run has started.
    pub fn postgres_from_environment() -> Result<Self> {
        let url = std::env::var("TILLWARD_TEST_POSTGRES");
        let url = url.context("TILLWARD_TEST_POSTGRES is not set: run the suites by tests/run")?;
        Ok(Self::Postgres(url))
    }
}

/// A fleet that runs until this value ends.
#[derive(Debug)]
pub struct World {
    // Ended in this order: terminals, controller, broker, hosts, proxies.
    pub terminals: Vec<Terminal>,
    pub controller: Controller,
    pub mosquitto: Option<Mosquitto>,
    pub hosts: Vec<Host>,
    pub https: Proxy,
    pub mqtt: Proxy,
    pub records: Records,
    pub programs: Programs,
    directory: PathBuf,
}

impl World {
    /// Makes a new fleet below `directory` and starts everything but terminals.
    pub fn start(directory: &Path, broker: Broker, registry: &Registry) -> Result<Self> {
        let programs = Programs::find();
        let logs = directory.join("logs");
        std::fs::create_dir_all(&logs)?;
        let fleet = directory.join("fleet");
        let mut init = Command::new(programs.tillward()?);
        init.arg("init").arg(&fleet).args(["--insecure-dev", "--json"]);
        for recipient in recovery::make(directory)? {
            init.args(["--recovery-recipient", &recipient]);
        }
        run(&mut init)?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        let (https, mqtt) = (Proxy::start(nowhere)?, Proxy::start(nowhere)?);
        let mosquitto = match broker {
            Broker::Embedded => None,
            Broker::Mosquitto => Some(Mosquitto::start(directory, &fleet)?),
        };
        let records = Records::new(registry, &fleet)?;
        controller::configure(&programs, &fleet, (&https, &mqtt), broker, &records)?;
        controller::migrate(&programs, directory)?;
        let controller = Controller::start(&programs, directory)?;
        https.point_to(controller.addresses.https);
        mqtt.point_to(match (&mosquitto, controller.addresses.mqtt) {
            (Some(mosquitto), _) => mosquitto.address(),
            (None, Some(embedded)) => embedded,
            (None, None) => bail!("the controller has no broker and none was started"),
        });
        let hosts = ["alpha", "beta"]
            .into_iter()
            .map(|name| Host::start(&programs, directory, name))
            .collect::<Result<Vec<_>>>()?;
        let directory = directory.to_owned();
        let terminals = Vec::new();
        Ok(Self {
            terminals,
            controller,
            mosquitto,
            hosts,
            https,
            mqtt,
            records,
            programs,
            directory,
        })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn logs(&self) -> PathBuf {
        self.directory.join("logs")
    }

    /// A terminal with a till that sells version 1 from now on, with the first host as its
    /// provider; not enrolled yet.
    pub fn open_shop(&mut self, shop: &Shop) -> Result<usize> {
        let provider = &self.hosts[..1];
        let customers = Customers::Come;
        let terminal = Terminal::open(&self.programs, &self.directory, shop, provider, customers)?;
        self.terminals.push(terminal);
        Ok(self.terminals.len() - 1)
    }

    /// A terminal out of the box, set up for every provider, where nobody buys anything until
    /// [`Terminal::customers_return`]; not enrolled yet.
    pub fn unpack(&mut self, shop: &Shop) -> Result<usize> {
        let (hosts, customers) = (&self.hosts, Customers::StayAway);
        let terminal = Terminal::open(&self.programs, &self.directory, shop, hosts, customers)?;
        self.terminals.push(terminal);
        Ok(self.terminals.len() - 1)
    }

    /// Makes a claim for the terminal, enrols it and starts its agent.
    pub fn enrol_and_start(&mut self, at: usize) -> Result<()> {
        self.enrol(at)?;
        self.terminals[at].start_agent(&self.programs)
    }

    /// Makes a claim for the terminal and enrols it.
    pub fn enrol(&mut self, at: usize) -> Result<()> {
        let claim = self.claim(at)?;
        self.terminals[at].enrol(&self.programs, &claim)
    }

    /// Enrols the terminal by the line of a claim that was made otherwise, and starts its agent.
    pub fn enrol_by(&mut self, at: usize, line: &str) -> Result<()> {
        let file = self.directory.join(format!("{}.claim", self.terminals[at].shop.serial));
        std::fs::write(&file, line)?;
        self.terminals[at].enrol(&self.programs, &file)?;
        self.terminals[at].start_agent(&self.programs)
    }

    /// The path of a new claim's file for this terminal.
    pub fn claim(&self, at: usize) -> Result<PathBuf> {
        let shop = &self.terminals[at].shop;
        let file = self.directory.join(format!("{}.claim", shop.serial));
        if file.exists() {
            std::fs::remove_file(&file)?;
        }
        let path = file.to_str().context("paths of tests are UTF-8")?;
        self.tillward(&[
            "terminal",
            "claim",
            "--serial",
            &shop.serial,
            "--store",
            &shop.store,
            "--model",
            &shop.model,
            "--zone",
            &shop.zone,
            "--no-qr",
            "-o",
            path,
        ])?;
        Ok(file)
    }

    /// Stops the controller as a power cut does, and starts it again.
    pub fn restart_controller(&mut self) -> Result<()> {
        self.controller.process.kill()?;
        self.start_controller_again()
    }

    /// Starts a controller that has ended; its ports may be others.
    pub fn start_controller_again(&mut self) -> Result<()> {
        self.controller = Controller::start(&self.programs, &self.directory)?;
        self.https.point_to(self.controller.addresses.https);
        if let (None, Some(embedded)) = (&self.mosquitto, self.controller.addresses.mqtt) {
            self.mqtt.point_to(embedded);
        }
        Ok(())
    }

    /// Gives the controller other places of backups, `[[backups.places]]` in TOML, and starts it
    /// again.
    pub fn place_backups(&mut self, places: &str) -> Result<()> {
        self.controller.process.kill()?;
        controller::place_backups(&self.directory, places)?;
        self.start_controller_again()
    }

    /// Runs a command of the controller's own program with its configuration.
    pub fn tillward_controller(&self, arguments: &[&str]) -> Result<String> {
        controller::run_once(&self.programs, &self.directory, arguments)
    }

    /// Kills the broker and starts it again with nothing remembered.
    pub fn restart_broker(&mut self) -> Result<()> {
        match &mut self.mosquitto {
            Some(mosquitto) => mosquitto.restart(),
            None => self.restart_controller(),
        }
    }

    /// The operator's command line, not started yet.
    pub fn tillward_command(&self, arguments: &[&str]) -> Result<Command> {
        self.tillward_command_of("operator", arguments)
    }

    fn tillward_command_of(&self, who: &str, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(self.programs.tillward()?);
        let context = self.directory.join(format!("fleet/{who}/operator.toml"));
        command.arg("--context").arg(context).args(arguments);
        Ok(command)
    }

    /// Runs the operator's command line; its output, or what it complained about.
    pub fn tillward(&self, arguments: &[&str]) -> Result<String> {
        run(&mut self.tillward_command(arguments)?)
    }

    /// As [`World::tillward`], by another operator, who reviews what the first one asks for.
    pub fn reviewer(&self, arguments: &[&str]) -> Result<String> {
        run(&mut self.tillward_command_of("reviewer", arguments)?)
    }

    /// The same with `--json`, parsed.
    pub fn tillward_json(&self, arguments: &[&str]) -> Result<Value> {
        let text = self.tillward(&[arguments, &["--json"]].concat())?;
        serde_json::from_str(&text).with_context(|| format!("{arguments:?} printed: {text}"))
    }

    /// A key that stays offline, for example `release-1` or `approver-2`.
    pub fn offline_key(&self, name: &str) -> PathBuf {
        self.directory.join(format!("fleet/offline/keys/{name}.key.insecure.toml"))
    }

    /// `tillward approve sign` or `cancel` on an approver's own machine: no context and no
    /// controller, only a key and the first roster.
    pub fn approve_offline(
        &self,
        doing: &str,
        request: &Path,
        approver: &str,
        more: &[&str],
    ) -> Result<String> {
        let mut command = Command::new(self.programs.tillward()?);
        command.env_remove("TILLWARD_CONTEXT").args(["approve", doing]).arg(request);
        command.arg("--key").arg(self.offline_key(approver));
        command.arg("--roster").arg(self.directory.join("fleet/offline/rosters/1.cose"));
        run(command.arg("--insecure-dev").args(more))
    }

    /// The two places where backups are kept, in the order in which objects come into them.
    pub fn places(&self) -> Result<[Place; 2]> {
        places::read(&self.directory.join("fleet/controller/controller.toml"))
    }

    /// Builds, signs with two keys and publishes one edition of the till; the release's digest.
    pub fn publish_till(&self, release: &TillRelease) -> Result<String> {
        let till = self.programs.till(release.version)?;
        let out = self.directory.join(release.directory());
        let till = till.to_str().context("paths of tests are UTF-8")?;
        let out = out.to_str().context("paths of tests are UTF-8")?;
        let counter = release.counter.to_string();
        let mut build = vec![
            "release",
            "build",
            till,
            "--component",
            "pos-sim",
            "--version",
            release.version,
            "--model",
            "px7",
            "--counter",
            &counter,
            "--health-stable",
            release.health_stable,
            "--health-within",
            release.health_within,
            "-o",
            out,
        ];
        if release.settle_first {
            build.push("--settle-first");
        }
        self.tillward(&build)?;
        for key in ["release-1", "release-2"] {
            let key = self.offline_key(key);
            let key = key.to_str().context("paths of tests are UTF-8")?;
            self.tillward(&["release", "sign", out, "--key", key, "--insecure-dev"])?;
        }
        self.tillward(&["release", "publish", out])?;
        let shown = self.tillward_json(&["release", "show", out])?;
        let digest = shown["digest"].as_str();
        Ok(digest.context("a release has a digest")?.to_owned())
    }

    /// How many bytes a terminal fetches for this release.
    pub fn artifact_bytes(&self, release: &TillRelease) -> Result<u64> {
        let built = self.directory.join(release.directory());
        let built = built.to_str().context("paths of tests are UTF-8")?;
        let shown = self.tillward_json(&["release", "show", built])?;
        shown["artifact"]["size"].as_u64().context("a release has an artifact of some size")
    }

    /// Compares the books of all tills and hosts.
    pub fn audit(&self) -> Result<Value> {
        self.audit_of(&self.terminals)
    }

    /// Those of these tills and all hosts.
    pub fn audit_of(&self, terminals: &[Terminal]) -> Result<Value> {
        let mut command = Command::new(self.programs.pos_sim("1.0.0")?);
        command.args(["audit", "--json"]);
        for terminal in terminals {
            command.arg("--till").arg(terminal.till_directory());
            if let Some(old) = &terminal.took_over {
                command.arg("--took-over").arg(format!("{}={old}", terminal.shop.serial));
            }
        }
        for host in &self.hosts {
            command.arg("--host").arg(host.directory());
        }
        let output = command.output().context("starting pos-sim audit")?;
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text).with_context(|| {
            format!("pos-sim audit printed: {text}{}", String::from_utf8_lossy(&output.stderr))
        })
    }
}

/// One edition of the till as a release.
#[derive(Clone, Copy, Debug)]
pub struct TillRelease {
    pub version: &'static str,
    pub counter: u64,
    pub settle_first: bool,
    pub health_stable: &'static str,
    pub health_within: &'static str,
}

impl TillRelease {
    /// Where it is built.
    fn directory(&self) -> String {
        format!("release-{}-{}", self.version, self.counter)
    }
}

/// Runs a program to its end; what it printed, or everything it said when it failed. Starts nothing
/// after an interrupt.
pub fn run(command: &mut Command) -> Result<String> {
    ensure!(!is_interrupted(), "interrupted before {command:?}");
    let output = command.output().with_context(|| format!("starting {command:?}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !output.status.success() {
        let (status, said) = (output.status, text(&output.stdout) + &text(&output.stderr));
        bail!("{command:?} ended with {status}:\n{said}");
    }
    Ok(text(&output.stdout))
}

/// Fails when a process that should run has ended, with its last words.
pub fn still_runs(process: &mut Process) -> Result<()> {
    match process.has_ended()? {
        None => Ok(()),
        Some(status) => bail!("ended with {status}; {}", process.last_words()),
    }
}
