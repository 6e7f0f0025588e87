//! `tillward campaign start`, `pause`, `resume` and `abort`.

use std::time::Duration;

use clap::Args;
use shared::id::CampaignId;

use super::super::client::Client;
use super::super::confirm;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::super::words::{counted, word};
use super::{campaign_id, show, what};
use crate::api::model::{Campaign, CampaignState, Decision, Resumption};

#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// The campaign
    #[arg(value_name = "CAMPAIGN", value_parser = campaign_id)]
    campaign: CampaignId,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// End it: no further terminal is ordered, and what has not begun is cancelled
///
/// A terminal that is past its point of no return finishes, or rolls back by itself. An aborted
/// campaign cannot be resumed.
#[derive(Debug, Args)]
pub(crate) struct Abort {
    #[command(flatten)]
    decide: Decide,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Order no further terminal until it is resumed
///
/// What a terminal has accepted goes on to its end; `--wait` waits for that.
#[derive(Debug, Args)]
pub(crate) struct Pause {
    #[command(flatten)]
    decide: Decide,
    /// Until nobody is at it any more
    #[arg(long)]
    wait: bool,
}

/// How often it is looked whether somebody still is.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Pause {
    pub(crate) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let Self { decide, wait } = self;
        let decision = Decision { reason: decide.reason.clone() };
        let mut campaign = client.decide(decide.campaign, "pause", &decision).await?;
        let mut told = None;
        while *wait && campaign.at_it > 0 && campaign.state == CampaignState::Paused {
            if told.replace(campaign.at_it) != Some(campaign.at_it) {
                let still = counted(campaign.at_it, "terminal");
                print.remark(format_args!("{still} still at it"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
            campaign = client.campaign(decide.campaign).await?;
        }
        decide.tell("pause", &campaign, print);
        Ok(Exit::Done)
    }
}

/// Go on after a pause, or after its gate has stopped it
///
/// A halted campaign goes on only for somebody who knows how many terminals have ended badly: only
/// further ones stop it again. What was taken back from terminals is released to them anew.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    decide: Decide,
    /// Of a halted campaign: how many terminals have ended badly, as `campaign show` says
    #[arg(long, value_name = "N")]
    acknowledge: Option<u64>,
}

impl Resume {
    pub(crate) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let Self { decide, acknowledge } = self;
        let asked = Resumption { reason: decide.reason.clone(), acknowledge: *acknowledge };
        let campaign = client.resume_campaign(decide.campaign, &asked).await?;
        decide.tell("resume", &campaign, print);
        Ok(Exit::Done)
    }
}

impl Decide {
    pub(crate) async fn run(
        &self,
        action: &str,
        client: &Client,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let decision = Decision { reason: self.reason.clone() };
        let campaign = client.decide(self.campaign, action, &decision).await?;
        self.tell(action, &campaign, print);
        Ok(Exit::Done)
    }

    fn tell(&self, action: &str, campaign: &Campaign, print: &mut Print) {
        if self.json {
            return print.json(campaign);
        }
        show::summary(campaign, print);
        let id = campaign.id;
        if campaign.state == CampaignState::AwaitingApproval {
            print.remark(format_args!(
                "\nNothing is sent before its approvers have signed. Next:\n  tillward \
                 approve export {id} --to request.json"
            ));
        } else if matches!(action, "start" | "resume") {
            print.remark(format_args!("\nNext:\n  tillward campaign watch {id}"));
        }
    }
}

impl Abort {
    pub(crate) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        if !self.yes {
            let campaign = client.campaign(self.decide.campaign).await?;
            let question = format!(
                "Abort {} ({}, {}, {})?",
                campaign.name.as_deref().unwrap_or("the campaign"),
                what(&campaign),
                counted(campaign.terminals.unwrap_or(0), "terminal"),
                word(&campaign.state)
            );
            if !confirm::is_meant(&question, "abort", print)? {
                return Ok(Exit::Failed);
            }
        }
        self.decide.run("abort", client, print).await
    }
}
