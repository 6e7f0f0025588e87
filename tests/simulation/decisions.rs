//! What the core makes of single messages: accepting, refusing, waiting for a turn, and what it
//! says to whom.

mod accepting;
mod going_first;
mod locking;
mod refusing;
mod remembering;
mod standing_still;
mod suspecting;
mod taking_turns;

use std::time::Duration;

use agent::decide::effect::{Decision, Effect, Post, Write};
use agent::decide::input::{Input, Now};
use agent::decide::{Core, Profile};
use agent::job::deactivate::DeactivateAction;
use agent::job::{Action, DataAction, Finding, Proof, Reply, Task};
use agent::lease::Errand;
use agent::maintenance::Work;
use agent::roster::Trust;
use harness::keys::{Ceremony, NOW, terminal};
use jiff::tz::TimeZone;
use shared::digest::{Digest, Nonce};
use shared::document::receipt::Said;
use shared::document::{FORMAT, FleetTime, Order, Receipt};
use shared::id::OrderId;
use shared::membership::Membership;
use shared::message::{Ack, Down, Hello, Parcel, Progress};
use shared::outcome::{Outcome, Refusal};
use shared::owed::SUSPENDED;
use shared::signature::{Envelope, PrivateKey};
use shared::time::UnixTime;

use crate::disk::Disk;
use crate::hands::saved;
use crate::machine::BROKER;

/// A core with a disk, whose shell is the test.
struct Desk {
    ceremony: Ceremony,
    core: Core,
    disk: Disk,
    uptime: Duration,
    /// The newest decision.
    last: Decision,
    /// Everything that was asked of the shell and not taken by the test.
    asked: Vec<Task>,
    hello: Option<Hello>,
    /// What a wipe must name, as the terminal told it last.
    challenge: Option<Digest>,
    /// Every receipt since the test began.
    receipted: Vec<Receipt>,
    /// How often the shell was told that this terminal is over.
    stepped_down: usize,
    lease: Option<Duration>,
    /// What it was told when it enrolled: by which order it is suspended.
    suspended_by: Option<OrderId>,
    /// In which it has enrolled last.
    epoch: u32,
    /// Errands of the lease that were not answered.
    errands: Vec<Errand>,
}

impl Desk {
    /// Just started.
    fn new() -> Self {
        Self::with_lease(None)
    }

    fn with_lease(lease: Option<Duration>) -> Self {
        let ceremony = Ceremony::of(1);
        let uptime = Duration::from_secs(10);
        let disk = Disk::new();
        let core = restored(&ceremony, &disk, uptime, lease, None, 1);
        let mut desk = Self {
            ceremony,
            core,
            disk,
            uptime,
            last: Decision::default(),
            asked: Vec::new(),
            hello: None,
            challenge: None,
            receipted: Vec::new(),
            stepped_down: 0,
            lease,
            suspended_by: None,
            epoch: 1,
            errands: Vec::new(),
        };
        desk.give(Input::Started);
        desk
    }

    /// Connected, and told the time.
    fn connected() -> Self {
        let mut desk = Self::new();
        desk.connect();
        desk.tell_time(1);
        desk
    }

    fn connect(&mut self) {
        self.uptime += Duration::from_secs(2);
        self.give(Input::TimerFired);
        assert!(self.last.effects.contains(&Effect::Connect { broker: BROKER.to_owned() }));
        self.give(Input::Connected);
    }

    /// The controller answers the newest hello.
    fn tell_time(&mut self, epoch: u32) {
        self.uptime += Duration::from_secs(1);
        let nonce = self.hello.as_ref().expect("a hello was said").boot_nonce;
        self.tell_time_for(nonce, epoch);
    }

    fn tell_time_for(&mut self, nonce: Nonce, epoch: u32) {
        self.tell_time_and_roster(nonce, epoch, 1);
    }

    fn tell_time_and_roster(&mut self, nonce: Nonce, epoch: u32, roster_version: u64) {
        let seconds = i64::try_from(self.uptime.as_secs()).expect("a test is short");
        let time = FleetTime {
            format: FORMAT,
            terminal: terminal(1),
            nonce,
            at: UnixTime(NOW.0 + seconds),
            roster_version,
            epoch,
            broker: BROKER.to_owned(),
        };
        let signed = self.ceremony.sign(time, &[&self.ceremony.controller]);
        self.give(Input::Received(Down::FleetTime(signed)));
    }

    fn give(&mut self, input: Input) {
        let now = Now { uptime: self.uptime, rtc: NOW.plus(self.uptime) };
        let decision = self.core.decide(input, now);
        let key = PrivateKey::from_seed(&[7; 32]);
        self.disk.commit(decision.writes.clone(), self.ceremony.fleet, &key);
        for effect in &decision.effects {
            match effect {
                Effect::Act(task) => self.asked.push(task.clone()),
                Effect::SayHello(hello) => {
                    self.hello = Some(hello.clone());
                    self.challenge = hello.challenge.or(self.challenge);
                }
                Effect::StepDown => self.stepped_down += 1,
                Effect::KeepLease(errand) => self.errands.push(*errand),
                Effect::StopAct(ticket) => self.asked.retain(|task| task.ticket != *ticket),
                Effect::Connect { .. }
                | Effect::Disconnect
                | Effect::LocateBroker
                | Effect::SayGone
                | Effect::SendRecords(_) => {}
            }
        }
        self.last = decision;
        let receipts: Vec<_> = self.receipts().cloned().collect();
        self.receipted.extend(receipts);
    }

    /// Time passes; nothing else happens.
    fn pass(&mut self, seconds: u64) {
        self.uptime += Duration::from_secs(seconds);
        self.give(Input::TimerFired);
    }

    /// How the order ended, if it has.
    fn outcome(&self, parcel: &Parcel) -> Option<&Outcome> {
        let order = id_of(parcel);
        let own = self.receipted.iter().filter(|receipt| receipt.order == order);
        own.filter_map(|receipt| finished(&receipt.said)).next_back()
    }

    fn order(&mut self, parcel: &Parcel) {
        self.give(Input::Received(Down::Order(parcel.clone())));
    }

    /// The shell tells how the outbox stands.
    fn tell_store(&mut self) {
        self.give(Input::Store(self.disk.state()));
    }

    /// The controller has everything that was posted.
    fn acknowledge_everything(&mut self) {
        let records = self.disk.outbox_after(1, 0, usize::MAX);
        let seqs: Vec<_> = records.iter().map(|record| record.seq).collect();
        let Some(up_to) = seqs.last().copied() else { return };
        self.give(Input::RecordsSent { seqs });
        self.give(Input::Received(Down::Ack(Ack { epoch: 1, up_to })));
        self.tell_store();
    }

    /// Answers the oldest request.
    fn reply(&mut self, reply: Reply) {
        let ticket = self.asked.remove(0).ticket;
        self.give(Input::ActionDone { ticket, reply });
    }

    /// Does what is asked until all jobs are over; says whose jobs they were.
    fn work(&mut self) -> Vec<OrderId> {
        let mut orders = Vec::new();
        while let Some(task) = self.asked.first() {
            orders.push(task.order);
            let version = established(task.action);
            let reply = match task.action == Action::AskTill {
                true => Reply::Till { work: Work::Free, detail: String::new() },
                false => Reply::Done(Proof { version, findings: findings(task.action) }),
            };
            self.reply(reply);
            if self.asked.is_empty() && !self.disk.journal_is_empty() {
                self.tell_time(1);
            }
        }
        orders.dedup();
        orders
    }

    /// The agent starts again with what is on the disk.
    fn restart(&mut self) {
        let Self { ceremony, disk, uptime, lease, suspended_by, epoch, .. } = self;
        self.core = restored(ceremony, disk, *uptime, *lease, *suspended_by, *epoch);
        self.asked.clear();
        self.errands.clear();
        self.give(Input::Started);
    }

    fn acting(&self) -> Option<Action> {
        self.asked.first().map(|task| task.action)
    }

    fn upgrade(&self, seq: u64) -> Parcel {
        let release = Ceremony::pos_release("2.0.0", 2);
        self.ceremony.upgrade(seq, terminal(1), &release, &members())
    }

    /// The same parcel with an order that says more.
    fn narrowed(&self, parcel: Parcel, narrow: impl FnOnce(&mut Order)) -> Parcel {
        let envelope = Envelope::<Order>::from_bytes(parcel.order.as_slice());
        let mut order = envelope.expect("a test's own order").document;
        narrow(&mut order);
        Parcel { order: self.ceremony.sign(order, &[&self.ceremony.controller]), ..parcel }
    }

    fn said(&self) -> Vec<Said> {
        self.receipts().map(|receipt| receipt.said.clone()).collect()
    }

    /// The receipts of the newest decision.
    fn receipts(&self) -> impl Iterator<Item = &Receipt> {
        self.last.writes.iter().filter_map(|write| {
            let Write::Post(Post::Receipt(receipt)) = write else { return None };
            Some(receipt)
        })
    }

    fn progress(&self) -> Vec<Progress> {
        let progress = self.last.writes.iter().filter_map(|write| {
            let Write::Post(Post::Progress(progress)) = write else { return None };
            Some(progress.clone())
        });
        progress.collect()
    }
}

fn restored(
    ceremony: &Ceremony,
    disk: &Disk,
    uptime: Duration,
    lease: Option<Duration>,
    suspended_by: Option<OrderId>,
    epoch: u32,
) -> Core {
    let signed = ceremony.signed_roster();
    let trust = Trust::pinned(ceremony.fleet, ceremony.roster_digest(), &signed);
    let profile = Profile {
        terminal: terminal(1),
        epoch,
        model: "T100".to_owned(),
        zone: TimeZone::UTC,
        agent_version: "0.1.0".to_owned(),
        broker: BROKER.to_owned(),
        trust: trust.expect("the ceremony's roster is good"),
        recipient: None,
        suspended_by,
        challenge_seed: Digest([6; 32]),
        lease,
        boot: Digest([1; 32]),
        nonce_seed: Nonce([3; 16]),
        jitter_seed: 5,
    };
    let now = Now { uptime, rtc: NOW.plus(uptime) };
    Core::restore(profile, disk.stored(), now)
}

fn members() -> Membership {
    Membership::of([terminal(1), terminal(2)])
}

fn finished(said: &Said) -> Option<&Outcome> {
    match said {
        Said::Finished { outcome, .. } => Some(outcome),
        Said::Accepted | Said::Refused { .. } => None,
    }
}

fn refused(said: &Said) -> Option<Refusal> {
    match said {
        Said::Refused { refusal, .. } => Some(*refusal),
        Said::Accepted | Said::Finished { .. } => None,
    }
}

fn id_of(parcel: &Parcel) -> OrderId {
    crate::world::id_of(parcel)
}

fn findings(action: Action) -> Vec<Finding> {
    if action == Action::Data(DataAction::Save) { vec![saved()] } else { Vec::new() }
}

/// What an action that succeeds says that is so now.
fn established(action: Action) -> Option<String> {
    let confirms = action == Action::Deactivate(DeactivateAction::ConfirmStopped);
    let is_now = match action == Action::ProveHealth {
        true => Some("2.0.0"),
        false => confirms.then_some(SUSPENDED),
    };
    is_now.map(str::to_owned)
}
