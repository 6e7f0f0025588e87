//! A process of this test, which does not outlive it.

use std::process::{Child, Command, ExitStatus, Stdio};

use crate::wait::wait_for;

/// The program under test.
pub(crate) fn pos_sim() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-sim"));
    command.stdin(Stdio::null());
    command
}

pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// kill -9, and gone when this returns.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }

    /// Waits for the end, with standard input left open.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_for("the process to end", || self.has_ended().ok_or("it runs"))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Sends a signal by name to one process.
pub(crate) fn signal(name: &str, id: u32) {
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {id}")).status().unwrap();
    assert!(sent.success());
}
