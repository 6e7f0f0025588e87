//! What belongs to terminals that stop, and the trait's methods over these statements and those of
//! the ledger and of closing.

mod closings;
mod ledger;
mod particulars;

use async_trait::async_trait;
use shared::id::RequestId;
use shared::time::UnixTime;

use super::session::{Access, Database, Row, Transaction, int, maybe_time, text, time};
use super::{SqlRegistry, audit, finish, read, requests, transaction, write};
use crate::deactivation::checklist::{Done, Item, ItemRefused, NewItem, check_new};
use crate::deactivation::closing::{CaseFacts, CloseOut, Closing, NotClosed};
use crate::deactivation::ledger::{Entry, EntryRefused};
use crate::deactivation::notice::{NotAnnounced, may_announce};
use crate::deactivation::particulars::{NotTaken, Particulars};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::page::Page;
use crate::registry::stop::{Announcement, Assigned, Entered, NewAnnouncement, StopRegistry, Tick};
use crate::request::Request;

type Result<T> = std::result::Result<T, RegistryError>;

#[async_trait]
impl<D: Database> StopRegistry for SqlRegistry<D> {
    async fn announce_stop(
        &self,
        request: RequestId,
        new: &NewAnnouncement,
        by: &By,
    ) -> Result<std::result::Result<Announcement, NotAnnounced>> {
        write!(self, "announce a stop", tx => announce(tx, request, new, by))
    }

    async fn announcement(&self, request: RequestId) -> Result<Option<Announcement>> {
        read!(self, "find what was announced", tx => announced(tx, request))
    }

    async fn open_stops(&self, page: &Page<RequestId>) -> Result<Vec<Request>> {
        read!(self, "list who is to stop", tx => requests::open_stops(tx, page))
    }

    async fn stop_items(&self, request: RequestId) -> Result<Vec<Item>> {
        read!(self, "list a checklist", tx => items(tx, request))
    }

    async fn add_stop_item(
        &self,
        request: RequestId,
        new: &NewItem,
        by: &By,
    ) -> Result<std::result::Result<Item, ItemRefused>> {
        write!(self, "add to a checklist", tx => add_item(tx, request, new, by))
    }

    async fn assign_stop_item(
        &self,
        request: RequestId,
        item: &str,
        to: &Assigned,
        by: &By,
    ) -> Result<std::result::Result<Item, ItemRefused>> {
        write!(self, "assign an item", tx => assign(tx, request, item, to, by))
    }

    async fn tick_stop_item(
        &self,
        request: RequestId,
        item: &str,
        said: &Tick,
        by: &By,
    ) -> Result<std::result::Result<Item, ItemRefused>> {
        write!(self, "tick an item", tx => tick(tx, request, item, said, by))
    }

    async fn enter(
        &self,
        request: RequestId,
        what: &Entered,
        by: &By,
    ) -> Result<std::result::Result<Entry, EntryRefused>> {
        write!(self, "enter into a ledger", tx => ledger::enter(tx, request, what, by))
    }

    async fn ledger(&self, request: RequestId) -> Result<Vec<Entry>> {
        read!(self, "read a ledger", tx => ledger::entries(tx, request))
    }

    async fn put_particulars(
        &self,
        request: RequestId,
        said: &Particulars,
        by: &By,
    ) -> Result<std::result::Result<(), NotTaken>> {
        write!(self, "note what certificates say", tx => particulars::put(tx, request, said, by))
    }

    async fn particulars(&self, request: RequestId) -> Result<Option<Particulars>> {
        read!(self, "find what certificates say", tx => particulars::of(tx, request))
    }

    async fn case_facts(&self, request: RequestId) -> Result<CaseFacts> {
        read!(self, "look what keeps a case open", tx => closings::facts(tx, request))
    }

    async fn close_case(
        &self,
        request: RequestId,
        said: &CloseOut,
        by: &By,
    ) -> Result<std::result::Result<Closing, NotClosed>> {
        write!(self, "close a case", tx => closings::close(tx, request, said, by))
    }

    async fn closing(&self, request: RequestId) -> Result<Option<Closing>> {
        read!(self, "find how a case was closed", tx => closings::closing(tx, request))
    }
}

async fn announce(
    tx: &mut Transaction,
    request: RequestId,
    new: &NewAnnouncement,
    by: &By,
) -> Result<std::result::Result<Announcement, NotAnnounced>> {
    let known = requests::known(tx, request).await?;
    let in_motion = requests::in_motion(tx, &known).await?;
    let may = may_announce(&known, in_motion, new.cut_off, new.resume_expected, by.at);
    if let Err(refused) = may {
        return Ok(Err(refused));
    }
    Ok(Ok(put_announcement(tx, request, new, by).await?))
}

/// Of a request that may be announced. The same again changes nothing.
pub(super) async fn put_announcement(
    tx: &mut Transaction,
    request: RequestId,
    new: &NewAnnouncement,
    by: &By,
) -> Result<Announcement> {
    let newest = announced(tx, request).await?;
    let NewAnnouncement { cut_off, resume_expected, items } = new;
    let is_known =
        |it: &&Announcement| (it.cut_off, it.resume_expected) == (*cut_off, *resume_expected);
    if let Some(known) = newest.as_ref().filter(is_known) {
        return Ok(known.clone());
    }
    let announcement = Announcement {
        number: newest.map_or(1, |it| it.number + 1),
        cut_off: *cut_off,
        resume_expected: *resume_expected,
        at: by.at,
        by: by.who.clone(),
    };
    let insert = "INSERT INTO stop_announcements (request, number, cut_off, resume_expected,
             announced_at, announced_by)
         VALUES ($1, $2, $3, $4, $5, $6)";
    let values = vec![
        text(request),
        int(announcement.number),
        time(*cut_off),
        maybe_time(*resume_expected),
        time(by.at),
        text(&by.who),
    ];
    tx.execute(insert, values).await?;
    for item in items {
        put_item(tx, request, item).await?;
    }
    audit::append(tx, by, "stop-announced", format!("{request} {cut_off}")).await?;
    Ok(announcement)
}

async fn announced(tx: &mut Transaction, request: RequestId) -> Result<Option<Announcement>> {
    let select = "SELECT number, cut_off, resume_expected, announced_at, announced_by
         FROM stop_announcements WHERE request = $1 ORDER BY number DESC LIMIT 1";
    let announcement = |mut row: Row| {
        Ok(Announcement {
            number: row.number()?,
            cut_off: row.time()?,
            resume_expected: row.maybe_time()?,
            at: row.time()?,
            by: row.text()?,
        })
    };
    tx.row(select, vec![text(request)]).await?.map(announcement).transpose()
}

/// What is there keeps its owner; what was done stays as it is.
async fn put_item(tx: &mut Transaction, request: RequestId, new: &NewItem) -> Result<()> {
    let insert = "INSERT INTO stop_items (request, item, what, owner, due_at, note)
         VALUES ($1, $2, $3, $4, $5, '')
         ON CONFLICT (request, item) DO UPDATE SET due_at = $5
         WHERE stop_items.done_at IS NULL";
    let NewItem { item, what, owner, due_at } = new;
    let values = vec![text(request), text(item), text(what), text(owner), time(*due_at)];
    tx.execute(insert, values).await?;
    Ok(())
}

async fn items(tx: &mut Transaction, request: RequestId) -> Result<Vec<Item>> {
    let select = "SELECT item, what, owner, due_at, done_at, done_by, noted_by, note
         FROM stop_items WHERE request = $1 ORDER BY due_at, item";
    let rows = tx.rows(select, vec![text(request)]).await?;
    rows.into_iter().map(item_of).collect()
}

fn item_of(mut row: Row) -> Result<Item> {
    let (item, what, owner, due_at) = (row.text()?, row.text()?, row.text()?, row.time()?);
    let done: (Option<UnixTime>, _, _) = (row.maybe_time()?, row.maybe_text()?, row.maybe_text()?);
    let note = row.text()?;
    let done = match done {
        (Some(at), Some(by), Some(noted_by)) => Some(Done { at, by, noted_by, note }),
        _ => None,
    };
    Ok(Item { item, what, owner, due_at, done })
}

async fn add_item(
    tx: &mut Transaction,
    request: RequestId,
    new: &NewItem,
    by: &By,
) -> Result<std::result::Result<Item, ItemRefused>> {
    if let Err(refused) = goes_on(tx, request).await? {
        return Ok(Err(refused));
    }
    if let Err(refused) = check_new(new, &items(tx, request).await?) {
        return Ok(Err(refused));
    }
    put_item(tx, request, new).await?;
    changed(tx, request, &new.item, "stop-item-added", by).await
}

async fn changed(
    tx: &mut Transaction,
    request: RequestId,
    item: &str,
    what: &'static str,
    by: &By,
) -> Result<std::result::Result<Item, ItemRefused>> {
    audit::append(tx, by, what, format!("{request}/{item}")).await?;
    found(tx, request, item).await
}

async fn found(
    tx: &mut Transaction,
    request: RequestId,
    item: &str,
) -> Result<std::result::Result<Item, ItemRefused>> {
    let all = items(tx, request).await?;
    let found = all.into_iter().find(|it| it.item == item);
    Ok(found.ok_or_else(|| ItemRefused::Unknown(item.to_owned())))
}

/// Whether anything is to be done for it still.
async fn goes_on(
    tx: &mut Transaction,
    request: RequestId,
) -> Result<std::result::Result<(), ItemRefused>> {
    let state = requests::known(tx, request).await?.state;
    Ok(if state.is_over() { Err(ItemRefused::Over(state)) } else { Ok(()) })
}

/// The item, where something may be said about it still.
async fn open_item(
    tx: &mut Transaction,
    request: RequestId,
    item: &str,
) -> Result<std::result::Result<Item, ItemRefused>> {
    if let Err(refused) = goes_on(tx, request).await? {
        return Ok(Err(refused));
    }
    let found = found(tx, request, item).await?;
    Ok(found.and_then(|it| it.is_open().map(|()| it)))
}

async fn assign(
    tx: &mut Transaction,
    request: RequestId,
    item: &str,
    to: &Assigned,
    by: &By,
) -> Result<std::result::Result<Item, ItemRefused>> {
    let known = match open_item(tx, request, item).await? {
        Ok(known) => known,
        Err(refused) => return Ok(Err(refused)),
    };
    let owner = to.owner.as_ref().unwrap_or(&known.owner);
    if owner.trim().is_empty() {
        return Ok(Err(ItemRefused::Unsaid("owner")));
    }
    let update = "UPDATE stop_items SET owner = $3, due_at = $4 WHERE request = $1 AND item = $2";
    let due_at = to.due_at.unwrap_or(known.due_at);
    tx.execute(update, vec![text(request), text(item), text(owner), time(due_at)]).await?;
    changed(tx, request, item, "stop-item-assigned", by).await
}

async fn tick(
    tx: &mut Transaction,
    request: RequestId,
    item: &str,
    said: &Tick,
    by: &By,
) -> Result<std::result::Result<Item, ItemRefused>> {
    if let Err(refused) = open_item(tx, request, item).await? {
        return Ok(Err(refused));
    }
    if said.by.trim().is_empty() {
        return Ok(Err(ItemRefused::Unsaid("by")));
    }
    let update = "UPDATE stop_items SET done_at = $3, done_by = $4, noted_by = $5, note = $6
         WHERE request = $1 AND item = $2";
    let values = vec![
        text(request),
        text(item),
        time(by.at),
        text(&said.by),
        text(&by.who),
        text(&said.note),
    ];
    tx.execute(update, values).await?;
    changed(tx, request, item, "stop-item-done", by).await
}
