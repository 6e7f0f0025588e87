//! Packing and opening, and every way in which a file can have been changed.

use shared::change::Change;
use shared::document::order::{Class, Stream};
use shared::document::receipt::{Evidence, Receipt, Said};
use shared::document::roster::{Role, RosterKey, Thresholds};
use shared::document::{Batch, FORMAT, Order, Roster};
use shared::id::BatchId;
use shared::membership::Membership;
use shared::outcome::Outcome;
use shared::signature::{Envelope, PrivateKey};
use shared::time::{ClockConfidence, UnixTime};

use super::*;
use crate::api::model::Base64;
use crate::rebind::draft;
use crate::rebind::draft::tests::{asked, profile};

pub(crate) const FLEET: FleetId = FleetId::from_bytes([1; 16]);

pub(crate) fn key(number: u8) -> PrivateKey {
    PrivateKey::from_seed(&[number; 32])
}

/// Root keys 1 and 2, approvers 31 and 32, the controller 21; signed by its root keys.
pub(crate) fn roster() -> Envelope<Roster> {
    let entry = |role, owner: &str, number: u8| {
        let public = key(number).public();
        RosterKey { id: public.key_id(), role, owner: owner.to_owned(), public }
    };
    let mut keys = vec![
        entry(Role::Root, "root-1", 1),
        entry(Role::Root, "root-2", 2),
        entry(Role::Release, "rex-1", 11),
        entry(Role::Release, "rex-2", 12),
        entry(Role::Controller, "controller-1", 21),
        entry(Role::Approver, "gil", 31),
        entry(Role::Approver, "han", 32),
    ];
    keys.sort_by_key(|key| key.id);
    let mut roster = Envelope::unsigned(Roster {
        format: FORMAT,
        fleet: FLEET,
        version: 1,
        issued_at: UnixTime(0),
        expires_at: UnixTime(i64::MAX),
        keys,
        thresholds: Thresholds { root: 2, release: 2 },
        requirements: Default::default(),
        recovery_recipients: Vec::new(),
        previous: None,
    });
    [1, 2].iter().for_each(|number| roster.sign(FLEET, &key(*number)));
    roster
}

/// Terminals 1 to 3 are rebound, each with its order and two receipts.
pub(crate) fn evidence() -> Vec<OrderEvidence> {
    let payloads = [1, 2, 3].map(|number| shared::codec::encode(&profile(number))).to_vec();
    let drafts = draft::waves(&[payloads], &asked()).expect("they are sound");
    let members = Membership::of(drafts[0].members.keys().copied());
    let mut batch = Envelope::unsigned(Batch {
        format: FORMAT,
        id: BatchId::from_bytes([6; 16]),
        change: drafts[0].change(&asked()),
        terminals: 3,
        root: members.root(),
        not_before: UnixTime(10),
        not_after: UnixTime(20),
    });
    [21, 31, 32].iter().for_each(|number| batch.sign(FLEET, &key(*number)));
    assert!(matches!(batch.document.change, Change::Rebind(_)));
    let enclosed = drafts[0].enclosed();
    let one = |number: u8| {
        let terminal = profile(number).terminal;
        let proof = members.proof(terminal).expect("it is a member");
        let id = OrderId::from_bytes([number; 16]);
        let mut order = Envelope::unsigned(Order {
            format: FORMAT,
            id,
            terminal,
            epoch: 1,
            stream: Stream::Approved,
            seq: 1,
            batch: batch.digest(),
            index: proof.index,
            path: proof.path,
            not_before: UnixTime(10),
            not_after: UnixTime(20),
            calendar: None,
            class: Class::default(),
        });
        order.sign(FLEET, &key(21));
        let receipt = |said| {
            let mut receipt = Envelope::unsigned(Receipt {
                format: FORMAT,
                terminal,
                epoch: 1,
                order: id,
                said,
                at: UnixTime(15),
                clock: ClockConfidence::Attested,
            });
            receipt.sign(FLEET, &key(100 + number));
            Base64(receipt.to_bytes())
        };
        let fact = |step: &str, at, note: &str, digest| Evidence {
            step: step.to_owned(),
            at: UnixTime(at),
            note: note.to_owned(),
            digest,
        };
        let evidence = vec![
            fact("hold", 11, "trading is held", None),
            fact("settle", 12, "both count 3 payments", Some(Digest::of(&[number]))),
            fact("release", 14, "trading goes on", None),
        ];
        let finished =
            Said::Finished { outcome: Outcome::Succeeded { now: "beta".into() }, evidence };
        let it = &enclosed[&terminal];
        OrderEvidence {
            fleet: FLEET,
            order: id,
            campaign: CampaignId::from_bytes([5; 16]),
            terminal,
            serial: format!("PX-{number}"),
            terminal_key: Some(key(100 + number).public()),
            cancelled_by: None,
            signed_order: Base64(order.to_bytes()),
            batch: Base64(batch.to_bytes()),
            release: None,
            profile: Some(Base64(it.profile.to_vec())),
            profile_path: it.path.clone(),
            receipts: vec![receipt(Said::Accepted), receipt(finished)],
            rosters: vec![Base64(roster().to_bytes())],
            notices: vec![],
            letters: vec![],
        }
    };
    [1, 2, 3].map(one).into()
}

fn parts(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    unpack(bytes).expect("it is a tar")
}

fn tar_of(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in parts {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, bytes.as_slice()).expect("memory takes it");
    }
    tar.into_inner().expect("memory takes it")
}

#[test]
fn what_is_packed_is_opened_and_packed_the_same_again() {
    let packed = pack(&evidence(), vec![]).expect("it is packed");
    assert_eq!(packed.bytes, pack(&evidence(), vec![]).expect("it is packed").bytes);
    let opened = open(&packed.bytes).expect("it is opened");
    assert_eq!((opened.head, opened.fleet), (packed.head, FLEET));
    assert_eq!(opened.entries.len(), packed.entries);
    assert_eq!(opened.entries["rosters/0001.cose"], roster().to_bytes());
}

type Spoil = fn(&mut Vec<(String, Vec<u8>)>);

#[test]
fn what_was_done_to_a_file_is_named() {
    let cases: &[(&str, Spoil)] = &[
        ("was changed", |it| it[4].1.push(0)),
        ("is missing", |it| drop(it.pop())),
        ("is missing", |it| drop(it.remove(3))),
        ("was reordered", |it| it.swap(3, 4)),
        ("is foreign", |it| it.push(("orders/other".to_owned(), vec![]))),
        ("twice", |it| it.push(it[3].clone())),
        ("no file of evidence", |it| drop(it.remove(0))),
        ("no file of evidence", |it| it.clear()),
        ("manifest was changed", |it| {
            let text = String::from_utf8(it[0].1.clone()).expect("it is JSON");
            it[0].1 = text.replacen("orders/", "0rders/", 1).into_bytes();
        }),
        ("manifest was changed", |it| it[0].1.truncate(40)),
    ];
    let whole = parts(&pack(&evidence(), vec![]).expect("it is packed").bytes);
    for (expected, spoil) in cases {
        let mut spoilt = whole.clone();
        spoil(&mut spoilt);
        let refused = open(&tar_of(&spoilt)).expect_err(expected).to_string();
        assert!(refused.contains(expected), "{expected}: {refused}");
    }
}

#[test]
fn a_file_that_ends_anywhere_early_is_refused() {
    let whole = pack(&evidence(), vec![]).expect("it is packed").bytes;
    let content = whole.len() - 1024;
    for end in (0..content - 512).step_by(509) {
        assert!(open(&whole[..end]).is_err(), "at {end} of {}", whole.len());
    }
}

#[test]
fn the_evidence_of_two_fleets_is_not_mixed() {
    let mut all = evidence();
    all[1].fleet = FleetId::from_bytes([9; 16]);
    assert!(matches!(pack(&all, vec![]), Err(NotAPack::OtherFleet { .. })));
}
