//! Bindings: a provider's tuple for a position, its versions and its registration.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use serde::Deserialize;
use shared::id::{BindingId, PositionId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Operator, Part, Path, Query, listed};
use super::model::{
    Binding, BindingChange, BindingImport, BindingMove, BindingMoves, BindingStep, BindingTuple,
    BindingVersion, ImportMistake, ImportReport, NewBinding, Page, Problem, Registration,
    RegistrationStatus,
};
use super::positions::check_line;
use super::problem::{Code, Refusal};
use super::{Api, now};
use crate::position::binding::{self as stored, BindingEvent};
use crate::position::import::Row;
use crate::position::tuple::{self, Tuple};
use crate::provider::Kind;
use crate::provider::record::Provider;
use crate::registry::position::{BindingsOf, NewBinding as Made};

/// As many rows as one import may have, each of half a kibibyte, and room for long names.
const IMPORT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// In one step: a switch takes two.
const MOVES_MAX: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    let import =
        OpenApiRouter::new().routes(routes!(import)).layer(DefaultBodyLimit::max(IMPORT_BYTES_MAX));
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(show))
        .routes(routes!(versions))
        .routes(routes!(change))
        .routes(routes!(register))
        .routes(routes!(move_on))
        .merge(import)
}

/// Which bindings are listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Of this position.
    #[param(value_type = Option<String>)]
    position: Option<PositionId>,
    /// With this provider.
    provider: Option<String>,
}

/// Bindings, by id
#[utoipa::path(
    get,
    path = "/v1/bindings",
    tag = "positions",
    params(Which, Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Binding>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
    Query(Which { position, provider }): Query<Which>,
) -> Result<axum::Json<Page<Binding>>, Refusal> {
    let page = part.page::<BindingId>()?;
    let bindings = api.registry.bindings(&BindingsOf { position, provider }, &page).await?;
    Ok(listed(bindings, page.limit, |it| it.id.to_string(), shown))
}

/// Make a binding, as a draft
#[utoipa::path(
    post,
    path = "/v1/bindings",
    tag = "positions",
    security(("operator" = [])),
    responses((status = 201, body = Binding), (status = "default", body = Problem)),
)]
async fn make(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Json(asked): Json<NewBinding>,
) -> Result<(StatusCode, axum::Json<Binding>), Refusal> {
    let NewBinding { position, provider, tuple, reason } = asked;
    check_line("provider", &provider)?;
    let known = known(&api, &provider).await?;
    let tuple = checked(tuple, known.as_ref())?;
    let new = Made { id: BindingId::generate(), position, provider, tuple };
    let by = operator.by(reason.as_deref(), now());
    let made = api.registry.add_binding(&new, &by).await??;
    Ok((StatusCode::CREATED, axum::Json(just_set(made, known.as_ref()))))
}

/// One binding
#[utoipa::path(
    get,
    path = "/v1/bindings/{id}",
    tag = "positions",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Binding), (status = "default", body = Problem)),
)]
async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<BindingId>,
) -> Result<axum::Json<Binding>, Refusal> {
    let found = api.registry.binding(id).await?;
    Ok(axum::Json(shown(found.ok_or_else(|| Refusal::no("binding", id))?)))
}

/// All versions of a binding's tuple, oldest first
#[utoipa::path(
    get,
    path = "/v1/bindings/{id}/versions",
    tag = "positions",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Page<BindingVersion>), (status = "default", body = Problem)),
)]
async fn versions(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<BindingId>,
) -> Result<axum::Json<Page<BindingVersion>>, Refusal> {
    let versions = api.registry.binding_versions(id).await?;
    if versions.is_empty() {
        return Err(Refusal::no("binding", id));
    }
    let items = versions.into_iter().map(version).collect();
    Ok(axum::Json(Page { items, next: None }))
}

/// Replace a binding's tuple, as a whole, by a version with a registration of its own
#[utoipa::path(
    put,
    path = "/v1/bindings/{id}/tuple",
    tag = "positions",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Binding), (status = "default", body = Problem)),
)]
async fn change(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<BindingId>,
    Json(asked): Json<BindingChange>,
) -> Result<axum::Json<Binding>, Refusal> {
    let by = operator.by(asked.reason.as_deref(), now());
    let found = api.registry.binding(id).await?.ok_or_else(|| Refusal::no("binding", id))?;
    let known = known(&api, &found.provider).await?;
    let tuple = checked(asked.tuple, known.as_ref())?;
    let changed = api.registry.change_binding(id, asked.seen, &tuple, &by).await??;
    Ok(axum::Json(just_set(changed, known.as_ref())))
}

/// Note what the clearing registry says of the newest version
#[utoipa::path(
    put,
    path = "/v1/bindings/{id}/registration",
    tag = "positions",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Binding), (status = "default", body = Problem)),
)]
async fn register(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<BindingId>,
    Json(Registration { status, reference, at }): Json<Registration>,
) -> Result<axum::Json<Binding>, Refusal> {
    use stored::RegistrationStatus as Stored;
    reference.as_ref().map_or(Ok(()), |line| check_line("reference", line))?;
    let now = now();
    let status = match status {
        RegistrationStatus::NotSubmitted => Stored::NotSubmitted,
        RegistrationStatus::Submitted => Stored::Submitted,
        RegistrationStatus::Registered => Stored::Registered,
        RegistrationStatus::Rejected => Stored::Rejected,
        RegistrationStatus::Cancelled => Stored::Cancelled,
    };
    let said = stored::Registration { status, reference, at: Some(at.unwrap_or(now)) };
    let noted = api.registry.note_registration(id, &said, &operator.by(None, now)).await?;
    Ok(axum::Json(shown(noted.map_err(|why| Refusal::from(why).about("binding", id))?)))
}

/// Move bindings together, all or none
///
/// A switch is one that stands by and one that becomes active. A draft is adopted where an estate
/// is taken over that sells with it already, and with a reason; else it is staged, registered and
/// made active.
#[utoipa::path(
    post,
    path = "/v1/bindings/moves",
    tag = "positions",
    security(("operator" = [])),
    responses((status = 200, body = Page<Binding>), (status = "default", body = Problem)),
)]
async fn move_on(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Json(BindingMoves { moves, reason }): Json<BindingMoves>,
) -> Result<axum::Json<Page<Binding>>, Refusal> {
    if !(1..=MOVES_MAX).contains(&moves.len()) {
        let detail = format!("there are {} moves: make 1 to {MOVES_MAX}", moves.len());
        return Err(Refusal::new(Code::Invalid, detail));
    }
    let adopts = moves.iter().any(|it| it.step == BindingStep::Adopt);
    if adopts && reason.as_deref().is_none_or(|why| why.trim().is_empty()) {
        let detail = "there is no reason for what is adopted: say why it is in force already";
        return Err(Refusal::new(Code::Invalid, detail));
    }
    let moves: Vec<_> =
        moves.iter().map(|BindingMove { binding, step }| (*binding, event(*step))).collect();
    let by = operator.by(reason.as_deref(), now());
    let moved = api.registry.move_bindings(&moves, api.bindings, &by).await??;
    Ok(axum::Json(Page { items: moved.into_iter().map(shown).collect(), next: None }))
}

/// Take over bindings that are in force; with any mistake nothing is done
#[utoipa::path(
    post,
    path = "/v1/bindings/import",
    tag = "positions",
    security(("operator" = [])),
    responses((status = 200, body = ImportReport), (status = "default", body = Problem)),
)]
async fn import(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Json(BindingImport { rows, dry_run, reason }): Json<BindingImport>,
) -> Result<axum::Json<ImportReport>, Refusal> {
    let row = |it: super::model::ImportRow| Row {
        line: it.line,
        serial: it.serial,
        store: it.store,
        lane: it.lane,
        provider: it.provider,
        tuple: read(it.tuple),
        registration: it.registration,
    };
    let rows: Vec<_> = rows.into_iter().map(row).collect();
    let by = operator.by(reason.as_deref(), now());
    let report = match api.registry.import_bindings(&rows, api.bindings, dry_run, &by).await? {
        Ok(done) => ImportReport {
            is_done: !dry_run,
            filled: done.filled,
            bound: done.bound,
            known: done.known,
            mistakes: vec![],
            remarks: done.unknown_providers.iter().map(|key| not_known(key)).collect(),
        },
        Err(mistakes) => {
            let told =
                mistakes.into_iter().map(|it| ImportMistake { line: it.line, what: it.what });
            ImportReport { mistakes: told.collect(), ..ImportReport::default() }
        }
    };
    Ok(axum::Json(report))
}

fn event(step: BindingStep) -> BindingEvent {
    match step {
        BindingStep::Adopt => BindingEvent::Adopt,
        BindingStep::Stage => BindingEvent::Stage,
        BindingStep::Register => BindingEvent::Register,
        BindingStep::Activate => BindingEvent::Activate,
        BindingStep::StandBy => BindingEvent::StandBy,
        BindingStep::Retire => BindingEvent::Retire,
        BindingStep::Finish => BindingEvent::Finish,
        BindingStep::Fail => BindingEvent::Fail,
    }
}

/// The provider, where it is in the registry.
async fn known(api: &Api, key: &str) -> Result<Option<Provider>, Refusal> {
    let found = api.registry.record(Kind::Provider, key, None).await?;
    Ok(found.and_then(|it| it.known.provider()).map(|it| it.document))
}

/// The tuple, unless something is wrong with it; then everything that is.
fn checked(tuple: BindingTuple, provider: Option<&Provider>) -> Result<Tuple, Refusal> {
    let tuple = read(tuple);
    let wrong = tuple::mistakes(&tuple, provider);
    if wrong.is_empty() {
        return Ok(tuple);
    }
    let wrong: Vec<_> = wrong.iter().map(ToString::to_string).collect();
    Err(Refusal::new(Code::Invalid, wrong.join("; ")))
}

fn read(it: BindingTuple) -> Tuple {
    Tuple {
        mid: it.mid,
        tid: it.tid,
        name: it.name,
        mcc: it.mcc,
        currency: it.currency,
        hosts: it.hosts,
        acquirer_code: it.acquirer_code,
        uscc: it.uscc,
        settlement_account: it.settlement_account,
        install_address: it.install_address,
    }
}

fn not_known(provider: &str) -> String {
    format!("provider `{provider}` is not in the registry: its MIDs were not checked")
}

fn just_set(it: stored::Binding, provider: Option<&Provider>) -> Binding {
    let remarks = provider.is_none().then(|| not_known(&it.provider)).into_iter().collect();
    Binding { remarks, ..shown(it) }
}

fn shown(it: stored::Binding) -> Binding {
    Binding {
        remarks: vec![],
        id: it.id,
        position: it.position,
        provider: it.provider,
        state: it.state.as_str().to_owned(),
        state_at: it.state_at,
        state_by: it.state_by,
        state_reason: said(it.state_why),
        version: version(it.version),
    }
}

fn version(it: stored::Version) -> BindingVersion {
    use stored::RegistrationStatus as Stored;
    let stored::Registration { status, reference, at } = it.registration;
    let status = match status {
        Stored::NotSubmitted => RegistrationStatus::NotSubmitted,
        Stored::Submitted => RegistrationStatus::Submitted,
        Stored::Registered => RegistrationStatus::Registered,
        Stored::Rejected => RegistrationStatus::Rejected,
        Stored::Cancelled => RegistrationStatus::Cancelled,
    };
    let tuple = it.tuple;
    BindingVersion {
        number: it.number,
        tuple: BindingTuple {
            mid: tuple.mid,
            tid: tuple.tid,
            name: tuple.name,
            mcc: tuple.mcc,
            currency: tuple.currency,
            hosts: tuple.hosts,
            acquirer_code: tuple.acquirer_code,
            uscc: tuple.uscc,
            settlement_account: tuple.settlement_account,
            install_address: tuple.install_address,
        },
        registration: Registration { status, reference, at },
        set_at: it.set_at,
        set_by: it.set_by,
        set_reason: said(it.set_why),
    }
}

/// What somebody said, if they said something.
pub(super) fn said(why: String) -> Option<String> {
    Some(why).filter(|why| !why.is_empty())
}
