//! What runs out soon: each is told three times before, and once when it has.

use serde::{Deserialize, Serialize};
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::day::Day;
use super::{Document, Known};

/// Days before the end at which it is told, the nearest first.
pub const TOLD_DAYS_BEFORE: [u16; 3] = [7, 30, 90];

/// What runs out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = ProviderAlertKind)]
pub enum What {
    Licence,
    Certificate,
    Promo,
    Contract,
    /// A deposit that should be back.
    Deposit,
    /// The approval of a model's keypad.
    Approval,
}

impl What {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Licence => "licence",
            Self::Certificate => "certificate",
            Self::Promo => "promo",
            Self::Contract => "contract",
            Self::Deposit => "deposit",
            Self::Approval => "approval",
        }
    }
}

/// Something that somebody should do something about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ProviderAlert)]
pub struct Alert {
    /// The same as long as it is the same alert; a nearer one of the same end has another.
    pub id: String,
    pub what: What,
    /// The key of the document that says it.
    pub key: String,
    /// Which of several, such as the kind and number of a certificate.
    pub which: String,
    /// The last day.
    pub until: Day,
    /// Negative once it is over.
    pub days_left: i64,
}

/// An end that is near enough to be told; the nearest of its alerts stands for all.
fn alert(what: What, key: &str, which: &str, until: Day, today: Day) -> Option<Alert> {
    let days_left = today.days_to(until);
    let near = TOLD_DAYS_BEFORE.into_iter().find(|days| days_left <= i64::from(*days));
    let stage = if days_left < 0 { "over".to_owned() } else { near?.to_string() };
    // Which of several is in the id by its digest: it may be any text.
    let named = if which.is_empty() {
        String::new()
    } else {
        format!(".{}", &super::digest_of(&which).to_string()[..8])
    };
    let id = format!("{}.{key}{named}.{until}.{stage}", what.as_str());
    let (key, which) = (key.to_owned(), which.to_owned());
    Some(Alert { id, what, key, which, until, days_left })
}

/// Everything of one document that is near its end or past it.
pub fn of(document: &Known<Document>, now: UnixTime) -> Vec<Alert> {
    let (key, today) = (&*document.key, Day::of(now));
    let alert = |what, which: &str, until| alert(what, key, which, until, today);
    match &document.document {
        Document::Provider(it) => {
            let licence = it.licence.as_ref();
            let licence = licence.and_then(|it| alert(What::Licence, "", it.valid_until));
            let certificates = it.certificates.iter().filter_map(|it| {
                let which = format!("{} {}", it.kind, it.number);
                alert(What::Certificate, &which, it.valid_until)
            });
            licence.into_iter().chain(certificates).collect()
        }
        Document::Fees(it) => {
            let promos = it.promos.iter();
            // What is over is over: nobody can prolong it.
            let promos = promos.filter(|it| today <= it.until && it.from <= today);
            promos.filter_map(|it| alert(What::Promo, &it.name, it.until)).collect()
        }
        Document::Contract(it) => {
            let end = alert(What::Contract, "", it.ends_on);
            let deposit = it.deposit.as_ref().filter(|it| it.is_overdue(today));
            let deposit = deposit.and_then(|it| alert(What::Deposit, "", it.due_on));
            end.into_iter().chain(deposit).collect()
        }
        Document::Model(it) => {
            let pts = it.pts.as_ref();
            pts.and_then(|it| alert(What::Approval, &it.number, it.valid_until))
                .into_iter()
                .collect()
        }
        Document::Band(_) | Document::Compatibility(_) => vec![],
    }
}

/// Those that are to be told: each once, until somebody says that it was seen.
pub fn due(alerts: Vec<Alert>, is_seen: impl Fn(&str) -> bool) -> Vec<Alert> {
    let mut due: Vec<_> = alerts.into_iter().filter(|it| !is_seen(&it.id)).collect();
    due.sort_by(|a, b| (a.until, &a.id).cmp(&(b.until, &b.id)));
    due
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::samples::{self, day};
    use super::*;

    #[test]
    fn an_end_is_told_at_ninety_thirty_and_seven_days_and_when_it_is_over() {
        let end = day("2026-12-31");
        let told = |days: i64| {
            let today = match u16::try_from(days) {
                Ok(before) => end.minus_days(before),
                Err(_) => end.plus_days(1),
            };
            alert(What::Licence, "alpha", "", end, today).map(|it| it.id)
        };
        let id = |stage| Some(format!("licence.alpha.2026-12-31.{stage}"));
        assert_eq!(told(91), None);
        assert_eq!(told(90), id("90"));
        assert_eq!(told(31), id("90"));
        assert_eq!(told(30), id("30"));
        assert_eq!(told(8), id("30"));
        assert_eq!(told(7), id("7"));
        assert_eq!(told(0), id("7"));
        assert_eq!(told(-1), id("over"));
    }

    #[test]
    fn each_alert_is_told_until_it_is_seen_and_the_next_one_is_another() {
        let provider = samples::vouched().map(Document::Provider);
        let now = |text: &str| {
            let at: jiff::Timestamp = format!("{text}T00:00:00Z").parse().unwrap();
            UnixTime(at.as_second())
        };
        let mut seen = BTreeSet::new();
        let mut told = 0;
        for today in ["2028-11-30", "2028-12-05", "2028-12-28", "2028-12-29", "2029-01-01"] {
            let due = due(of(&provider, now(today)), |id| seen.contains(id));
            let licences: Vec<_> = due.iter().filter(|it| it.what == What::Licence).collect();
            told += licences.len();
            seen.extend(due.iter().map(|it| it.id.clone()));
        }
        assert_eq!(told, 4, "at 90 (here 31), 30 and 7 days, and when it is over");
    }

    #[test]
    fn everything_that_has_an_end_is_told() {
        fn told(document: Document, today: impl std::fmt::Display) -> Vec<What> {
            let at: jiff::Timestamp = format!("{today}T00:00:00Z").parse().unwrap();
            let alerts = of(&samples::known("k", document), UnixTime(at.as_second()));
            alerts.into_iter().map(|it| it.what).collect()
        }
        let fees = || Document::Fees(samples::fees());
        let promo = samples::fees().promos[0].until;
        assert_eq!(told(fees(), promo), [What::Promo]);
        assert_eq!(told(fees(), promo.plus_days(1)), [], "it lapsed");
        let contract = || Document::Contract(samples::contract());
        assert_eq!(told(contract(), "2026-12-31"), [What::Contract]);
        assert_eq!(told(contract(), "2027-01-01"), [What::Contract, What::Deposit]);
        let model = Document::Model(samples::model());
        assert_eq!(told(model, "2030-04-30"), [What::Approval]);
        let provider = Document::Provider(samples::provider());
        assert_eq!(told(provider, "2030-01-01"), [What::Licence, What::Certificate]);
    }
}
