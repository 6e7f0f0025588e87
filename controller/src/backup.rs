//! What terminals save: taken in ([`intake`]), kept in two places ([`keep`]), until [`expire`]
//! finds that nobody wants it and [`purge`] deletes it. [`schedule`] asks for more of it, and
//! [`watch`] tells where it is missed. [`state`] is the life of a snapshot, [`retention`] says
//! which ones stay, [`drill`] reads what receipts say, [`overdue`] says what is too long; these are
//! pure.
//!
//! Everything is encrypted before it comes here, under keys that this program never sees: it
//! knows how much there is and whether it is whole, and nothing else. A terminal adds; it replaces
//! and deletes nothing.

pub mod drill;
pub mod expire;
pub mod intake;
pub mod keep;
pub mod overdue;
mod pace;
pub mod purge;
pub mod reading;
pub mod retention;
pub mod schedule;
pub mod state;
pub mod watch;

use std::fmt;

use shared::backup::ObjectName;
use shared::id::{RepositoryId, TerminalId};

pub use pace::{Pace, PaceLimits, TooFast};

/// One object among all that terminals have stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectKey {
    pub terminal: TerminalId,
    pub repository: RepositoryId,
    pub name: ObjectName,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} of {}", self.name.kind, self.name.sha256, self.repository)
    }
}
