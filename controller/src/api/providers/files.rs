//! Documents as files, in and out.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::extract::{Operator, Query};
use super::super::model::{
    DocumentKind, FileFormat, ImportedChange, Problem, ProviderImportReport,
};
use super::super::problem::{Code, Refusal};
use super::super::{Api, now};
use crate::provider::files::{self, FILE_BYTES_MAX, Mistake};
use crate::provider::import::{self, Effect};
use crate::provider::{Kind, Known};
use crate::registry::provider::{NewRecord, all};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(take))
        .layer(DefaultBodyLimit::max(FILE_BYTES_MAX))
        .routes(routes!(give))
}

/// How a file is taken.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct How {
    format: FileFormat,
    /// Only say what would be done.
    #[serde(default)]
    #[param(required = false)]
    dry_run: bool,
    /// For the audit log.
    why: Option<String>,
}

/// Take a file of documents: all of them, or none and everything that is wrong
///
/// A document that says which `version` it was made from is refused where there is another one.
#[utoipa::path(
    post,
    path = "/v1/providers/import",
    tag = "providers",
    params(How),
    request_body(content = String, content_type = "text/plain"),
    security(("operator" = [])),
    responses((status = 200, body = ProviderImportReport), (status = "default", body = Problem)),
)]
async fn take(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Query(how): Query<How>,
    body: Result<Bytes, BytesRejection>,
) -> Result<axum::Json<ProviderImportReport>, Refusal> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("a file has at most {FILE_BYTES_MAX} bytes");
            Refusal::new(Code::TooLarge, detail).hint("divide the file")
        }
        _ => Refusal::new(Code::BadRequest, rejection.body_text()),
    })?;
    let items = files::read(how.format, &body).map_err(refused)?;
    let mut known = BTreeMap::new();
    for kind in import::kinds(&items) {
        let of_kind = all(&*api.registry, kind).await?;
        known.extend(of_kind.into_iter().map(|it| ((kind, it.key.clone()), it)));
    }
    let planned = import::plan(items, &known).map_err(refused)?;
    let shown = |it: &import::Change| ImportedChange {
        kind: it.document.kind(),
        key: it.key.clone(),
        what: it.what,
        version: match it.what {
            Effect::New | Effect::Changed => it.seen.saturating_add(1),
            Effect::Unchanged => it.seen,
        },
        fields: it.fields.clone(),
    };
    let changes = planned.iter().map(shown).collect();
    if !how.dry_run {
        let new = planned.into_iter().filter(|it| it.what != Effect::Unchanged);
        let new = new.map(|it| NewRecord { key: it.key, document: it.document, seen: it.seen });
        let by = operator.by(how.why.as_deref(), now());
        api.registry.put_records(&new.collect::<Vec<_>>(), &by).await?;
    }
    Ok(axum::Json(ProviderImportReport { dry_run: how.dry_run, changes }))
}

fn refused(mistakes: Vec<Mistake>) -> Refusal {
    let said: Vec<_> = mistakes.iter().map(Mistake::to_string).collect();
    Refusal::new(Code::FileRefused, format!("nothing of the file was taken:\n{}", said.join("\n")))
        .hint("mend what is said, and send the file again")
}

/// Which documents, and how they are written.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    format: FileFormat,
    /// Without it, of every kind.
    kind: Option<DocumentKind>,
}

/// Documents as a file, which can be taken again
#[utoipa::path(
    get,
    path = "/v1/providers/export",
    tag = "providers",
    params(Which),
    security(("operator" = [])),
    responses(
        (status = 200, body = String, content_type = "text/plain"),
        (status = "default", body = Problem),
    ),
)]
async fn give(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(which): Query<Which>,
) -> Result<impl IntoResponse, Refusal> {
    let mut documents: Vec<Known<_>> = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| which.kind.is_none_or(|it| it == *kind)) {
        documents.extend(all(&*api.registry, kind).await?);
    }
    let kind = match which.format {
        FileFormat::Csv => "text/csv; charset=utf-8",
        FileFormat::Toml => "text/plain; charset=utf-8",
    };
    Ok(([(header::CONTENT_TYPE, kind)], files::write(which.format, &documents)))
}
