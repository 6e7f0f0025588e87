//! Campaigns as an operator asks for them, and what is said about those that could never move.

use reqwest::Method;
use serde_json::{Value, json};
use shared::digest::Digest;

use super::fixture::{Fixture, problem};
use super::{enrolment, operators};

/// A release for model px7 that is published, and two terminals of that model.
pub(super) async fn fleet() -> (Fixture, Digest) {
    let fixture = Fixture::start().await;
    let release = operators::publish(&fixture, b"the new till").await;
    for serial in ["PX-1", "PX-2"] {
        enrolment::newcomer(&fixture, serial).await;
    }
    (fixture, release)
}

fn asking(release: Digest) -> Value {
    json!({
        "change": { "upgrade": { "release": release, "window": "22:00-06:00" } },
        "where": "store=north & model=px7",
        "max_parallel": 1,
        "name": "pilot",
    })
}

pub(super) async fn created(fixture: &Fixture, release: Digest) -> String {
    let created = fixture.post("/v1/campaigns", asking(release)).await;
    assert_eq!(created.status(), 201, "{}", created.text().await.unwrap());
    let campaign: Value = created.json().await.unwrap();
    assert_eq!(campaign["state"], "draft");
    assert_eq!(campaign["software"]["version"], "2.0.0");
    assert_eq!(campaign["change"]["upgrade"]["window"], "22:00-06:00");
    assert_eq!(campaign["terminals"], Value::Null);
    campaign["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_campaign_is_started_paused_resumed_and_aborted_and_says_who_did_it_and_why() {
    let (fixture, release) = fleet().await;
    let id = created(&fixture, release).await;
    let moves =
        [("start", "running"), ("pause", "paused"), ("resume", "running"), ("abort", "aborted")];
    for (decision, state) in moves {
        let path = format!("/v1/campaigns/{id}/{decision}");
        let moved = fixture.post(&path, json!({ "reason": format!("{decision} it") })).await;
        assert_eq!(moved.status(), 200, "{decision}");
        let campaign: Value = moved.json().await.unwrap();
        assert_eq!(campaign["state"], state);
        assert_eq!(campaign["state_by"], "ana");
        assert_eq!(campaign["state_reason"], format!("{decision} it"));
        assert_eq!(campaign["terminals"], 2);
        assert_eq!(campaign["by_state"], json!({ "held": 2 }));
    }
    for decision in ["start", "pause", "resume", "abort"] {
        let path = format!("/v1/campaigns/{id}/{decision}");
        let refused = fixture.post(&path, json!({})).await;
        assert_eq!(problem(refused).await, "wrong-state", "{decision}");
    }
    let audit: Value = fixture.get("/v1/audit?limit=1000").await.json().await.unwrap();
    let about = audit["items"].as_array().unwrap().iter().filter(|entry| entry["object"] == id);
    let said: Vec<_> = about.map(|entry| entry["detail"].as_str().unwrap()).collect();
    assert_eq!(said[1..], ["start it", "pause it", "resume it", "abort it"]);
}

#[tokio::test]
async fn every_member_is_listed_with_the_reason_why_it_is_held_back() {
    let (fixture, release) = fleet().await;
    let id = created(&fixture, release).await;
    let path = format!("/v1/campaigns/{id}/terminals");
    let before: Value = fixture.get(&path).await.json().await.unwrap();
    assert_eq!(before["items"], json!([]));
    fixture.post(&format!("/v1/campaigns/{id}/start"), json!({})).await;
    let first: Value = fixture.get(&format!("{path}?limit=1")).await.json().await.unwrap();
    let next = first["next"].as_str().unwrap();
    let rest: Value = fixture.get(&format!("{path}?after={next}")).await.json().await.unwrap();
    assert_eq!(rest["next"], Value::Null);
    for page in [first, rest] {
        let [member] = page["items"].as_array().unwrap().as_slice() else { panic!("{page}") };
        assert_eq!(member["state"], "held");
        assert_eq!(member["reason"]["code"], "never-seen");
        assert_eq!(member["campaign"], id);
    }
}

#[tokio::test]
async fn what_could_never_make_progress_is_refused() {
    let (fixture, release) = fleet().await;
    let with = |field: &str, value: Value| {
        let mut asked = asking(release);
        asked[field] = value;
        asked
    };
    let upgrade = |field: &str, value: Value| {
        let mut asked = asking(release);
        asked["change"]["upgrade"][field] = value;
        asked
    };
    let cases = [
        ("not-found", upgrade("release", json!(Digest::of(b"unknown")))),
        ("invalid", with("where", json!("store="))),
        ("invalid", with("where", json!("store=south"))),
        ("invalid", with("where", json!("colour=blue"))),
        ("invalid", with("max_parallel", json!(0))),
        ("invalid", with("not_after_s", json!(1))),
        ("invalid", with("not_after_s", json!(91 * 24 * 3600))),
        ("invalid", with("name", json!("x".repeat(513)))),
        ("bad-request", with("max_parallel", json!(-1))),
        ("bad-request", upgrade("window", json!("25:00-06:00"))),
        ("bad-request", upgrade("release", json!("2.0.0"))),
        ("bad-request", with("change", json!({ "wipe": {} }))),
        ("bad-request", with("change", json!({ "cancel": {} }))),
        ("bad-request", with("colour", json!("blue"))),
    ];
    for (expected, asked) in cases {
        let refused = fixture.post("/v1/campaigns", asked.clone()).await;
        assert_eq!(problem(refused).await, expected, "{asked}");
    }
    let listed: Value = fixture.get("/v1/campaigns").await.json().await.unwrap();
    assert_eq!(listed["items"], json!([]));
    let unknown = "/v1/campaigns/cmp-00000000000000000000000000000000";
    assert_eq!(problem(fixture.get(unknown).await).await, "not-found");
    let started = fixture.post(&format!("{unknown}/start"), json!({})).await;
    assert_eq!(problem(started).await, "not-found");
    let nobody = fixture.client(None).request(Method::POST, fixture.url("/v1/campaigns"));
    assert_eq!(problem(nobody.send().await.unwrap()).await, "token-missing");
}

#[tokio::test]
async fn a_plan_says_what_a_campaign_would_be_and_keeps_nothing() {
    let (fixture, release) = fleet().await;
    fixture.claim("PX-3").await;
    let planned = fixture.post("/v1/campaigns/plan", asking(release)).await;
    assert_eq!(planned.status(), 200, "{}", planned.text().await.unwrap());
    let plan: Value = planned.json().await.unwrap();
    assert_eq!((&plan["terminals"], &plan["approvers"]), (&json!(2), &json!(0)));
    let serials = |sample: &Value| {
        let sample = sample.as_array().unwrap().iter();
        sample.map(|it| it["serial"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(serials(&plan["sample"]), ["PX-1", "PX-2"]);
    let [out] = plan["excluded"].as_array().unwrap().as_slice() else { panic!("{plan}") };
    assert_eq!((&out["code"], &out["terminals"]), (&json!("not-enrolled"), &json!(1)));
    assert_eq!(serials(&out["sample"]), ["PX-3"]);
    let [never] = plan["concerns"].as_array().unwrap().as_slice() else { panic!("{plan}") };
    assert_eq!((&never["code"], &never["terminals"]), (&json!("never-seen"), &json!(2)));
    let bytes = &plan["bytes"];
    assert_eq!(bytes["all"], 2 * bytes["each"].as_u64().unwrap());
    assert_eq!(
        (plan["waves"].as_array().unwrap().len(), &plan["zones"][0]["zone"]),
        (1, &json!("Europe/Berlin"))
    );
    assert!(plan["waves"][0]["local"]["Europe/Berlin"].is_string(), "{plan}");
    let listed: Value = fixture.get("/v1/campaigns").await.json().await.unwrap();
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn a_report_says_who_is_missing_and_what_keeps_them() {
    let (fixture, release) = fleet().await;
    let id = created(&fixture, release).await;
    let path = format!("/v1/campaigns/{id}/report");
    let before: Value = fixture.get(&path).await.json().await.unwrap();
    assert_eq!((&before["members"], &before["started_at"]), (&json!(0), &Value::Null));
    fixture.post(&format!("/v1/campaigns/{id}/start"), json!({})).await;
    let report: Value = fixture.get(&path).await.json().await.unwrap();
    assert_eq!((&report["members"], &report["held"]), (&json!(2), &json!(2)));
    assert_eq!(report["software"]["version"], "2.0.0");
    assert_eq!(report["total"]["released"], 0);
    let wave = &report["waves"][0];
    assert_eq!(
        (&wave["name"], &wave["members"], &wave["released"]),
        (&json!("1"), &json!(2), &json!(0))
    );
    let waiting = report["waiting"].as_array().unwrap();
    let mut serials: Vec<_> = waiting.iter().map(|it| it["serial"].as_str().unwrap()).collect();
    serials.sort_unstable();
    assert_eq!(serials, ["PX-1", "PX-2"]);
    assert!(waiting.iter().all(|it| it["reason"]["code"] == "never-seen"), "{report}");
    let unknown = "/v1/campaigns/cmp-00000000000000000000000000000000/report";
    assert_eq!(problem(fixture.get(unknown).await).await, "not-found");
}

#[tokio::test]
async fn what_would_stand_still_is_refused_by_the_rule_that_blocks_it() {
    let (fixture, release) = fleet().await;
    let gated = |reach_after: &str| {
        let mut asked = asking(release);
        asked["change"]["upgrade"]["window"] = Value::Null;
        asked["policy"] = json!({
            "waves": ["1", "rest"],
            "gate": {
                "sample_min": 1, "success_percent_min": 95, "soak": "1m", "bad_max": "0",
                "reach_percent_min": 80,
            },
        });
        if !reach_after.is_empty() {
            asked["policy"]["gate"]["reach_after"] = json!(reach_after);
        }
        asked
    };
    for path in ["/v1/campaigns", "/v1/campaigns/plan"] {
        let refused: Value = fixture.post(path, gated("")).await.json().await.unwrap();
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("`reach_percent_min` without `reach_after`"), "{refused}");
        assert!(refused["hint"].as_str().unwrap().contains("presence=never-seen"), "{refused}");
    }
    assert_eq!(fixture.post("/v1/campaigns/plan", gated("1m")).await.status(), 200);
    assert_eq!(fixture.post("/v1/campaigns", gated("1m")).await.status(), 201);
    let stranger = json!("trm-00000000000000000000000000000000");
    let mut asked = gated("1m");
    asked["policy"]["canary"] = json!([stranger]);
    assert_eq!(problem(fixture.post("/v1/campaigns", asked).await).await, "invalid");
}

#[tokio::test]
async fn terminals_are_listed_by_the_same_words_that_campaigns_use() {
    let (fixture, _) = fleet().await;
    let serials = async |query: &str| {
        let page = fixture.get(&format!("/v1/terminals?where={query}")).await;
        let page: Value = page.json().await.unwrap();
        let items = page["items"].as_array().unwrap().iter();
        let mut serials: Vec<_> =
            items.map(|item| item["serial"].as_str().unwrap().to_owned()).collect();
        serials.sort();
        serials
    };
    assert_eq!(serials("model%3Dpx7").await, ["PX-1", "PX-2"]);
    assert_eq!(serials("model%3Dpx7%20%26%20serial%3DPX-2").await, ["PX-2"]);
    assert_eq!(serials("model!%3Dpx7").await, Vec::<String>::new());
    assert_eq!(serials("*").await, ["PX-1", "PX-2"]);
    let refused = fixture.get("/v1/terminals?where=model").await;
    assert_eq!(problem(refused).await, "invalid");
}
