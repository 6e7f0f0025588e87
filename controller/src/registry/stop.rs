//! What belongs to terminals that stop beside their campaigns, by the request that asks for it: the
//! moment that was announced, the checklist, what is owed, and how a decommissioning was closed.

use async_trait::async_trait;
use shared::id::RequestId;
use shared::time::UnixTime;

use super::RegistryError;
use super::audit::By;
use super::page::Page;
use crate::deactivation::checklist::{Item, ItemRefused, NewItem};
use crate::deactivation::closing::{CaseFacts, CloseOut, Closing, NotClosed};
use crate::deactivation::ledger::{Entry, EntryRefused, NewEntry};
use crate::deactivation::notice::NotAnnounced;
use crate::deactivation::particulars::{NotTaken, Particulars};
use crate::request::Request;

type Result<T> = std::result::Result<T, RegistryError>;

/// When terminals are to stop, as parties are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAnnouncement {
    pub cut_off: UnixTime,
    pub resume_expected: Option<UnixTime>,
    /// What is to be done for it: new items are added, and those that nobody has done yet get
    /// their new times.
    pub items: Vec<NewItem>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// From 1, of each request.
    pub number: u32,
    pub cut_off: UnixTime,
    pub resume_expected: Option<UnixTime>,
    pub at: UnixTime,
    pub by: String,
}

/// What is said about an item that is there; what is `None` stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    pub owner: Option<String>,
    pub due_at: Option<UnixTime>,
}

/// Somebody has done an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    pub by: String,
    pub note: String,
}

/// What becomes of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    New(NewEntry),
    /// An entry was wrong, and is taken back.
    Reversal {
        of: u32,
        reference: String,
        note: String,
    },
}

/// The part of the registry that is about stops.
#[async_trait]
pub trait StopRegistry {
    /// The same again changes nothing.
    async fn announce_stop(
        &self,
        request: RequestId,
        new: &NewAnnouncement,
        by: &By,
    ) -> Result<std::result::Result<Announcement, NotAnnounced>>;

    /// The newest one.
    async fn announcement(&self, request: RequestId) -> Result<Option<Announcement>>;

    /// Requests that stop terminals, are accepted, and neither closed nor taken back; newest first.
    async fn open_stops(&self, page: &Page<RequestId>) -> Result<Vec<Request>>;

    /// By the time at which they are due.
    async fn stop_items(&self, request: RequestId) -> Result<Vec<Item>>;

    async fn add_stop_item(
        &self,
        request: RequestId,
        new: &NewItem,
        by: &By,
    ) -> Result<std::result::Result<Item, ItemRefused>>;

    async fn assign_stop_item(
        &self,
        request: RequestId,
        item: &str,
        to: &Assigned,
        by: &By,
    ) -> Result<std::result::Result<Item, ItemRefused>>;

    async fn tick_stop_item(
        &self,
        request: RequestId,
        item: &str,
        tick: &Tick,
        by: &By,
    ) -> Result<std::result::Result<Item, ItemRefused>>;

    async fn enter(
        &self,
        request: RequestId,
        what: &Entered,
        by: &By,
    ) -> Result<std::result::Result<Entry, EntryRefused>>;

    /// In the order in which they were entered.
    async fn ledger(&self, request: RequestId) -> Result<Vec<Entry>>;

    /// Writes down what certificates say beside terminals, in place of what was written before.
    async fn put_particulars(
        &self,
        request: RequestId,
        said: &Particulars,
        by: &By,
    ) -> Result<std::result::Result<(), NotTaken>>;

    async fn particulars(&self, request: RequestId) -> Result<Option<Particulars>>;

    /// What a decommissioning is closed by.
    async fn case_facts(&self, request: RequestId) -> Result<CaseFacts>;

    /// Closes the request with its case, in one transaction.
    async fn close_case(
        &self,
        request: RequestId,
        said: &CloseOut,
        by: &By,
    ) -> Result<std::result::Result<Closing, NotClosed>>;

    async fn closing(&self, request: RequestId) -> Result<Option<Closing>>;
}
