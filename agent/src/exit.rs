//! Exit codes, in one place because service managers and scripts read them, and what stands behind
//! each.

use std::path::PathBuf;
use std::process::ExitCode;

use shared::claim::NotAClaim;
use shared::durable::NotWritten;
use shared::queue::{OpenError, StoreError};

use crate::command_line::WrongUsage;
use crate::config::ConfigError;
use crate::download::DownloadError;
use crate::enrolment::EnrolmentError;
use crate::identity::IdentityError;
use crate::install::InstallError;
use crate::machine::NoRandomness;
use crate::roster::Unbelieved;

/// Why the program did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Usage(WrongUsage),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("the roster of the enrolment is not believed")]
    Roster(#[source] Unbelieved),
    #[error("the claim in `{}` cannot be read", path.display())]
    ClaimUnreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("`{}` holds no claim", path.display())]
    NotAClaim {
        path: PathBuf,
        #[source]
        source: NotAClaim,
    },
    #[error("this terminal was not enrolled")]
    Enrolment(#[source] EnrolmentError),
    #[error("the agent's store cannot be opened")]
    StoreNotOpened(#[source] OpenError),
    #[error("what must be kept cannot be kept")]
    NotKept(#[source] StoreError),
    #[error("the slots cannot be used")]
    Slots(#[source] InstallError),
    #[error("the download directory cannot be used")]
    Downloads(#[source] DownloadError),
    #[error("the identity cannot be used for TLS")]
    Tls(#[source] shared::tls::TlsError),
    #[error("the report is not kept")]
    NotReported(#[from] NotWritten),
    #[error("the identity of this terminal, which is erased otherwise, is still there: {0}")]
    NotForgotten(String),
    #[error("this terminal is just being erased, and is at `{state}`: a new identity would go too")]
    ErasureUnderWay { state: String },
    #[error(transparent)]
    Chance(#[from] NoRandomness),
    #[error("the system lets the agent do no {what}")]
    System {
        what: &'static str,
        #[source]
        source: std::io::Error,
    },
}

impl Failure {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Usage(_) => Some("`tillward-agent --help` says what can be asked"),
            Self::Config(_) => Some("compare it with the example: `tillward-agent example-config`"),
            Self::Identity(IdentityError::NotEnrolled { .. }) => {
                Some("ask the operator for a claim, then run `tillward-agent enrol`")
            }
            Self::Identity(_) | Self::Roster(_) | Self::Tls(_) => {
                Some("enrol this terminal again, with a new claim")
            }
            Self::ClaimUnreadable { .. } | Self::NotAClaim { .. } => {
                Some("give the file that `tillward terminal claim` wrote, or its line")
            }
            Self::Enrolment(error) => Some(error.hint()),
            Self::ErasureUnderWay { .. } => {
                Some("let `tillward-agent run` bring it to its end, then enrol this terminal")
            }
            Self::StoreNotOpened(OpenError::InUse { .. }) => {
                Some("stop the agent that runs already")
            }
            Self::StoreNotOpened(_)
            | Self::NotKept(_)
            | Self::NotReported(_)
            | Self::Slots(_)
            | Self::NotForgotten(_)
            | Self::Downloads(_) => {
                Some("check the state directory's permissions, free space and disk")
            }
            Self::Chance(_) | Self::System { .. } => None,
        }
    }

    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Config(_) => Exit::ConfigurationWrong,
            Self::Identity(IdentityError::NotEnrolled { .. }) => Exit::NotEnrolled,
            Self::ClaimUnreadable { .. }
            | Self::NotAClaim { .. }
            | Self::Enrolment(_)
            | Self::ErasureUnderWay { .. } => Exit::EnrolmentFailed,
            Self::Identity(_)
            | Self::Roster(_)
            | Self::StoreNotOpened(_)
            | Self::NotKept(_)
            | Self::NotReported(_)
            | Self::Slots(_)
            | Self::Downloads(_)
            | Self::NotForgotten(_)
            | Self::Tls(_)
            | Self::Chance(_)
            | Self::System { .. } => Exit::Failed,
        }
    }
}

/// How a run of this program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// What was asked is done, or the agent was told to stop and did.
    Done,
    /// A restart may help: the service manager should try.
    Failed,
    /// The command line made no sense.
    Usage,
    /// A restart does not help before somebody has changed the configuration.
    ConfigurationWrong,
    /// A restart does not help before somebody has enrolled the terminal.
    NotEnrolled,
    EnrolmentFailed,
}

impl Exit {
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::ConfigurationWrong => 3,
            Self::NotEnrolled => 4,
            Self::EnrolmentFailed => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
