//! Somebody else's CBOR library, and the envelope by the letter of RFC 9052, read what we write:
//! so nothing depends on a habit of ours.

use std::fmt::Debug;

use ciborium::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::codec;
use shared::digest::PublicKey;
use shared::document::Document;
use shared::signature::verify_bytes;

use crate::paper::{ED25519, Paper, read, signature_header, write};
use crate::samples;

#[track_caller]
fn reads<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, message: &T) {
    let bytes = codec::encode(message);
    assert_eq!(write(&read(&bytes)), bytes, "{name}: not the shortest form");
    let read: T = ciborium::from_reader(bytes.as_slice()).expect("it is of the same shape");
    assert_eq!(&read, message, "{name}");
    let mut written = Vec::new();
    ciborium::into_writer(message, &mut written).expect("writing to memory does not fail");
    assert_eq!(written, bytes, "{name}: the other one writes it differently");
}

#[test]
fn another_library_reads_and_writes_every_message_as_we_do() {
    samples::up().iter().for_each(|(name, message)| reads(name, message));
    samples::down().iter().for_each(|(name, message)| reads(name, message));
    samples::profiles().iter().for_each(|(name, profile)| reads(name, profile));
    samples::clearances().iter().for_each(|(name, clearance)| reads(name, clearance));
}

/// The public keys of everyone who signs in the samples.
fn everyone() -> Vec<PublicKey> {
    let roster = samples::ceremony().roster;
    let listed = roster.keys.iter().map(|key| key.public);
    listed.chain([samples::terminal_key().public()]).collect()
}

#[track_caller]
fn opens<D: Document + PartialEq + Debug>(documents: Vec<(&str, D)>) {
    let fleet = samples::ceremony().fleet;
    let signed = samples::signed();
    for (name, document) in documents {
        let (_, bytes) = signed.iter().find(|it| it.0 == name).expect("it has a sample");
        let paper = Paper::read(bytes.as_slice());
        assert_eq!(paper.tag, Some(98));
        let kind = vec![(Value::from(3), Value::from(D::CONTENT_TYPE))];
        assert_eq!(paper.protected, write(&Value::Map(kind)), "{name}");
        assert!(paper.unprotected.is_empty(), "{name}");
        let read: D = ciborium::from_reader(paper.payload()).expect("it is of the same shape");
        assert_eq!(read, document, "{name}");
        assert!(!paper.signatures.is_empty(), "{name}");
        for hand in &paper.signatures {
            let key = everyone()
                .into_iter()
                .find(|key| hand.protected == signature_header(ED25519, &key.key_id().0));
            let to_be_signed = paper.to_be_signed(fleet, &hand.protected);
            let key = key.expect("the header names one of the keys");
            assert!(verify_bytes(key, &to_be_signed, &hand.bytes), "{name}");
        }
        assert_eq!(paper.write(), bytes.as_slice(), "{name}");
        reads(name, &document);
    }
}

#[test]
fn every_envelope_is_what_the_standard_says() {
    opens(samples::rosters());
    opens(samples::releases());
    opens(samples::batches());
    opens(samples::orders());
    opens(samples::fleet_times());
    opens(samples::receipts());
    opens(samples::purge_certificates());
    opens(samples::sanitisation_certificates());
}
