//! How often a terminal answers refusals: whoever can repeat old orders must not be able to
//! fill its outbox.

use std::collections::VecDeque;
use std::time::Duration;

use shared::id::OrderId;

/// Answers that may be given at once, and how fast they come back.
const ANSWERS_MAX: u32 = 16;
const ANSWER_EVERY: Duration = Duration::from_secs(60);

/// Orders whose refusal was told and is not repeated.
const TOLD_MAX: usize = 64;

#[derive(Clone, Debug)]
pub(super) struct Restraint {
    answers: u32,
    counted_at: Duration,
    told: VecDeque<OrderId>,
}

impl Restraint {
    pub(super) fn new(uptime: Duration) -> Self {
        Self { answers: ANSWERS_MAX, counted_at: uptime, told: VecDeque::new() }
    }

    /// Whether this order's refusal is to be told; it is not, a second time.
    pub(super) fn tells(&mut self, order: OrderId, uptime: Duration) -> bool {
        if self.told.contains(&order) || !self.allows(uptime) {
            return false;
        }
        if self.told.len() == TOLD_MAX {
            self.told.pop_front();
        }
        self.told.push_back(order);
        true
    }

    /// Whether one more answer may be given now.
    pub(super) fn allows(&mut self, uptime: Duration) -> bool {
        while self.answers < ANSWERS_MAX && self.counted_at + ANSWER_EVERY <= uptime {
            self.answers += 1;
            self.counted_at += ANSWER_EVERY;
        }
        if self.answers == ANSWERS_MAX {
            self.counted_at = uptime;
        }
        let allowed = self.answers > 0;
        self.answers = self.answers.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_once_and_a_flood_of_them_is_not_told() {
        let mut restraint = Restraint::new(Duration::ZERO);
        let order = |number: u8| OrderId::from_bytes([number; 16]);
        assert!(restraint.tells(order(0), Duration::ZERO));
        assert!(!restraint.tells(order(0), Duration::ZERO));
        let told = (1..200).filter(|n| restraint.tells(order(*n), Duration::ZERO)).count();
        assert_eq!(told, 15);
        let hour = Duration::from_secs(3600);
        let told = (1..200).filter(|n| restraint.tells(order(*n), hour)).count();
        assert_eq!(told, 16);
    }
}
