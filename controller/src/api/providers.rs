//! Providers and what is about them: fees, contracts, models, and what works together.

mod compatibility;
mod files;
mod shown;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use shared::digest::Digest;
use shared::time::UnixTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Operator, Part, Path, Query, listed};
use super::model::{
    DocumentKind, NewProviderRecord, NewVouch, Page, Problem, ProviderAlert, ProviderRecord,
};
use super::problem::{Code, Refusal};
use super::{Api, now};
use crate::provider::record::Clearing;
use crate::provider::{Document, Kind, Known, Matter, Vouch, alerts, fees};
use crate::registry::provider::{NewRecord, Record, all};
use crate::request::is_same_person;
use shown::{BandsInForce, digest, record};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, set))
        .routes(routes!(history))
        .routes(routes!(vouch))
        .routes(routes!(due))
        .routes(routes!(seen))
        .merge(files::routes())
        .merge(compatibility::routes())
}

/// Documents of a kind, by key
#[utoipa::path(
    get,
    path = "/v1/providers/records/{kind}",
    tag = "providers",
    params(("kind" = DocumentKind, Path), Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<ProviderRecord>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(kind): Path<Kind>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<ProviderRecord>>, Refusal> {
    let page = part.page::<String>()?;
    let records = api.registry.records(kind, &page).await?;
    let (bands, at) = (bands(&api).await?, now());
    let shown = |it| record(it, &bands, at);
    Ok(listed(records, page.limit, |it: &Record| it.known.key.clone(), shown))
}

/// Which version.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Version {
    /// Without it, the newest.
    version: Option<u32>,
}

/// A document, as it is or as it was
#[utoipa::path(
    get,
    path = "/v1/providers/records/{kind}/{key}",
    tag = "providers",
    params(("kind" = DocumentKind, Path), ("key" = String, Path), Version),
    security(("operator" = [])),
    responses((status = 200, body = ProviderRecord), (status = "default", body = Problem)),
)]
async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path((kind, key)): Path<(Kind, String)>,
    Query(Version { version }): Query<Version>,
) -> Result<axum::Json<ProviderRecord>, Refusal> {
    let found = one(&api, kind, &key, version).await?;
    Ok(axum::Json(record(found, &bands(&api).await?, now())))
}

/// Set a document's next version
#[utoipa::path(
    put,
    path = "/v1/providers/records/{kind}/{key}",
    tag = "providers",
    params(("kind" = DocumentKind, Path), ("key" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = ProviderRecord), (status = "default", body = Problem)),
)]
async fn set(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path((kind, key)): Path<(Kind, String)>,
    Json(asked): Json<NewProviderRecord>,
) -> Result<axum::Json<ProviderRecord>, Refusal> {
    if asked.document.kind() != kind {
        let other = asked.document.kind();
        let detail = format!("the document is a {other}, not a {kind}");
        return Err(Refusal::new(Code::Invalid, detail));
    }
    let mut mistakes = asked.document.mistakes(&key);
    for (kind, key) in asked.document.refers_to() {
        if api.registry.record(kind, key, None).await?.is_none() {
            mistakes.push(format!("there is no {kind} `{key}`, which it refers to"));
        }
    }
    if !mistakes.is_empty() {
        let detail = format!("{kind} `{key}` makes no sense: {}", mistakes.join("; "));
        return Err(Refusal::new(Code::Invalid, detail));
    }
    let NewProviderRecord { document, seen_version, why } = asked;
    let new = NewRecord { key: key.clone(), document, seen: seen_version };
    api.registry.put_records(&[new], &operator.by(Some(&why), now())).await?;
    let stored = one(&api, kind, &key, Some(seen_version.saturating_add(1))).await?;
    Ok(axum::Json(record(stored, &bands(&api).await?, now())))
}

/// All versions of a document, the newest first
#[utoipa::path(
    get,
    path = "/v1/providers/records/{kind}/{key}/history",
    tag = "providers",
    params(("kind" = DocumentKind, Path), ("key" = String, Path), Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<ProviderRecord>), (status = "default", body = Problem)),
)]
async fn history(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path((kind, key)): Path<(Kind, String)>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<ProviderRecord>>, Refusal> {
    let page = part.page::<u32>()?;
    one(&api, kind, &key, None).await?;
    let records = api.registry.record_history(kind, &key, &page).await?;
    let (bands, at) = (bands(&api).await?, now());
    let shown = |it| record(it, &bands, at);
    Ok(listed(records, page.limit, |it: &Record| it.known.version.to_string(), shown))
}

/// Vouch for a part of a document as it is now
#[utoipa::path(
    post,
    path = "/v1/providers/records/{kind}/{key}/vouch",
    tag = "providers",
    params(("kind" = DocumentKind, Path), ("key" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = ProviderRecord), (status = "default", body = Problem)),
)]
async fn vouch(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path((kind, key)): Path<(Kind, String)>,
    Json(asked): Json<NewVouch>,
) -> Result<axum::Json<ProviderRecord>, Refusal> {
    let NewVouch { matter, seen_version, why } = asked;
    if why.trim().is_empty() {
        let detail = "nobody vouches without saying why: `why` is empty";
        return Err(Refusal::new(Code::Invalid, detail));
    }
    let found = one(&api, kind, &key, None).await?;
    let bands = bands(&api).await?;
    if let (Matter::Fees, Document::Fees(schedule)) = (matter, &found.known.document)
        && fees::outside(schedule, &bands).is_empty()
    {
        let detail = format!("every rate of `{key}` is inside of its band: there is nothing to do");
        return Err(Refusal::new(Code::WrongState, detail));
    }
    if let (Matter::Clearing, Document::Provider(provider)) = (matter, &found.known.document)
        && provider.clearing == Clearing::Direct
    {
        let detail = format!("`{key}` clears by itself: there is nothing to do");
        return Err(Refusal::new(Code::WrongState, detail));
    }
    let of = digest(matter, &found.known.document, &bands).ok_or_else(|| {
        let matter = matter.as_str();
        Refusal::new(Code::Invalid, format!("{kind} `{key}` has no {matter} to vouch for"))
    })?;
    let by = operator.by(Some(&why), now());
    let author = author(&api, &found, matter, of, &bands).await?;
    if is_same_person(&author, &by.who) {
        let matter = matter.as_str();
        let detail = format!("{author} wrote the {matter} of `{key}` down: another person vouches");
        return Err(Refusal::new(Code::SamePerson, detail)
            .hint("`tillward operator new` gives another person a token of their own"));
    }
    let vouch = Vouch { matter, of, by: by.who, at: by.at, why: by.why };
    api.registry.vouch(kind, &key, seen_version, &vouch).await?;
    Ok(axum::Json(record(one(&api, kind, &key, None).await?, &bands, now())))
}

/// Who wrote down what is vouched for, as it is now: in the oldest of the versions in which it has
/// not changed since.
async fn author(
    api: &Api,
    newest: &Record,
    matter: Matter,
    of: Digest,
    bands: &BandsInForce,
) -> Result<String, Refusal> {
    let (kind, key) = (matter.kind(), &newest.known.key);
    let mut author = newest.set_by.clone();
    for version in (1..newest.known.version).rev() {
        let before = one(api, kind, key, Some(version)).await?;
        if digest(matter, &before.known.document, bands) != Some(of) {
            break;
        }
        author = before.set_by;
    }
    Ok(author)
}

/// What runs out soon or has run out, and nobody has said that it was seen
#[utoipa::path(
    get,
    path = "/v1/providers/alerts",
    tag = "providers",
    security(("operator" = [])),
    responses((status = 200, body = Page<ProviderAlert>), (status = "default", body = Problem)),
)]
async fn due(
    _: Operator,
    State(api): State<Arc<Api>>,
) -> Result<axum::Json<Page<ProviderAlert>>, Refusal> {
    Ok(axum::Json(Page { items: due_at(&api, now()).await?, next: None }))
}

/// Say that an alert was seen: it is not told again, but the next one of the same end is
#[utoipa::path(
    post,
    path = "/v1/providers/alerts/{id}/seen",
    tag = "providers",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 204), (status = "default", body = Problem)),
)]
async fn seen(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    if !standing(&api, now()).await?.iter().any(|it| it.id == id) {
        return Err(Refusal::no("alert", id));
    }
    api.registry.alert_seen(&id, &operator.by(None, now())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Those that are to be told, the nearest end first.
pub(super) async fn due_at(api: &Api, at: UnixTime) -> Result<Vec<ProviderAlert>, Refusal> {
    let standing = standing(api, at).await?;
    let ids: Vec<_> = standing.iter().map(|it| it.id.clone()).collect();
    let seen = api.registry.alerts_seen(&ids).await?;
    Ok(alerts::due(standing, |id| seen.contains(id)))
}

async fn standing(api: &Api, at: UnixTime) -> Result<Vec<ProviderAlert>, Refusal> {
    let mut standing = Vec::new();
    for kind in Kind::ALL {
        for known in all(&*api.registry, kind).await? {
            standing.extend(alerts::of(&known, at));
        }
    }
    Ok(standing)
}

async fn one(api: &Api, kind: Kind, key: &str, version: Option<u32>) -> Result<Record, Refusal> {
    let found = api.registry.record(kind, key, version).await?;
    match (found, version) {
        (Some(found), _) => Ok(found),
        (None, None) => Err(Refusal::no(kind.as_str(), key)),
        // It is there, or else that is what is said.
        (None, Some(version)) => {
            let newest = Box::pin(one(api, kind, key, None)).await?.known.version;
            let detail = format!("{kind} `{key}` has no version {version}: the newest is {newest}");
            Err(Refusal::new(Code::NotFound, detail)
                .hint(format!("`tillward provider history {key} --kind {kind}` lists them")))
        }
    }
}

async fn bands(api: &Api) -> Result<BandsInForce, Refusal> {
    let written = all(&*api.registry, Kind::Band).await?.into_iter().filter_map(Known::band);
    Ok(fees::bands(written.map(|band| (band.key, band.document))))
}
