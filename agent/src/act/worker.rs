//! The threads on which actions are carried out, and how they are told to stop.
//!
//! One action after another: the next waits until the one before has truly ended, also when that
//! was told to stop. Only a hold goes at once, beside another: it must be renewed while something
//! else takes long.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use shared::message::Component;
use shared::outcome::{FailureCode, Waiting};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::{debug, error, info};

use super::{Hands, changes_slots};
use crate::job::{Action, Again, Reply, Task, Ticket};
use crate::lease::{CameTo, Errand};
use crate::machine;
use crate::pos::Suspicion;
use crate::stop::Stop;

/// One job asks for one action at a time, and a renewal beside it; what was stopped may wait too.
const TASKS_MAX: usize = 16;

/// Answers on their way to the event loop. A worker waits for a place: it has nothing else to do.
const TOLD_MAX: usize = 16;

/// Progress is told no more often: it moves a bar.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// What comes back from the threads.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    Done {
        ticket: Ticket,
        reply: Reply,
    },
    Progressed {
        ticket: Ticket,
        bytes_done: u64,
        bytes_total: u64,
    },
    Installed(Vec<Component>),
    LeaseKept {
        number: u64,
        came_to: CameTo,
    },
    /// Which process of the till has answered, if any, and that nothing was done to it meanwhile.
    TillSeen {
        instance: Option<String>,
    },
    /// What the till shows as reported by a person there.
    Suspected(Suspicion),
}

/// Begins actions and forgets them when they have ended.
#[derive(Debug)]
pub struct Worker {
    hands: Arc<Hands>,
    tasks: SyncSender<(Task, Stop)>,
    tell: Sender<Told>,
    told: Receiver<Told>,
    running: BTreeMap<Ticket, (Action, Stop)>,
    looking: Arc<AtomicBool>,
    /// An action has begun since the till was looked at last: the look may be older than that.
    disturbed: bool,
}

impl Worker {
    pub fn start(hands: Hands) -> std::io::Result<Self> {
        let hands = Arc::new(hands);
        let (tasks, to_do) = sync_channel::<(Task, Stop)>(TASKS_MAX);
        let (tell, told) = channel(TOLD_MAX);
        let (own_hands, own_tell) = (Arc::clone(&hands), tell.clone());
        thread::Builder::new().name("act".to_owned()).spawn(move || {
            for (task, stop) in to_do {
                work(&own_hands, &task, &stop, &own_tell);
            }
        })?;
        let (running, looking) = (BTreeMap::new(), Arc::default());
        Ok(Self { hands, tasks, tell, told, running, looking, disturbed: false })
    }

    /// Begins an action. It is answered by [`Told::Done`].
    pub fn begin(&mut self, task: Task) {
        let (ticket, action, stop) = (task.ticket, task.action, Stop::new());
        info!(order = %task.order, ?action, ticket = ticket.0, "action begins");
        self.running.insert(ticket, (action, stop.clone()));
        self.disturbed = true;
        let begun = match action {
            Action::HoldTrading => self.beside(task, stop),
            Action::Admit
            | Action::Fetch
            | Action::Verify
            | Action::Stage
            | Action::RunPreflight
            | Action::AskTill
            | Action::ReleaseTrading
            | Action::Drain
            | Action::Settle
            | Action::SwitchSlot
            | Action::SwitchBack
            | Action::ProbeSlot
            | Action::RestartApplication
            | Action::ProveHealth
            | Action::CommitSlot
            | Action::DiscardStaged
            | Action::DiscardDownload
            | Action::Data(_)
            | Action::Rebind(_)
            | Action::Deactivate(_) => match self.tasks.try_send((task, stop)) {
                Ok(()) => Ok(()),
                Err(TrySendError::Full(_)) => Err("too many actions wait"),
                Err(TrySendError::Disconnected(_)) => Err("the thread for actions has ended"),
            },
        };
        if let Err(problem) = begun {
            error!(?action, problem, "an action could not begin");
            let detail = problem.to_owned();
            let code = FailureCode::Internal;
            let reply = Reply::Failed { code, detail, again: Again::Worthwhile };
            // There is room: an action that did not begin takes up no place.
            self.tell.try_send(Told::Done { ticket, reply }).ok();
        }
    }

    fn beside(&self, task: Task, stop: Stop) -> Result<(), &'static str> {
        let (hands, tell) = (Arc::clone(&self.hands), self.tell.clone());
        let under_way = self.hands.holds.begin();
        let spawned = thread::Builder::new().name("hold".to_owned()).spawn(move || {
            work(&hands, &task, &stop, &tell);
            drop(under_way);
        });
        spawned.map(drop).map_err(|_| "no thread can be started")
    }

    /// Locks or unlocks the till, whatever else is done. It is answered by [`Told::LeaseKept`].
    pub fn keep_lease(&self, errand: Errand) {
        info!(?errand, "the lease is kept");
        let (hands, tell, number) = (Arc::clone(&self.hands), self.tell.clone(), errand.number);
        let spawned = thread::Builder::new().name("lease".to_owned()).spawn(move || {
            let kept = catch_unwind(AssertUnwindSafe(|| hands.keep_lease(errand)));
            let came_to = kept.unwrap_or_else(|_| not_kept("the agent met a fault of its own"));
            tell.blocking_send(Told::LeaseKept { number, came_to }).ok();
        });
        if let Err(problem) = spawned {
            error!(%problem, "no thread can be started");
            let came_to = not_kept("no thread can be started");
            // There is room: one errand is under way at a time.
            self.tell.try_send(Told::LeaseKept { number, came_to }).ok();
        }
    }

    /// Looks how the till does, and whether somebody there has reported something, when nothing
    /// else is done to it. Answered by [`Told::TillSeen`] unless an action comes between, and by
    /// [`Told::Suspected`], or not.
    pub fn look_at_till(&mut self) {
        if !self.running.is_empty() || self.looking.swap(true, Ordering::SeqCst) {
            return;
        }
        self.disturbed = false;
        let (hands, tell, looking) = self.shared();
        let looks = thread::Builder::new().name("look".to_owned()).spawn(move || {
            let (instance, suspicion) = hands.look();
            tell.blocking_send(Told::TillSeen { instance }).ok();
            if let Some(suspicion) = suspicion {
                tell.blocking_send(Told::Suspected(suspicion)).ok();
            }
            looking.store(false, Ordering::SeqCst);
        });
        if looks.is_err() {
            self.looking.store(false, Ordering::SeqCst);
        }
    }

    fn shared(&self) -> (Arc<Hands>, Sender<Told>, Arc<AtomicBool>) {
        (Arc::clone(&self.hands), self.tell.clone(), Arc::clone(&self.looking))
    }

    /// Asks an action to end as soon as that leaves nothing half done.
    pub fn stop(&self, ticket: Ticket) {
        if let Some((_, stop)) = self.running.get(&ticket) {
            stop.ask();
        }
    }

    /// The next thing that a thread tells. Nothing is lost when the caller stops waiting.
    pub async fn next(&mut self) -> Told {
        loop {
            let told = self.told.recv().await.expect("the worker holds a sender itself");
            match &told {
                Told::TillSeen { .. } if self.disturbed => continue,
                Told::Done { ticket, .. } => drop(self.running.remove(ticket)),
                Told::TillSeen { .. }
                | Told::Progressed { .. }
                | Told::Installed(_)
                | Told::LeaseKept { .. }
                | Told::Suspected(_) => {}
            }
            return told;
        }
    }

    /// Actions that have begun and not ended.
    pub fn running(&self) -> impl Iterator<Item = Action> {
        self.running.values().map(|(action, _)| *action)
    }

    pub fn hands(&self) -> &Hands {
        &self.hands
    }
}

fn work(hands: &Hands, task: &Task, stop: &Stop, tell: &Sender<Told>) {
    let Task { ticket, action, .. } = *task;
    let reply = match stop.is_asked() {
        true => {
            let detail = "stopped before it began".to_owned();
            Reply::NotYet { waiting: Waiting::Turn, detail, again_in: None }
        }
        false => {
            let mut told_at: Option<Duration> = None;
            let mut progress = |bytes_done, bytes_total| {
                let now = machine::uptime();
                if told_at.is_none_or(|at| now.saturating_sub(at) >= PROGRESS_EVERY) {
                    told_at = Some(now);
                    // Progress that finds no room is overtaken by the next.
                    tell.try_send(Told::Progressed { ticket, bytes_done, bytes_total }).ok();
                }
            };
            let carried_out =
                catch_unwind(AssertUnwindSafe(|| hands.carry_out(task, stop, &mut progress)));
            carried_out.unwrap_or_else(|_| panicked(action))
        }
    };
    debug!(?action, ?reply, "action ended");
    // A loop that has ended does not wait for answers any more.
    if changes_slots(action) {
        tell.blocking_send(Told::Installed(hands.installed())).ok();
    }
    tell.blocking_send(Told::Done { ticket, reply }).ok();
}

fn not_kept(why: &str) -> CameTo {
    CameTo { till: Err(why.to_owned()), program: Ok(()) }
}

/// A fault of ours must not leave a job without an answer. What the hands hold is only replaced as
/// a whole, so they can go on.
fn panicked(action: Action) -> Reply {
    error!(?action, "an action panicked; the message stands above");
    let detail = "the agent met a fault of its own".to_owned();
    Reply::Failed { code: FailureCode::Internal, detail, again: Again::Worthwhile }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{shop, task};
    use super::*;

    fn on_one_thread<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(test)
    }

    #[test]
    fn actions_are_answered_with_their_tickets_and_slots_are_told_when_they_change() {
        on_one_thread(async {
            let shop = shop();
            shop.downloaded();
            let release = shop.release.clone();
            let mut worker = Worker::start(shop.hands).unwrap();
            for (ticket, action) in [(1, Action::Stage), (2, Action::SwitchSlot)] {
                worker.begin(task(&release, ticket, action));
            }
            assert_eq!(worker.running().count(), 2);
            let staged = worker.next().await;
            assert!(matches!(staged, Told::Done { ticket: Ticket(1), reply: Reply::Done(_) }));
            let Told::Installed(installed) = worker.next().await else { panic!("not told") };
            assert_eq!(installed[0].version, "2.0.0");
            let switched = worker.next().await;
            assert!(matches!(switched, Told::Done { ticket: Ticket(2), .. }), "{switched:?}");
            assert_eq!(worker.running().count(), 0);
        });
    }

    #[test]
    fn an_action_that_is_stopped_before_it_began_is_not_carried_out() {
        on_one_thread(async {
            let shop = shop();
            let release = shop.release.clone();
            let till = Arc::clone(&shop.till);
            let mut worker = Worker::start(shop.hands).unwrap();
            let stop = Stop::new();
            stop.ask();
            worker.tasks.send((task(&release, 7, Action::Settle), stop)).unwrap();
            let Told::Done { reply, .. } = worker.next().await else { panic!("not answered") };
            assert!(matches!(reply, Reply::NotYet { .. }), "{reply:?}");
            assert!(till.turn(|knobs| knobs.asked.is_empty()));
        });
    }

    #[test]
    fn a_fault_of_ours_is_answered_and_the_next_action_is_carried_out() {
        on_one_thread(async {
            let shop = shop();
            let release = shop.release.clone();
            shop.till.turn(|knobs| knobs.panics = true);
            let mut worker = Worker::start(shop.hands).unwrap();
            worker.begin(task(&release, 1, Action::AskTill));
            worker.begin(task(&release, 2, Action::ProbeSlot));
            let Told::Done { reply, .. } = worker.next().await else { panic!("not answered") };
            assert!(matches!(reply, Reply::Failed { code: FailureCode::Internal, .. }));
            let Told::Done { reply, .. } = worker.next().await else { panic!("not answered") };
            assert!(matches!(reply, Reply::Found(_)), "{reply:?}");
        });
    }

    #[test]
    fn a_report_at_the_till_is_seen_while_nothing_else_is_done_there() {
        on_one_thread(async {
            let shop = shop();
            let (release, till) = (shop.release.clone(), Arc::clone(&shop.till));
            let suspicion = Suspicion { at: 7, note: "who is that?".to_owned() };
            till.turn(|knobs| knobs.suspicion = Some(suspicion.clone()));
            let mut worker = Worker::start(shop.hands).unwrap();
            worker.look_at_till();
            let seen = Told::TillSeen { instance: Some("1".to_owned()) };
            assert_eq!(worker.next().await, seen);
            assert_eq!(worker.next().await, Told::Suspected(suspicion));
            worker.begin(task(&release, 1, Action::AskTill));
            let asked =
                |till: &super::super::toy_till::ToyTill| till.turn(|knobs| knobs.asked.len());
            assert!(matches!(worker.told.recv().await, Some(Told::Done { .. })));
            let before = asked(&till);
            worker.look_at_till();
            assert_eq!(asked(&till), before, "an action has not been taken note of yet");
        });
    }

    #[test]
    fn a_look_that_an_action_came_between_says_nothing_of_the_till() {
        on_one_thread(async {
            let shop = shop();
            let release = shop.release.clone();
            let mut worker = Worker::start(shop.hands).unwrap();
            worker.look_at_till();
            worker.begin(task(&release, 1, Action::AskTill));
            assert!(matches!(worker.next().await, Told::Done { ticket: Ticket(1), .. }));
            worker.begin(task(&release, 2, Action::AskTill));
            assert!(matches!(worker.next().await, Told::Done { ticket: Ticket(2), .. }));
        });
    }

    #[test]
    fn a_hold_is_renewed_while_another_action_takes_long() {
        on_one_thread(async {
            let mut shop = shop();
            shop.release.health.stable_s = 3600;
            shop.release.health.within_s = 7200;
            let release = shop.release.clone();
            let mut worker = Worker::start(shop.hands).unwrap();
            worker.begin(task(&release, 1, Action::ProveHealth));
            worker.begin(task(&release, 2, Action::HoldTrading));
            let held = worker.next().await;
            assert!(matches!(held, Told::Done { ticket: Ticket(2), reply: Reply::Done(_) }));
            worker.stop(Ticket(1));
            let ended = worker.next().await;
            assert!(matches!(ended, Told::Done { ticket: Ticket(1), .. }), "{ended:?}");
        });
    }
}
