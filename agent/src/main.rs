//! `tillward-agent`: the command line around the agent.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use agent::config::{self, StateDir};
use agent::exit::{Exit, Failure};
use agent::{enrolment, machine, print, program, status, suspicion};
use clap::{Parser, Subcommand};
use shared::claim::{CLAIM_BYTES_MAX, Claim};
use tracing::Level;

/// The program on every terminal.
#[derive(Debug, Parser)]
#[command(name = "tillward-agent", version)]
struct Cli {
    /// The configuration file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "TILLWARD_AGENT_CONFIG",
        default_value = "/etc/tillward/agent.toml"
    )]
    config: PathBuf,
    /// Where the agent keeps its state, instead of what the configuration says.
    #[arg(long, global = true, value_name = "DIR", env = "TILLWARD_AGENT_STATE")]
    state: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the agent until it is asked to stop.
    Run,
    /// Enrol this terminal with a claim. Can be repeated after any interruption.
    Enrol {
        /// The file that `tillward terminal claim` wrote; `-` reads the line from standard input.
        #[arg(long, value_name = "FILE")]
        claim_file: PathBuf,
    },
    /// Say everything that is wrong with the configuration.
    CheckConfig,
    /// Print the example configuration, which says what every key means.
    ExampleConfig,
    /// Show what this terminal knows about itself.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Report something suspicious: what has not begun to disturb the shop is withdrawn, and people
    /// are alarmed.
    ReportSuspicious {
        /// What is suspicious, for the people who look into it.
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
    /// Say which version this is.
    Version,
}

fn main() -> ExitCode {
    shared::tls::install_provider();
    let exit = match run(Cli::parse()) {
        Ok(()) => Exit::Done,
        Err(failure) => {
            print::error(&failure, failure.hint());
            failure.exit()
        }
    };
    exit.into()
}

fn run(cli: Cli) -> Result<(), Failure> {
    let own_state = cli.state.map(StateDir::new);
    let config = || config::load(&cli.config, own_state.as_ref());
    // Who names the directory needs no configuration to look at it, or to enrol.
    let state = || match &own_state {
        Some(state) => Ok(state.clone()),
        None => config().map(|config| config.state),
    };
    match cli.command {
        Command::Run => {
            let config = config()?;
            log(config.log);
            program::run(&config)
        }
        Command::Enrol { claim_file } => enrol(&state()?, &claim_file),
        Command::CheckConfig => {
            config()?;
            say(&format!("`{}` is right", cli.config.display()))
        }
        Command::ExampleConfig => say(config::EXAMPLE.trim_end()),
        Command::Status { json } => {
            let overview = status::overview(&state()?)?;
            match json {
                true => say(&overview.json()),
                false => say(&overview.text()),
            }
        }
        Command::ReportSuspicious { note } => {
            let path = state()?.suspicion();
            suspicion::report(&path, machine::now().rtc, &note)?;
            say("reported: the agent withdraws what has not begun, and tells the controller")
        }
        Command::Version => say(concat!("tillward-agent ", env!("CARGO_PKG_VERSION"))),
    }
}

fn enrol(state: &StateDir, claim_file: &Path) -> Result<(), Failure> {
    let path = || claim_file.to_owned();
    let text = read_claim(claim_file)
        .map_err(|source| Failure::ClaimUnreadable { path: path(), source })?;
    let claim: Claim =
        text.parse().map_err(|source| Failure::NotAClaim { path: path(), source })?;
    let identity = enrolment::enrol(&claim, state.path()).map_err(Failure::Enrolment)?;
    let facts = identity.facts;
    say(&format!("enrolled as {} in {}, epoch {}", facts.terminal, facts.fleet, facts.epoch))
}

/// At most one byte more than a claim has, so that a wrong file is not read whole.
fn read_claim(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let bytes_max = CLAIM_BYTES_MAX as u64 + 1;
    match path == Path::new("-") {
        true => std::io::stdin().take(bytes_max).read_to_string(&mut text)?,
        false => std::fs::File::open(path)?.take(bytes_max).read_to_string(&mut text)?,
    };
    Ok(text)
}

fn say(text: &str) -> Result<(), Failure> {
    print::line(text).map_err(|source| Failure::System { what: "printing", source })
}

fn log(level: Level) {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(level)
        .with_ansi(false)
        .init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
