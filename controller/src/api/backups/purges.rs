//! Operators ask for snapshots to go: at first for what that would come to, then for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use shared::digest::Digest;
use shared::document::purge_certificate::PurgeReason;
use shared::id::TerminalId;
use shared::limits::TEXT_BYTES_MAX;
use shared::time::UnixTime;

use super::super::extract::{Json, Operator};
use super::super::model::{
    NewPurge, PlannedRepository, PlannedSnapshot, Problem, PurgePlan, PurgeRefused,
};
use super::super::problem::{Code, Refusal};
use super::super::{Api, now};
use super::objects::not_purged;
use super::retention::stays;
use crate::backup::retention::plan::{Plan, Wish, WishRefused, plan};
use crate::backup::retention::{Departure, Holding, Policy, Verdict, decide, departure};
use crate::backup::state::SnapshotState;

/// In one request: as many as a person reads through.
const TARGETS_MAX: usize = 1000;

/// What would go if this were asked for, and what stays and why; nothing is done
#[utoipa::path(
    post,
    path = "/v1/backups/purges/plan",
    tag = "backups",
    security(("operator" = [])),
    responses((status = 200, body = PurgePlan), (status = "default", body = Problem)),
)]
pub(super) async fn look(
    _: Operator,
    State(api): State<Arc<Api>>,
    Json(asked): Json<NewPurge>,
) -> Result<axum::Json<PurgePlan>, Refusal> {
    let (shown, _) = planned(&api, &asked, now()).await?;
    Ok(axum::Json(shown))
}

/// Let snapshots expire, and their repositories be deleted when the time of grace is over
///
/// All of it or nothing: not while anything of it is refused, nor if another number of snapshots
/// would go than expected.
#[utoipa::path(
    post,
    path = "/v1/backups/purges",
    tag = "backups",
    security(("operator" = [])),
    responses((status = 200, body = PurgePlan), (status = "default", body = Problem)),
)]
pub(super) async fn ask(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Json(asked): Json<NewPurge>,
) -> Result<axum::Json<PurgePlan>, Refusal> {
    let now = now();
    let (shown, plans) = planned(&api, &asked, now).await?;
    if let Some(refused) = plans.iter().find_map(|(_, plan)| plan.refused.first()) {
        return Err((*refused).into());
    }
    if let Some(expected) = asked.snapshots_expected.filter(|it| *it != shown.snapshots) {
        let detail = format!("{} snapshots would go, not {expected}", shown.snapshots);
        return Err(Refusal::new(Code::WrongState, detail).hint("look at the plan again"));
    }
    let why = PurgeReason::Asked {
        by: operator.name.clone(),
        reason: asked.reason.clone(),
        last_copy: asked.last_copy,
    };
    let going = plans.iter().flat_map(|(_, plan)| &plan.going);
    let going: Vec<_> = going.map(|manifest| (*manifest, why.clone())).collect();
    let by = operator.by(Some(&asked.reason), now);
    api.registry.expire(&going, now, Some(&by)).await?;
    Ok(axum::Json(shown))
}

/// What the wish comes to for each terminal that it is about, and how it is shown.
async fn planned(
    api: &Api,
    asked: &NewPurge,
    now: UnixTime,
) -> Result<(PurgePlan, Vec<(Holding, Plan)>), Refusal> {
    if asked.reason.trim().is_empty() || asked.reason.len() > TEXT_BYTES_MAX {
        let detail = format!("the reason is empty, or longer than {TEXT_BYTES_MAX} bytes");
        return Err(Refusal::new(Code::Invalid, detail));
    }
    if !(1..=TARGETS_MAX).contains(&(asked.repositories.len() + asked.snapshots.len())) {
        let detail = format!("nothing is named, or more than {TARGETS_MAX}");
        return Err(Refusal::new(Code::Invalid, detail));
    }
    let wish = Wish {
        repositories: asked.repositories.iter().copied().collect(),
        snapshots: asked.snapshots.iter().copied().collect(),
        last_copy: asked.last_copy,
    };
    let mut plans = Vec::new();
    for terminal in concerned(api, &wish).await? {
        let Some(holding) = api.registry.holding(terminal).await? else { continue };
        let plan = plan(&holding, &wish);
        plans.push((holding, plan));
    }
    let repositories =
        plans.iter().flat_map(|(holding, plan)| shown(holding, plan, &wish, &api.retention, now));
    let refused = plans.iter().flat_map(|(_, plan)| &plan.refused).map(refused);
    let shown = PurgePlan {
        snapshots: plans.iter().map(|(_, plan)| plan.going.len() as u64).sum(),
        repositories: repositories.collect(),
        refused: refused.collect(),
    };
    Ok((shown, plans))
}

/// The terminals whose backups are named.
async fn concerned(api: &Api, wish: &Wish) -> Result<BTreeSet<TerminalId>, Refusal> {
    let mut terminals = BTreeSet::new();
    let mut repositories = wish.repositories.clone();
    for manifest in &wish.snapshots {
        let snapshot = api.registry.snapshot(*manifest).await?;
        let snapshot = snapshot.ok_or_else(|| Refusal::no("snapshot", manifest))?;
        repositories.insert(snapshot.repository);
    }
    for id in repositories {
        let repository = api.registry.repository(id).await?;
        let repository = repository.ok_or_else(|| Refusal::no("repository", id))?;
        // What is being purged is among what the plan refuses.
        if repository.purged_at.is_some() {
            not_purged(&repository)?;
        }
        terminals.insert(repository.terminal);
    }
    Ok(terminals)
}

fn refused(why: &WishRefused) -> PurgeRefused {
    let code = Refusal::from(*why).code_text().to_owned();
    PurgeRefused { code, detail: why.to_string(), hint: why.hint().to_owned() }
}

/// The repositories that the wish is about, as they would be.
fn shown(
    holding: &Holding,
    plan: &Plan,
    wish: &Wish,
    policy: &Policy,
    now: UnixTime,
) -> Vec<PlannedRepository> {
    let verdicts = decide(holding, policy, now);
    let verdicts: BTreeMap<Digest, Verdict> =
        holding.snapshots.iter().map(|it| it.manifest).zip(verdicts).collect();
    let after = after(holding, plan, now);
    let is_meant = |id| {
        let mut inside = holding.snapshots.iter().filter(|it| it.repository == id);
        wish.repositories.contains(&id) || inside.any(|it| wish.snapshots.contains(&it.manifest))
    };
    let meant = holding.repositories.iter().filter(|it| is_meant(it.id));
    let repository = meant.map(|repository| {
        let inside = holding.snapshots.iter().filter(|it| it.repository == repository.id);
        let snapshots = inside.map(|it| PlannedSnapshot {
            manifest: it.manifest,
            number: it.number,
            taken_at: it.taken_at,
            goes: plan.going.contains(&it.manifest) || it.state == SnapshotState::Expiring,
            stays: match verdicts.get(&it.manifest) {
                Some(Verdict::Stays(why)) if !plan.going.contains(&it.manifest) => stays(why),
                Some(Verdict::Stays(_) | Verdict::Goes(_)) | None => Vec::new(),
            },
        });
        PlannedRepository {
            repository: repository.id,
            terminal: holding.terminal,
            serial: holding.serial.clone(),
            bytes: repository.bytes,
            purge_at: match departure(repository, &after, policy) {
                Departure::At(at) => Some(at),
                Departure::Open | Departure::Kept | Departure::Purging => None,
            },
            snapshots: snapshots.collect(),
        }
    });
    repository.collect()
}

/// What the terminal would have once the plan is carried out.
fn after(holding: &Holding, plan: &Plan, now: UnixTime) -> Holding {
    let mut after = holding.clone();
    for it in after.snapshots.iter_mut().filter(|it| plan.going.contains(&it.manifest)) {
        it.state = SnapshotState::Expiring;
        it.state_at = now;
    }
    after
}
