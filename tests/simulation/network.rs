//! A network that may drop, double, delay and reorder, and a broker that keeps nothing.

use std::time::Duration;

use harness::dice::Dice;
use shared::message::{Down, Up};

/// How bad the network is, in percent of messages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    pub(crate) drop: u64,
    pub(crate) double: u64,
    /// Up to how long a message takes; more than the usual distance between two reorders them.
    pub(crate) delay_ms: u64,
    /// Of messages, how many break the connection.
    pub(crate) disconnect: u64,
}

#[expect(clippy::large_enum_variant, reason = "few are under way at once")]
#[derive(Clone, Debug)]
pub(crate) enum Parcelled {
    Up(Up),
    Down(Down),
}

#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) weather: Weather,
    dice: Dice,
    /// Whether the terminal has a line at all.
    pub(crate) line: bool,
    pub(crate) connected: bool,
    under_way: Vec<(Duration, u64, Parcelled)>,
    sent: u64,
    /// The weather just broke the connection.
    pub(crate) broke: bool,
}

const USUAL_DELAY: Duration = Duration::from_millis(40);

impl Network {
    pub(crate) fn new(weather: Weather, seed: u64) -> Self {
        Self {
            weather,
            dice: Dice::from_seed(seed),
            line: true,
            connected: false,
            under_way: Vec::new(),
            sent: 0,
            broke: false,
        }
    }

    pub(crate) fn send(&mut self, message: &Parcelled, now: Duration) {
        if !self.connected {
            return;
        }
        let Weather { drop, double, delay_ms, disconnect } = self.weather;
        self.broke |= self.dice.percent(disconnect);
        if self.dice.percent(drop) {
            return;
        }
        let copies = 1 + u64::from(self.dice.percent(double));
        for _ in 0..copies {
            let delay = Duration::from_millis(self.dice.below(delay_ms + 1));
            self.under_way.push((now + USUAL_DELAY + delay, self.sent, message.clone()));
            self.sent += 1;
        }
    }

    /// Nothing reaches the terminal any more; what it sent may still arrive.
    pub(crate) fn disconnect(&mut self) {
        self.connected = false;
        self.under_way.retain(|(_, _, message)| matches!(message, Parcelled::Up(_)));
    }

    pub(crate) fn next_at(&self) -> Option<Duration> {
        self.under_way.iter().map(|(at, _, _)| *at).min()
    }

    /// What arrives by now, the earliest first.
    pub(crate) fn arrived(&mut self, now: Duration) -> Option<Parcelled> {
        let due = self.under_way.iter().enumerate().filter(|(_, (at, _, _))| *at <= now);
        let (place, _) = due.min_by_key(|(_, (at, number, _))| (*at, *number))?;
        Some(self.under_way.remove(place).2)
    }
}
