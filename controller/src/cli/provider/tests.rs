//! What is printed about providers.

use super::super::golden;
use super::{alerts, compat, files, show};
use crate::api::model::{
    CompatibilityAnswer, GivenVouch, ImportEffect, ImportedChange, Matter, ProviderFinding,
    ProviderImportReport, ProviderRecord, Verdict, Way,
};
use crate::provider::{alerts as ends, compatibility::Status, contract, samples};
use shared::time::UnixTime;

/// 2026-11-22 10:00 UTC.
const NOW: UnixTime = UnixTime(1_795_341_600);

fn records() -> Vec<ProviderRecord> {
    let all = samples::all().into_iter();
    let record = |(key, document): (String, crate::provider::Document)| ProviderRecord {
        key,
        version: 2,
        exposure: samples::known("k", document.clone())
            .contract()
            .map(|it| contract::exposure(Some(&it.document), NOW)),
        document,
        set_at: NOW,
        set_by: "ana".into(),
        why: "new licence".into(),
        vouches: vec![GivenVouch {
            matter: Matter::Licence,
            of: "ab".repeat(32),
            by: "ben".into(),
            at: NOW,
            why: "looked it up".into(),
            counts: false,
        }],
        findings: vec![ProviderFinding {
            what: "it is too late".into(),
            hint: "be earlier".into(),
        }],
    };
    all.map(record).collect()
}

#[test]
fn documents_and_their_versions_are_shown() {
    let records = records();
    golden::check("provider-list", &golden::printed(|print| show::list(&records, print)));
    golden::check("provider-show", &golden::printed(|print| show::whole(&records[0], print)));
    golden::check("contract-show", &golden::printed(|print| show::whole(&records[3], print)));
    let versions = golden::printed(|print| show::versions(records[..1].to_vec(), print));
    golden::check("provider-history", &versions);
    golden::check("compat-list", &golden::printed(|print| compat::list(&records, print)));
}

#[test]
fn alerts_imports_and_verdicts_are_shown() {
    let all = samples::all().into_iter();
    let told = all.flat_map(|(key, it)| ends::of(&samples::known(&key, it), NOW)).collect();
    golden::check("provider-alerts", &golden::printed(|print| alerts::list(told, print)));
    let change = |what, version, fields: &[&str]| ImportedChange {
        kind: crate::provider::Kind::Provider,
        key: "alpha".into(),
        what,
        version,
        fields: fields.iter().map(|it| (*it).to_owned()).collect(),
    };
    let changes = vec![
        change(ImportEffect::Changed, 2, &["hosts", "sla"]),
        change(ImportEffect::Unchanged, 1, &[]),
    ];
    let report = ProviderImportReport { dry_run: true, changes };
    golden::check("provider-import", &golden::printed(|print| files::imported(report, print)));
    let verdict = Verdict {
        status: Status::Unknown,
        row: None,
        pilot_only: true,
        not_known: vec!["firmware".into()],
    };
    let answer = CompatibilityAnswer {
        verdict,
        way: Way::PilotOnly,
        remarks: vec!["model `px9` is not in the registry".to_owned()],
    };
    golden::check("compat-check", &golden::printed(|print| compat::verdict(&answer, print)));
}
