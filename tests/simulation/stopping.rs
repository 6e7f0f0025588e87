//! What each action on the till's standing does to the world, in place of the shell's hands.

use std::time::Duration;

use agent::job::deactivate::{DeactivateAction, Deactivation, Wanted, owing};
use agent::job::{Again, Proof, Reply, Subject, Task};
use shared::outcome::{FailureCode, Waiting};
use shared::owed::{SUSPENDED, SUSPENDED_OWING};
use shared::time::UnixTime;

use crate::bank::Tested;
use crate::hands::{Answered, done, done_if, failed, not_yet, patiently};
use crate::rebinding::VERIFIED_WITHIN;
use crate::scenario::{Bug, Job, Trouble};
use crate::till::SALE_TAKES;
use crate::world::World;

const SOON: Duration = Duration::from_millis(300);

/// How long a till may still sell that nobody has stopped yet when it is to stop: one that was off
/// then, or whose agent was, starts before the agent does, and that asks what to do first. A till
/// that was stopped is stopped by what it knows itself, and has none of this.
pub(crate) const STOPPED_WITHIN: Duration = Duration::from_secs(30);

/// Erasing takes so long, and the power can fail in between.
const ERASED_WITHIN: Duration = Duration::from_secs(20);

const HOUR: Duration = Duration::from_secs(3600);

impl World {
    pub(crate) fn deactivate(
        &mut self,
        action: DeactivateAction,
        task: &Task,
        waited: Duration,
    ) -> Answered {
        use DeactivateAction as It;
        let Subject::Deactivation(it) = &*task.subject else {
            return Ok((failed(FailureCode::Internal), SOON));
        };
        if self.till.running().is_none() && asks_till(action) {
            let answered = patiently(waited, FailureCode::PosNotReady);
            return answered.map(|(_, after)| (not_yet(Waiting::Till), after));
        }
        let reply = match action {
            It::Check | It::Announce => done(),
            It::Stop => {
                self.watch_the_moment(&it.wanted);
                let stopped = self.till.stop();
                if stopped {
                    self.shut_from.get_or_insert(self.now);
                }
                // It answers once the sale in flight is over.
                if stopped && !self.till.is_free() {
                    return Err(Duration::from_secs(1));
                }
                done_if(stopped, FailureCode::PosNotReady)
            }
            It::SettleOrOwe => self.settles_or_owes(it, task),
            It::ConfirmSaved if self.vault.is_kept_verified(self.now) => done(),
            It::ConfirmSaved if waited < VERIFIED_WITHIN => return Err(Duration::from_secs(5)),
            It::ConfirmSaved => not_yet(Waiting::Network),
            It::ConfirmStopped => {
                let side = self.till.bank.active();
                let may_owe = task.given.established.as_deref() == Some(SUSPENDED_OWING);
                let is_seen = !may_owe && self.scenario.bug != Some(Bug::OwesUnseen);
                let owes = is_seen && self.till.bank.has_money(side);
                let is_now = if may_owe { SUSPENDED_OWING } else { SUSPENDED };
                match self.till.is_stopped() && !owes {
                    true => is_so(is_now),
                    false => failed(FailureCode::NotStopped),
                }
            }
            It::SelfTest if self.scenario.trouble == Some(Trouble::SelfTestFails) => {
                worthwhile(FailureCode::TestFailed)
            }
            // The hosts are asked too, and waited for.
            It::SelfTest if !self.till.bank.answers(self.till.bank.active(), self.now) => {
                not_yet(Waiting::Network)
            }
            It::SelfTest => {
                self.looked_over = true;
                done()
            }
            It::Test => return self.test_active(),
            It::CloseTests => self.close_tests(),
            It::Sell if matches!(it.wanted, Wanted::Suspend(_)) && task.given.suspended => done(),
            It::Sell if task.given.locked => {
                self.shut_from = None;
                done_if(self.till.hand_over(), FailureCode::PosNotReady)
            }
            It::Sell => {
                self.watch_who_lets_it_sell(&it.wanted);
                done_if(self.till.release(), FailureCode::PosNotReady)
            }
            It::ConfirmSelling => done_if(self.till.is_selling(), FailureCode::PosRefused),
            It::RescueMoney => {
                self.till.drain();
                self.till.settle();
                done()
            }
            It::Erase => return self.erase(&it.wanted, waited),
        };
        Ok((reply, SOON))
    }

    /// The test sale is sent, answered and voided one after the other, and the power can fail in
    /// between.
    fn test_active(&mut self) -> Answered {
        if self.scenario.trouble == Some(Trouble::TestDeclined) {
            return Ok((failed(FailureCode::TestFailed), SOON));
        }
        let side = self.till.bank.active();
        self.changes += 1;
        match self.till.bank.test(side, self.now, 0) {
            Tested::GoesOn => Err(SOON),
            Tested::Passed => {
                self.tested = true;
                Ok((done(), SOON))
            }
            Tested::Failed => Ok((failed(FailureCode::TestFailed), SOON)),
        }
    }

    fn close_tests(&mut self) -> Reply {
        let side = self.till.bank.active();
        self.till.bank.void_tests(self.now);
        if self.scenario.trouble == Some(Trouble::TestsDisagree) {
            return worthwhile(FailureCode::SettlementMismatch);
        }
        let settled = self.till.bank.settle(side, self.now);
        self.tests_closed = settled && !self.till.bank.has_money(side);
        done_if(self.tests_closed, FailureCode::SettlementMismatch)
    }

    /// The host counts otherwise for an hour from when it is asked first.
    pub(crate) fn settles(&mut self) -> Reply {
        if self.scenario.trouble == Some(Trouble::HostCountsOtherwise) {
            let asked_at = *self.settle_asked_at.get_or_insert(self.now);
            if self.now < asked_at + HOUR {
                return worthwhile(FailureCode::SettlementMismatch);
            }
        }
        match self.till.settle() {
            true => done(),
            false => worthwhile(FailureCode::SettlementMismatch),
        }
    }

    /// What the host does not take is owed, once people accept that.
    fn settles_or_owes(&mut self, it: &Deactivation, task: &Task) -> Reply {
        let Some((delay, cut_off)) = it.delay() else { return failed(FailureCode::Internal) };
        if self.till.drain() && matches!(self.settles(), Reply::Done(_)) {
            return done();
        }
        let owed = [self.till.bank.owed(self.till.bank.active())];
        if owing::not_accepted(delay, cut_off, &owed, task.given.proven).is_some() {
            return worthwhile(FailureCode::SettlementMismatch);
        }
        if self.wall() < delay.begins(cut_off) {
            self.breaches.push("the host was not waited for as long as was signed".to_owned());
        }
        is_so(SUSPENDED_OWING)
    }

    /// A till that owes something is saved with it.
    pub(crate) fn watch_what_is_owed(&mut self) {
        if !self.vault.is_verified_since(self.till.sold_at, self.now) {
            self.breaches.push("what is owed is saved nowhere".to_owned());
        }
    }

    /// As till and eraser do it: that it has begun is written down outside of what is erased, and
    /// it goes on where it was.
    fn erase(&mut self, wanted: &Wanted, waited: Duration) -> Answered {
        self.watch_the_erasing(wanted);
        self.till.begin_erasing(self.scenario.bug != Some(Bug::BarsNobody));
        if self.scenario.trouble == Some(Trouble::EraseRefused) {
            let asked_at = *self.erase_asked_at.get_or_insert(self.now);
            if self.now < asked_at + HOUR {
                return Ok((worthwhile(FailureCode::NotErased), SOON));
            }
        }
        if waited < ERASED_WITHIN {
            self.changes += 1;
            return Err(ERASED_WITHIN / 2);
        }
        self.till.erased = Some(true);
        Ok((is_so("erased"), SOON))
    }

    pub(crate) fn cut_off(&self) -> Option<Duration> {
        (self.scenario.job == Job::Suspend).then_some(self.scenario.cut_off)
    }

    /// A till stops no earlier than people said, as far as the terminal can know the time.
    fn watch_the_moment(&mut self, wanted: &Wanted) {
        if let Wanted::Suspend(suspend) = wanted
            && self.wall() < suspend.cut_off
        {
            self.breaches.push("the till was stopped before its cut-off".to_owned());
        }
    }

    /// Whatever must be so before a till that was suspended sells again.
    pub(crate) fn has_passed_its_tests(&self) -> bool {
        self.looked_over && self.tested && self.tests_closed
    }

    fn watch_who_lets_it_sell(&mut self, wanted: &Wanted) {
        let may = match wanted {
            Wanted::Suspend(_) => self.scenario.cancelled_at.is_some_and(|at| at <= self.now),
            Wanted::Resume(_) => self.has_passed_its_tests(),
            Wanted::Wipe(..) => false,
        };
        if !may {
            self.breaches.push("the till was let sell by nobody's word".to_owned());
        }
        self.let_go_at.get_or_insert(self.now);
        self.shut_from = None;
    }

    fn watch_the_erasing(&mut self, wanted: &Wanted) {
        let Wanted::Wipe(wipe, _) = wanted else {
            return self.breaches.push("erased by no wipe".to_owned());
        };
        if !self.till.is_stopped() {
            self.breaches.push("a till that was not stopped was erased".to_owned());
        }
        if wipe.is_lost {
            return;
        }
        if self.till.bank.has_money(self.till.bank.active()) {
            self.breaches.push("a till with money open was erased".to_owned());
        }
        if !self.controller.is_deregistered(self.now) {
            self.breaches.push("erased, and its provider has it on its books".to_owned());
        }
        if !self.vault.is_verified_since(self.till.sold_at, self.now) {
            self.breaches.push("what was sold is saved nowhere, and was erased".to_owned());
        }
        // What the terminal is told of the time was on its way for a while, and has no fractions.
        let lag = Duration::from_millis(self.scenario.weather.delay_ms + 2_000);
        let cool_off = Duration::from_secs(wipe.cool_off_s.into()).saturating_sub(lag);
        let waited: Option<UnixTime> = self.wipe_accepted_at.map(|at| at.plus(cool_off));
        if waited.is_none_or(|until| self.wall() < until) {
            let now = self.wall();
            self.breaches.push(format!("erased at {now}, and could be cancelled until {waited:?}"));
        }
    }

    /// At every moment: no sale after the cut-off that people have not wanted.
    pub(crate) fn watch_the_sales(&mut self) {
        if !self.breaches.is_empty() {
            return;
        }
        if self.till.erased.is_some() && self.till.is_selling() {
            self.breaches.push("a till that is half erased sells".to_owned());
        }
        if self.shut_from.is_some_and(|from| self.till.sold_at > from + SALE_TAKES) {
            let sold_at = self.till.sold_at;
            self.breaches.push(format!("a sale at {sold_at:?}, and the till was stopped"));
        }
        if self.network.connected {
            self.heard_at.get_or_insert(self.now);
        }
        let Some(cut_off) = self.cut_off() else { return };
        // Whoever never heard of it sells on: until its first contact, and no longer.
        let told = match self.scenario.given_up {
            true => self.heard_at,
            false => Some(cut_off),
        };
        let Some(told) = told else { return };
        let last = told.max(cut_off).max(self.started_at) + STOPPED_WITHIN;
        let wanted = self.let_go_at.is_some_and(|at| at <= self.till.sold_at);
        let cancelled = self.scenario.cancelled_at.is_some();
        if self.till.sold_at > last && !wanted && !cancelled {
            self.breaches.push(format!("a sale at {:?}, after the cut-off", self.till.sold_at));
        }
    }
}

fn asks_till(action: DeactivateAction) -> bool {
    action != DeactivateAction::ConfirmSaved
}

fn is_so(now: &str) -> Reply {
    Reply::Done(Proof { version: Some(now.to_owned()), findings: Vec::new() })
}

fn worthwhile(code: FailureCode) -> Reply {
    Reply::Failed { code, detail: format!("{code:?}"), again: Again::Worthwhile }
}
