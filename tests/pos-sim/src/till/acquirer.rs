//! The till's line to one host.

use std::io::{BufReader, ErrorKind, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};

use crate::fault::{Fault, Faults};
use crate::host::message::{Answer, Ask, Call, Merchant};
use crate::json_lines::{Line, read_line};

/// A host on the same machine or in the same city accepts at once.
const CONNECT_PATIENCE: Duration = Duration::from_millis(500);

/// A customer waits three seconds for a yes or no, and then the sale is in doubt.
const ANSWER_PATIENCE: Duration = Duration::from_secs(3);

/// What became of a request.
#[derive(Debug)]
pub(super) enum Asked {
    Answered(Answer),
    /// It never left the till: the host surely knows nothing of it.
    NotSent(anyhow::Error),
    /// It left, and nobody knows what came of it.
    InDoubt(anyhow::Error),
}

#[derive(Debug)]
pub(super) struct Acquirer {
    /// `host:port`, in the order in which they are tried.
    hosts: Vec<String>,
    merchant: Merchant,
    faults: Faults,
    /// Kept between requests; dropped after the first irregularity, so that a late answer is never
    /// taken for the answer to something else.
    line: Option<BufReader<TcpStream>>,
}

impl Acquirer {
    pub(super) fn new(hosts: Vec<String>, merchant: Merchant, faults: Faults) -> Self {
        Self { hosts, merchant, faults, line: None }
    }

    pub(super) fn ask(&mut self, ask: &Ask) -> Asked {
        let mut line = match self.connected() {
            Ok(line) => line,
            Err(error) => return Asked::NotSent(error),
        };
        let call = Call { merchant: self.merchant.clone(), ask: ask.clone() };
        match exchange(&mut line, &call) {
            Ok(answer) => {
                self.line = Some(line);
                Asked::Answered(answer)
            }
            Err(error) => Asked::InDoubt(error),
        }
    }

    /// The line, or a new one where the host has closed it since: a till does not put a sale in
    /// doubt because its host was restarted overnight.
    fn connected(&mut self) -> Result<BufReader<TcpStream>> {
        let line = self.line.take();
        if self.faults.active(Fault::HostUnreachable) {
            return Err(anyhow!("the fault host-unreachable is set"));
        }
        match line {
            Some(line) if is_quiet(line.get_ref()) => Ok(line),
            Some(_) | None => self.connect(),
        }
    }

    /// The first host that can be reached: nothing has been sent to any of them yet.
    fn connect(&self) -> Result<BufReader<TcpStream>> {
        let mut last = anyhow!("no host is given");
        for host in &self.hosts {
            match connect(host).with_context(|| format!("cannot reach the host at {host}")) {
                Ok(line) => return Ok(line),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

fn connect(host: &str) -> Result<BufReader<TcpStream>> {
    let address = host.to_socket_addrs()?.next().context("the name has no address")?;
    let stream = TcpStream::connect_timeout(&address, CONNECT_PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_PATIENCE))?;
    stream.set_write_timeout(Some(ANSWER_PATIENCE))?;
    Ok(BufReader::new(stream))
}

/// Whether the line is open with nothing to read on it.
fn is_quiet(stream: &TcpStream) -> bool {
    let peek = || {
        stream.set_nonblocking(true)?;
        let seen = stream.peek(&mut [0]);
        stream.set_nonblocking(false)?;
        seen
    };
    peek().is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

fn exchange(line: &mut BufReader<TcpStream>, call: &Call) -> Result<Answer> {
    let mut bytes = serde_json::to_vec(call).context("cannot encode the request")?;
    bytes.push(b'\n');
    line.get_mut().write_all(&bytes).context("cannot send to the host")?;
    match read_line(line).context("the host does not answer")? {
        Line::Whole(answer) => {
            serde_json::from_slice(&answer).context("the host's answer is not understood")
        }
        Line::TooLong => Err(anyhow!("the host's answer has no end")),
        Line::End => Err(anyhow!("the host hung up before it answered")),
    }
}
