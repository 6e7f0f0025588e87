//! One change for many terminals: asked for, started, followed, stopped.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use shared::change as signed;
use shared::digest::Nonce;
use shared::floor;
use shared::id::{CampaignId, TerminalId};
use shared::limits;
use shared::outcome::Waiting;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Operator, Part, Path, Query, listed};
use super::model::{
    Assignment, AssignmentState, Campaign, CampaignState, Change, CopiedCampaign, Decision,
    DroppedCanary, Held, HeldExample, MembersMoved, NewCampaign, NewCopy, NotMoved, Page, Problem,
    Reason, Reprioritise, Resumption, RetryMembers, SkipMembers, Software, Upgrade, Wave,
    WaveState, WhyNot,
};
use super::problem::{Code, Refusal};
use super::{Api, now};
use crate::campaign::approval::ApprovalRefused;
use crate::campaign::assignment;
use crate::campaign::plan;
use crate::campaign::policy::Policy;
use crate::campaign::state::CampaignState as Stored;
use crate::campaign::view::{self, Member, Overview, Waits, WaveView, Why};
use crate::campaign::{CampaignError, Campaigns, Copy, Skip};
use crate::registry::audit::By;
use crate::registry::campaign::{NotAgain, Origin, Reprioritised};
use crate::registry::{self, RegistryError};

/// How long orders are valid where nothing else is said: a fortnight of nights, or as long as
/// orders may be that people have approved.
fn not_after_s(change: &signed::Change) -> u64 {
    match floor::needs_people(change.verb()) {
        true => limits::APPROVED_ORDER_LIFETIME_S_MAX,
        false => 14 * 24 * 3600,
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show))
        .routes(routes!(terminals))
        .routes(routes!(start))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(abort))
        .routes(routes!(reprioritise))
        .routes(routes!(copy))
        .routes(routes!(skip))
        .routes(routes!(retry))
        .routes(routes!(why_not))
}

/// Campaigns, newest first
#[utoipa::path(
    get,
    path = "/v1/campaigns",
    tag = "campaigns",
    params(Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Campaign>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<Campaign>>, Refusal> {
    let page = part.page::<CampaignId>()?;
    let mut campaigns = Vec::new();
    for campaign in api.registry.campaigns(&page).await? {
        campaigns.push(shown(&api, campaign.id).await?);
    }
    Ok(listed(campaigns, page.limit, |campaign| campaign.id.to_string(), |campaign| campaign))
}

/// Ask for a change on many terminals
///
/// Nothing is sent before the campaign is started. What could never make progress is refused.
#[utoipa::path(
    post,
    path = "/v1/campaigns",
    tag = "campaigns",
    security(("operator" = [])),
    responses((status = 201, body = Campaign), (status = "default", body = Problem)),
)]
async fn create(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Json(asked): Json<NewCampaign>,
) -> Result<(StatusCode, axum::Json<Campaign>), Refusal> {
    let new = wished(asked)?;
    let campaign = api.campaigns.create(&new, &operator.by(None, now())).await?;
    Ok((StatusCode::CREATED, axum::Json(shown(&api, campaign.id).await?)))
}

/// A campaign as it would be kept.
pub(super) fn wished(asked: NewCampaign) -> Result<registry::campaign::NewCampaign, Refusal> {
    if asked.name.as_ref().is_some_and(|name| name.len() > limits::TEXT_BYTES_MAX) {
        let detail = format!("the name is longer than {} bytes", limits::TEXT_BYTES_MAX);
        return Err(Refusal::new(Code::Invalid, detail));
    }
    let change = signed::Change::from(asked.change);
    Ok(registry::campaign::NewCampaign {
        id: CampaignId::generate(),
        name: asked.name,
        lifetime_s: asked.not_after_s.unwrap_or_else(|| not_after_s(&change)),
        change,
        selector: asked.selector,
        max_parallel: asked.max_parallel,
        policy: asked.policy.unwrap_or(Policy::PLAIN),
        salt: salt(),
        origin: Origin::Itself,
    })
}

/// One campaign, and how far it has come
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}",
    tag = "campaigns",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Campaign), (status = "default", body = Problem)),
)]
async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Campaign>, Refusal> {
    Ok(axum::Json(shown(&api, id).await?))
}

/// How a campaign goes on each of its terminals, by id; none before it is started
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/terminals",
    tag = "campaigns",
    params(("id" = String, Path), Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Assignment>), (status = "default", body = Problem)),
)]
async fn terminals(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<Assignment>>, Refusal> {
    let page = part.page::<TerminalId>()?;
    let campaign = api.registry.campaign(id).await?;
    let campaign = campaign.ok_or_else(|| Refusal::no("campaign", id))?;
    let members = view::members(&*api.registry, &campaign, &page, now()).await?;
    let cursor = |member: &Member| member.terminal.id.to_string();
    Ok(listed(members, page.limit, cursor, |member| assignment(id, &member)))
}

/// Fix the members, sign for them and begin, or wait for approvers where the roster asks for any
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/start",
    tag = "campaigns",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Campaign), (status = "default", body = Problem)),
)]
async fn start(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
    Json(why): Json<Decision>,
) -> Result<axum::Json<Campaign>, Refusal> {
    // Whether the next wave may go is decided over the one before.
    if api.registry.rebind_of(id).await?.is_some() {
        return Err(CampaignError::IsAWave { campaign: id }.into());
    }
    decide(&api, id, &operator, &why, async |campaigns, by| campaigns.start(id, by).await).await
}

/// Release no terminal and send no order until it is resumed
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/pause",
    tag = "campaigns",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Campaign), (status = "default", body = Problem)),
)]
async fn pause(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
    Json(why): Json<Decision>,
) -> Result<axum::Json<Campaign>, Refusal> {
    decide(&api, id, &operator, &why, async |campaigns, by| campaigns.pause(id, by).await).await
}

/// Go on after a pause, or after its gate has stopped it
///
/// A campaign that its gate has stopped goes on only if `acknowledge` says how many terminals have
/// ended badly; only further ones stop it again. What was taken back is released anew.
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/resume",
    tag = "campaigns",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Campaign), (status = "default", body = Problem)),
)]
async fn resume(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
    Json(Resumption { reason, acknowledge }): Json<Resumption>,
) -> Result<axum::Json<Campaign>, Refusal> {
    decide(&api, id, &operator, &Decision { reason }, async |campaigns, by| {
        campaigns.resume(id, acknowledge, by).await
    })
    .await
}

/// End it: no terminal is released any more, and what has not begun is cancelled
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/abort",
    tag = "campaigns",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Campaign), (status = "default", body = Problem)),
)]
async fn abort(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
    Json(why): Json<Decision>,
) -> Result<axum::Json<Campaign>, Refusal> {
    decide(&api, id, &operator, &why, async |campaigns, by| campaigns.abort(id, by).await).await
}

/// Give it another place among others: before whom it goes, and how many may be at it
#[utoipa::path(
    patch,
    path = "/v1/campaigns/{id}",
    tag = "campaigns",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Campaign), (status = "default", body = Problem)),
)]
async fn reprioritise(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
    Json(asked): Json<Reprioritise>,
) -> Result<axum::Json<Campaign>, Refusal> {
    let Reprioritise { class, max_parallel, seen_class, seen_max_parallel, reason } = asked;
    let wish = Reprioritised { class, max_parallel, seen_class, seen_max_parallel };
    decide(&api, id, &operator, &Decision { reason }, async |campaigns, by| {
        campaigns.reprioritise(id, wish, by).await
    })
    .await
}

/// Create the same again, for the same terminals or for others; it is not started
///
/// Who went first in the original and would be no member now is left out of the canary list, and
/// named in the answer.
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/copy",
    tag = "campaigns",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 201, body = CopiedCampaign), (status = "default", body = Problem)),
)]
async fn copy(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
    Json(NewCopy { selector, name, canary }): Json<NewCopy>,
) -> Result<(StatusCode, axum::Json<CopiedCampaign>), Refusal> {
    let as_what = Copy { id: CampaignId::generate(), name, selector, canary, salt: salt() };
    let copied = api.campaigns.copy(id, as_what, &operator.by(None, now())).await?;
    let dropped = api.registry.terminals_of(&copied.dropped).await?.into_iter();
    let canary_dropped =
        dropped.map(|it| DroppedCanary { terminal: it.id, serial: it.serial }).collect();
    let campaign = shown(&api, copied.campaign.id).await?;
    Ok((StatusCode::CREATED, axum::Json(CopiedCampaign { campaign, canary_dropped })))
}

/// Leave members out, or take them in again
///
/// Whoever is at it is called back where it still can be.
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/skip",
    tag = "campaigns",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = MembersMoved), (status = "default", body = Problem)),
)]
async fn skip(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
    Json(SkipMembers { terminals, undo, reason }): Json<SkipMembers>,
) -> Result<axum::Json<MembersMoved>, Refusal> {
    let by = operator.by(reason.as_deref(), now());
    let what = if undo { Skip::Undone } else { Skip::Done };
    let changed = api.campaigns.skip(id, &terminals, what, &by).await?;
    api.vitals.campaign_moved();
    Ok(axum::Json(MembersMoved { changed, not: vec![] }))
}

/// Have members tried again that have ended: those that are named, or all that ended badly
///
/// Each as often as the campaign's policy lets it be. A failure counts until a later attempt has
/// succeeded.
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/retry",
    tag = "campaigns",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = MembersMoved), (status = "default", body = Problem)),
)]
async fn retry(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
    Json(RetryMembers { terminals, reason }): Json<RetryMembers>,
) -> Result<axum::Json<MembersMoved>, Refusal> {
    let by = operator.by(reason.as_deref(), now());
    let retried = api.campaigns.retry(id, terminals.as_deref(), &by).await?;
    api.vitals.campaign_moved();
    let not = |(terminal, why)| NotMoved { terminal, why: not_again(why) };
    let not = retried.not.into_iter().map(not).collect();
    Ok(axum::Json(MembersMoved { changed: retried.again, not }))
}

fn not_again(why: NotAgain) -> String {
    match why {
        NotAgain::NotReleased => "it was not tried yet".to_owned(),
        NotAgain::UnderWay => "it is at it".to_owned(),
        NotAgain::Succeeded => "it has succeeded".to_owned(),
        NotAgain::Already => "its turn comes again already".to_owned(),
        NotAgain::Skipped => "it is left out: take it in again first".to_owned(),
        NotAgain::TooOften { max } => format!("it was tried again {max} times, as often as it may"),
    }
}

#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct AskedAbout {
    /// A member, by its id.
    #[param(value_type = Option<String>)]
    terminal: Option<TerminalId>,
}

/// Why nothing moves: counted reasons, and when each will change next
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/why",
    tag = "campaigns",
    params(("id" = String, Path), AskedAbout),
    security(("operator" = [])),
    responses((status = 200, body = WhyNot), (status = "default", body = Problem)),
)]
async fn why_not(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
    Query(AskedAbout { terminal }): Query<AskedAbout>,
) -> Result<axum::Json<WhyNot>, Refusal> {
    let overview = view::overview(&*api.registry, id, now()).await?;
    let Overview { campaign, tally, waves, .. } =
        overview.ok_or_else(|| Refusal::no("campaign", id))?;
    let mut held = held_back(&campaign);
    let mut one = match terminal {
        Some(terminal) => {
            let member = view::member(&*api.registry, &campaign, terminal, now()).await?;
            let stranger = CampaignError::Stranger { campaign: id, terminal };
            Some(assignment(id, &member.ok_or(stranger)?))
        }
        None => None,
    };
    if let Some(signed) = signed(&api, &campaign).await? {
        let reasons = held.iter_mut().map(|held| &mut held.reason);
        let reasons = reasons.chain(one.as_mut().and_then(|one| one.reason.as_mut()));
        for reason in reasons.filter(|it| it.code == plan::Held::NotApproved.code()) {
            reason.detail = format!("{}: {signed}", reason.detail);
        }
    }
    let mut waits = view::waits(&*api.registry, &campaign, now()).await?;
    let unmet: Vec<_> = waves.iter().flat_map(|wave| &wave.unmet).collect();
    let mut waiting: Vec<_> = tally.waiting.iter().collect();
    waiting.sort_by_key(|(why, count)| (std::cmp::Reverse(**count), **why));
    let waits = |(why, terminals): (&Waiting, &u64)| {
        let shown = waits.remove(why);
        let next_at = shown.as_ref().and_then(|it| it.next);
        let example = shown.map(|Waits { terminal, serial, detail, .. }| HeldExample {
            terminal,
            serial,
            detail,
        });
        Held { reason: reason(&view::waiting(*why)), terminals: *terminals, next_at, example }
    };
    Ok(axum::Json(WhyNot {
        campaign: id,
        state: campaign_state(campaign.state),
        gate: unmet.iter().map(ToString::to_string).collect(),
        gate_next_at: unmet.iter().filter_map(|unmet| unmet.next()).min(),
        held,
        waiting: waiting.into_iter().map(waits).collect(),
        terminal: one,
    }))
}

/// `signed by 1 of 2 approvers`, while that is waited for and a roster says who they are.
async fn signed(
    api: &Api,
    campaign: &registry::campaign::Campaign,
) -> Result<Option<String>, Refusal> {
    if campaign.state != Stored::AwaitingApproval {
        return Ok(None);
    }
    let standing = match api.campaigns.request(campaign.id).await {
        Ok(request) => request.standing,
        Err(CampaignError::NoRoster) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let (have, needed) = (standing.owners.len(), standing.needed.approvers);
    Ok(Some(format!("signed by {have} of {needed} approvers")))
}

/// Why members are not released, most frequent first.
fn held_back(campaign: &registry::campaign::Campaign) -> Vec<Held> {
    let mut reasons: Vec<_> = campaign.held.iter().map(|(why, count)| (*why, *count)).collect();
    reasons.sort_by_key(|(why, count)| (std::cmp::Reverse(*count), *why));
    let held = |(why, terminals): (plan::Held, u64)| Held {
        reason: reason(&Why::from(why)),
        terminals,
        next_at: campaign.held_next.get(&why).copied(),
        example: None,
    };
    reasons.into_iter().map(held).collect()
}

fn salt() -> Nonce {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).expect("the operating system gives randomness");
    Nonce(salt)
}

/// The campaign as it is kept from then on.
type Decided = Result<registry::campaign::Campaign, CampaignError>;

async fn decide(
    api: &Api,
    id: CampaignId,
    operator: &Operator,
    why: &Decision,
    decision: impl AsyncFnOnce(&Campaigns, &By) -> Decided,
) -> Result<axum::Json<Campaign>, Refusal> {
    decision(&api.campaigns, &operator.by(why.reason.as_deref(), now())).await?;
    api.vitals.campaign_moved();
    Ok(axum::Json(shown(api, id).await?))
}

impl From<CampaignError> for Refusal {
    fn from(error: CampaignError) -> Self {
        let (detail, hint) = (error.to_string(), error.hint());
        let code = match error {
            CampaignError::NoCampaign(_)
            | CampaignError::NoRelease(_)
            | CampaignError::NothingToApprove(_) => Code::NotFound,
            CampaignError::Selector(_)
            | CampaignError::ReleaseExpired { .. }
            | CampaignError::NoPlaces
            | CampaignError::Policy(_)
            | CampaignError::Canary(_)
            | CampaignError::Stuck(_)
            | CampaignError::TooLong { .. }
            | CampaignError::Lifetime { .. }
            | CampaignError::Window { .. }
            | CampaignError::NoWayBack
            | CampaignError::NotAWayBack { .. }
            | CampaignError::NobodyJoins
            | CampaignError::JoinedByTime(_)
            | CampaignError::Stranger { .. }
            | CampaignError::CancelByItself
            | CampaignError::RebindByItself
            | CampaignError::ServiceByItself
            | CampaignError::Nobody(_) => Code::Invalid,
            CampaignError::Purged { .. } => Code::RepositoryPurged,
            CampaignError::TooManyApprovers(_)
            | CampaignError::NoRoster
            | CampaignError::IsAWave { .. }
            | CampaignError::Halted { .. }
            | CampaignError::NeedsPeople(_)
            | CampaignError::MembersGone(_)
            | CampaignError::OtherProfiles(_) => Code::WrongState,
            CampaignError::Approval(
                ApprovalRefused::NothingNew | ApprovalRefused::SameOwner { .. },
            ) => Code::Exists,
            CampaignError::Approval(ApprovalRefused::Expired(_)) => Code::WrongState,
            CampaignError::Approval(
                ApprovalRefused::Unreadable(_)
                | ApprovalRefused::OtherBatch { .. }
                | ApprovalRefused::UnknownKey { .. }
                | ApprovalRefused::NotAnApprover { .. }
                | ApprovalRefused::FalseSignature { .. }
                | ApprovalRefused::NotItsCancellation { .. }
                | ApprovalRefused::CancelNeedsMore { .. },
            ) => Code::NotApproved,
            CampaignError::Registry(error) => return error.into(),
        };
        Self { hint: hint.map(str::to_owned), ..Self::new(code, detail) }
    }
}

pub(super) async fn shown(api: &Api, id: CampaignId) -> Result<Campaign, Refusal> {
    let overview = view::overview(&*api.registry, id, now()).await?;
    let Overview { campaign, tally, held: not_released, waves } =
        overview.ok_or_else(|| Refusal::no("campaign", id))?;
    // A cancellation is part of a campaign and never one.
    let change =
        Change::try_from(campaign.change.clone()).map_err(|_| Refusal::no("campaign", id))?;
    let software = software(api, &change).await?;
    let mut by_state: BTreeMap<_, _> =
        tally.by_state.iter().map(|(stored, count)| (state(*stored), *count)).collect();
    by_state.insert(AssignmentState::Held, not_released);
    by_state.retain(|_, count| *count > 0);
    let held = held_back(&campaign);
    let (class, at_it) = (campaign.class(), tally.under_way());
    let (reverts, copy_of) = match campaign.origin {
        Origin::Itself => (None, None),
        Origin::CopyOf(original) => (None, Some(original)),
        Origin::Reverts(reverted) => (Some(reverted), None),
    };
    Ok(Campaign {
        id,
        name: campaign.name,
        change,
        software,
        selector: campaign.selector,
        max_parallel: campaign.max_parallel,
        policy: campaign.policy,
        waves: waves.iter().map(wave).collect(),
        bad: tally.bad(),
        at_it,
        class,
        reverts,
        copy_of,
        state: campaign_state(campaign.state),
        state_by: campaign.state_by,
        state_at: campaign.state_at,
        state_reason: Some(campaign.state_why).filter(|why| !why.is_empty()),
        terminals: campaign.frozen.map(|frozen| u64::from(frozen.members)),
        joined: campaign.frozen.map_or(0, |frozen| u64::from(frozen.joined)),
        by_state,
        held,
        created_at: campaign.created_at,
        created_by: campaign.created_by,
        started_at: campaign.frozen.map(|frozen| frozen.started_at),
        ended_at: campaign.ended_at,
        not_after_s: campaign.lifetime_s,
        not_after: campaign.frozen.map(|frozen| frozen.not_after),
        late_successes: tally.late_successes,
        contradictions: tally.contradictions,
    })
}

/// What an upgrade's release, which cannot go away, is called.
pub(super) async fn software(api: &Api, change: &Change) -> Result<Option<Software>, Refusal> {
    let digest = match change {
        Change::Upgrade(Upgrade { release, .. }) => *release,
        Change::Ping(_)
        | Change::Backup(_)
        | Change::Drill(_)
        | Change::Restore(_)
        | Change::Rebind(_)
        | Change::Suspend(_)
        | Change::Resume(_)
        | Change::Decommission(_) => return Ok(None),
    };
    let which = digest.to_string();
    let release = api.registry.release(digest).await?;
    let release = release.ok_or(RegistryError::Missing { what: "release", which })?.release;
    Ok(Some(Software { component: release.component, version: release.version }))
}

pub(super) fn assignment(campaign: CampaignId, member: &Member) -> Assignment {
    let Member { terminal, part } = member;
    let (bytes_done, bytes_total) = part.bytes();
    Assignment {
        campaign,
        terminal: terminal.id,
        serial: terminal.serial.clone(),
        store: terminal.store.clone(),
        model: terminal.model.clone(),
        state: part.state().map_or(AssignmentState::Held, state),
        reason: member.why().as_ref().map(reason),
        order: match part {
            view::Part::Held(_) => None,
            view::Part::Released(assignment) => Some(assignment.order),
        },
        step: part.step().map(str::to_owned),
        bytes_done,
        bytes_total,
        version_now: part.version_now().map(str::to_owned),
        updated_at: part.since(),
        next_at: part.next(),
    }
}

pub(super) fn reason(why: &Why) -> Reason {
    Reason { code: why.code.clone(), detail: why.detail.clone(), hint: why.hint.map(str::to_owned) }
}

fn wave(view: &WaveView) -> Wave {
    let it = &view.standing;
    let tried = it.tried();
    Wave {
        number: u64::from(it.number) + 1,
        terminals: tried.size,
        state: match (it.opened_at, it.reached_at, it.passed_at) {
            (_, _, Some(_)) => WaveState::Passed,
            (None, _, None) => WaveState::Closed,
            (Some(_), Some(_), None) => WaveState::Soaking,
            (Some(_), None, None) => WaveState::Open,
        },
        opened_at: it.opened_at,
        passed_at: it.passed_at,
        released: tried.released,
        under_way: tried.open,
        succeeded: tried.succeeded,
        bad: tried.bad,
        acknowledged: tried.acknowledged,
        waits_for: view.unmet.iter().map(ToString::to_string).collect(),
        next_at: view.unmet.iter().filter_map(|unmet| unmet.next()).min(),
    }
}

pub(super) fn campaign_state(state: Stored) -> CampaignState {
    match state {
        Stored::Draft => CampaignState::Draft,
        Stored::AwaitingApproval => CampaignState::AwaitingApproval,
        Stored::Running => CampaignState::Running,
        Stored::Paused => CampaignState::Paused,
        Stored::Halted => CampaignState::Halted,
        Stored::Completed => CampaignState::Completed,
        Stored::Aborted => CampaignState::Aborted,
    }
}

pub(super) fn state(state: assignment::AssignmentState) -> AssignmentState {
    use assignment::AssignmentState as Is;
    match state {
        Is::Ordered => AssignmentState::Ordered,
        Is::Unanswered => AssignmentState::Unanswered,
        Is::Accepted => AssignmentState::Accepted,
        Is::Waiting => AssignmentState::Waiting,
        Is::Working => AssignmentState::Working,
        Is::Undoing => AssignmentState::Undoing,
        Is::Unreached => AssignmentState::Unreached,
        Is::Silent => AssignmentState::Silent,
        Is::Refused => AssignmentState::Refused,
        Is::Expired => AssignmentState::Expired,
        Is::Superseded => AssignmentState::Superseded,
        Is::Cancelled => AssignmentState::Cancelled,
        Is::Withdrawn => AssignmentState::Withdrawn,
        Is::Reverted => AssignmentState::Reverted,
        Is::Failed => AssignmentState::Failed,
        Is::RolledBack => AssignmentState::RolledBack,
        Is::RollbackFailed => AssignmentState::RollbackFailed,
        Is::Succeeded => AssignmentState::Succeeded,
    }
}
