//! Snapshots as terminals hand them in, and how they stand.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use shared::backup::Newest;
use shared::digest::Digest;
use shared::document::Manifest;
use shared::id::RepositoryId;
use shared::message::SignedBytes;
use shared::signature::{KnownKeys, open};

use super::super::extract::{Enrolled, Path, Reader};
use super::super::model::Problem;
use super::super::problem::{Code, Refusal};
use super::super::{Api, now};
use super::objects::readable;
use crate::registry::backup::Admitted;
use crate::registry::backup::snapshot::{ManifestRefused, NewSnapshot};
use crate::registry::terminal::Terminal;

/// Hand in the signed manifest of a snapshot whose objects are all stored
///
/// Numbers ascend by one over all repositories of a terminal. One that is skipped raises an alarm,
/// one that was used is refused; the same manifest again is answered with 200.
#[utoipa::path(
    post,
    path = "/v1/backups/{repository}/manifests",
    tag = "backups",
    params(("repository" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/cbor"),
    security(("terminal" = [])),
    responses((status = 201), (status = 200), (status = "default", body = Problem)),
)]
pub(super) async fn hand_in(
    Enrolled(terminal): Enrolled,
    State(api): State<Arc<Api>>,
    Path(repository): Path<RepositoryId>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let now = now();
    api.intake.admit_manifest(terminal.id, body.len() as u64)?;
    let (digest, manifest) = genuine(&api, &terminal, repository, &body)?;
    let signed = SignedBytes::new(body.to_vec());
    let new = NewSnapshot { digest, manifest, signed, at: now };
    let admitted = api.registry.add_snapshot(&new).await.map_err(Refusal::from)?;
    let admitted = admitted.map_err(|why| {
        let (code, hint) = match &why {
            ManifestRefused::NoRepository(_) => (Code::NotYours, "begin a repository of your own"),
            ManifestRefused::Closed(_) => (Code::RepositoryClosed, "go on in the newer repository"),
            ManifestRefused::OtherKey { .. } => (Code::Invalid, "name the key of the repository"),
            ManifestRefused::NoSnapshot(_) => (Code::ObjectMissing, "store all objects first"),
            ManifestRefused::NumberUsed { .. } => {
                (Code::NumberUsed, "ask for the newest number, and count on from there")
            }
        };
        Refusal::new(code, why.to_string()).hint(hint)
    })?;
    api.vitals.saved();
    Ok(match admitted {
        Admitted::New => StatusCode::CREATED,
        Admitted::There => StatusCode::OK,
    })
}

/// The manifest, if this terminal signed it and it speaks of this terminal and repository.
fn genuine(
    api: &Api,
    terminal: &Terminal,
    repository: RepositoryId,
    bytes: &[u8],
) -> Result<(Digest, Manifest), Refusal> {
    let key = terminal.public_key.ok_or_else(|| {
        Refusal::new(Code::CertificateReplaced, format!("{} has no key", terminal.id))
    })?;
    let opened = open::<Manifest>(bytes, api.fleet, &KnownKeys::of_terminal(key));
    let opened = opened.map_err(|why| {
        Refusal::new(Code::BadRequest, format!("the manifest cannot be read: {why}"))
    })?;
    if opened.signed_by.is_empty() {
        let detail = format!("{} did not sign this manifest", terminal.id);
        return Err(Refusal::new(Code::SignaturesMissing, detail));
    }
    let manifest = opened.document;
    if manifest.terminal != terminal.id || manifest.serial != terminal.serial {
        let (other, serial) = (manifest.terminal, &manifest.serial);
        let detail = format!("the manifest is of {other} with serial number `{serial}`");
        return Err(Refusal::new(Code::NotYours, detail));
    }
    if manifest.repository != repository {
        let detail = format!("the manifest is of repository {}", manifest.repository);
        return Err(Refusal::new(Code::Invalid, detail));
    }
    Ok((opened.digest, manifest))
}

/// Fetch a signed manifest by the digest of its payload, as it was handed in
#[utoipa::path(
    get,
    path = "/v1/backups/{repository}/manifests/{manifest}",
    tag = "backups",
    params(("repository" = String, Path), ("manifest" = String, Path)),
    security(("operator" = []), ("terminal" = [])),
    responses(
        (status = 200, content_type = "application/cbor"),
        (status = "default", body = Problem),
    ),
)]
pub(super) async fn fetch(
    reader: Reader,
    State(api): State<Arc<Api>>,
    Path((repository, manifest)): Path<(RepositoryId, Digest)>,
) -> Result<Response, Refusal> {
    readable(&api, &reader, repository).await?;
    let missing = || Refusal::no("manifest", manifest);
    let snapshot = api.registry.snapshot(manifest).await?;
    let snapshot = snapshot.filter(|it| it.repository == repository).ok_or_else(missing)?;
    let bytes = snapshot.signed.as_slice().to_vec();
    Ok(([(header::CONTENT_TYPE, "application/cbor")], bytes).into_response())
}

/// How the asking terminal's snapshots stand
#[utoipa::path(
    get,
    path = "/v1/backups/newest",
    tag = "backups",
    security(("terminal" = [])),
    responses(
        (status = 200, content_type = "application/json"),
        (status = "default", body = Problem),
    ),
)]
pub(super) async fn newest(
    Enrolled(terminal): Enrolled,
    State(api): State<Arc<Api>>,
) -> Result<axum::Json<Newest>, Refusal> {
    Ok(axum::Json(api.registry.newest_snapshot(terminal.id).await?))
}
