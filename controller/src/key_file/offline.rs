//! The private key of one holder, in a file of its own: labels in clear, the secret sealed.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::digest::{KeyId, PublicKey};
use shared::id::FleetId;
use zeroize::Zeroizing;

use super::{INSECURE_HEADER, KeyError, KeyRole, SecretKey, Unlock};
use super::{create, from_toml, read, seal, to_toml};

/// One private key that a person holds.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    pub fleet: FleetId,
    pub role: KeyRole,
    /// The person or machine that holds it.
    pub owner: String,
    pub public: PublicKey,
    secret: Secret,
}

#[derive(Debug)]
enum Secret {
    Sealed(String),
    Plain(SecretKey),
}

/// The file as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    fleet: FleetId,
    role: KeyRole,
    owner: String,
    id: KeyId,
    public: PublicKey,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    insecure_dev: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<SecretKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
}

/// What is sealed: the key again with its labels, so that nobody can exchange them unnoticed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inside {
    fleet: FleetId,
    role: KeyRole,
    owner: String,
    secret: SecretKey,
}

const SEALED_HEADER: &str = "\
# A private key, sealed with a passphrase (age format, scrypt).
# `tillward key show FILE` shows the clear part without the passphrase.
";

impl KeyFile {
    /// Writes a new key file; an existing one is left as it is.
    pub fn create(
        path: &Path,
        fleet: FleetId,
        role: KeyRole,
        owner: &str,
        secret: &SecretKey,
        protect: &Unlock,
    ) -> Result<(), KeyError> {
        let public = secret.public();
        let mut written = Written {
            fleet,
            role,
            owner: owner.to_owned(),
            id: public.key_id(),
            public,
            insecure_dev: false,
            secret: None,
            sealed: None,
        };
        let header = match protect {
            Unlock::InsecureDev => {
                written.insecure_dev = true;
                written.secret = Some(secret.clone());
                INSECURE_HEADER
            }
            Unlock::Passphrase(passphrase) => {
                let owner = owner.to_owned();
                let inside = Inside { fleet, role, owner, secret: secret.clone() };
                written.sealed = Some(seal::seal(to_toml(&inside).as_bytes(), passphrase));
                SEALED_HEADER
            }
        };
        let text = Zeroizing::new(format!("{header}{}", *to_toml(&written)));
        create(path, &text)
    }

    /// Reads the clear part. The secret stays sealed until [`KeyFile::open`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let written: Written = from_toml(path, &read(path)?)?;
        let secret = match (written.sealed, written.secret, written.insecure_dev) {
            (Some(sealed), None, false) => Secret::Sealed(sealed),
            (None, Some(secret), true) => Secret::Plain(secret),
            (Some(_) | None, Some(_) | None, _) => {
                return Err(KeyError::NeitherForm(path.to_owned()));
            }
        };
        if written.public.key_id() != written.id {
            return Err(KeyError::Relabelled(path.to_owned()));
        }
        let Written { fleet, role, owner, public, .. } = written;
        Ok(Self { path: path.to_owned(), fleet, role, owner, public, secret })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn id(&self) -> KeyId {
        self.public.key_id()
    }

    pub fn is_sealed(&self) -> bool {
        matches!(self.secret, Secret::Sealed(_))
    }

    /// The private half. Takes a good part of a second: that is what the passphrase is worth.
    pub fn open(&self, unlock: &Unlock) -> Result<SecretKey, KeyError> {
        let path = || self.path.clone();
        let (secret, labels_agree) = match (&self.secret, unlock) {
            (Secret::Plain(secret), Unlock::InsecureDev) => (secret.clone(), true),
            (Secret::Plain(_), Unlock::Passphrase(_)) => return Err(KeyError::Insecure(path())),
            (Secret::Sealed(_), Unlock::InsecureDev) => return Err(KeyError::Sealed(path())),
            (Secret::Sealed(sealed), Unlock::Passphrase(passphrase)) => {
                let opened = seal::open(&self.path, sealed.as_bytes(), passphrase)?;
                let inside: Inside = from_toml(&self.path, &opened)?;
                let agree = (inside.fleet, inside.role, &inside.owner)
                    == (self.fleet, self.role, &self.owner);
                (inside.secret, agree)
            }
        };
        match labels_agree && secret.public() == self.public {
            true => Ok(secret),
            false => Err(KeyError::Relabelled(path())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::key_file::Passphrase;

    const FLEET: FleetId = FleetId::from_bytes([1; 16]);

    #[test]
    fn a_sealed_key_shows_its_clear_part_and_opens_with_its_passphrase_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("release-1.key.age");
        let secret = SecretKey::generate();
        let right = sealed_with("correct horse battery staple");
        KeyFile::create(&path, FLEET, KeyRole::Release, "Ana \"A\" Ōta", &secret, &right).unwrap();

        let file = KeyFile::read(&path).unwrap();
        assert_eq!(
            (file.fleet, file.role, file.public),
            (FLEET, KeyRole::Release, secret.public())
        );
        assert_eq!(file.owner, "Ana \"A\" Ōta");
        assert!(file.is_sealed());
        assert_eq!(file.open(&right).unwrap().public(), secret.public());
        let wrong = file.open(&sealed_with("incorrect horse")).unwrap_err();
        assert!(matches!(wrong, KeyError::WrongPassphrase(_)), "{wrong:?}");
        let insecure = file.open(&Unlock::InsecureDev).unwrap_err();
        assert!(matches!(insecure, KeyError::Sealed(_)), "{insecure:?}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        let text = fs::read_to_string(&path).unwrap();
        let armor = &text[text.find("-----BEGIN AGE").unwrap()..];
        let opened = seal::open(
            &path,
            armor.trim_end_matches("\"\"\"\n").as_bytes(),
            match &right {
                Unlock::Passphrase(passphrase) => passphrase,
                Unlock::InsecureDev => unreachable!("sealed above"),
            },
        );
        assert!(opened.unwrap().contains("secret = "), "the stock age program can open it too");
    }

    #[test]
    fn an_insecure_key_says_so_and_opens_only_for_who_asked_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root-1.key.insecure.toml");
        let secret = SecretKey::generate();
        KeyFile::create(&path, FLEET, KeyRole::Root, "ana", &secret, &Unlock::InsecureDev).unwrap();
        assert!(fs::read_to_string(&path).unwrap().starts_with("# NOT PROTECTED"));

        let file = KeyFile::read(&path).unwrap();
        assert!(!file.is_sealed());
        assert_eq!(file.open(&Unlock::InsecureDev).unwrap().public(), secret.public());
        let refused = file.open(&sealed_with("whatever it is")).unwrap_err();
        assert!(matches!(refused, KeyError::Insecure(_)), "{refused:?}");
    }

    #[test]
    fn a_key_whose_label_was_exchanged_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let right = sealed_with("correct horse battery staple");
        let secret = SecretKey::generate();
        KeyFile::create(&path, FLEET, KeyRole::Release, "ana", &secret, &right).unwrap();
        let text = fs::read_to_string(&path).unwrap();

        fs::write(&path, text.replace("role = \"release\"", "role = \"approver\"")).unwrap();
        let refused = KeyFile::read(&path).unwrap().open(&right).unwrap_err();
        assert!(matches!(refused, KeyError::Relabelled(_)), "{refused:?}");

        let other = SecretKey::generate().public();
        let mine = secret.public();
        fs::write(&path, text.replace(&mine.to_string(), &other.to_string())).unwrap();
        let refused = KeyFile::read(&path).unwrap_err();
        assert!(matches!(refused, KeyError::Relabelled(_)), "{refused:?}");
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let create = |secret: &SecretKey| {
            KeyFile::create(&path, FLEET, KeyRole::Root, "ana", secret, &Unlock::InsecureDev)
        };
        let first = SecretKey::generate();
        create(&first).unwrap();
        let refused = create(&SecretKey::generate()).unwrap_err();
        assert!(matches!(refused, KeyError::Exists(_)), "{refused:?}");
        assert_eq!(KeyFile::read(&path).unwrap().public, first.public());
    }

    #[test]
    fn a_broken_key_file_is_refused_without_quoting_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let secret = SecretKey::generate();
        KeyFile::create(&path, FLEET, KeyRole::Root, "ana", &secret, &Unlock::InsecureDev).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let digits = text.split("secret = \"").nth(1).unwrap()[..60].to_owned();
        for broken in [
            text.replace("secret = \"", "secret = \"zz"),
            text.replace("secret = \"", "secret = "),
            text.replace("insecure_dev = true", ""),
            text.replace("[", "").replace("role = ", "rule = "),
            String::new(),
        ] {
            fs::write(&path, &broken).unwrap();
            let error = KeyFile::read(&path).unwrap_err();
            assert!(!format!("{error:?}").contains(&digits), "{error:?}");
            assert!(!anyhow::Error::from(error).chain().any(|e| e.to_string().contains(&digits)));
        }
    }

    fn sealed_with(text: &str) -> Unlock {
        Unlock::Passphrase(Passphrase::new(text))
    }
}
