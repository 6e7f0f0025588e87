//! Units, and the trait's methods over these statements and those of their history.

pub(super) mod follow;
mod freeze;
mod history;
pub(super) mod remains;

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::session::{
    Access, Database, Row, Transaction, Value, code, int, json, list, maybe_text, maybe_time, text,
    time, with_id_list,
};
use super::{SqlRegistry, audit, finish, positions, read, transaction, write};
use crate::position::import::Mistake;
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::page::Page;
use crate::registry::unit::{Changed, UnitRegistry, UnitsOf};
use crate::unit::custody::{self, Decided, UnitMove, UnitStep};
use crate::unit::import::{self, NewUnit};
use crate::unit::inspection::{self, Inspection, NewInspection, SealSeen};
use crate::unit::record::{About, Inspected, Money, Unit};
use crate::unit::remains::{Facts, NewWord};
use crate::unit::{UnitEvent, UnitRefused, UnitState};

type Result<T> = std::result::Result<T, RegistryError>;

type Refused<T> = std::result::Result<T, UnitRefused>;

#[async_trait]
impl<D: Database> UnitRegistry for SqlRegistry<D> {
    async fn add_units(
        &self,
        new: &[NewUnit],
        dry: bool,
        by: &By,
    ) -> Result<std::result::Result<u64, Vec<Mistake>>> {
        write!(self, "put units on the list", tx => add(tx, new, dry, by))
    }

    async fn unit(&self, serial: &str) -> Result<Option<Unit>> {
        read!(self, "find a unit", tx => by_serial(tx, serial))
    }

    async fn units(&self, of: &UnitsOf, page: &Page<u64>) -> Result<Vec<Unit>> {
        read!(self, "list units", tx => listed(tx, of, page))
    }

    async fn move_unit(
        &self,
        serial: &str,
        step: &UnitStep,
        by: &By,
    ) -> Result<Refused<Changed<UnitMove>>> {
        write!(self, "move a unit", tx => move_on(tx, serial, step, by))
    }

    async fn inspect_unit(
        &self,
        serial: &str,
        found: &NewInspection,
        by: &By,
    ) -> Result<Refused<Changed<Inspection>>> {
        write!(self, "note an inspection", tx => inspect(tx, serial, found, by))
    }

    async fn sanitise_unit(&self, serial: &str, said: &NewWord, by: &By) -> Result<Refused<Facts>> {
        write!(self, "note who sanitised a unit", tx => remains::say(tx, serial, said, by))
    }

    async fn unit_remains(&self, serial: &str) -> Result<Facts> {
        read!(self, "tell what is on a unit", tx => remains::known_of(tx, serial))
    }

    async fn unit_moves(&self, unit: u64, page: &Page<u64>) -> Result<Vec<UnitMove>> {
        read!(self, "list what happened to a unit", tx => history::moves(tx, unit, page))
    }

    async fn inspections(&self, unit: u64, page: &Page<u64>) -> Result<Vec<Inspection>> {
        read!(self, "list a unit's inspections", tx => history::inspections(tx, unit, page))
    }
}

macro_rules! select_units {
    ($tail:literal) => {
        concat!(
            "SELECT id, serial, model, store, hardware, firmware, property_number, custodian,
                 seal, connections, accessories, warranty_from, warranty_until, pts_approval,
                 pts_expires_on, condition, residual_value_minor, residual_value_currency,
                 inspection_every_days, position, last_inspected_at, last_inspected_by,
                 last_verdict, state, state_at, state_by, state_why, created_at, created_by
             FROM units ",
            $tail
        )
    };
}

fn unit(mut row: Row) -> Result<Unit> {
    Ok(Unit {
        number: row.number()?,
        about: about(&mut row)?,
        position: row.maybe_parsed("position")?,
        inspected: inspected(&mut row)?,
        state: row.code()?,
        state_at: row.time()?,
        state_by: row.text()?,
        state_why: row.text()?,
        created_at: row.time()?,
        created_by: row.text()?,
    })
}

fn about(row: &mut Row) -> Result<About> {
    Ok(About {
        serial: row.text()?,
        model: row.text()?,
        store: row.text()?,
        hardware: row.maybe_text()?,
        firmware: row.maybe_text()?,
        property_number: row.maybe_text()?,
        custodian: row.maybe_text()?,
        seal: row.maybe_text()?,
        connections: row.maybe_int()?.and_then(|count| count.try_into().ok()),
        accessories: row.json("list of accessories")?,
        warranty_from: row.maybe_parsed("day")?,
        warranty_until: row.maybe_parsed("day")?,
        pts_approval: row.maybe_text()?,
        pts_expires_on: row.maybe_parsed("day")?,
        condition: row.code()?,
        residual_value: {
            let minor = row.maybe_int()?.and_then(|minor| minor.try_into().ok());
            minor.zip(row.maybe_text()?).map(|(minor, currency)| Money { minor, currency })
        },
        inspection_every_days: row.number()?,
    })
}

/// The columns of the last inspection, which are all there or all absent.
fn inspected(row: &mut Row) -> Result<Option<Inspected>> {
    let (at, by, verdict) = (row.maybe_time()?, row.maybe_text()?, row.maybe_code()?);
    Ok(at.zip(by).zip(verdict).map(|((at, by), verdict)| Inspected { at, by, verdict }))
}

pub(super) async fn by_serial(tx: &mut Transaction, serial: &str) -> Result<Option<Unit>> {
    let select = select_units!(
        "WHERE serial = $1 ORDER BY CASE state WHEN 'disposed' THEN 1 ELSE 0 END, id DESC LIMIT 1"
    );
    tx.row(select, vec![text(serial)]).await?.map(unit).transpose()
}

async fn known(tx: &mut Transaction, serial: &str) -> Result<Unit> {
    let missing = || RegistryError::Missing { what: "unit", which: serial.to_owned() };
    by_serial(tx, serial).await?.ok_or_else(missing)
}

async fn listed(tx: &mut Transaction, of: &UnitsOf, page: &Page<u64>) -> Result<Vec<Unit>> {
    // The states are those in which a unit can be looked at: `UnitState::is_inspected`.
    let select = select_units!(
        "WHERE id > $1 AND ($3 IS NULL OR state = $3) AND ($4 IS NULL OR store = $4)
             AND ($5 IS NULL OR model = $5)
             AND ($6 IS NULL OR (COALESCE(last_inspected_at, created_at)
                     + inspection_every_days * 86400 <= $6
                 AND state NOT IN ('in-transit', 'out-for-repair', 'disposed', 'tampered',
                     'lost-stolen')))
         ORDER BY id LIMIT $2"
    );
    let values = vec![
        int(page.after.unwrap_or(0)),
        int(page.items()),
        maybe_text(of.state),
        maybe_text(of.store.as_ref()),
        maybe_text(of.model.as_ref()),
        maybe_time(of.due_by),
    ];
    tx.rows(select, values).await?.into_iter().map(unit).collect()
}

async fn add(
    tx: &mut Transaction,
    new: &[NewUnit],
    dry: bool,
    by: &By,
) -> Result<std::result::Result<u64, Vec<Mistake>>> {
    // More are refused without being looked at.
    let named = if new.len() > import::ROWS_MAX { &[] } else { new };
    let serials: BTreeSet<_> = named.iter().map(|it| &it.about.serial).collect();
    let select =
        with_id_list!("SELECT serial FROM units WHERE state <> 'disposed' AND serial IN ", "");
    let known = tx.rows(select, vec![list(serials)]).await?;
    let known = known.into_iter().map(|mut row| row.text()).collect::<Result<_>>()?;
    let mistakes = import::mistakes(new, &known);
    if !mistakes.is_empty() {
        return Ok(Err(mistakes));
    }
    for NewUnit { about, .. } in if dry { &[] } else { new } {
        insert(tx, about, by).await?;
        audit::append(tx, by, "unit-added", &about.serial).await?;
    }
    Ok(Ok(new.len() as u64))
}

async fn insert(tx: &mut Transaction, about: &About, by: &By) -> Result<()> {
    let insert = "INSERT INTO units (serial, model, store, hardware, firmware, property_number,
             custodian, seal, connections, accessories, warranty_from, warranty_until,
             pts_approval, pts_expires_on, condition, residual_value_minor,
             residual_value_currency, inspection_every_days, state, state_at, state_by,
             state_why, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
             $19, $20, $21, $22, $20, $21)";
    let value = about.residual_value.as_ref();
    let values = vec![
        text(&about.serial),
        text(&about.model),
        text(&about.store),
        maybe_text(about.hardware.as_ref()),
        maybe_text(about.firmware.as_ref()),
        maybe_text(about.property_number.as_ref()),
        maybe_text(about.custodian.as_ref()),
        maybe_text(about.seal.as_ref()),
        Value::Int(about.connections.map(i64::from)),
        json(&about.accessories),
        maybe_text(about.warranty_from),
        maybe_text(about.warranty_until),
        maybe_text(about.pts_approval.as_ref()),
        maybe_text(about.pts_expires_on),
        code(about.condition),
        Value::Int(value.map(|it| i64::from(it.minor))),
        maybe_text(value.map(|it| &it.currency)),
        int(about.inspection_every_days),
        code(UnitState::InStock),
        time(by.at),
        text(&by.who),
        text(&by.why),
    ];
    tx.execute(insert, values).await?;
    Ok(())
}

/// For other transactions: the unit with this serial number goes on to its next state. Gives that
/// state, or `None` where no such unit is on the list.
pub(super) async fn step_unit(
    tx: &mut Transaction,
    serial: &str,
    event: UnitEvent,
    by: &By,
) -> Result<Refused<Option<UnitState>>> {
    if by_serial(tx, serial).await?.is_none() {
        return Ok(Ok(None));
    }
    let moved = move_on(tx, serial, &UnitStep::plain(event), by).await?;
    Ok(moved.map(|changed| Some(changed.unit.state)))
}

pub(super) async fn move_on(
    tx: &mut Transaction,
    serial: &str,
    step: &UnitStep,
    by: &By,
) -> Result<Refused<Changed<UnitMove>>> {
    let moved = match moved(tx, serial, step, by).await? {
        Ok(moved) => moved,
        Err(refused) => return Ok(Err(refused)),
    };
    if let Some(difference) = &moved.difference {
        freeze::freeze(tx, serial, difference, &suspecting(difference, by)).await?;
    } else if matches!(step.event, UnitEvent::ReportTampered | UnitEvent::ReportLost) {
        freeze::reported(tx, serial, step.event, by).await?;
    }
    Ok(Ok(moved))
}

/// The same, and nothing is kept from its terminal yet.
async fn moved(
    tx: &mut Transaction,
    serial: &str,
    step: &UnitStep,
    by: &By,
) -> Result<Refused<Changed<UnitMove>>> {
    let before = known(tx, serial).await?;
    let remains = remains::of(tx, &before).await?;
    let Decided { unit, difference } = match custody::decide(&before, step, &remains) {
        Ok(decided) => decided,
        Err(refused) => return Ok(Err(refused)),
    };
    if let Some(by) = in_the_way(tx, &unit).await? {
        return Ok(Err(UnitRefused::PositionTaken { by }));
    }
    if let Some(position) = step.position {
        positions::known(tx, position).await?;
    }
    // What was seen stays in the history; that it is frozen is what happened.
    let (event, by) = match &difference {
        Some(difference) => (UnitEvent::ReportTampered, &suspecting(difference, by)),
        None => (step.event, by),
    };
    let unit = stamped(unit, by);
    put(tx, &before, &unit).await?;
    let what = UnitMove {
        number: history::moves_of(tx, unit.number).await? + 1,
        step: UnitStep { event, ..step.clone() },
        from: before.state,
        to: unit.state,
        by: by.who.clone(),
        why: by.why.clone(),
        at: by.at,
    };
    history::insert_move(tx, unit.number, &what).await?;
    audit::append(tx, by, event.audited_as(), serial).await?;
    if before.state.is_closed() {
        freeze::end_alarms(tx, serial, by).await?;
    }
    follow::end_alarm(tx, serial, unit.state, by).await?;
    Ok(Ok(Changed { unit, what, difference }))
}

async fn inspect(
    tx: &mut Transaction,
    serial: &str,
    found: &NewInspection,
    by: &By,
) -> Result<Refused<Changed<Inspection>>> {
    let before = known(tx, serial).await?;
    let judged = match inspection::judge(&before, found) {
        Ok(judged) => judged,
        Err(refused) => return Ok(Err(refused)),
    };
    let (verdict, difference) = (judged.verdict, judged.difference);
    let number = history::inspections_of(tx, before.number).await? + 1;
    let what = Inspection { number, at: by.at, by: by.who.clone(), found: found.clone(), verdict };
    history::insert_inspection(tx, before.number, &what).await?;
    audit::append(tx, by, "unit-inspected", serial).await?;
    let mut unit = before.clone();
    unit.inspected = Some(Inspected { at: by.at, by: by.who.clone(), verdict });
    unit.about.firmware = found.firmware.clone().or(unit.about.firmware);
    // It is what the record says, or the first one that is written down.
    if let (None, SealSeen::Reads(seal)) = (&difference, &found.seal) {
        unit.about.seal = Some(seal.clone());
    }
    put(tx, &before, &unit).await?;
    if let Some(difference) = &difference {
        let frozen = suspecting(difference, by);
        let tampered = UnitStep::plain(UnitEvent::ReportTampered);
        if let Err(refused) = moved(tx, serial, &tampered, &frozen).await? {
            return Ok(Err(refused));
        }
        freeze::freeze(tx, serial, difference, by).await?;
    }
    let unit = known(tx, serial).await?;
    Ok(Ok(Changed { unit, what, difference }))
}

/// Why it is frozen comes before why somebody had it in hand.
fn suspecting(difference: &str, by: &By) -> By {
    let why = match by.why.is_empty() {
        true => format!("suspected substitution: {difference}"),
        false => format!("suspected substitution: {difference}; {}", by.why),
    };
    By { why, ..by.clone() }
}

fn stamped(unit: Unit, by: &By) -> Unit {
    let (state_at, state_by, state_why) = (by.at, by.who.clone(), by.why.clone());
    Unit { state_at, state_by, state_why, ..unit }
}

/// The other unit that is in service where this one would be.
async fn in_the_way(tx: &mut Transaction, unit: &Unit) -> Result<Option<String>> {
    let Some(position) = unit.position.filter(|_| unit.state == UnitState::InService) else {
        return Ok(None);
    };
    let select = "SELECT serial FROM units
         WHERE position = $1 AND state = 'in-service' AND id <> $2";
    let row = tx.row(select, vec![text(position), int(unit.number)]).await?;
    row.map(|mut row| row.text()).transpose()
}

/// Writes what may change of a unit, if it is still as it was seen.
async fn put(tx: &mut Transaction, before: &Unit, unit: &Unit) -> Result<()> {
    let update = "UPDATE units SET store = $3, firmware = $4, custodian = $5, seal = $6,
             accessories = $7, condition = $8, position = $9, last_inspected_at = $10,
             last_inspected_by = $11, last_verdict = $12, state = $13, state_at = $14,
             state_by = $15, state_why = $16
         WHERE id = $1 AND state = $2";
    let (about, inspected) = (&unit.about, unit.inspected.as_ref());
    let values = vec![
        int(before.number),
        code(before.state),
        text(&about.store),
        maybe_text(about.firmware.as_ref()),
        maybe_text(about.custodian.as_ref()),
        maybe_text(about.seal.as_ref()),
        json(&about.accessories),
        code(about.condition),
        maybe_text(unit.position),
        maybe_time(inspected.map(|it| it.at)),
        maybe_text(inspected.map(|it| &it.by)),
        maybe_text(inspected.map(|it| it.verdict.as_str())),
        code(unit.state),
        time(unit.state_at),
        text(&unit.state_by),
        text(&unit.state_why),
    ];
    match tx.execute(update, values).await? {
        1 => Ok(()),
        _ => Err(RegistryError::Contended),
    }
}
