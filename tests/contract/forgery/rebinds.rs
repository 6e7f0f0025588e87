//! A change of provider moves where a shop's money goes. Each way to make one without the people
//! who must sign, or with another profile than they signed for, is refused by its own name.

use ciborium::Value;
use harness::keys::{Ceremony, NOW, terminal};
use harness::rebind::{Portfolio, profile, rebind};
use shared::change::rebind::{TestKind, Watch};
use shared::change::{Change, Rebind};
use shared::codec;
use shared::document::order::Stream;
use shared::document::profile::{Enclosed, PROFILE_BYTES_MAX, Profile};
use shared::document::{Batch, Order};
use shared::id::OrderId;
use shared::limits;
use shared::membership::Membership;
use shared::message::Parcel;
use shared::outcome::Refusal;
use shared::signature::PrivateKey;
use shared::time::{ClockConfidence, UnixTime};

use super::refused;
use crate::paper::{read, write};
use crate::scene::Scene;

/// A rebind that is in order, and what it is made of.
struct Rebinding {
    scene: Scene,
    portfolio: Portfolio,
    batch: Batch,
    order: Order,
}

impl Rebinding {
    fn new() -> Self {
        Self::with((0..5).map(|number| profile(terminal(number))), |_| {})
    }

    fn with(profiles: impl IntoIterator<Item = Profile>, change: impl Fn(&mut Rebind)) -> Self {
        let scene = Scene::of(Ceremony::of(1));
        let portfolio = Portfolio::of(profiles);
        let mut rebind = rebind(portfolio.root());
        change(&mut rebind);
        let batch = Ceremony::batch(1, Change::Rebind(Box::new(rebind)), &scene.members);
        let order = Ceremony::order(1, scene.terminal, &batch, &scene.members);
        Self { scene, portfolio, batch, order }
    }

    fn signed_by(&self, keys: &[&PrivateKey]) -> Parcel {
        let Ceremony { controller, .. } = &self.scene.ceremony;
        Parcel {
            order: self.scene.ceremony.sign(self.order.clone(), &[controller]),
            batch: self.scene.ceremony.sign(self.batch.clone(), keys),
            release: None,
            profile: self.portfolio.enclosed(self.scene.terminal),
        }
    }

    fn parcel(&self) -> Parcel {
        let Ceremony { controller, approver, .. } = &self.scene.ceremony;
        self.signed_by(&[controller, &approver[0], &approver[1]])
    }

    fn enclosed(&self) -> Enclosed {
        self.portfolio.enclosed(self.scene.terminal).expect("a member has a profile")
    }

    /// With the rebind, but with this beside it.
    fn enclosing(&self, profile: Option<Enclosed>) -> Parcel {
        Parcel { profile, ..self.parcel() }
    }

    /// These bytes as the profile, rightly proven: what people would have signed for.
    #[track_caller]
    fn refused_as_signed(case: &str, spoil: impl Fn(&mut Profile), wanted: Refusal) {
        let profiles = (0..5).map(|number| {
            let mut profile = profile(terminal(number));
            if number == 2 {
                spoil(&mut profile);
            }
            profile
        });
        let rebinding = Self::with(profiles, |_| {});
        refused(&rebinding.scene, case, &rebinding.parcel(), wanted);
    }
}

#[test]
fn a_rebind_that_is_in_order_is_admitted_with_its_profile() {
    let rebinding = Rebinding::new();
    let admitted = rebinding.scene.check(&rebinding.parcel()).expect("nothing is wrong with it");
    assert_eq!(admitted.profile, Some(profile(rebinding.scene.terminal)));
    assert_eq!((admitted.batch, admitted.order), (rebinding.batch, rebinding.order));
}

#[test]
fn two_people_with_different_owners_and_a_controller_sign_it_and_nothing_less_will_do() {
    let rebinding = Rebinding::new();
    let Ceremony { controller, approver, root, release, .. } = &rebinding.scene.ceremony;
    for (case, keys) in [
        ("the controller alone", vec![controller]),
        ("the controller with one approver", vec![controller, &approver[0]]),
        ("one approver twice", vec![controller, &approver[0], &approver[0]]),
        ("two approvers without a controller", vec![&approver[0], &approver[1]]),
        ("root keys for approvers", vec![controller, &root[0], &root[1], &root[2]]),
        ("release keys for approvers", vec![controller, &release[0], &release[1]]),
        ("an approver and a root key", vec![controller, &approver[0], &root[0]]),
    ] {
        let parcel = rebinding.signed_by(&keys);
        refused(&rebinding.scene, case, &parcel, Refusal::TooFewSignatures);
    }
    // Two keys of one person are one person.
    let mut ceremony = Ceremony::of(1);
    let same = ceremony.approver[0].public().key_id();
    let owner =
        ceremony.roster.keys.iter().find(|key| key.id == same).expect("listed").owner.clone();
    let other = ceremony.approver[1].public().key_id();
    let both = ceremony.roster.keys.iter_mut().find(|key| key.id == other).expect("listed");
    both.owner = owner;
    let one_person = Rebinding { scene: Scene::of(ceremony), ..Rebinding::new() };
    let parcel = one_person.parcel();
    refused(&one_person.scene, "two keys of one owner", &parcel, Refusal::SameOwner);
}

#[test]
fn no_roster_lowers_what_a_rebind_needs() {
    let mut ceremony = Ceremony::of(1);
    let none =
        shared::floor::Requirement { signers: shared::floor::Signers::Controller, approvers: 0 };
    ceremony.roster.requirements.insert(shared::change::Verb::Rebind, none);
    let rebinding = Rebinding { scene: Scene::of(ceremony), ..Rebinding::new() };
    let controller = &rebinding.scene.ceremony.controller;
    let parcel = rebinding.signed_by(&[controller]);
    refused(&rebinding.scene, "a careless roster", &parcel, Refusal::TooFewSignatures);
}

#[test]
fn a_profile_is_there_and_is_this_terminals_own() {
    let rebinding = Rebinding::new();
    let scene = &rebinding.scene;
    refused(scene, "none", &rebinding.enclosing(None), Refusal::ProfileMissing);
    let own = rebinding.enclosed();
    for other in [0, 1, 3, 4] {
        let others = rebinding.portfolio.enclosed(terminal(other));
        refused(
            scene,
            "another member's",
            &rebinding.enclosing(others.clone()),
            Refusal::OtherProfile,
        );
        let path = own.path.clone();
        let swapped = others.map(|others| Enclosed { path, ..others });
        refused(scene, "swapped", &rebinding.enclosing(swapped), Refusal::OtherProfile);
    }
    let portfolio = Portfolio::of((0..5).map(|number| {
        let mut profile = profile(terminal(number));
        profile.merchant.mid = "000000000000666".to_owned();
        profile
    }));
    let elsewhere = portfolio.enclosed(scene.terminal);
    refused(scene, "under another root", &rebinding.enclosing(elsewhere), Refusal::OtherProfile);
    for path in [vec![], own.path[1..].to_vec(), vec![own.path[0]; limits::MEMBERSHIP_PATH_MAX + 1]]
    {
        let enclosed = Enclosed { path, ..own.clone() };
        refused(scene, "another path", &rebinding.enclosing(Some(enclosed)), Refusal::OtherProfile);
    }
}

#[test]
fn one_byte_more_less_or_otherwise_makes_another_profile_of_it() {
    let rebinding = Rebinding::new();
    let own = rebinding.enclosed();
    let bytes = own.profile.to_vec();
    let check = |payload: Vec<u8>| {
        let enclosed = Enclosed { profile: payload.into(), ..own.clone() };
        let refused = rebinding.scene.check(&rebinding.enclosing(Some(enclosed)));
        refused.expect_err("nobody signed for this").refusal
    };
    let names =
        [Refusal::OtherProfile, Refusal::Malformed, Refusal::NotCanonical, Refusal::UnknownFormat];
    let mut readable = 0;
    for at in 0..bytes.len() {
        for change in [0x01, 0x80] {
            let mut payload = bytes.clone();
            payload[at] ^= change;
            let refusal = check(payload);
            assert!(names.contains(&refusal), "byte {at}: {refusal:?}");
            readable += usize::from(refusal == Refusal::OtherProfile);
        }
        assert!(names.contains(&check(bytes[..at].to_vec())), "{at} bytes of it");
    }
    assert!(readable > 50, "only {readable} were refused for want of a proof");
    assert_eq!(check([bytes.as_slice(), &[0]].concat()), Refusal::Malformed);
    assert_eq!(check(vec![0; PROFILE_BYTES_MAX + 1]), Refusal::TooLarge);
    assert_eq!(check(Vec::new()), Refusal::Malformed);
}

#[test]
fn what_says_the_same_in_other_bytes_is_not_the_profile() {
    let rebinding = Rebinding::new();
    let own = rebinding.enclosed();
    let mut parts = read(&own.profile).into_map().expect("a map");
    parts.reverse();
    let reversed = write(&Value::Map(parts));
    assert_ne!(reversed, own.profile.to_vec());
    let enclosed = Enclosed { profile: reversed.into(), ..own };
    let parcel = rebinding.enclosing(Some(enclosed));
    refused(&rebinding.scene, "in another order", &parcel, Refusal::NotCanonical);
}

#[test]
fn what_people_signed_for_by_mistake_is_refused_too() {
    let other = terminal(3);
    // It is at this terminal's place, and names another.
    let mut profiles: Vec<_> = (0..5).map(|number| profile(terminal(number))).collect();
    let (third, fourth) = (profiles[2].clone(), profiles[3].clone());
    profiles[2] = Profile { merchant: third.merchant.clone(), ..fourth };
    let portfolio: std::collections::BTreeMap<_, _> = profiles
        .iter()
        .enumerate()
        .map(|(number, it)| (terminal(u32::try_from(number).expect("few")), codec::encode(it)))
        .collect();
    assert_eq!(profiles[2].terminal, other);
    let tree = shared::membership::Profiles::of(&portfolio);
    let rebinding = Rebinding::with([], |rebind| rebind.profiles = tree.root());
    let own = rebinding.scene.terminal;
    let path = tree.path(own).expect("a member");
    let enclosed = Enclosed { profile: portfolio[&own].clone().into(), path };
    let parcel = Parcel { profile: Some(enclosed), ..rebinding.parcel() };
    refused(&rebinding.scene, "another's at its place", &parcel, Refusal::OtherProfile);

    Rebinding::refused_as_signed(
        "another provider",
        |it| it.provider = "gamma".to_owned(),
        Refusal::OtherProfile,
    );
    for (case, spoil) in [
        ("no MID", (|it: &mut Profile| it.merchant.mid.clear()) as fn(&mut Profile)),
        ("a MID of 16 digits", |it| it.merchant.mid = "1".repeat(16)),
        ("a TID with a line", |it| it.merchant.tid = "A\n1".to_owned()),
        ("no MCC", |it| it.merchant.mcc.clear()),
        ("no currency", |it| it.currency.clear()),
        ("no host", |it| it.hosts.clear()),
        ("nothing new", |it| {
            it.replaces.mid = it.merchant.mid.clone();
            it.replaces.tid = it.merchant.tid.clone();
        }),
    ] {
        Rebinding::refused_as_signed(case, spoil, Refusal::UnsoundProfile);
    }
    let unknown = |it: &mut Profile| it.format += 1;
    Rebinding::refused_as_signed("of tomorrow", unknown, Refusal::UnknownFormat);
    let large = |it: &mut Profile| it.sealed = Some(vec![0; PROFILE_BYTES_MAX].into());
    Rebinding::refused_as_signed("too large", large, Refusal::TooLarge);
}

#[test]
fn a_batch_that_makes_no_sense_is_refused_whoever_signed_it() {
    let members = || (0..5).map(|number| profile(terminal(number)));
    type Spoil = fn(&mut Rebind);
    let cases: [(&str, Spoil); 5] = [
        ("to where it is", |it| it.from = it.to.clone()),
        ("without tests", |it| it.tests.clear()),
        ("without a sale", |it| it.tests.retain(|test| test.kind != TestKind::Sale)),
        ("a hundred tests", |it| it.tests = vec![it.tests[1]; 100]),
        ("a watch that ends before it is over", |it| {
            it.watch = Watch { for_s: 100, at_most_s: 99, ..it.watch };
        }),
    ];
    for (case, spoil) in cases {
        let rebinding = Rebinding::with(members(), spoil);
        refused(&rebinding.scene, case, &rebinding.parcel(), Refusal::UnsoundBatch);
    }
}

#[test]
fn an_approved_batch_is_not_stretched_by_one_terminal() {
    let mut rebinding = Rebinding::new();
    let outside = terminal(5);
    rebinding.scene.terminal = outside;
    let stranger = Portfolio::of((0..6).map(|number| profile(terminal(number))));
    let Ceremony { controller, .. } = &rebinding.scene.ceremony;
    for place in 0..5 {
        let proof = rebinding.scene.members.proof(terminal(place)).expect("a member");
        let order = Order {
            terminal: outside,
            index: proof.index,
            path: proof.path,
            ..rebinding.order.clone()
        };
        let parcel = Parcel {
            order: rebinding.scene.ceremony.sign(order, &[controller]),
            profile: stranger.enclosed(outside),
            ..rebinding.parcel()
        };
        refused(&rebinding.scene, "a sixth", &parcel, Refusal::NotAMember);
    }
    // Counting him in makes another batch of it, which nobody but the controller signed.
    let six = Membership::of((0..6).map(terminal));
    let change = Change::Rebind(Box::new(rebind(stranger.root())));
    let batch = Ceremony::batch(1, change, &six);
    let parcel = Parcel {
        order: rebinding
            .scene
            .ceremony
            .sign(Ceremony::order(1, outside, &batch, &six), &[controller]),
        batch: rebinding.scene.ceremony.sign(batch.clone(), &[controller]),
        release: None,
        profile: stranger.enclosed(outside),
    };
    refused(&rebinding.scene, "a larger batch", &parcel, Refusal::TooFewSignatures);
    let genuine = Parcel { batch: rebinding.parcel().batch, ..parcel };
    refused(&rebinding.scene, "the approved batch beside it", &genuine, Refusal::OtherBatch);
}

#[test]
fn a_rebind_is_done_once_in_its_time_and_in_its_stream() {
    let mut rebinding = Rebinding::new();
    let parcel = rebinding.parcel();
    let (order, batch) = (rebinding.order.clone(), rebinding.batch.clone());
    rebinding.scene.replay.admit(&order, &batch, NOW).expect("it is new");
    refused(&rebinding.scene, "the same order", &parcel, Refusal::Replayed);
    rebinding.order = Order { id: OrderId::from_bytes([9; 16]), seq: 2, ..order };
    let again = rebinding.parcel();
    refused(&rebinding.scene, "the same batch in another order", &again, Refusal::Replayed);

    let mut late = Rebinding::new();
    late.scene.time.proven = UnixTime(late.batch.not_after.0 + 1);
    refused(&late.scene, "expired", &late.parcel(), Refusal::Expired);
    let mut early = Rebinding::new();
    early.scene.time.proven = UnixTime(NOW.0 - 3 * 24 * 3600);
    refused(&early.scene, "not yet", &early.parcel(), Refusal::NotYet);
    let mut unsure = Rebinding::new();
    unsure.scene.time.confidence = ClockConfidence::FloorOnly;
    refused(&unsure.scene, "at an unknown time", &unsure.parcel(), Refusal::ClockUnknown);
    let mut routine = Rebinding::new();
    routine.order.stream = Stream::Routine;
    refused(&routine.scene, "in the other stream", &routine.parcel(), Refusal::WrongStream);
}
