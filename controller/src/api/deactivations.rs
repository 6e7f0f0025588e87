//! Terminals that stop, sell again, or are emptied: planned, begun, followed, certified.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use shared::change::Change as Signed;
use shared::document::{Receipt, SanitisationCertificate};
use shared::id::{CampaignId, OrderId, TerminalId};
use shared::message::SignedBytes;
use shared::owed::Owed;
use shared::signature::Envelope;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Operator, Part, Path, Query, listed};
use super::model::{
    Base64, Change, CheckedOnSite, DeactivatedTerminal, Deactivation, DeactivationSummary,
    Deregistration, NewDeactivation, OwedOfBinding, Owing, Page, Problem, ResumeWish, Sanitisation,
    ServiceDeadline, ServiceFinding, ServiceObstacle, ServicePart, ServicePlan, ServiceTold,
    Terminal, Untold, WantedService,
};
use super::problem::{Code, Refusal};
use super::texts::{check_said, check_texts};
use super::{Api, campaigns, now, stops, terminals};
use crate::campaign::view::{self, Member, Part as Standing};
use crate::deactivation::downtime::downtime;
use crate::deactivation::notice::{Answer, Told};
use crate::deactivation::parties::{Party, Word};
use crate::deactivation::plan::{self, Obstacle, Plan};
use crate::deactivation::validity;
use crate::deactivation::{
    Checked, DeactivationError, Deactivations, Kept, NewChange, Resumption, Wanted, watch,
};
use crate::registry::deactivation as stored;
use crate::registry::page::{self, PAGE_ITEMS_MAX};
use crate::registry::terminal::Service;

/// More findings than there are codes, and more components than a till has.
const ANSWERS_MAX: usize = 64;

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
    check_all(&asked)?;
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
    responses(
        (status = 200, body = Page<DeactivationSummary>),
        (status = "default", body = Problem),
    ),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<DeactivationSummary>>, Refusal> {
    let page = part.page::<CampaignId>()?;
    let mut all = Vec::new();
    for it in api.registry.deactivations(&page).await? {
        all.push(summary(&api, &it).await?);
    }
    Ok(listed(all, page.limit, |it| it.campaign.id.to_string(), |it| it))
}

/// What is counted of it; who is at risk or owes late is as it was found within the last minute.
async fn summary(api: &Api, it: &stored::Deactivation) -> Result<DeactivationSummary, Refusal> {
    let campaign = api.registry.campaign(it.campaign).await?;
    let campaign = campaign.ok_or_else(|| Refusal::no("campaign", it.campaign))?;
    let counts = api.registry.deactivation_counts(it.campaign, now()).await?;
    let stops = matches!(&campaign.change, Signed::Suspend(_) | Signed::Decommission(_));
    Ok(DeactivationSummary {
        request: it.request,
        kind: kind(&campaign.change).to_owned(),
        terminals: counts.terminals,
        at_risk: counts.at_risk,
        late: counts.late,
        late_items: stops.then_some(counts.late_items),
        campaign: campaigns::shown(api, it.campaign).await?,
    })
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
    check_all(&asked)?;
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

/// Write down that a provider or a registry no longer knows a terminal, or take that back
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
    let is_withdrawn = told.withdraw;
    let party = match told.registry {
        true => Party::Registry(told.with),
        false => Party::read(&told.with),
    };
    let word = match (told.reference, told.none_needed) {
        // What somebody else has stated is taken back by how it is shown.
        (Some(reference), None) if is_withdrawn => Word::read(&reference),
        (Some(reference), None) => Word::Reference(reference),
        (None, Some(why)) => Word::NoneNeeded { why, by: by.who.clone() },
        (Some(_), Some(_)) | (None, None) => {
            let detail = "name either its reference, or why none is needed";
            return Err(Refusal::new(Code::Invalid, detail));
        }
    };
    match is_withdrawn {
        true => deactivations(&api).withdraw_deregistration(id, (&party, &word), &by).await?,
        false => deactivations(&api).deregister(id, (&party, &word), &by).await?,
    }
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

/// Texts that people write, of which each is kept and shown.
fn check_all(asked: &NewDeactivation) -> Result<(), Refusal> {
    let untold = asked.untold.iter().flat_map(|it| [&it.by, &it.why]);
    check_texts(asked.name.iter().chain(&asked.close_store).chain(untold))?;
    match &asked.wanted {
        WantedService::Suspend(it) => {
            check_texts(it.delay.iter().flat_map(|it| [&it.reason, &it.accepted_by]))
        }
        WantedService::Resume(it) => check_resumption(it),
        WantedService::Settle(_) | WantedService::Wipe(_) => Ok(()),
    }
}

fn check_resumption(it: &ResumeWish) -> Result<(), Refusal> {
    let checked = &it.checked;
    let count = it.overrides.len() + it.at_least.len() + checked.what.len();
    if count > ANSWERS_MAX {
        let detail = format!("more than {ANSWERS_MAX} answers, versions and checks are named");
        return Err(Refusal::new(Code::Invalid, detail));
    }
    let pairs = it.overrides.iter().chain(&it.at_least).flat_map(|(name, value)| [name, value]);
    check_texts(pairs.chain(&it.vouch))?;
    check_said(checked.what.iter().chain([&checked.by]))
}

fn read(asked: NewDeactivation) -> NewChange {
    let NewDeactivation { request, wanted, name, not_after_s, close_store, untold } = asked;
    let untold = untold.map(|Untold { by, why }| Answer { by, why });
    let wanted = match wanted {
        WantedService::Suspend(it) => Wanted::Suspend {
            cut_off: it.cut_off,
            resume_expected: it.resume_expected,
            delay: it.delay,
            is_given_up: it.given_up,
        },
        WantedService::Settle(it) => Wanted::Settle { resume_expected: it.resume_expected },
        WantedService::Resume(it) => {
            let checked = Some(Checked { what: it.checked.what, by: it.checked.by });
            let ResumeWish { tests, checked: _, window, at_least, overrides, vouch } = it;
            Wanted::Resume(Resumption { tests, checked, window, at_least, overrides, vouch })
        }
        WantedService::Wipe(it) => Wanted::Wipe { cool_off_s: it.cool_off_s, is_lost: it.is_lost },
    };
    NewChange { request, wanted, name, lifetime_s: not_after_s, close_store, untold }
}

fn plan_shown(plan: &Plan) -> ServicePlan {
    let obstacle = |part: &plan::Part, it: &Obstacle| ServiceObstacle {
        code: word(it),
        detail: part.detail(*it),
        hint: it.hint().to_owned(),
        answered_by: plan.answer(*it).map(str::to_owned),
    };
    let terminals = plan.terminals.iter().map(|part| ServicePart {
        terminal: part.terminal,
        serial: part.serial.clone(),
        store: part.store.clone(),
        obstacles: part.obstacles.iter().map(|it| obstacle(part, it)).collect(),
    });
    let deadlines = plan.deadlines.iter().map(|it| ServiceDeadline {
        what: word(&it.what),
        by: it.by,
        is_late: it.is_late,
    });
    let findings = plan.findings.iter().map(|it| ServiceFinding {
        code: it.code.clone(),
        weight: it.weight,
        about: it.about.clone(),
        detail: it.detail.clone(),
        hint: validity::hint(it).to_owned(),
    });
    ServicePlan {
        is_blocked: plan.is_blocked(),
        terminals: terminals.collect(),
        deadlines: deadlines.collect(),
        findings: findings.collect(),
        answered: plan.answered.clone(),
        told: plan.told.as_ref().map(told_shown),
        differs: plan.differs.clone(),
        unchecked: plan.unchecked.clone(),
    }
}

fn told_shown(told: &Told) -> ServiceTold {
    ServiceTold {
        is_exempt: told.is_exempt,
        lacking: told.lacking.iter().map(|it| stops::party(it, &[])).collect(),
        answer: told.answer.clone().map(|Answer { by, why }| Untold { by, why }),
        hint: told.hint().map(str::to_owned),
    }
}

async fn found(api: &Api, id: CampaignId) -> Result<Deactivation, Refusal> {
    let found = api.registry.deactivation(id).await?;
    let found = found.ok_or_else(|| Refusal::no("change of service", id))?;
    let kept = kept(&found)?;
    let mut whole = shown(api, found).await?;
    if let Change::Resume(_) = whole.campaign.change {
        for part in &kept.plan.terminals {
            let its = whole.terminals.iter_mut().find(|it| it.terminal == part.terminal);
            if let (Some(its), Some(suspended_by)) = (its, part.suspended_by) {
                its.downtime_s = stood_still(api, suspended_by, its.order).await?;
            }
        }
        let each: Vec<_> = whole.terminals.iter().filter_map(|it| it.downtime_s).collect();
        whole.downtime_s = (!each.is_empty()).then(|| each.iter().sum());
    }
    Ok(whole)
}

/// As it was written when the change was asked for.
pub(super) fn kept(it: &stored::Deactivation) -> Result<Kept, Refusal> {
    serde_json::from_str(&it.plan).map_err(|error| Refusal::internal(&error))
}

pub(super) fn on_site(it: Checked) -> CheckedOnSite {
    CheckedOnSite { what: it.what, by: it.by }
}

/// In seconds, by what the terminal has signed of both orders.
async fn stood_still(
    api: &Api,
    suspended_by: OrderId,
    resumed_by: Option<OrderId>,
) -> Result<Option<u64>, Refusal> {
    let Some(resumed_by) = resumed_by else { return Ok(None) };
    let (stopped, resumed) = (receipts(api, suspended_by).await?, receipts(api, resumed_by).await?);
    Ok(downtime(&stopped, &resumed).map(|it| it.as_secs()))
}

async fn receipts(api: &Api, order: OrderId) -> Result<Vec<Receipt>, Refusal> {
    let signed = api.registry.receipts(order).await?.into_iter();
    // What cannot be read proves nothing, and was put aside when it came.
    let read = |it: SignedBytes| Envelope::<Receipt>::from_bytes(it.as_slice()).ok();
    Ok(signed.filter_map(read).map(|it| it.document).collect())
}

async fn shown(api: &Api, it: stored::Deactivation) -> Result<Deactivation, Refusal> {
    let id = it.campaign;
    let campaign = api.registry.campaign(id).await?;
    let campaign = campaign.ok_or_else(|| Refusal::no("campaign", id))?;
    let kept = kept(&it)?;
    let mut members = Vec::new();
    let mut page = page::Page::first(PAGE_ITEMS_MAX);
    loop {
        let next = view::members(&*api.registry, &campaign, &page, now()).await?;
        let Some(last) = next.last() else { break };
        page = page::Page::after(last.terminal.id, PAGE_ITEMS_MAX);
        members.extend(next);
    }
    let mut owing = owing(api, &members).await?;
    let at_risk = watch::at_risk(&*api.registry, &campaign, now()).await?;
    let mut terminals = Vec::new();
    for member in &members {
        let is_proven = is_proven(api, &campaign.change, member).await?;
        let owing = owing.remove(&member.terminal.id);
        let at_risk = at_risk.contains(&member.terminal.id);
        let shown = terminal(&campaign.change, member, is_proven, at_risk);
        terminals.push(DeactivatedTerminal { owing, ..shown });
    }
    let is_late = |it: &&DeactivatedTerminal| it.owing.as_ref().is_some_and(|it| it.is_late);
    let stop = match &campaign.change {
        Signed::Suspend(_) | Signed::Decommission(_) => Some(stops::found(api, it.request).await?),
        Signed::Resume(_)
        | Signed::Ping(_)
        | Signed::Backup(_)
        | Signed::Drill(_)
        | Signed::Upgrade(_)
        | Signed::Restore(_)
        | Signed::Rebind(_)
        | Signed::Cancel(_) => None,
    };
    Ok(Deactivation {
        request: it.request,
        stop,
        kind: kind(&campaign.change).to_owned(),
        at_risk: terminals.iter().filter(|it| it.at_risk).count() as u64,
        late: terminals.iter().filter(is_late).count() as u64,
        terminals,
        planned: plan_shown(&kept.plan),
        checked: kept.checked.map(on_site),
        at_least: kept.at_least,
        downtime_s: None,
        campaign: campaigns::shown(api, id).await?,
    })
}

/// What those of them owe that are suspended and have not settled.
async fn owing(api: &Api, members: &[Member]) -> Result<BTreeMap<TerminalId, Owing>, Refusal> {
    let owes = |it: &&Member| it.terminal.service == Service::SuspendedOwing;
    let ids: Vec<_> = members.iter().filter(owes).map(|it| it.terminal.id).collect();
    let mut owing = BTreeMap::new();
    for ids in ids.chunks(PAGE_ITEMS_MAX as usize) {
        for facts in api.registry.service_facts(ids).await? {
            owing.extend(facts.owing.map(|it| (facts.terminal, owing_shown(it))));
        }
    }
    Ok(owing)
}

fn owing_shown(it: stored::Owing) -> Owing {
    let of_binding = |it: Owed| OwedOfBinding {
        binding: it.binding,
        sales: it.sales,
        total_minor: it.total_minor,
        currency: it.currency,
        unsent_reversals: it.unsent_reversals,
        stored_offline: it.stored_offline,
    };
    Owing {
        owed: it.owed.into_iter().map(of_binding).collect(),
        settled_by: it.settled_by,
        is_late: plan::is_late(it.settled_by, now()),
        reason: it.reason,
        accepted_by: it.accepted_by,
    }
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
    Ok(own.and_then(read).is_some_and(|it| it.document.is_verified()))
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
        owing: None,
        wipe,
        order,
        detail: part.why().map(|why| why.detail),
        at_risk,
        downtime_s: None,
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
            | DeactivationError::ResumesBefore { .. }
            | DeactivationError::LostWaits(_)
            | DeactivationError::NobodyOwes
            | DeactivationError::NotAReference
            | DeactivationError::NoReason
            | DeactivationError::NoAnswer
            | DeactivationError::NotAVersion(_)
            | DeactivationError::Unchecked(_)
            | DeactivationError::NotLost(_) => Code::Invalid,
            DeactivationError::TooManyParties(_) => Code::Invalid,
            DeactivationError::NotDeregistered { .. } => Code::NotFound,
            DeactivationError::Relied { .. } | DeactivationError::AlreadyTold(_) => {
                Code::WrongState
            }
            DeactivationError::StillSells(_) => Code::WrongState,
            DeactivationError::SamePerson { .. } => Code::SamePerson,
            DeactivationError::OtherKind { .. }
            | DeactivationError::Planned(_)
            | DeactivationError::NotBegun(_) => Code::WrongState,
            DeactivationError::Campaign(error) => return error.into(),
            DeactivationError::Registry(error) => return error.into(),
        };
        Self { hint, ..Self::new(code, detail) }
    }
}

/// As it is written in JSON.
fn word(it: &impl Serialize) -> String {
    let value = serde_json::to_value(it).unwrap_or_default();
    value.as_str().map(str::to_owned).unwrap_or_default()
}
