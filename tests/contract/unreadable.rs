//! Bytes from anywhere: reading them never panics, and what is read was written in one way.

use ciborium::Value;
use proptest::prelude::*;
use shared::codec;
use shared::document::{Batch, Document, FleetTime, Order, Receipt, Release, Roster};
use shared::limits::{DOCUMENT_BYTES_MAX, MESSAGE_BYTES_MAX};
use shared::message::{Down, Up};
use shared::signature::Envelope;

use crate::paper::{Paper, write};
use crate::samples;

/// Every reader there is, on the same bytes.
fn read_by_all(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(up) = codec::decode::<Up>(bytes, MESSAGE_BYTES_MAX) {
        prop_assert_eq!(codec::decode::<Up>(&codec::encode(&up), MESSAGE_BYTES_MAX).ok(), Some(up));
    }
    if let Ok(down) = codec::decode::<Down>(bytes, MESSAGE_BYTES_MAX) {
        let again = codec::decode::<Down>(&codec::encode(&down), MESSAGE_BYTES_MAX);
        prop_assert_eq!(again.ok(), Some(down));
    }
    read_as::<Batch>(bytes)?;
    read_as::<FleetTime>(bytes)?;
    read_as::<Order>(bytes)?;
    read_as::<Receipt>(bytes)?;
    read_as::<Release>(bytes)?;
    read_as::<Roster>(bytes)
}

/// As a payload and as an envelope: what is accepted is written back as it was.
fn read_as<D: Document>(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(document) = codec::decode_document::<D>(bytes, DOCUMENT_BYTES_MAX) {
        prop_assert_eq!(codec::encode(&document), bytes);
    }
    if let Ok(envelope) = Envelope::<D>::from_bytes(bytes) {
        prop_assert_eq!(envelope.to_bytes(), bytes);
    }
    Ok(())
}

/// Real messages, documents and payloads, to be damaged.
fn genuine() -> Vec<Vec<u8>> {
    let up = samples::up().into_iter().map(|(_, message)| codec::encode(&message));
    let down = samples::down().into_iter().map(|(_, message)| codec::encode(&message));
    let signed = samples::signed().into_iter().flat_map(|(_, bytes)| {
        let payload = Paper::read(bytes.as_slice()).payload().to_vec();
        [bytes.as_slice().to_vec(), payload]
    });
    up.chain(down).chain(signed).collect()
}

const WORDS: [&str; 9] =
    ["format", "hello", "record", "order", "ack", "epoch", "terminal", "body", "seq"];

/// CBOR of any shape, with the words that our types are made of.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::Null),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        prop::sample::select(&WORDS[..]).prop_map(Value::from),
        Just(Value::from(1)),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        let pairs = prop::collection::vec((inner.clone(), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            pairs.prop_map(Value::Map),
            (prop::sample::select(&[2_u64, 18, 98, 55_799][..]), inner)
                .prop_map(|(tag, inner)| Value::Tag(tag, Box::new(inner))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn noise_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_by_all(&bytes)?;
    }

    #[test]
    fn strange_cbor_is_refused_without_a_panic(value in value()) {
        read_by_all(&write(&value))?;
    }

    #[test]
    fn what_is_damaged_is_refused_without_a_panic(
        bytes in prop::sample::select(genuine()),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        let mut bytes = bytes;
        for (at, byte) in edits {
            *at.get_mut(&mut bytes) = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_by_all(&bytes)?;
    }
}

#[test]
fn what_is_genuine_is_read() {
    for bytes in genuine() {
        read_by_all(&bytes).expect("it is as it was written");
    }
}
