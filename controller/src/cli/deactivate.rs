//! `tillward deactivate`: terminals that stop, sell again, or are emptied for good.

mod ask;
mod case;
mod certificate;
mod checklist;
mod delay;
mod ledger;
mod notice;
mod show;

use clap::Subcommand;
use shared::id::{CampaignId, NotAnId, RequestId};

use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::print::Print;

/// Stop terminals for a while, let them sell again, or decommission them with proof
///
/// Each carries out an accepted request (`tillward request new --kind …`), and waits for two
/// approvers. A decommissioning takes two steps: `suspend`, which settles and saves, and `wipe`,
/// once the terminal is deregistered. `settle` is for terminals that were allowed to settle later.
#[derive(Debug, Subcommand)]
pub(super) enum DeactivateCommand {
    Suspend(ask::Suspend),
    Settle(ask::Settle),
    Resume(ask::Resume),
    Wipe(ask::Wipe),
    Deregister(ask::Deregister),
    Show(show::Show),
    List(show::List),
    #[command(subcommand)]
    Certificate(certificate::CertificateCommand),
    #[command(subcommand)]
    Notice(notice::NoticeCommand),
    #[command(subcommand)]
    Checklist(checklist::ChecklistCommand),
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    Case(case::Case),
    Close(case::Close),
}

impl DeactivateCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        if let Self::Certificate(command) = self {
            return command.run(context, print).await;
        }
        let client = Client::new(context.read()?)?;
        match self {
            Self::Suspend(args) => args.run(&client, print).await,
            Self::Settle(args) => args.run(&client, print).await,
            Self::Resume(args) => args.run(&client, print).await,
            Self::Wipe(args) => args.run(&client, print).await,
            Self::Deregister(args) => args.run(&client, print).await,
            Self::Show(args) => args.run(&client, print).await,
            Self::List(args) => args.run(&client, print).await,
            Self::Certificate(command) => command.run(context, print).await,
            Self::Notice(command) => command.run(&client, print).await,
            Self::Checklist(command) => command.run(&client, print).await,
            Self::Ledger(command) => command.run(&client, print).await,
            Self::Case(args) => args.run(&client, print).await,
            Self::Close(args) => args.run(&client, print).await,
        }
    }
}

/// An id on the command line.
fn campaign_id(text: &str) -> Result<CampaignId, NotAnId> {
    text.parse()
}

fn request_id(text: &str) -> Result<RequestId, NotAnId> {
    text.parse()
}
