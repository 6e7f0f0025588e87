//! What came of rehearsed restores.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::id::{CampaignId, OrderId, TerminalId};
use shared::time::UnixTime;
use utoipa::ToSchema;

/// What a terminal signed for: a snapshot, restored into a scratch till and counted there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillReport {
    /// By this it is named.
    #[schema(value_type = String)]
    pub order: OrderId,
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    #[schema(value_type = String)]
    pub campaign: CampaignId,
    /// The snapshot that was restored; `null` when it did not come so far.
    #[schema(value_type = Option<String>)]
    pub snapshot: Option<Digest>,
    /// Its number among the snapshots of its terminal.
    pub number: Option<u64>,
    /// By data set, by name.
    pub sets: Vec<DrillSet>,
    /// Fetching and rehearsing together.
    pub took_ms: Option<u64>,
    /// `succeeded`, `failed`, `cancelled`, `expired`…
    pub outcome: String,
    /// The code of its failure, for example `totals-differ`.
    pub code: Option<String>,
    pub detail: String,
    #[schema(value_type = i64)]
    pub at: UnixTime,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillSet {
    pub name: String,
    /// By the manifest of the snapshot; `null` where it names no such set.
    pub expected: Option<Tally>,
    /// By the scratch till; `null` where it counted none, as for files that no till knows.
    pub found: Option<Tally>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tally {
    pub records: u64,
    /// By currency, in minor units.
    pub totals: BTreeMap<String, i64>,
}
