//! Snapshots as a terminal hands them in, and how they become available.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Response, StatusCode};
use shared::backup::{
    DataClass, Kind, NEWEST_PATH, Newest, Selection, SnapshotOf, manifest_path, manifests_path,
    object_path,
};
use shared::change::{Change, Restore};
use shared::digest::{Digest, Nonce};
use shared::document::manifest::DataSet;
use shared::document::order::Stream;
use shared::document::{FORMAT, Manifest};
use shared::id::{BatchId, CampaignId, OrderId, RepositoryId, TerminalId};
use shared::membership::Membership;
use shared::message::SignedBytes;
use shared::signature::{Envelope, PrivateKey};
use shared::time::{ClockConfidence, UnixTime};

use super::super::model::{Coverage, Page, Snapshot, SnapshotDetail, SnapshotState};
use super::backups::{Till, name};
use super::fixture::{Fixture, problem};
use crate::background::{Progress, now};
use crate::backup::keep::Keep;
use crate::campaign::assignment::Fact;
use crate::campaign::policy::Policy;
use crate::campaign::wave::{Wave, Whom};
use crate::registry::audit::By;
use crate::registry::campaign::{AfterStart, Issue, NewCampaign, Purpose, Start, StoredBatch};
use crate::registry::delivery::NewOrder;

pub(super) fn manifest(till: &Till<'_>, serial: &str, number: u64) -> Manifest {
    Manifest {
        format: FORMAT,
        terminal: till.id,
        serial: serial.to_owned(),
        model: "px7".into(),
        repository: till.repository,
        number,
        snapshot: Digest::of(b"snapshot"),
        order: OrderId::from_bytes([1; 16]),
        taken_at: now(),
        clock: ClockConfidence::Attested,
        software: vec![],
        bindings: vec![],
        batch_open: false,
        data_sets: vec![DataSet {
            name: "journal".into(),
            class: DataClass::Journal,
            schema: 1,
            files: 1,
            bytes: 1000,
            records: 10,
            totals: BTreeMap::from([("EUR".to_owned(), 12_345)]),
            numbers: None,
        }],
        listing: Digest::of(b"listing"),
        sealed_key: Digest::of(b"sealed"),
        roster_version: 1,
    }
}

pub(super) async fn hand_in(
    fixture: &Fixture,
    till: &Till<'_>,
    of: Manifest,
    by: &PrivateKey,
) -> Response {
    let mut envelope = Envelope::unsigned(of);
    envelope.sign(fixture.authority.fleet, by);
    let post = till.client.post(fixture.url(&manifests_path(till.repository)));
    post.body(envelope.to_bytes()).send().await.unwrap()
}

async fn newest(fixture: &Fixture, till: &Till<'_>) -> Newest {
    let asked = till.client.get(fixture.url(NEWEST_PATH)).send().await.unwrap();
    asked.json().await.unwrap()
}

pub(super) async fn settle(fixture: &Fixture) {
    let (registry, places) = (fixture.api.registry.clone(), fixture.api.places.clone());
    let keep = Keep::new(registry, places, Duration::from_secs(86_400));
    while keep.step(now()).await.unwrap() == Progress::MoreToDo {}
}

/// A terminal with one snapshot whose manifest is handed in.
pub(super) async fn saved<'a>(fixture: &'a Fixture, serial: &str) -> (Till<'a>, Digest) {
    let till = Till::ready(fixture, serial).await;
    till.put(Kind::Data, b"pack").await;
    till.put(Kind::Snapshots, b"snapshot").await;
    let manifest = manifest(&till, serial, 1);
    let digest = Envelope::unsigned(manifest.clone()).digest();
    let taken = hand_in(fixture, &till, manifest, &till.key).await;
    assert_eq!(taken.status(), StatusCode::CREATED, "{}", taken.text().await.unwrap());
    (till, digest)
}

#[tokio::test]
async fn a_snapshot_is_available_when_both_places_were_read_back() {
    let fixture = Fixture::start().await;
    let (till, digest) = saved(&fixture, "PX-1").await;
    let before = newest(&fixture, &till).await;
    assert_eq!((before.number, before.available), (1, None));
    settle(&fixture).await;
    let available = newest(&fixture, &till).await.available.unwrap();
    assert_eq!((available.manifest, available.number), (digest, 1));
    assert_eq!(available.repository, till.repository);
    let path = manifest_path(till.repository, digest);
    let bytes = till.client.get(fixture.url(&path)).send().await.unwrap().bytes().await.unwrap();
    let read = Envelope::<Manifest>::from_bytes(&bytes).unwrap();
    assert_eq!(read.digest(), digest);
    let (thief, _) = saved(&fixture, "PX-2").await;
    let stolen = thief.client.get(fixture.url(&path)).send().await.unwrap();
    assert_eq!(problem(stolen).await, "not-found");
}

#[tokio::test]
async fn numbers_ascend_and_none_is_used_twice_or_left_out_unseen() {
    let fixture = Fixture::start().await;
    let (till, _) = saved(&fixture, "PX-1").await;
    let first = fixture.api.registry.snapshots(None, &crate::registry::page::Page::first(1)).await;
    let first = Envelope::<Manifest>::from_bytes(first.unwrap()[0].signed.as_slice()).unwrap();
    let again = hand_in(&fixture, &till, first.document, &till.key).await;
    assert_eq!(again.status(), StatusCode::OK);
    let back = Manifest { taken_at: UnixTime(1), ..manifest(&till, "PX-1", 1) };
    let back = hand_in(&fixture, &till, back, &till.key).await;
    assert_eq!(problem(back).await, "number-used");
    let next = hand_in(&fixture, &till, manifest(&till, "PX-1", 2), &till.key).await;
    assert_eq!(next.status(), StatusCode::CREATED);
    let gap = hand_in(&fixture, &till, manifest(&till, "PX-1", 5), &till.key).await;
    assert_eq!(gap.status(), StatusCode::CREATED, "what came is worth keeping");
    let alarms: serde_json::Value = fixture.get("/v1/alarms").await.json().await.unwrap();
    let alarms = alarms["items"].as_array().unwrap();
    assert_eq!(alarms.len(), 1);
    assert_eq!(alarms[0]["kind"], "backup-missing");
    assert_eq!(alarms[0]["subject"], "3-4");
    assert_eq!(newest(&fixture, &till).await.number, 5);
}

#[tokio::test]
async fn a_manifest_counts_only_if_it_is_its_terminals_own_and_true() {
    let fixture = Fixture::start().await;
    let till = Till::ready(&fixture, "PX-1").await;
    till.put(Kind::Snapshots, b"snapshot").await;
    let right = || manifest(&till, "PX-1", 1);
    let stranger = PrivateKey::from_seed(&[9; 32]);
    let forged = hand_in(&fixture, &till, right(), &stranger).await;
    assert_eq!(problem(forged).await, "signatures-missing");
    let elsewhere = RepositoryId::from_bytes([9; 16]);
    let cases = [
        (Manifest { serial: "PX-9".into(), ..right() }, "not-yours"),
        (Manifest { repository: elsewhere, ..right() }, "invalid"),
        (Manifest { sealed_key: Digest::of(b"other"), ..right() }, "invalid"),
        (Manifest { snapshot: Digest::of(b"not stored"), ..right() }, "object-missing"),
        (Manifest { number: 0, ..right() }, "number-used"),
        (Manifest { format: 9, ..right() }, "bad-request"),
    ];
    for (wrong, expected) in cases {
        let refused = hand_in(&fixture, &till, wrong, &till.key).await;
        assert_eq!(problem(refused).await, expected);
    }
    let other = Till::ready(&fixture, "PX-2").await;
    let theirs = Till { repository: till.repository, ..other };
    let stolen = hand_in(&fixture, &theirs, manifest(&theirs, "PX-2", 1), &theirs.key).await;
    assert_eq!(problem(stolen).await, "not-yours");
    let path = fixture.url(&manifests_path(till.repository));
    let rubbish = till.client.post(path).body("rubbish").send().await.unwrap();
    assert_eq!(problem(rubbish).await, "bad-request");
    assert_eq!(newest(&fixture, &till).await, Newest::default());
}

#[tokio::test]
async fn the_first_snapshot_of_a_new_repository_closes_the_one_before() {
    let fixture = Fixture::start().await;
    let (till, _) = saved(&fixture, "PX-1").await;
    let before = till.repository;
    let till = Till { repository: RepositoryId::generate(), ..till };
    till.put(Kind::SealedKey, b"sealed").await;
    till.put(Kind::Snapshots, b"snapshot").await;
    let next = hand_in(&fixture, &till, manifest(&till, "PX-1", 2), &till.key).await;
    assert_eq!(next.status(), StatusCode::CREATED);
    let old = Till { repository: before, ..till };
    let late = old.put(Kind::Data, b"late").await;
    assert_eq!(late.status(), StatusCode::FORBIDDEN);
    assert_eq!(problem(late).await, "repository-closed");
    let late = hand_in(&fixture, &old, manifest(&old, "PX-1", 3), &old.key).await;
    assert_eq!(problem(late).await, "repository-closed");
}

#[tokio::test]
async fn a_snapshot_of_which_an_object_is_lost_is_no_longer_offered() {
    let fixture = Fixture::start().await;
    let (till, digest) = saved(&fixture, "PX-1").await;
    settle(&fixture).await;
    for place in ["north", "south"] {
        let folder = fixture.blobs.path().join(place).join(till.id.to_string());
        let folder = folder.join(till.repository.to_string()).join("snapshots");
        std::fs::write(folder.join(Digest::of(b"snapshot").to_string()), "rot").unwrap();
    }
    let registry = &fixture.api.registry;
    registry.examine_again(till.repository, now()).await.unwrap();
    settle(&fixture).await;
    assert_eq!(newest(&fixture, &till).await.available, None);
    let snapshot = registry.snapshot(digest).await.unwrap().unwrap();
    assert_eq!(snapshot.state.as_str(), "damaged");
}

#[tokio::test]
async fn operators_see_what_was_saved_hold_it_and_have_it_read_again() {
    let fixture = Fixture::start().await;
    let (till, digest) = saved(&fixture, "PX-1").await;
    let _uncovered = Till::enrolled(&fixture, "PX-2").await;
    settle(&fixture).await;
    let list = format!("/v1/backups/snapshots?terminal={}", till.id);
    let listed: Page<Snapshot> = fixture.get(&list).await.json().await.unwrap();
    assert_eq!((listed.items.len(), listed.items[0].manifest), (1, digest));
    assert_eq!((listed.items[0].bytes, listed.items[0].records), (1000, 10));
    let of = format!("/v1/backups/snapshots/{digest}");
    let detail: SnapshotDetail = fixture.get(&of).await.json().await.unwrap();
    assert_eq!(detail.snapshot.state, SnapshotState::Available);
    assert_eq!(detail.data_sets[0].totals["EUR"], 12_345);
    assert_eq!((detail.objects.count, detail.objects.waiting, detail.objects.lost), (4, 0, 0));

    let again = fixture.post(&format!("{of}/verify"), serde_json::json!(null)).await;
    let again: SnapshotDetail = again.json().await.unwrap();
    assert_eq!(again.objects.waiting, 4);
    settle(&fixture).await;
    let detail: SnapshotDetail = fixture.get(&of).await.json().await.unwrap();
    assert_eq!(detail.objects.waiting, 0);

    let held = fixture.post(&format!("{of}/hold"), serde_json::json!({"reason": "audit"})).await;
    let held: SnapshotDetail = held.json().await.unwrap();
    assert_eq!(held.snapshot.held_for.as_deref(), Some("audit"));
    assert_eq!(held.snapshot.held_by.as_deref(), Some("ana"));
    let nothing = fixture.post(&format!("{of}/hold"), serde_json::json!({"reason": " "})).await;
    assert_eq!(problem(nothing).await, "invalid");
    let free = fixture.post(&format!("{of}/unhold"), serde_json::json!({"reason": "over"})).await;
    let free: SnapshotDetail = free.json().await.unwrap();
    assert_eq!(free.snapshot.held_for, None);
    let audit: serde_json::Value = fixture.get("/v1/audit?limit=1000").await.json().await.unwrap();
    let said = audit["items"].as_array().unwrap().iter().map(|it| it["what"].as_str().unwrap());
    let said: Vec<_> = said.filter(|what| what.starts_with("snapshot-")).collect();
    assert_eq!(said, ["snapshot-held", "snapshot-no-longer-held"]);

    let coverage: Page<Coverage> = fixture.get("/v1/backups/coverage").await.json().await.unwrap();
    let covered = coverage.items.iter().map(|it| (it.serial.as_str(), it.covered_at.is_some()));
    let mut covered: Vec<_> = covered.collect();
    covered.sort_unstable();
    assert_eq!(covered, [("PX-1", true), ("PX-2", false)]);
}

/// What `tillward backup export` leaves on disk, by the command line itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_a_restic_repository_with_its_sealed_key_and_goes_on_where_it_was_cut() {
    let fixture = Fixture::start().await;
    let (_till, digest) = saved(&fixture, "PX-1").await;
    let directory = tempfile::tempdir().unwrap();
    let context = directory.path().join("operator.toml");
    std::fs::write(directory.path().join("ca.pem"), &fixture.authority.server_ca_pem).unwrap();
    std::fs::write(directory.path().join("token"), fixture.token.expose()).unwrap();
    let url = fixture.url("");
    let text = format!("url = '{url}'\nserver_ca = 'ca.pem'\ntoken_file = 'token'\n");
    std::fs::write(&context, text).unwrap();
    let to = directory.path().join("rescued");
    let export = async || {
        let (context, to) = (context.clone(), to.clone());
        let line = move || {
            let words = ["tillward", "backup", "export", "--context"].map(Into::into);
            let rest = [context.into(), digest.to_string().into(), "--to".into(), to.into()];
            crate::cli::main(words.into_iter().chain::<[std::ffi::OsString; 4]>(rest))
        };
        let ended = tokio::task::spawn_blocking(line).await.unwrap();
        assert_eq!(format!("{ended:?}"), format!("{:?}", std::process::ExitCode::SUCCESS));
    };
    export().await;
    let read = |name: &str| std::fs::read(to.join(name)).unwrap();
    let pack = Digest::of(b"pack").to_string();
    let pack = format!("data/{}/{pack}", &pack[..2]);
    assert_eq!(read("config"), b"config");
    assert_eq!(read("sealed-key.age"), b"sealed");
    assert_eq!(read(&pack), b"pack");
    assert_eq!(read(&format!("snapshots/{}", Digest::of(b"snapshot"))), b"snapshot");
    let manifest = read(&format!("manifests/{digest}.cose"));
    assert_eq!(Envelope::<Manifest>::from_bytes(&manifest).unwrap().digest(), digest);
    std::fs::write(to.join(&pack), "cut").unwrap();
    std::fs::remove_file(to.join("config")).unwrap();
    export().await;
    assert_eq!((read(&pack), read("config")), (b"pack".to_vec(), b"config".to_vec()));
}

/// Puts a restore of this snapshot into the registry, ordered of this terminal.
async fn order_restore(fixture: &Fixture, of: SnapshotOf, on: TerminalId) -> OrderId {
    let (registry, id) = (&fixture.api.registry, CampaignId::generate());
    let by = By { who: "ana".into(), why: String::new(), at: now() };
    let change =
        Change::Restore(Restore { of, selection: Selection::Everything, key: None, window: None });
    let new = NewCampaign {
        id,
        name: None,
        change,
        selector: "store=north".into(),
        max_parallel: 1,
        policy: Policy::PLAIN,
        lifetime_s: 3600,
        salt: Nonce([1; 16]),
        origin: crate::registry::campaign::Origin::Itself,
    };
    registry.add_campaign(&new, &by).await.unwrap();
    let not_after = now().plus(Duration::from_secs(3600));
    let batch = StoredBatch {
        digest: Digest::of(id.as_bytes()),
        id: BatchId::generate(),
        campaign: id,
        purpose: Purpose::Change,
        issue: Issue::FIRST,
        signed: SignedBytes::new(vec![1]),
        not_before: now(),
        not_after,
    };
    let root = Membership::of([on]).root();
    let waves = vec![Wave { size: 1, whom: Whom::Rest }];
    let start = Start { members: vec![on], root, batch, not_after, then: AfterStart::Run, waves };
    registry.start_campaign(id, &start, &by).await.unwrap();
    let order = NewOrder {
        id: OrderId::generate(),
        terminal: on,
        epoch: 1,
        stream: Stream::Routine,
        seq: 1,
        campaign: id,
        purpose: Purpose::Change,
        attempt: 1,
        issue: 0,
        wave: 0,
        batch: start.batch.digest,
        signed: SignedBytes::new(vec![2]),
        not_after,
        upheavals: 0,
    };
    let issued = registry.issue(id, Purpose::Change, std::slice::from_ref(&order), now()).await;
    assert_eq!(issued.unwrap(), [order.id]);
    order.id
}

#[tokio::test]
async fn another_terminals_snapshot_is_read_only_while_a_restore_order_names_it() {
    let fixture = Fixture::start().await;
    let (lost, digest) = saved(&fixture, "PX-1").await;
    let (other, _) = saved(&fixture, "PX-2").await;
    let new = Till::enrolled(&fixture, "PX-3").await;
    let pack = fixture.url(&object_path(lost.repository, name(Kind::Data, b"pack")));
    let manifest = fixture.url(&manifest_path(lost.repository, digest));
    let unnamed = fixture.url(&object_path(other.repository, name(Kind::Data, b"pack")));
    let read = async |url: &str| new.client.get(url).send().await.unwrap().status();
    assert_eq!(read(&pack).await, StatusCode::NOT_FOUND);
    let of = SnapshotOf {
        terminal: lost.id,
        repository: lost.repository,
        snapshot: Digest::of(b"snapshot"),
        manifest: digest,
    };
    let order = order_restore(&fixture, of, new.id).await;
    assert_eq!((read(&pack).await, read(&manifest).await), (StatusCode::OK, StatusCode::OK));
    assert_eq!(read(&unnamed).await, StatusCode::NOT_FOUND, "it is of another");
    let bystander = other.client.get(&pack).send().await.unwrap();
    assert_eq!(bystander.status(), StatusCode::NOT_FOUND, "the order is another's");
    let put = new.client.put(&pack).body("pack").send().await.unwrap();
    assert_eq!(problem(put).await, "not-yours");
    let over = Fact::Withdrawn(now());
    fixture.api.registry.learn(&[(order, over)], now()).await.unwrap();
    assert_eq!(read(&pack).await, StatusCode::NOT_FOUND, "the order is over");
}
