//! HTTPS for operators and terminals: the only way to ask anything of the controller.
//!
//! An operation reads its request, says who asked (`extract`), asks the registry or another part,
//! and shows the answer in the words of [`model`]. Everything that goes wrong is a problem
//! document (`problem`). Decisions are elsewhere; here is only what an operator or a terminal may
//! ask for.

mod alarms;
mod approvals;
mod artifacts;
mod audit;
mod backups;
mod bindings;
mod calendars;
mod campaigns;
mod claims;
mod deactivations;
mod downloads;
mod enrol;
mod evidence;
mod extract;
mod keys;
mod listener;
pub mod model;
mod notices;
mod positions;
mod preflight;
mod problem;
mod providers;
mod ranges;
mod rebinds;
mod releases;
mod replacements;
mod reports;
mod requests;
mod rosters;
mod status;
mod stops;
mod stores;
mod terminals;
mod texts;
mod units;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use shared::digest::Digest;
use shared::id::{FleetId, TerminalId};
use shared::limits;
use tracing::{Instrument as _, debug, info, info_span};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;

use crate::audit::Log;
use crate::background::{Tasks, now};
use crate::backup::intake::Intake;
use crate::backup::retention::Policy;
use crate::blob::{Blobs, Places};
use crate::broker::Brokers;
use crate::campaign::Campaigns;
use crate::config::{Enrolment, HttpsUrl};
use crate::position::binding::BindingPolicy;
use crate::provider::contract::LegalReview;
use crate::registry::Registry;
use crate::terminal::enrolment::Registrar;
use listener::Shown;
use problem::{Code, Refusal};

pub use downloads::Downloads;
pub use listener::{ListenError, Listener};

/// A request that is not an artifact: a signed document is the largest.
const BODY_BYTES_MAX: usize = limits::MESSAGE_BYTES_MAX;

/// How long an operation may take, transfers of artifacts and backups apart. The longest is to
/// create a campaign over the whole fleet.
const OPERATION_MAX: Duration = Duration::from_secs(60);

/// What operations work with.
pub struct Api {
    pub fleet: FleetId,
    pub registry: Arc<dyn Registry>,
    pub registrar: Registrar,
    pub campaigns: Campaigns,
    pub log: Log,
    pub blobs: Blobs,
    pub downloads: Downloads,
    pub places: Places,
    pub intake: Intake,
    pub retention: Policy,
    pub bindings: BindingPolicy,
    /// From what on somebody who knows the law must have read a provider's contract.
    pub legal_review: LegalReview,
    pub brokers: Brokers,
    /// Where terminals and operators connect, with the real port.
    pub url: HttpsUrl,
    pub server_ca_pem: String,
    /// SHA-256 of the certificate in DER form.
    pub server_ca: Digest,
    pub artifact_bytes_max: u64,
    pub enrolment: Enrolment,
    pub vitals: Box<dyn Vitals>,
}

/// How the parts do that are not the registry.
pub trait Vitals: Send + Sync {
    /// `embedded` or `external`.
    fn broker_kind(&self) -> &'static str;

    /// Whether the controller is connected to every broker.
    fn broker_connected(&self) -> bool;

    /// Reports that are safe here and not applied yet.
    fn reports_waiting(&self) -> u64;

    /// A snapshot is to be made safe.
    fn saved(&self);

    /// Somebody set a schedule: its first campaign is to be made.
    fn schedules_changed(&self);

    /// Somebody decided about a campaign: there may be something to do.
    fn campaign_moved(&self);

    /// A terminal has a new key, or none that counts: whoever is connected with the old one must
    /// go.
    fn disconnect(&self, terminal: TerminalId) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

impl std::fmt::Debug for Api {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Api").field("fleet", &self.fleet).finish_non_exhaustive()
    }
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Tillward controller",
        description = "Operators authenticate by a bearer token, terminals by the certificate of \
                       their enrolment. Errors are problem documents (RFC 9457) with a hint.",
    ),
    components(schemas(model::Problem)),
    modifiers(&Schemes)
)]
struct Description;

struct Schemes;

impl utoipa::Modify for Schemes {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
        let components = description.components.get_or_insert_default();
        let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("operator", token);
        let certificate = SecurityScheme::MutualTls {
            description: Some("The certificate of a terminal's enrolment.".to_owned()),
            extensions: None,
            deprecated: None,
        };
        components.add_security_scheme("terminal", certificate);
    }
}

fn operations() -> OpenApiRouter<Arc<Api>> {
    let brief = OpenApiRouter::with_openapi(Description::openapi())
        .merge(status::routes())
        .merge(claims::routes())
        .merge(terminals::routes())
        .merge(releases::routes())
        .merge(campaigns::routes())
        .merge(preflight::routes())
        .merge(reports::routes())
        .merge(approvals::routes())
        .merge(rosters::routes())
        .merge(stores::routes())
        .merge(keys::routes())
        .merge(positions::routes())
        .merge(bindings::routes())
        .merge(calendars::routes())
        .merge(requests::routes())
        .merge(deactivations::routes())
        .merge(stops::routes())
        .merge(units::routes())
        .merge(replacements::routes())
        .merge(alarms::routes())
        .merge(audit::routes())
        .merge(enrol::routes())
        .merge(providers::routes())
        .merge(backups::brief_routes())
        .merge(evidence::routes())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(rebinds::routes())
        .layer(from_fn(in_time));
    brief.merge(artifacts::routes()).merge(backups::routes())
}

/// The description of the API, as it is committed beside this crate.
pub fn description() -> utoipa::openapi::OpenApi {
    operations().into_openapi()
}

/// Serves the API until the tasks are asked to end.
pub fn serve(listener: Listener, api: Arc<Api>, tls: rustls::ServerConfig, tasks: &Tasks) {
    let fleet = api.fleet;
    tasks.spawn("downloads", api.downloads.clone().run(tasks.stop()));
    let (router, _description) = operations().split_for_parts();
    let router = router
        .fallback(|request: Request| async move { Refusal::no("resource", request.uri().path()) })
        .method_not_allowed_fallback(|request: Request| async move {
            let detail = format!("{} does not know {}", request.uri().path(), request.method());
            Refusal::new(Code::MethodNotAllowed, detail)
        })
        .layer(from_fn(logged))
        .with_state(api);
    listener.serve(router, fleet, tls, tasks);
}

/// Logs an operation by its path's pattern: ids in paths are no secrets, but headers and bodies
/// are nobody's business here.
async fn logged(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let path = path.unwrap_or_else(|| "unknown".to_owned());
    let peer = match request.extensions().get::<Shown>() {
        Some(Shown(Some(certificate))) => certificate.peer.to_string(),
        Some(Shown(None)) | None => "-".to_owned(),
    };
    let span = info_span!("request", %method, path, peer);
    async {
        let changes = !request.method().is_safe();
        let response = next.run(request).await;
        let (status, took_ms) = (response.status(), begun.elapsed().as_millis());
        // Whoever only looks may look every second.
        if changes || !status.is_success() {
            info!(status = status.as_u16(), took_ms, "answered");
        } else {
            debug!(status = status.as_u16(), took_ms, "answered");
        }
        response
    }
    .instrument(span)
    .await
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(OPERATION_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("not done within {OPERATION_MAX:?}");
            Refusal::new(Code::Timeout, detail).into_response()
        }
    }
}

#[cfg(test)]
mod tests;
