//! Changes of provider as an operator asks for them.

use reqwest::Method;
use serde_json::{Value, json};
use shared::codec;
use shared::membership::Profiles;

use super::super::now;
use super::enrolment;
use super::fixture::{Fixture, problem};
use crate::api::model::{ApprovalRequest, Base64, MemberProfile, Plan};
use crate::provider;
use crate::rebind::draft;
use crate::rebind::draft::tests::{asked, profile};
use crate::rebind::samples;

fn terms() -> Value {
    let asked = asked();
    json!({
        "request": asked.request, "from": asked.from, "to": asked.to, "reason": "fee",
        "ordered_by": "Ana", "note": "cheaper", "registry_order": "new-first",
        "tests": asked.tests, "watch": asked.watch, "where": "store=north",
        "fallbacks": { "north": "cash" },
    })
}

/// What nobody has told this controller, and what a name is needed for.
const UNKNOWN: [&str; 8] = [
    "binding-unknown",
    "contract-unknown",
    "fees-unknown",
    "keys-unknown",
    "not-registered",
    "no-contract",
    "notice-missing",
    "untested",
];

/// Two waves of one terminal each.
async fn asking(fixture: &Fixture) -> Value {
    let mut waves = Vec::new();
    for (number, serial) in [(1, "PX-1"), (2, "PX-2")] {
        let mut profile = profile(number);
        profile.terminal = enrolment::newcomer(fixture, serial).await.terminal;
        waves.push(vec![Base64(codec::encode(&profile))]);
    }
    let overrides: serde_json::Map<_, _> =
        UNKNOWN.iter().map(|code| ((*code).to_owned(), json!("Bo"))).collect();
    let beta = provider::samples::licensed("Beta", "127.0.0.1:9001", "898");
    samples::provider(&*fixture.api.registry, "beta", beta).await;
    samples::accepted(&*fixture.api.registry, &asked(), "store=north", now()).await;
    json!({ "terms": terms(), "name": "beta", "max_parallel": 1, "waves": waves,
            "overrides": overrides })
}

#[tokio::test]
async fn a_plan_says_what_nobody_has_told_and_a_change_needs_a_name_for_it() {
    let fixture = Fixture::start().await;
    let asked = asking(&fixture).await;
    let wanted = json!({ "serial": "PX-1", "has_secret": true, "replaces_mid": "M",
                         "replaces_tid": "T", "mid": "M", "tid": "U", "name": "N", "mcc": "5411",
                         "currency": "CNY", "hosts": ["127.0.0.1:9001"] });
    let plan = json!({ "terms": terms(), "waves": [[wanted]] });
    let plan: Plan = fixture.post("/v1/rebinds/plan", plan).await.json().await.unwrap();
    let codes: std::collections::BTreeSet<_> =
        plan.findings.iter().map(|it| it.code.as_str()).collect();
    assert!(UNKNOWN.iter().all(|code| codes.contains(code)), "{codes:?}");
    assert!(codes.contains("no-recipient"), "a secret needs one: {codes:?}");
    for missing in UNKNOWN {
        let mut silent = asked.clone();
        silent["overrides"].as_object_mut().unwrap().remove(missing);
        let refused = fixture.post("/v1/rebinds", silent).await;
        assert_eq!(problem(refused).await, "wrong-state", "{missing}");
    }
    let listed: Value = fixture.get("/v1/rebinds").await.json().await.unwrap();
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn a_change_waits_for_approvers_who_get_every_profile() {
    let fixture = Fixture::start().await;
    let created = fixture.post("/v1/rebinds", asking(&fixture).await).await;
    assert_eq!(created.status(), 201, "{}", created.text().await.unwrap());
    let rebind: Value = created.json().await.unwrap();
    let id = rebind["id"].as_str().unwrap();
    let second = rebind["waves"][1]["id"].as_str().unwrap();
    assert_eq!(rebind["waves"][0]["state"], "awaiting-approval");
    assert_eq!(rebind["waves"][1]["state"], "draft");
    assert_eq!(rebind["planned"]["overrides"]["fees-unknown"], "Bo");

    let path = format!("/v1/approvals/{id}/request");
    let request: ApprovalRequest = fixture.get(&path).await.json().await.unwrap();
    let payloads = request.profiles.iter().map(|it| {
        let profile = draft::read(&it.0).unwrap();
        (profile.terminal, it.0.clone())
    });
    let root = Profiles::of(&payloads.collect()).root();
    assert_eq!(rebind["waves"][0]["change"]["rebind"]["profiles"], root.to_string());

    let profiles = fixture.get(&format!("/v1/campaigns/{id}/profiles")).await;
    let profiles: Value = profiles.json().await.unwrap();
    let [one] = profiles["items"].as_array().unwrap().as_slice() else { panic!("{profiles}") };
    let one: MemberProfile = serde_json::from_value(one.clone()).unwrap();
    assert_eq!(one.code.unwrap().split('-').count(), 6);

    for (path, expected) in [
        (format!("/v1/campaigns/{second}/start"), "wrong-state"),
        (format!("/v1/rebinds/{id}/next"), "wrong-state"),
    ] {
        assert_eq!(problem(fixture.post(&path, json!({})).await).await, expected, "{path}");
    }
    let undone = fixture.post(&format!("/v1/campaigns/{id}/abort"), json!({})).await;
    assert_eq!(undone.status(), 200);
    let next = fixture.post(&format!("/v1/rebinds/{id}/next"), json!({ "despite": "Bo" })).await;
    let next: Value = next.json().await.unwrap();
    assert_eq!(
        (next["id"].as_str(), next["state"].as_str()),
        (Some(second), Some("awaiting-approval"))
    );
}

#[tokio::test]
async fn what_no_terminal_would_take_is_refused() {
    let fixture = Fixture::start().await;
    let asked = asking(&fixture).await;
    let with = |path: &str, value: Value| {
        let mut asked = asked.clone();
        *asked.pointer_mut(path).unwrap() = value;
        asked
    };
    let cases = [
        ("invalid", with("/waves", json!([]))),
        ("invalid", with("/waves/1", asked["waves"][0].clone())),
        ("invalid", with("/waves/0/0", json!("AAAA"))),
        ("invalid", with("/terms/to", json!("gamma"))),
        ("invalid", with("/terms/tests", json!([]))),
        ("invalid", with("/terms/where", json!("store="))),
        ("invalid", with("/max_parallel", json!(0))),
        ("wrong-state", with("/terms/where", json!("store=south"))),
        ("wrong-state", with("/terms/fallbacks", json!({}))),
        ("bad-request", with("/terms/reason", json!("because"))),
    ];
    for (expected, asked) in cases {
        // Wave 1 of 2 stops one terminal of two: only both in one wave need a fallback.
        let mut asked = asked;
        if asked["terms"]["fallbacks"] == json!({}) {
            let both = [&asked["waves"][0][0], &asked["waves"][1][0]];
            asked["waves"] = json!([both]);
        }
        let refused = fixture.post("/v1/rebinds", asked.clone()).await;
        assert_eq!(problem(refused).await, expected, "{asked}");
    }
    let change = json!({ "rebind": asked["terms"].as_object().map(|terms| {
        let mut terms = terms.clone();
        terms.remove("where");
        terms.remove("fallbacks");
        terms.insert("profiles".to_owned(), json!("00".repeat(32)));
        terms
    }) });
    let campaign = json!({ "change": change, "where": "*", "max_parallel": 1 });
    let refused = fixture.post("/v1/campaigns", campaign).await;
    assert_eq!(problem(refused).await, "invalid", "it is no campaign by itself");
}

#[tokio::test]
async fn parties_are_told_and_letters_are_kept() {
    let fixture = Fixture::start().await;
    let created = fixture.post("/v1/rebinds", asking(&fixture).await).await;
    let rebind: Value = created.json().await.unwrap();
    let id = rebind["id"].as_str().unwrap();
    let path = format!("/v1/rebinds/{id}/notices");
    let put = |body: Value| fixture.operator(Method::PUT, &path).json(&body).send();
    let told = json!({ "party": "bank", "channel": "mail", "sent_at": 5, "acknowledged_at": 6 });
    let shown: Value = put(told).await.unwrap().json().await.unwrap();
    assert_eq!(shown["notices"][0]["acknowledged_at"], 6);
    let nobody = put(json!({ "party": "aunt", "channel": "mail", "sent_at": 5 })).await.unwrap();
    assert_eq!(problem(nobody).await, "invalid");
    let path = format!("/v1/rebinds/{id}/letters");
    let once: Value = fixture.post(&path, json!({})).await.json().await.unwrap();
    let again: Value = fixture.post(&path, json!({})).await.json().await.unwrap();
    assert_eq!(once.as_array().unwrap().len(), 4);
    assert_eq!(once, again, "the same letters are made once");
    let evidence = format!("/v1/evidence/ord-{}", "0".repeat(32));
    assert_eq!(problem(fixture.get(&evidence).await).await, "not-found");
}
