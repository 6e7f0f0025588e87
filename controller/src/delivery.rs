//! From an intention to an acknowledged outcome.
//!
//! ```text
//! terminal ─► Inbound ─► spool (durable) ─► Ack          what it said, untouched
//!                           └─► Follow ─► registry       applied in batches, in any order
//!                                  └─► Deliver           hello: time, rosters, what is owed
//! registry ─► Deliver ─► terminal                        again and again, until the terminal signs
//! ```
//!
//! Nothing here believes a broker: a record is acknowledged by us once it is durable here, an
//! order is owed until its terminal's signed receipt is in the registry.

mod cursor;
mod deliver;
mod follow;
mod inbound;
pub mod presence;
mod sign;
mod spool;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use shared::id::TerminalId;
use shared::message::Down;

pub use deliver::{Brokers, Deliver};
pub use follow::{Follow, NotFollowed};
pub use inbound::Inbound;
pub use sign::{OrderPaper, Paper, Signer};
pub use spool::{NotSpooled, Spool};

/// Carries messages to terminals. It may lose them.
#[async_trait]
pub trait Wire: std::fmt::Debug + Send + Sync {
    /// Hands a message to the broker that serves this terminal; does not wait for an answer.
    async fn send(&self, terminal: TerminalId, message: Down) -> Result<(), NotSent>;
}

/// Why a message did not go out. It stays owed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    #[error("there is no connection to the broker of terminal {0}")]
    NotConnected(TerminalId),
    #[error("the connection to the broker of terminal {0} has no room at present")]
    Busy(TerminalId),
    #[error("a message for terminal {terminal} has {bytes} bytes, more than the {max} that travel")]
    TooLarge { terminal: TerminalId, bytes: usize, max: usize },
}
