//! Terminals that stop, sell again, or are emptied: planned, begun, followed, certified.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use shared::change::Change as Signed;
use shared::document::SanitisationCertificate;
use shared::document::clearance::Deregistered;
use shared::id::{CampaignId, TerminalId};
use shared::limits;
use shared::signature::Envelope;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Operator, Part, Path, Query, listed};
use super::model::{
    Base64, CheckedOnSite, DeactivatedTerminal, Deactivation, Deregistration, NewDeactivation,
    Page, Problem, Sanitisation, ServiceDeadline, ServiceObstacle, ServicePart, ServicePlan,
    Terminal, WantedService,
};
use super::problem::{Code, Refusal};
use super::{Api, campaigns, now, terminals};
use crate::campaign::view::{self, Member, Part as Standing};
use crate::deactivation::plan::{self, Obstacle, Plan};
use crate::deactivation::{
    Checked, DeactivationError, Deactivations, Kept, NewChange, Wanted, watch,
};
use crate::registry::deactivation as stored;
use crate::registry::page::{self, PAGE_ITEMS_MAX};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(plan_it))
        .routes(routes!(list, create))
        .routes(routes!(show))
        .routes(routes!(deregister))
        .routes(routes!(certificates))
}

fn deactivations(api: &Api) -> Deactivations {
    Deactivations::new(Arc::clone(&api.registry), api.campaigns.clone())
}

/// What speaks against a change of service, and what must be so by when; nothing is written
#[utoipa::path(
    post,
    path = "/v1/deactivations/plan",
    tag = "deactivations",
    security(("operator" = [])),
    responses((status = 200, body = ServicePlan), (status = "default", body = Problem)),
)]
async fn plan_it(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Json(asked): Json<NewDeactivation>,
) -> Result<axum::Json<ServicePlan>, Refusal> {
    let planned = deactivations(&api).plan(&read(asked), &operator.by(None, now())).await?;
    Ok(axum::Json(plan_shown(&planned)))
}

/// Changes of service, newest first
#[utoipa::path(
    get,
    path = "/v1/deactivations",
    tag = "deactivations",
    params(Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Deactivation>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<Deactivation>>, Refusal> {
    let page = part.page::<CampaignId>()?;
    let mut all = Vec::new();
    for it in api.registry.deactivations(&page).await? {
        all.push(shown(&api, it).await?);
    }
    Ok(listed(all, page.limit, |it| it.campaign.id.to_string(), |it| it))
}

/// Ask for a change of service
///
/// Refused while anything in its plan speaks against it. It waits for its approvers at once.
#[utoipa::path(
    post,
    path = "/v1/deactivations",
    tag = "deactivations",
    security(("operator" = [])),
    responses((status = 201, body = Deactivation), (status = "default", body = Problem)),
)]
async fn create(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Json(asked): Json<NewDeactivation>,
) -> Result<(StatusCode, axum::Json<Deactivation>), Refusal> {
    let long = |text: &String| text.len() > limits::TEXT_BYTES_MAX;
    if asked.name.iter().chain(&asked.close_store).any(long) {
        let detail = format!("a text is longer than {} bytes", limits::TEXT_BYTES_MAX);
        return Err(Refusal::new(Code::Invalid, detail));
    }
    let by = operator.by(None, now());
    let campaign = deactivations(&api).create(read(asked), &by).await?;
    api.vitals.campaign_moved();
    Ok((StatusCode::CREATED, axum::Json(found(&api, campaign.id).await?)))
}

/// A change of service, by its campaign
#[utoipa::path(
    get,
    path = "/v1/deactivations/{id}",
    tag = "deactivations",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Deactivation), (status = "default", body = Problem)),
)]
async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Deactivation>, Refusal> {
    Ok(axum::Json(found(&api, id).await?))
}

/// Write down that a provider or a registry no longer knows a terminal
#[utoipa::path(
    post,
    path = "/v1/terminals/{id}/deregistrations",
    tag = "deactivations",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Terminal), (status = "default", body = Problem)),
)]
async fn deregister(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<TerminalId>,
    Json(told): Json<Deregistration>,
) -> Result<axum::Json<Terminal>, Refusal> {
    let by = operator.by(told.reason.as_deref(), now());
    let told = Deregistered { with: told.with, reference: told.reference };
    deactivations(&api).deregister(id, &told, &by).await?;
    let terminal = api.registry.terminal(id).await?;
    Ok(axum::Json(terminals::shown(terminal.ok_or_else(|| Refusal::no("terminal", id))?)))
}

/// Certificates of what became of what a terminal held, newest first
#[utoipa::path(
    get,
    path = "/v1/terminals/{id}/sanitisations",
    tag = "deactivations",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Vec<Sanitisation>), (status = "default", body = Problem)),
)]
async fn certificates(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<TerminalId>,
) -> Result<axum::Json<Vec<Sanitisation>>, Refusal> {
    let found = api.registry.sanitisations(id).await?;
    let shown = found.into_iter().map(|it| Sanitisation {
        terminal: it.terminal,
        order: it.order,
        digest: it.digest,
        created_at: it.created_at,
        signed: Base64(it.signed.as_slice().to_vec()),
    });
    Ok(axum::Json(shown.collect()))
}

fn read(asked: NewDeactivation) -> NewChange {
    let NewDeactivation { request, wanted, name, not_after_s, close_store } = asked;
    let wanted = match wanted {
        WantedService::Suspend(it) => {
            Wanted::Suspend { cut_off: it.cut_off, resume_expected: it.resume_expected }
        }
        WantedService::Resume(it) => {
            let checked = Some(Checked { what: it.checked.what, by: it.checked.by });
            Wanted::Resume { tests: it.tests, checked, window: it.window }
        }
        WantedService::Wipe(it) => Wanted::Wipe { cool_off_s: it.cool_off_s, is_lost: it.is_lost },
    };
    NewChange { request, wanted, name, lifetime_s: not_after_s, close_store }
}

fn plan_shown(plan: &Plan) -> ServicePlan {
    let obstacle = |it: &Obstacle| ServiceObstacle {
        code: word(it),
        detail: it.detail().to_owned(),
        hint: it.hint().to_owned(),
    };
    let terminals = plan.terminals.iter().map(|part| ServicePart {
        terminal: part.terminal,
        serial: part.serial.clone(),
        store: part.store.clone(),
        obstacles: part.obstacles.iter().map(obstacle).collect(),
    });
    let deadlines = plan.deadlines.iter().map(|it| ServiceDeadline {
        what: word(&it.what),
        by: it.by,
        is_late: it.is_late,
    });
    ServicePlan {
        is_blocked: plan.is_blocked(),
        terminals: terminals.collect(),
        deadlines: deadlines.collect(),
    }
}

async fn found(api: &Api, id: CampaignId) -> Result<Deactivation, Refusal> {
    let found = api.registry.deactivation(id).await?;
    shown(api, found.ok_or_else(|| Refusal::no("change of service", id))?).await
}

async fn shown(api: &Api, it: stored::Deactivation) -> Result<Deactivation, Refusal> {
    let id = it.campaign;
    let campaign = api.registry.campaign(id).await?;
    let campaign = campaign.ok_or_else(|| Refusal::no("campaign", id))?;
    let kept: Kept = serde_json::from_str(&it.plan).map_err(|error| Refusal::internal(&error))?;
    let mut members = Vec::new();
    let mut page = page::Page::first(PAGE_ITEMS_MAX);
    loop {
        let next = view::members(&*api.registry, &campaign, &page, now()).await?;
        let Some(last) = next.last() else { break };
        page = page::Page::after(last.terminal.id, PAGE_ITEMS_MAX);
        members.extend(next);
    }
    let at_risk = watch::at_risk(&*api.registry, &campaign, now()).await?;
    let mut terminals = Vec::new();
    for member in &members {
        let is_proven = is_proven(api, &campaign.change, member).await?;
        let at_risk = at_risk.contains(&member.terminal.id);
        terminals.push(terminal(&campaign.change, member, is_proven, at_risk));
    }
    Ok(Deactivation {
        request: it.request,
        kind: kind(&campaign.change).to_owned(),
        at_risk: terminals.iter().filter(|it| it.at_risk).count() as u64,
        terminals,
        planned: plan_shown(&kept.plan),
        checked: kept.checked.map(|it| CheckedOnSite { what: it.what, by: it.by }),
        campaign: campaigns::shown(api, id).await?,
    })
}

fn kind(change: &Signed) -> &'static str {
    match change {
        Signed::Suspend(_) => "suspend",
        Signed::Resume(_) => "resume",
        Signed::Decommission(_) => "decommission",
        Signed::Ping(_)
        | Signed::Backup(_)
        | Signed::Drill(_)
        | Signed::Upgrade(_)
        | Signed::Restore(_)
        | Signed::Rebind(_)
        | Signed::Cancel(_) => "other",
    }
}

/// Whether the terminal has signed that it could read nothing any more: its certificate says so.
async fn is_proven(api: &Api, change: &Signed, member: &Member) -> Result<bool, Refusal> {
    let (Signed::Decommission(_), Standing::Released(assignment)) = (change, &member.part) else {
        return Ok(false);
    };
    let found = api.registry.sanitisations(member.terminal.id).await?;
    let own = found.into_iter().find(|it| it.order == assignment.order);
    let read = |it: stored::Sanitisation| {
        Envelope::<SanitisationCertificate>::from_bytes(it.signed.as_slice()).ok()
    };
    Ok(own.and_then(read).is_some_and(|it| it.document.is_verified))
}

fn terminal(
    change: &Signed,
    member: &Member,
    is_proven: bool,
    at_risk: bool,
) -> DeactivatedTerminal {
    let Member { terminal, part } = member;
    let order = match part {
        Standing::Held(_) => None,
        Standing::Released(assignment) => Some(assignment.order),
    };
    let state = part.state();
    let wipe = matches!(change, Signed::Decommission(_));
    let wipe = wipe.then(|| plan::wipe_state(state, is_proven, part.step()).as_str().to_owned());
    DeactivatedTerminal {
        terminal: terminal.id,
        serial: terminal.serial.clone(),
        store: terminal.store.clone(),
        service: terminals::service(terminal.service).to_owned(),
        wipe,
        order,
        detail: part.why().map(|why| why.detail),
        at_risk,
    }
}

impl From<DeactivationError> for Refusal {
    fn from(error: DeactivationError) -> Self {
        let (detail, hint) = (error.to_string(), error.hint());
        let code = match error {
            DeactivationError::NoRequest(_) => Code::NotFound,
            DeactivationError::Nobody
            | DeactivationError::Unsound(_)
            | DeactivationError::CutOffPassed(_)
            | DeactivationError::NotAReference
            | DeactivationError::Unchecked(_)
            | DeactivationError::NotLost(_) => Code::Invalid,
            DeactivationError::SamePerson { .. } => Code::SamePerson,
            DeactivationError::OtherKind { .. }
            | DeactivationError::Planned(_)
            | DeactivationError::NotBegun(_) => Code::WrongState,
            DeactivationError::Campaign(error) => return error.into(),
            DeactivationError::Registry(error) => return error.into(),
        };
        Self { code, detail, hint }
    }
}

/// As it is written in JSON.
fn word(it: &impl Serialize) -> String {
    let value = serde_json::to_value(it).unwrap_or_default();
    value.as_str().map(str::to_owned).unwrap_or_default()
}
