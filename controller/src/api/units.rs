//! Units: each physical device, from stock to disposal.

mod shown;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use serde::Deserialize;
use shared::limits::TEXT_BYTES_MAX;
use tracing::warn;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Operator, Part, Path, Query, listed};
use super::model::{
    ImportMistake, NewUnitEvent, NewUnitInspection, NewUnitSanitisation, NewUnits, Page, Problem,
    Unit, UnitChanged, UnitHistory, UnitInspection, UnitSanitisation, UnitState, UnitsAdded,
};
use super::positions::check_line;
use super::problem::{Code, Refusal};
use super::{Api, now};
use crate::registry::unit::UnitsOf;
use crate::unit::custody::UnitStep;
use crate::unit::import::NewUnit;
use crate::unit::inspection::SealSeen;
use crate::unit::record as stored;
use crate::unit::remains::NewWord;
use shown::{event, found, inspection, unit};

/// A table of [`crate::unit::import::ROWS_MAX`] rows.
const IMPORT_BYTES_MAX: usize = 8 * 1024 * 1024;

const PHOTOS_MAX: usize = 32;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    let adding = OpenApiRouter::new()
        .routes(routes!(list, add))
        .layer(DefaultBodyLimit::max(IMPORT_BYTES_MAX));
    OpenApiRouter::new()
        .merge(adding)
        .routes(routes!(due))
        .routes(routes!(show))
        .routes(routes!(events, happen))
        .routes(routes!(inspections, inspect))
        .routes(routes!(sanitisation, sanitise))
}

/// Which units are listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    #[param(required = false)]
    state: Option<UnitState>,
    #[param(required = false)]
    store: Option<String>,
    /// The model's key.
    #[param(required = false)]
    model: Option<String>,
    /// Only those that somebody should have looked at by now, where it is `true`.
    #[serde(default)]
    #[param(required = false)]
    due: bool,
}

/// Units, in the order in which they were added
#[utoipa::path(
    get,
    path = "/v1/units",
    tag = "units",
    params(Which, Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Unit>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
    Query(Which { state, store, model, due }): Query<Which>,
) -> Result<axum::Json<Page<Unit>>, Refusal> {
    let now = now();
    let of = UnitsOf { state, store, model, due_by: due.then_some(now) };
    let page = part.page::<u64>()?;
    let units = api.registry.units(&of, &page).await?;
    Ok(listed(units, page.limit, |it| it.number.to_string(), |it| unit(it, now)))
}

/// How far ahead is looked.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Ahead {
    /// Those that are due within so many days too.
    #[serde(default)]
    #[param(required = false)]
    within_days: u16,
}

/// Units that somebody must look at, in the order in which they were added
#[utoipa::path(
    get,
    path = "/v1/units/inspections/due",
    tag = "units",
    params(Ahead, Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Unit>), (status = "default", body = Problem)),
)]
async fn due(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
    Query(Ahead { within_days }): Query<Ahead>,
) -> Result<axum::Json<Page<Unit>>, Refusal> {
    let now = now();
    let by = now.plus(std::time::Duration::from_secs(u64::from(within_days) * 86_400));
    let of = UnitsOf { due_by: Some(by), ..UnitsOf::default() };
    let page = part.page::<u64>()?;
    let units = api.registry.units(&of, &page).await?;
    Ok(listed(units, page.limit, |it| it.number.to_string(), |it| unit(it, now)))
}

/// Put units on the list, in stock: all of them, or none and everything that is wrong with them
#[utoipa::path(
    post,
    path = "/v1/units",
    tag = "units",
    security(("operator" = [])),
    responses((status = 200, body = UnitsAdded), (status = "default", body = Problem)),
)]
async fn add(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Json(NewUnits { rows, dry_run, reason }): Json<NewUnits>,
) -> Result<axum::Json<UnitsAdded>, Refusal> {
    let rows = rows.into_iter().map(|it| NewUnit { line: it.line, about: it.about });
    let rows: Vec<_> = rows.collect();
    let by = operator.by(reason.as_deref(), now());
    let added = match api.registry.add_units(&rows, dry_run, &by).await? {
        Ok(added) => UnitsAdded { is_done: !dry_run, added, mistakes: vec![] },
        Err(mistakes) => {
            let told =
                mistakes.into_iter().map(|it| ImportMistake { line: it.line, what: it.what });
            UnitsAdded { mistakes: told.collect(), ..UnitsAdded::default() }
        }
    };
    Ok(axum::Json(added))
}

/// One unit: the one with this serial number that is not disposed of, or else the newest
#[utoipa::path(
    get,
    path = "/v1/units/{serial}",
    tag = "units",
    params(("serial" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Unit), (status = "default", body = Problem)),
)]
async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(serial): Path<String>,
) -> Result<axum::Json<Unit>, Refusal> {
    Ok(axum::Json(unit(known(&api, &serial).await?, now())))
}

async fn known(api: &Api, serial: &str) -> Result<stored::Unit, Refusal> {
    api.registry.unit(serial).await?.ok_or_else(|| Refusal::no("unit", serial))
}

/// What happened to a unit, oldest first
#[utoipa::path(
    get,
    path = "/v1/units/{serial}/events",
    tag = "units",
    params(("serial" = String, Path), Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<UnitHistory>), (status = "default", body = Problem)),
)]
async fn events(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(serial): Path<String>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<UnitHistory>>, Refusal> {
    let (unit, page) = (known(&api, &serial).await?, part.page::<u64>()?);
    let moves = api.registry.unit_moves(unit.number, &page).await?;
    Ok(listed(moves, page.limit, |it| it.number.to_string(), event))
}

/// Something happens to a unit
///
/// A seal or a serial number that differs from the record where a unit is received freezes the
/// unit as tampered, and its terminal until two people have looked.
#[utoipa::path(
    post,
    path = "/v1/units/{serial}/events",
    tag = "units",
    params(("serial" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = UnitChanged), (status = "default", body = Problem)),
)]
async fn happen(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(serial): Path<String>,
    Json(NewUnitEvent { event, reason, if_state, said }): Json<NewUnitEvent>,
) -> Result<axum::Json<UnitChanged>, Refusal> {
    check_note("reason", Some(&reason))?;
    check_note("note", said.note.as_ref())?;
    check_lines(&[
        ("custodian", &said.custodian),
        ("serial", &said.serial),
        ("store", &said.store),
        ("courier", &said.courier),
        ("tracking", &said.tracking),
        ("firmware", &said.firmware),
    ])?;
    for accessory in said.accessories.iter().flatten() {
        check_line("accessories", &accessory.name)?;
    }
    let few = said.accessories.as_ref().map_or(0, Vec::len);
    check_count("accessories", few, crate::unit::import::ACCESSORIES_MAX)?;
    check_count("photos", said.photos.len(), PHOTOS_MAX)?;
    let step = UnitStep {
        event,
        seen: if_state,
        custodian: said.custodian,
        seal: seal(said.seal, said.seal_missing)?,
        serial: said.serial,
        store: said.store,
        position: said.position,
        courier: said.courier,
        tracking: said.tracking,
        firmware: said.firmware,
        accessories: said.accessories,
        condition: said.condition,
        photos: said.photos,
        note: said.note,
    };
    let now = now();
    let by = operator.by(Some(&reason), now);
    let moved = api.registry.move_unit(&serial, &step, &by).await?;
    let moved = moved.map_err(|why| Refusal::from(why).about("unit", &serial))?;
    Ok(changed(&api, moved.unit, moved.difference, &by.who))
}

/// A unit's inspections, oldest first
#[utoipa::path(
    get,
    path = "/v1/units/{serial}/inspections",
    tag = "units",
    params(("serial" = String, Path), Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<UnitInspection>), (status = "default", body = Problem)),
)]
async fn inspections(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(serial): Path<String>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<UnitInspection>>, Refusal> {
    let (unit, page) = (known(&api, &serial).await?, part.page::<u64>()?);
    let all = api.registry.inspections(unit.number, &page).await?;
    Ok(listed(all, page.limit, |it| it.number.to_string(), inspection))
}

/// Somebody looked at a unit
///
/// A seal or a serial number that differs from the record freezes the unit as tampered, and its
/// terminal until two people have looked.
#[utoipa::path(
    post,
    path = "/v1/units/{serial}/inspections",
    tag = "units",
    params(("serial" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = UnitChanged), (status = "default", body = Problem)),
)]
async fn inspect(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(serial): Path<String>,
    Json(asked): Json<NewUnitInspection>,
) -> Result<axum::Json<UnitChanged>, Refusal> {
    check_note("note", asked.note.as_ref())?;
    check_lines(&[("technician", &asked.technician), ("firmware", &asked.firmware)])?;
    check_count("photos", asked.photos.len(), PHOTOS_MAX)?;
    let by = operator.by(asked.note.as_deref(), now());
    let seal = seal(asked.seal.clone(), asked.seal_missing)?;
    let inspected = api.registry.inspect_unit(&serial, &found(asked, seal), &by).await?;
    let inspected = inspected.map_err(|why| Refusal::from(why).about("unit", &serial))?;
    Ok(changed(&api, inspected.unit, inspected.difference, &by.who))
}

/// What is on a unit, and who answers for it
#[utoipa::path(
    get,
    path = "/v1/units/{serial}/sanitisation",
    tag = "units",
    params(("serial" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = UnitSanitisation), (status = "default", body = Problem)),
)]
async fn sanitisation(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(serial): Path<String>,
) -> Result<axum::Json<UnitSanitisation>, Refusal> {
    Ok(axum::Json(shown::sanitisation(api.registry.unit_remains(&serial).await?)))
}

/// Answer for a sanitisation of a unit by hand
///
/// It counts once two people have said so, with the same reference and paper. What enrols or sells
/// again after that has something on it again.
#[utoipa::path(
    post,
    path = "/v1/units/{serial}/sanitisation",
    tag = "units",
    params(("serial" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = UnitSanitisation), (status = "default", body = Problem)),
)]
async fn sanitise(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(serial): Path<String>,
    Json(NewUnitSanitisation { reference, paper, reason }): Json<NewUnitSanitisation>,
) -> Result<axum::Json<UnitSanitisation>, Refusal> {
    check_note("reason", Some(&reason))?;
    check_line("reference", &reference)?;
    let by = operator.by(Some(&reason), now());
    let said = NewWord { reference, paper };
    let known = api.registry.sanitise_unit(&serial, &said, &by).await?;
    let known = known.map_err(|why| Refusal::from(why).about("unit", &serial))?;
    Ok(axum::Json(shown::sanitisation(known)))
}

fn changed(
    api: &Api,
    after: stored::Unit,
    difference: Option<String>,
    by: &str,
) -> axum::Json<UnitChanged> {
    if let Some(difference) = &difference {
        let serial = &after.about.serial;
        warn!(serial, by, difference, "a unit may be another one; it is frozen");
        api.vitals.campaign_moved();
    }
    axum::Json(UnitChanged { unit: unit(after, now()), difference })
}

fn seal(reads: Option<String>, is_missing: bool) -> Result<SealSeen, Refusal> {
    match (reads, is_missing) {
        (None, false) => Ok(SealSeen::Unsaid),
        (None, true) => Ok(SealSeen::Missing),
        (Some(reads), false) => check_line("seal", &reads).map(|()| SealSeen::Reads(reads)),
        (Some(_), true) => Err(Refusal::new(Code::Invalid, "a seal that is missing reads nothing")),
    }
}

fn check_lines(lines: &[(&str, &Option<String>)]) -> Result<(), Refusal> {
    lines.iter().try_for_each(|(field, line)| match line {
        Some(line) => check_line(field, line),
        None => Ok(()),
    })
}

fn check_note(field: &str, note: Option<&String>) -> Result<(), Refusal> {
    match note {
        Some(note) if note.trim().is_empty() || note.len() > TEXT_BYTES_MAX => {
            let detail = format!("`{field}` is empty, or longer than {TEXT_BYTES_MAX} bytes");
            Err(Refusal::new(Code::Invalid, detail))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_count(field: &str, count: usize, most: usize) -> Result<(), Refusal> {
    match count > most {
        true => Err(Refusal::new(Code::Invalid, format!("there are more than {most} `{field}`"))),
        false => Ok(()),
    }
}
