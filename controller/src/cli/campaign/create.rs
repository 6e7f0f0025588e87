//! `tillward campaign create`.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use shared::digest::Digest;
use shared::window::Window;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure;
use super::super::print::Print;
use super::super::release::read_named;
use super::policy::{Course, PolicyArgs};
use super::{plan, show};
use crate::api::model::{Change, NewCampaign, Upgrade};

/// Describe an upgrade of many terminals; nothing is sent before it is started
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward campaign create --release pos-2.0.0 --where 'store=north & model=px7' \\
    --policy careful --canary PX-1 --window 22:00-06:00")]
pub(crate) struct Create {
    #[command(flatten)]
    asked: Asked,
    /// Only show what it would be, as `tillward campaign plan` does
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// An upgrade of many terminals, as it is asked for.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// The digest of a published release, or the directory that it was built in
    #[arg(long, value_name = "DIGEST|DIR")]
    release: String,
    /// Which terminals, for example `store=north & model=px7`
    #[arg(long = "where", value_name = "SELECTOR")]
    selector: String,
    #[command(flatten)]
    course: PolicyArgs,
    /// When shops may be disturbed, in each terminal's local time; else at any time
    #[arg(long, value_name = "HH:MM-HH:MM")]
    window: Option<Window>,
    /// Disturb a shop only once there is a verified backup of it that is no older than this
    #[arg(long, value_name = "DURATION", value_parser = measure::duration)]
    backup_within: Option<Duration>,
    /// How long its orders are valid; else 14 days
    #[arg(long, value_name = "DURATION", value_parser = measure::duration)]
    not_after: Option<Duration>,
    /// What people call it
    #[arg(long)]
    name: Option<String>,
}

impl Create {
    pub(crate) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let new = self.asked.read(client).await?;
        if self.dry_run {
            let plan = client.plan_campaign(&new).await?;
            match self.json {
                true => print.json(&plan),
                false => plan::whole(&plan, print),
            }
            return Ok(Exit::Done);
        }
        if self.json {
            print.json(&client.create_campaign(&new).await?);
            return Ok(Exit::Done);
        }
        plan::members(&client.plan_campaign(&new).await?, print);
        let campaign = client.create_campaign(&new).await?;
        print.line("");
        show::summary(&campaign, print);
        print.remark(format_args!("\nNext:\n  tillward campaign start {}", campaign.id));
        Ok(Exit::Done)
    }
}

impl Asked {
    pub(super) async fn read(&self, client: &Client) -> Result<NewCampaign, Failure> {
        let Course { max_parallel, policy } = self.course.read(client).await?;
        Ok(NewCampaign {
            change: Change::Upgrade(Upgrade {
                release: digest(&self.release)?,
                window: self.window,
                backup_within_s: self.backup_within.map(|age| age.as_secs()),
            }),
            selector: self.selector.clone(),
            max_parallel,
            policy,
            not_after_s: self.not_after.map(|lifetime| lifetime.as_secs()),
            name: self.name.clone(),
        })
    }
}

/// Reads a digest, or the document of a release that was built here.
pub(super) fn digest(text: &str) -> Result<Digest, Failure> {
    if let Ok(digest) = text.parse() {
        return Ok(digest);
    }
    let (_, release) = read_named(Path::new(text))?;
    Ok(release.digest())
}
