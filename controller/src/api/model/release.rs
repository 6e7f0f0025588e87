//! Software that may be installed, and the keys that vouch for it.

use serde::{Deserialize, Serialize};
use shared::digest::{Digest, KeyId};
use shared::time::UnixTime;
use utoipa::ToSchema;

/// A signed release that is complete here: enough signatures, and its artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Release {
    /// SHA-256 of the document's payload: how campaigns and orders name it.
    #[schema(value_type = String)]
    pub digest: Digest,
    pub component: String,
    pub version: String,
    pub security_counter: u64,
    pub models: Vec<String>,
    pub artifact: ReleaseArtifact,
    /// `not-needed` or `before`.
    pub settlement: String,
    #[schema(value_type = i64)]
    pub issued_at: UnixTime,
    #[schema(value_type = i64)]
    pub expires_at: UnixTime,
    pub signed_by: Vec<Signer>,
    #[schema(value_type = i64)]
    pub published_at: UnixTime,
    pub published_by: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseArtifact {
    #[schema(value_type = String)]
    pub sha256: Digest,
    /// Compressed, in bytes.
    pub size: u64,
    pub unpacked_size: u64,
    pub entries: u32,
}

/// A key whose signature was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Signer {
    #[schema(value_type = String)]
    pub key: KeyId,
    pub owner: String,
}

/// An artifact that is stored under its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactStored {
    #[schema(value_type = String)]
    pub sha256: Digest,
    pub size: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Roster {
    pub version: u64,
    /// SHA-256 of the document's payload.
    #[schema(value_type = String)]
    pub digest: Digest,
    #[schema(value_type = i64)]
    pub issued_at: UnixTime,
    #[schema(value_type = i64)]
    pub expires_at: UnixTime,
    pub keys: Vec<RosterKey>,
    pub root_threshold: u8,
    pub release_threshold: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RosterKey {
    #[schema(value_type = String)]
    pub id: KeyId,
    /// `root`, `release`, `approver` or `controller`.
    pub role: String,
    pub owner: String,
}
