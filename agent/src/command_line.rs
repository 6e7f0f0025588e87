//! What the program is asked to do, from its arguments. Written by hand for the sake of its size.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Arg::{Long, Short, Value};
use lexopt::{Parser, ValueExt as _};

/// For `--help`, which is the same for every command.
pub const HELP: &str = "\
The program on every terminal.

Usage: tillward-agent [OPTIONS] <COMMAND>

Commands:
  run                Run the agent until it is asked to stop
  enrol              Enrol this terminal with a claim; can be repeated after any interruption
    --claim-file <FILE>  The file that `tillward terminal claim` wrote; `-` reads the line from
                         standard input
  check-config       Say everything that is wrong with the configuration
  example-config     Print the example configuration, which says what every key means
  status             Show what this terminal knows about itself
    --json               As JSON
  report-suspicious  Report something suspicious: what has not begun to disturb the shop is
                     withdrawn, and people are alarmed
    --note <TEXT>        What is suspicious, for the people who look into it
  version            Say which version this is

Options:
  --config <FILE>  The configuration file [env: TILLWARD_AGENT_CONFIG]
                   [default: /etc/tillward/agent.toml]
  --state <DIR>    Where the agent keeps its state, instead of what the configuration says
                   [env: TILLWARD_AGENT_STATE]
  -h, --help       Print help
  -V, --version    Print version";

const CONFIG: &str = "/etc/tillward/agent.toml";

/// Why the arguments make no sense.
#[derive(Debug, thiserror::Error)]
pub enum WrongUsage {
    #[error(transparent)]
    Arguments(#[from] lexopt::Error),
    #[error("no command is given")]
    NoCommand,
    #[error("there is no command `{0}`")]
    UnknownCommand(String),
    #[error("`{command}` needs `{option}`")]
    Missing { command: &'static str, option: &'static str },
    #[error("`{option}` means nothing to `{command}`")]
    Unfit { command: &'static str, option: &'static str },
}

#[derive(Debug, PartialEq, Eq)]
pub struct Cli {
    pub config: PathBuf,
    /// Instead of what the configuration says.
    pub state: Option<PathBuf>,
    pub command: Command,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Run,
    Enrol { claim_file: PathBuf },
    CheckConfig,
    ExampleConfig,
    Status { json: bool },
    ReportSuspicious { note: String },
    Version,
    Help,
}

/// What can be said once, anywhere.
#[derive(Default)]
struct Said {
    config: Option<PathBuf>,
    state: Option<PathBuf>,
    claim_file: Option<PathBuf>,
    note: Option<String>,
    json: bool,
}

/// `arguments` begin with the program's name; `variable` looks into the environment.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Cli, WrongUsage> {
    let mut parser = Parser::from_iter(arguments);
    let (mut said, mut word, mut instead) = (Said::default(), None, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("config") => said.config = Some(parser.value()?.into()),
            Long("state") => said.state = Some(parser.value()?.into()),
            Long("claim-file") => said.claim_file = Some(parser.value()?.into()),
            Long("note") => said.note = Some(parser.value()?.string()?),
            Long("json") => said.json = true,
            Long("help") | Short('h') => instead = instead.or(Some(Command::Help)),
            Long("version") | Short('V') => instead = instead.or(Some(Command::Version)),
            Value(value) if word.is_none() => word = Some(value.string()?),
            Long(_) | Short(_) | Value(_) => return Err(argument.unexpected().into()),
        }
    }
    let config = said.config.take().or_else(|| variable("TILLWARD_AGENT_CONFIG").map(Into::into));
    let state = said.state.take().or_else(|| variable("TILLWARD_AGENT_STATE").map(Into::into));
    let command = match (instead, word) {
        (Some(instead), _) => instead,
        (None, Some(word)) => command(&word, said)?,
        (None, None) => return Err(WrongUsage::NoCommand),
    };
    Ok(Cli { config: config.unwrap_or_else(|| CONFIG.into()), state, command })
}

fn command(word: &str, mut said: Said) -> Result<Command, WrongUsage> {
    let (name, command) = match word {
        "run" => ("run", Command::Run),
        "enrol" => {
            let missing = WrongUsage::Missing { command: "enrol", option: "--claim-file" };
            ("enrol", Command::Enrol { claim_file: said.claim_file.take().ok_or(missing)? })
        }
        "check-config" => ("check-config", Command::CheckConfig),
        "example-config" => ("example-config", Command::ExampleConfig),
        "status" => ("status", Command::Status { json: std::mem::take(&mut said.json) }),
        "report-suspicious" => {
            let missing = WrongUsage::Missing { command: "report-suspicious", option: "--note" };
            let note = said.note.take().ok_or(missing)?;
            ("report-suspicious", Command::ReportSuspicious { note })
        }
        "version" => ("version", Command::Version),
        "help" => ("help", Command::Help),
        other => return Err(WrongUsage::UnknownCommand(other.to_owned())),
    };
    let left = [
        (said.claim_file.is_some(), "--claim-file"),
        (said.note.is_some(), "--note"),
        (said.json, "--json"),
    ];
    match left.into_iter().find(|(is_left, _)| *is_left) {
        Some((_, option)) => Err(WrongUsage::Unfit { command: name, option }),
        None => Ok(command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Cli, WrongUsage> {
        read_with(line, &[])
    }

    fn read_with(line: &str, variables: &[(&str, &str)]) -> Result<Cli, WrongUsage> {
        let words = ["tillward-agent"].into_iter().chain(line.split_whitespace());
        parse(words.map(OsString::from), |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn every_command_is_understood_and_stands_in_the_help() {
        let cases = [
            ("run", Command::Run),
            ("enrol --claim-file c.txt", Command::Enrol { claim_file: "c.txt".into() }),
            ("enrol --claim-file=-", Command::Enrol { claim_file: "-".into() }),
            ("check-config", Command::CheckConfig),
            ("example-config", Command::ExampleConfig),
            ("status", Command::Status { json: false }),
            ("--json status", Command::Status { json: true }),
            ("report-suspicious --note why?", Command::ReportSuspicious { note: "why?".into() }),
            ("version", Command::Version),
            ("--version", Command::Version),
            ("run -V", Command::Version),
            ("help", Command::Help),
            ("enrol --help", Command::Help),
            ("-h", Command::Help),
        ];
        for (line, command) in cases {
            for part in line.split_whitespace().filter(|it| it.len() > 2 && *it != "help") {
                let word = part.split('=').next().unwrap();
                assert!(HELP.contains(word) || ["c.txt", "why?"].contains(&word), "{word}");
            }
            assert_eq!(read(line).unwrap().command, command, "{line}");
        }
    }

    #[test]
    fn the_line_wins_over_the_environment_and_that_over_the_default() {
        let both = |cli: Cli| (cli.config, cli.state);
        assert_eq!(both(read("run").unwrap()), (CONFIG.into(), None));
        let set = [("TILLWARD_AGENT_CONFIG", "/e"), ("TILLWARD_AGENT_STATE", "/s")];
        let from_environment = both(read_with("run", &set).unwrap());
        assert_eq!(from_environment, ("/e".into(), Some("/s".into())));
        for line in ["--config /c --state /d run", "run --state=/d --config=/c"] {
            let cli = both(read_with(line, &set).unwrap());
            assert_eq!(cli, ("/c".into(), Some("/d".into())), "{line}");
        }
        assert!(HELP.contains(CONFIG));
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_says_what_it_was() {
        let cases = [
            ("", "no command"),
            ("dance", "`dance`"),
            ("run twice", "twice"),
            ("run --fast", "--fast"),
            ("run -x", "-x"),
            ("enrol", "--claim-file"),
            ("enrol --claim-file", "--claim-file"),
            ("run --claim-file c", "--claim-file"),
            ("report-suspicious", "--note"),
            ("status --note a", "--note"),
            ("run --json", "--json"),
            ("status --json=yes", "yes"),
            ("--config", "--config"),
        ];
        for (line, word) in cases {
            let refused = read(line).expect_err(line).to_string();
            assert!(refused.contains(word), "{line}: {refused}");
        }
    }
}
