//! Requests for changes: who wishes for one, who made sure that they did, and who decided.

mod suspicions;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use shared::id::RequestId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bindings::said;
use super::extract::{Json, Operator, Part, Path, Query, listed};
use super::model::{
    Attachment, Decision, NewRequest, Page, Problem, Request, RequestChannel, RequestKind, Review,
    Verification, VerificationMethod, Verify,
};
use super::positions::check_line;
use super::problem::{Code, Refusal};
use super::{Api, now};
use crate::registry::request::NewRequest as Made;
use crate::request::{self as stored, RequestEvent, RequestRefused};
pub(super) use suspicions::shown as suspicion;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(show))
        .routes(routes!(verify))
        .routes(routes!(accept))
        .routes(routes!(reject))
        .routes(routes!(cancel))
        .routes(routes!(unschedule))
        .routes(routes!(close))
        .merge(suspicions::routes())
}

/// Requests, newest first
#[utoipa::path(
    get,
    path = "/v1/requests",
    tag = "requests",
    params(Part),
    security(("operator" = [])),
    responses((status = 200, body = Page<Request>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Page<Request>>, Refusal> {
    let page = part.page::<RequestId>()?;
    let requests = api.registry.requests(&page).await?;
    Ok(listed(requests, page.limit, |it| it.id.to_string(), shown))
}

/// Write down that somebody wishes for a change
#[utoipa::path(
    post,
    path = "/v1/requests",
    tag = "requests",
    security(("operator" = [])),
    responses((status = 201, body = Request), (status = "default", body = Problem)),
)]
async fn make(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Json(asked): Json<NewRequest>,
) -> Result<(StatusCode, axum::Json<Request>), Refusal> {
    let kind = match asked.kind {
        RequestKind::Rebind => stored::RequestKind::Rebind,
        RequestKind::Suspend => stored::RequestKind::Suspend,
        RequestKind::Resume => stored::RequestKind::Resume,
        RequestKind::Decommission => stored::RequestKind::Decommission,
        RequestKind::Replace => stored::RequestKind::Replace,
    };
    let asked = read(asked);
    let wrong = stored::mistakes(kind, &asked);
    if !wrong.is_empty() {
        return Err(Refusal::new(Code::Invalid, wrong.join("; ")));
    }
    let new = Made { id: RequestId::generate(), kind, asked };
    let made = api.registry.add_request(&new, &operator.by(None, now())).await?;
    Ok((StatusCode::CREATED, axum::Json(shown(made))))
}

/// One request
#[utoipa::path(
    get,
    path = "/v1/requests/{id}",
    tag = "requests",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Request), (status = "default", body = Problem)),
)]
async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<RequestId>,
) -> Result<axum::Json<Request>, Refusal> {
    let found = api.registry.request(id).await?;
    Ok(axum::Json(shown(found.ok_or_else(|| Refusal::no("request", id))?)))
}

/// Say how you made sure that the requester wished for it
///
/// Somebody else than who made the request or wrote it down.
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/verify",
    tag = "requests",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Request), (status = "default", body = Problem)),
)]
async fn verify(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<RequestId>,
    Json(Verify { method, contact, reason }): Json<Verify>,
) -> Result<axum::Json<Request>, Refusal> {
    let method = match method {
        VerificationMethod::CallBack => stored::Method::CallBack,
        VerificationMethod::SignedApiCall => stored::Method::SignedApiCall,
        VerificationMethod::ConsoleLogin => stored::Method::ConsoleLogin,
    };
    check_line("contact", &contact)?;
    let by = operator.by(reason.as_deref(), now());
    decided(id, api.registry.verify_request(id, method, &contact, &by).await?)
}

/// Accept a verified request; it can be scheduled from then on
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/accept",
    tag = "requests",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Request), (status = "default", body = Problem)),
)]
async fn accept(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<RequestId>,
    Json(why): Json<Decision>,
) -> Result<axum::Json<Request>, Refusal> {
    decide(&api, &operator, id, RequestEvent::Accept, &why).await
}

/// Reject a request for good
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/reject",
    tag = "requests",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Request), (status = "default", body = Problem)),
)]
async fn reject(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<RequestId>,
    Json(why): Json<Decision>,
) -> Result<axum::Json<Request>, Refusal> {
    decide(&api, &operator, id, RequestEvent::Reject, &why).await
}

/// Cancel a request; a campaign that carries it out must be over
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/cancel",
    tag = "requests",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Request), (status = "default", body = Problem)),
)]
async fn cancel(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<RequestId>,
    Json(why): Json<Decision>,
) -> Result<axum::Json<Request>, Refusal> {
    decide(&api, &operator, id, RequestEvent::Cancel, &why).await
}

/// Take a scheduled request off the schedule, so that another campaign can carry it out
///
/// The campaign that was to carry it out must be over.
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/unschedule",
    tag = "requests",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Request), (status = "default", body = Problem)),
)]
async fn unschedule(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<RequestId>,
    Json(why): Json<Decision>,
) -> Result<axum::Json<Request>, Refusal> {
    decide(&api, &operator, id, RequestEvent::Unschedule, &why).await
}

/// Close a scheduled request: what was asked for is done
///
/// The campaign that carried it out must be over.
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/close",
    tag = "requests",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Request), (status = "default", body = Problem)),
)]
async fn close(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<RequestId>,
    Json(why): Json<Decision>,
) -> Result<axum::Json<Request>, Refusal> {
    decide(&api, &operator, id, RequestEvent::Close, &why).await
}

/// What takes no more than a reason.
async fn decide(
    api: &Api,
    operator: &Operator,
    id: RequestId,
    event: RequestEvent,
    why: &Decision,
) -> Result<axum::Json<Request>, Refusal> {
    let by = operator.by(why.reason.as_deref(), now());
    let outcome = match event {
        RequestEvent::Accept => api.registry.review_request(id, true, &by).await?,
        RequestEvent::Reject => api.registry.review_request(id, false, &by).await?,
        // It refuses those that have a way of their own.
        RequestEvent::Cancel
        | RequestEvent::Unschedule
        | RequestEvent::Close
        | RequestEvent::Verify
        | RequestEvent::Schedule
        | RequestEvent::Freeze
        | RequestEvent::Unfreeze => api.registry.end_request(id, event, &by).await?,
    };
    decided(id, outcome)
}

fn decided(
    id: RequestId,
    outcome: Result<stored::Request, RequestRefused>,
) -> Result<axum::Json<Request>, Refusal> {
    let request = outcome.map_err(|why| Refusal::from(why).about("request", id))?;
    Ok(axum::Json(shown(request)))
}

fn read(it: NewRequest) -> stored::Asked {
    let channel = match it.channel {
        RequestChannel::Telephone => stored::Channel::Telephone,
        RequestChannel::Email => stored::Channel::Email,
        RequestChannel::Letter => stored::Channel::Letter,
        RequestChannel::Visit => stored::Channel::Visit,
        RequestChannel::Console => stored::Channel::Console,
        RequestChannel::Api => stored::Channel::Api,
    };
    let attachment = |it: Attachment| stored::Attachment {
        name: it.name,
        sha256: it.sha256,
        expires_at: it.expires_at,
        reviewer: it.reviewer,
    };
    stored::Asked {
        requester: it.requester,
        channel,
        reason: it.reason,
        note: it.note,
        from: it.from,
        to: it.to,
        selector: it.selector,
        fallback: it.fallback,
        clause: it.clause,
        waiver: it.waiver,
        attachments: it.attachments.into_iter().map(attachment).collect(),
    }
}

fn asked(kind: stored::RequestKind, it: stored::Asked) -> NewRequest {
    let channel = match it.channel {
        stored::Channel::Telephone => RequestChannel::Telephone,
        stored::Channel::Email => RequestChannel::Email,
        stored::Channel::Letter => RequestChannel::Letter,
        stored::Channel::Visit => RequestChannel::Visit,
        stored::Channel::Console => RequestChannel::Console,
        stored::Channel::Api => RequestChannel::Api,
    };
    let attachment = |it: stored::Attachment| Attachment {
        name: it.name,
        sha256: it.sha256,
        expires_at: it.expires_at,
        reviewer: it.reviewer,
    };
    NewRequest {
        kind: match kind {
            stored::RequestKind::Rebind => RequestKind::Rebind,
            stored::RequestKind::Suspend => RequestKind::Suspend,
            stored::RequestKind::Resume => RequestKind::Resume,
            stored::RequestKind::Decommission => RequestKind::Decommission,
            stored::RequestKind::Replace => RequestKind::Replace,
        },
        requester: it.requester,
        channel,
        reason: it.reason,
        note: it.note,
        from: it.from,
        to: it.to,
        selector: it.selector,
        fallback: it.fallback,
        clause: it.clause,
        waiver: it.waiver,
        attachments: it.attachments.into_iter().map(attachment).collect(),
    }
}

fn shown(it: stored::Request) -> Request {
    let verification = |it: stored::Verification| Verification {
        method: match it.method {
            stored::Method::CallBack => VerificationMethod::CallBack,
            stored::Method::SignedApiCall => VerificationMethod::SignedApiCall,
            stored::Method::ConsoleLogin => VerificationMethod::ConsoleLogin,
        },
        contact: it.contact,
        by: it.by,
        at: it.at,
    };
    let review = |it: stored::Review| Review {
        is_accepted: it.is_accepted,
        by: it.by,
        at: it.at,
        reason: said(it.why),
    };
    Request {
        id: it.id,
        asked: asked(it.kind, it.asked),
        state: it.state.as_str().to_owned(),
        state_at: it.state_at,
        state_by: it.state_by,
        state_reason: said(it.state_why),
        frozen_from: it.frozen_from.map(|state| state.as_str().to_owned()),
        verification: it.verification.map(verification),
        review: it.review.map(review),
        campaign: it.campaign,
        created_at: it.created_at,
        created_by: it.created_by,
    }
}
