//! Providers over HTTP: files in and out, versions, what people vouch for.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::fixture::{Fixture, problem};
use super::requests::{operator, post_as};
use crate::provider::files::{self, Format};
use crate::provider::{Known, samples};

fn file(format: Format) -> String {
    let all = samples::all().into_iter();
    let known: Vec<_> = all.map(|(key, document)| samples::known(&key, document)).collect();
    // As for a registry that has none of it: no version is named.
    let text = files::write(format, &known);
    match format {
        Format::Toml => text.replace("version = 1\n", ""),
        Format::Csv => text,
    }
}

async fn import(fixture: &Fixture, query: &str, body: String) -> reqwest::Response {
    let path = format!("/v1/providers/import?{query}");
    fixture.operator(Method::POST, &path).body(body).send().await.unwrap()
}

async fn json_of(fixture: &Fixture, path: &str) -> Value {
    fixture.get(path).await.json().await.unwrap()
}

#[tokio::test]
async fn a_file_is_taken_whole_and_comes_back_equal() {
    let fixture = Fixture::start().await;
    let dry = import(&fixture, "format=toml&dry_run=true", file(Format::Toml)).await;
    assert_eq!(dry.status(), StatusCode::OK, "{}", dry.text().await.unwrap());
    let none = json_of(&fixture, "/v1/providers/records/provider").await;
    assert_eq!(none["items"], json!([]), "a dry run changes nothing");
    let report: Value =
        import(&fixture, "format=toml&why=first", file(Format::Toml)).await.json().await.unwrap();
    let changes = report["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 6);
    assert!(changes.iter().all(|it| it["what"] == "new" && it["version"] == 1), "{report}");
    for format in ["csv", "toml"] {
        let path = format!("/v1/providers/export?format={format}");
        let text = fixture.get(&path).await.text().await.unwrap();
        let again: Value =
            import(&fixture, &format!("format={format}"), text).await.json().await.unwrap();
        let changes = again["changes"].as_array().unwrap();
        assert!(changes.iter().all(|it| it["what"] == "unchanged"), "{again}");
    }
    let audit = json_of(&fixture, "/v1/audit").await;
    let entry = audit["items"].as_array().unwrap().iter().find(|it| it["what"] == "fees-set");
    let entry = entry.unwrap();
    assert_eq!((&entry["who"], &entry["object"]), (&json!("ana"), &json!("alpha-2026")));
    assert!(entry["detail"].as_str().unwrap().ends_with("; first"), "{entry}");
}

#[tokio::test]
async fn a_file_with_one_mistake_changes_nothing_and_says_all() {
    let fixture = Fixture::start().await;
    let text = "kind,key,lowest,highest\nband,a,1,2\nband,b,3,2\nband,c,x,2\n".to_owned();
    let refused = import(&fixture, "format=csv", text).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let said: Value = refused.json().await.unwrap();
    assert_eq!(said["type"], "urn:tillward:problem:file-refused");
    let detail = said["detail"].as_str().unwrap();
    assert!(detail.contains("line 3: ") && detail.contains("line 4: "), "{detail}");
    let bands = json_of(&fixture, "/v1/providers/records/band").await;
    assert_eq!(bands["items"], json!([]));
    let large = "x".repeat(files::FILE_BYTES_MAX + 1);
    assert_eq!(problem(import(&fixture, "format=csv", large).await).await, "too-large");
}

#[tokio::test]
async fn a_document_changes_only_as_it_was_seen() {
    let fixture = Fixture::start().await;
    let path = "/v1/providers/records/band/standard";
    let put = async |highest: u16, seen: u32| {
        let body = json!({
            "document": {"kind": "band", "lowest": 1, "highest": highest},
            "seen_version": seen, "why": "agreed",
        });
        fixture.operator(Method::PUT, path).json(&body).send().await.unwrap()
    };
    for (highest, seen) in [(10, 0), (20, 1)] {
        assert_eq!(put(highest, seen).await.status(), StatusCode::OK);
    }
    assert_eq!(problem(put(30, 1).await).await, "document-moved");
    assert_eq!(problem(put(0, 2).await).await, "invalid");
    let old = json_of(&fixture, &format!("{path}?version=1")).await;
    assert_eq!(old["document"]["highest"], 10);
    let gone = fixture.get(&format!("{path}?version=3")).await;
    assert_eq!(problem(gone).await, "not-found");
    let history = json_of(&fixture, &format!("{path}/history")).await;
    let versions: Vec<_> = history["items"].as_array().unwrap().iter().collect();
    assert_eq!([&versions[0]["version"], &versions[1]["version"]], [2, 1]);
    let other = fixture.operator(Method::PUT, "/v1/providers/records/model/x");
    let body = json!({
        "document": {"kind": "band", "lowest": 1, "highest": 2}, "seen_version": 0, "why": "",
    });
    assert_eq!(problem(other.json(&body).send().await.unwrap()).await, "invalid");
}

#[tokio::test]
async fn what_is_in_the_way_of_a_provider_goes_when_somebody_vouches() {
    let fixture = Fixture::start().await;
    import(&fixture, "format=toml", file(Format::Toml)).await;
    let path = "/v1/providers/records/provider/alpha";
    let before = json_of(&fixture, path).await;
    assert_eq!(before["findings"].as_array().unwrap().len(), 1, "{before}");
    let vouch = async |matter: &str, why: &str| {
        let body = json!({"matter": matter, "seen_version": 1, "why": why});
        let path = format!("{path}/vouch");
        fixture.operator(Method::POST, &path).json(&body).send().await.unwrap()
    };
    assert_eq!(problem(vouch("licence", " ").await).await, "invalid");
    assert_eq!(problem(vouch("legal", "x").await).await, "invalid");
    assert_eq!(problem(vouch("licence", "register").await).await, "same-person", "she wrote it");
    let body = json!({"matter": "licence", "seen_version": 1, "why": "register"});
    let ben = operator(&fixture, "ben", 8).await;
    let after = post_as(&fixture, &ben, &format!("{path}/vouch"), body).await;
    let after: Value = after.json().await.unwrap();
    assert_eq!(after["findings"], json!([]));
    assert_eq!(after["vouches"][0]["by"], "ben");
    assert_eq!(after["vouches"][0]["counts"], true);
    let fees = "/v1/providers/records/fees/alpha-2026/vouch";
    let body = json!({"matter": "fees", "seen_version": 1, "why": "x"});
    let inside = fixture.operator(Method::POST, fees).json(&body).send().await.unwrap();
    assert_eq!(problem(inside).await, "wrong-state");
}

#[tokio::test]
async fn an_alert_that_was_seen_is_not_told_again() {
    let fixture = Fixture::start().await;
    let mut contract = samples::contract();
    contract.starts_on = samples::day("2020-01-01");
    contract.ends_on = samples::day("2020-12-31");
    contract.deposit = None;
    let all = samples::all().into_iter().take(2);
    let mut known: Vec<Known<_>> = all.map(|(key, it)| samples::known(&key, it)).collect();
    known.push(samples::known("old", contract.into()));
    let text = files::write(Format::Toml, &known).replace("version = 1\n", "");
    assert_eq!(import(&fixture, "format=toml", text).await.status(), StatusCode::OK);
    let ids = async || {
        let alerts = json_of(&fixture, "/v1/providers/alerts").await;
        let alerts = alerts["items"].as_array().unwrap().clone();
        let old = alerts.iter().filter(|it| it["key"] == "old");
        old.map(|it| it["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let id = "contract.old.2020-12-31.over";
    assert_eq!(ids().await, [id]);
    let seen = async |id: &str| {
        let path = format!("/v1/providers/alerts/{id}/seen");
        fixture.operator(Method::POST, &path).send().await.unwrap()
    };
    assert_eq!(problem(seen("nothing").await).await, "not-found");
    assert_eq!(seen(id).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(ids().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_matrix_answers_what_a_till_may_be_brought_to() {
    let fixture = Fixture::start().await;
    import(&fixture, "format=toml", file(Format::Toml)).await;
    let check = async |query: &str| {
        let path = format!("/v1/compatibility/check?{query}");
        let answer = json_of(&fixture, &path).await;
        (answer["verdict"]["status"].clone(), answer["way"].clone())
    };
    let good = "model=px7&hardware=B&firmware=1.9&application=2.0.0&provider=alpha";
    assert_eq!(check(good).await, (json!("certified"), json!("in-place")));
    assert_eq!(check("model=px7&provider=alpha").await, (json!("unknown"), json!("pilot-only")));
    assert_eq!(check("model=px9").await, (json!("unknown"), json!("pilot-only")));
}
