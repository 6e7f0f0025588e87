//! What a model of terminal can do, whichever provider it works with.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::day::Day;
use super::text::Mistakes;

/// A model of terminal. Its key is the model, as terminals are claimed with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    pub rebind: RebindCapability,
    /// How many providers' keys it can hold at the same time.
    pub key_slots: u8,
    /// For example `countertop`, `portable`, `smart`.
    pub form_factor: String,
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// The approval of its keypad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pts: Option<PtsApproval>,
}

/// Whether a terminal of the model can be brought to another provider where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RebindCapability {
    InPlace,
    /// Only by its maker: the unit goes away, so the shop gets another.
    VendorOnly,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    Contact,
    Contactless,
    Magstripe,
    QrScan,
    QrDisplay,
    Print,
    Pin,
    Offline,
    Fiscal,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PtsApproval {
    pub number: String,
    /// The last day on which it may be deployed.
    pub valid_until: Day,
}

impl Model {
    /// Of the needed ones, those that it lacks.
    pub fn lacks(&self, needed: &[Capability]) -> Vec<Capability> {
        needed.iter().copied().filter(|it| !self.capabilities.contains(it)).collect()
    }

    /// Whether its approval has run out: nothing new is deployed with it.
    pub fn pts_expired_on(&self, today: Day) -> Option<Day> {
        let pts = self.pts.as_ref()?;
        (pts.valid_until < today).then_some(pts.valid_until)
    }

    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        mistakes.text("form_factor", &self.form_factor);
        mistakes.each_once("capabilities", &self.capabilities);
        if let Some(pts) = &self.pts {
            mistakes.text("pts.number", &pts.number);
        }
        let in_place = self.rebind == RebindCapability::InPlace;
        if in_place && self.key_slots == 0 {
            mistakes.add("`key_slots` is 0: a model that is rebound in place has at least one");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{self, day};
    use super::*;

    #[test]
    fn a_model_says_what_it_lacks_and_when_its_approval_ends() {
        let mut model = samples::model();
        assert_eq!(samples::mistakes(model.clone()), Vec::<String>::new());
        assert_eq!(model.lacks(&[Capability::Pin, Capability::Fiscal]), [Capability::Fiscal]);
        assert_eq!(model.pts_expired_on(day("2030-04-30")), None);
        assert_eq!(model.pts_expired_on(day("2030-05-01")), Some(day("2030-04-30")));
        model.key_slots = 0;
        assert_eq!(samples::mistakes(model.clone()).len(), 1);
        model.rebind = RebindCapability::Never;
        assert_eq!(samples::mistakes(model), Vec::<String>::new());
    }
}
