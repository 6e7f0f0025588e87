//! The key of a repository: 64 random bytes, kept in one file on this terminal and sealed for
//! whoever recovers its backups. And the terminal's own recipient, for keys of others.

mod ring;
mod seal;

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use shared::digest::Digest;
use shared::durable::{self, NotWritten, Readers};
use zeroize::Zeroizing;

pub(crate) use ring::make_private;
pub use ring::{Ring, RingError};
pub use seal::{Recipients, SealError, restore_identity, seal, unseal};

/// Of restic's format: 32 bytes to encrypt with (AES-256), 16 and 16 to authenticate with
/// (Poly1305-AES).
pub const KEY_BYTES: usize = 64;

/// Wiped when dropped, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Zeroizing<[u8; KEY_BYTES]>);

impl Key {
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(&mut *bytes)?;
        Ok(Self(bytes))
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// To encrypt with, and the two halves to authenticate with.
    pub(crate) fn parts(&self) -> [&[u8]; 3] {
        let (encrypt, mac) = self.0.split_at(32);
        let (k, r) = mac.split_at(16);
        [encrypt, k, r]
    }

    /// Behind the key stands a digest of it, so that a damaged file is not taken for a key.
    pub(crate) fn write(&self, path: &Path) -> Result<(), NotWritten> {
        let digest = Digest::of(self.as_bytes());
        let bytes = Zeroizing::new([self.as_bytes(), digest.0.as_slice()].concat());
        durable::replace_file(path, &bytes, Readers::Owner)
    }

    /// `None` where the file is missing or damaged: both mean that there is no key.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => Zeroizing::new(bytes?),
        };
        let Some((key, digest)) = bytes.split_at_checked(KEY_BYTES) else { return Ok(None) };
        let is_whole = Digest::of(key).0 == digest;
        Ok(is_whole.then(|| Self::from_bytes(key)).flatten())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[redacted]")
    }
}

/// Overwrites a file, then removes it, so that its bytes are not found on the disk afterwards.
/// Flash memory may keep an older copy of a block: nothing that a program can do reaches it.
pub fn shred(path: &Path) -> io::Result<()> {
    let mut file = match fs::OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(KEY_BYTES);
    io::Write::write_all(&mut file, &vec![0; length])?;
    file.sync_all()?;
    fs::remove_file(path)?;
    durable::sync_directory(durable::parent_of(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_as_it_was_written_and_a_damaged_one_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        assert_eq!(Key::read(&path).unwrap(), None);
        let key = Key::generate().unwrap();
        key.write(&path).unwrap();
        assert!(Key::read(&path).unwrap() == Some(key.clone()));
        let whole = fs::read(&path).unwrap();
        for cut in [0, 10, KEY_BYTES, whole.len() - 1] {
            fs::write(&path, &whole[..cut]).unwrap();
            assert!(Key::read(&path).unwrap().is_none(), "{cut} bytes");
        }
        let mut other = whole;
        other[5] ^= 1;
        fs::write(&path, other).unwrap();
        assert!(Key::read(&path).unwrap().is_none());
    }

    #[test]
    fn a_shredded_file_is_gone_and_may_have_been_gone_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        Key::generate().unwrap().write(&path).unwrap();
        let hard_link = directory.path().join("image");
        fs::hard_link(&path, &hard_link).unwrap();
        shred(&path).unwrap();
        shred(&path).unwrap();
        assert!(!path.exists());
        assert!(fs::read(hard_link).unwrap().iter().all(|byte| *byte == 0));
    }
}
