//! One decision about many terminals: what, how many, which, and when. People sign this; the
//! terminal proves to itself that it is one of those meant.

use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::digest::Digest;
use crate::id::BatchId;
use crate::time::UnixTime;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    pub format: u8,
    pub id: BatchId,
    pub change: Change,
    /// How many terminals are under `root`; decides how many people must sign.
    pub terminals: u32,
    /// Merkle root over the terminals' ids: see [`crate::membership`].
    pub root: Digest,
    pub not_before: UnixTime,
    pub not_after: UnixTime,
}
