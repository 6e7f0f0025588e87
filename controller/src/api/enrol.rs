//! What terminals ask before and after they have a certificate.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use shared::digest::Nonce;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{self, Json};
use super::model::{Base64, BeginEnrolment, Enrol, Enrolled, EnrolmentNonce, Own, Problem};
use super::problem::{Code, Refusal};
use super::terminals::lifecycle;
use super::{Api, now};
use crate::terminal::enrolment::Application;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(authority))
        .routes(routes!(begin))
        .routes(routes!(enrol))
        .routes(routes!(own))
}

/// The certificate of the server authority, PEM
///
/// No secret, and not to be believed as it comes: a terminal compares its digest with its claim.
#[utoipa::path(
    get,
    path = "/v1/authority",
    tag = "enrolment",
    responses((status = 200, body = String, content_type = "application/x-pem-file")),
)]
async fn authority(State(api): State<Arc<Api>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/x-pem-file")], api.server_ca_pem.clone())
}

/// Begin to enrol
#[utoipa::path(
    post,
    path = "/v1/enrol/begin",
    tag = "enrolment",
    responses((status = 200, body = EnrolmentNonce), (status = "default", body = Problem)),
)]
async fn begin(
    State(api): State<Arc<Api>>,
    Json(asked): Json<BeginEnrolment>,
) -> Result<axum::Json<EnrolmentNonce>, Refusal> {
    let nonce = api.registrar.begin(&asked.serial, now()).await?;
    Ok(axum::Json(EnrolmentNonce { nonce: Base64(nonce.0.to_vec()) }))
}

/// Prove the claim and get a certificate
///
/// Asking again with the same key is answered again while the claim lives. Another key finds the
/// claim used. After five wrong proofs the claim is locked.
#[utoipa::path(
    post,
    path = "/v1/enrol",
    tag = "enrolment",
    responses((status = 200, body = Enrolled), (status = "default", body = Problem)),
)]
async fn enrol(
    State(api): State<Arc<Api>>,
    Json(asked): Json<Enrol>,
) -> Result<axum::Json<Enrolled>, Refusal> {
    let nonce = asked.nonce.0.as_slice().try_into().map(Nonce);
    let nonce = nonce.map_err(|_| Refusal::new(Code::Invalid, "a nonce has 16 bytes"))?;
    let application =
        Application { serial: asked.serial, nonce, request: asked.csr.0, proof: asked.proof.0 };
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("the operating system gives randomness");
    // A certificate's serial number is positive, and as long whatever its first bits are.
    random[0] = random[0] & 0x7f | 0x40;
    let admitted = api.registrar.enrol(&application, now(), random).await?;
    api.vitals.disconnect(admitted.terminal).await;
    Ok(axum::Json(Enrolled {
        terminal: admitted.terminal,
        fleet: api.fleet,
        epoch: admitted.epoch,
        certificate: admitted.chain_pem,
        server_ca: api.server_ca_pem.clone(),
        rosters: admitted.rosters.into_iter().map(|it| Base64(it.0.into_vec())).collect(),
        broker: api.brokers.address_for(admitted.terminal).to_string(),
        zone: admitted.zone,
        suspended_by: admitted.suspended_by,
    }))
}

/// What the controller knows about the terminal that asks
#[utoipa::path(
    get,
    path = "/v1/self",
    tag = "enrolment",
    security(("terminal" = [])),
    responses((status = 200, body = Own), (status = "default", body = Problem)),
)]
async fn own(
    extract::Recognised(terminal): extract::Recognised,
    State(api): State<Arc<Api>>,
) -> axum::Json<Own> {
    axum::Json(Own {
        terminal: terminal.id,
        state: lifecycle(terminal.unit),
        broker: api.brokers.address_for(terminal.id).to_string(),
    })
}
