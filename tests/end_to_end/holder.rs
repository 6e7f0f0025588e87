//! Somebody who holds a terminal's key: asks the controller for what the agent would ask for, and
//! for more.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use agent::identity::Identity;
use anyhow::{Context as _, Result};
use harness::world::World;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::Value;
use shared::id::TerminalId;
use shared::time::UnixTime;
use shared::tls::CertificateTime;
use shared::topic::Topic;

use crate::publisher::Publisher;

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Holder {
    identity: Identity,
    https: SocketAddr,
    broker: SocketAddr,
}

/// An answer's status, and its body where that is JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    body: Value,
}

impl Answer {
    /// The code of the problem that it is.
    pub(crate) fn code(&self) -> Option<&str> {
        self.body["type"].as_str()?.rsplit(['/', ':']).next()
    }
}

impl Holder {
    /// Takes a copy of the terminal's key; whatever becomes of the terminal, the copy stays.
    pub(crate) fn of(world: &World, at: usize) -> Result<Self> {
        let identity = Identity::load(&world.terminals[at].state().join("identity"))?;
        let addresses = &world.controller.addresses;
        let broker = world.mosquitto.as_ref().map(harness::world::Mosquitto::address);
        let broker = broker.or(addresses.mqtt).context("there is a broker")?;
        Ok(Self { identity, https: addresses.https, broker })
    }

    pub(crate) fn terminal(&self) -> TerminalId {
        self.identity.facts.terminal
    }

    fn tls(&self) -> Result<ClientConfig> {
        Ok(self.identity.tls(&CertificateTime::above(UnixTime(crate::fleet::unix_now())))?)
    }

    pub(crate) fn get(&self, path: &str) -> Result<Answer> {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"))
    }

    pub(crate) fn put(&self, path: &str, body: &str) -> Result<Answer> {
        let length = body.len();
        self.ask(&format!(
            "PUT {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{body}"
        ))
    }

    fn ask(&self, request: &str) -> Result<Answer> {
        let tls = ClientConnection::new(Arc::new(self.tls()?), self.https.ip().into())?;
        let socket = TcpStream::connect(self.https)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut stream = StreamOwned::new(tls, socket);
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        // A server that closes without a TLS goodbye has answered all the same.
        if let Err(error) = stream.read_to_end(&mut answer)
            && answer.is_empty()
        {
            return Err(error.into());
        }
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n").context("an answer has a head")?;
        let status = head.split(' ').nth(1).context("an answer has a status")?.parse()?;
        Ok(Answer { status, body: serde_json::from_str(body).unwrap_or_default() })
    }

    /// Connects in the terminal's place.
    pub(crate) fn connect(&self) -> Result<Publisher> {
        Publisher::connect_as(self.broker, &self.terminal().to_string(), self.tls()?)
    }

    /// Where the terminal speaks.
    pub(crate) fn topic(&self) -> String {
        Topic::Up(self.terminal()).to_string()
    }
}
