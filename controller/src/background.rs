//! What runs beside the requests: every task has one owner, and every reconciler runs on a timer
//! and when poked, by the same code.
//!
//! Timers need a clock, so the one place that reads it is here too: [`now`].
//!
//! A reconciler takes no input: it looks at what is desired and what was reported and moves one
//! step. What it meant to do is not remembered here, so a controller that is killed anywhere
//! continues where it was.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use shared::time::UnixTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, debug, error, info_span, warn};

/// The time. Everything that decides takes it as an argument; this is for the edges.
pub fn now() -> UnixTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime(i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX))
}

/// The owner of every task.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    stop: CancellationToken,
    running: TaskTracker,
    panicked: Arc<AtomicBool>,
}

/// How the tasks ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    Cleanly,
    /// One of them panicked, and the others were asked to end.
    AfterPanic,
    /// They were asked, and this many did not end in time.
    WithTasksLeft(usize),
}

impl Tasks {
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when everything should end.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs a task that the program cannot do without: a panic in it ends the program in order,
    /// so that whoever supervises it starts it again. The task watches [`Tasks::stop`] itself.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let watched = self.running.spawn(task.instrument(info_span!("task", name)));
        let (stop, panicked) = (self.stop.clone(), self.panicked.clone());
        self.running.spawn(async move {
            if watched.await.is_err() {
                error!(name, "a task panicked; the controller ends");
                panicked.store(true, Ordering::Relaxed);
                stop.cancel();
            }
        });
    }

    /// Runs one of many alike, such as a connection: a panic in it concerns nobody else.
    pub fn spawn_one_of_many(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(task);
    }

    /// Runs `step` every so often and whenever it is poked, until everything should end.
    pub fn reconcile<Step, Stepping, Failure>(
        &self,
        name: &'static str,
        every: Duration,
        poke: Poke,
        mut step: Step,
    ) where
        Step: FnMut() -> Stepping + Send + 'static,
        Stepping: Future<Output = Result<Progress, Failure>> + Send,
        Failure: Error + Send + 'static,
    {
        let stop = self.stop();
        self.spawn(name, async move {
            loop {
                let again = match step().await {
                    Ok(Progress::Settled) => false,
                    Ok(Progress::MoreToDo) => true,
                    Err(failure) => {
                        warn!(failure = &failure as &dyn Error, "will try again");
                        false
                    }
                };
                if stop.is_cancelled() {
                    return;
                }
                if again {
                    continue;
                }
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = poke.poked() => debug!("poked"),
                    () = tokio::time::sleep(every) => {}
                }
            }
        });
    }

    /// Asks every task to end and waits for them.
    pub async fn shut_down(&self, grace: Duration) -> Stopped {
        self.stop.cancel();
        self.running.close();
        match tokio::time::timeout(grace, self.running.wait()).await {
            Ok(()) if self.panicked.load(Ordering::Relaxed) => Stopped::AfterPanic,
            Ok(()) => Stopped::Cleanly,
            Err(_) => Stopped::WithTasksLeft(self.running.len()),
        }
    }
}

/// Whether a reconciler should be run again at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Settled,
    MoreToDo,
}

/// Wakes a reconciler early. Pokes while it runs are one more run, however many they are.
#[derive(Clone, Debug, Default)]
pub struct Poke(Arc<Notify>);

impl Poke {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn poke(&self) {
        self.0.notify_one();
    }

    async fn poked(&self) {
        self.0.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tokio::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_poke_runs_a_reconciler_that_would_otherwise_sleep_for_an_hour() {
        let tasks = Tasks::new();
        let poke = Poke::new();
        let (ran, mut runs) = mpsc::channel(16);
        tasks.reconcile("counting", LONG, poke.clone(), move || {
            let ran = ran.clone();
            async move {
                ran.send(()).await.expect("the test listens");
                Ok::<_, Infallible>(Progress::Settled)
            }
        });
        runs.recv().await.expect("it runs when it starts");
        poke.poke();
        runs.recv().await.expect("it runs when it is poked");
        assert_eq!(tasks.shut_down(LONG).await, Stopped::Cleanly);
        assert!(runs.recv().await.is_none(), "it does not run again after that");
    }

    #[tokio::test]
    async fn a_task_that_panics_asks_the_program_to_end() {
        let tasks = Tasks::new();
        tasks.spawn("doomed", async { panic!("as the test wants it") });
        tasks.stop().cancelled().await;
        assert_eq!(tasks.shut_down(LONG).await, Stopped::AfterPanic);
    }

    #[tokio::test]
    async fn one_connection_that_panics_concerns_nobody_else() {
        let tasks = Tasks::new();
        tasks.spawn_one_of_many(async { panic!("as the test wants it") });
        assert_eq!(tasks.shut_down(LONG).await, Stopped::Cleanly);
    }

    #[tokio::test]
    async fn a_task_that_does_not_end_is_reported() {
        let tasks = Tasks::new();
        tasks.spawn("deaf", std::future::pending());
        assert_eq!(tasks.shut_down(Duration::ZERO).await, Stopped::WithTasksLeft(2));
    }
}
