//! How often a terminal answers refusals: whoever can repeat old orders must not be able to fill
//! its outbox, nor to hide the refusal of one order behind many of another.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use shared::change::Verb;
use shared::id::OrderId;
use shared::outcome::Refusal;

/// Answers that may be given at once, whatever they are about, and how fast they come back.
const ANSWERS: Limit = Limit { at_once: 16, every: Duration::from_secs(60) };

/// Beside that, of each verb and refusal: there are a few hundred pairs at most, of which an order
/// reaches a few dozen, so all of them together have room in the outbox.
const OF_EACH: Limit = Limit { at_once: 2, every: Duration::from_secs(6 * 3600) };

/// Orders whose refusal was told and is not repeated.
const TOLD_MAX: usize = 64;

/// What an order was to do, where that could be read, and why it is refused.
pub(super) type Sort = (Option<Verb>, Refusal);

#[derive(Clone, Copy, Debug)]
struct Limit {
    at_once: u32,
    every: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Budget {
    left: u32,
    counted_at: Duration,
}

impl Budget {
    fn new(limit: Limit, uptime: Duration) -> Self {
        Self { left: limit.at_once, counted_at: uptime }
    }

    /// Whether one more may be had now, which is then gone.
    fn takes(&mut self, limit: Limit, uptime: Duration) -> bool {
        while self.left < limit.at_once && self.counted_at + limit.every <= uptime {
            self.left += 1;
            self.counted_at += limit.every;
        }
        if self.left == limit.at_once {
            self.counted_at = uptime;
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        allowed
    }
}

#[derive(Clone, Debug)]
pub(super) struct Restraint {
    answers: Budget,
    of_each: BTreeMap<Sort, Budget>,
    told: VecDeque<OrderId>,
}

impl Restraint {
    pub(super) fn new(uptime: Duration) -> Self {
        let answers = Budget::new(ANSWERS, uptime);
        Self { answers, of_each: BTreeMap::new(), told: VecDeque::new() }
    }

    /// Whether this order's refusal is to be told; it is not, a second time.
    pub(super) fn tells(&mut self, order: OrderId, sort: Sort, uptime: Duration) -> bool {
        if self.told.contains(&order) || !self.allows_sort(sort, uptime) {
            return false;
        }
        if self.told.len() == TOLD_MAX {
            self.told.pop_front();
        }
        self.told.push_back(order);
        true
    }

    fn allows_sort(&mut self, sort: Sort, uptime: Duration) -> bool {
        let own = self.of_each.entry(sort).or_insert_with(|| Budget::new(OF_EACH, uptime));
        own.takes(OF_EACH, uptime) || self.allows(uptime)
    }

    /// Whether one more answer may be given now.
    pub(super) fn allows(&mut self, uptime: Duration) -> bool {
        self.answers.takes(ANSWERS, uptime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: Sort = (Some(Verb::Ping), Refusal::Expired);
    const WIPE: Sort = (Some(Verb::Decommission), Refusal::TooFewSignatures);

    fn order(number: u8) -> OrderId {
        OrderId::from_bytes([number; 16])
    }

    #[test]
    fn a_refusal_is_told_once_and_a_flood_of_them_is_not_told() {
        let mut restraint = Restraint::new(Duration::ZERO);
        assert!(restraint.tells(order(0), PING, Duration::ZERO));
        assert!(!restraint.tells(order(0), PING, Duration::ZERO));
        let mut told =
            |uptime| (1..200).filter(|n| restraint.tells(order(*n), PING, uptime)).count();
        assert_eq!(told(Duration::ZERO), 17);
        assert_eq!(told(Duration::from_secs(3_600)), 16);
        assert_eq!(told(Duration::from_secs(7 * 3_600)), 17);
    }

    #[test]
    fn behind_a_flood_of_refusals_of_another_sort_the_refusal_of_a_wipe_is_told() {
        let restore = (Some(Verb::Restore), Refusal::TooFewSignatures);
        let unread = (None, Refusal::TooFewSignatures);
        for flood in [PING, restore, unread, (Some(Verb::Decommission), Refusal::Expired)] {
            let mut restraint = Restraint::new(Duration::ZERO);
            for number in 0..200 {
                restraint.tells(order(number), flood, Duration::ZERO);
            }
            assert!(!restraint.tells(order(200), flood, Duration::ZERO));
            assert!(restraint.tells(order(201), WIPE, Duration::ZERO), "{flood:?}");
        }
    }

    #[test]
    fn all_sorts_together_have_an_end() {
        let mut restraint = Restraint::new(Duration::ZERO);
        let mut told = 0;
        for number in 0..=u8::MAX {
            for refusal in Refusal::ALL {
                let mut id = [number; 16];
                id[0] = refusal as u8;
                told += usize::from(restraint.tells(
                    OrderId::from_bytes(id),
                    (Some(Verb::Restore), refusal),
                    Duration::ZERO,
                ));
            }
        }
        assert_eq!(told, 2 * Refusal::ALL.len() + 16);
    }
}
