//! Terminals and the claims by which they enrol.
//!
//! What life a unit leads, where it stands, whether it can be reached and what it works on are
//! kept apart: no one status mixes them.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::digest::{Digest, PublicKey};
use shared::id::{ClaimId, OrderId, TerminalId};
use shared::message::{Component, SignedBytes, Telemetry};
use shared::time::UnixTime;

use crate::unit::UnitState;

/// One physical unit, known by its serial number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    pub id: TerminalId,
    pub serial: String,
    pub model: String,
    pub store: String,
    /// Its place in the store. A place has at most one enrolled terminal.
    pub lane: Option<String>,
    pub labels: BTreeMap<String, String>,
    /// IANA name of the time zone that windows are meant in.
    pub zone: String,
    pub unit: Unit,
    /// Counts enrolments and lost ledgers; 0 before the first enrolment.
    pub epoch: u32,
    /// Of the certificate and of receipts.
    pub public_key: Option<PublicKey>,
    pub certificate: Option<Certificate>,
    pub presence: Presence,
    pub last_seen_at: Option<UnixTime>,
    /// What it said last about what it is carrying out.
    pub working_on: Option<OrderId>,
    pub said: Option<Said>,
    /// What it reported last about how it does.
    pub telemetry: Option<Telemetry>,
    pub created_at: UnixTime,
    /// Somebody finds it, or its store, suspicious: nothing is released or sent to it.
    pub is_frozen: bool,
    /// The same of its store or its merchant, whatever of itself.
    pub is_place_frozen: bool,
    /// It is to be emptied as lost, stolen or tampered with, or may sell though another one has its
    /// place and nothing stops it: it is sent nothing else.
    pub is_quarantined: bool,
    /// Of its store.
    pub region: Option<String>,
    /// By its own signed word.
    pub service: Service,
}

/// A till that was not heard for so long may be broken, or off for good.
pub const HEARD_WITHIN: Duration = Duration::from_secs(24 * 3600);

/// A terminal that is connected for so long has reported what it kept.
const TELLS_WITHIN: Duration = Duration::from_secs(10 * 60);

impl Terminal {
    /// Whether a store can count on it to sell: the one rule for whoever asks what is left there
    /// when others stop.
    pub fn sells(&self, now: UnixTime) -> bool {
        let is_heard = self.last_seen_at.is_some_and(|at| at >= now.minus(HEARD_WITHIN));
        self.unit == Unit::Enrolled
            && self.service == Service::InService
            && is_heard
            && !self.is_frozen
            && !self.is_quarantined
    }

    /// Whether it was heard after that, and has told all that it had to tell: a hello comes before
    /// what it has kept to report.
    pub fn has_told_all_since(&self, at: UnixTime) -> bool {
        let Some((seen, said)) = self.last_seen_at.zip(self.said.as_ref()) else { return false };
        let is_told = said.outbox_depth == 0 || seen >= said.heard_at.plus(TELLS_WITHIN);
        seen > at && is_told
    }
}

/// Whether a terminal is to sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    InService,
    /// Stopped, settled and saved; nothing is erased.
    Suspended,
    /// Stopped and saved. People have accepted that it settles later.
    SuspendedOwing,
    /// Emptied for good.
    Erased,
}

/// The life of the unit. States that only repair, return and disposal lead to come with these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// Announced; has no certificate yet.
    Claimed,
    Enrolled,
    /// Its certificates are refused.
    Revoked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the certificate (DER).
    pub fingerprint: Digest,
    pub expires_at: UnixTime,
}

/// Whether it can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Presence {
    NeverSeen,
    Online,
    Offline,
}

/// What a terminal said about itself in its last hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// When the controller heard it.
    pub heard_at: UnixTime,
    pub agent_version: String,
    pub components: Vec<Component>,
    pub roster_version: u64,
    pub outbox_depth: u64,
    pub outbox_dropped: u64,
    /// IANA name of the time zone in which it opens windows.
    pub zone: Option<String>,
    /// Its [`shared::document::RecipientStatement`], signed with its key.
    pub recipient: Option<SignedBytes>,
}

/// Asks for a claim. The seed of the claim stays with whoever drew it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewClaim {
    pub id: ClaimId,
    /// For a serial number that is not known yet; a known one keeps its terminal.
    pub terminal: TerminalId,
    pub serial: String,
    pub model: String,
    pub store: String,
    pub lane: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub zone: String,
    /// The public half of the claim's key.
    pub key: PublicKey,
    pub expires_at: UnixTime,
}

/// A one-time permission for one serial number to enrol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub id: ClaimId,
    pub terminal: TerminalId,
    pub serial: String,
    pub model: String,
    pub store: String,
    pub lane: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub zone: String,
    pub key: PublicKey,
    pub expires_at: UnixTime,
    pub wrong_guesses: u32,
    pub state: ClaimState,
    pub created_at: UnixTime,
    pub created_by: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimState {
    /// Not used; whether it has expired is a question of the time.
    Open,
    /// By the key whose SubjectPublicKeyInfo (DER) has this SHA-256.
    Used { spki: Digest, at: UnixTime },
    /// Guessed wrong too often.
    Locked,
    /// A later claim for the same serial number took its place.
    Replaced,
}

/// Wrong proofs after which a claim is locked: the sixth guess finds it shut.
pub const WRONG_GUESSES_MAX: u32 = 5;

/// A terminal has proved its claim, and a certificate was made for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    pub claim: ClaimId,
    /// SHA-256 of the SubjectPublicKeyInfo (DER) of the request.
    pub spki: Digest,
    pub public_key: PublicKey,
    pub certificate: Certificate,
}

#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enrolled {
    /// For the same key as before: with a new certificate, in the same epoch.
    Done(Terminal),
    Refused(ClaimRefusal),
}

/// Why a claim does not enrol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimRefusal {
    #[error("the claim was used by another key")]
    UsedByAnother,
    #[error("the claim expired at {at}")]
    Expired { at: UnixTime },
    #[error("the claim is locked after {max} wrong proofs", max = WRONG_GUESSES_MAX)]
    Locked,
    #[error("a later claim for this serial number took its place")]
    Replaced,
    #[error("the terminal was revoked")]
    Revoked,
    #[error("terminal {by} is enrolled at this place in the store")]
    PlaceTaken { by: TerminalId },
    #[error("its place in the store is closed")]
    PlaceClosed,
    #[error("its unit is {state} by the list of units")]
    UnitClosed { state: UnitState },
}

impl Claim {
    /// Whether this key may (still, or again) enrol with the claim.
    pub fn admits(&self, spki: Digest, now: UnixTime) -> Result<(), ClaimRefusal> {
        match self.state {
            ClaimState::Locked => Err(ClaimRefusal::Locked),
            ClaimState::Replaced => Err(ClaimRefusal::Replaced),
            ClaimState::Used { spki: user, .. } if user != spki => Err(ClaimRefusal::UsedByAnother),
            ClaimState::Open | ClaimState::Used { .. } if now >= self.expires_at => {
                Err(ClaimRefusal::Expired { at: self.expires_at })
            }
            ClaimState::Open | ClaimState::Used { .. } => Ok(()),
        }
    }
}
