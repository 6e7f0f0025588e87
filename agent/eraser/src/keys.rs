//! Where keys are, and how each of these places destroys them for good.

mod file;
mod luks;
mod program;

use std::io;

pub use file::KeyFile;
pub use luks::LuksKeyslots;
pub use program::KeyProgram;

use crate::gate::Gate;
use crate::protocol::{Key, KeyMethod};
use crate::record::{Outcome, Seen};

pub trait KeyStore {
    /// For reports and failures.
    fn name(&self) -> String;

    fn method(&self) -> KeyMethod;

    /// Whether a key is there to be destroyed, before anything was done.
    fn is_there(&self) -> bool {
        !matches!(self.is_gone(), Seen::Gone(_))
    }

    /// Can be repeated: after a cut, what is gone already is no failure.
    fn destroy(&self, gate: &dyn Gate) -> Result<Outcome, NotDestroyed>;

    /// By trying to find it, or to use it.
    fn is_gone(&self) -> Seen;
}

#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct NotDestroyed {
    pub why: String,
    /// What to do about it, in the imperative.
    pub hint: &'static str,
}

pub fn store(key: &Key) -> Box<dyn KeyStore + '_> {
    match key {
        Key::File { path } => Box::new(KeyFile { path }),
        Key::Luks { device, header_backups } => Box::new(LuksKeyslots { device, header_backups }),
        Key::Program { erase, check } => Box::new(KeyProgram { erase, check }),
    }
}

/// For a gate that was closed.
fn stopped(error: io::Error) -> NotDestroyed {
    NotDestroyed { why: error.to_string(), hint: "start it again" }
}
