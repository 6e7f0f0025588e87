//! What stays of what terminals have saved, and why; and the certificates of what went.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use shared::document::purge_certificate::{KeepRules, PurgeReason};
use shared::id::{RepositoryId, TerminalId};
use shared::time::UnixTime;

use super::super::extract::{Operator, Part, Path, Query};
use super::super::model::{
    Page, Problem, RepositoryRetention, RepositoryState, RetainedSnapshot, RetentionPolicy,
    StayReason, TerminalRetention,
};
use super::super::problem::{Code, Refusal};
use super::super::{Api, now};
use super::snapshots::state_shown;
use crate::backup::retention::{
    Candidate, Departure, Holding, Policy, StayReason as Stay, Verdict, decide, departure,
};
use crate::registry::page;

/// Whose backups are looked at.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Of {
    /// Of one terminal; of all where it is left out.
    #[param(value_type = Option<String>)]
    terminal: Option<TerminalId>,
}

/// What is kept of each terminal
#[utoipa::path(
    get,
    path = "/v1/backups/retention/policy",
    tag = "backups",
    security(("operator" = [])),
    responses((status = 200, body = RetentionPolicy), (status = "default", body = Problem)),
)]
pub(super) async fn policy(
    _: Operator,
    State(api): State<Arc<Api>>,
) -> Result<axum::Json<RetentionPolicy>, Refusal> {
    let Policy { rules, purge_after_days, closed_days } = api.retention;
    let KeepRules { last, daily, weekly, monthly } = rules;
    Ok(axum::Json(RetentionPolicy {
        keep_last: last,
        keep_daily: daily,
        keep_weekly: weekly,
        keep_monthly: monthly,
        purge_after_days,
        closed_days,
    }))
}

/// What each terminal has saved, what of it stays and why, and what goes when; by terminal
#[utoipa::path(
    get,
    path = "/v1/backups/retention",
    tag = "backups",
    params(Of, Part),
    security(("operator" = [])),
    responses(
        (status = 200, body = Page<TerminalRetention>),
        (status = "default", body = Problem),
    ),
)]
pub(super) async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
    Query(Of { terminal }): Query<Of>,
) -> Result<axum::Json<Page<TerminalRetention>>, Refusal> {
    let page: page::Page<TerminalId> = part.page()?;
    let (terminals, next) = match terminal {
        Some(terminal) => (vec![terminal], None),
        None => {
            let terminals = api.registry.holders(page.after, page.limit).await?;
            let full = terminals.len() >= usize::try_from(page.limit).unwrap_or(usize::MAX);
            let next = terminals.last().filter(|_| full).map(ToString::to_string);
            (terminals, next)
        }
    };
    let mut items = Vec::new();
    for id in terminals {
        let holding = api.registry.holding(id).await?;
        match holding {
            Some(holding) => items.push(shown(&holding, &api.retention, now())),
            None if terminal.is_some() => return Err(Refusal::no("terminal", id)),
            None => {}
        }
    }
    Ok(axum::Json(Page { items, next }))
}

/// The signed certificate of a repository that was purged
#[utoipa::path(
    get,
    path = "/v1/backups/{repository}/certificate",
    tag = "backups",
    params(("repository" = String, Path)),
    security(("operator" = [])),
    responses(
        (status = 200, content_type = "application/cbor"),
        (status = "default", body = Problem),
    ),
)]
pub(super) async fn certificate(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<RepositoryId>,
) -> Result<Response, Refusal> {
    if let Some(signed) = api.registry.purge_certificate(id).await? {
        let bytes = signed.as_slice().to_vec();
        return Ok(([(header::CONTENT_TYPE, "application/cbor")], bytes).into_response());
    }
    let repository = api.registry.repository(id).await?;
    let repository = repository.ok_or_else(|| Refusal::no("repository", id))?;
    Err(match repository.purging_at {
        Some(since) => {
            let detail = format!("{id} is being purged since {since}, and not gone yet");
            Refusal::new(Code::RepositoryPurging, detail).hint("ask again later")
        }
        None => Refusal::new(Code::WrongState, format!("{id} was not purged")),
    })
}

fn shown(of: &Holding, policy: &Policy, now: UnixTime) -> TerminalRetention {
    let verdicts = decide(of, policy, now);
    let snapshot = |(it, verdict): (&Candidate, &Verdict)| {
        let (stays, goes) = match verdict {
            Verdict::Stays(reasons) => (stays(reasons), None),
            Verdict::Goes(why) => (Vec::new(), Some(words(why))),
        };
        let state = state_shown(it.state);
        let Candidate { manifest, number, taken_at, .. } = *it;
        RetainedSnapshot { manifest, number, taken_at, state, stays, goes }
    };
    let repositories = of.repositories.iter().map(|repository| {
        let both = of.snapshots.iter().zip(&verdicts);
        let inside = both.filter(|(it, _)| it.repository == repository.id);
        let (state, purge_at) = match departure(repository, of, policy) {
            Departure::At(at) => (RepositoryState::Expiring, Some(at)),
            Departure::Open => (RepositoryState::Open, None),
            Departure::Kept => (RepositoryState::Kept, None),
            Departure::Purging => (RepositoryState::Purging, repository.purging_at),
        };
        RepositoryRetention {
            repository: repository.id,
            state,
            bytes: repository.bytes,
            opened_at: repository.opened_at,
            purge_at,
            snapshots: inside.map(snapshot).collect(),
        }
    });
    TerminalRetention {
        terminal: of.terminal,
        serial: of.serial.clone(),
        closed_at: of.closed_at,
        repositories: repositories.collect(),
    }
}

pub(super) fn stays(reasons: &BTreeSet<Stay>) -> Vec<StayReason> {
    let reason = |reason: &Stay| match reason {
        Stay::Held => StayReason::Held,
        Stay::Last => StayReason::Last,
        Stay::Daily => StayReason::Daily,
        Stay::Weekly => StayReason::Weekly,
        Stay::Monthly => StayReason::Monthly,
        Stay::NewestAvailable => StayReason::NewestAvailable,
        Stay::OnlyAvailable => StayReason::OnlyAvailable,
        Stay::Unproven => StayReason::Unproven,
    };
    reasons.iter().map(reason).collect()
}

/// Why something goes, in words.
pub(super) fn words(why: &PurgeReason) -> String {
    match why {
        PurgeReason::NotKept { .. } => "no rule keeps it".to_owned(),
        PurgeReason::TerminalClosed { closed_at, kept_days } => {
            format!("its terminal was revoked at {closed_at}, {kept_days} days before")
        }
        PurgeReason::Asked { by, reason, last_copy: false } => format!("{by} asked: {reason}"),
        PurgeReason::Asked { by, reason, last_copy: true } => {
            format!("{by} asked, even for the last copy: {reason}")
        }
    }
}

/// When each of the repositories of these terminals goes, of those that do.
pub(super) async fn departures(
    api: &Api,
    terminals: BTreeSet<TerminalId>,
) -> Result<BTreeMap<RepositoryId, UnixTime>, Refusal> {
    let mut departures = BTreeMap::new();
    for terminal in terminals {
        let Some(holding) = api.registry.holding(terminal).await? else { continue };
        for repository in &holding.repositories {
            match departure(repository, &holding, &api.retention) {
                Departure::At(at) => drop(departures.insert(repository.id, at)),
                Departure::Purging => {
                    departures.extend(repository.purging_at.map(|at| (repository.id, at)));
                }
                Departure::Open | Departure::Kept => {}
            }
        }
    }
    Ok(departures)
}
