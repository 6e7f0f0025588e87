//! Time: how long each errand may take, and what happens when it takes longer. Waiting is not
//! counted: a step's time runs only while the shell works for it.

use std::time::Duration;

use shared::outcome::FailureCode;

use super::super::step::Deadline;
use super::{Circumstances, Doing, Errand, Move, Saga};

/// For one attempt to undo something. A till may take minutes to come back.
const UNDO_DEADLINE: Duration = Duration::from_secs(300);

/// For one attempt to find out something, or to take a lease again.
const ASIDE_DEADLINE: Duration = Duration::from_secs(30);

impl Saga {
    /// When [`Event::Due`] is wanted next, in uptime.
    pub fn wakes_at(&self, c: &Circumstances) -> Option<Duration> {
        let doing = match &self.doing {
            Doing::Nothing => None,
            // Nobody is woken for what it may not go on with.
            Doing::Awaiting { .. } if c.stopping || c.held_back => None,
            Doing::Awaiting { since } => Some(*since + self.time_left(c)),
            Doing::Paused { until } => Some(*until),
            Doing::Acting { since, .. } => Some(*since + self.time_left(c)),
        };
        let renewal = if c.stopping { None } else { self.renewal_wakes_at(c) };
        doing.into_iter().chain(renewal).min()
    }

    /// Takes note of deadlines and expiry; [`Self::go_on`] does the rest.
    pub(super) fn notice_time(&mut self, c: &Circumstances) {
        self.notice_renewal_time(c);
        if self.has_expired(c) {
            return self.abandon();
        }
        match self.doing.clone() {
            Doing::Nothing | Doing::Awaiting { .. } => {}
            Doing::Paused { until } if until <= c.uptime => self.doing = Doing::Nothing,
            Doing::Paused { .. } => {}
            Doing::Acting { ticket, errand: Errand::Run, since, .. } if self.is_to_pause(c) => {
                self.moves.push(Move::StopAct(ticket));
                self.rest(Errand::Run, since, c);
            }
            Doing::Acting { ticket, errand, action, since } => {
                if since + self.time_left(c) <= c.uptime {
                    self.moves.push(Move::StopAct(ticket));
                    self.rest(errand, since, c);
                    let detail = format!("{action:?} did not end within its time");
                    self.time_out(errand, detail, c);
                }
            }
        }
    }

    /// Whether what the present step needs throughout does not hold any more.
    fn is_to_pause(&self, c: &Circumstances) -> bool {
        let needed = self.step().and_then(|step| step.paused_unless);
        needed.is_some_and(|condition| !c.holds(condition))
    }

    pub(super) fn time_out(&mut self, errand: Errand, detail: String, c: &Circumstances) {
        match errand {
            Errand::Run => self.run_timed_out(detail, c),
            Errand::Probe => self.probe_failed(detail, c),
            Errand::Reclaim => self.reclaim_failed(c.uptime),
            Errand::Undo => self.undo_failed(FailureCode::TimedOut, &detail, c),
        }
    }

    /// The shell has nothing to do for the present step now; its time stands still.
    pub(super) fn rest(&mut self, errand: Errand, since: Duration, c: &Circumstances) {
        if errand == Errand::Run {
            self.spent += c.uptime.saturating_sub(since);
        }
        self.doing = Doing::Nothing;
    }

    pub(super) fn pause(&mut self, c: &Circumstances, pause: Duration) {
        self.doing = Doing::Paused { until: c.uptime + pause };
    }

    /// Busy time that the present errand has left, counted from its beginning.
    pub(super) fn time_left(&self, c: &Circumstances) -> Duration {
        match self.doing {
            Doing::Acting { errand: Errand::Undo, .. } => UNDO_DEADLINE,
            Doing::Acting { errand: Errand::Probe | Errand::Reclaim, .. } => ASIDE_DEADLINE,
            Doing::Acting { errand: Errand::Run, .. }
            | Doing::Awaiting { .. }
            | Doing::Nothing
            | Doing::Paused { .. } => {
                let deadline = match self.step().map(|step| step.deadline) {
                    Some(Deadline::Within(deadline)) => deadline,
                    Some(Deadline::AsStated { slack }) => c.stated + slack,
                    None => Duration::ZERO,
                };
                deadline.saturating_sub(self.spent)
            }
        }
    }
}
