//! Which bytes are genuine software. Signed offline by a threshold of release keys; a controller
//! can choose among releases but cannot make one.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::time::UnixTime;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    pub format: u8,
    /// Which slot it goes into, for example `pos`: lower-case letters, digits and hyphens.
    pub component: String,
    /// What the running application must report afterwards.
    pub version: String,
    /// Never goes down on a terminal. An emergency downgrade is a new release with old content
    /// and a higher counter.
    pub security_counter: u64,
    /// The terminal models that it is for, ascending.
    pub models: Vec<String>,
    pub artifact: Artifact,
    /// The running version must have at least this counter.
    pub from_counter_min: u64,
    /// Once committed, older slots below this counter are deleted and there is no way back.
    pub raise_floor_to: Option<u64>,
    pub settlement: Settlement,
    pub health: Health,
    pub issued_at: UnixTime,
    pub expires_at: UnixTime,
}

/// A tar archive, compressed with zstd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Of the compressed bytes, as they are downloaded.
    pub sha256: Digest,
    pub size: u64,
    /// Sum of the sizes of the unpacked files; unpacking stops at one byte more.
    pub unpacked_size: u64,
    pub entries: u32,
}

/// Whether open batches must be settled before the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Settlement {
    NotNeeded,
    Before,
}

/// What a new version must show before it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// All checks must hold for this long without a break, in seconds.
    pub stable_s: u32,
    /// …and must have done so within this time after the restart, or the old version returns.
    pub within_s: u32,
}
