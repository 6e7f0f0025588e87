//! What the program is asked to do, from its arguments.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Arg::{Long, Short, Value};
use lexopt::{Parser, ValueExt as _};

pub const HELP: &str = "\
Destroys what a terminal holds, in phases that go on after a power cut.

Usage: tillward-erase <COMMAND> [OPTIONS]

Commands:
  check     Say whether a request, on standard input, is one that can be carried out
  run       Wipe by the request, one line of JSON on standard input
  resume    At boot, before data is mounted: carry on a wipe that was accepted, if there is one
  report    Say what came of the wipe
  forget    Second half: remove the identity, once the report has been delivered
  state     Say how far the wipe is
  may-start Before each start of the POS application: fail where what it ran on is erased
  cancel    End a wipe that has destroyed nothing yet

Options:
  --lifecycle <DIR>  Where the journal is; for every command but `check` and `run`, whose
                     request names it
  --order <ID>       For `cancel`: the order that is meant
  -h, --help         Print help
  -V, --version      Print version";

#[derive(Debug, thiserror::Error)]
pub enum WrongUsage {
    #[error(transparent)]
    Arguments(#[from] lexopt::Error),
    #[error("no command is given")]
    NoCommand,
    #[error("there is no command `{0}`")]
    UnknownCommand(String),
    #[error("`{command}` needs `{option}`")]
    Missing { command: String, option: &'static str },
    #[error("`{option}` means nothing to `{command}`")]
    Unfit { command: String, option: &'static str },
}

#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Check,
    Run,
    Resume { lifecycle: PathBuf },
    Report { lifecycle: PathBuf },
    Forget { lifecycle: PathBuf },
    State { lifecycle: PathBuf },
    MayStart { lifecycle: PathBuf },
    Cancel { lifecycle: PathBuf, order: String },
    Help,
    Version,
}

pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, WrongUsage> {
    let mut parser = Parser::from_args(arguments);
    let (mut command, mut lifecycle, mut order) = (None, None, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("lifecycle") => lifecycle = Some(PathBuf::from(parser.value()?)),
            Long("order") => order = Some(parser.value()?.string()?),
            Short('h') | Long("help") => return Ok(Command::Help),
            Short('V') | Long("version") => return Ok(Command::Version),
            Value(word) if command.is_none() => command = Some(word.string()?),
            argument @ (Short(_) | Long(_) | Value(_)) => return Err(argument.unexpected().into()),
        }
    }
    let command = command.ok_or(WrongUsage::NoCommand)?;
    let unfit = |option| WrongUsage::Unfit { command: command.clone(), option };
    if order.is_some() && command != "cancel" {
        return Err(unfit("--order"));
    }
    let by_request = match command.as_str() {
        "check" => Some(Command::Check),
        "run" => Some(Command::Run),
        _ => None,
    };
    if let Some(by_request) = by_request {
        return lifecycle.map_or(Ok(by_request), |_| Err(unfit("--lifecycle")));
    }
    let missing = |option| WrongUsage::Missing { command: command.clone(), option };
    let lifecycle = || lifecycle.clone().ok_or_else(|| missing("--lifecycle"));
    Ok(match command.as_str() {
        "resume" => Command::Resume { lifecycle: lifecycle()? },
        "report" => Command::Report { lifecycle: lifecycle()? },
        "forget" => Command::Forget { lifecycle: lifecycle()? },
        "state" => Command::State { lifecycle: lifecycle()? },
        "may-start" => Command::MayStart { lifecycle: lifecycle()? },
        "cancel" => {
            let order = order.clone().ok_or_else(|| missing("--order"))?;
            Command::Cancel { lifecycle: lifecycle()?, order }
        }
        _ => return Err(WrongUsage::UnknownCommand(command)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &str, expected: Result<Command, &str>) {
        let parsed = parse(words.split_whitespace().map(OsString::from));
        assert_eq!(parsed.map_err(|e| e.to_string()), expected.map_err(str::to_owned), "{words}");
    }

    #[test]
    fn every_command_is_understood_with_what_it_needs() {
        let lifecycle = || PathBuf::from("/l");
        check("run", Ok(Command::Run));
        check("resume --lifecycle /l", Ok(Command::Resume { lifecycle: lifecycle() }));
        check("--lifecycle=/l report", Ok(Command::Report { lifecycle: lifecycle() }));
        check("forget --lifecycle /l", Ok(Command::Forget { lifecycle: lifecycle() }));
        check("state --lifecycle /l", Ok(Command::State { lifecycle: lifecycle() }));
        check("may-start --lifecycle /l", Ok(Command::MayStart { lifecycle: lifecycle() }));
        let cancel = Command::Cancel { lifecycle: lifecycle(), order: "o1".to_owned() };
        check("cancel --lifecycle /l --order o1", Ok(cancel));
        check("--version", Ok(Command::Version));
        check("run --help", Ok(Command::Help));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        check("", Err("no command is given"));
        check("shred", Err("there is no command `shred`"));
        check("run --lifecycle /l", Err("`--lifecycle` means nothing to `run`"));
        check("state", Err("`state` needs `--lifecycle`"));
        check("cancel --lifecycle /l", Err("`cancel` needs `--order`"));
        check("forget --lifecycle /l --order o", Err("`--order` means nothing to `forget`"));
        check("state extra", Err("unexpected argument \"extra\""));
    }
}
