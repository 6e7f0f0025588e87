//! What belongs to terminals that stop: who was told, what is to be done, what is owed, and how a
//! decommissioning is closed.

use std::sync::Arc;

use axum::extract::State;
use shared::document::sanitisation::Person;
use shared::id::RequestId;
use shared::time::UnixTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Operator, Path};
use super::model::{
    LedgerEntry, Letter, NewLedgerEntry, NewStopAnnouncement, NewStopClosing, NewStopItem, Notice,
    Problem, Stop, StopAnnouncement, StopClosing, StopItem, StopItemAssigned, StopItemDone,
    StopItemTick, StopParticulars, StopParty, StopPerson, StopPoint, StopUnit,
};
use super::problem::{Code, Refusal};
use super::texts::check_texts;
use super::{Api, notices, now};
use crate::deactivation::checklist::{Item, ItemRefused, NewItem};
use crate::deactivation::closing::{CloseOut, Closing, NotClosed};
use crate::deactivation::ledger::{Entry, EntryRefused, NewEntry, balances};
use crate::deactivation::notice::{Knows, NotAnnounced, Party, Standing};
use crate::deactivation::particulars::{NotTaken, Particulars};
use crate::deactivation::stops::{Case, StopError, Stops};
use crate::registry::notice::Noted;
use crate::registry::stop::{Assigned, Entered, Tick};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(announce))
        .routes(routes!(notice))
        .routes(routes!(letters))
        .routes(routes!(add_item))
        .routes(routes!(assign))
        .routes(routes!(tick))
        .routes(routes!(enter))
        .routes(routes!(put_particulars))
        .routes(routes!(close))
}

fn stops(api: &Api) -> Stops {
    Stops::new(Arc::clone(&api.registry), api.campaigns.clone())
}

/// All that belongs to a request that stops terminals
#[utoipa::path(
    get,
    path = "/v1/requests/{id}/stop",
    tag = "stops",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Stop), (status = "default", body = Problem)),
)]
async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<RequestId>,
) -> Result<axum::Json<Stop>, Refusal> {
    found(&api, id).await.map(axum::Json)
}

/// Announce when terminals are to stop
///
/// Parties are told of this moment; what people are to do gets its times. Announcing another one
/// makes what parties were told before count for nothing.
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/stop/announcement",
    tag = "stops",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Stop), (status = "default", body = Problem)),
)]
async fn announce(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<RequestId>,
    Json(NewStopAnnouncement { cut_off, resume_expected }): Json<NewStopAnnouncement>,
) -> Result<axum::Json<Stop>, Refusal> {
    stops(&api).announce(id, cut_off, resume_expected, &operator.by(None, now())).await?;
    found(&api, id).await.map(axum::Json)
}

/// Write down that a party was told, or what came of it
#[utoipa::path(
    put,
    path = "/v1/requests/{id}/stop/notices",
    tag = "stops",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Stop), (status = "default", body = Problem)),
)]
async fn notice(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<RequestId>,
    Json(told): Json<Notice>,
) -> Result<axum::Json<Stop>, Refusal> {
    let told = notices::kept(&told, &Party::ALL.map(Party::as_str))?;
    stops(&api).tell(id, &told, &operator.by(None, now())).await?;
    found(&api, id).await.map(axum::Json)
}

/// Make the letter of every party and the handover list, and keep them as evidence
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/stop/letters",
    tag = "stops",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Vec<Letter>), (status = "default", body = Problem)),
)]
async fn letters(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<RequestId>,
) -> Result<axum::Json<Vec<Letter>>, Refusal> {
    let papers = stops(&api).letters(id, &operator.by(None, now())).await?;
    Ok(axum::Json(papers.into_iter().map(notices::letter).collect()))
}

/// Add to what people are to do
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/stop/checklist",
    tag = "stops",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Stop), (status = "default", body = Problem)),
)]
async fn add_item(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<RequestId>,
    Json(NewStopItem { item, what, owner, due_at }): Json<NewStopItem>,
) -> Result<axum::Json<Stop>, Refusal> {
    check_texts([&what, &owner])?;
    let new = NewItem { item, what, owner, due_at };
    let by = operator.by(None, now());
    api.registry.add_stop_item(id, &new, &by).await?.map_err(StopError::from)?;
    found(&api, id).await.map(axum::Json)
}

/// Say who sees to an item, and until when
#[utoipa::path(
    patch,
    path = "/v1/requests/{id}/stop/checklist/{item}",
    tag = "stops",
    params(("id" = String, Path), ("item" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Stop), (status = "default", body = Problem)),
)]
async fn assign(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path((id, item)): Path<(RequestId, String)>,
    Json(StopItemAssigned { owner, due_at }): Json<StopItemAssigned>,
) -> Result<axum::Json<Stop>, Refusal> {
    check_texts(&owner)?;
    let to = Assigned { owner, due_at };
    let by = operator.by(None, now());
    api.registry.assign_stop_item(id, &item, &to, &by).await?.map_err(StopError::from)?;
    found(&api, id).await.map(axum::Json)
}

/// Tick off an item, by the name of who has done it
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/stop/checklist/{item}/done",
    tag = "stops",
    params(("id" = String, Path), ("item" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Stop), (status = "default", body = Problem)),
)]
async fn tick(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path((id, item)): Path<(RequestId, String)>,
    Json(StopItemTick { by: done_by, note }): Json<StopItemTick>,
) -> Result<axum::Json<Stop>, Refusal> {
    check_texts([&done_by, &note])?;
    let done = Tick { by: done_by, note };
    let by = operator.by(None, now());
    api.registry.tick_stop_item(id, &item, &done, &by).await?.map_err(StopError::from)?;
    found(&api, id).await.map(axum::Json)
}

/// Enter into the ledger of a decommissioning
///
/// Entries are only ever added: one that was wrong is taken back by another.
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/stop/ledger",
    tag = "stops",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Stop), (status = "default", body = Problem)),
)]
async fn enter(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<RequestId>,
    Json(new): Json<NewLedgerEntry>,
) -> Result<axum::Json<Stop>, Refusal> {
    let entered = match new {
        NewLedgerEntry::New(it) => {
            check_texts(it.serial.iter().chain([&it.note]))?;
            Entered::New(NewEntry {
                kind: it.kind,
                amount_minor: it.amount_minor,
                currency: it.currency,
                serial: it.serial,
                damage: it.damage,
                reference: it.reference,
                note: it.note,
            })
        }
        NewLedgerEntry::Reversal(it) => {
            check_texts([&it.note])?;
            Entered::Reversal { of: it.of, reference: it.reference, note: it.note }
        }
    };
    let by = operator.by(None, now());
    api.registry.enter(id, &entered, &by).await?.map_err(StopError::from)?;
    found(&api, id).await.map(axum::Json)
}

/// Say what certificates of sanitisation say beside terminals
///
/// It takes the place of what was said before. Certificates that are written stay as they are.
#[utoipa::path(
    put,
    path = "/v1/requests/{id}/stop/particulars",
    tag = "stops",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Stop), (status = "default", body = Problem)),
)]
async fn put_particulars(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<RequestId>,
    Json(said): Json<StopParticulars>,
) -> Result<axum::Json<Stop>, Refusal> {
    let by = operator.by(None, now());
    let said = particulars(said);
    api.registry.put_particulars(id, &said, &by).await?.map_err(StopError::from)?;
    found(&api, id).await.map(axum::Json)
}

/// Close a decommissioning: its units are back or gone, certified, and nobody owes anything
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/stop/close",
    tag = "stops",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Stop), (status = "default", body = Problem)),
)]
async fn close(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<RequestId>,
    Json(said): Json<NewStopClosing>,
) -> Result<axum::Json<Stop>, Refusal> {
    let NewStopClosing { note, presumed_lost, no_certificate, accept_balance, staying } = said;
    let names = [&presumed_lost, &no_certificate, &accept_balance, &staying];
    check_texts(names.into_iter().flatten())?;
    let said = CloseOut { note, presumed_lost, no_certificate, accept_balance, staying };
    let by = operator.by(None, now());
    api.registry.close_case(id, &said, &by).await?.map_err(StopError::from)?;
    found(&api, id).await.map(axum::Json)
}

pub(super) async fn found(api: &Api, id: RequestId) -> Result<Stop, Refusal> {
    let now = now();
    Ok(shown(stops(api).case(id, now).await?, now))
}

fn shown(case: Case, now: UnixTime) -> Stop {
    let parties = case.standings.iter().map(|it| party(it, &case.notices)).collect();
    let late = case.items.iter().filter(|it| it.is_late(now)).count() as u64;
    let point = |it: &crate::deactivation::closing::Point| StopPoint {
        detail: it.detail(),
        hint: it.hint().to_owned(),
    };
    Stop {
        request: case.request.id,
        kind: case.request.kind.as_str().to_owned(),
        reason: case.request.asked.reason,
        requester: case.request.asked.requester,
        is_exempt: case.is_exempt,
        announcement: case.announcement.map(|it| StopAnnouncement {
            number: it.number,
            cut_off: it.cut_off,
            resume_expected: it.resume_expected,
            at: it.at,
            by: it.by,
        }),
        parties,
        checklist: case.items.into_iter().map(|it| item(it, now)).collect(),
        late,
        balances: balances(&case.ledger),
        ledger: case.ledger.into_iter().map(entry).collect(),
        particulars: case.particulars.map(particulars_shown),
        open: case.open.iter().map(point).collect(),
        closing: case.closing.map(closing),
    }
}

fn particulars(said: StopParticulars) -> Particulars {
    let person = |it: StopPerson| {
        let StopPerson { name, title, location, contact } = it;
        Person { name, title, location, contact }
    };
    Particulars {
        media_type: said.media_type,
        confidentiality_before: said.confidentiality_before,
        confidentiality_after: said.confidentiality_after,
        destination: said.destination,
        responsible: said.responsible.map(person),
        validator: said.validator.map(person),
    }
}

fn particulars_shown(said: Particulars) -> StopParticulars {
    let person = |it: Person| {
        let Person { name, title, location, contact } = it;
        StopPerson { name, title, location, contact }
    };
    StopParticulars {
        media_type: said.media_type,
        confidentiality_before: said.confidentiality_before,
        confidentiality_after: said.confidentiality_after,
        destination: said.destination,
        responsible: said.responsible.map(person),
        validator: said.validator.map(person),
    }
}

pub(super) fn party(it: &Standing, notices: &[Noted]) -> StopParty {
    let noted = notices.iter().find(|noted| noted.notice.party == it.party.as_str());
    StopParty {
        party: it.party.as_str().to_owned(),
        is_required: it.is_required,
        by: it.by,
        knows: knows(it.knows).to_owned(),
        notice: noted.map(|noted| notices::told(noted.notice.clone())),
        recorded_by: noted.map(|noted| noted.by.clone()),
    }
}

fn knows(it: Knows) -> &'static str {
    match it {
        Knows::Acknowledged => "acknowledged",
        Knows::ToldInTime => "told-in-time",
        Knows::ToldLate => "told-late",
        Knows::OtherMoment => "other-moment",
        Knows::NotTold => "not-told",
    }
}

fn item(it: Item, now: UnixTime) -> StopItem {
    StopItem {
        is_late: it.is_late(now),
        item: it.item,
        what: it.what,
        owner: it.owner,
        due_at: it.due_at,
        done: it.done.map(|done| StopItemDone {
            at: done.at,
            by: done.by,
            noted_by: done.noted_by,
            note: done.note,
        }),
    }
}

fn entry(it: Entry) -> LedgerEntry {
    let Entry { number, what, reverses, at, by } = it;
    let NewEntry { kind, amount_minor, currency, serial, damage, reference, note } = what;
    LedgerEntry {
        number,
        kind,
        amount_minor,
        currency,
        serial,
        damage,
        reference,
        note,
        reverses,
        at,
        by,
    }
}

fn closing(it: Closing) -> StopClosing {
    let unit = |unit: crate::deactivation::closing::UnitFacts| StopUnit {
        serial: unit.serial,
        state: unit.state,
        certificate: unit.certificate,
    };
    StopClosing {
        note: it.note,
        at: it.at,
        by: it.by,
        units: it.found.units.into_iter().map(unit).collect(),
        balances: it.found.balances,
        presumed_lost: it.found.presumed_lost,
        no_certificate: it.found.no_certificate,
        accepted_by: it.found.accepted_by,
        staying: it.found.staying,
    }
}

impl From<StopError> for Refusal {
    fn from(error: StopError) -> Self {
        let (detail, hint) = (error.to_string(), error.hint());
        let code = match error {
            StopError::NoRequest(_) => Code::NotFound,
            StopError::Nobody
            | StopError::NotAnnounced(
                NotAnnounced::Passed(_) | NotAnnounced::ResumesBefore { .. },
            ) => Code::Invalid,
            StopError::NotAnnounced(NotAnnounced::OtherKind(_)) | StopError::NoMoment => {
                Code::WrongState
            }
            StopError::NotAnnounced(NotAnnounced::Request(refused)) => return refused.into(),
            StopError::Item(refused) => of_item(&refused),
            StopError::Entry(refused) => of_entry(&refused),
            StopError::NotTaken(refused) => of_particulars(&refused),
            StopError::NotClosed(refused) => of_closing(&refused),
            StopError::Campaign(error) => return error.into(),
            StopError::Registry(error) => return error.into(),
        };
        Self { hint, ..Self::new(code, detail) }
    }
}

fn of_item(refused: &ItemRefused) -> Code {
    match refused {
        ItemRefused::Unknown(_) => Code::NotFound,
        ItemRefused::Exists(_) => Code::Exists,
        ItemRefused::NotAName | ItemRefused::Unsaid(_) | ItemRefused::TooMany => Code::Invalid,
        ItemRefused::Done { .. } | ItemRefused::Over(_) => Code::WrongState,
    }
}

fn of_entry(refused: &EntryRefused) -> Code {
    match refused {
        EntryRefused::NoEntry(_) | EntryRefused::UnknownUnit(_) => Code::NotFound,
        EntryRefused::Amount(_)
        | EntryRefused::Currency(_)
        | EntryRefused::DamageUnsaid
        | EntryRefused::NoReference
        | EntryRefused::Full => Code::Invalid,
        EntryRefused::Reversed(_) | EntryRefused::OtherKind(_) | EntryRefused::Over(_) => {
            Code::WrongState
        }
    }
}

fn of_particulars(refused: &NotTaken) -> Code {
    match refused {
        NotTaken::Unfit(_) => Code::Invalid,
        NotTaken::SamePerson => Code::SamePerson,
        NotTaken::OtherKind(_) | NotTaken::Over(_) => Code::WrongState,
    }
}

fn of_closing(refused: &NotClosed) -> Code {
    match refused {
        NotClosed::NoNote => Code::Invalid,
        NotClosed::SamePerson { .. } => Code::SamePerson,
        NotClosed::OtherKind(_) | NotClosed::Request(_) | NotClosed::Open(_) => Code::WrongState,
    }
}
