//! Lets a staged version look at the machine before it goes live.
//!
//! The program is the release's own, signed with it, and runs while the shop sells on the version
//! before. It gets a clean environment, no input, a group of its own and two minutes; its last line
//! is what a person reads. Deliberately absent: what it should look at, which only the release
//! knows.

use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use shared::document::Release;
use shared::outcome::FailureCode;

use super::slots::{failed, slot_of};
use super::{Hands, done};
use crate::install::{InstallError, SlotName};
use crate::job::{Again, Reply};
use crate::lock::lock;
use crate::stop::{Stop, Waited};

/// The program's name, at the root of a slot.
const PROGRAM: &str = "preflight";

/// Long enough for a copy of the till's data to be migrated on trial, on old hardware.
const TIME_MAX: Duration = Duration::from_secs(120);

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What the environment's `PATH` is: nothing of how the agent was started leaks in.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Of what it prints, the end is kept.
const OUTPUT_BYTES_MAX: usize = 4096;

/// Of its last line, so much is told.
const DETAIL_CHARS_MAX: usize = 200;

/// For the rest of the output, once every process of its group has ended.
const OUTPUT_PATIENCE: Duration = Duration::from_secs(2);

impl Hands {
    pub(super) fn preflight(&self, release: &Release, stop: &Stop) -> Reply {
        let (slot, current) = match self.places(release) {
            Ok(places) => places,
            Err(error) => return failed(&error, FailureCode::PreflightFailed),
        };
        let program = slot.join(PROGRAM);
        match is_program(&program) {
            Ok(true) => {}
            Ok(false) => return done("the release brings no preflight".to_owned()),
            Err(error) => return not_passed(error.to_string(), Again::Worthwhile),
        }
        let mut command = Command::new(&program);
        command.current_dir(&slot).env_clear().env("PATH", PATH);
        command.env("TILLWARD_SLOT", &slot).env("TILLWARD_VERSION", &release.version);
        command.envs(current.map(|current| ("TILLWARD_CURRENT", current)));
        match run(command, TIME_MAX, stop) {
            Ok(Ran { end: End::Exited(status), last_line }) if status.success() => {
                done(format!("preflight passed{}", said(&last_line)))
            }
            Ok(Ran { end: End::Exited(status), last_line }) => {
                not_passed(format!("{status}{}", said(&last_line)), Again::Pointless)
            }
            Ok(Ran { end: End::TookTooLong, last_line }) => {
                let limit = TIME_MAX.as_secs();
                let detail = format!("it did not end within {limit} s{}", said(&last_line));
                not_passed(detail, Again::Pointless)
            }
            Ok(Ran { end: End::Interrupted, .. }) => {
                not_passed("it was interrupted".to_owned(), Again::Worthwhile)
            }
            Err(error) => not_passed(format!("it cannot be run: {error}"), Again::Worthwhile),
        }
    }

    /// The staged slot, and the current one if there is one; whole paths.
    fn places(&self, release: &Release) -> Result<(PathBuf, Option<PathBuf>), InstallError> {
        let component = &release.component;
        let whole = |slot: &SlotName| {
            let directory = self.installer.directory(component, slot)?;
            // It fails only for an empty path, which this is not.
            Ok(std::path::absolute(&directory).unwrap_or(directory))
        };
        let current = self.installer.slots(component)?.current;
        let current = current.map(|slot| whole(&slot.name)).transpose()?;
        Ok((whole(&slot_of(release)?)?, current))
    }
}

/// An executable file; a file that is none is the release's own business.
fn is_program(path: &Path) -> io::Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(found) => Ok(found.is_file() && found.permissions().mode() & 0o111 != 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn not_passed(detail: String, again: Again) -> Reply {
    let detail = format!("preflight: {detail}");
    Reply::Failed { code: FailureCode::PreflightFailed, detail, again }
}

pub(super) fn said(last_line: &str) -> String {
    if last_line.is_empty() { String::new() } else { format!(": {last_line}") }
}

#[derive(Debug)]
pub(super) struct Ran {
    pub(super) end: End,
    /// The last line that is not empty, of both outputs.
    pub(super) last_line: String,
}

#[derive(Debug)]
pub(super) enum End {
    Exited(ExitStatus),
    TookTooLong,
    Interrupted,
}

/// Runs a program to its end, and leaves no process of its group behind.
pub(super) fn run(mut command: Command, time_max: Duration, stop: &Stop) -> io::Result<Ran> {
    let (output, for_output) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(for_output.try_clone()?).stderr(for_output);
    let mut child = command.process_group(0).spawn()?;
    // It holds the writing ends, without which the output would never end.
    drop(command);
    let tail = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&tail);
    let (ended, output_ended) = channel::<()>();
    let reader = thread::Builder::new().name("preflight".to_owned()).spawn(move || {
        keep_tail(output, &kept);
        drop(ended);
    });
    let end = match &reader {
        Ok(_) => wait(&child, Instant::now() + time_max, stop),
        Err(_) => Ok(None),
    };
    // Before the child is reaped: until then nobody else can have its number.
    let _nobody_left = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let status = child.wait()?;
    reader?;
    wait_for_the_rest(&output_ended);
    let last_line = last_line(&lock(&tail));
    Ok(Ran { end: end?.unwrap_or(End::Exited(status)), last_line })
}

/// Why it must be ended; `None` once it has ended, and has not been reaped.
fn wait(child: &Child, until: Instant, stop: &Stop) -> io::Result<Option<End>> {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    while waitid(WaitId::Pid(Pid::from_child(child)), look)?.is_none() {
        if Instant::now() >= until {
            return Ok(Some(End::TookTooLong));
        }
        if stop.wait(LOOK_EVERY) == Waited::Stopped {
            return Ok(Some(End::Interrupted));
        }
    }
    Ok(None)
}

/// A process that left its group may hold the output open; it is not waited for.
fn wait_for_the_rest(output_ended: &Receiver<()>) {
    let _ended_or_not = output_ended.recv_timeout(OUTPUT_PATIENCE);
}

fn keep_tail(mut from: impl Read, tail: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => {
                let mut tail = lock(tail);
                tail.extend_from_slice(&buffer[..read]);
                let surplus = tail.len().saturating_sub(OUTPUT_BYTES_MAX);
                tail.drain(..surplus);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    last.chars().filter(|char| !char.is_control()).take(DETAIL_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
