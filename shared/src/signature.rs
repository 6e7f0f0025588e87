//! COSE_Sign (RFC 9052, tag 98) with Ed25519 (COSE algorithm −19, RFC 9864): how a document is
//! signed, by one person after another if need be, and who is found to have signed it.
//!
//! The signatures cover the exact payload bytes, the kind of document and the fleet. Nothing is
//! trusted here: [`open`] says which known keys signed; whether they suffice is the caller's
//! question ([`SignedBy`] answers it by distinct keys and owners, never by counting signatures).

use std::collections::{BTreeMap, BTreeSet};

use coset::iana::{Algorithm, EnumI64 as _};
use coset::{
    ContentType, CoseSign, CoseSignBuilder, CoseSignature, CoseSignatureBuilder, Header,
    HeaderBuilder, RegisteredLabelWithPrivate, TaggedCborSerializable as _,
};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::codec;
use crate::digest::{Digest, KeyId, PublicKey};
use crate::document::{Document, Roster, roster::Role};
use crate::floor::{Requirement, Signers};
use crate::id::FleetId;
use crate::limits::{DOCUMENT_BYTES_MAX, SIGNATURES_MAX};

/// Why an envelope was refused.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    #[error("{got} bytes, more than the {max} of a document", max = DOCUMENT_BYTES_MAX)]
    TooLarge { got: usize },
    #[error("not a COSE_Sign message: {0}")]
    NotAnEnvelope(String),
    #[error("the envelope says it holds another kind of document, or holds more than it may")]
    OtherHeader,
    #[error("{0} signatures, more than {max}", max = SIGNATURES_MAX)]
    TooManySignatures(usize),
    #[error("the payload is unreadable")]
    Payload(#[source] codec::Unreadable),
}

/// A private signing key. Prints as its public half.
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// From 32 secret bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// A bare signature, where a protocol has its own framing.
    pub fn sign_bytes(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes).to_bytes()
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "private half of {}", self.public().key_id())
    }
}

/// Whether a bare signature is this key's over these bytes. Strict: no small-order keys, no
/// second encodings (RFC 8032 leaves both open).
pub fn verify_bytes(key: PublicKey, bytes: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(&key.0) else { return false };
    let Ok(signature) = <[u8; 64]>::try_from(signature) else { return false };
    key.verify_strict(bytes, &Signature::from_bytes(&signature)).is_ok()
}

/// What every signature covers besides the document: the fleet, so that nothing signed for one
/// fleet means anything in another.
fn context(fleet: FleetId) -> Vec<u8> {
    format!("tillward/1/{fleet}").into_bytes()
}

/// A document on its way to being signed, or read back with its signatures unchecked.
#[derive(Clone, Debug)]
pub struct Envelope<D> {
    pub document: D,
    payload: Vec<u8>,
    signatures: Vec<CoseSignature>,
}

impl<D: Document> Envelope<D> {
    pub fn unsigned(document: D) -> Self {
        let payload = codec::encode(&document);
        Self { document, payload, signatures: Vec::new() }
    }

    /// SHA-256 of the payload: how other documents refer to this one.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.payload)
    }

    /// Adds this key's signature; a second one by the same key changes nothing.
    pub fn sign(&mut self, fleet: FleetId, key: &PrivateKey) {
        let kid = key.public().key_id();
        if self.claimed_signers().any(|signer| signer == kid) {
            return;
        }
        let header =
            HeaderBuilder::new().algorithm(Algorithm::Ed25519).key_id(kid.0.to_vec()).build();
        let blank = CoseSignatureBuilder::new().protected(header).build();
        let signed = CoseSignBuilder::new()
            .protected(body_header::<D>())
            .payload(self.payload.clone())
            .add_created_signature(blank, &context(fleet), |bytes| key.sign_bytes(bytes).to_vec())
            .build();
        self.signatures.extend(signed.signatures);
    }

    /// Key ids that the signatures claim, unchecked.
    pub fn claimed_signers(&self) -> impl Iterator<Item = KeyId> {
        self.signatures.iter().filter_map(|signature| {
            signature.protected.header.key_id.as_slice().try_into().ok().map(KeyId)
        })
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut message = CoseSignBuilder::new()
            .protected(body_header::<D>())
            .payload(self.payload.clone())
            .build();
        message.signatures.clone_from(&self.signatures);
        message.to_tagged_vec().expect("headers and byte strings encode into memory")
    }

    /// Reads an envelope without believing it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Rejected> {
        let message = parse::<D>(bytes)?;
        let payload = message.payload.ok_or(Rejected::OtherHeader)?;
        let document = codec::decode_document(&payload, DOCUMENT_BYTES_MAX);
        let document = document.map_err(Rejected::Payload)?;
        Ok(Self { document, payload, signatures: message.signatures })
    }
}

fn body_header<D: Document>() -> Header {
    HeaderBuilder::new().content_type(D::CONTENT_TYPE.to_owned()).build()
}

fn parse<D: Document>(bytes: &[u8]) -> Result<CoseSign, Rejected> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(Rejected::TooLarge { got: bytes.len() });
    }
    let message = CoseSign::from_tagged_slice(bytes)
        .map_err(|error| Rejected::NotAnEnvelope(error.to_string()))?;
    let header = Header {
        content_type: Some(ContentType::Text(D::CONTENT_TYPE.to_owned())),
        ..Header::default()
    };
    if message.protected.header != header || !message.unprotected.is_empty() {
        return Err(Rejected::OtherHeader);
    }
    if message.signatures.len() > SIGNATURES_MAX {
        return Err(Rejected::TooManySignatures(message.signatures.len()));
    }
    // The envelope too has one way to be written: what is not signed (map order, long lengths,
    // stray labels) must not tell two copies of one document apart.
    match message.clone().to_tagged_vec() {
        Ok(again) if again == bytes => Ok(message),
        Ok(_) | Err(_) => Err(Rejected::OtherHeader),
    }
}

/// The public keys that may have signed something.
#[derive(Clone, Debug, Default)]
pub struct KnownKeys(BTreeMap<KeyId, KnownKey>);

#[derive(Clone, Debug)]
struct KnownKey {
    public: PublicKey,
    role: Option<Role>,
    owner: String,
}

impl KnownKeys {
    pub fn of_roster(roster: &Roster) -> Self {
        Self::of_rosters(&[roster])
    }

    /// Of an old and a new roster, whose keys may overlap.
    pub fn of_rosters(rosters: &[&Roster]) -> Self {
        let keys = rosters.iter().flat_map(|roster| &roster.keys).map(|key| {
            let known =
                KnownKey { public: key.public, role: Some(key.role), owner: key.owner.clone() };
            (key.public.key_id(), known)
        });
        Self(keys.collect())
    }

    /// One terminal's own key, for its receipts.
    pub fn of_terminal(key: PublicKey) -> Self {
        let known = KnownKey { public: key, role: None, owner: String::new() };
        Self(BTreeMap::from([(key.key_id(), known)]))
    }
}

/// Who signed, as far as known keys go: each key once, however often it signed.
#[derive(Clone, Debug, Default)]
pub struct SignedBy(BTreeMap<PublicKey, (Option<Role>, String)>);

impl SignedBy {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Distinct keys of this role.
    pub fn count(&self, role: Role) -> usize {
        self.0.values().filter(|(held, _)| *held == Some(role)).count()
    }

    /// Distinct owners among the keys of this role.
    pub fn owners(&self, role: Role) -> BTreeSet<&str> {
        let of_role = self.0.values().filter(|(held, _)| *held == Some(role));
        of_role.map(|(_, owner)| owner.as_str()).collect()
    }

    pub fn has(&self, key: PublicKey) -> bool {
        self.0.contains_key(&key)
    }

    /// Distinct keys among these.
    pub fn count_among<'a>(&self, keys: impl Iterator<Item = &'a PublicKey>) -> usize {
        keys.collect::<BTreeSet<_>>().into_iter().filter(|key| self.has(**key)).count()
    }

    pub fn satisfies(&self, requirement: Requirement) -> bool {
        let controller = self.count(Role::Controller) > 0;
        let approvers = self.owners(Role::Approver).len();
        let signers = match requirement.signers {
            Signers::Controller => controller,
            Signers::ControllerOrApprover => controller || approvers > 0,
        };
        signers && approvers >= usize::from(requirement.approvers)
    }
}

/// A document, its digest, and who signed it.
#[derive(Clone, Debug)]
pub struct Opened<D> {
    pub document: D,
    pub digest: Digest,
    pub signed_by: SignedBy,
}

/// Reads an envelope and finds out which of the known keys signed it. Signatures by unknown
/// keys, with other algorithms or other headers count for nothing.
pub fn open<D: Document>(
    bytes: &[u8],
    fleet: FleetId,
    keys: &KnownKeys,
) -> Result<Opened<D>, Rejected> {
    let message = parse::<D>(bytes)?;
    let payload = message.payload.as_deref().ok_or(Rejected::OtherHeader)?;
    let document = codec::decode_document(payload, DOCUMENT_BYTES_MAX);
    let document = document.map_err(Rejected::Payload)?;
    let digest = Digest::of(payload);
    let mut signed_by = SignedBy::default();
    for (at, signature) in message.signatures.iter().enumerate() {
        let Some(known) = known_signer(signature, keys) else { continue };
        let checked = message.verify_signature(at, &context(fleet), |signature, signed| {
            verify_bytes(known.public, signed, signature).then_some(()).ok_or(())
        });
        if checked.is_ok() {
            signed_by.0.insert(known.public, (known.role, known.owner.clone()));
        }
    }
    Ok(Opened { document, digest, signed_by })
}

fn known_signer<'a>(signature: &CoseSignature, keys: &'a KnownKeys) -> Option<&'a KnownKey> {
    let header = &signature.protected.header;
    let ed25519 = RegisteredLabelWithPrivate::Assigned(Algorithm::Ed25519);
    let plain = Header { alg: Some(ed25519), key_id: header.key_id.clone(), ..Header::default() };
    if *header != plain || !signature.unprotected.is_empty() {
        return None;
    }
    let kid = <[u8; 16]>::try_from(header.key_id.as_slice()).ok()?;
    keys.0.get(&KeyId(kid))
}

/// The COSE number of the one algorithm that is used, for documentation and tests.
pub fn algorithm_number() -> i64 {
    Algorithm::Ed25519.to_i64()
}
