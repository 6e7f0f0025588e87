//! Announcing terminals that will enrol.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use jiff::tz::TimeZone;
use shared::id::{ClaimId, TerminalId};
use shared::time::UnixTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Operator, Part, Query, listed};
use super::model::{Claim, ClaimState, IssuedClaim, NewClaim, Page, Problem};
use super::problem::{Code, Refusal};
use super::{Api, now};
use crate::registry::fleet::StoredRoster;
use crate::registry::terminal as stored;
use crate::terminal::label::{self, LABELS_MAX};

/// A claim that lives shorter than this would be over before anybody has walked to the terminal.
const TTL_S_MIN: u64 = 60;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// Claims, newest first
#[utoipa::path(
    get,
    path = "/v1/claims",
    tag = "terminals",
    params(Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Claim>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<Claim>>, Refusal> {
    let page = part.page::<ClaimId>()?;
    let claims = api.registry.claims(&page).await?;
    let now = now();
    Ok(listed(claims, page.limit, |claim| claim.id.to_string(), |claim| shown(claim, now)))
}

/// Announce a terminal
///
/// Replaces an older claim for the same serial number. A serial number that is known keeps its
/// terminal: enrolling again begins a new epoch of it.
#[utoipa::path(
    post,
    path = "/v1/claims",
    tag = "terminals",
    security(("operator" = [])),
    responses((status = 201, body = IssuedClaim), (status = "default", body = Problem)),
)]
async fn create(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Json(asked): Json<NewClaim>,
) -> Result<(StatusCode, axum::Json<IssuedClaim>), Refusal> {
    let now = now();
    check(&asked, api.enrolment.claim_lifetime_max)?;
    let roster = roster(&api).await?;
    let claim = stored::NewClaim {
        id: ClaimId::generate(),
        terminal: TerminalId::generate(),
        serial: asked.serial,
        model: asked.model,
        store: asked.store,
        lane: asked.lane,
        labels: asked.labels,
        zone: asked.zone,
        key: asked.claim_key,
        expires_at: now.plus(Duration::from_secs(asked.ttl_s)),
    };
    let claim = api.registry.add_claim(&claim, &operator.by(None, now)).await?;
    Ok((StatusCode::CREATED, axum::Json(issued(&api, &roster, claim))))
}

/// The roster that a claim is pinned on.
pub(super) async fn roster(api: &Api) -> Result<StoredRoster, Refusal> {
    api.registry.newest_roster().await?.ok_or_else(|| {
        Refusal::new(Code::WrongState, "the registry holds no roster to pin the claim on")
    })
}

pub(super) fn issued(api: &Api, roster: &StoredRoster, claim: stored::Claim) -> IssuedClaim {
    IssuedClaim {
        claim: claim.id,
        terminal: claim.terminal,
        serial: claim.serial,
        fleet: api.fleet,
        url: api.url.to_string(),
        ca: api.server_ca,
        roster: roster.digest,
        expires_at: claim.expires_at,
    }
}

fn shown(claim: stored::Claim, now: UnixTime) -> Claim {
    let (state, used_at) = match claim.state {
        stored::ClaimState::Open if now >= claim.expires_at => (ClaimState::Expired, None),
        stored::ClaimState::Open => (ClaimState::Open, None),
        stored::ClaimState::Used { at, .. } => (ClaimState::Used, Some(at)),
        stored::ClaimState::Locked => (ClaimState::Locked, None),
        stored::ClaimState::Replaced => (ClaimState::Replaced, None),
    };
    Claim {
        claim: claim.id,
        terminal: claim.terminal,
        serial: claim.serial,
        store: claim.store,
        model: claim.model,
        lane: claim.lane,
        labels: claim.labels,
        zone: claim.zone,
        state,
        wrong_guesses: claim.wrong_guesses,
        created_at: claim.created_at,
        created_by: claim.created_by,
        expires_at: claim.expires_at,
        used_at,
    }
}

/// Names are words as labels have them: they appear in the same places.
fn check(asked: &NewClaim, lifetime_max: Duration) -> Result<(), Refusal> {
    let invalid = |detail: String| Err(Refusal::new(Code::Invalid, detail));
    if !shared::claim::is_serial(&asked.serial) {
        return invalid(format!(
            "`{}` is not a serial number: printable ASCII without spaces, at most {} characters",
            asked.serial,
            shared::claim::SERIAL_BYTES_MAX
        ));
    }
    let names = [("store", &asked.store), ("model", &asked.model)];
    let lane = asked.lane.iter().map(|lane| ("lane", lane));
    for (what, name) in names.into_iter().chain(lane) {
        if !label::is_word(name) {
            return invalid(not_a_name(what, name));
        }
    }
    check_labels(asked.labels.iter().map(|(key, value)| (key, Some(value))))?;
    if TimeZone::get(&asked.zone).is_err() {
        return invalid(format!("`{}` is not an IANA time zone", asked.zone));
    }
    let most = lifetime_max.as_secs();
    if !(TTL_S_MIN..=most).contains(&asked.ttl_s) {
        let ttl_s = asked.ttl_s;
        return invalid(format!("`ttl_s` is {ttl_s}: choose {TTL_S_MIN} to {most}"));
    }
    Ok(())
}

/// Labels as somebody asks for them; one without a value is to be taken away.
pub(super) fn check_labels<'a>(
    labels: impl ExactSizeIterator<Item = (&'a String, Option<&'a String>)>,
) -> Result<(), Refusal> {
    let count = labels.len();
    if count > LABELS_MAX {
        let detail = format!("{count} labels in one request, more than {LABELS_MAX}");
        return Err(Refusal::new(Code::Invalid, detail));
    }
    let mut words = labels.flat_map(|(key, value)| [Some(key), value]).flatten();
    match words.find(|word| !label::is_word(word)) {
        None => Ok(()),
        Some(name) => Err(Refusal::new(Code::Invalid, not_a_name("label", name))),
    }
}

fn not_a_name(what: &str, name: &str) -> String {
    format!("`{name}` is not a name of a {what}: {}", label::WORD)
}
