//! For tests: one document of each kind.

use shared::change::rebind::{RegistryOrder, Test, TestKind, Watch};
use shared::digest::Digest;
use shared::time::UnixTime;

use super::compatibility::{Evidence, Row, Status};
use super::contract::{Contract, Deposit, Payment, Termination};
use super::day::Day;
use super::fees::{Band, FeeSchedule, Method, Promo, Rate};
use super::model::{Capability, Model, PtsApproval, RebindCapability};
use super::record::{Certificate, Clearing, Contact, Integration, Licence, Provider, Scope};
use super::{Document, Known, Matter, Vouch};

pub(crate) fn day(text: &str) -> Day {
    text.parse().expect("tests write days")
}

pub(crate) fn known<T>(key: &str, document: T) -> Known<T> {
    Known { key: key.to_owned(), version: 1, document, vouches: vec![] }
}

pub(crate) fn vouch(matter: Matter, of: Digest) -> Vouch {
    Vouch { matter, of, by: "ana".into(), at: UnixTime(1), why: "looked it up".into() }
}

/// What is wrong with it under a key that fits.
pub(crate) fn mistakes(document: impl Into<Document>) -> Vec<String> {
    let document = document.into();
    let key = document.own_key().unwrap_or_else(|| "k".to_owned());
    document.mistakes(&key)
}

macro_rules! into_document {
    ($($kind:ident: $of:ty),+) => {
        $(impl From<$of> for Document {
            fn from(it: $of) -> Self {
                Self::$kind(it)
            }
        })+
    };
}

into_document! {
    Provider: Provider, Fees: FeeSchedule, Band: Band, Contract: Contract, Model: Model,
    Compatibility: Row
}

pub(crate) fn provider() -> Provider {
    let test = |kind, amount_minor| Test { kind, amount_minor };
    Provider {
        name: "Alpha Payments".into(),
        licence: Some(Licence {
            number: "Z1".into(),
            class: "acquiring".into(),
            scope: vec![Scope::PosAcquiring, Scope::QrAcquiring],
            regulator: "central bank".into(),
            valid_from: day("2024-01-01"),
            valid_until: day("2028-12-31"),
            document_sha256: Some("ab".repeat(32)),
        }),
        clearing: Clearing::Direct,
        certificates: vec![Certificate {
            kind: "PCI DSS".into(),
            number: "7".into(),
            valid_until: day("2027-06-30"),
        }],
        contacts: vec![Contact {
            role: "hotline".into(),
            reach: "+49 30 0000000".into(),
            hours: None,
        }],
        sla: Some("2 h".into()),
        hosts: vec!["pay.example.com:443".into(), "192.0.2.1:9000".into()],
        registry_order: RegistryOrder::NewFirst,
        acquirer_code: Some("898".into()),
        tests: vec![test(TestKind::Diagnosis, 0), test(TestKind::Sale, 1)],
        watch: Watch {
            for_s: 3600,
            payments_min: 20,
            at_most_s: 86_400,
            approval_drop_max: 5,
            host_errors_max: 3,
            slower_max: 50,
            crashes_max: 0,
        },
        integrations: vec![Integration { protocol: "OPI".into(), version: "2.0".into() }],
        currencies: vec!["CNY".into()],
    }
}

/// With everything vouched for that a target needs.
pub(crate) fn vouched() -> Known<Provider> {
    let mut known = known("alpha", provider());
    let licence = known.document.licence.as_ref().expect("it has one").digest();
    known.vouches.push(vouch(Matter::Licence, licence));
    known
}

/// Licensed in every year in which tests live, with this host; it wants no particular test or
/// watch, and bears with any cash register.
pub(crate) fn licensed(name: &str, host: &str, acquirer: &str) -> Provider {
    let mut it = provider();
    it.name = name.to_owned();
    it.hosts = vec![host.to_owned()];
    it.acquirer_code = Some(acquirer.to_owned());
    (it.tests, it.integrations) = (vec![], vec![]);
    it.watch = Watch {
        for_s: 1,
        payments_min: 1,
        at_most_s: 1,
        approval_drop_max: 100,
        host_errors_max: 100,
        slower_max: u16::MAX,
        crashes_max: u16::MAX,
    };
    let licence = it.licence.as_mut().expect("it has one");
    (licence.valid_from, licence.valid_until) = (day("1970-01-01"), day("2090-12-31"));
    it
}

pub(crate) fn fees() -> FeeSchedule {
    let rate =
        |method, hundredths| Rate { class: "standard".into(), method, hundredths, fixed_minor: 0 };
    FeeSchedule {
        provider: "alpha".into(),
        effective_from: day("2026-01-01"),
        currency: "CNY".into(),
        rates: vec![rate(Method::Credit, 60), rate(Method::Debit, 50), rate(Method::Qr, 38)],
        promos: vec![Promo {
            name: "opening".into(),
            class: "standard".into(),
            method: Method::Credit,
            hundredths: 38,
            fixed_minor: 0,
            from: day("2026-10-01"),
            until: day("2026-12-31"),
        }],
    }
}

pub(crate) fn contract() -> Contract {
    Contract {
        provider: "alpha".into(),
        merchant: "North Store Ltd".into(),
        other_parties: vec![],
        scope: "acquiring of cards and QR codes".into(),
        fees: "alpha-2026".into(),
        starts_on: day("2026-01-01"),
        ends_on: day("2026-12-31"),
        settled_after_days: 1,
        notice_days: 30,
        currency: "CNY".into(),
        termination: Some(Termination { fixed_minor: 1000, a_month_minor: 100 }),
        deposit: Some(Deposit {
            amount_minor: 500,
            due_on: day("2026-12-31"),
            paid: vec![Payment { on: day("2026-01-02"), amount_minor: 500 }],
            refunded: vec![],
        }),
        clause: Some("8.2".into()),
        value_minor: 100_000,
        terminals: 3,
    }
}

pub(crate) fn model() -> Model {
    Model {
        manufacturer: None,
        rebind: RebindCapability::InPlace,
        key_slots: 2,
        form_factor: "countertop".into(),
        capabilities: vec![Capability::Contact, Capability::Contactless, Capability::Pin],
        serial: None,
        pts: Some(PtsApproval { number: "4-10123".into(), valid_until: day("2030-04-30") }),
    }
}

pub(crate) fn row() -> Row {
    Row {
        model: "px7".into(),
        hardware: Some("B".into()),
        firmware: Some(">=1.2 <2.0".parse().expect("a range")),
        application: Some("=2.0.0".parse().expect("a range")),
        kernel: None,
        provider: Some("alpha".into()),
        key_set: None,
        status: Status::Certified,
        evidence: Some(Evidence { name: "report.pdf".into(), sha256: "cd".repeat(32) }),
        note: Some("a, \"b\" and c".into()),
    }
}

/// One of each kind, with its key, in the order in which they refer to one another.
pub(crate) fn all() -> Vec<(String, Document)> {
    let named = |key: &str, document: Document| (key.to_owned(), document);
    vec![
        named("alpha", provider().into()),
        named("alpha-2026", fees().into()),
        named("standard", Band { lowest: 30, highest: 60 }.into()),
        named("north", contract().into()),
        named("px7", model().into()),
        (row().key(), row().into()),
    ]
}
