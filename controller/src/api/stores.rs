//! Stores: what people say of them, and when their terminals may be disturbed.

use std::sync::Arc;

use axum::extract::State;
use jiff::tz::TimeZone;
use shared::calendar::{Closed, Part as Hours};
use shared::time::UnixTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::calendars::shown as calendar;
use super::extract::{Json, Operator, Part, Path, Query, listed};
use super::model::{OpenOrClosed, Page, Problem, Store, StoreDescription, StoreDetail, StoreHours};
use super::positions::check_line;
use super::problem::{Code, Refusal};
use super::{Api, now};
use crate::calendar::carried::open_at;
use crate::pacing::{Limit, NotALimit};
use crate::registry::calendar::Kept;
use crate::store::{self as stored, Description};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show, describe))
}

/// Stores, by name
#[utoipa::path(
    get,
    path = "/v1/stores",
    tag = "stores",
    params(Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Store>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<Store>>, Refusal> {
    let page = part.page::<String>()?;
    let stores = api.registry.stores(&page).await?;
    Ok(listed(stores, page.limit, |it| it.name.clone(), shown))
}

/// One store, and when its terminals may be disturbed
#[utoipa::path(
    get,
    path = "/v1/stores/{name}",
    tag = "stores",
    params(("name" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = StoreDetail), (status = "default", body = Problem)),
)]
async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<axum::Json<StoreDetail>, Refusal> {
    let found = api.registry.store(&name).await?;
    let store = shown(found.ok_or_else(|| Refusal::no("store", &name))?);
    let kept = api.registry.calendars_of_store(&name).await?;
    let zones = api.registry.zones_of_store(&name).await?;
    let now = now();
    // Of a zone that the machine does not know nothing can be said.
    let known = |name: &String| Some((name.clone(), TimeZone::get(name).ok()?));
    let zones: Vec<_> = zones.iter().filter_map(known).collect();
    let own = zones.first().map_or(TimeZone::UTC, |(_, zone)| zone.clone());
    let hours = zones.into_iter().map(|(name, zone)| StoreHours {
        zone: name,
        download: hours(&kept, Hours::Download, &zone, now),
        activation: hours(&kept, Hours::Activation, &zone, now),
    });
    let hours = hours.collect();
    let calendars = kept.into_iter().map(|it| calendar(it, &own, now)).collect();
    Ok(axum::Json(StoreDetail { store, hours, calendars }))
}

fn hours(kept: &[Kept], part: Hours, zone: &TimeZone, now: UnixTime) -> OpenOrClosed {
    match open_at(kept, part, zone, now) {
        Ok(()) => OpenOrClosed { is_open: true, why: None, opens_at: None },
        Err(closed) => {
            let why = match closed.why {
                Closed::Freeze => "freeze",
                Closed::Window => "window",
                Closed::Spread => "spread",
                Closed::Margin => "margin",
            };
            OpenOrClosed { is_open: false, why: Some(why.to_owned()), opens_at: closed.until }
        }
    }
}

/// Say all that is known of a store, if nobody has said more than was seen
#[utoipa::path(
    put,
    path = "/v1/stores/{name}",
    tag = "stores",
    params(("name" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Store), (status = "default", body = Problem)),
)]
async fn describe(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Json(asked): Json<StoreDescription>,
) -> Result<axum::Json<Store>, Refusal> {
    let StoreDescription { seen_version, reason, .. } = asked;
    let StoreDescription { region, at_once_max, fallback, download_bytes_per_s, .. } = asked;
    for (field, line) in [("region", &region), ("fallback", &fallback)] {
        line.as_ref().map_or(Ok(()), |line| check_line(field, line))?;
    }
    let wrong =
        |why: NotALimit| Refusal::new(Code::Invalid, format!("`download_bytes_per_s`: {why}"));
    let download_limit = download_bytes_per_s.map(Limit::of).transpose().map_err(wrong)?;
    let described = Description { region, at_once_max, fallback, download_limit };
    described.check().map_err(|why| Refusal::new(Code::Invalid, why.to_string()))?;
    let by = operator.by(reason.as_deref(), now());
    let store = api.registry.describe_store(&name, seen_version, &described, &by).await?;
    Ok(axum::Json(shown(store)))
}

fn shown(it: stored::Store) -> Store {
    Store {
        name: it.name,
        region: it.described.region,
        at_once_max: it.described.at_once_max,
        fallback: it.described.fallback,
        download_bytes_per_s: it.described.download_limit.map(Limit::bytes_per_s),
        version: it.version,
        set_at: it.set.as_ref().map(|set| set.at),
        set_by: it.set.map(|set| set.by),
    }
}
