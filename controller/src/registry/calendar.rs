//! Windows and freezes, as they are stored.

use async_trait::async_trait;
use shared::time::UnixTime;

use super::RegistryError;
use super::audit::By;
use super::page::Page;
use crate::calendar::scope::Scope;
use crate::calendar::{Entry, Kind};

type Result<T> = std::result::Result<T, RegistryError>;

/// Entries of one scope that stand at a time: the windows and freezes of years. Whoever asks about
/// a store reads those of three scopes.
pub const STANDING_MAX: usize = 1_000;

/// One version of an entry, in its scope. There it is known again by its kind and its uid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Counts what was ever kept, from 1.
    pub number: u64,
    pub scope: Scope,
    pub entry: Entry,
    /// Of this entry, from 1.
    pub version: u32,
    pub set_at: UnixTime,
    pub set_by: String,
    pub why: String,
    pub ended: Option<Ended>,
}

/// Another version took its place, or somebody removed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub at: UnixTime,
    pub by: String,
    pub why: String,
}

/// Which entries are listed; all that stand where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalendarsOf {
    pub scope: Option<Scope>,
    pub kind: Option<Kind>,
    pub uid: Option<String>,
    pub ended_too: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    New,
    /// It is another version by now.
    Replaced,
    Unchanged,
}

/// Why the calendars of a scope stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarRefused {
    #[error("{scope} would have {count} entries, more than {STANDING_MAX}")]
    TooMany { scope: Scope, count: usize },
    #[error("entry {number} (`{uid}` of {scope}) has ended already")]
    Ended { number: u64, uid: String, scope: Scope },
}

impl CalendarRefused {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooMany { .. } => "remove what is over with `tillward calendar remove`",
            Self::Ended { .. } => "look at what stands with `tillward calendar list`",
        }
    }
}

/// The part of the registry that is about windows and freezes.
#[async_trait]
pub trait CalendarRegistry {
    /// Keeps these in a scope, all or none, each in the place of the one that is there with its
    /// kind and its uid. With `dry` nothing is done. A region is there while a store is in it.
    async fn put_calendars(
        &self,
        scope: &Scope,
        entries: &[Entry],
        dry: bool,
        by: &By,
    ) -> Result<std::result::Result<Vec<Effect>, CalendarRefused>>;

    async fn remove_calendar(
        &self,
        number: u64,
        by: &By,
    ) -> Result<std::result::Result<Kept, CalendarRefused>>;

    async fn calendar(&self, number: u64) -> Result<Option<Kept>>;

    /// By number.
    async fn calendars(&self, of: &CalendarsOf, page: &Page<u64>) -> Result<Vec<Kept>>;

    /// Whatever stands of the fleet, of the region that the store is in, and of the store itself,
    /// in this order.
    async fn calendars_of_store(&self, store: &str) -> Result<Vec<Kept>>;
}

/// All that are listed. There are as many as people keep.
pub async fn all<R: CalendarRegistry + ?Sized>(
    registry: &R,
    of: &CalendarsOf,
) -> Result<Vec<Kept>> {
    let mut all: Vec<Kept> = Vec::new();
    loop {
        let after = all.last().map(|kept| kept.number);
        let page = Page { after, limit: super::page::PAGE_ITEMS_MAX };
        let found = registry.calendars(of, &page).await?;
        if found.is_empty() {
            return Ok(all);
        }
        all.extend(found);
    }
}
