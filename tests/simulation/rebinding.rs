//! What each action on the till's bindings does to the world, in place of the shell's hands.

use std::time::Duration;

use agent::job::rebind::RebindAction;
use agent::job::rebind::watch::{Verdict, judge};
use agent::job::{Again, Found, Reply};
use harness::rebind::rebind;
use shared::change::rebind::RegistryOrder;
use shared::digest::Digest;
use shared::outcome::{FailureCode, Waiting};

use crate::bank::{Side, Tested};
use crate::hands::{Answered, done, done_if, failed, not_yet, patiently};
use crate::scenario::Trouble;
use crate::world::World;

/// How long the shell waits for a snapshot to be verified.
pub(crate) const VERIFIED_WITHIN: Duration = Duration::from_secs(180);

/// How long the shell waits for one answer of the till.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// How long it waits where a host may have to be asked for its totals.
const SETTLED_WITHIN: Duration = Duration::from_secs(180);

const HOUR: Duration = Duration::from_secs(3600);

/// As long as many shops are closed.
const NIGHT: Duration = Duration::from_secs(14 * 3600);

/// How often the shell begins the tests where nothing can be returned to.
const ROUNDS_MAX: u32 = 5;

const SOON: Duration = Duration::from_millis(300);

impl World {
    /// `attempt` counts those that failed before.
    pub(crate) fn rebind(
        &mut self,
        action: RebindAction,
        waited: Duration,
        attempt: u32,
    ) -> Answered {
        use RebindAction as It;
        let now = self.now;
        if self.till.running().is_none() && asks_till(action) {
            // The shell knows no answer as "not ready".
            let answered = patiently(waited, FailureCode::PosNotReady);
            return answered.map(|(_, after)| (not_yet(Waiting::Till), after));
        }
        let trouble = self.scenario.trouble;
        let has = |which| trouble == Some(which);
        let reply = match action {
            It::CheckBinding | It::Announce => done(),
            It::Stage if has(Trouble::StageRefused) => failed(FailureCode::NoFreeSlot),
            It::Stage => {
                self.till.bank.stage();
                done()
            }
            It::Preflight => {
                let answers = |side| self.till.bank.answers(side, now);
                match answers(Side::Old) && answers(Side::New) {
                    true => done(),
                    false => not_yet(Waiting::Network),
                }
            }
            It::DrainOld if has(Trouble::OldAway) && self.old_away_from.is_none() => {
                self.old_away_from = Some(now);
                self.till.bank.away_until[Side::Old as usize] = now + HOUR / 6;
                not_yet(Waiting::Till)
            }
            It::DrainOld => {
                let all = self.till.bank.send(Side::Old, now);
                return self.done_or_later(all);
            }
            It::SettleOld => {
                let all = self.till.bank.settle(Side::Old, now);
                return self.done_or_later(all);
            }
            It::ConfirmSaved if self.vault.is_kept_verified(now) => done(),
            It::ConfirmSaved if waited < VERIFIED_WITHIN => return Err(Duration::from_secs(5)),
            It::ConfirmSaved => not_yet(Waiting::Network),
            It::Switch => return self.switch(),
            It::ProbeSwitch => Reply::Found(match self.till.bank.active() {
                Side::New => Found::Happened,
                Side::Old => Found::DidNot,
            }),
            It::TestNew => return self.test(attempt),
            It::Watch if has(Trouble::Closed) && self.closed_from.is_none() => {
                self.closed_from = Some(now);
                self.till.close_until(now + NIGHT);
                not_yet(Waiting::Till)
            }
            It::Watch => self.watch(),
            It::EraseOld if has(Trouble::EraseRefused) => worthwhile(FailureCode::PosRefused),
            It::EraseOld if has(Trouble::EraseSlow) && self.is_early() => again(),
            It::EraseOld => return self.erase_old(),
            It::EmptyNew if !self.till.bank.has(Side::New) => done(),
            It::EmptyNew if self.till.bank.answers(Side::New, now) => {
                self.till.bank.void_tests(now);
                let all = self.till.bank.settle(Side::New, now);
                return self.done_or_later(all);
            }
            It::EmptyNew => not_yet(Waiting::Till),
            It::SwitchBack if has(Trouble::Stranded) || has(Trouble::StopSlow) => {
                failed(FailureCode::SwitchFailed)
            }
            It::SwitchBack => self.switched(Side::Old),
            It::TestOld => match self.till.bank.answers(Side::Old, now) {
                true => done(),
                false => not_yet(Waiting::Network),
            },
            It::EraseNew => done_if(self.till.bank.erase(Side::New), FailureCode::PosRefused),
            It::StopTrading => {
                let asked_at = *self.stop_asked_at.get_or_insert(now);
                // Longer than a hold that nobody renews.
                let slow = self.scenario.trouble == Some(Trouble::StopSlow);
                match slow && now < asked_at + HOUR / 6 {
                    true => again(),
                    false => done_if(self.till.stop(), FailureCode::PosNotReady),
                }
            }
        };
        Ok((reply, SOON))
    }

    fn is_early(&mut self) -> bool {
        self.now < *self.erase_asked_at.get_or_insert(self.now) + HOUR / 12
    }

    /// As a till does it: never while it sells, and never half.
    fn switched(&mut self, to: Side) -> Reply {
        let quiet = (self.till.is_held() || self.till.is_stopped()) && self.till.is_free();
        match quiet && self.till.bank.switch(to, self.now) {
            true => done(),
            false => again(),
        }
    }

    fn switch(&mut self) -> Answered {
        if self.scenario.trouble == Some(Trouble::SwitchRefused) {
            return Ok((failed(FailureCode::SwitchFailed), SOON));
        }
        self.watch_the_switch();
        let was = self.till.bank.active();
        let reply = self.switched(Side::New);
        if self.till.bank.active() == Side::New {
            let first = self.switched_at.is_none();
            self.switched_at.get_or_insert(self.now);
            match self.scenario.trouble {
                Some(Trouble::NewGone) if first => {
                    self.till.bank.away_until[Side::New as usize] = self.now + 2 * HOUR;
                }
                Some(Trouble::OldGone) if first => {
                    self.till.bank.away_until[Side::Old as usize] = self.now + 5 * HOUR;
                }
                Some(Trouble::SwitchUnanswered) if was == Side::Old => {
                    return Ok((again(), ANSWERED_WITHIN));
                }
                Some(_) | None => {}
            }
        }
        Ok((reply, SOON))
    }

    /// What must have come before there is another provider.
    fn watch_the_switch(&mut self) {
        if self.till.bank.active() == Side::New {
            return;
        }
        if self.till.bank.has_money(Side::Old) {
            self.breaches.push("switched with money of the old provider open".to_owned());
        }
        if !self.vault.is_verified_since(self.till.sold_at, self.now) {
            self.breaches.push("switched without a verified snapshot of what was sold".to_owned());
        }
        self.watch_the_window();
    }

    /// As the shell does it: where nothing can be returned to, tests that failed are done anew.
    fn test(&mut self, attempt: u32) -> Answered {
        let trouble = self.scenario.trouble;
        if !self.till.is_held() {
            return Ok((again(), SOON));
        }
        let rounds = match self.scenario.registry_order {
            RegistryOrder::NewFirst => 1,
            RegistryOrder::ReleaseOldFirst => ROUNDS_MAX,
        };
        let not_passed = match attempt + 1 < rounds {
            true => worthwhile(FailureCode::TestFailed),
            false => failed(FailureCode::TestFailed),
        };
        let declines =
            [Trouble::TestDeclined, Trouble::OldGone, Trouble::Stranded, Trouble::StopSlow];
        if trouble.is_some_and(|trouble| declines.contains(&trouble)) {
            return Ok((not_passed, SOON));
        }
        let tested = self.till.bank.test(Side::New, self.now, attempt.min(rounds - 1));
        let unanswered = matches!(trouble, Some(Trouble::TestUnanswered | Trouble::TestHangs));
        if tested == Tested::GoesOn && unanswered {
            self.till.bank.lose_answer();
        }
        self.changes += 1;
        match (tested, trouble) {
            (Tested::GoesOn, Some(Trouble::TestHangs)) => Err(10 * HOUR),
            (Tested::GoesOn, Some(Trouble::TestLate)) => Err(Duration::from_secs(100)),
            (Tested::GoesOn, _) => Err(Duration::from_secs(1)),
            (Tested::Passed, _) => {
                self.tested = true;
                Ok((done(), SOON))
            }
            (Tested::Failed, _) => Ok((not_passed, SOON)),
        }
    }

    fn watch(&mut self) -> Reply {
        let away = self.scenario.trouble == Some(Trouble::BreachAway);
        let breaches = [Trouble::Breach, Trouble::BreachLost];
        let failing = away || self.scenario.trouble.is_some_and(|it| breaches.contains(&it));
        let bank = &self.till.bank;
        let before = bank.figures(Side::Old, false, self.now);
        let figures = bank.figures(Side::New, failing, self.now);
        match judge(&rebind(Digest([0; 32])).watch, &before, &figures) {
            Verdict::GoOn { detail, again_in } => {
                Reply::NotYet { waiting: Waiting::Watch, detail, again_in: Some(again_in) }
            }
            Verdict::Kept { .. } => {
                self.watched = true;
                done()
            }
            Verdict::Breached { .. } => {
                self.watched = true;
                if away {
                    self.till.bank.away_until[Side::New as usize] = self.now + HOUR;
                }
                failed(FailureCode::WatchBreached)
            }
        }
    }

    fn erase_old(&mut self) -> Answered {
        if !self.watched {
            self.breaches.push("the old keys were erased before the watch was over".to_owned());
        }
        if self.till.bank.active() != Side::New {
            return Ok((failed(FailureCode::OtherBinding), SOON));
        }
        if self.till.bank.has(Side::Old) && !self.till.bank.settle(Side::Old, self.now) {
            return self.done_or_later(false);
        }
        Ok((done_if(self.till.bank.erase(Side::Old), FailureCode::PosRefused), SOON))
    }

    /// An answer that was lost is waited for.
    fn done_or_later(&self, all: bool) -> Answered {
        Ok(match all {
            true => (done(), SOON),
            false if self.till.bank.loses_answers => (not_yet(Waiting::Till), SETTLED_WITHIN),
            false => (not_yet(Waiting::Till), SOON),
        })
    }

    /// Nobody sells with what was not tested.
    pub(crate) fn watch_the_release(&mut self) {
        if self.till.bank.active() == Side::New && !self.tested {
            self.breaches.push("trading was released with what was not tested".to_owned());
        }
    }
}

fn asks_till(action: RebindAction) -> bool {
    action != RebindAction::ConfirmSaved
}

fn again() -> Reply {
    worthwhile(FailureCode::PosNotReady)
}

fn worthwhile(code: FailureCode) -> Reply {
    Reply::Failed { code, detail: format!("{code:?}"), again: Again::Worthwhile }
}
