//! `tillward-snapshot`: takes and fetches backups for the agent, one request for each process.
//!
//! The request is one line on standard input, which stays open: when it closes, or when the agent
//! dies, this program ends, wherever it is. Every step is made so that the next run goes on.

use std::io::{self, BufRead as _, Read as _};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use agent::snapshot::protocol::{
    self, LINE_BYTES_MAX, Line, Nothing, Reach, Recipient, Sealed, Unseal, Unsealed,
};
use agent::stop::Stop;
use clap::{Parser, ValueEnum};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::document::{FORMAT, RecipientStatement};
use shared::signature::Envelope;
use snapshot::answer::{self, Reporter};
use snapshot::failure::Failure;
use snapshot::home::{self, Home};
use snapshot::keys::{self, Ring};
use snapshot::{fetch, files, save};

/// Takes and fetches the backups of a terminal. The agent starts it.
#[derive(Debug, Parser)]
#[command(name = "tillward-snapshot", version)]
struct Cli {
    /// Where the agent keeps its state.
    #[arg(long, value_name = "DIR")]
    state_dir: PathBuf,
    task: Task,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Task {
    Save,
    Fetch,
    Newest,
    ForgetKey,
    Recipient,
    Place,
    PutBack,
    Keep,
    Unseal,
}

/// How the run ended.
enum Ended {
    Answered(Answered),
    /// Nobody listens any more.
    Alone,
}

enum Answered {
    Well,
    Badly,
}

fn main() -> ExitCode {
    shared::tls::install_terminal_provider();
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
    let Cli { state_dir, task } = Cli::parse();
    // Where the system refuses it, the end of standard input does the same.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM)).ok();
    let (ended, end) = channel();
    let (line, stop) = (read_line(), Stop::new());
    watch(ended.clone());
    let worker = thread::Builder::new().name("task".to_owned()).spawn(move || {
        let work = || match line {
            Ok(line) => run(&state_dir, task, &line, &stop),
            Err(error) => tell::<Nothing>(&Failure::Request(error).answer()),
        };
        // The backup library panics where it should fail. That must not be silence.
        let answered = panic::catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|_| tell::<Nothing>(&Failure::Panicked.answer()));
        // Whoever would hear of it is gone when this fails.
        ended.send(Ended::Answered(answered)).ok();
    });
    match (worker, end.recv()) {
        (Ok(_), Ok(Ended::Answered(Answered::Well))) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// The request. Standard input is read by byte, so that nothing behind the line is taken from the
/// one who watches it.
fn read_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().take(LINE_BYTES_MAX).read_line(&mut line)?;
    Ok(line)
}

fn watch(ended: Sender<Ended>) {
    let watching = thread::Builder::new().name("watch".to_owned()).spawn(move || {
        io::copy(&mut io::stdin().lock(), &mut io::sink()).ok();
        ended.send(Ended::Alone).ok();
    });
    if let Err(error) = watching {
        tracing::warn!(%error, "the end of standard input is not watched");
    }
}

fn run(state: &Path, task: Task, line: &str, stop: &Stop) -> Answered {
    let reporter = Arc::new(Reporter::default());
    let progress = |bytes, total| reporter.add(bytes, total);
    let home = |reach: &Reach| {
        // What goes over the wire is progress too: the agent ends a program that says nothing.
        let reporter = Arc::clone(&reporter);
        let told = Arc::new(move |bytes| reporter.add(bytes, 0));
        Home::open(state, reach, stop.clone(), told)
    };
    match task {
        Task::Save => answer(line, |request: protocol::Save| {
            save::save(&home(&request.reach)?, &request, &progress)
        }),
        Task::Fetch => answer(line, |request: protocol::Fetch| {
            fetch::fetch(&home(&request.reach)?, &request, &progress)
        }),
        Task::Newest => answer(line, |reach: Reach| Ok(home(&reach)?.place().newest()?)),
        Task::ForgetKey => answer(line, |Nothing {}| forget(state)),
        Task::Recipient => answer(line, |Nothing {}| recipient(state)),
        Task::Place => answer(line, |request| {
            let (home, _lock) = home::lock(state)?;
            files::place(&home, &request)
        }),
        Task::PutBack => answer(line, |request| {
            let (home, _lock) = home::lock(state)?;
            files::put_back(&home, &request).map(|()| Nothing {})
        }),
        Task::Keep => answer(line, |request| {
            let (home, _lock) = home::lock(state)?;
            files::keep(&home, &request).map(|()| Nothing {})
        }),
        Task::Unseal => answer(line, |request: Unseal| unseal(state, &request)),
    }
}

fn answer<Request: DeserializeOwned, Answer: Serialize>(
    line: &str,
    work: impl FnOnce(Request) -> Result<Answer, Failure>,
) -> Answered {
    let done = protocol::parse(line).map_err(Failure::NotUnderstood).and_then(work);
    match done {
        Ok(done) => tell(&Line::Done(done)),
        Err(failure) => tell(&failure.answer::<Answer>()),
    }
}

fn tell<Answer: Serialize>(line: &Line<Answer>) -> Answered {
    match (answer::say(line), line) {
        (Ok(()), Line::Done(_)) => Answered::Well,
        _ => Answered::Badly,
    }
}

/// Every key goes, and the one that others could seal keys to.
fn forget(state: &Path) -> Result<Nothing, Failure> {
    let (path, _lock) = home::lock(state)?;
    Ring::new(&path).forget_others(None)?;
    for file in ["restore-identity", "current", "pending-manifest", "known-files"] {
        keys::shred(&path.join(file))
            .map_err(|source| Failure::Directory { path: path.join(file), source })?;
    }
    Ok(Nothing {})
}

fn recipient(state: &Path) -> Result<Recipient, Failure> {
    let (path, _lock) = home::lock(state)?;
    let identity = home::identity(state)?;
    let own = keys::restore_identity(&path.join("restore-identity")).map_err(Failure::Unsealed)?;
    let recipient = own.to_public().to_string();
    let mut statement = Envelope::unsigned(RecipientStatement {
        format: FORMAT,
        terminal: identity.facts.terminal,
        serial: identity.facts.serial.clone(),
        recipient: recipient.clone(),
    });
    statement.sign(identity.facts.fleet, identity.key.private());
    Ok(Recipient { recipient, statement: Sealed(statement.to_bytes()) })
}

/// Secrets of a new binding: to the agent, which hands them to the till, and to nobody else.
fn unseal(state: &Path, request: &Unseal) -> Result<Unsealed, Failure> {
    let (path, _lock) = home::lock(state)?;
    let own = keys::restore_identity(&path.join("restore-identity")).map_err(Failure::Unsealed)?;
    let secret = keys::unseal(&request.sealed.0, &own).map_err(Failure::Unsealed)?;
    Ok(Unsealed { secret: Sealed(secret.to_vec()) })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_has_a_word_for_every_task() {
        Cli::command().debug_assert();
        let words: Vec<_> = Task::value_variants()
            .iter()
            .filter_map(|task| Some(task.to_possible_value()?.get_name().to_owned()))
            .collect();
        assert_eq!(words, protocol::Task::ALL.map(protocol::Task::as_str));
    }
}
