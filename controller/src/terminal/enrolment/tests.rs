//! What depends on the time and on the registry's past. (The rest is tested over HTTPS: `api`.)

use std::collections::BTreeMap;
use std::time::Duration;

use shared::claim::Seed;
use shared::document::roster::{Role, RosterKey, Thresholds};
use shared::document::{FORMAT, Roster};
use shared::id::ClaimId;
use shared::signature::{Envelope, PrivateKey};

use super::*;
use crate::key_file::SecretKey;
use crate::registry;
use crate::registry::terminal::NewClaim;
use crate::terminal::certificate::test_authority::TestAuthority;
use crate::terminal::nonce::NONCE_LIFETIME;

const BEGUN: UnixTime = UnixTime(1_900_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn later(seconds: u64) -> UnixTime {
    BEGUN.plus(Duration::from_secs(seconds))
}

fn by(at: UnixTime) -> By {
    By { who: "test".into(), why: String::new(), at }
}

async fn registrar() -> Registrar {
    let authority = TestAuthority::new();
    Registrar {
        fleet: authority.fleet,
        registry: registry::in_memory().await.unwrap(),
        authority: authority.device_authority(),
        nonces: Nonces::new(&authority.device_ca_key),
    }
}

/// A claim for `PX-1` that lives for an hour.
async fn claim(registrar: &Registrar, seed: &Seed, at: UnixTime) -> Claim {
    let claim = NewClaim {
        id: ClaimId::generate(),
        terminal: TerminalId::generate(),
        serial: "PX-1".into(),
        model: "px7".into(),
        store: "north".into(),
        lane: None,
        labels: BTreeMap::new(),
        zone: "UTC".into(),
        key: seed.claim_key().public(),
        expires_at: at.plus(HOUR),
    };
    registrar.registry.add_claim(&claim, &by(at)).await.unwrap()
}

fn application(seed: &Seed, key: &SecretKey, nonce: Nonce) -> Application {
    let request = rcgen::CertificateParams::default().serialize_request(&key.issuing()).unwrap();
    let request = request.der().to_vec();
    let spki = RequestedKey::read(&request).unwrap().spki();
    let proof = seed.claim_key().sign_bytes(&enrolment_proof(&spki, "PX-1", nonce)).to_vec();
    Application { serial: "PX-1".into(), nonce, request, proof }
}

async fn enrol(
    registrar: &Registrar,
    seed: &Seed,
    key: &SecretKey,
    at: UnixTime,
) -> Result<Admitted, EnrolmentRefused> {
    let nonce = registrar.begin("PX-1", at).await?;
    registrar.enrol(&application(seed, key, nonce), at, [0x41; 16]).await
}

#[tokio::test]
async fn a_claim_is_over_when_its_time_is_even_for_the_key_that_used_it() {
    let (registrar, seed) = (registrar().await, Seed::new([1; 20]));
    claim(&registrar, &seed, BEGUN).await;
    let key = SecretKey::generate();
    assert!(enrol(&registrar, &seed, &key, later(3599)).await.is_ok());
    let late = enrol(&registrar, &seed, &key, later(3600)).await.unwrap_err();
    assert_eq!(late.to_string(), format!("the claim expired at {}", later(3600)));
}

#[tokio::test]
async fn a_nonce_that_was_given_out_long_ago_is_stale() {
    let (registrar, seed) = (registrar().await, Seed::new([1; 20]));
    claim(&registrar, &seed, BEGUN).await;
    let nonce = registrar.begin("PX-1", BEGUN).await.unwrap();
    let application = application(&seed, &SecretKey::generate(), nonce);
    let late = BEGUN.plus(NONCE_LIFETIME).plus(Duration::from_secs(1));
    let refused = registrar.enrol(&application, late, [0x41; 16]).await;
    assert!(matches!(refused, Err(EnrolmentRefused::StaleNonce)), "{refused:?}");
    assert!(registrar.enrol(&application, later(60), [0x41; 16]).await.is_ok());
}

#[tokio::test]
async fn a_revoked_terminal_does_not_enrol_with_a_claim_that_it_still_has() {
    let (registrar, seed) = (registrar().await, Seed::new([1; 20]));
    let claim = claim(&registrar, &seed, BEGUN).await;
    let key = SecretKey::generate();
    enrol(&registrar, &seed, &key, later(1)).await.unwrap();
    registrar.registry.revoke_terminal(claim.terminal, &by(later(2))).await.unwrap();
    let refused = enrol(&registrar, &seed, &key, later(3)).await.unwrap_err();
    assert_eq!(refused.to_string(), "the terminal was revoked");
}

#[tokio::test]
async fn the_pinned_roster_is_sent_even_if_it_came_in_the_second_of_the_claim() {
    let (registrar, seed) = (registrar().await, Seed::new([1; 20]));
    let mut previous = None;
    for (version, at) in [(1, BEGUN), (2, later(200)), (3, later(300))] {
        let roster = roster(registrar.fleet, version, previous);
        previous = Some(roster.digest());
        registrar.registry.add_roster(&roster, &by(at)).await.unwrap();
    }
    claim(&registrar, &seed, later(200)).await;
    let admitted = enrol(&registrar, &seed, &SecretKey::generate(), later(400)).await.unwrap();
    let versions = admitted
        .rosters
        .iter()
        .map(|signed| Envelope::<Roster>::from_bytes(signed.as_slice()).unwrap().document.version);
    assert_eq!(versions.collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn of_more_rosters_than_fit_into_an_answer_the_oldest_are_left_out() {
    let longest = |number: u8| SignedBytes::new(vec![number; DOCUMENT_BYTES_MAX]);
    let all: Vec<_> = (1..=12).map(longest).collect();
    assert_eq!(newest_that_fit(all.clone()), all[2..]);
    assert_eq!(newest_that_fit(all[..10].to_vec()), all[..10]);
    assert!(newest_that_fit(Vec::new()).is_empty());
}

/// As far as a registry looks at it: names and versions, not signatures.
fn roster(fleet: FleetId, version: u64, previous: Option<Digest>) -> Envelope<Roster> {
    let entry = |role, number: u8| {
        let public = PrivateKey::from_seed(&[number; 32]).public();
        RosterKey { id: public.key_id(), role, owner: format!("owner-{number}"), public }
    };
    let roles = [Role::Root, Role::Root, Role::Release, Role::Release];
    let mut keys: Vec<_> = roles.into_iter().zip(1..).map(|(role, at)| entry(role, at)).collect();
    keys.sort_by_key(|key| key.id);
    Envelope::unsigned(Roster {
        format: FORMAT,
        fleet,
        version,
        issued_at: BEGUN,
        expires_at: later(1_000_000),
        keys,
        thresholds: Thresholds { root: 2, release: 2 },
        requirements: BTreeMap::new(),
        recovery_recipients: Vec::new(),
        previous,
    })
}
