//! What was agreed with a provider, what it costs to leave, and what is still owed.

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::day::Day;
use super::text::{LIST_ITEMS_MAX, Mistakes};
use super::{Known, Matter, digest_of};

/// A contract between a merchant and a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// The key of the provider.
    pub provider: String,
    pub merchant: String,
    /// Who else signed it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_parties: Vec<String>,
    /// What is to be done for what.
    pub scope: String,
    /// The key of the fee schedule that was agreed.
    pub fees: String,
    pub starts_on: Day,
    /// The last day.
    pub ends_on: Day,
    /// When the merchant has the money: so many days after the payment.
    pub settled_after_days: u16,
    /// How long before its end it has to be given notice of.
    pub notice_days: u16,
    /// ISO 4217: what all amounts of the contract are in.
    pub currency: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination: Option<Termination>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposit: Option<Deposit>,
    /// The clause by which it may be ended, for reasons that have to be lawful.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// What it comes to over its whole term, in the currency's smallest unit.
    #[serde(default)]
    pub value_minor: i64,
    /// How many terminals it is about.
    #[serde(default)]
    pub terminals: u32,
}

/// What is paid for an end before the term is over, in the currency's smallest unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Termination {
    #[serde(default)]
    pub fixed_minor: i64,
    /// For each month that is left; a begun one counts.
    #[serde(default)]
    pub a_month_minor: i64,
}

/// What the provider holds of the merchant's, and has to give back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deposit {
    /// What was agreed, in the currency's smallest unit.
    pub amount_minor: i64,
    /// When it has to be back.
    pub due_on: Day,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paid: Vec<Payment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunded: Vec<Payment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    pub on: Day,
    pub amount_minor: i64,
}

impl Deposit {
    /// What was paid and did not come back.
    pub fn held_minor(&self) -> i64 {
        sum(&self.paid).saturating_sub(sum(&self.refunded))
    }

    pub fn is_overdue(&self, today: Day) -> bool {
        self.due_on < today && self.held_minor() > 0
    }
}

fn sum(payments: &[Payment]) -> i64 {
    payments.iter().fold(0, |sum, it| sum.saturating_add(it.amount_minor))
}

/// What ending a contract now comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Exposure {
    /// There is no contract on record: nobody can say.
    Missing,
    /// It is not in force yet.
    NotBegun { starts_on: Day },
    /// Its term is over: it costs nothing to leave, but the shop has no contract.
    Expired { ended_on: Day },
    InForce {
        /// What is to be paid if it is ended today, in the currency's smallest unit.
        penalty_minor: i64,
        currency: String,
        /// A begun one counts.
        months_left: u32,
        /// When it would end if notice were given today: at its own end at the latest.
        ends_by_notice_on: Day,
        /// The last day on which notice for its own end is in time.
        notice_by: Day,
        /// What the provider still holds.
        deposit_held_minor: i64,
        deposit_is_overdue: bool,
    },
}

/// What ending this contract now comes to. The penalty is more than 0 only before the last day of
/// the term.
pub fn exposure(contract: Option<&Contract>, now: UnixTime) -> Exposure {
    let today = Day::of(now);
    let Some(it) = contract else { return Exposure::Missing };
    if it.ends_on < today {
        return Exposure::Expired { ended_on: it.ends_on };
    }
    if today < it.starts_on {
        return Exposure::NotBegun { starts_on: it.starts_on };
    }
    let months_left = if today == it.ends_on { 0 } else { today.months_to(it.ends_on) };
    let penalty = it.termination.filter(|_| months_left > 0).map_or(0, |it| {
        it.a_month_minor.saturating_mul(i64::from(months_left)).saturating_add(it.fixed_minor)
    });
    Exposure::InForce {
        penalty_minor: penalty,
        currency: it.currency.clone(),
        months_left,
        ends_by_notice_on: today.plus_days(it.notice_days).min(it.ends_on),
        notice_by: it.ends_on.minus_days(it.notice_days),
        deposit_held_minor: it.deposit.as_ref().map_or(0, Deposit::held_minor),
        deposit_is_overdue: it.deposit.as_ref().is_some_and(|it| it.is_overdue(today)),
    }
}

/// From what on somebody who knows the law has to have read a contract; `None` for never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegalReview {
    /// In the smallest unit of the contract's currency.
    pub above_value_minor: Option<i64>,
    pub above_terminals: Option<u32>,
}

impl Contract {
    /// What is vouched for when it was read: all of it but what the deposit did since.
    pub fn legal_digest(&self) -> Digest {
        let mut read = self.clone();
        if let Some(deposit) = &mut read.deposit {
            deposit.paid.clear();
            deposit.refunded.clear();
        }
        digest_of(&read)
    }

    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        mistakes.key("provider", &self.provider);
        mistakes.text("merchant", &self.merchant);
        mistakes.few("other_parties", &self.other_parties, LIST_ITEMS_MAX);
        self.other_parties.iter().for_each(|it| mistakes.text("other_parties", it));
        mistakes.text("scope", &self.scope);
        mistakes.key("fees", &self.fees);
        mistakes.in_order(("starts_on", self.starts_on), ("ends_on", self.ends_on));
        mistakes.currency("currency", &self.currency);
        if let Some(termination) = self.termination {
            mistakes.not_negative("termination.fixed_minor", termination.fixed_minor);
            mistakes.not_negative("termination.a_month_minor", termination.a_month_minor);
        }
        mistakes.maybe_text("clause", self.clause.as_deref());
        mistakes.not_negative("value_minor", self.value_minor);
        if let Some(deposit) = &self.deposit {
            deposit.check(mistakes);
        }
    }
}

impl Deposit {
    fn check(&self, mistakes: &mut Mistakes) {
        mistakes.not_negative("deposit.amount_minor", self.amount_minor);
        for (field, list) in [("deposit.paid", &self.paid), ("deposit.refunded", &self.refunded)] {
            mistakes.few(field, list, LIST_ITEMS_MAX);
            list.iter().for_each(|it| mistakes.not_negative(field, it.amount_minor));
        }
        let (paid, back) = (sum(&self.paid), sum(&self.refunded));
        if paid > self.amount_minor {
            let agreed = self.amount_minor;
            mistakes.add(format!("`deposit.paid` comes to {paid}, more than agreed, {agreed}"));
        }
        if back > paid {
            mistakes.add(format!("`deposit.refunded` comes to {back}, more than was paid, {paid}"));
        }
    }
}

/// Whether a lawyer's word is needed before terminals are moved by this contract, and is missing.
/// `terminals`: how many are to be moved; the contract's own number counts where it is larger.
pub fn lacks_legal_review(
    contract: &Known<Contract>,
    terminals: u32,
    review: &LegalReview,
) -> bool {
    let it = &contract.document;
    let value = review.above_value_minor.is_some_and(|above| it.value_minor > above);
    let fleet = review.above_terminals.is_some_and(|above| terminals.max(it.terminals) > above);
    (value || fleet) && contract.vouched(Matter::Legal, it.legal_digest()).is_none()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{self, day};
    use super::*;

    fn at(text: &str) -> UnixTime {
        let midnight: jiff::Timestamp = format!("{text}T12:00:00Z").parse().unwrap();
        UnixTime(midnight.as_second())
    }

    fn penalty(contract: &Contract, on: &str) -> Option<i64> {
        match exposure(Some(contract), at(on)) {
            Exposure::InForce { penalty_minor, .. } => Some(penalty_minor),
            Exposure::Missing | Exposure::NotBegun { .. } | Exposure::Expired { .. } => None,
        }
    }

    #[test]
    fn leaving_early_costs_a_fixed_part_and_each_begun_month() {
        let contract = samples::contract();
        assert_eq!((contract.starts_on, contract.ends_on), (day("2026-01-01"), day("2026-12-31")));
        assert_eq!(penalty(&contract, "2025-12-31"), None);
        assert_eq!(penalty(&contract, "2026-01-01"), Some(1000 + 12 * 100));
        assert_eq!(penalty(&contract, "2026-11-22"), Some(1000 + 2 * 100));
        assert_eq!(penalty(&contract, "2026-12-30"), Some(1000 + 100));
        assert_eq!(penalty(&contract, "2026-12-31"), Some(0), "its own last day");
        assert_eq!(penalty(&contract, "2027-01-01"), None);
        let mut free = contract.clone();
        free.termination = None;
        assert_eq!(penalty(&free, "2026-01-01"), Some(0));
        let mut dear = contract;
        dear.termination = Some(Termination { fixed_minor: i64::MAX, a_month_minor: i64::MAX });
        assert_eq!(penalty(&dear, "2026-01-01"), Some(i64::MAX));
    }

    #[test]
    fn a_contract_that_is_missing_or_over_is_named() {
        assert_eq!(exposure(None, at("2026-01-01")), Exposure::Missing);
        let contract = samples::contract();
        let over = exposure(Some(&contract), at("2027-01-01"));
        assert_eq!(over, Exposure::Expired { ended_on: day("2026-12-31") });
        let early = exposure(Some(&contract), at("2025-01-01"));
        assert_eq!(early, Exposure::NotBegun { starts_on: day("2026-01-01") });
    }

    #[test]
    fn notice_ends_it_after_its_days_and_at_its_end_at_the_latest() {
        let contract = samples::contract();
        let notice = |on| match exposure(Some(&contract), at(on)) {
            Exposure::InForce { ends_by_notice_on, notice_by, .. } => {
                (ends_by_notice_on, notice_by)
            }
            Exposure::Missing | Exposure::NotBegun { .. } | Exposure::Expired { .. } => {
                panic!("it is in force on {on}")
            }
        };
        assert_eq!(notice("2026-01-01"), (day("2026-01-31"), day("2026-12-01")));
        assert_eq!(notice("2026-12-15"), (day("2026-12-31"), day("2026-12-01")));
    }

    #[test]
    fn a_deposit_is_overdue_from_the_day_after_until_all_of_it_is_back() {
        let mut deposit = samples::contract().deposit.unwrap();
        assert_eq!((deposit.due_on, deposit.held_minor()), (day("2026-12-31"), 500));
        assert!(!deposit.is_overdue(day("2026-12-31")));
        assert!(deposit.is_overdue(day("2027-01-01")));
        let back = |amount_minor| Payment { on: day("2027-01-02"), amount_minor };
        deposit.refunded = vec![back(499)];
        assert!(deposit.is_overdue(day("2027-01-03")));
        deposit.refunded.push(back(1));
        assert!(!deposit.is_overdue(day("2027-01-03")));
    }

    #[test]
    fn a_lawyer_reads_what_is_large_and_reads_it_again_when_it_changes() {
        let mut contract = samples::known("c1", samples::contract());
        let (value, fleet) = (contract.document.value_minor, contract.document.terminals);
        let lacks = |contract: &Known<Contract>, above_value_minor, above_terminals, terminals| {
            let review = LegalReview { above_value_minor, above_terminals };
            lacks_legal_review(contract, terminals, &review)
        };
        assert!(!lacks(&contract, None, None, u32::MAX));
        assert!(!lacks(&contract, Some(value), Some(fleet), fleet));
        assert!(lacks(&contract, Some(value - 1), None, 0));
        assert!(lacks(&contract, None, Some(fleet - 1), 0));
        assert!(lacks(&contract, None, Some(fleet), fleet + 1));
        let of = contract.document.legal_digest();
        contract.vouches.push(samples::vouch(Matter::Legal, of));
        assert!(!lacks(&contract, Some(0), Some(0), 9));
        let deposit = contract.document.deposit.as_mut().unwrap();
        deposit.refunded.push(Payment { on: day("2027-01-02"), amount_minor: 1 });
        assert!(!lacks(&contract, Some(0), Some(0), 9), "what comes back is no new contract");
        contract.document.notice_days += 1;
        assert!(lacks(&contract, Some(0), Some(0), 9));
    }

    #[test]
    fn more_cannot_come_back_than_was_paid() {
        let mut contract = samples::contract();
        assert_eq!(samples::mistakes(contract.clone()), Vec::<String>::new());
        contract.ends_on = contract.starts_on.minus_days(1);
        let deposit = contract.deposit.as_mut().unwrap();
        deposit.refunded = vec![Payment { on: day("2026-12-31"), amount_minor: 501 }];
        deposit.amount_minor = 499;
        let said = samples::mistakes(contract).join("\n");
        for field in ["`ends_on`", "`deposit.refunded`", "`deposit.paid`"] {
            assert!(said.contains(field), "{field}: {said}");
        }
    }
}
