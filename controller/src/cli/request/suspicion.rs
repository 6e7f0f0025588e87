//! `tillward request suspicious`, `suspicions` and `unfreeze`.

use clap::Args;
use shared::id::{RequestId, TerminalId};

use super::super::client::Client;
use super::super::failure::Failure;
use super::super::measure::time_text;
use super::super::print::Print;
use super::super::words::NOTHING;
use crate::api::model::{LiftSuspicion, LiftWord, NewSuspicion, Suspicion};

/// Report something suspicious: nothing is released or sent there until two people have looked
///
/// What a terminal has accepted is taken back from it, unless the roster asks for approvers' words
/// on that. What has begun to disturb a shop runs to its end.
#[derive(Debug, Args)]
pub(crate) struct Raise {
    #[command(flatten)]
    what: What,
    /// What is suspicious
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    #[arg(long)]
    terminal: Option<TerminalId>,
    /// All terminals of a store
    #[arg(long, value_name = "NAME")]
    store: Option<String>,
    /// All terminals in positions of a merchant
    #[arg(long, value_name = "NAME")]
    merchant: Option<String>,
    /// A request, and the campaign that carries it out
    #[arg(long)]
    request: Option<RequestId>,
}

/// List what is frozen, and who wants it lifted
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Those that were lifted too
    #[arg(long)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Lift a suspicion: the first operator asks, and another one confirms
#[derive(Debug, Args)]
pub(crate) struct Lift {
    /// Its number, as `tillward request suspicions` shows it
    #[arg(value_parser = number)]
    number: u64,
    /// What was found out
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn number(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "write its number, as `tillward request suspicions` shows it")
}

impl Raise {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<(), Failure> {
        let What { terminal, store, merchant, request } = &self.what;
        let asked = NewSuspicion {
            terminal: *terminal,
            store: store.clone(),
            merchant: merchant.clone(),
            request: *request,
            note: self.note.clone(),
        };
        show(client.suspect(&asked).await?, self.json, print);
        Ok(())
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<(), Failure> {
        let suspicions = client.suspicions(self.all).await?;
        match self.json {
            true => print.json_list(&suspicions),
            false => list(suspicions, print),
        }
        Ok(())
    }
}

impl Lift {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<(), Failure> {
        let asked = LiftSuspicion { reason: self.why.clone() };
        let suspicion = client.lift_suspicion(self.number, &asked).await?;
        let waits = suspicion.lifted.is_none();
        show(suspicion, self.json, print);
        if waits && !self.json {
            print.remark("\nNext, as another operator:");
            print.remark(format_args!("  tillward request unfreeze {} --why …", self.number));
        }
        Ok(())
    }
}

fn show(suspicion: Suspicion, json: bool, print: &mut Print) {
    match json {
        true => print.json(&suspicion),
        false => list(vec![suspicion], print),
    }
}

fn list(suspicions: Vec<Suspicion>, print: &mut Print) {
    let word = |it: Option<LiftWord>| {
        it.map_or_else(|| NOTHING.to_owned(), |it| format!("{}: {}", it.by, it.reason))
    };
    let row = |it: Suspicion| {
        [
            it.number.to_string(),
            format!("{} {}", it.scope, it.subject),
            it.raised_by,
            time_text(it.raised_at),
            it.note,
            word(it.asked),
            word(it.lifted),
        ]
    };
    let header = ["number", "what", "raised by", "at", "note", "asked to lift", "lifted"];
    print.table(header, suspicions.into_iter().map(row).collect(), "nothing is suspicious");
}

#[cfg(test)]
mod tests {
    use super::super::super::{golden, samples};
    use super::*;

    #[test]
    fn a_list_says_what_is_frozen_and_who_has_said_what() {
        let shown = golden::printed(|print| list(samples::suspicions(), print));
        golden::check("request-suspicions", &shown);
    }
}
