//! What is rightly signed, but not by enough people, not for this terminal, not now, or not again.

use ciborium::Value;
use harness::keys::{Ceremony, NOW, payload_digest, terminal};
use shared::backup::{Selection, SnapshotOf};
use shared::calendar::{Calendar, Days, Opening, Weekly};
use shared::change::{Cancel, Change, Ping, Restore, Upgrade, Verb};
use shared::codec::{self, Unreadable};
use shared::digest::Digest;
use shared::document::order::{Class, Stream};
use shared::document::{Batch, Order, Release};
use shared::floor::{Requirement, Signers};
use shared::id::{BatchId, RepositoryId};
use shared::limits::DOCUMENT_BYTES_MAX;
use shared::message::Parcel;
use shared::outcome::Refusal;
use shared::signature::PrivateKey;
use shared::time::{ClockConfidence, UnixTime};
use shared::window::Window;

use super::{refused, resigned};
use crate::paper::{read, write};
use crate::samples;
use crate::scene::{Papers, Scene};

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;

#[test]
fn an_order_means_one_terminal_of_one_fleet_in_one_epoch() {
    let scene = Scene::new();
    let cases = [
        (Refusal::OtherTerminal, resigned(&scene, |it| it.order.terminal = terminal(1))),
        (Refusal::OldEpoch, resigned(&scene, |it| it.order.epoch = 0)),
        (Refusal::EpochAhead, resigned(&scene, |it| it.order.epoch = 2)),
        (Refusal::WrongStream, resigned(&scene, |it| it.order.stream = Stream::Approved)),
        (Refusal::Replayed, resigned(&scene, |it| it.order.seq = 0)),
    ];
    for (wanted, parcel) in cases {
        refused(&scene, "addressed elsewhere", &parcel, wanted);
    }
    let other_fleet = Scene::of(Ceremony::of(2));
    refused(&scene, "another fleet", &other_fleet.parcel(), Refusal::BadSignature);
    let mut namesake = Ceremony::of(2);
    namesake.fleet = scene.ceremony.fleet;
    let by_namesake = Parcel {
        order: namesake.sign(scene.papers().order, &[&namesake.controller]),
        ..scene.parcel()
    };
    refused(&scene, "another fleet's controller", &by_namesake, Refusal::BadSignature);
}

#[test]
fn nobody_but_a_controller_orders() {
    let scene = Scene::new();
    let Ceremony { root, release, approver, .. } = &scene.ceremony;
    for keys in [vec![], vec![&approver[0]], vec![&root[0], &root[1], &release[0], &approver[1]]] {
        let order = scene.ceremony.sign(scene.papers().order, &keys);
        let refused = scene.check(&Parcel { order, ..scene.parcel() }).expect_err("no controller");
        assert_eq!(refused.refusal, Refusal::BadSignature);
        assert_eq!(refused.order, None, "what is not signed is not answered");
    }
}

#[test]
fn a_terminal_answers_only_what_a_controller_really_told_it() {
    let scene = Scene::new();
    let elsewhere = resigned(&scene, |it| it.order.terminal = terminal(1));
    assert_eq!(scene.check(&elsewhere).expect_err("not its own").order, None);
    let expired = resigned(&scene, |it| it.order.not_after = UnixTime(NOW.0 - 1));
    let id = scene.papers().order.id;
    assert_eq!(scene.check(&expired).expect_err("expired").order, Some(id));
}

#[test]
fn an_order_with_an_unsound_calendar_is_not_carried_out_as_if_it_had_none() {
    let scene = Scene::new();
    let kept_to = resigned(&scene, |it| it.order.calendar = Some(samples::calendar()));
    let admitted = scene.check(&kept_to).expect("a sound calendar is kept to");
    assert_eq!(admitted.order.calendar, Some(samples::calendar()));
    type Spoil = fn(&mut Calendar);
    let cases: [(&str, Spoil); 6] = [
        ("closes nothing", |it| {
            *it = Calendar { download: vec![], activation: vec![], freezes: vec![], spread_s: 0 };
        }),
        ("on no day", |it| {
            let window = Window { from_min: 0, to_min: 60 };
            it.activation = vec![Opening::Weekly(Weekly { days: Days::of([]), window })];
        }),
        ("beyond the day", |it| {
            let window = Window { from_min: 0, to_min: 1440 };
            it.download = vec![Opening::Weekly(Weekly::daily(window))];
        }),
        ("ends before it begins", |it| it.freezes[0].to = it.freezes[0].from),
        ("too many freezes", |it| it.freezes = vec![it.freezes[0]; 33]),
        ("too wide a spread", |it| it.spread_s = 4 * 3600 + 1),
    ];
    for (case, spoil) in cases {
        let parcel = resigned(&scene, |it| {
            let mut calendar = samples::calendar();
            spoil(&mut calendar);
            it.order.calendar = Some(calendar);
        });
        refused(&scene, case, &parcel, Refusal::UnsoundCalendar);
    }
    // Which goes first changes nothing of what may be done.
    for class in Class::ALL {
        let parcel = resigned(&scene, |it| it.order.class = class);
        assert!(scene.check(&parcel).is_ok(), "{class:?}");
    }
}

#[test]
fn what_an_order_says_of_its_hours_is_said_in_one_way() {
    let (_, order) = samples::orders().swap_remove(0);
    let Value::Map(pairs) = read(&codec::encode(&order)) else { panic!("an order is a map") };
    let with = |name: &str, value: Value| {
        let mut pairs = pairs.clone();
        pairs.push((Value::from(name), value));
        codec::decode_document::<Order>(&write(&Value::Map(pairs)), DOCUMENT_BYTES_MAX)
    };
    let is_order = |it: Result<Order, Unreadable>| it.is_ok_and(|it| it.class == Class::Background);
    assert!(is_order(with("class", Value::from("background"))));
    for (name, value) in [("class", Value::from("normal")), ("calendar", Value::Null)] {
        assert!(matches!(with(name, value), Err(Unreadable::NotCanonical)), "{name}");
    }
    let calendar = read(&codec::encode(&samples::calendar()));
    assert!(with("calendar", calendar.clone()).is_ok());
    let Value::Map(mut more) = calendar else { panic!("a calendar is a map") };
    more.push((Value::from("holidays"), Value::Array(vec![])));
    for (name, value) in [
        ("class", Value::from("urgent")),
        ("calendar", Value::Map(more)),
        ("calendar", Value::Map(vec![])),
        ("windows", Value::Array(vec![])),
    ] {
        assert!(matches!(with(name, value), Err(Unreadable::Malformed(_))), "{name}");
    }
}

#[test]
fn a_batch_needs_its_signatures_and_means_its_members() {
    let scene = Scene::new();
    let Ceremony { controller, approver, root, .. } = &scene.ceremony;
    let batch = scene.papers().batch;
    for (case, keys) in [
        ("the controller alone", vec![controller]),
        ("an approver alone", vec![&approver[0]]),
        ("nobody", vec![]),
        ("a root key for an approver", vec![controller, &root[0]]),
    ] {
        let batch = scene.ceremony.sign(batch.clone(), &keys);
        let parcel = Parcel { batch, ..scene.parcel() };
        refused(&scene, case, &parcel, Refusal::TooFewSignatures);
    }

    let other = resigned(&scene, |it| it.batch.id = BatchId::from_bytes([9; 16]));
    let parcel = Parcel { batch: other.batch, ..scene.parcel() };
    refused(&scene, "another batch", &parcel, Refusal::OtherBatch);

    let mut recounted = scene.papers();
    recounted.batch.terminals += 1;
    let by_controller = scene.ceremony.sign(recounted.batch.clone(), &[controller]);
    let parcel = Parcel { batch: by_controller.clone(), ..scene.parcel() };
    refused(&scene, "recounted", &parcel, Refusal::OtherBatch);
    let order = scene.ceremony.sign(recounted.linked().order, &[controller]);
    let parcel = Parcel { order, batch: by_controller, ..scene.parcel() };
    refused(&scene, "recounted, ordered anew", &parcel, Refusal::TooFewSignatures);

    type Change = fn(&mut Papers);
    let cases: [(&str, Refusal, Change); 8] = [
        ("another place", Refusal::NotAMember, |it| it.order.index += 1),
        ("a place beyond", Refusal::NotAMember, |it| it.order.index = 5),
        ("a shorter path", Refusal::NotAMember, |it| it.order.path.truncate(1)),
        ("a longer path", Refusal::NotAMember, |it| it.order.path.push(Digest([0; 32]))),
        ("no path", Refusal::NotAMember, |it| it.order.path.clear()),
        ("a count that is too low", Refusal::CountMisstated, |it| it.batch.terminals = 2),
        ("another root", Refusal::NotAMember, |it| it.batch.root = Digest([0; 32])),
        ("nobody", Refusal::UnsoundBatch, |it| it.batch.terminals = 0),
    ];
    for (case, wanted, change) in cases {
        refused(&scene, case, &resigned(&scene, change), wanted);
    }
}

#[test]
fn two_keys_of_one_owner_are_one_approver() {
    let mut ceremony = Ceremony::of(1);
    let second = ceremony.roster.keys.iter_mut().find(|key| key.owner == "approver-2");
    second.expect("approver 2 is in the roster").owner = "approver-1".to_owned();
    let two = Requirement { signers: Signers::Controller, approvers: 2 };
    ceremony.roster.requirements.insert(Verb::Upgrade, two);
    let scene = Scene::of(ceremony);
    let Ceremony { controller, approver: [first, same_owner, other], .. } = &scene.ceremony;
    let with = |approvers: [&PrivateKey; 2]| {
        let keys = [controller, approvers[0], approvers[1]];
        Parcel { batch: scene.ceremony.sign(scene.papers().batch, &keys), ..scene.parcel() }
    };
    refused(&scene, "one owner", &with([first, same_owner]), Refusal::SameOwner);
    refused(&scene, "one key twice", &with([first, first]), Refusal::TooFewSignatures);
    assert!(scene.check(&with([first, other])).is_ok());
}

#[test]
fn an_order_lives_between_its_beginning_and_its_end_and_not_too_long() {
    let scene = Scene::new();
    type Change = fn(&mut Papers);
    let cases: [(&str, Refusal, Change); 7] = [
        ("the order ended", Refusal::Expired, |it| it.order.not_after = UnixTime(NOW.0 - 1)),
        ("the batch ended", Refusal::Expired, |it| it.batch.not_after = UnixTime(NOW.0 - 1)),
        ("the order is to come", Refusal::NotYet, |it| {
            it.order.not_before = UnixTime(NOW.0 + HOUR_S);
        }),
        ("the batch is to come", Refusal::NotYet, |it| {
            it.batch.not_before = UnixTime(NOW.0 + HOUR_S);
        }),
        ("91 days", Refusal::LivesTooLong, |it| {
            it.batch.not_after = UnixTime(it.batch.not_before.0 + 91 * DAY_S);
        }),
        ("all of time", Refusal::LivesTooLong, |it| {
            (it.batch.not_before, it.batch.not_after) = (UnixTime(i64::MIN), UnixTime(i64::MAX));
        }),
        ("ends before it begins", Refusal::UnsoundBatch, |it| {
            it.batch.not_after = UnixTime(it.batch.not_before.0 - 1);
        }),
    ];
    for (case, wanted, change) in cases {
        refused(&scene, case, &resigned(&scene, change), wanted);
    }
    let longer_order = resigned(&scene, |it| {
        (it.order.not_before, it.order.not_after) = (UnixTime(i64::MIN), UnixTime(i64::MAX));
    });
    let admitted = scene.check(&longer_order).expect("an order only narrows its batch");
    let batch = scene.papers().batch;
    assert_eq!((admitted.not_before, admitted.not_after), (batch.not_before, batch.not_after));
}

#[test]
fn what_the_clock_cannot_know_is_not_done() {
    let mut scene = Scene::new();
    scene.time.confidence = ClockConfidence::FloorOnly;
    // The machine's own clock says anything, and nothing comes of it.
    for wall in [UnixTime(0), NOW, UnixTime(NOW.0 - 30 * 365 * DAY_S), UnixTime(i64::MAX)] {
        scene.time.wall = wall;
        refused(&scene, "not attested", &scene.parcel(), Refusal::ClockUnknown);
        let over = resigned(&scene, |it| it.order.not_after = UnixTime(NOW.0 - 1));
        refused(&scene, "over by the floor alone", &over, Refusal::Expired);
    }
    let ping = |from_s: i64| {
        let Ceremony { controller, .. } = &scene.ceremony;
        let change = Change::Ping(Ping { note: String::new() });
        let batch = Ceremony::batch(1, change, &scene.members);
        let mut order = Ceremony::order(1, scene.terminal, &batch, &scene.members);
        order.not_before = UnixTime(NOW.0 + from_s);
        Parcel {
            order: scene.ceremony.sign(order, &[controller]),
            batch: scene.ceremony.sign(batch, &[controller]),
            release: None,
            profile: None,
        }
    };
    assert!(scene.check(&ping(0)).is_ok(), "a ping harms nobody");
    refused(&scene, "perhaps to come", &ping(HOUR_S), Refusal::ClockUnknown);

    scene.time.proven = scene.ceremony.roster.expires_at;
    refused(&scene, "the roster ran out", &scene.parcel(), Refusal::RosterExpired);
}

#[test]
fn an_order_that_was_accepted_is_known_again() {
    let mut scene = Scene::new();
    let admitted = scene.check(&scene.parcel()).expect("in order");
    scene.replay.admit(&admitted.order, &admitted.batch, NOW).expect("new");
    refused(&scene, "the same bytes", &scene.parcel(), Refusal::Replayed);
    let late = resigned(&scene, |it| it.order.not_after = UnixTime(NOW.0 - 1));
    refused(&scene, "its number, too late", &late, Refusal::Replayed);
    scene.replay.enter(2);
    refused(&scene, "in a new epoch", &scene.parcel(), Refusal::OldEpoch);
}

#[test]
fn a_release_is_the_one_that_was_ordered_and_fits_this_terminal() {
    let scene = Scene::new();
    type Change = fn(&mut Release);
    let cases: [(&str, Refusal, Change); 7] = [
        ("another model", Refusal::OtherModel, |it| it.models = vec!["T900".to_owned()]),
        ("a model whose name begins alike", Refusal::OtherModel, |it| {
            it.models = vec!["T1000".to_owned()];
        }),
        ("expired", Refusal::ReleaseExpired, |it| it.expires_at = NOW),
        ("below what runs", Refusal::CounterTooLow, |it| it.security_counter = 4),
        ("too far a step", Refusal::RunningTooOld, |it| it.from_counter_min = 6),
        ("a name that leaves its directory", Refusal::UnsoundRelease, |it| {
            it.component = "../pos".to_owned();
        }),
        ("nothing in it", Refusal::UnsoundRelease, |it| it.artifact.size = 0),
    ];
    for (case, wanted, change) in cases {
        refused(&scene, case, &resigned(&scene, |it| change(&mut it.release)), wanted);
    }
    let mut floored = Scene::new();
    floored.counter_floors.insert("pos".to_owned(), 7);
    refused(&floored, "below the floor", &floored.parcel(), Refusal::CounterTooLow);

    let without = Parcel { release: None, ..scene.parcel() };
    refused(&scene, "no release", &without, Refusal::ReleaseMissing);
    let genuine = scene.ceremony.signed_release(&Ceremony::pos_release("3", 7));
    let another = Parcel { release: Some(genuine), ..scene.parcel() };
    refused(&scene, "another genuine release", &another, Refusal::OtherRelease);
}

#[test]
fn a_window_outside_the_day_is_refused() {
    let scene = Scene::new();
    for (from_min, to_min) in [(2000, 60), (0, 2000), (0, 1440), (u16::MAX, u16::MAX)] {
        let release = payload_digest(&scene.papers().release);
        let window = Some(Window { from_min, to_min });
        let change = Change::Upgrade(Upgrade { release, window, backup_within_s: None });
        let parcel = resigned(&scene, |it| it.batch.change = change);
        refused(&scene, "no such window", &parcel, Refusal::UnsoundBatch);
    }
}

#[test]
fn a_key_that_is_sealed_to_one_terminal_is_for_a_batch_of_one() {
    let scene = Scene::new();
    let of = SnapshotOf {
        terminal: scene.terminal,
        repository: RepositoryId::from_bytes([8; 16]),
        snapshot: Digest([1; 32]),
        manifest: Digest([2; 32]),
    };
    let key = Some(vec![1, 2, 3].into());
    let restore = Restore { of, selection: Selection::Everything, key, window: None };
    let parcel = resigned(&scene, |it| it.batch.change = Change::Restore(restore.clone()));
    refused(&scene, "a key for many", &parcel, Refusal::UnsoundBatch);
    let one = |batch: &mut Batch| {
        batch.change = Change::Restore(restore.clone());
        batch.terminals = 1;
    };
    let parcel = resigned(&scene, |it| one(&mut it.batch));
    refused(&scene, "a restore that nobody approved", &parcel, Refusal::TooFewSignatures);
}

#[test]
fn one_approver_is_enough_to_cancel() {
    let scene = Scene::new();
    let Ceremony { controller, approver, root, release, .. } = &scene.ceremony;
    let change = Change::Cancel(Cancel {
        batch: scene.papers().batch.id,
        reason: "wrong release".to_owned(),
    });
    let batch = Ceremony::batch(2, change, &scene.members);
    let order = Ceremony::order(2, scene.terminal, &batch, &scene.members);
    let by = |keys: &[&PrivateKey]| Parcel {
        order: scene.ceremony.sign(order.clone(), &[controller]),
        batch: scene.ceremony.sign(batch.clone(), keys),
        release: None,
        profile: None,
    };
    assert!(scene.check(&by(&[&approver[2]])).is_ok());
    assert!(scene.check(&by(&[controller])).is_ok());
    refused(&scene, "nobody", &by(&[]), Refusal::TooFewSignatures);
    let others = by(&[&root[0], &root[1], &release[0], &release[1]]);
    refused(&scene, "neither", &others, Refusal::TooFewSignatures);
}
