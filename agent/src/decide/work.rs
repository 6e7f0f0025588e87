//! The jobs: one is worked on, the others wait for their turn.

pub(super) mod job;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use shared::document::receipt::{Evidence, Said};
use shared::id::{BatchId, OrderId};
use shared::message::{Progress, StepState};
use shared::outcome::{Outcome, Waiting};

use super::effect::{Decision, Effect, Post};
use super::input::Now;
use super::orders::internal;
use super::{Core, facts};
use crate::job::saga::circumstances::Circumstances;
use crate::job::saga::{Event, Move, Refused, Saga};
use crate::job::step::Condition;
use crate::job::{Given, Reply, Task, Ticket};
use crate::journal::facts::Standing;
use crate::session::Pace;
use job::Job;

/// Jobs that are accepted at once.
pub(super) const JOBS_MAX: usize = 16;

/// A clock that is set meanwhile is noticed within this.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// How often a long action's progress is reported.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

impl Core {
    /// After a restart: goes on with what was under way, and gives up what cannot be continued.
    pub(super) fn resume_work(&mut self, now: Now, out: &mut Decision) {
        for log in std::mem::take(&mut self.broken) {
            let order = log.order();
            out.writes.extend(log.remove());
            let is_known = self.ledger.account(order).is_some();
            let failure = internal(
                "journal",
                match is_known {
                    true => "this build cannot read how far the job had come",
                    false => "what was remembered of the job's order cannot be read",
                },
            );
            let outcome = Outcome::RollbackFailed { undoing: failure.clone(), failure };
            if is_known {
                self.finish(order, outcome, Vec::new(), now, out);
            } else {
                let said = Said::Finished { outcome, evidence: Vec::new() };
                let receipt = self.receipt(order, said, now);
                self.post(Post::Receipt(receipt), out);
            }
        }
        self.resume_first(now, out);
    }

    /// The first job may have been read back from its log.
    fn resume_first(&mut self, now: Now, out: &mut Decision) {
        let is_asleep = |job: &Job| job.to_be_resumed && self.is_asleep(job, now);
        if self.jobs.front().is_some_and(is_asleep) {
            return;
        }
        if let Some(job) = self.jobs.front_mut().filter(|job| job.to_be_resumed) {
            (job.to_be_resumed, job.sleeps_until) = (false, None);
            self.drive(Event::Resumed, now, out).expect("a job that was replayed is not over");
        }
    }

    /// Whether anything is ordered that is not over.
    pub fn has_work(&self) -> bool {
        !self.jobs.is_empty()
    }

    pub(super) fn working_on(&self) -> Option<OrderId> {
        self.jobs.front().map(|job| job.order)
    }

    pub(super) fn action_done(
        &mut self,
        ticket: Ticket,
        reply: Reply,
        now: Now,
        out: &mut Decision,
    ) {
        let Some(job) = self.jobs.front_mut() else { return };
        let asked = job.saga.as_ref().and_then(|saga| saga.asked(ticket));
        // Nobody waits for it any more: it was stopped, or belongs to a run before.
        let Some(action) = asked else { return };
        job.progress_at = None;
        let reply = job.subject.judge(action, reply);
        let heard = self.drive(Event::Replied { ticket, reply }, now, out);
        debug_assert_eq!(heard, Ok(()), "an answer that was waited for is heard");
    }

    pub(super) fn action_progressed(
        &mut self,
        ticket: Ticket,
        bytes_done: u64,
        bytes_total: u64,
        now: Now,
        out: &mut Decision,
    ) {
        let at = self.clock.reading(now).wall;
        let Some(job) = self.jobs.front_mut() else { return };
        let Some(saga) = job.saga.as_ref().filter(|saga| saga.asked(ticket).is_some()) else {
            return;
        };
        let Some(step) = saga.step_name() else { return };
        if job.progress_at.is_some_and(|told| now.uptime < told + PROGRESS_EVERY) {
            return;
        }
        job.progress_at = Some(now.uptime);
        let progress = Progress {
            bytes_done: Some(bytes_done),
            bytes_total: Some(bytes_total),
            ..job.progress(step, StepState::Running, at)
        };
        self.post(Post::Progress(progress), out);
    }

    /// Whatever happened, the jobs look whether it concerns them.
    pub(super) fn work_on(&mut self, now: Now, out: &mut Decision) {
        self.expire_waiting(now, out);
        self.leave_earlier_epochs(now, out);
        loop {
            self.take_turns(now, out);
            self.resume_first(now, out);
            let Some(job) = self.jobs.front_mut().filter(|job| !job.to_be_resumed) else { break };
            if job.saga.is_none() {
                if self.stopping {
                    return;
                }
                job.saga = Some(Saga::new(job.table, Ticket(self.tickets)));
            }
            let order = job.order;
            self.drive(Event::Due, now, out).expect("a job that is over is not in the queue");
            let goes_on = self.next_in_turn(now).is_some() && !self.stopping;
            if self.working_on() == Some(order) && !goes_on {
                break;
            }
        }
        self.ask_to_be_reached(now, out);
    }

    /// A job that has just begun to wait for the controller asks it for a sign.
    fn ask_to_be_reached(&mut self, now: Now, out: &mut Decision) {
        let saga = self.jobs.front().and_then(|job| job.saga.as_ref());
        let awaits = saga.and_then(Saga::awaits) == Some(Condition::ControllerReached);
        self.session.set_pace(if awaits { Pace::Urgent } else { Pace::Usual });
        if awaits && !self.asks_to_be_reached {
            let wish = self.session.say_hello(now.uptime);
            self.grant(wish, now, out);
        }
        self.asks_to_be_reached = awaits;
    }

    pub(super) fn work_wakes_at(&self, now: Now) -> Option<Duration> {
        let reading = self.clock.reading(now);
        // Whatever expires has, once its time is over.
        let lives = |job: &&Job| job.not_after >= reading.proven;
        let expiries = self.jobs.iter().filter(lives).map(|job| {
            let left = job.not_after.since(reading.proven).min(Duration::from_secs(24 * 3600));
            now.uptime + left + Duration::from_secs(1)
        });
        let moments =
            self.jobs.iter().filter_map(|job| turns::wakes_at(self.moment(job, now), now));
        let saga = self
            .jobs
            .front()
            .and_then(|job| job.saga.as_ref()?.wakes_at(&self.circumstances(job, now)));
        let sleeping = self.jobs.iter().filter(|job| job.to_be_resumed).filter_map(|job| {
            let sleeps = self.circumstances(job, now).answer(job.sleeps_until?, now.uptime);
            turns::wakes_at(sleeps, now)
        });
        let closes = self.jobs.front().and_then(|job| {
            job.saga.as_ref().filter(|saga| saga.is_paused_when_closed())?;
            let left = job.hours.download_for(reading.wall, &self.profile.zone)?;
            Some(now.uptime + left)
        });
        let last = self.heard_for_at_most(now).filter(|left| !left.is_zero());
        let last = last.map(|left| now.uptime + left.min(LOOK_EVERY));
        expiries.chain(moments).chain(sleeping).chain(saga).chain(closes).chain(last).min()
    }

    pub(super) fn stop_work(&self, out: &mut Decision) {
        let asked = self.jobs.front().and_then(|job| job.saga.as_ref()).map(Saga::all_asked);
        out.effects.extend(asked.into_iter().flatten().map(Effect::StopAct));
    }

    /// Withdraws the jobs of a batch; the reason why one could not be.
    pub(super) fn withdraw_jobs(
        &mut self,
        batch: BatchId,
        reason: &str,
        now: Now,
        out: &mut Decision,
    ) -> Option<String> {
        let outcome = Outcome::Cancelled { reason: reason.to_owned() };
        let mut late = None;
        let front = self.jobs.front().filter(|job| job.batch == batch);
        if front.is_some_and(|job| job.saga.is_some()) {
            let withdrawn = self.drive(Event::Withdrawn(outcome.clone()), now, out);
            late = withdrawn.err().map(|refused| refused.to_string());
        }
        let waiting = |job: &Job| job.batch == batch && job.is_waiting();
        self.end_waiting(waiting, &outcome, now, out);
        late
    }

    /// Withdraws whatever of these has not disturbed the shop.
    pub(super) fn withdraw(
        &mut self,
        which: impl Fn(&Job) -> bool,
        outcome: &Outcome,
        now: Now,
        out: &mut Decision,
    ) {
        let first = self.jobs.front().filter(|job| which(job) && !job.is_set_aside());
        let begun = first.and_then(|job| job.saga.as_ref());
        if begun.is_some_and(|saga| !saga.is_disturbing()) {
            // One that ends already for another reason refuses, and ends.
            let _: Result<(), Refused> = self.drive(Event::Withdrawn(outcome.clone()), now, out);
        }
        self.end_waiting(|job| which(job) && job.is_waiting(), outcome, now, out);
    }

    /// What people approved for what the terminal was before it enrolled anew is not carried out
    /// any more where nothing of it has begun: nobody could take it back, since the controller has
    /// ordered it again or given it up. So that it can be ordered again, it is as if it had never
    /// come. What has begun comes to its end.
    pub(super) fn leave_earlier_epochs(&mut self, now: Now, out: &mut Decision) {
        let epoch = self.replay.epoch();
        let left = |job: &&Job| job.is_left_behind_in(epoch);
        let left: Vec<_> = self.jobs.iter().filter(left).map(|job| job.order).collect();
        if left.is_empty() {
            return;
        }
        left.iter().for_each(|order| self.replay.forget(*order));
        // What was lost stays lost until the controller has heard so.
        if !self.lost {
            out.writes.push(facts::replay(&self.replay));
        }
        let reason = "this terminal has enrolled anew since it was ordered".to_owned();
        self.withdraw(|job| left.contains(&job.order), &Outcome::Cancelled { reason }, now, out);
    }

    fn expire_waiting(&mut self, now: Now, out: &mut Decision) {
        let proven = self.clock.reading(now).proven;
        let expired = |job: &Job| job.is_waiting() && job.has_expired(proven);
        self.end_waiting(expired, &Outcome::Expired, now, out);
    }

    pub(super) fn end_waiting(
        &mut self,
        which: impl Fn(&Job) -> bool,
        outcome: &Outcome,
        now: Now,
        out: &mut Decision,
    ) {
        while let Some(place) = self.jobs.iter().position(&which) {
            if self.jobs[place].is_set_aside() {
                self.withdraw_set_aside(place, outcome, now, out);
                continue;
            }
            let Some(job) = self.jobs.remove(place) else { return };
            self.end(job, outcome.clone(), Vec::new(), now, out);
        }
    }

    /// A job that was just accepted and does not go first says so.
    pub(super) fn tell_turn(&mut self, now: Now, out: &mut Decision) {
        let last = self.jobs.len().saturating_sub(1);
        let waits = last > 0 && self.next_in_turn(now) != Some(last);
        let at = self.clock.reading(now).wall;
        let Some(job) = self.jobs.back_mut().filter(|_| waits) else { return };
        let detail = "another job on this terminal comes first".to_owned();
        let state = StepState::Waiting { reason: Waiting::Turn, detail };
        let first = job.table[0].name;
        let report = job.progress(first, state, at);
        self.post(Post::Progress(report), out);
    }

    pub(super) fn circumstances(&self, job: &Job, now: Now) -> Circumstances {
        let time = self.clock.reading(now);
        Circumstances {
            uptime: now.uptime,
            at: time.wall,
            expired: job.has_expired(time.proven),
            stopping: self.stopping || self.is_unlocking() || job.to_be_resumed,
            held_back: self.is_held_by_lease(job, now),
            window: job.hours.window(job.subject.keeps_to(), time.wall, &self.profile.zone),
            download: job.hours.download(time.wall, &self.profile.zone),
            moment: self.moment(job, now),
            settlement_asked: job.subject.asks_for_settlement(),
            backup_asked: job.subject.backup_within_s().is_some(),
            settlement_awaited: job.subject.awaits_settlement(),
            connected: self.session.is_connected(),
            heard_at: self.heard_at,
            stated: job.subject.stated(),
        }
    }

    /// Tells the first job what happened, and does what it wants done.
    pub(super) fn drive(
        &mut self,
        event: Event,
        now: Now,
        out: &mut Decision,
    ) -> Result<(), Refused> {
        let Some(job) = self.jobs.front() else { return Err(Refused::Over) };
        let circumstances = self.circumstances(job, now);
        let saga = self.jobs.front_mut().and_then(|job| job.saga.as_mut());
        let Some(saga) = saga else { return Err(Refused::Over) };
        saga.count_from(Ticket(self.tickets));
        let moves = saga.handle(event, &circumstances)?;
        self.tickets = saga.next_ticket().0;
        for step in moves {
            self.make(step, now, out);
        }
        Ok(())
    }

    pub(super) fn make(&mut self, step: Move, now: Now, out: &mut Decision) {
        let at = self.clock.reading(now).wall;
        let given = matches!(step, Move::Act { .. }).then(|| self.given(now));
        let Some(job) = self.jobs.front_mut() else { return };
        match step {
            Move::Journal(entry) => {
                out.writes.extend(job.log.append(entry, job.table));
                job.reports = 0;
            }
            Move::Act { ticket, action } => {
                let (order, subject) = (job.order, Arc::clone(&job.subject));
                let given = given.expect("gathered above, for an action");
                self.till.disturbed();
                out.effects.push(Effect::Act(Task { ticket, order, action, subject, given }));
            }
            Move::StopAct(ticket) => out.effects.push(Effect::StopAct(ticket)),
            Move::Report { step, state } => {
                let report = job.progress(step, state, at);
                self.post(Post::Progress(report), out);
            }
            Move::Finish { outcome, evidence } => {
                let Some(job) = self.jobs.pop_front() else { return };
                self.raise_counter_floor(&job, &outcome, out);
                self.note_standing(&job, (&outcome, &evidence), now, out);
                self.end(job, outcome, evidence, now, out);
            }
        }
    }

    fn given(&self, now: Now) -> Given {
        let time = self.clock.reading(now);
        // To whom keys are sealed does not depend on whether the roster has run out.
        let roster = self.trust.roster();
        let recipients = roster.recovery_recipients.iter().map(|it| it.recipient.clone());
        let saga = self.jobs.front().and_then(|job| job.saga.as_ref());
        Given {
            at: time.wall,
            clock: time.confidence,
            floor: time.floor,
            proven: time.proven,
            terminal: self.profile.terminal,
            roster_version: roster.version,
            recipients: recipients.collect(),
            attempt: saga.map_or(0, Saga::attempts),
            suspended: self.standing != Standing::InService,
            established: saga.and_then(Saga::established).map(str::to_owned),
            locked: self.keeping.lease.is_closed(),
        }
    }

    /// A release that was kept may have closed the way back below a counter.
    fn raise_counter_floor(&mut self, job: &Job, outcome: &Outcome, out: &mut Decision) {
        let (Outcome::Succeeded { .. }, Some((component, floor))) =
            (outcome, job.subject.raises_floor())
        else {
            return;
        };
        let kept = self.counter_floors.entry(component.to_owned()).or_default();
        *kept = floor.max(*kept);
        out.writes.push(facts::counter_floors(&self.counter_floors));
    }

    pub(super) fn end(
        &mut self,
        job: Job,
        outcome: Outcome,
        evidence: Vec<Evidence>,
        now: Now,
        out: &mut Decision,
    ) {
        let order = job.order;
        out.writes.extend(job.log.remove());
        self.till.look_soon();
        self.finish(order, outcome, evidence, now, out);
    }
}
