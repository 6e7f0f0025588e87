//! Terminals that fail again and again are left alone for a while, whatever is brought to them.
//! Pure.
//!
//! Bad ends are counted over all campaigns, so that neither another campaign nor a new order makes
//! a terminal that cannot be changed disturb its shop every night. A success, or a person who has
//! looked, ends it.

use std::time::Duration;

use shared::document::order::Class;
use shared::time::UnixTime;

/// Bad ends in a row.
pub const FAILURES_MAX: u32 = 3;

pub const LASTS: Duration = Duration::from_secs(24 * 3600);

/// Until when a terminal is left alone that has now failed so many times in a row.
pub fn until(failures: u32, now: UnixTime) -> Option<UnixTime> {
    (failures >= FAILURES_MAX).then(|| now.plus(LASTS))
}

/// What must not wait goes to it all the same.
pub fn spares(class: Class) -> bool {
    class >= Class::Security
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_failure_in_a_row_begins_it_and_each_further_one_anew() {
        let now = UnixTime(1_000);
        for (failures, expected) in [
            (0, None),
            (1, None),
            (2, None),
            (3, Some(now.plus(LASTS))),
            (9, Some(now.plus(LASTS))),
        ] {
            assert_eq!(until(failures, now), expected, "{failures}");
        }
    }

    #[test]
    fn what_must_not_wait_passes() {
        assert_eq!(Class::ALL.map(spares), [false, false, true, true]);
    }
}
