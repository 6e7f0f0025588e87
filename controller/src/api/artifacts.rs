//! The bytes of software: stored by operators, fetched by terminals in as many pieces as their
//! network needs.

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use shared::digest::Digest;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Operator, Path, Reader};
use super::model::{ArtifactStored, Problem};
use super::problem::{Code, Refusal};
use super::{Api, now};
use crate::registry::release::StoredArtifact;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(fetch))
        .routes(routes!(look))
        .routes(routes!(store))
        // The store itself stops at the configured size.
        .layer(DefaultBodyLimit::disable())
}

/// Fetch an artifact, or one range of it
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
    _: Reader,
    State(api): State<Arc<Api>>,
    Path(sha256): Path<Digest>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    answer(&api, sha256, &method, &headers).await
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
    _: Reader,
    State(api): State<Arc<Api>>,
    Path(sha256): Path<Digest>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    answer(&api, sha256, &method, &headers).await
}

async fn answer(
    api: &Api,
    sha256: Digest,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let size = api.blobs.size(sha256).await?.ok_or_else(|| Refusal::no("artifact", sha256))?;
    let tag = format!("\"{sha256}\"");
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let part = match (text(header::RANGE), text(header::IF_RANGE)) {
        (Some(range), None) => part_of(range, size),
        (Some(range), Some(of)) if of == tag => part_of(range, size),
        (None, _) | (Some(_), Some(_)) => Part::Whole,
    };
    let (status, range) = match part {
        Part::Whole => (StatusCode::OK, 0..size),
        Part::Some(range) => (StatusCode::PARTIAL_CONTENT, range),
        Part::Nowhere => return Ok(nowhere(size)),
    };
    let length = range.end - range.start;
    let body = if *method == Method::HEAD || length == 0 {
        Body::empty()
    } else {
        Body::from_stream(api.blobs.read(sha256, range.clone()).await?)
    };
    let mut response = (status, body).into_response();
    let mut say = |name, value: String| {
        let value = HeaderValue::try_from(value).expect("digests and numbers are plain text");
        response.headers_mut().insert(name, value);
    };
    say(header::CONTENT_TYPE, "application/octet-stream".to_owned());
    say(header::CONTENT_LENGTH, length.to_string());
    say(header::ACCEPT_RANGES, "bytes".to_owned());
    say(header::ETAG, tag);
    // The name is the digest of the bytes: they never change.
    say(header::CACHE_CONTROL, "private, max-age=31536000, immutable".to_owned());
    if status == StatusCode::PARTIAL_CONTENT {
        let last = range.end - 1;
        say(header::CONTENT_RANGE, format!("bytes {}-{last}/{size}", range.start));
    }
    Ok(response)
}

fn nowhere(size: u64) -> Response {
    let detail = format!("the artifact has {size} bytes");
    let mut response = Refusal::new(Code::RangeNotSatisfiable, detail).into_response();
    let range = HeaderValue::try_from(format!("bytes */{size}")).expect("a number is plain text");
    response.headers_mut().insert(header::CONTENT_RANGE, range);
    response
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

/// Which part of an artifact a `Range` header means (RFC 9110 §14.2).
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// No range, several, or not in bytes: all of these may be answered with everything.
    Whole,
    Some(Range<u64>),
    /// Behind the last byte.
    Nowhere,
}

fn part_of(header: &str, size: u64) -> Part {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More digits than fit are a number behind every artifact's end.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let Some((first, last)) = header.strip_prefix("bytes=").and_then(|it| it.split_once('-'))
    else {
        return Part::Whole;
    };
    let range = match (number(first.trim()), number(last.trim())) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.trim().is_empty() => first..size,
        (None, Some(suffix)) if first.trim().is_empty() => size.saturating_sub(suffix)..size,
        (Some(_) | None, Some(_) | None) => return Part::Whole,
    };
    if range.is_empty() { Part::Nowhere } else { Part::Some(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let cases = [
            ("bytes=0-0", Part::Some(0..1)),
            ("bytes=0-9", Part::Some(0..10)),
            ("bytes=5-", Part::Some(5..10)),
            ("bytes=9-9", Part::Some(9..10)),
            ("bytes=5-99", Part::Some(5..10)),
            ("bytes=5-99999999999999999999999999", Part::Some(5..10)),
            ("bytes=-3", Part::Some(7..10)),
            ("bytes=-99", Part::Some(0..10)),
            ("bytes= 2 - 3 ", Part::Some(2..4)),
            ("bytes=10-", Part::Nowhere),
            ("bytes=10-20", Part::Nowhere),
            ("bytes=99999999999999999999999999-", Part::Nowhere),
            ("bytes=-0", Part::Nowhere),
            ("bytes=5-4", Part::Whole),
            ("bytes=0-1,4-5", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=0x1-", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("items=0-1", Part::Whole),
            ("bytes", Part::Whole),
            ("", Part::Whole),
        ];
        for (header, expected) in cases {
            assert_eq!(part_of(header, 10), expected, "`{header}`");
        }
        assert_eq!(part_of("bytes=0-", 0), Part::Nowhere);
    }
}
