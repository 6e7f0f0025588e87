//! The parameters of stopping a terminal, of letting it sell again, and of emptying it for good.
//! Whoever decommissions a terminal suspends it first; the wipe is a change of its own, so that
//! people approve it when what must come before it is so.

use serde::{Deserialize, Serialize};

use super::rebind::{Reason, Test};
use crate::digest::Digest;
use crate::id::RequestId;
use crate::time::UnixTime;
use crate::window::Window;

/// The order of a wipe lives for 72 h at most: with a longer cool-off it would always expire.
pub const COOL_OFF_S_MAX: u32 = 48 * 3600;

/// Stop selling at a moment, settle, and save. Nothing is erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspend {
    /// The verified request that this carries out.
    pub request: RequestId,
    pub reason: Reason,
    /// Shown on the terminal before anything happens: who ordered it, and why.
    pub ordered_by: String,
    pub note: String,
    /// From then on the terminal takes no payment, whether it is connected or not.
    pub cut_off: UnixTime,
    /// What customers are told instead: another till, another way to pay.
    pub fallback: String,
    /// When the terminal is to sell again; `None` where it is to be decommissioned.
    pub resume_expected: Option<UnixTime>,
}

/// Let a suspended terminal sell again, once it has passed its tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    pub request: RequestId,
    pub reason: Reason,
    pub ordered_by: String,
    pub note: String,
    /// In this order, on the active binding, before the shop sells.
    pub tests: Vec<Test>,
    pub window: Option<Window>,
}

/// Erase what a terminal holds, for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decommission {
    pub request: RequestId,
    pub reason: Reason,
    pub ordered_by: String,
    pub note: String,
    /// How long the terminal waits after it has accepted, so that any one approver can cancel;
    /// nothing where it is [`Self::is_lost`].
    pub cool_off_s: u32,
    /// Merkle root over the members' [`crate::document::Clearance`]s: see
    /// [`crate::membership::Profiles`].
    pub clearances: Digest,
    /// The terminal is in the wrong hands: it is stopped at once, sends the money that it can, and
    /// is emptied though it was never suspended.
    pub is_lost: bool,
}
