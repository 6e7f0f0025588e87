//! `tillward rebind`: another payment provider, planned, approved, begun wave by wave and watched.
//!
//! Secrets are sealed to their terminals here, on the operator's machine: the controller never
//! sees one.

mod ask;
mod facts;
mod profiles;
mod show;
pub(super) mod terms;
mod waves;

use clap::Subcommand;
use shared::id::CampaignId;
use shared::time::UnixTime;

use super::approve::Export;
use super::campaign::watch::Watch;
use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::print::Print;

/// Change the payment provider of terminals
#[derive(Debug, Subcommand)]
pub(super) enum RebindCommand {
    Plan(ask::MakePlan),
    Start(ask::Start),
    /// Write what the approvers of a wave are asked to sign into a file
    ///
    /// The same as `tillward approve export`; `tillward approve sign` and `import` do the rest.
    Approve(Export),
    Next(waves::Next),
    /// Follow a wave while it goes
    Watch(Watch),
    Show(show::Show),
    List(show::List),
    Undo(waves::Undo),
    Notice(waves::Tell),
    Letters(waves::Letters),
}

impl RebindCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let client = Client::new(context.read()?)?;
        match self {
            Self::Plan(args) => args.run(&client, print).await,
            Self::Start(args) => args.run(&client, print).await,
            Self::Approve(args) => args.run(&client, print).await,
            Self::Next(args) => args.run(&client, print).await,
            Self::Watch(args) => args.run(&client, print).await,
            Self::Show(args) => args.run(&client, now, print).await,
            Self::List(args) => args.run(&client, print).await,
            Self::Undo(args) => args.run(&client, print).await,
            Self::Notice(args) => args.run(&client, print).await,
            Self::Letters(args) => args.run(&client, print).await,
        }
    }
}

/// An id on the command line.
fn campaign_id(text: &str) -> Result<CampaignId, shared::id::NotAnId> {
    text.parse()
}
