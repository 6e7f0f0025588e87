//! The shell of the simulation: the real core, run on the world, interruptible everywhere.

use std::collections::BTreeMap;
use std::time::Duration;

use agent::decide::Core;
use agent::decide::effect::{Decision, Effect, Post, Write};
use agent::decide::input::{Input, Now};
use agent::job::{Action, Tables, Task, Ticket};
use agent::lease::{Errand, What};
use harness::keys::NOW;
use shared::document::receipt::Said;
use shared::message::{Component, Down, Up};
use shared::outcome::Outcome;
use shared::owed::SUSPENDED_OWING;

use crate::hands::changes_something;
use crate::network::Parcelled;
use crate::scenario::{Release, Trouble};
use crate::slots::Version;
use crate::world::World;

pub(crate) const BROKER: &str = "broker.test:8883";

/// The machine's clock of time awake does not begin at zero.
const UPTIME_AT_START: Duration = Duration::from_secs(10);

/// A run that is not over by then never will be.
const PATIENCE: Duration = Duration::from_secs(30 * 3600);

/// Events without any time passing: more is a loop.
const EVENTS_AT_ONCE_MAX: u32 = 2_000;

/// Much longer than a job takes.
pub(crate) const CONTROLLER_GONE: Duration = Duration::from_secs(4 * 3600);

/// How long the shop is watched after everything is over.
const AFTERMATH: Duration = Duration::from_secs(300);

#[derive(Debug)]
enum Event {
    Input(Input),
    Perform { task: Task, since: Duration },
    KeepLease(Errand),
}

/// Where a run could be interrupted, told at every point at which something has changed that
/// outlives the agent.
pub(crate) type OnCut<'a> = &'a mut dyn FnMut(&World, Place);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The controller has something that the terminal does not know of yet.
    BeforeCommit,
    AfterCommit,
    /// After a commit that only lets go of records which the controller has.
    AfterAcknowledgement,
    BeforeAction(Action),
    AfterAction(Action),
    BeforeLease(What),
    AfterLease(What),
}

impl Place {
    /// Whether the job has come further on the terminal since the last place.
    pub(crate) fn is_progress(self) -> bool {
        match self {
            Self::AfterCommit
            | Self::BeforeAction(_)
            | Self::AfterAction(_)
            | Self::BeforeLease(_)
            | Self::AfterLease(_) => true,
            Self::BeforeCommit | Self::AfterAcknowledgement => false,
        }
    }
}

pub(crate) struct Machine<'a> {
    core: Core,
    pub(crate) world: World,
    events: BTreeMap<(Duration, u64), Event>,
    events_ever: u64,
    on_cut: OnCut<'a>,
    /// What has changed that outlives the agent, when the last cut was offered.
    offered: Option<(u64, u64)>,
}

/// Lets an agent with these tables run on the world until everything is over, or nothing is
/// going to happen any more.
pub(crate) fn run(world: World, tables: Tables, on_cut: OnCut<'_>) -> World {
    let mut machine = Machine::start(world, tables, on_cut);
    let started_at = machine.world.now;
    while !machine.is_over() {
        if machine.world.now > started_at + PATIENCE {
            machine.world.breaches.push("the job never ended".to_owned());
            break;
        }
        machine.step();
    }
    let Machine { core, world, events, events_ever, offered, .. } = machine;
    let over_at = world.now;
    let on_cut = &mut |_: &World, _| {};
    let mut aftermath = Machine { core, world, events, events_ever, on_cut, offered };
    while aftermath.world.now < over_at + AFTERMATH {
        aftermath.step();
    }
    aftermath.world
}

impl<'a> Machine<'a> {
    fn start(mut world: World, tables: Tables, on_cut: OnCut<'a>) -> Self {
        world.starts += 1;
        world.started_at = world.now;
        let now = now(&world);
        let core = Core::restore_with(tables, world.profile(), world.disk.stored(), now);
        let events = BTreeMap::new();
        let mut machine = Self { core, world, events, events_ever: 0, on_cut, offered: None };
        machine.input(Input::Started);
        machine.suspect();
        machine.input(Input::Store(machine.world.disk.state()));
        machine.tell_installed();
        machine
    }

    /// Whoever reports something is heard after every start, again and again.
    fn suspect(&mut self) {
        let Some(at) = self.world.scenario.suspected_at else { return };
        let suspected = Input::Suspected { at: NOW.plus(at), note: "who is that?".to_owned() };
        for again in [Duration::ZERO, Duration::from_secs(60)] {
            let after = (at + again).saturating_sub(self.world.now);
            self.later(after, Event::Input(suspected.clone()));
        }
    }

    fn is_over(&self) -> bool {
        let World { controller, disk, now, .. } = &self.world;
        controller.is_content(*now) && disk.outbox_is_empty() && disk.journal_is_empty()
    }

    /// The next thing that happens.
    fn step(&mut self) {
        let mut at_once = 0;
        let before = self.world.now;
        while self.world.now == before {
            at_once += 1;
            assert!(at_once < EVENTS_AT_ONCE_MAX, "{}: a loop", self.world.scenario.name);
            self.step_once();
        }
    }

    fn step_once(&mut self) {
        let now = self.world.now;
        let event = self.events.first_key_value().map(|((at, _), _)| *at);
        let wake = self
            .core
            .wakes_at()
            .map(|at| self.world.booted_at + at.saturating_sub(UPTIME_AT_START));
        let order = self.world.controller.next_order_at(now);
        let network = self.world.network.next_at();
        let next = [event, network, order, wake].into_iter().flatten().min();
        let next = next.unwrap_or(now + PATIENCE).max(now);
        self.world.now = next;
        self.world.till.advance(next);
        self.world.watch_the_sales();
        self.world.watch_the_lease();
        self.feel_the_line();
        if event.is_some_and(|at| at <= next) {
            if let Some((_, event)) = self.events.pop_first() {
                self.happen(event);
            }
        } else if let Some(message) = self.world.network.arrived(next) {
            self.deliver(message);
        } else if order.is_some_and(|at| at <= next) {
            let orders = self.world.controller.due_orders(next);
            orders.into_iter().for_each(|order| self.send(&Parcelled::Down(order)));
        } else {
            self.input(Input::TimerFired);
        }
    }

    /// A version that breaks the line does so while it runs.
    fn feel_the_line(&mut self) {
        let isolating = self.world.scenario.release == Release::Isolating;
        let gone = self.world.scenario.trouble == Some(Trouble::ControllerGone);
        let since = self.world.switched_at.filter(|_| gone);
        let broken = isolating && self.world.till.running() == Some(Version::New)
            || since.is_some_and(|at| self.world.now < at + CONTROLLER_GONE)
            || self.world.scenario.is_away(self.world.now);
        self.world.network.line = !broken;
        let broke = std::mem::take(&mut self.world.network.broke);
        if (broken || broke) && self.world.network.connected {
            self.disconnect(Duration::ZERO);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Input(Input::Connected) if !self.world.network.line => {
                self.disconnect(Duration::from_secs(5));
            }
            Event::Input(Input::Connected) => {
                self.world.network.connected = true;
                self.input(Input::Connected);
            }
            Event::Input(input) => self.input(input),
            Event::Perform { task, since } => self.perform(task, since),
            Event::KeepLease(errand) => self.keep_lease(errand),
        }
    }

    fn deliver(&mut self, message: Parcelled) {
        match message {
            Parcelled::Down(message) => {
                if matches!(message, Down::FleetTime(_)) {
                    self.world.lease.heard(self.world.now);
                }
                self.input(Input::Received(message));
            }
            Parcelled::Up(message) => {
                let answers = self.world.controller.hear(message, self.world.now);
                answers.into_iter().for_each(|answer| self.send(&Parcelled::Down(answer)));
            }
        }
    }

    fn send(&mut self, message: &Parcelled) {
        self.world.network.send(message, self.world.now);
    }

    fn disconnect(&mut self, after: Duration) {
        self.world.network.disconnect();
        self.later(after, Event::Input(Input::Disconnected { reason: "cut".to_owned() }));
    }

    fn later(&mut self, after: Duration, event: Event) {
        self.events_ever += 1;
        self.events.insert((self.world.now + after, self.events_ever), event);
    }

    fn input(&mut self, input: Input) {
        let before = self.world.disk.state();
        let Decision { writes, effects } = self.core.decide(input, now(&self.world));
        if !writes.is_empty() {
            self.offer_cut(Place::BeforeCommit);
            self.watch_the_end(&writes);
            let only_acknowledges =
                writes.iter().all(|write| matches!(write, Write::Acknowledged { .. }));
            self.world.commit(writes);
            self.offer_cut(match only_acknowledges {
                true => Place::AfterAcknowledgement,
                false => Place::AfterCommit,
            });
        }
        if self.world.disk.state() != before {
            let state = self.world.disk.state();
            self.later(Duration::ZERO, Event::Input(Input::Store(state)));
        }
        effects.into_iter().for_each(|effect| self.begin(effect));
    }

    fn offer_cut(&mut self, place: Place) {
        let changed = (self.world.changes, self.world.controller.have());
        if self.offered != Some(changed) {
            self.offered = Some(changed);
            (self.on_cut)(&self.world, place);
        }
    }

    /// When a job says that it is over, the shop must be open.
    fn watch_the_end(&mut self, writes: &[Write]) {
        let ends = writes.iter().any(|write| {
            let Write::Post(Post::Receipt(receipt)) = write else { return false };
            receipt.order == self.world.upgrade && matches!(receipt.said, Said::Finished { .. })
        });
        let owes = writes.iter().any(|write| {
            let Write::Post(Post::Receipt(receipt)) = write else { return false };
            let Said::Finished { outcome: Outcome::Succeeded { now }, .. } = &receipt.said else {
                return false;
            };
            now == SUSPENDED_OWING
        });
        if owes {
            self.world.watch_what_is_owed();
        }
        let accepted = writes.iter().any(|write| {
            let Write::Post(Post::Receipt(receipt)) = write else { return false };
            Some(receipt.order) == self.world.then && receipt.said == Said::Accepted
        });
        if accepted {
            self.world.wipe_accepted_at = Some(self.world.wall());
        }
        if ends {
            self.world.ended_at = Some(self.world.now);
        }
        let open = self.world.till.is_stopped() || !self.world.till.is_held();
        if ends && self.world.till.running().is_some() && !open {
            self.world.breaches.push("the job is over and trading is still held".to_owned());
        }
    }

    fn begin(&mut self, effect: Effect) {
        match effect {
            Effect::Connect { .. } if self.world.network.line => {
                self.later(Duration::from_millis(300), Event::Input(Input::Connected));
            }
            Effect::Connect { .. } => self.disconnect(Duration::from_secs(5)),
            Effect::Disconnect => self.disconnect(Duration::from_millis(10)),
            Effect::LocateBroker | Effect::SayGone => {}
            Effect::SayHello(hello) => self.send(&Parcelled::Up(Up::Hello(hello))),
            Effect::SendRecords(sending) => {
                let records =
                    self.world.disk.outbox_after(sending.epoch, sending.after, sending.most);
                let seqs = records.iter().map(|record| record.seq).collect();
                let messages = records.into_iter().map(|it| Parcelled::Up(Up::Record(it)));
                messages.for_each(|message| self.send(&message));
                self.later(Duration::ZERO, Event::Input(Input::RecordsSent { seqs }));
            }
            Effect::Act(task) => {
                let since = self.world.now;
                self.later(Duration::from_millis(200), Event::Perform { task, since });
            }
            Effect::StopAct(ticket) => self.stop(ticket),
            Effect::KeepLease(errand) => {
                self.later(Duration::from_millis(200), Event::KeepLease(errand));
            }
            Effect::StepDown => {
                if !self.world.disk.outbox_is_empty() {
                    let breach = "it gave up its identity, and not all was heard";
                    self.world.breaches.push(breach.to_owned());
                }
                self.world.stepped_down = true;
                self.later(Duration::ZERO, Event::Input(Input::Stop));
            }
        }
    }

    fn stop(&mut self, stopped: Ticket) {
        self.events.retain(|_, event| match event {
            Event::Perform { task, .. } => task.ticket != stopped,
            Event::Input(_) | Event::KeepLease(_) => true,
        });
    }

    fn tell_installed(&mut self) {
        let current = self.world.slots.current;
        let security_counter = match current {
            Version::Old => 1,
            Version::New => 2,
        };
        let version = current.name().to_owned();
        let pos = Component { name: "pos".to_owned(), version, security_counter };
        self.input(Input::Installed(vec![pos]));
    }

    fn keep_lease(&mut self, errand: Errand) {
        self.offer_cut(Place::BeforeLease(errand.what));
        let came_to = self.world.keep_lease(errand);
        self.world.changes += 1;
        self.offer_cut(Place::AfterLease(errand.what));
        let kept = Input::LeaseKept { number: errand.number, came_to };
        self.later(Duration::from_millis(300), Event::Input(kept));
    }

    fn perform(&mut self, task: Task, since: Duration) {
        self.offer_cut(Place::BeforeAction(task.action));
        let current = self.world.slots.current;
        match self.world.act(&task, since) {
            Ok((reply, after)) => {
                if changes_something(task.action) {
                    self.world.changes += 1;
                    self.offer_cut(Place::AfterAction(task.action));
                }
                let ticket = task.ticket;
                self.later(after, Event::Input(Input::ActionDone { ticket, reply }));
            }
            Err(again_in) => self.later(again_in, Event::Perform { task, since }),
        }
        if self.world.slots.current != current {
            self.tell_installed();
        }
    }
}

fn now(world: &World) -> Now {
    Now { uptime: world.now - world.booted_at + UPTIME_AT_START, rtc: world.wall() }
}
