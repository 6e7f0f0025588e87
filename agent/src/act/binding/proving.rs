//! Whether the new binding proves itself: its tests, and the watch while the shop sells with it.

use shared::change::rebind::{RegistryOrder, Test};
use shared::outcome::{FailureCode, Waiting};

use super::super::{Hands, done};
use super::{Errand, NotDone, failed, pos, waiting};
use crate::job::rebind::watch::{self, Verdict};
use crate::job::{Again, Finding, Proof, Reply};
use crate::pos::Trial;
use crate::stop::Stop;

/// How often a test plan is begun at most, where there is nothing to return to.
const ROUNDS_MAX: u32 = 5;

impl Errand<'_> {
    /// Each test once, however often this is asked; the first that fails ends it. One whose answer
    /// was lost, as in a power cut, has failed for good; where there is nothing to return to, all
    /// of them are begun anew under other names, once for each attempt.
    pub(super) fn test_new(&self) -> Result<Reply, NotDone> {
        let binding = self.new_binding();
        let rounds = match self.change.rebind.registry_order {
            RegistryOrder::NewFirst => 1,
            RegistryOrder::ReleaseOldFirst => ROUNDS_MAX,
        };
        let mut round = 0;
        loop {
            let mut findings = Vec::new();
            let Some(detail) = self.failed_round(&binding, round, &mut findings)? else {
                if round > 0 {
                    self.void_tests(&binding)?;
                }
                let version = Some(format!("{} as {binding}", self.profile().provider));
                return Ok(Reply::Done(Proof { version, findings }));
            };
            round += 1;
            if round == rounds {
                return Err(failed(FailureCode::TestFailed, detail, Again::Pointless));
            }
            // What was answered in an earlier attempt is answered the same, at once.
            if round > self.task.given.attempt {
                return Err(failed(FailureCode::TestFailed, detail, Again::Worthwhile));
            }
        }
    }

    fn failed_round(
        &self,
        binding: &str,
        round: u32,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<String>, NotDone> {
        let order = self.task.order;
        let after = if round == 0 { String::new() } else { format!("/{round}") };
        let key = |number: usize| format!("{order}/{number}{after}");
        let tests = &self.change.rebind.tests;
        self.hands.failed_test(tests, binding, key, self.stop, findings)
    }

    /// Until no test sale of this binding stands at its host.
    pub(super) fn void_tests(&self, binding: &str) -> Result<(), NotDone> {
        self.hands.void_tests(binding, &format!("at {}", self.profile().provider))
    }

    /// Only what was measured is a breach: a till that does not answer, as in a shop that is closed
    /// for the night, is looked at again, and judged once it does.
    pub(super) fn watch(&self) -> Result<Reply, NotDone> {
        let figures = |binding: &str| {
            let figures = self.hands.pos.figures(binding);
            figures.map_err(|error| waiting(Waiting::Till, error.to_string()))
        };
        let old = self.old().map_err(unmeasured)?;
        let (before, now) = (figures(&old.binding)?, figures(&self.new_binding())?);
        Ok(match watch::judge(&self.change.rebind.watch, &before, &now) {
            Verdict::GoOn { detail, again_in } => {
                Reply::NotYet { waiting: Waiting::Watch, detail, again_in: Some(again_in) }
            }
            Verdict::Kept { note } => done(note),
            Verdict::Breached { detail } => {
                *failed(FailureCode::WatchBreached, detail, Again::Pointless)
            }
        })
    }
}

impl Hands {
    /// Until no test sale of this binding stands at its host; `whose` says it to people.
    pub(in super::super) fn void_tests(&self, binding: &str, whose: &str) -> Result<(), NotDone> {
        let left = self.pos.void_tests(binding);
        let left = left.map_err(|error| pos(&error, FailureCode::DrainIncomplete))?;
        if left > 0 {
            return Err(waiting(Waiting::Till, format!("{left} tests {whose} are not voided yet")));
        }
        Ok(())
    }

    /// What the first test said that was not passed; `None`, and a finding for each, when all of
    /// them were. `key` names each for the till, which does it once.
    pub(in super::super) fn failed_test(
        &self,
        tests: &[Test],
        binding: &str,
        key: impl Fn(usize) -> String,
        stop: &Stop,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<String>, NotDone> {
        for (number, test) in tests.iter().enumerate() {
            if stop.is_asked() {
                let detail = "it was given up".to_owned();
                return Err(failed(FailureCode::TestFailed, detail, Again::Worthwhile));
            }
            let kind = test.kind.as_str();
            let trial = Trial { binding, key: key(number), test: *test };
            let tested = self.pos.test_transaction(&trial);
            let tested = tested.map_err(|error| pos(&error, FailureCode::TestFailed))?;
            if !tested.passed {
                return Ok(Some(format!("{kind}: {}", tested.detail)));
            }
            let reference = match tested.reference.as_str() {
                "" => String::new(),
                some => format!(", reference {some}"),
            };
            let note = format!("{kind} passed{reference}; {}", tested.detail);
            findings.push(Finding { note, digest: None });
        }
        Ok(None)
    }
}

/// Nothing is known of a till that failed at the question.
fn unmeasured(reply: NotDone) -> NotDone {
    match *reply {
        Reply::Failed { detail, .. } => waiting(Waiting::Till, detail),
        Reply::Done(_)
        | Reply::AlreadySo(_)
        | Reply::NotYet { .. }
        | Reply::Found(_)
        | Reply::Till { .. } => reply,
    }
}
