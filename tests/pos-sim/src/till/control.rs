//! Answers the driver protocol. `hold` answers when the sale in flight is over; `restart` answers
//! first and then ends the process, which whoever keeps the till starts again.

use serde_json::json;

use super::Till;
use super::acquirer::{Acquirer, Asked};
use super::journal::Binding;
use super::settlement::DESK_PATIENCE;
use crate::edition::SelfTest;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::host::message::{Answer, Ask, Merchant};
use crate::json_lines::{Reply, Service};
use crate::protocol::{
    Application, BindingStatus, Check, Code, HostReached, Outcome, Refusal, Request, Status,
    Trading, Verb, Work, done, ok,
};
use crate::{clock, suspicious};

impl Service for Till {
    fn serve(&self, request: Request, reply: Reply) {
        if self.faults.active(Fault::Hang) {
            return; // what was asked of a hung till is never carried out, not even later
        }
        let verb = match Verb::of(&request) {
            Ok(verb) => verb,
            Err(refusal) => return reply.send(&Err(refusal)),
        };
        let is_restart = verb == Verb::Restart;
        let outcome = self.carry_out(verb);
        let is_done = outcome.is_ok();
        reply.send(&outcome);
        if is_restart && is_done {
            self.desk.stop(Exit::Restart);
        }
    }
}

impl Till {
    fn carry_out(&self, verb: Verb) -> Outcome {
        match verb {
            Verb::Status => ok(&self.status()?),
            Verb::Hold { lease_s, reason } => self.hold(lease_s, &reason),
            Verb::Release => self.release(),
            Verb::Drain { binding } => Ok(json!({ "left": self.drain(binding.as_deref())? })),
            Verb::Settle { binding } => Ok(json!({ "batches": self.settle(binding.as_deref())? })),
            Verb::SelfTest => Ok(self.self_test()),
            Verb::HostCheck => Ok(json!({ "hosts": self.host_check()? })),
            Verb::Restart => self.prepare_restart(),
            Verb::ShowNotice { text } => {
                self.journal().show_notice(&text, clock::unix_ms())?;
                done()
            }
            Verb::Export { into } => ok(&self.export(&into)?),
            Verb::Rehearse(source) => Ok(json!({ "data_sets": self.rehearse(&source)? })),
            Verb::Import(source) => Ok(json!({ "data_sets": self.import(&source)? })),
            Verb::RevertImport => self.revert_import(),
            Verb::CommitImport => self.commit_import(),
            Verb::StageBinding { binding, profile } => self.stage_binding(&binding, &profile),
            Verb::SwitchBinding { to } => self.switch_binding(&to),
            Verb::TestTransaction(test) => ok(&self.test_transaction(&test)?),
            Verb::VoidTests { binding } => Ok(json!({ "left": self.void_tests(&binding)? })),
            Verb::EraseBinding { binding } => self.erase_binding(&binding),
            Verb::Figures { binding } => ok(&self.figures(&binding)?),
            Verb::StopTrading { message } => self.stop_trading(&message),
            Verb::Erase { owing } => self.erase(owing),
        }
    }

    fn status(&self) -> anyhow::Result<Status> {
        // In this order, or a sale could begin between the two looks and be overlooked.
        let journal = self.journal();
        let lease = journal.held(clock::unix_ms())?;
        let stopped = journal.stopped()?;
        drop(journal);
        let is_closed = lease.is_some() || stopped.is_some();
        let selling = self.desk.sale_is_in_flight();
        let work = if self.faults.active(Fault::Postpone) {
            Work::Postpone
        } else if selling || self.faults.active(Fault::Busy) {
            Work::Busy
        } else {
            Work::Free
        };
        let version =
            if self.faults.active(Fault::WrongVersion) { "0.0.0" } else { self.edition.version };
        let bindings = self.journal().bindings()?;
        let bindings = bindings.into_iter().map(|binding| self.binding_status(binding));
        let bindings = bindings.collect::<anyhow::Result<_>>()?;
        Ok(Status {
            application: Application {
                component: "pos-sim",
                version: version.to_owned(),
                instance: self.instance.clone(),
                started_at: self.started_ms / 1000,
            },
            work,
            trading: if is_closed && !selling { Trading::Held } else { Trading::Open },
            hold_expires_at: lease.map(|lease| lease.expires_at()),
            stopped,
            suspicion: suspicious::last(&self.data),
            bindings,
        })
    }

    fn binding_status(&self, binding: Binding) -> anyhow::Result<BindingStatus> {
        let Binding { name: binding, state, provider, mid, tid, merchant, hosts: _ } = binding;
        let journal = self.journal();
        let open_batch = journal.open_figures(&binding)?;
        let left = journal.left(&binding)?;
        Ok(BindingStatus { binding, state, provider, mid, tid, name: merchant, open_batch, left })
    }

    fn hold(&self, lease_s: u32, reason: &str) -> Outcome {
        if self.faults.strikes(Fault::RefuseHold) {
            return Err(Refusal::new(Code::Refused, "the fault refuse-hold is set"));
        }
        if self.faults.active(Fault::Busy) || self.faults.active(Fault::Postpone) {
            return Err(Refusal::not_ready("the shop asks not to be disturbed now"));
        }
        self.journal().hold(lease_s, reason, clock::unix_ms())?;
        if !self.desk.wait_until_no_sale(DESK_PATIENCE) {
            return Err(Refusal::not_ready("trading is held; the sale in flight is not over yet"));
        }
        done()
    }

    fn release(&self) -> Outcome {
        self.journal().release()?;
        self.desk.something_changed();
        done()
    }

    fn self_test(&self) -> serde_json::Value {
        let journal = self.journal().try_to_write();
        let printer_works = !self.faults.strikes(Fault::SelfTestFails);
        let reader_works = self.edition.self_test == SelfTest::Honest;
        let check = |name, passed, detail: &str| {
            let detail = if passed { String::new() } else { detail.to_owned() };
            Check { name, passed, detail }
        };
        let cannot_write = journal.as_ref().err().map(|error| format!("{error:#}"));
        let checks = [
            check("card_reader", reader_works, "no card reader found"),
            check("printer", printer_works, "the fault self-test-fails is set"),
            check("journal", journal.is_ok(), &cannot_write.unwrap_or_default()),
        ];
        json!({ "passed": checks.iter().all(|check| check.passed), "checks": checks })
    }

    /// Asks over lines of its own, so that it neither waits for a customer nor disturbs one.
    fn host_check(&self) -> anyhow::Result<Vec<HostReached>> {
        let ask = Ask::Diagnose { terminal: self.terminal.clone() };
        let mut hosts = Vec::new();
        let bindings = self.journal().bindings()?;
        for Binding { name, provider, mid, tid, hosts: addresses, .. } in bindings {
            let merchant = Merchant { mid, tid };
            let asked = Acquirer::new(addresses, merchant, self.faults.clone()).ask(&ask);
            let (reachable, detail, last_batch) = match asked {
                Asked::Answered(Answer::Here { host, last_batch }) if host == provider => {
                    (true, String::new(), last_batch)
                }
                Asked::Answered(Answer::Refused { reason }) => (false, reason, None),
                Asked::Answered(other) => (false, format!("another host answers: {other:?}"), None),
                Asked::NotSent(error) | Asked::InDoubt(error) => {
                    (false, format!("{error:#}"), None)
                }
            };
            hosts.push(HostReached { binding: name, reachable, detail, last_batch });
        }
        Ok(hosts)
    }

    /// Lets what is under way end first. A customer who slips in before the till stops is served
    /// to the end, too.
    fn prepare_restart(&self) -> Outcome {
        match self.desk.take_for_bookkeeping(DESK_PATIENCE) {
            Some(_seat) => done(),
            None => Err(Refusal::not_ready("the sale in flight is not over yet")),
        }
    }
}
