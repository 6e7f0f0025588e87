//! From a claim to an identity.
//!
//! The claim's seed never leaves the terminal: it signs this terminal's new public key and the
//! controller's nonce. The key is kept before it is first shown, so that a terminal that loses
//! power on the way asks again with the same key and gets the same answer. Nothing is believed but
//! what the claim pins: the server authority by its digest, the roster to begin with by its digest.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use data_encoding::BASE64;
use rcgen::{CertificateParams, PublicKeyData as _};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use shared::claim::{Claim, enrolment_proof};
use shared::digest::{Digest, Nonce};
use shared::durable;
use shared::id::{FleetId, OrderId, TerminalId};
use shared::message::SignedBytes;
use shared::tls::{CertificateTime, TlsError};

use crate::clock::BUILT_AT;
use crate::https::{self, Believing};
use crate::identity::{Facts, Identity, IdentityError, TerminalKey, make_private};
use crate::roster::{Trust, Unbelieved};

/// An answer of the registrar: certificates and a few rosters.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// Why enrolment did not succeed. Asking again is always safe.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    #[error("{step}: `{url}` cannot be reached")]
    Unreachable { step: &'static str, url: String, source: Box<ureq::Error> },
    #[error("{step}: the controller refuses: {problem}")]
    Refused { step: &'static str, problem: String },
    #[error("{step}: the controller's answer makes no sense: {problem}")]
    Nonsense { step: &'static str, problem: String },
    #[error("the server at `{url}` is not of the authority that the claim names")]
    OtherAuthority { url: String },
    #[error("the controller enrolled this terminal into fleet {got}; the claim names {wanted}")]
    OtherFleet { got: FleetId, wanted: FleetId },
    #[error("the controller's roster is not believed")]
    Roster(#[source] Unbelieved),
    #[error(transparent)]
    Certificate(#[from] TlsError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl EnrolmentError {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "check the network, then run the same command again",
            Self::Refused { .. } => "ask the operator for a new claim if this one is spent",
            Self::OtherAuthority { .. } | Self::OtherFleet { .. } | Self::Roster(_) => {
                "do not go on: somebody may be in between; show this to the operator"
            }
            Self::Nonsense { .. } | Self::Certificate(_) => {
                "check that agent and controller are of the same release"
            }
            Self::Identity(_) => "check the state directory's permissions and free space",
        }
    }
}

#[derive(Serialize)]
struct Begin<'a> {
    serial: &'a str,
}

#[derive(Deserialize)]
struct Begun {
    nonce: String,
}

#[derive(Serialize)]
struct Request<'a> {
    serial: &'a str,
    nonce: &'a str,
    csr: String,
    proof: String,
}

#[derive(Deserialize)]
struct Answer {
    terminal: TerminalId,
    fleet: FleetId,
    epoch: u32,
    certificate: String,
    server_ca: String,
    rosters: Vec<String>,
    broker: String,
    zone: String,
    /// Where the terminal was suspended before; left out by a controller that knows of nothing.
    #[serde(default)]
    suspended_by: Option<OrderId>,
}

/// RFC 9457, with our hint.
#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

/// Enrols this terminal and keeps the identity below `state`. Enrolling again, with a new claim,
/// replaces the identity when everything else has succeeded; with the same claim it changes
/// nothing and asks nobody.
pub fn enrol(claim: &Claim, state: &Path) -> Result<Identity, EnrolmentError> {
    if let Ok(identity) = Identity::load(&state.join("identity"))
        && identity.facts.claim == Some(claim.seed.claim_key().public().key_id())
    {
        return Ok(identity);
    }
    let authority = authority(claim)?;
    let time = CertificateTime::above(BUILT_AT);
    let controller = Controller {
        url: &claim.url,
        http: https::client(Believing::Authority(&authority), &time)?,
    };
    let key = pending_key(state)?;
    let begun: Begun =
        controller.post("asking to enrol", "enrol/begin", &Begin { serial: &claim.serial })?;
    let nonce = base64("asking to enrol", &begun.nonce)?;
    let nonce =
        nonce.try_into().map(Nonce).map_err(|_| nonsense("asking to enrol", "nonce length"))?;
    let csr = CertificateParams::default().serialize_request(&key);
    let csr = csr.map_err(|error| nonsense("making the request", error))?;
    let signed = enrolment_proof(&key.subject_public_key_info(), &claim.serial, nonce);
    let proof = claim.seed.claim_key().sign_bytes(&signed);
    let answer: Answer = controller.post(
        "enrolling",
        "enrol",
        &Request {
            serial: &claim.serial,
            nonce: &begun.nonce,
            csr: BASE64.encode(csr.der()),
            proof: BASE64.encode(&proof),
        },
    )?;
    let identity = believe(claim, answer, key)?;
    identity.keep(&state.join("identity"))?;
    forget_pending_key(state)?;
    Ok(identity)
}

/// The server authority's certificate, which need not be secret and is checked by its digest.
fn authority(claim: &Claim) -> Result<String, EnrolmentError> {
    let step = "fetching the server authority";
    let http = https::client(Believing::NobodyYet, &CertificateTime::above(BUILT_AT))?;
    let pem = Controller { url: &claim.url, http }.get(step, "authority")?;
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|e| nonsense(step, e))?;
    match Digest::of(&der) == claim.server_ca {
        true => Ok(pem),
        false => Err(EnrolmentError::OtherAuthority { url: claim.url.clone() }),
    }
}

/// Checks the answer against the claim; only then is it an identity.
fn believe(claim: &Claim, answer: Answer, key: TerminalKey) -> Result<Identity, EnrolmentError> {
    let step = "reading the identity";
    if answer.fleet != claim.fleet {
        return Err(EnrolmentError::OtherFleet { got: answer.fleet, wanted: claim.fleet });
    }
    let der = CertificateDer::from_pem_slice(answer.server_ca.as_bytes());
    if Digest::of(&der.map_err(|e| nonsense(step, e))?) != claim.server_ca {
        return Err(EnrolmentError::OtherAuthority { url: claim.url.clone() });
    }
    let rosters = answer.rosters.iter().map(|text| base64(step, text).map(SignedBytes::new));
    let rosters = rosters.collect::<Result<Vec<_>, _>>()?;
    let trust =
        Trust::pinned_among(claim.fleet, claim.roster, &rosters).map_err(EnrolmentError::Roster)?;
    let identity = Identity {
        facts: Facts {
            terminal: answer.terminal,
            fleet: answer.fleet,
            serial: claim.serial.clone(),
            epoch: answer.epoch,
            url: claim.url.clone(),
            broker: answer.broker,
            roster: trust.digest(),
            zone: answer.zone,
            suspended_by: answer.suspended_by,
            claim: Some(claim.seed.claim_key().public().key_id()),
        },
        key,
        certificate: answer.certificate,
        server_ca: answer.server_ca,
        roster: trust.signed().clone(),
    };
    // The certificate must be for our key: the TLS library compares the two.
    identity.tls(&CertificateTime::above(BUILT_AT)).map_err(|error| nonsense(step, error))?;
    // A zone that is not known here would open windows at another hour than was meant.
    identity.zone().map_err(|error| nonsense(step, error))?;
    Ok(identity)
}

/// The key of an enrolment that is under way; made once, and kept before it is first used.
fn pending_key(state: &Path) -> Result<TerminalKey, EnrolmentError> {
    let directory = state.join("enrolling");
    let path = directory.join("key.pem");
    if path.exists() {
        return Ok(TerminalKey::read(&path)?);
    }
    make_private(state)?;
    make_private(&directory)?;
    let key = TerminalKey::generate()?;
    key.write(&path).map_err(IdentityError::NotWritten)?;
    Ok(key)
}

fn forget_pending_key(state: &Path) -> Result<(), EnrolmentError> {
    let path = state.join("enrolling");
    let (key, used) = (path.join("key.pem"), path.join("used.pem"));
    let forget = || {
        // The identity has the key now, and a wipe finds it there; what is only unlinked here could
        // be read from the disk for ever. Nobody takes a key of zeros for one that is under way.
        if used.exists() {
            durable::overwrite(&used)?;
        }
        fs::rename(&key, &used)?;
        durable::overwrite(&used)?;
        fs::remove_dir_all(&path)?;
        durable::sync_directory(state)
    };
    let failed =
        |source| IdentityError::NotWritten(durable::NotWritten { path: path.clone(), source });
    Ok(forget().map_err(failed)?)
}

/// The HTTPS side of the controller.
struct Controller<'a> {
    url: &'a str,
    http: ureq::Agent,
}

impl Controller<'_> {
    fn get(&self, step: &'static str, path: &str) -> Result<String, EnrolmentError> {
        let url = self.address(path);
        let answer = self.http.get(&url).call();
        Self::body(step, url, answer)
    }

    fn post<T: for<'de> Deserialize<'de>>(
        &self,
        step: &'static str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, EnrolmentError> {
        let url = self.address(path);
        let body = serde_json::to_vec(body).expect("texts encode into memory");
        let request = self.http.post(&url).content_type("application/json");
        let text = Self::body(step, url, request.send(&body[..]))?;
        serde_json::from_str(&text).map_err(|error| nonsense(step, error))
    }

    fn address(&self, path: &str) -> String {
        format!("{}/v1/{path}", self.url.trim_end_matches('/'))
    }

    fn body(
        step: &'static str,
        url: String,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<String, EnrolmentError> {
        let unreachable =
            |source| EnrolmentError::Unreachable { step, url, source: Box::new(source) };
        let mut answer = answer.map_err(unreachable)?;
        let status = answer.status();
        let mut text = String::new();
        let read = answer.body_mut().as_reader().take(ANSWER_BYTES_MAX).read_to_string(&mut text);
        read.map_err(|error| nonsense(step, error))?;
        if status.is_success() {
            return Ok(text);
        }
        let told = serde_json::from_str::<Problem>(&text).ok();
        let told = told.and_then(|problem| problem.detail.or(problem.title));
        Err(EnrolmentError::Refused { step, problem: told.unwrap_or_else(|| status.to_string()) })
    }
}

fn nonsense(step: &'static str, problem: impl ToString) -> EnrolmentError {
    EnrolmentError::Nonsense { step, problem: problem.to_string() }
}

fn base64(step: &'static str, text: &str) -> Result<Vec<u8>, EnrolmentError> {
    BASE64.decode(text.as_bytes()).map_err(|error| nonsense(step, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_an_enrolment_that_is_over_is_in_no_block_of_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path();
        let key = pending_key(state).unwrap();
        assert_eq!(pending_key(state).unwrap().pem(), key.pem(), "it is made once");
        let blocks = state.join("blocks");
        fs::hard_link(state.join("enrolling/key.pem"), &blocks).unwrap();
        forget_pending_key(state).unwrap();
        let left = fs::read(blocks).unwrap();
        assert!(left.len() == key.pem().len() && left.iter().all(|byte| *byte == 0));
        assert_ne!(pending_key(state).unwrap().pem(), key.pem(), "the next one has its own");
    }
}
