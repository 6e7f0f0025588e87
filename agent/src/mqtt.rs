//! The one file that knows the MQTT client.
//!
//! The client is treated as a wire that loses things: it drops accepted messages when a broker
//! forgets the session, and it never says which message was acknowledged. So nothing here
//! remembers anything: each connection is made anew with a clean start, and the outbox sends
//! again what was not acknowledged by the controller itself.
//!
//! The task that drives a connection never waits for us: it hands on events by a bounded channel
//! and drops a message that finds no room (the controller still owes it), and we hand it messages
//! without waiting either. When to connect again is not decided here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectReturnCode, LastWill, Packet, PubAckReason, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event as ClientEvent, EventLoop, MqttOptions};
use rumqttc::{NetworkOptions, Outgoing, TlsConfiguration, Transport};
use shared::codec;
use shared::id::TerminalId;
use shared::limits::{MESSAGE_BYTES_MAX, PACKET_BYTES_MAX, packet_bytes};
use shared::message::{Down, Up};
use shared::topic::Topic;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{debug, trace, warn};

/// Between two pings. Short enough for a broken mobile connection to be noticed within minutes,
/// long enough to cost little on one.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// TCP, TLS and CONNECT together.
const CONNECT_TIMEOUT_S: u64 = 20;

/// Messages of ours that the broker has not acknowledged. Hello, eight records and a goodbye fit;
/// the library's default of 65,535 would take 14 MB.
const IN_FLIGHT_MAX: u16 = 16;

/// Events on their way to the event loop: eight orders, acknowledgements, and room to breathe.
const EVENTS_MAX: usize = 32;

/// A broker that acknowledges nothing for this long is not worth keeping.
const PUBACK_PATIENCE: Duration = KEEP_ALIVE.saturating_mul(3);

/// How to reach brokers as one terminal.
#[derive(Clone, Debug)]
pub struct Settings {
    pub terminal: TerminalId,
    pub tls: Arc<rustls::ClientConfig>,
}

/// What a connection has to say.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The broker took the connection and the subscription.
    Connected,
    Disconnected {
        reason: String,
    },
    Received(Down),
    /// A message that is too large or cannot be decoded.
    Unreadable,
}

/// Why a message did not go out. Nothing is lost by it: the outbox still has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    #[error("there is no connection")]
    NotConnected,
    #[error("the connection has no room at present")]
    Busy,
    #[error("the message has {got} bytes, more than the {MESSAGE_BYTES_MAX} that travel")]
    TooLarge { got: usize },
    #[error(
        "the message takes {got} bytes, and the broker takes {max} at most: set its largest packet \
         to {PACKET_BYTES_MAX}"
    )]
    TooLargeForBroker { got: usize, max: u32 },
}

/// At most one connection at a time.
#[derive(Debug)]
pub struct Mqtt {
    settings: Settings,
    connection: Option<Connection>,
}

#[derive(Debug)]
struct Connection {
    client: AsyncClient,
    events: mpsc::Receiver<Event>,
    /// The largest packet that this broker takes. The client knows it too, but gives up the
    /// connection over a larger one, each time anew.
    packet_bytes_max: Arc<AtomicU32>,
    /// Ends with the reason why the connection ended.
    driver: JoinHandle<String>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Mqtt {
    pub fn new(settings: Settings) -> Self {
        Self { settings, connection: None }
    }

    /// Begins to connect to `host:port`, and forgets the connection that may exist.
    pub fn connect(&mut self, broker: &str) {
        let (told, events) = mpsc::channel(EVENTS_MAX);
        let options = match options(&self.settings, broker) {
            Ok(options) => options,
            Err(reason) => {
                self.connection = Some(Connection::refused(&self.settings, reason, events));
                return;
            }
        };
        let (client, event_loop) = AsyncClient::new(options, usize::from(IN_FLIGHT_MAX));
        let packet_bytes_max = Arc::new(AtomicU32::new(PACKET_BYTES_MAX));
        let driver = Driver {
            packet_bytes_max: Arc::clone(&packet_bytes_max),
            down: Topic::Down(self.settings.terminal).to_string(),
            client: client.clone(),
            told,
            unacknowledged: 0,
            last_puback: Instant::now(),
        };
        let driver = spawn(driver.run(event_loop));
        self.connection = Some(Connection { client, events, packet_bytes_max, driver });
    }

    /// Says goodbye; `Disconnected` follows.
    pub fn disconnect(&self) {
        if let Some(connection) = &self.connection
            && connection.client.try_disconnect().is_err()
        {
            // No room for a goodbye: then the connection just ends.
            connection.driver.abort();
        }
    }

    /// Hands a message to the connection, without waiting.
    pub fn send(&self, message: &Up) -> Result<(), NotSent> {
        let connection = self.connection.as_ref().ok_or(NotSent::NotConnected)?;
        let payload = codec::encode(message);
        if payload.len() > MESSAGE_BYTES_MAX {
            return Err(NotSent::TooLarge { got: payload.len() });
        }
        let topic = Topic::Up(self.settings.terminal).to_string();
        let max = connection.packet_bytes_max.load(Ordering::Relaxed);
        let got = packet_bytes(&topic, &payload);
        if got > max as usize {
            return Err(NotSent::TooLargeForBroker { got, max });
        }
        let sent = connection.client.try_publish(topic, QoS::AtLeastOnce, false, payload);
        sent.map_err(|_| NotSent::Busy)
    }

    /// The next thing that happens; never comes while there is no connection. Nothing is lost
    /// when the caller stops waiting.
    pub async fn next(&mut self) -> Event {
        let Some(connection) = &mut self.connection else {
            return std::future::pending().await;
        };
        if let Some(event) = connection.events.recv().await {
            return event;
        }
        let reason = match (&mut connection.driver).await {
            Ok(reason) => reason,
            Err(ended) => format!("the connection's task ended: {ended}"),
        };
        self.connection = None;
        Event::Disconnected { reason }
    }
}

impl Connection {
    /// A connection that never was, so that its end is told in the usual way.
    fn refused(settings: &Settings, reason: String, events: mpsc::Receiver<Event>) -> Self {
        let options = MqttOptions::new(settings.terminal.to_string(), "unused", 1);
        let (client, _never_polled) = AsyncClient::new(options, 1);
        let packet_bytes_max = Arc::new(AtomicU32::new(PACKET_BYTES_MAX));
        Self { client, events, packet_bytes_max, driver: spawn(async move { reason }) }
    }
}

/// The one owner of this task is its [`Connection`], which ends it when it is dropped.
#[expect(clippy::disallowed_methods, reason = "owned and ended by the connection")]
fn spawn(task: impl Future<Output = String> + Send + 'static) -> JoinHandle<String> {
    tokio::spawn(task)
}

fn options(settings: &Settings, broker: &str) -> Result<MqttOptions, String> {
    let parsed = broker.rsplit_once(':').and_then(|(host, port)| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse::<u16>().ok()?;
        (!host.is_empty()).then_some((host, port))
    });
    let (host, port) = parsed.ok_or_else(|| format!("`{broker}` is not `host:port`"))?;
    let up = Topic::Up(settings.terminal).to_string();
    let will = LastWill::new(up, codec::encode(&Up::Gone), QoS::AtLeastOnce, false, None);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    network.set_connection_timeout(CONNECT_TIMEOUT_S);
    let mut options = MqttOptions::new(settings.terminal.to_string(), host, port);
    options
        .set_transport(Transport::Tls(TlsConfiguration::Rustls(Arc::clone(&settings.tls))))
        .set_keep_alive(KEEP_ALIVE)
        .set_clean_start(true)
        .set_session_expiry_interval(Some(0))
        .set_max_packet_size(Some(PACKET_BYTES_MAX))
        .set_receive_maximum(Some(IN_FLIGHT_MAX))
        .set_topic_alias_max(Some(0))
        .set_connection_timeout(CONNECT_TIMEOUT_S)
        .set_outgoing_inflight_upper_limit(IN_FLIGHT_MAX)
        .set_manual_acks(true)
        .set_network_options(network)
        .set_last_will(will);
    Ok(options)
}

/// Drives one connection to its end.
struct Driver {
    down: String,
    packet_bytes_max: Arc<AtomicU32>,
    client: AsyncClient,
    told: mpsc::Sender<Event>,
    unacknowledged: u32,
    last_puback: Instant,
}

impl Driver {
    /// Returns why the connection ended.
    async fn run(mut self, mut event_loop: EventLoop) -> String {
        loop {
            let event = match event_loop.poll().await {
                Ok(event) => event,
                Err(error) => return reason_of(&error),
            };
            trace!(?event, "mqtt");
            let end = match event {
                ClientEvent::Incoming(packet) => self.incoming(packet),
                ClientEvent::Outgoing(sent) => self.outgoing(&sent),
            };
            if let Some(reason) = end.or_else(|| self.stalled()) {
                return reason;
            }
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the client's enums; the rest is its own business"
    )]
    fn incoming(&mut self, packet: Packet) -> Option<String> {
        match packet {
            Packet::ConnAck(answer) if answer.code == ConnectReturnCode::Success => {
                self.heed(answer.properties.and_then(|properties| properties.max_packet_size));
                let asked = self.client.try_subscribe(&self.down, QoS::AtLeastOnce);
                asked.err().map(|error| format!("subscribing failed: {error}"))
            }
            Packet::ConnAck(answer) => Some(format!("the broker refused: {:?}", answer.code)),
            Packet::SubAck(answer) => match answer.return_codes.first() {
                Some(SubscribeReasonCode::Success(_)) => self.tell(Event::Connected),
                other => Some(format!("the broker refused the subscription: {other:?}")),
            },
            Packet::Publish(message) => {
                let event = match codec::decode::<Down>(&message.payload, MESSAGE_BYTES_MAX) {
                    Ok(down) => Event::Received(down),
                    Err(error) => {
                        debug!(%error, bytes = message.payload.len(), "unreadable message");
                        Event::Unreadable
                    }
                };
                // The broker may forget it now: what counts is the terminal's own receipt.
                if self.client.try_ack(&message).is_err() {
                    return Some("no room to acknowledge a message".to_owned());
                }
                self.pass(event);
                None
            }
            Packet::PubAck(answer) => {
                self.unacknowledged = self.unacknowledged.saturating_sub(1);
                self.last_puback = Instant::now();
                match answer.reason {
                    PubAckReason::Success | PubAckReason::NoMatchingSubscribers => {}
                    refused => warn!(?refused, "the broker refused a message"),
                }
                None
            }
            Packet::Disconnect(goodbye) => {
                Some(format!("the broker ended it: {:?}", goodbye.reason_code))
            }
            _ => None,
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the client's enum; the rest is its own business"
    )]
    fn outgoing(&mut self, sent: &Outgoing) -> Option<String> {
        match sent {
            Outgoing::Publish(_) => {
                if self.unacknowledged == 0 {
                    self.last_puback = Instant::now();
                }
                self.unacknowledged += 1;
                None
            }
            Outgoing::Disconnect => Some("we said goodbye".to_owned()),
            _ => None,
        }
    }

    /// What the broker said that it takes at most; nothing said is no limit.
    fn heed(&self, stated: Option<u32>) {
        if let Some(max) = stated.filter(|max| *max < PACKET_BYTES_MAX) {
            warn!(max, needed = PACKET_BYTES_MAX, "the broker takes smaller packets only");
            self.packet_bytes_max.store(max, Ordering::Relaxed);
        }
    }

    /// After a lost acknowledgement the client can wait for ever without an error.
    fn stalled(&self) -> Option<String> {
        let waited = self.last_puback.elapsed();
        (self.unacknowledged > 0 && waited > PUBACK_PATIENCE)
            .then(|| format!("{} messages unacknowledged for {waited:?}", self.unacknowledged))
    }

    /// An event that must arrive: if it finds no room the connection is given up.
    fn tell(&self, event: Event) -> Option<String> {
        let told = self.told.try_send(event);
        told.err().map(|_| "the agent does not keep up".to_owned())
    }

    /// A message that may be lost here: the controller sends it again.
    fn pass(&self, event: Event) {
        if self.told.try_send(event).is_err() {
            warn!("no room for a message from the controller; it will come again");
        }
    }
}

fn reason_of(error: &ConnectionError) -> String {
    use std::error::Error as _;
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        source = cause.source();
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
        Settings { terminal: TerminalId::from_bytes([3; 16]), tls: Arc::new(tls) }
    }

    fn on_one_thread<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(test)
    }

    #[test]
    fn an_address_that_is_none_ends_as_any_failed_connection_does() {
        on_one_thread(async {
            let mut mqtt = Mqtt::new(settings());
            for address in ["", "host", "host:", ":1", "host:99999"] {
                mqtt.connect(address);
                let reason = format!("`{address}` is not `host:port`");
                assert_eq!(mqtt.next().await, Event::Disconnected { reason });
            }
        });
    }

    #[test]
    fn a_broker_that_is_not_there_is_reported_once() {
        on_one_thread(async {
            let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let mut mqtt = Mqtt::new(settings());
            mqtt.connect(&gone.to_string());
            let Event::Disconnected { reason } = mqtt.next().await else { panic!("connected?") };
            assert!(reason.contains("refused"), "{reason}");
            assert_eq!(mqtt.send(&Up::Gone), Err(NotSent::NotConnected));
        });
    }

    #[test]
    fn what_the_broker_does_not_take_is_not_sent_and_the_connection_stays() {
        on_one_thread(async {
            let mut mqtt = Mqtt::new(settings());
            let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            mqtt.connect(&gone.to_string());
            let connection = mqtt.connection.as_ref().unwrap();
            let driver = Driver {
                down: String::new(),
                packet_bytes_max: Arc::clone(&connection.packet_bytes_max),
                client: connection.client.clone(),
                told: mpsc::channel(1).0,
                unacknowledged: 0,
                last_puback: Instant::now(),
            };
            let receipt = shared::message::SignedBytes::new(vec![0; 500]);
            let body = shared::message::Body::Receipt(receipt);
            let large = Up::Record(shared::message::Record { epoch: 1, seq: 1, previous: 0, body });
            for no_limit in [None, Some(PACKET_BYTES_MAX), Some(u32::MAX)] {
                driver.heed(no_limit);
                assert_eq!(mqtt.send(&large), Ok(()));
            }
            driver.heed(Some(500));
            let refused = mqtt.send(&large);
            let limited = matches!(refused, Err(NotSent::TooLargeForBroker { max: 500, .. }));
            assert!(limited, "{refused:?}");
            assert_eq!(mqtt.send(&Up::Gone), Ok(()));
        });
    }
}
