//! `tillward approve request list` and `show`.

use std::path::Path;

use clap::{Args, Subcommand};
use shared::id::CampaignId;
use shared::time::UnixTime;

use super::super::client::Client;
use super::super::context::ContextArgs;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::checked::Checked;
use super::{TrustArgs, describe, read_request};

/// Look at what waits for approvers
#[derive(Debug, Subcommand)]
pub(crate) enum RequestCommand {
    /// List the campaigns that wait for approvers' signatures
    List(List),
    Show(Show),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show what is to be signed, in words, from a file or from the controller
///
/// A file is checked as `sign` checks it; what the controller tells is only told.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// A file that was exported, or a campaign
    #[arg(value_name = "FILE|CAMPAIGN")]
    what: String,
    #[command(flatten)]
    trust: TrustArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl RequestCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        match self {
            Self::List(args) => {
                let approvals = Client::new(context.read()?)?.approvals().await?;
                match args.json {
                    true => print.json_list(&approvals),
                    false => describe::list(&approvals, print),
                }
            }
            Self::Show(args) => args.run(context, now, print).await?,
        }
        Ok(Exit::Done)
    }
}

impl Show {
    async fn run(
        &self,
        context: &ContextArgs,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<(), Failure> {
        let path = Path::new(&self.what);
        if let Ok(campaign) = self.what.parse::<CampaignId>()
            && !path.exists()
        {
            let approval = Client::new(context.read()?)?.approval(campaign).await?;
            match self.json {
                true => print.json(&approval),
                false => {
                    describe::told(&approval, print);
                    describe::next(&approval, print);
                }
            }
            return Ok(());
        }
        let request = Checked::of(read_request(path)?, self.trust.pin(context)?)?;
        match self.json {
            true => print.json(&request.request),
            false => describe::checked(&request, now, print),
        }
        Ok(())
    }
}
