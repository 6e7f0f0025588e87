//! Stopping a terminal costs a shop its sales, and emptying one cannot be taken back. Each way to
//! do either without the people who must sign, or to a terminal that is not what they signed for,
//! is refused by its own name.

use std::time::Duration;

use agent::journal::facts::Standing;
use ciborium::Value;
use harness::deactivate::{
    clearance, clearance_lost, folder, manifest, resume, suspend, suspend_given_up, suspend_owing,
    wipe, wipe_lost,
};
use harness::keys::{Ceremony, NOW, terminal};
use harness::rebind::{Portfolio, profile, rebind};
use shared::change::deactivate::{COOL_OFF_S_MAX, DELAY_AFTER_S_MAX};
use shared::change::{Change, Covers, Decommission, Resume, SettlementDelay, Suspend};
use shared::digest::Digest;
use shared::document::clearance::CLEARANCE_BYTES_MAX;
use shared::document::order::Stream;
use shared::document::profile::Enclosed;
use shared::document::{Batch, Clearance, Order};
use shared::floor::LARGE_BATCH;
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

/// The order by which the terminal was suspended.
const BY: OrderId = OrderId::from_bytes([9; 16]);

/// A suspended terminal, and a wipe of it that is in order.
struct Wiping {
    scene: Scene,
    folder: Portfolio,
    batch: Batch,
    order: Order,
}

impl Wiping {
    fn new() -> Self {
        Self::of(suspended(), clearance, |_| {})
    }

    fn lost() -> Self {
        let in_service = Scene::of(Ceremony::of(1));
        Self::of(
            in_service,
            |it, challenge, _| clearance_lost(it, challenge),
            |wipe| {
                *wipe = wipe_lost(wipe.clearances);
            },
        )
    }

    /// All members with such a clearance.
    fn of(
        scene: Scene,
        clearance: impl Fn(shared::id::TerminalId, Digest, OrderId) -> Clearance,
        change: impl Fn(&mut Decommission),
    ) -> Self {
        let members = (0..).map(terminal).take(scene.members.count());
        let payload = |it| (it, shared::codec::encode(&clearance(it, scene.challenge, BY)));
        let folder = Portfolio::of_payloads(members.map(payload));
        let mut wipe = wipe(folder.root());
        change(&mut wipe);
        let batch = Ceremony::batch(1, Change::Decommission(Box::new(wipe)), &scene.members);
        let order = Ceremony::order(1, scene.terminal, &batch, &scene.members);
        Self { scene, folder, batch, order }
    }

    /// What people signed for by mistake: this terminal's own clearance is such a one.
    #[track_caller]
    fn refused_as_signed(case: &str, spoil: impl Fn(&mut Clearance), wanted: Refusal) {
        let wiping = Self::of(
            suspended(),
            |it, challenge, by| {
                let mut clearance = clearance(it, challenge, by);
                if it == terminal(2) {
                    spoil(&mut clearance);
                }
                clearance
            },
            |_| {},
        );
        refused(&wiping.scene, case, &wiping.parcel(), wanted);
    }

    fn signed_by(&self, keys: &[&PrivateKey]) -> Parcel {
        let Ceremony { controller, .. } = &self.scene.ceremony;
        Parcel {
            order: self.scene.ceremony.sign(self.order.clone(), &[controller]),
            batch: self.scene.ceremony.sign(self.batch.clone(), keys),
            release: None,
            profile: self.folder.enclosed(self.scene.terminal),
        }
    }

    fn parcel(&self) -> Parcel {
        let Ceremony { controller, approver, .. } = &self.scene.ceremony;
        self.signed_by(&[controller, &approver[0], &approver[1]])
    }

    fn enclosed(&self) -> Enclosed {
        self.folder.enclosed(self.scene.terminal).expect("a member has a clearance")
    }

    fn enclosing(&self, profile: Option<Enclosed>) -> Parcel {
        Parcel { profile, ..self.parcel() }
    }
}

fn suspended() -> Scene {
    Scene {
        standing: Standing::Suspended { by: BY, is_settled: true, manifest: Some(manifest()) },
        ..Scene::of(Ceremony::of(1))
    }
}

/// The same change for all members, signed by these.
fn parcel(scene: &Scene, change: Change, approvers: usize) -> Parcel {
    let Ceremony { controller, approver, .. } = &scene.ceremony;
    let batch = Ceremony::batch(1, change, &scene.members);
    let order = Ceremony::order(1, scene.terminal, &batch, &scene.members);
    let keys: Vec<_> = [controller].into_iter().chain(&approver[..approvers]).collect();
    Parcel {
        order: scene.ceremony.sign(order, &[controller]),
        batch: scene.ceremony.sign(batch, &keys),
        release: None,
        profile: None,
    }
}

fn suspension(change: impl Fn(&mut Suspend)) -> Change {
    let mut suspend = suspend(UnixTime(NOW.0 + 3_600));
    change(&mut suspend);
    Change::Suspend(Box::new(suspend))
}

/// With an exception that is in order: it may owe something from an hour after the cut-off on.
fn delayed(suspend: &mut Suspend) -> &mut SettlementDelay {
    *suspend = suspend_owing(suspend.cut_off, Duration::from_secs(3_600));
    suspend.delay.as_mut().expect("it has one")
}

fn resumption(change: impl Fn(&mut Resume)) -> Change {
    let mut resume = resume();
    change(&mut resume);
    Change::Resume(Box::new(resume))
}

#[test]
fn a_wipe_that_is_in_order_is_admitted_with_its_clearance() {
    for wiping in [Wiping::new(), Wiping::lost()] {
        let admitted = wiping.scene.check(&wiping.parcel()).expect("nothing is wrong with it");
        let own = admitted.clearance.expect("it came with one");
        assert_eq!((own.terminal, own.challenge), (wiping.scene.terminal, wiping.scene.challenge));
        assert_eq!((admitted.batch, admitted.order), (wiping.batch, wiping.order));
    }
}

#[test]
fn two_people_with_different_owners_and_a_controller_sign_a_wipe_and_nothing_less_will_do() {
    for wiping in [Wiping::new(), Wiping::lost()] {
        let Ceremony { controller, approver, root, release, .. } = &wiping.scene.ceremony;
        for (case, keys) in [
            ("the controller alone", vec![controller]),
            ("the controller with one approver", vec![controller, &approver[0]]),
            ("one approver twice", vec![controller, &approver[0], &approver[0]]),
            ("three approvers without a controller", approver.iter().collect()),
            ("root keys for approvers", vec![controller, &root[0], &root[1], &root[2]]),
            ("release keys for approvers", vec![controller, &release[0], &release[1]]),
            ("an approver and a root key", vec![controller, &approver[0], &root[0]]),
        ] {
            let parcel = wiping.signed_by(&keys);
            refused(&wiping.scene, case, &parcel, Refusal::TooFewSignatures);
        }
    }
}

#[test]
fn two_keys_of_one_person_are_one_person() {
    let mut ceremony = Ceremony::of(1);
    let second = ceremony.approver[1].public().key_id();
    let key = ceremony.roster.keys.iter_mut().find(|key| key.id == second).expect("it is listed");
    key.owner = "approver-1".to_owned();
    let scene = Scene {
        standing: Standing::Suspended { by: BY, is_settled: true, manifest: Some(manifest()) },
        ..Scene::of(ceremony)
    };
    let wiping = Wiping::of(scene, clearance, |_| {});
    let Ceremony { controller, approver, .. } = &wiping.scene.ceremony;
    let alone = wiping.signed_by(&[controller, &approver[0], &approver[1]]);
    refused(&wiping.scene, "one person with two keys", &alone, Refusal::SameOwner);
    let one = wiping.signed_by(&[controller, &approver[0], &approver[0]]);
    refused(&wiping.scene, "one person with one key", &one, Refusal::TooFewSignatures);
    let nobody = wiping.signed_by(&[&approver[0], &approver[1]]);
    refused(&wiping.scene, "no controller either", &nobody, Refusal::TooFewSignatures);
    let both = wiping.signed_by(&[controller, &approver[0], &approver[2]]);
    wiping.scene.check(&both).expect("two people");
}

/// A wipe of so many terminals, of which this is one.
fn large(terminals: u32) -> Wiping {
    let members = Membership::of((0..terminals).map(terminal));
    Wiping::of(Scene { members, ..suspended() }, clearance, |_| {})
}

#[test]
fn a_wipe_of_many_terminals_needs_a_third_person() {
    let few = large(LARGE_BATCH);
    few.scene.check(&few.parcel()).expect("two people are enough for these");
    let many = large(LARGE_BATCH + 1);
    refused(&many.scene, "two of three", &many.parcel(), Refusal::TooFewSignatures);
    let Ceremony { controller, approver, .. } = &many.scene.ceremony;
    let all: Vec<_> = [controller].into_iter().chain(approver).collect();
    many.scene.check(&many.signed_by(&all)).expect("three people");
}

/// With one person fewer nobody reaches even one of them.
#[test]
fn a_batch_that_misstates_its_count_is_refused_by_every_terminal() {
    let mut wiping = large(LARGE_BATCH + 7);
    for said in [1, LARGE_BATCH - 1, LARGE_BATCH, LARGE_BATCH + 6, LARGE_BATCH + 8] {
        wiping.batch.terminals = said;
        for number in 0..LARGE_BATCH + 7 {
            wiping.scene.terminal = terminal(number);
            let Wiping { scene, batch, .. } = &wiping;
            wiping.order = Ceremony::order(1, scene.terminal, batch, &scene.members);
            for index in [number, number % said] {
                wiping.order.index = index;
                let case = format!("{said} said, {number} at {index}");
                let Ceremony { controller, approver, .. } = &wiping.scene.ceremony;
                let all: Vec<_> = [controller].into_iter().chain(approver).collect();
                // On the way up from another's place nobody finds himself, whatever the number.
                let wanted = match index == number {
                    true => Refusal::CountMisstated,
                    false => Refusal::NotAMember,
                };
                refused(&wiping.scene, &case, &wiping.signed_by(&all), wanted);
            }
        }
    }
}

#[test]
fn a_wipe_of_another_terminal_is_refused() {
    let mut wiping = Wiping::new();
    wiping.order.terminal = terminal(3);
    refused(&wiping.scene, "another's order", &wiping.parcel(), Refusal::OtherTerminal);
    let mut wiping = Wiping::new();
    wiping.scene.terminal = terminal(7);
    wiping.order.terminal = terminal(7);
    let parcel = Parcel { profile: wiping.folder.enclosed(terminal(2)), ..wiping.parcel() };
    refused(&wiping.scene, "an order for none of them", &parcel, Refusal::NotAMember);
}

#[test]
fn a_wipe_without_its_own_clearance_is_refused() {
    for wiping in [Wiping::new(), Wiping::lost()] {
        let Wiping { scene, folder, .. } = &wiping;
        refused(scene, "without any", &wiping.enclosing(None), Refusal::ClearanceMissing);
        for number in [0, 1, 3, 4] {
            let others = wiping.enclosing(folder.enclosed(terminal(number)));
            refused(scene, "another's", &others, Refusal::OtherClearance);
            let path = wiping.enclosed().path;
            let swapped = folder.enclosed(terminal(number)).map(|it| Enclosed { path, ..it });
            let swapped = wiping.enclosing(swapped);
            refused(scene, "another's at its place", &swapped, Refusal::OtherClearance);
        }
        for path in [vec![], wiping.enclosed().path[1..].to_vec()] {
            let own = wiping.enclosing(Some(Enclosed { path, ..wiping.enclosed() }));
            refused(scene, "on another path", &own, Refusal::OtherClearance);
        }
    }
}

#[test]
fn a_clearance_that_nobody_signed_for_is_refused() {
    let wiping = Wiping::new();
    let Scene { terminal, challenge, .. } = wiping.scene;
    for (case, forged) in [
        ("by another order", clearance(terminal, challenge, OrderId::from_bytes([8; 16]))),
        ("of a lost one", clearance_lost(terminal, challenge)),
        ("of another challenge", clearance(terminal, Digest::of(b"other"), BY)),
    ] {
        let profile = shared::codec::encode(&forged).into();
        let enclosed = Enclosed { profile, ..wiping.enclosed() };
        let parcel = wiping.enclosing(Some(enclosed));
        refused(&wiping.scene, case, &parcel, Refusal::OtherClearance);
    }
    let mut others = Wiping::new();
    others.folder = folder((0..5).map(|it| clearance_lost(harness::keys::terminal(it), challenge)));
    refused(&others.scene, "under another root", &others.parcel(), Refusal::OtherClearance);
}

#[test]
fn one_byte_more_less_or_otherwise_makes_another_clearance_of_it() {
    let wiping = Wiping::new();
    let own = wiping.enclosed();
    let bytes = own.profile.to_vec();
    let check = |payload: Vec<u8>| {
        let enclosed = Enclosed { profile: payload.into(), ..own.clone() };
        let refused = wiping.scene.check(&wiping.enclosing(Some(enclosed)));
        refused.expect_err("nobody signed for this").refusal
    };
    let names = [
        Refusal::OtherClearance,
        Refusal::Malformed,
        Refusal::NotCanonical,
        Refusal::UnknownFormat,
    ];
    let mut readable = 0;
    for at in 0..bytes.len() {
        for change in [0x01, 0x80] {
            let mut payload = bytes.clone();
            payload[at] ^= change;
            let refusal = check(payload);
            assert!(names.contains(&refusal), "byte {at}: {refusal:?}");
            readable += usize::from(refusal == Refusal::OtherClearance);
        }
        assert!(names.contains(&check(bytes[..at].to_vec())), "{at} bytes of it");
    }
    assert!(readable > 50, "only {readable} were refused for want of a proof");
    assert_eq!(check([bytes.as_slice(), &[0]].concat()), Refusal::Malformed);
    assert_eq!(check(vec![0; CLEARANCE_BYTES_MAX + 1]), Refusal::TooLarge);
    let mut parts = read(&bytes).into_map().expect("a map");
    parts.reverse();
    assert_eq!(check(write(&Value::Map(parts))), Refusal::NotCanonical);
}

#[test]
fn what_people_signed_for_a_terminal_as_it_was_is_not_done_to_what_it_became() {
    for mut wiping in [Wiping::new(), Wiping::lost()] {
        let parcel = wiping.parcel();
        // It was enrolled anew, or lost its ledger and began a new epoch.
        wiping.scene.challenge = Digest::of(b"of a new life");
        refused(&wiping.scene, "an old challenge", &parcel, Refusal::OtherChallenge);
    }
}

#[test]
fn only_a_suspended_terminal_is_wiped_unless_it_is_lost() {
    let mut wiping = Wiping::new();
    let erased = Standing::Erased { by: BY, at: NOW };
    for standing in [Standing::InService, erased] {
        wiping.scene.standing = standing;
        let case = format!("{standing:?}");
        refused(&wiping.scene, &case, &wiping.parcel(), Refusal::NotSuspended);
    }
    // Suspended, resumed, and suspended again: what was saved then is not what is there now.
    let by = OrderId::from_bytes([8; 16]);
    wiping.scene.standing =
        Standing::Suspended { by, is_settled: true, manifest: Some(manifest()) };
    refused(&wiping.scene, "by another order", &wiping.parcel(), Refusal::OtherSuspension);
    let mut lost = Wiping::lost();
    for standing in [
        Standing::InService,
        Standing::Suspended { by: BY, is_settled: true, manifest: Some(manifest()) },
    ] {
        lost.scene.standing = standing;
        lost.scene.check(&lost.parcel()).expect("a lost terminal is emptied as it is");
    }
}

#[test]
fn a_terminal_that_has_not_settled_is_not_wiped_though_people_signed_for_just_that() {
    let mut wiping = Wiping::new();
    wiping.scene.standing =
        Standing::Suspended { by: BY, is_settled: false, manifest: Some(manifest()) };
    refused(&wiping.scene, "not settled", &wiping.parcel(), Refusal::NotSettled);
    let mut lost = Wiping::lost();
    lost.scene.standing = wiping.scene.standing;
    lost.scene.check(&lost.parcel()).expect("it sends and settles what it can, and is emptied");
}

/// It was told that it is suspended when it enrolled, or its books are of a build that kept less.
#[test]
fn a_terminal_that_does_not_know_what_it_has_saved_is_not_wiped() {
    let mut wiping = Wiping::new();
    wiping.scene.standing = Standing::Suspended { by: BY, is_settled: true, manifest: None };
    refused(&wiping.scene, "saved somewhere", &wiping.parcel(), Refusal::NotSaved);
}

#[test]
fn what_must_have_come_before_a_wipe_is_named_or_it_is_refused_though_people_signed_it() {
    type Spoil = fn(&mut Clearance);
    let cases: [(&str, Spoil, Refusal); 7] = [
        ("not suspended", |it| it.suspended_by = None, Refusal::OtherSuspension),
        ("not saved", |it| it.manifest = None, Refusal::NotSaved),
        ("saved before", |it| it.manifest = Some(Digest::of(b"old")), Refusal::OtherSnapshot),
        ("not deregistered", |it| it.deregistered.clear(), Refusal::NotDeregistered),
        ("another's", |it| it.terminal = terminal(3), Refusal::OtherClearance),
        ("an old one", |it| it.challenge = Digest::of(b"old"), Refusal::OtherChallenge),
        ("of tomorrow", |it| it.format += 1, Refusal::UnknownFormat),
    ];
    for (case, spoil, wanted) in cases {
        Wiping::refused_as_signed(case, spoil, wanted);
    }
    let large = |it: &mut Clearance| it.deregistered[0].reference = "x".repeat(CLEARANCE_BYTES_MAX);
    Wiping::refused_as_signed("too large", large, Refusal::TooLarge);
}

#[test]
fn a_wipe_is_done_once_in_its_time_and_in_its_stream() {
    let mut wiping = Wiping::new();
    let parcel = wiping.parcel();
    let (order, batch) = (wiping.order.clone(), wiping.batch.clone());
    wiping.scene.replay.admit(&order, &batch, NOW).expect("it is new");
    refused(&wiping.scene, "the same order", &parcel, Refusal::Replayed);
    wiping.order = Order { id: OrderId::from_bytes([9; 16]), seq: 2, ..order };
    let again = wiping.parcel();
    refused(&wiping.scene, "the same batch in another order", &again, Refusal::Replayed);

    let mut late = Wiping::new();
    late.scene.time.proven = UnixTime(late.batch.not_after.0 + 1);
    refused(&late.scene, "expired", &late.parcel(), Refusal::Expired);
    let mut early = Wiping::new();
    early.scene.time.proven = UnixTime(NOW.0 - 3 * 24 * 3600);
    refused(&early.scene, "not yet", &early.parcel(), Refusal::NotYet);
    let mut unsure = Wiping::new();
    unsure.scene.time.confidence = ClockConfidence::FloorOnly;
    refused(&unsure.scene, "at an unknown time", &unsure.parcel(), Refusal::ClockUnknown);
    let mut routine = Wiping::new();
    routine.order.stream = Stream::Routine;
    refused(&routine.scene, "in the other stream", &routine.parcel(), Refusal::WrongStream);
    let mut old = Wiping::new();
    old.scene.replay.enter(2);
    refused(&old.scene, "of the epoch before", &old.parcel(), Refusal::OldEpoch);
    let mut long = Wiping::new();
    let most = i64::try_from(limits::APPROVED_ORDER_LIFETIME_S_MAX).expect("it is short");
    long.batch.not_after = UnixTime(long.batch.not_before.0 + most + 1);
    long.order = Ceremony::order(1, long.scene.terminal, &long.batch, &long.scene.members);
    refused(&long.scene, "for too long", &long.parcel(), Refusal::LivesTooLong);
}

#[test]
fn a_wipe_of_what_is_lost_waits_for_a_quarter_and_nothing_else_does() {
    let quarter = limits::LOST_WIPE_LIFETIME_S_MAX;
    let lives = |life_s: u64, mut it: Wiping| {
        it.batch.not_after = it.batch.not_before.plus(Duration::from_secs(life_s));
        it.order = Ceremony::order(1, it.scene.terminal, &it.batch, &it.scene.members);
        it
    };
    let lost = lives(quarter, Wiping::lost());
    lost.scene.check(&lost.parcel()).expect("it was stolen, and may be switched on any day");
    for (case, long) in [
        ("a day more", lives(quarter + 1, Wiping::lost())),
        ("of one that is not lost", lives(quarter, Wiping::new())),
    ] {
        refused(&long.scene, case, &long.parcel(), Refusal::LivesTooLong);
    }
    let mut suspended = lives(quarter, Wiping::lost());
    suspended.batch.change = suspension(|_| {});
    suspended.order =
        Ceremony::order(1, suspended.scene.terminal, &suspended.batch, &suspended.scene.members);
    let parcel = suspended.enclosing(None);
    refused(&suspended.scene, "a suspension", &parcel, Refusal::LivesTooLong);
}

#[test]
fn the_stop_of_a_terminal_that_was_given_up_waits_for_a_quarter_and_for_that_one_alone() {
    let scene = Scene::of(Ceremony::of(1));
    let alone = Membership::of([scene.terminal]);
    let cut_off = UnixTime(NOW.0 + 3_600);
    let signed = |life_s: u64, members: &Membership, suspend: Suspend| {
        let mut batch = Ceremony::batch(1, Change::Suspend(Box::new(suspend)), members);
        batch.not_after = batch.not_before.plus(Duration::from_secs(life_s));
        let order = Ceremony::order(1, scene.terminal, &batch, members);
        let Ceremony { controller, approver, .. } = &scene.ceremony;
        Parcel {
            order: scene.ceremony.sign(order, &[controller]),
            batch: scene.ceremony.sign(batch, &[controller, &approver[0], &approver[1]]),
            release: None,
            profile: None,
        }
    };
    let quarter = limits::LOST_WIPE_LIFETIME_S_MAX;
    let given_up = || suspend_given_up(cut_off);
    scene.check(&signed(quarter, &alone, given_up())).expect("it may be found any day");
    let returns = Suspend { resume_expected: Some(cut_off), ..given_up() };
    let months_ahead = suspend_given_up(UnixTime(NOW.0 + 60 * 24 * 3600));
    for (case, parcel, refusal) in [
        ("a second more", signed(quarter + 1, &alone, given_up()), Refusal::LivesTooLong),
        ("of any other", signed(quarter, &alone, suspend(cut_off)), Refusal::LivesTooLong),
        ("of several", signed(quarter, &scene.members, given_up()), Refusal::UnsoundBatch),
        ("of one that returns", signed(quarter, &alone, returns), Refusal::UnsoundBatch),
        ("months ahead", signed(quarter, &alone, months_ahead), Refusal::UnsoundBatch),
    ] {
        refused(&scene, case, &parcel, refusal);
    }
}

#[test]
fn nobody_can_be_kept_from_cancelling_a_wipe_by_one_that_never_begins() {
    let long = |wipe: &mut Decommission| wipe.cool_off_s = COOL_OFF_S_MAX + 1;
    let wiping = Wiping::of(suspended(), clearance, long);
    refused(&wiping.scene, "a cool-off of years", &wiping.parcel(), Refusal::UnsoundBatch);
    let none = Wiping::of(suspended(), clearance, |wipe| wipe.cool_off_s = 0);
    refused(&none.scene, "no cool-off", &none.parcel(), Refusal::UnsoundBatch);
    let short = Wiping::of(suspended(), clearance, |wipe| wipe.cool_off_s = 1);
    short.scene.check(&short.parcel()).expect("a second is one");
}

#[test]
fn a_suspension_and_a_return_to_service_need_two_people_too() {
    let (in_service, suspended) = (Scene::of(Ceremony::of(1)), suspended());
    for (scene, change) in [(&in_service, suspension(|_| {})), (&suspended, resumption(|_| {}))] {
        for approvers in [0, 1] {
            let too_few = parcel(scene, change.clone(), approvers);
            refused(scene, "too few", &too_few, Refusal::TooFewSignatures);
        }
        scene.check(&parcel(scene, change, 2)).expect("two people");
    }
}

#[test]
fn a_suspension_that_makes_no_sense_is_refused_whoever_signed_it() {
    let scene = Scene::of(Ceremony::of(1));
    type Spoil = fn(&mut Suspend);
    let cases: [(&str, Spoil); 9] = [
        ("before it begins", |it| it.cut_off = UnixTime(NOW.0 - 2 * 3_600)),
        ("after it is over", |it| it.cut_off = UnixTime(NOW.0 + 2 * 86_400)),
        ("without a word to customers", |it| it.fallback = "  ".to_owned()),
        ("delayed by nobody", |it| delayed(it).accepted_by = " ".to_owned()),
        ("delayed for no reason", |it| delayed(it).reason.clear()),
        ("tried for years", |it| delayed(it).after_s = DELAY_AFTER_S_MAX + 1),
        ("due before it may be late", |it| delayed(it).settled_by = UnixTime(NOW.0 + 7_200)),
        ("due in years", |it| delayed(it).settled_by = UnixTime(NOW.0 + 400 * 86_400)),
        ("in no currency", |it| {
            let currency = "cny ".to_owned();
            delayed(it).covers = Covers::UpTo { total_minor: 1, currency, unsent: 0 };
        }),
    ];
    for (case, spoil) in cases {
        refused(&scene, case, &parcel(&scene, suspension(spoil), 2), Refusal::UnsoundBatch);
    }
    let suspended = suspended();
    let untested = parcel(&suspended, resumption(|it| it.tests.clear()), 2);
    refused(&suspended, "without tests", &untested, Refusal::UnsoundBatch);
}

#[test]
fn a_terminal_in_service_is_not_resumed_and_an_erased_one_never_again() {
    let mut scene = Scene::of(Ceremony::of(1));
    for standing in [Standing::InService, Standing::Erased { by: BY, at: NOW }] {
        scene.standing = standing;
        let resume = parcel(&scene, resumption(|_| {}), 2);
        refused(&scene, &format!("{standing:?}"), &resume, Refusal::NotSuspended);
    }
}

#[test]
fn a_suspended_terminal_is_bound_to_nobody_anew() {
    let mut scene = suspended();
    let portfolio = Portfolio::of((0..5).map(|number| profile(terminal(number))));
    let change = Change::Rebind(Box::new(rebind(portfolio.root())));
    for standing in [scene.standing, Standing::Erased { by: BY, at: NOW }] {
        scene.standing = standing;
        let parcel = parcel(&scene, change.clone(), 2);
        let parcel = Parcel { profile: portfolio.enclosed(scene.terminal), ..parcel };
        refused(&scene, &format!("{standing:?}"), &parcel, Refusal::Suspended);
    }
}
