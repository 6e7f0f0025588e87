//! What providers take, and what a merchant class may be asked for.

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use utoipa::ToSchema;

use super::day::Day;
use super::text::{LIST_ITEMS_MAX, Mistakes};
use super::{Known, Matter, digest_of};

/// What one provider takes of merchants, from a day on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeeSchedule {
    /// The key of the provider.
    pub provider: String,
    pub effective_from: Day,
    /// ISO 4217: what fixed parts are in.
    pub currency: String,
    #[serde(default)]
    pub rates: Vec<Rate>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub promos: Vec<Promo>,
}

/// What a merchant of a class pays for a payment of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The merchant class, for example `standard`.
    pub class: String,
    pub method: Method,
    /// In hundredths of a percent: 60 is 0.6 %.
    pub hundredths: u16,
    /// For each payment, in the currency's smallest unit.
    #[serde(default)]
    pub fixed_minor: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    Credit,
    Debit,
    Qr,
}

impl Method {
    pub const ALL: [Self; 3] = [Self::Credit, Self::Debit, Self::Qr];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credit => "credit",
            Self::Debit => "debit",
            Self::Qr => "qr",
        }
    }
}

/// What is taken instead, for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Promo {
    pub name: String,
    pub class: String,
    pub method: Method,
    pub hundredths: u16,
    #[serde(default)]
    pub fixed_minor: i64,
    pub from: Day,
    pub until: Day,
}

/// What a merchant class is asked for, as a rule. Its key is the class. A rate on either side of
/// it needs somebody who accepts it: a rate that is too low hides something, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// In hundredths of a percent.
    pub lowest: u16,
    pub highest: u16,
}

/// Where nobody wrote another: what is usual, and no law.
pub const USUAL_BANDS: [(&str, Band); 3] = [
    ("preferential", Band { lowest: 38, highest: 48 }),
    ("public-welfare", Band { lowest: 0, highest: 0 }),
    ("standard", Band { lowest: 38, highest: 60 }),
];

/// The bands in force: those that people wrote, and the usual ones of other classes.
pub fn bands(written: impl IntoIterator<Item = (String, Band)>) -> Vec<(String, Band)> {
    let mut bands: Vec<_> = written.into_iter().collect();
    for (class, band) in USUAL_BANDS {
        if !bands.iter().any(|(written, _)| written == class) {
            bands.push((class.to_owned(), band));
        }
    }
    bands.sort_by(|a, b| a.0.cmp(&b.0));
    bands
}

/// A rate on the wrong side of its band, or of a class without one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutOfBand {
    pub class: String,
    pub method: Method,
    pub hundredths: u16,
    /// `None` where the class has no band.
    pub band: Option<Band>,
}

/// Every rate of the schedule that is outside of its band; a promo is a rate as any other.
pub fn outside(schedule: &FeeSchedule, bands: &[(String, Band)]) -> Vec<OutOfBand> {
    let promos = schedule.promos.iter().map(|it| (&it.class, it.method, it.hundredths));
    let rates = schedule.rates.iter().map(|it| (&it.class, it.method, it.hundredths));
    let found = rates.chain(promos).filter_map(|(class, method, hundredths)| {
        let band = bands.iter().find(|(of, _)| of == class).map(|(_, band)| *band);
        let inside = band.is_some_and(|it| (it.lowest..=it.highest).contains(&hundredths));
        (!inside).then(|| OutOfBand { class: class.clone(), method, hundredths, band })
    });
    found.collect()
}

/// What is vouched for when rates are accepted: the rates, and the bands that they are outside of.
pub fn accepted_digest(schedule: &FeeSchedule, bands: &[(String, Band)]) -> Digest {
    digest_of(&(schedule, outside(schedule, bands)))
}

/// As [`outside`], unless somebody has accepted just that.
pub fn unaccepted(schedule: &Known<FeeSchedule>, bands: &[(String, Band)]) -> Vec<OutOfBand> {
    let of = accepted_digest(&schedule.document, bands);
    match schedule.vouched(Matter::Fees, of) {
        Some(_) => vec![],
        None => outside(&schedule.document, bands),
    }
}

/// Payments of one kind in a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    pub method: Method,
    pub payments: u64,
    /// Of all of them together, in the currency's smallest unit.
    pub amount_minor: i64,
}

/// What is taken of one payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Price {
    pub hundredths: u16,
    pub fixed_minor: i64,
}

/// How one kind of payment is charged before and after; `None` where a schedule says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    pub method: Method,
    pub before: Option<Price>,
    pub after: Option<Price>,
    /// How much more is paid in a month, in the currency's smallest unit, rounded away from 0;
    /// `None` without a volume, without one of the prices, or between currencies.
    pub a_month_minor: Option<i64>,
}

/// What changes for merchants of a class on a day if they go from one schedule to another.
pub fn effect(
    old: &FeeSchedule,
    new: &FeeSchedule,
    class: &str,
    volume: Option<&[Volume]>,
    on: Day,
) -> Vec<Difference> {
    let differences = Method::ALL.into_iter().map(|method| {
        let (before, after) = (old.price(class, method, on), new.price(class, method, on));
        let volume = volume.and_then(|all| all.iter().find(|it| it.method == method));
        let volume = volume.filter(|_| old.currency == new.currency);
        let a_month_minor = match (before, after, volume) {
            (Some(before), Some(after), Some(volume)) => Some(a_month(before, after, volume)),
            (None, _, _) | (_, None, _) | (_, _, None) => None,
        };
        Difference { method, before, after, a_month_minor }
    });
    differences.filter(|it| it.before != it.after).collect()
}

fn a_month(before: Price, after: Price, volume: &Volume) -> i64 {
    let more = i128::from(after.hundredths) - i128::from(before.hundredths);
    let of_amounts = i128::from(volume.amount_minor) * more;
    let fixed = i128::from(after.fixed_minor) - i128::from(before.fixed_minor);
    let of_payments = i128::from(volume.payments).saturating_mul(fixed);
    let total = of_payments.saturating_mul(10_000).saturating_add(of_amounts);
    let away = total / 10_000 + (total % 10_000).signum();
    i64::try_from(away).unwrap_or(if away < 0 { i64::MIN } else { i64::MAX })
}

impl FeeSchedule {
    /// What is taken of a payment on this day: the promo of that day, else the rate. `None` before
    /// the schedule is in force, and for what it does not name.
    pub fn price(&self, class: &str, method: Method, on: Day) -> Option<Price> {
        if on < self.effective_from {
            return None;
        }
        let promo = self.promos.iter().find(|it| {
            it.class == class && it.method == method && (it.from..=it.until).contains(&on)
        });
        if let Some(Promo { hundredths, fixed_minor, .. }) = promo {
            return Some(Price { hundredths: *hundredths, fixed_minor: *fixed_minor });
        }
        let rate = self.rates.iter().find(|it| it.class == class && it.method == method)?;
        Some(Price { hundredths: rate.hundredths, fixed_minor: rate.fixed_minor })
    }

    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        mistakes.key("provider", &self.provider);
        mistakes.currency("currency", &self.currency);
        if self.rates.is_empty() {
            mistakes.add("`rates` is empty: write at least one");
        }
        mistakes.few("rates", &self.rates, LIST_ITEMS_MAX);
        mistakes.each_once("rates", self.rates.iter().map(|it| (&it.class, it.method)));
        for rate in &self.rates {
            mistakes.key("rates.class", &rate.class);
            percent(mistakes, "rates.hundredths", rate.hundredths);
            mistakes.not_negative("rates.fixed_minor", rate.fixed_minor);
        }
        mistakes.few("promos", &self.promos, LIST_ITEMS_MAX);
        mistakes.each_once("promos", self.promos.iter().map(|it| &it.name));
        for (at, promo) in self.promos.iter().enumerate() {
            mistakes.text("promos.name", &promo.name);
            mistakes.key("promos.class", &promo.class);
            percent(mistakes, "promos.hundredths", promo.hundredths);
            mistakes.not_negative("promos.fixed_minor", promo.fixed_minor);
            mistakes.in_order(("promos.from", promo.from), ("promos.until", promo.until));
            let others = self.promos.iter().take(at);
            let both = others.filter(|it| it.class == promo.class && it.method == promo.method);
            for other in both.filter(|it| it.from <= promo.until && promo.from <= it.until) {
                let (this, that) = (super::text::shown(&promo.name), &other.name);
                let that = super::text::shown(that);
                mistakes.add(format!("the promos `{that}` and `{this}` are for the same days"));
            }
        }
    }
}

fn percent(mistakes: &mut Mistakes, field: &str, hundredths: u16) {
    if hundredths > 10_000 {
        mistakes.add(format!("`{field}` is {hundredths}: write 0 to 10000, which is 100 %"));
    }
}

impl Band {
    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        percent(mistakes, "highest", self.highest);
        if self.highest < self.lowest {
            let (lowest, highest) = (self.lowest, self.highest);
            mistakes.add(format!("`highest` is {highest}, less than `lowest`, {lowest}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{self, day};
    use super::*;

    fn with(class: &str, hundredths: u16) -> FeeSchedule {
        let mut schedule = samples::fees();
        schedule.promos.clear();
        schedule.rates =
            vec![Rate { class: class.into(), method: Method::Credit, hundredths, fixed_minor: 0 }];
        schedule
    }

    #[test]
    fn the_edges_of_a_band_are_inside_on_both_sides() {
        let bands = bands([]);
        for (class, hundredths, inside) in [
            ("standard", 37, false),
            ("standard", 38, true),
            ("standard", 60, true),
            ("standard", 61, false),
            ("preferential", 37, false),
            ("preferential", 38, true),
            ("preferential", 48, true),
            ("preferential", 49, false),
            ("public-welfare", 0, true),
            ("public-welfare", 1, false),
            ("unheard-of", 50, false),
        ] {
            let found = outside(&with(class, hundredths), &bands);
            assert_eq!(found.is_empty(), inside, "{class} {hundredths}");
        }
    }

    #[test]
    fn a_band_that_people_wrote_replaces_the_usual_one() {
        let bands = bands([("standard".to_owned(), Band { lowest: 1, highest: 2 })]);
        assert_eq!(bands.len(), 3);
        assert_eq!(outside(&with("standard", 2), &bands), []);
        assert_eq!(outside(&with("standard", 60), &bands).len(), 1);
    }

    #[test]
    fn a_rate_outside_its_band_needs_a_person_for_just_that() {
        let usual = bands([]);
        let document = with("standard", 20);
        let mut schedule = Known { key: "f".into(), version: 1, document, vouches: vec![] };
        assert_eq!(unaccepted(&schedule, &usual).len(), 1);
        let of = accepted_digest(&schedule.document, &usual);
        schedule.vouches.push(samples::vouch(Matter::Fees, of));
        assert_eq!(unaccepted(&schedule, &usual), []);
        let narrower = bands([("standard".to_owned(), Band { lowest: 50, highest: 60 })]);
        assert_eq!(unaccepted(&schedule, &narrower).len(), 1, "another band was accepted");
        schedule.document.rates[0].hundredths = 19;
        assert_eq!(unaccepted(&schedule, &usual).len(), 1, "another rate was accepted");
    }

    #[test]
    fn a_promo_is_a_rate_too_and_counts_on_its_days() {
        let mut schedule = samples::fees();
        let promo = schedule.promos[0].clone();
        let price = |on| schedule.price(&promo.class, promo.method, on).map(|it| it.hundredths);
        assert_eq!(price(promo.from.minus_days(1)), Some(60));
        assert_eq!(price(promo.from), Some(38));
        assert_eq!(price(promo.until), Some(38));
        assert_eq!(price(promo.until.plus_days(1)), Some(60));
        assert_eq!(price(schedule.effective_from.minus_days(1)), None);
        schedule.promos[0].hundredths = 37;
        assert_eq!(outside(&schedule, &bands([])).len(), 1);
    }

    #[test]
    fn what_a_change_costs_is_rounded_away_from_nothing() {
        let (old, new) = (with("standard", 60), with("standard", 38));
        let on = day("2026-11-22");
        let volume = [Volume { method: Method::Credit, payments: 10, amount_minor: 1_000_000 }];
        let price = |hundredths| Some(Price { hundredths, fixed_minor: 0 });
        let difference = |a_month_minor| Difference {
            method: Method::Credit,
            before: price(60),
            after: price(38),
            a_month_minor,
        };
        assert_eq!(effect(&old, &new, "standard", None, on), [difference(None)]);
        let with_volume = effect(&old, &new, "standard", Some(&volume), on);
        assert_eq!(with_volume, [difference(Some(-2200))]);
        assert_eq!(effect(&old, &old, "standard", Some(&volume), on), []);
        assert_eq!(effect(&old, &new, "preferential", Some(&volume), on), []);
        let one = [Volume { method: Method::Credit, payments: 1, amount_minor: 1 }];
        assert_eq!(effect(&old, &new, "standard", Some(&one), on)[0].a_month_minor, Some(-1));
        assert_eq!(effect(&new, &old, "standard", Some(&one), on)[0].a_month_minor, Some(1));
        let mut other = new.clone();
        other.currency = "EUR".into();
        assert_eq!(effect(&old, &other, "standard", Some(&one), on)[0].a_month_minor, None);
        let most = [Volume { method: Method::Credit, payments: u64::MAX, amount_minor: i64::MAX }];
        let mut dear = with("standard", 10_000);
        dear.rates[0].fixed_minor = i64::MAX;
        let effect = effect(&new, &dear, "standard", Some(&most), on);
        assert_eq!(effect[0].a_month_minor, Some(i64::MAX));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let mut schedule = samples::fees();
        assert_eq!(samples::mistakes(schedule.clone()), Vec::<String>::new());
        schedule.provider = "A B".into();
        schedule.rates[0].hundredths = 10_001;
        schedule.rates[0].fixed_minor = -1;
        schedule.rates.push(schedule.rates[0].clone());
        let mut again = schedule.promos[0].clone();
        again.name = "again".into();
        schedule.promos.push(again);
        let said = samples::mistakes(schedule).join("\n");
        for field in [
            "`provider`",
            "`rates.hundredths`",
            "`rates.fixed_minor`",
            "`rates` names one twice",
            "are for the same days",
        ] {
            assert!(said.contains(field), "{field}: {said}");
        }
        assert_eq!(samples::mistakes(Band { lowest: 2, highest: 1 }).len(), 1);
    }
}
