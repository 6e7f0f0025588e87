//! What a till asks its host, and what the host answers: one JSON object per line, in turn.

use serde::{Deserialize, Serialize};

/// A line of a till: who asks, by the names that acquirers give, and what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Call {
    #[serde(default)]
    pub(crate) merchant: Merchant,
    #[serde(flatten)]
    pub(crate) ask: Ask,
}

/// Empty where a till does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Merchant {
    pub(crate) mid: String,
    pub(crate) tid: String,
}

/// A till's request. `stan` is the till's number for a sale, never used again; asking twice under
/// the same number is asking once. `opened_by` is the terminal whose number `stan` is, where that
/// is another one: any till of a merchant may finish what one of them has opened, and names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Ask {
    /// May this card be charged (`sale`), or an amount be held on it (`preauthorisation`)?
    Authorise { terminal: String, stan: i64, kind: Authorise, amount_minor: i64, batch: i64 },
    /// Undo whatever came of `stan`, now or should it still arrive.
    Reverse {
        terminal: String,
        stan: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opened_by: Option<String>,
    },
    /// This was approved without the host: an offline sale, or the completion of what was held.
    Upload {
        terminal: String,
        stan: i64,
        kind: Upload,
        amount_minor: i64,
        batch: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opened_by: Option<String>,
    },
    /// Give back what was charged under the number `of`, whose batch may be settled.
    Refund { terminal: String, stan: i64, of: i64, amount_minor: i64, batch: i64 },
    /// These are the till's figures for the batch; close it if they are the host's too.
    Settle { terminal: String, batch: i64, count: i64, total_minor: i64 },
    /// Is anybody there?
    Diagnose { terminal: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Authorise {
    Sale,
    /// A sale by QR code.
    Qr,
    Preauthorisation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Upload {
    OfflineSale,
    Completion,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// To `authorise` and `refund`.
    Approved,
    /// To `authorise` and `refund`: nothing was charged, held or given back.
    Declined { reason: String },
    /// To `reverse`.
    Reversed,
    /// To `upload`.
    Taken,
    /// To `settle`: the batch is closed, with these figures, under this reference.
    Settled { reference: String, count: i64, total_minor: i64 },
    /// To `settle`: nothing was closed; these are the host's figures.
    TotalsDiffer { count: i64, total_minor: i64 },
    /// To `diagnose`.
    Here {
        host: String,
        /// The newest batch that the host has closed for this terminal of this merchant.
        #[serde(default)]
        last_batch: Option<i64>,
    },
    /// The request makes no sense to the host's books; nothing was changed.
    Refused { reason: String },
}
