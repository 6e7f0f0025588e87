//! Actions on the till.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shared::document::Release;
use shared::document::receipt::{TRADING_GOES_ON, TRADING_HELD};
use shared::outcome::{FailureCode, Waiting};
use tracing::debug;

use super::{Hands, done};
use crate::job::{Again, Finding, Found, HOLD_LEASE, Proof, Reply};
use crate::lock::lock;
use crate::machine::Timekeeper;
use crate::maintenance::Work;
use crate::pos::protocol;
use crate::pos::{Binding, Left, PosError, Settled, Suspicion};
use crate::power::Supplies;
use crate::stop::Waited;

/// For a new process to answer after a restart, at most. A till on old hardware takes a minute.
const RESTART_PATIENCE: Duration = Duration::from_secs(120);

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A restart that the till was not ready for is asked for again.
const RESTART_AGAIN: Duration = Duration::from_secs(10);

/// How many holds have begun and not ended.
#[derive(Debug, Default)]
pub(super) struct Holds(Arc<AtomicUsize>);

/// Counts as a hold until it is dropped.
#[derive(Debug)]
pub(super) struct HoldUnderWay(Arc<AtomicUsize>);

impl Holds {
    pub(super) fn begin(&self) -> HoldUnderWay {
        self.0.fetch_add(1, Ordering::SeqCst);
        HoldUnderWay(Arc::clone(&self.0))
    }

    fn are_under_way(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

impl Drop for HoldUnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Hands {
    /// Which process answers, and what a person has reported there.
    pub(super) fn look(&self) -> (Option<String>, Option<Suspicion>) {
        match self.pos.status() {
            Ok(status) => (Some(status.application.instance), status.suspicion),
            Err(error) => {
                debug!(%error, "the till does not say how it does");
                (None, None)
            }
        }
    }

    /// Asked before a shop is disturbed, and again before each attempt: so it is here that a
    /// terminal waits for its charger.
    pub(super) fn ask_till(&self) -> Reply {
        if let Some(detail) = self.supplies.as_ref().and_then(Supplies::keeps_waiting) {
            return Reply::Till { work: Work::LowBattery, detail };
        }
        match self.pos.status() {
            Ok(status) => {
                let work = match status.work {
                    protocol::Work::Free => Work::Free,
                    protocol::Work::Busy => Work::Busy,
                    protocol::Work::Postpone => Work::Postpone,
                };
                Reply::Till { work, detail: open(&status.bindings) }
            }
            Err(error) => Reply::Till { work: Work::NoAnswer, detail: error.to_string() },
        }
    }

    pub(super) fn hold_trading(&self, reason: &str) -> Reply {
        match self.pos.hold(HOLD_LEASE, reason) {
            Ok(()) => done(TRADING_HELD.to_owned()),
            Err(error) => not_done(&error, FailureCode::PosRefused),
        }
    }

    /// Only what a job has held is let go: a till that was stopped for good stays so, whatever is
    /// known here of who has stopped it.
    ///
    /// A hold that the till has not answered may take effect after the release: then trading is
    /// released at once, and again when the hold has been answered or its time is over.
    pub(super) fn release_trading(&self, time: &dyn Timekeeper) -> Reply {
        match self.pos.status() {
            Ok(status) if status.stopped.is_some() => {
                return done(
                    "the till was stopped for good by another order, and stays so".to_owned(),
                );
            }
            // It answers to a release, or that is tried again.
            Ok(_) | Err(_) => {}
        }
        let one_may_come_late = self.holds.are_under_way();
        let mut released = self.pos.release();
        if one_may_come_late && released.is_ok() {
            while self.holds.are_under_way() {
                if time.wait(LOOK_EVERY) == Waited::Stopped {
                    let detail = "a hold is under way that the till has not answered".to_owned();
                    return Reply::NotYet { waiting: Waiting::Till, detail, again_in: None };
                }
            }
            released = self.pos.release();
        }
        match released {
            Ok(()) => done(TRADING_GOES_ON.to_owned()),
            Err(error) => not_done(&error, FailureCode::PosRefused),
        }
    }

    pub(super) fn drain(&self) -> Reply {
        match self.pos.drain(None) {
            Ok(left) => left_over(left),
            Err(error) => not_done(&error, FailureCode::DrainIncomplete),
        }
    }

    pub(super) fn settle(&self) -> Reply {
        match self.pos.settle(None) {
            Ok(batches) => settled(&batches),
            Err(error) => not_done(&error, FailureCode::SettlementMismatch),
        }
    }

    /// Done when another process answers than before; if nothing answered before, when one does.
    pub(super) fn restart(&self, release: &Release, time: &dyn Timekeeper) -> Reply {
        let before = self.pos.status().ok().map(|status| status.application.instance);
        lock(&self.replaced).clone_from(&before);
        let deadline = time.uptime() + self.restart_patience(release);
        let mut ask_at = Some(time.uptime());
        let mut problem = "the same process answers still".to_owned();
        while time.uptime() < deadline {
            if ask_at.is_some_and(|at| at <= time.uptime()) {
                match self.pos.restart() {
                    Ok(()) => ask_at = None,
                    Err(error) if error.is_not_ready() => {
                        ask_at = Some(time.uptime() + RESTART_AGAIN);
                    }
                    Err(error) => return not_done(&error, FailureCode::RestartFailed),
                }
            }
            match self.pos.status() {
                Ok(status) if before.as_ref() != Some(&status.application.instance) => {
                    return done(format!("version {} answers", status.application.version));
                }
                Ok(_) => "the same process answers still".clone_into(&mut problem),
                Err(error) => problem = error.to_string(),
            }
            if time.wait(LOOK_EVERY) == Waited::Stopped {
                "it was given up".clone_into(&mut problem);
                break;
            }
        }
        Reply::Failed {
            code: FailureCode::RestartFailed,
            detail: problem,
            again: Again::Worthwhile,
        }
    }

    /// A release says in what time it is healthy after a restart: one that does not even answer
    /// by then only keeps the shop closed. Of the old version nothing is known.
    fn restart_patience(&self, release: &Release) -> Duration {
        let into_new = self.probe_slot(release) == Reply::Found(Found::Happened);
        let stated = Duration::from_secs(release.health.within_s.into());
        if into_new { RESTART_PATIENCE.min(stated) } else { RESTART_PATIENCE }
    }
}

pub(super) fn not_done(error: &PosError, otherwise: FailureCode) -> Reply {
    let detail = error.to_string();
    match error {
        PosError::NotReady(_) | PosError::NoAnswer(_) => {
            Reply::NotYet { waiting: Waiting::Till, detail, again_in: None }
        }
        PosError::Unsupported(_) => {
            Reply::Failed { code: error.code(otherwise), detail, again: Again::Pointless }
        }
        PosError::Refused(_) | PosError::Failed(_) | PosError::Unintelligible(_) => {
            Reply::Failed { code: error.code(otherwise), detail, again: Again::Worthwhile }
        }
    }
}

/// What is open on a till, for whoever waits for it; nothing, where nothing is.
fn open(bindings: &[Binding]) -> String {
    let sum = |of: fn(&Binding) -> u64| bindings.iter().map(of).fold(0, u64::saturating_add);
    let sales = sum(|it| it.open_batch.as_ref().map_or(0, |batch| batch.count));
    let unsent = sum(|it| it.left.unsent_reversals.saturating_add(it.left.stored_offline));
    match (sales, unsent) {
        (0, 0) => String::new(),
        (_, 0) => format!("sales not settled: {sales}"),
        (_, _) => format!("sales not settled: {sales}, payments not sent: {unsent}"),
    }
}

/// What a till that was drained still has.
pub(super) fn left_over(left: Left) -> Reply {
    if left.unsent_reversals > 0 || left.stored_offline > 0 {
        let detail = format!(
            "{} reversals and {} stored payments wait to be sent",
            left.unsent_reversals, left.stored_offline
        );
        return Reply::NotYet { waiting: Waiting::Till, detail, again_in: None };
    }
    done(format!(
        "nothing is left to be sent; {} pre-authorisations stay open",
        left.open_preauthorisations
    ))
}

/// Both sides must have counted the same for every batch.
pub(super) fn settled(batches: &[Settled]) -> Reply {
    if let Some(odd) = batches.iter().find(|batch| !batch.is_settled()) {
        return Reply::Failed {
            code: FailureCode::SettlementMismatch,
            detail: told(odd),
            again: Again::Pointless,
        };
    }
    let findings = batches.iter().map(|batch| Finding { note: told(batch), digest: None });
    Reply::Done(Proof { version: None, findings: findings.collect() })
}

/// Totals and reference of one batch, for the receipt.
pub(super) fn told(batch: &Settled) -> String {
    let Settled { binding, batch_number, currency, .. } = batch;
    let reference = match batch.host_reference.trim() {
        "" => "no reference from the host".to_owned(),
        reference => format!("reference {reference}"),
    };
    format!(
        "{binding} batch {batch_number}: till {} sales, {} {currency}; host {} sales, {} \
         {currency}; {reference}",
        batch.count, batch.total_minor, batch.host_count, batch.host_total_minor,
    )
}
