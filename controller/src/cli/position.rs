//! `tillward position`: where terminals stand, and which unit fills which place.

use clap::{Args, Subcommand};
use shared::id::PositionId;

use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::measure::time_text;
use super::print::Print;
use super::terminal::identify;
use super::words::or_nothing;
use crate::api::model::{Decision, Filling, NewPosition, Position};

/// Say where terminals stand, whichever unit it is
#[derive(Debug, Subcommand)]
pub(super) enum PositionCommand {
    List(List),
    Set(Set),
    Fill(Fill),
    /// No unit fills a position any more
    Vacate(Move),
    /// The lane is gone
    Close(Move),
    /// The lane is there again
    Reopen(Move),
}

/// List positions
#[derive(Debug, Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Say something about a position, and make it where it is not known
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward position set --store north --lane 3 --fallback 'cash, or the terminal of lane 1'")]
pub(super) struct Set {
    #[arg(long, value_name = "NAME")]
    store: String,
    #[arg(long, value_name = "NAME")]
    lane: String,
    /// Whose shop it is, as contracts name the merchant
    #[arg(long, value_name = "NAME")]
    merchant: Option<String>,
    /// The band of fees that its trade belongs to
    #[arg(long, value_name = "NAME")]
    merchant_class: Option<String>,
    /// How the shop takes money while the terminal cannot
    #[arg(long, value_name = "TEXT")]
    fallback: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A unit fills a position from now on
#[derive(Debug, Args)]
pub(super) struct Fill {
    position: PositionId,
    /// Its serial number or id
    terminal: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Move {
    position: PositionId,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl PositionCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let client = Client::new(context.read()?)?;
        match self {
            Self::List(args) => {
                let positions = client.positions().await?;
                match args.json {
                    true => print.json_list(&positions),
                    false => list(positions, print),
                }
            }
            Self::Set(args) => {
                let asked = NewPosition {
                    store: args.store.clone(),
                    lane: args.lane.clone(),
                    merchant: args.merchant.clone(),
                    merchant_class: args.merchant_class.clone(),
                    fallback: args.fallback.clone(),
                };
                show(client.set_position(&asked).await?, args.json, print);
            }
            Self::Fill(args) => {
                let filling = Filling { terminal: identify(&args.terminal, &client).await? };
                show(
                    client.move_position(args.position, "fill", &filling).await?,
                    args.json,
                    print,
                );
            }
            Self::Vacate(args) => args.run("vacate", &client, print).await?,
            Self::Close(args) => args.run("close", &client, print).await?,
            Self::Reopen(args) => args.run("reopen", &client, print).await?,
        }
        Ok(Exit::Done)
    }
}

impl Move {
    async fn run(&self, action: &str, client: &Client, print: &mut Print) -> Result<(), Failure> {
        let why = Decision { reason: self.reason.clone() };
        show(client.move_position(self.position, action, &why).await?, self.json, print);
        Ok(())
    }
}

fn show(position: Position, json: bool, print: &mut Print) {
    match json {
        true => print.json(&position),
        false => list(vec![position], print),
    }
}

fn list(positions: Vec<Position>, print: &mut Print) {
    let row = |it: Position| {
        [
            it.store,
            it.lane,
            it.state,
            time_text(it.state_at),
            or_nothing(it.terminal),
            or_nothing(it.merchant),
            or_nothing(it.merchant_class),
            or_nothing(it.fallback),
            it.id.to_string(),
        ]
    };
    let header = [
        "store", "lane", "state", "since", "terminal", "merchant", "class", "fallback", "position",
    ];
    print.table(header, positions.into_iter().map(row).collect(), "no position is known");
}

#[cfg(test)]
mod tests {
    use super::super::{golden, samples};
    use super::*;

    #[test]
    fn a_list_says_who_stands_where() {
        let shown = golden::printed(|print| list(samples::positions(), print));
        golden::check("position-list", &shown);
    }
}
