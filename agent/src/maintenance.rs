//! May this shop be disturbed now, and if not, why not, and when to ask again? Pure.
//!
//! Two must agree: the maintenance window, in the terminal's own zone, and the till. Nobody is
//! asked twice in a hurry, and nobody waits so long that a clock that was set goes unnoticed.

use std::time::Duration;

use jiff::tz::TimeZone;
use shared::outcome::Waiting;
use shared::time::UnixTime;
use shared::window::Window;

use crate::job::saga::circumstances::Answer;
use crate::job::{Proof, Reply};

/// What the till says about itself. No answer means not ready, never yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Free,
    /// A sale is under way; it takes seconds.
    Busy,
    /// Somebody at the till asked for later.
    Postpone,
    NoAnswer,
}

/// A sale takes seconds: asking this often finds the gap between two.
const BUSY_AGAIN: Duration = Duration::from_secs(2);

/// Who asked for later is left alone for a while, but not until the window has passed.
const POSTPONE_AGAIN: Duration = Duration::from_secs(5 * 60);

/// A till that starts or hangs.
const NO_ANSWER_AGAIN: Duration = Duration::from_secs(30);

/// However far the window is: the clock may be set meanwhile.
const WINDOW_AGAIN_MAX: Duration = Duration::from_secs(15 * 60);

/// Whether the window is open. No window is always open.
pub fn window_open(window: Option<Window>, at: UnixTime, zone: &TimeZone) -> Answer {
    let Some(window) = window else { return Answer::Yes };
    if window.is_open(at, zone) {
        return Answer::Yes;
    }
    let opens = window.next_opening(at, zone);
    Answer::NotYet {
        waiting: Waiting::Window,
        detail: format!("the maintenance window {window} opens at {opens}"),
        again_in: opens.since(at).clamp(Duration::from_secs(1), WINDOW_AGAIN_MAX),
    }
}

/// The till's own word, weighed.
pub fn till_asked(work: Work, detail: &str) -> Reply {
    match till_free(work, detail) {
        Answer::Yes | Answer::Pending => Reply::Done(Proof::default()),
        Answer::NotYet { waiting, detail, again_in } => {
            Reply::NotYet { waiting, detail, again_in: Some(again_in) }
        }
    }
}

/// Whether the till lets itself be disturbed. `detail` is the till's own word, if it gave one.
pub fn till_free(work: Work, detail: &str) -> Answer {
    let (what, again_in) = match work {
        Work::Free => return Answer::Yes,
        Work::Busy => ("the till is busy", BUSY_AGAIN),
        Work::Postpone => ("the till asked for later", POSTPONE_AGAIN),
        Work::NoAnswer => ("the till does not answer", NO_ANSWER_AGAIN),
    };
    let detail = match detail {
        "" => what.to_owned(),
        words => format!("{what}: {words}"),
    };
    Answer::NotYet { waiting: Waiting::Till, detail, again_in }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn night() -> Option<Window> {
        Some("22:00-06:00".parse().expect("a test's own window"))
    }

    fn at(text: &str) -> UnixTime {
        UnixTime(text.parse::<jiff::Timestamp>().expect("a test's own time").as_second())
    }

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").expect("the zone database is bundled")
    }

    fn again_in(answer: Answer) -> Duration {
        match answer {
            Answer::NotYet { again_in, .. } => again_in,
            Answer::Yes | Answer::Pending => panic!("{answer:?} says nothing about later"),
        }
    }

    #[test]
    fn without_a_window_any_time_will_do() {
        assert_eq!(window_open(None, UnixTime(0), &berlin()), Answer::Yes);
    }

    #[test]
    fn the_window_is_meant_in_the_terminals_own_evening() {
        let evening = at("2026-11-22T21:00:00Z"); // 22:00 there
        assert_eq!(window_open(night(), evening, &berlin()), Answer::Yes);
        assert_ne!(window_open(night(), evening, &TimeZone::UTC), Answer::Yes);
    }

    #[test]
    fn a_closed_window_is_asked_about_again_when_it_opens_or_sooner() {
        let answer = window_open(night(), at("2026-11-22T20:59:50Z"), &berlin());
        assert_eq!(again_in(answer), Duration::from_secs(10));
        let answer = window_open(night(), at("2026-11-22T12:00:00Z"), &berlin());
        assert_eq!(again_in(answer), WINDOW_AGAIN_MAX);
    }

    #[test]
    fn only_a_till_that_says_so_is_free() {
        assert_eq!(till_free(Work::Free, "anything"), Answer::Yes);
        for work in [Work::Busy, Work::Postpone, Work::NoAnswer] {
            assert!(again_in(till_free(work, "")) >= Duration::from_secs(1), "{work:?}");
        }
    }

    #[test]
    fn the_tills_own_words_are_passed_on() {
        let Answer::NotYet { detail, waiting, .. } = till_free(Work::Postpone, "stocktaking")
        else {
            panic!("a till that asks for later is not free");
        };
        assert_eq!(
            (waiting, detail.as_str()),
            (Waiting::Till, "the till asked for later: stocktaking")
        );
    }
}
