//! `tillward binding`: what each position is bound to, at which provider, and since when.

mod set;
mod table;

use clap::{Args, Subcommand, ValueEnum};
use shared::id::{BindingId, PositionId};

use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::measure::time_text;
use super::print::Print;
use super::words::{NOTHING, or_nothing, word};
use crate::api::model::{
    Binding, BindingMove, BindingMoves, BindingStep, BindingVersion, Registration,
    RegistrationStatus,
};

/// Say what positions are bound to
#[derive(Debug, Subcommand)]
pub(super) enum BindingCommand {
    List(List),
    /// Show one binding
    Show(Show),
    Set(Box<set::Set>),
    Register(Register),
    Move(Move),
    /// Show all versions of a binding's tuple
    History(Show),
    Import(table::Import),
    Export(table::Export),
}

/// List bindings
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only those of this position
    #[arg(long, value_name = "POSITION")]
    position: Option<PositionId>,
    /// Only those with this provider
    #[arg(long, value_name = "KEY")]
    provider: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    binding: BindingId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Note what the clearing registry says of a binding's newest version
#[derive(Debug, Args)]
pub(super) struct Register {
    binding: BindingId,
    #[arg(long, value_enum)]
    status: Status,
    /// As the registry gave it
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Status {
    Submitted,
    Registered,
    Rejected,
    Cancelled,
}

/// Move bindings by hand, all of them or none: `BINDING=STEP`
///
/// What campaigns move needs no hand. A switch is one that stands by and one that becomes active.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Steps: adopt, stage, register, activate, stand-by, retire, finish, fail

`adopt` makes a draft active without a registration. It is for an estate that is taken over and
sells with it already, and takes a --reason; whatever is new is staged, registered and activated.

Example:
  tillward binding move bnd-…=stand-by bnd-…=activate --reason 'changed on site'")]
pub(super) struct Move {
    #[arg(value_name = "BINDING=STEP", value_parser = one_move, required = true)]
    moves: Vec<BindingMove>,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// In the order of a binding's life.
const STEPS: &str = "adopt, stage, register, activate, stand-by, retire, finish or fail";

fn one_move(text: &str) -> Result<BindingMove, String> {
    let (binding, step) = text.split_once('=').ok_or("write `BINDING=STEP`")?;
    let binding = binding.parse().map_err(|why: shared::id::NotAnId| why.to_string())?;
    let step = serde_json::from_value::<BindingStep>(step.into())
        .map_err(|_| format!("`{step}` is no step: write {STEPS}"))?;
    Ok(BindingMove { binding, step })
}

impl BindingCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let client = Client::new(context.read()?)?;
        match self {
            Self::List(args) => {
                let bindings = client.bindings(args.position, args.provider.as_deref()).await?;
                match args.json {
                    true => print.json_list(&bindings),
                    false => list(&bindings, print),
                }
            }
            Self::Show(args) => show(&client.binding(args.binding).await?, args.json, print),
            Self::Set(args) => show(&args.run(&client).await?, args.is_json(), print),
            Self::Register(args) => {
                let status = match args.status {
                    Status::Submitted => RegistrationStatus::Submitted,
                    Status::Registered => RegistrationStatus::Registered,
                    Status::Rejected => RegistrationStatus::Rejected,
                    Status::Cancelled => RegistrationStatus::Cancelled,
                };
                let said = Registration { status, reference: args.reference.clone(), at: None };
                let noted = client.register_binding(args.binding, &said).await?;
                show(&noted, args.json, print);
            }
            Self::Move(args) => {
                let asked = BindingMoves { moves: args.moves.clone(), reason: args.reason.clone() };
                let moved = client.move_bindings(&asked).await?.items;
                match args.json {
                    true => print.json_list(&moved),
                    false => list(&moved, print),
                }
            }
            Self::History(args) => {
                let versions = client.binding_versions(args.binding).await?;
                match args.json {
                    true => print.json_list(&versions),
                    false => history(&versions, print),
                }
            }
            Self::Import(args) => return args.run(&client, print).await,
            Self::Export(args) => args.run(&client, print).await?,
        }
        Ok(Exit::Done)
    }
}

fn list(bindings: &[Binding], print: &mut Print) {
    let row = |it: &Binding| {
        let tuple = &it.version.tuple;
        [
            it.provider.clone(),
            it.state.clone(),
            tuple.mid.clone(),
            tuple.tid.clone(),
            tuple.name.clone(),
            word(&it.version.registration.status),
            it.position.to_string(),
            it.id.to_string(),
        ]
    };
    let header = ["provider", "state", "mid", "tid", "name", "registered", "position", "binding"];
    print.table(header, bindings.iter().map(row).collect(), "nothing is bound");
}

fn show(it: &Binding, json: bool, print: &mut Print) {
    if json {
        return print.json(it);
    }
    let tuple = &it.version.tuple;
    let registration = &it.version.registration;
    let reference = registration.reference.as_deref().unwrap_or(NOTHING);
    let hosts = if tuple.hosts.is_empty() { NOTHING.to_owned() } else { tuple.hosts.join(" ") };
    let why = it.state_reason.as_deref().unwrap_or(NOTHING);
    let lines = [
        ("binding", it.id.to_string()),
        ("position", it.position.to_string()),
        ("provider", it.provider.clone()),
        (
            "state",
            format!("{} since {} by {}: {why}", it.state, time_text(it.state_at), it.state_by),
        ),
        ("version", format!("{} of {}", it.version.number, time_text(it.version.set_at))),
        ("registered", format!("{}, reference {reference}", word(&registration.status))),
        ("mid", tuple.mid.clone()),
        ("tid", tuple.tid.clone()),
        ("name", tuple.name.clone()),
        ("mcc", tuple.mcc.clone()),
        ("currency", tuple.currency.clone()),
        ("hosts", hosts),
        ("acquirer", or_nothing(tuple.acquirer_code.as_ref())),
        ("uscc", or_nothing(tuple.uscc.as_ref())),
        ("account", or_nothing(tuple.settlement_account.as_ref())),
        ("address", or_nothing(tuple.install_address.as_ref())),
    ];
    for (name, value) in lines {
        print.line(format_args!("{name:<11} {value}"));
    }
    unchecked(&it.remarks, print);
}

fn unchecked(remarks: &[String], print: &mut Print) {
    remarks.iter().for_each(|it| print.warning(it));
    if !remarks.is_empty() {
        print.hint("write the provider down: `tillward provider import`");
    }
}

fn history(versions: &[BindingVersion], print: &mut Print) {
    let row = |it: &BindingVersion| {
        [
            it.number.to_string(),
            it.tuple.mid.clone(),
            it.tuple.tid.clone(),
            it.tuple.name.clone(),
            it.tuple.mcc.clone(),
            word(&it.registration.status),
            time_text(it.set_at),
            it.set_by.clone(),
            or_nothing(it.set_reason.as_ref()),
        ]
    };
    let header = ["version", "mid", "tid", "name", "mcc", "registered", "set", "by", "why"];
    print.table(header, versions.iter().map(row).collect(), "there is no version");
}

#[cfg(test)]
mod tests {
    use super::super::{golden, samples};
    use super::*;

    #[test]
    fn bindings_are_shown_with_their_tuple_and_its_registration() {
        let all = samples::bindings();
        golden::check("binding-list", &golden::printed(|print| list(&all, print)));
        golden::check("binding-show", &golden::printed(|print| show(&all[0], false, print)));
        let versions: Vec<_> = all.into_iter().map(|it| it.version).collect();
        golden::check("binding-history", &golden::printed(|print| history(&versions, print)));
    }

    #[test]
    fn a_move_names_a_binding_and_a_step() {
        let id = BindingId::from_bytes([1; 16]);
        let read = one_move(&format!("{id}=stand-by"));
        assert_eq!(read, Ok(BindingMove { binding: id, step: BindingStep::StandBy }));
        for wrong in [format!("{id}"), format!("{id}=change"), "bnd-1=stage".to_owned()] {
            assert!(one_move(&wrong).is_err(), "{wrong}");
        }
    }
}
