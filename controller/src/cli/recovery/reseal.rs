//! `tillward recovery reseal`: the key of one repository, for one other terminal.

use std::path::PathBuf;

use clap::Args;
use data_encoding::BASE64;
use shared::digest::PublicKey;
use shared::document::RecipientStatement;
use shared::durable::{Readers, replace_file};
use shared::id::FleetId;

use super::super::failure::Failure;
use super::super::print::Print;
use super::copy::Copy;
use super::{IdentityArgs, Signer, read};
use crate::key_file::seal_to;

/// Seal a repository's key for the terminal that replaces another
///
/// The terminal's statement names its recipient under its own key. What comes out goes into a
/// restore order, where nobody but that terminal can open it.
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
    /// Where the sealed key is written
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl ResealKey {
    pub(super) fn run(&self, print: &mut Print) -> Result<(), Failure> {
        let bytes = read(&self.to)?;
        let text: Vec<u8> = bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
        let bytes = BASE64.decode(&text).unwrap_or(bytes);
        let signer = Signer { fleet: self.fleet, key: self.terminal_key };
        let statement = signer.check::<RecipientStatement>(&self.to, &bytes)?.document;
        let identity = self.identity.open()?;
        let copy = Copy(&self.repository);
        let said = copy.key(&identity, None)?;
        let opened = copy.opened(&identity)?;
        print.line(format_args!("The key of {} of terminal {}", said.repository, said.terminal));
        print.line(format_args!(
            "is sealed for terminal {} with the serial number {}",
            statement.terminal, statement.serial
        ));
        print.line(format_args!("and the key {}", self.terminal_key.key_id()));
        let sealed = seal_to(&statement.recipient, &opened)?;
        replace_file(&self.output, &sealed, Readers::Owner).map_err(Failure::new)?;
        print.remark(format_args!("{} holds it", self.output.display()));
        Ok(())
    }
}
