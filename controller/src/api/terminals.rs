//! Terminals: what they are, whether they can be reached, what was asked of them.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use shared::document::RecipientStatement;
use shared::document::clearance::Deregistered;
use shared::id::TerminalId;
use shared::message;
use shared::signature::Envelope;
use tracing::warn;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Operator, Part, Path, Query, listed};
use super::model::{
    Base64, Battery, Component, Decision, DeregisteredWith, Labels, Lifecycle, Page, Presence,
    Problem, Recipient, Revocation, Telemetry, Terminal, TerminalDetail, TillHealth,
};
use super::problem::{Code, Refusal};
use super::{Api, alarms, campaigns, claims, keys, now};
use crate::campaign::view::{self, Member};
use crate::on_record::Settling;
use crate::registry::delivery::AlarmKind;
use crate::registry::page::{self, PAGE_ITEMS_MAX};
use crate::registry::terminal as stored;
use crate::selector::Selector;

/// Of one terminal, newest first.
const ASSIGNMENTS_SHOWN: u32 = 50;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(label))
        .routes(routes!(pardon))
        .routes(routes!(revoke))
}

/// Which terminals are listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Where {
    /// As for a campaign, for example `store=berlin-1 & model=T650`; all where it is left out.
    r#where: Option<String>,
}

/// Terminals, by id
#[utoipa::path(
    get,
    path = "/v1/terminals",
    tag = "terminals",
    params(Where, Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Terminal>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
    Query(Where { r#where: meant }): Query<Where>,
) -> Result<axum::Json<Page<Terminal>>, Refusal> {
    let page = part.page::<TerminalId>()?;
    let meant = meant.map(|text| text.parse::<Selector>()).transpose().map_err(|why| {
        Refusal::new(Code::Invalid, format!("the selection of terminals cannot be read: {why}"))
            .hint("write for example `store=berlin-1 & model=T650`")
    })?;
    let terminals = match meant {
        None => api.registry.terminals(&page).await?,
        Some(meant) => matching(&api, &meant, &page).await?,
    };
    Ok(listed(terminals, page.limit, |terminal| terminal.id.to_string(), shown))
}

/// Goes through the fleet, in pages, until there are enough that match.
async fn matching(
    api: &Api,
    meant: &Selector,
    page: &page::Page<TerminalId>,
) -> Result<Vec<stored::Terminal>, Refusal> {
    let enough = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let (now, mut found) = (now(), Vec::new());
    let mut next = page::Page { after: page.after, limit: PAGE_ITEMS_MAX };
    while found.len() < enough {
        let terminals = api.registry.terminals(&next).await?;
        let Some(last) = terminals.last() else { break };
        next.after = Some(last.id);
        let settling = Settling::asked_by([meant], &terminals, &*api.registry).await?;
        let is_meant = |it: &stored::Terminal| meant.matches(&settling.facts(it), now);
        found.extend(terminals.into_iter().filter(is_meant));
    }
    found.truncate(enough);
    Ok(found)
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
    let asked = api.registry.assignments_on(id, &page::Page::first(ASSIGNMENTS_SHOWN)).await?;
    let assignments = asked.into_iter().map(|one| {
        let member = Member { terminal: terminal.clone(), part: view::Part::Released(one.clone()) };
        campaigns::assignment(one.campaign, &member)
    });
    let assignments = assignments.collect();
    let locked = api.registry.last_alarm(id, AlarmKind::LeaseRanOut).await?.map(alarms::shown);
    let facts = api.registry.service_facts(&[id]).await?.pop();
    let (told, keys) = facts.map(|it| (it.deregistered, it.keys)).unwrap_or_default();
    Ok(axum::Json(TerminalDetail {
        terminal: shown(terminal),
        locked,
        deregistered: told.into_iter().map(deregistered_with).collect(),
        payment_keys: keys.into_iter().map(keys::shown).collect(),
        assignments,
    }))
}

fn deregistered_with(told: Deregistered) -> DeregisteredWith {
    let Deregistered { with, reference } = told;
    DeregisteredWith { with, reference }
}

/// Set labels of a terminal, or take them away
///
/// What a selection matches follows at once, but for campaigns that have begun: their members stay.
#[utoipa::path(
    put,
    path = "/v1/terminals/{id}/labels",
    tag = "terminals",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Terminal), (status = "default", body = Problem)),
)]
async fn label(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<TerminalId>,
    Json(Labels { labels, reason }): Json<Labels>,
) -> Result<axum::Json<Terminal>, Refusal> {
    claims::check_labels(labels.iter().map(|(key, value)| (key, value.as_ref())))?;
    let by = operator.by(reason.as_deref(), now());
    Ok(axum::Json(shown(api.registry.label_terminal(id, &labels, &by).await?)))
}

/// Release changes to a terminal again that has failed three times in a row
#[utoipa::path(
    post,
    path = "/v1/terminals/{id}/pardon",
    tag = "terminals",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Terminal), (status = "default", body = Problem)),
)]
async fn pardon(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<TerminalId>,
    Json(why): Json<Decision>,
) -> Result<axum::Json<Terminal>, Refusal> {
    let known = api.registry.terminal(id).await?;
    let known = known.ok_or_else(|| Refusal::no("terminal", id))?;
    api.registry.pardon(id, &operator.by(why.reason.as_deref(), now())).await?;
    Ok(axum::Json(shown(known)))
}

/// Refuse a terminal's certificates
///
/// Its connection to the embedded broker ends at once, what it was still to be sent is void, and
/// what it saved expires. Only a new claim brings it back.
#[utoipa::path(
    post,
    path = "/v1/terminals/{id}/revoke",
    tag = "terminals",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Terminal), (status = "default", body = Problem)),
)]
async fn revoke(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<TerminalId>,
    Json(Revocation { reason }): Json<Revocation>,
) -> Result<axum::Json<Terminal>, Refusal> {
    if reason.trim().is_empty() {
        let detail = "nobody revokes a terminal without saying why: `reason` is empty";
        return Err(Refusal::new(Code::Invalid, detail));
    }
    let by = operator.by(Some(&reason), now());
    let terminal = api.registry.revoke_terminal(id, &by).await?;
    api.vitals.disconnect(id).await;
    api.vitals.campaign_moved();
    warn!(terminal = %id, by = %by.who, "its certificates are refused from now on");
    Ok(axum::Json(shown(terminal)))
}

pub(super) fn service(service: stored::Service) -> &'static str {
    match service {
        stored::Service::InService => "in-service",
        stored::Service::Suspended => "suspended",
        stored::Service::SuspendedOwing => "suspended-owing",
        stored::Service::Erased => "erased",
    }
}

pub(super) fn lifecycle(unit: stored::Unit) -> Lifecycle {
    match unit {
        stored::Unit::Claimed => Lifecycle::Claimed,
        stored::Unit::Enrolled => Lifecycle::Enrolled,
        stored::Unit::Revoked => Lifecycle::Revoked,
    }
}

pub(super) fn till_health(it: message::TillHealth) -> TillHealth {
    let message::TillHealth { answers, restarts } = it;
    TillHealth { answers, restarts }
}

pub(super) fn presence(presence: stored::Presence) -> Presence {
    match presence {
        stored::Presence::NeverSeen => Presence::NeverSeen,
        stored::Presence::Online => Presence::Online,
        stored::Presence::Offline => Presence::Offline,
    }
}

pub(super) fn shown(terminal: stored::Terminal) -> Terminal {
    let said = terminal.said.as_ref();
    let components = said.map(|said| said.components.as_slice()).unwrap_or_default();
    let component = |component: &shared::message::Component| Component {
        name: component.name.clone(),
        version: component.version.clone(),
        security_counter: component.security_counter,
    };
    let statement = said.and_then(|said| said.recipient.as_ref()).zip(terminal.public_key);
    let recipient = statement.and_then(|(signed, key)| {
        let said = Envelope::<RecipientStatement>::from_bytes(signed.as_slice()).ok()?.document;
        let statement = Base64(signed.as_slice().to_vec());
        Some(Recipient { recipient: said.recipient, statement, key })
    });
    Terminal {
        id: terminal.id,
        recipient,
        components: components.iter().map(component).collect(),
        agent_version: said.map(|said| said.agent_version.clone()),
        roster_version: said.map(|said| said.roster_version),
        outbox_depth: said.map(|said| said.outbox_depth),
        outbox_dropped: said.map(|said| said.outbox_dropped),
        zone_used: said.and_then(|said| said.zone.clone()),
        telemetry: terminal.telemetry.map(|telemetry| Telemetry {
            at: telemetry.at,
            disk_free_bytes: telemetry.disk_free_bytes,
            orders_refused: telemetry.orders_refused,
            messages_unreadable: telemetry.messages_unreadable,
            battery: telemetry.battery.map(|it| Battery {
                percent: it.percent,
                floor_percent: it.floor_percent,
                is_powered: it.is_powered,
                is_low: it.is_low(),
            }),
            till: telemetry.till.map(till_health),
        }),
        serial: terminal.serial,
        store: terminal.store,
        model: terminal.model,
        lane: terminal.lane,
        labels: terminal.labels,
        zone: terminal.zone,
        lifecycle: lifecycle(terminal.unit),
        presence: presence(terminal.presence),
        is_frozen: terminal.is_frozen,
        is_quarantined: terminal.is_quarantined,
        service: service(terminal.service).to_owned(),
        epoch: terminal.epoch,
        last_seen_at: terminal.last_seen_at,
        working_on: terminal.working_on,
        certificate_expires_at: terminal.certificate.map(|certificate| certificate.expires_at),
    }
}
