//! What a terminal can do in TLS, which is all that a fleet's own authorities ever ask for: X25519,
//! the TLS 1.3 suites of the library, and Ed25519. What is left out would be a tenth of the agent.

use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::crypto::ring::{cipher_suite as suite, kx_group, sign};
use rustls::crypto::{
    CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom, WebPkiSupportedAlgorithms,
};
use rustls::sign::SigningKey;
use rustls_pki_types::{PrivateKeyDer, SignatureVerificationAlgorithm};

static ED25519: &dyn SignatureVerificationAlgorithm = webpki::ring::ED25519;

static VERIFIED: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[ED25519],
    mapping: &[(SignatureScheme::ED25519, &[ED25519])],
};

pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            suite::TLS13_AES_256_GCM_SHA384,
            suite::TLS13_AES_128_GCM_SHA256,
            suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        kx_groups: vec![kx_group::X25519],
        signature_verification_algorithms: VERIFIED,
        secure_random: &OfTheSystem,
        key_provider: &Ed25519Keys,
    }
}

#[derive(Debug)]
struct OfTheSystem;

impl SecureRandom for OfTheSystem {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        getrandom::fill(bytes).map_err(|_| GetRandomFailed)
    }
}

#[derive(Debug)]
struct Ed25519Keys;

impl KeyProvider for Ed25519Keys {
    fn load_private_key(
        &self,
        key: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        let PrivateKeyDer::Pkcs8(pkcs8) = key else {
            return Err(rustls::Error::General("the key is not in PKCS #8 form".to_owned()));
        };
        sign::any_eddsa_type(&pkcs8)
    }
}
