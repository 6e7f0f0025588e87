//! SHA-256 digests and fixed-size byte strings, as they appear in documents and messages.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

/// Why a text is not a value of fixed length in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {wanted} hexadecimal digits in lower case, got {got} characters")]
pub struct NotHex {
    pub wanted: usize,
    pub got: usize,
}

macro_rules! fixed_bytes {
    ($($(#[$doc:meta])* $name:ident [$length:literal];)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $length]);

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, out)
            }
        }

        impl FromStr for $name {
            type Err = NotHex;

            fn from_str(text: &str) -> Result<Self, NotHex> {
                let wrong = NotHex { wanted: 2 * $length, got: text.chars().count() };
                let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| wrong.clone())?;
                bytes.try_into().map(Self).map_err(|_| wrong)
            }
        }

        /// Bytes in CBOR, hexadecimal where people read it (JSON).
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                match to.is_human_readable() {
                    true => to.collect_str(self),
                    false => to.serialize_bytes(&self.0),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                if from.is_human_readable() {
                    return String::deserialize(from)?.parse().map_err(de::Error::custom);
                }
                let bytes = serde_bytes::ByteBuf::deserialize(from)?.into_vec();
                let got = bytes.len();
                bytes.try_into().map(Self).map_err(|_| {
                    de::Error::invalid_length(got, &concat!($length, " bytes"))
                })
            }
        }
    )+};
}

fixed_bytes! {
    /// A SHA-256 digest.
    Digest [32];
    /// Names a public key: the first 16 bytes of its SHA-256, so that no key has two names.
    KeyId [16];
    /// 128 random bits, used once.
    Nonce [16];
    /// An Ed25519 public key (RFC 8032).
    PublicKey [32];
}

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of several parts in a row, without joining them first.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        parts.iter().for_each(|part| hasher.update(part));
        Self(hasher.finalize().into())
    }

    /// The first eight digits: for directory names and for people, never for decisions.
    pub fn short(&self) -> String {
        HEXLOWER.encode(&self.0[..4])
    }
}

impl PublicKey {
    pub fn key_id(&self) -> KeyId {
        let mut id = [0; 16];
        id.copy_from_slice(&Digest::of(&self.0).0[..16]);
        KeyId(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back_as_it_was_written() {
        let digest = Digest::of(b"till");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(Digest::of_parts(&[b"ti", b"", b"ll"]), digest);
        assert_eq!("abc".parse::<Digest>(), Err(NotHex { wanted: 64, got: 3 }));
    }
}
