//! Wires what keeps backups, what asks for them, and what tells where they are missed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tracing::info;

use super::StartError;
use crate::background::{Poke, Progress, Tasks, now};
use crate::backup::expire::Expire;
use crate::backup::intake::Intake;
use crate::backup::keep::Keep;
use crate::backup::purge::Purging;
use crate::backup::schedule::Scheduling;
use crate::backup::watch::Watch;
use crate::blob::{BlobError, Memory, Place, Places};
use crate::campaign::Campaigns;
use crate::config::Config;
use crate::deactivation::certify::Certify;
use crate::delivery::Signer;
use crate::registry::{Registry, RegistryError};

const KEEP_EVERY: Duration = Duration::from_secs(5);
const SCHEDULE_EVERY: Duration = Duration::from_secs(60);
const WATCH_EVERY: Duration = Duration::from_secs(60);

/// How often it is seen that a place is gone, or back, while there is nothing to do in it.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What killed uploads leave is cleared away when it is a day old.
const CLEAR_EVERY: Duration = Duration::from_secs(6 * 3600);
/// What expires is decided by the day.
/// Erased terminals are certified by people's patience.
const CERTIFY_EVERY: Duration = Duration::from_secs(10);
const EXPIRE_EVERY: Duration = Duration::from_secs(3600);

/// What HTTPS takes objects in with, and wakes when it did.
pub(super) struct Backup {
    pub(super) places: Places,
    pub(super) intake: Intake,
    pub(super) keep: Poke,
    pub(super) schedule: Poke,
}

/// Opens the places without looking into them.
pub(super) fn open(config: &Config) -> Result<Places, StartError> {
    let memory = Memory { fleet: config.fleet, directory: config.places.clone() };
    Ok(Places::open(&config.backups.places, &memory)?)
}

/// Looks for a place while nobody else does, and clears away what lies about in it.
fn look_after(place: Arc<Place>, tasks: &Tasks) {
    let looked_for = place.clone();
    tasks.reconcile("place", LOOK_EVERY, Poke::new(), move || {
        let place = looked_for.clone();
        async move {
            // Whether it is there is in the log and in the status.
            let _ready = place.ready().await;
            Ok::<_, Infallible>(Progress::Settled)
        }
    });
    tasks.reconcile("leftovers", CLEAR_EVERY, Poke::new(), move || {
        let place = place.clone();
        async move {
            let cleared = place.clear_leftovers().await?;
            if cleared > 0 {
                info!(place = place.name, cleared, "uploads that nobody finished are cleared away");
            }
            Ok::<_, BlobError>(Progress::Settled)
        }
    });
}

/// Opens the places, and begins to keep and to schedule.
pub(super) async fn start(
    config: &Config,
    registry: &Arc<dyn Registry>,
    campaigns: &Campaigns,
    signer: &Arc<Signer>,
    execute: &Poke,
    tasks: &Tasks,
) -> Result<Backup, StartError> {
    let places = open(config)?;
    let config = &config.backups;
    for place in places.0.clone() {
        look_after(place, tasks);
    }
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
    let names = places.0.iter().map(|it| format!("{} ({})", it.name, it.region)).collect();
    let certify = Arc::new(Certify::new(registry.clone(), signer.clone(), names));
    tasks.reconcile("certify", CERTIFY_EVERY, Poke::new(), move || {
        let certify = certify.clone();
        async move { certify.step(now()).await }
    });
    let expire = Arc::new(Expire::new(registry.clone(), config.retention));
    tasks.reconcile("expire", EXPIRE_EVERY, Poke::new(), move || {
        let expire = expire.clone();
        async move { expire.step(now()).await }
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
