//! The objects of repositories: stored, listed, read.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use shared::backup::{Kind, Listed, ObjectName};
use shared::digest::Digest;
use shared::id::RepositoryId;

use super::super::extract::{Enrolled, Path, Reader};
use super::super::model::Problem;
use super::super::problem::{Code, Refusal};
use super::super::ranges::{self, Asked};
use super::super::{Api, now};
use crate::backup::{ObjectKey, reading};
use crate::registry::backup::{Admitted, Repository};
use crate::registry::page::PAGE_ITEMS_MAX;

/// Says what the bytes of `config` are, whose path does not.
const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-content-sha256");

/// List the objects of a kind, or fetch the parameters of the repository
///
/// For `config` the answer is the object itself. Else it is one JSON object a line, ascending by
/// digest.
#[utoipa::path(
    get,
    path = "/v1/backups/{repository}/{kind}",
    tag = "backups",
    params(("repository" = String, Path), ("kind" = String, Path)),
    security(("operator" = []), ("terminal" = [])),
    responses(
        (status = 200, content_type = "application/x-ndjson"),
        (status = "default", body = Problem),
    ),
)]
pub(super) async fn list(
    reader: Reader,
    State(api): State<Arc<Api>>,
    Path((id, kind)): Path<(RepositoryId, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let repository = readable(&api, &reader, id).await?;
    let kind = kind_of(&kind)?;
    if kind == Kind::Config {
        return answer(&api, &repository, config(), &method, &headers).await;
    }
    let mut lines = String::new();
    let mut after = None;
    loop {
        let objects = api.registry.objects(id, kind, after, PAGE_ITEMS_MAX).await?;
        let Some(last) = objects.last() else { break };
        after = Some(last.name.sha256);
        for object in &objects {
            let listed = Listed { sha256: object.name.sha256, bytes: object.bytes };
            lines += &serde_json::to_string(&listed).expect("a digest and a number are JSON");
            lines.push('\n');
        }
    }
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response())
}

/// Whether the parameters of the repository are there
#[utoipa::path(
    head,
    path = "/v1/backups/{repository}/{kind}",
    tag = "backups",
    params(("repository" = String, Path), ("kind" = String, Path)),
    security(("operator" = []), ("terminal" = [])),
    responses((status = 200), (status = 404)),
)]
pub(super) async fn look_at_config(
    reader: Reader,
    State(api): State<Arc<Api>>,
    Path((id, kind)): Path<(RepositoryId, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let repository = readable(&api, &reader, id).await?;
    match kind_of(&kind)? {
        Kind::Config => answer(&api, &repository, config(), &method, &headers).await,
        Kind::Data | Kind::Index | Kind::Snapshots | Kind::SealedKey => {
            Ok(StatusCode::OK.into_response())
        }
    }
}

/// Store the parameters of a repository, once
#[utoipa::path(
    put,
    path = "/v1/backups/{repository}/{kind}",
    tag = "backups",
    params(
        ("repository" = String, Path),
        ("kind" = String, Path),
        ("x-content-sha256" = String, Header),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    security(("terminal" = [])),
    responses((status = 201), (status = 200), (status = "default", body = Problem)),
)]
pub(super) async fn store_config(
    terminal: Enrolled,
    State(api): State<Arc<Api>>,
    Path((repository, kind)): Path<(RepositoryId, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let kind = kind_of(&kind)?;
    if kind != Kind::Config {
        let detail = format!("an object of kind {kind} is stored under its digest");
        return Err(Refusal::new(Code::BadRequest, detail));
    }
    let said = headers.get(CONTENT_SHA256).and_then(|value| value.to_str().ok());
    let sha256 = said.and_then(|text| text.parse().ok()).ok_or_else(|| {
        let detail = format!("{CONTENT_SHA256} is not the SHA-256 of the body, in hexadecimal");
        Refusal::new(Code::BadRequest, detail)
    })?;
    let name = ObjectName { kind, sha256 };
    take(&api, ObjectKey { terminal: terminal.0.id, repository, name }, &headers, body).await
}

/// Fetch an object, or one range of it
#[utoipa::path(
    get,
    path = "/v1/backups/{repository}/{kind}/{sha256}",
    tag = "backups",
    params(
        ("repository" = String, Path),
        ("kind" = String, Path),
        ("sha256" = String, Path),
        ("Range" = Option<String>, Header),
    ),
    security(("operator" = []), ("terminal" = [])),
    responses(
        (status = 200, content_type = "application/octet-stream"),
        (status = 206, content_type = "application/octet-stream"),
        (status = "default", body = Problem),
    ),
)]
pub(super) async fn fetch(
    reader: Reader,
    State(api): State<Arc<Api>>,
    Path((id, kind, sha256)): Path<(RepositoryId, String, Digest)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let repository = readable(&api, &reader, id).await?;
    answer(&api, &repository, named(&kind, sha256)?, &method, &headers).await
}

/// Whether an object is there, and how large it is
#[utoipa::path(
    head,
    path = "/v1/backups/{repository}/{kind}/{sha256}",
    tag = "backups",
    params(("repository" = String, Path), ("kind" = String, Path), ("sha256" = String, Path)),
    security(("operator" = []), ("terminal" = [])),
    responses((status = 200), (status = 404)),
)]
pub(super) async fn look(
    reader: Reader,
    State(api): State<Arc<Api>>,
    Path((id, kind, sha256)): Path<(RepositoryId, String, Digest)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let repository = readable(&api, &reader, id).await?;
    answer(&api, &repository, named(&kind, sha256)?, &method, &headers).await
}

/// Store an object under the SHA-256 of its bytes, once
///
/// The sealed key opens a repository; nothing is taken before it. 201 says that the object is
/// durable, 200 that it was there already.
#[utoipa::path(
    put,
    path = "/v1/backups/{repository}/{kind}/{sha256}",
    tag = "backups",
    params(("repository" = String, Path), ("kind" = String, Path), ("sha256" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    security(("terminal" = [])),
    responses((status = 201), (status = 200), (status = "default", body = Problem)),
)]
pub(super) async fn store(
    terminal: Enrolled,
    State(api): State<Arc<Api>>,
    Path((repository, kind, sha256)): Path<(RepositoryId, String, Digest)>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let name = named(&kind, sha256)?;
    take(&api, ObjectKey { terminal: terminal.0.id, repository, name }, &headers, body).await
}

async fn take(
    api: &Api,
    key: ObjectKey,
    headers: &HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let announced = headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse().ok());
    let mut incoming = api.intake.begin(key, announced).await?;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            let detail = format!("the upload of {key} broke off: {error}");
            Refusal::new(Code::BadRequest, detail).hint("send the object again")
        })?;
        incoming.write(piece).await.map_err(crate::backup::intake::NotTaken::from)?;
    }
    Ok(match incoming.finish(now()).await? {
        Admitted::New => StatusCode::CREATED,
        Admitted::There => StatusCode::OK,
    })
}

/// The repository, if it is there for whoever asks. What somebody may not read is not told from
/// what is not there.
pub(super) async fn readable(
    api: &Api,
    reader: &Reader,
    id: RepositoryId,
) -> Result<Repository, Refusal> {
    let missing = || Refusal::no("repository", id);
    let repository = api.registry.repository(id).await?.ok_or_else(missing)?;
    let may = match reader {
        Reader::Operator => true,
        Reader::Terminal(terminal) => {
            reading::may_read(&*api.registry, terminal.id, &repository).await?
        }
    };
    if !may {
        return Err(missing());
    }
    not_purged(&repository)?;
    Ok(repository)
}

/// Whether there is anything that could be read, or is for long.
pub(super) fn not_purged(repository: &Repository) -> Result<(), Refusal> {
    let id = repository.id;
    match (repository.purging_at, repository.purged_at) {
        (_, Some(at)) => {
            let detail = format!("{id} was purged at {at}");
            let hint = format!("`tillward backup certificate show {id}` says why");
            Err(Refusal::new(Code::RepositoryPurged, detail).hint(hint))
        }
        (Some(since), None) => {
            let detail = format!("{id} is being purged since {since}: nothing in it can be read");
            Err(Refusal::new(Code::RepositoryPurging, detail).hint("choose another snapshot"))
        }
        (None, None) => Ok(()),
    }
}

fn kind_of(text: &str) -> Result<Kind, Refusal> {
    text.parse()
        .map_err(|why: shared::backup::NotAKind| Refusal::new(Code::NotFound, why.to_string()))
}

fn named(kind: &str, sha256: Digest) -> Result<ObjectName, Refusal> {
    match kind_of(kind)? {
        Kind::Config => Err(Refusal::no("resource", "config/…")),
        kind @ (Kind::Data | Kind::Index | Kind::Snapshots | Kind::SealedKey) => {
            Ok(ObjectName { kind, sha256 })
        }
    }
}

/// There is one, whatever its digest.
fn config() -> ObjectName {
    ObjectName { kind: Kind::Config, sha256: Digest([0; 32]) }
}

/// From the first place, or from the second where the first does not have it.
async fn answer(
    api: &Api,
    repository: &Repository,
    name: ObjectName,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let object = api.registry.object(repository.id, name).await?;
    let missing = || Refusal::no(&format!("{} in {}", name.kind, repository.id), name.sha256);
    let object = object.ok_or_else(missing)?;
    let (terminal, repository) = (repository.terminal, repository.id);
    let key = ObjectKey { terminal, repository, name: object.name };
    let [first, second] = &api.places.0;
    let asked = Asked { method, headers, sha256: object.name.sha256, size: object.bytes };
    ranges::answer(asked, async |range| match first.read(&key, range.clone()).await {
        Ok(pieces) => Ok(pieces.left_stream()),
        Err(_) => Ok(second.read(&key, range).await?.right_stream()),
    })
    .await
}
