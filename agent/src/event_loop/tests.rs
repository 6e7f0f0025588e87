//! The whole loop with a store on a disk, a till in memory, and no broker to be reached.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use jiff::tz::TimeZone;
use shared::digest::{Digest, Nonce};
use shared::document::Roster;
use shared::document::roster::{Role, RosterKey, Thresholds};
use shared::id::{FleetId, TerminalId};
use shared::message::SignedBytes;
use shared::queue::{Bounds, Options, Store};
use shared::signature::{Envelope, PrivateKey};
use shared::time::UnixTime;

use super::*;
use crate::act::tests::shop;
use crate::decide::Profile;
use crate::identity::{Facts, Identity, TerminalKey};
use crate::mqtt::Settings;
use crate::power::Supplies;
use crate::roster::Trust;

const TERMINAL: TerminalId = TerminalId::from_bytes([1; 16]);
const FLEET: FleetId = FleetId::from_bytes([2; 16]);

/// The least roster there can be: two root keys and two release keys.
fn trust() -> Trust {
    let held = [(Role::Root, 1), (Role::Root, 2), (Role::Release, 3), (Role::Release, 4)];
    let private = |number| PrivateKey::from_seed(&[number; 32]);
    let key = |(role, number)| {
        let public = private(number).public();
        RosterKey { id: public.key_id(), role, owner: format!("owner {number}"), public }
    };
    let mut keys = held.map(key).to_vec();
    keys.sort_by_key(|key| key.id);
    let mut envelope = Envelope::unsigned(Roster {
        format: 1,
        fleet: FLEET,
        version: 1,
        issued_at: UnixTime(0),
        expires_at: UnixTime(i64::MAX),
        keys,
        thresholds: Thresholds { root: 2, release: 2 },
        requirements: BTreeMap::new(),
        recovery_recipients: Vec::new(),
        previous: None,
    });
    [1, 2].iter().for_each(|number| envelope.sign(FLEET, &private(*number)));
    let signed = SignedBytes::new(envelope.to_bytes());
    Trust::pinned(FLEET, envelope.digest(), &signed).unwrap()
}

fn profile(broker: String) -> Profile {
    Profile {
        terminal: TERMINAL,
        epoch: 3,
        model: "A920".to_owned(),
        zone: TimeZone::UTC,
        agent_version: "0".to_owned(),
        broker,
        trust: trust(),
        recipient: None,
        suspended_by: None,
        challenge_seed: Digest([6; 32]),
        lease: None,
        boot: Digest([1; 32]),
        nonce_seed: Nonce([5; 16]),
        jitter_seed: 5,
    }
}

fn identity(trust: &Trust) -> Arc<Identity> {
    let facts = Facts {
        terminal: TERMINAL,
        fleet: FLEET,
        serial: "SN-1".to_owned(),
        epoch: 3,
        url: "https://127.0.0.1:1".to_owned(),
        broker: String::new(),
        roster: trust.digest(),
        zone: "UTC".to_owned(),
        suspended_by: None,
        claim: None,
    };
    Arc::new(Identity {
        facts,
        key: TerminalKey::generate().unwrap(),
        certificate: String::new(),
        server_ca: String::new(),
        roster: trust.signed().clone(),
    })
}

/// A loop that `stop` asks to stop. A signal reaches the loops of all tests of this process, so
/// only one test may send it.
fn event_loop(directory: &std::path::Path, stop: SignalKind) -> EventLoop {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let profile = profile(nobody.to_string());
    let identity = identity(&profile.trust);
    let options = Options::new(Bounds::TERMINAL, machine::uptime).disk_reserve_bytes(0);
    let store = Store::open(&directory.join("queue"), options).unwrap().store;
    let keeper = Keeper::new(store, Arc::clone(&identity), directory.to_owned(), Supplies::none());
    let core = Core::restore(profile, keeper.stored().unwrap(), machine::now());
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    EventLoop {
        core,
        keeper,
        mqtt: Mqtt::new(Settings { terminal: TERMINAL, tls: Arc::new(tls) }),
        worker: Worker::start(shop().hands).unwrap(),
        locator: Locator::new(identity, CertificateTime::above(UnixTime(0))),
        certificate_time: CertificateTime::above(UnixTime(0)),
        status: StatusFile::new(directory.join("status.json")),
        signals: Signals {
            terminate: signal(stop).unwrap(),
            interrupt: signal(SignalKind::window_change()).unwrap(),
        },
        suspicion: directory.join("suspicion.json"),
    }
}

fn raise(name: &str) {
    let own = std::process::id().to_string();
    assert!(Command::new("kill").args([name, &own]).status().unwrap().success());
}

fn on_one_thread<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(test)
}

#[test]
fn without_a_broker_the_agent_starts_keeps_its_books_and_stops_when_it_is_asked() {
    on_one_thread(async {
        let directory = tempfile::tempdir().unwrap();
        let event_loop = event_loop(directory.path(), SignalKind::user_defined1());
        raise("-USR1");
        let stopped = tokio::time::timeout(STOP_PATIENCE, event_loop.run()).await;
        assert_eq!(stopped.expect("it stops by itself").unwrap(), Stopped::Cleanly);
        let told = std::fs::read_to_string(directory.path().join("status.json")).unwrap();
        assert!(told.contains("\"connected\":false"), "{told}");
        let options = Options::new(Bounds::TERMINAL, machine::uptime).disk_reserve_bytes(0);
        let store = Store::open(&directory.path().join("queue"), options).unwrap().store;
        assert_eq!(store.status().high_water.epoch, 3, "the epoch was entered and kept");
    });
}

#[test]
fn an_agent_that_cannot_connect_goes_on_trying() {
    on_one_thread(async {
        let directory = tempfile::tempdir().unwrap();
        let mut event_loop = event_loop(directory.path(), SignalKind::user_defined2());
        let mut turn = Turn::default();
        turn.next.push_back(Input::Started);
        let (mut refused, mut fired) = (0, 0);
        while refused < 2 {
            let input = match turn.next.pop_front() {
                Some(input) => input,
                None => event_loop.next(&mut turn).await,
            };
            event_loop.note(&input, &mut turn);
            refused += u32::from(matches!(input, Input::Disconnected { .. }));
            fired += u32::from(matches!(input, Input::TimerFired));
            let decision = event_loop.core.decide(input, machine::now());
            event_loop.carry_out(decision, &mut turn).await.unwrap();
        }
        assert!(fired >= 2, "each attempt waits for its moment");
        assert!(!turn.linked);
    });
}

#[test]
fn a_report_that_lies_there_is_found_once_and_a_newer_one_again() {
    on_one_thread(async {
        let directory = tempfile::tempdir().unwrap();
        let mut event_loop = event_loop(directory.path(), SignalKind::user_defined2());
        let mut turn = Turn::default();
        assert_eq!(event_loop.look(&mut turn), None);
        for at in [5, 6] {
            suspicion::report(&event_loop.suspicion, UnixTime(at), "who is that?").unwrap();
            assert_eq!(event_loop.look(&mut turn), None, "not looked for all the time");
            turn.looked_at = None;
            assert_eq!(event_loop.look(&mut turn).map(|found| found.at), Some(at));
            turn.looked_at = None;
            assert_eq!(event_loop.look(&mut turn), None, "seen already");
        }
    });
}
