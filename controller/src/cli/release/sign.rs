//! `tillward release sign`: one holder of a release key says that these bytes are genuine.

use std::path::PathBuf;

use clap::Args;
use shared::document::Release;
use shared::document::roster::Role;
use shared::durable::{Readers, replace_file};
use shared::signature::Envelope;
use shared::time::UnixTime;

use super::super::context::ContextArgs;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::super::roster::ReadRoster;
use super::{RosterArgs, describe, read_named, verify};
use crate::key_file::{Asked, KeyFile, KeyRole, PassphraseArgs, Unlock};

/// Add a signature to a release
///
/// Shows in words what is signed, checks the artifact if it lies beside the document, and adds the
/// signature to the file. Repeat it with further keys, on other machines if need be, until the
/// roster's threshold is met.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward release sign pos-2.0.0/release.cose --key /media/ana/release-1.key.age \\
    --roster 1.cose")]
pub(crate) struct Sign {
    /// The release, or the directory that it is in
    file: PathBuf,
    /// The signer's key file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    roster: RosterArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Accept a key that is not protected; for development only
    #[arg(long, help_heading = "Keys")]
    insecure_dev: bool,
}

impl Sign {
    pub(super) fn run(
        &self,
        context: &ContextArgs,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let (files, mut release) = read_named(&self.file)?;
        let key = KeyFile::read(&self.key)?;
        let roster = self.roster.read(context)?;
        if key.role != KeyRole::Release {
            return Err(Failure::because(format_args!(
                "{} is a key of role {}: only release keys sign releases",
                self.key.display(),
                key.role
            )));
        }
        if let Some(roster) = &roster {
            let listed = roster.roster.key(key.id()).is_some_and(|it| it.role == Role::Release);
            if !listed || roster.roster.fleet != key.fleet {
                return Err(Failure::because(format_args!(
                    "the key of {} is no release key of roster {}",
                    key.owner, roster.roster.version
                ))
                .hint("is this the newest roster, and the key of this fleet?"));
            }
        }
        describe::release(&release.document, release.digest(), print);
        if files.artifact().exists() {
            verify::artifact(&files, &release.document)?;
            print.line("  beside it   the artifact, and it is the one that is named");
        } else {
            print.warning("the artifact is not beside it: you sign a digest that you did not see");
        }
        if release.document.expires_at <= now {
            print.warning("it has expired: no terminal will install it");
        }
        if release.claimed_signers().any(|signer| signer == key.id()) {
            refuse_false_signature(&release, &key, roster.as_ref())?;
            print.remark(format_args!("{} has signed it already", key.owner));
        } else {
            let unlock = match self.insecure_dev {
                true => Unlock::InsecureDev,
                false => {
                    let whose = format!("the {} key of {}", key.role, key.owner);
                    Unlock::Passphrase(self.passphrase.passphrase(Asked::Existing(&whose))?)
                }
            };
            release.sign(key.fleet, &key.open(&unlock)?.signing());
            replace_file(&files.document(), &release.to_bytes(), Readers::Anyone)?;
        }
        describe::signatures(&release, roster.as_ref(), print);
        Ok(Exit::Done)
    }
}

/// A signature in this key's name that is not this key's could only be replaced by building anew.
fn refuse_false_signature(
    release: &Envelope<Release>,
    key: &KeyFile,
    roster: Option<&ReadRoster>,
) -> Result<(), Failure> {
    let signatures = roster.map(|roster| describe::Signatures::of(release, roster));
    let holds = |it: &describe::Signatures<'_>| it.signed_by.iter().any(|by| by.id == key.id());
    match signatures.is_none_or(|it| holds(&it)) {
        true => Ok(()),
        false => {
            let what = format!("the signature in the name of {} is false", key.owner);
            let hint = "somebody changed the file: take it from where it was built";
            Err(Failure::because(what).exit(Exit::NotGenuine).hint(hint))
        }
    }
}
