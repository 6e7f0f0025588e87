//! How far the controller's audit log had come, under the controller's key: the same for
//! every terminal and every person, so that two who compare theirs see whether they were shown the
//! same log. The tree is the one of [`crate::log_tree`].

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::time::UnixTime;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    pub format: u8,
    /// How many entries the log has.
    pub size: u64,
    /// Of the tree over them.
    pub root: Digest,
    pub at: UnixTime,
}
