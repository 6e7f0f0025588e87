//! Moments at which something is broken: random, and the same again for the same seed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use agent::session::Jitter;

use crate::print::say;

/// So many moments, each a while after the one before was over.
#[derive(Debug)]
pub(crate) struct Moments {
    jitter: Jitter,
    left: u32,
    apart_max: Duration,
    next: Instant,
}

impl Moments {
    /// `count` moments, each up to `apart_max` after the one before.
    pub(crate) fn new(count: u32, apart_max: Duration) -> Self {
        let mut jitter = jitter();
        let next = Instant::now() + jitter.up_to(apart_max);
        Self { jitter, left: count, apart_max, next }
    }

    pub(crate) fn left(&self) -> u32 {
        self.left
    }

    /// Whether one has come.
    pub(crate) fn has_come(&mut self) -> bool {
        self.left > 0 && Instant::now() >= self.next
    }

    /// What was to happen has happened: from now on it is waited for the next one.
    pub(crate) fn is_over(&mut self) {
        self.left -= 1;
        self.next = Instant::now() + self.jitter.up_to(self.apart_max);
    }

    /// Evenly one of `count`.
    pub(crate) fn choose(&mut self, count: usize) -> usize {
        let last = u64::try_from(count.saturating_sub(1)).unwrap_or(u64::MAX);
        let drawn = self.jitter.up_to(Duration::from_millis(last)).as_millis();
        usize::try_from(drawn).unwrap_or(0)
    }
}

/// From `TILLWARD_SEED`, else from the time; printed, so that a failure can be repeated.
pub(crate) fn jitter() -> Jitter {
    let seed = std::env::var("TILLWARD_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.as_secs() * 1000 + u64::from(now.subsec_millis())
    });
    say(&format!("TILLWARD_SEED={seed}"));
    Jitter::from_seed(seed)
}
