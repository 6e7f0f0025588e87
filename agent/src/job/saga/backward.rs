//! One step back: what stands is undone, highest first, down to where the job waits again or to
//! its end.

use std::time::Duration;

use shared::message::StepState;
use shared::outcome::{FailureCode, Outcome};

use super::super::step::{Mark, Step};
use super::super::{Action, Finding, Reply};
use super::record::{Course, Ending, Goal, Standing};
use super::{
    Circumstances, Errand, FIRST_ATTEMPTS, Next, Saga, UNDO_DELAY, UNDO_DELAY_MAX, evidence_of,
    failure, misfit,
};
use crate::journal::Entry;

impl Saga {
    pub(super) fn backward(&mut self, c: &Circumstances) -> Next {
        let Course::Back { goal, undoing } = self.record.course.clone() else { return Next::Wait };
        let bottom = match goal {
            Goal::Retreat { to } => to,
            Goal::End(_) => 0,
        };
        let Some(place) = self.highest_to_undo(bottom) else { return self.arrive(goal, c) };
        if c.stopping {
            return Next::Wait;
        }
        if let Some(lease) = self.lease_to_reclaim(c) {
            return self.act(Errand::Reclaim, lease, c);
        }
        let is_the_lease = self.lease_in_force().is_some_and(|(lease, _)| lease == place);
        if is_the_lease && !self.record.is_stranded() {
            if self.renewal_is_under_way() {
                return Next::Wait;
            }
            self.lease_given_back();
        }
        let step = &self.table[place];
        let action = self.record.undo_actions(place)[undoing.unwrap_or(0)];
        if undoing.is_none() {
            self.write(Entry::Undoing { step: step.name.to_owned(), action });
        }
        if self.attempts + self.waits == 0 {
            self.report(step.name, StepState::Undoing { detail: why(&goal) });
        }
        self.act(Errand::Undo, action, c)
    }

    /// The highest step from `bottom` up that was begun and has something to undo.
    pub(super) fn highest_to_undo(&self, bottom: usize) -> Option<usize> {
        (bottom..self.table.len()).rev().find(|place| {
            let begun = match self.record.standing[*place] {
                Standing::Intended | Standing::Over => true,
                Standing::Pending | Standing::Skipped => false,
            };
            begun && !self.record.undo_actions(*place).is_empty()
        })
    }

    pub(super) fn hear_undo(
        &mut self,
        action: Action,
        reply: Reply,
        asked_at: Duration,
        c: &Circumstances,
    ) {
        match reply {
            Reply::Done(proof) => self.undone(proof.findings, asked_at, c),
            Reply::NotYet { detail, .. } => {
                self.waits += 1;
                self.not_undone(FailureCode::TimedOut, &detail, c);
            }
            Reply::Failed { code, detail, .. } => self.undo_failed(code, &detail, c),
            Reply::AlreadySo(_) | Reply::Found(_) | Reply::Till { .. } => {
                self.undo_failed(FailureCode::Internal, &misfit(action, &reply), c);
            }
        }
    }

    fn undone(&mut self, findings: Vec<Finding>, asked_at: Duration, c: &Circumstances) {
        let Some((place, which)) = self.present_undo() else { return };
        let (name, mark) = (self.table[place].name, self.table[place].mark);
        let step = name.to_owned();
        self.found_on_the_way_back(name, findings, c);
        match self.record.undo_actions(place).get(which + 1) {
            Some(next) => self.write(Entry::Undoing { step, action: *next }),
            None => self.write(Entry::Undone { step }),
        }
        self.begin_anew();
        // The lease was given back, and is had again.
        if mark == Mark::EndsLease && self.lease_in_force().is_some() {
            self.lease_confirmed(asked_at);
        }
    }

    /// What a way back established belongs in the receipt like all else.
    fn found_on_the_way_back(&mut self, step: &str, findings: Vec<Finding>, c: &Circumstances) {
        for piece in evidence_of(step, findings, c.at) {
            self.write(Entry::Noted { piece });
        }
    }

    /// What is refused at a till that could not be held again is not refused for good: it sells,
    /// and nothing can be done there until it is held.
    pub(super) fn undo_failed(&mut self, code: FailureCode, detail: &str, c: &Circumstances) {
        match self.lease_may_have_ended(self.table.len(), c) {
            true => self.waits += 1,
            false => self.attempts += 1,
        }
        self.not_undone(code, detail, c);
    }

    /// Tries again, and says why it is not undone so far; or gives up.
    fn not_undone(&mut self, code: FailureCode, detail: &str, c: &Circumstances) {
        let Some((place, _)) = self.present_undo() else { return };
        let Course::Back { goal, .. } = &self.record.course else { return };
        let Step { name, undo_attempts, undo_waits, .. } = self.table[place];
        if self.attempts < undo_attempts && self.waits < undo_waits {
            let detail = format!("{}; not undone so far: {detail}", why(goal));
            self.report(name, StepState::Undoing { detail });
            // The first minute may be all that it takes; after that it is a matter of hours.
            let many = self.attempts + self.waits >= FIRST_ATTEMPTS;
            return self.pause(c, if many { UNDO_DELAY_MAX } else { UNDO_DELAY });
        }
        let failure = failure(name, code, detail);
        self.write(Entry::NotUndone { step: name.to_owned(), failure, at: c.at });
        self.begin_anew();
    }

    fn present_undo(&self) -> Option<(usize, usize)> {
        let Course::Back { goal, undoing } = &self.record.course else { return None };
        let bottom = match goal {
            Goal::Retreat { to } => *to,
            Goal::End(_) => 0,
        };
        Some((self.highest_to_undo(bottom)?, (*undoing)?))
    }

    fn arrive(&mut self, goal: Goal, c: &Circumstances) -> Next {
        match goal {
            Goal::Retreat { to } => {
                let step = self.table[to].name;
                let evidence = self.record.evidence.clone();
                self.write(Entry::Retreated { to: step.to_owned(), evidence });
                self.begin_anew();
                if let Some((pause, reason, detail)) = self.pause.take() {
                    self.report(step, StepState::Waiting { reason, detail });
                    self.pause(c, pause);
                }
                Next::GoOn
            }
            Goal::End(ending) => {
                let outcome = outcome(ending, self.record.trouble.take());
                self.finish(outcome)
            }
        }
    }
}

fn why(goal: &Goal) -> String {
    match goal {
        Goal::Retreat { .. } => "not now; waits for the next chance".to_owned(),
        Goal::End(Ending::Failed { failure, .. }) => failure.detail.clone(),
        Goal::End(Ending::Withdrawn(_)) => "withdrawn".to_owned(),
    }
}

fn outcome(ending: Ending, trouble: Option<shared::outcome::Failure>) -> Outcome {
    match (ending, trouble) {
        (Ending::Failed { failure, .. }, Some(undoing)) => {
            Outcome::RollbackFailed { failure, undoing }
        }
        (Ending::Failed { failure, disturbed: true }, None) => Outcome::RolledBack { failure },
        (Ending::Failed { failure, disturbed: false }, None) => Outcome::Failed { failure },
        (Ending::Withdrawn(_), Some(undoing)) => {
            let failure = failure(&undoing.step, undoing.code, "the job was withdrawn");
            Outcome::RollbackFailed { failure, undoing }
        }
        (Ending::Withdrawn(outcome), None) => outcome,
    }
}
