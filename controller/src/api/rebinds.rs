//! Changes of provider: planned, begun wave by wave, and what parties were told.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use shared::change::Rebind as Asked;
use shared::code_words;
use shared::id::{CampaignId, TerminalId};
use shared::limits;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Operator, Part, Path, Query, listed};
use super::model::{
    Campaign, Letter, MemberProfile, NewRebind, NextWave, Notice, Page, PlanRebind, Problem,
    RebindShown, RebindTerms, WantedTerminal,
};
use super::problem::{Code, Refusal};
use super::{Api, campaigns, notices, now};
use crate::rebind::facts::{Brings, Party, Wanted, Wish};
use crate::rebind::plan::Plan;
use crate::rebind::{NewChange, RebindError, Rebinds, draft, usual};
use crate::registry::notice::Notice as Told;
use crate::registry::rebind as stored;

/// A change for ten thousand terminals, with a kilobyte for each.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(plan))
        .routes(routes!(list, create))
        .routes(routes!(show))
        .routes(routes!(profiles))
        .routes(routes!(next))
        .routes(routes!(notice))
        .routes(routes!(letters))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

fn rebinds(api: &Api) -> Rebinds {
    Rebinds::new(Arc::clone(&api.registry), api.campaigns.clone(), api.legal_review)
}

/// What a change of provider would come to; nothing is written
#[utoipa::path(
    post,
    path = "/v1/rebinds/plan",
    tag = "rebinds",
    security(("operator" = [])),
    responses((status = 200, body = Plan), (status = "default", body = Problem)),
)]
async fn plan(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Json(asked): Json<PlanRebind>,
) -> Result<axum::Json<Plan>, Refusal> {
    let wanted = |it: WantedTerminal| Wanted {
        serial: Some(it.serial),
        terminal: None,
        is_sealed: it.has_secret,
        replaces: Some((it.replaces_mid, it.replaces_tid)),
        brings: Brings {
            mid: it.mid,
            tid: it.tid,
            name: it.name,
            mcc: it.mcc,
            currency: it.currency,
            hosts: it.hosts,
            position: it.position,
            binding: it.binding,
        },
    };
    let waves = asked.waves.into_iter().map(|wave| wave.into_iter().map(wanted).collect());
    let wish =
        Wish { waves: waves.collect(), ..wish(&asked.terms, &signed(&api, &asked.terms).await?)? };
    Ok(axum::Json(rebinds(&api).plan(&wish, &operator.by(None, now())).await?))
}

/// Changes of provider, newest first
#[utoipa::path(
    get,
    path = "/v1/rebinds",
    tag = "rebinds",
    params(Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<RebindShown>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<RebindShown>>, Refusal> {
    let page = part.page::<CampaignId>()?;
    let mut all = Vec::new();
    for id in api.registry.rebinds(&page).await? {
        // Plans are as large as their fleets: they are shown one by one.
        let rebind = RebindShown {
            planned: serde_json::Value::Null,
            ..shown(&api, rebinds(&api).of(id).await?).await?
        };
        all.push(rebind);
    }
    Ok(listed(all, page.limit, |rebind| rebind.id.to_string(), |rebind| rebind))
}

/// Ask for a change of provider
///
/// Refused while anything in its plan speaks against it for which nobody answers by name. The
/// first wave waits for its approvers at once; later ones are started one after another.
#[utoipa::path(
    post,
    path = "/v1/rebinds",
    tag = "rebinds",
    security(("operator" = [])),
    responses((status = 201, body = RebindShown), (status = "default", body = Problem)),
)]
async fn create(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Json(asked): Json<NewRebind>,
) -> Result<(StatusCode, axum::Json<RebindShown>), Refusal> {
    let NewRebind { terms, name, max_parallel, not_after_s, waves, overrides } = asked;
    let texts = [&terms.ordered_by, &terms.note, &terms.from, &terms.to];
    if texts.into_iter().chain(&name).any(|text| text.len() > limits::TEXT_BYTES_MAX) {
        let detail = format!("a text is longer than {} bytes", limits::TEXT_BYTES_MAX);
        return Err(Refusal::new(Code::Invalid, detail));
    }
    let asked = signed(&api, &terms).await?;
    let bytes = |wave: Vec<super::model::Base64>| wave.into_iter().map(|it| it.0).collect();
    let new = NewChange {
        name,
        wish: wish(&terms, &asked)?,
        asked,
        max_parallel,
        lifetime_s: not_after_s,
        waves: waves.into_iter().map(bytes).collect(),
        overrides,
    };
    let rebind = rebinds(&api).create(new, &operator.by(None, now())).await?;
    api.vitals.campaign_moved();
    Ok((StatusCode::CREATED, axum::Json(shown(&api, rebind).await?)))
}

/// A change of provider, by the campaign of any of its waves
#[utoipa::path(
    get,
    path = "/v1/rebinds/{id}",
    tag = "rebinds",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = RebindShown), (status = "default", body = Problem)),
)]
async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<RebindShown>, Refusal> {
    let rebind = rebinds(&api).of(id).await?;
    Ok(axum::Json(shown(&api, rebind).await?))
}

/// What each member of a wave is bound to, by terminal
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/profiles",
    tag = "rebinds",
    params(("id" = String, Path), Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<MemberProfile>), (status = "default", body = Problem)),
)]
async fn profiles(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<MemberProfile>>, Refusal> {
    let page = part.page::<TerminalId>()?;
    let campaign = api.registry.campaign(id).await?;
    let campaign = campaign.ok_or_else(|| Refusal::no("campaign", id))?;
    let profiles = api.registry.profiles(id, &page).await?;
    let batch = campaign.frozen.map(|frozen| frozen.batch);
    Ok(listed(
        profiles,
        page.limit,
        |(terminal, _)| terminal.to_string(),
        |(terminal, enclosed)| MemberProfile {
            terminal,
            profile: super::model::Base64(enclosed.profile.into_vec()),
            path: enclosed.path,
            code: batch.map(|batch| code_words::code(batch, terminal)),
        },
    ))
}

/// Start the next wave
///
/// Refused unless every terminal of the wave before succeeded, or somebody answers for it.
#[utoipa::path(
    post,
    path = "/v1/rebinds/{id}/next",
    tag = "rebinds",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Campaign), (status = "default", body = Problem)),
)]
async fn next(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
    Json(asked): Json<NextWave>,
) -> Result<axum::Json<Campaign>, Refusal> {
    let by = operator.by(asked.reason.as_deref(), now());
    let campaign = rebinds(&api).next(id, asked.despite.as_deref(), &by).await?;
    api.vitals.campaign_moved();
    Ok(axum::Json(campaigns::shown(&api, campaign.id).await?))
}

/// Write down that a party was told, or what came of it
#[utoipa::path(
    put,
    path = "/v1/rebinds/{id}/notices",
    tag = "rebinds",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = RebindShown), (status = "default", body = Problem)),
)]
async fn notice(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
    Json(told): Json<Notice>,
) -> Result<axum::Json<RebindShown>, Refusal> {
    let told = kept(&told)?;
    let rebind = rebinds(&api).notice(id, &told, &operator.by(None, now())).await?;
    Ok(axum::Json(shown(&api, rebind).await?))
}

/// Make the letters and handover lists of every party, and keep them as evidence
#[utoipa::path(
    post,
    path = "/v1/rebinds/{id}/letters",
    tag = "rebinds",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Vec<Letter>), (status = "default", body = Problem)),
)]
async fn letters(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Vec<Letter>>, Refusal> {
    let papers = rebinds(&api).letters(id, &operator.by(None, now())).await?;
    Ok(axum::Json(papers.into_iter().map(notices::letter).collect()))
}

/// What people are to sign for, with the tests and the watch that the new provider wants where
/// nothing else is asked for.
async fn signed(api: &Api, terms: &RebindTerms) -> Result<Asked, Refusal> {
    let provider = rebinds(api).described(&terms.to).await?;
    let tests = usual::tests(terms.tests.clone(), provider.as_ref());
    let asked = terms.clone().signed(tests, usual::watch(terms.watch, provider.as_ref()));
    draft::check_change(&asked).map_err(RebindError::Draft)?;
    Ok(asked)
}

/// What is wished of a plan, but for the terminals.
fn wish(terms: &RebindTerms, asked: &Asked) -> Result<Wish, Refusal> {
    Ok(Wish {
        request: terms.request,
        carried_by: None,
        reason: terms.reason,
        ordered_by: terms.ordered_by.clone(),
        from: terms.from.clone(),
        to: terms.to.clone(),
        selector: terms.selector.clone(),
        registry_order: terms.registry_order,
        tests: asked.tests.clone(),
        watch: asked.watch,
        begins_at: terms.begins_at.unwrap_or_else(now).max(now()),
        waves: vec![],
        fallbacks: terms.fallbacks.clone(),
        notices: terms.notices.iter().map(kept).collect::<Result<_, _>>()?,
    })
}

fn kept(notice: &Notice) -> Result<Told, Refusal> {
    notices::kept(notice, &Party::ALL.map(Party::as_str))
}

async fn shown(api: &Api, rebind: stored::Rebind) -> Result<RebindShown, Refusal> {
    let mut waves = Vec::new();
    for wave in rebind.waves {
        waves.push(campaigns::shown(api, wave).await?);
    }
    let planned = serde_json::from_str(&rebind.plan).map_err(|error| Refusal::internal(&error))?;
    Ok(RebindShown {
        id: rebind.id,
        created_at: rebind.created_at,
        created_by: rebind.created_by,
        planned,
        waves,
        notices: rebind.notices.into_iter().map(notices::told).collect(),
    })
}

impl From<RebindError> for Refusal {
    fn from(error: RebindError) -> Self {
        let (detail, hint) = (error.to_string(), error.hint());
        let code = match error {
            RebindError::NoRebind { .. } => Code::NotFound,
            RebindError::Draft(_) => Code::Invalid,
            RebindError::Planned(_)
            | RebindError::NoNext(_)
            | RebindError::NotAsked { .. }
            | RebindError::SamePerson { .. }
            | RebindError::NotBegun(_)
            | RebindError::TooEarly { .. }
            | RebindError::NotWell { .. } => Code::WrongState,
            RebindError::Campaign(error) => return error.into(),
            RebindError::Registry(error) => return error.into(),
        };
        Self { hint: hint.map(str::to_owned), ..Self::new(code, detail) }
    }
}
