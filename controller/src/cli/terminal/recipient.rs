//! `tillward terminal recipient`: what the holder of a recovery identity needs to know of a
//! terminal that shall read another's backup.

use std::path::PathBuf;

use clap::Args;
use shared::durable::{Readers, replace_file};

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::identify;

/// Write down to whom a backup's key is sealed that a terminal needs
///
/// The statement is signed by the terminal. Carry it to the machine where the recovery identity is
/// used, and compare the key with what `tillward-agent status` shows on the terminal itself.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward terminal recipient PX-9 -o PX-9.recipient")]
pub(crate) struct WriteRecipient {
    /// Its id (`trm-…`) or its serial number
    terminal: String,
    /// Where the statement is written
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl WriteRecipient {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let id = identify(&self.terminal, client).await?;
        let terminal = client.terminal(id).await?.terminal;
        let fleet = client.status().await?.fleet;
        let serial = &terminal.serial;
        let it = terminal.recipient.as_ref().ok_or_else(|| {
            Failure::because(format_args!("{serial} has not said to whom its keys are sealed"))
                .hint("it says so when it connects, once its agent.toml has `[backup]`")
        })?;
        replace_file(&self.output, &it.statement.0, Readers::Anyone).map_err(Failure::new)?;
        print.line(format_args!("{serial} ({id}) reads what is sealed to"));
        print.line(format_args!("  {}", it.recipient));
        print.line("and signed this with its key, which it shows as `tillward-agent status`:");
        print.line(format_args!("  {}", it.key));
        print.remark(format_args!(
            "\nNext, offline:\n  tillward recovery reseal --repository DIR --identity FILE \\\n    \
             --to {} --terminal-key {} --fleet {fleet} -o {serial}.key",
            self.output.display(),
            it.key
        ));
        Ok(Exit::Done)
    }
}
