//! The lease under which a job disturbs the shop: renewed while it is needed, so that a dead
//! agent closes no shop, and taken again after a restart.

use std::time::Duration;

use super::super::step::{Mark, Run, Step};
use super::super::{Action, HOLD_LEASE, HOLD_RENEWAL, Reply, Ticket};
use super::record::{Course, Goal, Standing};
use super::{Circumstances, Move, Saga};

/// A renewal that was not answered within this is asked for again.
const RENEWAL_PATIENCE: Duration = Duration::from_secs(20);

/// After a renewal that failed: there is time for several more before the lease ends.
const RENEWAL_AGAIN: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, Default)]
pub(super) struct Renewal {
    /// When to ask for the next renewal; `None` when no lease was ever confirmed.
    due: Option<Duration>,
    asked: Option<(Ticket, Duration)>,
    /// Until when the lease surely holds.
    held_until: Option<Duration>,
}

impl Renewal {
    pub(super) fn ticket(&self) -> Option<Ticket> {
        self.asked.map(|(ticket, _)| ticket)
    }

    pub(super) fn is_asked_by(&self, ticket: Ticket) -> bool {
        self.asked.is_some_and(|(asked, _)| asked == ticket)
    }
}

impl Saga {
    /// The lease counts from when it was asked for, not from the answer.
    pub(super) fn lease_confirmed(&mut self, asked_at: Duration) {
        self.unclaimed = false;
        self.renewal.held_until = Some(asked_at + HOLD_LEASE);
        self.renewal.due = Some(asked_at + HOLD_RENEWAL);
    }

    /// Whether the lease that the step at `at` relies on may have ended.
    pub(super) fn lease_may_have_ended(&self, at: usize, c: &Circumstances) -> bool {
        match self.lease_in_force() {
            Some((place, _)) if place < at => {
                self.renewal.held_until.is_none_or(|until| until <= c.uptime)
            }
            // The lease is just being taken; after a restart nobody knows how far that came.
            Some((place, _)) => place == at && self.unclaimed,
            None => false,
        }
    }

    /// Whether the lease was confirmed in this run, and not given back.
    pub(super) fn lease_was_had(&self) -> bool {
        self.renewal.held_until.is_some()
    }

    /// Where the lease was taken, while the job still needs it.
    pub(super) fn lease_in_force(&self) -> Option<(usize, Action)> {
        let place = self.record.marked(Mark::TakesLease)?;
        // Where trading is stopped for good instead, it stays held until that is done.
        let ends = self.record.marked(Mark::EndsLease);
        let ended = ends.is_some_and(|at| !self.record.is_being_stopped_at(at));
        match self.table[place].run {
            Run::Act(action) if !ended => Some((place, action)),
            Run::Act(_) | Run::Await(_) => None,
        }
    }

    /// The action of the renewal that was asked for under this ticket.
    pub(super) fn renewal_asked(&self, ticket: Ticket) -> Option<Action> {
        let place = self.record.marked(Mark::TakesLease)?;
        match self.table[place].run {
            Run::Act(action) if self.renewal.is_asked_by(ticket) => Some(action),
            Run::Act(_) | Run::Await(_) => None,
        }
    }

    /// Whether the lease must be kept now: it was had, and is not being given back. Where there is
    /// a way back, one that may have ended is: a sale may have slipped in.
    fn lease_to_keep(&self, c: &Circumstances) -> Option<Action> {
        let (place, action) = self.lease_in_force()?;
        let kept = match &self.record.course {
            Course::Forward => {
                let at = self.record.at();
                let ends = |step: &Step| {
                    let back = step.back_to.is_some() && !self.record.is_final();
                    let lapsed = back && self.lease_may_have_ended(at, c);
                    let ends = step.mark == Mark::EndsLease && !self.record.is_stranded();
                    lapsed || ends
                };
                let is_given_back = self.step().is_some_and(ends);
                self.record.standing[place] == Standing::Over && !is_given_back
            }
            Course::Back { goal, .. } => {
                self.record.is_stranded() || self.something_to_undo_above(place, goal)
            }
            Course::Over => false,
        };
        kept.then_some(action)
    }

    fn something_to_undo_above(&self, place: usize, goal: &Goal) -> bool {
        let bottom = match goal {
            Goal::Retreat { to } => *to,
            Goal::End(_) => 0,
        };
        self.highest_to_undo(bottom).is_some_and(|highest| highest > place)
    }

    /// Whether a lease that may have lapsed in a restart should be taken again first.
    pub(super) fn lease_to_reclaim(&mut self, c: &Circumstances) -> Option<Action> {
        let action = self.lease_to_keep(c).filter(|_| self.unclaimed)?;
        self.unclaimed = false;
        Some(action)
    }

    pub(super) fn hear_reclaim(&mut self, reply: &Reply, asked_at: Duration) {
        if matches!(reply, Reply::Done(_)) {
            self.lease_confirmed(asked_at);
        } else {
            self.reclaim_failed(asked_at);
        }
    }

    /// The job goes on all the same: it may be that only going on brings the till back.
    pub(super) fn reclaim_failed(&mut self, at: Duration) {
        self.renewal.due = Some(at + RENEWAL_AGAIN);
    }

    pub(super) fn renew_lease(&mut self, c: &Circumstances) {
        let Some(action) = self.lease_to_keep(c) else { return };
        let due = self.renewal.due.is_some_and(|due| due <= c.uptime);
        if due && self.renewal.asked.is_none() && !c.stopping {
            let ticket = self.ticket();
            self.moves.push(Move::Act { ticket, action });
            self.renewal.asked = Some((ticket, c.uptime));
        }
    }

    pub(super) fn hear_renewal(&mut self, reply: &Reply) {
        let Some((_, asked_at)) = self.renewal.asked.take() else { return };
        match reply {
            Reply::Done(_) => self.lease_confirmed(asked_at),
            Reply::AlreadySo(_)
            | Reply::NotYet { .. }
            | Reply::Failed { .. }
            | Reply::Found(_)
            | Reply::Till { .. } => self.renewal.due = Some(asked_at + RENEWAL_AGAIN),
        }
    }

    pub(super) fn notice_renewal_time(&mut self, c: &Circumstances) {
        if let Some((ticket, asked_at)) = self.renewal.asked
            && asked_at + RENEWAL_PATIENCE <= c.uptime
        {
            self.moves.push(Move::StopAct(ticket));
            self.renewal.asked = None;
            self.renewal.due = Some(c.uptime);
        }
    }

    pub(super) fn renewal_wakes_at(&self, c: &Circumstances) -> Option<Duration> {
        match self.renewal.asked {
            Some((_, asked_at)) => Some(asked_at + RENEWAL_PATIENCE),
            None => self.renewal.due.filter(|_| self.lease_to_keep(c).is_some()),
        }
    }

    /// A lease is not given back while its renewal is on the way: the late renewal would hold
    /// the shop once more. One that takes longer than [`RENEWAL_PATIENCE`] is left to
    /// [`Action::ReleaseTrading`], which is over only when no hold can come late any more.
    pub(super) fn renewal_is_under_way(&self) -> bool {
        self.renewal.asked.is_some()
    }

    pub(super) fn lease_given_back(&mut self) {
        self.renewal.due = None;
        self.renewal.held_until = None;
    }
}
