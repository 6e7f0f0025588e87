//! Accepting and refusing. Every order that is accepted becomes durable in one commit: the
//! journal's first line, the replay state, the ledger, and the receipt that says so.

use shared::change::{Cancel, Change};
use shared::document::order::Stream;
use shared::document::receipt::{Evidence, Said};
use shared::id::{BatchId, OrderId};
use shared::limits::short_text;
use shared::message::Parcel;
use shared::outcome::{Failure, FailureCode, Outcome, Refusal};

use super::effect::{Decision, Post, Write};
use super::input::{Now, Room};
use super::work::JOBS_MAX;
use super::work::job::Job;
use super::{Core, facts};
use crate::journal::ledger::Account;
use crate::order::{self, Admitted, Known, Refused};

impl Core {
    pub(super) fn hear_order(&mut self, parcel: Parcel, now: Now, out: &mut Decision) {
        if self.stopping {
            return;
        }
        let known = Known {
            terminal: self.profile.terminal,
            model: &self.profile.model,
            trust: &self.trust,
            time: self.clock.reading(now),
            replay: &self.replay,
            ledger: &self.ledger,
            installed: &self.installed,
            counter_floors: &self.counter_floors,
            standing: self.standing,
            challenge: self.challenge(),
        };
        match order::check(&parcel, &known) {
            Ok(admitted) if !self.has_room_for(&admitted) => self.pass_over(),
            Ok(admitted) => self.accept(admitted, parcel, now, out),
            Err(refused) => self.refuse(&refused, now, out),
        }
    }

    /// Nothing is said: the controller has not heard `Accepted`, and sends the order again.
    fn pass_over(&mut self) {
        self.counters.orders_refused += 1;
    }

    /// What empties a terminal in the wrong hands is not kept waiting by what it ends.
    fn has_room_for(&self, admitted: &Admitted) -> bool {
        let room = self.store.room == Room::Enough && !self.lost;
        let is_full = self.ledger.is_full() || self.jobs.len() >= JOBS_MAX;
        room && (!is_full || admitted.batch.change.is_of_lost())
    }

    fn refuse(&mut self, refused: &Refused, now: Now, out: &mut Decision) {
        let Some(order) = refused.order else {
            // Whoever made it is nobody to be answered: only counted.
            if refused.refusal.may_pass() {
                self.pass_over();
            } else {
                self.counters.messages_unreadable += 1;
            }
            return;
        };
        if refused.refusal == Refusal::Replayed && self.ledger.account(order).is_some() {
            return self.answer_again(order, now, out);
        }
        if refused.refusal.may_pass() {
            self.passed_over = true;
            return self.pass_over();
        }
        self.counters.orders_refused += 1;
        if self.restraint.tells(order, (refused.verb, refused.refusal), now.uptime) {
            let Refused { refusal, detail, .. } = refused.clone();
            let receipt = self.receipt(order, Said::Refused { refusal, detail }, now);
            self.post(Post::Receipt(receipt), out);
        }
    }

    /// The order was accepted before. While the outbox holds records, the answer is among them
    /// or was acknowledged; a controller that asks after that has forgotten it.
    fn answer_again(&mut self, order: OrderId, now: Now, out: &mut Decision) {
        let Some(account) = self.ledger.account(order) else { return };
        if self.store.outbox_depth == 0 && self.restraint.allows(now.uptime) {
            let receipt = account.receipt.clone();
            self.post(Post::Receipt(receipt), out);
        }
    }

    fn accept(&mut self, admitted: Admitted, parcel: Parcel, now: Now, out: &mut Decision) {
        let Admitted { order, batch, not_before, .. } = &admitted;
        let floor = self.clock.reading(now).floor;
        if self.replay.admit(order, batch, floor).is_err() {
            return self.pass_over();
        }
        self.clock.accepted(*not_before);
        out.writes.extend([Write::TakesOnWork, facts::replay(&self.replay)]);
        if order.stream == Stream::Routine {
            out.writes.push(Write::SawOrder { seq: order.seq });
        }
        let (id, batch_id) = (order.id, batch.id);
        let receipt = self.receipt(id, Said::Accepted, now);
        let account =
            Account { batch: batch_id, not_after: admitted.not_after, receipt: receipt.clone() };
        out.writes.push(self.ledger.write(id, account));
        self.post(Post::Receipt(receipt), out);
        match batch.change.clone() {
            Change::Ping(ping) => {
                let outcome = Outcome::Succeeded { now: short_text(&ping.note) };
                self.finish(id, outcome, Vec::new(), now, out);
            }
            Change::Cancel(cancel) => self.cancel(id, &cancel, now, out),
            Change::Backup(_)
            | Change::Drill(_)
            | Change::Upgrade(_)
            | Change::Restore(_)
            | Change::Rebind(_)
            | Change::Suspend(_)
            | Change::Resume(_)
            | Change::Decommission(_) => {
                self.take_on(admitted, batch_id, parcel, now, out);
            }
        }
    }

    fn take_on(
        &mut self,
        admitted: Admitted,
        batch: BatchId,
        parcel: Parcel,
        now: Now,
        out: &mut Decision,
    ) {
        let order = admitted.order.id;
        let is_of_lost = admitted.batch.change.is_of_lost();
        if let Some(reason) = self.withdrawn.reason(batch) {
            let outcome = Outcome::Cancelled { reason: reason.to_owned() };
            return self.finish(order, outcome, Vec::new(), now, out);
        }
        match Job::accepted(admitted, parcel, self.next_turn, self.tables) {
            Some((job, writes)) => {
                self.next_turn += 1;
                out.writes.extend(writes);
                if is_of_lost {
                    self.withdraw_all_waiting(now, out);
                }
                self.jobs.push_back(job);
                self.tell_turn(now, out);
            }
            None => {
                let failure = internal("admit", "the order asks for nothing that is a job");
                self.finish(order, Outcome::Failed { failure }, Vec::new(), now, out);
            }
        }
    }

    /// What has disturbed nothing is withdrawn. What has runs to its end, and the canceller is
    /// told that it came too late.
    fn cancel(&mut self, id: OrderId, cancel: &Cancel, now: Now, out: &mut Decision) {
        let reason = short_text(&cancel.reason);
        self.withdrawn.add(cancel.batch, &reason);
        out.writes.push(facts::withdrawn(&self.withdrawn));
        let over = self.ledger.of_batch(cancel.batch).any(Account::is_final);
        let late = self.withdraw_jobs(cancel.batch, &reason, now, out);
        let late = late.or(over.then(|| "its job is over".to_owned()));
        let outcome = match late {
            None => Outcome::Succeeded { now: "withdrawn".to_owned() },
            Some(detail) => {
                let code = FailureCode::TooLate;
                Outcome::Failed { failure: Failure { code, step: "cancel".to_owned(), detail } }
            }
        };
        self.finish(id, outcome, Vec::new(), now, out);
    }

    /// The one final word about an order: into the ledger and the outbox in the same commit.
    pub(super) fn finish(
        &mut self,
        order: OrderId,
        outcome: Outcome,
        evidence: Vec<Evidence>,
        now: Now,
        out: &mut Decision,
    ) {
        let account = self.ledger.account(order).filter(|account| !account.is_final());
        let Some(account) = account.cloned() else { return };
        let receipt = self.receipt(order, Said::Finished { outcome, evidence }, now);
        out.writes.push(self.ledger.write(order, Account { receipt: receipt.clone(), ..account }));
        self.post(Post::Receipt(receipt), out);
        // It tells what is installed now.
        self.session.greet_soon(now.uptime);
    }
}

pub(super) fn internal(step: &str, detail: &str) -> Failure {
    Failure { code: FailureCode::Internal, step: step.to_owned(), detail: detail.to_owned() }
}
