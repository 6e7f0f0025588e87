//! Who may give instructions, and which rosters say whose signatures count.

use shared::digest::Digest;
use shared::message::SignedBytes;
use shared::time::UnixTime;

/// A person or program that may use the HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    pub name: String,
    /// SHA-256 of the token: whoever reads the registry cannot use the API.
    pub token_hash: Digest,
    pub created_at: UnixTime,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRoster {
    pub version: u64,
    /// SHA-256 of the document's payload.
    pub digest: Digest,
    pub signed: SignedBytes,
    pub added_at: UnixTime,
}

/// How many there are: kept up to date with every change, never counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FleetTally {
    pub claimed: u64,
    pub enrolled: u64,
    pub revoked: u64,
    pub online: u64,
    pub campaigns_awaiting_approval: u64,
    pub campaigns_running: u64,
    pub campaigns_paused: u64,
    /// Stopped by their own gates.
    pub campaigns_halted: u64,
    /// That are not over.
    pub alarms: u64,
    /// Terminals of whose data some class was not saved for too long.
    pub backups_overdue: u64,
    /// That two people have not lifted yet.
    pub suspicions: u64,
    /// How often something changed about one terminal by which plans decide.
    pub changes: u64,
    /// How often something changed by which plans decide about many: see
    /// [`crate::registry::Registry::changes`].
    pub upheavals: u64,
}
