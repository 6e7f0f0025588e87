//! `tillward deactivate checklist`: what people do before terminals stop and after.

use clap::{Args, Subcommand};
use shared::time::UnixTime;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure;
use super::super::print::Print;
use super::case::{self, CaseArgs};
use crate::api::model::{NewStopItem, StopItemAssigned, StopItemTick};

/// What people are to do, who sees to it, and until when
///
/// It is made when a moment is announced. Late items keep no terminal from stopping: they are shown
/// as a risk.
#[derive(Debug, Subcommand)]
pub(crate) enum ChecklistCommand {
    List(List),
    Add(Add),
    Assign(Assign),
    Tick(Tick),
}

/// List what is to be done
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    of: CaseArgs,
}

/// Add something of your own
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward deactivate checklist add REQUEST alarm-off 'the alarm company knows' \\
    --owner Tess --due 2026-12-04T12:00:00+01:00")]
pub(crate) struct Add {
    #[command(flatten)]
    of: CaseArgs,
    /// Its name: lower-case letters, digits and hyphens
    item: String,
    /// What is so when it is done
    what: String,
    /// Who sees to it
    #[arg(long, value_name = "NAME")]
    owner: String,
    /// Until when
    #[arg(long, value_name = "TIME", value_parser = measure::unix_time)]
    due: UnixTime,
}

/// Say who sees to an item, and until when
#[derive(Debug, Args)]
pub(crate) struct Assign {
    #[command(flatten)]
    of: CaseArgs,
    item: String,
    /// Who sees to it
    #[arg(long, value_name = "NAME", required_unless_present = "due")]
    owner: Option<String>,
    /// Until when
    #[arg(long, value_name = "TIME", value_parser = measure::unix_time)]
    due: Option<UnixTime>,
}

/// Tick off an item, by the name of who has done it
#[derive(Debug, Args)]
pub(crate) struct Tick {
    #[command(flatten)]
    of: CaseArgs,
    item: String,
    /// Who has done it
    #[arg(long, value_name = "NAME")]
    by: String,
    /// What was found
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

impl ChecklistCommand {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let (of, stop) = match self {
            Self::List(args) => (&args.of, client.stop(args.of.request).await?),
            Self::Add(args) => {
                let new = NewStopItem {
                    item: args.item.clone(),
                    what: args.what.clone(),
                    owner: args.owner.clone(),
                    due_at: args.due,
                };
                (&args.of, client.add_stop_item(args.of.request, &new).await?)
            }
            Self::Assign(args) => {
                let to = StopItemAssigned { owner: args.owner.clone(), due_at: args.due };
                let (id, item) = (args.of.request, &args.item);
                (&args.of, client.assign_stop_item(id, item, &to).await?)
            }
            Self::Tick(args) => {
                let tick = StopItemTick { by: args.by.clone(), note: args.note.clone() };
                let (id, item) = (args.of.request, &args.item);
                (&args.of, client.tick_stop_item(id, item, &tick).await?)
            }
        };
        of.show(&stop, case::checklist, print)
    }
}
