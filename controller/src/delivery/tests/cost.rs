//! What campaigns cost: what they release, and not what the fleet has. The benchmark `campaigns`
//! measures the same in time, over fleets that are larger.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::digest::{Digest, PublicKey};
use shared::document::receipt::{Receipt, Said};
use shared::id::{ClaimId, OrderId, TerminalId};
use shared::message::{SignedBytes, Telemetry};
use shared::outcome::Outcome;
use shared::signature::Envelope;
use shared::time::{ClockConfidence, UnixTime};

use super::world::{FLEET, by, campaign_id, controller_key, new_campaign};
use crate::background::{Poke, Progress};
use crate::campaign::Campaigns;
use crate::campaign::execute::Execute;
use crate::campaign::policy::{Intake, Policy};
use crate::campaign::view;
use crate::delivery::Signer;
use crate::registry::campaign::NewCampaign;
use crate::registry::delivery::{Heard, Report, Saying};
use crate::registry::page::Page;
use crate::registry::sql::fuse::{Asked, Fuse};
use crate::registry::terminal::{Certificate, Enrolment, NewClaim};
use crate::registry::{self, Registry};

const NOW: UnixTime = UnixTime(1_000_000);

const RELEASED: u32 = 10;

/// What one campaign over everybody asked of the registry.
struct Cost {
    created_and_started: Vec<Asked>,
    released: Vec<Asked>,
    finished: Vec<Asked>,
    how_it_goes: Vec<Asked>,
}

fn terminal(number: u16) -> TerminalId {
    TerminalId::from_bytes(u128::from(number).to_be_bytes())
}

/// Enrolled, in a store of its own, and online.
async fn enrol(registry: &dyn Registry, number: u16) {
    let id = ClaimId::from_bytes(u128::from(number).to_be_bytes());
    let claim = NewClaim {
        id,
        terminal: terminal(number),
        serial: format!("SN-{number}"),
        model: "T650".to_owned(),
        store: format!("store-{number}"),
        lane: None,
        labels: BTreeMap::new(),
        zone: "Europe/Berlin".to_owned(),
        key: PublicKey([1; 32]),
        expires_at: UnixTime(i64::MAX),
    };
    registry.add_claim(&claim, &by(NOW)).await.unwrap();
    let (spki, expires_at) = (Digest::of(&number.to_be_bytes()), UnixTime(i64::MAX));
    let certificate = Certificate { fingerprint: spki, expires_at };
    let public_key = PublicKey([1; 32]);
    let enrolment = Enrolment { claim: id, spki, public_key, certificate };
    registry.enrol(&enrolment, &by(NOW)).await.unwrap();
    let (disk_free_bytes, orders_refused, messages_unreadable) = (1, 0, 0);
    let (battery, till) = (None, None);
    let telemetry =
        Telemetry { at: NOW, disk_free_bytes, orders_refused, messages_unreadable, battery, till };
    let heard = says(terminal(number), 1, Report::Telemetry(telemetry));
    registry.apply(&[heard]).await.unwrap();
}

fn says(terminal: TerminalId, seq: u64, report: Report) -> Heard {
    Heard { terminal, at: NOW, saying: Saying::Report { epoch: 1, seq, up_to: seq, report } }
}

fn receipt(terminal: TerminalId, seq: u64, order: OrderId, said: Said) -> Heard {
    let clock = ClockConfidence::Attested;
    let receipt = Receipt { format: 1, terminal, epoch: 1, order, said, at: NOW, clock };
    let signed = SignedBytes::new(Envelope::unsigned(receipt.clone()).to_bytes());
    says(terminal, seq, Report::Receipt { receipt, signed })
}

/// So many terminals, in a registry that tells what it is asked.
async fn fleet(terminals: u16) -> (Fuse, Arc<dyn Registry>) {
    let fuse = Fuse::endless();
    let registry = registry::in_memory_with_fuse(fuse.clone()).await.unwrap();
    for number in 0..terminals {
        enrol(&*registry, number).await;
    }
    (fuse, registry)
}

/// What one more terminal asks of the registry that a running campaign means, too.
async fn cost_of_one_more(terminals: u16) -> Vec<Asked> {
    let (fuse, registry) = fleet(terminals).await;
    let signer = Arc::new(Signer::new(FLEET, controller_key()));
    let campaigns = Campaigns::new(Arc::clone(&registry), Arc::clone(&signer));
    let policy = Policy { membership: Intake::Continuous, ..Policy::PLAIN };
    let new = NewCampaign { max_parallel: RELEASED, policy, ..new_campaign(1) };
    campaigns.create(&new, &by(NOW)).await.unwrap();
    campaigns.start(new.id, &by(NOW)).await.unwrap();
    let execute = Execute::new(Arc::clone(&registry), signer, Poke::new());
    while execute.step(NOW).await.unwrap() == Progress::MoreToDo {}
    enrol(&*registry, terminals).await;
    fuse.asked();
    while execute.step(NOW).await.unwrap() == Progress::MoreToDo {}
    let asked = fuse.asked();
    assert_eq!(registry.joiners(new.id).await.unwrap(), [terminal(terminals)]);
    asked
}

async fn cost(terminals: u16) -> Cost {
    let (fuse, registry) = fleet(terminals).await;
    let signer = Arc::new(Signer::new(FLEET, controller_key()));
    let campaigns = Campaigns::new(Arc::clone(&registry), Arc::clone(&signer));
    let new = NewCampaign { max_parallel: RELEASED, ..new_campaign(1) };
    fuse.asked();
    campaigns.create(&new, &by(NOW)).await.unwrap();
    let started = campaigns.start(new.id, &by(NOW)).await.unwrap();
    let created_and_started = fuse.asked();
    assert_eq!(started.frozen.unwrap().members, u32::from(terminals), "everybody is a member");

    let execute = Execute::new(Arc::clone(&registry), signer, Poke::new());
    while execute.step(NOW).await.unwrap() == Progress::MoreToDo {}
    let released = fuse.asked();
    let assignments = registry.assignments(new.id, &Page::first(100)).await.unwrap();
    assert_eq!(assignments.len(), RELEASED as usize);
    let finished = || {
        let outcome = Outcome::Succeeded { now: "2".to_owned() };
        Said::Finished { outcome, evidence: vec![] }
    };
    let accepts = assignments.iter().map(|it| receipt(it.terminal, 2, it.order, Said::Accepted));
    let finishes = assignments.iter().map(|it| receipt(it.terminal, 3, it.order, finished()));
    let said: Vec<_> = accepts.chain(finishes).collect();
    fuse.asked();
    registry.apply(&said).await.unwrap();
    // Those whose turn is next.
    while execute.step(NOW).await.unwrap() == Progress::MoreToDo {}
    let finished = fuse.asked();
    let overview = view::overview(&*registry, campaign_id(1), NOW).await.unwrap().unwrap();
    let how_it_goes = fuse.asked();
    assert_eq!(overview.tally.attempted(), u64::from(RELEASED));
    assert_eq!(overview.held, u64::from(terminals) - 2 * u64::from(RELEASED));
    Cost { created_and_started, released, finished, how_it_goes }
}

fn sql(asked: &[Asked]) -> Vec<&'static str> {
    asked.iter().map(|it| it.sql).collect()
}

/// Each statement that wrote, with how many rows.
fn wrote(asked: &[Asked]) -> Vec<(&'static str, u64)> {
    asked.iter().filter(|it| it.wrote > 0).map(|it| (it.sql, it.wrote)).collect()
}

#[tokio::test]
async fn a_campaign_costs_what_it_releases_however_large_the_fleet_is() {
    let (small, large) = (cost(50).await, cost(500).await);

    let written = wrote(&large.created_and_started);
    assert_eq!(wrote(&small.created_and_started), written, "created and started");
    let memberships: Vec<_> =
        written.iter().filter(|(sql, _)| sql.starts_with("INSERT INTO memberships")).collect();
    assert!(matches!(memberships[..], [(_, 1)]), "its members are one document: {memberships:?}");

    for (what, small, large) in [
        ("released", &small.released, &large.released),
        ("finished", &small.finished, &large.finished),
        ("how it goes", &small.how_it_goes, &large.how_it_goes),
    ] {
        assert!(!large.is_empty(), "{what}: nothing was written down");
        assert_eq!(sql(small), sql(large), "{what}");
        assert_eq!(wrote(small), wrote(large), "{what}");
    }

    let of_terminals = |sql: &&str| sql.contains("assignments") || sql.contains("memberships");
    let scanned: Vec<_> = sql(&large.how_it_goes).into_iter().filter(of_terminals).collect();
    assert!(scanned.is_empty(), "how it goes is counted as it changes: {scanned:?}");
}

/// What others have been slow at: more than a minute for each device that a rollout took in, in a
/// fleet of 140,000.
#[tokio::test]
async fn one_more_device_costs_the_same_however_many_there_are() {
    let (small, large) = (cost_of_one_more(50).await, cost_of_one_more(500).await);
    assert_eq!(sql(&small), sql(&large));
    assert_eq!(wrote(&small), wrote(&large));
    let looked_over = |sql: &&str| sql.contains("certificate_expires_at, agent_version,");
    let by_name = |sql: &&str| sql.contains("id IN (SELECT value FROM json_each(");
    let asked = sql(&large);
    assert!(asked.iter().any(by_name), "whom it is about is looked up: {asked:?}");
    let scans: Vec<_> = asked.iter().filter(|it| looked_over(it) && !by_name(it)).collect();
    assert!(scans.is_empty(), "and nobody else: {scans:?}");
}
