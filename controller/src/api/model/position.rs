//! Positions, and what they are bound to.

use serde::{Deserialize, Serialize};
use shared::id::{BindingId, PositionId, TerminalId};
use shared::time::UnixTime;
use utoipa::ToSchema;

/// Says something about a position, and makes it where it is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPosition {
    pub store: String,
    pub lane: String,
    /// Whose shop it is, as contracts name the merchant; left out, it stays as it is.
    #[serde(default)]
    pub merchant: Option<String>,
    /// The band of fees that its trade belongs to; left out, it stays as it is.
    #[serde(default)]
    pub merchant_class: Option<String>,
    /// How the shop takes money while the terminal cannot; left out, it stays as it is.
    #[serde(default)]
    pub fallback: Option<String>,
}

/// A lane or counter of a store, whichever unit stands there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Position {
    #[schema(value_type = String, example = "pos-0192f0c1d2e34f5061728394a5b6c7d8")]
    pub id: PositionId,
    pub store: String,
    pub lane: String,
    pub merchant: Option<String>,
    pub merchant_class: Option<String>,
    pub fallback: Option<String>,
    /// `planned`, `occupied`, `vacant` or `closed`.
    pub state: String,
    #[schema(value_type = i64)]
    pub state_at: UnixTime,
    /// The unit that fills it.
    #[schema(value_type = Option<String>)]
    pub terminal: Option<TerminalId>,
}

/// Which unit fills a position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Filling {
    #[schema(value_type = String)]
    pub terminal: TerminalId,
}

/// What an acquirer knows a position by; replaced together, never a part of it alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BindingTuple {
    pub mid: String,
    pub tid: String,
    /// As it stands on receipts.
    pub name: String,
    /// Four digits (ISO 18245).
    pub mcc: String,
    /// ISO 4217.
    pub currency: String,
    /// `host:port`, in the order in which they are tried.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Three digits; where there is one, the MID has 15 digits and begins with it.
    #[serde(default)]
    pub acquirer_code: Option<String>,
    /// Unified social credit code of the merchant.
    #[serde(default)]
    pub uscc: Option<String>,
    /// What the merchant's bank calls the account; never its number.
    #[serde(default)]
    pub settlement_account: Option<String>,
    #[serde(default)]
    pub install_address: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBinding {
    #[schema(value_type = String)]
    pub position: PositionId,
    /// The provider's key.
    pub provider: String,
    pub tuple: BindingTuple,
    /// Kept in the audit log.
    #[serde(default)]
    pub reason: Option<String>,
}

/// The tuple that takes the place of version `seen`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BindingChange {
    pub seen: u32,
    pub tuple: BindingTuple,
    #[serde(default)]
    pub reason: Option<String>,
}

/// How one version stands at the clearing registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    pub status: RegistrationStatus,
    /// As the registry gave it.
    #[serde(default)]
    pub reference: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub at: Option<UnixTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RegistrationStatus {
    NotSubmitted,
    Submitted,
    Registered,
    Rejected,
    Cancelled,
}

/// What is done with a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BindingStep {
    /// It was in force before it was known here: of a draft, and with a reason.
    Adopt,
    Stage,
    Register,
    Activate,
    StandBy,
    Retire,
    Finish,
    Fail,
}

/// Steps that are made together, or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BindingMoves {
    pub moves: Vec<BindingMove>,
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BindingMove {
    #[schema(value_type = String)]
    pub binding: BindingId,
    pub step: BindingStep,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Binding {
    #[schema(value_type = String, example = "bnd-0192f0c1d2e34f5061728394a5b6c7d8")]
    pub id: BindingId,
    #[schema(value_type = String)]
    pub position: PositionId,
    pub provider: String,
    /// `draft`, `staged`, `registered`, `active`, `standby`, `retiring`, `retired` or `failed`.
    pub state: String,
    #[schema(value_type = i64)]
    pub state_at: UnixTime,
    pub state_by: String,
    pub state_reason: Option<String>,
    /// The newest one, which holds.
    pub version: BindingVersion,
    /// Of what was just set: what could not be checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BindingVersion {
    /// From 1.
    pub number: u32,
    pub tuple: BindingTuple,
    pub registration: Registration,
    #[schema(value_type = i64)]
    pub set_at: UnixTime,
    pub set_by: String,
    pub set_reason: Option<String>,
}

/// Bindings that are in force, as somebody else's table has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BindingImport {
    pub rows: Vec<ImportRow>,
    /// Only look whether it could be done.
    #[serde(default)]
    pub dry_run: bool,
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportRow {
    /// Where it stands in the table: mistakes are told by it.
    pub line: u32,
    /// Of the unit that fills the position.
    #[serde(default)]
    pub serial: Option<String>,
    pub store: String,
    pub lane: String,
    pub provider: String,
    pub tuple: BindingTuple,
    /// Where the binding is registered: the registry's reference.
    #[serde(default)]
    pub registration: Option<String>,
}

/// What an import came to. With mistakes nothing was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportReport {
    pub is_done: bool,
    /// Units that were put into their positions.
    pub filled: u32,
    /// Bindings that were made.
    pub bound: u32,
    /// Bindings that were there as the table says.
    pub known: u32,
    pub mistakes: Vec<ImportMistake>,
    /// What could not be checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportMistake {
    pub line: u32,
    pub what: String,
}
