//! Snapshots as operators see them, and what operators decide about them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use shared::digest::Digest;
use shared::document::Manifest;
use shared::id::{RepositoryId, TerminalId};
use shared::signature::Envelope;
use shared::time::UnixTime;

use super::super::extract::{Json, Operator, Part, Path, Query, listed};
use super::super::model::{
    Coverage, HoldReason, Page, Problem, RepositoryObjects, Snapshot, SnapshotDetail, SnapshotState,
};
use super::super::problem::{Code, Refusal};
use super::super::{Api, now};
use super::objects::not_purged;
use super::retention::{departures, words};
use crate::backup::state;
use crate::registry::backup::snapshot as stored;
use crate::registry::terminal::Unit;
use crate::registry::{RegistryError, page};

/// Which snapshots are listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Of {
    /// Of one terminal; of all where it is left out.
    #[param(value_type = Option<String>)]
    pub(super) terminal: Option<TerminalId>,
}

/// Snapshots, the latest first
#[utoipa::path(
    get,
    path = "/v1/backups/snapshots",
    tag = "backups",
    params(Of, Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Snapshot>), (status = "default", body = Problem)),
)]
pub(super) async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
    Query(Of { terminal }): Query<Of>,
) -> Result<axum::Json<Page<Snapshot>>, Refusal> {
    let page = part.page::<u64>()?;
    let snapshots = api.registry.snapshots(terminal, &page).await?;
    let expiring = snapshots.iter().filter(|it| it.state == state::SnapshotState::Expiring);
    let departures = departures(&api, expiring.map(|it| it.terminal).collect()).await?;
    let snapshots: Result<Vec<_>, _> = snapshots.into_iter().map(read).collect();
    let shown = |(it, of): (stored::Snapshot, Manifest)| shown(&it, &of, &departures);
    Ok(listed(snapshots?, page.limit, |(it, _)| it.seq.to_string(), shown))
}

/// One snapshot, what it holds, and how its repository is
#[utoipa::path(
    get,
    path = "/v1/backups/snapshots/{manifest}",
    tag = "backups",
    params(("manifest" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = SnapshotDetail), (status = "default", body = Problem)),
)]
pub(super) async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(manifest): Path<Digest>,
) -> Result<axum::Json<SnapshotDetail>, Refusal> {
    Ok(axum::Json(detail(&api, manifest).await?))
}

/// Read all objects of a snapshot's repository again, in both places
///
/// It begins at once; `objects.waiting` of the snapshot says how far it is.
#[utoipa::path(
    post,
    path = "/v1/backups/snapshots/{manifest}/verify",
    tag = "backups",
    params(("manifest" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = SnapshotDetail), (status = "default", body = Problem)),
)]
pub(super) async fn verify(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(manifest): Path<Digest>,
) -> Result<axum::Json<SnapshotDetail>, Refusal> {
    let snapshot = known(&api, manifest).await?;
    if let Some(repository) = api.registry.repository(snapshot.repository).await? {
        not_purged(&repository)?;
    }
    let now = now();
    api.registry.examine_again(snapshot.repository, now).await?;
    let (what, by) = ("backup-verified-again", operator.by(None, now));
    api.registry.note(what, &snapshot.repository.to_string(), &by).await?;
    api.vitals.saved();
    Ok(axum::Json(detail(&api, manifest).await?))
}

/// Keep a snapshot until somebody says otherwise
#[utoipa::path(
    post,
    path = "/v1/backups/snapshots/{manifest}/hold",
    tag = "backups",
    params(("manifest" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = SnapshotDetail), (status = "default", body = Problem)),
)]
pub(super) async fn hold(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(manifest): Path<Digest>,
    Json(why): Json<HoldReason>,
) -> Result<axum::Json<SnapshotDetail>, Refusal> {
    decide(&api, &operator, manifest, &why, true).await
}

/// No longer hold a snapshot
#[utoipa::path(
    post,
    path = "/v1/backups/snapshots/{manifest}/unhold",
    tag = "backups",
    params(("manifest" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = SnapshotDetail), (status = "default", body = Problem)),
)]
pub(super) async fn unhold(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(manifest): Path<Digest>,
    Json(why): Json<HoldReason>,
) -> Result<axum::Json<SnapshotDetail>, Refusal> {
    decide(&api, &operator, manifest, &why, false).await
}

async fn decide(
    api: &Api,
    operator: &Operator,
    manifest: Digest,
    why: &HoldReason,
    held: bool,
) -> Result<axum::Json<SnapshotDetail>, Refusal> {
    if why.reason.trim().is_empty() {
        return Err(Refusal::new(Code::Invalid, "the reason is empty"));
    }
    let by = operator.by(Some(&why.reason), now());
    api.registry.hold_snapshot(manifest, held, &by).await??;
    Ok(axum::Json(detail(api, manifest).await?))
}

/// How each enrolled terminal is covered by verified snapshots, by id
#[utoipa::path(
    get,
    path = "/v1/backups/coverage",
    tag = "backups",
    params(Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Coverage>), (status = "default", body = Problem)),
)]
pub(super) async fn coverage(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<Coverage>>, Refusal> {
    let page: page::Page<TerminalId> = part.page()?;
    let terminals = api.registry.terminals(&page).await?;
    let ids: Vec<_> = terminals.iter().map(|terminal| terminal.id).collect();
    let mut coverage = api.registry.coverage(&ids).await?;
    let full = terminals.len() >= usize::try_from(page.limit).unwrap_or(usize::MAX);
    let next = ids.last().filter(|_| full).map(ToString::to_string);
    let enrolled = terminals.into_iter().filter(|terminal| terminal.unit == Unit::Enrolled);
    let items = enrolled.map(|terminal| {
        let of = coverage.remove(&terminal.id).unwrap_or_default();
        Coverage {
            terminal: terminal.id,
            serial: terminal.serial,
            store: terminal.store,
            covered_at: of.covered.values().copied().flatten().max(),
            classes: of.covered,
            overdue: of.overdue,
        }
    });
    Ok(axum::Json(Page { items: items.collect(), next }))
}

async fn known(api: &Api, manifest: Digest) -> Result<stored::Snapshot, Refusal> {
    let snapshot = api.registry.snapshot(manifest).await?;
    snapshot.ok_or_else(|| Refusal::no("snapshot", manifest))
}

async fn detail(api: &Api, manifest: Digest) -> Result<SnapshotDetail, Refusal> {
    let (snapshot, said) = read(known(api, manifest).await?)?;
    let counts = api.registry.repository_objects(snapshot.repository, now()).await?;
    let stored::ObjectCounts { count, bytes, waiting, lost } = counts;
    let departures = departures(api, BTreeSet::from([snapshot.terminal])).await?;
    Ok(SnapshotDetail {
        snapshot: shown(&snapshot, &said, &departures),
        sealed_key: said.sealed_key,
        roster_version: said.roster_version,
        data_sets: said.data_sets,
        objects: RepositoryObjects { count, bytes, waiting, lost },
    })
}

/// With what its terminal signed for.
pub(super) fn read(snapshot: stored::Snapshot) -> Result<(stored::Snapshot, Manifest), Refusal> {
    let unreadable =
        || RegistryError::Unreadable { what: "manifest", value: snapshot.manifest.to_string() };
    let manifest = Envelope::<Manifest>::from_bytes(snapshot.signed.as_slice());
    let manifest = manifest.map_err(|_| unreadable())?.document;
    Ok((snapshot, manifest))
}

/// `departures` says when repositories go.
fn shown(
    snapshot: &stored::Snapshot,
    said: &Manifest,
    departures: &BTreeMap<RepositoryId, UnixTime>,
) -> Snapshot {
    let hold = snapshot.hold.clone();
    let (held_for, held_by) = hold.map(|hold| (hold.reason, hold.by)).unzip();
    let sum = |part: fn(&shared::document::manifest::DataSet) -> u64| {
        said.data_sets.iter().map(part).fold(0, u64::saturating_add)
    };
    Snapshot {
        manifest: snapshot.manifest,
        terminal: snapshot.terminal,
        number: snapshot.number,
        repository: snapshot.repository,
        snapshot: snapshot.snapshot,
        order: snapshot.order,
        taken_at: snapshot.taken_at,
        received_at: snapshot.received_at,
        state: state_shown(snapshot.state),
        state_at: snapshot.state_at,
        held_for,
        held_by,
        expires_for: snapshot.expires_for.as_ref().map(words),
        purge_at: match snapshot.state {
            state::SnapshotState::Expiring => departures.get(&snapshot.repository).copied(),
            state::SnapshotState::Received
            | state::SnapshotState::Copied
            | state::SnapshotState::Available
            | state::SnapshotState::Damaged
            | state::SnapshotState::Purged => None,
        },
        bytes: sum(|set| set.bytes),
        records: sum(|set| set.records),
        batch_open: said.batch_open,
    }
}

pub(super) fn state_shown(state: state::SnapshotState) -> SnapshotState {
    match state {
        state::SnapshotState::Received => SnapshotState::Received,
        state::SnapshotState::Copied => SnapshotState::Copied,
        state::SnapshotState::Available => SnapshotState::Available,
        state::SnapshotState::Damaged => SnapshotState::Damaged,
        state::SnapshotState::Expiring => SnapshotState::Expiring,
        state::SnapshotState::Purged => SnapshotState::Purged,
    }
}
