//! What happened to a unit, and who looked at it: rows that are added and never changed.

use super::super::session::{
    Row, Transaction, Value, code, flag, int, json, maybe_text, text, time,
};
use crate::registry::RegistryError;
use crate::registry::page::Page;
use crate::unit::custody::{UnitMove, UnitStep};
use crate::unit::inspection::{
    Connections, Inspection, NewInspection, SealSeen, SerialSeen, Surface,
};

type Result<T> = std::result::Result<T, RegistryError>;

/// A seal is never empty, so that an empty one says that there was none.
fn seal(seen: &SealSeen) -> Value {
    match seen {
        SealSeen::Unsaid => Value::Text(None),
        SealSeen::Missing => text(""),
        SealSeen::Reads(seal) => text(seal),
    }
}

fn seal_seen(text: Option<String>) -> SealSeen {
    match text {
        None => SealSeen::Unsaid,
        Some(text) if text.is_empty() => SealSeen::Missing,
        Some(text) => SealSeen::Reads(text),
    }
}

pub(super) async fn moves_of(tx: &mut Transaction, unit: u64) -> Result<u64> {
    newest(tx.row("SELECT MAX(seq) FROM unit_events WHERE unit = $1", vec![int(unit)]).await?)
}

pub(super) async fn inspections_of(tx: &mut Transaction, unit: u64) -> Result<u64> {
    newest(tx.row("SELECT MAX(seq) FROM inspections WHERE unit = $1", vec![int(unit)]).await?)
}

fn newest(row: Option<Row>) -> Result<u64> {
    let newest = row.map(|mut row| row.maybe_int()).transpose()?.flatten();
    Ok(newest.and_then(|seq| seq.try_into().ok()).unwrap_or(0))
}

pub(super) async fn insert_move(tx: &mut Transaction, unit: u64, it: &UnitMove) -> Result<()> {
    let insert = "INSERT INTO unit_events (unit, seq, event, state_from, state_to, moved_by, why,
             moved_at, custodian, seal, serial, store, position, courier, tracking, firmware,
             accessories, condition, photos, note)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
             $19, $20)";
    let step = &it.step;
    let accessories = step.accessories.as_ref();
    let values = vec![
        int(unit),
        int(it.number),
        code(step.event),
        code(it.from),
        code(it.to),
        text(&it.by),
        text(&it.why),
        time(it.at),
        maybe_text(step.custodian.as_ref()),
        seal(&step.seal),
        maybe_text(step.serial.as_ref()),
        maybe_text(step.store.as_ref()),
        maybe_text(step.position),
        maybe_text(step.courier.as_ref()),
        maybe_text(step.tracking.as_ref()),
        maybe_text(step.firmware.as_ref()),
        accessories.map_or(Value::Text(None), json),
        maybe_text(step.condition.map(|it| it.as_str())),
        json(&step.photos),
        maybe_text(step.note.as_ref()),
    ];
    tx.execute(insert, values).await?;
    Ok(())
}

pub(super) async fn moves(
    tx: &mut Transaction,
    unit: u64,
    page: &Page<u64>,
) -> Result<Vec<UnitMove>> {
    let select = "SELECT seq, event, state_from, state_to, moved_by, why, moved_at, custodian,
             seal, serial, store, position, courier, tracking, firmware, accessories, condition,
             photos, note
         FROM unit_events WHERE unit = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    let values = vec![int(unit), int(page.after.unwrap_or(0)), int(page.items())];
    let read = |mut row: Row| {
        let (number, event) = (row.number()?, row.code()?);
        let (from, to) = (row.code()?, row.code()?);
        let (by, why, at) = (row.text()?, row.text()?, row.time()?);
        let step = UnitStep {
            event,
            seen: Some(from),
            custodian: row.maybe_text()?,
            seal: seal_seen(row.maybe_text()?),
            serial: row.maybe_text()?,
            store: row.maybe_text()?,
            position: row.maybe_parsed("position")?,
            courier: row.maybe_text()?,
            tracking: row.maybe_text()?,
            firmware: row.maybe_text()?,
            accessories: row.maybe_json("list of accessories")?,
            condition: row.maybe_code()?,
            photos: row.json("list of photos")?,
            note: row.maybe_text()?,
        };
        Ok(UnitMove { number, step, from, to, by, why, at })
    };
    tx.rows(select, values).await?.into_iter().map(read).collect()
}

pub(super) async fn insert_inspection(
    tx: &mut Transaction,
    unit: u64,
    it: &Inspection,
) -> Result<()> {
    let insert = "INSERT INTO inspections (unit, seq, inspected_at, inspected_by, technician,
             seal, surface_ok, connections_ok, serial_confirmed, firmware, photos, verdict, note)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let found = &it.found;
    let values = vec![
        int(unit),
        int(it.number),
        time(it.at),
        text(&it.by),
        maybe_text(found.technician.as_ref()),
        seal(&found.seal),
        flag(found.surface == Surface::Untouched),
        flag(found.connections == Connections::AsExpected),
        flag(found.serial == SerialSeen::Confirmed),
        maybe_text(found.firmware.as_ref()),
        json(&found.photos),
        code(it.verdict),
        maybe_text(found.note.as_ref()),
    ];
    tx.execute(insert, values).await?;
    Ok(())
}

pub(super) async fn inspections(
    tx: &mut Transaction,
    unit: u64,
    page: &Page<u64>,
) -> Result<Vec<Inspection>> {
    let select = "SELECT seq, inspected_at, inspected_by, technician, seal, surface_ok,
             connections_ok, serial_confirmed, firmware, photos, verdict, note
         FROM inspections WHERE unit = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    let values = vec![int(unit), int(page.after.unwrap_or(0)), int(page.items())];
    let read = |mut row: Row| {
        let (number, at, by) = (row.number()?, row.time()?, row.text()?);
        let (technician, seal) = (row.maybe_text()?, seal_seen(row.maybe_text()?));
        let surface = if row.flag()? { Surface::Untouched } else { Surface::Marked };
        let connections = if row.flag()? { Connections::AsExpected } else { Connections::Other };
        let serial = if row.flag()? { SerialSeen::Confirmed } else { SerialSeen::Other };
        let (firmware, photos) = (row.maybe_text()?, row.json("list of photos")?);
        let (verdict, note) = (row.code()?, row.maybe_text()?);
        let found = NewInspection {
            technician,
            seal,
            surface,
            connections,
            serial,
            firmware,
            photos,
            note,
        };
        Ok(Inspection { number, at, by, found, verdict })
    };
    tx.rows(select, values).await?.into_iter().map(read).collect()
}
