//! `tillward approve cancel`: any one approver stops what others may have signed.

use std::path::{Path, PathBuf};

use clap::Args;
use inquire::{Confirm, InquireError};
use shared::id::CampaignId;
use shared::signature::Envelope;
use shared::time::UnixTime;

use super::super::client::Client;
use super::super::context::ContextArgs;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::checked::Checked;
use super::{KeyArgs, TrustArgs, describe, read_request, write_request};
use crate::api::model::Base64;
use crate::campaign::approval::{ApprovalRefused, cancellation};

/// Sign as an approver that it shall not be done
///
/// One approver is enough, whoever has signed. Of a file the cancellation is written into it, for
/// `import`; of a campaign it goes to the controller at once. What terminals have begun is taken
/// back where that is still possible.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward approve cancel request.json --key /media/han/approver-2.key.age --roster 1.cose \\
    --reason 'wrong day'")]
pub(crate) struct Cancel {
    /// A file that was exported, or a campaign
    #[arg(value_name = "FILE|CAMPAIGN")]
    what: String,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    trust: TrustArgs,
    /// Why; it is signed too
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Where the request is, and where its cancellation goes.
enum Place {
    File(PathBuf),
    Controller(Client),
}

impl Cancel {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let path = Path::new(&self.what);
        let (place, request) = match self.what.parse::<CampaignId>() {
            Ok(campaign) if !path.exists() => {
                let client = Client::new(context.read()?)?;
                let request = client.approval_request(campaign).await?;
                (Place::Controller(client), request)
            }
            Ok(_) | Err(_) => (Place::File(path.to_owned()), read_request(path)?),
        };
        let mut checked = Checked::of(request, self.trust.pin(context)?)?;
        let key = self.key.read(&checked)?;
        describe::checked(&checked, now, print);
        let asked = &checked.batch.document;
        // Longer than what it cancels: a till that is watched is working on that still.
        let wish = cancellation(checked.request.campaign, asked, &self.reason);
        if wish.not_after <= now {
            return Err(ApprovalRefused::Expired(wish.not_after).into());
        }
        if !self.is_meant()? {
            print.remark("Nothing was signed.");
            return Ok(Exit::Failed);
        }
        let mut wish = Envelope::unsigned(wish);
        wish.sign(key.fleet, &self.key.open(&key)?);
        print.line(format_args!("\n{} has cancelled it.", key.owner));
        match place {
            Place::File(path) => {
                checked.request.cancellation = Some(Base64(wish.to_bytes()));
                write_request(&path, &checked.request)?;
                print.remark(format_args!("\nNext:\n  tillward approve import {}", path.display()));
            }
            Place::Controller(client) => {
                let campaign = checked.request.campaign;
                let told = client.bring_cancellation(campaign, wish.to_bytes()).await?;
                describe::told(&told, print);
            }
        }
        Ok(Exit::Done)
    }

    fn is_meant(&self) -> Result<bool, Failure> {
        if self.yes {
            return Ok(true);
        }
        match Confirm::new("Cancel this, for all of these terminals?").with_default(false).prompt()
        {
            Ok(meant) => Ok(meant),
            Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => Ok(false),
            Err(error) => Err(Failure::new(error)
                .context("nobody could be asked whether to cancel")
                .hint("pass --yes if you are sure")),
        }
    }
}
