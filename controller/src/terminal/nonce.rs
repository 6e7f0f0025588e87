//! Nonces that need no memory: whoever holds the device authority's key can tell that it gave one
//! out, when, and to which serial number.
//!
//! So there is no table for strangers to fill, and with several controllers a terminal may begin
//! at one and finish at another. A nonce is not used up: the proof that is bound to it is bound to
//! one key as well, and proving the same again changes nothing.

use std::time::Duration;

use hkdf::Hkdf;
use sha2::Sha256;
use shared::digest::Nonce;
use shared::time::UnixTime;
use zeroize::Zeroizing;

use crate::auth::same_bytes;
use crate::key_file::SecretKey;

/// How long a nonce is good for: a certificate request is made and sent at once.
pub const NONCE_LIFETIME: Duration = Duration::from_secs(120);

/// Makes nonces and knows its own again.
pub struct Nonces(Zeroizing<[u8; 64]>);

impl std::fmt::Debug for Nonces {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Nonces")
    }
}

impl Nonces {
    /// The secret is a signature over a text that is never signed for anybody else.
    pub fn new(device_ca: &SecretKey) -> Self {
        Self(Zeroizing::new(device_ca.signing().sign_bytes(b"tillward-enrolment-nonces-v1")))
    }

    /// For this serial number, at this moment. The first four bytes are the moment, the others
    /// say that it was made here.
    pub fn give(&self, serial: &str, now: UnixTime) -> Nonce {
        let seconds = seconds(now).to_be_bytes();
        let mut nonce = [0; 16];
        nonce[..4].copy_from_slice(&seconds);
        nonce[4..].copy_from_slice(&self.tag(serial, seconds));
        Nonce(nonce)
    }

    /// Whether this nonce was made here, for this serial number, a short time ago.
    pub fn recognise(&self, nonce: Nonce, serial: &str, now: UnixTime) -> bool {
        let [a, b, c, d, tag @ ..] = nonce.0;
        let age = seconds(now).wrapping_sub(u32::from_be_bytes([a, b, c, d]));
        let fresh = u64::from(age) <= NONCE_LIFETIME.as_secs();
        same_bytes(&tag, &self.tag(serial, [a, b, c, d])) && fresh
    }

    fn tag(&self, serial: &str, seconds: [u8; 4]) -> [u8; 12] {
        let mut tag = [0; 12];
        Hkdf::<Sha256>::new(None, &*self.0)
            .expand_multi_info(&[&seconds, serial.as_bytes()], &mut tag)
            .expect("12 bytes are within what HKDF-SHA256 gives");
        tag
    }
}

/// Of the clock's seconds only the lower half: it wraps once in 136 years.
fn seconds(at: UnixTime) -> u32 {
    u32::try_from(at.0.rem_euclid(1 << 32)).expect("a remainder of 2^32 fits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_for_two_minutes_and_one_serial_number() {
        let key = SecretKey::generate();
        let nonces = Nonces::new(&key);
        let begun = UnixTime(1_800_000_000);
        let nonce = nonces.give("PX-1", begun);
        assert!(nonces.recognise(nonce, "PX-1", begun));
        assert!(nonces.recognise(nonce, "PX-1", begun.plus(NONCE_LIFETIME)));
        let late = begun.plus(NONCE_LIFETIME + Duration::from_secs(1));
        assert!(!nonces.recognise(nonce, "PX-1", late));
        assert!(!nonces.recognise(nonce, "PX-1", begun.minus(Duration::from_secs(1))));
        assert!(!nonces.recognise(nonce, "PX-2", begun));
        assert!(Nonces::new(&key).recognise(nonce, "PX-1", begun), "after a restart");
        assert!(!Nonces::new(&SecretKey::generate()).recognise(nonce, "PX-1", begun));
    }

    #[test]
    fn no_flipped_bit_makes_another_nonce() {
        let nonces = Nonces::new(&SecretKey::generate());
        let begun = UnixTime(1_800_000_000);
        let nonce = nonces.give("PX-1", begun);
        for bit in 0..128 {
            let mut flipped = nonce;
            flipped.0[bit / 8] ^= 1 << (bit % 8);
            assert!(!nonces.recognise(flipped, "PX-1", begun), "bit {bit}");
        }
    }
}
