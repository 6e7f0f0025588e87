//! Calendars as files (iCalendar), in and out.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::extract::{Operator, Query};
use super::super::model::{
    CalendarEffect, CalendarImportReport, CalendarKind, CalendarScope, ImportedCalendar, Problem,
};
use super::super::problem::{Code, Refusal};
use super::super::{Api, now};
use super::{maybe_scope, scope};
use crate::calendar::ics::{self, FILE_BYTES_MAX, NotKept};
use crate::registry::calendar::{CalendarsOf, Effect, all};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(take))
        .layer(DefaultBodyLimit::max(FILE_BYTES_MAX))
        .routes(routes!(give))
}

/// How a file is taken.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct How {
    /// What an event is that has none of these words as its category.
    kind: CalendarKind,
    scope: CalendarScope,
    /// Which region or store.
    subject: Option<String>,
    /// Only say what would be done.
    #[serde(default)]
    #[param(required = false)]
    dry_run: bool,
    /// Kept in the audit log.
    reason: Option<String>,
}

/// Take a file of windows and freezes: all of them, or none and everything that is wrong
///
/// An event takes the place of the one that its scope has with its kind and uid. What the scope has
/// besides stays.
#[utoipa::path(
    post,
    path = "/v1/calendars/import",
    tag = "calendars",
    params(How),
    request_body(content = String, content_type = "text/calendar"),
    security(("operator" = [])),
    responses((status = 200, body = CalendarImportReport), (status = "default", body = Problem)),
)]
async fn take(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Query(how): Query<How>,
    body: Result<Bytes, BytesRejection>,
) -> Result<axum::Json<CalendarImportReport>, Refusal> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("a file has at most {FILE_BYTES_MAX} bytes");
            Refusal::new(Code::TooLarge, detail).hint("divide the file")
        }
        _ => Refusal::new(Code::BadRequest, rejection.body_text()),
    })?;
    let text = std::str::from_utf8(&body).map_err(|error| {
        let line = 1 + body[..error.valid_up_to()].iter().filter(|it| **it == b'\n').count();
        refused(&[format!("line {line}: this is no UTF-8")])
    })?;
    let scope = scope(how.scope, how.subject)?;
    let entries = ics::import(text, how.kind).map_err(|not_kept| {
        refused(&not_kept.iter().map(NotKept::to_string).collect::<Vec<_>>())
    })?;
    let by = operator.by(how.reason.as_deref(), now());
    let effects = api.registry.put_calendars(&scope, &entries, how.dry_run, &by).await??;
    let imported = entries.into_iter().zip(effects).map(|(entry, effect)| ImportedCalendar {
        uid: entry.uid,
        kind: entry.kind,
        summary: entry.summary,
        what: match effect {
            Effect::New => CalendarEffect::New,
            Effect::Replaced => CalendarEffect::Replaced,
            Effect::Unchanged => CalendarEffect::Unchanged,
        },
    });
    let entries = imported.collect();
    Ok(axum::Json(CalendarImportReport { dry_run: how.dry_run, entries }))
}

fn refused(said: &[String]) -> Refusal {
    Refusal::new(Code::FileRefused, format!("nothing of the file was taken:\n{}", said.join("\n")))
        .hint("mend what is said, and send the file again")
}

/// Which entries a file has; all that stand where nothing is said.
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
}

/// Windows and freezes as a file, which can be taken again
#[utoipa::path(
    get,
    path = "/v1/calendars/export",
    tag = "calendars",
    params(Which),
    security(("operator" = [])),
    responses(
        (status = 200, body = String, content_type = "text/calendar"),
        (status = "default", body = Problem),
    ),
)]
async fn give(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(which): Query<Which>,
) -> Result<impl IntoResponse, Refusal> {
    let scope = maybe_scope(which.scope, which.subject)?;
    let of = CalendarsOf { scope, kind: which.kind, ..CalendarsOf::default() };
    let kept = all(&*api.registry, &of).await?;
    let mut uids = BTreeSet::new();
    if let Some(twice) = kept.iter().find(|it| !uids.insert(&it.entry.uid)) {
        let uid = &twice.entry.uid;
        let detail = format!("`{uid}` stands in several scopes or kinds, and in a file only once");
        return Err(Refusal::new(Code::Invalid, detail).hint("export one scope and kind at a time"));
    }
    let entries: Vec<_> = kept.into_iter().map(|it| it.entry).collect();
    let kind = [(header::CONTENT_TYPE, "text/calendar; charset=utf-8")];
    Ok((kind, ics::export(&entries, now())))
}
