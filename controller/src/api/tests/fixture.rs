//! A controller's API on a port of its own, and the people who use it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use shared::backup::OBJECT_BYTES_MAX;
use shared::claim::Seed;
use shared::document::purge_certificate::KeepRules;
use shared::document::roster::{Role, RosterKey, Thresholds};
use shared::document::{FORMAT, Roster};
use shared::signature::{Envelope, PrivateKey};
use shared::tls::ClientCertificate;

use super::super::*;
use crate::audit::Log;
use crate::auth::Token;
use crate::backup::PaceLimits;
use crate::blob::Memory;
use crate::config::{PlaceConfig, PlaceUrl};
use crate::delivery::Signer;
use crate::key_file::SecretKey;
use crate::pacing::Limits;
use crate::registry::audit::By;
use crate::registry::fleet::Operator;
use crate::terminal::certificate::test_authority::{TestAuthority, TestIdentity};
use crate::terminal::nonce::Nonces;

pub(super) struct Fixture {
    pub(super) authority: TestAuthority,
    pub(super) api: Arc<Api>,
    pub(super) address: SocketAddr,
    pub(super) token: Token,
    pub(super) release_keys: [PrivateKey; 3],
    pub(super) tasks: Tasks,
    pub(super) blobs: tempfile::TempDir,
}

/// What one terminal may store: three of the largest objects.
pub(super) const TERMINAL_BYTES_MAX: u64 = 3 * OBJECT_BYTES_MAX;

pub(super) const PACE: PaceLimits = PaceLimits { bytes: 1 << 40, objects: 100 };

/// The newest one is kept of each terminal.
pub(super) const RETENTION: Policy = Policy {
    rules: KeepRules { last: 1, daily: 0, weekly: 0, monthly: 0 },
    purge_after_days: 7,
    closed_days: 90,
};

fn places_in(directory: &std::path::Path) -> [PlaceConfig; 2] {
    ["north", "south"].map(|name| PlaceConfig {
        name: name.into(),
        region: name.into(),
        url: PlaceUrl::Directory(directory.join(name)),
    })
}

struct Well;

impl Vitals for Well {
    fn broker_kind(&self) -> &'static str {
        "embedded"
    }

    fn broker_connected(&self) -> bool {
        true
    }

    fn reports_waiting(&self) -> u64 {
        0
    }

    fn saved(&self) {}

    fn schedules_changed(&self) {}

    fn campaign_moved(&self) {}

    fn disconnect(&self, _: TerminalId) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

/// A key whose seed is this number over and over.
pub(super) fn key(number: u8) -> PrivateKey {
    PrivateKey::from_seed(&[number; 32])
}

/// Signed by all of its three root keys, 1 to 3; its release keys are 11 to 13.
pub(super) fn roster(fleet: FleetId, version: u64, previous: Option<Digest>) -> Envelope<Roster> {
    let entry = |role, owner: &str, number: u8| {
        let public = key(number).public();
        RosterKey { id: public.key_id(), role, owner: format!("{owner}-{number}"), public }
    };
    let root = (1..=3).map(|number| entry(Role::Root, "root", number));
    let release = (11..=13).map(|number| entry(Role::Release, "release", number));
    let mut keys: Vec<_> = root.chain(release).collect();
    keys.push(entry(Role::Controller, "controller", 21));
    keys.sort_by_key(|key| key.id);
    let roster = Roster {
        format: FORMAT,
        fleet,
        version,
        issued_at: now(),
        expires_at: now().plus(Duration::from_secs(1_000_000)),
        keys,
        thresholds: Thresholds { root: 2, release: 2 },
        requirements: BTreeMap::new(),
        recovery_recipients: Vec::new(),
        previous,
    };
    let mut roster = Envelope::unsigned(roster);
    (1..=3).for_each(|number| roster.sign(fleet, &key(number)));
    roster
}

impl Fixture {
    pub(super) async fn start() -> Self {
        Self::serving(Downloads::new(Limits::default())).await
    }

    /// As [`Self::start`], with limits of bandwidth.
    pub(super) async fn serving(downloads: Downloads) -> Self {
        let authority = TestAuthority::new();
        let (fleet, tasks) = (authority.fleet, Tasks::new());
        let registry = crate::registry::in_memory().await.unwrap();
        let by = By { who: "test".into(), why: String::new(), at: now() };
        registry.belongs_to(fleet).await.unwrap();
        registry.add_roster(&roster(fleet, 1, None), &by).await.unwrap();
        let token = Token::of(&[7; 32]);
        let operator =
            Operator { name: "ana".into(), token_hash: token.digest(), created_at: now() };
        registry.put_operator(&operator, &by).await.unwrap();

        let blobs = tempfile::tempdir().unwrap();
        let memory = Memory { fleet, directory: blobs.path().join("memory") };
        let places = Places::open(&places_in(blobs.path()), &memory).unwrap();
        let listener = Listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let address = listener.address();
        let api = Arc::new(Api {
            fleet,
            registrar: Registrar {
                fleet,
                registry: registry.clone(),
                authority: authority.device_authority(),
                nonces: Nonces::new(&authority.device_ca_key),
            },
            campaigns: Campaigns::new(registry.clone(), Arc::new(Signer::new(fleet, key(21)))),
            log: Log::new(registry.clone(), Arc::new(Signer::new(fleet, key(21)))),
            intake: Intake::new(registry.clone(), places.clone(), TERMINAL_BYTES_MAX, PACE),
            retention: RETENTION,
            bindings: BindingPolicy { one_active: true },
            legal_review: LegalReview::default(),
            registry,
            blobs: Blobs::in_directory(blobs.path()).unwrap(),
            downloads,
            places,
            brokers: Brokers::one("mqtt.example:8883".parse().unwrap()),
            url: format!("https://localhost:{}", address.port()).parse().unwrap(),
            server_ca: Digest::of(&authority.server_ca_der()),
            server_ca_pem: authority.server_ca_pem.clone(),
            artifact_bytes_max: 8 * 1024 * 1024,
            enrolment: Enrolment {
                certificate_lifetime: Duration::from_secs(30 * 86_400),
                claim_lifetime_max: Duration::from_secs(72 * 3600),
            },
            vitals: Box::new(Well),
        });
        let tls = shared::tls::server(
            authority.device_ca_pem.as_bytes(),
            authority.server().identity(),
            ClientCertificate::Optional,
        );
        serve(listener, api.clone(), tls.unwrap(), &tasks);
        let release_keys = [key(11), key(12), key(13)];
        Self { authority, api, address, token, release_keys, tasks, blobs }
    }

    /// A client that believes the server authority and shows this certificate.
    pub(super) fn client(&self, identity: Option<&TestIdentity>) -> Client {
        let tls = shared::tls::client(
            self.authority.server_ca_pem.as_bytes(),
            identity.map(TestIdentity::identity),
        );
        Client::builder().tls_backend_preconfigured(tls.unwrap()).build().unwrap()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    /// A request of the operator.
    pub(super) fn operator(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client(None).request(method, self.url(path));
        request.bearer_auth(self.token.expose())
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Response {
        self.operator(Method::POST, path).json(&body).send().await.unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Response {
        self.operator(Method::GET, path).send().await.unwrap()
    }

    /// Announces a terminal and gives the seed of its claim.
    pub(super) async fn claim(&self, serial: &str) -> (model::IssuedClaim, Seed) {
        let seed = Seed::new([42; 20]);
        let issued = self.post("/v1/claims", claim_of(serial, &seed)).await;
        assert_eq!(issued.status(), 201, "{}", issued.text().await.unwrap());
        (issued.json().await.unwrap(), seed)
    }
}

pub(super) fn claim_of(serial: &str, seed: &Seed) -> Value {
    serde_json::json!({
        "serial": serial,
        "store": "north",
        "model": "px7",
        "zone": "Europe/Berlin",
        "claim_key": seed.claim_key().public(),
        "ttl_s": 3600,
    })
}

/// The answer's problem code, after checking that it is a problem document at all.
pub(super) async fn problem(response: Response) -> String {
    let status = response.status().as_u16();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(kind, "application/problem+json");
    let problem: model::Problem = response.json().await.unwrap();
    assert_eq!(problem.status, status);
    assert!(!problem.detail.is_empty() && !problem.title.is_empty());
    problem.code().to_owned()
}

/// An Ed25519 key that is not in the fleet yet, as `tillward-agent` makes it.
pub(super) struct Newcomer {
    pub(super) key: SecretKey,
}

impl Newcomer {
    pub(super) fn new() -> Self {
        Self { key: SecretKey::generate() }
    }

    pub(super) fn request(&self) -> Vec<u8> {
        let request = rcgen::CertificateParams::default().serialize_request(&self.key.issuing());
        request.unwrap().der().to_vec()
    }
}
