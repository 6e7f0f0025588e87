//! The certificates and rosters that lie beside the configuration.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use shared::digest::Digest;
use shared::time::UnixTime;
use shared::tls::{self, Identity, TlsError};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::seams;
use crate::auth::{ClientCertificate, Peer};
use crate::config::{BrokerChoice, Certificates, Config, HttpsUrl};
use crate::key_file::{OnlineKeys, SecretKey};

/// A file that should be there and is not, or is something else.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    #[error("cannot read {what} {}", path.display())]
    Read {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{0} is not text")]
    NotText(&'static str),
    #[error("the certificates do not fit: {}", .0.join("; "))]
    Mistakes(Vec<String>),
    #[error("{what} cannot be used")]
    NotACertificate {
        what: &'static str,
        #[source]
        source: TlsError,
    },
}

/// The certificates, PEM.
#[derive(Debug)]
pub(super) struct Papers {
    pub(super) device_ca: Vec<u8>,
    pub(super) server_ca: Vec<u8>,
    server: Vec<u8>,
    controller: Vec<u8>,
}

impl Papers {
    pub(super) fn read(files: &Certificates) -> Result<Self, PaperError> {
        Ok(Self {
            device_ca: read("the device authority's certificate", &files.device_ca)?,
            server_ca: read("the server authority's certificate", &files.server_ca)?,
            server: read("the server certificate", &files.server)?,
            controller: read("the controller's certificate", &files.controller)?,
        })
    }

    /// Whether the certificates are those that the configuration is about, and still valid.
    pub(super) fn check(&self, config: &Config, now: UnixTime) -> Result<(), PaperError> {
        let mut mistakes = Vec::new();
        let server = leaf("the server certificate", &self.server)?;
        let names = names(&server);
        for (key, host) in wanted_names(config) {
            if !names.contains(host) {
                mistakes.push(format!("the server certificate has no name `{host}`, as `{key}`"));
            }
        }
        let controller = leaf("the controller's certificate", &self.controller)?;
        let expected = Peer::Controller(config.name.clone());
        match ClientCertificate::read(&controller, config.fleet) {
            Ok(certificate) if certificate.peer == expected => {}
            Ok(certificate) => mistakes.push(format!(
                "the controller's certificate names {}, not {expected}",
                certificate.peer
            )),
            Err(why) => mistakes.push(format!("the controller's certificate: {why}")),
        }
        let leaves = [("server", &server), ("controller's", &controller)];
        for (whose, der) in leaves {
            if ends_at(der).is_none_or(|ends_at| ends_at <= now) {
                mistakes.push(format!("the {whose} certificate has expired"));
            }
        }
        if mistakes.is_empty() { Ok(()) } else { Err(PaperError::Mistakes(mistakes)) }
    }

    /// What HTTPS and the broker show.
    pub(super) fn server_identity(&self, keys: &OnlineKeys) -> Result<Identity, PaperError> {
        identity("the server certificate", &self.server, &keys.server)
    }

    /// What the controller shows to brokers.
    pub(super) fn controller_identity(&self, keys: &OnlineKeys) -> Result<Identity, PaperError> {
        identity("the controller's certificate", &self.controller, &keys.controller_client)
    }

    pub(super) fn device_ca_text(&self) -> Result<String, PaperError> {
        text("the device authority's certificate", &self.device_ca)
    }

    pub(super) fn server_ca_text(&self) -> Result<String, PaperError> {
        text("the server authority's certificate", &self.server_ca)
    }

    /// SHA-256 of the certificate in DER form: what claims name.
    pub(super) fn server_ca_digest(&self) -> Result<Digest, PaperError> {
        let what = "the server authority's certificate";
        let chain = tls::certificates(what, &self.server_ca);
        let chain = chain.map_err(|source| PaperError::NotACertificate { what, source })?;
        let first = chain.first().expect("a chain without a certificate is an error");
        Ok(Digest::of(first))
    }
}

/// Signed rosters, by the version that their file names say, ascending.
pub(super) fn rosters(directory: &Path) -> Result<Vec<(u64, PathBuf, Vec<u8>)>, PaperError> {
    let what = "the directory of rosters";
    let failed = |source| PaperError::Read { what, path: directory.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let version = path.file_name().and_then(|name| name.to_str());
        let version = version.and_then(|name| name.strip_suffix(".cose")?.parse::<u64>().ok());
        if let Some(version) = version {
            let bytes = read("the roster", &path)?;
            found.push((version, path, bytes));
        }
    }
    found.sort();
    Ok(found)
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, PaperError> {
    fs::read(path).map_err(|source| PaperError::Read { what, path: path.to_owned(), source })
}

fn text(what: &'static str, bytes: &[u8]) -> Result<String, PaperError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| PaperError::NotText(what))
}

/// What terminals, operators and this controller itself look for in the server certificate.
fn wanted_names(config: &Config) -> Vec<(&'static str, &str)> {
    let HttpsUrl(url) = &config.https.url;
    let mut wanted = vec![("https.url", url.host.as_str())];
    if let BrokerChoice::Embedded { listen, address, .. } = &config.broker {
        wanted.push(("broker.address", &address.host));
        wanted.push(("broker.listen", seams::own_host(*listen, address)));
    }
    wanted
}

/// The first certificate of a chain: DER.
fn leaf(what: &'static str, pem: &[u8]) -> Result<CertificateDer<'static>, PaperError> {
    let chain = tls::certificates(what, pem);
    let mut chain = chain.map_err(|source| PaperError::NotACertificate { what, source })?;
    Ok(chain.swap_remove(0))
}

fn names(der: &[u8]) -> BTreeSet<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return BTreeSet::new() };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return BTreeSet::new() };
    let text = |name: &GeneralName<'_>| {
        if let GeneralName::DNSName(name) = name {
            return Some((*name).to_owned());
        }
        let GeneralName::IPAddress(octets) = name else { return None };
        <[u8; 4]>::try_from(*octets).ok().map(|octets| Ipv4Addr::from(octets).to_string())
    };
    names.value.general_names.iter().filter_map(text).collect()
}

fn ends_at(der: &[u8]) -> Option<UnixTime> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(UnixTime(certificate.validity().not_after.timestamp()))
}

fn identity(what: &'static str, pem: &[u8], key: &SecretKey) -> Result<Identity, PaperError> {
    let chain = tls::certificates(what, pem);
    let chain = chain.map_err(|source| PaperError::NotACertificate { what, source })?;
    Ok(Identity { chain, key: PrivateKeyDer::from(key.pkcs8()) })
}
