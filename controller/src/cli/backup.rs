//! `tillward backup`: what terminals have saved, whether it is whole, and asking for more.

mod ask;
mod certificate;
mod coverage;
mod drill;
mod export;
mod purge;
mod retention;
mod schedule;
pub(super) mod show;
mod verify;

use clap::Subcommand;
use shared::digest::{Digest, NotHex};
use shared::id::{NotAnId, TerminalId};
use shared::time::UnixTime;

use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::print::Print;

/// Save what tills have, and see that it is safe
#[derive(Debug, Subcommand)]
pub(super) enum BackupCommand {
    Now(ask::Now),
    Drill(drill::Drill),
    #[command(subcommand)]
    Schedule(schedule::ScheduleCommand),
    List(show::List),
    Coverage(coverage::Coverage),
    Classes(coverage::Classes),
    Show(show::Show),
    Verify(verify::Verify),
    Export(export::Export),
    /// Keep a snapshot until somebody says otherwise
    Hold(show::Hold),
    /// No longer hold a snapshot
    Unhold(show::Hold),
    Retention(retention::Retention),
    Purge(purge::Purge),
    #[command(subcommand)]
    Certificate(certificate::CertificateCommand),
}

impl BackupCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        // Made when it is needed: a certificate is checked without a controller.
        let client = || Ok::<_, Failure>(Client::new(context.read()?)?);
        match self {
            Self::Certificate(command) => command.run(context, print).await,
            Self::Now(args) => args.run(&client()?, now, print).await,
            Self::Drill(args) => args.run(&client()?, print).await,
            Self::Schedule(command) => command.run(&client()?, print).await,
            Self::List(args) => args.run(&client()?, now, print).await,
            Self::Coverage(args) => args.run(&client()?, now, print).await,
            Self::Classes(args) => Ok(args.run(print)),
            Self::Show(args) => args.run(&client()?, print).await,
            Self::Verify(args) => args.run(&client()?, now, print).await,
            Self::Export(args) => args.run(&client()?, print).await,
            Self::Hold(args) => args.run("hold", &client()?, print).await,
            Self::Unhold(args) => args.run("unhold", &client()?, print).await,
            Self::Retention(args) => args.run(&client()?, print).await,
            Self::Purge(args) => args.run(&client()?, print).await,
        }
    }
}

pub(super) fn terminal_id(text: &str) -> Result<TerminalId, NotAnId> {
    text.parse()
}

/// A snapshot is named by the digest of its manifest.
pub(super) fn snapshot(text: &str) -> Result<Digest, NotHex> {
    text.parse()
}
