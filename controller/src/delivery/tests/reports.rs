//! Whatever a wire does to a stream of reports, it ends in the same registry.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use shared::document::FORMAT;
use shared::document::receipt::{Receipt, Said};
use shared::id::{OrderId, TerminalId};
use shared::message::{Ack, Body, Down, Progress, Record, SignedBytes, StepState, Telemetry, Up};
use shared::outcome::{Failure, FailureCode, Outcome, Refusal, Waiting};
use shared::signature::{Envelope, PrivateKey};
use shared::time::{ClockConfidence, UnixTime};

use super::dice::Dice;
use super::network::Weather;
use super::world::{FLEET, World, campaign_id, id};
use crate::campaign::assignment::{AssignmentState as State, Standing};
use crate::registry::campaign::CampaignTally;
use crate::registry::delivery::{Heard, Report, Saying};
use crate::registry::page::Page;

const TERMINALS: u8 = 2;

/// Something that a terminal may say about its order.
#[derive(Clone, Debug, PartialEq)]
enum Word {
    Accepted,
    Refused(Refusal),
    Finished(Outcome),
    Progress(u64, StepState),
    Telemetry(u64),
    /// A receipt by another key.
    Forged,
    /// A receipt for an order that nobody gave.
    Strange,
}

fn word() -> impl Strategy<Value = Word> {
    let failure = |code| Failure { code, step: "fetch".to_owned(), detail: String::new() };
    let outcome = prop_oneof![
        4 => Just(Outcome::Succeeded { now: "2".to_owned() }),
        1 => Just(Outcome::Failed { failure: failure(FailureCode::DiskFull) }),
        1 => Just(Outcome::RolledBack { failure: failure(FailureCode::HealthNotProven) }),
        1 => Just(Outcome::Expired),
    ];
    let refusal = prop_oneof![Just(Refusal::OtherModel), Just(Refusal::NoRoom)];
    let waiting = StepState::Waiting { reason: Waiting::Till, detail: String::new() };
    let state = prop_oneof![Just(StepState::Running), Just(waiting)];
    prop_oneof![
        3 => Just(Word::Accepted),
        1 => refusal.prop_map(Word::Refused),
        2 => outcome.prop_map(Word::Finished),
        5 => (0_u64..6, state).prop_map(|(ordinal, state)| Word::Progress(ordinal, state)),
        1 => (0_u64..6).prop_map(Word::Telemetry),
        1 => Just(Word::Forged),
        1 => Just(Word::Strange),
    ]
}

/// What each terminal says, in its order.
fn streams() -> impl Strategy<Value = Vec<Vec<Word>>> {
    let stream = prop::collection::vec(word(), 0..10);
    prop::collection::vec(stream, usize::from(TERMINALS))
}

/// Everything that reports can change.
#[derive(Debug, PartialEq)]
struct Registered {
    standings: BTreeMap<TerminalId, Standing>,
    tally: CampaignTally,
    receipts: Vec<BTreeSet<Vec<u8>>>,
    alarms: BTreeSet<String>,
    owed: Vec<OrderId>,
    telemetry: Vec<Option<Telemetry>>,
}

/// Two terminals, each with an order that it has not answered.
async fn world() -> (World, BTreeMap<TerminalId, OrderId>) {
    let mut world = World::new(TERMINALS, 1).await;
    world.round().await;
    world.start_campaign(1, 9).await;
    world.terminals.values_mut().for_each(|terminal| terminal.is_on = false);
    world.round().await;
    world.broker.take();
    let assignments = world.registry.assignments(campaign_id(1), &Page::first(9)).await.unwrap();
    assert_eq!(assignments.len(), usize::from(TERMINALS));
    (world, assignments.into_iter().map(|it| (it.terminal, it.order)).collect())
}

async fn registered(world: &World, orders: &BTreeMap<TerminalId, OrderId>) -> Registered {
    let registry = &world.registry;
    let assignments = registry.assignments(campaign_id(1), &Page::first(9)).await.unwrap();
    let mut receipts = Vec::new();
    for order in orders.values() {
        let kept = registry.receipts(*order).await.unwrap();
        receipts.push(kept.iter().map(|it| it.as_slice().to_vec()).collect());
    }
    let alarms = registry.alarms(&Page::first(100)).await.unwrap();
    let terminals: Vec<_> = orders.keys().copied().collect();
    let told = registry.terminals_of(&terminals).await.unwrap();
    let owed = registry.owed(&terminals, 8, world.now).await.unwrap();
    Registered {
        standings: assignments.into_iter().map(|it| (it.terminal, it.standing)).collect(),
        tally: registry.campaign_tally(campaign_id(1)).await.unwrap(),
        receipts,
        alarms: alarms.into_iter().map(|(_, alarm)| format!("{alarm:?}")).collect(),
        owed: owed.into_iter().map(|it| it.order).collect(),
        telemetry: told.into_iter().map(|terminal| terminal.telemetry).collect(),
    }
}

fn receipt(number: u8, order: OrderId, said: Said, at: UnixTime) -> Receipt {
    let clock = ClockConfidence::Attested;
    Receipt { format: FORMAT, terminal: id(number), epoch: 1, order, said, at, clock }
}

fn signed(receipt: Receipt, key: u8) -> SignedBytes {
    let mut envelope = Envelope::unsigned(receipt);
    envelope.sign(FLEET, &PrivateKey::from_seed(&[key; 32]));
    SignedBytes::new(envelope.to_bytes())
}

/// The word as the `seq`-th record of a terminal.
fn body(number: u8, order: OrderId, word: &Word, seq: u64) -> Body {
    let at = UnixTime(2_000_000 + i64::try_from(seq).unwrap());
    let receipt = |order, said| receipt(number, order, said, at);
    let finished =
        |outcome: &Outcome| Said::Finished { outcome: outcome.clone(), evidence: vec![] };
    match word {
        Word::Accepted => Body::Receipt(signed(receipt(order, Said::Accepted), number)),
        Word::Refused(refusal) => {
            let said = Said::Refused { refusal: *refusal, detail: String::new() };
            Body::Receipt(signed(receipt(order, said), number))
        }
        Word::Finished(outcome) => Body::Receipt(signed(receipt(order, finished(outcome)), number)),
        Word::Forged => Body::Receipt(signed(receipt(order, Said::Accepted), 99)),
        Word::Strange => {
            let nobodys = OrderId::from_bytes([9; 16]);
            Body::Receipt(signed(receipt(nobodys, Said::Accepted), number))
        }
        Word::Progress(ordinal, state) => Body::Progress(Progress {
            order,
            ordinal: *ordinal,
            step: "fetch".to_owned(),
            state: state.clone(),
            at,
            bytes_done: None,
            bytes_total: None,
        }),
        Word::Telemetry(room) => Body::Telemetry(Telemetry {
            // Some are of the same second.
            at: UnixTime(2_000_000 + i64::try_from(seq / 3).unwrap()),
            disk_free_bytes: *room,
            orders_refused: 0,
            messages_unreadable: 0,
            battery: None,
            till: None,
        }),
    }
}

fn records(number: u8, order: OrderId, words: &[Word]) -> Vec<Record> {
    let record = |(seq, word)| Record {
        epoch: 1,
        seq,
        previous: seq - 1,
        body: body(number, order, word, seq),
    };
    (1_u64..).zip(words).map(record).collect()
}

/// Says everything once and in order, over a wire that does no harm.
async fn in_fair_weather(streams: &[Vec<Word>]) -> Registered {
    let (mut world, orders) = world().await;
    for (number, words) in (1..).zip(streams) {
        for record in records(number, orders[&id(number)], words) {
            world.hear(vec![(id(number), Up::Record(record))]).await;
        }
    }
    registered(&world, &orders).await
}

/// Says everything again and again until it is acknowledged, over a wire that loses, doubles and
/// reorders, with the controller killed now and then.
async fn in_foul_weather(streams: &[Vec<Word>], seed: u64) -> Registered {
    let (mut world, orders) = world().await;
    let mut dice = Dice::seeded(seed);
    let outboxes: BTreeMap<_, _> = (1..)
        .zip(streams)
        .map(|(number, words)| (id(number), records(number, orders[&id(number)], words)))
        .collect();
    let mut acknowledged: BTreeMap<TerminalId, u64> = BTreeMap::new();
    for round in 0.. {
        let weather = if round < 30 { Weather::FOUL } else { Weather::FAIR };
        let mut said = Vec::new();
        for (terminal, records) in &outboxes {
            let from = acknowledged.get(terminal).copied().unwrap_or(0);
            let open = records.iter().filter(|record| record.seq > from).take(4).cloned();
            said.extend(open.map(|record| (*terminal, Up::Record(record))));
        }
        if said.is_empty() {
            break;
        }
        let down = world.hear(weather.pass(said, &mut dice)).await;
        for (terminal, message) in weather.pass(down, &mut dice) {
            if let Down::Ack(Ack { up_to, .. }) = message {
                let known = acknowledged.entry(terminal).or_default();
                *known = up_to.max(*known);
            }
        }
        if dice.chance(20) {
            world.restart_controller().await;
        }
    }
    registered(&world, &orders).await
}

/// Applies everything to the registry in any order and as often as it comes, as if no report had
/// a place.
async fn out_of_all_order(streams: &[Vec<Word>], order: &[Index], at_once: usize) -> Registered {
    let (world, orders) = world().await;
    let mut all = Vec::new();
    for (number, words) in (1..).zip(streams) {
        let terminal = id(number);
        for record in records(number, orders[&terminal], words) {
            let report = match record.body {
                Body::Progress(progress) => Report::Progress(progress),
                Body::Telemetry(telemetry) => Report::Telemetry(telemetry),
                Body::Suspicion(suspicion) => Report::Suspicion(suspicion),
                Body::Receipt(signed) => {
                    let read = Envelope::<Receipt>::from_bytes(signed.as_slice()).unwrap();
                    let key = PrivateKey::from_seed(&[number; 32]).public().key_id();
                    let is_own = read.claimed_signers().any(|signer| signer == key);
                    match is_own {
                        true => Report::Receipt { receipt: read.document, signed },
                        false => Report::Unproven {
                            signed,
                            why: "the terminal's key did not sign it".to_owned(),
                        },
                    }
                }
            };
            let saying = Saying::Report { epoch: 1, seq: record.seq, up_to: 0, report };
            all.push(Heard { terminal, at: world.now, saying });
        }
    }
    let mut heard = Vec::new();
    if !all.is_empty() {
        heard.extend(order.iter().map(|at| at.get(&all).clone()));
    }
    heard.extend(all.into_iter().rev());
    for some in heard.chunks(at_once) {
        world.registry.apply(some).await.unwrap();
    }
    registered(&world, &orders).await
}

impl Word {
    fn end(&self) -> Option<&Outcome> {
        if let Self::Finished(outcome) = self { Some(outcome) } else { None }
    }

    fn step(&self) -> Option<(u64, &StepState)> {
        if let Self::Progress(ordinal, state) = self { Some((*ordinal, state)) } else { None }
    }
}

/// What the state should be, said in another way than in the code under test.
fn expected(words: &[Word]) -> State {
    let ends: Vec<_> = words.iter().filter_map(Word::end).collect();
    let is_end = |wanted: fn(&Outcome) -> bool| ends.iter().any(|end| wanted(end));
    if is_end(|end| matches!(end, Outcome::Succeeded { .. })) {
        return State::Succeeded;
    }
    if is_end(|end| matches!(end, Outcome::RolledBack { .. })) {
        return State::RolledBack;
    }
    if is_end(|end| matches!(end, Outcome::Failed { .. })) {
        return State::Failed;
    }
    if is_end(|end| *end == Outcome::Expired) {
        return State::Expired;
    }
    let last_step = words.iter().filter_map(Word::step).max_by_key(|(ordinal, _)| *ordinal);
    match last_step {
        Some((_, StepState::Running)) => State::Working,
        Some(_) => State::Waiting,
        None if words.contains(&Word::Accepted) => State::Accepted,
        None if words.contains(&Word::Refused(Refusal::OtherModel)) => State::Refused,
        None => State::Ordered,
    }
}

/// Whether two words about the same step differ: a broken terminal, of which either may stand.
fn is_torn(words: &[Word]) -> bool {
    let mut seen: BTreeMap<u64, &StepState> = BTreeMap::new();
    let mut steps = words.iter().filter_map(Word::step);
    steps.any(|(ordinal, state)| seen.insert(ordinal, state).is_some_and(|known| known != state))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_stream_of_reports_ends_in_the_same_registry_whatever_the_wire_does(
        streams in streams(),
        seed in any::<u64>(),
        order in prop::collection::vec(any::<Index>(), 0..30),
        at_once in 1_usize..8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fair = in_fair_weather(&streams).await;
            for (number, words) in (1..).zip(&streams) {
                if !is_torn(words) {
                    assert_eq!(fair.standings[&id(number)].state(), expected(words), "{words:?}");
                }
            }
            assert_eq!(in_foul_weather(&streams, seed).await, fair);
            assert_eq!(out_of_all_order(&streams, &order, at_once).await, fair);
        });
    }
}
