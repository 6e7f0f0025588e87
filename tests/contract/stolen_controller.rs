//! The drill: somebody has the controller's key, its machine, and everything that ever travelled.
//! He signs what he likes with that key, and moves genuine signatures wherever he likes. What he
//! cannot do is what the other keys are for.

mod rebinds;
mod wipes;

use agent::order::Admitted;
use harness::keys::{Ceremony, NOW, payload_digest, terminal};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use shared::change::{Change, Upgrade};
use shared::digest::Digest;
use shared::document::{Batch, Document, Release};
use shared::id::{OrderId, TerminalId};
use shared::membership::Membership;
use shared::message::{Parcel, SignedBytes};
use shared::signature::PrivateKey;
use shared::time::UnixTime;

use crate::paper::{ED25519, Hand, Paper};
use crate::scene::Scene;

/// Everything genuine that he has seen.
struct Loot {
    releases: Vec<(Release, Paper)>,
    /// Each approved by one person besides the controller.
    batches: Vec<(Batch, Membership, Paper)>,
}

impl Loot {
    fn of(scene: &Scene) -> Self {
        let ceremony = &scene.ceremony;
        let mut other_model = Ceremony::pos_release("6", 9);
        other_model.models = vec!["T900".to_owned()];
        let releases = [
            Ceremony::pos_release("1", 3),
            Ceremony::pos_release("2", 6),
            Ceremony::pos_release("3", 7),
            other_model,
        ];
        let all = || Membership::of((0..5).map(terminal));
        let without_ours = || Membership::of([0, 1, 3, 4].map(terminal));
        let batches = [(0, all()), (1, all()), (2, without_ours())].map(|(release, members)| {
            let release = payload_digest(&releases[release]);
            let change = Change::Upgrade(Upgrade { release, window: None, backup_within_s: None });
            let batch = Ceremony::batch(1, change, &members);
            let keys = [&ceremony.controller, &ceremony.approver[0]];
            let paper = Paper::read(ceremony.sign(batch.clone(), &keys).as_slice());
            (batch, members, paper)
        });
        let signed = releases.map(|release| {
            let paper = Paper::read(ceremony.signed_release(&release).as_slice());
            (release, paper)
        });
        Self { releases: signed.into(), batches: batches.into() }
    }
}

/// Picks from any list, as evenly from one of three as from one of four or five.
fn any_one() -> std::ops::Range<usize> {
    0..60
}

fn one_of<T>(list: &[T], at: usize) -> &T {
    &list[at % list.len()]
}

/// Which signatures he puts under a document that he changed or did not change.
#[derive(Clone, Copy, Debug)]
struct Hands {
    /// Those of a genuine document, moved over.
    moved: Option<usize>,
    /// The controller's own.
    own: bool,
    /// The controller's, but said to be those of the people who should have signed.
    disguised: bool,
    /// The genuine signatures twice.
    doubled: bool,
}

fn hands() -> impl Strategy<Value = Hands> {
    let moved = prop::option::weighted(0.8, any_one());
    (moved, prop::bool::weighted(0.8), any::<bool>(), any::<bool>())
        .prop_map(|(moved, own, disguised, doubled)| Hands { moved, own, disguised, doubled })
}

impl Hands {
    fn sign<D: Document>(
        self,
        scene: &Scene,
        document: D,
        genuine: &[&Paper],
        people: &[PrivateKey],
    ) -> SignedBytes {
        let Ceremony { fleet, controller, .. } = &scene.ceremony;
        let mut paper = Paper::read(scene.ceremony.sign(document, &[]).as_slice());
        let mut hands: Vec<Hand> = Vec::new();
        if let Some(from) = self.moved {
            let moved = &one_of(genuine, from).signatures;
            hands.extend(moved.iter().cloned());
            hands.extend(moved.iter().filter(|_| self.doubled).cloned());
        }
        if self.own {
            hands.push(paper.hand(*fleet, controller, ED25519, controller.public().key_id()));
        }
        if self.disguised {
            hands.extend(
                people.iter().map(|person| {
                    paper.hand(*fleet, controller, ED25519, person.public().key_id())
                }),
            );
        }
        paper.signatures = hands;
        SignedBytes::new(paper.write())
    }
}

/// One attempt: which genuine papers he begins with, what he changes, whose names he puts under.
#[derive(Clone, Debug)]
struct Attempt {
    release: usize,
    other_bytes: bool,
    higher_counter: bool,
    our_model: bool,
    release_hands: Hands,
    batch: usize,
    names_release: bool,
    one_terminal_more: bool,
    recounted: bool,
    longer: bool,
    batch_hands: Hands,
    order_id: u8,
    seq: u64,
    claims_place_of: usize,
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let rarely = || prop::bool::weighted(0.25);
    (
        (any_one(), rarely(), rarely(), rarely(), hands()),
        (any_one(), any::<bool>(), rarely(), rarely(), rarely(), hands()),
        (any::<u8>(), 0..200_u64, any_one()),
    )
        .prop_map(|(release, batch, order)| Attempt {
            release: release.0,
            other_bytes: release.1,
            higher_counter: release.2,
            our_model: release.3,
            release_hands: release.4,
            batch: batch.0,
            names_release: batch.1,
            one_terminal_more: batch.2,
            recounted: batch.3,
            longer: batch.4,
            batch_hands: batch.5,
            order_id: order.0,
            seq: order.1,
            claims_place_of: order.2,
        })
}

impl Attempt {
    fn parcel(&self, scene: &Scene, loot: &Loot) -> Parcel {
        let mut release = one_of(&loot.releases, self.release).0.clone();
        if self.other_bytes {
            release.artifact.sha256 = Digest::of(b"his own");
        }
        if self.higher_counter {
            release.security_counter += 10;
        }
        if self.our_model {
            release.models = vec!["T100".to_owned()];
        }
        let (mut batch, mut members) = {
            let (batch, members, _) = one_of(&loot.batches, self.batch);
            let same = (0..5).map(terminal).filter(|it| members.proof(*it).is_some());
            (batch.clone(), Membership::of(same))
        };
        if self.names_release {
            let release = payload_digest(&release);
            batch.change =
                Change::Upgrade(Upgrade { release, window: None, backup_within_s: None });
        }
        if self.one_terminal_more {
            members = Membership::of((0..6).map(terminal));
            batch.root = members.root();
            batch.terminals = 6;
        }
        batch.terminals += u32::from(self.recounted);
        if self.longer {
            batch.not_after = UnixTime(NOW.0 + 30 * 24 * 3600);
        }
        let mut order = Ceremony::order(self.seq, scene.terminal, &batch, &members);
        order.id = OrderId::from_bytes([self.order_id; 16]);
        if members.proof(scene.terminal).is_none() {
            let places: Vec<_> = (0..5).filter_map(|it| members.proof(terminal(it))).collect();
            let place = one_of(&places, self.claims_place_of).clone();
            (order.index, order.path) = (place.index, place.path);
        }
        let Ceremony { controller, approver, release: release_keys, .. } = &scene.ceremony;
        let releases: Vec<_> = loot.releases.iter().map(|(_, paper)| paper).collect();
        let batches: Vec<_> = loot.batches.iter().map(|(.., paper)| paper).collect();
        Parcel {
            order: scene.ceremony.sign(order, &[controller]),
            batch: self.batch_hands.sign(scene, batch, &batches, approver),
            release: Some(self.release_hands.sign(scene, release, &releases, release_keys)),
            profile: None,
        }
    }
}

/// Tries so many attempts against each of these terminals.
#[track_caller]
fn drill(mut scene: Scene, terminals: &[u32], meant: impl Fn(&Loot, &Scene, &Admitted) -> bool) {
    const ATTEMPTS: u32 = 1_000;
    let loot = Loot::of(&scene);
    for number in terminals {
        scene.terminal = terminal(*number);
        let mut runner = TestRunner::new(ProptestConfig::with_cases(ATTEMPTS));
        let result = runner.run(&attempt(), |attempt| {
            if let Ok(admitted) = scene.check(&attempt.parcel(&scene, &loot)) {
                prop_assert!(meant(&loot, &scene, &admitted), "{admitted:?}");
            }
            Ok(())
        });
        result.unwrap_or_else(|failure| panic!("terminal {number}: {failure}"));
    }
}

/// Whether people signed this release.
fn is_genuine(loot: &Loot, admitted: &Admitted) -> bool {
    loot.releases.iter().any(|(it, _)| Some(it) == admitted.release.as_ref())
}

/// Whether people signed this batch, for this terminal among others.
fn is_approved(loot: &Loot, admitted: &Admitted, terminal: TerminalId) -> bool {
    loot.batches
        .iter()
        .any(|(it, members, _)| *it == admitted.batch && members.proof(terminal).is_some())
}

#[test]
fn he_installs_nothing_that_the_release_keys_did_not_sign() {
    let upgrades_need_no_approver = Scene::of(Ceremony::of(1));
    drill(upgrades_need_no_approver, &[2, 5], |loot, _, admitted| is_genuine(loot, admitted));
}

#[test]
fn he_extends_no_approved_batch_by_one_terminal() {
    drill(Scene::new(), &[2, 5], |loot, scene, admitted| {
        is_genuine(loot, admitted) && is_approved(loot, admitted, scene.terminal)
    });
}

#[test]
fn what_he_leaves_as_it_was_found_is_admitted() {
    let scene = Scene::new();
    let loot = Loot::of(&scene);
    let hands = Hands { moved: Some(1), own: false, disguised: false, doubled: false };
    let untouched = Attempt {
        release: 1,
        other_bytes: false,
        higher_counter: false,
        our_model: false,
        release_hands: hands,
        batch: 1,
        names_release: false,
        one_terminal_more: false,
        recounted: false,
        longer: false,
        batch_hands: hands,
        order_id: 1,
        seq: 1,
        claims_place_of: 0,
    };
    let admitted = scene.check(&untouched.parcel(&scene, &loot)).expect("it is genuine");
    assert!(is_genuine(&loot, &admitted) && is_approved(&loot, &admitted, scene.terminal));
}
