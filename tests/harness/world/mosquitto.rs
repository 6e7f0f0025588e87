//! mosquitto, with the configuration that is shipped in deploy/brokers.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use controller::key_file::{OnlineKeys, Unlock};

use super::{START_PATIENCE, still_runs};
use crate::ports::free_port;
use crate::process::{Process, signal};
use crate::wait::wait_for;

const SHIPPED: &str = include_str!("../../../deploy/brokers/mosquitto.conf");
const ACCESS: &str = include_str!("../../../deploy/brokers/mosquitto.acl");

#[derive(Debug)]
pub struct Mosquitto {
    pub process: Process,
    directory: PathBuf,
    address: SocketAddr,
}

impl Mosquitto {
    pub(super) fn start(directory: &Path, fleet: &Path) -> Result<Self> {
        let home = directory.join("mosquitto");
        fs::create_dir_all(&home)?;
        let papers = fleet.join("controller");
        let device_ca = fs::read(papers.join("device-ca.pem"))?;
        let root_ca = fs::read(papers.join("root-ca.pem"))?;
        fs::write(home.join("client-authorities.pem"), [device_ca, root_ca].concat())?;
        fs::copy(papers.join("server.pem"), home.join("server.pem"))?;
        fs::write(home.join("server.key"), server_key(&papers)?)?;
        fs::write(home.join("mosquitto.acl"), ACCESS)?;
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let home_text = home.to_str().context("paths of tests are UTF-8")?;
        let configuration = SHIPPED
            .replace("listener 8883", &format!("listener {} 127.0.0.1", address.port()))
            .replace("/etc/tillward", home_text);
        // Started as root it would give up its rights, and then could not read a test's files.
        let configuration = format!("user root\n{configuration}");
        fs::write(home.join("mosquitto.conf"), configuration)?;
        let process = launch(directory, address)?;
        Ok(Self { process, directory: directory.to_owned(), address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds lines to who may use which topic, and has it read them.
    pub fn add_access(&self, lines: &str) -> Result<()> {
        let file = self.directory.join("mosquitto/mosquitto.acl");
        let before = fs::read_to_string(&file)?;
        fs::write(&file, format!("{before}\n{lines}\n"))?;
        Ok(signal(self.process.id(), "HUP")?)
    }

    /// Kills it and starts it again; it remembers nothing.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process = launch(&self.directory, self.address)?;
        Ok(())
    }
}

fn launch(directory: &Path, address: SocketAddr) -> Result<Process> {
    let program = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"];
    let program = program.into_iter().find(|path| Path::new(path).exists());
    let program = program.context("mosquitto is not installed: run the suites by tests/run")?;
    let mut command = Command::new(program);
    command.arg("-c").arg(directory.join("mosquitto/mosquitto.conf"));
    let mut process = Process::start("mosquitto", &mut command, &directory.join("logs"))?;
    wait_for("mosquitto listens", START_PATIENCE, || {
        still_runs(&mut process).map_err(|error| error.to_string())?;
        TcpStream::connect(address).map(|_| ()).map_err(|error| error.to_string())
    })?;
    Ok(process)
}

/// The broker's key is among the controller's secrets, which are not sealed in tests.
fn server_key(papers: &Path) -> Result<String> {
    let secrets = papers.join(OnlineKeys::INSECURE_NAME);
    let secrets = OnlineKeys::open(&secrets, &Unlock::InsecureDev)?;
    Ok(secrets.server.issuing().serialize_pem())
}
