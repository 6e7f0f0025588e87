//! By what time a server's certificate is checked on a machine whose clock may be dead.
//!
//! A terminal's clock battery dies, and its clock then says 1970 or 2055. It learns the true time
//! from its controller, but only over a connection that begins with a certificate: checked by that
//! clock, every connection would fail, and the cure could never arrive. So the machine's clock is
//! believed here only while it is plausible, and an implausible clock cannot lock anybody out.
//!
//! Why that is safe: the authority is the fleet's own, pinned at enrolment, and issues to nobody
//! else. Orders, releases and the time itself are signed end to end. So whoever holds the key of an
//! expired certificate can at worst withhold messages, which whoever sits on the wire can as well.
//! Only the *time* is forgiven: authority, name, purpose and signatures are checked always.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime as TlsTime};
use tracing::warn;

use crate::time::UnixTime;

/// A clock further than this past what is known to have passed is taken for broken. It is longer
/// than a terminal stays in a store room for a year, and shorter than a battery's usual error.
pub const PLAUSIBLE_FOR: Duration = Duration::from_secs(400 * 24 * 3600);

/// Certificates between a server's own and the authority; longer chains are not forgiven.
const INTERMEDIATES_MAX: usize = 8;

/// The machine's clock, and a moment that has certainly passed. Clones share the moment.
#[derive(Clone, Debug)]
pub struct CertificateTime {
    floor: Arc<AtomicI64>,
    machine: Arc<dyn TimeProvider>,
}

impl CertificateTime {
    /// By the system's clock, as far as it is plausible.
    pub fn above(floor: UnixTime) -> Self {
        Self::by_clock(floor, Arc::new(DefaultTimeProvider))
    }

    pub fn by_clock(floor: UnixTime, machine: Arc<dyn TimeProvider>) -> Self {
        Self { floor: Arc::new(AtomicI64::new(floor.0)), machine }
    }

    /// This moment has passed, too. Nothing lowers the floor.
    pub fn raise(&self, to: UnixTime) {
        self.floor.fetch_max(to.0, Ordering::Relaxed);
    }

    pub(super) fn machine(&self) -> Arc<dyn TimeProvider> {
        Arc::clone(&self.machine)
    }

    /// The machine's time if it is plausible, else the floor; and whether it is the machine's.
    fn believe(&self, machine: TlsTime) -> (TlsTime, bool) {
        let floor = u64::try_from(self.floor.load(Ordering::Relaxed)).unwrap_or(0);
        let plausible = floor..=floor.saturating_add(PLAUSIBLE_FOR.as_secs());
        match plausible.contains(&machine.as_secs()) {
            true => (machine, true),
            false => (TlsTime::since_unix_epoch(Duration::from_secs(floor)), false),
        }
    }
}

/// Checks as the library does, by a [`CertificateTime`].
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) checks: Arc<WebPkiServerVerifier>,
    pub(super) time: CertificateTime,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        machine: TlsTime,
    ) -> Result<ServerCertVerified, Error> {
        let check = |now| {
            let Self { checks, .. } = self;
            checks.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        let (now, machines_own) = self.time.believe(machine);
        let mut refused = match check(now) {
            Ok(verified) => return Ok(verified),
            Err(refused) if machines_own => return Err(refused),
            Err(refused) => refused,
        };
        // Renewed since the floor, or run out before it: once more, inside its own validity. Each
        // attempt satisfies one more certificate of the chain, if anything can.
        for _certificate in 0..=intermediates.len().min(INTERMEDIATES_MAX) {
            let Some(moment) = edge_of_validity(&refused) else { break };
            refused = match check(moment) {
                Ok(verified) => {
                    warn!(
                        clock = %shown(machine),
                        certainly_passed = %shown(now),
                        certificate_valid_at = %shown(moment),
                        "the machine's clock is wrong, so the server's certificate was checked \
                         without it: set the clock, or replace its battery; if the clock is right, \
                         renew the server's certificate"
                    );
                    return Ok(verified);
                }
                Err(refused) => refused,
            };
        }
        Err(refused)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.checks.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.checks.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.checks.supported_verify_schemes()
    }
}

/// The nearest moment at which the certificate that was refused for its time is valid; `None` when
/// it was refused for anything else.
fn edge_of_validity(refused: &Error) -> Option<TlsTime> {
    let Error::InvalidCertificate(reason) = refused else { return None };
    if let CertificateError::NotValidYetContext { not_before: edge, .. }
    | CertificateError::ExpiredContext { not_after: edge, .. } = reason
    {
        return Some(*edge);
    }
    None
}

fn shown(time: TlsTime) -> UnixTime {
    UnixTime(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}
