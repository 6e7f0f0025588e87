//! `tillward rebind next`, `undo`, `notice` and `letters`.

use std::path::PathBuf;

use clap::Args;
use shared::id::CampaignId;

use super::super::campaign::show::summary;
use super::super::client::Client;
use super::super::confirm;
use super::super::failure::{Exit, Failure};
use super::super::notice::{NoticeArgs, write_letters};
use super::super::print::Print;
use super::{campaign_id, show};
use crate::api::model::{Decision, NextWave};

/// Ask for the next wave
///
/// Refused unless every terminal of the wave before succeeded.
#[derive(Debug, Args)]
pub(in super::super) struct Next {
    /// The campaign of any of its waves
    #[arg(value_name = "CAMPAIGN", value_parser = campaign_id)]
    campaign: CampaignId,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Who answers for going on although the wave before did not go well
    #[arg(long, value_name = "NAME")]
    despite: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Take a wave back: what has not begun is cancelled, what is in its watch is undone
///
/// A terminal whose watch is over has erased its old keys and stays with the new provider; one that
/// is between two steps goes back as far as it can by itself.
#[derive(Debug, Args)]
pub(in super::super) struct Undo {
    /// The campaign of the wave
    #[arg(value_name = "CAMPAIGN", value_parser = campaign_id)]
    campaign: CampaignId,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Write down that a party was told, and what came of it
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward rebind notice CAMPAIGN --party bank --channel mail --sent 2026-11-20T09:00:00Z \\
    --acknowledged 2026-11-21T10:00:00Z")]
pub(in super::super) struct Tell {
    /// The campaign of any of its waves
    #[arg(value_name = "CAMPAIGN", value_parser = campaign_id)]
    campaign: CampaignId,
    /// old-provider, bank, new-provider or store
    #[arg(long)]
    party: String,
    #[command(flatten)]
    told: NoticeArgs,
}

/// Write the letters and handover lists of every party, as pages to print
///
/// The controller keeps each as evidence, with its digest.
#[derive(Debug, Args)]
pub(in super::super) struct Letters {
    /// The campaign of any of its waves
    #[arg(value_name = "CAMPAIGN", value_parser = campaign_id)]
    campaign: CampaignId,
    /// The directory to write into; made where it is not there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

impl Next {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let asked = NextWave { reason: self.why.clone(), despite: self.despite.clone() };
        let campaign = client.next_wave(self.campaign, &asked).await?;
        match self.json {
            true => print.json(&campaign),
            false => {
                summary(&campaign, print);
                print.remark(format_args!(
                    "\nNext:\n  tillward approve export {} --to request.json",
                    campaign.id
                ));
            }
        }
        Ok(Exit::Done)
    }
}

impl Undo {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        // Names the campaign before anything is asked or done.
        client.rebind(self.campaign).await?;
        if !self.yes && !confirm::is_meant("Take this wave back?", "take it back", print)? {
            return Ok(Exit::Failed);
        }
        let why = Decision { reason: self.why.clone() };
        let campaign = client.decide(self.campaign, "abort", &why).await?;
        match self.json {
            true => print.json(&campaign),
            false => {
                summary(&campaign, print);
                print.remark(format_args!("\nNext:\n  tillward rebind show {}", campaign.id));
            }
        }
        Ok(Exit::Done)
    }
}

impl Tell {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let told = self.told.notice(&self.party);
        show::head(&client.put_notice(self.campaign, &told).await?, print);
        Ok(Exit::Done)
    }
}

impl Letters {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let letters = client.letters(self.campaign).await?;
        write_letters(&letters, &self.to, print)?;
        Ok(Exit::Done)
    }
}
