//! Damage without a name: every bit, every length, and random edits by the hundred thousand. What
//! is accepted in spite of it is what was meant, bit by bit.
//!
//! `cargo test -p tests --test contract damage -- --show-output` says how much was tried.

use std::thread;

use harness::dice::Dice;
use harness::keys::{Ceremony, payload_digest};
use shared::change::Verb;
use shared::document::Release;
use shared::document::roster::Role;
use shared::message::{Parcel, SignedBytes};

use crate::scene::Scene;

/// An order, a batch and a release that can each be replaced.
#[derive(Clone, Copy, Debug)]
enum Part {
    Order,
    Batch,
    Release,
}

const PARTS: [Part; 3] = [Part::Order, Part::Batch, Part::Release];

impl Part {
    fn of(self, parcel: &Parcel) -> &[u8] {
        match self {
            Self::Order => parcel.order.as_slice(),
            Self::Batch => parcel.batch.as_slice(),
            Self::Release => parcel.release.as_ref().expect("an upgrade").as_slice(),
        }
    }

    fn replaced(self, parcel: &Parcel, bytes: Vec<u8>) -> Parcel {
        let (signed, parcel) = (SignedBytes::new(bytes), parcel.clone());
        match self {
            Self::Order => Parcel { order: signed, ..parcel },
            Self::Batch => Parcel { batch: signed, ..parcel },
            Self::Release => Parcel { release: Some(signed), ..parcel },
        }
    }

    /// What a parcel of this kind consists of.
    fn all(parcel: &Parcel) -> &'static [Self] {
        if parcel.release.is_some() { &PARTS } else { &PARTS[..2] }
    }
}

/// Orders in which no signature can be spared: the order has the controller's, the batch the
/// controller's and an approver's, a release those of two release keys.
fn barely_signed() -> Vec<(&'static str, Scene, Parcel)> {
    let (upgrade, ping) = (Scene::new(), Scene::where_people_approve(Verb::Ping));
    let parcels = (upgrade.parcel(), ping.approved_ping());
    vec![("upgrade", upgrade, parcels.0), ("approved ping", ping, parcels.1)]
}

#[expect(clippy::print_stdout, reason = "shown with --show-output, and when a test fails")]
fn say(text: &str) {
    println!("{text}");
}

/// Tries every damage of one kind to every part of every such order, and says how many there were.
fn none_is_accepted(kind: &str, damaged: impl Fn(&[u8]) -> Vec<Vec<u8>> + Sync) {
    let cases = barely_signed();
    let damaged = &damaged;
    thread::scope(|threads| {
        for (name, scene, parcel) in &cases {
            scene.check(parcel).expect("it is in order before it is damaged");
            for part in Part::all(parcel) {
                threads.spawn(move || {
                    let tries = damaged(part.of(parcel));
                    let accepted = (0..tries.len()).filter(|at| {
                        scene.check(&part.replaced(parcel, tries[*at].clone())).is_ok()
                    });
                    let (tried, accepted) = (tries.len(), accepted.collect::<Vec<_>>());
                    say(&format!("{name}, {part:?}: {tried} {kind}, {} accepted", accepted.len()));
                    assert!(!tries.is_empty() && accepted.is_empty(), "{kind}: {accepted:?}");
                });
            }
        }
    });
}

#[test]
fn no_bit_of_an_order_can_be_turned_when_every_signature_is_needed() {
    none_is_accepted("bits turned", |bytes| {
        let turned = |bit: usize| {
            let mut turned = bytes.to_vec();
            turned[bit / 8] ^= 1 << (bit % 8);
            turned
        };
        (0..bytes.len() * 8).map(turned).collect()
    });
}

#[test]
fn no_byte_of_an_order_can_be_cut_off() {
    none_is_accepted("cuts", |bytes| {
        let cuts =
            (0..bytes.len()).flat_map(|length| [&bytes[..length], &bytes[bytes.len() - length..]]);
        cuts.map(<[u8]>::to_vec).collect()
    });
}

/// More signatures than are needed, so that damage to one can be survived.
fn generously_signed(scene: &Scene) -> Parcel {
    let Ceremony { controller, approver, release, .. } = &scene.ceremony;
    let papers = scene.papers();
    let all = |keys: &[&_]| scene.ceremony.sign(papers.batch.clone(), keys);
    Parcel {
        order: scene.ceremony.sign(papers.order.clone(), &[controller, &approver[0]]),
        batch: all(&[controller, &approver[0], &approver[1], &approver[2]]),
        release: Some(
            scene.ceremony.sign(papers.release, &[&release[0], &release[1], &release[2]]),
        ),
        profile: None,
    }
}

/// One to four edits; `other` is what may be spliced in.
fn edited(bytes: &[u8], other: &[u8], random: &mut Dice) -> Vec<u8> {
    let mut edited = bytes.to_vec();
    for _ in 0..=random.place(4) {
        let at = random.place(edited.len());
        let end = (at + random.place(40)).min(edited.len());
        match random.place(6) {
            0 if at < edited.len() => edited[at] ^= 1 << random.place(8),
            1 if at < edited.len() => edited[at] = random.throw().to_be_bytes()[0],
            2 => drop(edited.drain(at..end)),
            3 => edited.insert(at, random.throw().to_be_bytes()[0]),
            4 => {
                let twice = edited[at..end].to_vec();
                edited.splice(at..at, twice);
            }
            _ => {
                let from = random.place(other.len());
                let until = (from + end - at).min(other.len());
                edited.splice(at..end, other[from..until].iter().copied());
            }
        }
    }
    edited
}

/// What became of an edited parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Refused,
    AcceptedAsMeant,
    AcceptedAsSomethingElse,
}

/// Counts the edits that were survived, out of so many from this seed.
fn survivors(
    edits: u32,
    seed: u64,
    parcel: &Parcel,
    parts: &[Part],
    fate: impl Fn(&Parcel) -> Fate,
) -> usize {
    let mut random = Dice::from_seed(seed);
    let survived = (0..edits).filter(|edit| {
        let part = parts[random.place(parts.len())];
        let other = PARTS[random.place(PARTS.len())];
        let bytes = edited(part.of(parcel), other.of(parcel), &mut random);
        let fate = fate(&part.replaced(parcel, bytes));
        assert_ne!(fate, Fate::AcceptedAsSomethingElse, "seed {seed}, edit {edit} of {part:?}");
        fate == Fate::AcceptedAsMeant
    });
    survived.count()
}

#[test]
fn whatever_is_edited_at_random_an_accepted_order_is_the_one_that_was_meant() {
    let scene = Scene::new();
    let parcel = generously_signed(&scene);
    let meant = scene.check(&parcel).expect("it is in order");
    let survived = survivors(5_000, 1, &parcel, &PARTS, |parcel| match scene.check(parcel) {
        Ok(admitted) if admitted == meant => Fate::AcceptedAsMeant,
        Ok(_) => Fate::AcceptedAsSomethingElse,
        Err(_) => Fate::Refused,
    });
    // Otherwise nothing was shown: some edits must hit only a signature that was not needed.
    assert!(survived > 0);
}

#[test]
fn two_hundred_thousand_random_edits_make_no_other_release() {
    let scene = Scene::new();
    let parcel = generously_signed(&scene);
    let meant = payload_digest(&scene.papers().release);
    let fate = |parcel: &Parcel| {
        let signed = parcel.release.as_ref().expect("an upgrade");
        match scene.trust.open::<Release>(signed) {
            Ok(opened) if opened.signed_by.count(Role::Release) < 2 => Fate::Refused,
            Ok(opened) if opened.digest == meant => Fate::AcceptedAsMeant,
            Ok(_) => Fate::AcceptedAsSomethingElse,
            Err(_) => Fate::Refused,
        }
    };
    let survived: usize = thread::scope(|threads| {
        let shares: Vec<_> = (0..4)
            .map(|seed| {
                let (parcel, fate) = (&parcel, &fate);
                threads.spawn(move || survivors(50_000, seed, parcel, &[Part::Release], fate))
            })
            .collect();
        shares.into_iter().map(|share| share.join().expect("a share of the edits")).sum()
    });
    assert!(survived > 0);
}
