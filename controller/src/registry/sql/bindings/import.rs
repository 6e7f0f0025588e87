//! Takes over an estate: reads what its rows name, has it planned, and writes the plan.

use std::collections::BTreeSet;

use shared::id::{BindingId, TerminalId};

use super::super::provider::records;
use super::super::session::{Row, Transaction, list, text, with_id_list};
use super::super::{audit, positions, terminals};
use super::{insert, insert_version, row_of};
use crate::position::PositionState;
use crate::position::binding::{
    BindingEvent, BindingPolicy, BindingState, Registration, RegistrationStatus,
};
use crate::position::import::{
    self, Known, KnownBinding, KnownPosition, KnownUnit, Mistake, Row as ImportRow, Step,
};
use crate::provider::Kind;
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::position::{Imported, NewBinding};
use crate::registry::terminal::Unit;

type Result<T> = std::result::Result<T, RegistryError>;

pub(super) async fn run(
    tx: &mut Transaction,
    rows: &[ImportRow],
    policy: BindingPolicy,
    dry: bool,
    by: &By,
) -> Result<std::result::Result<Imported, Vec<Mistake>>> {
    // More are refused without being looked at.
    let named = if rows.len() > import::ROWS_MAX { &[] } else { rows };
    let known = known(tx, named).await?;
    let steps = match import::plan(rows.to_vec(), &known, policy) {
        Ok(steps) => steps,
        Err(mistakes) => return Ok(Err(mistakes)),
    };
    let strangers = named.iter().map(|row| &row.provider);
    let strangers = strangers.filter(|key| !known.providers.contains_key(*key));
    let mut imported =
        Imported { unknown_providers: strangers.cloned().collect(), ..Imported::default() };
    for step in steps {
        imported.filled += u32::from(step.fill.is_some());
        imported.known += u32::from(step.is_known);
        imported.bound += u32::from(!step.is_known);
        if !dry {
            carry_out(tx, step, by).await?;
        }
    }
    if !dry {
        audit::append(tx, by, "bindings-imported", format!("{} rows", rows.len())).await?;
    }
    Ok(Ok(imported))
}

async fn carry_out(tx: &mut Transaction, step: Step, by: &By) -> Result<()> {
    let Step { row, fill, is_known } = step;
    positions::announce(tx, &row.store, &row.lane, by.at).await?;
    let which = || format!("{}/{}", row.store, row.lane);
    let missing = || RegistryError::Missing { what: "position", which: which() };
    let position = positions::at(tx, &row.store, &row.lane).await?.ok_or_else(missing)?;
    if let Some(terminal) = fill {
        let state = PositionState::Occupied;
        positions::write(tx, position.id, state, Some(terminal), by.at).await?;
        audit::append(tx, by, "position-filled", position.id).await?;
    }
    if is_known {
        return Ok(());
    }
    let registration = match row.registration {
        Some(reference) => Registration {
            status: RegistrationStatus::Registered,
            reference: Some(reference),
            at: Some(by.at),
        },
        None => Registration::NONE,
    };
    let (id, provider, tuple) = (BindingId::generate(), row.provider, row.tuple);
    let new = NewBinding { id, position: position.id, provider, tuple };
    insert(tx, &new, BindingState::Active, by).await?;
    insert_version(tx, id, 1, &new.tuple, &registration, by).await?;
    audit::append(tx, by, BindingEvent::Adopt.audited_as(), id).await
}

async fn known(tx: &mut Transaction, rows: &[ImportRow]) -> Result<Known> {
    let mut known = Known::default();
    let stores: BTreeSet<_> = rows.iter().map(|row| &row.store).collect();
    let select =
        with_id_list!("SELECT id, store, lane, state, terminal FROM positions WHERE store IN ", "");
    for mut row in tx.rows(select, vec![list(stores)]).await? {
        let (id, place) = (row.parsed("position")?, (row.text()?, row.text()?));
        let (state, terminal) = (row.code()?, row.maybe_parsed("terminal")?);
        known.positions.insert(place, KnownPosition { id, state, terminal });
    }
    let providers: BTreeSet<_> = rows.iter().map(|row| &row.provider).collect();
    for key in providers {
        let found = records::one(tx, Kind::Provider, key, None).await?;
        if let Some(known_as) = found.and_then(|it| it.known.provider()) {
            known.providers.insert(key.clone(), known_as.document);
        }
    }
    let serials: BTreeSet<_> = rows.iter().filter_map(|row| row.serial.as_ref()).collect();
    for serial in serials {
        let Some(unit) = terminals::by_serial(tx, serial).await? else { continue };
        let fills = fills(tx, unit.id).await?;
        let is_revoked = unit.unit == Unit::Revoked;
        let (id, store, lane) = (unit.id, unit.store, unit.lane);
        known.units.insert(serial.clone(), KnownUnit { id, is_revoked, fills, store, lane });
    }
    let ids: Vec<_> = known.positions.values().map(|it| it.id).collect();
    let here = with_id_list!(
        "SELECT b.id, b.position, b.provider, b.state, b.state_at, b.state_by, b.state_why,
             b.created_at, b.created_by, v.version, v.tuple, v.registration,
             v.registration_reference, v.registration_at, v.set_at, v.set_by, v.set_why
         FROM bindings b
         JOIN binding_versions v ON v.binding = b.id AND v.version = b.version
         WHERE b.state NOT IN ('retired', 'failed') AND b.position IN ",
        ""
    );
    let here = tx.rows(here, vec![list(ids)]).await?;
    let tids: BTreeSet<_> = rows.iter().map(|row| &row.tuple.tid).collect();
    let same_tid = with_id_list!(
        "SELECT b.id, b.position, b.provider, b.state, b.state_at, b.state_by, b.state_why,
             b.created_at, b.created_by, v.version, v.tuple, v.registration,
             v.registration_reference, v.registration_at, v.set_at, v.set_by, v.set_why
         FROM bindings b
         JOIN binding_versions v ON v.binding = b.id AND v.version = b.version
         WHERE b.state NOT IN ('retired', 'failed') AND b.tid IN ",
        ""
    );
    let same_tid = tx.rows(same_tid, vec![list(tids)]).await?;
    let mut seen = BTreeSet::new();
    for row in here.into_iter().chain(same_tid) {
        let it = row_of(row)?;
        if seen.insert(it.id) {
            let (position, provider, state) = (it.position, it.provider, it.state);
            let tuple = it.version.tuple;
            known.bindings.push(KnownBinding { id: it.id, position, provider, state, tuple });
        }
    }
    Ok(known)
}

/// The store and the lane of the position that a unit fills.
async fn fills(tx: &mut Transaction, terminal: TerminalId) -> Result<Option<(String, String)>> {
    let select = "SELECT store, lane FROM positions WHERE terminal = $1";
    let place = |mut row: Row| Ok((row.text()?, row.text()?));
    tx.row(select, vec![text(terminal)]).await?.map(place).transpose()
}
