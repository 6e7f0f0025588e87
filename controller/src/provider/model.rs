//! What a model of terminal can do, whichever provider it works with.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::day::Day;
use super::text::Mistakes;

/// A model of terminal. Its key is the model, as terminals are claimed with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Who makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    pub rebind: RebindCapability,
    /// How many providers' keys it can hold at the same time.
    pub key_slots: u8,
    /// For example `countertop`, `portable`, `smart`.
    pub form_factor: String,
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// How its maker writes serial numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<SerialRule>,
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

/// What a maker's serial numbers have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SerialRule {
    /// Characters of each.
    pub length: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckCharacter>,
}

/// How the last character follows from those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CheckCharacter {
    /// ISO/IEC 7812: of digits.
    Luhn,
    /// ISO 7064: of digits and capital letters.
    Mod37x36,
}

impl SerialRule {
    /// Why this is no serial number of the model.
    pub fn why_not(&self, serial: &str) -> Option<String> {
        let length = serial.chars().count();
        if length != usize::from(self.length) {
            return Some(format!("has {length} characters, and the model's have {}", self.length));
        }
        let is_right = match self.check {
            None => true,
            Some(CheckCharacter::Luhn) => is_luhn(serial),
            Some(CheckCharacter::Mod37x36) => is_mod_37_36(serial),
        };
        (!is_right).then(|| "does not go with its check character: was it mistyped?".to_owned())
    }
}

fn is_luhn(text: &str) -> bool {
    let digit = |(at, it): (usize, char)| {
        let digit = it.to_digit(10)?;
        Some(if at % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit })
    };
    let sum = text.chars().rev().enumerate().map(digit).sum::<Option<u32>>();
    sum.is_some_and(|sum| sum % 10 == 0)
}

fn is_mod_37_36(text: &str) -> bool {
    let value = |it: char| it.to_digit(36).filter(|_| !it.is_ascii_lowercase());
    let mut product = 36;
    let mut last = None;
    for it in text.chars() {
        let Some(value) = value(it) else { return false };
        if let Some(before) = last.replace(value) {
            let sum = (product + before) % 36;
            product = (if sum == 0 { 36 } else { sum }) * 2 % 37;
        }
    }
    last.is_some_and(|check| (product + check) % 36 == 1)
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
        if let Some(manufacturer) = &self.manufacturer {
            mistakes.text("manufacturer", manufacturer);
        }
        mistakes.each_once("capabilities", &self.capabilities);
        if self.serial.as_ref().is_some_and(|it| it.length == 0) {
            mistakes.add("`serial.length` is 0: a serial number has at least one character");
        }
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
    fn a_serial_number_has_its_length_and_goes_with_its_check_character() {
        use CheckCharacter::{Luhn, Mod37x36};
        for (serial, length, check, is_one) in [
            ("PX-1", 4, None, true),
            ("PX-12", 4, None, false),
            ("79927398713", 11, Some(Luhn), true),
            ("79927398710", 11, Some(Luhn), false),
            ("97927398713", 11, Some(Luhn), false),
            ("7992739871A", 11, Some(Luhn), false),
            ("A12425GABC1234002M", 18, Some(Mod37x36), true),
            ("A12425GABC1234002N", 18, Some(Mod37x36), false),
            ("A12425GABC1234020M", 18, Some(Mod37x36), false),
            ("a12425GABC1234002M", 18, Some(Mod37x36), false),
        ] {
            let rule = SerialRule { length, check };
            assert_eq!(rule.why_not(serial).is_none(), is_one, "{serial}");
        }
    }

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
