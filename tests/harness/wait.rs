//! Waiting for a state, never for time to pass.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Between two looks: short enough not to slow a test, long enough not to load the machine.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Whoever runs this was asked to end.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on nothing is waited for: every wait gives up, so that what was started is ended by
/// its owners on their way out.
pub fn interrupt() {
    INTERRUPTED.store(true, Ordering::Release);
}

pub fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Acquire)
}

/// What was last seen of a state that never came.
#[derive(Debug, thiserror::Error)]
#[error("{what}: not within {patience:?}; last seen: {seen}")]
pub struct GaveUp {
    pub what: String,
    pub patience: Duration,
    pub seen: String,
}

/// Looks until `look` finds what is needed; says what it last saw if that never happens.
pub fn wait_for<T, S: Display>(
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> Result<T, S>,
) -> Result<T, GaveUp> {
    let begun = Instant::now();
    loop {
        let seen = match look() {
            Ok(found) => return Ok(found),
            Err(seen) => seen,
        };
        if is_interrupted() || begun.elapsed() >= patience {
            return Err(GaveUp { what: what.to_owned(), patience, seen: seen.to_string() });
        }
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that looks again after a while")]
fn pause() {
    std::thread::sleep(LOOK_EVERY);
}
