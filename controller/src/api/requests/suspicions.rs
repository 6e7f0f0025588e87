//! Somebody finds something suspicious: it is frozen at once, and two people lift that.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use shared::limits::TEXT_BYTES_MAX;
use tracing::warn;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::extract::{Json, Operator, Part, Path, Query, listed};
use super::super::model::{LiftSuspicion, LiftWord, NewSuspicion, Page, Problem, Suspicion};
use super::super::problem::{Code, Refusal};
use super::super::{Api, now};
use crate::request::suspicion::{self as stored, Scope};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list, raise)).routes(routes!(lift))
}

/// Which suspicions are listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// With those that were lifted, where it is `true`.
    #[serde(default)]
    #[param(required = false)]
    lifted: bool,
}

/// Suspicions that are not lifted, newest first
#[utoipa::path(
    get,
    path = "/v1/suspicions",
    tag = "requests",
    params(Which, Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Suspicion>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
    Query(Which { lifted }): Query<Which>,
) -> Result<axum::Json<Page<Suspicion>>, Refusal> {
    let page = part.page::<u64>()?;
    let suspicions = api.registry.suspicions(lifted, &page).await?;
    Ok(listed(suspicions, page.limit, |it| it.number.to_string(), shown))
}

/// Freeze a terminal, a store, a merchant or a request
///
/// Nothing is released or sent there from then on, and an alarm is raised. What a terminal has
/// accepted is taken back from it, unless the roster asks for approvers' words on that. What has
/// begun to disturb a shop runs to its end.
#[utoipa::path(
    post,
    path = "/v1/suspicions",
    tag = "requests",
    security(("operator" = [])),
    responses((status = 201, body = Suspicion), (status = "default", body = Problem)),
)]
async fn raise(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Json(asked): Json<NewSuspicion>,
) -> Result<(StatusCode, axum::Json<Suspicion>), Refusal> {
    let NewSuspicion { terminal, store, merchant, request, note } = asked;
    let scope = match (terminal, store, merchant, request) {
        (Some(id), None, None, None) => Scope::Terminal(id),
        (None, Some(store), None, None) => Scope::Store(store),
        (None, None, Some(merchant), None) => Scope::Merchant(merchant),
        (None, None, None, Some(id)) => Scope::Request(id),
        _ => {
            let detail =
                "a terminal, a store, a merchant or a request is named, and only one of them";
            return Err(Refusal::new(Code::Invalid, detail));
        }
    };
    if note.trim().is_empty() || note.len() > TEXT_BYTES_MAX {
        let detail = format!("the note is empty, or longer than {TEXT_BYTES_MAX} bytes");
        return Err(Refusal::new(Code::Invalid, detail));
    }
    let now = now();
    let source = format!("{scope}, at {now}, by {}", operator.name);
    let by = operator.by(Some(&note), now);
    let new = stored::NewSuspicion { scope, source, note };
    let suspicion = api.registry.suspect(&new, &by).await?;
    warn!(scope = %suspicion.scope, by = %by.who, "somebody finds it suspicious; it is frozen");
    api.vitals.campaign_moved();
    Ok((StatusCode::CREATED, axum::Json(shown(suspicion))))
}

/// Lift a suspicion: the first operator asks, and another one confirms
#[utoipa::path(
    post,
    path = "/v1/suspicions/{number}/lift",
    tag = "requests",
    params(("number" = u64, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Suspicion), (status = "default", body = Problem)),
)]
async fn lift(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(number): Path<u64>,
    Json(LiftSuspicion { reason }): Json<LiftSuspicion>,
) -> Result<axum::Json<Suspicion>, Refusal> {
    let by = operator.by(Some(&reason), now());
    let suspicion = api.registry.lift_suspicion(number, &by).await??;
    api.vitals.campaign_moved();
    Ok(axum::Json(shown(suspicion)))
}

pub(in crate::api) fn shown(it: stored::Suspicion) -> Suspicion {
    let word = |it: stored::Word| LiftWord { by: it.by, at: it.at, reason: it.why };
    Suspicion {
        number: it.number,
        scope: it.scope.word().to_owned(),
        subject: it.scope.subject(),
        note: it.note,
        raised_at: it.raised_at,
        raised_by: it.raised_by,
        asked: it.asked.map(word),
        lifted: it.lifted.map(word),
    }
}
