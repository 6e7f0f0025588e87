//! A controller that owes orders until it hears `Accepted`, and acknowledges what it has.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use harness::keys::{Ceremony, NOW};
use shared::digest::{Digest, PublicKey};
use shared::document::receipt::Said;
use shared::document::{FORMAT, FleetTime, Receipt};
use shared::id::{OrderId, TerminalId};
use shared::message::{Ack, Body, Down, Hello, Parcel, Record, SignedBytes, Up};
use shared::outcome::Outcome;
use shared::signature::{self, KnownKeys};
use shared::time::UnixTime;

/// What is needed to sign for a fleet; the same in every run.
pub(crate) struct Office {
    pub(crate) ceremony: Ceremony,
    pub(crate) terminal: TerminalId,
    pub(crate) terminal_key: PublicKey,
}

/// From the receipt of a suspension until the provider has struck the terminal off its books.
const DEREGISTERED_WITHIN: Duration = Duration::from_secs(90);

#[derive(Clone)]
pub(crate) struct Controller {
    office: Rc<Office>,
    epoch: u32,
    orders: BTreeMap<OrderId, Owed>,
    /// Everything up to here is durable here.
    have: u64,
    early: BTreeMap<u64, Record>,
    pub(crate) suspicions: usize,
    /// Whoever is wiped is deregistered after this suspension, and when that is so.
    deregisters_after: Option<OrderId>,
    deregistered_at: Option<Duration>,
    /// What hellos said of the lease, from the first one on that was locked: for how long.
    pub(crate) locked: Vec<Option<u64>>,
    pub(crate) breaches: Vec<String>,
}

#[derive(Clone)]
struct Owed {
    /// The same order in each epoch that may be needed.
    parcels: Rc<Vec<Parcel>>,
    sent_from: Duration,
    /// It is owed once this one is over.
    after: Option<OrderId>,
    /// And once the terminal is deregistered.
    is_wipe: bool,
    accepted: bool,
    finals: BTreeSet<Digest>,
    outcome: Option<Outcome>,
    refused: Option<String>,
}

impl Controller {
    pub(crate) fn new(office: Rc<Office>) -> Self {
        let orders = BTreeMap::new();
        Self {
            office,
            epoch: 1,
            orders,
            have: 0,
            early: BTreeMap::new(),
            suspicions: 0,
            deregisters_after: None,
            deregistered_at: None,
            locked: Vec::new(),
            breaches: Vec::new(),
        }
    }

    /// Owes this order from that moment on. `parcels` has it for the first epoch, the second, ….
    pub(crate) fn owe(&mut self, id: OrderId, parcels: Rc<Vec<Parcel>>, sent_from: Duration) {
        let owed = Owed {
            parcels,
            sent_from,
            after: None,
            is_wipe: false,
            accepted: false,
            finals: BTreeSet::new(),
            outcome: None,
            refused: None,
        };
        self.orders.insert(id, owed);
    }

    /// Owes this order once that one is over.
    pub(crate) fn owe_after(&mut self, first: OrderId, id: OrderId, parcels: Rc<Vec<Parcel>>) {
        self.owe(id, parcels, Duration::ZERO);
        if let Some(owed) = self.orders.get_mut(&id) {
            owed.after = Some(first);
        }
    }

    /// Owes this wipe once the suspension is over and the terminal deregistered; if nobody is
    /// deregistered, which is a bug, as though it were.
    pub(crate) fn owe_wipe(
        &mut self,
        suspension: OrderId,
        id: OrderId,
        parcels: Rc<Vec<Parcel>>,
        deregisters: bool,
    ) {
        self.owe_after(suspension, id, parcels);
        self.deregisters_after = deregisters.then_some(suspension);
        if let Some(owed) = self.orders.get_mut(&id) {
            owed.is_wipe = deregisters;
        }
    }

    pub(crate) fn is_deregistered(&self, now: Duration) -> bool {
        self.deregistered_at.is_some_and(|at| at <= now)
    }

    /// When an order is due that was not sent before.
    pub(crate) fn next_order_at(&self, after: Duration) -> Option<Duration> {
        let sent_from = self.orders.values().map(|owed| owed.sent_from);
        sent_from.chain(self.deregistered_at).filter(|at| *at > after).min()
    }

    pub(crate) fn due_orders(&self, now: Duration) -> Vec<Down> {
        let open = |owed: &&Owed| !owed.accepted && owed.refused.is_none();
        let follows = |owed: &&Owed| owed.after.is_none_or(|first| self.outcome(first).is_some());
        let due = self.orders.values().filter(open).filter(follows);
        let due = due.filter(|owed| owed.sent_from <= now);
        let due = due.filter(|owed| !owed.is_wipe || self.is_deregistered(now));
        let parcel = |owed: &Owed| owed.parcels.get(self.epoch as usize - 1).cloned();
        due.filter_map(parcel).map(Down::Order).collect()
    }

    pub(crate) fn is_content(&self, now: Duration) -> bool {
        let due = self.orders.values().filter(|owed| owed.sent_from <= now);
        due.clone().count() == self.orders.len()
            && self.orders.values().all(|owed| owed.outcome.is_some() || owed.refused.is_some())
    }

    /// Everything up to here is durable here.
    pub(crate) fn have(&self) -> u64 {
        self.have
    }

    pub(crate) fn outcome(&self, order: OrderId) -> Option<&Outcome> {
        self.orders.get(&order).and_then(|owed| owed.outcome.as_ref())
    }

    pub(crate) fn finals(&self, order: OrderId) -> usize {
        self.orders.get(&order).map_or(0, |owed| owed.finals.len())
    }

    pub(crate) fn hear(&mut self, message: Up, now: Duration) -> Vec<Down> {
        match message {
            Up::Hello(hello) => self.answer(&hello, now),
            Up::Record(record) => {
                let epoch = record.epoch;
                self.early.insert(record.seq, record);
                let owed = self.due_orders(now).len();
                self.take_in_order(now);
                let mut answers = vec![Down::Ack(Ack { epoch, up_to: self.have })];
                // What followed on this word is sent at once.
                let due = self.due_orders(now);
                answers.extend(due.into_iter().skip(owed));
                answers
            }
            Up::Gone => Vec::new(),
        }
    }

    fn answer(&mut self, hello: &Hello, now: Duration) -> Vec<Down> {
        if hello.ledger_lost {
            self.epoch = self.epoch.max(hello.epoch + 1);
            // What was accepted and not finished is owed anew.
            for owed in self.orders.values_mut().filter(|owed| owed.outcome.is_none()) {
                owed.accepted = false;
            }
        }
        if hello.locked.is_some() || !self.locked.is_empty() {
            self.locked.push(hello.locked.as_ref().map(|it| it.for_s));
        }
        self.have = self.have.max(hello.outbox_acknowledged);
        self.take_in_order(now);
        let time = FleetTime {
            format: FORMAT,
            terminal: self.office.terminal,
            nonce: hello.boot_nonce,
            at: UnixTime(NOW.0 + i64::try_from(now.as_secs()).unwrap_or(i64::MAX)),
            roster_version: 1,
            epoch: self.epoch,
            broker: crate::machine::BROKER.to_owned(),
        };
        let key = &self.office.ceremony.controller;
        let mut answers = vec![Down::FleetTime(self.office.ceremony.sign(time, &[key]))];
        answers.extend(self.due_orders(now));
        answers
    }

    /// Applies what follows without a gap on what is here.
    fn take_in_order(&mut self, now: Duration) {
        self.early = self.early.split_off(&(self.have + 1));
        while let Some((seq, record)) = self.early.pop_first() {
            if record.previous > self.have {
                self.early.insert(seq, record);
                return;
            }
            self.have = seq;
            match &record.body {
                Body::Receipt(signed) => self.file(signed, now),
                Body::Suspicion(_) => self.suspicions += 1,
                Body::Progress(_) | Body::Telemetry(_) => {}
            }
        }
    }

    fn file(&mut self, signed: &SignedBytes, now: Duration) {
        let keys = KnownKeys::of_terminal(self.office.terminal_key);
        let opened =
            signature::open::<Receipt>(signed.as_slice(), self.office.ceremony.fleet, &keys);
        let receipt = match opened {
            Ok(opened) if opened.signed_by.has(self.office.terminal_key) => opened.document,
            Ok(_) | Err(_) => return self.breaches.push("a receipt is not signed".to_owned()),
        };
        let Some(owed) = self.orders.get_mut(&receipt.order) else {
            return self.breaches.push("a receipt is for an order that nobody gave".to_owned());
        };
        match receipt.said {
            Said::Accepted => owed.accepted = true,
            Said::Refused { refusal, detail } => {
                owed.refused = Some(format!("{refusal:?}: {detail}"));
            }
            Said::Finished { outcome, .. } => {
                let suspended = matches!(outcome, Outcome::Succeeded { .. });
                if suspended && self.deregisters_after == Some(receipt.order) {
                    self.deregistered_at.get_or_insert(now + DEREGISTERED_WITHIN);
                }
                owed.accepted = true;
                owed.finals.insert(Digest::of(signed.as_slice()));
                owed.outcome = Some(outcome);
            }
        }
    }

    pub(crate) fn refusal(&self, order: OrderId) -> Option<&str> {
        self.orders.get(&order).and_then(|owed| owed.refused.as_deref())
    }
}
