//! HTTPS to the controller: one way to build a client that believes only the fleet's own server
//! authority, by the same judgement as the MQTT connection. Blocking: callers have threads of their
//! own. MQTT carries orders, this the bulk.

mod connector;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use shared::tls::{self, CertificateTime, TlsError};
use ureq::tls::{TlsConfig, TlsProvider};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector as _, TcpConnector};

use crate::identity::Identity;
use connector::TlsConnector;

/// To connect, and to wait for an answer to begin. A body may take longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whom the client believes.
#[derive(Clone, Copy, Debug)]
pub enum Believing<'a> {
    /// Nobody: what is fetched is checked by its digest afterwards, and nothing secret is sent.
    NobodyYet,
    /// Servers of this authority (PEM).
    Authority(&'a str),
    /// The identity's authority, and the terminal shows its own certificate.
    As(&'a Identity),
}

/// A client whose errors are I/O and TLS only: an HTTP status is an answer, not an error. `time`
/// is what a server's certificate is checked by.
pub fn client(believing: Believing<'_>, time: &CertificateTime) -> Result<ureq::Agent, TlsError> {
    let tls = match believing {
        Believing::NobodyYet => return Ok(unverified()),
        Believing::Authority(pem) => tls::client_by(time, pem.as_bytes(), None)?,
        Believing::As(identity) => identity.tls(time)?,
    };
    let connector = ().chain(TcpConnector::default()).chain(TlsConnector::new(Arc::new(tls)));
    Ok(ureq::Agent::with_parts(configuration().build(), connector, DefaultResolver::default()))
}

/// Nothing is verified, so the library's own TLS does, and no time is needed.
fn unverified() -> ureq::Agent {
    let can = Arc::new(tls::terminal_provider());
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(can)
        .disable_verification(true);
    configuration().tls_config(tls.build()).build().into()
}

fn configuration() -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    ureq::Agent::config_builder()
        .https_only(true)
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .user_agent(concat!("tillward-agent/", env!("CARGO_PKG_VERSION")))
}
