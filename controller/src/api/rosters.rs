//! Who holds which key.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use shared::document::roster::Role;
use shared::document::{self};
use shared::signature::Envelope;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Operator, Part, Query, listed};
use super::model::{Page, Problem, Roster, RosterKey};
use super::problem::{Code, Refusal};
use super::{Api, now};
use crate::auth::roster::{self, RosterRefused};
use crate::registry::fleet::StoredRoster;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list, add))
}

/// Rosters, oldest first
#[utoipa::path(
    get,
    path = "/v1/rosters",
    tag = "fleet",
    params(Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Roster>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<Roster>>, Refusal> {
    let page = part.page::<u64>()?;
    let stored = api.registry.rosters_after(page.after.unwrap_or(0), page.limit).await?;
    let rosters = stored.iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    Ok(listed(rosters, page.limit, |roster| roster.version.to_string(), |roster| roster))
}

/// Add the roster that follows the newest one
#[utoipa::path(
    post,
    path = "/v1/rosters",
    tag = "fleet",
    request_body(content = Vec<u8>, content_type = "application/cbor"),
    security(("operator" = [])),
    responses((status = 201, body = Roster), (status = "default", body = Problem)),
)]
async fn add(
    operator: Operator,
    State(api): State<Arc<Api>>,
    body: Bytes,
) -> Result<(StatusCode, axum::Json<Roster>), Refusal> {
    let now = now();
    let by = operator.by(None, now);
    let added = roster::add(&*api.registry, api.fleet, &body, &by).await?;
    Ok((StatusCode::CREATED, axum::Json(shown(&added)?)))
}

impl From<RosterRefused> for Refusal {
    fn from(refused: RosterRefused) -> Self {
        let detail = refused.to_string();
        match refused {
            RosterRefused::Registry(error) => error.into(),
            RosterRefused::TooFewSignatures { .. } => Self::new(Code::SignaturesMissing, detail)
                .hint("have it signed by more holders of root keys"),
            RosterRefused::Unreadable(_)
            | RosterRefused::Unsound(_)
            | RosterRefused::OtherFleet { .. }
            | RosterRefused::DoesNotFollow { .. } => Self::new(Code::Invalid, detail),
        }
    }
}

fn shown(stored: &StoredRoster) -> Result<Roster, Refusal> {
    let envelope = Envelope::<document::Roster>::from_bytes(stored.signed.as_slice())
        .map_err(|error| Refusal::internal(&error))?;
    let roster = envelope.document;
    let keys = roster.keys.iter().map(|key| RosterKey {
        id: key.id,
        role: role(key.role).to_owned(),
        owner: key.owner.clone(),
    });
    Ok(Roster {
        version: roster.version,
        digest: stored.digest,
        issued_at: roster.issued_at,
        expires_at: roster.expires_at,
        keys: keys.collect(),
        root_threshold: roster.thresholds.root,
        release_threshold: roster.thresholds.release,
    })
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Root => "root",
        Role::Release => "release",
        Role::Approver => "approver",
        Role::Controller => "controller",
    }
}
