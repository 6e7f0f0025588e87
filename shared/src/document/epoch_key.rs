//! The key of one terminal's backups for one term, as it is sealed to the fleet's recovery
//! recipients: whoever opens the seal can read what the terminal saved under it, and nothing else.
//!
//! The terminal signs it, so that whoever opens the seal knows whose key it is. It is never stored
//! or sent but sealed (age, to at least [`crate::backup::RECIPIENTS_MIN`] recipients).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::id::{RepositoryId, TerminalId};
use crate::time::UnixTime;

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochKey {
    pub format: u8,
    pub terminal: TerminalId,
    pub repository: RepositoryId,
    pub made_at: UnixTime,
    /// Of restic's repository format: 32 bytes to encrypt with, 16 and 16 to authenticate with.
    pub key: ByteBuf,
}

impl fmt::Debug for EpochKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the key of {} for {}", self.terminal, self.repository)
    }
}
