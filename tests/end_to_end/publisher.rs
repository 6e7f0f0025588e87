//! Somebody with another's certificate who publishes whatever he likes. Speaks just enough MQTT 5
//! himself, because a client library would not send what is not allowed.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use controller::key_file::{OnlineKeys, Unlock};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use shared::tls;

/// The common name of the controller's certificate, which is its client id.
const NAME: &str = "controller-1";

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Publisher(StreamOwned<ClientConnection, TcpStream>);

impl Publisher {
    /// Connects in the controller's place. `papers` is the controller's directory.
    pub(crate) fn connect(broker: SocketAddr, papers: &Path) -> Result<Self> {
        let keys = OnlineKeys::open(&papers.join(OnlineKeys::INSECURE_NAME), &Unlock::InsecureDev)?;
        let chain = std::fs::read(papers.join(format!("{NAME}.pem")))?;
        let chain = tls::certificates("the controller's chain", &chain)?;
        let own = tls::Identity { chain, key: keys.controller_client.pkcs8().into() };
        let server_ca = std::fs::read(papers.join("server-ca.pem"))?;
        Self::connect_as(broker, NAME, tls::client(&server_ca, Some(own))?)
    }

    /// Connects under this name, which is the common name of the certificate that is shown.
    pub(crate) fn connect_as(
        broker: SocketAddr,
        name: &str,
        configuration: ClientConfig,
    ) -> Result<Self> {
        let tls = ClientConnection::new(Arc::new(configuration), broker.ip().into())?;
        let socket = TcpStream::connect(broker)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let mut stream = StreamOwned::new(tls, socket);
        // Protocol name and version, clean start, keep-alive 60 s, no properties, client id.
        let mut body = text("MQTT");
        body.extend([5, 0b10, 0, 60, 0]);
        body.extend(text(name));
        stream.write_all(&packet(0x10, &body))?;
        stream.flush()?;
        let mut publisher = Self(stream);
        let (kind, answer) = publisher.read()?;
        // Session present, then the reason.
        ensure!(kind == 0x20 && answer.get(1) == Some(&0), "the broker answers {answer:02x?}");
        Ok(publisher)
    }

    /// Publishes at QoS 1, and is done when the broker has taken it for somebody. An error means
    /// that it has not, or that somebody else took this place before that was known.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8]) -> Result<()> {
        // After the topic: packet identifier 1, no properties.
        let body = [text(topic).as_slice(), &[0, 1, 0], payload].concat();
        self.0.write_all(&packet(0x32, &body))?;
        self.0.flush()?;
        let (kind, answer) = self.read()?;
        // The identifier alone means success; else the reason follows.
        let is_taken = kind == 0x40 && answer.get(2).is_none_or(|reason| *reason == 0);
        ensure!(is_taken, "the broker answers {kind:02x} {answer:02x?}");
        Ok(())
    }

    /// The kind and the body of the next packet; brokers say nothing long to a publisher.
    fn read(&mut self) -> Result<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head)?;
        let [kind, length] = head;
        ensure!(length < 128, "the broker says something long");
        let mut body = vec![0; usize::from(length)];
        self.0.read_exact(&mut body)?;
        Ok((kind, body))
    }
}

/// A text as MQTT has it: its length in two bytes before it.
fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("topics and names are short");
    [length.to_be_bytes().as_slice(), text.as_bytes()].concat()
}

/// A packet with its length in groups of seven bits, lowest first.
fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    let mut length = body.len();
    loop {
        let group = u8::try_from(length % 128).expect("a remainder of 128 fits");
        length /= 128;
        packet.push(if length > 0 { group | 0x80 } else { group });
        if length == 0 {
            break;
        }
    }
    packet.extend_from_slice(body);
    packet
}
