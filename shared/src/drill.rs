//! What a rehearsed restore proves, as notes among the evidence of its receipt: what the scratch
//! till counted, one note for each data set, and how long a step took. Pure.
//!
//! The notes are lines that people read too. Whoever reads a receipt passes over notes that are
//! neither.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::TEXT_BYTES_MAX;

/// What a till counted in one data set: `counted sales: 12 records, 1250 CNY, -3 EUR`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    pub name: String,
    pub records: u64,
    /// By currency, in minor units.
    pub totals: BTreeMap<String, i64>,
}

/// How long a step took, in milliseconds: `took 1250 ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Took(pub u64);

/// It is another note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherNote;

/// Data sets of which a receipt tells what was counted: a receipt has its limits.
pub const COUNTED_MAX: usize = 32;

impl Counted {
    /// Whether its note is whole when it is cut to what evidence may hold.
    pub fn fits(&self) -> bool {
        self.to_string().len() <= TEXT_BYTES_MAX
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, records, totals } = self;
        write!(out, "counted {name}: {records} records")?;
        totals.iter().try_for_each(|(currency, total)| write!(out, ", {total} {currency}"))
    }
}

impl FromStr for Counted {
    type Err = OtherNote;

    fn from_str(note: &str) -> Result<Self, OtherNote> {
        let rest = note.strip_prefix("counted ").ok_or(OtherNote)?;
        // A name may hold a colon; what follows it does not.
        let (name, rest) = rest.rsplit_once(": ").ok_or(OtherNote)?;
        let mut parts = rest.split(", ");
        let records = parts.next().and_then(|it| it.strip_suffix(" records")).ok_or(OtherNote)?;
        let records = records.parse().map_err(|_| OtherNote)?;
        let total = |part: &str| {
            let (total, currency) = part.split_once(' ')?;
            Some((currency.to_owned(), total.parse().ok()?))
        };
        let totals = parts.map(total).collect::<Option<_>>().ok_or(OtherNote)?;
        Ok(Self { name: name.to_owned(), records, totals })
    }
}

impl fmt::Display for Took {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "took {} ms", self.0)
    }
}

impl FromStr for Took {
    type Err = OtherNote;

    fn from_str(note: &str) -> Result<Self, OtherNote> {
        let millis = note.strip_prefix("took ").and_then(|it| it.strip_suffix(" ms"));
        millis.and_then(|it| it.parse().ok()).map(Self).ok_or(OtherNote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(name: &str, totals: &[(&str, i64)]) -> Counted {
        let totals = totals.iter().map(|(currency, total)| ((*currency).to_owned(), *total));
        Counted { name: name.to_owned(), records: 12, totals: totals.collect() }
    }

    #[test]
    fn a_count_reads_back_as_it_was_written() {
        let cases = [
            (counted("sales", &[]), "counted sales: 12 records"),
            (counted("sales", &[("CNY", 1250)]), "counted sales: 12 records, 1250 CNY"),
            (
                counted("a: b", &[("CNY", 0), ("EUR", -3)]),
                "counted a: b: 12 records, 0 CNY, -3 EUR",
            ),
        ];
        for (counted, note) in cases {
            assert_eq!(counted.to_string(), note);
            assert_eq!(note.parse(), Ok(counted));
        }
        assert_eq!(Took(7).to_string().parse(), Ok(Took(7)));
    }

    #[test]
    fn other_notes_are_no_counts() {
        for note in [
            "",
            "counted",
            "counted sales",
            "counted sales: -1 records",
            "counted sales: 12 records,",
            "counted sales: 12 records, CNY 1",
            "counted sales: 12 records, 99999999999999999999 CNY",
            "snapshot 7: 3 files, 100 bytes, all checked",
        ] {
            assert_eq!(note.parse::<Counted>(), Err(OtherNote), "{note}");
        }
        for note in ["took ms", "took -1 ms", "took 1 s"] {
            assert_eq!(note.parse::<Took>(), Err(OtherNote), "{note}");
        }
    }

    #[test]
    fn a_note_that_would_be_cut_does_not_fit() {
        assert!(counted("sales", &[("CNY", 1)]).fits());
        assert!(!counted(&"s".repeat(TEXT_BYTES_MAX), &[]).fits());
    }
}
