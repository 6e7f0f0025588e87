//! A controller's API that says what a test wants it to say, behind the fleet's own certificate.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderValue, Method, Response, StatusCode};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use controller::key_file::{OnlineKeys, Unlock};
use rustls_pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use shared::tls::{self, ClientCertificate, Identity};

use crate::fleet::Fleet;

/// What came in.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// Method, path and query: `GET /v1/terminals?where=a%3Db`.
    pub(crate) what: String,
    pub(crate) authorization: String,
    pub(crate) body: Vec<u8>,
}

#[derive(Default)]
struct Script {
    /// By method and path: one after another, the last one for ever.
    answers: BTreeMap<String, Vec<(u16, Value)>>,
    heard: Vec<Heard>,
}

type Shared = Arc<Mutex<Script>>;

/// Runs until it is dropped.
pub(crate) struct FakeApi {
    pub(crate) port: u16,
    script: Shared,
    handle: Handle<std::net::SocketAddr>,
    thread: Option<JoinHandle<()>>,
}

impl FakeApi {
    pub(crate) fn start(fleet: &Fleet) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = Shared::default();
        let handle = Handle::new();
        let router = Router::new().fallback(answer).with_state(script.clone());
        let tls = RustlsConfig::from_config(Arc::new(server_tls(fleet)));
        let server_handle = handle.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
                server.handle(server_handle).serve(router.into_make_service()).await.unwrap();
            });
        });
        Self { port, script, handle, thread: Some(thread) }
    }

    /// Answers `what` (`GET /v1/status`) with these in turn, and with the last one for ever.
    pub(crate) fn say(&self, what: &str, answers: impl IntoIterator<Item = (u16, Value)>) -> &Self {
        let answers = answers.into_iter().collect();
        self.script.lock().unwrap().answers.insert(what.to_owned(), answers);
        self
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.script.lock().unwrap().heard.clone()
    }

    /// What was asked, without what came with it.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.heard().into_iter().map(|heard| heard.what).collect()
    }
}

impl Drop for FakeApi {
    fn drop(&mut self) {
        self.handle.shutdown();
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(ended.is_none_or(|it| it.is_ok()), "the fake API panicked");
    }
}

/// A list as the API gives it, all on one page.
pub(crate) fn page(items: Value) -> Value {
    json!({"items": items, "next": null})
}

fn server_tls(fleet: &Fleet) -> rustls::ServerConfig {
    let read = |name: &str| std::fs::read(fleet.at(&format!("controller/{name}"))).unwrap();
    let secrets = fleet.at("controller/secrets.insecure.toml");
    let keys = OnlineKeys::open(&secrets, &Unlock::InsecureDev).unwrap();
    let chain = tls::certificates("the chain", &read("server.pem")).unwrap();
    let identity = Identity { chain, key: PrivateKeyDer::Pkcs8(keys.server.pkcs8()) };
    tls::server(&read("device-ca.pem"), identity, ClientCertificate::Optional).unwrap()
}

async fn answer(State(script): State<Shared>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let route = format!("{} {}", parts.method, parts.uri.path());
    let authorization = parts.headers.get("authorization");
    let authorization = authorization.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let body = to_bytes(body, 64 << 20).await.unwrap().to_vec();
    let mut script = script.lock().unwrap();
    script.heard.push(Heard {
        what: format!("{route}{query}"),
        authorization: authorization.to_owned(),
        body,
    });
    let missing = (
        404,
        json!({
            "type": "urn:tillward:problem:not-found", "title": "not found", "status": 404,
            "detail": format!("there is no {route}"),
        }),
    );
    let (status, value) = match script.answers.get_mut(&route) {
        Some(answers) if answers.len() > 1 => answers.remove(0),
        Some(answers) => answers.first().cloned().unwrap_or(missing),
        None => missing,
    };
    let mut response = Response::new(Body::from(serde_json::to_vec(&value).unwrap()));
    if parts.method == Method::HEAD {
        // A number is the length of what a `GET` would give.
        *response.body_mut() = Body::empty();
        let length = HeaderValue::from(value.as_u64().unwrap_or(0));
        response.headers_mut().insert(CONTENT_LENGTH, length);
    }
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}
