//! Publishing software: signed offline by enough people, its artifact stored before.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use shared::digest::Digest;
use shared::document::release::Settlement;
use shared::document::roster::Role;
use shared::document::{self};
use shared::message::SignedBytes;
use shared::signature::{Envelope, KnownKeys, SignedBy, open};
use shared::time::UnixTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Operator, Part, Path, Query, listed};
use super::model::{Page, Problem, Release, ReleaseArtifact, Signer};
use super::problem::{Code, Refusal};
use super::{Api, now};
use crate::registry::release::StoredRelease;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list, publish)).routes(routes!(show))
}

/// Releases, newest first
#[utoipa::path(
    get,
    path = "/v1/releases",
    tag = "releases",
    params(Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Release>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<Release>>, Refusal> {
    let page = part.page::<Digest>()?;
    let releases = api.registry.releases(&page).await?;
    let roster = newest_roster(&api).await?;
    let shown = |release| shown(release, &api, &roster);
    let releases = releases.into_iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    Ok(listed(releases, page.limit, |release| release.digest.to_string(), |release| release))
}

/// One release, by the SHA-256 of its document's payload
#[utoipa::path(
    get,
    path = "/v1/releases/{digest}",
    tag = "releases",
    params(("digest" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Release), (status = "default", body = Problem)),
)]
async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(digest): Path<Digest>,
) -> Result<axum::Json<Release>, Refusal> {
    let release = api.registry.release(digest).await?;
    let release = release.ok_or_else(|| Refusal::no("release", digest))?;
    let roster = newest_roster(&api).await?;
    Ok(axum::Json(shown(release, &api, &roster)?))
}

/// Publish a signed release
///
/// Refused unless enough release keys of the newest roster signed it and its artifact is stored.
/// The same release with more signatures takes the place of the one before.
#[utoipa::path(
    post,
    path = "/v1/releases",
    tag = "releases",
    request_body(content = Vec<u8>, content_type = "application/cbor"),
    security(("operator" = [])),
    responses((status = 201, body = Release), (status = "default", body = Problem)),
)]
async fn publish(
    operator: Operator,
    State(api): State<Arc<Api>>,
    body: Bytes,
) -> Result<(StatusCode, axum::Json<Release>), Refusal> {
    let now = now();
    let roster = newest_roster(&api).await?;
    let opened = open::<document::Release>(&body, api.fleet, &KnownKeys::of_roster(&roster));
    let opened = opened.map_err(|error| {
        Refusal::new(Code::Invalid, format!("not a signed release: {error}"))
            .hint("send the file that `tillward release sign` wrote")
    })?;
    check(&opened.document, &opened.signed_by, &roster, now)?;
    check_artifact(&api, &opened.document).await?;
    let release = StoredRelease {
        digest: opened.digest,
        release: opened.document,
        signed: SignedBytes::new(body.to_vec()),
        published_at: now,
        published_by: operator.name.clone(),
    };
    api.registry.add_release(&release, &operator.by(None, now)).await?;
    Ok((StatusCode::CREATED, axum::Json(shown(release, &api, &roster)?)))
}

async fn newest_roster(api: &Api) -> Result<document::Roster, Refusal> {
    let newest = api.registry.newest_roster().await?.ok_or_else(|| {
        Refusal::new(Code::WrongState, "the registry holds no roster that says whose keys count")
    })?;
    let envelope = Envelope::from_bytes(newest.signed.as_slice());
    envelope.map(|it| it.document).map_err(|error| Refusal::internal(&error))
}

fn check(
    release: &document::Release,
    signed_by: &SignedBy,
    roster: &document::Roster,
    now: UnixTime,
) -> Result<(), Refusal> {
    release.check().map_err(|why| Refusal::new(Code::Invalid, why.to_string()))?;
    if release.expires_at <= now {
        let detail = format!("the release expired at {}", release.expires_at);
        return Err(Refusal::new(Code::Invalid, detail).hint("build and sign it anew"));
    }
    let (have, need) = (signed_by.count(Role::Release), roster.thresholds.release);
    if have < usize::from(need) {
        let version = roster.version;
        let detail =
            format!("{have} release keys of roster {version} signed it, {need} are needed");
        return Err(Refusal::new(Code::SignaturesMissing, detail)
            .hint("have it signed by more holders of release keys: tillward release sign"));
    }
    Ok(())
}

async fn check_artifact(api: &Api, release: &document::Release) -> Result<(), Refusal> {
    let (sha256, size) = (release.artifact.sha256, release.artifact.size);
    let missing = || {
        Refusal::new(Code::ArtifactMissing, format!("artifact {sha256} is not stored here"))
            .hint("upload it first: tillward release publish does")
    };
    let stored = api.registry.artifact(sha256).await?.ok_or_else(missing)?;
    let there = api.blobs.size(sha256).await?.ok_or_else(missing)?;
    if stored.size != size || there != size {
        let detail = format!("artifact {sha256} has {there} bytes, the release says {size}");
        return Err(Refusal::new(Code::ArtifactMismatch, detail));
    }
    Ok(())
}

/// With the signers that the newest roster knows: a key that it dropped counts no more.
fn shown(stored: StoredRelease, api: &Api, roster: &document::Roster) -> Result<Release, Refusal> {
    let keys = KnownKeys::of_roster(roster);
    let opened = open::<document::Release>(stored.signed.as_slice(), api.fleet, &keys)
        .map_err(|error| Refusal::internal(&error))?;
    let holders = roster.holders(Role::Release);
    let signers = holders.filter(|key| opened.signed_by.has(key.public));
    let release = stored.release;
    Ok(Release {
        digest: stored.digest,
        component: release.component,
        version: release.version,
        security_counter: release.security_counter,
        models: release.models,
        artifact: ReleaseArtifact {
            sha256: release.artifact.sha256,
            size: release.artifact.size,
            unpacked_size: release.artifact.unpacked_size,
            entries: release.artifact.entries,
        },
        settlement: match release.settlement {
            Settlement::NotNeeded => "not-needed".to_owned(),
            Settlement::Before => "before".to_owned(),
        },
        issued_at: release.issued_at,
        expires_at: release.expires_at,
        signed_by: signers.map(|key| Signer { key: key.id, owner: key.owner.clone() }).collect(),
        published_at: stored.published_at,
        published_by: stored.published_by,
    })
}
