//! `tillward recovery`: what the holders of recovery identities do, on a machine without a
//! network. Nothing here speaks to the controller.

mod copy;
mod key;
mod open;
mod reseal;
mod restic;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use shared::digest::PublicKey;
use shared::document::Document;
use shared::id::FleetId;
use shared::signature::{self, KnownKeys, Opened};

use super::failure::{Exit, Failure};
use super::print::Print;
use crate::key_file::{Asked, PassphraseArgs, RecoveryFile, RecoveryIdentity};

/// Open backups with a recovery identity, on an offline machine
#[derive(Debug, Subcommand)]
pub(super) enum RecoveryCommand {
    /// Make and look at recovery identities
    #[command(subcommand)]
    Key(key::RecoveryKey),
    Open(open::OpenCopy),
    Reseal(reseal::ResealKey),
}

impl RecoveryCommand {
    pub(super) fn run(&self, print: &mut Print) -> Result<Exit, Failure> {
        match self {
            Self::Key(command) => command.run(print)?,
            Self::Open(command) => command.run(print)?,
            Self::Reseal(command) => return command.run(print),
        }
        Ok(Exit::Done)
    }
}

/// Which identity, and what opens it.
#[derive(Debug, Args)]
struct IdentityArgs {
    /// The file of a recovery identity
    #[arg(long, value_name = "FILE", help_heading = "Keys")]
    identity: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl IdentityArgs {
    fn open(&self) -> Result<RecoveryIdentity, Failure> {
        let file = RecoveryFile::read(&self.identity)?;
        let passphrase = match file.is_sealed() {
            true => {
                let what = self.identity.display().to_string();
                Some(self.passphrase.passphrase(Asked::Existing(&what))?)
            }
            false => None,
        };
        Ok(file.open(passphrase.as_ref())?)
    }
}

/// Whose signature must be there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signer {
    pub(super) fleet: FleetId,
    pub(super) key: PublicKey,
}

impl Signer {
    /// The document, if this terminal signed it.
    pub(super) fn check<D: Document>(self, what: &Path, bytes: &[u8]) -> Result<Opened<D>, Failure> {
        let opened = signature::open::<D>(bytes, self.fleet, &KnownKeys::of_terminal(self.key))
            .map_err(|error| Failure::new(error).exit(Exit::NotGenuine))
            .map_err(|failure| failure.context(format!("{} is not read", what.display())))?;
        match opened.signed_by.has(self.key) {
            true => Ok(opened),
            false => Err(Failure::because(format_args!(
                "{} is not signed by the terminal's key {}",
                what.display(),
                self.key.key_id()
            ))
            .exit(Exit::NotGenuine)
            .hint("compare the key with the terminal's own, and the fleet with the roster's")),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| Failure::new(error).context(format!("cannot read {}", path.display())))
}
