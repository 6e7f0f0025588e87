//! The local copy of a repository, as `tillward backup export` makes it: restic's files, the
//! sealed key, and the signed manifests of its snapshots.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use shared::document::{EpochKey, Manifest};
use shared::signature::Envelope;
use zeroize::Zeroizing;

use super::super::failure::{Exit, Failure};
use super::{Signer, read};
use crate::key_file::RecoveryIdentity;

/// The sealed key in the copy.
const SEALED_KEY: &str = "sealed-key.age";

#[derive(Debug)]
pub(super) struct Copy<'a>(pub(super) &'a Path);

impl Copy<'_> {
    /// What is in the seal: the terminal's signed words, which are handed on as they are.
    pub(super) fn opened(
        &self,
        identity: &RecoveryIdentity,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        Ok(identity.unseal(&read(&self.0.join(SEALED_KEY))?)?)
    }

    /// The repository's key. Without a signer nobody checks whose it is.
    pub(super) fn key(
        &self,
        identity: &RecoveryIdentity,
        signer: Option<Signer>,
    ) -> Result<EpochKey, Failure> {
        let path = self.0.join(SEALED_KEY);
        let opened = self.opened(identity)?;
        let said = match signer {
            Some(signer) => signer.check::<EpochKey>(&path, &opened)?.document,
            None => {
                let envelope = Envelope::<EpochKey>::from_bytes(&opened);
                envelope.map_err(|error| Failure::new(error).exit(Exit::NotGenuine))?.document
            }
        };
        match said.key.len() {
            64 => Ok(said),
            other => Err(Failure::because(format_args!(
                "{} seals {other} bytes, and a key has 64",
                path.display()
            ))
            .exit(Exit::NotGenuine)),
        }
    }

    /// The digests of the snapshots that are in the copy.
    pub(super) fn snapshots(&self) -> Result<BTreeSet<String>, Failure> {
        let names = files(&self.0.join("snapshots"))?;
        let name = |path: PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
        Ok(names.into_iter().filter_map(name).collect())
    }

    /// The manifests of one repository, newest first.
    pub(super) fn manifests(
        &self,
        of: &EpochKey,
        signer: Option<Signer>,
    ) -> Result<Vec<Manifest>, Failure> {
        let folder = self.0.join("manifests");
        let mut manifests = Vec::new();
        for path in files(&folder)? {
            let bytes = read(&path)?;
            let manifest = match signer {
                Some(signer) => signer.check::<Manifest>(&path, &bytes)?.document,
                None => {
                    let envelope = Envelope::<Manifest>::from_bytes(&bytes);
                    envelope.map_err(|error| Failure::new(error).exit(Exit::NotGenuine))?.document
                }
            };
            if manifest.repository == of.repository && manifest.terminal == of.terminal {
                manifests.push(manifest);
            }
        }
        manifests.sort_by_key(|manifest| std::cmp::Reverse(manifest.number));
        Ok(manifests)
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error| Failure::new(error).context(format!("cannot read {}", folder.display()));
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut files = Vec::new();
    for entry in entries {
        files.push(entry.map_err(failed)?.path());
    }
    files.sort();
    Ok(files)
}
