//! The driver program: the agent starts it, and it forwards what the agent asks to the till.
//!
//! It never lets the agent wait for ever: a till that does not answer within the limit is reported
//! as `not_ready`. Only `restart` is more than forwarding, because a hung till must be restarted
//! too: then the till's keeper is asked instead.

use std::io::{BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::clock::Deadline;
use crate::edition;
use crate::exit::Exit;
use crate::fault::{Fault, Faults};
use crate::json_lines::{self, Line, Reply, Service, read_line};
use crate::places::Places;
use crate::protocol::{Refusal, Request};
use crate::{keep, socket, till};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The till's data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Milliseconds that the till may take for an answer.
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(10..))]
    limit_ms: u64,
}

/// Answers requests on standard input until it ends.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit> {
    let Arguments { data, limit_ms } = arguments;
    let driver = Driver {
        limit: Duration::from_millis(*limit_ms),
        faults: Faults::of(data, edition::THIS.version),
        till: Peer::at(data, till::SOCKET),
        keeper: Peer::at(data, keep::SOCKET),
    };
    json_lines::serve(std::io::stdin(), std::io::stdout(), &Arc::new(driver))
        .context("cannot talk to the agent")?;
    Ok(Exit::Done)
}

/// What goes through all of the till's data may take so many times as long as other requests.
const TIMES_FOR_ALL_DATA: u32 = 12;

/// A test asks its host and may have to take back what it asked.
const TIMES_FOR_TESTS: u32 = 3;

struct Driver {
    limit: Duration,
    faults: Faults,
    till: Peer,
    keeper: Peer,
}

impl Service for Driver {
    fn serve(&self, request: Request, reply: Reply) {
        if self.faults.strikes(Fault::DriverExits) {
            crash();
        }
        if self.faults.strikes(Fault::DriverSilent) {
            return;
        }
        if self.faults.strikes(Fault::DriverGarbage) {
            return reply.send_line("<html>502 Bad Gateway</html>");
        }
        let deadline = Deadline::after(match request.verb.as_str() {
            "export" | "rehearse" | "import" => self.limit.saturating_mul(TIMES_FOR_ALL_DATA),
            "test_transaction" | "void_tests" => self.limit.saturating_mul(TIMES_FOR_TESTS),
            _other => self.limit,
        });
        let answer = if request.verb == "restart" {
            self.restart(request, deadline)
        } else {
            self.till.ask(request, deadline.left()).map(|(answer, _)| answer)
        };
        match answer {
            Ok(line) => reply.send_line(&line),
            Err(refusal) => reply.send(&Err(refusal)),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the fault is to end without ceremony")]
fn crash() -> ! {
    std::process::exit(Exit::Crashed.code().into())
}

impl Driver {
    /// Asks the till, which ends after the sale in flight; if it does not answer within half of the
    /// limit, asks its keeper, which ends it at once.
    fn restart(&self, request: Request, deadline: Deadline) -> Result<String, Refusal> {
        match self.till.ask(request.clone(), self.limit / 2) {
            Ok((answer, connection)) => {
                // The till hangs up by ending. If that takes longer than the limit, it is going.
                wait_for_hang_up(connection, deadline);
                Ok(answer)
            }
            Err(_) => self.keeper.ask(request, deadline.left()).map(|(line, _)| line),
        }
    }
}

/// Exchanges with one process at once. One that is stuck in connecting outlives its request, and
/// then only so many do.
const EXCHANGES_MAX: usize = 32;

/// Whoever listens on a socket in the till's data directory.
struct Peer {
    data: PathBuf,
    socket: &'static str,
    exchanges: Places,
}

type Connection = BufReader<UnixStream>;

impl Peer {
    fn at(data: &Path, socket: &'static str) -> Self {
        Self { data: data.to_owned(), socket, exchanges: Places::new(EXCHANGES_MAX) }
    }

    /// Asks, and returns the line of the answer with the connection it came on. The exchange has a
    /// thread of its own: connecting to a process that is stopped can block for as long as it is.
    fn ask(&self, request: Request, patience: Duration) -> Result<(String, Connection), Refusal> {
        let Some(place) = self.exchanges.take() else {
            return Err(Refusal::not_ready("the till accepts no connections"));
        };
        let (answered, answer) = mpsc::channel();
        let (data, socket) = (self.data.clone(), self.socket);
        thread::spawn(move || {
            answered.send(exchange(&data, socket, &request, patience)).ok();
            drop(place);
        });
        match answer.recv_timeout(patience) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                Err(Refusal::not_ready(format!("the till does not answer: {error:#}")))
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                let waited = patience.as_millis();
                Err(Refusal::not_ready(format!("the till did not answer within {waited} ms")))
            }
        }
    }
}

fn exchange(
    data: &Path,
    name: &str,
    request: &Request,
    patience: Duration,
) -> Result<(String, Connection)> {
    let mut stream = socket::connect(data, name).with_context(|| format!("no {name}"))?;
    let patience = Some(patience.max(Duration::from_millis(1)));
    stream.set_read_timeout(patience).context("cannot limit the wait")?;
    stream.set_write_timeout(patience).context("cannot limit the wait")?;
    let line = Value::Object(request.object.clone()).to_string();
    writeln!(stream, "{line}").context("cannot send")?;
    let mut reader = BufReader::new(stream);
    let Line::Whole(answer) = read_line(&mut reader).context("cannot read")? else {
        bail!("it hung up without an answer");
    };
    let value: Value = serde_json::from_slice(&answer).context("its answer is not JSON")?;
    ensure!(value["id"] == request.id, "it answered something else");
    Ok((value.to_string(), reader))
}

/// Waits for the other side to hang up, at most until the deadline.
fn wait_for_hang_up(mut connection: Connection, deadline: Deadline) {
    let left = deadline.left().max(Duration::from_millis(1));
    if connection.get_ref().set_read_timeout(Some(left)).is_ok() {
        while matches!(read_line(&mut connection), Ok(Line::Whole(_) | Line::TooLong)) {}
    }
}
