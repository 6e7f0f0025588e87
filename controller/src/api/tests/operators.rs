//! What operators may ask, and what they are told when they may not.

use reqwest::Method;
use serde_json::{Value, json};
use shared::claim::Seed;
use shared::digest::Digest;
use shared::document::release::{Artifact, Health, Settlement};
use shared::document::{FORMAT, Release};
use shared::signature::Envelope;

use super::super::now;
use super::fixture::{Fixture, claim_of, key, problem, roster};
use crate::auth::Token;
use crate::terminal::label::LABELS_MAX;

#[tokio::test]
async fn only_an_operators_token_opens_the_operators_doors() {
    let fixture = Fixture::start().await;
    let operations = [
        (Method::GET, "/v1/status"),
        (Method::GET, "/v1/claims"),
        (Method::POST, "/v1/claims"),
        (Method::GET, "/v1/terminals"),
        (Method::GET, "/v1/terminals/trm-00000000000000000000000000000000"),
        (Method::GET, "/v1/releases"),
        (Method::POST, "/v1/releases"),
        (Method::GET, "/v1/rosters"),
        (Method::POST, "/v1/rosters"),
        (Method::GET, "/v1/alarms"),
        (Method::GET, "/v1/audit"),
        (
            Method::PUT,
            "/v1/artifacts/0000000000000000000000000000000000000000000000000000000000000000",
        ),
    ];
    let terminal = fixture.authority.terminal(shared::id::TerminalId::generate());
    let other = Token::of(&[8; 32]);
    for (method, path) in operations {
        let ask = |client: reqwest::Client| client.request(method.clone(), fixture.url(path));
        let nobody = ask(fixture.client(None)).send().await.unwrap();
        assert_eq!(problem(nobody).await, "token-missing", "{method} {path}");
        let terminal = ask(fixture.client(Some(&terminal))).send().await.unwrap();
        assert_eq!(problem(terminal).await, "token-missing", "{method} {path}");
        for token in [other.expose(), "tillward_", "x"] {
            let stranger = ask(fixture.client(None)).bearer_auth(token).send().await.unwrap();
            assert_eq!(problem(stranger).await, "token-unknown", "{method} {path} `{token}`");
        }
    }
}

#[tokio::test]
async fn the_status_says_how_the_controller_does() {
    let fixture = Fixture::start().await;
    fixture.claim("PX-1").await;
    let status: Value = fixture.get("/v1/status").await.json().await.unwrap();
    assert_eq!(status["registry"], "sqlite");
    assert_eq!(status["roster_version"], 1);
    assert_eq!(status["terminals"]["claimed"], 1);
    assert_eq!(status["broker"]["address"], "mqtt.example:8883");
}

#[tokio::test]
async fn claims_that_make_no_sense_are_refused_and_nothing_is_stored() {
    let fixture = Fixture::start().await;
    let seed = Seed::new([1; 20]);
    let wrong = [
        ("serial", json!("PX 1")),
        ("serial", json!("")),
        ("serial", json!("x".repeat(65))),
        ("store", json!("")),
        ("store", json!("a=b")),
        ("model", json!("px 7")),
        ("model", json!("x".repeat(65))),
        ("zone", json!("Mars/Olympus")),
        ("zone", json!("")),
        ("lane", json!("1 & 2")),
        ("labels", json!({ "a b": "c" })),
        ("ttl_s", json!(0)),
        ("ttl_s", json!(72 * 3600 + 1)),
    ];
    for (field, value) in wrong {
        let mut claim = claim_of("PX-1", &seed);
        claim[field] = value.clone();
        let refused = fixture.post("/v1/claims", claim).await;
        assert_eq!(problem(refused).await, "invalid", "{field}: {value}");
    }
    for (field, value) in [("claim_key", json!("abc")), ("colour", json!("blue"))] {
        let mut claim = claim_of("PX-1", &seed);
        claim[field] = value;
        assert_eq!(problem(fixture.post("/v1/claims", claim).await).await, "bad-request");
    }
    let listed: Value = fixture.get("/v1/claims").await.json().await.unwrap();
    assert_eq!(listed, json!({ "items": [], "next": null }));
}

#[tokio::test]
async fn a_terminal_has_at_most_so_many_labels_and_some_go_as_others_come() {
    let fixture = Fixture::start().await;
    let id = fixture.claim("PX-1").await.0.terminal;
    let label = async |labels: Value| {
        let path = format!("/v1/terminals/{id}/labels");
        fixture.operator(Method::PUT, &path).json(&json!({ "labels": labels })).send().await
    };
    let many = |keys: std::ops::Range<usize>| -> Value {
        let pairs = keys.map(|it| (format!("k{it:02}"), Value::from("v")));
        pairs.collect::<serde_json::Map<_, _>>().into()
    };
    let too_long = label(many(0..LABELS_MAX + 1)).await.unwrap();
    assert_eq!(problem(too_long).await, "invalid");
    assert_eq!(label(many(0..LABELS_MAX)).await.unwrap().status(), 200);
    let refused = label(json!({ "one-more": "v" })).await.unwrap();
    assert_eq!(problem(refused).await, "invalid");
    let moved = label(json!({ "k00": null, "k01": "v", "one-more": "v" })).await.unwrap();
    let moved: Value = moved.json().await.unwrap();
    assert_eq!(moved["labels"].as_object().unwrap().len(), LABELS_MAX);
    for wrong in [json!({ "a b": "c" }), json!({ "a": "b,c" }), json!({ "a=": null })] {
        assert_eq!(problem(label(wrong).await.unwrap()).await, "invalid");
    }
    let audit: Value = fixture.get("/v1/audit").await.json().await.unwrap();
    let entries = audit["items"].as_array().unwrap();
    let last = entries.iter().rfind(|it| it["what"] == "terminal-labelled").unwrap();
    assert_eq!(last["object"], format!("{id} k00- one-more=v"), "what did not change is not said");
    let nobody = "/v1/terminals/trm-00000000000000000000000000000000/labels";
    let nobody = fixture.operator(Method::PUT, nobody).json(&json!({ "labels": {} })).send().await;
    assert_eq!(problem(nobody.unwrap()).await, "not-found");
}

#[tokio::test]
async fn lists_come_in_pages_that_lead_to_one_another() {
    let fixture = Fixture::start().await;
    for number in 0..5 {
        fixture.claim(&format!("PX-{number}")).await;
    }
    let mut serials = Vec::new();
    let mut path = "/v1/terminals?limit=2".to_owned();
    loop {
        let page: Value = fixture.get(&path).await.json().await.unwrap();
        let items = page["items"].as_array().unwrap();
        serials.extend(items.iter().map(|item| item["serial"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/terminals?limit=2&after={next}");
    }
    serials.sort();
    assert_eq!(serials, ["PX-0", "PX-1", "PX-2", "PX-3", "PX-4"]);
    for wrong in ["limit=0", "limit=1001", "limit=many", "after=PX-1"] {
        let refused = fixture.get(&format!("/v1/terminals?{wrong}")).await;
        assert_eq!(problem(refused).await, "bad-request", "{wrong}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found_by_name() {
    let fixture = Fixture::start().await;
    let terminal = fixture.get("/v1/terminals/trm-00000000000000000000000000000000").await;
    assert_eq!(problem(terminal).await, "not-found");
    assert_eq!(problem(fixture.get("/v1/terminals/PX-1").await).await, "bad-request");
    assert_eq!(problem(fixture.get("/v2/terminals").await).await, "not-found");
    assert_eq!(problem(fixture.post("/v1/status", json!({})).await).await, "method-not-allowed");
    let text = fixture.operator(Method::POST, "/v1/claims").body("{}").send().await.unwrap();
    assert_eq!(problem(text).await, "unsupported-media-type");
}

fn release(artifact: &[u8]) -> Release {
    Release {
        format: FORMAT,
        component: "pos".into(),
        version: "2.0.0".into(),
        security_counter: 2,
        models: vec!["px7".into()],
        artifact: Artifact {
            sha256: Digest::of(artifact),
            size: artifact.len() as u64,
            unpacked_size: 100,
            entries: 1,
        },
        from_counter_min: 1,
        raise_floor_to: None,
        settlement: Settlement::NotNeeded,
        health: Health { stable_s: 1, within_s: 10 },
        issued_at: now(),
        expires_at: now().plus(std::time::Duration::from_secs(1000)),
    }
}

/// A release with this artifact, signed by everybody and published.
pub(super) async fn publish(fixture: &Fixture, artifact: &[u8]) -> Digest {
    let path = format!("/v1/artifacts/{}", Digest::of(artifact));
    let put = fixture.operator(Method::PUT, &path).body(artifact.to_vec()).send().await.unwrap();
    assert_eq!(put.status(), 201);
    let mut document = Envelope::unsigned(release(artifact));
    fixture.release_keys.iter().for_each(|key| document.sign(fixture.authority.fleet, key));
    let request = fixture.operator(Method::POST, "/v1/releases").body(document.to_bytes());
    assert_eq!(request.send().await.unwrap().status(), 201);
    document.digest()
}

#[tokio::test]
async fn a_release_is_published_only_with_its_artifact_and_enough_signatures() {
    let fixture = Fixture::start().await;
    let fleet = fixture.authority.fleet;
    let publish = async |release: &Envelope<Release>| {
        let request = fixture.operator(Method::POST, "/v1/releases").body(release.to_bytes());
        request.header("content-type", "application/cbor").send().await.unwrap()
    };
    let bytes = b"the new till";
    let mut document = Envelope::unsigned(release(bytes));
    assert_eq!(problem(publish(&document).await).await, "signatures-missing");
    document.sign(fleet, &fixture.release_keys[0]);
    document.sign(fleet, &key(1)); // a root key is not a release key
    document.sign(fleet, &key(99)); // nobody's
    assert_eq!(problem(publish(&document).await).await, "signatures-missing");
    document.sign(fleet, &fixture.release_keys[1]);
    assert_eq!(problem(publish(&document).await).await, "artifact-missing");

    let path = format!("/v1/artifacts/{}", Digest::of(bytes));
    let stored = fixture.operator(Method::PUT, &path).body(bytes.to_vec()).send().await.unwrap();
    assert_eq!(stored.status(), 201);
    let published = publish(&document).await;
    assert_eq!(published.status(), 201);
    let published: Value = published.json().await.unwrap();
    assert_eq!(published["version"], "2.0.0");
    assert_eq!(published["published_by"], "ana");
    assert_eq!(published["signed_by"].as_array().unwrap().len(), 2);
    let shown = fixture.get(&format!("/v1/releases/{}", document.digest())).await;
    assert_eq!(shown.json::<Value>().await.unwrap(), published);

    let mut lying = release(bytes);
    lying.artifact.size += 1;
    let mut lying = Envelope::unsigned(lying);
    fixture.release_keys.iter().for_each(|key| lying.sign(fleet, key));
    assert_eq!(problem(publish(&lying).await).await, "artifact-mismatch");
    let mut stale = release(bytes);
    stale.expires_at = now();
    let mut stale = Envelope::unsigned(stale);
    fixture.release_keys.iter().for_each(|key| stale.sign(fleet, key));
    assert_eq!(problem(publish(&stale).await).await, "invalid");
    let mut foreign = Envelope::unsigned(release(bytes));
    let elsewhere = shared::id::FleetId::generate();
    fixture.release_keys.iter().for_each(|key| foreign.sign(elsewhere, key));
    assert_eq!(problem(publish(&foreign).await).await, "signatures-missing");
    let garbage = fixture.operator(Method::POST, "/v1/releases").body("garbage");
    assert_eq!(problem(garbage.send().await.unwrap()).await, "invalid");
}

#[tokio::test]
async fn a_roster_is_taken_only_if_it_follows_and_enough_root_keys_signed_it() {
    let fixture = Fixture::start().await;
    let fleet = fixture.authority.fleet;
    let newest = fixture.api.registry.newest_roster().await.unwrap().unwrap();
    let add = async |bytes: Vec<u8>| {
        fixture.operator(Method::POST, "/v1/rosters").body(bytes).send().await.unwrap()
    };
    let second = roster(fleet, 2, Some(newest.digest));
    let mut lonely = Envelope::unsigned(second.document.clone());
    lonely.sign(fleet, &key(1));
    assert_eq!(problem(add(lonely.to_bytes()).await).await, "signatures-missing");
    let gap = roster(fleet, 3, Some(newest.digest));
    assert_eq!(problem(add(gap.to_bytes()).await).await, "invalid");
    let other_past = roster(fleet, 2, Some(Digest::of(b"other")));
    assert_eq!(problem(add(other_past.to_bytes()).await).await, "invalid");
    let foreign = roster(shared::id::FleetId::generate(), 2, Some(newest.digest));
    assert_eq!(problem(add(foreign.to_bytes()).await).await, "invalid");

    assert_eq!(add(second.to_bytes()).await.status(), 201);
    assert_eq!(add(second.to_bytes()).await.status(), 201, "again changes nothing");
    let listed: Value = fixture.get("/v1/rosters").await.json().await.unwrap();
    let versions = listed["items"].as_array().unwrap().iter().map(|item| item["version"].clone());
    assert_eq!(versions.collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn the_audit_trail_names_who_did_what() {
    let fixture = Fixture::start().await;
    fixture.claim("PX-1").await;
    let audit: Value = fixture.get("/v1/audit?limit=1000").await.json().await.unwrap();
    let entries = audit["items"].as_array().unwrap();
    let claimed = entries.iter().find(|entry| entry["who"] == "ana").expect("ana claimed it");
    assert!(claimed["what"].as_str().unwrap().contains("claim"), "{claimed}");
}
