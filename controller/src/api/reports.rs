//! What a campaign has come to.

use std::sync::Arc;

use axum::extract::State;
use shared::id::{CampaignId, TerminalId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::campaigns::{campaign_state, reason, software, state};
use super::extract::{Operator, Part as PartOf, Path, Query, listed};
use super::model::{
    AssignmentState, CampaignReport, Change, Condition, Page, Problem, ReportCoverage,
    ReportDecision, ReportDiskFree, ReportHealth, ReportMember, ReportMoment, ReportPart,
    ReportPhase, ReportSign, ReportSince, ReportStraggler, ReportVersion,
};
use super::problem::Refusal;
use super::terminals::{presence, till_health};
use super::{Api, now};
use crate::campaign::report::health::{Compared, DiskFree, Health, Sign};
use crate::campaign::report::{Coverage, Moved, Part, Phase, Since, Straggler};
use crate::campaign::review::{Review, installed, review};
use crate::registry::audit::AuditEntry;
use crate::registry::campaign::WaveStanding;
use crate::registry::released;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(report)).routes(routes!(members))
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
    let Review { campaign, tally, waves, report, held, held_count, decisions, .. } =
        review.ok_or_else(|| Refusal::no("campaign", id))?;
    // A cancellation is part of a campaign and never one.
    let change = Change::try_from(campaign.change).map_err(|_| Refusal::no("campaign", id))?;
    let wave = |it: WaveStanding| ReportPart {
        name: wave_number(it.number).to_string(),
        members: Some(it.wave.size.into()),
        coverage: coverage(report.waves.get(&it.number).cloned().unwrap_or_default()),
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
        waves: waves.into_iter().map(wave).collect(),
        stores: report.stores.into_iter().map(part).collect(),
        models: report.models.into_iter().map(part).collect(),
        stragglers: report.stragglers.into_iter().map(straggler).collect(),
        stragglers_count: report.stragglers_count,
        waiting: held.into_iter().map(straggler).collect(),
        phases: report.phases.into_iter().map(phase).collect(),
        versions: report.moved.into_iter().map(version).collect(),
        since: since(report.since),
        health: health(report.health),
        bytes_fetched: report.bytes_fetched,
        time_line: report.time_line.into_iter().map(moment).collect(),
        part_s: report.part_s,
        decisions: decisions.into_iter().map(decision).collect(),
        late_successes: tally.late_successes,
        contradictions: tally.contradictions,
    }))
}

/// How each terminal of a report did before, and does now
///
/// Of those that the campaign was released to.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/report/terminals",
    tag = "campaigns",
    params(("id" = String, Path), PartOf),
    security(("operator" = [])),
    responses((status = 200, body = Page<ReportMember>), (status = "default", body = Problem)),
)]
async fn members(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<CampaignId>,
    Query(part): Query<PartOf>,
) -> Result<axum::Json<Page<ReportMember>>, Refusal> {
    let page = part.page::<TerminalId>()?;
    let campaign = api.registry.campaign(id).await?;
    let campaign = campaign.ok_or_else(|| Refusal::no("campaign", id))?;
    let installed = installed(&*api.registry, &campaign.change).await?;
    let member = |it: released::Released| {
        let versions = installed.as_ref().map(|installed| installed.versions(&it));
        let [version_before, version_now] = versions.unwrap_or_default();
        ReportMember {
            terminal: it.terminal,
            wave: wave_number(it.wave),
            version_before,
            version_now,
            before: it.was.map(condition),
            now: condition(it.is),
        }
    };
    let found = api.registry.released(id, &page).await?;
    Ok(listed(found, page.limit, |it| it.terminal.to_string(), member))
}

/// As people count them, from 1.
fn wave_number(number: u16) -> u32 {
    u32::from(number) + 1
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

fn since(Since { as_brought, other_version, offline }: Since) -> ReportSince {
    ReportSince { as_brought, other_version, offline }
}

fn health(Health { signs, disk_free }: Health) -> ReportHealth {
    ReportHealth { signs: signs.into_iter().map(sign).collect(), disk_free: disk_free.map(disk) }
}

fn sign((sign, of): (Sign, Compared)) -> ReportSign {
    let Compared { terminals: compared, before, now, worse, better } = of;
    ReportSign { sign: sign.as_str().to_owned(), compared, before, now, worse, better }
}

fn disk(of: DiskFree) -> ReportDiskFree {
    let DiskFree { terminals: compared, median_before, median_now, least_before, least_now } = of;
    ReportDiskFree { compared, median_before, median_now, least_before, least_now }
}

fn condition(it: released::Condition) -> Condition {
    Condition {
        presence: presence(it.presence),
        told_at: it.told_at,
        disk_free_bytes: it.disk_free_bytes,
        battery_is_low: it.battery_is_low,
        till: it.till.map(till_health),
    }
}

fn decision(AuditEntry { at, who, what, detail: why, .. }: AuditEntry) -> ReportDecision {
    ReportDecision { at, who, what, why }
}

fn moment(Part { from, succeeded, bad }: Part) -> ReportMoment {
    ReportMoment { from, succeeded, bad }
}
