//! The one file that knows the MQTT client: the controller as a client of its brokers, embedded or
//! external, with its own certificate.
//!
//! The wire may lose anything, so nothing here is kept for later: a lost connection is thrown away
//! with everything that was on its way, and what matters is sent again by those who owe it. What
//! a broker acknowledges frees nothing; it only makes room.
//!
//! The task that polls the library never waits for anything of ours: what arrives goes into a
//! channel with room for everything that the broker may have unacknowledged, and is acknowledged
//! when it has been heard, so that a slow registry slows the broker and not the connection.

mod backoff;
#[cfg(test)]
pub(crate) mod probe;

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectProperties, Filter, Packet, Publish, SubscribeReasonCode};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use rumqttc::{NetworkOptions, Transport};
use shared::codec;
use shared::id::TerminalId;
use shared::limits::{MESSAGE_BYTES_MAX, PACKET_BYTES_MAX, packet_bytes};
use shared::message::{Down, Up};
use shared::topic::{Shard, Topic, UP_FILTER, up_filter};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;
use tracing::{Instrument as _, debug, info, info_span, warn};

use crate::auth::ControllerName;
use crate::background::Tasks;
use crate::config::HostPort;
use crate::delivery::{NotSent, Wire};
use backoff::Backoff;

const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A broker that acknowledges nothing for so long has forgotten something, or the library has:
/// a new connection forgets everything.
const STALLED_AFTER: Duration = Duration::from_secs(90);

/// Messages from terminals that were not heard yet.
const ARRIVALS_MAX: u16 = 1024;

/// Messages to terminals that the broker has not acknowledged, and behind them those that wait.
const INFLIGHT_MAX: u16 = 256;
const QUEUED_MAX: usize = 4096;

/// How long a goodbye may take.
const FAREWELL_MAX: Duration = Duration::from_secs(2);

/// Hears what terminals say.
#[async_trait]
pub trait Hear: Send + Sync + 'static {
    /// Returns when all of it is durable here, or was refused for good.
    async fn hear(&self, said: Vec<(TerminalId, Up)>);
}

/// A broker as this controller reaches it.
#[derive(Clone, Debug)]
pub struct Reach {
    pub address: HostPort,
    pub shards: RangeInclusive<u8>,
}

/// The connections to all brokers. Each is made again, for ever, until the tasks end.
#[derive(Debug)]
pub struct Links(Vec<Link>);

#[derive(Debug)]
struct Link {
    reach: Reach,
    live: Live,
}

/// A connection that is subscribed; `None` while there is none.
type Live = Arc<Mutex<Option<Standing>>>;

#[derive(Clone, Debug)]
struct Standing {
    client: AsyncClient,
    /// The largest packet that this broker takes. The client knows it too, but gives up the
    /// connection over a larger one, with everything that was on its way to other terminals.
    packet_bytes_max: u32,
}

impl Standing {
    fn new(client: AsyncClient) -> Self {
        Self { client, packet_bytes_max: PACKET_BYTES_MAX }
    }

    /// What the broker said that it takes at most; nothing said is no limit.
    fn heed(&mut self, stated: Option<u32>) {
        if let Some(max) = stated.filter(|max| *max < PACKET_BYTES_MAX) {
            warn!(max, needed = PACKET_BYTES_MAX, "the broker takes smaller packets only");
            self.packet_bytes_max = max;
        }
    }
}

impl Links {
    /// To these brokers, none of which is connected yet.
    pub fn new(brokers: Vec<Reach>) -> Self {
        let link = |reach| Link { reach, live: Live::default() };
        Self(brokers.into_iter().map(link).collect())
    }

    /// Begins to connect. `tls` shows the controller's certificate and believes the server
    /// authority alone.
    pub fn connect(
        &self,
        name: &ControllerName,
        tls: &rustls::ClientConfig,
        hear: &Arc<dyn Hear>,
        tasks: &Tasks,
    ) {
        for Link { reach, live } in &self.0 {
            let connector = Connector {
                name: name.clone(),
                reach: reach.clone(),
                tls: tls.clone(),
                hear: hear.clone(),
                live: live.clone(),
                tasks: tasks.clone(),
            };
            let span = info_span!("broker", address = %reach.address);
            tasks.spawn("mqtt", connector.run().instrument(span));
        }
    }

    /// Whether every broker is connected.
    pub fn connected(&self) -> bool {
        self.0.iter().all(|link| lock(&link.live).is_some())
    }
}

#[async_trait]
impl Wire for Links {
    async fn send(&self, terminal: TerminalId, message: Down) -> Result<(), NotSent> {
        let bytes = codec::encode(&message);
        if bytes.len() > MESSAGE_BYTES_MAX {
            let (bytes, max) = (bytes.len(), MESSAGE_BYTES_MAX);
            return Err(NotSent::TooLarge { terminal, bytes, max });
        }
        let Shard(shard) = Shard::of(terminal);
        let link = self.0.iter().find(|link| link.reach.shards.contains(&shard));
        let live = link.and_then(|link| lock(&link.live).clone());
        let live = live.ok_or(NotSent::NotConnected(terminal))?;
        let topic = Topic::Down(terminal).to_string();
        let (takes, max) = (packet_bytes(&topic, &bytes), live.packet_bytes_max as usize);
        if takes > max {
            let needed = PACKET_BYTES_MAX;
            warn!(%terminal, takes, max, needed, "too large for the broker: raise its limit");
            return Err(NotSent::TooLarge { terminal, bytes: takes, max });
        }
        let sent = live.client.try_publish(topic, QoS::AtLeastOnce, false, bytes);
        sent.map_err(|_| NotSent::Busy(terminal))
    }
}

fn lock(live: &Live) -> std::sync::MutexGuard<'_, Option<Standing>> {
    // Nothing can panic while it is held, so it cannot be poisoned; if it were, it is still true.
    live.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Keeps one broker connected.
struct Connector {
    name: ControllerName,
    reach: Reach,
    tls: rustls::ClientConfig,
    hear: Arc<dyn Hear>,
    live: Live,
    tasks: Tasks,
}

impl Connector {
    async fn run(self) {
        let stop = self.tasks.stop();
        let mut backoff = Backoff::default();
        while !stop.is_cancelled() {
            let begun = Instant::now();
            let lost = self.connection().await;
            *lock(&self.live) = None;
            if stop.is_cancelled() {
                return;
            }
            let pause = backoff.after(begun.elapsed(), random());
            warn!(why = lost, again_in = ?pause, "not connected");
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One connection, until it is lost; says why.
    async fn connection(&self) -> String {
        let (client, mut events) = AsyncClient::new(self.options(), QUEUED_MAX);
        let (arrivals, arrived) = mpsc::channel(usize::from(ARRIVALS_MAX));
        self.tasks.spawn_one_of_many(
            hear_all(arrived, client.clone(), self.hear.clone()).in_current_span(),
        );
        let stop = self.tasks.stop();
        let mut standing = Standing::new(client.clone());
        let mut acknowledged_at = Instant::now();
        loop {
            let event = tokio::select! {
                biased;
                () = stop.cancelled() => return farewell(&client, events).await,
                event = events.poll() => event,
            };
            let packet = match event {
                Ok(Event::Incoming(packet)) => packet,
                Ok(Event::Outgoing(_)) => continue,
                Err(error) => return error.to_string(),
            };
            if events.state.inflight() == 0 || matches!(packet, Packet::PubAck(_)) {
                acknowledged_at = Instant::now();
            } else if acknowledged_at.elapsed() > STALLED_AFTER {
                return format!("nothing was acknowledged for {STALLED_AFTER:?}");
            }
            if let Err(lost) = self.handle(packet, &mut standing, &arrivals) {
                return lost;
            }
        }
    }

    fn handle(
        &self,
        packet: Packet,
        standing: &mut Standing,
        arrivals: &mpsc::Sender<Publish>,
    ) -> Result<(), String> {
        if let Packet::ConnAck(answer) = packet {
            standing.heed(answer.properties.and_then(|properties| properties.max_packet_size));
            let filters = self.filters().into_iter();
            let filters = filters.map(|filter| Filter::new(filter, QoS::AtLeastOnce));
            return standing.client.try_subscribe_many(filters).map_err(|error| error.to_string());
        }
        if let Packet::SubAck(answer) = packet {
            let granted = |code: &SubscribeReasonCode| {
                matches!(code, SubscribeReasonCode::Success(QoS::AtLeastOnce))
            };
            if !answer.return_codes.iter().all(granted) {
                return Err(format!("the broker refused to subscribe: {:?}", answer.return_codes));
            }
            info!("connected");
            *lock(&self.live) = Some(standing.clone());
            return Ok(());
        }
        if let Packet::Publish(publish) = packet {
            // There is room for all that the broker may have unacknowledged: one that sends more
            // breaks the rules, and what it loses by that is sent again by its terminal.
            match arrivals.try_send(publish) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => warn!("the broker sends more than it may; dropped"),
                Err(TrySendError::Closed(_)) => return Err("nobody hears any more".to_owned()),
            }
        }
        Ok(())
    }

    fn filters(&self) -> Vec<String> {
        if self.reach.shards == (0..=u8::MAX) {
            return vec![UP_FILTER.to_owned()];
        }
        self.reach.shards.clone().map(|shard| up_filter(Shard(shard))).collect()
    }

    fn options(&self) -> MqttOptions {
        let HostPort { host, port } = &self.reach.address;
        let mut options = MqttOptions::new(self.name.to_string(), host, *port);
        options.set_transport(Transport::tls_with_config(self.tls.clone().into()));
        options.set_keep_alive(KEEP_ALIVE);
        options.set_clean_start(true);
        options.set_manual_acks(true);
        options.set_connection_timeout(10);
        options.set_outgoing_inflight_upper_limit(INFLIGHT_MAX);
        let mut properties = ConnectProperties::new();
        properties.session_expiry_interval = Some(0);
        properties.receive_maximum = Some(ARRIVALS_MAX);
        properties.max_packet_size = Some(PACKET_BYTES_MAX);
        options.set_connect_properties(properties);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        options
    }
}

async fn farewell(client: &AsyncClient, mut events: EventLoop) -> String {
    if client.try_disconnect().is_ok() {
        let leave = async { while events.poll().await.is_ok() {} };
        // If it takes too long, the connection is simply dropped: the broker notices that too.
        let _in_time = tokio::time::timeout(FAREWELL_MAX, leave).await;
    }
    "the controller ends".to_owned()
}

/// Hands on what arrives, as much at once as there is, and makes room for more.
async fn hear_all(mut arrived: mpsc::Receiver<Publish>, client: AsyncClient, hear: Arc<dyn Hear>) {
    let mut publishes = Vec::new();
    while arrived.recv_many(&mut publishes, usize::from(ARRIVALS_MAX)).await > 0 {
        let said: Vec<_> = publishes.iter().filter_map(read).collect();
        if !said.is_empty() {
            hear.hear(said).await;
        }
        for publish in publishes.drain(..) {
            if client.ack(&publish).await.is_err() {
                return debug!("the connection is gone");
            }
        }
    }
}

/// Who says what. The topic says who, because the broker enforces it; nothing in the payload can.
fn read(publish: &Publish) -> Option<(TerminalId, Up)> {
    let topic = str::from_utf8(&publish.topic).ok().and_then(|topic| topic.parse().ok());
    let Some(Topic::Up(terminal)) = topic else {
        warn!(topic = %String::from_utf8_lossy(&publish.topic), "a strange topic; ignored");
        return None;
    };
    match codec::decode(&publish.payload, MESSAGE_BYTES_MAX) {
        Ok(up) => Some((terminal, up)),
        Err(why) => {
            warn!(%terminal, why = &why as &dyn std::error::Error, "unreadable; ignored");
            None
        }
    }
}

fn random() -> u32 {
    // Without randomness the controllers come back together, which is better than not at all.
    getrandom::u32().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
