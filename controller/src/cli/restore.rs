//! `tillward restore`: puts saved data back into one till, once approvers have signed for it.

mod ask;
mod plan;

use clap::Subcommand;
use shared::time::UnixTime;

use super::campaign::watch::Watch;
use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::print::Print;

/// Put saved data back into a till
///
/// Two approvers have to sign for it: a restore replaces what the till has. What it has by then is
/// saved first.
#[derive(Debug, Subcommand)]
pub(super) enum RestoreCommand {
    Plan(plan::Plan),
    Start(ask::Start),
    Watch(Watch),
}

impl RestoreCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let client = Client::new(context.read()?)?;
        match self {
            Self::Plan(args) => args.run(&client, now, print).await,
            Self::Start(args) => args.run(&client, print).await,
            Self::Watch(args) => args.run(&client, print).await,
        }
    }
}
