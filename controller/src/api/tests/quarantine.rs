//! What terminals may still ask for that are in the wrong hands, erased or revoked.

use reqwest::{Client, Method, RequestBuilder};
use shared::backup::Kind;
use shared::digest::Digest;

use super::super::*;
use super::backups::{Till, name};
use super::fixture::{Fixture, problem};
use crate::campaign::state::CampaignEvent;
use crate::deactivation::samples::lost;
use crate::registry::audit::By;
use crate::registry::delivery::AlarmKind;
use crate::registry::page::Page;

/// Everything that terminals fetch and store.
fn asks(till: &Till<'_>, artifact: &str) -> Vec<(&'static str, RequestBuilder)> {
    let (client, repository): (&Client, _) = (&till.client, till.repository);
    let url = |path: &str| till.fixture.url(path);
    let data = name(Kind::Data, b"pack");
    let object = shared::backup::object_path(repository, data);
    let manifest = Digest::of(b"manifest");
    let of = |path: &str| url(&format!("/v1/backups/{repository}/{path}"));
    vec![
        ("an artifact", client.get(url(artifact))),
        ("whether it is there", client.head(url(artifact))),
        ("a list of objects", client.get(of("data"))),
        ("the parameters", client.get(of("config"))),
        ("an object", client.get(url(&object))),
        ("whether it is there", client.head(url(&object))),
        ("to store an object", client.put(url(&object)).body("pack")),
        ("to store the parameters", client.put(of("config")).body("config")),
        ("a manifest", client.get(of(&format!("manifests/{manifest}")))),
        ("to hand in a manifest", client.post(of("manifests")).body("manifest")),
        ("how its snapshots stand", client.get(url("/v1/backups/newest"))),
    ]
}

/// Everything is refused with this code; what has no body only by its status.
async fn all_refused(till: &Till<'_>, artifact: &str, code: &str) {
    for (what, ask) in asks(till, artifact) {
        let request = ask.build().unwrap();
        let is_look = request.method() == Method::HEAD;
        let answer = till.client.execute(request).await.unwrap();
        assert_eq!(answer.status(), 403, "{what}");
        if !is_look {
            assert_eq!(problem(answer).await, code, "{what}");
        }
    }
}

#[tokio::test]
async fn a_terminal_in_quarantine_fetches_and_stores_nothing_until_its_wipe_is_taken_back() {
    let fixture = Fixture::start().await;
    let till = Till::ready(&fixture, "PX-1").await;
    assert_eq!(till.put(Kind::Data, b"pack").await.status(), 201);
    let artifact = format!("/v1/artifacts/{}", Digest::of(b"till"));
    let stored = fixture.operator(Method::PUT, &artifact).body("till").send().await.unwrap();
    assert_eq!(stored.status(), 201);
    let get = async |path: &str| till.client.get(fixture.url(path)).send().await.unwrap();
    assert_eq!(get(&artifact).await.status(), 200);

    let wipe = lost(&*fixture.api.registry, till.id, now()).await;
    all_refused(&till, &artifact, "quarantined").await;
    let own = get("/v1/self").await;
    assert_eq!(own.status(), 200, "where its broker is, it is told: its order must arrive");
    let shown = fixture.get(&format!("/v1/terminals/{}", till.id)).await;
    let shown: model::TerminalDetail = shown.json().await.unwrap();
    assert!(shown.terminal.is_quarantined);
    let other = Till::ready(&fixture, "PX-2").await;
    let other = other.client.get(fixture.url(&artifact)).send().await.unwrap();
    assert_eq!(other.status(), 200, "another one is not concerned");

    let by = By { who: "ana".into(), why: "found".into(), at: now() };
    fixture.api.registry.move_campaign(&wipe, CampaignEvent::Abort, &by).await.unwrap();
    assert_eq!(get(&artifact).await.status(), 200);
    assert_eq!(till.put(Kind::Data, b"another").await.status(), 201);
}

#[tokio::test]
async fn a_revoked_terminal_is_refused_by_name_and_calls_people() {
    let fixture = Fixture::start().await;
    let till = Till::ready(&fixture, "PX-1").await;
    let by = By { who: "ana".into(), why: "stolen".into(), at: now() };
    fixture.api.registry.revoke_terminal(till.id, &by).await.unwrap();
    let artifact = format!("/v1/artifacts/{}", Digest::of(b"till"));
    all_refused(&till, &artifact, "revoked").await;
    let own = till.client.get(fixture.url("/v1/self")).send().await.unwrap();
    assert_eq!(problem(own).await, "revoked");
    let alarms = fixture.api.registry.alarms(&Page::first(9)).await.unwrap();
    let [(_, alarm)] = alarms.as_slice() else { panic!("{alarms:?}") };
    assert_eq!((alarm.terminal, alarm.kind), (Some(till.id), AlarmKind::RevokedSpoke));
}
