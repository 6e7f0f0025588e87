//! Replacements, and the trait's methods over these statements and those of their effects.

mod effects;
mod facts;

use async_trait::async_trait;
use shared::id::{RequestId, TerminalId};
use shared::time::UnixTime;

use super::session::{Access, Database, Row, Transaction, code, int, json, maybe_text, text, time};
use super::{
    SqlRegistry, audit, finish, positions, quarantine, read, requests, transaction, write,
};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::page::Page;
use crate::registry::replacement::{NewReplacement, ReplacementRegistry, ReplacementStep};
use crate::replacement::advance::advance;
use crate::replacement::record::{Progress, Replacement, ReplacementMove, Said};
use crate::replacement::refused::ReplacementRefused;
use crate::replacement::watch::{self, Watched};
use crate::replacement::{ReplacementEvent, ReplacementState};
use crate::request::{RequestEvent, RequestKind, RequestRefused};

type Result<T> = std::result::Result<T, RegistryError>;

type Refused<T> = std::result::Result<T, ReplacementRefused>;

#[async_trait]
impl<D: Database> ReplacementRegistry for SqlRegistry<D> {
    async fn has_merchant(&self, merchant: &str) -> Result<bool> {
        read!(self, "look for a merchant", tx => has_merchant(tx, merchant))
    }

    async fn add_replacement(&self, new: &NewReplacement, by: &By) -> Result<Refused<Replacement>> {
        write!(self, "begin a replacement", tx => add(tx, new, by))
    }

    async fn replacement(&self, number: u64) -> Result<Option<Replacement>> {
        read!(self, "find a replacement", tx => by_number(tx, number))
    }

    async fn replacements(&self, page: &Page<u64>) -> Result<Vec<Replacement>> {
        read!(self, "list replacements", tx => listed(tx, page))
    }

    async fn move_replacement(
        &self,
        number: u64,
        step: &ReplacementStep,
        by: &By,
    ) -> Result<Refused<Replacement>> {
        write!(self, "go on with a replacement", tx => move_on(tx, number, step, by))
    }

    async fn replacement_watch(&self, number: u64, now: UnixTime) -> Result<Option<Watched>> {
        read!(self, "look how a new terminal does", tx => watched(tx, number, now))
    }

    async fn replacement_moves(
        &self,
        number: u64,
        page: &Page<u64>,
    ) -> Result<Vec<ReplacementMove>> {
        read!(self, "list what happened to a replacement", tx => moves(tx, number, page))
    }
}

macro_rules! select_replacements {
    ($tail:literal) => {
        concat!(
            "SELECT id, request, form, old_terminal, position, state, state_at, state_by,
                 state_why, progress, created_at, created_by
             FROM replacements ",
            $tail
        )
    };
}

fn replacement(mut row: Row) -> Result<Replacement> {
    Ok(Replacement {
        number: row.number()?,
        request: row.parsed("request")?,
        form: row.json("form of a replacement")?,
        old: row.parsed("terminal")?,
        position: row.parsed("position")?,
        state: row.code()?,
        state_at: row.time()?,
        state_by: row.text()?,
        state_why: row.text()?,
        progress: row.json("progress of a replacement")?,
        created_at: row.time()?,
        created_by: row.text()?,
    })
}

async fn has_merchant(tx: &mut Transaction, merchant: &str) -> Result<bool> {
    let select = "SELECT id FROM positions WHERE merchant = $1 LIMIT 1";
    Ok(tx.row(select, vec![text(merchant)]).await?.is_some())
}

async fn by_number(tx: &mut Transaction, number: u64) -> Result<Option<Replacement>> {
    let row = tx.row(select_replacements!("WHERE id = $1"), vec![int(number)]).await?;
    row.map(replacement).transpose()
}

async fn known(tx: &mut Transaction, number: u64) -> Result<Replacement> {
    let missing = || RegistryError::Missing { what: "replacement", which: number.to_string() };
    by_number(tx, number).await?.ok_or_else(missing)
}

async fn listed(tx: &mut Transaction, page: &Page<u64>) -> Result<Vec<Replacement>> {
    let select = select_replacements!("WHERE $1 IS NULL OR id < $1 ORDER BY id DESC LIMIT $2");
    let after = page.after.map_or(super::session::Value::Int(None), int);
    let rows = tx.rows(select, vec![after, int(page.items())]).await?;
    rows.into_iter().map(replacement).collect()
}

/// The one that carries this request out and is not over.
pub(super) async fn in_motion(tx: &mut Transaction, request: RequestId) -> Result<Option<u64>> {
    let select = "SELECT id FROM replacements
         WHERE request = $1 AND state NOT IN ('closed', 'cancelled') ORDER BY id LIMIT 1";
    tx.row(select, vec![text(request)]).await?.map(|mut row| row.number()).transpose()
}

async fn watched(tx: &mut Transaction, number: u64, now: UnixTime) -> Result<Option<Watched>> {
    let it = known(tx, number).await?;
    // What is not watched needs no look at what is asked of its terminals.
    if !watch::is_watched(it.state) {
        return Ok(None);
    }
    let facts = facts::gather(tx, &it, &Said::Watch).await?;
    Ok(facts.ok().and_then(|facts| watch::look(&it, &facts, now)))
}

/// The replacement for which this terminal may not be emptied yet: it may have to come back, or
/// the one that took its place has not proven itself.
pub(super) async fn still_needs(
    tx: &mut Transaction,
    terminal: TerminalId,
    now: UnixTime,
) -> Result<Option<u64>> {
    let select = "SELECT id FROM replacements
         WHERE old_terminal = $1 AND state NOT IN ('closed', 'cancelled') ORDER BY id LIMIT 1";
    let Some(mut row) = tx.row(select, vec![text(terminal)]).await? else { return Ok(None) };
    let number = row.number()?;
    let is_before = known(tx, number).await?.state.is_before_swap();
    let is_watched = watched(tx, number, now).await?.is_some_and(|it| !it.is_over);
    Ok((is_before || is_watched).then_some(number))
}

/// Another one that is not over, and is about any of these.
async fn another(
    tx: &mut Transaction,
    number: u64,
    terminal: impl std::fmt::Display,
    position: impl std::fmt::Display,
    serial: &str,
) -> Result<Option<u64>> {
    let select = "SELECT id FROM replacements
         WHERE id <> $1 AND state NOT IN ('closed', 'cancelled')
             AND (old_terminal = $2 OR position = $3 OR new_serial = $4 OR old_serial = $4)
         ORDER BY id LIMIT 1";
    let values = vec![int(number), text(terminal), text(position), text(serial)];
    tx.row(select, values).await?.map(|mut row| row.number()).transpose()
}

async fn add(tx: &mut Transaction, new: &NewReplacement, by: &By) -> Result<Refused<Replacement>> {
    let request = match requests::to_schedule(tx, new.request).await? {
        Ok(request) => request,
        Err(why) => return Ok(Err(why.into())),
    };
    if request.kind != RequestKind::Replace {
        return Ok(Err(RequestRefused::OtherKind(request.kind).into()));
    }
    let serial = &new.form.old_serial;
    if let Some(other) = another(tx, 0, new.old, new.position, serial).await? {
        return Ok(Err(ReplacementRefused::InAnother(other)));
    }
    if positions::known(tx, new.position).await?.terminal != Some(new.old) {
        let (position, old) = (new.position, new.old);
        return Ok(Err(ReplacementRefused::PositionMoved { position, old }));
    }
    let insert = "INSERT INTO replacements (request, old_serial, old_terminal, position, form,
             progress, state, state_at, state_by, state_why, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $8, $9)";
    let values = vec![
        text(new.request),
        text(serial),
        text(new.old),
        text(new.position),
        json(&new.form),
        json(&Progress::default()),
        code(ReplacementState::Requested),
        time(by.at),
        text(&by.who),
        text(&by.why),
    ];
    tx.execute(insert, values).await?;
    let select = select_replacements!("WHERE request = $1 ORDER BY id DESC LIMIT 1");
    let row = tx.row(select, vec![text(new.request)]).await?;
    let missing = || RegistryError::Missing { what: "replacement", which: serial.clone() };
    let it = row.map(replacement).transpose()?.ok_or_else(missing)?;
    requests::put(tx, &request, RequestEvent::Schedule, by).await?;
    audit::append(tx, by, "replacement-begun", it.number).await?;
    for (code, name) in &new.form.answers {
        let subject = format!("{} {code} {name}", it.number);
        audit::append(tx, by, "replacement-answered", subject).await?;
    }
    Ok(Ok(it))
}

/// Looks at everything that may be refused before it writes.
async fn move_on(
    tx: &mut Transaction,
    number: u64,
    step: &ReplacementStep,
    by: &By,
) -> Result<Refused<Replacement>> {
    let before = known(tx, number).await?;
    let facts = match facts::gather(tx, &before, &step.said).await? {
        Ok(facts) => facts,
        Err(refused) => return Ok(Err(refused)),
    };
    let (after, event) = match advance(&before, &step.said, step.seen, &facts, by) {
        Ok(advanced) => advanced,
        Err(refused) => return Ok(Err(refused)),
    };
    let serial = after.progress.unit.as_deref().unwrap_or_default();
    if let Some(other) = another(tx, number, after.old, after.position, serial).await? {
        return Ok(Err(ReplacementRefused::InAnother(other)));
    }
    if let Err(refused) = effects::may_happen(tx, &before, step, &facts).await? {
        return Ok(Err(refused));
    }
    let after = effects::happen(tx, &before, after, step, by).await?;
    put(tx, &before, &after).await?;
    note_move(tx, &before, &after, event).await?;
    audit::append(tx, by, event.audited_as(), number).await?;
    if event == ReplacementEvent::GoLive {
        quarantine::swapped(tx, before.old, by).await?;
    }
    Ok(Ok(known(tx, number).await?))
}

/// Writes it, if it is still as it was seen.
async fn put(tx: &mut Transaction, before: &Replacement, after: &Replacement) -> Result<()> {
    let update = "UPDATE replacements SET state = $3, state_at = $4, state_by = $5, state_why = $6,
             progress = $7, new_serial = $8
         WHERE id = $1 AND state = $2";
    let values = vec![
        int(before.number),
        code(before.state),
        code(after.state),
        time(after.state_at),
        text(&after.state_by),
        text(&after.state_why),
        json(&after.progress),
        maybe_text(after.progress.unit.as_ref()),
    ];
    match tx.execute(update, values).await? {
        1 => Ok(()),
        _ => Err(RegistryError::Contended),
    }
}

async fn note_move(
    tx: &mut Transaction,
    before: &Replacement,
    after: &Replacement,
    event: ReplacementEvent,
) -> Result<()> {
    let insert = "INSERT INTO replacement_events (replacement, seq, event, state_from, state_to,
             moved_by, why, moved_at)
         SELECT $1, COUNT(*) + 1, $2, $3, $4, $5, $6, $7 FROM replacement_events
         WHERE replacement = $1";
    let values = vec![
        int(before.number),
        code(event),
        code(before.state),
        code(after.state),
        text(&after.state_by),
        text(&after.state_why),
        time(after.state_at),
    ];
    tx.execute(insert, values).await?;
    Ok(())
}

async fn moves(
    tx: &mut Transaction,
    number: u64,
    page: &Page<u64>,
) -> Result<Vec<ReplacementMove>> {
    let select = "SELECT seq, event, state_from, state_to, moved_by, why, moved_at
         FROM replacement_events WHERE replacement = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    let values = vec![int(number), int(page.after.unwrap_or(0)), int(page.items())];
    let each = |mut row: Row| {
        Ok(ReplacementMove {
            number: row.number()?,
            event: row.code()?,
            from: row.code()?,
            to: row.code()?,
            by: row.text()?,
            why: row.text()?,
            at: row.time()?,
        })
    };
    tx.rows(select, values).await?.into_iter().map(each).collect()
}
