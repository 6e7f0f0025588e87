//! The end of backups, as the registry knows it: what expires, what is being deleted, and what was.

use async_trait::async_trait;
use shared::digest::Digest;
use shared::document::purge_certificate::{PurgeReason, PurgedSnapshot};
use shared::id::{CampaignId, RepositoryId, TerminalId};
use shared::message::SignedBytes;
use shared::time::UnixTime;

use super::Repository;
use crate::backup::retention::Holding;
use crate::registry::RegistryError;
use crate::registry::audit::By;

type Result<T> = std::result::Result<T, RegistryError>;

/// Why a snapshot is not held any more, nor can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoldRefused {
    #[error("{repository} is being purged since {since}: nothing in it can be held any more")]
    Purging { repository: RepositoryId, since: UnixTime },
    #[error("{repository} was purged at {at}")]
    Purged { repository: RepositoryId, at: UnixTime },
}

/// Why the purge of a repository does not begin now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBegun {
    #[error("there is no such repository, or it is being purged or was")]
    NotThere,
    #[error("its terminal still writes into it")]
    Open,
    #[error("something in it does not expire, is held, or expires for too short a time")]
    Kept,
    #[error("what it is made of was not looked at in both places yet")]
    Unproven,
    #[error("campaign {0} restores from it")]
    Restoring(CampaignId),
}

/// One of the two places, as they are configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    First,
    Second,
}

/// How far a place is emptied. Each is noted before what follows is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Emptying {
    /// One object was left, so it is the right place that is looked at.
    pub last_at: Option<UnixTime>,
    /// None is there any more.
    pub gone_at: Option<UnixTime>,
}

/// A repository on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purge {
    pub repository: Repository,
    pub serial: String,
    pub begun_at: UnixTime,
    /// Of the first place, and of the second.
    pub places: [Emptying; 2],
    /// Whether the registry knows an object that should be whole in both places.
    pub is_expected: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCertificate {
    pub repository: RepositoryId,
    /// SHA-256 of its payload.
    pub digest: Digest,
    pub signed: SignedBytes,
    pub finished_at: UnixTime,
}

/// The part of the registry that is about the end of backups.
#[async_trait]
pub trait RetentionRegistry {
    /// Terminals with a repository that is not purged, by id, from the one after `after`.
    async fn holders(&self, after: Option<TerminalId>, limit: u32) -> Result<Vec<TerminalId>>;

    /// What a terminal has saved that is not purged; `None` for one that is unknown.
    async fn holding(&self, of: TerminalId) -> Result<Option<Holding>>;

    /// These snapshots expire, as far as they are not held, expiring or gone by now; gives how
    /// many. `by` where an operator asked for it, which is written down.
    async fn expire(
        &self,
        going: &[(Digest, PurgeReason)],
        at: UnixTime,
        by: Option<&By>,
    ) -> Result<u64>;

    /// These expire no more, as far as nothing deletes them yet; gives how many.
    async fn keep_again(&self, staying: &[Digest], by: &By) -> Result<u64>;

    /// Begins to purge a repository, if it is closed, all in it has been expiring since
    /// `expired_by` or longer, and nobody restores from it.
    async fn begin_purge(
        &self,
        id: RepositoryId,
        expired_by: UnixTime,
        by: &By,
    ) -> Result<std::result::Result<(), NotBegun>>;

    /// Purges that are begun and not finished, the oldest first.
    async fn purges(&self, limit: u32) -> Result<Vec<Purge>>;

    /// How far a place is.
    async fn note_emptying(&self, id: RepositoryId, side: Side, emptying: Emptying) -> Result<()>;

    /// The snapshots of a repository by number, ascending, and why they went.
    async fn leaving(&self, id: RepositoryId) -> Result<Vec<(PurgedSnapshot, PurgeReason)>>;

    /// The repository is purged, and this says so. Once only: gives whether it was not before.
    async fn finish_purge(&self, certificate: &NewCertificate, by: &By) -> Result<bool>;

    async fn purge_certificate(&self, of: RepositoryId) -> Result<Option<SignedBytes>>;
}
