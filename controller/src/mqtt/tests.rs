//! The controller's side of the wire, against the embedded broker, with bare clients as terminals.

use std::collections::BTreeSet;
use std::future::ready;
use std::net::{Ipv4Addr, SocketAddr};

use shared::message::{Ack, Body, Record, Telemetry};
use shared::time::UnixTime;
use tokio::sync::mpsc::UnboundedSender;

use super::probe::{Card, Probe};
use super::*;
use crate::auth::ClientCertificate;
use crate::broker::embedded::{Admission, Broker, Settings};
use crate::terminal::certificate::test_authority::TestAuthority;

struct Everyone;

impl Admission for Everyone {
    fn admits<'a>(
        &'a self,
        _: &'a ClientCertificate,
    ) -> std::pin::Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(ready(true))
    }
}

struct Ear(UnboundedSender<(TerminalId, Up)>);

#[async_trait]
impl Hear for Ear {
    async fn hear(&self, said: Vec<(TerminalId, Up)>) {
        for one in said {
            self.0.send(one).expect("the test listens");
        }
    }
}

async fn broker(authority: &TestAuthority, listen: SocketAddr, tasks: &Tasks) -> Broker {
    let tls = shared::tls::server(
        authority.device_ca_pem.as_bytes(),
        authority.server().identity(),
        shared::tls::ClientCertificate::Required,
    );
    let settings = Settings {
        listen,
        fleet: authority.fleet,
        tls: tls.unwrap(),
        connections_max: 100,
        admission: Arc::new(Everyone),
    };
    Broker::start(settings, tasks).await.unwrap()
}

fn links(authority: &TestAuthority, port: u16, ear: Ear, tasks: &Tasks) -> Links {
    let identity = authority.controller("controller-1").identity();
    let tls = shared::tls::client(authority.server_ca_pem.as_bytes(), Some(identity)).unwrap();
    let reach = Reach { address: format!("localhost:{port}").parse().unwrap(), shards: 0..=255 };
    let hear: Arc<dyn Hear> = Arc::new(ear);
    let links = Links::new(vec![reach]);
    links.connect(&"controller-1".parse().unwrap(), &tls, &hear, tasks);
    links
}

async fn terminal(authority: &TestAuthority, port: u16, id: TerminalId) -> Probe {
    let (identity, topic) = (authority.terminal(id), Topic::Up(id).to_string());
    let card = Card {
        server_ca: &authority.server_ca_pem,
        identity: Some(identity.identity()),
        client_id: &id.to_string(),
        will: Some((&topic, "dgone")), // `Up::Gone`: the text `gone`, in CBOR
    };
    let mut probe = Probe::connect(port, card).await.unwrap();
    assert!(probe.subscribe(&Topic::Down(id).to_string()).await);
    probe
}

/// Looks again until it is so; what it waits for is a connection, which takes no message to show.
async fn until(mut is_so: impl FnMut() -> bool) {
    let so = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), so).await.expect("it becomes so");
}

fn ack(up_to: u64) -> Down {
    Down::Ack(Ack { epoch: 1, up_to })
}

#[tokio::test]
async fn both_directions_work_and_only_the_topic_says_who_speaks() {
    let (authority, tasks) = (TestAuthority::new(), Tasks::new());
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let port = broker(&authority, any, &tasks).await.address().port();
    let (ear, mut heard) = mpsc::unbounded_channel();
    let links = links(&authority, port, Ear(ear), &tasks);
    let id = TerminalId::generate();
    let mut till = terminal(&authority, port, id).await;
    until(|| links.connected()).await;

    let up = Topic::Up(id).to_string();
    assert_eq!(till.send(&up, b"not CBOR".to_vec(), false).await, Ok(true));
    assert_eq!(till.send(&up, codec::encode(&Up::Gone), false).await, Ok(true));
    assert_eq!(heard.recv().await, Some((id, Up::Gone)), "what is unreadable is passed over");

    links.send(id, ack(7)).await.unwrap();
    let expected = String::from_utf8_lossy(&codec::encode(&ack(7))).into_owned();
    assert_eq!(till.until(&expected).await, vec![]);

    drop(till);
    assert_eq!(heard.recv().await, Some((id, Up::Gone)), "the last will");
}

#[tokio::test]
async fn a_message_that_no_broker_takes_is_refused_here() {
    let (authority, tasks) = (TestAuthority::new(), Tasks::new());
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let port = broker(&authority, any, &tasks).await.address().port();
    let (ear, _heard) = mpsc::unbounded_channel();
    let links = links(&authority, port, Ear(ear), &tasks);
    let id = TerminalId::generate();
    until(|| links.connected()).await;
    let large = shared::message::SignedBytes::new(vec![0; MESSAGE_BYTES_MAX]);
    let refused = links.send(id, Down::FleetTime(large)).await;
    assert!(matches!(refused, Err(NotSent::TooLarge { .. })), "{refused:?}");
    assert_eq!(links.send(id, ack(1)).await, Ok(()), "the connection is as good as before");
    assert!(links.connected());
}

#[tokio::test]
async fn what_one_broker_does_not_take_is_refused_here_and_its_connection_stays() {
    let address = "localhost:1".parse().unwrap();
    let links = Links::new(vec![Reach { address, shards: 0..=255 }]);
    let (client, _never_polled) = AsyncClient::new(MqttOptions::new("c", "localhost", 1), 8);
    let mut standing = Standing::new(client);
    let id = TerminalId::generate();
    let large = || Down::FleetTime(shared::message::SignedBytes::new(vec![0; 500]));
    for no_limit in [None, Some(PACKET_BYTES_MAX), Some(u32::MAX)] {
        standing.heed(no_limit);
        *lock(&links.0[0].live) = Some(standing.clone());
        assert_eq!(links.send(id, large()).await, Ok(()));
    }
    standing.heed(Some(500));
    *lock(&links.0[0].live) = Some(standing);
    let refused = links.send(id, large()).await;
    assert!(matches!(refused, Err(NotSent::TooLarge { max: 500, .. })), "{refused:?}");
    assert_eq!(links.send(id, ack(1)).await, Ok(()));
    assert!(links.connected());
}

#[tokio::test]
async fn a_broker_that_comes_back_empty_is_found_again() {
    let (authority, tasks) = (TestAuthority::new(), Tasks::new());
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let first = Tasks::new();
    let address = broker(&authority, any, &first).await.address();
    let (ear, mut heard) = mpsc::unbounded_channel();
    let links = links(&authority, address.port(), Ear(ear), &tasks);
    until(|| links.connected()).await;
    first.shut_down(Duration::from_secs(20)).await;
    until(|| !links.connected()).await;
    let id = TerminalId::from_bytes([1; 16]);
    assert_eq!(links.send(id, ack(1)).await, Err(NotSent::NotConnected(id)));

    broker(&authority, address, &tasks).await;
    until(|| links.connected()).await;
    let mut till = terminal(&authority, address.port(), id).await;
    let up = Topic::Up(id).to_string();
    assert_eq!(till.send(&up, codec::encode(&Up::Gone), false).await, Ok(true));
    assert_eq!(heard.recv().await, Some((id, Up::Gone)));
    let stopped = tasks.shut_down(Duration::from_secs(20)).await;
    assert_eq!(stopped, crate::background::Stopped::Cleanly);
}

#[tokio::test]
async fn thousands_of_messages_at_once_all_arrive_in_both_directions() {
    let (authority, tasks) = (TestAuthority::new(), Tasks::new());
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let port = broker(&authority, any, &tasks).await.address().port();
    let (ear, mut heard) = mpsc::unbounded_channel();
    let links = links(&authority, port, Ear(ear), &tasks);
    let id = TerminalId::generate();
    let mut till = terminal(&authority, port, id).await;
    until(|| links.connected()).await;
    for number in 0..3_000 {
        links.send(id, ack(number)).await.unwrap();
    }
    // A broker may let some overtake others when a client lags this far behind.
    let arrived = till.take(3_000).await.into_iter().map(|message| message.payload);
    let expected = (0..3_000).map(|n| codec::encode(&ack(n)));
    let expected = expected.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert_eq!(arrived.collect::<BTreeSet<_>>(), expected.collect::<BTreeSet<_>>());
    let up = Topic::Up(id).to_string();
    for number in 0..1_500 {
        assert_eq!(till.send(&up, codec::encode(&record(number)), false).await, Ok(true));
    }
    for number in 0..1_500 {
        assert_eq!(heard.recv().await, Some((id, record(number))));
    }
}

fn record(seq: u64) -> Up {
    let telemetry = Telemetry {
        at: UnixTime(0),
        disk_free_bytes: 0,
        orders_refused: 0,
        messages_unreadable: 0,
        battery: None,
        till: None,
    };
    Up::Record(Record { epoch: 1, seq, previous: 0, body: Body::Telemetry(telemetry) })
}
