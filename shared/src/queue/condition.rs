//! How the store is after something failed, and when to try again.
//!
//! A database handle is of no use after an error: it is dropped, and opened again when somebody
//! asks and the pause is over. Damage that shows while the program runs is not repaired here: what
//! the program knows would no longer match the store. It ends, starts again, and the damaged
//! database is moved aside at open.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Health;
use super::batch::{Batch, Class};
use super::error::{DatabaseError, StoreError};
use super::opening::Ready;
use super::place::Place;

/// First and longest pause before a failed database is opened again.
const REOPEN_FIRST: Duration = Duration::from_millis(500);
const REOPEN_LONGEST: Duration = Duration::from_secs(60);

/// First and longest pause before the reserve is filled again: each attempt on a full disk writes
/// what is left of it.
const REFILL_FIRST: Duration = Duration::from_secs(10);
const REFILL_LONGEST: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    not_before: Duration,
    pause: Duration,
}

impl Retry {
    fn after(pause: Duration, now: Duration) -> Self {
        Self { not_before: now + pause, pause }
    }

    fn again(self, now: Duration, longest: Duration) -> Self {
        Self::after((self.pause * 2).min(longest), now)
    }
}

#[expect(clippy::large_enum_variant, reason = "a database has one, and is ready nearly always")]
#[derive(Debug)]
pub(super) enum Condition {
    Ready(Ready),
    /// The error may pass: the database is opened again.
    Interrupted {
        cause: Arc<DatabaseError>,
        retry: Retry,
    },
    /// Only a new start of the program helps.
    Damaged {
        reason: String,
    },
}

impl Condition {
    /// What follows from an error. With the reserve just given up there is room to go on at once.
    pub(super) fn after(cause: Arc<DatabaseError>, now: Duration, reserve: &Reserve) -> Self {
        match &*cause {
            DatabaseError::Damaged { reason } => Self::Damaged { reason: reason.clone() },
            DatabaseError::NoSpace { .. } if reserve.was_given_up_at(now) => {
                let retry = Retry { not_before: now, pause: REOPEN_FIRST };
                Self::Interrupted { cause, retry }
            }
            DatabaseError::NoSpace { .. } | DatabaseError::Io { .. } => {
                Self::Interrupted { cause, retry: Retry::after(REOPEN_FIRST, now) }
            }
        }
    }

    /// What to tell somebody who asks while the store is not ready.
    pub(super) fn refusal(&self, directory: &Path) -> StoreError {
        match self {
            Self::Ready(_) => StoreError::Busy,
            Self::Interrupted { cause, .. } => StoreError::from_database(directory, cause),
            Self::Damaged { reason } => {
                StoreError::Damaged { path: directory.to_owned(), reason: reason.clone() }
            }
        }
    }

    pub(super) fn health(&self, reserve: &Reserve) -> Health {
        match self {
            Self::Ready(_) if reserve.is_low() => Health::LowSpace,
            Self::Ready(_) => Health::Ready,
            Self::Interrupted { .. } => Health::Interrupted,
            Self::Damaged { .. } => Health::Damaged,
        }
    }

    /// Whether it is time to open an interrupted database again.
    pub(super) fn due(&self, now: Duration) -> Option<Retry> {
        match self {
            Self::Interrupted { retry, .. } => Some(*retry).filter(|it| now >= it.not_before),
            Self::Ready(_) | Self::Damaged { .. } => None,
        }
    }

    /// What follows from an attempt to open it again.
    pub(super) fn reopened(
        outcome: Result<Ready, DatabaseError>,
        retry: Retry,
        now: Duration,
    ) -> Self {
        match outcome {
            Ok(ready) => {
                tracing::info!("the store works again");
                Self::Ready(ready)
            }
            Err(DatabaseError::Damaged { reason }) => Self::Damaged { reason },
            Err(cause @ (DatabaseError::NoSpace { .. } | DatabaseError::Io { .. })) => {
                let retry = retry.again(now, REOPEN_LONGEST);
                Self::Interrupted { cause: Arc::new(cause), retry }
            }
        }
    }
}

/// The file that is given up when the disk is full.
#[derive(Debug)]
pub(super) struct Reserve {
    /// Set while the file is not there in full.
    low: Option<Low>,
}

#[derive(Clone, Copy, Debug)]
struct Low {
    since: Duration,
    refill: Retry,
}

impl Low {
    fn since(now: Duration) -> Self {
        Self { since: now, refill: Retry::after(REFILL_FIRST, now) }
    }
}

impl Reserve {
    pub(super) fn at_open(place: &Place, now: Duration) -> Self {
        let Err(error) = place.fill_reserve() else { return Self { low: None } };
        tracing::warn!(%error, "there is no room for the disk reserve of the store");
        Self::remove(place);
        Self { low: Some(Low::since(now)) }
    }

    pub(super) fn is_low(&self) -> bool {
        self.low.is_some()
    }

    fn was_given_up_at(&self, now: Duration) -> bool {
        self.low.is_some_and(|low| low.since == now)
    }

    /// Makes room on the disk.
    pub(super) fn give_up(&mut self, place: &Place, now: Duration) {
        if Self::remove(place) {
            tracing::warn!("the disk is full: the reserve of the store is in use");
            self.low = Some(Low::since(now));
        }
    }

    fn remove(place: &Place) -> bool {
        place.release_reserve().unwrap_or_else(|error| {
            tracing::warn!(%error, "the disk reserve of the store could not be given up");
            false
        })
    }

    /// While the disk is low, only what ends work may be written.
    pub(super) fn admit(&self, batch: &Batch, place: &Place) -> Result<(), StoreError> {
        let telemetry = batch.pushes.iter().any(|(class, _)| *class == Class::Telemetry);
        if self.is_low() && (batch.takes_on_work || telemetry) {
            return Err(StoreError::LowSpace { path: place.directory().to_owned() });
        }
        Ok(())
    }

    /// Fills the reserve again if it is time. Says whether it is full now and was not.
    pub(super) fn try_again(&mut self, place: &Place, now: Duration) -> bool {
        let Some(low) = self.low.filter(|low| now >= low.refill.not_before) else {
            return false;
        };
        match place.fill_reserve() {
            Ok(()) => {
                tracing::info!("the disk has room again: the reserve of the store is full");
                self.low = None;
                true
            }
            Err(error) => {
                tracing::debug!(%error, "still no room for the disk reserve");
                Self::remove(place);
                self.low = Some(Low { refill: low.refill.again(now, REFILL_LONGEST), ..low });
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    const RESERVE_BYTES: u64 = 4096;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn no_space() -> DatabaseError {
        DatabaseError::from_io(io::ErrorKind::StorageFull.into())
    }

    fn place(directory: &tempfile::TempDir) -> Place {
        Place::take(directory.path(), RESERVE_BYTES).expect("free")
    }

    #[test]
    fn pauses_between_attempts_grow_up_to_a_minute() {
        let full = Reserve { low: None };
        let mut condition = Condition::after(Arc::new(no_space()), seconds(100), &full);
        let mut now = seconds(100);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            assert!(condition.due(now).is_none(), "not at once");
            let before = now;
            let retry = loop {
                now += Duration::from_millis(500);
                if let Some(retry) = condition.due(now) {
                    break retry;
                }
            };
            pauses.push((now - before).as_millis());
            condition = Condition::reopened(Err(no_space()), retry, now);
        }
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    }

    #[test]
    fn with_the_reserve_given_up_the_store_goes_on_at_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = place(&directory);
        let mut reserve = Reserve::at_open(&place, seconds(0));
        assert!(!reserve.is_low());
        reserve.give_up(&place, seconds(5));
        assert!(reserve.is_low());
        let condition = Condition::after(Arc::new(no_space()), seconds(5), &reserve);
        assert!(condition.due(seconds(5)).is_some());
        reserve.give_up(&place, seconds(6));
        let condition = Condition::after(Arc::new(no_space()), seconds(6), &reserve);
        assert!(condition.due(seconds(6)).is_none(), "there was nothing left to give up");
    }

    #[test]
    fn damage_is_final() {
        let full = Reserve { low: None };
        let damage = Arc::new(DatabaseError::damaged("a hole"));
        let condition = Condition::after(damage, seconds(0), &full);
        assert!(condition.due(seconds(1_000_000)).is_none());
        assert_eq!(condition.health(&full), Health::Damaged);
        let refusal = condition.refusal(Path::new("/store"));
        assert!(matches!(refusal, StoreError::Damaged { reason, .. } if reason == "a hole"));
    }

    #[test]
    fn while_the_disk_is_low_only_what_ends_work_is_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = place(&directory);
        let mut reserve = Reserve::at_open(&place, seconds(0));
        let mut telemetry = Batch::new();
        telemetry.push(Class::Telemetry, "");
        let mut acceptance = Batch::new();
        acceptance.takes_on_work();
        let mut outcome = Batch::new();
        outcome.push(Class::Receipt, "");
        let admitted = |reserve: &Reserve| {
            [&telemetry, &acceptance, &outcome].map(|batch| reserve.admit(batch, &place).is_ok())
        };
        assert_eq!(admitted(&reserve), [true, true, true]);
        reserve.give_up(&place, seconds(5));
        assert_eq!(admitted(&reserve), [false, false, true]);
        assert!(!reserve.try_again(&place, seconds(14)), "not yet");
        assert!(reserve.try_again(&place, seconds(15)));
        assert_eq!(admitted(&reserve), [true, true, true]);
    }
}
