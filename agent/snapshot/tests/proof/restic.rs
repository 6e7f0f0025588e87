//! Stock restic, which is given the repository's key as it would be after a recovery.

use std::path::Path;
use std::process::Command;

use aes256ctr_poly1305aes::aead::Aead as _;
use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Key as CipherKey, Nonce};
use data_encoding::BASE64;
use shared::digest::Digest;
use snapshot::keys::Key;

const PASSWORD: &str = "of this test alone";

/// Puts a key file into the repository, so that restic opens it by a password.
pub(crate) fn open(repository: &Path, key: &Key) {
    let part = |range: std::ops::Range<usize>| BASE64.encode(&key.as_bytes()[range]);
    let mac = serde_json::json!({ "k": part(32..48), "r": part(48..64) });
    let master = serde_json::json!({ "mac": mac, "encrypt": part(0..32) }).to_string();
    let salt = [7; 64];
    let mut derived = [0; 64];
    let params = scrypt::Params::new(10, 8, 1).unwrap();
    scrypt::scrypt(PASSWORD.as_bytes(), &salt, &params, &mut derived).unwrap();
    let nonce = [9; 16];
    let cipher = Aes256CtrPoly1305Aes::new(CipherKey::from_slice(&derived));
    let sealed = cipher.encrypt(Nonce::from_slice(&nonce), master.as_bytes()).unwrap();
    let data = BASE64.encode(&[nonce.as_slice(), &sealed].concat());
    let file = serde_json::json!({
        "created": "2026-01-01T00:00:00Z", "username": "", "hostname": "", "kdf": "scrypt",
        "N": 1024, "r": 8, "p": 1, "salt": BASE64.encode(&salt), "data": data,
    });
    let text = file.to_string();
    let keys = repository.join("keys");
    std::fs::create_dir_all(&keys).unwrap();
    let name = Digest::of(text.as_bytes()).to_string();
    std::fs::write(keys.join(name), text).unwrap();
}

/// What restic prints, if it succeeds.
#[track_caller]
pub(crate) fn restic(repository: &Path, arguments: &[&str]) -> String {
    let output = Command::new("restic")
        .args(["--no-cache", "--no-lock", "-r"])
        .arg(repository)
        .args(arguments)
        .env("RESTIC_PASSWORD", PASSWORD)
        .output()
        .expect("restic is installed (Debian package restic)");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "restic {arguments:?}: {text}{errors}");
    text
}
