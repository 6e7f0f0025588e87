//! A bucket as an object store. Nothing is asked of it here: whether it answers is found out by
//! whoever uses it.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::prefix::PrefixStore;
use object_store::{
    BackoffConfig, Certificate, ClientOptions, ObjectStore, RetryConfig, StaticCredentialProvider,
};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::config::{Access, Bucket};

/// A piece of an upload has 5 MiB, which takes 42 s at 1 Mbit/s; every answer begins sooner.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Trying again at once helps against a hiccup. What lasts longer is for the caller, who comes
/// again by itself: a terminal after a wait that grows, the copying every minute.
const RETRIES_MAX: usize = 3;
const RETRY_WITHIN: Duration = Duration::from_secs(20);

/// Two keys and a token, which may be some kilobytes.
const CREDENTIALS_BYTES_MAX: u64 = 64 * 1024;

/// Why a bucket cannot be used, whatever it might answer.
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    #[error("cannot read {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The mode's last three digits.
    #[error(
        "everybody may read or change {}, which is of mode {mode:03o}: make it 600",
        path.display()
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error(
        "{} does not hold `access_key_id`, `secret_access_key` and at most `session_token`",
        path.display()
    )]
    Credentials {
        path: PathBuf,
        #[source]
        source: toml::de::Error,
    },
    #[error("`{key}` is empty in {}", path.display())]
    Empty { path: PathBuf, key: &'static str },
    #[error("{} holds no certificates", path.display())]
    NoCertificates { path: PathBuf },
    #[error("no client can be made for it")]
    Client {
        #[source]
        source: object_store::Error,
    },
}

/// What a credentials file holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

/// The bucket, from its prefix on.
pub(super) fn store(bucket: &Bucket) -> Result<Arc<dyn ObjectStore>, S3Error> {
    let Bucket { name, prefix, access } = bucket;
    let credentials = credentials(&access.credentials_file)?;
    let built = AmazonS3Builder::new()
        .with_bucket_name(name)
        .with_region(&access.signing_region)
        // The bucket is part of the path: every implementation understands that.
        .with_endpoint(access.endpoint.url())
        .with_virtual_hosted_style_request(false)
        // One by one: not every implementation has the other way.
        .with_disable_bulk_delete(true)
        .with_credentials(Arc::new(StaticCredentialProvider::new(credentials)))
        .with_client_options(client_options(access)?)
        .with_retry(RetryConfig {
            backoff: BackoffConfig { max_backoff: Duration::from_secs(5), ..Default::default() },
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_WITHIN,
        })
        .build()
        .map_err(|source| S3Error::Client { source })?;
    Ok(match prefix.as_str() {
        "" => Arc::new(built),
        prefix => Arc::new(PrefixStore::new(built, prefix)),
    })
}

fn client_options(access: &Access) -> Result<ClientOptions, S3Error> {
    let options = ClientOptions::new()
        .with_allow_http(!access.endpoint.encrypted)
        // Only what the configuration names is trusted.
        .with_no_system_certificates(true)
        .with_connect_timeout(CONNECT_WITHIN)
        .with_read_timeout(ANSWER_WITHIN)
        // An object may take as long as it moves.
        .with_timeout_disabled();
    let Some(path) = &access.ca_file else { return Ok(options) };
    let unreadable = |source| S3Error::Unreadable { path: path.clone(), source };
    let pem = std::fs::read(path).map_err(unreadable)?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => {
            Ok(certificates.into_iter().fold(options, ClientOptions::with_root_certificate))
        }
        Ok(_) | Err(_) => Err(S3Error::NoCertificates { path: path.clone() }),
    }
}

fn credentials(path: &Path) -> Result<AwsCredential, S3Error> {
    let unreadable = |source| S3Error::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(S3Error::Exposed { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(CREDENTIALS_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    let Credentials { access_key_id, secret_access_key, session_token } = toml::from_str(&text)
        .map_err(|mut source: toml::de::Error| {
            // The error would quote the offending line, and with it perhaps a secret.
            source.set_input(None);
            S3Error::Credentials { path: path.to_owned(), source }
        })?;
    for (key, value) in
        [("access_key_id", &access_key_id), ("secret_access_key", &secret_access_key)]
    {
        if value.trim().is_empty() {
            return Err(S3Error::Empty { path: path.to_owned(), key });
        }
    }
    Ok(AwsCredential { key_id: access_key_id, secret_key: secret_access_key, token: session_token })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn refused(text: &str, mode: u32) -> Option<String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s3.toml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let refused = credentials(&path).err()?;
        let all = match std::error::Error::source(&refused) {
            Some(source) => format!("{refused}: {source}"),
            None => refused.to_string(),
        };
        Some(all.replace(&format!("{}/", directory.path().display()), ""))
    }

    #[test]
    fn credentials_are_complete_known_and_for_their_owner_alone() {
        let good = "access_key_id = 'AK'\nsecret_access_key = 'SK'\n";
        assert_eq!(refused(good, 0o600), None);
        assert_eq!(refused(&format!("{good}session_token = 'T'\n"), 0o640), None);
        for mode in [0o644, 0o604, 0o602] {
            let said = refused(good, mode).unwrap();
            assert!(said.contains("make it 600"), "{said}");
        }
        let missing = refused("access_key_id = 'AK'\n", 0o600).unwrap();
        assert!(missing.contains("missing field `secret_access_key`"), "{missing}");
        let unknown = refused(&format!("{good}secret_key = 'hunter2'\n"), 0o600).unwrap();
        assert!(unknown.contains("unknown field `secret_key`"), "{unknown}");
        assert!(!unknown.contains("hunter2"), "{unknown}");
        let empty = refused("access_key_id = 'AK'\nsecret_access_key = ' '\n", 0o600);
        assert_eq!(empty.as_deref(), Some("`secret_access_key` is empty in s3.toml"));
    }

    #[test]
    fn a_file_without_certificates_is_no_trust() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        fs::write(&path, "nothing").unwrap();
        let access = Access {
            endpoint: "https://s3.example".parse().unwrap(),
            signing_region: "eu-1".into(),
            credentials_file: directory.path().join("s3.toml"),
            ca_file: Some(path),
        };
        let refused = client_options(&access).unwrap_err();
        assert!(refused.to_string().ends_with("ca.pem holds no certificates"), "{refused}");
    }
}
