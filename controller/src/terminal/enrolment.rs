//! From a claim to a certificate.
//!
//! The registrar holds only the public half of a claim's key, so a stolen registry enrols nobody.
//! A terminal proves that it holds the claim's seed by a signature over its own new key and a
//! fresh nonce; the seed itself never comes here. Asking again with the same key is answered
//! again, so a terminal may lose power at any point; another key finds the claim used.
//!
//! Not here: how a claim is made (an operator does, through the API), and renewal.

use std::sync::Arc;

use shared::claim::enrolment_proof;
use shared::digest::{Digest, Nonce};
use shared::id::{FleetId, OrderId, TerminalId};
use shared::limits::DOCUMENT_BYTES_MAX;
use shared::message::SignedBytes;
use shared::signature::verify_bytes;
use shared::time::UnixTime;

use super::certificate::{AuthorityError, DeviceAuthority, RequestRefused, RequestedKey};
use super::nonce::Nonces;
use crate::registry::audit::By;
use crate::registry::deactivation::ServiceFacts;
use crate::registry::terminal::{
    Certificate, Claim, ClaimRefusal, Enrolled, Enrolment, Service, Terminal, WRONG_GUESSES_MAX,
};
use crate::registry::{Registry, RegistryError};
use crate::unit::UnitRefused;

/// Rosters that are read at once.
const ROSTERS_PER_PAGE: u32 = 50;

/// Rosters in one answer. A terminal reads an answer of at most 1 MiB, and there base64 makes four
/// bytes of three; ten of the longest rosters fit, while a claim lives for days.
const ROSTERS_BYTES_MAX: usize = 512 * 1024;
const _: () = assert!(ROSTERS_BYTES_MAX >= 10 * DOCUMENT_BYTES_MAX);

/// Why a terminal was not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentRefused {
    #[error("there is no claim for the serial number `{0}`")]
    UnknownSerial(String),
    #[error("the nonce was not given out for this serial number, or too long ago")]
    StaleNonce,
    #[error(transparent)]
    Request(#[from] RequestRefused),
    #[error("the proof is not by the claim's key; {left} more wrong ones lock the claim")]
    WrongProof { left: u32 },
    #[error(transparent)]
    Claim(#[from] ClaimRefusal),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl EnrolmentRefused {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::UnknownSerial(_) => Some("announce it: tillward terminal claim --serial …"),
            Self::StaleNonce => Some("begin again"),
            Self::Request(_) => Some("ask with an Ed25519 key, as tillward-agent does"),
            Self::WrongProof { .. } => Some("use the claim that was made for this serial number"),
            Self::Claim(ClaimRefusal::Revoked) => None,
            Self::Claim(ClaimRefusal::PlaceClosed) => {
                Some("reopen the position, or make a claim for another lane")
            }
            Self::Claim(ClaimRefusal::UnitClosed { state }) => {
                Some(UnitRefused::Closed(*state).hint())
            }
            Self::Claim(ClaimRefusal::PlaceTaken { .. }) => Some(
                "claim this one for another lane, or move the one that is there by a new claim",
            ),
            Self::Claim(
                ClaimRefusal::UsedByAnother
                | ClaimRefusal::Expired { .. }
                | ClaimRefusal::Locked
                | ClaimRefusal::Replaced,
            ) => Some("make a new claim: tillward terminal claim --serial …"),
            Self::Authority(_) | Self::Registry(_) => None,
        }
    }
}

/// What a terminal shows to be enrolled.
#[derive(Clone, Debug)]
pub struct Application {
    pub serial: String,
    pub nonce: Nonce,
    /// PKCS #10, DER.
    pub request: Vec<u8>,
    pub proof: Vec<u8>,
}

/// What an enrolled terminal gets.
#[derive(Clone, Debug)]
pub struct Admitted {
    pub terminal: TerminalId,
    pub epoch: u32,
    /// Its certificate and its authority's, PEM.
    pub chain_pem: String,
    /// Ascending without a gap, up to the newest.
    pub rosters: Vec<SignedBytes>,
    /// IANA name of the time zone that windows are meant in.
    pub zone: String,
    /// The order by which it stands still: a terminal that has lost its books goes on by this.
    pub suspended_by: Option<OrderId>,
}

/// Enrols terminals.
#[derive(Debug)]
pub struct Registrar {
    pub fleet: FleetId,
    pub registry: Arc<dyn Registry>,
    pub authority: DeviceAuthority,
    pub nonces: Nonces,
}

impl Registrar {
    /// A nonce for a serial number that has a claim.
    pub async fn begin(&self, serial: &str, now: UnixTime) -> Result<Nonce, EnrolmentRefused> {
        self.claim(serial).await?;
        Ok(self.nonces.give(serial, now))
    }

    /// Issues a certificate to whoever proves the claim. `random` becomes the certificate's
    /// serial number.
    pub async fn enrol(
        &self,
        application: &Application,
        now: UnixTime,
        random: [u8; 16],
    ) -> Result<Admitted, EnrolmentRefused> {
        let claim = self.claim(&application.serial).await?;
        let key = RequestedKey::read(&application.request)?;
        let spki = key.spki();
        claim.admits(Digest::of(&spki), now)?;
        if !self.nonces.recognise(application.nonce, &application.serial, now) {
            return Err(EnrolmentRefused::StaleNonce);
        }
        let signed = enrolment_proof(&spki, &application.serial, application.nonce);
        if !verify_bytes(claim.key, &signed, &application.proof) {
            return Err(self.wrong_guess(&claim, now).await);
        }
        let issued = self.authority.issue(claim.terminal, &key, random, now)?;
        let enrolment = Enrolment {
            claim: claim.id,
            spki: Digest::of(&spki),
            public_key: key.public_key(),
            certificate: Certificate { fingerprint: issued.digest, expires_at: issued.expires_at },
        };
        match self.registry.enrol(&enrolment, &by_terminal(&claim, now)).await? {
            Enrolled::Refused(refusal) => Err(refusal.into()),
            Enrolled::Done(Terminal { id, epoch, zone, .. }) => Ok(Admitted {
                terminal: id,
                epoch,
                zone,
                suspended_by: self.suspended_by(id).await?,
                chain_pem: issued.chain_pem,
                rosters: self.rosters().await?,
            }),
        }
    }

    async fn suspended_by(&self, id: TerminalId) -> Result<Option<OrderId>, RegistryError> {
        let facts = self.registry.service_facts(&[id]).await?;
        let by = |it: &ServiceFacts| match it.service {
            Service::Suspended | Service::SuspendedOwing => it.service_order,
            Service::InService | Service::Erased => None,
        };
        Ok(facts.first().and_then(by))
    }

    async fn claim(&self, serial: &str) -> Result<Claim, EnrolmentRefused> {
        let unknown = || EnrolmentRefused::UnknownSerial(serial.chars().take(64).collect());
        if !shared::claim::is_serial(serial) {
            return Err(unknown());
        }
        self.registry.claim_by_serial(serial).await?.ok_or_else(unknown)
    }

    async fn wrong_guess(&self, claim: &Claim, now: UnixTime) -> EnrolmentRefused {
        match self.registry.wrong_guess(claim.id, &by_terminal(claim, now)).await {
            Err(error) => error.into(),
            Ok(claim) => {
                let left = WRONG_GUESSES_MAX.saturating_sub(claim.wrong_guesses);
                EnrolmentRefused::WrongProof { left }
            }
        }
    }

    /// The rosters from the oldest on. The terminal begins at the one that its claim pins, which
    /// nobody but the terminal knows for sure: two controllers' clocks, or one second for both,
    /// would make a guess by time wrong.
    async fn rosters(&self) -> Result<Vec<SignedBytes>, RegistryError> {
        let mut rosters = Vec::new();
        let mut after = 0;
        loop {
            let page = self.registry.rosters_after(after, ROSTERS_PER_PAGE).await?;
            let Some(last) = page.last() else { return Ok(newest_that_fit(rosters)) };
            after = last.version;
            rosters.extend(page.into_iter().map(|roster| roster.signed));
        }
    }
}

/// Leaves out the oldest where there are too many for an answer.
fn newest_that_fit(mut rosters: Vec<SignedBytes>) -> Vec<SignedBytes> {
    let mut room = ROSTERS_BYTES_MAX;
    let fits = |signed: &&SignedBytes| match room.checked_sub(signed.as_slice().len()) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    let kept = rosters.iter().rev().take_while(fits).count();
    rosters.split_off(rosters.len() - kept)
}

fn by_terminal(claim: &Claim, now: UnixTime) -> By {
    By { who: format!("terminal {}", claim.serial), why: String::new(), at: now }
}

#[cfg(test)]
mod tests;
