//! Recovery identities: whoever holds one opens the keys that terminals sealed their backups with.
//!
//! A file is what stock `age` writes and reads: the line `AGE-SECRET-KEY-1…`, sealed with a
//! passphrase. One that is not sealed, as `age-keygen` makes it, is read as well.

use std::fmt;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use age::x25519::{Identity, Recipient};
use zeroize::Zeroizing;

use super::{KeyError, Passphrase, create, read, seal};

/// What every sealed file begins with.
const ARMOR: &str = "-----BEGIN AGE ENCRYPTED FILE-----";

/// Why an identity or a seal was not opened.
#[derive(Debug, thiserror::Error)]
pub enum NotRecovered {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("{path} holds no age identity", path = .0.display())]
    NotAnIdentity(PathBuf),
    #[error("this identity is none of those that the key was sealed to, or the key is damaged")]
    OtherIdentity,
    #[error("`{0}` is no age recipient")]
    NotARecipient(String),
}

/// A file that holds an identity, read and not opened yet.
pub struct RecoveryFile {
    path: PathBuf,
    text: Zeroizing<String>,
}

impl RecoveryFile {
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        Ok(Self { path: path.to_owned(), text: read(path)? })
    }

    pub fn is_sealed(&self) -> bool {
        self.text.trim_start().starts_with(ARMOR)
    }

    /// `passphrase` is needed for a sealed file alone.
    pub fn open(&self, passphrase: Option<&Passphrase>) -> Result<RecoveryIdentity, NotRecovered> {
        let opened = match passphrase {
            Some(passphrase) => seal::open(&self.path, self.text.as_bytes(), passphrase)?,
            None => self.text.clone(),
        };
        let mut lines = opened.lines().map(str::trim);
        let identity = lines.find_map(|line| line.parse().ok());
        let identity = identity.ok_or_else(|| NotRecovered::NotAnIdentity(self.path.clone()))?;
        Ok(RecoveryIdentity(identity))
    }
}

impl fmt::Debug for RecoveryFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.path.display())
    }
}

/// The private half.
pub struct RecoveryIdentity(Identity);

impl RecoveryIdentity {
    pub fn generate() -> Self {
        Self(Identity::generate())
    }

    /// The public half: `age1…`.
    pub fn recipient(&self) -> String {
        self.0.to_public().to_string()
    }

    /// Writes a new file; an existing one is left as it is.
    pub fn create(&self, path: &Path, passphrase: &Passphrase) -> Result<(), KeyError> {
        let line = self.0.to_string();
        create(path, &seal::seal(line.expose_secret().as_bytes(), passphrase))
    }

    /// Opens what was sealed to it.
    pub fn unseal(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotRecovered> {
        let opened = age::decrypt(&self.0, sealed);
        opened.map(Zeroizing::new).map_err(|_| NotRecovered::OtherIdentity)
    }
}

impl fmt::Debug for RecoveryIdentity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "private half of {}", self.recipient())
    }
}

/// Seals for one recipient.
pub fn seal_to(recipient: &str, secret: &[u8]) -> Result<Vec<u8>, NotRecovered> {
    let no_recipient = || NotRecovered::NotARecipient(recipient.chars().take(80).collect());
    let recipient: Recipient = recipient.parse().map_err(|_| no_recipient())?;
    age::encrypt(&recipient, secret).map_err(|_| no_recipient())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_opens_what_was_sealed_to_it_after_a_stay_on_disk() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ana.age");
        let passphrase = Passphrase::new("four words for a test");
        let identity = RecoveryIdentity::generate();
        identity.create(&path, &passphrase).expect("it is new");
        assert!(matches!(identity.create(&path, &passphrase), Err(KeyError::Exists(_))));
        let file = RecoveryFile::read(&path).expect("it is there");
        assert!(file.is_sealed());
        let again = file.open(Some(&passphrase)).expect("the passphrase is right");
        let sealed = seal_to(&identity.recipient(), b"secret").expect("a recipient");
        assert_eq!(again.unseal(&sealed).expect("it is for it").as_slice(), b"secret");
        let stranger = RecoveryIdentity::generate().unseal(&sealed);
        assert!(matches!(stranger, Err(NotRecovered::OtherIdentity)));
        let other = file.open(Some(&Passphrase::new("four other words")));
        assert!(matches!(other, Err(NotRecovered::Key(KeyError::WrongPassphrase(_)))));
        assert!(matches!(file.open(None), Err(NotRecovered::NotAnIdentity(_))));
    }
}
