//! What speaks against a change that people plan, and who of them answers for it. Pure.
//!
//! What nobody has told is a finding of its own, never the same as fine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::request::is_same_person;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// It is not begun.
    Blocks,
    /// Not begun until somebody answers for it by name.
    NeedsName,
    /// Nobody has told, which is not the same as fine: needs a name too.
    Unknown,
    /// For people to know.
    Tells,
}

/// Something that speaks against it, or that people must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Stable across releases.
    pub code: String,
    pub weight: Weight,
    /// A terminal's serial number, a store, a party, a provider or a request.
    pub about: String,
    pub detail: String,
}

pub fn finding(code: &str, weight: Weight, about: &str, detail: impl Into<String>) -> Finding {
    Finding { code: code.to_owned(), weight, about: about.to_owned(), detail: detail.into() }
}

/// Findings that keep a change from being begun: those that nobody may answer for, and those for
/// which nobody does. `answered`: who answers, by the code of the finding.
pub fn open(found: &[Finding], answered: &BTreeMap<String, String>) -> Vec<Finding> {
    let is_answered =
        |it: &&Finding| answered.get(&it.code).is_some_and(|name| !name.trim().is_empty());
    let open = |it: &&Finding| match it.weight {
        Weight::Blocks => true,
        Weight::NeedsName | Weight::Unknown => !is_answered(it),
        Weight::Tells => false,
    };
    found.iter().filter(open).cloned().collect()
}

/// Who wants a change: nobody of them answers for it.
#[derive(Clone, Copy, Debug)]
pub struct Asks<'a> {
    /// The operator who plans it.
    pub by: &'a str,
    /// Whose wish it is.
    pub ordered_by: &'a str,
}

impl Asks<'_> {
    pub fn is_another(&self, name: &str) -> bool {
        let is = |who| is_same_person(name, who);
        !name.trim().is_empty() && !is(self.by) && !is(self.ordered_by)
    }
}
