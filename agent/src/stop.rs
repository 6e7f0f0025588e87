//! A request to stop, from the event loop to work on a thread of its own.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::lock::lock;

/// Whether the one who waited may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    ToTheEnd,
    /// Somebody asked to stop.
    Stopped,
}

/// Shared by the one who may ask and the one who looks. Once asked, it stays asked.
#[derive(Clone, Default)]
pub struct Stop(Arc<Inner>);

type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    asked: bool,
    hook: Option<Hook>,
}

impl Stop {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn ask(&self) {
        let hook = {
            let mut state = self.state();
            state.asked = true;
            state.hook.take()
        };
        self.0.changed.notify_all();
        if let Some(hook) = hook {
            hook();
        }
    }

    pub fn is_asked(&self) -> bool {
        self.state().asked
    }

    /// Waits for `duration`, or until somebody asks.
    pub fn wait(&self, duration: Duration) -> Waited {
        let asked = |state: &mut State| !state.asked;
        let waited = self.0.changed.wait_timeout_while(self.state(), duration, asked);
        let (state, _timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.asked { Waited::Stopped } else { Waited::ToTheEnd }
    }

    /// Lets `hook` run when somebody asks, or now if somebody has: to interrupt what blocks. It
    /// replaces an earlier one.
    pub fn interrupt_by(&self, hook: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        if state.asked {
            drop(state);
            hook();
        } else {
            state.hook = Some(Box::new(hook));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.is_asked() { "asked to stop" } else { "not asked to stop" })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_wait_ends_when_somebody_asks() {
        let stop = Stop::new();
        assert_eq!(stop.wait(Duration::from_millis(1)), Waited::ToTheEnd);
        let other = stop.clone();
        let asker = std::thread::spawn(move || other.ask());
        assert_eq!(stop.wait(Duration::from_secs(60)), Waited::Stopped);
        asker.join().unwrap();
        assert!(stop.is_asked());
    }

    #[test]
    fn what_blocks_is_interrupted_whenever_it_began() {
        let stop = Stop::new();
        let (interrupted, seen) = channel();
        let again = interrupted.clone();
        stop.interrupt_by(move || interrupted.send(1).unwrap());
        assert!(seen.try_recv().is_err());
        stop.ask();
        assert_eq!(seen.recv(), Ok(1));
        stop.interrupt_by(move || again.send(2).unwrap());
        assert_eq!(seen.recv(), Ok(2));
    }
}
