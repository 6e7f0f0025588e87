//! Actions by which a till stops, sells again, or is emptied.

mod waking;

use std::time::Duration;

use serde_json::Value;
use shared::digest::Digest;
use shared::document::sanitisation::{Summary, Verification};
use shared::outcome::FailureCode;
use shared::owed::{OWED_MAX, Owed, SUSPENDED, SUSPENDED_OWING};

use super::binding::{NotDone, failed, pos};
use super::till::{not_done, settled, told};
use super::{Hands, done};
use crate::job::deactivate::{DeactivateAction, Deactivation, Wanted, owing};
use crate::job::{Again, Finding, Proof, Reply, Task};
use crate::pos::{PosError, Settled, Status, Trading};
use crate::stop::Stop;

/// Attempts to send the money of a terminal that is lost, and how long apart.
const RESCUES: u32 = 3;
const RESCUE_AGAIN: Duration = Duration::from_secs(10);

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
            DeactivateAction::SettleOrOwe => self.settle_or_owe(it, task),
            DeactivateAction::ConfirmStopped => self.confirm_stopped(it, task),
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
            (Ok(()), _) if it.delay().is_some() => Ok(done(self.tell_who_delays(it))),
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

    /// Another order may have stopped it, and nothing was shown of this one: whoever stands there
    /// can compare the words of those who accept that it settles later.
    fn tell_who_delays(&self, it: &Deactivation) -> String {
        match self.pos.show_notice(&it.notice()) {
            Ok(()) => format!("trading is stopped; the till shows the code {}", it.code),
            Err(error) => format!("trading is stopped; the till shows no notice: {error}"),
        }
    }

    /// Sends first, each time, so that what is owed in the end is what could not be sent.
    fn settle_or_owe(&self, it: &Deactivation, task: &Task) -> Result<Reply, NotDone> {
        let Some((delay, cut_off)) = it.delay() else { return Ok(super::misplaced(task.action)) };
        let (reply, closed) = self.send_and_settle();
        let (Reply::NotYet { detail: undone, .. } | Reply::Failed { detail: undone, .. }) = &reply
        else {
            return Ok(reply);
        };
        let status = self.pos.status().map_err(|error| pos(&error, FailureCode::NotStopped))?;
        if !is_stopped(&status) {
            return Err(still_sells());
        }
        let owed = owing::owed(&status.bindings, &closed);
        if let Some(why) = owing::not_accepted(delay, cut_off, &owed, task.given.proven) {
            let detail = format!("{undone}; {why}");
            return Ok(saying(reply, detail));
        }
        let accepted = format!(
            "not settled, as {} accepts until {}: {undone}",
            delay.accepted_by, delay.settled_by
        );
        let batches = closed.iter().take(OWED_MAX).map(told);
        let notes = [accepted].into_iter().chain(batches).chain(owed.iter().map(Owed::to_string));
        let findings = notes.map(|note| Finding { note, digest: None }).collect();
        Ok(Reply::Done(Proof { version: Some(SUSPENDED_OWING.to_owned()), findings }))
    }

    /// What it came to, and the batches that were closed or could not be.
    fn send_and_settle(&self) -> (Reply, Vec<Settled>) {
        let sent = match self.drain() {
            Reply::Done(proof) => proof.findings,
            not_sent @ (Reply::NotYet { .. }
            | Reply::Failed { .. }
            | Reply::AlreadySo(_)
            | Reply::Found(_)
            | Reply::Till { .. }) => return (not_sent, Vec::new()),
        };
        let closed = match self.pos.settle(None) {
            Ok(closed) => closed,
            Err(error) => return (not_done(&error, FailureCode::SettlementMismatch), Vec::new()),
        };
        let reply = match settled(&closed) {
            Reply::Done(Proof { version, findings }) => {
                let findings = sent.into_iter().chain(findings).collect();
                Reply::Done(Proof { version, findings })
            }
            other @ (Reply::NotYet { .. }
            | Reply::Failed { .. }
            | Reply::AlreadySo(_)
            | Reply::Found(_)
            | Reply::Till { .. }) => other,
        };
        (reply, closed)
    }

    /// By the till's own word, whoever told it to.
    fn confirm_stopped(&self, it: &Deactivation, task: &Task) -> Result<Reply, NotDone> {
        let status = self.pos.status().map_err(|error| pos(&error, FailureCode::NotStopped))?;
        if !is_stopped(&status) {
            return Err(still_sells());
        }
        let owes = owing::owed(&status.bindings, &[]);
        let was_owing = task.given.established.as_deref() == Some(SUSPENDED_OWING);
        let (why_not, is_now) = match it.delay().filter(|_| was_owing) {
            Some((delay, cut_off)) => {
                let why = owing::not_accepted(delay, cut_off, &owes, task.given.proven);
                (why, SUSPENDED_OWING)
            }
            None => {
                let one = owes.first();
                let why = |it: &Owed| format!("{} has something to send or to settle", it.binding);
                (one.map(why), SUSPENDED)
            }
        };
        if let Some(detail) = why_not {
            return Err(failed(FailureCode::NotStopped, detail, Again::Worthwhile));
        }
        Ok(Reply::Done(Proof { version: Some(is_now.to_owned()), findings: Vec::new() }))
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
        let till = match (eraser.has_begun(task.order), self.pos.erase(wipe.is_lost)) {
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

fn summary(report: &Value) -> String {
    let said = |name: &str| report[name].as_str().unwrap_or_default();
    let tool = format!("{} {}", said("tool"), said("tool_version"));
    let is = |name: &str| report[name].as_bool() == Some(true);
    let verification = match (is("verified"), is("in_full")) {
        (true, true) => Verification::Full,
        // One that says nothing of it may have looked at parts.
        (true, false) => Verification::Sampled,
        (false, _) => Verification::NotVerified,
    };
    Summary::note(said("method"), &tool, verification)
}

/// The same answer in other words.
fn saying(reply: Reply, detail: String) -> Reply {
    match reply {
        Reply::NotYet { waiting, again_in, .. } => Reply::NotYet { waiting, detail, again_in },
        Reply::Failed { code, again, .. } => Reply::Failed { code, detail, again },
        other @ (Reply::Done(_) | Reply::AlreadySo(_) | Reply::Found(_) | Reply::Till { .. }) => {
            other
        }
    }
}

fn is_stopped(status: &Status) -> bool {
    status.stopped.is_some() && status.trading == Trading::Held
}

fn still_sells() -> NotDone {
    let detail = "the till says that it sells".to_owned();
    failed(FailureCode::NotStopped, detail, Again::Worthwhile)
}

fn not_erased(detail: String) -> NotDone {
    failed(FailureCode::NotErased, detail, Again::Worthwhile)
}

#[cfg(test)]
mod tests;
