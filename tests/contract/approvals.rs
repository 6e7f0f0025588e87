//! What people approve, when somebody has the controller: terminals count owners by the newest
//! roster, and believe nobody about who has signed.

use std::collections::BTreeMap;

use agent::roster::Trust;
use harness::keys::{Ceremony, NOW, entry, payload_digest};
use shared::backup::{Selection, SnapshotOf};
use shared::change::{Cancel, Change, Ping, Restore, Verb};
use shared::digest::Digest;
use shared::document::Batch;
use shared::document::roster::Role;
use shared::floor::{Requirement, Signers};
use shared::id::{BatchId, RepositoryId};
use shared::message::{Parcel, SignedBytes};
use shared::outcome::Refusal;
use shared::signature::PrivateKey;
use shared::time::UnixTime;

use crate::paper::{ED25519, Paper};
use crate::scene::Scene;

/// Where a ping needs two approvers by the roster, as a restore does wherever it is.
fn scene() -> Scene {
    let mut ceremony = Ceremony::of(1);
    let two = Requirement { signers: Signers::Controller, approvers: 2 };
    ceremony.roster.requirements = BTreeMap::from([(Verb::Ping, two)]);
    Scene::of(ceremony)
}

fn ping(note: &str) -> Change {
    Change::Ping(Ping { note: note.to_owned() })
}

fn restore(scene: &Scene) -> Change {
    let of = SnapshotOf {
        terminal: scene.terminal,
        repository: RepositoryId::from_bytes([1; 16]),
        snapshot: Digest([2; 32]),
        manifest: Digest([3; 32]),
    };
    Change::Restore(Restore { of, selection: Selection::Everything, key: None, window: None })
}

fn changes(scene: &Scene) -> [Change; 2] {
    [ping("are you there?"), restore(scene)]
}

/// An order for the scene's terminal, which a controller can always sign, of this batch.
fn ordered(scene: &Scene, batch: &Batch, signed: SignedBytes) -> Parcel {
    let order = Ceremony::order(1, scene.terminal, batch, &scene.members);
    let order = scene.ceremony.sign(order, &[&scene.ceremony.controller]);
    Parcel { order, batch: signed, release: None, profile: None }
}

/// The batch of this change with the signatures of these keys.
fn signed_by(scene: &Scene, change: Change, keys: &[&PrivateKey]) -> Parcel {
    let batch = Ceremony::batch(1, change, &scene.members);
    let signed = scene.ceremony.sign(batch.clone(), keys);
    ordered(scene, &batch, signed)
}

#[track_caller]
fn too_few(scene: &Scene, case: &str, parcel: &Parcel) {
    match scene.check(parcel) {
        Ok(admitted) => panic!("{case}: accepted {:?}", admitted.batch.change),
        Err(refused) => assert_eq!(refused.refusal, Refusal::TooFewSignatures, "{case}: {refused}"),
    }
}

#[test]
fn two_owners_besides_the_controller_are_enough_and_one_is_not() {
    let scene = scene();
    let Ceremony { controller, approver: [one, two, three], release, root, .. } = &scene.ceremony;
    for change in changes(&scene) {
        let with = |keys: &[&PrivateKey]| signed_by(&scene, change.clone(), keys);
        assert!(scene.check(&with(&[controller, one, two])).is_ok(), "{change:?}");
        assert!(scene.check(&with(&[three, controller, one])).is_ok(), "in any order");
        for (case, keys) in [
            ("the controller alone", vec![controller]),
            ("one approver", vec![controller, one]),
            ("one approver twice", vec![controller, one, one]),
            ("approvers without the controller", vec![one, two, three]),
            ("keys of other roles", vec![controller, one, &release[0], &root[0]]),
        ] {
            too_few(&scene, case, &with(&keys));
        }
    }
}

#[test]
fn one_owner_with_two_keys_is_one_approver() {
    let mut ceremony = Ceremony::of(1);
    let second = ceremony.roster.keys.iter_mut().find(|key| key.owner == "approver-2");
    second.expect("approver 2 is in the roster").owner = "approver-1".to_owned();
    let scene = Scene::of(ceremony);
    let Ceremony { controller, approver: [one, again, other], .. } = &scene.ceremony;
    let with = |keys: &[&PrivateKey]| signed_by(&scene, restore(&scene), keys);
    let alone = scene.check(&with(&[controller, one, again])).expect_err("it is one person");
    assert_eq!(alone.refusal, Refusal::SameOwner);
    assert!(scene.check(&with(&[controller, again, other])).is_ok());
}

#[test]
fn a_controller_that_signs_in_the_names_of_approvers_has_signed_once() {
    let scene = scene();
    let Ceremony { fleet, controller, approver, .. } = &scene.ceremony;
    for change in changes(&scene) {
        let batch = Ceremony::batch(1, change, &scene.members);
        let mut paper = Paper::read(scene.ceremony.sign(batch.clone(), &[controller]).as_slice());
        for person in approver {
            let name = person.public().key_id();
            paper.signatures.push(paper.hand(*fleet, controller, ED25519, name));
        }
        let forged = ordered(&scene, &batch, SignedBytes::new(paper.write()));
        too_few(&scene, "approvers' names over his own signatures", &forged);
    }
}

#[test]
fn a_controller_that_lists_approvers_of_its_own_is_not_believed() {
    let scene = scene();
    let his = [61, 62].map(|number| PrivateKey::from_seed(&[number; 32]));
    let Ceremony { controller, roster, .. } = &scene.ceremony;
    let mut forged = Ceremony::next_roster(roster);
    let entries = his.iter().zip(["gil", "han"]);
    forged.keys.extend(entries.map(|(key, owner)| entry(Role::Approver, owner, key.public())));
    forged.keys.sort_by_key(|key| key.id);
    for keys in [&[controller][..], &[controller, &his[0], &his[1]]] {
        assert!(scene.trust.follow(&scene.ceremony.sign(forged.clone(), keys)).is_err());
    }
    for change in changes(&scene) {
        let parcel = signed_by(&scene, change, &[controller, &his[0], &his[1]]);
        too_few(&scene, "approvers of nobody's roster", &parcel);
    }
}

#[test]
fn an_approver_of_an_older_roster_counts_no_more() {
    let mut scene = scene();
    let Ceremony { controller, approver: [gone, stays, other], root, roster, .. } = &scene.ceremony;
    let mut next = Ceremony::next_roster(roster);
    next.keys.retain(|key| key.public != gone.public());
    let next = scene.ceremony.sign(next, &[&root[0], &root[1]]);
    let approved = |change: &Change| signed_by(&scene, change.clone(), &[controller, gone, stays]);
    let before = changes(&scene).map(|change| approved(&change));
    let valid = changes(&scene).map(|it| signed_by(&scene, it, &[controller, stays, other]));
    assert!(before.iter().all(|parcel| scene.check(parcel).is_ok()), "he was one of them then");
    let newest: Trust = scene.trust.follow(&next).expect("two root keys signed it");
    scene.trust = newest;
    for parcel in &before {
        too_few(&scene, "signed by who has left", parcel);
    }
    assert!(valid.iter().all(|parcel| scene.check(parcel).is_ok()), "two are left");
}

#[test]
fn signatures_on_one_batch_are_worth_nothing_on_another() {
    let scene = scene();
    let Ceremony { fleet, controller, approver: [one, two, _], .. } = &scene.ceremony;
    for change in changes(&scene) {
        let genuine = Ceremony::batch(1, change, &scene.members);
        let approved = scene.ceremony.sign(genuine.clone(), &[controller, one, two]);
        let approved = Paper::read(approved.as_slice());
        let longer = UnixTime(NOW.0 + 2 * 24 * 3600);
        let changed: [(&str, Batch); 6] = [
            ("another note", Batch { change: ping("open the drawer"), ..genuine.clone() }),
            (
                "another verb",
                Batch {
                    change: restore(&scene),
                    id: BatchId::from_bytes([8; 16]),
                    ..genuine.clone()
                },
            ),
            ("another id", Batch { id: BatchId::from_bytes([9; 16]), ..genuine.clone() }),
            ("another count", Batch { terminals: 6, ..genuine.clone() }),
            ("another root", Batch { root: Digest([7; 32]), ..genuine.clone() }),
            ("a longer life", Batch { not_after: longer, ..genuine.clone() }),
        ];
        for (case, batch) in changed {
            assert_ne!(payload_digest(&batch), payload_digest(&genuine), "{case}");
            let mut forged = Paper::read(scene.ceremony.sign(batch.clone(), &[]).as_slice());
            forged.signatures = approved.signatures.clone();
            let own = forged.hand(*fleet, controller, ED25519, controller.public().key_id());
            forged.signatures.push(own);
            let parcel = ordered(&scene, &batch, SignedBytes::new(forged.write()));
            too_few(&scene, case, &parcel);
        }
    }
}

#[test]
fn what_an_approver_cancelled_was_cancelled_for_these_terminals_alone() {
    let scene = scene();
    let Ceremony { controller, approver, .. } = &scene.ceremony;
    let wish =
        Change::Cancel(Cancel { batch: BatchId::from_bytes([1; 16]), reason: String::new() });
    let batch = Ceremony::batch(2, wish, &scene.members);
    let by_one = scene.ceremony.sign(batch.clone(), &[&approver[2]]);
    assert!(scene.check(&ordered(&scene, &batch, by_one.clone())).is_ok(), "one is enough");
    let mut order = Ceremony::order(1, scene.terminal, &batch, &scene.members);
    order.index += 1;
    let order = scene.ceremony.sign(order, &[controller]);
    let moved = scene.check(&Parcel { order, batch: by_one, release: None, profile: None });
    assert_eq!(moved.expect_err("it is not this member").refusal, Refusal::NotAMember);
}
