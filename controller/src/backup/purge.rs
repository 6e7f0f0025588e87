//! Deletes repositories whose purge is begun, from both places, and writes the certificate.
//!
//! That it goes is in the registry before the first object goes ([`super::expire`]). A place is
//! emptied until one object is left, which is noted, and only then is that one removed: a place
//! that shows nothing at all before that is not believed, since a directory that is not mounted
//! shows nothing either. What is looked for is everything in the repository's folder, also what a
//! cut upload left there and no list knows.
//!
//! What is done next follows from what is noted and what the place shows ([`next`], pure), so
//! whoever is killed anywhere goes on.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use shared::digest::Digest;
use shared::document::purge_certificate::Emptied;
use shared::document::{FORMAT, PurgeCertificate};
use shared::time::UnixTime;
use tracing::{info, warn};

use super::expire::WHO;
use crate::background::Progress;
use crate::blob::{BlobError, Left, Place, Places};
use crate::delivery::Signer;
use crate::registry::audit::By;
use crate::registry::backup::retention::{Emptying, NewCertificate, Purge, Side};
use crate::registry::{Registry, RegistryError};

/// Repositories in one step, objects of each in one step, and removals at the same time.
const PURGES_MAX: u32 = 8;
const OBJECTS_MAX: usize = 512;
const AT_ONCE: usize = 8;

/// What is to be done to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Remove all that was found but one.
    AllButOne,
    /// Note that one is left.
    NoteLast,
    /// Remove all that was found.
    All,
    /// Sweep, look again, and note that nothing is left.
    NoteGone,
    /// It shows nothing of what must be there: look again later.
    Disbelieve,
    Nothing,
}

/// What a place shows (`found` objects of the repository) and what is noted of it decide.
/// `is_expected` says that the registry knows objects that were whole there.
pub fn next(noted: Emptying, found: usize, is_expected: bool) -> Next {
    match (noted.gone_at, noted.last_at, found) {
        (Some(_), _, _) => Next::Nothing,
        (None, None, 0) if is_expected => Next::Disbelieve,
        (None, None, 0 | 1) => Next::NoteLast,
        (None, None, _) => Next::AllButOne,
        (None, Some(_), 0) => Next::NoteGone,
        (None, Some(_), _) => Next::All,
    }
}

/// Why a place is not emptied now.
#[derive(Debug, thiserror::Error)]
enum NotEmptied {
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("the place shows nothing of it, and there must be something: is it mounted?")]
    Disbelieved,
}

/// The reconciler.
#[derive(Debug)]
pub struct Purging {
    registry: Arc<dyn Registry>,
    places: Places,
    signer: Arc<Signer>,
}

impl Purging {
    pub fn new(registry: Arc<dyn Registry>, places: Places, signer: Arc<Signer>) -> Self {
        Self { registry, places, signer }
    }

    /// A place that does not answer holds up its own purges only.
    pub async fn step(&self, now: UnixTime) -> Result<Progress, RegistryError> {
        let mut progress = Progress::Settled;
        for mut purge in self.registry.purges(PURGES_MAX).await? {
            let mut is_gone = true;
            for (at, side) in [Side::First, Side::Second].into_iter().enumerate() {
                let place = &self.places.0[at];
                match self.empty(&purge, side, place, now).await {
                    Ok(None) => {}
                    Ok(Some(noted)) => {
                        purge.places[at] = noted;
                        progress = Progress::MoreToDo;
                    }
                    Err(NotEmptied::Registry(error)) => return Err(error),
                    Err(error @ (NotEmptied::Blob(_) | NotEmptied::Disbelieved)) => {
                        let (repository, place) = (purge.repository.id, place.name.as_str());
                        let error = &error as &dyn std::error::Error;
                        warn!(%repository, place, error, "a purge waits");
                    }
                }
                is_gone &= purge.places[at].gone_at.is_some();
            }
            if is_gone {
                self.certify(&purge, now).await?;
                progress = Progress::MoreToDo;
            }
        }
        Ok(progress)
    }

    /// One step; gives how far the place is when anything was done.
    async fn empty(
        &self,
        purge: &Purge,
        side: Side,
        place: &Place,
        now: UnixTime,
    ) -> Result<Option<Emptying>, NotEmptied> {
        let noted = match side {
            Side::First => purge.places[0],
            Side::Second => purge.places[1],
        };
        if noted.gone_at.is_some() {
            return Ok(None);
        }
        let (terminal, id) = (purge.repository.terminal, purge.repository.id);
        let mut left = place.left_of(terminal, id, OBJECTS_MAX).await?;
        let after = match next(noted, left.len(), purge.is_expected) {
            Next::Nothing => return Ok(None),
            Next::Disbelieve => return Err(NotEmptied::Disbelieved),
            Next::AllButOne => {
                // The key stays until the end: without it the rest would be worth nothing.
                let last = left.iter().position(|it| it.is_sealed_key).unwrap_or(0);
                left.swap_remove(last);
                remove(place, left).await?;
                return Ok(Some(noted));
            }
            Next::All => {
                remove(place, left).await?;
                return Ok(Some(noted));
            }
            Next::NoteLast => Emptying { last_at: Some(now), ..noted },
            Next::NoteGone => {
                place.sweep(terminal, id).await?;
                if !place.left_of(terminal, id, 1).await?.is_empty() {
                    return Ok(Some(noted));
                }
                Emptying { gone_at: Some(now), ..noted }
            }
        };
        self.registry.note_emptying(id, side, after).await?;
        Ok(Some(after))
    }

    /// Both places are empty: says so for good.
    async fn certify(&self, purge: &Purge, now: UnixTime) -> Result<(), RegistryError> {
        let repository = &purge.repository;
        let emptied = self.places.0.iter().zip(purge.places).map(|(place, noted)| Emptied {
            name: place.name.clone(),
            region: place.region.clone(),
            verified_at: noted.gone_at.unwrap_or(now),
        });
        let mut certificate = PurgeCertificate {
            format: FORMAT,
            terminal: repository.terminal,
            serial: purge.serial.clone(),
            repository: repository.id,
            sealed_key: repository.sealed_key,
            opened_at: repository.opened_at,
            closed_at: repository.closed_at.unwrap_or(purge.begun_at),
            snapshots: 0,
            manifests: Digest::of(&[]),
            listed: Vec::new(),
            objects: repository.objects,
            bytes: repository.bytes,
            begun_at: purge.begun_at,
            finished_at: now,
            places: emptied.collect(),
        };
        certificate.list(&self.registry.leaving(repository.id).await?);
        let paper = self.signer.purge_certificate(certificate);
        let new = NewCertificate {
            repository: repository.id,
            digest: paper.digest,
            signed: paper.signed,
            finished_at: now,
        };
        let why = format!("certificate {}", paper.digest);
        let by = By { who: WHO.to_owned(), why, at: now };
        if self.registry.finish_purge(&new, &by).await? {
            info!(repository = %repository.id, certificate = %paper.digest, "purged");
        }
        Ok(())
    }
}

async fn remove(place: &Place, left: Vec<Left>) -> Result<(), BlobError> {
    let removals = stream::iter(left).map(|it| async move { place.remove_left(&it).await });
    removals.buffer_unordered(AT_ONCE).try_collect().await
}

#[cfg(test)]
mod tests;
