//! Stores, windows and freezes, as operators describe and import them.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::fixture::{Fixture, problem};
use crate::registry::conformance::enrol;

/// The store of the terminals that [`enrol`] makes.
const STORE: &str = "berlin-1";

async fn describe(fixture: &Fixture, store: &str, described: Value) -> Response {
    let path = format!("/v1/stores/{store}");
    fixture.operator(Method::PUT, &path).json(&described).send().await.unwrap()
}

async fn import(fixture: &Fixture, query: &str, text: &str) -> Response {
    let request = fixture.operator(Method::POST, &format!("/v1/calendars/import?{query}"));
    let request = request.header(CONTENT_TYPE, "text/calendar").body(text.to_owned());
    request.send().await.unwrap()
}

async fn answer(response: Response) -> Value {
    assert!(response.status().is_success(), "{}", response.status());
    response.json().await.unwrap()
}

async fn standing(fixture: &Fixture, query: &str) -> Vec<Value> {
    let found = answer(fixture.get(&format!("/v1/calendars?{query}")).await).await;
    found["items"].as_array().unwrap().clone()
}

/// Of events with these uids; each begins on the fourth line after the one before.
fn file(uids: &[&str]) -> String {
    let event = |uid: &&str| {
        format!(
            "BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTART:20261220T000000\r\nDTEND:20261227T000000\r\n\
             END:VEVENT\r\n"
        )
    };
    let events: String = uids.iter().map(event).collect();
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n")
}

#[tokio::test]
async fn only_operators_ask_about_stores_and_calendars() {
    let fixture = Fixture::start().await;
    for path in ["/v1/stores", "/v1/stores/x", "/v1/calendars", "/v1/calendars/export"] {
        let nobody = fixture.client(None).get(fixture.url(path)).send().await.unwrap();
        assert_eq!(problem(nobody).await, "token-missing", "{path}");
    }
}

#[tokio::test]
async fn a_store_is_described_as_it_was_seen() {
    let fixture = Fixture::start().await;
    enrol(&*fixture.api.registry, 1, 1).await;
    let described = json!({
        "seen_version": 0, "region": "coast", "at_once_max": 2, "fallback": "cash",
        "reason": "they asked",
    });
    let store = answer(describe(&fixture, STORE, described.clone()).await).await;
    assert_eq!((&store["region"], &store["version"]), (&json!("coast"), &json!(1)));
    assert_eq!(problem(describe(&fixture, STORE, described).await).await, "document-moved");
    let with = |field: &str, value: Value| {
        let mut described = json!({ "seen_version": 1 });
        described[field] = value;
        described
    };
    let wrong = [
        with("at_once_max", json!(0)),
        with("region", json!(" coast")),
        with("fallback", json!("")),
    ];
    for described in wrong {
        assert_eq!(problem(describe(&fixture, STORE, described).await).await, "invalid");
    }
    assert_eq!(
        problem(describe(&fixture, "nowhere", with("region", json!("a"))).await).await,
        "not-found"
    );
    let selected = answer(fixture.get("/v1/terminals?where=region%3Dcoast").await).await;
    assert_eq!(selected["items"].as_array().unwrap().len(), 1);
    let cleared = answer(describe(&fixture, STORE, json!({ "seen_version": 1 })).await).await;
    assert_eq!((&cleared["region"], &cleared["at_once_max"]), (&Value::Null, &Value::Null));
    let listed = answer(fixture.get("/v1/stores").await).await;
    assert_eq!(listed["items"], json!([cleared]));
}

#[tokio::test]
async fn a_file_is_taken_whole_or_not_at_all() {
    let fixture = Fixture::start().await;
    let freeze = "kind=freeze&scope=fleet";
    let mistaken = file(&["a", "b"]).replace("UID:b\r\nDTSTART:20261220T000000", "UID:b\r\nX:y");
    let refused = import(&fixture, freeze, &mistaken).await;
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(refused["type"], "urn:tillward:problem:file-refused");
    let detail = refused["detail"].as_str().unwrap();
    assert_eq!(
        detail,
        "nothing of the file was taken:\nline 8: an event has one `DTSTART`, and \
        this one has none"
    );
    assert!(standing(&fixture, "").await.is_empty());

    let what = |report: &Value| {
        let entries = report["entries"].as_array().unwrap().iter();
        entries.map(|it| it["what"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let two = file(&["a", "b"]);
    let dry = answer(import(&fixture, &format!("{freeze}&dry_run=true"), &two).await).await;
    assert_eq!(what(&dry), ["new", "new"]);
    assert!(standing(&fixture, "").await.is_empty());
    assert_eq!(what(&answer(import(&fixture, freeze, &two).await).await), ["new", "new"]);
    let later = file(&["a", "b", "c"]).replacen("20261227", "20261228", 1);
    let report = answer(import(&fixture, freeze, &later).await).await;
    assert_eq!(what(&report), ["replaced", "unchanged", "new"]);
    let a = standing(&fixture, "uid=a").await;
    assert_eq!((&a[0]["version"], &a[0]["to"]), (&json!(2), &json!("2026-12-28T00:00:00")));
    assert_eq!(standing(&fixture, "uid=a&ended=true").await.len(), 2);

    let nowhere = import(&fixture, "kind=freeze&scope=region&subject=coast", &two).await;
    assert_eq!(problem(nowhere).await, "not-found");
    for query in ["kind=freeze&scope=store", "kind=freeze&scope=fleet&subject=a"] {
        assert_eq!(problem(import(&fixture, query, &two).await).await, "invalid", "{query}");
    }
    for query in ["scope=fleet", "kind=often&scope=fleet"] {
        assert_eq!(problem(import(&fixture, query, &two).await).await, "bad-request", "{query}");
    }
}

#[tokio::test]
async fn what_is_exported_can_be_imported_again() {
    let fixture = Fixture::start().await;
    enrol(&*fixture.api.registry, 1, 1).await;
    answer(import(&fixture, "kind=freeze&scope=fleet", &file(&["a", "b"])).await).await;
    let exported = fixture.get("/v1/calendars/export").await;
    assert_eq!(exported.headers()[CONTENT_TYPE], "text/calendar; charset=utf-8");
    let text = exported.text().await.unwrap();
    let own = format!("kind=download&scope=store&subject={STORE}");
    let report = answer(import(&fixture, &own, &text).await).await;
    assert_eq!(report["entries"][0]["kind"], "freeze", "as the file says, not as is asked");
    let twice = fixture.get("/v1/calendars/export").await;
    assert_eq!(problem(twice).await, "invalid", "one name would stand twice in the file");
    let one = fixture.get("/v1/calendars/export?scope=fleet&kind=freeze").await;
    assert_eq!(one.text().await.unwrap().matches("BEGIN:VEVENT").count(), 2);
}

#[tokio::test]
async fn one_window_is_added_shown_and_removed() {
    let fixture = Fixture::start().await;
    enrol(&*fixture.api.registry, 1, 1).await;
    let nights = json!({
        "scope": "store", "subject": STORE, "kind": "activation", "summary": "Nights",
        "from": "2026-01-05 22:00", "to": "2026-01-06 06:00", "repeat": "FREQ=DAILY",
    });
    let added = answer(fixture.post("/v1/calendars", nights.clone()).await).await;
    assert!(added["uid"].as_str().unwrap().starts_with("activation-"), "{added}");
    let store = answer(fixture.get(&format!("/v1/stores/{STORE}")).await).await;
    assert_eq!(store["calendars"][0]["uid"], added["uid"]);
    assert_eq!(store["hours"][0]["zone"], "Europe/Berlin");
    assert_eq!(store["hours"][0]["download"]["is_open"], true);

    let mut wrong = nights.clone();
    wrong["to"] = json!("2026-01-05 21:00");
    assert_eq!(problem(fixture.post("/v1/calendars", wrong).await).await, "invalid");
    let mut stranger = nights;
    stranger["subject"] = json!("nowhere");
    assert_eq!(problem(fixture.post("/v1/calendars", stranger).await).await, "not-found");

    let number = added["number"].as_u64().unwrap();
    let remove = async || {
        let path = format!("/v1/calendars/{number}/remove");
        fixture.post(&path, json!({ "reason": "they sell at night" })).await
    };
    let removed = answer(remove().await).await;
    assert_eq!(removed["ended"]["reason"], "they sell at night");
    assert_eq!(problem(remove().await).await, "wrong-state");
    let shown = answer(fixture.get(&format!("/v1/calendars/{number}")).await).await;
    assert_eq!(shown["ended"]["by"], removed["ended"]["by"]);
    assert_eq!(problem(fixture.get("/v1/calendars/99").await).await, "not-found");
    assert_eq!(problem(fixture.get("/v1/calendars?zone=Mars").await).await, "invalid");
    assert_eq!(problem(fixture.get("/v1/calendars?subject=a").await).await, "invalid");
}
