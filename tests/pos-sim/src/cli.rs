//! What can be typed.

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::edition;
use crate::exit::Exit;
use crate::{audit, driver, fault, host, keep, past, print, suspicious, till};

/// A small till and its acquirer hosts, for the demo and the tests.
#[derive(Debug, Parser)]
#[command(name = "pos-sim", version = edition::THIS.version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an acquirer host, which keeps books of its own.
    Host(host::Arguments),
    /// Run a till that sells until it is stopped.
    Till(till::Arguments),
    /// Keep a till running, from whatever version its slot holds at each start.
    Keep(keep::Arguments),
    /// Speak the driver protocol on standard input and output for a till.
    Driver(driver::Arguments),
    /// Make a till or a host misbehave, or behave again.
    Fault(fault::Arguments),
    /// Give a till and its host settled sales of earlier days.
    Past(past::Arguments),
    /// Report something suspicious, as a person at the till does by pressing a button.
    Suspicious(suspicious::Arguments),
    /// Compare the books of tills and hosts; ends with 1 if money was lost or doubled.
    Audit(audit::Arguments),
    /// Say which edition this is.
    Version,
}

pub(crate) fn run(command: Command) -> Result<Exit> {
    match command {
        Command::Host(arguments) => host::run(&arguments),
        Command::Till(arguments) => till::run(&arguments, &edition::THIS),
        Command::Keep(arguments) => keep::run(&arguments),
        Command::Driver(arguments) => driver::run(&arguments),
        Command::Fault(arguments) => fault::run(arguments),
        Command::Past(arguments) => past::run(&arguments),
        Command::Suspicious(arguments) => suspicious::run(&arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Version => {
            let edition::Edition { version, schema, .. } = edition::THIS;
            print::line(&format!("pos-sim {version} (journal schema {})", schema as u8))?;
            Ok(Exit::Done)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
