//! COSE_Sign (RFC 9052, tag 98): how a document and its signatures are written, and read back
//! without being believed. The algorithm is Ed25519 under its own number, −19 (RFC 9864).
//!
//! An envelope has one way to be written, and only that is read: two fixed headers, nothing
//! unprotected, shortest lengths. Whether a signature is good is not decided here.

use coset::cbor::value::Value;
use coset::iana::Algorithm;
use coset::{
    AsCborValue as _, CborSerializable as _, CoseSign, CoseSignBuilder, CoseSignature,
    CoseSignatureBuilder, Header, HeaderBuilder, TaggedCborSerializable as _,
};

use super::PrivateKey;
use crate::codec;
use crate::digest::{Digest, KeyId};
use crate::document::Document;
use crate::id::FleetId;
use crate::limits::{DOCUMENT_BYTES_MAX, SIGNATURES_MAX};

/// A protected header. Ours are at most 52 bytes; an algorithm of the future needs no more.
const HEADER_BYTES_MAX: usize = 64;

/// Why an envelope was refused.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    #[error("{got} bytes, more than the {max} of a document", max = DOCUMENT_BYTES_MAX)]
    TooLarge { got: usize },
    #[error("not a COSE_Sign message: {0}")]
    NotAnEnvelope(String),
    #[error("the envelope holds no document, or not of the kind that was asked for")]
    OtherKind,
    #[error("the envelope is not written in the one canonical way")]
    NotCanonical,
    #[error("{0} signatures, more than {max}", max = SIGNATURES_MAX)]
    TooManySignatures(usize),
    #[error("the payload is unreadable")]
    Payload(#[source] codec::Unreadable),
}

/// A document on its way to being signed, or read back with its signatures unchecked.
#[derive(Clone, Debug)]
pub struct Envelope<D> {
    pub document: D,
    payload: Vec<u8>,
    signatures: Vec<CoseSignature>,
}

/// A signature, and what it has to be checked against.
pub(super) struct Claim<'a> {
    pub(super) signer: KeyId,
    pub(super) signature: &'a [u8],
    /// The bytes that the signature must cover.
    pub(super) signed: Vec<u8>,
}

impl<D: Document> Envelope<D> {
    pub fn unsigned(document: D) -> Self {
        let payload = codec::encode(&document);
        Self { document, payload, signatures: Vec::new() }
    }

    /// Reads an envelope without believing it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Rejected> {
        let message = parse(bytes)?;
        if message.protected.header != body_header::<D>() {
            return Err(Rejected::OtherKind);
        }
        let payload = message.payload.ok_or(Rejected::OtherKind)?;
        let document = codec::decode_document(&payload, DOCUMENT_BYTES_MAX);
        let document = document.map_err(Rejected::Payload)?;
        Ok(Self { document, payload, signatures: message.signatures })
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        self.message().to_tagged_vec().expect("headers and byte strings encode into memory")
    }

    /// SHA-256 of the payload: how other documents refer to this one.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.payload)
    }

    /// Adds this key's signature, in place of whatever claimed to be it.
    pub fn sign(&mut self, fleet: FleetId, key: &PrivateKey) {
        let signer = key.public().key_id();
        let mut signature =
            CoseSignatureBuilder::new().protected(signature_header(&signer.0)).build();
        let signed = self.message().tbs_data(&context(fleet), &signature);
        signature.signature = key.sign_bytes(&signed).to_vec();
        self.signatures.retain(|other| claimed_signer(other) != Some(signer));
        self.signatures.push(signature);
    }

    /// Takes over what claims to be this signer's signature on another copy, unchecked.
    pub fn adopt(&mut self, signer: KeyId, copy: &Self) {
        let theirs = |signature: &&CoseSignature| claimed_signer(signature) == Some(signer);
        if let Some(signature) = copy.signatures.iter().find(theirs) {
            self.signatures.retain(|other| claimed_signer(other) != Some(signer));
            self.signatures.push(signature.clone());
        }
    }

    /// Key ids that the signatures claim, unchecked.
    pub fn claimed_signers(&self) -> impl Iterator<Item = KeyId> {
        self.signatures.iter().filter_map(claimed_signer)
    }

    /// The signatures that could be good: those with our algorithm and a key id of ours.
    pub(super) fn claims(&self, fleet: FleetId) -> impl Iterator<Item = Claim<'_>> {
        let message = self.message();
        self.signatures.iter().filter_map(move |signature| {
            let signer = claimed_signer(signature)?;
            let signed = message.tbs_data(&context(fleet), signature);
            Some(Claim { signer, signature: &signature.signature, signed })
        })
    }

    fn message(&self) -> CoseSign {
        let mut message = CoseSignBuilder::new()
            .protected(body_header::<D>())
            .payload(self.payload.clone())
            .build();
        message.signatures.clone_from(&self.signatures);
        message
    }
}

/// What every signature covers besides the document: the fleet, so that nothing signed for one
/// fleet means anything in another.
fn context(fleet: FleetId) -> Vec<u8> {
    format!("tillward/1/{fleet}").into_bytes()
}

fn body_header<D: Document>() -> Header {
    HeaderBuilder::new().content_type(D::CONTENT_TYPE.to_owned()).build()
}

fn signature_header(key_id: &[u8]) -> Header {
    HeaderBuilder::new().algorithm(Algorithm::Ed25519).key_id(key_id.to_vec()).build()
}

/// The key that a signature says it is by; `None` where the header is not one that we write.
fn claimed_signer(signature: &CoseSignature) -> Option<KeyId> {
    let header = &signature.protected.header;
    let ours = *header == signature_header(&header.key_id);
    let key_id = <[u8; 16]>::try_from(header.key_id.as_slice()).ok()?;
    ours.then_some(KeyId(key_id))
}

/// Reads the outer shape. What comes back holds nothing that writing it again would lose.
fn parse(bytes: &[u8]) -> Result<CoseSign, Rejected> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(Rejected::TooLarge { got: bytes.len() });
    }
    let unreadable = |error: coset::CoseError| Rejected::NotAnEnvelope(error.to_string());
    let value = Value::from_slice(bytes).map_err(unreadable)?;
    let mut message = CoseSign::from_cbor_value(flat(value)?).map_err(unreadable)?;
    if message.signatures.len() > SIGNATURES_MAX {
        return Err(Rejected::TooManySignatures(message.signatures.len()));
    }
    // Forgetting the headers' original bytes makes the comparison reach into them too.
    message.protected.original_data = None;
    message.signatures.iter_mut().for_each(|it| it.protected.original_data = None);
    match message.clone().to_tagged_vec() {
        Ok(again) if again == bytes => Ok(message),
        Ok(_) | Err(_) => Err(Rejected::NotCanonical),
    }
}

/// The four items inside the tag, when no header can hold another message.
///
/// COSE allows a counter signature in a header, with a protected header of its own inside a byte
/// string, and so on: each level begins a new parse, so that no depth limit of the CBOR reader
/// sees it. 48 KiB hold 6,000 levels, which overflow the stack. So headers are bounded here,
/// before anything looks into them.
fn flat(value: Value) -> Result<Value, Rejected> {
    let tagged = value.into_tag().ok().filter(|(tag, _)| *tag == CoseSign::TAG);
    let Some((_, inner)) = tagged else {
        return Err(Rejected::NotAnEnvelope(format!("tag {} is missing", CoseSign::TAG)));
    };
    let is_flat = match inner.as_array().map(Vec::as_slice) {
        Some([protected, unprotected, _payload, Value::Array(signatures)]) => {
            has_plain_headers(protected, unprotected)
                && signatures.iter().all(|signature| {
                    matches!(
                        signature.as_array().map(Vec::as_slice),
                        Some([protected, unprotected, _signature])
                            if has_plain_headers(protected, unprotected)
                    )
                })
        }
        Some(_) | None => false,
    };
    match is_flat {
        true => Ok(*inner),
        false => Err(Rejected::NotAnEnvelope("its headers are not of our shape".to_owned())),
    }
}

fn has_plain_headers(protected: &Value, unprotected: &Value) -> bool {
    protected.as_bytes().is_some_and(|bytes| bytes.len() <= HEADER_BYTES_MAX)
        && unprotected.as_map().is_some_and(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Receipt;

    fn byte_string(content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).expect("shorter than a document");
        [&[0x59], length.to_be_bytes().as_slice(), content].concat()
    }

    /// `{7: [<header>, {}, h'']}`: a counter signature whose own header is the given one.
    fn counter_signed(header: &[u8]) -> Vec<u8> {
        [&[0xa1, 0x07, 0x83], byte_string(header).as_slice(), &[0xa0, 0x40]].concat()
    }

    #[test]
    fn headers_nested_in_byte_strings_are_refused_and_not_followed() {
        let mut header = vec![0xa0];
        while header.len() < DOCUMENT_BYTES_MAX - 64 {
            header = counter_signed(&header);
        }
        let header = byte_string(&header);
        let in_body = [&[0xd8, 98, 0x84], header.as_slice(), &[0xa0, 0x40, 0x80]];
        let in_signature =
            [&[0xd8, 98, 0x84, 0x40, 0xa0, 0x40, 0x81, 0x83], header.as_slice(), &[0xa0, 0x40]];
        for bytes in [in_body.concat(), in_signature.concat()] {
            let read = Envelope::<Receipt>::from_bytes(&bytes);
            assert!(matches!(read, Err(Rejected::NotAnEnvelope(_))), "{read:?}");
        }
    }
}
