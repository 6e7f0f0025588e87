//! Moments at which something is broken: random, and the same again for the same seed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use harness::dice::Dice;

use crate::print::say;

/// So many moments, each a while after the one before was over.
#[derive(Debug)]
pub(crate) struct Moments {
    dice: Dice,
    left: u32,
    apart_max: Duration,
    next: Instant,
}

impl Moments {
    /// `count` moments, each up to `apart_max` after the one before.
    pub(crate) fn new(count: u32, apart_max: Duration) -> Self {
        let mut dice = dice();
        let next = Instant::now() + up_to(apart_max, &mut dice);
        Self { dice, left: count, apart_max, next }
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
        self.next = Instant::now() + up_to(self.apart_max, &mut self.dice);
    }

    /// Evenly one of `count`.
    pub(crate) fn choose(&mut self, count: usize) -> usize {
        self.dice.place(count)
    }
}

/// Evenly between zero and `max`, in whole milliseconds.
fn up_to(max: Duration, dice: &mut Dice) -> Duration {
    let millis = u64::try_from(max.as_millis()).expect("a test's waits are short");
    Duration::from_millis(dice.below(millis + 1))
}

/// From `TILLWARD_SEED`, else from the time; printed, so that a failure can be repeated.
pub(crate) fn dice() -> Dice {
    let seed = std::env::var("TILLWARD_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.as_secs() * 1000 + u64::from(now.subsec_millis())
    });
    say(&format!("TILLWARD_SEED={seed}"));
    Dice::from_seed(seed)
}
