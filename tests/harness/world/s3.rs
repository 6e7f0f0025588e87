//! An S3 server with one bucket, over a directory: what it took is there again after it was killed.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::{START_PATIENCE, still_runs};
use crate::ports::free_port;
use crate::process::Process;
use crate::wait::wait_for;

const ACCESS_KEY: &str = "tillward";

/// It guards nothing: the server listens on loopback, for one test.
const SECRET_KEY: &str = "for-one-test";

const STARTS_MAX: usize = 5;

#[derive(Debug)]
pub struct S3 {
    program: PathBuf,
    directory: PathBuf,
    port: u16,
    process: Process,
}

impl S3 {
    pub const BUCKET: &str = "tills";

    /// `program` is `s3-server` of this package.
    pub fn start(program: &Path, directory: &Path) -> Result<Self> {
        for folder in ["logs", "s3"] {
            fs::create_dir_all(directory.join(folder))?;
        }
        fs::create_dir(directory.join("s3").join(Self::BUCKET))?;
        let credentials =
            format!("access_key_id = \"{ACCESS_KEY}\"\nsecret_access_key = \"{SECRET_KEY}\"\n");
        write_secret(&directory.join("s3.toml"), &credentials)?;
        let wrong = credentials.replace(SECRET_KEY, "not-the-secret");
        write_secret(&directory.join("s3-wrong.toml"), &wrong)?;
        for _ in 0..STARTS_MAX {
            let port = free_port()?;
            // A port that somebody else took in between is no failure.
            if let Ok(process) = start(program, directory, port) {
                let (program, directory) = (program.to_owned(), directory.to_owned());
                return Ok(Self { program, directory, port, process });
            }
        }
        bail!("the S3 server found no free port {STARTS_MAX} times: see s3.log")
    }

    /// As a power cut does it.
    pub fn kill(&mut self) -> Result<()> {
        Ok(self.process.kill()?)
    }

    /// On the same port, with all that it took.
    pub fn start_again(&mut self) -> Result<()> {
        self.process = start(&self.program, &self.directory, self.port)?;
        Ok(())
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn credentials(&self) -> PathBuf {
        self.directory.join("s3.toml")
    }

    pub fn wrong_credentials(&self) -> PathBuf {
        self.directory.join("s3-wrong.toml")
    }

    /// Where what is stored under this prefix lies.
    pub fn stored(&self, prefix: &str) -> PathBuf {
        self.directory.join("s3").join(Self::BUCKET).join(prefix)
    }

    /// One of `[[backups.places]]`.
    pub fn place(&self, name: &str, prefix: &str) -> String {
        format!(
            "[[backups.places]]\nname = \"{name}\"\nregion = \"{name}\"\n\
             url = \"s3://{}/{prefix}\"\nendpoint = \"{}\"\ncredentials_file = \"{}\"\n",
            Self::BUCKET,
            self.endpoint(),
            self.credentials().display(),
        )
    }
}

fn start(program: &Path, directory: &Path, port: u16) -> Result<Process> {
    let mut command = Command::new(program);
    command.arg(directory.join("s3")).arg(port.to_string()).args([ACCESS_KEY, SECRET_KEY]);
    let mut process = Process::start("s3", &mut command, &directory.join("logs"))?;
    wait_for("the S3 server listens", START_PATIENCE, || {
        if let Err(ended) = still_runs(&mut process) {
            return Ok(Err(ended));
        }
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map(|_connected| Ok(()))
    })??;
    Ok(process)
}

fn write_secret(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    Ok(fs::set_permissions(path, Permissions::from_mode(0o600))?)
}
