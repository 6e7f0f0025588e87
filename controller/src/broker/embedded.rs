//! The embedded broker; the only file that knows its library.
//!
//! Connections are accepted and their TLS handshakes done here, because a client is who its
//! certificate says and nobody else: the client id must be the certificate's name, and every
//! publish, subscription and will is asked of [`access`]. The library sees a connection only
//! after that. Nothing is stored: no sessions, no retained messages, no queue for those away.

use std::future::{Future, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use mqtt5::broker::BrokerConfig;
use mqtt5::broker::auth::{AuthProvider, AuthResult};
use mqtt5::broker::client_handler::ClientHandler;
use mqtt5::broker::resource_monitor::{ResourceLimits, ResourceMonitor};
use mqtt5::broker::router::MessageRouter;
use mqtt5::broker::storage::QueueLimits;
use mqtt5::broker::sys_topics::BrokerStats;
use mqtt5::broker::tls_acceptor::TlsStreamWrapper;
use mqtt5::broker::transport::BrokerTransport;
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::types::ReasonCode;
use shared::id::{FleetId, TerminalId};
use shared::limits;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio_rustls::TlsAcceptor;
use tracing::{Instrument as _, debug, info, info_span, warn};

use super::access;
use crate::auth::{ClientCertificate, Peer};
use crate::background::Tasks;

/// From the first byte to the last of a TLS handshake: two round trips on the slowest mobile
/// link, with room. Who is slower holds a slot that others wait for.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// Handshakes at the same time. Each costs a signature and a verification; more at once would
/// only make all of them slower after a power cut brings a region back together.
const HANDSHAKES_MAX: usize = 256;

/// A client that says nothing for half as long again is gone. Without a bound, a client could
/// ask never to be missed.
const KEEP_ALIVE_S_MAX: u16 = 3600;

/// Messages on their way to one terminal: orders in flight, acknowledgements, rosters.
const TO_TERMINAL_MAX: usize = 64;

/// Messages on their way to one controller: what a region says when it comes back together.
const TO_CONTROLLER_MAX: usize = 4096;

/// What waits when a client reads more slowly than others write to it.
const BACKLOG: QueueLimits = QueueLimits { max_messages: 8192, max_bytes: 64 * 1024 * 1024 };

/// Messages that one terminal may send in [`RATE_WINDOW`]: a week's outbox after a week offline,
/// eight at a time, stays below it. What is above is refused and sent again by its outbox.
const TERMINAL_MESSAGES_MAX: u32 = 6_000;
const TERMINAL_BYTES_MAX: u64 = 16 * 1024 * 1024;
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// How long connections get to hear that the broker ends.
const FAREWELL_MAX: Duration = Duration::from_secs(3);

/// Why the broker cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error("the broker cannot listen on {address}: the port is in use")]
    PortInUse { address: SocketAddr },
    #[error("the broker cannot listen on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

impl BrokerError {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::PortInUse { .. } => "end the other program, or choose another `broker.listen`",
            Self::Listen { .. } => "choose an address of this machine for `broker.listen`",
        }
    }
}

/// Says whether a certificate that is valid in itself is still wanted: not revoked, and not
/// replaced by a later enrolment.
pub trait Admission: Send + Sync + 'static {
    fn admits<'a>(
        &'a self,
        certificate: &'a ClientCertificate,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>>;
}

/// What the broker needs to begin.
pub struct Settings {
    /// Port 0 asks for any free port: see [`Broker::address`].
    pub listen: SocketAddr,
    pub fleet: FleetId,
    /// Requires client certificates of the device authority.
    pub tls: rustls::ServerConfig,
    pub connections_max: usize,
    pub admission: Arc<dyn Admission>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Settings").field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// A broker that runs.
pub struct Broker {
    address: SocketAddr,
    router: Arc<MessageRouter>,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Broker").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Broker {
    /// Listens, and serves until the tasks are asked to end.
    pub async fn start(settings: Settings, tasks: &Tasks) -> Result<Self, BrokerError> {
        let address = settings.listen;
        let listener = TcpListener::bind(address).await.map_err(|source| {
            if source.kind() == io::ErrorKind::AddrInUse {
                return BrokerError::PortInUse { address };
            }
            BrokerError::Listen { address, source }
        })?;
        let bound = listener.local_addr();
        let address = bound.map_err(|source| BrokerError::Listen { address, source })?;
        let router = MessageRouter::new()
            .with_fallback_queue_limits(BACKLOG)
            // One byte: a retained message of ours is longer, so all are refused by name.
            .with_retained_limits(1, 1);
        let router = Arc::new(router);
        let serving = Arc::new(Serving::new(settings, router.clone(), tasks.clone()));
        tasks.spawn("broker", accept(listener, serving, tasks.clone()));
        Ok(Self { address, router })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the terminal's connection, if it has one. It may come back: see [`Admission`].
    pub async fn kick(&self, terminal: TerminalId) {
        self.router.unregister_client(&terminal.to_string()).await;
    }
}

/// What all connections share.
struct Serving {
    fleet: FleetId,
    acceptor: TlsAcceptor,
    admission: Arc<dyn Admission>,
    connections: Arc<Semaphore>,
    connections_max: usize,
    handshakes: Arc<Semaphore>,
    router: Arc<MessageRouter>,
    stats: Arc<BrokerStats>,
    for_terminals: Terms,
    for_controllers: Terms,
    farewell: broadcast::Sender<()>,
    tasks: Tasks,
}

/// What a kind of client may take up.
struct Terms {
    config: Arc<BrokerConfig>,
    monitor: Arc<ResourceMonitor>,
}

impl Terms {
    fn new(messages_waiting_max: usize, subscriptions_max: usize, rates: ResourceLimits) -> Self {
        let inflight = u16::try_from(messages_waiting_max).unwrap_or(u16::MAX);
        let config = BrokerConfig {
            max_packet_size: limits::PACKET_BYTES_MAX as usize,
            maximum_qos: 1,
            retain_available: false,
            topic_alias_maximum: 0,
            shared_subscription_available: false,
            subscription_identifier_available: false,
            max_subscriptions_per_client: subscriptions_max,
            client_channel_capacity: messages_waiting_max,
            max_outbound_inflight: inflight,
            server_receive_maximum: Some(inflight),
            sys_topics_enabled: false,
            ..BrokerConfig::default()
        };
        Self { config: Arc::new(config), monitor: Arc::new(ResourceMonitor::new(rates)) }
    }
}

impl Serving {
    fn new(settings: Settings, router: Arc<MessageRouter>, tasks: Tasks) -> Self {
        // Connections are counted here, before the handshake, so the library's own counting of
        // them (by address, too: a whole shop may share one) is left unlimited.
        let unlimited = ResourceLimits {
            max_connections: usize::MAX,
            max_connections_per_ip: usize::MAX,
            max_message_rate_per_client: 0,
            max_bandwidth_per_client: 0,
            max_connection_rate: u32::MAX,
            rate_limit_window: RATE_WINDOW,
        };
        let of_terminals = ResourceLimits {
            max_message_rate_per_client: TERMINAL_MESSAGES_MAX,
            max_bandwidth_per_client: TERMINAL_BYTES_MAX,
            ..unlimited.clone()
        };
        Self {
            fleet: settings.fleet,
            acceptor: TlsAcceptor::from(Arc::new(settings.tls)),
            admission: settings.admission,
            connections: Arc::new(Semaphore::new(settings.connections_max)),
            connections_max: settings.connections_max,
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
            router,
            stats: Arc::new(BrokerStats::new()),
            for_terminals: Terms::new(TO_TERMINAL_MAX, 2, of_terminals),
            for_controllers: Terms::new(TO_CONTROLLER_MAX, 512, unlimited),
            farewell: broadcast::channel(1).0,
            tasks,
        }
    }
}

async fn accept(listener: TcpListener, serving: Arc<Serving>, tasks: Tasks) {
    let stop = tasks.stop();
    loop {
        // The slot is taken first: while all are taken, new connections wait in the kernel.
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = next(&listener, &serving) => accepted,
        };
        let (slot, stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "a connection was not accepted");
                // Out of file descriptors, most likely: trying again at once would spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(seat) = serving.connections.clone().try_acquire_owned() else {
            warn!(%from, max = serving.connections_max, "refused: the broker is full");
            continue;
        };
        let one = serve(serving.clone(), stream, from, slot, seat);
        tasks.spawn_one_of_many(one.instrument(info_span!("connection", %from)));
    }
    drop(listener);
    // An error means that nobody is connected.
    let _none_connected = serving.farewell.send(());
    let all = u32::try_from(serving.connections_max).unwrap_or(u32::MAX);
    if tokio::time::timeout(FAREWELL_MAX, serving.connections.acquire_many(all)).await.is_err() {
        warn!("some connections did not end in time");
    }
}

async fn next(
    listener: &TcpListener,
    serving: &Serving,
) -> io::Result<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let slot = serving.handshakes.clone().acquire_owned().await;
    let slot = slot.expect("the semaphore of handshakes is never closed");
    let (stream, from) = listener.accept().await?;
    Ok((slot, stream, from))
}

/// One connection, from its handshake to its end.
async fn serve(
    serving: Arc<Serving>,
    stream: TcpStream,
    from: SocketAddr,
    slot: OwnedSemaphorePermit,
    seat: OwnedSemaphorePermit,
) {
    // Subscribed before the handshake, so that a farewell during it is not missed.
    let farewell = serving.farewell.subscribe();
    let certificate = tokio::select! {
        biased;
        () = serving.tasks.stop().cancelled_owned() => return,
        shaken = shake_hands(&serving, stream) => shaken,
    };
    drop(slot);
    let (tls, certificate) = match certificate {
        Ok(known) => known,
        Err(why) => return info!(why, "refused"),
    };
    if !serving.admission.admits(&certificate).await {
        return info!(peer = %certificate.peer, "refused: the certificate is no longer wanted");
    }
    let peer = certificate.peer.clone();
    let terms = match peer {
        Peer::Terminal(_) => &serving.for_terminals,
        Peer::Controller(_) => &serving.for_controllers,
    };
    let handler = ClientHandler::new(
        BrokerTransport::tls(TlsStreamWrapper::new(tls)),
        from,
        terms.config.clone(),
        serving.router.clone(),
        Arc::new(Gate { peer: peer.clone() }),
        None,
        serving.stats.clone(),
        terms.monitor.clone(),
        farewell,
    );
    info!(%peer, "connected");
    match handler.run().await {
        Ok(()) => info!(%peer, "left"),
        Err(error) => info!(%peer, why = %error, "connection ended"),
    }
    drop(seat);
}

type Tls = tokio_rustls::server::TlsStream<TcpStream>;

async fn shake_hands(
    serving: &Serving,
    stream: TcpStream,
) -> Result<(Tls, ClientCertificate), String> {
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let tls = match tokio::time::timeout(HANDSHAKE_MAX, serving.acceptor.accept(stream)).await {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => return Err(format!("TLS handshake: {error}")),
        Err(_) => return Err(format!("no TLS handshake within {HANDSHAKE_MAX:?}")),
    };
    let shown = tls.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let shown = shown.ok_or_else(|| "no client certificate".to_owned())?;
    let certificate = ClientCertificate::read(shown, serving.fleet);
    let certificate = certificate.map_err(|why| why.to_string())?;
    Ok((tls, certificate))
}

/// Asked by the library about everything that one connection wants.
struct Gate {
    peer: Peer,
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Gate {
    fn connect(&self, connect: &ConnectPacket) -> AuthResult {
        let refuse = |code, why: &str| {
            info!(peer = %self.peer, why, "CONNECT refused");
            AuthResult::fail(code)
        };
        if connect.protocol_version != 5 {
            return refuse(ReasonCode::UnsupportedProtocolVersion, "not MQTT 5");
        }
        if connect.client_id != self.peer.to_string() {
            let why = "the client id is not the certificate's name";
            return refuse(ReasonCode::ClientIdentifierNotValid, why);
        }
        if !(1..=KEEP_ALIVE_S_MAX).contains(&connect.keep_alive) {
            return refuse(ReasonCode::UnspecifiedError, "keep-alive is not 1 to 3600 s");
        }
        let will = connect.will.as_ref();
        if will.is_some_and(|will| !access::may_publish(&self.peer, &will.topic)) {
            return refuse(ReasonCode::NotAuthorized, "the will is for a foreign topic");
        }
        AuthResult::success()
    }
}

impl AuthProvider for Gate {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        _from: SocketAddr,
    ) -> Answer<'a, mqtt5::error::Result<AuthResult>> {
        Box::pin(ready(Ok(self.connect(connect))))
    }

    fn authorize_publish<'a>(
        &'a self,
        _client_id: &str,
        _user: Option<&'a str>,
        topic: &'a str,
    ) -> Answer<'a, bool> {
        let allowed = access::may_publish(&self.peer, topic);
        if !allowed {
            debug!(peer = %self.peer, topic, "publish refused");
        }
        Box::pin(ready(allowed))
    }

    fn authorize_subscribe<'a>(
        &'a self,
        _client_id: &str,
        _user: Option<&'a str>,
        filter: &'a str,
    ) -> Answer<'a, bool> {
        let allowed = access::may_subscribe(&self.peer, filter);
        if !allowed {
            debug!(peer = %self.peer, filter, "subscription refused");
        }
        Box::pin(ready(allowed))
    }
}

#[cfg(test)]
mod tests;
