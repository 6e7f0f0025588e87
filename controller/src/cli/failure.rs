//! How a command ends: with one of a few exit codes, and when it failed, with what, on which
//! object, why, and what to do.

use std::fmt;
use std::process::ExitCode;

use crate::key_file::{KeyError, NoPassphrase, NotRecovered};
use crate::release::{BadArchive, NotARelease, NotPacked};

use super::print::Print;

/// Exit codes. They are part of the interface: scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// The command failed; standard error says why.
    Failed,
    /// The campaign ended, and not every terminal succeeded.
    CampaignFellShort,
    /// A signature, digest or certificate is not what it must be.
    NotGenuine,
    /// The controller could not be reached.
    Unreachable,
    /// The controller refused the request.
    Refused,
}

impl Exit {
    /// For `--help`. Code 2 is the argument parser's.
    pub const HELP: &str = "\
Exit codes:
  0  done
  1  failed; standard error says what, on which object, why, and what to do
  2  wrong usage
  3  the campaign ended, and not every terminal succeeded
  4  a signature or a digest is not what it must be
  5  the controller could not be reached
  6  the controller refused the request";

    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::CampaignFellShort => 3,
            Self::NotGenuine => 4,
            Self::Unreachable => 5,
            Self::Refused => 6,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A command that did not do what was asked.
#[derive(Debug)]
pub(super) struct Failure {
    pub exit: Exit,
    error: anyhow::Error,
    hint: Option<String>,
}

impl Failure {
    pub(super) fn new(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Failed, error: error.into(), hint: None }
    }

    /// From one sentence.
    pub(super) fn because(what: impl fmt::Display) -> Self {
        Self::new(anyhow::anyhow!("{what}"))
    }

    pub(super) fn exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// What to do about it, in the imperative.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Says what was attempted when it failed.
    pub(super) fn context(self, what: impl fmt::Display + Send + Sync + 'static) -> Self {
        Self { error: self.error.context(what), ..self }
    }

    fn maybe_hint(self, hint: Option<&str>) -> Self {
        Self { hint: hint.map(str::to_owned), ..self }
    }

    /// Writes the error, its causes, and the hint.
    pub(super) fn print(&self, print: &mut Print) {
        print.error(&self.error);
        for cause in self.error.chain().skip(1) {
            print.remark(format_args!("  because: {cause}"));
        }
        if let Some(hint) = &self.hint {
            print.hint(hint);
        }
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        let hint = error.hint();
        Self::new(error).maybe_hint(hint)
    }
}

impl From<NoPassphrase> for Failure {
    fn from(error: NoPassphrase) -> Self {
        let hint = error.hint();
        Self::new(error).maybe_hint(hint)
    }
}

impl From<NotRecovered> for Failure {
    fn from(error: NotRecovered) -> Self {
        match error {
            NotRecovered::Key(error) => error.into(),
            error @ NotRecovered::OtherIdentity => {
                Self::new(error).hint("try the identity of another recovery recipient")
            }
            error @ (NotRecovered::NotAnIdentity(_) | NotRecovered::NotARecipient(_)) => {
                Self::new(error)
            }
        }
    }
}

impl From<NotPacked> for Failure {
    fn from(error: NotPacked) -> Self {
        let hint = error.hint();
        Self::new(error).maybe_hint(hint)
    }
}

impl From<NotARelease> for Failure {
    fn from(error: NotARelease) -> Self {
        Self::new(error)
    }
}

impl From<BadArchive> for Failure {
    fn from(error: BadArchive) -> Self {
        let exit = match &error {
            BadArchive::Read { .. } => Exit::Failed,
            BadArchive::Malformed { .. }
            | BadArchive::Entry { .. }
            | BadArchive::Tail(_)
            | BadArchive::TooLarge { .. } => Exit::NotGenuine,
        };
        Self::new(error).exit(exit)
    }
}

impl From<shared::durable::NotWritten> for Failure {
    fn from(error: shared::durable::NotWritten) -> Self {
        Self::new(error)
    }
}
