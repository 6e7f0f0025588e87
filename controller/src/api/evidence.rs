//! What proves what was done: the signed bytes themselves, for whoever checks them elsewhere.

use std::sync::Arc;

use axum::extract::State;
use shared::id::{CampaignId, OrderId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Operator, Path};
use super::model::{Base64, OrderEvidence, Problem};
use super::problem::Refusal;
use super::{Api, approvals, notices};
use crate::registry::notice::NoticeAbout;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(show))
}

/// All that is kept about one order: who signed for it, what the terminal was sent, and what it
/// signed in return
#[utoipa::path(
    get,
    path = "/v1/evidence/{order}",
    tag = "evidence",
    params(("order" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = OrderEvidence), (status = "default", body = Problem)),
)]
async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<OrderId>,
) -> Result<axum::Json<OrderEvidence>, Refusal> {
    let order = api.registry.order(id).await?.ok_or_else(|| Refusal::no("order", id))?;
    let terminal = api.registry.terminal(order.terminal).await?;
    let terminal = terminal.ok_or_else(|| Refusal::no("terminal", order.terminal))?;
    let receipts = api.registry.receipts(id).await?;
    let (told, letters) = match about(&api, order.campaign).await? {
        Some(about) => (api.registry.notices(about).await?, api.registry.papers(about).await?),
        None => (vec![], vec![]),
    };
    let signed = |it: &shared::message::SignedBytes| Base64(it.as_slice().to_vec());
    let (profile, profile_path) = match order.profile {
        Some(enclosed) => (Some(Base64(enclosed.profile.into_vec())), enclosed.path),
        None => (None, vec![]),
    };
    Ok(axum::Json(OrderEvidence {
        fleet: api.fleet,
        order: id,
        campaign: order.campaign,
        terminal: order.terminal,
        serial: terminal.serial,
        terminal_key: terminal.public_key,
        cancelled_by: order.cancelled_by,
        signed_order: signed(&order.signed),
        batch: signed(&order.batch),
        release: order.release.as_ref().map(signed),
        profile,
        profile_path,
        receipts: receipts.iter().map(signed).collect(),
        rosters: approvals::rosters(&api).await?,
        notices: told.into_iter().map(|it| notices::told(it.notice)).collect(),
        letters: letters.into_iter().map(notices::letter).collect(),
    }))
}

/// What parties are told of, where a campaign carries out something that they are told of.
async fn about(api: &Api, campaign: CampaignId) -> Result<Option<NoticeAbout>, Refusal> {
    if let Some(rebind) = api.registry.rebind_of(campaign).await? {
        return Ok(Some(NoticeAbout::Rebind(rebind.id)));
    }
    let stop = api.registry.deactivation(campaign).await?;
    Ok(stop.map(|it| NoticeAbout::Stop(it.request)))
}
