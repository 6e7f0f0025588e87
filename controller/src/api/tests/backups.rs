//! Backups as a terminal stores them, and as one that means harm tries to.

use std::path::{Path, PathBuf};

use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use shared::backup::{Kind, Listed, OBJECT_BYTES_MAX, ObjectName, kind_path, object_path};
use shared::digest::Digest;
use shared::id::{RepositoryId, TerminalId};
use shared::signature::PrivateKey;

use super::enrolment;
use super::fixture::{Fixture, problem};
use crate::backup::ObjectKey;

/// A terminal that stores and reads.
pub(super) struct Till<'a> {
    pub(super) fixture: &'a Fixture,
    pub(super) id: TerminalId,
    pub(super) client: Client,
    pub(super) repository: RepositoryId,
    pub(super) key: PrivateKey,
}

pub(super) fn name(kind: Kind, bytes: &[u8]) -> ObjectName {
    ObjectName { kind, sha256: Digest::of(bytes) }
}

impl<'a> Till<'a> {
    pub(super) async fn enrolled(fixture: &'a Fixture, serial: &str) -> Self {
        let (id, client, newcomer) = enrolment::terminal(fixture, serial).await;
        let (key, repository) = (newcomer.key.signing(), RepositoryId::generate());
        Self { fixture, id, client, repository, key }
    }

    /// With the sealed key and the parameters stored.
    pub(super) async fn ready(fixture: &'a Fixture, serial: &str) -> Self {
        let till = Self::enrolled(fixture, serial).await;
        assert_eq!(till.put(Kind::SealedKey, b"sealed").await.status(), StatusCode::CREATED);
        assert_eq!(till.put(Kind::Config, b"config").await.status(), StatusCode::CREATED);
        till
    }

    fn path(&self, name: ObjectName) -> String {
        self.fixture.url(&object_path(self.repository, name))
    }

    pub(super) async fn put(&self, kind: Kind, bytes: &[u8]) -> Response {
        self.put_as(name(kind, bytes), bytes.to_vec()).await
    }

    async fn put_as(&self, name: ObjectName, bytes: impl Into<reqwest::Body>) -> Response {
        let put = self.client.put(self.path(name)).body(bytes);
        put.header("x-content-sha256", name.sha256.to_string()).send().await.unwrap()
    }

    async fn get(&self, name: ObjectName) -> Response {
        self.client.get(self.path(name)).send().await.unwrap()
    }

    async fn list(&self, kind: Kind) -> Vec<Listed> {
        let path = self.fixture.url(&kind_path(self.repository, kind));
        let listed = self.client.get(path).send().await.unwrap();
        assert_eq!(listed.headers()["content-type"], "application/x-ndjson");
        let text = listed.text().await.unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|it| if it.is_dir() { files_below(&it) } else { vec![it] }).collect()
}

#[tokio::test]
async fn a_repository_is_stored_listed_and_read_back_in_any_part() {
    let fixture = Fixture::start().await;
    let till = Till::ready(&fixture, "PX-1").await;
    let pack: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    assert_eq!(till.put(Kind::Data, &pack).await.status(), StatusCode::CREATED);
    assert_eq!(till.put(Kind::Data, &pack).await.status(), StatusCode::OK, "the same again");
    assert_eq!(till.put(Kind::Config, b"config").await.status(), StatusCode::OK);
    assert_eq!(till.put(Kind::SealedKey, b"sealed").await.status(), StatusCode::OK);
    let listed = Listed { sha256: Digest::of(&pack), bytes: 1_200_000 };
    assert_eq!(till.list(Kind::Data).await, [listed]);
    assert_eq!(till.list(Kind::Index).await, []);

    let pack_name = name(Kind::Data, &pack);
    assert_eq!(till.get(pack_name).await.bytes().await.unwrap(), pack);
    let part = till.client.get(till.path(pack_name)).header("range", "bytes=1000-1999");
    let part = part.send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.unwrap(), pack[1000..2000]);
    let head = till.client.head(till.path(pack_name)).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers()["content-length"], "1200000");
    let config = till.get(name(Kind::Config, b"config")).await;
    assert_eq!(config.bytes().await.unwrap(), "config");
    let absent = till.get(name(Kind::Data, b"absent")).await;
    assert_eq!(problem(absent).await, "not-found");
}

#[tokio::test]
async fn a_place_holds_a_repository_as_restic_expects_it() {
    let fixture = Fixture::start().await;
    let till = Till::ready(&fixture, "PX-1").await;
    for kind in [Kind::Data, Kind::Index, Kind::Snapshots] {
        till.put(kind, b"bytes").await;
    }
    let digest = Digest::of(b"bytes").to_string();
    let repository = fixture.blobs.path().join("north");
    let repository = repository.join(till.id.to_string()).join(till.repository.to_string());
    let expected = [
        "config".to_owned(),
        format!("data/{}/{digest}", &digest[..2]),
        format!("index/{digest}"),
        format!("sealed-key/{}", Digest::of(b"sealed")),
        format!("snapshots/{digest}"),
    ];
    let mut files = files_below(&repository);
    files.sort();
    assert_eq!(files, expected.map(|file| repository.join(file)));
}

#[tokio::test]
async fn nothing_is_taken_before_the_sealed_key() {
    let fixture = Fixture::start().await;
    let till = Till::enrolled(&fixture, "PX-1").await;
    for kind in [Kind::Config, Kind::Data, Kind::Index, Kind::Snapshots] {
        let early = till.put(kind, b"early").await;
        assert_eq!(early.status(), StatusCode::PRECONDITION_REQUIRED, "{kind}");
        assert_eq!(problem(early).await, "no-sealed-key");
    }
    till.put(Kind::SealedKey, b"sealed").await;
    let anew = till.put(Kind::SealedKey, b"sealed anew").await;
    assert_eq!(anew.status(), StatusCode::CREATED, "nothing was stored under the first");
    till.put(Kind::Data, b"data").await;
    assert_eq!(problem(till.put(Kind::SealedKey, b"another").await).await, "object-differs");
    assert_eq!(till.get(name(Kind::SealedKey, b"sealed anew")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_stored_is_not_replaced_and_not_deleted() {
    let fixture = Fixture::start().await;
    let till = Till::ready(&fixture, "PX-1").await;
    till.put(Kind::Data, b"before").await;
    assert_eq!(problem(till.put(Kind::Config, b"other").await).await, "object-differs");
    let over = till.put_as(name(Kind::Data, b"before"), "after!").await;
    assert_eq!(problem(over).await, "object-mismatch");
    for kind in [Kind::Config, Kind::Data, Kind::SealedKey] {
        let path = till.path(name(kind, b"before"));
        let deleted = till.client.delete(path).send().await.unwrap();
        assert_eq!(problem(deleted).await, "method-not-allowed", "{kind}");
    }
    assert_eq!(till.get(name(Kind::Data, b"before")).await.text().await.unwrap(), "before");
    assert_eq!(till.get(name(Kind::Config, b"")).await.text().await.unwrap(), "config");
}

#[tokio::test]
async fn another_terminals_repository_is_neither_read_nor_written() {
    let fixture = Fixture::start().await;
    let till = Till::ready(&fixture, "PX-1").await;
    till.put(Kind::Data, b"mine").await;
    let thief = Till::enrolled(&fixture, "PX-2").await;
    let thief = Till { repository: till.repository, ..thief };
    for kind in [Kind::SealedKey, Kind::Config, Kind::Data] {
        let put = thief.put(kind, b"theirs").await;
        assert_eq!(put.status(), StatusCode::FORBIDDEN, "{kind}");
        assert_eq!(problem(put).await, "not-yours");
    }
    assert_eq!(problem(thief.get(name(Kind::Data, b"mine")).await).await, "not-found");
    assert_eq!(problem(thief.get(name(Kind::Config, b"config")).await).await, "not-found");
    let list = fixture.url(&kind_path(till.repository, Kind::Data));
    assert_eq!(problem(thief.client.get(&list).send().await.unwrap()).await, "not-found");
    let nobody = fixture.client(None).get(&list).send().await.unwrap();
    assert_eq!(problem(nobody).await, "certificate-missing");
    let operator = fixture.get(&object_path(till.repository, name(Kind::Data, b"mine"))).await;
    assert_eq!(operator.text().await.unwrap(), "mine", "it is encrypted");
}

#[tokio::test]
async fn other_bytes_than_promised_leave_nothing_behind() {
    let fixture = Fixture::start().await;
    let till = Till::ready(&fixture, "PX-1").await;
    let before = files_below(fixture.blobs.path());
    let wrong = till.put_as(name(Kind::Data, b"promised"), "sent").await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem(wrong).await, "object-mismatch");
    let large = vec![0; usize::try_from(OBJECT_BYTES_MAX).unwrap() + 1];
    let large = till.put_as(name(Kind::Data, &large), large).await;
    assert_eq!(problem(large).await, "too-large");
    let key = till.put_as(name(Kind::Config, &[0; 70_000]), vec![0; 70_000]).await;
    assert_eq!(problem(key).await, "too-large");
    let path = fixture.url(&kind_path(till.repository, Kind::Config));
    let unnamed = till.client.put(path).body("config").send().await.unwrap();
    assert_eq!(problem(unnamed).await, "bad-request");
    for strange in ["keys", "data/..%2f..%2fconfig", "config/x", "locks/aa"] {
        let path = fixture.url(&format!("/v1/backups/{}/{strange}", till.repository));
        let put = till.client.put(path).body("x").send().await.unwrap();
        assert!(put.status().is_client_error(), "{strange}: {}", put.status());
    }
    assert_eq!(files_below(fixture.blobs.path()), before);
}

#[tokio::test]
async fn an_upload_that_is_cut_leaves_nothing_behind() {
    let fixture = Fixture::start().await;
    let till = Till::ready(&fixture, "PX-1").await;
    let before = files_below(fixture.blobs.path());
    let pieces = futures::stream::iter([
        Ok(bytes::Bytes::from(vec![7; 100_000])),
        Err(std::io::Error::other("the network is gone")),
    ]);
    let body = reqwest::Body::wrap_stream(pieces);
    let cut = till.client.put(till.path(name(Kind::Data, &[7; 200_000]))).body(body).send().await;
    assert!(cut.is_err() || !cut.unwrap().status().is_success());
    // The controller notices the cut when it notices it; what it took in is never an object.
    let whole = till.put(Kind::Data, &[7; 200_000]).await;
    assert_eq!(whole.status(), StatusCode::CREATED);
    fixture.tasks.shut_down(std::time::Duration::from_secs(10)).await;
    assert_eq!(files_below(fixture.blobs.path()).len(), before.len() + 1);
}

#[tokio::test]
async fn a_flood_is_slowed_and_told_when_to_come_again() {
    let fixture = Fixture::start().await;
    let till = Till::enrolled(&fixture, "PX-1").await;
    let mut last = till.put(Kind::SealedKey, b"sealed").await;
    for _ in 0..120 {
        last = till.put(Kind::SealedKey, b"sealed").await;
        if !last.status().is_success() {
            break;
        }
    }
    assert_eq!(last.status(), StatusCode::TOO_MANY_REQUESTS);
    let again: u64 = last.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&again), "{again}");
    assert_eq!(problem(last).await, "too-fast");
    let other = Till::ready(&fixture, "PX-2").await;
    assert_eq!(other.put(Kind::Data, b"data").await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn a_terminal_stores_no_more_than_its_share() {
    let fixture = Fixture::start().await;
    let till = Till::ready(&fixture, "PX-1").await;
    let large = |number: u8| vec![number; usize::try_from(OBJECT_BYTES_MAX).unwrap()];
    for number in 0..2 {
        assert_eq!(till.put(Kind::Data, &large(number)).await.status(), StatusCode::CREATED);
    }
    let over = till.put(Kind::Data, &large(2)).await;
    assert_eq!(over.status(), StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(problem(over).await, "quota-exceeded");
    assert_eq!(till.put(Kind::Data, &large(1)).await.status(), StatusCode::OK, "it is there");
    let elsewhere = Till { repository: RepositoryId::generate(), ..till };
    elsewhere.put(Kind::SealedKey, b"sealed").await;
    let over = elsewhere.put(Kind::Data, &large(3)).await;
    assert_eq!(problem(over).await, "quota-exceeded", "a share is the terminal's");
}

/// A controller that was killed after an object was durable and before it was noted.
#[tokio::test]
async fn an_object_that_was_stored_and_not_noted_is_noted_when_it_comes_again() {
    let fixture = Fixture::start().await;
    let till = Till::enrolled(&fixture, "PX-1").await;
    till.put(Kind::SealedKey, b"sealed").await;
    for (kind, bytes) in [(Kind::Config, &b"config"[..]), (Kind::Data, b"pack")] {
        let name = name(kind, bytes);
        let key = ObjectKey { terminal: till.id, repository: till.repository, name };
        fixture.api.places.first().create(&key, bytes.to_vec().into()).await.unwrap();
        assert_eq!(problem(till.get(name).await).await, "not-found", "{kind}");
    }
    let other = till.put(Kind::Config, b"other parameters").await;
    assert_eq!(problem(other).await, "object-differs");
    let config = till.get(name(Kind::Config, b"")).await;
    assert_eq!(config.text().await.unwrap(), "config", "the first that came is the one");
    assert_eq!(till.put(Kind::Data, b"pack").await.status(), StatusCode::CREATED);
    assert_eq!(till.get(name(Kind::Data, b"pack")).await.text().await.unwrap(), "pack");
}

#[tokio::test]
async fn what_the_first_place_has_lost_is_read_from_the_second() {
    let fixture = Fixture::start().await;
    let till = Till::ready(&fixture, "PX-1").await;
    till.put(Kind::Data, b"pack").await;
    let name = name(Kind::Data, b"pack");
    let key = ObjectKey { terminal: till.id, repository: till.repository, name };
    let places = &fixture.api.places;
    assert!(places.second().copy_from(places.first(), &key).await.unwrap());
    places.first().remove(&key).await.unwrap();
    assert_eq!(till.get(name).await.text().await.unwrap(), "pack");
    places.second().remove(&key).await.unwrap();
    assert_eq!(problem(till.get(name).await).await, "internal");
}

/// The disk of the first place is not mounted: an empty directory is where it was.
#[tokio::test]
async fn nothing_is_taken_while_the_first_place_is_not_there() {
    let fixture = Fixture::start().await;
    let till = Till::ready(&fixture, "PX-1").await;
    assert_eq!(till.put(Kind::Data, b"pack").await.status(), StatusCode::CREATED);
    let (north, disk) = (fixture.blobs.path().join("north"), fixture.blobs.path().join("disk"));
    std::fs::rename(&north, &disk).unwrap();
    std::fs::create_dir(&north).unwrap();
    let refused = till.put(Kind::Data, b"another pack").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "60");
    assert_eq!(problem(refused).await, "place-absent");
    let elsewhere = Till { repository: RepositoryId::generate(), ..till };
    assert_eq!(problem(elsewhere.put(Kind::SealedKey, b"sealed").await).await, "place-absent");
    let status = fixture.get("/v1/status").await.json::<Value>().await.unwrap();
    assert_eq!(status["places"][0]["there"], false, "{status:#}");
    assert!(status["places"][0]["hint"].as_str().unwrap().contains("adopt"), "{status:#}");
    std::fs::remove_dir(&north).expect("nothing was written there");
    std::fs::rename(&disk, &north).unwrap();
    assert_eq!(elsewhere.put(Kind::SealedKey, b"sealed").await.status(), StatusCode::CREATED);
    let status: Value = fixture.get("/v1/status").await.json().await.unwrap();
    assert_eq!(status["places"][0]["there"], true, "{status:#}");
}
