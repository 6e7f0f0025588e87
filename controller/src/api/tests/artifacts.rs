//! Artifacts as terminals and operators fetch and store them.

use reqwest::{Method, StatusCode};
use shared::digest::Digest;

use super::fixture::{Fixture, problem};

async fn stored(fixture: &Fixture, bytes: &[u8]) -> String {
    let path = format!("/v1/artifacts/{}", Digest::of(bytes));
    let put = fixture.operator(Method::PUT, &path).body(bytes.to_vec()).send().await.unwrap();
    assert_eq!(put.status(), 201);
    path
}

#[tokio::test]
async fn an_artifact_is_fetched_whole_or_from_where_a_download_stopped() {
    let fixture = Fixture::start().await;
    let bytes: Vec<u8> = (0..250_000_u32).flat_map(u32::to_be_bytes).collect();
    let path = stored(&fixture, &bytes).await;
    let whole = fixture.get(&path).await;
    assert_eq!(whole.status(), 200);
    let tag = whole.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(tag, format!("\"{}\"", Digest::of(&bytes)));
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    assert_eq!(whole.bytes().await.unwrap(), bytes);

    let ask = |name: &'static str, value: String| {
        fixture.operator(Method::GET, &path).header("range", "bytes=999990-").header(name, value)
    };
    for request in [ask("accept", "*/*".into()), ask("if-range", tag)] {
        let rest = request.send().await.unwrap();
        assert_eq!(rest.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(rest.headers()["content-range"], "bytes 999990-999999/1000000");
        assert_eq!(rest.bytes().await.unwrap(), bytes[999_990..]);
    }
    let changed = ask("if-range", "\"something else\"".into()).send().await.unwrap();
    assert_eq!(
        (changed.status(), changed.bytes().await.unwrap().len()),
        (StatusCode::OK, 1_000_000)
    );

    let beyond = fixture.operator(Method::GET, &path).header("range", "bytes=1000000-");
    let beyond = beyond.send().await.unwrap();
    assert_eq!(beyond.headers()["content-range"], "bytes */1000000");
    assert_eq!(problem(beyond).await, "range-not-satisfiable");

    let head = fixture.operator(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(
        (head.status(), &head.headers()["content-length"]),
        (StatusCode::OK, &"1000000".parse().unwrap())
    );
}

#[tokio::test]
async fn what_is_sent_must_be_what_its_name_says_and_not_too_large() {
    let fixture = Fixture::start().await;
    let put = async |name: Digest, bytes: Vec<u8>| {
        let path = format!("/v1/artifacts/{name}");
        fixture.operator(Method::PUT, &path).body(bytes).send().await.unwrap()
    };
    let promised = Digest::of(b"promised");
    assert_eq!(problem(put(promised, b"sent".to_vec()).await).await, "artifact-mismatch");
    let absent = fixture.get(&format!("/v1/artifacts/{promised}")).await;
    assert_eq!(problem(absent).await, "not-found");
    let large = vec![0; 9 * 1024 * 1024];
    assert_eq!(problem(put(Digest::of(&large), large).await).await, "too-large");
    let path = "/v1/artifacts/..%2f..%2fetc%2fpasswd";
    assert_eq!(problem(fixture.get(path).await).await, "bad-request");
}

#[tokio::test]
async fn artifacts_are_for_operators_and_enrolled_terminals() {
    let fixture = Fixture::start().await;
    let path = stored(&fixture, b"till").await;
    let nobody = fixture.client(None).get(fixture.url(&path)).send().await.unwrap();
    assert_eq!(problem(nobody).await, "certificate-missing");
    let controller = fixture.authority.controller("controller-1");
    let not_a_terminal = fixture.client(Some(&controller)).get(fixture.url(&path));
    assert_eq!(problem(not_a_terminal.send().await.unwrap()).await, "certificate-missing");
    let stranger = fixture.authority.terminal(shared::id::TerminalId::generate());
    let stranger = fixture.client(Some(&stranger)).get(fixture.url(&path));
    assert_eq!(problem(stranger.send().await.unwrap()).await, "not-found");
    let terminal = fixture.authority.terminal(shared::id::TerminalId::generate());
    let upload = fixture.client(Some(&terminal)).put(fixture.url(&path)).body("x");
    assert_eq!(problem(upload.send().await.unwrap()).await, "token-missing");
}
