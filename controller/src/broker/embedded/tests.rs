//! The access rules as real clients meet them, over real TLS, on the embedded broker and on
//! mosquitto with the configuration that is shipped. What counts is what arrives where: a broker
//! may grant a subscription that it never serves.

use std::net::Ipv4Addr;

use shared::topic::{Topic, UP_FILTER};

use super::*;
use crate::mqtt::probe::{Arrived, Card, Probe};
use crate::terminal::certificate::test_authority::{TestAuthority, TestIdentity};

struct Everyone;

impl Admission for Everyone {
    fn admits<'a>(&'a self, _: &'a ClientCertificate) -> Answer<'a, bool> {
        Box::pin(ready(true))
    }
}

/// A running embedded broker and the people around it.
struct Fixture {
    authority: TestAuthority,
    tasks: Tasks,
    broker: Broker,
}

impl Fixture {
    async fn start() -> Self {
        let authority = TestAuthority::new();
        let tasks = Tasks::new();
        let settings = settings(&authority, Arc::new(Everyone));
        let broker = Broker::start(settings, &tasks).await.unwrap();
        Self { authority, tasks, broker }
    }

    fn site(&self) -> Site<'_> {
        Site { authority: &self.authority, port: self.broker.address().port() }
    }
}

fn settings(authority: &TestAuthority, admission: Arc<dyn Admission>) -> Settings {
    let tls = shared::tls::server(
        authority.device_ca_pem.as_bytes(),
        authority.server().identity(),
        shared::tls::ClientCertificate::Required,
    );
    Settings {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        fleet: authority.fleet,
        tls: tls.unwrap(),
        connections_max: 100,
        admission,
    }
}

/// A broker, whichever it is.
struct Site<'a> {
    authority: &'a TestAuthority,
    port: u16,
}

impl Site<'_> {
    async fn try_connect(
        &self,
        identity: Option<&TestIdentity>,
        client_id: &str,
        will: Option<(&str, &str)>,
    ) -> Result<Probe, String> {
        let card = Card {
            server_ca: &self.authority.server_ca_pem,
            identity: identity.map(TestIdentity::identity),
            client_id,
            will,
        };
        Probe::connect(self.port, card).await
    }

    async fn terminal(&self, terminal: TerminalId) -> Probe {
        let identity = self.authority.terminal(terminal);
        self.try_connect(Some(&identity), &terminal.to_string(), None).await.unwrap()
    }

    async fn controller(&self) -> Probe {
        let identity = self.authority.controller("controller-1");
        self.try_connect(Some(&identity), "controller-1", None).await.unwrap()
    }
}

/// The controller and two terminals, each subscribed to what is its own.
struct Cast {
    controller: Probe,
    thief: Probe,
    victim: Probe,
    thief_id: TerminalId,
    victim_id: TerminalId,
    fences: u32,
}

impl Cast {
    async fn gather(site: &Site<'_>) -> Self {
        let (thief_id, victim_id) = (TerminalId::generate(), TerminalId::generate());
        let mut cast = Self {
            controller: site.controller().await,
            thief: site.terminal(thief_id).await,
            victim: site.terminal(victim_id).await,
            thief_id,
            victim_id,
            fences: 0,
        };
        assert!(cast.controller.subscribe(UP_FILTER).await);
        assert!(cast.thief.subscribe(&Topic::Down(thief_id).to_string()).await);
        assert!(cast.victim.subscribe(&Topic::Down(victim_id).to_string()).await);
        cast
    }

    /// What has arrived at (controller, thief, victim) so far. A fence is sent to each, behind
    /// everything that the broker has already accepted.
    async fn arrived(&mut self) -> [Vec<Arrived>; 3] {
        self.fences += 1;
        let fence = format!("fence {}", self.fences);
        let (thief, victim) = (Topic::Down(self.thief_id), Topic::Down(self.victim_id));
        assert!(self.controller.publish(&thief.to_string(), &fence).await);
        assert!(self.controller.publish(&victim.to_string(), &fence).await);
        assert!(self.thief.publish(&Topic::Up(self.thief_id).to_string(), &fence).await);
        let arrived = [
            self.controller.until(&fence).await,
            self.thief.until(&fence).await,
            self.victim.until(&fence).await,
        ];
        arrived.map(|messages| {
            // A broker that grants overlapping subscriptions serves one's own messages twice,
            // fences among them. Nobody is harmed by that.
            let real = messages.into_iter().filter(|message| !message.payload.contains("fence "));
            let mut real: Vec<_> = real.collect();
            real.dedup();
            real
        })
    }

    /// One honest message in each direction and of each terminal.
    async fn talk(&mut self) -> [Vec<Arrived>; 3] {
        let messages = [
            (Topic::Up(self.thief_id), "hello from thief"),
            (Topic::Up(self.victim_id), "hello from victim"),
            (Topic::Down(self.thief_id), "order for thief"),
            (Topic::Down(self.victim_id), "order for victim"),
        ];
        for (topic, payload) in messages {
            let from = match topic {
                Topic::Up(terminal) if terminal == self.thief_id => &mut self.thief,
                Topic::Up(_) => &mut self.victim,
                Topic::Down(_) => &mut self.controller,
            };
            assert!(from.publish(&topic.to_string(), payload).await, "{payload}");
        }
        let [up_1, up_2, down_1, down_2] = messages
            .map(|(topic, payload)| Arrived { topic: topic.to_string(), payload: payload.into() });
        [vec![up_1, up_2], vec![down_1], vec![down_2]]
    }
}

/// Whether the broker also says no, or only does nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusals {
    Told,
    Silent,
}

/// Nobody receives more or less than is his, whatever a terminal subscribes to.
async fn no_subscription_yields_what_is_not_ones_own(site: &Site<'_>, told: Refusals) {
    let mut cast = Cast::gather(site).await;
    let (thief, victim) = (cast.thief_id, cast.victim_id);
    let (down, up) = (Topic::Down(victim).to_string(), Topic::Up(victim).to_string());
    let filters = [
        down.clone(),
        up.clone(),
        Topic::Up(thief).to_string(),
        format!("$share/g/{down}"),
        format!("$share/g/{up}"),
        format!("$share/g/{UP_FILTER}"),
        format!("$share/g/{}", Topic::Down(thief)),
        UP_FILTER.to_owned(),
        "tw/1/+/+/down".to_owned(),
        "tw/1/#".to_owned(),
        "+/+/+/+/+".to_owned(),
        "#".to_owned(),
        "$SYS/#".to_owned(),
    ];
    for filter in filters {
        let granted = cast.thief.subscribe(&filter).await;
        assert!(!granted || told == Refusals::Silent, "`{filter}` was granted");
        let expected = cast.talk().await;
        assert_eq!(cast.arrived().await, expected, "after subscribing to `{filter}`");
    }
    for filter in ["#", "tw/1/+/+/down", &down] {
        let granted = cast.controller.subscribe(filter).await;
        assert!(!granted || told == Refusals::Silent, "`{filter}` was granted to the controller");
        let expected = cast.talk().await;
        assert_eq!(cast.arrived().await, expected, "after the controller asked for `{filter}`");
    }
}

/// Nobody can speak as another, in either direction.
async fn no_publish_reaches_a_topic_that_is_not_ones_own(site: &Site<'_>, told: Refusals) {
    let mut cast = Cast::gather(site).await;
    let (thief, victim) = (cast.thief_id, cast.victim_id);
    let nothing: [Vec<Arrived>; 3] = [vec![], vec![], vec![]];
    let up = Topic::Up(thief).to_string();
    let topics = [
        Topic::Up(victim).to_string(),
        Topic::Down(victim).to_string(),
        Topic::Down(thief).to_string(),
        up.replace("tw/1/", "tw/2/"),
        format!("{up}/more"),
        up.replace("/up", "/hello"),
        "$SYS/broker/version".to_owned(),
        "anything".to_owned(),
    ];
    for topic in topics {
        let accepted = cast.thief.publish(&topic, "forged").await;
        assert!(!accepted || told == Refusals::Silent, "`{topic}` was accepted");
        assert_eq!(cast.arrived().await, nothing, "after a terminal published to `{topic}`");
    }
    for topic in [up, Topic::Up(victim).to_string()] {
        let accepted = cast.controller.publish(&topic, "forged").await;
        assert!(!accepted || told == Refusals::Silent, "`{topic}` was accepted");
        assert_eq!(cast.arrived().await, nothing, "after the controller published to `{topic}`");
    }
}

/// The last will is a publish like any other.
async fn a_will_reaches_only_ones_own_topic(site: &Site<'_>) {
    let mut cast = Cast::gather(site).await;
    let (dying, victim) = (TerminalId::generate(), cast.victim_id);
    let identity = site.authority.terminal(dying);
    for topic in [Topic::Up(victim), Topic::Down(victim), Topic::Down(dying), Topic::Up(dying)] {
        let topic = topic.to_string();
        let will = Some((topic.as_str(), "gone"));
        let probe = site.try_connect(Some(&identity), &dying.to_string(), will).await;
        let own = topic == Topic::Up(dying).to_string();
        assert!(probe.is_ok() || !own, "{:?}", probe.err());
        drop(probe); // without a goodbye
        if own {
            let before = cast.controller.until("gone").await;
            assert_eq!(before, vec![], "nothing else was sent");
        }
        // What a will would have to overtake, had it been sent: a whole connection of its own.
        drop(site.try_connect(Some(&identity), &dying.to_string(), None).await.unwrap());
        let [controller, thief, victim] = cast.arrived().await;
        assert_eq!((controller, thief, victim), (vec![], vec![], vec![]), "will for `{topic}`");
    }
}

async fn a_message_of_a_mebibyte_ends_its_senders_connection_and_nobody_elses(site: &Site<'_>) {
    let mut cast = Cast::gather(site).await;
    let up = Topic::Up(cast.thief_id).to_string();
    assert!(cast.thief.send(&up, vec![b'x'; 1024 * 1024], false).await.is_err());
    cast.thief = site.terminal(cast.thief_id).await;
    assert!(cast.thief.subscribe(&Topic::Down(cast.thief_id).to_string()).await);
    let expected = cast.talk().await;
    assert_eq!(cast.arrived().await, expected);
}

#[tokio::test]
async fn no_subscription_yields_what_is_not_ones_own_here() {
    let fixture = Fixture::start().await;
    no_subscription_yields_what_is_not_ones_own(&fixture.site(), Refusals::Told).await;
}

#[tokio::test]
async fn no_publish_reaches_a_topic_that_is_not_ones_own_here() {
    let fixture = Fixture::start().await;
    no_publish_reaches_a_topic_that_is_not_ones_own(&fixture.site(), Refusals::Told).await;
}

#[tokio::test]
async fn a_will_reaches_only_ones_own_topic_here() {
    let fixture = Fixture::start().await;
    a_will_reaches_only_ones_own_topic(&fixture.site()).await;
}

#[tokio::test]
async fn only_the_certificates_own_name_gets_in() {
    let fixture = Fixture::start().await;
    let (site, authority) = (fixture.site(), &fixture.authority);
    let (own, other) = (TerminalId::generate(), TerminalId::generate());
    let urn = |terminal| Peer::Terminal(terminal).urn(authority.fleet);
    let foreign = TestAuthority::new();
    let cases = [
        ("its own name", Some(authority.terminal(own)), own.to_string(), true),
        ("another's client id", Some(authority.terminal(own)), other.to_string(), false),
        ("an empty client id", Some(authority.terminal(own)), String::new(), false),
        ("a controller's client id", Some(authority.terminal(own)), "controller-1".into(), false),
        ("no certificate", None, own.to_string(), false),
        ("another fleet's certificate", Some(foreign.terminal(own)), own.to_string(), false),
        ("a server's certificate", Some(authority.server()), own.to_string(), false),
        (
            "another common name than the one that counts",
            Some(authority.client(&other.to_string(), &[&urn(own)])),
            other.to_string(),
            false,
        ),
        (
            "two names",
            Some(authority.client(&own.to_string(), &[&urn(own), &urn(other)])),
            own.to_string(),
            false,
        ),
        ("no name", Some(authority.client(&own.to_string(), &[])), own.to_string(), false),
        (
            "a name of another fleet under the same authority",
            Some(authority.client(
                &own.to_string(),
                &[&Peer::Terminal(own).urn(FleetId::from_bytes([1; 16]))],
            )),
            own.to_string(),
            false,
        ),
        (
            "a wildcard for a name",
            Some(authority.client("+", &[&format!("urn:tillward:{}:terminal:+", authority.fleet)])),
            "+".into(),
            false,
        ),
    ];
    for (what, identity, client_id, enters) in cases {
        let probe = site.try_connect(identity.as_ref(), &client_id, None).await;
        assert_eq!(probe.is_ok(), enters, "{what}: {:?}", probe.err());
    }
}

#[tokio::test]
async fn a_certificate_that_is_no_longer_wanted_does_not_get_in() {
    struct OnlyKey(shared::digest::PublicKey);
    impl Admission for OnlyKey {
        fn admits<'a>(&'a self, shown: &'a ClientCertificate) -> Answer<'a, bool> {
            Box::pin(ready(shown.key == self.0))
        }
    }
    let authority = TestAuthority::new();
    let terminal = TerminalId::generate();
    let (old, new) = (authority.terminal(terminal), authority.terminal(terminal));
    let tasks = Tasks::new();
    let admission = Arc::new(OnlyKey(new.public_key()));
    let broker = Broker::start(settings(&authority, admission), &tasks).await.unwrap();
    let site = Site { authority: &authority, port: broker.address().port() };
    assert!(site.try_connect(Some(&old), &terminal.to_string(), None).await.is_err());
    assert!(site.try_connect(Some(&new), &terminal.to_string(), None).await.is_ok());
}

#[tokio::test]
async fn a_message_of_a_mebibyte_ends_its_senders_connection_and_nobody_elses_here() {
    let fixture = Fixture::start().await;
    a_message_of_a_mebibyte_ends_its_senders_connection_and_nobody_elses(&fixture.site()).await;
}

#[tokio::test]
async fn the_largest_message_that_both_sides_send_gets_through() {
    let fixture = Fixture::start().await;
    let mut cast = Cast::gather(&fixture.site()).await;
    let payload = "x".repeat(limits::MESSAGE_BYTES_MAX);
    let up = Topic::Up(cast.thief_id).to_string();
    let down = Topic::Down(cast.thief_id).to_string();
    assert!(cast.thief.publish(&up, &payload).await);
    assert!(cast.controller.publish(&down, &payload).await);
    assert_eq!(cast.controller.until(&payload).await, vec![]);
    assert_eq!(cast.thief.until(&payload).await, vec![]);
}

#[tokio::test]
async fn nothing_is_retained() {
    let fixture = Fixture::start().await;
    let mut cast = Cast::gather(&fixture.site()).await;
    let up = Topic::Up(cast.thief_id).to_string();
    assert_eq!(cast.thief.send(&up, b"kept?".to_vec(), true).await, Ok(false));
    let mut late = fixture.site().controller().await;
    assert!(late.subscribe(UP_FILTER).await);
    assert!(cast.thief.publish(&up, "fence").await);
    assert_eq!(late.until("fence").await, vec![]);
}

#[tokio::test]
async fn a_kicked_terminal_is_disconnected_and_the_others_are_not() {
    let fixture = Fixture::start().await;
    let mut cast = Cast::gather(&fixture.site()).await;
    fixture.broker.kick(cast.thief_id).await;
    cast.thief.until_closed().await;
    cast.thief = fixture.site().terminal(cast.thief_id).await;
    assert!(cast.thief.subscribe(&Topic::Down(cast.thief_id).to_string()).await);
    let expected = cast.talk().await;
    assert_eq!(cast.arrived().await, expected);
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let fixture = Fixture::start().await;
    let mut taken = settings(&fixture.authority, Arc::new(Everyone));
    taken.listen = fixture.broker.address();
    let refused = Broker::start(taken, &Tasks::new()).await.unwrap_err();
    let address = fixture.broker.address();
    let expected = format!("the broker cannot listen on {address}: the port is in use");
    assert_eq!(refused.to_string(), expected);
}

#[tokio::test]
async fn every_connection_is_closed_when_the_broker_ends() {
    let fixture = Fixture::start().await;
    let mut cast = Cast::gather(&fixture.site()).await;
    let shut_down = fixture.tasks.shut_down(Duration::from_secs(20));
    let (stopped, _, _) =
        tokio::join!(shut_down, cast.victim.until_closed(), cast.controller.until_closed());
    assert_eq!(stopped, crate::background::Stopped::Cleanly);
}

#[tokio::test]
async fn a_client_that_never_finishes_its_handshake_does_not_keep_others_out() {
    let fixture = Fixture::start().await;
    let address = fixture.broker.address();
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    assert!(fixture.site().try_connect(None, "nobody", None).await.is_err());
    fixture.site().terminal(TerminalId::generate()).await;
}

/// A mosquitto of this test's own, in a directory of its own.
struct Mosquitto {
    child: std::process::Child,
    port: u16,
    authority: TestAuthority,
    _directory: tempfile::TempDir,
}

impl Mosquitto {
    fn start() -> Self {
        let authority = TestAuthority::new();
        let directory = tempfile::tempdir().unwrap();
        let server = authority.server();
        let shipped = |name| {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/brokers");
            std::fs::read_to_string(folder.join(name)).unwrap()
        };
        let authorities = format!("{}{}", authority.device_ca_pem, authority.root_pem);
        let here = directory.path().to_str().unwrap();
        // A port that was free a moment ago may be taken by the time: then another is tried.
        for _ in 0..20 {
            let port = free_port();
            let conf = shipped("mosquitto.conf")
                .replace("listener 8883", &format!("listener {port} 127.0.0.1\nuser root"))
                .replace("/etc/tillward", here);
            let files = [
                ("mosquitto.conf", conf.as_str()),
                ("mosquitto.acl", &shipped("mosquitto.acl")),
                ("client-authorities.pem", &authorities),
                ("server.pem", &server.chain_pem),
                ("server.key", &server.key_pem),
            ];
            for (name, text) in files {
                std::fs::write(directory.path().join(name), text).unwrap();
            }
            let log = std::fs::File::create(directory.path().join("log")).unwrap();
            let mut child = std::process::Command::new("/usr/sbin/mosquitto")
                .arg("-c")
                .arg(directory.path().join("mosquitto.conf"))
                .stderr(log)
                .spawn()
                .expect("mosquitto is installed, as tests/run sees to");
            while child.try_wait().unwrap().is_none() {
                if std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                    return Self { child, port, authority, _directory: directory };
                }
                std::thread::yield_now();
            }
        }
        let log = std::fs::read_to_string(directory.path().join("log")).unwrap();
        panic!("mosquitto does not start: {log}");
    }

    fn site(&self) -> Site<'_> {
        Site { authority: &self.authority, port: self.port }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let killed = self.child.kill();
        let ended = self.child.wait();
        assert!(killed.is_ok() && ended.is_ok(), "{killed:?} {ended:?}");
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn no_subscription_yields_what_is_not_ones_own_on_mosquitto() {
    let mosquitto = Mosquitto::start();
    no_subscription_yields_what_is_not_ones_own(&mosquitto.site(), Refusals::Silent).await;
}

#[tokio::test]
async fn no_publish_reaches_a_topic_that_is_not_ones_own_on_mosquitto() {
    let mosquitto = Mosquitto::start();
    no_publish_reaches_a_topic_that_is_not_ones_own(&mosquitto.site(), Refusals::Told).await;
}

#[tokio::test]
async fn a_will_reaches_only_ones_own_topic_on_mosquitto() {
    let mosquitto = Mosquitto::start();
    a_will_reaches_only_ones_own_topic(&mosquitto.site()).await;
}

#[tokio::test]
async fn a_message_of_a_mebibyte_ends_its_senders_connection_and_nobody_elses_on_mosquitto() {
    let mosquitto = Mosquitto::start();
    a_message_of_a_mebibyte_ends_its_senders_connection_and_nobody_elses(&mosquitto.site()).await;
}

#[tokio::test]
async fn strangers_do_not_get_into_mosquitto_and_nobody_gets_in_as_another() {
    let mosquitto = Mosquitto::start();
    let (site, authority) = (mosquitto.site(), &mosquitto.authority);
    let stranger = TerminalId::generate();
    let foreign = TestAuthority::new();
    let strangers = [None, Some(foreign.terminal(stranger)), Some(authority.server())];
    for identity in strangers {
        let probe = site.try_connect(identity.as_ref(), &stranger.to_string(), None).await;
        assert!(probe.is_err());
    }
    let mut cast = Cast::gather(&site).await;
    let identity = authority.terminal(stranger);
    let mut pretender =
        site.try_connect(Some(&identity), &cast.victim_id.to_string(), None).await.unwrap();
    pretender.subscribe(&Topic::Down(cast.victim_id).to_string()).await;
    assert!(!pretender.publish(&Topic::Up(cast.victim_id).to_string(), "forged").await);
    let expected = cast.talk().await;
    assert_eq!(cast.arrived().await, expected);
    assert!(pretender.subscribe(&Topic::Down(stranger).to_string()).await);
    assert!(cast.controller.publish(&Topic::Down(stranger).to_string(), "fence").await);
    assert_eq!(pretender.until("fence").await, vec![]);
}
