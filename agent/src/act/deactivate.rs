//! Actions by which a till stops, sells again, or is emptied.

mod waking;

use std::time::Duration;

use serde_json::Value;
use shared::digest::Digest;
use shared::document::sanitisation::Summary;
use shared::outcome::FailureCode;

use super::binding::{NotDone, failed, pos};
use super::{Hands, done};
use crate::job::deactivate::{DeactivateAction, Deactivation, Wanted};
use crate::job::{Again, Finding, Proof, Reply, Task};
use crate::pos::{Binding, PosError, Trading};
use crate::stop::Stop;

/// Attempts to send the money of a terminal that is lost, and how long apart.
const RESCUES: u32 = 3;
const RESCUE_AGAIN: Duration = Duration::from_secs(10);

/// What the receipt of a suspension says that the terminal is now.
const SUSPENDED: &str = "suspended";
const ERASED: &str = "erased";

impl Hands {
    pub(super) fn deactivate(
        &self,
        action: DeactivateAction,
        it: &Deactivation,
        task: &Task,
        stop: &Stop,
    ) -> Reply {
        let reply = match action {
            DeactivateAction::Check => self.check_deactivation(it),
            DeactivateAction::Announce => self.announce_deactivation(it),
            DeactivateAction::Stop => self.stop_till(it),
            DeactivateAction::ConfirmSaved => self.confirm_saved(task, stop),
            DeactivateAction::ConfirmStopped => self.confirm_stopped(),
            DeactivateAction::SelfTest => self.look_over(),
            DeactivateAction::Test => self.test_active(it, task, stop),
            DeactivateAction::CloseTests => self.close_tests(task),
            DeactivateAction::Sell => self.sell(it, task),
            DeactivateAction::ConfirmSelling => self.confirm_selling(),
            DeactivateAction::RescueMoney => Ok(self.rescue_money(stop)),
            DeactivateAction::Erase => self.erase(it, task),
        };
        reply.unwrap_or_else(|reply| *reply)
    }

    fn check_deactivation(&self, it: &Deactivation) -> Result<Reply, NotDone> {
        match &it.wanted {
            Wanted::Suspend(_) if self.backups.is_none() => {
                let detail = "this terminal makes no backups, and none is suspended without one: \
                              its agent.toml has no `[backup]`";
                Err(failed(FailureCode::NotApplicable, detail.to_owned(), Again::Pointless))
            }
            Wanted::Suspend(_) | Wanted::Resume(_) => match self.active_bindings()?.first() {
                Some(active) => Ok(done(format!("{} is active", active.binding))),
                None => {
                    let detail = "the till has no active binding".to_owned();
                    Err(failed(FailureCode::OtherBinding, detail, Again::Worthwhile))
                }
            },
            Wanted::Wipe(..) => {
                self.eraser()?.check().map_err(not_erased)?;
                Ok(done("this terminal can be erased".to_owned()))
            }
        }
    }

    fn announce_deactivation(&self, it: &Deactivation) -> Result<Reply, NotDone> {
        match (self.pos.show_notice(&it.notice()), &it.wanted) {
            (Ok(()), _) => Ok(done(format!("the till shows the code {}", it.code))),
            // Nobody may be there, or nothing that could show it.
            (Err(error @ PosError::Unsupported(_)), _) | (Err(error), Wanted::Wipe(..)) => {
                Ok(done(format!("the till shows no notice: {error}")))
            }
            (Err(error), Wanted::Suspend(_) | Wanted::Resume(_)) => {
                Err(pos(&error, FailureCode::PosRefused))
            }
        }
    }

    fn stop_till(&self, it: &Deactivation) -> Result<Reply, NotDone> {
        match (self.pos.stop_trading(&it.message()), &it.wanted) {
            (Ok(()), _) => Ok(done("trading is stopped".to_owned())),
            // It is emptied all the same, and at once.
            (Err(error), Wanted::Wipe(..)) => {
                Ok(done(format!("whether trading is stopped is not known: {error}")))
            }
            (Err(error), Wanted::Suspend(_) | Wanted::Resume(_)) => {
                Err(pos(&error, FailureCode::PosRefused))
            }
        }
    }

    /// By the till's own word, whoever told it to.
    fn confirm_stopped(&self) -> Result<Reply, NotDone> {
        let status = self.pos.status().map_err(|error| pos(&error, FailureCode::NotStopped))?;
        if status.stopped.is_none() || status.trading != Trading::Held {
            let detail = "the till says that it sells".to_owned();
            return Err(failed(FailureCode::NotStopped, detail, Again::Worthwhile));
        }
        if let Some(detail) = owing(&status.bindings) {
            return Err(failed(FailureCode::NotStopped, detail, Again::Worthwhile));
        }
        let version = Some(SUSPENDED.to_owned());
        Ok(Reply::Done(Proof { version, findings: Vec::new() }))
    }

    /// Whatever is left goes with the rest: the receipt says what.
    fn rescue_money(&self, stop: &Stop) -> Reply {
        let mut left = String::new();
        for attempt in 1..=RESCUES {
            let mut undone = Vec::new();
            for reply in [self.drain(), self.settle()] {
                match reply {
                    Reply::Done(_) => {}
                    Reply::NotYet { detail, .. } | Reply::Failed { detail, .. } => {
                        undone.push(detail);
                    }
                    Reply::AlreadySo(_) | Reply::Found(_) | Reply::Till { .. } => {}
                }
            }
            if undone.is_empty() {
                return done("what the till owed is sent and settled".to_owned());
            }
            left = undone.join("; ");
            if attempt == RESCUES || stop.is_asked() {
                break;
            }
            stop.wait(RESCUE_AGAIN);
        }
        done(format!("lost with the terminal: {left}"))
    }

    /// The till first, while it is there to be asked; then what it ran on.
    fn erase(&self, it: &Deactivation, task: &Task) -> Result<Reply, NotDone> {
        let Wanted::Wipe(wipe, _) = &it.wanted else { return Ok(super::misplaced(task.action)) };
        let eraser = self.eraser()?;
        let till = match (eraser.has_begun(), self.pos.erase(wipe.is_lost)) {
            (_, Ok(())) => "the till says that it has erased its keys and data".to_owned(),
            // A till whose files are gone already has nobody to say so.
            (true, Err(error)) | (false, Err(error @ PosError::Unsupported(_))) => {
                format!("the till itself has erased nothing: {error}")
            }
            (false, Err(error)) if wipe.is_lost => {
                format!("the till itself has erased nothing: {error}")
            }
            (false, Err(error)) => return Err(pos(&error, FailureCode::NotErased)),
        };
        let report = eraser.erase(task.order).map_err(not_erased)?;
        let mut findings = vec![Finding { note: till, digest: None }];
        findings.extend(crate::eraser::findings(&report));
        let digest = Some(Digest::of(report.to_string().as_bytes()));
        findings.push(Finding { note: summary(&report), digest });
        Ok(Reply::Done(Proof { version: Some(ERASED.to_owned()), findings }))
    }

    fn eraser(&self) -> Result<&crate::eraser::Eraser, NotDone> {
        self.eraser.as_ref().ok_or_else(|| {
            let detail = "this terminal cannot be erased: its agent.toml has no `[wipe]`";
            failed(FailureCode::NotApplicable, detail.to_owned(), Again::Pointless)
        })
    }
}

/// What a till that stands still has left to do.
fn owing(bindings: &[Binding]) -> Option<String> {
    let owes = bindings.iter().find(|it| {
        it.has_open_batch() || it.left.unsent_reversals > 0 || it.left.stored_offline > 0
    });
    owes.map(|it| format!("{} has something to send or to settle", it.binding))
}

fn summary(report: &Value) -> String {
    let said = |name: &str| report[name].as_str().unwrap_or_default();
    let tool = format!("{} {}", said("tool"), said("tool_version"));
    Summary::note(said("method"), &tool, report["verified"].as_bool() == Some(true))
}

fn not_erased(detail: String) -> NotDone {
    failed(FailureCode::NotErased, detail, Again::Worthwhile)
}

#[cfg(test)]
mod tests;
