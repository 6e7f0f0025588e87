//! What belongs to terminals that stop, by the request that asks for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::change::rebind::Reason;
use shared::digest::Digest;
use shared::id::RequestId;
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::Notice;
use crate::unit::UnitState;

pub use crate::deactivation::ledger::{Cause, Damage, EntryKind, Liability};

/// All that belongs to one stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stop {
    #[schema(value_type = String)]
    pub request: RequestId,
    /// `suspend` or `decommission`.
    pub kind: String,
    #[schema(value_type = String, example = "contract-end")]
    pub reason: Reason,
    pub requester: String,
    /// Nobody is told beforehand: it is lost, stolen or tampered with.
    pub is_exempt: bool,
    /// The moment of which parties are told.
    pub announcement: Option<StopAnnouncement>,
    /// Once a moment is announced.
    pub parties: Vec<StopParty>,
    /// By the time at which they are due.
    pub checklist: Vec<StopItem>,
    /// Items that are due and that nobody has done: it is at risk while there are any.
    pub late: u64,
    /// Of a decommissioning.
    pub ledger: Vec<LedgerEntry>,
    /// By currency: what the merchant is still to get, or below 0 to pay, in minor units.
    pub balances: BTreeMap<String, i64>,
    /// What certificates say beside terminals, where somebody has written it down.
    pub particulars: Option<StopParticulars>,
    /// What keeps a decommissioning open.
    pub open: Vec<StopPoint>,
    pub closing: Option<StopClosing>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StopAnnouncement {
    /// From 1: how often a moment was announced.
    pub number: u32,
    #[schema(value_type = i64)]
    pub cut_off: UnixTime,
    #[schema(value_type = Option<i64>)]
    pub resume_expected: Option<UnixTime>,
    #[schema(value_type = i64)]
    pub at: UnixTime,
    pub by: String,
}

/// Announces when terminals are to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStopAnnouncement {
    #[schema(value_type = i64)]
    pub cut_off: UnixTime,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub resume_expected: Option<UnixTime>,
}

/// One party, and what it knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StopParty {
    /// `provider`, `bank`, `customers`, `suppliers` or `tax-office`.
    pub party: String,
    pub is_required: bool,
    /// When it is told at the latest.
    #[schema(value_type = i64)]
    pub by: UnixTime,
    /// `acknowledged`, `told-in-time`, `told-late`, `other-moment` or `not-told`.
    pub knows: String,
    pub notice: Option<Notice>,
    /// Who wrote the notice down.
    pub recorded_by: Option<String>,
}

/// Something that people do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StopItem {
    pub item: String,
    pub what: String,
    pub owner: String,
    #[schema(value_type = i64)]
    pub due_at: UnixTime,
    pub is_late: bool,
    pub done: Option<StopItemDone>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StopItemDone {
    #[schema(value_type = i64)]
    pub at: UnixTime,
    pub by: String,
    /// The operator who wrote it down.
    pub noted_by: String,
    pub note: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStopItem {
    /// For example `alarm-off`.
    pub item: String,
    pub what: String,
    pub owner: String,
    #[schema(value_type = i64)]
    pub due_at: UnixTime,
}

/// What is said about an item; what is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopItemAssigned {
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub due_at: Option<UnixTime>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopItemTick {
    /// Who has done it.
    pub by: String,
    #[serde(default)]
    pub note: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerEntry {
    /// From 1.
    pub number: u32,
    pub kind: EntryKind,
    pub amount_minor: i64,
    pub currency: String,
    pub serial: Option<String>,
    pub damage: Option<Damage>,
    pub reference: String,
    pub note: String,
    /// The entry that this one takes back.
    pub reverses: Option<u32>,
    #[schema(value_type = i64)]
    pub at: UnixTime,
    pub by: String,
}

/// What is entered: something new, or that an entry was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NewLedgerEntry {
    New(LedgerAmount),
    Reversal(LedgerReversal),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LedgerAmount {
    pub kind: EntryKind,
    /// Above 0: the kind says who owes it.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// The unit that it is about.
    #[serde(default)]
    pub serial: Option<String>,
    /// Of damage.
    #[serde(default)]
    pub damage: Option<Damage>,
    /// Of the receipt, invoice or report.
    pub reference: String,
    #[serde(default)]
    pub note: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LedgerReversal {
    /// The entry's number.
    pub of: u32,
    pub reference: String,
    #[serde(default)]
    pub note: String,
}

/// Something that keeps a decommissioning open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StopPoint {
    pub detail: String,
    pub hint: String,
}

/// What certificates of sanitisation say beside terminals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopParticulars {
    /// What is erased; else it is the storage of a payment terminal.
    #[serde(default)]
    pub media_type: Option<String>,
    #[serde(default)]
    pub confidentiality_before: Option<String>,
    #[serde(default)]
    pub confidentiality_after: Option<String>,
    /// Where units go.
    #[serde(default)]
    pub destination: Option<String>,
    /// Who answers for the sanitisation; else the custodian of the unit.
    #[serde(default)]
    pub responsible: Option<StopPerson>,
    /// Who says that what was verified is good enough: somebody else.
    #[serde(default)]
    pub validator: Option<StopPerson>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopPerson {
    pub name: String,
    /// Or position.
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub location: Option<String>,
    /// A telephone number, for example.
    #[serde(default)]
    pub contact: Option<String>,
}

/// Closes a decommissioning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStopClosing {
    /// What came of it, and what is to be done otherwise next time.
    pub note: String,
    /// Who answers for units that are lost: not whoever closes it or asked for it.
    #[serde(default)]
    pub presumed_lost: Option<String>,
    /// Why there is no certificate, where there is none.
    #[serde(default)]
    pub no_certificate: Option<String>,
    /// Who accepts what is still owed: not whoever closes it or asked for it.
    #[serde(default)]
    pub accept_balance: Option<String>,
    /// Who answers for terminals that stay and sell: not whoever closes it or asked for it.
    #[serde(default)]
    pub staying: Option<String>,
}

/// How a decommissioning was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StopClosing {
    pub note: String,
    #[schema(value_type = i64)]
    pub at: UnixTime,
    pub by: String,
    pub units: Vec<StopUnit>,
    pub balances: BTreeMap<String, i64>,
    pub presumed_lost: Option<String>,
    pub no_certificate: Option<String>,
    pub accepted_by: Option<String>,
    pub staying: Option<String>,
}

/// A unit as it was when its case was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StopUnit {
    pub serial: String,
    pub state: Option<UnitState>,
    #[schema(value_type = Option<String>)]
    pub certificate: Option<Digest>,
}
