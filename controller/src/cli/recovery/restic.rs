//! A key file as stock restic reads it: the repository's key, sealed with a password. restic's own
//! design document says what is in it ("Keys, Encryption and MAC").

use std::path::Path;

use aes256ctr_poly1305aes::aead::Aead as _;
use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Key, Nonce};
use data_encoding::{BASE32_NOPAD, BASE64};
use scrypt::Params;
use serde_json::json;
use shared::digest::Digest;
use shared::durable::{NotWritten, Readers, replace_file};
use shared::time::UnixTime;
use zeroize::Zeroizing;

/// scrypt's cost as restic itself chooses it, as a power of two. The password is random, so that
/// no cost could make it worth guessing.
const LOG_N: u8 = 15;
const R: u32 = 8;
const P: u32 = 1;

/// Bits of a password: 160.
const PASSWORD_BYTES: usize = 20;

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

/// A fresh password that people can type.
pub(super) fn password() -> Zeroizing<String> {
    Zeroizing::new(BASE32_NOPAD.encode(&random::<PASSWORD_BYTES>()).to_lowercase())
}

/// Writes the key file into the repository.
pub(super) fn write_key(
    repository: &Path,
    key: &[u8; 64],
    password: &str,
    now: UnixTime,
) -> Result<(), NotWritten> {
    let text = key_file(key, password, now);
    let keys = repository.join("keys");
    std::fs::create_dir_all(&keys).map_err(|source| NotWritten { path: keys.clone(), source })?;
    let name = Digest::of(text.as_bytes()).to_string();
    replace_file(&keys.join(name), text.as_bytes(), Readers::Owner)
}

fn key_file(key: &[u8; 64], password: &str, now: UnixTime) -> String {
    let part = |range: std::ops::Range<usize>| BASE64.encode(&key[range]);
    let mac = json!({ "k": part(32..48), "r": part(48..64) });
    let master = Zeroizing::new(json!({ "mac": mac, "encrypt": part(0..32) }).to_string());
    let (salt, nonce) = (random::<64>(), random::<16>());
    let params = Params::new(LOG_N, R, P).expect("restic's own parameters are parameters");
    let mut derived = Zeroizing::new([0; 64]);
    scrypt::scrypt(password.as_bytes(), &salt, &params, &mut *derived)
        .expect("64 bytes are within what scrypt gives");
    let cipher = Aes256CtrPoly1305Aes::new(Key::from_slice(&*derived));
    let sealed = cipher.encrypt(Nonce::from_slice(&nonce), master.as_bytes());
    let sealed = sealed.expect("a few hundred bytes are within what the cipher takes");
    json!({
        "created": now.to_string(), "username": "tillward", "hostname": "recovery",
        "kdf": "scrypt", "N": 1_u32 << LOG_N, "r": R, "p": P,
        "salt": BASE64.encode(&salt),
        "data": BASE64.encode(&[nonce.as_slice(), &sealed].concat()),
    })
    .to_string()
}
