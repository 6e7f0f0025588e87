//! Opening a store: whatever is found on disk, the result is a store that works and the truth
//! about what was lost.

use std::path::PathBuf;

use super::Options;
use super::books::Books;
use super::database::Database;
use super::draft::Draft;
use super::error::{DatabaseError, OpenError};
use super::mark::{Found, Mark, MarkFiles};
use super::place::{OPENS_WITHOUT_RETURN_MAX, Place};
use super::view;

/// Something that was acknowledged is gone. The store works; what it says about earlier work is
/// incomplete, and [`super::HighWater::ledger_lost`] stays set until a new epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The database could not be read. It was moved aside and the store is empty.
    Database { reason: String, moved_to: PathBuf },
    /// The database is whole but ends before commits that were acknowledged. It was kept.
    RolledBack { commits_missing: u64 },
    /// The database is whole; both copies of the high-water mark outside it were not.
    HighWater,
}

impl std::fmt::Display for Loss {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Database { reason, moved_to } => {
                write!(out, "{reason}; it was moved to `{}`", moved_to.display())
            }
            Self::RolledBack { commits_missing } => {
                write!(
                    out,
                    "at least {commits_missing} commits at the end of the database are gone"
                )
            }
            Self::HighWater => write!(out, "both copies of the high-water mark were unreadable"),
        }
    }
}

/// An open database and its books.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) database: Database,
    pub(super) books: Books,
}

/// Opens the store for the first time in this process.
pub(super) fn open(
    place: &Place,
    marks: &MarkFiles,
    options: &Options,
) -> Result<(Ready, Mark, Option<Loss>), OpenError> {
    match open_once(place, marks, options) {
        Err(error) if is_for_want_of_space(&error) => {
            let given_up = place.release_reserve().map_err(|source| prepare(place, source))?;
            if given_up { open_once(place, marks, options) } else { Err(error) }
        }
        outcome => outcome,
    }
}

fn open_once(
    place: &Place,
    marks: &MarkFiles,
    options: &Options,
) -> Result<(Ready, Mark, Option<Loss>), OpenError> {
    let mark_failed = |source| OpenError::Mark { path: place.directory().to_owned(), source };
    let found = marks.read().map_err(mark_failed)?;
    if found == Found::Nothing && !place.database().exists() {
        // From here on a directory without a mark is one that has lost it.
        marks.write(&Mark::default()).map_err(mark_failed)?;
    }
    let unreturned = place.begin_open().map_err(|source| prepare(place, source))?;
    let opened = if unreturned < OPENS_WITHOUT_RETURN_MAX {
        open_database(place, options)
    } else {
        Err(DatabaseError::damaged(format!("{unreturned} attempts to open it did not return")))
    };
    place.end_open().map_err(|source| prepare(place, source))?;
    let (mut ready, loss) = settle(place, options, found, opened)?;
    begin_block(&mut ready.books, found, loss.is_some());
    if loss.is_some() {
        // From now on the database itself says so, and ends after every commit of the mark.
        let rows = Draft::new(&mut ready.books).into_rows_always(&ready.database);
        rows.and_then(|rows| ready.database.commit(rows))
            .map_err(|source| database_failed(place, source))?;
    }
    let mark = ready.books.state.mark();
    marks.write(&mark).map_err(mark_failed)?;
    place.sync().map_err(|source| prepare(place, source))?;
    Ok((ready, mark, loss))
}

/// Opens the database and proves its content. If that fails, tries once more with nothing but the
/// log, from which the rest is derived; a database that then passes the proof has lost nothing.
pub(super) fn open_database(place: &Place, options: &Options) -> Result<Ready, DatabaseError> {
    let path = place.database();
    let attempt = || {
        let database = Database::open(&path, options.barrier)?;
        let books = view::check(&database)?;
        Ok(Ready { database, books })
    };
    match attempt() {
        Err(DatabaseError::Damaged { reason }) => {
            tracing::warn!(reason, "the database is damaged: trying with its log alone");
            Database::forget_what_is_derived(&path).map_err(DatabaseError::from_io)?;
            // The first reason is the one to be told: the second is its consequence.
            attempt().map_err(|_| DatabaseError::Damaged { reason })
        }
        outcome => outcome,
    }
}

/// Decides between what the mark and the database say.
fn settle(
    place: &Place,
    options: &Options,
    found: Found,
    opened: Result<Ready, DatabaseError>,
) -> Result<(Ready, Option<Loss>), OpenError> {
    let mark = match found {
        Found::Mark(mark) => mark,
        Found::Nothing | Found::Unreadable => Mark::default(),
    };
    match opened {
        Ok(ready) => {
            let commits = ready.books.state.commits;
            let loss = if commits < mark.commits {
                Some(Loss::RolledBack { commits_missing: mark.commits - commits })
            } else if found == Found::Unreadable || (found == Found::Nothing && commits > 0) {
                Some(Loss::HighWater)
            } else {
                None
            };
            Ok((ready, loss))
        }
        Err(DatabaseError::Damaged { reason }) => {
            let moved_to = place.move_database_aside()?;
            let ready =
                open_database(place, options).map_err(|source| database_failed(place, source))?;
            // Cut off while it was made for the first time, it held nothing that was acknowledged.
            let was_new = matches!(found, Found::Mark(mark) if mark.commits == 0);
            let loss = Loss::Database { reason, moved_to };
            Ok((ready, (!was_new).then_some(loss)))
        }
        Err(source) => Err(database_failed(place, source)),
    }
}

/// Brings the books up to the mark, and reserves a new block of sequence numbers: what was given
/// away from the last block is not known if the end of the database was lost.
pub(super) fn begin_block(books: &mut Books, found: Found, lost: bool) {
    let state = &mut books.state;
    if let Found::Mark(mark) = found {
        state.high_water = state.high_water.merge(mark.high_water);
        state.reserved_seq = state.reserved_seq.max(mark.queue_reserved);
        state.commits = state.commits.max(mark.commits);
        state.losses = state.losses.max(mark.losses);
        state.keepsake = mark.keepsake.newer(state.keepsake);
    }
    if lost {
        state.high_water.ledger_lost = true;
        state.losses += 1;
    }
    state.last_seq = state.last_seq.max(state.reserved_seq);
    state.reserve_block();
}

fn is_for_want_of_space(error: &OpenError) -> bool {
    match error {
        OpenError::Prepare { source, .. }
        | OpenError::Mark { source, .. }
        | OpenError::MoveAside { source, .. }
        | OpenError::Thread { source, .. } => source.kind() == std::io::ErrorKind::StorageFull,
        OpenError::Database { source, .. } => matches!(source, DatabaseError::NoSpace { .. }),
        OpenError::InUse { .. } | OpenError::Stuck { .. } => false,
    }
}

fn prepare(place: &Place, source: std::io::Error) -> OpenError {
    OpenError::Prepare { path: place.directory().to_owned(), source }
}

fn database_failed(place: &Place, source: DatabaseError) -> OpenError {
    OpenError::Database { path: place.directory().to_owned(), source }
}
