//! Waiting for states, never for time.

use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// Longer than anything here takes on a loaded machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

#[expect(clippy::disallowed_methods, reason = "other processes tell nobody when they change")]
fn pause(time: Duration) {
    thread::sleep(time);
}

/// Looks until `look` finds what we need, and says what it last saw if it never does.
pub(crate) fn wait_for<T, S: Debug>(what: &str, mut look: impl FnMut() -> Result<T, S>) -> T {
    let deadline = Instant::now() + LONG;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => {
                assert!(Instant::now() < deadline, "waited for {what}; last seen: {seen:?}");
                pause(LOOK_AGAIN_AFTER);
            }
        }
    }
}

/// Lets some time pass so that a kill comes at no particular moment.
pub(crate) fn a_random_moment(random: &mut u64, at_most: Duration) {
    *random =
        random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    pause(at_most.mul_f64((*random >> 33) as f64 / f64::from(1_u32 << 31)));
}
