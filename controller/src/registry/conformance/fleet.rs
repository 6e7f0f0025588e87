//! Whose registry it is, who may use it, rosters, releases, the audit log.

use std::collections::BTreeMap;

use shared::digest::Digest;
use shared::document::release::{Artifact, Health, Settlement};
use shared::document::roster::Thresholds;
use shared::document::{Release, Roster};
use shared::id::FleetId;
use shared::log_tree::At;
use shared::message::SignedBytes;
use shared::signature::Envelope;
use shared::time::UnixTime;

use super::fixture::{by, claim, enrol, greeting_of, hello, terminal_id};
use crate::registry::audit::{StoredCheckpoint, check_chain};
use crate::registry::delivery::{AlarmKind, AnyAlarm};
use crate::registry::fleet::Operator;
use crate::registry::page::Page;
use crate::registry::release::{StoredArtifact, StoredRelease};
use crate::registry::{Registry, RegistryError};

pub(super) async fn migrating_twice_changes_nothing(registry: &dyn Registry) {
    let version = registry.migrate().await.expect("a current schema stays");
    assert!(version >= 1);
    assert_eq!(registry.migrate().await.expect("a current schema stays"), version);
    registry.check_schema().await.expect("the schema is the one this build needs");
}

pub(super) async fn a_registry_belongs_to_one_fleet(registry: &dyn Registry) {
    let (ours, other) = (FleetId::from_bytes([1; 16]), FleetId::from_bytes([2; 16]));
    registry.belongs_to(ours).await.expect("a new registry is anybody's");
    registry.belongs_to(ours).await.expect("it is still ours");
    let refused = registry.belongs_to(other).await.expect_err("it is not theirs");
    assert!(matches!(refused, RegistryError::OtherFleet { found, .. } if found == ours));
}

pub(super) async fn an_operator_is_found_by_token_and_the_token_can_be_changed(
    registry: &dyn Registry,
) {
    let [old, new] = [b"old", b"new"].map(|token| Digest::of(token));
    for (name, token_hash) in [("b", Digest::of(b"b")), ("a", old), ("a", new)] {
        let operator = Operator { name: name.to_owned(), token_hash, created_at: UnixTime(1) };
        registry.put_operator(&operator, &by("init", 1)).await.expect("operators are stored");
    }
    let found = async |token| registry.operator_by_token(token).await.expect("it is looked up");
    assert_eq!(found(old).await, None);
    assert_eq!(found(new).await.map(|operator| operator.name).as_deref(), Some("a"));
    let operators = registry.operators(&Page::first(10)).await.expect("they are listed");
    let names: Vec<_> = operators.iter().map(|operator| operator.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let after_a = Page::after("a".to_owned(), 10);
    assert_eq!(registry.operators(&after_a).await.expect("they are listed").len(), 1);
    let keep = async |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|it| (*it).to_owned()).collect();
        registry.keep_operators(&names, &by("init", 2)).await.expect("they are looked at")
    };
    assert_eq!((keep(&["a", "b", "c"]).await, keep(&["b"]).await, keep(&["b"]).await), (0, 1, 0));
    assert_eq!(found(new).await, None, "whoever is not named any more has no token");
    assert!(found(Digest::of(b"b")).await.is_some());
}

fn roster(version: u64, issued_at: i64) -> Envelope<Roster> {
    Envelope::unsigned(Roster {
        format: 1,
        fleet: FleetId::from_bytes([1; 16]),
        version,
        issued_at: UnixTime(issued_at),
        expires_at: UnixTime(9000),
        keys: vec![],
        thresholds: Thresholds { root: 2, release: 2 },
        requirements: BTreeMap::new(),
        recovery_recipients: vec![],
        previous: None,
    })
}

pub(super) async fn rosters_follow_one_another_without_a_gap(registry: &dyn Registry) {
    assert_eq!(registry.newest_roster().await.expect("it is looked up"), None);
    let early = registry.add_roster(&roster(2, 1), &by("op", 1)).await;
    assert!(matches!(early, Err(RegistryError::RosterGap { version: 2, missing: 1 })));
    for version in [1, 2, 1, 2, 3] {
        let added = registry.add_roster(&roster(version, 1), &by("op", 1)).await;
        added.expect("the next one and known ones are taken");
    }
    let other = registry.add_roster(&roster(2, 99), &by("op", 1)).await;
    assert!(matches!(other, Err(RegistryError::Exists { what: "roster", .. })));
    let missing = registry.rosters_after(1, 10).await.expect("they are listed");
    assert_eq!(missing.iter().map(|it| it.version).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(missing[0].digest, roster(2, 1).digest());
    assert_eq!(missing[0].signed.as_slice(), roster(2, 1).to_bytes());
    assert_eq!(registry.rosters_after(1, 1).await.expect("they are listed").len(), 1);
    let newest = registry.newest_roster().await.expect("it is looked up");
    assert_eq!(newest.map(|it| it.version), Some(3));
}

pub(super) async fn the_audit_log_is_a_chain_and_says_who_did_what(registry: &dyn Registry) {
    for number in 0..5 {
        let by = by(&format!("op-{number}"), number);
        registry.note("looked", "terminal", &by).await.expect("it is written down");
    }
    let first = registry.audit(&Page::first(3)).await.expect("it is read");
    let rest = registry.audit(&Page::after(3, 10)).await.expect("it is read");
    let newest = check_chain(None, &first).expect("the first entries are intact");
    let newest = check_chain(newest, &rest).expect("the others follow them");
    assert_eq!(newest.map(|(seq, _)| seq), Some(5));
    assert_eq!(first[2].who, "op-2");
    assert_eq!((first[2].what.as_str(), first[2].detail.as_str()), ("looked", "because"));
}

fn release(version: &str, published_at: i64) -> StoredRelease {
    let release = Release {
        format: 1,
        component: "pos".to_owned(),
        version: version.to_owned(),
        security_counter: 1,
        models: vec!["T650".to_owned()],
        artifact: Artifact {
            sha256: Digest::of(version.as_bytes()),
            size: 1,
            unpacked_size: 2,
            entries: 1,
        },
        from_counter_min: 0,
        raise_floor_to: None,
        settlement: Settlement::NotNeeded,
        health: Health { stable_s: 1, within_s: 2 },
        issued_at: UnixTime(1),
        expires_at: UnixTime(9000),
    };
    let envelope = Envelope::unsigned(release);
    StoredRelease {
        digest: envelope.digest(),
        signed: SignedBytes::new(envelope.to_bytes()),
        release: envelope.document,
        published_at: UnixTime(published_at),
        published_by: "op".to_owned(),
    }
}

pub(super) async fn releases_are_listed_newest_first(registry: &dyn Registry) {
    let releases = [release("1.0", 5), release("2.0", 5), release("3.0", 7)];
    for release in &releases {
        registry.add_release(release, &by("op", 5)).await.expect("it is published");
        registry.add_release(release, &by("op", 6)).await.expect("…and again");
    }
    let found = registry.release(releases[0].digest).await.expect("it is looked up");
    assert_eq!(found.as_ref(), Some(&releases[0]));
    let mut listed = Vec::new();
    let mut page = Page::first(1);
    while let Some(last) = registry.releases(&page).await.expect("they are listed").pop() {
        page = Page::after(last.digest, 1);
        listed.push(last);
    }
    assert_eq!(listed.len(), 3);
    assert_eq!(listed[0], releases[2]);
    assert!(listed[1].digest > listed[2].digest);
    let artifact = StoredArtifact { sha256: Digest::of(b"a"), size: 3, stored_at: UnixTime(1) };
    for _ in 0..2 {
        registry.add_artifact(&artifact).await.expect("it is noted");
    }
    let found = registry.artifact(artifact.sha256).await.expect("it is looked up");
    assert_eq!(found, Some(artifact));
}

/// Each writes what all others read: the end of the audit log, and the counters.
pub(super) async fn many_writers_at_once_lose_nothing(registry: &dyn Registry) {
    for number in 1..=6 {
        enrol(registry, number, 1).await;
    }
    let before = registry.audit(&Page::first(1000)).await.expect("it is read").len();
    let writers = (1..=6).map(async |number: u8| {
        for round in 0..5 {
            let who = by(&format!("op-{number}"), round);
            registry.note("looked", "terminal", &who).await.expect("it is written down");
            let said = greeting_of(terminal_id(number), hello(1, 0), 100 + round);
            registry.apply(&[said]).await.expect("it is applied");
        }
        let new = claim(100 + number, 1);
        registry.add_claim(&new, &by("op", 9)).await.expect("it is made");
    });
    futures::future::join_all(writers).await;
    let audit = registry.audit(&Page::first(1000)).await.expect("it is read");
    check_chain(None, &audit).expect("the chain is whole");
    assert_eq!(audit.len() - before, 6 * (5 + 1));
    let tally = registry.fleet_tally().await.expect("it is told");
    assert_eq!((tally.claimed, tally.enrolled, tally.online), (6, 6, 6));
}

pub(super) async fn the_tree_over_the_audit_log_grows_once_for_each_size(registry: &dyn Registry) {
    assert_eq!(registry.newest_checkpoint().await.expect("it is asked"), None);
    let at = |level, at| At { level, at };
    let checkpoint = |size: u64| StoredCheckpoint {
        size,
        root: Digest::of(&size.to_be_bytes()),
        head: Digest::of(b"head"),
        at: UnixTime(7),
        signed: SignedBytes::new(vec![1, 2, 3]),
    };
    let nodes = [(at(0, 0), Digest::of(b"0")), (at(0, 1), Digest::of(b"1"))];
    let two = checkpoint(2);
    let grow = async |from, nodes: &[_], to: &_| {
        registry.grow_audit_tree(from, nodes, to).await.expect("it is looked at")
    };
    assert!(!grow(1, &nodes, &two).await, "it has no entry yet");
    assert!(grow(0, &nodes, &two).await);
    assert!(!grow(0, &nodes, &two).await, "somebody else was faster");
    let more = [(at(0, 2), Digest::of(b"2")), (at(1, 0), Digest::of(b"01"))];
    assert!(grow(2, &more, &checkpoint(3)).await);
    let newest = registry.newest_checkpoint().await.expect("it is asked");
    assert_eq!(newest, Some(checkpoint(3)));
    let old = registry.checkpoint_at(2).await.expect("it is asked");
    assert_eq!((old, registry.checkpoint_at(1).await.expect("it is asked")), (Some(two), None));
    let found = registry.audit_nodes(&[at(1, 0), at(0, 1), at(5, 5)]).await.expect("asked");
    assert_eq!(found, [nodes[1], more[1]].into());
    assert_eq!(registry.audit_nodes(&[]).await.expect("asked"), BTreeMap::new());

    let alarm = AnyAlarm {
        terminal: None,
        kind: AlarmKind::AuditBroken,
        subject: "3".to_owned(),
        detail: "changed".to_owned(),
        at: UnixTime(9),
        ended_at: None,
    };
    assert!(registry.raise_alarm(&alarm).await.expect("it is raised"));
    assert!(!registry.raise_alarm(&alarm).await.expect("it is looked at"), "it stands");
    assert_eq!(registry.fleet_tally().await.expect("a tally").alarms, 1);
    let alarms = registry.alarms(&Page::first(9)).await.expect("a list");
    assert_eq!(alarms.into_iter().map(|(_, it)| it).collect::<Vec<_>>(), [alarm]);
}
