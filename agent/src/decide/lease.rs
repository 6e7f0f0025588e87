//! When the lease has run out the till stands still, and when the controller is heard it is as it
//! was before. One errand at a time, written down before it is asked for; the till itself is asked
//! what is so, and so each errand can be asked for again after a power cut.
//!
//! A job that disturbs the shop comes to its end first, but for one that has stopped the till
//! itself: that is waiting enough. What has not disturbed it waits until the lease is open again.

use std::time::Duration;

use shared::message::Locked;
use shared::time::UnixTime;

use super::effect::{Decision, Effect};
use super::input::Now;
use super::work::job::Job;
use super::{Core, facts};
use crate::job::Action;
use crate::job::deactivate::{DeactivateAction, Wanted};
use crate::job::saga::Saga;
use crate::job::step::Condition;
use crate::journal::facts::Standing;
use crate::lease::{CameTo, Errand, Lease, Outlook, Part, Stage, What};

/// What did not succeed is tried again.
const AGAIN: Duration = Duration::from_secs(15);

/// A till that is locked is looked at this often: whoever let it sell did so for no longer.
const LOOK_EVERY: Duration = Duration::from_secs(5 * 60);

/// What keeping the lease has come to in this run.
#[derive(Debug)]
pub(super) struct Keeping {
    pub(super) lease: Lease,
    asked: Option<Errand>,
    /// In uptime.
    next: Duration,
    errands: u64,
    /// The program has done its part of the locking since the agent started.
    sealed: bool,
    /// What went wrong with the newest errand.
    trouble: Option<String>,
}

impl Keeping {
    pub(super) fn new(lease: Lease, now: Now) -> Self {
        Self { lease, asked: None, next: now.uptime, errands: 0, sealed: false, trouble: None }
    }

    fn outlook(&self, now: Now) -> Outlook {
        self.lease.outlook(self.trouble.as_deref(), now)
    }

    /// For a hello.
    pub(super) fn locked(&self, now: Now) -> Option<Locked> {
        let (since, for_s) = self.lease.closed_for(now)?;
        Some(Locked { since, for_s, trouble: self.trouble.clone() })
    }
}

impl Core {
    /// What a person should know of the lease.
    pub fn outlook(&self, now: Now) -> Outlook {
        if self.is_erased() { Outlook::Fine } else { self.keeping.outlook(now) }
    }

    /// The controller answered: whatever was used of the lease is given back.
    pub(super) fn renew_lease(&mut self, at: UnixTime, now: Now) {
        self.keeping.lease.contact(at, now);
        self.keeping.next = now.uptime;
    }

    /// Locks and unlocks, if that is called for.
    pub(super) fn keep_lease(&mut self, now: Now, out: &mut Decision) {
        if self.is_erased() {
            return;
        }
        let is_awaited = self.jobs.front().is_some_and(comes_to_its_end);
        if self.keeping.lease.is_over(now) && !is_awaited && !self.till_is_being_changed() {
            let at = self.clock.reading(now).wall;
            self.keeping.lease.lock(at, now);
        }
        let errand = self.errand(now);
        out.writes.extend(self.keeping.lease.to_write(now).map(|kept| facts::lease(&kept)));
        out.effects.extend(errand.map(Effect::KeepLease));
    }

    fn errand(&mut self, now: Now) -> Option<Errand> {
        if self.stopping || self.keeping.asked.is_some() || self.keeping.next > now.uptime {
            return None;
        }
        let in_service = self.standing == Standing::InService;
        let (what, till, program) = match self.keeping.lease.stage() {
            Stage::Open | Stage::Unsure => return None,
            Stage::Locking { .. } | Stage::Locked { .. } => {
                (What::Lock, in_service, !self.keeping.sealed)
            }
            Stage::Unlocking { .. } if self.till_is_being_changed() => return None,
            Stage::Unlocking { .. } => (What::Unlock, in_service && !self.is_kept_by_job(), true),
        };
        self.keeping.errands += 1;
        let number = self.keeping.errands;
        let (till, program) = (Part::done_if(till), Part::done_if(program));
        let errand = Errand { number, what, till, program };
        self.keeping.asked = Some(errand);
        Some(errand)
    }

    /// Whether an answer is on the way that says who keeps the till from selling.
    fn till_is_being_changed(&self) -> bool {
        let asked = self.jobs.front().and_then(|job| job.saga.as_ref()).map(|saga| {
            let asked = saga.all_asked().into_iter().filter_map(|ticket| saga.asked(ticket));
            asked.collect::<Vec<_>>()
        });
        let changes = [DeactivateAction::Stop, DeactivateAction::Sell].map(Action::Deactivate);
        asked.unwrap_or_default().iter().any(|action| changes.contains(action))
    }

    /// Whether a job keeps the till from selling, or is about to.
    fn is_kept_by_job(&self) -> bool {
        self.jobs.front().is_some_and(disturbs) || self.jobs.iter().any(Job::is_of_a_lost_terminal)
    }

    pub(super) fn lease_kept(&mut self, number: u64, came_to: &CameTo, now: Now) {
        let Some(errand) = self.keeping.asked.take_if(|it| it.number == number) else { return };
        self.keeping.trouble = came_to.trouble();
        self.keeping.next = now.uptime + AGAIN;
        match errand.what {
            What::Lock => self.lock_came_to(errand, came_to, now),
            What::Unlock if self.keeping.trouble.is_none() => {
                self.keeping.lease.unlocked();
                self.keeping.sealed = false;
                // It tells that it is open.
                self.session.greet_soon(now.uptime);
            }
            What::Unlock => {}
        }
    }

    fn lock_came_to(&mut self, errand: Errand, came_to: &CameTo, now: Now) {
        match self.keeping.lease.stage() {
            Stage::Locking { .. } | Stage::Locked { .. } => {
                if errand.program == Part::Do {
                    self.keeping.sealed = came_to.program.is_ok();
                }
                if came_to.till.is_ok() {
                    self.keeping.lease.locked();
                    self.keeping.next = now.uptime + LOOK_EVERY;
                }
            }
            // The controller was heard meanwhile.
            Stage::Unlocking { .. } => self.keeping.next = now.uptime,
            Stage::Open | Stage::Unsure => {}
        }
    }

    /// Whether the job may take no further step: nobody's shop is disturbed by a terminal that is
    /// to be locked, is locked, or is just being unlocked. A till that is to stand still for good
    /// may do so while it is locked, and whoever has it keeps nothing of a lost one by that.
    pub(super) fn is_held_by_lease(&self, job: &Job, now: Now) -> bool {
        let goes_on = disturbs(job) || job.is_of_a_lost_terminal();
        match self.keeping.lease.stage() {
            Stage::Open | Stage::Unsure => {
                self.keeping.lease.is_over(now) && !goes_on && !comes_to_its_end(job)
            }
            Stage::Locking { .. } | Stage::Unlocking { .. } => !goes_on,
            Stage::Locked { .. } => !goes_on && !job.has_its_moment(),
        }
    }

    /// Whether the till is just being given back: no job does anything then, not even on its way
    /// back.
    pub(super) fn is_unlocking(&self) -> bool {
        self.keeping.asked.is_some_and(|it| it.what == What::Unlock)
    }

    pub(super) fn lease_wakes_at(&self, now: Now) -> Option<Duration> {
        let waits = self.keeping.lease.is_closed() && self.keeping.asked.is_none();
        let next = waits.then_some(self.keeping.next).filter(|at| *at > now.uptime);
        self.keeping.lease.wakes_at(now).into_iter().chain(next).min()
    }
}

fn disturbs(job: &Job) -> bool {
    job.saga.as_ref().is_some_and(Saga::is_disturbing)
}

/// Whether a till is not locked under it. A suspension has stopped the till itself, and a return to
/// service says who sells only at its end.
fn comes_to_its_end(job: &Job) -> bool {
    match job.wanted() {
        Some(Wanted::Suspend(_)) => false,
        Some(Wanted::Resume(_)) => {
            let begun = job.saga.as_ref().filter(|_| !job.to_be_resumed);
            begun.is_some_and(|saga| saga.awaits() != Some(Condition::WindowOpen))
        }
        Some(Wanted::Wipe(..)) | None => disturbs(job),
    }
}
