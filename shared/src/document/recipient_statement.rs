//! To whom a backup's key is sealed that one terminal needs: that terminal says it, under its own
//! key, so that nobody else's recipient can be slipped in its place.

use serde::{Deserialize, Serialize};

use crate::id::TerminalId;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientStatement {
    pub format: u8,
    pub terminal: TerminalId,
    pub serial: String,
    /// An `age` recipient: `age1…`.
    pub recipient: String,
}
