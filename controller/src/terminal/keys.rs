//! The payment keys of a terminal, as whoever loads them or looks after them says. Pure.
//!
//! They lie in the till's secure processor, where no agent sees them: what is kept is a word of
//! people, with the day until which the keys are good.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use shared::time::UnixTime;
use utoipa::ToSchema;

use crate::provider::day::Day;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = PaymentKeyKind)]
pub enum KeyKind {
    /// For the PINs of customers.
    Pin,
    /// For what readers read of cards.
    Sred,
    /// From which a key of its own is derived for each payment.
    Dukpt,
}

impl KeyKind {
    pub const ALL: [Self; 3] = [Self::Pin, Self::Sred, Self::Dukpt];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pin => "pin",
            Self::Sred => "sred",
            Self::Dukpt => "dukpt",
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// What is said of keys of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyWord {
    pub kind: KeyKind,
    /// The last day on which they are good; `None`: they are erased, or nobody may rely on them.
    pub until: Option<Day>,
    pub said_by: String,
    pub recorded_at: UnixTime,
    pub recorded_by: String,
}

/// What somebody says of all of these kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKeyWord {
    pub kinds: BTreeSet<KeyKind>,
    pub until: Option<Day>,
    pub said_by: String,
}
