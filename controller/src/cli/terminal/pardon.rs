//! `tillward terminal pardon`: somebody has looked at a terminal that failed again and again.

use clap::Args;
use shared::time::UnixTime;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use crate::api::model::Decision;

/// Release changes to a terminal again that has failed three times in a row
///
/// Such a terminal is left alone for a day by all campaigns but those of the classes `security` and
/// `decommission`, so that its shop is not disturbed in vain every night.
#[derive(Debug, Args)]
pub(in super::super) struct Pardon {
    /// Its id (`trm-…`) or its serial number
    terminal: String,
    /// What was found; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Pardon {
    pub(super) async fn run(
        &self,
        client: &Client,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let id = super::identify(&self.terminal, client).await?;
        let asked = Decision { reason: self.reason.clone() };
        let terminal = client.pardon_terminal(id, &asked).await?;
        match self.json {
            true => print.json(&terminal),
            false => super::list(&[terminal], now, print),
        }
        Ok(Exit::Done)
    }
}
