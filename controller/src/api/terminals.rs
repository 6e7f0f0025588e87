//! Terminals: what they are, whether they can be reached, what was asked of them.

use std::sync::Arc;

use axum::extract::State;
use shared::id::TerminalId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::extract::{Operator, Part, Path, Query, listed};
use super::model::{Component, Lifecycle, Page, Presence, Problem, Terminal, TerminalDetail};
use super::problem::Refusal;
use crate::registry::terminal as stored;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show))
}

/// Terminals, by id
#[utoipa::path(
    get,
    path = "/v1/terminals",
    tag = "terminals",
    params(Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Terminal>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<Terminal>>, Refusal> {
    let page = part.page::<TerminalId>()?;
    let terminals = api.registry.terminals(&page).await?;
    Ok(listed(terminals, page.limit, |terminal| terminal.id.to_string(), shown))
}

/// One terminal, and what was asked of it
#[utoipa::path(
    get,
    path = "/v1/terminals/{id}",
    tag = "terminals",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = TerminalDetail), (status = "default", body = Problem)),
)]
async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<TerminalId>,
) -> Result<axum::Json<TerminalDetail>, Refusal> {
    let terminal = api.registry.terminal(id).await?.ok_or_else(|| Refusal::no("terminal", id))?;
    Ok(axum::Json(TerminalDetail { terminal: shown(terminal), assignments: Vec::new() }))
}

pub(super) fn lifecycle(unit: stored::Unit) -> Lifecycle {
    match unit {
        stored::Unit::Claimed => Lifecycle::Claimed,
        stored::Unit::Enrolled => Lifecycle::Enrolled,
        stored::Unit::Revoked => Lifecycle::Revoked,
    }
}

fn presence(presence: stored::Presence) -> Presence {
    match presence {
        stored::Presence::NeverSeen => Presence::NeverSeen,
        stored::Presence::Online => Presence::Online,
        stored::Presence::Offline => Presence::Offline,
    }
}

fn shown(terminal: stored::Terminal) -> Terminal {
    let said = terminal.said.as_ref();
    let components = said.map(|said| said.components.as_slice()).unwrap_or_default();
    let component = |component: &shared::message::Component| Component {
        name: component.name.clone(),
        version: component.version.clone(),
        security_counter: component.security_counter,
    };
    Terminal {
        id: terminal.id,
        components: components.iter().map(component).collect(),
        agent_version: said.map(|said| said.agent_version.clone()),
        roster_version: said.map(|said| said.roster_version),
        outbox_depth: said.map(|said| said.outbox_depth),
        outbox_dropped: said.map(|said| said.outbox_dropped),
        serial: terminal.serial,
        store: terminal.store,
        model: terminal.model,
        lane: terminal.lane,
        labels: terminal.labels,
        zone: terminal.zone,
        lifecycle: lifecycle(terminal.unit),
        presence: presence(terminal.presence),
        epoch: terminal.epoch,
        last_seen_at: terminal.last_seen_at,
        working_on: terminal.working_on,
        certificate_expires_at: terminal.certificate.map(|certificate| certificate.expires_at),
    }
}
