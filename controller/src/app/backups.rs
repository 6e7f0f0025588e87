//! Wires what keeps backups, what asks for them, and what tells where they are missed.

use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use crate::background::{Poke, Tasks, now};
use crate::backup::intake::Intake;
use crate::backup::keep::Keep;
use crate::backup::schedule::Scheduling;
use crate::backup::watch::Watch;
use crate::blob::Places;
use crate::campaign::Campaigns;
use crate::config::Backups;
use crate::registry::{Registry, RegistryError};

const KEEP_EVERY: Duration = Duration::from_secs(5);
const SCHEDULE_EVERY: Duration = Duration::from_secs(60);
const WATCH_EVERY: Duration = Duration::from_secs(60);

/// What HTTPS takes objects in with, and wakes when it did.
pub(super) struct Backup {
    pub(super) places: Places,
    pub(super) intake: Intake,
    pub(super) keep: Poke,
    pub(super) schedule: Poke,
}

/// Opens the places, and begins to keep and to schedule.
pub(super) async fn start(
    config: &Backups,
    registry: &Arc<dyn Registry>,
    campaigns: &Campaigns,
    execute: &Poke,
    tasks: &Tasks,
) -> Result<Backup, StartError> {
    let places = Places::open(&config.places)?;
    let intake =
        Intake::new(registry.clone(), places.clone(), config.terminal_bytes_max, config.pace);
    let (to_keep, to_schedule) = (Poke::new(), Poke::new());
    let keep = Arc::new(Keep::new(registry.clone(), places.clone(), config.verify_every));
    tasks.reconcile("keep", KEEP_EVERY, to_keep.clone(), move || {
        let keep = keep.clone();
        async move { keep.step(now()).await }
    });
    let watch = Arc::new(Watch::new(registry.clone(), config.overdue.clone()));
    watch.begin(now()).await?;
    tasks.reconcile("watch", WATCH_EVERY, Poke::new(), move || {
        let watch = watch.clone();
        async move { watch.step(now()).await }
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
