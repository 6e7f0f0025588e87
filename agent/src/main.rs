//! `tillward-agent`: the command line around the agent.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use agent::command_line::{self, Cli, Command, HELP};
use agent::config::{self, StateDir};
use agent::exit::{Exit, Failure};
use agent::{enrolment, machine, print, program, status, suspicion};
use shared::claim::{CLAIM_BYTES_MAX, Claim};
use tracing::Level;

fn main() -> ExitCode {
    shared::tls::install_terminal_provider();
    let cli = command_line::parse(std::env::args_os(), |name| std::env::var_os(name));
    let exit = match cli.map_err(Failure::Usage).and_then(run) {
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
        Command::Enrol { claim_file } => {
            // Who names the directory needs no configuration, but one that is there is looked at.
            if let Ok(config) = config() {
                program::may_be_enrolled(&config)?;
            }
            enrol(&state()?, &claim_file)
        }
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
        Command::Help => say(HELP),
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
