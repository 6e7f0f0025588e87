//! Who has not been heard for too long.

use std::sync::Arc;
use std::time::Duration;

use shared::limits::HELLO_EVERY_S;
use shared::time::UnixTime;
use tracing::info;

use crate::background::Progress;
use crate::registry::{Registry, RegistryError};

/// Two hellos were missed, and their jitter is over. The broker's last will is faster, where a
/// broker is there to tell it.
pub const SILENT_AFTER: Duration = Duration::from_secs(2 * HELLO_EVERY_S + 10 * 60);

/// In one step.
const MARKED_MAX: u32 = 1000;

/// Marks terminals offline that have not been heard for [`SILENT_AFTER`].
#[derive(Debug)]
pub struct Silence {
    registry: Arc<dyn Registry>,
}

impl Silence {
    pub fn new(registry: Arc<dyn Registry>) -> Self {
        Self { registry }
    }

    pub async fn step(&self, now: UnixTime) -> Result<Progress, RegistryError> {
        let silent = self.registry.mark_silent(now.minus(SILENT_AFTER), MARKED_MAX).await?;
        if silent > 0 {
            info!(silent, "terminals have not been heard and count as offline");
        }
        Ok(if silent == u64::from(MARKED_MAX) { Progress::MoreToDo } else { Progress::Settled })
    }
}
