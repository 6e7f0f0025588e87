//! A terminal as the controller sees one: it checks what it is told, keeps a ledger and an
//! outbox, and says the truth. How it comes to its outcomes does not matter here.

use std::collections::BTreeMap;

use shared::change::{Change, Verb};
use shared::codec;
use shared::digest::{Digest, Nonce};
use shared::document::order::Stream;
use shared::document::profile::PROFILE_BYTES_MAX;
use shared::document::receipt::{Receipt, Said};
use shared::document::{Batch, Checkpoint, FORMAT, FleetTime, Order, Profile};
use shared::id::{BatchId, FleetId, OrderId, TerminalId};
use shared::limits::REPORTS_IN_FLIGHT_MAX;
use shared::log_tree::{self, Span};
use shared::membership::{Proof, profile_holds};
use shared::message::{
    Ack, Body, Down, Growth, Hello, LogHead, Parcel, Progress, Record, SignedBytes, StepState, Up,
};
use shared::outcome::Outcome;
use shared::owed::SUSPENDED;
use shared::signature::{self, Envelope, KnownKeys, PrivateKey};
use shared::time::{ClockConfidence, UnixTime};

/// How long a job takes, in rounds.
const ROUNDS_OF_A_JOB: u64 = 3;

pub(super) struct Terminal {
    pub(super) id: TerminalId,
    pub(super) fleet: FleetId,
    pub(super) controller: KnownKeys,
    pub(super) key: PrivateKey,
    pub(super) is_on: bool,
    /// Whether it begins what it has accepted: its window is open.
    pub(super) may_begin: bool,
    /// In this round of a job it dies: that is not begun.
    pub(super) dies_in_round: Option<u64>,
    /// What comes of its jobs.
    pub(super) outcome: Outcome,
    /// How often each order was carried out.
    pub(super) carried_out: BTreeMap<OrderId, u32>,
    /// The TID of the newest profile that it got.
    pub(super) bound: Option<String>,
    epoch: u32,
    order_seq: u64,
    ledger_lost: bool,
    jobs: BTreeMap<OrderId, Job>,
    /// With the reason.
    cancelled: BTreeMap<BatchId, String>,
    outbox: BTreeMap<u64, Body>,
    last_seq: u64,
    acknowledged: u64,
    /// Of this connection.
    nonce: u8,
    knows_the_time: bool,
    sent: u64,
    hello_at: Option<UnixTime>,
    /// What it remembers of the controller's log.
    pub(super) log: Option<LogHead>,
}

/// An accepted order.
struct Job {
    batch: Batch,
    rounds: u64,
    answers: Vec<SignedBytes>,
    is_over: bool,
}

impl Terminal {
    pub(super) fn new(
        id: TerminalId,
        fleet: FleetId,
        controller: KnownKeys,
        key: PrivateKey,
    ) -> Self {
        Self {
            id,
            fleet,
            controller,
            key,
            is_on: true,
            may_begin: true,
            dies_in_round: None,
            outcome: Outcome::Succeeded { now: "2".to_owned() },
            carried_out: BTreeMap::new(),
            bound: None,
            epoch: 1,
            order_seq: 0,
            ledger_lost: false,
            jobs: BTreeMap::new(),
            cancelled: BTreeMap::new(),
            outbox: BTreeMap::new(),
            last_seq: 0,
            acknowledged: 0,
            nonce: 0,
            knows_the_time: false,
            sent: 0,
            hello_at: None,
            log: None,
        }
    }

    /// The connection broke, or begins: nothing of the old one counts.
    pub(super) fn reconnect(&mut self) {
        self.nonce = self.nonce.wrapping_add(1);
        (self.knows_the_time, self.hello_at) = (false, None);
        self.sent = self.acknowledged;
    }

    /// Its store is gone, but for the numbers.
    pub(super) fn lose_ledger(&mut self) {
        self.ledger_lost = true;
        self.jobs.clear();
        self.cancelled.clear();
        self.outbox.clear();
        self.acknowledged = self.last_seq;
        self.reconnect();
    }

    /// It was enrolled again, on an empty disk.
    pub(super) fn set_up_anew(&mut self, epoch: u32) {
        let key = PrivateKey::from_seed(&[self.nonce, 77, 1].repeat(11)[..32].try_into().unwrap());
        let anew = Self::new(self.id, self.fleet, self.controller.clone(), key);
        let carried_out = std::mem::take(&mut self.carried_out);
        *self = Self { epoch, carried_out, ..anew };
    }

    pub(super) fn hear(&mut self, message: Down, now: UnixTime) {
        match message {
            Down::FleetTime(signed) => self.hear_time(&signed),
            Down::Rosters(_) => {}
            Down::Order(parcel) => self.hear_order(&parcel, now),
            Down::Checkpoint(growth) => self.hear_checkpoint(&growth),
            Down::Ack(Ack { epoch, up_to }) => {
                if epoch == self.epoch && up_to > self.acknowledged {
                    assert!(up_to <= self.last_seq, "nobody can have what was never sent");
                    self.acknowledged = up_to;
                    self.outbox = self.outbox.split_off(&(up_to + 1));
                }
            }
        }
    }

    fn hear_time(&mut self, signed: &SignedBytes) {
        let time = signature::open::<FleetTime>(signed.as_slice(), self.fleet, &self.controller)
            .expect("the controller writes what can be read");
        assert!(!time.signed_by.is_empty(), "the controller signs the time");
        let time = time.document;
        assert_eq!(time.terminal, self.id);
        if time.nonce != Nonce([self.nonce; 16]) {
            return;
        }
        self.knows_the_time = true;
        if time.epoch > self.epoch {
            (self.epoch, self.order_seq, self.ledger_lost) = (time.epoch, 0, false);
        }
    }

    fn hear_checkpoint(&mut self, Growth { checkpoint, path }: &Growth) {
        let told =
            signature::open::<Checkpoint>(checkpoint.as_slice(), self.fleet, &self.controller)
                .expect("the controller writes what can be read");
        assert!(!told.signed_by.is_empty(), "the controller signs its log");
        let Checkpoint { size, root, .. } = told.document;
        let before = self.log.map_or((0, Span::root(&[])), |it| (it.size, it.root));
        assert!(log_tree::extends(before, (size, root), path), "it is the same log");
        self.log = Some(LogHead { size, root });
    }

    fn hear_order(&mut self, parcel: &Parcel, now: UnixTime) {
        let keys = &self.controller;
        let order = signature::open::<Order>(parcel.order.as_slice(), self.fleet, keys)
            .expect("the controller writes what can be read");
        let batch = signature::open::<Batch>(parcel.batch.as_slice(), self.fleet, keys)
            .expect("the controller writes what can be read");
        let may_be_by_an_approver_alone = matches!(batch.document.change, Change::Cancel(_));
        assert!(!order.signed_by.is_empty());
        assert!(!batch.signed_by.is_empty() || may_be_by_an_approver_alone);
        let (order, digest, batch) = (order.document, batch.digest, batch.document);
        assert_eq!((order.terminal, order.batch), (self.id, digest));
        assert_eq!(order.not_before, batch.not_before);
        assert!(order.not_before <= now, "it would refuse what it is sent too early");
        let proof = Proof { index: order.index, path: order.path };
        assert!(proof.holds(self.id, batch.terminals, batch.root), "it is a member");
        let life_s_max = batch.change.lifetime_s_max();
        let life_s = batch.not_after.since(batch.not_before).as_secs();
        assert!(life_s <= life_s_max, "it lives for {life_s} s");
        self.check_profile(parcel, order.index, &batch);
        if let Some(job) = self.jobs.get(&order.id) {
            // A copy: the answers were lost, and the ledger gives them again.
            let answers = job.answers.clone();
            answers.into_iter().for_each(|answer| self.post(Body::Receipt(answer)));
            return;
        }
        let passes = order.epoch != self.epoch || self.ledger_lost || !self.knows_the_time;
        if passes || order.not_after < now {
            return;
        }
        if order.stream == Stream::Routine {
            self.order_seq = self.order_seq.max(order.seq);
        }
        let job = Job { batch, rounds: 0, answers: vec![], is_over: false };
        self.jobs.insert(order.id, job);
        self.answer(order.id, Said::Accepted, now);
    }

    /// Whoever is to be rebound gets its own profile, and whoever is to be wiped its clearance,
    /// under the root that people signed; nobody else gets one.
    fn check_profile(&mut self, parcel: &Parcel, index: u32, batch: &Batch) {
        let Some(root) = batch.change.enclosed() else {
            assert_eq!(parcel.profile, None);
            return;
        };
        let enclosed = parcel.profile.as_ref().expect("a profile comes with the order");
        let proof = Proof { index, path: enclosed.path.clone() };
        let payload = enclosed.profile.as_slice();
        assert!(profile_holds(payload, &proof, batch.terminals, root));
        let Change::Rebind(rebind) = &batch.change else { return };
        let profile = codec::decode_document::<Profile>(payload, PROFILE_BYTES_MAX);
        let profile = profile.expect("it is in its one form");
        assert_eq!((profile.terminal, &profile.provider), (self.id, &rebind.to));
        assert_eq!(profile.check(), Ok(()));
        self.bound = Some(profile.merchant.tid);
    }

    fn answer(&mut self, order: OrderId, said: Said, now: UnixTime) {
        let mut receipt = Envelope::unsigned(Receipt {
            format: FORMAT,
            terminal: self.id,
            epoch: self.epoch,
            order,
            said,
            at: now,
            clock: ClockConfidence::Attested,
        });
        receipt.sign(self.fleet, &self.key);
        let signed = SignedBytes::new(receipt.to_bytes());
        self.jobs.get_mut(&order).expect("it was accepted").answers.push(signed.clone());
        self.post(Body::Receipt(signed));
    }

    fn post(&mut self, body: Body) {
        self.last_seq += 1;
        self.outbox.insert(self.last_seq, body);
    }

    /// One round of work on every job.
    pub(super) fn work(&mut self, now: UnixTime) {
        let open: Vec<_> =
            self.jobs.iter().filter(|(_, job)| !job.is_over).map(|(id, _)| *id).collect();
        for id in open {
            let job = self.jobs.get_mut(&id).expect("it is there");
            job.rounds += 1;
            let (rounds, batch) = (job.rounds, job.batch.clone());
            match batch.change {
                Change::Cancel(cancel) => {
                    self.cancelled.insert(cancel.batch, cancel.reason);
                    self.finish(id, Outcome::Succeeded { now: String::new() }, now);
                }
                Change::Ping(_)
                | Change::Backup(_)
                | Change::Drill(_)
                | Change::Upgrade(_)
                | Change::Restore(_)
                | Change::Rebind(_)
                | Change::Suspend(_)
                | Change::Resume(_)
                | Change::Decommission(_) => self.go_on_with(id, rounds, batch.id, now),
            }
        }
    }

    fn go_on_with(&mut self, id: OrderId, rounds: u64, batch: BatchId, now: UnixTime) {
        if self.dies_in_round == Some(rounds) {
            self.jobs.get_mut(&id).expect("it is there").rounds -= 1;
            (self.is_on, self.dies_in_round) = (false, None);
            return;
        }
        let cancelled = self.cancelled.get(&batch).filter(|_| rounds == 1);
        if let Some(reason) = cancelled.cloned() {
            self.finish(id, Outcome::Cancelled { reason }, now);
        } else if rounds == 1 && !self.may_begin {
            self.jobs.get_mut(&id).expect("it is there").rounds = 0;
        } else if rounds == ROUNDS_OF_A_JOB {
            *self.carried_out.entry(id).or_default() += 1;
            self.finish(id, self.outcome.clone(), now);
        } else {
            self.post(Body::Progress(Progress {
                order: id,
                ordinal: rounds,
                step: if rounds == 1 { "fetch" } else { "hold" }.to_owned(),
                state: StepState::Running,
                at: now,
                bytes_done: Some(rounds),
                bytes_total: Some(ROUNDS_OF_A_JOB),
            }));
        }
    }

    fn finish(&mut self, id: OrderId, outcome: Outcome, now: UnixTime) {
        let job = self.jobs.get_mut(&id).expect("it is there");
        job.is_over = true;
        let verb = job.batch.change.verb();
        let evidence = super::replacing::evidence(verb);
        let outcome = match (outcome, verb) {
            (Outcome::Succeeded { .. }, Verb::Suspend) => {
                Outcome::Succeeded { now: SUSPENDED.to_owned() }
            }
            (other, _) => other,
        };
        self.answer(id, Said::Finished { outcome, evidence }, now);
    }

    /// What it sends now: a hello when it is time, and what was not acknowledged, again and again.
    pub(super) fn say(&mut self, now: UnixTime) -> Vec<Up> {
        let mut said = Vec::new();
        if self.hello_at.is_none_or(|at| at <= now) {
            self.hello_at = Some(UnixTime(now.0 + 900));
            said.push(Up::Hello(self.hello()));
        }
        let mut previous = self.acknowledged;
        for (seq, body) in self.outbox.iter().take(REPORTS_IN_FLIGHT_MAX) {
            let (epoch, seq, body) = (self.epoch, *seq, body.clone());
            said.push(Up::Record(Record { epoch, seq, previous, body }));
            previous = seq;
        }
        said
    }

    pub(super) fn hello(&self) -> Hello {
        Hello {
            challenge: Some(Digest::of(self.id.as_bytes())),
            boot_nonce: Nonce([self.nonce; 16]),
            epoch: self.epoch,
            order_seq: self.order_seq,
            ledger: Digest::of(b"ledger"),
            outbox_depth: self.outbox.len() as u64,
            outbox_acknowledged: self.acknowledged,
            outbox_dropped: 0,
            roster_version: 0,
            agent_version: "0.1.0".to_owned(),
            components: vec![],
            zone: "Europe/Berlin".to_owned(),
            ledger_lost: self.ledger_lost,
            working_on: None,
            recipient: None,
            log: self.log,
            locked: None,
            stands: None,
        }
    }
}
