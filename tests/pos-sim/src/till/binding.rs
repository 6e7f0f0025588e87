//! Changes of the till's provider: a profile is staged, switched to, and erased; each is durable
//! before it is answered, and each can be asked for again.

use std::time::Duration;

use anyhow::Result as Anyhow;
use serde_json::json;

use super::Till;
use super::journal::Journal;
use super::settlement::{DESK_PATIENCE, desk_is_taken};
use crate::clock;
use crate::edition::Edition;
use crate::fault::Fault;
use crate::file;
use crate::protocol::{BindingState, Code, Figures, Outcome, Profile, Refusal, done};

/// In the data directory of a till that was erased.
pub(super) const ERASED: &str = "erased";

/// How often a till that hangs on request looks whether it still should.
const HANG_LOOK: Duration = Duration::from_millis(100);

impl Till {
    pub(super) fn stage_binding(&self, name: &str, profile: &Profile) -> Outcome {
        self.fails_by(Fault::StageFails)?;
        let _seat = self.desk.take_for_bookkeeping(DESK_PATIENCE).ok_or_else(desk_is_taken)?;
        self.journal().stage(name, profile)?;
        match &profile.secret {
            Some(secret) => Ok(json!({ "key_check_value": secret.check_value() })),
            None => done(),
        }
    }

    /// The desk says that no sale is in flight; the journal, that none can begin.
    pub(super) fn switch_binding(&self, to: &str) -> Outcome {
        self.fails_by(Fault::SwitchFails)?;
        let seat = self.desk.take_for_bookkeeping(DESK_PATIENCE).ok_or_else(desk_is_taken)?;
        self.journal().switch(to, clock::unix_ms())?;
        drop(seat);
        self.hangs_by(Fault::SwitchHangs);
        Ok(json!({ "active": to }))
    }

    pub(super) fn erase_binding(&self, name: &str) -> Outcome {
        self.fails_by(Fault::EraseFails)?;
        let _seat = self.desk.take_for_bookkeeping(DESK_PATIENCE).ok_or_else(desk_is_taken)?;
        let line = self.line(name).ok();
        let _nobody_sends = line.as_ref().map(|line| line.sending());
        self.journal().erase(name)?;
        done()
    }

    pub(super) fn figures(&self, name: &str) -> Result<Figures, Refusal> {
        let journal = self.journal();
        let figures = journal.figures(name, clock::unix_ms())?.ok_or_else(|| no_binding(name))?;
        let state = journal.binding(name)?.map(|binding| binding.state);
        drop(journal);
        let is_active = state == Some(BindingState::Active);
        Ok(if is_active && self.faults.active(Fault::FiguresBad) {
            worse(figures)
        } else {
            figures
        })
    }

    pub(super) fn stop_trading(&self, message: &str) -> Outcome {
        self.fails_by(Fault::StopFails)?;
        self.journal().stop_trading(message, clock::unix_ms())?;
        if !self.desk.wait_until_no_sale(DESK_PATIENCE) {
            let text = "trading is stopped; the sale in flight is not over yet";
            return Err(Refusal::not_ready(text));
        }
        done()
    }

    /// Its keys and all of its records, for good. A till that is started again after that is out of
    /// service: it has nothing to begin with.
    pub(super) fn erase(&self, owing: bool) -> Outcome {
        self.fails_by(Fault::EraseFails)?;
        let _seat = self.desk.take_for_bookkeeping(DESK_PATIENCE).ok_or_else(desk_is_taken)?;
        let mut journal = self.journal();
        if journal.stopped()?.is_none() {
            return Err(Refusal::new(Code::Refused, "trading is not stopped"));
        }
        if !owing && journal.owes()? {
            return Err(Refusal::new(Code::Refused, "something is to be sent or to be settled"));
        }
        // In this order: until it is said that it is erased, it is stopped by its own journal.
        journal.erase_all()?;
        file::replace(&self.data.join(ERASED), b"out of service\n")?;
        *journal = out_of_service(&self.terminal, self.edition)?;
        done()
    }

    /// The bindings that are meant: the one that is named, or all.
    pub(super) fn meant(&self, named: Option<&str>) -> Result<Vec<String>, Refusal> {
        let all = self.journal().bindings()?.into_iter().map(|binding| binding.name);
        match named {
            None => Ok(all.collect()),
            Some(name) => {
                let found: Vec<_> = all.filter(|binding| binding == name).collect();
                if found.is_empty() { Err(no_binding(name)) } else { Ok(found) }
            }
        }
    }

    pub(super) fn fails_by(&self, fault: Fault) -> Result<(), Refusal> {
        match self.faults.strikes(fault) {
            true => Err(Refusal::new(Code::Failed, format!("the fault {fault:?} struck"))),
            false => Ok(()),
        }
    }

    /// Waits until the fault is over, or the till stops.
    pub(super) fn hangs_by(&self, fault: Fault) {
        while self.desk.stopping().is_none() && self.faults.active(fault) {
            self.desk.pause_until_change(HANG_LOOK);
        }
    }
}

/// A till that was erased has nothing to begin with, and sells nothing.
pub(super) fn out_of_service(terminal: &str, edition: &'static Edition) -> Anyhow<Journal> {
    let mut journal = Journal::of_nobody(terminal, edition)?;
    journal.stop_trading("This till is out of service.", clock::unix_ms())?;
    Ok(journal)
}

pub(super) fn no_binding(name: &str) -> Refusal {
    Refusal::new(Code::Refused, format!("there is no binding {name}"))
}

/// A provider that approves half, errs in a quarter of all cases, and takes three times as long.
fn worse(figures: Figures) -> Figures {
    Figures {
        approved: figures.approved / 2,
        host_errors: figures.host_errors + (figures.payments - figures.host_errors) / 4,
        time_ms: figures.time_ms * 3,
        crashes: figures.crashes + 3,
        ..figures
    }
}
