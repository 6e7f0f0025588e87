//! An Ed25519 private key in memory: wiped when dropped, and in nobody's log.

use std::fmt;

use data_encoding::HEXLOWER;
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use shared::digest::PublicKey;
use shared::signature::PrivateKey;
use zeroize::Zeroizing;

/// What stands before the 32 bytes of the seed in PKCS #8 (RFC 8410 §7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The seed of an Ed25519 key (RFC 8032). Prints as its public half.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<[u8; 32]>);

impl SecretKey {
    /// A new key from the operating system's randomness.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: no key can be made then.
    pub fn generate() -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).expect("the operating system gives randomness");
        Self(seed)
    }

    pub fn public(&self) -> PublicKey {
        self.signing().public()
    }

    /// For signing documents.
    pub fn signing(&self) -> PrivateKey {
        PrivateKey::from_seed(&self.0)
    }

    /// For TLS.
    pub fn pkcs8(&self) -> PrivatePkcs8KeyDer<'static> {
        PrivatePkcs8KeyDer::from([PKCS8_PREFIX.as_slice(), self.0.as_slice()].concat())
    }

    /// For issuing certificates.
    pub fn issuing(&self) -> rcgen::KeyPair {
        rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&self.pkcs8(), &rcgen::PKCS_ED25519)
            .expect("every seed of 32 bytes is an Ed25519 key")
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "private half of {}", self.public().key_id())
    }
}

impl Serialize for SecretKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&Zeroizing::new(HEXLOWER.encode(&*self.0)))
    }
}

impl<'de> Deserialize<'de> for SecretKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(from)?);
        let bytes = Zeroizing::new(HEXLOWER.decode(text.as_bytes()).unwrap_or_default());
        let seed = <[u8; 32]>::try_from(bytes.as_slice());
        // The text itself is not repeated in the error.
        let seed = seed.map_err(|_| de::Error::custom("a key is 64 hexadecimal digits"))?;
        Ok(Self(Zeroizing::new(seed)))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::PublicKeyData as _;

    use super::*;

    #[test]
    fn all_forms_of_a_key_have_the_same_public_half() {
        let key = SecretKey::generate();
        assert_eq!(key.issuing().der_bytes(), key.public().0);
        assert_eq!(key.signing().public(), key.public());
    }

    #[test]
    fn a_secret_is_not_printed() {
        let key = SecretKey(Zeroizing::new([0xab; 32]));
        assert!(!format!("{key:?}").contains("abab"));
        let broken = toml::from_str::<std::collections::BTreeMap<String, SecretKey>>("a = 'abab'");
        assert!(!broken.unwrap_err().message().contains("abab"));
    }
}
