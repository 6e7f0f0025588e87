//! What to do about whatever happens. Pure: composes the modules that decide.
//!
//! [`input`] is everything that can happen, [`effect`] everything that can be done about it.
//! The shell builds a [`Core`] with [`Core::restore`], gives it [`Input::Started`] and then each
//! input with [`Core::decide`], makes the writes durable before it begins the effects, and wakes
//! it with [`Input::TimerFired`] at [`Core::wakes_at`]. After [`Input::Stop`] nothing new begins;
//! the shell ends when what it had begun has ended and was told.
//!
//! What belongs to one subject is said in one file: [`conversation`] (the controller and its
//! acknowledgements), [`orders`] (accepting and refusing), [`work`] (the jobs), [`suspicion`]
//! (people who doubt them), [`till`] (how it does between changes), [`lease`] (a terminal that
//! nobody reaches).

mod beginning;
mod conversation;
pub mod effect;
pub mod input;
mod lease;
mod orders;
mod restraint;
mod suspicion;
mod till;
mod work;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::tz::TimeZone;
use shared::digest::{Digest, Nonce};
use shared::document::Receipt;
use shared::document::receipt::Said;
use shared::id::{OrderId, TerminalId};
use shared::message::{Component, LogHead, SignedBytes, TillHealth};
use shared::time::UnixTime;

pub use beginning::Stored;
pub use conversation::Worries;
use effect::{Decision, Effect, Place, Post, Write};
use input::{Input, Now, StoreState};
use lease::Keeping;
use restraint::Restraint;
use till::TillWatch;
use work::job::Job;

use crate::clock::{Clock, TimeFloor};
use crate::job::Tables;
use crate::journal::facts::{self, Standing, Suspected, Withdrawn};
use crate::journal::ledger::Ledger;
use crate::journal::log::Log;
use crate::order::ReplayState;
use crate::outbox::Outbox;
use crate::roster::Trust;
use crate::session::Session;

/// What a terminal is, from its enrolment and its configuration.
#[derive(Clone, Debug)]
pub struct Profile {
    pub terminal: TerminalId,
    /// The epoch of the enrolment; the store may know a higher one.
    pub epoch: u32,
    pub model: String,
    pub zone: TimeZone,
    pub agent_version: String,
    /// `host:port` as told at enrolment; the store may know a newer one.
    pub broker: String,
    /// The newest roster of the enrolment; the store may know a newer one.
    pub trust: Trust,
    /// A signed statement of the one to whom keys are sealed that this terminal needs; `None` where
    /// it makes no backups.
    pub recipient: Option<SignedBytes>,
    /// From which what a wipe must name is derived; only this terminal's key gives it. Never sent.
    pub challenge_seed: Digest,
    /// The order by which the controller has known the terminal as suspended when it enrolled.
    pub suspended_by: Option<OrderId>,
    /// How long it works on without contact; `None`: for ever.
    pub lease: Option<Duration>,
    /// Another at each start of the machine.
    pub boot: Digest,
    /// Drawn when the agent starts, and used for nothing else; the nonces of hellos come from it.
    pub nonce_seed: Nonce,
    /// Drawn when the agent starts; all jitter comes from it.
    pub jitter_seed: u64,
}

/// The agent, but for everything it does.
#[derive(Debug)]
pub struct Core {
    profile: Profile,
    tables: Tables,
    trust: Trust,
    clock: Clock,
    /// The time floor as it was last written.
    time_kept: TimeFloor,
    /// The nonce of the newest hello.
    asked: Option<Nonce>,
    /// A hello of this connection was answered: the controller knows the recipient.
    recipient_told: bool,
    /// The version of the roster that the controller told of last, and the one that did not come
    /// though it was told of twice.
    roster_told: u64,
    roster_overdue: Option<u64>,
    /// When the controller was last heard, in uptime.
    heard_at: Option<Duration>,
    replay: ReplayState,
    /// The ledger was lost: nothing is accepted until a new epoch.
    lost: bool,
    /// Records that could not be read, and have not been replaced since. They go with the epoch
    /// that they were lost in: else each restart would lose the ledger once more.
    unreadable: BTreeSet<Place>,
    /// An order was passed over that may be accepted once the time or the epoch is known.
    passed_over: bool,
    ledger: Ledger,
    counter_floors: BTreeMap<String, u64>,
    withdrawn: Withdrawn,
    suspected: Suspected,
    /// How far the controller's audit log had come, and whether it went on otherwise.
    log: Option<LogHead>,
    log_forked: bool,
    standing: Standing,
    /// What was kept of it cannot be read: it goes with the epoch, too.
    standing_unreadable: bool,
    keeping: Keeping,
    restraint: Restraint,
    session: Session,
    outbox: Outbox,
    /// The job waits for a sign of the controller, which was asked for one.
    asks_to_be_reached: bool,
    /// The first is being worked on; the others wait for their turn.
    jobs: VecDeque<Job>,
    /// Of jobs that cannot be continued.
    broken: Vec<Log>,
    /// The next ticket when no job is under way.
    tickets: u64,
    next_turn: u64,
    installed: Vec<Component>,
    store: StoreState,
    counters: Counters,
    till: TillWatch,
    /// When telemetry was last posted, and what it said.
    telemetry: Option<(Duration, Telling)>,
    stopping: bool,
    /// The shell was told that this terminal is over.
    steps_down: bool,
    wakes_at: Option<Duration>,
}

/// Since the agent started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counters {
    orders_refused: u64,
    messages_unreadable: u64,
}

/// What of telemetry is news once it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Telling {
    counters: Counters,
    battery_is_low: bool,
    till: Option<TillHealth>,
}

impl Core {
    /// What to do about an input. Nothing has happened yet when this returns.
    pub fn decide(&mut self, input: Input, now: Now) -> Decision {
        let mut out = Decision::default();
        match input {
            Input::Started => self.start(now, &mut out),
            Input::Connected => self.connected(now, &mut out),
            Input::Disconnected { .. } => self.disconnected(now, &mut out),
            Input::Received(message) => self.hear(message, now, &mut out),
            Input::Unreadable => self.counters.messages_unreadable += 1,
            Input::Located { broker } => self.serve_at(&broker, now, &mut out),
            Input::ActionDone { ticket, reply } => self.action_done(ticket, reply, now, &mut out),
            Input::ActionProgressed { ticket, bytes_done, bytes_total } => {
                self.action_progressed(ticket, bytes_done, bytes_total, now, &mut out);
            }
            Input::RecordsSent { seqs } => self.outbox.sent(&seqs, now.uptime),
            Input::Store(state) => self.stored(state, &mut out),
            Input::Installed(components) => self.install(components),
            Input::TillSeen { instance } => self.till_seen(instance, now),
            Input::Suspected { at, note } => self.suspected(at, &note, now, &mut out),
            Input::LeaseKept { number, came_to } => {
                self.lease_kept(number, &came_to, now);
            }
            Input::TimerFired => {}
            Input::Stop => self.stop(&mut out),
        }
        self.go_on(now, &mut out);
        for write in &out.writes {
            if let Write::Put { place, .. } = write {
                self.unreadable.remove(place);
            }
        }
        out
    }

    /// When [`Input::TimerFired`] is wanted, in [`Now::uptime`].
    pub fn wakes_at(&self) -> Option<Duration> {
        self.wakes_at
    }

    /// A moment that has certainly passed: no signed data so far was later.
    pub fn time_floor(&self) -> UnixTime {
        self.clock.kept().floor
    }

    /// Whatever the input was: time has passed, and one thing may allow the next.
    fn go_on(&mut self, now: Now, out: &mut Decision) {
        self.keep_lease(now, out);
        self.work_on(now, out);
        // A job that was waited for may be over.
        self.keep_lease(now, out);
        self.step_down_if_late(now, out);
        self.converse(now, out);
        if self.clock.kept() != self.time_kept {
            self.time_kept = self.clock.kept();
            out.writes.push(facts::time(self.time_kept));
            out.writes.extend(self.ledger.prune(self.time_kept.floor));
        }
        let conversation = self.conversation_wakes_at();
        let wakes_at = [conversation, self.work_wakes_at(now), self.lease_wakes_at(now)];
        self.wakes_at = wakes_at.into_iter().flatten().min();
    }

    fn stored(&mut self, state: StoreState, out: &mut Decision) {
        self.store = state;
        self.step_down_if_heard(out);
    }

    fn install(&mut self, components: Vec<Component>) {
        if self.installed != components {
            self.till.renewed();
        }
        self.installed = components;
    }

    fn stop(&mut self, out: &mut Decision) {
        self.stopping = true;
        self.stop_work(out);
        out.effects.extend([Effect::SayGone, Effect::Disconnect]);
        self.session.stop();
    }

    fn post(&mut self, post: Post, out: &mut Decision) {
        self.outbox.posted();
        out.writes.push(Write::Post(post));
    }

    fn receipt(&self, order: OrderId, said: Said, now: Now) -> Receipt {
        let time = self.clock.reading(now);
        Receipt {
            format: shared::document::FORMAT,
            terminal: self.profile.terminal,
            epoch: self.replay.epoch(),
            order,
            said,
            at: time.wall,
            clock: time.confidence,
        }
    }
}
