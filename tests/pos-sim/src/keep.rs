//! Keeps a till running: what a service manager is on a real terminal. It starts
//! `SLOT/bin/pos-sim till …`, and starts it again whenever it ends, looking at each start where the
//! slot's link points to now.
//!
//! It sleeps unless something happens. The till holds the other ends of two pipes: the end of the
//! till is the end of its standard output, and the end of its standard input tells the till that
//! its keeper is gone, whatever ended it. So stopping the keeper needs no signal handler: SIGTERM
//! ends it, and its till follows.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::clock::Deadline;
use crate::exit::Exit;
use crate::json_lines::{self, Reply, Service};
use crate::places::Places;
use crate::protocol::{Code, Refusal, Request, done};
use crate::{file, print, socket, till};

/// The keeper's socket in the till's data directory; it knows one verb, `restart`.
pub(crate) const SOCKET: &str = "keep.sock";

const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// Callers at once; one is usual.
const CONNECTIONS_MAX: usize = 8;

/// A till that ran this long was started well, whatever ended it.
const RAN_WELL: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The link to the installed version, like `DIR/current`; the till is `bin/pos-sim` in it.
    #[arg(long, value_name = "LINK")]
    slot: PathBuf,
    #[command(flatten)]
    till: till::Arguments,
    /// Asked before each start, with its arguments: unless it ends with 0, there is no start. The
    /// last option, as a service manager's condition is.
    #[arg(long, value_name = "PROGRAM", num_args = 1.., allow_hyphen_values = true)]
    only_if: Vec<String>,
}

/// What the keeper is woken for.
enum Event {
    TillEnded,
    /// Somebody asks for a restart, because the till does not answer.
    RestartAsked(Reply),
}

/// How a till came to its end.
enum Ended {
    /// Asked to restart: by the till's own answer, or by us.
    ToRestart,
    ByItself,
}

/// Keeps the till until this process is ended.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit> {
    let data = &arguments.till.data;
    fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    let _lock = file::lock(&data.join("keep.lock"), Duration::from_secs(1))?;
    let (wake, events) = mpsc::sync_channel(8);
    listen(data, wake.clone())?;
    let mut backoff = BACKOFF_FIRST;
    loop {
        let well = Deadline::after(RAN_WELL);
        let ended = match start(arguments) {
            Ok(till) => attend(till, &wake, &events)?,
            Err(error) => {
                print::note(&format!("cannot start the till: {error:#}"));
                Ended::ByItself
            }
        };
        match ended {
            Ended::ToRestart => backoff = BACKOFF_FIRST,
            Ended::ByItself => {
                if well.has_passed() {
                    backoff = BACKOFF_FIRST;
                }
                wait_out(backoff, &events)?;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
    }
}

fn start(arguments: &Arguments) -> Result<Child> {
    let Arguments { slot, till, only_if } = arguments;
    if let Some((program, words)) = only_if.split_first() {
        let asked = Command::new(program).args(words).stdout(Stdio::null()).status();
        let asked = asked.with_context(|| format!("cannot run {program}"))?;
        ensure!(asked.success(), "{program} does not let it start");
    }
    let installed =
        fs::canonicalize(slot).with_context(|| format!("no version at {}", slot.display()))?;
    let program = installed.join("bin").join("pos-sim");
    let till::Arguments {
        data,
        terminal,
        hosts,
        active,
        position,
        pace_ms,
        seed,
        until_stdin_ends: _,
    } = till;
    let mut command = Command::new(&program);
    command.arg("till").arg("--until-stdin-ends").arg("--data").arg(data);
    command.arg("--terminal").arg(terminal).arg("--pace-ms").arg(pace_ms.to_string());
    for till::HostAddress { name, address } in hosts {
        command.arg("--host").arg(format!("{name}={address}"));
    }
    if let Some(active) = active {
        command.arg("--active").arg(active);
    }
    let till::Position { mid, tid, name } = position;
    for (flag, value) in [("--mid", mid), ("--tid", tid), ("--name", name)] {
        if let Some(value) = value {
            command.arg(flag).arg(value);
        }
    }
    if let Some(seed) = seed {
        command.arg("--seed").arg(seed.to_string());
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().with_context(|| format!("cannot run {}", program.display()))
}

/// Waits for the till to end, or ends it when asked to.
fn attend(mut till: Child, wake: &SyncSender<Event>, events: &Receiver<Event>) -> Result<Ended> {
    let output = till.stdout.take().expect("the till was started with a pipe");
    watch(output, wake.clone());
    let mut asked_to_restart = Vec::new();
    loop {
        match events.recv().context("nobody can wake the keeper any more")? {
            Event::TillEnded => break,
            Event::RestartAsked(reply) => {
                till.kill().context("cannot end the till")?;
                asked_to_restart.push(reply);
            }
        }
    }
    let status = till.wait().context("cannot learn how the till ended")?;
    let restart =
        !asked_to_restart.is_empty() || status.code() == Some(Exit::Restart.code().into());
    for reply in asked_to_restart {
        reply.send(&done());
    }
    if restart {
        return Ok(Ended::ToRestart);
    }
    print::note(&format!("the till ended by itself: {status}"));
    Ok(Ended::ByItself)
}

/// Wakes the keeper when the till's end of the pipe is closed, which only its end does.
fn watch(mut output: ChildStdout, wake: SyncSender<Event>) {
    thread::spawn(move || {
        let mut ignored = [0; 256];
        while output.read(&mut ignored).is_ok_and(|count| count > 0) {}
        wake.send(Event::TillEnded).ok();
    });
}

/// Waits before the next start, unless somebody asks for it now.
fn wait_out(backoff: Duration, events: &Receiver<Event>) -> Result<()> {
    match events.recv_timeout(backoff) {
        Ok(Event::RestartAsked(reply)) => reply.send(&done()),
        Ok(Event::TillEnded) | Err(RecvTimeoutError::Timeout) => {}
        Err(error @ RecvTimeoutError::Disconnected) => return Err(error.into()),
    }
    Ok(())
}

struct Bell(SyncSender<Event>);

impl Service for Bell {
    fn serve(&self, request: Request, reply: Reply) {
        if request.verb == "restart" {
            self.0.send(Event::RestartAsked(reply)).ok();
        } else {
            let text = format!("the keeper does not know `{}`", request.verb);
            reply.send(&Err(Refusal::new(Code::Unsupported, text)));
        }
    }
}

/// Listens for those who want a till restarted that does not answer them.
fn listen(data: &Path, wake: SyncSender<Event>) -> Result<()> {
    let listener = socket::listen(data, SOCKET).context("cannot listen on keep.sock")?;
    let (bell, connections) = (Arc::new(Bell(wake)), Places::new(CONNECTIONS_MAX));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = match stream {
                Ok(stream) => stream,
                Err(error) => return print::note(&format!("keep.sock is closed: {error}")),
            };
            let Some(place) = connections.take() else { continue };
            let bell = Arc::clone(&bell);
            thread::spawn(move || {
                let reader = stream.try_clone();
                if let Err(error) = reader.and_then(|it| json_lines::serve(it, stream, &bell)) {
                    print::note(&format!("a connection to the keeper ended: {error}"));
                }
                drop(place);
            });
        }
    });
    Ok(())
}
