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

#[cfg(test)]
mod tests {
    use shared::backup::DataClass;
    use shared::digest::Digest;
    use shared::document::FORMAT;
    use shared::document::manifest::DataSet;
    use shared::drill::Counted;
    use shared::id::{CampaignId, RepositoryId, TerminalId};
    use shared::time::{ClockConfidence, UnixTime};

    use super::*;

    fn manifest(names: &[&str]) -> Manifest {
        let set = |name: &&str| DataSet {
            name: (*name).to_owned(),
            class: DataClass::Sales,
            schema: 1,
            files: 1,
            bytes: 9,
            records: 3,
            totals: BTreeMap::from([("CNY".to_owned(), 1250)]),
            numbers: None,
        };
        Manifest {
            format: FORMAT,
            terminal: TerminalId::from_bytes([1; 16]),
            serial: "PX-1".to_owned(),
            model: "px7".to_owned(),
            repository: RepositoryId::from_bytes([2; 16]),
            number: 12,
            snapshot: Digest([3; 32]),
            order: OrderId::from_bytes([4; 16]),
            taken_at: UnixTime(1),
            clock: ClockConfidence::Attested,
            software: vec![],
            bindings: vec![],
            batch_open: false,
            data_sets: names.iter().map(set).collect(),
            listing: Digest([5; 32]),
            sealed_key: Digest([6; 32]),
            roster_version: 1,
        }
    }

    fn drill(counted: &[&str]) -> stored::DrillReport {
        let counted = counted.iter().map(|name| Counted {
            name: (*name).to_owned(),
            records: 4,
            totals: BTreeMap::new(),
        });
        stored::DrillReport {
            seq: 1,
            order: OrderId::from_bytes([4; 16]),
            terminal: TerminalId::from_bytes([1; 16]),
            campaign: CampaignId::from_bytes([7; 16]),
            manifest: Some(Digest([8; 32])),
            counted: counted.collect(),
            took_ms: Some(5),
            outcome: "failed".to_owned(),
            failed_as: Some("totals-differ".to_owned()),
            detail: String::new(),
            at: UnixTime(9),
        }
    }

    #[test]
    fn what_was_expected_and_what_was_found_meet_by_name() {
        let report = shown(drill(&["sales", "unknown"]), Some(&manifest(&["paths", "sales"])));
        let records = |it: &Option<Tally>| it.as_ref().map(|it| it.records);
        let sets = report.sets.iter();
        let sets = sets.map(|it| (&*it.name, records(&it.expected), records(&it.found)));
        let expected =
            [("paths", Some(3), None), ("sales", Some(3), Some(4)), ("unknown", None, Some(4))];
        assert_eq!(sets.collect::<Vec<_>>(), expected);
        assert_eq!((report.number, report.code.as_deref()), (Some(12), Some("totals-differ")));
    }

    #[test]
    fn a_drill_that_restored_nothing_has_no_numbers() {
        let report = shown(drill(&[]), None);
        assert_eq!((report.sets, report.number), (vec![], None));
    }
}
