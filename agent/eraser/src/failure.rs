//! Why a command did not succeed, and how whoever asked is told.

use std::error::Error;
use std::fmt::Write as _;
use std::io;

use crate::journal::JournalError;
use crate::phase::{Refused, State};
use crate::protocol::{Failed, Line};
use crate::request::Unfit;

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("the request cannot be read")]
    Request(#[source] io::Error),
    #[error("the request is not understood")]
    NotUnderstood(#[source] serde_json::Error),
    #[error("the request is refused")]
    Unfit(#[from] Unfit),
    #[error("the journal")]
    Journal(#[from] JournalError),
    #[error("order `{asked}` is refused")]
    OtherOrder { asked: String, journaled: String },
    #[error("nothing is to be wiped here")]
    NoWipe,
    #[error("it is refused")]
    Refused(#[from] Refused),
    /// One copy of the journal is damaged, and it may have said that something was destroyed.
    #[error("the wipe cannot be cancelled")]
    MaybeBegun,
    /// Of a till.
    #[error("no till may be started here")]
    NoStart,
    #[error("{}", names(.0))]
    Undone(Vec<Undone>),
}

/// One thing that is not destroyed.
#[derive(Debug)]
pub struct Undone {
    pub name: String,
    pub why: String,
    pub hint: &'static str,
}

fn names(undone: &[Undone]) -> String {
    let names: Vec<_> = undone.iter().map(|undone| format!("`{}`", undone.name)).collect();
    names.join(", ")
}

impl Failure {
    /// The line that says so. `state` is what the journal says by now.
    pub fn line(&self, state: State) -> Line {
        let is_unreadable = matches!(self, Self::Journal(JournalError::Unreadable(_)));
        let phase = if is_unreadable { "unreadable" } else { state.as_str() };
        Line::Failed(Failed {
            phase: phase.to_owned(),
            what: self.to_string(),
            why: self.why(),
            hint: self.hint().to_owned(),
        })
    }

    fn why(&self) -> String {
        match self {
            Self::OtherOrder { journaled, .. } => {
                format!("the wipe of order `{journaled}` is not over")
            }
            Self::NoWipe => "the journal is empty".to_owned(),
            Self::MaybeBegun => "one copy of its journal is damaged, so that it may have begun \
                                 to destroy"
                .to_owned(),
            Self::NoStart => "what it ran on is erased, or is being erased".to_owned(),
            Self::Undone(undone) => {
                let whys: Vec<_> = undone.iter().map(|undone| undone.why.clone()).collect();
                whys.join("; ")
            }
            Self::Request(_)
            | Self::NotUnderstood(_)
            | Self::Unfit(_)
            | Self::Journal(_)
            | Self::Refused(_) => causes(self),
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Request(_) | Self::NotUnderstood(_) => {
                "send one line of JSON, as agent/eraser/src/protocol.rs describes it"
            }
            Self::Unfit(_) => "change what the terminal's configuration wants wiped",
            Self::Journal(JournalError::Unreadable(_)) => {
                "treat the terminal as half wiped, mount nothing of it, and order the wipe again \
                 after moving wipe.a and wipe.b out of the lifecycle directory: every phase can \
                 be repeated"
            }
            Self::Journal(JournalError::InUse(_)) => "wait until it has ended",
            Self::Journal(JournalError::NotWritten { .. } | JournalError::Directory { .. }) => {
                "see to the file system of the lifecycle directory, then run `tillward-erase \
                 resume`"
            }
            Self::OtherOrder { .. } => {
                "let it end with `tillward-erase resume`, then `tillward-erase forget`"
            }
            Self::NoWipe => "look whether `--lifecycle` names the right directory",
            Self::Refused(_) => "`tillward-erase state` says how far the wipe is",
            Self::MaybeBegun => "let it end with `tillward-erase resume`",
            Self::NoStart => {
                "let the wipe end; a terminal that is enrolled anew sells again, once its agent \
                 has started with the new identity"
            }
            Self::Undone(undone) => undone.first().map_or("", |undone| undone.hint),
        }
    }
}

fn causes(error: &dyn Error) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(source) = cause {
        let gap = if text.is_empty() { "" } else { ": " };
        write!(text, "{gap}{source}").expect("text grows in memory");
        cause = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let undone = |name: &str, why: &str| Undone {
            name: name.to_owned(),
            why: why.to_owned(),
            hint: "unmount it",
        };
        let failure = Failure::Undone(vec![undone("/a", "busy"), undone("/b", "in use")]);
        let line = serde_json::to_string(&failure.line(State::Data)).unwrap();
        let expected = concat!(
            r#"{"failed":{"phase":"data","what":"`/a`, `/b`","why":"busy; in use","#,
            r#""hint":"unmount it"}}"#
        );
        assert_eq!(line, expected);
    }

    #[test]
    fn a_journal_that_cannot_be_read_is_never_a_state() {
        let failure = Failure::Journal(JournalError::Unreadable("/l".into()));
        let Line::Failed(failed) = failure.line(State::None) else { panic!("a failure") };
        assert_eq!(failed.phase, "unreadable");
        assert_eq!(failed.why, "both copies of the journal in `/l` are damaged");
        assert!(failed.hint.contains("half wiped"));
    }
}
