//! Positions: where terminals stand.

use std::sync::Arc;

use axum::extract::State;
use shared::id::PositionId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Operator, Part, Path, Query, listed};
use super::model::{Decision, Filling, NewPosition, Page, Position, Problem};
use super::problem::{Code, Refusal};
use super::{Api, now};
use crate::position::{self as stored, LINE_CHARS_MAX, PositionEvent};
use crate::registry::position::PutPosition;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list, put))
        .routes(routes!(show))
        .routes(routes!(fill))
        .routes(routes!(vacate))
        .routes(routes!(close))
        .routes(routes!(reopen))
}

/// Positions, by id
#[utoipa::path(
    get,
    path = "/v1/positions",
    tag = "positions",
    params(Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Position>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<Position>>, Refusal> {
    let page = part.page::<PositionId>()?;
    let positions = api.registry.positions(&page).await?;
    Ok(listed(positions, page.limit, |it| it.id.to_string(), shown))
}

/// Say something about a position, and make it where it is not known
#[utoipa::path(
    put,
    path = "/v1/positions",
    tag = "positions",
    security(("operator" = [])),
    responses((status = 200, body = Position), (status = "default", body = Problem)),
)]
async fn put(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Json(asked): Json<NewPosition>,
) -> Result<axum::Json<Position>, Refusal> {
    let NewPosition { store, lane, merchant, merchant_class, fallback } = asked;
    let lines = [
        ("store", Some(&store)),
        ("lane", Some(&lane)),
        ("merchant", merchant.as_ref()),
        ("merchant_class", merchant_class.as_ref()),
        ("fallback", fallback.as_ref()),
    ];
    for (field, line) in lines.into_iter().filter_map(|(field, line)| Some((field, line?))) {
        check_line(field, line)?;
    }
    let put = PutPosition { store, lane, merchant, merchant_class, fallback };
    let position = api.registry.put_position(&put, &operator.by(None, now())).await?;
    Ok(axum::Json(shown(position)))
}

/// A name or a line that stands on a screen.
pub(super) fn check_line(field: &str, line: &str) -> Result<(), Refusal> {
    let fits = (1..=LINE_CHARS_MAX).contains(&line.chars().count())
        && line.trim() == line
        && !line.chars().any(char::is_control);
    let detail = || {
        format!(
            "`{field}` is empty, longer than {LINE_CHARS_MAX} characters, or has spaces around it"
        )
    };
    if fits { Ok(()) } else { Err(Refusal::new(Code::Invalid, detail())) }
}

/// One position
#[utoipa::path(
    get,
    path = "/v1/positions/{id}",
    tag = "positions",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Position), (status = "default", body = Problem)),
)]
async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<PositionId>,
) -> Result<axum::Json<Position>, Refusal> {
    let found = api.registry.position(id).await?;
    Ok(axum::Json(shown(found.ok_or_else(|| Refusal::no("position", id))?)))
}

/// A unit fills the position
#[utoipa::path(
    post,
    path = "/v1/positions/{id}/fill",
    tag = "positions",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Position), (status = "default", body = Problem)),
)]
async fn fill(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<PositionId>,
    Json(Filling { terminal }): Json<Filling>,
) -> Result<axum::Json<Position>, Refusal> {
    let by = operator.by(None, now());
    let filled = api.registry.fill_position(id, terminal, &by).await?;
    Ok(axum::Json(shown(filled.map_err(|why| Refusal::from(why).about("position", id))?)))
}

/// No unit fills the position any more
#[utoipa::path(
    post,
    path = "/v1/positions/{id}/vacate",
    tag = "positions",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Position), (status = "default", body = Problem)),
)]
async fn vacate(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<PositionId>,
    Json(why): Json<Decision>,
) -> Result<axum::Json<Position>, Refusal> {
    move_on(&api, &operator, id, PositionEvent::Vacate, &why).await
}

/// The lane is gone
#[utoipa::path(
    post,
    path = "/v1/positions/{id}/close",
    tag = "positions",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Position), (status = "default", body = Problem)),
)]
async fn close(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<PositionId>,
    Json(why): Json<Decision>,
) -> Result<axum::Json<Position>, Refusal> {
    move_on(&api, &operator, id, PositionEvent::Close, &why).await
}

/// The lane is there again
#[utoipa::path(
    post,
    path = "/v1/positions/{id}/reopen",
    tag = "positions",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Position), (status = "default", body = Problem)),
)]
async fn reopen(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<PositionId>,
    Json(why): Json<Decision>,
) -> Result<axum::Json<Position>, Refusal> {
    move_on(&api, &operator, id, PositionEvent::Reopen, &why).await
}

async fn move_on(
    api: &Api,
    operator: &Operator,
    id: PositionId,
    event: PositionEvent,
    why: &Decision,
) -> Result<axum::Json<Position>, Refusal> {
    let by = operator.by(why.reason.as_deref(), now());
    let moved = api.registry.move_position(id, event, &by).await?;
    Ok(axum::Json(shown(moved.map_err(|why| Refusal::from(why).about("position", id))?)))
}

fn shown(it: stored::Position) -> Position {
    Position {
        id: it.id,
        store: it.store,
        lane: it.lane,
        merchant: it.merchant,
        merchant_class: it.merchant_class,
        fallback: it.fallback,
        state: it.state.as_str().to_owned(),
        state_at: it.state_at,
        terminal: it.terminal,
    }
}
