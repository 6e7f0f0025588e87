//! The till: sells until it is stopped, and answers the driver protocol on `till.sock`.
//!
//! Three parties share it. The **seller** (`seller`) serves one customer after another; the
//! **control** side (`control`) answers whoever connects; both must have the **desk** (`desk`) to
//! do anything with money, so that there is never more than one thing under way. What they know is
//! in the **journal** (`journal`), which is the till's only memory. Whom the till works with is in
//! there too (`journal/binding`): the flags count at the very first start.
//!
//! **Deliberately absent:** any state that a kill could lose. There is no shutdown work: a till
//! that stops finishes the sale in flight as a courtesy to the customer, and correctness does not
//! need it.

mod acquirer;
mod backup;
mod basket;
mod binding;
mod control;
mod desk;
mod forward;
pub(crate) mod journal;
mod lines;
mod seller;
mod settlement;
mod testing;

use std::io::{BufReader, Read as _};
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::edition::Edition;
use crate::exit::Exit;
use crate::fault::{Fault, Faults};
use crate::places::Places;
use crate::till::desk::Desk;
use crate::till::journal::{Given, Journal, Merchant};
use crate::till::lines::Lines;
use crate::{clock, file, json_lines, print, socket};

/// Every amount of this shop.
pub(crate) const CURRENCY: &str = "CNY";

/// The till's socket in its data directory.
pub(crate) const SOCKET: &str = "till.sock";

/// How long a new till waits for its predecessor to be gone.
const PREDECESSOR_PATIENCE: Duration = Duration::from_secs(10);

/// Callers at once; each has a thread.
const CONNECTIONS_MAX: usize = 32;

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Arguments {
    /// Where the journal, the socket and the faults are.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The terminal's id, as the hosts know it.
    #[arg(long, value_name = "ID", value_parser = terminal_id)]
    pub(crate) terminal: String,
    /// A host and where it listens; repeat for each.
    #[arg(long = "host", value_name = "NAME=ADDRESS", required = true)]
    pub(crate) hosts: Vec<HostAddress>,
    /// The host that new sales go to at the very first start; the first one if not given. After
    /// that the till knows its bindings itself.
    #[arg(long, value_name = "NAME")]
    pub(crate) active: Option<String>,
    #[command(flatten)]
    pub(crate) position: Position,
    /// Milliseconds from the start of one sale to the start of the next; with 0 nobody comes.
    #[arg(long, value_name = "MS", default_value_t = 120)]
    #[arg(value_parser = clap::value_parser!(u64).range(..=600_000))]
    pub(crate) pace_ms: u64,
    /// Makes the customers repeatable.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Stop when standard input ends: how `keep` takes its till with it.
    #[arg(long, hide = true)]
    pub(crate) until_stdin_ends: bool,
}

/// What the hosts given know the till by, from its very first start on.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Position {
    /// The merchant's number; a made-up one if not given.
    #[arg(long, value_name = "MID", value_parser = number)]
    pub(crate) mid: Option<String>,
    /// The terminal's number; made of the end of its id if not given.
    #[arg(long, value_name = "TID", value_parser = number)]
    pub(crate) tid: Option<String>,
    /// The merchant's name, as it stands on receipts; `Shop` if not given.
    #[arg(long, value_name = "NAME", value_parser = shown_name)]
    pub(crate) name: Option<String>,
}

impl Position {
    fn merchant(&self, terminal: &str) -> Merchant {
        Merchant {
            mid: self.mid.clone().unwrap_or_else(|| "000000000000001".to_owned()),
            tid: self.tid.clone().unwrap_or_else(|| tid_of(terminal)),
            name: self.name.clone().unwrap_or_else(|| "Shop".to_owned()),
        }
    }
}

/// Eight letters and digits, as in ISO 8583: the last ones of the terminal's id.
fn tid_of(terminal: &str) -> String {
    let letters = terminal.chars().filter(char::is_ascii_alphanumeric);
    let letters: Vec<_> = letters.map(|letter| letter.to_ascii_uppercase()).collect();
    let last: String = letters[letters.len().saturating_sub(8)..].iter().collect();
    format!("{last:0>8}")
}

fn number(text: &str) -> Result<String, String> {
    let fits =
        (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits { Ok(text.to_owned()) } else { Err("use 1 to 15 of A–Z a–z 0–9".into()) }
}

fn shown_name(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err("use 1 to 64 printable characters".into()) }
}

/// `a=127.0.0.1:9000`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostAddress {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
}

impl FromStr for HostAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address) =
            text.split_once('=').ok_or("write NAME=ADDRESS, like a=127.0.0.1:9000")?;
        let address = address.parse().map_err(|_| format!("`{address}` is not ADDRESS:PORT"))?;
        Ok(Self { name: terminal_id(name)?, address })
    }
}

fn terminal_id(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if fits { Ok(text.to_owned()) } else { Err("use 1 to 64 of A–Z a–z 0–9 - _ .".into()) }
}

/// A running till.
#[derive(Debug)]
struct Till {
    edition: &'static Edition,
    terminal: String,
    pace: Duration,
    seed: u64,
    faults: Faults,
    /// Another one for each start.
    instance: String,
    started_ms: i64,
    /// Where the journal is.
    data: PathBuf,
    journal: Mutex<Journal>,
    desk: Desk,
    lines: Lines,
    connections: Places,
}

/// Runs the till until it is told to stop or restart.
pub(crate) fn run(arguments: &Arguments, edition: &'static Edition) -> Result<Exit> {
    let data = &arguments.data;
    let faults = Faults::of(data, edition.version);
    if faults.strikes(Fault::CrashAtStart) {
        print::note("the fault crash-at-start strikes");
        return Ok(Exit::Crashed);
    }
    std::fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    let _lock = file::lock(&data.join("till.lock"), PREDECESSOR_PATIENCE)?;
    file::replace(&data.join("till.pid"), format!("{}\n", std::process::id()).as_bytes())?;
    let till = Arc::new(Till::new(arguments, edition, faults)?);
    let in_doubt = till.journal().recover(clock::unix_ms())?;
    till.journal().begin_run()?;
    let listener = socket::listen(data, SOCKET).context("cannot listen on till.sock")?;
    let Edition { version, .. } = edition;
    let terminal = &till.terminal;
    print::note(&format!("till {terminal} runs {version}; {in_doubt} sale(s) in doubt"));

    if arguments.until_stdin_ends {
        let stopping = Arc::clone(&till);
        thread::spawn(move || stopping.stop_when_stdin_ends());
    }
    let answering = Arc::clone(&till);
    thread::spawn(move || answering.accept(&listener));
    let sending = Arc::clone(&till);
    thread::spawn(move || sending.send_in_the_background());
    let exit = till.sell_until_stopped()?;
    till.journal().end_run()?;
    Ok(exit)
}

impl Till {
    fn new(arguments: &Arguments, edition: &'static Edition, faults: Faults) -> Result<Self> {
        let Arguments { data, terminal, hosts, active, position, pace_ms, seed, .. } = arguments;
        let mut given: Vec<Given> = Vec::new();
        for HostAddress { name, address } in hosts {
            ensure!(given.iter().all(|other| other.name != *name), "host {name} given twice");
            given.push(Given { name: name.clone(), address: address.to_string() });
        }
        let first = hosts.first().context("no host is given")?;
        let active = active.as_ref().unwrap_or(&first.name);
        ensure!(
            given.iter().any(|given| given.name == *active),
            "the active host {active} is none of the hosts given"
        );
        let journal = match data.join(binding::ERASED).exists() {
            true => binding::out_of_service(terminal, edition)?,
            false => {
                let mut journal = Journal::open(data, terminal, edition)?;
                let merchant = position.merchant(terminal);
                journal.begin_with(&given, active, &merchant, clock::unix_ms())?;
                journal
            }
        };
        let random = getrandom::u64()
            .map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
        Ok(Self {
            edition,
            terminal: terminal.clone(),
            pace: Duration::from_millis(*pace_ms),
            seed: seed.unwrap_or(random),
            faults,
            instance: format!("{random:016x}"),
            started_ms: clock::unix_ms(),
            data: data.clone(),
            journal: Mutex::new(journal),
            desk: Desk::default(),
            lines: Lines::default(),
            connections: Places::new(CONNECTIONS_MAX),
        })
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().expect("nothing panics with the journal in hand")
    }

    fn stop_when_stdin_ends(&self) {
        let mut ignored = [0; 64];
        while std::io::stdin().read(&mut ignored).is_ok_and(|count| count > 0) {}
        self.desk.stop(Exit::Done);
    }

    fn accept(self: Arc<Self>, listener: &UnixListener) {
        for stream in listener.incoming() {
            let stream = match stream {
                Ok(stream) => stream,
                Err(error) => {
                    print::note(&format!("error: cannot accept a connection: {error}"));
                    return self.desk.stop(Exit::Failed);
                }
            };
            let Some(place) = self.connections.take() else {
                print::note("too many connections: one was closed");
                continue;
            };
            let till = Arc::clone(&self);
            thread::spawn(move || {
                if let Err(error) = till.converse(stream) {
                    print::note(&format!("a connection ended: {error}"));
                }
                drop(place);
            });
        }
    }

    fn converse(self: &Arc<Self>, stream: UnixStream) -> std::io::Result<()> {
        let reader = BufReader::new(stream.try_clone()?);
        json_lines::serve(reader, stream, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_addresses_are_read_and_bad_ones_are_refused() {
        let read: HostAddress = "a=127.0.0.1:9000".parse().unwrap();
        assert_eq!((read.name.as_str(), read.address.port()), ("a", 9000));
        for bad in ["", "a", "a=", "=127.0.0.1:1", "a=127.0.0.1", "a b=127.0.0.1:1"] {
            assert!(bad.parse::<HostAddress>().is_err(), "{bad}");
        }
    }
    #[test]
    fn a_terminal_number_has_eight_letters_and_digits() {
        for (terminal, tid) in [
            ("T1", "000000T1"),
            ("SN-2026.00042", "02600042"),
            ("trm-0b2f44c0a9", "2F44C0A9"),
            ("-", "00000000"),
        ] {
            assert_eq!(tid_of(terminal), tid);
        }
    }
}
