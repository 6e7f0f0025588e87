//! Real handshakes with servers whose certificates say any time, on machines whose clocks do too.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ED25519,
};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConnection, ServerConnection, StreamOwned};
use rustls_pki_types::ServerName;
use shared::time::UnixTime;
use shared::tls::{ClientCertificate, PLAUSIBLE_FOR};

use super::*;

const DAY: i64 = 24 * 3600;
const YEAR: i64 = 365 * DAY;

/// When this terminal last heard what time it is.
const FLOOR: UnixTime = UnixTime(1_800_000_000);

/// A machine's clock that stands still.
#[derive(Debug)]
struct Stands(u64);

impl TimeProvider for Stands {
    fn current_time(&self) -> Option<rustls_pki_types::UnixTime> {
        Some(rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(self.0)))
    }
}

fn clock_at(seconds: i64) -> CertificateTime {
    CertificateTime::by_clock(FLOOR, Arc::new(Stands(seconds.try_into().unwrap())))
}

/// An authority, and a chain of one authority between it and its servers.
struct Authority {
    pem: String,
    between_pem: String,
    between: Issuer<'static, KeyPair>,
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).unwrap()
}

/// From and until when something is valid.
type Validity = (i64, i64);

fn params(names: &[&str], (from, until): Validity) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(from as u64);
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(until as u64);
    params
}

fn authority(between: Validity) -> Authority {
    let ca = |name, validity| {
        let mut params = params(&[], validity);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
    };
    let (root_key, between_key) = (key(), key());
    let root = ca("root", (0, 1));
    let pem = root.self_signed(&root_key).unwrap().pem();
    let root = Issuer::new(root, root_key);
    let params = ca("between", between);
    let between_pem = params.signed_by(&between_key, &root).unwrap().pem();
    Authority { pem, between_pem, between: Issuer::new(params, between_key) }
}

/// Serves one connection to `localhost`, and any that come after it, while the test runs.
fn server(authority: &Authority, validity: Validity) -> SocketAddr {
    let key = key();
    let mut params = params(&["localhost"], validity);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let chain = params.signed_by(&key, &authority.between).unwrap().pem() + &authority.between_pem;
    let own = tls::Identity::from_pem(chain.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    let config = tls::server(authority.pem.as_bytes(), own, ClientCertificate::Optional).unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, socket.unwrap());
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok_and(|read| read > 0) {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
                stream.write_all(answer).unwrap();
            }
        }
    });
    address
}

/// What came of it by HTTPS, and by the configuration that MQTT connects with: always the same.
fn connect(name: &str, to: SocketAddr, pem: &str, time: &CertificateTime) -> Result<(), String> {
    let http = client(Believing::Authority(pem), time).unwrap();
    let answer = http.get(format!("https://{name}:{}/", to.port())).call();
    let by_https = answer.map_err(|error| error.to_string()).and_then(|mut answer| {
        let body = answer.body_mut().read_to_string().map_err(|error| error.to_string())?;
        assert_eq!(body, "hello");
        Ok(())
    });
    let config = Arc::new(tls::client_by(time, pem.as_bytes(), None).unwrap());
    let host = ServerName::try_from(name.to_owned()).unwrap();
    let mut connection = ClientConnection::new(config, host).unwrap();
    let handshake = connection.complete_io(&mut TcpStream::connect(to).unwrap());
    let by_mqtt = handshake.map(drop).map_err(|error| error.to_string());
    assert_eq!(by_https.is_ok(), by_mqtt.is_ok(), "HTTPS: {by_https:?}, MQTT: {by_mqtt:?}");
    by_mqtt
}

const ALWAYS: Validity = (0, FLOOR.0 + 50 * YEAR);
const NOW: Validity = (FLOOR.0 - DAY, FLOOR.0 + YEAR);
const RENEWED: Validity = (FLOOR.0 + 90 * DAY, FLOOR.0 + YEAR);
const PAST: Validity = (FLOOR.0 - YEAR, FLOOR.0 - DAY);

/// 1970, thirty years early, a little early, thirty years late.
const BROKEN_CLOCKS: [i64; 4] = [0, FLOOR.0 - 30 * YEAR, FLOOR.0 - 1, FLOOR.0 + 30 * YEAR];

#[test]
fn no_machines_clock_keeps_a_terminal_from_its_controller() {
    let authority = authority(ALWAYS);
    for validity in [NOW, RENEWED, PAST] {
        let server = server(&authority, validity);
        for clock in BROKEN_CLOCKS {
            let came = connect("localhost", server, &authority.pem, &clock_at(clock));
            assert_eq!(came, Ok(()), "valid in {validity:?}, at {clock}");
        }
    }
}

#[test]
fn a_chain_whose_certificates_are_all_out_of_their_time_is_believed_where_they_overlap() {
    for between in [(FLOOR.0 + 100 * DAY, FLOOR.0 + YEAR), (FLOOR.0 - YEAR, FLOOR.0 + 95 * DAY)] {
        let authority = authority(between);
        let server = server(&authority, RENEWED);
        assert_eq!(connect("localhost", server, &authority.pem, &clock_at(0)), Ok(()));
    }
    let authority = authority(PAST);
    let never_together = server(&authority, RENEWED);
    let came = connect("localhost", never_together, &authority.pem, &clock_at(0));
    came.expect_err("there is no moment at which the chain is valid");
}

#[test]
fn a_plausible_clock_is_believed_and_what_is_out_of_its_time_is_refused() {
    let authority = authority(ALWAYS);
    let longest = i64::try_from(PLAUSIBLE_FOR.as_secs()).unwrap();
    let now = server(&authority, NOW);
    assert_eq!(connect("localhost", now, &authority.pem, &clock_at(FLOOR.0 + DAY)), Ok(()));
    let late = connect("localhost", now, &authority.pem, &clock_at(FLOOR.0 + longest));
    assert!(late.as_ref().is_err_and(|why| why.contains("expired")), "{late:?}");
    let later = connect("localhost", now, &authority.pem, &clock_at(FLOOR.0 + longest + 1));
    assert_eq!(later, Ok(()), "that clock is broken");
    for (validity, word) in [(PAST, "expired"), (RENEWED, "not valid yet")] {
        let server = server(&authority, validity);
        let came = connect("localhost", server, &authority.pem, &clock_at(FLOOR.0 + DAY));
        assert!(came.as_ref().is_err_and(|why| why.contains(word)), "{came:?}");
    }
}

#[test]
fn another_authority_or_another_name_is_refused_whatever_the_clock_says() {
    let (ours, theirs) = (authority(ALWAYS), authority(ALWAYS));
    let refused = |name, server, pem: &str, clock, why: &str| {
        let came = connect(name, server, pem, &clock_at(clock));
        assert!(came.as_ref().is_err_and(|it| it.contains(why)), "{name} at {clock}: {came:?}");
    };
    for validity in [NOW, RENEWED, PAST] {
        let server = server(&ours, validity);
        for clock in BROKEN_CLOCKS {
            refused("localhost", server, &theirs.pem, clock, "BadSignature");
            refused("127.0.0.1", server, &ours.pem, clock, "not valid for name");
        }
        let plausible = FLOOR.0 + DAY;
        refused("localhost", server, &theirs.pem, plausible, "");
        refused("127.0.0.1", server, &ours.pem, plausible, "");
    }
}

#[test]
fn what_is_heard_of_the_time_is_used_at_once() {
    let authority = authority(ALWAYS);
    let past = server(&authority, NOW);
    let time = clock_at(FLOOR.0 + 2 * YEAR);
    assert_eq!(connect("localhost", past, &authority.pem, &time), Ok(()));
    time.raise(UnixTime(FLOOR.0 + 2 * YEAR - DAY));
    time.raise(FLOOR);
    let came = connect("localhost", past, &authority.pem, &time);
    assert!(came.as_ref().is_err_and(|why| why.contains("expired")), "{came:?}");
}
