//! Requests, suspicions, positions and bindings, as operators ask for them.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::super::model::{
    Alarm, Binding, Campaign, ImportReport, Page, Position, Problem, Request, Status, Suspicion,
    Terminal,
};
use super::super::now;
use super::enrolment;
use super::fixture::{Fixture, problem};
use crate::auth::Token;
use crate::provider::samples;
use crate::registry::audit::By;
use crate::registry::fleet::Operator;
use crate::registry::provider::NewRecord;

/// An operator besides ana.
pub(super) async fn operator(fixture: &Fixture, name: &str, seed: u8) -> Token {
    let token = Token::of(&[seed; 32]);
    let operator = Operator { name: name.into(), token_hash: token.digest(), created_at: now() };
    let by = By { who: "test".into(), why: String::new(), at: now() };
    fixture.api.registry.put_operator(&operator, &by).await.unwrap();
    token
}

pub(super) async fn post_as(fixture: &Fixture, token: &Token, path: &str, body: Value) -> Response {
    let request = fixture.client(None).post(fixture.url(path)).bearer_auth(token.expose());
    request.json(&body).send().await.unwrap()
}

async fn put(fixture: &Fixture, path: &str, body: Value) -> Response {
    fixture.operator(Method::PUT, path).json(&body).send().await.unwrap()
}

fn wish() -> Value {
    json!({
        "kind": "rebind", "requester": "cora", "channel": "telephone", "reason": "fee",
        "from": "alpha", "to": "beta", "where": "store=north", "fallback": "cash",
        "clause": "7.2",
    })
}

#[tokio::test]
async fn a_request_needs_another_person_at_every_step() {
    let fixture = Fixture::start().await;
    let ben = operator(&fixture, "ben", 8).await;
    let mut other = wish();
    other["reason"] = json!("other");
    assert_eq!(problem(fixture.post("/v1/requests", other).await).await, "invalid");
    let made = fixture.post("/v1/requests", wish()).await;
    assert_eq!(made.status(), 201);
    let made: Request = made.json().await.unwrap();
    let path = |action: &str| format!("/v1/requests/{}/{action}", made.id);
    let call = json!({"method": "call-back", "contact": "+49 30 1"});
    let own = fixture.post(&path("verify"), call.clone()).await;
    assert_eq!(problem(own).await, "same-person");
    let early = post_as(&fixture, &ben, &path("accept"), json!({})).await;
    assert_eq!(problem(early).await, "request-unverified");
    let nobody = json!({"method": "call-back", "contact": ""});
    assert_eq!(problem(post_as(&fixture, &ben, &path("verify"), nobody).await).await, "invalid");
    let verified = post_as(&fixture, &ben, &path("verify"), call).await;
    let verified: Request = verified.json().await.unwrap();
    assert_eq!(verified.verification.unwrap().by, "ben");
    let accepted = post_as(&fixture, &ben, &path("accept"), json!({"reason": "fine"})).await;
    assert_eq!(accepted.json::<Request>().await.unwrap().state, "accepted");
    let late = post_as(&fixture, &ben, &path("reject"), json!({})).await;
    assert_eq!(problem(late).await, "wrong-state");
    let suspect = json!({"request": made.id, "note": "they called again"});
    let raised: Suspicion = fixture.post("/v1/suspicions", suspect).await.json().await.unwrap();
    let frozen = fixture.get(&format!("/v1/requests/{}", made.id)).await;
    let frozen: Request = frozen.json().await.unwrap();
    assert_eq!(
        (frozen.state.as_str(), frozen.frozen_from.as_deref()),
        ("frozen", Some("accepted"))
    );
    let lift = format!("/v1/suspicions/{}/lift", raised.number);
    let why = json!({"reason": "it was them"});
    assert_eq!(fixture.post(&lift, why.clone()).await.status(), 200);
    assert_eq!(problem(fixture.post(&lift, why.clone()).await).await, "same-person");
    let lifted: Suspicion = post_as(&fixture, &ben, &lift, why).await.json().await.unwrap();
    assert_eq!(lifted.lifted.unwrap().by, "ben");
    let cancelled = fixture.post(&path("cancel"), json!({})).await;
    assert_eq!(cancelled.json::<Request>().await.unwrap().state, "cancelled");
    let listed: Page<Request> = fixture.get("/v1/requests").await.json().await.unwrap();
    assert_eq!(listed.items.len(), 1);
}

#[tokio::test]
async fn a_suspicion_names_one_thing_that_is_there() {
    let fixture = Fixture::start().await;
    let (claim, _) = fixture.claim("PX-1").await;
    let raise = async |body: Value| fixture.post("/v1/suspicions", body).await;
    let both = json!({"store": "north", "terminal": claim.terminal, "note": "x"});
    assert_eq!(problem(raise(both).await).await, "invalid");
    assert_eq!(problem(raise(json!({"note": "x"})).await).await, "invalid");
    assert_eq!(problem(raise(json!({"store": "north", "note": " "})).await).await, "invalid");
    let nowhere = json!({"store": "nowhere", "note": "x"});
    assert_eq!(problem(raise(nowhere).await).await, "not-found");
    assert_eq!(raise(json!({"store": "north", "note": "x"})).await.status(), 201);
    let lift = fixture.post("/v1/suspicions/99/lift", json!({"reason": "x"})).await;
    assert_eq!(problem(lift).await, "not-found");
    let open: Page<Suspicion> = fixture.get("/v1/suspicions").await.json().await.unwrap();
    assert_eq!(open.items.len(), 1);
}

fn tuple(tid: &str) -> Value {
    json!({
        "mid": "M-1", "tid": tid, "name": "Corner shop", "mcc": "5411", "currency": "EUR",
        "hosts": ["alpha.example:9001"],
    })
}

#[tokio::test]
async fn bindings_are_made_registered_switched_and_refused_by_name() {
    let fixture = Fixture::start().await;
    let lane = json!({"store": "north", "lane": "1", "fallback": "cash"});
    let position: Position = put(&fixture, "/v1/positions", lane).await.json().await.unwrap();
    assert_eq!(position.state, "planned");
    let bind = async |provider: &str, tuple: Value| {
        let body = json!({"position": position.id, "provider": provider, "tuple": tuple});
        fixture.post("/v1/bindings", body).await
    };
    assert_eq!(problem(bind("alpha", tuple("T 1")).await).await, "invalid");
    let old: Binding = bind("alpha", tuple("T-1")).await.json().await.unwrap();
    let new: Binding = bind("beta", tuple("T-1")).await.json().await.unwrap();
    assert_eq!(problem(bind("beta", tuple("T-2")).await).await, "binding-refused");
    let moves = async |moves: &[(&Binding, &str)]| {
        let moves: Vec<_> =
            moves.iter().map(|(it, step)| json!({"binding": it.id, "step": step})).collect();
        fixture.post("/v1/bindings/moves", json!({"moves": moves})).await
    };
    for reason in [json!(null), json!(" ")] {
        let moves = json!([{"binding": old.id, "step": "adopt"}]);
        let adopt = json!({"moves": moves, "reason": reason});
        let refused = fixture.post("/v1/bindings/moves", adopt).await;
        assert_eq!(problem(refused).await, "invalid", "nobody says why");
    }
    let adopt = async |binding: &Binding| {
        let moves = json!([{"binding": binding.id, "step": "adopt"}]);
        let adopt = json!({"moves": moves, "reason": "taken over from the old system"});
        fixture.post("/v1/bindings/moves", adopt).await
    };
    assert_eq!(adopt(&old).await.status(), 200);
    let unregistered = moves(&[(&new, "stage"), (&new, "register")]).await;
    assert_eq!(problem(unregistered).await, "not-registered");
    let registration = format!("/v1/bindings/{}/registration", new.id);
    let bare = put(&fixture, &registration, json!({"status": "registered"})).await;
    assert_eq!(problem(bare).await, "binding-refused");
    let noted = json!({"status": "registered", "reference": "R-1"});
    assert_eq!(put(&fixture, &registration, noted).await.status(), 200);
    assert_eq!(moves(&[(&new, "stage")]).await.status(), 200);
    assert_eq!(problem(adopt(&new).await).await, "binding-refused", "it is no draft any more");
    assert_eq!(moves(&[(&new, "register")]).await.status(), 200);
    let second = moves(&[(&new, "activate")]).await;
    assert_eq!(problem(second).await, "second-active-binding");
    let switched = moves(&[(&old, "stand-by"), (&new, "activate")]).await;
    let switched: Page<Binding> = switched.json().await.unwrap();
    let states: Vec<_> = switched.items.iter().map(|it| it.state.as_str()).collect();
    assert_eq!(states, ["standby", "active"]);
    let path = format!("/v1/bindings/{}/tuple", new.id);
    let other = put(&fixture, &path, json!({"seen": 1, "tuple": tuple("T-9")})).await;
    assert_eq!(problem(other).await, "tid-while-active");
    let mut renamed = tuple("T-1");
    renamed["name"] = json!("Other shop");
    let changed = put(&fixture, &path, json!({"seen": 1, "tuple": renamed})).await;
    assert_eq!(changed.json::<Binding>().await.unwrap().version.number, 2);
    let close = fixture.post(&format!("/v1/positions/{}/close", position.id), json!({})).await;
    assert_eq!(problem(close).await, "position-refused");
}

#[tokio::test]
async fn an_import_tells_all_mistakes_and_takes_more_than_other_requests() {
    let fixture = Fixture::start().await;
    let row = |line: u32| {
        let (lane, tuple) = (line.to_string(), tuple(&format!("T-{line}")));
        json!({"line": line, "store": "north", "lane": lane, "provider": "alpha", "tuple": tuple})
    };
    let import = async |rows: Vec<Value>| {
        let answer = fixture.post("/v1/bindings/import", json!({"rows": rows})).await;
        answer.json::<ImportReport>().await.unwrap()
    };
    let mut wrong: Vec<_> = (1..=3).map(row).collect();
    wrong[1]["tuple"]["mcc"] = json!("x");
    wrong[2]["serial"] = json!("PX-404");
    let told = import(wrong).await;
    assert!(!told.is_done);
    assert_eq!(told.mistakes.iter().map(|it| it.line).collect::<Vec<_>>(), [2, 3]);
    let listed: Page<Binding> = fixture.get("/v1/bindings").await.json().await.unwrap();
    assert_eq!(listed.items, []);
    let done = import((1..=700).map(row).collect()).await;
    assert_eq!((done.is_done, done.bound), (true, 700), "more than 64 KiB");
}

#[tokio::test]
async fn a_scheduled_request_is_taken_off_the_schedule_or_closed_when_its_campaign_is_over() {
    let fixture = Fixture::start().await;
    enrolment::newcomer(&fixture, "PX-1").await;
    let ben = operator(&fixture, "ben", 8).await;
    let made: Request = fixture.post("/v1/requests", wish()).await.json().await.unwrap();
    let path = |action: &str| format!("/v1/requests/{}/{action}", made.id);
    let decide = async |action: &str| fixture.post(&path(action), json!({"reason": "x"})).await;
    for action in ["unschedule", "close"] {
        let refused: Problem = decide(action).await.json().await.unwrap();
        assert_eq!((refused.status, refused.kind.rsplit(':').next()), (409, Some("wrong-state")));
        assert!(refused.detail.starts_with(&format!("request {}: ", made.id)), "{refused:?}");
    }
    let call = json!({"method": "call-back", "contact": "+49 30 1"});
    assert_eq!(post_as(&fixture, &ben, &path("verify"), call).await.status(), 200);
    assert_eq!(post_as(&fixture, &ben, &path("accept"), json!({})).await.status(), 200);
    for end in ["unschedule", "close"] {
        let ping = json!({"change": {"ping": {}}, "where": "*", "max_parallel": 1});
        let campaign: Campaign =
            fixture.post("/v1/campaigns", ping).await.json().await.expect("it is created");
        let by = By { who: "plan".into(), why: String::new(), at: now() };
        let scheduled = fixture.api.registry.schedule_request(made.id, campaign.id, &by).await;
        scheduled.unwrap().unwrap();
        assert_eq!(problem(decide(end).await).await, "wrong-state", "the campaign is not over");
        let abort = format!("/v1/campaigns/{}/abort", campaign.id);
        assert_eq!(fixture.post(&abort, json!({})).await.status(), 200);
        let ended: Request = decide(end).await.json().await.unwrap();
        let expected = if end == "close" { "closed" } else { "accepted" };
        assert_eq!((ended.state.as_str(), ended.state_by.as_str()), (expected, "ana"));
    }
    assert_eq!(problem(decide("close").await).await, "wrong-state");
    let unknown = "/v1/requests/req-0192f0c1d2e34f5061728394a5b6c7d8/close";
    let unknown: Problem = fixture.post(unknown, json!({})).await.json().await.unwrap();
    assert_eq!(unknown.hint.as_deref(), Some("`tillward request list` lists those that are known"));
}

#[tokio::test]
async fn what_is_suspicious_or_runs_out_is_counted_and_named() {
    let fixture = Fixture::start().await;
    let status = async || -> Status { fixture.get("/v1/status").await.json().await.unwrap() };
    let quiet = status().await;
    assert_eq!((quiet.suspicions.count, quiet.provider_alerts.count), (0, 0));
    let (claim, _) = fixture.claim("PX-1").await;
    let made: Request = fixture.post("/v1/requests", wish()).await.json().await.unwrap();
    let scopes = [json!({"terminal": claim.terminal}), json!({"request": made.id})];
    for (number, mut scope) in (1..).zip(scopes) {
        scope["note"] = json!(format!("call {number}"));
        assert_eq!(fixture.post("/v1/suspicions", scope).await.status(), 201);
    }
    let (mut seen, many) = (Vec::new(), 12);
    let day = samples::day("2020-01-01");
    for number in 1..=many {
        let mut provider = samples::provider();
        let licence = provider.licence.as_mut().unwrap();
        (licence.valid_from, licence.valid_until) = (day, day.plus_days(number));
        provider.certificates.clear();
        let (key, document) = (format!("p{number}"), provider.into());
        seen.push(NewRecord { key, document, seen: 0 });
    }
    let by = By { who: "ana".into(), why: String::new(), at: now() };
    fixture.api.registry.put_records(&seen, &by).await.unwrap();
    let loud = status().await;
    assert_eq!((loud.suspicions.count, loud.alarms), (2, 2));
    let notes: Vec<_> = loud.suspicions.first.iter().map(|it| it.note.as_str()).collect();
    assert_eq!(notes, ["call 2", "call 1"]);
    assert_eq!((loud.provider_alerts.count, loud.provider_alerts.first.len()), (12, 10));
    assert_eq!(loud.provider_alerts.first[0].key, "p1", "the one that is over for longest");
    let alarms: Page<Alarm> = fixture.get("/v1/alarms").await.json().await.unwrap();
    let terminals: Vec<_> = alarms.items.iter().map(|it| it.terminal).collect();
    assert_eq!(terminals, [None, Some(claim.terminal)]);
    let terminals: Page<Terminal> = fixture.get("/v1/terminals").await.json().await.unwrap();
    assert!(terminals.items[0].is_frozen);
}

#[tokio::test]
async fn a_mid_is_one_of_its_provider_and_it_is_said_where_that_is_not_known() {
    let fixture = Fixture::start().await;
    let document = samples::provider().into();
    let new = NewRecord { key: "alpha".to_owned(), document, seen: 0 };
    let by = By { who: "ana".into(), why: String::new(), at: now() };
    fixture.api.registry.put_records(&[new], &by).await.unwrap();
    let lane = json!({"store": "north", "lane": "1"});
    let position: Position = put(&fixture, "/v1/positions", lane).await.json().await.unwrap();
    let bind = async |provider: &str, mid: &str| {
        let mut tuple = tuple("T-1");
        tuple["mid"] = json!(mid);
        let body = json!({"position": position.id, "provider": provider, "tuple": tuple});
        fixture.post("/v1/bindings", body).await
    };
    let wrong: Problem = bind("alpha", "105440158120001").await.json().await.unwrap();
    for said in ["`105`", "`898`", "`5812`", "`5411`"] {
        assert!(wrong.detail.contains(said), "{said}: {}", wrong.detail);
    }
    let known: Binding = bind("alpha", "898440154110001").await.json().await.unwrap();
    assert_eq!(known.remarks, Vec::<String>::new());
    let unknown: Binding = bind("beta", "105440158120001").await.json().await.unwrap();
    let remark = "provider `beta` is not in the registry: its MIDs were not checked";
    assert_eq!(unknown.remarks, [remark]);
    let change = async |binding: &Binding, mid: &str| {
        let mut tuple = tuple("T-1");
        tuple["mid"] = json!(mid);
        let path = format!("/v1/bindings/{}/tuple", binding.id);
        put(&fixture, &path, json!({"seen": 1, "tuple": tuple})).await
    };
    assert_eq!(problem(change(&known, "M-1").await).await, "invalid");
    let changed: Binding = change(&unknown, "M-1").await.json().await.unwrap();
    assert_eq!((changed.version.number, changed.remarks.as_slice()), (2, &[remark.to_owned()][..]));
    let shown: Binding =
        fixture.get(&format!("/v1/bindings/{}", unknown.id)).await.json().await.unwrap();
    assert_eq!(shown.remarks, Vec::<String>::new(), "it is said once, to who sets it");
    let row = |line: u32, provider: &str| {
        let (lane, tuple) = (format!("{line}"), tuple(&format!("T-{line}")));
        json!({"line": line, "store": "south", "lane": lane, "provider": provider, "tuple": tuple})
    };
    let import = async |rows: Value| {
        let answer = fixture.post("/v1/bindings/import", json!({"rows": rows})).await;
        answer.json::<ImportReport>().await.unwrap()
    };
    let told = import(json!([row(2, "alpha"), row(3, "gamma")])).await;
    assert_eq!(told.mistakes.iter().map(|it| it.line).collect::<Vec<_>>(), [2]);
    let told = import(json!([row(3, "gamma"), row(4, "gamma")])).await;
    assert!(told.is_done);
    assert_eq!(told.remarks, [remark.replace("beta", "gamma")], "each provider once");
}
