//! Select, decide, keep, act: nothing is selected from elsewhere.
//!
//! No branch decides anything; each only names what happened. What was decided is durable before
//! anything of it begins. Everything slow is elsewhere: the connection has a task, actions have
//! threads, and the store has one too.

pub mod keeping;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use shared::message::{Record, Up};
use shared::queue::StoreError;
use shared::time::UnixTime;
use shared::tls::CertificateTime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::act::locate::Locator;
use crate::act::worker::{Told, Worker};
use crate::decide::Core;
use crate::decide::effect::{Decision, Effect};
use crate::decide::input::{Input, StoreState};
use crate::job::Action;
use crate::machine;
use crate::mqtt::{Event, Mqtt, NotSent};
use crate::pos::Suspicion;
use crate::status::StatusFile;
use crate::suspicion;
use keeping::Keeper;

/// For what has begun to end after a request to stop. What has not ended by then is found out
/// about after the restart, as after a power cut; a hold ends by itself.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// The timers of the runtime do not count time asleep: it looks at the real clock this often, and
/// for what people at the terminal report.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// How the loop ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    Cleanly,
    /// This terminal is erased, and the controller knows.
    SteppedDown,
    /// These actions had not ended.
    WithWorkLeft(Vec<Action>),
}

/// Requests from outside to end.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Needs a runtime.
    pub fn listen() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Whether one comes within this time.
    pub async fn within(&mut self, patience: Duration) -> bool {
        let asked = async {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
        };
        tokio::time::timeout(patience, asked).await.is_ok()
    }
}

/// Everything that the loop turns.
#[derive(Debug)]
pub struct EventLoop {
    pub core: Core,
    pub keeper: Keeper,
    pub mqtt: Mqtt,
    pub worker: Worker,
    pub locator: Locator,
    /// What servers' certificates are checked by: it learns here what time it is.
    pub certificate_time: CertificateTime,
    pub status: StatusFile,
    pub signals: Signals,
    /// Where a report of something suspicious would be.
    pub suspicion: PathBuf,
}

/// What changes while it turns.
#[derive(Debug, Default)]
struct Turn {
    /// Answers that are known at once, before anything else happens.
    next: VecDeque<Input>,
    store: Option<StoreState>,
    /// There is a connection, or one is being made.
    linked: bool,
    /// In uptime.
    stop_by: Option<Duration>,
    steps_down: bool,
    /// When reports were last looked for, in uptime, and the newest that was found in the file.
    looked_at: Option<Duration>,
    reported: Option<Suspicion>,
}

impl EventLoop {
    /// Turns until it is asked to stop, or can no longer keep what must be kept.
    pub async fn run(mut self) -> Result<Stopped, StoreError> {
        let installed = self.worker.hands().installed();
        let mut turn = Turn::default();
        turn.next.extend([Input::Started, Input::Installed(installed)]);
        loop {
            if let Some(stopped) = self.stopped(&turn) {
                self.status.write(machine::now());
                return Ok(stopped);
            }
            let input = match turn.next.pop_front() {
                Some(input) => input,
                None => self.next(&mut turn).await,
            };
            self.note(&input, &mut turn);
            let decision = self.core.decide(input, machine::now());
            self.carry_out(decision, &mut turn).await?;
            self.status.worries(self.core.worries(machine::now()));
            self.status.lease(self.core.outlook(machine::now()));
            self.status.till(self.core.till_health());
            self.status.write_if_due(machine::now());
        }
    }

    /// What happens next. Stopping comes first, then what ends before what begins.
    async fn next(&mut self, turn: &mut Turn) -> Input {
        let stopping = turn.stop_by.is_some();
        loop {
            if let Some(reported) = self.look(turn).filter(|_| !stopping) {
                return reported.into();
            }
            let pause = self.pause(turn);
            let Self { signals, worker, locator, mqtt, .. } = &mut *self;
            let input = tokio::select! {
                biased;
                _ = signals.terminate.recv(), if !stopping => Some(Input::Stop),
                _ = signals.interrupt.recv(), if !stopping => Some(Input::Stop),
                told = worker.next() => Some(told.into()),
                broker = locator.next() => Some(Input::Located { broker }),
                () = sleep(pause) => None,
                event = mqtt.next() => Some(event.into()),
            };
            let now = machine::now();
            self.status.write_if_due(now);
            let due = |at: Option<Duration>| at.is_some_and(|at| at <= now.uptime);
            match input {
                Some(input) => return input,
                None if due(self.core.wakes_at()) || due(turn.stop_by) => return Input::TimerFired,
                None => {}
            }
        }
    }

    /// A report of something suspicious that was not seen in this run. Whether it is new is the
    /// core's to know.
    fn look(&mut self, turn: &mut Turn) -> Option<Suspicion> {
        let now = machine::now();
        if turn.looked_at.is_some_and(|at| now.uptime < at + LOOK_EVERY) {
            return None;
        }
        turn.looked_at = Some(now.uptime);
        if self.core.has_work() || self.core.wants_look(now) {
            self.worker.look_at_till();
        }
        let reported =
            suspicion::read(&self.suspicion).filter(|it| turn.reported.as_ref() != Some(it))?;
        turn.reported = Some(reported.clone());
        Some(reported)
    }

    /// Until something is due by the clock.
    fn pause(&self, turn: &Turn) -> Duration {
        let now = machine::uptime();
        let due = [self.core.wakes_at(), self.status.due_at(), turn.stop_by].into_iter().flatten();
        let pause = due.map(|at| at.saturating_sub(now)).min().unwrap_or(LOOK_EVERY);
        pause.min(LOOK_EVERY)
    }

    fn note(&mut self, input: &Input, turn: &mut Turn) {
        self.status.saw(input);
        match input {
            Input::Connected => info!("connected to the broker"),
            Input::Disconnected { reason } => {
                turn.linked = false;
                info!(reason, "not connected to the broker");
            }
            Input::Stop => {
                info!("asked to stop");
                turn.stop_by = Some(machine::uptime() + STOP_PATIENCE);
            }
            Input::ActionDone { ticket, reply } => {
                info!(ticket = ticket.0, ?reply, "action ended");
            }
            Input::LeaseKept { came_to, .. } => match came_to.trouble() {
                None => info!("the lease is kept as it should be"),
                Some(trouble) => warn!(trouble, "the lease is not kept as it should be"),
            },
            Input::Suspected { at, note } => {
                warn!(%at, note, "reported at this terminal as suspicious");
            }
            Input::Unreadable => warn!("a message from the broker makes no sense"),
            Input::Started
            | Input::Received(_)
            | Input::Located { .. }
            | Input::ActionProgressed { .. }
            | Input::RecordsSent { .. }
            | Input::Store(_)
            | Input::Installed(_)
            | Input::TillSeen { .. }
            | Input::TimerFired => {}
        }
    }

    async fn carry_out(&mut self, decision: Decision, turn: &mut Turn) -> Result<(), StoreError> {
        self.status.decided(&decision);
        if !decision.writes.is_empty() {
            self.keeper.commit(&decision.writes).await?;
        }
        self.certificate_time.raise(self.core.time_floor());
        for effect in decision.effects {
            self.begin(effect, turn).await;
        }
        let store = self.keeper.state();
        if turn.store != Some(store) {
            turn.store = Some(store);
            turn.next.push_back(Input::Store(store));
        }
        Ok(())
    }

    async fn begin(&mut self, effect: Effect, turn: &mut Turn) {
        match effect {
            Effect::Connect { broker } => {
                info!(broker, "connecting");
                turn.linked = true;
                self.mqtt.connect(&broker);
            }
            Effect::Disconnect => self.mqtt.disconnect(),
            Effect::LocateBroker => self.locator.ask(),
            Effect::SayHello(hello) => self.say(&Up::Hello(hello)),
            Effect::SayGone => self.say(&Up::Gone),
            Effect::SendRecords(sending) => {
                let records = self.keeper.records(sending).await;
                let seqs = self.send(records);
                turn.next.push_back(Input::RecordsSent { seqs });
            }
            Effect::Act(task) => self.worker.begin(task),
            Effect::StopAct(ticket) => self.worker.stop(ticket),
            Effect::KeepLease(errand) => self.worker.keep_lease(errand),
            Effect::StepDown => {
                turn.steps_down = true;
                turn.next.push_back(Input::Stop);
            }
        }
    }

    fn say(&self, message: &Up) {
        if let Err(problem) = self.mqtt.send(message) {
            debug!(%problem, "not said");
        }
    }

    /// As many as the connection takes, in order: the numbers of those that it took.
    fn send(&self, records: Vec<Record>) -> Vec<u64> {
        let mut seqs = Vec::new();
        for record in records {
            let seq = record.seq;
            match self.mqtt.send(&Up::Record(record)) {
                Ok(()) => seqs.push(seq),
                Err(problem @ (NotSent::NotConnected | NotSent::Busy)) => {
                    debug!(seq, %problem, "not sent");
                    break;
                }
                Err(problem @ (NotSent::TooLarge { .. } | NotSent::TooLargeForBroker { .. })) => {
                    warn!(seq, %problem, "not sent");
                    break;
                }
            }
        }
        seqs
    }

    /// After a request to stop: whether everything that had begun has ended and was told.
    fn stopped(&self, turn: &Turn) -> Option<Stopped> {
        let stop_by = turn.stop_by?;
        let left: Vec<_> = self.worker.running().collect();
        let cleanly = if turn.steps_down { Stopped::SteppedDown } else { Stopped::Cleanly };
        if left.is_empty() && !turn.linked && turn.next.is_empty() {
            return Some(cleanly);
        }
        let patience_is_over = machine::uptime() >= stop_by;
        match (patience_is_over, left.is_empty()) {
            (false, _) => None,
            (true, true) => Some(cleanly),
            (true, false) => Some(Stopped::WithWorkLeft(left)),
        }
    }
}

impl From<Told> for Input {
    fn from(told: Told) -> Self {
        match told {
            Told::Done { ticket, reply } => Self::ActionDone { ticket, reply },
            Told::Progressed { ticket, bytes_done, bytes_total } => {
                Self::ActionProgressed { ticket, bytes_done, bytes_total }
            }
            Told::LeaseKept { number, came_to } => Self::LeaseKept { number, came_to },
            Told::Installed(components) => Self::Installed(components),
            Told::TillSeen { instance } => Self::TillSeen { instance },
            Told::Suspected(suspicion) => suspicion.into(),
        }
    }
}

impl From<Suspicion> for Input {
    fn from(Suspicion { at, note }: Suspicion) -> Self {
        Self::Suspected { at: UnixTime(at), note }
    }
}

impl From<Event> for Input {
    fn from(event: Event) -> Self {
        match event {
            Event::Connected => Self::Connected,
            Event::Disconnected { reason } => Self::Disconnected { reason },
            Event::Received(message) => Self::Received(message),
            Event::Unreadable => Self::Unreadable,
        }
    }
}

#[cfg(test)]
mod tests;
