//! Windows and freezes: one by one, and as files of other programs.

mod files;

use std::sync::Arc;

use axum::extract::State;
use data_encoding::HEXLOWER;
use jiff::tz::TimeZone;
use serde::Deserialize;
use shared::time::UnixTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Operator, Part, Path, Query, listed};
use super::model::{
    CalendarEnd, CalendarEntry, CalendarKind, CalendarOccurrence, CalendarScope, Decision,
    NewCalendarEntry, Page, Problem,
};
use super::problem::{Code, Refusal};
use super::{Api, now};
use crate::calendar::said::Said;
use crate::calendar::scope::Scope;
use crate::calendar::{Clock, Kind, Occurrence};
use crate::registry::calendar::{CalendarRefused, CalendarsOf, Kept};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(show))
        .routes(routes!(remove))
        .merge(files::routes())
}

/// Which entries are listed, and for whom.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    #[param(required = false)]
    scope: Option<CalendarScope>,
    /// Which region or store.
    #[param(required = false)]
    subject: Option<String>,
    #[param(required = false)]
    kind: Option<CalendarKind>,
    #[param(required = false)]
    uid: Option<String>,
    /// Those that were replaced or removed too, where it is `true`.
    #[serde(default)]
    #[param(required = false)]
    ended: bool,
    /// Where a terminal stands, for what is on each terminal's own clock; UTC where it is left out.
    #[param(required = false)]
    zone: Option<String>,
}

/// Windows and freezes, in the order in which they were set
#[utoipa::path(
    get,
    path = "/v1/calendars",
    tag = "calendars",
    params(Which, Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<CalendarEntry>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
    Query(which): Query<Which>,
) -> Result<axum::Json<Page<CalendarEntry>>, Refusal> {
    let (page, now) = (part.page::<u64>()?, now());
    let zone = zone(which.zone.as_deref())?;
    let of = CalendarsOf {
        scope: maybe_scope(which.scope, which.subject)?,
        kind: which.kind,
        uid: which.uid,
        ended_too: which.ended,
    };
    let found = api.registry.calendars(&of, &page).await?;
    Ok(listed(found, page.limit, |it| it.number.to_string(), |it| shown(it, &zone, now)))
}

/// Whose clock is looked at.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Where {
    /// As in the list.
    #[param(required = false)]
    zone: Option<String>,
}

/// One window or freeze, as it is or as it was
#[utoipa::path(
    get,
    path = "/v1/calendars/{number}",
    tag = "calendars",
    params(("number" = u64, Path), Where),
    security(("operator" = [])),
    responses((status = 200, body = CalendarEntry), (status = "default", body = Problem)),
)]
async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(number): Path<u64>,
    Query(asked): Query<Where>,
) -> Result<axum::Json<CalendarEntry>, Refusal> {
    let zone = zone(asked.zone.as_deref())?;
    let found = api.registry.calendar(number).await?;
    let found = found.ok_or_else(|| Refusal::no("calendar", number))?;
    Ok(axum::Json(shown(found, &zone, now())))
}

/// Keep one window or freeze, in the place of the one with its kind and uid
#[utoipa::path(
    post,
    path = "/v1/calendars",
    tag = "calendars",
    security(("operator" = [])),
    responses((status = 200, body = CalendarEntry), (status = "default", body = Problem)),
)]
async fn add(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Json(asked): Json<NewCalendarEntry>,
) -> Result<axum::Json<CalendarEntry>, Refusal> {
    let scope = scope(asked.scope, asked.subject)?;
    let said = Said {
        uid: asked.uid.unwrap_or_else(|| new_uid(asked.kind)),
        summary: asked.summary,
        kind: asked.kind,
        from: asked.from,
        to: asked.to,
        zone: asked.zone,
        repeat: asked.repeat,
        until: asked.until,
        except: asked.except,
    };
    let entry = said.entry().map_err(|why| Refusal::new(Code::Invalid, why.to_string()))?;
    let by = operator.by(asked.reason.as_deref(), now());
    let entries = std::slice::from_ref(&entry);
    api.registry.put_calendars(&scope, entries, false, &by).await??;
    let of = CalendarsOf {
        scope: Some(scope),
        kind: Some(entry.kind),
        uid: Some(entry.uid.clone()),
        ended_too: false,
    };
    let mut found = api.registry.calendars(&of, &crate::registry::page::Page::first(1)).await?;
    let found = found.pop().ok_or_else(|| Refusal::no("calendar", entry.uid))?;
    Ok(axum::Json(shown(found, &TimeZone::UTC, by.at)))
}

/// It stands no more; it is kept as ended
#[utoipa::path(
    post,
    path = "/v1/calendars/{number}/remove",
    tag = "calendars",
    params(("number" = u64, Path)),
    security(("operator" = [])),
    responses((status = 200, body = CalendarEntry), (status = "default", body = Problem)),
)]
async fn remove(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(number): Path<u64>,
    Json(why): Json<Decision>,
) -> Result<axum::Json<CalendarEntry>, Refusal> {
    let by = operator.by(why.reason.as_deref(), now());
    let removed = api.registry.remove_calendar(number, &by).await??;
    Ok(axum::Json(shown(removed, &TimeZone::UTC, by.at)))
}

impl From<CalendarRefused> for Refusal {
    fn from(refused: CalendarRefused) -> Self {
        let code = match &refused {
            CalendarRefused::TooMany { .. } => Code::TooLarge,
            CalendarRefused::Ended { .. } => Code::WrongState,
        };
        Self::new(code, refused.to_string()).hint(refused.hint())
    }
}

/// Short enough to be typed, and long enough that no two are the same.
fn new_uid(kind: Kind) -> String {
    let mut random = [0; 6];
    getrandom::fill(&mut random).expect("the machine has random bytes");
    format!("{}-{}", kind.word(), HEXLOWER.encode(&random))
}

fn scope(scope: CalendarScope, subject: Option<String>) -> Result<Scope, Refusal> {
    let refused = |detail| Err(Refusal::new(Code::Invalid, detail));
    match (scope, subject.filter(|it| !it.is_empty())) {
        (CalendarScope::Fleet, None) => Ok(Scope::Fleet),
        (CalendarScope::Region, Some(region)) => Ok(Scope::Region(region)),
        (CalendarScope::Store, Some(store)) => Ok(Scope::Store(store)),
        (CalendarScope::Fleet, Some(_)) => refused("`subject` names a region or a store"),
        (CalendarScope::Region | CalendarScope::Store, None) => {
            refused("`subject` says which region or store")
        }
    }
}

fn maybe_scope(
    scope: Option<CalendarScope>,
    subject: Option<String>,
) -> Result<Option<Scope>, Refusal> {
    match (scope, subject) {
        (Some(scope), subject) => self::scope(scope, subject).map(Some),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Refusal::new(Code::Invalid, "`scope` says what `subject` is of")),
    }
}

fn zone(name: Option<&str>) -> Result<TimeZone, Refusal> {
    let Some(name) = name else { return Ok(TimeZone::UTC) };
    let unknown = |_| Refusal::new(Code::Invalid, format!("the zone `{name}` is not known"));
    TimeZone::get(name).map_err(unknown)
}

pub(super) fn shown(it: Kept, zone: &TimeZone, now: UnixTime) -> CalendarEntry {
    let why = |why: String| Some(why).filter(|it| !it.is_empty());
    let occurrence = |it: Occurrence| CalendarOccurrence {
        from: it.from.to_string(),
        to: it.to.to_string(),
        is_now: it.is_now,
    };
    let next = it.entry.next(zone, now).map(occurrence);
    let (scope, subject) = match it.scope {
        Scope::Fleet => (CalendarScope::Fleet, None),
        Scope::Region(region) => (CalendarScope::Region, Some(region)),
        Scope::Store(store) => (CalendarScope::Store, Some(store)),
    };
    CalendarEntry {
        number: it.number,
        scope,
        subject,
        kind: it.entry.kind,
        uid: it.entry.uid,
        summary: it.entry.summary,
        from: it.entry.from.to_string(),
        to: it.entry.to.to_string(),
        zone: match it.entry.clock {
            Clock::EachTerminals => None,
            Clock::Zone(name) => Some(name),
        },
        until: it.entry.repeat.as_ref().and_then(|repeat| repeat.until).map(|at| at.to_string()),
        repeat: it.entry.repeat.map(|repeat| repeat.to_string()),
        except: it.entry.except.iter().map(ToString::to_string).collect(),
        next,
        version: it.version,
        set_at: it.set_at,
        set_by: it.set_by,
        set_reason: why(it.why),
        ended: it.ended.map(|end| CalendarEnd { at: end.at, by: end.by, reason: why(end.why) }),
    }
}
