//! The people who can open backups: two age identities, made anew for each fleet.

use std::fs;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use anyhow::Result;

/// Whose identities there are.
pub const OWNERS: [&str; 2] = ["safe-1", "safe-2"];

/// Where the identity of one of [`OWNERS`] is.
pub fn identity(directory: &Path, owner: &str) -> PathBuf {
    directory.join("recovery").join(format!("{owner}.txt"))
}

/// Makes the identities; each owner with the recipient, as `tillward init` takes them.
pub(super) fn make(directory: &Path) -> Result<Vec<String>> {
    fs::create_dir_all(directory.join("recovery"))?;
    let make = |owner| {
        let key = Identity::generate();
        fs::write(identity(directory, owner), key.to_string().expose_secret())?;
        Ok(format!("{owner}={}", key.to_public()))
    };
    OWNERS.into_iter().map(make).collect()
}
