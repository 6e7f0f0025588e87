//! What had to be so before one terminal may be wiped: enclosed with its order like a profile,
//! under a root that the batch holds and people signed.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{OrderId, TerminalId};

/// One clearance. It travels where a profile would.
pub const CLEARANCE_BYTES_MAX: usize = 4 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clearance {
    pub format: u8,
    pub terminal: TerminalId,
    /// What the terminal itself told last, and tells anew after each enrolment: whoever approves
    /// the wipe of what a terminal was cannot wipe what it became.
    pub challenge: Digest,
    /// The order by which it was suspended, settled and saved; `None` where it is lost.
    pub suspended_by: Option<OrderId>,
    /// SHA-256 of the payload of the manifest of its last snapshot, verified in both places.
    pub manifest: Option<Digest>,
    /// Where it was deregistered.
    pub deregistered: Vec<Deregistered>,
}

/// A provider or a registry that no longer knows the terminal, by its own word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deregistered {
    pub with: String,
    /// Theirs.
    pub reference: String,
}
