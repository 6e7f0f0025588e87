//! The time, from a key that the terminal trusts. Answers one hello of one terminal.

use serde::{Deserialize, Serialize};

use crate::digest::Nonce;
use crate::id::TerminalId;
use crate::time::UnixTime;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetTime {
    pub format: u8,
    pub terminal: TerminalId,
    /// The boot nonce of the hello that it answers.
    pub nonce: Nonce,
    pub at: UnixTime,
    /// The newest roster; a terminal with an older one asks for what is between.
    pub roster_version: u64,
    /// The epoch that orders will carry from now on. Higher than the terminal's own after the
    /// terminal reported that its ledger was lost.
    pub epoch: u32,
    /// `host:port` of the broker that serves this terminal's shard.
    pub broker: String,
}
