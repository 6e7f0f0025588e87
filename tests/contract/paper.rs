//! COSE_Sign (RFC 9052) by hand and on another CBOR implementation than ours: what the envelope
//! is according to the standard, and every way to get it wrong.

use ciborium::Value;
use shared::digest::KeyId;
use shared::id::FleetId;
use shared::signature::PrivateKey;

/// Ed25519 (RFC 9864).
pub(crate) const ED25519: i64 = -19;

/// An envelope, each part of which can be changed on its own.
#[derive(Clone, Debug)]
pub(crate) struct Paper {
    pub(crate) tag: Option<u64>,
    pub(crate) protected: Vec<u8>,
    pub(crate) unprotected: Vec<(Value, Value)>,
    pub(crate) payload: Value,
    pub(crate) signatures: Vec<Hand>,
}

/// One signature of an envelope.
#[derive(Clone, Debug)]
pub(crate) struct Hand {
    pub(crate) protected: Vec<u8>,
    pub(crate) unprotected: Vec<(Value, Value)>,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn read(bytes: &[u8]) -> Value {
    ciborium::from_reader(bytes).expect("it is CBOR")
}

pub(crate) fn write(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("writing to memory does not fail");
    bytes
}

/// `{1: <algorithm>, 4: <key id>}`
pub(crate) fn signature_header(algorithm: i64, key_id: &[u8]) -> Vec<u8> {
    write(&Value::Map(vec![
        (Value::from(1), Value::from(algorithm)),
        (Value::from(4), Value::Bytes(key_id.to_vec())),
    ]))
}

impl Paper {
    /// An envelope as we write them.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let (tag, inner) = read(bytes).into_tag().expect("it is tagged");
        let [protected, unprotected, payload, signatures]: [Value; 4] =
            inner.into_array().expect("an array").try_into().expect("of four");
        let hands = signatures.into_array().expect("signatures are an array").into_iter();
        let hands = hands.map(|hand| {
            let [protected, unprotected, bytes]: [Value; 3] =
                hand.into_array().expect("an array").try_into().expect("of three");
            Hand {
                protected: protected.into_bytes().expect("bytes"),
                unprotected: unprotected.into_map().expect("a map"),
                bytes: bytes.into_bytes().expect("bytes"),
            }
        });
        Self {
            tag: Some(tag),
            protected: protected.into_bytes().expect("bytes"),
            unprotected: unprotected.into_map().expect("a map"),
            payload,
            signatures: hands.collect(),
        }
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let signatures = self.signatures.iter().map(|hand| {
            Value::Array(vec![
                Value::Bytes(hand.protected.clone()),
                Value::Map(hand.unprotected.clone()),
                Value::Bytes(hand.bytes.clone()),
            ])
        });
        let envelope = Value::Array(vec![
            Value::Bytes(self.protected.clone()),
            Value::Map(self.unprotected.clone()),
            self.payload.clone(),
            Value::Array(signatures.collect()),
        ]);
        write(&match self.tag {
            Some(tag) => Value::Tag(tag, Box::new(envelope)),
            None => envelope,
        })
    }

    pub(crate) fn payload(&self) -> &[u8] {
        self.payload.as_bytes().expect("the payload is bytes")
    }

    /// `Sig_structure` of RFC 9052 §4.4.
    pub(crate) fn to_be_signed(&self, fleet: FleetId, signature_protected: &[u8]) -> Vec<u8> {
        write(&Value::Array(vec![
            Value::from("Signature"),
            Value::Bytes(self.protected.clone()),
            Value::Bytes(signature_protected.to_vec()),
            Value::Bytes(format!("tillward/1/{fleet}").into_bytes()),
            self.payload.clone(),
        ]))
    }

    /// A signature that verifies, whatever its header says.
    pub(crate) fn hand(
        &self,
        fleet: FleetId,
        key: &PrivateKey,
        algorithm: i64,
        key_id: KeyId,
    ) -> Hand {
        let protected = signature_header(algorithm, &key_id.0);
        let bytes = key.sign_bytes(&self.to_be_signed(fleet, &protected)).to_vec();
        Hand { protected, unprotected: Vec::new(), bytes }
    }
}
