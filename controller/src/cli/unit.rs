//! `tillward unit`: each physical device, from stock to disposal, and who looked at it.

mod add;
mod export;
mod import;
mod sanitised;
mod say;
mod show;

use clap::{Args, Subcommand};

use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::measure::time_text;
use super::print::Print;
use super::words::{or_nothing, word};
use crate::api::model::{Unit, UnitAccessory, UnitEvent, UnitState};

/// Keep the list of devices: where each is, in whose hands, and when somebody looked at it
#[derive(Debug, Subcommand)]
pub(super) enum UnitCommand {
    List(List),
    /// Show one unit, what happened to it, and who looked at it
    Show(Show),
    Add(Box<add::Add>),
    Move(Box<say::Move>),
    Inspect(say::Inspect),
    Sanitised(sanitised::Sanitised),
    Due(Due),
    Import(import::Import),
    Export(export::Export),
}

/// List units
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only those in this state, for example `in-service`
    #[arg(long, value_parser = state)]
    state: Option<UnitState>,
    /// Only those of this store
    #[arg(long, value_name = "NAME")]
    store: Option<String>,
    /// Only those of this model
    #[arg(long, value_name = "KEY")]
    model: Option<String>,
    /// Only those that somebody should have looked at by now
    #[arg(long)]
    due: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    serial: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// List the units that somebody must look at
#[derive(Debug, Args)]
pub(super) struct Due {
    /// Those that are due within so many days too
    #[arg(long, value_name = "DAYS", default_value_t = 0)]
    within: u16,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn state(text: &str) -> Result<UnitState, String> {
    let known = UnitState::ALL.into_iter().find(|it| it.as_str() == text);
    known.ok_or_else(|| {
        let words: Vec<_> = UnitState::ALL.iter().map(|it| it.as_str()).collect();
        format!("`{text}` is no state: write {}", words.join(", "))
    })
}

fn event(text: &str) -> Result<UnitEvent, String> {
    let known = UnitEvent::ALL.into_iter().find(|it| it.as_str() == text);
    known.ok_or_else(|| {
        let words: Vec<_> = UnitEvent::ALL.iter().map(|it| it.as_str()).collect();
        format!("`{text}` is no event: write {}", words.join(", "))
    })
}

/// `base` or `base=2`.
fn accessory(text: &str) -> Result<UnitAccessory, String> {
    let (name, count) = text.split_once('=').unwrap_or((text, "1"));
    let (name, count) = (name.trim(), count.trim().parse());
    match (name.is_empty(), count) {
        (false, Ok(count)) => Ok(UnitAccessory { name: name.to_owned(), count }),
        (true, _) | (_, Err(_)) => Err(format!("`{text}` is no accessory: write `NAME=COUNT`")),
    }
}

impl UnitCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let client = Client::new(context.read()?)?;
        match self {
            Self::List(args) => {
                let (store, model) = (args.store.as_deref(), args.model.as_deref());
                let units = client.units(args.state, store, model, args.due).await?;
                match args.json {
                    true => print.json_list(&units),
                    false => list(&units, "no unit is on the list", print),
                }
            }
            Self::Due(args) => {
                let units = client.units_due(args.within).await?;
                match args.json {
                    true => print.json_list(&units),
                    false => list(&units, "no inspection is due", print),
                }
            }
            Self::Show(args) => args.run(&client, print).await?,
            Self::Add(args) => return args.run(&client, print).await,
            Self::Move(args) => return args.run(&client, print).await,
            Self::Inspect(args) => return args.run(&client, print).await,
            Self::Sanitised(args) => return args.run(&client, print).await,
            Self::Import(args) => return args.run(&client, print).await,
            Self::Export(args) => args.run(&client, print).await?,
        }
        Ok(Exit::Done)
    }
}

fn list(units: &[Unit], when_empty: &str, print: &mut Print) {
    let row = |it: &Unit| {
        let due = it.inspection_due_at.map(time_text);
        let due = due.map(|due| if it.is_inspection_due { format!("{due} (due)") } else { due });
        [
            it.about.serial.clone(),
            it.about.model.clone(),
            it.state.to_string(),
            time_text(it.state_at),
            it.about.store.clone(),
            or_nothing(it.about.custodian.as_ref()),
            or_nothing(it.about.seal.as_ref()),
            or_nothing(it.inspected.as_ref().map(|it| word(&it.verdict))),
            or_nothing(due),
        ]
    };
    let header =
        ["serial", "model", "state", "since", "store", "custodian", "seal", "last", "look at by"];
    print.table(header, units.iter().map(row).collect(), when_empty);
}

#[cfg(test)]
mod tests {
    use super::super::{golden, samples};
    use super::*;

    #[test]
    fn a_list_says_where_each_unit_is_and_when_somebody_must_look_at_it() {
        let units = samples::units();
        golden::check("unit-list", &golden::printed(|print| list(&units, "none", print)));
    }

    #[test]
    fn words_are_read_as_they_are_shown() {
        assert_eq!(state("lost-stolen"), Ok(UnitState::LostStolen));
        assert_eq!(event("await-return"), Ok(UnitEvent::AwaitReturn));
        assert!(state("lost").unwrap_err().contains("lost-stolen"));
        assert!(event("fix").unwrap_err().contains("send-for-repair"));
        let base = |count| Ok(UnitAccessory { name: "base".to_owned(), count });
        assert_eq!((accessory("base"), accessory("base=2")), (base(1), base(2)));
        assert!(accessory("=2").is_err() && accessory("base=many").is_err());
    }
}
