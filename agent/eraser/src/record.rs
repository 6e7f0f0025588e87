//! What is written down of a wipe: the request, how far it has come, what became of each thing.
//! Pure.

use serde::{Deserialize, Serialize};

use crate::phase::{self, Event, Refused, State};
use crate::protocol::{PhaseReport, UnixTime, Wipe};

/// Of what is said about one thing. Longer words of a program are cut: a copy of the journal has
/// room for [`DETAIL_BYTES_MAX`] bytes for each of them.
pub const DETAIL_BYTES_MAX: usize = 240;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub state: State,
    pub wipe: Wipe,
    /// Of the program that began it.
    pub tool_version: String,
    pub phases: Vec<PhaseReport>,
    /// One for each of `wipe.keys`, in their order; the same for the next two.
    pub keys: Vec<Fate>,
    pub paths: Vec<Fate>,
    pub devices: Vec<Fate>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fate {
    /// When the wipe was accepted, before anything was done.
    pub was_there: bool,
    pub done: bool,
    /// What was done.
    pub detail: String,
    /// Why it cannot be called verified, whatever is seen of it afterwards.
    pub doubt: Option<String>,
    pub seen: Seen,
}

/// What was seen when it was looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    NotLookedFor,
    Gone(String),
    /// It was looked at in parts, and each of them is gone.
    Sampled(String),
    StillThere(String),
    CannotTell(String),
}

/// What came of the work on one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub done: bool,
    /// There was nothing that could be done anything to.
    pub nothing: bool,
    pub detail: String,
    pub doubt: Option<String>,
}

impl Outcome {
    pub fn done(detail: String, doubt: Option<String>) -> Self {
        Self { done: true, nothing: false, detail, doubt }
    }

    pub fn nothing(detail: &str) -> Self {
        Self { done: false, nothing: true, detail: detail.to_owned(), doubt: None }
    }

    pub fn failed(why: String, doubt: Option<String>) -> Self {
        Self { done: false, nothing: false, detail: why, doubt }
    }
}

impl Fate {
    pub fn before(was_there: bool) -> Self {
        let detail = "nothing was done yet".to_owned();
        Self { was_there, done: false, detail, doubt: None, seen: Seen::NotLookedFor }
    }

    /// A phase that is repeated finds nothing left to do; what was done the first time stays
    /// done. A doubt stays as well: what raised it may be gone by now.
    pub fn came_to(&mut self, outcome: Outcome) {
        if outcome.nothing && self.was_there {
            if !self.done {
                self.detail =
                    "it was gone when this was begun again after an interruption".to_owned();
            }
            self.done = true;
        } else if outcome.done || !self.done {
            self.done = outcome.done;
            self.detail = shortened(&outcome.detail);
        }
        self.doubt = self.doubt.take().or(outcome.doubt.map(|doubt| shortened(&doubt)));
    }
}

impl Record {
    /// Moves to the state that follows; the caller writes the record down before it acts.
    pub fn advance(&mut self, event: Event, now: UnixTime) -> Result<(), Refused> {
        self.state = phase::step(self.state, event)?;
        if let Some(left) = self.phases.last_mut() {
            left.ended_at = now;
        }
        if self.state.is_wiping() {
            let phase = self.state.as_str().to_owned();
            self.phases.push(PhaseReport { phase, began_at: now, ended_at: now });
        }
        Ok(())
    }
}

/// One line of at most [`DETAIL_BYTES_MAX`] bytes, of characters that take one byte in JSON or
/// the bytes that they have.
pub fn shortened(text: &str) -> String {
    let plain = |c: char| if c.is_control() || c == '"' || c == '\\' { ' ' } else { c };
    let mut short = String::new();
    for word in text.split_whitespace() {
        let word: String = word.chars().map(plain).collect();
        let gap = usize::from(!short.is_empty());
        if short.len() + gap + word.len() > DETAIL_BYTES_MAX - '…'.len_utf8() {
            short.push('…');
            break;
        }
        short.push_str(&" "[..gap]);
        short.push_str(&word);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_say_is_cut_to_one_line_that_fits() {
        assert_eq!(shortened(" a\n\tb \"c\" "), "a b  c ");
        let long = shortened(&"word ".repeat(200));
        assert!(long.ends_with("word…") && long.len() <= DETAIL_BYTES_MAX, "{long}");
        assert_eq!(shortened(&"x".repeat(500)), "…");
        let json = serde_json::to_string(&shortened(&"\u{1}\"\\".repeat(70))).unwrap();
        assert!(json.len() <= DETAIL_BYTES_MAX + 2);
    }

    #[test]
    fn work_that_is_repeated_keeps_what_was_done_and_doubted_before() {
        let mut fate = Fate::before(true);
        fate.came_to(Outcome::done("removed".to_owned(), Some("a link".to_owned())));
        fate.came_to(Outcome::nothing("gone"));
        fate.came_to(Outcome::failed("busy".to_owned(), None));
        assert_eq!((fate.done, fate.detail.as_str()), (true, "removed"));
        assert_eq!(fate.doubt.as_deref(), Some("a link"));
    }

    #[test]
    fn what_was_there_and_is_gone_was_destroyed_and_what_was_never_there_was_not() {
        for was_there in [true, false] {
            let mut fate = Fate::before(was_there);
            fate.came_to(Outcome::nothing("there was nothing"));
            assert_eq!(fate.done, was_there);
        }
        let mut fate = Fate::before(true);
        fate.came_to(Outcome::failed("busy".to_owned(), None));
        assert_eq!((fate.done, fate.detail.as_str()), (false, "busy"));
    }
}
