//! One-time permissions to enrol.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::digest::{Digest, PublicKey};
use shared::id::{ClaimId, FleetId, TerminalId};
use shared::time::UnixTime;
use utoipa::ToSchema;

/// Announces a terminal that will enrol. The seed of the claim stays with whoever drew it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClaim {
    /// As printed on the terminal.
    pub serial: String,
    pub store: String,
    pub model: String,
    /// Its place in the store, which has at most one enrolled terminal.
    #[serde(default)]
    pub lane: Option<String>,
    /// To select terminals by. A terminal that is known keeps those that are not named here.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// IANA name of the time zone that windows are meant in.
    #[schema(example = "Europe/Berlin")]
    pub zone: String,
    /// The public half of the claim's key, 64 hexadecimal digits.
    #[schema(value_type = String)]
    pub claim_key: PublicKey,
    /// How long the claim lives, in seconds.
    #[schema(example = 259_200)]
    pub ttl_s: u64,
}

/// A claim that was made, with everything but the seed that the claim line needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuedClaim {
    #[schema(value_type = String)]
    pub claim: ClaimId,
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    pub serial: String,
    #[schema(value_type = String)]
    pub fleet: FleetId,
    /// Where the terminal enrols, `https://host:port`.
    pub url: String,
    /// SHA-256 of the server authority's certificate (DER).
    #[schema(value_type = String)]
    pub ca: Digest,
    /// SHA-256 of the payload of the newest roster.
    #[schema(value_type = String)]
    pub roster: Digest,
    #[schema(value_type = i64)]
    pub expires_at: UnixTime,
}

/// A claim as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Claim {
    #[schema(value_type = String)]
    pub claim: ClaimId,
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    pub serial: String,
    pub store: String,
    pub model: String,
    pub lane: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub zone: String,
    pub state: ClaimState,
    /// Wrong proofs so far; the claim locks after the fifth.
    pub wrong_guesses: u32,
    #[schema(value_type = i64)]
    pub created_at: UnixTime,
    pub created_by: String,
    #[schema(value_type = i64)]
    pub expires_at: UnixTime,
    #[schema(value_type = Option<i64>)]
    pub used_at: Option<UnixTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimState {
    Open,
    Used,
    Expired,
    Locked,
    /// A later claim for the same serial took its place.
    Replaced,
}
