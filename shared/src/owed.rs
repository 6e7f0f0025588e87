//! What a till that has stopped owes still, as notes among the evidence of its receipt: one note
//! for each binding, which people read too. Pure.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What the outcome of a suspension says that the terminal is now: stopped, settled and saved.
pub const SUSPENDED: &str = "suspended";

/// The same, where people have accepted that it settles later. What it owes is among the evidence.
pub const SUSPENDED_OWING: &str = "suspended, and not settled";

/// Whether a suspension that has succeeded left nothing to settle, by what its outcome says that
/// the terminal is now. Any word but the one that says so leaves the terminal owing, on both sides.
pub fn is_settled(now: &str) -> bool {
    now == SUSPENDED
}

/// Where no batch is open: three times X, which ISO 4217 keeps for no currency.
pub const NO_CURRENCY: &str = "X\u{58}X";

/// Bindings that are told of, and characters of a binding's name and of a currency: so that every
/// note is whole, and all of them find room in a receipt.
pub const OWED_MAX: usize = 16;
const BINDING_CHARACTERS_MAX: usize = 64;
const CURRENCY_CHARACTERS_MAX: usize = 8;

/// Of one binding: `owes alpha: 5 sales of 1250 CNY not settled, 1 reversals and 2 stored payments
/// not sent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    pub binding: String,
    /// In batches that are not settled.
    pub sales: u64,
    pub total_minor: i64,
    pub currency: String,
    pub unsent_reversals: u64,
    pub stored_offline: u64,
}

/// It is another note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherNote;

impl Owed {
    /// Nothing of this binding yet; its name is cut so that the note stays one.
    pub fn of(binding: &str) -> Self {
        let plain = binding.chars().filter(|it| !it.is_control());
        Self {
            binding: plain.take(BINDING_CHARACTERS_MAX).collect(),
            sales: 0,
            total_minor: 0,
            currency: NO_CURRENCY.to_owned(),
            unsent_reversals: 0,
            stored_offline: 0,
        }
    }

    pub fn in_batches(self, sales: u64, total_minor: i64, currency: &str) -> Self {
        let plain = currency.chars().filter(char::is_ascii_alphanumeric);
        let currency: String = plain.take(CURRENCY_CHARACTERS_MAX).collect();
        let currency = if currency.is_empty() { NO_CURRENCY.to_owned() } else { currency };
        Self { sales, total_minor, currency, ..self }
    }

    pub fn unsent(self, unsent_reversals: u64, stored_offline: u64) -> Self {
        Self { unsent_reversals, stored_offline, ..self }
    }

    /// Whether there is something to send or to settle.
    pub fn is_something(&self) -> bool {
        self.sales > 0 || self.unsent_reversals > 0 || self.stored_offline > 0
    }
}

impl fmt::Display for Owed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { binding, sales, total_minor, currency, unsent_reversals, stored_offline } = self;
        write!(
            out,
            "owes {binding}: {sales} sales of {total_minor} {currency} not settled, \
             {unsent_reversals} reversals and {stored_offline} stored payments not sent"
        )
    }
}

impl FromStr for Owed {
    type Err = OtherNote;

    fn from_str(note: &str) -> Result<Self, OtherNote> {
        read(note).ok_or(OtherNote)
    }
}

fn read(note: &str) -> Option<Owed> {
    // A name may hold a colon; what follows it does not.
    let (binding, rest) = note.strip_prefix("owes ")?.rsplit_once(": ")?;
    let (sales, rest) = rest.split_once(" sales of ")?;
    let (total, rest) = rest.split_once(' ')?;
    let (currency, rest) = rest.split_once(" not settled, ")?;
    let (reversals, rest) = rest.split_once(" reversals and ")?;
    let stored = rest.strip_suffix(" stored payments not sent")?;
    let owed = Owed::of(binding).in_batches(sales.parse().ok()?, total.parse().ok()?, currency);
    Some(owed.unsent(reversals.parse().ok()?, stored.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{EVIDENCE_MAX, TEXT_BYTES_MAX};

    #[test]
    fn what_is_owed_reads_back_as_it_was_written_and_nothing_else_does() {
        let owed = [
            Owed::of("alpha").in_batches(5, 1_250, "CNY").unsent(1, 2),
            Owed::of("b: c").in_batches(1, -7, "EUR"),
            Owed::of("").unsent(u64::MAX, 0),
        ];
        for it in owed {
            assert_eq!(it.to_string().parse(), Ok(it.clone()));
            assert!(it.is_something());
        }
        assert!(!Owed::of("alpha").is_something());
        for note in ["", "owes ", "owes alpha: 5 sales", "counted sales: 5 records", "suspended"] {
            assert_eq!(note.parse::<Owed>(), Err(OtherNote), "{note}");
        }
    }

    #[test]
    fn only_the_word_that_says_so_leaves_nothing_to_settle() {
        assert!(is_settled(SUSPENDED));
        for word in [SUSPENDED_OWING, "", "Suspended", "suspended ", "stopped"] {
            assert!(!is_settled(word), "{word:?}");
        }
    }

    #[test]
    fn a_note_is_whole_whatever_a_till_calls_its_bindings() {
        let name = "\u{10ffff}: \n".repeat(100);
        let owed = Owed::of(&name)
            .in_batches(u64::MAX, i64::MIN, "no currency at all")
            .unsent(u64::MAX, u64::MAX);
        let note = owed.to_string();
        assert!(note.len() <= TEXT_BYTES_MAX, "{}", note.len());
        assert_eq!(note.parse(), Ok(owed));
        const { assert!(OWED_MAX < EVIDENCE_MAX / 2) };
    }
}
