//! The parameters of stopping a terminal, of letting it sell again, and of emptying it for good.
//! Whoever decommissions a terminal suspends it first; the wipe is a change of its own, so that
//! people approve it when what must come before it is so.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rebind::{Reason, Test};
use crate::digest::Digest;
use crate::id::RequestId;
use crate::time::UnixTime;
use crate::window::Window;

/// The order of a wipe that has a cool-off lives for 72 h at most: with a longer one it would
/// always expire.
pub const COOL_OFF_S_MAX: u32 = 48 * 3600;

/// A till that could not settle by then is no longer tried: a long weekend is over.
pub const DELAY_AFTER_S_MAX: u32 = 72 * 3600;

/// From the cut-off. What is open for longer than a month is no delay but a loss, for which
/// somebody has to answer otherwise.
pub const DELAY_S_MAX: u64 = 31 * 24 * 3600;

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
    /// What people accept where it cannot settle; `None`: it waits until it has, however long.
    pub delay: Option<SettlementDelay>,
    /// The terminal answers nobody, and another one takes its place: this waits until it is heard
    /// again, as long as the wipe of one that is lost. For one terminal, which does not come back.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_given_up: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(it: &bool) -> bool {
    !it
}

/// An exception that people sign: a till that has stopped, and whose host is away or counts
/// otherwise, is saved and suspended before it has settled. It is not wiped before it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettlementDelay {
    pub covers: Covers,
    /// How long after the cut-off the terminal tries to send and to settle before it goes on.
    pub after_s: u32,
    /// By when it must have settled all the same.
    pub settled_by: UnixTime,
    pub reason: String,
    /// Who accepts it, by name.
    pub accepted_by: String,
}

impl SettlementDelay {
    /// From when on the terminal goes on without having settled.
    pub fn begins(&self, cut_off: UnixTime) -> UnixTime {
        cut_off.plus(Duration::from_secs(self.after_s.into()))
    }
}

/// What one terminal may owe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Covers {
    WhateverIsOpen,
    UpTo {
        /// Of all its open batches together, in minor units; another currency is not covered.
        total_minor: u64,
        currency: String,
        /// Reversals and stored payments that were not sent: a till tells how many, not how much.
        unsent: u32,
    },
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
