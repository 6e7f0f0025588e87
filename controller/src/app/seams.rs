//! Where two parts meet that do not know each other.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use shared::digest::PublicKey;
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
use crate::registry::delivery::AnyAlarm;
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

impl Admitting {
    async fn revoked_spoke(&self, terminal: TerminalId, key: PublicKey) {
        let detail = "somebody has connected with its key; it was turned away";
        let alarm = AnyAlarm::revoked_spoke(terminal, key, detail, now());
        if let Err(error) = self.registry.raise_alarm(&alarm).await {
            warn!(error = &error as &dyn std::error::Error, "an alarm is not kept");
        }
    }
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
                    if terminal.unit == Unit::Revoked {
                        self.revoked_spoke(id, certificate.key).await;
                    }
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
    pub(super) keep: Poke,
    pub(super) schedule: Poke,
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

    fn saved(&self) {
        self.keep.poke();
    }

    fn schedules_changed(&self) {
        self.schedule.poke();
    }

    fn campaign_moved(&self) {
        self.execute.poke();
    }

    fn disconnect(&self, terminal: TerminalId) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use shared::digest::Digest;
    use shared::id::ClaimId;
    use shared::time::UnixTime;

    use super::*;
    use crate::registry::audit::By;
    use crate::registry::delivery::AlarmKind;
    use crate::registry::page::Page;
    use crate::registry::terminal::{Certificate, Enrolment, NewClaim};

    const AT: UnixTime = UnixTime(1_900_000_000);

    fn by() -> By {
        By { who: "test".into(), why: String::new(), at: AT }
    }

    /// Enrols the terminal of serial number `PX-1` with this key.
    async fn enrolled(registry: &dyn Registry, key: PublicKey) -> TerminalId {
        let claim = NewClaim {
            id: ClaimId::generate(),
            terminal: TerminalId::generate(),
            serial: "PX-1".into(),
            model: "px7".into(),
            store: "north".into(),
            lane: None,
            labels: BTreeMap::new(),
            zone: "UTC".into(),
            key: PublicKey([1; 32]),
            expires_at: UnixTime(AT.0 + 3600),
        };
        let claim = registry.add_claim(&claim, &by()).await.unwrap();
        let fingerprint = Digest::of(&key.0);
        let certificate = Certificate { fingerprint, expires_at: claim.expires_at };
        let enrolment =
            Enrolment { claim: claim.id, spki: fingerprint, public_key: key, certificate };
        registry.enrol(&enrolment, &by()).await.unwrap();
        claim.terminal
    }

    #[tokio::test]
    async fn only_the_key_of_the_present_enrolment_is_let_in_until_it_is_revoked() {
        let registry = crate::registry::in_memory().await.unwrap();
        let admitting = Admitting { registry: registry.clone() };
        let admits = async |peer: Peer, key: PublicKey| {
            admitting.admits(&ClientCertificate { peer, key }).await
        };
        let (old, new) = (PublicKey([2; 32]), PublicKey([3; 32]));
        let id = enrolled(&*registry, old).await;
        assert!(admits(Peer::Terminal(id), old).await);
        assert!(!admits(Peer::Terminal(id), new).await);
        assert_eq!(enrolled(&*registry, new).await, id, "the unit is the same");
        assert!(!admits(Peer::Terminal(id), old).await);
        assert!(admits(Peer::Terminal(id), new).await);
        assert!(!admits(Peer::Terminal(TerminalId::generate()), new).await);
        let controller = Peer::Controller("controller-1".parse().unwrap());
        assert!(admits(controller, new).await);
        registry.revoke_terminal(id, &by()).await.unwrap();
        assert_eq!(registry.alarms(&Page::first(9)).await.unwrap(), []);
        for _ in 0..3 {
            assert!(!admits(Peer::Terminal(id), new).await);
        }
        let alarms = registry.alarms(&Page::first(9)).await.unwrap();
        let [(_, alarm)] = alarms.as_slice() else { panic!("{alarms:?}") };
        assert_eq!((alarm.terminal, alarm.kind), (Some(id), AlarmKind::RevokedSpoke));
    }

    #[test]
    fn the_own_broker_is_reached_on_this_machine_where_it_listens_there() {
        let told: HostPort = "mqtt.example:8883".parse().unwrap();
        let cases = [
            ("0.0.0.0:1", "localhost"),
            ("[::]:1", "localhost"),
            ("127.0.0.1:1", "localhost"),
            ("[::1]:1", "localhost"),
            ("192.0.2.7:1", "mqtt.example"),
        ];
        for (listening, host) in cases {
            assert_eq!(own_host(listening.parse().unwrap(), &told), host, "{listening}");
        }
    }
}
