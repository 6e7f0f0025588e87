//! A small fleet to put into a registry. Everything is made of numbers, so that tests repeat.

use std::collections::BTreeMap;

use shared::change::{Change, Ping};
use shared::digest::{Digest, Nonce, PublicKey};
use shared::document::order::Stream;
use shared::document::receipt::{Receipt, Said};
use shared::id::{BatchId, CampaignId, ClaimId, OrderId, TerminalId};
use shared::membership::Membership;
use shared::message::{Component, Hello, Progress, SignedBytes, StepState};
use shared::outcome::{Failure, FailureCode, Outcome};
use shared::signature::{Envelope, PrivateKey};
use shared::time::{ClockConfidence, UnixTime};

use crate::campaign::policy::Policy;
use crate::campaign::wave::{Wave, Whom};
use crate::registry::Registry;
use crate::registry::audit::By;
use crate::registry::campaign::{
    AfterStart, Campaign, Issue, NewCampaign, Origin, Purpose, Start, StoredBatch,
};
use crate::registry::delivery::{Heard, NewOrder, Report, Saying};
use crate::registry::page::Page;
use crate::registry::prospect::{Ask, PROSPECTS_MAX, Prospect};
use crate::registry::terminal::{Certificate, Enrolled, Enrolment, NewClaim, Terminal};

pub(super) const FOREVER: UnixTime = UnixTime(4_000_000_000);

pub(super) fn by(who: &str, at: i64) -> By {
    By { who: who.to_owned(), why: "because".to_owned(), at: UnixTime(at) }
}

fn id_bytes(number: u8) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[15] = number;
    bytes
}

pub(super) fn terminal_id(number: u8) -> TerminalId {
    TerminalId::from_bytes(id_bytes(number))
}

pub(super) fn campaign_id(number: u8) -> CampaignId {
    CampaignId::from_bytes(id_bytes(number))
}

pub(super) fn order_id(campaign: u8, terminal: u8, attempt: u8) -> OrderId {
    let mut bytes = id_bytes(terminal);
    (bytes[0], bytes[1]) = (campaign, attempt);
    OrderId::from_bytes(bytes)
}

pub(super) fn key(number: u8) -> PublicKey {
    PrivateKey::from_seed(&[number; 32]).public()
}

/// The `generation`-th claim for the terminal of this number.
pub(super) fn claim(number: u8, generation: u8) -> NewClaim {
    let mut id = id_bytes(number);
    id[0] = generation;
    NewClaim {
        id: ClaimId::from_bytes(id),
        terminal: terminal_id(number),
        serial: format!("SN-{number:03}"),
        model: "T650".to_owned(),
        store: "berlin-1".to_owned(),
        lane: None,
        labels: BTreeMap::from([("ring".to_owned(), "canary".to_owned())]),
        zone: "Europe/Berlin".to_owned(),
        key: key(number),
        expires_at: UnixTime(1000),
    }
}

pub(super) fn enrolment(claim: ClaimId, number: u8) -> Enrolment {
    Enrolment {
        claim,
        spki: Digest::of(&[number]),
        public_key: key(number),
        certificate: Certificate {
            fingerprint: Digest::of(&[number, number]),
            expires_at: UnixTime(5000),
        },
    }
}

pub(crate) async fn enrol(registry: &dyn Registry, number: u8, generation: u8) -> Terminal {
    let new = claim(number, generation);
    registry.add_claim(&new, &by("op", 1)).await.expect("claims are made");
    match registry.enrol(&enrolment(new.id, number), &by("enrolment", 2)).await {
        Ok(Enrolled::Done(terminal)) => terminal,
        other => panic!("terminal {number} does not enrol: {other:?}"),
    }
}

/// As whoever plans for a whole fleet sees it.
pub(super) async fn prospect(registry: &dyn Registry, number: u8) -> Prospect {
    let ask = Ask { id: Some(terminal_id(number)), ..Ask::default() };
    let found = registry.prospects(&ask, &Page::first(PROSPECTS_MAX)).await;
    found.expect("it is looked up").pop().expect("it is known")
}

pub(super) fn new_campaign(number: u8) -> NewCampaign {
    NewCampaign {
        id: campaign_id(number),
        name: Some(format!("campaign {number}")),
        change: Change::Ping(Ping { note: "hello".to_owned() }),
        selector: "store=berlin-1".to_owned(),
        max_parallel: 100,
        // Its terminals are alone in their stores.
        policy: Policy { fallback: Some("by hand".to_owned()), ..Policy::PLAIN },
        lifetime_s: 3600,
        salt: Nonce([number; 16]),
        origin: Origin::Itself,
    }
}

pub(super) fn batch(campaign: u8, purpose: Purpose) -> StoredBatch {
    let mut id = id_bytes(campaign);
    id[0] = purpose as u8;
    StoredBatch {
        digest: Digest::of(&id),
        id: BatchId::from_bytes(id),
        campaign: campaign_id(campaign),
        purpose,
        issue: Issue::FIRST,
        signed: SignedBytes::new(vec![campaign; 3]),
        not_before: UnixTime(10),
        not_after: FOREVER,
    }
}

/// A running campaign over terminals of these numbers, which are enrolled before.
pub(super) async fn start(registry: &dyn Registry, number: u8, members: &[u8]) -> Campaign {
    start_then(registry, number, members, AfterStart::Run).await
}

pub(super) async fn start_then(
    registry: &dyn Registry,
    number: u8,
    members: &[u8],
    then: AfterStart,
) -> Campaign {
    start_made(registry, number, &new_campaign(number), members, then).await
}

/// Everybody in one.
pub(super) fn one_wave(members: usize) -> Vec<Wave> {
    vec![Wave { size: u32::try_from(members).unwrap_or(u32::MAX), whom: Whom::Rest }]
}

/// As [`start`], for one that asks for something else.
pub(super) async fn start_of(
    registry: &dyn Registry,
    number: u8,
    new: &NewCampaign,
    members: &[u8],
) -> Campaign {
    start_made(registry, number, new, members, AfterStart::Run).await
}

async fn start_made(
    registry: &dyn Registry,
    number: u8,
    new: &NewCampaign,
    members: &[u8],
    then: AfterStart,
) -> Campaign {
    registry.add_campaign(new, &by("op", 10)).await.expect("it is created");
    start_created(registry, number, members, then).await
}

/// As [`start`], for one that was created before.
pub(super) async fn start_created(
    registry: &dyn Registry,
    number: u8,
    members: &[u8],
    then: AfterStart,
) -> Campaign {
    let members: Vec<_> = members.iter().map(|number| terminal_id(*number)).collect();
    let start = Start {
        root: Membership::of(members.iter().copied()).root(),
        waves: one_wave(members.len()),
        members,
        batch: batch(number, Purpose::Change),
        not_after: FOREVER,
        then,
    };
    let started = registry.start_campaign(campaign_id(number), &start, &by("op", 11)).await;
    started.expect("it is started")
}

pub(super) fn order(campaign: u8, terminal: u8, seq: u64) -> NewOrder {
    NewOrder {
        id: order_id(campaign, terminal, 1),
        terminal: terminal_id(terminal),
        epoch: 1,
        stream: Stream::Routine,
        seq,
        campaign: campaign_id(campaign),
        purpose: Purpose::Change,
        attempt: 1,
        issue: 0,
        wave: 0,
        batch: batch(campaign, Purpose::Change).digest,
        signed: SignedBytes::new(vec![campaign, terminal]),
        not_after: FOREVER,
        upheavals: 0,
    }
}

pub(super) async fn issue(registry: &dyn Registry, order: &NewOrder) -> bool {
    let orders = std::slice::from_ref(order);
    let issued = registry.issue(order.campaign, order.purpose, orders, UnixTime(20)).await;
    issued.expect("orders are issued") == [order.id]
}

/// Terminal 1 is enrolled, campaign 1 runs on it, and its order is out.
pub(super) async fn one_order(registry: &dyn Registry) -> OrderId {
    enrol(registry, 1, 1).await;
    start(registry, 1, &[1]).await;
    assert!(issue(registry, &order(1, 1, 1)).await);
    order_id(1, 1, 1)
}

pub(super) fn said(order: OrderId, said: Said, at: i64) -> Report {
    let receipt = Receipt {
        format: 1,
        terminal: terminal_id(1),
        epoch: 1,
        order,
        said,
        at: UnixTime(at),
        clock: ClockConfidence::Attested,
    };
    let signed = SignedBytes::new(Envelope::unsigned(receipt.clone()).to_bytes());
    Report::Receipt { receipt, signed }
}

pub(super) fn finished(order: OrderId, outcome: Outcome, at: i64) -> Report {
    said(order, Said::Finished { outcome, evidence: vec![] }, at)
}

pub(super) fn failed() -> Outcome {
    let failure = Failure {
        code: FailureCode::DiskFull,
        step: "fetch".to_owned(),
        detail: "no room".to_owned(),
    };
    Outcome::Failed { failure }
}

pub(super) fn succeeded() -> Outcome {
    Outcome::Succeeded { now: "2.0.0".to_owned() }
}

pub(super) fn progress(order: OrderId, ordinal: u64, step: &str) -> Report {
    Report::Progress(Progress {
        order,
        ordinal,
        step: step.to_owned(),
        state: StepState::Running,
        at: UnixTime(100 + i64::try_from(ordinal).expect("small")),
        bytes_done: Some(ordinal),
        bytes_total: Some(100),
    })
}

/// Terminal 1 reports this as its `seq`-th, with nothing missing before.
pub(super) fn heard(seq: u64, report: Report) -> Heard {
    let saying = Saying::Report { epoch: 1, seq, up_to: seq, report };
    Heard { terminal: terminal_id(1), at: UnixTime(50), saying }
}

pub(super) fn hello(epoch: u32, order_seq: u64) -> Hello {
    Hello {
        challenge: None,
        stands: None,
        boot_nonce: Nonce([7; 16]),
        epoch,
        order_seq,
        ledger: Digest::of(b"ledger"),
        outbox_depth: 3,
        outbox_acknowledged: 0,
        outbox_dropped: 1,
        roster_version: 1,
        agent_version: "0.1.0".to_owned(),
        components: vec![Component {
            name: "pos".to_owned(),
            version: "1.0.0".to_owned(),
            security_counter: 1,
        }],
        zone: "Europe/Berlin".to_owned(),
        ledger_lost: false,
        working_on: None,
        recipient: None,
        log: None,
        locked: None,
    }
}

pub(super) fn greeting(hello: Hello, at: i64) -> Heard {
    greeting_of(terminal_id(1), hello, at)
}

pub(super) fn greeting_of(terminal: TerminalId, hello: Hello, at: i64) -> Heard {
    Heard { terminal, at: UnixTime(at), saying: Saying::Hello(hello) }
}
