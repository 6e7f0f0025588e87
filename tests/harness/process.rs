//! A real process: its output in a file, ended by its id, never left behind.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::wait::{GaveUp, wait_for};

/// A running program that ends with this value.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a command; what it prints is appended to `<logs>/<name>.log`.
    pub fn start(name: &str, command: &mut Command, logs: &Path) -> io::Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let out = File::options().create(true).append(true).open(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .map_err(|e| io::Error::new(e.kind(), format!("{name} ({command:?}): {e}")))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The processes that it has started itself.
    pub fn children(&self) -> io::Result<Vec<u32>> {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        Ok(children.split_whitespace().filter_map(|child| child.parse().ok()).collect())
    }

    /// The last lines that it printed, for a failure's message.
    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        format!("{}:\n{}", self.name, lines[lines.len().saturating_sub(15)..].join("\n"))
    }

    pub fn has_ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// As a power cut does it: no time to say anything.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }

    /// Asks it to end (SIGTERM) and waits.
    pub fn terminate(&mut self, patience: Duration) -> Result<ExitStatus, GaveUp> {
        let asked = signal(self.child.id(), "TERM");
        wait_for(&format!("{} ends", self.name), patience, || match self.child.try_wait() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err(format!("still running (asked: {asked:?})")),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Stops or continues it, as if its processor had been taken away.
    pub fn freeze(&self) -> io::Result<()> {
        signal(self.child.id(), "STOP")
    }

    pub fn thaw(&self) -> io::Result<()> {
        signal(self.child.id(), "CONT")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // It may end by itself in between; then there is nothing left to do.
            let _gone = self.child.kill();
            let _status = self.child.wait();
        }
    }
}

/// `kill` is asked because sending a signal takes `unsafe`, which this project forbids itself.
pub(crate) fn signal(id: u32, name: &str) -> io::Result<()> {
    let status = Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("kill -{name} {id}"))) }
}
