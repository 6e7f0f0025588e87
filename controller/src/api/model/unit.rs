//! Units: each physical device, what happened to it, and who looked at it.

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::id::PositionId;
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::ImportMistake;
pub use crate::unit::inspection::Verdict as InspectionVerdict;
pub use crate::unit::record::{
    About as UnitAbout, Accessory as UnitAccessory, Condition as UnitCondition, Money as UnitValue,
};
pub use crate::unit::{UnitEvent, UnitState};

/// Units for the list, all of them or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUnits {
    pub rows: Vec<NewUnit>,
    /// Only look whether it could be done.
    #[serde(default)]
    pub dry_run: bool,
    /// Kept in the audit log.
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUnit {
    /// Where it stands in the file: mistakes are told by it.
    pub line: u32,
    pub about: UnitAbout,
}

/// What became of them. With mistakes nothing was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnitsAdded {
    pub is_done: bool,
    pub added: u64,
    pub mistakes: Vec<ImportMistake>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unit {
    pub about: UnitAbout,
    pub state: UnitState,
    #[schema(value_type = i64)]
    pub state_at: UnixTime,
    pub state_by: String,
    pub state_reason: Option<String>,
    /// The lane that it is meant for, or stands in.
    #[schema(value_type = Option<String>)]
    pub position: Option<PositionId>,
    pub inspected: Option<UnitInspected>,
    /// `null` while it is where nobody can look at it.
    #[schema(value_type = Option<i64>)]
    pub inspection_due_at: Option<UnixTime>,
    /// Whether somebody should have looked at it by now.
    pub is_inspection_due: bool,
    #[schema(value_type = i64)]
    pub created_at: UnixTime,
    pub created_by: String,
}

/// The last inspection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnitInspected {
    #[schema(value_type = i64)]
    pub at: UnixTime,
    pub by: String,
    pub verdict: InspectionVerdict,
}

/// Something happens to a unit; what is left out stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUnitEvent {
    pub event: UnitEvent,
    /// Kept in the audit log.
    pub reason: String,
    /// Nothing is done where the unit is in another state by now.
    #[serde(default)]
    pub if_state: Option<UnitState>,
    #[serde(flatten)]
    pub said: UnitSaid,
}

/// What is said about a unit with an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnitSaid {
    /// Who answers for it from now on.
    #[serde(default)]
    pub custodian: Option<String>,
    /// As it was found by who receives the unit, or as it was applied.
    #[serde(default)]
    pub seal: Option<String>,
    /// There is no seal.
    #[serde(default)]
    pub seal_missing: bool,
    /// As who receives the unit reads it on the unit.
    #[serde(default)]
    pub serial: Option<String>,
    #[serde(default)]
    pub store: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub position: Option<PositionId>,
    #[serde(default)]
    pub courier: Option<String>,
    /// The courier's number.
    #[serde(default)]
    pub tracking: Option<String>,
    #[serde(default)]
    pub firmware: Option<String>,
    /// Those that are there, counted.
    #[serde(default)]
    pub accessories: Option<Vec<UnitAccessory>>,
    #[serde(default)]
    pub condition: Option<UnitCondition>,
    /// SHA-256 of pictures, which are kept elsewhere.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub photos: Vec<Digest>,
    #[serde(default)]
    pub note: Option<String>,
}

/// Something that happened to a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnitHistory {
    /// Of its unit, from 1.
    pub number: u64,
    pub event: UnitEvent,
    pub from: UnitState,
    pub to: UnitState,
    #[schema(value_type = i64)]
    pub at: UnixTime,
    pub by: String,
    pub reason: Option<String>,
    #[serde(flatten)]
    pub said: UnitSaid,
}

/// What somebody found who looked at a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUnitInspection {
    /// The identity code of who looked.
    #[serde(default)]
    pub technician: Option<String>,
    /// What the seal reads.
    #[serde(default)]
    pub seal: Option<String>,
    /// There is no seal.
    #[serde(default)]
    pub seal_missing: bool,
    /// Nobody has opened, drilled or covered it.
    pub surface_ok: bool,
    /// What is connected to it is what should be.
    pub connections_ok: bool,
    /// The serial number on it is this one.
    pub serial_confirmed: bool,
    /// As the unit shows it.
    #[serde(default)]
    pub firmware: Option<String>,
    /// SHA-256 of pictures, which are kept elsewhere.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub photos: Vec<Digest>,
    #[serde(default)]
    pub note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnitInspection {
    /// Of its unit, from 1.
    pub number: u64,
    #[schema(value_type = i64)]
    pub at: UnixTime,
    pub by: String,
    pub verdict: InspectionVerdict,
    pub found: NewUnitInspection,
}

/// A unit after something happened to it, or somebody looked at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnitChanged {
    pub unit: Unit,
    /// How it differs from its record: it may be another unit, and is frozen.
    pub difference: Option<String>,
}

/// Somebody answers for a sanitisation of a unit by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUnitSanitisation {
    /// Of whoever sanitised it.
    pub reference: String,
    /// SHA-256 of the paper, which is kept elsewhere.
    #[schema(value_type = String)]
    pub paper: Digest,
    /// Kept in the audit log.
    pub reason: String,
}

/// What is on a unit, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnitSanitisation {
    pub remains: UnitRemains,
    /// Why it may not leave its shop, and what to do about it.
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// By which its erased terminal is certified.
    #[schema(value_type = Option<String>)]
    pub certificate: Option<Digest>,
    /// What people said, oldest first.
    pub said: Vec<UnitSanitised>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnitRemains {
    /// It never had an identity.
    Nothing,
    /// Its terminal has signed that it is erased, and could read nothing afterwards.
    Erased,
    /// Two people answer for what was done by hand.
    Sanitised,
    /// Nobody can say that nothing is left.
    Left,
}

/// One person's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnitSanitised {
    pub reference: String,
    #[schema(value_type = String)]
    pub paper: Digest,
    #[schema(value_type = i64)]
    pub at: UnixTime,
    pub by: String,
    pub reason: Option<String>,
    /// Whether it is about the unit as it is: it has neither sold nor enrolled since.
    pub counts: bool,
}
