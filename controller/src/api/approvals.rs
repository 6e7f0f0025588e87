//! What approvers are asked to sign, and what they bring back. The signatures decide; operators
//! only carry them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use shared::change::Change;
use shared::digest::Digest;
use shared::id::{CampaignId, TerminalId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::campaigns::campaign_state;
use super::extract::{Operator, Part, Path, Query, listed};
use super::model::{
    Approval, ApprovalMember, ApprovalRequest, Approver, Base64, Page, PlannedWord, Problem,
    ServiceWord, Term,
};
use super::problem::Refusal;
use super::{Api, deactivations, now};
use crate::campaign::collect::Request;
use crate::campaign::words;
use crate::rebind;
use crate::rebind::plan::{self, Kept, Plan};
use crate::registry::page::PAGE_ITEMS_MAX;
use crate::registry::{RegistryError, terminal::Terminal};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(request))
        .routes(routes!(sign))
        .routes(routes!(cancel))
}

/// Campaigns that wait for approvers' signatures, newest first
#[utoipa::path(
    get,
    path = "/v1/approvals",
    tag = "approvals",
    params(Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Approval>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<Approval>>, Refusal> {
    let page = part.page::<CampaignId>()?;
    let mut requests = Vec::new();
    for campaign in api.registry.campaigns_awaiting_approval(&page).await? {
        requests.push(api.campaigns.request(campaign.id).await?);
    }
    Ok(listed(requests, page.limit, |request| request.campaign.id.to_string(), shown))
}

/// What approvers are asked to sign in a campaign, in words, and who has signed
#[utoipa::path(
    get,
    path = "/v1/approvals/{campaign}",
    tag = "approvals",
    params(("campaign" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Approval), (status = "default", body = Problem)),
)]
async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Approval>, Refusal> {
    Ok(axum::Json(shown(api.campaigns.request(id).await?)))
}

async fn planned(api: &Api, id: CampaignId) -> Result<Option<PlannedWord>, Refusal> {
    let rebind = api.registry.rebind_of(id).await?;
    Ok(rebind.and_then(|rebind| {
        let Kept { plan, overrides, .. } = plan::kept(&rebind.plan);
        let Plan { downtime_s, fees, penalty, .. } = plan?;
        Some(PlannedWord { downtime_s, fees, penalty, answered: overrides })
    }))
}

async fn service(
    api: &Api,
    id: CampaignId,
    change: &Change,
) -> Result<Option<ServiceWord>, Refusal> {
    let Change::Resume(_) = change else { return Ok(None) };
    let Some(found) = api.registry.deactivation(id).await? else { return Ok(None) };
    let kept = deactivations::kept(&found)?;
    Ok(Some(ServiceWord {
        checked: kept.checked.map(deactivations::on_site),
        at_least: kept.at_least,
        answered: kept.plan.answered,
    }))
}

/// The file that approvers sign, on machines without a network
#[utoipa::path(
    get,
    path = "/v1/approvals/{campaign}/request",
    tag = "approvals",
    params(("campaign" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = ApprovalRequest), (status = "default", body = Problem)),
)]
async fn request(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<ApprovalRequest>, Refusal> {
    let Request { batch, document, .. } = api.campaigns.request(id).await?;
    let release = match &document.change {
        Change::Upgrade(upgrade) => Some(signed_release(&api, upgrade.release).await?),
        Change::Ping(_)
        | Change::Backup(_)
        | Change::Drill(_)
        | Change::Restore(_)
        | Change::Rebind(_)
        | Change::Suspend(_)
        | Change::Resume(_)
        | Change::Decommission(_)
        | Change::Cancel(_) => None,
    };
    Ok(axum::Json(ApprovalRequest {
        format: ApprovalRequest::FORMAT,
        fleet: api.fleet,
        campaign: id,
        batch: Base64(batch.signed.as_slice().to_vec()),
        rosters: rosters(&api).await?,
        release,
        profiles: profiles(&api, id).await?,
        planned: planned(&api, id).await?,
        service: service(&api, id, &document.change).await?,
        members: members(&api, id).await?,
        cancellation: None,
    }))
}

/// Bring the batch with approvers' signatures; the campaign runs once all who must have signed
#[utoipa::path(
    post,
    path = "/v1/approvals/{campaign}/signatures",
    tag = "approvals",
    params(("campaign" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/cbor"),
    security(("operator" = [])),
    responses((status = 200, body = Approval), (status = "default", body = Problem)),
)]
async fn sign(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
    body: Bytes,
) -> Result<axum::Json<Approval>, Refusal> {
    api.campaigns.approve(id, &body, &operator.by(None, now())).await?;
    api.vitals.campaign_moved();
    Ok(axum::Json(shown(api.campaigns.request(id).await?)))
}

/// Bring an approver's signed cancellation: nothing more of the campaign is begun
#[utoipa::path(
    post,
    path = "/v1/approvals/{campaign}/cancel",
    tag = "approvals",
    params(("campaign" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/cbor"),
    security(("operator" = [])),
    responses((status = 200, body = Approval), (status = "default", body = Problem)),
)]
async fn cancel(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
    body: Bytes,
) -> Result<axum::Json<Approval>, Refusal> {
    api.campaigns.cancel(id, &body, &operator.by(None, now())).await?;
    api.vitals.campaign_moved();
    Ok(axum::Json(shown(api.campaigns.request(id).await?)))
}

fn shown(request: Request) -> Approval {
    let Request { campaign, batch, document, roster, standing, approvals } = request;
    let words = words::of_change(&document.change);
    let term = |(name, value): (&str, String)| Term { name: name.to_owned(), value };
    let approver = |it: crate::registry::campaign::Approval| Approver {
        counts: standing.keys.contains(&it.key),
        key: it.key,
        owner: it.owner,
        imported_at: it.imported_at,
        imported_by: it.imported_by,
    };
    Approval {
        campaign: campaign.id,
        name: campaign.name,
        state: campaign_state(campaign.state),
        batch: batch.id,
        digest: batch.digest,
        what: words.what.to_owned(),
        terms: words.terms.into_iter().map(term).collect(),
        terminals: document.terminals,
        selector: campaign.selector,
        requested_at: campaign.frozen.map_or(document.not_before, |it| it.started_at),
        created_by: campaign.created_by,
        not_after: document.not_after,
        roster_version: roster,
        approvers_needed: standing.needed.approvers,
        signed_by: approvals.into_iter().map(approver).collect(),
    }
}

/// Of a change of provider, in the members' order.
async fn profiles(api: &Api, id: CampaignId) -> Result<Vec<Base64>, Refusal> {
    let profiles = rebind::profiles(&*api.registry, id).await?;
    Ok(profiles.into_iter().map(|(_, it)| Base64(it.profile.into_vec())).collect())
}

async fn signed_release(api: &Api, digest: Digest) -> Result<Base64, Refusal> {
    let which = digest.to_string();
    let release = api.registry.release(digest).await?;
    let release = release.ok_or(RegistryError::Missing { what: "release", which })?;
    Ok(Base64(release.signed.as_slice().to_vec()))
}

pub(super) async fn rosters(api: &Api) -> Result<Vec<Base64>, Refusal> {
    let mut rosters = Vec::new();
    let mut newest = 0;
    loop {
        let next = api.registry.rosters_after(newest, PAGE_ITEMS_MAX).await?;
        let Some(last) = next.last() else { return Ok(rosters) };
        newest = last.version;
        rosters.extend(next.iter().map(|it| Base64(it.signed.as_slice().to_vec())));
    }
}

async fn members(api: &Api, id: CampaignId) -> Result<Vec<ApprovalMember>, Refusal> {
    let ids: Vec<TerminalId> = api.registry.members(id).await?;
    let mut members = Vec::with_capacity(ids.len());
    for ids in ids.chunks(PAGE_ITEMS_MAX as usize) {
        let terminals = api.registry.terminals_of(ids).await?;
        let mut known: BTreeMap<TerminalId, Terminal> =
            terminals.into_iter().map(|terminal| (terminal.id, terminal)).collect();
        for id in ids {
            let which = id.to_string();
            let missing = || RegistryError::Missing { what: "terminal", which };
            let Terminal { serial, store, .. } = known.remove(id).ok_or_else(missing)?;
            members.push(ApprovalMember { terminal: *id, serial, store });
        }
    }
    Ok(members)
}
