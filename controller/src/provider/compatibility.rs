//! What was seen to work together, and what follows for a till.

pub mod range;

use serde::{Deserialize, Serialize};
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::day::Day;
use super::digest_of;
use super::model::{Model, RebindCapability};
use super::text::Mistakes;
use crate::terminal::label;
use range::{Fit, Range};

/// One row of the matrix. What it leaves out is any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CompatibilityRow)]
pub struct Row {
    pub model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<Range>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<Range>,
    /// The EMV kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// The key of a provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_set: Option<String>,
    pub status: Status,
    /// What shows it: needed for `certified`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What is known of a combination, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = CompatibilityStatus)]
pub enum Status {
    Certified,
    Tested,
    /// Only for a pilot.
    Unknown,
    Blocked,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Of the file.
    pub name: String,
    /// In hexadecimal.
    pub sha256: String,
}

/// What a till is made of, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub model: String,
    pub hardware: Option<String>,
    pub firmware: Option<String>,
    pub application: Option<String>,
    pub kernel: Option<String>,
    pub provider: Option<String>,
    pub key_set: Option<String>,
}

/// What the matrix says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    pub status: Status,
    /// The key of the row that decided; `None` where none did.
    pub row: Option<String>,
    /// Only a pilot may try it.
    pub pilot_only: bool,
    /// Why it is no better, where more should be known of the till.
    pub not_known: Vec<String>,
}

impl Row {
    /// Follows from what the row is about, so that no two rows are about the same.
    pub fn key(&self) -> String {
        let about = (
            (&self.model, &self.hardware, &self.firmware, &self.application),
            (&self.kernel, &self.provider, &self.key_set),
        );
        format!("row-{}", &digest_of(&about).to_string()[..16])
    }

    /// How many properties it names: the row that names most decides.
    fn specific(&self) -> usize {
        let named = [
            self.hardware.is_some(),
            self.firmware.is_some(),
            self.application.is_some(),
            self.kernel.is_some(),
            self.provider.is_some(),
            self.key_set.is_some(),
        ];
        named.into_iter().filter(|named| *named).count()
    }

    /// Whether the row is about such a till, and which unknown properties leave that open.
    fn about(&self, asked: &Asked) -> (Fit, Vec<&'static str>) {
        let word = |wanted: &Option<String>, found: &Option<String>| match (wanted, found) {
            (None, _) => Fit::Yes,
            (Some(_), None) => Fit::NotKnown,
            (Some(wanted), Some(found)) if wanted == found => Fit::Yes,
            (Some(_), Some(_)) => Fit::No,
        };
        let version = |wanted: &Option<Range>, found: &Option<String>| {
            wanted.as_ref().map_or(Fit::Yes, |range| range.holds(found.as_deref()))
        };
        let fits = [
            ("model", if self.model == asked.model { Fit::Yes } else { Fit::No }),
            ("hardware", word(&self.hardware, &asked.hardware)),
            ("firmware", version(&self.firmware, &asked.firmware)),
            ("application", version(&self.application, &asked.application)),
            ("kernel", word(&self.kernel, &asked.kernel)),
            ("provider", word(&self.provider, &asked.provider)),
            ("key_set", word(&self.key_set, &asked.key_set)),
        ];
        if fits.iter().any(|(_, fit)| *fit == Fit::No) {
            return (Fit::No, vec![]);
        }
        let open: Vec<_> = fits.iter().filter(|(_, fit)| *fit == Fit::NotKnown).collect();
        let open: Vec<_> = open.into_iter().map(|(what, _)| *what).collect();
        (if open.is_empty() { Fit::Yes } else { Fit::NotKnown }, open)
    }

    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        mistakes.key("model", &self.model);
        // Labels of a terminal say these: what no label can say, no till would ever be.
        for (field, value) in
            [("hardware", &self.hardware), ("kernel", &self.kernel), ("key_set", &self.key_set)]
        {
            if let Some(value) = value.as_ref().filter(|it| !label::is_word(it)) {
                let value = super::text::shown(value);
                mistakes.add(format!("`{field}` is `{value}`: write {}", label::WORD));
            }
        }
        mistakes.maybe_text("note", self.note.as_deref());
        if let Some(provider) = &self.provider {
            mistakes.key("provider", provider);
        }
        match &self.evidence {
            Some(evidence) => {
                mistakes.text("evidence.name", &evidence.name);
                mistakes.digest("evidence.sha256", &evidence.sha256);
            }
            None if self.status == Status::Certified => {
                mistakes.add("`evidence` is missing: name the file that certifies it");
            }
            None => {}
        }
    }
}

/// What the matrix says about a till. A row that blocks it decides, however little it names; else
/// the row that names most, and of equal ones the worse. No row is `unknown`.
///
/// What is not known of the till is never to its advantage: a good row that may be about another
/// one does not count, and while a blocking row may be about this one, it is `unknown`.
pub fn look_up<'a>(rows: impl IntoIterator<Item = &'a Row>, asked: &Asked) -> Verdict {
    let mut best: Option<&Row> = None;
    let mut may_block = Vec::new();
    for row in rows {
        let (fit, open) = row.about(asked);
        match (fit, row.status) {
            (Fit::Yes, Status::Blocked) => return verdict(Status::Blocked, Some(row), vec![]),
            (Fit::NotKnown, Status::Blocked) => may_block.extend(open),
            (Fit::Yes, Status::Certified | Status::Tested | Status::Unknown) => {
                let rank = |row: &Row| (row.specific(), row.status);
                if best.is_none_or(|best| rank(best) < rank(row)) {
                    best = Some(row);
                }
            }
            (Fit::NotKnown, Status::Certified | Status::Tested | Status::Unknown) => {}
            (Fit::No, _) => {}
        }
    }
    if !may_block.is_empty() {
        may_block.sort_unstable();
        may_block.dedup();
        return verdict(Status::Unknown, None, may_block);
    }
    verdict(best.map_or(Status::Unknown, |row| row.status), best, vec![])
}

fn verdict(status: Status, row: Option<&Row>, not_known: Vec<&str>) -> Verdict {
    Verdict {
        status,
        row: row.map(Row::key),
        pilot_only: status == Status::Unknown,
        not_known: not_known.into_iter().map(str::to_owned).collect(),
    }
}

/// How a till comes to another provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    InPlace,
    /// In place, and only in a pilot: nobody has seen it work.
    PilotOnly,
    /// By another unit: its model cannot, or only its maker can.
    ReplaceUnit,
    /// Not with this unit or one like it: its approval has run out.
    ApprovalExpired,
    Blocked,
}

/// How a till of this model comes to another provider. A model that nobody described is `unknown`
/// as a combination is.
pub fn way(model: Option<&Model>, verdict: &Verdict, now: UnixTime) -> Way {
    if verdict.status == Status::Blocked {
        return Way::Blocked;
    }
    let Some(model) = model else { return Way::PilotOnly };
    match model.rebind {
        RebindCapability::VendorOnly | RebindCapability::Never => Way::ReplaceUnit,
        RebindCapability::InPlace if model.pts_expired_on(Day::of(now)).is_some() => {
            Way::ApprovalExpired
        }
        RebindCapability::InPlace if verdict.pilot_only => Way::PilotOnly,
        RebindCapability::InPlace => Way::InPlace,
    }
}

#[cfg(test)]
mod tests;
