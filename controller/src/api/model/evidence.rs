//! What proves what was done on a terminal.

use serde::{Deserialize, Serialize};
use shared::digest::{Digest, PublicKey};
use shared::id::{CampaignId, FleetId, OrderId, TerminalId};
use utoipa::ToSchema;

use super::{Base64, Letter, Notice};

/// All that is kept about one order, in the bytes that were signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderEvidence {
    #[schema(value_type = String)]
    pub fleet: FleetId,
    #[schema(value_type = String)]
    pub order: OrderId,
    #[schema(value_type = String)]
    pub campaign: CampaignId,
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    pub serial: String,
    /// The terminal's key, as the controller knows it: compare it with the terminal's own.
    #[schema(value_type = Option<String>)]
    pub terminal_key: Option<PublicKey>,
    /// The order that withdraws this one, where one was issued: evidence of its own.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub cancelled_by: Option<OrderId>,
    pub signed_order: Base64,
    pub batch: Base64,
    pub release: Option<Base64>,
    /// For a rebind: the profile, and the siblings that prove it.
    pub profile: Option<Base64>,
    #[schema(value_type = Vec<String>)]
    pub profile_path: Vec<Digest>,
    /// Oldest first.
    pub receipts: Vec<Base64>,
    /// Every roster, ascending without a gap.
    pub rosters: Vec<Base64>,
    pub notices: Vec<Notice>,
    pub letters: Vec<Letter>,
}
