//! Replacements: asked for, moved on, and whose turn it is.

use serde_json::{Value, json};

use super::super::model::Request;
use super::super::now;
use super::fixture::{Fixture, key, problem};
use super::requests::{operator, post_as};
use crate::provider::{Document, samples};
use crate::registry::audit::By;
use crate::registry::conformance::enrol;
use crate::registry::provider::NewRecord;

/// SN-001 sells in a lane of the Corner shop, PX-8 is in stock, and a request is accepted.
async fn shop(fixture: &Fixture) -> String {
    let old = enrol(&*fixture.api.registry, 1, 1).await;
    let lane = json!({ "store": "berlin-1", "lane": "1", "merchant": "Corner shop" });
    let put = fixture.operator(reqwest::Method::PUT, "/v1/positions").json(&lane).send().await;
    let position: Value = put.unwrap().json().await.unwrap();
    let path = format!("/v1/positions/{}/fill", position["id"].as_str().unwrap());
    assert_eq!(fixture.post(&path, json!({ "terminal": old.id })).await.status(), 200);
    let document = Document::Model(samples::model());
    let new = [NewRecord { key: "px8".to_owned(), document, seen: 0 }];
    let by = By { who: "test".into(), why: String::new(), at: now() };
    fixture.api.registry.put_records(&new, &by).await.unwrap();
    let about = json!({ "serial": "PX-8", "model": "px8", "store": "depot", "seal": "S-1" });
    let rows = json!({ "rows": [{ "line": 1, "about": about }] });
    assert_eq!(fixture.post("/v1/units", rows).await.status(), 200);
    let ben = operator(fixture, "ben", 8).await;
    let wish = json!({
        "kind": "replace", "requester": "cora", "channel": "telephone",
        "reason": "fault-hardware", "where": "serial=SN-001", "fallback": "cash", "clause": "7.2",
    });
    let made: Request = fixture.post("/v1/requests", wish).await.json().await.unwrap();
    let path = |action: &str| format!("/v1/requests/{}/{action}", made.id);
    let call = json!({ "method": "call-back", "contact": "+49 30 1" });
    assert_eq!(post_as(fixture, &ben, &path("verify"), call).await.status(), 200);
    assert_eq!(post_as(fixture, &ben, &path("accept"), json!({})).await.status(), 200);
    made.id.to_string()
}

fn form(request: &str) -> Value {
    let form = json!({
        "merchant": "Corner shop", "old_serial": "SN-001", "new_model": "px8",
        "reason": "chip-read-error",
    });
    json!({ "request": request, "form": form })
}

/// There is no backup.
fn given_up(accepted_by: &str) -> Value {
    let items = ["batch 7"];
    json!({ "give-up-old": {
        "items": items, "accepted_by": accepted_by, "closed_at_host": "C-7", "without_backup": true,
    } })
}

async fn say(fixture: &Fixture, said: Value) -> reqwest::Response {
    fixture.post("/v1/replacements/1/events", json!({ "said": said })).await
}

async fn state(fixture: &Fixture, said: Value) -> Value {
    let answer = say(fixture, said).await;
    let moved: Value = answer.json().await.unwrap();
    assert!(moved["replacement"].is_object(), "{moved}");
    moved["replacement"]["state"].clone()
}

#[tokio::test]
async fn a_form_is_taken_or_all_that_is_wrong_with_it_is_told() {
    let fixture = Fixture::start().await;
    let request = shop(&fixture).await;
    let mut wrong = form(&request);
    wrong["form"]["merchant"] = json!("Somebody else");
    wrong["form"]["new_model"] = json!("px9");
    let told: Value = fixture.post("/v1/replacements", wrong).await.json().await.unwrap();
    let fields: Vec<_> =
        told["mistakes"].as_array().unwrap().iter().map(|it| it["field"].clone()).collect();
    assert_eq!(fields, ["merchant", "merchant", "new_model"]);
    assert_eq!(told["replacement"], Value::Null);
    let mut dry = form(&request);
    dry["dry_run"] = json!(true);
    let told: Value = fixture.post("/v1/replacements", dry).await.json().await.unwrap();
    assert_eq!(told, json!({ "mistakes": [], "replacement": null }));
    assert_eq!(problem(fixture.get("/v1/replacements/1").await).await, "not-found");
    let begun: Value = fixture.post("/v1/replacements", form(&request)).await.json().await.unwrap();
    assert_eq!(begun["replacement"]["number"], 1);
    assert_eq!(begun["replacement"]["next"]["who"], "stock keeper");
    let again = fixture.post("/v1/replacements", form(&request)).await;
    assert_eq!(problem(again).await, "wrong-state");
    let nobody = fixture.client(None).get(fixture.url("/v1/replacements")).send().await.unwrap();
    assert_eq!(problem(nobody).await, "token-missing");
}

#[tokio::test]
async fn a_replacement_goes_on_step_by_step_and_pairs_exactly_its_unit() {
    let fixture = Fixture::start().await;
    let request = shop(&fixture).await;
    assert_eq!(fixture.post("/v1/replacements", form(&request)).await.status(), 200);
    assert_eq!(problem(say(&fixture, json!({ "go-live": {} })).await).await, "wrong-state");
    let missing = say(&fixture, json!({ "allocate": { "serial": "PX-9" } })).await;
    assert_eq!(problem(missing).await, "replacement-refused");
    let pair = json!({ "pair": { "claim_key": key(9).public() } });
    assert_eq!(problem(say(&fixture, pair.clone()).await).await, "wrong-state");
    let allocate = json!({ "allocate": { "serial": "PX-8" } });
    assert_eq!(state(&fixture, allocate).await, "unit-allocated");
    let ship = json!({ "ship": { "courier": "parcels", "tracking": "1Z", "seal": "BAG-7" } });
    assert_eq!(state(&fixture, ship).await, "shipped");
    let unsaid = json!({ "receive": { "serial": "PX-8" } });
    assert_eq!(problem(say(&fixture, unsaid).await).await, "unit-incomplete");
    let received = json!({ "receive": { "serial": "PX-8", "seal": "BAG-7" } });
    assert_eq!(state(&fixture, received).await, "received");
    assert_eq!(problem(say(&fixture, json!("settle-old")).await).await, "old-terminal-sells");
    let own = given_up("ana");
    assert_eq!(problem(say(&fixture, own).await).await, "same-person");
    let given_up = given_up("ben");
    assert_eq!(state(&fixture, given_up).await, "old-unreachable");
    let paired: Value = say(&fixture, pair).await.json().await.unwrap();
    assert_eq!(paired["claim"]["serial"], "PX-8");
    let lives = paired["claim"]["expires_at"].as_i64().unwrap() - now().0;
    assert!((86_300..=86_400).contains(&lives), "{lives}");
    assert_eq!(
        problem(say(&fixture, json!({ "provision": {} })).await).await,
        "replacement-incomplete"
    );
    let stale = json!({ "said": "cancel", "if_state": "received" });
    let stale = fixture.post("/v1/replacements/1/events", stale).await;
    assert_eq!(problem(stale).await, "wrong-state");
    assert_eq!(state(&fixture, json!("cancel")).await, "cancelled");
    let shown: Value = fixture.get("/v1/replacements/1").await.json().await.unwrap();
    assert_eq!(shown["unit_state"], "awaiting-return");
    assert!(shown["next"]["what"].as_str().unwrap().contains("--kind resume"), "{shown}");
    let history: Value = fixture.get("/v1/replacements/1/events").await.json().await.unwrap();
    assert_eq!(history["items"].as_array().unwrap().len(), 6);
    let all: Value = fixture.get("/v1/replacements").await.json().await.unwrap();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
}
