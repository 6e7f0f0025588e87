//! Where two parts meet that do not know each other.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use shared::id::TerminalId;
use shared::message::{Down, Up};
use shared::topic::Shard;
use tracing::{error, warn};

use super::now;
use crate::api::Vitals;
use crate::auth::{ClientCertificate, Peer};
use crate::background::Poke;
use crate::broker::Brokers;
use crate::broker::embedded::{Admission, Broker};
use crate::config::{Cell, HostPort};
use crate::delivery::{self, Inbound, NotSent, Spool, Wire};
use crate::mqtt::{self, Hear, Links, Reach};
use crate::registry::Registry;
use crate::registry::terminal::Unit;

/// The way down, which exists before its connections do: those need somebody to hear them first.
#[derive(Debug, Default)]
pub(super) struct LateWire(OnceLock<Links>);

impl LateWire {
    pub(super) fn set(&self, links: Links) {
        self.0.set(links).expect("connections are made once");
    }
}

#[async_trait]
impl Wire for LateWire {
    async fn send(&self, terminal: TerminalId, message: Down) -> Result<(), NotSent> {
        let links = self.0.get().ok_or(NotSent::NotConnected(terminal))?;
        links.send(terminal, &message).map_err(|refused| match refused {
            mqtt::NotSent::NotConnected => NotSent::NotConnected(terminal),
            mqtt::NotSent::Full => NotSent::Busy(terminal),
            mqtt::NotSent::TooLarge { bytes } => NotSent::TooLarge { terminal, bytes },
        })
    }
}

/// What terminals say goes into the spool, and wakes whoever applies it.
#[derive(Debug)]
pub(super) struct Hearing {
    pub(super) inbound: Inbound,
    pub(super) follow: Poke,
}

#[async_trait]
impl Hear for Hearing {
    async fn hear(&self, said: Vec<(TerminalId, Up)>) {
        if let Err(error) = self.inbound.receive(said, now()).await {
            error!(error = &error as &dyn std::error::Error, "nothing was acknowledged");
        }
        self.follow.poke();
    }
}

/// Which broker serves which shard.
#[derive(Debug)]
pub(super) struct Shards(pub(super) Brokers);

impl delivery::Brokers for Shards {
    fn broker_of(&self, shard: Shard) -> String {
        let cell = self.0.cells().iter().find(|cell| cell.shards.contains(&shard.0));
        cell.map(|cell| cell.address.to_string()).unwrap_or_default()
    }
}

/// Lets in controllers of the fleet, and terminals that are enrolled with this very key.
pub(super) struct Admitting {
    pub(super) registry: Arc<dyn Registry>,
}

impl Admission for Admitting {
    fn admits<'a>(
        &'a self,
        certificate: &'a ClientCertificate,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(async move {
            let Peer::Terminal(id) = certificate.peer else { return true };
            match self.registry.terminal(id).await {
                Ok(Some(terminal)) => {
                    terminal.unit == Unit::Enrolled && terminal.public_key == Some(certificate.key)
                }
                Ok(None) => false,
                Err(error) => {
                    // Whoever is turned away comes back; a stranger let in has been in.
                    warn!(error = &error as &dyn std::error::Error, "cannot tell who this is");
                    false
                }
            }
        })
    }
}

/// How the parts do that are not the registry.
pub(super) struct Signs {
    pub(super) wire: Arc<LateWire>,
    pub(super) spool: Spool,
    pub(super) broker: Option<Arc<Broker>>,
}

impl Vitals for Signs {
    fn broker_kind(&self) -> &'static str {
        if self.broker.is_some() { "embedded" } else { "external" }
    }

    fn broker_connected(&self) -> bool {
        self.wire.0.get().is_some_and(Links::connected)
    }

    fn reports_waiting(&self) -> u64 {
        self.spool.depth()
    }

    fn enrolled_anew(&self, terminal: TerminalId) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if let Some(broker) = &self.broker {
                broker.kick(terminal).await;
            }
        })
    }
}

/// How this program reaches its own listener: by the loopback address where it listens on all.
pub(super) fn own_address(listening: SocketAddr) -> HostPort {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(ip, listening.port());
    address.to_string().parse().expect("an address with a port is a host and a port")
}

pub(super) fn reach(cell: &Cell) -> Reach {
    Reach { address: cell.address.clone(), shards: cell.shards.clone() }
}
