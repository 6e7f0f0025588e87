//! Who decided what.

use std::sync::Arc;

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::extract::{Operator, Part, Query, listed};
use super::model::{AuditEntry, Page, Problem};
use super::problem::Refusal;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// The audit trail, oldest first
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "fleet",
    params(Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<AuditEntry>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<AuditEntry>>, Refusal> {
    let page = part.page::<u64>()?;
    let entries = api.registry.audit(&page).await?;
    Ok(listed(
        entries,
        page.limit,
        |entry| entry.seq.to_string(),
        |entry| AuditEntry {
            seq: entry.seq,
            at: entry.at,
            who: entry.who,
            what: entry.what,
            object: entry.object,
            detail: entry.detail,
            previous: entry.previous,
            digest: entry.digest,
        },
    ))
}
