//! What is not rightly signed, or not written in the one way in which it is read.

use ciborium::Value;
use harness::keys::Ceremony;
use shared::digest::{Digest, KeyId};
use shared::document::Document;
use shared::limits::DOCUMENT_BYTES_MAX;
use shared::message::{Parcel, SignedBytes};
use shared::outcome::Refusal;
use shared::signature::PrivateKey;

use super::{refused, refused_everywhere};
use crate::paper::{ED25519, Hand, Paper, read, signature_header, write};
use crate::scene::Scene;

#[test]
fn signatures_that_do_not_make_two_release_keys_do_not_make_a_release() {
    let scene = Scene::new();
    let Ceremony { fleet, root, release, controller, .. } = &scene.ceremony;
    let parcel = scene.parcel();
    let genuine = Paper::read(parcel.release.as_ref().expect("an upgrade").as_slice());
    let [first, second] = [0, 1].map(|at| genuine.signatures[at].clone());
    let by = |key: &PrivateKey| genuine.hand(*fleet, key, ED25519, key.public().key_id());
    let id = release[1].public().key_id();
    let elsewhere = genuine.hand(Ceremony::of(2).fleet, &release[1], ED25519, id);
    let stranger = by(&PrivateKey::from_seed(&[7; 32]));
    let nameless = genuine.hand(*fleet, &release[0], ED25519, KeyId([7; 16]));
    let misnamed = genuine.hand(*fleet, &release[0], ED25519, id);
    let deprecated = genuine.hand(*fleet, &release[1], -8, id);
    let relabelled = Hand { protected: signature_header(-7, &id.0), ..second.clone() };
    let short = Hand { bytes: second.bytes[..63].to_vec(), ..second.clone() };
    let zeros = Hand { bytes: vec![0; 64], ..second };
    let cases = [
        ("no signature", vec![]),
        ("one of two", vec![first.clone()]),
        ("one signature twice", vec![first.clone(), first.clone()]),
        ("one key under two ids", vec![first.clone(), nameless]),
        ("one key under another's id", vec![first.clone(), misnamed]),
        ("a root key", vec![first.clone(), by(&root[0])]),
        ("the controller's key", vec![first.clone(), by(controller)]),
        ("a stranger's key", vec![first.clone(), stranger]),
        ("for another fleet", vec![first.clone(), elsewhere]),
        ("algorithm −8, the deprecated name of the same", vec![first.clone(), deprecated]),
        ("the algorithm's label changed afterwards", vec![first.clone(), relabelled]),
        ("a signature of 63 bytes", vec![first.clone(), short]),
        ("a signature of zeros", vec![first, zeros]),
    ];
    for (case, signatures) in cases {
        let forged = Paper { signatures, ..genuine.clone() };
        let release = Some(SignedBytes::new(forged.write()));
        let parcel = Parcel { release, ..parcel.clone() };
        refused(&scene, case, &parcel, Refusal::ReleaseNotSigned);
    }
}

fn stray_header() -> Vec<(Value, Value)> {
    vec![(Value::from(99), Value::from(1))]
}

/// `{1: −19, 7: [h'', {}, h'']}`
fn countersigned() -> Vec<u8> {
    let (nothing, nowhere) = (Value::Bytes(Vec::new()), Value::Map(Vec::new()));
    let counter_signature = Value::Array(vec![nothing.clone(), nowhere, nothing]);
    write(&Value::Map(vec![
        (Value::from(1), Value::from(ED25519)),
        (Value::from(7), counter_signature),
    ]))
}

#[test]
fn an_envelope_of_any_other_shape_is_no_envelope() {
    let scene = Scene::new();
    type Rewrite = fn(&mut Paper);
    let cases: [(&str, Refusal, Rewrite); 10] = [
        ("untagged", Refusal::Malformed, |it| it.tag = None),
        ("the tag of COSE_Sign1", Refusal::Malformed, |it| it.tag = Some(18)),
        ("an unprotected header", Refusal::Malformed, |it| it.unprotected = stray_header()),
        ("an unprotected header at a signature", Refusal::Malformed, |it| {
            it.signatures[0].unprotected = stray_header();
        }),
        ("a long header", Refusal::Malformed, |it| it.protected = vec![0; 65]),
        ("nil for a payload", Refusal::OtherKind, |it| it.payload = Value::Null),
        ("no header", Refusal::OtherKind, |it| it.protected.clear()),
        ("a counter signature", Refusal::OtherKind, |it| it.protected = countersigned()),
        ("a long form in a header", Refusal::NotCanonical, |it| {
            it.signatures[0].protected = vec![0xb8, 0x00];
        }),
        ("seventeen signatures", Refusal::TooLarge, |it| {
            it.signatures = vec![it.signatures[0].clone(); 17];
        }),
    ];
    let good = scene.parcel();
    for (case, wanted, rewrite) in cases {
        for bytes in [&good.order, &good.batch, good.release.as_ref().expect("an upgrade")] {
            let mut paper = Paper::read(bytes.as_slice());
            rewrite(&mut paper);
            refused_everywhere(&scene, case, &paper.write(), wanted);
        }
    }
}

#[test]
fn bytes_that_are_no_envelope_are_refused_unread() {
    let scene = Scene::new();
    let deep = |opening: u8, levels: usize| vec![opening; levels];
    let length_2_63 = |major: u8| [&[major], (1_u64 << 63).to_be_bytes().as_slice()].concat();
    let inside = |content: &[u8]| [&[0xd8, 98, 0x84], content].concat();
    let mut cases = vec![
        ("nothing", Refusal::Malformed, Vec::new()),
        ("one byte too many", Refusal::TooLarge, vec![0; DOCUMENT_BYTES_MAX + 1]),
        ("1 MiB", Refusal::TooLarge, vec![0; 1 << 20]),
    ];
    for opening in [0x81, 0xa1, 0xc1, 0xd8, 0x9f, 0xbf, 0x5f, 0x7f] {
        cases.push(("nested a million deep", Refusal::TooLarge, deep(opening, 1_000_000)));
        let within = deep(opening, DOCUMENT_BYTES_MAX - 3);
        cases.push(("nested as deep as is read", Refusal::Malformed, within.clone()));
        cases.push(("nested in the right tag", Refusal::Malformed, inside(&within)));
    }
    for major in [0x5b, 0x7b, 0x9b, 0xbb] {
        cases.push(("a length of 2⁶³", Refusal::Malformed, length_2_63(major)));
        cases.push(("…in the right tag", Refusal::Malformed, inside(&length_2_63(major))));
    }
    for (case, wanted, bytes) in cases {
        refused_everywhere(&scene, case, &bytes, wanted);
    }
}

#[test]
fn a_document_counts_only_in_its_own_place_and_whole() {
    let scene = Scene::new();
    let good = scene.parcel();
    let release = good.release.clone().expect("an upgrade");
    let swapped = [
        ("a batch as order", Parcel { order: good.batch.clone(), ..good.clone() }),
        ("an order as batch", Parcel { batch: good.order.clone(), ..good.clone() }),
        ("a release as batch", Parcel { batch: release.clone(), ..good.clone() }),
        ("a batch as release", Parcel { release: Some(good.batch.clone()), ..good.clone() }),
    ];
    for (case, parcel) in swapped {
        refused(&scene, case, &parcel, Refusal::OtherKind);
    }
    for whole in [&good.order, &good.batch, &release] {
        let trailing = [whole.as_slice(), &[0]].concat();
        refused_everywhere(&scene, "a trailing byte", &trailing, Refusal::Malformed);
        let cut = &whole.as_slice()[..whole.as_slice().len() - 1];
        refused_everywhere(&scene, "the last byte missing", cut, Refusal::Malformed);
    }
}

/// A document whose payload is written in another way, validly signed like that.
fn rewritten<D: Document>(
    scene: &Scene,
    document: D,
    keys: &[&PrivateKey],
    rewrite: impl FnOnce(&[u8]) -> Vec<u8>,
) -> SignedBytes {
    let mut paper = Paper::read(scene.ceremony.sign(document, &[]).as_slice());
    paper.payload = Value::Bytes(rewrite(paper.payload()));
    paper.signatures = keys
        .iter()
        .map(|key| paper.hand(scene.ceremony.fleet, key, ED25519, key.public().key_id()))
        .collect();
    SignedBytes::new(paper.write())
}

/// The payload with its fields changed.
fn fields(payload: &[u8], change: fn(&mut Vec<(Value, Value)>)) -> Vec<u8> {
    let mut fields = read(payload).into_map().expect("a document is a map");
    change(&mut fields);
    write(&Value::Map(fields))
}

#[test]
fn even_rightly_signed_payloads_are_read_in_one_form_only() {
    let scene = Scene::new();
    let order = scene.papers().order;
    let controller = &scene.ceremony.controller;
    type Rewrite = fn(&[u8]) -> Vec<u8>;
    let cases: [(&str, Refusal, Rewrite); 5] = [
        ("fields in another order", Refusal::NotCanonical, |it| fields(it, |it| it.swap(0, 1))),
        ("one field more", Refusal::Malformed, |it| {
            fields(it, |it| it.push((Value::from("sudo"), Value::from(true))))
        }),
        ("a format of the future", Refusal::UnknownFormat, |it| {
            fields(it, |it| it[0].1 = Value::from(2))
        }),
        ("a byte behind", Refusal::Malformed, |it| [it, &[0]].concat()),
        ("a text", Refusal::Malformed, |_| write(&Value::from("order"))),
    ];
    for (case, wanted, rewrite) in cases {
        let order = rewritten(&scene, order.clone(), &[controller], rewrite);
        refused(&scene, case, &Parcel { order, ..scene.parcel() }, wanted);
    }
}

#[test]
fn a_release_whose_hashes_were_changed_has_lost_its_signatures() {
    let scene = Scene::new();
    let mut papers = scene.papers();
    papers.release.artifact.sha256 = Digest::of(b"other bytes");
    let forged = papers.linked();
    let genuine = scene.parcel().release.expect("an upgrade");
    let unsigned = scene.ceremony.sign(forged.release.clone(), &[]);
    let mut paper = Paper::read(unsigned.as_slice());
    paper.signatures = Paper::read(genuine.as_slice()).signatures;
    let release = Some(SignedBytes::new(paper.write()));
    let parcel = Parcel { release, ..scene.signed(&forged) };
    refused(&scene, "signatures moved over", &parcel, Refusal::ReleaseNotSigned);
}
