//! `tillward recovery key`: identities that terminals seal the keys of their backups to.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::super::failure::Failure;
use super::super::print::Print;
use super::IdentityArgs;
use crate::key_file::{Asked, PassphraseArgs, RecoveryIdentity};

#[derive(Debug, Subcommand)]
pub(crate) enum RecoveryKey {
    New(New),
    /// Print the recipient of an identity
    Show(Show),
}

/// Make a recovery identity, sealed with a passphrase, and print its recipient
///
/// The file stays offline with its owner; stock `age` opens it, too. The recipient goes into the
/// roster: every key of a backup is sealed to all recipients, and each opens it alone.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward recovery key new --owner ana -o ana.recovery.age
  tillward init fleet --recovery-recipient ana=age1… --recovery-recipient ben=age1…")]
pub(crate) struct New {
    /// Who will hold it
    #[arg(long, value_name = "NAME")]
    owner: String,
    /// The new file; must not exist yet
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    identity: IdentityArgs,
}

impl RecoveryKey {
    pub(super) fn run(&self, print: &mut Print) -> Result<(), Failure> {
        match self {
            Self::New(args) => {
                let what = args.output.display().to_string();
                let passphrase = args.passphrase.passphrase(Asked::New(&what))?;
                let identity = RecoveryIdentity::generate();
                identity.create(&args.output, &passphrase)?;
                print.line(format_args!("{}={}", args.owner, identity.recipient()));
                print.remark(format_args!(
                    "{what} belongs to {}, offline; give the line above to `tillward init` as \
                     --recovery-recipient",
                    args.owner
                ));
            }
            Self::Show(args) => print.line(args.identity.open()?.recipient()),
        }
        Ok(())
    }
}
