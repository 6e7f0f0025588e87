//! An acquirer host: answers tills over TCP in JSON lines and keeps books of its own.
//!
//! **Deliberately absent:** card schemes, keys, fees, and any trust in what a till says about money
//! that the books can tell better.

pub(crate) mod ledger;
pub(crate) mod message;

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::exit::Exit;
use crate::host::ledger::Ledger;
use crate::host::message::{Answer, Ask};
use crate::json_lines::{Line, read_line};
use crate::places::Places;
use crate::{clock, file, print};

/// How long a new host waits for a killed one to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

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
}

/// Runs a host until it is killed, which it survives at any moment.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit> {
    let Arguments { name, data, listen, port_file } = arguments;
    std::fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    file::remove(port_file)?;
    let _lock = file::lock(&data.join("host.lock"), PATIENCE)?;
    let ledger = Arc::new(Mutex::new(Ledger::open(data, name)?));
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
        let ledger = Arc::clone(&ledger);
        thread::spawn(move || {
            if let Err(error) = converse(&stream, &ledger) {
                print::note(&format!("a till's connection ended: {error:#}"));
            }
            drop(place);
        });
    }
    Ok(Exit::Done)
}

/// Answers one till, request by request, until it goes away.
fn converse(stream: &TcpStream, ledger: &Mutex<Ledger>) -> Result<()> {
    stream.set_nodelay(true).context("cannot set TCP_NODELAY")?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        let answer = match read_line(&mut reader).context("cannot read")? {
            Line::Whole(line) => match serde_json::from_slice::<Ask>(&line) {
                Ok(ask) => {
                    let mut ledger = ledger.lock().expect("the ledger does not panic");
                    ledger.answer(&ask, clock::unix_ms()).unwrap_or_else(|error| {
                        print::note(&format!("cannot answer {ask:?}: {error:#}"));
                        Answer::Refused { reason: "the host's books cannot be written".into() }
                    })
                }
                Err(error) => Answer::Refused { reason: format!("not understood: {error}") },
            },
            Line::TooLong => Answer::Refused { reason: "more than 64 KiB".into() },
            Line::End => return Ok(()),
        };
        let mut line = serde_json::to_vec(&answer).context("cannot encode")?;
        line.push(b'\n');
        writer.write_all(&line).context("cannot write")?;
    }
}
