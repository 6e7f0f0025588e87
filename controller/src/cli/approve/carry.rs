//! `tillward approve export` and `import`: between the controller and approvers' machines.

use std::path::PathBuf;

use clap::Args;
use shared::id::CampaignId;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::{campaign_id, describe, read_request, write_request};

/// Write a campaign's request into a file that approvers sign offline
///
/// The file has all that is needed to check and to show what is signed; it holds no secret. Each
/// approver may sign a copy, or one copy may go from hand to hand.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward approve export CAMPAIGN --to request.json")]
pub(crate) struct Export {
    /// The campaign
    #[arg(value_name = "CAMPAIGN", value_parser = campaign_id)]
    campaign: CampaignId,
    /// The file to write; must not exist yet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// Bring signatures, or a cancellation, back to the controller
///
/// The campaign runs once everybody whose signature is needed has signed.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file that was signed
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Export {
    pub(in super::super) async fn run(
        &self,
        client: &Client,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        if self.to.exists() {
            let what = format!("{} exists already and is left as it is", self.to.display());
            return Err(Failure::because(what).hint("it may hold signatures: choose another name"));
        }
        let request = client.approval_request(self.campaign).await?;
        write_request(&self.to, &request)?;
        let file = self.to.display();
        print.remark(format_args!(
            "{file} is for {}.\n\nNext, on each approver's machine:\n  tillward approve \
             sign {file} --key KEYFILE --roster ROSTER",
            describe::how_many(u32::try_from(request.members.len()).unwrap_or(u32::MAX))
        ));
        Ok(Exit::Done)
    }
}

impl Import {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let request = read_request(&self.file)?;
        let approval = match request.cancellation {
            Some(cancellation) => client.bring_cancellation(request.campaign, cancellation.0).await,
            None => client.bring_signatures(request.campaign, request.batch.0).await,
        };
        let approval = approval?;
        match self.json {
            true => print.json(&approval),
            false => {
                describe::told(&approval, print);
                describe::next(&approval, print);
            }
        }
        Ok(Exit::Done)
    }
}
