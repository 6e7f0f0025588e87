//! A claim is worth one certificate for one key, whoever asks and however often.

use data_encoding::BASE64;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::json;
use shared::claim::{Seed, enrolment_proof};
use shared::digest::Nonce;

use super::super::model::{Enrolled, EnrolmentNonce, Own};
use super::fixture::{Fixture, Newcomer, claim_of, problem};
use crate::auth::{ClientCertificate, Peer};
use crate::terminal::certificate::RequestedKey;
use crate::terminal::certificate::test_authority::TestIdentity;

async fn begin(fixture: &Fixture, serial: &str) -> Nonce {
    let asked = fixture.client(None).post(fixture.url("/v1/enrol/begin"));
    let begun = asked.json(&json!({ "serial": serial })).send().await.unwrap();
    assert_eq!(begun.status(), 200);
    let nonce: EnrolmentNonce = begun.json().await.unwrap();
    Nonce(nonce.nonce.0.try_into().unwrap())
}

/// What is sent to enrol; each part can be another than it should be.
struct Sent<'a> {
    serial: &'a str,
    nonce: Nonce,
    csr: Vec<u8>,
    proof: Vec<u8>,
}

impl<'a> Sent<'a> {
    fn right(serial: &'a str, nonce: Nonce, seed: &Seed, newcomer: &Newcomer) -> Self {
        let csr = newcomer.request();
        let spki = RequestedKey::read(&csr).unwrap().spki();
        let proof = seed.claim_key().sign_bytes(&enrolment_proof(&spki, serial, nonce)).to_vec();
        Self { serial, nonce, csr, proof }
    }

    async fn send(&self, fixture: &Fixture) -> reqwest::Response {
        let body = json!({
            "serial": self.serial,
            "nonce": BASE64.encode(&self.nonce.0),
            "csr": BASE64.encode(&self.csr),
            "proof": BASE64.encode(&self.proof),
        });
        fixture.client(None).post(fixture.url("/v1/enrol")).json(&body).send().await.unwrap()
    }
}

async fn enrol(fixture: &Fixture, serial: &str, seed: &Seed, newcomer: &Newcomer) -> Enrolled {
    let nonce = begin(fixture, serial).await;
    let answer = Sent::right(serial, nonce, seed, newcomer).send(fixture).await;
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    answer.json().await.unwrap()
}

/// A terminal that was announced and has enrolled.
pub(super) async fn newcomer(fixture: &Fixture, serial: &str) -> Enrolled {
    let (_, seed) = fixture.claim(serial).await;
    enrol(fixture, serial, &seed, &Newcomer::new()).await
}

/// A terminal that has enrolled: its id, a client that shows its certificate, and its key.
pub(super) async fn terminal(
    fixture: &Fixture,
    serial: &str,
) -> (shared::id::TerminalId, reqwest::Client, Newcomer) {
    terminal_of(fixture, serial, "north").await
}

/// As [`terminal`], in this store.
pub(super) async fn terminal_of(
    fixture: &Fixture,
    serial: &str,
    store: &str,
) -> (shared::id::TerminalId, reqwest::Client, Newcomer) {
    let seed = Seed::new([42; 20]);
    let mut claim = claim_of(serial, &seed);
    claim["store"] = store.into();
    assert_eq!(fixture.post("/v1/claims", claim).await.status(), 201);
    let newcomer = Newcomer::new();
    let enrolled = enrol(fixture, serial, &seed, &newcomer).await;
    let client = fixture.client(Some(&identity(&enrolled, &newcomer)));
    (enrolled.terminal, client, newcomer)
}

fn identity(enrolled: &Enrolled, newcomer: &Newcomer) -> TestIdentity {
    TestIdentity {
        chain_pem: enrolled.certificate.clone(),
        key_pem: newcomer.key.issuing().serialize_pem(),
    }
}

#[tokio::test]
async fn a_terminal_enrols_and_is_known_by_its_certificate() {
    let fixture = Fixture::start().await;
    let (claim, seed) = fixture.claim("PX-1").await;
    let newcomer = Newcomer::new();
    let enrolled = enrol(&fixture, "PX-1", &seed, &newcomer).await;
    assert_eq!((enrolled.terminal, enrolled.epoch), (claim.terminal, 1));
    assert_eq!(enrolled.fleet, fixture.authority.fleet);
    assert_eq!(enrolled.broker, "mqtt.example:8883");
    assert_eq!(enrolled.server_ca, fixture.authority.server_ca_pem);
    assert_eq!(enrolled.rosters.len(), 1);
    let der = CertificateDer::from_pem_slice(enrolled.certificate.as_bytes()).unwrap();
    let named = ClientCertificate::read(&der, enrolled.fleet).unwrap();
    let expected =
        ClientCertificate { peer: Peer::Terminal(claim.terminal), key: newcomer.key.public() };
    assert_eq!(named, expected);

    let client = fixture.client(Some(&identity(&enrolled, &newcomer)));
    let own: Own = client.get(fixture.url("/v1/self")).send().await.unwrap().json().await.unwrap();
    assert_eq!(own.terminal, claim.terminal);
    assert_eq!(own.broker, "mqtt.example:8883");
}

#[tokio::test]
async fn the_same_key_is_answered_again_and_another_finds_the_claim_used() {
    let fixture = Fixture::start().await;
    let (_, seed) = fixture.claim("PX-1").await;
    let newcomer = Newcomer::new();
    let first = enrol(&fixture, "PX-1", &seed, &newcomer).await;
    let again = enrol(&fixture, "PX-1", &seed, &newcomer).await;
    assert_eq!((first.terminal, first.epoch), (again.terminal, again.epoch));

    let nonce = begin(&fixture, "PX-1").await;
    let thief = Sent::right("PX-1", nonce, &seed, &Newcomer::new()).send(&fixture).await;
    assert_eq!(problem(thief).await, "claim-used");
}

#[tokio::test]
async fn a_new_claim_begins_a_new_epoch_and_the_old_certificate_is_refused() {
    let fixture = Fixture::start().await;
    let (_, seed) = fixture.claim("PX-1").await;
    let (old, new) = (Newcomer::new(), Newcomer::new());
    let first = enrol(&fixture, "PX-1", &seed, &old).await;
    let (claim, seed) = fixture.claim("PX-1").await;
    assert_eq!(claim.terminal, first.terminal, "the unit is the same");
    let second = enrol(&fixture, "PX-1", &seed, &new).await;
    assert_eq!((first.epoch, second.epoch), (1, 2));

    let stale = fixture.client(Some(&identity(&first, &old)));
    let refused = stale.get(fixture.url("/v1/self")).send().await.unwrap();
    assert_eq!(problem(refused).await, "certificate-replaced");
    let fresh = fixture.client(Some(&identity(&second, &new)));
    assert_eq!(fresh.get(fixture.url("/v1/self")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_sixth_guess_finds_the_claim_locked_even_if_it_is_right() {
    let fixture = Fixture::start().await;
    let (_, seed) = fixture.claim("PX-1").await;
    let newcomer = Newcomer::new();
    let nonce = begin(&fixture, "PX-1").await;
    for guess in 1..=5 {
        let wrong = Seed::new([guess; 20]);
        let refused = Sent::right("PX-1", nonce, &wrong, &newcomer).send(&fixture).await;
        let expected = if guess < 5 { "wrong-proof" } else { "claim-locked" };
        assert_eq!(problem(refused).await, expected, "guess {guess}");
    }
    let right = Sent::right("PX-1", nonce, &seed, &newcomer).send(&fixture).await;
    assert_eq!(problem(right).await, "claim-locked");
}

#[tokio::test]
async fn a_proof_is_worth_nothing_for_another_key_serial_or_nonce() {
    let fixture = Fixture::start().await;
    let (_, seed) = fixture.claim("PX-1").await;
    fixture.claim("PX-2").await;
    let (newcomer, thief) = (Newcomer::new(), Newcomer::new());
    let nonce = begin(&fixture, "PX-1").await;
    let right = Sent::right("PX-1", nonce, &seed, &newcomer);

    let other_key = Sent { csr: thief.request(), proof: right.proof.clone(), ..right };
    assert_eq!(problem(other_key.send(&fixture).await).await, "wrong-proof");
    let right = Sent::right("PX-1", nonce, &seed, &newcomer);
    let other_serial = Sent { serial: "PX-2", ..right };
    assert_eq!(problem(other_serial.send(&fixture).await).await, "stale-nonce");
    let right = Sent::right("PX-1", nonce, &seed, &newcomer);
    let invented = Sent { nonce: Nonce([9; 16]), ..right };
    assert_eq!(problem(invented.send(&fixture).await).await, "stale-nonce");
    let invented = Sent::right("PX-1", Nonce([9; 16]), &seed, &newcomer);
    assert_eq!(problem(invented.send(&fixture).await).await, "stale-nonce");
    let right = Sent::right("PX-1", nonce, &seed, &newcomer);
    assert_eq!(right.send(&fixture).await.status(), 200, "the right one still works");
}

#[tokio::test]
async fn strangers_and_requests_that_make_no_sense_are_refused_by_name() {
    let fixture = Fixture::start().await;
    let (_, seed) = fixture.claim("PX-1").await;
    let newcomer = Newcomer::new();
    let begun = fixture.client(None).post(fixture.url("/v1/enrol/begin"));
    let unknown = begun.json(&json!({ "serial": "PX-9" })).send().await.unwrap();
    assert_eq!(problem(unknown).await, "unknown-serial");

    let nonce = begin(&fixture, "PX-1").await;
    let right = || Sent::right("PX-1", nonce, &seed, &newcomer);
    let cases = [
        ("unknown-serial", Sent { serial: "PX-9", ..right() }),
        ("unknown-serial", Sent { serial: "", ..right() }),
        ("unknown-serial", Sent { serial: "PX 1\n", ..right() }),
        ("bad-certification-request", Sent { csr: vec![0x30, 0x80], ..right() }),
        ("bad-certification-request", Sent { csr: vec![], ..right() }),
        ("too-large", Sent { csr: vec![0x30; 5000], ..right() }),
        ("wrong-proof", Sent { proof: vec![], ..right() }),
        ("wrong-proof", Sent { proof: vec![0; 64], ..right() }),
    ];
    for (expected, sent) in cases {
        assert_eq!(problem(sent.send(&fixture).await).await, expected);
    }
    let huge = Sent { csr: vec![0x30; 1024 * 1024], ..right() };
    assert_eq!(problem(huge.send(&fixture).await).await, "too-large");
    assert_eq!(right().send(&fixture).await.status(), 200, "the claim is as good as before");
}

#[tokio::test]
async fn the_authority_is_told_to_anybody() {
    let fixture = Fixture::start().await;
    let told = fixture.client(None).get(fixture.url("/v1/authority")).send().await.unwrap();
    assert_eq!(told.text().await.unwrap(), fixture.authority.server_ca_pem);
}
