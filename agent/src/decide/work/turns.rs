//! Whose turn it is: a job that waits for its order's own moment lets the others go first, and goes
//! before whatever can still be withdrawn once the moment has come.

use std::time::Duration;

use shared::id::OrderId;
use shared::outcome::{Outcome, Waiting};
use shared::time::UnixTime;

use super::super::effect::{Decision, Effect};
use super::super::input::Now;
use super::super::{Core, facts};
use super::job::Job;
use crate::job::Subject;
use crate::job::deactivate::Wanted;
use crate::job::saga::circumstances::Answer;
use crate::job::saga::{Event, Refused};
use crate::journal::facts::Standing;

/// A clock that is set meanwhile is noticed within this.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// A terminal that was erased keeps its identity for so long at most while nobody hears of it.
const HEARD_WITHIN: Duration = Duration::from_secs(7 * 24 * 3600);

impl Core {
    /// When the order's own moment is; a job that has none waits for none.
    pub(super) fn moment(&self, job: &Job, now: Now) -> Answer {
        let Subject::Deactivation(it) = &*job.subject else { return Answer::Yes };
        let time = self.clock.reading(now);
        if let Wanted::Suspend(suspend) = &it.wanted {
            return until(suspend.cut_off, time.wall, Waiting::CutOff);
        }
        let account = self.ledger.account(job.order);
        let (Some(cool_off), Some(account)) = (it.cool_off_s(), account) else {
            return Answer::Yes;
        };
        let ends = account.receipt.at.plus(Duration::from_secs(cool_off.into()));
        until(ends, time.proven, Waiting::CoolOff)
    }

    /// Puts the job to the front whose turn it is.
    pub(super) fn take_turns(&mut self, now: Now, out: &mut Decision) {
        let Some(first) = self.jobs.front() else { return };
        if first.awaits_its_moment() {
            let goes = |job: &Job| !job.awaits_its_moment() || self.is_due(job, now);
            if let Some(place) = self.jobs.iter().position(goes) {
                self.bring_to_front(place);
            }
            return;
        }
        if !self.jobs.iter().any(|job| self.is_due(job, now)) {
            return;
        }
        if first.saga.is_some() {
            let order = first.order;
            let reason = "the moment has come from which this terminal stands still".to_owned();
            let outcome = Outcome::Cancelled { reason };
            // One that has disturbed the shop refuses, and comes to its end first.
            let _: Result<(), Refused> = self.drive(Event::Withdrawn(outcome), now, out);
            if self.working_on() == Some(order) {
                return;
            }
        }
        if let Some(place) = self.jobs.iter().position(|job| self.is_due(job, now)) {
            self.bring_to_front(place);
        }
    }

    fn is_due(&self, job: &Job, now: Now) -> bool {
        job.awaits_its_moment() && self.moment(job, now) == Answer::Yes
    }

    fn bring_to_front(&mut self, place: usize) {
        if let Some(job) = self.jobs.remove(place) {
            self.jobs.push_front(job);
        }
    }

    /// Whether another job could be worked on while the first waits for its moment.
    pub(super) fn has_other_work(&self, now: Now) -> bool {
        self.jobs.iter().skip(1).any(|job| !job.awaits_its_moment() || self.is_due(job, now))
    }

    /// What people have ordered stays so when its job is over.
    pub(super) fn note_standing(
        &mut self,
        job: &Job,
        outcome: &Outcome,
        now: Now,
        out: &mut Decision,
    ) {
        let (Outcome::Succeeded { .. }, Subject::Deactivation(it)) = (outcome, &*job.subject)
        else {
            return;
        };
        self.standing = standing(&it.wanted, job.order, self.clock.reading(now).proven);
        out.writes.push(facts::standing(self.standing));
    }

    /// Once the controller has everything that this terminal had to say, or has not asked for it in
    /// a week, an erased terminal gives up its identity.
    pub(in crate::decide) fn step_down_if_heard(&mut self, now: Now, out: &mut Decision) {
        let Standing::Erased { at, .. } = self.standing else { return };
        let waited = self.clock.reading(now).proven.since(at) >= HEARD_WITHIN;
        if (self.store.outbox_depth == 0 || waited) && self.jobs.is_empty() && !self.stopping {
            out.effects.push(Effect::StepDown);
        }
    }
}

fn standing(wanted: &Wanted, by: OrderId, at: UnixTime) -> Standing {
    match wanted {
        Wanted::Suspend(_) => Standing::Suspended { by },
        Wanted::Resume(_) => Standing::InService,
        Wanted::Wipe(..) => Standing::Erased { by, at },
    }
}

fn until(moment: UnixTime, now: UnixTime, waiting: Waiting) -> Answer {
    let left = moment.since(now);
    if left.is_zero() {
        return Answer::Yes;
    }
    let again_in = left.min(LOOK_EVERY);
    Answer::NotYet { waiting, detail: format!("until {moment}"), again_in }
}

/// Nobody is woken for a moment that has come: something else holds the job up then.
pub(super) fn wakes_at(moment: Answer, now: Now) -> Option<Duration> {
    match moment {
        Answer::NotYet { again_in, .. } => Some(now.uptime + again_in),
        Answer::Yes | Answer::Pending => None,
    }
}
