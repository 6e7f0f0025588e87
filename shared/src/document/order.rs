//! One instruction for one terminal, and the proof that its batch means this terminal.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{OrderId, TerminalId};
use crate::time::UnixTime;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub format: u8,
    pub id: OrderId,
    pub terminal: TerminalId,
    /// Counts enrolments: what was ordered before a new enrolment is void after it.
    pub epoch: u32,
    pub stream: Stream,
    /// Ascending per terminal, epoch and stream, from 1.
    pub seq: u64,
    /// SHA-256 of the batch's payload.
    pub batch: Digest,
    /// Where the terminal stands among the batch's members, and the siblings up to its root.
    pub index: u32,
    pub path: Vec<Digest>,
    pub not_before: UnixTime,
    pub not_after: UnixTime,
}

/// How replays are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    /// By sequence number: above the highest seen, or within the window below it and unseen.
    Routine,
    /// By id: approvals take hours while routine orders keep flowing, so these come in any order.
    Approved,
}
