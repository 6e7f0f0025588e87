//! The bytes of software: stored by operators, fetched by terminals in as many pieces as their
//! network needs.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use futures::{StreamExt as _, TryStreamExt as _};
use shared::digest::Digest;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::downloads::{Broken, Place};
use super::extract::{Operator, Path, Reader};
use super::model::{ArtifactStored, Problem};
use super::problem::{Code, Refusal};
use super::ranges::{self, Asked};
use super::{Api, now};
use crate::registry::release::StoredArtifact;
use crate::registry::terminal::Terminal;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(fetch))
        .routes(routes!(look))
        .routes(routes!(store))
        // The store itself stops at the configured size.
        .layer(DefaultBodyLimit::disable())
}

/// Fetch an artifact, or one range of it
///
/// Terminals are given the bytes at the pace of the limits of bandwidth. Where more of them fetch
/// than these let in, the answer is 503 and says when to come again. Where there is a limit, a
/// terminal fetches one artifact at a time.
#[utoipa::path(
    get,
    path = "/v1/artifacts/{sha256}",
    tag = "releases",
    params(("sha256" = String, Path), ("Range" = Option<String>, Header)),
    security(("operator" = []), ("terminal" = [])),
    responses(
        (status = 200, content_type = "application/octet-stream"),
        (status = 206, content_type = "application/octet-stream"),
        (status = "default", body = Problem),
    ),
)]
async fn fetch(
    reader: Reader,
    State(api): State<Arc<Api>>,
    Path(sha256): Path<Digest>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    answer(&api, &reader, sha256, &method, &headers).await
}

/// Whether an artifact is there, and how large it is
#[utoipa::path(
    head,
    path = "/v1/artifacts/{sha256}",
    tag = "releases",
    params(("sha256" = String, Path)),
    security(("operator" = []), ("terminal" = [])),
    responses((status = 200), (status = 404)),
)]
async fn look(
    reader: Reader,
    State(api): State<Arc<Api>>,
    Path(sha256): Path<Digest>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    answer(&api, &reader, sha256, &method, &headers).await
}

async fn answer(
    api: &Api,
    reader: &Reader,
    sha256: Digest,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let size = api.blobs.size(sha256).await?.ok_or_else(|| Refusal::no("artifact", sha256))?;
    let asked = Asked { method, headers, sha256, size };
    ranges::answer(asked, async |range| {
        let place = match reader {
            Reader::Operator => None,
            Reader::Terminal(terminal) => begun(api, terminal, range.end - range.start).await?,
        };
        let bytes = api.blobs.read(sha256, range).await?;
        Ok(match place {
            Some(place) => place.paced(bytes).left_stream(),
            None => bytes.map_err(Broken::from).right_stream(),
        })
    })
    .await
}

/// The download of a terminal, where something limits it.
async fn begun(api: &Api, terminal: &Terminal, bytes: u64) -> Result<Option<Place>, Refusal> {
    let store = api.registry.store(&terminal.store).await?;
    let own = store.and_then(|store| store.described.download_limit);
    Ok(api.downloads.begin(terminal, own, bytes)?)
}

/// Store an artifact under the SHA-256 of its bytes
///
/// What was sent is kept only if it has this digest. Storing it again changes nothing.
#[utoipa::path(
    put,
    path = "/v1/artifacts/{sha256}",
    tag = "releases",
    params(("sha256" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    security(("operator" = [])),
    responses((status = 201, body = ArtifactStored), (status = "default", body = Problem)),
)]
async fn store(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(sha256): Path<Digest>,
    body: Body,
) -> Result<(StatusCode, axum::Json<ArtifactStored>), Refusal> {
    let mut upload = api.blobs.upload(sha256, api.artifact_bytes_max).await?;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            let detail = format!("the upload of {sha256} broke off: {error}");
            Refusal::new(Code::BadRequest, detail).hint("send the file again")
        })?;
        upload.write(piece).await?;
    }
    let size = upload.finish().await?;
    let now = now();
    api.registry.add_artifact(&StoredArtifact { sha256, size, stored_at: now }).await?;
    let by = operator.by(None, now);
    api.registry.note("artifact-stored", &sha256.to_string(), &by).await?;
    Ok((StatusCode::CREATED, axum::Json(ArtifactStored { sha256, size })))
}
