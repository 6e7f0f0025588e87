//! What the documents on record say of fees and contracts at a time. Pure.

use std::collections::{BTreeMap, BTreeSet};

use shared::time::UnixTime;

use super::super::facts::{Agreed, Fees, Known, Leaving};
use crate::provider::contract::{self, Contract, Exposure, LegalReview};
use crate::provider::day::Day;
use crate::provider::fees::{self, Band, FeeSchedule, Method};
use crate::provider::{self};

/// Whose payments move to another provider, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mover {
    /// As contracts name it.
    pub merchant: Option<String>,
    pub class: String,
}

/// Of everybody, in their newest versions.
#[derive(Debug, Default)]
pub(super) struct Documents {
    pub fees: Vec<provider::Known<FeeSchedule>>,
    pub contracts: Vec<provider::Known<Contract>>,
    pub bands: Vec<(String, Band)>,
}

impl Documents {
    /// Those of these merchants; of all where it is not known of each position whose shop it is.
    fn contracts_with<'a>(
        &'a self,
        provider: &'a str,
        merchants: Option<&'a BTreeSet<String>>,
    ) -> impl Iterator<Item = &'a provider::Known<Contract>> {
        self.contracts.iter().filter(move |it| {
            let theirs = merchants.is_none_or(|them| them.contains(&it.document.merchant));
            it.document.provider == provider && theirs
        })
    }

    /// How many merchants contracts with either provider name.
    pub(super) fn merchants(&self, from: &str, to: &str) -> usize {
        let all = self.contracts_with(from, None).chain(self.contracts_with(to, None));
        all.map(|it| it.document.merchant.as_str()).collect::<BTreeSet<_>>().len()
    }

    /// What the contracts in force name; without one, the schedule that came into force last.
    /// `None` where contracts name different ones: nobody here knows whose shops move.
    fn schedule(
        &self,
        provider: &str,
        merchant: Option<&String>,
        at: UnixTime,
    ) -> Option<&provider::Known<FeeSchedule>> {
        let merchant = merchant.map(|it| BTreeSet::from([it.clone()]));
        let in_force = |it: &&provider::Known<Contract>| {
            matches!(contract::exposure(Some(&it.document), at), Exposure::InForce { .. })
        };
        let agreed = self.contracts_with(provider, merchant.as_ref()).filter(in_force);
        let agreed: BTreeSet<_> = agreed.map(|it| it.document.fees.as_str()).collect();
        let mut theirs = self.fees.iter().filter(|it| it.document.provider == provider);
        let mut agreed = agreed.into_iter();
        match (agreed.next(), agreed.next()) {
            (None, _) => {
                let on = Day::of(at);
                let theirs = theirs.filter(|it| it.document.effective_from <= on);
                theirs.max_by_key(|it| it.document.effective_from)
            }
            (Some(key), None) => theirs.find(|it| it.key == key),
            (Some(_), Some(_)) => None,
        }
    }

    /// What differs for the merchants and their classes. Where several merchants move, each class
    /// says whose it is.
    pub(super) fn fees(
        &self,
        (from, to): (&str, &str),
        movers: &BTreeSet<Mover>,
        at: UnixTime,
    ) -> Known<Fees> {
        let on = Day::of(at);
        let names = |schedule: &FeeSchedule, class: &str| {
            Method::ALL.into_iter().any(|method| schedule.price(class, method, on).is_some())
        };
        let merchants: BTreeSet<_> = movers.iter().map(|it| it.merchant.as_ref()).collect();
        let mut fees = Fees::default();
        for Mover { merchant, class } in movers {
            let merchant = merchant.as_ref();
            let both = self.schedule(from, merchant, at).zip(self.schedule(to, merchant, at));
            let both = both.filter(|(old, new)| old.document.currency == new.document.currency);
            let Some((old, new)) = both else { return Known::Unknown };
            let called = match merchant.filter(|_| merchants.len() > 1) {
                Some(merchant) => format!("{class} ({merchant})"),
                None => class.clone(),
            };
            let effect = fees::effect(&old.document, &new.document, class, None, on);
            fees.differences.extend(effect.into_iter().map(|it| (called.clone(), it)));
            if !names(&old.document, class) || !names(&new.document, class) {
                fees.unnamed.push(called);
            }
            for it in fees::unaccepted(new, &self.bands) {
                if it.class == *class && !fees.outside.contains(&it) {
                    fees.outside.push(it);
                }
            }
        }
        Known::Is(fees)
    }

    /// What ending the merchants' contracts with a provider comes to. One that is over costs
    /// nothing.
    pub(super) fn leaving(
        &self,
        provider: &str,
        merchants: Option<&BTreeSet<String>>,
        at: UnixTime,
    ) -> Known<Leaving> {
        let mut all = self.contracts_with(provider, merchants).peekable();
        if all.peek().is_none() {
            return Known::Unknown;
        }
        let mut without: BTreeSet<_> = merchants.into_iter().flatten().collect();
        let mut leaving = Leaving::default();
        for it in all {
            without.remove(&it.document.merchant);
            leaving.contracts.push(it.key.clone());
            let it = &it.document;
            let add = |sums: &mut BTreeMap<String, i64>, amount: i64| {
                let sum = sums.entry(it.currency.clone()).or_default();
                *sum = sum.saturating_add(amount);
            };
            let held = it.deposit.as_ref().map_or(0, contract::Deposit::held_minor);
            add(&mut leaving.deposits_minor, held);
            match contract::exposure(Some(it), at) {
                Exposure::InForce { penalty_minor, .. } => {
                    add(&mut leaving.penalties_minor, penalty_minor);
                    let days = u32::from(it.notice_days);
                    leaving.notice_days = leaving.notice_days.max(days);
                }
                Exposure::Missing | Exposure::NotBegun { .. } | Exposure::Expired { .. } => {}
            }
        }
        leaving.without = without.into_iter().cloned().collect();
        Known::Is(leaving)
    }

    pub(super) fn joining(
        &self,
        provider: &str,
        merchants: Option<&BTreeSet<String>>,
        terminals: u32,
        review: &LegalReview,
        at: UnixTime,
    ) -> Vec<Agreed> {
        let agreed = |it: &provider::Known<Contract>| Agreed {
            key: it.key.clone(),
            merchant: it.document.merchant.clone(),
            exposure: contract::exposure(Some(&it.document), at),
            lacks_legal_review: contract::lacks_legal_review(it, terminals, review),
        };
        self.contracts_with(provider, merchants).map(agreed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::fees::Price;
    use crate::provider::samples::{self, day};

    fn at(text: &str) -> UnixTime {
        let noon: jiff::Timestamp = format!("{text}T12:00:00Z").parse().unwrap();
        UnixTime(noon.as_second())
    }

    /// *alpha* takes 0.60 % by a contract, *beta* 0.55 % since then, and 0.50 % from a day on.
    fn documents() -> Documents {
        let mut old = samples::fees();
        old.promos.clear();
        let mut new = old.clone();
        new.provider = "beta".to_owned();
        new.rates[0].hundredths = 55;
        let mut newer = new.clone();
        newer.effective_from = day("2026-12-01");
        newer.rates[0].hundredths = 50;
        let known = samples::known;
        Documents {
            fees: vec![known("alpha-2026", old), known("b1", new), known("b2", newer)],
            contracts: vec![samples::known("c1", samples::contract())],
            bands: fees::bands([]),
        }
    }

    fn mover(class: &str) -> Mover {
        Mover { merchant: None, class: class.to_owned() }
    }

    fn standard() -> BTreeSet<Mover> {
        [mover("standard")].into()
    }

    #[test]
    fn the_schedule_of_a_contract_counts_and_else_the_one_that_came_last() {
        let mut documents = documents();
        let price = |documents: &Documents, provider, on| {
            let schedule = documents.schedule(provider, None, at(on))?;
            schedule.document.price("standard", Method::Credit, day(on)).map(|it| it.hundredths)
        };
        assert_eq!(price(&documents, "alpha", "2026-11-22"), Some(60));
        assert_eq!(price(&documents, "beta", "2026-11-30"), Some(55));
        assert_eq!(price(&documents, "beta", "2026-12-01"), Some(50));
        assert_eq!(price(&documents, "gamma", "2026-12-01"), None);
        let agreed = Contract { provider: "beta".into(), fees: "b1".into(), ..samples::contract() };
        documents.contracts.push(samples::known("c2", agreed));
        assert_eq!(price(&documents, "beta", "2026-12-01"), Some(55), "by contract");
        assert_eq!(price(&documents, "beta", "2027-01-01"), Some(50), "the contract is over");
        let other = Contract { provider: "beta".into(), fees: "b2".into(), ..samples::contract() };
        documents.contracts.push(samples::known("c3", other));
        assert_eq!(price(&documents, "beta", "2026-12-01"), None, "whose shops move?");
        documents.contracts.pop();
        documents.contracts[1].document.fees = "gone".into();
        assert_eq!(price(&documents, "beta", "2026-12-01"), None, "nobody knows what was agreed");
        documents.contracts[1].document.fees = "alpha-2026".into();
        assert_eq!(price(&documents, "beta", "2026-12-01"), None, "that is another's");
    }

    #[test]
    fn what_a_schedule_does_not_name_or_counts_in_other_money_is_not_known() {
        let mut documents = documents();
        let classes = [mover("preferential"), mover("standard")].into();
        let fees =
            |documents: &Documents| documents.fees(("alpha", "beta"), &classes, at("2026-11-22"));
        let Known::Is(known) = fees(&documents) else { panic!("both are known") };
        assert_eq!(known.unnamed, ["preferential"]);
        documents.fees[1].document.currency = "EUR".into();
        assert_eq!(fees(&documents), Known::Unknown);
    }

    #[test]
    fn fees_are_known_where_both_schedules_are_and_differ_by_class() {
        let documents = documents();
        let fees = |from, to, classes| documents.fees((from, to), &classes, at("2026-11-22"));
        let Known::Is(known) = fees("alpha", "beta", standard()) else { panic!("both are known") };
        let price = |hundredths| Some(Price { hundredths, fixed_minor: 0 });
        let [(class, it)] = known.differences.as_slice() else { panic!("{known:?}") };
        assert_eq!((class.as_str(), it.method), ("standard", Method::Credit));
        assert_eq!((it.before, it.after), (price(60), price(55)));
        assert_eq!(known.outside, []);
        assert_eq!(fees("alpha", "gamma", standard()), Known::Unknown);
        assert_eq!(fees("alpha", "beta", BTreeSet::new()), Known::Is(Fees::default()));
    }

    #[test]
    fn only_rates_of_the_classes_that_move_are_outside_of_a_band() {
        let mut documents = documents();
        documents.fees[1].document.rates[0].hundredths = 20;
        let outside = |classes| match documents.fees(("alpha", "beta"), &classes, at("2026-11-22"))
        {
            Known::Is(fees) => fees.outside.len(),
            Known::Unknown => panic!("both are known"),
        };
        assert_eq!((outside(standard()), outside(BTreeSet::new())), (1, 0));
    }

    #[test]
    fn leaving_sums_what_every_contract_asks_for_by_currency() {
        let mut documents = documents();
        assert_eq!(documents.leaving("beta", None, at("2026-11-22")), Known::Unknown);
        let mut other = samples::contract();
        (other.currency, other.notice_days) = ("EUR".into(), 60);
        documents.contracts.push(samples::known("c2", other));
        documents.contracts.push(samples::known("c3", samples::contract()));
        let Known::Is(then) = documents.leaving("alpha", None, at("2026-11-22")) else {
            panic!("known")
        };
        let sums = |sums: &BTreeMap<String, i64>| sums.values().copied().collect::<Vec<_>>();
        assert_eq!((sums(&then.penalties_minor), then.notice_days), (vec![2400, 1200], 60));
        assert_eq!(sums(&then.deposits_minor), [1000, 500]);
        let Known::Is(over) = documents.leaving("alpha", None, at("2027-01-01")) else {
            panic!("known")
        };
        assert_eq!((sums(&over.penalties_minor), over.notice_days), (vec![], 0));
        assert_eq!(sums(&over.deposits_minor), [1000, 500], "it is held until it is back");
    }

    #[test]
    fn where_it_is_known_whose_shops_move_only_their_contracts_count() {
        let mut documents = documents();
        let theirs = |merchant: &str, key: &str, provider: &str, fees: &str| {
            let (merchant, provider) = (merchant.to_owned(), provider.to_owned());
            let of = Contract { provider, merchant, fees: fees.to_owned(), ..samples::contract() };
            samples::known(key, of)
        };
        documents.contracts = vec![
            theirs("North", "c1", "alpha", "alpha-2026"),
            theirs("South", "c2", "alpha", "alpha-2026"),
            theirs("North", "c3", "beta", "b1"),
            theirs("South", "c4", "beta", "b2"),
        ];
        let now = at("2026-11-22");
        let of =
            |merchant: &str| Mover { merchant: Some(merchant.to_owned()), ..mover("standard") };
        let after = |movers: &[Mover]| {
            let movers = movers.iter().cloned().collect();
            match documents.fees(("alpha", "beta"), &movers, now) {
                Known::Unknown => vec![],
                Known::Is(fees) => {
                    let all = fees.differences.into_iter();
                    let credit = all.filter(|(_, it)| it.method == Method::Credit);
                    credit.map(|(class, it)| (class, it.after.map(|it| it.hundredths))).collect()
                }
            }
        };
        assert_eq!(after(&[mover("standard")]), [], "whose shops move?");
        assert_eq!(after(&[of("North")]), [("standard".to_owned(), Some(55))]);
        let both =
            [("standard (North)".to_owned(), Some(55)), ("standard (South)".to_owned(), None)];
        assert_eq!(after(&[of("North"), of("South")]), both, "the newer one is not in force yet");
        let north = BTreeSet::from(["North".to_owned()]);
        let Known::Is(all) = documents.leaving("alpha", None, now) else { panic!("known") };
        let Known::Is(one) = documents.leaving("alpha", Some(&north), now) else { panic!("known") };
        assert_eq!(one.without, [""; 0]);
        let more = BTreeSet::from(["North".to_owned(), "West".to_owned()]);
        let Known::Is(other) = documents.leaving("alpha", Some(&more), now) else {
            panic!("known")
        };
        assert_eq!(other.without, ["West"]);
        assert_eq!(documents.merchants("alpha", "beta"), 2);
        assert_eq!((all.contracts.len(), one.contracts), (2, vec!["c1".to_owned()]));
        let review = LegalReview { above_value_minor: None, above_terminals: None };
        assert_eq!(documents.joining("beta", Some(&north), 1, &review, now).len(), 1);
        let strangers = BTreeSet::from(["West".to_owned()]);
        assert_eq!(documents.leaving("alpha", Some(&strangers), now), Known::Unknown);
    }

    #[test]
    fn contracts_to_come_say_whether_they_are_in_force_and_were_read() {
        let documents = documents();
        let review = LegalReview { above_value_minor: None, above_terminals: Some(9) };
        let lacks = |terminals| {
            let agreed = documents.joining("alpha", None, terminals, &review, at("2026-11-22"));
            let [one] = agreed.as_slice() else { panic!("{agreed:?}") };
            assert!(matches!(one.exposure, Exposure::InForce { .. }));
            one.lacks_legal_review
        };
        assert!(!lacks(9) && lacks(10));
        assert_eq!(documents.joining("beta", None, 10, &review, at("2026-11-22")), []);
    }
}
