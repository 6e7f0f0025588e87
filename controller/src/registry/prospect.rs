//! Terminals as whoever plans for a whole fleet sees them: a page is ten thousand of them, and of
//! each only what was asked for.

use std::collections::BTreeMap;

use async_trait::async_trait;
use shared::id::{CampaignId, TerminalId};
use shared::message::Component;
use shared::time::UnixTime;

use super::RegistryError;
use super::page::Page;
use super::terminal::{Presence, Service, Unit};

/// Terminals of one page, whatever was asked for. A page is one statement over one index and some
/// megabytes of memory.
pub const PROSPECTS_MAX: u32 = 10_000;

/// What all whom one wants have in common, and what one wants to know of them. Whoever is given has
/// it all in common, so far as it could be looked up, and need not be meant: see
/// [`crate::selector::Selector::pushdown`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// Only these; at most a page of them.
    pub among: Option<Vec<TerminalId>>,
    pub id: Option<TerminalId>,
    pub serial: Option<String>,
    pub model: Option<String>,
    pub store: Option<String>,
    pub zone: Option<String>,
    pub labels: bool,
    pub components: bool,
    /// In which region its store is.
    pub regions: bool,
    /// With whom it settles.
    pub providers: bool,
    /// Which campaign it has an order of that has not ended.
    pub busy: bool,
}

/// A terminal that may become a member of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prospect {
    pub id: TerminalId,
    pub serial: String,
    pub model: String,
    pub store: String,
    /// `None` if nobody asked, or if nobody has said in which one its store is.
    pub region: Option<String>,
    pub lane: Option<String>,
    /// By its claim.
    pub zone: String,
    /// In which it opens windows, by its own word or else by its claim.
    pub opens_in: String,
    pub unit: Unit,
    pub service: Service,
    pub presence: Presence,
    pub last_seen_at: Option<UnixTime>,
    pub certificate_expires_at: Option<UnixTime>,
    /// Unknown until its first hello.
    pub agent_version: Option<String>,
    /// When it told last how it does, as are the next.
    pub disk_free_bytes: Option<u64>,
    /// Changes wait for its charger.
    pub battery_is_low: bool,
    pub is_frozen: bool,
    pub is_quarantined: bool,
    /// `None` if nobody asked.
    pub labels: Option<BTreeMap<String, String>>,
    /// `None` if nobody asked, or before its first hello.
    pub components: Option<Vec<Component>>,
    pub providers: Vec<String>,
    /// The newest one.
    pub busy_with: Option<CampaignId>,
}

impl Prospect {
    pub fn component(&self, name: &str) -> Option<&Component> {
        self.components.as_ref()?.iter().find(|it| it.name == name)
    }
}

#[async_trait]
pub trait ProspectRegistry {
    /// By id; at most [`PROSPECTS_MAX`].
    async fn prospects(
        &self,
        ask: &Ask,
        page: &Page<TerminalId>,
    ) -> Result<Vec<Prospect>, RegistryError>;
}
