//! One step further: is it called for, may it begin, and what came of it.

use std::time::Duration;

use shared::message::StepState;
use shared::outcome::{Failure, FailureCode, Outcome, Waiting};

use super::super::step::{AfterRestart, AlreadySo, Condition, Mark, Postponed, Run, Step, When};
use super::super::{Action, Again, Found, Proof, Reply};
use super::circumstances::Answer;
use super::record::{Course, Standing};
use super::{
    Circumstances, Doing, Errand, INTERRUPTIONS_MAX, Next, PAUSE, PAUSE_MAX, PROBE_ATTEMPTS, Saga,
    UNDO_DELAY, evidence_of, failure, misfit,
};
use crate::journal::Entry;

/// How long to wait where the job goes back to, and what for.
pub(super) type Pause = (Duration, Waiting, String);

impl Saga {
    pub(super) fn forward(&mut self, c: &Circumstances) -> Next {
        let at = self.record.at();
        let Some(step) = self.table.get(at) else {
            let now = self.record.version.take().unwrap_or_default();
            let outcome = match self.record.trouble.take() {
                None => Outcome::Succeeded { now },
                Some(failure) => {
                    let undoing = Failure {
                        detail: "there was no way back any more".to_owned(),
                        ..failure.clone()
                    };
                    Outcome::RollbackFailed { failure, undoing }
                }
            };
            return self.finish(outcome);
        };
        if self.has_expired(c) {
            self.write(Entry::Withdrawn { outcome: Outcome::Expired });
            return Next::GoOn;
        }
        if c.stopping || c.held_back {
            return Next::Wait;
        }
        if self.is_interrupted_too_often(step) {
            let times = self.record.interruptions;
            let detail = format!("{times} restarts came in between");
            return self.fail(step, step.failing, &detail, c);
        }
        if let (true, AfterRestart::Probe(action)) = (self.unprobed, step.after_restart) {
            return self.act(Errand::Probe, action, c);
        }
        if !self.is_called_for(step, at, c) {
            self.write(Entry::Skipped { step: step.name.to_owned() });
            return Next::GoOn;
        }
        if let Some(pause) = self.reason_to_go_back(step, at, c) {
            return self.go_back(step, pause);
        }
        if let Some(condition) = step.paused_unless
            && let Answer::NotYet { waiting, detail, again_in } = c.answer(condition, c.uptime)
        {
            self.report(step.name, StepState::Waiting { reason: waiting, detail });
            self.pause(c, again_in);
            return Next::Wait;
        }
        match step.run {
            Run::Await(condition) => self.wait_for(step, condition, c),
            Run::Act(action) => {
                let instead = step.stranded.first().filter(|_| self.record.is_stranded());
                self.begin(step, at, instead.copied().unwrap_or(action), c)
            }
        }
    }

    fn is_interrupted_too_often(&self, step: &Step) -> bool {
        let bound_to_go_on = step.back_to.is_none() && self.record.is_disturbed();
        // What leaves the shop safe is done however often the power fails.
        let may_fail = !step.watches && !self.record.is_stranded();
        bound_to_go_on && may_fail && self.record.interruptions > INTERRUPTIONS_MAX
    }

    fn is_called_for(&self, step: &Step, at: usize, c: &Circumstances) -> bool {
        let undecided = self.record.standing[at] == Standing::Pending;
        if self.record.is_stranded() && step.stranded.is_empty() {
            return false;
        }
        match step.when {
            When::Holds(condition) if undecided => c.holds(condition),
            When::Noted(earlier) if undecided => self.record.noted.get(earlier) == Some(&true),
            When::Always | When::Holds(_) | When::Noted(_) => true,
        }
    }

    /// `Some(None)`: back, and the step there knows itself how long to wait.
    fn reason_to_go_back(
        &mut self,
        step: &Step,
        at: usize,
        c: &Circumstances,
    ) -> Option<Option<Pause>> {
        step.back_to.filter(|_| !self.record.is_final())?;
        if step.only_while.is_some_and(|condition| !c.holds(condition)) {
            self.vain = 0;
            return Some(None);
        }
        if !self.lease_may_have_ended(at, c) {
            return None;
        }
        // After a restart nobody knows whether it has: the next chance is taken at once.
        let was_had = self.lease_was_had();
        Some(was_had.then(|| self.later("trading could not be held for long enough".to_owned())))
    }

    /// The pause after one more chance that came to nothing.
    fn later(&mut self, detail: String) -> Pause {
        let pause = PAUSE.saturating_mul(2_u32.saturating_pow(self.vain)).min(PAUSE_MAX);
        self.vain = self.vain.saturating_add(1);
        (pause, Waiting::Till, detail)
    }

    fn go_back(&mut self, step: &Step, pause: Option<Pause>) -> Next {
        let to = step.back_to.expect("only a step that has a way back is gone back from");
        self.write(Entry::Retreating { to: to.to_owned() });
        self.begin_anew();
        self.pause = pause;
        Next::GoOn
    }

    fn wait_for(&mut self, step: &'static Step, condition: Condition, c: &Circumstances) -> Next {
        let since = match self.doing {
            Doing::Awaiting { since } => since,
            Doing::Nothing | Doing::Paused { .. } | Doing::Acting { .. } => c.uptime,
        };
        match c.answer(condition, since) {
            Answer::Yes => {
                self.happened(step, Proof::default(), c);
                Next::GoOn
            }
            Answer::NotYet { waiting, detail, again_in } => {
                self.report(step.name, StepState::Waiting { reason: waiting, detail });
                self.pause(c, again_in);
                Next::Wait
            }
            Answer::Pending if since + self.time_left(c) <= c.uptime => {
                self.run_timed_out(format!("{condition:?} did not come about in time"), c);
                Next::GoOn
            }
            Answer::Pending => {
                self.doing = Doing::Awaiting { since };
                self.report(step.name, StepState::Running);
                Next::Wait
            }
        }
    }

    fn begin(&mut self, step: &'static Step, at: usize, action: Action, c: &Circumstances) -> Next {
        if step.mark == Mark::EndsLease && !self.record.is_stranded() {
            if self.renewal_is_under_way() {
                return Next::Wait;
            }
            self.lease_given_back();
        } else if let Some(lease) = self.lease_to_reclaim(c) {
            return self.act(Errand::Reclaim, lease, c);
        }
        if self.record.standing[at] == Standing::Pending {
            let noted = step.noting.map(|condition| c.holds(condition));
            self.write(Entry::Intended { step: step.name.to_owned(), noted });
        }
        self.unprobed = false;
        // One that waits and is only tried again waits still, for whoever reads it.
        if !self.is_reported_waiting(step.name) {
            self.report(step.name, StepState::Running);
        }
        self.act(Errand::Run, action, c)
    }

    pub(super) fn hear_run(
        &mut self,
        action: Action,
        reply: Reply,
        asked_at: Duration,
        c: &Circumstances,
    ) {
        let Some(step) = self.step() else { return };
        match reply {
            Reply::Done(proof) => {
                if step.mark == Mark::TakesLease {
                    self.lease_confirmed(asked_at);
                }
                self.happened(step, proof, c);
            }
            Reply::AlreadySo(proof) => match (step.already_so, proof.version.clone()) {
                (AlreadySo::Ends, Some(now)) => {
                    self.happened(step, proof, c);
                    self.finish(Outcome::Succeeded { now });
                }
                (AlreadySo::SkipsTo(to), _) => {
                    self.happened(step, proof, c);
                    self.skip_to(to);
                }
                (AlreadySo::Misfit | AlreadySo::Ends, _) => {
                    let detail = misfit(action, &Reply::AlreadySo(proof));
                    let code = FailureCode::Internal;
                    self.attempt_failed(step, code, &detail, Again::Pointless, c);
                }
            },
            Reply::NotYet { waiting, detail, again_in } => match step.postponed {
                Postponed::AskAgain => {
                    self.report(step.name, StepState::Waiting { reason: waiting, detail });
                    self.look_again(step, again_in, c);
                }
                Postponed::GoBack => {
                    let (pause, _, detail) = self.later(detail);
                    self.go_back(step, Some((again_in.unwrap_or(pause), waiting, detail)));
                }
                Postponed::Fails => {
                    self.attempt_failed(step, step.failing, &detail, Again::Worthwhile, c);
                }
            },
            Reply::Failed { code, detail, again } => {
                self.attempt_failed(step, code, &detail, again, c);
            }
            Reply::Found(_) | Reply::Till { .. } => {
                let detail = misfit(action, &reply);
                let code = FailureCode::Internal;
                self.attempt_failed(step, code, &detail, Again::Pointless, c);
            }
        }
    }

    /// Each look of a step that watches stands for itself: it goes on for days.
    fn look_again(&mut self, step: &Step, again_in: Option<Duration>, c: &Circumstances) {
        if step.watches {
            (self.attempts, self.spent) = (0, Duration::ZERO);
        }
        self.pause(c, again_in.unwrap_or(PAUSE));
    }

    pub(super) fn run_timed_out(&mut self, detail: String, c: &Circumstances) {
        let Some(step) = self.step() else { return };
        match step.postponed {
            Postponed::GoBack => {
                let pause = self.later(detail);
                self.go_back(step, Some(pause));
            }
            Postponed::AskAgain if step.watches => self.look_again(step, None, c),
            Postponed::AskAgain | Postponed::Fails => {
                self.fail(step, step.failing, &detail, c);
            }
        }
    }

    pub(super) fn hear_probe(&mut self, action: Action, reply: Reply, c: &Circumstances) {
        let Some(step) = self.step() else { return };
        match reply {
            Reply::Found(Found::Happened) => self.happened(step, Proof::default(), c),
            Reply::Found(Found::DidNot) => {
                self.write(Entry::Undone { step: step.name.to_owned() });
                self.begin_anew();
            }
            Reply::Found(Found::Unknown) => {
                let detail = "after a restart nobody could say whether it had happened";
                self.fail(step, step.failing, detail, c);
            }
            Reply::NotYet { detail, .. } | Reply::Failed { detail, .. } => {
                self.probe_failed(detail, c);
            }
            Reply::Done(_) | Reply::AlreadySo(_) | Reply::Till { .. } => {
                self.probe_failed(misfit(action, &reply), c);
            }
        }
    }

    pub(super) fn probe_failed(&mut self, detail: String, c: &Circumstances) {
        let Some(step) = self.step() else { return };
        self.attempts += 1;
        if self.attempts < PROBE_ATTEMPTS.max(step.retry.attempts) {
            self.pause(c, UNDO_DELAY);
        } else {
            self.fail(step, step.failing, &detail, c);
        }
    }

    fn happened(&mut self, step: &Step, proof: Proof, c: &Circumstances) {
        let evidence = evidence_of(step.name, proof.findings, c.at);
        let step = step.name.to_owned();
        self.write(Entry::Happened { step, evidence, version: proof.version });
        self.begin_anew();
    }

    fn skip_to(&mut self, to: &str) {
        while let Some(step) = self.step().filter(|step| step.name != to) {
            self.write(Entry::Skipped { step: step.name.to_owned() });
        }
    }

    fn attempt_failed(
        &mut self,
        step: &Step,
        code: FailureCode,
        detail: &str,
        again: Again,
        c: &Circumstances,
    ) {
        self.attempts += 1;
        if again == Again::Worthwhile && self.attempts < step.retry.attempts {
            self.pause(c, step.retry.delay);
        } else {
            self.fail(step, code, detail, c);
        }
    }

    fn fail(&mut self, step: &Step, code: FailureCode, detail: &str, c: &Circumstances) -> Next {
        let failure = failure(step.name, code, detail);
        debug_assert!(self.record.course == Course::Forward, "only going forward fails");
        if self.record.is_final() {
            self.write(Entry::PassedOver { failure, at: c.at });
        } else {
            let disturbed = self.record.is_disturbed();
            self.write(Entry::Failed { failure, disturbed });
        }
        self.begin_anew();
        Next::GoOn
    }
}
