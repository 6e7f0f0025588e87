//! What a plan is made of: what is known of terminals, stores, providers and contracts, and what
//! is wished. Plain data.
//!
//! A fact that nobody has told is [`Known::Unknown`]: it counts as unknown in the plan and is said
//! there, never as fine.

use std::collections::BTreeMap;

use shared::change::rebind::RegistryOrder;
use shared::id::TerminalId;
use shared::time::UnixTime;

use crate::registry::rebind::Notice;

/// Something that somebody has told, or nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known<T> {
    Unknown,
    Is(T),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub now: UnixTime,
    pub terminals: BTreeMap<TerminalId, TerminalFacts>,
    /// Of every store in which a terminal is to be rebound.
    pub stores: BTreeMap<String, StoreFacts>,
    /// That the selection matches and that have no profile in the wish.
    pub without_profile: Vec<TerminalFacts>,
    /// Whether the request was verified.
    pub request_verified: Known<bool>,
    /// Until when the new provider's licence is valid.
    pub licence_until: Known<UnixTime>,
    pub fees: Known<Fees>,
    /// With the old provider.
    pub contract: Known<Contract>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalFacts {
    pub id: TerminalId,
    pub serial: String,
    pub store: String,
    pub model: String,
    pub is_enrolled: bool,
    /// Whether the selection matches it.
    pub is_selected: bool,
    /// It has told to whom its secrets are sealed.
    pub has_recipient: bool,
    pub bound: Known<Bound>,
    pub compatible: Known<Compatibility>,
    /// How units of its model come to another provider.
    pub capability: Known<Capability>,
    /// Whether keys of a second provider fit beside those of the first.
    pub free_slot: Known<bool>,
}

/// To whom a terminal is bound now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    pub provider: String,
    pub mid: String,
    pub tid: String,
}

/// Model, versions and the new provider, as the compatibility matrix has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compatibility {
    Certified,
    Tested,
    /// On nobody's list: a pilot only.
    Untested,
    Blocked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    InPlace,
    VendorOnly,
    Never,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFacts {
    /// Terminals of the store that are enrolled, those to be rebound among them.
    pub enrolled: u32,
}

/// Of the old provider and of the new one, in hundredths of a percent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fees {
    pub before: u32,
    pub after: u32,
    /// What the merchant class allows, where somebody has said.
    pub band: Option<(u32, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// In `currency`'s smallest unit, if it ended now.
    pub penalty_minor: i64,
    pub currency: String,
    pub notice_days: u32,
}

/// What is wished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub from: String,
    pub to: String,
    pub selector: String,
    pub registry_order: RegistryOrder,
    /// How many tests the shop waits for.
    pub tests: usize,
    /// When the first shop may be disturbed.
    pub begins_at: UnixTime,
    pub waves: Vec<Vec<Wanted>>,
    /// How a store takes payments meanwhile, by store.
    pub fallbacks: BTreeMap<String, String>,
    pub notices: Vec<Notice>,
}

/// One terminal that is to be rebound, by serial number or id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub serial: Option<String>,
    pub terminal: Option<TerminalId>,
    /// Its profile brings secrets, which need a recipient.
    pub is_sealed: bool,
    /// The MID and TID that it is thought to have.
    pub replaces: Option<(String, String)>,
}

/// Who is told of a change of provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    OldProvider,
    Bank,
    NewProvider,
    Store,
}

const DAY_S: i64 = 24 * 3600;

impl Party {
    pub const ALL: [Self; 4] = [Self::OldProvider, Self::Bank, Self::NewProvider, Self::Store];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::OldProvider => "old-provider",
            Self::Bank => "bank",
            Self::NewProvider => "new-provider",
            Self::Store => "store",
        }
    }

    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|party| party.as_str() == text)
    }

    /// How long before the first shop is disturbed it must have been told, in seconds. Contracts
    /// and staff need a week; a bank and whoever waits for the shops need some working days.
    pub fn lead_s(self, contract: &Known<Contract>) -> i64 {
        let days = match (self, contract) {
            (Self::OldProvider, Known::Is(contract)) => i64::from(contract.notice_days.max(7)),
            (Self::OldProvider, Known::Unknown) | (Self::Store, _) => 7,
            (Self::Bank | Self::NewProvider, _) => 3,
        };
        days * DAY_S
    }
}
