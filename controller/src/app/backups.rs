//! Wires what keeps backups, and what asks for them.

use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use crate::background::{Poke, Progress, Tasks, now};
use crate::backup::expire::Expire;
use crate::backup::intake::Intake;
use crate::backup::keep::Keep;
use crate::backup::purge::Purging;
use crate::backup::schedule::Scheduling;
use crate::blob::Places;
use crate::campaign::Campaigns;
use crate::config::Backups;
use crate::delivery::Signer;
use crate::registry::{Registry, RegistryError};

const KEEP_EVERY: Duration = Duration::from_secs(5);
const SCHEDULE_EVERY: Duration = Duration::from_secs(60);
/// What expires is decided by the day.
const EXPIRE_EVERY: Duration = Duration::from_secs(3600);

/// What HTTPS takes objects in with, and wakes when it did.
pub(super) struct Backup {
    pub(super) places: Places,
    pub(super) intake: Intake,
    pub(super) keep: Poke,
    pub(super) schedule: Poke,
}

/// Opens the places, and begins to keep and to schedule.
pub(super) fn start(
    config: &Backups,
    registry: &Arc<dyn Registry>,
    campaigns: &Campaigns,
    signer: &Arc<Signer>,
    execute: &Poke,
    tasks: &Tasks,
) -> Result<Backup, StartError> {
    let places = Places::open(&config.places)?;
    let intake =
        Intake::new(registry.clone(), places.clone(), config.terminal_bytes_max, config.pace);
    let (to_keep, to_schedule) = (Poke::new(), Poke::new());
    let keep = Arc::new(Keep::new(registry.clone(), places.clone(), config.verify_every));
    let purging = Purging::new(registry.clone(), places.clone(), signer.clone());
    let purging = Arc::new(purging);
    // One after the other, so that nothing is copied anew while it is deleted.
    tasks.reconcile("keep", KEEP_EVERY, to_keep.clone(), move || {
        let (keep, purging) = (keep.clone(), purging.clone());
        async move {
            match (keep.step(now()).await?, purging.step(now()).await?) {
                (Progress::Settled, Progress::Settled) => Ok::<_, RegistryError>(Progress::Settled),
                (Progress::MoreToDo, _) | (_, Progress::MoreToDo) => Ok(Progress::MoreToDo),
            }
        }
    });
    let expire = Arc::new(Expire::new(registry.clone(), config.retention));
    tasks.reconcile("expire", EXPIRE_EVERY, Poke::new(), move || {
        let expire = expire.clone();
        async move { expire.step(now()).await }
    });
    let scheduling = Arc::new(Scheduling::new(registry.clone(), campaigns.clone()));
    let execute = execute.clone();
    tasks.reconcile("schedule", SCHEDULE_EVERY, to_schedule.clone(), move || {
        let (scheduling, execute) = (scheduling.clone(), execute.clone());
        async move {
            let progress = scheduling.step(now()).await?;
            execute.poke();
            Ok::<_, RegistryError>(progress)
        }
    });
    Ok(Backup { places, intake, keep: to_keep, schedule: to_schedule })
}
