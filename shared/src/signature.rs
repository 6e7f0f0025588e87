//! Who signed a document: Ed25519 over COSE_Sign (RFC 9052, tag 98), by one person after another
//! if need be.
//!
//! The signatures cover the exact payload bytes, the kind of document and the fleet. Nothing is
//! trusted here: [`open`] says which known keys signed; whether they suffice is the caller's
//! question ([`SignedBy`] answers it by distinct keys and owners, never by counting signatures).

mod envelope;

pub use envelope::{Envelope, Rejected};

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::digest::{Digest, KeyId, PublicKey};
use crate::document::{Document, Roster, roster::Role};
use crate::floor::{Requirement, Signers};
use crate::id::FleetId;

/// A private signing key. Prints as its public half, and is wiped when dropped.
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

/// The public keys that may have signed something, and what each is known as.
///
/// There is no union of two rosters: a key may hold one role in the old and another in the new,
/// so whoever needs both opens the document once with each.
#[derive(Clone, Debug)]
pub struct KnownKeys(BTreeMap<KeyId, KnownKey>);

#[derive(Clone, Debug)]
struct KnownKey {
    public: PublicKey,
    role: Option<Role>,
    owner: String,
}

impl KnownKeys {
    /// Keys are found by the id that their public half gives them, whatever the roster calls them.
    pub fn of_roster(roster: &Roster) -> Self {
        let keys = roster.keys.iter().map(|key| {
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
pub struct SignedBy(BTreeMap<PublicKey, KnownKey>);

impl SignedBy {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Distinct keys of this role.
    pub fn count(&self, role: Role) -> usize {
        self.of_role(role).count()
    }

    /// Distinct owners among the keys of this role.
    pub fn owners(&self, role: Role) -> BTreeSet<&str> {
        self.of_role(role).map(|key| key.owner.as_str()).collect()
    }

    pub fn has(&self, key: PublicKey) -> bool {
        self.0.contains_key(&key)
    }

    /// Whether these are the signatures that a batch must carry.
    pub fn satisfies(&self, requirement: Requirement) -> bool {
        let controller = self.count(Role::Controller) > 0;
        let approvers = self.owners(Role::Approver).len();
        let signers = match requirement.signers {
            Signers::Controller => controller,
            Signers::ControllerOrApprover => controller || approvers > 0,
        };
        signers && approvers >= usize::from(requirement.approvers)
    }

    fn of_role(&self, role: Role) -> impl Iterator<Item = &KnownKey> {
        self.0.values().filter(move |key| key.role == Some(role))
    }
}

/// A document, its digest, and who signed it.
#[derive(Clone, Debug)]
pub struct Opened<D> {
    pub document: D,
    /// SHA-256 of the payload: how other documents refer to this one.
    pub digest: Digest,
    pub signed_by: SignedBy,
}

/// Reads an envelope and finds out which of the known keys signed it. Signatures by unknown
/// keys or with other algorithms count for nothing.
pub fn open<D: Document>(
    bytes: &[u8],
    fleet: FleetId,
    keys: &KnownKeys,
) -> Result<Opened<D>, Rejected> {
    let envelope = Envelope::<D>::from_bytes(bytes)?;
    let claims = envelope.claims(fleet).filter_map(|claim| {
        let known = keys.0.get(&claim.signer)?;
        verify_bytes(known.public, &claim.signed, claim.signature)
            .then(|| (known.public, known.clone()))
    });
    let signed_by = SignedBy(claims.collect());
    Ok(Opened { digest: envelope.digest(), signed_by, document: envelope.document })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{FORMAT, Order, Receipt, receipt::Said};
    use crate::id::{OrderId, TerminalId};
    use crate::time::{ClockConfidence, UnixTime};

    const FLEET: FleetId = FleetId::from_bytes([1; 16]);

    fn receipt() -> Receipt {
        Receipt {
            format: FORMAT,
            terminal: TerminalId::from_bytes([2; 16]),
            epoch: 1,
            order: OrderId::from_bytes([3; 16]),
            said: Said::Accepted,
            at: UnixTime(1_800_000_000),
            clock: ClockConfidence::Attested,
        }
    }

    fn key(number: u8) -> PrivateKey {
        PrivateKey::from_seed(&[number; 32])
    }

    fn signed(by: &PrivateKey) -> Vec<u8> {
        let mut envelope = Envelope::unsigned(receipt());
        envelope.sign(FLEET, by);
        envelope.to_bytes()
    }

    #[test]
    fn a_signature_is_found_under_the_key_that_made_it_and_no_other() {
        let bytes = signed(&key(1));
        let opened = open::<Receipt>(&bytes, FLEET, &KnownKeys::of_terminal(key(1).public()));
        let opened = opened.unwrap();
        assert_eq!(opened.document, receipt());
        assert!(opened.signed_by.has(key(1).public()));
        let strangers = KnownKeys::of_terminal(key(2).public());
        assert!(open::<Receipt>(&bytes, FLEET, &strangers).unwrap().signed_by.is_empty());
    }

    #[test]
    fn a_signature_counts_in_its_own_fleet_only() {
        let known = KnownKeys::of_terminal(key(1).public());
        let elsewhere = FleetId::from_bytes([9; 16]);
        let opened = open::<Receipt>(&signed(&key(1)), elsewhere, &known).unwrap();
        assert!(opened.signed_by.is_empty());
    }

    #[test]
    fn one_kind_of_document_is_not_read_as_another() {
        let known = KnownKeys::of_terminal(key(1).public());
        let read = open::<Order>(&signed(&key(1)), FLEET, &known);
        assert!(matches!(read, Err(Rejected::OtherKind)));
    }

    #[test]
    fn a_planted_signature_does_not_keep_its_supposed_author_from_signing() {
        let mut planted = signed(&key(1));
        let last = planted.len() - 1;
        planted[last] ^= 1;
        let mut envelope = Envelope::<Receipt>::from_bytes(&planted).unwrap();
        envelope.sign(FLEET, &key(1));
        assert_eq!(envelope.to_bytes(), signed(&key(1)));
    }

    #[test]
    fn signatures_that_were_made_on_two_copies_come_together_on_one() {
        let mut one = Envelope::<Receipt>::from_bytes(&signed(&key(1))).unwrap();
        let other = Envelope::<Receipt>::from_bytes(&signed(&key(2))).unwrap();
        let (first, second, third) = (key(1).public(), key(2).public(), key(3).public());
        one.adopt(second.key_id(), &other);
        one.adopt(second.key_id(), &other);
        one.adopt(third.key_id(), &other);
        let signers = [first.key_id(), second.key_id()];
        assert_eq!(one.claimed_signers().collect::<Vec<_>>(), signers);
        for known in [first, second].map(KnownKeys::of_terminal) {
            assert!(!open::<Receipt>(&one.to_bytes(), FLEET, &known).unwrap().signed_by.is_empty());
        }
    }

    #[test]
    fn signing_twice_changes_nothing() {
        let mut envelope = Envelope::<Receipt>::from_bytes(&signed(&key(1))).unwrap();
        envelope.sign(FLEET, &key(1));
        assert_eq!(envelope.claimed_signers().collect::<Vec<_>>(), [key(1).public().key_id()]);
    }
}
