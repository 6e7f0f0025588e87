//! The certificates and rosters that lie beside the configuration.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls_pki_types::PrivateKeyDer;
use shared::digest::Digest;
use shared::tls::{self, Identity, TlsError};

use crate::config::Certificates;
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

fn identity(what: &'static str, pem: &[u8], key: &SecretKey) -> Result<Identity, PaperError> {
    let chain = tls::certificates(what, pem);
    let chain = chain.map_err(|source| PaperError::NotACertificate { what, source })?;
    Ok(Identity { chain, key: PrivateKeyDer::from(key.pkcs8()) })
}
