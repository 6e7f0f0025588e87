//! What a terminal says, under its own key, about an order: whether it took it, and what came of
//! it. The controller keeps an order until it holds one of these.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{OrderId, TerminalId};
use crate::outcome::{Outcome, Refusal};
use crate::time::{ClockConfidence, UnixTime};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    pub format: u8,
    pub terminal: TerminalId,
    pub epoch: u32,
    pub order: OrderId,
    pub said: Said,
    pub at: UnixTime,
    pub clock: ClockConfidence,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// The order is in the terminal's ledger and will be carried out or answered for.
    Accepted,
    /// The order will not be carried out.
    Refused { refusal: Refusal, detail: String },
    /// The job is over.
    Finished { outcome: Outcome, evidence: Vec<Evidence> },
}

/// The note of the moment from which a till takes no payment, for as long as it is worked on.
pub const TRADING_HELD: &str = "trading is held";

/// The note of the moment from which it takes payments again.
pub const TRADING_GOES_ON: &str = "trading goes on";

/// One fact that was established on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The step that established it.
    pub step: String,
    pub at: UnixTime,
    /// For people: totals, host references, versions. Never card data.
    pub note: String,
    /// Of the full record, where the terminal keeps one.
    pub digest: Option<Digest>,
}
