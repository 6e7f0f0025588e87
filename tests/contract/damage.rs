//! Damage without a name: every bit, every length, and random edits by the hundred thousand. What
//! is accepted in spite of it is what was meant, bit by bit.

use std::thread;

use harness::keys::{Ceremony, payload_digest};
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
}

#[test]
fn no_bit_of_an_upgrade_can_be_turned_when_every_signature_is_needed() {
    let scene = Scene::new();
    let parcel = scene.parcel();
    assert!(scene.check(&parcel).is_ok());
    let turn_all = |part: Part| {
        let bytes = part.of(&parcel);
        for bit in 0..bytes.len() * 8 {
            let mut turned = bytes.to_vec();
            turned[bit / 8] ^= 1 << (bit % 8);
            let accepted = scene.check(&part.replaced(&parcel, turned)).is_ok();
            assert!(!accepted, "{part:?}, bit {bit}");
        }
    };
    thread::scope(|threads| {
        for part in PARTS {
            threads.spawn(move || turn_all(part));
        }
    });
}

#[test]
fn no_byte_of_an_upgrade_can_be_cut_off() {
    let scene = Scene::new();
    let parcel = scene.parcel();
    for part in PARTS {
        let bytes = part.of(&parcel);
        for length in 0..bytes.len() {
            let from_end = part.replaced(&parcel, bytes[..length].to_vec());
            let from_start = part.replaced(&parcel, bytes[bytes.len() - length..].to_vec());
            assert!(scene.check(&from_end).is_err(), "{part:?}, the first {length} bytes");
            assert!(scene.check(&from_start).is_err(), "{part:?}, the last {length} bytes");
        }
    }
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
    }
}

/// SplitMix64: small, seeded, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).expect("below a usize")
    }
}

/// One to four edits; `other` is what may be spliced in.
fn edited(bytes: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut edited = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(edited.len());
        let end = (at + random.below(40)).min(edited.len());
        match random.below(6) {
            0 if at < edited.len() => edited[at] ^= 1 << random.below(8),
            1 if at < edited.len() => edited[at] = random.next().to_be_bytes()[0],
            2 => drop(edited.drain(at..end)),
            3 => edited.insert(at, random.next().to_be_bytes()[0]),
            4 => {
                let twice = edited[at..end].to_vec();
                edited.splice(at..at, twice);
            }
            _ => {
                let from = random.below(other.len());
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
    let mut random = Random(seed);
    let survived = (0..edits).filter(|edit| {
        let part = parts[random.below(parts.len())];
        let other = PARTS[random.below(PARTS.len())];
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
