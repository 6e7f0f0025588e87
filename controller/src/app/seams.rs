//! Where two parts meet that do not know each other.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use shared::id::TerminalId;
use shared::message::Up;
use tracing::{error, warn};

use crate::api::Vitals;
use crate::auth::{ClientCertificate, Peer};
use crate::background::{Poke, now};
use crate::broker::embedded::{Admission, Broker};
use crate::config::HostPort;
use crate::delivery::{Inbound, Spool};
use crate::mqtt::{Hear, Links};
use crate::registry::Registry;
use crate::registry::terminal::Unit;

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

/// How the parts do that are not the registry, and who is told when something was decided.
pub(super) struct Signs {
    pub(super) links: Arc<Links>,
    pub(super) spool: Spool,
    pub(super) broker: Option<Arc<Broker>>,
    pub(super) execute: Poke,
}

impl Vitals for Signs {
    fn broker_kind(&self) -> &'static str {
        if self.broker.is_some() { "embedded" } else { "external" }
    }

    fn broker_connected(&self) -> bool {
        self.links.connected()
    }

    fn reports_waiting(&self) -> u64 {
        self.spool.depth()
    }

    fn campaign_moved(&self) {
        self.execute.poke();
    }

    fn enrolled_anew(&self, terminal: TerminalId) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if let Some(broker) = &self.broker {
                broker.kick(terminal).await;
            }
        })
    }
}

/// The name at which this program reaches its own broker. Terminals may be told another, which
/// need not lead back to this machine from the inside.
pub(super) fn own_host(listening: SocketAddr, told: &HostPort) -> &str {
    let ip = listening.ip();
    if ip.is_unspecified() || ip.is_loopback() { "localhost" } else { &told.host }
}
