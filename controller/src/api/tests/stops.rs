//! Terminals that stop: who must know before, what people do, what is owed, and who answers.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::super::model::Request;
use super::super::now;
use super::fixture::{Fixture, problem};
use super::requests::{operator, post_as};
use crate::registry::conformance::enrol;

const DAY: i64 = 86_400;

/// Two terminals sell in one store; this is asked for one of them, and accepted.
async fn accepted(fixture: &Fixture, kind: &str, reason: &str) -> String {
    enrol(&*fixture.api.registry, 1, 1).await;
    enrol(&*fixture.api.registry, 2, 1).await;
    let ben = operator(fixture, "ben", 8).await;
    let wish = json!({
        "kind": kind, "requester": "cora", "channel": "telephone", "reason": reason,
        "where": "serial=SN-001", "fallback": "Pay in cash.", "clause": "7.2",
    });
    let made: Request = fixture.post("/v1/requests", wish).await.json().await.unwrap();
    let path = |action: &str| format!("/v1/requests/{}/{action}", made.id);
    let call = json!({ "method": "call-back", "contact": "+49 30 1" });
    assert_eq!(post_as(fixture, &ben, &path("verify"), call).await.status(), 200);
    assert_eq!(post_as(fixture, &ben, &path("accept"), json!({})).await.status(), 200);
    made.id.to_string()
}

fn of(request: &str, what: &str) -> String {
    format!("/v1/requests/{request}/stop{what}")
}

fn suspend(request: &str, cut_off: i64) -> Value {
    let wanted = json!({ "suspend": { "cut_off": cut_off } });
    // No terminal of these tests was ever heard.
    json!({ "request": request, "wanted": wanted, "close_store": "hana" })
}

fn a_day_ahead() -> i64 {
    now().plus(Duration::from_secs(86_400)).0
}

async fn tell(fixture: &Fixture, request: &str, party: &str) -> reqwest::Response {
    let at = now().0;
    let told = json!({
        "party": party, "channel": "mail", "sent_at": at, "acknowledged_at": at,
    });
    let path = of(request, "/notices");
    fixture.operator(Method::PUT, &path).json(&told).send().await.unwrap()
}

#[tokio::test]
async fn nothing_is_ordered_to_stop_before_all_who_must_know_do() {
    let fixture = Fixture::start().await;
    let request = accepted(&fixture, "suspend", "business").await;
    let cut_off = a_day_ahead();
    let nothing = tell(&fixture, &request, "bank").await;
    assert_eq!(problem(nothing).await, "wrong-state", "no moment was announced");
    let announced = json!({ "cut_off": cut_off });
    let stop = fixture.post(&of(&request, "/announcement"), announced).await;
    let stop: Value = stop.json().await.unwrap();
    assert_eq!(stop["parties"].as_array().unwrap().len(), 5);
    let asked = suspend(&request, cut_off);
    let plan = fixture.post("/v1/deactivations/plan", asked.clone()).await;
    let plan: Value = plan.json().await.unwrap();
    assert_eq!((&plan["is_blocked"], &plan["told"]["is_exempt"]), (&json!(true), &json!(false)));
    assert_eq!(plan["told"]["lacking"].as_array().unwrap().len(), 3);
    assert_eq!(
        problem(fixture.post("/v1/deactivations", asked.clone()).await).await,
        "wrong-state"
    );

    assert_eq!(problem(tell(&fixture, &request, "mayor").await).await, "invalid");
    for party in ["provider", "bank", "customers"] {
        assert_eq!(tell(&fixture, &request, party).await.status(), 200, "{party}");
    }
    let other = fixture.post("/v1/deactivations", suspend(&request, cut_off - 60)).await;
    let other = other.text().await.unwrap();
    assert!(other.contains("bank was told of another moment"), "{other}");
    let begun = fixture.post("/v1/deactivations", asked).await;
    assert_eq!(begun.status(), 201);
    let begun: Value = begun.json().await.unwrap();
    assert_eq!(begun["planned"]["told"]["lacking"], json!([]));
    assert_eq!(begun["stop"]["parties"][1]["knows"], "acknowledged");
    assert_eq!(begun["stop"]["parties"][1]["recorded_by"], "ana");
    let late = json!({ "cut_off": cut_off + 60 });
    let late = fixture.post(&of(&request, "/announcement"), late).await;
    assert_eq!(problem(late).await, "wrong-state", "terminals are ordered already");
}

#[tokio::test]
async fn somebody_else_answers_for_parties_that_were_not_told_and_that_is_audited() {
    let fixture = Fixture::start().await;
    let request = accepted(&fixture, "suspend", "business").await;
    let mut asked = suspend(&request, a_day_ahead());
    for own in ["ana", "Cora"] {
        asked["untold"] = json!({ "by": own, "why": "flood" });
        let refused = fixture.post("/v1/deactivations", asked.clone()).await;
        assert_eq!(problem(refused).await, "same-person", "{own}");
    }
    asked["untold"] = json!({ "by": "gil", "why": " " });
    assert_eq!(problem(fixture.post("/v1/deactivations", asked.clone()).await).await, "invalid");
    asked["untold"] = json!({ "by": "gil", "why": "flood" });
    let begun = fixture.post("/v1/deactivations", asked).await;
    assert_eq!(begun.status(), 201);
    let begun: Value = begun.json().await.unwrap();
    assert_eq!(begun["planned"]["told"]["answer"], json!({ "by": "gil", "why": "flood" }));
    assert!(begun["stop"]["announcement"].is_object(), "it is announced with it");
    assert_eq!(begun["stop"]["late"], 3, "what was due 54 hours before");
    let audit = fixture.get("/v1/audit").await.text().await.unwrap();
    let said = "gil answers for provider, bank, customers: flood";
    assert!(audit.contains("notices-overridden") && audit.contains(said), "{audit}");
}

#[tokio::test]
async fn nobody_is_told_beforehand_of_what_is_tampered_with() {
    let fixture = Fixture::start().await;
    let request = accepted(&fixture, "suspend", "tampered").await;
    let begun = fixture.post("/v1/deactivations", suspend(&request, a_day_ahead())).await;
    assert_eq!(begun.status(), 201);
    let begun: Value = begun.json().await.unwrap();
    assert_eq!(begun["planned"]["told"]["is_exempt"], true);
    assert_eq!(begun["stop"]["is_exempt"], true);
    assert_eq!(begun["stop"]["checklist"], json!([]));
}

#[tokio::test]
async fn what_contradicts_itself_is_refused() {
    let fixture = Fixture::start().await;
    let request = accepted(&fixture, "decommission", "lost-stolen").await;
    let wipe = |cool_off_s: u32| {
        let wanted = json!({ "wipe": { "cool_off_s": cool_off_s, "is_lost": true } });
        json!({ "request": request, "wanted": wanted })
    };
    let plan = "/v1/deactivations/plan";
    for path in [plan, "/v1/deactivations"] {
        let refused = fixture.post(path, wipe(45)).await;
        let refused: Value = refused.json().await.unwrap();
        assert_eq!(refused["type"], "urn:tillward:problem:invalid", "{refused}");
        assert!(refused["detail"].as_str().unwrap().contains("cool-off of 45 s"), "{refused}");
    }
    assert_eq!(fixture.post(plan, wipe(0)).await.status(), 200);
    let cut_off = a_day_ahead();
    for resumes in [cut_off - DAY, cut_off] {
        let announced = json!({ "cut_off": cut_off, "resume_expected": resumes });
        let refused = fixture.post(&of(&request, "/announcement"), announced.clone()).await;
        assert_eq!(problem(refused).await, "invalid");
        let wanted = json!({ "suspend": announced });
        let asked = json!({ "request": request, "wanted": wanted, "close_store": "hana" });
        assert_eq!(problem(fixture.post(plan, asked).await).await, "invalid");
    }
}

#[tokio::test]
async fn another_moment_than_was_announced_is_said_in_the_plan_and_after() {
    let fixture = Fixture::start().await;
    let request = accepted(&fixture, "suspend", "business").await;
    let cut_off = a_day_ahead();
    let announced = json!({ "cut_off": cut_off, "resume_expected": cut_off + DAY });
    assert_eq!(fixture.post(&of(&request, "/announcement"), announced).await.status(), 200);
    let mut asked = suspend(&request, cut_off);
    asked["untold"] = json!({ "by": "gil", "why": "flood" });
    let plan = fixture.post("/v1/deactivations/plan", asked.clone()).await;
    let plan: Value = plan.json().await.unwrap();
    let said = plan["differs"][0].as_str().unwrap();
    assert!(said.contains("expected back") && said.contains("no day is asked for"), "{said}");
    let begun = fixture.post("/v1/deactivations", asked).await;
    let begun: Value = begun.json().await.unwrap();
    assert_eq!(begun["planned"]["differs"], plan["differs"]);
}

#[tokio::test]
async fn letters_and_the_handover_list_are_made_once_and_kept() {
    let fixture = Fixture::start().await;
    let request = accepted(&fixture, "decommission", "contract-end").await;
    let letters = of(&request, "/letters");
    assert_eq!(problem(fixture.post(&letters, json!(null)).await).await, "wrong-state");
    let announced = json!({ "cut_off": now().0 + 10 * DAY });
    assert_eq!(fixture.post(&of(&request, "/announcement"), announced).await.status(), 200);
    for _ in 0..2 {
        let made: Value = fixture.post(&letters, json!(null)).await.json().await.unwrap();
        let made = made.as_array().unwrap();
        assert_eq!(made.len(), 6);
        let list = made.iter().find(|it| it["party"] == "handover-list").unwrap();
        let text = list["text"].as_str().unwrap();
        assert!(text.contains("SN-001") && !text.contains("SN-002"), "{text}");
        assert!(list["html"].as_str().unwrap().contains("<td>SN-001</td>"));
    }
}

#[tokio::test]
async fn a_checklist_is_ticked_by_name_and_a_ledger_takes_back_what_was_wrong() {
    let fixture = Fixture::start().await;
    let request = accepted(&fixture, "decommission", "contract-end").await;
    // What is due a day before is due in an hour, however long this takes.
    let announced = json!({ "cut_off": now().0 + DAY + 3_600 });
    let stop = fixture.post(&of(&request, "/announcement"), announced).await;
    assert_eq!(stop.json::<Value>().await.unwrap()["late"], 3);
    let done = json!({ "by": "tess" });
    let tick = of(&request, "/checklist/stock-counted/done");
    let ticked: Value = fixture.post(&tick, done.clone()).await.json().await.unwrap();
    assert_eq!(ticked["late"], 2);
    assert_eq!(problem(fixture.post(&tick, done).await).await, "wrong-state");
    let own = json!({ "item": "alarm-off", "what": "alarm", "owner": "tess", "due_at": 1 });
    assert_eq!(fixture.post(&of(&request, "/checklist"), own).await.status(), 200);
    let assign = of(&request, "/checklist/alarm-off");
    let assigned = fixture.operator(Method::PATCH, &assign).json(&json!({ "owner": "gil" }));
    let assigned: Value = assigned.send().await.unwrap().json().await.unwrap();
    assert_eq!(assigned["checklist"][0]["owner"], "gil");

    let ledger = of(&request, "/ledger");
    let deposit = json!({ "new": {
        "kind": "deposit-paid", "amount_minor": 300, "currency": "EUR", "reference": "C-7",
    } });
    let entered: Value = fixture.post(&ledger, deposit.clone()).await.json().await.unwrap();
    assert_eq!(entered["balances"], json!({ "EUR": 300 }));
    let mut unsound = deposit;
    unsound["new"]["kind"] = json!("damage");
    assert_eq!(problem(fixture.post(&ledger, unsound).await).await, "invalid");
    let back = json!({ "reversal": { "of": 1, "reference": "C-8" } });
    let reversed: Value = fixture.post(&ledger, back.clone()).await.json().await.unwrap();
    assert_eq!(
        (&reversed["balances"], &reversed["ledger"][1]["reverses"]),
        (&json!({ "EUR": 0 }), &json!(1))
    );
    assert_eq!(problem(fixture.post(&ledger, back).await).await, "wrong-state");
    let close = json!({ "note": "done" });
    let open = fixture.post(&of(&request, "/close"), close).await;
    assert_eq!(problem(open).await, "wrong-state", "nothing was stopped yet");
}
