//! The operator's command line; speaks only to the HTTP API, and works offline where it can.
//!
//! `init`, `key`, `roster`, most of `release` and `approve sign` need no controller: they make and
//! check files.
//! Everything else asks the API. Each command prints through [`print::Print`] and ends with an
//! [`failure::Exit`] or a [`failure::Failure`], which is printed once, here.

mod approve;
mod audit;
mod backup;
mod binding;
mod calendar;
mod campaign;
mod certificate;
mod client;
mod confirm;
mod context;
mod deactivate;
mod evidence;
mod failure;
mod generate;
mod init;
mod key;
mod notice;
mod operator;
mod position;
pub mod print;
mod provider;
mod qr;
mod rebind;
mod recovery;
mod release;
mod replace;
mod request;
mod restore;
mod roster;
mod status;
mod store;
mod terminal;
mod unit;
mod words;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use shared::time::UnixTime;

use crate::measure;
use context::ContextArgs;
use failure::{Exit, Failure};
use print::Print;

/// Operate a fleet of payment terminals
#[derive(Debug, Parser)]
#[command(name = "tillward", version, max_term_width = 100, after_long_help = Exit::HELP)]
struct Cli {
    #[command(flatten)]
    context: ContextArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(Box<init::Init>),
    #[command(subcommand)]
    Terminal(terminal::TerminalCommand),
    #[command(subcommand)]
    Release(release::ReleaseCommand),
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    #[command(subcommand)]
    Restore(restore::RestoreCommand),
    #[command(subcommand)]
    Provider(provider::ProviderCommand),
    #[command(subcommand)]
    Compat(provider::CompatCommand),
    #[command(subcommand)]
    Campaign(campaign::CampaignCommand),
    #[command(subcommand)]
    Rebind(rebind::RebindCommand),
    #[command(subcommand)]
    Deactivate(deactivate::DeactivateCommand),
    #[command(subcommand)]
    Approve(approve::ApproveCommand),
    #[command(subcommand)]
    Store(store::StoreCommand),
    #[command(subcommand)]
    Calendar(calendar::CalendarCommand),
    #[command(subcommand)]
    Position(position::PositionCommand),
    #[command(subcommand)]
    Binding(binding::BindingCommand),
    #[command(subcommand)]
    Unit(unit::UnitCommand),
    #[command(subcommand)]
    Replace(replace::ReplaceCommand),
    #[command(subcommand)]
    Request(request::RequestCommand),
    #[command(subcommand)]
    Evidence(evidence::EvidenceCommand),
    Status(status::ShowStatus),
    Alarms(status::ListAlarms),
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    #[command(subcommand)]
    Roster(roster::RosterCommand),
    #[command(subcommand)]
    Key(key::KeyCommand),
    #[command(subcommand)]
    Operator(operator::OperatorCommand),
    #[command(subcommand)]
    Recovery(recovery::RecoveryCommand),
    Completions(generate::Completions),
    Man(generate::ManualPages),
}

/// The command line's definition, for help texts, completions and manual pages.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs one command line, and prints how it failed if it did.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(said) => {
            // Where it cannot be printed there is nobody to tell.
            let _printed = said.print();
            return ExitCode::from(u8::try_from(said.exit_code()).unwrap_or(2));
        }
    };
    shared::tls::install_provider();
    let now = UnixTime(jiff::Timestamp::now().as_second());
    let mut print = Print::process();
    let ended = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(cli.run(now, &mut print)),
        Err(error) => Err(Failure::new(error).context("the program cannot start")),
    };
    // Whoever stops reading early, as `head` does, has seen enough.
    let unwritten = print.failure().filter(|error| error.kind() != ErrorKind::BrokenPipe);
    let unwritten = unwritten.map(|error| format!("the result could not be written: {error}"));
    match unwritten.map_or(ended, |error| Err(Failure::because(error))) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.print(&mut print);
            failure.exit.into()
        }
    }
}

impl Cli {
    /// Carries out the command.
    async fn run(&self, now: UnixTime, print: &mut Print) -> Result<Exit, Failure> {
        let context = &self.context;
        match &self.command {
            Command::Init(command) => command.run(now, print),
            Command::Terminal(command) => command.run(context, now, print).await,
            Command::Release(command) => command.run(context, now, print).await,
            Command::Backup(command) => command.run(context, now, print).await,
            Command::Restore(command) => command.run(context, now, print).await,
            Command::Provider(command) => command.run(context, print).await,
            Command::Compat(command) => command.run(context, print).await,
            Command::Campaign(command) => command.run(context, now, print).await,
            Command::Rebind(command) => command.run(context, now, print).await,
            Command::Deactivate(command) => command.run(context, print).await,
            Command::Approve(command) => command.run(context, now, print).await,
            Command::Store(command) => command.run(context, print).await,
            Command::Calendar(command) => command.run(context, now, print).await,
            Command::Position(command) => command.run(context, print).await,
            Command::Binding(command) => command.run(context, print).await,
            Command::Unit(command) => command.run(context, print).await,
            Command::Replace(command) => command.run(context, now, print).await,
            Command::Request(command) => command.run(context, print).await,
            Command::Evidence(command) => command.run(context, print).await,
            Command::Status(command) => command.run(context, print).await,
            Command::Alarms(command) => command.run(context, print).await,
            Command::Audit(command) => command.run(context, print).await,
            Command::Roster(command) => command.run(context, now, print),
            Command::Key(command) => command.run(print),
            Command::Operator(command) => command.run(context, print),
            Command::Recovery(command) => command.run(print),
            Command::Completions(completions) => Ok(completions.run(command(), print)),
            Command::Man(pages) => pages.run(command(), print),
        }
    }
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod samples;

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of a command and of everything below it, as they are typed.
    fn every_command(command: &clap::Command, above: &[String]) -> Vec<Vec<String>> {
        let own = [above, &[command.get_name().to_owned()]].concat();
        let below = command.get_subcommands().filter(|it| it.get_name() != "help");
        let below = below.flat_map(|it| every_command(it, &own)).collect::<Vec<_>>();
        [vec![own], below].concat()
    }

    fn help(names: &[String]) -> String {
        let line = names.iter().cloned().chain(["--help".to_owned()]);
        let said = command().term_width(100).try_get_matches_from(line);
        let said = said.expect_err("help is not a command");
        assert_eq!(said.kind(), clap::error::ErrorKind::DisplayHelp, "{names:?}");
        said.to_string()
    }

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn what_is_lost_is_not_wiped_after_a_cool_off() {
        let wipe = "tillward deactivate wipe --lost --request \
                    req-01010101010101010101010101010101";
        let parsed = |more: &str| {
            command().try_get_matches_from(format!("{wipe} {more}").split_whitespace())
        };
        let refused = parsed("--cool-off 45s").expect_err("it would not wait");
        assert_eq!(refused.kind(), clap::error::ErrorKind::ArgumentConflict);
        assert!(parsed("--yes").is_ok(), "the default is nobody's word");
    }

    #[test]
    fn help_reads_the_same_at_every_level() {
        for names in every_command(&command(), &[]) {
            golden::check(&format!("help/{}", names.join("-")), &help(&names));
        }
    }

    #[test]
    fn every_command_that_lists_prints_json_too() {
        let lists = every_command(&command(), &[]).into_iter().filter(|names| {
            matches!(names.last().map(String::as_str), Some("list" | "claims" | "alarms"))
        });
        for names in lists {
            assert!(help(&names).contains("--json"), "{names:?}");
        }
    }

    #[test]
    fn no_line_of_help_is_wider_than_a_hundred_columns() {
        for names in every_command(&command(), &[]) {
            let help = help(&names);
            // The usage is one line, for whoever copies it.
            let lines = help.lines().filter(|line| !line.starts_with("Usage:"));
            let wide: Vec<_> = lines.filter(|line| line.chars().count() > 100).collect();
            assert_eq!(wide, Vec::<&str>::new(), "{names:?}");
        }
    }
}
