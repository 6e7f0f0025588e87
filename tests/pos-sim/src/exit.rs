//! The exit codes, in one place because `keep`, the tests and people read them.

use std::process::ExitCode;

/// How a run of this program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked is done, or the program was told to stop.
    Done,
    /// `audit` found a sale lost or doubled, or a batch settled twice.
    MoneyIsWrong,
    /// An error, which stands on stderr. Wrong usage ends with the same code.
    Failed,
    /// The till was asked to restart: start it again at once.
    Restart,
    /// The fault `crash-at-start` or `driver-exits` struck.
    Crashed,
}

impl Exit {
    /// The number that the operating system sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::MoneyIsWrong => 1,
            Self::Failed => 2,
            Self::Restart => 10,
            Self::Crashed => 70,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
