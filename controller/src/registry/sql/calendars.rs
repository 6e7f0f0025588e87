//! Windows and freezes, and the trait's methods over these statements.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::session::{
    Access, Database, Row, Transaction, code, flag, int, json, maybe_text, text, time,
};
use super::tally::{self, upheavals};
use super::{SqlRegistry, audit, finish, read, stores, transaction, write};
use crate::calendar::scope::Scope;
use crate::calendar::{Entry, Kind};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::calendar::{
    CalendarRefused, CalendarRegistry, CalendarsOf, Effect, Ended, Kept, STANDING_MAX,
};
use crate::registry::page::Page;

type Result<T> = std::result::Result<T, RegistryError>;

type Refused<T> = std::result::Result<T, CalendarRefused>;

#[async_trait]
impl<D: Database> CalendarRegistry for SqlRegistry<D> {
    async fn put_calendars(
        &self,
        scope: &Scope,
        entries: &[Entry],
        dry: bool,
        by: &By,
    ) -> Result<Refused<Vec<Effect>>> {
        write!(self, "keep calendars", tx => put(tx, scope, entries, dry, by))
    }

    async fn remove_calendar(&self, number: u64, by: &By) -> Result<Refused<Kept>> {
        write!(self, "remove a calendar", tx => remove(tx, number, by))
    }

    async fn calendar(&self, number: u64) -> Result<Option<Kept>> {
        read!(self, "find a calendar", tx => by_number(tx, number))
    }

    async fn calendars(&self, of: &CalendarsOf, page: &Page<u64>) -> Result<Vec<Kept>> {
        read!(self, "list calendars", tx => listed(tx, of, page))
    }

    async fn calendars_of_store(&self, store: &str) -> Result<Vec<Kept>> {
        read!(self, "find the calendars of a store", tx => of_store(tx, store))
    }
}

macro_rules! select_calendars {
    ($tail:literal) => {
        concat!(
            "SELECT id, scope, subject, rule, version, set_at, set_by, set_why, ended_at, ended_by,
                 ended_why
             FROM calendars ",
            $tail
        )
    };
}

fn kept(mut row: Row) -> Result<Kept> {
    Ok(Kept {
        number: row.number()?,
        scope: {
            let (word, subject) = (row.text()?, row.text()?);
            let unreadable =
                || RegistryError::Unreadable { what: "scope of a calendar", value: word.clone() };
            Scope::of(&word, &subject).ok_or_else(unreadable)?
        },
        entry: row.json("entry of a calendar")?,
        version: row.number()?,
        set_at: row.time()?,
        set_by: row.text()?,
        why: row.text()?,
        ended: {
            let (at, by, why) = (row.maybe_time()?, row.maybe_text()?, row.maybe_text()?);
            at.zip(by).zip(why).map(|((at, by), why)| Ended { at, by, why })
        },
    })
}

async fn by_number(tx: &mut Transaction, number: u64) -> Result<Option<Kept>> {
    tx.row(select_calendars!("WHERE id = $1"), vec![int(number)]).await?.map(kept).transpose()
}

async fn known(tx: &mut Transaction, number: u64) -> Result<Kept> {
    let missing = || RegistryError::Missing { what: "calendar", which: number.to_string() };
    by_number(tx, number).await?.ok_or_else(missing)
}

async fn listed(tx: &mut Transaction, of: &CalendarsOf, page: &Page<u64>) -> Result<Vec<Kept>> {
    let select = select_calendars!(
        "WHERE id > $1 AND ($3 = 1 OR ended_at IS NULL) AND ($4 IS NULL OR scope = $4)
             AND ($5 IS NULL OR subject = $5) AND ($6 IS NULL OR kind = $6)
             AND ($7 IS NULL OR uid = $7)
         ORDER BY id LIMIT $2"
    );
    let values = vec![
        int(page.after.unwrap_or(0)),
        int(page.items()),
        flag(of.ended_too),
        maybe_text(of.scope.as_ref().map(Scope::word)),
        maybe_text(of.scope.as_ref().map(Scope::subject)),
        maybe_text(of.kind.map(Kind::word)),
        maybe_text(of.uid.as_ref()),
    ];
    tx.rows(select, values).await?.into_iter().map(kept).collect()
}

async fn of_store(tx: &mut Transaction, store: &str) -> Result<Vec<Kept>> {
    let region = stores::known(tx, store).await?.described.region;
    let select = select_calendars!(
        "WHERE ended_at IS NULL AND (scope = 'fleet' OR (scope = 'region' AND subject = $2)
             OR (scope = 'store' AND subject = $1))
         ORDER BY CASE scope WHEN 'fleet' THEN 0 WHEN 'region' THEN 1 ELSE 2 END, id"
    );
    let rows = tx.rows(select, vec![text(store), maybe_text(region)]).await?;
    rows.into_iter().map(kept).collect()
}

/// By kind and uid.
async fn standing(tx: &mut Transaction, scope: &Scope) -> Result<BTreeMap<(Kind, String), Kept>> {
    let select =
        select_calendars!("WHERE scope = $1 AND subject = $2 AND ended_at IS NULL ORDER BY id");
    let rows = tx.rows(select, vec![text(scope.word()), text(scope.subject())]).await?;
    let keyed = |row| {
        let kept = kept(row)?;
        Ok(((kept.entry.kind, kept.entry.uid.clone()), kept))
    };
    rows.into_iter().map(keyed).collect()
}

async fn put(
    tx: &mut Transaction,
    scope: &Scope,
    entries: &[Entry],
    dry: bool,
    by: &By,
) -> Result<Refused<Vec<Effect>>> {
    check_scope(tx, scope).await?;
    let standing = standing(tx, scope).await?;
    let before = |entry: &Entry| standing.get(&(entry.kind, entry.uid.clone()));
    let effect = |entry: &Entry| match before(entry) {
        None => Effect::New,
        Some(before) if before.entry == *entry => Effect::Unchanged,
        Some(_) => Effect::Replaced,
    };
    let effects: Vec<_> = entries.iter().map(effect).collect();
    let count = standing.len() + effects.iter().filter(|it| **it == Effect::New).count();
    if count > STANDING_MAX {
        return Ok(Err(CalendarRefused::TooMany { scope: scope.clone(), count }));
    }
    if !dry && effects.iter().any(|it| *it != Effect::Unchanged) {
        // Before anything is written: what is has the count that this makes.
        tally::upheaval(tx).await?;
    }
    let changed = entries.iter().zip(&effects).filter(|(_, it)| **it != Effect::Unchanged);
    for (entry, _) in changed.filter(|_| !dry) {
        if let Some(before) = before(entry) {
            end(tx, before.number, by).await?;
        }
        insert(tx, scope, entry, by).await?;
        audit::append(tx, by, "calendar-set", object(scope, entry)).await?;
    }
    Ok(Ok(effects))
}

/// A freeze of a region in which nobody is would freeze nobody.
async fn check_scope(tx: &mut Transaction, scope: &Scope) -> Result<()> {
    match scope {
        Scope::Fleet => Ok(()),
        Scope::Store(store) => stores::known(tx, store).await.map(|_| ()),
        Scope::Region(region) => {
            let select = "SELECT id FROM stores WHERE region = $1 LIMIT 1";
            let missing = || RegistryError::Missing { what: "region", which: region.clone() };
            tx.row(select, vec![text(region)]).await?.map(|_| ()).ok_or_else(missing)
        }
    }
}

async fn insert(tx: &mut Transaction, scope: &Scope, entry: &Entry, by: &By) -> Result<()> {
    let insert = concat!(
        "INSERT INTO calendars (scope, subject, kind, uid, version, rule, summary, set_at,
             set_by, set_why, upheavals)
         VALUES ($1, $2, $3, $4, 1 + (SELECT COALESCE(MAX(version), 0) FROM calendars
             WHERE scope = $1 AND subject = $2 AND kind = $3 AND uid = $4), $5, $6, $7, $8, $9, ",
        upheavals!(),
        ")"
    );
    let values = vec![
        text(scope.word()),
        text(scope.subject()),
        code(entry.kind),
        text(&entry.uid),
        json(entry),
        text(&entry.summary),
        time(by.at),
        text(&by.who),
        text(&by.why),
    ];
    tx.execute(insert, values).await?;
    Ok(())
}

async fn end(tx: &mut Transaction, number: u64, by: &By) -> Result<()> {
    let update = concat!(
        "UPDATE calendars SET ended_at = $2, ended_by = $3, ended_why = $4, upheavals = ",
        upheavals!(),
        " WHERE id = $1"
    );
    let values = vec![int(number), time(by.at), text(&by.who), text(&by.why)];
    tx.execute(update, values).await?;
    Ok(())
}

async fn remove(tx: &mut Transaction, number: u64, by: &By) -> Result<Refused<Kept>> {
    let Kept { scope, entry, ended, .. } = known(tx, number).await?;
    if ended.is_some() {
        return Ok(Err(CalendarRefused::Ended { number, uid: entry.uid, scope }));
    }
    tally::upheaval(tx).await?;
    end(tx, number, by).await?;
    audit::append(tx, by, "calendar-removed", object(&scope, &entry)).await?;
    Ok(Ok(known(tx, number).await?))
}

/// As the audit log names it.
fn object(scope: &Scope, entry: &Entry) -> String {
    format!("{scope}: {} {}", entry.kind.word(), entry.uid)
}
