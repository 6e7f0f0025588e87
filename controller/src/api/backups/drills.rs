//! What came of rehearsed restores.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use shared::document::Manifest;
use shared::id::OrderId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Api;
use super::super::extract::{Operator, Part, Path, Query, listed};
use super::super::model::{DrillReport, DrillSet, Page, Problem, Tally};
use super::super::problem::Refusal;
use super::snapshots::{Of, read};
use crate::registry::backup::watch as stored;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show))
}

/// What came of drills, the latest first
#[utoipa::path(
    get,
    path = "/v1/backups/drills",
    tag = "backups",
    params(Of, Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<DrillReport>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
    Query(Of { terminal }): Query<Of>,
) -> Result<axum::Json<Page<DrillReport>>, Refusal> {
    let page = part.page::<u64>()?;
    let drills = api.registry.drills(terminal, &page).await?;
    let mut shown = Vec::with_capacity(drills.len());
    for drill in drills {
        shown.push((drill.seq, with_manifest(&api, drill).await?));
    }
    Ok(listed(shown, page.limit, |(seq, _)| seq.to_string(), |(_, report)| report))
}

/// What came of one drill
#[utoipa::path(
    get,
    path = "/v1/backups/drills/{order}",
    tag = "backups",
    params(("order" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = DrillReport), (status = "default", body = Problem)),
)]
async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(order): Path<OrderId>,
) -> Result<axum::Json<DrillReport>, Refusal> {
    let drill = api.registry.drill(order).await?;
    let drill = drill.ok_or_else(|| Refusal::no("drill", order))?;
    Ok(axum::Json(with_manifest(&api, drill).await?))
}

async fn with_manifest(api: &Api, drill: stored::DrillReport) -> Result<DrillReport, Refusal> {
    let snapshot = match drill.manifest {
        Some(manifest) => api.registry.snapshot(manifest).await?,
        None => None,
    };
    // Another terminal's is none that this one could have restored.
    let snapshot = snapshot.filter(|it| it.terminal == drill.terminal);
    let manifest = snapshot.map(read).transpose()?.map(|(_, manifest)| manifest);
    Ok(shown(drill, manifest.as_ref()))
}

fn shown(drill: stored::DrillReport, manifest: Option<&Manifest>) -> DrillReport {
    let mut sets = BTreeMap::<String, (Option<Tally>, Option<Tally>)>::new();
    for set in manifest.into_iter().flat_map(|it| &it.data_sets) {
        let expected = Tally { records: set.records, totals: set.totals.clone() };
        sets.entry(set.name.clone()).or_default().0 = Some(expected);
    }
    for set in drill.counted {
        let found = Tally { records: set.records, totals: set.totals };
        sets.entry(set.name).or_default().1 = Some(found);
    }
    let sets = sets.into_iter().map(|(name, (expected, found))| DrillSet { name, expected, found });
    DrillReport {
        order: drill.order,
        terminal: drill.terminal,
        campaign: drill.campaign,
        snapshot: drill.manifest,
        number: manifest.map(|it| it.number),
        sets: sets.collect(),
        took_ms: drill.took_ms,
        outcome: drill.outcome,
        code: drill.failed_as,
        detail: drill.detail,
        at: drill.at,
    }
}
