//! Actions on the till's data: what is saved, and what comes back.
//!
//! Below the state directory: `backup/export/` is what the till wrote, `backup/export.json` the
//! request that saves it; `backup/restore/` is what was fetched, `backup/restore.json` what its
//! manifest says. Both pairs are made in that order, so the second says that the first is whole.

mod back;
mod out;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::backup::RECIPIENTS_MIN;
use shared::durable::{self, Readers};
use shared::outcome::{FailureCode, Waiting};
use shared::time::UnixTime;

use super::Hands;
use crate::config::StateDir;
use crate::install::fs::{Disk as _, RealDisk};
use crate::job::{Again, DataAction, Finding, Proof, Reply, Task};
use crate::snapshot::protocol::{self, AllowedPath, Reach};
use crate::snapshot::{self, Program, Unanswered};
use crate::stop::Stop;

/// What backups are made with.
#[derive(Clone, Debug)]
pub struct Backups {
    pub program: Program,
    pub state: StateDir,
    pub paths: Vec<AllowedPath>,
    pub serial: String,
    pub model: String,
    /// Of the controller.
    pub url: String,
}

/// One action: with what, for which task, and how to stop.
struct Errand<'a> {
    hands: &'a Hands,
    backups: &'a Backups,
    task: &'a Task,
    stop: &'a Stop,
    progress: &'a mut dyn FnMut(u64, u64),
}

/// Why an action on data was not done; it becomes the reply.
pub(super) type NotDone = Box<Reply>;

impl Hands {
    pub(super) fn data(
        &self,
        action: DataAction,
        task: &Task,
        stop: &Stop,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Reply {
        let Some(backups) = &self.backups else {
            let detail = "this terminal makes no backups: its agent.toml has no `[backup]`";
            return *refused(FailureCode::NotApplicable, detail.to_owned());
        };
        let mut errand = Errand { hands: self, backups, task, stop, progress };
        let proof = match action {
            DataAction::Admit => errand.admit(),
            DataAction::Find => return errand.find().unwrap_or_else(|reply| *reply),
            DataAction::AskSettled => return errand.ask_settled(),
            DataAction::Export => errand.export(),
            DataAction::Save => errand.save(),
            DataAction::Confirm => errand.confirm(),
            DataAction::DiscardExport => {
                errand.discard([&backups.exported(), &backups.export()]).map_err(Box::new)
            }
            DataAction::CheckTarget => errand.check_target(),
            DataAction::FetchSnapshot => errand.fetch_snapshot(),
            DataAction::Rehearse => errand.rehearse(),
            DataAction::Compare => errand.compare(),
            DataAction::SettleFirst => return errand.settle_first().unwrap_or_else(|it| *it),
            DataAction::Import => errand.import(),
            DataAction::RevertImport => errand.revert_import(),
            DataAction::PlaceFiles => errand.place_files(),
            DataAction::PutFilesBack => errand.of_order(protocol::Task::PutBack),
            DataAction::Reconcile => errand.reconcile(),
            DataAction::CommitImport => errand.commit_import(),
            DataAction::KeepFiles => errand.of_order(protocol::Task::Keep),
            DataAction::DiscardStaged => {
                errand.discard([&backups.fetched(), &backups.staged()]).map_err(Box::new)
            }
        };
        proof.map_or_else(|reply| *reply, Reply::Done)
    }
}

impl Backups {
    /// Where an export goes; its directory is made with the first one.
    pub(super) fn free_bytes(&self) -> io::Result<u64> {
        let [backup, state] = [&*self.state.backup(), self.state.path()];
        RealDisk.free_bytes(backup).or_else(|_not_there| RealDisk.free_bytes(state))
    }

    fn place(&self, name: &str) -> PathBuf {
        let path = self.state.backup().join(name);
        // The till's driver does not stand where the agent stands.
        std::path::absolute(&path).unwrap_or(path)
    }

    fn export(&self) -> PathBuf {
        self.place("export")
    }

    fn exported(&self) -> PathBuf {
        self.place("export.json")
    }

    fn staged(&self) -> PathBuf {
        self.place("restore")
    }

    fn fetched(&self) -> PathBuf {
        self.place("restore.json")
    }
}

impl Errand<'_> {
    fn admit(&self) -> Result<Proof, NotDone> {
        let recipients = self.task.given.recipients.len();
        if recipients < RECIPIENTS_MIN {
            let detail = format!(
                "the roster names {recipients} recovery recipients; a key is sealed to at least \
                 {RECIPIENTS_MIN}"
            );
            return Err(refused(FailureCode::NoRecipients, detail));
        }
        Ok(Proof::default())
    }

    fn reach(&self) -> Reach {
        Reach { url: self.backups.url.clone(), time_floor: self.task.given.floor }
    }

    fn ask(&mut self, task: protocol::Task, request: String) -> Result<Value, NotDone> {
        let asked = self.backups.program.ask(task, request, self.stop, self.progress);
        asked.map_err(|error| Box::new(unanswered(error)))
    }

    /// Removes a file and the directory that it speaks of, in this order.
    fn discard(&self, [file, directory]: [&Path; 2]) -> Result<Proof, Reply> {
        let removed = absent_is_well(fs::remove_file(file))
            .and_then(|()| absent_is_well(fs::remove_dir_all(directory)));
        removed.map_err(|error| on_disk(directory, &error)).map(|()| Proof::default())
    }

    /// An empty directory, and nothing that speaks of it.
    fn make_anew(&self, file: &Path, directory: &Path) -> Result<(), NotDone> {
        self.discard([file, directory]).map_err(Box::new)?;
        fs::create_dir_all(directory).map_err(|error| Box::new(on_disk(directory, &error)))
    }
}

fn keep(file: &Path, line: &str) -> Result<(), NotDone> {
    let kept = durable::replace_file(file, line.as_bytes(), Readers::Owner);
    kept.map_err(|error| Box::new(on_disk(file, &error.source)))
}

fn kept(file: &Path) -> Result<Value, NotDone> {
    let text = fs::read_to_string(file).map_err(|error| Box::new(on_disk(file, &error)))?;
    serde_json::from_str(&text).map_err(|error| {
        let detail = format!("`{}`: {error}", file.display());
        refused(FailureCode::Internal, detail)
    })
}

fn read<T: DeserializeOwned>(said: Value) -> Result<T, NotDone> {
    snapshot::read(said).map_err(|error| Box::new(unanswered(error)))
}

fn absent_is_well(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn on_disk(path: &Path, error: &io::Error) -> Reply {
    let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded].contains(&error.kind());
    let code = if full { FailureCode::DiskFull } else { FailureCode::Internal };
    let detail = format!("`{}`: {error}", path.display());
    Reply::Failed { code, detail, again: Again::Worthwhile }
}

/// How the controller is reached for this task, as a request.
pub(super) fn reach(backups: &Backups, task: &Task) -> String {
    protocol::line(&Reach { url: backups.url.clone(), time_floor: task.given.floor })
}

/// When what is to be saved was exported.
pub(super) fn kept_at(backups: &Backups) -> Result<UnixTime, NotDone> {
    kept(&backups.exported())?["taken_at"].as_i64().map(UnixTime).ok_or_else(nonsense)
}

/// Trying again changes nothing.
fn refused(code: FailureCode, detail: String) -> NotDone {
    Box::new(Reply::Failed { code, detail, again: Again::Pointless })
}

pub(super) fn unanswered(error: Unanswered) -> Reply {
    let detail = error.to_string();
    match error {
        Unanswered::Failed(failed) => {
            let again = if failed.again { Again::Worthwhile } else { Again::Pointless };
            Reply::Failed { code: failed.code, detail, again }
        }
        Unanswered::Waiting(waiting) => {
            Reply::NotYet { waiting: waiting.reason, detail, again_in: None }
        }
        Unanswered::Stopped => Reply::NotYet { waiting: Waiting::Turn, detail, again_in: None },
        Unanswered::NotStarted { .. }
        | Unanswered::Silent(_)
        | Unanswered::Ended(_)
        | Unanswered::Nonsense(_) => {
            Reply::Failed { code: FailureCode::Internal, detail, again: Again::Worthwhile }
        }
    }
}

/// A number in an answer.
fn count(said: &Value, name: &str) -> Result<u64, NotDone> {
    said[name].as_u64().ok_or_else(nonsense)
}

fn nonsense() -> NotDone {
    Box::new(unanswered(Unanswered::Nonsense("a part of it is missing".to_owned())))
}

fn found(note: String) -> Finding {
    Finding { note, digest: None }
}

#[cfg(test)]
pub(super) mod tests;
