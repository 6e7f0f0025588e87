//! The wire, as bad as it may be.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use shared::id::TerminalId;
use shared::message::Down;

use super::dice::Dice;
use crate::delivery::{NotSent, Wire};

/// How a direction treats messages, in cases of a hundred.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    pub(super) lost: usize,
    pub(super) doubled: usize,
    /// Exchanged with another one.
    pub(super) moved: usize,
}

impl Weather {
    pub(super) const FAIR: Self = Self { lost: 0, doubled: 0, moved: 0 };
    pub(super) const FOUL: Self = Self { lost: 25, doubled: 20, moved: 30 };

    pub(super) fn pass<T: Clone>(
        self,
        messages: impl IntoIterator<Item = T>,
        dice: &mut Dice,
    ) -> Vec<T> {
        let mut passed = Vec::new();
        for message in messages {
            if dice.chance(self.lost) {
                continue;
            }
            if dice.chance(self.doubled) {
                passed.push(message.clone());
            }
            passed.push(message);
        }
        for at in 0..passed.len() {
            if dice.chance(self.moved) {
                let other = dice.below(passed.len());
                passed.swap(at, other);
            }
        }
        passed
    }
}

/// What the controller hands to the broker.
#[derive(Debug, Default)]
pub(super) struct Broker(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    is_down: bool,
    under_way: VecDeque<(TerminalId, Down)>,
}

impl Broker {
    pub(super) fn take(&self) -> Vec<(TerminalId, Down)> {
        self.0.lock().unwrap().under_way.drain(..).collect()
    }

    /// It ends, and with it everything that was under way.
    pub(super) fn stop(&self) {
        *self.0.lock().unwrap() = Inside { is_down: true, under_way: VecDeque::new() };
    }

    pub(super) fn start(&self) {
        self.0.lock().unwrap().is_down = false;
    }
}

#[async_trait]
impl Wire for Broker {
    async fn send(&self, terminal: TerminalId, message: Down) -> Result<(), NotSent> {
        let mut inside = self.0.lock().unwrap();
        if inside.is_down {
            return Err(NotSent::NotConnected(terminal));
        }
        inside.under_way.push_back((terminal, message));
        Ok(())
    }
}
