//! `tillward campaign`: one change for many terminals, created, started, watched and stopped.

mod create;
mod decide;
mod frame;
mod members;
mod pace;
pub(super) mod plan;
mod policy;
mod report;
pub(super) mod show;
pub(super) mod watch;
mod why;

use clap::Subcommand;
use shared::id::CampaignId;
use shared::time::UnixTime;

use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::print::Print;
use crate::api::model::{Campaign, Change, Software};

/// Bring one change to many terminals
#[derive(Debug, Subcommand)]
pub(super) enum CampaignCommand {
    Plan(plan::Plan),
    Create(create::Create),
    /// Start it: terminals are ordered to upgrade
    Start(decide::Decide),
    Watch(watch::Watch),
    Show(show::Show),
    List(show::List),
    Report(report::Report),
    Pause(decide::Pause),
    Resume(decide::Resume),
    Abort(decide::Abort),
    Why(why::Why),
    Skip(members::Skip),
    Retry(members::Retry),
    Set(members::Set),
    Clone(members::Clone),
}

impl CampaignCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let client = Client::new(context.read()?)?;
        match self {
            Self::Plan(args) => args.run(&client, print).await,
            Self::Create(args) => args.run(&client, print).await,
            Self::Start(args) => args.run("start", &client, print).await,
            Self::Watch(args) => args.run(&client, print).await,
            Self::Show(args) => args.run(&client, now, print).await,
            Self::List(args) => args.run(&client, print).await,
            Self::Report(args) => args.run(&client, now, print).await,
            Self::Pause(args) => args.run(&client, print).await,
            Self::Resume(args) => args.run(&client, print).await,
            Self::Abort(args) => args.run(&client, print).await,
            Self::Why(args) => args.run(&client, print).await,
            Self::Skip(args) => args.run(&client, print).await,
            Self::Retry(args) => args.run(&client, print).await,
            Self::Set(args) => args.run(&client, print).await,
            Self::Clone(args) => args.run(&client, print).await,
        }
    }
}

/// What a campaign does, in a few words.
pub(super) fn what(campaign: &Campaign) -> String {
    match (&campaign.change, &campaign.software) {
        (Change::Upgrade(_), Some(Software { component, version })) => {
            format!("{component} {version}")
        }
        (Change::Upgrade(_), None) => "upgrade".to_owned(),
        (Change::Ping(_), _) => "ping".to_owned(),
        (Change::Backup(_), _) => "backup".to_owned(),
        (Change::Drill(_), _) => "restore drill".to_owned(),
        (Change::Restore(_), _) => "restore".to_owned(),
        (Change::Suspend(_), _) => "suspension".to_owned(),
        (Change::Resume(_), _) => "return to service".to_owned(),
        (Change::Decommission(_), _) => "wipe".to_owned(),
        (Change::Rebind(rebind), _) => format!("{} to {}", rebind.from, rebind.to),
    }
}

/// An id on the command line.
fn campaign_id(text: &str) -> Result<CampaignId, shared::id::NotAnId> {
    text.parse()
}
