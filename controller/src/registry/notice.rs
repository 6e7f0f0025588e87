//! Who was told of a change, and what they were given to read, as it is stored.

use std::fmt;

use async_trait::async_trait;
use shared::digest::Digest;
use shared::id::{CampaignId, RequestId};
use shared::time::UnixTime;

use super::RegistryError;
use super::audit::By;

type Result<T> = std::result::Result<T, RegistryError>;

/// What a party is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeAbout {
    /// By the campaign of its first wave.
    Rebind(CampaignId),
    /// By the request, which is there long before any campaign.
    Stop(RequestId),
}

/// Ids of different kinds are never the same text.
impl fmt::Display for NoticeAbout {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rebind(campaign) => campaign.fmt(out),
            Self::Stop(request) => request.fmt(out),
        }
    }
}

/// That a party was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// See [`crate::rebind::facts::Party`] and [`crate::deactivation::notice::Party`].
    pub party: String,
    /// For example `letter` or `mail`.
    pub channel: String,
    /// What the channel calls it; empty where it has no name.
    pub reference: String,
    pub sent_at: UnixTime,
    pub delivered_at: Option<UnixTime>,
    pub acknowledged_at: Option<UnixTime>,
}

/// A notice, and who wrote it down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    pub notice: Notice,
    pub at: UnixTime,
    pub by: String,
}

/// A letter or handover list as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paper {
    pub party: String,
    /// SHA-256 of `html`.
    pub digest: Digest,
    pub html: String,
    /// The same as plain text; empty for one of an earlier build.
    pub text: String,
    pub made_at: UnixTime,
    pub made_by: String,
}

impl Paper {
    pub fn of(party: &str, sheet: &crate::sheet::Sheet, by: &By) -> Self {
        let (html, text) = (sheet.html(), sheet.text());
        Self {
            party: party.to_owned(),
            digest: Digest::of(html.as_bytes()),
            html,
            text,
            made_at: by.at,
            made_by: by.who.clone(),
        }
    }
}

/// The part of the registry that is about who was told.
#[async_trait]
pub trait NoticeRegistry {
    /// Writes down that a party was told, or what came of it, in place of what was known.
    async fn put_notice(&self, about: NoticeAbout, notice: &Notice, by: &By) -> Result<()>;

    /// By party.
    async fn notices(&self, about: NoticeAbout) -> Result<Vec<Noted>>;

    /// Keeps a letter; one with the same content is kept once.
    async fn add_paper(&self, about: NoticeAbout, paper: &Paper, by: &By) -> Result<()>;

    /// Oldest first.
    async fn papers(&self, about: NoticeAbout) -> Result<Vec<Paper>>;
}
