//! One terminal that takes the place of another.

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::id::{ClaimId, PositionId, RequestId, TerminalId};
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::{IssuedClaim, UnitState};
pub use crate::replacement::form::{Form as ReplacementForm, ReplaceReason};
pub use crate::replacement::next::Next as ReplacementNext;
pub use crate::replacement::record::{
    AcceptedTrouble as ReplacementAcceptedTrouble, Check as ReplacementCheck,
    Commissioned as ReplacementCommissioned, Found as ReplacementFound,
    LastBackup as ReplacementLastBackup, Parcel as ReplacementParcel, Said as ReplacementStep,
    Unsettled as ReplacementUnsettled,
};
pub use crate::replacement::watch::{Watch as ReplacementWatch, Watched as ReplacementWatched};
pub use crate::replacement::{ReplacementEvent, ReplacementState};

/// Asks for what an accepted request is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReplacement {
    /// Its selector is about exactly the old terminal.
    #[schema(value_type = String)]
    pub request: RequestId,
    pub form: ReplacementForm,
    /// Only look whether it could be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// What is wrong with a form, all at once; nothing was begun if anything is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplacementBegun {
    pub mistakes: Vec<ReplacementMistake>,
    /// `null` with mistakes, and where it was only looked.
    pub replacement: Option<Replacement>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplacementMistake {
    pub field: String,
    pub what: String,
}

/// Somebody says what moves a replacement on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReplacementEvent {
    pub said: ReplacementStep,
    /// Kept in the audit log.
    #[serde(default)]
    pub reason: Option<String>,
    /// Nothing is done where the replacement is in another state by now.
    #[serde(default)]
    pub if_state: Option<ReplacementState>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplacementMoved {
    pub replacement: Replacement,
    /// Where the new unit was allowed to enrol.
    pub claim: Option<IssuedClaim>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replacement {
    pub number: u64,
    #[schema(value_type = String)]
    pub request: RequestId,
    pub form: ReplacementForm,
    /// The old terminal.
    #[schema(value_type = String)]
    pub old: TerminalId,
    /// The lane that one leaves and the other takes.
    #[schema(value_type = String)]
    pub position: PositionId,
    pub state: ReplacementState,
    #[schema(value_type = i64)]
    pub state_at: UnixTime,
    pub state_by: String,
    pub state_reason: Option<String>,
    /// Whose turn it is, and what to do.
    pub next: ReplacementNext,
    /// The serial number of the new unit, once one is allocated.
    pub unit: Option<String>,
    /// Where that is by the list of units.
    pub unit_state: Option<UnitState>,
    pub parcel: Option<ReplacementParcel>,
    /// How what was received differs from what was sent.
    pub difference: Option<String>,
    pub unsettled: Option<ReplacementUnsettled>,
    /// What there is of a dead terminal's data.
    pub last_backup: Option<ReplacementLastBackup>,
    #[schema(value_type = Option<String>)]
    pub claim: Option<ClaimId>,
    /// The new terminal, once it has enrolled.
    #[schema(value_type = Option<String>)]
    pub new: Option<TerminalId>,
    /// The manifest of what was restored onto it.
    #[schema(value_type = Option<String>)]
    pub restored: Option<Digest>,
    pub commissioned: Option<ReplacementCommissioned>,
    #[schema(value_type = Option<i64>)]
    pub live_at: Option<UnixTime>,
    /// From the swap until the case is over.
    pub watched: Option<ReplacementWatched>,
    /// Trouble of the new terminal for which somebody answers.
    pub accepted: Option<ReplacementAcceptedTrouble>,
    #[schema(value_type = i64)]
    pub created_at: UnixTime,
    pub created_by: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplacementHistory {
    /// From 1, of each replacement.
    pub number: u64,
    pub event: ReplacementEvent,
    pub from: ReplacementState,
    pub to: ReplacementState,
    #[schema(value_type = i64)]
    pub at: UnixTime,
    pub by: String,
    pub reason: Option<String>,
}
