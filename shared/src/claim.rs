//! A claim: the one-time permission for one terminal to enrol, as one line of text that fits a QR
//! code, a file or an installer's telephone.
//!
//! The line holds a seed from which the claim key is derived. The seed goes to the terminal only;
//! the controller keeps the public half, so that whoever reads its database can enrol nothing.
//! Not here: how long a claim lives and how often it may be guessed, which the controller decides.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

use crate::digest::{Digest, Nonce};
use crate::id::FleetId;
use crate::signature::PrivateKey;
use crate::time::UnixTime;

/// What every claim of this format begins with.
const SCHEME: &str = "tillward-claim:";
const VERSION: &str = "1";

/// Longer lines are refused unread: a real one is about 350 bytes.
pub const CLAIM_BYTES_MAX: usize = 1024;

/// A serial number is printed on the device: short, and in printable ASCII.
pub const SERIAL_BYTES_MAX: usize = 64;

/// 160 random bits, drawn where the claim is made.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed([u8; 20]);

impl Seed {
    pub fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The key whose public half the controller keeps: Ed25519 from HKDF-SHA256 (RFC 5869)
    /// of the seed.
    pub fn claim_key(&self) -> PrivateKey {
        let mut secret = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, &self.0)
            .expand(b"tillward-claim-v1", &mut *secret)
            .expect("32 bytes are within what HKDF-SHA256 gives");
        PrivateKey::from_seed(&secret)
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[redacted]")
    }
}

/// What a terminal must know to enrol. Its text form holds the seed: show it to nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// `https://host:port` of the controller.
    pub url: String,
    pub fleet: FleetId,
    pub serial: String,
    pub seed: Seed,
    /// SHA-256 of the server authority's certificate in DER form: whom the terminal believes.
    pub server_ca: Digest,
    /// SHA-256 of the payload of the roster that was newest when the claim was made.
    pub roster: Digest,
    /// For the person who reads it; the controller's own clock decides.
    pub expires_at: UnixTime,
}

/// Why a text is not a claim. Never shows what stands in the seed's place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAClaim {
    #[error("the text does not begin with `{SCHEME}`")]
    OtherText,
    #[error("the text is longer than the {max} bytes of a claim", max = CLAIM_BYTES_MAX)]
    TooLong,
    #[error("claims of format `{0}` are not known to this build, which reads `{VERSION}`")]
    OtherVersion(String),
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("`{0}` stands there twice")]
    Twice(&'static str),
    #[error("`{0}` is not part of a claim")]
    Unknown(String),
    #[error("`{key}` must be {wanted}")]
    Value { key: &'static str, wanted: &'static str },
}

/// Whether a text can be a device's serial number: it becomes part of signed bytes and of files.
pub fn is_serial(text: &str) -> bool {
    (1..=SERIAL_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl fmt::Display for Claim {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seed = Zeroizing::new(BASE32_NOPAD.encode(&self.seed.0));
        write!(out, "{SCHEME}{VERSION}?url={}", percent_encoded(&self.url))?;
        write!(out, "&fleet={}&serial={}", self.fleet, percent_encoded(&self.serial))?;
        write!(out, "&seed={}&ca={}&roster={}", *seed, self.server_ca, self.roster)?;
        write!(out, "&expires={}", self.expires_at.0)
    }
}

impl FromStr for Claim {
    type Err = NotAClaim;

    fn from_str(text: &str) -> Result<Self, NotAClaim> {
        let text = text.trim();
        if text.len() > CLAIM_BYTES_MAX {
            return Err(NotAClaim::TooLong);
        }
        let rest = text.strip_prefix(SCHEME).ok_or(NotAClaim::OtherText)?;
        let (version, query) = rest.split_once('?').ok_or(NotAClaim::OtherText)?;
        if version != VERSION {
            return Err(NotAClaim::OtherVersion(version.chars().take(16).collect()));
        }
        Fields::read(query)?.into_claim()
    }
}

const KEYS: [&str; 7] = ["url", "fleet", "serial", "seed", "ca", "roster", "expires"];

/// The values in the order of [`KEYS`], each there once.
struct Fields<'a>([Option<&'a str>; KEYS.len()]);

impl<'a> Fields<'a> {
    fn read(query: &'a str) -> Result<Self, NotAClaim> {
        let mut values = [None; KEYS.len()];
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(at) = KEYS.iter().position(|known| *known == key) else {
                return Err(NotAClaim::Unknown(key.chars().take(32).collect()));
            };
            if values[at].replace(value).is_some() {
                return Err(NotAClaim::Twice(KEYS[at]));
            }
        }
        Ok(Self(values))
    }

    fn value<T>(
        &self,
        at: usize,
        wanted: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, NotAClaim> {
        let key = KEYS[at];
        let text = self.0[at].ok_or(NotAClaim::Missing(key))?;
        read(text).ok_or(NotAClaim::Value { key, wanted })
    }

    fn into_claim(self) -> Result<Claim, NotAClaim> {
        const SHA256: &str = "64 hexadecimal digits in lower case";
        Ok(Claim {
            url: self.value(0, "`https://host:port`, without a path", |text| {
                percent_decoded(text).filter(|url| is_base_url(url))
            })?,
            fleet: self.value(1, "a `flt-…` id", |text| text.parse().ok())?,
            serial: self.value(2, "1 to 64 printable ASCII characters", |text| {
                percent_decoded(text).filter(|serial| is_serial(serial))
            })?,
            seed: self.value(3, "32 characters of base32", |text| {
                let bytes = Zeroizing::new(BASE32_NOPAD.decode(text.as_bytes()).ok()?);
                bytes.as_slice().try_into().ok().map(Seed)
            })?,
            server_ca: self.value(4, SHA256, |text| text.parse().ok())?,
            roster: self.value(5, SHA256, |text| text.parse().ok())?,
            expires_at: self.value(6, "seconds since 1970", |text| {
                text.parse().ok().filter(|seconds| *seconds >= 0).map(UnixTime)
            })?,
        })
    }
}

/// `https://` and an authority: no path, no user, nothing that a later `url + path` would bend.
fn is_base_url(url: &str) -> bool {
    let Some(authority) = url.strip_prefix("https://") else { return false };
    let host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !authority.is_empty() && authority.bytes().all(host_byte)
}

/// RFC 3986 §2.1; a colon and a slash stay, so that people can read the address.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => write!(encoded, "%{byte:02X}").expect("writing to a string does not fail"),
        }
    }
    encoded
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let value = digit(rest.next())? * 16 + digit(rest.next())?;
        bytes.push(u8::try_from(value).expect("two hexadecimal digits are one byte"));
    }
    String::from_utf8(bytes).ok()
}

/// What the claim key signs to prove that this key, on this device, was meant by the claim. Bound
/// to one public key (its SubjectPublicKeyInfo in DER form) and one nonce: worthless elsewhere.
pub fn enrolment_proof(spki: &[u8], serial: &str, nonce: Nonce) -> Vec<u8> {
    [b"tillward-enrol-v1".as_slice(), &Digest::of(spki).0, serial.as_bytes(), &nonce.0].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::verify_bytes;

    fn claim() -> Claim {
        Claim {
            url: "https://fleet.example:8443".to_owned(),
            fleet: FleetId::from_bytes([1; 16]),
            serial: "PAX&A920=7+1".to_owned(),
            seed: Seed::new([7; 20]),
            server_ca: Digest::of(b"ca"),
            roster: Digest::of(b"roster"),
            expires_at: UnixTime(1_800_000_000),
        }
    }

    #[test]
    fn a_claim_reads_back_as_it_was_written() {
        let text = claim().to_string();
        assert!(text.len() <= CLAIM_BYTES_MAX);
        assert_eq!(text.parse(), Ok(claim()));
        assert_eq!(format!("  {text}\n").parse(), Ok(claim()));
    }

    #[test]
    fn the_line_is_the_one_that_is_documented() {
        let zeros = "00".repeat(32);
        let claim = Claim {
            serial: "SN-1".to_owned(),
            server_ca: Digest([0; 32]),
            roster: Digest([0; 32]),
            ..claim()
        };
        let expected = format!(
            "tillward-claim:1?url=https://fleet.example:8443&fleet=flt-{}&serial=SN-1\
             &seed=A4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYH&ca={zeros}&roster={zeros}&expires=1800000000",
            "01".repeat(16)
        );
        assert_eq!(claim.to_string(), expected);
    }

    #[test]
    fn each_mistake_in_a_claim_is_named() {
        let good = claim().to_string();
        let broken = |from: &str, to: &str| {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good, "{from}");
            text.parse::<Claim>().expect_err("a broken claim")
        };
        assert_eq!(broken("tillward-claim:", "https:"), NotAClaim::OtherText);
        assert_eq!(broken(":1?", ":2?"), NotAClaim::OtherVersion("2".to_owned()));
        assert_eq!(broken("&expires=1800000000", ""), NotAClaim::Missing("expires"));
        assert_eq!(broken("&ca=", "&roster="), NotAClaim::Twice("roster"));
        assert_eq!(broken("&ca=", "&mood="), NotAClaim::Unknown("mood".to_owned()));
        let wrong = [
            ("url=https:", "url=http:", "url"),
            (":8443", ":8443/path", "url"),
            ("fleet.example", "user@fleet.example", "url"),
            ("serial=PAX", "serial=%00", "serial"),
            ("serial=PAX", "serial=%F", "serial"),
            ("serial=PAX", "serial=a b", "serial"),
            ("&seed=A4", "&seed=", "seed"),
            ("&seed=A4", "&seed=11", "seed"),
            ("expires=1", "expires=-1", "expires"),
            ("flt-", "trm-", "fleet"),
        ];
        for (from, to, field) in wrong {
            let error = broken(from, to);
            assert!(matches!(error, NotAClaim::Value { key, .. } if key == field), "{error}");
        }
        assert_eq!(good.repeat(4).parse::<Claim>(), Err(NotAClaim::TooLong));
    }

    #[test]
    fn nothing_that_is_logged_shows_the_seed() {
        let claim = claim();
        let seed = BASE32_NOPAD.encode(&claim.seed.0);
        assert!(!format!("{claim:?}").contains(&seed));
        let error = claim.to_string().replace(&seed, &seed[2..]).parse::<Claim>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains(&seed[2..]));
    }

    #[test]
    fn a_proof_is_worth_nothing_for_another_key_serial_or_nonce() {
        let key = claim().seed.claim_key();
        let nonce = Nonce([3; 16]);
        let proof = key.sign_bytes(&enrolment_proof(b"spki", "SN-1", nonce));
        let holds = |spki: &[u8], serial: &str, nonce| {
            verify_bytes(key.public(), &enrolment_proof(spki, serial, nonce), &proof)
        };
        assert!(holds(b"spki", "SN-1", nonce));
        assert!(!holds(b"other", "SN-1", nonce));
        assert!(!holds(b"spki", "SN-2", nonce));
        assert!(!holds(b"spki", "SN-1", Nonce([4; 16])));
        assert_ne!(Seed::new([8; 20]).claim_key().public(), key.public());
    }
}
