//! What merchant and provider owe each other when terminals are decommissioned: entries that are
//! only ever added, and what is left of them. Pure.
//!
//! An amount that the merchant is to get counts up, one that the merchant is to pay counts down,
//! and what was paid counts against it. So 0 is balanced, above 0 the merchant is still to be
//! paid, and below 0 the merchant still has to pay. Amounts of different currencies are never
//! added.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::document::batch::is_currency;
use shared::limits::TEXT_BYTES_MAX;
use shared::time::UnixTime;
use utoipa::ToSchema;

use crate::request::{RequestKind, RequestState};
use crate::text::is_said;

/// Entries of one decommissioning: a few for each of the terminals that one wipe may name.
pub const ENTRIES_MAX: usize = 10_000;

/// Of one entry, in minor units. The sum of all entries of a ledger is far from overflowing.
pub const AMOUNT_MAX: i64 = 1_000_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = LedgerEntryKind)]
pub enum EntryKind {
    /// The provider holds it, and is to give it back.
    DepositPaid,
    DepositReturned,
    /// Rent, maintenance, deactivation: the merchant is to pay it.
    FeeOutstanding,
    EarlyTerminationFee,
    /// Whoever is liable is to pay it.
    Damage,
    /// What the provider gives for the unit.
    ResidualValue,
    /// The merchant has paid it.
    Paid,
    /// The merchant has got it.
    Received,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = DamageCause)]
pub enum Cause {
    /// Wear, or a fault of its own.
    Natural,
    ManMade,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = DamageLiability)]
pub enum Liability {
    Merchant,
    Provider,
    /// It is written down, and nobody pays for it.
    Nobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LedgerDamage)]
pub struct Damage {
    pub cause: Cause,
    pub liability: Liability,
}

impl EntryKind {
    pub const ALL: [Self; 8] = [
        Self::DepositPaid,
        Self::DepositReturned,
        Self::FeeOutstanding,
        Self::EarlyTerminationFee,
        Self::Damage,
        Self::ResidualValue,
        Self::Paid,
        Self::Received,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::DepositPaid => "deposit-paid",
            Self::DepositReturned => "deposit-returned",
            Self::FeeOutstanding => "fee-outstanding",
            Self::EarlyTerminationFee => "early-termination-fee",
            Self::Damage => "damage",
            Self::ResidualValue => "residual-value",
            Self::Paid => "paid",
            Self::Received => "received",
        }
    }
}

impl Cause {
    pub const ALL: [Self; 3] = [Self::Natural, Self::ManMade, Self::Unknown];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Natural => "natural",
            Self::ManMade => "man-made",
            Self::Unknown => "unknown",
        }
    }
}

impl Liability {
    pub const ALL: [Self; 3] = [Self::Merchant, Self::Provider, Self::Nobody];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merchant => "merchant",
            Self::Provider => "provider",
            Self::Nobody => "nobody",
        }
    }
}

/// What somebody enters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    pub kind: EntryKind,
    /// Above 0.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// The unit that it is about; none where it is about all of them.
    pub serial: Option<String>,
    /// Of damage, and of nothing else.
    pub damage: Option<Damage>,
    /// Of the receipt, invoice or report.
    pub reference: String,
    pub note: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// From 1, of each ledger.
    pub number: u32,
    pub what: NewEntry,
    /// The entry that this one takes back.
    pub reverses: Option<u32>,
    pub at: UnixTime,
    pub by: String,
}

/// Why an entry is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryRefused {
    #[error("an amount is 1 to {AMOUNT_MAX} minor units, not {0}")]
    Amount(i64),
    #[error("`{0}` is no currency: it has three capital letters")]
    Currency(String),
    #[error("damage has a cause and somebody who is liable, and nothing else has")]
    DamageUnsaid,
    #[error("a reference has 1 to {TEXT_BYTES_MAX} printable characters")]
    NoReference,
    #[error("nobody knows a unit `{0}`")]
    UnknownUnit(String),
    #[error("there is no entry {0}")]
    NoEntry(u32),
    #[error("entry {0} was taken back, or takes another one back")]
    Reversed(u32),
    #[error("there are {ENTRIES_MAX} entries already")]
    Full,
    #[error("only a decommissioning has a ledger, and this asks to {}", .0.as_str())]
    OtherKind(RequestKind),
    #[error("it is {0}, and so is its ledger")]
    Over(RequestState),
}

impl EntryRefused {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Amount(_) => "write it in cents, without a sign: the kind says who owes it",
            Self::Currency(_) => "write it as in EUR",
            Self::DamageUnsaid => "name both for `damage`, and neither for another kind",
            Self::NoReference => "name the receipt, invoice or report",
            Self::UnknownUnit(_) => "put it on the list: `tillward unit add`",
            Self::NoEntry(_) | Self::Reversed(_) => "look at `tillward deactivate ledger list`",
            Self::Full => "enter sums",
            Self::OtherKind(_) | Self::Over(_) => "look at it with `tillward request show`",
        }
    }
}

/// Whether anything may be entered for such a request.
pub fn is_open(kind: RequestKind, state: RequestState) -> Result<(), EntryRefused> {
    match kind {
        RequestKind::Decommission if state.is_over() => Err(EntryRefused::Over(state)),
        RequestKind::Decommission => Ok(()),
        RequestKind::Rebind | RequestKind::Suspend | RequestKind::Resume | RequestKind::Replace => {
            Err(EntryRefused::OtherKind(kind))
        }
    }
}

/// Whether this may be entered.
pub fn check(new: &NewEntry, known: &[Entry]) -> Result<(), EntryRefused> {
    if !(1..=AMOUNT_MAX).contains(&new.amount_minor) {
        return Err(EntryRefused::Amount(new.amount_minor));
    }
    if !is_currency(&new.currency) {
        return Err(EntryRefused::Currency(new.currency.clone()));
    }
    if (new.kind == EntryKind::Damage) != new.damage.is_some() {
        return Err(EntryRefused::DamageUnsaid);
    }
    if !is_said(&new.reference) {
        return Err(EntryRefused::NoReference);
    }
    has_room(known)
}

/// The entry that is taken back, if it may be.
pub fn reversible<'a>(
    number: u32,
    reference: &str,
    known: &'a [Entry],
) -> Result<&'a Entry, EntryRefused> {
    let entry = known.iter().find(|it| it.number == number);
    let entry = entry.ok_or(EntryRefused::NoEntry(number))?;
    if entry.reverses.is_some() || known.iter().any(|it| it.reverses == Some(number)) {
        return Err(EntryRefused::Reversed(number));
    }
    if !is_said(reference) {
        return Err(EntryRefused::NoReference);
    }
    has_room(known).map(|()| entry)
}

fn has_room(known: &[Entry]) -> Result<(), EntryRefused> {
    if known.len() < ENTRIES_MAX { Ok(()) } else { Err(EntryRefused::Full) }
}

impl Entry {
    /// What it adds to what the merchant is still to get.
    fn counts(&self) -> i64 {
        use EntryKind as Is;
        let amount = self.what.amount_minor;
        let counted = match self.what.kind {
            Is::DepositPaid | Is::ResidualValue | Is::Paid => amount,
            Is::DepositReturned | Is::FeeOutstanding | Is::EarlyTerminationFee | Is::Received => {
                -amount
            }
            Is::Damage => match self.what.damage.map(|it| it.liability) {
                Some(Liability::Merchant) => -amount,
                Some(Liability::Provider) => amount,
                Some(Liability::Nobody) | None => 0,
            },
        };
        if self.reverses.is_some() { -counted } else { counted }
    }
}

/// By currency, what the merchant is still to get, or below 0 to pay.
pub fn balances(entries: &[Entry]) -> BTreeMap<String, i64> {
    let mut balances = BTreeMap::new();
    for entry in entries {
        let sum: &mut i64 = balances.entry(entry.what.currency.clone()).or_default();
        *sum = sum.saturating_add(entry.counts());
    }
    balances
}

/// By currency, how much of the deposits is still held, and since when the newest was entered.
/// Nothing where nothing is held.
pub fn deposits(entries: &[Entry]) -> BTreeMap<String, (i64, UnixTime)> {
    let mut held: BTreeMap<String, (i64, UnixTime)> = BTreeMap::new();
    for entry in entries {
        let is_paid = match entry.what.kind {
            EntryKind::DepositPaid => true,
            EntryKind::DepositReturned => false,
            EntryKind::FeeOutstanding
            | EntryKind::EarlyTerminationFee
            | EntryKind::Damage
            | EntryKind::ResidualValue
            | EntryKind::Paid
            | EntryKind::Received => continue,
        };
        let (sum, since) =
            held.entry(entry.what.currency.clone()).or_insert((0, UnixTime(i64::MIN)));
        *sum = sum.saturating_add(entry.counts());
        if is_paid {
            *since = entry.at.max(*since);
        }
    }
    held.retain(|_, (sum, _)| *sum > 0);
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(kind: EntryKind, amount_minor: i64) -> NewEntry {
        let damage = Damage { cause: Cause::ManMade, liability: Liability::Merchant };
        NewEntry {
            kind,
            amount_minor,
            currency: "EUR".to_owned(),
            serial: None,
            damage: (kind == EntryKind::Damage).then_some(damage),
            reference: "R-1".to_owned(),
            note: String::new(),
        }
    }

    fn entry(number: u32, what: NewEntry, reverses: Option<u32>) -> Entry {
        Entry { number, what, reverses, at: UnixTime(1), by: "ana".to_owned() }
    }

    fn left(all: &[Entry]) -> i64 {
        balances(all).get("EUR").copied().unwrap_or_default()
    }

    #[test]
    fn each_kind_counts_for_whoever_is_to_get_it() {
        use EntryKind as Is;
        for (kind, counts) in [
            (Is::DepositPaid, 5),
            (Is::DepositReturned, -5),
            (Is::FeeOutstanding, -5),
            (Is::EarlyTerminationFee, -5),
            (Is::Damage, -5),
            (Is::ResidualValue, 5),
            (Is::Paid, 5),
            (Is::Received, -5),
        ] {
            assert_eq!(left(&[entry(1, new(kind, 5), None)]), counts, "{kind:?}");
            assert!(Is::ALL.contains(&kind));
        }
        for (liability, counts) in
            [(Liability::Merchant, -5), (Liability::Provider, 5), (Liability::Nobody, 0)]
        {
            let damage = Some(Damage { cause: Cause::Natural, liability });
            let what = NewEntry { damage, ..new(Is::Damage, 5) };
            assert_eq!(left(&[entry(1, what, None)]), counts, "{liability:?}");
        }
    }

    #[test]
    fn it_balances_when_what_is_owed_was_paid_and_currencies_stay_apart() {
        use EntryKind as Is;
        let mut all = vec![
            entry(1, new(Is::DepositPaid, 300), None),
            entry(2, new(Is::FeeOutstanding, 120), None),
            entry(3, new(Is::DepositReturned, 180), None),
        ];
        assert_eq!(left(&all), 0);
        let dollars = NewEntry { currency: "USD".to_owned(), ..new(Is::Paid, 7) };
        all.push(entry(4, dollars, None));
        let expected = BTreeMap::from([("EUR".to_owned(), 0), ("USD".to_owned(), 7)]);
        assert_eq!(balances(&all), expected);
        assert!(balances(&[]).is_empty());
    }

    #[test]
    fn what_was_taken_back_counts_nothing_and_is_taken_back_once() {
        let wrong = entry(1, new(EntryKind::DepositPaid, 300), None);
        let back = entry(2, wrong.what.clone(), Some(1));
        let all = [wrong.clone(), back];
        assert_eq!(left(&all), 0);
        assert_eq!(reversible(1, "R-2", &all[..1]), Ok(&wrong));
        assert_eq!(reversible(1, "R-2", &all), Err(EntryRefused::Reversed(1)));
        assert_eq!(reversible(2, "R-2", &all), Err(EntryRefused::Reversed(2)));
        assert_eq!(reversible(3, "R-2", &all), Err(EntryRefused::NoEntry(3)));
        assert_eq!(reversible(1, " ", &all[..1]), Err(EntryRefused::NoReference));
    }

    #[test]
    fn a_ledger_is_open_while_its_decommissioning_is() {
        for state in RequestState::ALL {
            let open = is_open(RequestKind::Decommission, state);
            let expected = if state.is_over() { Err(EntryRefused::Over(state)) } else { Ok(()) };
            assert_eq!(open, expected, "{state}");
        }
        for kind in RequestKind::ALL.into_iter().filter(|it| *it != RequestKind::Decommission) {
            let refused = is_open(kind, RequestState::Scheduled);
            assert_eq!(refused, Err(EntryRefused::OtherKind(kind)));
        }
    }

    #[test]
    fn an_entry_says_what_how_much_and_by_which_paper() {
        let good = new(EntryKind::DepositPaid, 5);
        assert_eq!(check(&good, &[]), Ok(()));
        for amount in [0, -1, AMOUNT_MAX + 1, i64::MIN] {
            let refused = check(&NewEntry { amount_minor: amount, ..good.clone() }, &[]);
            assert_eq!(refused, Err(EntryRefused::Amount(amount)));
        }
        for currency in ["", "eur", "EURO", "E1R"] {
            let currency = currency.to_owned();
            let refused = check(&NewEntry { currency: currency.clone(), ..good.clone() }, &[]);
            assert_eq!(refused, Err(EntryRefused::Currency(currency)));
        }
        for reference in ["", " ", "a\nb", &"x".repeat(TEXT_BYTES_MAX + 1)] {
            let reference = reference.to_owned();
            let refused = check(&NewEntry { reference, ..good.clone() }, &[]);
            assert_eq!(refused, Err(EntryRefused::NoReference));
        }
        let damage = new(EntryKind::Damage, 5);
        assert_eq!(check(&damage, &[]), Ok(()));
        let unsaid = NewEntry { damage: None, ..damage.clone() };
        assert_eq!(check(&unsaid, &[]), Err(EntryRefused::DamageUnsaid));
        let other = NewEntry { damage: damage.damage, ..good.clone() };
        assert_eq!(check(&other, &[]), Err(EntryRefused::DamageUnsaid));
        let full = vec![entry(1, good.clone(), None); ENTRIES_MAX];
        assert_eq!(check(&good, &full), Err(EntryRefused::Full));
    }
}
