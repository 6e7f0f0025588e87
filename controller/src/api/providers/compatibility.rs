//! What works together.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::extract::{Operator, Query};
use super::super::model::{CompatibilityAnswer, Problem};
use super::super::problem::Refusal;
use super::super::{Api, now};
use crate::provider::compatibility::{Asked, look_up, way};
use crate::provider::{Kind, Known};
use crate::registry::provider::all;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(check))
}

/// What a till is made of; what is left out is not known.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Till {
    model: String,
    hardware: Option<String>,
    firmware: Option<String>,
    application: Option<String>,
    kernel: Option<String>,
    provider: Option<String>,
    key_set: Option<String>,
}

/// What the matrix says about a till, and how it would come to a provider
#[utoipa::path(
    get,
    path = "/v1/compatibility/check",
    tag = "providers",
    params(Till),
    security(("operator" = [])),
    responses((status = 200, body = CompatibilityAnswer), (status = "default", body = Problem)),
)]
async fn check(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(till): Query<Till>,
) -> Result<axum::Json<CompatibilityAnswer>, Refusal> {
    let model = api.registry.record(Kind::Model, &till.model, None).await?;
    let model = model.and_then(|it| it.known.model()).map(|it| it.document);
    let known = match &till.provider {
        Some(key) => api.registry.record(Kind::Provider, key, None).await?.is_some(),
        None => true,
    };
    let stranger = till.provider.as_ref().filter(|_| !known);
    let stranger = stranger.map(|key| format!("provider `{key}` is not in the registry"));
    let no_model =
        model.is_none().then(|| format!("model `{}` is not in the registry", till.model));
    let remarks = stranger.into_iter().chain(no_model).collect();
    let rows = all(&*api.registry, Kind::Compatibility).await?;
    let rows: Vec<_> = rows.into_iter().filter_map(Known::row).map(|it| it.document).collect();
    let Till { model: name, hardware, firmware, application, kernel, provider, key_set } = till;
    let asked = Asked { model: name, hardware, firmware, application, kernel, provider, key_set };
    let verdict = look_up(&rows, &asked);
    let way = way(model.as_ref(), &verdict, now());
    Ok(axum::Json(CompatibilityAnswer { verdict, way, remarks }))
}
