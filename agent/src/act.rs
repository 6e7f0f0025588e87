//! Carries out one action and reports what came of it.
//!
//! Blocking, and always on a thread of the [`worker`]. Every action can be asked for again after a
//! power cut; what it finds done already it leaves alone.
//!
//! Deliberately absent: which action comes next. That is the job's table.

mod binding;
pub mod data;
mod deactivate;
pub mod lease;
pub mod locate;
mod preflight;
mod slots;
mod till;
#[cfg(test)]
pub(crate) mod toy_till;
pub mod worker;

use std::sync::Mutex;

use shared::document::Release;
use shared::message::Component;
use tracing::warn;

use crate::download::{DownloadError, Downloads};
use crate::eraser::Eraser;
use crate::health;
use crate::install::Installer;
use crate::job::{Action, Again, Finding, Proof, Reply, Subject, Task};
use crate::lock::lock;
use crate::pos::PosApplication;
use crate::power::Supplies;
use crate::stop::Stop;
use data::Backups;
use lease::Seal;
use shared::outcome::{FailureCode, Waiting};
use till::Holds;

/// Everything that actions are carried out with.
pub struct Hands {
    installer: Box<dyn Installer + Send + Sync>,
    pos: Box<dyn PosApplication>,
    downloads: Downloads,
    /// The component that the till is.
    component: String,
    /// The process that the newest restart was to replace.
    replaced: Mutex<Option<String>>,
    holds: Holds,
    /// `None` where this terminal makes none.
    backups: Option<Backups>,
    /// `None` where this terminal cannot be erased.
    eraser: Option<Eraser>,
    /// `None` where locking a terminal is stopping its till.
    seal: Option<Seal>,
    /// `None` where no battery is waited for.
    supplies: Option<Supplies>,
}

impl std::fmt::Debug for Hands {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "hands on {} and {:?}", self.component, self.downloads)
    }
}

impl Hands {
    pub fn new(
        installer: Box<dyn Installer + Send + Sync>,
        pos: Box<dyn PosApplication>,
        downloads: Downloads,
        component: String,
    ) -> Self {
        Self {
            installer,
            pos,
            downloads,
            component,
            replaced: Mutex::new(None),
            holds: Holds::default(),
            backups: None,
            eraser: None,
            seal: None,
            supplies: None,
        }
    }

    /// The same hands, on a terminal that makes backups.
    pub fn with_backups(self, backups: Option<Backups>) -> Self {
        Self { backups, ..self }
    }

    /// The same hands, on a terminal that can be erased.
    pub fn with_eraser(self, eraser: Option<Eraser>) -> Self {
        Self { eraser, ..self }
    }

    /// The same hands, on a terminal that is sealed when its lease runs out.
    pub fn with_seal(self, seal: Option<Seal>) -> Self {
        Self { seal, ..self }
    }

    /// The same hands, on a terminal that may have to be charged.
    pub fn with_supplies(self, supplies: Supplies) -> Self {
        Self { supplies: Some(supplies), ..self }
    }

    /// Does what the task asks. `progress` is told bytes done and bytes in all.
    pub fn carry_out(&self, task: &Task, stop: &Stop, progress: &mut dyn FnMut(u64, u64)) -> Reply {
        match task.action {
            Action::AskTill => self.ask_till(),
            Action::HoldTrading | Action::ReleaseTrading if task.given.suspended => {
                done("the till is out of service, and stays so".to_owned())
            }
            Action::HoldTrading | Action::ReleaseTrading if task.given.locked => {
                done("the till is locked, and stays so".to_owned())
            }
            Action::HoldTrading => self.hold_trading(&task.subject.reason()),
            Action::ReleaseTrading => self.release_trading(stop),
            Action::Drain => self.drain(),
            Action::Settle => self.settle(),
            Action::Data(action) => self.data(action, task, stop, progress),
            Action::Rebind(action) => match &*task.subject {
                Subject::Rebind(change) => self.rebind(action, change, task, stop),
                Subject::Upgrade { .. }
                | Subject::Backup(_)
                | Subject::Drill
                | Subject::Restore(_)
                | Subject::Deactivation(_) => misplaced(task.action),
            },
            Action::Deactivate(action) => match &*task.subject {
                Subject::Deactivation(it) => self.deactivate(action, it, task, stop),
                Subject::Upgrade { .. }
                | Subject::Backup(_)
                | Subject::Drill
                | Subject::Restore(_)
                | Subject::Rebind(_) => misplaced(task.action),
            },
            Action::Admit
            | Action::Fetch
            | Action::Verify
            | Action::Stage
            | Action::RunPreflight
            | Action::SwitchSlot
            | Action::SwitchBack
            | Action::ProbeSlot
            | Action::RestartApplication
            | Action::ProveHealth
            | Action::CommitSlot
            | Action::DiscardStaged
            | Action::DiscardDownload => match &*task.subject {
                Subject::Upgrade { release, .. } => {
                    let reply = self.upgrade(task.action, release, stop, progress);
                    match (task.action, task.given.suspended) {
                        (Action::RestartApplication, true) => {
                            self.still_stopped(reply, FailureCode::RestartFailed)
                        }
                        (Action::ProveHealth, true) => {
                            self.still_stopped(reply, FailureCode::HealthNotProven)
                        }
                        (_, _) => reply,
                    }
                }
                Subject::Backup(_)
                | Subject::Drill
                | Subject::Restore(_)
                | Subject::Rebind(_)
                | Subject::Deactivation(_) => misplaced(task.action),
            },
        }
    }

    fn upgrade(
        &self,
        action: Action,
        release: &Release,
        stop: &Stop,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Reply {
        match action {
            Action::Admit => self.admit(release),
            Action::Fetch => self.fetch(release, stop, progress),
            Action::Verify => match self.downloads.verify(&release.artifact) {
                Ok(()) => Reply::Done(Proof::default()),
                Err(error) => not_fetched(&error, Again::Pointless),
            },
            Action::Stage => self.stage(release),
            Action::RunPreflight => self.preflight(release, stop),
            Action::SwitchSlot => self.switch_slot(release),
            Action::SwitchBack => self.switch_back(release),
            Action::ProbeSlot => self.probe_slot(release),
            Action::RestartApplication => self.restart(release, stop),
            Action::ProveHealth => {
                let replaced = lock(&self.replaced).clone();
                health::prove(&*self.pos, release, replaced.as_deref(), stop)
            }
            Action::CommitSlot => self.commit_slot(release),
            Action::DiscardStaged => self.discard_staged(release),
            Action::DiscardDownload => match self.downloads.discard(&release.artifact) {
                Ok(()) => Reply::Done(Proof::default()),
                Err(error) => not_fetched(&error, Again::Worthwhile),
            },
            Action::AskTill
            | Action::HoldTrading
            | Action::ReleaseTrading
            | Action::Drain
            | Action::Settle
            | Action::Data(_)
            | Action::Rebind(_)
            | Action::Deactivate(_) => misplaced(action),
        }
    }

    fn fetch(&self, release: &Release, stop: &Stop, progress: &mut dyn FnMut(u64, u64)) -> Reply {
        let total = release.artifact.size;
        let mut told = |done| progress(done, total);
        match self.downloads.fetch(&release.artifact, stop, &mut told) {
            Ok(()) => done(format!("{total} bytes, SHA-256 {}", release.artifact.sha256)),
            Err(error) if error.is_network() => {
                let (detail, again_in) = (chain(&error), error.again_in());
                Reply::NotYet { waiting: Waiting::Network, detail, again_in }
            }
            Err(error) => not_fetched(&error, Again::Worthwhile),
        }
    }

    /// What is installed, for the controller. What cannot be read is told as not there.
    pub fn installed(&self) -> Vec<Component> {
        let installed = self.installer.installed().unwrap_or_else(|error| {
            warn!(error = chain(&error), "the slots cannot be read");
            Vec::new()
        });
        let component = |(name, slot): (String, crate::install::Slot)| Component {
            name,
            version: slot.version,
            security_counter: slot.security_counter,
        };
        installed.into_iter().map(component).collect()
    }
}

/// Whether an action changes what is installed.
pub fn changes_slots(action: Action) -> bool {
    match action {
        Action::SwitchSlot | Action::SwitchBack | Action::CommitSlot => true,
        Action::Admit
        | Action::Fetch
        | Action::Verify
        | Action::Stage
        | Action::RunPreflight
        | Action::AskTill
        | Action::HoldTrading
        | Action::ReleaseTrading
        | Action::Drain
        | Action::Settle
        | Action::ProbeSlot
        | Action::RestartApplication
        | Action::ProveHealth
        | Action::DiscardStaged
        | Action::DiscardDownload
        | Action::Data(_)
        | Action::Rebind(_)
        | Action::Deactivate(_) => false,
    }
}

/// No table has it like this.
fn misplaced(action: Action) -> Reply {
    let detail = format!("{action:?} is no part of this job");
    Reply::Failed { code: FailureCode::Internal, detail, again: Again::Pointless }
}

fn done(note: String) -> Reply {
    Reply::Done(Proof { version: None, findings: vec![Finding { note, digest: None }] })
}

fn not_fetched(error: &DownloadError, again: Again) -> Reply {
    Reply::Failed { code: error.code(), detail: chain(error), again }
}

/// An error and its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

#[cfg(test)]
pub(crate) mod tests;
