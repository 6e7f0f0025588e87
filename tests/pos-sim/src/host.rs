//! An acquirer host: answers tills over TCP in JSON lines and keeps books of its own.
//!
//! **Deliberately absent:** card schemes, keys, fees, and any trust in what a till says about money
//! that the books can tell better. Which merchants it knows it is told at its start.

pub(crate) mod ledger;
pub(crate) mod message;

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::clock::Deadline;
use crate::exit::Exit;
use crate::fault::{Fault, Faults};
use crate::host::ledger::Ledger;
use crate::host::message::{Answer, Ask, Call, Merchant};
use crate::json_lines::{Line, read_line};
use crate::places::Places;
use crate::{clock, edition, file, print};

/// How long a new host waits for a killed one to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Later than any till waits.
const LATE: Duration = Duration::from_secs(5);

/// Tills at once; each has a line or two, and each line a thread.
const CONNECTIONS_MAX: usize = 256;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The host's name: the binding under which tills know it.
    #[arg(long)]
    name: String,
    /// Where the books are kept.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where to listen; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where to write the port number once the host listens.
    #[arg(long, value_name = "FILE")]
    port_file: PathBuf,
    /// A merchant and a terminal that it knows; repeat for each. Without any it knows all.
    #[arg(long = "merchant", value_name = "MID/TID")]
    merchants: Vec<Known>,
}

/// `898440154110001/B0000001`
#[derive(Clone, Debug)]
struct Known(Merchant);

impl FromStr for Known {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((mid, tid)) if !mid.is_empty() && !tid.is_empty() => {
                Ok(Self(Merchant { mid: mid.to_owned(), tid: tid.to_owned() }))
            }
            Some(_) | None => Err("write MID/TID, like 898440154110001/B0000001".to_owned()),
        }
    }
}

/// What all lines to tills share.
struct Host {
    ledger: Mutex<Ledger>,
    known: Vec<Known>,
    faults: Faults,
}

/// Runs a host until it is killed, which it survives at any moment.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit> {
    let Arguments { name, data, listen, port_file, merchants } = arguments;
    std::fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    file::remove(port_file)?;
    let _lock = file::lock(&data.join("host.lock"), PATIENCE)?;
    let host = Arc::new(Host {
        ledger: Mutex::new(Ledger::open(data, name)?),
        known: merchants.clone(),
        faults: Faults::of(data, edition::THIS.version),
    });
    let listener =
        TcpListener::bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
    let port = listener.local_addr().context("cannot learn the port")?.port();
    file::replace(port_file, format!("{port}\n").as_bytes())?;
    print::note(&format!("host {name} listens on port {port}"));
    let connections = Places::new(CONNECTIONS_MAX);
    for stream in listener.incoming() {
        let stream = stream.context("cannot accept a connection")?;
        let Some(place) = connections.take() else {
            print::note("too many connections: one was closed");
            continue;
        };
        let host = Arc::clone(&host);
        thread::spawn(move || {
            if let Err(error) = host.converse(&stream) {
                print::note(&format!("a till's connection ended: {error:#}"));
            }
            drop(place);
        });
    }
    Ok(Exit::Done)
}

impl Host {
    /// Answers one till, request by request, until it goes away.
    fn converse(&self, stream: &TcpStream) -> Result<()> {
        stream.set_nodelay(true).context("cannot set TCP_NODELAY")?;
        let mut reader = BufReader::new(stream);
        let mut writer = stream;
        loop {
            let answer = match read_line(&mut reader).context("cannot read")? {
                Line::Whole(line) => match serde_json::from_slice::<Call>(&line) {
                    Ok(_unheard) if self.faults.active(Fault::HostHangs) => continue,
                    Ok(call) => self.answer(&call),
                    Err(error) => refused(format!("not understood: {error}")),
                },
                Line::TooLong => refused("more than 64 KiB".to_owned()),
                Line::End => return Ok(()),
            };
            if self.faults.strikes(Fault::HostLosesAnswer) {
                return Ok(());
            }
            if self.faults.strikes(Fault::HostAnswersLate) {
                wait_out(LATE);
            }
            let mut line = serde_json::to_vec(&answer).context("cannot encode")?;
            line.push(b'\n');
            writer.write_all(&line).context("cannot write")?;
        }
    }

    fn answer(&self, call: &Call) -> Answer {
        if self.faults.strikes(Fault::HostRefuses) {
            return no(&call.ask, "the fault host-refuses is set".to_owned());
        }
        let Merchant { mid, tid } = &call.merchant;
        if !self.known.is_empty() && !self.known.iter().any(|known| known.0 == call.merchant) {
            return no(&call.ask, format!("terminal {tid} of merchant {mid} is not known here"));
        }
        let mut ledger = self.ledger.lock().expect("the ledger does not panic");
        ledger.answer(call, clock::unix_ms()).unwrap_or_else(|error| {
            print::note(&format!("cannot answer {call:?}: {error:#}"));
            refused("the host's books cannot be written".to_owned())
        })
    }
}

/// A no in the words that the till expects.
fn no(ask: &Ask, reason: String) -> Answer {
    match ask {
        Ask::Authorise { .. } | Ask::Refund { .. } => Answer::Declined { reason },
        Ask::Reverse { .. } | Ask::Upload { .. } | Ask::Settle { .. } | Ask::Diagnose { .. } => {
            refused(reason)
        }
    }
}

fn refused(reason: String) -> Answer {
    Answer::Refused { reason }
}

/// Holds up the one line whose thread this is; a park may end early, the deadline does not.
fn wait_out(time: Duration) {
    let deadline = Deadline::after(time);
    while !deadline.has_passed() {
        thread::park_timeout(deadline.left());
    }
}
