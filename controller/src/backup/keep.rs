//! Keeps every object whole in both places: copies it into the second, reads it back from each,
//! reads all again from time to time, and mends one copy from the other.
//!
//! What is to be done is decided from what was found in the two places ([`deed`], pure). Nothing
//! is remembered here: whoever is killed finds the same object due again.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use shared::digest::Digest;
use shared::time::UnixTime;
use tracing::warn;

use super::ObjectKey;
use crate::background::Progress;
use crate::blob::{BlobError, Place, Places, Ready};
use crate::registry::backup::snapshot::{DueObject, Examined, ObjectState};
use crate::registry::delivery::{Alarm, AlarmKind};
use crate::registry::{Registry, RegistryError};

/// In one step, and at the same time.
const OBJECTS_MAX: u32 = 64;
const AT_ONCE: usize = 4;

/// When a place that did not answer is asked again.
const UNANSWERED_AFTER: Duration = Duration::from_secs(60);

/// When something that is lost is looked for again: a disk may come back.
const LOST_AFTER: Duration = Duration::from_secs(3600);

/// What a place has of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Whole,
    /// Other bytes than were stored.
    Rotten,
    Missing,
    /// Nobody has put it there yet.
    NotYet,
    /// The place did not answer, or is not there.
    Unknown,
}

/// What is to be done about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Nothing: it was read back from both.
    Proven,
    /// Into the second place.
    Copy,
    MendFirst,
    MendSecond,
    /// There is nothing to mend it from.
    GiveUp,
    AskAgain,
}

/// What the two places have decides what is done.
pub fn deed(first: Found, second: Found) -> Deed {
    use Found::{Missing, NotYet, Rotten, Unknown, Whole};
    match (first, second) {
        (Whole, Whole) => Deed::Proven,
        (Whole, NotYet) => Deed::Copy,
        (Whole, Rotten | Missing) => Deed::MendSecond,
        (Rotten | Missing | NotYet, Whole) => Deed::MendFirst,
        (Unknown, _) | (_, Unknown) => Deed::AskAgain,
        (Rotten | Missing | NotYet, Rotten | Missing | NotYet) => Deed::GiveUp,
    }
}

/// The reconciler.
#[derive(Debug)]
pub struct Keep {
    registry: Arc<dyn Registry>,
    places: Places,
    verify_every: Duration,
}

impl Keep {
    pub fn new(registry: Arc<dyn Registry>, places: Places, verify_every: Duration) -> Self {
        Self { registry, places, verify_every }
    }

    pub async fn step(&self, now: UnixTime) -> Result<Progress, RegistryError> {
        let due = self.registry.objects_due(now, OBJECTS_MAX).await?;
        if due.is_empty() {
            return Ok(Progress::Settled);
        }
        let [first, second] = &self.places.0;
        // Why one is not there is in the log by then.
        let ready = [first.ready().await.ok(), second.ready().await.ok()];
        let examined = stream::iter(due).map(|object| self.examine(object, ready, now));
        let examined: Vec<_> = examined.buffer_unordered(AT_ONCE).collect().await;
        self.registry.examined(&examined, now).await?;
        Ok(Progress::MoreToDo)
    }

    async fn examine(
        &self,
        object: DueObject,
        ready: [Option<Ready>; 2],
        now: UnixTime,
    ) -> Examined {
        let (first, second) = (self.places.first(), self.places.second());
        let in_first = look(first, ready[0], &object.key, object.first_at).await;
        let in_second = match (object.copied_at, ready[1]) {
            (Some(_), ready) => look(second, ready, &object.key, object.second_at).await,
            (None, Some(_)) => Found::NotYet,
            (None, None) => Found::Unknown,
        };
        let deed = deed(in_first, in_second);
        let done = match deed {
            Deed::Proven | Deed::GiveUp | Deed::AskAgain => Ok(()),
            Deed::Copy | Deed::MendSecond => copy(first, second, &object.key).await,
            Deed::MendFirst => copy(second, first, &object.key).await,
        };
        match done {
            Ok(()) => self.concluded(object, deed, [in_first, in_second], now),
            Err(error) => {
                let (key, error) = (object.key, &error as &dyn std::error::Error);
                warn!(%key, error, "an object could not be copied; will try again");
                Examined { object, due_at: now.plus(UNANSWERED_AFTER), alarm: None }
            }
        }
    }

    /// What the registry is to know after the deed was done.
    fn concluded(
        &self,
        mut object: DueObject,
        deed: Deed,
        found: [Found; 2],
        now: UnixTime,
    ) -> Examined {
        let [in_first, in_second] = found.map(|found| found == Found::Whole);
        object.first_at = if in_first { Some(now) } else { object.first_at };
        object.second_at = if in_second { Some(now) } else { object.second_at };
        let was = object.state;
        let (state, due_at) = match deed {
            Deed::Proven => (ObjectState::Proven, self.again_at(object.key.name.sha256, now)),
            // What was written is read back as the next thing; a disk that spoils what is mended
            // is not worn out by mending.
            Deed::Copy | Deed::MendFirst | Deed::MendSecond => {
                object.copied_at = Some(object.copied_at.unwrap_or(now));
                let state = if was == ObjectState::Lost { ObjectState::Waiting } else { was };
                let due_at = if deed == Deed::Copy { now } else { now.plus(UNANSWERED_AFTER) };
                (state, due_at)
            }
            Deed::GiveUp => (ObjectState::Lost, now.plus(LOST_AFTER)),
            Deed::AskAgain => (was, now.plus(UNANSWERED_AFTER)),
        };
        object.state = state;
        Examined { due_at, alarm: self.alarm(&object, deed, found, now), object }
    }

    fn alarm(
        &self,
        object: &DueObject,
        deed: Deed,
        [first, second]: [Found; 2],
        now: UnixTime,
    ) -> Option<Alarm> {
        let [north, south] = self.places.0.each_ref().map(|place| place.name.as_str());
        let key = object.key;
        let (subject, detail) = match deed {
            // That is how a place is filled that replaces another one.
            Deed::MendFirst if first == Found::NotYet => return None,
            Deed::MendFirst => (
                format!("{key} in `{north}`"),
                format!("it was {} in `{north}`; repaired from `{south}`", is(first)),
            ),
            Deed::MendSecond => (
                format!("{key} in `{south}`"),
                format!("it was {} in `{south}`; repaired from `{north}`", is(second)),
            ),
            Deed::GiveUp => (
                key.to_string(),
                format!(
                    "it is {} in `{north}` and {} in `{south}`: what was saved with it cannot be \
                     restored",
                    is(first),
                    is(second)
                ),
            ),
            Deed::Proven | Deed::Copy | Deed::AskAgain => return None,
        };
        let terminal = key.terminal;
        Some(Alarm {
            terminal,
            kind: AlarmKind::BackupDamaged,
            subject,
            detail,
            at: now,
            ended_at: None,
        })
    }

    /// In about the time that was asked for; not all that came together again together.
    fn again_at(&self, sha256: Digest, now: UnixTime) -> UnixTime {
        let part = u32::from(u16::from_be_bytes([sha256.0[0], sha256.0[1]]));
        let spread = self.verify_every / 5 * part / u32::from(u16::MAX);
        now.plus(self.verify_every * 9 / 10 + spread)
    }
}

fn is(found: Found) -> &'static str {
    match found {
        Found::Whole => "whole",
        Found::Rotten => "rotten",
        Found::Missing => "missing",
        Found::NotYet => "not yet",
        Found::Unknown => "unknown",
    }
}

/// `seen_at` is when it was last read back from there. A place that is not there lacks nothing; one
/// that replaces another lacks what it was never given.
async fn look(
    place: &Place,
    ready: Option<Ready>,
    key: &ObjectKey,
    seen_at: Option<UnixTime>,
) -> Found {
    if ready.is_none() {
        return Found::Unknown;
    }
    let found = match place.digest(key).await {
        Ok(Some(digest)) if digest == key.name.sha256 => return Found::Whole,
        Ok(Some(_)) => Found::Rotten,
        Ok(None) => Found::Missing,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            warn!(%key, error, "a place does not answer; will ask again");
            return Found::Unknown;
        }
    };
    // The place may have gone in between.
    match place.ready().await {
        Ok(Ready { adopted_at: Some(at) })
            if found == Found::Missing && seen_at.is_none_or(|seen_at| seen_at <= at) =>
        {
            Found::NotYet
        }
        Ok(_) => found,
        Err(_) => Found::Unknown,
    }
}

/// What is gone between looking and copying is found to be gone the next time.
async fn copy(from: &Place, to: &Place, key: &ObjectKey) -> Result<(), BlobError> {
    to.copy_from(from, key).await.map(|_there| ())
}

#[cfg(test)]
mod tests;
