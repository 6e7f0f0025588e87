//! `tillward recovery reseal`: the key of one repository, for one other terminal.

use std::path::PathBuf;

use clap::Args;
use data_encoding::BASE64;
use inquire::{Confirm, InquireError};
use shared::digest::PublicKey;
use shared::document::RecipientStatement;
use shared::durable::{Readers, replace_file};
use shared::id::FleetId;

use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::super::words::counted;
use super::copy::Copy;
use super::{IdentityArgs, Signer, read};
use crate::key_file::seal_to;

/// Seal a repository's key for the terminal that replaces another
///
/// The terminal's statement names its recipient under its own key; `tillward terminal recipient`
/// writes it. Compare the key with what `tillward-agent status` shows on that terminal: nothing
/// else tells it from a stranger's. What comes out goes into a restore order, where nobody but that
/// terminal can open it. Shows what it is about to do, and asks.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward recovery reseal --repository rescued --identity ana.recovery.age \\
    --to PX-9.recipient --terminal-key KEY --fleet FLEET -o PX-9.key")]
pub(crate) struct ResealKey {
    /// The copy that `tillward backup export` made
    #[arg(long, value_name = "DIR")]
    repository: PathBuf,
    #[command(flatten)]
    identity: IdentityArgs,
    /// The statement of the terminal that restores, as it is or in base64
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// The public key of the terminal that restores
    #[arg(long, value_name = "KEY")]
    terminal_key: PublicKey,
    /// The fleet that it belongs to
    #[arg(long, value_name = "FLEET")]
    fleet: FleetId,
    /// The public key of the terminal that saved, to check that key and manifests are its own
    #[arg(long, value_name = "KEY")]
    saved_by_key: Option<PublicKey>,
    /// Where the sealed key is written
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl ResealKey {
    pub(super) fn run(&self, print: &mut Print) -> Result<Exit, Failure> {
        let bytes = read(&self.to)?;
        let text: Vec<u8> = bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
        let bytes = BASE64.decode(&text).unwrap_or(bytes);
        let signer = Signer { fleet: self.fleet, key: self.terminal_key };
        let statement = signer.check::<RecipientStatement>(&self.to, &bytes)?.document;
        let identity = self.identity.open()?;
        let copy = Copy(&self.repository);
        let saved_by = self.saved_by_key.map(|key| Signer { fleet: self.fleet, key });
        let said = copy.key(&identity, saved_by)?;
        let manifests = copy.manifests(&said, saved_by)?;
        let opened = copy.opened(&identity)?;
        print.line(format_args!("The key of {}", said.repository));
        match manifests.first() {
            Some(newest) => print.line(format_args!(
                "  saved by    {} ({}), a {}; {} until {}",
                newest.serial,
                said.terminal,
                newest.model,
                counted(manifests.len() as u64, "snapshot"),
                newest.taken_at
            )),
            None => print.line(format_args!("  saved by    {}; no manifest of it", said.terminal)),
        }
        print.line("is to be read by");
        print.line(format_args!("  terminal    {} ({})", statement.serial, statement.terminal));
        print.line(format_args!("  its key     {}", self.terminal_key));
        print.line(format_args!("  recipient   {}", statement.recipient));
        if saved_by.is_none() {
            print.warning(
                "nobody checked which terminal made this key: name that one's with --saved-by-key",
            );
        }
        if !self.is_meant()? {
            print.remark("Nothing was sealed.");
            return Ok(Exit::Failed);
        }
        let sealed = seal_to(&statement.recipient, &opened)?;
        replace_file(&self.output, &sealed, Readers::Owner).map_err(Failure::new)?;
        let (file, terminal) = (self.output.display(), statement.terminal);
        print.remark(format_args!(
            "\n{file} holds it. Next, where there is a network:\n  tillward restore start SNAPSHOT \
             --onto {terminal} --key {file}"
        ));
        Ok(Exit::Done)
    }

    fn is_meant(&self) -> Result<bool, Failure> {
        if self.yes {
            return Ok(true);
        }
        match Confirm::new("Let this terminal read all of it?").with_default(false).prompt() {
            Ok(meant) => Ok(meant),
            Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => Ok(false),
            Err(error) => Err(Failure::new(error)
                .context("nobody could be asked whether to seal it")
                .hint("pass --yes if you are sure")),
        }
    }
}
