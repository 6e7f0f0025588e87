//! What a plan is made of: what is known of terminals, stores, providers and contracts, and what
//! is wished. Plain data.
//!
//! A fact that nobody has told is [`Known::Unknown`]: it counts as unknown in the plan and is said
//! there, never as fine.

use std::collections::BTreeMap;

use shared::change::rebind::{Reason, RegistryOrder, Test, Watch};
use shared::id::{BindingId, CampaignId, PositionId, RequestId, TerminalId};
use shared::time::UnixTime;

use crate::position::binding::{RegistrationStatus, Version};
use crate::provider::contract::Exposure;
use crate::provider::fees::{Difference, OutOfBand};
use crate::provider::record::{Integration, Provider};
use crate::provider::target::WhyNot;
use crate::registry::notice::Notice;
use crate::request::RequestState;

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
    pub by_serial: BTreeMap<String, TerminalId>,
    /// Of every store in which a terminal is to be rebound.
    pub stores: BTreeMap<String, StoreFacts>,
    /// That the selection matches and that have no profile in the wish.
    pub without_profile: Vec<TerminalFacts>,
    /// `None` where no request is called that.
    pub request: Option<RequestFacts>,
    /// The new provider; unknown where nobody has described it.
    pub target: Known<Target>,
    pub fees: Known<Fees>,
    /// Terminals whose position has no merchant class, which are taken for the usual one.
    pub without_class: u32,
    /// Whose shops move, as contracts name them; none where that is not known of every position.
    pub merchants: Vec<String>,
    /// Terminals of whose position nobody has written down whose shop it is, where contracts name
    /// more than one merchant: then all of them count.
    pub without_merchant: u32,
    /// With the old provider.
    pub leaving: Known<Leaving>,
    /// With the new provider; none where there is none on record.
    pub joining: Vec<Agreed>,
}

/// The request that a change carries out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFacts {
    pub state: RequestState,
    pub from: String,
    pub to: String,
    pub reason: Reason,
    pub requester: String,
    /// What carries it out already.
    pub campaign: Option<CampaignId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub provider: Provider,
    /// Why no terminal may be brought to it when the change begins.
    pub why_not: Vec<WhyNot>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalFacts {
    pub id: TerminalId,
    pub serial: String,
    pub store: String,
    pub model: String,
    pub is_enrolled: bool,
    /// Its store can count on it: see [`crate::registry::terminal::Terminal::sells`].
    pub is_selling: bool,
    /// Whether the selection matches it.
    pub is_selected: bool,
    /// Whether the request is about it.
    pub is_requested: bool,
    /// A wave of another change that is not over.
    pub in_change: Option<CampaignId>,
    /// It has told to whom its secrets are sealed.
    pub has_recipient: bool,
    /// The position that it fills, where that was written down.
    pub position: Option<PositionId>,
    pub bound: Known<Bound>,
    /// What its position has in hand with the new provider.
    pub next: Option<Next>,
    pub compatible: Compatibility,
    /// The key of the row of the matrix that decided, where one did.
    pub matrix_row: Option<String>,
    /// How units of its model come to another provider.
    pub capability: Known<Capability>,
    /// Whether keys of a second provider fit beside those of the first.
    pub free_slot: Known<bool>,
    /// How the shop's cash register speaks to it.
    pub integration: Known<Integration>,
}

/// To whom a terminal is bound now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    pub binding: BindingId,
    pub provider: String,
    pub mid: String,
    pub tid: String,
}

/// A binding with the new provider that was made beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    pub binding: BindingId,
    pub version: Version,
}

/// Model, versions and the new provider, as the compatibility matrix has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compatibility {
    Certified,
    Tested,
    /// On nobody's list, or nobody knows enough of the terminal (which is said): a pilot only.
    Untested(Vec<String>),
    Blocked,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capability {
    InPlace,
    VendorOnly,
    Never,
    /// The approval of its keypad ran out on this day.
    ApprovalExpired(String),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreFacts {
    /// Terminals of the store that sell as far as is known, those to be rebound among them: they
    /// are enrolled and were heard within a day.
    pub working: u32,
    /// One of its positions says how it is paid meanwhile.
    pub has_fallback: bool,
}

/// What the new provider takes that the old one did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// By merchant class, of the classes whose positions are to be rebound.
    pub differences: Vec<(String, Difference)>,
    /// Of those classes, those of which one of the schedules says nothing at all.
    pub unnamed: Vec<String>,
    /// Rates of the new provider that nobody has accepted.
    pub outside: Vec<OutOfBand>,
}

/// What ending all contracts with a provider comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaving {
    /// By currency, in its smallest unit.
    pub penalties_minor: BTreeMap<String, i64>,
    /// What the provider still holds.
    pub deposits_minor: BTreeMap<String, i64>,
    /// The longest of them.
    pub notice_days: u32,
    /// Their keys.
    pub contracts: Vec<String>,
    /// Merchants whose shops move and that have none on record.
    pub without: Vec<String>,
}

/// A contract on record, and how it stands when the change begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    pub key: String,
    pub merchant: String,
    pub exposure: Exposure,
    pub lacks_legal_review: bool,
}

/// What is wished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub request: RequestId,
    /// The change that carries the request out already, of which this is a later wave.
    pub carried_by: Option<CampaignId>,
    /// What is shown on every terminal.
    pub reason: Reason,
    pub ordered_by: String,
    pub from: String,
    pub to: String,
    pub selector: String,
    pub registry_order: RegistryOrder,
    /// The shop waits for them.
    pub tests: Vec<Test>,
    pub watch: Watch,
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
    pub brings: Brings,
}

/// What its profile binds it to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brings {
    pub mid: String,
    pub tid: String,
    pub name: String,
    pub mcc: String,
    pub currency: String,
    pub hosts: Vec<String>,
    /// `None` where whoever makes the profile takes what is on record.
    pub position: Option<PositionId>,
    pub binding: Option<BindingId>,
}

impl Next {
    pub fn is_registered(&self) -> bool {
        self.version.registration.status == RegistrationStatus::Registered
    }
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
    pub fn lead_s(self, leaving: &Known<Leaving>) -> i64 {
        let days = match (self, leaving) {
            (Self::OldProvider, Known::Is(leaving)) => i64::from(leaving.notice_days.max(7)),
            (Self::OldProvider, Known::Unknown) | (Self::Store, _) => 7,
            (Self::Bank | Self::NewProvider, _) => 3,
        };
        days * DAY_S
    }
}
