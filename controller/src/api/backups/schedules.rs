//! What is asked of terminals again and again.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::extract::{Json, Operator, Path};
use super::super::model::{
    BackupSchedule, NewBackupSchedule, Page, Problem, ScheduleEvery, ScheduledWork,
};
use super::super::problem::{Code, Refusal};
use super::super::{Api, now};
use crate::backup::schedule::{self, Schedule};
use crate::selector::Selector;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(set, remove))
}

/// Schedules, by name
#[utoipa::path(
    get,
    path = "/v1/backups/schedules",
    tag = "backups",
    security(("operator" = [])),
    responses((status = 200, body = Page<BackupSchedule>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
) -> Result<axum::Json<Page<BackupSchedule>>, Refusal> {
    let schedules = api.registry.schedules().await?;
    Ok(axum::Json(Page { items: schedules.into_iter().map(shown).collect(), next: None }))
}

/// Set a schedule, in place of the one of this name if there is one
///
/// Its first campaign is made at once, for what is left of the present day, week or month.
#[utoipa::path(
    put,
    path = "/v1/backups/schedules/{name}",
    tag = "backups",
    params(("name" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = BackupSchedule), (status = "default", body = Problem)),
)]
async fn set(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Json(asked): Json<NewBackupSchedule>,
) -> Result<axum::Json<BackupSchedule>, Refusal> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        let detail = format!("`{name}` is no name: write a word of at most 64 letters");
        return Err(Refusal::new(Code::Invalid, detail));
    }
    asked.selector.parse::<Selector>().map_err(|why| {
        Refusal::new(Code::Invalid, format!("the selection of terminals cannot be read: {why}"))
            .hint("write for example `store=berlin-1 & model=T650`")
    })?;
    if asked.max_parallel == 0 {
        return Err(Refusal::new(Code::Invalid, "with `max_parallel` 0 nobody would be asked"));
    }
    let work = match asked.work {
        ScheduledWork::Incremental => schedule::Work::Incremental,
        ScheduledWork::Full => schedule::Work::Full,
        ScheduledWork::Drill => schedule::Work::Drill,
    };
    let every = match asked.every {
        ScheduleEvery::Day => schedule::Every::Day,
        ScheduleEvery::Week => schedule::Every::Week,
        ScheduleEvery::Month => schedule::Every::Month,
    };
    let settlement = asked.settlement_s.map(Duration::from_secs);
    if let Some(wait) = settlement {
        schedule::check_wait(work, every, wait)
            .map_err(|why| Refusal::new(Code::Invalid, why.to_string()))?;
    }
    let now = now();
    let schedule = Schedule {
        name,
        work,
        every,
        settlement,
        selector: asked.selector,
        max_parallel: asked.max_parallel,
        window: asked.window,
        set_at: now,
        set_by: operator.name.clone(),
        next_at: now,
    };
    api.registry.put_schedule(&schedule, &operator.by(None, now)).await?;
    api.vitals.schedules_changed();
    Ok(axum::Json(shown(schedule)))
}

/// Remove a schedule; campaigns that it made go on
#[utoipa::path(
    delete,
    path = "/v1/backups/schedules/{name}",
    tag = "backups",
    params(("name" = String, Path)),
    security(("operator" = [])),
    responses((status = 204), (status = "default", body = Problem)),
)]
async fn remove(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<StatusCode, Refusal> {
    api.registry.remove_schedule(&name, &operator.by(None, now())).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(schedule: Schedule) -> BackupSchedule {
    BackupSchedule {
        name: schedule.name,
        work: match schedule.work {
            schedule::Work::Incremental => ScheduledWork::Incremental,
            schedule::Work::Full => ScheduledWork::Full,
            schedule::Work::Drill => ScheduledWork::Drill,
        },
        every: match schedule.every {
            schedule::Every::Day => ScheduleEvery::Day,
            schedule::Every::Week => ScheduleEvery::Week,
            schedule::Every::Month => ScheduleEvery::Month,
        },
        selector: schedule.selector,
        max_parallel: schedule.max_parallel,
        window: schedule.window,
        settlement_s: schedule.settlement.map(|wait| wait.as_secs()),
        set_at: schedule.set_at,
        set_by: schedule.set_by,
        next_at: schedule.next_at,
    }
}
