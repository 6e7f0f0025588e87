//! Who decided what, and what proves that the log of it only grew.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Operator, Part, Path, Query, listed};
use super::model::{AuditCheckpoint, AuditEntry, AuditGrowth, AuditProof, Base64, Page, Problem};
use super::problem::{Code, Refusal};
use super::{Api, now};
use crate::audit::LogError;
use crate::registry::audit as stored;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(checkpoint))
        .routes(routes!(prove))
        .routes(routes!(growth))
}

/// The audit log, oldest first
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
    Ok(listed(entries, page.limit, |entry| entry.seq.to_string(), AuditEntry::from))
}

/// How far the audit log has come, signed
#[utoipa::path(
    get,
    path = "/v1/audit/checkpoint",
    tag = "fleet",
    security(("operator" = [])),
    responses((status = 200, body = AuditCheckpoint), (status = "default", body = Problem)),
)]
async fn checkpoint(
    _: Operator,
    State(api): State<Arc<Api>>,
) -> Result<axum::Json<AuditCheckpoint>, Refusal> {
    let newest = api.log.checkpoint(now()).await?;
    let newest = newest.ok_or_else(|| Refusal::no("audit entry", 1))?;
    Ok(axum::Json(shown(&newest)))
}

/// What proves that an entry is in the audit log
#[utoipa::path(
    get,
    path = "/v1/audit/{seq}/proof",
    tag = "fleet",
    params(("seq" = u64, Path)),
    security(("operator" = [])),
    responses((status = 200, body = AuditProof), (status = "default", body = Problem)),
)]
async fn prove(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(seq): Path<u64>,
) -> Result<axum::Json<AuditProof>, Refusal> {
    let proven = api.log.prove(seq, now()).await?;
    let proven = proven.ok_or_else(|| Refusal::no("audit entry", seq))?;
    Ok(axum::Json(AuditProof {
        entry: proven.entry.into(),
        path: proven.path,
        checkpoint: shown(&proven.checkpoint),
    }))
}

/// Two sizes of the log.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Between {
    /// How many entries an earlier checkpoint is over.
    from: u64,
}

/// What proves that the audit log begins with what it was at an earlier checkpoint
#[utoipa::path(
    get,
    path = "/v1/audit/growth",
    tag = "fleet",
    params(Between),
    security(("operator" = [])),
    responses((status = 200, body = AuditGrowth), (status = "default", body = Problem)),
)]
async fn growth(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(Between { from }): Query<Between>,
) -> Result<axum::Json<AuditGrowth>, Refusal> {
    let newest = api.log.checkpoint(now()).await?;
    let newest = newest.ok_or_else(|| Refusal::no("audit entry", 1))?;
    let path = api.log.growth(from, newest.size).await?.ok_or_else(|| {
        let detail = format!("the audit log has {} entries, not {from}", newest.size);
        Refusal::new(Code::Invalid, detail)
            .hint("an older registry was restored, or the checkpoint is of another fleet")
    })?;
    Ok(axum::Json(AuditGrowth { path, checkpoint: shown(&newest) }))
}

fn shown(it: &stored::StoredCheckpoint) -> AuditCheckpoint {
    let signed = Base64(it.signed.as_slice().to_vec());
    AuditCheckpoint { size: it.size, root: it.root, at: it.at, signed }
}

impl From<stored::AuditEntry> for AuditEntry {
    fn from(entry: stored::AuditEntry) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at,
            who: entry.who,
            what: entry.what,
            object: entry.object,
            detail: entry.detail,
            previous: entry.previous,
            digest: entry.digest,
        }
    }
}

/// As it was written, whoever shows it.
impl From<AuditEntry> for stored::AuditEntry {
    fn from(entry: AuditEntry) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at,
            who: entry.who,
            what: entry.what,
            object: entry.object,
            detail: entry.detail,
            previous: entry.previous,
            digest: entry.digest,
        }
    }
}

impl From<LogError> for Refusal {
    fn from(error: LogError) -> Self {
        let (detail, hint) = (error.to_string(), error.hint());
        match error {
            LogError::Registry(error) => error.into(),
            LogError::Broken(_) | LogError::Torn(_) => {
                let refusal = Self::new(Code::WrongState, detail);
                match hint {
                    Some(hint) => refusal.hint(hint),
                    None => refusal,
                }
            }
        }
    }
}
