//! How the till does while nothing is done to it. Pure.
//!
//! Deliberately absent: what a change needs to know of the till, which its job asks itself.

use std::collections::VecDeque;
use std::time::Duration;

use shared::message::TillHealth;

use super::Core;
use super::input::Now;

/// It is asked how it does this often.
const LOOK_EVERY: Duration = Duration::from_secs(5 * 60);

/// A till that has been silent for less is not yet taken for one that does not answer: it may be
/// busy, or about to start.
const SILENCE_BORNE: Duration = Duration::from_secs(2 * 60);

/// How long a restart is remembered.
const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Default)]
pub(super) struct TillWatch {
    looked_at: Option<Duration>,
    /// The process that answered last; `None` once something was done to the till.
    instance: Option<String>,
    /// Since when no look was answered.
    silent_since: Option<Duration>,
    answers: Option<bool>,
    /// When it was found to be another process, at most so many as can be told.
    restarts: VecDeque<Duration>,
    /// The next look is told, also if it finds what was found before.
    owes_word: bool,
}

impl TillWatch {
    pub(super) fn new() -> Self {
        Self { owes_word: true, ..Self::default() }
    }

    /// Something is done to the till: whether it is the same process afterwards says nothing.
    pub(super) fn disturbed(&mut self) {
        (self.instance, self.silent_since) = (None, None);
    }

    /// Another version is installed: what the one before did is not its fault.
    pub(super) fn renewed(&mut self) {
        self.disturbed();
        self.restarts.clear();
    }

    /// A change is over: what the till is like after it is told as soon as that is known.
    pub(super) fn look_soon(&mut self) {
        (self.looked_at, self.answers, self.owes_word) = (None, None, true);
    }

    fn seen(&mut self, instance: Option<String>, uptime: Duration) {
        self.looked_at = Some(uptime);
        self.forget(uptime);
        let Some(instance) = instance else {
            let since = *self.silent_since.get_or_insert(uptime);
            if since + SILENCE_BORNE <= uptime {
                self.answers = Some(false);
            }
            return;
        };
        if self.instance.as_ref().is_some_and(|before| *before != instance) {
            if self.restarts.len() == usize::from(u8::MAX) {
                self.restarts.pop_front();
            }
            self.restarts.push_back(uptime);
        }
        (self.instance, self.silent_since, self.answers) = (Some(instance), None, Some(true));
    }

    fn forget(&mut self, uptime: Duration) {
        while self.restarts.front().is_some_and(|at| *at + DAY <= uptime) {
            self.restarts.pop_front();
        }
    }

    /// `None` until it is known.
    pub(super) fn health(&self) -> Option<TillHealth> {
        let restarts = u8::try_from(self.restarts.len()).unwrap_or(u8::MAX);
        self.answers.map(|answers| TillHealth { answers, restarts })
    }

    /// It is known, and was not told since it should be.
    pub(super) fn owes_word(&self) -> bool {
        self.owes_word && self.answers.is_some()
    }

    pub(super) fn told(&mut self) {
        if self.owes_word() {
            self.owes_word = false;
        }
    }
}

impl Core {
    pub(super) fn till_seen(&mut self, instance: Option<String>, now: Now) {
        self.till.seen(instance, now.uptime);
    }

    /// How the till does, once it is known.
    pub fn till_health(&self) -> Option<TillHealth> {
        self.till.health()
    }

    /// The till is to be asked how it does.
    pub fn wants_look(&self, now: Now) -> bool {
        let is_due = self.till.looked_at.is_none_or(|at| at + LOOK_EVERY <= now.uptime);
        is_due && !self.stopping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well(restarts: u8) -> Option<TillHealth> {
        Some(TillHealth { answers: true, restarts })
    }

    fn looked(looks: &[(u64, Option<&str>)]) -> TillWatch {
        let mut watch = TillWatch::new();
        for (hour, instance) in looks {
            watch.seen(instance.map(str::to_owned), Duration::from_secs(hour * 3600));
        }
        watch
    }

    #[test]
    fn a_till_does_not_answer_once_it_was_silent_for_a_while() {
        let silent = Some(TillHealth { answers: false, restarts: 0 });
        type Looks = &'static [(u64, Option<&'static str>)];
        let table: [(Looks, Option<TillHealth>); 6] = [
            (&[], None),
            (&[(1, None)], None),
            (&[(1, None), (2, None)], silent),
            (&[(1, Some("a")), (2, None)], well(0)),
            (&[(1, Some("a")), (2, None), (3, None)], silent),
            (&[(1, None), (2, None), (3, Some("a"))], well(0)),
        ];
        for (looks, health) in table {
            assert_eq!(looked(looks).health(), health, "{looks:?}");
        }
        // While a job waits it is looked at every few seconds.
        let mut watch = looked(&[(1, Some("a"))]);
        for second in [15, 30, 45] {
            watch.seen(None, Duration::from_secs(3600 + second));
        }
        assert_eq!(watch.health(), well(0), "it may be starting");
    }

    #[test]
    fn another_process_is_a_restart_for_a_day_also_after_a_silence() {
        let watch = looked(&[(1, Some("a")), (2, Some("b")), (3, None), (4, Some("c"))]);
        assert_eq!(watch.health(), well(2));
        let watch = looked(&[(1, Some("a")), (2, Some("b")), (25, Some("b")), (26, Some("b"))]);
        assert_eq!(watch.health(), well(0));
        let many: Vec<_> = (0..1_000).map(|number| number.to_string()).collect();
        let looks: Vec<_> = many.iter().map(|it| (1, Some(it.as_str()))).collect();
        assert_eq!(looked(&looks).health(), well(u8::MAX), "as many as can be told");
    }

    #[test]
    fn what_is_done_to_the_till_is_no_restart_of_its_own() {
        let mut watch = looked(&[(1, Some("a")), (2, Some("b"))]);
        watch.disturbed();
        watch.seen(Some("c".to_owned()), Duration::from_secs(3 * 3600));
        assert_eq!(watch.health(), well(1), "only what happened before counts");
        watch.renewed();
        watch.seen(Some("d".to_owned()), Duration::from_secs(4 * 3600));
        assert_eq!(watch.health(), well(0), "the new version has done nothing yet");
    }

    #[test]
    fn it_is_told_after_the_first_look_and_after_the_look_that_follows_a_change() {
        let mut watch = looked(&[]);
        assert!(!watch.owes_word(), "nothing is known");
        watch.seen(Some("a".to_owned()), Duration::ZERO);
        assert!(watch.owes_word());
        watch.told();
        assert!(!watch.owes_word());
        watch.look_soon();
        assert!(!watch.owes_word(), "what was known is older than the change");
        watch.told();
        watch.seen(None, Duration::from_secs(8));
        assert_eq!((watch.owes_word(), watch.health()), (false, None), "it may be starting");
        watch.seen(Some("b".to_owned()), Duration::from_secs(9));
        assert!(watch.owes_word(), "telemetry that went before the look does not count");
    }
}
