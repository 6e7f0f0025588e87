//! Sealing with age: to the fleet's recovery recipients, and back with an identity.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::str::FromStr as _;

use age::secrecy::ExposeSecret as _;
use age::x25519::{Identity, Recipient};
use shared::backup::RECIPIENTS_MIN;
use shared::durable::{self, Readers};
use zeroize::Zeroizing;

/// A sealed key has some hundred bytes for each recipient.
const SEALED_BYTES_MAX: usize = 64 * 1024;

/// Why a key was not sealed or not opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("`{0}` is no recipient: it is `age1…` as `tillward recovery key new` prints it")]
    NotARecipient(String),
    #[error("the recipient `{0}` is named twice, and one of two must be able to get lost")]
    Twice(String),
    #[error("{got} recovery recipients, and a key is sealed to at least {RECIPIENTS_MIN}")]
    TooFew { got: usize },
    #[error("the key cannot be sealed: {0}")]
    NotSealed(String),
    #[error("the sealed key is not for this terminal, or is damaged: {0}")]
    NotOpened(String),
    #[error("this terminal's own recipient cannot be kept")]
    Identity(#[source] io::Error),
}

/// To whom keys are sealed: enough of them, and each once.
#[derive(Debug)]
pub struct Recipients(Vec<Recipient>);

impl Recipients {
    /// From their text form. Space around it means nothing.
    pub fn parse(texts: &[String]) -> Result<Self, SealError> {
        let mut seen = BTreeSet::new();
        let mut recipients = Vec::new();
        for text in texts {
            let shown = || text.trim().chars().take(80).collect::<String>();
            let recipient = Recipient::from_str(text.trim());
            let recipient = recipient.map_err(|_| SealError::NotARecipient(shown()))?;
            if !seen.insert(recipient.to_string()) {
                return Err(SealError::Twice(shown()));
            }
            recipients.push(recipient);
        }
        match recipients.len() {
            got @ 0..RECIPIENTS_MIN => Err(SealError::TooFew { got }),
            _ => Ok(Self(recipients)),
        }
    }

    /// The same set has the same text, in whatever order it was named.
    pub fn text(&self) -> String {
        let texts: BTreeSet<_> = self.0.iter().map(ToString::to_string).collect();
        texts.into_iter().collect::<Vec<_>>().join(",")
    }
}

pub fn seal(secret: &[u8], recipients: &Recipients) -> Result<Vec<u8>, SealError> {
    let not_sealed = |error: &dyn ToString| SealError::NotSealed(error.to_string());
    let each = recipients.0.iter().map(|recipient| recipient as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(each).map_err(|error| not_sealed(&error))?;
    let mut sealed = Vec::new();
    let write = |sealed: &mut Vec<u8>| {
        let mut writer = encryptor.wrap_output(sealed)?;
        io::Write::write_all(&mut writer, secret)?;
        writer.finish().map(|_| ())
    };
    write(&mut sealed).map_err(|error: io::Error| not_sealed(&error))?;
    Ok(sealed)
}

pub fn unseal(sealed: &[u8], identity: &Identity) -> Result<Zeroizing<Vec<u8>>, SealError> {
    if sealed.len() > SEALED_BYTES_MAX {
        return Err(SealError::NotOpened(format!("it has {} bytes", sealed.len())));
    }
    let opened = age::decrypt(identity, sealed);
    opened.map(Zeroizing::new).map_err(|error| SealError::NotOpened(error.to_string()))
}

/// This terminal's own identity, made when it is first needed.
pub fn restore_identity(path: &Path) -> Result<Identity, SealError> {
    match fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) => {
            if let Ok(identity) = Identity::from_str(text.trim()) {
                return Ok(identity);
            }
            tracing::warn!(path = %path.display(), "it is damaged, and another is made");
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(SealError::Identity(error)),
    }
    let identity = Identity::generate();
    let text = identity.to_string();
    durable::replace_file(path, text.expose_secret().as_bytes(), Readers::Owner)
        .map_err(|error| SealError::Identity(error.source))?;
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipient() -> (Identity, String) {
        let identity = Identity::generate();
        let text = identity.to_public().to_string();
        (identity, text)
    }

    #[test]
    fn either_recipient_opens_the_seal_alone_and_a_stranger_does_not() {
        let ((first, one), (second, two)) = (recipient(), recipient());
        let sealed = seal(b"secret", &Recipients::parse(&[one, two]).unwrap()).unwrap();
        for identity in [first, second] {
            assert_eq!(unseal(&sealed, &identity).unwrap().as_slice(), b"secret");
        }
        assert!(unseal(&sealed, &recipient().0).is_err());
        assert!(unseal(&sealed[..sealed.len() - 1], &recipient().0).is_err());
    }

    #[test]
    fn unusable_recipients_are_named() {
        let (_, one) = recipient();
        let error = |texts: &[&str]| {
            let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
            Recipients::parse(&texts).unwrap_err().to_string()
        };
        assert!(error(&[]).contains("0 recovery recipients"));
        assert!(error(&[&one]).contains("1 recovery recipients"));
        assert!(error(&[&one, "age1nobody"]).contains("age1nobody"));
        assert!(error(&[&one, &one]).contains("twice"));
        assert!(error(&[&one, &format!(" {one} ")]).contains("twice"), "space makes no other");
    }

    #[test]
    fn an_identity_stays_the_same_and_a_damaged_one_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("restore-identity");
        let first = restore_identity(&path).unwrap().to_public().to_string();
        assert_eq!(restore_identity(&path).unwrap().to_public().to_string(), first);
        fs::write(&path, "AGE-SECRET").unwrap();
        assert_ne!(restore_identity(&path).unwrap().to_public().to_string(), first);
    }
}
