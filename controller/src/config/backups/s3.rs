//! A place in an S3 bucket: where it is, and which files say who this controller is there.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use axum::http::Uri;
use axum::http::uri::Scheme;

use super::super::reader::Reader;

/// Of a bucket, by S3's own rules.
const BUCKET_CHARS: std::ops::RangeInclusive<usize> = 3..=63;

/// A key has at most 1024 bytes in S3, and what lies below the prefix takes about 200.
const PREFIX_CHARS_MAX: usize = 512;

/// A bucket, or what begins with a prefix in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket {
    pub name: String,
    /// Without slashes around it; empty for all of the bucket.
    pub prefix: String,
    pub access: Access,
}

/// How a bucket is reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    pub endpoint: Endpoint,
    /// What requests are signed for.
    pub signing_region: String,
    pub credentials_file: PathBuf,
    /// Whose certificates the endpoint shows; there for `https`, and only then.
    pub ca_file: Option<PathBuf>,
}

/// Where S3 is spoken: `https://` and a host, or `http://` on this machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    url: String,
    pub encrypted: bool,
}

impl Endpoint {
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl FromStr for Endpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "write `https://` and a host, such as `https://s3.example:9000`";
        let url: Uri = text.parse().map_err(|_| WRONG)?;
        let host = url.host().filter(|host| !host.is_empty()).ok_or(WRONG)?;
        let bare = url.path() == "/" && url.query().is_none() && !text.contains(['@', '#']);
        if !bare {
            return Err("has more than a host and a port: buckets and keys stand elsewhere");
        }
        let encrypted = match url.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP && is_this_machine(host) => false,
            Some(scheme) if *scheme == Scheme::HTTP => {
                return Err("leaves this machine unencrypted: write `https://`");
            }
            Some(_) | None => return Err(WRONG),
        };
        Ok(Self { url: text.trim_end_matches('/').to_owned(), encrypted })
    }
}

/// As the host of a URL is written, with an IPv6 address in brackets.
fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Bucket {
    /// Reads what stands behind `s3://`, and the keys beside it. `region` is the place's own.
    pub(super) fn read(
        rest: &str,
        table: &mut Reader<'_>,
        region: Option<&str>,
        base: &Path,
    ) -> Option<Self> {
        let named = match named(rest) {
            Ok(named) => Some(named),
            Err(why) => table.mistake("url", why),
        };
        let endpoint = table.parsed::<Endpoint>("endpoint");
        let signing_region = match table.names("signing_region") {
            true => table.text("signing_region"),
            false => {
                table.pass_over("signing_region");
                region.map(str::to_owned)
            }
        };
        let credentials_file = table.text("credentials_file");
        let ca_file = match &endpoint {
            Some(Endpoint { encrypted: false, .. }) if table.names("ca_file") => {
                table.pass_over("ca_file");
                return table.mistake("ca_file", "is of no use: the endpoint is not `https://`");
            }
            Some(Endpoint { encrypted: false, .. }) => {
                table.pass_over("ca_file");
                Some(None)
            }
            Some(Endpoint { encrypted: true, .. }) => table.text("ca_file").map(Some),
            None => {
                table.pass_over("ca_file");
                None
            }
        };
        let (name, prefix) = named?;
        let access = Access {
            endpoint: endpoint?,
            signing_region: signing_region?,
            credentials_file: base.join(credentials_file?),
            ca_file: ca_file?.map(|file| base.join(file)),
        };
        Some(Self { name, prefix, access })
    }
}

/// A bucket's name and a prefix.
fn named(rest: &str) -> Result<(String, String), &'static str> {
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_end_matches('/');
    let in_name =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    if !BUCKET_CHARS.contains(&name.len()) || !name.bytes().all(in_name) {
        return Err("names no bucket: write `s3://bucket` or `s3://bucket/prefix`");
    }
    let in_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let plain = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(in_part);
    match prefix.len() {
        0 => Ok((name.to_owned(), String::new())),
        1..=PREFIX_CHARS_MAX if prefix.split('/').all(plain) => {
            Ok((name.to_owned(), prefix.to_owned()))
        }
        _ => Err("has no plain prefix: write words of letters, digits, `-`, `_`, `.`, and `/`"),
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, prefix, access } = self;
        let slash = if prefix.is_empty() { "" } else { "/" };
        write!(out, "s3://{name}{slash}{prefix} at {}", access.endpoint.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_encrypted_or_on_this_machine() {
        let encrypted = |text: &str| text.parse::<Endpoint>().map(|it| it.encrypted);
        for url in ["https://s3.example", "https://s3.example:9000/", "https://[2001:db8::1]:1"] {
            assert_eq!(encrypted(url), Ok(true), "{url}");
        }
        for url in ["http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000"] {
            assert_eq!(encrypted(url), Ok(false), "{url}");
        }
        for url in ["http://s3.example", "http://10.0.0.1:9000", "http://localhost.example"] {
            assert!(encrypted(url).unwrap_err().contains("unencrypted"), "{url}");
        }
        let wrong = [
            "",
            "s3.example",
            "ftp://s3.example",
            "https://",
            "https://s3.example/bucket",
            "https://s3.example?a=b",
            "https://key:secret@s3.example",
        ];
        for url in wrong {
            assert!(encrypted(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_bucket_has_a_plain_name_and_prefix() {
        let own = |name: &str, prefix: &str| Ok((name.to_owned(), prefix.to_owned()));
        assert_eq!(named("backups"), own("backups", ""));
        assert_eq!(named("backups/"), own("backups", ""));
        assert_eq!(named("a-1.b/shops/north_1"), own("a-1.b", "shops/north_1"));
        let wrong = ["", "ab", "Backups", "a_b_c", "/x", "backups//x", "backups/../x", "backups/ä"];
        for text in wrong.into_iter().chain(["backups/a b", "backups/#1"]) {
            assert!(named(text).is_err(), "{text}");
        }
    }
}
