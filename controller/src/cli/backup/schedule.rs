//! `tillward backup schedule`: backups and drills that are asked for again and again.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use shared::window::Window;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::{duration, duration_text, time_text};
use super::super::print::Print;
use super::super::words::{or_nothing, word};
use crate::api::model::{BackupSchedule, NewBackupSchedule, ScheduleEvery, ScheduledWork};

/// Ask for backups and drills again and again
#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    Set(Set),
    List(List),
    Remove(Remove),
}

/// Set a schedule, in place of the one of this name if there is one
///
/// It makes one campaign in each day, week or month (UTC), the first one at once.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward backup schedule set nightly --select 'store=north' --every day --window 02:00-05:00
  tillward backup schedule set monthly-full --select 'store=north' --every month --work full \
    --after-settlement
  tillward backup schedule set monthly-drill --select 'store=north' --every month --work drill")]
pub(crate) struct Set {
    /// What it is called
    name: String,
    /// Which terminals, for example `store=north & model=px7`
    #[arg(long, value_name = "SELECTOR")]
    select: String,
    /// How often
    #[arg(long, value_enum)]
    every: Often,
    /// What is asked for
    #[arg(long, value_enum, default_value = "incremental")]
    work: What,
    /// Terminals that may work on it at the same time
    #[arg(long, value_name = "N", default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(1..))]
    max_parallel: u32,
    /// When they may begin, in each terminal's local time; else at any time
    #[arg(long, value_name = "HH:MM-HH:MM")]
    window: Option<Window>,
    /// Wait until a till has no open batch, for so long at most; then save all the same, and say
    /// `not-settled`. Without a duration it is two days
    #[arg(long, value_name = "DURATION", value_parser = duration, num_args = 0..=1,
        require_equals = true, default_missing_value = "2d")]
    after_settlement: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Often {
    Day,
    Week,
    Month,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// What is not saved yet
    Incremental,
    /// Everything, under a new key
    Full,
    /// A restore into a scratch till, whose totals are compared
    Drill,
}

/// List schedules, and when each makes its next campaign
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Remove a schedule; campaigns that it made go on
#[derive(Debug, Args)]
pub(crate) struct Remove {
    name: String,
}

impl ScheduleCommand {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        match self {
            Self::Set(args) => args.run(client, print).await?,
            Self::List(args) => {
                let schedules = client.schedules().await?;
                match args.json {
                    true => print.json_list(&schedules),
                    false => list(schedules, print),
                }
            }
            Self::Remove(args) => {
                client.remove_schedule(&args.name).await?;
                print.line(format_args!("schedule {} is removed", args.name));
            }
        }
        Ok(Exit::Done)
    }
}

impl Set {
    async fn run(&self, client: &Client, print: &mut Print) -> Result<(), Failure> {
        let asked = NewBackupSchedule {
            work: match self.work {
                What::Incremental => ScheduledWork::Incremental,
                What::Full => ScheduledWork::Full,
                What::Drill => ScheduledWork::Drill,
            },
            every: match self.every {
                Often::Day => ScheduleEvery::Day,
                Often::Week => ScheduleEvery::Week,
                Often::Month => ScheduleEvery::Month,
            },
            selector: self.select.clone(),
            max_parallel: self.max_parallel,
            window: self.window,
            settlement_s: self.after_settlement.map(|within| within.as_secs()),
        };
        let schedule = client.set_schedule(&self.name, &asked).await?;
        match self.json {
            true => print.json(&schedule),
            false => {
                list(vec![schedule], print);
                print.remark("\nNext:\n  tillward campaign list");
            }
        }
        Ok(())
    }
}

fn list(schedules: Vec<BackupSchedule>, print: &mut Print) {
    let row = |it: BackupSchedule| {
        [
            it.name,
            word(&it.work),
            word(&it.every),
            it.window.map_or_else(|| "any time".to_owned(), |window| window.to_string()),
            or_nothing(it.settlement_s.map(|s| duration_text(Duration::from_secs(s)))),
            it.selector,
            time_text(it.next_at),
            it.set_by,
        ]
    };
    let header = ["name", "work", "every", "window", "settlement", "where", "next", "set by"];
    print.table(header, schedules.into_iter().map(row).collect(), "nothing is scheduled");
}
