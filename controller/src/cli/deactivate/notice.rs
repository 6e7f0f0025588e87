//! `tillward deactivate notice`: the moment that is announced, and who was told of it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use shared::id::RequestId;
use shared::time::UnixTime;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure;
use super::super::notice::{NoticeArgs, write_letters};
use super::super::print::Print;
use super::case::{self, CaseArgs};
use super::request_id;
use crate::api::model::NewStopAnnouncement;

/// Announce when terminals stop, write the letters, and keep who was told
///
/// A suspension is not ordered before provider, bank and customers know of it (and suppliers and
/// tax office, before a decommissioning): each has said so, or was told seven days before the
/// cut-off. `tillward deactivate suspend --untold-by` leaves that to a name. Nobody is told of what
/// is lost, stolen or tampered with.
#[derive(Debug, Subcommand)]
pub(crate) enum NoticeCommand {
    Announce(Announce),
    List(List),
    Letters(Letters),
    Tell(Tell),
}

/// Announce the moment of which parties are told
///
/// What people are to do gets its times, counted from it. Another moment than was announced before
/// makes what parties were told count for nothing: tell them anew.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward deactivate notice announce REQUEST --cut-off 2026-12-04T15:00:00+01:00 \\
    --resume-expected 2027-01-04T08:00:00+01:00")]
pub(crate) struct Announce {
    #[command(flatten)]
    of: CaseArgs,
    /// When they stop
    #[arg(long, value_name = "TIME", value_parser = measure::unix_time)]
    cut_off: UnixTime,
    /// When they are to sell again; left out before a decommissioning
    #[arg(long, value_name = "TIME", value_parser = measure::unix_time)]
    resume_expected: Option<UnixTime>,
}

/// List who has to know, who was told, and who knows
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    of: CaseArgs,
}

/// Write the letter of every party and the handover list, as pages to print and as plain text
///
/// The controller keeps each as evidence, with its digest.
#[derive(Debug, Args)]
pub(crate) struct Letters {
    /// The request that asks for it
    #[arg(value_name = "REQUEST", value_parser = request_id)]
    request: RequestId,
    /// The directory to write into; made where it is not there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

/// Write down that a party was told, and what came of it
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward deactivate notice tell REQUEST --party bank --channel mail \\
    --sent 2026-11-20T09:00:00Z --acknowledged 2026-11-21T10:00:00Z")]
pub(crate) struct Tell {
    #[command(flatten)]
    of: CaseArgs,
    /// provider, bank, customers, suppliers or tax-office
    #[arg(long)]
    party: String,
    #[command(flatten)]
    told: NoticeArgs,
}

impl NoticeCommand {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        match self {
            Self::Announce(args) => {
                let (cut_off, resume_expected) = (args.cut_off, args.resume_expected);
                let asked = NewStopAnnouncement { cut_off, resume_expected };
                let stop = client.announce_stop(args.of.request, &asked).await?;
                args.of.show(&stop, case::whole, print)
            }
            Self::List(args) => {
                args.of.show(&client.stop(args.of.request).await?, case::told, print)
            }
            Self::Letters(args) => {
                write_letters(&client.stop_letters(args.request).await?, &args.to, print)?;
                Ok(Exit::Done)
            }
            Self::Tell(args) => {
                let told = args.told.notice(&args.party);
                let stop = client.put_stop_notice(args.of.request, &told).await?;
                args.of.show(&stop, case::told, print)
            }
        }
    }
}
