//! What a file of evidence proves, and what is named when it cannot be true.

use shared::document::sanitisation::Verification;
use shared::id::{FleetId, OrderId};
use shared::signature::Envelope;

use super::super::super::samples;
use super::super::pack::tests::{FLEET, evidence, key, roster};
use super::super::pack::{open as open_pack, pack};
use super::*;
use crate::api::model::{Base64, OrderEvidence};

fn checked(all: &[OrderEvidence]) -> Report {
    let packed = pack(all, vec![]).expect("it is packed");
    let opened = open_pack(&packed.bytes).expect("it is opened");
    check(&opened, roster().digest(), true).expect("the roster is the one that is held")
}

#[test]
fn an_honest_file_proves_who_approved_what_and_what_the_terminals_said() {
    let report = checked(&evidence());
    assert_eq!(report.wrong, Vec::<String>::new());
    assert_eq!(report.proven.len(), 3 * 5);
    let first = &report.proven[0];
    assert!(first.ends_with("was approved by gil and han, by roster 1"), "{first}");
    assert!(report.proven[2].contains("MID 898440154110001 and TID B0000001"), "{report:?}");
    assert!(report.proven[4].ends_with("succeeded, now beta, with 3 facts"), "{report:?}");
    assert_eq!(report.not_proven.len(), 2);
    let mut open_end = evidence();
    open_end[0].receipts.pop();
    let report = checked(&open_end);
    assert!(report.wrong.is_empty() && report.not_proven[0].contains("no receipt of PX-1"));
}

#[test]
fn the_facts_of_a_receipt_are_those_that_the_terminal_signed() {
    let report = checked(&evidence());
    assert_eq!(report.finished.len(), 3);
    let first = &report.finished[0];
    assert_eq!((first.order, first.serial.as_str()), (OrderId::from_bytes([1; 16]), "PX-1"));
    let facts: Vec<_> = first.facts.iter().map(|it| (it.step.as_str(), it.at.0)).collect();
    assert_eq!(facts, [("hold", 11), ("settle", 12), ("release", 14)]);
    assert_eq!(first.facts[1].digest, Some(Digest::of(&[1])));

    let mut misleading = evidence();
    misleading[0].receipts[1] = forged::<Receipt>(&misleading[0].receipts[1], 101, |receipt| {
        let Said::Finished { evidence, .. } = &mut receipt.said else { panic!("it is an end") };
        evidence.truncate(1);
        evidence[0].note = "held\u{1b}[2J\u{202e}".to_owned();
    });
    let report = checked(&misleading);
    assert_eq!(report.finished[0].facts[0].note, "held\u{fffd}[2J\u{fffd}");
    assert!(report.proven[4].ends_with("with 1 fact"), "{report:?}");
    // What no terminal signed for is no fact.
    let mut forgery = evidence();
    forgery[0].receipts[1] = forged::<Receipt>(&forgery[0].receipts[1], 102, |_| {});
    let report = checked(&forgery);
    assert_eq!((report.wrong.len(), report.finished.len()), (1, 2), "{report:?}");
}

type Spoil = fn(&mut Vec<OrderEvidence>);

/// The signed bytes with this done to the document, signed anew by this key alone.
fn forged<D: shared::document::Document>(bytes: &Base64, by: u8, spoil: impl Fn(&mut D)) -> Base64 {
    let mut envelope = Envelope::<D>::from_bytes(&bytes.0).expect("it is one");
    spoil(&mut envelope.document);
    let mut anew = Envelope::unsigned(envelope.document);
    anew.sign(FLEET, &key(by));
    Base64(anew.to_bytes())
}

#[test]
fn what_cannot_be_true_is_named_though_the_chain_is_whole() {
    let cases: &[(&str, Spoil)] = &[
        ("not everybody signed the batch", |it| {
            it[0].batch = forged::<Batch>(&it[0].batch, 21, |_| {});
        }),
        ("not everybody signed the batch", |it| {
            it[0].batch = forged::<Batch>(&it[0].batch, 21, |batch| batch.terminals = 2);
        }),
        ("no controller of the fleet signed the order", |it| {
            it[0].signed_order = forged::<Order>(&it[0].signed_order, 31, |_| {});
        }),
        ("the order is of another batch", |it| {
            let spoil = |order: &mut Order| order.batch = Digest([0; 32]);
            it[0].signed_order = forged::<Order>(&it[0].signed_order, 21, spoil);
        }),
        ("is no member of the batch", |it| {
            let spoil = |order: &mut Order| order.index = 1;
            it[0].signed_order = forged::<Order>(&it[0].signed_order, 21, spoil);
        }),
        ("filed under another name", |it| it[0].order = OrderId::from_bytes([77; 16])),
        ("is for", |it| it[0].terminal = it[1].terminal),
        ("nobody signed for this profile", |it| it[0].profile = it[1].profile.clone()),
        ("nobody signed for this profile", |it| it[0].profile_path.clear()),
        ("the profile is missing", |it| it[0].profile = None),
        ("is not signed by the key of the terminal", |it| {
            it[0].terminal_key = Some(key(99).public());
        }),
        ("the terminal's key is not told", |it| it[0].terminal_key = None),
        ("is for ord-", |it| {
            let other = OrderId::from_bytes([9; 16]);
            let spoil = |receipt: &mut Receipt| receipt.order = other;
            it[0].receipts[1] = forged::<Receipt>(&it[0].receipts[1], 101, spoil);
        }),
        ("is of another epoch", |it| {
            let spoil = |receipt: &mut Receipt| receipt.epoch = 2;
            it[0].receipts[1] = forged::<Receipt>(&it[0].receipts[1], 101, spoil);
        }),
        ("receipt", |it| it[0].receipts[1].0.truncate(9)),
    ];
    for (expected, spoil) in cases {
        let mut spoilt = evidence();
        spoil(&mut spoilt);
        let report = checked(&spoilt);
        assert!(report.wrong.iter().any(|it| it.contains(expected)), "{expected}: {report:?}");
    }
}

#[test]
fn a_roster_that_is_not_held_or_is_another_fleets_is_not_followed() {
    let packed = pack(&evidence(), vec![]).expect("it is packed");
    let opened = open_pack(&packed.bytes).expect("it is opened");
    assert!(check(&opened, Digest([0; 32]), true).is_err());
    let mut foreign = evidence();
    foreign.iter_mut().for_each(|it| it.fleet = FleetId::from_bytes([9; 16]));
    let packed = pack(&foreign, vec![]).expect("it is packed");
    let opened = open_pack(&packed.bytes).expect("it is opened");
    assert!(check(&opened, roster().digest(), true).is_err());
}

#[test]
fn without_its_head_nobody_knows_whether_something_was_left_out() {
    let packed = pack(&evidence()[..1], vec![]).expect("it is packed");
    let opened = open_pack(&packed.bytes).expect("it is opened");
    let report = check(&opened, roster().digest(), false).expect("the roster is held");
    assert!(report.not_proven.iter().any(|it| it.contains("left out")), "{report:?}");
}

#[test]
fn a_certificate_counts_by_the_controllers_signature_and_for_its_own_order() {
    let all = evidence();
    let with = |by: u8, order: OrderId| {
        let (terminal, verification) = (all[0].terminal, Verification::NotVerified);
        let certificate = SanitisationCertificate {
            order,
            terminal,
            verification,
            ..samples::sanitisation_certificate()
        };
        let mut signed = Envelope::unsigned(certificate);
        signed.sign(FLEET, &key(by));
        let beside = vec![(format!("orders/{}/certificate.cose", all[0].order), signed.to_bytes())];
        let packed = pack(&all, beside).expect("it is packed");
        let opened = open_pack(&packed.bytes).expect("it is opened");
        check(&opened, roster().digest(), true).expect("the roster is the one that is held")
    };
    let report = with(21, all[0].order);
    let is_told = |it: &String| it.contains("that it is erased and NOT VERIFIED");
    assert!(report.wrong.is_empty() && report.proven.iter().any(is_told), "{report:?}");
    for (by, order, wrong) in [
        (31, all[0].order, "no controller signed the certificate"),
        (21, all[1].order, "the certificate is of"),
    ] {
        let report = with(by, order);
        assert!(report.wrong.iter().any(|it| it.contains(wrong)), "{wrong}: {report:?}");
        assert!(!report.proven.iter().any(is_told), "{report:?}");
    }
}
