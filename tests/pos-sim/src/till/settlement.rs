//! Closes batches with the hosts. Asking again is always safe: a batch's figures are fixed in the
//! journal before the host sees them, and the host closes a batch once.

use std::time::Duration;

use anyhow::Result;

use super::acquirer::Asked;
use super::journal::Batch;
use super::{CURRENCY, Till};
use crate::fault::Fault;
use crate::host::message::{Answer, Ask};
use crate::print;
use crate::protocol::{Code, Left, Refusal, SettledBatch};

/// How long bookkeeping waits for the customer at the desk.
pub(super) const DESK_PATIENCE: Duration = Duration::from_secs(20);

impl Till {
    /// Sends what can be sent, for one binding or all; returns what is left.
    pub(super) fn drain(&self, named: Option<&str>) -> Result<Left, Refusal> {
        let _seat = self.desk.take_for_bookkeeping(DESK_PATIENCE).ok_or_else(desk_is_taken)?;
        let mut all = Left::default();
        for binding in self.meant(named)? {
            self.forward(&binding)?;
            let left = self.journal().left(&binding)?;
            all.unsent_reversals += left.unsent_reversals;
            all.stored_offline += left.stored_offline;
            all.open_preauthorisations += left.open_preauthorisations;
        }
        Ok(all)
    }

    /// Closes every batch that holds a sale, of one binding or of all. A binding with nothing to
    /// close answers with the batch it closed last: the caller may have lost that answer.
    pub(super) fn settle(&self, named: Option<&str>) -> Result<Vec<SettledBatch>, Refusal> {
        if self.faults.strikes(Fault::RefuseSettle) {
            return Err(Refusal::new(Code::Refused, "the fault refuse-settle is set"));
        }
        let _seat = self.desk.take_for_bookkeeping(DESK_PATIENCE).ok_or_else(desk_is_taken)?;
        let mut answer = Vec::new();
        for binding in self.meant(named)? {
            self.settle_binding(&binding, &mut answer)?;
        }
        Ok(answer)
    }

    fn settle_binding(&self, binding: &str, answer: &mut Vec<SettledBatch>) -> Result<(), Refusal> {
        let refusal = self.forward(binding)?;
        self.nothing_is_unsent(binding, refusal)?;
        self.journal().offer_open_batch(binding)?;
        let offered = self.journal().offered_batches(binding)?;
        if offered.is_empty() {
            answer.extend(self.journal().last_settled_batch(binding)?.map(settled_before));
            return Ok(());
        }
        for batch in &offered {
            answer.push(self.settle_batch(batch)?);
        }
        Ok(())
    }

    /// Nothing that the host refuses is dropped; whoever settles is told what it is, and why.
    pub(super) fn nothing_is_unsent(
        &self,
        binding: &str,
        refusal: Option<String>,
    ) -> Result<(), Refusal> {
        let Left { unsent_reversals, stored_offline, .. } = self.journal().left(binding)?;
        if unsent_reversals + stored_offline > 0 {
            let why = refusal.unwrap_or_else(|| "drain first".to_owned());
            return Err(Refusal::not_ready(format!(
                "{unsent_reversals} reversal(s) and {stored_offline} stored sale(s) of binding \
                 {binding} have not reached its host: {why}",
            )));
        }
        Ok(())
    }

    pub(super) fn settle_batch(&self, batch: &Batch) -> Result<SettledBatch, Refusal> {
        let Batch { binding, number, mut count, mut total_minor, .. } = batch.clone();
        if self.faults.strikes(Fault::LieAboutTotals) {
            (count, total_minor) = (count + 1, total_minor + 100);
        }
        let terminal = self.terminal.clone();
        let asked =
            self.ask(&binding, &Ask::Settle { terminal, batch: number, count, total_minor });
        let (host_count, host_total_minor, host_reference) = match asked {
            Asked::Answered(Answer::Settled { reference, count, total_minor }) => {
                if self.faults.strikes(Fault::LoseSettleAnswer) {
                    return Err(Refusal::not_ready("the fault lose-settle-answer struck"));
                }
                self.journal().mark_settled(batch, &reference)?;
                (count, total_minor, reference)
            }
            Asked::Answered(Answer::TotalsDiffer { count, total_minor }) => {
                print::note(&format!("host {binding} has other figures for batch {number}"));
                (count, total_minor, String::new())
            }
            Asked::Answered(other) => {
                let text = format!("host {binding} does not settle batch {number}: {other:?}");
                return Err(Refusal::new(Code::Failed, text));
            }
            Asked::NotSent(error) | Asked::InDoubt(error) => {
                let text = format!("batch {number} of binding {binding}: {error:#}; ask again");
                return Err(Refusal::not_ready(text));
            }
        };
        Ok(SettledBatch {
            binding,
            batch_number: number,
            currency: CURRENCY,
            count,
            total_minor,
            host_count,
            host_total_minor,
            host_reference,
        })
    }
}

/// A host settles only on equal figures, so the till's are the host's.
fn settled_before(batch: Batch) -> SettledBatch {
    let Batch { binding, number, count, total_minor, host_reference } = batch;
    SettledBatch {
        binding,
        batch_number: number,
        currency: CURRENCY,
        count,
        total_minor,
        host_count: count,
        host_total_minor: total_minor,
        host_reference,
    }
}

pub(super) fn desk_is_taken() -> Refusal {
    Refusal::not_ready("the sale in flight takes too long")
}
