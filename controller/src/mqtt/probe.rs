//! A bare MQTT client for tests of brokers: it does what it is told, also what it should not.

use std::collections::VecDeque;
use std::time::Duration;

use rumqttc::Transport;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectProperties, LastWill, Packet, PubAckReason, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use shared::tls::{self, Identity};

/// Nothing that a test waits for takes longer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A message as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrived {
    pub(crate) topic: String,
    pub(crate) payload: String,
}

/// How a client presents itself.
pub(crate) struct Card<'a> {
    pub(crate) server_ca: &'a str,
    pub(crate) identity: Option<Identity>,
    pub(crate) client_id: &'a str,
    pub(crate) will: Option<(&'a str, &'a str)>,
}

pub(crate) struct Probe {
    client: AsyncClient,
    events: EventLoop,
    arrived: VecDeque<Arrived>,
}

impl Probe {
    /// Connects, or says why not.
    pub(crate) async fn connect(port: u16, card: Card<'_>) -> Result<Self, String> {
        let config = tls::client(card.server_ca.as_bytes(), card.identity).unwrap();
        let mut options = MqttOptions::new(card.client_id, "localhost", port);
        options.set_transport(Transport::tls_with_config(config.into()));
        options.set_outgoing_inflight_upper_limit(16);
        let mut properties = ConnectProperties::new();
        properties.max_packet_size = Some(2 * 1024 * 1024);
        options.set_connect_properties(properties);
        if let Some((topic, payload)) = card.will {
            options.set_last_will(LastWill::new(topic, payload, QoS::AtLeastOnce, false, None));
        }
        let (client, mut events) = AsyncClient::new(options, 64);
        match tokio::time::timeout(PATIENCE, events.poll()).await {
            Err(_) => Err("no answer".to_owned()),
            Ok(Err(error)) => Err(error.to_string()),
            Ok(Ok(_)) => Ok(Self { client, events, arrived: VecDeque::new() }),
        }
    }

    /// Subscribes; whether the broker grants it.
    pub(crate) async fn subscribe(&mut self, filter: &str) -> bool {
        self.client.try_subscribe(filter, QoS::AtLeastOnce).unwrap();
        loop {
            if let Packet::SubAck(ack) = self.packet().await.expect("the connection holds") {
                return matches!(ack.return_codes[..], [SubscribeReasonCode::Success(_)]);
            }
        }
    }

    /// Publishes; whether the broker accepts it.
    pub(crate) async fn publish(&mut self, topic: &str, payload: &str) -> bool {
        self.send(topic, payload.as_bytes().to_vec(), false).await.expect("the connection holds")
    }

    /// Publishes; whether the broker accepts it, or why the connection ended.
    pub(crate) async fn send(
        &mut self,
        topic: &str,
        payload: Vec<u8>,
        retain: bool,
    ) -> Result<bool, String> {
        self.client.try_publish(topic, QoS::AtLeastOnce, retain, payload).unwrap();
        loop {
            if let Packet::PubAck(ack) = self.packet().await? {
                let taken = [PubAckReason::Success, PubAckReason::NoMatchingSubscribers];
                return Ok(taken.contains(&ack.reason));
            }
        }
    }

    /// What arrived before this payload did.
    pub(crate) async fn until(&mut self, fence: &str) -> Vec<Arrived> {
        let mut before = Vec::new();
        loop {
            while let Some(message) = self.arrived.pop_front() {
                if message.payload == fence {
                    return before;
                }
                before.push(message);
            }
            self.packet().await.expect("the connection holds");
        }
    }

    /// The next so many messages.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Arrived> {
        while self.arrived.len() < count {
            self.packet().await.expect("the connection holds");
        }
        self.arrived.drain(..count).collect()
    }

    /// Waits for the broker to end the connection.
    pub(crate) async fn until_closed(&mut self) -> String {
        loop {
            match self.packet().await {
                Ok(Packet::Disconnect(told)) => return format!("{:?}", told.reason_code),
                Ok(_) => {}
                Err(why) => return why,
            }
        }
    }

    /// The next packet from the broker; messages are kept besides.
    async fn packet(&mut self) -> Result<Packet, String> {
        loop {
            let event = tokio::time::timeout(PATIENCE, self.events.poll()).await;
            match event.map_err(|_| "nothing came".to_owned())?.map_err(|e| e.to_string())? {
                Event::Incoming(packet) => {
                    if let Packet::Publish(publish) = &packet {
                        self.arrived.push_back(Arrived {
                            topic: String::from_utf8(publish.topic.to_vec()).unwrap(),
                            payload: String::from_utf8_lossy(&publish.payload).into_owned(),
                        });
                    }
                    return Ok(packet);
                }
                Event::Outgoing(_) => {}
            }
        }
    }
}
