//! What operators see of retention, and what becomes of what they ask to go.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use shared::backup::{Kind, object_path};
use shared::digest::Digest;
use shared::document::PurgeCertificate;
use shared::document::purge_certificate::PurgeReason;
use shared::id::RepositoryId;
use shared::signature::{Envelope, KnownKeys, open};
use shared::time::UnixTime;

use super::super::model::{
    Page, PurgePlan, RepositoryState, SnapshotDetail, SnapshotState, StayReason, TerminalRetention,
};
use super::backups::{Till, name};
use super::fixture::{Fixture, RETENTION, key, problem};
use super::snapshots::{hand_in, manifest, saved, settle};
use crate::background::{Progress, now};
use crate::backup::expire::Expire;
use crate::backup::purge::Purging;
use crate::delivery::Signer;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A terminal with a snapshot in a closed repository and one in the open one.
async fn saved_twice<'a>(
    fixture: &'a Fixture,
    serial: &str,
) -> (Till<'a>, RepositoryId, [Digest; 2]) {
    let (till, first) = saved(fixture, serial).await;
    let closed = till.repository;
    let till = Till { repository: RepositoryId::generate(), ..till };
    till.put(Kind::SealedKey, b"sealed").await;
    till.put(Kind::Config, b"config").await;
    till.put(Kind::Snapshots, b"snapshot").await;
    let next = manifest(&till, serial, 2);
    let second = Envelope::unsigned(next.clone()).digest();
    assert_eq!(hand_in(fixture, &till, next, &till.key).await.status(), StatusCode::CREATED);
    settle(fixture).await;
    (till, closed, [first, second])
}

async fn go_on(fixture: &Fixture, at: UnixTime) {
    let (registry, places) = (fixture.api.registry.clone(), fixture.api.places.clone());
    let expire = Expire::new(registry.clone(), RETENTION);
    while expire.step(at).await.unwrap() == Progress::MoreToDo {}
    let signer = Arc::new(Signer::new(fixture.authority.fleet, key(21)));
    let purging = Purging::new(registry, places, signer);
    while purging.step(at).await.unwrap() == Progress::MoreToDo {}
}

async fn ask(fixture: &Fixture, path: &str, body: Value) -> Result<PurgePlan, String> {
    let answer = fixture.post(&format!("/v1/backups/purges{path}"), body).await;
    match answer.status() {
        StatusCode::OK => Ok(answer.json().await.unwrap()),
        _ => Err(problem(answer).await),
    }
}

#[tokio::test]
async fn retention_says_of_each_snapshot_why_it_stays_or_when_it_goes() {
    let fixture = Fixture::start().await;
    let (till, closed, _) = saved_twice(&fixture, "PX-1").await;
    let policy: Value = fixture.get("/v1/backups/retention/policy").await.json().await.unwrap();
    assert_eq!((&policy["keep_last"], &policy["purge_after_days"]), (&json!(1), &json!(7)));
    go_on(&fixture, now()).await;
    let shown: Page<TerminalRetention> =
        fixture.get("/v1/backups/retention").await.json().await.unwrap();
    let of = &shown.items[0];
    assert_eq!((of.serial.as_str(), of.closed_at), ("PX-1", None));
    let [old, new] = of.repositories.as_slice() else { panic!("{of:?}") };
    assert_eq!((old.repository, old.state), (closed, RepositoryState::Expiring));
    assert_eq!(old.snapshots[0].goes.as_deref(), Some("no rule keeps it"));
    assert!(old.purge_at.unwrap() > now().plus(DAY * 6));
    assert_eq!((new.repository, new.state), (till.repository, RepositoryState::Open));
    assert_eq!(new.snapshots[0].stays, [StayReason::Last, StayReason::NewestAvailable]);
    let one = format!("/v1/backups/retention?terminal={}", till.id);
    let one: Page<TerminalRetention> = fixture.get(&one).await.json().await.unwrap();
    assert_eq!(one.items, shown.items);
}

#[tokio::test]
async fn a_purge_is_refused_by_name_planned_asked_for_and_certified() {
    let fixture = Fixture::start().await;
    let (till, closed, [first, second]) = saved_twice(&fixture, "PX-1").await;
    let wish = |repositories: &[RepositoryId], snapshots: &[Digest]| {
        let reason = "asked to";
        json!({"repositories": repositories, "snapshots": snapshots, "reason": reason})
    };
    let empty = json!({"repositories": [closed], "reason": " "});
    assert_eq!(ask(&fixture, "", empty).await, Err("invalid".into()));
    assert_eq!(ask(&fixture, "", wish(&[], &[])).await, Err("invalid".into()));
    let unknown = wish(&[], &[Digest([9; 32])]);
    assert_eq!(ask(&fixture, "", unknown).await, Err("not-found".into()));
    let written = wish(&[till.repository], &[first]);
    assert_eq!(ask(&fixture, "", written).await, Err("repository-open".into()));
    let last = wish(&[], &[first, second]);
    assert_eq!(ask(&fixture, "", last.clone()).await, Err("last-copy".into()));
    let plan = ask(&fixture, "/plan", last).await.unwrap();
    assert_eq!((plan.snapshots, plan.refused[0].code.as_str()), (2, "last-copy"));

    let hold = format!("/v1/backups/snapshots/{first}/hold");
    fixture.post(&hold, json!({"reason": "audit"})).await;
    assert_eq!(ask(&fixture, "", wish(&[closed], &[])).await, Err("snapshot-held".into()));
    let unhold = format!("/v1/backups/snapshots/{first}/unhold");
    fixture.post(&unhold, json!({"reason": "over"})).await;

    let plan = ask(&fixture, "/plan", wish(&[closed], &[])).await.unwrap();
    assert_eq!((plan.snapshots, plan.refused.len()), (1, 0));
    assert!(plan.repositories[0].purge_at.is_some() && plan.repositories[0].snapshots[0].goes);
    let of = format!("/v1/backups/snapshots/{first}");
    let detail: SnapshotDetail = fixture.get(&of).await.json().await.unwrap();
    assert_eq!(detail.snapshot.state, SnapshotState::Available, "a plan does nothing");
    let mut other = wish(&[closed], &[]);
    other["snapshots_expected"] = json!(2);
    assert_eq!(ask(&fixture, "", other.clone()).await, Err("wrong-state".into()));
    other["snapshots_expected"] = json!(1);
    ask(&fixture, "", other).await.unwrap();
    let detail: SnapshotDetail = fixture.get(&of).await.json().await.unwrap();
    assert_eq!(detail.snapshot.state, SnapshotState::Expiring);
    assert_eq!(detail.snapshot.expires_for.as_deref(), Some("ana asked: asked to"));
    assert!(detail.snapshot.purge_at.is_some());

    let later = now().plus(DAY * 8);
    let certificate = format!("/v1/backups/{closed}/certificate");
    assert_eq!(problem(fixture.get(&certificate).await).await, "wrong-state");
    let by = crate::registry::audit::By { who: "test".into(), why: String::new(), at: later };
    let begun = fixture.api.registry.begin_purge(closed, later, &by).await.unwrap();
    assert_eq!(begun, Ok(()));
    let pack = object_path(closed, name(Kind::Data, b"pack"));
    let refused = async |expected: &str| {
        assert_eq!(problem(fixture.get(&pack).await).await, expected);
        let own = till.client.get(fixture.url(&pack)).send().await.unwrap();
        assert_eq!(problem(own).await, expected);
        let held = fixture.post(&hold, json!({"reason": "audit"})).await;
        assert_eq!(problem(held).await, expected);
        let again = fixture.post(&format!("{of}/verify"), json!(null)).await;
        assert_eq!(problem(again).await, expected);
        assert_eq!(ask(&fixture, "", wish(&[closed], &[])).await, Err(expected.into()));
    };
    refused("repository-purging").await;
    assert_eq!(problem(fixture.get(&certificate).await).await, "repository-purging");
    go_on(&fixture, later).await;
    refused("repository-purged").await;
    let bytes = fixture.get(&certificate).await.bytes().await.unwrap();
    let known = KnownKeys::of_terminal(key(21).public());
    let opened = open::<PurgeCertificate>(&bytes, fixture.authority.fleet, &known).unwrap();
    assert!(opened.signed_by.has(key(21).public()));
    let reason = "asked to".to_owned();
    let asked = PurgeReason::Asked { by: "ana".into(), reason, last_copy: false };
    assert_eq!(opened.document.listed[0].why, asked);
    assert_eq!(opened.document.listed[0].snapshots[0].manifest, first);
}
