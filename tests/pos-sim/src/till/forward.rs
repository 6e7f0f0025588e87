//! Tells a host what it must still hear: reversals first, then what was approved without it.
//! Each goes to the host of its own binding, whichever is active.

use anyhow::Result;

use super::Till;
use super::acquirer::Asked;
use super::journal::{Kind, Sale, State};
use crate::host::message::{Answer, Ask, Upload};
use crate::{clock, print};

impl Till {
    /// Sends what can be sent now. What the host does not take stays in the journal for next time;
    /// after the first silence the rest is left for next time too.
    pub(super) fn forward(&self, binding: &str) -> Result<()> {
        let line = self.line(binding)?;
        let _nobody_else_sends = line.sending();
        let to_forward = self.journal().to_forward(binding)?;
        for sale in to_forward {
            let (ask, concluded) = self.message(&sale);
            match self.ask(binding, &ask) {
                Asked::Answered(Answer::Reversed | Answer::Taken) => {
                    self.journal().mark(&sale, concluded, clock::unix_ms())?;
                }
                Asked::Answered(other) => {
                    let stan = sale.stan;
                    print::note(&format!("host {binding} does not take sale {stan}: {other:?}"));
                }
                Asked::NotSent(_) | Asked::InDoubt(_) => break,
            }
        }
        Ok(())
    }

    /// What to tell the host about `sale`, and what the sale is once the host has heard it.
    fn message(&self, sale: &Sale) -> (Ask, State) {
        let Sale { stan, batch, kind, state, amount_minor, .. } = *sale;
        let terminal = self.terminal.clone();
        if state == State::Reversing {
            return (Ask::Reverse { terminal, stan }, State::Reversed);
        }
        let kind = match kind {
            Kind::Sale | Kind::Offline => Upload::OfflineSale,
            Kind::Preauthorisation => Upload::Completion,
        };
        (Ask::Upload { terminal, stan, kind, amount_minor, batch }, State::Approved)
    }
}
