//! How many records there are and what they add up to: as a manifest promises, as a till counts,
//! and as a terminal signs.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context as _, Result};
use serde_json::Value;
use shared::document::Receipt;
use shared::document::receipt::Said;
use shared::drill::Counted;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Total {
    records: u64,
    /// By currency, in minor units; never 0.
    amounts: BTreeMap<String, i64>,
}

/// The data set of what customers paid.
pub(super) fn is_sales(set: &Value) -> bool {
    set["name"] == "sales"
}

impl Total {
    /// Over these data sets.
    pub(super) fn of(sets: &Value, is_meant: impl Fn(&Value) -> bool) -> Result<Self> {
        let mut total = Self::default();
        let sets = sets.as_array().context("data sets are a list")?;
        for set in sets.iter().filter(|set| is_meant(set)) {
            total.records += set["records"].as_u64().context("a data set has records")?;
            for (currency, amount) in set["totals"].as_object().into_iter().flatten() {
                let amount = amount.as_i64().context("a total is a whole number")?;
                *total.amounts.entry(currency.clone()).or_default() += amount;
            }
        }
        total.amounts.retain(|_, amount| *amount != 0);
        Ok(total)
    }

    /// What a terminal has signed that its scratch till counted; `None` when its drill did not come
    /// to that.
    pub(super) fn rehearsed(receipt: &Receipt) -> Option<Self> {
        let Said::Finished { evidence, .. } = &receipt.said else { return None };
        let notes = evidence.iter().map(|it| it.note.as_str());
        let counted: Vec<Counted> = notes.filter_map(|note| note.parse().ok()).collect();
        (!counted.is_empty()).then(|| Self::counted(counted))
    }

    fn counted(sets: Vec<Counted>) -> Self {
        let mut total = Self::default();
        for Counted { name: _, records, totals } in sets {
            total.records += records;
            for (currency, amount) in totals {
                *total.amounts.entry(currency).or_default() += amount;
            }
        }
        total.amounts.retain(|_, amount| *amount != 0);
        total
    }

    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Of one currency, 0 where there is none of it.
    pub(super) fn amount(&self, currency: &str) -> i64 {
        self.amounts.get(currency).copied().unwrap_or(0)
    }
}

impl fmt::Display for Total {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.records)?;
        self.amounts.iter().try_for_each(|(currency, amount)| write!(out, ": {amount} {currency}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_manifest_says_and_what_a_terminal_signs_are_read_alike() {
        let sets = json!([
            { "name": "sales", "records": 60, "totals": { "CNY": 15_000, "EUR": 0 } },
            { "name": "batch-a", "records": 2, "totals": { "CNY": 230 } },
            { "name": "journal", "records": 5, "totals": {} },
        ]);
        let all = Total::of(&sets, |_| true).unwrap();
        let notes = [
            "counted sales: 60 records, 15000 CNY, 0 EUR",
            "counted batch-a: 2 records, 230 CNY",
            "counted journal: 5 records",
        ];
        let counted = notes.iter().map(|note| note.parse().unwrap()).collect();
        assert_eq!(Total::counted(counted), all);
        assert_eq!(Total::of(&sets, is_sales).unwrap().to_string(), "60: 15000 CNY");
        assert!(Total::counted(Vec::new()).is_nothing());
    }
}
