//! `tillward replace`: one terminal takes the place of another, step by step.

mod new;
mod pair;
mod say;
mod show;

use clap::Subcommand;
use shared::time::UnixTime;

use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::print::Print;

/// Replace a terminal by another unit, step by step
///
/// It carries out an accepted request (`tillward request new --kind replace`), whose selector is
/// about exactly the old terminal. Until `live` the old terminal can go back to work; `live` swaps
/// the two in one step. `show` says whose turn it is.
#[derive(Debug, Subcommand)]
pub(super) enum ReplaceCommand {
    New(new::New),
    Allocate(say::Allocate),
    Ship(say::Ship),
    Receive(say::Receive),
    /// The old terminal has signed that it is suspended
    Settled(say::Plain),
    OldUnreachable(say::OldUnreachable),
    Pair(pair::Pair),
    Provisioned(say::Provisioned),
    Commission(say::Commission),
    Live(say::Live),
    /// The new terminal was heard since
    Watch(say::Plain),
    AcceptTrouble(say::AcceptTrouble),
    /// The watch is over, the old unit is erased and has left the shop: the case is over
    Close(say::Plain),
    /// Give it up, which is possible until it is live
    Cancel(say::Plain),
    Show(show::Show),
    List(show::List),
}

impl ReplaceCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        use crate::api::model::ReplacementStep as Step;
        let client = Client::new(context.read()?)?;
        match self {
            Self::New(args) => args.run(&client, print).await,
            Self::Allocate(args) => args.run(&client, print).await,
            Self::Ship(args) => args.run(&client, print).await,
            Self::Receive(args) => args.run(&client, print).await,
            Self::Settled(args) => args.run(Step::SettleOld, &client, print).await,
            Self::OldUnreachable(args) => args.run(&client, print).await,
            Self::Pair(args) => args.run(&client, now, print).await,
            Self::Provisioned(args) => args.run(&client, print).await,
            Self::Commission(args) => args.run(&client, print).await,
            Self::Live(args) => args.run(&client, print).await,
            Self::Watch(args) => args.run(Step::Watch, &client, print).await,
            Self::AcceptTrouble(args) => args.run(&client, print).await,
            Self::Close(args) => args.run(Step::Close, &client, print).await,
            Self::Cancel(args) => args.run(Step::Cancel, &client, print).await,
            Self::Show(args) => args.run(&client, print).await,
            Self::List(args) => args.run(&client, print).await,
        }
    }
}
