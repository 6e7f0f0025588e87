//! How the controller does.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::Operator;
use super::model::{BrokerStatus, Counted, PlaceStatus, Problem, Status, TerminalCounts};
use super::problem::Refusal;
use super::{Api, now, providers, requests};
use crate::blob::{Place, Standing};
use crate::registry::page::Page;

/// Of each kind: who has more looks at the list.
const NAMED_MAX: u32 = 10;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(status))
}

/// How the controller does
#[utoipa::path(
    get,
    path = "/v1/status",
    tag = "fleet",
    security(("operator" = [])),
    responses((status = 200, body = Status), (status = "default", body = Problem)),
)]
async fn status(_: Operator, State(api): State<Arc<Api>>) -> Result<Json<Status>, Refusal> {
    let now = now();
    let suspicions = api.registry.suspicions(false, &Page::first(NAMED_MAX)).await?;
    let mut alerts = providers::due_at(&api, now).await?;
    let tally = api.registry.fleet_tally().await?;
    let roster = api.registry.newest_roster().await?;
    let addresses = api.brokers.cells().iter().map(|cell| cell.address.to_string());
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        fleet: api.fleet,
        now_at: now,
        registry: api.registry.kind().to_owned(),
        broker: BrokerStatus {
            kind: api.vitals.broker_kind().to_owned(),
            address: addresses.collect::<Vec<_>>().join(", "),
            connected: api.vitals.broker_connected(),
        },
        places: api.places.0.iter().map(|place| place_status(place)).collect(),
        terminals: TerminalCounts {
            claimed: tally.claimed,
            enrolled: tally.enrolled,
            revoked: tally.revoked,
            online: tally.online,
        },
        campaigns_awaiting_approval: tally.campaigns_awaiting_approval,
        campaigns_running: tally.campaigns_running,
        campaigns_paused: tally.campaigns_paused,
        campaigns_halted: tally.campaigns_halted,
        alarms: tally.alarms,
        backups_overdue: tally.backups_overdue,
        suspicions: Counted {
            count: tally.suspicions,
            first: suspicions.into_iter().map(requests::suspicion).collect(),
        },
        provider_alerts: Counted {
            count: alerts.len() as u64,
            first: {
                alerts.truncate(NAMED_MAX as usize);
                alerts
            },
        },
        roster_version: roster.map_or(0, |roster| roster.version),
        reports_waiting: api.vitals.reports_waiting(),
    }))
}

fn place_status(place: &Place) -> PlaceStatus {
    let (name, region) = (place.name.clone(), place.region.clone());
    let (there, why, hint) = match place.standing().clone() {
        Standing::There => (true, None, None),
        Standing::Unknown => (false, None, None),
        Standing::NotThere { why, hint } => (false, Some(why), Some(hint.to_owned())),
    };
    PlaceStatus { name, region, there, why, hint }
}
