//! How long to wait before connecting again: doubling, with full jitter, so that controllers that
//! lost a broker together do not come back together. Pure: the randomness is an argument.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// A connection that lasted this long was a good one: the next loss begins anew.
const STABLE_AFTER: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// After a connection that lasted for `lasted`; `random` is any number.
    pub(super) fn after(&mut self, lasted: Duration, random: u32) -> Duration {
        if lasted >= STABLE_AFTER {
            self.failures = 0;
        }
        let ceiling = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        ceiling.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_doubles_up_to_a_ceiling_and_begins_anew_after_a_good_connection() {
        let mut backoff = Backoff::default();
        let ceilings: Vec<_> =
            (0..9).map(|_| backoff.after(Duration::ZERO, u32::MAX).as_millis()).collect();
        assert_eq!(ceilings, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(backoff.after(STABLE_AFTER, u32::MAX), FIRST);
        assert_eq!(backoff.after(Duration::ZERO, 0), Duration::ZERO);
    }
}
