//! The private keys that the controller works with, in one bundle under one passphrase.

use std::path::Path;

use serde::{Deserialize, Serialize};
use shared::id::FleetId;
use zeroize::Zeroizing;

use super::{INSECURE_HEADER, KeyError, SecretKey, Unlock};
use super::{create, from_toml, read, seal, to_toml};

/// What a controller signs, issues and identifies itself with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnlineKeys {
    pub fleet: FleetId,
    /// Issues the certificates of terminals and controllers.
    pub device_ca: SecretKey,
    /// Of the certificate that HTTPS and the broker show.
    pub server: SecretKey,
    /// Of the certificate that the controller shows to brokers.
    pub controller_client: SecretKey,
    /// Signs batches, orders and fleet time.
    pub controller_signing: SecretKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Insecure {
    insecure_dev: bool,
    keys: OnlineKeys,
}

impl OnlineKeys {
    pub const SEALED_NAME: &str = "secrets.age";
    pub const INSECURE_NAME: &str = "secrets.insecure.toml";

    /// Writes a new bundle; an existing one is left as it is.
    pub fn create(&self, path: &Path, protect: &Unlock) -> Result<(), KeyError> {
        let text = match protect {
            Unlock::Passphrase(passphrase) => seal::seal(to_toml(self).as_bytes(), passphrase),
            Unlock::InsecureDev => {
                let plain = Insecure { insecure_dev: true, keys: self.clone() };
                format!("{INSECURE_HEADER}{}", *to_toml(&plain))
            }
        };
        create(path, &Zeroizing::new(text))
    }

    /// Reads a bundle. Takes a good part of a second when it is sealed.
    pub fn open(path: &Path, unlock: &Unlock) -> Result<Self, KeyError> {
        let text = read(path)?;
        let sealed = text.trim_start().starts_with("-----BEGIN AGE");
        match (sealed, unlock) {
            (true, Unlock::Passphrase(passphrase)) => {
                from_toml(path, &seal::open(path, text.as_bytes(), passphrase)?)
            }
            (true, Unlock::InsecureDev) => Err(KeyError::Sealed(path.to_owned())),
            (false, Unlock::InsecureDev) => match from_toml::<Insecure>(path, &text)? {
                Insecure { insecure_dev: true, keys } => Ok(keys),
                Insecure { insecure_dev: false, .. } => Err(KeyError::NeitherForm(path.to_owned())),
            },
            (false, Unlock::Passphrase(_)) => Err(KeyError::Insecure(path.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_file::Passphrase;

    #[test]
    fn the_controllers_bundle_reads_back_in_both_forms_and_refuses_to_mix_them() {
        let dir = tempfile::tempdir().unwrap();
        let (sealed, plain) = (dir.path().join("secrets.age"), dir.path().join("plain.toml"));
        let keys = online();
        let right = sealed_with("correct horse battery staple");
        keys.create(&sealed, &right).unwrap();
        keys.create(&plain, &Unlock::InsecureDev).unwrap();

        for (path, unlock) in [(&sealed, &right), (&plain, &Unlock::InsecureDev)] {
            let opened = OnlineKeys::open(path, unlock).unwrap();
            assert_eq!(opened.device_ca.public(), keys.device_ca.public());
            assert_eq!(opened.controller_signing.public(), keys.controller_signing.public());
        }
        let refused = OnlineKeys::open(&plain, &right).unwrap_err();
        assert!(matches!(refused, KeyError::Insecure(_)), "{refused:?}");
        let refused = OnlineKeys::open(&sealed, &Unlock::InsecureDev).unwrap_err();
        assert!(matches!(refused, KeyError::Sealed(_)), "{refused:?}");
        let refused = OnlineKeys::open(&sealed, &sealed_with("something else")).unwrap_err();
        assert!(matches!(refused, KeyError::WrongPassphrase(_)), "{refused:?}");
    }

    fn sealed_with(text: &str) -> Unlock {
        Unlock::Passphrase(Passphrase::new(text))
    }

    fn online() -> OnlineKeys {
        OnlineKeys {
            fleet: FleetId::from_bytes([1; 16]),
            device_ca: SecretKey::generate(),
            server: SecretKey::generate(),
            controller_client: SecretKey::generate(),
            controller_signing: SecretKey::generate(),
        }
    }
}
