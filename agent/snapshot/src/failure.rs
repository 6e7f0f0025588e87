//! Why a task did not succeed, and how the agent is told.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use agent::identity::IdentityError;
use agent::snapshot::protocol::{Failed, Line, NotALine, Waiting};
use shared::durable::NotWritten;
use shared::outcome::{self, FailureCode};
use shared::tls::TlsError;

use crate::engine::EngineError;
use crate::keys::{RingError, SealError};
use crate::listing::ListingError;
use crate::place::PlaceError;

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("the request cannot be read: {0}")]
    Request(#[source] io::Error),
    #[error("the request is not understood")]
    NotUnderstood(#[source] NotALine),
    #[error("this terminal's identity cannot be used")]
    Identity(#[from] IdentityError),
    #[error("the identity cannot be used for TLS")]
    Tls(#[source] TlsError),
    #[error("another program takes or fetches a backup in `{}`", .0.display())]
    InUse(PathBuf),
    #[error("`{}` cannot be used", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("what must be kept cannot be kept")]
    NotKept(#[from] NotWritten),
    #[error("{}", listed(.0))]
    Listing(#[from] ListingError),
    #[error("a file changed while it was saved")]
    Changed,
    #[error("the repository's key cannot be used")]
    Keys(#[from] RingError),
    #[error("the repository cannot be used")]
    Engine(#[source] EngineError),
    #[error("the controller's part is missing")]
    Place(#[from] PlaceError),
    #[error("the key that came with the order does not open this snapshot")]
    Unsealed(#[source] SealError),
    #[error("the key in the seal is another repository's")]
    OtherKey,
    #[error("this terminal does not have the key of the snapshot any more, and none was sent")]
    NoKey,
    #[error("the snapshot is damaged: {0}")]
    Damaged(String),
    #[error("the snapshot holds no {0}")]
    NotInside(String),
    #[error("`{}` cannot be restored: {why}", path.display())]
    NotPlaced { path: PathBuf, why: String },
    #[error("`{}` is not an empty directory", .0.display())]
    NotEmpty(PathBuf),
    #[error("the backup library gave up; standard error says where")]
    Panicked,
}

fn listed(error: &ListingError) -> String {
    match error {
        ListingError::CardData { .. } => "the data must not be saved".to_owned(),
        ListingError::NoData { .. } | ListingError::Unreadable { .. } => {
            "the data cannot be listed".to_owned()
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Place(error) => Self::Place(error),
            error @ (EngineError::PacksMissing | EngineError::Library { .. }) => {
                Self::Engine(error)
            }
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl Failure {
    fn code(&self) -> FailureCode {
        match self {
            Self::NotKept(NotWritten { source, .. }) | Self::Directory { source, .. }
                if is_full(source) =>
            {
                FailureCode::DiskFull
            }
            Self::Listing(ListingError::CardData { .. }) => FailureCode::CardDataFound,
            Self::Listing(ListingError::NoData { .. } | ListingError::Unreadable { .. })
            | Self::Changed => FailureCode::ExportFailed,
            Self::Keys(RingError::Seal(
                SealError::NotARecipient(_) | SealError::Twice(_) | SealError::TooFew { .. },
            )) => FailureCode::NoRecipients,
            Self::Place(PlaceError::Refused { .. }) => FailureCode::BackupRefused,
            Self::Damaged(_)
            | Self::Place(PlaceError::Missing { .. } | PlaceError::Damaged { .. }) => {
                FailureCode::SnapshotDamaged
            }
            Self::Unsealed(_)
            | Self::OtherKey
            | Self::NoKey
            | Self::NotInside(_)
            | Self::NotPlaced { .. } => FailureCode::NotRestorable,
            Self::Request(_)
            | Self::NotUnderstood(_)
            | Self::Identity(_)
            | Self::Tls(_)
            | Self::InUse(_)
            | Self::Directory { .. }
            | Self::NotKept(_)
            | Self::Keys(_)
            | Self::Engine(_)
            | Self::Place(PlaceError::Unreachable { .. } | PlaceError::Stopped)
            | Self::NotEmpty(_)
            | Self::Panicked => FailureCode::Internal,
        }
    }

    /// Whether asking again can help without anybody's doing.
    fn again(&self) -> bool {
        match self {
            Self::Changed
            | Self::InUse(_)
            | Self::Directory { .. }
            | Self::NotKept(_)
            | Self::Panicked => true,
            // A place that is full today may have room tomorrow.
            Self::Place(PlaceError::Refused { status, .. }) => *status == 507,
            Self::Place(PlaceError::Unreachable { .. } | PlaceError::Stopped) => true,
            Self::Request(_)
            | Self::NotUnderstood(_)
            | Self::Identity(_)
            | Self::Tls(_)
            | Self::Listing(_)
            | Self::Keys(_)
            | Self::Engine(_)
            | Self::Place(PlaceError::Missing { .. } | PlaceError::Damaged { .. })
            | Self::Unsealed(_)
            | Self::OtherKey
            | Self::NoKey
            | Self::Damaged(_)
            | Self::NotInside(_)
            | Self::NotPlaced { .. }
            | Self::NotEmpty(_) => false,
        }
    }

    /// The answer that says so.
    pub fn answer<Answer>(&self) -> Line<Answer> {
        let detail = chain(self);
        let passes =
            matches!(self, Self::Place(PlaceError::Unreachable { .. } | PlaceError::Stopped));
        match passes {
            true => Line::Waiting(Waiting { reason: outcome::Waiting::Network, detail }),
            false => Line::Failed(Failed { code: self.code(), detail, again: self.again() }),
        }
    }
}

/// An error and its causes as one sentence.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        write!(text, ": {source}").expect("text grows in memory");
        cause = source.source();
    }
    text
}
