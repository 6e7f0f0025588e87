//! What came of a campaign on those that it was released to, for whoever reports on all of them.

use async_trait::async_trait;
use shared::id::{CampaignId, TerminalId};
use shared::message::{Component, TillHealth};
use shared::time::UnixTime;

use super::RegistryError;
use super::page::Page;
use super::terminal::Presence;
use crate::campaign::assignment::Standing;

/// A member that was released, and what is known of its terminal now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    pub terminal: TerminalId,
    pub serial: String,
    pub store: String,
    pub model: String,
    pub last_seen_at: Option<UnixTime>,
    /// Of the campaign, from 0.
    pub wave: u16,
    pub standing: Standing,
    /// What it said that it ran when it was released; `None` where it had said nothing, or was
    /// released by an earlier build.
    pub ran: Option<Vec<Component>>,
    /// What it said last.
    pub runs: Option<Vec<Component>>,
    /// How it did when it was released; `None` where it was released by an earlier build.
    pub was: Option<Condition>,
    pub is: Condition,
}

/// How a terminal does: whether it is heard, and what it told last, which may be long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    pub presence: Presence,
    /// When it told the rest, by its own clock; `None` where it has told nothing.
    pub told_at: Option<UnixTime>,
    pub disk_free_bytes: Option<u64>,
    /// `None` where it has no battery, or cannot tell.
    pub battery_is_low: Option<bool>,
    /// `None` where its agent does not look.
    pub till: Option<TillHealth>,
}

#[async_trait]
pub trait ReleasedRegistry {
    /// By terminal.
    async fn released(
        &self,
        campaign: CampaignId,
        page: &Page<TerminalId>,
    ) -> Result<Vec<Released>, RegistryError>;
}
