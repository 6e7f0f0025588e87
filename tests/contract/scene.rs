//! One terminal that knows its fleet, and an upgrade for it in which every signature counts: the
//! roster asks for an approver besides the controller, and two of three release keys.

use std::collections::BTreeMap;

use agent::clock::Reading;
use agent::journal::facts::Standing;
use agent::journal::ledger::Ledger;
use agent::order::{self, Admitted, Known, Refused, ReplayState};
use agent::roster::Trust;
use harness::keys::{Ceremony, NOW, payload_digest, terminal};
use shared::change::{Change, Ping, Upgrade, Verb};
use shared::digest::Digest;
use shared::document::{Batch, Order, Release};
use shared::floor::{Requirement, Signers};
use shared::id::TerminalId;
use shared::membership::Membership;
use shared::message::{Component, Parcel};
use shared::time::ClockConfidence;

pub(crate) struct Scene {
    pub(crate) ceremony: Ceremony,
    pub(crate) trust: Trust,
    pub(crate) terminal: TerminalId,
    pub(crate) members: Membership,
    pub(crate) time: Reading,
    pub(crate) replay: ReplayState,
    pub(crate) installed: Vec<Component>,
    pub(crate) counter_floors: BTreeMap<String, u64>,
    pub(crate) standing: Standing,
    /// What the terminal has told of itself.
    pub(crate) challenge: Digest,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::where_people_approve(Verb::Upgrade)
    }

    /// Where the roster asks for an approver besides the controller for this verb.
    pub(crate) fn where_people_approve(verb: Verb) -> Self {
        let mut ceremony = Ceremony::of(1);
        let asked = Requirement { signers: Signers::Controller, approvers: 1 };
        ceremony.roster.requirements.insert(verb, asked);
        Self::of(ceremony)
    }

    /// The third of five members, at [`NOW`], with counter 5 running and nothing accepted yet.
    pub(crate) fn of(ceremony: Ceremony) -> Self {
        let trust =
            Trust::pinned(ceremony.fleet, ceremony.roster_digest(), &ceremony.signed_roster());
        let confidence = ClockConfidence::Attested;
        Self {
            trust: trust.expect("the ceremony's roster is sound"),
            terminal: terminal(2),
            members: Membership::of((0..5).map(terminal)),
            time: Reading { floor: NOW, proven: NOW, confidence, wall: NOW, stale: false },
            replay: ReplayState::new(1),
            installed: vec![Component {
                name: "pos".to_owned(),
                version: "1".to_owned(),
                security_counter: 5,
            }],
            counter_floors: BTreeMap::from([("pos".to_owned(), 4)]),
            standing: Standing::InService,
            challenge: Digest::of(b"challenge"),
            ceremony,
        }
    }

    pub(crate) fn check(&self, parcel: &Parcel) -> Result<Admitted, Refused> {
        let known = Known {
            terminal: self.terminal,
            model: "T100",
            trust: &self.trust,
            time: self.time,
            replay: &self.replay,
            ledger: &Ledger::default(),
            installed: &self.installed,
            counter_floors: &self.counter_floors,
            standing: self.standing,
            challenge: self.challenge,
        };
        order::check(parcel, &known)
    }

    /// An upgrade that is in order.
    pub(crate) fn papers(&self) -> Papers {
        let release = Ceremony::pos_release("2", 6);
        let upgrade =
            Upgrade { release: payload_digest(&release), window: None, backup_within_s: None };
        let batch = Ceremony::batch(1, Change::Upgrade(upgrade), &self.members);
        let order = Ceremony::order(1, self.terminal, &batch, &self.members);
        Papers { release, batch, order }
    }

    /// The papers with exactly the signatures that they need.
    pub(crate) fn signed(&self, papers: &Papers) -> Parcel {
        let Ceremony { controller, approver, release, .. } = &self.ceremony;
        Parcel {
            order: self.ceremony.sign(papers.order.clone(), &[controller]),
            batch: self.ceremony.sign(papers.batch.clone(), &[controller, &approver[0]]),
            release: Some(self.ceremony.sign(papers.release.clone(), &[&release[0], &release[1]])),
            profile: None,
        }
    }

    pub(crate) fn parcel(&self) -> Parcel {
        self.signed(&self.papers())
    }

    /// An order and a batch, and nothing else: the controller and one approver signed the batch.
    pub(crate) fn approved_ping(&self) -> Parcel {
        let Ceremony { controller, approver, .. } = &self.ceremony;
        let change = Change::Ping(Ping { note: "are you there?".to_owned() });
        let batch = Ceremony::batch(1, change, &self.members);
        let order = Ceremony::order(1, self.terminal, &batch, &self.members);
        Parcel {
            order: self.ceremony.sign(order, &[controller]),
            batch: self.ceremony.sign(batch, &[controller, &approver[0]]),
            release: None,
            profile: None,
        }
    }
}

/// What an upgrade consists of, before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Papers {
    pub(crate) release: Release,
    pub(crate) batch: Batch,
    pub(crate) order: Order,
}

impl Papers {
    /// With the batch naming this release, and the order this batch.
    pub(crate) fn linked(mut self) -> Self {
        if let Change::Upgrade(upgrade) = &mut self.batch.change {
            upgrade.release = payload_digest(&self.release);
        }
        self.order.batch = payload_digest(&self.batch);
        self
    }
}
