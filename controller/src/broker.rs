//! The wire between terminals and controllers: an embedded MQTT 5 broker, or external ones.
//!
//! Nothing is trusted to a broker but to carry: no sessions, no retained messages, no queues that
//! outlive a connection. Both ends keep what matters and reconcile.

pub mod access;
pub mod embedded;

use shared::id::TerminalId;
use shared::topic::Shard;

use crate::config::{Cell, HostPort};
use crate::delivery;

/// Which broker serves which terminal. Every shard has exactly one.
#[derive(Clone, Debug)]
pub struct Brokers(Vec<Cell>);

impl Brokers {
    /// One for all.
    pub fn one(address: HostPort) -> Self {
        Self(vec![Cell { address, shards: 0..=u8::MAX }])
    }

    /// As configured: see [`crate::config`], which refuses cells that leave a shard out.
    pub fn of(cells: Vec<Cell>) -> Self {
        Self(cells)
    }

    pub fn cells(&self) -> &[Cell] {
        &self.0
    }

    /// Where this terminal connects.
    pub fn address_for(&self, terminal: TerminalId) -> &HostPort {
        self.address_of(Shard::of(terminal))
    }

    fn address_of(&self, Shard(shard): Shard) -> &HostPort {
        let cell = self.0.iter().find(|cell| cell.shards.contains(&shard));
        &cell.expect("the configuration is refused unless the cells serve every shard").address
    }
}

impl delivery::Brokers for Brokers {
    fn broker_of(&self, shard: Shard) -> String {
        self.address_of(shard).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_terminal_is_sent_to_the_cell_of_its_shard() {
        let [low, high] = ["low.example:1", "high.example:2"].map(|a| a.parse().unwrap());
        let brokers = Brokers::of(vec![
            Cell { address: low, shards: 0..=99 },
            Cell { address: high, shards: 100..=255 },
        ]);
        for number in 0..50 {
            let terminal = TerminalId::from_bytes([number; 16]);
            let expected =
                if Shard::of(terminal).0 < 100 { "low.example:1" } else { "high.example:2" };
            assert_eq!(brokers.address_for(terminal).to_string(), expected);
        }
    }
}
