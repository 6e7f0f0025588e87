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
    /// after the first silence the rest is left for next time too. Returns the first refusal.
    pub(super) fn forward(&self, binding: &str) -> Result<Option<String>> {
        let line = self.line(binding)?;
        let _nobody_else_sends = line.sending();
        let mut refusal = None;
        let to_forward = self.journal().to_forward(binding)?;
        for sale in to_forward {
            let (ask, concluded) = self.message(&sale);
            match self.ask(binding, &ask) {
                Asked::Answered(Answer::Reversed | Answer::Taken) => {
                    self.journal().mark(&sale, concluded, clock::unix_ms())?;
                }
                Asked::Answered(other) => {
                    let stan = sale.stan;
                    let text = format!("host {binding} does not take sale {stan}: {other:?}");
                    print::note(&text);
                    refusal.get_or_insert(text);
                }
                Asked::NotSent(_) | Asked::InDoubt(_) => break,
            }
        }
        Ok(refusal)
    }

    /// What to tell the host about `sale`, and what the sale is once the host has heard it.
    fn message(&self, sale: &Sale) -> (Ask, State) {
        let Sale { stan, batch, kind, state, amount_minor, .. } = *sale;
        let terminal = self.terminal.clone();
        let opened_by = sale.opened_by.clone().filter(|opener| *opener != terminal);
        if state == State::Reversing {
            return (Ask::Reverse { terminal, stan, opened_by }, State::Reversed);
        }
        let kind = match kind {
            Kind::Sale | Kind::Offline => Upload::OfflineSale,
            Kind::Preauthorisation => Upload::Completion,
        };
        (Ask::Upload { terminal, stan, kind, amount_minor, batch, opened_by }, State::Approved)
    }
}
