//! What a campaign would be, before anybody commits to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use shared::time::UnixTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::campaigns::wished;
use super::extract::{Json, Operator};
use super::model::{
    CampaignPlan, NewCampaign, PlannedBytes, PlannedGroup, PlannedMember, PlannedWave, PlannedZone,
    Problem, Reason, Software,
};
use super::problem::Refusal;
use super::{Api, now};
use crate::campaign::preflight::forecast::{ForeseenWave, local_text};
use crate::campaign::preflight::rules::Warning;
use crate::campaign::preflight::{Example, Several};
use crate::campaign::survey::Planned;

/// Zones in whose local time a plan is told: what fits on a line.
const ZONES_MAX: usize = 5;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(plan))
}

/// See what a campaign would be
///
/// Who would be a member and who not, when its waves could open and what its terminals would fetch,
/// if it were created and started now. Nothing is kept. What creating it would refuse is refused.
#[utoipa::path(
    post,
    path = "/v1/campaigns/plan",
    tag = "campaigns",
    security(("operator" = [])),
    responses((status = 200, body = CampaignPlan), (status = "default", body = Problem)),
)]
async fn plan(
    _: Operator,
    State(api): State<Arc<Api>>,
    Json(asked): Json<NewCampaign>,
) -> Result<axum::Json<CampaignPlan>, Refusal> {
    let new = wished(asked)?;
    let planned = api.campaigns.plan(&new, now()).await?;
    Ok(axum::Json(shown(new.selector, planned)))
}

fn shown(selector: String, planned: Planned) -> CampaignPlan {
    let Planned { audience, is_continuous, forecast, transfer, start, .. } = planned;
    let Planned { not_after, approvers, release, warnings, .. } = planned;
    let all = audience.zones();
    let zones: Vec<_> = all.iter().take(ZONES_MAX).cloned().collect();
    let bytes = release.as_ref().map(|release| {
        let each = release.artifact.size;
        let largest = forecast.waves.iter().map(|wave| u64::from(wave.size)).max();
        PlannedBytes {
            each,
            all: each.saturating_mul(audience.members.len() as u64),
            largest_wave: each.saturating_mul(largest.unwrap_or_default()),
            takes_s: transfer.as_ref().map(|it| it.all.takes().as_secs()),
        }
    });
    let excluded = audience.excluded.iter();
    let concerns = audience.concerns.iter();
    let waves = forecast.waves.iter().enumerate();
    CampaignPlan {
        software: release.map(|it| Software { component: it.component, version: it.version }),
        selector,
        terminals: audience.members.len() as u64,
        is_continuous,
        sample: sample(&audience.sample),
        excluded: excluded
            .map(|(why, of)| group(reason(why.code(), why.detail(of.count), why.hint()), of))
            .collect(),
        concerns: concerns
            .map(|(why, of)| group(reason(why.code(), why.detail(of.count), why.hint()), of))
            .collect(),
        bytes,
        approvers: approvers.into(),
        waves: waves.map(|(at, wave)| shown_wave(at, *wave, not_after, &zones)).collect(),
        shut: forecast.shut,
        over_at: forecast.over_at,
        takes_s: forecast.over_at.since(start).as_secs(),
        not_after_s: not_after.since(start).as_secs(),
        elsewhere: all.iter().skip(ZONES_MAX).map(|(_, terminals)| terminals).sum(),
        zones: zones.into_iter().map(|(zone, terminals)| PlannedZone { zone, terminals }).collect(),
        warnings: warnings.iter().map(warning).collect(),
    }
}

fn shown_wave(
    at: usize,
    wave: ForeseenWave,
    not_after: UnixTime,
    zones: &[(String, u64)],
) -> PlannedWave {
    let opens_at = Some(wave.opens_at).filter(|opens_at| *opens_at < not_after);
    PlannedWave {
        number: at as u64 + 1,
        terminals: wave.size.into(),
        opens_at,
        local: opens_at.map(|at| local(at, zones)).unwrap_or_default(),
    }
}

/// Of the zones that are known on this machine.
fn local(at: UnixTime, zones: &[(String, u64)]) -> BTreeMap<String, String> {
    zones.iter().filter_map(|(zone, _)| Some((zone.clone(), local_text(at, zone)?))).collect()
}

fn reason(code: &str, detail: &str, hint: Option<&str>) -> Reason {
    Reason { code: code.to_owned(), detail: detail.to_owned(), hint: hint.map(str::to_owned) }
}

fn warning(warning: &Warning) -> Reason {
    reason(warning.code(), &warning.to_string(), None)
}

fn group(reason: Reason, of: &Several) -> PlannedGroup {
    PlannedGroup { reason, terminals: of.count, sample: sample(of) }
}

fn sample(of: &Several) -> Vec<PlannedMember> {
    of.sample().into_iter().map(member).collect()
}

fn member(it: &Example) -> PlannedMember {
    let Example { terminal, serial, store, model, version } = it.clone();
    PlannedMember { terminal, serial, store, model, version }
}
