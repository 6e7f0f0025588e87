//! The till's lines to the hosts of its bindings, and what is sent on them while nobody asks for
//! it: what a binding that is not active still owes its host.
//!
//! What a binding owes is sent by one party at a time: whoever sends has its line's `sending`. So a
//! host that does not answer holds up nobody but those who want something of the same host.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Result, anyhow};

use super::Till;
use super::acquirer::{Acquirer, Asked};
use super::journal::Binding;
use crate::fault::Fault;
use crate::host::message::{Ask, Merchant};
use crate::print;
use crate::protocol::BindingState;

/// How often a till looks whether a binding that is not active owes something, after success; after
/// each failure it waits twice as long.
const LOOK_FIRST: Duration = Duration::from_secs(1);
const LOOK_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Lines(Mutex<BTreeMap<String, Arc<Line>>>);

#[derive(Debug)]
pub(super) struct Line {
    hosts: Vec<String>,
    merchant: Merchant,
    acquirer: Mutex<Acquirer>,
    sending: Mutex<()>,
}

const NEVER_POISONED: &str = "nothing panics while it speaks to a host";

impl Line {
    /// Until it is dropped, nobody else sends what the binding owes.
    pub(super) fn sending(&self) -> MutexGuard<'_, ()> {
        self.sending.lock().expect(NEVER_POISONED)
    }
}

impl Till {
    /// The line of a binding, made anew if its tuple is another one now.
    pub(super) fn line(&self, name: &str) -> Result<Arc<Line>> {
        let binding = self.journal().binding(name)?;
        let mut lines = self.lines.0.lock().expect(NEVER_POISONED);
        let Some(Binding { hosts, mid, tid, .. }) = binding else {
            lines.remove(name);
            return Err(anyhow!("there is no binding {name}"));
        };
        let merchant = Merchant { mid, tid };
        if let Some(line) = lines.get(name)
            && (&line.hosts, &line.merchant) == (&hosts, &merchant)
        {
            return Ok(Arc::clone(line));
        }
        let acquirer =
            Mutex::new(Acquirer::new(hosts.clone(), merchant.clone(), self.faults.clone()));
        let line = Arc::new(Line { hosts, merchant, acquirer, sending: Mutex::default() });
        lines.insert(name.to_owned(), Arc::clone(&line));
        Ok(line)
    }

    /// Asks the host of `binding`.
    pub(super) fn ask(&self, binding: &str, ask: &Ask) -> Asked {
        match self.line(binding) {
            Ok(line) => line.acquirer.lock().expect(NEVER_POISONED).ask(ask),
            Err(error) => Asked::NotSent(error),
        }
    }

    /// Sends what bindings that are not active still owe, until the till stops. It neither takes
    /// the desk nor waits for customers.
    pub(super) fn send_in_the_background(&self) {
        let mut pause = LOOK_FIRST;
        while self.desk.stopping().is_none() {
            self.desk.pause(pause);
            if self.faults.active(Fault::Hang) {
                continue;
            }
            pause = match self.send_what_is_owed() {
                Ok(true) => LOOK_FIRST,
                Ok(false) => (pause * 2).min(LOOK_MAX),
                Err(error) => {
                    print::note(&format!("cannot send what is owed: {error:#}"));
                    (pause * 2).min(LOOK_MAX)
                }
            };
        }
    }

    /// True if nothing is left that could be sent.
    fn send_what_is_owed(&self) -> Result<bool> {
        let bindings = self.journal().bindings()?;
        let mut all_sent = true;
        for Binding { name, .. } in
            bindings.iter().filter(|binding| binding.state != BindingState::Active)
        {
            if self.journal().to_forward(name)?.is_empty() {
                continue;
            }
            self.forward(name)?;
            all_sent &= self.journal().to_forward(name)?.is_empty();
        }
        Ok(all_sent)
    }
}
