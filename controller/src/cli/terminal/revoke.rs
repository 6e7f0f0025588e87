//! `tillward terminal revoke`: nobody with this unit's key is listened to any more.

use clap::Args;
use shared::time::UnixTime;

use super::super::client::Client;
use super::super::confirm;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use crate::api::model::{Revocation, Terminal};

/// Refuse a terminal's certificates: for keys that somebody may have, or a unit that is gone
///
/// Its connection to the controller's own broker ends at once, nothing is sent to it any more, and
/// an order that it still needs does not reach it: one that is to be emptied first is not revoked.
/// What it saved expires. With another broker, see deploy/brokers/README.md for how its connection
/// is ended. Only a new claim brings it back.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward terminal revoke PX-1 --reason 'stolen from the counter; keys may be known'")]
pub(in super::super) struct RevokeTerminal {
    /// Its id (`trm-…`) or its serial number
    terminal: String,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl RevokeTerminal {
    pub(super) async fn run(
        &self,
        client: &Client,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let id = super::identify(&self.terminal, client).await?;
        if !self.yes {
            let question = format!("Refuse {} ({id}) from now on?", self.terminal);
            if !confirm::is_meant(&question, "revoke it", print)? {
                return Ok(Exit::Failed);
            }
        }
        let why = Revocation { reason: self.reason.clone() };
        let terminal: Terminal = client.revoke_terminal(id, &why).await?;
        match self.json {
            true => print.json(&terminal),
            false => super::list(&[terminal], now, print),
        }
        Ok(Exit::Done)
    }
}
