//! Which roster is believed. Pure.
//!
//! The claim pins one roster by digest. From there on each roster must be the next in the chain
//! and be signed by a threshold of the root keys of the one before it *and* of its own: so a root
//! key that was lost can be replaced, and nobody who holds only the new keys can make himself root.
//!
//! A roster that has run out gives nobody any power ([`Trust::in_force`]), but it remains a link:
//! a terminal that was in a drawer for two years follows the chain over links that have expired
//! meanwhile, and needs only the last to be valid. Keeping the bytes is someone else's business:
//! [`Trust::signed`] and [`Trust::digest`] are what [`Trust::pinned`] reads back.

use shared::digest::Digest;
use shared::document::roster::{Role, UnsoundRoster};
use shared::document::{Document, Roster};
use shared::id::FleetId;
use shared::message::SignedBytes;
use shared::signature::{self, Envelope, KnownKeys, Opened, Rejected};
use shared::time::UnixTime;

/// The roster that is believed, and whose keys it names.
#[derive(Clone, Debug)]
pub struct Trust {
    roster: Roster,
    digest: Digest,
    keys: KnownKeys,
    signed: SignedBytes,
}

/// Why a roster is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Unbelieved {
    #[error("the roster cannot be read")]
    Unreadable(#[source] Rejected),
    #[error("the roster is of fleet {got}, not of {ours}")]
    OtherFleet { got: FleetId, ours: FleetId },
    #[error("there is no roster; the one that was pinned is {pinned}")]
    NoRoster { pinned: Digest },
    #[error("the roster is {got}, but the one that was pinned is {pinned}")]
    NotPinned { got: Digest, pinned: Digest },
    #[error("the roster cannot be used")]
    Unsound(#[source] UnsoundRoster),
    #[error("roster {got} does not come after roster {held}: each is followed by the next alone")]
    NotNext { got: u64, held: u64 },
    #[error("roster {got} follows another roster {held} than the one that is held")]
    OtherPrevious { got: u64, held: u64 },
    #[error("roster {got} is signed by {have} root keys of the roster before it, not by {need}")]
    TooFewOldKeys { got: u64, have: usize, need: u8 },
    #[error("roster {got} is signed by {have} of its own root keys, not by {need}")]
    TooFewNewKeys { got: u64, have: usize, need: u8 },
}

/// The roster that is held has run out: nobody's signature counts until there is a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("roster {version} expired at {expired_at}")]
pub struct RanOut {
    pub version: u64,
    pub expired_at: UnixTime,
}

impl Trust {
    /// Begins with the roster of this digest: from a claim, or from what was kept.
    pub fn pinned(fleet: FleetId, pin: Digest, signed: &SignedBytes) -> Result<Self, Unbelieved> {
        let (believed, own_root_keys) = Self::read(fleet, signed)?;
        if believed.digest != pin {
            return Err(Unbelieved::NotPinned { got: believed.digest, pinned: pin });
        }
        believed.satisfied_with(own_root_keys)
    }

    /// Begins with the roster of this digest, wherever it stands among these, and follows those
    /// after it. Those before it are passed over unread: nothing was ever built on them, and which
    /// one a claim was made on is known to whoever holds the claim, not to the controller.
    pub fn pinned_among(
        fleet: FleetId,
        pin: Digest,
        rosters: &[SignedBytes],
    ) -> Result<Self, Unbelieved> {
        let is_pinned = |signed: &SignedBytes| {
            Envelope::<Roster>::from_bytes(signed.as_slice()).is_ok_and(|it| it.digest() == pin)
        };
        // Where none is the pinned one, the first is refused as what it is.
        let at = rosters.iter().position(is_pinned).unwrap_or(0);
        let (first, later) =
            rosters[at..].split_first().ok_or(Unbelieved::NoRoster { pinned: pin })?;
        let mut trust = Self::pinned(fleet, pin, first)?;
        trust.catch_up(later)?;
        Ok(trust)
    }

    /// The trust after this roster, if it is the next one and rightly signed.
    pub fn follow(&self, signed: &SignedBytes) -> Result<Self, Unbelieved> {
        let (next, own_root_keys) = Self::read(self.fleet(), signed)?;
        let (got, held) = (next.version(), self.version());
        if held.checked_add(1) != Some(got) {
            return Err(Unbelieved::NotNext { got, held });
        }
        if next.roster.previous != Some(self.digest) {
            return Err(Unbelieved::OtherPrevious { got, held });
        }
        // Opened once more, with the old keys alone: what a key is called in the new roster must
        // not decide whether it was a root key in the old one.
        let by_old_keys = self.open::<Roster>(signed).map_err(Unbelieved::Unreadable)?.signed_by;
        let (have, need) = (by_old_keys.count(Role::Root), self.roster.thresholds.root);
        if have < usize::from(need) {
            return Err(Unbelieved::TooFewOldKeys { got, have, need });
        }
        next.satisfied_with(own_root_keys)
    }

    /// Follows several rosters as far as they lead, and says what stopped it. Those that are held
    /// or older are passed over: a controller sends what it thinks is missing.
    pub fn catch_up(&mut self, rosters: &[SignedBytes]) -> Result<(), Unbelieved> {
        for signed in rosters {
            let (read, _) = Self::read(self.fleet(), signed)?;
            let is_held = read.digest == self.digest;
            if read.version() < self.version() || is_held {
                continue;
            }
            *self = self.follow(signed)?;
        }
        Ok(())
    }

    /// The roster, unless it has run out by then.
    pub fn in_force(&self, at: UnixTime) -> Result<&Roster, RanOut> {
        let expired_at = self.roster.expires_at;
        match at < expired_at {
            true => Ok(&self.roster),
            false => Err(RanOut { version: self.version(), expired_at }),
        }
    }

    /// Reads a document of this fleet and finds out which of the roster's keys signed it.
    pub fn open<D: Document>(&self, signed: &SignedBytes) -> Result<Opened<D>, Rejected> {
        signature::open(signed.as_slice(), self.fleet(), &self.keys)
    }

    pub fn fleet(&self) -> FleetId {
        self.roster.fleet
    }

    /// In force or not: for what does not depend on that.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    pub fn version(&self) -> u64 {
        self.roster.version
    }

    /// SHA-256 of the roster's payload.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The roster as it came.
    pub fn signed(&self) -> &SignedBytes {
        &self.signed
    }

    /// A roster that is sound and of this fleet, and how many of its own root keys signed it.
    fn read(fleet: FleetId, signed: &SignedBytes) -> Result<(Self, usize), Unbelieved> {
        let envelope = Envelope::<Roster>::from_bytes(signed.as_slice());
        let roster = envelope.map_err(Unbelieved::Unreadable)?.document;
        if roster.fleet != fleet {
            return Err(Unbelieved::OtherFleet { got: roster.fleet, ours: fleet });
        }
        roster.check().map_err(Unbelieved::Unsound)?;
        let keys = KnownKeys::of_roster(&roster);
        let opened = signature::open::<Roster>(signed.as_slice(), fleet, &keys);
        let opened = opened.map_err(Unbelieved::Unreadable)?;
        let own_root_keys = opened.signed_by.count(Role::Root);
        Ok((Self { roster, digest: opened.digest, keys, signed: signed.clone() }, own_root_keys))
    }

    fn satisfied_with(self, own_root_keys: usize) -> Result<Self, Unbelieved> {
        let (got, need) = (self.version(), self.roster.thresholds.root);
        match own_root_keys >= usize::from(need) {
            true => Ok(self),
            false => Err(Unbelieved::TooFewNewKeys { got, have: own_root_keys, need }),
        }
    }
}
