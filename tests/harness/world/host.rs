//! An acquirer host: keeps books of its own, against which the tills' are compared.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{START_PATIENCE, still_runs};
use crate::process::Process;
use crate::programs::Programs;
use crate::wait::wait_for;

#[derive(Debug)]
pub struct Host {
    pub process: Process,
    name: String,
    address: SocketAddr,
    directory: PathBuf,
}

impl Host {
    pub(super) fn start(programs: &Programs, directory: &Path, name: &str) -> Result<Self> {
        let home = directory.join(format!("host-{name}"));
        fs::create_dir_all(&home)?;
        let port = home.join("port");
        let mut command = Command::new(programs.pos_sim("1.0.0")?);
        command.args(["host", "--name", name, "--data"]).arg(&home);
        command.arg("--port-file").arg(&port);
        let log = format!("host-{name}");
        let mut process = Process::start(&log, &mut command, &directory.join("logs"))?;
        let port: u16 = wait_for(&format!("host {name} listens"), START_PATIENCE, || {
            still_runs(&mut process).map_err(|error| error.to_string())?;
            let text = fs::read_to_string(&port).map_err(|error| error.to_string())?;
            text.trim().parse().map_err(|error| format!("{error} in `{text}`"))
        })?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Self { process, name: name.to_owned(), address, directory: home })
    }

    /// As a till is told of it.
    pub(super) fn argument(&self) -> String {
        format!("{}={}", self.name, self.address)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }
}
