//! `tillward rebind next`, `undo`, `notice` and `letters`.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use shared::durable::{Readers, replace_file};
use shared::id::CampaignId;
use shared::time::UnixTime;

use super::super::campaign::show::summary;
use super::super::client::Client;
use super::super::confirm;
use super::super::failure::{Exit, Failure};
use super::super::measure;
use super::super::print::Print;
use super::{campaign_id, show};
use crate::api::model::{Decision, NextWave, Notice};

/// Ask for the next wave
///
/// Refused unless every terminal of the wave before succeeded.
#[derive(Debug, Args)]
pub(in super::super) struct Next {
    /// The campaign of any of its waves
    #[arg(value_name = "CAMPAIGN", value_parser = campaign_id)]
    campaign: CampaignId,
    /// Why; kept in the audit trail
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
    /// Why; kept in the audit trail
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
    /// How, for example `letter` or `mail`
    #[arg(long)]
    channel: String,
    /// What the channel calls it
    #[arg(long, value_name = "TEXT", default_value = "")]
    reference: String,
    /// When it was sent
    #[arg(long, value_name = "TIME", value_parser = measure::unix_time)]
    sent: UnixTime,
    /// When it arrived
    #[arg(long, value_name = "TIME", value_parser = measure::unix_time)]
    delivered: Option<UnixTime>,
    /// When the party said that it knows
    #[arg(long, value_name = "TIME", value_parser = measure::unix_time)]
    acknowledged: Option<UnixTime>,
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
        let told = Notice {
            party: self.party.clone(),
            channel: self.channel.clone(),
            reference: self.reference.clone(),
            sent_at: self.sent,
            delivered_at: self.delivered,
            acknowledged_at: self.acknowledged,
        };
        show::head(&client.put_notice(self.campaign, &told).await?, print);
        Ok(Exit::Done)
    }
}

impl Letters {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let letters = client.letters(self.campaign).await?;
        let unwritten = |error| Failure::new(error).context(self.to.display().to_string());
        fs::create_dir_all(&self.to).map_err(unwritten)?;
        for letter in letters {
            // The party is the controller's word: no path is made of it.
            let plain = letter.party.chars().filter(|c| c.is_ascii_lowercase() || *c == '-');
            let name = format!("{}-{}.html", plain.collect::<String>(), letter.digest.short());
            let path = self.to.join(name);
            replace_file(&path, letter.html.as_bytes(), Readers::Anyone).map_err(Failure::new)?;
            print.line(format_args!("{}  {}", letter.digest, path.display()));
        }
        Ok(Exit::Done)
    }
}
