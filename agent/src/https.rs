//! HTTPS to the controller: one way to build a client that believes only the fleet's own server
//! authority. Blocking: callers have threads of their own. MQTT carries orders, this the bulk.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider};

use crate::identity::Identity;

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

/// Why no client can be built.
#[derive(Debug, thiserror::Error)]
#[error("{what} is not in PEM form")]
pub struct NotPem {
    what: &'static str,
    source: rustls_pki_types::pem::Error,
}

/// A client whose errors are I/O and TLS only: an HTTP status is an answer, not an error.
pub fn client(believing: Believing<'_>) -> Result<ureq::Agent, NotPem> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let tls =
        TlsConfig::builder().provider(TlsProvider::Rustls).unversioned_rustls_crypto_provider(ring);
    let tls = match believing {
        Believing::NobodyYet => tls.disable_verification(true),
        Believing::Authority(pem) => tls.root_certs(roots(pem)?),
        Believing::As(identity) => {
            let own = own_certificate(identity)?;
            tls.root_certs(roots(&identity.server_ca)?).client_cert(Some(own))
        }
    };
    let config = ureq::Agent::config_builder()
        .tls_config(tls.build())
        .https_only(true)
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .user_agent(concat!("tillward-agent/", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(config.into())
}

fn roots(pem: &str) -> Result<RootCerts, NotPem> {
    let ders = certificates("the server authority", pem)?;
    Ok(RootCerts::new_with_certs(&ders))
}

fn own_certificate(identity: &Identity) -> Result<ClientCert, NotPem> {
    let chain = certificates("the terminal's certificate", &identity.certificate)?;
    let key = PrivateKey::from_pem(identity.key.pem().as_bytes())
        .expect("a terminal's key was read or made as PEM");
    Ok(ClientCert::new_with_certs(&chain, key))
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<Certificate<'static>>, NotPem> {
    let ders: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let ders = ders.map_err(|source| NotPem { what, source })?;
    Ok(ders.iter().map(|der| Certificate::from_der(der).to_owned()).collect())
}
