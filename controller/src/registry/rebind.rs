//! Changes of provider as they are stored: campaigns with a profile for every member.

use std::collections::BTreeMap;

use async_trait::async_trait;
use shared::document::profile::Enclosed;
use shared::id::{CampaignId, OrderId, RequestId, TerminalId};
use shared::message::SignedBytes;
use shared::time::UnixTime;

use super::RegistryError;
use super::audit::By;
use super::campaign::{NewCampaign, Purpose};
use super::notice::Notice;
use super::page::Page;
use super::position::NewBinding;
use crate::deactivation::plan::Obstacle;
use crate::position::binding::BindingRefused;
use crate::request::RequestRefused;

type Result<T> = std::result::Result<T, RegistryError>;

/// One wave of a change of provider, and what each of its members is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWave {
    pub campaign: NewCampaign,
    /// Of exactly its members, with the siblings up to the root in the campaign's change.
    pub profiles: BTreeMap<TerminalId, Enclosed>,
}

/// In the order in which the waves go; there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRebind {
    pub waves: Vec<NewWave>,
    /// As JSON: see [`crate::rebind::plan`].
    pub plan: String,
    pub notices: Vec<Notice>,
    /// The accepted request that it carries out.
    pub request: RequestId,
    /// What its positions are to be bound to, where that is not known yet.
    pub bindings: Vec<NewBinding>,
}

/// Why a change of provider was not begun, although its plan allows it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBegun {
    #[error(transparent)]
    Request(#[from] RequestRefused),
    #[error(transparent)]
    Binding(#[from] BindingRefused),
    #[error("{campaign} is about {terminal} too, and is not over")]
    InAnotherChange { terminal: TerminalId, campaign: CampaignId },
    #[error("{terminal} may have to come back: replacement {number} has not proven the new one")]
    BeingReplaced { terminal: TerminalId, number: u64 },
    #[error("another terminal has the place of {terminal}, by replacement {number}")]
    Replaced { terminal: TerminalId, number: u64 },
    #[error("nobody in {store} would sell any more")]
    LastInStore { store: String },
}

impl NotBegun {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Request(why) => why.hint(),
            Self::Binding(why) => why.hint(),
            Self::InAnotherChange { .. } => {
                "wait for its end, or end it: `tillward campaign abort`"
            }
            Self::BeingReplaced { .. } => {
                "wait until its watch is over, and put right what is wrong with the new one: \
                 `tillward replace show`; before the swap cancel it"
            }
            Self::Replaced { .. } => Obstacle::Replaced.hint(),
            Self::LastInStore { .. } => Obstacle::LastInStore.hint(),
        }
    }
}

/// A change of provider. It is called by the campaign of its first wave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebind {
    pub id: CampaignId,
    pub waves: Vec<CampaignId>,
    pub plan: String,
    pub created_at: UnixTime,
    pub created_by: String,
    pub notices: Vec<Notice>,
}

/// A signed order with all that its terminal was sent beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOrder {
    pub id: OrderId,
    pub terminal: TerminalId,
    pub campaign: CampaignId,
    pub purpose: Purpose,
    pub signed: SignedBytes,
    pub batch: SignedBytes,
    pub release: Option<SignedBytes>,
    pub profile: Option<Enclosed>,
    /// The order that withdraws this one, where one was issued.
    pub cancelled_by: Option<OrderId>,
}

/// The part of the registry that is about changes of provider and what proves them.
#[async_trait]
pub trait RebindRegistry {
    /// Adds a draft for every wave, with its profiles; makes the bindings, and schedules the
    /// request. All of it or nothing.
    async fn add_rebind(
        &self,
        new: &NewRebind,
        by: &By,
    ) -> Result<std::result::Result<Rebind, NotBegun>>;

    /// The change of provider that this campaign is a wave of.
    async fn rebind_of(&self, campaign: CampaignId) -> Result<Option<Rebind>>;

    /// Waves that are not over, drafts too, and those of these terminals that they are about; not
    /// those of this change itself. A terminal may be there for several. At most a page at a time.
    async fn rebinding(
        &self,
        terminals: &[TerminalId],
        but: Option<CampaignId>,
    ) -> Result<Vec<(TerminalId, CampaignId)>>;

    /// Newest first.
    async fn rebinds(&self, page: &Page<CampaignId>) -> Result<Vec<CampaignId>>;

    /// The profiles of a campaign's members, by terminal; none of another kind of campaign.
    async fn profiles(
        &self,
        campaign: CampaignId,
        page: &Page<TerminalId>,
    ) -> Result<Vec<(TerminalId, Enclosed)>>;

    async fn order(&self, id: OrderId) -> Result<Option<StoredOrder>>;
}
