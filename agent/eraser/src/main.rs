//! `tillward-erase`: destroys what a terminal holds. See `protocol` for what it reads and prints.
//!
//! It goes on when whoever started it is gone: what was accepted is carried out.

use std::io::{self, BufRead as _, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use eraser::command_line::{self, Command, HELP};
use eraser::failure::Failure;
use eraser::gate::Open;
use eraser::phase::State;
use eraser::print;
use eraser::protocol::{Line, REQUEST_BYTES_MAX, UnixTime};
use eraser::wipe::{self, Eraser};

const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    let command = match command_line::parse(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            print::error(&format!("{error}\nhint: `tillward-erase --help` says what there is"));
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let (lifecycle, answer) = match command {
        Command::Help => {
            print::text(HELP);
            return ExitCode::SUCCESS;
        }
        Command::Version => {
            print::text(concat!("tillward-erase ", env!("CARGO_PKG_VERSION")));
            return ExitCode::SUCCESS;
        }
        Command::Check => {
            let wipe = read_line().and_then(|line| wipe::understand(&line));
            let line = wipe.map(|wipe| Line::Checked { order: wipe.order });
            (None, line)
        }
        Command::Run => run(),
        Command::Resume { lifecycle } => {
            let report = eraser().resume(&lifecycle);
            let nothing = || wipe::state_line((State::None, None));
            let line = report.map(|report| report.map_or_else(nothing, Line::Report));
            (Some(lifecycle), line)
        }
        Command::Report { lifecycle } => {
            let line = wipe::told(&lifecycle).map_err(Failure::from);
            (Some(lifecycle), line)
        }
        Command::State { lifecycle } => {
            let line = wipe::state(&lifecycle).map(wipe::state_line).map_err(Failure::from);
            (Some(lifecycle), line)
        }
        Command::MayStart { lifecycle } => {
            let line = wipe::may_start(&lifecycle).map(wipe::state_line);
            (Some(lifecycle), line)
        }
        Command::Forget { lifecycle } => {
            let done = eraser().forget(&lifecycle).and_then(|()| Ok(wipe::state(&lifecycle)?));
            (Some(lifecycle), done.map(wipe::state_line))
        }
        Command::Cancel { lifecycle, order } => {
            let done = eraser().cancel(&lifecycle, &order);
            let line = done.and_then(|()| Ok(wipe::state_line(wipe::state(&lifecycle)?)));
            (Some(lifecycle), line)
        }
    };
    match answer {
        Ok(line) => {
            print::line(&line);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            let state = lifecycle.and_then(|lifecycle| wipe::state(&lifecycle).ok());
            print::line(&failure.line(state.map_or(State::None, |(state, _)| state)));
            ExitCode::FAILURE
        }
    }
}

fn eraser() -> Eraser<'static> {
    Eraser { clock: &now, gate: &Open, say: &print::line }
}

fn run() -> (Option<PathBuf>, Result<Line, Failure>) {
    let wipe = match read_line().and_then(|line| wipe::understand(&line)) {
        Ok(wipe) => wipe,
        Err(failure) => return (None, Err(failure)),
    };
    (Some(wipe.lifecycle.clone()), eraser().run(wipe).map(Line::Report))
}

fn read_line() -> Result<String, Failure> {
    let mut line = String::new();
    // One byte more than is allowed, so that a longer line is not read as a shorter one.
    let mut input = io::stdin().lock().take(REQUEST_BYTES_MAX + 1);
    input.read_line(&mut line).map_err(Failure::Request)?;
    if line.len() as u64 > REQUEST_BYTES_MAX {
        let why = format!("it is longer than {REQUEST_BYTES_MAX} bytes");
        return Err(Failure::Request(io::Error::new(io::ErrorKind::InvalidData, why)));
    }
    Ok(line)
}

/// A clock before 1970 says 1970.
fn now() -> UnixTime {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
