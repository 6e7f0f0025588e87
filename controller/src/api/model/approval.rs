//! What people are asked to sign, who has signed, and the file that travels to their machines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::digest::{Digest, KeyId};
use shared::id::{BatchId, CampaignId, FleetId, TerminalId};
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::deactivation::CheckedOnSite;
use super::rebind::PlannedFee;
use super::{Base64, CampaignState};

/// A campaign that approvers are asked to sign for, or were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    #[schema(value_type = String)]
    pub campaign: CampaignId,
    pub name: Option<String>,
    pub state: CampaignState,
    #[schema(value_type = String)]
    pub batch: BatchId,
    /// SHA-256 of the batch's payload, which is what is signed.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// What will be done, in words.
    pub what: String,
    /// Every parameter, in words.
    pub terms: Vec<Term>,
    /// How many terminals it is for.
    pub terminals: u32,
    #[serde(rename = "where")]
    pub selector: String,
    #[schema(value_type = i64)]
    pub requested_at: UnixTime,
    pub created_by: String,
    /// Nothing can be signed, and no terminal begins, after this.
    #[schema(value_type = i64)]
    pub not_after: UnixTime,
    /// The newest roster, by which signatures count.
    pub roster_version: u64,
    /// How many owners must sign.
    pub approvers_needed: u8,
    pub signed_by: Vec<Approver>,
}

/// One parameter of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Term {
    pub name: String,
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Approver {
    #[schema(value_type = String)]
    pub key: KeyId,
    pub owner: String,
    /// By the newest roster: a key may have left it since.
    pub counts: bool,
    #[schema(value_type = i64)]
    pub imported_at: UnixTime,
    pub imported_by: String,
}

/// All that a machine without a network needs to check and to show what its owner signs. It is
/// written as JSON; signatures are added to `batch` in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequest {
    /// [`ApprovalRequest::FORMAT`].
    pub format: u8,
    #[schema(value_type = String)]
    pub fleet: FleetId,
    #[schema(value_type = String)]
    pub campaign: CampaignId,
    /// The batch with its signatures so far.
    pub batch: Base64,
    /// Every roster, ascending without a gap, the newest last.
    pub rosters: Vec<Base64>,
    /// The release that an upgrade names.
    pub release: Option<Base64>,
    /// For a change of provider: the profile of each member, in the members' order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<Base64>,
    /// For a change of provider: what its plan came to. The controller's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<PlannedWord>,
    /// For a return to service: who looked at it, and who answers for what. The controller's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceWord>,
    /// Whom the batch is for, by id. Their ids are under its Merkle root; the rest is what the
    /// controller says of them.
    pub members: Vec<ApprovalMember>,
    /// An approver's word that nothing of it shall be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Base64>,
}

/// What a change of provider costs, as it was planned, and who answered for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedWord {
    /// For each shop, in seconds; an estimate.
    pub downtime_s: u64,
    /// What differs; `null` where a schedule is not known.
    pub fees: Option<Vec<PlannedFee>>,
    /// Of leaving the old provider; `null` where no contract is known.
    pub penalty: Option<String>,
    /// By the code of the finding.
    pub answered: BTreeMap<String, String>,
}

/// What a return to service was planned with, and who answered for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceWord {
    pub checked: Option<CheckedOnSite>,
    /// By component, the lowest version that was asked for.
    pub at_least: BTreeMap<String, String>,
    /// By the code of the finding.
    pub answered: BTreeMap<String, String>,
}

impl ApprovalRequest {
    /// The form that this build writes and reads.
    pub const FORMAT: u8 = 1;
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalMember {
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    pub serial: String,
    pub store: String,
}
