//! What a campaign has come to.

use std::sync::Arc;

use axum::extract::State;
use shared::id::CampaignId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::campaigns::{campaign_state, reason, software, state};
use super::extract::{Operator, Path};
use super::model::{
    AssignmentState, CampaignReport, Change, Problem, ReportCoverage, ReportHealth, ReportMoment,
    ReportPart, ReportPhase, ReportStraggler, ReportVersion,
};
use super::problem::Refusal;
use super::{Api, now};
use crate::campaign::report::{Coverage, Health, Moved, Part, Phase, Straggler};
use crate::campaign::review::{Review, review};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(report))
}

/// What a campaign has come to
///
/// Made anew each time from all members that it was released to: as large a question as the
/// campaign is.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/report",
    tag = "campaigns",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = CampaignReport), (status = "default", body = Problem)),
)]
async fn report(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<CampaignReport>, Refusal> {
    let now = now();
    let review = review(&*api.registry, id, now).await?;
    let Review { campaign, tally, waves, report, held, held_count, .. } =
        review.ok_or_else(|| Refusal::no("campaign", id))?;
    // A cancellation is part of a campaign and never one.
    let change = Change::try_from(campaign.change).map_err(|_| Refusal::no("campaign", id))?;
    let of_wave = |number: u16| waves.iter().find(|it| it.number == number);
    let wave = |(number, of): (u16, Coverage)| ReportPart {
        name: (u32::from(number) + 1).to_string(),
        members: of_wave(number).map(|it| it.wave.size.into()),
        coverage: coverage(of),
    };
    let part =
        |(name, of): (String, Coverage)| ReportPart { name, members: None, coverage: coverage(of) };
    Ok(axum::Json(CampaignReport {
        campaign: id,
        name: campaign.name,
        selector: campaign.selector,
        state: campaign_state(campaign.state),
        software: software(&api, &change).await?,
        started_at: campaign.frozen.map(|it| it.started_at),
        ended_at: campaign.ended_at,
        made_at: now,
        members: campaign.frozen.map_or(0, |it| it.members.into()),
        held: held_count,
        total: coverage(report.total),
        waves: report.waves.into_iter().map(wave).collect(),
        stores: report.stores.into_iter().map(part).collect(),
        models: report.models.into_iter().map(part).collect(),
        stragglers: report.stragglers.into_iter().map(straggler).collect(),
        stragglers_count: report.stragglers_count,
        waiting: held.into_iter().map(straggler).collect(),
        phases: report.phases.into_iter().map(phase).collect(),
        versions: report.moved.into_iter().map(version).collect(),
        health: health(report.health),
        bytes_fetched: report.bytes_fetched,
        time_line: report.time_line.into_iter().map(moment).collect(),
        part_s: report.part_s,
        late_successes: tally.late_successes,
        contradictions: tally.contradictions,
    }))
}

fn coverage(of: Coverage) -> ReportCoverage {
    let attempted = of.attempted();
    let Coverage { released, succeeded, bad, unreached, untried, open } = of;
    ReportCoverage { released, attempted, succeeded, bad, unreached, untried, open }
}

fn straggler(it: Straggler) -> ReportStraggler {
    ReportStraggler {
        terminal: it.terminal,
        serial: it.serial,
        store: it.store,
        model: it.model,
        state: it.state.map_or(AssignmentState::Held, state),
        reason: it.why.as_ref().map(reason),
        since: it.since,
        offline_since: it.offline_since,
    }
}

fn phase(it: Phase) -> ReportPhase {
    let Phase { step, terminals, p50_s, p90_s, p99_s } = it;
    ReportPhase { step, terminals, p50_s, p90_s, p99_s }
}

fn version((Moved { before, after }, terminals): (Moved, u64)) -> ReportVersion {
    ReportVersion { before, after, terminals }
}

fn health(Health { as_brought, other_version, offline }: Health) -> ReportHealth {
    ReportHealth { as_brought, other_version, offline }
}

fn moment(Part { from, succeeded, bad }: Part) -> ReportMoment {
    ReportMoment { from, succeeded, bad }
}
