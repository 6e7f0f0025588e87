//! What is written down about a unit. Pure.

use serde::{Deserialize, Serialize};
use shared::id::PositionId;
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::UnitState;
use super::inspection::Verdict;
use crate::provider::day::Day;

/// How often somebody looks at a unit where nothing else is said about it.
pub const INSPECTION_EVERY_DAYS: u16 = 90;

/// A physical device, as it was bought and as it was found since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UnitAbout)]
pub struct About {
    pub serial: String,
    /// The model's key.
    pub model: String,
    /// Where it is: a shop, or the place where stock is kept.
    pub store: String,
    #[serde(default)]
    pub hardware: Option<String>,
    #[serde(default)]
    pub firmware: Option<String>,
    /// As its owner counts it.
    #[serde(default)]
    pub property_number: Option<String>,
    /// Who answers for it.
    #[serde(default)]
    pub custodian: Option<String>,
    /// What its seal reads.
    #[serde(default)]
    pub seal: Option<String>,
    /// How many cables and other things are connected to it.
    #[serde(default)]
    pub connections: Option<u32>,
    #[serde(default)]
    pub accessories: Vec<Accessory>,
    #[serde(default)]
    pub warranty_from: Option<Day>,
    /// The last day of it.
    #[serde(default)]
    pub warranty_until: Option<Day>,
    /// Of its keypad.
    #[serde(default)]
    pub pts_approval: Option<String>,
    #[serde(default)]
    pub pts_expires_on: Option<Day>,
    #[serde(default)]
    pub condition: Condition,
    #[serde(default)]
    pub residual_value: Option<Money>,
    #[serde(default = "inspection_every_days")]
    pub inspection_every_days: u16,
}

fn inspection_every_days() -> u16 {
    INSPECTION_EVERY_DAYS
}

/// What belongs to a unit and comes back with it: a base, a power supply, a SIM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UnitAccessory)]
pub struct Accessory {
    pub name: String,
    pub count: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UnitValue)]
pub struct Money {
    pub minor: u32,
    /// ISO 4217.
    pub currency: String,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schema(as = UnitCondition)]
pub enum Condition {
    #[default]
    New,
    Good,
    Worn,
    Damaged,
}

impl Condition {
    pub const ALL: [Self; 4] = [Self::New, Self::Good, Self::Worn, Self::Damaged];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Good => "good",
            Self::Worn => "worn",
            Self::Damaged => "damaged",
        }
    }
}

/// A unit as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// In the order in which units were added. A serial number may be of several, all but one of
    /// which are disposed of.
    pub number: u64,
    pub about: About,
    /// The lane that it is meant for, or stands in.
    pub position: Option<PositionId>,
    pub inspected: Option<Inspected>,
    pub state: UnitState,
    pub state_at: UnixTime,
    pub state_by: String,
    pub state_why: String,
    pub created_at: UnixTime,
    pub created_by: String,
}

/// When it was last looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    pub at: UnixTime,
    pub by: String,
    pub verdict: Verdict,
}

impl Unit {
    /// When somebody must look at it next; `None` while nobody can. What was never inspected was
    /// looked at when it was added.
    pub fn inspection_due_at(&self) -> Option<UnixTime> {
        let last = self.inspected.as_ref().map_or(self.created_at, |it| it.at);
        let every_s = i64::from(self.about.inspection_every_days) * 86_400;
        self.state.is_inspected().then_some(UnixTime(last.0.saturating_add(every_s)))
    }
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    pub(crate) fn about(serial: &str) -> About {
        About {
            serial: serial.to_owned(),
            model: "px7".to_owned(),
            store: "depot".to_owned(),
            hardware: Some("rev-b".to_owned()),
            firmware: Some("3.1".to_owned()),
            property_number: Some("P-100".to_owned()),
            custodian: Some("stock keeper".to_owned()),
            seal: Some("S-1".to_owned()),
            connections: Some(2),
            accessories: vec![Accessory { name: "base".to_owned(), count: 1 }],
            warranty_from: None,
            warranty_until: None,
            pts_approval: Some("4-40123".to_owned()),
            pts_expires_on: "2030-04-30".parse().ok(),
            condition: Condition::New,
            residual_value: Some(Money { minor: 29_900, currency: "EUR".to_owned() }),
            inspection_every_days: INSPECTION_EVERY_DAYS,
        }
    }

    pub(crate) fn unit(state: UnitState) -> Unit {
        Unit {
            number: 1,
            about: about("PX-1"),
            position: None,
            inspected: None,
            state,
            state_at: UnixTime(10),
            state_by: "ana".to_owned(),
            state_why: String::new(),
            created_at: UnixTime(0),
            created_by: "ana".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inspection_is_due_after_the_last_one_while_somebody_can_look() {
        let mut unit = samples::unit(UnitState::InService);
        assert_eq!(unit.inspection_due_at(), Some(UnixTime(90 * 86_400)));
        let by = "ben".to_owned();
        unit.inspected = Some(Inspected { at: UnixTime(100), by, verdict: Verdict::Pass });
        unit.about.inspection_every_days = 1;
        assert_eq!(unit.inspection_due_at(), Some(UnixTime(100 + 86_400)));
        for state in [UnitState::InTransit, UnitState::LostStolen, UnitState::Disposed] {
            assert_eq!(samples::unit(state).inspection_due_at(), None, "{state}");
        }
    }
}
