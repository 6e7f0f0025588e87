//! Connections that mean no good, and the end of them all.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::*;
use super::fixture::Fixture;
use crate::background::Stopped;
use crate::terminal::certificate::test_authority::TestAuthority;

#[tokio::test]
async fn a_certificate_of_another_authority_is_not_let_in_at_all() {
    let fixture = Fixture::start().await;
    let foreign = TestAuthority::new();
    let strangers = [foreign.terminal(TerminalId::generate()), fixture.authority.server()];
    for stranger in strangers {
        let asked = fixture.client(Some(&stranger)).get(fixture.url("/v1/authority")).send().await;
        assert!(asked.is_err());
    }
    let misnamed = fixture.authority.client("x", &["urn:tillward:elsewhere"]);
    let asked = fixture.client(Some(&misnamed)).get(fixture.url("/v1/authority")).send().await;
    assert!(asked.is_err(), "a name that is nobody's of this fleet");
}

#[tokio::test]
async fn those_who_say_nothing_do_not_keep_others_waiting() {
    let fixture = Fixture::start().await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(fixture.address).await.unwrap());
    }
    assert_eq!(fixture.get("/v1/status").await.status(), 200);
}

#[tokio::test]
async fn a_header_that_never_ends_is_cut_off() {
    let fixture = Fixture::start().await;
    let tls = shared::tls::client(fixture.authority.server_ca_pem.as_bytes(), None).unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(tls));
    let stream = TcpStream::connect(fixture.address).await.unwrap();
    let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    stream.write_all(b"GET /v1/authority HTTP/1.1\r\nhost: localhost\r\nx: ").await.unwrap();
    let drip = async {
        let mut byte = [0; 1];
        loop {
            tokio::select! {
                read = stream.read(&mut byte) => return read,
                () = tokio::time::sleep(Duration::from_millis(200)) => {
                    if stream.write_all(b"x").await.is_err() { return Ok(0) }
                }
            }
        }
    };
    let cut = tokio::time::timeout(Duration::from_secs(30), drip).await;
    assert!(matches!(cut, Ok(Ok(0) | Err(_))) || matches!(cut, Ok(Ok(1))), "{cut:?}");
}

#[tokio::test]
async fn old_tls_and_plain_http_get_no_answer() {
    let fixture = Fixture::start().await;
    let mut plain = TcpStream::connect(fixture.address).await.unwrap();
    plain.write_all(b"GET /v1/authority HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), plain.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "the connection ends");
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let fixture = Fixture::start().await;
    let refused = Listener::bind(fixture.address).await.unwrap_err();
    let expected = format!("HTTPS cannot listen on {}: the port is in use", fixture.address);
    assert_eq!(refused.to_string(), expected);
}

#[tokio::test]
async fn the_api_ends_within_its_grace() {
    let fixture = Fixture::start().await;
    assert_eq!(fixture.get("/v1/status").await.status(), 200);
    let stopped = fixture.tasks.shut_down(Duration::from_secs(20)).await;
    assert_eq!(stopped, Stopped::Cleanly);
    assert!(fixture.client(None).get(fixture.url("/v1/authority")).send().await.is_err());
}

#[test]
fn the_committed_description_is_the_one_that_the_code_gives() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let now = format!("{}\n", description().to_pretty_json().unwrap());
    if std::env::var_os("TILLWARD_GOLDEN").is_some_and(|it| it == "write") {
        std::fs::write(path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == now,
        "controller/openapi.json is not what the code says: look at the difference that \
         `TILLWARD_GOLDEN=write cargo test -p controller --lib committed_description` makes"
    );
}
