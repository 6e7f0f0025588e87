//! Units: put on the list, moved, looked at.

use serde_json::{Value, json};

use shared::digest::Digest;

use super::fixture::{Fixture, claim_of, problem};
use super::requests::{operator, post_as};
use crate::registry::conformance::enrol;

fn row(line: u32, serial: &str) -> Value {
    json!({
        "line": line,
        "about": { "serial": serial, "model": "px7", "store": "depot", "seal": "S-1" },
    })
}

async fn add(fixture: &Fixture, rows: Vec<Value>) -> Value {
    fixture.post("/v1/units", json!({ "rows": rows })).await.json().await.unwrap()
}

async fn happen(fixture: &Fixture, serial: &str, event: Value) -> reqwest::Response {
    let mut event = event;
    event["reason"] = json!("a test");
    fixture.post(&format!("/v1/units/{serial}/events"), event).await
}

#[tokio::test]
async fn only_operators_ask_about_units() {
    let fixture = Fixture::start().await;
    for path in ["/v1/units", "/v1/units/PX-1", "/v1/units/inspections/due"] {
        let nobody = fixture.client(None).get(fixture.url(path)).send().await.unwrap();
        assert_eq!(problem(nobody).await, "token-missing", "{path}");
    }
}

#[tokio::test]
async fn units_are_taken_all_or_none_with_every_mistake() {
    let fixture = Fixture::start().await;
    let wrong = add(&fixture, vec![row(2, "PX-1"), row(3, "PX 2"), row(4, "PX-1")]).await;
    assert_eq!((&wrong["is_done"], &wrong["added"]), (&json!(false), &json!(0)));
    let lines: Vec<_> =
        wrong["mistakes"].as_array().unwrap().iter().map(|it| &it["line"]).collect();
    assert_eq!(lines, [3, 4]);
    assert_eq!(problem(fixture.get("/v1/units/PX-1").await).await, "not-found");
    let added = add(&fixture, vec![row(2, "PX-1"), row(3, "PX/2?")]).await;
    assert_eq!(added, json!({ "is_done": true, "added": 2, "mistakes": [] }));
    let unit: Value = fixture.get("/v1/units/PX%2F2%3F").await.json().await.unwrap();
    assert_eq!((&unit["state"], &unit["is_inspection_due"]), (&json!("in-stock"), &json!(false)));
    assert_eq!(unit["about"]["inspection_every_days"], 90);
}

#[tokio::test]
async fn a_unit_moves_as_the_table_says_and_is_frozen_where_it_differs() {
    let fixture = Fixture::start().await;
    add(&fixture, vec![row(1, "PX-1")]).await;
    let refused = happen(&fixture, "PX-1", json!({ "event": "resume" })).await;
    assert_eq!(problem(refused).await, "unit-refused");
    let unknown = happen(&fixture, "PX-9", json!({ "event": "allocate" })).await;
    assert_eq!(problem(unknown).await, "not-found");
    for event in ["allocate", "ship"] {
        assert_eq!(happen(&fixture, "PX-1", json!({ "event": event })).await.status(), 200);
    }
    let unsaid = happen(&fixture, "PX-1", json!({ "event": "receive" })).await;
    assert_eq!(problem(unsaid).await, "unit-incomplete");
    let stale = json!({ "event": "receive", "if_state": "allocated", "seal": "S-1" });
    assert_eq!(problem(happen(&fixture, "PX-1", stale).await).await, "wrong-state");
    let both = json!({ "event": "receive", "seal": "S-1", "seal_missing": true });
    assert_eq!(problem(happen(&fixture, "PX-1", both).await).await, "invalid");
    let received = json!({ "event": "receive", "seal": "S-9" });
    let frozen: Value = happen(&fixture, "PX-1", received).await.json().await.unwrap();
    assert_eq!(frozen["unit"]["state"], "tampered");
    assert_eq!(frozen["difference"], "its seal reads `S-9`, not `S-1`");
    let alarms: Value = fixture.get("/v1/alarms").await.json().await.unwrap();
    assert_eq!(alarms["items"][0]["kind"], "suspected-substitution");
    let history: Value = fixture.get("/v1/units/PX-1/events").await.json().await.unwrap();
    let events = history["items"].as_array().unwrap().iter().map(|it| it["event"].clone());
    assert_eq!(events.collect::<Vec<_>>(), ["allocate", "ship", "report-tampered"]);
    let state: Value = fixture.get("/v1/units?state=tampered").await.json().await.unwrap();
    assert_eq!(state["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn inspections_are_kept_and_come_due() {
    let fixture = Fixture::start().await;
    add(&fixture, vec![row(1, "PX-1")]).await;
    let due = async |days: u16| {
        let path = format!("/v1/units/inspections/due?within_days={days}");
        let due: Value = fixture.get(&path).await.json().await.unwrap();
        due["items"].as_array().unwrap().len()
    };
    assert_eq!((due(89).await, due(91).await), (0, 1));
    let found = json!({
        "seal": "S-1", "surface_ok": false, "connections_ok": true, "serial_confirmed": true,
        "technician": "T-7",
    });
    let inspected = fixture.post("/v1/units/PX-1/inspections", found.clone()).await;
    let inspected: Value = inspected.json().await.unwrap();
    assert_eq!(inspected["unit"]["inspected"]["verdict"], "fail");
    let kept: Value = fixture.get("/v1/units/PX-1/inspections").await.json().await.unwrap();
    assert_eq!(kept["items"][0]["found"]["technician"], found["technician"]);
    let mut unknown = found;
    unknown["colour"] = json!("blue");
    let refused = fixture.post("/v1/units/PX-1/inspections", unknown).await;
    assert_eq!(problem(refused).await, "bad-request");
}

#[tokio::test]
async fn a_claim_for_a_closed_unit_is_refused_with_what_to_do_first() {
    let fixture = Fixture::start().await;
    add(&fixture, vec![row(1, "PX-1")]).await;
    assert_eq!(happen(&fixture, "PX-1", json!({ "event": "report-lost" })).await.status(), 200);
    let claim = claim_of("PX-1", &shared::claim::Seed::new([42; 20]));
    let refused = fixture.post("/v1/claims", claim.clone()).await;
    assert_eq!(refused.status(), 409);
    let refused: Value = refused.json().await.unwrap();
    assert!(refused["type"].as_str().unwrap().ends_with("unit-refused"), "{refused}");
    let detail = "unit PX-1: a unit that is lost-stolen enrols as no terminal";
    assert_eq!(refused["detail"], detail);
    assert!(refused["hint"].as_str().unwrap().contains("tillward unit move SERIAL found"));
    for event in ["found", "send-for-repair"] {
        assert_eq!(happen(&fixture, "PX-1", json!({ "event": event })).await.status(), 200);
    }
    assert_eq!(fixture.post("/v1/claims", claim).await.status(), 201, "somebody has it in hand");
}

#[tokio::test]
async fn what_served_is_returned_once_two_people_answer_for_it() {
    let fixture = Fixture::start().await;
    enrol(&*fixture.api.registry, 1, 1).await;
    add(&fixture, vec![row(1, "SN-001")]).await;
    for event in ["allocate", "ship"] {
        assert_eq!(happen(&fixture, "SN-001", json!({ "event": event })).await.status(), 200);
    }
    let received = json!({ "event": "receive", "seal": "S-1" });
    assert_eq!(happen(&fixture, "SN-001", received).await.status(), 200);
    let path = "/v1/units/SN-001/sanitisation";
    let paper = Digest::of(b"certificate");
    let said = json!({ "reference": "S-1", "paper": paper, "reason": "shredded" });
    for event in ["commission", "swap-out"] {
        if event == "swap-out" {
            assert_eq!(problem(fixture.post(path, said.clone()).await).await, "unit-refused");
        }
        assert_eq!(happen(&fixture, "SN-001", json!({ "event": event })).await.status(), 200);
    }
    let waits = json!({ "event": "await-return" });
    let refused: Value = happen(&fixture, "SN-001", waits.clone()).await.json().await.unwrap();
    assert!(refused["type"].as_str().unwrap().ends_with("unit-not-erased"), "{refused}");
    assert!(refused["hint"].as_str().unwrap().contains("deactivate wipe"), "{refused}");
    let first: Value = fixture.post(path, said.clone()).await.json().await.unwrap();
    assert_eq!((&first["remains"], &first["said"][0]["counts"]), (&json!("left"), &json!(true)));
    assert_eq!(problem(fixture.post(path, said.clone()).await).await, "same-person");
    let mut unsaid = said.clone();
    unsaid["reference"] = json!("");
    assert_eq!(problem(fixture.post(path, unsaid).await).await, "invalid");
    let ben = operator(&fixture, "ben", 8).await;
    let second: Value = post_as(&fixture, &ben, path, said).await.json().await.unwrap();
    assert_eq!((&second["remains"], &second["hint"]), (&json!("sanitised"), &Value::Null));
    let moved: Value = happen(&fixture, "SN-001", waits).await.json().await.unwrap();
    assert_eq!(moved["unit"]["state"], "awaiting-return");
    let known: Value = fixture.get(path).await.json().await.unwrap();
    assert_eq!(known["said"].as_array().unwrap().len(), 2);
    assert_eq!(problem(fixture.get("/v1/units/PX-9/sanitisation").await).await, "not-found");
}
