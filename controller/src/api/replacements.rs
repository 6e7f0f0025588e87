//! Replacements: one terminal takes the place of another, step by step.

mod form;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use shared::digest::PublicKey;
use shared::id::{ClaimId, TerminalId};
use shared::limits::TEXT_BYTES_MAX;
use tracing::warn;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Operator, Part, Path, Query, listed};
use super::model::{
    NewReplacement, NewReplacementEvent, Page, Problem, Replacement, ReplacementBegun,
    ReplacementHistory, ReplacementMistake, ReplacementMoved, ReplacementStep,
};
use super::positions::check_line;
use super::problem::{Code, Refusal};
use super::{Api, claims, now};
use crate::finding::Asks;
use crate::provider::day::Day;
use crate::registry::RegistryError;
use crate::registry::replacement as stored;
use crate::registry::terminal::NewClaim;
use crate::replacement::form::{Mistake, check};
use crate::replacement::next::next;
use crate::replacement::record::{self, PAIRING_S, ReplacementMove};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show))
        .routes(routes!(events, happen))
}

/// Replacements, newest first
#[utoipa::path(
    get,
    path = "/v1/replacements",
    tag = "replacements",
    params(Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Replacement>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<Replacement>>, Refusal> {
    let page = part.page::<u64>()?;
    let mut all = Vec::new();
    for it in api.registry.replacements(&page).await? {
        all.push(shown(&api, it).await?);
    }
    Ok(listed(all, page.limit, |it| it.number.to_string(), |it| it))
}

/// Begin a replacement, or say everything that is wrong with its form
#[utoipa::path(
    post,
    path = "/v1/replacements",
    tag = "replacements",
    security(("operator" = [])),
    responses((status = 200, body = ReplacementBegun), (status = "default", body = Problem)),
)]
async fn create(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Json(NewReplacement { request, form, dry_run }): Json<NewReplacement>,
) -> Result<axum::Json<ReplacementBegun>, Refusal> {
    let asked = api.registry.request(request).await?;
    let asked = asked.ok_or_else(|| Refusal::no("request", request))?;
    let by = operator.by(None, now());
    let known = form::known(&api, &form).await?;
    let asks = Asks { by: &by.who, ordered_by: &asked.asked.requester };
    let checked = match check(&form, &known, asks, Day::of(by.at)) {
        Ok(checked) => checked,
        Err(mistakes) => return Ok(axum::Json(begun(mistakes, None))),
    };
    if !form::is_about(&api, &asked, checked.old).await? {
        let what = format!("is not the one terminal that {request} is about");
        return Ok(axum::Json(begun(vec![Mistake { field: "old_serial", what }], None)));
    }
    if dry_run {
        return Ok(axum::Json(begun(vec![], None)));
    }
    let (old, position) = (checked.old, checked.position.id);
    let new = stored::NewReplacement { request, form, old, position };
    let it = api.registry.add_replacement(&new, &by).await??;
    Ok(axum::Json(begun(vec![], Some(shown(&api, it).await?))))
}

fn begun(mistakes: Vec<Mistake>, replacement: Option<Replacement>) -> ReplacementBegun {
    let each = mistakes.into_iter();
    let each = each.map(|it| ReplacementMistake { field: it.field.to_owned(), what: it.what });
    ReplacementBegun { mistakes: each.collect(), replacement }
}

/// One replacement, and whose turn it is
#[utoipa::path(
    get,
    path = "/v1/replacements/{number}",
    tag = "replacements",
    params(("number" = u64, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Replacement), (status = "default", body = Problem)),
)]
async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(number): Path<u64>,
) -> Result<axum::Json<Replacement>, Refusal> {
    let it = known(&api, number).await?;
    Ok(axum::Json(shown(&api, it).await?))
}

async fn known(api: &Api, number: u64) -> Result<record::Replacement, Refusal> {
    let found = api.registry.replacement(number).await?;
    found.ok_or_else(|| Refusal::no("replacement", number))
}

/// What happened to a replacement, oldest first
#[utoipa::path(
    get,
    path = "/v1/replacements/{number}/events",
    tag = "replacements",
    params(("number" = u64, Path), Part),
    security(("operator" = [])),
    responses(
        (status = 200, body = Page<ReplacementHistory>),
        (status = "default", body = Problem),
    ),
)]
async fn events(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(number): Path<u64>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<ReplacementHistory>>, Refusal> {
    let (it, page) = (known(&api, number).await?, part.page::<u64>()?);
    let moves = api.registry.replacement_moves(it.number, &page).await?;
    Ok(listed(moves, page.limit, |it| it.number.to_string(), history))
}

/// Somebody says what moves a replacement on
///
/// A seal or a serial number that differs where the new unit is received freezes it. Where it goes
/// live the new terminal takes the position of the old one, in one step.
#[utoipa::path(
    post,
    path = "/v1/replacements/{number}/events",
    tag = "replacements",
    params(("number" = u64, Path)),
    security(("operator" = [])),
    responses((status = 200, body = ReplacementMoved), (status = "default", body = Problem)),
)]
async fn happen(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(number): Path<u64>,
    Json(NewReplacementEvent { said, reason, if_state }): Json<NewReplacementEvent>,
) -> Result<axum::Json<ReplacementMoved>, Refusal> {
    check_said(&said, reason.as_deref())?;
    let by = operator.by(reason.as_deref(), now());
    let claim = match &said {
        ReplacementStep::Pair { claim_key } => {
            Some(pairing(&api, &known(&api, number).await?, *claim_key).await?)
        }
        ReplacementStep::Allocate { .. }
        | ReplacementStep::Ship(_)
        | ReplacementStep::Receive { .. }
        | ReplacementStep::SettleOld
        | ReplacementStep::GiveUpOld(_)
        | ReplacementStep::Provision { .. }
        | ReplacementStep::Commission(_)
        | ReplacementStep::GoLive { .. }
        | ReplacementStep::Watch
        | ReplacementStep::AcceptTrouble { .. }
        | ReplacementStep::Close
        | ReplacementStep::Cancel => None,
    };
    let roster = match &claim {
        Some(_) => Some(claims::roster(&api).await?),
        None => None,
    };
    let step = stored::ReplacementStep { seen: if_state, said, claim };
    let moved = api.registry.move_replacement(number, &step, &by).await?;
    let after = moved.map_err(|why| Refusal::from(why).about("replacement", number))?;
    if after.state.is_suspected() {
        let (difference, by) = (after.progress.difference.as_deref(), &by.who);
        warn!(number, by, difference, "what was received may be another unit; it is frozen");
        api.vitals.campaign_moved();
    }
    let claim = match after.progress.claim.zip(roster) {
        Some((claim, roster)) => {
            let claim = api.registry.claim(claim).await?;
            claim.map(|claim| claims::issued(&api, &roster, claim))
        }
        None => None,
    };
    Ok(axum::Json(ReplacementMoved { replacement: shown(&api, after).await?, claim }))
}

/// A claim for exactly the new unit. It names no lane: that is the old terminal's until the swap.
async fn pairing(api: &Api, it: &record::Replacement, key: PublicKey) -> Result<NewClaim, Refusal> {
    let old = api.registry.terminal(it.old).await?;
    let old = old.ok_or_else(|| Refusal::no("terminal", it.old))?;
    let position = api.registry.position(it.position).await?;
    let position = position.ok_or_else(|| Refusal::no("position", it.position))?;
    let serial = it.progress.unit.clone().ok_or_else(|| {
        Refusal::new(Code::WrongState, format!("replacement {} has no unit yet", it.number))
            .hint("allocate one first: `tillward replace allocate`")
    })?;
    let lifetime = Duration::from_secs(PAIRING_S).min(api.enrolment.claim_lifetime_max);
    Ok(NewClaim {
        id: ClaimId::generate(),
        terminal: TerminalId::generate(),
        serial,
        model: it.form.new_model.clone(),
        store: position.store,
        lane: None,
        labels: std::collections::BTreeMap::new(),
        zone: old.zone,
        key,
        expires_at: now().plus(lifetime),
    })
}

fn check_said(said: &ReplacementStep, reason: Option<&str>) -> Result<(), Refusal> {
    if reason.is_some_and(|it| it.len() > TEXT_BYTES_MAX) {
        let detail = format!("`reason` is longer than {TEXT_BYTES_MAX} bytes");
        return Err(Refusal::new(Code::Invalid, detail));
    }
    match said {
        ReplacementStep::Allocate { serial } => check_line("serial", serial),
        ReplacementStep::Ship(parcel) => {
            check_line("courier", &parcel.courier)?;
            check_line("tracking", &parcel.tracking)?;
            parcel.seal.iter().try_for_each(|seal| check_line("seal", seal))
        }
        ReplacementStep::Receive { serial, seal, seal_missing, custodian } => {
            if seal.is_some() && *seal_missing {
                let detail = "a seal that is missing reads nothing";
                return Err(Refusal::new(Code::Invalid, detail));
            }
            check_line("serial", serial)?;
            custodian.iter().try_for_each(|it| check_line("custodian", it))?;
            seal.iter().try_for_each(|seal| check_line("seal", seal))
        }
        ReplacementStep::GiveUpOld(it) => {
            check_line("closed_at_host", &it.closed_at_host)?;
            check_line("accepted_by", &it.accepted_by)
        }
        ReplacementStep::Commission(it) => {
            check_line("tested", &it.tested)?;
            check_line("by", &it.by)
        }
        ReplacementStep::AcceptTrouble { accepted_by } => check_line("accepted_by", accepted_by),
        ReplacementStep::SettleOld
        | ReplacementStep::Pair { .. }
        | ReplacementStep::Provision { .. }
        | ReplacementStep::GoLive { .. }
        | ReplacementStep::Watch
        | ReplacementStep::Close
        | ReplacementStep::Cancel => Ok(()),
    }
}

fn maybe(why: String) -> Option<String> {
    Some(why).filter(|why| !why.is_empty())
}

fn history(it: ReplacementMove) -> ReplacementHistory {
    let ReplacementMove { number, event, from, to, at, by, why } = it;
    ReplacementHistory { number, event, from, to, at, by, reason: maybe(why) }
}

async fn shown(api: &Api, it: record::Replacement) -> Result<Replacement, RegistryError> {
    let unit = match &it.progress.unit {
        Some(serial) => api.registry.unit(serial).await?.map(|unit| unit.state),
        None => None,
    };
    let watched = api.registry.replacement_watch(it.number, now()).await?;
    let next = next(&it, unit, watched.as_ref());
    let progress = it.progress;
    Ok(Replacement {
        number: it.number,
        request: it.request,
        form: it.form,
        old: it.old,
        position: it.position,
        state: it.state,
        state_at: it.state_at,
        state_by: it.state_by,
        state_reason: maybe(it.state_why),
        next,
        unit: progress.unit,
        unit_state: unit,
        parcel: progress.parcel,
        difference: progress.difference,
        unsettled: progress.unsettled,
        last_backup: progress.last_backup,
        claim: progress.claim,
        new: progress.new,
        restored: progress.restored,
        commissioned: progress.commissioned,
        live_at: progress.live_at,
        watched,
        accepted: progress.accepted,
        created_at: it.created_at,
        created_by: it.created_by,
    })
}
