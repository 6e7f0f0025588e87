//! `tillward backup now`, and what it has in common with `drill`: a campaign that begins at once.

use std::time::Duration;

use clap::Args;
use shared::change::Extent;
use shared::time::UnixTime;
use shared::window::Window;

use super::super::campaign::plan::members;
use super::super::campaign::show::summary;
use super::super::campaign::watch::Watch;
use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure;
use super::super::print::Print;
use crate::api::model::{Backup, CampaignState, Change, NewCampaign};

/// Whom to ask, and when.
#[derive(Debug, Args)]
pub(super) struct Whom {
    /// Which terminals, for example `store=north & model=px7`
    #[arg(long, value_name = "SELECTOR")]
    select: String,
    /// Terminals that may work on it at the same time
    #[arg(long, value_name = "N", default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(1..))]
    max_parallel: u32,
    /// When they may begin, in each terminal's local time; else at any time
    #[arg(long, value_name = "HH:MM-HH:MM")]
    window: Option<Window>,
    /// How long its orders are valid; else 14 days
    #[arg(long, value_name = "DURATION", value_parser = measure::duration)]
    not_after: Option<Duration>,
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// Follow it to its end, as `tillward campaign watch` does
    #[arg(long)]
    watch: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Ask terminals to save what they have, beginning now
///
/// Sales go on meanwhile. Only what is not saved yet is sent, unless --full is given.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward backup now --select 'store=north' --watch")]
pub(crate) struct Now {
    #[command(flatten)]
    whom: Whom,
    /// Save everything into a new repository, under a new key
    #[arg(long)]
    full: bool,
    /// Wait until the till has no open batch, for so long at most; then save all the same
    #[arg(long, value_name = "DURATION", value_parser = measure::duration, num_args = 0..=1,
        require_equals = true, default_missing_value = "2d")]
    after_settlement: Option<Duration>,
}

impl Now {
    pub(super) async fn run(
        &self,
        client: &Client,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let extent = if self.full { Extent::Full } else { Extent::Incremental };
        let change = Change::Backup(Backup {
            extent,
            window: self.whom.window,
            settled_by: self.after_settlement.map(|within| now.plus(within)),
        });
        self.whom.ask(change, client, print).await
    }
}

impl Whom {
    pub(super) fn window(&self) -> Option<Window> {
        self.window
    }

    pub(super) async fn ask(
        &self,
        change: Change,
        client: &Client,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let asked = NewCampaign {
            change,
            selector: self.select.clone(),
            max_parallel: self.max_parallel,
            policy: None,
            not_after_s: self.not_after.map(|lifetime| lifetime.as_secs()),
            name: self.name.clone(),
        };
        if !self.json {
            members(&client.plan_campaign(&asked).await?, print);
            print.line("");
        }
        let campaign = client.begin_campaign(&asked).await?;
        if self.watch {
            return Watch::of(campaign.id, self.json).run(client, print).await;
        }
        match self.json {
            true => print.json(&campaign),
            false => {
                summary(&campaign, print);
                let next = match campaign.state {
                    CampaignState::AwaitingApproval => "approve request show",
                    CampaignState::Draft
                    | CampaignState::Running
                    | CampaignState::Paused
                    | CampaignState::Halted
                    | CampaignState::Completed
                    | CampaignState::Aborted => "campaign watch",
                };
                print.remark(format_args!("\nNext:\n  tillward {next} {}", campaign.id));
            }
        }
        Ok(Exit::Done)
    }
}
