//! One way to build a TLS configuration: TLS 1.3 only, ring, our own certificate authorities and
//! none of the public ones.

mod certificate_time;
mod terminal;

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::{WantsClientCert, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

pub use certificate_time::{CertificateTime, PLAUSIBLE_FOR};

/// Why certificates or keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{what} is not in PEM form")]
    Pem { what: &'static str, source: rustls_pki_types::pem::Error },
    #[error("{0} holds no certificate")]
    NoCertificate(&'static str),
    #[error("{what} was refused by the TLS library")]
    Refused { what: &'static str, source: rustls::Error },
    #[error("the client authorities cannot be used")]
    Verifier(#[source] rustls::server::VerifierBuilderError),
    #[error("the server authority cannot be used")]
    ServerVerifier(#[source] rustls::client::VerifierBuilderError),
}

/// A certificate chain and its private key.
#[derive(Debug)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

impl Identity {
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|source| TlsError::Pem { what: "the private key", source })?;
        Ok(Self { chain: certificates("the certificate chain", chain)?, key })
    }
}

/// Reads one or more certificates.
pub fn certificates(
    what: &'static str,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|source| TlsError::Pem { what, source })?;
    if read.is_empty() { Err(TlsError::NoCertificate(what)) } else { Ok(read) }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// What a terminal can do: Ed25519 certificates, X25519, TLS 1.3.
pub fn terminal_provider() -> CryptoProvider {
    terminal::provider()
}

/// As [`install_provider`], on a terminal.
pub fn install_terminal_provider() {
    // An error means that a provider is installed already, which is what is wanted.
    let _already = terminal_provider().install_default();
}

/// Makes ring the process's provider, for libraries that ask for a default. Call it first in
/// `main`; later calls change nothing.
pub fn install_provider() {
    // An error means that a provider is installed already, which is what is wanted.
    let _already = rustls::crypto::ring::default_provider().install_default();
}

fn roots(what: &'static str, pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(what, pem)? {
        roots.add(certificate).map_err(|source| TlsError::Refused { what, source })?;
    }
    Ok(roots)
}

/// A client that trusts only `server_ca` and shows `identity`; by the system's clock, for machines
/// whose clock is kept right.
pub fn client(
    server_ca: &[u8],
    identity: Option<Identity>,
) -> Result<rustls::ClientConfig, TlsError> {
    let builder = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|source| TlsError::Refused { what: "TLS 1.3", source })?
        .with_root_certificates(roots("the server authority", server_ca)?);
    show(builder, identity)
}

/// As [`client`], on a terminal, whose clock may be dead: see [`CertificateTime`]. It believes
/// Ed25519 certificates, as `tillward init` makes them, and no others.
pub fn client_by(
    time: &CertificateTime,
    server_ca: &[u8],
    identity: Option<Identity>,
) -> Result<rustls::ClientConfig, TlsError> {
    let roots = Arc::new(roots("the server authority", server_ca)?);
    let can = Arc::new(terminal_provider());
    let checks = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&can)).build();
    let checks = checks.map_err(TlsError::ServerVerifier)?;
    let verifier = certificate_time::Verifier { checks, time: time.clone() };
    let builder = rustls::ClientConfig::builder_with_details(can, time.machine())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|source| TlsError::Refused { what: "TLS 1.3", source })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    show(builder, identity)
}

fn show(
    builder: rustls::ConfigBuilder<rustls::ClientConfig, WantsClientCert>,
    identity: Option<Identity>,
) -> Result<rustls::ClientConfig, TlsError> {
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some(Identity { chain, key }) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|source| TlsError::Refused { what: "the client certificate", source }),
    }
}

/// Whether a server lets in clients that show no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificate {
    Required,
    Optional,
}

/// A server that knows its clients by certificates of `client_ca`.
pub fn server(
    client_ca: &[u8],
    identity: Identity,
    wanted: ClientCertificate,
) -> Result<rustls::ServerConfig, TlsError> {
    let roots = Arc::new(roots("the client authority", client_ca)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
    let verifier = match wanted {
        ClientCertificate::Required => verifier,
        ClientCertificate::Optional => verifier.allow_unauthenticated(),
    };
    rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|source| TlsError::Refused { what: "TLS 1.3", source })?
        .with_client_cert_verifier(verifier.build().map_err(TlsError::Verifier)?)
        .with_single_cert(identity.chain, identity.key)
        .map_err(|source| TlsError::Refused { what: "the server certificate", source })
}
