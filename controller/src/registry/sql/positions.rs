//! Positions, and the units that fill them.

use shared::id::{BindingId, PositionId, TerminalId};
use shared::time::UnixTime;

use super::session::{Row, Transaction, code, int, list, maybe_text, text, time, with_id_list};
use super::{audit, tally, terminals};
use crate::position::{Position, PositionEvent, PositionRefused, PositionState, step};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::page::Page;
use crate::registry::position::PutPosition;
use crate::registry::terminal::Unit;

type Result<T> = std::result::Result<T, RegistryError>;

macro_rules! select_positions {
    ($tail:literal) => {
        concat!(
            "SELECT id, store, lane, merchant, merchant_class, fallback, state, state_at, terminal,
                 created_at
             FROM positions ",
            $tail
        )
    };
}

fn position(mut row: Row) -> Result<Position> {
    Ok(Position {
        id: row.parsed("position")?,
        store: row.text()?,
        lane: row.text()?,
        merchant: row.maybe_text()?,
        merchant_class: row.maybe_text()?,
        fallback: row.maybe_text()?,
        state: row.code()?,
        state_at: row.time()?,
        terminal: row.maybe_parsed("terminal")?,
        created_at: row.time()?,
    })
}

pub(super) async fn by_id(tx: &mut Transaction, id: PositionId) -> Result<Option<Position>> {
    let row = tx.row(select_positions!("WHERE id = $1"), vec![text(id)]).await?;
    row.map(position).transpose()
}

pub(super) async fn known(tx: &mut Transaction, id: PositionId) -> Result<Position> {
    let missing = || RegistryError::Missing { what: "position", which: id.to_string() };
    by_id(tx, id).await?.ok_or_else(missing)
}

pub(super) async fn at(tx: &mut Transaction, store: &str, lane: &str) -> Result<Option<Position>> {
    let select = select_positions!("WHERE store = $1 AND lane = $2");
    tx.row(select, vec![text(store), text(lane)]).await?.map(position).transpose()
}

pub(super) async fn page(tx: &mut Transaction, page: &Page<PositionId>) -> Result<Vec<Position>> {
    let after = page.after.map(|id| id.to_string()).unwrap_or_default();
    let select = select_positions!("WHERE id > $1 ORDER BY id LIMIT $2");
    let rows = tx.rows(select, vec![text(after), int(page.items())]).await?;
    rows.into_iter().map(position).collect()
}

pub(super) async fn of(tx: &mut Transaction, terminals: &[TerminalId]) -> Result<Vec<Position>> {
    let select = with_id_list!(select_positions!("WHERE terminal IN "), " ORDER BY id");
    tx.rows(select, vec![list(terminals)]).await?.into_iter().map(position).collect()
}

pub(super) async fn providers_of(
    tx: &mut Transaction,
    terminals: &[TerminalId],
) -> Result<Vec<(TerminalId, String)>> {
    let select = with_id_list!(
        "SELECT p.terminal, b.provider FROM positions p
         JOIN bindings b ON b.position = p.id AND b.state = 'active' WHERE p.terminal IN ",
        " ORDER BY p.terminal, b.provider"
    );
    let provider = |mut row: Row| Ok((row.parsed("terminal")?, row.text()?));
    tx.rows(select, vec![list(terminals)]).await?.into_iter().map(provider).collect()
}

/// Makes the position where it is not known yet, and its store.
pub(super) async fn announce(
    tx: &mut Transaction,
    store: &str,
    lane: &str,
    at: UnixTime,
) -> Result<()> {
    let insert = "INSERT INTO stores (id, created_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
    tx.execute(insert, vec![text(store), time(at)]).await?;
    let insert = "INSERT INTO positions (store, lane, id, state, state_at, created_at)
         VALUES ($1, $2, $3, 'planned', $4, $4) ON CONFLICT (store, lane) DO NOTHING";
    let id = PositionId::generate();
    tx.execute(insert, vec![text(store), text(lane), text(id), time(at)]).await?;
    Ok(())
}

pub(super) async fn put(tx: &mut Transaction, put: &PutPosition, by: &By) -> Result<Position> {
    let PutPosition { store, lane, merchant, merchant_class, fallback } = put;
    announce(tx, store, lane, by.at).await?;
    let update = "UPDATE positions SET merchant_class = COALESCE($3, merchant_class),
             fallback = COALESCE($4, fallback), merchant = COALESCE($5, merchant)
         WHERE store = $1 AND lane = $2";
    let values = vec![
        text(store),
        text(lane),
        maybe_text(merchant_class.as_ref()),
        maybe_text(fallback.as_ref()),
        maybe_text(merchant.as_ref()),
    ];
    tx.execute(update, values).await?;
    let missing = || RegistryError::Missing { what: "position", which: format!("{store}/{lane}") };
    let position = self::at(tx, store, lane).await?.ok_or_else(missing)?;
    audit::append(tx, by, "position-set", position.id).await?;
    Ok(position)
}

pub(super) async fn fill(
    tx: &mut Transaction,
    id: PositionId,
    terminal: TerminalId,
    by: &By,
) -> Result<std::result::Result<Position, PositionRefused>> {
    let position = known(tx, id).await?;
    let unit = terminals::known(tx, terminal).await?;
    match position.terminal {
        Some(there) if there == terminal => return Ok(Ok(position)),
        Some(by) => return Ok(Err(PositionRefused::Taken { position: id, by })),
        None => {}
    }
    if unit.unit == Unit::Revoked {
        return Ok(Err(PositionRefused::Revoked { terminal }));
    }
    if let Some(other) = of(tx, &[terminal]).await?.first() {
        return Ok(Err(PositionRefused::Elsewhere { terminal, other: other.id }));
    }
    let state = match step(position.state, PositionEvent::Fill) {
        Ok(state) => state,
        Err(refused) => return Ok(Err(refused.into())),
    };
    write(tx, id, state, Some(terminal), by.at).await?;
    audit::append(tx, by, PositionEvent::Fill.audited_as(), id).await?;
    Ok(Ok(known(tx, id).await?))
}

pub(super) async fn move_on(
    tx: &mut Transaction,
    id: PositionId,
    event: PositionEvent,
    by: &By,
) -> Result<std::result::Result<Position, PositionRefused>> {
    let position = known(tx, id).await?;
    let state = match step(position.state, event) {
        // Nothing is filled without saying with what.
        Ok(PositionState::Occupied) | Err(_) => {
            let refused = crate::position::NotMoved { state: position.state, event };
            return Ok(Err(refused.into()));
        }
        Ok(state) => state,
    };
    if event == PositionEvent::Close {
        let bound = "SELECT id, state FROM bindings
             WHERE position = $1 AND state NOT IN ('retired', 'failed') ORDER BY id LIMIT 1";
        if let Some(mut row) = tx.row(bound, vec![text(id)]).await? {
            let (binding, state): (BindingId, _) = (row.parsed("binding")?, row.code()?);
            return Ok(Err(PositionRefused::Bound { binding, state }));
        }
    }
    write(tx, id, state, None, by.at).await?;
    audit::append(tx, by, event.audited_as(), id).await?;
    Ok(Ok(known(tx, id).await?))
}

pub(super) async fn write(
    tx: &mut Transaction,
    id: PositionId,
    state: PositionState,
    terminal: Option<TerminalId>,
    at: UnixTime,
) -> Result<()> {
    let before = "SELECT terminal FROM positions WHERE id = $1 AND terminal IS NOT NULL";
    let before = tx.row(before, vec![text(id)]).await?;
    let before = before.map(|mut row| row.parsed("terminal")).transpose()?;
    let update = "UPDATE positions SET state = $2, state_at = $3, terminal = $4 WHERE id = $1";
    let values = vec![text(id), code(state), time(at), maybe_text(terminal)];
    tx.execute(update, values).await?;
    // With whom they settle is what a campaign may go by.
    for terminal in [before, terminal].into_iter().flatten() {
        tally::changed(tx, terminal).await?;
    }
    Ok(())
}

/// A unit that enrols leaves where it was, and fills the place that its claim names.
pub(super) async fn follow_enrolment(
    tx: &mut Transaction,
    terminal: TerminalId,
    place: (&str, Option<&str>),
    at: UnixTime,
) -> Result<()> {
    let (store, lane) = place;
    let here = match lane {
        Some(lane) => self::at(tx, store, lane).await?,
        None => None,
    };
    if here.as_ref().is_some_and(|here| here.terminal == Some(terminal)) {
        return Ok(());
    }
    vacate_of(tx, terminal, at).await?;
    // Whether it may is asked before: see `terminals::at_place`.
    match here {
        Some(here) => write(tx, here.id, PositionState::Occupied, Some(terminal), at).await,
        None => Ok(()),
    }
}

/// The unit fills nothing any more.
pub(super) async fn vacate_of(
    tx: &mut Transaction,
    terminal: TerminalId,
    at: UnixTime,
) -> Result<()> {
    let update = "UPDATE positions SET state = 'vacant', state_at = $2, terminal = NULL
         WHERE terminal = $1";
    if tx.execute(update, vec![text(terminal), time(at)]).await? > 0 {
        tally::changed(tx, terminal).await?;
    }
    Ok(())
}
