//! What a person should look at.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::extract::{Operator, Part, Query, listed};
use super::model::{Alarm, Page, Problem};
use super::problem::Refusal;
use crate::registry::delivery::{AlarmKind, AnyAlarm};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which alarms are listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// With those that are over, where it is `true`.
    #[serde(default)]
    #[param(required = false)]
    ended: bool,
}

/// Alarms that are not over, newest first
#[utoipa::path(
    get,
    path = "/v1/alarms",
    tag = "fleet",
    params(Which, Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Alarm>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
    Query(Which { ended }): Query<Which>,
) -> Result<axum::Json<Page<Alarm>>, Refusal> {
    let page = part.page::<u64>()?;
    let alarms = match ended {
        true => api.registry.alarms_ever(&page).await?,
        false => api.registry.alarms(&page).await?,
    };
    Ok(listed(alarms, page.limit, |(number, _)| number.to_string(), |(_, alarm)| shown(alarm)))
}

pub(super) fn shown(alarm: AnyAlarm) -> Alarm {
    Alarm {
        terminal: alarm.terminal,
        kind: kind(alarm.kind).to_owned(),
        subject: alarm.subject,
        detail: alarm.detail,
        at: alarm.at,
        ended_at: alarm.ended_at,
    }
}

fn kind(kind: AlarmKind) -> &'static str {
    match kind {
        AlarmKind::Contradiction => "contradiction",
        AlarmKind::LedgerLost => "ledger-lost",
        AlarmKind::ReportsLost => "reports-lost",
        AlarmKind::StrangeReceipt => "strange-receipt",
        AlarmKind::UnprovenReceipt => "unproven-receipt",
        AlarmKind::OtherZone => "other-zone",
        AlarmKind::BackupDamaged => "backup-damaged",
        AlarmKind::BackupMissing => "backup-missing",
        AlarmKind::TillDataLost => "till-data-lost",
        AlarmKind::BackupOverdue => "backup-overdue",
        AlarmKind::DrillFailed => "drill-failed",
        AlarmKind::DrillOverdue => "drill-overdue",
        AlarmKind::Suspicion => "suspicion",
        AlarmKind::RollbackFailed => "rollback-failed",
        AlarmKind::BindingDiffers => "binding-differs",
        AlarmKind::RevokedSpoke => "revoked-spoke",
        AlarmKind::ClosedUnitSpoke => "closed-unit-spoke",
        AlarmKind::WipeLapsed => "wipe-lapsed",
        AlarmKind::QuarantinedSpoke => "quarantined-spoke",
        AlarmKind::ReplacedSpoke => "replaced-spoke",
        AlarmKind::AuditForked => "audit-forked",
        AlarmKind::AuditBroken => "audit-broken",
        AlarmKind::LeaseRanOut => "lease-ran-out",
        AlarmKind::SuspectedSubstitution => "suspected-substitution",
        AlarmKind::UnitDiffers => "unit-differs",
        AlarmKind::SuspensionAtRisk => "suspension-at-risk",
        AlarmKind::SuspensionStuck => "suspension-stuck",
        AlarmKind::SettlementOverdue => "settlement-overdue",
        AlarmKind::StopLate => "stop-late",
        AlarmKind::DepositOverdue => "deposit-overdue",
        AlarmKind::CampaignHalted => "campaign-halted",
    }
}
