//! Actions by which a till that stood still sells again: it is looked over, tested, emptied of its
//! tests, and let go of. Nothing here lets a till sell but [`Hands::sell`].

use shared::change::rebind::{Test, TestKind};
use shared::document::receipt::TRADING_GOES_ON;
use shared::outcome::{FailureCode, Waiting};

use super::super::binding::{NotDone, all_answer, failed, pos, waiting};
use super::super::till::{left_over, settled};
use super::super::{Hands, done, misplaced};
use crate::health::{self, Unhealthy};
use crate::job::deactivate::{Deactivation, Wanted, owing};
use crate::job::{Again, Finding, Proof, Reply, Task};
use crate::pos::{PosError, Trading, Trial};
use crate::stop::Stop;

/// What the receipt of a return to service says that the terminal is now.
const IN_SERVICE: &str = "in service";

/// On the screen of a till whose own message was forgotten by a new version.
const OUT_OF_SERVICE: &str = "No card payments here for now. Take another till.";

impl Hands {
    /// A till that finds something broken has failed; a host that is away is waited for.
    pub(super) fn look_over(&self) -> Result<Reply, NotDone> {
        let examined = health::self_test(&*self.pos).map_err(|unhealthy| match unhealthy {
            Unhealthy::NotReady(detail) => waiting(Waiting::Till, detail),
            Unhealthy::Shown(detail) => failed(FailureCode::TestFailed, detail, Again::Worthwhile),
        })?;
        let active = self.active_bindings()?;
        let names: Vec<_> = active.iter().map(|it| it.binding.as_str()).collect();
        let reached = match self.pos.host_check() {
            Ok(hosts) => {
                all_answer(&hosts, &names)?;
                format!("the hosts of {} answer", names.join(", "))
            }
            Err(PosError::Unsupported(_)) => "this till cannot check its hosts".to_owned(),
            Err(error) => return Err(pos(&error, FailureCode::TestFailed)),
        };
        let findings = [examined, reached].map(|note| Finding { note, digest: None });
        Ok(Reply::Done(Proof { version: None, findings: findings.into() }))
    }

    pub(super) fn test_active(
        &self,
        it: &Deactivation,
        task: &Task,
        stop: &Stop,
    ) -> Result<Reply, NotDone> {
        let Wanted::Resume(resume) = &it.wanted else { return Ok(misplaced(task.action)) };
        let mut findings = Vec::new();
        for active in self.active_bindings()? {
            let binding = active.binding.as_str();
            let key = |number: usize| format!("{}/{binding}/{number}", task.order);
            let why = self.failed_test(&resume.tests, binding, key, stop, &mut findings)?;
            if let Some(detail) = why {
                return Err(failed(FailureCode::TestFailed, detail, Again::Pointless));
            }
        }
        Ok(Reply::Done(Proof { version: None, findings }))
    }

    /// Also what is done about tests that were not passed: no money of theirs is left anywhere.
    pub(super) fn close_tests(&self, task: &Task) -> Result<Reply, NotDone> {
        let mut findings = Vec::new();
        for active in self.active_bindings()? {
            let binding = active.binding.as_str();
            self.void_tests(binding, &format!("of {binding}"))?;
            let left = self.pos.drain(Some(binding));
            let left = left.map_err(|error| pos(&error, FailureCode::DrainIncomplete))?;
            let batches = self.pos.settle(Some(binding));
            let batches = batches.map_err(|error| pos(&error, FailureCode::SettlementMismatch))?;
            for reply in [left_over(left), settled(&batches)] {
                match reply {
                    Reply::Done(proof) => findings.extend(proof.findings),
                    reply @ (Reply::AlreadySo(_)
                    | Reply::NotYet { .. }
                    | Reply::Failed { .. }
                    | Reply::Found(_)
                    | Reply::Till { .. }) => return Err(Box::new(reply)),
                }
            }
            findings.push(self.batch_closed(binding, task)?);
        }
        let status = self.pos.status();
        let status = status.map_err(|error| pos(&error, FailureCode::SettlementMismatch))?;
        match owing::owed(&status.bindings, &[]).first() {
            None => Ok(Reply::Done(Proof { version: None, findings })),
            Some(first) => {
                let detail = format!("{} has something to send or to settle", first.binding);
                Err(failed(FailureCode::SettlementMismatch, detail, Again::Worthwhile))
            }
        }
    }

    /// Whatever the test plan says: a settlement leaves a batch alone in which all was undone. Each
    /// attempt is a test of its own, since a till answers one of the same name the same for ever.
    fn batch_closed(&self, binding: &str, task: &Task) -> Result<Finding, NotDone> {
        let attempt = task.given.attempt;
        let key = format!("{}/{binding}/close/{attempt}", task.order);
        let test = Test { kind: TestKind::BatchClose, amount_minor: 0 };
        let closed = self.pos.test_transaction(&Trial { binding, key, test });
        let closed = closed.map_err(|error| pos(&error, FailureCode::SettlementMismatch))?;
        if !closed.passed {
            let detail = format!("the batch of the tests of {binding}: {}", closed.detail);
            return Err(failed(FailureCode::SettlementMismatch, detail, Again::Worthwhile));
        }
        let note = format!("the batch of the tests of {binding} is closed; {}", closed.detail);
        Ok(Finding { note, digest: None })
    }

    /// A suspension that is taken back gives back no more than it has taken.
    pub(super) fn sell(&self, it: &Deactivation, task: &Task) -> Result<Reply, NotDone> {
        if matches!(it.wanted, Wanted::Suspend(_)) && task.given.suspended {
            return Ok(done("the till was out of service before, and stays so".to_owned()));
        }
        if task.given.locked {
            // Handed over: it is let go once the controller is heard.
            let stopped = self.pos.stop_trading(crate::lease::MESSAGE);
            stopped.map_err(|error| pos(&error, FailureCode::PosRefused))?;
            return Ok(done("the till is given back, and is locked".to_owned()));
        }
        self.pos.release().map_err(|error| pos(&error, FailureCode::PosRefused))?;
        Ok(done(TRADING_GOES_ON.to_owned()))
    }

    pub(super) fn confirm_selling(&self) -> Result<Reply, NotDone> {
        let status = self.pos.status().map_err(|error| pos(&error, FailureCode::PosRefused))?;
        match status.stopped.is_none() && status.trading == Trading::Open {
            true => {
                let version = Some(IN_SERVICE.to_owned());
                Ok(Reply::Done(Proof { version, findings: Vec::new() }))
            }
            false => {
                let detail = "the till says that it does not sell".to_owned();
                Err(failed(FailureCode::PosRefused, detail, Again::Worthwhile))
            }
        }
    }

    /// What another job has restarted or replaced while the terminal is out of service. A version
    /// that does not keep to that is stopped at once, and has failed.
    pub(in super::super) fn still_stopped(&self, reply: Reply, code: FailureCode) -> Reply {
        let said = match &reply {
            Reply::Done(_) => self.pos.status(),
            Reply::AlreadySo(_)
            | Reply::NotYet { .. }
            | Reply::Failed { .. }
            | Reply::Found(_)
            | Reply::Till { .. } => return reply,
        };
        let version = match said {
            Ok(status) if status.stopped.is_some() && status.trading == Trading::Held => {
                return reply;
            }
            Ok(status) => status.application.version,
            Err(error) => return *pos(&error, code),
        };
        let stopped = match self.pos.stop_trading(OUT_OF_SERVICE) {
            Ok(()) => "it was stopped again".to_owned(),
            Err(error) => format!("it could not be stopped: {error}"),
        };
        let detail = format!("version {version} sells, and this till is out of service; {stopped}");
        Reply::Failed { code, detail, again: Again::Pointless }
    }
}
