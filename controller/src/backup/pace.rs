//! How fast one terminal may store: so much at once, and after that so much per minute.
//!
//! Kept in memory: a controller that starts anew forgives.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::id::TerminalId;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// What a terminal may store in one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceLimits {
    pub bytes: u64,
    pub objects: u64,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFast {
    pub again_after: Duration,
}

/// Of all terminals that stored something lately.
#[derive(Debug)]
pub struct Pace {
    limits: PaceLimits,
    used: BTreeMap<TerminalId, Used>,
    pruned_at: Instant,
}

/// What was stored and is not forgiven yet. It is forgiven evenly, a minute's worth in a minute.
#[derive(Clone, Copy, Debug)]
struct Used {
    bytes: f64,
    objects: f64,
    at: Instant,
}

impl Pace {
    pub fn new(limits: PaceLimits, now: Instant) -> Self {
        Self { limits, used: BTreeMap::new(), pruned_at: now }
    }

    /// Counts one object of so many bytes, or says when it may come.
    pub fn admit(&mut self, of: TerminalId, bytes: u64, now: Instant) -> Result<(), TooFast> {
        self.prune(now);
        let (bytes_max, objects_max) = (float(self.limits.bytes), float(self.limits.objects));
        let before = self.used.get(&of).copied();
        let before = before.unwrap_or(Used { bytes: 0.0, objects: 0.0, at: now });
        let minutes = now.saturating_duration_since(before.at).as_secs_f64() / 60.0;
        let left = |used: f64, max: f64| (used - minutes * max).max(0.0);
        let used = Used {
            bytes: left(before.bytes, bytes_max),
            objects: left(before.objects, objects_max),
            at: now,
        };
        // Whoever owes nothing may store one object of any size.
        let over = [(used.bytes, float(bytes), bytes_max), (used.objects, 1.0, objects_max)]
            .into_iter()
            .filter(|(used, more, max)| *used > 0.0 && used + more > *max)
            .map(|(used, more, max)| (used + more - max).min(used) / max * 60.0)
            .fold(0.0, f64::max);
        if over > 0.0 {
            self.used.insert(of, used);
            // Rounded up: whoever comes then is let in.
            return Err(TooFast { again_after: Duration::from_secs(over.ceil() as u64) });
        }
        let used = Used { bytes: used.bytes + float(bytes), objects: used.objects + 1.0, ..used };
        self.used.insert(of, used);
        Ok(())
    }

    /// Forgets those who have owed nothing for a while.
    fn prune(&mut self, now: Instant) {
        if now.saturating_duration_since(self.pruned_at) < MINUTE {
            return;
        }
        let limits = self.limits;
        self.pruned_at = now;
        self.used.retain(|_, used| {
            let minutes = now.saturating_duration_since(used.at).as_secs_f64() / 60.0;
            used.bytes > minutes * float(limits.bytes)
                || used.objects > minutes * float(limits.objects)
        });
    }
}

/// Exact for all that is ever stored in a minute.
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: TerminalId = TerminalId::from_bytes([1; 16]);
    const OTHER: TerminalId = TerminalId::from_bytes([2; 16]);

    fn pace(bytes: u64, objects: u64) -> (Pace, Instant) {
        let now = Instant::now();
        (Pace::new(PaceLimits { bytes, objects }, now), now)
    }

    #[test]
    fn a_minutes_worth_is_taken_at_once_and_the_rest_evenly() {
        let (mut pace, now) = pace(600, 1000);
        assert_eq!(pace.admit(ONE, 600, now), Ok(()));
        let refused = pace.admit(ONE, 100, now).unwrap_err();
        assert_eq!(refused.again_after, Duration::from_secs(10));
        assert!(pace.admit(ONE, 100, now + Duration::from_secs(9)).is_err());
        assert_eq!(pace.admit(ONE, 100, now + Duration::from_secs(10)), Ok(()));
        assert_eq!(pace.admit(OTHER, 600, now), Ok(()), "another has done nothing");
    }

    #[test]
    fn many_small_objects_are_too_fast_as_well() {
        let (mut pace, now) = pace(1_000_000, 3);
        for _ in 0..3 {
            assert_eq!(pace.admit(ONE, 1, now), Ok(()));
        }
        let refused = pace.admit(ONE, 1, now).unwrap_err();
        assert_eq!(refused.again_after, Duration::from_secs(20));
    }

    #[test]
    fn an_object_larger_than_a_minutes_worth_passes_when_nothing_is_owed() {
        let (mut pace, now) = pace(600, 1000);
        assert_eq!(pace.admit(ONE, 6000, now), Ok(()));
        let refused = pace.admit(ONE, 6000, now).unwrap_err();
        assert_eq!(refused.again_after, Duration::from_secs(600));
        assert_eq!(pace.admit(ONE, 6000, now + refused.again_after), Ok(()));
    }

    #[test]
    fn who_stores_no_more_is_forgotten() {
        let (mut pace, now) = pace(600, 1000);
        pace.admit(ONE, 600, now).unwrap();
        pace.admit(OTHER, 1, now + Duration::from_secs(120)).unwrap();
        assert_eq!(pace.used.len(), 1);
    }
}
